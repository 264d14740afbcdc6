"""Text and markup, told apart: whatever is filled into a page is escaped unless it is markup of ours already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


class Html(str):
    """Markup."""

    __slots__ = ()


def fill(template: str, *values: object) -> Html:
    """A template of ours with a value for each `{}`."""
    return Html(template.format(*map(_escaped, values)))


def fill_each(between: str, template: str, rows: Iterable[Sequence[object]]) -> Html:
    """The template filled for each row."""
    return Html(between.join(fill(template, *row) for row in rows))


def _escaped(value: object) -> str:
    return value if isinstance(value, Html) else escape(str(value))
