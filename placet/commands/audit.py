"""`placet audit`: whether the record still holds."""

import argparse

from placet.cli import CommandError
from placet.commands.start import say, set_up


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", required=True, metavar="verify")
    verify = what.add_parser("verify", help="walk the hash chain of every request")
    verify.add_argument("number", nargs="?", type=int, help="of one request only")


def run(options: argparse.Namespace) -> int:
    set_up()
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
    numbers = dict(Request.objects.filter(pk__in=[b.request_id for b in broken]).values_list("pk", "number"))
    for link in broken:
        say(f"Request {numbers.get(link.request_id, '?')}: broken at entry {link.seq}: {link.reason}.")
    if broken:
        return 1
    say(
        f"{entries.values('request_id').distinct().count()} chains with {entries.count()} entries: every link holds."
    )
    return 0
