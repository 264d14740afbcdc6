"""An Exchange mailbox through Exchange Web Services, as `base.Connection` asks for it."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from placet.mailboxes.base import (
    Action,
    Check,
    Folder,
    MailboxError,
    MailError,
    Page,
    Received,
    Seen,
    SentCopy,
    SentMail,
)
from placet.mailboxes.folders import Folders
from placet.mailboxes.microsoft import marking
from placet.mailboxes.microsoft.exchange_errors import About
from placet.mailboxes.microsoft.preflight import CommonProbe, ProtocolProbe
from placet.mailboxes.mime import header_block, headers_alone
from placet.mailboxes.sent_copies import (
    LEAST_LISTED,
    SENT_LARGEST,
    SENT_SLACK,
    Copy,
    copies_of,
    mentions,
    same_subject,
)

from . import operations
from .errors import ServerError, may_be_of_one_mail
from .operations import FolderRef, Item
from .probe import EwsProbe
from .soap import Soap, Unreadable

FOLDERS = {Folder.INBOX: operations.INBOX, Folder.JUNK: operations.JUNK}

BATCH_BYTES = 4 * 1024 * 1024  # of mails fetched in one call; larger ones come alone
UNKNOWN_SIZE = 512 * 1024  # bytes, where the server did not say
BY_SENT = "item:DateTimeCreated"
NO_SUCH_FOLDER = ("ErrorToFolderNotFound", "ErrorFolderNotFound", "ErrorInvalidFolderId")
SENT_PAGE = 500  # Exchange gives up to 1,000; a look into Sent Items takes one call for half an hour's mail


class EwsConnection:
    """One mailbox."""

    def __init__(self, soap: Soap, probe: Callable[[ProtocolProbe], CommonProbe]) -> None:
        self.soap = soap
        self._probe = probe
        self._folders = Folders(
            operations.ROOT,
            partial(operations.find_folder, soap),
            partial(operations.create_folder, soap),
            partial(operations.folder_ids, soap, list(FOLDERS.values())),
        )

    def changes(self, cursor: Mapping[str, Any], since: datetime, limit: int) -> Page:
        """See base. The cursor holds one sync state for each folder; Junk follows when Inbox is through."""
        states = {folder.value: str(cursor.get(folder.value, "")) for folder in Folder}
        seen: list[Seen] = []
        restarted, complete = False, True
        for folder, ref in FOLDERS.items():
            try:
                changes = operations.sync_folder_items(
                    self.soap, ref, states[folder.value], limit - len(seen)
                )
            except operations.StateLost:
                restarted = True
                changes = operations.sync_folder_items(self.soap, ref, "", limit - len(seen))
            moved_on = changes.state != states[folder.value]
            states[folder.value] = changes.state
            seen += [
                Seen(item.id, folder, item.received_at, item.size)
                for item in changes.created
                if item.received_at is None or item.received_at >= since
            ]
            if not changes.last and moved_on:
                return Page(seen, states, more=True, restarted=restarted)
            complete = complete and changes.last
        return Page(seen, states, more=False, restarted=restarted, complete=complete)

    def fetch(self, seen: Sequence[Seen], max_size: int) -> Iterator[Received | tuple[Seen, MailError]]:
        for batch in _batches(seen, max_size):
            yield from self._fetch(batch, max_size)

    def _fetch(self, batch: Sequence[Seen], max_size: int) -> Iterator[Received | tuple[Seen, MailError]]:
        whole = (batch[0].size or 0) <= max_size
        try:
            items = operations.get_items(
                self.soap, [mail.server_id for mail in batch], max_size if whole else 0
            )
        except Unreadable:
            if len(batch) > 1:  # one of them spoils the answer: find out which, for the sake of the others
                for mail in batch:
                    yield from self._fetch([mail], max_size)
                return
            operations.get_folder(self.soap, operations.INBOX)  # raises where a proxy answers to everything
            yield batch[0], MailError(_("Exchange's answer to this mail is not XML."), "Unreadable")
            return
        trouble: MailboxError | None = None
        for mail, item in zip(batch, items, strict=True):
            try:
                entry = self._received(mail, item)
            except MailboxError as error:
                trouble = trouble or error  # the others of this answer are there: they come first
                continue
            yield entry
        if trouble is not None:
            raise trouble

    def _received(self, mail: Seen, item: Item | ServerError) -> Received | tuple[Seen, MailError]:
        if isinstance(item, ServerError):
            error = self.soap.explain(item, About.MAIL)
            if isinstance(error, MailError):
                return mail, error
            raise error
        too_large = item.mime is None or item.mime.too_large
        raw = None if item.mime is None else item.mime.data
        if raw is None and not too_large:
            return mail, MailError(_("Exchange gave the mail in a form that cannot be decoded."), "BadMime")
        headers = item.transport_headers
        if headers is None:
            headers = header_block(raw or b"")
        return Received(
            server_id=mail.server_id,
            folder=mail.folder,
            raw=headers_alone(headers) if raw is None else raw,
            transport_headers=headers,
            item_class=item.item_class,
            received_at=item.received_at or mail.received_at,
            size=item.size or mail.size or len(raw or b""),
            sender=item.sender,
            from_=item.from_,
            message_id=item.message_id,
            voting=item.voting,
            too_large=too_large,
        )

    def send(self, raw: bytes, reference: str) -> None:
        operations.create_item(self.soap, raw)

    def was_sent(self, message_id: str, reference: str, since: datetime, subject: str = "") -> bool:
        if message_id and operations.find_items(self.soap, operations.SENT, BY_SENT, 0, 1, message_id).items:
            return True
        for page in self._sent(since, SENT_PAGE):
            seen = [copy.seen for copy in page if not subject or same_subject(copy.subject, subject)]
            if any(mentions(received, reference) for received in self.fetch(seen, SENT_LARGEST)):
                return True
        return False

    def copies_of_sent(self, sent: Sequence[SentMail], since: datetime) -> Mapping[str, SentCopy]:
        pages = self._sent(since, min(max(LEAST_LISTED, 2 * len(sent)), SENT_PAGE))
        copies = copies_of(sent, pages, partial(self.fetch, max_size=SENT_LARGEST))
        addresses = self._addresses([copy.seen.server_id for copy in copies.values()])
        return {
            reference: SentCopy(copy.message_id, addresses.get(copy.seen.server_id, ""))
            for reference, copy in copies.items()
        }

    def _addresses(self, ids: Sequence[str]) -> dict[str, str]:
        """The From address of each mail, its sender's where it has none. FindItem lists names alone. A mail that the
        server does not give, moved in the meantime or for a reason of its own, is left out."""
        addresses: dict[str, str] = {}
        for start in range(0, len(ids), operations.MOST_ITEMS):
            batch = ids[start : start + operations.MOST_ITEMS]
            try:
                items = operations.get_items(self.soap, batch)
            except Unreadable:
                continue  # the server answers, as it just listed them: no reason to rest for all of the mailbox
            for id_, item in zip(batch, items, strict=True):
                if not isinstance(item, ServerError):
                    addresses[id_] = item.from_ or item.sender
                elif isinstance(error := self.soap.explain(item, About.MAIL), MailboxError):
                    raise error
        return addresses

    def _sent(self, since: datetime, size: int) -> Iterator[list[Copy]]:
        """Pages of what Sent Items got since then, the newest first."""
        since -= SENT_SLACK
        offset, last = 0, False
        while not last:
            page = operations.find_items(self.soap, operations.SENT, BY_SENT, offset, size)
            recent = [item for item in page.items if (item.created_at or since) >= since]
            yield [  # the folder plays no part
                Copy(Seen(item.id, Folder.INBOX, None, item.size), item.subject, item.message_id)
                for item in recent
            ]
            offset, last = page.next_offset, page.last or len(recent) < len(page.items)

    def mark(
        self, server_ids: Sequence[str], action: Action, folder: str
    ) -> Iterator[tuple[str, str | MailError]]:
        return marking.mark(self, server_ids, action, folder)

    def target(self, action: Action, folder: str) -> FolderRef | None:
        return self.folder_for_moved(folder) if action is Action.MOVE else None

    def forget_folders(self) -> None:
        self._folders.forget()

    def mark_together(
        self, ids: Sequence[str], action: Action, target: FolderRef | None
    ) -> list[str | MailError | MailboxError | None]:
        results = operations.mark(self.soap, ids, action, target)
        return [self._meaning(result) if isinstance(result, ServerError) else result for result in results]

    def _meaning(self, error: ServerError) -> MailError | MailboxError | None:
        if error.code == "ErrorBatchProcessingStopped":  # for another mail's sake
            return None
        return self.soap.explain(error, About.MAIL)

    def mark_alone(self, id_: str, action: Action, target: FolderRef | None) -> str:
        (result,) = operations.mark(self.soap, [id_], action, target)
        if isinstance(result, ServerError):
            raise self.soap.explain(result, About.MAIL)
        return result

    def is_of_one_mail(self, error: MailboxError) -> bool:
        return isinstance(error, Unreadable) or may_be_of_one_mail(error)

    def may_be_of_folder(self, error: MailError) -> bool:
        return error.code in NO_SUCH_FOLDER

    def look(self) -> None:
        operations.get_folder(self.soap, operations.INBOX)

    def folder_for_moved(self, path: str) -> FolderRef:
        return self._folders.for_moved(path)

    def folder(self, path: str) -> FolderRef:
        return self._folders.at(path)

    def known_as(self, server_ids: Sequence[str], protocol: str) -> Mapping[str, str]:
        """Nothing: Exchange Web Services convert none of the ids that Microsoft Graph gives."""
        return {}

    def probe(self) -> CommonProbe:
        return self._probe(EwsProbe(self))

    def steps(self) -> Mapping[str, str]:
        return self.probe().preflight().steps()

    def check(self, others: Sequence[str] = ()) -> Generator[Check, None, None]:
        return self.probe().preflight()(others)

    def close(self) -> None:
        self.soap.close()


def _batches(seen: Sequence[Seen], max_size: int) -> Iterator[list[Seen]]:
    """At most 10 mails and 4 MB in one call; mails that are larger, and those too large to fetch, alone."""
    batch: list[Seen] = []
    total = 0
    for mail in seen:
        size = UNKNOWN_SIZE if mail.size is None else mail.size
        if size > min(BATCH_BYTES, max_size):
            yield [mail]
            continue
        if batch and (len(batch) == operations.MOST_ITEMS or total + size > BATCH_BYTES):
            yield batch
            batch, total = [], 0
        batch.append(mail)
        total += size
    if batch:
        yield batch
