"""Every text of pages and mails is in every catalogue, and no template says anything outside of them."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.catalog import Message
from django.conf import settings
from django.template.base import Lexer, TokenType
from django.utils import translation

from tools import messages

CATALOGUES = [(part, language) for part in messages.PARTS for language in messages.LANGUAGES]
IDS = [f"{part or 'shared'}-{language}" for part, language in CATALOGUES]
TEMPLATES = sorted(
    path
    for path in messages.PACKAGE.glob("**/templates/**/*")
    if path.suffix in (".html", ".txt", ".mjml")
    and path.name != "design.html"  # shows the parts that pages are made of, to those who make them
)
# Words that are the same in every language.
EVERYWHERE = {"Placet", "Python", "Django", "SQLite", "PostgreSQL", "PNG", "CSV", "HTML"}
_CLASSES = {"width", "tab_width"}  # blocks that hold a class and no text
_PLACES = re.compile(r"%\(\w+\)s|%[sd]|\{[^{}]*\}")
_MARKUP = re.compile(r"<(/?)([a-z][a-z0-9-]*)([^<>]*)>", re.IGNORECASE)
_SHOWN_ATTRIBUTES = re.compile(r"""\b(aria-label|title|placeholder|alt)=(["'])(.*?)\2""", re.DOTALL)
_LETTERS = re.compile(r"[^\W\d_]+")


# --- the catalogues -----------------------------------------------------------------------------------------


def texts(message: Message) -> list[tuple[str, str]]:
    """Each translation with the text it translates; a plural has several."""
    if isinstance(message.id, str):
        return [(message.id, str(message.string or ""))]
    one, many = message.id[0], message.id[-1]
    strings = message.string if isinstance(message.string, list | tuple) else ["", ""]
    return [(one if at == 0 else many, text or "") for at, text in enumerate(strings)]


def translated(catalog: Catalog) -> Iterator[tuple[str, str]]:
    for message in catalog:
        if message.id:
            yield from texts(message)


def test_the_languages_of_the_pages_have_catalogues() -> None:
    assert {code for code, _ in settings.LANGUAGES} == {"en", *messages.LANGUAGES}


@pytest.mark.parametrize(("part", "language"), CATALOGUES, ids=IDS)
def test_a_catalogue_has_what_the_sources_have_and_no_more(part: str, language: str) -> None:
    said = messages.as_po(messages.merged(part, language)).decode()
    assert messages.po_of(part, language).read_text() == said, "make messages"


def test_no_text_stands_inside_another_string() -> None:
    """Of an f-string Python 3.11's tokens are one string: what is called in it would be in no catalogue."""
    inside = [
        (path.relative_to(messages.ROOT).as_posix(), call.lineno)
        for path in sorted(messages.PACKAGE.rglob("*.py"))
        for string in ast.walk(ast.parse(path.read_text()))
        if isinstance(string, ast.JoinedStr)
        for call in ast.walk(string)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in messages.KEYWORDS
        if any(isinstance(text, ast.Constant) for text in call.args)
    ]
    assert inside == []


@pytest.mark.parametrize(("part", "language"), CATALOGUES, ids=IDS)
def test_what_is_read_at_run_time_is_what_the_catalogue_says(part: str, language: str) -> None:
    path = messages.po_of(part, language)
    made = messages.texts_of(messages.as_mo(messages.read(part, language)))
    assert messages.texts_of(path.with_suffix(".mo").read_bytes()) == made, "make messages"


@pytest.mark.parametrize(("part", "language"), CATALOGUES, ids=IDS)
def test_a_catalogue_is_read_at_run_time(part: str, language: str) -> None:
    """And no library says the same words in another way."""
    plain = (m for m in messages.read(part, language) if m.id and isinstance(m.id, str) and not m.context)
    with translation.override(language):
        assert [m.id for m in plain if translation.gettext(str(m.id)) != m.string] == []


@pytest.mark.parametrize(("part", "language"), CATALOGUES, ids=IDS)
def test_everything_is_translated_and_nothing_is_a_guess(part: str, language: str) -> None:
    catalog = messages.read(part, language)
    assert [english for english, text in translated(catalog) if not text.strip()] == []
    assert [message.id for message in catalog if message.id and message.fuzzy] == []


@pytest.mark.parametrize(("part", "language"), CATALOGUES, ids=IDS)
def test_a_translation_fills_the_same_places_and_has_the_same_markup(part: str, language: str) -> None:
    wrong = [
        (english, text)
        for english, text in translated(messages.read(part, language))
        if text and (_places(english) != _places(text) or _markup(english) != _markup(text))
    ]
    assert wrong == []


@pytest.mark.parametrize("part", messages.PARTS, ids=lambda part: part or "shared")
def test_french_keeps_its_double_signs_on_the_line_of_their_word(part: str) -> None:
    """Behind one and the same no-break space everywhere: so two parts cannot translate a sentence differently."""
    strings = [text for _english, text in translated(messages.read(part, "fr"))]
    assert [text for text in strings if re.search("[ \u202f][;:?!»]|«[^\u00a0]", text)] == []


def _places(text: str) -> set[str]:
    return set(_PLACES.findall(text))


def _markup(text: str) -> Counter[str]:
    return Counter(found[0].strip() for found in _MARKUP.finditer(text))


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_the_same_words_are_translated_in_the_same_way_in_every_part(language: str) -> None:
    """Django lays all catalogues over each other: the last one would win everywhere."""
    found: dict[tuple[object, object], set[object]] = {}
    for part in messages.PARTS:
        for message in messages.read(part, language):
            if message.id:
                key = message.id[0] if isinstance(message.id, list | tuple) else message.id
                string = message.string
                several = list(string) if isinstance(string, list | tuple) else [string]
                said = tuple(" ".join(text.split()) for text in several if text)
                found.setdefault((key, message.context), set()).update([said] if said else [])
    assert {key: strings for key, strings in found.items() if len(strings) > 1} == {}


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_no_translation_holds_another_text_untranslated(language: str) -> None:
    """As one does in which two were pasted."""
    everything = [pair for part in messages.PARTS for pair in translated(messages.read(part, language))]
    sentences = {english for english, _text in everything if english.count(" ") >= 4}
    wrong = [
        (one, english)
        for english, text in everything
        for one in sentences
        if one in text and one not in english
    ]
    assert wrong == []


# --- the templates ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(messages.PACKAGE).as_posix())
def test_a_template_says_nothing_outside_of_the_catalogues(path: Path) -> None:
    where = path.relative_to(messages.ROOT).as_posix()
    assert [f"{where}:{line}: {text}" for line, text in untranslated(path.read_text())] == []


def untranslated(source: str) -> Iterator[tuple[int, str]]:
    """The literal texts of a template that people would see, each with its line."""
    bare = _without_code(_literal(source))
    for attribute in _SHOWN_ATTRIBUTES.finditer(bare):
        yield from _words(bare, attribute.start(3), attribute[3])
    for tag in reversed(list(_MARKUP.finditer(bare))):
        bare = bare[: tag.start()] + _blank(tag[0]) + bare[tag.end() :]
    yield from _words(bare, 0, bare)


def _literal(source: str) -> str:
    """The source with Django's tags, and what translation blocks hold, blanked out."""
    kept: list[str] = []
    at, block, comment, classes = 0, False, False, False
    for token in Lexer(source).tokenize():
        name = token.contents.split()[0] if token.token_type is TokenType.BLOCK and token.contents else ""
        start, end = _span(source, at, token.token_type, token.contents)
        kept.append(source[at:start])
        piece = source[start:end]
        inside = block or comment or classes or token.token_type is not TokenType.TEXT
        kept.append(_blank(piece) if inside else piece)
        at = end
        block = (block or name in ("blocktranslate", "blocktrans")) and not name.startswith("endblocktrans")
        comment = (comment or name == "comment") and name != "endcomment"
        classes = (
            classes or (name == "block" and token.contents.split()[1] in _CLASSES)
        ) and name != "endblock"
    return "".join(kept)


def _span(source: str, at: int, kind: TokenType, contents: str) -> tuple[int, int]:
    if kind is TokenType.TEXT:
        return at, at + len(contents)
    end = {TokenType.BLOCK: "%}", TokenType.VAR: "}}", TokenType.COMMENT: "#}"}[kind]
    return at, source.index(end, at) + 2


def _without_code(text: str) -> str:
    for pattern in (r"<!--.*?-->", r"<!doctype[^>]*>", r"<(style|script|mj-style|code|kbd|samp)\b.*?</\1>"):
        text = re.sub(pattern, lambda found: _blank(found[0]), text, flags=re.DOTALL | re.IGNORECASE)
    return re.sub(r"&\w+;|&#\w+;", lambda found: _blank(found[0]), text)


def _blank(text: str) -> str:
    """As long, with its line breaks, and without a word."""
    return re.sub(r"[^\n]", " ", text)


def _words(source: str, start: int, text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), start=source.count("\n", 0, start) + 1):
        if set(_LETTERS.findall(line)) - EVERYWHERE:
            yield number, " ".join(line.split())


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Hello</p>", [(1, "Hello")]),
        ('<p>{% translate "Hello" %}</p>', []),
        (
            "<p>\n{% blocktranslate with a=b trimmed %}Hello {{ a }}{% endblocktranslate %}\nyou</p>",
            [(3, "you")],
        ),
        ('<a title="Open">{{ x }}</a>', [(1, "Open")]),
        ("<a title=\"{% translate 'Open' %}\" href='/x' class=\"plain\">{{ x }}</a>", []),
        ("{# a comment #}{% comment %}Hello{% endcomment %}<!-- Hello --><style>p { top: 0 }</style>", []),
        ("<p>Placet · {{ x }} – 5&nbsp;%</p>", []),
        ("<div{% if x > 1 %} hidden{% endif %}>{% if y %}No{% endif %}</div>", [(1, "No")]),
        ('<input placeholder="you@example.com" value="">', [(1, "you@example.com")]),
        ("{% block title %}Mail{% endblock %}", [(1, "Mail")]),
    ],
)
def test_what_this_test_finds(source: str, found: list[tuple[int, str]]) -> None:
    assert list(untranslated(source)) == found
