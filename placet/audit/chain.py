"""The hash chain of a request: each entry's hash covers its content and the hash before it (SHA-256), and its MAC
(`placet.audit.mac`) covers that hash.

What happens to the installation as a whole has a chain of its own, whose entries have no request.

Entries have one of two forms. The first, from before there were MACs, hashes all that it holds in the clear. The second
has a MAC, and covers personal values by commitments (`placet.audit.commitments`). Up to where the first one counts is
itself an entry with a MAC, in the installation's chain (`placet.audit.beginning`): nobody without the key moves it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby, islice
from typing import Any

from django.apps import apps
from django.db import transaction

from placet.audit import commitments, mac
from placet.audit.commitments import PERSONAL
from placet.audit.models import AuditEntry, ChainHead, InstallationHead
from placet.lib import clock, rows
from placet.lib.canonical import digest
from placet.lib.prepared import Prepared

FIRST = "0" * 64  # what the first entry has in place of a previous hash
NO_ENTRY: dict[str, Any] = {"seq": 0, "hash": FIRST}
ONLY = 1  # the id of the one InstallationHead
LOWEST, LAST = -(2**63), 2**63 - 1  # that an id can be: the database gives none below 1, who writes to it may
AT_ONCE = 1000  # chains whose ends are held in memory
READ_AT_ONCE = 50  # entries of one chain, from its end
ERASED = "erased"  # the event of an entry that says what was erased, and from which entries
MACS_BEGIN = "MACs begin"  # the event of the installation's entry that says up to where the first form counts
HEAD = "head"  # of a chain: what its MAC is made for

Head = ChainHead | InstallationHead
What = Mapping[str, Any]


# --- writing ----------------------------------------------------------------------------------------------


def append(
    request_id: int,
    who: str,
    what: What,
    at: datetime | None = None,
    personal: What | None = None,
) -> AuditEntry:
    """Add one entry. The caller's transaction holds the request locked, so numbers do not collide;
    if they ever did, the unique constraint stops the second one. `personal`: what may have to be erased one day."""
    _in_transaction()
    with together() as chains:
        chain = chains.get(request_id) or chains.setdefault(request_id, _Chain.of(request_id))
        return chain.link(who, what, at, personal or {})


@contextmanager
def together() -> Iterator[dict[int, "_Chain"]]:
    """What is appended inside is written at its end, with one statement for the entries of a request; nothing, if an
    error ends it. Inside another one it is a part of that. It gives the chains that were appended to, by request."""
    around = _appended.get()
    if around is not None:
        with _taken_back_by_an_error(around):
            yield around
        return
    chains: dict[int, _Chain] = {}
    before = _appended.set(chains)
    try:
        yield chains
    finally:
        _appended.reset(before)
    for chain in chains.values():
        chain.write()


@contextmanager
def _taken_back_by_an_error(chains: Mapping[int, "_Chain"]) -> Iterator[None]:
    """What was appended inside goes with the rows that it tells of, where somebody around goes on."""
    before = {number: len(chain.entries) for number, chain in chains.items()}
    try:
        yield
    except BaseException:
        for number, chain in chains.items():
            del chain.entries[before.get(number, 0) :]
        raise


@dataclass
class _Chain:
    """What is appended to one request's chain, and where that ended before."""

    request_id: int
    begun: bool  # it has a head already
    head: ChainHead
    entries: list[AuditEntry] = field(default_factory=list)

    @classmethod
    def of(cls, request_id: int) -> "_Chain":
        there = _HEAD(request=request_id)
        return cls(
            request_id, bool(there), there[0] if there else ChainHead(request_id=request_id, **NO_ENTRY)
        )

    def link(self, who: str, what: What, at: datetime | None, personal: What) -> AuditEntry:
        end = self.entries[-1] if self.entries else self.head
        entry = _linked(self.request_id, end, who, what, at, personal, mac.newest())
        self.entries.append(entry)
        return entry

    def write(self) -> None:
        if not self.entries:
            return  # all of it was taken back
        rows.insert(self.entries)
        end = _end(self.entries[-1], mac.newest())
        # Whoever announces meanwhile may have this number taken back: what was announced twice is one event.
        end["unannounced"] = self.head.unannounced or self.entries[0].seq
        if self.begun:
            rows.update(ChainHead, {"request_id": self.request_id}, **end)
        else:
            ChainHead.objects.create(request_id=self.request_id, **end)


_HEAD = Prepared(lambda given: ChainHead.objects.filter(request_id=given("request")))
_appended: ContextVar[dict[int, _Chain] | None] = ContextVar("appended", default=None)


def newest_first(request_id: int) -> Iterator[AuditEntry]:
    """A request's entries from the last one back to the first, with those that this transaction appended and has not
    written yet. Its lock is held, or it has ended. Of those that are written no more are read than are asked for, but
    for a few."""
    chain = (_appended.get() or {}).get(request_id)
    appended = list(chain.entries) if chain is not None else []
    yield from reversed(appended)
    written = AuditEntry.objects.filter(request_id=request_id).order_by("-seq")
    before = appended[0].seq if appended else None
    while some := list((written if before is None else written.filter(seq__lt=before))[:READ_AT_ONCE]):
        yield from some
        before = some[-1].seq


def append_of_installation(who: str, what: What, key: mac.Key | None = None) -> AuditEntry:
    """The same for what happened to the installation. Whoever comes second waits for the first one's transaction.
    `key`: another than the newest."""
    _in_transaction()
    key = key or mac.newest()
    head, _ = InstallationHead.objects.select_for_update().get_or_create(pk=ONLY, defaults=NO_ENTRY)
    entry = _linked(None, head, who, what, None, {}, key)
    rows.insert([entry])
    InstallationHead.objects.filter(pk=ONLY).update(**_end(entry, key))
    return entry


def erase(request_id: int, seq: int, names: Sequence[str], who: str, why: str) -> AuditEntry:
    """Forget personal values of one entry. Gives the entry that says so: without it the values would count as taken
    away. The caller's transaction holds the request locked, and erases what the tables hold of them."""
    _in_transaction()
    entry = AuditEntry.objects.select_for_update().get(request_id=request_id, seq=seq)
    personal = entry.what[PERSONAL]
    entry.what[PERSONAL] = personal | {name: commitments.erased(personal[name]) for name in names}
    entry.save(update_fields=["what"])
    return append(request_id, who, {"event": ERASED, "entry": seq, "names": sorted(names), "why": why})


def _in_transaction() -> None:
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("An audit entry belongs into the transaction of what it tells of.")


def _linked(
    request_id: int | None,
    end: Head | AuditEntry,
    who: str,
    what: What,
    at: datetime | None,
    personal: What,
    key: mac.Key,
) -> AuditEntry:
    """The entry that follows the end of a chain."""
    committed = {PERSONAL: {name: commitments.commit(value) for name, value in personal.items()}}
    entry = AuditEntry(
        request_id=request_id,
        seq=end.seq + 1,
        at=at or clock.now(),
        who=who,
        what={**what, **(committed if personal else {})},
        previous_hash=end.hash,
    )
    entry.hash = _hash(entry)
    entry.mac = key.mac("entry", entry.hash)
    return entry


def _end(entry: AuditEntry, key: mac.Key) -> dict[str, Any]:
    """A head after this entry."""
    return {
        "seq": entry.seq,
        "hash": entry.hash,
        "mac": head_mac(key, entry.request_id, entry.seq, entry.hash),
    }


def head_mac(key: mac.Key, request_id: int | None, seq: int, last_hash: str) -> str:
    """Whoever cuts a chain cannot write the note that it ended there."""
    return key.mac(HEAD, request_id, seq, last_hash)


# --- the two forms ----------------------------------------------------------------------------------------


def _hash(entry: AuditEntry) -> str:
    """Of the second form. ValueError if what it holds was never written so."""
    what, personal = dict(entry.what), {}
    if PERSONAL in what:
        personal = {name: commitments.digest_of(one) for name, one in dict(what.pop(PERSONAL)).items()}
    return digest({**_around(entry), "form": 2, "what": what, PERSONAL: personal})


def first_form_hash(entry: AuditEntry) -> str:
    return digest({**_around(entry), "what": entry.what})


def _around(entry: AuditEntry) -> dict[str, Any]:
    return {
        "request": entry.request_id,
        "seq": entry.seq,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "who": entry.who,
        "previous": entry.previous_hash,
    }


def _is_as_hashed(entry: AuditEntry) -> bool:
    try:
        return bool(entry.hash == (first_form_hash(entry) if entry.mac is None else _hash(entry)))
    except (ValueError, TypeError):
        return False  # what holds other things than we write was changed, too


# --- verifying --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Broken:
    """The first link of a chain that does not hold."""

    request_id: int | None  # None: of the installation's own chain
    seq: int
    reason: str


def verify(request_id: int | None = None) -> Iterator[Broken]:
    """The first broken link of every chain (of one request, if given). Nothing: all hold.

    Placet may write meanwhile: what looks broken is looked at once more while it stands still."""
    if request_id is not None:
        yield from standing_still([request_id])
        return
    yield from of_installation()
    # All of them first: SQLite cannot write as long as the same connection reads.
    yield from standing_still(list(suspects()))


def of_installation() -> Iterator[Broken]:
    """The first broken link of the installation's own chain."""
    link = _installation()
    if link is not None:
        yield link


def standing_still(requests: Iterable[int]) -> Iterator[Broken]:
    """The first broken link of each of these, of which nothing is written meanwhile."""
    links = (_request(number) for number in requests)
    return (link for link in links if link is not None)


@transaction.atomic
def _installation() -> Broken | None:
    head = InstallationHead.objects.select_for_update().filter(pk=ONLY).first()
    entries = AuditEntry.objects.filter(request=None).order_by("seq")
    if head is None and not entries.exists():
        return None  # nothing has happened yet
    end = _walk(None, entries.iterator(chunk_size=1000), first_form_until())
    return end if isinstance(end, Broken) else _ended_otherwise(end, head)


@transaction.atomic
def _request(request_id: int) -> Broken | None:
    """Of one request, which nothing is written of meanwhile."""
    requests = apps.get_model("approvals", "Request").objects
    there = requests.select_for_update().filter(pk=request_id).values_list("pk").first()
    entries = AuditEntry.objects.filter(request_id=request_id).order_by("seq")
    end = _walk(request_id, entries.iterator(chunk_size=1000), first_form_until())
    if isinstance(end, Broken):
        return end
    if there is None and end.seq:
        return Broken(request_id, 1, "the request that it tells of is gone")
    # Every request has a chain from its first moment.
    return _ended_otherwise(end, ChainHead.objects.filter(request_id=request_id).first())


def suspects(first: int = LOWEST, last: int = LAST) -> Iterator[int]:
    """Requests whose chain may be broken, of those with an id from `first` to `last`. Goes through all their entries
    once, and keeps few of them in memory."""
    until = first_form_until()
    entries = AuditEntry.objects.filter(request__gte=first, request__lte=last).order_by("request_id", "seq")
    chains = groupby(entries.iterator(chunk_size=1000), key=lambda entry: entry.request_id)
    ends = ((number, _walk(number, chain, until)) for number, chain in chains)
    requests = apps.get_model("approvals", "Request").objects
    while some := dict(islice(ends, AT_ONCE)):
        heads = ChainHead.objects.in_bulk([number for number in some if number is not None])
        kept = set(requests.filter(pk__in=heads).values_list("pk", flat=True))
        for number, end in some.items():
            holds = not isinstance(end, Broken) and not _ended_otherwise(end, heads.get(number))
            if number is not None and not (holds and number in kept):
                yield number
    bare = requests.filter(pk__gte=first, pk__lte=last, audit=None)
    yield from bare.order_by("pk").values_list("pk", flat=True).iterator(1000)


@dataclass(frozen=True)
class _End:
    """Where the entries of a chain that holds so far end."""

    request_id: int | None
    seq: int
    hash: str


def _walk(request_id: int | None, chain: Iterable[AuditEntry], until: int) -> _End | Broken:
    """Along one chain, to its end or to the first entry that does not hold."""
    previous, expected, macs_begun = FIRST, 1, False
    gone: set[tuple[int, str]] = set()  # values that are not there, by entry and name
    for entry in chain:
        reason = (
            f"entry {expected} is missing"
            if entry.seq != expected
            else "it does not follow the entry before it"
            if entry.previous_hash != previous
            else _wrong(entry, until, macs_begun)
        )
        if reason:
            return Broken(request_id, expected, reason)
        previous, expected, macs_begun = entry.hash, expected + 1, entry.mac is not None
        gone |= _erased(entry)
        gone -= _said_to_be_erased(entry)
    if gone:
        seq, name = min(gone)
        return Broken(request_id, seq, f"its {name} was taken away, and no entry says who erased it")
    return _End(request_id, expected - 1, previous)


def _wrong(entry: AuditEntry, until: int, macs_begun: bool) -> str:
    """What is wrong with one entry by itself; "" if nothing."""
    if not _is_as_hashed(entry):
        return "its content was changed"
    if entry.mac is not None:
        return mac.fault(entry.mac, "entry", entry.hash)
    if macs_begun or entry.pk > until:
        return "it has no MAC, and is not from before there were any"
    return ""


def _erased(entry: AuditEntry) -> set[tuple[int, str]]:
    if entry.mac is None:
        return set()
    personal = entry.what.get(PERSONAL, {})
    return {(entry.seq, name) for name, one in personal.items() if commitments.is_erased(one)}


def _said_to_be_erased(entry: AuditEntry) -> set[tuple[int, str]]:
    if entry.mac is None or entry.what.get("event") != ERASED:
        return set()
    return {(entry.what["entry"], name) for name in entry.what["names"]}


def _ended_otherwise(end: _End, head: Head | None) -> Broken | None:
    """The entries are in order: are these all of them?"""
    reason, seq = "", end.seq
    if head is None and end.seq:
        reason, seq = "the note of where the chain ends is missing", end.seq + 1
    elif head is None or end.seq < head.seq or not end.seq:
        reason, seq = f"entry {end.seq + 1} is missing", end.seq + 1
    elif (head.seq, head.hash) != (end.seq, end.hash):
        reason = "it is not the entry that the chain ended with"
    elif head.mac is None:
        reason = "the note that the chain ends with it has no MAC"
    else:
        fault = mac.fault(head.mac, HEAD, end.request_id, head.seq, head.hash)
        reason = f"of the note that the chain ends with it: {fault}" if fault else ""
    return Broken(end.request_id, seq, reason) if reason else None


def macs_began() -> AuditEntry | None:
    """The installation's entry that says up to where the first form counts. None where it never did."""
    entries = AuditEntry.objects.filter(request=None, mac__isnull=False).order_by("seq")
    begun = (entry for entry in entries if entry.what.get("event") == MACS_BEGIN)
    return next((entry for entry in begun if not _wrong(entry, until=0, macs_begun=True)), None)


def first_form_until() -> int:
    """The id of the last entry of the first form; 0 where there is none."""
    entry = macs_began()
    return int(entry.what["last_entry"]) if entry is not None else 0
