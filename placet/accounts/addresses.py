"""Whose address is it? The only place that knows where addresses are kept."""

from collections.abc import Sequence

from allauth.account.models import EmailAddress

from placet.accounts.models import Person


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
    """A new person whose address an administrator vouches for (it counts as confirmed)."""
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
