"""The settings of an Exchange server of the organisation's own, as an administrator enters them."""

from pathlib import Path
from typing import Any

import pytest

from placet.mailboxes import authorities
from placet.mailboxes.fields import Field
from placet.mailboxes.microsoft.server.fields import CLIENT_SECRET, FIELDS, PASSWORD
from placet.mailboxes.microsoft.server.settings import ExchangeServerSettings
from placet.mailboxes.settings import SettingsInvalid

from .authority import NAME, made_authority

ENTERED = {"username": "approvals@contoso.com", "exchange_server": "mail.contoso.com"}


def settings(**more: Any) -> ExchangeServerSettings:
    return ExchangeServerSettings.parse({**ENTERED, **more})[0]


def errors(**more: Any) -> dict[str, str]:
    with pytest.raises(SettingsInvalid) as raised:
        settings(**more)
    return raised.value.errors


def test_address_and_server_are_enough() -> None:
    made = settings()
    assert made.ews_url == "https://mail.contoso.com/EWS/Exchange.asmx"
    assert (made.exchange_sign_in, made.exchange_user, made.exchange_opening) == (
        "windows",
        "approvals@contoso.com",
        "own",
    )
    assert made.protocol == "ews"


def test_nobodys_stamps_are_believed_that_no_administrator_named() -> None:
    """The server stamps no Authentication-Results, so whatever stands in a mail is the sender's own word."""
    made = settings()
    assert (made.authserv_id, made.trusted_hosts) == ("", ())


@pytest.mark.parametrize(
    ("entered", "server"),
    [
        ("https://mail.contoso.com/EWS/Exchange.asmx", "mail.contoso.com"),
        ("Mail.Contoso.com:8443", "mail.contoso.com:8443"),
        ("ex01", "ex01"),
        ("10.1.2.3", "10.1.2.3"),
    ],
)
def test_a_server_is_entered_as_one_has_it(entered: str, server: str) -> None:
    assert settings(exchange_server=entered).exchange_server == server


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"exchange_server": ""}, "exchange_server", "mail.contoso.com"),
        ({"exchange_server": "https://user:x@mail.contoso.com"}, "exchange_server", "password"),
        ({"exchange_server": "mail.contoso.com/owa"}, "exchange_server", "host alone"),
        ({"exchange_server": "outlook.office365.com"}, "exchange_server", "Exchange Online"),
        ({"exchange_server": "ftp://mail.contoso.com"}, "exchange_server", "https://"),
        ({"exchange_server": "http://mail.contoso.com"}, "exchange_server", "SSL"),
        ({"exchange_server": "mail contoso"}, "exchange_server", "host such as"),
        ({"exchange_security": "none"}, "exchange_security", "sandbox"),
        ({"exchange_user": "approvals"}, "exchange_user", "CONTOSO"),
        ({"exchange_user": "a:b@contoso.com"}, "exchange_user", "CONTOSO"),
        ({"exchange_sign_in": "digest"}, "exchange_sign_in", "windows"),
        ({"exchange_opening": "delegate"}, "exchange_opening", "impersonation"),
        ({"exchange_authorities": "hello"}, "exchange_authorities", "no certificate"),
        ({"exchange_sign_in": "oauth"}, "exchange_token_uri", "AD FS"),
        ({"exchange_token_uri": "http://adfs.contoso.com/adfs/oauth2/token"}, "exchange_token_uri", "clear"),
        ({"exchange_token_uri": "https://adfs.contoso.com"}, "exchange_token_uri", "whole address"),
        (
            {"exchange_server": "http://127.0.0.1:8080", "exchange_sign_in": "basic"},
            "exchange_sign_in",
            "clear",
        ),
    ],
)
def test_each_wrong_value_has_its_sentence(values: dict[str, str], field: str, words: str) -> None:
    assert words in errors(**values)[field]


def test_an_authority_is_uploaded_or_pasted(tmp_path: Path) -> None:
    root, _path = made_authority(tmp_path)
    for form in (root, root.encode(), root.replace("\n", " \r\n")):
        made = settings(exchange_authorities=form)
        assert made.exchange_authorities == root
        assert ExchangeServerSettings.parse(made.to_json())[0] == made


def test_whom_one_believes_is_shown(tmp_path: Path) -> None:
    root, _path = made_authority(tmp_path)
    notices = ExchangeServerSettings.parse({**ENTERED, "exchange_authorities": root})[1]
    [shown] = authorities.shown(root)
    for told in (NAME, shown.fingerprint, shown.until.date().isoformat()):
        assert told in notices["exchange_authorities"]


def test_oauth_asks_for_tokens_of_this_server() -> None:
    made = settings(
        exchange_sign_in="oauth",
        exchange_token_uri="https://adfs.contoso.com/adfs/oauth2/token",
        exchange_client_id="placet",
    )
    assert made.exchange_scope == "https://mail.contoso.com/.default"
    assert made.exchange_opening == "impersonation"


def test_each_secret_goes_where_it_was_meant_to_go() -> None:
    made = settings(exchange_token_uri="https://adfs.contoso.com/adfs/oauth2/token")
    assert made.secret_goes_to(PASSWORD) == "mail.contoso.com"
    assert made.secret_goes_to(CLIENT_SECRET) == "adfs.contoso.com mail.contoso.com"
    assert (made.needs_secret(PASSWORD), made.needs_secret(CLIENT_SECRET)) == (True, False)


def test_what_marks_nobody_cannot_be_confirmed_anew() -> None:
    made = settings(confirmed_mechanisms=["04", "10"])
    assert "10" in made.errors_of_new({})["confirmed_mechanisms"]
    assert made.proving_mechanisms == ("04",)
    assert "10" in made.never_proving_mechanisms
    assert not made.errors_of_new({"confirmed_mechanisms": ["04", "10"]})


def test_every_own_setting_has_its_row() -> None:
    rows = {row.name for row in FIELDS} - {PASSWORD, CLIENT_SECRET}
    assert set(ExchangeServerSettings.readers()) == rows


@pytest.mark.parametrize(
    "field", [row for row in FIELDS if row.name.startswith("exchange_")], ids=lambda row: row.name
)
def test_every_own_setting_is_documented(field: Field) -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "exchange-server.md"
    assert f"| {field.label} | `{field.name}` |" in page.read_text()
