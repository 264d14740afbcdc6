"""Authority tables are made, imported and edited row by row, reviewed for gaps and overlaps, and published."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from placet.accounts.people_csv import LARGEST
from placet.approvals import authority_drafts
from placet.approvals.authority import newest, rows_of
from placet.approvals.authority_cells import ASK, NUMBER, TEXT
from placet.approvals.authority_csv import (
    Rows,
    TableInvalid,
    cell_problem,
    columns_from_json,
    is_list,
    read,
    written,
)
from placet.approvals.authority_drafts import ChangedMeanwhile, PublishedMeanwhile
from placet.approvals.models import AuthorityTable, TableDraft, TableVersion
from placet.portal.people import PersonsRequest, administrators_only

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

A_PAGE = 25  # rows that are edited at once
AT_FIRST = 4  # columns that a new table is asked for
MOST_SHOWN = 50  # problems, warnings
_PLAIN = {"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}
HITS = (
    (TableVersion.Hits.FIRST.value, gettext_lazy("the first row that fits counts")),
    (TableVersion.Hits.EVERY.value, gettext_lazy("every row that fits counts")),
)
KINDS = ((TEXT, gettext_lazy("text")), (NUMBER, gettext_lazy("number")))


class AboutForm(forms.Form):
    """What a table is called, and how it is read."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    hits = forms.ChoiceField(label=gettext_lazy("If several rows fit"), choices=HITS)


class NewTableForm(AboutForm):
    key = forms.SlugField(
        label=gettext_lazy("Key"),
        max_length=50,
        help_text=gettext_lazy(
            "Processes name the table by it, such as authority. It cannot be changed later."
        ),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    asks = forms.BooleanField(
        label=gettext_lazy("Its rows say who is asked"),
        required=False,
        initial=True,
        help_text=gettext_lazy("Otherwise it is a list: forms offer what stands in it."),
    )

    field_order = ("name", "key", "hits", "asks")

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        for number in range(1, AT_FIRST + 1):
            label = _("Column {number}").format(number=number)
            self.fields[f"column_{number}"] = forms.CharField(
                label=label, max_length=60, required=number == 1, widget=forms.TextInput(attrs=_PLAIN)
            )
            kind = forms.ChoiceField(label=_("{column} holds").format(column=label), choices=KINDS)
            self.fields[f"kind_{number}"] = kind

    @property
    def pairs(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        return [(self[f"column_{n}"], self[f"kind_{n}"]) for n in range(1, AT_FIRST + 1)]

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Names and kinds, as they were typed."""
        given = self.cleaned_data
        typed = [(given[f"column_{n}"].strip(), given[f"kind_{n}"]) for n in range(1, AT_FIRST + 1)]
        return [*(pair for pair in typed if pair[0]), *([(ASK, ASK)] if given["asks"] else [])]


class FileForm(forms.Form):
    """A CSV file in place of the rows of a table, or as those of a new one."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv,text/plain"}),
        help_text=gettext_lazy(
            "At most 2 MB. Its first line names the columns, such as cost_centre, amount:number and ask (who is asked)."
        ),
        error_messages={"empty": gettext_lazy("This file is empty.")},
    )

    def rows(self) -> Rows:
        """TableInvalid with every problem."""
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        return read(file.read(LARGEST + 1))


class ImportForm(AboutForm, FileForm):
    key = forms.SlugField(
        label=gettext_lazy("Key"),
        max_length=50,
        help_text=gettext_lazy(
            "Processes name the table by it, such as authority. The key of a table that is there already makes its "
            "next version."
        ),
        widget=forms.TextInput(attrs=_PLAIN),
    )

    field_order = ("file", "name", "key", "hits")


class ColumnForm(forms.Form):
    column = forms.CharField(
        label=gettext_lazy("One more column"), max_length=60, widget=forms.TextInput(attrs=_PLAIN)
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("It holds"), choices=(*KINDS, (ASK, gettext_lazy("who is asked (ask)")))
    )


# --- a draft begins ---------------------------------------------------------------------------------------


@administrators_only
def new_table(request: PersonsRequest) -> HttpResponse:
    form = NewTableForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            columns = columns_from_json(authority_drafts.named(form.columns))
            rows = Rows(columns, [[""] * len(columns)])
            _must_be_new(given["key"])
            draft = authority_drafts.make(given["key"], given["name"], given["hits"], rows, request.user)
        except TableInvalid as error:
            _say(form, error)
        else:
            return redirect("panel:table_draft", draft.pk)
    return render(request, "panel/new_table.html", {"form": form}, status=422 if form.errors else 200)


def _must_be_new(key: str) -> None:
    if AuthorityTable.objects.filter(key=key).exists():
        raise TableInvalid([_("There is a table {key} already: open it to edit it.").format(key=key)])


def _say(form: forms.Form, error: TableInvalid) -> None:
    for problem in error.problems[:MOST_SHOWN]:
        form.add_error(None, problem)


@administrators_only
def import_table(request: PersonsRequest) -> HttpResponse:
    """A file becomes a draft, which is reviewed before it is published."""
    posted = request.method == "POST"
    form = ImportForm(request.POST, request.FILES) if posted else ImportForm(initial=_known(request.GET))
    if posted and form.is_valid():
        given = form.cleaned_data
        try:
            draft = authority_drafts.make(
                given["key"], given["name"], given["hits"], form.rows(), request.user
            )
        except TableInvalid as error:
            _say(form, error)
        else:
            return redirect("panel:review_table", draft.pk)
    return render(request, "panel/import_table.html", {"form": form}, status=422 if form.errors else 200)


def _known(query: QueryDict) -> dict[str, str]:
    """What the form shows of the table that the next version of is imported."""
    version = newest(query.get("key", ""))
    if version is None:
        return {}
    return {"key": version.table.key, "name": version.table.name, "hits": version.hits}


@administrators_only
def edit_table(request: PersonsRequest, pk: int) -> HttpResponse:
    """A draft with the rows of the newest version, or the one that is there."""
    table = get_object_or_404(AuthorityTable, pk=pk)
    if request.method != "POST":
        return redirect("panel:table", pk)
    return redirect("panel:table_draft", authority_drafts.begin(table.key, request.user).pk)


# --- its rows ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EditedCell:
    """`column` and `input`: their names. `text`: what stands in it. `says_who`: who is asked, and no value."""

    column: str
    input: str
    text: str
    says_who: bool
    is_wrong: bool


@dataclass(frozen=True)
class EditedRow:
    """`problems`: those of its cells, in their order."""

    number: int
    cells: Sequence["EditedCell"]
    problems: Sequence[str]
    is_first: bool
    is_last: bool


@administrators_only
def table_draft(request: PersonsRequest, pk: int) -> HttpResponse:
    """Its rows as inputs. Each button keeps what was typed, too."""
    draft = get_object_or_404(TableDraft, pk=pk)
    if request.method != "POST":
        return _editor(request, draft, request.GET.get("page"))
    page = request.POST.get("page")
    try:
        with authority_drafts.changed(pk, _revision(request), request.user) as draft:
            _take_in(draft, request.POST)
            moved = _do(draft, request.POST)
    except ChangedMeanwhile:
        return _as_it_is_now(request, pk, _at(pk, page))
    except TableInvalid as error:
        messages.error(request, " ".join(error.problems[:MOST_SHOWN]))
        return redirect(_at(pk, page))
    if request.POST.get("do") == "review":
        return redirect("panel:review_table", pk)
    return redirect(_at(pk, str((moved - 1) // A_PAGE + 1)) + f"#row-{moved}" if moved else _at(pk, page))


def _as_it_is_now(request: PersonsRequest, pk: int, page: str) -> HttpResponse:
    """After somebody else changed, published or discarded the draft."""
    if not TableDraft.objects.filter(pk=pk).exists():
        messages.error(request, _("This draft was published or discarded meanwhile, so nothing was saved."))
        return redirect("panel:tables")
    messages.error(
        request,
        _("Somebody changed this draft after you opened it, so nothing was saved. This is how it is now."),
    )
    return redirect(page)


def _revision(request: PersonsRequest) -> int:
    return _number(request, "revision") or 0


def _number(request: PersonsRequest, name: str) -> int | None:
    """None where the form has none of this name."""
    text = request.POST.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _at(pk: int, page: str | None) -> str:
    known = page if page and page.isdecimal() else "1"
    return f"{reverse('panel:table_draft', args=[pk])}?page={known}"


def _take_in(draft: TableDraft, posted: QueryDict) -> None:
    """What stands in the inputs of the page; rows that it does not show stay."""
    for row, cells in enumerate(draft.rows):
        for column in range(len(draft.columns)):
            text = posted.get(f"cell-{row + 1}-{column}")
            if text is not None:
                cells[column] = text.strip()
    form = AboutForm(posted)
    if "name" in posted and form.is_valid():
        draft.name, draft.hits = form.cleaned_data["name"], form.cleaned_data["hits"]


def _do(draft: TableDraft, posted: QueryDict) -> int:
    """The number of the row to go to; 0 for none."""
    what, _colon, about = posted.get("do", "").partition(":")
    number = int(about) if about.isdecimal() and len(about) < 7 else 0
    if what == "add":
        authority_drafts.add_row(draft, len(draft.rows))
        return len(draft.rows)
    if what == "column":
        form = ColumnForm(posted)
        if form.is_valid():
            authority_drafts.add_column(draft, form.cleaned_data["column"], form.cleaned_data["kind"])
    elif what == "without":
        authority_drafts.remove_column(draft, about)
    if not 1 <= number <= len(draft.rows):
        return 0
    if what == "behind":
        authority_drafts.add_row(draft, number)
        return number + 1
    if what == "remove":
        authority_drafts.remove_row(draft, number)
        return max(number - 1, 1)
    if what in ("up", "down"):
        authority_drafts.move_row(draft, number, -1 if what == "up" else 1)
        return min(max(number + (-1 if what == "up" else 1), 1), len(draft.rows))
    return 0


def _editor(request: PersonsRequest, draft: TableDraft, number: str | None) -> HttpResponse:
    page: Page[list[str]] = Paginator(draft.rows, A_PAGE).get_page(number)
    wrong = authority_drafts.wrong_rows(draft)
    columns = columns_from_json(draft.columns)
    context = {
        "draft": draft,
        "about": AboutForm({"name": draft.name, "hits": draft.hits}),
        "column_form": ColumnForm(),
        "columns": columns,
        "asks": not Rows(columns, []).is_list,
        "rows": [
            _edited(draft, at, cells, wrong.get(at, ()))
            for at, cells in enumerate(page, start=page.start_index() or 1)
        ],
        "page": page,
        "keep": "",
        "wrong": sum(map(len, wrong.values())),
        "newest": authority_drafts.newest_number(draft.key),
    }
    return render(request, "panel/table_draft.html", context)


def _edited(draft: TableDraft, number: int, cells: Sequence[str], problems: Sequence[str]) -> EditedRow:
    columns = columns_from_json(draft.columns)
    in_a_list = is_list(columns)
    edited = [
        EditedCell(
            column.name,
            f"cell-{number}-{at}",
            text,
            column.kind == ASK,
            bool(problems and cell_problem(column, text, in_a_list=in_a_list)),
        )
        for at, (column, text) in enumerate(zip(columns, cells, strict=True))
    ]
    return EditedRow(number, edited, problems, number == 1, number == len(draft.rows))


# --- reviewed, published, discarded -----------------------------------------------------------------------


@administrators_only
def review_table(request: PersonsRequest, pk: int) -> HttpResponse:
    """What the command says of a file, too: rows that can never be hit, gaps, overlaps, who is not there."""
    draft = get_object_or_404(TableDraft, pk=pk)
    if request.method == "POST":
        try:
            version = _publish(request, draft)
        except ChangedMeanwhile:
            return _as_it_is_now(request, pk, reverse("panel:review_table", args=[pk]))
        except PublishedMeanwhile:
            messages.error(
                request,
                _(
                    "Another version of this table was published after you opened this page, so nothing was "
                    "published. Look at what would be lost of it."
                ),
            )
            return redirect("panel:review_table", pk)
        except TableInvalid as error:
            messages.error(request, error.problems[0])
            return redirect("panel:review_table", pk)
        messages.success(request, _published(version, _number(request, "in_place_of")))
        return redirect("panel:table", version.table_id)
    findings = authority_drafts.looked_at(draft)
    context = {
        "draft": draft,
        "rows": len(draft.rows),
        "in_place_of": authority_drafts.newest_number(draft.key),
        "problems": findings.problems[:MOST_SHOWN],
        "more_problems": len(findings.problems[MOST_SHOWN:]),
        "warnings": findings.warnings[:MOST_SHOWN],
        "more_warnings": len(findings.warnings[MOST_SHOWN:]),
        "findings": findings,
    }
    return render(request, "panel/review_table.html", context)


def _publish(request: PersonsRequest, draft: TableDraft) -> TableVersion:
    shown = _number(request, "in_place_of")
    return authority_drafts.publish(
        draft.pk,
        _revision(request),
        in_place_of=-1 if shown is None else shown,  # of no version: the page said none
        accepted=request.POST.get("accepted") == "yes",
        by=request.user,
    )


def _published(version: TableVersion, in_place_of: int | None) -> str:
    if version.number == in_place_of:
        told = _("{name} is the same as version {number}; there was nothing to do.")
    else:
        told = ngettext(
            "{name} is published as version {number}: {rows} row.",
            "{name} is published as version {number}: {rows} rows.",
            len(version.rows),
        )
    return told.format(name=version.table.name, number=version.number, rows=len(version.rows))


@administrators_only
def discard_table_draft(request: PersonsRequest, pk: int) -> HttpResponse:
    draft = get_object_or_404(TableDraft, pk=pk)
    if request.method != "POST":
        return redirect("panel:table_draft", pk)
    draft.delete()
    messages.success(request, _("The draft of {name} was discarded.").format(name=draft.name))
    return redirect("panel:tables")


# --- as a file --------------------------------------------------------------------------------------------


@administrators_only
def table_file(request: PersonsRequest, pk: int, number: int) -> HttpResponse:
    """One version as CSV, which an import reads as the same."""
    version = get_object_or_404(TableVersion.objects.select_related("table"), table=pk, number=number)
    answer = HttpResponse(written(rows_of(version)), "text/csv; charset=utf-8")
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["Content-Disposition"] = f'attachment; filename="{version.table.key}-{number}.csv"'
    return answer
