"""Answers by API: by the engine's same call as on the page, where the process takes them."""

from typing import Any

import pytest

from placet.accounts.models import Person
from placet.approvals import engine, engine_errors, evidence
from placet.approvals.models import Assignment, Decision
from placet.approvals.processes import publish
from placet.audit import chain
from placet.mailboxes.models import Mailbox
from tests.making import entry_of, one_step, open_for, start

pytestmark = pytest.mark.django_db
API, PAGE = Decision.Channel.API, Decision.Channel.PAGE


def asks(person: Person, **more: Any) -> dict[str, Any]:
    return one_step([{"person": person.email}], **more)


def test_an_answer_by_api_counts_and_the_record_names_the_key(
    mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(asks(bob), alice)
    decision = engine.decide(open_for(bob).pk, by=bob, outcome="approve", channel=API, key="abcd2345")
    request.refresh_from_db()
    assert (request.result, decision.channel) == ("approved", "api")
    decided = entry_of("decided", request=request)
    assert (decided.what["door"], decided.what["key"]) == ("api", "abcd2345")
    assert list(chain.verify(request.pk)) == []
    assert list(evidence.compare(request.pk)) == []


def test_an_answer_on_the_page_names_no_key(alice: Person, bob: Person) -> None:
    request = start(asks(bob), alice)
    engine.decide(open_for(bob).pk, by=bob, outcome="approve", channel=PAGE)
    assert "key" not in entry_of("decided", request=request).what


@pytest.mark.parametrize(
    ("of_process", "of_step", "why"),
    [
        ({"decisions_by_api": False}, {}, "takes no decisions by API"),
        ({"proof": "page"}, {}, "on the page only"),
        ({}, {"proof": "page"}, "on the page only"),
    ],
)
def test_a_process_may_take_none(
    of_process: dict[str, Any], of_step: dict[str, Any], why: str, alice: Person, bob: Person
) -> None:
    definition = asks(bob, **of_process)
    definition["steps"]["step"] |= of_step
    start(definition, alice)
    seat = open_for(bob)
    with pytest.raises(engine_errors.NotByApi, match=why):
        engine.decide(seat.pk, by=bob, outcome="approve", channel=API, key="abcd2345")
    seat.refresh_from_db()
    assert seat.state == Assignment.State.OPEN
    engine.decide(seat.pk, by=bob, outcome="approve", channel=PAGE)


def test_somebody_who_is_not_asked_does_not_hear_what_the_process_takes(
    alice: Person, bob: Person, carol: Person
) -> None:
    start(asks(bob, decisions_by_api=False), alice)
    with pytest.raises(engine_errors.NotAllowed, match="Somebody else"):
        engine.decide(open_for(bob).pk, by=carol, outcome="approve", channel=API)


@pytest.mark.parametrize("proof", ["colleague", "outside"])
def test_a_key_proves_as_much_as_a_mail(proof: str, alice: Person, bob: Person) -> None:
    start(asks(bob, proof=proof, decisions_by_api=True), alice)
    assert engine.decide(open_for(bob).pk, by=bob, outcome="approve", channel=API).channel == "api"


def test_a_process_that_takes_none_takes_none_where_it_is_included(alice: Person, bob: Person) -> None:
    publish(asks(bob, decisions_by_api=False))
    around = {
        **asks(bob, key="around", start="sub"),
        "steps": {
            "sub": {"kind": "include", "process": "one-step"},
            "approved": {"kind": "end", "name": "Approved", "result": "approved"},
        },
        "transitions": [
            {"from": "sub", "outcome": outcome, "to": "approved"} for outcome in ("approved", "rejected")
        ],
    }
    start(around, alice)
    with pytest.raises(engine_errors.NotByApi):
        engine.decide(open_for(bob).pk, by=bob, outcome="approve", channel=API)
