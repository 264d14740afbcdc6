"""The `placet` command. Each subcommand is a module of `placet.commands` with `add_arguments` and `run`, or one that a
kind of mailbox names (`Kind.placet_commands`)."""

import argparse
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from placet import __version__
from placet.lib.collector import not_collecting
from placet.lib.libraries_alone import load_libraries

COMMANDS = {
    "serve": "run Placet: pages, workers and timers in one process",
    "work": "do the work of Placet alone, beside other processes (PostgreSQL)",
    "demo": "try Placet with a local Exchange Online: nothing to install, nothing is kept",
    "sandbox": "run the local Entra ID and Exchange Online alone",
    "mailbox": "set up the mailbox that approvals go through, or show how it is set up",
    "check": "test the mailbox step by step, with cause and cure for what fails",
    "person": "add people, set their manager, deactivate them",
    "group": "add groups and their members",
    "key": "keys with which programs call the API: make, list, rotate, revoke",
    "signatures": "by whose certificates and keys signed mails count",
    "calendar": "show when people work: hours, holidays, days that differ",
    "process": "publish a process from a YAML file, or list them",
    "request": "say what happened outside that a request waits for",
    "table": "authority tables: who may approve what, from CSV files",
    "mcp": "let agents ask for approvals (Model Context Protocol), by the API",
    "explain": "show how a mail is read, and why; nothing happens and nothing is looked up",
    "audit": "verify that nobody changed the record of a request",
    "backup": "copy database, keys and files into one archive, while Placet runs",
    "database": "take an installation from SQLite to PostgreSQL; put old mails together",
    "restore": "bring back a backup into an empty data folder",
}


class Intermixed(argparse.ArgumentParser):
    """Takes words on both sides of an option, as people write them: `finance --name Finance ada@example.com`. argparse
    gives all that it may take to the first ones, and refuses those behind the option."""

    _mixes = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._mixes:  # it is called once more for each side
            return super().parse_known_args(args, namespace)
        self._mixes = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixes = False


class CommandError(Exception):
    """What the command could not do, in words; printed without a stack trace."""


def main(arguments: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if arguments is None else list(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "placet.settings")
    os.umask(0o077)  # what Placet writes is for its own user: the database holds requests and mails
    if words[:1] == ["django"]:  # for developers: makemigrations, shell, ...
        from django.core.management import execute_from_command_line

        execute_from_command_line(["placet django", *words[1:]])
        return 0
    parser = argparse.ArgumentParser(
        prog="placet",
        description="Approvals by e-mail that can be trusted.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"Placet {__version__}")
    # The kinds of mailbox are asked only where it is none of ours: what is used often starts quickly.
    commands = COMMANDS if words and words[0] in (*COMMANDS, "--version") else all_commands()
    parser.epilog = "\n".join(f"  {name:<10} {help_}" for name, help_ in commands.items())
    parser.add_argument("command", choices=commands, metavar="command")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    chosen = parser.parse_args(words)
    return _run(chosen.command, chosen.rest)


def all_commands() -> dict[str, str]:
    """By name, what each does, with those of the kinds of mailbox behind."""
    return {**COMMANDS, **{name: help_ for name, (_module, help_) in _of_kinds().items()}}


def _of_kinds() -> Mapping[str, tuple[str, str]]:
    from placet.mailboxes.kinds import placet_commands

    return placet_commands()


def _run(name: str, rest: Sequence[str]) -> int:
    # Commands speak English; pages, mails and workers have threads of their own. Not by `translation`: that would read
    # the settings before the command has chosen them.
    with not_collecting():
        from django.utils.translation import trans_real

        trans_real.deactivate_all()
        if name not in ("explain", "mcp"):  # they log nothing of ours, and need no installation
            load_libraries()
        ours = name in COMMANDS
        path, description = (f"placet.commands.{name}", COMMANDS[name]) if ours else _of_kinds()[name]
        module = importlib.import_module(path)
    parser = argparse.ArgumentParser(prog=f"placet {name}", description=description)
    try:
        module.add_arguments(parser)
        return int(module.run(parser.parse_args(rest)) or 0)
    except CommandError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (head, less) went away; what Python would still flush must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
