"""That the arena itself notices what it is there for."""

import random

import pytest

from placet.sandbox.server import Mail
from tests.attacks.arena import Arena, Attempt
from tests.attacks.tally import Counts, table
from tests.journeys.conftest import World
from tests.journeys.letters import answer

pytestmark = pytest.mark.django_db


def genuine(world: World, asked: Mail) -> None:
    world.sandbox.reply_as("bob", asked.id, "approve")


def forged(world: World, asked: Mail) -> None:
    world.sandbox.send_as("dave", answer(asked, "dave@contoso.example"))


GENUINE: Attempt = ("Bob's own answer", genuine)
FORGED: Attempt = ("Dave's", forged)


def arena_of(world: World, counts: list[Counts]) -> Arena:
    return Arena(world, random.Random(1), 10, counts.append)


def test_a_mail_that_decides_is_no_refused_forgery(world: World) -> None:
    counts: list[Counts] = []
    with pytest.raises(AssertionError, match="Bob's own answer"):
        arena_of(world, counts).refuses([FORGED, GENUINE])
    assert counts == []


def test_a_mail_that_decides_nothing_is_no_genuine_neighbour(world: World) -> None:
    counts: list[Counts] = []
    with pytest.raises(AssertionError, match=r"Dave's.*not_the_one_asked"):
        arena_of(world, counts).accepts([GENUINE, FORGED])
    assert counts == []


def test_what_was_judged_is_counted(world: World) -> None:
    counts: list[Counts] = []
    arena = arena_of(world, counts)
    assert arena.refuses([FORGED] * 3) == {"not_the_one_asked": 3}
    arena.accepts([GENUINE] * 2)
    assert sum(counts, Counts()) == Counts(forged=3, accepted=0, neighbours=2, passed=2, delivered=3)


def test_a_class_without_a_forgery_proves_nothing(world: World) -> None:
    with pytest.raises(AssertionError, match="nothing was forged"):
        arena_of(world, []).refuses([])


def test_the_table_says_what_was_judged_in_each_class_and_together() -> None:
    lines = list(table({"senders": Counts(1200, 0, 12, 12, 1200), "codes": Counts(30, 0, 3, 3)}))
    assert lines[2:] == [
        "| codes | 30 | 0 | 0 | 3 | 3 |",
        "| senders | 1,200 | 1,200 | 0 | 12 | 12 |",
        "| together | 1,230 | 1,200 | 0 | 15 | 15 |",
    ]
