"""A mailbox of Google Workspace through the Gmail API, as `base.Connection` asks for it.

Where other kinds have folders, Gmail has labels: a mail in Inbox is one with that label, and moving is taking it off
and putting another one on. So a mail keeps its id wherever it goes.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from email.parser import HeaderParser
from email.policy import compat32
from email.utils import parseaddr
from functools import partial
from typing import Any

import structlog
from django.utils.translation import gettext as _

from placet.mailboxes.base import (
    Action,
    Check,
    Folder,
    Gone,
    MailError,
    Page,
    Received,
    Refused,
    Seen,
    SentCopy,
    SentMail,
)
from placet.mailboxes.folders import Folders
from placet.mailboxes.google.grant import TOKEN_URI, grant_of
from placet.mailboxes.mime import header_block, headers_alone
from placet.mailboxes.oauth import TOKENS, Access, TokenCache
from placet.mailboxes.preflight import Preflight
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
from .calls import INBOX, SENT, SPAM, UNREAD, HistoryLost, Label, Message
from .changes import Position, next_step
from .client import API, Gmail, TooLong, Unreadable
from .probe import GmailProbe
from .settings import KEY, SCOPE, GmailSettings

log = structlog.get_logger(__name__)

LABELS = {INBOX: Folder.INBOX, SPAM: Folder.JUNK}
SENT_PAGE = 100  # mails, each of which is asked for by itself


class GmailConnection:
    """One mailbox."""

    def __init__(self, gmail: Gmail, settings: GmailSettings) -> None:
        self.gmail = gmail
        self.settings = settings
        self._labels: Folders[Label] = Folders(
            calls.ROOT,
            partial(calls.find_label, gmail),
            partial(calls.create_label, gmail),
            lambda: calls.SOURCES,
        )

    # --- receiving ------------------------------------------------------------------------------------------

    def changes(self, cursor: Mapping[str, Any], since: datetime, limit: int) -> Page:
        position = Position.of(cursor, self.gmail.mailbox, since)
        try:
            return self._page(position, since, limit)
        except HistoryLost:
            return replace(self._page(position.anew(since), since, limit), restarted=True)

    def _page(self, position: Position, since: datetime, limit: int) -> Page:
        """As many calls as fill a page, at least one."""
        seen: list[Seen] = []
        while True:
            step = next_step(self.gmail, position, limit - len(seen))
            position = step.after
            seen += self._new(step.ids, since)
            if step.ended or len(seen) >= limit:
                return Page(seen, position.as_json(), more=not step.ended, complete=step.ended)

    def _new(self, ids: Sequence[str], since: datetime) -> Iterator[Seen]:
        """Those that are there, and where new mail is looked for."""
        for id_ in ids:
            try:
                message = calls.look(self.gmail, id_)
            except Gone:
                continue  # its owner deleted it for good
            folder = next((place for label, place in LABELS.items() if label in message.labels), None)
            if folder is not None and message.received_at >= since:
                yield Seen(id_, folder, message.received_at, message.size)

    def fetch(self, seen: Sequence[Seen], max_size: int) -> Iterator[Received | tuple[Seen, MailError]]:
        for mail in seen:
            yield self._fetch(mail, max_size)

    def _fetch(self, mail: Seen, max_size: int) -> Received | tuple[Seen, MailError]:
        try:
            size = calls.look(self.gmail, mail.server_id).size if mail.size is None else mail.size
            if size <= max_size:
                message = calls.whole(self.gmail, mail.server_id, max_size)
                if len(message.raw) <= max_size:
                    return _received(mail, message, header_block(message.raw))
        except TooLong:
            log.info("gmail_size_underestimated", size=mail.size)
        except MailError as error:
            return mail, error
        except Unreadable:
            return self._unreadable(mail)
        try:
            return self._headers_of(mail)
        except MailError as error:
            return mail, error

    def _headers_of(self, mail: Seen) -> Received:
        message = calls.headers(self.gmail, mail.server_id)
        # As the server has unfolded them: no line break of theirs may make another header.
        lines = (f"{name}: {' '.join(value.split())}" for name, value in message.headers)
        return _received(mail, message, "\r\n".join(lines), too_large=True)

    def _unreadable(self, mail: Seen) -> tuple[Seen, MailError]:
        calls.profile(self.gmail)  # raises where a proxy answers to everything
        return mail, MailError(_("The Gmail API's answer to this mail cannot be read."), "Unreadable")

    def mark(
        self, server_ids: Sequence[str], action: Action, folder: str
    ) -> Iterator[tuple[str, str | MailError]]:
        change = self._moving(folder) if action is Action.MOVE and server_ids else self._change(action)
        for id_ in server_ids:
            try:
                change(id_)
            except Gone:
                yield id_, id_  # it is done: before, or by somebody else
            except MailError as error:
                yield id_, error
            else:
                yield id_, id_

    def _change(self, action: Action) -> Callable[[str], None]:
        if action is Action.DELETE:
            return partial(calls.trash, self.gmail)
        return partial(calls.label_mail, self.gmail, remove=[UNREAD])

    def _moving(self, folder: str) -> Callable[[str], None]:
        label = self.label_for_moved(folder)
        others = self._other_labels(folder)

        def move(id_: str) -> None:
            nonlocal label
            try:
                self._move(id_, label, others)
            except Gone:
                raise
            except MailError:
                # Somebody deleted the label that was remembered: what it refuses with does not say so for sure.
                self._labels.forget()
                before, label = label, self.label_for_moved(folder)
                if label == before:
                    raise
                self._move(id_, label, others)

        return move

    def _other_labels(self, folder: str) -> list[Label]:
        """Those that Placet puts mails to besides: one that was set aside and is handled again has such a one."""
        paths = {self.settings.handled_folder, self.settings.set_aside_folder} - {"", folder}
        found = (calls.find_label(self.gmail, calls.ROOT, path) for path in sorted(paths))
        return [label for label in found if label is not None]

    def _move(self, id_: str, label: Label, others: Sequence[Label]) -> None:
        left = [other.id for other in others if other != label]
        calls.label_mail(self.gmail, id_, add=[label.id], remove=[INBOX, SPAM, *left])

    def label_for_moved(self, path: str) -> Label:
        """The label at a path, made where it is missing. FixNeeded where mail is taken from it."""
        return self._labels.for_moved(path)

    def known_as(self, server_ids: Sequence[str], protocol: str) -> Mapping[str, str]:
        return {id_: id_ for id_ in server_ids} if protocol == "gmail" else {}

    # --- sending --------------------------------------------------------------------------------------------

    def send(self, raw: bytes, reference: str) -> None:
        if len(raw) > calls.LARGEST_SENT:
            refusal = Refused(_("The mail is larger than Gmail sends."), "size")
            refusal.not_done = True
            raise refusal
        calls.send(self.gmail, raw)

    def was_sent(self, message_id: str, reference: str, since: datetime, subject: str = "") -> bool:
        """Gmail may give a mail another Message-ID: then its reference tells."""
        since -= SENT_SLACK
        if message_id and calls.listing(self.gmail, SENT, since, 1, search=f"rfc822msgid:{message_id}").ids:
            return True
        for page in self._sent(since):
            seen = [copy.seen for copy in page if not subject or same_subject(copy.subject, subject)]
            if any(mentions(received, reference) for received in self.fetch(seen, SENT_LARGEST)):
                return True
        return False

    def copies_of_sent(self, sent: Sequence[SentMail], since: datetime) -> Mapping[str, SentCopy]:
        if not sent:
            return {}
        pages = self._sent(since - SENT_SLACK, min(max(LEAST_LISTED, 2 * len(sent)), SENT_PAGE))
        copies = copies_of(sent, pages, partial(self.fetch, max_size=SENT_LARGEST))
        return {reference: SentCopy(copy.message_id, copy.from_) for reference, copy in copies.items()}

    def _sent(self, since: datetime, size: int = SENT_PAGE) -> Iterator[list[Copy]]:
        """Pages of what was sent since then, the newest first."""
        page = ""
        while True:
            try:
                listing = calls.listing(self.gmail, SENT, since, size, page)
            except HistoryLost:
                return  # what is behind the page cannot be told any more
            yield [copy for id_ in listing.ids for copy in self._copy(id_, since)]
            page = listing.page
            if not page:
                return

    def _copy(self, id_: str, since: datetime) -> Iterator[Copy]:
        try:
            message = calls.headers(self.gmail, id_, "Message-ID", "Subject", "From")
        except Gone:
            return
        if message.received_at >= since:
            # The folder plays no part.
            seen = Seen(id_, Folder.INBOX, message.received_at, message.size)
            address = parseaddr(message.header("from"))[1].lower()
            yield Copy(seen, message.header("subject"), message.header("message-id").strip(), address)

    # --- the check ------------------------------------------------------------------------------------------

    def probe(self) -> GmailProbe:
        return GmailProbe(self, self.settings)

    def steps(self) -> Mapping[str, str]:
        return self._preflight().steps()

    def check(self, others: Sequence[str] = ()) -> Generator[Check, None, None]:
        return self._preflight()(others)

    def _preflight(self) -> Preflight:
        probe = self.probe()
        return Preflight(probe, probe)

    def close(self) -> None:
        self.gmail.close()


def connect(
    settings: GmailSettings,
    secrets: Mapping[str, str],
    *,
    key: str,
    api: str = API,
    token_uri: str = TOKEN_URI,
    cache: TokenCache = TOKENS,
) -> GmailConnection:
    """For `kinds`; nothing is sent before it is used. Where no key is stored, asking for a token says so."""
    grant = grant_of(secrets.get(KEY, ""), settings.username, SCOPE, token_uri)
    return GmailConnection(Gmail(settings.username, Access(key, grant, cache), api), settings)


def _received(mail: Seen, message: Message, headers: str, *, too_large: bool = False) -> Received:
    return Received(
        server_id=mail.server_id,
        folder=mail.folder,
        raw=headers_alone(headers) if too_large else message.raw,
        transport_headers=headers,
        item_class="",
        received_at=message.received_at,
        size=message.size if too_large else len(message.raw),
        message_id=_message_id(headers),
        too_large=too_large,
    )


def _message_id(headers: str) -> str:
    """The first one, as it stands there."""
    return str(HeaderParser(policy=compat32).parsestr(headers).get("Message-ID", "")).strip()
