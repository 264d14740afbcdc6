"""Which stored secrets serve settings that are to be saved: whoever may change a mailbox must not be able to send its
secrets, or what they open it with, to a server of their own."""

from pathlib import Path
from typing import Any

import pytest

from placet.mailboxes.kinds import all_kinds, kind_of
from placet.mailboxes.models import Mailbox
from placet.mailboxes.secrets import CERTIFICATES, kept
from placet.mailboxes.settings import MailboxSettings
from tests.mailboxes.exchange_server.authority import made_authority

#: By kind, settings that sign in with access tokens, and others of the same that send these elsewhere.
WITH_TOKENS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    **{
        key: (
            {
                f"{key}_host": "mail.contoso.example",
                f"{key}_sign_in": "oauth-refresh",
                f"{key}_token_uri": "https://login.contoso.example/token",
                f"{key}_client_id": "placet",
            },
            {f"{key}_host": "mail.elsewhere.example"},
        )
        for key in ("imap", "pop3", "smtp")
    },
    "exchange-server": (
        {
            "exchange_server": "mail.contoso.example",
            "exchange_sign_in": "oauth",
            "exchange_token_uri": "https://login.contoso.example/token",
            "exchange_client_id": "placet",
        },
        {"exchange_server": "mail.elsewhere.example"},
    ),
}


@pytest.mark.parametrize("key", [key for key in WITH_TOKENS if key in all_kinds()])
def test_what_gets_access_tokens_is_asked_for_again_where_these_would_go_elsewhere(key: str) -> None:
    settings_class = kind_of(key).settings_class
    entered, elsewhere = WITH_TOKENS[key]
    before, _notices = settings_class.parse({"username": "approvals@contoso.example", **entered})
    secrets = {
        row.name: "s3cret" for row in before.rows if row.kind == "secret" and before.needs_secret(row.name)
    }
    mailbox = Mailbox(kind=key, settings=before.to_json(), secrets=secrets)
    assert secrets
    assert kept(before, mailbox).secrets == secrets

    after = settings_class.of_stored({**before.to_json(), **elsewhere})
    result = kept(after, mailbox)
    assert not result.secrets
    assert {*result.again, *result.dropped} == secrets.keys()
    if (
        "oauth-refresh" in entered.values()
    ):  # somebody signs in again, which is done once the settings are saved
        assert not result.again
        assert result.lacking.keys() == {f"{key}_refresh_token"}


OF_OWN_AUTHORITIES = [
    key
    for key, kind in all_kinds().items()
    if any(row.kind == CERTIFICATES for row in kind.settings_class.rows)
]


@pytest.mark.parametrize("key", OF_OWN_AUTHORITIES)
def test_a_secret_is_asked_for_again_where_somebody_else_vouches_for_the_server(
    key: str, tmp_path: Path
) -> None:
    """Whoever could add an authority and turn the name of the server to their own machine would be sent it."""
    settings_class = kind_of(key).settings_class
    (name,) = [row.name for row in settings_class.rows if row.kind == CERTIFICATES]
    first, other = (made_authority(tmp_path)[0] for _ in range(2))
    entered, _elsewhere = WITH_TOKENS[key]

    def settings(**more: str) -> MailboxSettings:
        return settings_class.parse({"username": "approvals@contoso.example", **entered, **more})[0]

    before = settings(**{name: first})
    secrets = {
        row.name: "s3cret" for row in before.rows if row.kind == "secret" and before.needs_secret(row.name)
    }
    mailbox = Mailbox(kind=key, settings=before.to_json(), secrets=secrets)
    assert kept(before, mailbox).secrets == secrets
    for changed in (settings(**{name: other}), settings(**{name: f"{first}\n{other}"}), settings()):
        assert not kept(changed, mailbox).secrets
        asked = kept(changed, mailbox)
        assert {*asked.again, *asked.dropped} == secrets.keys()
