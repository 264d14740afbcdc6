"""Steps of a process: what a definition says of each one, of whom it asks, and of where it leads.

The whole definition, and what is said in it, is in `placet.approvals.definitions`.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from placet.approvals.deadlines import (
    EXPIRED,
    MOST_RUNGS,
    Due,
    Expiry,
    Pauses,
    Reminders,
    ReminderText,
)
from placet.approvals.form_parts import FormField
from placet.approvals.grace import Grace
from placet.approvals.outcomes import APPROVE, REJECT, TASK_DONE, Label, Outcome
from placet.approvals.rules import GROUP, BranchLine, Line, Rule, as_rule
from placet.approvals.step_kinds import Again, of_its_kind
from placet.approvals.step_mails import StepMail, Subject, Text

KEY = re.compile(r"[a-z][a-z0-9_-]{0,59}")
Proof = Literal["colleague", "outside", "submitted", "signed", "page"]  # of `proofs.Level`
#: What a branch or a block comes to.
WORD = r"^[a-z][a-z0-9_-]{0,39}$"
PROCESS_KEY = r"^[a-z][a-z0-9_-]{0,49}$"
MOST_BRANCHES = 20
SENT = "sent"  # the outcome of a notice
ARRIVED = "arrived"  # the outcome of a wait
WITHDRAWN = "withdrawn"  # the outcome of a call whose request was withdrawn
NO_DATES = "no condition waits for a day or a time; say due: 3 working days, or due: {field: NAME}"
MOST_QUESTIONS = 20  # of a step

NAMES_PEOPLE = ("person", "people", "email", "text")  # types of fields that can say who is asked
HIGHEST_LEVEL = 10  # of managers above somebody

OUTCOMES = (Outcome(key=APPROVE), Outcome(key=REJECT))  # where a step says none
#: What a step came to that nobody answered in time. Nobody can answer so.
NO_ANSWER = Outcome(
    key=EXPIRED, label={"en": "No answer in time", "fr": "Sans réponse à temps"}, grants=False, tone="neutral"
)
CalendarKey = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$")]


class DefinitionPart(BaseModel):
    """What a definition consists of: nothing that is not known, and nothing that changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Chain(DefinitionPart):
    """The line of managers, up to the first whose approval limit is enough."""

    until: str = Field(min_length=1)  # a condition on the form, and on `limit`
    all: bool | None = None  # everybody on the way too


def _level(value: Any) -> Any:
    if value is None or value is True or (type(value) is int and 1 <= value <= HIGHEST_LEVEL):
        return value
    raise ValueError(f"say true, or how many levels up: 1 to {HIGHEST_LEVEL}")


class Who(DefinitionPart):
    """One line of `ask`: a source of people, and when it counts. Exactly one of `SOURCES` is given."""

    requester: Literal[True] | None = None
    # The requester's; a number: so many levels up.
    manager: Annotated[Literal[True] | int | None, BeforeValidator(_level)] = None
    manager_of: str | None = None  # field of the form that names somebody
    managers: Chain | None = None
    group: str | None = None  # key of a group
    person: str | None = None  # an address
    field: str | None = None  # of the form, that names somebody
    decided: str | None = None  # key of a step: whoever decided it in this request
    from_answer: str | None = None  # name of a question: whoever its newest answer names
    expression: str | None = None  # in CEL: an address, or a list of addresses and of `group:KEY`
    table: str | None = None  # key of an authority table
    with_: dict[str, Annotated[str, Field(min_length=1)]] | None = Field(
        None, alias="with"
    )  # by column, in CEL
    pick: Literal["next", "least_busy"] | None = None  # one of the group
    among: str | None = None  # key of a group that whoever the field or the answer names must be in
    if_: str | None = Field(None, alias="if")  # a condition on the form
    key: str | None = Field(None, pattern=rf"^{KEY.pattern}$")  # what the rule calls whoever this line names
    weight: int | None = Field(None, ge=1, le=1000, strict=True)  # of an answer; 1 unless said

    @model_validator(mode="after")
    def _one(self) -> "Who":
        if sum(getattr(self, source) is not None for source in SOURCES) != 1:
            raise ValueError(f"say exactly one of {', '.join(SOURCES[:-1])} and {SOURCES[-1]}")
        if self.pick is not None and self.group is None:
            raise ValueError("pick belongs to a group")
        if (self.table is None) != (self.with_ is None):
            raise ValueError(
                "table and with belong together: with names a value for each column of the table"
            )
        if self.among is not None and self.field is None and self.from_answer is None:
            raise ValueError("among belongs to a field or to from_answer")
        return self


SOURCES = (
    "requester", "manager", "manager_of", "managers", "group", "person", "field", "decided", "from_answer",
    "expression", "table",
)  # fmt: skip


class Nobody(DefinitionPart):
    """What becomes of a step that nobody can be asked in; exactly one of these is given."""

    skip: str | None = None  # the step's outcome, without anybody's answer
    ask: tuple[Who, ...] | None = Field(None, min_length=1)  # others

    @model_validator(mode="after")
    def _one(self) -> "Nobody":
        if (self.skip is None) == (self.ask is None):
            raise ValueError("say exactly one of skip and ask, or stuck")
        return self


class Rung(DefinitionPart):
    """A moment from which on others are asked; exactly one of `also` and `instead` is given."""

    when: ReminderText
    also: tuple[Who, ...] | None = Field(None, min_length=1)  # beside those who are asked
    instead: tuple[Who, ...] | None = Field(None, min_length=1)  # in their place

    @model_validator(mode="after")
    def _one(self) -> "Rung":
        if (self.also is None) == (self.instead is None):
            raise ValueError("say exactly one of also and instead")
        return self

    @property
    def lines(self) -> tuple[Who, ...]:
        return self.also or self.instead or ()

    @property
    def replaces(self) -> bool:
        return self.instead is not None


def _nobody(value: Any) -> Any:
    if value == "stuck":
        return None
    if value is None or isinstance(value, Nobody | Mapping):
        return value
    raise ValueError("say stuck, {skip: OUTCOME} or {ask: [...]}")


def _rule(value: Any) -> Any:
    # true is no number here: YAML reads “yes” as true
    if isinstance(value, list | tuple) or value in ("first", "all") or type(value) is int:
        return value
    raise ValueError("say first, all, or how many people must approve; or a list such as [{approve: all}]")


#: Names of fields; `*` stands for any letters of one.
Names = Annotated[tuple[Annotated[str, Field(pattern=r"^[a-z0-9_*]{1,60}$")], ...], Field(min_length=1)]


def names_fit(name: str, patterns: Sequence[str] | None) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns or ())


class StepForm(DefinitionPart):
    """What of the form a step's people are shown, and what of it they enter. All else they see as it is."""

    hide: Names | None = None
    fill: Names | None = None
    require: Names | None = None  # of those that they enter, for an answer that grants what is asked for

    @model_validator(mode="after")
    def _says_something(self) -> "StepForm":
        if self.hide is None and self.fill is None:
            raise ValueError(
                "say which fields the step's people do not see (hide), or which they enter (fill)"
            )
        return self


class ApprovalStep(DefinitionPart):
    """A step that asks people. A task asks them to do something, and for the one answer that it is done; so does
    `revise` of the requester, who changes what was entered."""

    kind: Literal["approval", "task", "revise"]
    name: str = Field(min_length=1, max_length=100)
    ask: tuple[Who, ...] = Field(min_length=1)
    order: Literal["one_by_one"] | None = None  # None: everybody at once
    nobody: Annotated[Nobody | None, BeforeValidator(_nobody)] = None  # None: the step is stuck
    not_same_as: tuple[str, ...] | None = Field(
        None, min_length=1
    )  # steps: nobody decides both (`kept_apart`)
    # A number: so many must approve. A list: `placet.approvals.rules`.
    rule: Annotated[Literal["first", "all"] | int | tuple[Line, ...], BeforeValidator(_rule)] = "first"
    otherwise: str | None = None
    early: bool | None = None
    wait_for_all: bool | None = None
    outcomes: tuple[Outcome, ...] = Field(OUTCOMES, min_length=1)
    questions: Annotated[tuple[FormField, ...], Field(min_length=1, max_length=MOST_QUESTIONS)] | None = None
    outcome_question: Literal[True] | None = None  # replies may say the outcome as the answer to Q1
    proof: Proof | None = None
    requester_may_decide: bool | None = None
    delegate: bool | None = None  # false: nobody answers in somebody's place
    form: StepForm | None = None
    mail: StepMail | None = None
    due: Due | None = None
    remind: Reminders | None = None
    escalate: Annotated[tuple[Rung, ...], Field(min_length=1, max_length=MOST_RUNGS)] | None = None
    expire: Expiry | None = None
    pause: Pauses | None = None
    calendar: CalendarKey | None = None
    alone: bool | None = None  # whether its mail never waits for a digest
    undo: Grace | None = None
    #: Of `revise`: who is asked again in steps that are entered after it. None: whom the change concerns.
    again: Again | None = None
    keep_if: str | None = Field(None, min_length=1)  # or: whose decision stays, over `was` and `now`

    @model_validator(mode="after")
    def _is_due(self) -> "ApprovalStep":
        if self.due is None and (self.remind or self.escalate or self.expire):
            raise ValueError(
                "remind, escalate and expire belong to a deadline; say due: 2 working days, or the like"
            )
        if self.due is None and self.pause is not None:
            raise ValueError("pause belongs to a deadline; say due: 2 working days, or the like")
        return self

    @model_validator(mode="before")
    @classmethod
    def _of_its_kind(cls, value: Any) -> Any:
        return of_its_kind(value)

    @property
    def is_task(self) -> bool:
        """Whether it asks people to do something, and not to decide."""
        return self.kind != "approval"

    @property
    def is_revise(self) -> bool:
        return self.kind == "revise"

    @property
    def keeps(self) -> bool:
        """Whether decisions that what was revised does not concern stay."""
        return self.is_revise and self.again != "everybody"

    @property
    def outcome_keys(self) -> tuple[str, ...]:
        return tuple(outcome.key for outcome in self.outcomes)

    @property
    def abstentions(self) -> tuple[Outcome, ...]:
        """The answers that the rule does not count."""
        return tuple(outcome for outcome in self.outcomes if not outcome.counts)

    @property
    def result_keys(self) -> tuple[str, ...]:
        """The outcomes that the step can come to."""
        said = (self.otherwise, self.skips_to, self.expires_to)
        keys = (outcome.key for outcome in self.outcomes if outcome.counts or outcome.key in said)
        return tuple(dict.fromkeys([*keys, *filter(None, [self.expires_to])]))

    @property
    def expires_to(self) -> str:
        """The outcome that it has where nobody decides it in time; "" where it waits on."""
        return self.expire.outcome if self.expire else ""

    def outcome(self, key: str) -> Outcome:
        """KeyError if it is none of this step."""
        for outcome in self.outcomes:
            if outcome.key == key:
                return outcome
        if key == EXPIRED == self.expires_to:
            return NO_ANSWER
        raise KeyError(key)

    def needs_form_with(self, outcome: Outcome) -> bool:
        """Whether what has to be filled in here has to be there for an outcome."""
        return self.is_task or outcome.is_granted

    @property
    def others(self) -> tuple[Who, ...]:
        """Whom it asks where nobody of `ask` can be asked."""
        return (self.nobody.ask or ()) if self.nobody else ()

    @property
    def skips_to(self) -> str:
        """The outcome that it has where nobody is there; "" where it waits for help then."""
        return (self.nobody.skip or "") if self.nobody else ""

    @property
    def lines(self) -> tuple[Who, ...]:
        """By the numbers that seats know them by (`Assignment.source`)."""
        return (*self.ask, *self.others, *(who for rung in self.rungs for who in rung.lines))

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """From 1, the numbers that their timers know them by."""
        return self.escalate or ()

    def rung(self, number: int) -> Rung:
        return self.rungs[number - 1]

    def lines_of_rung(self, number: int) -> range:
        first = self.first_line_of(number)
        return range(first, first + len(self.rung(number).lines))

    def first_line_of(self, number: int) -> int:
        """Of a rung, among `lines`."""
        before = sum(len(rung.lines) for rung in self.rungs[: number - 1])
        return len(self.ask) + len(self.others) + before

    @property
    def decided_by(self) -> Rule:
        rule, otherwise = self.rule, self.otherwise or ""
        if self.is_task and not isinstance(rule, tuple) and rule != "first":
            rule, otherwise = (Line(outcome=TASK_DONE, needs=rule),), TASK_DONE
        return as_rule(
            rule,
            self.outcome_keys,
            otherwise,
            early=bool(self.early),
            wait_for_all=bool(self.wait_for_all),
            named=self._named,
            weights={number: who.weight for number, who in enumerate(self.lines) if who.weight is not None},
            abstentions=frozenset(outcome.key for outcome in self.abstentions),
        )

    @property
    def _named(self) -> dict[str, frozenset[int | None]]:
        """What a rule calls lines by: their number, their key, or a group that they name."""
        named: dict[str, set[int | None]] = {str(number + 1): {number} for number in range(len(self.ask))}
        for number, who in enumerate(self.lines):
            for name in filter(None, (who.key, who.group and GROUP + who.group)):
                named.setdefault(name, set()).add(number)
        return {name: frozenset(numbers) for name, numbers in named.items()}


class NoticeStep(DefinitionPart):
    """Tells people, and waits for nobody."""

    kind: Literal["notice"]
    name: str = Field(min_length=1, max_length=100)
    to: tuple[Who, ...] = Field(min_length=1)
    subject: Subject | None = None
    text: Text = ""
    form: StepForm | None = None

    @property
    def mail(self) -> StepMail:
        return StepMail(subject=self.subject, text=self.text)

    @property
    def outcome_keys(self) -> tuple[str, ...]:
        return (SENT,)


def _condition(value: Any) -> Any:
    if isinstance(value, date):  # as YAML reads 2026-12-31
        raise ValueError(NO_DATES)
    return value


class WaitStep(DefinitionPart):
    """Waits until a condition holds, for a signal from outside, or for a moment; for whichever of them comes first. A
    moment that comes before what else it waits for is another outcome."""

    kind: Literal["wait"]
    name: str = Field(min_length=1, max_length=100)
    until: Annotated[str | None, BeforeValidator(_condition)] = Field(None, min_length=1)
    signal: str | None = Field(None, pattern=WORD)
    due: Due | None = None
    calendar: CalendarKey | None = None

    @model_validator(mode="after")
    def _ends(self) -> "WaitStep":
        if self.until is None and self.signal is None and self.due is None:
            raise ValueError("say what it waits for: until: CONDITION, signal: KEY, or due: 3 working days")
        return self

    @property
    def waits_for_more(self) -> bool:
        """Than a moment."""
        return self.until is not None or self.signal is not None

    @property
    def when_due(self) -> str:
        """The outcome that it has when its moment comes."""
        return EXPIRED if self.waits_for_more else ARRIVED

    @property
    def outcome_keys(self) -> tuple[str, ...]:
        return (ARRIVED, EXPIRED) if self.due is not None and self.waits_for_more else (ARRIVED,)


class IncludeStep(DefinitionPart):
    """Stands for the steps of another process. No published version has one."""

    kind: Literal["include"]
    process: str = Field(pattern=PROCESS_KEY)

    @property
    def name(self) -> str:
        return self.process


class CallStep(DefinitionPart):
    """Starts a request of another process, and goes on with what that comes to."""

    kind: Literal["call"]
    name: str = Field(min_length=1, max_length=100)
    process: str = Field(pattern=PROCESS_KEY)
    data: dict[str, Annotated[str, Field(min_length=1)]] = {}  # by field of its form, in CEL


class IncludedProcess(DefinitionPart):
    """Where steps came from: a note for the reader."""

    process: str
    version: int
    depth: int = 1  # 2: of a process that the included one included


class Branch(DefinitionPart):
    """One of several ways through a block, taken beside the others."""

    start: str
    name: str | None = Field(None, min_length=1, max_length=100)  # where its first step's will not do
    when: str | None = None


class ParallelStep(DefinitionPart):
    """A block: its branches run side by side, and its result comes of theirs."""

    kind: Literal["parallel"]
    name: str = Field(min_length=1, max_length=100)
    branches: dict[str, Branch] = Field(min_length=2, max_length=MOST_BRANCHES)
    result: tuple[BranchLine, ...] = Field(min_length=1)
    otherwise: str = Field(pattern=WORD)
    early: bool | None = None
    labels: dict[Annotated[str, Field(pattern=WORD)], Label] = {}  # what pages and mails call a result

    @property
    def outcome_keys(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*(line.outcome for line in self.result), self.otherwise]))

    @property
    def decided_by(self) -> Rule:
        return Rule(self.result, self.otherwise, bool(self.early))


class EndStep(DefinitionPart):
    kind: Literal["end"]
    name: str = Field(min_length=1, max_length=100)
    result: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")


class Transition(DefinitionPart):
    """A way on: `to` a step, or to the end of the branch, which then has this result."""

    from_: str = Field(alias="from")
    outcome: str
    when: str | None = None
    to: str | None = None
    ends_branch: str | None = Field(None, pattern=WORD)

    @model_validator(mode="after")
    def _one(self) -> "Transition":
        if (self.to is None) == (self.ends_branch is None):
            raise ValueError("say where it leads: to: STEP, or ends_branch: RESULT at the end of a branch")
        return self
