"""`placet audit`: whether the record holds, and says what the tables say; and what it is now, for others to keep."""

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from placet.cli import CommandError
from placet.commands.start import say, set_up

if TYPE_CHECKING:
    from placet.audit.checkpoints import Checkpoint, Made

MOST_TRIES = 5  # for a moment in which nobody writes
PAUSE = 2  # seconds between them


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", required=True, metavar="verify|checkpoint")
    verify = what.add_parser("verify", help="walk every hash chain, and compare what is stored with them")
    verify.add_argument("number", nargs="?", type=int, help="of one request only")
    verify.add_argument(
        "--seen",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="compare with checkpoints that were kept elsewhere: printed ones, mails, or lines of the log",
    )
    what.add_parser(
        "checkpoint", help="print what the whole record is now, in six lines to be kept elsewhere"
    )


def run(options: argparse.Namespace) -> int:
    seen = _seen(options.seen) if options.what == "verify" else []
    set_up()
    if options.what == "checkpoint":
        say(_made().checkpoint.text)
        return 0
    return _verify(options.number, seen)


def _seen(files: Sequence[Path]) -> list["Checkpoint"]:
    """What stands in files that somebody kept."""
    import django

    django.setup()
    from placet.audit import checkpoints

    seen = []
    for file in files:
        try:
            of_file = checkpoints.read_file(file.read_bytes())
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        if not of_file:
            raise CommandError(f"There is no checkpoint in {file}.")
        seen += of_file
    return seen


def _made() -> "Made":
    from django.utils import timezone

    from placet.audit import checkpoints

    for tries in range(1, MOST_TRIES + 1):
        try:
            return checkpoints.make(timezone.now())
        except checkpoints.Busy as busy:
            if tries == MOST_TRIES:
                raise CommandError(str(busy)) from busy
        time.sleep(PAUSE)
    raise AssertionError("the last try raises")


def _verify(number: int | None, seen: Sequence["Checkpoint"]) -> int:
    from placet.approvals.models import Request
    from placet.audit.models import AuditEntry

    only: int | None = None
    if number is not None:
        only = Request.objects.filter(number=number).values_list("pk", flat=True).first()
        if only is None:
            raise CommandError(f"There is no request {number}.")
    wrong = False
    for sentence in findings(only, seen):
        say(f"{sentence}.")
        wrong = True
    if wrong:
        return 1
    entries = AuditEntry.objects.all() if only is None else AuditEntry.objects.filter(request_id=only)
    chains = entries.values("request_id").distinct().count()
    say(
        f"{chains} chains with {entries.count()} entries: every link holds, and every decision is as it was recorded."
    )
    without = entries.filter(mac=None).count()
    if without:
        say(f"{without} of the entries are from before there were MACs: less is compared with them.")
    if seen:
        say(f"All of it is as {len(seen)} checkpoints say.")
    return 0


def findings(only: int | None, seen: Sequence["Checkpoint"] = ()) -> Iterator[str]:
    """What is wrong with the record of one request, or of all, in sentences without their full stop."""
    from placet.approvals import evidence
    from placet.approvals.models import Request
    from placet.audit import chain, checkpoints

    broken = list(chain.verify(only))
    # Where the record itself was changed, there is nothing to compare with.
    unreliable = {link.request_id for link in broken if link.request_id is not None}
    differing = list(evidence.compare(only, but=unreliable))
    wrong = {*unreliable, *(differs.request_id for differs in differing)}
    numbers = dict(Request.objects.filter(pk__in=wrong).values_list("pk", "number"))
    for link in broken:
        whose = (
            "The installation" if link.request_id is None else f"Request {numbers.get(link.request_id, '?')}"
        )
        yield f"{whose}: broken at entry {link.seq}: {link.reason}"
    for differs in differing:
        where = f"not as entry {differs.seq} says" if differs.seq else "not as recorded"
        yield f"Request {numbers.get(differs.request_id, '?')}: {where}: {differs.reason}"
    if only is None:
        yield from evidence.missing()
    if only is None or seen:
        yield from checkpoints.compare(seen)
