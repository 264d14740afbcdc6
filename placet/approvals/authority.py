"""Authority tables: who may approve what, kept outside of processes. Publishing them, and looking in them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, Subquery
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from placet.accounts.addresses import LONGEST_NAME, people_at
from placet.accounts.models import Group, Person
from placet.approvals.authority_cells import (
    ASK,
    GROUP,
    Column,
    entries_of_cell,
    level_of,
    match_of,
    matched_columns,
    rows_that_fit,
    sought,
)
from placet.approvals.authority_csv import Rows, TableInvalid, columns_as_json, columns_from_json, is_list
from placet.approvals.authority_gaps import gap_in_words, prove
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.installation_record import note_table_version
from placet.approvals.models import AuthorityTable, Process, TableMatch, TableVersion, Visit
from placet.approvals.record import digest_of_table
from placet.approvals.steps import KEY, Who
from placet.lib.conditions import value_of

LONGEST_KEY = 50
MOST_LISTED = 10  # lines of one warning


# --- looking in one ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Match:
    """What a line of `ask` comes to in a table: the rows that count, by their numbers from 1."""

    version: TableVersion
    rows: Sequence[int]


def newest(key: str) -> TableVersion | None:
    """The version that is looked in by whoever begins to look."""
    versions = TableVersion.objects.filter(table__key=key).select_related("table")
    return versions.order_by("-number").first()


def versions_of(visit: Visit) -> dict[str, TableVersion]:
    """By key of the table: the versions that a visit looks in since people were asked by them."""
    matches = visit.table_matches.select_related("version__table")
    return {match.version.table.key: match.version for match in matches}


def rows_of(version: TableVersion) -> Rows:
    return Rows(columns_from_json(version.columns), version.rows)


def names_columns(version: TableVersion, names: Iterable[str]) -> bool:
    """Whether these are exactly the columns that are matched, in a table that says who is asked."""
    columns = columns_from_json(version.columns)
    return not is_list(columns) and {column.name for column in matched_columns(columns)} == {*names}


def values_sought(
    version: TableVersion, expressions: Mapping[str, str], form: Mapping[str, object]
) -> dict[str, str | Decimal]:
    """By column: what is looked for. ConditionError for what cannot be."""
    columns = matched_columns(columns_from_json(version.columns))
    return {column.name: value_sought(column, expressions[column.name], form) for column in columns}


def value_sought(column: Column, expression: str, form: Mapping[str, object]) -> str | Decimal:
    return sought(column, value_of(expression, form))


def matching(version: TableVersion, values: Mapping[str, str | Decimal]) -> Match:
    """`values`: of `values_sought`."""
    rows = rows_of(version)
    numbers = rows_that_fit(rows.columns, rows.cells, values)
    return Match(version, list(islice(numbers, 1) if version.hits == TableVersion.Hits.FIRST else numbers))


def entries_of(match: Match) -> list[str]:
    """Whom its rows name, each once: as `entries_of_cell`."""
    at = [column["kind"] for column in match.version.columns].index(ASK)
    cells = (match.version.rows[number - 1][at] for number in match.rows)
    return list(dict.fromkeys(entry for cell in cells for entry in entries_of_cell(cell)))


# --- publishing one ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Review:
    """What is to be said of a table before it is published."""

    problems: Sequence[str]
    warnings: Sequence[str]
    is_complete: bool  # not: it is too large for all of its gaps and overlaps to be looked for


def review(rows: Rows, hits: str) -> Review:
    """Rows that can never be hit, overlaps, gaps, and who is not there. A list has nothing of these."""
    if rows.is_list:
        return Review([], [], True)
    at = [column.kind for column in rows.columns].index(ASK)
    asked = [entries_of_cell(cells[at]) for cells in rows.cells]
    columns = matched_columns(rows.columns)
    boxes = [
        [
            match_of(column, cell)
            for column, cell in zip(rows.columns, cells, strict=True)
            if column.kind != ASK
        ]
        for cells in rows.cells
    ]
    proof = prove(columns, boxes, asked, first=hits == TableVersion.Hits.FIRST)
    problems = [
        _("{row}: it can never be hit, because {earlier} fits whatever it fits").format(
            row=rows.where(row), earlier=rows.where(proof.never[row])
        )
        for row in sorted(proof.never)
    ]
    warnings = [
        ngettext(
            "{row}: where it overlaps with {earlier}, that one counts",
            "{row}: where it overlaps with {earlier}, those count",
            len(overlap.earlier),
        ).format(row=rows.where(overlap.row), earlier=_listed(rows, overlap.earlier))
        for overlap in proof.overlaps
    ]
    warnings += [gap_in_words(columns, gap) for gap in proof.gaps]
    return Review(problems, [*warnings, *_missing_people(rows, asked)], proof.is_complete)


def _listed(rows: Rows, numbers: Sequence[int]) -> str:
    more = len(numbers) - MOST_LISTED
    shown = [rows.where(number) for number in numbers[:MOST_LISTED]]
    return ", ".join([*shown, _("{number} more").format(number=more)] if more > 0 else shown)


def _missing_people(rows: Rows, asked: Sequence[Sequence[str]]) -> Iterator[str]:
    """Addresses that are nobody's, and groups that are not there: a step that asks them waits for help."""
    first_rows: dict[str, int] = {}
    for row, entries in enumerate(asked):
        for entry in entries:
            first_rows.setdefault(entry, row)
    keys = {entry.removeprefix(GROUP) for entry in first_rows if entry.startswith(GROUP)}
    groups = set(Group.objects.filter(key__in=keys).values_list("key", flat=True))
    addresses = {entry for entry in first_rows if not entry.startswith(GROUP) and level_of(entry) is None}
    people = people_at(addresses)
    for entry, row in first_rows.items():
        if entry.startswith(GROUP):
            if entry.removeprefix(GROUP) not in groups:
                sentence = _("{row}: there is no group {key}")
                yield sentence.format(row=rows.where(row), key=entry.removeprefix(GROUP))
        elif entry in addresses and (entry not in people or not people[entry].is_active):
            sentence = _("{row}: {address} is nobody who can be asked")
            yield sentence.format(row=rows.where(row), address=entry)


def asks(key: str, entries: Collection[str]) -> bool:
    """Whether a table asks one of these, in the newest version or in one that a visit still looks in."""
    last = TableVersion.objects.filter(table__key=key).order_by("-number").values("pk")[:1]
    still = TableMatch.objects.filter(version=OuterRef("pk"), visit__state__in=Visit.LIVE)
    versions = TableVersion.objects.filter(table__key=key).filter(Q(pk__in=Subquery(last)) | Exists(still))
    asking = (version for version in versions if not is_list(columns_from_json(version.columns)))
    matches = (Match(version, range(1, len(version.rows) + 1)) for version in asking)
    return any(not {*entries}.isdisjoint(entries_of(match)) for match in matches)


def misfits(key: str, columns: Sequence[Column]) -> Iterator[str]:
    """Published processes that look in this table by other columns, so that their steps would wait for help, or whose
    forms take options from others, so that nothing could be chosen there."""
    names = {column.name for column in matched_columns(columns)}
    for process in Process.objects.all():
        version = process.versions.order_by("-number").first()
        if version is None:
            continue
        definition = definition_of(version)
        for who in lines_with_tables(definition):
            if who.table == key and is_list(columns):
                sentence = _(
                    "the process {process} asks by this table, which has no column {column} any more"
                )
                yield sentence.format(process=process.name, column=ASK)
            elif who.table == key and {*(who.with_ or {})} != names:
                sentence = _("the process {process} looks in this table by {columns}")
                yield sentence.format(process=process.name, columns=", ".join(sorted(who.with_ or {})))
        for source in definition.tables_of_options:
            missing = sorted({*source.columns} - names)
            if source.table == key and missing:
                sentence = _("the process {process} offers what stands in {columns} of this table")
                yield sentence.format(process=process.name, columns=", ".join(missing))


def lines_with_tables(definition: Definition) -> Iterator[Who]:
    return (who for who in definition.lines if who.table is not None)


def check_names(key: str, name: str) -> None:
    """TableInvalid for what a process could not name, or the database not keep."""
    problems = []
    if not KEY.fullmatch(key) or len(key) > LONGEST_KEY:
        sentence = _("A table's key has 1 to {most} letters of a-z, 0-9, - and _, such as authority.")
        problems.append(sentence.format(most=LONGEST_KEY))
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        sentence = _("A table's name has 1 to {most} letters, on one line.")
        problems.append(sentence.format(most=LONGEST_NAME))
    if problems:
        raise TableInvalid(problems)


class NewerVersion(Exception):
    """Another version is the newest by now than the one that was to be replaced. Nothing was published."""


@transaction.atomic
def publish(
    key: str,
    rows: Rows,
    hits: str,
    name: str = "",
    by: Person | None = None,
    *,
    in_place_of: int | None = None,
) -> TableVersion:
    """Make this the newest version; what it was already stays so. Visits that look in an older one keep theirs. `by`:
    None at the command line. `in_place_of`: the number of the version that it replaces, 0 for none, where that was
    looked at; NewerVersion if that is not the newest any more."""
    check_names(key, name or key)
    AuthorityTable.objects.get_or_create(key=key, defaults={"name": name or key})
    table = AuthorityTable.objects.select_for_update().get(key=key)
    last = newest(key)
    if in_place_of is not None and in_place_of != (last.number if last is not None else 0):
        raise NewerVersion
    if name and name != table.name:
        table.name = name
        table.save(update_fields=["name"])
    version = TableVersion(
        table=table,
        number=last.number + 1 if last else 1,
        hits=hits,
        columns=columns_as_json(rows.columns),
        rows=[list(cells) for cells in rows.cells],
    )
    if last is not None and digest_of_table(last) == digest_of_table(version):
        return last
    version.save()
    note_table_version(version, by)
    return version
