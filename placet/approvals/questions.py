"""What is asked in a step beside its outcome: its questions, and the fields of the form that its people fill in, as far
as a line of a mail holds them; with the numbers that mails and replies know them by, and how people read what was
answered."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from placet.approvals.definitions import Definition
from placet.approvals.form_by_mail import conditional_fields, conditional_now
from placet.approvals.form_logic import Data
from placet.approvals.form_parts import FormField
from placet.approvals.form_types import type_of
from placet.approvals.outcomes import Outcome
from placet.approvals.steps import ApprovalStep

MOST_OPTIONS_SHOWN = 30  # of one question in a mail; the page has all


@dataclass(frozen=True)
class Question:
    """One question of a step. `needed_with`: the outcomes that count only with an answer."""

    number: int
    field: FormField
    needed_with: tuple[Outcome, ...]
    always: bool  # every outcome needs it
    of_form: bool = False  # a field of the form: what is entered there stays as it is, if nothing is said

    @property
    def mark(self) -> str:
        return f"Q{self.number}"

    @property
    def label(self) -> str:
        """Without the sign at its end, so that a colon can follow."""
        return bare_label(self.field.label)

    @property
    def title(self) -> str:
        return f"{self.mark} {self.field.label}"

    def is_needed_with(self, outcome: str) -> bool:
        """Whether nothing but an answer will do."""
        return not self.of_form and any(one.key == outcome for one in self.needed_with)

    @property
    def takes(self) -> str:
        """What an answer is, in words."""
        field = self.field
        if field.source is not None:
            return _of_table(field)
        if field.type == "choice":
            shown = [option.shown for option in (field.options or ())[:MOST_OPTIONS_SHOWN]]
            more = ["…"] if len(field.options or ()) > MOST_OPTIONS_SHOWN else []
            return _("one of: {options}").format(options=", ".join([*shown, *more]))
        match field.type:
            case "money" if field.chooses_currency:
                listed = ", ".join(field.currencies)
                said = _("an amount with its currency ({currencies}), such as 1250.00 {currency}")
                return said.format(currencies=listed, currency=field.main_currency)
            case "money":
                return _("an amount in {currency}, such as 1250.00").format(currency=field.main_currency)
            case "number":
                return _("a number")
            case "percent":
                return _("a percentage")
            case "date":
                return _("a date, such as 2026-12-31")
            case "time":
                return _("a time, such as 14:30")
            case "date_time":
                return _("a date and a time, such as 2026-12-31 14:30")
            case "yes_no":
                return _("yes or no")
            case "email":
                return _("an e-mail address")
            case "phone":
                return _("a telephone number")
            case "url":
                return _("an address on the web")
            case "iban":
                return _("an IBAN")
            case "person":
                return _("somebody’s e-mail address")
            case "people":
                return _("e-mail addresses, with commas between them")
        return _("a text of one line")


def _of_table(field: FormField) -> str:
    """Not what stands in the table, which may be thousands of rows: a mail is made without a look at them."""
    if field.type == "cost_centre":
        return _("a cost centre, by its code or its name")
    return _("one of a list, as the page shows it")


def bare_label(label: str) -> str:
    return label.rstrip(" \u00a0?？:：.")


def asked_in(definition: Definition, step_key: str, data: Data | None = None) -> tuple[Question, ...]:
    """The questions of a step, then the fields that are filled in there. Where replies may say the outcome as Q1, they
    are counted from there. `data`: of a request, whose mails ask for fields under a condition, too, while it holds
    (`placet.approvals.form_by_mail`). Each field has one number, whether another is asked for or not."""
    step = definition.approval(step_key)
    own = definition.questions_of(step_key)
    required = definition.required_in(step_key)  # once: a form may have 200 fields
    asked = [
        *((field, _needed_with(step.outcomes, field), False) for field in own),
        *(
            (field, _filled_with(step, field, required), True)
            for field in definition.filled_by_mail(step_key)
        ),
    ]
    first = 2 if step.outcome_question else 1
    always = tuple(
        Question(number, field, needed, len(needed) == len(step.outcomes), of_form)
        for number, (field, needed, of_form) in enumerate(asked, start=first)
    )
    return (
        always if data is None else (*always, *_conditional(definition, step_key, data, first + len(always)))
    )


def _conditional(definition: Definition, step_key: str, data: Data, first: int) -> Iterator[Question]:
    step, now = definition.approval(step_key), conditional_now(definition, step_key, data)
    required = definition.required_in(step_key)
    for number, one in enumerate(conditional_fields(definition, step_key), start=first):
        if one.name in now.asked:
            needed = _filled_with(step, one, required)
            yield Question(
                number, now.asked[one.name], needed, len(needed) == len(step.outcomes), of_form=True
            )


def _filled_with(step: ApprovalStep, field: FormField, required: Container[str]) -> tuple[Outcome, ...]:
    """The outcomes for which a field has to be filled in (`engine_revisions.data_after`)."""
    if not field.required and field.name not in required:
        return ()
    return tuple(outcome for outcome in step.outcomes if step.needs_form_with(outcome))


def _needed_with(outcomes: tuple[Outcome, ...], field: FormField) -> tuple[Outcome, ...]:
    if field.required:
        return outcomes
    return tuple(outcome for outcome in outcomes if field.name in (outcome.questions or ()))


@dataclass(frozen=True)
class Answered:
    """A question and its answer, as the reader reads both."""

    title: str
    text: str


def as_read(
    definition: Definition, step_key: str, answers: Mapping[str, Any], data: Data | None = None
) -> list[Answered]:
    """What was answered, in the order of the questions. `answers`: as a decision keeps them; with `data` those that
    fill in the form, too."""
    return [
        Answered(
            question.title,
            ", ".join(
                type_of(question.field).as_read(answers[question.field.name], question.field).splitlines()
            ),
        )
        for question in asked_in(definition, step_key, data)
        if answers.get(question.field.name) is not None
    ]
