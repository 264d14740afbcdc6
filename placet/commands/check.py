"""`placet check`: the pre-flight of the mailbox, step by step, with cause and cure for what fails."""

import argparse
import json
from dataclasses import asdict

from placet.cli import CommandError
from placet.commands.mailbox import find
from placet.commands.start import say, set_up
from placet.mailboxes.base import Check


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object a step")
    parser.add_argument("--mailbox", metavar="ADDRESS", help="which one, where there are several")


def run(options: argparse.Namespace) -> int:
    set_up()
    from placet.mailboxes.pool import connect

    mailbox = find(options.mailbox)
    if mailbox is None:
        raise CommandError("No mailbox is set up yet. Begin with: placet mailbox set --help")
    connection = connect(mailbox)
    good = True
    try:
        for step in connection.check():
            good = good and step.ok
            say(json.dumps(asdict(step), ensure_ascii=False) if options.json else _lines(step))
    finally:
        connection.close()
    if not options.json:
        say("\nEverything works." if good else "\nPlease mend what failed, then check again.")
    return 0 if good else 1


def _lines(step: Check) -> str:
    lines = [f"{'✓' if step.ok else '✗'} {step.title}" + (f": {step.found}" if step.found else "")]
    if not step.ok:
        lines += [f"    Cause: {step.cause}", f"    Cure:  {step.cure}"]
    if step.command:
        lines.append(f"    {step.command}")
    return "\n".join(lines)
