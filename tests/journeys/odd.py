"""Many odd mails in Placet's mailbox in one go, and what must be true of it afterwards."""

import os
import smtplib
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes.base import Action
from placet.mailboxes.models import Mailbox
from placet.sandbox.server import Mail
from tests.installation import PATIENCE
from tests.journeys.at_mail_servers import AtMailServers
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.elsewhere import APPROVALS, Elsewhere
from tests.journeys.letters import reply_to

MOST_ROUNDS = 100
ENDED = {IncomingMail.State.HANDLED, IncomingMail.State.SET_ASIDE, IncomingMail.State.DUPLICATE}
REPLACED = tuple(
    f"{name}:".encode()
    for name in ("from", "sender", "to", "cc", "reply-to", "subject", "date", "message-id", "in-reply-to")
)


def grafted(raw: bytes, asked: Mail) -> bytes:
    """The same mail by Bob, as an answer to an ask; nothing else of it becomes another."""
    kept: list[bytes] = []
    dropping, in_headers = False, True
    for line in raw.splitlines(keepends=True):
        in_headers = in_headers and line.strip(b"\r\n") != b""
        if in_headers and not line.startswith((b" ", b"\t")):
            dropping = line.lower().startswith(REPLACED)
        if not (in_headers and dropping):
            kept.append(line)
    return head_of_answer(asked) + b"".join(kept)


def head_of_answer(asked: Mail) -> bytes:
    """Bob's."""
    lines = (
        f"From: Bob Bobson <bob@{DOMAIN}>",
        f"To: {reply_to(asked)}",
        f"Subject: RE: {asked.subject}",
        f"Date: {format_datetime(datetime.now(UTC))}",
        f"Message-ID: <{uuid.uuid4().hex}@{DOMAIN}>",
        f"In-Reply-To: {asked.header('Message-ID')}",
    )
    return "".join(f"{line}\r\n" for line in lines).encode()


def asks(world: World, *titles: str) -> dict[str, Mail]:
    """One to Bob about a request of each title."""
    for title in titles:
        world.request(item=title)
    world.send()
    mails = world.sandbox.mails("bob")
    return {title: mail for title in titles for mail in mails if f": {title} " in mail.subject}


@dataclass(frozen=True)
class Delivery:
    """`refused`: by name, what the server answered to those mails that it did not take. `came`: how many lie in the
    mailbox all the same; where folders are files, the refused ones were put there."""

    refused: Mapping[str, str]
    came: int


def delivered(world: World, mails: Mapping[str, bytes]) -> Delivery:
    """Into the mailbox, as they are but for what a server writes on top. Two of the same bytes are one mail to some
    servers (Cyrus by JMAP): a second one has an empty line more."""
    mails = _unlike(mails)
    if not isinstance(world.sandbox, AtMailServers):
        for raw in mails.values():
            world.sandbox.place("approvals", raw)
        return Delivery({}, len(mails))
    refused: dict[str, str] = {}
    with smtplib.LMTP("127.0.0.1", world.sandbox.lmtp_port, timeout=PATIENCE) as client:
        for name, raw in mails.items():
            try:
                client.sendmail("somebody@mail.example", [APPROVALS], raw)
            except smtplib.SMTPDataError as error:
                assert isinstance(error.smtp_error, bytes)
                refused[name] = f"{error.smtp_code} {error.smtp_error.decode()}"
    came = len(mails) - len(refused)
    if world.sandbox.maildir is not None:
        for name in refused:
            put_into(world.sandbox.maildir, mails[name])
        came = len(mails)
    return Delivery(refused, came)


def _unlike(mails: Mapping[str, bytes]) -> dict[str, bytes]:
    unlike: dict[str, bytes] = {}
    known: set[bytes] = set()
    for name, raw in mails.items():
        while _on_the_wire(raw) in known:
            raw = _ended(raw) + b"\r\n"
        known.add(_on_the_wire(raw))
        unlike[name] = raw
    return unlike


def _on_the_wire(raw: bytes) -> bytes:
    """Its lines as a server keeps them that takes a bare LF for the end of one (Cyrus)."""
    return _ended(raw).replace(b"\r\n", b"\n")


def _ended(raw: bytes) -> bytes:
    """As smtplib sends it."""
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"


def put_into(maildir: Path, raw: bytes) -> None:
    """As a program does that delivers without asking the server."""
    path = maildir / "tmp" / f"{time.time_ns()}.put.mail.example.test"
    path.write_bytes(raw)
    owner = maildir.stat()
    os.chown(path, owner.st_uid, owner.st_gid)
    path.rename(maildir / "new" / path.name)


def is_settled(world: World, came: int) -> None:
    """Each of so many mails that came was judged once, and nothing hangs. Those that Placet is done with are put away,
    and as many as it left lie where they were."""
    for _round in range(MOST_ROUNDS):
        world.run()
        if IncomingMail.objects.count() >= came and not world.rows_waiting():
            break
    world.run()
    assert world.rows_waiting() == {}
    rows = IncomingMail.objects.values_list("state", "result")
    assert len(rows) == came
    assert {state for state, _result in rows} <= ENDED
    assert all(result for state, result in rows if state == IncomingMail.State.HANDLED)
    assert not ServerTask.objects.filter(failed=True).exists()
    away = ServerTask.objects.exclude(done_at=None)
    if isinstance(world.sandbox, Elsewhere) and not world.sandbox.has_folders:
        away = away.filter(action=Action.DELETE)  # nothing else can be done to a mail there
    assert len(world.sandbox.mails("approvals")) == came - away.count()
    assert Mailbox.objects.get().trouble == {}
    told = set(OutgoingMail.objects.values_list("to", flat=True))
    assert told <= {person.email for person in world.people.values()}, "a stranger was answered"
