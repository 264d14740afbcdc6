"""What IMAP servers refuse, and how connections to them fail, in words for an administrator.

What decides is the code in brackets (RFC 5530, RFC 9051 7.1); the text beside it is shown, shortened, because servers
that have no code say there why they refuse.
"""

import re
from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.lib.outward import NotAllowed
from placet.mailboxes import http, sockets
from placet.mailboxes.base import FixNeeded, MailboxError, MailError, Refused, SignInRefused, Wait
from placet.mailboxes.oauth import REFUSED_CURE
from placet.mailboxes.sasl import NoMechanism

from .wire import Bye, NotDone

#: What a connection fails by, beside what is refused on it (NotDone).
BROKEN = (OSError, sockets.ProtocolBroken, NotAllowed, Bye)

#: Codes with which a server says that it will do later what it does not do now.
LATER = (b"UNAVAILABLE", b"INUSE", b"SERVERBUG", b"INPROGRESS", b"LIMIT", b"THROTTLED", b"TOOMANYCONNECTIONS")
FULL = (b"OVERQUOTA", b"OVERQUOTA-SOFT")
NO_SUCH_FOLDER = (b"TRYCREATE", b"NONEXISTENT")
NO_RIGHT = (b"NOPERM", b"READ-ONLY", b"CANNOT", b"NOTPERMITTED")
ABOUT_MAILBOX = (*LATER, *FULL, *NO_RIGHT)
#: In words alone: of too many connections or requests. Gmail, Exchange and Courier have no code for it.
BUSY_WORDS = (
    "too many",
    "try again",
    "temporar",
    "timed out",
    "throttl",
    "unavailable",
    "exceeded",
    "in use",
)
#: Where these stand as well, it is not that the server is busy.
_WRONG = re.compile(
    r"\b(invalid|incorrect|wrong|bad)\b[^.]*\b(user|login|password|credential)"
    r"|\b(account|user|login)\b.{0,30}\block(ed|out)\b",
    re.IGNORECASE,
)
#: What Exchange says to a token that it takes, for a mailbox that the application may not open.
NOT_CONNECTED = "authenticated but not connected"

#: What Courier says when an account may not be opened by IMAP, once it knows whose it is.
DISABLED = "access disabled"

_PASSWORD_CURE = gettext_noop(
    "Enter user name and password again. Where the account has two-step verification, or is at Gmail, Yahoo or iCloud, "
    "an app password is needed, made in the account's security settings. See that IMAP is switched on for the mailbox."
)


class TokenRefused(FixNeeded):
    """An access token that may just have ended: another one is worth a try."""


def details_of(error: NotDone | Bye, host: str) -> dict[str, str]:
    return {
        "host": host,
        "code": http.printable(error.code.decode("ascii", "replace"), 40),
        "text": http.safe_text(error.text.decode("utf-8", "replace")),
    }


def _is_later(error: NotDone | Bye) -> bool:
    text = error.text.decode("utf-8", "replace").lower()
    return error.code in LATER or any(words in text for words in BUSY_WORDS)


def sign_in_refused(error: NotDone, host: str, *, with_token: bool) -> MailboxError:
    details = details_of(error, host)
    text = error.text.decode("utf-8", "replace").lower()
    known = error.code in (b"AUTHENTICATIONFAILED", b"AUTHORIZATIONFAILED", b"EXPIRED")
    if not known and _is_later(error) and not _WRONG.search(text):
        return _busy(host, details)
    if error.code == b"PRIVACYREQUIRED":
        return FixNeeded(
            _("{host} takes no password without TLS.").format(host=host),
            _("Choose SSL/TLS or STARTTLS as security."),
            details,
        )
    if error.code == b"EXPIRED":
        return SignInRefused(
            _("The password of this mailbox has expired, says {host}.").format(host=host),
            _("Set a new password at the mail server, and enter it here."),
            details,
        )
    if with_token:
        cause = (
            _("{host} takes the access token, but does not open this mailbox for it.")
            if NOT_CONNECTED in text or error.code == b"AUTHORIZATIONFAILED"
            else _("{host} does not take the access token for this mailbox.")
        )
        return TokenRefused(
            cause.format(host=host),
            _(REFUSED_CURE).format(protocol="IMAP", permission="IMAP.AccessAsApp"),
            details,
        )
    kind = SignInRefused if error.status == b"NO" else FixNeeded  # BAD is not said of a password
    return kind(
        _("{host} does not take user name and password.").format(host=host), _(_PASSWORD_CURE), details
    )


def no_mechanism(error: NoMechanism, host: str, *, with_token: bool) -> FixNeeded:
    offered = http.printable(", ".join(error.offered), 120) or "-"
    if with_token:
        return FixNeeded(
            _("{host} lets nobody sign in with an access token (it offers: {offered}).").format(
                host=host, offered=offered
            ),
            _("Choose a password as the way of signing in, or check the server's name."),
        )
    return FixNeeded(
        _("{host} lets nobody sign in with a password (it offers: {offered}).").format(
            host=host, offered=offered
        ),
        _("Choose an access token (OAuth 2.0) as the way of signing in, or another security."),
    )


def starttls_refused(host: str, port: int, *, injected: bool = False) -> FixNeeded:
    """Either the server has no STARTTLS, or somebody in between took it out. Nothing was said that is secret."""
    cause = (
        _("{host} answered more than was asked before TLS began: somebody in between may have written it.")
        if injected
        else _("{host} does not begin TLS (STARTTLS) on port {port}, so nothing was sent.")
    )
    return FixNeeded(
        cause.format(host=host, port=port),
        _(
            "Choose SSL/TLS and its port (993) where the server has it. If it does have STARTTLS, a firewall or "
            "another program in between takes it out: let this machine reach the server directly."
        ),
        {"host": host, "port": str(port)},
    )


def signed_in_by_itself(host: str) -> FixNeeded:
    return FixNeeded(
        _("{host} signs everybody in without asking who it is (PREAUTH).").format(host=host),
        _("Enter the server's usual IMAP port, at which it asks for user and password."),
    )


def cannot_be_said(host: str) -> FixNeeded:
    return FixNeeded(
        _("User name or password have a control character in them, which no server takes."),
        _("Enter both again."),
        {"host": host},
    )


def numbers_do_not_stay(host: str) -> FixNeeded:
    return FixNeeded(
        _(
            "{host} numbers the mails of this mailbox anew each time, so none could be told from another."
        ).format(host=host),
        _("Use another server, or another way to the mailbox (POP3)."),
        {"host": host},
    )


def of_mailbox(error: NotDone, host: str) -> MailboxError:
    """What a refused command means where it is about the mailbox as a whole."""
    details = details_of(error, host)
    if error.code in FULL:
        return FixNeeded(
            _("The mailbox on {host} is full.").format(host=host),
            _("Delete mails there, or let whoever runs the server give it more room."),
            details,
        )
    if error.code in NO_RIGHT:
        return FixNeeded(
            _("{host} does not allow this in the mailbox.").format(host=host),
            _(
                "Whoever signs in needs the right to read, mark, move and delete mails there, and to make "
                "folders: let whoever runs the server see to it."
            ),
            details,
        )
    if error.status == b"NO" and _is_later(error):
        return _busy(host, details)
    return Wait(
        _("{host} refused a request ({text}).").format(
            host=host, text=details["text"] or error.status.decode()
        ),
        _(http.WAIT_CURE),
        details=details,
    )


def of_mail(error: NotDone) -> MailError:
    """What it means where it is about one mail."""
    text = http.safe_text(error.text.decode("utf-8", "replace"))
    code = http.printable((error.code or error.status).decode("ascii", "replace"), 40)
    if error.code in (b"TOOBIG", b"UNKNOWN-CTE"):
        return Refused(text, code)
    return MailError(text, code)


def ended(error: Bye, host: str) -> MailboxError:
    details = details_of(error, host)
    if _is_later(error):
        return _busy(host, details)
    if DISABLED in error.text.decode("utf-8", "replace").lower():
        return FixNeeded(
            _("{host} does not let this account use IMAP ({text}).").format(host=host, text=details["text"]),
            _(
                "Let whoever runs the server switch IMAP on for it. Where the server finds the connection insecure, "
                "choose SSL/TLS or STARTTLS."
            ),
            details,
        )
    return Wait(
        _("{host} ended the connection ({text}).").format(host=host, text=details["text"] or "BYE"),
        _(http.WAIT_CURE),
        details=details,
    )


def _busy(host: str, details: Mapping[str, str]) -> Wait:
    trouble = Wait(
        _("{host} is busy, or has too many connections of this mailbox.").format(host=host),
        _(http.WAIT_CURE),
        details=details,
    )
    trouble.not_done = True
    return trouble


def broken(error: Exception, host: str, port: int) -> MailboxError:
    """What a connection that failed means, whatever it failed by."""
    return ended(error, host) if isinstance(error, Bye) else sockets.unreachable(error, host, port)
