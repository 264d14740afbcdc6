"""`placet group`: groups of people who can be asked together."""

import argparse
import re

from placet.cli import CommandError, Intermixed
from placet.commands.start import say, set_up


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", required=True, parser_class=Intermixed, metavar="set|list")
    change = what.add_parser("set", help="make a group, or set who is in it")
    change.add_argument("key", help="as processes write it: finance")
    change.add_argument("--name")
    change.add_argument("members", nargs="*", help="addresses")
    what.add_parser("list")


def run(options: argparse.Namespace) -> int:
    set_up()
    from placet.accounts.addresses import normal, people_at
    from placet.accounts.models import Group

    if options.what == "list":
        for group in Group.objects.prefetch_related("members"):
            say(f"{group.key} ({group.name}): {', '.join(str(p) for p in group.members.all()) or 'nobody'}")
        return 0
    _check(options.key, options.name or options.key)
    people = people_at(options.members)
    unknown = [address for address in options.members if normal(address) not in people]
    if unknown:
        raise CommandError(f"There is nobody with the address {', '.join(unknown)}.")
    group, _ = Group.objects.get_or_create(key=options.key, defaults={"name": options.name or options.key})
    if options.name:
        group.name = options.name
        group.save(update_fields=["name"])
    members = [people[normal(address)] for address in options.members]
    group.members.set(members)
    say(f"{group.name}: {', '.join(map(str, members)) or 'nobody'}")
    return 0


def _check(key: str, name: str) -> None:
    """CommandError for what a process could not name, or the database not keep."""
    from placet.accounts.addresses import LONGEST_NAME

    if not re.fullmatch(r"[A-Za-z0-9_-]{1,50}", key):
        raise CommandError("A group's key has 1 to 50 letters of a-z, 0-9, - and _, such as finance.")
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise CommandError(f"A group's name has at most {LONGEST_NAME} letters, on one line.")
