"""Finding people by a part of their name."""

from placet.accounts.models import Person
from placet.lib.text_index import TextIndex

NAMES = TextIndex("accounts_person", "name", casefold=True)


def people_named(text: str, most: int) -> list[int] | None:
    """Ids of the people whose name holds this text, whatever its capitals. None where they are more than `most`, or
    where the index cannot tell."""
    if not NAMES.takes(text):
        return None
    may_be = NAMES.holding([text], most + 1)
    if len(may_be) > most:
        return None
    return list(
        Person.objects.filter(pk__in=may_be, name__casefold__contains=text).values_list("pk", flat=True)
    )
