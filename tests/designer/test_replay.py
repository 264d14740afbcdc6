"""The requests of the last days, run through a draft: those that would go another way are told with what differs."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.definitions import Definition
from placet.approvals.models import Assignment, Decision, Request
from placet.approvals.processes import parse_definition, publish
from placet.designer.replay import differences_of, replay, to_replay
from placet.lib import clock
from tests.designer.trials import ALICE, BOB, CAROL, PURCHASE, people
from tests.designer.whole_database import contents

pytestmark = pytest.mark.django_db

#: Above 1,000 it goes to Carol as well; Bob says to which cost centre.
TWO_STEPS = """
key: purchase
name: Purchase
title: "{item}"
form:
  - {name: item, label: Item, type: text}
  - {name: amount, label: Amount, type: money, currency: EUR}
  - {name: centre, label: Cost centre, type: text}
start: manager
start_form: {hide: [centre]}
steps:
  manager:
    kind: approval
    name: Manager
    ask: [{manager: true}]
    rule: first
    form: {fill: [centre]}
    questions: [{name: why, label: Why, type: text}]
  finance: {kind: approval, name: Finance, ask: [{person: carol@contoso.example}], rule: first}
  approved: {kind: end, name: Approved, result: approved}
  rejected: {kind: end, name: Rejected, result: rejected}
transitions:
  - {from: manager, outcome: approve, when: amount > 1000, to: finance}
  - {from: manager, outcome: approve, to: approved}
  - {from: manager, outcome: reject, to: rejected}
  - {from: finance, outcome: approve, to: approved}
  - {from: finance, outcome: reject, to: rejected}
"""


@pytest.fixture(autouse=True)
def known() -> dict[str, Person]:
    return people()


def started(known: Mapping[str, Person], source: str, amount: str = "2000") -> Request:
    begun = clock.now() - timedelta(days=2)
    with clock.standing_at(begun):
        return engine.start(publish(source), known[ALICE], {"item": "Chair", "amount": amount})


def decided(request: Request, by: Person, step: str, outcome: str = "approve", **more: Any) -> None:
    seat = Assignment.objects.get(visit__request=request, visit__step_key=step)
    # Each answer an hour after the one before: replay takes them in the order of their times.
    answered = Decision.objects.filter(assignment__visit__request=request).count()
    with clock.standing_at(request.created_at + timedelta(hours=answered + 1)):
        engine.decide(seat.pk, by=by, outcome=outcome, channel=Decision.Channel.PAGE, **more)
    request.refresh_from_db()


def approved(known: Mapping[str, Person], amount: str = "2000") -> Request:
    request = started(known, TWO_STEPS, amount)
    decided(request, known[BOB], "manager", entered={"centre": "4711"}, answers={"why": "It broke"})
    if request.state == Request.State.OPEN:
        decided(request, known[CAROL], "finance", comment="In the budget")
    assert request.result == "approved" and request.data["centre"] == "4711"
    return request


def defined(source: str) -> Definition:
    return parse_definition(source)


def test_the_same_process_goes_the_same_way(known: dict[str, Person]) -> None:
    request = approved(known)
    before = contents()
    assert differences_of(request, defined(TWO_STEPS)) == []
    assert contents() == before


def test_another_limit_leads_another_way(known: dict[str, Person]) -> None:
    request = approved(known)
    assert differences_of(request, defined(TWO_STEPS.replace("> 1000", "> 5000"))) == [
        "Path: manager=approve (expected: manager=approve → finance=approve).",
        f"Asked in finance: – (expected: {CAROL}).",
        "Carol is not asked in “Finance”.",
    ]


def test_a_new_way_to_an_end_is_another_result(known: dict[str, Person]) -> None:
    request = approved(known, "500")
    turned = TWO_STEPS.replace("outcome: approve, to: approved}", "outcome: approve, to: rejected}", 1)
    assert "Result: rejected (expected: approved)." in (differences_of(request, defined(turned)) or [])


def test_a_step_of_another_key_gets_no_answer(known: dict[str, Person]) -> None:
    request = approved(known, "500")
    renamed = TWO_STEPS.replace("  manager:", "  boss:").replace("from: manager", "from: boss")
    differences = differences_of(request, defined(renamed.replace("start: manager", "start: boss"))) or []
    assert "Path: boss (expected: manager=approve)." in differences
    assert "Result: open (expected: approved)." in differences


def test_a_withdrawn_one_is_withdrawn(known: dict[str, Person]) -> None:
    request = started(known, TWO_STEPS)
    with clock.standing_at(request.created_at + timedelta(hours=1)):
        engine.withdraw(request.pk, known[ALICE])
    request.refresh_from_db()
    assert differences_of(request, defined(TWO_STEPS)) == []


def test_one_that_waits_is_played_until_now(known: dict[str, Person]) -> None:
    """Its deadlines act in both plays, though nobody worked them yet."""
    request = started(known, PURCHASE, "200")
    later = PURCHASE.replace("due: 2 working days", "due: 90 working days")
    assert differences_of(request, defined(PURCHASE)) == []
    with clock.standing_at(request.created_at + timedelta(days=30)):
        differences = differences_of(request, defined(later)) or []
    assert "Result: open (expected: rejected)." in differences


def test_who_moved_since_is_no_difference(known: dict[str, Person]) -> None:
    request = approved(known, "500")
    Person.objects.filter(email=ALICE).update(manager=known[CAROL])
    assert differences_of(request, defined(TWO_STEPS)) == []


def test_one_whose_requester_left_cannot_be_played(known: dict[str, Person]) -> None:
    request = approved(known, "500")
    Person.objects.filter(email=ALICE).update(is_active=False)
    assert differences_of(request, defined(TWO_STEPS)) is None


def test_each_is_played_once(known: dict[str, Person]) -> None:
    requests = [approved(known, "500"), approved(known)]
    process = requests[0].version.process
    admin = known[CAROL]
    admin.is_administrator = True
    admin.save()
    assert [one.pk for one in to_replay(process, admin)] == [one.pk for one in requests]
    chunk = replay(process, defined(TWO_STEPS.replace("> 1000", "> 5000")), admin)
    assert (chunk.played, chunk.unplayed, chunk.after) == (2, 0, None)
    assert [one.public_id for one in chunk.differing] == [requests[1].public_id]
    assert replay(process, defined(TWO_STEPS), admin, after=requests[1].pk).played == 0
