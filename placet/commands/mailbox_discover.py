"""`placet mailbox discover ADDRESS`: how a mailbox is reached, by its address. Nothing is saved."""

import argparse
from collections.abc import Iterator
from typing import Any

from placet.cli import CommandError
from placet.commands.start import say


def add_arguments(what: Any) -> None:
    discover = what.add_parser(
        "discover",
        help="how a mailbox is reached, by its address: nothing is saved",
        epilog="The name service and the domain's web servers are asked; they learn the domain, never the address.",
    )
    discover.add_argument("address", metavar="ADDRESS", help="of the mailbox")
    discover.add_argument(
        "--questions", action="store_true", help="show what was asked of whom, with the answers"
    )


def run(options: argparse.Namespace) -> int:
    from django.conf import settings

    from placet.mailboxes.discovery import AddressInvalid, discover

    try:
        discovery = discover(options.address, ispdb=settings.PLACET.ask_ispdb)
    except AddressInvalid:
        raise CommandError(f"“{options.address}” is no address of a mailbox.") from None
    if discovery.provider:
        say(f"{discovery.domain}: {discovery.provider}")
    for note in discovery.notes:
        say(str(note))
    for proposal in discovery.proposals:
        say("\n" + "\n".join(_lines(proposal)))
    if options.questions:
        say("\nAsked:")
        for question in discovery.questions:
            say(f"  {question.asked}: {question.answer}")
    return 0 if discovery.proposals else 1


def _lines(proposal: Any) -> Iterator[str]:
    from placet.mailboxes.kinds import label_of

    yield f"{label_of(proposal.kind)} ({proposal.kind})"
    for server in proposal.servers:
        yield f"  {server.protocol}: {server.host}:{server.port}, {server.security}, user {server.username}"
        yield f"    {server.origin.sentence}"
    if not proposal.servers:
        yield f"  {proposal.origin.sentence}"
    yield f"  Signs in by: {proposal.sign_in}"
    yield from (f"  - {sentence}" for sentence in proposal.prepare)
    yield from (f"  ! {sentence}" for sentence in proposal.warnings)
