"""What a person sees of an HTML text, and which of it is quoted. lxml and a walk of our own.

Text that nobody sees never counts: hidden, of no size, of the colour of its ground, scripts, styles. The
walk keeps its own stack, so depth cannot overflow it; what the parser gives up on is reported as truncated.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from lxml import etree

from placet.replies.parse.limits import ELEMENTS
from placet.replies.parse.mail import joined

_CHUNK = 64 * 1024  # characters between two "<": libxml2 needs quadratic time for one tag of many attributes

_SPACE = re.compile(r"[ \t\r\n\f]+")
_DATA_URI = re.compile(r"data:[a-z]+/[^\"'\s>)]*", re.IGNORECASE)
_CSS_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_SIMPLE_SELECTOR = re.compile(r"[a-z0-9]*([.#][a-z0-9_-]+)", re.IGNORECASE)
_NUMBER = re.compile(r"-?[0-9]*\.?[0-9]+")

_UNSEEN = frozenset((
    "script", "style", "head", "title", "template", "noscript", "object", "applet", "svg", "math", "iframe",
    "audio", "video", "canvas", "map", "select", "datalist", "textarea", "input", "button", "meta", "link",
    "base", "xml",
))  # fmt: skip
_BLOCK = frozenset((
    "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset",
    "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main", "nav",
    "ol", "p", "pre", "section", "table", "tr", "ul", "caption",
))  # fmt: skip
_QUOTE_CLASSES = (
    "gmail_quote",
    "gmail_extra_quote",
    "yahoo_quoted",
    "protonmail_quote",
    "tutanota_quote",
    "moz-cite-prefix",
    "moz-email-headers-table",
    "zmail_extra",
    "front-blockquote",
    "mail-quote",
    "wordsection1_quote",
    "ydp_quote",
)
# From this element on everything is quoted.
_DIVIDER_IDS = (
    "divrplyfwdmsg",
    "appendonsend",
    "stopspelling",
    "zwchr",
    "outlookmessageheader",
    "mail-editor-reference-message-container",
    "ms-outlook-mobile-reference-message",
    "reply-intro",
    "replyabovethisline",
)
_OUTLOOK_RULE = re.compile(r"border-top:\s*solid\s+#(?:e1e1e1|b5c4df)\s", re.IGNORECASE)
_COLOURS = {"white": (255, 255, 255), "black": (0, 0, 0), "snow": (255, 250, 250), "ivory": (255, 255, 240)}

_Colour = tuple[int, int, int] | None  # None: not known, so different from every other


@dataclass(frozen=True)
class Visible:
    """Text as seen, and the same without what the structure marks as quoted."""

    text: str
    unquoted: str
    quoted_cut: str
    to_the_end: bool  # everything below is quoted
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


def visible(markup: str) -> Visible:
    """The visible text of a mail's HTML."""
    bounded, cut = _bounded(markup)
    root, complete = _parse(bounded)
    if root is None:
        return Visible("", "", "", to_the_end=False, truncated=cut or not complete)
    walk = _Walk(_hidden_selectors(root))
    complete = walk.run(root) and complete
    return Visible(
        walk.all.text(),
        walk.unquoted.text(),
        walk.quoted_cut,
        to_the_end=walk.rest_quoted,
        truncated=cut or not complete,
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
        self._pieces: list[str] = []
        self._fresh = True  # at the beginning of a line

    def add(self, text: str, preformatted: bool) -> None:
        if not preformatted:
            text = _SPACE.sub(" ", text)
            if self._fresh:
                text = text.lstrip(" ")
        if text:
            self._pieces.append(text)
            self._fresh = text.endswith(("\n", " "))

    def block(self) -> None:
        if self._pieces and not self._pieces[-1].endswith("\n"):
            self._pieces.append("\n")
        self._fresh = True

    def line_break(self) -> None:
        self._pieces.append("\n")
        self._fresh = True

    def text(self) -> str:
        return joined([line.rstrip() for line in "".join(self._pieces).split("\n")])


class _Walk:
    """One walk over the tree in document order."""

    def __init__(self, hidden_selectors: frozenset[str]) -> None:
        self.all = _Lines()
        self.unquoted = _Lines()
        self.quoted_cut = ""
        self._hidden_selectors = hidden_selectors
        self.rest_quoted = False  # a line above a whole quoted mail was met

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
                self._block(tag, stack[-1])
                if element.tail:
                    self._text(element.tail, stack[-1])
        return True

    def _enter(self, element: etree._Element, tag: str, outer: _Style) -> _Style:
        style = _style(element, tag, outer, self._hidden_selectors)
        why = _quote(element, tag)
        divider = _divides(element, tag)
        if (why or divider) and not outer.gone:
            self.quoted_cut = self.quoted_cut or why or divider
            self.rest_quoted = self.rest_quoted or bool(divider)
            style = replace(style, quoted=True)
        self._block(tag, style)
        if style.seen and tag == "br":
            self._each(style, lambda lines: lines.line_break())
        elif style.seen and tag in ("td", "th"):
            self._text(" ", style)
        elif style.seen and tag == "img":
            self._text(_picture(element), style)
        return style

    def _text(self, text: str, style: _Style) -> None:
        if style.seen:
            self._each(style, lambda lines: lines.add(text, style.preformatted))

    def _block(self, tag: str, style: _Style) -> None:
        if tag in _BLOCK and not style.gone:
            self._each(style, lambda lines: lines.block())

    def _each(self, style: _Style, act: Callable[[_Lines], None]) -> None:
        act(self.all)
        if not (style.quoted or self.rest_quoted):
            act(self.unquoted)


def _picture(element: etree._Element) -> str:
    """Emoji that a mail program turned into a picture: an alternative text without letters."""
    alternative = element.get("alt") or ""
    return alternative if len(alternative) <= 8 and not any(map(str.isascii, alternative)) else ""


# ---------------------------------------------------------------------- quoted


def _quote(element: etree._Element, tag: str) -> str:
    if tag == "blockquote":
        return "a quoted block"
    names = (element.get("class") or "").lower().split()
    for name in names:
        if name.removeprefix("x_") in _QUOTE_CLASSES or name.startswith(("gmail_quote", "yahoo_quoted")):
            return f"the class {name}"
    if (element.get("name") or "").lower() == "quote":
        return "a quoted block"
    return ""


def _divides(element: etree._Element, tag: str) -> str:
    name = (element.get("id") or "").lower()
    while name.startswith("x_"):
        name = name[2:]
    if name.startswith(_DIVIDER_IDS):
        return f"the element {name[:40]}"
    if tag in ("div", "p") and _OUTLOOK_RULE.search(element.get("style") or ""):
        return "a line above a header block"
    return ""


# ---------------------------------------------------------------------- seen or not


def _style(element: etree._Element, tag: str, outer: _Style, hidden_selectors: frozenset[str]) -> _Style:
    gone = outer.gone or tag in _UNSEEN or element.get("hidden") is not None
    names = [f".{name}" for name in (element.get("class") or "").lower().split()]
    names.append(f"#{(element.get('id') or '').lower()}")
    if any(name in hidden_selectors for name in names):
        gone = True
    rules = _declarations(element.get("style") or "")
    return replace(
        outer,
        gone=gone or _removed(rules),
        hidden=_visibility(rules, outer.hidden),
        tiny=_tiny(element, rules, outer.tiny),
        colour=_colour_of(rules.get("color") or element.get("color"), outer.colour),
        ground=_ground(rules, element, outer.ground),
        preformatted=outer.preformatted or tag == "pre" or rules.get("white-space", "").startswith("pre"),
    )


def _declarations(style: str) -> dict[str, str]:
    rules: dict[str, str] = {}
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
    clipped = rules.get("overflow") in ("hidden", "clip")
    sizes = ("height", "max-height", "width", "max-width")
    if clipped and any(_is_zero(rules.get(size)) for size in sizes):
        return True
    moved = ("text-indent", "left", "top", "margin-left", "margin-top")
    return any((_number(rules.get(name)) or 0) <= -500 for name in moved)


def _visibility(rules: Mapping[str, str], outer: bool) -> bool:
    said = rules.get("visibility")
    return said in ("hidden", "collapse") if said else outer


def _tiny(element: etree._Element, rules: Mapping[str, str], outer: bool) -> bool:
    """Layouts set 0 around and a real size inside, so this is handed on and can be undone."""
    said = rules.get("font-size")
    if said is None:
        font = rules.get("font")
        said = font if font and font[0].isdigit() else None
    if said is None:
        return outer
    size = _number(said)
    if size is None:
        return False
    return size <= 0.1 if "em" in said else size <= 10 if "%" in said else size <= 1


def _ground(rules: Mapping[str, str], element: etree._Element, outer: _Colour) -> _Colour:
    said = rules.get("background-color") or rules.get("background") or element.get("bgcolor")
    return outer if said in (None, "", "transparent", "none", "inherit", "initial") else _colour(said)


def _colour_of(said: str | None, outer: _Colour) -> _Colour:
    return outer if said in (None, "", "inherit") else _colour(said)


def _colour(said: str) -> _Colour:
    """Colours to the nearest 32: what differs less is not legible."""
    said = said.strip().lower()
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
            if _removed(rules) or _visibility(rules, False):
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
