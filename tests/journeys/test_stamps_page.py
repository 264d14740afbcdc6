"""The page on which an administrator confirms whose stamps count."""

import pytest
from django.test import Client
from django.urls import reverse

from placet.mailboxes.models import Mailbox
from placet.replies import stamp_trial
from tests.journeys.conftest import World
from tests.journeys.test_stamp_trial import BY, MX, private, rspamd

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(world: World, client: Client) -> Client:
    person = world.people["alice"]
    person.is_administrator = True
    person.save()
    client.force_login(person)
    return client


def test_the_test_goes_its_way_on_the_page(world: World, browser: Client) -> None:
    page = reverse("panel:stamps", args=[world.mailbox.pk])
    assert "Begin a test" in browser.get(page).content.decode()
    browser.post(page, {"step": "begin"})
    number = Mailbox.objects.get(pk=world.mailbox.pk).stamps["trial"]["number"]
    assert "has not come yet" in browser.get(page).content.decode()
    private(world, number, rspamd())
    shown = browser.get(page).content.decode()
    assert f"Authentication-Results: {MX}" in shown
    assert "not tested" in shown
    browser.post(page, {"step": "plant"})
    world.run_until_quiet()
    assert "It came back with its forged stamps." in browser.get(page).content.decode()
    wrong = browser.post(page, {"step": "confirm", "number": "000000"}, follow=True).content.decode()
    assert "There is nothing to confirm" in wrong
    browser.post(page, {"step": "confirm", "number": number, "submission": "on"})
    mailbox = Mailbox.objects.get(pk=world.mailbox.pk)
    assert mailbox.stamps["confirmed"]["by"] == world.people["alice"].email
    assert mailbox.stamps["profile"]["submission"] is True
    assert "are left in" in browser.get(page).content.decode()
    browser.post(page, {"step": "forget"})
    assert "profile" not in Mailbox.objects.get(pk=world.mailbox.pk).stamps


def test_what_others_wrote_is_text(world: World, browser: Client) -> None:
    number = stamp_trial.begin(world.mailbox, BY)
    delivery = rspamd()
    stamps = tuple(line.replace("spf=pass", "spf=pass (<script>x</script>)") for line in delivery.stamps)
    private(world, number, type(delivery)(delivery.above, stamps, delivery.hop, delivery.below))
    shown = browser.get(reverse("panel:stamps", args=[world.mailbox.pk])).content.decode()
    assert "<script>x" not in shown
    assert "&lt;script&gt;x" in shown
