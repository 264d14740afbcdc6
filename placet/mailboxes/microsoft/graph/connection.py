"""An Exchange Online mailbox through Microsoft Graph, as `base.Connection` asks for it."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import structlog
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
from placet.mailboxes.microsoft.preflight import ExchangeProbe, ProtocolProbe
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

from . import calls
from .calls import Changes
from .client import Apart, Graph, Unreadable
from .errors import ServerError, may_be_of_one_mail
from .probe import GraphProbe

log = structlog.get_logger(__name__)

FOLDERS = {Folder.INBOX: calls.INBOX, Folder.JUNK: calls.JUNK}

MOST_FILTERED = 4000  # mails that a filter may show: "only up to 5,000", says Microsoft, and not which
WALK_PAGE = 500  # mails of a page while a whole folder is walked: most are older than what is looked for
LOOKED_AT = 100  # newest mails of a folder that are looked at where its changes leave something open
MOST_REMEMBERED = 20_000  # ids
SENT_PAGE = 500  # Graph gives up to 1,000; a look into Sent Items takes one call for half an hour's mail


@dataclass(frozen=True)
class _Position:
    """How far the changes of one folder were taken; part of the cursor.

    It begins with what was received since a time (a filter, so that years of old mail are not walked through). As a
    filter hides what is beyond 5,000 mails, it is given up before that: the folder is walked whole, once, and what is
    known already is dropped by whoever keeps it.
    """

    mailbox: str
    link: str = ""
    since: str = ""  # the filter's time, ISO 8601
    listed: int = 0  # mails that the filter let through so far
    whole: bool = False  # without a filter

    @classmethod
    def of(cls, kept: object, since: datetime, graph: Graph) -> "_Position":
        """What the cursor holds; of another way, server or mailbox, or of a later time, it is a beginning."""
        beginning = cls(graph.user, since=since.isoformat())
        if not isinstance(kept, Mapping) or kept.get("mailbox") != graph.user:
            return beginning
        link, began, listed = kept.get("link"), kept.get("since"), kept.get("listed")
        if not (isinstance(link, str) and isinstance(began, str) and isinstance(listed, int)):
            return beginning
        whole = kept.get("whole") is True
        if link and not graph.owns(link):
            return beginning
        try:
            reaches = whole or datetime.fromisoformat(began) <= since
        except (ValueError, TypeError):
            return beginning
        return cls(graph.user, link, began, listed, whole) if reaches else beginning

    def anew(self, since: datetime, *, whole: bool) -> "_Position":
        return _Position(self.mailbox, since=since.isoformat(), whole=whole)

    def as_json(self) -> dict[str, object]:
        return asdict(self)


class GraphConnection:
    """One mailbox."""

    def __init__(self, graph: Graph, probe: Callable[[ProtocolProbe], ExchangeProbe]) -> None:
        self.graph = graph
        self._probe = probe
        self._folders = Folders(
            calls.ROOT,
            partial(calls.find_folder, graph),
            partial(calls.create_folder, graph),
            partial(calls.folder_ids, graph, list(FOLDERS.values())),
        )
        self._listed: set[str] = set()  # ids that changes have shown

    def changes(self, cursor: Mapping[str, Any], since: datetime, limit: int) -> Page:
        """See base. The cursor holds one position for each folder; Junk follows when Inbox is through."""
        positions = {folder: _Position.of(cursor.get(folder.value), since, self.graph) for folder in Folder}
        seen: list[Seen] = []
        restarted, complete = False, True

        def page(more: bool) -> Page:
            kept = {folder.value: position.as_json() for folder, position in positions.items()}
            return Page(seen, kept, more, restarted, complete=complete and not more)

        for folder, name in FOLDERS.items():
            before = positions[folder]
            try:
                changes = self._delta(name, before, limit - len(seen))
            except calls.StateLost:
                restarted = True
                before = before.anew(since, whole=before.whole)
                changes = self._delta(name, before, limit - len(seen))
            seen += self._new(changes, folder, name, since)
            after = replace(before, link=changes.link, listed=before.listed + len(changes.found))
            if not after.whole and after.listed >= MOST_FILTERED:
                positions[folder] = before.anew(since, whole=True)
                return page(more=True)
            positions[folder] = after
            if not changes.last and after.link != before.link:
                return page(more=True)
            complete = complete and changes.last
        return page(more=False)

    def _delta(self, folder: str, position: _Position, room: int) -> Changes:
        since = None if position.whole else datetime.fromisoformat(position.since)
        size = WALK_PAGE if position.whole else max(1, room)
        return calls.delta(self.graph, folder, position.link, since, size)

    def _new(self, changes: Changes, folder: Folder, name: str, since: datetime) -> list[Seen]:
        found = list(changes.found)
        if len(self._listed) > MOST_REMEMBERED:
            self._listed.clear()
        self._listed.update(entry.id for entry in found)
        if changes.unsure:
            # A mail that left the folder and came back between two looks is told of as gone, and then no more
            # (with immutable ids); one of which only a change is told may be new as well.
            newest = calls.newest(self.graph, name, LOOKED_AT, since)
            found += [entry for entry in newest if entry.id not in self._listed]
        return [
            Seen(entry.id, folder, entry.received_at)
            for entry in found
            if entry.received_at is None or entry.received_at >= since
        ]

    def fetch(self, seen: Sequence[Seen], max_size: int) -> Iterator[Received | tuple[Seen, MailError]]:
        for mail in seen:
            yield self._fetch(mail, max_size)

    def _fetch(self, mail: Seen, max_size: int) -> Received | tuple[Seen, MailError]:
        try:
            item = calls.get_message(self.graph, mail.server_id)
            size = item.size or mail.size or 0
            raw = calls.get_mime(self.graph, mail.server_id, max_size) if size <= max_size else None
        except MailError as error:
            return mail, error
        except Unreadable:
            calls.get_folder(self.graph, calls.INBOX)  # raises where a proxy answers to everything
            return mail, MailError(_("Microsoft Graph's answer to this mail cannot be read."), "Unreadable")
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
            size=size or len(raw or b""),
            sender=item.sender,
            from_=item.from_,
            message_id=item.message_id,
            voting=item.voting,
            too_large=raw is None,
        )

    def send(self, raw: bytes, reference: str) -> None:
        calls.send_mail(self.graph, raw)

    def was_sent(self, message_id: str, reference: str, since: datetime, subject: str = "") -> bool:
        if message_id and calls.sent_as(self.graph, message_id):
            return True
        for page in self._sent(since, SENT_PAGE):
            seen = [copy.seen for copy in page if not subject or same_subject(copy.subject, subject)]
            if any(mentions(received, reference) for received in self.fetch(seen, SENT_LARGEST)):
                return True
        return False

    def copies_of_sent(self, sent: Sequence[SentMail], since: datetime) -> Mapping[str, SentCopy]:
        pages = self._sent(since, min(max(LEAST_LISTED, 2 * len(sent)), SENT_PAGE))
        copies = copies_of(sent, pages, partial(self.fetch, max_size=SENT_LARGEST))
        return {reference: SentCopy(copy.message_id, copy.from_) for reference, copy in copies.items()}

    def _sent(self, since: datetime, size: int) -> Iterator[list[Copy]]:
        """Pages of what Sent Items got since then, the newest first."""
        since -= SENT_SLACK
        for page in calls.sent_since(self.graph, since, size):
            yield [  # the folder plays no part
                Copy(Seen(entry.id, Folder.INBOX), entry.subject, entry.message_id, entry.from_)
                for entry in page
                if (entry.created_at or since) >= since
            ]

    def mark(
        self, server_ids: Sequence[str], action: Action, folder: str
    ) -> Iterator[tuple[str, str | MailError]]:
        return marking.mark(self, server_ids, action, folder)

    def target(self, action: Action, folder: str) -> str | None:
        if action is Action.MOVE:
            return self.folder_for_moved(folder)
        return calls.DELETED if action is Action.DELETE else None

    def forget_folders(self) -> None:
        self._folders.forget()

    def mark_together(
        self, ids: Sequence[str], action: Action, target: str | None
    ) -> list[str | MailError | MailboxError | None]:
        """None for all of them where the server takes no several in one."""
        try:
            results = calls.mark_together(self.graph, ids, target)
        except Apart as refusal:
            log.info("graph_batch_refused", code=str(refusal))
            return [None] * len(ids)
        return [self._meaning(result) if isinstance(result, ServerError) else result for result in results]

    def _meaning(self, result: ServerError) -> MailError | MailboxError | None:
        if result.status == 401:  # a token is renewed for a whole request only
            return None
        error = self.graph.explain(result, About.MAIL)
        return None if isinstance(error, MailboxError) and may_be_of_one_mail(error) else error

    def mark_alone(self, id_: str, action: Action, target: str | None) -> str:
        return calls.mark(self.graph, id_, target)

    def is_of_one_mail(self, error: MailboxError) -> bool:
        return isinstance(error, Unreadable) or may_be_of_one_mail(error)

    def may_be_of_folder(self, error: MailError) -> bool:
        return True  # the codes do not say which of both is gone

    def look(self) -> None:
        calls.get_folder(self.graph, calls.INBOX)

    def folder_for_moved(self, path: str) -> str:
        return self._folders.for_moved(path)

    def folder(self, path: str) -> str:
        return self._folders.at(path)

    def known_as(self, server_ids: Sequence[str], protocol: str) -> Mapping[str, str]:
        return self.translate(server_ids, protocol, "graph") if protocol in calls.ID_TYPES else {}

    def translate(self, ids: Sequence[str], source: str, target: str) -> dict[str, str]:
        """What the way `target` ("ews" or "graph") calls the mails that `source` calls so, as far as it can be told."""
        return calls.translate(self.graph, ids, source, target)

    def probe(self) -> ExchangeProbe:
        return self._probe(GraphProbe(self))

    def steps(self) -> Mapping[str, str]:
        return self.probe().preflight().steps()

    def check(self, others: Sequence[str] = ()) -> Generator[Check, None, None]:
        return self.probe().preflight()(others)

    def close(self) -> None:
        self.graph.close()
