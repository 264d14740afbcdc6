"""Whose address is it? The only place that knows where addresses are kept."""

from collections.abc import Sequence

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from placet.accounts.models import Person

LONGEST_NAME = 200  # characters; of people and groups
LONGEST_ADDRESS = 254  # RFC 5321 4.5.3.1.3, less the brackets


class PersonInvalid(ValueError):
    """Nobody can be added like this; the message says what to change."""


def check_person(name: str, email: str) -> None:
    """PersonInvalid if the database could not keep them, or no mail could reach them."""
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise PersonInvalid(f"A name has 1 to {LONGEST_NAME} letters, on one line.")
    try:
        validate_email(normal(email))
    except ValidationError as error:
        raise PersonInvalid(f"{email} is not an e-mail address.") from error
    if len(normal(email)) > LONGEST_ADDRESS:
        raise PersonInvalid(f"An e-mail address has at most {LONGEST_ADDRESS} letters.")


def normal(address: str) -> str:
    """The spelling that addresses are kept and compared in (lower case; RFC 5321 lets hosts differ on the
    local part, but no mail system that people use does)."""
    return address.strip().lower()


def person_at(address: str) -> Person | None:
    """Whom a confirmed address belongs to."""
    found = EmailAddress.objects.filter(email=normal(address), verified=True).select_related("user").first()
    return None if found is None else found.user


def addresses_of(person: Person) -> set[str]:
    """Every confirmed address of a person."""
    return set(EmailAddress.objects.filter(user=person, verified=True).values_list("email", flat=True))


def add_person(
    name: str,
    email: str,
    *,
    password: str | None = None,
    manager: Person | None = None,
    administrator: bool = False,
) -> Person:
    """A new person whose address an administrator vouches for (it counts as confirmed). PersonInvalid for what
    cannot be kept; IntegrityError if the address is somebody else's."""
    check_person(name, email)
    person = Person.objects.create_user(
        email, password, name=name, manager=manager, is_administrator=administrator
    )
    add_address(person, email, primary=True)
    return person


def add_address(person: Person, address: str, *, primary: bool = False) -> None:
    """One more confirmed address. IntegrityError if it is somebody else's."""
    EmailAddress.objects.create(user=person, email=normal(address), verified=True, primary=primary)


def addresses_by_person(people: Sequence[Person]) -> dict[int, list[str]]:
    """Every confirmed address of several people, by their ids, with one query."""
    found = EmailAddress.objects.filter(user__in=people, verified=True).order_by("-primary", "email")
    addresses: dict[int, list[str]] = {}
    for person_id, address in found.values_list("user_id", "email"):
        addresses.setdefault(person_id, []).append(address)
    return addresses
