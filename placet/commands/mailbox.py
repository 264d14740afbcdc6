"""`placet mailbox`: the settings of the Remote Approval tab, from the command line."""

import argparse
import getpass
import sys
from typing import TYPE_CHECKING, Any

from placet.cli import CommandError
from placet.commands.start import say, set_up
from placet.mailboxes.fields import FIELDS, SECRET, SECRET_EXPIRES_ON, Field
from placet.mailboxes.settings import SettingsInvalid

if TYPE_CHECKING:
    from placet.mailboxes.models import Mailbox

STORED = [field for field in FIELDS if field.kind != "secret"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", required=True, metavar="set|show")
    change = what.add_parser(
        "set",
        help="set up the mailbox, or change what is named",
        epilog="The client secret is never an argument: it is asked for, or read as one line from standard input.",
    )
    for field in STORED:
        change.add_argument(
            _option(field), dest=field.name, help=field.help.replace("%", "%%"), metavar="VALUE"
        )
    change.add_argument("--secret", action="store_true", help="enter the client secret (again)")
    change.add_argument(
        "--confirm-mechanism",
        metavar="XX",
        help="mail authenticated in this way comes from colleagues (see check)",
    )
    for parser_ in (change, what.add_parser("show", help="how it is set up; the secret is never shown")):
        parser_.add_argument("--mailbox", metavar="ADDRESS", help="which one, where there are several")


def _option(field: Field) -> str:
    return "--" + field.name.replace("_", "-")


def run(options: argparse.Namespace) -> int:
    set_up()
    return _show(options) if options.what == "show" else _set(options)


def find(address: str | None) -> "Mailbox | None":
    """The mailbox of that address, or the only one."""
    from placet.mailboxes.models import Mailbox

    if address:
        found = Mailbox.objects.filter(address=address.lower()).first()
        if found is None:
            raise CommandError(f"No mailbox {address} is set up.")
        return found
    boxes = list(Mailbox.objects.all()[:2])
    if len(boxes) > 1:
        raise CommandError("There are several mailboxes; say which one with --mailbox ADDRESS.")
    return boxes[0] if boxes else None


def _set(options: argparse.Namespace) -> int:
    from placet.approvals import engine
    from placet.mailboxes import store

    mailbox = find(options.mailbox)
    given: dict[str, Any] = {field.name: getattr(options, field.name) for field in STORED}
    expires_on = given.pop(SECRET_EXPIRES_ON)
    entered = {name: value for name, value in given.items() if value is not None}
    by = f"command line ({getpass.getuser()})"
    try:
        secret = _secret(options, mailbox)
        if mailbox is None:
            saved = store.save(entered, secret=secret, expires_on=expires_on, by=by)
        else:
            saved = store.change(entered, secret=secret, expires_on=expires_on, by=by, mailbox=mailbox)
        if options.confirm_mechanism:
            saved = store.confirm_mechanism(saved.mailbox, options.confirm_mechanism, by=by)
    except SettingsInvalid as error:
        labels = {field.name: f"{field.label} ({_option(field)})" for field in FIELDS}
        lines = [f"  {labels.get(name, name)}: {sentence}" for name, sentence in error.errors.items()]
        raise CommandError("\n".join(["Nothing was saved:", *lines])) from error
    for notice in saved.notices.values():
        say(notice)
    say(f"{saved.mailbox.address} is saved. Test it with: placet check")
    if saved.activated:
        waiting = len(engine.unasked())  # `placet.work` asks them
        if waiting:
            say(f"{waiting} open questions from before will be asked by mail.")
    return 0


def _secret(options: argparse.Namespace, mailbox: "Mailbox | None") -> str:
    if mailbox is not None and mailbox.secrets.get(SECRET) and not options.secret:
        return ""
    if sys.stdin.isatty():
        return getpass.getpass("Client secret (its Value): ")
    return sys.stdin.readline().strip()


def _show(options: argparse.Namespace) -> int:
    mailbox = find(options.mailbox)
    if mailbox is None:
        raise CommandError("No mailbox is set up yet. Begin with: placet mailbox set --help")
    width = max(len(field.label) for field in FIELDS)
    say(f"{'Type':<{width}}  {mailbox.get_kind_display()}")
    for field in FIELDS:
        say(f"{field.label:<{width}}  {_shown(mailbox, field)}")
    if mailbox.trouble:
        say(f"\nNot working: {mailbox.trouble['cause']} {mailbox.trouble['cure']}")
    return 0


def _shown(mailbox: "Mailbox", field: Field) -> str:
    if field.kind == "secret":
        if not mailbox.secret_set_at:
            return "not set"
        return f"set on {mailbox.secret_set_at:%Y-%m-%d} by {mailbox.secret_set_by} (never shown)"
    if field.kind == "date":
        return str(mailbox.secret_expires_on or "-")
    value = mailbox.settings.get(field.name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(part) for part in value) or "-"
    return "-" if value in (None, "") else str(value)
