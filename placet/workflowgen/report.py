"""What an import says of a file: what was taken, what was changed on the way, what was left out, and what somebody has
to decide; each with the place that it came from."""

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

TAKEN, CHANGED, LEFT_OUT, DECIDE = KINDS = ("taken", "changed", "left_out", "decide")
MOST_LINES = 1000  # of each kind


@dataclass(frozen=True)
class Line:
    kind: str
    place: str
    text: str


@dataclass
class Report:
    lines: list[Line] = field(default_factory=list)
    _by_kind: dict[str, set[Line]] = field(default_factory=dict, repr=False)

    def _add(self, kind: str, place: str, text: str) -> None:
        line = Line(kind, place, text)
        known = self._by_kind.setdefault(kind, set())
        if line in known or len(known) > MOST_LINES:
            return
        if len(known) == MOST_LINES:  # a list that is cut off says so
            line = Line(
                kind, _("Report"), _("There is more of this kind than {most} lines.").format(most=MOST_LINES)
            )
        known.add(line)
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

    def by_text(self, kind: str) -> dict[str, list[str]]:
        """What is said of several places is said once, of all of them."""
        places: dict[str, list[str]] = {}
        for line in self.of(kind):
            places.setdefault(line.text, []).append(line.place)
        return places

    def as_json(self) -> list[list[str]]:
        return [[line.kind, line.place, line.text] for line in self.lines]

    @classmethod
    def from_json(cls, lines: list[list[str]]) -> "Report":
        return cls([Line(*line) for line in lines])
