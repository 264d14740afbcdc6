"""A step's people fill in their part of the form, and answer with it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.approvals import attachments, engine_errors
from placet.approvals.attachments import AnswerClosed, FileRefused, FilesOfAnswer
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form import facts_as_read, facts_hash
from placet.approvals.form_logic import Scope, fill
from placet.approvals.models import Assignment, Request
from placet.approvals.seats import open_seats_of, seats_of
from placet.portal import deciding
from placet.portal.form_rows import (
    ADD_ROW,
    PREFIX,
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
from placet.portal.path import Definitions
from placet.portal.pending import pending_of
from placet.portal.people import PersonsRequest, find_request
from placet.portal.question_rows import answers_in, question_rows
from placet.portal.sent_back import sent_back
from placet.portal.uploads import say_too_large, takes_files
from placet.portal.waiting import Answer, say_why

KEEP = "keep"  # what the button does that answers later


@takes_files(
    gettext_lazy(
        "These files are larger than 25 MB together, so nothing was sent, and what you typed is not kept. Your browser"
        " may still have it: go back, and choose smaller files."
    )
)
def fill_in(
    request: PersonsRequest, public_id: UUID, number: int, status: int = 200, too_large: bool = False
) -> HttpResponse:
    """The fields that a step asks its people for, with its answers below them. `number`: of the assignment."""
    shown = find_request(request, public_id)
    mine = seats_of(request.user).filter(visit__request=shown)
    asked = get_object_or_404(mine.select_related("visit__request__version", "person"), pk=number)
    if asked.person_id != request.user.pk and asked.state == Assignment.State.OPEN:
        get_object_or_404(open_seats_of(request.user), pk=number)  # a delegate who still is one
    page = _Page(request, shown, asked)
    if asked.state != Assignment.State.OPEN or not page.names:
        return page.closed()
    return page.sent(too_large) if request.method == "POST" else page.rendered({}, status=status)


class _Page:
    def __init__(self, request: PersonsRequest, shown: Request, asked: Assignment) -> None:
        self.request, self.shown, self.asked = request, shown, asked
        self.definition: Definition = definition_of(shown.version)
        self.step_key = asked.visit.step_key
        self.names = self.definition.filled_in(self.step_key)
        self.file_fields = self.definition.files_filled_in(self.step_key)

    def sent(self, too_large: bool) -> HttpResponse:
        """What the buttons of the form do: answer, keep or remove a file, change the rows of a table."""
        do = self.request.POST.get("do", "")
        looks = do == "look" or "HX-Request" in self.request.headers
        entered = self._entered(by_itself=looks)
        with_rows = with_row_button(self.definition, entered, do)
        if looks and not too_large:
            return self._changes(with_rows or entered, do)
        if too_large:
            say_too_large(self.request)
            return self.rendered(entered, status=413)
        try:
            added, errors = self._keep_uploads()
        except AnswerClosed:
            return self.closed()
        if errors:
            return self.rendered(entered, errors, status=422)
        if remove := self.request.POST.get("remove"):
            attachments.remove_from_answer(self.asked, remove)
            messages.success(self.request, _("The file was removed."))
        if do == KEEP and not remove:
            self._say_what_was_kept(added)
        if remove or do == KEEP:
            return self.rendered(entered)
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
        return self._answer(form, entered, added)

    def _entered(self, *, by_itself: bool) -> dict[str, Any]:
        typed = entered_in(self.definition, self.request.POST, by_itself=by_itself)
        return {name: value for name, value in typed.items() if name in self.names}

    def _keep_uploads(self) -> tuple[frozenset[str], dict[str, str]]:
        """Keep what was chosen with the answer, so that it is not chosen again when something else does not fit. Gives
        ids, and a sentence for each field with a file that cannot be kept. AnswerClosed if nobody can answer."""
        added: set[str] = set()
        errors: dict[str, str] = {}
        for field in self.file_fields:
            for upload in self.request.FILES.getlist(PREFIX + field.name):
                try:
                    file = attachments.keep_for_answer(self.asked, field, upload)
                except FileRefused as error:
                    errors[field.name] = f"{errors.get(field.name, '')} {error}".strip()
                else:
                    added.add(str(file.public_id))
        return frozenset(added), errors

    def _say_what_was_kept(self, added: frozenset[str]) -> None:
        if added:
            messages.success(self.request, _("The files were saved. Only you see them until you answer."))
        else:
            messages.info(self.request, _("No file was chosen, so nothing was saved."))

    @property
    def _removed(self) -> frozenset[str]:
        """The ids of earlier files that are to go. Whatever the page does not speak of stays."""
        return frozenset(self.request.POST.getlist("drop")) if self.file_fields else frozenset()

    def _answer(self, form: DecideForm, entered: Mapping[str, Any], added: frozenset[str]) -> HttpResponse:
        answer = form.cleaned_data
        kept = frozenset(self.request.POST.getlist("kept"))
        try:
            decision = deciding.apply(
                self.asked,
                self.request.user,
                answer["shown"],
                answer["outcome"],
                answer["comment"],
                answers_in(self.definition, self.asked, self.request.POST),
                entered,
                FilesOfAnswer(kept | added, self._removed) if self.file_fields else None,
            )
        except engine_errors.Changed:
            self.shown.refresh_from_db()
            return self.rendered(entered, form=form, status=409)
        except engine_errors.OtherFiles as error:
            messages.warning(self.request, str(error))
            return self.rendered(entered, form=form, status=409)
        except (engine_errors.FieldsInvalid, engine_errors.AnswersInvalid) as error:
            self._say_what_stands_elsewhere(error)
            return self.rendered(entered, error.errors, form, status=422)
        except engine_errors.CommentNeeded as error:
            form.add_error("comment", deciding.nothing_decided(error))
            return self.rendered(entered, form=form, status=422)
        except engine_errors.AlreadyDecided as error:
            messages.warning(self.request, deciding.who_was_first(error, self.request.user, self.asked))
            self._say_what_was_not_attached()
        except engine_errors.EngineError as error:
            messages.error(self.request, deciding.nothing_decided(error))
            self._say_what_was_not_attached()
        else:
            messages.success(self.request, deciding.what_was_done(self.asked, decision, named=False))
        return redirect("portal:request", self.shown.public_id)

    def closed(self) -> HttpResponse:
        messages.info(self.request, _("Nothing is to be filled in here any more."))
        self._say_what_was_not_attached()
        return redirect("portal:request", self.shown.public_id)

    def _say_what_was_not_attached(self) -> None:
        """Of files that somebody chose, or that are still kept for an answer that cannot be given any more."""
        chosen = self.request.method == "POST" and any(
            self.request.FILES.getlist(PREFIX + field.name) for field in self.file_fields
        )
        self.asked.refresh_from_db(fields=["state"])
        if self.asked.state != Assignment.State.OPEN and (chosen or self.asked.attachments.exists()):
            messages.warning(
                self.request, _("The files that you added here were not attached to the request.")
            )

    def _say_what_stands_elsewhere(
        self, error: engine_errors.FieldsInvalid | engine_errors.AnswersInvalid
    ) -> None:
        """Of fields that nobody enters here, and that do not go together with what was entered."""
        for name in error.errors.keys() & {field.name for field in self.definition.fields} - self.names:
            if isinstance(error, engine_errors.FieldsInvalid):
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
        what = facts_hash(self.shown, self.definition, self.step_key)
        if self.request.POST.get("shown", what) != what:  # whatever was sent: something else stands here now
            messages.warning(self.request, deciding.changed_sentence())
        context = self._rows(entered, errors or {}) | {
            "back": sent_back([self.asked], Definitions()).get(self.asked.pk),
            "shown": self.shown,
            "process": self.definition.name,
            "step": step,
            "pending": pending_of([self.asked], self.request.user).get(self.asked.pk, ""),
            "what": what,
            "facts": facts_as_read(self.definition, self.shown.data, hidden),
            "answers": answers,
            "needs_comment": say_why(answers),
            "asked_too": question_rows(self.definition, self.asked, self.request.POST, errors or {}),
            "errors": errors,
            "form": form or DecideForm(self.request.POST or None),  # no button takes a comment away
        }
        return render(self.request, "portal/fill.html", context, status=status)

    def _rows(self, entered: Mapping[str, Any], errors: Mapping[str, str]) -> dict[str, Any]:
        held, removed = self.shown.data, self._removed
        kept = attachments.of(self.asked) if self.file_fields else {}
        files = attachments.with_answer(self.definition, self.step_key, held, kept, removed)
        earlier = {field.name: held.get(field.name) or () for field in self.file_fields}
        scope = Scope(self.names, self.definition.required_in(self.step_key), held)
        filled = fill(self.definition, entered, files, scope)
        every = rows(self.definition, filled, errors, kept, earlier, removed)
        hidden = self.definition.hidden_in(self.step_key)
        shown = _with_their_headings(every, self.names, hidden)
        looks = any(row.depends or (isinstance(row, Row) and row.computes) for row in shown)
        return {
            "rows": shown,
            "asked": self.asked,
            "version": self.shown.version,
            "form_url": reverse("portal:fill_in", args=[self.shown.public_id, self.asked.pk]),
            "looks": looks,
            "wide": any(row.shape == "table" for row in shown),
            "file_inputs": ",".join(PREFIX + field.name for field in self.file_fields),
            "largest_together": attachments.LARGEST_TOGETHER,
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
