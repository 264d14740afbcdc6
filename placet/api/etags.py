"""ETags: the state of something as the number of its last entry. With one, a caller asks only for what changed
(If-None-Match), and changes only what it has seen (If-Match). RFC 9110, section 13.

A tag names what is true, and not its bytes. So it counts as well as a proxy that compresses gives it to the caller:
nginx and HAProxy make it a weak one (`W/"3"`), Apache puts the coding behind its number (`"3-gzip"`). By section 13.1.1
a weak one would never fit in If-Match, and a caller behind such a proxy could withdraw nothing.
"""

import re

from django.http import HttpResponse

from placet.api.calls import Call
from placet.api.problems import Problem

_TAG = re.compile(r'(?:W/)?"([0-9]{1,19})(?:-(?:gzip|br|zstd|deflate))?"', re.ASCII)
_TAGS = re.compile(r'\s*(?:W/)?"[^"]*"(?:\s*,\s*(?:W/)?"[^"]*")*\s*')
ANY = "*"


def etag_of(number: int) -> str:
    return f'"{number}"'


def tagged(call: Call, number: int) -> None:
    """The answer says which state it is of."""
    call.headers["ETag"] = etag_of(number)


def is_known(call: Call, number: int) -> bool:
    """Whether the caller says that it has this state already."""
    given = call.http.headers.get("If-None-Match", "").strip()
    return given == ANY or number in _numbers(given)


def not_modified(call: Call, number: int) -> HttpResponse:
    """The whole answer to somebody who has this state already."""
    tagged(call, number)
    return HttpResponse(status=304)


def must_be_known(call: Call, number: int) -> None:
    """Problem unless the caller says, with If-Match, that it has seen this state. Ask inside the transaction that
    changes it, behind its lock."""
    given = call.http.headers.get("If-Match", "").strip()
    if not given:
        raise Problem("precondition-missing")
    if given == ANY:
        return
    if not _TAGS.fullmatch(given):
        raise Problem.invalid("header/If-Match", 'This is no ETag: they stand in quotes, such as "3".')
    if number not in _numbers(given):
        raise Problem("stale", headers={"ETag": etag_of(number)})


def _numbers(given: str) -> set[int]:
    """Of the states that a header names."""
    return {int(number) for number in _TAG.findall(given)}
