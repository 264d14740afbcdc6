"""What a POP3 server's refusals mean for the mailbox (RFC 2449 8.1, RFC 3206)."""

import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.mailboxes.base import FixNeeded, MailboxError, SignInRefused, Wait
from placet.mailboxes.oauth import REFUSED_CURE
from placet.mailboxes.sasl import NoMechanism

from .session import Refused

IN_USE_PAUSE = 10.0  # seconds: a session of another program, or of another process of Placet, is short
DELAY_PAUSE = 300.0  # seconds, where the server wants sessions to be rarer and does not say how rare

_WAIT_CURE = gettext_noop("Nothing needs to be done; Placet tries again by itself.")
_LOCKED = re.compile(r"\b(lock(ed)?|in use|busy|another (session|user)|already)\b", re.IGNORECASE)
_ACCOUNT_LOCKED = re.compile(r"\b(account|user|login)\b.{0,30}\block(ed|out)\b", re.IGNORECASE)
_TEMPORARY = re.compile(r"\b(temporar|unavailable|timed out|internal error|try again later)", re.IGNORECASE)
_NOT_ENABLED = re.compile(r"\b(not enabled|disabled|not allowed|no pop)\b", re.IGNORECASE)


def explain_sign_in(refused: Refused, host: str, *, with_password: bool) -> MailboxError:
    """Why nobody can sign in. `with_password`: one was offered."""
    details = {"host": host, "answer": refused.words}
    uncoded = "" if refused.code or _ACCOUNT_LOCKED.search(refused.words) else refused.words
    if refused.code == "IN-USE" or _LOCKED.search(uncoded):
        return Wait(
            _("Another program reads this mailbox, and POP3 lets one read at a time."),
            _("Nothing needs to be done; if it stays so, let no other program use this mailbox by POP3."),
            IN_USE_PAUSE,
            details,
        )
    if refused.code == "LOGIN-DELAY":
        return Wait(
            _("{host} wants this mailbox to be looked into less often.").format(host=host),
            _("Placet tries again by itself. If that happens often, raise the poll interval."),
            DELAY_PAUSE,
            details,
        )
    if refused.code == "SYS/TEMP" or _TEMPORARY.search(uncoded):
        return Wait(
            _("The mail server at {host} is out of order for now.").format(host=host),
            _(_WAIT_CURE),
            details=details,
        )
    if refused.code == "SYS/PERM" or _NOT_ENABLED.search(refused.words):
        return FixNeeded(
            _("{host} has POP3 switched off for this mailbox.").format(host=host),
            _("Switch POP3 on in the mailbox's settings at its provider, or choose another type of mailbox."),
            details,
        )
    cause = _("{host} does not let this user sign in.").format(host=host)
    if not with_password:
        return FixNeeded(
            cause, _(REFUSED_CURE).format(protocol="POP3", permission="POP.AccessAsApp"), details
        )
    return SignInRefused(
        cause,
        _(
            "Enter user and password again. Where the account signs in with a second factor, it needs an app password; "
            "some providers let POP3 in only once that is allowed in the mailbox's settings."
        ),
        details,
    )


def no_mechanism(error: NoMechanism, host: str) -> FixNeeded:
    return FixNeeded(
        _("{host} takes none of the ways of signing in that Placet has: it offers {offered}.").format(
            host=host, offered=", ".join(error.offered)[:200] or _("none")
        ),
        _("Choose another way of signing in, or have the server's administrator allow PLAIN or XOAUTH2."),
    )


def explain_command(refused: Refused, host: str) -> MailboxError:
    """Why the mailbox as a whole cannot be read, once somebody is signed in."""
    return Wait(
        _("The mail server at {host} does not give its mails now.").format(host=host),
        _(_WAIT_CURE),
        details={"host": host, "answer": refused.words},
    )


def no_uidl(refused: Refused, host: str) -> FixNeeded:
    return FixNeeded(
        _("{host} does not tell mails apart from one session to the next: it has no UIDL.").format(host=host),
        _("Choose IMAP as the type of this mailbox, or have the server's administrator switch UIDL on."),
        {"host": host, "answer": refused.words},
    )


def unstable_ids(host: str) -> FixNeeded:
    return FixNeeded(
        _(
            "{host} gives the same mails other ids in each session, so nobody could tell which ones are new."
        ).format(host=host),
        _("Choose IMAP as the type of this mailbox, or have the server's administrator make its UIDL last."),
        {"host": host},
    )


def newest_first(host: str, most: int) -> FixNeeded:
    return FixNeeded(
        _("{host} lists its newest mails first, and there are more than {most}.").format(
            host=host, most=most
        ),
        _(
            "Delete old mails, have the server list them in the order in which they came, or choose IMAP as the type "
            "of this mailbox."
        ),
        {"host": host},
    )
