"""The settings of a mailbox that is read by POP3, as they are entered."""

from datetime import timedelta
from typing import Any

import pytest

from placet.lib import clock
from placet.mailboxes import kinds, store
from placet.mailboxes.base import Action
from placet.mailboxes.models import Mailbox
from placet.mailboxes.pop3.settings import FIELDS, Pop3Settings
from placet.mailboxes.settings import SettingsInvalid
from placet.mailboxes.store import look

ENTERED: dict[str, Any] = {"username": "approvals@contoso.example", "pop3_host": "pop.contoso.example"}


def test_every_setting_has_its_row_and_comes_back_as_it_was() -> None:
    secrets = {"pop3_password", "pop3_client_secret", "pop3_refresh_token", "pop3_service_account_key"}
    of_pop3 = {name for name in Pop3Settings.readers() if name.startswith("pop3_")}
    assert of_pop3 | secrets == {row.name for row in FIELDS if row.name.startswith("pop3_")}
    one, _ = Pop3Settings.parse({**ENTERED, "pop3_delete_days": "14", "pop3_security": "starttls"})
    assert (one.pop3_port, one.pop3_delete_days) == (110, 14)
    assert Pop3Settings.of_stored({**one.to_json(), "smtp_host": "smtp.contoso.example"}) == one


@pytest.mark.parametrize(
    ("days", "put_away"),
    [
        ("", (Action.MARK_READ, "", timedelta())),
        ("0", (Action.DELETE, "", timedelta())),
        ("14", (Action.DELETE, "", timedelta(days=14))),
    ],
)
def test_what_becomes_of_a_handled_mail(days: str, put_away: tuple[Action, str, timedelta]) -> None:
    assert Pop3Settings.parse({**ENTERED, "pop3_delete_days": days})[0].putting_away == put_away


@pytest.mark.parametrize("days", ["-1", "3651", "soon"])
def test_days_are_a_number(days: str) -> None:
    with pytest.raises(SettingsInvalid):
        Pop3Settings.parse({**ENTERED, "pop3_delete_days": days})


def test_exchange_online_takes_no_password() -> None:
    with pytest.raises(SettingsInvalid) as refused:
        Pop3Settings.parse({**ENTERED, "pop3_host": "outlook.office365.com"})
    assert "takes no passwords" in refused.value.errors["pop3_sign_in"]


@pytest.mark.django_db
def test_it_is_a_kind_for_which_smtp_sends() -> None:
    kind = kinds.kind_of("pop3")
    assert (kind.receives, kind.sends, kind.sends_by) == (True, False, ("smtp",))
    looked = look({**ENTERED, "kind": "pop3", "active": True})
    assert set(looked.errors) == {"smtp_host"}
    looked = look({**ENTERED, "kind": "pop3", "smtp_host": "smtp.contoso.example", "active": True})
    assert set(looked.errors) == {"pop3_password", "smtp_password"}
    looked = look(
        {**ENTERED, "kind": "pop3", "smtp_host": "smtp.contoso.example", "active": True},
        secrets={"pop3_password": "s3cret", "smtp_password": "s3cret"},
    )
    assert not looked.errors


def test_another_port_or_user_is_another_mailbox_whose_mail_was_not_read_yet(db: None) -> None:
    """Deadlines rest on up to when a mailbox was read."""
    entered = {
        store.KIND: "pop3",
        store.SENDING_KIND: "smtp",
        "username": "approvals@contoso.example",
        "pop3_host": "localhost",
        "smtp_host": "localhost",
    }
    secrets = {"pop3_password": "s3cret", "smtp_password": "s3cret"}
    mailbox = store.save(entered, secrets=secrets, by="ada@contoso.example").mailbox
    for changed in ({"pop3_port": 1110}, {"pop3_user": "another"}):
        Mailbox.objects.update(read_until=clock.now())
        store.change(
            {"poll_seconds": 30}, by="ada@contoso.example", mailbox=Mailbox.objects.get(pk=mailbox.pk)
        )
        assert Mailbox.objects.get().read_until is not None
        now = Mailbox.objects.get(pk=mailbox.pk)
        store.change(changed, secrets=secrets, by="ada@contoso.example", mailbox=now)
        assert Mailbox.objects.get().read_until is None
