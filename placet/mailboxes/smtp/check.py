"""The pre-flight of a mailbox that sends by SMTP: connection, encryption, signing in, and whether the server lets it
send as the mailbox. Nothing is sent."""

import ssl
from collections.abc import Generator, Mapping

from django.utils.translation import gettext as _

from placet.mailboxes import sasl
from placet.mailboxes.base import Check, MailboxError, MailError
from placet.mailboxes.sockets import PLAIN

from .connection import BROKEN, Server, explained_by, opened, sign_in
from .envelope import Envelope
from .replies import Stage
from .session import Session, Unexpected

_SHOWN = ("size", "pipelining", "8bitmime", "smtputf8", "dsn")


def steps(server: Server) -> Mapping[str, str]:
    titles = {
        "smtp_connect": _("The mail server for sending answers"),
        "smtp_sign_in": _("Signing in for sending"),
        "smtp_sender": _("The server lets Placet send as the mailbox"),
    }
    if server.proof is None:
        del titles["smtp_sign_in"]
    return titles


def check(server: Server) -> Generator[Check, None, None]:
    """Ends after the first step that fails."""
    titles = steps(server)
    session = None
    key = "smtp_connect"
    try:
        session = opened(server)
        yield Check(key, titles[key], ok=True, found=_connection(session, server), facts=_facts(session))
        if server.proof is not None:
            key = "smtp_sign_in"
            mechanism = sign_in(session, server)
            yield Check(key, titles[key], ok=True, found=_signed_in(server, mechanism))
        key = "smtp_sender"
        _ask_sender(session, server)
        yield Check(key, titles[key], ok=True, found=server.sender)
    except MailboxError as error:
        yield Check(key, titles[key], ok=False, cause=error.cause, cure=error.cure, facts=error.details)
    except MailError as error:  # of a mail that there is not: what is refused is the mailbox as sender
        yield Check(key, titles[key], ok=False, cause=str(error))
    finally:
        if session is not None:
            session.bye()


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
