"""A draft as its pages read it: whatever its author has yet to put right."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from pydantic import ValidationError

from placet.approvals.definitions import Definition
from placet.approvals.drafts import problems_of_text
from placet.designer import edits

#: Times that a wrong draft is checked: so often each of its parts is mended, and from then on left out.
MENDED, LEFT_OUT = 16, 4
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


Path = tuple[str | int, ...]
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
    """A definition without what does not fit, and with a placeholder for what is missing. The whole is checked at most
    MENDED + LEFT_OUT times, however much of it is wrong; None where nothing fits together then."""
    mended = deepcopy(dict(data))
    for part_of, mend in [(_part_of, _mend)] * MENDED + [(_whole_part_of, _leave_out)] * LEFT_OUT:
        try:
            return Definition.model_validate(mended)
        except ValidationError as error:
            errors = _of_different_parts(mended, error, part_of)
        were_mended = [mend(mended, one) for one in errors]
        if not all(were_mended):
            return None
    return None


def _of_different_parts(
    data: Mapping[str, Any], error: ValidationError, part_of: Callable[[Path], Path]
) -> list[Mapping[str, Any]]:
    """The first error of each part, those behind first: what is taken out of a list moves what stands behind it. What
    else is wrong with a part may be right when this is, so it is looked at again."""
    chosen: dict[Path, Mapping[str, Any]] = {}
    taken: set[Path] = set()  # and all that they lie in
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        part = part_of(path_in(data, one["loc"]))
        around = {part[:length] for length in range(len(part) + 1)}
        if part not in taken and chosen.keys().isdisjoint(around):
            chosen[part] = one
            taken |= around
    return [chosen[part] for part in sorted(chosen, key=_place, reverse=True)]


def _part_of(path: Path) -> Path:
    """What an error spoils: the innermost item of a list, or else a step or whatever else has a name."""
    last = max((at for at, name in enumerate(path) if isinstance(name, int)), default=1)
    return path[: last + 1]


def _whole_part_of(path: Path) -> Path:
    return path[:2]


def _place(path: Path) -> list[tuple[int, str]]:
    return [(name, "") if isinstance(name, int) else (0, name) for name in path]


def _leave_out(data: dict[str, Any], error: Mapping[str, Any]) -> bool:
    """A whole step, field or way that could not be mended; whether anything was left out."""
    path = _whole_part_of(path_in(data, error["loc"]))
    if not path:
        return _mend(data, error)
    owner = at(data, path[:-1])
    del owner[path[-1]]
    return True


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


def path_in(data: Any, loc: Sequence[int | str]) -> Path:
    """The place of the data that a check is about, without the names of kinds that pydantic puts between."""
    path: list[str | int] = []
    for part in loc:
        is_name = isinstance(data, dict) and part in data
        if is_name or (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            path.append(part)
            data = data[part]
    return tuple(path)
