"""How many calls a key has: never more than the limit in all processes together."""

from typing import Any

import pytest

from placet.accounts.models import Person
from placet.api import keys, limits
from placet.api.keys import Scope
from placet.api.models import Key
from placet.api.problems import Problem
from tests.api.conftest import Calls

NOON = 1_764_590_400.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [NOON]
    monkeypatch.setattr("placet.api.limits.time.time", lambda: now[0])
    return now


def _allowed(key: Key, processes: list[dict[int, Any]], monkeypatch: pytest.MonkeyPatch) -> int:
    """How many calls pass that reach these processes in turn."""
    allowed = 0
    for at in range(limits.MOST_CALLS * 2):
        monkeypatch.setattr(limits, "_taken", processes[at % len(processes)])
        try:
            limits.count(key.pk)
        except Problem as problem:
            assert problem.kind.name == "too-many"
        else:
            allowed += 1
    return allowed


@pytest.mark.parametrize("number", [1, 3, 7])
def test_several_processes_together_let_no_more_through(
    alice: Person, clock: list[float], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    key, _text = keys.make(alice, "ERP", [Scope.REQUESTS_READ], by=alice)
    processes: list[dict[int, Any]] = [{} for _at in range(number)]
    allowed = _allowed(key, processes, monkeypatch)
    assert allowed == limits.MOST_CALLS  # all of them called on until nothing was left
    clock[0] += limits.MINUTE
    assert _allowed(key, processes, monkeypatch) == limits.MOST_CALLS


def test_one_too_many_is_told_when_to_come_back_and_another_key_is_not_slowed(
    calls: Calls, alice: Person, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_CALLS", 3)
    clock[0] += 20
    caller, other = calls(alice), calls(alice)
    left = [caller.get("/processes").headers["RateLimit"] for _at in range(3)]
    assert left == ['"calls";r=2;t=40', '"calls";r=1;t=40', '"calls";r=0;t=40']
    refused = caller.get("/processes")
    assert (refused.problem, refused.headers["Retry-After"]) == ("too-many", "40")
    assert refused.headers["RateLimit-Policy"] == '"calls";q=3;w=60'
    assert other.get("/processes").status == 200
