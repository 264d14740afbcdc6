"""JSON Pointers (RFC 6901)."""

from collections.abc import Mapping, Sequence
from typing import Any


def pointer_of(*path: str | int) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def pointer_into(value: Any, path: Sequence[str | int], *, is_missing: bool = False) -> str:
    """The pointer to what stands at a place that validation (pydantic) names: without what it calls one of two ways to
    write something, which no value has. `is_missing`: the last part of the place is what is not there."""
    way: list[str | int] = []
    for part in path[:-1] if is_missing else path:
        if _has(value, part):
            value = value[part]
            way.append(part)
    return pointer_of(*way, *path[-1:]) if is_missing else pointer_of(*way)


def _has(value: Any, part: str | int) -> bool:
    if isinstance(value, list | tuple):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, Mapping) and part in value
