"""delta of the messages of a folder: what there is, then what has changed, page by page.

Microsoft's pages "message: delta" and "Get incremental changes to messages in a folder". A link's token holds all
that was asked for in the first request and how far the client has heard the folder's log; it is signed, so that
what was not given out here is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from placet.sandbox.graph import errors, ids, query
from placet.sandbox.graph.shapes import MessageShape
from placet.sandbox.tenant import Change, Folder, Item, Mailbox

MOST_FILTERED = 5000
"""Messages that a first round with a filter gives."""
USUAL_PAGE = 10
CHANGES = ("created", "updated", "deleted")


@dataclass(frozen=True)
class State:
    """What a token says. Times are ISO 8601."""

    position: int
    """How far the folder's log is known."""
    epoch: int
    selected: tuple[str, ...] | None
    extended: tuple[str, ...]
    since: str | None
    after: bool
    """Whether `since` itself is left out (`gt`)."""
    newest_first: bool
    change_type: str
    page: int
    first_round: int | None
    """How long the log was when the first round began; None in later ones."""
    told: int = 0
    """Messages given in the first round."""

    def wants(self, item: Item) -> bool:
        if self.since is None:
            return True
        since = datetime.fromisoformat(self.since)
        return item.received > since if self.after else item.received >= since


@dataclass(frozen=True)
class Page:
    value: list[dict[str, Any]]
    token: str
    last: bool
    """Whether the token goes into a deltaLink, and not a nextLink."""


class Delta:
    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def page(
        self,
        mailbox: Mailbox,
        folder: Folder,
        options: Mapping[str, str],
        *,
        page_size: int | None,
        immutable: bool,
    ) -> Page:
        """One page for these query options. Raises GraphError."""
        token = options.get("$deltatoken") or options.get("$skiptoken")
        state = self._read(folder, token) if token else _begin(folder, options)
        shape = MessageShape(state.selected, state.extended, immutable)
        size = page_size or state.page
        if state.first_round is None:
            value, state, last = _changes(mailbox, folder, state, shape, size)
        elif state.newest_first:
            value, state, last = _newest_first(folder, state, shape, size)
        else:
            value, state, last = _all(folder, state, shape, size)
        return Page(value, self._written(folder, state), last)

    def _written(self, folder: Folder, state: State) -> str:
        plain = json.dumps(asdict(state), separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._mark(folder, plain) + plain).decode("ascii").rstrip("=")

    def _mark(self, folder: Folder, plain: bytes) -> bytes:
        return hmac.digest(self._key, folder.id.encode() + plain, hashlib.sha256)[:20]

    def _read(self, folder: Folder, token: str) -> State:
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            raise errors.bad_request("Badly formed token.") from None
        mark, plain = raw[:20], raw[20:]
        if not hmac.compare_digest(mark, self._mark(folder, plain)):
            raise errors.bad_request("Badly formed token.")
        given = json.loads(plain)
        for name in ("selected", "extended"):
            given[name] = None if given[name] is None else tuple(given[name])
        state = State(**given)
        if state.epoch != folder.sync_epoch:
            raise errors.state_lost()
        return state


def _begin(folder: Folder, options: Mapping[str, str]) -> State:
    """The state of a first request. Raises GraphError for options that delta does not have."""
    query.only(options, "$select", "$expand", "$filter", "$orderby", "$top")
    change_type = options.get("changeType", "")
    if change_type and change_type not in CHANGES:
        raise errors.bad_request(f"The value '{change_type}' of changeType is none of {', '.join(CHANGES)}.")
    since, after = _since(options)
    return State(
        0,
        folder.sync_epoch,
        query.select(options, "message"),
        query.expand(options),
        since,
        after,
        _is_newest_first(options),
        change_type,
        query.number(options, "$top", USUAL_PAGE, 1, query.MOST),
        len(folder.log),
    )


def _since(options: Mapping[str, str]) -> tuple[str | None, bool]:
    comparisons = query.MESSAGES.filter(options)
    if not comparisons:
        return None, False
    one = comparisons[0]
    if len(comparisons) > 1 or one.name != "receivedDateTime" or one.operator not in ("ge", "gt"):
        raise errors.bad_request(
            "Delta takes no other filter than receivedDateTime ge or gt.", "ErrorInvalidUrlQueryFilter"
        )
    query.MESSAGES.matches(comparisons)
    return one.value.isoformat(), one.operator == "gt"


def _is_newest_first(options: Mapping[str, str]) -> bool:
    order = options.get("$orderby")
    if order is not None and order.split() != ["receivedDateTime", "desc"]:
        raise errors.bad_request(
            "Delta takes no other order than receivedDateTime desc.", "ErrorInvalidUrlQuery"
        )
    return order is not None


def _all(
    folder: Folder, state: State, shape: MessageShape, size: int
) -> tuple[list[dict[str, Any]], State, bool]:
    """The next page of a first round, in the order of the folder's log."""
    assert state.first_round is not None
    value: list[dict[str, Any]] = []
    position, end = state.position, state.first_round
    room = size if state.since is None else min(size, MOST_FILTERED - state.told)
    while position < end and len(value) < room:
        change, item = folder.log[position]
        if change is Change.NEW and not item.gone and state.wants(item):
            value.append(shape.render(item, typed=True))
        position += 1
    told = state.told + len(value)
    full = state.since is not None and told >= MOST_FILTERED
    if position < end and not full:
        return value, replace(state, position=position, told=told), False
    return value, _known(state, end), True


def _newest_first(
    folder: Folder, state: State, shape: MessageShape, size: int
) -> tuple[list[dict[str, Any]], State, bool]:
    """The next page of a first round, newest first; what has come since is told in the next round."""
    assert state.first_round is not None
    there = [item for item in folder.items.values() if item.born < state.first_round and state.wants(item)]
    there.sort(key=lambda item: (item.received, item.born), reverse=True)
    if state.since is not None:
        there = there[:MOST_FILTERED]
    page = there[state.told : state.told + size]
    value = [shape.render(item, typed=True) for item in page]
    told = state.told + len(page)
    if told < len(there):
        return value, replace(state, told=told), False
    return value, _known(state, state.first_round), True


def _known(state: State, position: int) -> State:
    """The state of a client that has had its first round, up to this position of the log."""
    return replace(state, position=position, told=0, first_round=None)


def _changes(
    mailbox: Mailbox, folder: Folder, state: State, shape: MessageShape, size: int
) -> tuple[list[dict[str, Any]], State, bool]:
    """The next page of what has changed."""
    value: list[dict[str, Any]] = []
    position, last = state.position, False
    while not last and len(value) < size:
        told, position, last = folder.changes(position, size - len(value))
        value += [one for change, item in told if (one := _told(mailbox, folder, state, shape, change, item))]
    return value, replace(state, position=position), last


def _told(
    mailbox: Mailbox, folder: Folder, state: State, shape: MessageShape, change: Change, item: Item
) -> dict[str, Any] | None:
    """One change as delta tells it, or None for what was not asked for."""
    kind = "created" if change is Change.NEW else "deleted" if change is Change.GONE else "updated"
    if not state.wants(item) or state.change_type not in ("", kind):
        return None
    if change is Change.GONE:
        now = mailbox.by_immutable_id.get(item.immutable_id)
        if shape.immutable and now is not None and now.folder is folder:
            # It has come back, and under its immutable id it is the same message.
            return None
        return {"id": ids.of_item(item, shape.immutable), "@removed": {"reason": "deleted"}}
    if change is Change.READ:
        return shape.changed(item)
    return shape.render(item, typed=True)
