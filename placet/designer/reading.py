"""A draft as its pages read it: whatever its author has yet to put right."""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from pydantic import ValidationError

from placet.approvals.definitions import Definition
from placet.approvals.drafts import problems_of_text
from placet.designer import edits

MOST_MENDINGS = 200  # of what does not fit, before there is no picture
#: What stands for a part that is missing or wrong, so that the others can be shown.
_PLACEHOLDERS: dict[str, Any] = {
    "key": "process", "name": "?", "label": "?", "text": "?", "start": "start", "steps": {}, "type": "text",
    "ask": [{"requester": True}], "to": [{"requester": True}], "result": "result", "otherwise": "result",
    "process": "process", "outcome": "outcome",
}  # fmt: skip
#: What is left of a step that does not fit together.
_SKELETON = (
    "kind",
    "name",
    "ask",
    "to",
    "outcomes",
    "branches",
    "result",
    "otherwise",
    "process",
    "until",
    "signal",
)


_MISSING = {"start: Field required", "steps: Field required"}


@dataclass(frozen=True)
class Reading:
    """`data`: what the text says, {} where it is no YAML. `problems`: what has to be put right before it can be
    published, each as “place: what”."""

    key: str  # of the process
    text: str
    data: dict[str, Any]
    is_readable: bool
    problems: tuple[str, ...]

    @cached_property
    def definition(self) -> Definition | None:
        """As much of it as fits together, for the picture and for conditions; None where nothing does."""
        return nearest(self.data)

    @property
    def steps(self) -> dict[str, dict[str, Any]]:
        """Those that are written as steps, by key, in their order."""
        return {key: step for key, step in mapping(self.data.get("steps")).items() if isinstance(step, dict)}

    @property
    def ways(self) -> list[tuple[int, dict[str, Any]]]:
        """With the number that each has in the list of the text, from 0."""
        return [
            (at, way) for at, way in enumerate(items(self.data.get("transitions"))) if isinstance(way, dict)
        ]

    def ways_from(self, step_key: str) -> list[tuple[int, dict[str, Any]]]:
        return [(at, way) for at, way in self.ways if way.get("from") == step_key]


def read(text: str, key: str) -> Reading:
    """A draft of the process `key`."""
    try:
        data = edits.value_at(text, ())
    except edits.EditInvalid as error:
        return Reading(key, text, {}, False, _problems_of(key, text) or (str(error),))
    if not isinstance(data, dict):
        return Reading(key, text, {}, False, _problems_of(key, text))
    return Reading(key, text, data, True, _problems_of(key, text))


def _problems_of(key: str, text: str) -> tuple[str, ...]:
    return tuple(without_steps(problems_of_text(key, text)))


def no_step() -> str:
    return _("There is no step yet.")


def without_steps(problems: Sequence[str]) -> list[str]:
    """A draft that is just begun lacks steps, and with them one to start with: that is one thing to do."""
    if not _MISSING.issubset(problems):
        return list(problems)
    return [no_step(), *(one for one in problems if one not in _MISSING)]


# --- what may be anything ---------------------------------------------------------------------------------


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """Of a list; of anything else that is there, itself alone."""
    return value if isinstance(value, list) else [] if value is None else [value]


def words(value: Any) -> str:
    """As it stands in an input."""
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def at(data: Any, path: Iterable[str | int]) -> Any:
    """What stands at a place; None where there is none."""
    for part in path:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


# --- as much as fits together -----------------------------------------------------------------------------


def nearest(data: Mapping[str, Any]) -> Definition | None:
    """A definition without what does not fit, and with a placeholder for what is missing."""
    mended = deepcopy(dict(data))
    for _time in range(MOST_MENDINGS):
        try:
            return Definition.model_validate(mended)
        except ValidationError as error:
            if not _mend(mended, error.errors()[0]):
                return None
    return None


def _mend(data: dict[str, Any], error: Mapping[str, Any]) -> bool:
    """Whether something was changed."""
    path = path_in(data, error["loc"])
    last = error["loc"][-1] if error["loc"] else None
    if error["type"] == "missing" and last in _PLACEHOLDERS:
        owner = at(data, path)
        if isinstance(owner, dict):
            owner[last] = deepcopy(_PLACEHOLDERS[last])
            return True
    if not path:
        return False
    owner, part = at(data, path[:-1]), path[-1]
    step = owner[part]
    is_step = len(path) == 2 and path[0] == "steps" and isinstance(step, dict)
    if is_step and error["type"] == "value_error" and step.keys() - set(_SKELETON):
        owner[part] = {name: value for name, value in step.items() if name in _SKELETON}
    else:
        del owner[part]
    return True


def path_in(data: Any, loc: Sequence[int | str]) -> tuple[str | int, ...]:
    """The place of the data that a check is about, without the names of kinds that pydantic puts between."""
    path: list[str | int] = []
    for part in loc:
        is_name = isinstance(data, dict) and part in data
        if is_name or (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            path.append(part)
            data = data[part]
    return tuple(path)
