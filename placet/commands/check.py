"""`placet check`: the pre-flight of the mailbox, step by step, with cause and cure for what fails or is wide open."""

import argparse
import json
from dataclasses import asdict

from placet.cli import CommandError
from placet.commands.mailbox_named import find
from placet.commands.start import say, set_up
from placet.mailboxes.base import Check


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object a step")
    parser.add_argument("--mailbox", metavar="ADDRESS", help="which one, where there are several")


def run(options: argparse.Namespace) -> int:
    set_up()
    from placet.mailboxes.kinds import UnknownKind
    from placet.mailboxes.others import must_stay_closed
    from placet.mailboxes.pool import connect, tested
    from placet.mailboxes.settings import SettingsInvalid

    mailbox = find(options.mailbox)
    if mailbox is None:
        raise CommandError("No mailbox is set up yet. Begin with: placet mailbox set --help")
    try:
        connection = connect(mailbox)
    except UnknownKind as error:
        raise CommandError(f"{mailbox.address}: {error}") from error
    except SettingsInvalid as error:
        raise CommandError(
            f"The stored settings of {mailbox.address} are not valid. {error} Correct them with: placet mailbox set"
        ) from error
    good, warned = True, False
    try:
        for step in connection.check(must_stay_closed(mailbox)):
            good, warned = good and step.ok, warned or step.warning
            say(json.dumps(asdict(step), ensure_ascii=False) if options.json else lines(step))
    finally:
        connection.close()
    if good:
        tested(mailbox)
    if not options.json:
        say(f"\n{_verdict(good, warned)}")
    return 0 if good else 1


def _verdict(good: bool, warned: bool) -> str:
    if not good:
        return "Please mend what failed, then check again."
    return "Everything works, but look at what is marked with !" if warned else "Everything works."


def lines(step: Check) -> str:
    mark = "!" if step.warning else "✓" if step.ok else "✗"
    lines = [f"{mark} {step.title}" + (f": {step.found}" if step.found else "")]
    if step.warning or not step.ok:
        lines += [f"    Cause: {step.cause}", f"    Cure:  {step.cure}"]
    if step.command:
        lines += [f"    {line}" for line in step.command.splitlines()]
    return "\n".join(lines)
