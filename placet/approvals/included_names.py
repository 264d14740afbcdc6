"""Names of steps that other processes bring in, where an author says one that is not there: `budget-boss` is the step
`boss` of what the include `budget` copies in.
"""

from collections.abc import Iterator

from placet.approvals.definitions import Definition
from placet.approvals.steps import ApprovalStep, IncludeStep


def is_unknown_yet(definition: Definition, name: str) -> bool:
    """Whether it would be a step of an include that could not be copied in. What stands against that is said there."""
    return name not in definition.steps and any(name.startswith(f"{key}-") for key, _ in _left(definition))


def hint(definition: Definition, name: str, spelling: str = "{}") -> str:
    """What to say instead; "" where no include has to do with it. `spelling`: of a step's key, where it belongs."""
    notes = definition.included or {}
    process = {**dict(_left(definition)), **{key: note.process for key, note in notes.items()}}.get(name)
    if process is not None:
        keys = (key for key, step in definition.steps.items() if isinstance(step, ApprovalStep))
        example = next((key for key in keys if key.startswith(f"{name}-")), f"{name}-STEP")
        return f": {name} stands for the steps of {process}; name one of these, such as {spelling.format(example)}"
    around = max((key for key in notes if name.startswith(f"{key}-")), key=len, default="")
    if not around:
        return ""
    return f"; what {around} includes is version {notes[around].version} of {notes[around].process}"


def _left(definition: Definition) -> Iterator[tuple[str, str]]:
    """Includes that are there as they were written, and their processes."""
    return ((key, step.process) for key, step in definition.steps.items() if isinstance(step, IncludeStep))
