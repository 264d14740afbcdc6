"""Storing a mailbox's settings: what is written, and what a save at the same moment must not undo."""

from datetime import date
from typing import Any

import pytest

from placet.accounts.addresses import add_person
from placet.mailboxes import store
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import SettingsInvalid

pytestmark = pytest.mark.django_db

GOOD = {
    "username": "approvals@contoso.example",
    "client_id": "535fb089-9ff3-47b6-9bfb-4f1264799865",
    "token_uri": "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token",
}


def save(mailbox: Mailbox | None = None, *, secret: str = "", by: str = "ada", **more: Any) -> Mailbox:
    return store.save({**GOOD, **more}, secrets={"client_secret": secret}, by=by, mailbox=mailbox).mailbox


@pytest.fixture
def mailbox() -> Mailbox:
    return save(secret="first~secret")


def test_a_save_without_a_secret_leaves_one_alone_that_was_entered_meanwhile(mailbox: Mailbox) -> None:
    stale = Mailbox.objects.get(pk=mailbox.pk)
    save(mailbox, secret="second~secret", by="grace")
    save(stale, poll_seconds=60)
    now = Mailbox.objects.get(pk=mailbox.pk)
    assert (now.secrets, now.secret_set_by) == ({"client_secret": "second~secret"}, "grace")
    assert now.settings["poll_seconds"] == 60


def test_a_secret_is_not_taken_to_the_host_that_another_save_just_left(mailbox: Mailbox) -> None:
    stale = Mailbox.objects.get(pk=mailbox.pk)
    save(mailbox, secret="second~secret", server_address="mail.contoso.example")
    with pytest.raises(SettingsInvalid, match="enter the client secret again"):
        save(stale)


def test_without_a_secret_its_columns_are_not_written(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[set[str]] = []
    monkeypatch.setattr(Mailbox, "save", lambda self, update_fields: written.append(set(update_fields)))
    save(mailbox)
    save(mailbox, secret="third~secret")
    assert written[1] - written[0] == {"secrets", "secret_set_at", "secret_set_by"}


def test_who_was_slower_with_the_same_mailbox_is_told(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_owner_errors", lambda *_: {})  # looked before it was there
    with pytest.raises(SettingsInvalid, match="This mailbox is set up already"):
        save(secret="first~secret")


def test_an_address_that_a_mailbox_had_before_is_free_again(mailbox: Mailbox) -> None:
    save(mailbox, username="other@contoso.example")
    assert save(secret="first~secret").pk != mailbox.pk


@pytest.mark.parametrize(
    ("server", "sandbox"),
    [
        ("http://127.0.0.1:8025", True),
        ("localhost:8443", False),  # a tunnel with TLS, to a real one
        ("outlook.office365.com", False),
    ],
)
def test_only_plain_http_on_this_machine_is_the_sandbox(server: str, sandbox: bool) -> None:
    assert save(secret="first~secret", server_address=server).sandbox is sandbox


def test_whoever_set_the_secret_fits_the_row() -> None:
    made = save(secret="first~secret", by="command line (" + "x" * 400 + ")")
    assert len(Mailbox.objects.get(pk=made.pk).secret_set_by) == 320


# --- the day on which the secret ends ---------------------------------------------------------------------


def test_the_day_stays_until_it_is_changed_or_emptied(mailbox: Mailbox) -> None:
    def ends(expires_on: str | None, secret: str = "") -> date | None:
        store.save(GOOD, secrets={"client_secret": secret}, expires_on=expires_on, by="ada", mailbox=mailbox)
        return Mailbox.objects.get(pk=mailbox.pk).secret_expires_on

    assert ends("2099-11-24") == date(2099, 11, 24)
    assert ends(None) == date(2099, 11, 24)
    assert ends("") is None
    assert ends("2099-11-24") == date(2099, 11, 24)
    assert ends(None, secret="second~secret") is None


def test_a_new_secret_with_the_day_of_the_old_one_is_questioned(mailbox: Mailbox) -> None:
    store.save(GOOD, expires_on="2099-11-24", by="ada", mailbox=mailbox)
    saved = store.save(
        GOOD, secrets={"client_secret": "new~secret"}, expires_on="2099-11-24", by="ada", mailbox=mailbox
    )
    assert "Check that it is the new one's." in saved.notices["secret_expires_on"]


def test_a_day_that_is_over_is_no_day_for_a_secret(mailbox: Mailbox) -> None:
    with pytest.raises(SettingsInvalid, match="This day is over"):
        store.save(GOOD, expires_on="2020-01-31", by="ada", mailbox=mailbox)
    Mailbox.objects.update(secret_expires_on=date(2020, 1, 31))
    kept = store.save(GOOD, expires_on="2020-01-31", by="ada", mailbox=mailbox)
    assert "make a new client secret" in kept.notices["secret_expires_on"]
    with pytest.raises(SettingsInvalid, match="This day is over"):
        store.save(
            GOOD, secrets={"client_secret": "new~secret"}, expires_on="2020-01-31", by="ada", mailbox=mailbox
        )


def test_looking_says_what_saving_would_and_stores_nothing(mailbox: Mailbox) -> None:
    wrong = {**GOOD, "username": "me@outlook.com", "poll_seconds": "1"}
    looked = store.look(wrong, secrets={"client_secret": "two words"}, expires_on="soon", mailbox=mailbox)
    assert set(looked.errors) == {"username", "poll_seconds", "client_secret", "secret_expires_on"}
    assert looked.settings is None
    assert Mailbox.objects.get(pk=mailbox.pk).settings == mailbox.settings


# --- what another administrator saved meanwhile -----------------------------------------------------------


def test_changing_one_setting_leaves_alone_what_was_saved_meanwhile(mailbox: Mailbox) -> None:
    stale = Mailbox.objects.get(pk=mailbox.pk)
    save(mailbox, poll_seconds=60, confirmed_mechanisms=["0A"])
    store.change({"active": True}, by="grace", mailbox=stale)
    store.confirm_mechanism(Mailbox.objects.get(pk=mailbox.pk), "0B", by="grace")
    now = Mailbox.objects.get(pk=mailbox.pk)
    assert (now.settings["poll_seconds"], now.active) == (60, True)
    assert now.settings["confirmed_mechanisms"] == ["0A", "0B"]


def test_confirming_a_mechanism_keeps_those_that_were_confirmed_meanwhile(mailbox: Mailbox) -> None:
    stale = Mailbox.objects.get(pk=mailbox.pk)
    save(mailbox, poll_seconds=60, confirmed_mechanisms=["0A"])
    store.confirm_mechanism(stale, "0B", by="grace")
    now = Mailbox.objects.get(pk=mailbox.pk).settings
    assert (now["poll_seconds"], now["confirmed_mechanisms"]) == (60, ["0A", "0B"])


def test_who_says_what_was_seen_saves_only_over_that(mailbox: Mailbox) -> None:
    seen = store.mark_of(Mailbox.objects.get(pk=mailbox.pk))
    save(mailbox, poll_seconds=60)
    with pytest.raises(store.ChangedMeanwhile):
        store.save(GOOD, by="ada", mailbox=mailbox, seen=seen)
    now = Mailbox.objects.get(pk=mailbox.pk)
    assert now.settings["poll_seconds"] == 60
    store.save(GOOD, by="ada", mailbox=mailbox, seen=store.mark_of(now))
    assert Mailbox.objects.get(pk=mailbox.pk).settings["poll_seconds"] == 20


def test_a_mailbox_of_somebody_who_is_asked_is_pointed_out() -> None:
    add_person("Ann Approver", "Approvals@contoso.example")
    looked = store.look(GOOD, secrets={"client_secret": "first~secret"})
    assert not looked.errors
    assert "an address of Ann Approver" in looked.notices["username"]
    assert "username" not in store.look({**GOOD, "username": "other@contoso.example"}).notices


# --- whose people it proves, and beside which mailboxes ---------------------------------------------------------


def test_a_mailbox_that_goes_to_another_domain_proves_nobody_of_the_one_before(mailbox: Mailbox) -> None:
    looked = store.look({**mailbox.settings, "username": "approvals@fabrikam.example"}, mailbox=mailbox)
    assert looked.settings is not None
    assert looked.settings.own_domains == ("fabrikam.example",)
    assert "fabrikam.example alone" in looked.notices["own_domains"]
    both = "fabrikam.example, contoso.example"
    moved = save(mailbox, username="approvals@fabrikam.example", own_domains=both)
    assert moved.settings["own_domains"] == ["fabrikam.example", "contoso.example"]


@pytest.mark.parametrize("named", ["approvals@contoso.example", "nobody@contoso.example"])
def test_only_another_mailbox_here_can_be_of_the_same_organisation(mailbox: Mailbox, named: str) -> None:
    with pytest.raises(SettingsInvalid, match="is no other mailbox here"):
        save(mailbox, same_organisation=named)
    other = save(secret="first~secret", username="office@contoso.example")
    assert save(mailbox, same_organisation="Office@contoso.example").settings["same_organisation"] == [
        other.address
    ]


@pytest.mark.parametrize("mechanism", ["03", "05", "08", "10", "11", "12"])
def test_a_mechanism_that_never_proves_cannot_be_confirmed(mailbox: Mailbox, mechanism: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"{mechanism} cannot be confirmed: .* nobody signed in"):
        store.confirm_mechanism(mailbox, mechanism, by="ada")
    with pytest.raises(SettingsInvalid, match=f"{mechanism} cannot be confirmed"):
        save(mailbox, confirmed_mechanisms=f"04 {mechanism}")
    assert Mailbox.objects.get().settings["confirmed_mechanisms"] == ["04"]


def test_one_that_was_confirmed_before_stays_until_it_is_taken_out(mailbox: Mailbox) -> None:
    Mailbox.objects.update(settings={**mailbox.settings, "confirmed_mechanisms": ["04", "10"]})
    saved = store.change({"poll_seconds": 60}, by="ada", mailbox=mailbox)
    assert saved.notices["confirmed_mechanisms"].startswith("10 proves nobody")
    with pytest.raises(SettingsInvalid, match="11 cannot be confirmed"):
        store.confirm_mechanism(mailbox, "11", by="ada")
    store.change({"confirmed_mechanisms": ["04"]}, by="ada", mailbox=mailbox)
    with pytest.raises(SettingsInvalid, match="10 cannot be confirmed"):
        store.confirm_mechanism(mailbox, "10", by="ada")
