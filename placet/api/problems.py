"""Why a call is refused: RFC 9457, `application/problem+json`. Each has a name that never changes; its type is the
address of a page that says what to do (`/api/problems#NAME`).

    raise Problem("not-open", "This request was withdrawn.")
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from django.http import HttpResponse

CONTENT_TYPE = "application/problem+json"
MOST_ERRORS = 50  # of a body; more of them help nobody


@dataclass(frozen=True)
class Kind:
    """One type of problem. `cure`: what whoever wrote the program does about it."""

    name: str
    status: int
    title: str
    cure: str


_KINDS = (
    Kind(
        "bad-request",
        HTTPStatus.BAD_REQUEST,
        "Not a request that is taken",
        "The web server refuses it before Placet reads it: such as one for a host that is not Placet's.",
    ),
    Kind(
        "unauthorised",
        HTTPStatus.UNAUTHORIZED,
        "No valid key",
        "Send the header “Authorization: Bearer plc_…” with a key that has not expired and was not revoked, of "
        "somebody who is active. Placet does not say which of these it is.",
    ),
    Kind(
        "scope-missing",
        HTTPStatus.FORBIDDEN,
        "The key lacks a scope",
        "Use a key with the scope that the detail names, or have one made.",
    ),
    Kind(
        "not-allowed",
        HTTPStatus.FORBIDDEN,
        "The key's person may not do this",
        "The person of the key is not allowed to do this in Placet, on any page either.",
    ),
    Kind(
        "not-found",
        HTTPStatus.NOT_FOUND,
        "Not found",
        "There is no such thing, or the key's person may not see it, or its process is none of the key's.",
    ),
    Kind(
        "method-not-allowed",
        HTTPStatus.METHOD_NOT_ALLOWED,
        "Not with this method",
        "The header Allow has the methods that this address knows.",
    ),
    Kind(
        "invalid",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "Something does not fit",
        "Each entry of “errors” points to what has to change: “pointer” is a JSON Pointer into the body, or says "
        "“query/NAME” or “header/NAME”.",
    ),
    Kind(
        "idempotency-key-missing",
        HTTPStatus.BAD_REQUEST,
        "The header Idempotency-Key is missing",
        "Choose a value of your own for each thing that shall happen once (such as the number of a document with its "
        "revision), and send it again whenever you send the call again: 1 to 255 visible ASCII characters.",
    ),
    Kind(
        "idempotency-key-reused",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "This Idempotency-Key belongs to another call",
        "The key was used with another address or body before. Nothing was done. Use a new key for another call.",
    ),
    Kind(
        "in-progress",
        HTTPStatus.CONFLICT,
        "The same call is still being worked on",
        "Send it again after the seconds of Retry-After, with the same Idempotency-Key.",
    ),
    Kind(
        "not-open",
        HTTPStatus.CONFLICT,
        "It is not open any more",
        "Read it again: it was decided, withdrawn or ended before.",
    ),
    Kind(
        "already-decided",
        HTTPStatus.CONFLICT,
        "Somebody answered first",
        "Read the request again: the first answer counts.",
    ),
    Kind(
        "retired",
        HTTPStatus.GONE,
        "The process is retired",
        "Nobody starts it any more. Choose another one.",
    ),
    Kind(
        "stale",
        HTTPStatus.PRECONDITION_FAILED,
        "It changed in between",
        "Read it again, decide whether you still want this, and send the call with its new ETag.",
    ),
    Kind(
        "precondition-missing",
        HTTPStatus.PRECONDITION_REQUIRED,
        "The header If-Match is missing",
        "Read the request, and send the ETag that came with it as If-Match.",
    ),
    Kind(
        "comment-needed",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "This answer needs a comment",
        "Send a comment that says why.",
    ),
    Kind(
        "too-large",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "Too large",
        "Send less at once. A file has at most 10 MB, all files of a request 25 MB together.",
    ),
    Kind(
        "unsupported",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "The body has to be JSON",
        "Send it as UTF-8, not compressed, with “Content-Type: application/json”.",
    ),
    Kind(
        "too-many",
        HTTPStatus.TOO_MANY_REQUESTS,
        "Too many calls",
        "Wait for the seconds of Retry-After. The headers RateLimit and RateLimit-Policy say how many calls a key has.",
    ),
    Kind(
        "too-many-waiting",
        HTTPStatus.TOO_MANY_REQUESTS,
        "Too many calls wait already",
        "Ask again after the seconds of Retry-After, without “wait” or with it, or have Placet call you (callbacks).",
    ),
    Kind(
        "failed",
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Something went wrong in Placet",
        "Nothing is known to have been done. Send it again with the same Idempotency-Key; if it stays so, the "
        "administrator finds it in the log by “request_id”.",
    ),
)  # fmt: skip
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _KINDS}


@dataclass(frozen=True)
class Error:
    """One thing that does not fit. `pointer`: a JSON Pointer into the body (RFC 6901), or query/NAME, header/NAME."""

    pointer: str
    detail: str


class Problem(Exception):
    """A call is refused. `kind`: the name of one of `KINDS`."""

    def __init__(
        self,
        kind: str,
        detail: str = "",
        errors: Iterable[Error] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.kind = KINDS[kind]
        super().__init__(detail or self.kind.title)
        self.detail = detail
        self.errors = tuple(errors)[:MOST_ERRORS]
        self.headers = dict(headers or {})

    @classmethod
    def invalid(cls, pointer: str, detail: str) -> "Problem":
        """One thing does not fit."""
        return cls("invalid", errors=[Error(pointer, detail)])

    def response(self, base: str, path: str) -> HttpResponse:
        """`base`: the public address of Placet, without a slash at its end; `path`: what was asked for."""
        body: dict[str, Any] = {
            "type": f"{base}/api/problems#{self.kind.name}",
            "title": self.kind.title,
            "status": int(self.kind.status),
        }
        body |= {"detail": self.detail or self._of_errors() or self.kind.cure, "instance": path}
        if request_id := structlog.contextvars.get_contextvars().get("http_request"):
            body["request_id"] = str(request_id)
        if self.errors:
            body["errors"] = [{"pointer": one.pointer, "detail": one.detail} for one in self.errors]
        text = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")  # read in a terminal, too
        return HttpResponse(text, content_type=CONTENT_TYPE, status=self.kind.status, headers=self.headers)

    def _of_errors(self) -> str:
        """The first of what does not fit, with its place, and how many more there are: some show this alone."""
        if not self.errors:
            return ""
        first, more = self.errors[0], len(self.errors) - 1
        place = f"{first.pointer}: " if first.pointer else ""
        return f"{place}{first.detail}{f' And {more} more in “errors”.' if more else ''}"


def unauthorised() -> Problem:
    """One text for every key that is none, or none any more."""
    return Problem("unauthorised", headers={"WWW-Authenticate": 'Bearer realm="Placet"'})


def pointer_of(*path: str | int) -> str:
    """A JSON Pointer (RFC 6901)."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def of_status(status: int) -> Problem:
    """What Django or django-ninja refused by itself."""
    kind = next((kind.name for kind in _KINDS if kind.status == status), "")
    return Problem(kind or ("failed" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid"))
