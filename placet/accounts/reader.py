"""In which language and time zone somebody reads."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.utils import timezone, translation

from placet.accounts.general import General, general, read_once
from placet.accounts.models import Person
from placet.lib.zones import zone_of

LANGUAGES = frozenset(code for code, _ in settings.LANGUAGES)


def language_of(person: Person) -> str:
    """The code that they chose; the installation's where they did not, or where it is not there any more."""
    return person.language if person.language in LANGUAGES else general().language


@contextmanager
def as_read_by(person: Person, said: General | None = None) -> Iterator[None]:
    """Texts and times inside are those of this person. `said`: `general()`, where somebody has it already."""
    if said is None:
        said = general()
    language = person.language if person.language in LANGUAGES else said.language
    with translation.override(language), timezone.override(zone_of(person.zone or said.zone)):
        yield


@contextmanager
def as_the_installation_reads() -> Iterator[None]:
    """For what is written for nobody in particular: reasons in the mail log, troubles of a mailbox. What the
    installation says of itself is read once for all that happens inside."""
    with read_once() as said, translation.override(said.language), timezone.override(zone_of(said.zone)):
        yield
