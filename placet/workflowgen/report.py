"""What an import says of a file: what was taken, what was changed on the way, what was left out, and what somebody has
to decide; each with the place that it came from."""

from dataclasses import dataclass, field

TAKEN, CHANGED, LEFT_OUT, DECIDE = KINDS = ("taken", "changed", "left_out", "decide")
MOST_LINES = 1000


@dataclass(frozen=True)
class Line:
    kind: str
    place: str
    text: str


@dataclass
class Report:
    lines: list[Line] = field(default_factory=list)

    def _add(self, kind: str, place: str, text: str) -> None:
        line = Line(kind, place, text)
        if line not in self.lines and len(self.lines) < MOST_LINES:
            self.lines.append(line)

    def taken(self, place: str, text: str) -> None:
        self._add(TAKEN, place, text)

    def changed(self, place: str, text: str) -> None:
        self._add(CHANGED, place, text)

    def left_out(self, place: str, text: str) -> None:
        self._add(LEFT_OUT, place, text)

    def decide(self, place: str, text: str) -> None:
        self._add(DECIDE, place, text)

    def of(self, kind: str) -> list[Line]:
        return [line for line in self.lines if line.kind == kind]

    def as_json(self) -> list[list[str]]:
        return [[line.kind, line.place, line.text] for line in self.lines]

    @classmethod
    def from_json(cls, lines: list[list[str]]) -> "Report":
        return cls([Line(*line) for line in lines])
