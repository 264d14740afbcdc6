"""Whose address is it? The only place that knows where addresses are kept."""

from collections.abc import Collection, Iterable, Sequence

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.lib.domains import is_address, spelled_as_in_mails
from placet.lib.prepared import Prepared

LONGEST_NAME = 200  # characters; of people and groups
LONGEST_ADDRESS = 254  # RFC 5321 4.5.3.1.3, less the brackets
_AT_ONCE = 1000  # addresses in one query


class PersonInvalid(ValueError):
    """Nobody can be kept like this; the message says what to change."""


def check_person(name: str, email: str) -> None:
    """PersonInvalid if the database could not keep them, or no mail could reach them."""
    check_name(name)
    check_address(email)


def check_name(name: str) -> None:
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise PersonInvalid(_("A name has 1 to {longest} letters, on one line.").format(longest=LONGEST_NAME))


def check_address(email: str) -> None:
    if not is_address(normal(email)):
        raise PersonInvalid(_("“{address}” is not an e-mail address.").format(address=email))
    if len(normal(email)) > LONGEST_ADDRESS:
        raise PersonInvalid(
            _("An e-mail address has at most {longest} letters.").format(longest=LONGEST_ADDRESS)
        )


def normal(address: str) -> str:
    """The spelling that addresses are kept and compared in: lower case (RFC 5321 lets hosts differ on the
    local part, but no mail system that people use does), and the domain as mails have it. What cannot be so is no
    address (`check_address`) and stays as it is."""
    return spelled_as_in_mails(address.strip().lower())


def person_at(address: str) -> Person | None:
    """Whom a confirmed address belongs to."""
    found = EmailAddress.objects.filter(email=normal(address), verified=True).select_related("user").first()
    return None if found is None else found.user


def somebodys(addresses: Collection[str]) -> set[str]:
    """Those of these addresses that are a person's, confirmed or not."""
    wanted = {normal(address) for address in addresses}
    if not wanted:
        return set()
    entered = EmailAddress.objects.filter(email__in=wanted).values_list("email", flat=True)
    signed_in_with = Person.objects.filter(email__in=wanted).values_list("email", flat=True)
    return {normal(address) for address in (*entered, *signed_in_with)}


def people_at(addresses: Iterable[str]) -> dict[str, Person]:
    """Whom confirmed addresses belong to, by their normal spelling; what belongs to nobody is left out."""
    wanted = sorted({normal(address) for address in addresses})
    found: dict[str, Person] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        rows = EmailAddress.objects.filter(email__in=wanted[start : start + _AT_ONCE], verified=True)
        found.update({row.email: row.user for row in rows.select_related("user")})
    return found


def has_address_with(text: str) -> Exists:
    """For queries of people: one of their confirmed addresses holds this text."""
    own = EmailAddress.objects.filter(user=OuterRef("pk"), verified=True)
    return Exists(own.filter(email__contains=normal(text)))


def addresses_of(person: Person) -> set[str]:
    """Every confirmed address of a person."""
    return set(_CONFIRMED(person=person.pk))


_CONFIRMED = Prepared(
    lambda given: EmailAddress.objects.filter(user=given("person"), verified=True).values_list(
        "email", flat=True
    )
)


def add_person(
    name: str,
    email: str,
    *,
    password: str | None = None,
    manager: Person | None = None,
    administrator: bool = False,
    process_owner: bool = False,
) -> Person:
    """A new person whose address an administrator vouches for (it counts as confirmed). PersonInvalid for what
    cannot be kept; IntegrityError if the address is somebody else's."""
    check_person(name, email)
    person = Person.objects.create_user(
        normal(email),
        password,
        name=name,
        manager=manager,
        is_administrator=administrator,
        is_process_owner=process_owner,
    )
    add_address(person, email, primary=True)
    return person


def add_address(person: Person, address: str, *, primary: bool = False) -> None:
    """One more confirmed address. IntegrityError if it is somebody else's."""
    EmailAddress.objects.create(user=person, email=normal(address), verified=True, primary=primary)


def add_people(people: Sequence[Person]) -> None:
    """Many new people, checked before (`check_person`), each with their `email` as confirmed address.
    IntegrityError if one of the addresses is somebody's."""
    Person.objects.bulk_create(people)
    EmailAddress.objects.bulk_create(
        [EmailAddress(user=person, email=person.email, verified=True, primary=True) for person in people]
    )


@transaction.atomic
def remove_address(person: Person, address: str) -> None:
    """PersonInvalid for the one they sign in with (so the last one stays), and for what is not theirs."""
    _lock(person)
    found = _own(person, address)
    if found.primary or found.email == person.email:
        raise PersonInvalid(_("This is the sign-in address. Make another one the sign-in address first."))
    found.delete()


@transaction.atomic
def make_primary(person: Person, address: str) -> None:
    """They sign in with this one of their addresses from now on, and are written to there."""
    _lock(person)
    found = _own(person, address)
    EmailAddress.objects.filter(user=person, primary=True).update(primary=False)
    EmailAddress.objects.filter(pk=found.pk).update(primary=True)
    Person.objects.filter(pk=person.pk).update(email=found.email)
    person.email = found.email


def _lock(person: Person) -> None:
    """Two changes of one person's addresses follow each other."""
    person.refresh_from_db(from_queryset=Person.objects.select_for_update())


def _own(person: Person, address: str) -> EmailAddress:
    found = EmailAddress.objects.filter(user=person, email=normal(address), verified=True).first()
    if found is None:
        raise PersonInvalid(_("This address is not theirs any more."))
    return found


def addresses_by_person(people: Sequence[Person] | Sequence[int]) -> dict[int, list[str]]:
    """Every confirmed address of several people (or of those with these ids), by their ids, with one query."""
    found = EmailAddress.objects.filter(user__in=people, verified=True).order_by("-primary", "email")
    addresses: dict[int, list[str]] = {}
    for person_id, address in found.values_list("user_id", "email"):
        addresses.setdefault(person_id, []).append(address)
    return addresses
