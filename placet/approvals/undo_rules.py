"""What of a process can be undone, and for how long. Looks at nothing but its definition."""

from collections.abc import Iterator
from datetime import timedelta

from placet.approvals.definitions import Definition
from placet.approvals.grace import NONE, length_of
from placet.approvals.models import Version
from placet.approvals.steps import ApprovalStep


def grace_in(definition: Definition, step_key: str) -> timedelta:
    """How long an answer to a step can be undone; NONE of one that enters something into the form, which has its effect
    at once."""
    step = definition.steps[step_key]
    if not isinstance(step, ApprovalStep) or _enters_data(step):
        return NONE
    return length_of(definition.undo if step.undo is None else step.undo)


def undoes(definition: Definition) -> bool:
    """Whether any answer can be undone."""
    return any(grace_in(definition, key) for key in definition.steps)


def can_undo(version: Version) -> bool:
    """Whether a version says `undo` anywhere, without reading the rest of it."""
    says = [version.definition, *version.definition["steps"].values()]
    return any(one.get("undo") for one in says)


def undo_problems(step: ApprovalStep) -> Iterator[str]:
    """Before a definition is published."""
    if step.undo and _enters_data(step):
        yield "undo: what is entered here takes effect at once, so it cannot be undone; leave it out, or say undo: no"


def _enters_data(step: ApprovalStep) -> bool:
    """Whether an answer may change more than where the request stands."""
    return step.is_task or (step.form is not None and step.form.fill is not None)
