"""What is in bounds passes, whatever its form; what is not is refused, and nothing is read behind the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.lib.asn1 import DEEPEST, LONGEST_IDENTIFIER, MOST_ELEMENTS, TooMuch, must_be_bounded
from tests.signed_mails import Signing, issue

BOB = issue("Bob")
IDENTIFIER = b"\x06" + bytes([LONGEST_IDENTIFIER]) + b"\x01" * LONGEST_IDENTIFIER


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x05\x00",
        Signing(BOB, wrapped=True).sign(b"approve" * 10_000),
        b"\x24\x80" * DEEPEST + b"\x04\x01a" + b"\x00\x00" * DEEPEST,
        b"\x30\x80" + b"\x30\x04\x04\x02\x06\x84" + b"\x00\x00",  # what is not nested is not looked into
        b"\x30\x80\x30\x02\x05\x00\x00\x00" * 2,
        IDENTIFIER,
    ],
)
def test_what_is_in_bounds(data: bytes) -> None:
    must_be_bounded(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\x30",
        b"\x04\x02a",
        b"\x04\x84\xff\xff\xff\xffa",
        b"\x04\x80a\x00\x00",
        b"\x1f\x81\x01\x00",
        b"\x24\x80" * (DEEPEST + 1) + b"\x04\x01a" + b"\x00\x00" * (DEEPEST + 1),
        b"\x05\x00" * (MOST_ELEMENTS + 1),
        b"\x06" + bytes([LONGEST_IDENTIFIER + 1]) + b"\x01" * (LONGEST_IDENTIFIER + 1),
        b"\x30\x80" + b"\x06\x81\xff" + b"\x01" * 255 + b"\x00\x00",
    ],
)
def test_what_is_not(data: bytes) -> None:
    with pytest.raises(TooMuch):
        must_be_bounded(data)


@given(st.binary(max_size=60))
def test_anything_else_is_one_of_both(data: bytes) -> None:
    try:
        must_be_bounded(data)
    except TooMuch:
        return
