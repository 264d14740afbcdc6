"""What the suite shows a sample of: every value of each, and all pairs in two turns; and what its tests are called."""

import pytest

from tests.conftest import pytest_make_parametrize_id
from tests.rotation import in_turn, pairs

pytest_plugins = ["pytester"]

WAYS = """
    import pytest

    @pytest.mark.parametrize("fault", ["a", "b", "c"])
    @pytest.mark.parametrize("way", ["graph", "ews"])
    def test_faults(way, fault): pass

    @pytest.mark.parametrize("way", ["graph", "ews"])
    def test_one(way): pass

    @pytest.mark.parametrize("fault", ["a", "b"])
    def test_of_no_way(fault): pass
"""


def test_two_turns_see_every_pair_once_and_each_turn_every_value(pytester: pytest.Pytester) -> None:
    items = pytester.getitems(WAYS)
    turns = [{item.name for item in items} - {item.name for item in in_turn(items, turn)} for turn in (0, 1)]
    alike = {"test_of_no_way[a]", "test_of_no_way[b]"}
    assert turns[0] | turns[1] == {item.name for item in items}
    assert turns[0] & turns[1] == alike
    for seen in turns:
        assert len(seen) == 3 + 1 + 2
        faults = {name.removesuffix("]").partition("[")[2] for name in seen if name.startswith("test_faults")}
        assert {word for name in faults for word in name.split("-")} == {"graph", "ews", "a", "b", "c"}


def test_every_thing_and_every_dress_is_worn_and_all_pairs_where_that_is_asked_for() -> None:
    things, dresses = ["a", "b", "c"], list(range(7))
    sample = list(pairs(things, dresses, every=False))
    assert {thing for thing, _ in sample} == set(things)
    assert {dress for _, dress in sample} == set(dresses)
    assert len(list(pairs(things, dresses, every=True))) == 21


def test_no_test_has_a_name_that_cannot_be_read(request: pytest.FixtureRequest) -> None:
    """Of those that are run; a long one is told apart by its end."""
    assert [item.nodeid[:200] for item in request.session.items if len(item.nodeid) > 1_000] == []
    first, second = (pytest_make_parametrize_id(b"x" * 5_000_000 + end) for end in (b"1", b"2"))
    assert first is not None
    assert first != second
    assert pytest_make_parametrize_id("short") is None
