"""ETags: the state of something as the number of its last entry. With one, a caller asks only for what changed
(If-None-Match), and changes only what it has seen (If-Match). RFC 9110, section 13."""

import re

from django.http import HttpResponse

from placet.api.calls import Call
from placet.api.problems import Problem

_TAGS = re.compile(r'(W/)?"([^"]*)"')
ANY = "*"


def etag_of(number: int) -> str:
    return f'"{number}"'


def tagged(call: Call, number: int) -> None:
    """The answer says which state it is of."""
    call.headers["ETag"] = etag_of(number)


def is_known(call: Call, number: int) -> bool:
    """Whether the caller says that it has this state already."""
    given = call.http.headers.get("If-None-Match", "")
    return given.strip() == ANY or etag_of(number) in {f'"{tag}"' for _weak, tag in _TAGS.findall(given)}


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
    strong = {f'"{tag}"' for weak, tag in _TAGS.findall(given) if not weak}
    if given != ANY and etag_of(number) not in strong:
        raise Problem("stale", headers={"ETag": etag_of(number)})
