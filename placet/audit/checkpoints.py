"""What the whole record is at one moment, in six lines that can be kept elsewhere.

Whoever can rewrite the database *and* has its keys can make a whole new record that holds. They cannot change a
checkpoint that lies in somebody's mail or log. It has the size of the record and the root of a hash tree
(`placet.lib.merkle`) over the hashes of all entries in the order of their ids, of all chains alike:

    placet/1a2b3c4d             which installation: the id of its first key
    1078                        how many entries
    qWNb…=                      the root, base64
    entry 1093                  the id of the last one
    at 2026-11-28T04:00:00Z     when it was made
    installation 12 5e88…       number and hash of the last entry of the installation's own chain

The first three lines are those of a C2SP checkpoint (https://c2sp.org/tlog-checkpoint), the others its extensions.
"""

import base64
import binascii
import email
import email.policy
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter

from django.db import OperationalError, connection, transaction

from placet.audit import chain, mac
from placet.audit.models import AuditEntry
from placet.audit.models import Checkpoint as Row
from placet.lib.merkle import Tree

PURPOSE = "checkpoint"  # what its MAC in the database is made for
PATIENCE = "3s"  # how long decisions may have to wait for us, who wait for the slowest of them (PostgreSQL)
AT_ONCE = 5000
_LINES = re.compile(
    r"(?P<origin>placet/[0-9a-f]{8})\n(?P<size>\d{1,18})\n(?P<root>[A-Za-z0-9+/]{43}=)\n"
    r"entry (?P<entry>\d{1,18})\nat (?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\n"
    r"installation (?P<seq>\d{1,18})\s(?P<hash>[0-9a-f]{64})(?![0-9a-f])"
)
_ROUND_IT = re.compile(
    r"^(?:> ?)*[ \t]*|[ \t\r\u200b]+$", re.MULTILINE
)  # marks of a quote, blanks, ends of lines


class Busy(Exception):
    """Somebody writes to the record and does not end: try again."""


@dataclass(frozen=True)
class Checkpoint:
    """The record at one moment."""

    origin: str
    size: int
    root: bytes
    entry: int
    at: datetime  # whole seconds, UTC
    installation_seq: int  # 0: nothing has happened to it
    installation_hash: str

    @property
    def text(self) -> str:
        return "\n".join(
            [
                self.origin,
                str(self.size),
                base64.b64encode(self.root).decode(),
                f"entry {self.entry}",
                f"at {self.moment}",
                f"installation {self.installation_seq} {self.installation_hash}",
            ]
        )

    @property
    def moment(self) -> str:
        return self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- making one -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Made:
    """A checkpoint, and what the next one goes on from."""

    checkpoint: Checkpoint
    tree: Tree


def make(at: datetime) -> Made:
    """Of the record as it is now. Reads what came since the last one that was kept. Busy, where somebody writes too
    long."""
    last = _settled()
    before = _last_kept()
    tree, read = (before.tree, before.checkpoint.entry) if before else (Tree(), 0)
    for one in _hashes(read, last):
        tree.add(one.encode())
    of_installation = AuditEntry.objects.filter(request=None, pk__lte=last).order_by("-seq").first()
    checkpoint = Checkpoint(
        mac.origin(),
        tree.size,
        tree.root(),
        max(last, read),
        at.astimezone(UTC).replace(microsecond=0),
        of_installation.seq if of_installation else 0,
        of_installation.hash if of_installation else chain.FIRST,
    )
    return Made(checkpoint, tree)


@transaction.atomic
def keep(made: Made) -> bool:
    """As that of its day. False if the day has one."""
    text = made.checkpoint.text
    _row, new = Row.objects.get_or_create(
        day=made.checkpoint.at.date(),
        defaults={
            "text": text,
            "peaks": [peak.hex() for peak in made.tree.peaks],
            "mac": mac.newest().mac(PURPOSE, text),
        },
    )
    return new


def _hashes(after: int, until: int) -> Iterator[str]:
    entries = AuditEntry.objects.filter(pk__gt=after, pk__lte=until).order_by("pk")
    return entries.values_list("hash", flat=True).iterator(AT_ONCE)


@transaction.atomic
def _settled() -> int:
    """The id of the last entry before which no other one can appear any more; 0 if there is none.

    PostgreSQL gives ids before they are committed: so we wait for whoever has one, and nobody takes another meanwhile.
    SQLite has one writer at a time, and a transaction of ours is one."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            try:
                cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
                cursor.execute("LOCK TABLE audit_auditentry IN SHARE MODE")
            except OperationalError as error:
                raise Busy(
                    "Somebody writes to the record and does not end. Try again in a minute."
                ) from error
    return AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


# --- those that were kept ---------------------------------------------------------------------------------


def _last_kept() -> Made | None:
    """What a new one can go on from. One that Placet did not write is none."""
    row = Row.objects.order_by("-day").first()
    if row is None or mac.check(row.mac, PURPOSE, row.text) != mac.HOLDS:
        return None
    (checkpoint,) = read(row.text)
    try:
        tree = Tree(checkpoint.size, [bytes.fromhex(peak) for peak in row.peaks])
    except (TypeError, ValueError):
        return None
    return Made(checkpoint, tree) if tree.root() == checkpoint.root else None


def kept() -> tuple[list[Checkpoint], list[str]]:
    """Those in the database, the oldest first, and what is wrong with others, in words."""
    found, faults = [], []
    for row in Row.objects.order_by("day"):
        of_row = read(row.text)
        fault = mac.fault(row.mac, PURPOSE, row.text)
        if not fault and [one.at.date() for one in of_row] != [row.day]:
            fault = "it was made on another day"
        if fault:
            faults.append(f"The kept checkpoint of {row.day:%Y-%m-%d}: {fault}")
        else:
            found += of_row
    return found, faults


# --- reading ----------------------------------------------------------------------------------------------


def read(text: str) -> list[Checkpoint]:
    """All that stand in a text: as they were printed, in lines of the log (JSON), or in a mail's text, quoted too."""
    texts = [text, *_logged(text)]
    found = [_checkpoint(match) for one in texts for match in _LINES.finditer(_ROUND_IT.sub("", one))]
    return [one for one in found if one is not None]


def read_file(content: bytes) -> list[Checkpoint]:
    """Those of a file; of one that is a mail, those of its text."""
    text = content.decode(errors="replace")
    if re.search(r"^mime-version:", text, re.IGNORECASE | re.MULTILINE):
        body = email.message_from_bytes(content, policy=email.policy.default).get_body(("plain",))
        text = body.get_content() if body is not None else text
    return read(text)


def _logged(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if '"checkpoint"' in line:
            try:
                said = json.loads(line[line.index("{") :])
            except ValueError:
                continue
            if isinstance(said, dict):
                yield str(said.get("checkpoint", ""))


def _checkpoint(match: "re.Match[str]") -> Checkpoint | None:
    """None where the form fits and the time is none."""
    try:
        at = datetime.strptime(match["at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        root = base64.b64decode(match["root"], validate=True)
    except (ValueError, binascii.Error):
        return None
    return Checkpoint(
        match["origin"], int(match["size"]), root, int(match["entry"]), at, int(match["seq"]), match["hash"]
    )


# --- comparing --------------------------------------------------------------------------------------------


def compare(seen: Iterable[Checkpoint] = ()) -> Iterator[str]:
    """What of the record is not as checkpoints say: those `seen` elsewhere, those kept in the database, and what the
    record was when MACs began. In words, of the record as a whole the first; nothing, if all is as they say."""
    ours, faults = kept()
    yield from faults
    here = mac.origin()
    points: list[_Point] = [_Point(one.size, one.root, _kept_name(one)) for one in ours]
    for one in seen:
        if one.origin == here:
            points.append(_Point(one.size, one.root, _seen_name(one)))
            yield from _installation_differs(one)
        else:
            yield f"{_seen_name(one)} is of another installation: {one.origin}, and this is {here}"
    began = chain.macs_began()
    if began is not None:
        root = bytes.fromhex(began.what["root"])
        points.append(_Point(began.what["entries"], root, "What the record was when MACs began"))
    yield from _differ(sorted(points, key=attrgetter("size")))


@dataclass(frozen=True)
class _Point:
    size: int
    root: bytes
    name: str


def _kept_name(one: Checkpoint) -> str:
    return f"The kept checkpoint of {one.moment}"


def _seen_name(one: Checkpoint) -> str:
    return f"The checkpoint of {one.moment}"


def _differ(points: Sequence[_Point]) -> Iterator[str]:
    """The first that does not hold: behind it none does. Goes through the hashes of all entries once, in the order in
    which they came."""
    tree, held = Tree(), 0
    hashes = AuditEntry.objects.order_by("pk").values_list("hash", flat=True).iterator(AT_ONCE)
    for point in points:
        for one in hashes if tree.size < point.size else ():
            tree.add(one.encode())
            if tree.size == point.size:
                break
        if tree.size < point.size:
            yield (
                f"{point.name} has {point.size} entries, and there are {tree.size}: at least "
                f"{point.size - tree.size} are gone"
            )
            return
        if tree.root() != point.root:
            after = f"after the first {held}" if held else "of these"
            yield (
                f"{point.name} says otherwise of its {point.size} entries: one {after} was changed, removed or put in"
            )
            return
        held = point.size


def _installation_differs(one: Checkpoint) -> Iterator[str]:
    if not one.installation_seq:
        return
    there = AuditEntry.objects.filter(request=None, seq=one.installation_seq).first()
    if there is None or there.hash != one.installation_hash:
        state = "gone" if there is None else "another one"
        yield f"{_seen_name(one)}: entry {one.installation_seq} of the installation's own chain is {state}"
