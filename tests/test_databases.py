"""Which tests a second database sees."""

import pytest

from tests.databases import PAGES, WHOLE, left_to_the_other, seen_by_a_second
from tests.test_complete import ROOT

pytest_plugins = ["pytester"]

TESTS = """
    import pytest

    def test_of_no_database(): pass

    @pytest.mark.django_db
    @pytest.mark.parametrize("case", ["a", "b", "c"])
    def test_alike(case): pass

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("case", ["a", "b"])
    def test_that_commits(case): pass

    @pytest.mark.django_db
    @pytest.mark.parametrize("way", ["graph", "ews"])
    def test_over_two_ways(way): pass

    @pytest.mark.postgresql
    @pytest.mark.parametrize("case", ["a", "b"])
    def test_of_postgresql(case): pass

    @pytest.mark.django_db
    @pytest.mark.any_database
    @pytest.mark.parametrize("way", ["graph", "ews"])
    def test_of_any(way): pass
"""


def test_what_differs_is_seen_whole_and_of_what_does_not_one_case(pytester: pytest.Pytester) -> None:
    seen = {item.name for item in seen_by_a_second(pytester.getitems(TESTS))}
    alike = {name for name in seen if name.startswith("test_alike")}
    assert len(alike) == 1
    assert seen - alike == {
        "test_that_commits[a]", "test_that_commits[b]", "test_over_two_ways[graph]", "test_over_two_ways[ews]",
        "test_of_postgresql[a]", "test_of_postgresql[b]",
    }  # fmt: skip


def test_nothing_is_left_to_a_database_that_does_not_see_it(pytester: pytest.Pytester) -> None:
    items = pytester.getitems(TESTS)
    seen = {item.name for item in seen_by_a_second(items)}
    left = [{item.name for item in left_to_the_other(items, turn)} for turn in (0, 1)]
    assert left[0] | left[1] == {"test_over_two_ways[graph]", "test_over_two_ways[ews]"} <= seen
    assert not left[0] & left[1]


def test_the_modules_that_are_named_are_there() -> None:
    missing = [name for name in WHOLE | PAGES if not (ROOT / f"{name.replace('.', '/')}.py").exists()]
    assert missing == []
