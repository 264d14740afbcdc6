"""A request's path as it is shown: stations in the order they were reached. Looks; changes nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db.models import Count, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from placet.approvals import whom
from placet.approvals.deadlines import EXPIRED
from placet.approvals.decision_proofs import proofs_of
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.delegate_words import who_decided
from placet.approvals.engine_stops import has_ended
from placet.approvals.models import (
    AskLine,
    Assignment,
    Decision,
    Delegate,
    Notified,
    Request,
    UndoneDecision,
    Visit,
)
from placet.approvals.name_lists import MOST_NAMES, listed_names
from placet.approvals.outcomes import APPROVE, REJECT, REVISED, TASK_DONE, Outcome, as_read
from placet.approvals.picture import Mark
from placet.approvals.policy import is_certain, way_on
from placet.approvals.questions import Answered
from placet.approvals.questions import as_read as answers_as_read
from placet.approvals.rule_words import beside_each_other
from placet.approvals.steps import WITHDRAWN, ApprovalStep, CallStep, NoticeStep, ParallelStep, WaitStep
from placet.approvals.undo_rules import undoes
from placet.lib.conditions import ConditionError
from placet.mail.models import OutgoingMail
from placet.portal.clarifications import who_waits
from placet.portal.due import DueShown, due_of, held_until
from placet.portal.in_place import why_in_words
from placet.portal.picture_marks import marks_of

MOST_VISITS = 40  # shown of one request, newest last
MOST_PEOPLE = 300  # shown of one path
MOST_TO_COME = 10  # of those who are asked later in one step

#: After somebody's name: what they did. Of a process's own outcomes the label is quoted.
_DID: dict[str, Promise] = {
    APPROVE: pgettext_lazy("after a person's name", "approved"),
    REJECT: pgettext_lazy("after a person's name", "rejected"),
}
#: What became of a step.
_BECAME: dict[str, Promise] = {
    APPROVE: pgettext_lazy("a step", "approved"),
    REJECT: pgettext_lazy("a step", "rejected"),
}
#: Results that every process may use; others are shown as their process writes them.
APPROVED, REJECTED = "approved", "rejected"
_RESULTS: dict[str, Promise] = {APPROVED: _BECAME[APPROVE], REJECTED: _BECAME[REJECT]}
_TONES = {APPROVED: "good", REJECTED: "bad"}

_ANSWERED = pgettext_lazy("after a person's name", "answered “{answer}”")
_UNDID: dict[str, Promise] = {
    APPROVE: pgettext_lazy("after a person's name", "approved, and took it back"),
    REJECT: pgettext_lazy("after a person's name", "rejected, and took it back"),
}
_UNDID_ANSWER = pgettext_lazy("after a person's name", "answered “{answer}”, and took it back")
CHANNELS: dict[str, Promise] = {
    Decision.Channel.MAIL: gettext_lazy("by mail"),
    Decision.Channel.PAGE: gettext_lazy("on the page"),
    Decision.Channel.API: gettext_lazy("by API"),
}


@dataclass(frozen=True)
class Line:
    """One person asked at a station, and what became of it."""

    name: str
    words: str  # after the name: "approved", "is asked", "did not need to answer", ...
    at: datetime
    channel: str = ""
    comment: str = ""
    answers: Sequence[Answered] = ()  # to the questions of the step
    mail: str = ""  # what became of the newest mail that asks, in words
    mail_in_trouble: bool = False
    assignment: int | None = None  # while it is open: it can be sent again
    given: int | None = None  # of a delegate whom it was given to: it can be taken back
    proof: str = ""  # of who answered, in words; "" where none is kept


@dataclass(frozen=True)
class Station:
    """One place on the way. `kind`: start, good, bad, neutral, waiting, stuck, withdrawn, ended, later."""

    kind: str
    name: str
    words: str
    at: datetime | None = None  # none: not reached yet
    round: int = 1
    lines: Sequence[Line] = ()
    left_out: int = 0  # people who are not shown
    stuck_visit: int | None = None
    lacks_way_on: bool = False  # it is stuck though it has a result
    signal: str = ""  # that it waits for
    called: Request | None = None  # what it called, for whoever may see that
    branches: Sequence["BranchShown"] = ()  # of a block
    due: DueShown | None = None
    held_until: datetime | None = None  # its answer can be undone until then


@dataclass(frozen=True)
class BranchShown:
    """One branch of a block, with its own stations. `words`: what it came to."""

    name: str
    words: str
    stations: Sequence[Station] = ()

    @property
    def is_one_station(self) -> bool:
        """Whether its only station says all of it: a name above that would be said twice."""
        return [station.name for station in self.stations] == [self.name]


@dataclass(frozen=True)
class Path:
    stations: Sequence[Station]
    left_out: int  # earlier visits that are not shown
    marks: Mapping[str, Mark] = field(default_factory=dict)  # in the picture of the process, by key of a step


def outcome_of(definition: Definition, step_key: str, key: str) -> Outcome:
    return definition.approval(step_key).outcome(key)


def step_name(definition: Definition, key: str) -> str:
    step = definition.steps.get(key)
    return step.name if step else key


def path_of(
    request: Request,
    definition: Definition,
    *,
    with_reasons: bool = False,
    visible: QuerySet[Request] | None = None,
) -> Path:
    """The whole path, of which no more is read than is shown: the newest visits, and whatever is live. `with_reasons`:
    why a step is stuck may tell what the form says, so it is not for everybody. `visible`: the requests that whoever
    looks may see."""
    newest = list(request.visits.order_by("-id")[: MOST_VISITS + 1])
    visits, earlier = newest[:MOST_VISITS][::-1], 0
    if len(newest) > MOST_VISITS:
        live = request.visits.filter(state__in=Visit.LIVE, pk__lt=visits[0].pk).order_by("id")
        visits = [*live, *visits]
        earlier = request.visits.count() - len(visits)
    lines, left_out = _lines(visits, definition)
    shown = {visit.pk for visit in visits}
    inside: dict[int | None, list[Visit]] = defaultdict(list)
    for visit in visits:
        # What stood in a block that is not shown any more stands by itself.
        inside[visit.parent_id if visit.parent_id in shown else None].append(visit)
    by = _("by {name}").format(name=request.requester.name)
    due = due_of([visit for visit in visits if definition.has_deadline(visit.step_key)])
    skipped = _skipped(visits, definition, lines) - {pk for pk, one in due.items() if one.has_expired}
    called = _called(visits, definition, visible)
    held = held_until([visit for visit in visits if visit.state == Visit.State.HELD])
    tree = _Tree(request, definition, inside, lines, left_out, skipped, with_reasons, called, due, held)
    stations = [Station("start", _("Started"), by, request.created_at), *tree.stations(inside[None])]
    end = _end(request, definition)
    became = {one.pk: _visit_in_words(one, definition, with_reason=False) for one in visits}
    in_order = sorted(visits, key=lambda one: one.pk)
    marks = marks_of(request, definition, in_order, became, lines, skipped)
    return Path([*stations, end] if end else [*stations, *tree.later(inside[None])], earlier, marks)


def _called(
    visits: Sequence[Visit], definition: Definition, visible: QuerySet[Request] | None
) -> dict[int, Request]:
    calls = [visit for visit in visits if isinstance(definition.steps[visit.step_key], CallStep)]
    if visible is None or not calls:
        return {}
    return {one.parent_visit_id: one for one in visible.filter(parent_visit__in=calls) if one.parent_visit_id}


@dataclass(frozen=True)
class _Tree:
    """The visits of a request: stations, and in those of blocks the stations of their branches."""

    request: Request
    definition: Definition
    inside: Mapping[int | None, Sequence[Visit]]  # visits by the one whose branches they stand in
    lines: Mapping[int, Sequence[Line]]  # by visit
    left_out: Mapping[int, int]
    skipped: Collection[int]  # those that nobody was there to be asked in
    with_reasons: bool
    called: Mapping[int, Request]  # by visit: what its step called
    due: Mapping[int, DueShown]  # by visit
    held: Mapping[int, datetime]  # by visit: until when an answer can be undone

    def stations(self, visits: Iterable[Visit]) -> list[Station]:
        return [self._station(visit) for visit in visits]

    def _station(self, visit: Visit) -> Station:
        kind, words = _visit_in_words(visit, self.definition, with_reason=self.with_reasons)
        to_come = self._to_come(visit)
        if visit.pk in self.skipped:
            words = _("{result}; nobody was there to be asked").format(result=words)
        return Station(
            kind,
            step_name(self.definition, visit.step_key),
            words,
            visit.closed_at or visit.opened_at,
            visit.round,
            [*self.lines.get(visit.pk, ()), *to_come[:MOST_TO_COME]],
            self.left_out.get(visit.pk, 0) + len(to_come[MOST_TO_COME:]),
            visit.pk if visit.state == Visit.State.STUCK else None,
            visit.state == Visit.State.STUCK and bool(visit.result),
            self._signal(visit),
            self.called.get(visit.pk),
            self._branches(visit),
            self.due.get(visit.pk),
            self.held.get(visit.pk),
        )

    def _to_come(self, visit: Visit) -> list[Line]:
        """Where people are asked one by one: those whose turn comes, if nothing is decided before."""
        step = self.definition.steps[visit.step_key]
        if visit.state != Visit.State.OPEN or not isinstance(step, ApprovalStep) or step.order is None:
            return []
        people = whom.to_come(self.definition, visit, self.request)
        first, then = _("is asked next"), _("is asked after that")
        return [Line(one.name, then if at else first, visit.opened_at) for at, one in enumerate(people)]

    def _signal(self, visit: Visit) -> str:
        step = self.definition.steps[visit.step_key]
        if visit.state != Visit.State.OPEN or not isinstance(step, WaitStep):
            return ""
        return step.signal or ""

    def _branches(self, block: Visit) -> list[BranchShown]:
        step = self.definition.steps[block.step_key]
        if not isinstance(step, ParallelStep):
            return []
        if block.state == Visit.State.STUCK and block.pk not in self.inside:
            return []  # it is not known yet which are taken
        taken: dict[str, list[Visit]] = defaultdict(list)
        for visit in self.inside.get(block.pk, ()):
            taken[visit.branch].append(visit)
        return [
            BranchShown(
                branch.name or step_name(self.definition, branch.start),
                _branch_in_words(step, taken.get(name, ())),
                [*self.stations(taken.get(name, ())), *self.later(taken.get(name, ()))],
            )
            for name, branch in step.branches.items()
        ]

    def later(self, visits: Sequence[Visit]) -> Iterator[Station]:
        """What is still to come beside these, if everybody approves, as far as it is certain: what conditions see of
        steps can change, and what they see of the form where a step's people enter something."""
        running = [visit for visit in visits if visit.state in Visit.LIVE]
        if len(running) != 1 or running[0].state == Visit.State.HELD:
            return
        here = [running[0].step_key]
        seen, key = set(here), here[0]
        places = self.definition.places
        words = _("comes next, if approved")
        if _is_task(self.definition, key):
            words = _("comes next, when this is done")
        while outcome := _good(self.definition, key):
            if not is_certain(self.definition, key, outcome):
                return
            try:
                way = way_on(self.definition, key, outcome, self.request)
            except (ConditionError, LookupError):
                return
            if way.to is None or way.to in seen or places[way.to][: len(places[key])] != places[key]:
                return
            key = way.to
            seen.add(key)
            yield Station("later", step_name(self.definition, key), words)
            words = _("then, if approved")


def _is_task(definition: Definition, key: str) -> bool:
    step = definition.steps[key]
    return isinstance(step, ApprovalStep) and step.is_task


def _good(definition: Definition, key: str) -> str:
    """The result of a step that leads on as far as possible; "" of one that has none."""
    step = definition.steps[key]
    if isinstance(step, ApprovalStep):
        return REVISED if step.is_revise else TASK_DONE if step.is_task else APPROVE
    return APPROVED if isinstance(step, ParallelStep) else ""


def _branch_in_words(step: ParallelStep, visits: Sequence[Visit]) -> str:
    """What a branch came to; "" while it runs."""
    if not visits:
        return pgettext("a branch", "not needed here")
    return next((result_as_read(step, one.branch_result) for one in visits if one.branch_result), "")


def result_as_read(step: ParallelStep, result: str) -> str:
    """What pages and mails call what a block, or one of its branches, came to."""
    if result in step.labels:
        return as_read(step.labels[result])
    return result_in_words(result)


def result_in_words(result: str) -> str:
    return str(_RESULTS[result]) if result in _RESULTS else result.replace("_", " ")


def _lines(visits: Sequence[Visit], definition: Definition) -> tuple[dict[int, list[Line]], dict[int, int]]:
    """Lines by visit: who decided, then who is asked, then the others; and how many are left out."""
    found = Assignment.objects.filter(visit__in=visits).select_related(
        "person", "visit", "decision__by_person", "kept__by_person", "kept__assignment__person", "in_place_of",
        "reassigned_by",
    )  # fmt: skip
    # The states' words sort in the order wanted: decided, kept, open, superseded, withdrawn.
    assignments = list(found.order_by("state", "id")[: MOST_PEOPLE + 1])
    mails = _newest_mails(a for a in assignments if a.state == Assignment.State.OPEN)
    asking = who_waits(assignments) if any(visit.asked_back for visit in visits) else ()
    delegates = _delegates(assignments)
    proofs = proofs_of(one.counted for one in assignments if one.state in Assignment.COUNTED)
    beside: dict[int, list[Assignment]] = defaultdict(list)
    for assignment in assignments:
        beside[assignment.visit_id].append(assignment)
    lines: dict[int, list[Line]] = defaultdict(list)
    for assignment in assignments[:MOST_PEOPLE]:
        mail = mails.get((assignment.pk, assignment.person_id))
        line = _line(assignment, definition, mail, assignment.successor(beside[assignment.visit_id]))
        if line.channel and assignment.counted.pk in proofs:
            line = replace(line, proof=proofs[assignment.counted.pk].words)
        if assignment.pk in asking:
            line = replace(
                line, words=pgettext("after a person's name", "asked a question, and waits for the answer")
            )
        lines[assignment.visit_id].append(line)
        for row in delegates.get(assignment.pk, ()):
            mail = mails.get((assignment.pk, row.person_id))
            lines[assignment.visit_id].append(_delegates_line(row, mail))
    left_out: dict[int, int] = {}
    if len(assignments) > MOST_PEOPLE:
        left_out = {v.pk: v.assignments.count() - len(lines[v.pk]) for v in visits}
    put_undone(visits, definition, lines)
    _put_notified(visits, definition, lines, left_out)
    return lines, left_out


def put_undone(visits: Sequence[Visit], definition: Definition, lines: Mapping[int, list[Line]]) -> None:
    """Answers that were taken back, below those that count. A query only where any can be."""
    if not undoes(definition):
        return
    rows = UndoneDecision.objects.filter(assignment__visit__in=visits)
    for row in rows.select_related("assignment__visit", "by_person").order_by("id")[:MOST_PEOPLE]:
        visit = row.assignment.visit
        outcome = outcome_of(definition, visit.step_key, row.outcome)
        did = _UNDID[outcome.key] if outcome.is_built_in else _UNDID_ANSWER.format(answer=outcome.shown)
        lines[visit.pk].append(Line(row.by_person.name, str(did), row.undone_at, comment=row.comment))


def _put_notified(
    visits: Sequence[Visit],
    definition: Definition,
    lines: dict[int, list[Line]],
    left_out: dict[int, int],
) -> None:
    """Who was told in notices."""
    notices = [visit for visit in visits if isinstance(definition.steps[visit.step_key], NoticeStep)]
    if not notices:
        return
    rows = Notified.objects.filter(visit__in=notices).select_related("person", "outgoing")
    notified = list(rows.defer("outgoing__raw").order_by("id")[: MOST_PEOPLE + 1])
    for row in notified[:MOST_PEOPLE]:
        words, trouble = _mail_in_words(row.outgoing)
        was_told = pgettext("after a person's name", "was told")
        lines[row.visit_id].append(
            Line(row.person.name, was_told, row.created_at, mail=words, mail_in_trouble=trouble)
        )
    if len(notified) > MOST_PEOPLE:
        left_out |= {one.pk: one.notified.count() - len(lines[one.pk]) for one in notices}


def _delegates(assignments: Sequence[Assignment]) -> dict[int, list[Delegate]]:
    """By seat: who may answer in its place. A query only where there are any."""
    delegated = {one.pk: one for one in assignments if one.has_delegates}
    found: dict[int, list[Delegate]] = defaultdict(list)
    if delegated:
        rows = Delegate.objects.filter(assignment__in=delegated, state=Delegate.State.OPEN)
        for row in rows.select_related("person", "delegation", "by").order_by("id")[:MOST_PEOPLE]:
            row.assignment = delegated[row.assignment_id]
            found[row.assignment_id].append(row)
    return found


def _delegates_line(row: Delegate, mail: OutgoingMail | None) -> Line:
    words, trouble = _mail_in_words(mail)
    taken_back = row.pk if row.why == Delegate.Why.GIVEN else None
    return Line(
        row.person.name,
        why_in_words(row),
        row.created_at,
        comment=row.comment,
        mail=words,
        mail_in_trouble=trouble,
        given=taken_back,
    )


def _newest_mails(assignments: Iterable[Assignment]) -> dict[tuple[int, int], OutgoingMail]:
    """By seat and by whom they went to."""
    asked = AskLine.objects.filter(
        assignment__in=list(assignments), asks_back=None, ask__outgoing__isnull=False
    )
    newest: dict[tuple[int, int], OutgoingMail] = {}
    lines = asked.select_related("ask__outgoing").defer("ask__outgoing__raw").order_by("id")
    for line in lines.iterator(chunk_size=500):
        if line.ask.outgoing is not None:
            newest[line.assignment_id, line.ask.person_id] = line.ask.outgoing
    return newest


def _line(
    assignment: Assignment,
    definition: Definition,
    mail: OutgoingMail | None,
    successor: Assignment | None,
) -> Line:
    """`successor`: who was put in the place of somebody who is asked no more."""
    name = assignment.person.name
    if assignment.state in Assignment.COUNTED:
        decision = assignment.counted
        outcome = outcome_of(definition, assignment.visit.step_key, decision.outcome)
        did = _did(outcome)
        if assignment.state == Assignment.State.KEPT:
            did = _kept(did, decision)
        if assignment.in_place_of is not None:
            put_there = pgettext("after a person's name", "{did}, in place of {name}")
            did = put_there.format(did=did, name=assignment.in_place_of.name)
        answers = answers_as_read(definition, assignment.visit.step_key, decision.answers)
        name = name if decision.by_person_id == assignment.person_id else who_decided(decision)
        return Line(name, str(did), decision.at, str(CHANNELS[decision.channel]), decision.comment, answers)
    asked = assignment.created_at
    if assignment.state == Assignment.State.OPEN:
        words, trouble = _mail_in_words(mail, is_to_come=not assignment.page_only)
        if mail is None and assignment.has_delegates and not assignment.page_only:
            words = _("mail goes to their delegate")
        is_asked = pgettext("after a person's name", "is asked")
        if _is_escalated(assignment, definition):
            is_asked = pgettext("after a person's name", "is asked, because it was not decided in time")
        if assignment.absent_at is not None:
            is_asked = pgettext(
                "after a person's name", "is asked, and is away according to an automatic reply"
            )
        return Line(
            name,
            " · ".join([is_asked, *_put_there(assignment)]),
            asked,
            comment=assignment.reassigned_comment,
            mail=words,
            mail_in_trouble=trouble,
            assignment=assignment.pk,
        )
    if assignment.state == Assignment.State.SUPERSEDED and has_ended(assignment.visit):
        return Line(name, pgettext("after a person's name", "did not answer in time"), asked)
    if assignment.state == Assignment.State.SUPERSEDED:
        return Line(name, pgettext("after a person's name", "did not need to answer"), asked)
    if assignment.replaced_by is not None:
        return Line(
            name, pgettext("after a person's name", "did not answer in time, so others are asked"), asked
        )
    if successor is not None:
        instead = pgettext("after a person's name", "is no longer asked: {name} was put in their place")
        return Line(name, instead.format(name=successor.person.name), asked)
    return Line(name, pgettext("after a person's name", "is no longer asked"), asked)


def _put_there(assignment: Assignment) -> list[str]:
    """In whose place, and by whom, where an owner of the process put somebody there."""
    if assignment.reassigned_by is None:
        return []
    giver = assignment.reassigned_by.name
    if assignment.in_place_of is None:
        return [_("asked again by {giver}").format(giver=giver)]
    return [_("in place of {name}, says {giver}").format(name=assignment.in_place_of.name, giver=giver)]


def _did(outcome: Outcome) -> str:
    if outcome.is_revised:
        return pgettext("after a person's name", "revised the request")
    return str(_DID[outcome.key]) if outcome.is_built_in else str(_ANSWERED).format(answer=outcome.shown)


def _kept(did: str, decision: Decision) -> str:
    """Of a decision of an earlier round, which counts in this one, too."""
    kept = pgettext("after a person's name", "{did} (revision {number}); that still holds")
    return kept.format(did=did, number=decision.revision)


def _is_escalated(assignment: Assignment, definition: Definition) -> bool:
    """Whether somebody is asked because others did not answer."""
    step = definition.approval(assignment.visit.step_key)
    return bool(step.rungs) and (assignment.source or 0) >= step.first_line_of(1)


def _mail_in_words(mail: OutgoingMail | None, *, is_to_come: bool = False) -> tuple[str, bool]:
    """`is_to_come`: without one yet, it waits for a digest."""
    if mail is None and is_to_come:
        return _("the mail comes with others, when their working day begins"), False
    if mail is None:
        return _("on this page only, because no mailbox was set up"), False
    if mail.bounced_at is not None:
        return _("the mail to {address} came back").format(address=mail.to), True
    if mail.state == OutgoingMail.State.FAILED:
        return _("the mail to {address} could not be sent").format(address=mail.to), True
    if mail.state == OutgoingMail.State.UNSURE:
        return _("nobody can say whether the mail to {address} was sent").format(address=mail.to), True
    sent = mail.state == OutgoingMail.State.SENT
    return (_("mail sent") if sent else _("the mail is about to be sent")), False


def _skipped(
    visits: Sequence[Visit], definition: Definition, lines: Mapping[int, Sequence[Line]]
) -> set[int]:
    """Those that came to their result without anybody's answer."""
    closed = [visit for visit in visits if visit.state == Visit.State.CLOSED and visit.result != "withdrawn"]
    asking = [visit for visit in closed if isinstance(definition.steps[visit.step_key], ApprovalStep)]
    unanswered = {visit.pk for visit in asking if not any(line.channel for line in lines.get(visit.pk, ()))}
    if not unanswered:
        return unanswered
    answered = Assignment.objects.filter(visit__in=unanswered, state__in=Assignment.COUNTED).order_by()
    return unanswered - set(answered.values_list("visit", flat=True).distinct())


def _visit_in_words(visit: Visit, definition: Definition, *, with_reason: bool) -> tuple[str, str]:
    if visit.state == Visit.State.STUCK:
        stuck = pgettext("a step", "stuck")
        return "stuck", _("stuck: {reason}").format(reason=visit.reason_as_read) if with_reason else stuck
    if visit.state == Visit.State.OPEN:
        waiting = waiting_in_words(definition, visit.step_key, with_condition=with_reason)
        if with_reason and visit.reason:
            nobody = _("{waiting}; nobody else could be asked: {reason}")
            return "waiting", nobody.format(waiting=waiting, reason=visit.reason_as_read)
        return "waiting", waiting
    if visit.state == Visit.State.CANCELLED:
        if has_ended(visit):
            return "neutral", pgettext("a step", "not decided in time")
        return "neutral", pgettext("a step", "not needed any more")
    if visit.state == Visit.State.HELD:
        return "waiting", _became(definition, visit.step_key, visit.held_result)
    if visit.result == WITHDRAWN:
        return "withdrawn", pgettext("a step", "withdrawn")
    step = definition.steps[visit.step_key]
    if isinstance(step, ParallelStep):
        return _TONES.get(visit.result, "neutral"), result_as_read(step, visit.result)
    if isinstance(step, CallStep):
        return _TONES.get(visit.result, "neutral"), result_in_words(visit.result)
    if isinstance(step, NoticeStep):
        return "neutral", pgettext("a notice", "sent")
    if isinstance(step, WaitStep):
        if visit.result == EXPIRED:
            return "neutral", pgettext("what a step waited for", "did not come in time")
        return "neutral", pgettext("what a step waited for", "has come")
    colour = outcome_of(definition, visit.step_key, visit.result).colour
    return colour, _became(definition, visit.step_key, visit.result)


def _became(definition: Definition, step_key: str, result: str) -> str:
    """What became of an approval step."""
    outcome = outcome_of(definition, step_key, result)
    return str(_BECAME[outcome.key]) if outcome.is_built_in else outcome.shown


def waiting_in_words(definition: Definition, step_key: str, *, with_condition: bool) -> str:
    """What a step waits for. `with_condition`: what stands in it may tell what the form says."""
    step = definition.steps[step_key]
    if isinstance(step, CallStep):
        return _("waiting for another request")
    if not isinstance(step, WaitStep):
        return pgettext("a step", "waiting")
    condition = step.until if with_condition else None
    if step.signal is not None and condition is not None:
        return _("waiting for a signal from outside, or until {condition}").format(condition=condition)
    if step.signal is not None:
        return _("waiting for a signal from outside")
    if condition is not None:
        return _("waiting until {condition}").format(condition=condition)
    return pgettext("a step", "waiting")


def _end(request: Request, definition: Definition) -> Station | None:
    if request.closed_at is None:
        return None
    if request.state == Request.State.WITHDRAWN:
        return Station("withdrawn", _("Withdrawn"), "", request.closed_at)
    return Station(tone_of(request), result_name(request, definition), _("the end"), request.closed_at)


def result_name(request: Request, definition: Definition) -> str:
    """The name of the end that a request came to."""
    return definition.result_names.get(request.result, request.result)


def tone_of(request: Request) -> str:
    """How a request's state is coloured: good, bad, waiting or withdrawn. The words beside it say the same."""
    if request.state == Request.State.OPEN:
        return "waiting"
    if request.state == Request.State.WITHDRAWN:
        return "withdrawn"
    return tone_of_result(request.result)


def tone_of_result(result: str) -> str:
    return _TONES.get(result, "ended")


# --- where a request stands, in a sentence ----------------------------------------------------------------


@dataclass(frozen=True)
class StandingPart:
    """What is said of one step that a request is in, or of its end."""

    tone: str
    words: str


@dataclass(frozen=True)
class Standing:
    """One request in a list. `since`: when it came to where it stands. `parts`: one for each step that it is in."""

    request: Request
    process: str
    tone: str
    parts: Sequence[StandingPart]
    since: datetime

    @property
    def words(self) -> str:
        """All of it, in one sentence."""
        return beside_each_other(part.words for part in self.parts)


def standings(requests: Sequence[Request], definitions: "Definitions") -> list[Standing]:
    """Where each request stands, with two queries for all of them."""
    running = [request for request in requests if request.state == Request.State.OPEN]
    live = Visit.objects.filter(request__in=running, state__in=Visit.LIVE)
    # Of a block those who are asked in it say enough.
    visits = live.exclude(children__state__in=Visit.LIVE).order_by("id")
    current: dict[int, list[Visit]] = defaultdict(list)
    for visit in visits:
        current[visit.request_id].append(visit)
    names = _names_of(visits)
    return [
        Standing(
            request,
            definitions.of(request).name,
            "stuck" if any(v.state == Visit.State.STUCK for v in current[request.pk]) else tone_of(request),
            _parts(request, definitions.of(request), current[request.pk], names),
            request.closed_at or max((v.opened_at for v in current[request.pk]), default=request.created_at),
        )
        for request in requests
    ]


def _names_of(visits: QuerySet[Visit]) -> dict[int, str]:
    """Who is asked at each visit, in words. One query, which reads no more names than are said."""
    asked = Assignment.objects.filter(visit__in=visits.order_by(), state=Assignment.State.OPEN).annotate(
        place=Window(RowNumber(), partition_by="visit_id", order_by="id"),
        number=Window(Count("id"), partition_by="visit_id"),
    )
    first: dict[int, list[str]] = defaultdict(list)
    numbers: dict[int, int] = {}
    said = asked.filter(place__lte=MOST_NAMES + 1).order_by("id")
    for visit_id, name, number in said.values_list("visit_id", "person__name", "number"):
        first[visit_id].append(name)
        numbers[visit_id] = number
    return {visit_id: listed(names, numbers[visit_id]) for visit_id, names in first.items()}


def _parts(
    request: Request, definition: Definition, visits: Sequence[Visit], names: Mapping[int, str]
) -> list[StandingPart]:
    tone = tone_of(request)
    if request.state == Request.State.WITHDRAWN:
        return [StandingPart(tone, _("Withdrawn"))]
    if request.state == Request.State.ENDED:
        return [StandingPart(tone, result_name(request, definition))]
    return [
        StandingPart("stuck", _("{step} is stuck").format(step=step_name(definition, visit.step_key)))
        if visit.state == Visit.State.STUCK
        else StandingPart(tone, _standing_in(definition, visit, names))
        for visit in visits
    ]


def _standing_in(definition: Definition, visit: Visit, names: Mapping[int, str]) -> str:
    step = step_name(definition, visit.step_key)
    if visit.state == Visit.State.HELD:
        return _("{step}: decided, and can still be undone").format(step=step)
    if isinstance(definition.steps[visit.step_key], WaitStep | CallStep):
        return _("{step}: {what}").format(
            step=step, what=waiting_in_words(definition, visit.step_key, with_condition=False)
        )
    return _("{step}: waiting for {names}").format(step=step, names=names.get(visit.pk) or listed([]))


def listed(names: Sequence[str], number: int | None = None) -> str:
    """`listed_names`, or that it is nobody."""
    return listed_names(names, number) or _("nobody")


def what_now(request: Request, definition: Definition) -> str:
    """The sentence after something was done: where the request stands now."""
    now = standings([request], Definitions())[0]
    if request.state != Request.State.OPEN:
        return _("The request has ended: {result}.").format(result=now.words)
    if now.tone == "stuck":
        return _("Now: {standing}. An administrator has to help.").format(standing=now.words)
    return _("Now: {standing}.").format(standing=now.words)


def with_what_now(done: str, request: Request, definition: Definition) -> SafeString:
    """What was done, and where the request stands now. The page takes the second part away when it shows something
    newer (`data-now`)."""
    return format_html("{} <span data-now>{}</span>", done, what_now(request, definition))


class Definitions:
    """Definitions of the requests of one page, each read once."""

    def __init__(self) -> None:
        self._known: dict[int, Definition] = {}

    def of(self, request: Request) -> Definition:
        if request.version_id not in self._known:
            self._known[request.version_id] = definition_of(request.version)
        return self._known[request.version_id]
