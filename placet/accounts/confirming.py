"""Whether an address is somebody's, asked by a link in a mail to an address that is known to be theirs.

The link is signed, names one person, one address and what it is about, and is good for a week. Opening it changes
nothing; what its answer changes is for the caller to do once.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from placet.accounts.addresses import LONGEST_ADDRESS, add_address, normal, person_at
from placet.accounts.models import Person
from placet.lib.domains import is_address

LASTS = timedelta(days=7)
_SALT = "placet.accounts.confirming"
# Letters, digits, "-", "_" and "." only: no mail program ends or rewrites a link at one of them.
_SEPARATOR = "."


@dataclass(frozen=True)
class Claim:
    """That an address is a person's. `about` names what the question came from."""

    person: int  # id
    address: str
    about: str


class ClaimInvalid(Exception):
    """The link does not hold; the message says why and what to do."""


class AddressTaken(Exception):
    """The address belongs to somebody else by now."""


def signed(claim: Claim) -> str:
    """For a link. It is no secret kept here: whoever has the mail may answer."""
    return _signer().sign_object([claim.person, claim.address, claim.about])


def claim_of(link: str) -> Claim:
    """What a link says. ClaimInvalid if it was not made here, or is too old."""
    try:
        person, address, about = _signer().unsign_object(link, max_age=LASTS)
    except signing.SignatureExpired as error:
        raise ClaimInvalid(
            _("This link is older than a week. Ask your administrator to send you another one.")
        ) from error
    except signing.BadSignature as error:
        raise ClaimInvalid(
            _("This link is not complete. Open it from the mail once more, or copy the whole of it.")
        ) from error
    return Claim(person, address, about)


def _signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=_SALT, sep=_SEPARATOR, key=settings.SECRET_KEY)


def is_free(address: str) -> bool:
    """Whether it is an address that could be added to somebody's."""
    if not is_address(normal(address)):
        return False
    known = Person.objects.filter(email=normal(address)).exists() or person_at(address) is not None
    return len(normal(address)) <= LONGEST_ADDRESS and not known


def confirmed(person: Person, address: str) -> None:
    """The address is theirs from now on. AddressTaken if somebody else has it."""
    try:
        with transaction.atomic():
            add_address(person, address)
    except IntegrityError as error:
        if person_at(address) != person:
            raise AddressTaken from error
