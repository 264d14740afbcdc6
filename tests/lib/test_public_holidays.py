"""Holidays of countries and their regions, and what there is to choose from."""

from datetime import date

import pytest
from django.utils import translation

from placet.lib.holiday_names import translated
from placet.lib.public_holidays import (
    PUBLIC,
    Observed,
    categories,
    countries,
    holidays_in,
    is_known,
    known_until,
    library,
    subdivisions,
    weekend,
)

BAVARIA = Observed("DE", "BY", (PUBLIC,))


def test_a_region_has_holidays_that_others_do_not_have() -> None:
    bavaria = holidays_in(2026, BAVARIA, "en")
    assert len(bavaria) == 12
    assert bavaria[date(2026, 1, 6)] == "Epiphany"
    assert date(2026, 1, 6) not in holidays_in(2026, Observed("DE", "BE", (PUBLIC,)), "en")
    assert {day.year for day in bavaria} == {2026}
    assert holidays_in(2026, Observed(), "en") == {}
    assert holidays_in(2500, BAVARIA, "en") == {}


def test_categories_add_to_public_holidays() -> None:
    with_catholic = holidays_in(2026, Observed("DE", "BY", ("catholic", PUBLIC)), "en")
    assert date(2026, 8, 15) in with_catholic and date(2026, 8, 15) not in holidays_in(2026, BAVARIA, "en")


@pytest.mark.parametrize(
    ("country", "language", "name"),
    [("FR", "fr", "Jour de l'an"), ("FR", "en", "New Year's Day"), ("DE", "fr", "Jour de l’an"),
     ("DE", "de-at", "Neujahr"), ("DE", "", "New Year's Day"), ("PK", "xx", "New Year's Day")],
)  # fmt: skip
def test_names_are_in_the_readers_language_or_in_english(country: str, language: str, name: str) -> None:
    year = 2026 if country != "PK" else 2023
    assert holidays_in(year, Observed(country, "", (PUBLIC,)), language).get(date(year, 1, 1), name) == name


def test_names_that_the_library_has_in_english_only_are_translated_as_far_as_they_are_known() -> None:
    assert translated("Good Friday; Labor Day (estimated)") == "Good Friday; Labor Day (estimated)"
    with translation.override("fr"):
        assert translated("Good Friday; Labor Day (estimated)") == "Vendredi saint; Fête du travail (estimé)"
        assert translated("Bavarian Day of Nothing (estimated)") == "Bavarian Day of Nothing (estimated)"
    german = holidays_in(2026, Observed("DE", "", (PUBLIC,)), "fr")
    assert german[date(2026, 4, 3)] == "Vendredi saint"
    assert german[date(2026, 12, 26)] == "Lendemain de Noël"


def test_what_the_environment_of_the_process_says_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "th")
    holidays_in.cache_clear()
    assert "Christmas Day" in holidays_in(2026, BAVARIA, "en").values()


def test_what_nobody_has_announced_yet_is_estimated() -> None:
    emirates = Observed("AE", "", (PUBLIC,))
    assert any("(estimated)" in name for name in holidays_in(2040, emirates, "en").values())
    morocco = Observed("MA", "", (PUBLIC,))
    assert any("(estimé)" in name for name in holidays_in(2040, morocco, "fr").values())


def test_a_weekend_may_be_friday_and_saturday() -> None:
    assert weekend("SA", 2026) == {4, 5}
    assert weekend("DE", 2026) == {5, 6}
    assert weekend("XX", 2026) == frozenset()


def test_countries_are_called_as_the_reader_does_and_in_that_order() -> None:
    english, french = dict(countries("en")), dict(countries("fr"))
    assert (english["DE"], french["DE"]) == ("Germany", "Allemagne")
    assert len(english) >= 250
    assert all(name != code for code, name in english.items())
    names = [name for _code, name in countries("en")]
    assert names.index("Åland Islands") < names.index("Brazil")


def test_regions_are_called_as_their_country_does() -> None:
    assert ("BY", "Bayern (BY)") in subdivisions("DE")
    assert (known_until("LK"), known_until("DE"), known_until("XX")) == (2026, 2100, 0)
    assert subdivisions("VA") == [] and subdivisions("XX") == ()
    assert categories("DE") == [PUBLIC, "catholic", "school"] and categories("XX") == ()


@pytest.mark.parametrize(
    ("observed", "known"),
    [(Observed(), True), (BAVARIA, True), (Observed("DE"), True), (Observed("XX"), False),
     (Observed("DE", "XX"), False),
     (Observed("DE", "", ("islamic",)), False), (Observed("", "BY"), False), (Observed("", "", (PUBLIC,)), False)],
)  # fmt: skip
def test_what_is_not_known_is_noticed(observed: Observed, known: bool) -> None:
    assert is_known(observed) is known


def test_what_an_update_took_away_closes_nothing_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    holidays_in.cache_clear()
    assert holidays_in(2026, Observed("DE", "ATLANTIS", (PUBLIC,))) == {}
    assert "holidays_unknown" in caplog.text


def test_the_library_is_named_with_its_version() -> None:
    assert library().startswith("holidays 0.")
