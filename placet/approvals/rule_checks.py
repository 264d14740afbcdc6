"""What is checked of a step's rule before it is published, where it names lines of `ask`, and of the order in which
people are asked."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from placet.approvals.rule_words import names_in_rule
from placet.approvals.rules import GROUP, Line, Much, Together
from placet.approvals.steps import KEY, ApprovalStep, Who


def names_problems(step: ApprovalStep) -> Iterator[str]:
    """Of what lines of `ask` are called, and what they weigh."""
    keys = Counter(who.key for who in step.ask if who.key is not None)
    yield from (f"ask: two lines have the key {key}" for key, number in keys.items() if number > 1)
    groups = {who.group for who in step.lines if who.group is not None}
    yield from (
        f"ask: {who.key} is the key of a line and the group of another; call one of them otherwise"
        for who in step.lines
        if who.key in groups and who.group != who.key
    )
    yield from (
        f"ask: the group {group} is called by a number, as lines are in a rule; give its line a key"
        for group in sorted(groups)
        if not KEY.fullmatch(group) and GROUP + group in names_in_rule(step)
    )
    weighing = any(isinstance(line.needs, Together) and line.needs.weight for line in _lines(step))
    if not weighing and any(who.weight is not None for who in step.lines):
        yield "a line of ask has a weight, and no line of the rule says how much is needed: {approve: {weight: 3}}"


def rule_problems(step: ApprovalStep) -> Iterator[str]:
    """Of what the lines of the rule need."""
    if step.wait_for_all and step.early:
        yield "early and wait_for_all do not go together"
    vetoes_may_stand = True
    for line in _lines(step):
        needs = line.needs if isinstance(line.needs, Together) else None
        if needs is not None:
            yield from _together_problems(step, line.outcome, needs)
        if needs is not None and needs.veto and not vetoes_may_stand and not step.early:
            yield f"the veto of {line.outcome} comes too late below other lines: put it first"
        vetoes_may_stand = vetoes_may_stand and needs is not None and bool(needs.veto)


def order_problems(step: ApprovalStep) -> Iterator[str]:
    if step.order is not None and step.rule == "first":
        yield (
            "with order: one_by_one and the rule first, nobody is asked after the first one; "
            "say all, how many must approve, or a list"
        )


def abstention_problems(step: ApprovalStep) -> Iterator[str]:
    """Of answers that do not count: something else has to decide, and be said where nobody's answer counts."""
    abstentions = [outcome.key for outcome in step.abstentions]
    if not abstentions:
        return
    if len(abstentions) == len(step.outcomes):
        yield "no answer counts here, so nothing could ever be decided; leave counts: false out at one of them"
        return
    yield from (
        f"{outcome.key} gives what is asked for, so it counts; leave counts: false out"
        for outcome in step.abstentions
        if outcome.is_granted
    )
    if not isinstance(step.rule, tuple):
        yield (
            f"rule {step.rule} does not say what becomes of it if nobody's answer counts ({abstentions[0]} does not); "
            "write a list, with otherwise"
        )
    yield from (
        f"the rule says what {line.outcome} needs, and {line.outcome} does not count; leave one of them out"
        for line in _lines(step)
        if line.outcome in abstentions
    )


def _lines(step: ApprovalStep) -> Sequence[Line]:
    return step.rule if isinstance(step.rule, tuple) else ()


def _together_problems(step: ApprovalStep, outcome: str, needs: Together) -> Iterator[str]:
    for name, much in (*needs.shares, *((name, None) for name in needs.veto or ())):
        yield from _share_problems(step, outcome, name, much)
    most = sum(_most(who) for who in step.ask)
    if needs.n is not None and needs.n > most:
        yield f"{outcome} needs {needs.n} people, and ask names no more than {most}"
    heaviest = sum(_most(who) * (who.weight or 1) for who in step.ask)
    if needs.weight is not None and needs.weight > heaviest:
        yield f"{outcome} needs a weight of {needs.weight}, and all of ask together have {heaviest}"


def _share_problems(step: ApprovalStep, outcome: str, name: str, much: Much | None) -> Iterator[str]:
    """`much`: None for a veto, which nobody has to give."""
    shown = name.removeprefix(GROUP)
    numbers = [number for number in step.decided_by.lines_of(name) if number is not None]
    asked = [step.lines[number] for number in numbers if number < len(step.ask)]
    if not asked:
        yield (
            f"{outcome} needs people of the group {shown}, which no line of ask names"
            if name.startswith(GROUP)
            else f"{outcome} names {shown}, which is neither the number nor the key nor the group of a line of ask"
        )
        return
    if much is None:
        return
    if all(who.if_ is not None for who in asked):
        yield (
            f"{outcome} needs people of {shown}, whom ask names only under a condition; "
            "lead to a step of its own by a way with when"
        )
    if isinstance(much, int) and much > (most := sum(map(_most, asked))):
        yield f"{outcome} needs {much} of {shown}, which names no more than {most}"
    others = range(len(step.ask), len(step.ask) + len(step.others))
    if step.others and not any(number in others for number in numbers):
        yield (
            f"nobody.ask: {outcome} needs people of {shown}, and none of these lines is that group or has that key"
        )


def _most(who: Who) -> float:
    """People whom a line can name."""
    one = who.person is not None or who.manager is not None or who.pick is not None
    return 1 if one else math.inf
