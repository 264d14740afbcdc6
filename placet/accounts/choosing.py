"""Whom somebody means who types a name or an address: exactly one, or a few of those who may be meant; never the whole
directory."""

import re

from django.db.models import Q

from placet.accounts.addresses import LONGEST_ADDRESS, LONGEST_NAME, has_address_with, person_at
from placet.accounts.models import Person

SHORTEST = 2  # letters that somebody is looked for by
LONGEST = LONGEST_NAME + LONGEST_ADDRESS + len(" <>")  # of what is typed
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"]+@[^\s<>()\[\],;:\"]+")


def exactly(text: str, most: int) -> list[Person]:
    """Active people who have this full name, in capitals or not; or the one who has the address that stands in it."""
    addresses = {address.strip(".").lower() for address in _ADDRESS.findall(text)}
    if not addresses:
        name = " ".join(text.split())
        return list(Person.objects.filter(name__casefold=name, is_active=True).order_by("pk")[:most])
    address = addresses.pop()
    person = person_at(address) if not addresses and len(address) <= LONGEST_ADDRESS else None
    return [person] if person is not None and person.is_active else []


def called(text: str) -> Q:
    """Who has this in their name or in one of their addresses."""
    return Q(name__casefold__contains=text) | Q(has_address_with(text))


def named(text: str, most: int) -> list[Person]:
    """Active people, by the whole text, else by its last word of some length."""
    words = [word.strip(".,;") for word in text.split()]
    longer = [word for word in words if len(word) > SHORTEST]
    for sought in (" ".join(words), *longer[-1:]):
        if len(sought) >= SHORTEST:
            found = list(Person.objects.filter(called(sought), is_active=True)[:most])
            if found:
                return found
    return []
