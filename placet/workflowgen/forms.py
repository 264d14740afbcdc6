"""The form of a process: HTML of WorkflowGen's designer, kept in base64 inside of the file.

It is read as what it asks for and never shown: scripts, styles, addresses and pictures are no part of what comes out.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from django.utils.translation import gettext as _
from lxml import etree

from placet.workflowgen.texts import one_line, plain, word_set
from placet.workflowgen.xpdl import LONGEST_NAME, FileInvalid

LARGEST = 4 * 1024 * 1024  # bytes of the HTML; real ones have up to 0.1 MB
MOST_NODES = 40_000
MOST_ELEMENTS = 600  # real ones have up to 80; a form here has at most 200
MOST_ITEMS = 200
_CHARSET = re.compile(rb"""<meta[^>]{0,300}?charset\s*=\s*["']?([A-Za-z0-9._-]{1,40})""", re.IGNORECASE)
#: What the designer writes into `title` of an element that nobody gave a name.
_GENERIC = word_set(
    "textbox textarea radiobuttonlist checkboxlist dropdownlistbox dropdownlist listbox date label",
    "checkbox fileupload gridview numeric currency image button",
)
_TITLE = re.compile(r"_TIT(?:LE|RE)$")


@dataclass(frozen=True)
class Element:
    key: str
    kind: str  # text, long_text, choice, radio, choices, check, files, label, grid
    label: str
    section: str
    data_type: str = ""  # DateTime, Numeric, Currency
    format: str = ""
    items: tuple[tuple[str, str], ...] = ()  # value and label, as the form counts them
    default: str = ""
    hidden_when: str = ""
    required_when: str = ""
    read_only_when: str = ""
    columns: "tuple[Element, ...]" = ()
    is_bound: bool = False  # its items come from a database


@dataclass(frozen=True)
class Form:
    sections: dict[str, str] = field(default_factory=dict)  # key → label
    elements: tuple[Element, ...] = ()
    repeated: tuple[str, ...] = ()

    def element(self, key: str) -> Element | None:
        return self._by_key.get(key)

    @cached_property
    def _by_key(self) -> dict[str, Element]:
        return {one.key: one for one in self.elements}


def read(encoded: str) -> Form:
    """FileInvalid where it is none."""
    root = _tree(_decoded(encoded))
    nodes = list(root.iter())
    if len(nodes) > MOST_NODES:
        raise FileInvalid(
            _("The form inside of this file has more elements than any form that was exported.")
        )
    form = _Walk(nodes).form()
    if len(form.elements) > MOST_ELEMENTS:
        raise FileInvalid(
            _("The form inside of this file has more elements than any form that was exported.")
        )
    return form


def _decoded(encoded: str) -> bytes:
    if len(encoded) > LARGEST * 3 // 2:
        raise FileInvalid(_("The form inside of this file is larger than any form that was exported."))
    try:
        data = base64.b64decode(re.sub(r"\s+", "", encoded), validate=True)
    except (binascii.Error, ValueError) as error:
        raise FileInvalid(_("The form inside of this file is damaged: it is no base64.")) from error
    if len(data) > LARGEST:
        raise FileInvalid(_("The form inside of this file is larger than any form that was exported."))
    return data


def _tree(data: bytes) -> etree._Element:
    text = _as_text(data)
    parser = etree.HTMLParser(
        encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=False
    )
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError as error:
        raise FileInvalid(_("The form inside of this file is no HTML.")) from error
    if root is None:
        raise FileInvalid(_("The form inside of this file is empty."))
    return root


def _as_text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    declared = _CHARSET.search(data[:4000])
    names = [declared[1].decode().lower()] if declared else []
    for name in [*names, "utf-8"]:
        try:
            # What is a codec of Python and no charset (“zip”, “idna”) decodes nothing here.
            if name in ("utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "iso-8859-15", "windows-1252"):
                return data.decode(name)
        except UnicodeDecodeError:
            continue
    return data.decode("windows-1252", "replace")


# --- what the form asks for -------------------------------------------------------------------------------


class _Walk:
    def __init__(self, nodes: list[etree._Element]) -> None:
        self.nodes = [node for node in nodes if isinstance(node.tag, str)]
        self.labels: dict[str, str] = {}
        for node in self.nodes:
            if node.tag == "label" and node.get("for"):
                self.labels.setdefault(str(node.get("for")), _seen(node))
        self.sections: dict[str, str] = {}
        self.section_of: dict[etree._Element, str] = {}

    def form(self) -> Form:
        elements: dict[str, Element] = {}
        repeated: list[str] = []
        inside: set[etree._Element] = set()  # of a list or a grid that was read as one
        for node in self.nodes:
            self._place(node)
            if node in inside:
                continue
            element = self._element(node)
            if element is None:
                continue
            if node.tag == "table":
                inside |= set(node.iter())
            if element.key in elements:
                repeated.append(element.key)
            else:
                elements[element.key] = element
        return Form(self.sections, tuple(elements.values()), tuple(repeated))

    def _place(self, node: etree._Element) -> None:
        """A section is what has a title of its own."""
        parent = node.getparent()
        key = one_line(node.get("id", ""), LONGEST_NAME)
        if node.tag == "div" and key:
            title = next((c for c in node if c.tag == "div" and _is_title(c.get("id", ""), key)), None)
            if title is not None:
                self.sections.setdefault(key, one_line(_seen(title)) or key)
                self.section_of[node] = key
                return
        self.section_of[node] = self.section_of.get(parent, "") if parent is not None else ""

    def _element(self, node: etree._Element) -> Element | None:
        key = one_line(node.get("id", ""), LONGEST_NAME)
        if not key or key == "CURRENT_REQUEST":
            return None
        if node.tag == "table":
            return self._list_or_grid(node, key)
        if node.tag == "span":
            return None if _is_caption(node) else self._made(node, key, "label")
        if node.tag == "textarea":
            return self._made(node, key, "long_text", default=one_line(node.text or ""))
        if node.tag == "select":
            return self._select(node, key)
        if node.tag == "input":
            return self._input(node, key)
        return None

    def _input(self, node: etree._Element, key: str) -> Element | None:
        kind = node.get("type", "text").lower()
        if kind == "file":
            return self._made(node, key, "files")
        if kind == "checkbox":
            items = ((node.get("value", "on"), ""),)
            return self._made(node, key, "check", items=items, default=_ticked(node))
        if kind in ("text", "number", "date", "email", "tel", "url", ""):
            return self._made(node, key, "text", default=one_line(node.get("value", "")))
        return None  # buttons, what is hidden, and the radio buttons of lists

    def _select(self, node: etree._Element, key: str) -> Element:
        options = list(node.iter("option"))[:MOST_ITEMS]
        items = tuple(
            (one_line(one.get("value", _seen(one)), 100), one_line(_seen(one), 100)) for one in options
        )
        chosen = next(
            (one_line(one.get("value", ""), 100) for one in options if "selected" in one.attrib), ""
        )
        kind = "choices" if "multiple" in node.attrib else "choice"
        return self._made(node, key, kind, items=items, default=chosen)

    def _list_or_grid(self, node: etree._Element, key: str) -> Element | None:
        inputs = list(node.iter("input", "select", "textarea"))
        listed = [one for one in inputs if one.get("name") == key or one.get("type") == "radio"][:MOST_ITEMS]
        types = {one.get("type") for one in listed}
        if listed and types <= {"radio", "checkbox"}:
            items = tuple(
                (one_line(one.get("value", ""), 100), one_line(self.labels.get(one.get("id", ""), ""), 100))
                for one in listed
            )
            default = next((_ticked(one) for one in listed if _ticked(one)), "")
            kind = "radio" if types == {"radio"} else "check" if len(listed) == 1 else "choices"
            label = "" if kind != "check" else items[0][1]
            return self._made(node, key, kind, items=items, default=default, label=label)
        if _is_grid(node):
            columns = tuple(self._columns(node, key))
            return self._made(node, key, "grid", columns=columns)
        if _is_bound(node):
            return self._made(node, key, "choice")
        return None

    def _columns(self, node: etree._Element, key: str) -> Iterator[Element]:
        """Of the first row that has something to enter, each under the heading above it."""
        rows = list(node.iter("tr"))
        headings = next(
            ([_seen(c) for c in row if c.tag in ("th", "td")] for row in rows if _plain_row(row)), []
        )
        entered = next((row for row in rows if not _plain_row(row)), None)
        cells = [c for c in entered if c.tag in ("td", "th")] if entered is not None else []
        for number, cell in enumerate(cells):
            control = next((one for one in cell.iter("input", "select", "textarea")), None)
            if control is None or control.get("type", "text") in ("button", "submit", "image", "hidden"):
                continue
            name = one_line(control.get("id") or control.get("name") or f"{key}_{number + 1}", LONGEST_NAME)
            element = self._select(control, name) if control.tag == "select" else self._cell(control, name)
            if element is not None:
                heading = one_line(headings[number]) if number < len(headings) else ""
                yield _labelled(element, heading)

    def _cell(self, control: etree._Element, name: str) -> Element | None:
        return self._made(control, name, "text") if control.tag == "textarea" else self._input(control, name)

    def _made(
        self,
        node: etree._Element,
        key: str,
        kind: str,
        items: tuple[tuple[str, str], ...] = (),
        default: str = "",
        label: str = "",
        columns: tuple[Element, ...] = (),
    ) -> Element:
        title = one_line(node.get("title", ""))
        named = "" if plain(title).replace(" ", "") in _GENERIC else title
        written = next(filter(None, map(_label, (self.labels.get(key, ""), label, named))), "")
        if kind == "label":
            written = _label(_seen(node)) or written
        return Element(
            key=key,
            kind=kind,
            label=written,
            section=self.section_of.get(node, ""),
            data_type=one_line(node.get("fielddatatype", ""), 20),
            format=one_line(node.get("fieldformat", ""), 20),
            items=items,
            default=default,
            hidden_when=one_line(node.get("hiddencondition", ""), 1000),
            required_when=one_line(node.get("requiredcondition", ""), 1000),
            read_only_when=one_line(node.get("readonlycondition", ""), 1000),
            columns=columns,
            is_bound=_is_bound(node),
        )


def _seen(node: etree._Element) -> str:
    texts = node.xpath(".//text()[not(ancestor::script) and not(ancestor::style)]")
    return one_line(" ".join(map(str, texts)) if isinstance(texts, list) else "", 1000)


def _label(text: str) -> str:
    """Without what only leads to the field; of a colon alone nothing is left."""
    return one_line(text).rstrip(" :*").strip()


def _is_title(key: str, section: str) -> bool:
    return key.startswith(section) and bool(_TITLE.fullmatch(key[len(section) :]))


def _is_caption(node: etree._Element) -> bool:
    """Whether a text only stands in the title of a section."""
    parent = node.getparent()
    return parent is not None and bool(_TITLE.search(parent.get("id", "")))


def _is_bound(node: etree._Element) -> bool:
    return any(
        name.lower().startswith(("datasource", "fielddatasource", "sql", "databound")) for name in node.attrib
    )


def _is_grid(node: etree._Element) -> bool:
    if "gridview" in plain(node.get("title", "")) or "grid" in plain(node.get("class", "")):
        return True
    rows = list(node.iter("tr"))
    return any(_plain_row(row) for row in rows) and any(not _plain_row(row) for row in rows)


def _plain_row(row: etree._Element) -> bool:
    """Whether there is something to read in it, and nothing to enter."""
    return bool(_seen(row)) and next(row.iter("input", "select", "textarea"), None) is None


def _ticked(node: etree._Element) -> str:
    return one_line(node.get("value", "on"), 100) if "checked" in node.attrib else ""


def _labelled(element: Element, heading: str) -> Element:
    values = {name: getattr(element, name) for name in element.__dataclass_fields__}
    return Element(**{**values, "label": heading or element.label})
