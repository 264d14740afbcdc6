"""What is checked, before a definition is published, of an outcome that a step has though nobody answered it: nobody
wrote the comment, answered the questions, or entered what the form requires, and no later step finds an answer."""

from collections.abc import Iterator

from placet.approvals.definitions import ApprovalStep, Definition, ParallelStep
from placet.approvals.outcomes import Outcome
from placet.approvals.questions import asked_in


def silence_problems(definition: Definition, key: str, step: ApprovalStep) -> Iterator[str]:
    """Each without the name of the step and `expire`."""
    if step.expire is None:
        return
    yield from _way_problems(definition, key, step)
    outcome = next((one for one in step.outcomes if one.key == step.expires_to), None)
    if outcome is None:  # nobody can answer so, and nothing belongs to it
        return
    yield from _answer_problems(definition, key, outcome)
    required = sorted(_required(definition, key)) if step.needs_form_with(outcome) else ()
    if required:
        yield (
            f"nobody would have entered {', '.join(required)}, which {outcome.key} needs; name another outcome, or "
            "do not require it"
        )


def _answer_problems(definition: Definition, key: str, outcome: Outcome) -> Iterator[str]:
    if outcome.comment != "optional":
        yield (
            f"nobody would have written the comment that {outcome.key} needs; name another outcome, or say "
            "comment: optional"
        )
    for one in asked_in(definition, key):
        if one.is_needed_with(outcome.key):
            yield (
                f"nobody would have answered {one.field.name}, which {outcome.key} needs; name another outcome, or "
                "do not require it"
            )


def _required(definition: Definition, key: str) -> frozenset[str]:
    """What the step's people have to enter, always or on a condition."""
    filled, required = definition.filled_in(key), definition.required_in(key)
    return frozenset(
        field.name
        for field in definition.fields
        if field.name in filled and (field.required or field.name in required or field.require is not None)
    )


def _way_problems(definition: Definition, key: str, step: ApprovalStep) -> Iterator[str]:
    """Of steps that ask whoever the answer to a question of this one names."""
    questions = {one.name for one in definition.questions_of(key)}
    if not questions:
        return
    for later in sorted(_reached(definition, key, step.expires_to, questions)):
        other = definition.steps[later]
        if not isinstance(other, ApprovalStep):
            continue
        lines = [*other.ask, *other.others]
        for name in sorted(
            {who.from_answer for who in lines if who.from_answer in questions and not who.if_}
        ):
            yield (
                f"nobody would have answered {name}, which says who is asked in {later}; name another outcome, one "
                f"whose way does not lead there, or give that line of {later} an if"
            )


def _reached(definition: Definition, key: str, outcome: str, questions: set[str]) -> set[str]:
    """Steps that a request may come to with this outcome of a step, before it is asked one of these questions again."""
    reached: set[str] = set()
    waiting = [*_onward(definition, key, outcome)]
    while waiting:
        here = waiting.pop()
        if here in reached or here == key:
            continue
        reached.add(here)
        step = definition.steps.get(here)
        if isinstance(step, ParallelStep):
            waiting += [branch.start for branch in step.branches.values()]
        asks = (
            isinstance(step, ApprovalStep) and {one.name for one in definition.questions_of(here)} & questions
        )
        if not asks:
            waiting += _onward(definition, here)
    return reached


def _onward(definition: Definition, key: str, outcome: str | None = None) -> Iterator[str]:
    """Where a step's outcome leads, or any of its outcomes; from the end of a branch on from its block."""
    for way in definition.transitions:
        if way.from_ != key or outcome not in (None, way.outcome):
            continue
        if way.to is not None:
            yield way.to
            continue
        place = definition.places.get(key)
        if place:
            yield from _onward(definition, place[-1][0])
