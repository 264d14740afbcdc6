"""What can go wrong:

PlacetError
├── Unreachable             no answer, after all tries
├── AnswerInvalid           an answer that is not one of Placet's API
├── StillOpen               the time to wait is over; `request` is as it stands
├── WebhookInvalid          a delivery that nobody should act on
└── Problem                 Placet answered that it did not do it (RFC 9457)
    ├── Unauthorised        401: no such key, expired, revoked
    ├── ScopeMissing        403: the key may not
    ├── NotFound            404: not there, or not for this key to see
    ├── Invalid             422: `errors` says where
    ├── Stale               412: it changed since it was read
    ├── NotOpen             409: the request has ended
    ├── NotAllowed          who this key belongs to may not do that
    ├── AlreadyDecided      409: somebody was first
    ├── CommentNeeded       422: this outcome needs a comment
    └── Unavailable         429, 502, 503, 504: after all tries
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from placet_client.records import Request


class PlacetError(Exception):
    """Anything that this package raises, but for ValueError and TypeError of wrong arguments."""


class Unreachable(PlacetError):
    """There was no answer."""


class AnswerInvalid(PlacetError):
    """What answered is not Placet's API, or a proxy changed what it said."""


class WebhookInvalid(PlacetError):
    """It is not signed by one of the secrets, too old, or no event."""


class StillOpen(PlacetError):
    """The request has not ended within the time that was given."""

    def __init__(self, request: Request) -> None:
        super().__init__(f"Request {request.number} is still open.")
        self.request = request


@dataclass(frozen=True)
class Place:
    """Where in what was sent a mistake is: a JSON pointer, and what is wrong there."""

    pointer: str
    detail: str


class Problem(PlacetError):
    """Placet's answer that it did not do what was asked.

    `type` is an address that explains it, `name` its last part (“not-open”), `errors` say where in the body;
    `request_id` finds it in Placet's log; `retry_after` is in seconds, where Placet said when to come again.
    """

    def __init__(self, status: int, body: Mapping[str, Any], retry_after: float | None = None) -> None:
        self.status = status
        self.type = _text(body, "type") or "about:blank"
        self.name = self.type.partition("#")[2]
        self.title = _text(body, "title") or f"HTTP status {status}"
        self.detail = _text(body, "detail")
        self.instance = _text(body, "instance")
        self.request_id = _text(body, "request_id")
        self.errors = tuple(_places(body.get("errors")))
        self.retry_after = retry_after
        self.body = body
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        parts = [self.title.rstrip(".")]
        if self.detail and self.detail != self.title and not self._repeats_errors():
            parts.append(self.detail.rstrip("."))
        parts += [f"{place.pointer}: {place.detail}".rstrip(".") for place in self.errors]
        return ". ".join(parts) + "."

    def _repeats_errors(self) -> bool:
        """Placet's detail may be the first of the errors, with its place or without."""
        if not self.errors:
            return False
        first = self.errors[0]
        return self.detail == first.detail or self.detail.startswith(f"{first.pointer}: {first.detail}")


class Unauthorised(Problem):
    """The key is not known, has expired or was revoked."""


class ScopeMissing(Problem):
    """The key has not the scope that this needs."""


class NotFound(Problem):
    """It is not there, or this key may not see it."""


class Invalid(Problem):
    """What was sent does not fit."""


class Stale(Problem):
    """It changed since it was read: read it again."""


class NotOpen(Problem):
    """The request has ended or was withdrawn."""


class NotAllowed(Problem):
    """The person of this key may not do that."""


class AlreadyDecided(Problem):
    """Somebody was first."""


class CommentNeeded(Problem):
    """This outcome needs a comment."""


class Unavailable(Problem):
    """Too much was asked, or Placet is being started."""


UNAVAILABLE = frozenset({429, 502, 503, 504})
_KINDS: dict[str, type[Problem]] = {
    "unauthorised": Unauthorised,
    "scope-missing": ScopeMissing,
    "not-found": NotFound,
    "invalid": Invalid,
    "stale": Stale,
    "not-open": NotOpen,
    "not-allowed": NotAllowed,
    "already-decided": AlreadyDecided,
    "comment-needed": CommentNeeded,
}
_BY_STATUS: dict[int, type[Problem]] = {401: Unauthorised, 404: NotFound, 412: Stale}


def problem_of(status: int, body: Mapping[str, Any], retry_after: float | None = None) -> Problem:
    """The error for an answer of 400 and above. Types that are newer than this package are a plain Problem."""
    name = _text(body, "type").partition("#")[2]
    kind = Unavailable if status in UNAVAILABLE else _KINDS.get(name) or _BY_STATUS.get(status, Problem)
    return kind(status, body, retry_after)


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _places(values: object) -> Iterable[Place]:
    for value in values if isinstance(values, list) else []:
        if isinstance(value, dict):
            yield Place(_text(value, "pointer"), _text(value, "detail"))
