"""What is checked, before a definition is published, of an outcome that a step has though nobody answered it: nobody
wrote the comment, answered the questions, or entered what the form requires, and no later step finds an answer."""

from collections.abc import Collection, Iterator

from placet.approvals.definitions import Definition
from placet.approvals.outcomes import Outcome
from placet.approvals.questions import asked_in
from placet.approvals.steps import ApprovalStep, ParallelStep


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


_INSTEAD = "name another outcome, one whose way does not lead there, or"


def _way_problems(definition: Definition, key: str, step: ApprovalStep) -> Iterator[str]:
    """Of steps that ask whoever answered this one, or whoever the answer to a question of it names."""
    for later, other in _asking_behind(definition, key, step):
        if _is_stuck_without_deciders(other, key):
            yield (
                f"nobody may have decided {key}, and {later} asks whoever did; {_INSTEAD} say in {later} whom it asks "
                "then, as nobody: {ask: …}"
            )
    questions = {one.name for one in definition.questions_of(key)}
    for later, other in _asking_behind(definition, key, step, questions) if questions else ():
        lines = (one for one in (*other.ask, *other.others) if not one.if_)
        for name in sorted({one.from_answer for one in lines if one.from_answer in questions}):
            yield (
                f"nobody would have answered {name}, which says who is asked in {later}; {_INSTEAD} give that line of "
                f"{later} an if"
            )


def _asking_behind(
    definition: Definition, key: str, step: ApprovalStep, questions: Collection[str] = ()
) -> Iterator[tuple[str, ApprovalStep]]:
    """By their keys: the steps that ask people, of those that a request may come to without an answer."""
    for later in sorted(_reached(definition, key, step.expires_to, questions)):
        other = definition.steps[later]
        if isinstance(other, ApprovalStep):
            yield later, other


def _is_stuck_without_deciders(other: ApprovalStep, key: str) -> bool:
    """Whether a step waits for whoever decided another one. With the rule `first` anybody else who is there is enough;
    where nobody else would be asked, `nobody` says what becomes of it."""
    waits = [one for one in other.ask if one.decided == key and not one.if_]
    if len(waits) < len(other.ask):
        return bool(waits) and other.rule != "first"
    return other.nobody is None


def _reached(definition: Definition, key: str, outcome: str, questions: Collection[str]) -> set[str]:
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
        asks = isinstance(step, ApprovalStep) and {
            one.name for one in definition.questions_of(here)
        }.intersection(questions)
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
