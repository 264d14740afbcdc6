"""People from a file: what it would change is planned, shown, and then done exactly so or not at all.

An empty cell leaves things as they are, and nobody is deactivated because a file does not name them. A row with an
error is left out as a whole.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, cached_property
from typing import Any, TypeAlias

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from placet.accounts.addresses import (
    PersonInvalid,
    add_people,
    check_address,
    check_name,
    normal,
    people_at,
)
from placet.accounts.limits import read_limit, written_limit
from placet.accounts.models import Calendar, Group, Person
from placet.accounts.people_csv import Row, Table
from placet.lib.canonical import digest
from placet.lib.zones import zone_names

ERROR, NEW, CHANGED, UNCHANGED = KINDS = ("error", "new", "changed", "unchanged")
_YES = {"yes", "y", "true", "1", "x", "oui", "o", "vrai"}
_NO = {"no", "n", "false", "0", "non", "faux"}
_LANGUAGES = {"english": "en", "anglais": "en", "french": "fr", "francais": "fr", "français": "fr"}
_AT_ONCE = 1000  # people in one query
_MOST_NAMED = 5  # people of one ring
_MOST_SAID = 10  # groups of one row that are not known


def _unseen() -> None:
    """Where nobody waits to see how far it is."""


class ChangedMeanwhile(Exception):
    """People or groups are not what they were when the preview was shown. Nothing was done."""


@dataclass(frozen=True)
class Options:
    administrators: bool = False  # the columns of roles count
    leave_groups: bool = False  # people leave groups that the file does not name for them


@dataclass(frozen=True)
class Change:
    """Of one field, as the file has it and not as pages say it."""

    field: str
    before: str
    after: str


@dataclass
class Planned:
    """What one row would do."""

    line: int
    address: str
    name: str
    person: Person | None = None  # None: somebody new, or nobody
    changes: list[Change] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    manager: str = ""  # address of the one that the row names
    values: dict[str, Any] = field(default_factory=dict)  # of the person's own fields
    joins: list[Group] = field(default_factory=list)
    leaves: list[Group] = field(default_factory=list)

    @property
    def kind(self) -> str:
        if self.errors:
            return ERROR
        if self.person is None:
            return NEW
        return CHANGED if self.changes else UNCHANGED

    def set(self, name: str, before: Any, after: Any) -> None:
        """One of the person's own fields gets another value."""
        if before != after:
            self.values[name] = after
            self.changes.append(Change(name, _text(before), _text(after)))


@dataclass(frozen=True)
class Plan:
    """What a file would do to whoever is there now. Its rows in the order of the file."""

    rows: Sequence[Planned]

    @cached_property
    def counts(self) -> dict[str, int]:
        kinds = [row.kind for row in self.rows]
        return {kind: kinds.count(kind) for kind in KINDS}

    def of(self, kinds: Iterable[str] = KINDS) -> list[Planned]:
        """The rows of some kinds, the first kind first."""
        return [row for kind in kinds for row in self.rows if row.kind == kind]

    @cached_property
    def fingerprint(self) -> str:
        """Equal only for plans that do the same."""
        return digest(
            [
                [
                    row.line,
                    row.kind,
                    row.person and row.person.pk,
                    *([c.field, c.before, c.after] for c in row.changes),
                ]
                for row in self.rows
            ]
        )

    @property
    def does_something(self) -> bool:
        return bool(self.counts[NEW] or self.counts[CHANGED])


def plan(table: Table, options: Options, by: Person, advance: Callable[[], object] = _unseen) -> Plan:
    """What this file would do if `by` imported it now. Looks; changes nothing. `advance` is called for each row."""
    rows = [_begun(row) for row in table.rows]
    sound = [(row, planned) for row, planned in zip(table.rows, rows, strict=True) if not planned.errors]
    there = people_at([*(p.address for _, p in sound), *(p.manager for _, p in sound if p.manager)])
    for _row, planned in sound:
        planned.person = there.get(planned.address)
    _say_twice([planned for _, planned in sound])
    groups = _Groups([planned.person for _, planned in sound if planned.person])
    calendars = Calendar.objects.in_bulk() if "calendar" in table.columns else {}
    for row, planned in sound:
        _compare(row, planned, options, by)
        _compare_calendar(row, planned, calendars)
        _compare_groups(row, planned, groups, options)
        advance()
    _Managers([planned for _, planned in sound], there).compare()
    return Plan(rows)


def not_named(of: Plan) -> list[int]:
    """Ids of active people whom no row names, in the order of lists."""
    named = {row.person.pk for row in of.rows if row.person}
    active = Person.objects.filter(is_active=True).values_list("pk", flat=True)
    return [pk for pk in active if pk not in named]


# --- a row by itself --------------------------------------------------------------------------------------


def _begun(row: Row) -> Planned:
    """A row with its address, and everything that is wrong whoever is there."""
    cells = row.cells
    planned = Planned(row.line, normal(cells.get("address", "")), cells.get("name", ""))
    if row.problem:
        planned.errors.append(row.problem)
        return planned
    checks: list[tuple[Callable[[str], None], str]] = [(check_address, planned.address)]
    if planned.name:
        checks.append((check_name, planned.name))
    if cells.get("manager"):
        planned.manager = _address_in(cells["manager"])
        checks.append((check_address, planned.manager))
    if not planned.address:
        checks.pop(0)
        planned.errors.append(_("There is no e-mail address."))
    for check, value in checks:
        try:
            check(value)
        except PersonInvalid as error:
            planned.errors.append(str(error))
    return planned


def _address_in(cell: str) -> str:
    """An address as mail programs write it: alone, or behind a name in angle brackets."""
    _before, bracket, rest = cell.rpartition("<")
    return normal(rest.rstrip("> ") if bracket else cell)


def _say_twice(rows: Sequence[Planned]) -> None:
    """The second row about the same person is an error, by whichever of their addresses it names them."""
    first: dict[Any, Planned] = {}
    for row in rows:
        known = first.setdefault(row.person.pk if row.person else row.address, row)
        if known is not row:
            row.errors.append(_("Line {line} is about the same person.").format(line=known.line))


def _compare(row: Row, planned: Planned, options: Options, by: Person) -> None:
    person = planned.person or Person()
    if planned.name:
        planned.set("name", person.name, planned.name)
    elif planned.person is None:
        planned.errors.append(_("Somebody new needs a name."))
    planned.name = planned.name or person.name
    for column, name, understood in _READ:
        if cell := row.cells.get(column, ""):
            try:
                planned.set(name, getattr(person, name), understood(cell))
            except PersonInvalid as error:
                planned.errors.append(str(error))
    if options.administrators and (cell := row.cells.get("administrator", "")):
        _compare_role(planned, person, cell, by)
    if options.administrators and (cell := row.cells.get("process_owner", "")):
        if (word := cell.casefold()) in _YES | _NO:
            planned.set("is_process_owner", person.is_process_owner, word in _YES)
        else:
            planned.errors.append(_("Process owner is yes or no, not “{text}”.").format(text=cell))


def _compare_role(planned: Planned, person: Person, cell: str, by: Person) -> None:
    word = cell.casefold()
    if word not in _YES | _NO:
        planned.errors.append(_("Administrator is yes or no, not “{text}”.").format(text=cell))
    elif word in _NO and person.pk == by.pk and person.is_administrator:
        planned.errors.append(_("You cannot take the administrator's role from yourself."))
    else:
        planned.set("is_administrator", person.is_administrator, word in _YES)


def _compare_calendar(row: Row, planned: Planned, calendars: Mapping[int, Calendar]) -> None:
    cell = row.cells.get("calendar", "")
    if not cell:
        return
    after = next((one for one in calendars.values() if one.key.casefold() == cell.casefold()), None)
    if after is None:
        planned.errors.append(
            _("There is no calendar with the key “{key}”. Make it first, under Calendars.").format(key=cell)
        )
        return
    before = planned.person.calendar_id if planned.person is not None else None
    if before != after.pk:
        planned.values["calendar_id"] = after.pk
        there = calendars.get(before) if before is not None else None
        planned.changes.append(Change("calendar", there.key if there is not None else "", after.key))


def _language(cell: str) -> str:
    code = _LANGUAGES.get(cell.casefold(), cell.casefold())
    known = [code for code, _name in settings.LANGUAGES]
    if code not in known and code[:2] in known and code[2:3] in ("-", "_"):  # fr-FR
        code = code[:2]
    if code not in known:
        raise PersonInvalid(
            _("Placet does not speak “{language}”; it speaks {known}.").format(
                language=cell, known=", ".join(known)
            )
        )
    return code


def _zone(cell: str) -> str:
    found = _zones().get(cell.casefold())
    if found is None:
        raise PersonInvalid(
            _("There is no time zone “{zone}”. Write one such as Europe/Paris.").format(zone=cell)
        )
    return found


#: Columns whose cells are read by themselves: the column, the person's field, and what reads the cell.
_READ: Sequence[tuple[str, str, Callable[[str], Any]]] = (
    ("language", "language", _language),
    ("zone", "zone", _zone),
    ("limit", "approval_limit", read_limit),
)


@cache
def _zones() -> dict[str, str]:
    return {name.casefold(): name for name in zone_names()}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or isinstance(value, Decimal):
        return written_limit(value)
    return str(value)


# --- groups -----------------------------------------------------------------------------------------------


class _Groups:
    """Every group, by key and by name, and which of them people are in."""

    def __init__(self, people: Sequence[Person]) -> None:
        self.all = {group.pk: group for group in Group.objects.all()}
        self._called: dict[str, list[Group]] = {}
        for group in self.all.values():
            for called in {group.key.casefold(), group.name.casefold()}:
                self._called.setdefault(called, []).append(group)
        self._in: dict[int, set[int]] = {}
        for some in _slices([person.pk for person in people]):
            member = Group.members.through.objects.filter(person_id__in=some)
            for person_id, group_id in member.values_list("person_id", "group_id"):
                self._in.setdefault(person_id, set()).add(group_id)

    def of(self, person: Person | None) -> set[int]:
        return self._in.get(person.pk, set()) if person else set()

    def named(self, text: str) -> Group:
        """PersonInvalid if no group, or more than one, is called so. A key goes before a name."""
        found = self._called.get(text.casefold(), [])
        found = [group for group in found if group.key.casefold() == text.casefold()] or found
        if not found:
            raise PersonInvalid(
                _("There is no group “{group}”. Make it first, under Groups.").format(group=text)
            )
        if len(found) > 1:
            raise PersonInvalid(
                _("Several groups are called “{group}”. Write the key of one of them.").format(group=text)
            )
        return found[0]


def _compare_groups(row: Row, planned: Planned, groups: _Groups, options: Options) -> None:
    parts = row.cells.get("groups", "").split(";")
    names = dict.fromkeys(part.strip() for part in parts if part.strip())
    wanted: dict[int, Group] = {}
    wrong: list[str] = []
    for name in names:
        try:
            group = groups.named(name)
        except PersonInvalid as error:
            wrong.append(str(error))
        else:
            wanted[group.pk] = group
    planned.errors += _first(wrong)
    there = groups.of(planned.person)
    planned.joins = [group for group in wanted.values() if group.pk not in there]
    if options.leave_groups and names:
        planned.leaves = [groups.all[pk] for pk in sorted(there - wanted.keys())]
    planned.changes += [Change("joins", "", group.name) for group in planned.joins]
    planned.changes += [Change("leaves", group.name, "") for group in planned.leaves]


def _first(wrong: Sequence[str]) -> list[str]:
    """As many as a page can show, and how many more there are."""
    if len(wrong) <= _MOST_SAID:
        return list(wrong)
    more = len(wrong) - _MOST_SAID
    said = ngettext(
        "{count} more name in the cell of groups is wrong.",
        "{count} more names in the cell of groups are wrong.",
        more,
    )
    return [*wrong[:_MOST_SAID], said.format(count=more)]


# --- managers ---------------------------------------------------------------------------------------------


_Key: TypeAlias = int | str


class _Managers:
    """Who leads whom once the file is imported. People are known by their ids, new ones by their addresses."""

    def __init__(self, rows: Sequence[Planned], there: Mapping[str, Person]) -> None:
        self._rows, self._there = rows, there
        self._by_key: dict[_Key, Planned] = {}
        for row in rows:  # the first one, where several are about the same person
            self._by_key.setdefault(self._key(row.person, row.address), row)
        led = Person.objects.filter(manager__isnull=False).values_list("pk", "manager_id")
        self._before: dict[_Key, _Key] = dict(led)
        leaders = Person.objects.filter(reports__isnull=False).order_by().distinct()
        self._addresses: dict[_Key, str] = {}
        self._called: dict[_Key, str] = {person.pk: person.name for person in there.values()}
        for pk, address, name in leaders.values_list("pk", "email", "name"):
            self._addresses[pk], self._called[pk] = address, name
        self._led: dict[str, list[Planned]] = {}  # by the address of a manager who comes with this file
        self._further: dict[_Key, _Key | None] = {}  # short cuts of `_above`

    def _key(self, person: Person | None, address: str) -> _Key:
        return person.pk if person else address

    def compare(self) -> None:
        self._leave_out_unknown()
        self._leave_out_rings()
        for row in self._rows:
            if row.manager and not row.errors:
                known = self._there.get(row.manager)
                row.set("manager", self._led_by(row), known.email if known else row.manager)

    def _led_by(self, row: Planned) -> str:
        before = self._before.get(row.person.pk) if row.person else None
        return "" if before is None else self._addresses.get(before, "")

    def _says(self, key: _Key) -> bool:
        row = self._by_key.get(key)
        return bool(row and row.manager and not row.errors)

    def _named(self, row: Planned) -> _Key:
        return self._key(self._there.get(row.manager), row.manager)

    # Managers who are not there: neither before, nor by a row that is right.

    def _leave_out_unknown(self) -> None:
        only_here = [row for row in self._rows if not row.errors and self._is_only_here(row)]
        for row in only_here:
            self._led.setdefault(row.manager, []).append(row)
        for row in only_here:
            known = self._by_key.get(row.manager)
            if not row.errors and (known is None or known.errors):
                self._leave_out([row], self._unknown(row.manager))

    def _is_only_here(self, row: Planned) -> bool:
        """Whether the manager comes with this file. Who names themselves is a ring."""
        return bool(row.manager) and row.manager not in self._there and row.manager != row.address

    def _leave_out(self, rows: Sequence[Planned], why: str) -> None:
        """These rows, and those whose managers are new people of rows that are left out."""
        for row in rows:
            row.errors.append(why)
        wrong = list(rows)
        while wrong:
            row = wrong.pop()
            led = self._led.pop(row.address, []) if row.person is None else []
            for other in (other for other in led if not other.errors):
                other.errors.append(self._unknown(other.manager))
                wrong.append(other)

    def _unknown(self, address: str) -> str:
        known = self._by_key.get(address)
        if known is None:
            return _("There is nobody with the manager's address {address}.").format(address=address)
        return _("The manager {address} is on line {line}, which is left out.").format(
            address=address, line=known.line
        )

    # Rings: people who would lead each other because of rows. Whose row is left out keeps the manager of before,
    # which may close another ring.

    def _leave_out_rings(self) -> None:
        """In one pass: a row that is left out is never looked at again, and neither is one whose way up is sound."""
        sound: set[_Key] = set()
        for key in self._by_key:
            way: dict[_Key, None] = {}  # rows that say who leads whom, each below the next one
            here = key if self._says(key) else None
            while here is not None and here not in sound:
                if here in way:
                    self._leave_out_ring([*_cut(way, here)][::-1])
                    while way and not self._says(next(reversed(way))):
                        way.popitem()
                else:
                    way[here] = None
                here = self._above(next(reversed(way))) if way else None
            sound.update(way)

    def _above(self, key: _Key) -> _Key | None:
        """The next one further up whose manager a row says; None if there is none."""
        here: _Key | None = self._named(self._by_key[key])
        passed: dict[_Key, None] = {}
        while here is not None and not self._says(here):
            if here in passed:  # a ring that was there before; no row closes it
                here = None
                break
            passed[here] = None
            here = self._further[here] if here in self._further else self._before.get(here)
        self._further.update(dict.fromkeys(passed, here))
        return here

    def _leave_out_ring(self, ring: Sequence[_Key]) -> None:
        rows = [self._by_key[key] for key in ring]
        if self._named(rows[0]) == ring[0]:
            why = _("Nobody is their own manager.")
        else:
            names = " → ".join(self._names(ring[0]))
            why = _("They would be each other's managers: {names}.").format(names=names)
        self._leave_out(rows, why)

    def _names(self, start: _Key) -> Iterator[str]:
        """The first ones of a ring, and all the way round if it is short."""
        here = start
        for _nth in range(_MOST_NAMED):
            row = self._by_key.get(here)
            yield row.name if row else self._called.get(here, "…")
            here = self._named(row) if row and self._says(here) else self._before[here]
            if here == start:
                yield self._by_key[start].name
                return
        yield "…"


def _cut(way: dict[_Key, None], start: _Key) -> Iterator[_Key]:
    """Take off what a way has from `start` on, the last one first."""
    while start in way:
        yield way.popitem()[0]


# --- doing it ---------------------------------------------------------------------------------------------


def carry_out(
    table: Table, options: Options, by: Person, seen: str, advance: Callable[[], object] = _unseen
) -> tuple[Plan, list[Person]]:
    """Do what the plan with the fingerprint `seen` says, all of it or nothing; with the people who are new.
    ChangedMeanwhile if the same file would do something else by now; PersonInvalid if `by` may not do it any more.
    `advance` is called for each row three times at most: twice when it is compared, and when it is written."""
    try:
        with transaction.atomic():
            _lock(plan(table, options, by, advance))
            _check_may(by)
            agreed = plan(table, options, by, advance)
            if agreed.fingerprint != seen:
                raise ChangedMeanwhile
            return agreed, _write(agreed, advance)
    except IntegrityError as error:  # somebody took an address, or took a group away, in this very moment
        raise ChangedMeanwhile from error


def _lock(about: Plan) -> None:
    """Whoever is changed, and all administrators, stay as they are until this is done."""
    people = {row.person.pk for row in about.rows if row.person}
    people |= set(Person.objects.filter(is_administrator=True).values_list("pk", flat=True))
    for some in _slices(sorted(people)):
        list(Person.objects.select_for_update().filter(pk__in=some).order_by("pk").values_list("pk"))


def _check_may(by: Person) -> None:
    """So that two who take the role from each other do not both succeed. The command line is nobody with a row."""
    if by._state.adding:
        return
    by.refresh_from_db()
    if not by.is_administrator or not by.is_active:
        raise PersonInvalid(_("You are not an administrator any more."))


def _write(agreed: Plan, advance: Callable[[], object]) -> list[Person]:
    made = {row.address: _new_person(row) for row in agreed.of([NEW])}
    add_people(list(made.values()))
    people = {row.line: row.person or made[row.address] for row in agreed.of([NEW, CHANGED])}
    led_by: dict[str, list[int]] = {}
    for row in agreed.of([NEW, CHANGED]):
        own = {name: value for name, value in row.values.items() if name != "manager"}
        if own and row.person:
            Person.objects.filter(pk=row.person.pk).update(**own)
        if "manager" in row.values:
            led_by.setdefault(row.manager, []).append(people[row.line].pk)
        advance()
    managers = people_at(led_by)
    for address, ids in led_by.items():
        for some in _slices(ids):
            Person.objects.filter(pk__in=some).update(manager=managers[address])
    _write_groups([(people[row.line].pk, row) for row in agreed.of([NEW, CHANGED])])
    return list(made.values())


def _new_person(row: Planned) -> Person:
    own = {name: value for name, value in row.values.items() if name != "manager"}
    return Person(email=row.address, password=make_password(None), **own)


def _write_groups(rows: Sequence[tuple[int, Planned]]) -> None:
    member = Group.members.through
    joins = [member(person_id=pk, group_id=group.pk) for pk, row in rows for group in row.joins]
    member.objects.bulk_create(joins, ignore_conflicts=True)
    for pk, row in rows:
        if row.leaves:
            member.objects.filter(person_id=pk, group_id__in=[group.pk for group in row.leaves]).delete()


def _slices(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]
