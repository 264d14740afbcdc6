"""The settings of what sends by SMTP, as they are entered."""

from typing import Any

import pytest

from placet.mailboxes import kinds
from placet.mailboxes.sasl import Password
from placet.mailboxes.settings import SettingsInvalid
from placet.mailboxes.smtp.connection import connect
from placet.mailboxes.smtp.settings import FIELDS, SmtpSettings

ENTERED: dict[str, Any] = {"username": "approvals@contoso.example", "smtp_host": "smtp.contoso.example"}
OAUTH = {
    "smtp_sign_in": "oauth-client",
    "smtp_token_uri": "https://login.contoso.example/token",
    "smtp_client_id": "placet",
}


def settings(**more: Any) -> SmtpSettings:
    return SmtpSettings.parse({**ENTERED, **more})[0]


def errors(**more: Any) -> dict[str, str]:
    with pytest.raises(SettingsInvalid) as invalid:
        settings(**more)
    return invalid.value.errors


def test_every_setting_has_its_row_and_comes_back_as_it_was() -> None:
    secrets = {"smtp_password", "smtp_client_secret", "smtp_refresh_token", "smtp_service_account_key"}
    assert {row.name for row in FIELDS} - secrets <= {*SmtpSettings.readers()}
    of_smtp = {name for name in SmtpSettings.readers() if name.startswith("smtp_")}
    assert of_smtp | secrets == {row.name for row in FIELDS if row.name.startswith("smtp_")}
    one = settings(smtp_port="2525", smtp_security="STARTTLS", **OAUTH)
    assert SmtpSettings.of_stored({**one.to_json(), "imap_host": "imap.contoso.example"}) == one


@pytest.mark.parametrize(("security", "port"), [("", 465), ("ssl", 465), ("starttls", 587)])
def test_the_usual_port_goes_with_the_security(security: str, port: int) -> None:
    assert settings(smtp_security=security).smtp_port == port
    assert settings(smtp_security="none", smtp_host="localhost").smtp_port == 25


def test_a_port_of_another_security_is_noticed() -> None:
    _settings, notices = SmtpSettings.parse({**ENTERED, "smtp_port": "587"})
    assert "STARTTLS" in notices["smtp_port"]
    assert not SmtpSettings.parse({**ENTERED, "smtp_port": "2525"})[1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("smtp_host", ""),
        ("smtp_host", "smtp.contoso.example:465"),
        ("smtp_host", "smtp://user@smtp.contoso.example"),
        ("smtp_host", "smtp.contoso.example/x"),
        ("smtp_host", "not a host"),
        ("smtp_host", "a" * 70 + ".example"),
        ("smtp_host", "[::1"),
        ("smtp_port", "0"),
        ("smtp_port", "70000"),
        ("smtp_security", "maybe"),
        ("smtp_security", "none"),  # not on this machine
        ("smtp_sign_in", "oauth-client"),
        ("smtp_user", "x" * 255),
        ("smtp_ehlo", "two words"),
        ("smtp_ehlo", "a\r\nQUIT"),
        ("smtp_token_uri", "http://login.contoso.example/token"),
        ("smtp_token_uri", "https://user:password@login.contoso.example/token"),
    ],
)
def test_what_cannot_be_is_named(name: str, value: str) -> None:
    found = errors(**{name: value})
    assert name in found or value == "oauth-client"
    if value == "oauth-client":
        assert set(found) == {"smtp_token_uri", "smtp_client_id"}


@pytest.mark.parametrize(
    ("entered", "host"),
    [("SMTP.Contoso.example", "smtp.contoso.example"), ("smtps://smtp.x.example/", "smtp.x.example"),
     ("192.0.2.7", "192.0.2.7"), ("[2001:db8::1]", "2001:db8::1")],
)  # fmt: skip
def test_hosts_as_they_are_written(entered: str, host: str) -> None:
    assert settings(smtp_host=entered).smtp_host == host


def test_a_secret_goes_where_it_was_entered_for() -> None:
    by_password, by_token = settings(), settings(**OAUTH)
    assert by_password.secret_goes_to("smtp_password") == "smtp.contoso.example:465"
    places = "https://login.contoso.example/token smtp.contoso.example:465"
    assert by_token.secret_goes_to("smtp_client_secret") == places
    needs = ("smtp_password", "smtp_client_secret", "smtp_refresh_token")
    assert [by_password.needs_secret(name) for name in needs] == [True, False, False]
    assert [by_token.needs_secret(name) for name in needs] == [False, True, False]
    by_consent = settings(**{**OAUTH, "smtp_sign_in": "oauth-refresh"})
    assert [by_consent.needs_secret(name) for name in needs] == [False, True, True]
    assert not any(settings(smtp_sign_in="none").needs_secret(name) for name in needs)
    assert by_token.urls() == {
        "smtp_host": "smtp://smtp.contoso.example:465",
        "smtp_token_uri": "https://login.contoso.example/token",
    }


def test_exchange_online_has_one_scope() -> None:
    scope = "https://outlook.office365.com/.default"
    assert settings(smtp_host="smtp.office365.com", **OAUTH).smtp_scope == scope
    assert settings(smtp_host="smtp.office365.com", smtp_scope="mine", **OAUTH).smtp_scope == "mine"
    assert settings(**OAUTH).smtp_scope == settings(smtp_host="smtp.office365.com").smtp_scope == ""


def test_a_connection_is_made_of_them_and_asks_nothing_yet() -> None:
    one = connect(settings(), {"smtp_password": "s3cret"}, key="1")
    proof = one._server.proof
    assert isinstance(proof, Password)
    assert (proof.user, proof.password.get_secret_value()) == ("approvals@contoso.example", "s3cret")
    assert one._server.sender == "approvals@contoso.example"
    assert connect(settings(smtp_sign_in="none"), {}, key="1")._server.proof is None
    assert list(one.steps()) == ["smtp_connect", "smtp_sign_in", "smtp_sender"]
    one.close()


def test_it_is_a_kind_that_sends_only() -> None:
    kind = kinds.kind_of("smtp")
    assert (kind.receives, kind.sends, kind.settings_class) == (False, True, SmtpSettings)
    assert kind.connection(settings(), {"smtp_password": "x"}, "1") is not None
