"""When a step is decided, and where its outcome leads. Looks; never changes anything. Who is asked: `whom`."""

from collections.abc import Iterable, Sequence

from placet.approvals.definitions import ApprovalStep, Definition, ParallelStep, Transition, WaitStep
from placet.approvals.form import condition_values
from placet.approvals.models import Assignment, Request
from placet.approvals.outcomes import Condition
from placet.approvals.rules import BranchLine, Seats
from placet.lib.conditions import ConditionError, holds
from placet.lib.sentences import Sentence


def result_of(step: ApprovalStep, assignments: Iterable[Assignment], to_come: float = 0) -> str:
    """The outcome of a step so far, or "" while it waits for more answers. `to_come` is how many more people
    may still be asked: infinity leaves only what nobody's answer could change."""
    return step.decided_by.result(_seats(assignments, to_come))


def can_be_decided(step: ApprovalStep, assignments: Iterable[Assignment], new: int = 0) -> bool:
    """Whether the step is decided, or the people still asked, with so many new ones, are enough to decide it."""
    rule, seats = step.decided_by, _seats(assignments, new)
    return bool(rule.result(seats)) or (seats.waiting > 0 and rule.enough(seats))


def _seats(assignments: Iterable[Assignment], to_come: float) -> Seats:
    """Those who count: who decided, and who is still asked."""
    assignments = list(assignments)
    decided = [one.decision.outcome for one in assignments if one.state == Assignment.State.DECIDED]
    waiting = sum(one.state == Assignment.State.OPEN for one in assignments)
    return Seats.of(decided, waiting + to_come)


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
    values = condition_values(definition, request.data)
    branches = definition.block(step_key).branches.items()
    return [name for name, branch in branches if branch.when is None or holds(branch.when, values)]


def needs_comment(definition: Definition, step: ApprovalStep, outcome: str, request: Request) -> bool:
    """Whether an answer has to say why. Where the condition cannot be evaluated it has to."""
    rule = step.outcome(outcome).comment
    if not isinstance(rule, Condition):
        return rule == "required"
    try:
        return holds(rule.when, condition_values(definition, request.data))
    except ConditionError:
        return True


def is_over(definition: Definition, step: WaitStep, request: Request) -> bool:
    """Whether the condition that a step waits for holds now. ConditionError if it cannot be evaluated with this
    request's data."""
    return step.until is not None and holds(step.until, condition_values(definition, request.data))


def way_on(definition: Definition, step_key: str, outcome: str, request: Request) -> Transition:
    """The first transition that fits. A checked definition always has one; ConditionError if a condition
    cannot be evaluated with this request's data."""
    values = condition_values(definition, request.data)
    for transition in definition.transitions:
        if transition.from_ != step_key or transition.outcome != outcome:
            continue
        if transition.when is None or holds(transition.when, values):
            return transition
    raise LookupError(
        Sentence("no way leads on from “{step}” on “{outcome}”", step=step_key, outcome=outcome)
    )
