"""Foreign HTML, made harmless: nothing of it runs, leads anywhere or fetches anything, whatever the browser does.

lxml reads it within the bounds of `placet.replies.parse`: only elements and attributes that are known to be
harmless stay, links become text, and pictures that came with the mail are put into the page. nh3 then cleans what
is left as if nothing had been done, and the answer's policy forbids it all once more, in a sandbox.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import nh3
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from lxml import etree

from placet.lib.masking import MARKED_CODE
from placet.panel.mail_parts import LARGEST_PICTURES
from placet.portal.templatetags.pages import visible, without_codes
from placet.replies.parse import html, limits

ELEMENTS = 20_000  # of one mail that are shown
MOST_LINKS = 200  # of one mail that are listed below it
LONGEST_LINK = 500  # characters of one
LARGEST_PLACED = (
    2 * LARGEST_PICTURES
)  # characters of the pictures in a page: each of them as often as it stands there

# `frame-ancestors` is for our own page around it; all else is forbidden, to the document and to its scripts.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox"
)

# Their contents go with them.
_EMPTIED = frozenset((
    "applet", "audio", "base", "canvas", "datalist", "embed", "frame", "frameset", "head", "iframe", "link", "math",
    "meta", "noembed", "noframes", "noscript", "object", "option", "plaintext", "script", "select", "style", "svg",
    "template", "textarea", "title", "video", "xmp",
))  # fmt: skip
_BLOCKS = frozenset((
    "body", "dialog", "dir", "fieldset", "form", "hgroup", "html", "legend", "menu", "search",
))  # fmt: skip
_TAGS = frozenset((
    "a", "abbr", "address", "article", "aside", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center",
    "cite", "code", "col", "colgroup", "dd", "del", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "font",
    "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins", "kbd", "li", "main", "mark",
    "nav", "ol", "p", "pre", "q", "s", "samp", "section", "small", "span", "strike", "strong", "sub", "sup", "table",
    "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var", "wbr",
))  # fmt: skip
_ATTRIBUTES = frozenset((
    "align", "alt", "bgcolor", "border", "cellpadding", "cellspacing", "color", "colspan", "dir", "face", "height",
    "hspace", "lang", "nowrap", "rowspan", "size", "src", "start", "style", "title", "type", "valign", "vspace",
    "width",
))  # fmt: skip
_ANYWHERE = frozenset(
    ("bgcolor", "dir", "lang", "style", "title")
)  # on elements that become plain boxes, too
_TEXTS = ("alt", "title")  # attributes that people see
_PROPERTY = re.compile(
    r"(?:background-color|border(?:-[a-z-]{1,30})?|color|direction|display|font(?:-[a-z]{1,20})?|height|letter-spacing"
    r"|line-height|list-style-type|(?:margin|padding)(?:-[a-z]{1,10})?|(?:max|min)-(?:width|height)|text-[a-z]{1,20}"
    r"|unicode-bidi|vertical-align|white-space|width|word-break|overflow-wrap)"
)
# No brackets but those of a colour, no backslash, no "@": nothing that names an address fits.
_VALUE = re.compile(r"(?:rgba?\([0-9 .,%]{1,40}\)|[A-Za-z0-9 #%.,'\"!/_-]){1,200}")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARK, _GONE = b"\1", b"\2"
_PICTURES = re.compile(r"data:image/(?:png|gif|jpeg|webp);base64,[A-Za-z0-9+/]+={0,2}")


@dataclass
class Shown:
    """A mail's HTML as it may be shown. Codes are masked in it, links are inert."""

    body: str = ""
    links: list[str] = field(default_factory=list)  # where its links lead, as text
    not_loaded: int = 0  # pictures that would have to be fetched
    cut: bool = False  # there was more


@dataclass
class _Pictures:
    """Those that came with the mail, and how much may still be put into the page."""

    addresses: Mapping[str, str]  # by Content-ID
    placed: bool  # False: they are only counted, for a body that nobody sees
    room: int = LARGEST_PLACED  # characters


def harmless(markup: str, pictures: Mapping[str, str]) -> Shown:
    """`pictures`: data: addresses of those that came with the mail, by their Content-ID."""
    root, shown = _read(markup, _Pictures(pictures, placed=True))
    if root is not None:
        _mask(root)
        shown.body = _clean(etree.tostring(root, method="html", encoding="unicode"))
    return shown


def about(markup: str, pictures: Mapping[str, str]) -> Shown:
    """The same without the body: what is said beside the frame."""
    return _read(markup, _Pictures(pictures, placed=False))[1]


def _read(markup: str, pictures: _Pictures) -> tuple[etree._Element | None, Shown]:
    root, complete = html.tree(markup[: limits.HTML])
    shown = Shown(cut=not complete or len(markup) > limits.HTML)
    if root is None:
        return None, shown
    for element in list(root.iter(*_EMPTIED)):
        _empty(element)
    elements = list(root.iter(etree.Element))
    for element in reversed(elements[ELEMENTS:]):
        _take_out(element)
        shown.cut = True
    for element in elements[:ELEMENTS]:
        _make_harmless(element, pictures, shown)
    return root, shown


def _take_out(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _make_harmless(element: etree._Element, pictures: _Pictures, shown: Shown) -> None:
    tag, given = str(element.tag).lower(), dict(element.attrib)
    element.attrib.clear()
    known = _ATTRIBUTES if tag in _TAGS else _ANYWHERE
    element.tag = tag = tag if tag in _TAGS else "div" if tag in _BLOCKS else "span"
    kept = {name: str(value) for name, value in given.items() if name in known and name != "src"}
    if "style" in kept:
        kept["style"] = _style(kept["style"])
    for name in _TEXTS:
        if name in kept:
            kept[name] = without_codes(visible(kept[name]))
    if tag == "a" and given.get("href"):
        kept["title"] = _link(str(given["href"]), shown)
    if tag == "img":
        _picture(element, str(given.get("src", "")), kept, pictures, shown)
    for name, value in kept.items():
        element.set(name, _settable(value))


def _empty(element: etree._Element) -> None:
    """What stands behind it stays."""
    for child in list(element):
        element.remove(child)
    element.attrib.clear()
    element.text, element.tag = None, "span"


def _style(value: str) -> str:
    """The declarations that say nothing but how text and boxes look."""
    kept = []
    for declaration in value[: limits.ONE_HEADER].split(";"):
        name, _colon, said = (part.strip() for part in declaration.partition(":"))
        even = said.count("'") % 2 == 0 and said.count('"') % 2 == 0
        if even and _PROPERTY.fullmatch(name.lower()) and _VALUE.fullmatch(said):
            kept.append(f"{name.lower()}: {said}")
    return "; ".join(kept)


def _link(target: str, shown: Shown) -> str:
    """Where it leads, for people to read: nothing can be clicked."""
    said = without_codes(visible(" ".join(target.split())[:LONGEST_LINK]))
    if len(shown.links) < MOST_LINKS and said not in shown.links:
        shown.links.append(said)
    return said


def _picture(
    element: etree._Element, source: str, kept: dict[str, str], pictures: _Pictures, shown: Shown
) -> None:
    """One that came with the mail; in place of any other its description."""
    scheme, _colon, name = source.strip().partition(":")
    inside = pictures.addresses.get(name.strip("<>")) if scheme.lower() == "cid" else None
    if inside is not None and len(inside) <= pictures.room:
        pictures.room -= len(inside)
        if pictures.placed:
            kept["src"] = inside
        return
    if inside is not None:
        shown.cut = True  # it is there, but for once more there is no room
    else:
        shown.not_loaded += bool(source.strip())
    element.tag, element.text = "span", _settable(kept.get("alt", "")) or None
    kept.clear()


# --- reply codes ------------------------------------------------------------------------------------------


def _mask(root: etree._Element) -> None:
    """Reply codes out of the text, also one that markup cuts in two."""
    places = list(_texts(root))
    whole = "".join(text for _element, _name, text in places)
    hidden = bytearray(len(whole))
    for found in MARKED_CODE.finditer(whole):
        hidden[found.start() : found.end()] = _MARK + _GONE * (found.end() - found.start() - 1)
    start = 0
    for element, name, text in places:
        end = start + len(text)
        masked = _settable(without_codes(_masked(text, hidden[start:end])))
        if masked != text:
            setattr(element, name, masked)
        start = end


def _masked(text: str, hidden: bytearray) -> str:
    """In place of a code's first character the mark, in place of the others nothing."""
    if not any(hidden):
        return text
    signs = {0: None, _MARK[0]: "…", _GONE[0]: ""}
    replaced = ((signs[hide], letter) for hide, letter in zip(hidden, text, strict=True))
    return "".join(letter if sign is None else sign for sign, letter in replaced)


def _settable(text: str) -> str:
    """Without the characters that XML has not; lxml takes no others."""
    return _NOT_XML.sub("", text)


def _texts(root: etree._Element) -> Iterator[tuple[etree._Element, str, str]]:
    """Every text in the order people read it: the element, which of its two it is, and what it says."""
    for event, element in etree.iterwalk(root, events=("start", "end")):
        name = "text" if event == "start" else "tail"
        text = getattr(element, name)
        if text and isinstance(element.tag, str):
            yield element, name, text


# --- the second cleaning, and the answer -------------------------------------------------------------------


def _clean(markup: str) -> str:
    return nh3.clean(
        markup,
        tags=set(_TAGS),
        clean_content_tags=set(_EMPTIED),
        attributes={"*": set(_ATTRIBUTES) - {"src"}, "img": {"src"}},
        attribute_filter=_attribute,
        url_schemes={"data"},
        link_rel=None,
        strip_comments=True,
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    if name == "src":
        return value if _PICTURES.fullmatch(value) else None
    if name == "style":
        return _style(value) or None
    return value


def framed(shown: Shown) -> HttpResponse:
    """The document for the sandboxed frame. `shown.body` is the only markup of others that is ever sent."""
    page = render_to_string("panel/mail_frame.html", {"body": shown.body, "title": _("The mail's HTML")})
    return HttpResponse(
        page,
        headers={
            "Content-Security-Policy": POLICY,
            "X-Frame-Options": "SAMEORIGIN",
            "X-Content-Type-Options": "nosniff",
            "X-DNS-Prefetch-Control": "off",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        },
    )
