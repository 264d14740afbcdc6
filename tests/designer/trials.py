"""A process and people to try it with."""

from collections.abc import Sequence
from datetime import UTC, datetime

from placet.accounts.addresses import add_person
from placet.accounts.models import Person
from placet.designer.trying_events import Event, Start

MONDAY = datetime(2027, 3, 1, 10, 0, tzinfo=UTC)
PURCHASE = """
key: purchase
name: Purchase
title: "{item}"
form:
  - {name: item, label: Item, type: text}
  - {name: amount, label: Amount, type: money, currency: EUR}
start: manager
steps:
  manager:
    kind: approval
    name: Manager
    ask: [{manager: true}]
    rule: first
    due: 2 working days
    remind: [1 working day before]
    escalate: [{when: when due, also: [{manager: 2}]}]
    expire: {after: 1 working day, outcome: reject}
  approved: {kind: end, name: Approved, result: approved}
  rejected: {kind: end, name: Rejected, result: rejected}
transitions:
  - {from: manager, outcome: approve, to: approved}
  - {from: manager, outcome: reject, to: rejected}
"""
ALICE, BOB, CAROL = (f"{name}@contoso.example" for name in ("alice", "bob", "carol"))
START = Start(ALICE, {"item": "Chair", "amount": "200"}, MONDAY)


def people() -> dict[str, Person]:
    """Alice, whose manager is Bob, whose manager is Carol; by address."""
    carol = person(CAROL)
    bob = person(BOB, carol)
    return {CAROL: carol, BOB: bob, ALICE: person(ALICE, bob)}


def person(address: str, manager: Person | None = None) -> Person:
    one = add_person(address.partition("@")[0].title(), address)
    one.manager = manager
    one.save()
    return one


def after(*events: Event) -> Sequence[Event]:
    return [START, *events]
