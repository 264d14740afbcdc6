"""A long list in pages that stay as they are while rows come in: each page says from which row on it goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

A_PAGE = 50
_MOST_DIGITS = 18  # of an id: more overflows the database

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Slice(Generic[Row]):
    """One page, newest first. No row is counted: a count of all would cost more than the page."""

    rows: Sequence[Row]
    newer: int | None  # the id after which the page above begins
    older: int | None  # the id before which the page below begins


def page_of(found: QuerySet[Row], request: HttpRequest) -> Slice[Row]:
    """The page that `?before=` or `?after=` (ids) asks for; without one of them, or where nothing is, the newest."""
    before, after = _id(request, "before"), _id(request, "after")
    if before is not None:
        rows = list(found.filter(pk__lt=before).order_by("-pk")[: A_PAGE + 1])
        if rows:
            return Slice(rows[:A_PAGE], rows[0].pk, _last(rows))
    elif after is not None:
        rows = list(found.filter(pk__gt=after).order_by("pk")[: A_PAGE + 1])
        if len(rows) > A_PAGE:
            rows = rows[A_PAGE - 1 :: -1]
            return Slice(rows, rows[0].pk, rows[-1].pk)
    return _newest(found)


def _newest(found: QuerySet[Row]) -> Slice[Row]:
    rows = list(found.order_by("-pk")[: A_PAGE + 1])
    return Slice(rows[:A_PAGE], None, _last(rows))


def _last(rows: Sequence[Row]) -> int | None:
    return rows[A_PAGE - 1].pk if len(rows) > A_PAGE else None


def _id(request: HttpRequest, name: str) -> int | None:
    entered = request.GET.get(name, "")
    return (
        int(entered) if entered.isascii() and entered.isdecimal() and len(entered) <= _MOST_DIGITS else None
    )
