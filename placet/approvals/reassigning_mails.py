"""The mail that says that somebody else is asked instead: as `placet.approvals.messages`, which has all others."""

from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.approvals.composing import mailbox_for, page_link, queue, written_to
from placet.approvals.definitions import definition_of
from placet.approvals.models import Assignment, Request
from placet.mail.writing import Notice


def asked_no_more(
    request: Request, before: Assignment, successor: Assignment, person: Person, number: int
) -> None:
    """To whoever was asked, or their delegate. `before`: the seat that they answered; `number`: of the entry on
    record."""
    mailbox, by = mailbox_for(request), successor.reassigned_by
    if mailbox is None:
        return
    assert by is not None
    step = definition_of(request.version).approval(before.visit.step_key)
    names = {"name": successor.person.name, "giver": by.name, "owner": before.person.name}
    with written_to(person) as installation:
        if person.pk == before.person_id:
            instead = _(
                "{giver} asked {name} in your place. Your answer is not needed, and no longer counts."
            )
        else:
            instead = _(
                "{giver} asked {name} in place of {owner}. Your answer is not needed, and no longer counts."
            )
        heading = _("Somebody else is asked now")
        about = _("You were asked about “{title}” (number {number}, {step}).")
        about = about.format(title=request.title, number=request.number, step=step.name)
        queue(
            mailbox,
            "reassigned",
            person,
            installation,
            cause=f"reassigned:{request.pk}:{number}",
            subject=_("{heading}: {title}").format(heading=heading, title=request.title),
            letter=Notice(
                heading,
                [" ".join([about, instead.format(**names)])],
                quote=successor.reassigned_comment,
                links=[page_link(request, installation)],
            ),
        )
