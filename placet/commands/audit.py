"""`placet audit`: whether the record still holds, and says what the tables say."""

import argparse

from placet.cli import CommandError
from placet.commands.start import say, set_up


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", required=True, metavar="verify")
    verify = what.add_parser("verify", help="walk every hash chain, and compare decisions with them")
    verify.add_argument("number", nargs="?", type=int, help="of one request only")


def run(options: argparse.Namespace) -> int:
    set_up()
    from placet.approvals import evidence
    from placet.approvals.models import Request
    from placet.audit import chain
    from placet.audit.models import AuditEntry

    only: int | None = None
    if options.number is not None:
        only = Request.objects.filter(number=options.number).values_list("pk", flat=True).first()
        if only is None:
            raise CommandError(f"There is no request {options.number}.")
    entries = AuditEntry.objects.all() if only is None else AuditEntry.objects.filter(request_id=only)
    broken = list(chain.verify(only))
    # Where the record itself was changed, there is nothing to compare with.
    unreliable = {link.request_id for link in broken}
    differing = [found for found in evidence.compare(only) if found.request_id not in unreliable]
    wrong = {*unreliable, *(found.request_id for found in differing)}
    numbers = dict(Request.objects.filter(pk__in=[pk for pk in wrong if pk]).values_list("pk", "number"))
    for link in broken:
        whose = (
            "The installation" if link.request_id is None else f"Request {numbers.get(link.request_id, '?')}"
        )
        say(f"{whose}: broken at entry {link.seq}: {link.reason}.")
    for found in differing:
        where = f"not as entry {found.seq} says" if found.seq else "not as recorded"
        say(f"Request {numbers[found.request_id]}: {where}: {found.reason}.")
    if wrong:
        return 1
    chains = entries.values("request_id").distinct().count()
    say(
        f"{chains} chains with {entries.count()} entries: every link holds, and every decision is as it was recorded."
    )
    return 0
