"""The decision applied, by calling `approvals.engine` and nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from placet.accounts.reader import as_read_by
from placet.approvals import engine, engine_errors
from placet.approvals.definitions import definition_of
from placet.approvals.delegate_words import who_decided
from placet.approvals.form import entered_on_page_only, facts, facts_as_read, filled_fields
from placet.approvals.form_numbers import minor_digits
from placet.approvals.form_parts import FormField, Input
from placet.approvals.form_tables import column_of, totals_of
from placet.approvals.form_types import type_of
from placet.approvals.messages import decided_elsewhere, outcome_of
from placet.approvals.models import AskLine, Decision, PendingAnswer
from placet.approvals.outcomes import LABELS, Outcome
from placet.approvals.questions import Question, asked_in
from placet.approvals.questions import as_read as as_answered
from placet.approvals.record import Logged
from placet.approvals.steps import ApprovalStep
from placet.mail.models import IncomingMail
from placet.replies import refusals
from placet.replies.pick import Picked, without_codes
from placet.replies.prove import Proof
from placet.replies.read_completion import Earlier
from placet.replies.read_confirmation import Guess, confirming_words
from placet.replies.read_facts import About, Field
from placet.replies.read_own import confirming
from placet.replies.read_questions import Questions, questions_of
from placet.replies.read_result import Answer
from placet.replies.read_vocabulary import Vocabulary


def proof_needed(line: AskLine) -> str:
    visit = line.assignment.visit
    return definition_of(visit.request.version).proof_for(visit.step_key)


def step_of(line: AskLine) -> ApprovalStep:
    """What can be answered, and what each answer needs."""
    visit = line.assignment.visit
    return definition_of(visit.request.version).approval(visit.step_key)


def left_to_the_page(line: AskLine) -> tuple[Sequence[Outcome], Sequence[FormField]]:
    """The outcomes that no reply can have as the form stands, and the fields that they need."""
    visit, step = line.assignment.visit, step_of(line)
    definition = definition_of(visit.request.version)
    fields = entered_on_page_only(definition, visit.step_key, visit.request.data)
    return [one for one in step.outcomes if fields and step.needs_form_with(one)], fields


def earlier(line: AskLine, read: int | None = None) -> Earlier | None:
    """The answer that this ask is for the rest of, as long as it waits for that. `read`: a mail that was read already,
    with which it may have lapsed."""
    pending = line.completes
    if pending is None or pending.lacks != PendingAnswer.Lacks.COMMENT or _is_over(pending, read):
        return None
    outcome = step_of(line).outcome(pending.outcome)
    label = "" if outcome.key in LABELS else _as_a_sentence(outcome.reply_words)
    return Earlier(outcome.key, pending.comment, outcome.is_granted, label)


def guess(line: AskLine, known: Vocabulary, read: int | None = None) -> Guess | None:
    """What an earlier answer was understood as, where this ask is whether that is right. `read`: as of `earlier`."""
    pending = line.completes
    if pending is None or pending.lacks != PendingAnswer.Lacks.CONFIRMATION:
        return None
    confirms = confirming(step_of(line), pending.outcome, confirming_words(known, pending.language))
    over = _is_over(pending, read)
    return Guess(pending.outcome, pending.comment, confirms, pending.language, lapsed=over)


def _is_over(pending: PendingAnswer, read: int | None) -> bool:
    return pending.lapsed_by_id not in (None, read)


def guessed_otherwise(line: AskLine, answer: Answer) -> bool:
    """Whether another mail asks this person if something else was meant than this answer to the ask itself."""
    pending = PendingAnswer.objects.filter(
        assignment=line.assignment_id,
        person=line.ask.person,
        lapsed_by=None,
        lacks=PendingAnswer.Lacks.CONFIRMATION,
    )
    return pending.exclude(outcome=answer.outcome).exists()


def _as_a_sentence(words: Sequence[str]) -> str:
    """One of an outcome's words that asks nothing and ends nowhere before its end."""
    return next((word for word in words if not any(sign in word for sign in ".?!:;\n")), words[0])


def asked(line: AskLine) -> Sequence[Question]:
    visit = line.assignment.visit
    return asked_in(definition_of(visit.request.version), visit.step_key, visit.request.data)


def questions_asked(line: AskLine) -> Questions | None:
    visit = line.assignment.visit
    return questions_of(definition_of(visit.request.version), visit.step_key, visit.request.data)


def about(line: AskLine) -> About:
    """The request as its ask shows it, for the reader of an answer."""
    request = line.assignment.visit.request
    definition = definition_of(request.version)
    hidden = definition.hidden_in(line.assignment.visit.step_key)
    with as_read_by(line.ask.person):
        as_read = facts_as_read(definition, request.data, hidden)
    shown = facts(definition, request.data, hidden)
    fields: list[Field] = []
    amounts: list[Field] = []
    for field, one, other in zip(
        filled_fields(definition, request.data, hidden), shown, as_read, strict=True
    ):
        value = request.data[field.name]
        if field.type == "table":
            fields += _totals(field, value)
            amounts += _amounts(field, value)
        elif field.type != "files":
            fields.append(_field(field, field.label, value, {one.text, other.text}))
    step = definition.approval(line.assignment.visit.step_key)
    others = (text for one in (*shown, *as_read) if one.table or one.files for text in (one.label, one.text))
    return About(
        tuple(fields),
        (request.requester.name, line.ask.person.name),
        tuple(amounts),
        (request.title, str(request.number), *others),
        (definition.name, step.name),
    )


def _field(field: Input, label: str, value: Any, shown: set[str]) -> Field:
    texts = tuple(sorted(shown))
    if field.type == "money":
        amount = Decimal(value["minor"]).scaleb(-minor_digits(value["currency"]))
        return Field(label, texts, number=amount, currency=value["currency"])
    if field.type in ("number", "percent"):
        return Field(label, texts, number=Decimal(str(value)))
    if field.type == "date":
        return Field(label, texts, day=date.fromisoformat(value))
    return Field(label, texts)


def _totals(field: FormField, rows: Sequence[Mapping[str, Any]]) -> Iterator[Field]:
    came_to = totals_of(field, rows)
    for total in field.totals or ():
        column, value = column_of(field, total), came_to[total.name]
        if value is not None:
            yield _field(column, total.label, value, {type_of(column).text(value, column)})


def _amounts(field: FormField, rows: Sequence[Mapping[str, Any]]) -> Iterator[Field]:
    """The amounts in the cells of a table, each once: a reply may name any of them."""
    seen = set()
    for column in field.columns or ():
        for value in (
            row[column.name] for row in rows if column.type == "money" and row[column.name] is not None
        ):
            if (value["minor"], value["currency"]) not in seen:
                seen.add((value["minor"], value["currency"]))
                yield _field(
                    column, f"{field.label}, {column.label}", value, {type_of(column).text(value, column)}
                )


def settle(picked: Picked, answer: Answer, proof: Proof, incoming: IncomingMail, logged: Logged) -> Decision:
    """Decide, or raise the refusal that says why this came too late. Belongs into the mail's transaction. `logged`:
    what the mail log will say of it."""
    line = picked.line
    if answer.completes and line.completes:
        answer = replace(answer, answers={**line.completes.answers, **answer.answers})
    try:
        return engine.decide(
            line.assignment_id,
            by=line.ask.person,
            outcome=answer.outcome,
            comment=without_codes(answer.comment, picked.code),
            channel=Decision.Channel.MAIL,
            incoming=incoming,
            proof=proof.as_json(),
            ask=line.ask,
            logged=logged,
            completes=line.completes if answer.completes else None,
            answers={name: without_codes(value, picked.code) for name, value in answer.answers.items()},
            shown=line.facts_hash,
        )
    except engine_errors.Changed as error:
        raise refusals.Changed from error
    except engine_errors.AlreadyDecided as error:
        raise already_decided(error, line) from error
    except engine_errors.FieldsInvalid as error:
        raise _fields_refused(error, line, answer) from error
    except engine_errors.AnswersInvalid as error:
        raise _answers_refused(error, line, answer) from error
    except engine_errors.CommentNeeded as error:
        raise refusals.CommentNeeded(_as_read(error.outcome, line), answer.language) from error
    except engine_errors.Lapsed as error:
        raise refusals.Unclear(answer.comment, error.message, answer.language) from error
    except engine_errors.Barred as error:
        raise refusals.MayNotDecide(error.message) from error
    except (engine_errors.NoLongerOpen, engine_errors.NotAllowed) as error:
        raise refusals.NoLongerOpen(error.message) from error


def already_decided(error: engine_errors.AlreadyDecided, line: AskLine) -> refusals.AlreadyDecided:
    """In the words of whoever was asked."""
    first = error.decisions[-1]
    counted = outcome_of(first)
    label = "" if counted.is_built_in else _as_read(counted, line)
    step = decided_elsewhere(first, line.assignment)
    with as_read_by(line.ask.person):
        who = who_decided(first)
    until = error.until.isoformat() if error.until is not None else ""
    return refusals.AlreadyDecided(who, first.outcome, first.at.isoformat(), label, step, until)


def _fields_refused(
    error: engine_errors.FieldsInvalid, line: AskLine, answer: Answer
) -> refusals.AnswersNotTaken:
    """The same of what has to be filled in: some of it may stand on the page only."""
    step, visit = step_of(line), line.assignment.visit
    by_name = {one.field.name: one.title for one in asked(line)}
    definition = definition_of(visit.request.version)
    wrong = {name.partition(".")[0] for name in error.errors}
    on_page = (definition.filled_in(visit.step_key) - by_name.keys()) & wrong
    files = {one.name for one in definition.files_filled_in(visit.step_key)}
    with as_read_by(line.ask.person):
        return refusals.AnswersNotTaken(
            _as_read(step.outcome(answer.outcome), line),
            [
                _of_question(by_name.get(name, error.label_of(name)), said)
                for name, said in error.errors.items()
            ],
            [],
            {name: value for name, value in answer.answers.items() if name not in error.errors},
            answer.language,
            on_page=bool(on_page),
            files=bool(on_page & files),
        )


def _answers_refused(
    error: engine_errors.AnswersInvalid, line: AskLine, answer: Answer
) -> refusals.AnswersNotTaken:
    """In the words of whoever was asked: what is wrong, what was understood of the others, and how to write it all."""
    visit = line.assignment.visit
    definition = definition_of(visit.request.version)
    with as_read_by(line.ask.person):
        titles = {one.field.name: one.title for one in asked(line)}
        # A field that came and went between the mail and its answer is named as the form names it.
        labels = {one.name: one.label for one in definition.fields if one.name not in titles}
        wrong = [
            (title, error.errors[name]) for name, title in (titles | labels).items() if name in error.errors
        ]
        understood = as_answered(definition, visit.step_key, error.kept, visit.request.data)
        return refusals.AnswersNotTaken(
            _as_read(error.outcome, line),
            [_of_question(title, said) for title, said in wrong],
            [_of_question(one.title, one.text) for one in understood],
            {name: value for name, value in answer.answers.items() if name in error.kept},
            answer.language,
        )


def _of_question(title: str, text: str) -> str:
    """Between quotation marks: a line that begins with the number of a question, with a colon behind it, would be an
    answer, were it taken for the sender's own."""
    return _("“{question}”: {text}").format(question=title, text=text)


def _as_read(outcome: Outcome, line: AskLine) -> str:
    """What whoever was asked reads."""
    with as_read_by(line.ask.person):
        return outcome.shown
