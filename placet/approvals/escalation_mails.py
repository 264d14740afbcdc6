"""Mails that say that time goes by: others are asked in a step, nobody else could be, or it ends soon. Nobody asked for
them, so they come in working time, but for those that an administrator has to act on."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.approvals import engine_time
from placet.approvals.composing import mailbox_for, page_link, queue, written_to
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.models import Assignment, Request, Timer, Visit
from placet.approvals.name_lists import listed_names
from placet.mail.writing import Notice, no_links, when


def others_are_asked(
    request: Request, seat: Assignment, rung: Timer, people: Sequence[Person], now: datetime
) -> None:
    """To somebody who did not answer. Whether their answer still counts, their seat says."""
    mailbox = mailbox_for(request)
    if mailbox is None:
        return
    step = definition_of(request.version).approval(seat.visit.step_key)
    counts = seat.state == Assignment.State.OPEN
    said_of = {"step": step.name, "title": request.title, "number": request.number}
    with written_to(seat.person) as installation:
        names = listed_names([person.name for person in people])
        sentence = _("“{step}” for “{title}” (number {number}) was not decided by {time}.")
        became = (
            _(
                "Also asked from now on: {names}. Your answer still counts: reply to the mail that asked you, or open "
                "the request."
            )
            if counts
            else _("Asked in your place from now on: {names}. Your answer no longer counts.")
        )
        heading = _("Others are asked, too") if counts else _("Somebody else is asked now")
        queue(
            mailbox,
            "escalated",
            seat.person,
            installation,
            cause=f"timer:{rung.pk}",
            subject=_("{heading}: {title}").format(heading=heading, title=request.title),
            letter=Notice(
                heading,
                [sentence.format(time=when(rung.at), **said_of), became.format(names=names)],
                links=[page_link(request, installation, tone="main" if counts else "")],
            ),
            due=engine_time.opening(seat.person, now),
        )


def nobody_else(request: Request, visit: Visit, rung: Timer, reason: str) -> None:
    """To every administrator: others were to be asked, and nobody is there who can be. The step goes on as it was."""
    mailbox = mailbox_for(request)
    if mailbox is None:
        return
    step = definition_of(request.version).approval(visit.step_key)
    for person in Person.objects.filter(is_administrator=True, is_active=True):
        with written_to(person) as installation:
            sentence = _(
                "“{step}” of request {number} was not decided by {time}, and nobody else could be asked: {why}."
            )
            queue(
                mailbox,
                "not-escalated",
                person,
                installation,
                cause=f"timer:{rung.pk}",
                subject=_("Nobody else could be asked: {title}").format(title=request.title),
                letter=Notice(
                    _("Nobody else could be asked in “{step}”").format(step=step.name),
                    [
                        sentence.format(
                            step=step.name, number=request.number, time=when(rung.at), why=reason
                        ),
                        _(
                            "Whoever was asked can still answer. Remind them, or correct the people or groups."
                        ),
                    ],
                    links=[page_link(request, installation)],
                ),
            )


def warned(request: Request, definition: Definition, visit: Visit, end: Timer) -> bool:
    """To the requester: when a step ends without an answer, and how. Whether there was a mailbox to write from."""
    mailbox = mailbox_for(request)
    if mailbox is None:
        return False
    step = definition.approval(visit.step_key)
    asked = visit.assignments.filter(state=Assignment.State.OPEN).order_by("pk")
    with written_to(request.requester) as installation:
        names = listed_names(list(asked.values_list("person__name", flat=True)))
        outcome = _("“{word}”").format(word=no_links(step.outcome(step.expires_to).shown))
        waits = _("“{step}” of your request number {number} waits for an answer from {names}.")
        ends = _("If there is none before {time}, it ends as {answer}.")
        queue(
            mailbox,
            "warned",
            request.requester,
            installation,
            cause=f"timer:{end.pk}",
            subject=_("Ends soon without an answer: {title}").format(title=request.title),
            letter=Notice(
                _("Ends soon without an answer"),
                [
                    waits.format(step=step.name, number=request.number, names=names),
                    ends.format(time=when(end.at), answer=outcome),
                ],
                links=[page_link(request, installation)],
            ),
        )
    return True
