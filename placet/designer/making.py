"""A process that is not there yet: empty, as one of those that come with Placet, as a copy, or out of a file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.accounts.models import Group
from placet.approvals import drafts, owning
from placet.approvals.authority_cells import GROUP
from placet.approvals.definitions import Definition
from placet.approvals.drafts import ProcessThere, text_of
from placet.approvals.models import Process
from placet.approvals.picture import drawing_of, outline_of
from placet.approvals.process_text import Unreadable, read_text
from placet.approvals.processes import newest
from placet.approvals.renaming import renamed
from placet.approvals.sample_files import Sample, sample_called, sample_names
from placet.approvals.sample_tables import add_tables, draft_tables, missing_tables
from placet.designer.forms import ImportForm, NamesForm
from placet.designer.people import find_process, owners_only
from placet.portal.people import PersonsRequest

log = structlog.get_logger(__name__)

#: What each of the processes that come with Placet is good for, in a sentence.
DESCRIBED: Mapping[str, Promise] = {
    "access": gettext_lazy(
        "Rights in a system, given once the manager and one of its owners agree, with reminders."
    ),
    "change": gettext_lazy(
        "A change of IT: security and operations check it, a board decides, then it is carried out."
    ),
    "contract": gettext_lazy(
        "A contract: legal, finance and others look at it side by side before it is signed."
    ),
    "document": gettext_lazy(
        "A document: reviewed by several, sent back for changes where needed, and released."
    ),
    "expense": gettext_lazy(
        "Expenses line by line, with receipts: the manager, and finance above an amount."
    ),
    "hiring": gettext_lazy("An offer to somebody: the interviewers vote, then several departments agree."),
    "invoice": gettext_lazy(
        "An incoming invoice: checked, released by a manager whose limit is enough, and paid."
    ),
    "order": gettext_lazy(
        "A purchase order: a table of authority says who approves; then it waits for its delivery."
    ),
    "purchase": gettext_lazy(
        "The smallest one: the manager decides, and the group finance, too, above an amount."
    ),
    "travel": gettext_lazy(
        "A business trip: estimated and booked by the travel desk, decided by managers in between."
    ),
    "vacation": gettext_lazy(
        "Days off: the stand-in agrees, then the manager; the stand-in hears when it is granted."
    ),
}


@dataclass(frozen=True)
class Template:
    """One of the processes that come with Placet. `groups`: keys of those that it asks. `tables`: keys of authority
    tables that come with it, because there is none of this key yet."""

    sample: Sample
    definition: Definition
    description: str
    groups: Sequence[str]
    tables: Sequence[str]

    @property
    def picture(self) -> SafeString:
        return drawing_of(self.definition)

    @property
    def small_picture(self) -> SafeString:
        """What it says stands on the page of the template."""
        return outline_of(self.definition)


def template_of(sample: Sample) -> Template:
    definition = Definition.model_validate(read_text(sample.text).data)
    tables = [path.read_text(encoding="utf-8") for path in sample.tables.values()]
    groups = {
        *definition.groups,
        *(key for table in tables for key in re.findall(f"{GROUP}([a-z0-9_-]+)", table)),
    }
    return Template(sample, definition, str(DESCRIBED[sample.name]), sorted(groups), missing_tables(sample))


# --- new --------------------------------------------------------------------------------------------------


@owners_only
def new(request: PersonsRequest) -> HttpResponse:
    """What to begin with; an empty one is made here."""
    form = NamesForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        text = renamed(f"key: {form.cleaned_data['key']}\nname: x\n", "", form.cleaned_data["name"])
        if made := _made(request, form, text):
            return redirect("designer:process", made.key)
    samples = [sample for name in sample_names() if (sample := sample_called(name)) is not None]
    templates = sorted(map(template_of, samples), key=lambda one: one.definition.name)
    context = {"form": form, "templates": templates}
    return render(request, "designer/new.html", context, status=422 if form.errors else 200)


@owners_only
def template(request: PersonsRequest, name: str) -> HttpResponse:
    """One that comes with Placet, and the draft of a process that begins as it."""
    sample = sample_called(name)
    if sample is None:
        raise Http404
    shown = template_of(sample)
    taken = Process.objects.filter(key=name).exists()
    offered = {"name": shown.definition.name, "key": "" if taken else name}
    form = NamesForm(request.POST if request.method == "POST" else None, initial=offered)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        if made := _made(request, form, renamed(sample.text, given["key"], given["name"]), sample):
            return redirect("designer:process", made.key)
    context = {
        "form": form,
        "template": shown,
        "taken": taken,
        "text": sample.text,
        "empty_groups": without_anybody(shown.groups),
    }
    return render(request, "designer/template.html", context, status=422 if form.errors else 200)


def without_anybody(groups: Sequence[str]) -> list[str]:
    """Of groups by their keys: those in which nobody could be asked, as they are today."""
    staffed = set(Group.objects.filter(key__in=groups, members__is_active=True).values_list("key", flat=True))
    return [key for key in groups if key not in staffed]


@transaction.atomic
def _made(
    request: PersonsRequest, form: NamesForm, text: str, sample: Sample | None = None
) -> Process | None:
    """A process with a draft; None, and the form says so, where somebody was faster."""
    try:
        draft = drafts.store(form.cleaned_data["key"], form.cleaned_data["name"], text, by=request.user)
    except ProcessThere:
        form.say_taken()
        return None
    if sample is not None:
        _bring_tables(request, sample)
    _begin_to_own(request, draft.process)
    log.info("process_made", key=draft.process.key, by=request.user.pk)
    messages.success(
        request,
        _("The draft of {name} is there. Nobody can start it before it is published.").format(
            name=draft.process.name
        ),
    )
    return draft.process


def _bring_tables(request: PersonsRequest, sample: Sample) -> None:
    """Only administrators say who may approve what: what an owner brings is a draft for them."""
    if request.user.is_administrator:
        for table in add_tables(sample, request.user):
            sentence = _("The authority table {key} was not there yet, so the template's is now.")
            messages.info(request, sentence.format(key=table.key))
        return
    for key in draft_tables(sample, request.user):
        sentence = _(
            "The authority table {key} is not there yet. The template's is a draft now, which an administrator has to "
            "publish before anybody can be asked by it."
        )
        messages.warning(request, sentence.format(key=key))


def _begin_to_own(request: PersonsRequest, process: Process) -> None:
    """Whoever makes a process owns it; administrators own all of them without being named."""
    if not request.user.is_administrator:
        owning.add_owner(process, request.user, request.user)


@owners_only
def copy(request: PersonsRequest, key: str) -> HttpResponse:
    """The draft of another process that says the same, comments too."""
    shown = find_process(request, key)
    offered = _("{name} (copy)").format(name=shown.name)
    form = NamesForm(request.POST if request.method == "POST" else None, initial={"name": offered})
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            text = renamed(_newest_text(shown), given["key"], given["name"])
        except Unreadable as error:
            form.add_error(None, error.problems)
        else:
            if made := _made(request, form, text):
                return redirect("designer:process", made.key)
    context = {"process": shown, "form": form}
    return render(request, "designer/copy.html", context, status=422 if form.errors else 200)


def _newest_text(process: Process) -> str:
    """Of what is published, else of the draft."""
    version = newest(process)
    if version is not None:
        return text_of(version)
    draft = drafts.draft_of(process.key)
    return f"key: {process.key}\n" if draft is None else draft.text


# --- out of a file ----------------------------------------------------------------------------------------


@owners_only
def import_process(request: PersonsRequest) -> HttpResponse:
    """A draft of what another program exported, with a report, or of YAML. Nothing is published."""
    is_sent = request.method == "POST"
    form = ImportForm(request.POST, request.FILES) if is_sent else ImportForm()
    if is_sent and form.is_valid() and _imported(request, form):
        return redirect("designer:report" if form.report.lines else "designer:process", form.process_key)
    return render(request, "designer/import.html", {"form": form}, status=422 if form.errors else 200)


@transaction.atomic
def _imported(request: PersonsRequest, form: ImportForm) -> bool:
    present = Process.objects.filter(key=form.process_key).first()
    if present is not None and not owning.owns(request.user, present):
        # Whose it is, and what it is called, is not theirs to know.
        form.add_error("key", _("There is a process of this key already. Choose another one."))
        return False
    try:
        draft = drafts.store(
            form.process_key,
            form.name,
            form.text,
            report=form.report.as_json(),
            file_name=form.file_name,
            by=request.user,
            # Not in place of one that came meanwhile: nobody has looked at whose that is.
            replace=present is not None and form.cleaned_data["replace"],
        )
    except ProcessThere as error:
        form.add_error("replace", str(error))
        return False
    if present is None:
        _begin_to_own(request, draft.process)
    log.info("process_imported", key=form.process_key, by=request.user.pk)
    return True
