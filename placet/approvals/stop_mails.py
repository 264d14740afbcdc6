"""What is said to whoever is asked when their whole request ends, because it has lasted as long as it may."""

from datetime import datetime

from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.approvals.composing import mailbox_for, page_link, queue, written_to
from placet.approvals.definitions import definition_of
from placet.approvals.models import Assignment, Request
from placet.mail.writing import Notice, when


def stopped(request: Request, seat: Assignment, person: Person, name: str, end: datetime) -> None:
    """To `person`, who was asked in this seat or in its place. `name`: of what the request came to."""
    mailbox = mailbox_for(request)
    if mailbox is None:
        return
    step = definition_of(request.version).approval(seat.visit.step_key)
    names = {"step": step.name, "title": request.title, "number": request.number}
    with written_to(person) as installation:
        needs = _("“{step}” for “{title}” (number {number}) needs no answer any more.")
        became = _(
            "The request was not decided before {time}, which is as long as it may take, so it ended as “{result}”. "
            "Your answer no longer counts."
        )
        queue(
            mailbox,
            "stopped",
            person,
            installation,
            cause=f"request:{request.pk}",
            subject=_("No answer in time: {title}").format(title=request.title),
            letter=Notice(
                _("The request took too long"),
                [needs.format(**names), became.format(time=when(end), result=name)],
                links=[page_link(request, installation, tone="")],
            ),
        )
