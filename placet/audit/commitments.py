"""Personal values in an audit entry, so that one can be erased and the entry's hash still holds.

The entry holds `{"salt": 128 random bits, "value": ...}`; its hash covers sha256(salt ‖ canonical(value)). Erased, that
digest is all that is left, `{"erased": digest}`: without the salt nobody finds the value by trying.
"""

import hashlib
import secrets
from collections.abc import Mapping
from enum import Enum
from typing import Any

from placet.lib.canonical import canonical

PERSONAL = "personal"  # the key in `AuditEntry.what` below which they stand, by name
SALT_BYTES = 16
_DIGITS = frozenset("0123456789abcdef")


class Erased(Enum):
    """What stands where a value was."""

    ERASED = "erased"


ERASED = Erased.ERASED


def commit(value: Any) -> dict[str, Any]:
    """With a salt of its own."""
    return {"salt": secrets.token_hex(SALT_BYTES), "value": value}


def digest_of(commitment: Any) -> str:
    """What the entry's hash covers. ValueError for what is no commitment."""
    match commitment:
        case {"salt": str(salt), "value": value, **others} if not others and len(salt) == 2 * SALT_BYTES:
            return hashlib.sha256(bytes.fromhex(salt) + canonical(value)).hexdigest()
        case {"erased": str(digest), **others} if not others and len(digest) == 64 and set(digest) <= _DIGITS:
            return digest
    raise ValueError("This is no commitment.")


def is_erased(commitment: Mapping[str, Any]) -> bool:
    return "erased" in commitment


def erased(commitment: Mapping[str, Any]) -> dict[str, str]:
    """The same without value and salt."""
    return {"erased": digest_of(commitment)}


def value_of(commitment: Mapping[str, Any]) -> Any:
    """The value, or ERASED."""
    return ERASED if is_erased(commitment) else commitment["value"]
