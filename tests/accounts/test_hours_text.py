"""Hours of a day as people write them."""

import pytest

from placet.accounts.hours_text import (
    LONGEST_HOURS,
    MOST_SPANS,
    HoursInvalid,
    read_spans,
    week_in_words,
    write_spans,
)
from placet.lib.working_time import Span

DAY = (Span(540, 720), Span(780, 1020))


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("", ()),
        (" , ;", ()),
        ("9:00–12:00, 13:00–17:00", DAY),
        ("9:00-12:00,13:00-17:00", DAY),
        (" 09.00 — 12.00 ; 13h00−17h ", DAY),
        ("13-17, 9-12", DAY),
        ("9-12, 12-17", (Span(540, 1020),)),
        ("0:00–24:00", (Span(0, 1440),)),
        ("22:00–24:00", (Span(1320, 1440),)),
        ("8H30-12", (Span(510, 720),)),
    ],
)  # fmt: skip
def test_hours_are_read(text: str, spans: tuple[Span, ...]) -> None:
    assert read_spans(text) == spans
    assert read_spans(write_spans(spans)) == spans


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nine to five", "“nine to five” is no time such as 9:00–12:00"),
        ("9:00", "is no time such as"),
        ("9:00–12:00–13:00", "is no time such as"),
        ("9:00–12:00,,13-14", "is no time such as"),
        ("9:0–12:00", "is no time such as"),
        ("٩:٠٠–١٢:٠٠", "is no time such as"),
        ("<b>9-12</b>", "is no time such as"),
        ("9:60–12:00", "is no time of a day"),
        ("9:00–24:01", "is no time of a day"),
        ("25-26", "is no time of a day"),
        ("17:00–9:00", "ends before it begins"),
        ("22:00–6:00", "until 24:00 on the first"),
        ("9:00–9:00", "ends before it begins"),
        ("24:00–24:00", "ends before it begins"),
        ("9-12, 11-13", "9:00–12:00 and 11:00–13:00 overlap."),
        ("9-17, 10-11", "overlap"),
        ("9-12, 9-12", "overlap"),
        (",".join(f"{at}:00-{at}:30" for at in range(MOST_SPANS + 1)), f"at most {MOST_SPANS} times"),
        ("9" * (LONGEST_HOURS + 1), f"At most {LONGEST_HOURS} characters"),
        ("9-12\n13-17", "is no time such as"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(HoursInvalid, match=said.replace("(", "\\(")):
        read_spans(text)


def test_a_long_text_is_not_repeated_whole() -> None:
    with pytest.raises(HoursInvalid) as error:
        read_spans("x" * LONGEST_HOURS)
    assert len(str(error.value)) < 120


def test_days_with_the_same_hours_stand_together() -> None:
    week = (DAY, DAY, (), DAY, DAY, (), ())
    assert week_in_words(week) == [
        ("Monday – Tuesday", "9:00–12:00, 13:00–17:00"),
        ("Wednesday", "closed"),
        ("Thursday – Friday", "9:00–12:00, 13:00–17:00"),
        ("Saturday – Sunday", "closed"),
    ]
