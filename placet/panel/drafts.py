"""Drafts of processes, which come from files of WorkflowGen: what became of each file, and what is to be put right.

Nothing is published here. What a file says is shown as text.
"""

from typing import Any

import structlog
from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.approvals.drafts import ProcessThere, problems_of_draft, store
from placet.approvals.drafts import discard as discard_draft
from placet.approvals.drafts import drafts as all_drafts
from placet.approvals.models import ProcessDraft
from placet.approvals.picture import drawing_of
from placet.approvals.processes import DefinitionInvalid, as_written
from placet.portal.people import PersonsRequest, administrators_only
from placet.workflowgen.importing import FileInvalid, Imported, read_process
from placet.workflowgen.report import CHANGED, DECIDE, LEFT_OUT, TAKEN, Report
from placet.workflowgen.texts import one_line
from placet.workflowgen.xpdl import LARGEST

log = structlog.get_logger(__name__)

A_PAGE = 50
#: What somebody has to do comes first.
HEADINGS = {
    DECIDE: gettext_lazy("Please decide"),
    CHANGED: gettext_lazy("Changed"),
    LEFT_OUT: gettext_lazy("Left out"),
    TAKEN: gettext_lazy("Taken"),
}


class DraftForm(forms.Form):
    """A file of WorkflowGen. Once it is valid, `imported` is what it came to."""

    file = forms.FileField(
        label=gettext_lazy("XML file"),
        widget=forms.FileInput(attrs={"accept": ".xml,.xpdl,text/xml,application/xml"}),
        help_text=gettext_lazy("As WorkflowGen exports one process, at most 8 MB."),
        error_messages={"empty": gettext_lazy("This file is empty.")},
    )
    replace = forms.BooleanField(
        label=gettext_lazy("Also if a process of this key is there"),
        required=False,
        help_text=gettext_lazy("Its published versions stay as they are; an older draft of it is replaced."),
    )

    imported: Imported

    def clean_file(self) -> "UploadedFile[bytes]":
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        try:
            # One byte more than is allowed tells the reader that it is too large.
            self.imported = read_process(file.read(LARGEST + 1), file.name or "")
        except FileInvalid as error:
            raise forms.ValidationError(str(error)) from error
        return file


@administrators_only
def drafts(request: PersonsRequest) -> HttpResponse:
    """The drafts that are there, and a file that makes another one."""
    form = DraftForm(request.POST, request.FILES) if request.method == "POST" else DraftForm()
    if request.method == "POST" and form.is_valid():
        made = _made(request, form)
        if made is not None:
            return redirect("panel:draft", made.pk)
    page = Paginator(all_drafts().defer("report"), A_PAGE).get_page(request.GET.get("page"))
    context = {"form": form, "page": page}
    return render(request, "panel/drafts.html", context, status=422 if form.errors else 200)


def _made(request: PersonsRequest, form: DraftForm) -> ProcessDraft | None:
    imported = form.imported
    try:
        draft = store(
            imported.key,
            imported.name,
            imported.text,
            report=imported.report.as_json(),
            file_name=one_line(form.cleaned_data["file"].name or ""),
            by=request.user,
            replace=form.cleaned_data["replace"],
        )
    except ProcessThere as error:
        form.add_error("replace", str(error))
        return None
    log.info("process_imported", key=imported.key, by=request.user.pk)
    return draft


@administrators_only
def draft(request: PersonsRequest, pk: int) -> HttpResponse:
    shown = get_object_or_404(all_drafts(), pk=pk)
    report = Report.from_json(shown.report)
    context = {
        "draft": shown,
        "process": shown.process,
        "problems": problems_of_draft(shown),
        "lists": [
            (kind, heading, len(report.of(kind)), report.by_text(kind)) for kind, heading in HEADINGS.items()
        ],
        "picture": _picture(shown.text),
        "command": f"placet process publish --draft {shown.process.key}",
    }
    return render(request, "panel/draft.html", context)


def _picture(text: str) -> SafeString:
    """Empty for a text that says too little to be drawn."""
    try:
        return drawing_of(as_written(text))
    except DefinitionInvalid:
        return SafeString()


@administrators_only
def draft_file(request: PersonsRequest, pk: int) -> HttpResponse:
    shown = get_object_or_404(all_drafts(), pk=pk)
    return _file(shown.text, f"{shown.process.key}.yaml")


@administrators_only
def report_file(request: PersonsRequest, pk: int) -> HttpResponse:
    shown = get_object_or_404(all_drafts(), pk=pk)
    report = Report.from_json(shown.report)
    lines: list[str] = []
    for kind, heading in HEADINGS.items():
        lines += [str(heading), *(f"  {line.place}: {line.text}" for line in report.of(kind)), ""]
    return _file("\n".join(lines), f"{shown.process.key}-import.txt")


def _file(text: str, name: str) -> HttpResponse:
    headers: dict[str, Any] = {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return HttpResponse(text, headers=headers)


@administrators_only
def discard(request: PersonsRequest, pk: int) -> HttpResponse:
    if request.method != "POST":
        return redirect("panel:drafts")
    shown = get_object_or_404(all_drafts(), pk=pk)
    key, name = shown.process.key, shown.process.name
    discard_draft(shown)
    log.info("draft_discarded", key=key, by=request.user.pk)
    messages.success(request, _("The draft of {name} is gone.").format(name=name))
    return redirect("panel:drafts")
