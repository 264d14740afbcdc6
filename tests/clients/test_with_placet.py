"""`placet_client` against Placet itself: what it asks takes effect once, whatever happens on the way, and what Placet
answers is what it reads."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from placet_client import (
    Invalid,
    NotFound,
    NotOpen,
    Problem,
    ScopeMissing,
    Stale,
    StillOpen,
    Unauthorised,
    Upload,
)

from placet.accounts.models import Person
from placet.api import limits, waiting
from placet.api.keys import Scope
from placet.approvals import engine
from placet.approvals.models import Decision, Request
from placet.approvals.processes import publish
from tests.clients.in_process import Fault, bad_gateway, client_of, cut
from tests.making import FORM, make_mailbox, one_step, open_for

DESK = {"item": "Desk", "amount": 900}


@pytest.fixture(autouse=True)
def _process(alice: Person) -> None:
    limits.forget()
    make_mailbox()
    files = {"name": "offer", "label": "Offer", "type": "files"}
    publish(one_step([{"manager": True}], form=[*FORM, files]))


def answer_of(person: Person, outcome: str = "approve", comment: str = "") -> None:
    engine.decide(
        open_for(person).pk, by=person, outcome=outcome, comment=comment, channel=Decision.Channel.PAGE
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([cut, bad_gateway], []),
        ([], [cut]),
        ([], [bad_gateway, cut, cut]),
        ([bad_gateway], [cut]),
    ],
)
def test_whatever_happens_on_the_way_it_is_asked_once(
    alice: Person, before: list[Fault], after: list[Fault]
) -> None:
    placet, network, _ = client_of(alice)
    network.before, network.after = [*before], [*after]
    request = placet.start_request("one-step", DESK)
    assert str(Request.objects.get().public_id) == request.id
    replayed = [answer.headers.get("Idempotency-Replayed") for answer in network.answers]
    assert replayed == [None] + ["true"] * len(after)


def test_a_program_that_is_run_again_gets_the_request_of_the_first_time(alice: Person) -> None:
    placet, _, _ = client_of(alice)
    first = placet.start_request("one-step", DESK, idempotency_key="PO-7/1")
    again, _, _ = client_of(alice)  # another key asks anew
    assert placet.start_request("one-step", DESK, idempotency_key="PO-7/1") == first
    assert again.start_request("one-step", DESK, idempotency_key="PO-7/1").id != first.id
    with pytest.raises(Problem) as caught:
        placet.start_request("one-step", {**DESK, "amount": 901}, idempotency_key="PO-7/1")
    assert caught.value.name == "idempotency-key-reused"


def test_what_is_read_is_what_was_asked(alice: Person, bob: Person) -> None:
    placet, _, _ = client_of(alice)
    (process,) = placet.processes()
    assert placet.process(process.key) == process
    assert set(process.form["properties"]) >= {"item", "amount"}
    request = placet.start_request(process.key, DESK, files={"offer": [Upload("offer.pdf", b"%PDF\0\xff")]})
    assert placet.file(request, request.files[0].id) == b"%PDF\0\xff"
    assert (request.title, request.state, request.is_open, dict(request.data)) == ("Desk", "open", True, DESK)
    assert request.requester is not None
    assert request.requester.address == alice.email
    (assignment,) = request.steps[0].assignments
    assert assignment.person is not None
    assert (assignment.person.address, assignment.decision) == (bob.email, None)
    assert request.unknown == {}  # of this version every name is known
    assert placet.get(request.id) == request
    assert [one.id for one in placet.list(state="open", process="one-step", q="Desk")] == [request.id]
    assert list(placet.list(state="ended")) == []
    assert [entry.sequence for entry in placet.events(request)] == list(range(1, (request.sequence or 0) + 1))
    assert next(placet.events(request)).at == request.created_at


def while_it_waits(monkeypatch: pytest.MonkeyPatch, *happenings: Callable[[], Any]) -> None:
    """Placet's own pauses pass at once; in each, one thing happens."""
    left = list(happenings)

    def sleep(seconds: float) -> None:
        if left:
            left.pop(0)()

    monkeypatch.setattr("placet.api.waiting.time.sleep", sleep)


def test_who_waits_gets_the_answer_over_faults_of_the_network(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    placet, network, clock = client_of(alice)
    request = placet.start_request("one-step", DESK)
    network.before = [bad_gateway, cut]
    network.after = [cut]
    changes: list[int | None] = []
    while_it_waits(monkeypatch, lambda: None, lambda: answer_of(bob, comment="Fine by me"))
    ended = placet.wait(request, 3600, on_change=lambda state: changes.append(state.sequence))
    assert (ended.state, ended.result) == ("ended", "approved")
    (decision,) = ended.decisions
    assert decision.by is not None
    assert (decision.outcome, decision.comment, decision.channel) == ("approve", "Fine by me", "page")
    assert decision.by.address == bob.email
    assert changes == [ended.sequence]
    assert clock.now < 1000 + 60


def test_who_waits_in_vain_is_told_so(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    placet, network, clock = client_of(alice)
    request = placet.start_request("one-step", DESK)
    monkeypatch.setattr(waiting, "_places", threading.BoundedSemaphore(1))
    waiting._places.acquire()  # somebody else waits
    with pytest.raises(StillOpen) as caught:
        placet.wait(request, 60)
    assert caught.value.request.id == request.id
    assert {answer.headers["Retry-After"] for answer in network.answers[1:]} == {str(waiting.COME_BACK)}
    assert clock.pauses[0] == waiting.COME_BACK
    assert clock.now == 1000 + 60


def test_a_request_is_taken_back_as_it_was_seen(alice: Person, bob: Person) -> None:
    placet, network, _ = client_of(alice)
    seen = placet.start_request("one-step", DESK)
    reminded = placet.remind(seen)
    assert [person.address for person in (*reminded.reminded, *reminded.too_soon)] == [bob.email]
    if placet.get(seen.id).sequence != seen.sequence:
        with pytest.raises(Stale):
            placet.withdraw(seen)
    network.after = [lambda _: None, cut]  # the answer about its state comes, that of taking it back is lost
    withdrawn = placet.withdraw(seen.id)
    assert withdrawn.state == "withdrawn"
    with pytest.raises(NotOpen):
        placet.withdraw(seen.id)


def test_each_refusal_is_an_error_of_its_own(alice: Person, dave: Person, carol: Person) -> None:
    placet, _, _ = client_of(alice)
    request = placet.start_request("one-step", DESK)
    with pytest.raises(Invalid) as caught:
        placet.start_request("one-step", {"item": "", "amount": "much"})
    assert {place.pointer for place in caught.value.errors} >= {"/data/amount"}
    assert caught.value.type == f"{caught.value.type.partition('/api/')[0]}/api/problems#invalid"
    stranger, _, _ = client_of(dave)
    with pytest.raises(NotFound):
        stranger.get(request.id)
    reader, _, _ = client_of(alice, Scope.REQUESTS_READ)
    with pytest.raises(ScopeMissing, match="requests:write"):
        reader.start_request("one-step", DESK)
    alice.is_active = False
    alice.save()
    with pytest.raises(Unauthorised):
        placet.get(request.id)
