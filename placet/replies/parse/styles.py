"""What declarations of CSS say of whether a text can be seen.

Three answers: it can be seen, it cannot, and PERHAPS. What is not understood of a property that can hide is never
believed to show: a browser may know more functions, units and names than we do.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from placet.replies.parse.colours import Colour, Paint, paint, paints

_CACHED = 300  # characters of a style that is kept for the next element
_LONGEST = 500  # characters of a value that is looked at
_OFF = 500  # pixels to the left of or above where somebody looks
_FAR = 1_000  # pixels to the right of or below it
_FAINT = 0.1  # how much of a text that can be seen through still shows
_PALE = 0.3
TINY = 2.7  # pixels of a font that nobody reads
SMALL = 4.0
LARGE = 1_000_000.0

_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})[ \t\n\r\f]?|(.))", re.DOTALL)
#: Comments, strings and addresses: what looks like a delimiter in them is none.
_OPAQUE = re.compile(
    r"/\*.*?(?:\*/|\Z)|\"(?:[^\"\\\n]|\\.)*+\"?|'(?:[^'\\\n]|\\.)*+'?|url\([^\"')]*+\)?", re.DOTALL
)
_DELIMITERS = re.compile(r"[{};:,()\[\]<>+~\s]")
ALTERED = "\x01"  # in a string that held delimiters
_IMPORTANT = re.compile(r"!\s*important")
_LENGTH = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)([a-z%]*)")
_STRUCK = re.compile(r"line-through")
_FUNCTION = re.compile(r"([a-z0-9-]+)\(([^()]*)\)")
_UNITS = {
    "": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 37.8, "mm": 3.78, "q": 0.945, "em": 16.0,
    "rem": 16.0, "ex": 8.0, "ch": 8.0, "vw": 10.0, "vh": 7.0, "vmin": 7.0, "vmax": 10.0,
}  # fmt: skip
_WIDE = frozenset(("inherit", "initial", "unset", "revert", "revert-layer", ""))
_SIZES = {
    "xx-small": 9.0, "x-small": 10.0, "small": 13.0, "medium": 16.0, "large": 18.0, "x-large": 24.0,
    "xx-large": 32.0, "xxx-large": 48.0, "initial": 16.0,
}  # fmt: skip
_BOXES = (
    "height",
    "max-height",
    "width",
    "max-width",
    "block-size",
    "inline-size",
    "max-block-size",
    "max-inline-size",
)
_AUTOMATIC = frozenset(
    ("auto", "none", "fit-content", "max-content", "min-content", "-webkit-fit-content", "normal")
)
_OVERFLOWS = ("overflow", "overflow-x", "overflow-y")
PLACES = ("text-indent", "left", "right", "top", "bottom", "margin", "margin-left", "margin-right", "margin-top",
          "padding", "padding-left", "padding-top", "inset")  # fmt: skip
_DISPLAYS = frozenset((
    "block", "inline", "inline-block", "flex", "inline-flex", "grid", "inline-grid", "table", "inline-table",
    "table-row", "table-cell", "table-row-group", "table-header-group", "table-footer-group", "table-caption",
    "list-item", "contents", "flow-root", "run-in", "-webkit-box", "-webkit-flex", "-ms-flexbox", "-webkit-inline-box",
))  # fmt: skip
#: What these may be where they hide nothing; anything else is not understood.
_HARMLESS: Mapping[str, frozenset[str]] = {
    "clip": frozenset(("auto",)),
    "clip-path": frozenset(("none",)),
    "-webkit-clip-path": frozenset(("none",)),
    "mask": frozenset(("none",)),
    "mask-image": frozenset(("none",)),
    "-webkit-mask": frozenset(("none",)),
    "-webkit-mask-image": frozenset(("none",)),
    "mix-blend-mode": frozenset(("normal",)),
    "filter": frozenset(("none",)),
    "-webkit-filter": frozenset(("none",)),
    "rotate": frozenset(("none", "0", "0deg")),
    "translate": frozenset(("none", "0", "0px")),
    "perspective": frozenset(("none",)),
    "animation": frozenset(("none",)),
    "animation-name": frozenset(("none",)),
    "-webkit-animation": frozenset(("none",)),
    "-webkit-animation-name": frozenset(("none",)),
    "-webkit-text-security": frozenset(("none",)),
    "unicode-bidi": frozenset(("normal", "embed", "isolate", "plaintext")),
    "-webkit-line-clamp": frozenset(("none",)),
    "content-visibility": frozenset(("visible", "auto")),
    "content": frozenset(("none", "normal", '""', "''")),
    "mso-hide": frozenset(("none", "screen")),
}
_HIDING: Mapping[str, frozenset[str]] = {
    "display": frozenset(("none", "table-column", "table-column-group")),
    "mso-hide": frozenset(("all",)),
    "content-visibility": frozenset(("hidden",)),
}
SEEN = frozenset((
    "display", "opacity", "text-decoration", "text-decoration-line", *_OVERFLOWS, *_BOXES, "transform",
    "-webkit-transform", "-ms-transform", "scale", "zoom", *PLACES, "position", "z-index", "letter-spacing",
    "visibility", "font", "font-size", "line-height", "color", "-webkit-text-fill-color", "background",
    "background-color", "background-image", "-webkit-opacity", "-moz-opacity", *_HARMLESS,
))  # fmt: skip

Declarations = Mapping[str, str]


class Tri(IntEnum):
    NO = 0
    YES = 1
    PERHAPS = 2


@dataclass(frozen=True)
class Said:
    """What declarations say of what can be seen; None where they say nothing."""

    removed: Tri
    hidden: Tri | None
    size: tuple[str, float] | None  # of the font: "px", or "em" for so many times that of around
    opacity: float
    colour: Paint | None
    ground: tuple[Paint, ...]  # what may lie behind; the first is the colour
    shrunk: bool  # no place for a picture
    positioned: bool
    preformatted: bool


def says_alone(style: str) -> Said:
    """What a style attribute says where no rule of a sheet holds."""
    return _read_cached(style) if len(style) <= _CACHED else _read_style(style)


def _read_style(style: str) -> Said:
    usual, important = declared(plain(style))
    return read({**usual, **important})


_read_cached = lru_cache(maxsize=1_000)(_read_style)  # mails repeat the same few styles over and over


def plain(style: str) -> str:
    """Small letters, without comments, and without delimiters in strings and addresses."""
    style = style.lower()
    return _OPAQUE.sub(_opaque, style) if any(sign in style for sign in ("/*", '"', "'", "url(")) else style


def _opaque(match: re.Match[str]) -> str:
    text = match[0]
    if text.startswith("/*"):
        return " " if text.endswith("*/") and len(text) > 3 else ""
    if text.startswith("url("):
        return "url(x)"
    inner = text[1:].removesuffix(text[0])
    return f"{text[0]}{_DELIMITERS.sub(ALTERED, inner)}{text[0]}"


def unescaped(text: str) -> str:
    return _ESCAPE.sub(_character, text).lower() if "\\" in text else text


def _character(match: re.Match[str]) -> str:
    if match[1]:
        code = int(match[1], 16)
        return chr(code) if 0 < code < 0xD800 else "\ufffd"
    return match[2]


def declared(style: str) -> tuple[dict[str, str], dict[str, str]]:
    """What is declared in a style that is plain, and what of it as important."""
    usual: dict[str, str] = {}
    important: dict[str, str] = {}
    for declaration in style.split(";"):
        name, colon, value = declaration.partition(":")
        if colon:
            value = unescaped(value)
            bare = _IMPORTANT.sub("", value)
            bare, is_usual = bare.strip(), bare == value
            (usual if is_usual else important)[unescaped(name.strip())] = (
                bare if len(bare) <= _LONGEST else "unknown()"
            )
    return usual, important


def read(rules: Declarations) -> Said:
    colour = rules.get("-webkit-text-fill-color") or rules.get("color")
    return Said(
        removed=_removed(rules),
        hidden=_visibility(rules.get("visibility")),
        size=_size(rules),
        opacity=_opacity(rules),
        colour=None if colour in (None, "", "inherit", "unset", "currentcolor") else paint(colour or ""),
        ground=_ground(rules),
        shrunk=any(_extent(rules.get(name)) <= SMALL for name in _BOXES),
        positioned=_positioned(rules),
        preformatted=rules.get("white-space", "").startswith("pre"),
    )


def _removed(rules: Declarations) -> Tri:
    """Taken out of sight in a way that nothing inside can undo."""
    if not rules:
        return Tri.NO
    if any(rules.get(name) in words for name, words in _HIDING.items()) or any(
        _STRUCK.search(rules.get(name, "")) for name in ("text-decoration", "text-decoration-line")
    ):  # struck out: what it said does not count any more
        return Tri.YES
    answers = [_clipped(rules), _moved(rules), _scaled(rules), *(_placed(rules, name) for name in PLACES)]
    if Tri.YES in answers:
        return Tri.YES
    doubtful = Tri.PERHAPS in answers or _unknown(rules)
    return Tri.PERHAPS if doubtful else Tri.NO


def _unknown(rules: Declarations) -> bool:
    display = rules.get("display", "")
    if display not in _WIDE and display not in _DISPLAYS and not set(display.split()) <= _DISPLAYS | {"flow"}:
        return True
    if any(
        name in rules and rules[name] not in _WIDE and rules[name] not in words
        for name, words in _HARMLESS.items()
    ):
        return True
    spacing = rules.get("letter-spacing")
    if spacing and spacing not in _WIDE and spacing != "normal" and not -3 < _length(spacing, LARGE) < 500:
        return True
    return rules.get("z-index", "").startswith("-")


def _clipped(rules: Declarations) -> Tri:
    if rules.get("clip", "auto") not in _WIDE | {"auto"} or rules.get("clip-path", "none") not in _WIDE | {
        "none"
    }:
        return Tri.YES
    overflows = [word for name in _OVERFLOWS for word in rules.get(name, "").split()]
    if all(word in _WIDE or word == "visible" for word in overflows):
        return Tri.NO
    extents = [_extent(rules.get(name)) for name in _BOXES]
    if any(extent <= 1 for extent in extents):
        return Tri.YES
    indent = rules.get("text-indent")
    lines = rules.get("line-height")
    if indent and not -50 < _length(indent, LARGE, of=10) < 100:
        return Tri.PERHAPS
    if lines and lines not in _WIDE and lines != "normal":
        factor = _length(lines, 0)
        if factor < (0.3 if lines.replace(".", "").isdigit() else 3):
            return Tri.PERHAPS
    return Tri.PERHAPS if any(extent < 8 for extent in extents) else Tri.NO


def _extent(written: str | None) -> float:
    """A width or height; that of what is not understood is small, but not nothing."""
    if written is None or written in _WIDE or written in _AUTOMATIC:
        return LARGE
    return abs(_length(written, SMALL, of=10))


def _length(written: str, unknown: float, of: float = 1.0) -> float:
    """In pixels. `of`: what one percent is."""
    match = _LENGTH.fullmatch(written.strip())
    if not match or not (match[2] == "%" or match[2] in _UNITS):
        return 0.0 if match and float(match[1]) == 0 else unknown
    return float(match[1]) * (of if match[2] == "%" else _UNITS[match[2]])


def _placed(rules: Declarations, name: str) -> Tri:
    written = rules.get(name)
    if written is None:
        return Tri.NO
    answer = Tri.NO
    for place in written.split() or [""]:
        if place in _WIDE or place in ("auto", "hanging", "each-line"):
            continue
        pixels = _length(place, LARGE, of=10)
        if pixels <= -_OFF:
            return Tri.YES
        if pixels >= _FAR:
            answer = Tri.PERHAPS
    return answer


def _moved(rules: Declarations) -> Tri:
    answer = Tri.NO
    for name in ("transform", "-webkit-transform", "-ms-transform"):
        written = rules.get(name, "none")
        if written in _WIDE or written == "none":
            continue
        rest = _FUNCTION.sub("", written).strip()
        steps = [_transformed(step[1], step[2]) for step in _FUNCTION.finditer(written)]
        if Tri.YES in steps:
            return Tri.YES
        if rest or Tri.PERHAPS in steps:
            answer = Tri.PERHAPS
    return answer


def _transformed(function: str, arguments: str) -> Tri:
    values = [_length(value, LARGE, of=10) for value in arguments.split(",")]
    if function in ("translate", "translatex", "translatey", "translate3d", "translatez"):
        if any(value <= -100 for value in values):
            return Tri.YES
        return Tri.PERHAPS if any(value >= 300 for value in values) else Tri.NO
    if function in ("scale", "scalex", "scaley", "scale3d"):
        values = [_length(value, LARGE, of=0.01) for value in arguments.split(",")]
        if any(abs(value) < 0.1 for value in values):
            return Tri.YES
        return Tri.NO if all(0.3 <= value <= 5 for value in values) else Tri.PERHAPS
    plain_turn = function in ("rotate", "rotatez") and re.fullmatch(
        r"-?[0-9.]+(?:deg|rad|turn|grad)?", arguments.strip()
    )
    return Tri.NO if plain_turn else Tri.PERHAPS


def _scaled(rules: Declarations) -> Tri:
    answer = Tri.NO
    for name in ("scale", "zoom"):
        written = rules.get(name, "")
        if written in _WIDE or written in ("none", "normal", "reset"):
            continue
        factors = [_length(word, -1, of=0.01) for word in written.split()]
        if any(0 <= factor < 0.1 for factor in factors):
            return Tri.YES
        if any(not 0.3 <= factor <= 5 for factor in factors):
            answer = Tri.PERHAPS
    return answer


def _opacity(rules: Declarations) -> float:
    """How much of it shows; _PALE where that is not understood."""
    least = 1.0
    filtered = re.findall(r"opacity\(([^()]*)\)", rules.get("filter", "") + rules.get("-webkit-filter", ""))
    written = [rules.get(name, "") for name in ("opacity", "-webkit-opacity", "-moz-opacity")]
    for value in (*written, *filtered):
        if value not in _WIDE:
            least = min(least, max(0.0, _length(value, _PALE - 0.05, of=0.01)))
    return least


def shows(opacity: float) -> Tri:
    """Whether opacity hides: YES if next to nothing shows."""
    return Tri.YES if opacity <= _FAINT else Tri.PERHAPS if opacity < _PALE else Tri.NO


def _visibility(written: str | None) -> Tri | None:
    if written is None or written in ("", "inherit", "unset"):
        return None
    if written in ("hidden", "collapse"):
        return Tri.YES
    return Tri.NO if written in ("visible", "initial", "revert", "revert-layer") else Tri.PERHAPS


def _size(rules: Declarations) -> tuple[str, float] | None:
    written = rules.get("font-size")
    if written is None and "font" in rules:
        return _size_of_font(rules["font"])
    if written is None or written in ("", "inherit", "unset", "smaller", "larger"):
        return None
    return _font(written)


def _size_of_font(font: str) -> tuple[str, float] | None:
    if font in _WIDE:
        return None
    for word in font.split(",")[0].split():
        word = word.partition("/")[0]
        if word in _SIZES or (_LENGTH.fullmatch(word) and not re.fullmatch(r"[1-9][0-9]{2,3}", word)):
            return _font(word)
    return ("px", SMALL) if "(" in font else None


def _font(written: str) -> tuple[str, float]:
    """That of what is not understood is SMALL: perhaps too small."""
    if written in _SIZES:
        return "px", _SIZES[written]
    match = _LENGTH.fullmatch(written)
    if not match:
        return "px", SMALL
    if match[2] in ("em", "%", "ex", "ch"):
        return "em", float(match[1]) * {"em": 1.0, "%": 0.01, "ex": 0.5, "ch": 0.5}[match[2]]
    return "px", _length(written, SMALL)


def _ground(rules: Declarations) -> tuple[Paint, ...]:
    grounds = [
        paint(written) for name in ("background-color",) if (written := rules.get(name, "")) not in _WIDE
    ]
    short = rules.get("background", "")
    if short not in _WIDE and not grounds:
        grounds = list(paints(short))
    image = rules.get("background-image", "") + short
    if "(" in image and any(word in image for word in ("url(", "gradient", "image", "var(", "element(")):
        grounds.append(Paint(None, 1.0))
    return tuple(grounds)


def _positioned(rules: Declarations) -> bool:
    return rules.get("position", "") in ("absolute", "fixed")


__all__ = [
    "SEEN",
    "Colour",
    "Declarations",
    "Said",
    "Tri",
    "declared",
    "plain",
    "read",
    "says_alone",
    "shows",
]
