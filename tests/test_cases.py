"""Cases that are run one after another are the same as those that pytest makes tests of."""

from typing import Any

import pytest
from django.core.cache import cache

from placet.accounts.models import Group
from tests.cases import TOGETHER, in_few

pytest_plugins = ["pytester"]

SEVERAL = """
    import pytest

    RAN = []

    @pytest.mark.parametrize("one", range(9))
    @pytest.mark.parametrize(("two", "three"), [("a", 1), pytest.param("b", 2, id="second"), ("c", 3)])
    def test_all(one, two, three):
        RAN.append({"one": one, "two": two, "three": three})

    @pytest.mark.parametrize("number", range(6), ids=str)
    def test_some_fail(number):
        RAN.append(number)
        assert number % 2

    @pytest.mark.parametrize("number", range(6))
    def test_one_is_skipped(number):
        if number == 3:
            pytest.skip("not here")
"""

ALONE = """
    import pytest
    from hypothesis import given, strategies

    cases = pytest.mark.parametrize("number", range(9))

    @cases
    def test_fixture(number, tmp_path): pass

    @cases
    @pytest.mark.apart
    def test_mark(number): pass

    @pytest.mark.parametrize("number", [*range(9), pytest.param(9, marks=pytest.mark.apart)])
    def test_mark_of_a_case(number): pass

    @pytest.mark.parametrize("number", (number for number in range(9)))
    def test_once(number): pass

    @pytest.mark.parametrize("number", range(3))
    def test_few(number): pass

    @pytest.mark.parametrize("tmp_path", range(9), indirect=True)
    def test_parameter_of_a_fixture(tmp_path): pass

    @cases
    @given(strategies.integers())
    def test_random(number, other): pass

    def test_no_case(): pass

    @cases
    def no_test(number): pass
"""

BESIDE = """
    import pytest

    @pytest.fixture(autouse=True)
    def beside(tmp_path): pass

    @pytest.mark.parametrize("number", range(9))
    def test_a_fixture_of_all(number): pass
"""

IN_ONE_WORLD = """
    import pytest

    @pytest.mark.one_world
    def test_without_cases(counts): pass

    @pytest.mark.one_world
    @pytest.mark.parametrize("number", [1, pytest.param(2, marks=pytest.mark.long)])
    def test_of_a_mark(counts, number): pass
"""


def the_few(module: pytest.Module, name: str) -> list[pytest.Function]:
    items = in_few(module, name, getattr(module.obj, name))
    assert items is not None
    return items


def test_each_case_is_run_once(pytester: pytest.Pytester) -> None:
    module = pytester.getmodulecol(SEVERAL)
    items = the_few(module, "test_all")
    assert [item.name for item in items] == ["test_all[1 of 2]", "test_all[2 of 2]"]
    items[0].obj()
    assert len(module.obj.RAN) == TOGETHER
    items[1].obj()
    as_pytest_does = [
        item.callspec.params for item in pytester.genitems([module]) if hasattr(item, "callspec")
    ]
    ran, expected = module.obj.RAN, [params for params in as_pytest_does if "two" in params]
    assert ran == expected


def test_each_case_that_fails_is_named(pytester: pytest.Pytester) -> None:
    module = pytester.getmodulecol(SEVERAL)
    item = the_few(module, "test_some_fail")[0]
    with pytest.raises(ExceptionGroup, match="3 of 6 cases of test_some_fail") as failed:
        item.obj()
    ran = module.obj.RAN
    assert ran == [*range(6)]
    notes = [note for error in failed.value.exceptions for note in error.__notes__]
    assert notes == ["in the case number=0", "in the case number=2", "in the case number=4"]


def test_a_case_that_is_skipped_skips_no_other(pytester: pytest.Pytester) -> None:
    module = pytester.getmodulecol(SEVERAL)
    item = the_few(module, "test_one_is_skipped")[0]
    with pytest.raises(AssertionError, match="needs a test of its own: number=3"):
        item.obj()


def test_a_case_with_a_need_of_its_own_stays_a_test(pytester: pytest.Pytester) -> None:
    module = pytester.getmodulecol(ALONE)
    names = [name for name in vars(module.obj) if name.startswith("test_") or name == "no_test"]
    assert len(names) == 9
    assert [name for name in names if in_few(module, name, getattr(module.obj, name))] == []


def test_a_fixture_that_a_module_gives_to_all_keeps_its_cases_apart(pytester: pytest.Pytester) -> None:
    module = pytester.getmodulecol(BESIDE)
    assert len(pytester.genitems([module])) == 9  # its fixtures are read
    assert in_few(module, "test_a_fixture_of_all", module.obj.test_a_fixture_of_all) is None


def test_cases_of_one_world_find_it_as_it_was(request: pytest.FixtureRequest, db: None) -> None:
    @pytest.mark.any_database
    @pytest.mark.one_world
    @pytest.mark.parametrize("number", range(6))
    def rows(counts: list[int], number: int) -> None:
        counts.append(Group.objects.count())
        Group.objects.create(key="another", name="Another")
        assert number % 2

    module = request.node.getparent(pytest.Module)
    [item] = in_few(module, "test_rows", rows) or []
    counts: list[int] = []
    with pytest.raises(ExceptionGroup, match="3 of 6 cases of rows") as failed:
        item.obj(counts=counts)
    assert counts == [0] * 6
    assert not Group.objects.exists()
    assert [note for error in failed.value.exceptions for note in error.__notes__] == [
        "in the case number=0", "in the case number=2", "in the case number=4",
    ]  # fmt: skip
    assert item._fixtureinfo.argnames == ("counts",)
    assert {mark.name for mark in item.own_markers} == {"one_world", "any_database"}


def test_one_world_is_of_plain_cases_alone(pytester: pytest.Pytester) -> None:
    module = pytester.getmodulecol(IN_ONE_WORLD)
    for name in ("test_without_cases", "test_of_a_mark"):
        with pytest.raises(AssertionError, match=f"{name} has no cases that share a world"):
            the_few(module, name)


@pytest.fixture
def finance(db: None) -> Group:
    return Group.objects.create(key="finance", name="Finance")


PATCHED: list[int] = []


@pytest.mark.one_world
@pytest.mark.parametrize("number", range(30))
def test_grouped(number: int, finance: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (cache.get("number"), PATCHED, Group.objects.count()) == (None, [], 1)
    cache.set("number", number)
    monkeypatch.setitem(globals(), "PATCHED", [number])
    Group.objects.create(key="another", name="Another")


def items_of(session: pytest.Session, test: str) -> list[Any]:
    return [item for item in session.items if item.nodeid.startswith(f"tests/test_cases.py::{test}")]


def test_those_of_this_run_are(request: pytest.FixtureRequest) -> None:
    """What every test has without asking is known, so that tests of many cases are few."""
    if not request.config.getoption("--each-case"):
        assert len(items_of(request.session, "test_square")) == 1
        assert len(items_of(request.session, "test_grouped")) == 2


@pytest.mark.parametrize("number", range(9))
def test_square(number: int) -> None:
    assert number**2 >= number
