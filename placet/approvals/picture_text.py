"""How wide texts are in a picture, and how they are broken into lines. No font is read: whatever font a reader has, the
width that is reckoned here is rather too wide than too narrow.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest

MORE = "…"
_UNBROKEN = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"
_BREAKS_AFTER = "-/_.@,;"
#: Widths by sign, in parts of the height of the type; all others have `_OTHER`, or what their kind says.
_WIDTHS = {
    **dict.fromkeys("iljI|!'.,:;", 0.34),
    **dict.fromkeys(' ()[]{}/\\frt-‐`"°' + _UNBROKEN, 0.43),
    **dict.fromkeys("cksvxyzJ", 0.59),
    **dict.fromkeys("CEFKLPRSTVXYZ", 0.7),
    **dict.fromkeys("ABDGHNOQUw", 0.82),
    **dict.fromkeys("mMW@%…—&", 1.0),
}
_OTHER, _WIDE, _UPPER = 0.65, 1.25, 0.85
_MARK = 0.3  # above or below a letter: a font that does not have it draws it beside
BOLD = 1.09


@dataclass(frozen=True)
class Type:
    """`size`, `line`: heights of the letters and of a line, in pixels."""

    size: float
    line: int
    is_bold: bool = False


NAME = Type(13, 17, is_bold=True)
NOTE = Type(12, 15)


def plain(text: str) -> str:
    """On one line, without signs that cannot be seen or that would turn what stands beside them. What must not be
    broken, such as 1\N{NO-BREAK SPACE}000, stays together."""
    words = "".join(sign if sign in _UNBROKEN or _is_seen(sign) else " " for sign in text).split(" ")
    return " ".join(word for word in words if word.strip())


def _is_seen(sign: str) -> bool:
    return sign == "\u200d" or (sign.isprintable() and not sign.isspace())


@lru_cache(maxsize=4096)
def _sign_width(sign: str) -> float:
    if sign in _WIDTHS:
        return _WIDTHS[sign]
    if ord(sign) < 0x250:
        return _UPPER if sign.isupper() else _OTHER
    if _is_joined(sign):
        return _MARK if unicodedata.category(sign) != "Cf" else 0.0
    if unicodedata.east_asian_width(sign) in "WF" or ord(sign) >= 0x1F000:
        return _WIDE
    return _UPPER if ord(sign) < 0x530 else 1.0


def _is_joined(sign: str) -> bool:
    """Whether it is drawn together with the one before it."""
    return unicodedata.category(sign) in ("Mn", "Me", "Cf")


def width_of(text: str, kind: Type) -> float:
    """In pixels."""
    return sum(map(_sign_width, text)) * kind.size * (BOLD if kind.is_bold else 1)


def wrapped(text: str, kind: Type, width: float, most: int) -> tuple[str, ...]:
    """At most `most` lines of at most `width` pixels; what does not fit is left out, and `…` says so."""
    lines: list[str] = []
    line = ""
    for piece in _pieces(plain(text), kind, width):
        if width_of((line + piece).rstrip(), kind) <= width:
            line += piece
            continue
        lines.append(line.rstrip())
        line = piece
        if len(lines) > most:
            break
    lines.append(line.rstrip())
    lines = [one for one in lines if one]
    if len(lines) <= most:
        return tuple(lines)
    return (*lines[: most - 1], _cut(lines[most - 1], kind, width))


def _cut(line: str, kind: Type, width: float) -> str:
    while line and width_of(line + MORE, kind) > width:
        line = line[:-1]
    return line.rstrip() + MORE


def _pieces(text: str, kind: Type, width: float) -> Iterator[str]:
    """What is not broken: words with the blank behind them, parts of compound ones, and of those that are too long as
    much as fits."""
    piece, piece_width = "", 0.0
    for sign, following in zip_longest(text, text[1:], fillvalue=""):
        sign_width = width_of(sign, kind)
        if piece and not _is_joined(sign) and piece_width + sign_width > width:
            yield piece
            piece, piece_width = "", 0.0
        piece += sign
        piece_width += sign_width
        is_in_number = piece[-2:-1].isdigit() and following.isdigit()  # 1,000 and 12.50
        if sign == " " or (sign in _BREAKS_AFTER and len(piece) > 3 and not is_in_number):
            yield piece
            piece, piece_width = "", 0.0
    yield piece
