"""Edits of a draft's text: each changes what it is about, and leaves all else as its author wrote it.

A place is a path of names and numbers: `["steps", "finance", "name"]`, `["form", 0]`. What an edit wrote is read back
before it is returned; where the shortest change would say anything else than what was meant (an anchor is used twice,
say), the smallest part around it is written anew.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import lru_cache
from itertools import chain
from typing import Any

from pydantic import ValidationError

from placet.approvals.definitions import Definition
from placet.approvals.process_text import Unreadable, read_text
from placet.approvals.processes import MOST_READINGS
from placet.designer import names, surgery
from placet.designer.yaml_tree import Path, Source, Tree, Word, same, source_of, tree_of

STEPS, WAYS = "steps", "transitions"
WIDEST_LINE = 120


class EditInvalid(ValueError):
    """The text is no YAML, or says nothing at this place. A sentence."""


# --- reading ----------------------------------------------------------------------------------------------


def value_at(text: str, path: Path) -> Any:
    """What a text says at a place, as a process reads it: words are texts where a process means the word."""
    value = _data(text)
    for part in path:
        if not _is_there(value, part):
            raise EditInvalid(_nothing_at(path))
        value = value[part]
    return deepcopy(value)


@lru_cache(maxsize=16)
def _data(text: str) -> Any:
    try:
        source_of(text)  # which bounds it
        written = read_text(text)
    except Unreadable as error:
        raise EditInvalid(str(error)) from error
    for _ in range(MOST_READINGS):
        try:
            Definition.model_validate(written.data)
        except ValidationError as error:
            again = written.with_texts(error.errors())
            if again is None:
                break
            written = again
        else:
            break
    return written.data


def _is_there(value: Any, part: str | int) -> bool:
    if isinstance(value, Mapping):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value)


def _nothing_at(path: Path) -> str:
    return f"There is nothing at {'.'.join(map(str, path))}."


def _read(text: str) -> Source:
    try:
        source = source_of(text)
    except Unreadable as error:
        raise EditInvalid(str(error)) from error
    if not isinstance(source.tree, dict) and not _is_nothing(source.tree):
        raise EditInvalid("This is no list of names with values: key, name, start, steps, ...")
    return source


def _is_nothing(tree: Tree) -> bool:
    return isinstance(tree, Word) and tree.value is None


def tree_at(tree: Tree, path: Path) -> Tree:
    """EditInvalid, if there is nothing."""
    held = tree
    for part in path:
        if not _is_there(held, part):
            raise EditInvalid(_nothing_at(path))
        held = held[part]  # type: ignore[index]  # as was asked
    return held


# --- writing ----------------------------------------------------------------------------------------------


def _written(source: Source, path: Path, meant: Tree, attempts: Iterator[str | None]) -> str:
    """The first of these texts that says what was meant; after them the parts around the place, written anew. Before a
    whole list of steps or fields is, what stands elsewhere by an anchor is written out: so all else keeps its comments.
    """
    for attempt in chain(attempts, _around(source, path, meant, shortest=2)):
        if attempt is not None and _says(attempt, meant):
            return attempt
    apart = surgery.with_aliases_written_out(source)
    if apart is not None and _says(apart, source.tree):
        for attempt in _around(source_of(apart), path, meant, shortest=2):
            if attempt is not None and _says(attempt, meant):
                return attempt
    for attempt in _around(source, path[:1], meant, shortest=0):
        if attempt is not None and _says(attempt, meant):
            return attempt
    raise EditInvalid(f"What was to be written at {'.'.join(map(str, path))} cannot be said in YAML.")


def _around(source: Source, path: Path, meant: Tree, shortest: int) -> Iterator[str | None]:
    """With what is meant at a place, and then at each that it stands in, as far as paths of `shortest` parts."""
    for length in range(len(path), shortest - 1, -1):
        if _holds(meant, path[:length]):
            yield surgery.with_value(source, path[:length], tree_at(meant, path[:length]))


def _says(text: str, meant: Tree) -> bool:
    try:
        return same(source_of(text).tree, meant)
    except Unreadable:
        return False


def _holds(tree: Tree, path: Path) -> bool:
    try:
        tree_at(tree, path)
    except EditInvalid:
        return False
    return True


def _attempts(
    source: Source, path: Path, meant: Tree, change: Callable[[], str | None]
) -> Iterator[str | None]:
    """The change itself; but where it would make a line in brackets too long, these in lines of their own."""
    changed = change()
    outermost = _line_in_brackets(source, path)
    if outermost is not None and changed is not None and _is_wider(source.text, changed):
        yield surgery.with_value(source, outermost, tree_at(meant, outermost))
    yield changed


def _is_wider(old: str, new: str) -> bool:
    known = set(old.splitlines())
    return any(len(line) > WIDEST_LINE for line in new.splitlines() if line not in known)


def _line_in_brackets(source: Source, path: Path) -> Path | None:
    """The outermost brackets around a place, if they stand in one line: no comment is lost with them."""
    for length in range(1, len(path) + 1):
        place = surgery.place_of(source, path[:length])
        if place is not None and surgery.is_flow(place.node):
            begin, end = surgery.start_of(place.node), surgery.end_of(source.text, place.node)
            return None if "\n" in source.text[begin:end] else path[:length]
    return None


def _with(tree: Tree, path: Path, change: Callable[[Tree], Tree]) -> Tree:
    """A copy with something else at a place."""
    if not path:
        return change(tree)
    part, rest = path[0], path[1:]
    if isinstance(tree, dict):
        return {key: _with(inner, rest, change) if key == part else inner for key, inner in tree.items()}
    assert isinstance(tree, list)
    return [_with(inner, rest, change) if at == part else inner for at, inner in enumerate(tree)]


def _tree_of(value: Any) -> Tree:
    try:
        return tree_of(value)
    except TypeError as error:
        raise EditInvalid(f"{error}.") from error


def set_value(text: str, path: Path, value: Any) -> str:
    """With this value at a place. Maps on the way there that are missing are made; None removes what stands there, and
    nothing is removed where nothing is."""
    source = _read(text)
    if value is None:
        return remove(text, path) if _holds(source.tree, path) else text
    return _assigned(text, [*path], _tree_of(value))


def with_tree(text: str, tree: Tree) -> str:
    """With all that a text says as in this tree."""
    return _assigned(text, [], tree)


def _assigned(text: str, path: Path, tree: Tree) -> str:
    source = _read(text)
    if not _holds(source.tree, path):
        return _made(source, path, tree)
    old = tree_at(source.tree, path)
    if same(old, tree):
        return text
    if isinstance(old, dict) and isinstance(tree, dict) and old and tree:
        return _map_assigned(text, path, old, tree)
    if isinstance(old, list) and isinstance(tree, list) and old and tree:
        return _list_assigned(text, path, old, tree)
    meant = _with(source.tree, path, lambda _old: tree)
    return _written(
        source, path, meant, _attempts(source, path, meant, lambda: surgery.with_value(source, path, tree))
    )


def _made(source: Source, path: Path, tree: Tree) -> str:
    """With a value where nothing stands, and with the maps around it that are missing."""
    length = 0
    while _holds(source.tree, path[: length + 1]) and length < len(path):
        length += 1
    held = tree_at(source.tree, path[:length])
    missing = path[length:]
    if any(not isinstance(part, str) for part in missing) or not (
        isinstance(held, dict) or _is_nothing(held)
    ):
        raise EditInvalid(_nothing_at(path))
    for part in reversed(missing[1:]):
        tree = {str(part): tree}
    name = str(missing[0])
    if not isinstance(held, dict) or not held:
        return _filled(source, path[:length], {name: tree})
    return _with_entry(source, path[:length], name, tree, len(held))


def _filled(source: Source, path: Path, tree: Tree) -> str:
    """With a value where nothing stands, or an empty list or map."""
    meant = _with(source.tree, path, lambda _old: tree)
    return _written(source, path, meant, iter((surgery.with_value(source, path, tree),)))


def _with_entry(source: Source, path: Path, name: str, tree: Tree, at: int) -> str:
    def grown(held: Tree) -> Tree:
        assert isinstance(held, dict)
        entries = [*held.items()]
        return dict([*entries[:at], (name, tree), *entries[at:]])

    meant = _with(source.tree, path, grown)
    change = _attempts(source, path, meant, lambda: surgery.with_entry(source, path, name, tree, at))
    return _written(source, path, meant, change)


def _map_assigned(text: str, path: Path, old: dict[str, Tree], tree: dict[str, Tree]) -> str:
    """Name by name, so that what stays keeps its comments."""
    if [key for key in old if key in tree] != [key for key in tree if key in old] or not old.keys() & tree:
        source = _read(text)
        meant = _with(source.tree, path, lambda _old: tree)
        return _written(source, path, meant, iter(()))
    for key in old.keys() - tree.keys():
        text = remove(text, [*path, key])
    for at, (key, inner) in enumerate(tree.items()):
        is_new = key not in old
        text = (
            _with_entry(_read(text), path, key, inner, at) if is_new else _assigned(text, [*path, key], inner)
        )
    return text


def _list_assigned(text: str, path: Path, old: list[Tree], tree: list[Tree]) -> str:
    """What is the same at both ends stays; between, one by one."""
    shorter = min(len(old), len(tree))
    begin = next((at for at in range(shorter) if not same(old[at], tree[at])), shorter)
    end = next(
        (at for at in range(shorter - begin) if not same(old[-1 - at], tree[-1 - at])), shorter - begin
    )
    both = min(len(old), len(tree)) - end
    for at in range(begin, both):
        text = _assigned(text, [*path, at], tree[at])
    for at in range(len(old) - end - 1, both - 1, -1):
        text = remove(text, [*path, at])
    for at in range(both, len(tree) - end):
        text = _inserted(text, path, at, tree[at])
    return text


def insert_item(text: str, path: Path, index: int, value: Any) -> str:
    """With one more item in a list, as number `index` (from 0). A list that is missing is made."""
    return _inserted(text, [*path], index, _tree_of(value))


def _inserted(text: str, path: Path, index: int, tree: Tree) -> str:
    source = _read(text)
    if not _holds(source.tree, path) or _is_nothing(tree_at(source.tree, path)):
        if index:
            raise EditInvalid(_nothing_at([*path, index]))
        return _assigned(text, path, [tree])
    held = _list_at(source, path)
    if not 0 <= index <= len(held):
        raise EditInvalid(_nothing_at([*path, index]))
    if not held:
        return _filled(source, path, [tree])
    meant = _with(source.tree, path, lambda _old: [*held[:index], tree, *held[index:]])
    change = _attempts(source, path, meant, lambda: surgery.with_item(source, path, tree, index))
    return _written(source, path, meant, change)


def _list_at(source: Source, path: Path) -> list[Tree]:
    held = tree_at(source.tree, path)
    if not isinstance(held, list):
        raise EditInvalid(f"There is no list at {'.'.join(map(str, path))}.")
    return held


def remove(text: str, path: Path) -> str:
    """Without what stands at a place; the comment right above it goes with it."""
    path = [*path]
    source = _read(text)
    tree_at(source.tree, path)
    if not path:
        raise EditInvalid("The whole of a process is not removed by an edit of its text.")
    meant = _with(source.tree, path[:-1], lambda held: _without(held, path[-1]))
    return _written(source, path[:-1], meant, iter((surgery.without(source, path),)))


def _without(held: Tree, part: str | int) -> Tree:
    if isinstance(held, dict):
        return {key: inner for key, inner in held.items() if key != part}
    assert isinstance(held, list)
    return [inner for at, inner in enumerate(held) if at != part]


def move_item(text: str, path: Path, from_: int, to: int) -> str:
    """With item number `from_` of a list as number `to` of it (from 0); the comment right above it goes with it."""
    path = [*path]
    source = _read(text)
    held = _list_at(source, path)
    for at in (from_, to):
        if not 0 <= at < len(held):
            raise EditInvalid(_nothing_at([*path, at]))
    if from_ == to:
        return text
    order = [*held]
    order.insert(to, order.pop(from_))
    meant = _with(source.tree, path, lambda _old: order)
    return _written(source, path, meant, iter((surgery.with_part_moved(source, path, from_, to),)))


# --- steps ------------------------------------------------------------------------------------------------


def add_step(text: str, key: str, step: Mapping[str, Any], after: str | None = None) -> str:
    """With one more step: behind another one, or as the last."""
    source = _read(text)
    steps = tree_at(source.tree, [STEPS]) if _holds(source.tree, [STEPS]) else {}
    if not isinstance(steps, dict) or not steps:
        return _assigned(text, [STEPS], {key: _tree_of(step)})
    if key in steps:
        raise EditInvalid(f"There is a step {key} already.")
    if after is not None and after not in steps:
        raise EditInvalid(f"There is no step {after}.")
    at = len(steps) if after is None else [*steps].index(after) + 1
    return _with_entry(source, [STEPS], key, _tree_of(step), at)


def remove_step(text: str, key: str) -> str:
    """Without a step and the ways that lead on from it, and without it in what `not_same_as` says elsewhere. Ways that
    lead to it stay, and are problems of the draft: where they lead instead is for its author to say."""
    text = remove(text, [STEPS, _step(text, key)])
    ways = value_at(text, [WAYS]) if _holds(_read(text).tree, [WAYS]) else []
    for at in reversed(range(len(ways) if isinstance(ways, list) else 0)):
        if isinstance(ways[at], Mapping) and _letters(text, [WAYS, at, "from"]) == key:
            text = remove(text, [WAYS, at])
    for other in [*_steps(text)]:
        place = [STEPS, other, "not_same_as"]
        tree = _read(text).tree
        if _holds(tree, place) and isinstance(tree_at(tree, place), list):
            text = _without_words(text, place, key)
    return text


def _without_words(text: str, place: Path, word: str) -> str:
    words = _list_at(_read(text), place)
    rest = [one for one in words if not (isinstance(one, Word) and one.text == word)]
    if len(rest) == len(words):
        return text
    return _assigned(text, place, rest) if rest else remove(text, place)


def _letters(text: str, path: Path) -> str | None:
    tree = _read(text).tree
    word = tree_at(tree, path) if _holds(tree, path) else None
    return word.text if isinstance(word, Word) else None


def _steps(text: str) -> dict[str, Tree]:
    tree = _read(text).tree
    steps = tree_at(tree, [STEPS]) if _holds(tree, [STEPS]) else {}
    return steps if isinstance(steps, dict) else {}


def _step(text: str, key: str) -> str:
    if key not in _steps(text):
        raise EditInvalid(f"There is no step {key}.")
    return key


def move_step(text: str, key: str, before: str | None) -> str:
    """With a step right before another one, or as the last (None); the comment right above it goes with it."""
    source = _read(text)
    keys = [*_steps(text)]
    from_ = keys.index(_step(text, key))
    if before == key:
        return text
    rest = [one for one in keys if one != key]
    to = len(rest) if before is None else rest.index(_step(text, before))
    if to == from_:
        return text
    order = [*rest[:to], key, *rest[to:]]

    def ordered(held: Tree) -> Tree:
        assert isinstance(held, dict)
        return {one: held[one] for one in order}

    meant = _with(source.tree, [STEPS], ordered)
    return _written(source, [STEPS], meant, iter((surgery.with_part_moved(source, [STEPS], from_, to),)))


# --- names ------------------------------------------------------------------------------------------------


def rename_step(text: str, old: str, new: str) -> str:
    """With a step called otherwise wherever the process names it: ways, branches, people, conditions."""
    _step(text, old)
    if new == old:
        return text
    if new in _steps(text):
        raise EditInvalid(f"There is a step {new} already.")
    text = _with_words(text, [*names.step_places(_read(text).tree, old, new)])
    source = _read(text)

    def renamed(held: Tree) -> Tree:
        assert isinstance(held, dict)
        return {new if key == old else key: step for key, step in held.items()}

    meant = _with(source.tree, [STEPS], renamed)
    return _written(source, [STEPS], meant, iter((surgery.with_key(source, [STEPS, old], new),)))


def rename_field(text: str, old: str, new: str) -> str:
    """With a field of the form called otherwise wherever the process names it: lists of fields, people, deadlines,
    conditions, the title and texts of mails. A list that named it by `*` alone gets its name, if `*` would not any more
    stand for it."""
    tree = _read(text).tree
    fields = [word for place, word in names.field_names(tree)]
    if old not in fields:
        raise EditInvalid(f"There is no field {old}.")
    if new == old:
        return text
    if new in fields:
        raise EditInvalid(f"There is a field {new} already.")
    lost = [*names.lost_by_patterns(tree, old, new)]
    text = _with_words(text, [*names.field_places(tree, old, new)])
    for place in lost:
        text = _inserted(text, [*place], len(_list_at(_read(text), place)), Word(new))
    return text


def _with_words(text: str, changes: list[tuple[names.Place, str, names.Renamed]]) -> str:
    """All at once; or one by one, where that does not say what is meant."""
    if not changes:
        return text
    source = _read(text)
    meant = source.tree
    for place, word, _renamed in changes:
        meant = _with(meant, place, lambda _old, word=word: Word(word))  # type: ignore[misc]  # bound at once
    new = surgery.with_words(source, [(place, Word(word), renamed) for place, word, renamed in changes])
    if new is not None and _says(new, meant):
        return new
    for place, word, _renamed in changes:
        text = _assigned(text, [*place], Word(word))
    return text
