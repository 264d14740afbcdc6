"""Restriction and SortOrder of FindItem and FindFolder, for the properties that mail is searched by."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from lxml import etree

from placet.sandbox.envelope import T, is_true
from placet.sandbox.tenant import Folder, Item

Thing = TypeVar("Thing")
Predicate = Callable[[Thing], bool]


class Unsearchable(Exception):
    """The restriction or sort order names what Exchange cannot search: ErrorUnsupportedPathForQuery."""


ITEM_FIELDS: dict[str, Callable[[Item], Any]] = {
    "item:DateTimeReceived": lambda item: item.received,
    "item:DateTimeSent": lambda item: item.sent,
    "item:DateTimeCreated": lambda item: item.received,
    "item:ItemClass": lambda item: item.item_class,
    "item:Size": lambda item: item.size,
    "item:Subject": lambda item: item.subject,
    "message:InternetMessageId": lambda item: item.message_id,
    "message:IsRead": lambda item: item.is_read,
    "item:InReplyTo": lambda item: item.header("in-reply-to"),
}
FOLDER_FIELDS: dict[str, Callable[[Folder], Any]] = {
    "folder:DisplayName": lambda folder: folder.name,
    "folder:FolderClass": lambda folder: folder.folder_class,
    "folder:TotalCount": lambda folder: len(folder.items),
    "folder:UnreadCount": lambda folder: folder.unread,
}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "IsEqualTo": lambda a, b: bool(a == b),
    "IsNotEqualTo": lambda a, b: bool(a != b),
    "IsGreaterThan": lambda a, b: bool(a > b),
    "IsGreaterThanOrEqualTo": lambda a, b: bool(a >= b),
    "IsLessThan": lambda a, b: bool(a < b),
    "IsLessThanOrEqualTo": lambda a, b: bool(a <= b),
}
_EXACT = frozenset({"message:InternetMessageId"})
"""Texts compared as they are; others without regard to case."""


class Search(Generic[Thing]):
    """Reads restrictions on one kind of thing."""

    def __init__(self, fields: dict[str, Callable[[Thing], Any]]) -> None:
        self._fields = fields

    def predicate(self, expression: etree._Element) -> Predicate[Thing]:
        """Raises Unsearchable."""
        kind = str(expression.tag).removeprefix(T)
        if kind in ("And", "Or", "Not"):
            parts = [self.predicate(child) for child in expression]
            if kind == "Not":
                return lambda thing: not parts[0](thing)
            every = all if kind == "And" else any
            return lambda thing: every(part(thing) for part in parts)
        uri, get = self._field(expression[0])
        if kind == "Exists":
            return lambda thing: get(thing) is not None
        if kind == "Contains":
            return _contains(expression, get)
        constant = expression.find(f"{T}FieldURIOrConstant/{T}Constant")
        if kind not in _COMPARISONS or constant is None:
            raise Unsearchable
        return _compare(kind, uri, get, constant.get("Value", ""))

    def sorted(self, things: list[Thing], sort_order: etree._Element | None) -> list[Thing]:
        if sort_order is None:
            return things
        for field_order in reversed(sort_order):
            _, get = self._field(field_order[0])
            things = sorted(things, key=get, reverse=field_order.get("Order") == "Descending")
        return things

    def _field(self, path: etree._Element) -> tuple[str, Callable[[Thing], Any]]:
        uri = path.get("FieldURI", "")
        if path.tag != f"{T}FieldURI" or uri not in self._fields:
            raise Unsearchable
        return uri, self._fields[uri]


def wanted_message_id(expression: etree._Element) -> str | None:
    """The Message-ID when that is all the restriction asks, so that an index can answer it."""
    if expression.tag != f"{T}IsEqualTo" or expression[0].get("FieldURI") != "message:InternetMessageId":
        return None
    constant = expression.find(f"{T}FieldURIOrConstant/{T}Constant")
    return None if constant is None else constant.get("Value")


def _compare(kind: str, uri: str, get: Callable[[Thing], Any], constant: str) -> Predicate[Thing]:
    compare = _COMPARISONS[kind]

    def matches(thing: Thing) -> bool:
        value = get(thing)
        if value is None:
            return False
        if isinstance(value, str) and uri not in _EXACT:
            return compare(value.casefold(), constant.casefold())
        return compare(value, _like(value, constant))

    return matches


def _like(value: Any, constant: str) -> Any:
    """The constant as the type of the value."""
    try:
        if isinstance(value, bool):
            return is_true(constant)
        if isinstance(value, int):
            return int(constant)
        if isinstance(value, datetime):
            at = datetime.fromisoformat(constant)
            return at if at.tzinfo else at.replace(tzinfo=UTC)
    except ValueError:
        raise Unsearchable from None
    return constant


def _contains(expression: etree._Element, get: Callable[[Thing], Any]) -> Predicate[Thing]:
    constant = expression.find(f"{T}Constant")
    wanted = "" if constant is None else constant.get("Value", "")
    exact = expression.get("ContainmentComparison", "Exact") == "Exact"
    mode = expression.get("ContainmentMode", "FullString")

    def matches(thing: Thing) -> bool:
        value = str(get(thing) or "")
        text, part = (value, wanted) if exact else (value.casefold(), wanted.casefold())
        if mode == "FullString":
            return text == part
        return text.startswith(part) if mode == "Prefixed" else part in text

    return matches
