"""Definitions of processes: what a version says.

A definition is data (JSON; YAML is how it travels):

    key, name, title            title: "{item}" - filled from the form
    description                 what it is for, shown where a request is started (may be left out)
    form                        list of fields; `placet.approvals.form_parts`
    start                       key of the first step
    proof                       colleague | outside | submitted | page: how sure a reply's sender must be
    requester_may_decide        false unless said
    decisions_by_api            false: no answer by API counts; it does unless said
    start_form                  {hide: names}: fields that are not entered where a request is started, but later
    mailbox                     address of the mailbox that its mails go out from; the first one unless said
    start_by_mail               whether a mail starts a request, and what of it fills which field; not at all unless
                                 said; `placet.approvals.start_by_mail`
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

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, Field

from placet.approvals.deadlines import (
    Longest,
    Pause,
    Pauses,
)
from placet.approvals.form_parts import FormField, FormPart, Input, OptionsFrom, Section
from placet.approvals.grace import Grace
from placet.approvals.models import Version
from placet.approvals.start_by_mail import StartsByMail
from placet.approvals.steps import (
    PROCESS_KEY,
    ApprovalStep,
    CalendarKey,
    CallStep,
    DefinitionPart,
    EndStep,
    IncludedProcess,
    IncludeStep,
    Names,
    NoticeStep,
    ParallelStep,
    Proof,
    Transition,
    WaitStep,
    Who,
    names_fit,
)

DEEPEST_PLACE = 20  # blocks that a place is known in; only a draft has more, and it is not published
MOST_ROUNDS = 20  # of a step, where the process does not say
BRACKETS = "[]"  # where the process does not say
#: Where a step stands: blocks and the branches of them that it is in, from the outermost.
Place = tuple[tuple[str, str], ...]


def _two_signs(value: str) -> str:
    if len(value) != 2 or any(sign.isalnum() or sign.isspace() or sign in ":：-.,#" for sign in value):
        raise ValueError("say two signs that an answer stands between, such as [] or ()")
    return value


class StartForm(DefinitionPart):
    """What of the form is not entered where a request is started."""

    hide: Names


class Definition(DefinitionPart):
    key: str = Field(pattern=PROCESS_KEY)
    name: str = Field(min_length=1, max_length=200)
    title: str = "{key}"
    description: str = Field("", max_length=2000)
    form: tuple[FormPart, ...] = ()
    start: str
    proof: Proof = "colleague"
    requester_may_decide: bool = False
    decisions_by_api: bool | None = None
    start_form: StartForm | None = None
    start_by_mail: StartsByMail = None
    mailbox: str | None = Field(None, min_length=3, max_length=254)
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
    """What a version says. One reply asks a dozen times, and a published version never changes: those that were read
    last are kept, as long as their data is the same."""
    if version._state.adding:  # a draft, which changes
        return Definition.model_validate(version.definition)
    data, definition = _read.get(version.pk, (None, None))
    if definition is None or data != version.definition:
        definition = Definition.model_validate(version.definition)
        _read[version.pk] = deepcopy(version.definition), definition
        while len(_read) > _MOST_READ:
            _read.pop(next(iter(_read)), None)
    return definition


_MOST_READ = 32
_read: dict[int, tuple[object, Definition]] = {}  # by the version's id
