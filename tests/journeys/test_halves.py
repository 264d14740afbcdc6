"""One of the two servers of a mailbox refuses the password: the other way goes on, and what waits follows when it is
mended. No pause is cut short here but by what an administrator does."""

import re
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from placet import work
from placet.accounts.models import Installation
from placet.alarms import silence
from placet.approvals.models import Request
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes import store
from placet.mailboxes.models import Mailbox
from placet.sandbox.server import Sandbox
from tests.installation import PATIENCE
from tests.journeys.at_mail_servers import PASSWORD, AtMailServers, MailServers
from tests.journeys.conftest import World
from tests.journeys.elsewhere import APPROVALS

OVER = ("imap", "pop3")
WRONG = "not " + PASSWORD
State = OutgoingMail.State


class WithSubmission(AtMailServers):
    """Placet signs in at Postfix, too."""

    def connected(self) -> Mailbox:
        super().connected()
        port = self.servers.postfix.ports["submissions"]
        Installation.objects.update_or_create(id=1, defaults={"private_targets": [f"localhost:{port}"]})
        entered = {
            "smtp_host": "localhost",
            "smtp_port": port,
            "smtp_security": "ssl",
            "smtp_sign_in": "password",
            "smtp_authorities": self.servers.postfix.authority.certificate.read_text(),
        }
        secrets = {"smtp_password": PASSWORD, f"{self.protocol}_password": PASSWORD}
        return store.change(entered, secrets=secrets, by="a test", mailbox=Mailbox.objects.get()).mailbox

    def refusals(self, kind: str) -> int:
        """How many passwords this server has refused to Placet."""
        if kind == "smtp":
            return self.servers.postfix.log().count("authentication failed")
        log = (self.servers.dovecot.folder / "log").read_text()
        return len(re.findall(rf"{kind}-login: .*auth_failed\): user=<{APPROVALS}>", log))

    def refused_once_since(self, refusals: int, kind: str) -> bool:
        until = time.monotonic() + PATIENCE
        while self.refusals(kind) == refusals:  # logs are written a moment later
            assert time.monotonic() < until, f"{kind} refused nothing"
            time.sleep(0.05)
        return self.refusals(kind) == refusals + 1


@pytest.fixture
def servers(request: pytest.FixtureRequest) -> MailServers:
    servers: MailServers = request.getfixturevalue("mail_servers")()
    return servers


@pytest.fixture
def sandbox(way: str, servers: MailServers) -> Iterator[Sandbox]:
    with WithSubmission(servers, way) as sandbox:
        for name in ("approvals", "alice", "bob", "carol", "dave", "ada"):
            sandbox.add_mailbox(name, f"{name.title()} {name.title()}son")
        yield sandbox


def passwords(**entered: str) -> None:
    """As an administrator enters them."""
    secrets = {f"{kind}_password": password for kind, password in entered.items()}
    store.change({}, secrets=secrets, by="ada@contoso.example", mailbox=Mailbox.objects.get())


def time_passes(world: World) -> None:
    """Some minutes, in which Placet works: what is due is due again, and pauses of a day are not over."""
    now = timezone.now()
    for name in ("poll", "take_in", "fetch", "mark", "send", "sent_ids") * 2:
        Mailbox.objects.update(next_poll=now)
        for rows in (IncomingMail, ServerTask, OutgoingMail):
            rows.objects.filter(claim="", due__gt=now).update(due=now)
        OutgoingMail.objects.filter(lookup_due__gt=now).update(lookup_due=now)
        work.run_once(world.kinds[name], limit=1000)


def state_of(request: Request) -> tuple[str, str]:
    request.refresh_from_db()
    return request.state, request.result


def unsent() -> int:
    return OutgoingMail.objects.filter(state__in=[State.WAITING, State.SENDING]).count()


def test_sending_is_refused_and_the_reply_that_lies_in_the_inbox_is_decided(
    world: World, way: str, servers: MailServers
) -> None:
    assert isinstance(world.sandbox, WithSubmission)
    first, asked = world.asked(item="Desk")
    passwords(smtp=WRONG)
    refused = world.sandbox.refusals("smtp")
    second = world.request(item="Chair")
    world.sandbox.reply_as("bob", asked.id, "approve")
    for _ in range(3):
        time_passes(world)
    assert state_of(first) == (Request.State.ENDED, "approved")
    assert world.put_away() == 1
    assert state_of(second) == (Request.State.OPEN, "")
    assert "Please decide: Chair" not in world.subjects("bob")
    waiting = unsent()
    assert waiting >= 2  # what asks about the chair, and what tells of the desk
    assert world.sandbox.refused_once_since(refused, "smtp")  # nobody knocked again
    mailbox = Mailbox.objects.get()
    assert mailbox.sending_trouble["fix_needed"]
    assert mailbox.sending_paused_until is not None
    assert mailbox.sending_paused_until > timezone.now() + timedelta(hours=23)
    assert (mailbox.trouble, mailbox.failures, mailbox.paused_until) == ({}, 0, None)
    assert [alarm.of_sending for alarm in silence.alarms()] == [True]

    passwords(smtp=PASSWORD)
    time_passes(world)
    assert unsent() == 0
    assert not OutgoingMail.objects.exclude(state=State.SENT).exists()
    assert world.newest("bob", "Please decide: Chair")
    assert world.newest("alice", "Approved: Desk")
    world.sandbox.reply_as("bob", world.asks_of([second])[0].id, "approve")
    time_passes(world)
    assert state_of(second) == (Request.State.ENDED, "approved")
    assert silence.alarms() == []


def test_reading_is_refused_and_what_asks_goes_out(world: World, way: str, servers: MailServers) -> None:
    assert isinstance(world.sandbox, WithSubmission)
    first, asked = world.asked(item="Desk")
    passwords(**{way: WRONG})
    refused = world.sandbox.refusals(way)
    world.sandbox.reply_as("bob", asked.id, "approve")
    time_passes(world)
    second = world.request(item="Chair")
    for _ in range(2):
        time_passes(world)
    assert world.newest("bob", "Please decide: Chair")
    assert unsent() == 0
    assert state_of(first) == (Request.State.OPEN, "")
    assert world.sandbox.refused_once_since(refused, way)  # nor did anybody knock to keep a copy
    mailbox = Mailbox.objects.get()
    assert mailbox.trouble["fix_needed"]
    assert mailbox.paused_until is not None
    assert mailbox.paused_until > timezone.now() + timedelta(hours=23)
    sending = (mailbox.sending_trouble, mailbox.sending_failures, mailbox.sending_paused_until)
    assert sending == ({}, 0, None)

    passwords(**{way: PASSWORD})
    world.sandbox.reply_as("bob", world.asks_of([second])[0].id, "approve")
    for _ in range(2):
        time_passes(world)
    assert state_of(first) == (Request.State.ENDED, "approved")
    assert state_of(second) == (Request.State.ENDED, "approved")
    assert world.put_away() == 2
    assert world.newest("alice", "Approved: Chair")
    assert Mailbox.objects.get().trouble == {}
