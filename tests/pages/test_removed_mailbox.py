"""A mailbox that is removed: what it received stays, nothing is sent or read by it any more, and it can come back."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from placet.accounts.models import Person
from placet.approvals import waiting_ends
from placet.approvals.models import Assignment
from placet.mail import read_past
from placet.mail.models import IncomingMail
from placet.mailboxes import store
from placet.mailboxes.models import Mailbox, Subscription
from placet.panel import remote_approval
from tests.pages.conftest import SECRET, SETTINGS

As = Callable[[Person | None], Client]
pytestmark = pytest.mark.django_db


def removed(browser: Client, mailbox: Mailbox) -> str:
    address = reverse("panel:remove_mailbox", args=[mailbox.pk])
    return str(browser.post(address, follow=True).content.decode())


def test_it_is_asked_once_more_with_what_hangs_on_it(
    admin: Person, as_: As, mailbox: Mailbox, asked: Assignment, incoming: IncomingMail
) -> None:
    browser = as_(admin)
    assert (
        reverse("panel:remove_mailbox", args=[mailbox.pk])
        in browser.get(reverse("panel:mailbox", args=[mailbox.pk])).content.decode()
    )
    page = browser.get(reverse("panel:remove_mailbox", args=[mailbox.pk])).content.decode()
    assert "1 open question was asked by it." in page
    assert "1 mail waits to be sent by it, and will not be." in page
    assert Mailbox.present.exists()


def test_no_more_open_questions_are_counted_than_anybody_needs_to_know_of(
    admin: Person, as_: As, mailbox: Mailbox, asked: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, address = as_(admin), reverse("panel:remove_mailbox", args=[mailbox.pk])
    monkeypatch.setattr(remote_approval, "MOST_COUNTED", 0)
    assert "More than 0 open questions were asked by it." in browser.get(address).content.decode()
    Assignment.objects.update(state=Assignment.State.DECIDED)
    assert "asked by it." not in browser.get(address).content.decode()


def test_what_it_received_stays_and_its_secret_goes(
    admin: Person, as_: As, mailbox: Mailbox, incoming: IncomingMail
) -> None:
    browser = as_(admin)
    Subscription.objects.create(mailbox=mailbox, protocol="graph", folder="inbox", server_id="1")
    assert "was removed" in removed(browser, mailbox)
    mailbox.refresh_from_db()
    assert (mailbox.active, mailbox.secrets, mailbox.next_poll) == (False, {}, None)
    assert mailbox.removed_at is not None
    assert mailbox.removed_by == admin.email
    assert not Subscription.objects.exists()
    assert browser.get(reverse("panel:incoming_mail", args=[incoming.pk])).status_code == 200
    assert mailbox.name not in browser.get(reverse("panel:home")).content.decode()
    for name in ("mailbox", "remove_mailbox", "certificate"):
        assert browser.get(reverse(f"panel:{name}", args=[mailbox.pk])).status_code == 404


def test_no_end_of_a_step_waits_for_it(admin: Person, as_: As, mailbox: Mailbox) -> None:
    store.change({"active": False}, by="ada", mailbox=mailbox)
    late = timezone.now() - timedelta(hours=1)
    assert waiting_ends.inactive() == [mailbox.pk]
    assert not read_past.read_past([mailbox.pk], late, [])
    removed(as_(admin), mailbox)
    assert waiting_ends.inactive() == []
    assert read_past.read_past([mailbox.pk], late, [])


def test_whoever_sets_it_up_again_finds_its_mail(
    admin: Person, as_: As, mailbox: Mailbox, incoming: IncomingMail
) -> None:
    removed(as_(admin), mailbox)
    assert not store.look(SETTINGS).errors, "its address is free again"
    again = store.save({**SETTINGS, "active": True}, secrets={"client_secret": SECRET}, by="grace").mailbox
    assert again.pk == mailbox.pk
    assert (again.removed_at, again.removed_by, again.active) == (None, "", True)
    assert list(again.incoming.all()) == [incoming]
    assert list(Mailbox.present.all()) == [again]
    assert again.cursor == {}
