"""The settings of a mailbox on an IMAP server: each wrong value has its sentence, and a secret its server."""

from typing import Any

import pytest

from placet.mailboxes import removal, store
from placet.mailboxes.base import Action, FixNeeded
from placet.mailboxes.imap.settings import ImapSettings
from placet.mailboxes.kinds import kind_of
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import SettingsInvalid
from tests.servers.dovecot import Dovecot

from .conftest import PASSWORD, Connect

BASE: dict[str, Any] = {"username": "approvals@contoso.com", "imap_host": "imap.contoso.com"}
OAUTH = {
    "imap_sign_in": "oauth-refresh",
    "imap_client_id": "placet",
    "imap_token_uri": "https://login.example.com/token",
}

WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"imap_host": ""}, "imap_host", "Enter the server"),
    ({"imap_host": "https://imap.contoso.com/mail"}, "imap_host", "host alone"),
    ({"imap_host": "imap.contoso.com:993"}, "imap_host", "field of its own"),
    ({"imap_port": "0"}, "imap_port", "from 1 to 65535"),
    ({"imap_security": "none"}, "imap_security", "read on the way"),
    ({"imap_sign_in": "magic"}, "imap_sign_in", "password"),
    ({"imap_sign_in": "oauth-client"}, "imap_token_uri", "needs it"),
    ({**OAUTH, "imap_token_uri": "http://login.example.com/token"}, "imap_token_uri", "https://"),
    ({"imap_host": "outlook.office365.com"}, "imap_sign_in", "takes no passwords"),
    (
        {"username": "me@Hotmail.fr", "imap_host": "outlook.office365.com"},
        "imap_sign_in",
        "by a person’s consent",
    ),
    (
        {
            **OAUTH,
            "imap_user": "me@live.co.uk",
            "imap_host": "outlook.office365.com",
            "imap_sign_in": "oauth-client",
        },
        "imap_sign_in",
        "no organisation lets",
    ),
    ({"imap_keyword": "two words"}, "imap_keyword", "one word"),
    ({"imap_keyword": "\\Deleted"}, "imap_keyword", "one word"),
    ({"imap_keyword": "x) UID EXPUNGE"}, "imap_keyword", "one word"),
    ({"imap_junk_folder": "a//b"}, "imap_junk_folder", "path of a folder"),
    ({"imap_junk_folder": "Placet/Processed"}, "handled_folder", "taken from"),
    ({"imap_sent_folder": "inbox"}, "imap_sent_folder", "taken from"),
    ({"imap_nothing": "x"}, "imap_nothing", "no such setting"),
]


@pytest.mark.parametrize(("changed", "name", "words"), WRONG)
def test_a_wrong_value_is_named_in_words(changed: dict[str, Any], name: str, words: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        ImapSettings.parse({**BASE, **changed})
    assert words in caught.value.errors[name]


def test_what_is_not_entered_follows_from_what_is() -> None:
    settings, _ = ImapSettings.parse(BASE)
    assert (settings.imap_port, settings.imap_security, settings.protocol) == (993, "ssl", "imap")
    assert ImapSettings.parse({**BASE, "imap_security": "starttls"})[0].imap_port == 143
    exchange = {**BASE, **OAUTH, "imap_sign_in": "oauth-client", "imap_host": "outlook.office365.com"}
    assert ImapSettings.parse(exchange)[0].imap_scope == "https://outlook.office365.com/.default"
    assert ImapSettings.of_stored(settings.to_json()) == settings


def test_each_secret_goes_to_one_server_and_is_asked_for_where_it_is_used() -> None:
    every = [row.name for row in ImapSettings.rows if row.kind == "secret"]
    secrets = ["imap_password", "imap_client_secret", "imap_refresh_token"]
    assert set(every) == {*secrets, "imap_service_account_key"}
    by_password, _ = ImapSettings.parse(BASE)
    by_consent, _ = ImapSettings.parse({**BASE, **OAUTH})
    assert [name for name in secrets if by_password.needs_secret(name)] == ["imap_password"]
    assert [name for name in secrets if by_consent.needs_secret(name)] == secrets[1:]
    assert by_consent.secret_goes_to("imap_password") == "imap.contoso.com:993"
    assert (
        [by_consent.secret_goes_to(name) for name in secrets[1:]]
        == [
            "https://login.example.com/token imap.contoso.com:993",
            "https://login.example.com/token placet imap.contoso.com:993",  # what one client was given serves no other
        ]
    )


def test_the_kind_is_one_that_receives_and_that_smtp_sends_for() -> None:
    kind = kind_of("imap")
    assert (kind.receives, kind.sends, kind.sends_by) == (True, False, ("smtp",))
    assert kind.settings_class is ImapSettings
    connection = kind.connection(ImapSettings.parse(BASE)[0], {"imap_password": "x"}, "1")
    connection.close()  # nothing was sent


def test_a_keyword_that_the_server_does_not_keep_is_said(
    server: Dovecot, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at Exchange, which keeps its own marks alone."""
    connection = connect(server, keyword="$PlacetHandled")
    monkeypatch.setattr(
        "placet.mailboxes.imap.client._flags", lambda argument: (frozenset({b"\\seen"}), False)
    )
    validity = connection.run(lambda session: session.client.select(b"INBOX").uidvalidity)
    with pytest.raises(FixNeeded, match="PlacetHandled"):
        list(connection.mark([f"{validity}.1.INBOX"], Action.MARK_READ, ""))
    assert PASSWORD not in repr(connection.account)


@pytest.mark.django_db
def test_what_was_confirmed_of_one_servers_stamps_is_no_word_about_another() -> None:
    confirmed = {"profile": {"ids": ["mx.contoso.com"]}}
    entered = {**BASE, "kind": "imap", "smtp_host": "smtp.contoso.com"}
    mailbox = store.save(entered, by="ada").mailbox

    def kept_after(changes: dict[str, Any]) -> dict[str, Any]:
        Mailbox.objects.filter(pk=mailbox.pk).update(stamps=confirmed)
        row = store.change(changes, by="ada", mailbox=Mailbox.objects.get(pk=mailbox.pk)).mailbox
        row.refresh_from_db()
        return dict(row.stamps)

    assert kept_after({"poll_seconds": 60, "imap_port": 1993, "smtp_host": "out.contoso.com"}) == confirmed
    assert kept_after({"imap_host": "imap.elsewhere.example"}) == {}

    Mailbox.objects.filter(pk=mailbox.pk).update(stamps=confirmed)
    removal.remove(mailbox, by="ada")
    again = store.save({**entered, "imap_host": "imap.third.example"}, by="ada").mailbox
    again.refresh_from_db()
    assert (again.pk, again.stamps) == (mailbox.pk, {})
