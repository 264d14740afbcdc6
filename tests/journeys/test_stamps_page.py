"""The page on which an administrator confirms whose stamps count."""

from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse

from placet.mailboxes.models import Mailbox
from placet.mailboxes.stamp_profile import Place, StampProfile, Stripped
from placet.replies import stamp_trial
from tests.journeys.conftest import World
from tests.journeys.test_stamp_trial import BY, MX, planted_as, private, rspamd, stamped_above

pytestmark = pytest.mark.django_db

PROFILE = StampProfile((MX,), hosts=(MX,))


@pytest.fixture
def browser(world: World, client: Client) -> Client:
    person = world.people["alice"]
    person.is_administrator = True
    person.save()
    client.force_login(person)
    return client


def assert_proves_nobody(shown: str) -> None:
    """And what does, at Exchange Online, which builds mails anew."""
    assert "a sender from outside</dd>" not in shown
    assert "these stamps prove nobody" in shown
    assert reverse("panel:signatures") in shown
    assert "Who signed in to this server to send (submitted)" in shown
    assert "own check of DKIM signatures (outside)" not in shown


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
    left_in = browser.get(page).content.decode()
    assert "It came back with its forged stamps." in left_in
    assert_proves_nobody(left_in)
    wrong = browser.post(page, {"step": "confirm", "number": "000000"}, follow=True).content.decode()
    assert "There is nothing to confirm" in wrong
    own = {"submission": "on", "login_domain": " @Contoso.example"}
    browser.post(page, {"step": "confirm", "number": number, **own})
    mailbox = Mailbox.objects.get(pk=world.mailbox.pk)
    assert mailbox.stamps["confirmed"]["by"] == world.people["alice"].email
    assert mailbox.stamps["profile"]["submission"] is True
    confirmed = browser.get(page).content.decode()
    assert "are left in" in confirmed
    assert "a login that is no address is one of contoso.example" in confirmed
    assert_proves_nobody(confirmed)
    browser.post(page, {"step": "forget"})
    assert "profile" not in Mailbox.objects.get(pk=world.mailbox.pk).stamps


def test_what_others_wrote_is_text(world: World, browser: Client) -> None:
    number = stamp_trial.begin(world.mailbox, BY)
    delivery = rspamd()
    hostile = "spf=pass (<script>x</script>\N{RIGHT-TO-LEFT OVERRIDE}y)"
    stamps = tuple(line.replace("spf=pass", hostile) for line in delivery.stamps)
    private(world, number, type(delivery)(delivery.above, stamps, delivery.hop, delivery.below))
    shown = browser.get(reverse("panel:stamps", args=[world.mailbox.pk])).content.decode()
    assert "<script>x" not in shown
    assert "&lt;script&gt;x" in shown
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in shown


def shown_with(world: World, browser: Client, profile: StampProfile) -> str:
    """The page of a mailbox that is read by IMAP, with this one confirmed."""
    stamps = {"profile": profile.to_json(), "confirmed": {"by": BY, "at": "2026-12-01T10:00:00Z"}}
    Mailbox.objects.filter(pk=world.mailbox.pk).update(kind="imap", stamps=stamps)
    return browser.get(reverse("panel:stamps", args=[world.mailbox.pk])).content.decode()


def test_why_stamps_prove_nobody_and_what_does(world: World, browser: Client) -> None:
    below = shown_with(world, browser, replace(PROFILE, place=Place.BELOW, strips_own=Stripped.NO))
    assert "these stamps prove nobody" in below
    assert "own check of DKIM signatures (outside)" in below
    untested = shown_with(world, browser, replace(PROFILE, place=Place.BELOW))
    assert "is not known, so these prove nobody" in untested
    without_dmarc = shown_with(world, browser, replace(PROFILE, dmarc=False, strips_own=Stripped.YES))
    assert "do not say what DMARC came to" in without_dmarc
    for shown in (below, untested, without_dmarc):
        assert "<dd>nobody</dd>" in shown
        assert "What proves senders here without these stamps" in shown


def test_what_is_left_in_below_the_entrance_is_told_where_stamps_above_it_prove(
    world: World, browser: Client
) -> None:
    left_in = shown_with(world, browser, replace(PROFILE, strips_own=Stripped.NO))
    assert "<dd>a sender from outside</dd>" in left_in
    assert "decides nothing" in left_in
    assert "What proves senders here without these stamps" not in left_in
    taken_off = shown_with(world, browser, replace(PROFILE, strips_own=Stripped.YES))
    assert "decides nothing" not in taken_off


def test_nothing_can_be_confirmed_where_forged_ones_stand_among_the_servers_own(
    world: World, browser: Client
) -> None:
    number = stamp_trial.begin(world.mailbox, BY)
    stamped_above(world, number)
    planted_as(world, above=True)
    shown = browser.get(reverse("panel:stamps", args=[world.mailbox.pk])).content.decode()
    assert "nobody can tell its own from them" in shown
    assert "What proves senders here without these stamps" in shown
    assert "believe them</button>" not in shown
    assert "(submitted)" not in shown
