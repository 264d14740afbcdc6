"""What waits for me, starting a request, and a request's page. A GET never changes anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Max, OuterRef, Subquery
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from placet.approvals import engine
from placet.approvals.messages import DONE, LABELS, mailbox_for
from placet.approvals.models import Assignment, Decision, Process, Request, Version, Visit
from placet.approvals.processes import Definition, Fact, FormInvalid, definition_of, facts, newest
from placet.portal import path
from placet.portal.forms import DecideForm, WhichForm, entered_in, rows
from placet.portal.path import Definitions, listed, path_of, standings, what_now
from placet.portal.people import PersonsRequest, requests_visible_to, signed_in
from placet.portal.templatetags.pages import exact

A_PAGE = 25  # rows of a list
FACTS_AT_A_GLANCE = 4


# --- home -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Waiting:
    """One question that waits for the person."""

    request: Request
    process: str
    step: str
    asked: Assignment
    facts: Sequence[Fact]


@signed_in
def home(request: PersonsRequest) -> HttpResponse:
    """What waits for me, then what I wait for."""
    asked = Assignment.objects.filter(
        person=request.user, state=Assignment.State.OPEN, visit__request__state=Request.State.OPEN
    ).select_related("visit__request__version", "visit__request__requester")
    page = Paginator(asked.order_by("id"), A_PAGE).get_page(request.GET.get("page"))
    definitions = Definitions()
    running = request.user.requests.filter(state=Request.State.OPEN).select_related("version")
    context = {
        "page": page,
        "waiting": [_waiting(assignment, definitions) for assignment in page],
        "running": standings(list(running[:A_PAGE]), definitions),
        "more_running": running.count() > A_PAGE,
    }
    return render(request, "portal/home.html", context)


def _waiting(assignment: Assignment, definitions: Definitions) -> Waiting:
    asked_about = assignment.visit.request
    definition = definitions.of(asked_about)
    return Waiting(
        asked_about,
        definition.name,
        path.step_name(definition, assignment.visit.step_key),
        assignment,
        facts(definition, asked_about.data)[:FACTS_AT_A_GLANCE],
    )


# --- starting a request -----------------------------------------------------------------------------------


@signed_in
def start(request: PersonsRequest) -> HttpResponse:
    """Which process? With only one there is nothing to choose."""
    last = Version.objects.filter(process=OuterRef("pk"), published_at__isnull=False).values("process")
    published = Process.objects.annotate(last=Subquery(last.annotate(n=Max("number")).values("n")))
    page = Paginator(published.filter(last__isnull=False), A_PAGE).get_page(request.GET.get("page"))
    if page.paginator.count == 1:
        return redirect("portal:start_form", page[0].key)
    return render(request, "portal/start.html", {"page": page})


@signed_in
def start_form(request: PersonsRequest, key: str) -> HttpResponse:
    """The form of a process's newest version; what was typed is kept when something does not fit."""
    version = newest(get_object_or_404(Process, key=key))
    if version is None:
        return render(request, "404.html", status=404)
    definition = definition_of(version)
    if request.method != "POST":
        return _form_page(request, version, definition)
    if request.POST.get("version") != str(version.number):
        notice = "This process was changed while you filled the form. Please look at it again and send it."
        messages.warning(request, notice)
        return _form_page(request, version, definition, entered_in(definition, request.POST), status=409)
    entered = entered_in(definition, request.POST)
    try:
        started = engine.start(version, request.user, entered)
    except FormInvalid as error:
        return _form_page(request, version, definition, entered, error.errors, status=422)
    messages.success(request, f"Request {started.number} was started. {what_now(started, definition)}")
    return redirect("portal:request", started.public_id)


def _form_page(
    request: PersonsRequest,
    version: Version,
    definition: Definition,
    entered: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "version": version,
        "definition": definition,
        "rows": rows(definition, entered or {}, errors or {}),
        "errors": errors,
    }
    return render(request, "portal/start_form.html", context, status=status)


# --- my requests ------------------------------------------------------------------------------------------


@signed_in
def mine(request: PersonsRequest) -> HttpResponse:
    """Everything I started, newest first."""
    page = Paginator(request.user.requests.select_related("version"), A_PAGE).get_page(
        request.GET.get("page")
    )
    return render(
        request, "portal/mine.html", {"page": page, "standings": standings(list(page), Definitions())}
    )


# --- one request ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """One button of the decide form."""

    outcome: str
    label: str


@dataclass(frozen=True)
class Question:
    """An open assignment of the person who looks."""

    assignment: Assignment
    step: str
    rule: str
    answers: Sequence[Answer]


@signed_in
def request_page(request: PersonsRequest, public_id: UUID) -> HttpResponse:
    """A request as its facts and its path, and what the person can do."""
    return _request_page(request, _find(request, public_id))


def _find(request: PersonsRequest, public_id: UUID) -> Request:
    """Whoever may not see a request cannot tell it from one that is not there."""
    visible = requests_visible_to(request.user).select_related("version", "requester")
    return get_object_or_404(visible, public_id=public_id)


def _request_page(
    request: PersonsRequest, shown: Request, form: DecideForm | None = None, status: int = 200
) -> HttpResponse:
    definition = definition_of(shown.version)
    steers = request.user.pk == shown.requester_id or request.user.is_administrator
    running = shown.state == Request.State.OPEN
    definitions = Definitions()
    context = {
        "shown": shown,
        "process": definition.name,
        "standing": standings([shown], definitions)[0],
        "facts": facts(definition, shown.data),
        "facts_hash": engine.facts_hash(shown, definition),
        "path": path_of(shown, definition),
        "questions": _questions(request, shown, definition),
        "may_steer": steers and running,
        "may_ask_again": request.user.is_administrator and running,
        "bounces": path.bounces_of(shown) if steers else [],
        "form": form,
    }
    return render(request, "portal/request.html", context, status=status)


def _questions(request: PersonsRequest, shown: Request, definition: Definition) -> list[Question]:
    mine = Assignment.objects.filter(visit__request=shown, person=request.user, state=Assignment.State.OPEN)
    found = []
    for assignment in mine.select_related("visit").order_by("id"):
        step = definition.approval(assignment.visit.step_key)
        answers = [Answer(outcome, LABELS[outcome]) for outcome in step.outcomes]
        found.append(Question(assignment, step.name, path.asks(step), answers))
    return found


@signed_in
def decide(request: PersonsRequest, public_id: UUID) -> HttpResponse:
    """Apply an answer given on the page, to exactly what was shown there."""
    shown = _find(request, public_id)
    if request.method != "POST":
        return redirect("portal:request", public_id)
    form = DecideForm(request.POST)
    if not form.is_valid():
        if "comment" not in form.errors:
            messages.error(request, "This answer was not complete. Please answer again.")
        return _request_page(request, shown, form, status=422)
    answer = form.cleaned_data
    asked = get_object_or_404(Assignment, pk=answer["assignment"], visit__request=shown, person=request.user)
    definition = definition_of(shown.version)
    try:
        with transaction.atomic():
            if answer["shown"] != engine.facts_hash(_find(request, public_id), definition):
                messages.warning(
                    request,
                    "The request changed after it was shown to you, so nothing was decided. Please look again.",
                )
                return _request_page(request, shown, form, status=409)
            decision = engine.decide(
                asked.pk,
                by=request.user,
                outcome=answer["outcome"],
                comment=answer["comment"],
                door=Decision.Door.PAGE,
            )
    except engine.AlreadyDecided as error:
        messages.warning(request, _who_was_first(error, request))
    except engine.EngineError as error:
        messages.error(request, f"{error} Nothing was decided.")
    else:
        done = f"You {DONE[decision.outcome]} this request."
        messages.success(request, f"{done} {what_now(_find(request, public_id), definition)}")
    return redirect("portal:request", public_id)


def _who_was_first(error: engine.AlreadyDecided, request: PersonsRequest) -> str:
    if not error.decisions:
        return "This was already decided. Your answer changed nothing."
    first = error.decisions[-1]
    who = "You" if first.by_person_id == request.user.pk else first.by_person.name
    return (
        f"{who} {DONE[first.outcome]} this on {exact(first.at)}, {Decision.Door(first.door).label}, before this "
        "answer came. It changed nothing."
    )


# --- what requesters and administrators can do ------------------------------------------------------------


@signed_in
def withdraw(request: PersonsRequest, public_id: UUID) -> HttpResponse:
    """Asked once more before it is done: whoever was asked is told."""
    shown = _steered(request, public_id)
    if request.method == "POST":
        try:
            engine.withdraw(shown.pk, request.user)
        except engine.EngineError as error:
            messages.warning(request, f"{error} Nothing was changed.")
        else:
            messages.success(request, "The request was withdrawn. Whoever was still asked is told by mail.")
        return redirect("portal:request", public_id)
    asked = Assignment.objects.filter(visit__request=shown, state=Assignment.State.OPEN).order_by("id")
    names = list(asked.values_list("person__name", flat=True)[: path.MOST_PEOPLE])
    return render(request, "portal/withdraw.html", {"shown": shown, "asked": listed(names) if names else ""})


@signed_in
def send_again(request: PersonsRequest, public_id: UUID) -> HttpResponse:
    """One more mail to somebody who is still asked."""
    shown = _steered(request, public_id)
    if request.method != "POST":
        return redirect("portal:request", public_id)
    asked = get_object_or_404(
        Assignment.objects.select_related("person"), pk=_which(request), visit__request=shown
    )
    try:
        engine.resend(asked.pk, request.user)
    except engine.AlreadyDecided as error:
        messages.warning(request, _who_was_first(error, request))
    except engine.EngineError as error:
        messages.warning(request, f"{error} No mail was sent.")
    else:
        messages.success(request, _sent_again(shown, asked.person.name))
    return redirect("portal:request", public_id)


def _sent_again(shown: Request, name: str) -> str:
    if mailbox_for(shown) is None:
        return f"No mailbox is active, so no mail went out. {name} finds the request on the page “Waiting for me”."
    return f"{name} gets one more mail. The earlier one can still be answered too."


@signed_in
def ask_again(request: PersonsRequest, public_id: UUID) -> HttpResponse:
    """An administrator tries a step once more that had nobody to ask."""
    shown = _find(request, public_id)
    if not request.user.is_administrator:
        raise PermissionDenied("Only an administrator can do this.")
    if request.method != "POST":
        return redirect("portal:request", public_id)
    visit = get_object_or_404(Visit, pk=_which(request), request=shown)
    try:
        engine.ask_again(visit.pk, request.user)
    except engine.EngineError as error:
        messages.warning(request, f"{error} Nothing was changed.")
    else:
        definition = definition_of(shown.version)
        messages.info(request, f"Tried again. {what_now(_find(request, public_id), definition)}")
    return redirect("portal:request", public_id)


def _steered(request: PersonsRequest, public_id: UUID) -> Request:
    shown = _find(request, public_id)
    if request.user.pk != shown.requester_id and not request.user.is_administrator:
        raise PermissionDenied("Only the person who made a request, or an administrator, can do this.")
    return shown


def _which(request: PersonsRequest) -> int:
    form = WhichForm(request.POST)
    return int(form.cleaned_data["which"]) if form.is_valid() else 0
