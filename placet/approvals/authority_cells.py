"""What stands in an authority table: its columns, and what each cell matches. Knows nothing of the database.

text     `4711`, `=4711`, a list `4711, 4712`; empty or `*` for any
number   `0..1000` from 0 and below 1000, `1000..`, `..1000`, or one number; empty or `*` for any
ask      who is asked: an address, `group:KEY`, `manager` or `manager:N` (levels up); several with `;` between them
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from placet.accounts.addresses import PersonInvalid, check_address, normal
from placet.approvals.steps import HIGHEST_LEVEL
from placet.lib.conditions import ConditionError

TEXT, NUMBER, ASK = "text", "number", "ask"
MANAGER = "manager"  # the requester's, in a cell that says who is asked; `manager:2`: so many levels up
GROUP = "group:"  # before the key of a group
ANY = "*"
MOST_ASKED = 20  # entries of one cell
LONGEST_CELL = 500  # characters

_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,6})?", re.ASCII)
_GROUP_DIGITS = re.compile(r"[\s'\u2019]")
_GROUP_KEY = re.compile(r"[A-Za-z0-9_-]{1,50}", re.ASCII)

#: A place on the line of numbers: just before a number (0), or just after it (1). So `[x, x]` is as half-open as all.
Edge = tuple[Decimal, int]
LOWEST: Edge = (Decimal("-Infinity"), 0)
HIGHEST: Edge = (Decimal("Infinity"), 0)
ZERO: Edge = (Decimal(0), 0)


class CellInvalid(ValueError):
    """A cell cannot be read; the message says why, in words."""


@dataclass(frozen=True)
class Column:
    name: str
    kind: str  # text, number or ask

    @property
    def heading(self) -> str:
        return f"{self.name}:{NUMBER}" if self.kind == NUMBER else self.name


@dataclass(frozen=True, order=True)
class Interval:
    """Numbers from an edge up to another."""

    start: Edge
    end: Edge

    def __contains__(self, number: Decimal) -> bool:
        return self.start <= (number, 0) < self.end

    def meets(self, other: "Interval") -> bool:
        return self.start < other.end and other.start < self.end

    def covers(self, other: "Interval") -> bool:
        return self.start <= other.start and other.end <= self.end

    def __str__(self) -> str:
        """As it is said of numbers for which something is the case."""
        (low, after), (high, to) = self.start, self.end
        if low == high:
            return _("exactly {number}").format(number=f"{low:f}")
        above = _("above {number}").format(number=f"{low:f}")
        start = "" if self.start == LOWEST else above if after else f"{low:f}"
        if self.end == HIGHEST:
            upwards = start if after else _("{number} and above").format(number=start)
            return upwards if start else _("any number")
        end = (_("up to {number}") if to else _("below {number}")).format(number=f"{high:f}")
        if not start:
            return end
        return (_("{start} and {end}") if after else _("{start} to {end}")).format(start=start, end=end)


EVERY_NUMBER = Interval(LOWEST, HIGHEST)

#: What a cell matches: numbers, some texts, or any text (None).
Match = Interval | frozenset[str] | None


def covers(match: Match, other: Match) -> bool:
    """Whether a cell matches whatever another one of its column matches."""
    if isinstance(match, Interval) and isinstance(other, Interval):
        return match.covers(other)
    return match is None or (isinstance(match, frozenset) and isinstance(other, frozenset) and other <= match)


def meet(match: Match, other: Match) -> bool:
    """Whether something is matched by two cells of a column."""
    if isinstance(match, Interval) and isinstance(other, Interval):
        return match.meets(other)
    if isinstance(match, frozenset) and isinstance(other, frozenset):
        return not match.isdisjoint(other)
    return True


def match_of(column: Column, cell: str) -> Match:
    """What a cell of a column that is matched says. CellInvalid if it says nothing."""
    return _numbers(cell) if column.kind == NUMBER else _texts(cell)


def _texts(cell: str) -> frozenset[str] | None:
    cell = cell.strip()
    if cell in ("", ANY):
        return None
    if cell.startswith("="):
        return frozenset([cell[1:].strip()])
    texts = [text.strip() for text in cell.split(",")]
    if not all(texts):
        raise CellInvalid(_("between two commas of a list there is nothing"))
    if ANY in texts:
        sentence = _("{sign} stands alone, for any value; in a list it matches nothing")
        raise CellInvalid(sentence.format(sign=ANY))
    return frozenset(texts)


def _numbers(cell: str) -> Interval:
    cell = cell.strip()
    if cell in ("", ANY):
        return EVERY_NUMBER
    first, dots, last = cell.partition("..")
    if not dots:
        number = read_number(cell)
        return Interval((number, 0), (number, 1))
    start = (read_number(first), 0) if first.strip() else LOWEST
    end = (read_number(last), 0) if last.strip() else HIGHEST
    if start >= end:
        sentence = _("“{cell}” holds no number: it goes from a number and ends below a larger one")
        raise CellInvalid(sentence.format(cell=cell))
    return Interval(start, end)


def read_number(text: str) -> Decimal:
    compact = _GROUP_DIGITS.sub("", text)
    if not _NUMBER.fullmatch(compact):
        sentence = _(
            "“{text}” is not a number; write 1000 or 1000.50, and ranges as 0..1000, 1000.. or ..1000"
        )
        raise CellInvalid(sentence.format(text=text.strip()))
    return Decimal(compact)


def entries_of_cell(cell: str) -> tuple[str, ...]:
    """Whom a cell asks: addresses, `group:KEY`, `manager` and, from 2 on, `manager:N`."""
    entries = tuple(dict.fromkeys(_entry(text.strip()) for text in cell.split(";") if text.strip()))
    if not entries:
        raise CellInvalid(_("it does not say who is asked"))
    if len(entries) > MOST_ASKED:
        raise CellInvalid(_("it asks more than {most}; make a group").format(most=MOST_ASKED))
    return entries


def _entry(text: str) -> str:
    name, colon, level = text.casefold().partition(":")
    if name == MANAGER:
        return _manager(text, level) if colon else MANAGER
    if text.startswith(GROUP):
        if not _GROUP_KEY.fullmatch(text.removeprefix(GROUP)):
            sentence = _("“{text}” names no group: a key has 1 to 50 letters of a-z, 0-9, - and _")
            raise CellInvalid(sentence.format(text=text))
        return text
    try:
        check_address(text)
    except PersonInvalid as error:
        sentence = _("“{text}” is neither an address nor {group}KEY nor {manager}")
        raise CellInvalid(sentence.format(text=text, group=GROUP, manager=MANAGER)) from error
    return normal(text)


def _manager(text: str, level: str) -> str:
    if level not in map(str, range(1, HIGHEST_LEVEL + 1)):
        sentence = _("“{text}” names no manager: say how many levels up, {manager}:1 to {manager}:{highest}")
        raise CellInvalid(sentence.format(text=text, manager=MANAGER, highest=HIGHEST_LEVEL))
    return MANAGER if level == "1" else f"{MANAGER}:{level}"


def level_of(entry: str) -> int | None:
    """Which manager of the requester's an entry of a cell names: 1 for their own. None for one that names another."""
    name, colon, level = entry.partition(":")
    return None if name != MANAGER else int(level) if colon else 1


# --- what is looked up ------------------------------------------------------------------------------------


def sought(column: Column, value: Any) -> str | Decimal:
    """A value of a form, as the cells of a column are compared with it. ConditionError if they cannot be."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if column.kind == NUMBER:
        if not is_number:
            raise ConditionError(f"{column.name} of the table is a number, and this is none: {value!r}.")
        number = Decimal(repr(value).removesuffix(".0"))
        if not number.is_finite():
            raise ConditionError(f"{column.name} is no number that a table could hold: {value!r}.")
        return number
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_number:
        return repr(value).removesuffix(".0")
    if isinstance(value, str):
        return value.strip()
    raise ConditionError(f"{column.name} of the table is one text, and this is none.")


def fits(match: Match, value: str | Decimal) -> bool:
    if isinstance(match, Interval):
        return isinstance(value, Decimal) and value in match
    return match is None or value in match


def matched_columns(columns: Iterable[Column]) -> list[Column]:
    return [column for column in columns if column.kind != ASK]


def rows_that_fit(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], values: Mapping[str, str | Decimal]
) -> Iterable[int]:
    """The numbers (from 1) of rows that match these values; a column without one is not looked at."""
    looked_at = [(at, column) for at, column in enumerate(columns) if column.name in values]
    for number, row in enumerate(rows, start=1):
        if all(fits(match_of(column, row[at]), values[column.name]) for at, column in looked_at):
            yield number
