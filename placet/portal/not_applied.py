"""Replies about a request that were not applied, whose senders were told why: what its owners and administrators see of
them. Never their text."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.approvals.models import Assignment, Delegate, Request
from placet.mail.models import IncomingMail

MOST_LOOKED_AT, MOST_SHOWN = 500, 20
AFTERWARDS = timedelta(days=7)  # in which a reply may come although the request has ended
#: By the key of the refusal (`placet.replies.refusals`), where its sender is asked for something.
ASKED: Mapping[str, Promise] = {
    "unclear": gettext_lazy("not clear; asked back"),
    "digest_unclear": gettext_lazy("not all of it clear; asked back"),
    "comment_needed": gettext_lazy("needs a comment; asked for it"),
    "confirmation_needed": gettext_lazy("asked whether it was understood"),
    "answers_not_taken": gettext_lazy("its answers could not be taken; asked back"),
    "changed": gettext_lazy("the request had changed; asked again"),
}
#: Of others the same is said of all: their senders have read why.
OTHERS = (
    "page_only", "sealed", "not_named", "incomplete", "already_decided", "may_not_decide", "no_longer_open",
    "not_asked_back", "not_clarified", "too_large", "not_undone", "not_given",
)  # fmt: skip


@dataclass(frozen=True)
class NotApplied:
    """One reply. `at`: when it was received."""

    name: str
    at: datetime
    words: str


def not_applied(request: Request) -> list[NotApplied]:
    """Newest first. Of those whom the request ever asked, since it was started and until it had ended: an index leads
    there."""
    people = {
        *Assignment.objects.filter(visit__request=request).order_by().values_list("person", flat=True),
        *Delegate.objects.filter(assignment__visit__request=request)
        .order_by()
        .values_list("person", flat=True),
    }
    mails = IncomingMail.objects.filter(
        person__in=people, handled_at__gte=request.created_at, result__in=[*ASKED, *OTHERS]
    )
    if request.closed_at is not None:
        mails = mails.filter(handled_at__lte=request.closed_at + AFTERWARDS)
    columns = ("person__name", "received_at", "kept_at", "result", "verdict")
    found = mails.order_by("-handled_at").values_list(*columns)[:MOST_LOOKED_AT]
    return [
        NotApplied(name, received or kept, str(ASKED.get(result) or _("not applied; they were told why")))
        for name, received, kept, result, verdict in found
        if _is_about(verdict, request.number)
    ][:MOST_SHOWN]


def _is_about(verdict: Mapping[str, object], number: int) -> bool:
    several = verdict.get("requests")
    return verdict.get("request") == number or (isinstance(several, list) and number in several)
