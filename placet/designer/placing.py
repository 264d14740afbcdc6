"""Where a problem of a draft is shown: beside the input that it is about; where none is, at its step, field or page.

What checks a definition says “place: what”. A place is written as in the text (`steps.manager.due`), or counted out
(`transitions, number 2`).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from placet.designer.inputs import Box, Place, Row, Section
from placet.designer.reading import Reading, items, mapping, words

_Shown = TypeVar("_Shown", Box, Row)
Area = Literal["step", "form", "settings", "process"]
#: Kinds of steps, which checks of their shape put between a step's key and what is wrong in it.
_KINDS = frozenset({"approval", "task", "revise", "parallel", "notice", "wait", "include", "call", "end"})
_NUMBERED = re.compile(r"(?P<name>[a-z_.]+), number (?P<number>[0-9]+)(?:, number (?P<inner>[0-9]+))?: ")
_NAMED = re.compile(r"(?P<name>[a-z_]+): ")
_PATH = re.compile(r"(?P<path>[a-z_]+(?:\.[A-Za-z-]+)+): ")
_NAMES_OF_STEPS = frozenset(
    {
        "ask", "to", "nobody", "not_same_as", "rule", "otherwise", "due", "remind", "escalate", "expire", "pause",
        "calendar", "undo", "questions", "form", "text", "subject", "mail", "until", "signal", "data", "keep_if",
        "proof",
    }
)  # fmt: skip
_WAYS = (
    re.compile(r"nothing follows (?P<outcome>.+)"),
    re.compile(r"what if no condition holds on (?P<outcome>.+?)\?"),
    re.compile(r"on (?P<outcome>.+?), ways after"),
)
_OF_RULE = re.compile(
    r"rule |otherwise|wait_for_all|the veto of |the rule |.+ needs |.+ is not said in the rule"
)
_FIRST_OF_SETTINGS = frozenset(
    {
        "name", "title", "description", "calendar", "longest", "proof", "requester_may_decide", "start_form",
        "start_by_mail", "mailbox", "pause", "undo", "most_rounds", "answer_brackets", "decisions_by_api",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """`owner`: the key of a step, or the number of a part of the form, from 0."""

    text: str
    area: Area
    owner: str | int = ""
    place: Place = ()


def placed(reading: Reading) -> list[Problem]:
    return [_placed(one, reading) for one in reading.problems]


def problems_of(problems: Iterable[Problem], area: Area, owner: str | int = "") -> list[Problem]:
    return [one for one in problems if one.area == area and one.owner == owner]


def _placed(sentence: str, reading: Reading) -> Problem:
    head, colon, text = sentence.partition(": ")
    if not colon or not reading.is_readable:
        return Problem(sentence, "process")
    if head.startswith("steps."):
        return _of_step(sentence, head.removeprefix("steps."), text, reading)
    if head.startswith("transitions"):
        return _of_way(head, text, reading)
    if head == "form" or head.startswith("form."):
        return _of_form(head, text, reading)
    first, *rest = head.split(".")
    if first in _FIRST_OF_SETTINGS:
        return Problem(text, "settings", place=(first, *map(_part, rest)))
    return Problem(sentence, "process")


def _part(text: str) -> str | int:
    return int(text) if text.isdecimal() else text


# --- steps and their ways ---------------------------------------------------------------------------------


def _of_step(sentence: str, head: str, text: str, reading: Reading) -> Problem:
    keys = [key for key in reading.steps if head == key or head.startswith(f"{key}.")]
    if not keys:
        return Problem(sentence, "process")
    key = max(keys, key=len)
    path = [_part(part) for part in head[len(key) + 1 :].split(".") if part]
    if path and path[0] in _KINDS:
        path = path[1:]
    if path:
        return Problem(text, "step", key, tuple(path))
    return Problem(*_within_step(text, reading.steps[key], key))


def _within_step(text: str, step: dict[str, Any], key: str) -> tuple[str, Area, str, Place]:
    if match := _NUMBERED.match(text):
        name = match["name"].split(".")
        inner = (int(match["inner"]) - 1,) if match["inner"] else ()
        return text[match.end() :], "step", key, (*name, int(match["number"]) - 1, *inner)
    for pattern in _WAYS:
        if match := pattern.match(text):
            return text, "step", key, ("then", match["outcome"])
    keys = [words(one) or words(mapping(one).get("key")) for one in items(step.get("outcomes"))]
    if match := _PATH.match(text):
        return text[match.end() :], "step", key, tuple(match["path"].split("."))
    if match := _NAMED.match(text):
        if match["name"] in keys:
            return text[match.end() :], "step", key, ("outcomes", keys.index(match["name"]))
        if match["name"] in _NAMES_OF_STEPS:
            return text[match.end() :], "step", key, (match["name"],)
    return text, "step", key, ("rule",) if _OF_RULE.match(text) else ()


def _of_way(head: str, text: str, reading: Reading) -> Problem:
    if match := re.fullmatch(r"transitions, number ([0-9]+)", head):
        at, rest = int(match[1]) - 1, []
    else:
        parts = head.split(".")[1:]
        if not parts or not parts[0].isdecimal():
            return Problem(f"{head}: {text}", "process")
        at, rest = int(parts[0]), list(map(_part, parts[1:]))
    way = dict(reading.ways).get(at, {})
    if way.get("from") not in reading.steps:
        return Problem(f"{head}: {text}", "process")
    return Problem(text, "step", way["from"], ("ways", at, *rest))


# --- the form ---------------------------------------------------------------------------------------------


def _of_form(head: str, text: str, reading: Reading) -> Problem:
    parts = items(reading.data.get("form"))
    path = head.split(".")[1:]
    if path and path[0].isdecimal():
        return Problem(text, "form", int(path[0]), tuple(map(_part, path[1:])))
    names = {
        words(mapping(part).get("name")): at for at, part in enumerate(parts) if mapping(part).get("name")
    }
    fitting = [name for name in names if re.match(rf"{re.escape(name)}(?![a-z0-9_])", text)]
    if not fitting:
        return Problem(text, "form")
    name = max(fitting, key=len)
    rest = text[len(name) :].removeprefix(": ").strip()
    match = _NAMED.match(rest)
    place: Place = (match["name"],) if match else ("currency",) if "currency" in rest else ()
    return Problem(rest, "form", names[name], place)


# --- beside inputs ----------------------------------------------------------------------------------------


def attach(
    sections: Sequence[Section], problems: Iterable[Problem], section_of: Callable[[str], str]
) -> list[str]:
    """Puts each problem beside its input, its row, or into its section; what is left has no place in any of them.
    `section_of`: the key of a section, by the first name of a place."""
    left: list[str] = []
    for problem in problems:
        box = _nearest([box for section in sections for box in section.boxes if box.place], problem.place)
        row = _nearest([row for section in sections for row in section.all_rows if row.place], problem.place)
        key = section_of(str(problem.place[0])) if problem.place else ""
        section = next((one for one in sections if one.key == key), None)
        owner = (
            box
            if box is not None and _reach(box, problem.place) >= _reach(row, problem.place)
            else row or section
        )
        (left if owner is None else owner.problems).append(problem.text)
    for section in sections:
        section.is_open = section.is_open or section.count > 0
        for row in section.all_rows:
            row.is_open = row.is_open or any(one.has_problems for one in row.rows)
    first = next((box for section in sections for box in section.boxes if box.problems), None)
    if first is not None:
        first.is_focused = True
    return left


def _reach(one: Box | Row | None, place: Place) -> int:
    """How many parts of a place it has; -1: it is about another one."""
    if one is None or one.place is None:
        return -1
    return len(one.place) if one.place == place[: len(one.place)] else -1


def _nearest(ones: Sequence[_Shown], place: Place) -> _Shown | None:
    """The first of those that have most of a place; of a place with more to it than an input has, its input, too."""
    reaching = [one for one in ones if _reach(one, place) > 0]
    return max(reaching, key=lambda one: _reach(one, place)) if reaching else None
