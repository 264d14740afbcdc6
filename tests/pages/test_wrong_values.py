"""Each field of each kind of mailbox, with what cannot be in it: a sentence beside the field says what to do."""

import re
from collections.abc import Callable, Iterator
from html import unescape

from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from placet.accounts.models import Person
from placet.mailboxes.fields import Field
from placet.mailboxes.kinds import Kind, kind_of
from placet.mailboxes.models import Mailbox
from placet.mailboxes.store import Kinds
from placet.panel.mailbox_form import usable_kinds
from tests.pages.browsing import complaints_of, sign_in, window
from tests.pages.conftest import HOSTILE
from tests.pages.test_every_page import violations

As = Callable[[Person | None], Client]
NEW = "panel:new_mailbox"
LONG = "x" * 9000
#: By kind of field, what it never takes.
WRONG: dict[str, tuple[str, ...]] = {
    "text": ("\x07", LONG),
    "int": ("many", "-1", "9" * 12),
    "choice": ("magic",),
    "list": ("\x07", LONG),
    "date": ("soon", "2026-13-01"),
    "datetime": ("soon", "9999-12-31"),
    "secret": ("••••••", LONG, "two\x07words"),
    "certificates": ("no certificate", "-----BEGIN PRIVATE KEY-----"),
}
#: By the end of a field's name, what fields of this kind take and this one does not.
WRONG_OF: dict[str, tuple[str, ...]] = {
    "username": ("nobody", "a+b@contoso.example", HOSTILE),
    "reply_to": ("nobody",),
    "host": ("https://mail.contoso.example/x", "mail.contoso.example:25", HOSTILE),
    "exchange_server": ("https://u:p@mail.contoso.example", "outlook.office365.com", HOSTILE),
    "server_address": ("ftp://x", HOSTILE),
    "uri": (
        "http://login.contoso.example/token",
        "https://u:p@login.contoso.example/token",
        "javascript:alert(1)",
    ),
    "client_id": (),
    "handled_folder": ("a//b", "Inbox"),
    "junk_folder": ("a//b",),
    "own_domains": ("gmail.com", ".contoso.com"),
    "own_networks": ("10.0.0.0/99",),
    "trusted_hosts": ("-",),
    "authserv_id": ("two words",),
    "keyword": ("two words",),
    "smtp_ehlo": ("two words",),
    "exchange_user": ("a:b",),
}
#: What a sentence says that tells what to do.
TO_DO = re.compile(
    r"\b(enter|choose|select|type|upload|paste|copy|check|write|leave|must|at most|shows the ID)\b",
    re.IGNORECASE,
)


def kinds() -> Iterator[tuple[Kind, str]]:
    """Each that a mailbox can be of, with each that sends for it."""
    for kind in usable_kinds():
        for sending in kind.sends_by or ("",):
            yield kind, sending


def rows_of(kind: Kind, sending: str) -> dict[str, Field]:
    of_kinds = Kinds(kind, kind_of(sending) if sending else None)
    return {row.name: row for row in of_kinds.rows if row.kind != "bool"}


def values_of(row: Field) -> list[str]:
    own = [value for end, values in WRONG_OF.items() if row.name.endswith(end) for value in values]
    return [*WRONG[row.kind], *own]


def sentences(page: str) -> dict[str, str]:
    """By field, what is said in it that is wrong."""
    places = re.findall(r'id="message_(\w+)"[^>]*>(.*?)</div>', page, re.DOTALL)
    said = {
        name: re.findall(r'<ul class="errorlist"><li>(.*?)</li>', text, re.DOTALL) for name, text in places
    }
    return {name: unescape(texts[0]) for name, texts in said.items() if texts}


def test_every_kind_of_field_has_values_that_it_never_takes() -> None:
    for kind, sending in kinds():
        assert {row.kind for row in rows_of(kind, sending).values()} <= WRONG.keys()


def test_each_wrong_value_in_each_field_of_each_kind_says_what_to_do(admin: Person, as_: As) -> None:
    client, silent, helpless = as_(admin), [], []
    for kind, sending in kinds():
        rows = rows_of(kind, sending)
        for number in range(max(len(values_of(row)) for row in rows.values())):
            # All fields at once: each is read by itself, and none waits for another.
            typed = {
                name: values_of(row)[number] for name, row in rows.items() if number < len(values_of(row))
            }
            sent = {**typed, "kind": kind.key, "sending_kind": sending, "shown_kind": kind.key}
            answer = client.post(reverse(NEW), sent)
            page = answer.content.decode()
            assert answer.status_code == 422
            assert HOSTILE not in page
            wrong = sentences(page)
            silent += [
                f"{kind.key}: {name}: {value[:40]!r}" for name, value in typed.items() if name not in wrong
            ]
            helpless += [
                f"{kind.key}: {name}: {wrong[name]}"
                for name in typed
                if not TO_DO.search(wrong.get(name, "Enter"))
            ]
    assert not silent, "\n".join(silent)
    assert not helpless, "\n".join(sorted({*helpless}))
    assert not Mailbox.objects.exists()


def test_what_must_be_entered_is_asked_for(admin: Person, as_: As) -> None:
    client = as_(admin)
    for kind, sending in kinds():
        answer = client.post(
            reverse(NEW), {"kind": kind.key, "sending_kind": sending, "shown_kind": kind.key}
        )
        asked = sentences(answer.content.decode())
        both = (kind, kind_of(sending)) if sending else (kind,)
        required = {name for one in both for name in one.settings_class.required()}
        assert required <= asked.keys()
        assert all(TO_DO.search(asked[name]) for name in required), asked


def test_the_form_of_each_kind_with_its_errors_is_accessible(
    chromium: Browser, live_server: LiveServer, admin: Person, as_: As
) -> None:
    found: list[str] = []
    with window(chromium, live_server.url, "phone", "dark") as context:
        sign_in(context, as_(admin), live_server.url)
        page = context.new_page()
        complaints = complaints_of(page)
        for kind in usable_kinds():
            page.goto(reverse(NEW))
            if page.input_value("#id_kind") != kind.key:  # else what is entered may be swapped away
                page.select_option("#id_kind", kind.key)
            page.wait_for_selector(f'input[name="shown_kind"][value="{kind.key}"]', state="attached")
            page.evaluate(
                "document.querySelectorAll('#kind-fields details').forEach((one) => { one.open = true; })"
            )
            page.fill("#id_poll_seconds", "many")
            page.get_by_role("button", name="Save", exact=True).click()
            page.wait_for_selector("#message_poll_seconds .errorlist")
            found += [f"{kind.key}: {violation}" for violation in violations(page)]
            # The browser also tells of the status with which a form comes back.
            found += [f"{kind.key}: {complaint}" for complaint in complaints if "422" not in complaint]
            complaints.clear()
    assert not found, "\n".join(found)
