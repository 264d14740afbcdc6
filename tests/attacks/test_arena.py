"""That the arena itself notices what it is there for."""

import ast
import random
from pathlib import Path

import pytest

from placet.sandbox.server import Mail
from tests.attacks.arena import Arena, Attempt
from tests.attacks.conftest import left_out_of
from tests.attacks.tally import Counts, table, table_of_ways
from tests.journeys.conftest import World
from tests.journeys.letters import answer
from tests.journeys.ways import ONLINE, WAYS

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


def test_the_table_of_ways_says_what_was_delivered_where() -> None:
    counts = {
        ("senders", "imap"): Counts(30, 0, 10, 10, 30),
        ("senders", "graph"): Counts(60, 1, 12, 12, 60),
        ("codes", "graph"): Counts(9, 0, 0, 0, 9),
        ("sign in", ""): Counts(9, 0, 1, 1),
    }
    assert list(table_of_ways(counts)) == [
        "| Class | graph | imap |",
        "|---|---|---|",
        "| codes | 9 / 0 | - |",
        "| senders | 60 / 12 **1 accepted** | 30 / 10 |",
    ]


# --- every family at every kind of mailbox ---------------------------------------------------------------------

#: Whoever asks for one of these has mails delivered.
DELIVERING = {"arena", "world", "sandbox", "way"}
#: What has mails delivered and is no family that a kind of mailbox could matter to.
NO_FAMILIES = {"test_arena": "it tries the arena itself"}


def test_every_family_that_judges_mails_does_so_at_every_kind() -> None:
    """But for what a mark leaves out, which must say why."""
    missing = []
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        tree = ast.parse(path.read_text())
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        asked_for = {
            argument.arg
            for one in functions
            if one.name.startswith("test_") or one.decorator_list
            for argument in one.args.args
        }
        names = {target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
                 if isinstance(target, ast.Name)}  # fmt: skip
        delivers = bool(asked_for & DELIVERING)
        if delivers and path.stem not in NO_FAMILIES and "EVERY_KIND" not in names:
            missing.append(path.stem)
        assert delivers or path.stem not in NO_FAMILIES, f"{path.stem} has nothing delivered"
    assert missing == []


@pytest.mark.parametrize(
    "mark",
    [
        pytest.mark.not_over("imap"),
        pytest.mark.not_over("imap", because=""),
        pytest.mark.not_over(because="of nothing"),
        pytest.mark.not_over("imap", "imaps", because="there is no such way"),
    ],
    ids=str,
)
def test_nothing_is_left_out_without_a_reason(mark: pytest.MarkDecorator) -> None:
    with pytest.raises(pytest.UsageError, match="not_over"):
        left_out_of("test", [mark.mark])


def test_a_kind_is_left_out_where_a_mark_says_why() -> None:
    marks = [pytest.mark.not_over("imap", because="a").mark, pytest.mark.not_over("gmail", because="b").mark]
    assert left_out_of("test", marks) == {"imap": "a", "gmail": "b"}
    assert set(ONLINE) < WAYS.keys()
