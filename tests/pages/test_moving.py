"""Moving a mailbox to Microsoft Graph and back on the pages: what is said before, the check, the move."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse

from placet.accounts.models import Person
from placet.audit import chain
from placet.audit.models import AuditEntry
from placet.mail.models import IncomingMail
from placet.mailboxes import pool, store
from placet.mailboxes.models import Mailbox
from placet.panel import connection_test
from placet.replies import fetch
from placet.sandbox.server import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        running.add_mailbox("approvals", "Approvals")
        yield running


@pytest.fixture
def mailbox(sandbox: Sandbox, transactional_db: None) -> Iterator[Mailbox]:
    """One that goes through Exchange Web Services and has kept a mail. What runs beside the page is another thread."""
    entered = {
        "protocol": "ews",
        "server_address": sandbox.url,
        "username": "approvals@contoso.example",
        "client_id": sandbox.client_id,
        "token_uri": sandbox.token_url,
        "since": "2020-01-01T00:00:00+00:00",
        "active": True,
    }
    mailbox = store.save(
        entered, secrets={"client_secret": sandbox.client_secret}, by="ada@contoso.example"
    ).mailbox
    sandbox.send_as("approvals", to="approvals@contoso.example", subject="Hello", text="Hello")
    with pool.opened(mailbox) as connection:
        (seen,) = connection.changes({}, fetch.since(mailbox), 10).seen
    IncomingMail.objects.create(
        mailbox=mailbox, server_id=seen.server_id, protocol="ews", fingerprint="1", folder="inbox", raw=b""
    )
    yield mailbox
    pool.drop(mailbox)
    connection_test._runs.clear()


@pytest.fixture
def ada(mailbox: Mailbox, admin: Person) -> Client:
    browser = Client()
    browser.force_login(admin)
    return browser


def tab(browser: Client, mailbox: Mailbox) -> str:
    return browser.get(reverse("panel:mailbox", args=[mailbox.pk])).content.decode()


def checked(browser: Client, mailbox: Mailbox, to: str) -> str:
    answer = browser.post(reverse("panel:check_move", args=[mailbox.pk]), {"to": to})
    assert answer.streaming
    return str(answer.getvalue().decode())


def moved(browser: Client, mailbox: Mailbox, to: str) -> str:
    return browser.post(reverse("panel:move", args=[mailbox.pk]), {"to": to}, follow=True).content.decode()


def test_a_mailbox_is_checked_moved_and_goes_back(ada: Client, mailbox: Mailbox, admin: Person) -> None:
    page = tab(ada, mailbox)
    assert "Move to Microsoft Graph" in page
    assert "Last moved" not in page
    page = checked(ada, mailbox, "graph")
    assert "Can <bdi>approvals@contoso.example</bdi> move to Microsoft Graph?" in page
    assert "Move now" in page
    assert Mailbox.objects.get().protocol == "ews", "so far nothing is changed"
    page = moved(ada, mailbox, "graph")
    assert "This mailbox goes through Microsoft Graph now. 1 mail under way was taken along." in page
    assert "Go back to Exchange Web Services" in page
    assert "Last moved to Microsoft Graph on" in page
    assert f"by <bdi>{admin.name}</bdi>" in page
    assert Mailbox.objects.get().protocol == IncomingMail.objects.get().protocol == "graph"
    assert "Move now" in checked(ada, mailbox, "ews")
    assert "This mailbox goes through Exchange Web Services now." in moved(ada, mailbox, "ews")
    entries = AuditEntry.objects.filter(request=None)
    assert [(entry.who, entry.what["to"]) for entry in entries] == [
        (f"person:{admin.pk}", "graph"),
        (f"person:{admin.pk}", "ews"),
    ]
    assert list(chain.verify()) == []


def test_what_is_missing_is_said_and_nothing_can_be_moved(
    ada: Client, mailbox: Mailbox, sandbox: Sandbox
) -> None:
    sandbox.switches.graph_roles = {"Mail.ReadWrite"}
    page = checked(ada, mailbox, "graph")
    assert "It cannot move yet" in page
    assert "Move now" not in page
    assert "Mail.Send" in page
    assert "Nothing was changed: the check must pass first" in moved(ada, mailbox, "graph")
    assert Mailbox.objects.get().protocol == "ews"


def test_without_a_check_nothing_is_moved(ada: Client, mailbox: Mailbox) -> None:
    assert "Nothing was changed: the check must pass first" in moved(ada, mailbox, "graph")
    checked(ada, mailbox, "graph")
    store.change({"poll_seconds": 60}, by="another", mailbox=mailbox)
    assert "Nothing was changed: the check must pass first" in moved(ada, mailbox, "graph")
    assert Mailbox.objects.get().protocol == "ews"


def test_a_button_pressed_twice_moves_once(ada: Client, mailbox: Mailbox) -> None:
    checked(ada, mailbox, "graph")
    moved(ada, mailbox, "graph")
    moved(ada, mailbox, "graph")
    assert Mailbox.objects.get().protocol == "graph"
    assert AuditEntry.objects.count() == 1


def test_what_stops_a_move_is_said(ada: Client, mailbox: Mailbox, sandbox: Sandbox) -> None:
    checked(ada, mailbox, "graph")
    sandbox.switches.graph_blocked = True
    page = moved(ada, mailbox, "graph")
    assert "Nothing was changed. A policy in Exchange keeps the application out of this mailbox." in page
    assert Mailbox.objects.get().protocol == "ews"


def test_the_choice_of_the_way_leads_to_the_move(ada: Client, mailbox: Mailbox) -> None:
    texts = {name: value for name, value in mailbox.settings.items() if isinstance(value, str)}
    entered = {**texts, "mailbox": mailbox.pk, "protocol": "graph"}
    answer = ada.post(reverse("panel:check_fields"), entered, headers={"HX-Trigger-Name": "protocol"})
    said = answer.content.decode()
    assert "Move it instead" in said
    assert '<a href="#move">' in said
    assert 'id="move"' in tab(ada, mailbox)


def test_a_graph_mailbox_without_mail_is_offered_nothing(ada: Client, mailbox: Mailbox) -> None:
    IncomingMail.objects.all().delete()
    Mailbox.objects.update(protocol="graph", settings={**mailbox.settings, "protocol": "graph"})
    assert 'id="move"' not in tab(ada, mailbox)
