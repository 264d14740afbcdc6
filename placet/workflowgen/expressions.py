"""Conditions, of ways (`<AMOUNT_OK> = "YES" And Not IsNull(<DATE>)`) and of a form's elements
(`!TYPE.Items[1].Selected`), as small trees.

What is not of these few forms is not guessed at: `Unreadable`, and somebody reads the text.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from django.utils.translation import gettext as _

MOST_TOKENS = 300
DEEPEST = 12
MOST_TRIALS = 10_000  # with which conditions are compared, of one file


class Unreadable(ValueError):
    """A condition is of no form that is known here. The message says why, without its text."""


def written_otherwise(compared: "Is", value: str) -> Unreadable:
    """A field is compared with a value that it may hold in other letters: the file does not say whether these count."""
    text = _("{field} is compared with “{value}”, and its value is “{other}”")
    return Unreadable(text.format(field=compared.field, value=compared.value, other=value))


# --- trees ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Is:
    """A data field, or an element of the form, holds exactly this. None: it holds nothing."""

    field: str
    value: str | None


@dataclass(frozen=True)
class Not:
    inner: "Tree"


@dataclass(frozen=True)
class _Several:
    parts: "tuple[Tree, ...]"

    @cached_property
    def _hash(self) -> int:
        return hash((type(self), self.parts))

    def __hash__(self) -> int:
        """Made once: it takes all that is below, and trees are looked up over and over while they grow."""
        return self._hash


@dataclass(frozen=True)
class And(_Several):
    __hash__ = _Several.__hash__


@dataclass(frozen=True)
class Or(_Several):
    __hash__ = _Several.__hash__


@dataclass(frozen=True)
class Always:
    """True or false, whatever the request holds."""

    holds: bool


Tree = Is | Not | And | Or | Always
UNREAD = "\0unread"  # compared with the text of a condition that is not understood: it may hold or not


def unread(text: str) -> Is:
    return Is(UNREAD, text)


TRUE, FALSE = Always(True), Always(False)


def negated(tree: Tree) -> Tree:
    if isinstance(tree, Always):
        return Always(not tree.holds)
    return tree.inner if isinstance(tree, Not) else Not(tree)


def all_of(parts: Sequence[Tree]) -> Tree:
    left = tuple(dict.fromkeys(part for part in parts if part != TRUE))
    if FALSE in left:
        return FALSE
    return TRUE if not left else left[0] if len(left) == 1 else And(left)


def any_of(parts: Sequence[Tree]) -> Tree:
    left = tuple(dict.fromkeys(part for part in parts if part != FALSE))
    if TRUE in left:
        return TRUE
    return FALSE if not left else left[0] if len(left) == 1 else Or(left)


def assumed(tree: Tree, known: Callable[[Is], bool | None]) -> Tree:
    """What is left of it where `known` says of some comparisons whether they hold."""
    if isinstance(tree, Is):
        answer = known(tree)
        return tree if answer is None else Always(answer)
    if isinstance(tree, Not):
        return negated(assumed(tree.inner, known))
    if isinstance(tree, And):
        return all_of([assumed(part, known) for part in tree.parts])
    if isinstance(tree, Or):
        return any_of([assumed(part, known) for part in tree.parts])
    return tree


def comparisons(tree: Tree) -> Iterator[Is]:
    if isinstance(tree, Is):
        yield tree
    elif isinstance(tree, Not):
        yield from comparisons(tree.inner)
    elif isinstance(tree, And | Or):
        for part in tree.parts:
            yield from comparisons(part)


class Trials:
    """Whether something entered makes two conditions true at once: each field is tried with every value that it is
    compared with, with none, and with another. There are so many trials for a file; what is beyond counts as yes, and
    somebody looks at it."""

    def __init__(self) -> None:
        self.left = MOST_TRIALS

    def can_hold_together(self, one: Tree, other: Tree) -> bool:
        both = all_of([one, other])
        values: dict[str, list[str | None]] = {}
        for compared in comparisons(both):
            values.setdefault(compared.field, [None, "\0another"])
            if compared.value not in values[compared.field]:
                values[compared.field].append(compared.value)
        count = math.prod(map(len, values.values()))
        if count > self.left:
            return True
        self.left -= count
        return any(
            holds(both, dict(zip(values, chosen, strict=True))) for chosen in product(*values.values())
        )


def holds(tree: Tree, values: Mapping[str, str | None]) -> bool:
    left = assumed(tree, lambda compared: values.get(compared.field) == compared.value)
    return left == TRUE


# --- reading ----------------------------------------------------------------------------------------------

_WAY = re.compile(
    r"""\s*(?:
        <\s*(?P<field>[A-Za-z_][A-Za-z0-9_]{0,249})\s*>
      | (?P<text>"[^"]*"|'[^']*')
      | (?P<number>-?[0-9]{1,15}(?:\.[0-9]{1,6})?)(?![\w.])
      | (?P<sign><>|=|\(|\))
      | (?P<word>[A-Za-z_][A-Za-z0-9_]{0,249})
    )""",
    re.VERBOSE,
)
_ELEMENT = re.compile(
    r"""\s*(?:
        (?P<item>[A-Za-z_][A-Za-z0-9_]{0,249})\s*\.\s*Items\s*\[\s*(?P<index>[0-9]{1,3})\s*\]\s*\.\s*Selected\b
      | (?P<field>[A-Za-z_][A-Za-z0-9_]{0,249})\s*\.\s*(?:SelectedValue|Text|Value)\b
      | "(?P<text>[^"\\]*)"
      | (?P<sign>==|!=|&&|\|\||!|\(|\))
    )""",
    re.VERBOSE,
)
_WORDS = frozenset({"and", "or", "not", "isnull"})
_NAMED = re.compile(r"<\s*([A-Za-z_][A-Za-z0-9_]{0,249})\s*>")
_Token = tuple[str, str]


def read_way(text: str) -> Tree:
    """A condition of a way, in the words of Visual Basic."""
    tokens = []
    for match in _tokens(_WAY, text):
        kind, value = str(match.lastgroup), str(match[str(match.lastgroup)])
        if kind == "text":
            value = value[1:-1]
        elif kind == "word":  # a name may stand without its brackets
            kind, value = ("sign", value.lower()) if value.lower() in _WORDS else ("field", value)
        tokens.append((kind, value))
    signs = _Signs(conjunction="and", disjunction="or", denial="not", equal="=", unequal="<>")
    return _Reader(tokens, signs).whole()


def fields_named(text: str) -> list[str]:
    """The fields that a condition of a way speaks of in brackets, whether it is read or not."""
    return _NAMED.findall(text)


def read_element(text: str, items: Callable[[str, int], str | None]) -> Tree:
    """A condition of an element of the form, in the words of C#. `items` says what an n-th item stands for."""
    tokens: list[_Token] = []
    for match in _tokens(_ELEMENT, text):
        if match["item"]:
            value = items(match["item"], int(match["index"]))
            if value is None:
                raise Unreadable(_("{field} has no such item").format(field=match["item"]))
            tokens += [
                ("sign", "("),
                ("field", match["item"]),
                ("sign", "=="),
                ("text", value),
                ("sign", ")"),
            ]
        else:
            kind = "field" if match["field"] else "text" if match["text"] is not None else "sign"
            tokens.append((kind, str(match[kind])))
    return _Reader(tokens, _Signs("&&", "||", "!", "==", "!=")).whole()


def _tokens(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    at, count = 0, 0
    text = text.rstrip()
    while at < len(text):
        match = pattern.match(text, at)
        count += 1
        if match is None:
            raise Unreadable(_("“{text}” is not understood").format(text=text[at : at + 40]))
        if count > MOST_TOKENS:
            raise Unreadable(_("it is too long"))
        yield match
        at = match.end()


@dataclass(frozen=True)
class _Signs:
    conjunction: str
    disjunction: str
    denial: str
    equal: str
    unequal: str


class _Reader:
    """or-chains of and-chains of what may be denied."""

    def __init__(self, tokens: Sequence[_Token], signs: _Signs) -> None:
        self.tokens, self.signs, self.at, self.depth = tokens, signs, 0, 0

    def whole(self) -> Tree:
        if not self.tokens:
            raise Unreadable(_("it is empty"))
        tree = self.either()
        if self.at < len(self.tokens):
            raise Unreadable(_("“{text}” is not understood").format(text=self.tokens[self.at][1]))
        return tree

    def takes(self, sign: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at] == ("sign", sign):
            self.at += 1
            return True
        return False

    def either(self) -> Tree:
        parts = [self.both()]
        while self.takes(self.signs.disjunction):
            parts.append(self.both())
        return any_of(parts)

    def both(self) -> Tree:
        parts = [self.one()]
        while self.takes(self.signs.conjunction):
            parts.append(self.one())
        return all_of(parts)

    def one(self) -> Tree:
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unreadable(_("it nests too deep"))
        try:
            if self.takes(self.signs.denial):
                return negated(self.one())
            if self.takes("isnull"):
                return self.is_null()
            if self.takes("("):
                tree = self.either()
                self.must(")")
                return tree
            return self.comparison()
        finally:
            self.depth -= 1

    def is_null(self) -> Tree:
        self.must("(")
        field = self.next("field")
        self.must(")")
        return Is(field, None)

    def comparison(self) -> Tree:
        """`<F> = "S"`, or the same turned round."""
        turned = self.at < len(self.tokens) and self.tokens[self.at][0] in ("text", "number")
        left = self.value() if turned else self.next("field")
        is_equal = self.takes(self.signs.equal)
        if not is_equal and not self.takes(self.signs.unequal):
            raise Unreadable(
                _("{field} is compared in a way that is not understood").format(field=left or '""')
            )
        compared = Is(self.next("field"), left) if turned else Is(str(left), self.value())
        return compared if is_equal else negated(compared)

    def value(self) -> str | None:
        text = self.next("text", "number")
        return text or None  # what is empty holds nothing

    def next(self, *kinds: str) -> str:
        if self.at >= len(self.tokens):
            raise Unreadable(_("it ends too early"))
        kind, value = self.tokens[self.at]
        if kind not in kinds:
            raise Unreadable(_("“{text}” is not understood").format(text=value[:40]))
        self.at += 1
        return value

    def must(self, sign: str) -> None:
        if not self.takes(sign):
            raise Unreadable(_("“{sign}” is missing").format(sign=sign))


# --- writing ----------------------------------------------------------------------------------------------


_COMPARED = re.compile(r"[a-z0-9_.-]+ == (?:'(?:[^'\\]|\\.)*'|-?[0-9.]+)")
_NAME = re.compile(r"[a-z0-9_]+")
_DENIED = re.compile(r"![a-z0-9_]+")


def in_cel(tree: Tree, compared: Callable[[Is], str]) -> str:
    """`compared` writes one comparison, or raises Unreadable."""
    if isinstance(tree, Is):
        return compared(tree)
    if isinstance(tree, Not):
        inner = in_cel(tree.inner, compared)
        if _COMPARED.fullmatch(inner):
            return inner.replace(" == ", " != ", 1)
        if _DENIED.fullmatch(inner):
            return inner[1:]
        return f"!{inner}" if _NAME.fullmatch(inner) else f"!({inner})"
    if isinstance(tree, And):
        return " && ".join(_bracketed(part, compared, Or) for part in tree.parts)
    if isinstance(tree, Or):
        return " || ".join(_bracketed(part, compared, And) for part in tree.parts)
    return "true" if tree.holds else "false"


def _bracketed(tree: Tree, compared: Callable[[Is], str], kind: type) -> str:
    written = in_cel(tree, compared)
    return f"({written})" if isinstance(tree, kind) else written


def in_words(tree: Tree, longest: int) -> str:
    """As the file says it, or its beginning: at most so many characters."""
    words = ""
    for word in _words(tree):
        words += word
        if len(words) > longest:
            return f"{words[: longest - 1]}…"
    return words


def _words(tree: Tree) -> Iterator[str]:
    if isinstance(tree, Is):
        yield tree.value or "–" if tree.field == UNREAD else f'<{tree.field}> = "{tree.value or ""}"'
    elif isinstance(tree, Not):
        yield "Not ("
        yield from _words(tree.inner)
        yield ")"
    elif isinstance(tree, And | Or):
        for number, part in enumerate(tree.parts):
            if number:
                yield " And " if isinstance(tree, And) else " Or "
            yield from _bracketed_words(part)
    else:
        yield "True" if tree.holds else "False"


def _bracketed_words(tree: Tree) -> Iterator[str]:
    if not isinstance(tree, And | Or):
        yield from _words(tree)
        return
    yield "("
    yield from _words(tree)
    yield ")"


def quoted(text: str) -> str:
    """A text as CEL writes it: whatever stands in it stays text."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
