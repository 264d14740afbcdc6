"""The requests of the last days, run through a draft: which of them would have gone another way?

Each is played twice with `trying`, by its own version and by the draft, and both are compared: so what the list shows
comes of the draft alone, and not of who has moved or left since. What people entered and answered is that of the
request; an answer is matched by the key of its step and by whoever gave it. Each play is a transaction of its own that
is rolled back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from placet.accounts.models import Person
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form_types import type_of
from placet.approvals.models import Decision, Process, Request, Revision
from placet.approvals.models import Signal as KeptSignal
from placet.approvals.visibility import requests_visible_to
from placet.designer.cases import differences_between
from placet.designer.trying import played
from placet.designer.trying_events import Answer, Event, Jump, Signal, Start, Withdraw
from placet.designer.trying_shown import Trial
from placet.lib import clock
from placet.lib.ids import first_uuid7
from placet.portal.form_rows import as_typed, what_fits

DAYS = 90
SECONDS = 2.0  # of one chunk; at least one request is played in each
MOST = 100  # of one chunk
MOST_ANSWERS = 60  # of one request that are played


@dataclass(frozen=True)
class Differing:
    """A request that would go another way. `sentences`: what would differ."""

    public_id: UUID
    number: int
    title: str
    sentences: Sequence[str]


@dataclass(frozen=True)
class Chunk:
    """What was played. `unplayed`: how many of them cannot be, because whoever made them has left, say. `after`: the id
    that the next chunk goes on behind; None: that was all."""

    played: int
    differing: Sequence[Differing]
    unplayed: int
    after: int | None


def to_replay(process: Process, reader: Person) -> QuerySet[Request]:
    """The requests of the last 90 days that a reader may see, the oldest first. Those that a step of another request
    called are played with that."""
    since = clock.now() - timedelta(days=DAYS)
    # Ids grow with time, and so do public ones, which say when: nothing older is looked at.
    of_that_time = Request.objects.filter(public_id__gte=first_uuid7(since)).order_by("public_id")
    first = of_that_time.values_list("pk", flat=True).first()
    if first is None:
        return Request.objects.none()
    visible = requests_visible_to(reader).filter(
        pk__gte=first, version__process=process, created_at__gte=since
    )
    return visible.filter(parent_visit=None).select_related("version", "requester").order_by("pk")


def replay(process: Process, definition: Definition, reader: Person, after: int = 0) -> Chunk:
    """Some of them, behind the id `after`, as many as fit into a moment."""
    ends, count, unplayed = monotonic() + SECONDS, 0, 0
    differing: list[Differing] = []
    numbers = list(to_replay(process, reader).filter(pk__gt=after).values_list("pk", flat=True)[: MOST + 1])
    for number in numbers[:MOST]:
        request = Request.objects.select_related("version", "requester").get(pk=number)
        sentences = differences_of(request, definition)
        if sentences is None:
            unplayed += 1
        elif sentences:
            differing.append(Differing(request.public_id, request.number, request.title, sentences))
        count, after = count + 1, number
        if monotonic() > ends:
            break
    return Chunk(count, differing, unplayed, after if count < len(numbers) else None)


def differences_of(request: Request, definition: Definition) -> list[str] | None:
    """How a request would go by a definition, where that is another way than by its own version. None: it cannot be
    started by its own version any more, so nothing can be said."""
    own = definition_of(request.version)
    events = _events(request, own)
    as_it_was = played(own, events(own))
    if not as_it_was.state:
        return None
    as_it_would_be = played(definition, events(definition))
    refused = _new_errors(as_it_was, as_it_would_be)
    return [*differences_between(as_it_was.summary, as_it_would_be.summary), *refused]


def _new_errors(before: Trial, now: Trial) -> list[str]:
    """What could be done by the request's own version, and cannot any more. Two clocks may stand a moment apart."""
    known, errors = set(_errors(before)), dict.fromkeys(_errors(now))
    return [error for error in errors if error not in known]


def _errors(trial: Trial) -> list[str]:
    happened = [one.error for one in trial.happenings if one.error and not isinstance(one.event, Jump)]
    return [*happened, *filter(None, [trial.stopped])]


# --- what happened ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Happened:
    """What happened to a request, for a definition to be played with."""

    request: Request
    own: Definition
    first: Mapping[str, Any]  # its data as it was started
    then: Sequence[tuple[datetime, Event]]
    ends: datetime

    def __call__(self, definition: Definition) -> list[Event]:
        values = what_fits(definition, self.own, as_typed(self.own, self.first))
        files = {
            one.name: [str(file["name"]) for file in self.first.get(one.name) or ()]
            for one in definition.fields
            if one.type == "files" and self.first.get(one.name)
        }
        values = {name: value for name, value in values.items() if name not in files}
        began = self.request.created_at
        events: list[Event] = [Start(self.request.requester.email, values, began, files)]
        now = began
        for at, event in self.then:
            if at > now:
                events.append(Jump(at))
                now = at
            events.append(event)
        if self.ends > now:
            events.append(Jump(self.ends))
        return events


def _events(request: Request, own: Definition) -> _Happened:
    revisions = list(request.revisions.order_by("number"))
    first = revisions[0].data if revisions else request.data
    changed = {one.assignment_id: one for one in revisions if one.assignment_id is not None}
    before = {one.number: one.data for one in revisions}
    then: list[tuple[datetime, Event]] = [
        *_answers(request, own, changed, before),
        *((one.created_at, Signal(one.key)) for one in KeptSignal.objects.filter(request=request)),
    ]
    if request.state == Request.State.WITHDRAWN and request.closed_at is not None:
        then.append((request.closed_at, Withdraw()))
    ends = request.closed_at or clock.now()
    return _Happened(request, own, first, sorted(then, key=lambda one: one[0])[:MOST_ANSWERS], ends)


def _answers(
    request: Request,
    own: Definition,
    changed: Mapping[int, Revision],
    before: Mapping[int, Mapping[str, Any]],
) -> list[tuple[datetime, Event]]:
    rows = Decision.objects.filter(assignment__visit__request=request).select_related(
        "assignment__visit", "by_person"
    )
    answers: list[tuple[datetime, Event]] = []
    for decision in rows.order_by("at", "pk"):
        step = decision.assignment.visit.step_key
        revision = changed.get(decision.assignment_id)
        entered = (
            {} if revision is None else _entered(own, revision.data, before.get(revision.number - 1, {}))
        )
        questions = {one.name: one for one in own.questions_of(step)}
        typed = _typed(questions, decision.answers)
        answers.append(
            (
                decision.at,
                Answer(decision.by_person.email, step, decision.outcome, decision.comment, typed, entered),
            )
        )
    return answers


def _typed(questions: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: type_of(questions[name]).typed(value, questions[name])
        for name, value in kept.items()
        if name in questions and value is not None
    }


def _entered(own: Definition, now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that an answer changed, as they were typed. Files are not played: they are the request's."""
    typed = as_typed(own, now)
    kinds = {one.name: one.type for one in own.fields}
    return {
        name: value
        for name, value in typed.items()
        if now.get(name) != before.get(name) and kinds[name] != "files"
    }
