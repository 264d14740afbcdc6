"""Charts of weeks, and bars, as SVG of our own.

Those of pygal have a style sheet inside of the picture, which our Content-Security-Policy forbids, and one width, to
which letters are scaled. These have no style of their own (`reports.css` has, for both colour schemes), and all that
lies side by side is in per cent of the width, so letters keep their size at every width.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

HEIGHT = 200  # pixels, without the names of weeks
_ABOVE = 10
_BELOW = 24  # for the names of weeks
_SCALE_WIDTH = 64
_MOST_NAMES = 8
_MOST_LINES = 4
_UNITS = (1, 2, 5)
#: What lines of a scale of minutes are apart.
_MINUTES = (1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 720, 1440, 2880, 4320, 7200, 14400, 28800, 43200, 86400)

Words = Callable[[int], str]


@dataclass(frozen=True)
class Series:
    """`values`: one of each week; None where there is nothing to say. `look`: main, quiet, or warn of what is late.
    `links`: the list that each value counts; none where there are no such lists."""

    name: str
    values: Sequence[int | None]
    look: str = "main"
    links: Sequence[str] = ()

    def linked(self, at: int, shape: SafeString, name: str) -> SafeString:
        """What is drawn of a week, as a link to its list. By the keyboard it is reached in the table beside it: a year
        has too many weeks to go through them here."""
        if not self.links:
            return shape
        return format_html('<a href="{}" tabindex="-1" aria-label="{}">{}</a>', self.links[at], name, shape)


def columns(name: str, weeks: Sequence[str], series: Sequence[Series], words: Words = str) -> SafeString:
    """Side by side in each week. `name`: what it shows, in words. `words`: how a value is written."""
    top, lines = _scale(series, in_minutes=False)
    slot = 100 / max(len(weeks), 1)
    width = slot * 0.7 / max(len(series), 1)
    shapes = [
        one.linked(
            at,
            format_html(
                '<rect class="series-{}" x="{}%" y="{}" width="{}%" height="{}"><title>{}</title></rect>',
                one.look,
                _short(at * slot + slot * 0.15 + number * width),
                _short(_y(value, top)),
                _short(width * 0.9),
                _short(_ABOVE + HEIGHT - _y(value, top)),
                _named(weeks[at], one, words(value)),
            ),
            _named(weeks[at], one, words(value)),
        )
        for number, one in enumerate(series)
        for at, value in enumerate(one.values)
        if value
    ]
    return _drawn(name, weeks, series, lines, top, shapes, words)


def lines(
    name: str, weeks: Sequence[str], series: Sequence[Series], words: Words = str, *, in_minutes: bool = False
) -> SafeString:
    """As `columns`. A week without a value breaks its line."""
    top, scale = _scale(series, in_minutes=in_minutes)
    slot = 100 / max(len(weeks), 1)
    shapes: list[SafeString] = []
    for one in series:
        points = [
            (at, _short((at + 0.5) * slot), _short(_y(value, top)), value)
            for at, value in enumerate(one.values)
            if value is not None
        ]
        shapes += [
            format_html(
                '<line class="series-{}" x1="{}%" y1="{}" x2="{}%" y2="{}"/>',
                one.look,
                left[1],
                left[2],
                right[1],
                right[2],
            )
            for left, right in pairwise(points)
            if right[0] == left[0] + 1
        ]
        shapes += [
            one.linked(
                at,
                format_html(
                    '<circle class="series-{}" cx="{}%" cy="{}" r="4"><title>{}</title></circle>',
                    one.look, x, y, _named(weeks[at], one, words(value)),
                ),
                _named(weeks[at], one, words(value)),
            )
            for at, x, y, value in points
        ]  # fmt: skip
    return _drawn(name, weeks, series, scale, top, shapes, words)


def _named(week: str, series: Series, value: str) -> str:
    return f"{week}, {series.name}: {value}"


def bar(parts: Sequence[int], whole: int) -> SafeString:
    """Lying, for a cell of a table that has the numbers: parts of the longest one, one after the other. The second part
    is what is late. Of nothing there is no bar: ""."""
    at = 0.0
    shapes = []
    for part, look in zip(parts, ("main", "warn"), strict=False):
        width = 100 * part / whole if whole else 0
        if width:
            shapes.append(
                format_html(
                    '<rect class="series-{}" x="{}%" y="0" width="{}%" height="12"/>',
                    look,
                    _short(at),
                    _short(width),
                )
            )
        at += width
    if not shapes:
        return SafeString("")  # on a phone, an empty drawing would take a line of its own
    return format_html(
        '<svg class="bar" width="100%" height="12" aria-hidden="true">{}</svg>', _together(shapes)
    )


def _drawn(
    name: str,
    weeks: Sequence[str],
    series: Sequence[Series],
    scale: Sequence[int],
    top: int,
    shapes: Iterable[SafeString],
    words: Words,
) -> SafeString:
    numbers = [(_short(_y(value, top) + 4), words(value)) for value in scale]
    return format_html(
        '<div class="chart"><svg class="chart-scale" width="{}" height="{}" aria-hidden="true">{}</svg>'
        '<svg class="chart-plot" width="100%" height="{}" role="{}" aria-label="{}">{}{}{}</svg></div>{}',
        _SCALE_WIDTH,
        HEIGHT + _ABOVE + _BELOW,
        format_html_join(
            "", '<text x="{}" y="{}">{}</text>', ((_SCALE_WIDTH - 8, y, text) for y, text in numbers)
        ),
        HEIGHT + _ABOVE + _BELOW,
        "group" if any(one.links for one in series) else "img",  # nothing in an image can be opened
        name,
        format_html_join(
            "",
            '<line class="chart-line" x1="0" x2="100%" y1="{}" y2="{}"/>',
            ((_short(_y(value, top)),) * 2 for value in scale),
        ),
        _together(shapes),
        _names(weeks),
        _legend(series),
    )


def _names(weeks: Sequence[str]) -> SafeString:
    """Of some weeks, and of half of these where there is little room."""
    slot, step = 100 / max(len(weeks), 1), -(-len(weeks) // _MOST_NAMES)
    shown = list(enumerate(weeks))[::step]
    return format_html_join(
        "",
        '<text class="{}" x="{}%" y="{}">{}</text>',
        (
            (
                "chart-week" if number % 2 == 0 else "chart-week wide",
                _short((at + 0.5) * slot),
                HEIGHT + _ABOVE + 18,
                week,
            )
            for number, (at, week) in enumerate(shown)
        ),
    )


def _legend(series: Sequence[Series]) -> SafeString:
    if len(series) < 2:
        return mark_safe("")
    items = format_html_join(
        "",
        '<li><svg width="14" height="14" aria-hidden="true"><rect class="series-{}" width="14" height="14" rx="3"/>'
        "</svg>{}</li>",
        ((one.look, one.name) for one in series),
    )
    return format_html('<ul class="legend">{}</ul>', items)


def _scale(series: Sequence[Series], *, in_minutes: bool) -> tuple[int, Sequence[int]]:
    """The value on top, and those that a line is drawn for."""
    greatest = max((value for one in series for value in one.values if value is not None), default=0)
    steps = _MINUTES if in_minutes else [unit * 10**power for power in range(7) for unit in _UNITS]
    step = next((step for step in steps if step * _MOST_LINES >= greatest), steps[-1])
    count = max(-(-greatest // step), 1)
    return count * step, [number * step for number in range(count + 1)]


def _y(value: int, top: int) -> float:
    return _ABOVE + HEIGHT * (1 - value / top)


def _short(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")


def _together(shapes: Iterable[SafeString]) -> SafeString:
    return format_html_join("", "{}", ((shape,) for shape in shapes))
