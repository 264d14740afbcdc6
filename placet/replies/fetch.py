"""Mailbox → rows, whole and once. Nothing is judged here.

A mail counts as kept when its row is committed; the cursor moves only after every mail of its page is kept.
A crash in between shows the page again, and the unique constraints drop what is already there.

A mail that cannot be fetched must not stop those around it: what came before an error is kept, and where the
server lists mails but fails to give them twice in a row, they are asked for one by one. The one that fails alone
becomes a row that is still to be read (`facts["unread"]`), which `entry.take_in` asks for again.
"""

import hashlib
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from email.parser import BytesHeaderParser
from email.policy import compat32
from operator import itemgetter
from typing import Any

import structlog
from django.db import IntegrityError, InterfaceError, OperationalError, transaction

from placet.lib import clock, rows
from placet.mail.models import IncomingMail, ServerTask
from placet.mailboxes import polling, progress
from placet.mailboxes.base import (
    Action,
    Connection,
    Folder,
    Gone,
    MailboxError,
    MailError,
    Page,
    Received,
    Seen,
    Wait,
)
from placet.mailboxes.kinds import server_of
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import MailboxSettings
from placet.replies.parse.charsets import REPLACEMENT

log = structlog.get_logger(__name__)

Entry = Received | tuple[Seen, MailError]

BATCH_MAILS = 20  # mails kept in one transaction
BATCH_BYTES = 4 * 1024 * 1024
LONGEST_ID = 512  # characters
LARGEST_HEADER = 256 * 1024  # bytes hashed of a header block without an end
SINCE_SLACK = timedelta(minutes=10)  # the server's clock and ours differ
PATIENCE = 2  # failed fetches in a row, after which mails are fetched one by one
LONGEST_ALONE = 300.0  # seconds of fetching one by one in one poll: other mailboxes wait meanwhile
SERVER = "host"  # in `IncomingMail.facts`: `kinds.server_of`, where its kind has one
FAILED_FETCHES = "failed_fetches"  # in the row's cursor, beside the server's: how many in a row


class LeaseLost(Exception):
    """Another worker polls this mailbox now; it will keep what is left."""


def fetch(mailbox: Mailbox, connection: Connection, settings: MailboxSettings, claim: str) -> bool:
    """Keep the mailbox's new mail, up to the settings' mails per poll. True if there is more."""
    kept = restarts = 0
    while True:
        began = progress.sync_began(mailbox)  # before anything is asked: see there
        page = connection.changes(position(mailbox), since(mailbox), settings.mails_per_poll)
        if page.restarted:
            log.warning("sync_state_lost", mailbox=mailbox.pk)
            restarts += 1
        count, gone = _keep_page(mailbox, connection, page, settings.max_size, claim)
        kept += count
        _move_cursor(mailbox, page, None if gone else began, claim)
        if restarts > 1:  # a server that forgets every page is not asked without end
            return False
        if not page.more or kept >= settings.mails_per_poll:
            return page.more


def since(mailbox: Mailbox) -> datetime:
    """Mail received before this is not looked at."""
    return (mailbox.since or clock.now()) - SINCE_SLACK


def position(mailbox: Mailbox) -> dict[str, Any]:
    """The row's cursor as the connection gave it."""
    ours = (FAILED_FETCHES, progress.SYNC_BEGAN)
    return {name: value for name, value in mailbox.cursor.items() if name not in ours}


def _keep_page(
    mailbox: Mailbox, connection: Connection, page: Page, max_size: int, claim: str
) -> tuple[int, bool]:
    """How many mails it was, and whether one was gone when it was fetched."""
    new = _unknown(mailbox, page.seen)
    _put_away_again(mailbox, page.seen)
    failures = int(mailbox.cursor.get(FAILED_FETCHES, 0))
    if failures < PATIENCE:
        batches = _batches(connection.fetch(new, max_size))
    else:
        batches = ([entry] for entry in _one_by_one(mailbox, connection, new, max_size))
    kept, gone = 0, False
    try:
        for batch in batches:
            _keep_batch(mailbox, batch)
            kept += len(batch)
            gone = gone or any(_is_gone(entry) for entry in batch)
            _write_cursor(mailbox, claim, mailbox.cursor)
    except LeaseLost:
        raise
    except Exception:
        _write_cursor(mailbox, claim, {**mailbox.cursor, FAILED_FETCHES: failures + 1})
        raise
    return kept, gone


def _is_gone(entry: Entry) -> bool:
    return not isinstance(entry, Received) and isinstance(entry[1], Gone)


def _unknown(mailbox: Mailbox, seen: Sequence[Seen]) -> list[Seen]:
    """In the order in which they came, whatever the server lists first: of two answers the first one counts."""
    once = {kept_id(entry.server_id): entry for entry in seen}
    known = set(mailbox.incoming.filter(server_id__in=list(once)).values_list("server_id", flat=True))
    new = [entry for kept, entry in once.items() if kept not in known]
    came = [(entry.received_at, entry) for entry in new if entry.received_at is not None]
    if len(came) < len(new):
        return new  # such a server lists them in that order itself
    return [entry for _at, entry in sorted(came, key=itemgetter(0))]


def _put_away_again(mailbox: Mailbox, seen: Sequence[Seen]) -> None:
    """Somebody moved mail back that was put away, and it still has the id that it is known by. What was marked read
    stays where it is: that mark makes the server list it too."""
    back = ServerTask.objects.filter(
        incoming__mailbox=mailbox,
        incoming__server_id__in=[kept_id(entry.server_id) for entry in seen],
        action__in=[Action.MOVE, Action.DELETE],
    ).exclude(done_at=None)
    back.update(done_at=None, tries=0, due=clock.now())


def kept_id(server_id: str) -> str:
    """The server's id as a row holds it. One that is too long for it (Exchange's have 512 bytes at most) becomes
    its hash: the mail is kept and taken in like every other; only its mark on the server fails, and is shown."""
    if len(server_id) <= LONGEST_ID:
        return server_id
    return f"sha256:{hashlib.sha256(server_id.encode()).hexdigest()}"


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    try:
        for entry in entries:
            batch.append(entry)
            size += len(entry.raw) if isinstance(entry, Received) else 0
            if len(batch) >= BATCH_MAILS or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
    except Exception:
        if batch:
            yield batch  # what was read before the error is kept
        raise
    if batch:
        yield batch


def _one_by_one(
    mailbox: Mailbox, connection: Connection, seen: Sequence[Seen], max_size: int
) -> Iterator[Entry]:
    until = time.monotonic() + LONGEST_ALONE
    for entry in seen:
        if time.monotonic() > until:
            raise Wait(
                "The server takes minutes to give single mails of this mailbox.",
                "Nothing needs to be done; Placet goes on with the next ones by itself.",
            )
        yield fetch_alone(mailbox, connection, entry, max_size)


def fetch_alone(mailbox: Mailbox, connection: Connection, seen: Seen, max_size: int) -> Entry:
    """One mail by itself. It is blamed for what fails while the mailbox works; else MailboxError passes."""
    try:
        return next(iter(connection.fetch([seen], max_size)))
    except MailboxError as error:
        if isinstance(error, Wait) and error.not_done:
            raise  # the server asked for patience before it looked at the mail
        blamed = MailError(error.cause)
    except Exception as error:
        log.exception("fetch_failed", mailbox=mailbox.pk)
        return seen, MailError(f"Placet itself failed while it read the mail: {type(error).__name__}.")
    connection.changes(position(mailbox), since(mailbox), 1)  # raises where the mailbox as a whole fails
    log.warning("mail_not_given", mailbox=mailbox.pk, cause=str(blamed))
    return seen, blamed


def _keep_batch(mailbox: Mailbox, batch: Sequence[Entry]) -> None:
    """All in one transaction. If one of them cannot be kept, each has a savepoint of its own."""
    try:
        with transaction.atomic():
            for entry in batch:
                _keep_or_remember(mailbox, entry, alone=False)
    except (OperationalError, InterfaceError):
        raise  # the database failed, not a mail
    except Exception:
        log.exception("batch_not_kept", mailbox=mailbox.pk)
        with transaction.atomic():
            for entry in batch:
                _keep_or_remember(mailbox, entry, alone=True)


def _keep_or_remember(mailbox: Mailbox, entry: Entry, *, alone: bool) -> None:
    """One mail becomes a row; `alone`, whatever is in it."""
    if not isinstance(entry, Received):
        if not _is_gone(entry):
            _keep_unread(mailbox, entry[0], str(entry[1]))
        return
    if not alone:
        _keep(mailbox, entry)
        return
    try:
        with transaction.atomic():
            _keep(mailbox, entry)
    except (OperationalError, InterfaceError):
        raise  # the database failed, not this mail
    except Exception as error:
        log.exception("keep_failed", mailbox=mailbox.pk)
        seen = Seen(entry.server_id, entry.folder, entry.received_at)
        _keep_unread(mailbox, seen, f"Placet itself failed while it kept the mail: {type(error).__name__}.")


def _keep(mailbox: Mailbox, received: Received) -> None:
    mark = fingerprint(received)
    row = IncomingMail(
        mailbox=mailbox,
        server_id=kept_id(received.server_id),
        protocol=mailbox.protocol,
        fingerprint=mark,
        folder=received.folder,
        received_at=received.received_at,
        raw=received.raw,
        transport_headers=storable(received.transport_headers),
        # What the server wrote into the mail is this server's, whatever the mailbox becomes before it is read.
        facts={**facts_of(received), "kind": mailbox.kind, **_server(mailbox)},
    )
    if rows.insert_new(row):
        return
    first = first_of(mailbox, mark)
    if first is not None:  # else another worker keeps the same page, and knows the mail by this id
        keep_shown_again(row, first)


def _server(mailbox: Mailbox) -> dict[str, str]:
    server = server_of(mailbox)
    return {SERVER: server} if server else {}


def first_of(mailbox: Mailbox, mark: str) -> IncomingMail | None:
    """The row that was kept first of the mail with this fingerprint."""
    known = mailbox.incoming.filter(fingerprint=mark, same_as=None)
    return known.defer("raw", "transport_headers").first()


def keep_shown_again(row: IncomingMail, first: IncomingMail) -> None:
    """A known mail under another id (moved by hand, or the server's ids changed): remembered, so that it is
    not fetched again, and put where the first one was put."""
    if first.server_id == row.server_id:
        return
    row.same_as, row.state, row.raw, row.result = first, IncomingMail.State.DUPLICATE, b"", first.result
    row.reason = f"The same mail as number {first.pk}, shown again by the server."
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        return  # another worker remembered it
    # Locked: the first one may be handled at this moment, and one of the two must see the other.
    IncomingMail.objects.select_for_update().filter(pk=first.pk).values_list("pk").get()
    task = ServerTask.objects.filter(incoming=first).first()
    if task is not None:
        ServerTask.objects.create(incoming=row, action=task.action, folder=task.folder)


def _keep_unread(mailbox: Mailbox, seen: Seen, reason: str) -> None:
    """The server lists this mail but would not give it: a row remembers to ask for it again."""
    row = IncomingMail(
        mailbox=mailbox,
        server_id=kept_id(seen.server_id),
        protocol=mailbox.protocol,
        fingerprint=f"unread:{hashlib.sha256(seen.server_id.encode()).hexdigest()}"[:64],
        folder=seen.folder,
        received_at=seen.received_at,
        raw=b"",
        facts={"unread": True, "error": storable(reason)},
    )
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        return  # another worker remembered it


def facts_of(received: Received) -> dict[str, object]:
    """What the server said beside the mail, as JSON."""
    return {
        "item_class": storable(received.item_class),
        "sender": storable(received.sender),
        "from": storable(received.from_),
        "message_id": storable(received.message_id),
        "voting": storable(received.voting),
        "size": received.size,
        "too_large": received.too_large,
    }


def storable(text: str) -> str:
    """With U+FFFD for NUL, and with question marks for half characters: PostgreSQL refuses both."""
    return text.replace("\x00", REPLACEMENT).encode("utf-8", "replace").decode()


def received_of(incoming: IncomingMail) -> Received:
    """The mail as the server gave it, from its row."""
    facts = incoming.facts
    return Received(
        server_id=incoming.server_id,
        folder=Folder(incoming.folder),
        raw=bytes(incoming.raw),
        transport_headers=incoming.transport_headers,
        item_class=facts["item_class"],
        received_at=incoming.received_at,
        size=facts["size"],
        sender=facts["sender"],
        from_=facts["from"],
        message_id=facts["message_id"],
        voting=facts["voting"],
        too_large=facts["too_large"],
    )


def fingerprint(received: Received) -> str:
    """What tells that two server ids are the same mail: SHA-256 over its headers as they arrived.

    Two mails never arrive with the same Received lines; one mail keeps them when it is moved. Exchange rebuilds
    the MIME, so the transport headers are used where there are some. A mail that never travelled has no
    Received lines: of such mails the text is hashed too, for two of them may have the same headers.
    """
    head, _, body = _split(received.raw)
    block = received.transport_headers.encode("utf-8", "replace")
    if not block.strip():
        block = head[:LARGEST_HEADER]
    message_id = received.message_id or str(
        BytesHeaderParser(policy=compat32).parsebytes(block)["message-id"]
    )
    digest = hashlib.sha256(message_id.encode("utf-8", "replace") + b"\0" + b" ".join(block.split()))
    if not TRAVELLED.search(block):
        digest.update(b"\0")
        digest.update(body)
    return digest.hexdigest()


TRAVELLED = re.compile(rb"^Received[ \t]*:", re.IGNORECASE | re.MULTILINE)


def _split(raw: bytes) -> tuple[bytes, bytes, bytes]:
    """Header, empty line and body."""
    crlf, lf = raw.find(b"\r\n\r\n"), raw.find(b"\n\n")
    return raw.partition(b"\r\n\r\n" if crlf >= 0 and (lf < 0 or crlf < lf) else b"\n\n")


def _move_cursor(mailbox: Mailbox, page: Page, began: datetime | None, claim: str) -> None:
    """`began`: when the sync did that the page belongs to."""
    if not page.complete:
        _write_cursor(mailbox, claim, progress.with_sync(page.cursor, began))
        return
    mailbox.read_until = progress.after_sync(mailbox, began)
    _write_cursor(mailbox, claim, page.cursor, read_until=mailbox.read_until)


def _write_cursor(mailbox: Mailbox, claim: str, cursor: Mapping[str, Any], **more: datetime | None) -> None:
    """Also renews the lease: every batch that is kept, and every page, is time well spent."""
    mailbox.cursor = dict(cursor)
    mine = polling.LEASED.mine(mailbox.pk, claim)
    if not mine.update(cursor=mailbox.cursor, next_poll=clock.now() + polling.LEASED.length, **more):
        raise LeaseLost(f"The poll of mailbox {mailbox.pk} took longer than its lease.")
