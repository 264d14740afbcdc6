"""Where it is chosen that mails are collected, and what pages say of what waits for one."""

import pytest
from django.urls import reverse

from placet.accounts.models import Person
from placet.approvals import digesting, engine
from placet.approvals.models import DigestItem, Request, Version
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.pages.test_account import As

pytestmark = pytest.mark.django_db

CHOSEN = {"language": "", "zone": "", "in_digests": "collected"}


@pytest.fixture
def collected(mailbox: Mailbox, version: Version, alice: Person, bob: Person) -> Request:
    """A request whose mail to Bob waits for his next digest."""
    Person.objects.filter(pk=bob.pk).update(in_digests=True)
    bob.refresh_from_db()
    return engine.start(version, alice, {"item": "A chair", "amount": "100"})


def test_somebody_chooses_it_and_nothing_waits_once_they_choose_otherwise(
    collected: Request, bob: Person, as_: As
) -> None:
    browser = as_(bob)
    assert 'value="collected" selected' in browser.get(reverse("account")).content.decode()
    assert DigestItem.objects.get().state == "waiting" and digesting.due(10) == []
    browser.post(reverse("account"), {**CHOSEN, "in_digests": ""})
    assert not Person.objects.get(pk=bob.pk).in_digests
    assert digesting.due(10) == [bob.pk]
    assert digesting.work(bob.pk)
    assert OutgoingMail.objects.get().subject.startswith("Please decide: A chair")
    browser.post(reverse("account"), CHOSEN)
    assert Person.objects.get(pk=bob.pk).in_digests
    assert browser.post(reverse("account"), {**CHOSEN, "in_digests": "x"}).status_code == 422


def test_an_administrator_chooses_it_for_somebody(
    collected: Request, admin: Person, bob: Person, as_: As
) -> None:
    browser = as_(admin)
    page = browser.get(reverse("panel:person", args=[bob.pk]))
    form, seen = page.context["form"], page.context["seen"]
    names = ("name", "manager", "approval_limit", "language", "zone")
    sent = {name: form[name].value() or "" for name in names} | {"calendar": "", "in_digests": ""}
    answer = browser.post(reverse("panel:person", args=[bob.pk]), {**sent, "seen": seen})
    assert answer.status_code == 302
    assert not Person.objects.get(pk=bob.pk).in_digests
    assert digesting.due(10) == [bob.pk]


def test_what_waits_for_a_digest_waits_on_the_page_at_once(
    collected: Request, alice: Person, bob: Person, as_: As
) -> None:
    assert "A chair" in as_(bob).get(reverse("portal:home")).content.decode()
    page = as_(alice).get(reverse("portal:request", args=[collected.public_id])).content.decode()
    assert "the mail comes with others, when their working day begins" in page
    assert "no mailbox was set up" not in page
