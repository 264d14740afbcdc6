"""What the forms of the designer are made of: sections of rows of inputs, one template for all of them.

Each input says which place of the definition it is about, so that a problem of that place stands beside it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Shape = Literal["line", "lines", "choice", "tick", "person"]
#: Names and numbers of what lies within a step, a field of the form or the process: ("ask", 0, "group").
Place = tuple[str | int, ...]
Choices = Sequence[tuple[str, str]]


@dataclass
class Box:
    """One input. `value`: what stands in it; of a tick "yes" or ""."""

    name: str
    label: str
    value: str = ""
    shape: Shape = "line"
    #: Pairs of value and words; or groups of them, as (words, choices).
    choices: Sequence[tuple[str, str | Choices]] = ()
    help: str = ""
    place: Place | None = None
    offers: str = ""  # id of a list of what can be entered
    problems: list[str] = field(default_factory=list)
    width: Literal["", "short", "long"] = ""
    is_focused: bool = False  # the first one that something is wrong with

    @property
    def id(self) -> str:
        return f"id_{self.name}"

    @property
    def described_by(self) -> str:
        """Ids of what is written below it."""
        parts = [f"{self.id}_error"] * bool(self.problems) + [f"{self.id}_help"] * bool(self.help)
        return " ".join(parts)

    @property
    def grouped_choices(self) -> Iterator[tuple[str, Choices]]:
        """With "" for those that stand in no group."""
        for value, words in self.choices:
            yield ("", [(value, words)]) if isinstance(words, str) else (value, words)


GONE = "gone"  # behind the name of a row: its button *Remove* was pressed


@dataclass
class Button:
    """Saves what stands in the form, and does something to one of its rows: `do` is what the form sends."""

    do: str
    words: str
    spoken: str  # with what it is about
    icon: str = ""


@dataclass
class Row:
    """Inputs that belong together. `kept`: what no input shows, as text; it stays as it is."""

    legend: str
    boxes: list[Box] = field(default_factory=list)
    rows: list["Row"] = field(default_factory=list)
    summary: str = ""  # of the rows within, which open by it
    is_open: bool = False
    buttons: list[Button] = field(default_factory=list)
    kept: str = ""
    note: str = ""  # what is read below it: the condition that the rows within make
    place: Place | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def has_problems(self) -> bool:
        return (
            bool(self.problems)
            or any(box.problems for box in self.boxes)
            or any(one.has_problems for one in self.rows)
        )


@dataclass
class Section:
    key: str
    title: str
    rows: list[Row] = field(default_factory=list)
    help: str = ""
    kept: str = ""
    problems: list[str] = field(default_factory=list)
    is_open: bool = True

    @property
    def boxes(self) -> Iterator[Box]:
        for row in self.all_rows:
            yield from row.boxes

    @property
    def all_rows(self) -> Iterator[Row]:
        yield from _within(self.rows)

    @property
    def count(self) -> int:
        """Of the problems that stand in it."""
        return len(self.problems) + sum(
            len(row.problems) + sum(len(box.problems) for box in row.boxes) for row in self.all_rows
        )


def overlay(sections: Sequence[Section], post: Mapping[str, str], problems: Mapping[str, str]) -> None:
    """Puts what somebody typed in place of what the draft says; and `problems`, by name, beside the inputs. Then the
    first of them has the focus, and no other one."""
    first = True
    for section in sections:
        for box in section.boxes:
            box.value = post.get(box.name, "" if box.shape == "tick" else box.value)
            box.is_focused = False
            if box.name in problems:
                box.problems.append(problems[box.name])
                box.is_focused, first = first, False
        section.is_open = section.is_open or section.count > 0
        for row in section.all_rows:
            row.is_open = row.is_open or row.has_problems


def _within(rows: Sequence[Row]) -> Iterator[Row]:
    for row in rows:
        yield row
        yield from _within(row.rows)
