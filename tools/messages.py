"""The catalogues of the pages' and mails' languages: `python -m tools.messages` brings them up to date.

Every part of Placet has a catalogue of its own, `<part>/locale/<language>/LC_MESSAGES/django.po`, and beside it the
`.mo` that is read when Placet runs. What is found in the sources is merged in: translations stay, what is gone is
dropped, what is new stands there empty (`tests/test_translations.py` does not let it stay so).
"""

import ast
import gettext
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django
from babel.messages import Catalog, pofile
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from django.conf import settings

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "placet"
LANGUAGES = ("fr",)  # beside English, which the sources are written in
#: Where a catalogue lies (below `placet/`) → the files and folders whose texts it has.
PARTS = {
    "": ["templates", "lib"],
    **{
        name: [name]
        for name in (
            "accounts",
            "alarms",
            "api",
            "approvals",
            "designer",
            "mail",
            "mailboxes",
            "panel",
            "portal",
            "replies",
            "reports",
            "webhooks",
            "workflowgen",
        )
    },
}
KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop", "Sentence"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
_CALL = re.compile(r"(?<![\w.])(gettext|ngettext|pgettext|npgettext|_)\(")


@dataclass(frozen=True)
class Message:
    """One text in the sources. `ids`: singular, and plural where there is one."""

    ids: tuple[str, ...]
    context: str | None
    where: str  # path below the repository


def messages_of(part: str) -> Iterator[Message]:
    """Every text of a part that is to be translated, in the order of the files."""
    for name in PARTS[part]:
        for path in sorted((PACKAGE / name).rglob("*")):
            if path.suffix == ".py" and "migrations" not in path.parts:
                yield from _in_python(path)
            elif path.suffix in (".html", ".txt", ".mjml") and "templates" in path.parts:
                yield from _in_template(path)


def _in_python(path: Path) -> Iterator[Message]:
    for _, function, texts, _ in extract_python(io.BytesIO(path.read_bytes()), KEYWORDS, [], {}):
        found = [text for text in (texts if isinstance(texts, list | tuple) else [texts]) if text]
        if found:
            yield _message(str(function), found, path)
    if path.parent.name == "replies" and path.name == "refusals.py":
        yield from _sentences(path)


def _sentences(path: Path) -> Iterator[Message]:
    """A refusal's sentence is the first line of its docstring."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            sentence = (ast.get_docstring(node) or "").partition("\n")[0]
            yield Message((sentence,), None, _below_root(path))


def _in_template(path: Path) -> Iterator[Message]:
    from django.utils.translation.template import templatize

    source = templatize(path.read_text(), origin=str(path))
    for call in _CALL.finditer(source):
        texts = _strings(source, call.end() - 1)
        if texts:
            yield _message(call[1], texts, path)


def _strings(source: str, start: int) -> list[str]:
    """The strings between the brackets that open at `start`."""
    for end in (m.end() for m in re.finditer(r"\)", source[start : start + 20_000])):
        try:
            read = ast.parse("f" + source[start : start + end], mode="eval").body
        except SyntaxError:
            continue
        arguments = read.args if isinstance(read, ast.Call) else []
        return [a.value for a in arguments if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return []


def _message(function: str, texts: list[Any], path: Path) -> Message:
    function = function.removesuffix("_lazy")
    context = texts.pop(0) if function in ("pgettext", "npgettext") else None
    return Message(
        tuple(texts[: 2 if "ngettext" in function or "npgettext" in function else 1]),
        context,
        _below_root(path),
    )


def _below_root(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --- the files --------------------------------------------------------------------------------------------


def po_of(part: str, language: str) -> Path:
    return PACKAGE / part / "locale" / language / "LC_MESSAGES" / "django.po"


def read(part: str, language: str) -> Catalog:
    path = po_of(part, language)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return pofile.read_po(file, locale=language)


def merged(part: str, language: str) -> Catalog:
    """The catalogue as it should be: what the sources have, with the translations that are there."""
    there = read(part, language)
    catalog = Catalog(locale=language, header_comment=f"# Placet: {there.locale_identifier}", fuzzy=False)
    for message in messages_of(part):
        id_ = message.ids if len(message.ids) > 1 else message.ids[0]
        known = there.get(id_ if isinstance(id_, str) else id_[0], message.context)
        fits = known is not None and known.pluralizable == (len(message.ids) > 1)
        if id_ not in catalog or catalog.get(id_, message.context) is None:
            catalog.add(id_, known.string if known and fits else None, context=message.context)
    return catalog


def as_po(catalog: Catalog) -> bytes:
    """Without places and dates: a line that moved changes no catalogue."""
    written = io.BytesIO()
    pofile.write_po(written, catalog, omit_header=False, no_location=True, sort_output=True, width=110)
    dates = re.compile(
        rb'^"(POT-Creation-Date|PO-Revision-Date|Last-Translator|Language-Team|Project-Id-Version|'
        rb"Report-Msgid-Bugs-To|Generated-By|MIME-Version|Content-Transfer-Encoding):.*\n",
        re.MULTILINE,
    )
    return dates.sub(b"", written.getvalue())


def as_mo(catalog: Catalog) -> bytes:
    written = io.BytesIO()
    write_mo(written, catalog)
    return written.getvalue()


def texts_of(mo: bytes) -> dict[str, str]:
    """What a `.mo` says, without its header, which holds the time it was made."""
    found: dict[str, str] = vars(gettext.GNUTranslations(io.BytesIO(mo)))["_catalog"]
    return {id_: text for id_, text in found.items() if id_}


def main() -> int:
    if not settings.configured:
        settings.configure(USE_I18N=True)
        django.setup()
    empty = 0
    for part in [name for name in PARTS if name in sys.argv[1:] or not sys.argv[1:]]:
        for language in LANGUAGES:
            catalog, path = merged(part, language), po_of(part, language)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(as_po(catalog))
            compiled, made = path.with_suffix(".mo"), as_mo(read(part, language))
            if not compiled.exists() or texts_of(compiled.read_bytes()) != texts_of(made):
                compiled.write_bytes(made)
            lacking = [
                m
                for m in catalog
                if m.id and not all(m.string if isinstance(m.string, tuple) else [m.string])
            ]
            empty += len(lacking)
            sys.stdout.write(
                f"{path.relative_to(ROOT)}: {len(catalog)} texts, {len(lacking)} not translated\n"
            )
    return 1 if empty else 0


if __name__ == "__main__":
    sys.exit(main())
