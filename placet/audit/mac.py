"""MACs of the record: HMAC-SHA-256 with a key in `keys/audit.keys`, which the database does not hold.

The plain SHA-256 chain can be followed by anybody; whoever can write to the database could make a whole new one. They
cannot make its MACs. A MAC names its key, so that a key that is missing is told from a MAC that is wrong.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from placet.lib.canonical import canonical
from placet.lib.keys import AUDIT_FILE, audit_keys

HOLDS, FORGED, OTHER_KEY = "holds", "forged", "other key"


@dataclass(frozen=True)
class Key:
    """One line of `audit.keys`."""

    secret: bytes

    @property
    def id(self) -> str:
        """Tells it from others, and says nothing of it."""
        return hmac.new(self.secret, b"placet audit: id of the key", hashlib.sha256).hexdigest()[:8]

    def mac(self, purpose: str, *said: Any) -> str:
        """What only this key makes of what is said. `purpose` keeps one kind from standing for another."""
        made = hmac.new(self.secret, canonical(["placet audit", purpose, *said]), hashlib.sha256)
        return f"{self.id}:{made.hexdigest()}"


def keys() -> Sequence[Key]:
    """Those of this installation, newest first. KeyTrouble if they are missing or damaged."""
    return [Key(secret) for secret in audit_keys(settings.PLACET.data_dir / "keys")]


def newest() -> Key:
    return keys()[0]


def origin() -> str:
    """What checkpoints of this installation begin with: its oldest key's id stays when newer ones come."""
    return f"placet/{keys()[-1].id}"


def check(mac: str, purpose: str, *said: Any) -> str:
    """HOLDS, FORGED, or OTHER_KEY where no key here has the id that it names."""
    key_id = mac.partition(":")[0]
    named = [key for key in keys() if key.id == key_id]
    if not named:
        return OTHER_KEY
    right = any(hmac.compare_digest(mac.encode(), key.mac(purpose, *said).encode()) for key in named)
    return HOLDS if right else FORGED


def fault(mac: str, purpose: str, *said: Any) -> str:
    """What is wrong with it, as the end of a sentence; "" if nothing."""
    match check(mac, purpose, *said):
        case "forged":
            return "its MAC was not made by Placet"
        case "other key":
            return f"its MAC names a key that is not in keys/{AUDIT_FILE}"
    return ""
