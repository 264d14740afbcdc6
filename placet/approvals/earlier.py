"""What conditions see beside the form: who asks, and steps that were decided in this request.

    request.requester        the address of whoever asks
    request.number           the number that people know the request by
    steps.KEY.outcome        what the step came to, the last time that it was decided; "" before
    steps.KEY.by             the address of whoever decided last in it; "" before, or where nobody was asked
    steps.KEY.deciders       the addresses of all who decided in it, in order; [] before, or where nobody was asked
    steps.KEY.answers.NAME   the newest answer to this question in it; empty, as a field of its type is, before

They are read where a condition that names them is evaluated, and not before: others cost no query. A field of the form
that is called so is what is seen instead: it was there first.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from placet.approvals.counted import counted_by_visit, counting_in
from placet.approvals.definitions import Definition
from placet.approvals.form import condition_values, sample_data
from placet.approvals.form_parts import FormField
from placet.approvals.form_types import sample_of, seen_values
from placet.approvals.included_names import hint, is_unknown_yet
from placet.approvals.models import Decision, Request, Visit
from placet.approvals.steps import ApprovalStep, EndStep, IncludeStep, ParallelStep

STEPS = "steps"
REQUEST = "request"


class Values(Mapping[str, Any]):
    """What a condition sees of one request. `data`: where its form is about to hold something else."""

    def __init__(
        self, definition: Definition, request: Request, data: Mapping[str, Any] | None = None
    ) -> None:
        self._definition, self._request = definition, request
        self._known = condition_values(definition, request.data if data is None else data)

    def __getitem__(self, name: str) -> Any:
        if name == STEPS and name not in self._known:
            self._known[STEPS] = _steps(self._definition, self._request)
        elif name == REQUEST and name not in self._known:
            self._known[REQUEST] = _about(self._request.requester.email, self._request.number)
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in (STEPS, REQUEST) or name in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._known, STEPS, REQUEST]))

    def __len__(self) -> int:
        return len([*self])


def _about(requester: str, number: int) -> dict[str, Any]:
    return {"requester": requester, "number": number}


def questions_of(definition: Definition, step_key: str) -> Sequence[FormField]:
    """What is asked in a step beside its outcome."""
    if not isinstance(definition.steps[step_key], ApprovalStep):
        return ()
    return definition.questions_of(step_key)


def newest_answer(request: Request, name: str) -> tuple[Any, Decision | None]:
    """The newest answer to a question of this name, in whatever step, and the decision that it belongs to: of each step
    in the newest round that was decided, as conditions see it. So what is left empty there takes back what was answered
    before, and a visit that was cancelled before it was decided counts for nothing. None where nobody answers it."""
    decided = Visit.objects.filter(request=request).exclude(result="").order_by("pk")
    last = dict(decided.values_list("step_key", "pk"))
    decisions = counting_in([*last.values()]).filter(answers__has_key=name)
    newest = decisions.select_related("assignment__visit").order_by("-pk").first()
    return (None, None) if newest is None else (newest.answers[name], newest)


def _steps(definition: Definition, request: Request) -> dict[str, Any]:
    decided: dict[str, Visit] = {}
    for visit in Visit.objects.filter(request=request).exclude(result="").order_by("pk"):
        decided[visit.step_key] = visit
    given = counted_by_visit(visit.pk for visit in decided.values())
    seen = {}
    for key in _keys(definition):
        last = decided.get(key)
        decisions = [] if last is None else given[last.pk]
        answers = {name: value for decision in decisions for name, value in decision.answers.items()}
        deciders = [decision.by_person.email for decision in decisions]
        seen[key] = _seen(definition, key, last.result if last else "", deciders, answers)
    return seen


def _keys(definition: Definition) -> list[str]:
    return [key for key, step in definition.steps.items() if not isinstance(step, EndStep | IncludeStep)]


def _seen(
    definition: Definition, key: str, outcome: str, deciders: Sequence[str], answers: Mapping[str, Any]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for question in questions_of(definition, key):
        values |= seen_values(question, answers.get(question.name))
    by = deciders[-1] if deciders else ""
    return {"outcome": outcome, "by": by, "deciders": [*deciders], "answers": values}


# --- before publishing ------------------------------------------------------------------------------------


class Samples(dict[str, Any]):
    """Every step as if it were decided, to try conditions with. `before`: as if none were."""

    def __init__(self, definition: Definition) -> None:
        keys = _keys(definition)
        super().__init__({key: _sample(definition, key) for key in keys})
        self.definition = definition
        self.before = {key: _seen(definition, key, "", (), {}) for key in keys}


def _sample(definition: Definition, key: str) -> dict[str, Any]:
    answers = {question.name: sample_of(question) for question in questions_of(definition, key)}
    return _seen(definition, key, "x", ("x@x.example",), answers)


def samples(definition: Definition) -> dict[str, Any]:
    """Values of the right types for all that conditions see."""
    known = condition_values(definition, sample_data(definition))
    return {STEPS: Samples(definition), REQUEST: _about("x@x.example", 1), **known}


def tried_with(source: str, values: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The values to try a condition with: these, and where it looks at steps also as if none were decided. None where
    it names a step of an include that is to be put right first."""
    steps = values.get(STEPS)
    if isinstance(steps, Samples) and any(
        is_unknown_yet(steps.definition, key) for key, *_ in filter(None, _mentions(source))
    ):
        return
    yield values
    if isinstance(steps, Samples) and looks_at_steps(source):
        yield {**values, STEPS: steps.before}


def problems(source: str, values: Mapping[str, Any]) -> Iterator[str]:
    """Steps and answers that are not there; what a sample shows only where the condition comes to look at it."""
    steps = values.get(STEPS)
    for names in _mentions(source):
        if isinstance(steps, Samples):
            yield from _mention_problems(names, steps)
        elif names:
            yield (
                f"a field of the form is called {STEPS}, as the steps that were decided are in conditions; "
                "rename it"
            )


#: Texts and comments are passed over; a backslash in a raw text is one sign like others.
_MENTION = re.compile(
    r"""\b[bB]?[rR](?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|"[^"\n]*"|'[^'\n]*')"""
    r'|"""(?:\\[\s\S]|[^\\])*?"""'
    r"|'''(?:\\[\s\S]|[^\\])*?'''"
    r'|"(?:\\.|[^"\\])*"'
    r"|'(?:\\.|[^'\\])*'"
    r"|//[^\n]*"
    rf"|(?P<steps>(?<![\w.]){STEPS}\b)"
)
_NEXT = re.compile(r"""\s*(?:\.\s*([A-Za-z_]\w*)|\[\s*(?:"([^"\\]*)"|'([^'\\]*)')\s*\])""")


def _mentions(source: str) -> Iterator[list[str]]:
    """The names that stand behind each `steps`: of a step, of what is seen of it, of a question."""
    for match in _MENTION.finditer(source):
        if match["steps"]:
            names: list[str] = []
            at = match.end()
            while len(names) < 3 and (following := _NEXT.match(source, at)):
                names.append(next(filter(None, following.groups()), ""))
                at = following.end()
            yield names


def renamed(source: str, names: Mapping[str, str]) -> str:
    """A condition or an expression with these steps called otherwise. `names`: the new ones by the old ones."""
    parts, end = [], 0
    for match in _MENTION.finditer(source):
        following = _NEXT.match(source, match.end()) if match["steps"] else None
        key = next(filter(None, following.groups()), "") if following else ""
        if following and key in names:
            parts += [source[end : match.end()], f'["{names[key]}"]']
            end = following.end()
    return "".join([*parts, source[end:]])


def looks_at_steps(source: str) -> bool:
    return any(True for _names in _mentions(source))


def _mention_problems(names: Sequence[str], steps: Samples) -> Iterator[str]:
    match names:
        case [key, *_] if is_unknown_yet(steps.definition, key):
            pass
        case [key, *_] if key not in steps:
            instead = hint(steps.definition, key, 'steps["{}"]')
            yield f"there is no step {key} that could be decided{instead}"
        case [key, "answers", name] if name not in steps[key]["answers"]:
            yield f"{key} asks no question {name}"
        case [_, "outcome" | "by" | "deciders", *_] | [_, "answers", _]:
            pass
        case _:
            yield f"of {STEPS}, say steps.KEY.outcome, steps.KEY.by, steps.KEY.deciders or steps.KEY.answers.NAME"


def answer_problems(definition: Definition, step_key: str, name: str) -> Iterator[str]:
    """Of a question whose answer names people: it has to be asked in a step that can come before this one."""
    before = steps_before(definition, step_key)
    asked = [one for key in before for one in questions_of(definition, key) if one.name == name]
    unread = any(isinstance(definition.steps[key], IncludeStep) for key in before)  # it may ask it
    if not asked and not unread:
        yield f"from_answer: no step that comes before asks a question {name}"
    yield from (
        f"from_answer: {name} is of type {type_}; a question that names somebody is of type person or people"
        for type_ in sorted({one.type for one in asked} - {"person", "people"})
    )


def steps_before(definition: Definition, step_key: str) -> set[str]:
    """The steps that may have been decided when a request enters this one: those from which ways lead to it."""
    leads: dict[str, set[str]] = {key: {*definition.ways_from(key)} for key in definition.steps}
    for key, step in definition.steps.items():
        if isinstance(step, ParallelStep):
            leads[key] |= {branch.start for branch in step.branches.values()}
    places = definition.places
    for way in definition.transitions:
        if way.to is None and places.get(way.from_):  # the end of a branch: on from the block
            leads[way.from_] |= {*definition.ways_from(places[way.from_][-1][0])}
    before: set[str] = set()
    waiting = [step_key]
    while waiting:
        here = waiting.pop()
        new = {key for key, onward in leads.items() if here in onward} - before
        before |= new
        waiting += new
    return before
