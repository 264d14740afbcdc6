"""What the Gmail API refuses, in words for an administrator. HTTP's status and the reasons in the answer
decide.

Google: "Resolve errors" of the Gmail API, and `google.rpc.ErrorInfo`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.mailboxes import http
from placet.mailboxes.base import FixNeeded, Gone, MailboxError, MailError, Refused, Wait
from placet.mailboxes.google.grant import DELEGATION
from placet.mailboxes.http import safe_text

from .settings import SCOPE

LIMITS = frozenset(
    {
        "rateLimitExceeded",
        "userRateLimitExceeded",
        "quotaExceeded",
        "RATE_LIMIT_EXCEEDED",
        "RESOURCE_EXHAUSTED",
    }
)
DAILY = frozenset({"dailyLimitExceeded"})
DAILY_PAUSE = 3600.0  # seconds: the limit of a day is over at some time of it that nobody tells
#: What the text of a refusal says where there is no Retry-After.
_RETRY_AFTER = re.compile(r"retry after (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z", re.IGNORECASE)


class About(StrEnum):
    """What a request is about, so that what its refusal means."""

    MAILBOX = "mailbox"
    MAIL = "mail"
    SENDING = "sending"


@dataclass(frozen=True)
class ServerError:
    """An answer that is an error, as far as it could be read."""

    status: int
    reasons: frozenset[str] = frozenset()
    text: str = ""
    seconds: float | None = None
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Who:
    """Of whom words are said."""

    host: str
    mailbox: str
    client_id: str


def read_error(
    answer: object, status: int, headers: Mapping[str, str], now: datetime | None = None
) -> ServerError:
    """`answer` is what stood in the body, whatever it is."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        return ServerError(status, seconds=http.retry_after(headers), details={"status": str(status)})
    reasons = {str(error.get("status", ""))}
    for part in (error.get("errors"), error.get("details")):
        listed = part if isinstance(part, list) else []
        reasons |= {str(entry["reason"]) for entry in listed if isinstance(entry, dict) and "reason" in entry}
    text = str(error.get("message") or "")
    seconds = http.retry_after(headers)
    known = sorted(safe_text(reason) for reason in reasons if reason)
    return ServerError(
        status,
        frozenset(reasons - {""}),
        safe_text(text),
        _seconds_in(text, now or datetime.now(UTC)) if seconds is None else seconds,
        {"status": str(status), "reason": ", ".join(known), "text": safe_text(text)},
    )


def _seconds_in(text: str, now: datetime) -> float | None:
    moment = _RETRY_AFTER.search(text)
    if moment is None:
        return None
    try:
        until = datetime.fromisoformat(moment[1]).replace(tzinfo=UTC)
    except ValueError:
        return None
    return min(max((until - now).total_seconds(), 0.0), http.LONGEST_PAUSE)


def explain(error: ServerError, about: About, who: Who) -> MailboxError | MailError:
    """As an exception to raise. What is refused with 4xx was certainly not done."""
    made = _of_mailbox(error, who) or _of_one_mail(error, about) or _other(error, who)
    if isinstance(made, MailError | MailboxError):
        made.not_done = error.status < 500
    return made


def _of_mailbox(error: ServerError, who: Who) -> MailboxError | None:
    details = {"host": who.host, **error.details}
    if error.status == 429 or error.reasons & (LIMITS | DAILY) or error.status >= 500:
        return _busy(error, who, details)
    for applies, cause, cure in TO_MEND:
        if applies(error):
            words = {
                "mailbox": who.mailbox,
                "client_id": who.client_id,
                "scope": SCOPE,
                "page": _(DELEGATION),
            }
            return FixNeeded(_(cause).format(**words), _(cure).format(**words), details)
    return None


def _busy(error: ServerError, who: Who, details: Mapping[str, str]) -> Wait:
    if error.reasons & DAILY:
        cause = _("The Google Cloud project has used up what the Gmail API gives it in a day.")
        return Wait(cause, _(http.WAIT_CURE), error.seconds or DAILY_PAUSE, details)
    if error.status >= 500 and not error.reasons & LIMITS:
        cause = _("The Gmail API at {host} is out of order (HTTP {status}).")
        return Wait(
            cause.format(host=who.host, status=error.status), _(http.WAIT_CURE), error.seconds, details
        )
    cause = _("The Gmail API takes no more requests for this mailbox for now (Google's limits).")
    return Wait(cause, _(http.WAIT_CURE), error.seconds, details)


def _has(*reasons: str, status: int = 403) -> Callable[[ServerError], bool]:
    wanted = frozenset(reasons)
    return lambda error: error.status == status and bool(error.reasons & wanted)


#: What it applies to, cause and cure, in English. The first that fits.
TO_MEND: tuple[tuple[Callable[[ServerError], bool], str, str], ...] = (
    (
        _has("accessNotConfigured", "SERVICE_DISABLED"),
        gettext_noop("The Gmail API is not enabled in the Google Cloud project of the service account."),
        gettext_noop(
            "In the Google Cloud console, in that project: APIs & Services › Library › Gmail API › Enable. Google may "
            "take some minutes to know it."
        ),
    ),
    (
        _has("insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
        gettext_noop(
            "The service account may not do this in {mailbox}: it was delegated with another scope."
        ),
        gettext_noop(
            "In the Google Admin console, as a super administrator: {page}. Give the client ID {client_id} the scope "
            "{scope}."
        ),
    ),
    (
        _has("domainPolicy"),
        gettext_noop("The organisation's administrators have switched applications off for Gmail."),
        gettext_noop(
            "In the Google Admin console, under Security › Access and data control › API controls › App access "
            "control, allow Gmail for the application with the client ID {client_id}."
        ),
    ),
    (
        _has("failedPrecondition", "FAILED_PRECONDITION", status=400),
        gettext_noop("{mailbox} has no Gmail: Google says that its mail service is not enabled."),
        gettext_noop(
            "In the Google Admin console see that the user has a licence with Gmail, and that Apps › Google Workspace "
            "› Gmail is on for them. A user who was just made must have signed in once."
        ),
    ),
    (
        lambda error: error.status == 401,
        gettext_noop("The Gmail API refuses an access token that Google gave a moment ago."),
        gettext_noop(
            "See in the Google Admin console that the user {mailbox} is active, and that the client ID {client_id} is "
            "still under {page}."
        ),
    ),
)


def _of_one_mail(error: ServerError, about: About) -> MailError | None:
    code = str(error.status)
    if about is About.MAILBOX:
        return None
    if about is About.SENDING:
        if error.status == 413:
            return Refused(_("The mail is larger than Gmail sends."), code)
        if error.status == 400:
            told = _("Gmail refuses this mail: {text}").format(text=error.text or code)
            return Refused(told, code)
        return None
    if error.status == 404:
        return Gone(_("The mail is no longer in the mailbox."), code)
    if error.status == 400:
        return MailError(_("Gmail refuses this for the mail: {text}").format(text=error.text or code), code)
    return None


def _other(error: ServerError, who: Who) -> FixNeeded:
    cause = _("The Gmail API at {host} refuses what Placet asks (HTTP {status}).")
    return FixNeeded(
        cause.format(host=who.host, status=error.status),
        _(
            "See that no proxy or firewall answers in Google's place, and that the user {mailbox} is active. The "
            "details say what Google told."
        ).format(mailbox=who.mailbox),
        {"host": who.host, **error.details},
    )
