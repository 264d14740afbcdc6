"""`placet person`: people, without the panel."""

import argparse
import getpass
import secrets
import sys
from decimal import Decimal
from pathlib import Path

from placet.cli import CommandError
from placet.commands.start import say, set_up
from placet.lib.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(
        dest="what", required=True, metavar="add|list|import|manager|limit|process-owner|deactivate|password"
    )
    add = what.add_parser("add", help="add somebody")
    add.add_argument("name")
    add.add_argument("address")
    add.add_argument("--manager", help="address of their manager")
    add.add_argument("--limit", help="up to which amount they approve by themselves, such as 5000")
    add.add_argument("--administrator", action="store_true")
    add.add_argument("--process-owner", action="store_true", help="may make processes, and own some")
    add.add_argument("--no-password", action="store_true", help="answers by mail only, cannot sign in")
    what.add_parser("list", help="who is there")
    file = what.add_parser(
        "import", help="people from a CSV file: says what it would do, and does it if told"
    )
    file.add_argument("file", type=Path)
    file.add_argument("--apply", action="store_true", help="do it")
    file.add_argument(
        "--leave-groups",
        action="store_true",
        help="take people out of groups that the file does not give them",
    )
    manager = what.add_parser("manager", help="set somebody's manager")
    manager.add_argument("address")
    manager.add_argument("manager", help="address of the manager")
    limit = what.add_parser("limit", help="set up to which amount somebody approves by themselves")
    limit.add_argument("address")
    limit.add_argument("limit", help="such as 5000 or 5000.00; none takes it away")
    owner = what.add_parser("process-owner", help="give somebody the role of a process owner, or take it")
    owner.add_argument("address")
    owner.add_argument("wanted", choices=["yes", "no"])
    for name, help_ in (("deactivate", "somebody leaves"), ("password", "set a new password")):
        what.add_parser(name, help=help_).add_argument("address")


def run(options: argparse.Namespace) -> int:
    set_up()
    return {
        "add": _add,
        "list": _list,
        "import": _import,
        "manager": _manager,
        "limit": _limit,
        "process-owner": _process_owner,
        "deactivate": _deactivate,
        "password": _password,
    }[options.what](options)


def _add(options: argparse.Namespace) -> int:
    from django.db import IntegrityError, transaction

    from placet.accounts.addresses import PersonInvalid, add_person, check_person

    try:
        check_person(options.name, options.address)
    except PersonInvalid as error:
        raise CommandError(str(error)) from error
    manager = find_person(options.manager) if options.manager else None
    limit = _read_limit(options.limit) if options.limit else None
    password = None if options.no_password else ask_password(options.name, options.address)
    try:
        with transaction.atomic():
            person = add_person(
                options.name,
                options.address,
                password=password,
                manager=manager,
                administrator=options.administrator,
                process_owner=options.process_owner,
            )
            if limit is not None:
                person.approval_limit = limit
                person.save(update_fields=["approval_limit"])
    except IntegrityError as error:
        raise CommandError(f"{options.address} belongs to somebody already.") from error
    say(f"{person.name} <{person.email}> was added.")
    return 0


def _list(options: argparse.Namespace) -> int:
    from placet.accounts.models import Person

    for person in Person.objects.select_related("manager"):
        notes = [
            "administrator" if person.is_administrator else "",
            "process owner" if person.is_process_owner else "",
            "" if person.is_active else "deactivated",
            f"manager: {person.manager}" if person.manager else "",
            f"limit: {person.approval_limit:.2f}" if person.approval_limit is not None else "",
        ]
        say(f"{person.name} <{person.email}>  {', '.join(note for note in notes if note)}".rstrip())
    return 0


def _import(options: argparse.Namespace) -> int:
    """What each row does, errors first. The column of administrators is not read: roles are given on the page."""
    from placet.accounts.importing import CHANGED, NEW, ChangedMeanwhile, Options, carry_out, plan
    from placet.accounts.models import Person
    from placet.accounts.people_csv import LARGEST, FileInvalid, read

    try:
        with options.file.open("rb") as file:
            table = read(file.read(LARGEST + 1))
    except OSError as error:
        raise CommandError(f"{options.file} cannot be read: {error.strerror}.") from error
    except FileInvalid as error:
        raise CommandError(str(error)) from error
    chosen, nobody = Options(leave_groups=options.leave_groups), Person()
    with Progress("Rows compared", len(table.rows)) as progress:
        planned = plan(table, chosen, nobody, progress.advance)
    for row in planned.of():
        changes = "; ".join(f"{c.field}: {c.before} → {c.after}" for c in row.changes)
        line = f"line {row.line}: {row.kind}: {row.address}  {' '.join(row.errors) or changes}".rstrip()
        say("".join(c if c.isprintable() else "\ufffd" for c in line))  # nothing that a terminal would obey
    say(", ".join(f"{count} {kind}" for kind, count in planned.counts.items()))
    if options.apply:
        steps = 2 * len(table.rows) + planned.counts[NEW] + planned.counts[CHANGED]
        try:
            with Progress("Compared once more, and written", steps) as progress:
                carry_out(table, chosen, nobody, planned.fingerprint, progress.advance)
        except ChangedMeanwhile as error:
            raise CommandError(
                "People were changed in this very moment; nothing was done. Try again."
            ) from error
        say("Done." if planned.does_something else "There was nothing to do.")
    elif planned.does_something:
        say("Nothing was changed. To do it, add --apply.")
    return 0


def _manager(options: argparse.Namespace) -> int:
    person, manager = find_person(options.address), find_person(options.manager)
    person.manager = manager
    person.save(update_fields=["manager"])
    say(f"{manager.name} is the manager of {person.name} now.")
    return 0


def _limit(options: argparse.Namespace) -> int:
    person, limit = find_person(options.address), _read_limit(options.limit)
    person.approval_limit = limit
    person.save(update_fields=["approval_limit"])
    say(f"{person.name} {'has no approval limit' if limit is None else f'approves up to {limit:.2f}'} now.")
    return 0


def _process_owner(options: argparse.Namespace) -> int:
    person = find_person(options.address)
    person.is_process_owner = options.wanted == "yes"
    person.save(update_fields=["is_process_owner"])
    say(f"{person.name} {'is a process owner' if person.is_process_owner else 'is no process owner'} now.")
    return 0


def _read_limit(text: str) -> Decimal | None:
    from placet.accounts.addresses import PersonInvalid
    from placet.accounts.limits import read_limit

    try:
        return read_limit(text)
    except PersonInvalid as error:
        raise CommandError(str(error)) from error


def _deactivate(options: argparse.Namespace) -> int:
    from placet.accounts.models import Person
    from placet.approvals import engine

    person = find_person(options.address)
    administrator = Person.objects.filter(is_administrator=True, is_active=True).exclude(pk=person.pk).first()
    if administrator is None:
        raise CommandError(f"{person.name} is the only administrator. Add another one first.")
    engine.deactivate(person, by=administrator)
    say(f"{person.name} was deactivated; their open questions were put to others.")
    return 0


def _password(options: argparse.Namespace) -> int:
    person = find_person(options.address)
    person.set_password(ask_password(person.name, person.email))
    person.save(update_fields=["password"])
    say(f"{person.name} has a new password.")
    return 0


def find_person(address: str):  # type: ignore[no-untyped-def]  # Person cannot be imported before set_up
    from placet.accounts.addresses import person_at

    person = person_at(address)
    if person is None:
        raise CommandError(f"There is nobody with the address {address}.")
    return person


def ask_password(name: str, address: str) -> str:
    """Of somebody with this name and address. Typed twice at a terminal; read as one line from a pipe; an empty one is
    made up and shown. CommandError for one that is too easy to guess."""
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    from placet.accounts.models import Person

    if sys.stdin.isatty():
        password = getpass.getpass("Password (empty: one is made up): ")
        if password and password != getpass.getpass("Again: "):
            raise CommandError("The two passwords differ.")
    else:
        password = sys.stdin.readline().rstrip("\n")
    if not password:
        password = secrets.token_urlsafe(12)
        say(f"Password: {password}")
        return password
    try:
        validate_password(password, Person(name=name, email=address))
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from error
    return password
