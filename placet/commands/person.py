"""`placet person`: people, without the panel."""

import argparse
import getpass
import secrets
import sys

from placet.cli import CommandError
from placet.commands.start import say, set_up


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", required=True, metavar="add|list|manager|deactivate|password")
    add = what.add_parser("add", help="add somebody")
    add.add_argument("name")
    add.add_argument("address")
    add.add_argument("--manager", help="address of their manager")
    add.add_argument("--administrator", action="store_true")
    add.add_argument("--no-password", action="store_true", help="answers by mail only, cannot sign in")
    what.add_parser("list", help="who is there")
    manager = what.add_parser("manager", help="set somebody's manager")
    manager.add_argument("address")
    manager.add_argument("manager", help="address of the manager")
    for name, help_ in (("deactivate", "somebody leaves"), ("password", "set a new password")):
        what.add_parser(name, help=help_).add_argument("address")


def run(options: argparse.Namespace) -> int:
    set_up()
    return {
        "add": _add,
        "list": _list,
        "manager": _manager,
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
    manager = _find(options.manager) if options.manager else None
    password = None if options.no_password else ask_password()
    try:
        with transaction.atomic():
            person = add_person(
                options.name,
                options.address,
                password=password,
                manager=manager,
                administrator=options.administrator,
            )
    except IntegrityError as error:
        raise CommandError(f"{options.address} belongs to somebody already.") from error
    say(f"{person.name} <{person.email}> was added.")
    return 0


def _list(options: argparse.Namespace) -> int:
    from placet.accounts.models import Person

    for person in Person.objects.select_related("manager"):
        notes = [
            "administrator" if person.is_administrator else "",
            "" if person.is_active else "deactivated",
            f"manager: {person.manager}" if person.manager else "",
        ]
        say(f"{person.name} <{person.email}>  {', '.join(note for note in notes if note)}".rstrip())
    return 0


def _manager(options: argparse.Namespace) -> int:
    person, manager = _find(options.address), _find(options.manager)
    person.manager = manager
    person.save(update_fields=["manager"])
    say(f"{manager.name} is the manager of {person.name} now.")
    return 0


def _deactivate(options: argparse.Namespace) -> int:
    from placet.accounts.models import Person
    from placet.approvals import engine

    person = _find(options.address)
    administrator = Person.objects.filter(is_administrator=True, is_active=True).exclude(pk=person.pk).first()
    if administrator is None:
        raise CommandError(f"{person.name} is the only administrator. Add another one first.")
    engine.deactivate(person, by=administrator)
    say(f"{person.name} was deactivated; their open questions were put to others.")
    return 0


def _password(options: argparse.Namespace) -> int:
    person = _find(options.address)
    person.set_password(ask_password())
    person.save(update_fields=["password"])
    say(f"{person.name} has a new password.")
    return 0


def _find(address: str):  # type: ignore[no-untyped-def]  # Person cannot be imported before set_up
    from placet.accounts.addresses import person_at

    person = person_at(address)
    if person is None:
        raise CommandError(f"There is nobody with the address {address}.")
    return person


def ask_password() -> str:
    """Typed twice at a terminal; read as one line from a pipe; an empty one is made up and shown."""
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

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
        validate_password(password)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from error
    return password
