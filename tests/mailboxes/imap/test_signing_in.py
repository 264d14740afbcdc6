"""Signing in, by each way, at a Dovecot."""

import pytest
from pydantic import SecretStr

from placet.mailboxes.base import FixNeeded, Wait
from placet.mailboxes.imap.client import Account, opened
from placet.mailboxes.imap.connection import account_of
from placet.mailboxes.imap.settings import ImapSettings
from placet.mailboxes.oauth import RefreshGrant, fetch_token
from tests.mailboxes.stub import running_stub, token_reply
from tests.servers.dovecot import Dovecot, dovecot

from .conftest import PASSWORD, account


class Tokens:
    """Gives one token after another, and remembers which were refused."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = [SecretStr(token) for token in tokens]
        self.refused: list[str] = []

    def token(self) -> SecretStr:
        return self.tokens[0]

    def invalidate(self, token: SecretStr) -> None:
        self.refused.append(token.get_secret_value())
        if len(self.tokens) > 1:
            self.tokens.pop(0)


def signs_in(account: Account) -> None:
    client = opened(account)
    client.alive()
    client.close()


@pytest.mark.parametrize("security", ["ssl", "starttls"])
def test_by_password(server: Dovecot, user: str, security: str) -> None:
    port = server.ports["imaps" if security == "ssl" else "imap"]
    signs_in(account(server, user, port=port, security=security))
    with pytest.raises(FixNeeded) as caught:
        opened(account(server, user, port=port, security=security, secret=SecretStr("wrong")))
    assert "user name and password" in caught.value.cause
    assert caught.value.not_done
    assert caught.value.details["code"] == "AUTHENTICATIONFAILED"


def test_by_token_and_by_a_new_one_where_the_first_is_over(server: Dovecot, user: str) -> None:
    signs_in(account(server, user, secret=Tokens(server.token(user))))
    tokens = Tokens(server.token(user, seconds=-60), server.token(user))
    signs_in(account(server, user, secret=tokens))
    assert len(tokens.refused) == 1
    with pytest.raises(FixNeeded) as caught:
        opened(account(server, user, secret=Tokens(server.token("box79@example.test"))))
    assert "access token" in caught.value.cause
    assert caught.value.not_done


def test_by_token_where_the_server_has_oauthbearer_alone(user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    more = "auth_mechanisms {\n  plain = no\n  login = no\n  xoauth2 = no\n}\n"
    with dovecot({user: PASSWORD}, more=more) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.authority.certificate))
        signs_in(account(server, user, secret=Tokens(server.token(user))))
        with pytest.raises(FixNeeded) as caught:  # after the challenge, which wants an answer of its own
            opened(account(server, user, secret=Tokens("no.token.at-all")))
        assert "access token" in caught.value.cause
        with pytest.raises(FixNeeded) as caught:
            opened(account(server, user))
        assert "OAUTHBEARER" in caught.value.cause


def test_in_the_clear_on_this_machine_alone(user: str) -> None:
    with dovecot({user: PASSWORD}, cleartext=True) as server:
        signs_in(account(server, user, host="127.0.0.1", port=server.ports["imap"], security="none"))
    with pytest.raises(ValueError, match="not this machine"):
        opened(account(server, user, host="imap.example.com", port=143, security="none"))


def test_a_server_that_is_not_trusted_or_not_there_gets_nothing(
    server: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(FixNeeded, match="certificate of localhost is not trusted"):
        opened(account(server, user))
    with pytest.raises(FixNeeded, match="does not speak TLS"):
        opened(account(server, user, port=server.ports["imap"]))
    with pytest.raises(Wait) as caught:
        opened(account(server, user, port=1))
    assert caught.value.not_done
    assert f"{user}" not in server.log()


def test_a_refresh_token_becomes_an_access_token(server: Dovecot, user: str) -> None:
    with running_stub() as stub:
        settings, _ = ImapSettings.parse(
            {
                "username": user,
                "imap_host": "localhost",
                "imap_port": server.ports["imaps"],
                "imap_security": "ssl",
                "imap_sign_in": "oauth-refresh",
                "imap_client_id": "placet",
                "imap_token_uri": stub.token_uri,
            }
        )
        stub.token_replies = [token_reply(server.token(user))]
        secrets = {"imap_client_secret": "s3cret", "imap_refresh_token": "granted-once"}
        signs_in(account_of(settings, secrets, key=user))
        [request] = stub.token_requests
        assert "grant_type=refresh_token" in request.body.decode()
        assert "refresh_token=granted-once" in request.body.decode()
        empty = RefreshGrant(stub.token_uri, "placet", "", SecretStr("s3cret"), SecretStr(""))
        with pytest.raises(FixNeeded, match="Nobody has agreed yet"):
            fetch_token(empty)
        assert len(stub.token_requests) == 1
