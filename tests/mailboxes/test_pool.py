"""What failures and successes mean for a mailbox as a whole."""

from datetime import timedelta

import pytest
from django.utils import timezone

from placet.mailboxes import pool, store
from placet.mailboxes.base import FixNeeded, SignInRefused, Wait
from placet.mailboxes.memory import MemoryMailbox
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import SettingsInvalid
from tests.making import make_mailbox

pytestmark = pytest.mark.django_db

BUSY = Wait("Exchange is busy.", "Placet tries again by itself.", 60)
ENTERED = {
    "username": "approvals@contoso.example",
    "client_id": "535fb089-9ff3-47b6-9bfb-4f1264799865",
    "token_uri": "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token",
    "active": True,
}


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    server = MemoryMailbox()
    monkeypatch.setattr(pool, "connect", lambda mailbox: server.connect())
    mailbox = make_mailbox()
    pool.drop(mailbox)
    return mailbox


def test_a_success_ends_the_trouble_that_there_was(mailbox: Mailbox) -> None:
    pool.failed(mailbox, BUSY)
    with pool.opened(Mailbox.objects.get()):
        pass
    now = Mailbox.objects.get()
    assert (now.failures, now.paused_until, now.trouble) == (0, None, {})


def test_a_success_does_not_end_a_pause_that_somebody_else_met_meanwhile(mailbox: Mailbox) -> None:
    pool.failed(mailbox, BUSY)
    with pool.opened(Mailbox.objects.get()):
        pool.failed(mailbox, FixNeeded("The secret has expired.", "Make a new one."))
    now = Mailbox.objects.get()
    assert now.failures == 2
    assert now.trouble["cause"] == "The secret has expired."
    assert now.paused_until is not None
    assert now.paused_until > timezone.now() + timedelta(minutes=14)


def test_a_refused_password_rests_until_somebody_saves_or_a_day_is_over(mailbox: Mailbox) -> None:
    with pytest.raises(SignInRefused), pool.opened(mailbox):
        raise SignInRefused("The server refused the password.", "Enter it again.")
    now = Mailbox.objects.get()
    assert now.paused_until is not None
    assert now.paused_until > timezone.now() + timedelta(hours=23)
    assert now.trouble["fix_needed"]
    assert pool.rests(now)


@pytest.mark.parametrize("secret", ["", "another-secret-of-the-test"])
def test_a_failure_of_the_settings_before_does_not_pause_those_that_were_saved_meanwhile(secret: str) -> None:
    saved = store.save(
        ENTERED, secrets={"client_secret": "a-secret-of-the-test"}, by="ada@contoso.example"
    ).mailbox
    began_with = Mailbox.objects.get()
    other = {**ENTERED, **({} if secret else {"poll_seconds": 60})}
    store.save(other, secrets={"client_secret": secret}, by="ada@contoso.example", mailbox=saved)
    pool.failed(began_with, FixNeeded("The secret has expired.", "Make a new one."))
    now = Mailbox.objects.get()
    assert (now.failures, now.paused_until, now.trouble) == (0, None, {})
    pool.failed(now, BUSY)
    assert Mailbox.objects.get().failures == 1


@pytest.mark.parametrize(
    "now", [{"kind": "imap"}, {"sending_kind": "smtp"}, {"stamps": {"profile": {"ids": ["mx"]}}}]
)
def test_a_connection_and_its_failure_are_of_the_kinds_and_stamps_that_it_was_made_with(
    now: dict[str, object], mailbox: Mailbox
) -> None:
    began_with = Mailbox.objects.get()
    with pool.opened(mailbox) as before:
        pass
    Mailbox.objects.update(**now)
    pool.failed(began_with, FixNeeded("The server is gone.", "Enter another."))
    assert Mailbox.objects.get().failures == 0
    with pool.opened(Mailbox.objects.get()) as after:
        assert after is not before


def test_stored_settings_that_are_not_valid_pause_the_mailbox_in_words() -> None:
    mailbox = make_mailbox(poll_seconds="soon")
    pool.drop(mailbox)
    with pytest.raises(FixNeeded), pool.opened(mailbox):
        pass
    assert "Poll interval" in Mailbox.objects.get().trouble["cause"]
    with pytest.raises(SettingsInvalid):
        pool.connect(mailbox)  # who asks for the check sees what is wrong with which setting


def test_settings_that_are_no_longer_valid_can_be_corrected() -> None:
    saved = store.save(
        ENTERED, secrets={"client_secret": "a-secret-of-the-test"}, by="ada@contoso.example"
    ).mailbox
    Mailbox.objects.update(settings={**ENTERED, "poll_seconds": "soon"})
    with pytest.raises(SettingsInvalid) as caught:
        store.save(ENTERED, by="ada@contoso.example", mailbox=saved)
    assert list(caught.value.errors) == ["client_secret"]
    store.save(
        ENTERED, secrets={"client_secret": "a-secret-of-the-test"}, by="ada@contoso.example", mailbox=saved
    )
    assert pool.settings_of(Mailbox.objects.get()).poll_seconds == 20


def test_a_mailbox_knows_since_when_it_is_switched_on() -> None:
    saved = store.save(
        ENTERED, secrets={"client_secret": "a-secret-of-the-test"}, by="ada@contoso.example"
    ).mailbox
    first = Mailbox.objects.get().active_since
    assert first is not None
    store.save(ENTERED, by="ada@contoso.example", mailbox=saved)
    assert Mailbox.objects.get().active_since == first
    store.save({**ENTERED, "active": False}, by="ada@contoso.example", mailbox=saved)
    store.save(ENTERED, by="ada@contoso.example", mailbox=saved)
    again = Mailbox.objects.get().active_since
    assert again is not None
    assert again > first
