"""The webhook: what it says, where it may go, and that every message arrives, whatever happens in between."""

import contextlib
import socket
import threading
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connections
from django.urls import reverse
from django.utils import timezone

from placet.accounts import general
from placet.alarms import chosen, watch, webhook
from placet.alarms.models import AlarmSettings, Delivery, Outage
from placet.mailboxes import pool
from placet.mailboxes.base import FixNeeded
from placet.mailboxes.models import Mailbox
from tests.alarms.conftest import START, Receiver, allow, looked_into, receiving, run
from tests.dying import the_worker_dies

pytestmark = pytest.mark.django_db
Clock = time_machine.Traveller


@pytest.fixture
def begun(mailbox: Mailbox, clock: Clock) -> Outage:
    """An outage that was just noted; nothing was sent yet."""
    pool.failed(mailbox, FixNeeded("The client secret is wrong.", "Enter it again.", {"trace_id": "0b9a"}))
    AlarmSettings.objects.get_or_create(id=1)
    AlarmSettings.objects.update(looked_at=START + timedelta(minutes=30), awake_since=START)
    clock.shift(timedelta(minutes=31))
    run("watch")
    return Outage.objects.get()


def over(mailbox: Mailbox, clock: Clock) -> None:
    looked_into(mailbox)
    clock.shift(30)
    run("watch")


def row() -> Delivery:
    return Delivery.objects.get()


# --- what it says -----------------------------------------------------------------------------------------


def test_it_tells_when_an_alarm_begins_and_when_it_is_over(
    hook: Receiver, begun: Outage, mailbox: Mailbox, clock: Clock
) -> None:
    assert run("webhook") == 1
    (alarm,) = hook.got
    assert {**alarm, "id": ""} == {
        "id": "",
        "what": "alarm",
        "text": f"Placet: the mailbox {mailbox.address} is silent.",
        "mailbox": mailbox.address,
        "since": "2026-11-26T08:00:00+00:00",
        "cause": "The client secret is wrong.",
        "cure": "Enter it again.",
        "link": f"http://127.0.0.1:8000{reverse('panel:mailbox', args=[mailbox.pk])}",
    }
    assert hook.paths == ["/services/T0/its-secret-part"]
    assert hook.headers[0]["Content-Type"] == "application/json"
    assert hook.headers[0]["User-Agent"].startswith("Placet/")
    over(mailbox, clock)
    assert run("webhook") == 1
    assert (hook.got[1]["what"], hook.got[1]["mailbox"]) == ("over", mailbox.address)
    assert hook.got[1]["id"] != alarm["id"]
    assert run("webhook") == 0
    assert set(Delivery.objects.values_list("state", "claim")) == {("sent", "")}


def test_without_a_webhook_nothing_is_written(begun: Outage) -> None:
    assert Delivery.objects.count() == 0


def test_neither_rows_nor_logs_hold_the_address(
    hook: Receiver, begun: Outage, capfd: pytest.CaptureFixture[str]
) -> None:
    hook.answers = [500]
    run("webhook")
    hook.location = f"{hook.url}/services/T0/its-secret-part"
    rows = [*AlarmSettings.objects.extra(select={"raw": "secrets"}).values("raw"), *Delivery.objects.values()]
    assert "its-secret-part" not in str(rows) + "".join(capfd.readouterr())


# --- that it arrives --------------------------------------------------------------------------------------


def test_what_is_not_taken_is_tried_again_with_growing_pauses_and_the_same_id(
    hook: Receiver, begun: Outage, clock: Clock
) -> None:
    hook.answers = [500, 503, 429]
    pauses = []
    for _ in range(3):
        run("webhook")
        assert row().state == "waiting"
        pauses.append((row().due - timezone.now()).total_seconds())
        assert run("webhook") == 0
        clock.move_to(row().due)
    assert pauses == [30, 60, 120]
    assert "127.0.0.1" in row().last_error and "429" in row().last_error
    run("webhook")
    assert (row().state, row().last_error, row().tries) == ("sent", "", 4)
    assert len({message["id"] for message in hook.got}) == 1


def test_after_many_tries_it_is_given_up_and_shown(hook: Receiver, begun: Outage, clock: Clock) -> None:
    hook.answers = [404] * 100
    while row().state == "waiting":
        assert run("webhook") == 1
        clock.move_to(row().due)
    assert (row().state, row().tries, len(hook.got)) == ("failed", 10, 10)
    assert timedelta(hours=2) < timezone.now() - START < timedelta(hours=5)
    assert run("webhook") == 0


def test_that_it_is_over_is_not_told_before_that_it_began(
    hook: Receiver, begun: Outage, mailbox: Mailbox, clock: Clock
) -> None:
    hook.answers = [500, 500]
    run("webhook")
    clock.move_to(row().due)
    run("webhook")  # the next try is in a minute
    over(mailbox, clock)
    assert run("webhook") == 0
    clock.shift(60)
    assert (run("webhook"), run("webhook")) == (1, 1)
    assert [message["what"] for message in hook.got] == ["alarm", "alarm", "alarm", "over"]


def test_a_kill_between_the_row_and_the_message_loses_nothing(
    hook: Receiver, begun: Outage, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    def killed(*_args: Any, **_more: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(webhook, "_post", killed)
        webhook.work(row().pk)
    assert (hook.got, row().state, run("webhook")) == ([], "waiting", 0)  # a lease, as if it lived
    the_worker_dies()
    assert run("webhook") == 1
    assert len(hook.got) == 1


def test_a_worker_that_never_comes_back_is_followed_by_another(
    hook: Receiver, begun: Outage, clock: Clock
) -> None:
    Delivery.objects.update(claim="gone", due=timezone.now() + timedelta(minutes=2))
    assert run("webhook") == 0
    clock.shift(timedelta(minutes=2))
    assert run("webhook") == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_send_at_once_send_once(hook: Receiver, begun: Outage) -> None:
    pk, together = row().pk, threading.Barrier(4)

    def send() -> None:
        try:
            together.wait()
            webhook.work(pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(hook.got) == 1


def test_a_webhook_that_is_removed_gets_nothing_any_more(hook: Receiver, begun: Outage) -> None:
    chosen.save(minutes=30, address="", by=1)
    assert (row().state, run("webhook"), hook.got) == ("failed", 0, [])


def test_another_address_gets_what_still_waits(hook: Receiver, begun: Outage, clock: Clock) -> None:
    hook.answers = [500]
    run("webhook")
    with receiving() as second:
        allow(second.url)
        chosen.save(minutes=30, address=second.url, by=1)
        clock.move_to(row().due)
        run("webhook")
    assert (len(hook.got), len(second.got)) == (1, 1)


# --- where it goes, and what comes back -------------------------------------------------------------------


def test_a_redirect_is_not_followed(hook: Receiver, begun: Outage) -> None:
    with receiving() as elsewhere:
        hook.answers, hook.location = [307], elsewhere.url
        run("webhook")
        assert (len(hook.got), elsewhere.got) == (1, [])
    assert "redirect" in row().last_error
    assert row().state == "waiting"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://127.0.0.1:1/x", "refused the connection"),
        ("https://no-such-host.invalid/x", "cannot be resolved"),
        ("https://127.0.0.1:{tls}/x", "No TLS connection"),
    ],
)
def test_what_cannot_be_reached_is_said_in_words(
    address: str, said: str, receiver: Receiver, begun: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    general.save({"private_targets": ["127.0.0.1"]}, by=1)
    chosen.save(minutes=30, address=address.format(tls=receiver.url.rpartition(":")[2]), by=1)
    found = webhook.send_test()
    assert found.state == "failed"
    assert said in found.last_error


def test_one_that_never_answers_is_left_alone_after_a_while(
    begun: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT", (0.2, 0.2))
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as deaf:
        general.save({"private_targets": ["127.0.0.1"]}, by=1)
        chosen.save(minutes=30, address=f"http://127.0.0.1:{deaf.getsockname()[1]}/", by=1)
        found = webhook.send_test()
    assert (found.state, "did not answer in time" in found.last_error) == ("failed", True)


@pytest.mark.parametrize(
    "address",
    [
        "https://hooks.example.com/services/T0/B0?key=a%20b",
        "https://hooks.example.com:8443/",
        "http://127.0.0.1:9000/x",
        "http://localhost/x",
        "http://[::1]:9000/",
    ],
)
def test_addresses_that_may_be_entered(address: str) -> None:
    assert chosen.address_of(f" {address} ") == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "hooks.example.com",
        "http://hooks.example.com/x",
        "http://10.0.0.1/x",
        "http://127.0.0.1.evil.example/",
        "http://localhost.evil.example/",
        "http://127.0.0.1@evil.example/",
        "https://name:password@hooks.example.com/",
        "http://127.0.0.1\\@evil.example/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        "https://[::1/",
        "https://hooks..contoso.example/",
        f"https://{'a' * 64}.contoso.example/",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\r\nX: y",
        "https://hooks.example.com/#x",
        "https://hööks.example.com/",
        f"https://hooks.example.com/{'x' * 1000}",
    ],
)
def test_addresses_that_may_not(address: str) -> None:
    with pytest.raises(chosen.AddressInvalid, match=r"\.$"):
        chosen.address_of(address)


# --- the test ---------------------------------------------------------------------------------------------


def test_a_test_goes_out_at_once_and_once(hook: Receiver, mailbox: Mailbox) -> None:
    assert webhook.send_test().state == "sent"
    assert [(m["what"], m["mailbox"]) for m in hook.got] == [("test", mailbox.address)]
    hook.answers = [500]
    assert webhook.send_test().state == "failed"
    assert run("webhook") == 0


def test_no_worker_takes_a_test_that_is_being_sent(
    hook: Receiver, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    sends = webhook._send

    def meanwhile(delivery: Delivery, claim: str) -> None:
        taken.append(run("webhook"))
        sends(delivery, claim)

    monkeypatch.setattr(webhook, "_send", meanwhile)
    assert webhook.send_test().state == "sent"
    assert (taken, len(hook.got)) == ([0], 1)


def test_a_test_goes_out_before_there_is_a_mailbox(hook: Receiver) -> None:
    assert webhook.send_test().state == "sent"
    assert hook.got[0]["link"].endswith(reverse("panel:remote_approval"))


def test_a_look_that_is_cut_off_leaves_no_half_of_an_alarm(
    hook: Receiver, mailbox: Mailbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outage and what the webhook is told of it are one transaction."""

    def killed(*_args: Any, **_more: Any) -> None:
        raise KeyboardInterrupt

    AlarmSettings.objects.update(looked_at=START + timedelta(minutes=30), awake_since=START)
    clock.shift(timedelta(minutes=31))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(webhook, "queue", killed)
        watch.work(1)
    assert Outage.objects.count() == 0
    clock.shift(30)
    run("watch", "webhook")
    assert [message["what"] for message in hook.got] == ["alarm"]
