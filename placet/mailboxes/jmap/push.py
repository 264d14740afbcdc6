"""Listening for new mail: an answer that stays open, in which the server tells of changes when they happen (RFC 8620
7.3, as an event source of HTML's standard, 9.2).

Which state is new plays no part: whatever changes leads to a look into the mailbox, which asks what it was.
"""

import contextlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import requests
import structlog
from django.utils.translation import gettext as _

from placet.mailboxes import http
from placet.mailboxes.base import Wait
from placet.mailboxes.http import WAIT_CURE
from placet.mailboxes.push.listening import Heard

from .client import Jmap
from .connection import jmap_of
from .settings import JmapSettings

log = structlog.get_logger(__name__)

#: A mail was delivered (RFC 8621 1.5); where a server does not know that apart, anything of a mail.
DELIVERY, EMAIL = "EmailDelivery", "Email"
PING = 60  # seconds between two signs of life that are asked for
LONGEST = (
    30 * 60.0
)  # seconds after which it is asked anew: what lies between must not hold on to a dead connection
LARGEST_EVENT = 256 * 1024  # bytes
CHUNK = 64 * 1024
_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")  # behind a CR that came last an LF may follow


class JmapListening:
    """See `push.listening.Listening`. There is nothing that a server would know it by after a break."""

    subscription_id = ""

    def __init__(self, jmap: Jmap, longest: float = LONGEST, ping: int = PING) -> None:
        self._jmap = jmap
        self._longest = longest
        self._ping = ping
        self._response: requests.Response | None = None
        self._is_closed = False
        self._knows_deliveries = False

    def close(self) -> None:
        self._is_closed = True
        response = self._response
        if response is not None:
            with contextlib.suppress(OSError, ValueError, RuntimeError):  # it ended a moment ago
                response.raw.shutdown()

    def __iter__(self) -> Iterator[Heard]:
        with contextlib.closing(self._jmap):
            self._response = response = self._jmap.events([EMAIL, DELIVERY], self._ping)
            with response:
                if self._is_closed:
                    return
                if "event-stream" not in response.headers.get("Content-Type", "").lower():
                    raise self._jmap.unreadable("no events")
                yield Heard.OPENED
                for kind, text in events(self._chunks(response)):
                    yield self._heard(kind, text)

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        until = time.monotonic() + self._longest
        # Without chunks, `requests` would wait until a piece is full.
        size = CHUNK if getattr(response.raw, "chunked", False) else 1
        try:
            for chunk in response.iter_content(size):
                if self._is_closed or time.monotonic() > until:
                    return
                yield chunk
        except requests.RequestException as error:
            if not self._is_closed:
                raise http.unreachable(error, response.url) from None

    def _heard(self, kind: str, text: str) -> Heard:
        if kind != "state":
            return Heard.BEAT
        changed = self._changed(text)
        self._knows_deliveries = self._knows_deliveries or DELIVERY in changed
        told = {DELIVERY} if self._knows_deliveries else {DELIVERY, EMAIL}
        return Heard.NEWS if told & changed.keys() else Heard.BEAT

    def _changed(self, text: str) -> Mapping[str, Any]:
        """Names of what changed in our account."""
        try:
            changed = json.loads(text)["changed"][self._jmap.session().account]
        except (ValueError, RecursionError, LookupError, TypeError):
            return {}  # another account's, or nothing that we would know: a sign of life all the same
        return changed if isinstance(changed, dict) else {}


def events(chunks: Iterator[bytes]) -> Iterator[tuple[str, str]]:
    """The events in an answer, each with its kind as soon as its end is there; a comment, which is a sign of life, has
    none. Raises Wait where one has no end."""
    kind, data = "message", bytearray()
    for line in _lines(chunks):
        if not line:
            if data:
                yield kind, data.decode("utf-8", "replace").removesuffix("\n")
            kind, data = "message", bytearray()
            continue
        name, _colon, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not name:
            yield "", ""
        elif name == b"event":
            kind = value.decode("utf-8", "replace")
        elif name == b"data":
            data += value + b"\n"
        if len(data) > LARGEST_EVENT:
            raise _endless()


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Without their ends."""
    waiting = bytearray()
    for chunk in chunks:
        looked_at = max(0, len(waiting) - 1)
        waiting += chunk
        while (end := _LINE_END.search(waiting, looked_at)) is not None:
            yield bytes(waiting[: end.start()])
            del waiting[: end.end()]
            looked_at = 0
        if len(waiting) > LARGEST_EVENT:
            raise _endless()


def _endless() -> Wait:
    return Wait(_("What the server tells of new mail has no end."), _(WAIT_CURE))


def listen(
    settings: JmapSettings, secrets: Mapping[str, str], *, key: str, subscription_id: str
) -> JmapListening:
    """For `kinds`."""
    return JmapListening(jmap_of(settings, secrets))
