"""Receiving over POP3, as `base.Receiving` asks for it.

POP3 lets one session at a time into a mailbox, and shows in it what was there when it began. So each call has a session
of its own, which ends with the call. Calls of several threads wait for each other; that another process or program is
there, the server says.

There is one folder, and nothing can be moved or marked as read in it: a mail stays where it is until it is deleted, and
it is deleted only by `mark` with DELETE, which comes after its effect is committed. The server deletes when the session
ends well: where it does not, nothing was deleted, and all of it is to be done again.
"""

import ssl
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from email.policy import compat32
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from placet.lib.outward import Allowed, NotAllowed
from placet.mailboxes import sasl, sockets
from placet.mailboxes.base import (
    Action,
    Check,
    FixNeeded,
    Folder,
    Gone,
    MailError,
    Page,
    Received,
    Seen,
    Wait,
)
from placet.mailboxes.mime import header_block
from placet.mailboxes.sockets import PLAIN, SSL, STARTTLS, ProtocolBroken

from . import errors, known
from .known import Mail
from .receipt import received_at, stamp_of
from .session import Refused, Session
from .settings import SERVER, Pop3Settings

if TYPE_CHECKING:
    from placet.mailboxes.preflight import Preflight

    from .check import Pop3Probe

BROKEN = (OSError, ProtocolBroken, NotAllowed)
MOST_HEADERS = 256 * 1024  # bytes
SLACK = 64 * 1024  # bytes by which a mail may be larger than the server said
FULL_EVERY = 30  # idle looks, of which the last one lists all the same
MOST_LOOKED_AT = 2000  # mails whose headers a first look asks for
STOPS_AFTER = 20  # mails in a row that are too old: those behind them are older still
LONGEST_WAIT = 60.0  # seconds for another thread's session


@dataclass(frozen=True)
class Server:
    """A POP3 server and how to sign in there."""

    host: str
    port: int
    security: str  # "ssl", "starttls", or "none", on this machine only
    proof: sasl.Password | sasl.Tokens
    user: str  # of tokens
    authorities: str = ""
    allowed: Allowed | None = None  # addresses that are not public and may be called; None: the General tab's

    @property
    def place(self) -> tuple[str, int, str]:
        """Where no two sessions can be at a time."""
        user = self.proof.user if isinstance(self.proof, sasl.Password) else self.user
        return self.host, self.port, user


@dataclass
class _Shared:
    """What all threads of this process know of one mailbox: there is one session at a time, and where mails were listed
    last, which is tried before all are listed again."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    numbers: dict[str, Mail] = field(default_factory=dict)


_shared: dict[tuple[str, int, str], _Shared] = {}
_sharing = threading.Lock()


def _shared_of(server: Server) -> _Shared:
    with _sharing:
        return _shared.setdefault(server.place, _Shared())


class Pop3Connection:
    """One mailbox that receives."""

    def __init__(
        self, server: Server, settings: Pop3Settings | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """`settings` are what the check of the mailbox rests on."""
        self._server = server
        self._settings = settings
        self._clock = clock
        self._shared = _shared_of(server)
        self._listed_before: datetime | None = None  # what was not listed then came later

    # --- what is new --------------------------------------------------------------------------------------

    def changes(self, cursor: Mapping[str, Any], since: datetime, limit: int) -> Page:
        """See base. The cursor says which mails were there (`known`), and when that was."""
        self._listed_before = _moment(cursor.get(known.LISTED_AT))
        listed_at = datetime.fromtimestamp(self._clock(), UTC).isoformat()
        with self._session() as session:
            stat = session.count()
            if self._is_idle(session, cursor, stat):
                idle = {known.LISTED_AT: listed_at, known.IDLE: int(cursor[known.IDLE]) + 1}
                return Page([], {**cursor, **idle}, more=False, complete=True)
            mails = self._listing(session)
        division = known.divided(mails, cursor)
        restarted = division.lost
        if restarted or not known.is_ours(cursor):
            stat, mails, division = self._anew(mails, since)
        given = division.new[: max(1, limit)]
        more = len(given) < len(division.new)
        following: dict[str, Any] = known.remembering([*division.known, *given], len(mails))
        if more:
            # What is given later was there already: it came after the listing before this one.
            following[known.LISTED_AT] = cursor.get(known.LISTED_AT, "")
        else:
            last = mails[-1].uid if mails else ""
            following |= {known.LISTED_AT: listed_at, known.STAT: [*stat, last], known.IDLE: 0}
        self._shared.numbers = {mail.id: mail for mail in given}
        seen = [Seen(mail.id, Folder.INBOX, None, mail.size or None) for mail in given]
        return Page(seen, following, more=more, restarted=restarted, complete=not more)

    def _is_idle(self, session: Session, cursor: Mapping[str, Any], stat: tuple[int, int]) -> bool:
        """Whether nothing has changed, by number, bytes and the last mail. Now and then it is listed all the same."""
        before = cursor.get(known.STAT)
        if not before or int(cursor.get(known.IDLE, 0)) >= FULL_EVERY or list(stat) != list(before[:2]):
            return False
        try:
            return stat[0] == 0 or session.uid_of(stat[0]) == before[2]
        except Refused:
            return False

    def _listing(self, session: Session) -> list[Mail]:
        try:
            return known.mails_of(session.listed())
        except Refused as refused:
            raise errors.no_uidl(refused, self._server.host) from refused

    def _anew(
        self, before: Sequence[Mail], since: datetime
    ) -> tuple[tuple[int, int], list[Mail], known.Division]:
        """Where nothing is known: in another session, so that it is seen whether ids last."""
        with self._session() as session:
            stat, mails = session.count(), self._listing(session)
            if before and mails and not {mail.id for mail in before} & {mail.id for mail in mails}:
                raise errors.unstable_ids(self._server.host)
            return stat, mails, self._since(session, mails, since)

    def _since(self, session: Session, mails: Sequence[Mail], since: datetime) -> known.Division:
        """Of a first listing: those that were received since then are new. When, only their headers say, and there may
        be very many; so they are looked at from both ends, until enough in a row are older. Those that
        nobody could look at count as new: one that was kept before is known again, and one that is left out is lost."""
        looks = iter(range(MOST_LOOKED_AT))
        new_ids = self._newer(session, reversed(mails), since, looks)
        rest = [mail for mail in mails if mail.id not in new_ids]
        if len(rest) > STOPS_AFTER:  # else all of them were looked at
            first_ids = self._newer(session, iter(rest), since, looks)
            if first_ids and len(mails) > known.MOST_EXACT:
                raise errors.newest_first(self._server.host, known.MOST_EXACT)
            new_ids |= first_ids
        old = [mail for mail in mails if mail.id not in new_ids]
        return known.Division(old, [mail for mail in mails if mail.id in new_ids])

    def _newer(
        self, session: Session, mails: Iterator[Mail], since: datetime, looks: Iterator[int]
    ) -> set[str]:
        """`looks`: as many as are left for all that is listed."""
        newer: set[str] = set()
        older_in_a_row = 0
        for mail in mails:
            stamped = self._stamp(session, mail) if next(looks, None) is not None else None
            if stamped is None or stamped >= since:
                newer.add(mail.id)
                older_in_a_row = 0
                continue
            older_in_a_row += 1
            if older_in_a_row == STOPS_AFTER:
                break
        return newer

    def _stamp(self, session: Session, mail: Mail) -> datetime | None:
        return stamp_of(header_block(session.headers(mail.number, MOST_HEADERS)))

    # --- mails --------------------------------------------------------------------------------------------

    def fetch(self, seen: Sequence[Seen], max_size: int) -> Iterator[Received | tuple[Seen, MailError]]:
        waiting, larger = list(seen), set[str]()
        while waiting:
            with self._session() as session:
                mails = self._located(session, [entry.server_id for entry in waiting])
                while waiting:
                    entry = waiting[0]
                    mail = mails.get(entry.server_id)
                    if mail is None:
                        yield entry, Gone(_("The mail is no longer on the server."), "Gone")
                    elif result := self._given(session, mail, entry, max_size, alone=mail.id in larger):
                        yield result
                    else:  # more than the server said: the rest of it is in the way of everything else
                        larger.add(mail.id)
                        break
                    waiting.pop(0)

    def _given(
        self, session: Session, mail: Mail, entry: Seen, max_size: int, *, alone: bool
    ) -> Received | tuple[Seen, MailError] | None:
        """The mail, or what is wrong with it; its headers alone where it is too large. None where that was seen only
        while it came: then the session is spoilt."""
        too_large = alone or mail.size > max_size
        try:
            raw = (
                session.headers(mail.number, MOST_HEADERS)
                if too_large
                else session.mail(mail.number, max_size + SLACK)
            )
        except Refused as refused:
            return entry, MailError(
                _("The server does not give the mail: {words}").format(words=refused.words), refused.code
            )
        if raw is None:
            return None
        headers = header_block(raw)
        return Received(
            server_id=entry.server_id,
            folder=Folder.INBOX,
            raw=raw,
            transport_headers=headers,
            item_class="",
            received_at=received_at(headers, self._listed_before, datetime.fromtimestamp(self._clock(), UTC)),
            size=mail.size or len(raw),
            message_id=_message_id(raw),
            too_large=too_large,
        )

    def _located(self, session: Session, ids: Sequence[str]) -> dict[str, Mail]:
        """Where they are in this session: where they were listed last, or all are listed again."""
        numbers = self._shared.numbers
        located: dict[str, Mail] = {}
        for id_ in ids:
            mail = numbers.get(id_)
            if mail is None or not _is_at(session, mail):
                listed = {mail.id: mail for mail in self._listing(session)}
                return {id_: listed[id_] for id_ in ids if id_ in listed}
            located[id_] = mail
        return located

    def mark(
        self, server_ids: Sequence[str], action: Action, folder: str
    ) -> Iterator[tuple[str, str | MailError]]:
        """Delete the mails; moved or marked as read they cannot be, and stay as they are. So do two to which the server
        gives one id."""
        if action is not Action.DELETE:
            yield from ((id_, id_) for id_ in server_ids)
            return
        outcomes: dict[str, str | MailError] = {}
        if server_ids:
            with self._session() as session:
                mails = self._located(session, server_ids)
                for id_ in server_ids:
                    outcomes[id_] = self._deleted(session, mails[id_]) if id_ in mails else id_
                session.bye()  # until here nothing is deleted; where this fails, nobody knows of any
        yield from outcomes.items()

    def _deleted(self, session: Session, mail: Mail) -> str | MailError:
        if mail.is_alike:  # without it the other one had its id, and would be taken for it unread
            return mail.id
        try:
            session.delete(mail.number)
        except Refused as refused:
            words = _("The server does not delete the mail: {words}").format(words=refused.words)
            return MailError(words, refused.code)
        return mail.id

    def known_as(self, server_ids: Sequence[str], protocol: str) -> Mapping[str, str]:
        """Nothing: what another protocol calls a mail says nothing of its UIDL."""
        return {}

    # --- the check ----------------------------------------------------------------------------------------

    def probe(self) -> "Pop3Probe":
        from .check import Pop3Probe

        assert self._settings is not None  # as `connect` makes it
        return Pop3Probe(
            self._settings,
            f"{self._server.host}:{self._server.port}",
            self._greeted,
            self._session,
            self._listing,
            self._delete_one,
        )

    def _greeted(self) -> str:
        """By which version of TLS the server answers; "" in clear."""
        with self._alone():
            session = opened(self._server)
            try:
                return session.sock.version() or "" if isinstance(session.sock, ssl.SSLSocket) else ""
            finally:
                _end(session)

    def _delete_one(self, id_: str) -> bool:
        """Whether it was there."""
        with self._session() as session:
            mail = self._located(session, [id_]).get(id_)
            if mail is not None:
                session.delete(mail.number)
                session.bye()
            return mail is not None

    def steps(self) -> Mapping[str, str]:
        return self._preflight().steps()

    def check(self, others: Sequence[str] = ()) -> Generator[Check, None, None]:
        return self._preflight()(others)

    def _preflight(self) -> "Preflight":
        from placet.mailboxes.preflight import Preflight

        return Preflight(receiving=self.probe())

    def close(self) -> None:
        """Nothing is open between two calls."""

    # --- sessions -----------------------------------------------------------------------------------------

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """Signed in, and alone in this mailbox. Its end deletes nothing, unless it was ended before."""
        with self._alone():
            session = signed_in(self._server)
            try:
                with self._explaining():
                    yield session
            finally:
                _end(session)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._shared.lock.acquire(timeout=LONGEST_WAIT):
            raise Wait(
                _("Placet itself still reads this mailbox, and POP3 lets one read at a time."),
                _("Nothing needs to be done; Placet tries again by itself."),
                errors.IN_USE_PAUSE,
            )
        try:
            yield
        finally:
            self._shared.lock.release()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except Refused as refused:
            raise errors.explain_command(refused, self._server.host) from refused
        except BROKEN as error:
            raise sockets.unreachable(error, self._server.host, self._server.port) from error


def connect(settings: Pop3Settings, secrets: Mapping[str, str], *, key: str) -> Pop3Connection:
    """A mailbox as its settings say; nothing is sent before it is used."""
    proof = SERVER.proof(settings, secrets, settings.username, key)
    assert proof is not None  # there is no way to sign in as nobody among SERVER.sign_ins
    return Pop3Connection(
        Server(
            host=settings.pop3_host,
            port=settings.pop3_port,
            security=settings.pop3_security,
            proof=proof,
            user=settings.pop3_user or settings.username,
            authorities=settings.pop3_authorities,
        ),
        settings,
    )


def _is_at(session: Session, mail: Mail) -> bool:
    try:
        return session.uid_of(mail.number) == mail.uid
    except Refused:
        return False


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None


def _message_id(raw: bytes) -> str:
    head = BytesHeaderParser(policy=compat32).parsebytes(raw[:MOST_HEADERS])
    return str(head.get("Message-ID", "")).strip()


# --- opening ----------------------------------------------------------------------------------------------


def signed_in(server: Server) -> Session:
    """A new session. Raises MailboxError."""
    session = opened(server)
    try:
        session.mechanism = sign_in(session, server)
    except BaseException:
        session.close()
        raise
    session.user_signed_in = server.place[2]
    return session


def opened(server: Server) -> Session:
    """A new session, greeted and, where that is asked for, in TLS. Raises MailboxError."""
    try:
        connection = sockets.connected(
            server.host, server.port, plain=server.security == PLAIN, allowed=server.allowed
        )
    except BROKEN as error:
        raise sockets.unreachable(error, server.host, server.port) from error
    try:
        if server.security == SSL:
            connection = sockets.secured(connection, server.host, server.authorities)
        session = Session(connection, server.host)
        if server.security == STARTTLS:
            _secure(session, server)
        return session
    except Refused as refused:
        connection.close()
        raise errors.explain_sign_in(refused, server.host, with_password=False) from refused
    except BROKEN as error:
        connection.close()
        raise sockets.unreachable(error, server.host, server.port) from error
    except BaseException:
        connection.close()
        raise


def _secure(session: Session, server: Server) -> None:
    try:
        _start_tls(session, server)
    except BaseException:
        session.close()
        raise


def _start_tls(session: Session, server: Server) -> None:
    if "STLS" not in session.capabilities():
        raise FixNeeded(
            _("{host} offers no STARTTLS on port {port}.").format(host=server.host, port=server.port),
            _(
                "Choose SSL and its port (995 with most servers). If the server has STLS, something on the way takes "
                "the offer out: nothing is sent in clear."
            ),
            {"host": server.host},
        )
    session.start_tls(server.authorities)


def sign_in(session: Session, server: Server) -> str:
    """By what mechanism. A token that is refused is replaced by a new one, once. Raises MailboxError."""
    proof = server.proof
    with_password = isinstance(proof, sasl.Password)
    try:
        capabilities = session.capabilities()
        if isinstance(proof, sasl.Password):
            return session.sign_in(proof, capabilities)
        token = proof.token()
        try:
            return session.sign_in(sasl.Token(server.user, token, server.host, server.port), capabilities)
        except Refused as refused:
            if isinstance(errors.explain_sign_in(refused, server.host, with_password=False), Wait):
                raise
            proof.invalidate(token)
            return session.sign_in(
                sasl.Token(server.user, proof.token(), server.host, server.port), capabilities
            )
    except sasl.NoMechanism as error:
        raise errors.no_mechanism(error, server.host) from error
    except ValueError as error:
        raise FixNeeded(
            _("User or password hold characters that cannot be sent."), _("Enter user and password again.")
        ) from error
    except Refused as refused:
        raise errors.explain_sign_in(refused, server.host, with_password=with_password) from refused
    except BROKEN as error:
        raise sockets.unreachable(error, server.host, server.port) from error


def _end(session: Session) -> None:
    """Politely where that still goes: a session that is only cut may lock the mailbox until the server notices."""
    if session.is_ended:
        return
    with suppress(Refused, *BROKEN):
        session.bye()
    session.close()
