"""The mails about a request: to whom, when, and what became of them. Never their text: reply codes stand in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from placet.accounts.models import Person
from placet.approvals.definitions import Definition
from placet.approvals.models import (
    AskLine,
    Assignment,
    Clarification,
    Decision,
    Notified,
    Request,
    Timer,
    UndoneDecision,
    Visit,
)
from placet.approvals.undo_rules import undoes
from placet.audit.models import AuditEntry
from placet.mail.models import OutgoingMail

MOST_MAILS = 50  # shown of one request, newest first
MOST_CAUSES = 300
MOST_BOUNCES = 10
_ABOUT_A_REQUEST = [
    "confirmation", "withdrawn", "not-needed", "expired", "ended", "stuck", "escalated", "not-escalated", "warned",
    "clarification-asked", "clarification-taken", "clarification-needless", "answered-for", "given", "hand-on",
    "reassigned", "undone", "stopped", "started",
]  # fmt: skip

KINDS: dict[str, Promise] = {
    "ask": gettext_lazy("Ask"),
    "started": gettext_lazy("Started by a mail"),
    "digest": gettext_lazy("Ask, with others in one mail"),
    "refusal-comment_needed": gettext_lazy("Asks for a comment"),
    "refusal-confirmation_needed": gettext_lazy("Asks whether an answer was understood"),
    "notice": gettext_lazy("For information"),
    "confirmation": gettext_lazy("Confirmation"),
    "withdrawn": gettext_lazy("No answer needed any more"),
    "not-needed": gettext_lazy("No answer needed any more"),
    "expired": gettext_lazy("The time for an answer is over"),
    "stopped": gettext_lazy("The request took too long"),
    "escalated": gettext_lazy("Others are asked"),
    "not-escalated": gettext_lazy("Call for help"),
    "warned": gettext_lazy("Ends soon without an answer"),
    "ended": gettext_lazy("How it ended"),
    "answered-for": gettext_lazy("Answered in their place"),
    "given": gettext_lazy("Given to somebody"),
    "reassigned": gettext_lazy("Somebody else is asked now"),
    "undone": gettext_lazy("Answer taken back"),
    "hand-on": gettext_lazy("Somebody who is asked is away"),
    "stuck": gettext_lazy("Call for help"),
    "clarification": gettext_lazy("Question to the requester"),
    "clarification-asked": gettext_lazy("Question sent"),
    "clarification-taken": gettext_lazy("Answer to a question sent"),
    "clarification-needless": gettext_lazy("Question needs no answer"),
}
STATES: dict[str, Promise] = {
    OutgoingMail.State.WAITING: pgettext_lazy("a mail", "about to be sent"),
    OutgoingMail.State.SENDING: pgettext_lazy("a mail", "being sent"),
    OutgoingMail.State.SENT: pgettext_lazy("a mail", "sent"),
    OutgoingMail.State.FAILED: pgettext_lazy("a mail", "could not be sent"),
    OutgoingMail.State.UNSURE: pgettext_lazy("a mail", "perhaps sent"),
}


@dataclass(frozen=True)
class Mail:
    """One mail that went out about a request."""

    pk: int
    kind: str
    to: str
    at: datetime
    state: str
    in_trouble: bool


@dataclass(frozen=True)
class Bounce:
    """A mail about a request that came back."""

    name: str
    reason: str
    at: datetime


def mails_of(request: Request, definition: Definition) -> list[Mail]:
    """What was written to people about a request, newest first."""
    assignments = Assignment.objects.filter(visit__request=request)
    answered = Decision.objects.filter(assignment__in=assignments, incoming__isnull=False)
    causes = [f"request:{request.pk}"]
    over = Q(state=Assignment.State.WITHDRAWN) | Q(visit__state=Visit.State.CANCELLED)
    told = assignments.filter(
        over | Q(has_delegates=True) | Q(absent_at__isnull=False) | Q(reassigned_by__isnull=False)
    )
    seats = told.values_list("pk", "reassigned_by")[:MOST_CAUSES]
    causes += [f"assignment:{pk}" for pk, _reassigned_by in seats]
    causes += [f"incoming:{pk}" for pk in answered.values_list("incoming", flat=True)[:MOST_CAUSES]]
    causes += [*_stuck(request), *_clarifications(request)]
    causes += _told_of_time(request, definition)
    causes += _undone(request, definition)
    if any(reassigned_by is not None for _pk, reassigned_by in seats):
        causes += _reassigned(request)
    # Each half by its index: of both at once, in the order of their ids, SQLite would read all mails.
    asks = AskLine.objects.filter(assignment__in=assignments, ask__outgoing__isnull=False)
    newest_asks = asks.order_by("-ask__outgoing").values_list("ask__outgoing", flat=True)[:MOST_MAILS]
    others = OutgoingMail.objects.filter(cause__in=causes, kind__in=_ABOUT_A_REQUEST)
    notices = Notified.objects.filter(visit__request=request, outgoing__isnull=False)
    newest_notices = notices.order_by("-outgoing").values_list("outgoing", flat=True)[:MOST_MAILS]
    newest = {*newest_asks, *newest_notices, *others.values_list("pk", flat=True)}
    found = OutgoingMail.objects.filter(pk__in=sorted(newest)[-MOST_MAILS:]).defer("raw")
    return [_shown(mail) for mail in found.order_by("-id")]


def _told_of_time(request: Request, definition: Definition) -> list[str]:
    """What mails were caused by that say that others are asked, or that a step ends soon."""
    if not any(step.rungs or (step.expire is not None and step.expire.warn) for step in definition.approvals):
        return []
    what = [Timer.What.ESCALATE, Timer.What.EXPIRE]
    timers = Timer.objects.filter(visit__request=request, what__in=what, assignment=None)
    return [f"timer:{pk}" for pk in timers.values_list("pk", flat=True)[:MOST_CAUSES]]


def _reassigned(request: Request) -> list[str]:
    """What mails were caused by that say that somebody else is asked: each has the number of its audit entry."""
    return [f"reassigned:{request.pk}:{entry.seq}" for entry in _entries(request, "reassigned", MOST_MAILS)]


def _undone(request: Request, definition: Definition) -> list[str]:
    """What mails were caused by about answers that were taken back."""
    if not undoes(definition):
        return []
    rows = UndoneDecision.objects.filter(assignment__visit__request=request).order_by("pk")[:MOST_CAUSES]
    mails = [pk for row in rows for pk in (row.incoming_id, row.undone_incoming_id) if pk is not None]
    return [f"incoming:{pk}" for pk in mails]


def _stuck(request: Request) -> list[str]:
    """What calls for help were caused by, where a step is stuck: each has the number of its audit entry."""
    visits = list(request.visits.filter(state="stuck").values_list("pk", flat=True))
    if not visits:
        return []
    entries = _entries(request, "stuck", MOST_MAILS)
    return [f"visit:{pk}:{entry.seq}" for pk in visits for entry in entries]


def _clarifications(request: Request) -> list[str]:
    """What mails about questions to the requester were caused by."""
    if not getattr(request, "was_asked_back", True):  # as pages read it (`live.with_version`)
        return []
    rows = Clarification.objects.filter(visit__request=request).order_by("pk")[:MOST_CAUSES]
    mails = [pk for row in rows for pk in (row.incoming_id, row.answer_incoming_id) if pk is not None]
    return [*(f"visit:{row.visit_id}:{row.number}" for row in rows), *(f"incoming:{pk}" for pk in mails)]


def _entries(request: Request, event: str, most: int) -> list[AuditEntry]:
    """The newest ones of the request's record that say this."""
    entries = AuditEntry.objects.filter(request=request).order_by("-seq")
    return list(islice((entry for entry in entries if entry.what.get("event") == event), most))


def _shown(mail: OutgoingMail) -> Mail:
    kind = str(KINDS.get(mail.kind, mail.kind))
    at = mail.bounced_at or mail.sent_at or mail.created_at
    if mail.bounced_at is not None:
        return Mail(mail.pk, kind, mail.to, at, _("came back"), True)
    return Mail(mail.pk, kind, mail.to, at, str(STATES[mail.state]), mail.state in OutgoingMail.GIVEN_UP)


def bounces_of(request: Request) -> Sequence[Bounce]:
    """Mails about a request that came back, newest first, with what the other server said."""
    found = _entries(request, "not delivered", MOST_BOUNCES)
    people = Person.objects.in_bulk({int(entry.what["person"]) for entry in found})
    return [
        Bounce(
            people[entry.what["person"]].name if entry.what["person"] in people else "",
            str(entry.what.get("reason", "")),
            entry.at,
        )
        for entry in found
    ]
