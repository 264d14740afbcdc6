"""One installation against a sandbox, over real HTTP; the tests say what happens and when Placet works."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

import pytest
from django.utils import timezone

from placet import work
from placet.accounts.addresses import add_person
from placet.accounts.models import Group, Person
from placet.approvals import engine
from placet.approvals.models import Ask, Assignment, CallTask, Decision, Request
from placet.approvals.processes import publish
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes import pool, store
from placet.mailboxes.base import Action
from placet.mailboxes.models import Mailbox
from placet.sandbox.server import Mail, Sandbox
from tests.journeys import at_cyrus, at_mail_servers
from tests.journeys.at_cyrus import CyrusServers
from tests.journeys.at_mail_servers import MailServers
from tests.journeys.elsewhere import DOMAIN, Elsewhere, OwnMailbox
from tests.journeys.letters import INTERNAL
from tests.journeys.ways import ONLINE, WAYS
from tests.making import SAMPLE, values
from tests.soak.loaded import Loader, loading

__all__ = ["DOMAIN"]

Servers = TypeVar("Servers", bound=MailServers)


@dataclass
class World:
    """Alice asks, Bob is her manager, Carol is finance, Dave is a colleague nobody asked, Ada administrates."""

    sandbox: Sandbox
    mailbox: Mailbox
    people: dict[str, Person]
    way: str
    kinds: dict[str, work.Kind] = field(default_factory=lambda: {kind.name: kind for kind in work.kinds()})

    # -- what people do --------------------------------------------------------------------------------------

    def request(self, amount: str = "900", item: str = "Desk", **more: Any) -> Request:
        """Alice asks: below 1,000 Bob alone, above it Carol too."""
        from placet.approvals.models import Process
        from placet.approvals.processes import newest

        version = newest(Process.objects.get(key="purchase"))
        assert version is not None
        return engine.start(version, self.people["alice"], {"item": item, "amount": amount, **more})

    def asked(self, amount: str = "900", item: str = "Desk") -> tuple[Request, Mail]:
        """A request, and the mail that asks Bob as it lies in his mailbox."""
        request = self.request(amount, item)
        self.send()
        return request, self.asks_of([request])[0]

    def asks_of(self, requests: Sequence[Request]) -> list[Mail]:
        """Of each the last mail that asked Bob about it, as it lies in his mailbox; where none did, his newest."""
        # Of two mails that go out one after the other, a real server may hand on the second first.
        references = [self._reference_of(request) for request in requests]
        for _ in range(300):  # a real server hands a mail on a moment after it took it
            mails = self.sandbox.mails("bob")
            asks = [_last_with(mails, reference) for reference in references]
            if all(asks):
                return [mail for mail in asks if mail]
            time.sleep(0.1)
        raise AssertionError(f"bob has not been asked about all of {requests}")

    def _reference_of(self, request: Request) -> str:
        asks = Ask.objects.filter(person=self.people["bob"], lines__assignment__visit__request=request)
        ask = asks.select_related("outgoing").order_by("pk").last()
        return ask.outgoing.reference if ask and ask.outgoing else ""

    def newest(self, name: str, beginning: str = "") -> Mail:
        mails: list[Mail] = []
        for _ in range(300):  # a real server hands a mail on a moment after it took it
            mails = [mail for mail in self.sandbox.mails(name) if mail.subject.startswith(beginning)]
            if mails:
                break
            time.sleep(0.1)
        assert mails, f"{name} has no mail that begins with {beginning!r}"
        return mails[-1]

    def id_of(self, mail: Mail) -> str:
        """By what id Placet knows a mail of the mailbox."""
        return mail.immutable_id if self.way == "graph" else mail.id

    def subjects(self, name: str) -> list[str]:
        return [mail.subject for mail in self.sandbox.mails(name)]

    def proved(self, raw: bytes, name: str = "bob") -> bytes:
        """The mail with what Placet's server writes on top of one whose sender it knows: that this one wrote it."""
        if isinstance(self.sandbox, Elsewhere):
            return self.sandbox.proved(f"{name}@{DOMAIN}", raw)
        return "".join(f"{line}\r\n" for line in INTERNAL).encode() + raw

    @property
    def has_transport_headers(self) -> bool:
        """Whether the server gives the headers as they arrived, beside the mail."""
        return not isinstance(self.sandbox, Elsewhere)

    def level(self, name: str) -> str:
        """What a process asks for in place of this proof, where no server can prove that much."""
        weaker = isinstance(self.sandbox, Elsewhere) and self.sandbox.proof == "outside"
        return "outside" if weaker and name == "colleague" else name

    def put_away(self) -> int:
        """How many mails lie with the handled ones; where there are no folders, how many were deleted."""
        if isinstance(self.sandbox, Elsewhere) and not self.sandbox.has_folders:
            return ServerTask.objects.filter(action=Action.DELETE).exclude(done_at=None).count()
        return len(self.sandbox.mails("approvals", "Placet/Processed"))

    def next_moment(self) -> None:
        """What comes from now on was received later, as far as the server tells times."""
        if isinstance(self.sandbox, Elsewhere) and not self.sandbox.orders:
            time.sleep(1.001 - time.time() % 1)

    # -- what Placet does ------------------------------------------------------------------------------------

    def poll(self) -> None:
        self._due_now()
        work.run_once(self.kinds["poll"])

    def take_in(self) -> None:
        self._due_now()
        work.run_once(self.kinds["take_in"], limit=1000)
        work.run_once(self.kinds["fetch"], limit=1000)

    def send(self) -> None:
        self._due_now()
        work.run_once(self.kinds["send"], limit=1000)

    def mark(self) -> None:
        self._due_now()
        work.run_once(self.kinds["mark"], limit=1000)

    def call(self) -> None:
        """Start what steps call, and go on with what that came to."""
        work.run_once(self.kinds["call"])

    def look_up(self) -> None:
        """Read in Sent Items by what ids our mails went out."""
        self._due_now()
        work.run_once(self.kinds["sent_ids"])

    def run(self) -> None:
        """Everything that is due, once: poll, take in, mark, send, look up."""
        self.poll()
        self.take_in()
        self.mark()
        self.call()
        self.send()
        self.look_up()

    def run_until_quiet(self, rounds: int = 1000) -> None:
        """Until nothing is waiting any more; pauses that a fault caused do not make the test wait."""
        for _ in range(rounds):
            self.run()
            if (
                not self.rows_waiting() and not self.waiting()
            ):  # the mailbox is read where it may be the last look
                return
        raise AssertionError(f"Still waiting after {rounds} rounds: {self.waiting()}")

    def waiting(self) -> dict[str, int]:
        """Rows not done yet, and mails on the server that are not kept yet."""
        folders = ("inbox", "junkemail")
        inbox = {self.id_of(mail) for name in folders for mail in self.sandbox.mails("approvals", name)}
        known = set(IncomingMail.objects.filter(server_id__in=inbox).values_list("server_id", flat=True))
        to_keep = {"to keep": len(inbox - known)} if inbox - known else {}
        return to_keep | self.rows_waiting()

    def rows_waiting(self) -> dict[str, int]:
        """Rows not done yet."""
        found = {
            "to take in": IncomingMail.objects.filter(state=IncomingMail.State.KEPT).count(),
            "to mark": ServerTask.objects.filter(done_at=None, failed=False).count(),
            "to call": CallTask.objects.filter(done_at=None).count(),
            "to send": OutgoingMail.objects.filter(state__in=["waiting", "sending"]).count(),
        }
        return {what: count for what, count in found.items() if count}

    def _due_now(self) -> None:
        now = timezone.now() - timedelta(seconds=1)
        Mailbox.objects.update(next_poll=now, paused_until=None, sending_paused_until=None)
        # Only what is not due yet: in one long transaction PostgreSQL keeps every version of a row.
        later = {"claim": "", "due__gt": now}
        IncomingMail.objects.filter(state=IncomingMail.State.KEPT, **later).update(due=now)
        ServerTask.objects.filter(done_at=None, **later).update(due=now)
        OutgoingMail.objects.filter(state__in=["waiting", "sending"], **later).update(due=now)
        OutgoingMail.objects.filter(lookup_due__gt=now).update(lookup_due=now)

    # -- what came of it -------------------------------------------------------------------------------------

    def results(self) -> list[str]:
        """Of every incoming mail, in the order it was kept."""
        return [mail.result or mail.state for mail in IncomingMail.objects.order_by("pk")]

    def decisions(self) -> list[tuple[str, str]]:
        return [(d.by_person.name.split()[0], d.outcome) for d in Decision.objects.order_by("at", "pk")]

    def open_for(self, name: str) -> int:
        return Assignment.objects.filter(person=self.people[name], state=Assignment.State.OPEN).count()


def _last_with(mails: Sequence[Mail], reference: str) -> Mail | None:
    return next((mail for mail in reversed(mails) if reference in mail.text), None)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A module with BOTH_WAYS runs over Microsoft Graph and over Exchange Web Services, the others over Graph. With
    EVERY_KIND it runs over all of WAYS, but for what is marked `on_exchange` or `not_over`; with OVER, over those that
    are named there."""
    if "way" not in metafunc.fixturenames:
        return
    marks = {mark.name: mark.args for mark in metafunc.definition.iter_markers()}
    for mark in metafunc.definition.iter_markers():
        if mark.name in ("on_exchange", "not_over") and not mark.kwargs.get("because"):
            raise pytest.UsageError(f"{metafunc.definition.nodeid}: {mark.name} says because of what.")
    ways: Sequence[str] = getattr(metafunc.module, "OVER", ())
    if getattr(metafunc.module, "EVERY_KIND", False):
        ways = ONLINE if "on_exchange" in marks else tuple(WAYS)
    elif getattr(metafunc.module, "BOTH_WAYS", False):
        ways = ONLINE
    if ways:
        metafunc.parametrize("way", [way for way in ways if way not in marks.get("not_over", ())])


@pytest.fixture
def way() -> str:
    """Through which the mailbox is reached."""
    return "graph"


@pytest.fixture(scope="session")
def mail_servers() -> Iterator[Callable[[], MailServers]]:
    """A Postfix and a Dovecot, empty each time that they are asked for."""
    with ExitStack() as stack:
        yield _emptied(lambda: stack.enter_context(at_mail_servers.mail_servers()))


@pytest.fixture(scope="session")
def cyrus_servers() -> Iterator[Callable[[], CyrusServers]]:
    """The same with a Cyrus, in which Placet's mailbox is."""
    with ExitStack() as stack:
        yield _emptied(lambda: stack.enter_context(at_cyrus.cyrus_servers()))


@pytest.fixture(scope="session")
def loader() -> Iterator[Loader]:
    """Of processes of Placet that are killed."""
    with loading() as loader:
        yield loader


def _emptied(start: Callable[[], Servers]) -> Callable[[], Servers]:
    """Started when they are first asked for."""
    started = cache(start)

    def emptied() -> Servers:
        servers = started()
        servers.empty()
        return servers

    return emptied


@pytest.fixture
def sandbox(way: str, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with sandbox_of(way, request) as sandbox:
        yield sandbox


@contextmanager
def sandbox_of(way: str, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """With the mailboxes of everybody in it."""
    with WAYS[way](request) as sandbox:
        for name in ("approvals", "alice", "bob", "carol", "dave", "ada"):
            sandbox.add_mailbox(name, f"{name.title()} {name.title()}son")
        yield sandbox


@pytest.fixture
def world(sandbox: Sandbox, way: str, db: None) -> Iterator[World]:
    yield make_world(sandbox, way)
    close_connections()


@pytest.fixture
def threaded_world(sandbox: Sandbox, way: str, transactional_db: None) -> Iterator[World]:
    """The same for tests with threads: what they do is committed."""
    yield make_world(sandbox, way)
    close_connections()


def make_world(sandbox: Sandbox, way: str) -> World:
    people: dict[str, Person] = {}
    for name in ("ada", "bob", "carol", "dave", "alice"):
        people[name] = add_person(
            f"{name.title()} {name.title()}son",
            f"{name}@{DOMAIN}",
            manager=people["bob"] if name == "alice" else None,
            administrator=name == "ada",
        )
    finance = Group.objects.create(key="finance", name="Finance")
    finance.members.add(people["carol"])
    sample = values(SAMPLE)
    publish({**sample, "proof": sandbox.proof} if isinstance(sandbox, Elsewhere) else sample)
    return World(sandbox, connected(sandbox, way), people, way)


def connected(sandbox: Sandbox, way: str = "graph") -> Mailbox:
    """The mailbox of a sandbox, active."""
    if isinstance(sandbox, OwnMailbox):
        return sandbox.connected()
    return store.save(
        {
            "protocol": way,
            "server_address": sandbox.url,
            "username": f"approvals@{DOMAIN}",
            "client_id": sandbox.client_id,
            "token_uri": sandbox.token_url,
            "active": True,
            "sends_per_minute": 1000,
            "since": "2020-01-01T00:00:00+00:00",
        },
        secrets={"client_secret": sandbox.client_secret},
        by="a test",
    ).mailbox


def close_connections() -> None:
    """This thread's sockets belong to a sandbox that is going away."""
    for mailbox in Mailbox.objects.all():
        pool.drop(mailbox)
