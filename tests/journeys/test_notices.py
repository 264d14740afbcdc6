"""New mail noticed at once, from the delivery to the decision: pages, workers and listeners as `placet serve` has them,
against a sandbox. The mailbox is polled once an hour, so that only a notice can have done it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from placet import work_alone
from placet.accounts import general
from placet.accounts.models import Installation as Said
from placet.approvals.models import Decision
from placet.lib import working
from placet.mail.models import IncomingMail
from placet.mailboxes import store
from placet.mailboxes.models import Mailbox, Subscription
from placet.mailboxes.push import listeners, notices
from placet.mailboxes.push.listeners import Listeners
from placet.sandbox.server import Sandbox
from tests.installation import Installation, copied
from tests.journeys.conftest import DOMAIN, World, close_connections, make_world

HOUR = 3600
SOON = 60.0  # seconds, on a busy machine; the next poll is an hour away


def until(what: str, look: Callable[[], object], seconds: float = SOON) -> None:
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, f"{what} did not happen in {seconds} s"
        time.sleep(0.02)


@dataclass
class Site:
    """Placet as it runs, over one way."""

    world: World
    protocol: str
    url: str

    @property
    def sandbox(self) -> Sandbox:
        return self.world.sandbox

    @property
    def mailbox(self) -> Mailbox:
        return Mailbox.objects.get()

    def said(self) -> notices.Noticing:
        return notices.noticings([self.mailbox])[self.mailbox.pk]

    def settled(self) -> bool:
        """It is told of new mail, and nothing else is due: the next poll is nearly an hour away."""
        mailbox = self.mailbox
        far = mailbox.next_poll is not None and (mailbox.next_poll - timezone.now()).total_seconds() > 1800
        return self.said().tone == "good" and far and not mailbox.claim and mailbox.last_poll_at is not None

    def ready(self) -> None:
        until("being told of new mail", self.settled)

    def ask(self) -> str:
        """Alice asks; the mail that Bob gets."""
        before = len(self.sandbox.mails("bob"))
        self.world.request()
        until("a mail to Bob", lambda: len(self.sandbox.mails("bob")) > before)
        return self.sandbox.mails("bob")[-1].id

    def decided(self, ask: str) -> None:
        """Bob answers, and that is decided long before the next poll."""
        before, mails = Decision.objects.count(), len(self.sandbox.mails("bob"))
        self.sandbox.reply_as("bob", ask, "approve")
        until("a decision", lambda: Decision.objects.count() > before)
        until("its confirmation", lambda: len(self.sandbox.mails("bob")) > mails)


@pytest.fixture
def site(
    sandbox: Sandbox, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Site]:
    monkeypatch.setattr(working, "_workers", {})
    monkeypatch.setattr(listeners, "LOOK", 0.1)
    monkeypatch.setattr(listeners, "FIRST_PAUSE", 0.2)
    monkeypatch.setattr(listeners, "RESTING", 0.1)
    protocol = str(request.param)
    Said.objects.get_or_create(id=1)
    general.save({"public_url": live_server.url}, by=1)
    world = make_world(sandbox, protocol)
    over(world, protocol)
    runner, running = work_alone.Runner(), Listeners()
    runner.start()
    running.start()
    try:
        yield Site(world, protocol, live_server.url)
    finally:
        running.stop()
        runner.stop()
        close_connections()


def over(world: World, protocol: str) -> None:
    changes = {"protocol": protocol, "scope": "", "poll_seconds": HOUR}
    store.change(changes, by="a test", mailbox=world.mailbox, moving=True)


both = pytest.mark.parametrize("site", ["graph", "ews"], indirect=True)
graph = pytest.mark.parametrize("site", ["graph"], indirect=True)
ews = pytest.mark.parametrize("site", ["ews"], indirect=True)


# --- both ways --------------------------------------------------------------------------------------------


@both
def test_a_reply_is_decided_at_once_although_the_next_poll_is_an_hour_away(site: Site) -> None:
    site.ready()
    for _ in range(2):
        site.decided(site.ask())
    site.ready()
    assert site.said().last is not None
    assert not site.mailbox.trouble


@both
def test_mail_in_junk_is_noticed_too(site: Site) -> None:
    site.ready()
    raw = f"From: x@elsewhere.example\r\nTo: approvals@{DOMAIN}\r\nSubject: Win\r\n\r\nNow.\r\n".encode()
    site.sandbox.deliver(raw, junk=True)
    until("a mail kept", lambda: IncomingMail.objects.filter(folder="junk").exists())


@both
def test_many_mails_at_once_are_few_looks(site: Site) -> None:
    site.ready()
    calls = "graph_delta" if site.protocol == "graph" else "ews_SyncFolderItems"
    before = site.sandbox.counters[calls]
    for number in range(100):
        raw = f"From: x@elsewhere.example\r\nTo: approvals@{DOMAIN}\r\nSubject: {number}\r\n\r\nx\r\n"
        site.sandbox.deliver(raw.encode())
    until("all kept", lambda: IncomingMail.objects.count() == 100, 60)
    site.ready()
    assert (site.sandbox.counters[calls] - before) / 2 <= 20  # Inbox and Junk each time


@both
def test_a_mailbox_that_is_switched_off_and_on_again_is_told_of(site: Site) -> None:
    site.ready()
    store.change({"active": False}, by="a test", mailbox=site.mailbox)
    until("nobody being told", lambda: not Subscription.objects.exists())
    if site.protocol == "graph":
        assert site.sandbox.graph.subscriptions.notifier.alive() == []
    store.change({"active": True}, by="a test", mailbox=site.mailbox)
    site.ready()
    site.decided(site.ask())


@both
def test_a_mailbox_that_goes_the_other_way_is_told_of_by_that(site: Site) -> None:
    site.ready()
    over(site.world, "ews" if site.protocol == "graph" else "graph")
    site.ready()
    until("the old way ended", lambda: not Subscription.objects.filter(protocol=site.protocol).exists())
    assert bool(site.sandbox.graph.subscriptions.notifier.alive()) == (site.mailbox.protocol == "graph")
    site.decided(site.ask())


@both
def test_who_does_not_want_it_is_polled_only(site: Site) -> None:
    site.ready()
    store.change({"notify": False}, by="a test", mailbox=site.mailbox)
    until("nobody being told", lambda: not Subscription.objects.exists())
    until("the poll that follows", lambda: not site.mailbox.claim and site.mailbox.last_poll_at is not None)
    assert site.said().tone == "off"


# --- Microsoft Graph --------------------------------------------------------------------------------------


@graph
def test_what_was_missed_is_looked_for(site: Site) -> None:
    site.ready()
    ask = site.ask()
    site.sandbox.switches.notifications_lost = True
    site.sandbox.reply_as("bob", ask, "approve")
    time.sleep(1.5)
    assert not Decision.objects.exists()  # nobody said anything
    site.sandbox.lifecycle("missed")
    until("a decision", Decision.objects.exists)


@graph
def test_a_subscription_that_was_removed_is_made_anew_and_what_came_meanwhile_is_found(site: Site) -> None:
    site.ready()
    before = set(Subscription.objects.values_list("server_id", flat=True))
    ask = site.ask()
    site.sandbox.lifecycle("subscriptionRemoved")
    site.decided(ask)  # with its confirmation, which the next mail to Bob would be taken for
    site.ready()
    assert not before & set(Subscription.objects.values_list("server_id", flat=True))
    site.decided(site.ask())


@graph
def test_one_that_must_be_authorized_again_is_renewed_at_once(site: Site) -> None:
    site.ready()
    before = {row.server_id: row.expires_at or timezone.now() for row in Subscription.objects.all()}
    time.sleep(1.1)  # Graph counts seconds
    site.sandbox.lifecycle("reauthorizationRequired")

    def renewed() -> bool:
        return all(
            row.expires_at is not None and row.expires_at > before[row.server_id]
            for row in Subscription.objects.all()
        )

    until("a renewal", renewed)
    assert len(site.sandbox.graph.subscriptions.notifier.alive()) == 2


@graph
def test_one_that_ended_without_a_word_is_made_anew_when_it_is_to_be_renewed(site: Site) -> None:
    site.ready()
    site.sandbox.expire_subscriptions()
    Subscription.objects.update(due=timezone.now())
    until("two that live", lambda: len(site.sandbox.graph.subscriptions.notifier.alive()) == 2)
    site.ready()
    site.decided(site.ask())


def quiet(site: Site) -> int:
    """How often changes were asked for, once the polls that new subscriptions bring about are over."""
    before = -1
    while before != (asked := site.sandbox.counters["graph_delta"]):
        before = asked
        time.sleep(1.5)
    return before


@graph
def test_strangers_bring_about_nothing(site: Site) -> None:
    site.ready()
    before = quiet(site)
    known = Subscription.objects.values_list("server_id", flat=True)
    for id_ in [*known, "7f105c7d-2dc5-4530-97cd-4e7ae6534c07"]:
        for state in ("", "guess", None):
            told = {
                "value": [
                    {"subscriptionId": id_, "clientState": state, "lifecycleEvent": "subscriptionRemoved"}
                ]
            }
            answer = requests.post(f"{site.url}/notifications/graph", json=told, timeout=30)
            assert (answer.status_code, answer.content) == (202, b"")
    time.sleep(1.5)
    assert site.sandbox.counters["graph_delta"] == before
    assert site.settled()


@graph
def test_an_address_that_nobody_answers_at_is_shown_and_mail_is_polled(site: Site) -> None:
    site.ready()
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    general.save({"public_url": nobody}, by=1)
    until("trouble", lambda: site.said().tone == "warn")
    assert f"Microsoft could not reach {nobody}/notifications/graph" in site.said().cause
    ask = site.ask()
    site.sandbox.reply_as("bob", ask, "approve")
    Mailbox.objects.update(next_poll=timezone.now())
    until("a decision by the poll", Decision.objects.exists)
    assert not site.mailbox.trouble


# --- Exchange Web Services --------------------------------------------------------------------------------


@ews
def test_an_answer_that_ends_is_followed_by_the_next(site: Site) -> None:
    site.ready()
    streams = site.sandbox.ews.subscriptions
    with site.sandbox.tenant.lock:
        streams.minute_seconds, streams.heartbeat_seconds = 0.01, 0.05
    store.change({"sends_per_minute": 999}, by="a test", mailbox=site.mailbox)  # listens anew
    before = site.sandbox.counters["ews_GetStreamingEvents"]
    until("some answers", lambda: site.sandbox.counters["ews_GetStreamingEvents"] > before + 3)
    assert len(streams._open) <= 2  # the same subscription is listened to again
    site.decided(site.ask())


@ews
def test_a_lost_subscription_is_followed_by_a_new_one(site: Site) -> None:
    site.ready()
    streams = site.sandbox.ews.subscriptions
    (before,) = Subscription.objects.values_list("server_id", flat=True)
    with site.sandbox.tenant.changed:
        streams._open.clear()
        site.sandbox.tenant.changed.notify_all()
    until("a new one", lambda: list(Subscription.objects.values_list("server_id", flat=True)) != [before])
    site.ready()
    site.decided(site.ask())


@ews
def test_a_server_that_is_busy_is_left_alone_and_asked_again(site: Site) -> None:
    site.ready()
    site.sandbox.faults.set("busy", operations=["Subscribe", "GetStreamingEvents"], back_off_ms=700, count=3)
    with site.sandbox.tenant.changed:
        site.sandbox.ews.subscriptions._open.clear()
        site.sandbox.tenant.changed.notify_all()
    until("trouble", lambda: site.said().tone == "warn")
    assert not site.mailbox.trouble  # polling knows nothing of it
    assert site.mailbox.paused_until is None
    site.ready()
    assert site.sandbox.faults.struck["busy"] == 3
    site.decided(site.ask())


@ews
@pytest.mark.parametrize("kind", ["cut_before", "half_answer", "unavailable", "tokens_expire", "redirected"])
def test_whatever_ends_a_connection_another_one_follows(site: Site, kind: str) -> None:
    site.ready()
    often = (
        1 if kind == "tokens_expire" else 2
    )  # a token that dies at once is one that an administrator must see
    site.sandbox.faults.set(kind, operations=["GetStreamingEvents", "Subscribe"], count=often)
    before = site.sandbox.counters["ews_GetStreamingEvents"]
    with site.sandbox.tenant.changed:
        site.sandbox.ews.subscriptions._open.clear()
        site.sandbox.tenant.changed.notify_all()
    until("the fault", lambda: site.sandbox.faults.struck[kind] == often)
    until("another one", lambda: site.sandbox.counters["ews_GetStreamingEvents"] > before)
    site.ready()
    site.decided(site.ask())


@ews
def test_two_processes_listen_once(site: Site) -> None:
    site.ready()
    other = Listeners()
    other.start()
    time.sleep(1)
    assert other.alive() == []
    other.stop()
    assert site.said().tone == "good"
    assert len(site.sandbox.ews.subscriptions._open) == 1


@pytest.mark.django_db(transaction=True)
def test_who_was_asleep_too_long_leaves_it_to_the_other(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "LOOK", 0.1)
    monkeypatch.setattr(listeners, "LEASED", replace(listeners.LEASED, length=timedelta(seconds=1)))
    world = make_world(sandbox, "ews")
    running = Listeners()
    running.start()
    until("listening", lambda: running.alive() == [world.mailbox.pk])
    Subscription.objects.update(claim="another", due=timezone.now() + timedelta(hours=1))
    until("nobody listening here", lambda: running.alive() == [])
    time.sleep(0.5)
    running.stop()
    assert [row.claim for row in Subscription.objects.all()] == ["another"]
    close_connections()


@pytest.mark.django_db(transaction=True)
def test_listeners_stop_though_the_server_keeps_its_answer_open(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "LOOK", 0.1)
    make_world(sandbox, "ews")
    running = Listeners()
    running.start()
    until("listening", lambda: Subscription.objects.exclude(since=None).exists())
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("listener")]
    running.stop()
    for thread in threads:
        thread.join(SOON)
    assert not any(thread.is_alive() for thread in threads)
    row = Subscription.objects.get()
    assert (row.claim, row.since) == ("", None)
    close_connections()


# --- the real thing ---------------------------------------------------------------------------------------

SET_UP = """
from placet.accounts.addresses import add_person
from placet.approvals import engine
from placet.approvals.processes import publish
from placet.commands.process import SAMPLES
from placet.mailboxes import store
ada = add_person("Ada", "ada@{domain}", password="a long and quiet password", administrator=True)
bob = add_person("Bob", "bob@{domain}")
alice = add_person("Alice", "alice@{domain}", manager=bob)
store.save({settings!r}, secrets={{"client_secret": {secret!r}}}, by="a test")
version = publish((SAMPLES / "purchase.yaml").read_text())
engine.start(version, alice, {{"item": "Desk", "amount": "900"}})
"""


@pytest.fixture
def installation(begun: Installation, tmp_path: Path) -> Iterator[Installation]:
    with copied(begun, tmp_path / "data") as made:
        yield made


@pytest.mark.parametrize(
    ("protocol", "path"),
    [
        ("graph", "/placet"),
        ("ews", ""),
        pytest.param("graph", "", marks=pytest.mark.whole),
        pytest.param("ews", "/placet", marks=pytest.mark.whole),
    ],
)
def test_placet_serve_decides_at_once(
    installation: Installation, sandbox: Sandbox, protocol: str, path: str
) -> None:
    settings = {
        "protocol": protocol, "server_address": sandbox.url, "username": f"approvals@{DOMAIN}",
        "client_id": sandbox.client_id, "token_uri": sandbox.token_url, "poll_seconds": HOUR, "active": True,
    }  # fmt: skip
    set_up = SET_UP.format(domain=DOMAIN, settings=settings, secret=sandbox.client_secret)
    installation.good("django", "shell", "--no-imports", "-c", set_up)
    serving = installation.serve()
    serving._environment["PLACET_PUBLIC_URL"] = serving.address + path
    with serving:
        streams = sandbox.ews.subscriptions
        notifier = sandbox.graph.subscriptions.notifier
        until(
            "being told", lambda: len(notifier.alive()) == 2 if protocol == "graph" else bool(streams._open)
        )
        until("a mail to Bob", lambda: bool(sandbox.mails("bob")))
        time.sleep(1.5)  # the polls of the start are over
        sandbox.reply_as("bob", sandbox.mails("bob")[-1].id, "approve")
        until("the news for Alice", lambda: bool(sandbox.mails("alice")))
        if path:
            answer = requests.post(f"{serving.address}/placet/notifications/graph", json={}, timeout=30)
            assert answer.status_code == 202
        began = time.monotonic()
    assert time.monotonic() - began < SOON
    assert serving.process.returncode == 0
