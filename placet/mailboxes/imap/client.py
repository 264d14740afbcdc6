"""A mailbox on an IMAP server, signed in: what Placet asks of it, one method a command.

The bytes go through `wire`, answers are read by IMAPClient's parsers. Nothing that only one server does is expected:
what is not offered is done another way, and what is said that was not asked for is passed over.
"""

import base64
import binascii
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from imapclient import imap_utf7
from imapclient.datetime_util import parse_to_datetime
from imapclient.exceptions import ProtocolError
from imapclient.response_parser import parse_response
from pydantic import SecretStr

from placet.mailboxes import sasl, sockets
from placet.mailboxes.base import MailboxError
from placet.mailboxes.sasl import Tokens
from placet.mailboxes.sockets import PLAIN, SSL, STARTTLS, ProtocolBroken

from . import errors
from .wire import USUAL, Answer, Limits, Literal, NotDone, Part, Untagged, Wire, Word, atom, string

MOST_FOLDERS = 20_000
LONGEST_NAME = 400  # bytes of a folder's, as an id holds it
SEARCHED = Limits(line=32 * 1024 * 1024, answer=32 * 1024 * 1024, seconds=300)
GOODBYE = Limits(seconds=2)
GREETED = Limits(line=8192, literal=0, answer=64 * 1024, seconds=30)
MOST_COPIED = 1000  # mails in one command
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LARGEST_UID = 2**32 - 1
KEEPALIVE = 60  # seconds without a word, after which the system looks whether the other side is still there


@dataclass(frozen=True)
class Account:
    """Where a mailbox is, and how to sign in there."""

    host: str
    port: int
    security: str  # of sockets.SECURITIES
    user: str
    secret: SecretStr | Tokens = field(repr=False)
    authorities: str = field(default="", repr=False)  # of `sockets.secured`


@dataclass(frozen=True)
class ListedFolder:
    name: bytes  # as the server writes it (modified UTF-7)
    delimiter: bytes  # b"" where folders have none in them
    attributes: frozenset[bytes]  # in small letters

    @property
    def text(self) -> str:
        return decoded(self.name)


@dataclass(frozen=True)
class Selected:
    """A folder as it is when it is opened. What the server does not say is None."""

    name: bytes
    uidvalidity: int
    uidnext: int | None
    exists: int
    modseq: int | None
    keywords: bool  # whether it takes ones that it does not know
    flags: frozenset[bytes]  # that it keeps, in small letters


@dataclass(frozen=True)
class Listed:
    """A mail of the selected folder, without its text."""

    uid: int
    received_at: datetime | None = None  # UTC
    size: int | None = None
    flags: frozenset[bytes] = frozenset()  # in small letters
    content: bytes | None = None  # of what was asked for
    is_flags_alone: bool = True  # told because somebody marked it


def encoded(name: str) -> bytes:
    """A folder's name as servers write it."""
    return bytes(imap_utf7.encode(name))


def decoded(name: bytes) -> str:
    try:
        return str(imap_utf7.decode(name))
    except (ValueError, binascii.Error, IndexError):
        return name.decode("utf-8", "replace")  # a server that writes it in another way


def opened(account: Account) -> "Client":
    """Connected, in TLS, and signed in. Raises MailboxError, of which nothing was done (`not_done`)."""
    try:
        return _opened(account)
    except MailboxError as error:
        error.not_done = True
        raise


def _opened(account: Account) -> "Client":
    if isinstance(account.secret, SecretStr):
        return _signed_in(account, sasl.Password(account.user, account.secret))
    token = account.secret.token()
    try:
        return _signed_in(account, sasl.Token(account.user, token, account.host, account.port))
    except errors.TokenRefused:
        account.secret.invalidate(token)  # one that was fetched just now is refused for another reason
        again = account.secret.token()
        if again == token:
            raise
    return _signed_in(account, sasl.Token(account.user, again, account.host, account.port))


def greeted(account: Account) -> Wire:
    """A connection that has its TLS and was greeted; nobody is signed in. Raises MailboxError."""
    try:
        return _begun(account)
    except errors.BROKEN as error:
        raise errors.broken(error, account.host, account.port) from None


def _signed_in(account: Account, proof: sasl.Proof) -> "Client":
    wire: Wire | None = None
    try:
        wire = _begun(account)
        client = Client(wire, account.host)
        client.sign_in(proof)
    except errors.BROKEN as error:
        _close(wire)
        raise errors.broken(error, account.host, account.port) from None
    except BaseException:
        _close(wire)
        raise
    return client


def _close(wire: Wire | None) -> None:
    if wire is not None:
        wire.close()


def _begun(account: Account) -> Wire:
    """A connection that has its TLS, if it is to have it, and was greeted."""
    plain = account.security == PLAIN
    connection = sockets.connected(account.host, account.port, plain=plain)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE)
    try:
        if account.security == SSL:
            connection = sockets.secured(connection, account.host, account.authorities)
        wire = Wire(connection)
        greeting = wire.greeting(GREETED)
        if (
            greeting.kind == b"PREAUTH"
        ):  # who it is was not asked; and TLS could not begin any more (RFC 9051 7.1.4)
            raise errors.signed_in_by_itself(account.host)
        if account.security == STARTTLS:
            _start_tls(wire, account)
    except BaseException:
        connection.close()
        raise
    return wire


def _start_tls(wire: Wire, account: Account) -> None:
    """Whatever is said before TLS counts for nothing: STARTTLS is asked for whether or not it is offered."""
    try:
        wire.command(b"STARTTLS", limits=GREETED)
    except NotDone:
        raise errors.starttls_refused(account.host, account.port) from None
    if not wire.is_silent:
        raise errors.starttls_refused(account.host, account.port, injected=True)
    wire.secured(sockets.secured(wire.connection, account.host, account.authorities))


class Client:
    """Every method raises NotDone where the server does not do it; after any other failure (`errors.BROKEN`) the
    connection is of no use any more."""

    def __init__(self, wire: Wire, host: str) -> None:
        self.wire = wire
        self.host = host
        self.offered: frozenset[bytes] = frozenset()  # capabilities, in capitals
        self.selected: Selected | None = None
        self._is_read_only = True
        self._tells_next = True  # whether it says the next number when a folder is opened

    def offers(self, *capabilities: str) -> bool:
        """Whether it offers one of them."""
        return any(capability.encode() in self.offered for capability in capabilities)

    # --- signing in -----------------------------------------------------------------------------------------

    def sign_in(self, proof: sasl.Proof) -> None:
        """Raises MailboxError where that is refused."""
        self._look_what_is_offered()
        with_token = isinstance(proof, sasl.Token)
        try:
            answer = self._sign_in(proof)
        except NotDone as error:
            raise errors.sign_in_refused(error, self.host, with_token=with_token) from None
        except sasl.NoMechanism as error:
            raise errors.no_mechanism(error, self.host, with_token=with_token) from None
        except ValueError:
            raise errors.cannot_be_said(self.host) from None
        said = answer.argument_of(b"CAPABILITY")
        if said:
            self._offered(said)
        else:  # what was offered before may be less
            self._look_what_is_offered()

    def _sign_in(self, proof: sasl.Proof) -> Answer:
        offered = {word[5:].decode("ascii", "replace") for word in self.offered if word.startswith(b"AUTH=")}
        if isinstance(proof, sasl.Password) and "PLAIN" not in offered:
            if self.offers("LOGINDISABLED"):
                raise sasl.NoMechanism(offered)
            user, password = sasl.answers_to_login(proof)
            return self.wire.command(b"LOGIN", string(user), string(password), limits=GREETED)
        mechanism = sasl.mechanism_for(proof, offered)
        first = base64.b64encode(sasl.first_response(mechanism, proof))
        after = base64.b64encode(sasl.AFTER_REFUSAL.get(mechanism, b""))
        words: list[Word] = [b"AUTHENTICATE", mechanism.encode()]
        if self.offers("SASL-IR"):
            return self.wire.command(*words, first, limits=GREETED, answers=[after])
        return self.wire.command(*words, limits=GREETED, answers=[first, after])

    def _look_what_is_offered(self) -> None:
        for response in self.wire.command(b"CAPABILITY", limits=GREETED).of(b"CAPABILITY"):
            self._offered(response.text)

    def _offered(self, words: bytes) -> None:
        self.offered = frozenset(words.upper().split())
        self.wire.literals_at_once = self.offers("LITERAL+", "LITERAL-")

    # --- folders --------------------------------------------------------------------------------------------

    def root(self) -> tuple[bytes, bytes]:
        """What the names of one's own folders begin with ("INBOX." at some servers), and what stands between a name
        and one in it."""
        if self.offers("NAMESPACE"):
            for response in self.wire.command(b"NAMESPACE").of(b"NAMESPACE"):
                match _parsed(response.parts):
                    case [[[bytes() | int() as prefix, delimiter, *_more], *_others], *_rest]:
                        return _bytes(prefix), _bytes(delimiter)
        for folder in self._listed(b"LIST", string(b""), string(b"")):
            return b"", folder.delimiter
        return b"", b""

    def folders(self, pattern: bytes) -> list[ListedFolder]:
        """Those whose names are like `pattern` (RFC 3501 6.3.8)."""
        return self._listed(b"LIST", string(b""), string(pattern))

    def special_folders(self) -> list[ListedFolder]:
        """Those that the server says a use of, in words of its own or in Gmail's."""
        if self.offers("SPECIAL-USE") and self.offers("LIST-EXTENDED"):
            return self._listed(b"LIST", b"(SPECIAL-USE)", string(b""), string(b"*"))
        if self.offers("XLIST"):
            return self._listed(b"XLIST", string(b""), string(b"*"))
        return self.folders(b"*") if self.offers("SPECIAL-USE") else []

    def _listed(self, *words: Word) -> list[ListedFolder]:
        verb = words[0]
        assert isinstance(verb, bytes)
        responses = self.wire.command(*words).of(verb)
        return [folder for response in responses[:MOST_FOLDERS] if (folder := _folder(response)) is not None]

    def create(self, name: bytes) -> None:
        self.wire.command(b"CREATE", string(name))

    def subscribe(self, name: bytes) -> None:
        self.wire.command(b"SUBSCRIBE", string(name))

    def status(self, name: bytes) -> Selected | None:
        """How a folder is that is not open, without opening it; None where the server does not say."""
        items = b"MESSAGES UIDNEXT UIDVALIDITY"
        if self.offers("CONDSTORE", "QRESYNC"):
            items += b" HIGHESTMODSEQ"
        for response in self.wire.command(b"STATUS", string(name), b"(%s)" % items).of(b"STATUS"):
            match _parsed(response.parts):
                case [_name, [*words]]:
                    values = _pairs(words)
                    match [values.get(b"UIDVALIDITY"), values.get(b"UIDNEXT"), values.get(b"MESSAGES")]:
                        case [int(uidvalidity), int(uidnext), int(exists)]:
                            modseq = values.get(b"HIGHESTMODSEQ")
                            counted = modseq if isinstance(modseq, int) else None
                            return Selected(name, uidvalidity, uidnext, exists, counted, False, frozenset())
        return None

    def select(self, name: bytes) -> Selected:
        """Open a folder for changes, and see how it is now."""
        return self._open(b"SELECT", name)

    def examine(self, name: bytes) -> Selected:
        """The same, to read in it alone.

        A server that does not say the next number is asked to open it for changes. Courier is one, and keeps only the
        numbers that it gives out to whoever may change something: what others get means other mails the next time. So
        does the UIDVALIDITY, as long as nobody has opened the folder for changes.
        """
        if self._tells_next:
            opened = self._open(b"EXAMINE", name)
            if opened.uidnext is not None:
                return opened
            self._tells_next = False
        return self.select(name)

    def examine_counted(self, name: bytes) -> Selected:
        """The same, with the next number by STATUS where opening does not tell it. It is asked for afterwards: of an
        open folder Courier tells how it was when it was opened, which may be long ago."""
        opened = self.examine(name)
        if self._tells_next:
            return opened
        try:
            now = self.status(name)
        except NotDone:  # of an open folder it need not be told (RFC 3501 6.3.10)
            return opened
        if now is None or (now.uidvalidity, now.exists) != (opened.uidvalidity, opened.exists):
            return opened  # the number may be that of a mail which was not there yet
        self.selected = replace(opened, uidnext=now.uidnext)
        return self.selected

    def _open(self, verb: bytes, name: bytes) -> Selected:
        """With CONDSTORE the server counts changes from then on (RFC 7162)."""
        self.selected = None
        words: list[Word] = [verb, string(name)]
        if self.offers("CONDSTORE", "QRESYNC"):
            words.append(b"(CONDSTORE)")
        answer = self.wire.command(*words)
        kept, takes_others = _flags(answer.argument_of(b"PERMANENTFLAGS"))
        exists = next((response.number or 0 for response in reversed(answer.of(b"EXISTS"))), 0)
        if answer.argument_of(b"UIDNOTSTICKY") is not None:
            raise errors.numbers_do_not_stay(self.host)
        self.selected = Selected(
            name=name,
            uidvalidity=_number(answer.argument_of(b"UIDVALIDITY")) or 0,
            uidnext=_number(answer.argument_of(b"UIDNEXT")),
            exists=exists,
            modseq=_number(answer.argument_of(b"HIGHESTMODSEQ")),
            keywords=takes_others,
            flags=kept,
        )
        self._is_read_only = verb == b"EXAMINE"
        return self.selected

    def at(self, name: bytes) -> Selected:
        """A folder, open for changes: as it was when it was opened, if it still is."""
        if self.selected is not None and self.selected.name == name and not self._is_read_only:
            return self.selected
        return self.select(name)

    # --- mails of the selected folder ------------------------------------------------------------------------

    def search(self, *criteria: Word) -> list[int]:
        """UIDs, ascending. `criteria` as RFC 3501 6.4.4 has them."""
        answer = self.wire.command(b"UID", b"SEARCH", *criteria, limits=SEARCHED)
        found = {int(uid) for response in answer.of(b"SEARCH") for uid in _numbers(response.text)}
        return sorted(uid for uid in found if 0 < uid <= LARGEST_UID)

    def listed(self, uids: Sequence[int] | range, changed_since: int | None = None) -> list[Listed]:
        """Without their text. `changed_since`: only those that came or were marked after this count of changes."""
        words: list[Word] = [b"UID", b"FETCH", uid_set(uids), b"(UID INTERNALDATE RFC822.SIZE FLAGS)"]
        if changed_since is not None:
            words.append(b"(CHANGEDSINCE %d)" % changed_since)
        return self._fetched(words, uids, USUAL)

    def fetch(self, uids: Sequence[int], section: bytes, limits: Limits) -> list[Listed]:
        """With their bytes as they are kept, or those of a section ("HEADER"); they stay unread."""
        items = b"(UID INTERNALDATE RFC822.SIZE FLAGS BODY.PEEK[%s])" % section
        return self._fetched([b"UID", b"FETCH", uid_set(uids), items], uids, limits)

    def _fetched(self, words: list[Word], uids: Sequence[int] | range, limits: Limits) -> list[Listed]:
        mails: dict[int, Listed] = {}
        for response in self.wire.command(*words, limits=limits).of(b"FETCH"):
            mail = _mail(response)
            # Others are told of, too: somebody marks mails meanwhile. Of one, what is told may come in pieces.
            if mail is not None and mail.uid in uids and (not mail.is_flags_alone or mail.uid not in mails):
                mails[mail.uid] = mail
        return [mails[uid] for uid in sorted(mails) if not mails[uid].is_flags_alone]

    def newest(self, most: int, section: bytes, limits: Limits) -> list[Listed]:
        """The last mails of the folder, with a section of their bytes."""
        exists = self.selected.exists if self.selected is not None else 0
        if not exists:
            return []
        words = (
            b"FETCH",
            b"%d:%d" % (max(1, exists - most + 1), exists),
            b"(UID INTERNALDATE BODY.PEEK[%s])" % section,
        )
        responses = self.wire.command(*words, limits=limits).of(b"FETCH")
        mails = (_mail(response) for response in responses)
        return [mail for mail in mails if mail is not None and not mail.is_flags_alone]

    def store(self, uids: Sequence[int], flags: bytes, *, sets: bool = True) -> None:
        how = b"+FLAGS.SILENT" if sets else b"-FLAGS.SILENT"
        self.wire.command(b"UID", b"STORE", uid_set(uids), how, b"(%s)" % flags)

    def move(self, uids: Sequence[int], target: bytes) -> dict[int, tuple[int, int]]:
        """RFC 6851. By UID, the new UIDVALIDITY and UID of each that the server says them of (RFC 4315)."""
        answer = self.wire.command(b"UID", b"MOVE", uid_set(uids), string(target))
        return _copied(answer.argument_of(b"COPYUID"))

    def copy(self, uids: Sequence[int], target: bytes) -> dict[int, tuple[int, int]]:
        answer = self.wire.command(b"UID", b"COPY", uid_set(uids), string(target))
        return _copied(answer.argument_of(b"COPYUID"))

    def expunge(self, uids: Sequence[int]) -> None:
        """These alone, whatever others are marked as deleted (RFC 4315)."""
        self.wire.command(b"UID", b"EXPUNGE", uid_set(uids))

    def append(self, name: bytes, raw: bytes, flags: bytes, limits: Limits) -> None:
        self.wire.command(b"APPEND", string(name), b"(%s)" % flags, Literal(raw), limits=limits)

    def alive(self) -> None:
        self.wire.command(b"NOOP")

    def close(self) -> None:
        """Says so where it can be said without waiting for it."""
        with suppress(*errors.BROKEN):
            self.wire.begin(b"LOGOUT", limits=GOODBYE)
        self.wire.close()


# --- reading answers ------------------------------------------------------------------------------------------


def uid_set(uids: Sequence[int] | range) -> bytes:
    """UIDs as one argument, with ranges for those that follow each other."""
    if isinstance(uids, range) and len(uids) > 1:
        return b"%d:%d" % (uids.start, uids.stop - 1)
    runs: list[list[int]] = []
    for uid in sorted(uids):
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in runs)


def search_date(day: date) -> bytes:
    return f"{day.day}-{MONTHS[day.month - 1]}-{day.year}".encode()


def keyword(text: str) -> bytes:
    """A keyword of ours as a flag. ValueError where it cannot be one."""
    return atom(text)


def _parsed(parts: Sequence[Part]) -> Any:
    """As nested lists of bytes, numbers and None."""
    try:
        return _lists(parse_response(list(parts)))
    except (ProtocolError, ValueError, AssertionError, IndexError, TypeError, RecursionError) as error:
        raise ProtocolBroken(f"an answer that cannot be read: {type(error).__name__}") from None


def _lists(value: object) -> object:
    return [_lists(one) for one in value] if isinstance(value, tuple) else value


def _bytes(value: object) -> bytes:
    """A name that consists of digits is read as a number."""
    if isinstance(value, int):
        return b"%d" % value
    return value if isinstance(value, bytes) else b""


def _number(argument: bytes | None) -> int | None:
    return int(argument) if argument is not None and re.fullmatch(rb"\d{1,20}", argument) else None


def _numbers(text: bytes) -> list[bytes]:
    """Of a SEARCH: with CONDSTORE, a count of changes may follow in parentheses."""
    return [word for word in text.partition(b"(")[0].split() if word.isdigit() and len(word) <= 10]


def _flags(argument: bytes | None) -> tuple[frozenset[bytes], bool]:
    words = frozenset((argument or b"").strip(b"()").lower().split())
    return words - {b"\\*"}, b"\\*" in words


def _pairs(words: Sequence[object]) -> dict[bytes, Any]:
    names = [name.upper() for name in words[::2] if isinstance(name, bytes)]
    if len(names) * 2 != len(words):
        raise ProtocolBroken("names without values")
    return dict(zip(names, words[1::2], strict=True))


def _folder(response: Untagged) -> ListedFolder | None:
    """None for a line that is none, or a name that is longer than any, or that no command can say (NUL)."""
    match _parsed(response.parts):
        case [[*attributes], delimiter, bytes() | int() as name]:
            words = frozenset(word.lower() for word in attributes if isinstance(word, bytes))
            spelled = _bytes(name)
            if len(spelled) > LONGEST_NAME or b"\0" in spelled:
                return None
            return ListedFolder(
                b"INBOX" if spelled.upper() == b"INBOX" else spelled, _bytes(delimiter), words
            )
    return None


def _mail(response: Untagged) -> Listed | None:
    match _parsed(response.parts):
        case [[*words]]:
            values = _pairs(words)
        case _:
            raise ProtocolBroken("no mail")
    uid = values.get(b"UID")
    if not isinstance(uid, int):
        return None
    size = values.get(b"RFC822.SIZE")
    content = next((value for name, value in values.items() if name.startswith(b"BODY[")), None)
    flags = values.get(b"FLAGS")
    return Listed(
        uid=uid,
        received_at=_time(values.get(b"INTERNALDATE")),
        size=size if isinstance(size, int) else None,
        flags=frozenset(_bytes(flag).lower() for flag in flags) if isinstance(flags, list) else frozenset(),
        content=None if content is None else _bytes(content),
        is_flags_alone=b"INTERNALDATE" not in values,
    )


def _time(value: object) -> datetime | None:
    if not isinstance(value, bytes):
        return None
    try:
        at: datetime = parse_to_datetime(value, normalise=False)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError, TypeError):
        return None


def _copied(argument: bytes | None) -> dict[int, tuple[int, int]]:
    """By UID, what a COPYUID says it has become. Nothing where it says something else."""
    words = (argument or b"").split()
    if len(words) != 3:
        return {}
    uidvalidity, old, new = _uid(words[0]), _uids_of(words[1]), _uids_of(words[2])
    if uidvalidity is None or len(old) != len(new):
        return {}
    return {before: (uidvalidity, after) for before, after in zip(old, new, strict=True)}


def _uids_of(text: bytes) -> list[int]:
    uids: list[int] = []
    for piece in text.split(b","):
        low, _, high = piece.partition(b":")
        first, last = _uid(low), _uid(high or low)
        if first is None or last is None or not 0 <= last - first < MOST_COPIED - len(uids):
            return []
        uids += range(first, last + 1)
    return uids


def _uid(text: bytes) -> int | None:
    """None for what no mail, and no count of names, can have as its number (RFC 3501 9, nz-number)."""
    number = int(text) if text.isdigit() and len(text) <= 10 else 0
    return number if 0 < number <= LARGEST_UID else None
