"""A bad day at an IMAP or POP3 server and the SMTP server beside it, at a JMAP server, at Gmail or at an Exchange
server: each command that a reply's way takes is cut off, answered by half or refused, once. The reply is decided once
all the same and put away once, and of each mail that goes out one arrives, or it is shown as not sent, or as perhaps
sent.

Which commands there are is seen in a run without faults. `make soak-kinds` tries each command with each fault, the
suite each command with one and each fault once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import pytest

from placet.approvals.models import Decision, Request
from placet.audit import chain
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes import pool
from placet.mailboxes.models import Mailbox
from tests.journeys.at_cyrus import AtCyrus
from tests.journeys.at_mail_servers import AtMailServers
from tests.journeys.conftest import World, close_connections
from tests.journeys.elsewhere import APPROVALS
from tests.journeys.proxied import IN_MEMORY, Proxies, proxies, sandbox, servers
from tests.rotation import pairs, whole
from tests.servers.proxy import CONTENT, GREETING, LITERAL, Fault

if TYPE_CHECKING:  # of kinds that one can delete
    from tests.journeys.at_exchange_server import AtExchangeServer
    from tests.journeys.at_google import AtGoogle
    from tests.mailboxes.stub import Reply

__all__ = ["proxies", "sandbox", "servers"]

OVER = ("imap", "pop3", "jmap", "gmail", "exchange-server")

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
NOT_SIGNED_IN = "401"


def _refused_by_google() -> Sequence[Fault]:
    from tests.mailboxes.gmail.google import refusal

    busy = "Too many concurrent requests for user"
    return (
        Fault("429", refusal=_http(refusal(429, "rateLimitExceeded", busy), "Retry-After: 1")),
        Fault("401", refusal=_http(refusal(401, "authError", "Invalid Credentials"))),
        Fault(
            "403 rateLimitExceeded",
            refusal=_http(refusal(403, "rateLimitExceeded", "Rate Limit Exceeded", "usageLimits")),
        ),
        Fault("503", refusal=_http(refusal(503, "backendError", "Backend Error")), closes=True),
    )


def _refused_by_exchange() -> Sequence[Fault]:
    from tests.mailboxes.stub import Reply, ews_reply, failed, fault_reply

    page = Reply(503, b"<html>Service Unavailable</html>")
    busy = fault_reply("ErrorServerBusy", {"BackOffMilliseconds": "500"})
    transient = "ErrorInternalServerTransientError"
    offers = ("WWW-Authenticate: Negotiate", "WWW-Authenticate: NTLM")  # as to whoever has not signed in
    return (
        Fault("503", refusal=_http(page, "Retry-After: 1"), closes=True),
        Fault(NOT_SIGNED_IN, refusal=_http(Reply(401), *offers)),
        Fault("ErrorServerBusy", refusal=_http(busy)),
        Fault(transient, refusal=_http(fault_reply(transient))),
        Fault(f"one item's {transient}", refusal=_http(ews_reply("TAG", failed(transient))), closes=True),
    )


def _http(reply: "Reply", *more: str) -> bytes:
    """As bytes; where something in it is put in, its end is that of the connection."""
    length = () if b"TAG" in reply.body else (f"Content-Length: {len(reply.body)}",)
    lines = [f"HTTP/1.1 {reply.status} No", *(f"{name}: {value}" for name, value in reply.headers.items())]
    return "\r\n".join([*lines, *more, *length, "", ""]).encode() + reply.body


@cache
def refused_by(protocol: str) -> Sequence[Fault]:
    """As its server refuses."""
    in_memory = {"gmail": _refused_by_google, "ews": _refused_by_exchange}
    return in_memory[protocol]() if protocol in in_memory else REFUSED[protocol]


#: By way, what is among the commands: else nothing was tried.
AMONG: Mapping[str, set[str]] = {
    "imap": {GREETING, "UID FETCH", "UID MOVE", "APPEND", LITERAL, CONTENT},
    "pop3": {GREETING, "RETR", "DELE", "QUIT", CONTENT},
    "jmap": {"GET /jmap/download", "Email/set", "POST /jmap/upload", "Email/import EmailSubmission/set"},
    "gmail": {"POST token", "GET history", "GET messages raw", "POST messages modify", "POST messages send"},
    "exchange-server": {
        "POST",
        "Negotiate 1",
        "Negotiate 3 SyncFolderItems",
        "GetItem",
        "MoveItem",
        "CreateItem",
    },
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
    refused = refused_by(command.protocol)
    if command.protocol == "jmap" and "/jmap" in command.name:  # no methods are asked there
        refused = [fault for fault in refused if b"TAG" not in fault.refusal]
    if command.protocol == "ews" and (command.name == "POST" or command.name[-1].isdigit()):  # no operation
        refused = [fault for fault in refused if b"xml" not in fault.refusal]
    return [*CUT, *refused]


def tried(commands: Sequence[Command], *, every: bool) -> list[tuple[Command, Fault]]:
    found: list[tuple[Command, Fault]] = []
    for protocol in dict.fromkeys(command.protocol for command in commands):
        of_it = [command for command in commands if command.protocol == protocol]
        faults = [*CUT, *refused_by(protocol)]
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
        if fault.name == NOT_SIGNED_IN and "Negotiate 3" in command.name:
            is_mended(world, title)
        world.run_until_quiet(rounds=30)
        came = proxies[command.protocol].struck.is_set()
        seldom = command.number > 1 or (command.protocol, command.name) in SELDOM
        assert came or seldom, f"{title}: it was not asked"
        proxies[command.protocol].calm()
        is_decided_once(world, request, title)
    assert list(chain.verify()) == []


def is_mended(world: World, title: str) -> None:
    """A password that was refused is not offered again, until an administrator tests the connection."""
    world.run()
    mailbox = Mailbox.objects.get()
    assert mailbox.trouble["fix_needed"], title
    connection = pool.connect(mailbox)
    not_right = [check for check in connection.check() if not check.ok]
    connection.close()
    assert not_right == [], title


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
    mailbox = Mailbox.objects.get()
    assert (mailbox.trouble, mailbox.sending_trouble) == ({}, {}), title


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


def history_lost(sandbox: "AtGoogle", folder: str) -> None:
    """Gmail keeps it "at least a week", and less where it says so by a 404."""
    sandbox.google.user(APPROVALS).first = sandbox.google.tick()


def label_removed(sandbox: "AtGoogle", folder: str) -> None:
    box = sandbox.google.user(APPROVALS)
    with sandbox.google.lock:
        gone = box.label_id(folder)
        assert gone is not None
        del box.labels[gone]
        for mail in box.mails.values():
            mail.labels.discard(gone)


def sync_states_lost(sandbox: "AtExchangeServer", folder: str) -> None:
    sandbox.lose_sync_states()


def folder_removed(sandbox: "AtExchangeServer", folder: str) -> None:
    with sandbox.tenant.lock:
        box = sandbox.mailbox(APPROVALS)
        [gone] = [one for one in box.folders.values() if one.name == folder.rpartition("/")[2]]
        assert gone.parent is not None
        gone.parent.children.remove(gone)
        del box.folders[gone.id]


Happening = Callable[[Any, str], None]  # at a sandbox, to a folder of Placet's mailbox
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
    "gmail": {
        "forgotten": (history_lost, "INBOX", ("GET history", "GET messages raw")),
        "removed": (label_removed, "Placet/Processed", ("GET messages raw", "POST messages modify")),
    },
    "exchange-server": {
        "forgotten": (sync_states_lost, "INBOX", ("SyncFolderItems", "GetItem")),
        "removed": (folder_removed, "Placet/Processed", ("GetItem", "MoveItem")),
    },
}


@pytest.mark.not_over("pop3", because="there is one folder")
def test_folders_that_change_in_the_middle_lose_and_repeat_nothing(world: World, proxies: Proxies) -> None:
    asked_without_faults(world, proxies)
    protocol = IN_MEMORY.get(world.way, world.way)
    for what, (happens, folder, names) in HAPPENINGS[world.way].items():
        for name in names:
            title = f"{what} at {name}"
            request = replied(world, title)
            there = world.put_away()
            left = 0 if "removed" in what and folder != "Sent" else there
            then = partial(happens, world.sandbox, folder)
            proxies[protocol].strike(name, Fault(what, then=then))
            world.run_until_quiet(rounds=30)
            assert proxies[protocol].struck.is_set(), title
            request.refresh_from_db()
            assert request.result == "approved", title
            assert world.sandbox.mails("approvals") == [], title
            assert IncomingMail.objects.filter(same_as=None).count() == Decision.objects.count(), title
            assert not ServerTask.objects.filter(failed=True).exists(), title
            assert world.put_away() == left + 1, title
