"""Shapes that several kinds of things are made of."""

from placet.accounts.models import Person
from placet.api.bodies import Shape


class PersonShape(Shape):
    """Somebody. `address`: the one that they are written to."""

    id: str
    name: str
    address: str


def person_shape(person: Person) -> PersonShape:
    return PersonShape(id=str(person.pk), name=person.name, address=person.email)
