"""What pages say of requests that are started by mail: where to write to, what became of a mail, the rules in the
designer."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from django.test import Client
from django.urls import reverse

from placet.accounts.models import Person
from placet.approvals.drafts import draft_of
from placet.approvals.models import Process
from placet.approvals.processes import publish
from placet.mail.models import IncomingMail
from tests.journeys.conftest import World
from tests.journeys.conftest import sandbox as sandbox
from tests.journeys.conftest import way as way
from tests.journeys.conftest import world as world
from tests.journeys.letters import INTERNAL, letter
from tests.journeys.test_start_by_mail import ADDRESS, PROCESS, changed, sends
from tests.making import make_mailbox
from tests.pages.test_cards import form_of
from tests.pages.test_mail_log import page_of, story_on

As = Callable[[Person | None], Client]
pytestmark = pytest.mark.django_db


def test_where_a_request_is_started_the_address_is_told(alice: Person, admin: Person, as_: As) -> None:
    version = publish(PROCESS)
    publish(changed(key="closed", name="Closed", start_by_mail=None))
    pages = ("/start/", "/start/buy/", reverse("designer:process", args=["buy"]))
    assert not any(ADDRESS in as_(admin).get(page).content.decode() for page in pages)
    make_mailbox()
    for page in pages:
        assert as_(admin).get(page).content.decode().count(ADDRESS) == 1, page
    assert 'data-copy="#start-address"' in as_(alice).get("/start/buy/").content.decode()
    assert "approvals+start-closed" not in as_(alice).get("/start/").content.decode()
    Process.objects.filter(pk=version.process_id).update(retired_at="2026-12-01T00:00Z")
    assert ADDRESS not in as_(admin).get(pages[2]).content.decode()


def test_the_rules_are_made_on_the_page_of_the_settings(admin: Person, as_: As) -> None:
    publish(changed(start_by_mail=None))
    browser, address = as_(admin), reverse("designer:design_settings", args=["buy"])

    def saved(**values: str) -> Any:
        form = {
            name: value for name, value in form_of(browser, address).items() if not name.startswith("mail-")
        }
        answer = browser.post(address, form | {f"mail-{name}": value for name, value in values.items()})
        assert answer.status_code == 302
        draft = draft_of("buy")
        assert draft is not None
        return yaml.safe_load(draft.text).get("start_by_mail")

    rules = {"subject": "item", "text": "reason", "original": "mail", "proof": "outside", "days": "3"}
    assert saved(on="on") is True
    assert saved(on="on", **rules, **{"files-invoice": "on"}) == {
        **rules,
        "attachments": ["invoice"],
        "days": 3,
    }
    page = browser.get(address).content.decode()
    assert "Attached files go into “Invoice”" in page
    assert saved(on="on", days="100") == {"days": 100}
    assert (
        "start_by_mail" in browser.get(address).content.decode()
        or "60" in browser.get(address).content.decode()
    )
    assert saved() is None


def test_the_log_says_what_a_mail_started_and_why_another_did_not(world: World, as_: As) -> None:
    publish(PROCESS)
    sends(world, "Amount: 5")
    sends(world, "please", subject="Desk")
    sends(world, "Amount: 1", to="approvals+start-nothing@contoso.example")
    world.sandbox.place("approvals", letter("mallory@contoso.example", to=ADDRESS, headers=INTERNAL))
    world.run_until_quiet()
    ada = as_(world.people["ada"])
    started, lacking, refused, unknown = (page_of(ada, mail) for mail in IncomingMail.objects.order_by("pk"))
    assert (
        "What does it start?" in story_on(started)
        and "Alice Aliceson started request 1: Ten chairs" in started
    )
    assert "the request that a mail started" in started, "the mail that was sent"
    assert "starts a request</span>" in started and "unclear" not in started
    assert "What is missing?" in story_on(lacking) and "“Amount”:" in lacking
    assert "No request can be started at this address." in refused
    assert "nobody who is known here" in unknown and "mallory@contoso.example" in unknown
    listed = ada.get(reverse("panel:incoming")).content.decode()
    for words in ("started a request", "something is missing", "starts no request", "sender unknown"):
        assert words in listed
    looked_at = ada.get(reverse("panel:incoming"), {"state": "look"}).content.decode()
    assert looked_at.count("mallory@contoso.example") and "Ten chairs" not in looked_at
    assert "Started by a mail" in ada.get(f"/requests/{_request_id()}/").content.decode()


def _request_id() -> str:
    from placet.approvals.models import Request

    return str(Request.objects.get().public_id)
