"""Definitions of processes: what a version says.

A definition is data (JSON; YAML is how it travels):

    key, name, title            title: "{item}" - filled from the form
    description                 what it is for, shown where a request is started (may be left out)
    form                        list of fields; `placet.approvals.form_parts`
    start                       key of the first step
    proof                       colleague | outside | page: how sure a reply's sender must be
    requester_may_decide        false unless said
    start_form                  {hide: names}: fields that are not entered where a request is started, but later
    answer_brackets             two signs that replies may put an answer to a question between; [] unless said
    most_rounds                 how often a request may enter one step; 20 unless said
    calendar                    key of the calendar that deadlines are reckoned with
    pause                       whether the clock stands while the requester is asked something; yes unless said
    undo                        how long an answer can be undone, whose effect waits so long; not at all unless said
    longest                     {after, result, name?}: how long a whole request takes at most, and what it is then
    steps                       {key: {kind: approval, name, ask, order?, nobody?, not_same_as?, rule, otherwise?,
                                 early?, wait_for_all?, outcomes, questions?, outcome_question?, proof?,
                                 requester_may_decide?, delegate?, form?, due?, remind?, escalate?, expire?, pause?,
                                 calendar?, undo?, mail?}}; outcomes, rules, questions, `placet.approvals.deadlines`,
                                 `grace`, `step_mails` in modules of their own;
                                 form: {hide, fill, require}: what its people are shown, what they enter
                                {key: {kind: task, ...}}: the same with the one outcome `done`
                                {key: {kind: revise, name, again?, keep_if?, form?, due?, remind?, expire?, ...}}: the
                                requester changes what was entered; `placet.approvals.returns`
                                {key: {kind: parallel, name, branches, result, otherwise, early?, labels?}}
                                {key: {kind: notice, name, to, subject?, text?, form?}}: people are told, and it goes on
                                {key: {kind: wait, name, until?, signal?, due?, calendar?}}: for a condition, a signal
                                 from outside, or a moment
                                {key: {kind: include, process}}: copied in at publishing (`placet.approvals.includes`)
                                {key: {kind: call, name, process, data}}: a request of its own, which is waited for
                                {key: {kind: end, name, result}}
    transitions                 list of {from, outcome, when?, to} or, at the end of a branch, {from, outcome, when?,
                                 ends_branch}; of those that fit, the first one is taken

A parallel step is a block of branches that run side by side. Each branch has steps of its own: those that its start
leads to, but for steps that are reached without it. Going there leaves the block, with all of its branches.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from placet.approvals.deadlines import (
    EXPIRED,
    MOST_RUNGS,
    Due,
    Expiry,
    Longest,
    Pause,
    Pauses,
    Reminders,
    ReminderText,
)
from placet.approvals.form_parts import FormField, FormPart, Input, OptionsFrom, Section
from placet.approvals.grace import Grace
from placet.approvals.models import Version
from placet.approvals.outcomes import APPROVE, REJECT, TASK_DONE, Label, Outcome
from placet.approvals.rules import GROUP, BranchLine, Line, Rule, as_rule
from placet.approvals.step_kinds import Again, of_its_kind
from placet.approvals.step_mails import StepMail, Subject, Text

KEY = re.compile(r"[a-z][a-z0-9_-]{0,59}")
Proof = Literal["colleague", "outside", "page"]
#: What a branch or a block comes to.
WORD = r"^[a-z][a-z0-9_-]{0,39}$"
PROCESS_KEY = r"^[a-z][a-z0-9_-]{0,49}$"
MOST_BRANCHES = 20
DEEPEST_PLACE = 20  # blocks that a place is known in; only a draft has more, and it is not published
SENT = "sent"  # the outcome of a notice
ARRIVED = "arrived"  # the outcome of a wait
WITHDRAWN = "withdrawn"  # the outcome of a call whose request was withdrawn
NO_DATES = "no condition waits for a day or a time; say due: 3 working days, or due: {field: NAME}"
MOST_ROUNDS = 20  # of a step, where the process does not say
MOST_QUESTIONS = 20  # of a step
BRACKETS = "[]"  # where the process does not say
#: Where a step stands: blocks and the branches of them that it is in, from the outermost.
Place = tuple[tuple[str, str], ...]

NAMES_PEOPLE = ("person", "people", "email", "text")  # types of fields that can say who is asked
HIGHEST_LEVEL = 10  # of managers above somebody

OUTCOMES = (Outcome(key=APPROVE), Outcome(key=REJECT))  # where a step says none
#: What a step came to that nobody answered in time. Nobody can answer so.
NO_ANSWER = Outcome(
    key=EXPIRED, label={"en": "No answer in time", "fr": "Sans réponse à temps"}, grants=False, tone="neutral"
)
CalendarKey = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Chain(_Part):
    """The line of managers, up to the first whose approval limit is enough."""

    until: str = Field(min_length=1)  # a condition on the form, and on `limit`
    all: bool | None = None  # everybody on the way too


def _level(value: Any) -> Any:
    if value is None or value is True or (type(value) is int and 1 <= value <= HIGHEST_LEVEL):
        return value
    raise ValueError(f"say true, or how many levels up: 1 to {HIGHEST_LEVEL}")


class Who(_Part):
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


class Nobody(_Part):
    """What becomes of a step that nobody can be asked in; exactly one of these is given."""

    skip: str | None = None  # the step's outcome, without anybody's answer
    ask: tuple[Who, ...] | None = Field(None, min_length=1)  # others

    @model_validator(mode="after")
    def _one(self) -> "Nobody":
        if (self.skip is None) == (self.ask is None):
            raise ValueError("say exactly one of skip and ask, or stuck")
        return self


class Rung(_Part):
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


def _two_signs(value: str) -> str:
    if len(value) != 2 or any(sign.isalnum() or sign.isspace() or sign in ":：-.,#" for sign in value):
        raise ValueError("say two signs that an answer stands between, such as [] or ()")
    return value


def _rule(value: Any) -> Any:
    # true is no number here: YAML reads “yes” as true
    if isinstance(value, list | tuple) or value in ("first", "all") or type(value) is int:
        return value
    raise ValueError("say first, all, or how many people must approve; or a list such as [{approve: all}]")


#: Names of fields; `*` stands for any letters of one.
Names = Annotated[tuple[Annotated[str, Field(pattern=r"^[a-z0-9_*]{1,60}$")], ...], Field(min_length=1)]


def names_fit(name: str, patterns: Sequence[str] | None) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns or ())


class StartForm(_Part):
    """What of the form is not entered where a request is started."""

    hide: Names


class StepForm(_Part):
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


class ApprovalStep(_Part):
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


class NoticeStep(_Part):
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


class WaitStep(_Part):
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


class IncludeStep(_Part):
    """Stands for the steps of another process. No published version has one."""

    kind: Literal["include"]
    process: str = Field(pattern=PROCESS_KEY)

    @property
    def name(self) -> str:
        return self.process


class CallStep(_Part):
    """Starts a request of another process, and goes on with what that comes to."""

    kind: Literal["call"]
    name: str = Field(min_length=1, max_length=100)
    process: str = Field(pattern=PROCESS_KEY)
    data: dict[str, Annotated[str, Field(min_length=1)]] = {}  # by field of its form, in CEL


class IncludedProcess(_Part):
    """Where steps came from: a note for the reader."""

    process: str
    version: int
    depth: int = 1  # 2: of a process that the included one included


class Branch(_Part):
    """One of several ways through a block, taken beside the others."""

    start: str
    name: str | None = Field(None, min_length=1, max_length=100)  # where its first step's will not do
    when: str | None = None


class ParallelStep(_Part):
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


class EndStep(_Part):
    kind: Literal["end"]
    name: str = Field(min_length=1, max_length=100)
    result: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")


class Transition(_Part):
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


class Definition(_Part):
    key: str = Field(pattern=PROCESS_KEY)
    name: str = Field(min_length=1, max_length=200)
    title: str = "{key}"
    description: str = Field("", max_length=2000)
    form: tuple[FormPart, ...] = ()
    start: str
    proof: Proof = "colleague"
    requester_may_decide: bool = False
    start_form: StartForm | None = None
    most_rounds: int | None = Field(None, ge=1, le=1000, strict=True)
    answer_brackets: Annotated[str, AfterValidator(_two_signs)] | None = None
    calendar: CalendarKey | None = None
    pause: Pauses | None = None
    undo: Grace | None = None
    longest: Longest | None = None
    steps: dict[
        str,
        Annotated[
            ApprovalStep | ParallelStep | NoticeStep | WaitStep | IncludeStep | CallStep | EndStep,
            Field(discriminator="kind"),
        ],
    ]
    transitions: tuple[Transition, ...] = ()
    included: dict[str, IncludedProcess] | None = None  # by the beginning of keys; written at publishing

    @property
    def fields(self) -> tuple[FormField, ...]:
        """What of the form holds something."""
        return tuple(part for part in self.form if isinstance(part, FormField))

    def hidden_in(self, step_key: str) -> frozenset[str]:
        """The fields that those whom a step asks or tells are not shown."""
        form = self.showing(step_key).form
        return self._named(form.hide if form else None)

    def filled_in(self, step_key: str) -> frozenset[str]:
        """The fields that a step's people enter."""
        step = self.showing(step_key)
        fill = step.form.fill if step.form else None
        entered = {one.name for one in self.fields if one.computed is None} - self.hidden_in(step_key)
        if fill is None and isinstance(step, ApprovalStep) and step.is_revise:
            return frozenset(entered - self.entered_later)
        return self._named(fill) & entered

    def files_filled_in(self, step_key: str) -> tuple[FormField, ...]:
        """Those that take files."""
        filled = self.filled_in(step_key)
        return tuple(one for one in self.fields if one.type == "files" and one.name in filled)

    def filled_by_mail(self, step_key: str) -> tuple[FormField, ...]:
        """Those that an answer by mail can say in a line, whatever else is entered."""
        filled, shown, fields = self.filled_in(step_key), True, []
        for part in self.form:
            if isinstance(part, Section):
                shown = part.show is None
            elif isinstance(part, FormField) and shown and part.name in filled and part.fits_into_a_line:
                fields.append(part)
        return tuple(fields)

    def required_in(self, step_key: str) -> frozenset[str]:
        """Those that they have to enter."""
        form = self.approval(step_key).form
        return self._named(form.require if form else None) & self.filled_in(step_key)

    @property
    def changes_data(self) -> bool:
        """Whether what was entered at the start may be another thing later."""
        return any(
            step.is_revise or (step.form is not None and step.form.fill is not None)
            for step in self.approvals
        )

    @property
    def entered_later(self) -> frozenset[str]:
        """The fields that are not entered where a request is started."""
        return self._named(self.start_form.hide if self.start_form else None)

    def _named(self, patterns: Sequence[str] | None) -> frozenset[str]:
        return frozenset(one.name for one in self.fields if names_fit(one.name, patterns))

    @property
    def approvals(self) -> list[ApprovalStep]:
        """The steps that ask people."""
        return [step for step in self.steps.values() if isinstance(step, ApprovalStep)]

    @cached_property
    def revise_keys(self) -> frozenset[str]:
        """Of the steps in which the requester revises the request."""
        steps = self.steps.items()
        return frozenset(key for key, step in steps if isinstance(step, ApprovalStep) and step.is_revise)

    @property
    def notices(self) -> list[NoticeStep]:
        """The steps that tell people."""
        return [step for step in self.steps.values() if isinstance(step, NoticeStep)]

    @property
    def inputs(self) -> list[Input]:
        """All that somebody may enter: fields, columns of tables, and questions of steps."""
        columns = [column for field in self.fields for column in field.columns or ()]
        asked = [question for step in self.approvals for question in step.questions or ()]
        return [*self.fields, *columns, *asked]

    @property
    def tables_of_options(self) -> list[OptionsFrom]:
        """The tables that fields take their options from."""
        sources = (one.source for one in self.inputs)
        return [source for source in sources if source is not None and source.table is not None]

    @property
    def lines(self) -> list[Who]:
        """All that name people."""
        asked = [who for step in self.approvals for who in step.lines]
        return [*asked, *(who for step in self.notices for who in step.to)]

    def has_deadline(self, step_key: str) -> bool:
        step = self.steps[step_key]
        return isinstance(step, ApprovalStep | WaitStep) and step.due is not None

    def pause_in(self, step_key: str) -> Pause | None:
        """None: the step's clock runs on while the requester is asked something, or there is none."""
        step = self.approval(step_key)
        pause = self.pause if step.pause is None else step.pause
        if step.due is None or pause is False:
            return None
        return pause or Pause()

    @property
    def result_names(self) -> dict[str, str]:
        """What pages and mails call what a request has come to, by result."""
        names = {step.result: step.name for step in self.steps.values() if isinstance(step, EndStep)}
        if self.longest is not None:
            names.setdefault(self.longest.result, self.longest.name or self.longest.result)
        return names

    @property
    def calendars(self) -> set[str]:
        """Keys of those that it names."""
        timed = (step for step in self.steps.values() if isinstance(step, ApprovalStep | WaitStep))
        return {key for key in (self.calendar, *(step.calendar for step in timed)) if key is not None}

    @property
    def groups(self) -> list[str]:
        """Keys of those that it names, in lines of `ask` and in its form; those of an expression are not known."""
        named = [*(who.group or who.among for who in self.lines), *(one.among for one in self.inputs)]
        return sorted({key for key in named if key is not None})

    def approval(self, step_key: str) -> ApprovalStep:
        step = self.steps[step_key]
        if not isinstance(step, ApprovalStep):
            raise TypeError(f"{step_key} is not an approval step")
        return step

    def questions_of(self, step_key: str) -> tuple[FormField, ...]:
        """What is asked in a step beside its outcome, in order."""
        return self.approval(step_key).questions or ()

    @property
    def brackets(self) -> str:
        """The two signs that a reply may put an answer between."""
        return self.answer_brackets or BRACKETS

    def kept_apart(self, step_key: str) -> frozenset[str]:
        """The steps of which nobody decides one who decided this one: those that it names in `not_same_as`, and those
        that name it. Whichever comes first, they are two pairs of eyes."""
        named = self.approval(step_key).not_same_as or ()
        naming = (
            key
            for key, step in self.steps.items()
            if isinstance(step, ApprovalStep) and step_key in (step.not_same_as or ())
        )
        return frozenset((*named, *naming))

    def notice(self, step_key: str) -> NoticeStep:
        step = self.steps[step_key]
        if not isinstance(step, NoticeStep):
            raise TypeError(f"{step_key} is not a notice")
        return step

    def wait(self, step_key: str) -> WaitStep:
        step = self.steps[step_key]
        if not isinstance(step, WaitStep):
            raise TypeError(f"{step_key} is not a wait")
        return step

    def call(self, step_key: str) -> CallStep:
        step = self.steps[step_key]
        if not isinstance(step, CallStep):
            raise TypeError(f"{step_key} calls no process")
        return step

    @property
    def signals(self) -> set[str]:
        """Keys of those that its steps wait for."""
        waits = (step for step in self.steps.values() if isinstance(step, WaitStep))
        return {step.signal for step in waits if step.signal is not None}

    def showing(self, step_key: str) -> ApprovalStep | NoticeStep:
        """A step that shows people what is asked for."""
        step = self.steps[step_key]
        return step if isinstance(step, NoticeStep) else self.approval(step_key)

    def block(self, step_key: str) -> ParallelStep:
        step = self.steps[step_key]
        if not isinstance(step, ParallelStep):
            raise TypeError(f"{step_key} is not a parallel step")
        return step

    @property
    def rounds(self) -> int:
        """How often a request may enter one step."""
        return self.most_rounds or MOST_ROUNDS

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """Of every step that is reached."""
        places: dict[str, Place] = {key: () for key, step in self.steps.items() if isinstance(step, EndStep)}
        self._put((), self.start, places)
        return places

    def _put(self, place: Place, start: str, places: dict[str, Place]) -> None:
        """Those that `start` leads to and that have no place yet; then the blocks among them, each branch in turn."""
        waiting, blocks = [start], {}
        while waiting:
            key = waiting.pop()
            if key in places or key not in self.steps:
                continue
            places[key] = place
            waiting += self.ways_from(key)
            step = self.steps[key]
            if isinstance(step, ParallelStep):
                blocks[key] = step
        places |= dict.fromkeys(self._led_back(place, places), place)
        for key, block in blocks.items() if len(place) < DEEPEST_PLACE else ():
            for name, branch in block.branches.items():
                self._put((*place, (key, name)), branch.start, places)

    def _led_back(self, place: Place, places: Mapping[str, Place]) -> Iterator[str]:
        """The steps in which the requester changes something, and that lead to this place: whichever branch leads to
        one of them is left."""
        for key, step in self.steps.items():
            if key not in places and isinstance(step, ApprovalStep) and step.is_revise:
                onward = [to for to in self.ways_from(key) if not isinstance(self.steps.get(to), EndStep)]
                if onward and all(places.get(to) == place for to in onward):
                    yield key

    def ways_from(self, step_key: str) -> Iterator[str]:
        """The steps that a step leads to."""
        return (t.to for t in self.transitions if t.from_ == step_key and t.to is not None)

    def proof_for(self, step_key: str) -> Proof:
        return self.approval(step_key).proof or self.proof

    def requester_may_decide_in(self, step_key: str) -> bool:
        """A task is no decision, so requesters may do theirs, and revise what they entered."""
        step = self.approval(step_key)
        own = step.requester_may_decide
        return (self.requester_may_decide or step.is_task) if own is None else own


def definition_of(version: Version) -> Definition:
    return Definition.model_validate(version.definition)
