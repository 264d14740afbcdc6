"""Try it: a pretended start, what would happen, and answers in one's own words. Nothing is written, no mail leaves."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.accounts.models import Person
from placet.approvals.definitions import Definition
from placet.approvals.form_logic import fill
from placet.approvals.models import Assignment, Process, Version
from placet.approvals.picture import drawing_of
from placet.approvals.processes import newest
from placet.approvals.steps import ApprovalStep
from placet.designer import cases
from placet.designer.people import find_written, owners_only
from placet.designer.try_state import (
    DRAFT,
    LONGEST_ADDRESS,
    State,
    definition_in,
    problems_in,
    read,
    signed,
    source_of,
    sources,
)
from placet.designer.trying import tried
from placet.designer.trying_events import LONGEST_TEXT, Answer, Event, Jump, Reply, Signal, Start, Withdraw
from placet.designer.trying_shown import OpenQuestion, Trial
from placet.lib.web import entered
from placet.portal.form_rows import Row, as_typed, entered_in, rows, with_row_button
from placet.portal.giving import SomebodyField, suggested
from placet.portal.path import tone_of_result
from placet.portal.people import PersonsRequest
from placet.portal.question_rows import answers_in, question_rows

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox"
)
MOST_FRAMES = 3  # that a page opens by itself
_LINK = re.compile(r"""\s(?:href|action)=(?:"[^"]*"|'[^']*')""", re.IGNORECASE)
_NUMBER = re.compile("[0-9]{1,4}")


#: Moments of a trial: others are no dates in some time zone, or nothing can be reckoned from them.
_MOMENTS = (
    MinValueValidator(datetime(2000, 1, 1, tzinfo=UTC)),
    MaxValueValidator(datetime(2200, 1, 1, tzinfo=UTC)),
)


class StartForm(forms.Form):
    """Who starts the request, and when."""

    person = SomebodyField(
        label=gettext_lazy("Started by"), help_text=gettext_lazy("A full name, or an address.")
    )
    at = forms.DateTimeField(
        label=gettext_lazy("On"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=gettext_lazy("Deadlines and “today” are reckoned from then."),
        validators=_MOMENTS,
    )


class MomentForm(forms.Form):
    to = forms.DateTimeField(
        label=gettext_lazy("Date and time"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        validators=_MOMENTS,
    )


@owners_only
def try_process(request: PersonsRequest, key: str) -> HttpResponse:
    process = find_written(request, key)
    if request.method == "POST":
        return _done(request, process)
    if "t" not in request.GET:
        return _start_page(request, process, request.GET.get("source", ""))
    state = read(process, request.GET["t"])
    if state is None or not state.events:
        messages.warning(request, _("This trial cannot be read. Please start it anew."))
        return redirect("designer:try", key)
    return _shown(request, process, state)


def _done(request: PersonsRequest, process: Process) -> HttpResponse:
    if request.POST.get("do") == "start" or "t" not in request.POST:
        return _started(request, process)
    state = read(process, request.POST["t"])
    if state is None:
        messages.warning(request, _("This trial cannot be read. Please start it anew."))
        return redirect("designer:try", process.key)
    if request.POST.get("do") == "keep":
        return _kept(request, process, state)
    if request.POST.get("do") == "back":
        state = state.one_back()
        return _to(request, process, state) if state.events else redirect("designer:try", process.key)
    event = _event(request, process, state)
    if event is None:
        messages.warning(request, _("Nothing was entered, so nothing happened."))
        return _to(request, process, state)
    return _to(request, process, state.after(event))


def _to(request: PersonsRequest, process: Process, state: State) -> HttpResponse:
    """The page of a trial, by an address of its own where that is short enough."""
    text = signed(process, state)
    if len(text) <= LONGEST_ADDRESS:
        return redirect(f"{reverse('designer:try', args=[process.key])}?{urlencode({'t': text})}#now")
    return _shown(request, process, state)


def _event(request: PersonsRequest, process: Process, state: State) -> Event | None:
    posted = request.POST
    do, by, step = posted.get("do", ""), posted.get("by", ""), posted.get("step", "")
    if do == "reply":
        text = posted.get("text", "")[:LONGEST_TEXT]
        return Reply(by, text, step) if text.strip() else None
    if do == "jump":
        return Jump()
    if do == "to":
        form = MomentForm(posted)
        return Jump(form.cleaned_data["to"]) if form.is_valid() else None
    if do == "withdraw":
        return Withdraw()
    if do.startswith("signal:"):
        return Signal(do.removeprefix("signal:"))
    if do.startswith("answer:"):
        outcome, comment = do.removeprefix("answer:"), posted.get("comment", "")[:LONGEST_TEXT]
        return Answer(by, step, outcome, comment, *_entered_on_page(process, state, step, posted))
    return None


def _entered_on_page(
    process: Process, state: State, step: str, posted: QueryDict
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Answers to questions by name, and what was entered into the form by field."""
    source = source_of(process, state.source)
    if source is None or "fields" not in posted or problems_in(source):
        return {}, {}
    definition = definition_in(source)
    if not isinstance(definition.steps.get(step), ApprovalStep):
        return {}, {}
    names = definition.filled_in(step)
    fields = {name: one for name, one in entered_in(definition, posted).items() if name in names}
    return answers_in(definition, _seat(step), posted), fields


def _seat(step: str) -> Assignment:
    """What the rows of questions look at of a seat: a trial's is gone when its page is made."""
    return cast(Assignment, SimpleNamespace(pk=0, visit=SimpleNamespace(step_key=step)))


# --- the start --------------------------------------------------------------------------------------------


def _started(request: PersonsRequest, process: Process) -> HttpResponse:
    name = request.POST.get("source", "")
    source = source_of(process, name)
    if source is None:
        return _start_page(request, process, name, form=_start_form(request.POST), is_gone=True, status=422)
    if problems_in(source):
        return _start_page(request, process, name, status=422)
    definition = definition_in(source)
    typed, form = entered_in(definition, request.POST), _start_form(request.POST)
    if with_rows := with_row_button(definition, typed, request.POST.get("do", "")):
        return _start_page(request, process, name, form=form, typed=with_rows)
    if not form.is_valid():
        return _start_page(request, process, name, form=form, typed=typed, status=422)
    files = _files(definition, request.POST)
    values = {name: value for name, value in typed.items() if name not in files}
    start = Start(form.cleaned_data["person"].email, values, form.cleaned_data["at"], files)
    trial = tried(source, [start])
    if trial.errors:
        return _start_page(request, process, name, form=form, typed=typed, trial=trial, status=422)
    return _to(request, process, State(name, [start]))


def _files(definition: Definition, posted: QueryDict) -> dict[str, list[str]]:
    """Names of pretended files by field: one on each line."""
    named = {
        one.name: [line.strip() for line in posted.get(f"files-{one.name}", "").splitlines() if line.strip()]
        for one in definition.fields
        if one.type == "files"
    }
    return {name: files[:10] for name, files in named.items() if files}


def _start_form(data: QueryDict | None, person: Person | None = None) -> StartForm:
    initial = {"person": person.email if person else "", "at": timezone.localtime()}
    form = StartForm(data, initial=initial)
    form.fields["person"].widget = suggested(reverse("designer:suggest_people"))
    return form


def _start_page(
    request: PersonsRequest,
    process: Process,
    name: str,
    *,
    form: StartForm | None = None,
    typed: Mapping[str, Any] | None = None,
    trial: Trial | None = None,
    is_gone: bool = False,
    status: int = 200,
) -> HttpResponse:
    choices = sources(process)
    name = name if name in choices else choices[0] if choices else ""
    source = source_of(process, name) if name else None
    problems = problems_in(source) if source is not None else ()
    context: dict[str, Any] = {
        "process": process,
        "sources": [(one, _source_name(one)) for one in choices],
        "source": name,
        "problems": problems,
        "trial": trial,
        "is_gone": is_gone,
        "form": form or _start_form(None, request.user),
        "version": {"process": process},
    }
    if source is not None and not problems:
        definition = definition_in(source)
        every = rows(definition, fill(definition, typed or {}), {}, {})
        shown = [row for row in every if row.key not in definition.entered_later]
        context |= {"definition": definition, "rows": shown}
    return render(request, "designer/try.html", context, status=status)


def _source_name(name: str) -> str:
    return _("the draft") if name == DRAFT else _("version {number}").format(number=name)


# --- what happened ----------------------------------------------------------------------------------------


def _shown(request: PersonsRequest, process: Process, state: State) -> HttpResponse:
    source = source_of(process, state.source)
    if source is None:
        messages.warning(request, _("What was tried is not there any more. Please start it anew."))
        return redirect("designer:try", process.key)
    trial = tried(source, state.events)
    text = signed(process, state)
    context = {
        "process": process,
        "trial": trial,
        "source": _source_name(state.source),
        "result_tone": tone_of_result(trial.result),
        "t": text,
        "in_address": len(text) <= LONGEST_ADDRESS,
        "picture": "" if trial.problems else drawing_of(definition_in(source), marks=trial.marks),
        "framed": _framed(trial, entered(request.GET, "mail")),
        "moment": MomentForm(initial={"to": trial.now}),
        "since_published": _since_published(process, source, state, trial),
        "questions": [
            _question(request, source, trial, number, one) for number, one in enumerate(trial.questions)
        ],
        "may_be_kept": not trial.errors and bool(trial.state),
    }
    return render(request, "designer/try_story.html", context)


def _framed(trial: Trial, wanted: str) -> set[int]:
    """The numbers of the mails whose look is shown: of the last event the first few, and the one that somebody wants
    to see. Each frame plays the trial once more."""
    last = [mail.number for mail in trial.happenings[-1].mails[:MOST_FRAMES]] if trial.happenings else []
    return {*last, *([int(wanted)] if _NUMBER.fullmatch(wanted) else [])}


def _since_published(process: Process, source: str | Version, state: State, trial: Trial) -> list[str]:
    """How the draft would go another way than what is published."""
    version = newest(process)
    if version is None or not isinstance(source, str) or trial.problems:
        return []
    return cases.differences_between(tried(version, state.events).summary, trial.summary)


def _question(
    request: PersonsRequest, source: str | Version, trial: Trial, number: int, question: OpenQuestion
) -> dict[str, Any]:
    """An open question with what its page asks beside the answer, once somebody wants to see that."""
    opened = request.GET.get("answer") == str(number)
    context: dict[str, Any] = {"question": question, "number": number, "opened": opened}
    if question.asks_back or question.is_called:
        return context
    definition = definition_in(source)
    names = definition.filled_in(question.step)
    asked = question_rows(definition, _seat(question.step), QueryDict(), {})
    context["has_fields"] = bool(names or asked)
    if opened:
        every = rows(definition, fill(definition, as_typed(definition, trial.data)), {}, {})
        context["rows"] = [row for row in every if isinstance(row, Row) and row.key in names]
        context["asked"] = asked
    return context


def _kept(request: PersonsRequest, process: Process, state: State) -> HttpResponse:
    source = source_of(process, state.source)
    if source is None:
        raise Http404
    try:
        case = cases.keep(process, request.POST.get("name", ""), source, state.events, request.user)
    except cases.CaseRefused as error:
        messages.error(request, str(error))
        return _to(request, process, state)
    messages.success(request, _("“{name}” is a test case of this process now.").format(name=case.name))
    return redirect("designer:cases", process.key)


@owners_only
def try_mail(request: PersonsRequest, key: str) -> HttpResponse:
    """The HTML of one mail of a trial, for its frame: nothing in it runs, leads anywhere or fetches anything."""
    process = find_written(request, key)
    state, number = read(process, request.GET.get("t", "")), request.GET.get("n", "")
    source = source_of(process, state.source) if state is not None else None
    if state is None or source is None or not _NUMBER.fullmatch(number):
        raise Http404
    mails = tried(source, state.events).mails
    if int(number) >= len(mails):
        raise Http404
    return framed_mail(mails[int(number)].markup)


def framed_mail(markup: str) -> HttpResponse:
    """The HTML of a mail, for a frame of its own: without links, and with a policy that lets it do nothing."""
    page = _LINK.sub("", markup) or render_to_string("designer/try_no_mail.html")
    return HttpResponse(
        page,
        headers={
            "Content-Security-Policy": POLICY,
            "X-Frame-Options": "SAMEORIGIN",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        },
    )
