"""Lengths of time as somebody enters them, as addresses carry them, and as they are read."""

import pytest

from placet.designer.lengths import entered, in_words, minutes_of


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("90 min", 90),
        ("90m", 90),
        ("3 h", 180),
        ("3 h 20 min", 200),
        ("2 d 4 h", 3120),
        (" 2 J 4 H ", 3120),
        ("2\u00a0j 4\u00a0h", 3120),
        ("0 min", 0),
        ("", None),
        ("90", None),
        ("soon", None),
        ("-3 h", None),
        ("3.5 h", None),
        ("3 h and more", None),
        ("\u0663 h", None),
        ("9" * 5000 + " h", None),
    ],
)
def test_what_is_entered_is_read_or_is_no_length(text: str, minutes: int | None) -> None:
    assert minutes_of(text) == minutes


def test_an_address_carries_each_exactly_and_so_do_its_words() -> None:
    for minutes in (*range(300), *range(300, 5000, 10), *range(5040, 100_000, 60)):
        assert minutes_of(entered(minutes)) == minutes
        if minutes < 2880 or not minutes % 60:  # as reports round them
            assert minutes_of(in_words(minutes)) == minutes
