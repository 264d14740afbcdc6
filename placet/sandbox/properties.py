"""MAPI properties of an item: what EWS gives as an extended property and Graph as a single-value one."""

from __future__ import annotations

from placet.sandbox.tenant import Item

COMMON = "00062008-0000-0000-c000-000000000046"
INTERNET_HEADERS = "00020386-0000-0000-c000-000000000046"
VERB_RESPONSE = 0x8524
SUPPRESS = 0x3FDF
_SUPPRESSED = {"dr": 1, "ndr": 2, "rn": 4, "nrn": 8, "oof": 0x10, "autoreply": 0x20}


def tagged(item: Item, tag: int) -> str | int | None:
    """The property of this tag (without its type), or None where the item has none."""
    match tag:
        case 0x007D:
            return item.transport_headers
        case 0x001A:
            return item.item_class
        case 0x0E08:
            return item.size
        case 0x1035:
            return item.message_id
        case 0x1039:
            return item.header("references")
        case 0x1042:
            return item.header("in-reply-to")
        case 0x3FDF:
            return _suppressed(item)
    return None


def named(item: Item, property_set: str, property_id: int | None, name: str) -> str | None:
    """The property of this set (a lower-case GUID), by id or by name."""
    if property_set == COMMON and property_id == VERB_RESPONSE:
        return item.voting_response
    if property_set == INTERNET_HEADERS and name:
        return item.header(name.lower())
    return None


def suppress_value(bits: int) -> str:
    """What X-Auto-Response-Suppress says for these bits of PidTagAutoResponseSuppress (MS-OXCMAIL 2.1.3.2.20)."""
    if bits < 0:
        return "All"
    names = {"dr": "DR", "ndr": "NDR", "rn": "RN", "nrn": "NRN", "oof": "OOF", "autoreply": "AutoReply"}
    return ", ".join(names[name] for name, bit in _SUPPRESSED.items() if bits & bit) or "None"


def _suppressed(item: Item) -> int | None:
    value = item.header("x-auto-response-suppress")
    if value is None:
        return None
    words = [word.strip() for word in value.lower().split(",")]
    return -1 if "all" in words else sum(_SUPPRESSED.get(word, 0) for word in words)
