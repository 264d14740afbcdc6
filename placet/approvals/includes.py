"""Processes within processes, at publishing: the steps of another process are copied in, so that what is stored is flat
and nothing knows of it afterwards.

    sub: {kind: include, process: budget}       →   sub-manager, sub-finance, …

What led to the include leads to the first step of the other process. What led to one of its ends leads to where the
including process goes on that result, under the conditions of both. Conditions that name steps, and whatever else does,
name them by their new keys.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import repeat
from typing import Any

from placet.approvals.definitions import (
    Definition,
    EndStep,
    IncludeStep,
    ParallelStep,
    definition_of,
)
from placet.approvals.form_parts import FormField
from placet.approvals.models import Version

LONGEST_KEY = 60  # of a step
DEEPEST = 5  # processes in processes
MOST_WAYS = 1000  # transitions of the whole
#: Where a step of any kind has conditions and expressions: by name, or all values below it.
_CONDITIONS, _EXPRESSIONS = ("if", "when", "until", "expression"), ("with", "data")
_WILDCARDS = ("fill", "require")  # of a step's form: lists that allow or ask for something
#: Texts of CEL, which are left alone, and steps that are named.
_NAMED = re.compile(
    r"""(?P<text>[rRbB]{0,2}(?:\"\"\"(?:.|\n)*?\"\"\"|'''(?:.|\n)*?'''|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'))"""
    r"""|(?<![\w.])steps\s*(?:\.\s*(?P<name>[A-Za-z_]\w*)|\[\s*(?P<quote>["'])(?P<key>[a-z0-9_-]+)(?P=quote)\s*\])"""
)


def newest_published(key: str) -> Version | None:
    versions = Version.objects.filter(process__key=key, published_at__isnull=False)
    return versions.select_related("process").order_by("-number").first()


def results_of(definition: Definition) -> tuple[str, ...]:
    """What a process can come to."""
    return tuple(dict.fromkeys(one.result for one in definition.steps.values() if isinstance(one, EndStep)))


@dataclass
class Included:
    """Processes that are published, each read once."""

    known: dict[str, tuple[Version, Definition] | None] = field(default_factory=dict)

    def of(self, key: str) -> tuple[Version, Definition] | None:
        if key not in self.known:
            version = newest_published(key)
            self.known[key] = None if version is None else (version, definition_of(version))
        return self.known[key]


# --- what stands against it -----------------------------------------------------------------------------------


def problems_of_includes(definition: Definition, most_steps: int) -> Iterator[str]:
    """Of each by itself. Whether what comes out is a process is checked as ever, if it is not too large for that."""
    processes = Included()
    steps = ways = 0
    for key, step in definition.steps.items():
        if isinstance(step, IncludeStep):
            read = processes.of(step.process)
            if read is None:
                yield f"steps.{key}: there is no process {step.process} that is published"
            else:
                yield from (f"steps.{key}: {one}" for one in _problems(definition, key, read[1]))
                steps += len(read[1].steps)
                ways += sum(1 for _ in _ways_onward(definition, key, read[1]))
    if steps > most_steps or ways > MOST_WAYS:
        yield f"steps: with what they include they are too many; {most_steps} steps and {MOST_WAYS} ways are the most"


def _ways_onward(definition: Definition, key: str, included: Definition) -> Iterator[None]:
    """Those that an include makes of the other process's ways to its ends."""
    onward = Counter(t.outcome for t in definition.transitions if t.from_ == key)
    for transition in included.transitions:
        end = included.steps.get(transition.to or "")
        if isinstance(end, EndStep):
            yield from repeat(None, onward[end.result])


def _problems(definition: Definition, key: str, included: Definition) -> Iterator[str]:
    notes = included.included or {}
    inner = [included.key, *(one.process for one in notes.values())]
    if definition.key in inner:
        yield f"the process {definition.key} would include itself, by {' → '.join([included.key, definition.key])}"
        return
    deep = 1 + max((one.depth for one in notes.values()), default=0)
    if deep > DEEPEST:
        yield f"processes include each other more than {DEEPEST} deep"
    if isinstance(included.steps[included.start], EndStep):
        yield f"the process {included.key} begins with an end, so there is nothing to include"
    for name in included.steps:
        if f"{key}-{name}" in definition.steps:
            yield f"its step {name} would be called {key}-{name}, as another step is"
        if len(f"{key}-{name}") > LONGEST_KEY:
            yield f"its step {name} would be called {key}-{name}, which is longer than {LONGEST_KEY} letters"
    missing = [*_missing_fields(definition, included)]
    if missing:
        yield f"the form needs what the form of {included.key} has: {', '.join(missing)}"
    yield from _leaving_problems(definition, key, included)


def _missing_fields(definition: Definition, included: Definition) -> Iterator[str]:
    own = {one.name: _identity(one) for one in definition.fields}
    for one in included.fields:
        if own.get(one.name) != _identity(one):
            yield f"{one.name} ({' '.join(filter(None, (one.type, *one.currencies)))})"


def _identity(one: FormField) -> Any:
    """What conditions and those who are asked rely on."""
    columns = [(column.name, column.type, column.currencies) for column in one.columns or ()]
    return one.type, one.currencies, columns, [total.name for total in one.totals or ()]


def _leaving_problems(definition: Definition, key: str, included: Definition) -> Iterator[str]:
    """Out of a block of the other process a way can lead to a step, and not to the end of a branch around it."""
    ending = {t.outcome for t in definition.transitions if t.from_ == key and t.ends_branch is not None}
    for transition in included.transitions:
        end = included.steps.get(transition.to or "")
        leaves = isinstance(end, EndStep) and end.result in ending
        if leaves and included.places.get(transition.from_):
            yield (
                f"{transition.from_} of {included.key} leads out of a block to an end; that cannot end a branch here. "
                "Lead to a step on this result, and end the branch there"
            )


# --- copying in -----------------------------------------------------------------------------------------------


def flattened(definition: Definition) -> dict[str, Any]:
    """The definition with what it includes copied in, as a version holds it. For one without problems."""
    written = _written(definition)
    processes = Included()
    for key, step in definition.steps.items():
        if isinstance(step, IncludeStep):
            read = processes.of(step.process)
            assert read is not None
            _copy_in(written, key, read[1], read[0].number)
    return written


def _written(definition: Definition) -> dict[str, Any]:
    return definition.model_dump(mode="json", by_alias=True, exclude_none=True)


def _copy_in(written: dict[str, Any], key: str, included: Definition, number: int) -> None:
    names = {name: f"{key}-{name}" for name in included.steps}
    ways = [way for way in written["transitions"] if way["from"] == key]
    written["transitions"] = [way for way in written["transitions"] if way["from"] != key]
    _lead_to(written, key, names[included.start])
    steps: dict[str, Any] = {}
    for name, step in written["steps"].items():  # where the include stood
        steps |= {name: step} if name != key else dict(_copied_steps(included, names))
    written["steps"] = steps
    written["transitions"] += _copied_ways(included, names, ways)
    notes = written.setdefault("included", {})
    notes[key] = {"process": included.key, "version": number}
    for name, note in (included.included or {}).items():
        notes[f"{key}-{name}"] = {"process": note.process, "version": note.version, "depth": note.depth + 1}


def _lead_to(written: dict[str, Any], key: str, first: str) -> None:
    if written["start"] == key:
        written["start"] = first
    for way in written["transitions"]:
        if way.get("to") == key:
            way["to"] = first
    for step in written["steps"].values():
        for branch in step.get("branches", {}).values() if step["kind"] == "parallel" else ():
            if branch["start"] == key:
                branch["start"] = first


def _copied_steps(included: Definition, names: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, step in _written(included)["steps"].items():
        if step["kind"] == "end":
            continue
        copied = _renamed(step, names, included)
        if "ask" in step:  # what the other process says for all of its steps, is said at each
            copied.setdefault("proof", included.proof)
            if step["kind"] != "task":  # requesters may do theirs, whatever else they may decide
                copied.setdefault("requester_may_decide", included.requester_may_decide)
        if isinstance(included.steps[name], ParallelStep):
            for branch in copied["branches"].values():
                branch["start"] = names[branch["start"]]
        if "not_same_as" in copied:
            copied["not_same_as"] = [names[one] for one in copied["not_same_as"]]
        if "form" in copied:
            copied["form"] = _named_fields(copied["form"], included)
        yield names[name], copied


def _copied_ways(
    included: Definition, names: Mapping[str, str], ways: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """In their order: of those that lead to an end each way that the including process takes on its result."""
    for way in _written(included)["transitions"]:
        copied = {**_renamed(way, names, included), "from": names[way["from"]]}
        end = included.steps[way["to"]] if "to" in way else None
        if isinstance(end, EndStep):
            for onward in (one for one in ways if one["outcome"] == end.result):
                yield _joined(copied, onward)
        else:
            yield copied | ({"to": names[way["to"]]} if end is not None else {})


def _joined(way: dict[str, Any], onward: dict[str, Any]) -> dict[str, Any]:
    conditions = [one["when"] for one in (way, onward) if "when" in one]
    joined = {name: way[name] for name in ("from", "outcome")}
    if conditions:
        joined["when"] = (
            conditions[0] if len(conditions) == 1 else " && ".join(f"({one})" for one in conditions)
        )
    return joined | {name: onward[name] for name in ("to", "ends_branch") if name in onward}


def _renamed(value: Any, names: Mapping[str, str], included: Definition, name: str = "") -> Any:
    """What is said of a step or a way, with the steps that it names called by their new keys."""
    if isinstance(value, dict):
        inner = name if name in _EXPRESSIONS else ""
        return {one: _renamed(said, names, included, inner or one) for one, said in value.items()}
    if isinstance(value, list):
        return [_renamed(one, names, included, name) for one in value]
    if isinstance(value, str) and name == "decided":
        return names.get(value, value)
    if isinstance(value, str) and name in (*_CONDITIONS, *_EXPRESSIONS):
        return _in_condition(value, names)
    return value


def _in_condition(condition: str, names: Mapping[str, str]) -> str:
    def renamed(match: re.Match[str]) -> str:
        key = match["name"] or match["key"]
        return f'steps["{names[key]}"]' if key in names else match[0]

    return _NAMED.sub(renamed, condition)


def _named_fields(form: dict[str, Any], included: Definition) -> dict[str, Any]:
    """What a step may fill in does not grow by fields that only the including form has; what it hides may."""
    fields = [one.name for one in included.fields]
    return {
        what: [one for one in fields if any(fnmatchcase(one, pattern) for pattern in patterns)]
        if what in _WILDCARDS
        else patterns
        for what, patterns in form.items()
    }
