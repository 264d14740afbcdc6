"""Whether new mail is noticed at once, as Home and the tab say it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from placet.accounts.models import Installation, Person
from placet.mailboxes import store
from placet.mailboxes.models import Mailbox, Subscription

As = Callable[[Person | None], Client]
PAGES = ("panel:home", "panel:remote_approval")


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, admin: Person, as_: As) -> Callable[[], str]:
    """The words of one of the pages."""

    def read() -> str:
        text = as_(admin).get(reverse(str(request.param))).content.decode()
        return " ".join(text.split())

    return read


def public_url(url: str) -> None:
    Installation.objects.update_or_create(id=1, defaults={"public_url": url})


def subscribed(mailbox: Mailbox, **more: Any) -> None:
    now = timezone.now()
    values = {
        "made_with": "x",
        "since": now,
        "expires_at": now + timedelta(days=2),
        "server_id": "a",
        "due": now,
    }
    folders = ("inbox", "junk") if mailbox.protocol == "graph" else ("",)
    for folder in folders:
        Subscription.objects.create(
            mailbox=mailbox, protocol=mailbox.protocol, folder=folder, **{**values, **more}
        )


def test_that_it_works_and_since_when(mailbox: Mailbox, page: Callable[[], str]) -> None:
    public_url("https://approvals.contoso.example")
    subscribed(mailbox, last_notice_at=timezone.now() - timedelta(minutes=5))
    assert "at once (since" in page()
    assert "5 minutes ago" in page()


def test_why_microsoft_cannot_call(mailbox: Mailbox, page: Callable[[], str]) -> None:
    public_url("http://approvals.contoso.example")
    assert "at the poll interval" in page()
    assert "The public address, http://approvals.contoso.example, does not begin with https://" in page()


def test_what_failed_and_what_to_do(mailbox: Mailbox, page: Callable[[], str]) -> None:
    public_url("https://approvals.contoso.example")
    trouble = {"cause": "Microsoft could not reach <b>us</b>.", "cure": "Open the firewall.", "at": ""}
    subscribed(mailbox, server_id="", expires_at=None, since=None, trouble=trouble)
    assert "Microsoft could not reach &lt;b&gt;us&lt;/b&gt;. Open the firewall." in page()
    assert "at once (since" not in page()


def test_one_of_two_folders_is_not_enough(mailbox: Mailbox, page: Callable[[], str]) -> None:
    public_url("https://approvals.contoso.example")
    subscribed(mailbox)
    Subscription.objects.filter(folder="junk").update(expires_at=timezone.now())
    assert "until the server begins to announce it" in page()


def test_listening_counts_as_long_as_somebody_does(mailbox: Mailbox, page: Callable[[], str]) -> None:
    store.change({"protocol": "ews", "scope": "", "server_address": ""}, by="ada", mailbox=mailbox)
    mailbox.refresh_from_db()
    subscribed(mailbox, due=timezone.now() + timedelta(minutes=1))
    assert "at once (since" in page()
    Subscription.objects.update(due=timezone.now())
    assert "at once (since" not in page()


def test_nothing_is_said_of_a_mailbox_that_is_not_active(mailbox: Mailbox, page: Callable[[], str]) -> None:
    assert "New mail is noticed" in page()
    Mailbox.objects.update(active=False)
    assert "New mail is noticed" not in page()
