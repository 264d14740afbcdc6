"""What each kind of step that asks people may say, and what it says by itself: read before the model of a step."""

from collections.abc import Mapping
from typing import Any, Literal

from placet.approvals.outcomes import REVISED, TASK_DONE, Outcome

Again = Literal["everybody", "affected"]
OUTCOMES_OF_TASK = (Outcome(key=TASK_DONE),)
OUTCOMES_OF_REVISE = (Outcome(key=REVISED),)
_REQUESTER = [{"requester": True}]
_OF_REVISE = frozenset(
    (
        "kind", "name", "ask", "outcomes", "delegate", "again", "keep_if", "form", "due", "remind", "expire",
        "calendar", "proof", "alone", "rule",
    )
)  # fmt: skip


def of_its_kind(value: Any) -> Any:
    """A step as it is written, with what its kind says; ValueError where it says what its kind does not take."""
    if not isinstance(value, Mapping):
        return value
    if value.get("kind") == "revise":
        return _of_a_revise(value)
    for name in ("again", "keep_if"):
        if value.get(name) is not None:
            raise ValueError(f"{name} belongs to a step of the kind revise, or to an outcome with returns")
    return _of_a_task(value) if value.get("kind") == "task" else value


def _of_a_task(value: Mapping[str, Any]) -> dict[str, Any]:
    if value.get("outcomes", [TASK_DONE]) not in ([TASK_DONE], OUTCOMES_OF_TASK):
        raise ValueError("a task has the one outcome done; leave outcomes out, or write kind: approval")
    return {**value, "outcomes": OUTCOMES_OF_TASK}


def _of_a_revise(value: Mapping[str, Any]) -> dict[str, Any]:
    if value.get("outcomes", [REVISED]) not in ([REVISED], OUTCOMES_OF_REVISE):
        raise ValueError("a revise step has the one outcome revised; leave outcomes out")
    if value.get("ask", _REQUESTER) != _REQUESTER:
        raise ValueError("a revise step always asks the requester; leave ask out")
    if value.get("delegate", False) is not False:
        raise ValueError("nobody revises in the requester's place; leave delegate out")
    if value.get("rule", "first") != "first":
        raise ValueError("in a revise step one person answers; leave rule out")
    for name in sorted(value.keys() - _OF_REVISE):
        raise ValueError(f"a revise step takes no {name}")
    if value.get("again") == "everybody" and value.get("keep_if") is not None:
        raise ValueError("with again: everybody nothing is kept; leave keep_if out")
    return {**value, "ask": _REQUESTER, "outcomes": OUTCOMES_OF_REVISE, "delegate": False}
