"""A YAML text as a tree of words with their places in it, and trees as YAML: what edits of a text stand on.

A tree keeps how a word is written where that is no text to YAML (`no`, `4711`): a process may mean the word itself
(`placet.approvals.process_text`), so what is written anew has to be written the same way.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from io import StringIO
from typing import Any, TypeAlias

import yaml

from placet.approvals.process_text import Unreadable, read_text

WIDEST = 110  # columns that something is written into in one line
LARGEST_TREE = 100_000  # words, those that stand for others by an anchor included
_MERGE = "tag:yaml.org,2002:merge"
_TEXT = "tag:yaml.org,2002:str"
_RESOLVER: Any = yaml.resolver.Resolver()
_REPRESENTER = yaml.representer.SafeRepresenter()


@dataclass(frozen=True, eq=False)
class Word:
    """What YAML takes a word for, and how it is written where that is no text."""

    value: Any
    plain: str | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Word) and (self.plain, repr(self.value)) == (other.plain, repr(other.value))

    def __hash__(self) -> int:
        return hash((self.plain, repr(self.value)))

    @property
    def text(self) -> str:
        """The letters that stand there."""
        return str(self.value) if self.plain is None else self.plain


Tree: TypeAlias = dict[str, "Tree"] | list["Tree"] | Word
Path = Sequence[str | int]


class AliasNode(yaml.Node):
    """Where a text says `*name`."""

    def __init__(self, target: yaml.Node, event: Any) -> None:
        super().__init__(target.tag, target.value, event.start_mark, event.end_mark)
        self.target = target


class _Nodes(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            target = super().compose_node(parent, index)
            return target if target is None else AliasNode(target, event)
        return super().compose_node(parent, index)


def target_of(node: yaml.Node) -> yaml.Node:
    return node.target if isinstance(node, AliasNode) else node


@dataclass(frozen=True)
class Source:
    """A text that was read. `root`: None where nothing stands in it."""

    text: str
    root: yaml.Node | None
    tree: Tree

    @property
    def newline(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"


@lru_cache(maxsize=16)
def source_of(text: str) -> Source:
    """Unreadable, if it is no YAML that a process could be. What it returns is shared: nobody changes it."""
    read_text(text)
    loader = _Nodes(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return Source(text, None, Word(None, ""))
        if _size(root, {}) > LARGEST_TREE:
            raise Unreadable("This text stands for more than a process can say: its anchors multiply it.")
        return Source(text, root, _tree(root, loader, {}))
    except RecursionError as error:
        raise Unreadable("This is not YAML that a person wrote: it nests too deep.") from error
    finally:
        loader.dispose()


def tree_of_node(node: yaml.Node) -> Tree:
    """Of a node that was read."""
    loader = _Nodes("")
    try:
        return _tree(node, loader, {})
    finally:
        loader.dispose()


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for _key, value in node.value:
            yield target_of(value)
    elif isinstance(node, yaml.SequenceNode):
        yield from map(target_of, node.value)


def _size(node: yaml.Node, sizes: dict[int, int]) -> int:
    if id(node) not in sizes:
        sizes[id(node)] = LARGEST_TREE + 1  # of what stands in itself
        sizes[id(node)] = 1 + sum(_size(child, sizes) for child in _children(node))
    return sizes[id(node)]


def _tree(node: yaml.Node, loader: Any, trees: dict[int, Tree]) -> Tree:
    node = target_of(node)
    if id(node) not in trees:
        trees[id(node)] = _new_tree(node, loader, trees)
    return trees[id(node)]


def _new_tree(node: yaml.Node, loader: Any, trees: dict[int, Tree]) -> Tree:
    if isinstance(node, yaml.SequenceNode):
        return [_tree(item, loader, trees) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        merged: dict[str, Tree] = {}
        own: dict[str, Tree] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                merged = {**_merged(_tree(value, loader, trees)), **merged}
            else:
                own[str(key.value)] = _tree(value, loader, trees)
        return {**merged, **own}
    if node.tag == _TEXT:
        return Word(node.value)
    return Word(loader.construct_object(node), node.value)


def _merged(tree: Tree) -> dict[str, Tree]:
    if isinstance(tree, list):
        return {key: value for one in reversed(tree) for key, value in _merged(one).items()}
    return tree if isinstance(tree, dict) else {}


# --- trees of values --------------------------------------------------------------------------------------


def tree_of(value: Any) -> Tree:
    """Of what Python has: texts stay texts, whatever YAML would take them for. TypeError for what YAML has not."""
    if isinstance(value, Mapping):
        return {str(key): tree_of(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [tree_of(inner) for inner in value]
    if isinstance(value, str):
        return Word(str(value))
    if value is None:
        return Word(None, "null")
    if isinstance(value, bool):
        return Word(value, "true" if value else "false")
    if isinstance(value, float):
        return _plain_word(_REPRESENTER.represent_float(value).value)
    if isinstance(value, int):
        return _plain_word(str(value))
    if isinstance(value, Decimal):
        return _plain_word(f"{value:f}")
    if isinstance(value, datetime):
        return _plain_word(value.isoformat(" "))
    if isinstance(value, date):
        return _plain_word(value.isoformat())
    raise TypeError(f"a {type(value).__name__} is nothing that YAML says")


def _plain_word(text: str) -> Word:
    loader = yaml.SafeLoader("")
    node = yaml.ScalarNode(_RESOLVER.resolve(yaml.ScalarNode, text, (True, False)), text)
    return Word(loader.construct_object(node), text)


def value_of(tree: Tree) -> Any:
    if isinstance(tree, dict):
        return {key: value_of(inner) for key, inner in tree.items()}
    return [value_of(inner) for inner in tree] if isinstance(tree, list) else tree.value


def same(one: Tree, other: Tree) -> bool:
    """In the same order, too."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [*one] == [*other] and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, Word) and one == other


# --- trees as YAML ----------------------------------------------------------------------------------------


def word_text(word: Word, *, in_flow: bool, style: str | None = None) -> str:
    """A word in one line. `style`: the quotes that it had, which it keeps where they can hold it."""
    if word.plain is not None:
        return word.plain or "null"
    text = str(word.value)
    analysis = _analysis(text)
    if not analysis.multiline and analysis.allow_single_quoted:
        if style == "'":
            return "'" + text.replace("'", "''") + "'"
        if style == '"' and "\\" not in text and '"' not in text:
            return f'"{text}"'
    safe = analysis.allow_flow_plain if in_flow else analysis.allow_block_plain
    if text and safe and not analysis.multiline and _is_text(text):
        return text
    return _quoted(text)


def _analysis(text: str) -> Any:
    emitter: Any = yaml.emitter.Emitter(StringIO(), allow_unicode=True)
    return emitter.analyze_scalar(text)


def _is_text(text: str) -> bool:
    return bool(_RESOLVER.resolve(yaml.ScalarNode, text, (True, False)) == _TEXT)


def _quoted(text: str) -> str:
    dumped: str = yaml.safe_dump(text, default_style='"', width=float("inf"), allow_unicode=True)
    return dumped.rstrip("\n")


def key_text(key: str) -> str:
    """A name of a map: read as it is written, whatever it looks like."""
    analysis = _analysis(key)
    return (
        key if key and key != "<<" and analysis.allow_flow_plain and not analysis.multiline else _quoted(key)
    )


def in_line(tree: Tree, *, in_flow: bool = True) -> str:
    """A tree in one line."""
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key_text(key)}: {in_line(inner)}" for key, inner in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(in_line(inner) for inner in tree) + "]"
    return word_text(tree, in_flow=in_flow)


def fits_in_line(tree: Tree, columns: int, *, is_long: bool = False) -> bool:
    """Whether it is written in one line behind so many columns. `is_long`: a list or map that grows by nature."""
    if isinstance(tree, Word):
        return _literal(tree) is None
    return not tree or (
        not is_long and not _has_lines(tree) and columns + len(in_line(tree, in_flow=False)) <= WIDEST
    )


def _has_lines(tree: Tree) -> bool:
    if isinstance(tree, Word):
        return _literal(tree) is not None
    return any(map(_has_lines, tree.values() if isinstance(tree, dict) else tree))


def _literal(word: Word) -> tuple[str, list[str]] | None:
    """A text of several lines as YAML writes it literally: its sign, and its lines. None for what it cannot hold."""
    if word.plain is not None or "\n" not in word.value:
        return None
    text = word.value
    if text[0] in " \t\n#" or text.endswith("\n\n") or "\r" in text or not _analysis(text).allow_block:
        return None
    if any(line.isspace() for line in text.split("\n")) or any(sign in text for sign in "\x85\u2028\u2029"):
        return None
    return ("|" if text.endswith("\n") else "|-"), text.removesuffix("\n").split("\n")


def below(tree: Tree, indent: int) -> tuple[str, list[str]]:
    """What stands behind a name's colon or an item's dash, and the lines below it, which begin `indent` columns in."""
    pad = " " * indent
    if isinstance(tree, dict):
        return "", [line for key, inner in tree.items() for line in entry_lines(key, inner, indent)]
    if isinstance(tree, list):
        return "", [line for inner in tree for line in item_lines(inner, indent)]
    literal = _literal(tree)
    if literal is None:
        return word_text(tree, in_flow=False), []
    return literal[0], [pad + line if line else "" for line in literal[1]]


def entry_lines(key: str, tree: Tree, indent: int, *, is_long: bool = False) -> list[str]:
    """A name of a map with what it says."""
    begin = f"{' ' * indent}{key_text(key)}:"
    if fits_in_line(tree, len(begin) + 1, is_long=is_long):
        return [f"{begin} {in_line(tree, in_flow=False)}"]
    header, lines = below(tree, indent + 2)
    return [f"{begin} {header}" if header else begin, *lines]


def item_lines(tree: Tree, indent: int) -> list[str]:
    begin = " " * indent + "-"
    if fits_in_line(tree, len(begin) + 1):
        return [f"{begin} {in_line(tree, in_flow=False)}"]
    header, lines = below(tree, indent + 2)
    if header:
        return [f"{begin} {header}", *lines]
    return [f"{begin} {lines[0][indent + 2 :]}", *lines[1:]]
