"""Lists in pages: by the id of the last row that was shown, so that page 8,000 takes no longer than the first one, and
no row comes twice or is left out while others are added.

    Link: <https://placet.example/api/v1/requests?limit=25&cursor=…>; rel="next"
"""

from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

from django.core import signing
from django.db.models import F, Model, QuerySet
from pydantic import Field

from placet.api.bodies import Shape
from placet.api.calls import Call
from placet.api.problems import Problem

LARGEST_PAGE = 100
USUAL_PAGE = 25
LONGEST_CURSOR = 200
_SALT = "placet.api.paging"

#: Parameters of every operation that lists something.
Limit = Annotated[int, Field(ge=1, le=LARGEST_PAGE, description="How many entries a page has at most.")]
Cursor = Annotated[
    str,
    Field(
        max_length=LONGEST_CURSOR,
        description="Of the next page, as the page before says. Empty: the first.",
    ),
]

Item = TypeVar("Item")
Row = TypeVar("Row", bound=Model)


class Page(Shape, Generic[Item]):
    """Part of a list. Give it a name of its own for each kind of item: `class Processes(Page[Process])`."""

    items: list[Item]
    next: str | None = Field(description="The address of the next page; null on the last one.")


def rows_of(
    call: Call, rows: QuerySet[Row], limit: int, cursor: str, *, newest_first: bool = True, few: bool = False
) -> tuple[list[Row], str | None]:
    """The rows of one page by their ids, and the address of the next page, which the answer's Link header gets, too.
    Whatever `rows` are filtered by has to be in the query of the call. `few`: of a large table they are few, which
    another index finds; a database that could go through all by their ids may do that."""
    id_ = F("pk") + 0 if few else F("pk")  # the same order, which no index has
    way = id_.desc() if newest_first else id_.asc()
    if cursor:
        rows = rows.filter(**{"pk__lt" if newest_first else "pk__gt": last_of(call, cursor)})
    some = list(rows.order_by(way)[: limit + 1])
    return some[:limit], (next_of(call, some[limit - 1].pk) if len(some) > limit else None)


def last_of(call: Call, cursor: str) -> int:
    """The id of the last row of the page before. Problem for a cursor that is of another list, or none."""
    try:
        path, last = signing.Signer(salt=_SALT).unsign_object(cursor)
    except (signing.BadSignature, ValueError, TypeError):
        path, last = None, 0
    if path != _list_of(call):
        raise Problem.invalid(
            "query/cursor", "This is no cursor of this list; take the one that a page gave."
        )
    return int(last)


def next_of(call: Call, last: int) -> str:
    """The address of the page behind the row with this id."""
    cursor = signing.Signer(salt=_SALT).sign_object([_list_of(call), last], compress=False)
    query = {**call.http.GET.dict(), "cursor": cursor}
    url = f"{call.public_url}{call.http.path_info}?{urlencode(query)}"
    call.headers["Link"] = f'<{url}>; rel="next"'
    return url


def _list_of(call: Call) -> str:
    return str(call.http.path_info)


def page(items: list[Any], next_: str | None) -> dict[str, Any]:
    """The values of a `Page`."""
    return {"items": items, "next": next_}
