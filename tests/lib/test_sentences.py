"""Sentences are put into words where they are read, and not before."""

import json

from django.utils import translation

from placet.lib.sentences import NOTHING, Sentence, listed, quoted

ALONE = Sentence("The request was withdrawn.")


def test_a_sentence_is_in_the_language_of_whoever_reads_it() -> None:
    with translation.override("fr"):
        assert str(ALONE) == "La demande a été retirée."
    with translation.override(None):
        assert f"{ALONE}" == "The request was withdrawn."


def test_sentences_inside_a_sentence_are_translated_too() -> None:
    sentence = Sentence("The text holds {what}.", what=Sentence("characters that nobody sees"))
    with translation.override("fr"):
        assert str(sentence) == "Le texte contient des caractères que personne ne voit."


def test_a_sentence_that_was_kept_is_put_into_words_another_time() -> None:
    sentence = Sentence("The text holds {what}.", what=Sentence("characters that nobody sees"))
    kept = json.loads(json.dumps(sentence.as_json()))
    assert Sentence.from_json(kept) == sentence
    with translation.override("fr"):
        assert str(Sentence.from_json(kept)) == "Le texte contient des caractères que personne ne voit."
    assert Sentence.from_json(
        json.loads(json.dumps(Sentence("{n} of {x}", n=3, x=ALONE.text).as_json()))
    ).values == {
        "n": 3,
        "x": ALONE.text,
    }
    assert not Sentence.from_json({})


def test_what_people_wrote_fills_a_place_and_is_no_template() -> None:
    with translation.override(None):
        assert str(Sentence("“{text}” asks something.", text="{text} {0} %(x)s")) == (
            "“{text} {0} %(x)s” asks something."
        )


def test_nothing_is_said_by_nothing() -> None:
    assert not NOTHING
    assert str(NOTHING) == ""
    assert listed([]) is NOTHING
    assert listed([ALONE]) == ALONE


def test_several_sentences_are_one() -> None:
    with translation.override(None):
        assert str(listed([ALONE, ALONE, ALONE])) == "; ".join([str(ALONE)] * 3)


def test_equal_sentences_say_the_same() -> None:
    assert Sentence("a {b}", b=1) == Sentence("a {b}", b=1)
    assert Sentence("a {b}", b=1) != Sentence("a {b}", b=2)
    assert len({Sentence("a {b}", b=1), Sentence("a {b}", b=1)}) == 1


def test_what_others_wrote_stands_in_the_quotation_marks_of_the_reader() -> None:
    both = Sentence("{words} says {outcome}.", words=quoted(["ok", "go {on}"]), outcome="approve")
    assert str(both) == "“ok”, “go {on}” says approve."
    with translation.override("fr"):
        assert str(both).startswith("«\u00a0ok\u00a0», «\u00a0go {on}\u00a0»")
    assert not quoted([])
