"""Processes within processes, at publishing: the steps of another process are copied in, so that what is stored is flat
and nothing knows of it afterwards.

    sub: {kind: include, process: budget}       →   sub-manager, sub-finance, …

What led to the include leads to the first step of the other process. What led to one of its ends leads to where the
including process goes on that result, under the conditions of both. Conditions that name steps, and whatever else does,
name them by their new keys; so does the including process, whose names are looked up in what comes out. The include
itself is no step there: which of its results a request came to is said by the way that it took, and kept nowhere.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import repeat
from typing import Any

from placet.approvals import earlier
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form_parts import FormField
from placet.approvals.models import Process, Version
from placet.approvals.steps import EndStep, IncludeStep, ParallelStep
from placet.approvals.undo_rules import grace_in

LONGEST_KEY = 60  # of a step
LONGEST_NAME = 100
DEEPEST = 5  # processes in processes
MOST_WAYS = 1000  # transitions of the whole
#: Where a step of any kind has conditions and expressions: by name, or all values below it.
_CONDITIONS, _EXPRESSIONS = ("if", "when", "until", "expression"), ("with", "data")
_WILDCARDS = ("fill", "require")  # of a step's form: lists that allow or ask for something
_TOGETHER = "with what is included"  # what is wrong then, although each process is right by itself
_Way = tuple[dict[str, Any], str]  # a transition as it is written, and the place of it


#: Who may include a process; None: nobody is asked.
_OWNS: ContextVar[Callable[[Process], bool] | None] = ContextVar("owns", default=None)


@contextmanager
def only_what_is_owned(owns: Callable[[Process], bool]) -> Iterator[None]:
    """Whoever writes a process sees in it the steps, people and conditions of all that it includes: within this only
    what they own can be."""
    before = _OWNS.set(owns)
    try:
        yield
    finally:
        _OWNS.reset(before)


def newest_published(key: str) -> Version | None:
    """None, too, of one that calls ask by: whoever names it would have a version of one call or another."""
    versions = Version.objects.filter(process__key=key, process__asked_by=None)
    return versions.select_related("process").order_by("-number").first()


def results_of(definition: Definition) -> tuple[str, ...]:
    """What a process can come to."""
    return tuple(dict.fromkeys(one.result for one in definition.steps.values() if isinstance(one, EndStep)))


@dataclass
class Included:
    """Processes that are published, each read once: what is published meanwhile changes nothing between two looks."""

    known: dict[str, tuple[Version, Definition] | None] = field(default_factory=dict)

    def of(self, key: str) -> tuple[Version, Definition] | None:
        if key not in self.known:
            version = newest_published(key)
            self.known[key] = None if version is None else (version, definition_of(version))
        return self.known[key]

    def to_include(self, key: str) -> tuple[Version, Definition] | None:
        """None, too, where whoever writes does not own it."""
        owns, read = _OWNS.get(), self.of(key)
        return read if read is None or owns is None or owns(read[0].process) else None


@dataclass(frozen=True)
class Flat:
    """A definition with the steps of other processes copied in. What `problems` speaks of is there as written.

    places      where its author finds a part of it: “steps.sub-lead” → “steps.sub: step lead of version 1 of budget”
    processes   those that were read for it
    """

    definition: Definition
    problems: tuple[str, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    processes: Included = field(default_factory=Included)

    def placed(self, problem: str) -> str:
        """What is wrong with it, said to the author."""
        place, _, text = problem.partition(": ")
        return f"{self.places[place]}: {text}" if place in self.places else f"{_TOGETHER}: {problem}"


def flatten(definition: Definition, most_steps: int) -> Flat:
    """With each include copied in that nothing stands against; with none, where they are too large together."""
    processes = Included()
    includes = {key: step for key, step in definition.steps.items() if isinstance(step, IncludeStep)}
    if not includes:
        return Flat(definition, processes=processes)
    problems = [*_size_problems(definition, includes, processes, most_steps)]
    fitting = {} if problems else includes
    keys = _Keys(definition)
    for key, step in includes.items():
        own = [f"steps.{key}: {one}" for one in _problems(definition, key, step, processes, keys)]
        if own:
            fitting = {one: include for one, include in fitting.items() if one != key}
        problems += own
    whole, places = _with_copies(definition, fitting, processes) if fitting else (definition, {})
    return Flat(whole, tuple(problems), places, processes)


# --- what stands against it -----------------------------------------------------------------------------------


@dataclass
class _Keys:
    """Those that are taken, by steps of the including process and by what was copied in before."""

    definition: Definition
    copied: dict[str, str] = field(default_factory=dict)  # of what, for the reader

    def take(self, key: str, included: Definition) -> Iterator[str]:
        """Each key that is taken already."""
        for name in _copied_names(included):
            new = f"{key}-{name}"
            other = "another step" if new in self.definition.steps else self.copied.get(new)
            if other:
                yield f"its step {name} would be called {new}, as {other} is"
            elif len(new) > LONGEST_KEY:
                yield f"its step {name} would be called {new}, which is longer than {LONGEST_KEY} letters"
            self.copied.setdefault(new, f"the step {name} of {key}")
        for name in included.included or {}:
            if isinstance(self.definition.steps.get(f"{key}-{name}"), IncludeStep):
                yield f"what it includes as {name} would be called {key}-{name}, as another include is"


def _copied_names(included: Definition) -> list[str]:
    return [name for name, step in included.steps.items() if not isinstance(step, EndStep)]


def _size_problems(
    definition: Definition, includes: Mapping[str, IncludeStep], processes: Included, most_steps: int
) -> Iterator[str]:
    """Whether what comes out is a process is checked as ever, if it is not too large for that."""
    steps = ways = 0
    for key, step in includes.items():
        read = processes.to_include(step.process)
        if read is not None:
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


def _problems(
    definition: Definition, key: str, step: IncludeStep, processes: Included, keys: _Keys
) -> Iterator[str]:
    """Of one by itself."""
    read = processes.to_include(step.process)
    if read is None:
        yours = "" if _OWNS.get() is None else " and yours"
        yield f"there is no process {step.process} that is published{yours}"
        return
    included = read[1]
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
    if included.longest is not None:
        yield (
            f"the process {included.key} says longest, which is of a whole request: say it here, and include a "
            "process that does not, or call it"
        )
    yield from keys.take(key, included)
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


def _with_copies(
    definition: Definition, includes: Mapping[str, IncludeStep], processes: Included
) -> tuple[Definition, dict[str, str]]:
    """As a version holds it, and the places of its parts."""
    written = _written(definition)
    written["included"] = {}  # whatever the author says there is refused
    ways: list[_Way] = [
        (way, f"transitions, number {number}: {_TOGETHER}")
        for number, way in enumerate(written["transitions"], start=1)
    ]
    places = {f"steps.{key}": f"steps.{key}: {_TOGETHER}" for key in definition.steps}
    for key, step in includes.items():
        read = processes.to_include(step.process)
        assert read is not None
        copy = _Copy(key, *read)
        ways = copy.put_into(written, ways)
        if (
            read[1].decisions_by_api is False
        ):  # its steps would be decided as their own process does not let them
            written["decisions_by_api"] = False
        places |= {f"steps.{new}": f"steps.{key}: {copy.place(name)}" for name, new in copy.names.items()}
    written["transitions"] = [way for way, _place in ways]
    places |= {f"transitions, number {number}": place for number, (_, place) in enumerate(ways, start=1)}
    return Definition.model_validate(written), places


def _written(definition: Definition) -> dict[str, Any]:
    return definition.model_dump(mode="json", by_alias=True, exclude_none=True)


class _Copy:
    """Of a process, for an include with this key."""

    def __init__(self, key: str, version: Version, included: Definition) -> None:
        self.key, self.number, self.included = key, version.number, included
        self.names = {name: f"{key}-{name}" for name in _copied_names(included)}

    def place(self, name: str) -> str:
        return f"step {name} of version {self.number} of {self.included.key}"

    def put_into(self, written: dict[str, Any], ways: list[_Way]) -> list[_Way]:
        """Its steps where the include stood; its ways behind those of the whole, which are what it answers with."""
        key, names, included = self.key, self.names, self.included
        onward = [way for way in ways if way[0]["from"] == key]
        ways = [way for way in ways if way[0]["from"] != key]
        _lead_to(written, [way for way, _place in ways + onward], key, names[included.start])
        steps: dict[str, Any] = {}
        for name, step in written["steps"].items():
            steps |= {name: step} if name != key else dict(_copied_steps(included, names))
        _tell_apart(steps, set(names.values()), key)
        written["steps"] = steps
        notes = written["included"]
        notes[key] = {"process": included.key, "version": self.number}
        for name, note in (included.included or {}).items():
            notes[f"{key}-{name}"] = {
                "process": note.process,
                "version": note.version,
                "depth": note.depth + 1,
            }
        return [*ways, *self._ways(onward)]

    def _ways(self, onward: list[_Way]) -> Iterator[_Way]:
        """In their order: of those that lead to an end each way that the including process takes on its result."""
        for way in _written(self.included)["transitions"]:
            copied = {**_renamed(way, self.names), "from": self.names[way["from"]]}
            end = self.included.steps[way["to"]] if "to" in way else None
            if isinstance(end, EndStep):
                for further, place in onward:
                    if further["outcome"] == end.result:
                        yield _joined(copied, further), f"{place}: {self.place(way['from'])}"
            else:
                to = {"to": self.names[way["to"]]} if end is not None else {}
                place = f"steps.{self.key}: {self.place(way['from'])}: its way on {way['outcome']}"
                yield copied | to, place


def _tell_apart(steps: dict[str, Any], copied: set[str], key: str) -> None:
    """Steps that were copied in are called otherwise than those that are there: a process may be included twice, and
    whoever is asked in both reads which is which."""
    taken = {step["name"] for name, step in steps.items() if name not in copied and "name" in step}
    for name in copied:
        step = steps[name]
        if step.get("name") in taken:
            place = f" ({key.replace('-', ' ').replace('_', ' ')})"
            steps[name] = step | {"name": f"{step['name'][: LONGEST_NAME - len(place)]}{place}"}


def _lead_to(written: dict[str, Any], ways: list[dict[str, Any]], key: str, first: str) -> None:
    if written["start"] == key:
        written["start"] = first
    for way in ways:
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
        copied = _renamed(step, names)
        if included.calendar is not None and "due" in step:
            copied.setdefault("calendar", included.calendar)
        if "ask" in step:  # what the other process says for all of its steps, is said at each
            copied.setdefault("proof", included.proof)
            if step["kind"] == "approval":  # requesters may do their tasks, whatever else they may decide
                copied.setdefault("requester_may_decide", included.requester_may_decide)
            if included.undo is not None and grace_in(included, name):
                copied.setdefault("undo", included.undo)
        if isinstance(included.steps[name], ParallelStep):
            for branch in copied["branches"].values():
                branch["start"] = names[branch["start"]]
        if "not_same_as" in copied:
            copied["not_same_as"] = [names[one] for one in copied["not_same_as"]]
        if "form" in copied:
            copied["form"] = _named_fields(copied["form"], included)
        yield names[name], copied


def _joined(way: dict[str, Any], onward: dict[str, Any]) -> dict[str, Any]:
    conditions = [one["when"] for one in (way, onward) if "when" in one]
    joined = {name: way[name] for name in ("from", "outcome")}
    if conditions:
        joined["when"] = conditions[0] if len(conditions) == 1 else " && ".join(map(_in_brackets, conditions))
    return joined | {name: onward[name] for name in ("to", "ends_branch") if name in onward}


def _in_brackets(condition: str) -> str:
    """A comment at its end ends before the bracket does."""
    return f"({condition}\n)" if "//" in condition else f"({condition})"


def _renamed(value: Any, names: Mapping[str, str], name: str = "") -> Any:
    """What is said of a step or a way, with the steps that it names called by their new keys."""
    if isinstance(value, dict):
        inner = name if name in _EXPRESSIONS else ""
        return {one: _renamed(part, names, inner or one) for one, part in value.items()}
    if isinstance(value, list):
        return [_renamed(one, names, name) for one in value]
    if isinstance(value, str) and name == "decided":
        return names.get(value, value)
    if isinstance(value, str) and name in (*_CONDITIONS, *_EXPRESSIONS):
        return earlier.renamed(value, names)
    return value


def _named_fields(form: dict[str, Any], included: Definition) -> dict[str, Any]:
    """What a step may fill in does not grow by fields that only the including form has; what it hides may."""
    fields = [one.name for one in included.fields]
    return {
        what: [one for one in fields if any(fnmatchcase(one, pattern) for pattern in patterns)]
        if what in _WILDCARDS
        else patterns
        for what, patterns in form.items()
    }
