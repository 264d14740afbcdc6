"""What every kind of mailbox can do, and how it fails. Each kind lives in a folder of its own
(`placet.mailboxes.kinds`).

MailboxError            the whole mailbox: no mail's tries are used up
    FixNeeded           somebody must change something; asked again every 15 minutes
        SignInRefused   a password was refused; asked again after a day, or when somebody saved the settings
    Wait                the server is busy or away; asked again after `seconds`
        Resting         nobody was asked: that half of the mailbox waits for its time
MailError               one mail, and only it
    Gone                no longer on the server
    Refused             the server will never take it as it is
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable


class Half(StrEnum):
    """What may fail, and rest, for itself where one kind receives and another sends (`Mailbox.sending_kind`)."""

    RECEIVING = "receiving"  # reading, marking and moving
    SENDING = "sending"


class MailboxError(Exception):
    """Something is wrong with the whole mailbox, or with one half of it.

    `half` is the one that failed, where two kinds share the mailbox; None where one does both, and of what belongs to
    no connection (then it counts as of the one that receives).
    `cause` is one sentence for an administrator, `cure` says what to do next. `details` are safe to show
    (trace and correlation ids, never a secret): Microsoft's support asks for them. `not_done`: the server
    certainly did nothing of what was asked, as when it refuses before it looks; else it may have done it all
    and only its answer was lost.
    """

    not_done: bool = False
    half: Half | None = None

    def __init__(self, cause: str, cure: str, details: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{cause} {cure}".strip())
        self.cause = cause
        self.cure = cure
        self.details = dict(details or {})


class FixNeeded(MailboxError):
    """Waiting does not help: a setting, a permission or a licence must change."""


class SignInRefused(FixNeeded):
    """The server refused a password. Every further try brings the account nearer to being locked."""


class Wait(MailboxError):
    """The server asks for patience, or cannot be reached. `seconds` to wait (None: grow the pause)."""

    def __init__(
        self, cause: str, cure: str, seconds: float | None = None, details: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(cause, cure, details)
        self.seconds = seconds


class Resting(Wait):
    """That half of the mailbox rests: it was not asked, and its rest goes on as it was."""

    not_done = True


class MailError(Exception):
    """One mail failed for a reason of its own; the mailbox works. `code` is the server's word for it. `not_done`: as in
    MailboxError."""

    not_done: bool = False

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Gone(MailError):
    """The mail is no longer where the server said."""


class Refused(MailError):
    """The server refuses this mail for good (too large, malformed, sender not allowed)."""


class Folder(StrEnum):
    """Where new mail is looked for."""

    INBOX = "inbox"
    JUNK = "junk"


#: Mails in one request of `mark`, of every kind: no more are marked again after a cut, and the smallest batch that a
#: server takes (of Microsoft Graph, 20 requests) holds them.
MOST_MARKED = 20


class Action(StrEnum):
    """What becomes of a mail on the server after its effect is committed."""

    MOVE = "move"
    MARK_READ = "mark_read"
    DELETE = "delete"


@dataclass(frozen=True)
class Seen:
    """One mail that the server listed."""

    server_id: str
    folder: Folder
    received_at: datetime | None = None  # UTC
    size: int | None = None  # bytes, as the server counts


@dataclass(frozen=True)
class Page:
    """One page of changes. `cursor` (JSON) is to be stored only after every mail of the page is kept.

    `complete`: every folder came to its end in this answer. That is more than not `more`, which is also said of a
    server that stops moving on in the middle.
    """

    seen: Sequence[Seen]
    cursor: Mapping[str, Any]
    more: bool
    restarted: bool = False  # the server forgot our cursor: everything in the folders is listed again
    complete: bool = False


@dataclass(frozen=True)
class Received:
    """One mail as the server gave it, whole. Nothing in it has been judged."""

    server_id: str
    folder: Folder
    raw: bytes  # MIME as the server gives it; Exchange rebuilds it, so signatures in it cannot be checked
    transport_headers: str  # the header block as it arrived (PidTagTransportMessageHeaders); "" if not given
    item_class: str  # "IPM.Note", "REPORT.IPM.Note.NDR", ...; "" where the server has no such thing
    received_at: datetime | None  # UTC
    size: int
    sender: str = ""  # SMTP address of the server's own Sender property, lower case; "" if not SMTP
    from_: str = ""  # the same of its From property
    message_id: str = ""
    voting: str = ""  # text of a voting-button answer
    too_large: bool = False  # larger than asked for: `raw` holds the headers alone


@dataclass(frozen=True)
class SentMail:
    """A mail of ours, as it was handed to the server."""

    reference: str
    message_id: str  # the one that we gave it, in angle brackets
    subject: str


@dataclass(frozen=True)
class SentCopy:
    """The same mail as Sent Items has it: how its reader sees it."""

    message_id: str  # in angle brackets
    from_: str = ""  # SMTP address of its From, lower case; "" if the server does not say


@dataclass(frozen=True)
class Check:
    """One step of the pre-flight. `key` is stable (`name`, `tls`, `token`, `open`, ...)."""

    key: str
    title: str  # what was tried, in words
    ok: bool
    found: str = ""  # what was seen: "Token for application 535f..., roles: full_access_as_app"
    cause: str = ""
    cure: str = ""
    command: str = ""  # a command to copy, where one cures it
    facts: Mapping[str, Any] | None = None  # the same for --json, without secrets
    warning: bool = False  # it works (`ok`), but somebody must look at it: cause, cure and command say why


class _Opened(Protocol):
    """What every way to a mailbox can do. Not shared between threads; `close` frees sockets.

    Every method raises MailboxError where the mailbox as a whole fails.
    """

    def steps(self) -> Mapping[str, str]:
        """Keys and titles of the pre-flight's steps, in their order: what `check` does if nothing fails."""

    def check(self, others: Sequence[str] = ()) -> Generator[Check, None, None]:
        """The pre-flight, step by step as it runs; ends after the first step that others build on fails.

        `others` are addresses of mailboxes that must not open; the first three of them are tried.
        Closed before its end, it leaves nothing behind in the mailbox."""

    def close(self) -> None: ...


class Receiving(_Opened, Protocol):
    """One open way to take mail from one mailbox."""

    def changes(self, cursor: Mapping[str, Any], since: datetime, limit: int) -> Page:
        """The next page of new mail in Inbox and Junk (at most about `limit`), none received before `since`.

        An empty cursor starts from the beginning. A cursor that the server no longer knows starts again by
        itself and says so in `restarted`.
        """

    def fetch(self, seen: Sequence[Seen], max_size: int) -> Iterator[Received | tuple[Seen, MailError]]:
        """Each mail whole, or what is wrong with this one. Mails above `max_size` bytes come as headers."""

    def mark(
        self, server_ids: Sequence[str], action: Action, folder: str
    ) -> Iterator[tuple[str, str | MailError]]:
        """Move the mails to `folder` (a path such as "Placet/Processed", made where it is missing), mark them
        read, or delete them (to Deleted Items), MOST_MARKED in one call. What a server has not, folders or that mark,
        leaves them as they are. Doing it twice, or to a mail that is gone, is
        no error. `server_ids` holds none twice.

        Each id, in any order, with the id that its mail has from now on (a move may change it), or with what is wrong
        with this one. A MailboxError comes after the mails of which the server said what became of them; the others
        are to be marked again. FixNeeded where `folder` is one that mail is taken from."""

    def known_as(self, server_ids: Sequence[str], protocol: str) -> Mapping[str, str]:
        """By what id this protocol knows each mail that `protocol` named. Left out are those of which it cannot be
        told: they are gone, or it cannot read the other's ids (the server lists them anew then)."""


@runtime_checkable
class Translates(Protocol):
    """What a way to receive can do besides, where its kind has two protocols."""

    def translate(self, ids: Sequence[str], source: str, target: str) -> Mapping[str, str]:
        """What protocol `target` calls the mails that `source` calls so, as far as it can be told."""


class _Sent(Protocol):
    """Our own mails, as the server keeps them."""

    def was_sent(self, message_id: str, reference: str, since: datetime, subject: str = "") -> bool | None:
        """Whether a mail of ours went out: asked before a send that was cut off is repeated. None where nobody can
        say, as there is no copy of what is sent: the mail is then shown as unsure, and not repeated by itself.

        The server may have replaced the Message-ID, so `reference` is also looked for in headers and text of
        what Sent Items got since then (with this `subject`, if one is given).
        """

    def copies_of_sent(self, sent: Sequence[SentMail], since: datetime) -> Mapping[str, SentCopy]:
        """By reference, what Sent Items has of each of these mails, sent since then: the server may have replaced the
        Message-ID and the From address. Left out are those that are not there (yet)."""


class Sending(_Opened, _Sent, Protocol):
    """One open way to send mail from one mailbox."""

    def send(self, raw: bytes, reference: str) -> None:
        """Send one MIME mail and keep a copy in Sent Items. Raises Refused where this mail will never go."""


@runtime_checkable
class SentFolder(_Sent, Protocol):
    """What a way to receive can do besides, if another one sends, of which the server keeps no copies."""

    def keep_sent(self, raw: bytes) -> None:
        """Put a copy of a mail that was sent into Sent Items."""


class Connection(Receiving, Sending, Protocol):
    """One open way to one mailbox, both to receive and to send."""
