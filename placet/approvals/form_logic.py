"""A form as it is filled: which parts are shown, needed or fixed, what stands there by itself, what is computed.

Each part is looked at after those that it depends on, so one pass settles the form. A part that is not shown holds
nothing and is not checked. What a field requires changes no value: that is asked last, and two fields may require
each other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from django.utils.translation import gettext as _

from placet.approvals.definitions import Definition
from placet.approvals.field_types import NotOffered, is_entered
from placet.approvals.form_computed import as_entered, cannot_be_computed, computed_value, please
from placet.approvals.form_options import Lists, rows_of_form, with_options_that
from placet.approvals.form_parts import FormField, FormPart, Section
from placet.approvals.form_tables import CellsInvalid
from placet.approvals.form_types import names_of, seen_values, type_of
from placet.lib import clock
from placet.lib.conditions import ConditionError, holds, names_in, value_of

TODAY = "today"  # what expressions of a form see beside its fields, unless one of these is called so

Files = Mapping[
    str, Sequence[Mapping[str, Any]]
]  # of each field, as `placet.approvals.attachments` kept them
NO_FILES: Files = {}
Data = Mapping[str, Any]  # what is stored of a form, by field


class DependsOnItself(ValueError):
    """Parts of a form depend on each other in a circle; `names` are those, the first one again at the end."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(" → ".join(names))
        self.names = list(names)


@dataclass(frozen=True)
class Scope:
    """What of a form is entered now. All else stays as it is, but for what is computed from what is entered and for
    what is not shown any more because of it."""

    fields: frozenset[str]
    required: frozenset[str] = frozenset()  # of those
    held: Data = field(default_factory=dict)  # what stands already
    complete: bool = True  # False: nothing has to be filled in


@dataclass(frozen=True)
class Standing:
    """How a part of a form stands."""

    shown: bool = True
    required: bool = False
    fixed: bool = False  # nobody enters it: it is computed, or says what it says by itself


@dataclass
class Filled:
    """A form with what was entered."""

    data: dict[str, Any] = field(default_factory=dict)  # by field
    errors: dict[str, str] = field(default_factory=dict)
    standings: dict[str, Standing] = field(default_factory=dict)  # by `key_of`
    entered: dict[str, Any] = field(
        default_factory=dict
    )  # as it stands in the inputs, with what stands there by itself
    fields: dict[str, FormField] = field(default_factory=dict)  # with what each offers now
    # Fields in which something was chosen that cannot be chosen there now.
    not_offered: set[str] = field(default_factory=set)

    def shows(self, name: str) -> bool:
        return self.standings[name].shown


def key_of(number: int, part: FormPart) -> str:
    """Of the parts of a form, which do not all have a name."""
    return part.name if isinstance(part, FormField) else str(number)


def expressions_of(part: FormPart) -> dict[str, str]:
    """What a part says about other fields, by what it is for."""
    names = ("show", "default", "read_only", "computed", "require")
    said = {name: getattr(part, name, None) for name in names}
    options = part.options or () if isinstance(part, FormField) else ()
    said |= {f"only of {option.key}": option.only for option in options}
    return {name: source for name, source in said.items() if source is not None}


def names_looked_at(part: FormPart) -> frozenset[str]:
    """All that a part depends on."""
    names = {name for source in expressions_of(part).values() for name in names_in(source)}
    return frozenset(names | _names_of_options(part)) if isinstance(part, FormField) else frozenset(names)


def _names_of_value(part: FormPart) -> set[str]:
    """All that what a part holds, or whether it is there, depends on. What it requires changes neither."""
    sources = [source for what, source in expressions_of(part).items() if what != "require"]
    names = {name for source in sources for name in names_in(source)}
    return names | _names_of_options(part) if isinstance(part, FormField) else names


def _names_of_options(one: FormField) -> set[str]:
    """What it depends on which options a field offers."""
    names = {name for option in one.options or () if option.only for name in names_in(option.only)}
    return names | ({one.source.field} if one.source is not None and one.source.field else set())


def sections_of(definition: Definition) -> Iterator[tuple[str, FormPart, str]]:
    """Each part with its key and with that of the section that it stands in; "" for none."""
    section = ""
    for number, part in enumerate(definition.form):
        if isinstance(part, Section):
            section = key_of(number, part)
            yield section, part, ""
        else:
            yield key_of(number, part), part, section


def in_order(definition: Definition) -> list[tuple[str, FormPart, str]]:
    """The parts of a form, each behind those that it depends on; or DependsOnItself."""
    parts = {key: (key, part, section) for key, part, section in sections_of(definition)}
    owners = {name: one.name for one in definition.fields for name in names_of(one)}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for key, part, section in parts.values():
        needed = {owners.get(name, name) for name in _names_of_value(part)} & parts.keys()
        sorter.add(key, *sorted(needed), *([section] if section else []))
    try:
        return [parts[key] for key in sorter.static_order()]
    except CycleError as error:
        raise DependsOnItself(error.args[1][::-1]) from error


def paths_to_today(definition: Definition) -> dict[str, list[str]]:
    """What conditions see that depends on the day, by name: the parts that it depends on by, from itself to `today`.
    Expressions that do not compile are passed over."""
    if any(TODAY in names_of(one) for one in definition.fields):
        return {}
    dependents: dict[str, list[str]] = {}
    for key, part, section in sections_of(definition):
        try:
            names = _names_of_value(part)
        except ConditionError:
            continue
        taken = names_of(part) if isinstance(part, FormField) else {key}
        for name in {*names, section}:
            dependents.setdefault(name, []).extend(taken)
    paths, waiting = {TODAY: [TODAY]}, [TODAY]
    while waiting:
        name = waiting.pop(0)
        for dependent in dependents.get(name, ()):
            if dependent not in paths:
                paths[dependent] = [dependent, *paths[name]]
                waiting.append(dependent)
    return paths


def fill(
    definition: Definition, entered: Mapping[str, Any], files: Files = NO_FILES, scope: Scope | None = None
) -> Filled:
    """What becomes of a form with this in it. A field that `entered` does not name says what it says by itself, or what
    it held. Without a `scope`: where a request is started."""
    return _Filling(definition, entered, files, scope or at_start(definition)).done()


def at_start(definition: Definition) -> Scope:
    return Scope(frozenset(one.name for one in definition.fields) - definition.entered_later)


class _Filling:
    def __init__(
        self, definition: Definition, entered: Mapping[str, Any], files: Files, scope: Scope
    ) -> None:
        self.definition = definition
        self.given = entered
        self.files = files
        self.scope = scope
        self.moved: set[str] = set()  # fields, and their totals, that do not hold what they held
        self.values: dict[str, Any] = {TODAY: clock.today().isoformat()}
        for one in definition.fields:
            self.values |= seen_values(one, None)
        self.filled = Filled(fields={one.name: one for one in definition.fields})
        self.lists = Lists()
        self.without_value: set[str] = (
            set()
        )  # fields whose value is not known, because something does not fit

    def done(self) -> Filled:
        for key, part, section in in_order(self.definition):
            shown = (not section or self.filled.shows(section)) and self._holds(part.show, otherwise=True)
            self.filled.standings[key] = Standing(shown)
            if isinstance(part, FormField):
                self._fill(part, shown=shown, section=section)
                if self.filled.data[part.name] != self.scope.held.get(part.name):
                    self.moved |= names_of(part)
            elif isinstance(part, Section) and part.show is not None and names_in(part.show) & self.moved:
                self.moved.add(key)  # what stands in it comes or goes
        for one in self.definition.fields:
            self._require(one)
        self.filled.data = {one.name: self.filled.data[one.name] for one in self.definition.fields}
        return self.filled

    def _fill(self, one: FormField, *, shown: bool, section: str) -> None:
        """Its value. Whether it has to have one is asked when all values are known."""
        held = self.scope.held.get(one.name)
        self.filled.entered[one.name] = self.given.get(one.name, "") if one.name in self.scope.fields else ""
        self.filled.data[one.name] = None
        if one.name not in self.scope.fields and not self._follows(one, section):
            self._hold(one, held, Standing(shown=False))
            return
        if not shown:
            return
        if one.computed is not None:
            self.filled.standings[one.name] = Standing(fixed=True)
            self._keep(one, self._computed)
            return
        if one.name not in self.scope.fields:
            self._hold(one, held, Standing(shown=False))
            return
        fixed = self._holds(one.read_only, otherwise=True) if one.read_only is not None else False
        self.filled.standings[one.name] = Standing(fixed=fixed)
        if fixed or not self._is_given(one):
            if held is not None and not (fixed and self._says_otherwise(one)):
                self._hold(one, held, Standing(fixed=fixed))
                return
            if one.default is not None and self.without_value & names_in(one.default):
                self._lose(one)  # what is wrong with the other field is said there, and that is enough
                return
            self.filled.entered[one.name] = self._by_itself(one)
        self._keep(self._offering(one), self._read)

    def _is_given(self, one: FormField) -> bool:
        """Whether anything is said of it now. Files are never among what was typed."""
        return one.name in (self.files if one.type == "files" else self.given)

    def _offering(self, one: FormField) -> FormField:
        """The field with what can be chosen in it, as the other fields stand."""
        if one.source is not None and one.source.field is not None:
            [table] = (other for other in self.definition.fields if other.name == one.source.field)
            listing = rows_of_form(table, one.source.column, self.filled.data[table.name] or ())
            offering = one.with_listing(listing)
        else:
            narrowed = with_options_that(one, lambda only: self._holds(only, otherwise=True))
            offering = self.lists.offering(narrowed, self.scope.held.get(one.name))
        self.filled.fields[one.name] = offering
        return offering

    def _follows(self, one: FormField, section: str) -> bool:
        """Whether its value, or that it has one, follows from something that does not hold what it held."""
        sources = [source for source in (one.show, one.computed) if source is not None]
        return bool({section, *(name for source in sources for name in names_in(source))} & self.moved)

    def _says_otherwise(self, one: FormField) -> bool:
        """Whether what it says by itself, or that nobody enters it, follows from something that does not hold what it
        held."""
        if one.default is None:
            return False
        return bool((names_in(one.default) | names_in(one.read_only or "false")) & self.moved)

    def _hold(self, one: FormField, held: Any, standing: Standing) -> None:
        """As it stands, if it can still be chosen."""
        if held is not None and _names_of_options(one) & self.moved:
            self._must_be_offered(one, held)
        self.filled.standings[one.name] = standing
        self.filled.data[one.name] = held
        self.filled.entered[one.name] = "" if held is None else type_of(one).typed(held, one)
        self.values |= seen_values(one, held)

    def _must_be_offered(self, one: FormField, held: Any) -> None:
        """What was chosen before, and does not go together with what is entered now, is neither kept nor dropped in
        silence."""
        try:
            type_of(one).read(type_of(one).typed(held, one), self._offering(one))
        except ValueError:
            said = _("“{option}” was chosen here before, and is not offered with what is entered now.")
            self.filled.errors[one.name] = said.format(option=type_of(one).as_read(held, one))

    def _keep(self, one: FormField, reader: Any) -> None:
        try:
            value = self.filled.data[one.name] = reader(one)
        except CellsInvalid as error:
            self.filled.errors |= {f"{one.name}.{where}": said for where, said in error.errors.items()}
            self.values |= seen_values(one, error.rows)  # what a page shows as their totals, too
            self._lose(one)
            return
        except ValueError as error:
            self._refuse(one, error)
            return
        self.values |= seen_values(one, value)

    def _refuse(self, one: FormField, error: ValueError) -> None:
        self._lose(one)
        if isinstance(error, NotOffered):
            self.filled.not_offered.add(one.name)
        self.filled.errors[one.name] = str(error)

    def _lose(self, one: FormField) -> None:
        self.without_value |= names_of(one)

    def _raw(self, one: FormField) -> Any:
        """What stands in its inputs; of files those that it has now."""
        if one.type != "files":
            return self.filled.entered[one.name]
        return self.files.get(one.name, self.scope.held.get(one.name))

    def _read(self, one: FormField) -> Any:
        raw = self._raw(one)
        if not is_entered(raw, one):
            return False if one.type == "yes_no" and not self._is_unsaid(one) else None
        self._must_not_have_gone(one, raw)
        return type_of(one).read(raw, one)

    def _must_not_have_gone(self, one: FormField, raw: Any) -> None:
        """NotOffered, in words that say why, for an option that there is with other values of other fields."""
        [whole] = (other for other in self.definition.fields if other.name == one.name)
        if not whole.has_dependent_options:
            return
        wanted = raw if isinstance(raw, list | tuple) else [raw]
        for key in (str(entered).strip() for entered in wanted):
            option = whole.option(key)
            if option is not None and one.option(key) is None:
                said = _("“{option}” is not offered with what was entered elsewhere. Please choose again.")
                raise NotOffered(said.format(option=option.shown))

    def _is_unsaid(self, one: FormField) -> bool:
        """A box that is not ticked says no, and where a request is started whatever is left out does. Later, what an
        answer by mail does not speak of stays empty: it would be a change that nobody made."""
        return one.name not in self.given and one.default is None and bool(self.scope.held)

    def _by_itself(self, one: FormField) -> Any:
        if one.default is None:
            return ""
        try:
            return as_entered(value_of(one.default, self.values))
        except ConditionError:
            # It was tried before it was published.
            if self.filled.standings[one.name].fixed:
                self.filled.errors[one.name] = cannot_be_computed()  # nobody can enter it instead
            return ""

    def _computed(self, one: FormField) -> Any:
        assert one.computed is not None
        if self.without_value & names_in(one.computed):
            self.without_value.add(one.name)
            return None
        try:
            return computed_value(one, value_of(one.computed, self.values))
        except ConditionError as error:
            raise ValueError(cannot_be_computed()) from error

    def _require(self, one: FormField) -> None:
        standing = self.filled.standings[one.name]
        if not standing.shown:
            return
        if standing.fixed:
            if (
                self.scope.complete
                and one.required
                and one.default is not None
                and not is_entered(self.filled.entered[one.name], one)
            ):
                self.filled.errors.setdefault(one.name, cannot_be_computed())
            return
        required = self.scope.complete and (
            one.required
            or one.name in self.scope.required
            or self._holds(one.require, otherwise=True, unsaid=False)
        )
        self.filled.standings[one.name] = Standing(required=required)
        if required and not is_entered(self._raw(one), one) and one.name not in self.without_value:
            self.filled.errors.setdefault(one.name, please(one))

    def _holds(self, source: str | None, *, otherwise: bool, unsaid: bool = True) -> bool:
        """`otherwise`: where it cannot be told with these values. `unsaid`: where there is no condition."""
        if source is None:
            return unsaid
        try:
            return holds(source, self.values)
        except ConditionError:
            return otherwise
