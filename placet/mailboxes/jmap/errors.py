"""What a JMAP server refuses, in words for an administrator: by HTTP's status, by the type of a problem (RFC 8620
3.6.1), of a method's error (3.6.2), and of what becomes of one thing in a change of many (5.3; RFC 8621 4.8, 7.5).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from placet.mailboxes import http
from placet.mailboxes.base import FixNeeded, Gone, MailboxError, MailError, Refused, SignInRefused, Wait
from placet.mailboxes.http import safe_text

PROBLEM = "urn:ietf:params:jmap:error:"
LONGEST_TYPE = 60  # characters that are shown of a type
#: Types of errors of which the RFC says that nothing was changed, and after which the same may be asked later.
BUSY = frozenset({"serverUnavailable", "rateLimit", "stateMismatch"})
#: The server itself failed: what it did before is not known for sure, whatever the RFC says.
FAILED = frozenset({"serverFail", "serverPartialFail"})
CLOSED = frozenset({"accountNotFound", "accountNotSupportedByMethod", "accountReadOnly", "forbidden"})
#: A mail server's reply, of which an enhanced code tells whether it is for good (RFC 3463 2).
_REPLY = re.compile(r"\b([45])\.\d{1,3}\.\d{1,3}\b")
NO_SENDER = frozenset({"forbiddenFrom", "forbiddenMailFrom"})


@dataclass(frozen=True)
class Who:
    """Of whom words are said."""

    host: str
    mailbox: str
    by_password: bool = False


@dataclass(frozen=True)
class Problem:
    """An error of the server, as far as it could be read. `type` is its word for it."""

    type: str
    description: str = ""
    properties: tuple[str, ...] = ()
    existing_id: str = ""
    details: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: object) -> "Problem":
        """Of the object that a server gave, whatever is in it."""
        given = value if isinstance(value, dict) else {}
        properties = given.get("properties")
        existing = given.get("existingId")
        recipients = given.get("invalidRecipients")
        named = ", ".join(map(str, recipients)) if isinstance(recipients, list) else ""
        type_ = http.printable(str(given.get("type") or "unknown"), LONGEST_TYPE).removeprefix(PROBLEM)
        description = safe_text(_text(given.get("description") or given.get("detail") or named))
        return cls(
            type_,
            description,
            tuple(map(str, properties)) if isinstance(properties, list) else (),
            existing if isinstance(existing, str) else "",
            {"type": type_, **({"text": description} if description else {})},
        )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


class MethodFailed(Exception):
    """A method's error with a type that the caller deals with."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.type)
        self.problem = problem


# --- HTTP -------------------------------------------------------------------------------------------------


def of_status(status: int, headers: Mapping[str, str], problem: Problem, who: Who) -> MailboxError:
    """What an answer with an HTTP status of 400 and more means."""
    error = _of_status(status, headers, problem, who)
    # What is refused with 4xx was not looked at; behind 5xx all may have been done.
    error.not_done = status < 500
    return error


def _of_status(status: int, headers: Mapping[str, str], problem: Problem, who: Who) -> MailboxError:
    details = {"host": who.host, "status": str(status), **problem.details}
    if status == 401:
        return sign_in_refused(who, details)
    if status == 429 or problem.type == "limit":
        cause = _("{host} takes no more requests for this mailbox for now.").format(host=who.host)
        return Wait(cause, _(http.WAIT_CURE), http.retry_after(headers), details)
    if status >= 500:
        cause = _("The JMAP service at {host} is out of order (HTTP {status}).")
        return Wait(
            cause.format(host=who.host, status=status), _(http.WAIT_CURE), http.retry_after(headers), details
        )
    if status == 403:
        return FixNeeded(
            _("{host} does not let Placet into the mailbox {mailbox} (HTTP 403).").format(
                host=who.host, mailbox=who.mailbox
            ),
            _("See that the account is active, and that the token was made for mail and for sending mail."),
            details,
        )
    return refuses(who, details, f"HTTP {status}")


def sign_in_refused(who: Who, details: Mapping[str, str]) -> FixNeeded:
    if who.by_password:
        return SignInRefused(
            _("{host} refuses user or password.").format(host=who.host),
            _("Enter them again. Some providers take API tokens alone: choose that under Sign in with."),
            details,
        )
    return FixNeeded(
        _("{host} refuses the API token.").format(host=who.host),
        _(
            "Make a new one in the settings of the account, for mail and for sending mail, and enter it under Remote "
            "Approval. It may have ended, or been taken back."
        ),
        details,
    )


def refuses(who: Who, details: Mapping[str, str], reason: str) -> FixNeeded:
    return FixNeeded(
        _("The JMAP service at {host} refuses what Placet asks ({reason}).").format(
            host=who.host, reason=reason
        ),
        _(
            "See that host and port are those of a JMAP service (RFC 8620, 8621), and that no proxy answers in its "
            "place. The details say what it told."
        ),
        {"host": who.host, **details},
    )


# --- methods ----------------------------------------------------------------------------------------------


def of_method(problem: Problem, who: Who) -> MailboxError:
    """What a method's error means for the mailbox."""
    error = _of_method(problem, who)
    error.not_done = problem.type not in FAILED
    return error


def _of_method(problem: Problem, who: Who) -> MailboxError:
    details = {"host": who.host, **problem.details}
    if problem.type in BUSY | FAILED:
        cause = _("The JMAP service at {host} cannot do it for now ({type}).")
        return Wait(cause.format(host=who.host, type=problem.type), _(http.WAIT_CURE), details=details)
    if problem.type in CLOSED:
        return FixNeeded(
            _("{host} does not let Placet do this in the mailbox {mailbox} ({type}).").format(
                host=who.host, mailbox=who.mailbox, type=problem.type
            ),
            _(
                "See that the token was made for mail and for sending mail, and not for reading alone. If the mailbox "
                "is shared, enter the id of its account under Remote Approval (Account)."
            ),
            details,
        )
    return refuses(who, details, problem.type)


# --- one thing in a change --------------------------------------------------------------------------------


def of_mailbox(problem: Problem, who: Who) -> MailboxError | None:
    """What is said of one mail or folder, and holds for all of the mailbox. It was not done."""
    details = {"host": who.host, **problem.details}
    error: MailboxError | None = None
    if problem.type in BUSY | FAILED:
        error = of_method(problem, who)
    elif problem.type == "overQuota":
        error = FixNeeded(
            _("The mailbox {mailbox} is full.").format(mailbox=who.mailbox),
            _("Remove old mail from it, the sent one too, or give it more room."),
            details,
        )
    if error is not None:
        error.not_done = problem.type not in FAILED
    return error


def of_mail(problem: Problem) -> MailError:
    """What is said of one mail that was to be changed."""
    if problem.type == "notFound":
        return Gone(_("The mail is no longer in the mailbox."), problem.type)
    told = _("The server refuses this for the mail: {text}")
    return MailError(told.format(text=problem.description or problem.type), problem.type)


def of_sending(problem: Problem, who: Who) -> MailboxError | MailError:
    """What is said of a mail that was to be sent."""
    error = of_mailbox(problem, who)
    if error is not None:
        return error
    made = _of_reply(problem, who) or _of_sender(problem, who) or _of_sent_mail(problem)
    made.not_done = True
    return made


def _of_reply(problem: Problem, who: Who) -> MailboxError | None:
    """Where the mail server behind it said that it takes the mail later."""
    reply = _REPLY.search(problem.description)
    if reply is None or reply[1] == "5":
        return None
    cause = _("The mail server of {host} takes the mail later: {text}")
    told = cause.format(host=who.host, text=problem.description)
    return Wait(told, _(http.WAIT_CURE), details={"host": who.host, **problem.details})


def _of_sender(problem: Problem, who: Who) -> FixNeeded | None:
    details = {"host": who.host, **problem.details}
    if problem.type in NO_SENDER:
        return FixNeeded(
            _("{host} does not let Placet send as {mailbox}.").format(host=who.host, mailbox=who.mailbox),
            _(
                "Make an identity with this address in the settings of the account, or enter the address "
                "that it has as the address of the mailbox."
            ),
            details,
        )
    # Some say so of what the mail server refused for good in this one mail, too (Cyrus): with its reply.
    is_of_account = problem.type == "forbiddenToSend" and not _REPLY.search(problem.description)
    if problem.type in CLOSED or is_of_account:
        return FixNeeded(
            _("{host} does not let {mailbox} send mail.").format(host=who.host, mailbox=who.mailbox),
            _("See that the token was made for sending mail, too, and that the account may send."),
            details,
        )
    return None


def _of_sent_mail(problem: Problem) -> Refused:
    if problem.type == "tooLarge":
        return Refused(_("The mail is larger than the server sends."), problem.type)
    if problem.type in ("invalidRecipients", "noRecipients", "tooManyRecipients"):
        told = _("The server does not send to whom the mail is for: {text}")
    else:
        told = _("The server refuses this mail: {text}")
    return Refused(told.format(text=problem.description or problem.type), problem.type)
