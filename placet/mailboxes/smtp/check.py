"""What the check of a mailbox that sends by SMTP asks: connection, encryption, signing in, and whether the server lets
it send as the mailbox."""

import ssl
from collections.abc import Callable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.mailboxes import sasl
from placet.mailboxes.base import Check
from placet.mailboxes.preflight import SendingProbe, Step, passed
from placet.mailboxes.sockets import PLAIN

from .connection import BROKEN, Server, explained_by, opened, sign_in
from .envelope import Envelope
from .replies import Stage
from .session import Session, Unexpected

_SHOWN = ("size", "pipelining", "8bitmime", "smtputf8", "dsn")
CONNECT = gettext_noop("The mail server for sending answers")
SIGN_IN = gettext_noop("Signing in for sending")
SENDER = gettext_noop("The server lets Placet send as the mailbox")


class SmtpProbe(SendingProbe):
    """Its first steps go through one session of their own, which ends with the last of them or where one fails. `send`
    is that of the connection."""

    def __init__(self, server: Server, send: Callable[[bytes, str], None]) -> None:
        self._server = server
        self._send = send
        self._session: Session | None = None

    def before(self) -> list[Step]:
        signs_in = [Step("smtp_sign_in", self._sign_in, SIGN_IN)] if self._server.proof is not None else []
        return [
            Step("smtp_connect", self._connect, CONNECT),
            *signs_in,
            Step("smtp_sender", self._ask_sender, SENDER),
        ]

    def send(self, raw: bytes, reference: str) -> None:
        self._send(raw, reference)

    def _connect(self) -> Check:
        self._session = opened(self._server)
        return passed(_connection(self._session, self._server), _facts(self._session))

    def _sign_in(self) -> Check:
        session = self._opened()
        try:
            return passed(_signed_in(self._server, sign_in(session, self._server)))
        except BaseException:
            session.bye()
            raise

    def _ask_sender(self) -> Check:
        session = self._opened()
        try:
            _ask_sender(session, self._server)
        finally:
            session.bye()
        return passed(self._server.sender)

    def _opened(self) -> Session:
        assert self._session is not None, "the first step opens it"
        return self._session


def _connection(session: Session, server: Server) -> str:
    place = f"{server.host}:{server.port}"
    if server.security == PLAIN or not isinstance(session.sock, ssl.SSLSocket):
        return _("{place}, not encrypted").format(place=place)
    return f"{place}, {session.sock.version()}"


def _facts(session: Session) -> dict[str, str]:
    return {name: session.extensions[name] for name in _SHOWN if name in session.extensions}


def _signed_in(server: Server, mechanism: str) -> str:
    user = server.proof.user if isinstance(server.proof, sasl.Password) else server.user or server.sender
    return f"{user} ({mechanism})"


def _ask_sender(session: Session, server: Server) -> None:
    nothing = Envelope(server.sender, (), "", b"", 0, is_eight_bit=False, needs_utf8=False)
    try:
        session.in_order([(nothing.mail_command(session.extensions), Stage.SENDER)])
        session.in_order([("RSET", Stage.RESET)])
    except (*BROKEN, Unexpected) as error:
        raise explained_by(error, server) from error
