"""Random processes (`random_processes`) whose answers can be undone: an answer that is taken back leaves the request as
it was, wherever its step stands, and what waits takes effect once."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placet.accounts.addresses import add_person
from placet.accounts.models import Group, Person
from placet.approvals import engine, engine_errors, evidence, timing, undoing
from placet.approvals.engine_hold import MOST_UNDONE
from placet.approvals.models import Assignment, Decision, Request, Timer, Visit
from placet.approvals.processes import publish
from placet.audit import chain
from tests.approvals.random_processes import GROUPS, NAMES, Line, definitions_of, processes
from tests.approvals.test_blocks_model import undone
from tests.rotation import examples

Where = list[tuple[Any, ...]]


@pytest.mark.django_db
@pytest.mark.long
@pytest.mark.timeout(7200)  # of `make soak`
def test_what_is_taken_back_was_never_given(request: pytest.FixtureRequest) -> None:
    people = {name: add_person(name.title(), f"{name}@contoso.example") for name in [*NAMES, "zoe"]}
    people["ada"] = add_person("Ada", "ada@contoso.example", administrator=True)
    for key, names in GROUPS.items():
        Group.objects.create(key=key, name=key.title()).members.set([people[name] for name in names])

    @settings(
        max_examples=examples(request.config, suite=40, soak=3000),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def live(data: st.DataObject) -> None:
        line = data.draw(processes(False))
        with undone():
            version = [publish({**one, "undo": "60 minutes"}) for one in definitions_of(line)][-1]
            started = engine.start(version, people["zoe"], {"item": "Desk", "amount": "10"})
            for _ in range(data.draw(st.integers(2, 8))):
                _happen(data, line, started, people)
                _must_hold(started)
            assert [*chain.verify(started.pk), *evidence.compare(started.pk)] == []

    live()


def _happen(data: st.DataObject, line: Line, request: Request, people: dict[str, Person]) -> None:
    what = data.draw(st.sampled_from(["answer"] * 4 + ["take back"] * 4 + ["wait"] * 2 + ["leave", "signal"]))
    waiting = list(Assignment.objects.filter(visit__request=request, state="open").order_by("pk"))
    signals = [node.key for node in line if node.quiet == "arrived"]
    if what in ("answer", "take back") and waiting:
        seat = data.draw(st.sampled_from(waiting))
        before = _where(request)
        outcomes = request.version.definition["steps"][seat.visit.step_key].get(
            "outcomes", ["approve", "reject"]
        )
        outcome = data.draw(
            st.sampled_from([one if isinstance(one, str) else one["key"] for one in outcomes])
        )
        engine.decide(seat.pk, by=seat.person, outcome=outcome, channel=Decision.Channel.PAGE)
        if what == "take back":
            _take_back(line, request, seat, before)
    elif what == "wait":
        _wait(request)
    elif what == "signal" and signals:
        try:
            engine.signal(request.pk, data.draw(st.sampled_from(signals)), None)
        except engine_errors.NoLongerOpen:
            return
    elif what == "leave":
        name = data.draw(st.sampled_from(NAMES))
        engine.deactivate(Person.objects.get(pk=people[name].pk), by=people["ada"])


def _take_back(line: Line, request: Request, seat: Assignment, before: Where) -> None:
    """A task has its effect at once, and so has what was taken back often enough. Who else is asked since, because it
    was their turn or somebody was kept out, stays asked; else everything is as it was."""
    is_task = request.version.definition["steps"][seat.visit.step_key]["kind"] == "task"
    if is_task or seat.undone_decisions.count() >= MOST_UNDONE:
        with pytest.raises(engine_errors.NotUndone):
            undoing.undo(seat.pk, seat.person)
        return
    undoing.undo(seat.pk, seat.person)
    seat.refresh_from_db()
    assert seat.state == "open"
    if not any(node.in_turn or node.not_same_as for node in line):
        assert _where(request) == before


def _wait(request: Request) -> None:
    """Whatever waits takes effect, each once, but for what another one cancelled that took effect before it."""
    effective = Timer.objects.filter(visit__request=request, what="effective", state="waiting")
    for number in list(effective.order_by("pk").values_list("pk", flat=True)):
        assert not timing.work(number)  # it is not time yet
        timer = Timer.objects.select_related("visit").get(pk=number)
        if timer.visit.state == Visit.State.CANCELLED:
            assert timer.state == Timer.State.NEEDLESS
            continue
        with time_machine.travel(timezone.now() + timedelta(hours=2)):
            worked = timing.work(number)
            assert worked
            assert not timing.work(number)


def _where(request: Request) -> Where:
    """All that says where a request stands."""
    seats = Assignment.objects.filter(visit__request=request).order_by("pk")
    visits = request.visits.order_by("pk")
    request.refresh_from_db()
    return [
        (request.state, request.result),
        *visits.values_list("pk", "state", "result", "held_result", "reason", "branch_result", "ended_by"),
        *seats.values_list("pk", "state", "source", "replaced_by"),
        *Decision.objects.filter(assignment__in=seats).order_by("pk").values_list("pk", "outcome"),
    ]


def _must_hold(request: Request) -> None:
    request.refresh_from_db()
    live = [visit for visit in request.visits.all() if visit.state in Visit.LIVE]
    assert sum(visit.parent_id is None for visit in live) == (request.state == "open")
    for visit in request.visits.all():
        effective = visit.timers.filter(what="effective", state="waiting").count()
        assert effective == bool(visit.held_result) == (visit.state == "held")
        assert not (visit.held_result and visit.result)
        if visit.state == "held":
            assert not visit.assignments.filter(state="open").exists()
            assert Decision.objects.filter(assignment__visit=visit).exists()
