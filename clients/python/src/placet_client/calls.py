"""One call of the API: the key and where it goes, tries and pauses, what is an answer."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.auth import AuthBase

from placet_client.addresses import api_of, key_of
from placet_client.errors import UNAVAILABLE, AnswerInvalid, Unreachable, problem_of
from placet_client.version import __version__

LARGEST_ANSWER = 32 * 1024 * 1024  # bytes
CONNECT_TIMEOUT = 10.0  # seconds
LONGEST_PAUSE = 60.0  # seconds: whoever is told to come later is told so at once
_CHUNK = 64 * 1024
_WRITING = ("POST", "PUT", "PATCH")


class _Bearer(AuthBase):
    """Given as `auth` and not as a header, which requests would replace by what ~/.netrc says for the host."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request

    def __repr__(self) -> str:
        return "<a key of Placet>"


@dataclass(frozen=True)
class Answer:
    """`status` below 400."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise AnswerInvalid("The answer is not JSON: is this the address of a Placet?") from error

    @property
    def retry_after(self) -> float | None:
        return retry_after(self.headers)


class Calls:
    """Calls of one API with one key. Each call that writes has one Idempotency-Key, the same at each of its tries."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float,
        tries: int,
        session: requests.Session | None,
        sleep: Callable[[float], None],
    ) -> None:
        self.address = api_of(url)
        self._auth = _Bearer(key_of(key))
        self._timeout = timeout
        self._tries = max(1, tries)
        self._session = session or requests.Session()
        self._sleep = sleep

    def __repr__(self) -> str:
        return f"Calls({self.address!r})"

    def close(self) -> None:
        self._session.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        longer: float = 0.0,
        tries: int | None = None,
    ) -> Answer:
        """Placet's answer. `longer`: seconds that Placet may take beside what any call may; `tries`: instead of
        those of all calls. Problem, Unreachable and
        AnswerInvalid as their docstrings say."""
        sent = {"Accept": "application/json", "User-Agent": f"placet-client/{__version__}", **(headers or {})}
        if method in _WRITING:
            sent["Idempotency-Key"] = idempotency_key or str(uuid.uuid4())
        content = None
        if body is not None:
            content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
            sent["Content-Type"] = "application/json"
        turn = 0
        while True:
            answer = self._try(method, path, query, content, sent, self._timeout + longer)
            turn += 1
            pause = _pause(answer, turn)
            if pause is None or turn >= (tries or self._tries):
                break
            self._sleep(pause)
        if isinstance(answer, Unreachable):
            raise answer
        return self._checked(answer)

    def _try(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        content: bytes | None,
        headers: Mapping[str, str],
        timeout: float,
    ) -> Answer | Unreachable:
        try:
            response = self._session.request(
                method,
                self.address + path,
                params={name: value for name, value in (query or {}).items() if value is not None},
                data=content,
                headers=dict(headers),
                auth=self._auth,
                timeout=(CONNECT_TIMEOUT, timeout),
                allow_redirects=False,  # the key goes where it was meant to go
                stream=True,
            )
            with response:
                return Answer(response.status_code, response.headers, _content(response))
        except requests.RequestException as error:
            # Not as its cause: that holds the call, and with it the key, for whoever prints all there is.
            sentence = f"{self.address} did not answer: {_reason(error)}"
        return Unreachable(sentence)

    def _checked(self, answer: Answer) -> Answer:
        if 300 <= answer.status < 400 and answer.status != 304:
            where = answer.headers.get("Location", "").partition("?")[0]
            raise AnswerInvalid(
                f"{self.address} leads to {where or 'another address'}: give Placet's own URL."
            )
        if answer.status >= 400:
            raise problem_of(answer.status, _problem(answer), answer.retry_after)
        return answer


def _content(response: requests.Response) -> bytes:
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_content(_CHUNK):
        size += len(chunk)
        if size > LARGEST_ANSWER:
            raise AnswerInvalid(f"The answer is longer than {LARGEST_ANSWER} bytes.")
        chunks.append(chunk)
    return b"".join(chunks)


def _reason(error: requests.RequestException) -> str:
    """In a few words; what a library says otherwise is long, and holds addresses of memory."""
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted here"
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not let it through"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "no connection, or it was cut"
    return type(error).__name__


def _problem(answer: Answer) -> Mapping[str, Any]:
    """What the answer says of itself; nothing where a proxy answered."""
    try:
        body = json.loads(answer.content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _pause(answer: Answer | Unreachable, turn: int) -> float | None:
    """Seconds before the next try; None where another one does not help."""
    growing = random.uniform(0.25, 0.5) * 2.0**turn  # noqa: S311 - so that not all come at once
    if isinstance(answer, Unreachable):
        return growing
    if answer.status not in UNAVAILABLE and not _is_in_progress(answer):
        return None
    wished = answer.retry_after
    if wished is None:
        return growing
    return None if wished > LONGEST_PAUSE else max(wished, growing)


def _is_in_progress(answer: Answer) -> bool:
    """An earlier try of this very call is still at work: its answer comes later."""
    if answer.status != 409:
        return False
    kind = _problem(answer).get("type")
    return isinstance(kind, str) and kind.endswith("#in-progress")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, of a number or a date; None if it says nothing that can be understood."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    if not text:
        return None
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
