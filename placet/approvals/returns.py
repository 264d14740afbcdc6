"""Back to the requester, at publishing: an outcome with `returns: requester` is short for a step of the kind `revise`
and the ways to it and on from it.

    {key: changes, …, returns: requester}    →   changes: {kind: revise, name: Needs changes}
                                                 {from: STEP, outcome: changes, to: changes}
                                                 {from: changes, outcome: revised, to: the first step}

    again: affected    begins again; whoever approved and sees nothing that changed is not asked again (unless said)
    again: everybody   begins again; everybody is asked again
    again: same_step   the step that sent it back is entered again, and nothing else: other branches of a block go on

What is stored is the long form, and nothing knows of the short one afterwards.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from placet.approvals import earlier
from placet.approvals.definitions import Definition
from placet.approvals.form import condition_values, sample_data
from placet.approvals.outcomes import REVISED, Outcome, text_for_ever
from placet.approvals.steps import ApprovalStep
from placet.lib.conditions import ConditionError, compile_condition, holds

NAME = "Changes"  # of a step that is written here for an outcome without a label of its own
KEY = "changes"
LONGEST_KEY = 60
WAS, NOW = "was", "now"  # what `keep_if` sees: the form as it was when somebody decided, and as it is


@dataclass(frozen=True)
class _Return:
    """An outcome that sends the request back."""

    step_key: str
    outcome: Outcome

    @property
    def is_same_step(self) -> bool:
        return self.outcome.again == "same_step"

    @property
    def revise_key(self) -> str:
        """Of the step that it becomes. Those that begin again alike share one."""
        if self.is_same_step:
            return f"{self.step_key}_{KEY}"
        return KEY if self.outcome.again != "everybody" else f"{KEY}_everybody"

    @property
    def revise(self) -> dict[str, Any]:
        again = {"again": "everybody"} if self.outcome.again == "everybody" else {}
        keep_if = {"keep_if": self.outcome.keep_if} if self.outcome.keep_if is not None else {}
        return {"kind": "revise", "name": self._name, **again, **keep_if}

    @property
    def _name(self) -> str:
        """As the process calls what is to be done."""
        label = self.outcome.label or NAME
        return label if isinstance(label, str) else text_for_ever(label)

    def fits_beside(self, other: "_Return") -> bool:
        """Whether one step can be both."""
        return self.revise | {"name": ""} == other.revise | {"name": ""}


def _returns(definition: Definition) -> list[_Return]:
    return [
        _Return(key, outcome)
        for key, step in definition.steps.items()
        if isinstance(step, ApprovalStep)
        for outcome in step.outcomes
        if outcome.returns is not None
    ]


def returns_problems(definition: Definition) -> list[str]:
    """What stands against writing the long form."""
    written: dict[str, _Return] = {}
    problems = []
    for one in _returns(definition):
        place = f"steps.{one.step_key}: {one.outcome.key}"
        problems += [f"{place}: {problem}" for problem in _problems(definition, one)]
        first = written.setdefault(one.revise_key, one)
        if not one.fits_beside(first):
            problems.append(
                f"{place}: keep_if is another one than that of {first.outcome.key} in {first.step_key}; "
                "say the same, or write two steps of the kind revise"
            )
    return problems


def _problems(definition: Definition, one: _Return) -> Iterator[str]:
    if one.revise_key in definition.steps:
        yield (
            f"returns makes a step {one.revise_key}, and there is one already; "
            "call that otherwise, or lead to it and leave returns out"
        )
    if len(one.revise_key) > LONGEST_KEY:
        yield f"returns makes a step {one.revise_key}, which is longer than {LONGEST_KEY} letters"
    if one.outcome.again == "everybody" and one.outcome.keep_if is not None:
        yield "with again: everybody nothing is kept; leave keep_if out"
    for number, way in enumerate(definition.transitions, start=1):
        if (way.from_, way.outcome) == (one.step_key, one.outcome.key):
            yield f"returns says where it leads, and so does number {number} of transitions; leave one of them out"


def written_out(definition: Definition) -> Definition:
    """With a step of the kind revise for each outcome that returns, which nothing stands against."""
    returns = _returns(definition)
    if not returns:
        return definition
    whole = definition.model_dump(mode="json", by_alias=True, exclude_none=True)
    for one in returns:
        whole["steps"].setdefault(one.revise_key, one.revise)
        _without_returns(whole["steps"][one.step_key], one.outcome)
        way = {"from": one.step_key, "outcome": one.outcome.key, "to": one.revise_key}
        onward = one.step_key if one.is_same_step else whole["start"]
        back = {"from": one.revise_key, "outcome": REVISED, "to": onward}
        whole["transitions"] += [way] if back in whole["transitions"] else [way, back]
    return Definition.model_validate(whole)


def _without_returns(step: dict[str, Any], outcome: Outcome) -> None:
    for written in step["outcomes"]:
        if isinstance(written, dict) and written["key"] == outcome.key:
            for name in ("returns", "again", "keep_if"):
                written.pop(name, None)


# --- what stays -------------------------------------------------------------------------------------------


def keep_if_problems(definition: Definition, step: ApprovalStep) -> Iterator[str]:
    """Of the condition by which decisions stay."""
    if step.keep_if is None:
        return
    sample = condition_values(definition, sample_data(definition))
    try:
        seen = compile_condition(step.keep_if).variables()
        if not {WAS, NOW} <= {*seen}:
            yield "keep_if: compare was and now, such as now.amount <= was.amount"
            return
        holds(step.keep_if, {WAS: sample, NOW: sample})
    except ConditionError as error:
        yield f"keep_if: {error}"
    yield from (f"keep_if: {problem}" for problem in _steps_named(step.keep_if))


def _steps_named(condition: str) -> Iterator[str]:
    if earlier.looks_at_steps(condition):
        yield "it sees the form as it was and as it is now, and no steps"
