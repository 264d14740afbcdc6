"""What a person sees of an HTML text, and which of it is quoted. lxml and a walk of our own.

Text that nobody sees never counts: hidden, of no size, of the colour of its ground, scripts, styles. The
walk keeps its own stack, so depth cannot overflow it; what the parser gives up on is reported as truncated.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from lxml import etree

from placet.replies.parse.limits import ELEMENTS
from placet.replies.parse.mail import joined

_CACHED = 300  # characters of a style that is kept for the next element
_LONGEST_COLOUR = 60  # characters
_CHUNK = 64 * 1024  # characters between two "<": libxml2 needs quadratic time for one tag of many attributes

_SPACE = re.compile(r"[ \t\r\n\f]+")
_DATA_URI = re.compile(r"data:[a-z]+/[^\"'\s>)]*", re.IGNORECASE)
_CSS_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_SIMPLE_SELECTOR = re.compile(r"[a-z0-9]*([.#][a-z0-9_-]+)", re.IGNORECASE)
_NUMBER = re.compile(r"-?[0-9]*\.?[0-9]+")

_UNSEEN = frozenset((
    "script", "style", "head", "title", "template", "noscript", "object", "applet", "svg", "math", "iframe",
    "audio", "video", "canvas", "map", "select", "datalist", "textarea", "input", "button", "meta", "link",
    "base", "xml", "s", "strike", "del",
))  # fmt: skip
_BLOCK = frozenset((
    "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset",
    "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main", "nav",
    "ol", "p", "pre", "section", "table", "tr", "ul", "caption",
))  # fmt: skip
DIVIDER = (
    "-----Original Message-----"  # stands for a structure that Outlook and others put above a quoted mail
)
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
    "mail-quote": "a mail program",
    "wordsection1_quote": "Outlook",
}
_ENVELOPES = ("gmail_quote", "protonmail_quote")
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
_COLOURS = {"white": (255, 255, 255), "black": (0, 0, 0), "snow": (255, 250, 250), "ivory": (255, 255, 240)}

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
    colour: _Colour = (0, 0, 0)  # as _colour rounds them
    ground: _Colour = (7, 7, 7)
    quoted: bool = False
    preformatted: bool = False

    @property
    def seen(self) -> bool:
        return not (self.gone or self.hidden or self.tiny or (self.colour and self.colour == self.ground))


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
    bounded, cut = _bounded(markup)
    root, complete = _parse(bounded)
    if root is None:
        return Visible("", "", "", truncated=cut or not complete)
    walk = _Walk(_hidden_selectors(root))
    complete = walk.run(root) and complete
    return Visible(
        walk.lines.text(), walk.lines.marked(), ", then ".join(walk.found), truncated=cut or not complete
    )


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
        self._done: list[tuple[str, bool]] = []  # lines, and whether they are quoted
        self._dividers: list[int] = []
        self._pieces: list[str] = []
        self._quoted = False  # the line that is being put together
        self._fresh = True  # at the beginning of a line, or behind a blank

    def add(self, text: str, quoted: bool, preformatted: bool) -> None:
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
        self.block()
        lines = [f"> {line}".rstrip() if quoted else line for line, quoted in self._done]
        for at in reversed(self._dividers[:1]):
            lines.insert(at, DIVIDER)
        return joined(lines)


class _Walk:
    """One walk over the tree in document order."""

    def __init__(self, hidden_selectors: frozenset[str]) -> None:
        self.lines = _Lines()
        self.found: dict[str, None] = {}  # what marks quotes, in order
        self._hidden_selectors = hidden_selectors
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
        style = _style(element, tag, outer, self._hidden_selectors)
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
            return replace(style, quoted=True)
        if tag == "div" and _quote_class(element) in _ENVELOPES:
            self._envelopes.append(_Envelope(element))
            return style
        return replace(style, quoted=True)

    def _text(self, text: str, style: _Style) -> None:
        if style.seen:
            quoted = style.quoted or any(not envelope.opened for envelope in self._envelopes[-1:])
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
        return f"the quote of {_QUOTE_CLASSES[name]}"
    return "a quoted block" if (element.get("name") or "").lower() == "quote" else ""


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
        return f"the line of {program} above a quoted mail"
    if tag in ("div", "p") and _OUTLOOK_RULE.search(element.get("style") or ""):
        return "a line above a header block"
    return ""


_DIVIDERS = tuple(_DIVIDER_IDS)


# ---------------------------------------------------------------------- seen or not


def _style(element: etree._Element, tag: str, outer: _Style, hidden_selectors: frozenset[str]) -> _Style:
    if tag in _UNSEEN:
        return outer if outer.gone else replace(outer, gone=True)
    attributes = element.attrib
    if not attributes:
        return replace(outer, preformatted=True) if tag == "pre" else outer
    style = attributes.get("style") or ""
    says = _says(style) if len(style) <= _CACHED else _read_style(style)
    colour, ground = says.colour or attributes.get("color"), says.ground or attributes.get("bgcolor")
    gone = (
        says.removed or "hidden" in attributes or (hidden_selectors and _selected(element, hidden_selectors))
    )
    made = _Style(
        gone=outer.gone or bool(gone),
        hidden=outer.hidden if says.hidden is None else says.hidden,
        tiny=outer.tiny if says.tiny is None else says.tiny,
        colour=_colour_of(colour, outer.colour),
        ground=_ground(ground, outer.ground),
        quoted=outer.quoted,
        preformatted=outer.preformatted or tag == "pre" or says.preformatted,
    )
    return outer if made == outer else made


def _selected(element: etree._Element, hidden_selectors: frozenset[str]) -> bool:
    names = [f".{name}" for name in (element.get("class") or "").lower().split()]
    names.append(f"#{(element.get('id') or '').lower()}")
    return any(name in hidden_selectors for name in names)


@dataclass(frozen=True)
class _Said:
    """What a style attribute says of what can be seen; None where it says nothing."""

    removed: bool
    hidden: bool | None
    tiny: bool | None
    colour: str | None
    ground: str | None
    preformatted: bool


def _read_style(style: str) -> _Said:
    rules = _declarations(style)
    return _Said(
        removed=_removed(rules),
        hidden=_visibility(rules),
        tiny=_tiny(rules),
        colour=rules.get("color"),
        ground=rules.get("background-color") or rules.get("background"),
        preformatted=rules.get("white-space", "").startswith("pre"),
    )


_says = lru_cache(maxsize=1_000)(_read_style)  # mails repeat the same few styles over and over


def _declarations(style: str) -> dict[str, str]:
    rules: dict[str, str] = {}
    if "/*" in style:
        style = _CSS_COMMENT.sub("", style)
    for declaration in style.lower().split(";"):
        name, colon, value = declaration.partition(":")
        if colon:
            rules[name.strip()] = value.replace("!important", "").strip()
    return rules


def _removed(rules: Mapping[str, str]) -> bool:
    """Taken out of sight in a way that nothing inside can undo."""
    if rules.get("display") == "none" or rules.get("mso-hide") == "all":
        return True
    if _is_zero(rules.get("opacity")):
        return True
    if any("line-through" in rules.get(name, "") for name in ("text-decoration", "text-decoration-line")):
        return True  # struck out: what it said does not count any more
    clipped = rules.get("overflow") in ("hidden", "clip")
    sizes = ("height", "max-height", "width", "max-width")
    if clipped and any(_is_zero(rules.get(size)) for size in sizes):
        return True
    moved = ("text-indent", "left", "top", "margin-left", "margin-top")
    return any((_number(rules.get(name)) or 0) <= -500 for name in moved)


def _visibility(rules: Mapping[str, str]) -> bool | None:
    said = rules.get("visibility")
    return said in ("hidden", "collapse") if said else None


def _tiny(rules: Mapping[str, str]) -> bool | None:
    """Layouts set 0 around and a real size inside, so this is handed on and can be undone."""
    said = rules.get("font-size")
    if said is None:
        font = rules.get("font")
        said = font if font and font[0].isdigit() else None
    if said is None:
        return None
    size = _number(said)
    if size is None:
        return False
    return size <= 0.1 if "em" in said else size <= 10 if "%" in said else size <= 1


def _ground(said: str | None, outer: _Colour) -> _Colour:
    return outer if said in (None, "", "transparent", "none", "inherit", "initial") else _colour(said)


def _colour_of(said: str | None, outer: _Colour) -> _Colour:
    return outer if said in (None, "", "inherit") else _colour(said)


def _colour(said: str) -> _Colour:
    return _rounded(said.strip().lower()[:_LONGEST_COLOUR])


@lru_cache(maxsize=1_000)
def _rounded(said: str) -> _Colour:
    """Colours to the nearest 32: what differs less is not legible."""
    red_green_blue = _COLOURS.get(said) or _hexadecimal(said) or _function(said)
    if red_green_blue is None:
        return None
    red, green, blue = red_green_blue
    return red // 32, green // 32, blue // 32


def _hexadecimal(said: str) -> _Colour:
    found = re.match(r"#([0-9a-f]{6}|[0-9a-f]{3})(?![0-9a-f])", said)
    if not found:
        return None
    digits = found[1] if len(found[1]) == 6 else "".join(digit * 2 for digit in found[1])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def _function(said: str) -> _Colour:
    if not said.startswith(("rgb(", "rgba(")):
        return None
    numbers = [min(255, max(0, int(float(number)))) for number in _NUMBER.findall(said[:60])[:3]]
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == 3 else None


def _number(said: str | None) -> float | None:
    found = _NUMBER.match(said.strip()[:20]) if said else None
    return float(found[0]) if found else None


def _is_zero(said: str | None) -> bool:
    return _number(said) == 0


def _hidden_selectors(root: etree._Element) -> frozenset[str]:
    """Classes and ids that a style sheet hides for everybody: simple selectors outside @media."""
    found: set[str] = set()
    for sheet in root.iter("style"):
        for selectors, rules in _rules(sheet.text or ""):
            if _removed(rules) or _visibility(rules):
                found.update(selectors)
    return frozenset(found)


def _rules(sheet: str) -> Iterator[tuple[list[str], Mapping[str, str]]]:
    sheet = _CSS_COMMENT.sub("", sheet.replace("<!--", "").replace("-->", "").lower())
    depth = 0  # of @media and its kin
    for piece in sheet.split("}"):
        selectors, opened, declarations = piece.rpartition("{")
        depth += selectors.count("{")
        if opened and not depth:
            simple = (_SIMPLE_SELECTOR.fullmatch(selector.strip()) for selector in selectors.split(","))
            yield [match[1] for match in simple if match], _declarations(declarations)
        if not opened and depth:
            depth -= 1
