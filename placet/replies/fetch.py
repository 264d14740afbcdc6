"""Mailbox → rows, whole and once. Nothing is judged here.

A mail counts as kept when its row is committed; the cursor moves only after every mail of its page is kept.
A crash in between shows the page again, and the unique constraints drop what is already there.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from email.parser import BytesHeaderParser
from email.policy import compat32

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from placet.mail.models import IncomingMail, ServerTask
from placet.mailboxes.base import Connection, Folder, Gone, MailError, Page, Received, Seen
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import ExchangeSettings

log = structlog.get_logger(__name__)

Entry = Received | tuple[Seen, MailError]

LEASE = timedelta(minutes=5)
BATCH_MAILS = 20  # mails kept in one transaction
BATCH_BYTES = 4 * 1024 * 1024
LARGEST_HEADER = 256 * 1024  # bytes hashed of a header block without an end


class LeaseLost(Exception):
    """Another worker polls this mailbox now; it will keep what is left."""


def fetch(mailbox: Mailbox, connection: Connection, settings: ExchangeSettings, claim: str) -> bool:
    """Keep the mailbox's new mail, up to the settings' mails per poll. True if there is more."""
    kept = 0
    while True:
        page = connection.changes(mailbox.cursor, _since(mailbox), settings.mails_per_poll)
        if page.restarted:
            log.warning("sync_state_lost", mailbox=mailbox.pk)
        kept += _keep_page(mailbox, connection, page, settings.max_size)
        _move_cursor(mailbox, page, claim)
        if not page.more or kept >= settings.mails_per_poll:
            return page.more


def _since(mailbox: Mailbox) -> datetime:
    return mailbox.since or timezone.now()


def _keep_page(mailbox: Mailbox, connection: Connection, page: Page, max_size: int) -> int:
    new = _unknown(mailbox, page.seen)
    count = 0
    for batch in _batches(connection.fetch(new, max_size)):
        with transaction.atomic():
            for entry in batch:
                if isinstance(entry, Received):
                    _keep(mailbox, entry)
                    count += 1
                elif not isinstance(entry[1], Gone):
                    _keep_unread(mailbox, entry[0], entry[1])
    return count


def _unknown(mailbox: Mailbox, seen: Sequence[Seen]) -> list[Seen]:
    ids = [entry.server_id for entry in seen]
    known = set(mailbox.incoming.filter(server_id__in=ids).values_list("server_id", flat=True))
    return [entry for entry in seen if entry.server_id not in known]


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        batch.append(entry)
        size += len(entry.raw) if isinstance(entry, Received) else 0
        if len(batch) >= BATCH_MAILS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _keep(mailbox: Mailbox, received: Received) -> None:
    mark = fingerprint(received)
    row = IncomingMail(
        mailbox=mailbox,
        server_id=received.server_id,
        fingerprint=mark,
        folder=received.folder,
        received_at=received.received_at,
        raw=received.raw,
        transport_headers=received.transport_headers.replace("\x00", ""),  # PostgreSQL's text refuses NUL
        facts=facts_of(received),
    )
    first = mailbox.incoming.filter(fingerprint=mark, same_as=None).first()
    if first is None:
        try:
            with transaction.atomic():
                row.save()
                return
        except IntegrityError:
            # Two workers at once, or the id came twice in one page: the constraint decided.
            first = mailbox.incoming.filter(fingerprint=mark, same_as=None).first()
            if first is None:
                return
    keep_shown_again(row, first)


def keep_shown_again(row: IncomingMail, first: IncomingMail) -> None:
    """A known mail under another id (moved by hand, or the server's ids changed): remembered, so that it is
    not fetched again, and put where the first one was put."""
    if first.server_id == row.server_id:
        return
    row.same_as, row.state, row.raw, row.result = first, IncomingMail.State.DUPLICATE, b"", first.result
    row.reason = f"The same mail as number {first.pk}, shown again by the server."
    row.save()
    # Locked: the first one may be handled at this moment, and one of the two must see the other.
    IncomingMail.objects.select_for_update().get(pk=first.pk)
    task = ServerTask.objects.filter(incoming=first).first()
    if task is not None:
        ServerTask.objects.create(incoming=row, action=task.action, folder=task.folder)


def _keep_unread(mailbox: Mailbox, seen: Seen, error: MailError) -> None:
    """The server lists this mail but would not give it: a row remembers to ask for it again."""
    IncomingMail.objects.create(
        mailbox=mailbox,
        server_id=seen.server_id,
        fingerprint=f"unread:{hashlib.sha256(seen.server_id.encode()).hexdigest()}"[:64],
        folder=seen.folder,
        received_at=seen.received_at,
        raw=b"",
        facts={"unread": True, "error": str(error)},
    )


def facts_of(received: Received) -> dict[str, object]:
    """What the server said beside the mail, as JSON."""
    return {
        "item_class": received.item_class,
        "sender": received.sender,
        "from": received.from_,
        "message_id": received.message_id,
        "voting": received.voting,
        "size": received.size,
        "too_large": received.too_large,
    }


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
    the MIME, so the transport headers are used where there are some.
    """
    block = received.transport_headers.encode("utf-8", "surrogateescape")
    if not block.strip():
        block = received.raw[:LARGEST_HEADER].split(b"\r\n\r\n", 1)[0].split(b"\n\n", 1)[0]
    message_id = received.message_id or str(
        BytesHeaderParser(policy=compat32).parsebytes(block)["message-id"]
    )
    return hashlib.sha256(
        message_id.encode("utf-8", "replace") + b"\0" + b" ".join(block.split())
    ).hexdigest()


def _move_cursor(mailbox: Mailbox, page: Page, claim: str) -> None:
    mailbox.cursor = dict(page.cursor)
    mine = Mailbox.objects.filter(pk=mailbox.pk, claim=claim)
    if not mine.update(cursor=mailbox.cursor, next_poll=timezone.now() + LEASE):
        raise LeaseLost(f"The poll of mailbox {mailbox.pk} took longer than its lease.")
