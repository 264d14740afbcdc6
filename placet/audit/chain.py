"""The hash chain of a request: each entry's hash covers its content and the hash before it (SHA-256).

What happens to the installation as a whole has a chain of its own, whose entries have no request.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from django.apps import apps
from django.db import transaction
from django.utils import timezone

from placet.audit.models import AuditEntry, ChainHead, InstallationHead
from placet.lib.canonical import digest

FIRST = "0" * 64  # what the first entry has in place of a previous hash
NO_ENTRY: dict[str, Any] = {"seq": 0, "hash": FIRST}
ONLY = 1  # the id of the one InstallationHead


def append(request_id: int, who: str, what: dict[str, Any], at: datetime | None = None) -> AuditEntry:
    """Add one entry. The caller's transaction holds the request locked, so numbers do not collide;
    if they ever did, the unique constraint stops the second one."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("An audit entry belongs into the transaction of what it tells of.")
    head, _ = ChainHead.objects.get_or_create(request_id=request_id, defaults=NO_ENTRY)
    entry = _link(request_id, head, who, what, at)
    ChainHead.objects.filter(request_id=request_id).update(seq=entry.seq, hash=entry.hash)
    return entry


def append_of_installation(who: str, what: dict[str, Any]) -> AuditEntry:
    """The same for what happened to the installation. Whoever comes second waits for the first one's transaction."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("An audit entry belongs into the transaction of what it tells of.")
    head, _ = InstallationHead.objects.select_for_update().get_or_create(pk=ONLY, defaults=NO_ENTRY)
    entry = _link(None, head, who, what, None)
    InstallationHead.objects.filter(pk=ONLY).update(seq=entry.seq, hash=entry.hash)
    return entry


def _link(
    request_id: int | None,
    head: ChainHead | InstallationHead,
    who: str,
    what: dict[str, Any],
    at: datetime | None,
) -> AuditEntry:
    entry = AuditEntry(
        request_id=request_id,
        seq=head.seq + 1,
        at=at or timezone.now(),
        who=who,
        what=what,
        previous_hash=head.hash,
    )
    entry.hash = _hash(entry)
    entry.save(force_insert=True)
    return entry


def _hash(entry: AuditEntry) -> str:
    return digest(
        {
            "request": entry.request_id,
            "seq": entry.seq,
            "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "who": entry.who,
            "what": entry.what,
            "previous": entry.previous_hash,
        }
    )


@dataclass(frozen=True)
class Broken:
    """The first link of a chain that does not hold."""

    request_id: int | None  # None: of the installation's own chain
    seq: int
    reason: str


def verify(request_id: int | None = None) -> Iterator[Broken]:
    """The first broken link of every chain (of one request, if given). Nothing: all hold."""
    if request_id is None:
        yield from _installation()
    entries = AuditEntry.objects.filter(request__isnull=False).order_by("request_id", "seq")
    heads = ChainHead.objects.all()
    if request_id is not None:
        entries, heads = entries.filter(request_id=request_id), heads.filter(request_id=request_id)
    ends = {head.request_id: head for head in heads}
    for number, chain in groupby(entries.iterator(chunk_size=1000), key=lambda entry: entry.request_id):
        broken = _first_broken(number, chain, ends.pop(number, None))
        if broken:
            yield broken
    # Every request has a chain from its first moment.
    requests = apps.get_model("approvals", "Request").objects.filter(audit=None)
    if request_id is not None:
        requests = requests.filter(pk=request_id)
    for number in requests.order_by("pk").values_list("pk", flat=True):
        yield Broken(number, 1, "entry 1 is missing")


def _installation() -> Iterator[Broken]:
    entries = AuditEntry.objects.filter(request=None).order_by("seq")
    head = InstallationHead.objects.filter(pk=ONLY).first()
    if head is None and not entries.exists():
        return  # nothing has happened yet
    broken = _first_broken(None, entries.iterator(chunk_size=1000), head)
    if broken:
        yield broken


def _first_broken(
    request_id: int | None, chain: Iterator[AuditEntry], head: ChainHead | InstallationHead | None
) -> Broken | None:
    previous, expected = FIRST, 1
    for entry in chain:
        if entry.seq != expected:
            return Broken(request_id, expected, f"entry {expected} is missing")
        if entry.previous_hash != previous:
            return Broken(request_id, entry.seq, "it does not follow the entry before it")
        if _hash(entry) != entry.hash:
            return Broken(request_id, entry.seq, "its content was changed")
        previous, expected = entry.hash, expected + 1
    if head is None:
        return Broken(request_id, expected, "the note of where the chain ends is missing")
    if expected <= head.seq:
        return Broken(request_id, expected, f"entry {expected} is missing")
    if head.hash != previous:
        return Broken(request_id, expected - 1, "it is not the entry that the chain ended with")
    return None
