"""An answer is taken back on the page of its request, by whoever gave it, as long as it has no effect."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.approvals import undo_mails, undoing
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.engine_errors import EngineError
from placet.approvals.engine_hold import last_moment
from placet.approvals.models import Assignment, Decision, Request, Visit
from placet.approvals.seats import seats_of
from placet.approvals.undo_rules import undoes
from placet.portal.path import with_what_now
from placet.portal.people import PersonsRequest, find_request, signed_in
from placet.portal.templatetags.pages import exact


@dataclass(frozen=True)
class Undoable:
    """An answer that somebody can take back now."""

    assignment: Assignment
    step: str
    answer: str  # "approved"
    until: datetime
    decision: str  # its id


def undoable_by(person: Person, request: Request, definition: Definition) -> Sequence[Undoable]:
    """In one request. A query only where any answer can be."""
    if request.state != Request.State.OPEN or not undoes(definition):
        return ()
    running = Decision.objects.filter(
        by_person=person,
        assignment__visit__request=request,
        assignment__visit__state__in=Visit.LIVE,
        assignment__visit__result="",
    )
    given = running.select_related("assignment__visit").order_by("pk")
    answers = [_undoable(definition, decision) for decision in given]
    return [one for one in answers if one is not None]


def _undoable(definition: Definition, decision: Decision) -> Undoable | None:
    until = last_moment(definition, decision)
    if until is None or until < timezone.now():
        return None
    step = definition.approval(decision.assignment.visit.step_key)
    return Undoable(
        decision.assignment, step.name, step.outcome(decision.outcome).done, until, str(decision.pk)
    )


def can_be_undone(definition: Definition, decision: Decision) -> str:
    """The sentence after an answer was given; "" where it stands."""
    until = last_moment(definition, decision)
    if until is None:
        return ""
    return _("You can take it back until {time}, on the page of the request.").format(time=exact(until))


def can_still_be_undone(until: datetime) -> str:
    """Of an answer of somebody else's, to whoever came later."""
    return _("It can be taken back until {time}; if it is, you are asked again.").format(time=exact(until))


@signed_in
def undo(request: PersonsRequest, public_id: UUID, number: int) -> HttpResponse:
    """Asked once more before it is done."""
    shown = find_request(request, public_id)
    definition = definition_of(shown.version)
    asked = get_object_or_404(seats_of(request.user), pk=number, visit__request=shown)
    if request.method == "POST":
        try:
            undoing.undo(asked.pk, request.user, undoing.Retraction(shown=request.POST.get("answer", "")))
        except EngineError as error:
            messages.warning(request, " ".join(undo_mails.why_it_stands(error)))
        else:
            done = _("Your answer was taken back.")
            messages.success(request, with_what_now(done, find_request(request, public_id), definition))
        return redirect("portal:request", public_id)
    undoable = undoable_by(request.user, shown, definition)
    one = next((one for one in undoable if one.assignment.pk == number), None)
    if one is None:
        messages.warning(request, _("There is no answer of yours that can be taken back."))
        return redirect("portal:request", public_id)
    return render(request, "portal/undo.html", {"shown": shown, "one": one})
