"""What a submission server's replies mean, for this one mail or for the whole mailbox: by RFC 5321 4.2, RFC 3463, and
what Exchange Online and Gmail are known to answer.

A reply to a command says for certain that nothing was sent. The first rule that fits it counts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.mailboxes.base import FixNeeded, MailboxError, MailError, Refused, SignInRefused, Wait
from placet.mailboxes.oauth import REFUSED_CURE
from placet.mailboxes.sockets import words_of

LONGEST_PAUSE = 3600.0  # seconds, where a day's quota is used up: somebody may raise it meanwhile


@dataclass(frozen=True)
class Reply:
    """Code and lines, without their codes."""

    code: int
    lines: tuple[bytes, ...]

    @property
    def is_positive(self) -> bool:
        return 200 <= self.code < 300

    @property
    def status(self) -> str:
        """Its enhanced status code, such as "5.7.8"; "" if it has none that goes with the code."""
        found = re.match(rb"[245]\.\d{1,3}\.\d{1,3}\b", self.lines[0] if self.lines else b"")
        status = found[0].decode() if found else ""
        return status if status[:1] == str(self.code)[:1] else ""

    @property
    def words(self) -> str:
        """As it is shown to administrators."""
        return f"{self.code} {words_of(self.lines)}".strip()


class Stage(Enum):
    """What the reply answers."""

    GREETING = auto()
    HELLO = auto()
    TLS = auto()
    SIGN_IN = auto()
    RESET = auto()
    SENDER = auto()
    RECIPIENT = auto()
    DATA = auto()
    CONTENT = auto()


class _Means(Enum):
    FIX = auto()  # the whole mailbox, until somebody changes something
    PROOF = auto()  # the same: what was signed in with is refused
    WAIT = auto()  # the whole mailbox, for a while
    LATER = auto()  # this mail, once more after a while
    NEVER = auto()  # this mail


@dataclass(frozen=True)
class _Rule:
    """`status` is held against the enhanced code and the plain one; `words` is looked for in the text."""

    stages: frozenset[Stage]
    status: str
    means: _Means
    cause: str
    cure: str = ""
    words: str = ""
    seconds: float | None = None

    def fits(self, reply: Reply, stage: Stage) -> bool:
        return (
            stage in self.stages
            and any(re.fullmatch(self.status, said) for said in (reply.status, str(reply.code)))
            and (not self.words or re.search(self.words, reply.words, re.IGNORECASE) is not None)
        )


_ANY = frozenset(Stage)
_OPENING = frozenset({Stage.GREETING, Stage.HELLO, Stage.TLS, Stage.RESET})
_SIGN_IN = frozenset({Stage.SIGN_IN})
_SENDER = frozenset({Stage.SENDER})
_RECIPIENT = frozenset({Stage.RECIPIENT})
_MAIL = frozenset({Stage.SENDER, Stage.RECIPIENT, Stage.DATA, Stage.CONTENT})
_CONTENT = frozenset({Stage.DATA, Stage.CONTENT})

_BUSY = gettext_noop("The mail server at {host} takes nothing now.")
_WAIT_CURE = gettext_noop("Nothing needs to be done; Placet tries again by itself.")
_SIGN_IN_CURE = gettext_noop(
    "Enter user and password again. Where the account signs in with a second factor, it needs an app password; where "
    "its administrator switched SMTP sign-in off, they can allow it for this account."
)
_SEND_AS = gettext_noop("The mail server at {host} does not let this account send as {sender}.")
_SEND_AS_CURE = gettext_noop(
    "Sign in as the mailbox itself, or have its administrator give the account the right to send as the mailbox."
)
_TOO_LARGE = gettext_noop("The mail is larger than the mail server takes.")
_NO_SIGN_IN = gettext_noop("{host} does not let this user sign in.")
_QUOTA = gettext_noop(
    "This account has sent as many mails as the mail server at {host} lets it send in a day."
)
_QUOTA_CURE = gettext_noop(
    "Placet tries again every hour. If that happens often, have the limit raised, or lower Mails sent per minute."
)
_NOT_LET_IN = gettext_noop("The mail server at {host} refuses this machine.")
_NOT_LET_IN_CURE = gettext_noop(
    "Have its administrator let the address of this machine in, or use the server's submission port."
)
_SIGN_IN_FIRST = gettext_noop("The mail server at {host} takes mail only from whoever signs in.")
_SIGN_IN_FIRST_CURE = gettext_noop("Choose how to sign in, and enter user and password.")
_BLOCKED = gettext_noop("The mail server at {host} blocks mail from this account.")
_BLOCKED_CURE = gettext_noop("Ask the administrator of the mail server, who sees why, to lift the block.")

_RULES: Sequence[_Rule] = (
    # Of all stages
    _Rule(
        _MAIL,
        r"5\.4\.5|5\.1\.90|5\.2\.121",
        _Means.WAIT,
        _QUOTA,
        _QUOTA_CURE,
        seconds=LONGEST_PAUSE,
    ),
    _Rule(_ANY, r"421|4\.3\.\d+|4\.4\.5|4\.5\.\d+", _Means.WAIT, _BUSY, _WAIT_CURE),
    _Rule(
        _MAIL,
        r"530|5\.5\.1",
        _Means.FIX,
        _SIGN_IN_FIRST,
        _SIGN_IN_FIRST_CURE,
        words="authenticat|sign in|log ?in|^530",
    ),
    # Signing in
    _Rule(
        _SIGN_IN, r"4\d\d|4\..*", _Means.WAIT, gettext_noop("Nobody can sign in at {host} now."), _WAIT_CURE
    ),
    _Rule(
        _SIGN_IN,
        r"5\.7\.139",
        _Means.PROOF,
        _NO_SIGN_IN,
        _SIGN_IN_CURE,
        words="credentials were incorrect",
    ),
    _Rule(
        _SIGN_IN,
        r"5\.7\.139|5\.7\.30",
        _Means.FIX,
        gettext_noop("Exchange Online has SMTP sign-in switched off for this account or this organisation."),
        gettext_noop(
            "Allow Authenticated SMTP for the mailbox in the Microsoft 365 admin center, or choose Exchange Online as "
            "the type of this mailbox, which needs no SMTP."
        ),
    ),
    _Rule(
        _SIGN_IN,
        r"5\.7\.9|5\.7\.14|534",
        _Means.PROOF,
        gettext_noop("{host} does not take the account's own password."),
        gettext_noop(
            "Make an app password in the account's security settings, and enter it in place of the password; or choose "
            "to sign in with OAuth."
        ),
    ),
    _Rule(
        _SIGN_IN,
        r"538|5\.7\.11|530",
        _Means.FIX,
        gettext_noop("{host} wants an encrypted connection before anybody signs in."),
        gettext_noop("Choose SSL or STARTTLS as security."),
    ),
    _Rule(_SIGN_IN, r"50\d", _Means.FIX, _NO_SIGN_IN, _SIGN_IN_CURE),  # the command was not understood
    _Rule(_SIGN_IN, r"5.*", _Means.PROOF, _NO_SIGN_IN, _SIGN_IN_CURE),
    # Who sends is the mailbox, with every mail: what is wrong with that is wrong with all of them
    _Rule(
        _MAIL,
        r"5\.7\.60|5\.2\.252|5\.2\.0",
        _Means.FIX,
        _SEND_AS,
        _SEND_AS_CURE,
        words="send ?as|permissions to send|5\\.7\\.60",
    ),
    _Rule(_MAIL, r"5\.1\.8|5\.7\.(50[1-3]|70[58]|750|232|233)", _Means.FIX, _BLOCKED, _BLOCKED_CURE),
    _Rule(_SENDER, r"552|5\.3\.4|5\.2\.3", _Means.NEVER, _TOO_LARGE),
    _Rule(_SENDER, r"4.*", _Means.WAIT, _BUSY, _WAIT_CURE),
    _Rule(_SENDER, r"5.*", _Means.FIX, _SEND_AS, _SEND_AS_CURE),
    # Postfix answers RCPT with what it has against sender or machine (smtpd_delay_reject)
    _Rule(
        _RECIPIENT,
        r"5.*",
        _Means.FIX,
        _SEND_AS,
        _SEND_AS_CURE,
        words="sender address rejected|not owned by user|sender verify",
    ),
    _Rule(
        _RECIPIENT,
        r"5.*",
        _Means.FIX,
        _NOT_LET_IN,
        _NOT_LET_IN_CURE,
        words="client host rejected|helo command rejected|service unavailable; client",
    ),
    # Whom it is for is of this mail alone
    _Rule(
        _MAIL,
        r"4\.7\.(?!1$)\d+",
        _Means.WAIT,
        gettext_noop("The mail server at {host} wants mails to come more slowly."),
        gettext_noop("Placet tries again by itself. If that happens often, lower Mails sent per minute."),
    ),
    _Rule(
        _RECIPIENT,
        r"4.*",
        _Means.LATER,
        gettext_noop("The mail server does not take mail for this recipient now."),
    ),
    _Rule(
        _RECIPIENT,
        r"552|5\.2\.2",
        _Means.LATER,
        gettext_noop("The recipient's mailbox is full."),
    ),
    _Rule(
        _RECIPIENT,
        r"5.*",
        _Means.NEVER,
        gettext_noop(
            "The mail server sends nothing out of its own domains for Placet: it does not relay. Placet has to sign "
            "in, or the server has to know this machine."
        ),
        words="relay",
    ),
    _Rule(_RECIPIENT, r"5.*", _Means.NEVER, gettext_noop("The mail server refuses the recipient.")),
    # The mail itself
    _Rule(_CONTENT, r"4.*", _Means.LATER, gettext_noop("The mail server does not take this mail now.")),
    _Rule(_CONTENT, r"552|5\.3\.4|5\.2\.3", _Means.NEVER, _TOO_LARGE),
    _Rule(_CONTENT, r"5.*", _Means.NEVER, gettext_noop("The mail server refuses the mail.")),
    # Before anything is sent
    _Rule(_OPENING, r"4.*", _Means.WAIT, _BUSY, _WAIT_CURE),
    _Rule(_OPENING, r"5.*", _Means.FIX, _NOT_LET_IN, _NOT_LET_IN_CURE),
)


_UNSIGNED = _Rule(
    _RECIPIENT,
    r"5\.7\..*|55\d",
    _Means.FIX,
    _SIGN_IN_FIRST,
    _SIGN_IN_FIRST_CURE,
    words="relay|authenticat|access denied|not logged in",
)


def explain(
    reply: Reply,
    stage: Stage,
    host: str,
    sender: str,
    *,
    could_sign_in: bool = False,
    with_password: bool = False,
) -> MailboxError | MailError:
    """The error that a reply stands for which is not the one that was hoped for. Nothing was sent (`not_done`).
    `could_sign_in`: the server offers that, and nobody did: it would refuse one mail after the other.
    `with_password`: it is one that is signed in with."""
    rules = (_UNSIGNED, *_RULES) if could_sign_in else _RULES
    rule = next((rule for rule in rules if rule.fits(reply, stage)), None)
    error = _strange(reply, host) if rule is None else _by(rule, reply, host, sender, with_password)
    error.not_done = True
    return error


def _by(rule: _Rule, reply: Reply, host: str, sender: str, with_password: bool) -> MailboxError | MailError:
    cause = _(rule.cause).format(host=host, sender=sender)
    details = {"host": host, "reply": reply.words}
    match rule.means:
        case _Means.PROOF if with_password:
            return SignInRefused(cause, _(rule.cure), details)
        case _Means.PROOF:
            cure = _(REFUSED_CURE).format(protocol="SMTP", permission="SMTP.SendAsApp")
            return FixNeeded(cause, cure, details)
        case _Means.FIX:
            return FixNeeded(cause, _(rule.cure), details)
        case _Means.WAIT:
            return Wait(cause, _(rule.cure), rule.seconds, details)
        case _Means.LATER:
            return MailError(f"{cause} ({reply.words})", reply.status or str(reply.code))
        case _Means.NEVER:
            return Refused(f"{cause} ({reply.words})", reply.status or str(reply.code))


def _strange(reply: Reply, host: str) -> MailboxError:
    """2xx or 3xx where another one belongs: the two do not understand each other any more."""
    return Wait(
        _("The mail server at {host} answered what belongs to another question.").format(host=host),
        _(_WAIT_CURE),
        details={"host": host, "reply": reply.words},
    )
