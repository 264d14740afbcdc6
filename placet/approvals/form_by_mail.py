"""What of a form an answer by mail can enter in lines, beside the fields that stand there whatever the others say.

A field that is shown, fixed, or offers options by a condition is asked for while its condition comes to that, and only
if nothing else that is entered in the same step could change it: a reply says all of its lines at once. All others are
entered on the page, which shows what comes and goes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import get_args

from placet.approvals.definitions import Definition
from placet.approvals.form_logic import (
    TODAY,
    Data,
    Scope,
    expressions_of,
    fill,
    names_looked_at,
    sections_of,
)
from placet.approvals.form_parts import FormField, FormPart, SmallType
from placet.approvals.form_types import names_of
from placet.lib.conditions import names_in


@dataclass(frozen=True)
class Conditional:
    """Of the fields under a condition that a step's people fill in.

    asked      those that a line of a mail can say as the form stands, with the options that they offer now
    has_more   whether there are, or may come to be, others
    """

    asked: Mapping[str, FormField] = field(default_factory=dict)
    has_more: bool = False


def conditional_fields(definition: Definition, step_key: str) -> tuple[FormField, ...]:
    """Those that a step's people fill in and that are not always there for all of it, in the order of the form."""
    filled = definition.filled_in(step_key)
    if not filled:
        return ()
    shown_by = {
        section: part for section, part, _of in sections_of(definition) if not isinstance(part, FormField)
    }
    return tuple(
        part
        for _key, part, section in sections_of(definition)
        if isinstance(part, FormField)
        and part.name in filled
        and (_is_conditional(part) or (section and getattr(shown_by[section], "show", None) is not None))
    )


def _is_conditional(one: FormField) -> bool:
    from_table = one.source is not None and one.source.field is not None
    return one.show is not None or one.read_only is not None or one.has_dependent_options or from_table


def conditional_now(definition: Definition, step_key: str, data: Data) -> Conditional:
    """As the form stands."""
    fields = conditional_fields(definition, step_key)
    if not fields:
        return Conditional()
    filled, looked_at = definition.filled_in(step_key), _looked_at(definition)
    certain = {one.name for one in fields if not _all_behind(one, looked_at) & {*filled, TODAY}}
    lines = {one.name for one in fields if one.name in certain and _fits(one)}
    if not lines and len(certain) < len(fields):
        return Conditional(has_more=True)  # without a look at lists, which may be long
    # Nothing entered in them: what is held already would be taken without a look at what is offered.
    now = fill(definition, dict.fromkeys(lines, ""), scope=Scope(filled, frozenset(), data, complete=False))
    open_now = {
        one.name for one in fields if now.standings[one.name].shown and not now.standings[one.name].fixed
    }
    return Conditional(
        {one.name: now.fields[one.name] for one in fields if one.name in lines & open_now},
        any(one.name not in lines and (one.name in open_now or one.name not in certain) for one in fields),
    )


def _fits(one: FormField) -> bool:
    return one.type in get_args(SmallType) and (one.source is None or one.source.field is None)


def _looked_at(definition: Definition) -> dict[str, tuple[FormPart, set[str]]]:
    """By the names that expressions know a part by: the part, and all that it looks at, with its section."""
    parts: dict[str, tuple[FormPart, set[str]]] = {}
    for key, part, section in sections_of(definition):
        seen = {*names_looked_at(part), *([section] if section else [])}
        for name in (key, *(names_of(part) if isinstance(part, FormField) else ())):
            parts[name] = part, seen
    return parts


def _all_behind(one: FormField, looked_at: Mapping[str, tuple[FormPart, set[str]]]) -> set[str]:
    """All that decides whether it can be entered: what its own conditions look at, and what these look at. Fields that
    are computed, and totals, stand for what they come of."""
    behind: set[str] = set()
    waiting = [*_conditions(one), *(name for name in looked_at[one.name][1] if name.isdecimal())]
    while waiting:
        name = waiting.pop()
        if name in behind:
            continue
        behind.add(name)
        if name in looked_at:
            part, seen = looked_at[name]
            behind |= {part.name} if isinstance(part, FormField) else set()
            waiting += seen
    return behind


def _conditions(one: FormField) -> Iterator[str]:
    for what, source in expressions_of(one).items():
        if what not in ("default", "require", "computed"):
            yield from names_in(source)
    if one.source is not None and one.source.field is not None:
        yield one.source.field
