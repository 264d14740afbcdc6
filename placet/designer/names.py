"""Where a process names its steps and its fields: what has to change with them when one is called otherwise.

What a draft says may be of any shape, so all of this only looks at what has the shape that it should have.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from placet.approvals.cel_rows import IDENTIFIER, RESERVED
from placet.approvals.earlier import STEPS
from placet.approvals.form import PLACE
from placet.approvals.form_parts import CURRENCY
from placet.designer.yaml_tree import Tree, Word

Place = tuple[str | int, ...]
Renamed = Callable[[str], str]
#: What stands at each of these names of a line, a branch, a way …
_CONDITIONS = ("if", "when", "until", "expression", "keep_if")  # a condition or an expression
_EXPRESSIONS = ("with", "data")  # one in each name below it
_OF_FIELDS = ("show", "default", "read_only", "computed", "require", "only")
_LINES = ("ask", "to", "also", "instead")

# --- in conditions ----------------------------------------------------------------------------------------

#: The parts of a condition that matter here: texts and comments are passed over; a backslash in a raw text is one sign
#: like others.
_PART = re.compile(
    r"""\b[bB]?[rR](?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|"[^"\n]*"|'[^'\n]*')"""
    r'|"""(?:\\[\s\S]|[^\\])*?"""'
    r"|'''(?:\\[\s\S]|[^\\])*?'''"
    r'|"(?:\\.|[^"\\])*"'
    r"|'(?:\\.|[^'\\])*'"
    r"|//[^\n]*"
    r"|(?P<name>(?<![\w.])[A-Za-z_]\w*)"
    r"|\.\s*[A-Za-z_]\w*"
)
_STEP = re.compile(r"""(?P<dot>\s*\.\s*)(?P<name>[A-Za-z_]\w*)|\s*\[\s*(?P<text>"[^"\\]*"|'[^'\\]*')\s*\]""")
_BEHIND = re.compile(r"\s*\.\s*(?P<name>[A-Za-z_]\w*)")
_CALLED = re.compile(r"\s*\(")
_MACRO = re.compile(r"\.\s*(?:all|exists|exists_one|existsOne|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")


def step_renamed(source: str, old: str, new: str) -> str:
    """A condition that looks at a step, with the step called otherwise."""
    parts, end = [], 0
    for match in _PART.finditer(source):
        step = _STEP.match(source, match.end()) if match["name"] == STEPS else None
        if step is None or (step["name"] or step["text"][1:-1]) != old:
            continue
        if step["name"] and IDENTIFIER.fullmatch(new) and new not in RESERVED:
            named = step["dot"] + new
        else:
            quote = step["text"][0] if step["text"] else "'" if '"' not in source and "'" in source else '"'
            named = f"[{quote}{new}{quote}]"
        parts += [source[end : match.end()], named]
        end = step.end()
    return "".join([*parts, source[end:]])


def kept_renamed(source: str, old: str, new: str) -> str:
    """What `keep_if` says, which sees fields as they were and as they are: `was.amount`."""
    parts, end = [], 0
    for match in _PART.finditer(source):
        field = _BEHIND.match(source, match.end()) if match["name"] in ("was", "now") else None
        if field is not None and field["name"] in (old, f"{old}{CURRENCY}"):
            parts += [source[end : field.start("name")], new + field["name"][len(old) :]]
            end = field.end()
    return "".join([*parts, source[end:]])


def field_renamed(source: str, old: str, new: str) -> str:
    """A condition that looks at a field, with the field called otherwise. Where a macro calls its items so, they are
    meant, and stay."""
    shadowed = [_brackets(source, match) for match in _MACRO.finditer(source) if match[1] == old]
    parts, end = [], 0
    for match in _PART.finditer(source):
        if match["name"] not in (old, f"{old}{CURRENCY}") or _CALLED.match(source, match.end()):
            continue
        if any(begin <= match.start() < until for begin, until in shadowed):
            continue
        parts += [source[end : match.start()], new + match["name"][len(old) :]]
        end = match.end()
    return "".join([*parts, source[end:]])


def _brackets(source: str, macro: re.Match[str]) -> tuple[int, int]:
    """From the first bracket of a macro to where it ends."""
    depth, begin = 0, source.index("(", macro.start())
    for part in re.finditer(rf"{_PART.pattern}|[()]", source[begin:]):
        depth += (part[0] == "(") - (part[0] == ")")
        if not depth:
            return begin, begin + part.end()
    return begin, len(source)


def placeholder_renamed(text: str, old: str, new: str) -> str:
    """A text with `{field}` in it."""

    def named(match: re.Match[str]) -> str:
        return "{" + new + match[1][len(old) :] + "}" if match[1] in (old, f"{old}{CURRENCY}") else match[0]

    return PLACE.sub(named, text)


# --- in a process -----------------------------------------------------------------------------------------


def _map(tree: Tree | None) -> Mapping[str, Tree]:
    return tree if isinstance(tree, dict) else {}


def _items(tree: Tree | None) -> list[Tree]:
    return tree if isinstance(tree, list) else []


def _words(tree: Tree, place: Place) -> Iterator[tuple[Place, str]]:
    """A word, or those of a list."""
    if isinstance(tree, Word):
        yield place, tree.text
    for at, inner in enumerate(_items(tree)):
        if isinstance(inner, Word):
            yield (*place, at), inner.text


def _conditions(tree: Tree, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Everywhere in a step or a way, by name. A `when` of a rung is a moment and not a condition."""
    for name, inner in _map(tree).items():
        here = (*place, name)
        if name in _CONDITIONS and isinstance(inner, Word) and "escalate" not in place[-2:]:
            yield here, inner.text
        elif name in _EXPRESSIONS and isinstance(inner, dict):
            yield from (((*here, key), word.text) for key, word in inner.items() if isinstance(word, Word))
        else:
            yield from _conditions(inner, here)
    for at, inner in enumerate(_items(tree)):
        yield from _conditions(inner, (*place, at))


def _form_conditions(process: Mapping[str, Tree]) -> Iterator[tuple[Place, str]]:
    for place, part in _inputs(process):
        for name, inner in part.items():
            if name in _OF_FIELDS and isinstance(inner, Word):
                yield (*place, name), inner.text
        for number, option in enumerate(_items(part.get("options"))):
            only = _map(option).get("only")
            if isinstance(only, Word):
                yield (*place, "options", number, "only"), only.text


def _inputs(process: Mapping[str, Tree]) -> Iterator[tuple[Place, Mapping[str, Tree]]]:
    """The parts of the form, and the questions of steps."""
    for at, part in enumerate(_items(process.get("form"))):
        yield ("form", at), _map(part)
    for key, step in _map(process.get("steps")).items():
        for at, question in enumerate(_items(_map(step).get("questions"))):
            yield ("steps", key, "questions", at), _map(question)


def _lines(tree: Tree, place: Place = ()) -> Iterator[tuple[Place, Mapping[str, Tree]]]:
    """Everything that names people."""
    for name, inner in _map(tree).items():
        if name in _LINES:
            yield from (((*place, name, at), _map(line)) for at, line in enumerate(_items(inner)))
        if name in ("nobody", "escalate"):
            yield from _lines(inner, (*place, name))
    for at, inner in enumerate(_items(tree)):
        yield from _lines(inner, (*place, at))


def step_places(tree: Tree, old: str, new: str) -> Iterator[tuple[Place, str, Renamed]]:
    """All words that name a step: where, what they say with another name for it, and how they become that."""
    process = _map(tree)
    for place, word in _step_words(process):
        if word == old:
            yield place, new, lambda raw: raw.replace(old, new)
    for place, source in (*_conditions(tree), *_form_conditions(process)):
        if (renamed := step_renamed(source, old, new)) != source:
            yield place, renamed, lambda raw: step_renamed(raw, old, new)


def _step_words(process: Mapping[str, Tree]) -> Iterator[tuple[Place, str]]:
    if isinstance(start := process.get("start"), Word):
        yield ("start",), start.text
    for at, way in enumerate(_items(process.get("transitions"))):
        for name in ("from", "to"):
            if isinstance(word := _map(way).get(name), Word):
                yield ("transitions", at, name), word.text
    for key, step in _map(process.get("steps")).items():
        here: Place = ("steps", key)
        for name, branch in _map(_map(step).get("branches")).items():
            if isinstance(word := _map(branch).get("start"), Word):
                yield (*here, "branches", name, "start"), word.text
        yield from _words(_map(step).get("not_same_as", Word(None)), (*here, "not_same_as"))
        for place, line in _lines(step, here):
            if isinstance(word := line.get("decided"), Word):
                yield (*place, "decided"), word.text


def field_places(tree: Tree, old: str, new: str) -> Iterator[tuple[Place, str, Renamed]]:
    """All words that name a field of the form, as `step_places` has those of a step."""
    process = _map(tree)
    for place, word in _field_words(process):
        if word == old:
            yield place, new, lambda raw: raw.replace(old, new)
    for place, source in (*_conditions(tree), *_form_conditions(process)):
        rename = kept_renamed if place[-1] == "keep_if" else field_renamed
        if (renamed := rename(source, old, new)) != source:
            yield place, renamed, partial(rename, old=old, new=new)
    for place, text in _texts(process):
        if (renamed := placeholder_renamed(text, old, new)) != text:
            yield place, renamed, lambda raw: placeholder_renamed(raw, old, new)


def field_names(tree: Tree) -> Iterator[tuple[Place, str]]:
    """Of the form, where each stands."""
    for at, part in enumerate(_items(_map(tree).get("form"))):
        if isinstance(word := _map(part).get("name"), Word):
            yield ("form", at, "name"), word.text


def _field_words(process: Mapping[str, Tree]) -> Iterator[tuple[Place, str]]:
    yield from field_names(dict(process))
    for place, part in _inputs(process):
        if isinstance(word := _map(part.get("options_from")).get("field"), Word):
            yield (*place, "options_from", "field"), word.text
    for name, names in _map(process.get("start_form")).items():
        yield from _words(names, ("start_form", name))
    for name in ("subject", "text", "attachments", "original"):
        if (named := _map(process.get("start_by_mail")).get(name)) is not None:
            yield from _words(named, ("start_by_mail", name))
    for key, step in _map(process.get("steps")).items():
        here: Place = ("steps", key)
        for name, names in _map(_map(step).get("form")).items():
            yield from _words(names, (*here, "form", name))
        if isinstance(word := _map(_map(step).get("due")).get("field"), Word):
            yield (*here, "due", "field"), word.text
        for place, line in _lines(step, here):
            for name in ("field", "manager_of"):
                if isinstance(word := line.get(name), Word):
                    yield (*place, name), word.text


def _texts(process: Mapping[str, Tree]) -> Iterator[tuple[Place, str]]:
    """Those with `{field}` in them."""
    if isinstance(title := process.get("title"), Word):
        yield ("title",), title.text
    for key, step in _map(process.get("steps")).items():
        for place, says in (
            (("steps", key), _map(step)),
            (("steps", key, "mail"), _map(_map(step).get("mail"))),
        ):
            for part in ("subject", "text"):
                yield from _text_or_texts(says.get(part), (*place, part))


def _text_or_texts(tree: Tree | None, place: Place) -> Iterator[tuple[Place, str]]:
    """In one language, or by language."""
    if isinstance(tree, Word):
        yield place, tree.text
    yield from (((*place, code), word.text) for code, word in _map(tree).items() if isinstance(word, Word))


def pattern_lists(tree: Tree) -> Iterator[tuple[Place, list[str]]]:
    """The lists that name fields, in which `*` stands for any letters."""
    process = _map(tree)
    lists: list[tuple[Place, Any]] = [
        (("start_form", name), names) for name, names in _map(process.get("start_form")).items()
    ]
    for key, step in _map(process.get("steps")).items():
        lists += [
            (("steps", key, "form", name), names) for name, names in _map(_map(step).get("form")).items()
        ]
    for place, names in lists:
        if isinstance(names, list):
            yield place, [word.text for word in names if isinstance(word, Word)]


def lost_by_patterns(tree: Tree, old: str, new: str) -> Iterator[Place]:
    """The lists that name a field by `*` alone, and would not name it by its new name."""
    for place, patterns in pattern_lists(tree):
        if any(fnmatchcase(old, one) for one in patterns) and not any(
            fnmatchcase(new, one) or one == old for one in patterns
        ):
            yield place
