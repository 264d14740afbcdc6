"""When a step is decided, and where its outcome leads. Looks; never changes anything. Who is asked: `whom`."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from placet.approvals import earlier
from placet.approvals.definitions import Definition
from placet.approvals.models import Assignment, Request
from placet.approvals.outcomes import Condition
from placet.approvals.rules import WAITING, BranchLine, Seats
from placet.approvals.steps import ApprovalStep, ParallelStep, Transition, WaitStep
from placet.lib.conditions import ConditionError, holds
from placet.lib.sentences import Sentence


def result_of(
    step: ApprovalStep,
    assignments: Iterable[Assignment],
    new: Iterable[int | None] = (),
    *,
    unknown: bool = False,
) -> str:
    """The outcome of a step so far, or "" while it waits for more answers. `new`: people who are still to be asked, by
    the line of `ask` that names them. `unknown`: and it is not known who else: only what nobody's answer could change
    is a result."""
    return step.decided_by.result(_seats(assignments, new, unknown=unknown))


def can_be_decided(
    step: ApprovalStep, assignments: Iterable[Assignment], new: Iterable[int | None] = ()
) -> bool:
    """Whether the step is decided, or the people still asked, with these new ones, are enough to decide it."""
    rule, seats = step.decided_by, _seats(assignments, new)
    return bool(rule.result(seats)) or (seats.waiting and rule.enough(seats))


def can_do_without(step: ApprovalStep, assignments: Sequence[Assignment], absent: Collection[int]) -> bool:
    """Whether the others are enough: if all of them who are still asked grant what is asked for, the step is decided.
    `absent`: ids of those who are not to be waited for."""
    granting = [one.key for one in step.outcomes if one.counts and one.is_granted]
    present = [one for one in assignments if one.state == Assignment.State.OPEN and one.pk not in absent]
    return bool(present) and all(
        step.decided_by.result(_if_all_answer(assignments, present, key))
        for key in granting or step.outcome_keys
    )


def _if_all_answer(assignments: Iterable[Assignment], present: Collection[Assignment], outcome: str) -> Seats:
    numbers: Counter[tuple[str, int | None]] = Counter()
    for one in assignments:
        if one.state in Assignment.COUNTED:
            numbers[one.counted.outcome, one.source] += 1
        elif one.state == Assignment.State.OPEN:
            numbers[outcome if one in present else WAITING, one.source] += 1
    return Seats(numbers)


def _seats(assignments: Iterable[Assignment], new: Iterable[int | None], *, unknown: bool = False) -> Seats:
    """Those who count: who decided, and who is still asked or to be asked."""
    numbers = Counter((WAITING, line) for line in new)
    for one in assignments:
        if one.state in Assignment.COUNTED:
            numbers[one.counted.outcome, one.source] += 1
        elif one.state == Assignment.State.OPEN:
            numbers[WAITING, one.source] += 1
    return Seats(numbers, unknown)


def result_of_block(step: ParallelStep, results: Sequence[str], running: int) -> str:
    """What a block comes to, or "" while it waits for branches that still run. `results`: of those that have ended."""
    rule, branches = step.decided_by, Seats.of(results, running)
    if not running:
        return rule.result(branches) or step.otherwise
    line = rule.deciding_line(branches)
    return line.outcome if isinstance(line, BranchLine) and line.cancel else ""


def branches_to_take(definition: Definition, step_key: str, request: Request) -> Sequence[str]:
    """Those whose condition holds, in their order. ConditionError if one cannot be evaluated with this request's
    data."""
    values = earlier.Values(definition, request)
    branches = definition.block(step_key).branches.items()
    return [name for name, branch in branches if branch.when is None or holds(branch.when, values)]


def needs_comment(
    definition: Definition,
    step: ApprovalStep,
    outcome: str,
    request: Request,
    data: Mapping[str, Any] | None = None,
) -> bool:
    """Whether an answer has to say why. Where the condition cannot be evaluated it has to. `data`: what the form holds
    with what is entered beside the answer."""
    rule = step.outcome(outcome).comment
    if not isinstance(rule, Condition):
        return rule == "required"
    try:
        return holds(rule.when, earlier.Values(definition, request, data))
    except ConditionError:
        return True


def is_over(definition: Definition, step: WaitStep, request: Request) -> bool:
    """Whether the condition that a step waits for holds now. ConditionError if it cannot be evaluated with this
    request's data."""
    return step.until is not None and holds(step.until, earlier.Values(definition, request))


def way_on(definition: Definition, step_key: str, outcome: str, request: Request) -> Transition:
    """The first transition that fits. A checked definition always has one; ConditionError if a condition
    cannot be evaluated with this request's data."""
    values = earlier.Values(definition, request)
    for transition in definition.transitions:
        if transition.from_ != step_key or transition.outcome != outcome:
            continue
        if transition.when is None or holds(transition.when, values):
            return transition
    raise LookupError(
        Sentence("no way leads on from “{step}” on “{outcome}”", step=step_key, outcome=outcome)
    )


def is_certain(definition: Definition, step_key: str, outcome: str) -> bool:
    """Whether what is known before a step is decided says where an outcome leads: not what another step came to, nor a
    form that somebody still fills in."""
    ways = [way for way in definition.transitions if way.from_ == step_key and way.outcome == outcome]
    conditions = [way.when for way in ways if way.when is not None]
    return not any(definition.changes_data or earlier.looks_at_steps(condition) for condition in conditions)
