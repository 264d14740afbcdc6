"""What needs an owner of processes first. Looks; changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from placet.approvals.models import Request, Visit
from placet.designer.request_now import STUCK, TROUBLE, UNANSWERED
from placet.mailboxes.models import Mailbox
from placet.mailboxes.troubles import short_words, troubles_of
from placet.reports.selection import Selection

SHOWN = 10


@dataclass(frozen=True)
class Need:
    """Some of what needs somebody. `requests`: the first of it. `link`: the list of all; "" where it is none of
    requests."""

    title: str
    help: str
    count: int
    requests: Sequence[Request] = ()
    link: str = ""


def of(selection: Selection) -> Sequence[Need]:
    """The most urgent first."""
    live = Visit.objects.select_related("request").order_by("opened_at")
    if not selection.person.is_administrator:
        live = live.filter(request__version__process__in=[process.pk for process in selection.processes])
    stuck = live.filter(state=Visit.State.STUCK)
    unanswered = live.filter(state=Visit.State.OPEN).exclude(reason="")
    return [
        *_mailboxes(),
        *_of_visits(
            stuck,
            _("Stuck requests"),
            _("Nobody can be asked. An administrator puts right who is, and asks again."),
            STUCK,
        ),
        *_of_visits(
            unanswered,
            _("Late, and nobody else to ask"),
            _("The deadline passed, and whom the process names then cannot be asked."),
            UNANSWERED,
        ),
    ]


def _of_visits(visits: QuerySet[Visit, Any], title: str, help_: str, trouble: str) -> Sequence[Need]:
    """Each request once, whatever of it is in need."""
    count = Request.objects.filter(pk__in=visits.order_by().values("request")).count()
    if not count:
        return []
    # A request may be in need in many branches.
    first = {visit.request_id: visit.request for visit in visits[: SHOWN * SHOWN]}
    link = f"{reverse('designer:requests')}?{urlencode({TROUBLE: trouble})}"
    return [Need(title, help_, count, [*first.values()][:SHOWN], link)]


def _mailboxes() -> Sequence[Need]:
    """Without them nobody is asked by mail, whatever the process."""
    paused = [one for one in Mailbox.objects.filter(active=True) if troubles_of(one)]
    if not paused:
        return []
    names = ", ".join(f"{one.name} ({short_words(one)})" if one.sending_kind else one.name for one in paused)
    since = _("In trouble: {names}. Mail waits until an administrator has put it right.").format(names=names)
    return [Need(_("Mailboxes"), since, len(paused))]
