"""No page says anything that is not in the catalogues: each is shown in a language that puts brackets around whatever
is translated. What stands outside of brackets must be data, or one of a few names."""

import re
from collections.abc import Callable, Collection, Iterator
from itertools import cycle
from typing import Any

import lxml.html
import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse
from django.utils import translation

from placet.accounts.models import Person
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes.base import Action, Folder
from placet.panel.mail_words import KINDS, RESULTS
from placet.portal.templatetags.pages import without_codes
from placet.replies.parse.mail import Kind
from tests.pages import test_permissions
from tests.pages.test_every_page import ADA, BARE, BOB, addresses
from tests.pages.test_permissions import OWN, PUBLIC

pytestmark = pytest.mark.any_database

world = test_permissions.world

As = Callable[[Person | None], Client]

_ATTRIBUTES = ("title", "aria-label", "placeholder", "alt")
_BRACKETS = re.compile("⟦[^⟦⟧]*⟧")
_WORDS = re.compile(r"[^\W\d_]{2,}")
#: Names that are the same in every language, and what a page shows of machines: hosts, settings, versions.
NAMES = re.compile(
    r"https?://\S*|[\w.+-]+@[\w.-]+|\b(?:[a-z0-9]+\.){2,}[a-z]{2,}\b|\bPlacet\b|\bPLACET_[A-Z_]+|\b(Exchange|Microsoft|Teams|Slack|Mattermost|Entra|Python|SQLite|PostgreSQL|"
    r"\b[\d.,]+\s[A-Z]{3}\b|English|Français|UTC|SSL|CSV|HTML|JSON|URI|EwsEnabled|EwsAllowedAppIDs)\b"
)


#: Columns, and names in JSON, whose values are keys: people read words in their place.
KEYS = frozenset((
    "state", "result", "kind", "outcome", "automatic", "action", "channel", "level", "folder", "handled", "what",
    "language", "priority", "item_class", "step_key", "protocol",
))  # fmt: skip
_ARGUMENTS = re.compile(r"(\{\w*\}|%\(\w+\)[sd]|%[sd])")
_AROUND = r"[·:()|,;…“”]"  # what stands between pieces


def _bracketed(text: str) -> str:
    """Brackets around what was translated; what is put into it stands outside: it has to be translated, too."""
    return "".join(
        part if _ARGUMENTS.fullmatch(part) else f"⟦{part}⟧" for part in _ARGUMENTS.split(text) if part
    )


@pytest.fixture
def brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every text that is looked up in a catalogue comes in brackets."""
    plain = {
        "gettext": _bracketed,
        "pgettext": lambda context, text: _bracketed(text),
        "ngettext": lambda one, many, number: _bracketed(one if number == 1 else many),
        "npgettext": lambda context, one, many, number: _bracketed(one if number == 1 else many),
    }
    for name, function in plain.items():
        # All of Django's lookups go through this one, which the stubs leave out.
        monkeypatch.setattr(translation._trans, name, function, raising=False)  # type: ignore[attr-defined]


def _data() -> set[str]:
    """Whatever stands in the database, piece by piece: the values, not their names."""
    ours = ("accounts", "account", "audit", "mailboxes", "mail", "alarms", "approvals", "api", "webhooks")
    models = [model for label in ours for model in apps.get_app_config(label).get_models()]
    rows = [row for model in models for row in model._default_manager.values()]
    lines = [
        line
        for row in rows
        for text in _texts(row)
        for line in NAMES.sub("\n", without_codes(text)).splitlines()
    ]
    return {piece.strip().casefold() for line in lines for piece in [line, *re.split(_AROUND, line)]}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = [one for name, one in value.items() if name not in KEYS]
    if isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, bytes | memoryview):
        yield bytes(value).decode("utf-8", "replace")
    elif value is not None:
        yield str(value)


def _said(page: bytes) -> Iterator[str]:
    """What a page says outside of brackets, piece by piece. A picture breaks sentences into lines; the list
    beside it has them whole."""
    root = lxml.html.document_fromstring(page.decode())
    for element in root.xpath(
        "//script|//style|//kbd|//code|//pre|//datalist|//body//*[@lang='en']|//*[@data-as-is]|//svg//text"
    ):
        element.drop_tree()
    attributes = [
        element.get(name, "") for element in root.iter() for name in _ATTRIBUTES if element.get(name)
    ]
    for text in ["\n".join(root.itertext()), *attributes]:
        bare = text
        while _BRACKETS.search(bare):
            bare = _BRACKETS.sub("\n", bare)
        yield from (line.strip() for line in NAMES.sub("\n", bare).splitlines() if _WORDS.search(line))


def _untranslated(page: bytes, data: Collection[str]) -> set[str]:
    pieces = {piece.strip() for text in _said(page) for piece in re.split(_AROUND, text)}
    return {piece for piece in pieces if _WORDS.search(piece) and piece.casefold() not in data}


@pytest.mark.parametrize("column", [BOB, ADA], ids=["Bob", "Ada"])
def test_every_page(
    column: int, brackets: None, world: dict[str, str], bob: Person, admin: Person, as_: As
) -> None:
    client = as_(bob if column == BOB else admin)
    data, found = _data(), {}
    shown = addresses(world, column) | {name: reverse(name) for name in OWN if name != "design"}
    for name, address in shown.items():
        answer = client.get(address)
        said = _untranslated(answer.content, data) if answer.status_code == 200 else set()
        if said:
            found[name] = said
    assert not found


@pytest.mark.parametrize("folder", Folder)
@pytest.mark.parametrize("action", Action)
def test_every_way_a_mail_can_end(
    folder: Folder, action: Action, brackets: None, incoming: IncomingMail, admin: Person, as_: As
) -> None:
    client, page, found = as_(admin), reverse("panel:incoming_mail", args=[incoming.pk]), {}
    ServerTask.objects.create(incoming=incoming, action=action)
    endings: list[dict[str, Any]] = [{"outcome": "approve"}, {"outcome": "reject"}]
    endings += [{"automatic": kind} for kind in Kind]
    for result, made in zip(sorted(RESULTS), cycle(endings), strict=False):
        IncomingMail.objects.update(
            state="handled", result=result, folder=folder, verdict={**incoming.verdict, **made}
        )
        said = _untranslated(client.get(page).content, _data())
        if said:
            found[result] = (made, said)
    assert not found


def test_every_kind_of_mail_out(brackets: None, world: dict[str, str], admin: Person, as_: As) -> None:
    client, found = as_(admin), {}
    for kind in [*KINDS, *(f"refusal-{key}" for key in RESULTS)]:
        OutgoingMail.objects.filter(cause="test").update(kind=kind)
        pages = client.get(world["panel:outgoing_mail"]), client.get(world["panel:outgoing"])
        if said := set[str]().union(*(_untranslated(page.content, _data()) for page in pages)):
            found[kind] = said
    assert not found


def test_the_pages_before_somebody_signs_in(brackets: None, db: None, client: Client) -> None:
    answers = {name: client.get(reverse(name)) for name in PUBLIC - BARE}
    found = {
        name: _untranslated(answer.content, ())
        for name, answer in answers.items()
        if answer.status_code == 200
    }
    found["404"] = _untranslated(client.get("/nothing-here/").content, ())
    assert not {name: said for name, said in found.items() if said}
