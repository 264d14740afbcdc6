"""Whether the keys of the API are those that the installation's record tells of. Looks; changes nothing.

Of whom a key is and what it is for is sealed by its digest; that it is refused, and since when, is not: somebody who
can write to the database alone could bring back one that was revoked, replaced, or has expired.
"""

from collections.abc import Iterator
from typing import Any

from django.db import transaction

from placet.api import keys
from placet.api.models import Key
from placet.audit.chain import ONLY
from placet.audit.models import AuditEntry, InstallationHead

AT_ONCE = 100  # entries that are held in memory
_WORDS = {
    "person": "whose it is",
    "scopes": "what it is for",
    "processes": "which processes it is for",
    "floor": "which proof of who answers it asks for",
    "expires": "when it expires",
    "revoked": "whether it was revoked",
}


def compare() -> Iterator[str]:
    """What differs, in words, without a full stop. Where something seems to differ, all is looked at once more while
    nobody can write to the installation's record, and so make a key."""
    if not any(_differences()):
        return
    with transaction.atomic():
        InstallationHead.objects.select_for_update().filter(pk=ONLY).first()
        differences = list(_differences())
    yield from differences


def _differences() -> Iterator[str]:
    recorded = _recorded()
    for key in Key.objects.defer("secrets").order_by("pk").iterator(chunk_size=AT_ONCE):
        entry = recorded.pop(key.public, None)
        if entry is None:
            yield f"Key plc_{key.public}_…: nobody is recorded to have made it"
        elif changed := [_WORDS[name] for name, value in _content(key).items() if entry[name] != value]:
            yield f"Key plc_{key.public}_…: not as recorded: {', '.join(changed)}"
    for public in recorded:
        yield f"Key plc_{public}_…: it is recorded, and gone"


def _content(key: Key) -> dict[str, Any]:
    return {
        "person": key.person_id,
        "scopes": key.scopes,
        "processes": key.processes,
        "floor": key.floor,
        "expires": keys.iso(key.expires_at),
        "revoked": keys.iso(key.revoked_at),
    }


def _recorded() -> dict[str, dict[str, Any]]:
    """What the entries come to, by the public parts of keys."""
    recorded: dict[str, dict[str, Any]] = {}
    for entry in AuditEntry.objects.filter(request=None).order_by("seq").iterator(chunk_size=AT_ONCE):
        what = entry.what
        match what.get("event"):
            case keys.MADE | keys.ROTATED:
                recorded[what["key"]] = {
                    **{name: what.get(name) for name in ("person", "scopes", "processes", "expires")},
                    "floor": what.get("floor", ""),
                    "revoked": None,
                }
                if what.get("replaces") in recorded:
                    recorded[what["replaces"]]["expires"] = what.get("replaced_expires")
            case keys.REVOKED if what["key"] in recorded:
                recorded[what["key"]]["revoked"] = what.get("revoked")
    return recorded
