"""What is left out on a second database is asked there all the same."""

import json
import shutil
from pathlib import Path

import pytest

from tests.databases import asked_by_others
from tests.statements import Notes, asking_nothing_else, digest_of_sources, noted, shape_of

pytest_plugins = ["pytester"]

TESTS = """
    import pytest

    def test_one(): pass
    def test_two(): pass
    def test_three(): pass
    def test_other(): pass
    def test_new(): pass
"""


def test_every_statement_is_asked_by_one_that_stays(pytester: pytest.Pytester) -> None:
    items = {item.name: item for item in pytester.getitems(TESTS)}
    other = items.pop("test_other")
    shapes = {"test_one": {1, 2, 3}, "test_two": {3, 4}, "test_three": {2, 4, 9}, "test_other": {9}}
    file = other.nodeid.partition("::")[0]
    statements = {f"{file}::{name}": frozenset(those) for name, those in shapes.items()}
    left_out = {item.name for item in asking_nothing_else(items.values(), [other], statements)}
    assert left_out == {"test_two"}
    asked = set().union(*(those for name, those in shapes.items() if name not in left_out))
    assert asked == {1, 2, 3, 4, 9}
    assert asking_nothing_else(items.values(), [other], {}) == set()


def test_of_this_run_nothing_is_left_out_that_commits_or_goes_over_ways(
    request: pytest.FixtureRequest,
) -> None:
    items = request.session.items
    nothing = {item.nodeid: frozenset[int]() for item in items}
    left_out = asked_by_others(items, nothing)
    needs = [set(getattr(item, "fixturenames", ())) for item in left_out]
    assert not [names for names in needs if names & {"transactional_db", "live_server", "begun"}]
    # `way` alone says nothing: a module that goes over one has it without a parameter.
    assert not [item for item in left_out if "way" in getattr(getattr(item, "callspec", None), "params", {})]


def test_how_many_values_a_list_has_makes_no_other_statement() -> None:
    assert shape_of("IN (%s, %s)") == shape_of("IN (%s, %s, %s)") != shape_of("IN (SELECT 1)")
    assert shape_of("VALUES (%s, %s), (%s, %s)") == shape_of("VALUES (%s, %s)")
    assert shape_of('SAVEPOINT "s1_x2"') == shape_of('SAVEPOINT "s2_x7"')


ASKING = """
    import pytest
    from django.db import connection
    from placet.accounts.models import Person
    from placet.panel import findings

    def test_all(): list(Person.objects.all())
    def test_again(): list(Person.objects.all())
    def test_locked(): list(Person.objects.select_for_update())
    def test_in_parts(): list(Person.objects.iterator(10))
    def test_another_database(monkeypatch): monkeypatch.setattr(connection, "vendor", "another")
    def test_which_database(): findings._version()
    def test_nothing(): pass

    def test_skipped():
        list(Person.objects.all())
        pytest.skip("here")
"""


@pytest.mark.any_database
def test_what_a_test_asks_is_noted_with_what_its_text_does_not_say(
    db: None, request: pytest.FixtureRequest, tmp_path: Path, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(ASKING)
    pytester.inline_run("-p", "no:django", plugins=[Notes(request.config, tmp_path)]).assertoutcome(
        passed=7, skipped=1
    )
    shapes = {test.rpartition("::test_")[2]: asked for test, asked in noted(tmp_path).items()}
    numbers = {
        "all": 1,
        "again": 1,
        "locked": 1,
        "in_parts": 1,
        "another_database": 0,
        "which_database": 2,
        "nothing": 0,
    }
    assert {name: len(asked) for name, asked in shapes.items()} == numbers
    assert shapes["all"] == shapes["again"]
    assert len(set(shapes.values())) == 5


def test_a_run_removes_the_notes_of_other_sources_and_another_run_that_goes_on_makes_its_own_anew(
    request: pytest.FixtureRequest, tmp_path: Path, pytester: pytest.Pytester
) -> None:
    (tmp_path / "older").mkdir()
    notes = Notes(request.config, tmp_path)
    assert (tmp_path / "older").exists() is hasattr(
        request.config, "workerinput"
    )  # whoever shares the tests out does
    shutil.rmtree(tmp_path)
    pytester.makepyfile("def test_one(): pass")
    pytester.inline_run("-p", "no:django", plugins=[notes]).assertoutcome(passed=1)
    assert len(noted(tmp_path)) == 1


def test_notes_of_other_sources_are_not_looked_at(tmp_path: Path) -> None:
    for name in ("placet", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text("1")
    before = digest_of_sources(tmp_path)
    assert digest_of_sources(tmp_path) == before
    (tmp_path / "tests" / "a.py").write_text("2")
    assert digest_of_sources(tmp_path) != before
    (tmp_path / "notes" / before).mkdir(parents=True)
    (tmp_path / "notes" / before / "1.jsonl").write_text(json.dumps(["test", [1]]) + "\n")
    assert noted(tmp_path / "notes") == {}
    assert noted(tmp_path / "nowhere") == {}
