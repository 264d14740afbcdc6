"""The whole record verified in ranges of requests: by several processes, and from where it was stopped.

Each range is read once, which gives the few requests whose chain or rows do not seem to hold. At the end these are
looked at once more while each stands still, and what concerns the record as a whole is added. Memory does not grow with
the record.
"""

import json
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Min
from django.utils.module_loading import import_string

from placet.approvals import evidence, evidence_absences, evidence_delegations, evidence_processes
from placet.approvals.models import Request
from placet.audit import chain, checkpoints, mac
from placet.audit.models import AuditEntry
from placet.lib import clock
from placet.lib.processes import processes

A_RANGE = 1000  # ids of requests
GOOD_FOR = timedelta(days=1)  # what was verified so long ago says little
NOTES = "how far the record was verified"  # what the MAC of `Notes` is made for


@dataclass
class Verified:
    """What is known of all requests with an id up to `until`."""

    until: int = chain.LOWEST - 1
    chains: int = 0
    entries: int = 0
    without_mac: int = 0  # of the entries
    broken: list[int] = field(default_factory=list)  # requests whose chain may be
    differing: list[int] = field(default_factory=list)  # requests whose rows may not be as recorded

    def add(self, other: "Verified") -> None:
        self.until = other.until
        self.chains += other.chains
        self.entries += other.entries
        self.without_mac += other.without_mac
        self.broken += other.broken
        self.differing += other.differing

    def add_installation(self) -> None:
        """The installation's own chain, which is of no request."""
        entries = AuditEntry.objects.filter(request=None)
        counted = entries.aggregate(entries=Count("pk"), with_mac=Count("mac"))
        self.chains += bool(counted["entries"])
        self.entries += counted["entries"]
        self.without_mac += counted["entries"] - counted["with_mac"]


def last_request() -> int:
    """The highest id of a request, or of one that the record tells of; 0 if there is none."""
    told = AuditEntry.objects.aggregate(last=Max("request"))["last"] or 0
    return max(told, Request.objects.aggregate(last=Max("pk"))["last"] or 0)


def verify_ranges(
    verified: Verified, jobs: int, done: Callable[[Verified], None] = lambda _verified: None
) -> None:
    """Go on behind `verified.until` to the end, in so many processes. `done` is called after every range, in order."""
    ranges = _ranges(verified.until + 1, last_request())
    for part in _by_processes(ranges, jobs) if jobs > 1 else (verify_range(*one) for one in ranges):
        verified.add(part)
        done(verified)
    for one in _ranges(verified.until + 1, last_request()):  # what was written meanwhile
        verified.add(verify_range(*one))


def _ranges(first: int, last: int) -> Iterator[tuple[int, int]]:
    """Those in which there are requests: one that somebody gave a number far from all others makes no more of them."""
    while first <= last:
        told = AuditEntry.objects.filter(request__gte=first).aggregate(lowest=Min("request"))["lowest"]
        there = Request.objects.filter(pk__gte=first).aggregate(lowest=Min("pk"))["lowest"]
        begin = min((number for number in (told, there) if number is not None), default=last + 1)
        if begin <= last:
            yield begin, min(begin + A_RANGE - 1, last)
        first = begin + A_RANGE


def verify_range(first: int, last: int) -> Verified:
    """Of the requests with these ids."""
    counted = AuditEntry.objects.filter(request__gte=first, request__lte=last).aggregate(
        chains=Count("request", distinct=True), entries=Count("pk"), with_mac=Count("mac")
    )
    broken = list(chain.suspects(first, last))
    # Where the record itself was changed, there is nothing to compare with.
    differing = list(evidence.suspects(broken, first, last))
    without = counted["entries"] - counted["with_mac"]
    return Verified(last, counted["chains"], counted["entries"], without, broken, differing)


def findings(
    verified: Verified | None = None, seen: Sequence[checkpoints.Checkpoint] = ()
) -> Generator[str, None, None]:
    """What is wrong with the whole record, in sentences without their full stop: what was suspected and is so, and what
    no range tells. Without `verified` the ranges are read here, too."""
    if verified is None:
        verified = Verified()
        verify_ranges(verified, jobs=1)
    broken = [*chain.of_installation(), *chain.standing_still(sorted(verified.broken))]
    unreliable = {link.request_id for link in broken}
    suspected = sorted({*verified.differing, *verified.broken} - unreliable)
    yield from in_words(broken, list(evidence.standing_still(suspected)))
    yield from evidence.missing()
    yield from evidence_delegations.compare()
    yield from evidence_absences.compare()
    yield from evidence_processes.compare()
    for name in settings.ALSO_COMPARED:
        yield from import_string(name)()
    yield from checkpoints.compare(seen)


def findings_of(request: int, seen: Sequence[checkpoints.Checkpoint] = ()) -> Iterator[str]:
    """The same of one request alone."""
    broken = list(chain.verify(request))
    yield from in_words(broken, list(evidence.compare(request, but={request} if broken else ())))
    if seen:
        yield from checkpoints.compare(seen)


def in_words(broken: Collection[chain.Broken], differing: Collection[evidence.Differs]) -> Iterator[str]:
    wrong = {*(link.request_id for link in broken if link.request_id is not None)}
    wrong |= {differs.request_id for differs in differing}
    numbers = dict(Request.objects.filter(pk__in=wrong).values_list("pk", "number"))
    for link in broken:
        whose = (
            "The installation" if link.request_id is None else f"Request {numbers.get(link.request_id, '?')}"
        )
        yield f"{whose}: broken at entry {link.seq}: {link.reason}"
    for differs in differing:
        where = f"not as entry {differs.seq} says" if differs.seq else "not as recorded"
        yield f"Request {numbers.get(differs.request_id, '?')}: {where}: {differs.reason}"


# --- processes --------------------------------------------------------------------------------------------


def _by_processes(ranges: Iterator[tuple[int, int]], jobs: int) -> Iterator[Verified]:
    """In the order of the ranges, of which few are in hand at a time."""
    with processes(jobs) as pool:
        waiting: deque[Future[Verified]] = deque()
        for one in ranges:
            waiting.append(pool.submit(verify_range, *one))
            if len(waiting) >= 2 * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


# --- going on another time --------------------------------------------------------------------------------


class Notes:
    """A file that says how far it came. With a MAC, or whoever wrote that all was read kept all from being read."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "audit-verify.json"
        self._began = clock.now()

    def write(self, verified: Verified) -> None:
        noted = {"began": self._began.isoformat(), "verified": asdict(verified)}
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps({**noted, "mac": mac.newest().mac(NOTES, noted)}))
        new.replace(self.file)

    def read(self) -> Verified | None:
        """None where there is nothing to go on from: not begun, ended, too long ago, or not by this Placet."""
        try:
            noted: dict[str, Any] = json.loads(self.file.read_text())
            if mac.check(str(noted.pop("mac")), NOTES, noted) != mac.HOLDS:
                return None
            began, verified = datetime.fromisoformat(noted["began"]), Verified(**noted["verified"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if self._began - began > GOOD_FOR:
            return None
        self._began = began
        return verified

    def forget(self) -> None:
        self.file.unlink(missing_ok=True)
