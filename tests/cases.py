"""The cases of a test that asks for nothing but them are run one after another, as a few tests.

A sentence is read in a millisecond, and costs many as a test of its own: each process of a run collects it, sets up and
takes down around it, and reports it. Whatever a case needs besides its values (a fixture, a mark, a parameter of a
fixture) makes it a test of its own, and `apart` does, for cases that take seconds. All that do not hold are named.

Most of what pages are asked takes less time than the rows that it is about. So the cases of a test marked `one_world`
are run in the world that its fixtures made once for them: what a case does to rows, to the cache and by `monkeypatch`
is put back behind it. What else a fixture holds, it must leave as it is.

`--each-case`, or the name of a case on the command line, makes each a test as pytest does.
"""

import functools
import inspect
from collections import ChainMap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import product
from typing import Any

import pytest
from _pytest.mark import ParameterSet

#: Below so many, the cases of a test stay tests.
FEW = 4
#: Cases in one test: processes share tests out, and none has to wait long for another's last one.
TOGETHER = 25
#: The mark of tests whose cases share what their fixtures made.
ONE_WORLD = "one_world"
#: Fixtures that a test has without asking, of tests/conftest.py and of pytest's plugins: none of them hides from a case
#: what another one left.
FOR_ALL = frozenset(
    {
        "_in_english", "_static_files_looked_up_once", "_tables_are_emptied_and_not_made_anew",
        "_verified_in_this_process", "_dj_autoclear_mailbox", "_django_clear_site_cache", "_django_db_marker",
        "_django_isolate_apps", "_django_set_urlconf", "_django_setup_unittest", "_fail_for_invalid_template_variable",
        "_live_server_helper", "_template_string_if_invalid_marker", "django_db_blocker", "django_test_environment",
        "monkeypatch", "request",
    }
)  # fmt: skip

Case = Mapping[str, Any]


def each_alone(config: pytest.Config) -> bool:
    """Whether every case is wanted as a test of its own."""
    return bool(config.getoption("--each-case")) or any("[" in str(arg) for arg in config.args)


def in_few(module: pytest.Module, name: str, test: object) -> list[pytest.Function] | None:
    """Its cases in a few tests; None where they stay as pytest makes them, or where it is no test."""
    if not inspect.isfunction(test) or not module.funcnamefilter(name) or hasattr(test, "is_hypothesis_test"):
        return None
    if any(mark.name == ONE_WORLD for mark in getattr(test, "pytestmark", [])):
        return _in_one_world(module, name, test)
    if list(module.iter_markers()) or not (cases := _cases(test)):
        return None
    items = _items(module, name, [_one_after_another(test, share) for share in _shares(cases)])
    return items if set(items[0].fixturenames) <= FOR_ALL else None


def _in_one_world(module: pytest.Module, name: str, test: Callable[..., object]) -> list[pytest.Function]:
    marks: Sequence[pytest.Mark] = getattr(test, "pytestmark", [])
    given = [mark for mark in marks if mark.name == "parametrize"]
    assert given and all(map(_is_plain, given)), f"{name} has no cases that share a world"
    cases = _product(given)
    names = {name for mark in given for name in _names(mark.args[0])}
    fixtures = [one for key, one in inspect.signature(test).parameters.items() if key not in names]
    runs = []
    for share in _shares(cases):
        run = _one_after_another(test, share, _put_back)
        # Read by pytest of any function, and unknown to the type of a callable.
        run.__signature__ = inspect.Signature(fixtures)  # type: ignore[attr-defined]
        run.pytestmark = [mark for mark in marks if mark not in given]  # type: ignore[attr-defined]
        runs.append(run)
    return _items(module, name, runs)


@contextmanager
def _put_back(fixtures: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The fixtures of one case. Whatever it does to rows is undone."""
    from django.core.cache import cache
    from django.db import transaction

    cache.clear()
    with transaction.atomic(), pytest.MonkeyPatch.context() as patch:
        yield {**fixtures, **({"monkeypatch": patch} if "monkeypatch" in fixtures else {})}
        transaction.set_rollback(True)


def _shares(cases: Sequence[Case]) -> list[Sequence[Case]]:
    return [cases[first : first + TOGETHER] for first in range(0, len(cases), TOGETHER)]


def _items(module: pytest.Module, name: str, runs: Sequence[Callable[..., object]]) -> list[pytest.Function]:
    return [
        pytest.Function.from_parent(
            module,
            name=f"{name}[{number} of {len(runs)}]" if len(runs) > 1 else name,
            callobj=run,
            originalname=name,
        )
        for number, run in enumerate(runs, start=1)
    ]


def _cases(test: Callable[..., object]) -> list[Case]:
    """Empty, where they are few or not all that the test takes, or where it has other marks."""
    marks: Sequence[pytest.Mark] = getattr(test, "pytestmark", [])
    if not marks or any(not _is_plain(mark) for mark in marks):
        return []
    cases = _product(marks)
    names = {name for mark in marks for name in _names(mark.args[0])}
    return cases if len(cases) >= FEW and names == set(inspect.signature(test).parameters) else []


def _product(marks: Sequence[pytest.Mark]) -> list[Case]:
    """The mark that stands next to the test varies slowest, as with pytest."""
    rows = [list(_rows(*mark.args)) for mark in marks]
    return [dict(ChainMap(*map(dict, row))) for row in product(*rows)]


def _is_plain(mark: pytest.Mark) -> bool:
    if mark.name != "parametrize" or len(mark.args) != 2 or not mark.kwargs.keys() <= {"ids"}:
        return False
    values = mark.args[1]
    # What can be gone through once only is left to pytest.
    return isinstance(values, Collection) and not any(
        isinstance(value, ParameterSet) and value.marks for value in values
    )


def _names(names: str | Sequence[str]) -> Sequence[str]:
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else names


def _rows(names: str | Sequence[str], values: Iterable[Any]) -> Iterator[Case]:
    several = not isinstance(names, str) or "," in names
    for value in values:
        row = value.values if isinstance(value, ParameterSet) else value if several else (value,)
        yield dict(zip(_names(names), row, strict=True))


def _one_after_another(
    test: Callable[..., object],
    cases: Sequence[Case],
    apart: Callable[[Mapping[str, Any]], AbstractContextManager[Mapping[str, Any]]] = nullcontext,
) -> Callable[..., None]:
    """`apart`: makes of the fixtures of all those of one case."""

    def run(**fixtures: Any) -> None:
        failures: list[AssertionError] = []
        for case in cases:
            try:
                with apart(fixtures) as own:
                    test(**case, **own)
            except pytest.skip.Exception as error:
                raise AssertionError(
                    f"A case that may be skipped needs a test of its own: {_named(case)}"
                ) from error
            except AssertionError as failure:
                failure.add_note(f"in the case {_named(case)}")
                failures.append(failure)
            except Exception as error:
                error.add_note(f"in the case {_named(case)}")
                raise
        if failures:
            raise ExceptionGroup(f"{len(failures)} of {len(cases)} cases of {test.__name__}", failures)

    functools.update_wrapper(run, test)
    del run.__wrapped__  # type: ignore[attr-defined]
    run.pytestmark = []  # type: ignore[attr-defined]
    return run


def _named(case: Case) -> str:
    """Of a mail of megabytes, its beginning."""
    return ", ".join(f"{name}={value!r:.300}" for name, value in case.items())
