"""Ids of messages and folders: the default ones, which are EWS's in other letters, immutable ones, and translation.

Microsoft's pages "Obtain immutable identifiers for Outlook resources" and "user: translateExchangeIds".
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from placet.sandbox.graph import errors
from placet.sandbox.graph.errors import GraphError
from placet.sandbox.tenant import Folder, Item, Mailbox

MOST_TRANSLATED = 1000
FORMATS = ("entryId", "ewsId", "immutableEntryId", "restId", "restImmutableEntryId")
_SAFE = re.compile(r"[A-Za-z0-9_=-]{8,512}")


def to_rest(base64_id: str) -> str:
    """The id in the letters that Graph's addresses can carry."""
    return base64_id.replace("/", "-").replace("+", "_")


def from_rest(rest_id: str) -> str:
    return rest_id.replace("-", "/").replace("_", "+")


def of_item(item: Item, immutable: bool) -> str:
    return to_rest(item.immutable_id if immutable else item.id)


def of_folder(folder: Folder) -> str:
    """Folders have constant ids, whatever was asked for."""
    return to_rest(folder.id)


def item(mailbox: Mailbox, rest_id: str, immutable: bool) -> Item:
    """The message with this id. Raises GraphError.

    An immutable id is taken from a client only if it asks for immutable ids, as Microsoft says that it must with
    every request; a default one always.
    """
    wanted = _readable(rest_id)
    found = mailbox.items.get(wanted)
    if found is None and immutable:
        found = mailbox.by_immutable_id.get(wanted)
    if found is None:
        raise errors.malformed_id() if wanted in mailbox.folders else errors.not_found()
    return found


def folder(mailbox: Mailbox, name: str) -> Folder:
    """The folder with this well-known name or id. Raises GraphError."""
    found = mailbox.well_known.get(name.lower())
    if found is None:
        found = mailbox.folders.get(_readable(name))
    if found is None:
        raise errors.not_found()
    return found


def _readable(rest_id: str) -> str:
    if not _SAFE.fullmatch(rest_id):
        raise errors.malformed_id()
    wanted = from_rest(rest_id)
    try:
        base64.b64decode(wanted, validate=True)
    except binascii.Error:
        raise errors.malformed_id() from None
    return wanted


# -- translateExchangeIds ------------------------------------------------------------------------------------


def translated(mailbox: Mailbox, ids: list[str], source: str, target: str) -> list[dict[str, Any]]:
    """One result for each id: its id in the other format, or why there is none. Raises GraphError."""
    for name in (source, target):
        if name not in FORMATS:
            raise errors.unreadable(f"Requested value '{name}' was not found.")
    if len(ids) > MOST_TRANSLATED:
        raise errors.bad_request(f"At most {MOST_TRANSLATED} ids can be translated at once.")
    return [_one(mailbox, one, source, target) for one in ids]


def _one(mailbox: Mailbox, one: str, source: str, target: str) -> dict[str, Any]:
    try:
        found = _find(mailbox, one, source)
    except GraphError as wrong:
        return {"sourceId": one, "errorDetails": {"code": wrong.code, "message": wrong.text}}
    return {"sourceId": one, "targetId": _WRITE[target](found)}


def _find(mailbox: Mailbox, one: str, source: str) -> Item:
    try:
        wanted = _READ[source](one)
        base64.b64decode(wanted, validate=True)
    except (binascii.Error, ValueError):
        raise errors.malformed_id() from None
    if not wanted:
        raise errors.malformed_id()
    known = mailbox.by_immutable_id if "mmutable" in source else mailbox.items
    if wanted not in known:
        raise errors.not_found()
    return known[wanted]


def _entry(base64_id: str) -> str:
    """The binary form in the letters of an address, with the number of its padding signs at the end."""
    bare = base64_id.rstrip("=")
    return f"{bare.replace('+', '-').replace('/', '_')}{len(base64_id) - len(bare)}"


def _from_entry(entry_id: str) -> str:
    padding = int(entry_id[-1:])
    if padding > 2:
        raise ValueError
    return entry_id[:-1].replace("-", "+").replace("_", "/") + "=" * padding


_READ: dict[str, Callable[[str], str]] = {
    "entryId": _from_entry,
    "ewsId": lambda one: one,
    "immutableEntryId": _from_entry,
    "restId": from_rest,
    "restImmutableEntryId": from_rest,
}
_WRITE: dict[str, Callable[[Item], str]] = {
    "entryId": lambda item: _entry(item.id),
    "ewsId": lambda item: item.id,
    "immutableEntryId": lambda item: _entry(item.immutable_id),
    "restId": lambda item: to_rest(item.id),
    "restImmutableEntryId": lambda item: to_rest(item.immutable_id),
}
