"""Sending over SMTP, to the submission server of a mailbox (RFC 6409), as `base.Sending` asks for it.

One session is kept and used for many mails. Before each, what is left of the last one is dropped (RSET), which also
shows whether the session still lives; one that does not is replaced once, for nothing was sent by then.

What is certain of a send that fails: until the line with the single dot is written, the server has no mail (RFC 5321
4.1.1.4), and a reply of 4xx or 5xx says that it does not take it. Cut after the dot, nobody can say: there is no Sent
folder here to be asked.
"""

import socket
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from pydantic import SecretStr

from placet.lib.outward import Allowed, NotAllowed
from placet.mailboxes import sasl, sockets
from placet.mailboxes.base import Check, FixNeeded, MailboxError, MailError, SentCopy, SentMail
from placet.mailboxes.sockets import PLAIN, SSL, STARTTLS, ProtocolBroken

from .envelope import Envelope, envelope_of
from .replies import Stage, explain
from .session import Session, SignInRefused, Unexpected
from .settings import SERVER, SmtpSettings

if TYPE_CHECKING:
    from placet.mailboxes.preflight import Preflight

    from .check import SmtpProbe

LONGEST_IDLE = 240.0  # seconds; servers close sessions that are idle for five minutes (RFC 5321 4.5.3.2.7)
MOST_MAILS = 100  # of one session: a common limit
BROKEN = (OSError, ProtocolBroken, NotAllowed)


@dataclass(frozen=True)
class Server:
    """A submission server and how to sign in there. `sender`: the mailbox, from whom every mail is."""

    host: str
    port: int
    security: str  # "ssl", "starttls", or "none", on this machine only
    sender: str
    proof: sasl.Password | sasl.Tokens | None = None  # None: the server knows this machine by its address
    user: str = ""  # of tokens; empty: the mailbox
    ehlo: str = ""  # the name to say; empty: this machine's
    authorities: str = ""  # certificates (PEM) of one's own; empty: those that this machine trusts
    allowed: Allowed | None = None  # addresses that are not public and may be called; None: the General tab's


class SmtpConnection:
    """One mailbox that sends."""

    def __init__(self, server: Server, clock: Callable[[], float] = time.monotonic) -> None:
        self._server = server
        self._clock = clock
        self._session: Session | None = None
        self._used_at = 0.0
        self._mails = 0

    def send(self, raw: bytes, reference: str) -> None:
        """Hand one mail over; whom it is for stands in its headers. Raises Refused or MailError for this mail."""
        envelope = envelope_of(raw, self._server.sender, reference)
        session, is_kept = self._living()
        try:
            self._begin(session, envelope, is_kept=is_kept)
        except (*BROKEN, Unexpected) as error:
            if not is_kept or not _is_of_the_session(error):
                raise self._explained(error) from error
            self._drop()  # it ended meanwhile, as sessions do; nothing was sent
            session, _is_kept = self._living()
            try:
                self._begin(session, envelope, is_kept=False)
            except (*BROKEN, Unexpected) as again:
                raise self._explained(again) from again
        self._finish(session, envelope)

    def _begin(self, session: Session, envelope: Envelope, *, is_kept: bool) -> None:
        envelope.check(session.extensions)
        commands = [("RSET", Stage.RESET)] if is_kept else []
        commands.append((envelope.mail_command(session.extensions), Stage.SENDER))
        for recipient in envelope.recipients:
            commands.append((envelope.recipient_command(recipient, session.extensions), Stage.RECIPIENT))
        session.in_order(commands)

    def _finish(self, session: Session, envelope: Envelope) -> None:
        try:
            session.hand_over(envelope.content)
        except Unexpected as error:
            raise self._explained(error) from error
        except BROKEN as error:
            explained = self._explained(error)
            explained.not_done = not session.may_be_out
            raise explained from error
        self._used_at = self._clock()
        self._mails += 1

    def was_sent(self, message_id: str, reference: str, since: datetime, subject: str = "") -> bool | None:
        """Nobody can say: SMTP keeps no copy that could be asked for."""
        return None

    def copies_of_sent(self, sent: Sequence[SentMail], since: datetime) -> Mapping[str, SentCopy]:
        return {}

    def probe(self) -> "SmtpProbe":
        from .check import SmtpProbe

        return SmtpProbe(self._server, self.send)

    def steps(self) -> Mapping[str, str]:
        return self._preflight().steps()

    def check(self, others: Sequence[str] = ()) -> Generator[Check, None, None]:
        return self._preflight()(others)

    def _preflight(self) -> "Preflight":
        from placet.mailboxes.preflight import Preflight

        return Preflight(sending=self.probe())

    def close(self) -> None:
        if self._session is not None:
            self._session.bye()
            self._session = None

    # --- the session ------------------------------------------------------------------------------------

    def _living(self) -> tuple[Session, bool]:
        """A session, and whether it was there before."""
        is_old = self._clock() - self._used_at > LONGEST_IDLE or self._mails >= MOST_MAILS
        if self._session is not None and is_old:
            self.close()
        if self._session is not None:
            return self._session, True
        self._session = signed_in(self._server)
        self._used_at, self._mails = self._clock(), 0
        return self._session, False

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _explained(self, error: Exception) -> MailboxError | MailError:
        """What it means; a session that failed for the whole mailbox is not used again."""
        session, is_unsigned = self._session, self._server.proof is None
        could_sign_in = is_unsigned and session is not None and bool(session.mechanisms)
        explained = explained_by(error, self._server, could_sign_in=could_sign_in)
        if isinstance(explained, MailboxError):
            self._drop()
        return explained


def _is_of_the_session(error: Exception) -> bool:
    """Whether another session may do better."""
    return not isinstance(error, Unexpected) or error.reply.code == 421 or error.stage is Stage.RESET


def connect(settings: SmtpSettings, secrets: Mapping[str, str], *, key: str) -> SmtpConnection:
    """A mailbox as its settings say; nothing is sent before it is used."""
    return SmtpConnection(
        Server(
            host=settings.smtp_host,
            port=settings.smtp_port,
            security=settings.smtp_security,
            sender=settings.username,
            proof=SERVER.proof(settings, secrets, settings.username, key),
            user=settings.smtp_user,
            ehlo=settings.smtp_ehlo,
            authorities=settings.smtp_authorities,
        )
    )


# --- opening ----------------------------------------------------------------------------------------------


def explained_by(
    error: Exception, server: Server, *, could_sign_in: bool = False
) -> MailboxError | MailError:
    """The MailboxError, or MailError, that an error of a session stands for."""
    if isinstance(error, Unexpected):
        return explain(
            error.reply,
            error.stage,
            server.host,
            server.sender,
            could_sign_in=could_sign_in,
            with_password=isinstance(server.proof, sasl.Password),
        )
    explained = sockets.unreachable(error, server.host, server.port)
    explained.not_done = True  # but for the end of a mail, where the caller knows better
    return explained


def signed_in(server: Server) -> Session:
    """A new session in which mail can be sent. Raises MailboxError."""
    session = opened(server)
    try:
        sign_in(session, server)
    except BaseException:
        session.close()
        raise
    return session


def opened(server: Server) -> Session:
    """A new session, greeted and, where that is asked for, in TLS. Raises MailboxError, `not_done`."""
    try:
        connection: socket.socket = sockets.connected(
            server.host, server.port, plain=server.security == PLAIN, allowed=server.allowed
        )
    except BROKEN as error:
        raise explained_by(error, server) from error
    try:
        return _greeted(connection, server)
    except (*BROKEN, Unexpected) as error:
        connection.close()
        raise explained_by(error, server) from error
    except BaseException:
        connection.close()
        raise


def _greeted(connection: socket.socket, server: Server) -> Session:
    if server.security == SSL:
        connection = sockets.secured(connection, server.host, server.authorities)
    session = Session(connection, server.host, server.ehlo or own_name(connection))
    session.greet()
    if server.security == STARTTLS:
        if "starttls" not in session.extensions:
            raise _not_done(
                FixNeeded(
                    _("{host} offers no STARTTLS on port {port}.").format(host=server.host, port=server.port),
                    _(
                        "Choose SSL and its port (465 with most servers). If the server has STARTTLS, something on the "
                        "way takes the offer out: nothing is sent in clear."
                    ),
                    {"host": server.host},
                )
            )
        session.start_tls(server.authorities)
    return session


def own_name(connection: socket.socket) -> str:
    """What to say in EHLO: this machine's name where it is a whole one, else the address it calls from (RFC 5321
    4.1.3)."""
    name = socket.gethostname()
    if "." in name and name.isascii() and all(c.isalnum() or c in ".-" for c in name):
        return name
    address = str(connection.getsockname()[0])
    return f"[IPv6:{address.partition('%')[0]}]" if ":" in address else f"[{address}]"


def sign_in(session: Session, server: Server) -> str:
    """By what mechanism; "" where nobody signs in. A token that is refused is replaced by a new one, once. Raises
    MailboxError, `not_done`."""
    proof = server.proof
    if proof is None:
        return ""
    try:
        if isinstance(proof, sasl.Password):
            return session.sign_in(proof)
        token = proof.token()
        try:
            return session.sign_in(_with_token(token, server))
        except SignInRefused:
            proof.invalidate(token)
            return session.sign_in(_with_token(proof.token(), server))
    except sasl.NoMechanism as error:
        raise _not_done(_no_mechanism(error, server)) from error
    except ValueError as error:
        raise _not_done(
            FixNeeded(
                _("User or password hold characters that cannot be sent."),
                _("Enter user and password again."),
            )
        ) from error
    except (*BROKEN, Unexpected) as error:
        raise explained_by(error, server) from error


def _with_token(token: SecretStr, server: Server) -> sasl.Token:
    return sasl.Token(server.user or server.sender, token, server.host, server.port)


def _no_mechanism(error: sasl.NoMechanism, server: Server) -> FixNeeded:
    if not error.offered:
        return FixNeeded(
            _("{host} lets nobody sign in on port {port}.").format(host=server.host, port=server.port),
            _("Use the port for submission (465 with SSL, 587 with STARTTLS), not the one for servers (25)."),
        )
    return FixNeeded(
        _("{host} takes none of the ways of signing in that Placet has: it offers {offered}.").format(
            host=server.host, offered=", ".join(error.offered)[:200]
        ),
        _("Choose another way of signing in, or have the server's administrator allow PLAIN or XOAUTH2."),
    )


def _not_done(error: MailboxError) -> MailboxError:
    error.not_done = True
    return error
