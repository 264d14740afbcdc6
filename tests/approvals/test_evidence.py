"""The record against the tables: whatever was changed behind it is named."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models import F

from placet import cli
from placet.accounts.models import Person
from placet.approvals import engine, evidence, evidence_tables
from placet.approvals.evidence import Differs
from placet.approvals.models import Assignment, Counter, Decision, Request, Version
from placet.lib.canonical import digest
from placet.mail.models import OutgoingMail
from tests.making import SAMPLE, damage, entry_of, make_mailbox, open_for, start

pytestmark = pytest.mark.django_db


@pytest.fixture
def decided(alice: Person, bob: Person, dave: Person) -> Request:
    """One request that Bob approved, beside one that waits."""
    request = start(SAMPLE, alice)
    engine.decide(open_for(bob).pk, by=bob, outcome="approve", comment="Good.", channel=Decision.Channel.PAGE)
    start(SAMPLE, alice)
    assert list(evidence.compare()) == []
    return request


def entry(request: Request, event: str) -> int:
    return entry_of(event, request=request).seq


CHANGES: dict[str, Callable[[], object]] = {
    "the outcome was changed": lambda: Decision.objects.update(outcome="reject"),
    "the comment was changed": lambda: Decision.objects.update(comment="Good!"),
    "who decided was changed": lambda: Decision.objects.update(
        by_person=Person.objects.get(email="dave@contoso.example")
    ),
    "the channel was changed": lambda: Decision.objects.update(channel="mail"),
    "a decision is gone": lambda: Decision.objects.all().delete(),
    "when it was decided was changed": lambda: Decision.objects.update(at=F("at") + timedelta(seconds=1)),
    "what was answered beside it was changed": lambda: Decision.objects.update(answers={"x": 1}),
}


@pytest.mark.parametrize("reason", CHANGES)
def test_a_changed_decision_is_named(reason: str, decided: Request) -> None:
    CHANGES[reason]()
    assert list(evidence.compare()) == [Differs(decided.pk, entry(decided, "decided"), reason)]
    assert list(evidence.compare(decided.pk)) == list(evidence.compare())
    assert list(evidence.compare(Request.objects.exclude(pk=decided.pk).get().pk)) == []


def test_a_mail_that_is_damaged_where_it_lies_is_named_and_ends_no_look_at_the_others(
    alice: Person, bob: Person
) -> None:
    make_mailbox()
    first, second = (start(SAMPLE, alice) for _ in range(2))
    OutgoingMail.objects.filter(ask__lines__assignment__visit__request=second).update(subject="Another")
    damage(OutgoingMail.objects.get(ask__lines__assignment__visit__request=first))
    assert list(evidence.compare()) == [
        Differs(first.pk, entry(first, "asked"), "what was shown was changed"),
        Differs(second.pk, entry(second, "asked"), "the subject of a mail that asks was changed"),
    ]


STATES: dict[str, tuple[str, Callable[[Request], object]]] = {
    "the result of the request was changed": (
        "ended",
        lambda r: Request.objects.filter(pk=r.pk).update(result="x"),
    ),
    "the state of the request was changed": (
        "ended",
        lambda r: Request.objects.filter(pk=r.pk).update(state="open"),
    ),
    "when it ended was changed": ("ended", lambda r: Request.objects.filter(pk=r.pk).update(closed_at=None)),
    "who asked was changed": (
        "started",
        lambda r: Request.objects.filter(pk=r.pk).update(
            requester=Person.objects.get(name__startswith="Dave")
        ),
    ),
    "the title was changed": ("started", lambda r: Request.objects.filter(pk=r.pk).update(title="Yacht")),
    "the definition of the process was changed": (
        "started",
        lambda r: Version.objects.filter(requests=r).update(definition={**r.version.definition, "x": 1}),
    ),
    "the state of a step was changed": ("closed", lambda r: r.visits.update(state="open")),
    "the result of a step was changed": ("closed", lambda r: r.visits.update(result="reject")),
    "a step is gone": ("entered", lambda r: r.visits.update(step_key="finance")),
    "the state of who is asked was changed": (
        "decided",
        lambda r: Assignment.objects.filter(visit__request=r).update(state="open"),
    ),
    "whether somebody may answer in their place was changed": (
        "asked",
        lambda r: Assignment.objects.filter(visit__request=r).update(has_delegates=True),
    ),
}


@pytest.mark.parametrize("reason", STATES)
def test_a_changed_state_is_named(reason: str, decided: Request) -> None:
    event, change = STATES[reason]
    change(decided)
    assert list(evidence.compare(decided.pk)) == [Differs(decided.pk, entry(decided, event), reason)]


def test_one_update_of_a_result_is_named_by_the_command(
    decided: Request, capsys: pytest.CaptureFixture[str]
) -> None:
    Request.objects.filter(pk=decided.pk).update(result="rejected")
    assert cli.main(["audit", "verify"]) == 1
    said = f"not as entry {entry(decided, 'ended')} says: the result of the request was changed"
    assert capsys.readouterr().out == f"Request {decided.number}: {said}.\n"


def test_requests_whose_record_is_broken_are_left_out(decided: Request) -> None:
    Request.objects.filter(pk=decided.pk).update(result="rejected")
    assert list(evidence.compare(but={decided.pk})) == []
    assert list(evidence.compare(decided.pk, but={decided.pk})) == []


def test_a_request_that_is_gone_with_its_record_leaves_a_gap(alice: Person, bob: Person) -> None:
    started = [start(SAMPLE, alice) for _ in range(4)]
    assert list(evidence.missing()) == []
    Counter.objects.update(last=5)
    assert list(evidence.missing()) == ["Request 5 is gone"]
    Counter.objects.update(last=3)
    assert list(evidence.missing()) == ["There is a request 4, and the last number that was given is 3"]
    Counter.objects.update(last=4)
    for request, number in ((started[0], 8), (started[1], 9)):
        Request.objects.filter(pk=request.pk).update(number=number)
    Counter.objects.update(last=9)
    assert list(evidence.missing()) == ["Requests 1 to 2 are gone", "Requests 5 to 7 are gone"]


def test_what_is_written_while_others_are_looked_at_is_no_difference(
    decided: Request, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entries are read before the rows: a decision that comes between is looked at once more."""
    tables = evidence_tables.tables_of

    def decided_meanwhile(ids: list[int], digests: evidence_tables.Digests) -> evidence_tables.Tables:
        monkeypatch.undo()
        engine.decide(open_for(bob).pk, by=bob, outcome="reject", channel=Decision.Channel.PAGE)
        return tables(ids, digests)

    monkeypatch.setattr(evidence, "tables_of", decided_meanwhile)
    assert list(evidence.compare()) == []


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
    Decision.objects.create(assignment=open_for(bob), outcome="approve", by_person=bob, channel="page")
    assert list(evidence.compare()) == [Differs(waiting.pk, 0, "a decision is there that was never recorded")]


def test_every_request_is_looked_at_however_many_there_are(
    decided: Request, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "AT_ONCE", 1)
    Request.objects.update(data_hash="0" * 64)
    assert [found.request_id for found in evidence.compare()] == sorted(
        Request.objects.values_list("pk", flat=True)
    )
