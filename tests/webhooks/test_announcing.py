"""Events are made of what a request's record says: of all that happened, once, in its order, and of nothing else."""

from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.definitions import definition_of
from placet.approvals.evidence_entries import EVENTS
from placet.approvals.models import Request
from placet.approvals.processes import publish
from placet.approvals.steps import ApprovalStep
from placet.audit import chain
from placet.audit.models import AuditEntry, ChainHead
from placet.webhooks import announcing, callbacks, endpoints, events, signing
from placet.webhooks.endpoints import EndpointInvalid, Wanted
from placet.webhooks.models import Delivery, Endpoint, Event
from tests.making import SAMPLE, one_step, start, values
from tests.webhooks.conftest import Hook, decided, run

pytestmark = pytest.mark.django_db


def behind() -> int:
    return ChainHead.objects.exclude(unannounced=None).count()


def told(request: Request) -> list[tuple[int, str]]:
    return list(Event.objects.filter(request=request).order_by("pk").values_list("sequence", "type"))


def expected(request: Request) -> list[tuple[int, str]]:
    """By hand, from the record."""
    by_entry = {one.entry: one.type for one in events.TYPES if one.type != events.SENT_BACK}
    entries = AuditEntry.objects.filter(request=request).order_by("seq")
    return [(one.seq, by_entry[one.what["event"]]) for one in entries if one.what["event"] in by_entry]


def test_each_entry_that_is_an_event_is_told_of_once_and_in_order(
    hook: Hook, alice: Person, bob: Person
) -> None:
    request = decided(alice, bob)
    assert run("announce") == 1
    types = [kind for _, kind in told(request)]
    assert types[0] == "request.started"
    assert types[-1] == "request.ended"
    assert types.count("request.decided") == 1
    assert told(request) == expected(request)
    assert Delivery.objects.filter(endpoint=hook.endpoint).count() == len(types)
    assert (run("announce"), behind()) == (0, 0)
    assert told(request) == expected(request)


def test_what_was_taken_back_is_told_to_nobody(hook: Hook, alice: Person) -> None:
    with transaction.atomic():
        start(SAMPLE, alice)
        transaction.set_rollback(True)
    assert run("announce") == 0
    assert not Event.objects.exists()


def test_where_nobody_listens_all_is_passed_over_with_the_same_statements(alice: Person) -> None:
    def statements(requests: int) -> int:
        for number in range(requests):
            start(SAMPLE, alice, item=f"Desk {number}")
        with CaptureQueriesContext(connection) as captured:
            assert announcing.work(announcing.ALL)
        assert behind() == 0
        return len(captured)

    assert statements(2) == statements(20)
    assert not Event.objects.exists()
    assert not announcing.work(announcing.ALL)


def test_a_record_takes_as_many_statements_whatever_happened(hook: Hook, alice: Person, bob: Person) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert announcing.work(announcing.ALL)
        return len(captured)

    request = start(SAMPLE, alice)
    few = statements()
    engine.withdraw(request.pk, by=alice)
    assert statements() == few
    decided(alice, bob, item="Chair")
    assert statements() == few


def test_an_endpoint_hears_of_its_events_and_processes_alone(hook: Hook, alice: Person, bob: Person) -> None:
    other = start(one_step([{"person": "bob@contoso.example"}]), alice)
    engine.withdraw(other.pk, by=alice)
    publish(values(SAMPLE))
    wanted = Wanted("https://hooks.example/in", events=["request.ended"], processes=["purchase"])
    narrow, _ = endpoints.make(wanted, alice)
    mine = decided(alice, bob)
    run("announce")
    heard = Event.objects.filter(deliveries__endpoint=narrow)
    assert list(heard.values_list("request", "type")) == [(mine.pk, "request.ended")]
    assert told(other) == expected(other)  # by the one that wants all


def test_a_callback_hears_of_its_request_alone_and_of_how_it_ended_if_nothing_else_is_said(
    alice: Person, bob: Person
) -> None:
    request = start(SAMPLE, alice)
    url, secret = "https://erp.example/back", signing.new_secret()
    one = callbacks.register(request, url, secret)
    another = start(SAMPLE, alice, item="Chair")
    all_of_it = callbacks.register(another, url, secret, ["request.started", "request.withdrawn"])
    engine.withdraw(request.pk, by=alice)
    engine.withdraw(another.pk, by=alice)
    start(SAMPLE, alice, item="Lamp")
    run("announce")
    heard = {
        endpoint.pk: list(Event.objects.filter(deliveries__endpoint=endpoint).values_list("request", "type"))
        for endpoint in (one, all_of_it)
    }
    assert heard == {
        one.pk: [(request.pk, "request.withdrawn")],
        all_of_it.pk: [(another.pk, "request.started"), (another.pk, "request.withdrawn")],
    }
    assert behind() == 0


@pytest.mark.parametrize(
    ("url", "events_", "field"),
    [
        ("http://erp.example/back", None, "url"),
        ("https://10.0.0.8/back", None, "url"),
        ("https://name:password@erp.example/", None, "url"),
        ("https://erp.example/back", ["request.eaten"], "events"),
        ("https://erp.example/back", [], "events"),
    ],
)
def test_a_callback_that_cannot_be_is_refused_before_anything_starts(
    url: str, events_: list[str] | None, field: str
) -> None:
    with pytest.raises(EndpointInvalid) as refused:
        callbacks.check(url, events_)
    assert refused.value.field == field


def test_what_is_written_meanwhile_is_looked_at_anew(
    hook: Hook, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = start(SAMPLE, alice)
    write = announcing._write

    def and_somebody_withdraws(*args: Any) -> None:
        write(*args)
        engine.withdraw(request.pk, by=alice)

    with monkeypatch.context() as patch:
        patch.setattr(announcing, "_write", and_somebody_withdraws)
        announcing.work(announcing.ALL)
    # Here the withdrawal was a part of what is taken back, as it would not be in another process.
    assert (Event.objects.count(), behind()) == (0, 1)
    engine.withdraw(request.pk, by=alice)
    run("announce")
    assert told(request) == expected(request)


def test_a_record_that_counts_as_behind_twice_makes_no_event_twice(
    hook: Hook, alice: Person, bob: Person
) -> None:
    """As when whoever decides had read the head just before it was announced."""
    request = start(SAMPLE, alice)
    run("announce")
    ChainHead.objects.filter(pk=request.pk).update(unannounced=1)
    Delivery.objects.update(state=Delivery.State.SENT)
    engine.withdraw(request.pk, by=alice)
    assert ChainHead.objects.get(pk=request.pk).unannounced == 1
    run("announce")
    assert told(request) == expected(request)
    assert Delivery.objects.filter(state=Delivery.State.WAITING).count() < Event.objects.count()
    assert Delivery.objects.count() == Event.objects.count()


def test_one_record_that_cannot_be_announced_stops_no_other(
    hook: Hook, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = start(SAMPLE, alice), start(SAMPLE, alice, item="Chair")
    announce = announcing._announce

    def fails(number: int, listening: Any) -> bool:
        if number == bad.pk:
            raise ValueError("damaged")
        return announce(number, listening)

    with monkeypatch.context() as patch:
        patch.setattr(announcing, "_announce", fails)
        assert announcing.work(announcing.ALL)
        assert not announcing.work(announcing.ALL)
    assert told(good) == expected(good)
    assert told(bad) == []
    run("announce")
    assert told(bad) == expected(bad)


def test_one_that_failed_for_days_can_be_asked_for_what_happened_since_one_switched_off_by_hand_not(
    hook: Hook, alice: Person
) -> None:
    by_hand, _ = endpoints.make(Wanted("https://hooks.example/in"), alice)
    endpoints.switch_off(by_hand, Endpoint.Disabled.BY_HAND, alice)
    endpoints.switch_off(hook.endpoint, Endpoint.Disabled.FAILING)
    start(SAMPLE, alice)
    run("announce")
    assert not Delivery.objects.filter(endpoint=by_hand).exists()
    missed = Delivery.objects.filter(endpoint=hook.endpoint)
    assert {one.state for one in missed} == {Delivery.State.FAILED}
    assert endpoints.replay(missed, alice) == 0  # it is still off
    endpoints.switch_on(hook.endpoint, alice)
    assert endpoints.replay(missed, alice) == missed.count() > 0


def test_a_step_that_asks_for_a_change_is_told_as_sent_back(hook: Hook, alice: Person) -> None:
    request = start(SAMPLE, alice)
    definition = definition_of(request.version)
    step = next(key for key, one in definition.steps.items() if isinstance(one, ApprovalStep))
    entry = AuditEntry(seq=9, who="system", what={"event": "entered", "step": step, "round": 1})
    kind = events.type_of(entry, definition)
    assert kind is not None and kind.type == "request.step_entered"
    revising = definition.steps[step].model_copy(update={"kind": "revise"})
    changed = definition.model_copy(update={"steps": {**definition.steps, step: revising}})
    kind = events.type_of(entry, changed)
    assert kind is not None and kind.type == events.SENT_BACK


def test_every_entry_of_an_event_is_one_that_records_have() -> None:
    """A word that was misspelled would be an event that never comes."""
    assert events.ENTRIES - set(EVENTS) <= {"entered", "due", "escalated", "expired", "not delivered"}


def test_the_chain_holds_with_and_without_the_mark(hook: Hook, alice: Person, bob: Person) -> None:
    decided(alice, bob)
    assert list(chain.verify()) == []
    run("announce")
    assert list(chain.verify()) == []
