"""What a person sees of an HTML text, and which of it is quoted. lxml and a walk of our own.

Text that nobody sees never counts: hidden, of no size, of the colour of its ground, scripts, styles. The
walk keeps its own stack, so depth cannot overflow it; what the parser gives up on is reported as truncated.
"""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from lxml import etree

from placet.lib.sentences import gettext_noop
from placet.replies.parse.colours import BLACK, WHITE, Colour, Paint, alike, attribute, near, over
from placet.replies.parse.limits import ELEMENTS
from placet.replies.parse.mail import joined
from placet.replies.parse.sheets import Sheet, sheet_of
from placet.replies.parse.styles import SMALL, TINY, Said, Tri, shows

_CHUNK = 64 * 1024  # characters between two "<": libxml2 needs quadratic time for one tag of many attributes

_SPACE = re.compile(r"[ \t\r\n\f]+")
_DATA_URI = re.compile(r"data:[a-z]+/[^\"'\s>)]*", re.IGNORECASE)
_ALTERNATIVES = 8  # colours, where it is not known which of them it is
_DEFAULT_LINK = (0, 0, 238)
_BODY = re.compile(r"<body(?=[\s/>])", re.IGNORECASE)
_BODY_AGAIN = "body-again"
_DEEPEST = 20  # marks in front of a quoted line

_UNSEEN = frozenset((
    "script", "style", "head", "title", "template", "noscript", "object", "applet", "svg", "math", "iframe",
    "audio", "video", "canvas", "map", "select", "datalist", "textarea", "input", "button", "meta", "link",
    "base", "xml", "s", "strike", "del", "noframes", "noembed", "progress", "meter", "embed", "rp", "option",
    "optgroup", "frameset", "portal", "fencedframe",
))  # fmt: skip
_BLOCK = frozenset((
    "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset",
    "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main", "nav",
    "ol", "p", "pre", "section", "table", "tr", "ul", "caption", "details", "summary",
))  # fmt: skip
_GROUNDED = frozenset(("body", _BODY_AGAIN, "table", "tr", "td", "th", "thead", "tbody", "tfoot"))
_ODD = frozenset(("marquee", "bdo"))  # that move a text, or turn it round
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


@dataclass(frozen=True)
class Visible:
    """Text as seen. `marked` is the same as a plain text would show it: `> ` before each line that the structure
    marks as quoted, and DIVIDER where it says that all the rest is."""

    text: str
    marked: str
    quoted_cut: str  # which structure, in words; "" if none
    truncated: bool
    perhaps_hidden: bool = False  # by a style that is not understood: what stands below is left out then


@dataclass(frozen=True)
class _Style:
    """What an element hands on to those inside it. Where it is not known which of several holds, all of them."""

    gone: Tri = Tri.NO  # display: none and its kin cannot be undone inside
    hidden: Tri = Tri.NO  # visibility
    clear: Tri = Tri.NO  # the colour can be seen through
    sizes: frozenset[float] = frozenset((16.0,))  # of the font, in pixels
    colours: frozenset[Colour] = frozenset((BLACK,))
    grounds: frozenset[Colour] = frozenset((WHITE,))
    links: Colour = _DEFAULT_LINK
    opacity: float = 1.0
    shrunk: bool = False  # no place for a picture
    quoted: int = 0  # how deep
    preformatted: bool = False

    @cached_property
    def shows(self) -> Tri:
        """Whether people see a text of this style."""
        tiny = [size <= TINY for size in self.sizes]
        legible = _legible(self.colours, self.grounds)
        if Tri.YES in (self.gone, self.hidden, self.clear) or all(tiny) or legible is Tri.NO:
            return Tri.NO
        doubtful = Tri.PERHAPS in (self.gone, self.hidden, self.clear, legible)
        return Tri.PERHAPS if doubtful or min(self.sizes) <= SMALL else Tri.YES

    @property
    def seen(self) -> bool:
        return self.shows is not Tri.NO


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
    root, complete = tree(_bodies_apart(markup))
    if root is None:
        return Visible("", "", "", truncated=not complete)
    sheet = sheet_of(root)
    walk = _Walk(sheet)
    complete = walk.run(root) and complete and sheet.whole
    return Visible(
        walk.lines.text(),
        walk.lines.marked(),
        ", then ".join(walk.found),
        truncated=not complete,
        perhaps_hidden=walk.perhaps_hidden,
    )


def _bodies_apart(markup: str) -> str:
    """A browser gives to the one body what its later beginnings say, and the parser forgets it: they become elements
    that hold all that follows."""
    first = _BODY.search(markup)
    if first is None:
        return markup
    return markup[: first.end()] + _BODY.sub(f"<{_BODY_AGAIN}", markup[first.end() :])


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

    def __init__(self, sheet: Sheet) -> None:
        self.lines = _Lines()
        self.found: dict[str, None] = {}  # what marks quotes, in order
        self._sheet = sheet
        self._envelopes: list[_Envelope] = []
        self.perhaps_hidden = False

    def run(self, root: etree._Element) -> bool:
        """False if there were more than ELEMENTS elements, or a text that people perhaps see and perhaps do not: what
        stands below it is left out then, as what nobody looked at."""
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
                if self.perhaps_hidden:
                    return False
            else:
                stack.pop()
                if self._envelopes and self._envelopes[-1].element is element:
                    self._envelopes.pop()
                self._block(tag, stack[-1])
                if element.tail:
                    self._text(element.tail, stack[-1])
                if self.perhaps_hidden:
                    return False
        return True

    def _enter(self, element: etree._Element, tag: str, outer: _Style) -> _Style:
        style = _style(element, tag, outer, self._sheet)
        if style.gone is not Tri.YES:
            style = self._structure(element, tag, style)
        self._block(tag, style)
        if style.seen and tag == "br":
            self.lines.line_break()
        elif style.seen and tag in ("td", "th"):
            self._text(" ", style)
        elif style.seen and tag == "img":
            self._text(_picture(element, style), style)
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
            if style.shows is Tri.PERHAPS and not quoted and any(map(_is_told, text)):
                self.perhaps_hidden = True
                return
            self.lines.add(text, quoted, style.preformatted)

    def _block(self, tag: str, style: _Style) -> None:
        if tag in _BLOCK and style.gone is not Tri.YES:
            self.lines.block()


def _is_told(sign: str) -> bool:
    """Whether a sign can be one of an answer."""
    return not (sign.isspace() or sign in "\u200b\u200c\u200d\ufeff\u034f\u00ad\u2060")


def _picture(element: etree._Element, style: _Style) -> str:
    """Emoji that a mail program turned into a picture: an alternative text without letters."""
    alternative = element.get("alt") or ""
    if style.shrunk or any(_is_small(element.get(name)) for name in ("width", "height")):
        return ""
    return alternative if len(alternative) <= 8 and not any(map(str.isascii, alternative)) else ""


def _is_small(size: str | None) -> bool:
    number = re.match(r"\s*([0-9]+)", size or "")
    return bool(size) and (number is None or float(number[1]) <= SMALL)


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


def _style(element: etree._Element, tag: str, outer: _Style, sheet: Sheet) -> _Style:
    attributes = element.attrib
    if tag in _UNSEEN or (tag == "dialog" and "open" not in attributes):
        return outer if outer.gone is Tri.YES else replace(outer, gone=Tri.YES)
    if tag == "details" and "open" not in attributes:
        return replace(outer, hidden=Tri.YES)  # all but its summary
    if tag == "summary":
        return replace(outer, hidden=Tri.NO)
    if not attributes and not sheet.rules and tag != "pre":
        return outer
    if tag in ("body", _BODY_AGAIN) and attributes.get("link"):
        outer = replace(outer, links=attribute(attributes["link"]).colour)
    made = [_said(element, tag, outer, says) for says in sheet.says(element)]
    if tag == _BODY_AGAIN:
        made.append(outer)  # only what the first has not said holds
    style = made[0] if len(made) == 1 else _together(made)
    return outer if style == outer else style


def _said(element: etree._Element, tag: str, outer: _Style, says: Said) -> _Style:
    """The style of an element of which this is said."""
    colour, ground = _coloured(element, tag, outer, says), says.ground
    if not ground and tag in _GROUNDED and (value := element.get("bgcolor")):
        ground = (attribute(value),)
    opacity = outer.opacity * says.opacity
    gone = max(outer.gone, says.removed, shows(says.opacity), shows(opacity), key=_GRAVITY.__getitem__)
    if "hidden" in element.attrib or "popover" in element.attrib:
        gone = Tri.YES
    elif gone is Tri.NO and (says.positioned or tag in _ODD):
        gone = Tri.PERHAPS  # it may lie outside, or below another
    return _Style(
        gone=gone,
        hidden=outer.hidden if says.hidden is None else says.hidden,
        sizes=outer.sizes if says.size is None else _sized(outer.sizes, *says.size),
        clear=outer.clear if colour is None else _CLEARNESS(colour.alpha),
        colours=outer.colours if colour is None else frozenset((colour.colour,)),
        grounds=_grounds(ground, outer.grounds),
        links=outer.links,
        opacity=opacity,
        shrunk=says.shrunk,
        quoted=outer.quoted,
        preformatted=outer.preformatted or tag == "pre" or says.preformatted,
    )


_GRAVITY = {Tri.NO: 0, Tri.PERHAPS: 1, Tri.YES: 2}
_CLEARNESS = shows


def _coloured(element: etree._Element, tag: str, outer: _Style, says: Said) -> Paint | None:
    if says.colour is not None:
        return says.colour
    name = {"font": "color", "body": "text", _BODY_AGAIN: "text"}.get(tag)
    if name and (value := element.get(name)):
        return attribute(value)
    if tag == "a" and outer.links is not _DEFAULT_LINK and element.get("href"):
        return Paint(outer.links)
    return None


def _sized(outer: frozenset[float], unit: str, size: float) -> frozenset[float]:
    return frozenset((size,)) if unit == "px" else frozenset(one * size for one in outer)


def _grounds(said: Sequence[Paint], outer: frozenset[Colour]) -> frozenset[Colour]:
    if not said:
        return outer
    made: set[Colour] = set()
    for at, ground in enumerate(said):
        if ground.alpha <= 0.1:
            made |= outer
        elif ground.colour is None and at:
            made.add(None)  # a picture lies over it, or does not
        else:
            made |= {over(ground, below) for below in outer}
    return _few(made)


def _few(colours: AbstractSet[Colour]) -> frozenset[Colour]:
    return frozenset(colours) if len(colours) <= _ALTERNATIVES else frozenset((None,))


def _together(made: Sequence[_Style]) -> _Style:
    """What is common to an element's styles, where it is not known which of them holds."""
    first = made[0]
    return replace(
        first,
        gone=_agreed([one.gone for one in made]),
        hidden=_agreed([one.hidden for one in made]),
        clear=_agreed([one.clear for one in made]),
        sizes=frozenset(sorted(frozenset().union(*(one.sizes for one in made)))[:_ALTERNATIVES]),
        colours=_few(frozenset().union(*(one.colours for one in made))),
        grounds=_few(frozenset().union(*(one.grounds for one in made))),
        opacity=min(one.opacity for one in made),
        shrunk=any(one.shrunk for one in made),
    )


def _agreed(answers: Sequence[Tri]) -> Tri:
    return answers[0] if len(set(answers)) == 1 else Tri.PERHAPS


@lru_cache(maxsize=2_000)
def _legible(colours: frozenset[Colour], grounds: frozenset[Colour]) -> Tri:
    """Whether a text cannot be told from its ground: YES if it can."""
    pairs = [(colour, ground) for colour in colours for ground in grounds]
    if all(alike(*pair) for pair in pairs):
        return Tri.NO
    return Tri.PERHAPS if any(near(*pair) for pair in pairs) else Tri.YES
