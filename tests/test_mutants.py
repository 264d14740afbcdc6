"""The tool that asks whether the tests would notice: what it changes, by what name, and which tests judge it."""

import ast
import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from tools.mutants import worker
from tools.mutants.__main__ import (
    FIRST_TESTS,
    MOST_SECONDS,
    SNAPSHOT,
    Judging,
    Seen,
    equivalents,
    named,
    rounds,
    sampled,
    stale_entries,
)
from tools.mutants.changes import changes_of

ROOT = Path(__file__).parent.parent
SOURCE = b'''"""What it is for."""

LEASE = 5
KIND = "ask"


@transaction.atomic
def claim(row: int, kind: str = KIND) -> bool:
    """The contract."""
    log.info("claiming", row=row)
    taken = Row.objects.select_for_update().filter(pk=row, state=KEPT).exclude(kind="x")
    if not taken and row > 1:
        raise Lost("It is gone.")
    with transaction.atomic():
        taken.update(state=DONE)
    return rows[-1] == row
'''


def keys(source: bytes) -> list[str]:
    return [change.key.partition(": claim: ")[2] or change.key for change in changes_of("a.py", source)]


def test_what_somebody_forgets_or_confuses_is_changed_and_nothing_that_no_test_should_hold() -> None:
    taken = 'taken = Row.objects.select_for_update().filter(pk=row, state=KEPT).exclude(kind="x")'
    assert set(keys(SOURCE)) == {
        "@transaction.atomic → ",
        f"{taken} → {taken.replace('kind=', '').replace(chr(34) + 'x' + chr(34), '')}",
        f'{taken} → taken = Row.objects.filter(pk=row, state=KEPT).exclude(kind="x")',
        f"{taken} → {taken.replace('pk=row, ', '')}",
        f"{taken} → {taken.replace(', state=KEPT', '')}",
        "if not taken and row > 1: → if (not taken or row > 1):",
        "if not taken and row > 1: → if (not (not taken and row > 1)):",
        "if not taken and row > 1: → if (row > 1):",
        "if not taken and row > 1: → if (not taken):",
        "if not taken and row > 1: → if taken and row > 1:",
        "if not taken and row > 1: → if not taken and (row >= 1):",
        "if not taken and row > 1: → if not taken and (row <= 1):",
        "if not taken and row > 1: → if not taken and row > 2:",
        'raise Lost("It is gone.") → pass',
        'with transaction.atomic(): → with __import__("contextlib").nullcontext():',
        "taken.update(state=DONE) → pass",
        "taken.update(state=DONE) → taken.update()",
        "return rows[-1] == row → return (rows[-1] != row)",
        "return rows[-1] == row → return rows[0] == row",
    }


def test_a_change_keeps_its_name_when_lines_move_and_the_sample_stays_the_same() -> None:
    moved = SOURCE.replace(b"LEASE = 5", b"LEASE = 5\nPAUSE = 7\n\n\ndef other() -> None:\n    return None\n")
    assert keys(moved) == keys(SOURCE)
    samples = [
        [change.key for change in sampled(changes_of("a.py", source), 5)] for source in (SOURCE, moved)
    ]
    assert samples[0] == samples[1]
    assert len(samples[0]) == 5


def test_each_change_of_the_same_text_has_a_number() -> None:
    twice = b"def f() -> None:\n    g(1)\n    g(1)\n"
    assert [change.nth for change in changes_of("a.py", twice) if change.text == "pass"] == [1, 2]


@pytest.mark.parametrize(
    "file", ["placet/replies/settle.py", "placet/mail/tasks.py", "placet/replies/parse/sender.py"]
)
def test_every_change_is_one_and_leaves_the_lines_below_where_they_are(file: str) -> None:
    source = (ROOT / file).read_bytes()
    changes = changes_of(file, source)
    assert len({change.key for change in changes}) == len(changes)
    for change in changes:
        changed = change.applied(source)
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source)), change.key
        assert changed.count(b"\n") == source.count(b"\n"), change.key


def test_what_is_listed_as_equivalent_has_a_reason_and_what_is_gone_is_named() -> None:
    listed = equivalents()
    assert listed
    changes = changes_of("a.py", SOURCE)
    assert stale_entries(listed, changes) == list(listed.values())
    known = {
        named(change)
        for change in changes_of("placet/mail/tasks.py", (ROOT / "placet/mail/tasks.py").read_bytes())
    }
    of_tasks = {name: entry for name, entry in listed.items() if name[0] == "placet/mail/tasks.py"}
    assert of_tasks.keys() <= known


def test_judges_are_those_that_ran_the_statement_different_ones_first() -> None:
    (change,) = [one for one in changes_of("a.py", SOURCE) if one.becomes == "taken.update()"]
    (line,) = change.statements
    assert SOURCE.splitlines()[line - 1].strip() == b"taken.update(state=DONE)"
    seen = Seen()
    row = {"outcome": "passed", "set_up": 0.0, "commits": False, "why": "", "ran": {"a.py": [line]}}
    tests = [("t/a.py::x[1]", 0.1), ("t/a.py::x[2]", 0.2), ("t/a.py::y", 0.3), ("t/b.py::z", 0.4)]
    seen.add([{**row, "test": name, "seconds": seconds} for name, seconds in tests])
    seen.add([{**row, "test": "t/c.py::fails", "seconds": 0.1, "outcome": "failed", "why": "No."}])
    seen.add([{**row, "test": "t/c.py::elsewhere", "seconds": 0.1, "ran": {"a.py": [line + 1]}}])
    assert [test.id for test in seen.judges(change)] == [
        "t/a.py::x[1]",
        "t/b.py::z",
        "t/a.py::y",
        "t/a.py::x[2]",
    ]


def test_a_few_tests_come_first_and_the_rest_as_far_as_time_allows() -> None:
    change = changes_of("a.py", SOURCE)[0]
    quick = [Judging(f"t/test_x.py::{number}", 0.1, number == 3) for number in range(30)]
    slow = [Judging(f"t/test_b.py::{number}", MOST_SECONDS / 2, False) for number in range(3)]
    first, rest = rounds(change, [*quick, *slow])
    assert len(first) == FIRST_TESTS
    assert first[-1].id == "t/test_x.py::3"  # what it commits is in nobody's way then
    assert sum(test.seconds for test in [*first, *rest]) <= MOST_SECONDS
    assert len(rest) == 30 - FIRST_TESTS + 1
    assert [[test.id for test in tests] for tests in rounds(change, slow[:1])] == [["t/test_b.py::0"]]
    assert list(rounds(change, [])) == []


def test_those_that_are_made_for_a_file_come_before_all() -> None:
    tests = [Judging(f"{file}::0", 0.1, False) for file in ("t/test_b.py", SNAPSHOT, "t/test_a.py")]
    (change,) = [one for one in changes_of("a.py", SOURCE) if one.becomes == "taken.update()"]
    of_reading = replace(change, file="placet/replies/read_facts.py")
    assert [[test.file for test in some] for some in rounds(change, tests)] == [
        ["t/test_a.py"],
        ["t/test_b.py", SNAPSHOT],
    ]
    assert [test.file for test in next(rounds(of_reading, tests))] == [SNAPSHOT]


def test_a_mark_stands_before_each_statement_and_a_changed_function_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "marked.py"
    path.write_text(
        '"""Text."""\n\n\ndef f(x: int) -> int:\n    """Text."""\n    if x:\n        return 1\n    return 2\n'
    )
    monkeypatch.setattr(worker, "ROOT", tmp_path)
    monkeypatch.setattr(f"builtins.{worker.MARK}", worker.ran.add, raising=False)
    spec = importlib.util.spec_from_loader("marked", worker._Marking("marked", str(path)))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    worker.ran.clear()
    assert module.f(0) == 2
    assert worker.ran == {("marked.py", 6), ("marked.py", 8)}
    (change,) = [one for one in changes_of("marked.py", path.read_bytes()) if one.becomes == "return 3"]
    assert change.patched == ("f", 4)
    assert (module.f.__code__.co_qualname, module.f.__code__.co_firstlineno) == change.patched
    code = worker.changed_code(change.applied(path.read_bytes()), str(path), change.patched)
    function = module.f
    function.__code__ = code
    assert module.f(0) == 3
