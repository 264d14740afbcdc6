"""A mailbox on an IMAP server, as `base.Receiving` asks for it, and its Sent folder."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from email.policy import compat32, default
from email.utils import parseaddr
from functools import partial
from typing import Any, TypeVar

import structlog
from django.utils.translation import gettext as _

from placet.mailboxes.base import (
    MOST_MARKED,
    Action,
    Check,
    FixNeeded,
    Folder,
    Gone,
    MailError,
    Page,
    Received,
    Seen,
    SentCopy,
    SentMail,
)
from placet.mailboxes.folders import Folders
from placet.mailboxes.mime import header_block, headers_alone
from placet.mailboxes.preflight import Preflight
from placet.mailboxes.sasl import Password
from placet.mailboxes.sent_copies import (
    LEAST_LISTED,
    SENT_LARGEST,
    SENT_SLACK,
    Copy,
    copies_of,
    mentions,
    same_subject,
)

from . import errors, moving
from .changes import DAYS_BEFORE, Position, is_as_it_was, news
from .client import Account, Client, Listed, Selected, decoded, opened, search_date
from .ids import MailId
from .places import INBOX, JUNK, SENT, TRASH, Places
from .probe import ImapProbe
from .settings import SERVER, ImapSettings
from .wire import LARGEST_LITERAL, Limits, NotDone, TooLarge, string

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

BATCH_BYTES = 4 * 1024 * 1024  # of mails fetched in one command; larger ones come alone
BATCH_MAILS = 20
UNKNOWN_SIZE = 512 * 1024  # bytes, where the server did not say
LARGEST_HEADER = 1024 * 1024  # bytes
SIZE_SLACK = 64 * 1024  # bytes by which a mail may be larger than the server said
SLOW = 600.0  # seconds for the mails of one command
LOOK_AGAIN = 600.0  # seconds after which it is looked again which folder is Junk
SENT_PAGE = 500
SEEN_FLAG = b"\\Seen"
LISTED_HEADERS = b"HEADER.FIELDS (MESSAGE-ID SUBJECT FROM)"


@dataclass(frozen=True)
class Choices:
    """What an administrator chose. Folders: paths, "" for the one that the server names."""

    junk: str = ""
    sent: str = ""
    keyword: str = ""  # set on handled mails in place of the mark that they were read


class _LargerThanSaid(MailError):
    """More was announced than the mail can be; nothing of it was read, so the connection is of no use any more."""


@dataclass
class _Session:
    """A client with what is known of its mailbox."""

    client: Client
    places: Places
    sources: dict[Folder, bytes]
    folders: Folders[bytes]
    looked_at: float = field(default_factory=time.monotonic)


class ImapConnection:
    """One mailbox. Connected when it is first asked for something, and again where the server closed it meanwhile."""

    def __init__(
        self, account: Account, choices: Choices = Choices(), settings: ImapSettings | None = None
    ) -> None:
        self.account = account
        self.settings = settings
        self._choices = choices
        self._session: _Session | None = None

    # --- the session ----------------------------------------------------------------------------------------

    def run(self, work: Callable[[_Session], Result]) -> Result:
        """What `work` gives, which may be done twice: where the connection was open before, the server may have closed
        it since. Raises MailboxError and MailError."""
        try:
            return self._run(work)
        except _LargerThanSaid:
            self._drop()  # what was announced still comes
            raise
        except NotDone as error:
            raise errors.of_mailbox(error, self.account.host) from None
        except errors.BROKEN as error:
            self._drop()
            raise errors.broken(error, self.account.host, self.account.port) from None

    def _run(self, work: Callable[[_Session], Result]) -> Result:
        session = self._session
        if session is not None:
            try:
                if time.monotonic() - session.looked_at > LOOK_AGAIN:
                    session = self._session = self._looked_into(session.client)
                return work(session)
            except errors.BROKEN as error:
                log.info("imap_connection_renewed", error=type(error).__name__)
                self._drop()
        client = opened(self.account)
        try:
            self._session = session = self._looked_into(client)
        except BaseException:
            client.wire.close()
            raise
        return work(session)

    def _looked_into(self, client: Client) -> _Session:
        places = Places(client)
        sources = {Folder.INBOX: INBOX}
        junk = places.named(self._choices.junk) if self._choices.junk else places.for_use(JUNK)
        if junk is not None and junk != INBOX:
            sources[Folder.JUNK] = junk
        return _Session(client, places, sources, places.folders(sources.values()))

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.client.wire.close()

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.client.close()

    # --- receiving ------------------------------------------------------------------------------------------

    def changes(self, cursor: Mapping[str, Any], since: datetime, limit: int) -> Page:
        """See base. The cursor holds one position for each folder, and whose mailbox it is of; Junk follows when Inbox
        is through."""
        return self.run(lambda session: self._changes(session, cursor, since, limit))

    def _changes(self, session: _Session, cursor: Mapping[str, Any], since: datetime, limit: int) -> Page:
        whose = f"{self.account.user}@{self.account.host}:{self.account.port}"
        kept = cursor if cursor.get("mailbox") == whose else {}
        positions: dict[str, Any] = {"mailbox": whose}
        seen: list[Seen] = []
        restarted, complete = False, True
        for place, name in session.sources.items():
            before = Position.of(kept.get(place.value))
            if kept.get(f"{place.value}_name") != name.decode("latin-1"):
                before = None
            # Opening a large folder takes a server its time. Inbox is opened all the same: some say of it what was so.
            if place is not Folder.INBOX and before and self._is_as_it_was(session, name, before, since):
                positions |= _kept(place, name, before)
                continue
            if (folder := self._opened(session, name, counted=True)) is None:
                continue  # somebody deleted it
            latest = news(session.client, folder, before, since, limit - len(seen))
            positions |= _kept(place, name, latest.position)
            seen += [_seen(mail, folder, place) for mail in latest.mails]
            restarted = restarted or latest.restarted
            if not latest.ended:
                return Page(seen, {**kept, **positions}, more=True, restarted=restarted)
            complete = place is Folder.INBOX or self._is_inbox_still_so(session, positions)
        return Page(seen, positions, more=False, restarted=restarted, complete=complete)

    def _is_as_it_was(self, session: _Session, name: bytes, before: Position, since: datetime) -> bool:
        """Whatever came into it since then, from Inbox too, has raised its next number."""
        try:
            return is_as_it_was(session.client.status(name), before, since)
        except NotDone:
            return False

    def _is_inbox_still_so(self, session: _Session, positions: Mapping[str, Any]) -> bool:
        """Whether nothing came into Inbox since it was listed: somebody may have moved a mail there out of the other
        folder before that one was listed, and it would be in neither list."""
        position = Position.of(positions.get(Folder.INBOX.value))
        status = session.client.status(INBOX)
        return position is None or status is None or status.uidnext == position.uid + 1

    def _opened(self, session: _Session, name: bytes, *, counted: bool = False) -> Selected | None:
        """To read in it; `counted`: with the next number."""
        try:
            return session.client.examine_counted(name) if counted else session.client.examine(name)
        except NotDone:
            if name == INBOX or session.places.exists(name):
                raise
            session.looked_at = -LOOK_AGAIN
            return None

    def fetch(self, seen: Sequence[Seen], max_size: int) -> Iterator[Received | tuple[Seen, MailError]]:
        for batch in _batches(seen, max_size):
            yield from self._fetch(batch, max_size)

    def _fetch(self, batch: Sequence[Seen], max_size: int) -> Iterable[Received | tuple[Seen, MailError]]:
        whole = len(batch) > 1 or (batch[0].size or 0) <= max_size
        try:
            return self.run(lambda session: self._fetched(session, batch, max_size, whole=whole))
        except MailError as error:
            if len(batch) > 1:  # one of them spoils the answer: find out which, for the sake of the others
                return [entry for mail in batch for entry in self._fetch([mail], max_size)]
            if isinstance(error, _LargerThanSaid) and whole:
                return self._fetch([replace(batch[0], size=max_size + 1)], max_size)
            return [(batch[0], error)]

    def _fetched(
        self, session: _Session, batch: Sequence[Seen], max_size: int, *, whole: bool
    ) -> list[Received | tuple[Seen, MailError]]:
        """`batch`: mails of one folder."""
        ids = [MailId.of(mail.server_id) for mail in batch]
        first = next((id_ for id_ in ids if id_ is not None), None)
        folder = None if first is None else self._opened(session, first.folder)
        uids = [id_.uid for id_ in ids if id_ and folder and id_.uidvalidity == folder.uidvalidity]
        mails: dict[int, Listed] = {}
        if uids:
            largest = max_size + SIZE_SLACK if whole else LARGEST_HEADER
            limits = Limits(
                literal=largest,
                answer=len(uids) * LARGEST_LITERAL + 2 * max(largest, BATCH_BYTES),
                seconds=SLOW,
            )
            try:
                found = session.client.fetch(uids, b"" if whole else b"HEADER", limits)
            except NotDone as error:
                session.client.alive()  # raises where all of the mailbox fails
                raise errors.of_mail(error) from None
            except TooLarge:
                raise _LargerThanSaid(_("This mail is larger than the server says."), "TooLarge") from None
            mails = {mail.uid: mail for mail in found}
        return [
            _received(mail, mails.get(id_.uid) if id_ and id_.uid in uids else None, max_size, whole=whole)
            for mail, id_ in zip(batch, ids, strict=True)
        ]

    # --- marking --------------------------------------------------------------------------------------------

    def mark(
        self, server_ids: Sequence[str], action: Action, folder: str
    ) -> Iterator[tuple[str, str | MailError]]:
        by_folder: dict[bytes, list[tuple[str, MailId]]] = {}
        for server_id in server_ids:
            id_ = MailId.of(server_id)
            if id_ is None:
                yield server_id, MailError(_("This is no id of a mail on an IMAP server."), "UnknownId")
            else:
                by_folder.setdefault(id_.folder, []).append((server_id, id_))
        for name, mails in by_folder.items():
            for start in range(0, len(mails), MOST_MARKED):
                yield from self._mark(name, mails[start : start + MOST_MARKED], action, folder)

    def _mark(
        self, name: bytes, mails: Sequence[tuple[str, MailId]], action: Action, folder: str
    ) -> Iterable[tuple[str, str | MailError]]:
        try:
            return self.run(lambda session: self._marked(session, name, mails, action, folder))
        except MailError as error:
            if len(mails) == 1:
                return [(mails[0][0], error)]
        return [outcome for mail in mails for outcome in self._mark(name, [mail], action, folder)]

    def _marked(
        self, session: _Session, name: bytes, mails: Sequence[tuple[str, MailId]], action: Action, folder: str
    ) -> list[tuple[str, str | MailError]]:
        """Where a mail is gone it was marked before, or by somebody else: that is done, too."""
        as_they_were: list[tuple[str, str | MailError]] = [(server_id, server_id) for server_id, _id in mails]
        target = self._target(session, action, folder)
        if target == name:
            return as_they_were
        selected = self._opened_for_marks(session, name)
        uids = [id_.uid for _text, id_ in mails if selected and id_.uidvalidity == selected.uidvalidity]
        if selected is None or not uids:
            return as_they_were
        try:
            if target is None:
                self._mark_read(session, selected, uids)
                return as_they_were
            moved = self._moved(
                session, selected, uids, target, partial(self._target, session, action, folder)
            )
        except NotDone as error:
            if error.code in errors.ABOUT_MAILBOX:
                raise
            session.client.alive()  # raises where all of the mailbox fails
            raise errors.of_mail(error) from None
        return [(text, moved[id_.uid].text if id_.uid in moved else text) for text, id_ in mails]

    def _opened_for_marks(self, session: _Session, name: bytes) -> Selected | None:
        try:
            return session.client.at(name)
        except NotDone:
            if session.places.exists(name):
                raise
            return None

    def _target(self, session: _Session, action: Action, folder: str) -> bytes | None:
        if action is Action.MOVE:
            return session.folders.for_moved(folder)
        return session.places.made_for_use(TRASH) if action is Action.DELETE else None

    def _moved(
        self,
        session: _Session,
        selected: Selected,
        uids: Sequence[int],
        target: bytes,
        look_again: Callable[[], bytes | None],
    ) -> dict[int, MailId]:
        try:
            return moving.move(session.client, selected, uids, target)
        except NotDone as error:
            if error.code not in errors.NO_SUCH_FOLDER and session.places.exists(target):
                raise
        session.folders.forget()  # somebody deleted the folder that was remembered
        session.places.forget()
        again = look_again()
        assert again is not None
        return moving.move(session.client, session.client.select(selected.name), uids, again)

    def _mark_read(self, session: _Session, selected: Selected, uids: Sequence[int]) -> None:
        flag = self._choices.keyword.encode() or SEEN_FLAG
        if not selected.keywords and flag.lower() not in selected.flags:
            raise FixNeeded(
                _("{host} keeps no mark “{flag}” in this folder.").format(
                    host=self.account.host, flag=flag.decode()
                ),
                _("Empty the field Keyword, or choose to move handled mail."),
            )
        session.client.store(uids, flag)

    def known_as(self, server_ids: Sequence[str], protocol: str) -> Mapping[str, str]:
        """The same ids, of mails that this kind named; nothing of others."""
        return {id_: id_ for id_ in server_ids if protocol == "imap" and MailId.of(id_) is not None}

    # --- the check -------------------------------------------------------------------------------------------

    def probe(self) -> ImapProbe:
        if self.settings is None:
            raise ValueError("made without settings")
        return ImapProbe(self, self.settings)

    def steps(self) -> Mapping[str, str]:
        return Preflight(receiving=self.probe()).steps()

    def check(self, others: Sequence[str] = ()) -> Generator[Check, None, None]:
        return Preflight(receiving=self.probe())(others)

    def folder_for_moved(self, path: str) -> bytes:
        return self.run(lambda session: session.folders.for_moved(path))

    def source_folders(self) -> Mapping[Folder, tuple[str, int]]:
        """Of those that mail is taken from: what each is called, and how many mails it has."""

        def look(session: _Session) -> dict[Folder, tuple[str, int]]:
            opened_folders = {place: self._opened(session, name) for place, name in session.sources.items()}
            return {
                place: (decoded(folder.name), folder.exists)
                for place, folder in opened_folders.items()
                if folder is not None
            }

        return self.run(look)

    def newest(self, name: bytes, most: int) -> list[tuple[str, str]]:
        """Ids and subjects of the last mails of a folder."""

        def look(session: _Session) -> list[tuple[str, str]]:
            folder = self._opened(session, name)
            if folder is None:
                return []
            mails = session.client.newest(most, LISTED_HEADERS, Limits(seconds=SLOW))
            copies = [_copy(mail, folder) for mail in mails]
            return [(copy.seen.server_id, copy.subject) for copy in copies]

        return self.run(look)

    def holds(self, mail: MailId) -> bool:
        """Whether it is still there, under this id."""

        def look(session: _Session) -> bool:
            folder = self._opened(session, mail.folder)
            if folder is None or folder.uidvalidity != mail.uidvalidity:
                return False
            return bool(session.client.listed([mail.uid]))

        return self.run(look)

    # --- Sent ------------------------------------------------------------------------------------------------

    def keep_sent(self, raw: bytes) -> None:
        """A copy of a mail of ours into Sent, unless it is there."""
        self.run(partial(self._keep_sent, raw=raw))

    def _keep_sent(self, session: _Session, raw: bytes) -> None:
        message_id = str(BytesHeaderParser(policy=compat32).parsebytes(raw).get("Message-ID", "")).strip()
        name = self._sent_folder(session, make=True)
        assert name is not None
        if message_id and self._sent_as(session, message_id, datetime.now(UTC)):
            return
        limits = Limits(seconds=SLOW)
        try:
            session.client.append(name, raw, SEEN_FLAG, limits)
        except NotDone as error:
            if error.code not in errors.NO_SUCH_FOLDER:
                raise
            session.places.forget()
            name = self._sent_folder(session, make=True)
            assert name is not None
            session.client.append(name, raw, SEEN_FLAG, limits)

    def was_sent(self, message_id: str, reference: str, since: datetime, subject: str = "") -> bool | None:
        """See base. That there is no copy says nothing: it is made after the mail has gone out by another server."""
        if message_id and self.run(lambda session: self._sent_as(session, message_id, since)):
            return True
        for page in self._sent(since, SENT_PAGE):
            seen = [copy.seen for copy in page if not subject or same_subject(copy.subject, subject)]
            if any(mentions(received, reference) for received in self.fetch(seen, SENT_LARGEST)):
                return True
        return None

    def copies_of_sent(self, sent: Sequence[SentMail], since: datetime) -> Mapping[str, SentCopy]:
        pages = self._sent(since, min(max(LEAST_LISTED, 2 * len(sent)), SENT_PAGE))
        copies = copies_of(sent, pages, partial(self.fetch, max_size=SENT_LARGEST))
        return {reference: SentCopy(copy.message_id, copy.from_) for reference, copy in copies.items()}

    def _sent_folder(self, session: _Session, *, make: bool = False) -> bytes | None:
        if self._choices.sent:
            return (
                session.folders.at(self._choices.sent) if make else session.places.named(self._choices.sent)
            )
        return session.places.made_for_use(SENT) if make else session.places.for_use(SENT)

    def _sent_as(self, session: _Session, message_id: str, since: datetime) -> bool:
        name = self._sent_folder(session)
        if name is None or self._opened(session, name) is None:
            return False
        day = search_date((since - DAYS_BEFORE).date())
        words = (b"SINCE", day, b"HEADER", b"Message-ID", string(message_id.encode()))
        return bool(session.client.search(*words))

    def _sent(self, since: datetime, size: int) -> Iterator[list[Copy]]:
        """Pages of what Sent got since then, the newest first."""
        since -= SENT_SLACK
        uids = self.run(lambda session: self._sent_uids(session, since))
        for start in range(0, len(uids), size):
            page = uids[start : start + size]
            copies = self.run(lambda session, page=page: self._sent_page(session, page))  # type: ignore[misc]  # mypy sees no type in a default
            yield [copy for copy in copies if (copy.seen.received_at or since) >= since]

    def _sent_uids(self, session: _Session, since: datetime) -> list[int]:
        name = self._sent_folder(session)
        if name is None or self._opened(session, name) is None:
            return []
        return session.client.search(b"SINCE", search_date((since - DAYS_BEFORE).date()))[::-1]

    def _sent_page(self, session: _Session, uids: Sequence[int]) -> list[Copy]:
        name = self._sent_folder(session)
        folder = None if name is None else self._opened(session, name)
        if folder is None:
            return []
        limits = Limits(literal=LARGEST_LITERAL, seconds=SLOW)
        mails = session.client.fetch(uids, LISTED_HEADERS, limits)
        return [_copy(mail, folder) for mail in reversed(mails)]


def connect(settings: ImapSettings, secrets: Mapping[str, str], *, key: str) -> ImapConnection:
    """For `kinds`; nothing is sent before it is used."""
    return ImapConnection(
        account_of(settings, secrets, key=key),
        Choices(settings.imap_junk_folder, settings.imap_sent_folder, settings.imap_keyword),
        settings,
    )


def account_of(settings: ImapSettings, secrets: Mapping[str, str], *, key: str) -> Account:
    user = settings.imap_user or settings.username
    proof = SERVER.proof(settings, secrets, user, key)
    secret = proof.password if isinstance(proof, Password) else proof
    assert secret is not None  # there is no way of signing in without
    return Account(
        settings.imap_host,
        settings.imap_port,
        settings.imap_security,
        user,
        secret,
        settings.imap_authorities,
    )


# --- mails ---------------------------------------------------------------------------------------------------------


def _kept(place: Folder, name: bytes, position: Position) -> dict[str, Any]:
    """What the cursor holds of one folder."""
    return {place.value: position.as_json(), f"{place.value}_name": name.decode("latin-1")}


def _seen(mail: Listed, folder: Selected, place: Folder) -> Seen:
    id_ = MailId(folder.uidvalidity, mail.uid, folder.name)
    return Seen(id_.text, place, mail.received_at, mail.size)


def _received(
    mail: Seen, listed: Listed | None, max_size: int, *, whole: bool
) -> Received | tuple[Seen, MailError]:
    if listed is None:
        return mail, Gone(_("The mail is no longer on the server."), "Gone")
    if listed.content is None:
        return mail, MailError(_("The server lists this mail, but does not give it."), "NoText")
    raw = listed.content
    too_large = not whole or len(raw) > max_size
    headers = header_block(raw)
    return Received(
        server_id=mail.server_id,
        folder=mail.folder,
        raw=headers_alone(headers) if too_large else raw,
        transport_headers=headers,
        item_class="",
        received_at=listed.received_at or mail.received_at,
        size=max(listed.size or 0, len(raw)) if too_large else len(raw),
        message_id=_message_id(raw),
        too_large=too_large,
    )


def _message_id(raw: bytes) -> str:
    """The first one, as it stands there."""
    head = header_block(raw[:LARGEST_HEADER]).encode("utf-8", "replace")
    return str(BytesHeaderParser(policy=compat32).parsebytes(head).get("Message-ID", "")).strip()


def _copy(mail: Listed, folder: Selected) -> Copy:
    head = BytesHeaderParser(policy=default).parsebytes(mail.content or b"")
    _name, address = parseaddr(str(head.get("From", "")))
    id_ = MailId(folder.uidvalidity, mail.uid, folder.name)
    return Copy(
        Seen(id_.text, Folder.INBOX, mail.received_at, mail.size),  # the folder plays no part
        str(head.get("Subject", "")),
        str(head.get("Message-ID", "")).strip(),
        address.lower(),
    )


def _batches(seen: Sequence[Seen], max_size: int) -> Iterator[list[Seen]]:
    """Of one folder each, at most 20 mails and 4 MB; mails that are larger, and those too large to fetch, alone."""
    batch: list[Seen] = []
    total = 0
    for mail in seen:
        size = UNKNOWN_SIZE if mail.size is None else mail.size
        if size > min(BATCH_BYTES, max_size):
            yield [mail]
            continue
        others = batch and _folder_of(batch[0]) != _folder_of(mail)
        if batch and (others or len(batch) == BATCH_MAILS or total + size > BATCH_BYTES):
            yield batch
            batch, total = [], 0
        batch.append(mail)
        total += size
    if batch:
        yield batch


def _folder_of(mail: Seen) -> bytes:
    id_ = MailId.of(mail.server_id)
    return id_.folder if id_ else b""
