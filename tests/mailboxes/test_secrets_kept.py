"""Which stored secrets serve settings that are to be saved: whoever may change a mailbox must not be able to send its
secrets, or what they open it with, to a server of their own."""

from typing import Any

import pytest

from placet.mailboxes.kinds import all_kinds, kind_of
from placet.mailboxes.models import Mailbox
from placet.mailboxes.secrets import kept

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
