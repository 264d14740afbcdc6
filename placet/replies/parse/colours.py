"""Colours of CSS, and whether a text in one of them can be told from its ground."""

import re
from colorsys import hls_to_rgb
from dataclasses import dataclass
from functools import lru_cache

Colour = tuple[int, int, int] | None  # None: not known, so perhaps that of the ground

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
_LONGEST = 60  # characters
_ALIKE = 32  # what differs less in each channel is not legible
_CONTRAST = 1.25  # below it most people see nothing (WCAG 2, contrast ratio; 4.5 is what a text should have)
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?"
_PART = re.compile(rf"({_NUMBER})(%|deg)?")
_CALL = re.compile(r"(rgb|hsl)a?\(([^()]*)\)")
_PIECE = re.compile(r"[a-z0-9-]+\([^()]*(?:\([^()]*\)[^()]*)*\)|#[0-9a-z]+|[a-z-]+")
#: CSS Color Level 4, 6.1
_NAMES = (
    "aliceblue f0f8ff antiquewhite faebd7 aqua 00ffff aquamarine 7fffd4 azure f0ffff beige f5f5dc bisque "
    "ffe4c4 black 000000 blanchedalmond ffebcd blue 0000ff blueviolet 8a2be2 brown a52a2a burlywood deb887 "
    "cadetblue 5f9ea0 chartreuse 7fff00 chocolate d2691e coral ff7f50 cornflowerblue 6495ed cornsilk fff8dc "
    "crimson dc143c cyan 00ffff darkblue 00008b darkcyan 008b8b darkgoldenrod b8860b darkgray a9a9a9 "
    "darkgreen 006400 darkgrey a9a9a9 darkkhaki bdb76b darkmagenta 8b008b darkolivegreen 556b2f darkorange "
    "ff8c00 darkorchid 9932cc darkred 8b0000 darksalmon e9967a darkseagreen 8fbc8f darkslateblue 483d8b "
    "darkslategray 2f4f4f darkslategrey 2f4f4f darkturquoise 00ced1 darkviolet 9400d3 deeppink ff1493 "
    "deepskyblue 00bfff dimgray 696969 dimgrey 696969 dodgerblue 1e90ff firebrick b22222 floralwhite fffaf0 "
    "forestgreen 228b22 fuchsia ff00ff gainsboro dcdcdc ghostwhite f8f8ff gold ffd700 goldenrod daa520 gray "
    "808080 green 008000 greenyellow adff2f grey 808080 honeydew f0fff0 hotpink ff69b4 indianred cd5c5c "
    "indigo 4b0082 ivory fffff0 khaki f0e68c lavender e6e6fa lavenderblush fff0f5 lawngreen 7cfc00 "
    "lemonchiffon fffacd lightblue add8e6 lightcoral f08080 lightcyan e0ffff lightgoldenrodyellow fafad2 "
    "lightgray d3d3d3 lightgreen 90ee90 lightgrey d3d3d3 lightpink ffb6c1 lightsalmon ffa07a lightseagreen "
    "20b2aa lightskyblue 87cefa lightslategray 778899 lightslategrey 778899 lightsteelblue b0c4de lightyellow "
    "ffffe0 lime 00ff00 limegreen 32cd32 linen faf0e6 magenta ff00ff maroon 800000 mediumaquamarine 66cdaa "
    "mediumblue 0000cd mediumorchid ba55d3 mediumpurple 9370db mediumseagreen 3cb371 mediumslateblue 7b68ee "
    "mediumspringgreen 00fa9a mediumturquoise 48d1cc mediumvioletred c71585 midnightblue 191970 mintcream "
    "f5fffa mistyrose ffe4e1 moccasin ffe4b5 navajowhite ffdead navy 000080 oldlace fdf5e6 olive 808000 "
    "olivedrab 6b8e23 orange ffa500 orangered ff4500 orchid da70d6 palegoldenrod eee8aa palegreen 98fb98 "
    "paleturquoise afeeee palevioletred db7093 papayawhip ffefd5 peachpuff ffdab9 peru cd853f pink ffc0cb "
    "plum dda0dd powderblue b0e0e6 purple 800080 rebeccapurple 663399 red ff0000 rosybrown bc8f8f royalblue "
    "4169e1 saddlebrown 8b4513 salmon fa8072 sandybrown f4a460 seagreen 2e8b57 seashell fff5ee sienna a0522d "
    "silver c0c0c0 skyblue 87ceeb slateblue 6a5acd slategray 708090 slategrey 708090 snow fffafa springgreen "
    "00ff7f steelblue 4682b4 tan d2b48c teal 008080 thistle d8bfd8 tomato ff6347 turquoise 40e0d0 violet "
    "ee82ee wheat f5deb3 white ffffff whitesmoke f5f5f5 yellow ffff00 yellowgreen 9acd32 windowtext 000000 "
    "canvastext 000000 buttontext 000000 fieldtext 000000 menutext 000000 captiontext 000000 infotext 000000 "
    "linktext 0000ee -webkit-link 0000ee graytext 808080 window ffffff canvas ffffff initial 000000 auto "
    "000000"
)
_COLOURS = {
    name: (int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16))
    for name, digits in re.findall(r"(\S+) (\S+)", _NAMES)
}


@dataclass(frozen=True)
class Paint:
    """A colour, and how much of it shows."""

    colour: Colour
    alpha: float = 1.0


CLEAR = Paint(BLACK, 0.0)


@lru_cache(maxsize=1_000)
def paint(written: str) -> Paint:
    """What a value of CSS is."""
    written = written.strip().lower()
    if len(written) > _LONGEST:
        return Paint(None)
    if written in ("transparent", "none"):
        return CLEAR
    if written in _COLOURS:
        return Paint(_COLOURS[written])
    return _hexadecimal(written) or _called(written) or Paint(None)


def attribute(written: str) -> Paint:
    """What an attribute such as color= is: there a number needs no sign in front."""
    written = written.strip().lower()
    known = paint(written)
    return known if known.colour else paint(f"#{written}")


def paints(written: str) -> tuple[Paint, ...]:
    """Those in a background= of CSS, which holds other words as well; none if it holds none."""
    known = [paint(piece) for piece in _PIECE.findall(written[:1_000]) if not piece.startswith("url(")]
    coloured = tuple(one for one in known if one.colour)
    unread = any(
        "(" in piece or piece.startswith("#")
        for piece in _PIECE.findall(written[:1_000])
        if not paint(piece).colour
    )
    return (*coloured[-1:], *([Paint(None)] if unread and "url(" not in written else []))


def _hexadecimal(written: str) -> Paint | None:
    match = re.fullmatch(r"#(?:([0-9a-f]{6})([0-9a-f]{2})?|([0-9a-f]{3})([0-9a-f])?)", written)
    if not match:
        return None
    digits = match[1] or "".join(digit * 2 for digit in match[3])
    alpha = match[2] or (match[4] or "f") * 2
    return Paint((int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)), int(alpha, 16) / 255)


def _called(written: str) -> Paint | None:
    """rgb(0 0 0 / 50%), rgba(0, 0, 0, .5), hsl(120, 100%, 98%)"""
    match = _CALL.fullmatch(written)
    if not match or re.sub(rf"{_NUMBER}(?:%|deg)?|[\s,/]+", "", match[2]):
        return None
    parts = [(float(number), unit) for number, unit in _PART.findall(match[2])]
    if not 3 <= len(parts) <= 4:
        return None
    alpha = parts[3][0] * (0.01 if parts[3][1] == "%" else 1) if len(parts) == 4 else 1.0
    if match[1] == "rgb":
        red, green, blue = (
            min(255, max(0, round(number * (2.55 if unit == "%" else 1)))) for number, unit in parts[:3]
        )
    else:
        saturation, light = (min(1.0, max(0.0, number / 100)) for number, _ in parts[1:3])
        mixed = hls_to_rgb(parts[0][0] / 360 % 1, light, saturation)
        red, green, blue = (round(255 * part) for part in mixed)
    return Paint((red, green, blue), min(1.0, max(0.0, alpha)))


def over(top: Paint, below: Colour) -> Colour:
    """The colour that shows where one lies over another."""
    if top.alpha <= 0:
        return below
    if top.alpha >= 1 or top.colour is None or below is None:
        return top.colour
    red, green, blue = (
        round(upper * top.alpha + lower * (1 - top.alpha))
        for upper, lower in zip(top.colour, below, strict=True)
    )
    return red, green, blue


def alike(one: Colour, other: Colour) -> bool:
    """Whether two are one for everybody."""
    if one is None or other is None:
        return False
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) < _ALIKE


@lru_cache(maxsize=4_000)
def near(one: Colour, other: Colour) -> bool:
    """Whether somebody may not tell them apart."""
    if one is None or other is None or alike(one, other):
        return True
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05) < _CONTRAST


def _luminance(colour: tuple[int, int, int]) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (one / 255 for one in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
