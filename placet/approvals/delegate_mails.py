"""The mails about delegates: as `placet.approvals.messages`, which has all others."""

from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.approvals.composing import mailbox_for, page_link, page_of, queue, written_to
from placet.approvals.definitions import definition_of
from placet.approvals.messages import LONGEST_COMMENT, outcome_of
from placet.approvals.models import Assignment, Decision, Delegate, Request
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mail.writing import Link, Notice


def answered_for(request: Request, decision: Decision) -> None:
    """To whoever was asked: somebody answered in their place."""
    mailbox = mailbox_for(request)
    if mailbox is None:
        return
    person, by = decision.assignment.person, decision.by_person
    with written_to(person) as installation:
        sentence = _("{name} answered “{title}” (number {number}) in your place: {answer}.").format(
            name=by.name, title=request.title, number=request.number, answer=outcome_of(decision).done
        )
        queue(
            mailbox,
            "answered-for",
            person,
            installation,
            cause=f"assignment:{decision.assignment_id}",
            subject=_("Answered in your place: {title}").format(title=request.title),
            letter=Notice(
                _("No answer needed any more"),
                [sentence],
                quote=decision.comment[:LONGEST_COMMENT],
                links=[page_link(request, installation)],
                footer=_("If this is not what you wanted, tell an administrator at once."),
            ),
        )


def given(request: Request, row: Delegate, incoming: IncomingMail, in_reply_to: str) -> None:
    """To whoever gave a question to somebody by mail: that they are asked now."""
    assert row.by is not None
    with written_to(row.by) as installation:
        sentence = _(
            "{name} is asked about “{title}” (number {number}) now. You may answer, too, until they have."
        )
        queue(
            incoming.mailbox,
            "given",
            row.by,
            installation,
            cause=f"incoming:{incoming.pk}",
            subject=_("Given to {name}: {title}").format(name=row.person.name, title=request.title),
            letter=Notice(
                _("Given to {name}").format(name=row.person.name),
                [sentence.format(name=row.person.name, title=request.title, number=request.number)],
                quote=row.comment,
                links=[page_link(request, installation)],
            ),
            priority=OutgoingMail.Priority.CONFIRMATION,
            in_reply_to=in_reply_to,
        )


def give_page_of(request: Request, assignment: Assignment) -> str:
    """Where a question is given to somebody. The address carries no right."""
    return f"{page_of(request)}give/{assignment.pk}/"


def hand_on(
    request: Request, assignment: Assignment, manager: Person, delegate: Person | None = None
) -> None:
    """To the manager of somebody who is away: they may give the question to somebody. `delegate`: who is away of those
    that all mail goes to, where nothing is known of whoever is asked."""
    mailbox = mailbox_for(request)
    if mailbox is None:
        return
    step = definition_of(request.version).approval(assignment.visit.step_key)
    if assignment.absent_at is not None:
        delegate = None  # that whoever is asked is away says more
    names = {"name": assignment.person.name, "title": request.title, "number": request.number}
    away = assignment.person if delegate is None else delegate
    with written_to(manager) as installation:
        what = _(
            "{name} is asked about “{title}” (number {number}, {step}). According to an automatic reply, {name} is "
            "away."
        )
        if delegate is not None:
            what = _(
                "{delegate} is asked about “{title}” (number {number}, {step}) in place of {name}. According to an "
                "automatic reply, {delegate} is away."
            )
        queue(
            mailbox,
            "hand-on",
            manager,
            installation,
            cause=f"assignment:{assignment.pk}",
            subject=_("{name} is away: {title}").format(name=away.name, title=request.title),
            letter=Notice(
                _("Somebody who is asked is away"),
                [
                    what.format(step=step.name, delegate=away.name, **names),
                    _(
                        "You can give it to somebody else, who is then asked as well. If it can wait, there is "
                        "nothing to do: Placet gives it to nobody by itself."
                    ),
                ],
                links=[Link(_("Give it to somebody …"), give_page_of(request, assignment), "main")],
            ),
        )
