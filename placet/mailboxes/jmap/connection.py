"""A mailbox on a JMAP server, as `base.Connection` asks for it.

A mail is in one mailbox of JMAP, which is a folder, or in several, as with labels. Moving is taking it out of those
that mail is taken from and putting it into another one; so it keeps its id wherever it goes.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from email.parser import BytesHeaderParser
from email.policy import compat32, default
from email.utils import parseaddr
from functools import partial
from typing import Any

import structlog
from django.utils.translation import gettext as _
from pydantic import SecretStr

from placet.mailboxes.base import (
    MOST_MARKED,
    Action,
    Check,
    FixNeeded,
    Folder,
    Gone,
    MailboxError,
    MailError,
    Page,
    Received,
    Seen,
    SentCopy,
    SentMail,
    Wait,
)
from placet.mailboxes.mime import header_block, headers_alone
from placet.mailboxes.preflight import Preflight
from placet.mailboxes.recipients import as_sent, checked
from placet.mailboxes.sent_copies import (
    LEAST_LISTED,
    SENT_LARGEST,
    SENT_SLACK,
    Copy,
    copies_of,
    mentions,
    same_subject,
)

from . import calls, errors
from .calls import (
    DRAFT,
    DRAFTS,
    HANDLED,
    INBOX,
    JUNK,
    SEEN,
    SENT,
    TRASH,
    Draft,
    Email,
    Identity,
    NotSearched,
    StateLost,
)
from .changes import Position, next_step
from .client import Account, Jmap, NoBlob, TooLong, Unreadable, too_large
from .errors import Problem
from .places import Places
from .probe import JmapProbe
from .session import Hosts, Session
from .settings import PASSWORD, SECRET, JmapSettings

log = structlog.get_logger(__name__)

FOLDERS = {INBOX: Folder.INBOX, JUNK: Folder.JUNK}
BATCH = 20  # mails that are asked for at once before their bytes are
MOST_STEPS = 20  # requests for one page, of which many may hold nothing that is new
SENT_PAGE = 100
LARGEST_HEADER = 1024 * 1024  # bytes
COPIED_HEADERS = ("Message-ID", "Subject", "From")


class JmapConnection:
    """One mailbox."""

    def __init__(self, jmap: Jmap, settings: JmapSettings) -> None:
        self.jmap = jmap
        self.settings = settings
        self.places = Places(jmap)
        self._identity: Identity | None = None

    # --- receiving ------------------------------------------------------------------------------------------

    def changes(self, cursor: Mapping[str, Any], since: datetime, limit: int) -> Page:
        account = f"{self.jmap.session().account} {self.jmap.hosts.base_url}"
        position = Position.of(cursor, account, since)
        try:
            return self._page(position, since, limit)
        except StateLost:
            return replace(self._page(position.anew(since), since, limit), restarted=True)

    def _page(self, position: Position, since: datetime, limit: int) -> Page:
        """As many requests as fill a page, at least one, and no more than MOST_STEPS: whoever holds the mailbox must
        come back to say so."""
        seen: dict[str, Seen] = {}
        sources = self.places.sources()
        steps = 0
        while True:
            steps += 1
            step = next_step(self.jmap, position, sources, max(1, limit - len(seen)))
            position = step.after
            seen |= {mail.server_id: mail for mail in self._new(step.emails, sources, since)}
            if step.ended or len(seen) >= limit or steps >= MOST_STEPS:
                return Page(list(seen.values()), position.as_json(), more=not step.ended, complete=step.ended)

    def _new(self, emails: Sequence[Email], sources: Mapping[str, str], since: datetime) -> Iterator[Seen]:
        """Those that are where new mail is looked for."""
        since = since.replace(microsecond=0)  # the server's times are whole seconds
        for email in emails:
            folder = next((FOLDERS[role] for role, id_ in sources.items() if id_ in email.mailboxes), None)
            if folder is not None and (email.received_at is None or email.received_at >= since):
                yield Seen(email.id, folder, email.received_at, email.size)

    def fetch(self, seen: Sequence[Seen], max_size: int) -> Iterator[Received | tuple[Seen, MailError]]:
        size = self._at_once(BATCH, "maxObjectsInGet") if seen else BATCH
        for start in range(0, len(seen), size):
            batch = seen[start : start + size]
            there = calls.emails(self.jmap, [mail.server_id for mail in batch], "blobId")
            for mail in batch:
                yield self._fetch(mail, there.get(mail.server_id), max_size)

    def _fetch(self, mail: Seen, email: Email | None, max_size: int) -> Received | tuple[Seen, MailError]:
        if email is None:
            return mail, _gone()
        try:
            if email.size is None or email.size <= max_size:
                raw = self.jmap.download(email.blob, max_size)
                return _received(mail, email, raw, header_block(raw))
        except TooLong:
            log.info("jmap_size_underestimated", size=email.size)
        except NoBlob:
            return mail, self._not_given(mail)
        return self._headers_of(mail)

    def _not_given(self, mail: Seen) -> MailError:
        """Why there are no bytes of a mail that was there a moment ago."""
        if mail.server_id not in calls.emails(self.jmap, [mail.server_id]):
            return _gone()
        return MailError(_("The server lists this mail, but does not give it."), "NoBlob")

    def _headers_of(self, mail: Seen) -> Received | tuple[Seen, MailError]:
        try:
            email = calls.emails(self.jmap, [mail.server_id], "headers").get(mail.server_id)
        except Unreadable:
            calls.state(self.jmap)  # raises where a proxy answers to everything
            return mail, MailError(_("The server's answer to this mail cannot be read."), "Unreadable")
        if email is None:
            return mail, _gone()
        # In one line each: no line break of theirs may make another header.
        lines = (f"{''.join(name.split())}: {' '.join(text.split())}" for name, text in email.headers)
        return _received(mail, email, None, "\r\n".join(lines)[:LARGEST_HEADER])

    # --- marking --------------------------------------------------------------------------------------------

    def mark(
        self, server_ids: Sequence[str], action: Action, folder: str
    ) -> Iterator[tuple[str, str | MailError]]:
        size = self._at_once(MOST_MARKED, "maxObjectsInGet", "maxObjectsInSet") if server_ids else MOST_MARKED
        for start in range(0, len(server_ids), size):
            yield from self._mark(server_ids[start : start + size], action, folder)

    def _mark(self, ids: Sequence[str], action: Action, folder: str) -> Iterator[tuple[str, str | MailError]]:
        there = calls.emails(self.jmap, ids)
        outcomes = calls.update(self.jmap, self._patches(there.values(), action, folder))
        if any(problem is not None and problem.type == "invalidProperties" for problem in outcomes.values()):
            # Somebody deleted the folder that was remembered.
            self.places.forget()
            again = [email for email in there.values() if outcomes.get(email.id) is not None]
            outcomes |= calls.update(self.jmap, self._patches(again, action, folder))
        # Where nothing was to be done it is done: before, or by somebody else.
        refused = {id_: problem for id_, problem in outcomes.items() if problem is not None}
        yield from ((id_, id_) for id_ in ids if id_ not in refused)
        for id_, problem in refused.items():
            error = errors.of_mailbox(problem, self.jmap.who) or errors.of_mail(problem)
            if isinstance(error, MailboxError):
                raise error
            yield id_, id_ if isinstance(error, Gone) else error

    def _at_once(self, most: int, *limits: str) -> int:
        """How many mails one request may be about."""
        return min(most, *(self.jmap.session().limits[name] for name in limits))

    def _patches(self, emails: Iterable[Email], action: Action, folder: str) -> dict[str, dict[str, Any]]:
        """By id, what is to change of each mail; of those left out, nothing."""
        if action is Action.MARK_READ:
            patch = {f"keywords/{SEEN}": True, f"keywords/{HANDLED}": True}
            return {email.id: patch for email in emails}
        target = self.places.for_moved(folder) if action is Action.MOVE else self.places.made_of_role(TRASH)
        ours = {*self.places.sources().values(), *map(self.places.at, self._own_folders())} - {target, ""}
        return {
            email.id: {f"mailboxIds/{id_}": None for id_ in sorted(left)} | {f"mailboxIds/{target}": True}
            for email in emails
            if (left := email.mailboxes & ours)
        }

    def _own_folders(self) -> list[str]:
        return [self.settings.handled_folder, self.settings.set_aside_folder]

    def trash(self, id_: str) -> None:
        """Wherever a mail is. Raises Gone where it is there already, or nowhere."""
        trash = self.places.made_of_role(TRASH)
        email = calls.emails(self.jmap, [id_]).get(id_)
        if email is None or email.mailboxes == {trash}:
            raise _gone()
        problem = calls.update(self.jmap, {id_: {"mailboxIds": {trash: True}}})[id_]
        if problem is not None:
            raise errors.of_mailbox(problem, self.jmap.who) or errors.of_mail(problem)

    def known_as(self, server_ids: Sequence[str], protocol: str) -> Mapping[str, str]:
        return {id_: id_ for id_ in server_ids} if protocol == "jmap" else {}

    # --- sending --------------------------------------------------------------------------------------------

    def send(self, raw: bytes, reference: str) -> None:
        content, recipients = as_sent(raw)
        try:
            identity, draft = self.identity(), self._drafted(content)
        except MailboxError as error:
            error.not_done = True  # so far nothing is on its way
            raise
        submitted = calls.submit(self.jmap, draft, identity.id, self._envelope(recipients, reference))
        if submitted.problem is None:
            return
        refusal = errors.of_sending(submitted.problem, self.jmap.who)
        log.info("jmap_not_sent", type=submitted.problem.type)
        if refusal.not_done and submitted.email:
            self._discard(submitted.email)
        raise refusal

    def _drafted(self, content: bytes) -> Draft:
        if len(content) > self.jmap.session().limits["maxSizeUpload"]:
            raise too_large()
        sent = self.places.made_of_role(SENT)
        drafts = self.places.of_role(DRAFTS)
        return Draft(self.jmap.upload(content), drafts.id if drafts is not None else sent, sent)

    def _envelope(self, recipients: Sequence[str], reference: str) -> dict[str, Any]:
        """Whom the mail is from and for (RFC 8621 7), and that word of its failure is wanted (RFC 3461)."""
        reports = "DSN" in self.jmap.session().extensions
        sender: dict[str, Any] = {"email": checked(self.settings.username)}
        if reports:
            sender["parameters"] = {"RET": "HDRS", **({"ENVID": reference} if reference else {})}
        asked = {"parameters": {"NOTIFY": "FAILURE,DELAY"}} if reports else {}
        return {"mailFrom": sender, "rcptTo": [{"email": address, **asked} for address in recipients]}

    def _discard(self, id_: str) -> None:
        """The draft of a mail that certainly was not sent. If it stays, it is said to be perhaps sent, if that is ever
        asked."""
        try:
            calls.destroy(self.jmap, id_)
        except MailboxError as error:
            log.warning("jmap_draft_left", cause=error.cause)

    def identity(self) -> Identity:
        """The one with the mailbox's address. FixNeeded where there is none."""
        if not self.jmap.session().sends:
            raise self._not_sending(self.jmap.session())
        if self._identity is None:
            own = self.settings.username.lower()
            wanted = (own, f"*@{own.rpartition('@')[2]}")
            there = calls.identities(self.jmap)
            named = [identity for email in wanted for identity in there if identity.email.lower() == email]
            if not named:
                raise errors.of_sending(Problem("forbiddenFrom"), self.jmap.who)
            self._identity = named[0]
        return self._identity

    def _not_sending(self, session: Session) -> MailboxError:
        """The account may not send. Where the server knows how, its mail server may be away: Cyrus asks that one, and
        says of its accounts what came of it. So it is asked again, after ever longer pauses."""
        self.jmap.forget_session()
        cause = _("{host} does not let {mailbox} send mail.").format(
            host=self.jmap.who.host, mailbox=self.settings.username
        )
        cure = _("See that the token was made for sending mail, too, and that the account may send.")
        if not session.may_send:
            return FixNeeded(cause, cure)
        away = _(
            "If both are so, the mail server behind it is away for now, and Placet asks again by itself."
        )
        return Wait(cause, f"{cure} {away}")

    def was_sent(self, message_id: str, reference: str, since: datetime, subject: str = "") -> bool | None:
        since -= SENT_SLACK
        if message_id and self._is_found(message_id, since):
            return True
        for page in self._sent(since):
            if message_id and any(copy.message_id == message_id for copy in page):
                return True
            seen = [copy.seen for copy in page if not subject or same_subject(copy.subject, subject)]
            if any(mentions(received, reference) for received in self.fetch(seen, SENT_LARGEST)):
                return True
        return self._was_drafted(message_id, since)

    def _is_found(self, message_id: str, since: datetime) -> bool:
        """Whether the server finds it among what was sent, if it searches headers."""
        sent = self.places.of_role(SENT)
        header = ("Message-ID", message_id)
        try:
            return bool(
                sent and calls.newest(self.jmap, sent.id, 1, since=since, header=header, but=DRAFT).ids
            )
        except NotSearched:
            return False

    def _was_drafted(self, message_id: str, since: datetime) -> bool | None:
        """Of a mail that is not among those sent: False where no draft of it is left. If one is, it was sent where the
        server still knows so; else nobody can say."""
        folders = {
            mailbox.id for role in (DRAFTS, SENT) if (mailbox := self.places.of_role(role)) is not None
        }
        drafts = [
            email.id
            for folder in sorted(folders)
            for page in self._pages(folder, since, SENT_PAGE, keyword=DRAFT)
            for email in page
            if email.header("message-id") == message_id
        ]
        if not message_id or not drafts:
            return False
        return any(calls.was_submitted(self.jmap, id_) for id_ in drafts) or None

    def copies_of_sent(self, sent: Sequence[SentMail], since: datetime) -> Mapping[str, SentCopy]:
        if not sent:
            return {}
        pages = self._sent(since - SENT_SLACK, min(max(LEAST_LISTED, 2 * len(sent)), SENT_PAGE))
        copies = copies_of(sent, pages, partial(self.fetch, max_size=SENT_LARGEST))
        return {reference: SentCopy(copy.message_id, copy.from_) for reference, copy in copies.items()}

    def _sent(self, since: datetime, size: int = SENT_PAGE) -> Iterator[list[Copy]]:
        """Pages of what was sent since then, the newest first."""
        sent = self.places.of_role(SENT)
        for page in self._pages(sent.id, since, size, but=DRAFT) if sent is not None else ():
            yield [_copy(email) for email in page]

    def _pages(self, folder: str, since: datetime, size: int, **words: str) -> Iterator[list[Email]]:
        """Pages of a folder, the newest first. `words`: what mails must, or must not, be marked with."""
        known: set[str] = set()
        while True:
            listing = calls.newest(
                self.jmap,
                folder,
                size,
                since=since,
                position=len(known),
                names=COPIED_HEADERS,
                **words,  # type: ignore[arg-type]  # texts alone
            )
            if known.issuperset(listing.ids):  # the end, or a server that begins again
                return
            known.update(listing.ids)
            yield listing.emails

    # --- the check ------------------------------------------------------------------------------------------

    def probe(self) -> JmapProbe:
        return JmapProbe(self, self.settings)

    def steps(self) -> Mapping[str, str]:
        return self._preflight().steps()

    def check(self, others: Sequence[str] = ()) -> Generator[Check, None, None]:
        return self._preflight()(others)

    def _preflight(self) -> Preflight:
        probe = self.probe()
        return Preflight(probe, probe)

    def close(self) -> None:
        self.jmap.close()


def connect(settings: JmapSettings, secrets: Mapping[str, str], *, key: str) -> JmapConnection:
    """For `kinds`; nothing is sent before it is used. Where no secret is stored, what is asked first says so."""
    return JmapConnection(jmap_of(settings, secrets), settings)


def jmap_of(settings: JmapSettings, secrets: Mapping[str, str]) -> Jmap:
    user = (settings.jmap_user or settings.username) if settings.jmap_sign_in == PASSWORD else ""
    secret = SecretStr(secrets.get(SECRET, ""))
    account = Account(settings.username, user, secret, settings.jmap_account)
    return Jmap(Hosts(settings.base_url, settings.jmap_hosts), account)


def _gone() -> Gone:
    return Gone(_("The mail is no longer in the mailbox."), "notFound")


def _received(mail: Seen, email: Email, raw: bytes | None, headers: str) -> Received:
    """`raw`: None of a mail that is too large."""
    return Received(
        server_id=mail.server_id,
        folder=mail.folder,
        raw=headers_alone(headers) if raw is None else raw,
        transport_headers=headers,
        item_class="",
        received_at=email.received_at or mail.received_at,
        size=email.size or 0 if raw is None else len(raw),
        message_id=_message_id(headers),
        too_large=raw is None,
    )


def _message_id(headers: str) -> str:
    """The first one, as it stands there."""
    head = headers[:LARGEST_HEADER].encode("utf-8", "replace")
    return str(BytesHeaderParser(policy=compat32).parsebytes(head).get("Message-ID", "")).strip()


def _copy(email: Email) -> Copy:
    seen = Seen(email.id, Folder.INBOX, email.received_at, email.size)  # the folder plays no part
    address = parseaddr(email.header("from"))[1].lower()
    return Copy(seen, _subject(email), email.header("message-id"), address)


def _subject(email: Email) -> str:
    head = BytesHeaderParser(policy=default).parsebytes(
        f"Subject: {email.header('subject')}\r\n\r\n".encode()
    )
    return str(head.get("Subject", ""))
