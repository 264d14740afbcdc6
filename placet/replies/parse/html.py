"""What a person sees of an HTML text, and which of it is quoted. lxml and a walk of our own.

Text that nobody sees never counts: hidden, of no size, of the colour of its ground, scripts, styles. The
walk keeps its own stack, so depth cannot overflow it; what the parser gives up on is reported as truncated.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from colorsys import hls_to_rgb
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice

from lxml import etree

from placet.lib.sentences import gettext_noop
from placet.replies.parse.limits import ELEMENTS
from placet.replies.parse.mail import joined

_CACHED = 300  # characters of a style that is kept for the next element
_LONGEST_COLOUR = 60  # characters
_CHUNK = 64 * 1024  # characters between two "<": libxml2 needs quadratic time for one tag of many attributes

_SPACE = re.compile(r"[ \t\r\n\f]+")
_DATA_URI = re.compile(r"data:[a-z]+/[^\"'\s>)]*", re.IGNORECASE)
_CSS_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_COMPOUND = re.compile(r"(?:\*|[a-z][a-z0-9]*)?(?:[.#][a-z0-9_-]+|\[[a-z-]+(?:=[\"']?[^\"'\]]*[\"']?)?\])*")
_SIMPLE = re.compile(r"\*|[.#]?[a-z0-9_-]+|\[[^\]]*\]")
_COMBINED = re.compile(r"[\s>]+")
_IMPORTANT = re.compile(r"!\s*important")
_NUMBER = re.compile(r"-?[0-9]*\.?[0-9]+")
_FONT_SIZE = re.compile(
    r"(?<![^\s/])[0-9]*\.?[0-9]+(?:px|pt|r?em|ex|ch|%|vw|vh|mm|cm|in|pc)(?![a-z])|(?<!\S)0(?![0-9.])"
)
_MOVED = re.compile(r"translate[xy3d]*\([^)]*-[0-9]{3}|scale[xy3d]*\(0?\.?0*[,)]")
_OFF = -500  # pixels from where nobody looks
_FAINT = 0.1  # how much of a text that can be seen through still shows
_ANCESTORS = 60  # elements around one that a selector is held against
_SELECTORS = 2_000  # that say something of what can be seen
_TRIES = 1_000_000  # of holding selectors against elements
_AROUND = 100  # tries that it costs to look for an element around one
_DEEPEST = 20  # marks in front of a quoted line

_UNSEEN = frozenset((
    "script", "style", "head", "title", "template", "noscript", "object", "applet", "svg", "math", "iframe",
    "audio", "video", "canvas", "map", "select", "datalist", "textarea", "input", "button", "meta", "link",
    "base", "xml", "s", "strike", "del",
))  # fmt: skip
_BLOCK = frozenset((
    "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset",
    "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main", "nav",
    "ol", "p", "pre", "section", "table", "tr", "ul", "caption", "details", "summary",
))  # fmt: skip
DIVIDER = (
    "-----Original Message-----"  # stands for a structure that Outlook and others put above a quoted mail
)
QUOTE_OF = gettext_noop("the quote of {program}")
LINE_OF = gettext_noop("the line of {program} above a quoted mail")
# What programs put around a quote.
_QUOTE_CLASSES = {
    "gmail_quote": "Gmail",
    "gmail_extra_quote": "Gmail",
    "yahoo_quoted": "Yahoo",
    "ydp_quote": "Yahoo",
    "protonmail_quote": "Proton Mail",
    "tutanota_quote": "Tuta",
    "moz-cite-prefix": "Thunderbird",
    "moz-email-headers-table": "Thunderbird",
    "zmail_extra": "Zoho Mail",
    "front-blockquote": "Front",
    "mail-quote": gettext_noop("a mail program"),
    "wordsection1_quote": "Outlook",
}
_ENVELOPES = ("gmail_quote", "protonmail_quote", "zmail_extra")
# From this element on everything is quoted.
_DIVIDER_IDS = {
    "divrplyfwdmsg": "Outlook",
    "appendonsend": "Outlook",
    "stopspelling": "Outlook",
    "outlookmessageheader": "Outlook",
    "mail-editor-reference-message-container": "Outlook",
    "ms-outlook-mobile-reference-message": "Outlook",
    "zwchr": "Zimbra",
    "reply-intro": "Roundcube",
    "replyabovethisline": "a ticket system",
}
_SIGNS = ("<blockquote", "border-top:", *_QUOTE_CLASSES, *_DIVIDER_IDS, 'name="quote"')
_OUTLOOK_RULE = re.compile(r"border-top:\s*solid\s+#(?:e1e1e1|b5c4df)\s", re.IGNORECASE)
_COLOURS = {
    "white": (255, 255, 255), "black": (0, 0, 0), "snow": (255, 250, 250), "ivory": (255, 255, 240),
    "whitesmoke": (245, 245, 245), "ghostwhite": (248, 248, 255), "floralwhite": (255, 250, 240),
    "mintcream": (245, 255, 250), "azure": (240, 255, 255), "aliceblue": (240, 248, 255), "seashell": (255, 245, 238),
}  # fmt: skip

_Colour = tuple[int, int, int] | None  # None: not known, so different from every other


@dataclass(frozen=True)
class Visible:
    """Text as seen. `marked` is the same as a plain text would show it: `> ` before each line that the structure
    marks as quoted, and DIVIDER where it says that all the rest is."""

    text: str
    marked: str
    quoted_cut: str  # which structure, in words; "" if none
    truncated: bool


@dataclass(frozen=True)
class _Style:
    """What an element hands on to those inside it."""

    gone: bool = False  # display: none and its kin cannot be undone inside
    hidden: bool = False  # visibility
    tiny: bool = False  # font-size
    clear: bool = False  # the colour can be seen through
    colour: _Colour = (0, 0, 0)  # as _colour rounds them
    ground: _Colour = (7, 7, 7)
    quoted: int = 0  # how deep
    preformatted: bool = False

    @property
    def seen(self) -> bool:
        unseen = self.gone or self.hidden or self.tiny or self.clear
        return not (unseen or (self.colour and self.colour == self.ground))


@dataclass
class _Envelope:
    """An element that holds a quote and the line above it. People answer between and below the quotes in it."""

    element: etree._Element
    opened: bool = False  # a quote stood directly in it


def may_quote(markup: str) -> bool:
    """Whether it is worth a look for a structure that quotes. Cheap: one search each, over any text."""
    lower = markup.lower()
    return any(sign in lower for sign in _SIGNS)


def visible(markup: str) -> Visible:
    """The visible text of a mail's HTML."""
    root, complete = tree(markup)
    if root is None:
        return Visible("", "", "", truncated=not complete)
    sheet = _sheet(root)
    walk = _Walk(sheet)
    complete = walk.run(root) and complete and sheet.whole
    return Visible(walk.lines.text(), walk.lines.marked(), ", then ".join(walk.found), truncated=not complete)


def tree(markup: str) -> tuple[etree._Element | None, bool]:
    """The elements of a mail's HTML, and whether they are all there. Bounded in time; without data: addresses."""
    bounded, cut = _bounded(markup)
    root, complete = _parse(bounded)
    return root, complete and not cut


def _bounded(markup: str) -> tuple[str, bool]:
    markup = _DATA_URI.sub("", markup)
    start = 0
    while (end := markup.find("<", start + 1)) >= 0:
        if end - start > _CHUNK:
            break
        start = end
    stop = start + _CHUNK
    return (markup, False) if len(markup) <= stop else (markup[:stop], True)


def _parse(markup: str) -> tuple[etree._Element | None, bool]:
    """The tree, and whether the parser read all of it."""
    parser = etree.HTMLParser(
        encoding="utf-8", huge_tree=True, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(markup.encode("utf-8"), parser)
    except etree.XMLSyntaxError:
        return None, not markup.strip()  # lxml says so of an empty document too
    limit = etree.ErrorTypes.ERR_RESOURCE_LIMIT
    return root, not any(
        entry.type == limit or entry.level == etree.ErrorLevels.FATAL for entry in parser.error_log
    )


class _Lines:
    """Text put together as a browser would: blanks collapse, blocks begin lines."""

    def __init__(self) -> None:
        self._done: list[tuple[str, int]] = []  # lines, and how deep they are quoted
        self._dividers: list[int] = []
        self._pieces: list[str] = []
        self._quoted = 0  # the line that is being put together
        self._fresh = True  # at the beginning of a line, or behind a blank

    def add(self, text: str, quoted: int, preformatted: bool) -> None:
        if quoted != self._quoted:
            self.block()
            self._quoted = quoted
        if preformatted:
            *whole, text = text.split("\n")
            for line in whole:
                self._pieces.append(line)
                self.line_break()
        else:
            text = _SPACE.sub(" ", text)
            if self._fresh:
                text = text.lstrip(" ")
        if text:
            self._pieces.append(text)
            self._fresh = text.endswith(" ")

    def block(self) -> None:
        if self._pieces:
            self.line_break()
        self._fresh = True

    def line_break(self) -> None:
        self._done.append(("".join(self._pieces).rstrip(), self._quoted))
        self._pieces.clear()
        self._fresh = True

    def divider(self) -> None:
        self.block()
        self._dividers.append(len(self._done))

    def text(self) -> str:
        self.block()
        return joined([line for line, _ in self._done])

    def marked(self) -> str:
        """A blank line stands where quoted lines begin or end: no line of the sender is the rest of one of them."""
        self.block()
        lines: list[str] = []
        before = 0
        for at, (line, depth) in enumerate(self._done):
            if at in self._dividers[:1]:
                lines.append(DIVIDER)
            elif lines and lines[-1] and line and bool(depth) != bool(before):
                lines.append("")
            lines.append(f"{'>' * min(depth, _DEEPEST)} {line}".rstrip() if depth else line)
            before = depth
        if self._dividers[:1] == [len(self._done)]:
            lines.append(DIVIDER)
        return joined(lines)


class _Walk:
    """One walk over the tree in document order."""

    def __init__(self, sheet: "_Sheet") -> None:
        self.lines = _Lines()
        self.found: dict[str, None] = {}  # what marks quotes, in order
        self._sheet = sheet
        self._envelopes: list[_Envelope] = []

    def run(self, root: etree._Element) -> bool:
        """False if there were more than ELEMENTS elements."""
        stack = [_Style()]
        entered = 0
        for event, element in etree.iterwalk(root, events=("start", "end")):
            tag = element.tag if isinstance(element.tag, str) else ""
            if event == "start":
                entered += 1
                if entered > ELEMENTS:
                    return False
                style = self._enter(element, tag, stack[-1])
                stack.append(style)
                if element.text:
                    self._text(element.text, style)
            else:
                stack.pop()
                if self._envelopes and self._envelopes[-1].element is element:
                    self._envelopes.pop()
                self._block(tag, stack[-1])
                if element.tail:
                    self._text(element.tail, stack[-1])
        return True

    def _enter(self, element: etree._Element, tag: str, outer: _Style) -> _Style:
        style = _style(element, tag, outer, self._sheet)
        if not style.gone:
            style = self._structure(element, tag, style)
        self._block(tag, style)
        if style.seen and tag == "br":
            self.lines.line_break()
        elif style.seen and tag in ("td", "th"):
            self._text(" ", style)
        elif style.seen and tag == "img":
            self._text(_picture(element), style)
        return style

    def _structure(self, element: etree._Element, tag: str, style: _Style) -> _Style:
        divider = _divides(element, tag)
        if divider:
            self.found.setdefault(divider)
            self.lines.divider()
        quote = _quote(element, tag)
        if not quote:
            return style
        self.found.setdefault(quote)
        if tag == "blockquote":
            if self._envelopes and self._envelopes[-1].element is element.getparent():
                self._envelopes[-1].opened = True
            return replace(style, quoted=style.quoted + 1)
        if tag == "div" and _quote_class(element) in _ENVELOPES:
            self._envelopes.append(_Envelope(element))
            return style
        return replace(style, quoted=style.quoted + 1)

    def _text(self, text: str, style: _Style) -> None:
        if style.seen:
            quoted = style.quoted or int(any(not envelope.opened for envelope in self._envelopes[-1:]))
            self.lines.add(text, quoted, style.preformatted)

    def _block(self, tag: str, style: _Style) -> None:
        if tag in _BLOCK and not style.gone:
            self.lines.block()


def _picture(element: etree._Element) -> str:
    """Emoji that a mail program turned into a picture: an alternative text without letters."""
    alternative = element.get("alt") or ""
    return alternative if len(alternative) <= 8 and not any(map(str.isascii, alternative)) else ""


# ---------------------------------------------------------------------- quoted


def _quote(element: etree._Element, tag: str) -> str:
    """Which quote this element is, in words; "" if it is none."""
    if tag == "blockquote":
        return "" if _is_indented(element) else "a quoted block"
    if name := _quote_class(element):
        return QUOTE_OF.format(program=_QUOTE_CLASSES[name])
    return gettext_noop("a quoted block") if (element.get("name") or "").lower() == "quote" else ""


def _quote_class(element: etree._Element) -> str:
    for name in (element.get("class") or "").lower().split():
        name = name.removeprefix("x_")
        if name in _QUOTE_CLASSES:
            return name
        if name.startswith(("gmail_quote", "yahoo_quoted")):
            return "gmail_quote" if name.startswith("g") else "yahoo_quoted"
    return ""


def _is_indented(element: etree._Element) -> bool:
    """Gmail and Outlook write indented text as a block without a border; no program quotes like that."""
    style = (element.get("style") or "").lower().replace(" ", "")
    return "border:none" in style and not element.get("type") and not element.get("class")


def _divides(element: etree._Element, tag: str) -> str:
    """What stands above a whole quoted mail, in words."""
    name = (element.get("id") or "").lower()
    while name.startswith("x_"):
        name = name[2:]
    if name.startswith(_DIVIDERS):
        program = next(_DIVIDER_IDS[known] for known in _DIVIDERS if name.startswith(known))
        return LINE_OF.format(program=program)
    if tag in ("div", "p") and _OUTLOOK_RULE.search(element.get("style") or ""):
        return gettext_noop("a line above a header block")
    return ""


_DIVIDERS = tuple(_DIVIDER_IDS)


# ---------------------------------------------------------------------- seen or not


def _style(element: etree._Element, tag: str, outer: _Style, sheet: "_Sheet") -> _Style:
    attributes = element.attrib
    if tag in _UNSEEN or (tag == "dialog" and "open" not in attributes):
        return outer if outer.gone else replace(outer, gone=True)
    if tag == "details" and "open" not in attributes:
        return replace(outer, hidden=True)  # all but its summary
    if tag == "summary":
        return replace(outer, hidden=False)
    if not attributes and not sheet.rules:
        return replace(outer, preformatted=True) if tag == "pre" else outer
    style = attributes.get("style") or ""
    says = sheet.says(sheet.matching(element), style) if sheet.rules else _says_alone(style)
    colour, ground = says.colour or attributes.get("color"), says.ground or attributes.get("bgcolor")
    gone = says.removed or "hidden" in attributes or "popover" in attributes
    made = _Style(
        gone=outer.gone or gone,
        hidden=outer.hidden if says.hidden is None else says.hidden,
        tiny=outer.tiny if says.tiny is None else says.tiny,
        clear=outer.clear if colour in (None, "", "inherit") else _see_through(colour),
        colour=_colour_of(colour, outer.colour),
        ground=_ground(ground, outer.ground),
        quoted=outer.quoted,
        preformatted=outer.preformatted or tag == "pre" or says.preformatted,
    )
    return outer if made == outer else made


_Compound = frozenset[str]  # ".x.y" and its kin: all of it holds for an element
_Declarations = Mapping[str, str]


@dataclass(frozen=True)
class _Rule:
    """One selector of a style sheet, and what it says of the elements that it holds for."""

    weight: tuple[int, int, int, int]  # ids, classes and attributes, tags; then the order in the mail
    last: _Compound
    around: Sequence[_Compound]  # hold for elements around
    usual: _Declarations
    important: _Declarations


@dataclass
class _Sheet:
    """What the style sheets of a mail say of what can be seen."""

    rules: Mapping[str, Sequence[_Rule]]  # by one part of the last compound
    whole: bool  # all was looked at, as far as it was asked for
    tries: int = _TRIES  # that are left
    known: dict[tuple[object, ...], "_Said"] = field(default_factory=dict)

    def matching(self, element: etree._Element) -> Sequence[_Rule]:
        """The rules that hold for an element."""
        names = _names(element)
        candidates = [rule for name in names for rule in self.rules.get(name, ())]
        close = [rule for rule in candidates if rule.last <= names]
        self.tries -= len(candidates) + _AROUND * sum(len(rule.around) for rule in close)
        if self.tries < 0:
            self.whole = False
            return ()
        return [rule for rule in close if all(_is_inside(element, compound) for compound in rule.around)]

    def says(self, matching: Sequence[_Rule], style: str) -> "_Said":
        """What holds for an element with this style attribute, as CSS orders it (CSS Cascading Level 4, 6.1)."""
        if not matching:
            return _says_alone(style)
        key = (*(rule.weight for rule in matching), style)
        if key not in self.known:
            ordered = sorted(matching, key=lambda rule: rule.weight)
            usual, important = _declared(style)
            layers = (*(r.usual for r in ordered), usual, *(r.important for r in ordered), important)
            self.known[key] = _read({name: value for layer in layers for name, value in layer.items()})
        return self.known[key]


def _names(element: etree._Element) -> _Compound:
    """What selectors may call an element."""
    tag = element.tag if isinstance(element.tag, str) else ""
    names = {"*", tag, f"#{(element.get('id') or '').lower()}"}
    names.update(f".{name}" for name in (element.get("class") or "").lower().split())
    for name, value in element.attrib.items():
        names.update((f"[{name}]", f"[{name}={value.lower()[:60]}]"))
    return frozenset(names)


def _is_inside(element: etree._Element, compound: _Compound) -> bool:
    """Whether an element stands in one that the compound holds for."""
    return any(compound <= _names(other) for other in islice(element.iterancestors(), _ANCESTORS))


@dataclass(frozen=True)
class _Said:
    """What a style attribute says of what can be seen; None where it says nothing."""

    removed: bool
    hidden: bool | None
    tiny: bool | None
    colour: str | None
    ground: str | None
    preformatted: bool


def _says_alone(style: str) -> _Said:
    """What a style attribute says where no rule of a sheet holds."""
    return _read_cached(style) if len(style) <= _CACHED else _read_style(style)


def _read_style(style: str) -> _Said:
    usual, important = _declared(style)
    return _read({**usual, **important})


def _read(rules: _Declarations) -> _Said:
    return _Said(
        removed=_removed(rules),
        hidden=_visibility(rules),
        tiny=_tiny(rules),
        colour=rules.get("-webkit-text-fill-color") or rules.get("color"),
        ground=rules.get("background-color") or rules.get("background"),
        preformatted=rules.get("white-space", "").startswith("pre"),
    )


_read_cached = lru_cache(maxsize=1_000)(_read_style)  # mails repeat the same few styles over and over


def _declared(style: str) -> tuple[_Declarations, _Declarations]:
    """What is declared, and what of it as important."""
    usual: dict[str, str] = {}
    important: dict[str, str] = {}
    if "/*" in style:
        style = _CSS_COMMENT.sub("", style)
    for declaration in style.lower().split(";"):
        name, colon, value = declaration.partition(":")
        if colon:
            plain = _IMPORTANT.sub("", value)
            (usual if plain == value else important)[name.strip()] = plain.strip()
    return usual, important


def _removed(rules: Mapping[str, str]) -> bool:
    """Taken out of sight in a way that nothing inside can undo."""
    if rules.get("display") == "none" or rules.get("mso-hide") == "all":
        return True
    if _is_faint(rules.get("opacity")) or _is_faint(rules.get("filter", "").partition("opacity(")[2] or None):
        return True
    if any("line-through" in rules.get(name, "") for name in ("text-decoration", "text-decoration-line")):
        return True  # struck out: what it said does not count any more
    clipped = any(
        rules.get(name, "visible") != "visible" for name in ("overflow", "overflow-x", "overflow-y")
    )
    sizes = ("height", "max-height", "width", "max-width")
    if clipped and any(0 <= _pixels(rules.get(size)) <= 1 for size in sizes):
        return True
    if rules.get("clip", "auto") != "auto" or rules.get("clip-path", "none") != "none":
        return True
    if _MOVED.search(rules.get("transform", "")[:200]) or rules.get("content-visibility") == "hidden":
        return True
    return _is_zero(rules.get("zoom")) or any(_is_off(rules.get(name)) for name in _PLACES)


_PLACES = (
    "text-indent",
    "left",
    "right",
    "top",
    "bottom",
    "margin",
    "margin-left",
    "margin-right",
    "margin-top",
)


def _is_off(said: str | None) -> bool:
    """Whether a place, or one of several, is far outside."""
    return said is not None and any(_pixels(place) <= _OFF for place in said[:80].split()[:4])


def _pixels(said: str | None) -> float:
    """A length; what is not known is long."""
    number = _number(said)
    if number is None or said is None:
        return 1_000
    if "%" in said and number:
        return 1_000 if number > 0 else number
    return number * 16 if "em" in said else number


def _is_faint(said: str | None) -> bool:
    number = _number(said)
    if number is None or said is None:
        return False
    return number <= _FAINT * (100 if "%" in said else 1)


def _visibility(rules: Mapping[str, str]) -> bool | None:
    said = rules.get("visibility")
    return said in ("hidden", "collapse") if said else None


def _tiny(rules: Mapping[str, str]) -> bool | None:
    """Layouts set 0 around and a real size inside, so this is handed on and can be undone."""
    said = rules.get("font-size")
    if said is None:
        font = rules.get("font")
        found = _FONT_SIZE.search(font[:80]) if font else None
        said = found[0] if found else None
    if said is None:
        return None
    size = _number(said)
    if size is None:
        return False
    return size <= 0.1 if "em" in said else size <= 10 if "%" in said else size <= 2


def _ground(said: str | None, outer: _Colour) -> _Colour:
    if said is None or said in ("", "none", "inherit", "initial") or _see_through(said):
        return outer
    return _colour(said)


def _colour_of(said: str | None, outer: _Colour) -> _Colour:
    return outer if said in (None, "", "inherit") else _colour(said)


def _colour(said: str) -> _Colour:
    return _rounded(said.strip().lower()[:_LONGEST_COLOUR])


@lru_cache(maxsize=1_000)
def _rounded(said: str) -> _Colour:
    """Colours to the nearest 32: what differs less is not legible."""
    red_green_blue = _COLOURS.get(said) or _hexadecimal(said) or _function(said) or _hue(said)
    if red_green_blue is None:
        return None
    red, green, blue = red_green_blue
    return red // 32, green // 32, blue // 32


def _hexadecimal(said: str) -> _Colour:
    found = re.match(r"#(?:([0-9a-f]{6})(?:[0-9a-f]{2})?|([0-9a-f]{3})[0-9a-f]?)(?![0-9a-f])", said)
    if not found:
        return None
    digits = found[1] or "".join(digit * 2 for digit in found[2])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def _function(said: str) -> _Colour:
    if not said.startswith(("rgb(", "rgba(")):
        return None
    scale = 2.55 if "%" in said.partition(",")[0] else 1
    numbers = [min(255, max(0, int(float(number) * scale))) for number in _NUMBER.findall(said[:60])[:3]]
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == 3 else None


def _hue(said: str) -> _Colour:
    """hsl(120, 100%, 98%)"""
    numbers = [float(number) for number in _NUMBER.findall(said[:60])[:3]] if said.startswith("hsl") else []
    if len(numbers) < 3:
        return None
    hue, saturation, light = numbers[0] / 360 % 1, *(min(1, max(0, number / 100)) for number in numbers[1:])
    red, green, blue = (round(255 * part) for part in hls_to_rgb(hue, light, saturation))
    return red, green, blue


@lru_cache(maxsize=1_000)
def _see_through(said: str | None) -> bool:
    """Whether of a colour next to nothing shows: transparent, rgba(0, 0, 0, 0), #00000000."""
    said = (said or "").strip().lower()[:_LONGEST_COLOUR]
    if said.startswith("#"):
        alpha = said[7:9] if len(said) == 9 else said[4:5] * 2 if len(said) == 5 else "ff"
        return alpha.isalnum() and alpha < "1a"
    if said.startswith(("rgb", "hsl")):
        numbers = re.findall(r"(-?[0-9]*\.?[0-9]+)(%?)", said)[3:4]
        return any(_is_faint(number + percent) for number, percent in numbers)
    return said == "transparent"


def _number(said: str | None) -> float | None:
    found = _NUMBER.match(said.strip()[:20]) if said else None
    return float(found[0]) if found else None


def _is_zero(said: str | None) -> bool:
    return _number(said) == 0


# What style sheets say of what can be seen.
_SEEN = frozenset((
    "display", "mso-hide", "opacity", "filter", "text-decoration", "text-decoration-line", "overflow", "overflow-x",
    "overflow-y", "height", "max-height", "width", "max-width", "clip", "clip-path", "transform", "content-visibility",
    "zoom", *_PLACES, "visibility", "font", "font-size", "color", "-webkit-text-fill-color", "background",
    "background-color",
))  # fmt: skip


def _sheet(root: etree._Element) -> _Sheet:
    """What style sheets say for everybody, on paper or small screens alone left out."""
    found: dict[str, list[_Rule]] = {}
    known = 0
    for sheet in root.iter("style"):
        for selectors, declared in _rules(sheet.text or ""):
            usual, important = (
                {name: value for name, value in layer.items() if name in _SEEN} for layer in declared
            )
            for selector in selectors if usual or important else ():
                compounds = [_compound(part) for part in _COMBINED.split(selector.strip()) if part]
                if not compounds or not all(compounds):
                    continue
                known += 1
                if known > _SELECTORS:
                    return _Sheet(found, whole=False)
                weight = (*_weight(compounds), known)
                rule = _Rule(weight, compounds[-1], compounds[:-1], usual, important)
                found.setdefault(min(compounds[-1]), []).append(rule)
    return _Sheet(found, whole=True)


def _weight(compounds: Sequence[_Compound]) -> tuple[int, int, int]:
    """How specific a selector is (Selectors Level 3, 9)."""
    parts = [part for compound in compounds for part in compound if part != "*"]
    ids, others = (sum(part.startswith(signs) for part in parts) for signs in ("#", (".", "[")))
    return ids, others, len(parts) - ids - others


def _compound(said: str) -> _Compound:
    """Its parts; none for one that is not known, such as "a:hover"."""
    if not _COMPOUND.fullmatch(said):
        return frozenset()
    return frozenset(part.replace('"', "").replace("'", "") for part in _SIMPLE.findall(said))


def _rules(sheet: str) -> Iterator[tuple[list[str], tuple[_Declarations, _Declarations]]]:
    sheet = _CSS_COMMENT.sub("", sheet.replace("<!--", "").replace("-->", "").lower())
    around: list[bool] = []  # of @media and its kin, whether they hold
    for piece in sheet.split("}"):
        *conditions, declarations = piece.split("{")
        if not conditions:
            del around[-1:]
            continue
        around += map(_holds, conditions[:-1])
        if all(around):
            yield conditions[-1].split(","), _declared(declarations)


def _holds(condition: str) -> bool:
    """Whether what stands in "@media screen" and its kin holds for everybody."""
    kind, _, media = condition.strip().partition(" ")
    if kind == "@media":
        return any(
            one.strip() in ("", "all", "screen", "only screen", "only all") for one in media.split(",")
        )
    return kind in ("@supports", "@layer")
