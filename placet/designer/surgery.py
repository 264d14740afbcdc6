"""Changes to a YAML text, each to the lines that it is about: all else stays byte for byte, comments too.

What stands where is known from the marks of YAML's nodes. Each function returns the new text, or None where the place
is written in a way that it does not know (a name with an anchor, say); whoever calls it looks at what the new text
says in any case, and writes more of it anew if that is not what was meant (`placet.designer.edits`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import yaml

from placet.designer.yaml_tree import (
    AliasNode,
    Path,
    Source,
    Tree,
    Word,
    below,
    entry_lines,
    fits_in_line,
    in_line,
    item_lines,
    key_text,
    target_of,
    tree_of_node,
    word_text,
)

LONG_ONES = ("form", "steps", "transitions")  # what is written one below the other, however short it is


@dataclass(frozen=True)
class Place:
    """Where the value of a name or of an item stands. `above`: what it is in, from the outermost."""

    above: tuple[yaml.Node, ...]
    key: yaml.Node | None  # None: an item, or the whole
    node: yaml.Node

    @property
    def is_in_flow(self) -> bool:
        return any(is_flow(node) for node in self.above)


def is_flow(node: yaml.Node) -> bool:
    return bool(isinstance(node, yaml.CollectionNode) and node.flow_style)


def is_block(node: yaml.Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and not node.flow_style


def place_of(source: Source, path: Path) -> Place | None:
    if source.root is None:
        return None
    above: list[yaml.Node] = []
    key, node = None, source.root
    for part in path:
        held = target_of(node)
        above.append(node)
        if isinstance(held, yaml.MappingNode):
            entry = next(((k, v) for k, v in reversed(held.value) if k.value == part), None)
            if entry is None:
                return None
            key, node = entry
        elif isinstance(held, yaml.SequenceNode) and isinstance(part, int) and part < len(held.value):
            key, node = None, held.value[part]
        else:
            return None
    return Place(tuple(above), key, node)


# --- where something begins and ends ----------------------------------------------------------------------


def start_of(node: yaml.Node) -> int:
    return int(node.start_mark.index)


def end_of(text: str, node: yaml.Node) -> int:
    """Behind the last letter of it. What YAML says ends with the next thing, comments between them included."""
    if is_block(node):
        last = node.value[-1]
        return end_of(text, last[1] if isinstance(node, yaml.MappingNode) else last)
    begin, end = start_of(node), int(node.end_mark.index)
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        header = text[begin:end].partition("\n")[0]
        return end if "+" in header.partition("#")[0] else begin + len(text[begin:end].rstrip())
    return end


def line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def line_end(text: str, at: int) -> int:
    """Behind the line break of the line."""
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1


def _lines_end(text: str, node: yaml.Node) -> int:
    """Behind the last line of a value, with the comment that stands in it."""
    end = end_of(text, node)
    return end if end and text[end - 1] == "\n" else line_end(text, end)


def _colon(text: str, key: yaml.Node) -> int:
    """Behind the colon of a name; -1 where there is none beside it."""
    at = int(key.end_mark.index)
    while at < len(text) and text[at] in " \t":
        at += 1
    return at + 1 if text[at : at + 1] == ":" else -1


def _dashes(text: str, node: yaml.Node) -> list[int] | None:
    """Where the dash of each item stands; None where one is not seen."""
    column = node.start_mark.column
    dashes = [start_of(node)]
    for before in node.value[:-1]:
        at = _lines_end(text, before)
        while at < len(text) and text[at : line_end(text, at)].strip()[:1] in ("", "#"):
            at = line_end(text, at)
        if text[at : at + column].strip() or text[at + column : at + column + 1] != "-":
            return None
        dashes.append(at + column)
    return dashes


def _with_comment(text: str, begin: int) -> int:
    """Where the comment begins that stands right above a line and as far in: it belongs to it."""
    column = len(text[begin : line_end(text, begin)]) - len(text[begin : line_end(text, begin)].lstrip(" "))
    while begin:
        above = line_start(text, begin - 1)
        line = text[above:begin]
        if not line.lstrip(" ").startswith("#") or len(line) - len(line.lstrip(" ")) != column:
            break
        begin = above
    return begin


def _spans(text: str, node: yaml.Node) -> list[tuple[int, int]] | None:
    """The lines of each entry or item of a block, from the comment above it; None where one shares a line with what the
    block is in."""
    if isinstance(node, yaml.MappingNode):
        begins: list[int] | None = [start_of(key) for key, _value in node.value]
        values = [value for _key, value in node.value]
    else:
        begins, values = _dashes(text, node), [*node.value]
    if begins is None:
        return None
    spans: list[tuple[int, int]] = []
    for begin, value in zip(begins, values, strict=True):
        line = line_start(text, begin)
        if text[line:begin].strip(" "):
            return None
        at_root = line == begin and not spans  # what stands above the first name is about the whole
        spans.append((line if at_root else _with_comment(text, line), _lines_end(text, value)))
    return spans


# --- values -----------------------------------------------------------------------------------------------


def with_value(source: Source, path: Path, tree: Tree) -> str | None:
    """With another value at a place."""
    if not path:
        return _with_whole(source, tree)
    place = place_of(source, path)
    if place is None:
        return None
    text, node = source.text, place.node
    begin, end = start_of(node), end_of(text, node)
    if place.is_in_flow:
        return text[:begin] + _apart(text, begin) + in_line(tree) + text[end:]
    if not is_block(node) and not _is_block_text(node):
        columns = begin - line_start(text, begin)
        if fits_in_line(tree, columns, is_long=_is_long(path)):
            style = node.style if isinstance(node, yaml.ScalarNode) else None
            word = (
                word_text(tree, in_flow=False, style=style)
                if isinstance(tree, Word)
                else in_line(tree, in_flow=False)
            )
            return text[:begin] + _apart(text, begin) + word + text[end:]
    return _with_lines(source, path, place, tree)


def _is_block_text(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")


def _is_long(path: Path) -> bool:
    return len(path) == 1 and path[0] in LONG_ONES


def _apart(text: str, at: int) -> str:
    return "" if at == 0 or text[at - 1] in " \n[{" else " "


def _with_lines(source: Source, path: Path, place: Place, tree: Tree) -> str | None:
    """Where the old value, the new one, or both have lines of their own."""
    text, node = source.text, place.node
    if place.key is not None:
        behind, column = _colon(text, place.key), place.key.start_mark.column
    else:
        dashes = _dashes(text, target_of(place.above[-1]))
        if dashes is None:
            return None
        behind = dashes[int(path[-1])] + 1
        column = behind - 1 - line_start(text, behind)
    if behind < 0:
        return None
    end = end_of(text, node)
    if is_block(node) and "\n" in text[behind : start_of(node)]:
        comment = text[behind : line_end(text, behind)].rstrip()
    elif is_block(node) or _is_block_text(node):
        comment = ""
    else:
        comment = text[end : line_end(text, end)].rstrip()
        end += len(comment)
    if comment.strip() and not comment.strip().startswith("#"):
        return None
    ends_line = text[end - 1 : end] == "\n"
    new = _behind(tree, column, columns=behind - line_start(text, behind), is_long=_is_long(path))
    lines = [f" {new[0]}{comment}".rstrip() if new[0] else comment.rstrip(), *new[1:]]
    return text[:behind] + source.newline.join(lines) + (source.newline if ends_line else "") + text[end:]


def _behind(tree: Tree, column: int, *, columns: int, is_long: bool) -> list[str]:
    """What stands behind a colon or a dash in its line, and the lines below."""
    if fits_in_line(tree, columns, is_long=is_long):
        return [in_line(tree, in_flow=False)]
    header, lines = below(tree, column + 2)
    return [header, *lines]


def _with_whole(source: Source, tree: Tree) -> str | None:
    text = source.text
    header, lines = ("", ["{}"]) if tree == {} else below(tree, 0)
    written = source.newline.join([header, *lines] if header else lines) + source.newline
    if source.root is None:
        apart = source.newline if text and not text.endswith("\n") else ""
        return text + apart + written
    return text[: start_of(source.root)] + written + text[_lines_end(text, source.root) :]


def with_aliases_written_out(source: Source) -> str | None:
    """With what each `*name` stands for in its place; None where there is none."""
    if source.root is None:
        return None
    aliases = [*_aliases_in(source.root)]
    changes = [(start_of(one), int(one.end_mark.index), in_line(tree_of_node(one))) for one in aliases]
    return _replaced(source.text, changes) if changes else None


def _aliases_in(node: yaml.Node) -> Iterator[AliasNode]:
    if isinstance(node, AliasNode):
        yield node
        return
    if isinstance(node, yaml.CollectionNode):
        for part in node.value:
            for inner in part if isinstance(node, yaml.MappingNode) else (part,):
                yield from _aliases_in(inner)


def with_words(source: Source, words: Sequence[tuple[Path, Word, Callable[[str], str]]]) -> str | None:
    """With other words at several places. The function of each makes its new letters of the old ones, where they stand
    in lines of their own: so they stay as they are broken."""
    changes: list[tuple[int, int, str]] = []
    for path, word, renamed in words:
        place = place_of(source, path)
        if place is None or not isinstance(place.node, yaml.ScalarNode):
            return None
        begin, end = start_of(place.node), end_of(source.text, place.node)
        if _is_block_text(place.node) or "\n" in source.text[begin:end]:
            new = renamed(source.text[begin:end])
        else:
            new = word_text(word, in_flow=place.is_in_flow, style=place.node.style)
        changes.append((begin, end, new))
    return _replaced(source.text, changes)


def _replaced(text: str, changes: Sequence[tuple[int, int, str]]) -> str:
    for begin, end, new in sorted(set(changes), reverse=True):
        text = text[:begin] + new + text[end:]
    return text


def with_key(source: Source, path: Path, name: str) -> str | None:
    """With another name for what stands at a place."""
    place = place_of(source, path)
    if place is None or place.key is None or isinstance(place.key, yaml.CollectionNode):
        return None
    begin, end = start_of(place.key), int(place.key.end_mark.index)
    return source.text[:begin] + key_text(name) + source.text[end:]


# --- entries and items ------------------------------------------------------------------------------------


def with_entry(source: Source, path: Path, key: str, tree: Tree, at: int) -> str | None:
    """With one more name in a map, so that it is number `at` of them."""
    place = place_of(source, path)
    if place is None or not isinstance(place.node, yaml.MappingNode):
        return None
    if is_flow(place.node):
        return _with_flow_part(source, place, at, f"{key_text(key)}: {in_line(tree)}")
    column = place.node.start_mark.column
    lines = entry_lines(key, tree, column, is_long=_is_long([*path, key]))
    return _with_block_lines(source, place.node, at, lines)


def with_item(source: Source, path: Path, tree: Tree, at: int) -> str | None:
    place = place_of(source, path)
    if place is None or not isinstance(place.node, yaml.SequenceNode):
        return None
    if is_flow(place.node):
        return _with_flow_part(source, place, at, in_line(tree))
    return _with_block_lines(source, place.node, at, item_lines(tree, place.node.start_mark.column))


def _with_flow_part(source: Source, place: Place, at: int, part: str) -> str | None:
    text, ends = source.text, [*_flow_spans(source.text, place.node)]
    if text[start_of(place.node)] not in "[{":
        return None
    if at:
        end = ends[at - 1][1]
        return f"{text[:end]}, {part}{text[end:]}"
    begin = start_of(place.node) + 1
    return text[:begin] + part + (", " if ends else "") + text[begin:].lstrip(" ")


def _flow_spans(text: str, node: yaml.Node) -> Iterator[tuple[int, int]]:
    for part in node.value:
        key, value = part if isinstance(node, yaml.MappingNode) else (part, part)
        yield start_of(key), max(end_of(text, value), int(key.end_mark.index))


def _with_block_lines(source: Source, node: yaml.Node, at: int, lines: Sequence[str]) -> str | None:
    text = source.text
    if at == len(node.value):
        last = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
        begin = _lines_end(text, last)
    else:
        spans = _spans(text, node)
        if spans is None:
            return None
        begin = spans[at][0]
    apart = source.newline if begin and text[begin - 1] != "\n" else ""
    return text[:begin] + apart + "".join(line + source.newline for line in lines) + text[begin:]


def without(source: Source, path: Path) -> str | None:
    """Without what stands at a place, and without the comment right above it."""
    held = place_of(source, path[:-1])
    at = None if held is None else _number_of(held.node, path[-1])
    if held is None or at is None or len(held.node.value) == 1:
        return None
    text = source.text
    if is_flow(held.node):
        spans = [*_flow_spans(text, held.node)]
        begin, end = (spans[0][0], spans[1][0]) if at == 0 else (spans[at - 1][1], spans[at][1])
        return text[:begin] + text[end:]
    spans_of_lines = _spans(text, held.node)
    if spans_of_lines is not None:
        begin, end = spans_of_lines[at]
        return text[:begin] + text[end:]
    return _without_in_line(source, held.node, at)


def _without_in_line(source: Source, node: yaml.Node, at: int) -> str | None:
    """Of a block that begins behind a dash, in its line."""
    text = source.text
    if not isinstance(node, yaml.MappingNode):
        return None
    keys = [start_of(key) for key, _value in node.value]
    if at == 0:
        end = _lines_end(text, node.value[0][1])
        if end == line_start(text, keys[1]):
            return text[: keys[0]] + text[keys[1] :]
        return text[: keys[0]].rstrip(" ") + source.newline + text[end:]
    begin = _with_comment(text, line_start(text, keys[at]))
    return text[:begin] + text[_lines_end(text, node.value[at][1]) :]


def _number_of(node: yaml.Node, part: str | int) -> int | None:
    """Of an entry or an item, in its map or list; None for what stands elsewhere."""
    if isinstance(node, yaml.MappingNode):
        return next((at for at, (key, _value) in enumerate(node.value) if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return part
    return None


def with_part_moved(source: Source, path: Path, from_: int, to: int) -> str | None:
    """With an entry or item, and the comment right above it, as number `to` of the others."""
    place = place_of(source, path)
    if place is None or not isinstance(place.node, yaml.CollectionNode):
        return None
    text = source.text
    if is_flow(place.node):
        spans = [*_flow_spans(text, place.node)]
        moved = text[slice(*spans[from_])]
        order = [text[slice(*span)] for at, span in enumerate(spans) if at != from_]
        order.insert(to, moved)
        return _replaced(text, [(*span, new) for span, new in zip(spans, order, strict=True)])
    lines = _spans(text, place.node)
    if lines is None:
        return None
    moved = text[slice(*lines[from_])]
    if not moved.endswith("\n"):
        moved += source.newline
    begin, end = lines[from_]
    target = lines[to][0] if to < from_ else lines[to][1]
    if target <= begin:
        return text[:target] + moved + text[target:begin] + text[end:]
    apart = "" if text[target - 1] == "\n" else source.newline
    return text[:begin] + text[end:target] + apart + moved + text[target:]
