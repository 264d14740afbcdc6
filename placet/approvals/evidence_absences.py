"""Whether the absences in the table are those that the installation's record tells of. Looks; changes nothing.

They say whose delegates are asked: somebody who can write to the database could put one in, or make one longer.
"""

from collections.abc import Iterator
from typing import Any

from placet.approvals import absences
from placet.approvals.models import Absence
from placet.audit.models import AuditEntry

AT_ONCE = 1000


def compare() -> Iterator[str]:
    """What differs, in words, without a full stop."""
    recorded = _recorded()
    for row in Absence.objects.order_by("pk").iterator(chunk_size=AT_ONCE):
        entry, held = recorded.pop(row.pk, None), _held(row)
        if entry is None:
            yield f"Absence {row.pk} was never recorded"
        elif entry != held:
            name = next(name for name in held if held[name] != entry.get(name))
            yield f"Absence {row.pk}: not as recorded: {_WORDS[name]} was changed"
    for number in sorted(recorded):
        yield f"Absence {number} is gone"


def _recorded() -> dict[int, dict[str, Any]]:
    """By id of the absence: what its entries say."""
    recorded: dict[int, dict[str, Any]] = {}
    for entry in AuditEntry.objects.filter(request=None).order_by("seq").iterator(chunk_size=AT_ONCE):
        what = {name: value for name, value in entry.what.items() if name != "event"}
        match entry.what.get("event"):
            case absences.BEGAN:
                recorded[what["absence"]] = {**what, "ended": None, "ended_by": None}
            case absences.MOVED if what["absence"] in recorded:
                recorded[what["absence"]] |= what
            case absences.ENDED if what["absence"] in recorded:
                recorded[what["absence"]] |= {**what, "ended_by": entry.who}
    return recorded


def _held(row: Absence) -> dict[str, Any]:
    lasts = row.ended_at is None and row.ended_by_id is None
    ended_by = "system" if row.ended_by_id is None else f"person:{row.ended_by_id}"
    return {
        **absences.content_of(row),
        "ended": row.ended_at.isoformat() if row.ended_at is not None else None,
        "ended_by": None if lasts else ended_by,
    }


_WORDS = {
    "absence": "its number",
    "person": "who is away",
    "incoming": "by which mail it is known",
    "proof": "how that was proved",
    "since": "when it began",
    "until": "when it ends by itself",
    "ended": "whether it ended",
    "ended_by": "who ended it",
}
