"""`placet audit`: whether the record holds, and says what the tables say; and what it is now, for others to keep."""

import argparse
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from placet.cli import CommandError
from placet.commands.start import say, set_up, warn
from placet.lib.progress import Progress

if TYPE_CHECKING:
    from placet.approvals.verification import Notes, Verified
    from placet.audit.checkpoints import Checkpoint, Made

MOST_TRIES = 5  # for a moment in which nobody writes
PAUSE = 2  # seconds between them
FEW = 5000  # requests for which other processes are not worth their start
MOST_JOBS = 64
NOTED_EVERY = 10  # seconds between two notes of how far it came


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
    verify.add_argument(
        "--jobs",
        type=_jobs,
        metavar="N",
        help="processes that work side by side; without it, as many as there are cores, and one for a small record",
    )
    verify.add_argument(
        "--continue", action="store_true", dest="go_on", help="go on where the last one was stopped"
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
    return _verify_all(options, seen) if options.number is None else _verify_one(options.number, seen)


def _jobs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_JOBS:
        raise argparse.ArgumentTypeError(f"a number from 1 to {MOST_JOBS} is needed")
    return int(text)


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


def _verify_one(number: int, seen: Sequence["Checkpoint"]) -> int:
    from placet.approvals.models import Request
    from placet.approvals.verification import findings_of, verify_range

    request = Request.objects.filter(number=number).values_list("pk", flat=True).first()
    if request is None:
        raise CommandError(f"There is no request {number}.")
    return _say(findings_of(request, seen), verify_range(request, request), seen)


def _verify_all(options: argparse.Namespace, seen: Sequence["Checkpoint"]) -> int:
    from django.conf import settings

    from placet.approvals import verification

    notes = verification.Notes(settings.PLACET.data_dir)
    known = notes.read() if options.go_on else None
    if options.go_on and known is None:
        warn("There is nothing to go on from: it begins with the first request.")
    verified = known or verification.Verified()
    last = verification.last_request()
    jobs = options.jobs or (1 if last < FEW else len(os.sched_getaffinity(0)))
    try:
        with Progress("Requests verified", last, begun=max(verified.until, 0)) as progress:
            verification.verify_ranges(verified, jobs, _Noting(notes, progress))
    except KeyboardInterrupt:
        warn("Stopped. Within a day, placet audit verify --continue goes on from here.")
        raise
    finally:
        notes.write(verified)
    verified.add_installation()
    ended = _say(verification.findings(verified, seen), verified, seen)
    notes.forget()
    return ended


class _Noting:
    """After each range: how far it came, said and, now and then, kept."""

    def __init__(self, notes: "Notes", progress: Progress) -> None:
        self._notes, self._progress, self._kept_at = notes, progress, time.monotonic()

    def __call__(self, verified: "Verified") -> None:
        self._progress.reach(verified.until)
        if time.monotonic() - self._kept_at > NOTED_EVERY:
            self._notes.write(verified)
            self._kept_at = time.monotonic()


def _say(sentences: Iterable[str], verified: "Verified", seen: Sequence["Checkpoint"]) -> int:
    wrong = False
    for sentence in sentences:
        say(f"{sentence}.")
        wrong = True
    if wrong:
        return 1
    say(
        f"{verified.chains} chains with {verified.entries} entries: every link holds, and every decision is as it was "
        "recorded."
    )
    if verified.without_mac:
        say(
            f"{verified.without_mac} of the entries are from before there were MACs: less is compared with them."
        )
    if seen:
        say(f"All of it is as {len(seen)} checkpoints say.")
    return 0
