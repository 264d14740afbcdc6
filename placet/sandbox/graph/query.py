"""The query options of OData ($select, $filter, …) as far as mail is read with them, refused as Graph refuses them."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from placet.sandbox.graph import errors, schema
from placet.sandbox.names import words
from placet.sandbox.tenant import Folder, Item

Thing = TypeVar("Thing")

KNOWN = frozenset(
    {"select", "filter", "orderby", "top", "skip", "count", "expand", "skiptoken", "deltatoken"}
)
MOST = 1000
WHOLE = re.compile(r"[0-9]{1,9}")

_COMPARISON = re.compile(
    r"\s*(?P<name>[A-Za-z/]+)\s+(?P<operator>eq|ne|gt|ge|lt|le)\s+(?P<value>'(?:[^']|'')*'|[^\s()']+)\s*"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "ne": lambda a, b: bool(a != b),
    "gt": lambda a, b: a is not None and bool(a > b),
    "ge": lambda a, b: a is not None and bool(a >= b),
    "lt": lambda a, b: a is not None and bool(a < b),
    "le": lambda a, b: a is not None and bool(a <= b),
}
_EXPAND = re.compile(r"\s*singleValueExtendedProperties\s*\(\s*\$filter\s*=\s*(?P<ids>.*)\)\s*", re.DOTALL)
_ID = re.compile(r"\s*id\s+eq\s+'(?P<id>[^']*)'\s*")
EXTENDED_ID = re.compile(
    r"(?P<kind>[A-Za-z]+)\s+(?:(?P<tag>0x[0-9A-Fa-f]{1,4})"
    r"|\{(?P<set>[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}\s+"
    r"(?:Id\s+(?P<number>0x[0-9A-Fa-f]{1,8})|Name\s+(?P<name>\S.*)))",
    re.IGNORECASE,
)
_KINDS = words("binary boolean currency clsid double float integer long short string systemtime")

MESSAGE_FIELDS: dict[str, Callable[[Item], Any]] = {
    "receivedDateTime": lambda item: item.received,
    "sentDateTime": lambda item: item.sent,
    "createdDateTime": lambda item: item.received,
    "lastModifiedDateTime": lambda item: item.modified.replace(microsecond=0),
    "internetMessageId": lambda item: item.message_id,
    "subject": lambda item: item.subject,
    "isRead": lambda item: item.is_read,
    "isDraft": lambda item: item.is_draft,
    "hasAttachments": lambda item: bool(item.content.attachments),
    "from/emailAddress/address": lambda item: item.from_.address if item.from_ else None,
}
FOLDER_FIELDS: dict[str, Callable[[Folder], Any]] = {"displayName": lambda folder: folder.name}
_EXACT = frozenset({"internetMessageId"})
"""Texts compared as they are; others without regard to case."""


def read(raw: str) -> dict[str, str]:
    """The query's options by name, system ones with their `$`. Raises GraphError."""
    found: dict[str, str] = {}
    for name, value in urllib.parse.parse_qsl(raw, keep_blank_values=True):
        if name in found:
            raise errors.bad_request(f"Query option '{name}' was specified more than once.")
        if name.startswith("$") and name[1:] not in KNOWN:
            raise errors.bad_request(f"The query parameter '{name}' is not supported.")
        found[name] = value
    return found


def only(options: Mapping[str, str], *allowed: str) -> None:
    """Raises GraphError if another system option is used."""
    for name in options:
        if name.startswith("$") and name not in allowed:
            raise errors.bad_request(
                f"The query parameter '{name}' is not supported here.", "ErrorInvalidUrlQuery"
            )


def number(options: Mapping[str, str], name: str, usual: int, least: int, most: int) -> int:
    value = options.get(name)
    if value is None:
        return usual
    if not WHOLE.fullmatch(value) or not least <= int(value) <= most:
        raise errors.bad_request(
            f"The value '{value}' of the query option '{name}' is not a whole number from {least} to {most}.",
            "ErrorInvalidUrlQuery",
        )
    return int(value)


def flag(options: Mapping[str, str], name: str) -> bool:
    value = options.get(name, "false")
    if value not in ("true", "false"):
        raise errors.bad_request(f"The value '{value}' of the query option '{name}' is not true or false.")
    return value == "true"


def select(options: Mapping[str, str], kind: str) -> tuple[str, ...] | None:
    """The properties that are asked for, or None for the usual ones. Raises GraphError."""
    value = options.get("$select")
    if value is None:
        return None
    names = tuple(name.strip() for name in value.split(","))
    for name in names:
        if name not in schema.TYPES[kind]:
            raise errors.unknown_selected(name, kind)
    return names


# -- $filter and $orderby ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    name: str
    operator: str
    value: Any


class Fields(Generic[Thing]):
    """What one kind of thing can be filtered and sorted by."""

    def __init__(self, kind: str, fields: Mapping[str, Callable[[Thing], Any]]) -> None:
        self._kind = kind
        self._fields = fields

    def filter(self, options: Mapping[str, str]) -> list[Comparison]:
        """The comparisons that must all hold. Raises GraphError for what the sandbox, or Graph, cannot search."""
        raw = options.get("$filter")
        if raw is None:
            return []
        found, at = [], 0
        while True:
            match = _COMPARISON.match(raw, at)
            if match is None:
                raise _bad_filter()
            found.append(Comparison(self._name(match["name"]), match["operator"], _literal(match["value"])))
            at = match.end()
            if at == len(raw):
                return found
            if raw[at : at + 4].lower() != "and ":
                raise _bad_filter()
            at += 4

    def matches(self, comparisons: list[Comparison]) -> Callable[[Thing], bool]:
        tests = [self._test(one) for one in comparisons]
        return lambda thing: all(test(thing) for test in tests)

    def _test(self, one: Comparison) -> Callable[[Thing], bool]:
        get, compare, wanted = self._fields[one.name], _COMPARE[one.operator], one.value
        if _kind(one.name) is not type(wanted):
            raise _bad_filter()
        if isinstance(wanted, str) and one.name not in _EXACT:
            return lambda thing: compare((get(thing) or "").casefold(), wanted.casefold())
        return lambda thing: compare(get(thing), wanted)

    def sorted(
        self, things: list[Thing], options: Mapping[str, str], comparisons: list[Comparison]
    ) -> list[Thing]:
        """Raises GraphError, also for an order that Graph cannot give with this filter."""
        raw = options.get("$orderby")
        if raw is None:
            return things
        orders = [self._order(part) for part in raw.split(",")]
        if comparisons and [name for name, _ in orders] != [one.name for one in comparisons][: len(orders)]:
            raise errors.bad_request(
                "The restriction or sort order is too complex for this operation.", "InefficientFilter"
            )
        for name, down in reversed(orders):
            get = self._fields[name]
            things = sorted(things, key=lambda thing, get=get: _sortable(get(thing)), reverse=down)  # type: ignore[misc]
        return things

    def _order(self, part: str) -> tuple[str, bool]:
        name, _, direction = part.strip().partition(" ")
        if direction.strip().lower() not in ("", "asc", "desc"):
            raise errors.unreadable_url(f"Syntax error in '{part}'.")
        return self._name(name), direction.strip().lower() == "desc"

    def _name(self, name: str) -> str:
        if name in self._fields:
            return name
        if name.partition("/")[0] not in schema.TYPES[self._kind]:
            raise errors.unknown_selected(name, self._kind)
        raise _bad_filter()


def _kind(name: str) -> type:
    """What a field is compared with."""
    if name.endswith("DateTime"):
        return datetime
    return bool if name.startswith(("is", "has")) else str


def _sortable(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else "" if value is None else value


def _literal(raw: str) -> Any:
    if raw.startswith("'"):
        return raw[1:-1].replace("''", "'")
    if raw in ("true", "false"):
        return raw == "true"
    return moment(raw)


def moment(raw: str) -> datetime:
    """A point in time as OData writes it; one without a zone is refused, as Graph does. Raises GraphError."""
    try:
        at = datetime.fromisoformat(raw)
        if at.tzinfo is None and len(raw) <= len("2026-01-01"):
            return at.replace(tzinfo=UTC)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _bad_filter()


def _bad_filter() -> errors.GraphError:
    return errors.bad_request(
        "The query filter contains one or more invalid nodes.", "ErrorInvalidUrlQueryFilter"
    )


MESSAGES = Fields("message", MESSAGE_FIELDS)
FOLDERS = Fields("mailFolder", FOLDER_FIELDS)


# -- $expand -------------------------------------------------------------------------------------------------


def expand(options: Mapping[str, str]) -> tuple[str, ...]:
    """The ids of the extended properties that are asked for. Raises GraphError."""
    raw = options.get("$expand")
    if raw is None:
        return ()
    match = _EXPAND.fullmatch(raw)
    if match is None:
        raise errors.unreadable_url(
            "The sandbox expands singleValueExtendedProperties($filter=id eq '…') only."
        )
    ids = []
    for part in re.split(r"\s+or\s+(?=id\s)", match["ids"]):
        one = _ID.fullmatch(part)
        if one is None:
            raise _bad_filter()
        check_extended(one["id"])
        ids.append(one["id"])
    return tuple(ids)


def check_extended(identifier: str) -> re.Match[str]:
    """The parts of an extended property's id. Raises GraphError."""
    match = EXTENDED_ID.fullmatch(identifier)
    if match is None or match["kind"].lower() not in _KINDS:
        raise errors.bad_request(
            f"The property ID '{identifier}' is invalid.", "ErrorInvalidExtendedProperty"
        )
    return match
