"""What the suite shows a sample of: every value of each, and all pairs in two turns; and what its tests are called."""

import pytest

from tests.conftest import pytest_make_parametrize_id
from tests.pythons import TESTS, WHOLE, holds_none, seen_by_another
from tests.rotation import (
    at_other_kinds,
    in_other_dresses,
    in_turn,
    module_of,
    name_of,
    one_of_each,
    pairs,
    way_of,
)
from tests.test_complete import ROOT

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


def test_one_case_of_each_test(pytester: pytest.Pytester) -> None:
    items = pytester.getitems(WAYS)
    seen = sorted(name_of(item).rpartition("::")[2] for item in one_of_each(items))
    assert seen == ["test_faults", "test_of_no_way", "test_one"]


DRESSED = """
    import pytest

    @pytest.mark.dressed("dress")
    @pytest.mark.parametrize("dress", ["x", "y", "z"])
    @pytest.mark.parametrize("thing", [1, 2, 3, 4])
    @pytest.mark.parametrize("way", ["graph", "ews"])
    def test_dressed(way, thing, dress): pass

    @pytest.mark.parametrize("dress", ["x", "y"])
    def test_all(dress): pass
"""


def test_each_case_wears_one_dress_over_every_way_and_each_dress_is_worn(pytester: pytest.Pytester) -> None:
    items = pytester.getitems(DRESSED)
    left_out = {item.name for item in in_other_dresses(items)}
    seen = [item.name for item in items if item.name not in left_out]
    assert [name for name in seen if name.startswith("test_all")] == ["test_all[x]", "test_all[y]"]
    dressed = [name.removesuffix("]").partition("[")[2].split("-") for name in seen if "dressed" in name]
    assert sorted((thing, way) for way, thing, _dress in dressed) == sorted(
        (thing, way) for thing in "1234" for way in ("graph", "ews")
    )
    assert len({(thing, dress) for _way, thing, dress in dressed}) == 4
    assert {dress for _way, _thing, dress in dressed} == {"x", "y", "z"}


FAMILY = """
    import pytest

    WAYS = ["graph", "ews", "imap", "pop3", "gmail"]

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("level", ["a", "b"])
    def test_first(way, level): pass

    @pytest.mark.parametrize("way", WAYS[:4])
    def test_second(way): pass

    def test_of_no_way(): pass
"""


def test_a_family_is_seen_at_the_usual_kinds_and_at_one_more_and_each_kind_in_a_family(
    pytester: pytest.Pytester,
) -> None:
    items = pytester.getitems(FAMILY)
    seen = [item for item in items if item not in at_other_kinds(items, ("graph", "ews"))]
    usual = [item for item in items if way_of(item) in ("", "graph", "ews")]
    assert [item for item in seen if item in usual] == usual
    more = [item for item in seen if item not in usual]
    assert sorted(map(way_of, more)) == ["gmail", "imap", "pop3"], "of a single family, which has all of them"
    assert {name_of(item).rpartition("::")[2] for item in more} == {"test_first"}


def test_every_thing_and_every_dress_is_worn_and_all_pairs_where_that_is_asked_for() -> None:
    things, dresses = ["a", "b", "c"], list(range(7))
    sample = list(pairs(things, dresses, every=False))
    assert {thing for thing, _ in sample} == set(things)
    assert {dress for _, dress in sample} == set(dresses)
    assert len(list(pairs(things, dresses, every=True))) == 21


def test_a_second_python_sees_all_that_reads_mails_and_one_case_of_what_else_rests_on_its_library(
    request: pytest.FixtureRequest,
) -> None:
    """Of those that are run."""
    items = request.session.items
    seen = seen_by_another(items)
    mails = {item for item in items if module_of(item) == "tests.replies.test_mails"}
    assert mails <= seen
    assert not [item for item in seen if module_of(item).startswith(("tests.pages.", "tests.journeys."))]
    alike = [name_of(item) for item in seen if not module_of(item).startswith(WHOLE)]
    assert len(alike) == len(set(alike))


def test_the_modules_of_which_it_sees_all_are_there() -> None:
    names = [name.rstrip(".").replace(".", "/") for name in WHOLE]
    assert [name for name in names if not [*ROOT.glob(f"{name}*")]] == []


def test_no_test_has_a_name_that_cannot_be_read(request: pytest.FixtureRequest) -> None:
    """Of those that are run; a long one is told apart by its end."""
    assert [item.nodeid[:200] for item in request.session.items if len(item.nodeid) > 1_000] == []
    first, second = (pytest_make_parametrize_id(b"x" * 5_000_000 + end) for end in (b"1", b"2"))
    assert first is not None
    assert first != second
    assert pytest_make_parametrize_id("short") is None


@pytest.mark.parametrize("path", ["", "replies", "replies/test_read.py", "test_backup.py"])
def test_a_second_python_loads_what_may_have_a_test_for_it(path: str) -> None:
    assert not holds_none(TESTS / path)


@pytest.mark.parametrize("path", ["journeys", "journeys/test_who.py", "test_start.py", "replies_of_others"])
def test_a_second_python_loads_nothing_else_of_the_tests(path: str) -> None:
    assert holds_none(TESTS / path)
    assert not holds_none(TESTS.parent / path)
