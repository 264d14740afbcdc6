"""What two definitions of a process say otherwise, in words. Whatever differs is said: what has no words of its own by
its place and by what stands there.

Two texts that are definitions both are compared as such, so that another way to write the same is no difference; a text
that is none yet is compared by what YAML says of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from django.utils.translation import gettext as _
from pydantic import ValidationError

from placet.approvals.definitions import Definition
from placet.designer import difference_words as words
from placet.designer import edits
from placet.designer.difference_words import MISSING

Source = Definition | Mapping[str, Any] | str
What = Literal["new", "changed", "removed"]
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Difference:
    """One of them: `path` as in the newer definition, or in the older one where it is removed; `step`: the key of the
    step that it is about."""

    path: Path
    what: What
    sentence: str
    step: str | None = None


def differences(old: Source, new: Source) -> list[Difference]:
    """In the order of the definition, in the language that is active; none if both say the same. EditInvalid for a text
    that is no YAML."""
    before, now = _data(old), _data(new)
    if before[1] is None or now[1] is None:
        before, now = (_raw(old), before[1]), (_raw(new), now[1])
    return [*_Comparison(before[0], now[0], before[1], now[1]).all()]


def marks_of_difference(old: Source, new: Source) -> dict[str, What]:
    """What became of each step that differs, by key."""
    return marks_of(differences(old, new))


def marks_of(several: Iterable[Difference]) -> dict[str, What]:
    marks: dict[str, What] = {}
    for one in several:
        if one.step is not None:
            is_whole = one.path == ("steps", one.step) and one.what != "changed"
            marks[one.step] = one.what if is_whole else marks.get(one.step, "changed")
    return marks


def _data(source: Source) -> tuple[Any, Definition | None]:
    try:
        definition = source if isinstance(source, Definition) else Definition.model_validate(_raw(source))
    except ValidationError:
        return None, None
    return definition.model_dump(mode="json", by_alias=True, exclude_none=True), definition


def _raw(source: Source) -> Any:
    if isinstance(source, Definition):
        return source.model_dump(mode="json", by_alias=True, exclude_none=True)
    return edits.value_at(source, []) if isinstance(source, str) else source


def alike(one: Any, other: Any) -> bool:
    """In the same order, too, and of the same kinds: no `true` for 1."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return [*one] == [*other] and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    return type(one) is type(other) and (one == other or one is other)


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


@dataclass
class _Comparison:
    before: Any
    now: Any
    old: Definition | None
    new: Definition | None

    def all(self) -> Iterator[Difference]:
        if not isinstance(self.before, Mapping) or not isinstance(self.now, Mapping):
            if not alike(self.before, self.now):
                yield self._value((), self.before, self.now)
            return
        handled = {
            "form": self._form,
            "steps": self._steps,
            "transitions": self._ways,
        }
        for key in _keys(self.before, self.now):
            one, other = self.before.get(key, MISSING), self.now.get(key, MISSING)
            if alike(one, other):
                continue
            if key in handled:
                several = [*handled[key](one, other)]
                yield from several or [self._value((key,), one, other)]
            else:
                yield from self._deeper((key,), one, other)
        if _reordered(self.before, self.now):
            yield self._order((), _("What the process says stands in another order."))

    # --- by place -----------------------------------------------------------------------------------------

    def _deeper(self, path: Path, before: Any, now: Any) -> Iterator[Difference]:
        """Name by name, as far down as both are maps that people know by their names."""
        if words.is_whole(path) or not (isinstance(before, Mapping) and isinstance(now, Mapping)):
            yield self._value(path, before, now)
            return
        for key in _keys(before, now):
            one, other = before.get(key, MISSING), now.get(key, MISSING)
            if not alike(one, other):
                yield from self._deeper((*path, key), one, other)
        if _reordered(before, now):
            yield self._order(path, words.of_order(self.naming, path))

    def _value(self, path: Path, before: Any, now: Any) -> Difference:
        what: What = "new" if before is MISSING else "removed" if now is MISSING else "changed"
        return Difference(path, what, words.of_value(self.naming, path, before, now), _step_of(path))

    def _order(self, path: Path, sentence: str) -> Difference:
        return Difference(path, "changed", sentence, _step_of(path))

    @cached_property
    def naming(self) -> words.Naming:
        return words.Naming(self.before, self.now, self.old, self.new)

    # --- fields -------------------------------------------------------------------------------------------

    def _form(self, before: Any, now: Any) -> Iterator[Difference]:
        old, new = _by_name(_list(before)), _by_name(_list(now))
        are_parts = all(isinstance(part, Mapping) for part in (*_list(before), *_list(now)))
        if old is None or new is None or not are_parts or not _are_lists(before, now):
            yield self._value(("form",), before, now)
            return
        for key in _keys(old, new):
            if key not in old:
                path = ("form", _list(now).index(new[key]))
                yield Difference(path, "new", words.new_field(new[key]))
            elif key not in new:
                path = ("form", _list(before).index(old[key]))
                yield Difference(path, "removed", words.removed_field(old[key]))
            elif not alike(old[key], new[key]):
                yield from self._deeper(("form", key), old[key], new[key])
        if _reordered(old, new):
            yield self._order(("form",), _("The fields of the form stand in another order."))

    # --- steps --------------------------------------------------------------------------------------------

    def _steps(self, before: Any, now: Any) -> Iterator[Difference]:
        if not _are_maps(before, now):
            yield self._value(("steps",), before, now)
            return
        old, new = _map(before), _map(now)
        for key in _keys(old, new):
            if key not in old:
                yield Difference(("steps", key), "new", words.new_step(self.naming, key), key)
            elif key not in new:
                yield Difference(("steps", key), "removed", words.removed_step(self.naming, key), key)
            elif not alike(old[key], new[key]):
                yield from self._step(key, old[key], new[key])
        if _reordered(old, new):
            yield self._order(("steps",), _("The steps stand in another order."))

    def _step(self, key: str, before: Any, now: Any) -> Iterator[Difference]:
        path = ("steps", key)
        if not _are_maps(before, now) or before.get("kind") != now.get("kind"):
            yield self._value(path, before, now)
            return
        for name in _keys(before, now):
            one, other = before.get(name, MISSING), now.get(name, MISSING)
            if alike(one, other):
                continue
            if name in ("outcomes", "questions"):
                yield from self._listed((*path, name), one, other)
            else:
                yield from self._deeper((*path, name), one, other)
        if _reordered(before, now):
            yield self._order(path, words.of_order(self.naming, path))

    def _listed(self, path: Path, before: Any, now: Any) -> Iterator[Difference]:
        """Answers and questions, each of which has a name of its own."""
        old, new = _by_name(_list(before)), _by_name(_list(now))
        if old is None or new is None or not _are_lists(before, now):
            yield self._value(path, before, now)
            return
        for key in _keys(old, new):
            one, other = old.get(key, MISSING), new.get(key, MISSING)
            if alike(one, other):
                continue
            if one is MISSING or other is MISSING:
                yield self._value((*path, key), one, other)
            else:
                yield from self._deeper((*path, key), _as_map(one), _as_map(other))
        if _reordered(old, new):
            yield self._order(path, words.of_order(self.naming, path))

    # --- ways ---------------------------------------------------------------------------------------------

    def _ways(self, before: Any, now: Any) -> Iterator[Difference]:
        old, new = _ways_by_outcome(before), _ways_by_outcome(now)
        if old is None or new is None:
            yield self._value(("transitions",), before, now)
            return
        several = [
            one for key in _keys(old, new) for one in self._ways_on(key, old.get(key, []), new.get(key, []))
        ]
        yield from several
        # Between answers their order means nothing, and is said all the same: whatever differs is.
        if _reordered(old, new) or (not several and old):
            yield self._order(("transitions",), _("The ways stand in another order."))

    def _ways_on(
        self, key: tuple[str, str], before: list[Mapping[str, Any]], now: list[Mapping[str, Any]]
    ) -> Iterator[Difference]:
        if alike(before, now):
            return
        step, path = key[0], ("transitions",)
        old, new = {way.get("when"): way for way in before}, {way.get("when"): way for way in now}
        if len(old) < len(before) or len(new) < len(now):  # two under the same condition
            yield Difference(path, "changed", words.ways_instead(self.naming, key, before, now), step)
            return
        for when in _keys(old, new):
            one, other = old.get(when), new.get(when)
            if one is None or other is None or not alike(one, other):
                what: What = "new" if one is None else "removed" if other is None else "changed"
                yield Difference(path, what, words.of_way(self.naming, key, one, other), step)
        if _reordered(old, new):
            yield Difference(path, "changed", words.order_of_ways(self.naming, key), step)


def _keys(before: Mapping[Any, Any], now: Mapping[Any, Any]) -> list[Any]:
    """Those of both: what was removed stands where it stood."""
    keys = [*now]
    for at, key in enumerate(before):
        if key not in now:
            earlier = [keys.index(one) for one in [*before][:at] if one in keys]
            keys.insert(max(earlier, default=-1) + 1, key)
    return keys


def _reordered(before: Mapping[Any, Any], now: Mapping[Any, Any]) -> bool:
    return [key for key in before if key in now] != [key for key in now if key in before]


def _are_maps(*values: Any) -> bool:
    return all(isinstance(value, Mapping) or value is MISSING for value in values) and any(values)


def _are_lists(*values: Any) -> bool:
    return all(isinstance(value, list | tuple) or value is MISSING for value in values)


def _as_map(value: Any) -> Any:
    return {"key": value} if isinstance(value, str) else value


def _by_name(parts: Iterable[Any]) -> dict[Any, Any] | None:
    """Each by its name, its key, or what stands there to read; None where two have the same, or one has none."""
    named: dict[Any, Any] = {}
    for part in parts:
        name = words.name_of_part(part)
        if name is None or name in named:
            return None
        named[name] = part
    return named


def _step_of(path: Path) -> str | None:
    return str(path[1]) if len(path) > 1 and path[0] == "steps" else None


def _start(way: Any) -> tuple[str, str]:
    return str(way.get("from")), str(way.get("outcome"))


def _ways_by_outcome(ways: Any) -> dict[tuple[str, str], list[Mapping[str, Any]]] | None:
    """None where one of them is none."""
    grouped: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    if ways is not MISSING and not isinstance(ways, list | tuple):
        return None
    for way in _list(ways):
        if not isinstance(way, Mapping) or not isinstance(way.get("when"), str | None):
            return None
        grouped.setdefault(_start(way), []).append(way)
    return grouped
