"""Words in mails that are nobody's link, and times that everybody can read."""

import re
from datetime import UTC, datetime

import pytest
from django.conf import settings

from placet.accounts.models import Person
from placet.accounts.reader import as_read_by
from placet.mail.writing import no_links, when

ZERO_WIDTH = "\u200b"
# What mail programs make links of: addresses with a scheme, and names that end in a top-level domain.
LINKED = re.compile(
    r"://|\\\\|\bwww\.|\bmailto:|[\w+-]@[\w-]|[\w)-][.\u3002\uff0e\uff61][^\W\d_]", re.IGNORECASE
)

LINKS = [
    "https://evil.example/login",
    "www.evil.example",
    "WWW.2evil.example",
    "mailto:mallory@evil.example",
    "evil.example/x",
    "EVIL.EXAMPLE",
    "a@evil.example",
    "a@localhost",
    "sub-1.evil4.example:8080/x?y=z#a.b",
    "1e100.net",
    "пример.рф",
    "xn--e1afmkfd.xn--p1ai",
    "evil。example",
    "evil．example",
    "evil｡example",
    "evil.example.",
    "(evil.example)",
    r"\\evil\share",
]


@pytest.mark.parametrize("text", LINKS)
def test_nothing_that_somebody_writes_becomes_a_link(text: str) -> None:
    assert LINKED.search(text), "the test knows it for a link"
    assert not LINKED.search(no_links(text))
    assert no_links(text).replace(ZERO_WIDTH, "") == text


@pytest.mark.parametrize(
    "text",
    [
        "1.250,00 EUR",
        "1,250.00",
        "3.5.2",
        "Desk. Chair.",
        "…",
        "...",
        "10.",
        "12:30",
        "and/or",
        "50% @ 3 EUR",
        "",
    ],
)
def test_numbers_and_sentences_stay_as_they_are(text: str) -> None:
    assert no_links(text).replace(f"@{ZERO_WIDTH}", "@") == text


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["Mars/Olympus", "Europe", "../../etc/passwd", "x" * 64, ""])
def test_a_time_zone_that_is_not_known_is_the_installation_s(zone: str) -> None:
    moment = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    assert settings.TIME_ZONE == "UTC"
    with as_read_by(Person(zone=zone)):
        assert when(moment) == "24 November 2026, 10:00 UTC"


@pytest.mark.django_db
def test_times_are_those_of_the_reader() -> None:
    moment = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    for language, expected in (
        ("en", "25 November 2026, 00:30 CET"),
        ("fr", "25 novembre 2026 à 00:30 (CET)"),
    ):
        with as_read_by(Person(zone="Europe/Paris", language=language)):
            assert when(moment) == expected
