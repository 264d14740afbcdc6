"""Processes that are allowed and that nobody thinks of: parts that each work, put beside each other."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from placet.accounts.models import Person
from placet.approvals import call_limits, calling, engine, engine_errors
from placet.approvals.models import Assignment, CallTask, Decision, Request, Visit
from placet.approvals.processes import DefinitionInvalid, parse_definition, publish
from placet.approvals.verification import findings
from tests.making import asked

pytestmark = pytest.mark.django_db
ENDS = {
    "approved": {"kind": "end", "name": "Approved", "result": "approved"},
    "rejected": {"kind": "end", "name": "Rejected", "result": "rejected"},
}
FORM = [
    {"name": "item", "label": "Item", "type": "text"},
    {"name": "reviewer", "label": "Reviewer", "type": "person"},
]
Ways = Sequence[tuple[str, str, str]]


def process(steps: Mapping[str, Any], start: str, ways: Ways, **more: Any) -> dict[str, Any]:
    """`ways`: from, outcome, to; or what a branch ends as, behind a colon."""
    return {
        "key": "odd", "name": "Odd", "title": "{item}", "form": FORM, "start": start, "steps": {**steps, **ENDS},
        "transitions": [
            {"from": step, "outcome": outcome, **({"ends_branch": to[1:]} if to[0] == ":" else {"to": to})}
            for step, outcome, to in ways
        ],
        **more,
    }  # fmt: skip


def step(*people: Person, **more: Any) -> dict[str, Any]:
    return {"kind": "approval", "name": "Step", "ask": [{"person": one.email} for one in people], **more}


def block(start: Mapping[str, str], **more: Any) -> dict[str, Any]:
    branches = {name: {"start": first} for name, first in start.items()}
    result = [{"rejected": "any", "cancel": "others"}, {"approved": "all"}]
    return {
        "kind": "parallel", "name": "Block", "branches": branches, "result": result, "otherwise": "rejected", **more
    }  # fmt: skip


def begun(source: Mapping[str, Any], requester: Person, **entered: Any) -> Request:
    return engine.start(publish(source), requester, {"item": "Desk", **entered})


def decide(person: Person, outcome: str = "approve", step_key: str = "", **more: Any) -> Decision:
    seats = Assignment.objects.filter(person=person, state=Assignment.State.OPEN)
    seat = seats.get(**({"visit__step_key": step_key} if step_key else {}))
    return engine.decide(seat.pk, by=person, outcome=outcome, channel=Decision.Channel.PAGE, **more)


def standing(request: Request) -> tuple[str, str]:
    request.refresh_from_db()
    return request.state, request.result


def live(request: Request) -> list[str]:
    visits = request.visits.filter(state__in=Visit.LIVE).order_by("pk")
    return [f"{visit.step_key} {visit.state}" for visit in visits]


# --- who is asked, when something changes -----------------------------------------------------------------


def test_whoever_is_asked_stays_asked_though_the_field_names_somebody_else_now(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    """Who is asked is looked up when the step is entered, and again when somebody in it is missing or it is their
    turn; not because what the form says has changed."""
    source = process(
        {
            "both": block({"a": "clerk", "b": "review"}, result=[{"approved": "all"}]),
            "clerk": {**step(carol), "kind": "task", "form": {"fill": ["reviewer"]}},
            "review": {**step(), "ask": [{"field": "reviewer"}]},
        },
        "both",
        [
            ("clerk", "done", ":approved"), ("review", "approve", ":approved"), ("review", "reject", "review"),
            ("both", "approved", "approved"), ("both", "rejected", "rejected"),
        ],
    )  # fmt: skip
    request = begun(source, alice, reviewer=bob.email)
    assert asked(request) == ["Carol", "Bob"]
    decide(carol, "done", entered={"reviewer": dave.email})
    assert asked(request) == ["Bob"]
    decide(bob, "reject")  # back to the same step, which asks anew
    assert asked(request) == ["Dave"]
    assert list(findings()) == []


def test_an_answer_in_a_step_that_was_never_decided_chooses_nobody(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    question = {"name": "next", "label": "Who is next?", "type": "person"}
    source = process(
        {
            "both": block({"a": "pick", "b": "veto"}),
            "pick": step(bob, carol, rule="all", questions=[question]),
            "veto": step(dave),
            "after": {**step(), "ask": [{"from_answer": "next"}]},
        },
        "both",
        [
            ("pick", "approve", ":approved"), ("pick", "reject", ":rejected"), ("veto", "approve", ":approved"),
            ("veto", "reject", ":rejected"), ("both", "approved", "approved"), ("both", "rejected", "after"),
            ("after", "approve", "approved"), ("after", "reject", "rejected"),
        ],
    )  # fmt: skip
    request = begun(source, alice)
    decide(bob, answers={"next": carol.email})
    decide(dave, "reject")  # the branch in which Bob chose is cancelled
    assert live(request) == ["after stuck"]
    assert request.visits.get(step_key="after").reason == "no answer to “next” names anybody"
    assert list(findings()) == []


# --- beside each other ------------------------------------------------------------------------------------


def test_a_task_of_several_one_after_the_other_in_a_branch(
    alice: Person, bob: Person, carol: Person, dave: Person, admin: Person
) -> None:
    job = {
        "kind": "task",
        "rule": "all",
        "order": "one_by_one",
        "form": {"fill": ["item"], "require": ["item"]},
    }
    source = process(
        {"both": block({"a": "job", "b": "veto"}), "job": {**step(bob, carol), **job}, "veto": step(dave)},
        "both",
        [
            ("job", "done", ":approved"), ("veto", "approve", ":approved"), ("veto", "reject", ":rejected"),
            ("both", "approved", "approved"), ("both", "rejected", "rejected"),
        ],
    )  # fmt: skip
    request = begun(source, alice)
    assert asked(request) == ["Bob", "Dave"]
    decide(bob, "done", entered={"item": "Chair"})
    engine.deactivate(carol, admin)
    assert live(request) == ["both open", "job stuck", "veto open"]
    Person.objects.filter(pk=carol.pk).update(is_active=True)
    engine.ask_again(request.visits.get(step_key="job").pk, admin)
    decide(carol, "done")  # what the first one entered is there
    assert live(request) == ["both open", "veto open"]
    decide(dave)
    assert standing(request) == ("ended", "approved")
    request = begun(source, alice)
    decide(bob, "done", entered={"item": "Chair"})
    decide(dave, "reject")
    assert standing(request) == ("ended", "rejected")
    assert not Assignment.objects.filter(state=Assignment.State.OPEN).exists()
    assert list(findings()) == []


def test_a_notice_first_and_a_signal_before_its_wait(alice: Person, bob: Person, admin: Person) -> None:
    source = process(
        {
            "tell": {"kind": "notice", "name": "Tell", "to": [{"requester": True}], "text": "About {item}"},
            "wait": {"kind": "wait", "name": "Wait", "signal": "go"},
            "ask": step(bob),
        },
        "tell",
        [
            ("tell", "sent", "wait"), ("wait", "arrived", "ask"), ("ask", "approve", "approved"),
            ("ask", "reject", "tell"),
        ],
    )  # fmt: skip
    del source["steps"]["rejected"]
    request = begun(source, alice)
    engine.signal(request.pk, "go", admin)
    assert live(request) == ["ask open"]
    engine.signal(request.pk, "go", admin)  # for the next round
    with pytest.raises(engine_errors.NoLongerOpen):
        engine.signal(request.pk, "go", admin)
    decide(bob, "reject")
    assert live(request) == ["ask open"]
    decide(bob, "reject")
    assert live(request) == ["wait open"], "each ends one wait"
    assert list(findings()) == []


# --- calls ------------------------------------------------------------------------------------------------


def fan(key: str, called: str, branches: int) -> dict[str, Any]:
    """A process that calls another one in so many branches at once."""
    calls = {
        f"c{number}": {"kind": "call", "name": "Call", "process": called, "data": {"item": "item"}}
        for number in range(branches)
    }
    ways = [
        (call, outcome, ":approved") for call in calls for outcome in ("approved", "rejected", "withdrawn")
    ]
    return process(
        {"all": block({call: call for call in calls}, result=[{"approved": "all"}]), **calls},
        "all",
        [*ways, ("all", "approved", "approved"), ("all", "rejected", "rejected")],
        key=key,
    )


def worked() -> None:
    while rows := calling.due(50):
        for row in rows:
            calling.work(row)


def test_how_many_requests_a_process_may_call_at_a_time(bob: Person) -> None:
    asks = process({"ask": step(bob)}, "ask", [("ask", "approve", "approved"), ("ask", "reject", "rejected")])
    publish({**asks, "key": "leaf"})
    publish(fan("middle", "leaf", 4))
    assert parse_definition(fan("wide", "middle", 20))  # 20, and 4 of each
    publish(fan("middle", "leaf", 5))
    for source, number in ((fan("wide", "middle", 20), 120), (fan("itself", "itself", 3), 363)):
        with pytest.raises(DefinitionInvalid) as refused:
            parse_definition(source)
        assert refused.value.problems == [
            "steps: its calls, with those of the processes that they call, come to "
            f"{number} requests at a time; 100 is the most"
        ]
    assert parse_definition(fan("itself", "itself", 2))


def test_whatever_others_publish_later_no_request_calls_without_end(
    alice: Person, bob: Person, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_limits, "MOST_OPEN", 5)
    monkeypatch.setattr(calling, "MOST_OPEN", 5)
    asks = process({"ask": step(bob)}, "ask", [("ask", "approve", "approved"), ("ask", "reject", "rejected")])
    publish({**asks, "key": "leaf"})
    publish({**asks, "key": "middle"})
    request = begun(fan("wide", "middle", 2), alice)
    publish(fan("middle", "leaf", 3))  # was checked by itself
    worked()
    called = Request.objects.exclude(pk=request.pk)
    assert called.filter(state="open").count() == 5
    stuck = Visit.objects.filter(state=Visit.State.STUCK)
    assert {visit.reason for visit in stuck} == {
        "5 requests that were called are open already; try again when some have ended"
    }
    assert stuck.count() == 3
    for _ in range(6):
        for seat in Assignment.objects.filter(state=Assignment.State.OPEN):
            engine.decide(seat.pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
        worked()
        for visit in stuck.all():
            engine.ask_again(visit.pk, admin)
        worked()
    assert standing(request) == ("ended", "approved")
    assert called.count() == 8
    assert list(findings()) == []


def test_a_branch_that_called_is_cancelled_at_any_moment(alice: Person, bob: Person, dave: Person) -> None:
    asks = process({"ask": step(bob)}, "ask", [("ask", "approve", "approved"), ("ask", "reject", "rejected")])
    publish({**asks, "key": "leaf"})
    call = {"kind": "call", "name": "Call", "process": "leaf", "data": {"item": "item"}}
    source = process(
        {"both": block({"a": "call", "b": "veto"}), "call": call, "veto": step(dave)},
        "both",
        [
            ("call", "approved", ":approved"), ("call", "rejected", ":rejected"), ("call", "withdrawn", ":rejected"),
            ("veto", "approve", ":approved"), ("veto", "reject", ":rejected"), ("both", "approved", "approved"),
            ("both", "rejected", "rejected"),
        ],
    )  # fmt: skip
    ends = []
    for moment in ("before it was called", "before it went on", "before it was withdrawn"):
        request = begun(source, alice)
        if moment != "before it was called":
            worked()
        if moment == "before it went on":
            decide(bob)
        decide(dave, "reject")
        if moment == "before it was withdrawn":
            decide(bob)
        worked()
        assert standing(request) == ("ended", "rejected"), moment
        ends += [(moment, called.result) for called in Request.objects.filter(parent_visit__request=request)]
    assert ends == [("before it went on", "approved"), ("before it was withdrawn", "approved")]
    assert not CallTask.objects.filter(done_at=None).exists()
    assert list(findings()) == []
