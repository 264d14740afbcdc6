"""`placet table`: authority tables and lists, as CSV files."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from placet.cli import CommandError, Intermixed
from placet.commands.start import say, set_up

if TYPE_CHECKING:
    from decimal import Decimal

    from placet.approvals.authority_csv import Rows
    from placet.approvals.models import TableVersion

MOST_SHOWN = 50  # problems, warnings or rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(
        dest="what", required=True, parser_class=Intermixed, metavar="import|export|list|show"
    )
    importing = what.add_parser("import", help="check a CSV file and make it the newest version of a table")
    importing.add_argument("key", help="as processes write it: authority")
    importing.add_argument("file", type=Path)
    importing.add_argument("--name")
    importing.add_argument(
        "--hits",
        choices=["first", "every"],
        help="of the rows that fit, the first one counts (default) or every",
    )
    importing.add_argument("--yes", action="store_true", help="publish it in spite of warnings")
    exporting = what.add_parser("export", help="print a table as CSV")
    exporting.add_argument("key")
    exporting.add_argument("--version", type=int, help="an older one")
    what.add_parser("list")
    show = what.add_parser("show", help="who is asked for these values")
    show.add_argument("key")
    show.add_argument(
        "values", nargs="*", metavar="COLUMN=VALUE", help="such as cost_centre=4711 amount=48000"
    )


def run(options: argparse.Namespace) -> int:
    set_up()
    actions = {"import": _import, "export": _export, "list": _list, "show": _show}
    return actions[options.what](options)


def _import(options: argparse.Namespace) -> int:
    from placet.accounts.people_csv import LARGEST
    from placet.approvals import authority
    from placet.approvals.authority_csv import TableInvalid, read

    try:
        authority.check_names(options.key, options.name or options.key)
        with options.file.open("rb") as file:
            rows = read(file.read(LARGEST + 1))
    except OSError as error:
        raise CommandError(f"{options.file} cannot be read: {error.strerror}.") from error
    except TableInvalid as error:
        raise _cannot_be_published(error.problems) from error
    last = authority.newest(options.key)
    hits = options.hits or (last.hits if last is not None else "first")
    review = authority.review(rows, hits)
    warnings = [*review.warnings, *authority.misfits(options.key, rows.columns)]
    if rows.is_list and last is not None and not authority.rows_of(last).is_list:
        warnings.append("it has no column ask any more, so no step can ask by it: it would be a list")
    for warning in _first_ones(warnings):
        say(f"warning: {warning}")
    if not review.is_complete:
        say("The table is too large to look for all gaps and overlaps; there may be others.")
    if review.problems:
        raise _cannot_be_published(review.problems)
    if (warnings or not review.is_complete) and not options.yes:
        raise CommandError("Nothing was published. To publish it all the same, add --yes.")
    version = authority.publish(options.key, rows, hits, options.name or "")
    if last is not None and version.pk == last.pk:
        say(f"{version.table.name} is the same as version {version.number}; there was nothing to do.")
    else:
        count = len(version.rows)
        say(
            f"{version.table.name} is published as version {version.number}: {count} {'row' if count == 1 else 'rows'}."
        )
        if rows.is_list:
            say(
                "It has no column ask, so it is a list: forms may offer what stands in it, and no step asks by it."
            )
    return 0


def _cannot_be_published(problems: Sequence[str]) -> CommandError:
    return CommandError("\n".join(["This table cannot be published:", *_first_ones(problems)]))


def _first_ones(sentences: Sequence[str]) -> list[str]:
    """What a terminal can show; nothing in it that one would obey."""
    more = len(sentences) - MOST_SHOWN
    shown = ["".join(c if c.isprintable() else "\ufffd" for c in one) for one in sentences[:MOST_SHOWN]]
    return [*shown, f"… and {more} more"] if more > 0 else shown


def _export(options: argparse.Namespace) -> int:
    from placet.approvals.authority import rows_of
    from placet.approvals.authority_csv import written

    sys.stdout.buffer.write(written(rows_of(_version(options.key, options.version))))
    return 0


def _version(key: str, number: int | None = None) -> "TableVersion":
    from placet.approvals.authority import newest
    from placet.approvals.models import TableVersion

    if number is None:
        version = newest(key)
    else:
        version = TableVersion.objects.filter(table__key=key, number=number).select_related("table").first()
    if version is None:
        which = "" if number is None else f" with a version {number}"
        raise CommandError(f"There is no table {key}{which}. See: placet table list")
    return version


def _list(_options: argparse.Namespace) -> int:
    from placet.approvals import authority
    from placet.approvals.models import AuthorityTable

    for table in AuthorityTable.objects.all():
        version = authority.newest(table.key)
        assert version is not None
        say(
            f"{table.key}: {table.name}, version {version.number}, {len(version.rows)} rows, "
            + ("a list" if authority.rows_of(version).is_list else f"{version.hits} hit")
        )
    return 0


def _show(options: argparse.Namespace) -> int:
    """Columns that have no value here are not looked at: then all rows are shown that may fit."""
    from placet.approvals.authority import Match, entries_of, matching, rows_of
    from placet.approvals.authority_cells import ASK, matched_columns, rows_that_fit

    version = _version(options.key)
    rows = rows_of(version)
    values = _values(rows, options.values)
    if rows.is_list:
        numbers = _rows_that_say(rows, values)
    elif len(values) == len(matched_columns(rows.columns)):
        numbers = list(matching(version, values).rows)
    else:
        numbers = list(rows_that_fit(rows.columns, rows.cells, values))
    empty = "–" if rows.is_list else "*"
    say(f"{version.table.name}, version {version.number}")
    if not numbers:
        more = "" if rows.is_list else ": a step that looks here waits for an administrator"
        say(f"No row fits{more}.")
    for number in numbers[:MOST_SHOWN]:
        cells = [
            f"{column.name} {cell or empty}"
            for column, cell in zip(rows.columns, rows.cells[number - 1], strict=True)
            if column.kind != ASK
        ]
        people = [] if rows.is_list else [*map(_in_words, entries_of(Match(version, [number])))]
        say(f"row {number}: {', '.join(cells)}{' → ' if people else ''}{', '.join(people)}")
    if len(numbers) > MOST_SHOWN:
        say(f"… and {len(numbers) - MOST_SHOWN} more rows")
    return 0


def _rows_that_say(rows: "Rows", values: "Mapping[str, str | Decimal]") -> list[int]:
    """Of a list, by their numbers from 1: its cells match nothing but themselves."""
    at = {column.name: number for number, column in enumerate(rows.columns)}
    return [
        number
        for number, cells in enumerate(rows.cells, start=1)
        if all(cells[at[name]].strip() == str(value) for name, value in values.items())
    ]


def _values(rows: "Rows", words: list[str]) -> "dict[str, str | Decimal]":
    from placet.approvals.authority_cells import NUMBER, CellInvalid, matched_columns, read_number

    columns = {column.name: column for column in matched_columns(rows.columns)}
    values: dict[str, str | Decimal] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or name not in columns:
            raise CommandError(f"“{word}” is not COLUMN=VALUE; the columns are {', '.join(columns)}.")
        try:
            values[name] = read_number(value) if columns[name].kind == NUMBER else value.strip()
        except CellInvalid as error:
            raise CommandError(f"{name}: {error}.") from error
    return values


def _in_words(entry: str) -> str:
    """Whom an entry of a table stands for now."""
    from placet.accounts.addresses import person_at
    from placet.accounts.models import Group
    from placet.approvals.authority_cells import GROUP, level_of

    if level := level_of(entry):
        return "the requester's manager" if level == 1 else f"the requester's manager {level} levels up"
    if entry.startswith(GROUP):
        group = Group.objects.filter(key=entry.removeprefix(GROUP)).first()
        members = group.members.filter(is_active=True) if group is not None else ()
        return f"{entry} ({', '.join(person.name for person in members) or 'nobody'})"
    person = person_at(entry)
    if person is None or not person.is_active:
        return f"{entry} (nobody who can be asked)"
    return f"{person.name} <{entry}>"
