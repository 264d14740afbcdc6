"""Authority tables and their versions, to be read; `table_drafts` has the pages on which they are made."""

from collections.abc import Sequence

from django.core.paginator import Paginator
from django.db.models import Max
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from placet.approvals.authority import rows_of
from placet.approvals.authority_cells import ANY, ASK, Column, matched_columns
from placet.approvals.authority_csv import is_list
from placet.approvals.models import AuthorityTable, TableDraft, TableVersion
from placet.panel.naming import processes_naming
from placet.portal.people import PersonsRequest, administrators_only

A_PAGE = 50


@administrators_only
def tables(request: PersonsRequest) -> HttpResponse:
    rows = AuthorityTable.objects.annotate(
        newest=Max("versions__number"), published_at=Max("versions__published_at")
    )
    page = Paginator(rows.order_by("name", "id"), A_PAGE).get_page(request.GET.get("page"))
    drafts = TableDraft.objects.select_related("by").defer("rows", "columns").order_by("name", "id")
    return render(request, "panel/tables.html", {"page": page, "drafts": drafts[:A_PAGE]})


@administrators_only
def table(request: PersonsRequest, pk: int) -> HttpResponse:
    """The rows of the newest version, or of the one that is chosen."""
    shown = get_object_or_404(AuthorityTable, pk=pk)
    versions = shown.versions.order_by("-number")
    number = request.GET.get("version", "")
    is_chosen = number.isdecimal() and len(number) < 10
    version = get_object_or_404(versions.filter(number=int(number)) if is_chosen else versions[:1])
    rows = rows_of(version)
    page = Paginator(rows.cells, A_PAGE).get_page(request.GET.get("page"))
    context = {
        "table": shown,
        "version": version,
        "versions": versions.defer("rows", "columns")[:A_PAGE],
        "every": version.hits == TableVersion.Hits.EVERY,
        "is_list": rows.is_list,
        "columns": matched_columns(rows.columns),
        "rows": [
            _row(number, rows.columns, cells) for number, cells in enumerate(page, start=page.start_index())
        ],
        "page": page,
        "keep": f"version={version.number}&" if is_chosen else "",
        "draft": TableDraft.objects.filter(key=shown.key).only("pk").first(),
        "processes": processes_naming(table=shown.key),
    }
    return render(request, "panel/table.html", context)


def _row(
    number: int, columns: Sequence[Column], cells: Sequence[str]
) -> tuple[int, list[tuple[str, str]], str]:
    """Its number, what it matches (or, in a list, says) by name of the column, and whom it asks."""
    by_name = {column.name: cell for column, cell in zip(columns, cells, strict=True)}
    asked, empty = by_name.pop(ASK, ""), "–" if is_list(columns) else ANY
    return number, [(name, cell or empty) for name, cell in by_name.items()], asked
