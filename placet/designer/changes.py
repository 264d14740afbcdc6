"""What the forms of the designer change: places of a definition with what stands there afterwards."""

from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from placet.designer import edits
from placet.designer.inputs import Place
from placet.designer.reading import at


@dataclass(frozen=True)
class Change:
    """`value`: None removes what stands there. `inserted`: before what stands in that place of a list."""

    path: Place
    value: Any
    inserted: bool = False


def differences(path: Place, old: Any, new: Any) -> Iterator[Change]:
    """As few as there can be: whatever stays keeps its place in the text, and its comments."""
    if old == new and type(old) is type(new):
        return
    if isinstance(old, dict) and isinstance(new, dict) and new:
        for name in [*new, *(name for name in old if name not in new)]:
            yield from differences((*path, name), old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list) and new:
        for number, (before, after) in enumerate(zip(old, new, strict=False)):
            yield from differences((*path, number), before, after)
        for number in range(len(old), len(new)):
            yield Change((*path, number), new[number], inserted=True)
        for number in reversed(range(len(new), len(old))):
            yield Change((*path, number), None)
    else:
        yield Change(path, new if new not in ([], {}) else None)


def written(text: str, changes: Iterable[Change]) -> str:
    """The text of a draft with them. Raises EditInvalid where it has no such place."""
    for change in changes:
        if change.inserted:
            text = edits.insert_item(text, change.path[:-1], int(change.path[-1]), change.value)
        elif change.value is None and isinstance(change.path[-1], int):
            text = edits.remove(text, change.path)
        else:
            text = edits.set_value(text, change.path, change.value)
    return text


def applied(data: dict[str, Any], changes: Sequence[Change]) -> dict[str, Any]:
    """A copy of the data with them."""
    data = deepcopy(data)
    for change in changes:
        owner: Any = _owner(data, change.path)
        part: Any = change.path[-1]
        if change.inserted:
            owner.insert(part, change.value)
        elif change.value is not None:
            owner[part] = change.value
        elif isinstance(owner, list):
            del owner[part]
        else:
            owner.pop(part, None)
    return data


def _owner(data: dict[str, Any], path: Place) -> Any:
    for length in range(1, len(path)):
        if at(data, path[:length]) is None:
            at(data, path[: length - 1])[path[length - 1]] = {}
    return at(data, path[:-1])
