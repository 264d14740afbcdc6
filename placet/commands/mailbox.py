"""`placet mailbox`: the settings of the Remote Approval tab, from the command line."""

import argparse
import getpass
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from placet.cli import CommandError
from placet.commands import mailbox_consent, mailbox_discover, mailbox_stamps
from placet.commands.mailbox_named import find
from placet.commands.start import say, set_up
from placet.mailboxes.fields import SECRET, SECRET_EXPIRES_ON, Field
from placet.mailboxes.kinds import all_kinds, command_modules, label_of, signs_with, usual_kind
from placet.mailboxes.settings import SettingsInvalid

if TYPE_CHECKING:
    from placet.mailboxes.models import Mailbox


def fields() -> dict[str, Field]:
    """The settings of all kinds, by name; what several kinds have stands there once."""
    return {row.name: row for kind in all_kinds().values() for row in kind.settings_class.rows}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    of_kinds = command_modules()
    what = parser.add_subparsers(
        dest="what",
        required=True,
        metavar="|".join(["set", "discover", "show", "consent", "stamps", *of_kinds, "move", "remove"]),
    )
    change = what.add_parser(
        "set",
        help="set up the mailbox, or change what is named",
        epilog="A secret is never an argument: it is asked for, or read as one line from standard input.",
    )
    change.add_argument(
        "--kind", choices=_kinds(receive=True), help=f"of a new mailbox (default: {usual_kind()})"
    )
    change.add_argument(
        "--sending-kind", choices=_kinds(receive=False), help="what sends for a kind that only receives"
    )
    for field in fields().values():
        if field.kind != "secret":
            change.add_argument(
                _option(field), dest=field.name, help=field.help.replace("%", "%%"), metavar=_values(field)
            )
    change.add_argument("--secret", action="store_true", help="enter the secrets (again)")
    change.add_argument(
        "--confirm-mechanism",
        metavar="XX",
        help="mail authenticated in this way comes from colleagues (see check)",
    )
    mailbox_discover.add_arguments(what)
    consent = mailbox_consent.add_arguments(what)
    stamps = mailbox_stamps.add_arguments(what)
    for module in of_kinds.values():
        module.add_arguments(what)
    move = what.add_parser(
        "move",
        help="to Microsoft Graph, or back to Exchange Web Services, while Placet runs: checked first, then asked",
    )
    move.add_argument("--to", choices=["graph", "ews"], help="which way (default: the other one)")
    move.add_argument("--yes", action="store_true", help="move without asking, if the check passes")
    show = what.add_parser("show", help="how it is set up; the secret is never shown")
    remove = what.add_parser("remove", help="use it no more; what it received and sent stays")
    remove.add_argument("--yes", action="store_true", help="remove it without asking")
    for parser_ in (change, show, consent, stamps, move, remove):
        parser_.add_argument("--mailbox", metavar="ADDRESS", help="which one, where there are several")


def _kinds(*, receive: bool) -> list[str]:
    known = all_kinds()
    senders = {key for kind in known.values() for key in kind.sends_by}
    return [key for key, kind in known.items() if (kind.receives if receive else key in senders)]


def _option(field: Field) -> str:
    return "--" + field.name.replace("_", "-")


def _values(field: Field) -> str:
    """What help shows behind the option: the words that it takes, where only some will do."""
    if field.kind == "certificates":
        return "FILE"
    words = ("yes", "no") if field.kind == "bool" else [key for key, _label in field.choices]
    return "|".join(words) or "VALUE"


def run(options: argparse.Namespace) -> int:
    set_up()
    module = command_modules().get(options.what)
    if module is not None:
        code: int = module.run(options)
        return code
    if options.what == "consent":
        return mailbox_consent.run(options, find(options.mailbox))
    if options.what == "stamps":
        return mailbox_stamps.run(options, find(options.mailbox))
    if options.what == "discover":
        return mailbox_discover.run(options)
    return {"set": _set, "show": _show, "move": _move, "remove": _remove}[options.what](options)


def _set(options: argparse.Namespace) -> int:
    from placet.approvals import engine
    from placet.mailboxes import store

    mailbox = find(options.mailbox)
    entered = _entered(options)
    expires_on = entered.pop(SECRET_EXPIRES_ON, None)
    by = f"command line ({getpass.getuser()})"
    try:
        secrets = _secrets(options, mailbox, entered)
        if mailbox is None:
            saved = store.save(entered, secrets=secrets, expires_on=expires_on, by=by)
        else:
            saved = store.change(entered, secrets=secrets, expires_on=expires_on, by=by, mailbox=mailbox)
        if options.confirm_mechanism:
            saved = store.confirm_mechanism(saved.mailbox, options.confirm_mechanism, by=by)
    except SettingsInvalid as error:
        labels = {name: f"{field.label} ({_option(field)})" for name, field in fields().items()}
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


def _entered(options: argparse.Namespace) -> dict[str, Any]:
    """What was named; of files, what is in them."""
    from placet.mailboxes import store

    entered: dict[str, Any] = {}
    for name, field in fields().items():
        value = getattr(options, name, None)
        if value and field.kind == "certificates":
            value = _read_file(value)
        if value is not None:
            entered[name] = value
    kinds = {store.KIND: options.kind, store.SENDING_KIND: options.sending_kind}
    return {**entered, **{name: key for name, key in kinds.items() if key}}


def _read_file(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}") from error


def _secrets(
    options: argparse.Namespace, mailbox: "Mailbox | None", entered: dict[str, Any]
) -> dict[str, str]:
    """Those that the settings need and that are not stored, by field; all of them with --secret."""
    from placet.mailboxes import store
    from placet.mailboxes.secrets import CERTIFICATE

    of_kinds = store.kinds_of(entered, mailbox)
    changes = {name: text for name, text in entered.items() if name not in (store.KIND, store.SENDING_KIND)}
    before = of_kinds.read_of(mailbox.settings) if mailbox is not None else {}
    looked = of_kinds.look({**before, **changes})
    stored = mailbox.secrets if mailbox is not None else {}
    secrets = {}
    for settings in looked.all_settings:
        lent = settings.secrets_lent_by(looked.all_settings[0])
        for row in settings.rows:
            there = stored.get(row.name) or (row.name == SECRET and stored.get(CERTIFICATE))
            # Where somebody signs in later, nothing is asked for that comes with it.
            later = bool(settings.words_without_secret(row.name))
            wanted = row.kind == "secret" and settings.needs_secret(row.name)
            # What is typed for the application that receives serves the one that sends, too (`store.look`).
            again = lent.get(row.name) in secrets
            if wanted and not again and (options.secret or not (there or later)):
                secrets[row.name] = _ask(row)
    return secrets


def _ask(row: Field) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"{row.label}{' (its Value)' if row.name == SECRET else ''}: ")
    return sys.stdin.readline().strip()


def _show(options: argparse.Namespace) -> int:
    mailbox = find(options.mailbox)
    if mailbox is None:
        raise CommandError("No mailbox is set up yet. Begin with: placet mailbox set --help")
    from placet.mailboxes import store
    from placet.mailboxes.troubles import troubles_of

    try:
        of_kinds = store.kinds_of({}, mailbox)
    except SettingsInvalid as error:
        raise CommandError(str(error)) from error
    width = max(len(field.label) for field in of_kinds.rows)
    say(f"{'Type':<{width}}  {label_of(mailbox.kind)}")
    if of_kinds.sending is not None:
        say(f"{'Sends by':<{width}}  {label_of(of_kinds.sending.key)}")
    for field in of_kinds.rows:
        say(f"{_label(mailbox, field):<{width}}  {_shown(mailbox, field)}")
    for trouble in troubles_of(mailbox):
        said = " ".join(filter(None, (trouble.words, trouble.cause, trouble.cure)))
        say(f"\nNot working: {said}")
    return 0


def _remove(options: argparse.Namespace) -> int:
    from placet.mailboxes import removal

    mailbox = find(options.mailbox)
    if mailbox is None:
        raise CommandError("No mailbox is set up.")
    if not options.yes:
        say(f"Nothing is read from {mailbox.address} or sent by it any more, and its secret is deleted here.")
        say("What it received and sent stays. Replies to what it sent are not read any more.")
        if input("Remove it? [y/N] ").strip().lower() not in ("y", "yes"):
            say("It was left as it is.")
            return 1
    removal.remove(mailbox, by=f"command line ({getpass.getuser()})")
    say(f"{mailbox.address} was removed.")
    return 0


def _label(mailbox: "Mailbox", field: Field) -> str:
    if field.name == SECRET_EXPIRES_ON and signs_with(mailbox):
        return "Certificate expires on"
    return field.label


def _shown(mailbox: "Mailbox", field: Field) -> str:
    if field.kind == "secret":
        return _shown_secret(mailbox, field)
    if field.kind == "date":
        return str(mailbox.secret_expires_on or "-")
    value = mailbox.settings.get(field.name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if field.kind == "certificates":
        return f"{str(value or '').count('BEGIN CERTIFICATE')} certificates"
    if isinstance(value, list):
        return ", ".join(str(part) for part in value) or "-"
    return "-" if value in (None, "") else str(value)


def _shown_secret(mailbox: "Mailbox", field: Field) -> str:
    instead = signs_with(mailbox)
    if instead and field.name == SECRET:
        return instead
    if not mailbox.secrets.get(field.name):
        return "not set"
    if not mailbox.secret_set_at:
        return "set (never shown)"
    return f"set on {mailbox.secret_set_at:%Y-%m-%d} by {mailbox.secret_set_by} (never shown)"


def _move(options: argparse.Namespace) -> int:
    from placet.mail import moving
    from placet.mailboxes.base import MailboxError

    mailbox = find(options.mailbox)
    if mailbox is None:
        raise CommandError("No mailbox is set up yet. Begin with: placet mailbox set --help")
    protocol = options.to or moving.other(mailbox)
    if not protocol:
        raise CommandError("Its server speaks one protocol alone: there is nowhere to move it to.")
    from placet.mailboxes.kinds import protocol_label

    label = protocol_label(protocol)
    if protocol == mailbox.protocol:
        raise CommandError(f"{mailbox.address} goes through {label} already.")
    try:
        _check_move(mailbox, protocol)
        if not options.yes:
            _ask_to_move(mailbox, label)
        moved = moving.move(mailbox, protocol, by=f"command line ({getpass.getuser()})")
    except (moving.NotMoved, SettingsInvalid) as error:
        raise CommandError(str(error)) from error
    except MailboxError as error:
        raise CommandError(f"Nothing was changed. {error}") from error
    say(f"{mailbox.address} goes through {label} now. Mails under way taken along: {moved.renamed}.")
    if moved.by_fingerprint:
        say(f"Listed anew under other ids, and known by their headers: {moved.by_fingerprint}.")
    if moved.trouble is not None:
        say(f"The ids of mails could not be asked for: {moved.trouble.cause}")
    return 0


def _check_move(mailbox: "Mailbox", protocol: str) -> None:
    """Print the steps of the other way's test. CommandError if one fails."""
    from placet.commands.check import lines
    from placet.mail import moving
    from placet.mailboxes.others import must_stay_closed

    good = True
    with closing(moving.connection(mailbox, protocol)) as connection:
        for step in connection.check(must_stay_closed(mailbox)):
            good = good and step.ok
            say(lines(step))
    if not good:
        raise CommandError("Nothing was changed. Please mend what failed, then try again.")


def _ask_to_move(mailbox: "Mailbox", label: str) -> None:
    if not sys.stdin.isatty():
        raise CommandError("Everything is ready, and nothing was changed: say --yes to move it.")
    if input(f"\nMove {mailbox.address} to {label} now? [y/N] ").strip().lower() not in ("y", "yes"):
        raise CommandError("Nothing was changed.")
