"""Faults by switch: what a real service does to its clients on a bad day, on purpose and countable."""

from __future__ import annotations

import enum
import random
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from placet.sandbox.httpd import Cut, Response


class Kind(enum.StrEnum):
    THROTTLED = "throttled"
    """429, with Retry-After if one is set."""
    UNAVAILABLE = "unavailable"
    """503, with Retry-After if one is set."""
    BUSY = "busy"
    """SOAP fault ErrorServerBusy with BackOffMilliseconds; over Graph 429 ApplicationThrottled with Retry-After."""
    BUSY_INSIDE = "busy_inside"
    """HTTP 200 with ErrorInternalServerError for every item, and ErrorServerBusy inside it; over Graph, where an answer
    has no inside, 503 ErrorServerBusy that does not say for how long."""
    TRANSIENT = "transient"
    """HTTP 200 with ErrorInternalServerTransientError for every item, and nothing done; over Graph 500."""
    STOPPED = "stopped"
    """HTTP 200; half of the items are done, the next one fails with ErrorInternalServerTransientError, and of the rest
    the server says that it did not look at them; over Graph 500, in a batch for this one of its requests."""
    REDIRECTED = "redirected"
    """302 to the page that Exchange shows when it cannot reach a mailbox; over Graph 504 without a word."""
    CUT_BEFORE = "cut_before"
    """The connection ends before anything was done."""
    CUT_AFTER = "cut_after"
    """The work is done, and the connection ends before the answer."""
    HALF_ANSWER = "half_answer"
    """The work is done, and half of the answer comes under a Content-Length of all of it."""
    SLOW = "slow"
    """The answer comes late."""
    TOKENS_EXPIRE = "tokens_expire"
    """Every token that is out dies at this request."""
    SYNC_LOST = "sync_lost"
    """The server no longer knows any sync state, or delta link, that it gave out."""


OF_THE_CONNECTION = frozenset({Kind.CUT_BEFORE, Kind.CUT_AFTER, Kind.HALF_ANSWER, Kind.SLOW})
"""These strike the whole of a batch, also for an operation of one of its requests; all others strike each by itself."""
OF_THE_SERVICE = frozenset(Kind) - OF_THE_CONNECTION

TOKEN = "token"  # noqa: S105 - the name of the token endpoint among the operations
"""The operation that stands for the token endpoint; faults without operations spare it."""

SAME_AS = {
    "graph_create_folder": "CreateFolder",
    "graph_delete": "DeleteItem",
    "graph_delta": "SyncFolderItems",
    "graph_draft": "CreateItem",
    "graph_folder": "GetFolder",
    "graph_folders": "FindFolder",
    "graph_message": "GetItem",
    "graph_messages": "FindItem",
    "graph_move": "MoveItem",
    "graph_patch": "UpdateItem",
    "graph_send": "CreateItem",
    "graph_subscribe": "Subscribe",
    "graph_translate": "ConvertId",
    "graph_unsubscribe": "Unsubscribe",
    "graph_value": "GetItem",
}
"""The EWS operation that does what a call of Graph does. A fault of the operation strikes the call too, so that what is
tested over EWS is tested over Graph by the same words."""


@dataclass
class Fault:
    kind: Kind
    every: int = 1
    """Strike every n-th request that it looks at."""
    probability: float = 1.0
    count: int | None = None
    """Strike so often, then be over."""
    operations: frozenset[str] = frozenset()
    """EWS operations and calls of Graph (or "token") that it looks at; all of EWS and Graph if empty."""
    retry_after: str | None = None
    """What the Retry-After header says, in seconds; may be a fraction."""
    back_off_ms: int = 1000
    seconds: float = 1.0
    """How long `slow` takes."""
    seen: int = 0
    struck: int = 0

    def __post_init__(self) -> None:
        if self.every < 1 or not 0 <= self.probability <= 1 or self.seconds < 0 or self.back_off_ms < 0:
            raise ValueError("`every` is 1 or more, `probability` from 0 to 1, and times are not negative.")

    def concerns(self, operation: str) -> bool:
        if not self.operations:
            return operation != TOKEN
        return operation in self.operations or SAME_AS.get(operation) in self.operations

    @property
    def retry_header(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": self.retry_after}


@dataclass
class Faults:
    """Which faults are on. All methods may be called from any thread."""

    seed: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    """How often each kind has struck."""
    _on: dict[Kind, Fault] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        # Repeatable on purpose: a fault that cannot be repeated cannot be mended.
        self._random = random.Random(self.seed)  # noqa: S311 - not a secret

    def set(
        self,
        kind: str,
        *,
        every: int = 1,
        probability: float = 1.0,
        count: int | None = None,
        operations: Iterable[str] = (),
        retry_after: float | str | None = None,
        back_off_ms: int = 1000,
        seconds: float = 1.0,
    ) -> Fault:
        """Switch a fault on (or set it anew). Raises ValueError for an unknown kind or impossible figures."""
        fault = Fault(
            Kind(kind),
            every,
            probability,
            count,
            frozenset(operations),
            None if retry_after is None else str(retry_after),
            back_off_ms,
            seconds,
        )
        with self._lock:
            self._on[fault.kind] = fault
        return fault

    def clear(self, kind: str | None = None) -> None:
        with self._lock:
            if kind is None:
                self._on.clear()
            else:
                self._on.pop(Kind(kind), None)

    def on(self) -> list[Fault]:
        with self._lock:
            return list(self._on.values())

    def draw(self, *operations: str, kinds: Collection[Kind] = frozenset(Kind)) -> dict[Kind, Fault]:
        """The faults of these kinds that strike this request, which is of these operations."""
        if not self._on:
            return {}
        with self._lock:
            on = {kind: fault for kind, fault in self._on.items() if kind in kinds}
            return {kind: fault for kind, fault in on.items() if self._strikes(fault, operations)}

    def _strikes(self, fault: Fault, operations: Iterable[str]) -> bool:
        if not any(map(fault.concerns, operations)):
            return False
        if fault.count is not None and fault.struck >= fault.count:
            return False
        fault.seen += 1
        if fault.seen % fault.every or self._random.random() >= fault.probability:
            return False
        fault.struck += 1
        self.struck[fault.kind] += 1
        return True


def before(struck: Mapping[Kind, Fault]) -> None:
    """What happens before anything is done. Raises Cut."""
    if Kind.CUT_BEFORE in struck:
        raise Cut
    if Kind.SLOW in struck:
        time.sleep(struck[Kind.SLOW].seconds)


def after(struck: Mapping[Kind, Fault], response: Response) -> Response:
    """What happens to the answer when all is done. Raises Cut."""
    if Kind.CUT_AFTER in struck:
        raise Cut
    response.half = Kind.HALF_ANSWER in struck
    return response
