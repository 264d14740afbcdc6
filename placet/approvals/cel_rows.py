"""The part of CEL that rows are written in (`placet.approvals.conditions`): comparisons joined by && or by ||."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from placet.approvals.earlier import STEPS

IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
#: What CEL keeps for itself: no step is named so behind a point.
RESERVED = frozenset(
    (
        "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
        "namespace", "null", "package", "return", "true", "var", "void", "while",
    )
)  # fmt: skip


class Name(str):
    """Of a field, or of what stands behind points: `steps.finance.outcome`."""


@dataclass(frozen=True)
class Part:
    """One comparison. `value`: a Name, a text, a Decimal, True, False, a tuple of texts, or an empty list. `guards`:
    what has to hold something for it. `currency`: what the amount has to be in."""

    name: Name
    comparison: str
    value: Any
    guards: frozenset[str] = frozenset()
    currency: str | None = None
    is_member: bool = False  # of a list


@dataclass(frozen=True)
class Parts:
    all_or_any: Literal["all", "any"]
    parts: tuple[Part, ...]


# --- writing ----------------------------------------------------------------------------------------------

_SIGNS = {"is": "==", "is_not": "!=", "above": ">", "at_least": ">=", "below": "<", "at_most": "<="}
_COMPARISONS = {sign: name for name, sign in _SIGNS.items()}
_FUNCTIONS = {"contains": "contains", "startsWith": "begins_with"}
_ORDER = ("above", "at_least", "below", "at_most")
_LETTERS = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_COUNTED = "()[]{}+.abcdefghijklmnopqrstuvwxyz"  # what is counted in a condition, wherever it stands


def part(name: Name, comparison: str, value: Any, *, is_time: bool, is_list: bool, empty: Any) -> str:
    """One row in CEL. `value`: None with `is_empty` and `is_not_empty`; `empty`: what is seen of a field that holds
    nothing."""
    subject = path(name)
    if comparison in ("is_empty", "is_not_empty"):
        return f"{subject} {'==' if comparison == 'is_empty' else '!='} {literal(empty)}"
    if isinstance(value, bool):
        return subject if value else f"!{subject}"
    if comparison in ("one_of", "none_of"):
        among = f"{subject} in [{', '.join(literal(one) for one in value)}]"
        return among if comparison == "one_of" else f"!({among})"
    other = path(value) if isinstance(value, Name) else literal(value)
    if comparison in ("contains", "contains_not"):
        held = f"{other} in {subject}" if is_list else f"{subject}.contains({other})"
        return held if comparison == "contains" else f"!({held})"
    if comparison == "begins_with":
        return f"{subject}.startsWith({other})"
    compared = f"{subject} {_SIGNS[comparison]} {other}"
    guards = _guards(name, comparison, value) if is_time else ()
    if not guards:
        return compared
    filled = [f"{path(one)} != ''" for one in guards]
    return f"({' && '.join([*filled, compared])})"


def _guards(name: Name, comparison: str, value: Any) -> Sequence[Name]:
    """An empty day is before every other."""
    if comparison not in _ORDER:
        return ()
    if isinstance(value, Name):
        return (name, value)
    return (name,) if comparison in ("below", "at_most") else ()


def path(name: str) -> str:
    first, *rest = name.split(".", 1)
    if first != STEPS or not rest:
        return name
    key, _point, behind = rest[0].partition(".")
    plain = IDENTIFIER.fullmatch(key) and key not in RESERVED
    return f"{STEPS}.{key}.{behind}" if plain else f"{STEPS}['{key}'].{behind}"


def literal(value: Any) -> str:
    if isinstance(value, Decimal):
        digits = f"{value:f}"
        return digits if "." in digits else f"{digits}.0"
    if isinstance(value, list):
        return "[]"
    return "'" + "".join(_letter(letter) for letter in value) + "'"


def _letter(letter: str) -> str:
    if letter in _LETTERS:
        return _LETTERS[letter]
    return letter if letter.isprintable() else _by_number(letter)


def _by_number(letter: str) -> str:
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}"


def with_letters_escaped(source: str) -> str:
    """The same condition, with texts in which nothing is counted that is no text: brackets, signs, names of macros."""

    def escaped(match: re.Match[str]) -> str:
        if not match["text"]:
            return match[0]
        letters = unescaped(match["text"])
        assert letters is not None
        space = match[0][: -len(match["text"])]
        return (
            space
            + "'"
            + "".join(_by_number(one) if one in _COUNTED else _letter(one) for one in letters)
            + "'"
        )

    return _TOKEN.sub(escaped, source)


# --- reading ----------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")"""
    r"|(?P<number>\d+(?:\.\d+)?(?![\w.]))"
    r"|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>&&|\|\||[=!<>]=|[<>!()\[\],.\-]))"
)
_ESCAPE = re.compile(
    r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([0-3][0-7]{2})|(.))", re.DOTALL
)
_SIMPLE = {
    "\\": "\\", "'": "'", '"': '"', "`": "`", "?": "?", "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r",
    "t": "\t", "v": "\v",
}  # fmt: skip
Token = tuple[str, str]  # kind and letters


def unescaped(text: str) -> str | None:
    """What a text in quotes says; None for an escape that CEL has not."""
    unknown = False

    def letter(match: re.Match[str]) -> str:
        nonlocal unknown
        if match[5] is not None:
            unknown = unknown or match[5] not in _SIMPLE
            return _SIMPLE.get(match[5], "")
        number = int(match[4], 8) if match[4] else int(match[1] or match[2] or match[3], 16)
        if number > 0x10FFFF or 0xD800 <= number < 0xE000:
            unknown = True
            return ""
        return chr(number)

    letters = _ESCAPE.sub(letter, text[1:-1])
    return None if unknown else letters


def _tokens(source: str) -> list[Token] | None:
    tokens, at, source = [], 0, source.rstrip()
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            return None
        assert match.lastgroup is not None
        tokens.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return tokens


def parts_of(source: str) -> Parts | None:
    """None where it is more than comparisons side by side."""
    tokens = _tokens(source)
    return None if tokens is None else _parts(tokens)


def part_of(source: str) -> Part | None:
    parts = parts_of(source)
    return parts.parts[0] if parts is not None and len(parts.parts) == 1 else None


def _parts(tokens: Sequence[Token]) -> Parts | None:
    by_any, by_all = _split(tokens, "||"), _split(tokens, "&&")
    if len(by_any) > 1 and len(by_all) > 1:
        return None
    several = by_any if len(by_any) > 1 else by_all
    parts = [_part(one) for one in several]
    if len(several) == 1 and parts[0] is None and (inner := _inside(tokens)):
        return _parts(inner)
    if any(one is None for one in parts):
        return None
    return Parts("any" if len(by_any) > 1 else "all", tuple(one for one in parts if one is not None))


def _split(tokens: Sequence[Token], sign: str) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        if token[0] == "sign":
            depth += (token[1] in "([") - (token[1] in ")]")
        if token == ("sign", sign) and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _inside(tokens: Sequence[Token]) -> Sequence[Token]:
    """Without the brackets around all of it; nothing where there are none."""
    if len(tokens) < 3 or tokens[0] != ("sign", "("):
        return ()
    depth = 0
    for at, token in enumerate(tokens):
        if token[0] == "sign":
            depth += (token[1] == "(") - (token[1] == ")")
        if depth == 0:
            return tokens[1:-1] if at == len(tokens) - 1 else ()
    return ()


def _part(tokens: Sequence[Token]) -> Part | None:
    inside = _inside(tokens)
    if inside:
        several = _split(inside, "&&")
        if len(several) == 1:
            return _part(inside)
        return _guarded([_compared(one) for one in several])
    return _compared(tokens)


def _guarded(parts: Sequence[Part | None]) -> Part | None:
    """A comparison behind what has to hold something, or behind the currency that it is in."""
    *before, last = parts
    if last is None or any(one is None for one in before):
        return None
    guards = frozenset(
        str(one.name) for one in before if one is not None and (one.comparison, one.value) == ("is_not", "")
    )
    if len(guards) == len(before):
        return Part(last.name, last.comparison, last.value, guards)
    [first] = before if len(before) == 1 else [None]
    if first is not None and first.comparison == "is" and first.name == f"{last.name}_currency":
        return Part(
            last.name,
            last.comparison,
            last.value,
            currency=first.value if isinstance(first.value, str) else None,
        )
    return None


def _compared(tokens: Sequence[Token]) -> Part | None:
    if tokens and tokens[0] == ("sign", "!"):
        return _negated(tokens[1:])
    name, rest = _name(tokens)
    if name is None:
        return _contained(tokens)
    if not rest:
        return Part(name, "is", value=True)
    if rest[0] == ("name", "in"):
        listed = _list(rest[1:])
        return Part(name, "one_of", listed) if listed else _contained(tokens)
    if rest[0][1] in _COMPARISONS:
        return _with_sign(name, _COMPARISONS[rest[0][1]], rest[1:])
    return _called(name, rest)


def _with_sign(name: Name, comparison: str, tokens: Sequence[Token]) -> Part | None:
    value = _value(tokens)
    if value is None or (value == [] and comparison not in ("is", "is_not")):
        return None
    if isinstance(value, bool):
        if comparison not in ("is", "is_not"):
            return None
        return Part(name, "is", value=value is (comparison == "is"))
    return Part(name, comparison, value)


def _negated(tokens: Sequence[Token]) -> Part | None:
    inside = _inside(tokens)
    one = _compared(inside or tokens)
    opposite = {"one_of": "none_of", "contains": "contains_not"}
    if one is not None and one.comparison in opposite:
        return replace(one, comparison=opposite[one.comparison]) if inside or not one.is_member else None
    if one is not None and one.comparison == "is" and one.value is True:
        return Part(one.name, "is", value=False)
    return None


def _contained(tokens: Sequence[Token]) -> Part | None:
    """A value in a list."""
    if len(tokens) > 2 and tokens[0][0] == "text" and tokens[1] == ("name", "in"):
        name, rest = _name(tokens[2:])
        value: str | None = unescaped(tokens[0][1])
    else:
        value, following = _name(tokens)
        if value is None or following[:1] != [("name", "in")]:
            return None
        name, rest = _name(following[1:])
    return Part(name, "contains", value, is_member=True) if name and not rest and value is not None else None


def _called(name: Name, tokens: Sequence[Token]) -> Part | None:
    """What is asked of a text."""
    subject, _point, function = name.rpartition(".")
    if function not in _FUNCTIONS or tokens[0] != ("sign", "(") or tokens[-1] != ("sign", ")"):
        return None
    value = _value(tokens[1:-1])
    return Part(Name(subject), _FUNCTIONS[function], value) if isinstance(value, str) else None


def _list(tokens: Sequence[Token]) -> tuple[str, ...] | None:
    if len(tokens) < 3 or tokens[0] != ("sign", "[") or tokens[-1] != ("sign", "]"):
        return None
    items = _split(tokens[1:-1], ",")
    texts = [unescaped(one[0][1]) if len(one) == 1 and one[0][0] == "text" else None for one in items]
    return tuple(text for text in texts if text is not None) if None not in texts else None


def _value(tokens: Sequence[Token]) -> Any:
    match tokens:
        case [("text", letters)]:
            return unescaped(letters)
        case [("number", digits)]:
            return Decimal(digits)
        case [("sign", "-"), ("number", digits)]:
            return -Decimal(digits)
        case [("name", "true" | "false" as word)]:
            return word == "true"
        case [("sign", "["), ("sign", "]")]:
            return []
    name, rest = _name(tokens)
    return name if not rest else None


def _name(tokens: Sequence[Token]) -> tuple[Name | None, Sequence[Token]]:
    """A name at the beginning, with what stands behind its points, and what follows."""
    if not tokens or tokens[0][0] != "name" or tokens[0][1] in RESERVED:
        return None, tokens
    names, at = [tokens[0][1]], 1
    while at < len(tokens):
        match tokens[at : at + 4]:
            case [("sign", "."), ("name", word), *_rest]:
                names.append(word)
                at += 2
            case [("sign", "["), ("text", letters), ("sign", "]"), *_rest] if names == [STEPS]:
                names.append(unescaped(letters) or "")
                at += 3
            case _:
                break
    return Name(".".join(names)), tokens[at:]
