"""People as a CSV file: whatever a spreadsheet or a directory writes is read; what is written opens in both.

Nothing here looks at the database; `placet.accounts.importing` says what a file would change.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

LARGEST = 2 * 1024 * 1024  # bytes of a file
MOST_ROWS = 10_000
_DELIMITERS = (",", ";", "\t")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what spreadsheets calculate (OWASP: CSV injection)
_NO_BREAK_SPACES = str.maketrans("\u00a0\u2007\u202f", "   ")  # of spreadsheets and web pages, also in names

#: Columns that are read, with the heading that files made here have.
COLUMNS = {
    "name": gettext_noop("Name"),
    "address": gettext_noop("E-mail address"),
    "manager": gettext_noop("Manager"),
    "limit": gettext_noop("Approval limit"),
    "groups": gettext_noop("Groups"),
    "language": gettext_noop("Language"),
    "zone": gettext_noop("Time zone"),
    "calendar": gettext_noop("Calendar"),
    "administrator": gettext_noop("Administrator"),
    "process_owner": gettext_noop("Process owner"),
}
#: Columns that only files made here have; they are no loss when such a file is read again.
MORE_COLUMNS = {"others": gettext_noop("Other addresses"), "state": gettext_noop("State")}
# How other programs and other languages call them, without accents, signs and capitals.
_CALLED = {
    "name": "name fullname displayname nomcomplet nometprenom prenometnom nomaffiche personne person",
    "first": "firstname givenname prenom",
    "last": "lastname surname familyname sn nom nomdefamille",
    "address": "emailaddress address email mail emailaddresses mailaddress userprincipalname upn primarysmtpaddress "
    "workemail useremail adresseemail adresse adressemail adressedemessagerie adresseelectronique courriel",
    "manager": "manager manageremail managermail manageraddress managersemail managersaddress supervisor "
    "responsable gestionnaire superieur superieurhierarchique managerupn adresseduresponsable",
    "limit": "approvallimit limit approvalauthority limitedapprobation limite plafond plafonddapprobation",
    "groups": "groups group groupes groupe",
    "language": "language preferredlanguage lang langue languepreferee",
    "zone": "timezone zone fuseauhoraire fuseau",
    "calendar": "calendar workcalendar workingcalendar calendrier",
    "administrator": "administrator admin isadministrator isadmin administrateur administratrice",
    "process_owner": "processowner isprocessowner responsabledeprocessus responsabledeprocess",
    "others": "otheraddresses autresadresses",
    "state": "state etat",
}
_HEADINGS = {heading: column for column, headings in _CALLED.items() for heading in headings.split()}


class FileInvalid(ValueError):
    """Nothing of a file can be read; the message says what to do."""


@dataclass(frozen=True)
class Row:
    """One person as the file has them. Empty cells are left out."""

    line: int  # of the file, where the row begins
    cells: dict[str, str] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Table:
    rows: Sequence[Row]
    columns: Sequence[str]
    unread: Sequence[str] = ()  # headings that say nothing to us

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Table":
        return cls(**{**data, "rows": [Row(**row) for row in data["rows"]]})


# --- reading ----------------------------------------------------------------------------------------------


def read(content: bytes) -> Table:
    """The rows of a file. FileInvalid if it is none that people can be read from."""
    if len(content) > LARGEST:
        raise FileInvalid(_("This file is larger than 2 MB. Split it, and import one part after the other."))
    text = decoded(content)
    start, delimiter = shape(text, lambda heading: _column(heading) != "")
    reader = csv.reader(io.StringIO(text[start:], newline=""), delimiter=delimiter, strict=True)
    try:
        return _table(reader, text[:start].count("\n"))
    except csv.Error as error:
        raise FileInvalid(
            _(
                "This is not a whole CSV file: a quotation mark is not closed, or a cell is too long ({error})."
            ).format(error=error)
        ) from error


def decoded(content: bytes) -> str:
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise FileInvalid(
            _("This is a workbook, not a CSV file. Save it as “CSV UTF-8” and choose that file.")
        )
    for encoding in _encodings(content):
        try:
            return content.decode(encoding).removeprefix("\ufeff")
        except UnicodeDecodeError:
            continue
    raise FileInvalid(
        _("The letters of this file cannot be read. Save it as “CSV UTF-8” and choose that file.")
    )


def _encodings(content: bytes) -> Sequence[str]:
    """The mark at the beginning says it, or the zeros between Latin letters; else what is no UTF-8 is what
    spreadsheets on Windows write."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    start = content[:200]
    if start.count(0) * 3 > len(start):
        return ("utf-16-le",) if start[1::2].count(0) > start[::2].count(0) else ("utf-16-be",)
    return ("utf-8", "cp1252")


def shape(text: str, is_known: Callable[[str], bool]) -> tuple[int, str]:
    """Where the headings begin (Excel may name the delimiter in a line before), and the delimiter: the one that gives
    most headings that are known."""
    told = re.match(r"\s*\"?sep=([,;\t])\"?\r?\n", text, re.IGNORECASE)
    if told:
        return told.end(), told[1]
    heading = next((line for line in text.splitlines() if line.strip()), "")
    known = {delimiter: sum(map(is_known, heading.split(delimiter))) for delimiter in _DELIMITERS}
    return 0, max(_DELIMITERS, key=lambda delimiter: (known[delimiter], heading.count(delimiter)))


def _table(reader: Any, skipped: int) -> Table:
    """`skipped`: lines of the file before those that the reader has."""
    headings: list[str] = next((row for row in reader if any(cell.strip() for cell in row)), [])
    columns = [_column(heading) for heading in headings]
    _check(columns, headings)
    rows: list[Row] = []
    before = reader.line_num
    for cells in reader:
        line, before = skipped + before + 1, reader.line_num
        if any(cell.strip() for cell in cells):
            rows.append(_row(line, columns, cells))
        if len(rows) > MOST_ROWS:
            raise FileInvalid(
                _("There are more than {most} people in this file. Split it.").format(
                    most=number_format(MOST_ROWS, force_grouping=True)
                )
            )
    if not rows:
        raise FileInvalid(_("There is nobody in this file, only headings."))
    unread = [heading.strip() for heading in headings if heading.strip() and not _column(heading)]
    named = ["name" if column in ("first", "last") else column for column in columns]
    return Table(rows, [column for column in COLUMNS if column in named], unread)


def _check(columns: Sequence[str], headings: Sequence[str]) -> None:
    if "address" not in columns:
        raise FileInvalid(
            _(
                "There is no column with e-mail addresses. "
                "The first line must name the columns, such as: Name; E-mail address; Manager"
            )
        )
    for column, heading in zip(columns, headings, strict=True):
        if column and columns.count(column) > 1:
            raise FileInvalid(
                _("Two columns mean the same: one of them is “{heading}”. Take one out.").format(
                    heading=heading.strip()
                )
            )


def _column(heading: str) -> str:
    """Which column a heading means; "" for one that says nothing to us."""
    plain = unicodedata.normalize("NFKD", heading.strip().strip('"').casefold())
    return _HEADINGS.get("".join(c for c in plain if c.isalnum()), "")


def _row(line: int, columns: Sequence[str], cells: Sequence[str]) -> Row:
    if any(cell.strip() for cell in cells[len(columns) :]):
        return Row(line, problem=_("This line has more cells than there are headings."))
    found = {
        column: plain(cell) for column, cell in zip(columns, cells, strict=False) if column and cell.strip()
    }
    return Row(line, _with_name(found))


def _with_name(cells: dict[str, str]) -> dict[str, str]:
    """Where first and last names stand apart they are put together; “nom” alone is a whole name."""
    first, last, name = (cells.pop(part, "") for part in ("first", "last", "name"))
    if not name or (first and not last and first not in name):
        name = " ".join(part for part in (first, last or name) if part)
    return {**cells, "name": name} if name else cells


def plain(cell: str) -> str:
    """With plain spaces, and without the mark that keeps spreadsheets from calculating (`guarded`)."""
    cell = cell.translate(_NO_BREAK_SPACES).strip()
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_FORMULA) else cell


# --- writing ----------------------------------------------------------------------------------------------


def written(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A file for spreadsheets: with a mark that says UTF-8, headings in the reader's language, and nothing in it
    that they would calculate."""
    return b"".join(written_in_pieces(columns, [rows]))


def written_in_pieces(columns: Sequence[str], pieces: Iterable[Iterable[Sequence[str]]]) -> Iterator[bytes]:
    """The same, for rows that come some at a time."""
    headings = {**COLUMNS, **MORE_COLUMNS}
    first = [_(headings[column]) for column in columns]
    return (
        _piece(some).encode("utf-8-sig" if number == 0 else "utf-8")
        for number, some in enumerate(chain([[first]], pieces))
    )


def written_rows(rows: Iterable[Sequence[str]]) -> bytes:
    """A file of any rows, written as `written` does."""
    return _piece(rows).encode("utf-8-sig")


def _piece(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue()


def guarded(cell: str) -> str:
    """As a spreadsheet shows it and does not calculate it."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
