"""Words for times, names and texts."""

from datetime import UTC, datetime, timedelta

import pytest
from django.template import Context, Template
from django.utils.html import escape

from placet.portal.path import listed
from placet.portal.templatetags.pages import beginning, breakable, in_words, moment, visible, without_codes

NOW = datetime(2026, 11, 25, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "just now"),
        (0.5, "in a moment"),
        (-1, "1 minute ago"),
        (-59, "59 minutes ago"),
        (120, "in 2 hours"),
        (-14 * 60 - 5, "yesterday at 23:55"),
        (15 * 60, "tomorrow at 05:00"),
        (-3 * 24 * 60, "3 days ago"),
        (-30 * 24 * 60, "26 October 2026"),
    ],
)
def test_a_time_is_said_in_words(minutes: float, words: str) -> None:
    assert in_words(NOW + timedelta(minutes=minutes), NOW) == words


def test_the_exact_time_is_on_hover() -> None:
    assert 'title="25 November 2026, 14:00:00 UTC"' in moment(NOW)
    assert moment(None) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Re: [#abcdefghijklmnop]", "Re: [#…]"),
        ("approvals+ABCDEFGHIJKLMNOP@contoso.example", "approvals+…@contoso.example"),
        ("approvals%2Babcdefghijklmnop@contoso.example", "approvals%2B…@contoso.example"),
        ("a+bcdefgh@contoso.example", "a+bcdefgh@contoso.example"),
        ("#abcdefghijklmnopq", "#abcdefghijklmnopq"),
    ],
)
def test_reply_codes_are_left_out(text: str, shown: str) -> None:
    assert without_codes(text) == shown


def test_an_address_goes_on_in_another_line_between_its_words() -> None:
    assert breakable("approvals@contoso.example") == "approvals@<wbr>contoso<wbr>.example"
    assert breakable("<b>@x") == "&lt;b&gt;@<wbr>x"
    assert breakable("") == ""


def test_characters_that_hide_or_turn_text_are_replaced() -> None:
    assert visible("a\u202eb\x1bc\td\r\ne") == "a\ufffdb\ufffdc\td\ne"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("It is the only one", "It is the only one"),
        ("It is the only one that fits", "It is the only…"),
        ("The old one broke, and so on", "The old one broke…"),
        ("see https://supplier.example/a", "see https://suppl…"),
        ("このリクエストはとても長いので終わりまで見えません", "このリクエストはとても長いので終わ…"),
        ("<b>It</b> is the only one", "<b>It</b> is the…"),
    ],
)
def test_a_text_is_cut_after_a_word(text: str, shown: str) -> None:
    assert beginning(text, 18) == shown
    assert Template("{{ text|beginning:18 }}").render(Context({"text": text})) == escape(shown)


@pytest.mark.parametrize(
    ("names", "words"),
    [([], "nobody"), (["A"], "A"), (["A", "B"], "A and B"), (list("ABCD"), "A, B, C and D"),
     (list("ABCDE"), "A, B, C and 2 others")],
)  # fmt: skip
def test_names_are_listed(names: list[str], words: str) -> None:
    assert listed(names) == words
