from datetime import UTC, datetime
from typing import Any

import pytest

from placet.mailboxes.base import Action
from placet.mailboxes.microsoft.fields import FIELDS
from placet.mailboxes.microsoft.scope import clean_scope
from placet.mailboxes.microsoft.settings import ExchangeSettings, needs_secret_again, read_client_secret
from placet.mailboxes.settings import SettingsInvalid, Wrong

TENANT = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
TOKEN_URI = f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"
GOOD = {
    "username": "approvals@contoso.com",
    "client_id": "535fb089-9ff3-47b6-9bfb-4f1264799865",
    "token_uri": TOKEN_URI,
}


def parse(**more: Any) -> ExchangeSettings:
    return ExchangeSettings.parse({**GOOD, **more})[0]


def error(field: str, **more: Any) -> str:
    with pytest.raises(SettingsInvalid) as caught:
        parse(**more)
    assert set(caught.value.errors) == {field}
    return caught.value.errors[field]


def test_three_settings_are_enough() -> None:
    settings, notices = ExchangeSettings.parse(GOOD)
    assert notices == {}
    assert (settings.protocol, settings.cloud) == ("graph", "worldwide")
    assert settings.graph_url == "https://graph.microsoft.com/v1.0"
    assert settings.scope == "https://graph.microsoft.com/.default"
    assert (settings.poll_seconds, settings.mails_per_poll) == (20, 100)
    assert (settings.handled, settings.handled_folder) == (Action.MOVE, "Placet/Processed")
    assert settings.set_aside_folder == "Placet/Set aside"
    assert (settings.refusals_per_hour, settings.sends_per_minute) == (5, 25)
    assert settings.plus_addressing
    assert settings.confirmed_mechanisms == ("04",)
    assert settings.own_domains == (GOOD["username"].partition("@")[2],)
    assert settings.same_organisation == ()
    assert settings.trusted_hosts == (".outlook.com",)
    assert settings.max_size == 36 * 1024 * 1024
    assert not settings.active


def test_every_error_is_told_at_once() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        ExchangeSettings.parse({"poll_seconds": "4", "mails_per_poll": "501", "colour": "red"})
    assert set(caught.value.errors) == {
        "username",
        "client_id",
        "token_uri",
        "poll_seconds",
        "mails_per_poll",
        "colour",
    }
    assert "Poll interval: Enter a whole number from 5 to 3600." in str(caught.value)


def test_what_is_stored_can_be_read_again() -> None:
    settings = parse(
        server_address="mail.contoso.com:8443",
        active="yes",
        since="2026-11-24T08:00+01:00",
        handled="delete",
        confirmed_mechanisms="04, 0a",
        trusted_hosts="outlook.com .contoso.com",
        plus_addressing=False,
    )
    assert settings.since == datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
    assert settings.confirmed_mechanisms == ("04", "0A")
    assert settings.trusted_hosts == (".outlook.com", ".contoso.com")
    assert ExchangeSettings.parse(settings.to_json()) == (settings, {})


def test_the_form_has_a_row_for_every_setting_and_for_the_secret() -> None:
    assert {row.name for row in FIELDS} == {*ExchangeSettings.readers(), "client_secret", "secret_expires_on"}
    assert set(ExchangeSettings.readers()) == set(parse().to_json())
    assert all(row.label and row.help for row in FIELDS)


def test_activation_takes_mail_from_now_on_unless_a_date_is_given() -> None:
    now = datetime(2026, 11, 24, 10, 0, 0, 5, tzinfo=UTC)
    assert ExchangeSettings.parse({**GOOD, "active": True}, now)[0].since == now.replace(microsecond=0)
    assert parse(since="2026-11-01").since == datetime(2026, 11, 1, tzinfo=UTC)
    assert parse().since is None


@pytest.mark.parametrize(
    ("entered", "address"),
    [
        ("outlook.office365.com", "outlook.office365.com"),
        (" https://Outlook.Office365.com/ews/exchange.asmx ", "outlook.office365.com"),
        ("https://mail.contoso.com/", "mail.contoso.com"),
    ],
)
def test_the_server_is_a_host_or_an_address(entered: str, address: str) -> None:
    assert parse(server_address=entered).server_address == address


def test_plain_http_is_for_the_sandbox_alone() -> None:
    assert parse(server_address="http://127.0.0.1:8025").ews_url == "http://127.0.0.1:8025/EWS/Exchange.asmx"
    assert parse(server_address="[::1]:8025", security="none").ews_url.startswith("http://[::1]:8025/")
    assert "read on the way" in error("security", security="none")
    assert "https://" in error("server_address", server_address="http://outlook.office365.com")
    assert "read on the way" in error("security", server_address="127.0.0.1.contoso.com", security="none")


@pytest.mark.parametrize(
    "entered",
    ["user:pw@mail.contoso.com", "a b", "https://mail.contoso.com/owa", "ftp://mail.contoso.com", "x@y.com"],
)
def test_odd_server_addresses_are_refused(entered: str) -> None:
    assert error("server_address", server_address=entered)


@pytest.mark.parametrize("domain", ["outlook.com", "hotmail.fr", "live.co.uk", "MSN.com"])
def test_a_personal_mailbox_is_refused_with_the_reason(domain: str) -> None:
    assert "mailboxes of an organisation" in error("username", username=f"me@{domain}")


@pytest.mark.parametrize(
    "username",
    [
        "approvals", "a@b@c.com", "a+b@contoso.com", "Approvals <a@contoso.com>", "büro@contoso.com",
        "a@straße.example", "a@bü..example", "a@" + "ü" * 70 + ".example", "\u212a@contoso.com", "a@contoſo..com",
    ],
)  # fmt: skip
def test_username_is_one_plain_address(username: str) -> None:
    assert error("username", username=username)


def test_a_domain_in_unicode_is_kept_as_mails_have_it() -> None:
    settings = parse(
        username="approvals@bücher.example", reply_to="Replies@BÜCHER.example", own_domains="müller.example"
    )
    assert settings.username == "approvals@xn--bcher-kva.example"
    assert settings.reply_to == "Replies@xn--bcher-kva.example"
    assert settings.own_domains == ("xn--mller-kva.example",)


def test_what_belongs_elsewhere_is_recognised_in_the_client_id() -> None:
    assert "looks like a client secret" in error(
        "client_id", client_id="abc8Q~defghijklmnopqrstuvwxyz0123456789"
    )
    assert "name of a tenant" in error("client_id", client_id="contoso.onmicrosoft.com")
    assert "Overview" in error("client_id", client_id="Approvals")
    assert "Directory (tenant) ID" in error("client_id", client_id=TENANT)
    assert parse(client_id="{535FB089-9FF3-47B6-9BFB-4F1264799865}").client_id == GOOD["client_id"]


@pytest.mark.parametrize("tenant", [TENANT, "contoso.onmicrosoft.com", f"{{{TENANT}}}"])
def test_a_tenant_alone_becomes_the_whole_token_uri(tenant: str) -> None:
    settings, notices = ExchangeSettings.parse({**GOOD, "token_uri": tenant})
    assert settings.token_uri == f"https://login.microsoftonline.com/{tenant.strip('{}')}/oauth2/v2.0/token"
    assert settings.token_uri in notices["token_uri"]


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("https://login.microsoftonline.com/{directory_tenant_ID}/oauth2/v2.0/token", "in place of the part"),
        ("{directory_tenant_ID}", "in place of the part"),
        ("https://login.microsoftonline.com/common/oauth2/v2.0/token", "your own tenant"),
        ("https://login.microsoftonline.com/organizations/oauth2/v2.0/token", "your own tenant"),
        (f"http://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token", "must not travel in clear"),
        (f"https://login.microsoftonline.com/{TENANT}/oauth2/v3.0/token", "must look like"),
        (f"https://login.microsoftonline.com/{TENANT}/saml2", "must look like"),
        (TOKEN_URI + "?x=1", "without ?"),
        (TOKEN_URI + "#x", "without ?"),
        (TOKEN_URI + "?", "without ?"),
        ("https://user:pw@login.microsoftonline.com/x", "user or a password"),
        ("https://login.microsoftonline.com/my tenant/oauth2/v2.0/token", "neither"),
        ("login.microsoftonline.com/x/oauth2/v2.0/token", "beginning with https://"),
        ("contoso", "is neither a Directory (tenant) ID nor a domain"),
        (TENANT[:-1], "not a whole ID"),
        (f"https://login.microsoftonline.com/{TENANT[:-2]}/oauth2/v2.0/token", "not a whole ID"),
        ("https://login.contoso.com", "no path"),
        ("file:///etc/passwd", "https://"),
        ("https://[::1", "no address"),
        ("https://login..contoso.com/t/oauth2/v2.0/token", "no address"),
        (f"https://{'a' * 64}.contoso.com/t/oauth2/v2.0/token", "no address"),
    ],
)
def test_odd_token_addresses_are_refused_in_words(uri: str, words: str) -> None:
    assert words in error("token_uri", token_uri=uri)


@pytest.mark.parametrize(
    "path",
    ["oauth2/token", "oauth2/v2.0/authorize", "oauth2/authorize", "v2.0/.well-known/openid-configuration"],
)
def test_other_addresses_of_the_tenant_are_read_as_the_one_that_tokens_come_from(path: str) -> None:
    entered = f"https://login.microsoftonline.com/{TENANT}/{path}"
    settings, notices = ExchangeSettings.parse({**GOOD, "token_uri": entered})
    assert settings.token_uri == f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"
    assert "another address of the same tenant" in notices["token_uri"]


def test_the_token_uri_of_the_sandbox_may_be_plain_http() -> None:
    uri = "http://127.0.0.1:8025/tenant/oauth2/v2.0/token"
    settings = parse(token_uri=uri, server_address="http://127.0.0.1:8025")
    assert (settings.token_uri, settings.cloud) == (uri, "own")
    assert "Enter the host" in error("server_address", token_uri=uri)


@pytest.mark.parametrize(
    ("entered", "cut"),
    [
        ("https://outlook.office365.com/.default", False),
        ("https://outlook.office365.com/.default&grant_type=client_credentials", True),
        (" scope=https://outlook.office365.com/.default ", False),
        ("https%3A%2F%2Foutlook.office365.com%2F.default%26grant_type%3Dclient_credentials", True),
        ("https://outlook.office365.com/.default&", True),
    ],
)
def test_the_scope_of_workflowgen_is_cut_with_a_notice(entered: str, cut: bool) -> None:
    scope, notice = clean_scope(entered)
    assert scope == "https://outlook.office365.com/.default"
    assert bool(notice) == cut
    assert ExchangeSettings.parse({**GOOD, "scope": entered})[1] == ({"scope": notice} if cut else {})


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ("https://outlook.office365.com/.default&grant_type=password", "nothing after it"),
        ("https://outlook.office365.com/.default&client_id=x", "nothing after it"),
        ("https://outlook.office365.com/EWS.AccessAsUser.All", "/.default"),
        ("https://outlook.office365.com/.default https://graph.microsoft.com/.default", "exactly one"),
        ("outlook", "/.default"),
    ],
)
def test_other_scopes_are_refused(scope: str, words: str) -> None:
    assert words in error("scope", scope=scope)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("security", "starttls"),
        ("reply_to", "nobody"),
        ("active", "perhaps"),
        ("poll_seconds", "3601"),
        ("poll_seconds", True),
        ("mails_per_poll", "0"),
        ("mails_per_poll", "1.5"),
        ("handled", "burn"),
        ("handled_folder", "a//b"),
        ("handled_folder", "Inbox"),
        ("handled_folder", "x\x00y"),
        ("set_aside_folder", "Placet/Processed"),
        ("refusals_per_hour", "-1"),
        ("sends_per_minute", "0"),
        ("since", "yesterday"),
        ("confirmed_mechanisms", "4"),
        ("trusted_hosts", "not a host!"),
        ("authserv_id", "two words"),
        ("own_networks", "mx.contoso.com"),
        ("own_networks", "10.0.0.0/33"),
        ("own_networks", "0.0.0.0/0"),
        ("own_networks", "::/0"),
        ("own_networks", "8.0.0.0/8"),
        ("own_networks", "10.0.0.0/7"),
        ("own_networks", "2001:db8::/31"),
        ("max_size", "12"),
        ("username", 5),
        ("username", "a" * 3000),
    ],
)
def test_each_field_says_what_it_takes(field: str, value: Any) -> None:
    assert error(field, **{field: value}).endswith((".", "\\."))


def test_own_networks_are_addresses_and_networks_of_ones_own() -> None:
    assert parse().own_networks == ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
    entered = "203.0.113.7, 10.1.2.3/16; 2001:db8::/32\n203.0.113.7"
    assert parse(own_networks=entered).own_networks == ("203.0.113.7/32", "10.1.0.0/16", "2001:db8::/32")
    assert parse(own_networks="").own_networks == (), "emptied on purpose"


@pytest.mark.parametrize("mechanism", ["03", "05", "08", "10", "11", "12"])
def test_a_stored_mechanism_that_never_proves_stops_no_mailbox_and_is_shown(mechanism: str) -> None:
    settings, notices = ExchangeSettings.parse({**GOOD, "confirmed_mechanisms": ["04", mechanism]})
    assert settings.confirmed_mechanisms == ("04", mechanism)
    assert settings.proving_mechanisms == ("04",)
    assert mechanism in settings.never_proving_mechanisms
    assert notices["confirmed_mechanisms"].startswith(f"{mechanism} proves nobody")


def test_emptied_mechanisms_prove_nobody() -> None:
    assert parse(confirmed_mechanisms=[]).confirmed_mechanisms == ()
    assert parse(confirmed_mechanisms="").confirmed_mechanisms == ()


def test_a_new_address_demands_the_secret_again() -> None:
    old = parse()
    assert needs_secret_again(old, parse(username="other@contoso.com", poll_seconds=60)) is None
    assert needs_secret_again(old, parse(server_address="OUTLOOK.office365.com")) is None
    assert "server address" in str(needs_secret_again(old, parse(server_address="mail.evil.example")))
    other = "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token"
    assert "access token URI" in str(needs_secret_again(old, parse(token_uri=other)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Enter the client secret"),
        ("535fb089-9ff3-47b6-9bfb-4f1264799865", "secret's ID"),
        ("**********", "masked"),
        ("two words", "no spaces"),
        ("sécret", "no spaces and no special"),
        ("x" * 501, "too long"),
    ],
)
def test_what_is_no_secret_is_recognised(text: str, words: str) -> None:
    with pytest.raises(Wrong) as caught:
        read_client_secret(text)
    assert words in str(caught.value)


def test_a_secret_is_taken_and_not_shown() -> None:
    secret = read_client_secret(" abc8Q~s3cr+t/= \n")
    assert secret.get_secret_value() == "abc8Q~s3cr+t/="
    assert "abc8Q" not in repr(secret) + str(secret)


@pytest.mark.parametrize(
    "since",
    ["9999-12-31T23:59-14:00", "9999-12-31", "0001-01-01T00:00+14:00", "0001-01-01", "3000-01-01"],
)
def test_a_date_at_the_end_of_the_calendar_is_refused_in_words(since: str) -> None:
    assert "Enter a date" in error("since", since=since)


def test_the_two_folders_differ_in_more_than_capitals() -> None:
    same = error("set_aside_folder", handled_folder="Placet/Done", set_aside_folder="placet/DONE")
    assert same == "Choose another folder than the one for handled mail."


@pytest.mark.parametrize(
    "field", ["trusted_hosts", "confirmed_mechanisms", "own_domains", "same_organisation"]
)
def test_a_list_is_not_endless(field: str) -> None:
    for many in ([".outlook.com"] * 500, "04, " * 1000):
        assert "too long" in error(field, **{field: many})


@pytest.mark.parametrize(
    "path",
    [f"/{TENANT}/oauth2/v2.0/token/", f"//{TENANT}/oauth2/v2.0/token", f"/{TENANT}//oauth2/v2.0/token"],
)
def test_slashes_too_many_are_taken_out_of_an_address_of_entra(path: str) -> None:
    settings, notices = ExchangeSettings.parse(
        {**GOOD, "token_uri": f"https://login.microsoftonline.com{path}"}
    )
    assert settings.token_uri == f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"
    assert notices == {}


def test_a_scope_that_is_no_address_is_refused_in_our_words() -> None:
    assert "The scope must end in /.default" in error("scope", scope="https://[bad/.default")


@pytest.mark.parametrize(
    ("typed", "domains"),
    [
        ("Contoso.com, @contoso.de;fabrikam.co.uk", ("contoso.com", "contoso.de", "fabrikam.co.uk")),
        (["contoso.com", "contoso.com"], ("contoso.com",)),
        ("xn--bcher-kva.example", ("xn--bcher-kva.example",)),
        ("", ("contoso.com",)),
        ([], ("contoso.com",)),
    ],
)
def test_own_domains_are_never_none(typed: str | list[str], domains: tuple[str, ...]) -> None:
    assert parse(username="approvals@Contoso.com", own_domains=typed).own_domains == domains


@pytest.mark.parametrize(
    "typed",
    ["com", ".contoso.com", "*.contoso.com", "contoso", "straße.example", "contoso.com.", "a@contoso.com"],
)
def test_a_part_of_a_domain_is_none(typed: str) -> None:
    assert "domains in full" in error("own_domains", own_domains=typed)


@pytest.mark.parametrize("typed", ["gmail.com", "contoso.com, outlook.com"])
def test_what_everybody_can_have_an_address_in_is_nobodys_own(typed: str) -> None:
    assert "belongs to no organisation" in error("own_domains", own_domains=typed)


def test_other_mailboxes_are_named_by_their_addresses() -> None:
    assert parse(same_organisation="Office@Contoso.com").same_organisation == ("office@contoso.com",)
    assert "Enter addresses of mailboxes" in error("same_organisation", same_organisation="contoso.com")
