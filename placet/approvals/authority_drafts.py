"""Authority tables as they are edited on pages: drafts of their next versions.

begin(key, by)              a draft with the rows of the newest version, or the one that is there
make(key, name, ...)        one of a new table, or with the rows of a file
changed(pk, revision, by)   a `with` block in which a draft is changed, if it is still that revision
looked_at(draft)            what is to be said of it before it is published
publish(pk, revision, ...)  the next version of its table; the draft is gone then
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.approvals import authority
from placet.approvals.authority_cells import ASK, matched_columns
from placet.approvals.authority_csv import (
    MOST_COLUMNS,
    MOST_OF_A_LIST,
    MOST_ROWS,
    Rows,
    TableInvalid,
    column_of,
    columns_as_json,
    columns_from_json,
    is_list,
    row_problems,
)
from placet.approvals.models import TableDraft, TableVersion
from placet.lib import clock


class ChangedMeanwhile(Exception):
    """A draft is not the revision any more that a page showed. Nothing was changed."""


class PublishedMeanwhile(Exception):
    """Of the table of a draft another version is the newest by now than a page showed. Nothing was published."""


@dataclass(frozen=True)
class Findings:
    """What is to be said of a draft. `wrong`: by number of a row, counted from 1, what is wrong with its cells; while
    there is any, nothing else was looked for."""

    wrong: Mapping[int, Sequence[str]]
    review: authority.Review
    misfits: Sequence[str]
    meanwhile: Sequence[
        str
    ] = ()  # what a version says that was published since the draft was begun, and it does not

    @property
    def problems(self) -> Sequence[str]:
        wrong = [
            _("row {number}").format(number=number) + f": {problem}"
            for number, problems in self.wrong.items()
            for problem in problems
        ]
        return [*wrong, *self.review.problems]

    @property
    def warnings(self) -> Sequence[str]:
        return [*self.meanwhile, *self.review.warnings, *self.misfits]

    @property
    def must_be_accepted(self) -> bool:
        """Whether somebody has to say that it shall be published all the same."""
        return bool(self.warnings) or not self.review.is_complete


# --- a draft begins ---------------------------------------------------------------------------------------


def begin(key: str, by: Person) -> TableDraft:
    """TableInvalid where there is no such table."""
    version = authority.newest(key)
    if version is None:
        raise TableInvalid([_("There is no table {key}.").format(key=key)])
    values = {
        "name": version.table.name,
        "hits": version.hits,
        "columns": version.columns,
        "rows": version.rows,
        "begun_from": version.number,
        "by": by,
    }
    draft, _is_new = TableDraft.objects.get_or_create(key=key, defaults=values)
    return draft


def make(key: str, name: str, hits: str, rows: Rows, by: Person) -> TableDraft:
    """TableInvalid for a key or a name that no table can have, and where one of this key is being edited already."""
    authority.check_names(key, name)
    last = authority.newest(key)
    try:
        with transaction.atomic():
            return TableDraft.objects.create(
                key=key,
                name=name,
                hits=hits,
                columns=columns_as_json(rows.columns),
                rows=[list(cells) for cells in rows.cells],
                begun_from=last.number if last is not None else 0,
                by=by,
            )
    except IntegrityError as error:
        told = _("The table {key} is being edited already: publish or discard that draft first.")
        raise TableInvalid([told.format(key=key)]) from error


# --- it is changed ----------------------------------------------------------------------------------------


@contextmanager
def changed(pk: int, revision: int, by: Person) -> Iterator[TableDraft]:
    """ChangedMeanwhile where it is another revision by now, or gone; TableInvalid where it became too large."""
    with transaction.atomic():
        draft = _locked(pk, revision)
        yield draft
        columns = columns_from_json(draft.columns)
        most = MOST_OF_A_LIST if is_list(columns) else MOST_ROWS
        if len(draft.rows) > most:
            raise TableInvalid([_("There are more than {most} rows.").format(most=most)])
        if len(columns) > MOST_COLUMNS:
            raise TableInvalid([_("There are more than {most} columns.").format(most=MOST_COLUMNS)])
        draft.revision, draft.by, draft.at = draft.revision + 1, by, clock.now()
        draft.save()


def _locked(pk: int, revision: int) -> TableDraft:
    draft = TableDraft.objects.select_for_update().filter(pk=pk).first()
    if draft is None or draft.revision != revision:
        raise ChangedMeanwhile
    return draft


def add_row(draft: TableDraft, behind: int) -> None:
    """An empty one behind a row, counted from 1; 0: before all of them."""
    draft.rows.insert(behind, [""] * len(draft.columns))


def remove_row(draft: TableDraft, number: int) -> None:
    del draft.rows[number - 1]


def move_row(draft: TableDraft, number: int, by: int) -> None:
    """Up (-1) or down (1); at an end it stays."""
    to = number - 1 + by
    if 0 <= to < len(draft.rows):
        draft.rows.insert(to, draft.rows.pop(number - 1))


def add_column(draft: TableDraft, name: str, kind: str) -> None:
    """Before the one that says who is asked. TableInvalid for a name that no column can have, or that one has."""
    (column,) = named([(name, kind)])
    if any(one["name"] == column["name"] for one in draft.columns):
        raise TableInvalid([_("two columns are called {name}").format(name=column["name"])])
    at = next((n for n, one in enumerate(draft.columns) if one["kind"] == ASK), len(draft.columns))
    at = len(draft.columns) if column["kind"] == ASK else at
    draft.columns.insert(at, column)
    for cells in draft.rows:
        cells.insert(at, "")


def remove_column(draft: TableDraft, name: str) -> None:
    at = next((n for n, one in enumerate(draft.columns) if one["name"] == name), None)
    if at is not None:
        del draft.columns[at]
        for cells in draft.rows:
            del cells[at]


def named(columns: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """Columns from names and kinds as they were typed; TableInvalid for what no column can be called."""
    found = [(name, column_of(name if kind == ASK else f"{name}:{kind}")) for name, kind in columns]
    wrong = [name for name, column in found if column is None]
    if wrong:
        told = _("“{heading}” names no column: a name has letters of a-z, 0-9 and _, such as cost_centre.")
        raise TableInvalid([told.format(heading=name) for name in wrong])
    return columns_as_json([column for _name, column in found if column is not None])


# --- it is published --------------------------------------------------------------------------------------


def newest_number(key: str) -> int:
    """Of the newest version of a table; 0 where none is published."""
    last = authority.newest(key)
    return last.number if last is not None else 0


def looked_at(draft: TableDraft) -> Findings:
    rows = _rows_of(draft)
    wrong = wrong_rows(draft)
    missing = []
    if not matched_columns(rows.columns):
        missing.append(_("There is no column but {ask}; a group does the same.").format(ask=ASK))
    if not rows.cells:
        missing.append(_("There are no rows, only headings."))
    last = authority.newest(draft.key)
    meanwhile = _lost_from(last, draft)
    if wrong or missing:
        return Findings(wrong, authority.Review(missing, [], True), [], meanwhile)
    misfits = list(authority.misfits(draft.key, rows.columns))
    if rows.is_list and last is not None and not authority.rows_of(last).is_list:
        misfits.append(_("it has no column ask any more, so no step can ask by it: it would be a list"))
    return Findings(wrong, authority.review(rows, draft.hits), misfits, meanwhile)


def _lost_from(last: TableVersion | None, draft: TableDraft) -> list[str]:
    """What would be lost of a version that was published since the draft was begun, by a file, say: sentences; none
    where none was."""
    if last is None or last.number == draft.begun_from:
        return []
    told = _("version {number} was published after this draft was begun, and would be replaced")
    sentences = [told.format(number=last.number)]
    begun = TableVersion.objects.filter(table__key=draft.key, number=draft.begun_from).first()
    if last.columns != draft.columns or last.hits != draft.hits:
        told = _("version {number} has other columns, or another row counts there if several fit")
        sentences.append(told.format(number=last.number))
    if last.columns != draft.columns:
        return sentences  # its rows cannot be told from those of the draft
    before = begun.rows if begun is not None and begun.columns == last.columns else []
    absent = _rows_without(_rows_without(last.rows, before), draft.rows)
    told = _("version {number} has this row, and the draft has not: {cells}")
    sentences += [told.format(number=last.number, cells=_cells_in_words(cells)) for cells in absent]
    removed = _rows_in(_rows_without(before, last.rows), draft.rows)
    told = _("version {number} has this row no more, and the draft still has it: {cells}")
    return sentences + [told.format(number=last.number, cells=_cells_in_words(cells)) for cells in removed]


def _rows_without(rows: Sequence[Sequence[str]], others: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    known = {tuple(cells) for cells in others}
    return [cells for cells in rows if tuple(cells) not in known]


def _rows_in(rows: Sequence[Sequence[str]], others: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    known = {tuple(cells) for cells in others}
    return [cells for cells in rows if tuple(cells) in known]


def _cells_in_words(cells: Sequence[str]) -> str:
    return " | ".join(cell or "–" for cell in cells)


def wrong_rows(draft: TableDraft) -> dict[int, list[str]]:
    """By number of a row, counted from 1."""
    columns = columns_from_json(draft.columns)
    found = ((number, list(row_problems(columns, cells))) for number, cells in enumerate(draft.rows, start=1))
    return {number: problems for number, problems in found if problems}


def _rows_of(draft: TableDraft) -> Rows:
    return Rows(columns_from_json(draft.columns), draft.rows)


@transaction.atomic
def publish(pk: int, revision: int, *, in_place_of: int, accepted: bool, by: Person) -> TableVersion:
    """`in_place_of`: the number of the version that the page showed as the newest, 0 for none. TableInvalid with what
    is to be changed, or with what was not `accepted`; ChangedMeanwhile as `changed`; PublishedMeanwhile where another
    version is the newest by now, which nobody has looked at."""
    draft = _locked(pk, revision)
    if in_place_of != newest_number(draft.key):
        raise PublishedMeanwhile
    findings = looked_at(draft)
    if findings.problems:
        raise TableInvalid(findings.problems)
    if findings.must_be_accepted and not accepted:
        raise TableInvalid(
            [_("Nothing was published. Say that it shall be published in spite of the warnings.")]
        )
    try:
        version = authority.publish(
            draft.key, _rows_of(draft), draft.hits, draft.name, by, in_place_of=in_place_of
        )
    except authority.NewerVersion as error:
        raise PublishedMeanwhile from error
    draft.delete()
    return version
