"""A step's people fill in their part of the form, and answer with it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from placet.approvals import engine
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form import facts_as_read, facts_hash
from placet.approvals.form_logic import Scope, fill
from placet.approvals.models import Assignment, Request
from placet.portal import deciding
from placet.portal.form_rows import (
    ADD_ROW,
    Heading,
    Row,
    any_hidden,
    changed,
    entered_in,
    never_seen,
    rows,
    states_in,
    with_row_button,
)
from placet.portal.forms import DecideForm
from placet.portal.pending import pending_of
from placet.portal.people import PersonsRequest, find_request, signed_in
from placet.portal.question_rows import answers_in, question_rows
from placet.portal.waiting import Answer, say_why


@signed_in
def fill_in(request: PersonsRequest, public_id: UUID, number: int) -> HttpResponse:
    """The fields that a step asks its people for, with its answers below them. `number`: of the assignment."""
    shown = find_request(request, public_id)
    mine = Assignment.objects.filter(visit__request=shown, person=request.user)
    asked = get_object_or_404(mine.select_related("visit__request__version"), pk=number)
    page = _Page(request, shown, asked)
    if asked.state != Assignment.State.OPEN or not page.names:
        messages.info(request, _("Nothing is to be filled in here any more."))
        return redirect("portal:request", public_id)
    return page.sent() if request.method == "POST" else page.rendered({})


class _Page:
    def __init__(self, request: PersonsRequest, shown: Request, asked: Assignment) -> None:
        self.request, self.shown, self.asked = request, shown, asked
        self.definition: Definition = definition_of(shown.version)
        self.step_key = asked.visit.step_key
        self.names = self.definition.filled_in(self.step_key)

    def sent(self) -> HttpResponse:
        do = self.request.POST.get("do", "")
        entered = self._entered(by_itself=do == "look" or "HX-Request" in self.request.headers)
        with_rows = with_row_button(self.definition, entered, do)
        if do == "look" or "HX-Request" in self.request.headers:
            return self._changes(with_rows or entered, do)
        if with_rows:
            return self.rendered(with_rows)
        form = DecideForm(self.request.POST)
        if not form.is_valid():
            return self.rendered(entered, form=form, status=422)
        if self._brings_up_more(entered):
            messages.warning(
                self.request,
                _("What you entered brings up more questions. Please look at the form again and answer."),
            )
            return self.rendered(entered, form=form, status=422)
        return self._answer(form, entered)

    def _entered(self, *, by_itself: bool) -> dict[str, Any]:
        typed = entered_in(self.definition, self.request.POST, by_itself=by_itself)
        return {name: value for name, value in typed.items() if name in self.names}

    def _answer(self, form: DecideForm, entered: Mapping[str, Any]) -> HttpResponse:
        answer = form.cleaned_data
        try:
            decision = deciding.apply(
                self.asked,
                self.request.user,
                answer["shown"],
                answer["outcome"],
                answer["comment"],
                answers_in(self.definition, self.asked, self.request.POST),
                entered,
            )
        except engine.Changed:
            messages.warning(self.request, deciding.changed_sentence())
            self.shown.refresh_from_db()
            return self.rendered(entered, form=form, status=409)
        except (engine.FieldsInvalid, engine.AnswersInvalid) as error:
            self._say_what_stands_elsewhere(error)
            return self.rendered(entered, error.errors, form, status=422)
        except engine.CommentNeeded as error:
            form.add_error("comment", deciding.nothing_decided(error))
            return self.rendered(entered, form=form, status=422)
        except engine.AlreadyDecided as error:
            messages.warning(self.request, deciding.who_was_first(error, self.request.user, self.asked))
        except engine.EngineError as error:
            messages.error(self.request, deciding.nothing_decided(error))
        else:
            messages.success(self.request, deciding.what_was_done(self.asked, decision, named=False))
        return redirect("portal:request", self.shown.public_id)

    def _say_what_stands_elsewhere(self, error: engine.FieldsInvalid | engine.AnswersInvalid) -> None:
        """Of fields that nobody enters here, and that do not go together with what was entered."""
        for name in error.errors.keys() & {field.name for field in self.definition.fields} - self.names:
            if isinstance(error, engine.FieldsInvalid):
                messages.error(self.request, f"{error.label_of(name)}: {error.errors[name]}")

    def rendered(
        self,
        entered: Mapping[str, Any],
        errors: Mapping[str, str] | None = None,
        form: DecideForm | None = None,
        status: int = 200,
    ) -> HttpResponse:
        step = self.definition.approval(self.step_key)
        answers = Answer.to(step, self.definition, self.shown)
        hidden = self.definition.hidden_in(self.step_key) | self.names
        context = self._rows(entered, errors or {}) | {
            "shown": self.shown,
            "process": self.definition.name,
            "step": step,
            "asked": self.asked,
            "pending": pending_of([self.asked]).get(self.asked.pk, ""),
            "what": facts_hash(self.shown, self.definition, self.step_key),
            "facts": facts_as_read(self.definition, self.shown.data, hidden),
            "answers": answers,
            "needs_comment": say_why(answers),
            "asked_too": question_rows(self.definition, self.asked, self.request.POST, errors or {}),
            "errors": errors,
            "form": form,
        }
        return render(self.request, "portal/fill.html", context, status=status)

    def _rows(self, entered: Mapping[str, Any], errors: Mapping[str, str]) -> dict[str, Any]:
        scope = Scope(self.names, self.definition.required_in(self.step_key), self.shown.data)
        every = rows(self.definition, fill(self.definition, entered, scope=scope), errors)
        hidden = self.definition.hidden_in(self.step_key)
        shown = _with_their_headings(every, self.names, hidden)
        looks = any(row.depends or (isinstance(row, Row) and row.computes) for row in shown)
        return {
            "rows": shown,
            "version": self.shown.version,
            "form_url": reverse("portal:fill_in", args=[self.shown.public_id, self.asked.pk]),
            "looks": looks,
            "wide": any(row.shape == "table" for row in shown),
            "scripted": looks
            or any(row.shape in ("person", "people", "search", "searches", "table") for row in shown),
        }

    def _changes(self, entered: Mapping[str, Any], do: str) -> HttpResponse:
        """The parts of the form that stand otherwise after what was just entered. Nothing is kept."""
        context = self._rows(entered, {})
        shown = context["rows"]
        name = do.split(":")[1:2]
        tables = [row for row in shown if isinstance(row, Row) and row.grid and name == [row.key]]
        others = [row for row in changed(shown, states_in(self.request.POST)) if row not in tables]
        context["rows"] = [*tables, *others]
        context["grids"] = [
            row.grid for row in shown if isinstance(row, Row) and row.grid and row not in context["rows"]
        ]
        context["added"] = do.startswith(ADD_ROW)
        return render(self.request, "portal/form_changes.html", context)

    def _brings_up_more(self, entered: Mapping[str, Any]) -> bool:
        """Whether there are fields to fill in that were not on the page: where it has no script, they come up now."""
        before = states_in(self.request.POST)
        return any_hidden(before) and bool(never_seen(self._rows(entered, {})["rows"], before))


def _with_their_headings(
    every: list[Row | Heading], names: frozenset[str], hidden: frozenset[str]
) -> list[Row | Heading]:
    """The rows of these fields, what is computed beside them and not hidden from whoever fills them in, and the
    headings that one of them stands below."""
    shown: list[Row | Heading] = []
    above: list[Row | Heading] = []
    for row in every:
        if isinstance(row, Heading):
            above = [row] if row.shape == "section" else [*above, row]
        elif row.key in hidden:
            continue
        elif row.key in names or (row.fixed and row.shown and row.field.computed is not None):
            shown += [*above, row]
            above = []
    return shown
