"""Who is asked, who may decide, and when a step is decided. Looks; never changes anything."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from placet.accounts.addresses import person_at
from placet.accounts.models import Group, Person
from placet.approvals.definitions import ApprovalStep, Definition, ParallelStep, Transition, Who
from placet.approvals.form import condition_values
from placet.approvals.models import Assignment, Request
from placet.approvals.outcomes import Condition
from placet.approvals.rules import BranchLine, Seats
from placet.lib.conditions import ConditionError, holds
from placet.lib.sentences import NOTHING, Sentence, listed

LONGEST_CHAIN = 50  # managers of managers; ends a ring of people who manage each other


@dataclass(frozen=True)
class People:
    """Whom a step asks, in a stable order, and why they are too few, if they are."""

    people: Sequence[Person]
    reason: Sentence = NOTHING
    incomplete: bool = False  # the rule needs everybody named, and a manager, group or person is not there


def people_to_ask(
    definition: Definition, step_key: str, request: Request, answered: Collection[int] = ()
) -> People:
    """The active people that a step asks. The person who made the request is one of them only if the
    process says so. Those who `answered` this question already (ids) count for whatever names them, even if
    they have left since."""
    step = definition.approval(step_key)
    may_decide_own = definition.requester_may_decide_in(step_key)
    found: dict[int, Person] = {}
    missing: list[Sentence] = []
    for who in step.ask:
        people = [p for p in _resolve(who, request.requester, answered) if p.is_active or p.pk in answered]
        if not may_decide_own:
            people = [person for person in people if person.pk != request.requester_id]
        if not people:
            missing.append(_describe(who, request.requester))
        found.update({person.pk: person for person in people})
    needed = step.decided_by.most_needed
    incomplete = step.rule != "first" and bool(missing)
    reason = NOTHING
    if incomplete or len(found) < needed:
        reason = listed(missing) or _too_few(step, needed, len(found))
    return People([person for person in found.values() if person.is_active], reason, incomplete)


def _too_few(step: ApprovalStep, needed: int, found: int) -> Sentence:
    if isinstance(step.rule, tuple):
        return Sentence(
            "{needed} people must answer alike, but only {found} can be asked", needed=needed, found=found
        )
    return Sentence("{needed} people must approve, but only {found} can be asked", needed=needed, found=found)


def _resolve(who: Who, requester: Person, answered: Collection[int]) -> list[Person]:
    if who.group is not None:
        group = Group.objects.filter(key=who.group).first()
        return [] if group is None else list(group.members.order_by("id"))
    if who.person is not None:
        person = person_at(who.person)
        return [] if person is None else [person]
    manager = _manager_of(requester, answered)
    return [] if manager is None else [manager]


def _manager_of(requester: Person, answered: Collection[int]) -> Person | None:
    """The nearest manager up the line who is active or has answered, never the requester. Read anew each time:
    who leads whom may have changed since the requester was read."""
    person: Person | None = requester
    for _ in range(LONGEST_CHAIN):
        person = Person.objects.filter(reports=person).first()
        if person is None:
            return None
        if (person.is_active or person.pk in answered) and person.pk != requester.pk:
            return person
    return None


def _describe(who: Who, requester: Person) -> Sentence:
    if who.group is not None:
        return Sentence("nobody in the group “{group}” can be asked", group=who.group)
    if who.person is not None:
        return Sentence("{address} is nobody who can be asked", address=who.person)
    return Sentence("{name} has no manager who can be asked", name=requester.name)


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
