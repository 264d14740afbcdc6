"""What a measurement hands over: lines for people, targets met or missed, and the figures as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Target:
    """One thing that must be reached. `missing` says in words why it could not be measured."""

    name: str
    found: str
    met: bool | None  # None: not measured

    @property
    def line(self) -> str:
        verdict = {True: "PASS", False: "FAIL", None: "NOT MEASURED"}[self.met]
        return f"{verdict:<4}  {self.name}: {self.found}"


@dataclass(frozen=True)
class Section:
    """One part of the report."""

    title: str
    lines: Sequence[str]
    targets: Sequence[Target] = ()
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return "\n".join([f"== {self.title} ==", *self.lines, *(target.line for target in self.targets), ""])

    def as_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "figures": self.figures,
            "targets": [{"name": one.name, "found": one.found, "met": one.met} for one in self.targets],
        }


def share(part: int, whole: int) -> float:
    """Percent, with one decimal; 100 for nothing of nothing."""
    return round(100 * part / whole, 1) if whole else 100.0


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Lines with the first column left and the others right, as wide as they need to be."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
