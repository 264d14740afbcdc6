"""The questions of a step as a page asks them, and what was typed there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from placet.approvals.definitions import Definition
from placet.approvals.form_logic import Standing
from placet.approvals.form_options import Lists
from placet.approvals.mail_parts import one_of
from placet.approvals.models import Assignment
from placet.approvals.questions import Question, asked_in
from placet.portal.form_rows import Offered, Row, entered_of

PREFIX = "q-"


@dataclass(frozen=True, kw_only=True)
class QuestionRow(Row):
    """One question. What only some outcomes need is not marked as required: a browser would hold the others up, too."""

    question: Question

    @property
    def key(self) -> str:
        return self.name

    @property
    def shape(self) -> str:
        if self.field.type == "yes_no":
            return "radios"
        suggested = ("person", "people", "search")
        return "line" if self.field.type in suggested or super().shape in suggested else super().shape

    @property
    def offered(self) -> list[Offered]:
        if self.field.type != "yes_no":
            return super().offered
        words = {"yes": _("yes"), "no": _("no")}
        return [Offered(f"id_{self.name}_{key}", key, word, key == self.value) for key, word in words.items()]

    @property
    def needed(self) -> str:
        """With which answers it has to be answered, beside its label."""
        if self.question.always:
            return ""
        if not self.question.needed_with:
            return _("– optional")
        words = [_("“{word}”").format(word=outcome.shown) for outcome in self.question.needed_with]
        return _("– needed with {answers}").format(answers=one_of(words))

    @property
    def hint(self) -> str:
        if self.shape == "radios" or self.field.help is not None or self.field.type in ("choice", "text"):
            return ""
        takes = self.question.takes
        return f"{takes[:1].upper()}{takes[1:]}."


def question_rows(
    definition: Definition, asked: Assignment, posted: QueryDict, errors: Mapping[str, str]
) -> list[QuestionRow]:
    """`posted`: what was typed, where a page was sent. `errors`: by the name of the question."""
    lists = Lists()
    return [
        QuestionRow(
            name=_name(asked, question),
            field=lists.offering(question.field),
            value=_typed(asked, question, posted),
            kept=None,
            error=errors.get(question.field.name, ""),
            required=question.always,
            fixed=False,
            standing=Standing(required=question.always),
            depends=False,
            question=question,
        )
        for question in asked_in(definition, asked.visit.step_key)
        if not question.of_form  # `placet.portal.filling`
    ]


def answers_in(definition: Definition, asked: Assignment, posted: QueryDict) -> dict[str, Any]:
    """What was typed, by the names of the questions; whether it fits is for the engine to say."""
    return {
        question.field.name: _typed(asked, question, posted)
        for question in asked_in(definition, asked.visit.step_key)
        if not question.of_form  # `placet.portal.filling`
    }


def _typed(asked: Assignment, question: Question, posted: QueryDict) -> Any:
    """People are written into one line here."""
    name = _name(asked, question)
    return (
        posted.get(name, "") if question.field.type == "people" else entered_of(question.field, posted, name)
    )


def _name(asked: Assignment, question: Question) -> str:
    return f"{PREFIX}{asked.pk}-{question.field.name}"
