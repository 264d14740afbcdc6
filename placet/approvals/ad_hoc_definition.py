"""What a call asks (`placet.approvals.ad_hoc`) as the definition of a process: its facts are fields of a form, whoever
is asked stands in one of its fields too, so that a caller who asks this one and then that one needs no other version.

All that a caller writes is text: none of it is the name of a step or of a process, which the reader of replies takes
for ours, and its outcomes are checked like those of any process. Nothing is cut: what is too long is refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from placet.accounts.general import organisation_zone
from placet.approvals.deadlines import EXPIRED, LAST_YEAR, Amount, is_amount
from placet.approvals.field_types import LONGEST_EXACT_TEXT, MOST_PEOPLE
from placet.approvals.form import SHORTEST_TITLE, letters
from placet.approvals.outcomes import (
    APPROVE,
    REJECT,
    REVISED,
    TASK_DONE,
    Label,
    LanguageCode,
    Outcome,
    text_for_ever,
)
from placet.approvals.proofs import is_weaker
from placet.approvals.steps import ARRIVED, SENT, WITHDRAWN, Proof
from placet.lib import clock
from placet.lib.plain_text import plain_text
from placet.lib.pointers import pointer_into

MOST_FACTS = 50
MOST_OUTCOMES = 10
MOST_LANGUAGES = 10  # in which an outcome has words
LONGEST_TITLE = 200
LONGEST_LABEL = 100
LONGEST_VALUE = 2_000
LONGEST_TEXT = 5_000
LONGEST_TOGETHER = 20_000  # of all facts: a mail shows them
MOST_EXACT_LINES = 1_000
STEP = "approval"
FILES = "files"  # the field that takes some
_FACT = "fact_"  # fields of facts are this and their number
#: What a request comes to, where its outcome is not the caller's own: as in all samples, and as programs look for it.
RESULTS = {APPROVE: "approved", REJECT: "rejected"}
#: Keys that mean something of their own.
_TAKEN = {TASK_DONE, REVISED, EXPIRED, WITHDRAWN, SENT, ARRIVED, *RESULTS.values()}
Errors = dict[str, str]  # by JSON pointer into what was called


@dataclass(frozen=True)
class Call:
    """What is asked, as it was called.

    to, group   addresses of people, or the key of a group: one of them
    rule        "any": the first answer decides; "all": everybody has to give the same; a number: so many of them
    outcomes    keys, or what `OwnOutcome` takes
    due         an amount such as "2 working days", a day (ISO 8601), or a moment with its offset
    exactly     what exactly is to be done, sign by sign: a command, its parameters, a change
    """

    title: str
    to: Sequence[str] = ()
    group: str = ""
    facts: Sequence[tuple[str, str]] = ()  # label and value; one without a value is not shown
    text: str = ""
    exactly: str = ""
    rule: Literal["any", "all"] | int = "any"
    outcomes: Sequence[str | Mapping[str, Any]] = (APPROVE, REJECT)
    due: str = ""
    proof: Proof | None = None  # None: as strong as has to be


class OwnOutcome(BaseModel):
    """An outcome of a call: what processes may say of theirs, but for what hangs on a form or sends a request back."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    key: str = Field(
        description="What the answer is called in what comes back: small letters, digits, - and _."
    )
    label: Label | None = Field(None, description="What people read, in one language or by language.")
    words: dict[LanguageCode, list[str]] = Field(
        {}, max_length=MOST_LANGUAGES, description="What else a reply may say for it, by language."
    )
    grants: bool | None = Field(None, description="Whether it gives what is asked for.")
    tone: Literal["good", "bad", "neutral"] | None = None
    comment: Literal["optional", "required"] = "optional"


@dataclass
class Made:
    """A definition, what is entered into its form, and where in the call each field and each outcome stands."""

    definition: Mapping[str, Any]
    entered: Mapping[str, Any]
    places: Mapping[str, str]  # JSON pointer by name of a field
    outcomes: Sequence[str]  # their keys, in the order of the call


# --- what is wrong with a call by itself ------------------------------------------------------------------


def problems_of_call(call: Call, floor: Proof) -> Errors:
    """By JSON pointer. `floor`: the weakest proof that may be asked for."""
    problems = dict(
        [
            *_title_problems(call.title),
            *_facts_problems(call.facts),
            *_text_problems("/text", call.text, LONGEST_TEXT),
            *_exact_problems(call.exactly),
            *_people_problems(call),
            *_outcomes_problems(call.outcomes),
            *_due_problems(call.due),
        ]
    )
    if isinstance(call.rule, int) and not 1 <= call.rule <= MOST_PEOPLE:
        problems["/rule"] = _("Say any, all, or how many of them: 1 to {number}.").format(number=MOST_PEOPLE)
    if call.proof is not None and is_weaker(call.proof, floor):
        problems["/proof"] = _(
            "“{proof}” is weaker than “{floor}”, the weakest proof that can be asked for here."
        ).format(proof=call.proof, floor=floor)
    return problems


Problems = Iterator[tuple[str, str]]


def _title_problems(title: str) -> Problems:
    yield from _text_problems("/title", title, LONGEST_TITLE, lines=False)
    if len(letters(title)) < SHORTEST_TITLE:
        yield (
            "/title",
            _("At least {number} letters or digits, please: this is what the request is called.").format(
                number=SHORTEST_TITLE
            ),
        )


def _facts_problems(facts: Sequence[tuple[str, str]]) -> Problems:
    if len(facts) > MOST_FACTS:
        yield "/facts", _("At most {number} facts, please.").format(number=MOST_FACTS)
        return
    if sum(len(label) + len(value) for label, value in facts) > LONGEST_TOGETHER:
        yield (
            "/facts",
            _("At most {number} characters in all facts together, please.").format(number=LONGEST_TOGETHER),
        )
        return
    first: dict[str, int] = {}
    for number, (label, value) in enumerate(facts):
        place = f"/facts/{number}"
        yield from _text_problems(f"{place}/label", label, LONGEST_LABEL, lines=False)
        yield from _text_problems(f"{place}/value", value, LONGEST_VALUE)
        if not (name := letters(label)):
            yield f"{place}/label", _("A label needs a letter or a digit.")
        elif first.setdefault(name, number) != number:
            yield f"{place}/label", _("Two facts are called “{label}”.").format(label=label)


def _text_problems(place: str, text: str, longest: int, *, lines: bool = True) -> Problems:
    if len(text) > longest:
        yield place, _("At most {number} characters, please.").format(number=longest)
    elif not lines and len(text.splitlines()) > 1:
        yield place, _("One line only, please.")
    elif plain_text(text) != text.replace("\r\n", "\n"):
        yield place, _("This text holds a sign that nobody would see.")


def _exact_problems(text: str) -> Problems:
    """What its type refuses by itself (`field_types.ExactText`) is said when the form is read."""
    if len(text) > LONGEST_EXACT_TEXT or text.count("\n") >= MOST_EXACT_LINES:
        sentence = _(
            "At most {number} characters and {lines} lines, please: it is shown whole, or not at all."
        )
        yield "/exactly", sentence.format(number=LONGEST_EXACT_TEXT, lines=MOST_EXACT_LINES)


def _people_problems(call: Call) -> Problems:
    if bool(call.to) == bool(call.group):
        yield "/to", _("Say who is asked: addresses, or a group.")
    if len(call.to) > MOST_PEOPLE:
        yield "/to", _("At most {number} people, please.").format(number=MOST_PEOPLE)


def _outcomes_problems(outcomes: Sequence[str | Mapping[str, Any]]) -> Problems:
    if not 1 <= len(outcomes) <= MOST_OUTCOMES:
        yield "/outcomes", _("Say 1 to {number} outcomes.").format(number=MOST_OUTCOMES)
        return
    read: list[Outcome] = []
    for number, written in enumerate(outcomes):
        place = f"/outcomes/{number}"
        try:
            read.append(Outcome.model_validate(_written(written)))
        except ValidationError as error:
            first = error.errors()[0]
            yield place + _way_in(written, first), first["msg"].removeprefix("Value error, ")
            continue
        if read[-1].key in _TAKEN:
            yield place, _("“{key}” means something of its own; choose another key.").format(key=read[-1].key)
    if len(read) == len(outcomes) and all(one.is_granted for one in read):
        yield "/outcomes", _("All of them grant what is asked for: say one that does not.")


def _way_in(written: Any, error: Mapping[str, Any]) -> str:
    return pointer_into(written, error["loc"], is_missing=error["type"] == "missing")


def _due_problems(due: str) -> Problems:
    if not due:
        return
    now = clock.now()
    try:
        at = _due_of(due)
    except ValueError as error:
        yield "/due", str(error)
        return
    if isinstance(at, Amount):
        return
    is_past = at <= now if isinstance(at, datetime) else at < now.astimezone(organisation_zone()).date()
    if is_past:
        yield "/due", _("This is over already.")
    elif at.year > LAST_YEAR:
        yield "/due", _("This is too far away.")


def _due_of(due: str) -> Amount | date:
    """An amount of time, a day, or a moment; ValueError with a sentence."""
    if is_amount(due):
        return Amount(due)
    said = _("Say an amount such as “2 working days”, a day such as 2026-12-31, or a moment with its offset.")
    try:
        if len(due) == len("2026-12-31"):
            return date.fromisoformat(due)
        at = datetime.fromisoformat(due)
    except ValueError:
        raise ValueError(said) from None
    if at.tzinfo is None:
        raise ValueError(said)
    return at


# --- its definition ---------------------------------------------------------------------------------------


@dataclass
class _Form:
    """The fields of a form, what is entered, and where in the call each stands."""

    fields: list[dict[str, Any]] = field(default_factory=list)
    entered: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, label: str, kind: str, value: Any, place: str) -> None:
        self.fields.append({"name": name, "label": label, "type": kind})
        self.entered[name], self.places[name] = value, place


def definition_of_call(call: Call, key: str, floor: Proof, *, has_files: bool = False) -> Made:
    """Of a call in which nothing is wrong by itself. `key`: of its process; `has_files`: files come with it. Its texts
    are in the language that is active: like those of any process they are the same for everybody."""
    form = _form_of(call, has_files)
    outcomes = [_written(one) for one in call.outcomes]
    named = [Outcome.model_validate(one) for one in outcomes]
    step: dict[str, Any] = {"kind": "approval", "name": _("Approval"), "outcomes": outcomes, **_who(call)}
    step |= _rule_of(call.rule, named)
    if hidden := [name for name in ("asked", "due") if name in form.entered]:
        step["form"] = {"hide": hidden}
    if call.due:
        step["due"] = call.due if is_amount(call.due) else {"field": "due"}
    definition = {
        "key": key,
        "name": _("Approval"),
        "title": _("Approval"),
        "form": form.fields,
        "start": STEP,
        "proof": call.proof or floor,
        "steps": {STEP: step, **{_end_of(one): _end(one) for one in named}},
        "transitions": [{"from": STEP, "outcome": one.key, "to": _end_of(one)} for one in named],
    }
    return Made(definition, form.entered, form.places, [one.key for one in named])


def is_fact(field: str) -> bool:
    """Whether a field of such a form, by its name, is one of the facts."""
    return field.startswith(_FACT)


def _form_of(call: Call, has_files: bool) -> _Form:
    form = _Form()
    if call.text:
        form.add("text", _("Message"), "long_text", call.text, "/text")
    for number, (label, value) in enumerate(call.facts):
        place = f"/facts/{number}/value"
        form.add(f"{_FACT}{number + 1}", " ".join(label.split()), "long_text", value, place)
    if call.exactly:
        form.add("exactly", _("Exactly this"), "exact_text", call.exactly, "/exactly")
    if has_files:
        form.fields.append({"name": FILES, "label": _("Files"), "type": "files"})
        form.places[FILES] = "/files"
    if call.to:
        form.add("asked", _("Who is asked"), "people", list(call.to), "/to")
    if call.due and not is_amount(call.due):
        kind = "date_time" if isinstance(_due_of(call.due), datetime) else "date"
        form.add("due", _("Answer by"), kind, call.due, "/due")
    return form


def _who(call: Call) -> dict[str, Any]:
    return {"ask": [{"group": call.group} if call.group else {"field": "asked"}]}


def _written(outcome: str | Mapping[str, Any]) -> Any:
    """As a definition writes it."""
    if isinstance(outcome, str):
        return outcome
    return OwnOutcome.model_validate(outcome).model_dump(mode="json", exclude_unset=True)


def _rule_of(rule: str | int, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What the rule says of approving holds of every outcome that grants; any other answer stands against it."""
    if rule == "any":
        return {"rule": "first"}
    if {one.key for one in outcomes} == {APPROVE, REJECT}:
        return {"rule": rule}
    granting = [one.key for one in outcomes if one.is_granted]
    against = [one.key for one in outcomes if not one.is_granted]
    lines = [*({key: rule} for key in granting), *({key: "any"} for key in against)]
    return {"rule": lines, "otherwise": against[0]}


def _end_of(outcome: Outcome) -> str:
    return f"end-{outcome.key}"


def _end(outcome: Outcome) -> dict[str, Any]:
    return {"kind": "end", "name": _name_of_end(outcome), "result": RESULTS.get(outcome.key, outcome.key)}


def _name_of_end(outcome: Outcome) -> str:
    if outcome.label is not None:
        return outcome.label if isinstance(outcome.label, str) else text_for_ever(outcome.label)
    return _("Approved") if outcome.key == APPROVE else _("Rejected")
