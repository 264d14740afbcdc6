"""What a text is weighed by, and what its signs weigh."""

import math
import time

import pytest

from placet.replies.read import read_text
from placet.replies.read_clauses import Text
from placet.replies.read_facts import UNKNOWN, About, Field
from placet.replies.read_signs import (
    KINDS,
    PLACES,
    places_of,
    request_stems,
    signs_of,
    words_of,
)
from placet.replies.read_tokens import composed
from placet.replies.read_view import languages_of, view_of
from placet.replies.read_vocabulary import APPROVE, REJECT, vocabulary
from placet.replies.read_weights import SentenceWeights, sentence_weights, text_shares, text_weights

ABOUT = About((Field("", ("Laptops for Lyon",)), Field("Amount", ("1,800 EUR",))), ("Alice Doe",))


def words(text: str, about: About = ABOUT) -> list[str]:
    found = Text.of(composed(text), vocabulary(), framed=False)
    return [word for one in found.sentences for word in words_of(found, one, request_stems(about))]


@pytest.mark.parametrize(
    ("text", "weighed"),
    [
        ("The laptop for Alice is fine", ["the", "§", "for", "§", "is", "fine"]),
        ("Pay 1,800 or 17", ["pay", "0", "or", "0"]),
        ("Is it?", ["is", "it", "?"]),
        ("", []),
    ],
)
def test_words_of_the_request_and_numbers_are_each_one_word(text: str, weighed: list[str]) -> None:
    assert words(text) == weighed


def test_whoever_makes_a_request_chooses_no_word_that_decides() -> None:
    """ "Rejected laptops, not approved, if at all": each of these words is weighed as what it is."""
    about = About((Field("", ("Rejected laptops, not approved, unless needed",)),))
    assert words("rejected, not approved, unless needed", about)[:4] == ["rejected", ",", "not", "approved"]


def test_a_form_of_a_word_shares_most_of_its_signs() -> None:
    one, other, another = (places_of([word]) for word in ("genehmigung", "genehmigungen", "abgelehnt"))
    assert len(one & other) > len(one) / 2 > len(one & another)
    assert all(0 <= place < PLACES for place in one)


def test_shares_add_up_to_one_for_whatever_is_weighed() -> None:
    for text in ("", "x", "approved", "z" * 5_000, "不批准"):
        shares = sentence_weights().shares(places_of([text]))
        assert math.isclose(sum(shares), 1)
        assert len(shares) == len(KINDS)
    assert math.isclose(sum(text_shares({}).values()), 1)


def test_weights_are_read_as_they_were_kept() -> None:
    rows = [[(place * (at + 1)) % 255 - 127 for place in range(PLACES)] for at in range(len(KINDS))]
    weights = SentenceWeights([0.5, -1, 0, 2], [0.25, 0.5, 1, 2], rows)
    again = SentenceWeights.of(weights.packed())
    assert again.shares([0, 7, PLACES - 1]) == weights.shares([0, 7, PLACES - 1])
    assert again.packed() == weights.packed()


def test_every_sign_that_is_weighed_is_one_that_a_text_can_have() -> None:
    found = Text.of("I reject it. Is it?", vocabulary())
    views = [view_of(found, code) for code in languages_of(found)]
    signs = signs_of(found, [[0.25] * len(KINDS)] * 2, views, UNKNOWN)
    assert {name for weights in text_weights().values() for name in weights} - {""} == set(signs)
    assert signs[f"decides {REJECT} strongly"] and not signs[f"decides {APPROVE}"]


def test_a_long_text_is_weighed_in_little_time_or_not_at_all() -> None:
    began = time.thread_time()
    for text in ("Stuff. " * 3_000, "word" * 50_000, "so it goes " * 1_300, "ж" * 4_000 + " not"):
        read_text(text)
    assert time.thread_time() - began < 5
