"""What a receiver gets, how often, in which order; and what becomes of one that does not answer."""

import json
import socket
import threading
import time
from datetime import timedelta
from importlib import import_module
from typing import Any

import jsonschema
import pytest
import time_machine
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from placet import work
from placet.accounts.models import Person
from placet.approvals import engine, owning
from placet.approvals.models import Request
from placet.approvals.processes import publish
from placet.mail.models import OutgoingMail
from placet.webhooks import delivering, endpoints, events, sending, signing
from placet.webhooks.models import Attempt, Delivery, Endpoint, Event
from tests.alarms.conftest import Receiver, allow, receiving
from tests.dying import the_worker_dies
from tests.making import SAMPLE, make_mailbox, start, values
from tests.webhooks.conftest import Hook, decided, make_hook, run, run_until_quiet

pytestmark = pytest.mark.django_db
Clock = time_machine.Traveller
State = Delivery.State


def first(hook: Hook) -> Delivery:
    return Delivery.objects.filter(endpoint=hook.endpoint).order_by("pk")[0]


@pytest.fixture
def ended(receiver: Receiver, alice: Person) -> Hook:
    """One that hears of withdrawals alone: an event for each request."""
    return make_hook(receiver, alice, events=["request.withdrawn"])


def withdrawn(alice: Person, item: str = "Desk") -> Request:
    request = start(SAMPLE, alice, item=item)
    engine.withdraw(request.pk, by=alice)
    return request


# --- what is sent -----------------------------------------------------------------------------------------


def test_a_receiver_gets_what_happened_signed_and_in_order(hook: Hook, alice: Person, bob: Person) -> None:
    request = decided(alice, bob, item="Secret desk", amount="812.77")  # in no id and no time
    run_until_quiet()
    verify = Webhook(hook.secret).verify
    for body, headers in zip(hook.receiver.bodies, hook.receiver.headers, strict=True):
        assert verify(body, {name.lower(): value for name, value in headers.items()}) == json.loads(body)
    sequences = [body["data"]["sequence"] for body in hook.receiver.got]
    assert sequences == sorted(set(sequences))
    assert (hook.types[0], hook.types[-1]) == ("request.started", "request.ended")
    decision = hook.receiver.got[hook.types.index("request.decided")]
    assert decision["data"]["by"] == {"id": str(bob.pk)}
    assert decision["data"]["outcome"] == "approve"
    assert decision["data"]["channel"] == "page"
    assert decision["data"]["request"] == {
        "id": str(request.public_id),
        "number": request.number,
        "process": "purchase",
        "version": 1,
        "state": "open",
        "result": "",
        "link": f"http://127.0.0.1:8000/requests/{request.public_id}/",
    }
    end = hook.receiver.got[-1]["data"]["request"]
    assert (end["state"], end["result"]) == ("ended", request.result)
    everything = b"".join(hook.receiver.bodies).decode()
    for private in ("Secret desk", "812.77", "Fine", bob.email, bob.name, alice.name):
        assert private not in everything
    assert {headers["Content-Type"] for headers in hook.receiver.headers} == {"application/json"}


def test_each_body_is_as_its_schema_says(hook: Hook, alice: Person, bob: Person) -> None:
    decided(alice, bob)
    withdrawn(alice)
    run_until_quiet()
    described = events.openapi_webhooks()
    for body in hook.receiver.got:
        content = described[body["type"]]["post"]["requestBody"]["content"]
        jsonschema.Draft202012Validator(content["application/json"]["schema"]).validate(body)
    assert set(described) == set(events.BY_TYPE)


def test_with_data_it_says_what_was_entered_and_written(
    receiver: Receiver, alice: Person, bob: Person, admin: Person
) -> None:
    hook = make_hook(receiver, admin, with_data=True, events=["request.decided"])
    decided(alice, bob, item="Secret desk")
    run_until_quiet()
    [body] = hook.receiver.got
    assert "Secret desk" in body["data"]["request"]["title"]
    assert body["data"]["request"]["data"]["item"] == "Secret desk"
    assert body["data"]["decision"] == {
        "outcome": "approve",
        "comment": "Fine *price*.",
        "answers": {},
        "by": {"id": str(bob.pk), "name": bob.name, "address": bob.email},
    }


@pytest.mark.parametrize("is_replayed", [False, True])
def test_who_owns_a_process_no_more_gets_not_even_ids(
    receiver: Receiver, alice: Person, bob: Person, is_replayed: bool
) -> None:
    """Neither of what happens later, nor of what waited, nor again of what was sent."""
    version = publish(values(SAMPLE))
    hook = make_hook(receiver, alice, processes=["purchase"], events=["request.started"])
    kept = make_hook(receiver, bob, "?of-bob", processes=["purchase"], events=["request.started"])
    start(version, bob)
    process = version.process
    alice.is_administrator = False
    alice.save(update_fields=["is_administrator"])
    owning.add_owner(process, alice, bob)
    run_until_quiet()
    assert hook.receiver.paths == ["/hooks/its-secret-part", "/hooks/its-secret-part?of-bob"]
    hook.receiver.paths.clear()
    start(version, bob, item="Chair")
    run("announce")
    owning.remove_owner(process, alice, bob)
    if is_replayed:
        assert endpoints.replay(Delivery.objects.filter(endpoint=hook.endpoint, state=State.SENT), alice) == 1
    run_until_quiet()
    assert hook.receiver.paths == ["/hooks/its-secret-part?of-bob"]
    last = Delivery.objects.filter(endpoint=hook.endpoint).order_by("-pk")[0]
    assert (last.state, last.last_error) == (State.FAILED, str(endpoints.NOT_THEIRS))
    assert not Delivery.objects.filter(state=State.WAITING).exists()
    assert kept.renewed().active


def test_while_a_secret_is_replaced_both_verify_and_then_the_new_one_alone(
    ended: Hook, alice: Person, clock: Clock
) -> None:
    new = endpoints.rotate(ended.renewed(), alice, timedelta(hours=2))
    withdrawn(alice)
    run_until_quiet()
    clock.shift(timedelta(hours=2))
    withdrawn(alice, "Chair")
    run_until_quiet()

    def verifies(number: int, secret: str) -> bool:
        headers = {name.lower(): value for name, value in ended.receiver.headers[number].items()}
        with time_machine.travel(int(headers["webhook-timestamp"]), tick=False):
            try:
                Webhook(secret).verify(ended.receiver.bodies[number], headers)
            except WebhookVerificationError:
                return False
        return True

    secrets = (ended.secret, new, signing.new_secret())
    assert [verifies(0, secret) for secret in secrets] == [True, True, False]
    assert [verifies(1, secret) for secret in secrets] == [False, True, False]


# --- what is not taken ------------------------------------------------------------------------------------


def test_it_is_tried_for_three_days_with_growing_pauses_and_one_id(
    ended: Hook, alice: Person, clock: Clock
) -> None:
    ended.receiver.answers = [404] * 20
    withdrawn(alice)
    run("announce")
    pauses = []
    while True:
        assert run("deliver", "deliver_apart") == 1
        row = first(ended)
        if row.state != State.WAITING:
            break
        pauses.append((row.due - timezone.now()).total_seconds())
        assert run("deliver", "deliver_apart") == 0
        clock.move_to(row.due)
    nominal = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert all(least <= pause <= least * 1.1 for pause, least in zip(pauses, nominal, strict=True))
    assert (row.state, row.tries, row.last_status) == (State.FAILED, 10, 404)
    assert len({headers["webhook-id"] for headers in ended.receiver.headers}) == 1
    assert len({headers["webhook-timestamp"] for headers in ended.receiver.headers}) == 10
    assert list(Attempt.objects.values_list("status", flat=True)) == [404] * 10


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 409, 500, 503])
def test_only_a_2xx_is_a_success_and_no_redirect_is_followed(ended: Hook, alice: Person, status: int) -> None:
    with receiving() as elsewhere:
        ended.receiver.answers, ended.receiver.location = [status], f"{elsewhere.url}/there"
        withdrawn(alice)
        run_until_quiet()
        assert elsewhere.got == []
    row = first(ended)
    assert (row.state, row.last_status) == (State.WAITING, status)
    assert str(status) in row.last_error
    assert "its-secret-part" not in row.last_error


def test_who_answers_410_is_switched_off_and_its_owner_told_once(ended: Hook, alice: Person) -> None:
    make_mailbox()
    ended.receiver.answers = [410]
    withdrawn(alice)
    withdrawn(alice, "Chair")
    run_until_quiet()
    assert (ended.renewed().active, ended.endpoint.disabled_why) == (False, "gone")
    assert len(ended.receiver.got) == 1
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.FAILED}
    mail = OutgoingMail.objects.get(kind="webhook-off")
    assert (mail.to, "127.0.0.1" in mail.subject) == (alice.email, True)
    assert b"its-secret-part" not in bytes(mail.raw)
    withdrawn(alice, "Lamp")
    run_until_quiet()
    assert len(ended.receiver.got) == 1


def test_a_retry_after_is_waited_for(ended: Hook, alice: Person, clock: Clock) -> None:
    ended.receiver.answers, ended.receiver.more = [429], {"Retry-After": "120"}
    withdrawn(alice)
    withdrawn(alice, "Chair")
    run_until_quiet()
    assert len(ended.receiver.got) == 1  # the other one would fare no better
    clock.shift(119)
    run_until_quiet()
    assert len(ended.receiver.got) == 1
    clock.shift(2)
    run_until_quiet()
    assert len(ended.receiver.got) == 3
    assert ended.renewed().failures == 0


def test_one_event_that_is_refused_holds_up_its_own_request_alone(hook: Hook, alice: Person) -> None:
    first_request = start(SAMPLE, alice)
    run("announce")
    start(SAMPLE, alice, item="Chair")
    run("announce")
    hook.receiver.answers = [422]
    run_until_quiet()
    by_request: dict[str, list[int]] = {}
    for body in hook.receiver.got:
        by_request.setdefault(body["data"]["request"]["id"], []).append(body["data"]["sequence"])
    held = by_request.pop(str(first_request.public_id))
    assert held == [1]
    [others] = by_request.values()
    assert len(others) > 1


def test_events_of_a_request_come_in_order_however_often_one_fails(
    hook: Hook, alice: Person, bob: Person, clock: Clock
) -> None:
    hook.receiver.answers = [500, 200, 503, 429, 404, 200, 302] * 3
    decided(alice, bob)
    while Delivery.objects.filter(state=State.WAITING).exists() or run("announce"):
        run_until_quiet()
        clock.shift(timedelta(minutes=31))
    sequences = [body["data"]["sequence"] for body in hook.receiver.got]
    assert sequences == sorted(sequences)
    assert set(sequences) == set(Event.objects.values_list("sequence", flat=True))


def test_after_days_without_a_success_it_is_switched_off_and_what_it_missed_can_be_had(
    ended: Hook, alice: Person, clock: Clock
) -> None:
    ended.receiver.answers = [500] * 1000
    begun = timezone.now()
    for day in range(6):
        withdrawn(alice, f"Desk {day}")
        run_until_quiet()
        clock.shift(timedelta(days=1, minutes=6))
    assert (ended.renewed().active, ended.endpoint.disabled_why) == (False, "failing")
    withdrawn(alice, "Lamp")
    run_until_quiet()
    ended.receiver.answers.clear()
    ended.receiver.got.clear()
    endpoints.switch_on(ended.endpoint, alice)
    span = endpoints.of_span(ended.endpoint, begun, timezone.now() + timedelta(seconds=1))
    assert endpoints.replay(span, alice) == 7
    run_until_quiet()
    assert len(ended.receiver.got) == 7
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.SENT}


def test_one_that_is_sent_once_more_has_the_id_that_it_had(ended: Hook, alice: Person) -> None:
    withdrawn(alice)
    run_until_quiet()
    assert endpoints.replay(Delivery.objects.filter(endpoint=ended.endpoint), alice) == 1
    run_until_quiet()
    assert [headers["webhook-id"] for headers in ended.receiver.headers] == [
        Event.objects.get().message_id
    ] * 2


# --- others -----------------------------------------------------------------------------------------------


def test_whoever_died_while_it_sent_is_followed_by_somebody_else(
    ended: Hook, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_args: Any) -> None:
        raise KeyboardInterrupt

    withdrawn(alice)
    run("announce")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(delivering, "_record", killed)  # it was sent, and nobody noted it
        patch.setattr(delivering._Turn, "_leave", lambda *_args: None)  # nor let it go
        delivering.work(ended.endpoint.pk)
    assert run("deliver", "deliver_apart") == 0  # a lease, as if it lived
    the_worker_dies()
    run("deliver")
    assert len(ended.receiver.got) == 2
    assert len({headers["webhook-id"] for headers in ended.receiver.headers}) == 1
    assert first(ended).state == State.SENT


def test_two_workers_do_not_have_one_endpoint(ended: Hook, alice: Person) -> None:
    withdrawn(alice)
    run("announce")
    claim = delivering.LEASED.take(Endpoint.objects.filter(pk=ended.endpoint.pk))
    assert claim
    assert not delivering.work(ended.endpoint.pk)
    assert ended.receiver.got == []


def test_one_that_failed_is_worked_apart_from_the_others(ended: Hook, alice: Person) -> None:
    with receiving() as other:
        good = make_hook(other, alice, events=["request.withdrawn"])
        ended.receiver.answers = [503]
        withdrawn(alice)
        run("announce")
        assert delivering.due(10) == [ended.endpoint.pk, good.endpoint.pk]
        run("deliver")
        Endpoint.objects.update(due=timezone.now())
        Delivery.objects.filter(state=State.WAITING).update(due=timezone.now())
        assert (delivering.due(10), delivering.due_apart(10)) == ([], [ended.endpoint.pk])
        shard = ended.endpoint.pk % delivering.SHARDS
        assert (delivering.shards_due(), delivering.shards_due_apart()) == ([], [shard])
        assert delivering.due_apart(10, (shard + 1) % delivering.SHARDS) == []
        assert len(other.got) == 1


@pytest.mark.postgresql
def test_several_processes_take_turns_of_shards(ended: Hook, alice: Person) -> None:
    work_shared = import_module("placet.work_shared")  # Procrastinate's tables are PostgreSQL's
    withdrawn(alice)
    run("announce")
    kinds = {kind.name: kind for kind in work.kinds()}
    shard = ended.endpoint.pk % delivering.SHARDS
    [nudge] = work_shared.nudges_of(kinds["deliver"])
    assert (nudge.kind, nudge.shard, nudge.lock) == ("deliver", shard, f"deliver:{shard}")
    assert list(work_shared.nudges_of(kinds["deliver_apart"])) == []
    Endpoint.objects.update(is_slow=True)
    [nudge] = work_shared.nudges_of(kinds["deliver_apart"])
    assert nudge.lock == f"deliver_apart:{shard}"


def test_a_server_that_drips_its_answer_is_cut_in_time(
    ended: Hook, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes in time for a single read."""
    listening = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip() -> None:
        connection, _ = listening.accept()
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not over.wait(0.02):
            try:
                connection.sendall(b"x")
            except OSError:
                break
        connection.close()

    thread = threading.Thread(target=drip)
    thread.start()
    monkeypatch.setattr(sending, "LONGEST", 0.4)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    allow(url)
    sender = sending.Sender(url)
    began = time.monotonic()
    answer = sender.post(b"{}", {})
    took = time.monotonic() - began
    over.set()
    sender.close()
    thread.join()
    listening.close()
    assert (answer.status, "in time" in answer.error) == (None, True)
    assert 0.4 <= took < 5


def test_of_a_long_answer_the_beginning_is_kept(ended: Hook, alice: Person) -> None:
    ended.receiver.text = b"a\x00b\xff" + b"x" * 200_000
    withdrawn(alice)
    run_until_quiet()
    kept = Attempt.objects.get().answer
    assert (len(kept), kept[:4]) == (1024, "a\ufffdb\ufffd")
    assert first(ended).state == State.SENT


def test_a_test_says_that_it_is_one_at_once_and_once(ended: Hook) -> None:
    ended.receiver.answers, ended.receiver.text = [503], b"try later"
    delivery, answer = delivering.send_test(ended.endpoint)
    assert (delivery.state, answer.status, answer.text) == (State.FAILED, 503, "try later")
    assert [body["type"] for body in ended.receiver.got] == ["placet.test"]
    delivery, answer = delivering.send_test(ended.endpoint)
    assert (delivery.state, answer.error) == (State.SENT, "")
    run_until_quiet()
    assert len(ended.receiver.got) == 2


def test_neither_rows_nor_logs_hold_address_or_secret(
    ended: Hook, alice: Person, caplog: pytest.LogCaptureFixture
) -> None:
    ended.receiver.answers = [500]
    withdrawn(alice)
    run_until_quiet()
    stored = Endpoint.objects.extra(select={"raw": "secrets"}).values()
    seen = str([*stored, *Delivery.objects.values(), *Attempt.objects.values()]) + caplog.text
    assert "endpoint_failed" in seen
    assert "its-secret-part" not in seen
    assert ended.secret not in seen


def test_what_is_old_is_forgotten_and_what_waits_is_not(hook: Hook, alice: Person, clock: Clock) -> None:
    withdrawn(alice)
    run_until_quiet()
    endpoints.make(endpoints.Wanted("https://hooks.example/in"), alice)
    kept = Event.objects.order_by("pk").last()
    Delivery.objects.filter(event=kept).update(state=State.WAITING, due=timezone.now() + timedelta(days=60))
    clock.shift(timedelta(days=31))
    assert run("forget") == 1
    assert list(Event.objects.all()) == [kept]
    assert run("forget") == 0
