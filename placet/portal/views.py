"""A request's page, and what can be done there. A GET never changes anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from placet.accounts.general import of_request
from placet.approvals import engine, engine_errors, owning
from placet.approvals.change_words import SentBack
from placet.approvals.changes import history
from placet.approvals.composing import mailbox_for, page_of
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form import facts_as_read, facts_hash
from placet.approvals.models import Assignment, Clarification, Request, Visit
from placet.approvals.others_asked import others_in_words, rule_of
from placet.approvals.picture import drawing_of
from placet.approvals.seats import open_seats_of, seats_of
from placet.approvals.undo_rules import grace_in
from placet.approvals.visibility import hidden_from, requests_visible_to
from placet.portal import deciding, live, path
from placet.portal.clarifications import Typed, clarifications_of
from placet.portal.due import DueShown, as_read_in, due_of, latest_of
from placet.portal.forms import DecideForm, WhichForm
from placet.portal.in_place import said_of
from placet.portal.mails import bounces_of, mails_of
from placet.portal.not_applied import not_applied
from placet.portal.path import Definitions, listed, path_of, standings, with_what_now
from placet.portal.pending import pending_of
from placet.portal.people import PersonsRequest, find_request, signed_in
from placet.portal.question_rows import QuestionRow, answers_in, question_rows
from placet.portal.sent_back import sent_back
from placet.portal.undoing import undoable_by
from placet.portal.waiting import Answer, say_why

NO_ERRORS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Question:
    """An open assignment of the person who looks."""

    assignment: Assignment
    step: str
    rule: str
    answers: Sequence[Answer]
    shown: str  # the hash of what its step shows
    fills: bool  # whether something is filled in with the answer
    is_task: bool
    pending: str = ""  # what they answered by mail, where that waits for its comment
    asked: Sequence[QuestionRow] = ()  # what it asks beside the outcome
    due: DueShown | None = None
    may_ask_back: bool = True
    asked_back: bool = False  # a question of theirs to the requester is open
    pauses: bool = False  # the clock would stand for one
    in_place: str = ""  # in whose place they are asked, or who may answer in theirs
    is_away: bool = False  # as an automatic reply of theirs said
    may_be_given: bool = False
    grace: int = 0  # minutes in which the answer can be undone
    back: SentBack | None = None  # who sent it back to whoever looks

    @property
    def needs_comment(self) -> str:
        """With which answers a comment has to say why; "" if with none."""
        return say_why(self.answers)


@signed_in
def request_page(request: PersonsRequest, public_id: UUID) -> HttpResponse:
    """A request as its facts and its path, and what the person can do."""
    visible = requests_visible_to(request.user).select_related("version__process", "requester")
    shown = get_object_or_404(live.with_version(visible), public_id=public_id)
    return live.answer(
        request, live.of_request(shown), lambda version: _request_page(request, shown, version)
    )


def _request_page(
    request: PersonsRequest,
    shown: Request,
    version: str,
    form: DecideForm | None = None,
    status: int = 200,
    errors: Mapping[str, str] = NO_ERRORS,
    typed: Typed | None = None,
) -> HttpResponse:
    """`errors`: of the answers to questions, by their names. `typed`: a question to the requester, or an answer to
    one, that was not taken."""
    definition = definition_of(shown.version)
    mine, running = request.user.pk == shown.requester_id, shown.state == Request.State.OPEN
    # Its owners and administrators look after it, whoever made it.
    looks_after = owning.sees_all_of(request.user, shown)
    steers = shown.is_made_by(request.user) or looks_after
    asked_back = clarifications_of(shown) if getattr(shown, "was_asked_back", False) else []
    questions = _questions(request, shown, definition, errors, asked_back)
    path = path_of(shown, definition, with_reasons=steers, visible=requests_visible_to(request.user))
    context: dict[str, Any] = {
        "shown": shown,
        "mine": mine,
        "clarifications": asked_back,
        "to_answer": [one for one in asked_back if mine and one.state == Clarification.State.OPEN],
        "version": version,
        "process": definition.name,
        "standing": standings([shown], Definitions())[0],
        "latest": latest_of(shown, definition),
        "path": path,
        "picture": drawing_of(definition, marks=path.marks),
        "questions": questions,
        "undoable": undoable_by(request.user, shown, definition),
        "running": running,
        "may_send_again": steers and running,
        "may_withdraw": running and (mine or request.user.is_administrator),
        "may_give": looks_after and running and not mine,
        "may_take_back": running and (looks_after or any(one.may_be_given for one in questions)),
        "may_ask_again": looks_after and running,
        "may_signal": request.user.is_administrator and running,
        "not_applied": not_applied(shown) if looks_after else [],
        "mails": mails_of(shown, definition) if steers else [],
        "bounces": bounces_of(shown) if steers else [],
    }
    if live.asks(request):
        return render(request, "portal/request_live.html", context)
    hidden = hidden_from(request.user, shown, definition)
    context |= {
        "facts": facts_as_read(definition, shown.data, hidden),
        "history": history(shown, definition, hidden),
        "may_start_again": mine and shown.version.process.asked_by_id is None,
        "address": page_of(shown, of_request(request)),
        "called_by": requests_visible_to(request.user).filter(visits=shown.parent_visit_id).first()
        if shown.parent_visit_id is not None
        else None,
        "form": form,
        "typed": typed,
    }
    return render(request, "portal/request.html", context, status=status)


def _questions(
    request: PersonsRequest,
    shown: Request,
    definition: Definition,
    errors: Mapping[str, str],
    asked_back: Sequence[Clarification],
) -> list[Question]:
    mine = open_seats_of(request.user).filter(visit__request=shown)
    found = []
    seats = list(mine.select_related("visit__request__version", "person").order_by("id"))
    pending = pending_of(seats, request.user)
    in_place = said_of(seats, request.user)
    due = due_of([seat.visit for seat in seats if definition.has_deadline(seat.visit.step_key)])
    back = sent_back(seats, Definitions())
    waiting = {one.assignment_id for one in asked_back if one.state == Clarification.State.OPEN}
    for assignment in seats:
        step = definition.approval(assignment.visit.step_key)
        answers = Answer.to(step, definition, shown)
        what = facts_hash(shown, definition, assignment.visit.step_key)
        key = assignment.visit.step_key
        is_mine = assignment.person_id == request.user.pk
        rows = question_rows(definition, assignment, request.POST, _errors_of(assignment, request, errors))
        found.append(
            Question(
                assignment,
                step.name,
                "".join(others_in_words(step, assignment, request.user)) or rule_of(step, assignment),
                answers,
                what,
                fills=bool(definition.filled_in(key)),
                is_task=step.is_task,
                pending=pending.get(assignment.pk, ""),
                asked=rows,
                due=as_read_in(due.get(assignment.visit_id), step, assignment),
                may_ask_back=shown.requester_id != request.user.pk,
                asked_back=assignment.pk in waiting,
                pauses=definition.pause_in(key) is not None and assignment.visit_id in due,
                in_place=in_place.get(assignment.pk, ""),
                is_away=is_mine and assignment.absent_at is not None,
                may_be_given=is_mine and step.delegate is not False,
                grace=grace_in(definition, key) // timedelta(minutes=1),
                back=back.get(assignment.pk),
            )
        )
    return found


def _errors_of(
    assignment: Assignment, request: PersonsRequest, errors: Mapping[str, str]
) -> Mapping[str, str]:
    """Of the question that was answered: two steps may ask by the same names."""
    return errors if request.POST.get("assignment") == str(assignment.pk) else NO_ERRORS


@signed_in
def decide(request: PersonsRequest, public_id: UUID) -> HttpResponse:
    """Apply an answer given on the request's page, or on its card, to exactly what was shown there."""
    shown = find_request(request, public_id)
    if request.method != "POST":
        return redirect("portal:request", public_id)
    form = DecideForm(request.POST)
    if not form.is_valid():
        if "comment" not in form.errors:
            messages.error(request, _("This answer was not complete. Please answer again."))
        return _once_more(request, public_id, form, status=422)
    answer = form.cleaned_data
    asked = get_object_or_404(seats_of(request.user), pk=answer["assignment"], visit__request=shown)
    answers = answers_in(definition_of(shown.version), asked, request.POST)
    from_card = request.POST.get("next") == "home"
    if from_card and (sure := deciding.asked_once_more(request, asked, answer)) is not None:
        return sure
    try:
        decision = deciding.apply(
            asked, request.user, answer["shown"], answer["outcome"], answer["comment"], answers
        )
    except engine_errors.Changed:
        messages.warning(request, deciding.changed_sentence())
        return _once_more(request, public_id, form, status=409)
    except engine_errors.AlreadyDecided as error:
        messages.warning(request, deciding.who_was_first(error, request.user, asked))
    except engine_errors.AnswersInvalid as error:
        messages.error(request, deciding.nothing_decided(error))
        return _once_more(request, public_id, form, 422, error.errors)
    except engine_errors.CommentNeeded as error:
        form.add_error("comment", deciding.nothing_decided(error))
        return _once_more(request, public_id, form, status=422)
    except engine_errors.EngineError as error:
        messages.error(request, deciding.nothing_decided(error))
    else:
        messages.success(request, deciding.what_was_done(asked, decision, named=from_card))
        if from_card:
            return redirect("portal:home")
    return redirect("portal:request", public_id)


def _once_more(
    request: PersonsRequest,
    public_id: UUID,
    form: DecideForm,
    status: int,
    errors: Mapping[str, str] = NO_ERRORS,
) -> HttpResponse:
    visible = requests_visible_to(request.user).select_related("version__process", "requester")
    shown = live.with_version(visible).get(public_id=public_id)
    return _request_page(request, shown, live.of_request(shown), form, status, errors)


def page_with(request: PersonsRequest, public_id: UUID, typed: Typed) -> HttpResponse:
    """A request's page with what was typed there and not taken."""
    visible = requests_visible_to(request.user).select_related("version__process", "requester")
    shown = live.with_version(visible).get(public_id=public_id)
    return _request_page(request, shown, live.of_request(shown), status=422, typed=typed)


# --- what requesters and administrators can do ------------------------------------------------------------


@signed_in
def withdraw(request: PersonsRequest, public_id: UUID) -> HttpResponse:
    """Asked once more before it is done: whoever was asked is told."""
    shown = _steered(request, public_id)
    if request.method == "POST":
        try:
            engine.withdraw(shown.pk, request.user)
        except engine_errors.EngineError as error:
            messages.warning(request, " ".join([str(error), _("Nothing was changed.")]))
        else:
            messages.success(
                request, _("The request was withdrawn. Whoever was still asked is told by mail.")
            )
        return redirect("portal:request", public_id)
    asked = Assignment.objects.filter(visit__request=shown, state=Assignment.State.OPEN).order_by("id")
    names = list(asked.values_list("person__name", flat=True)[: path.MOST_PEOPLE])
    return render(request, "portal/withdraw.html", {"shown": shown, "asked": listed(names) if names else ""})


@signed_in
def send_again(request: PersonsRequest, public_id: UUID) -> HttpResponse:
    """One more mail to somebody who is still asked."""
    shown = _steered(request, public_id, by_owners=True)
    if request.method != "POST":
        return redirect("portal:request", public_id)
    asked = get_object_or_404(
        Assignment.objects.select_related("person"), pk=_which(request), visit__request=shown
    )
    try:
        engine.resend(asked.pk, request.user)
    except engine_errors.AlreadyDecided as error:
        messages.warning(request, deciding.who_was_first(error, request.user, asked))
    except engine_errors.EngineError as error:
        messages.warning(request, " ".join([str(error), _("No mail was sent.")]))
    else:
        messages.success(request, _sent_again(shown, asked.person.name))
    return redirect("portal:request", public_id)


def _sent_again(shown: Request, name: str) -> str:
    if mailbox_for(shown) is None:
        sentence = _(
            "No mailbox is active, so no mail went out. {name} finds the request on the page “Waiting for me”."
        )
    else:
        sentence = _("{name} gets one more mail. The earlier one can still be answered too.")
    return sentence.format(name=name)


@signed_in
def ask_again(request: PersonsRequest, public_id: UUID) -> HttpResponse:
    """An administrator, or an owner, tries a step once more that had nobody to ask."""
    shown = find_request(request, public_id)
    if not owning.sees_all_of(request.user, shown):
        raise PermissionDenied(_("Only an administrator, or an owner of the process, can do this."))
    if request.method != "POST":
        return redirect("portal:request", public_id)
    visit = get_object_or_404(Visit, pk=_which(request), request=shown)
    try:
        engine.ask_again(visit.pk, request.user)
    except engine_errors.EngineError as error:
        messages.warning(request, " ".join([str(error), _("Nothing was changed.")]))
    else:
        now = find_request(request, public_id)
        messages.info(request, with_what_now(_("Tried again."), now, definition_of(shown.version)))
    return redirect("portal:request", public_id)


@signed_in
def signal(request: PersonsRequest, public_id: UUID) -> HttpResponse:
    """An administrator says that something happened which a step waits for."""
    shown = find_request(request, public_id)
    if not request.user.is_administrator:
        raise PermissionDenied(_("Only an administrator can do this."))
    if request.method != "POST":
        return redirect("portal:request", public_id)
    try:
        engine.signal(shown.pk, request.POST.get("key", ""), request.user)
    except engine_errors.EngineError as error:
        messages.warning(request, " ".join([str(error), _("Nothing was changed.")]))
    else:
        now = find_request(request, public_id)
        messages.success(
            request, with_what_now(_("The signal was given."), now, definition_of(shown.version))
        )
    return redirect("portal:request", public_id)


def _steered(request: PersonsRequest, public_id: UUID, *, by_owners: bool = False) -> Request:
    shown = find_request(request, public_id)
    looks_after = owning.sees_all_of(request.user, shown) if by_owners else request.user.is_administrator
    if not shown.is_made_by(request.user) and not looks_after:
        raise PermissionDenied(_("Only the person who made a request, or an administrator, can do this."))
    return shown


def _which(request: PersonsRequest) -> int:
    form = WhichForm(request.POST)
    return int(form.cleaned_data["which"]) if form.is_valid() else 0
