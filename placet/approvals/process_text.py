"""A process as people write it: YAML, read as what stands there.

YAML takes `no`, `yes`, `on` and `off` for truth, `4711` for a number and `2026-12-31` for a day, also where a process
means the word: an option, a key of a step, a result. So names are always read as they are written, and what stands
where only a text fits is that text. Where a process says yes or no, or a number, it stays that.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Any

import yaml

#: What validation says of something that is no text, where a text was meant.
_WANTS_TEXT = ("string_type", "model_type", "model_attributes_type")
_MERGE = "tag:yaml.org,2002:merge"
_TEXT = "tag:yaml.org,2002:str"
_BINARY = "tag:yaml.org,2002:binary"
#: What YAML says with "\0" and "\ud800", and PostgreSQL keeps in no text: the character U+0000, halves of others.
_NO_CHARACTER = re.compile("[\x00\ud800-\udfff]")
_QUOTES = "A text with a colon, a question mark, a comma, a bracket or a brace in it stands in quotes."


class Unreadable(ValueError):
    """This is no YAML. `problems` has a sentence for each thing to change."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class _Loader(yaml.SafeLoader):
    """Where YAML would let the last of two equal names win in silence, this says so."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names: set[str] = set()
        for key, _value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in names:
                raise yaml.constructor.ConstructorError(
                    None, None, f"“{key.value}” is said twice", key.start_mark
                )
            names.add(key.value)
            if key.tag != _MERGE:
                key.tag = _TEXT
        return super().construct_mapping(node, deep)


@dataclass(frozen=True)
class Written:
    """What a text says (`data`), and how it is written."""

    data: Any
    node: yaml.Node | None

    def with_texts(self, errors: Iterable[Mapping[str, Any]]) -> "Written | None":
        """With the words themselves where validation wants a text and YAML saw something else; None where there is no
        such place. `errors`: as pydantic lists them."""
        places = [_place_in(self.data, error["loc"]) for error in errors if error["type"] in _WANTS_TEXT]
        texts = {place: text for place in places if (text := self._text_at(place)) is not None}
        return Written(_replaced(self.data, texts), self.node) if texts else None

    def _text_at(self, place: tuple[int | str, ...]) -> str | None:
        """None where there is a list, a text or nothing, or where a place was put together of others."""
        node, value = self.node, self.data
        for part in place:
            value = value[part]
            if isinstance(node, yaml.MappingNode):
                # The last one: what stands there goes before what `<<` brings in.
                node = next((inner for key, inner in reversed(node.value) if key.value == part), None)
            elif isinstance(node, yaml.SequenceNode):
                node = node.value[part]
        if (
            not place
            or not isinstance(node, yaml.ScalarNode)
            or not isinstance(value, bool | int | float | date)
        ):
            return None
        return str(node.value)


def _place_in(data: Any, path: Sequence[int | str]) -> tuple[int | str, ...]:
    """The place of the data that an error is about, without the names of kinds that pydantic puts between."""
    place: list[int | str] = []
    for part in path:
        is_name = isinstance(data, Mapping) and part in data
        if is_name or (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            place.append(part)
            data = data[part]
    return tuple(place)


def _replaced(data: Any, texts: Mapping[tuple[int | str, ...], str]) -> Any:
    """A copy with a text at each place: by an anchor the same list or names may stand elsewhere, too."""
    copies: dict[tuple[int | str, ...], Any] = {(): copy(data)}
    for place, text in texts.items():
        for length in range(1, len(place)):
            if place[:length] not in copies:
                within, part = copies[place[: length - 1]], place[length - 1]
                within[part] = copies[place[:length]] = copy(within[part])
        copies[place[:-1]][place[-1]] = text
    return copies[()]


def _check_characters(root: yaml.Node | None) -> None:
    """Unreadable for what no database keeps, and no page shows."""
    for node in _scalars(root):
        place = f"line {node.start_mark.line + 1}, column {node.start_mark.column + 1}"
        if node.tag == _BINARY:
            raise Unreadable(f"{place}: a process has texts and no !!binary.")
        if wrong := _NO_CHARACTER.search(node.value):
            raise Unreadable(f"{place}: no text can have the character U+{ord(wrong.group()):04X}.")


def _scalars(root: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """Each once, also where an anchor puts it into many places."""
    waiting, known = [root], {id(root)}
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.ScalarNode):
            yield node
        children = node.value if isinstance(node, yaml.CollectionNode) else ()
        for child in children if not isinstance(node, yaml.MappingNode) else chain.from_iterable(children):
            if id(child) not in known:
                known.add(id(child))
                waiting.append(child)


def read_text(source: str) -> Written:
    """Unreadable, if it is no YAML that a process could be."""
    try:
        loader = _Loader(source)
        try:
            node = loader.get_single_node()
            data = None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except (yaml.parser.ParserError, yaml.scanner.ScannerError) as error:
        raise Unreadable(f"This is not YAML: {error}", _QUOTES) from error
    except yaml.YAMLError as error:
        raise Unreadable(f"This is not YAML: {error}") from error
    except RecursionError as error:
        raise Unreadable("This is not YAML that a person wrote: it nests too deep.") from error
    except (ValueError, LookupError, AttributeError, ArithmeticError) as error:
        # PyYAML's own, for a value that is not what it looks like: a date of 2026-99-99, a tag !!int on a word, or
        # 1:0:0:….0, which it takes for a number of base 60.
        raise Unreadable(f"A value in this YAML cannot be read: {error}") from error
    _check_characters(node)
    return Written(data, node)
