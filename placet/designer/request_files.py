"""All requests as files: a table (CSV, XLSX), and what happened in them as an event log (CSV, XES) for programs that
look at processes. Each has what the filter finds, at most so many requests, read and sent some at a time."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog
from django.http import Http404, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from placet.accounts.people_csv import written_rows
from placet.designer import event_log, request_chips, request_columns
from placet.designer.people import owners_only
from placet.designer.request_columns import Cell, Column
from placet.designer.request_filter import FilterForm, Requests
from placet.lib import clock
from placet.portal.path import Definitions
from placet.portal.people import PersonsRequest

log = structlog.get_logger(__name__)

MOST_EXPORTED = 100_000  # requests in one file
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TOGETHER = 200_000  # bytes of a file that are sent together
#: Rows go to the disk one by one, and what people wrote stays text, whatever it looks like.
_AS_IT_IS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


@owners_only
def csv_file(request: PersonsRequest) -> HttpResponseBase:
    form, found = _found(request)
    columns = request_columns.chosen(form.definition, request.GET.getlist("col"))
    about = _about(form)
    zone = timezone.get_current_timezone()

    def pieces() -> Iterator[bytes]:
        # The page is over when this runs, and its language and zone with it.
        with override(language), timezone.override(zone):
            yield written_rows([[column.label for column in columns]])
            for cells in _cells(found, columns):
                yield written_rows([[_text(cell) for cell in row] for row in cells]).removeprefix(
                    b"\xef\xbb\xbf"
                )
            yield written_rows([[], *about]).removeprefix(b"\xef\xbb\xbf")

    language = get_language() or "en"
    return _streamed(request, pieces(), "text/csv; charset=utf-8", "requests", "csv")


@owners_only
def xlsx_file(request: PersonsRequest) -> HttpResponseBase:
    """Written to a file first, row by row: a workbook begins with what stands at its end."""
    form, found = _found(request)
    columns = request_columns.chosen(form.definition, request.GET.getlist("col"))
    language, zone = get_language() or "en", timezone.get_current_timezone()
    from xlsxwriter import Workbook  # forty modules for this one page

    def pieces() -> Iterator[bytes]:
        with TemporaryDirectory(prefix="placet-export-") as folder:
            path = Path(folder) / "requests.xlsx"
            with (
                override(language),
                timezone.override(zone),
                Workbook(str(path), _AS_IT_IS) as book,
            ):
                _write_sheet(book, columns, found)
                _write_about(book, form)
            with path.open("rb") as file:
                while piece := file.read(_TOGETHER):
                    yield piece

    return _streamed(request, pieces(), _XLSX, "requests", "xlsx")


def _write_sheet(book: Any, columns: Sequence[Column], found: Requests) -> None:
    sheet = book.add_worksheet(_("Requests"))
    bold, moment = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    sheet.freeze_panes(1, 0)
    for place, column in enumerate(columns):
        sheet.set_column(place, place, 22)
        sheet.write_string(0, place, column.label, bold)
    number = 0
    for cells in _cells(found, columns):
        for row in cells:
            number += 1
            for place, cell in enumerate(row):
                if cell.at is not None:
                    local = timezone.localtime(cell.at).replace(tzinfo=None, microsecond=0)
                    sheet.write_datetime(number, place, local, moment)
                elif columns[place].key == request_columns.NUMBER:
                    sheet.write_number(number, place, int(cell.text))
                else:
                    sheet.write_string(number, place, cell.text[:32_767])  # as much as a cell holds


def _write_about(book: Any, form: FilterForm) -> None:
    sheet = book.add_worksheet(_("About"))
    sheet.set_column(0, 0, 22)
    for number, row in enumerate(_about(form)):
        for place, text in enumerate(row):
            sheet.write_string(number, place, text)


@owners_only
def events_csv(request: PersonsRequest) -> HttpResponseBase:
    """One line for each thing that happened: case, activity, timestamp, resource, lifecycle, result."""
    _form, found = _found(request)

    def pieces() -> Iterator[bytes]:
        with override(language):
            yield written_rows([event_log.COLUMNS])
            for some in found.all(MOST_EXPORTED):
                rows = [event.row for event in event_log.events_of(some)]
                yield written_rows(rows).removeprefix(b"\xef\xbb\xbf")

    language = get_language() or "en"
    return _streamed(request, pieces(), "text/csv; charset=utf-8", "events", "csv")


@owners_only
def events_xes(request: PersonsRequest) -> HttpResponseBase:
    """The same as XES (IEEE 1849), a trace for each request."""
    form, found = _found(request)
    about = event_log.beginning(filtered_by=request_chips.in_words(form), at=clock.now())

    def pieces() -> Iterator[bytes]:
        with override(language):
            yield about.encode()
            for some in found.all(MOST_EXPORTED):
                yield event_log.traces(some, event_log.events_of(some)).encode()
            yield event_log.END.encode()

    language = get_language() or "en"
    return _streamed(request, pieces(), "application/xml; charset=utf-8", "events", "xes")


def _found(request: PersonsRequest) -> tuple[FilterForm, Requests]:
    form = FilterForm(request.GET, request.user)
    if not form.is_valid():
        raise Http404  # its page says what is wrong
    return form, Requests(form, newest_first=request.GET.get("order") != "old")


def _cells(found: Requests, columns: Sequence[Column]) -> Iterator[list[list[Cell]]]:
    definitions = Definitions()
    for some in found.all(MOST_EXPORTED):
        yield [
            [cell for _column, cell in row.cells] for row in request_columns.rows(some, columns, definitions)
        ]


def _text(cell: Cell) -> str:
    return cell.text if cell.at is None else f"{timezone.localtime(cell.at):%Y-%m-%d %H:%M}"


def _about(form: FilterForm) -> list[list[str]]:
    """When it was made, and what of."""
    return [
        [_("Exported"), f"{clock.now().astimezone(UTC):%Y-%m-%d %H:%M} UTC"],
        [_("Filter"), request_chips.in_words(form)],
        [_("At most"), str(MOST_EXPORTED)],
    ]


def _streamed(
    request: PersonsRequest, pieces: Iterable[bytes], kind: str, name: str, ending: str
) -> StreamingHttpResponse:
    log.info("requests_exported", kind=f"{name}.{ending}", by=request.user.pk)
    return StreamingHttpResponse(pieces, headers=_headers(kind, name, ending))


def _headers(kind: str, name: str, ending: str) -> dict[str, str]:
    return {
        "Content-Type": kind,
        "Content-Disposition": f'attachment; filename="{name}-{clock.now():%Y-%m-%d-%H%M}.{ending}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
