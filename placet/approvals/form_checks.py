"""What is checked of a form before its process is published: a sentence for each thing to change."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from placet.approvals.definitions import Definition
from placet.approvals.field_types import day_of, problem_of_pattern
from placet.approvals.form_numbers import limit_of
from placet.approvals.form_parts import Input, Option

MOST_PARTS = 200
_LIMITS, _TEXT = {"min", "max"}, {"length", "pattern", "message"}
#: What a field may say beside its name, label, type and help, and whether it is required.
_TAKES: dict[str, set[str]] = {
    "text": _TEXT,
    "long_text": _TEXT,
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
    "choice": {"options"},
    "choices": {"options"},
    "person": {"among"},
    "people": {"among"},
}
_OWN = ("options", "among", "min", "max", "step", "digits", "length", "pattern", "message")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_A_DAY = date(2026, 1, 1)  # that limits are tried with


def form_problems(definition: Definition) -> list[str]:
    problems = [f"form: {problem}" for problem in _names_problems([field.name for field in definition.form])]
    if len(definition.form) > MOST_PARTS:
        problems.append(f"form: it has more than {MOST_PARTS} parts")
    for field in definition.form:
        problems += [f"form: {field.name}{problem}" for problem in _input_problems(field)]
    return problems


def _names_problems(names: Iterable[str]) -> Iterator[str]:
    counted = Counter(names)
    yield from (f"two fields are called {name}" for name in sorted(counted) if counted[name] > 1)


def _input_problems(field: Input) -> Iterator[str]:
    """Each begins behind the name."""
    if field.type == "money" and not field.currency:
        yield " needs a currency"
    takes = _TAKES.get(field.type, set())
    yield from (
        f": a field of the type {field.type} takes no {name}"
        for name in _OWN
        if getattr(field, name) is not None and name not in takes
    )
    if "options" in takes:
        yield from _options_problems(field.options)
    if field.pattern is not None:
        problem = problem_of_pattern(field.pattern)
        if problem:
            yield f": “{field.pattern}” is not a pattern: {problem}"
        elif field.message is None:
            yield ": say in message how it is to be written, for whom the pattern does not let through"
    elif field.message is not None:
        yield ": message belongs to a pattern, and there is none"
    if takes >= _LIMITS:
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
    if isinstance(limit, str):
        raise ValueError("write a number")
    return limit_of(limit)
