"""What is checked of a form before its process is published: a sentence for each thing to change."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from graphlib import CycleError
from typing import Any

from django.utils import translation

from placet.approvals.definitions import Definition
from placet.approvals.field_types import MOST_PEOPLE, Text, day_of, is_filled, problem_of_pattern
from placet.approvals.form import PLACE, condition_values, sample_data
from placet.approvals.form_computed import COMPUTED, as_entered
from placet.approvals.form_logic import (
    TODAY,
    DependsOnItself,
    expressions_of,
    in_order,
    sections_of,
)
from placet.approvals.form_numbers import limit_of
from placet.approvals.form_option_checks import (
    independence_problems,
    number_problems,
    rows_problems,
    source_problems,
)
from placet.approvals.form_options import Lists
from placet.approvals.form_parts import CURRENCY, MOST_FILES, MOST_ROWS, FormField, FormPart, Input, Option
from placet.approvals.form_tables import SUMMED, computed_in_order, most_rows, sample_row, seen_row
from placet.approvals.form_types import seen_values, type_of
from placet.approvals.steps import ApprovalStep, IncludeStep, NoticeStep, StepForm, names_fit
from placet.lib import clock
from placet.lib.conditions import ConditionError, holds, names_in, value_of

MOST_PARTS = 200
MOST_PEOPLE_IN_CELLS = 200
MOST_CELLS = 3000  # of all tables: a page sends each
_LIMITS, _TEXT = {"min", "max"}, {"length", "pattern", "message"}
#: What a field may say beside its name, label, type and help, and whether it is required.
_TAKES: dict[str, set[str]] = {
    "text": _TEXT,
    "long_text": _TEXT,
    "exact_text": {"length"},
    "email": _TEXT,
    "phone": _TEXT,
    "url": _TEXT,
    "iban": _TEXT,
    "money": {*_LIMITS, "step"},
    "number": {*_LIMITS, "step", "digits"},
    "percent": {*_LIMITS, "step", "digits"},
    "date": _LIMITS,
    "time": _LIMITS,
    "date_time": _LIMITS,
    "period": _LIMITS,
    "choice": {"options", "options_from"},
    "choices": {"options", "options_from"},
    "cost_centre": {"options_from"},
    "table": _LIMITS,
    "person": {"among"},
    "people": {"among", *_LIMITS},
    "files": {"max", "largest", "endings"},
}
_OWN = (
    "options", "options_from", "among", "min", "max", "step", "digits", "largest", "endings", "length", "pattern",
    "message",
)  # fmt: skip
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_A_DAY = date(2026, 1, 1)  # that limits are tried with


def form_problems(definition: Definition) -> list[str]:
    totals = [total.name for field in definition.fields for total in field.totals or ()]
    names = [name for field in definition.fields for name in _names_taken(field)]
    what = "fields or totals" if totals else "fields"
    problems = [f"form: {problem}" for problem in _names_problems(names, what)]
    if len(definition.form) > MOST_PARTS:
        problems.append(f"form: it has more than {MOST_PARTS} parts")
    for field in definition.fields:
        problems += [f"form: {field.name}{problem}" for problem in input_problems(field)]
        problems += [f"form: {field.name}{problem}" for problem in _roles_problems(field)]
        problems += [f"form: {field.name}{problem}" for problem in table_problems(field)]
        problems += [f"form: {field.name}{problem}" for problem in rows_problems(definition, field)]
    if not problems:
        problems += [f"form: {problem}" for problem in _cells_problems(definition)]
        problems += [f"form: {problem}" for problem in number_problems(definition)]
    if not problems:
        problems += [f"form: {problem}" for problem in _expressions_problems(definition)]
    return problems


def _names_taken(field: FormField) -> list[str]:
    """What conditions know it by, each as often as it is said."""
    totals = [total.name for total in field.totals or ()]
    return [field.name, *totals, *(name + CURRENCY for name in _chosen_amounts(field))]


def _chosen_amounts(field: FormField) -> list[str]:
    columns = {column.name: column for column in field.columns or ()}
    summed = [(total.name, columns.get(total.of)) for total in field.totals or () if total.count is None]
    return [name for name, one in [(field.name, field), *summed] if one and _chooses(one)]


def chosen_amounts(definition: Definition) -> list[str]:
    """What conditions call the amounts whose currency is chosen, totals of them too."""
    return [name for field in definition.fields for name in _chosen_amounts(field)]


def _chooses(one: Input) -> bool:
    return one.type == "money" and one.chooses_currency


def _names_problems(names: Iterable[str], what: str) -> Iterator[str]:
    counted = Counter(names)
    yield from (f"two {what} are called {name}" for name in sorted(counted) if counted[name] > 1)


def input_problems(field: Input) -> Iterator[str]:
    """Each begins behind the name."""
    if field.type == "money" and not field.currency:
        yield " needs a currency"
    if field.type != "money" and field.chooses_currency:
        yield ": several currencies belong to a field of the type money"
    takes = _TAKES.get(field.type, set())
    yield from (
        f": a field of the type {field.type} takes no {name}"
        for name in _OWN
        if getattr(field, name) is not None and name not in takes
    )
    if "options" in takes and (field.options_from is None or field.options is not None):
        yield from _options_problems(field.options)
    if field.options is not None and field.options_from is not None:
        yield ": say either options or options_from"
    if "options_from" in takes and field.source is not None:
        yield from source_problems(field.source)
    if field.pattern is not None:
        problem = problem_of_pattern(field.pattern)
        if problem:
            yield f": “{field.pattern}” is not a pattern: {problem}"
        elif field.message is None:
            yield ": say in message how it is to be written, for whom the pattern does not let through"
    elif field.message is not None:
        yield ": message belongs to a pattern, and there is none"
    if "max" in takes:
        yield from _limits_problems(field)


def _options_problems(options: tuple[Option, ...] | None) -> Iterator[str]:
    if not options:
        yield ": say its options"
        return
    keys = Counter(option.key for option in options)
    yield from (f": two options have the key {key}" for key in sorted(keys) if keys[key] > 1)
    languages = {code for option in options if isinstance(option.label, dict) for code in option.label}
    for language in [None, *sorted(languages)]:
        labels = Counter(_label(option, language).casefold() for option in options)
        twice = sorted(label for label in labels if labels[label] > 1)
        if twice:
            yield from (f": two options are called “{label}”" for label in twice)
            return


def _label(option: Option, language: str | None) -> str:
    if language is not None and isinstance(option.label, dict):
        return option.label.get(language, option.text)
    return option.text


def _limits_problems(field: Input) -> Iterator[str]:
    values = []
    relative = {str(limit).startswith("today") for limit in (field.min, field.max)}
    for name in ("min", "max"):
        limit = getattr(field, name)
        if limit is None:
            continue
        try:
            values.append(_limit(field, limit))
        except ValueError as error:
            yield f": {name}: {error}"
    if len(values) == 2 and len(relative) == 1 and values[0] > values[1]:
        yield ": min is more than max"


def _limit(field: Input, limit: object) -> Any:
    if field.type == "time":
        if not _TIME.fullmatch(str(limit)):
            raise ValueError('write a time in quotes, such as "08:00"')
        return limit
    if field.type in ("date", "date_time", "period"):
        day = day_of(limit, _A_DAY)
        if day is None:
            raise ValueError("write a date such as 2026-12-31, “today”, or “today + 90 days” (or weeks)")
        return day
    if field.type == "table" and (not isinstance(limit, int) or not 0 <= limit <= MOST_ROWS):
        raise ValueError(f"write a number of rows, at most {MOST_ROWS}")
    if field.type == "files" and (not isinstance(limit, int) or not 1 <= limit <= MOST_FILES):
        raise ValueError(f"write a number of files, at most {MOST_FILES}")
    if field.type == "people" and (not isinstance(limit, int) or not 2 <= limit <= MOST_PEOPLE):
        raise ValueError(f"write how many people, 2 to {MOST_PEOPLE}; one is a field of the type person")
    if isinstance(limit, str):
        raise ValueError("write a number")
    return limit_of(limit)


# --- tables -----------------------------------------------------------------------------------------------


def _cells_problems(definition: Definition) -> Iterator[str]:
    cells = sum(most_rows(field) * len(field.columns or ()) for field in definition.fields if field.columns)
    people = sum(
        most_rows(field) * sum(column.type == "person" for column in field.columns or ())
        for field in definition.fields
        if field.columns
    )
    if people > MOST_PEOPLE_IN_CELLS:
        yield (
            f"its tables may name {people} people together, and {MOST_PEOPLE_IN_CELLS} is the most: each is looked up; "
            "say max of their rows"
        )
    if cells > MOST_CELLS:
        yield f"its tables may have {cells} cells together, and {MOST_CELLS} is the most: say max of their rows"


def table_problems(field: FormField) -> Iterator[str]:
    """Each begins behind the name."""
    if field.type != "table":
        yield from (
            f": {name} belongs to a table"
            for name in ("columns", "totals", "unique")
            if getattr(field, name) is not None
        )
        return
    if field.columns is None:
        yield ": say its columns"
        return
    names = [column.name for column in field.columns]
    chosen = [column.name + CURRENCY for column in field.columns if _chooses(column)]
    yield from (f": {problem}" for problem in _names_problems([*names, *chosen], "columns"))
    for column in field.columns:
        yield from (f".{column.name}{problem}" for problem in input_problems(column))
        yield from (f".{column.name}{problem}" for problem in independence_problems(column))
    if field.unique is not None and field.unique not in names:
        yield f": unique: there is no column {field.unique}"
    for total in field.totals or ():
        kinds = {one.name: one.type for one in field.columns}
        if total.of and total.of not in kinds:
            yield f": {total.name}: there is no column {total.of}"
        elif total.count is None and kinds.get(total.of) not in SUMMED:
            yield f": {total.name}: only columns of {', '.join(SUMMED)} have a sum, a least and a most"
    yield from (f".{problem}" for problem in _computed_problems(field))


def _computed_problems(field: FormField) -> Iterator[str]:
    columns = [column for column in field.columns or () if column.computed is not None]
    for column in columns:
        if column.type not in COMPUTED:
            yield f"{column.name}: what is computed is one of {', '.join(COMPUTED)}, and not {column.type}"
            return
        if column.required:
            yield f"{column.name}: it is computed, so leave required out"
        if column.chooses_currency:
            yield f"{column.name}: what is computed is in one currency, so say one"
        chosen = {one.name for one in field.columns or () if _chooses(one)}
        yield from (f"{column.name}{problem}" for problem in mixed_problems(column, column.computed, chosen))
        try:
            unknown = unknown_problem(names_in(column.computed or "") - sample_row(field).keys())
        except ConditionError as error:
            unknown = str(error)
        if unknown:
            yield f"{column.name}: computed: {unknown}; what is computed in a row sees its columns alone"
            return
    try:
        computed_in_order(field)
    except CycleError as error:
        yield f"{columns[0].name}: {' → '.join(error.args[1][::-1])} depend on each other in a circle"
        return
    for row in (sample_row(field), {}):
        for column in columns:
            try:
                must_compute(column, column.computed or "", seen_row(field, row))
            except ValueError as error:
                yield f"{column.name}: computed: {error}"
                return


# --- what steps show --------------------------------------------------------------------------------------


def step_form_problems(definition: Definition, key: str, step: ApprovalStep | NoticeStep) -> Iterator[str]:
    """Of what a step says about the form."""
    if step.form is None:
        return
    for name, patterns in (
        ("hide", step.form.hide),
        ("fill", step.form.fill),
        ("require", step.form.require),
    ):
        yield from (f"{name}: {problem}" for problem in _unknown_names(definition, patterns))
    titled = set(PLACE.findall(definition.title))
    for field in definition.fields:
        if names_fit(field.name, step.form.hide) and titled & seen_values(field, None).keys():
            yield f"hide: {field.name} stands in the title, which everybody reads who is asked"
    if isinstance(step, ApprovalStep):
        yield from _filled_problems(definition, key, step.form)
    elif step.form.fill is not None or step.form.require is not None:
        yield "a notice tells people, and nobody enters anything there: leave fill and require out"


def _filled_problems(definition: Definition, key: str, form: StepForm) -> Iterator[str]:
    """Of the fields that a step's people enter."""
    filled = definition.filled_in(key)
    for field in definition.fields:
        if field.name in filled or field.name not in {*(form.fill or ()), *(form.require or ())}:
            continue
        if field.computed is not None:
            yield f"fill: {field.name} is computed, so nobody enters it"
        elif names_fit(field.name, form.hide):
            yield f"fill: {field.name} is hidden in this step"
        else:
            yield f"require: {field.name} is not among the fields that are entered here (fill)"
    if form.fill is not None and not filled:
        yield "fill: none of these fields can be entered here"


def start_form_problems(definition: Definition) -> Iterator[str]:
    """Of fields that are entered later than where a request is started. `definition`: with what it includes, of which a
    step may be the one that fills them in."""
    if definition.start_form is None:
        return
    yield from (f"hide: {problem}" for problem in _unknown_names(definition, definition.start_form.hide))
    titled = set(PLACE.findall(definition.title))
    filled = {
        name
        for key, step in definition.steps.items()
        if isinstance(step, ApprovalStep)
        for name in definition.filled_in(key)
    }
    is_whole = not any(isinstance(step, IncludeStep) for step in definition.steps.values())
    for field in definition.fields:
        if field.name not in definition.entered_later:
            continue
        if titled & seen_values(field, None).keys():
            yield f"hide: {field.name} stands in the title, which is made where a request is started"
        elif is_whole and field.name not in filled and field.computed is None:
            yield f"hide: no step fills {field.name} in; say so in its form: fill: [{field.name}]"


def _unknown_names(definition: Definition, patterns: Sequence[str] | None) -> Iterator[str]:
    names = [field.name for field in definition.fields]
    for pattern in patterns or ():
        if not any(names_fit(name, (pattern,)) for name in names):
            yield f"there is no field {pattern}"


# --- expressions ------------------------------------------------------------------------------------------


def _roles_problems(field: FormField) -> Iterator[str]:
    """What cannot be said of one field together."""
    said = {
        name for name in ("default", "read_only", "computed", "require") if getattr(field, name) is not None
    }
    if field.computed is not None:
        if field.type not in COMPUTED:
            yield f": what is computed is one of {', '.join(COMPUTED)}, and not {field.type}"
        if field.chooses_currency:
            yield ": what is computed is in one currency, so say one"
        others = [*sorted(said - {"computed"}), *(["required"] if field.required else [])]
        yield from (f": it is computed, so leave {name} out" for name in others)
    if field.type in ("files", "table"):
        what = "files take" if field.type == "files" else "a table takes"
        yield from (f": {what} no {name}" for name in ("default", "read_only") if name in said)
    if field.required and field.require is not None:
        yield ": it is required, so leave require out"


def mixed_problems(one: Input, source: str | None, chosen: Collection[str]) -> Iterator[str]:
    """Of an amount that comes from amounts whose currency (`chosen`: their names) is not known beforehand. Each begins
    behind the name."""
    if one.type != "money" or source is None:
        return
    try:
        names = names_in(source)
    except ConditionError:
        return  # said elsewhere
    code = one.main_currency
    for name in sorted(names & {*chosen}):
        if name + CURRENCY in names:
            continue
        yield f": {name} may be in several currencies; look at {name}{CURRENCY} too, such as " + (
            f"“{{'amount': {name}, 'currency': {name}{CURRENCY}}}”"
            if one.chooses_currency
            else f"“{name}{CURRENCY} == '{code}' ? … : …”, because this is in {code}"
        )


def _expressions_problems(definition: Definition) -> Iterator[str]:
    compiled, chosen = True, chosen_amounts(definition)
    for field in definition.fields:
        for what in (field.computed, field.default):
            yield from (f"{field.name}{problem}" for problem in mixed_problems(field, what, chosen))
    for key, part, _section in sections_of(definition):
        where = key if isinstance(part, FormField) else f"part {int(key) + 1}"
        for name, source in expressions_of(part).items():
            problem = _names_problem(definition, source)
            compiled = compiled and not problem
            yield from [f"{where}: {name}: {problem}"] if problem else []
    if not compiled:
        return
    try:
        in_order(definition)
    except DependsOnItself as error:
        yield f"{error}: these depend on each other in a circle; no order is left to look at them in"
        return
    for values in (sample_data(definition), {}):
        seen = {TODAY: clock.today().isoformat()} | condition_values(definition, values)
        found = [problem for part in definition.form for problem in _values_problems(part, seen)]
        yield from found
        if found:
            return


def _names_problem(definition: Definition, source: str) -> str:
    try:
        names = names_in(source)
    except ConditionError as error:
        return str(error)
    return unknown_problem(names - condition_values(definition, {}).keys() - {TODAY})


def unknown_problem(names: Iterable[str]) -> str:
    unknown = sorted(names)
    if not unknown:
        return ""
    return f"there is no field {unknown[0]}; a text stands in quotes within the quotes of YAML: \"'{unknown[0]}'\""


def _values_problems(part: FormPart, seen: Mapping[str, Any]) -> Iterator[str]:
    """What goes wrong with these values. Where fields are empty, too: so most forms begin."""
    where = part.name if isinstance(part, FormField) else part.type
    for name, source in expressions_of(part).items():
        try:
            if name == "computed" and isinstance(part, FormField):
                must_compute(part, source, seen)
            elif name == "default" and isinstance(part, FormField):
                _must_suit(part, source, seen)
            else:
                holds(source, seen)
        except ValueError as error:
            yield f"{where}: {name}: {error}"


def must_compute(field: Input, source: str, seen: Mapping[str, Any]) -> None:
    """ValueError if what an expression comes to is nothing that a field can be computed as."""
    value, is_text = value_of(source, seen), isinstance(type_of(field), Text)
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, str if is_text else int | float)
    ):
        raise ConditionError(f"“{source}” gives no {'text' if is_text else 'number'}")


def _must_suit(field: FormField, source: str, seen: Mapping[str, Any]) -> None:
    """ValueError if what stands in a field by itself is nothing that could be entered there."""
    value = value_of(source, seen)
    if value is None:
        return
    entered = as_entered(value)
    constant = not names_in(source) - {TODAY}
    of_form = field.source is not None and field.source.field is not None
    if constant and is_filled(entered) and field.type not in ("person", "people") and not of_form:
        with translation.override("en"):
            type_of(field).read(entered, Lists().offering(field))
