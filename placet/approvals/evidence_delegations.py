"""Whether the delegations in the table are those that the installation's record tells of. Looks; changes nothing.

Who could answer in whose place, when and about what, follows from them: somebody who can write to the database could
put one in, make one longer or wider, or take back that one was ended.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from placet.accounts import delegations
from placet.accounts.models import Delegation
from placet.audit.models import AuditEntry

AT_ONCE = 1000


def compare() -> Iterator[str]:
    """What differs, in words, without a full stop."""
    told = _told()
    for row in Delegation.objects.order_by("pk").iterator(chunk_size=AT_ONCE):
        said = told.pop(row.pk, None)
        if said is None:
            yield f"Delegation {row.pk} was never recorded"
        elif said != _held(row):
            yield f"Delegation {row.pk}: not as recorded: {_first_difference(said, _held(row))} was changed"
    for number in sorted(told):
        yield f"Delegation {number} is gone"


def _told() -> dict[int, dict[str, Any]]:
    """By id of the delegation: what its entries say."""
    told: dict[int, dict[str, Any]] = {}
    for entry in AuditEntry.objects.filter(request=None).order_by("seq").iterator(chunk_size=AT_ONCE):
        what = entry.what
        if what.get("event") == delegations.MADE:
            said = {name: value for name, value in what.items() if name != "event"}
            said.setdefault("zone", "")  # an entry of before there was one
            # Some were recorded in the zone in which they were entered.
            said |= {name: _in_utc(said[name]) for name in ("begins", "ends")}
            told[what["delegation"]] = {**said, "by": entry.who, "ended": None, "ended_by": None}
        elif what.get("event") == delegations.ENDED and what["delegation"] in told:
            told[what["delegation"]] |= {"ended": what["ended"], "ended_by": entry.who}
    return told


def _in_utc(moment: str | None) -> str | None:
    return None if moment is None else datetime.fromisoformat(moment).astimezone(UTC).isoformat()


def _held(row: Delegation) -> dict[str, Any]:
    return {
        **delegations.content_of(row),
        "by": f"person:{row.created_by_id}",
        "ended": row.ended_at.isoformat() if row.ended_at is not None else None,
        "ended_by": f"person:{row.ended_by_id}" if row.ended_by_id is not None else None,
    }


def _first_difference(said: dict[str, Any], held: dict[str, Any]) -> str:
    return next(_WORDS[name] for name in said if said[name] != held.get(name))


_WORDS = {
    "delegation": "its number",
    "delegator": "whose it is",
    "delegate": "who answers",
    "when": "whether it is for absences",
    "begins": "when it begins",
    "ends": "when it ends",
    "zone": "in which time zone its days are",
    "processes": "what it is about",
    "groups": "what it is about",
    "below": "what it is about",
    "only_delegate": "who gets mail",
    "note": "its note",
    "made": "when it was made",
    "by": "who made it",
    "ended": "whether it was ended",
    "ended_by": "who ended it",
}
