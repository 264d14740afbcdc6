"""Approval limits, as people write them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.accounts.addresses import PersonInvalid
from placet.accounts.limits import LARGEST_LIMIT, read_limit, written_limit


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("5000", "5000.00"),
        ("0", "0.00"),
        (" 5000.5 ", "5000.50"),
        ("5000,50", "5000.50"),
        ("5,000", "5000.00"),
        ("5,000.25", "5000.25"),
        ("5.000,25", "5000.25"),
        ("1,234,567.8", "1234567.80"),
        ("1.234.567,8", "1234567.80"),
        ("5 000", "5000.00"),
        ("5\u00a0000,00", "5000.00"),
        ("5\u202f000", "5000.00"),
        ("5'000.00", "5000.00"),
        ("5\u2019000", "5000.00"),
        ("1000000000000", "1000000000000.00"),
    ],
)
def test_amounts_are_read_as_they_are_written(text: str, limit: str) -> None:
    assert str(read_limit(text)) == limit


@pytest.mark.parametrize("text", ["none", "None", " NONE ", "aucun", "Aucune"])
def test_none_takes_a_limit_away(text: str) -> None:
    assert read_limit(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "5.000",  # five, or five thousand?
        "1.234.567",
        "5000.125",
        "5,0000",
        "0,500.00",
        "1,23,456",
        "1,234,5",
        "-1",
        "+1",
        "1e3",
        "½",
        "٥٠٠٠",  # what no column of ours would show again
        "5000 EUR",
        "unlimited",
        "NaN",
        "5000\x00",
        "9" * 14,
        ".5",
        "5.",
        "",
    ],
)
def test_what_is_no_amount_or_could_be_two_is_refused(text: str) -> None:
    with pytest.raises(PersonInvalid, match="Write an amount such as 5000"):
        read_limit(text)


def test_a_limit_has_an_end() -> None:
    assert read_limit("1,000,000,000,000.00") == LARGEST_LIMIT
    with pytest.raises(PersonInvalid, match="at most"):
        read_limit("1,000,000,000,000.01")


@given(st.decimals(0, LARGEST_LIMIT, places=2, allow_nan=False))
def test_what_is_written_is_read_again(limit: Decimal) -> None:
    assert read_limit(written_limit(limit)) == limit


def test_no_limit_is_an_empty_cell() -> None:
    assert written_limit(None) == ""
