"""The record against the tables: whatever was changed behind it is named."""

from collections.abc import Callable

import pytest

from placet.accounts.models import Person
from placet.approvals import engine, evidence
from placet.approvals.evidence import Differs
from placet.approvals.models import Decision, Request, Visit
from placet.audit.models import AuditEntry
from placet.lib.canonical import digest
from tests.making import SAMPLE, open_for, start

pytestmark = pytest.mark.django_db


@pytest.fixture
def decided(alice: Person, bob: Person, dave: Person) -> Request:
    """One request that Bob approved, beside one that waits."""
    request = start(SAMPLE, alice)
    engine.decide(open_for(bob).pk, by=bob, outcome="approve", comment="Good.", door=Decision.Door.PAGE)
    start(SAMPLE, alice)
    assert list(evidence.compare()) == []
    return request


def entry(request: Request, event: str) -> int:
    return AuditEntry.objects.get(request=request, what__event=event).seq


CHANGES: dict[str, Callable[[], object]] = {
    "the outcome was changed": lambda: Decision.objects.update(outcome="reject"),
    "the comment was changed": lambda: Decision.objects.update(comment="Good!"),
    "who decided was changed": lambda: Decision.objects.update(
        by_person=Person.objects.get(email="dave@contoso.example")
    ),
    "the door was changed": lambda: Decision.objects.update(door="mail"),
    "the step was changed": lambda: Visit.objects.update(step_key="finance"),
    "the decision is gone": lambda: Decision.objects.all().delete(),
}


@pytest.mark.parametrize("reason", CHANGES)
def test_a_changed_decision_is_named(reason: str, decided: Request) -> None:
    CHANGES[reason]()
    assert list(evidence.compare()) == [Differs(decided.pk, entry(decided, "decided"), reason)]
    assert list(evidence.compare(decided.pk)) == list(evidence.compare())
    assert list(evidence.compare(Request.objects.exclude(pk=decided.pk).get().pk)) == []


@pytest.mark.parametrize("with_hash", [False, True])
def test_changed_data_is_named_whether_its_hash_was_changed_too_or_not(
    with_hash: bool, decided: Request
) -> None:
    data = {**decided.data, "item": "Yacht"}
    Request.objects.filter(pk=decided.pk).update(data=data)
    if with_hash:
        Request.objects.filter(pk=decided.pk).update(data_hash=digest(data))
    changed = Differs(decided.pk, entry(decided, "started"), "what was asked for was changed")
    assert list(evidence.compare()) == [changed]


def test_a_decision_that_nobody_recorded_is_named(decided: Request, bob: Person) -> None:
    waiting = Request.objects.exclude(pk=decided.pk).get()
    Decision.objects.create(assignment=open_for(bob), outcome="approve", by_person=bob, door="page")
    assert list(evidence.compare()) == [Differs(waiting.pk, 0, "a decision is there that was never recorded")]


def test_every_request_is_looked_at_however_many_there_are(
    decided: Request, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "AT_ONCE", 1)
    Request.objects.update(data_hash="0" * 64)
    assert [found.request_id for found in evidence.compare()] == sorted(
        Request.objects.values_list("pk", flat=True)
    )
