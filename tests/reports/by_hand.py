"""What became of each request that ended, found from the rows alone: nothing of it is read of what reports counted."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from placet.accounts import calendars
from placet.accounts.models import Person
from placet.approvals.definitions import definition_of
from placet.approvals.models import Clarification, Decision, Delegate, Request, UndoneDecision, Visit
from placet.audit.models import AuditEntry
from placet.lib.working_time import WorkingTime
from tests.reports import world

ZONE = ZoneInfo(world.ZONE)
_REASONS = {"unclear", "comment_needed", "already_decided", "may_not_decide", "help_asked"}


def local(moment: datetime) -> datetime:
    return moment.astimezone(ZONE)


def monday(moment: datetime) -> str:
    day = local(moment).date()
    return (day - timedelta(days=day.weekday())).isoformat()


def forget() -> None:
    """What was read of a world, before another one is looked at."""
    _record.cache_clear()
    _working_time.cache_clear()


def entries(event: str, request: Request) -> Sequence[AuditEntry]:
    """Those of its record that say this, oldest first."""
    return _record().get((request.pk, event), ())


@cache
def _record() -> Mapping[tuple[int | None, str], Sequence[AuditEntry]]:
    """All of it: each request is asked for a dozen of events, by each of several checks."""
    record: dict[tuple[int | None, str], list[AuditEntry]] = defaultdict(list)
    for entry in AuditEntry.objects.order_by("pk"):
        record[entry.request_id, entry.what["event"]].append(entry)
    return record


def worked(request: Request, start: datetime, end: datetime) -> timedelta:
    return _working_time(definition_of(request.version).calendar).between(start, end)


@cache
def _working_time(key: str | None) -> WorkingTime:
    version = calendars.version_of(key) if key else None
    return (calendars.hours(version) if version else calendars.of_installation()).working_time


def refused(request: Request) -> list[str]:
    return [
        entry.what["reason"]
        for entry in entries("reply refused", request)
        if entry.what["reason"] in _REASONS
    ]


@dataclass
class EndedRequest:
    """`waited`: by the name of a step, how long each visit of it took. `rules`: by the name of a column."""

    pk: int
    process: str
    day: date
    week: str
    was_withdrawn: bool
    is_good: bool
    worked: timedelta
    calendar: timedelta
    refused: Sequence[str]
    channels: Counter[str] = field(default_factory=Counter)
    first_answers: list[timedelta] = field(default_factory=list)
    waited: dict[str, list[timedelta]] = field(default_factory=dict)
    late: Counter[str] = field(default_factory=Counter)
    stuck: Counter[str] = field(default_factory=Counter)
    asked_back: Counter[str] = field(default_factory=Counter)
    sent_back: int = 0
    rules: Mapping[str, int] = field(default_factory=dict)

    @property
    def had_a_reply_to_do_again(self) -> bool:
        return bool({*self.refused} - {"already_decided", "help_asked"})

    @property
    def was_right_at_once(self) -> bool:
        again = self.sent_back or self.asked_back.total() or self.had_a_reply_to_do_again
        return self.is_good and not again


def ended_requests() -> Sequence[EndedRequest]:
    return [_ended(one) for one in Request.objects.exclude(state="open").select_related("version__process")]


def _ended(request: Request) -> EndedRequest:
    start, end = request.created_at, request.closed_at
    assert end is not None
    ended = EndedRequest(
        pk=request.pk,
        process=request.version.process.name,
        day=local(end).date(),
        week=monday(end),
        was_withdrawn=request.state == "withdrawn",
        is_good=request.state == "ended" and request.result == "approved",
        worked=worked(request, start, end),
        calendar=end - start,
        refused=refused(request),
        rules=_rules(request),
    )
    for visit in request.visits.all():
        _add_visit(ended, request, visit)
    for entry in entries("stuck", request):
        ended.stuck[definition_of(request.version).steps[entry.what["step"]].name] += 1
    return ended


def _add_visit(ended: EndedRequest, request: Request, visit: Visit) -> None:
    name = definition_of(request.version).steps[visit.step_key].name
    ended.sent_back += "changes" in visit.step_key
    ended.asked_back[name] += Clarification.objects.filter(visit=visit).count()
    ended.late[name] += visit.timers.filter(what="due", state="acted").exists()
    if visit.state == "closed" and visit.closed_at and visit.result != "withdrawn":
        ended.waited.setdefault(name, []).append(worked(request, visit.opened_at, visit.closed_at))
    answers = Decision.objects.filter(assignment__visit=visit).order_by("at")
    ended.channels.update(answer.channel for answer in answers)
    if answers:
        ended.first_answers.append(worked(request, visit.opened_at, answers[0].at))


def _rules(request: Request) -> Mapping[str, int]:
    answers = Decision.objects.filter(assignment__visit__request=request).select_related("assignment")
    ada = Person.objects.get(email="ada@contoso.example").pk
    by_hand = [*entries("tried again", request), *entries("withdrawn", request)]
    barred = Delegate.objects.filter(assignment__visit__request=request, reason="barred").count()
    undone = UndoneDecision.objects.filter(assignment__visit__request=request).count()
    return {
        "Requests that ended": 1,
        "Answers of delegates": sum(one.by_person_id != one.assignment.person_id for one in answers),
        "Put right by hand": sum(entry.who == f"person:{ada}" for entry in by_hand),
        "Others asked, because late": len(entries("escalated", request)),
        "Steps nobody decided in time": len(entries("expired", request)),
        "Requests that took too long": len(entries("stopped", request)),
        "Answers taken back": undone,
        "Second pair of eyes missing": barred + refused(request).count("may_not_decide"),
    }
