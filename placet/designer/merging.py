"""Two changes of the same text, put together: by lines, and where they touch the same lines by what they say."""

from collections.abc import Sequence
from difflib import SequenceMatcher

from placet.approvals.process_text import Unreadable
from placet.designer import edits
from placet.designer.yaml_tree import Tree, same, source_of

MOST_LINES = 5_000  # of texts that are compared line by line: it takes the square of them at worst
Change = tuple[int, int, list[str]]  # lines of the base from and to (excluded), and what stands there now


class _Conflict(Exception):
    """Both changed the same."""


def merged(base: str, theirs: str, mine: str) -> str | None:
    """A text with both changes; None where both changed the same, or where what comes of it is not read any more though
    both were."""
    if theirs == mine or mine == base:
        return theirs
    if theirs == base:
        return mine
    by_lines = _by_lines(base, theirs, mine)
    trees = _trees(base, theirs, mine)
    if trees is None:  # one of them is no YAML: only its lines are known
        return by_lines
    try:
        both = _both(*trees)
    except _Conflict:
        return None
    if by_lines is not None and _says(by_lines, both):
        return by_lines
    return _by_values(base, theirs, mine, trees[2], both)


def _trees(*texts: str) -> list[Tree] | None:
    try:
        return [source_of(text).tree for text in texts]
    except Unreadable:
        return None


def _says(text: str, tree: Tree) -> bool:
    try:
        return same(source_of(text).tree, tree)
    except Unreadable:
        return False


# --- by lines ---------------------------------------------------------------------------------------------


def _by_lines(base: str, theirs: str, mine: str) -> str | None:
    if are_too_long(base, theirs, mine):
        return None
    lines = base.splitlines(keepends=True)
    changes = sorted([*_changes(lines, theirs), *_changes(lines, mine)])
    new: list[str] = []
    at = 0
    for number, (begin, end, instead) in enumerate(changes):
        if number and changes[number - 1] == (begin, end, instead):
            continue  # both changed it, to the same
        # Changes of neighbouring lines may belong together, so they are not put together in silence.
        if number and begin <= changes[number - 1][1]:
            return None
        new += [*lines[at:begin], *instead]
        at = end
    return "".join([*new, *lines[at:]])


def are_too_long(*texts: str) -> bool:
    return any(text.count("\n") > MOST_LINES for text in texts)


def _changes(lines: Sequence[str], text: str) -> list[Change]:
    others = text.splitlines(keepends=True)
    matcher = SequenceMatcher(None, lines, others, autojunk=False)
    return [
        (begin, end, others[first:last])
        for what, begin, end, first, last in matcher.get_opcodes()
        if what != "equal"
    ]


# --- by what they say -------------------------------------------------------------------------------------


def _both(base: Tree | None, theirs: Tree | None, mine: Tree | None) -> Tree:
    """_Conflict where both changed the same. None: nothing stands there."""
    tree = _both_or_none(base, theirs, mine)
    assert tree is not None
    return tree


def _both_or_none(base: Tree | None, theirs: Tree | None, mine: Tree | None) -> Tree | None:
    if _alike(theirs, mine) or _alike(base, mine):
        return theirs
    if _alike(base, theirs):
        return mine
    if isinstance(base, dict) and isinstance(theirs, dict) and isinstance(mine, dict):
        return _both_maps(base, theirs, mine)
    if (
        isinstance(base, list)
        and isinstance(theirs, list)
        and isinstance(mine, list)
        and len(base) == len(theirs) == len(mine)
    ):
        return [_both(*three) for three in zip(base, theirs, mine, strict=True)]
    raise _Conflict


def _both_maps(base: dict[str, Tree], theirs: dict[str, Tree], mine: dict[str, Tree]) -> Tree:
    """In their order, with what I added behind what stands before it with me."""
    moved_by_me = [key for key in mine if key in base] != [key for key in base if key in mine]
    if moved_by_me and [key for key in theirs if key in base] != [key for key in base if key in theirs]:
        raise _Conflict
    first, second = (mine, theirs) if moved_by_me else (theirs, mine)
    order = [*first]
    for key in [key for key in second if key not in first]:
        before = [*second][: [*second].index(key)]
        at = max((order.index(one) + 1 for one in before if one in order), default=0)
        order.insert(at, key)
    whole = {key: _both_or_none(base.get(key), theirs.get(key), mine.get(key)) for key in order}
    return {key: tree for key, tree in whole.items() if tree is not None}


def _alike(one: Tree | None, other: Tree | None) -> bool:
    return one is other or (one is not None and other is not None and same(one, other))


def _by_values(base: str, theirs: str, mine: str, my_tree: Tree, both: Tree) -> str | None:
    """Only where what I changed is values alone: a comment of mine would be lost."""
    try:
        if edits.with_tree(base, my_tree) != mine:
            return None
        text = edits.with_tree(theirs, both)
    except edits.EditInvalid:
        return None
    return text if _says(text, both) else None
