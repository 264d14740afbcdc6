"""One call to Microsoft Graph: HTTP, the token, and everything that can go wrong between Placet and Exchange Online."""

import json
import math
import threading
import uuid
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlencode, urlsplit

import requests
import structlog
from django.utils.translation import gettext as _
from pydantic import SecretStr
from requests.structures import CaseInsensitiveDict

from placet.mailboxes import http
from placet.mailboxes.base import FixNeeded, MailboxError, MailError, Wait
from placet.mailboxes.http import safe_text
from placet.mailboxes.microsoft.exchange_errors import About
from placet.mailboxes.oauth import Access

from . import errors
from .errors import ServerError

log = structlog.get_logger(__name__)

AT_ONCE = 4  # requests to one mailbox: Microsoft's limit for an application
LARGEST_JSON = 64 * 1024 * 1024  # bytes: 500 long header blocks fit
LARGEST_ERROR = 1024 * 1024  # bytes of an error answer that are read
#: HTTP: what answers takes no batches, or not this one. Its requests by themselves say what is wrong, if anything is.
NO_BATCH = (400, 403, 404, 405, 413, 415, 501)
NO_BODY = (202, 204)  # HTTP: success without a word
LONGEST_LINK = 32 * 1024  # characters
IMMUTABLE = 'IdType="ImmutableId"'

_doors: "weakref.WeakValueDictionary[tuple[str, str], _Door]" = weakref.WeakValueDictionary()
_doors_lock = threading.Lock()


class Unreadable(Wait):
    """A whole answer that is not what Graph gives here: a proxy's page, or one mail that spoils it."""


class Apart(Exception):
    """An error that the caller deals with (`Call.apart`)."""


def _never(error: ServerError) -> bool:
    return False


@dataclass(frozen=True)
class Call:
    """One request. `path` is below the mailbox and quoted already; `link` is one that the server gave instead."""

    method: str
    path: str = ""
    link: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    prefer: tuple[str, ...] = (IMMUTABLE,)
    body: bytes | None = None
    content_type: str = "application/json"
    accept: str = "application/json"
    expected: Collection[int] = (200,)  # HTTP statuses of success
    about: About = About.MAILBOX
    apart: Callable[[ServerError], bool] = _never


class Graph:
    """Calls to one mailbox through one server, one after another. Not shared between threads."""

    def __init__(self, base_url: str, user: str, access: Access) -> None:
        self._base = base_url.rstrip("/")
        self.user = user
        self._access = access
        self._host = http.host_of(base_url)
        self._door = _door(self._base, user)
        self.names = errors.names(access.grant.client_id, user)
        self._session = requests.Session()
        http.prepare(self._session, base_url)

    def to(self, user: str) -> "Graph":
        """Calls to another mailbox, with the same rights."""
        return Graph(self._base, user, self._access)

    def close(self) -> None:
        self._session.close()

    def answer(self, call: Call) -> dict[str, Any]:
        """The object that answers `call`; {} where success has no body. Raises MailboxError, MailError, or Apart."""
        with self._door.passed():
            return self._answer(call)

    def batch(self, calls: Sequence[Call]) -> list[dict[str, Any] | ServerError | None]:
        """What answers each of `calls` (20 at most, Microsoft's limit), sent in one request: its object, its error, or
        None where it got no answer that can be read. Raises MailboxError for all of them, or Apart where the server
        takes no batches.

        Microsoft Graph runs four of them at once ("Outlook service limits for JSON batching"), which is all that one
        mailbox may be asked at the same time.
        """
        parts = [self._part(str(number), call) for number, call in enumerate(calls)]
        whole = Call(
            "POST",
            link=self.beside("/$batch"),
            body=json.dumps({"requests": parts}).encode(),
            apart=lambda error: error.status in NO_BATCH,
        )
        with self._door.passed(AT_ONCE):
            answers = self._answer(whole).get("responses")
        by_id = {
            answer["id"]: answer
            for answer in (answers if isinstance(answers, list) else [])
            if isinstance(answer, dict) and isinstance(answer.get("id"), str)
        }
        return [_answer_in(by_id.get(part["id"]), call) for part, call in zip(parts, calls, strict=True)]

    def _part(self, id_: str, call: Call) -> dict[str, Any]:
        headers = {"Prefer": ", ".join(call.prefer)}
        part = {
            "id": id_,
            "method": call.method,
            "url": self._url(call).removeprefix(self._base),
            "headers": headers,
        }
        if call.body is not None:
            headers["Content-Type"] = call.content_type
            part["body"] = json.loads(call.body)
        return part

    def _answer(self, call: Call) -> dict[str, Any]:
        response = self._answered(call)
        with response:
            self._judge(response, call)
            if response.status_code in NO_BODY:
                return {}
            answer = self._object(response)
            if isinstance(answer.get("error"), dict):
                raise self.explain(read_error(answer, _known(response)), call.about)
            return answer

    def content(self, call: Call, most: int) -> bytes | None:
        """The bytes that answer `call`; None where they are more than `most`."""
        with self._door.passed():
            response = self._answered(call)
            with response:
                self._judge(response, call)
                found = self._bytes(response, most)
        if found is not None and found.lstrip()[:1] == b"<":
            raise unreadable("a page", _ids(response))
        return found

    def explain(self, error: ServerError, about: About) -> MailboxError | MailError:
        """`error` as an exception to raise."""
        return errors.explain(error, about, self._host, self.names)

    def beside(self, path: str) -> str:
        """The address of what is no part of the mailbox."""
        return f"{self._base}{path}"

    def owns(self, link: str) -> bool:
        """Whether a link leads to the very server and service that the token is for."""
        if not link.isascii() or not link.isprintable() or len(link) > LONGEST_LINK:
            return False
        try:
            own, other = urlsplit(self._base), urlsplit(link)
            same = (own.scheme, own.hostname, _port(own)) == (other.scheme, other.hostname, _port(other))
        except ValueError:
            return False
        climbs = any(part in (".", "..") for part in unquote(other.path).replace("\\", "/").split("/"))
        return same and "@" not in other.netloc and other.path.startswith(f"{own.path}/") and not climbs

    def follow(self, link: object) -> str:
        """`link` of an answer, to be called or kept. FixNeeded where it leads elsewhere: the token would go along."""
        if isinstance(link, str) and self.owns(link):
            return link
        elsewhere = safe_text(_host_of(link))
        raise FixNeeded(
            _(
                "An answer of {host} leads to an address elsewhere, which is not followed with an access token."
            ).format(host=self._host),
            _(
                "A proxy or gateway on the way must leave the addresses in answers as they are. If there is none, "
                "check the cloud and the server address."
            ),
            {"host": self._host, "elsewhere": elsewhere},
        )

    def _answered(self, call: Call) -> requests.Response:
        response = self._access.answered(lambda token: self._send(call, token))
        log.debug("graph_call", method=call.method, status=response.status_code, ids=_ids(response))
        return response

    def _judge(self, response: requests.Response, call: Call) -> None:
        if response.status_code in call.expected:
            return
        if 200 <= response.status_code < 300:
            raise unreadable(f"HTTP {response.status_code}", _ids(response))
        error = self._error(response)
        if call.apart(error):
            raise Apart(error.code)
        raise self.explain(error, call.about)

    def _send(self, call: Call, token: SecretStr) -> requests.Response:
        try:
            return self._session.request(
                call.method,
                self._url(call),
                data=call.body,
                headers={
                    "Accept": call.accept,
                    "Prefer": ", ".join(call.prefer),
                    "client-request-id": str(uuid.uuid4()),
                    "return-client-request-id": "true",
                    **({} if call.body is None else {"Content-Type": call.content_type}),
                },
                auth=http.Bearer(token),
                stream=True,
                allow_redirects=False,
                timeout=http.TIMEOUT,
            )
        except requests.RequestException as error:
            raise http.unreachable(error, self._base) from None  # its text may name a proxy's password

    def _url(self, call: Call) -> str:
        if call.link:
            return call.link
        url = f"{self._base}/users/{quote(self.user, safe='@')}{call.path}"
        query = urlencode(call.query, quote_via=quote, safe="$(),'/")
        return f"{url}?{query}" if query else url

    def _bytes(self, response: requests.Response, most: int) -> bytes | None:
        if "html" in response.headers.get("Content-Type", "").lower():
            raise unreadable("a page", _ids(response))
        found = bytearray()
        for chunk in http.chunks(response, math.inf, _ids(response)):
            found += chunk
            if len(found) > most:
                return None
        return bytes(found)

    def _object(self, response: requests.Response) -> dict[str, Any]:
        if "json" not in response.headers.get("Content-Type", "").lower():
            raise unreadable("no JSON", _ids(response))
        found = self._bytes(response, LARGEST_JSON)
        if found is None:
            raise unreadable("too large", _ids(response))
        try:
            answer = json.loads(found)
        except (ValueError, RecursionError):
            raise unreadable("not well-formed", _ids(response)) from None
        if not isinstance(answer, dict):
            raise unreadable("no object", _ids(response))
        return answer

    def _error(self, response: requests.Response) -> ServerError:
        """What an error answer says; without a code if it is not Graph's."""
        known = _known(response)
        if "json" not in response.headers.get("Content-Type", "").lower():
            return known
        try:
            return read_error(json.loads(self._bytes(response, LARGEST_ERROR) or b""), known)
        except (ValueError, RecursionError, Wait):
            return known  # the status says enough


def _answer_in(answer: Mapping[str, Any] | None, call: Call) -> dict[str, Any] | ServerError | None:
    """One answer of a batch; None if it is missing, or nothing that Graph gives."""
    status = answer.get("status") if answer else None
    if answer is None or not isinstance(status, int):
        return None
    headers, body = answer.get("headers"), answer.get("body")
    given = headers.items() if isinstance(headers, dict) else ()
    known = _error_of(status, CaseInsensitiveDict({str(name): str(value) for name, value in given}))
    if status in call.expected and isinstance(body, dict):
        return read_error(body, known) if isinstance(body.get("error"), dict) else body
    return None if 200 <= status < 300 else read_error(body, known)


def read_error(answer: object, known: ServerError) -> ServerError:
    """The error object of an answer, with what else is known of it."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("code"), str):
        return known
    return replace(known, code=safe_text(error["code"]), text=safe_text(str(error.get("message") or "")))


def _known(response: requests.Response) -> ServerError:
    return replace(_error_of(response.status_code, response.headers), details=_ids(response))


def _error_of(status: int, headers: Mapping[str, str]) -> ServerError:
    seconds = http.retry_after(headers)
    return ServerError(status, seconds=None if seconds is None else math.ceil(seconds))


def unreadable(reason: str, details: Mapping[str, str] | None = None) -> Unreadable:
    return Unreadable(
        _("The answer is not what Microsoft Graph gives ({reason}).").format(reason=reason),
        _(
            "If a proxy or firewall answers instead of Microsoft Graph, let this machine pass; Placet tries again by "
            "itself."
        ),
        details=details,
    )


def _ids(response: requests.Response) -> dict[str, str]:
    """The ids that Microsoft's support asks for."""
    names = ("request-id", "client-request-id", "x-ms-ags-diagnostic")
    return {name: safe_text(response.headers[name]) for name in names if name in response.headers}


def _port(parts: SplitResult) -> int:
    """Servers leave the usual one out of their links, whatever they were called by."""
    return parts.port or (443 if parts.scheme == "https" else 80)


def _host_of(link: object) -> str:
    try:
        return http.host_of(link) if isinstance(link, str) else ""
    except ValueError:
        return ""


class _Door:
    """What all connections of this process to one mailbox pass through."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._queue = threading.Lock()

    @contextmanager
    def passed(self, places: int = 1) -> Iterator[None]:
        # One after the other: whoever needs several places is not overtaken until they are free.
        with self._queue:
            for _place in range(places):
                self._places.acquire()
        try:
            yield
        finally:
            self._places.release(places)


def _door(base_url: str, user: str) -> _Door:
    key = (base_url.lower(), user.lower())
    with _doors_lock:
        door = _doors.get(key)
        if door is None:
            door = _doors[key] = _Door()
        return door
