"""Where in a draft's text a problem stands, as far as its sentence says it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from placet.approvals.process_text import Unreadable
from placet.designer import surgery
from placet.designer.names import field_names
from placet.designer.yaml_tree import Source, source_of

_LINE = re.compile(r"line (\d+), column \d+")
_NUMBERED = re.compile(r"(?P<name>[a-z_.]+), number (?P<number>\d+)")
_WORD = re.compile(r"[A-Za-z_][\w-]*")
_PATH = re.compile(r"[a-z_]+(?:\.[A-Za-z-]+)*")


@dataclass(frozen=True)
class PlacedProblem:
    """`line`: from 1; None where it is not known. `words`: what stands in it."""

    sentence: str
    line: int | None = None
    words: str = ""


def placed(problems: Sequence[str], text: str) -> list[PlacedProblem]:
    try:
        source: Source | None = source_of(text)
    except Unreadable:
        source = None
    lines = text.splitlines()
    return [_placed(problem, source, lines) for problem in problems]


def _placed(problem: str, source: Source | None, lines: Sequence[str]) -> PlacedProblem:
    line = _line_of(problem, source)
    if line is None or not 1 <= line <= len(lines):
        return PlacedProblem(problem)
    return PlacedProblem(problem, line, lines[line - 1].strip())


def _line_of(problem: str, source: Source | None) -> int | None:
    if source is None:
        lines = _LINE.findall(problem)
        return int(lines[0]) if lines else None  # where what is not closed begins
    path = _path_of(problem, source)
    place = surgery.place_of(source, path) if path else None
    if place is None:
        return None
    start = place.node if place.key is None else place.key
    return int(start.start_mark.line) + 1


def _path_of(problem: str, source: Source) -> list[str | int]:
    """As deep as what the sentence names is there."""
    head, colon, rest = problem.partition(": ")
    if not colon:
        return []
    if head == "form":
        return _field(rest, source)
    path: list[str | int] = []
    held: Any = source.tree
    for part in [*_parts(head), *_parts_of_rest(head, rest)]:
        if isinstance(held, list) and isinstance(part, int) and 0 <= part < len(held):
            held = held[part]
        elif isinstance(held, dict) and str(part) in held:
            part, held = str(part), held[str(part)]
        else:
            continue  # a kind of step, say, which checks put between
        path.append(part)
    return path


def _parts(head: str) -> list[str | int]:
    match = _NUMBERED.fullmatch(head)
    if match is not None:
        return [*match["name"].split("."), int(match["number"]) - 1]
    return [int(part) if part.isdecimal() else part for part in head.split(".")]


def _parts_of_rest(head: str, rest: str) -> list[str | int]:
    """“ask, number 2: …” or “due: …” behind a step."""
    inner, colon, _more = rest.partition(": ")
    is_step = head.startswith("steps.")
    return (
        _parts(inner) if is_step and colon and (_NUMBERED.fullmatch(inner) or _PATH.fullmatch(inner)) else []
    )


def _field(rest: str, source: Source) -> list[str | int]:
    places = {name: place for place, name in field_names(source.tree)}
    match = _WORD.match(rest)
    return [*places[match[0]]] if match is not None and match[0] in places else ["form"]
