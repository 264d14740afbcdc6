"""The floor of a key: nothing that is asked with it takes an answer with less proof."""

from typing import Any

import pytest

from placet.accounts.models import Person
from placet.api import keys
from placet.api.keys import Scope
from placet.approvals import calling, engine, verification
from placet.approvals.definitions import definition_of
from placet.approvals.models import Decision, Request
from placet.approvals.processes import publish
from placet.mailboxes.models import Mailbox
from tests.api.conftest import Caller
from tests.making import make_mailbox, one_step, open_for

pytestmark = pytest.mark.django_db
ORDER: dict[str, Any] = {"title": "Order 4711", "to": ["bob@contoso.example"]}


@pytest.fixture(autouse=True)
def mailbox(db: None, bob: Person) -> Mailbox:
    return make_mailbox()


def program(person: Person, floor: str) -> Caller:
    key, text = keys.make(person, "ERP", {Scope.REQUESTS_READ, Scope.REQUESTS_WRITE}, floor=floor, by=None)
    return Caller(text, key)


@pytest.mark.one_world
@pytest.mark.parametrize(
    ("floor", "proof", "comes_to"),
    [
        ("", None, "colleague"),
        ("", "outside", ""),
        ("outside", None, "outside"),
        ("outside", "outside", "outside"),
        ("outside", "colleague", "colleague"),
        ("colleague", "outside", ""),
        ("page", None, "page"),
        ("page", "colleague", ""),
        ("page", "page", "page"),
    ],
)
def test_an_approval_asks_for_the_floor_or_more(
    alice: Person, floor: str, proof: str | None, comes_to: str
) -> None:
    answer = program(alice, floor).post(
        "/approvals", {**ORDER, **({"proof": proof} if proof else {})}, Idempotency_Key="1"
    )
    if comes_to:
        assert answer.status == 201
        [version] = [one.version for one in Request.objects.select_related("version")]
        assert definition_of(version).proof_for("approval") == comes_to
    else:
        assert (answer.problem, answer.pointers) == ("invalid", ["/proof"])
        assert not Request.objects.exists()


def _of(proof: str, key: str = "asking", **more: Any) -> dict[str, Any]:
    return {**one_step([{"person": "bob@contoso.example"}], key=key), "proof": proof, **more}


def _calling(proof: str, called: str) -> dict[str, Any]:
    """Asks with one proof, and then calls a process that asks with another."""
    publish(_of(called, "called"))
    return _and_then(_of(proof), "called")


def _and_then(made: dict[str, Any], process: str) -> dict[str, Any]:
    """The same, which calls another process once it is approved."""
    made["steps"]["more"] = {"kind": "call", "name": "More", "process": process}
    first = made["transitions"][0]
    end, first["to"] = first["to"], "more"
    made["transitions"] += [
        {"from": "more", "outcome": result, "to": end} for result in ("approved", "rejected", "withdrawn")
    ]
    return made


@pytest.mark.one_world
@pytest.mark.parametrize(
    ("floor", "proof", "called", "is_started"),
    [
        ("", "outside", "", True),
        ("colleague", "outside", "", False),
        ("colleague", "colleague", "", True),
        ("colleague", "page", "", True),
        ("page", "colleague", "", False),
        ("page", "page", "", True),
        ("page", "page", "colleague", False),
        ("page", "page", "page", True),
    ],
)
def test_a_process_that_takes_less_is_not_started(
    alice: Person, floor: str, proof: str, called: str, is_started: bool
) -> None:
    publish(_calling(proof, called) if called else _of(proof))
    answer = program(alice, floor).post(
        "/requests", {"process": "asking", "data": {"item": "Laptop"}}, Idempotency_Key="1"
    )
    if is_started:
        assert answer.status == 201, answer.json
    else:
        assert answer.problem == "not-allowed"
        assert f"“{floor}” at least" in answer.json["detail"]
    assert Request.objects.exists() is is_started


@pytest.mark.parametrize(
    ("floor", "weakened", "is_called"),
    [
        ("colleague", "outside", False),
        ("page", "colleague", False),
        ("colleague", "page", True),
        ("", "outside", True),
    ],
)
def test_a_called_process_that_was_weakened_meanwhile_is_not_called(
    alice: Person, bob: Person, floor: str, weakened: str, is_called: bool
) -> None:
    """What is called is the newest version when its step comes; and what that one calls is held to the same."""
    publish(_of("page", "deeper"))
    publish(_and_then(_of("page", "called"), "deeper"))
    publish(_and_then(_of("page"), "called"))
    answer = program(alice, floor).post(
        "/requests", {"process": "asking", "data": {"item": "Laptop"}}, Idempotency_Key="1"
    )
    assert answer.status == 201, answer.json
    publish(_of(weakened, "deeper"))
    for _ in range(2):
        engine.decide(open_for(bob).pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
        _call()
    called = Request.objects.get(version__process__key="called")
    assert Request.objects.filter(parent_visit__request=called).exists() is is_called
    if not is_called:
        reason = called.visits.get(step_key="more").reason
        assert f"takes answers with the proof “{weakened}”" in reason
        assert f"asks for “{floor}” at least" in reason
    assert not list(verification.findings())


def _call() -> None:
    for row in calling.due(50):
        assert calling.work(row)
