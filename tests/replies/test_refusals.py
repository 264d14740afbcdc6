"""The tree of refusals: each with a key, a sentence and one way to be handled."""

import inspect

import pytest

from placet.replies import refusals

TREE = [one for _, one in inspect.getmembers(refusals, inspect.isclass) if issubclass(one, refusals.Refusal)]
GROUPS = {refusals.Refusal, refusals.Automatic, refusals.Stranger, refusals.Told, refusals.Incomplete}


@pytest.mark.parametrize("one", TREE)
def test_every_refusal_has_a_sentence(one: type[refusals.Refusal]) -> None:
    sentence = (one.__doc__ or "").strip()
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_keys_are_different() -> None:
    assert len({one.key for one in TREE}) == len(TREE)


@pytest.mark.parametrize("one", [one for one in TREE if one not in GROUPS])
def test_the_listing_on_top_names_every_refusal(one: type[refusals.Refusal]) -> None:
    assert f" {one.__name__} " in (refusals.__doc__ or "")


def test_only_those_with_a_proved_sender_are_told() -> None:
    for one in TREE:
        assert one.told == issubclass(one, refusals.Told), one
        assert not (one.told and one.notify_asked), one


def test_whoever_is_notified_is_notified_of_something_that_is_shown() -> None:
    assert {one for one in TREE if one.notify_asked} == {
        refusals.WrongMailbox,
        refusals.SenderUnclear,
        refusals.NotTheOneAsked,
        refusals.Unproved,
        refusals.NotProved,
        refusals.StampsPlanted,
        refusals.TooOld,
        refusals.MechanismNotConfirmed,
    }
    assert all(one.shown for one in TREE if one.notify_asked)


def test_facts_are_what_a_refusal_was_given() -> None:
    refusal = refusals.AlreadyDecided("Ann", "approve", "2026-11-24T10:00:00Z")
    assert refusal.facts == {
        "who": "Ann",
        "outcome": "approve",
        "when": "2026-11-24T10:00:00Z",
        "answer": "",
        "step": "",
        "until": "",
    }
    assert str(refusal) == refusal.sentence
