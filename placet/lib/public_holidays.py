"""Public holidays, by the library `holidays`, and countries in words, by Babel.

Both are imported when somebody asks: together they would take a quarter of a second of every start. Holidays that hang
on the moon and that nobody has announced yet are called "(estimated)" by the library, and here.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING

import structlog
from django.utils import translation

from placet.lib.holiday_names import translated

if TYPE_CHECKING:
    from holidays import HolidayBase

log = structlog.get_logger(__name__)

PUBLIC = "public"  # the category that every country has
_AT_ONCE = 2000  # years of countries that are kept
_ENGLISH = "en"


@dataclass(frozen=True)
class Observed:
    """Whose holidays are kept: those of some categories in a country, or in a part of it. Without one: nobody's."""

    country: str = ""
    subdivision: str = ""
    categories: tuple[str, ...] = ()


def library() -> str:
    """What knows the holidays, with its version: another one may know others."""
    return f"holidays {version('holidays')}"


@lru_cache(_AT_ONCE)
def holidays_in(year: int, observed: Observed, language: str = "") -> Mapping[date, str]:
    """The holidays of a year, each with its name in this language (a code such as "fr") where the library has it."""
    if not observed.country:
        return {}
    from holidays import country_holidays

    spoken = _spoken(observed.country, language)
    try:
        names: dict[date, str] = dict(
            country_holidays(
                observed.country,
                subdiv=observed.subdivision or None,
                years=year,
                categories=observed.categories or (PUBLIC,),
                language=spoken,
            )
        )
        return _in(language, names) if spoken != language else names
    except (NotImplementedError, ValueError) as error:  # an update of the library took it away
        log.error("holidays_unknown", country=observed.country, error=str(error))
        return {}


def is_known(observed: Observed) -> bool:
    """Whether the library has holidays of all this."""
    if not observed.country:
        return not observed.subdivision and not observed.categories
    if observed.country not in _codes():
        return False
    country = _country(observed.country)
    return (not observed.subdivision or observed.subdivision in country.subdivisions) and {
        *observed.categories
    } <= {*country.supported_categories}


# --- what there is to choose from -------------------------------------------------------------------------


@cache
def countries(language: str) -> Sequence[tuple[str, str]]:
    """Code and name of each, in the order of the names in this language."""
    from babel import Locale

    names = Locale.parse(language, sep="-").territories
    return sorted(((code, names.get(code, code)) for code in _codes()), key=lambda one: _sorted_as(one[1]))


def _sorted_as(name: str) -> str:
    """Without accents: Å stands with A."""
    return "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))


def subdivisions(country: str) -> Sequence[tuple[str, str]]:
    """Code and name of each part that has holidays of its own, as the country calls it; () of an unknown country."""
    if country not in _codes():
        return ()
    about = _country(country)
    names: dict[str, str] = {}
    for name, code in about.subdivisions_aliases.items():
        names.setdefault(code, name)
    labels = ((code, f"{names[code]} ({code})" if code in names else code) for code in about.subdivisions)
    return sorted(labels, key=lambda one: _sorted_as(one[1]))


def categories(country: str) -> Sequence[str]:
    """Public ones first; () of an unknown country."""
    if country not in _codes():
        return ()
    return sorted(_country(country).supported_categories, key=lambda name: (name != PUBLIC, name))


def weekend(country: str, year: int) -> frozenset[int]:
    """Its days of the week, Monday being 0; none of an unknown country."""
    if country not in _codes():
        return frozenset()
    from holidays import country_holidays

    return frozenset(country_holidays(country, years=year).weekend)


def known_until(country: str) -> int:
    """The last year that the library has holidays of; 0 of an unknown country."""
    return _country(country).end_year if country in _codes() else 0


# --- the library ------------------------------------------------------------------------------------------


@cache
def _codes() -> frozenset[str]:
    return frozenset(_listed())


def _listed() -> Iterator[str]:
    """`list_supported_countries` says the same in a second, because it loads every country."""
    from holidays.registry import COUNTRIES

    for _name, code, *_others in COUNTRIES.values():
        yield code


@cache
def _country(code: str) -> "HolidayBase":
    """Without holidays of any year."""
    from holidays import country_holidays

    return country_holidays(code)


def _in(language: str, names: Mapping[date, str]) -> Mapping[date, str]:
    """Names that the library does not have in a language, in that one as far as we know them."""
    if not language:
        return names
    with translation.override(language):
        return {day: translated(name) for day, name in names.items()}


def _spoken(country: str, language: str) -> str | None:
    """Which of the country's languages its holidays are named in: the one that is wanted, else English, else its own.
    Always said: the library would otherwise take what the environment of the process says."""
    if country not in _codes():
        return None
    about = _country(country)
    for wanted in (language, _ENGLISH):
        for spoken in about.supported_languages:
            if wanted and spoken.partition("_")[0] == wanted.partition("-")[0]:
                return spoken
    return about.default_language
