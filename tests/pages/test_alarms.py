"""The Alarms tab: what is entered and stored, the test of the webhook, and who is told."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from placet.accounts.addresses import add_person
from placet.accounts.general import general
from placet.accounts.models import Person
from placet.alarms import chosen, messages, webhook
from placet.alarms.models import AlarmSettings, Delivery
from placet.mailboxes import pool
from placet.mailboxes.base import FixNeeded
from placet.mailboxes.models import Mailbox
from tests.alarms.conftest import Receiver, allow, receiving
from tests.pages.browsing import SIZES, sign_in, window
from tests.pages.test_every_page import too_wide, violations

As = Callable[[Person | None], Client]
HOOK = "https://hooks.example.com/services/T0/its-secret-part"


@pytest.fixture
def browser(admin: Person, as_: As) -> Client:
    return as_(admin)


def page(browser: Client) -> str:
    answer = browser.get(reverse("panel:alarms"))
    assert answer.status_code == 200
    return answer.content.decode()


def save(browser: Client, status: int = 200, **entered: Any) -> str:
    answer = browser.post(reverse("panel:alarms"), {"minutes": "30", **entered}, follow=True)
    assert answer.status_code == status
    return answer.content.decode()


def test_what_is_entered_is_stored_and_the_address_is_never_shown_again(browser: Client) -> None:
    assert 'value="30"' in page(browser)
    assert "Saved." in save(browser, minutes="45", address=f" {HOOK} ")
    assert (chosen.patience().total_seconds(), chosen.webhook()) == (45 * 60, HOOK)
    shown = page(browser)
    assert "hooks.example.com" in shown and "its-secret-part" not in shown and 'value="45"' in shown
    assert (
        "its-secret-part"
        not in AlarmSettings.objects.extra(select={"raw": "secrets"}).values_list("raw")[0][0]
    )


def test_an_empty_address_keeps_the_one_that_is_stored_until_it_is_removed(browser: Client) -> None:
    save(browser, address=HOOK)
    save(browser, address="")
    assert chosen.webhook() == HOOK
    assert "Remove the webhook" in page(browser)
    save(browser, address="", remove="on")
    assert chosen.webhook() == ""
    assert "Remove the webhook" not in page(browser)


@pytest.mark.parametrize("minutes", ["", "4", "1441", "x", "-5", "7.5", "9" * 400])
def test_minutes_that_cannot_be_are_refused_with_what_may_be(minutes: str, browser: Client) -> None:
    assert "Enter a whole number of minutes, from 5 to 1440" in save(
        browser, 422, minutes=minutes, address=HOOK
    )
    assert (chosen.patience().total_seconds(), chosen.webhook()) == (30 * 60, "")


def test_an_address_that_may_not_be_is_refused_beside_its_field(browser: Client) -> None:
    shown = save(browser, 422, minutes="60", address="http://hooks.example.com/x")
    assert "Enter an address that begins with https://." in shown
    assert chosen.patience().total_seconds() == 30 * 60


def test_the_test_says_how_it_went(browser: Client, mailbox: Mailbox) -> None:
    address = reverse("panel:test_webhook")
    assert "Enter the address of the webhook first" in browser.post(address, follow=True).content.decode()
    assert not Delivery.objects.exists()
    with receiving() as receiver:
        allow(receiver.url)
        save(browser, address=receiver.url)
        assert "The test was taken." in browser.post(address, follow=True).content.decode()
        receiver.answers = [403]
        shown = browser.post(address, follow=True).content.decode()
    assert "The test was not taken." in shown and "it answered 403" in shown
    assert shown.count("given up") == shown.count(">taken<") == 1
    assert _what(receiver) == ["test", "test"]


def _what(receiver: Receiver) -> list[str]:
    return [message["what"] for message in receiver.got]


def test_it_says_who_is_told_and_whether_there_is_another_way(
    browser: Client, mailbox: Mailbox, bob: Person
) -> None:
    add_person("Eve Admin", "eve@contoso.example", administrator=True)
    shown = page(browser)
    assert "An alarm would reach nobody" in shown and "There is no other mailbox" in shown
    assert "eve@contoso.example" in shown and "bob@contoso.example" not in shown
    assert "when mail to somebody does not arrive" in shown
    save(browser, address=HOOK)
    assert "An alarm would reach nobody" not in page(browser)
    Mailbox.objects.create(name="second", address="second@contoso.example", active=True)
    assert "through another mailbox that works" in page(browser)


def test_the_support_file_tells_of_alarms_and_not_where_the_webhook_goes(
    browser: Client, mailbox: Mailbox
) -> None:
    save(browser, address=HOOK)
    mailbox.settings["handled_folder"] = HOOK  # in a place where it does not belong
    mailbox.save()
    with zipfile.ZipFile(io.BytesIO(browser.get(reverse("panel:support_file")).content)) as archive:
        found = {name: archive.read(name).decode() for name in archive.namelist()}
    assert json.loads(found["alarms.json"])["webhook"] is True
    assert "its-secret-part" not in "".join(found.values())


def test_links_of_mails_lead_to_the_settings_of_the_mailbox(mailbox: Mailbox) -> None:
    path = reverse("panel:mailbox", args=[mailbox.pk])
    assert messages.page_of(mailbox, general()) == f"{general().public_url}{path}"
    assert messages.page_of(None, general()) == f"{general().public_url}{reverse('panel:remote_approval')}"


# --- in a browser -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("phone", "dark")])
def test_the_banner_is_accessible_and_fits_on_every_page(
    size: str, scheme: str, chromium: Browser, live_server: LiveServer, mailbox: Mailbox, browser: Client
) -> None:
    pool.failed(mailbox, FixNeeded("The client secret is wrong.", "Make a new one."))
    Mailbox.objects.update(
        last_poll_at=timezone.now() - timedelta(minutes=42), active_since=timezone.now() - timedelta(days=1)
    )
    chosen.save(minutes=30, address="http://127.0.0.1:9/", by=1)
    webhook.send_test()
    found: list[str] = []
    with window(chromium, live_server.url, size, scheme) as context:
        sign_in(context, browser, live_server.url)
        page = context.new_page()
        for name in ("home", "alarms", "people"):
            page.goto(reverse(f"panel:{name}"))
            expect(page.get_by_role("alert")).to_contain_text("Alarm: approvals@contoso.example is silent.")
            heading = page.get_by_role("heading", level=1).bounding_box()
            assert heading is not None
            if name != "home" and heading["y"] + heading["height"] > SIZES[size]["height"] / 2:
                found.append(f"{name}: the heading begins at {heading['y']:.0f}")
            found += [f"{name}: {violation}" for violation in violations(page)]
            found += [f"{name}: wider than the window"] * too_wide(page)
        page.get_by_text("is silent.").click()
        page.get_by_role("link", name="See what is wrong, and test it").click()
        assert page.url.endswith(reverse("panel:mailbox", args=[mailbox.pk]))
    assert not found, "\n".join(found)
