"""A bad day at an IMAP or POP3 server and the SMTP server beside it, or at a JMAP server: each command that a reply's
way takes is cut off, answered by half or refused, once. The reply is decided once all the same and put away once, and
of each mail that goes out one arrives, or it is shown as not sent, or as perhaps sent.

Which commands there are is seen in a run without faults. `make soak-kinds` tries each command with each fault, the
suite each command with one and each fault once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pytest

from placet.approvals.models import Decision, Request
from placet.audit import chain
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes.models import Mailbox
from tests.journeys.at_cyrus import AtCyrus
from tests.journeys.at_mail_servers import AtMailServers
from tests.journeys.conftest import World, close_connections
from tests.journeys.elsewhere import APPROVALS
from tests.journeys.proxied import Proxies, proxies, sandbox, servers
from tests.rotation import pairs, whole
from tests.servers.proxy import CONTENT, GREETING, LITERAL, Fault

__all__ = ["proxies", "sandbox", "servers"]

OVER = ("imap", "pop3", "jmap")

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600), pytest.mark.django_db]

CUT = (
    Fault("cut before", passed=0),
    Fault("half a command", passed=0.5),
    Fault("cut after the work", answered=0),
    Fault("half an answer", answered=0.5),
    Fault("in pieces", in_pieces=True),
)
REFUSED: Mapping[str, Sequence[Fault]] = {
    "imap": (
        Fault("NO", refusal=b"TAG NO Not now\r\n"),
        Fault("NO and busy", refusal=b"TAG NO [UNAVAILABLE] Try again\r\n"),
        Fault("BAD", refusal=b"TAG BAD What?\r\n"),
        Fault("BYE", refusal=b"* BYE Shutting down\r\n", closes=True),
    ),
    "pop3": (
        Fault("-ERR", refusal=b"-ERR Not now\r\n"),
        Fault("-ERR and busy", refusal=b"-ERR [SYS/TEMP] Try again\r\n"),
        Fault("-ERR in use", refusal=b"-ERR [IN-USE] Somebody else is here\r\n", closes=True),
    ),
    "smtp": (
        Fault("421", refusal=b"421 4.3.2 Shutting down\r\n", closes=True),
        Fault("451", refusal=b"451 4.3.0 Try again\r\n"),
        Fault("550", refusal=b"550 5.7.1 No\r\n"),
    ),
    "jmap": (
        Fault("503", refusal=b"HTTP/1.1 503 Not Now\r\nContent-Length: 0\r\n\r\n"),
        Fault("500", refusal=b"HTTP/1.1 500 Failed\r\nContent-Length: 0\r\n\r\n", closes=True),
        Fault("429", refusal=b"HTTP/1.1 429 Too Many\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"),
        Fault("401", refusal=b"HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n"),
        Fault(
            "serverUnavailable",
            refusal=b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
            b'{"methodResponses": TAG, "sessionState": "0"}',
            closes=True,
        ),
    ),
}  # fmt: skip
#: By way, what is among the commands: else nothing was tried.
AMONG: Mapping[str, set[str]] = {
    "imap": {GREETING, "UID FETCH", "UID MOVE", "APPEND", LITERAL, CONTENT},
    "pop3": {GREETING, "RETR", "DELE", "QUIT", CONTENT},
    "jmap": {"GET /jmap/download", "Email/set", "POST /jmap/upload", "Email/import EmailSubmission/set"},
}
#: Said when a connection is no longer needed, and where nothing is known of a mailbox. How often another command comes
#: hangs on what else is there; once it always does.
SELDOM = (("imap", "LOGOUT"), ("pop3", "TOP"), ("smtp", "QUIT"))
NOT_SENT = (OutgoingMail.State.FAILED, OutgoingMail.State.UNSURE)


@dataclass(frozen=True)
class Command:
    protocol: str
    name: str
    number: int  # of those with this name, in one run

    def __str__(self) -> str:
        return f"{self.protocol} {self.name} {self.number}"


def replied(world: World, title: str) -> Request:
    """Bob answers what he was asked, and nothing is open to a server."""
    request, asked = world.asked(item=title)
    world.sandbox.reply_as("bob", asked.id, "approve")
    close_connections()
    return request


def asked_without_faults(world: World, proxies: Proxies) -> list[Command]:
    """What is asked on the way of a reply, from the first connection on. Of a command that comes more than once the
    first and the last one."""
    for title in ("To make the folders", "To look at"):
        replied(world, title)
        for one in proxies.values():
            one.asked.clear()
        world.run_until_quiet()
        close_connections()
    commands: list[Command] = []
    for protocol, one in proxies.items():
        names = [name for name in one.asked if name]
        for name in dict.fromkeys(names):
            commands += [Command(protocol, name, number) for number in sorted({1, names.count(name)})]
    return commands


def faults_of(command: Command) -> Sequence[Fault]:
    if command.name == LITERAL:
        return [fault for fault in CUT if fault.passed is not None]
    refused = REFUSED[command.protocol]
    if command.protocol == "jmap" and "/jmap" in command.name:  # no methods are asked there
        refused = [fault for fault in refused if b"TAG" not in fault.refusal]
    return [*CUT, *refused]


def tried(commands: Sequence[Command], *, every: bool) -> list[tuple[Command, Fault]]:
    found: list[tuple[Command, Fault]] = []
    for protocol in dict.fromkeys(command.protocol for command in commands):
        of_it = [command for command in commands if command.protocol == protocol]
        faults = [*CUT, *REFUSED[protocol]]
        found += [pair for pair in pairs(of_it, faults, every) if pair[1] in faults_of(pair[0])]
    return found


def test_whatever_fails_once_a_reply_is_decided_once(
    world: World, proxies: Proxies, pytestconfig: pytest.Config
) -> None:
    commands = asked_without_faults(world, proxies)
    names = {command.name for command in commands}
    assert AMONG[world.way] <= names
    if world.way == "pop3" and not whole(pytestconfig):
        # SMTP's are tried beside IMAP.
        commands = [command for command in commands if command.protocol == "pop3"]
    for number, (command, fault) in enumerate(tried(commands, every=whole(pytestconfig))):
        title = f"{number}: {fault} at {command}"
        request = replied(world, title)
        proxies[command.protocol].strike(command.name, fault, command.number)
        world.run_until_quiet(rounds=30)
        came = proxies[command.protocol].struck.is_set()
        seldom = command.number > 1 or (command.protocol, command.name) in SELDOM
        assert came or seldom, f"{title}: it was not asked"
        proxies[command.protocol].calm()
        is_decided_once(world, request, title)
    assert list(chain.verify()) == []


def is_decided_once(world: World, request: Request, title: str) -> None:
    request.refresh_from_db()
    assert (request.state, request.result) == (Request.State.ENDED, "approved"), title
    assert Decision.objects.filter(assignment__visit__request=request).count() == 1, title
    for name in ("bob", "alice"):
        arrived = world.subjects(name).count(f"Approved: {title}")
        mail = OutgoingMail.objects.get(to=world.people[name].email, subject=f"Approved: {title}")
        assert arrived == (mail.state == OutgoingMail.State.SENT) or (
            mail.state in NOT_SENT and arrived <= (mail.state == OutgoingMail.State.UNSURE)
        ), f"{title}: {arrived} mails to {name}, {mail.state}: {mail.last_error}"
    assert not IncomingMail.objects.filter(same_as=None).exclude(result="decided").exists(), title
    assert not ServerTask.objects.filter(failed=True).exists(), title
    assert world.sandbox.mails("approvals") == [], title
    assert world.put_away() == Decision.objects.count(), title
    world.poll()
    assert Mailbox.objects.get().trouble == {}, title


# --- what others do meanwhile ---------------------------------------------------------------------------------------


def renumbered(sandbox: AtMailServers, folder: str) -> None:
    """As after a restore: the same mails, and none of the numbers that were given means anything any more."""
    with sandbox.opened() as client:
        now = client.folder_status(folder, ["UIDVALIDITY"])[b"UIDVALIDITY"]
    dovecot = sandbox.servers.dovecot
    dovecot.doveadm("mailbox", "update", "-u", APPROVALS, "--uid-validity", str(now + 1000), folder)


def removed(sandbox: AtMailServers, folder: str) -> None:
    with sandbox.opened() as client:
        client.delete_folder(folder)


def removed_and_made(sandbox: AtMailServers, folder: str) -> None:
    removed(sandbox, folder)
    with sandbox.opened() as client:
        client.create_folder(folder)


def forgotten(sandbox: AtMailServers, folder: str) -> None:
    """What was removed from there is cleaned up for good: of the time before it nobody can say what changed."""
    assert isinstance(sandbox, AtCyrus)
    with sandbox.opened() as client:
        client.append(folder, b"Subject: of no use\r\n\r\n")
        client.select_folder(folder)
        client.delete_messages(client.search())
        client.expunge()
    sandbox.own.cyrus.run("cyr_expire", "-X", "0", "-u", APPROVALS)


Happening = Callable[[AtMailServers, str], None]
HAPPENINGS: Mapping[str, Mapping[str, tuple[Happening, str, tuple[str, ...]]]] = {
    "imap": {
        "renumbered": (renumbered, "INBOX", ("UID FETCH", "UID MOVE")),
        "the other folder renumbered": (renumbered, "Placet/Processed", ("UID MOVE",)),
        "removed": (removed, "Placet/Processed", ("UID FETCH", "UID MOVE")),
        "removed and made anew": (removed_and_made, "Placet/Processed", ("UID FETCH", "UID MOVE")),
        "Sent removed and made anew": (removed_and_made, "Sent", ("APPEND",)),
    },
    "jmap": {
        "forgotten": (forgotten, "Trash", ("Email/changes Email/get Email/get", "GET /jmap/download")),
        "removed": (removed, "Placet/Processed", ("GET /jmap/download", "Email/set")),
        "removed and made anew": (removed_and_made, "Placet/Processed", ("Email/set",)),
    },
}


@pytest.mark.not_over("pop3")
def test_folders_that_change_in_the_middle_lose_and_repeat_nothing(world: World, proxies: Proxies) -> None:
    asked_without_faults(world, proxies)
    assert isinstance(world.sandbox, AtMailServers)
    for what, (happens, folder, names) in HAPPENINGS[world.way].items():
        for name in names:
            title = f"{what} at {name}"
            request = replied(world, title)
            there = world.put_away()
            left = 0 if "removed" in what and folder != "Sent" else there
            then = partial(happens, world.sandbox, folder)
            proxies[world.way].strike(name, Fault(what, then=then))
            world.run_until_quiet(rounds=30)
            assert proxies[world.way].struck.is_set(), title
            request.refresh_from_db()
            assert request.result == "approved", title
            assert world.sandbox.mails("approvals") == [], title
            assert IncomingMail.objects.filter(same_as=None).count() == Decision.objects.count(), title
            assert not ServerTask.objects.filter(failed=True).exists(), title
            assert world.put_away() == left + 1, title
