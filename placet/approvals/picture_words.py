"""What a picture of a process writes beside its steps and its ways: who is asked, what an answer is called, and when a
way is taken. In the language that is active.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext, pgettext_lazy

from placet.approvals.conditions import sentence
from placet.approvals.deadlines import EXPIRED
from placet.approvals.definitions import Definition
from placet.approvals.outcomes import as_read
from placet.approvals.steps import (
    ARRIVED,
    SENT,
    WITHDRAWN,
    ApprovalStep,
    CallStep,
    IncludeStep,
    NoticeStep,
    ParallelStep,
    Transition,
    WaitStep,
    Who,
)

_BEFORE_CURRENCY = re.compile(r"(?<=[0-9]) (?=[A-Z]{3}\b)")
_RESULTS: dict[str, Promise] = {
    "approved": pgettext_lazy("a step", "approved"),
    "rejected": pgettext_lazy("a step", "rejected"),
    WITHDRAWN: pgettext_lazy("a step", "withdrawn"),
}
#: What a kind of step is called where nothing else says it.
KINDS: dict[str, Promise] = {
    "start": pgettext_lazy("a picture", "Start"),
    "approval": pgettext_lazy("a picture", "Approval"),
    "task": pgettext_lazy("a picture", "Task"),
    "revise": pgettext_lazy("a picture", "The requester revises it"),
    "notice": pgettext_lazy("a picture", "Notice"),
    "wait": pgettext_lazy("a picture", "Wait"),
    "call": pgettext_lazy("a picture", "Another process"),
    "include": pgettext_lazy("a picture", "Steps of another process"),
    "parallel": pgettext_lazy("a picture", "Side by side"),
    "result": pgettext_lazy("a picture", "End of the branch"),
    "leaves": pgettext_lazy("a picture", "Leaves the block"),
    "end": pgettext_lazy("a picture", "End"),
}


def result_words(result: str) -> str:
    """What a block, a branch or a called request came to."""
    return str(_RESULTS[result]) if result in _RESULTS else result.replace("_", " ")


def result_of(block: ParallelStep, result: str) -> str:
    return as_read(block.labels[result]) if result in block.labels else result_words(result)


# --- ways -------------------------------------------------------------------------------------------------


def way_label(definition: Definition, way: Transition) -> str:
    """`Approve`, `Approve, if Amount is above 1,000 EUR`, or `Approve, otherwise`; "" where nothing is chosen."""
    beside = [one for one in definition.transitions if one.from_ == way.from_]
    same = [one for one in beside if one.outcome == way.outcome]
    answer = outcome_label(definition, way.from_, way.outcome)
    if way.when is not None:
        condition = condition_label(definition, way.when)
        if len(same) == len(beside) and not _is_answered(definition, way.from_):
            return _("if {condition}").format(condition=condition)
        return _("{answer}, if {condition}").format(answer=answer, condition=condition)
    if any(one.when is not None for one in same):
        if len(same) == len(beside) and not _is_answered(definition, way.from_):
            return pgettext("a way", "otherwise")
        return _("{answer}, otherwise").format(answer=answer)
    return answer if len(beside) > 1 or _is_answered(definition, way.from_) else ""


def _is_answered(definition: Definition, step_key: str) -> bool:
    """Whether what a step comes to says something beyond that it is over."""
    step = definition.steps.get(step_key)
    return isinstance(step, ApprovalStep) and not step.is_task


def outcome_label(definition: Definition, step_key: str, key: str) -> str:
    step = definition.steps.get(step_key)
    if isinstance(step, ApprovalStep):
        try:
            return step.outcome(key).shown
        except KeyError:
            return key
    if isinstance(step, ParallelStep):
        return result_of(step, key)
    if isinstance(step, WaitStep):
        names = {ARRIVED: pgettext("a picture", "it is there"), EXPIRED: pgettext("a picture", "not in time")}
        return names.get(key, key)
    if isinstance(step, NoticeStep) and key == SENT:
        return pgettext("a notice", "sent")
    return result_words(key)


def condition_label(definition: Definition, condition: str) -> str:
    """A whole condition as people read it; CEL where it says more than rows can. Whoever draws it breaks it into
    lines, but never between an amount and its currency."""
    return _BEFORE_CURRENCY.sub("\N{NO-BREAK SPACE}", sentence(condition, definition))


# --- who --------------------------------------------------------------------------------------------------


def step_note(definition: Definition, step_key: str) -> str:
    """Who is asked, who is told, or what is waited for."""
    step = definition.steps[step_key]
    match step:
        case ApprovalStep() if step.is_revise:
            return str(KINDS["revise"])
        case ApprovalStep():
            return _people(definition, step.ask)
        case NoticeStep():
            return _("to {people}").format(people=_people(definition, step.to))
        case WaitStep():
            return _awaited(definition, step)
        case CallStep():
            return _("process {key}").format(key=step.process)
        case IncludeStep():
            return str(KINDS["include"])
        case ParallelStep():
            return str(KINDS["parallel"])
        case _:
            return ""


def _awaited(definition: Definition, step: WaitStep) -> str:
    if step.signal is not None:
        return _("for the signal “{signal}”").format(signal=step.signal)
    if (step.until or "").strip() == "true":  # it chooses a way, such as a start that forks
        return pgettext("a picture", "goes on at once")
    if step.until is not None:
        return _("until {condition}").format(condition=condition_label(definition, step.until))
    due = step.due
    if due is not None and due.field is not None and due.before is None and due.after is None:
        return _("until “{field}”").format(field=_field(definition, due.field))
    return pgettext("a picture", "until its time comes")


def _people(definition: Definition, lines: tuple[Who, ...]) -> str:
    """Each once: lines may differ in their conditions only."""
    return ", ".join(dict.fromkeys(_source(definition, who) for who in lines))


def _source(definition: Definition, who: Who) -> str:
    return next(
        words(definition, value)
        for name, words in _SOURCES.items()
        if (value := getattr(who, name)) is not None
    )


def _field(definition: Definition, name: Any) -> str:
    label = next((one.label for one in definition.inputs if one.name == name), "")
    return _within_quotes(str(label or name).rstrip("?？ "))


def _within_quotes(text: str) -> str:
    """With quotes unlike those that it is written in."""
    if _("“{field}”").startswith("«"):
        return text.replace("«\N{NO-BREAK SPACE}", "“").replace("\N{NO-BREAK SPACE}»", "”")
    return text.replace("“", "‘").replace("”", "’")


def _step(definition: Definition, key: Any) -> str:
    step = definition.steps.get(key)
    return step.name if step else str(key)


def _manager(level: Any) -> str:
    if level in (True, 1):
        return _("the manager")
    return _("the manager's manager") if level == 2 else _("the manager, {n} levels up").format(n=level)


_SOURCES: dict[str, Callable[[Definition, Any], str]] = {
    "requester": lambda d, v: _("the requester"),
    "manager": lambda d, v: _manager(v),
    "manager_of": lambda d, v: _("the manager of “{field}”").format(field=_field(d, v)),
    "managers": lambda d, v: _("the line of managers"),
    "group": lambda d, v: str(v),
    "person": lambda d, v: str(v),
    "field": lambda d, v: _("“{field}”").format(field=_field(d, v)),
    "decided": lambda d, v: _("who decided “{step}”").format(step=_step(d, v)),
    "from_answer": lambda d, v: _("“{field}”").format(field=_field(d, v)),
    "expression": lambda d, v: _("by a formula"),
    "table": lambda d, v: _("by the table {key}").format(key=v),
}


# --- all of it, for whoever cannot see the picture --------------------------------------------------------


def listed_ways(definition: Definition, step_key: str) -> Iterator[tuple[str, str]]:
    """Of a step: what its ways are called, and where each leads."""
    for way in definition.transitions:
        if way.from_ == step_key:
            yield way_label(definition, way), target_name(definition, way)


def target_name(definition: Definition, way: Transition) -> str:
    if way.to is not None:
        return _step(definition, way.to)
    block = block_of(definition, way.from_)
    return result_of(block, way.ends_branch or "") if block else result_words(way.ends_branch or "")


def block_of(definition: Definition, step_key: str) -> ParallelStep | None:
    """The innermost block that a step stands in."""
    place = definition.places.get(step_key, ())
    step = definition.steps.get(place[-1][0]) if place else None
    return step if isinstance(step, ParallelStep) else None
