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

    @pytest.mark.django_db
    @pytest.mark.parametrize("case", ["a", "b", "c"])
    @pytest.mark.parametrize("way", ["graph", "ews"])
    def test_cases_over_two_ways(way, case): pass

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("case", ["a", "b", "c"])
    @pytest.mark.parametrize("way", ["graph", "ews"])
    def test_that_commits_over_two_ways(way, case): pass

    @pytest.mark.postgresql
    @pytest.mark.parametrize("case", ["a", "b"])
    def test_of_postgresql(case): pass

    @pytest.mark.django_db
    @pytest.mark.any_database
    @pytest.mark.parametrize("way", ["graph", "ews"])
    def test_of_any(way): pass
"""


def test_what_differs_is_seen_whole_and_of_what_does_not_one_case(pytester: pytest.Pytester) -> None:
    seen = {item.name for item in seen_by_a_second(pytester.getitems(TESTS)) if "over_two" not in item.name}
    alike = {name for name in seen if name.startswith("test_alike")}
    assert len(alike) == 1
    assert seen - alike == {
        "test_that_commits[a]", "test_that_commits[b]", "test_of_postgresql[a]", "test_of_postgresql[b]",
    }  # fmt: skip


def _seen_over_ways(pytester: pytest.Pytester, test: str) -> list[set[tuple[str, ...]]]:
    """Its ways and cases that the first database sees, and those that the second does."""
    items = pytester.getitems(TESTS)
    on_second = seen_by_a_second(items)
    seen = [set(items) - left_to_the_other(items, 0), on_second - left_to_the_other(items, 1)]
    return [
        {
            tuple(item.name.rstrip("]").partition("[")[2].split("-"))
            for item in of_one
            if item.name.startswith(test + "[")
        }
        for of_one in seen
    ]


def test_of_two_ways_each_database_sees_one(pytester: pytest.Pytester) -> None:
    first, second = _seen_over_ways(pytester, "test_over_two_ways")
    assert first | second == {("graph",), ("ews",)}
    assert not first & second


def test_of_cases_over_two_ways_the_first_database_sees_each_and_the_second_another_way_of_one(
    pytester: pytest.Pytester,
) -> None:
    first, second = _seen_over_ways(pytester, "test_cases_over_two_ways")
    assert sorted(case for _, case in first) == ["a", "b", "c"]
    assert {way for way, _ in first} == {"graph", "ews"}
    assert len(second) == 1
    assert not first & second


def test_of_what_commits_the_second_database_sees_every_case_too(pytester: pytest.Pytester) -> None:
    first, second = _seen_over_ways(pytester, "test_that_commits_over_two_ways")
    assert [len(first), len(second), len(first | second)] == [3, 3, 6]


def test_what_the_second_database_does_not_see_goes_over_every_way_on_the_first(
    pytester: pytest.Pytester,
) -> None:
    first, second = _seen_over_ways(pytester, "test_of_any")
    assert first == {("graph",), ("ews",)}
    assert not second


def test_the_modules_that_are_named_are_there() -> None:
    missing = [name for name in WHOLE | PAGES if not (ROOT / f"{name.replace('.', '/')}.py").exists()]
    assert missing == []
