"""Way, cloud, hosts, scope and URI: one choice fills in the others, and nothing entered is lost in silence."""

import importlib
from typing import Any

import pytest

from placet.mailboxes.microsoft.clouds import CLOUDS, LOGIN_HOSTS, same_cloud
from placet.mailboxes.microsoft.settings import ExchangeSettings, needs_secret_again
from placet.mailboxes.settings import SettingsInvalid

TENANT = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
GOOD = {
    "username": "approvals@contoso.com",
    "client_id": "535fb089-9ff3-47b6-9bfb-4f1264799865",
    "token_uri": TENANT,
}


def parse(**more: Any) -> tuple[ExchangeSettings, dict[str, str]]:
    return ExchangeSettings.parse({**GOOD, **more})


@pytest.mark.parametrize(
    ("cloud", "login", "graph", "outlook"),
    [
        ("worldwide", "login.microsoftonline.com", "graph.microsoft.com", "outlook.office365.com"),
        ("gcc_high", "login.microsoftonline.us", "graph.microsoft.us", "outlook.office365.us"),
        ("dod", "login.microsoftonline.us", "dod-graph.microsoft.us", "outlook-dod.office365.us"),
        (
            "china",
            "login.partner.microsoftonline.cn",
            "microsoftgraph.chinacloudapi.cn",
            "partner.outlook.cn",
        ),
    ],
)
def test_one_choice_fills_every_host_scope_and_uri(cloud: str, login: str, graph: str, outlook: str) -> None:
    for protocol, host in (("graph", graph), ("ews", outlook)):
        settings, _notices = parse(cloud=cloud, protocol=protocol)
        assert settings.token_uri == f"https://{login}/{TENANT}/oauth2/v2.0/token"
        assert (settings.server_address, settings.scope) == (host, f"https://{host}/.default")
        assert ExchangeSettings.parse(settings.to_json()) == (settings, {})


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("other", CLOUDS)
def test_another_choice_replaces_what_the_first_one_filled_in(cloud: str, other: str) -> None:
    for protocol in ("graph", "ews"):
        stored = parse(cloud=cloud, protocol=protocol)[0].to_json()
        for new_protocol in ("graph", "ews"):
            settings, notices = ExchangeSettings.parse({**stored, "cloud": other, "protocol": new_protocol})
            wanted = parse(cloud=other, protocol=new_protocol)[0]
            assert settings == wanted
            changed = {
                name
                for name in ("server_address", "scope", "token_uri")
                if stored[name] != getattr(wanted, name)
            }
            assert set(notices) == changed


@pytest.mark.parametrize(
    ("entered", "protocol", "cloud"),
    [
        ({}, "graph", "worldwide"),
        (
            {"scope": "https://outlook.office365.com/.default&grant_type=client_credentials"},
            "ews",
            "worldwide",
        ),
        ({"scope": "https://outlook.office.com/.default"}, "ews", "worldwide"),
        ({"server_address": "outlook.office365.com"}, "ews", "worldwide"),
        ({"server_address": "mail.contoso.com"}, "ews", "worldwide"),
        ({"server_address": "https://graph.microsoft.com/v1.0"}, "graph", "worldwide"),
        ({"server_address": "graph.microsoft.us"}, "graph", "gcc_high"),
        ({"scope": "https://graph.microsoft.com/.default"}, "graph", "worldwide"),
        ({"token_uri": f"https://login.microsoftonline.us/{TENANT}/oauth2/v2.0/token"}, "graph", "gcc_high"),
        (
            {
                "token_uri": f"https://login.microsoftonline.us/{TENANT}/oauth2/v2.0/token",
                "server_address": "dod-graph.microsoft.us",
            },
            "graph",
            "dod",
        ),
        ({"token_uri": f"https://login.chinacloudapi.cn/{TENANT}/oauth2/v2.0/token"}, "graph", "china"),
        (
            {"token_uri": "http://127.0.0.1:8025/t/oauth2/v2.0/token", "server_address": "127.0.0.1:8025"},
            "graph",
            "own",
        ),
    ],
)
def test_what_was_not_chosen_is_seen_from_what_was_entered(
    entered: dict[str, str], protocol: str, cloud: str
) -> None:
    settings, _notices = parse(**entered)
    assert (settings.protocol, settings.cloud) == (protocol, cloud)


@pytest.mark.parametrize(
    ("cloud", "login"),
    [
        ("worldwide", "login.microsoftonline.us"),
        ("worldwide", "login.microsoftonline.us:443"),
        ("worldwide", "login.partner.microsoftonline.cn"),
        ("china", "login.microsoftonline.com"),
    ],
)
@pytest.mark.parametrize("filled_in", [True, False])
def test_no_secret_goes_to_the_login_of_another_cloud_than_the_one_entered(
    cloud: str, login: str, filled_in: bool
) -> None:
    """The form has Cloud, server and scope filled in: whoever enters only the URI did not choose against it."""
    before = parse(cloud=cloud)[0].to_json() if filled_in else {"cloud": cloud}
    entered = f"https://{login}/{TENANT}/oauth2/v2.0/token"
    with pytest.raises(SettingsInvalid) as caught:
        ExchangeSettings.parse({**GOOD, **before, "token_uri": entered})
    assert set(caught.value.errors) == {"token_uri"}
    assert "belongs to another cloud" in caught.value.errors["token_uri"]


def test_a_port_is_no_reason_to_keep_the_login_of_the_cloud_before() -> None:
    stored = parse(cloud="gcc_high")[0].to_json()
    stored["token_uri"] = f"https://login.microsoftonline.us:443/{TENANT}/oauth2/v2.0/token"
    settings, notices = ExchangeSettings.parse({**stored, "cloud": "worldwide"})
    assert settings.token_uri == f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"
    assert "login.microsoftonline.us was replaced" in notices["token_uri"]


def test_hosts_of_no_cloud_of_microsofts_are_kept_and_said() -> None:
    settings, notices = parse(
        cloud="worldwide",
        protocol="graph",
        server_address="http://127.0.0.1:8025",
        token_uri="http://127.0.0.1:8025/t/oauth2/v2.0/token",
    )
    assert (settings.cloud, settings.server_address) == ("own", "127.0.0.1:8025")
    assert "Own addresses" in notices["cloud"]
    assert settings.scope == "https://graph.microsoft.com/.default"


def test_the_organisations_own_name_stays_for_exchange_web_services() -> None:
    settings, notices = parse(cloud="worldwide", protocol="ews", server_address="mail.contoso.com")
    assert (settings.cloud, settings.server_address) == ("worldwide", "mail.contoso.com")
    assert "server_address" not in notices


def test_the_scope_follows_the_way_at_addresses_of_ones_own_too() -> None:
    own = {"cloud": "own", "server_address": "127.0.0.1:8025", "token_uri": "http://127.0.0.1:8025/t/token"}
    settings, notices = parse(**own, protocol="graph", scope="https://outlook.office365.us/.default")
    assert settings.scope == "https://graph.microsoft.us/.default"
    assert "was replaced" in notices["scope"]
    custom, notices = parse(**own, protocol="graph", scope="api://mail.contoso.com/.default")
    assert custom.scope == "api://mail.contoso.com/.default"
    assert "scope" not in notices


@pytest.mark.parametrize("field", ["protocol", "cloud"])
def test_unknown_choices_are_named(field: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        parse(**{field: "mapi"})
    assert set(caught.value.errors) == {field}
    assert "Choose one of" in caught.value.errors[field]


def test_the_secret_goes_on_to_the_other_way_of_the_same_cloud_only() -> None:
    ews, graph = parse(protocol="ews")[0], parse(protocol="graph")[0]
    assert needs_secret_again(ews, graph) is None
    assert needs_secret_again(graph, ews) is None
    assert "token URI" in str(needs_secret_again(ews, parse(protocol="graph", cloud="gcc_high")[0]))
    own = parse(protocol="ews", server_address="mail.contoso.com")[0]
    assert "server address" in str(needs_secret_again(own, graph))
    gcc, dod = parse(cloud="gcc_high")[0], parse(cloud="dod")[0]
    assert "server address" in str(needs_secret_again(gcc, dod))


def test_no_host_belongs_to_two_clouds_but_the_login_of_the_us_government() -> None:
    graphs = [cloud.graph for cloud in CLOUDS.values()]
    assert len(set(graphs)) == len(graphs)
    assert same_cloud("graph.microsoft.com", "outlook.office365.com")
    assert not same_cloud("graph.microsoft.us", "outlook.office365.com")
    assert "login.microsoftonline.us" in LOGIN_HOSTS


@pytest.mark.parametrize(
    ("login", "server", "cloud"),
    [
        ("login.microsoftonline.com", "outlook.office365.com", "worldwide"),
        ("login.windows.net", "mail.contoso.com", "worldwide"),
        ("login.microsoftonline.us", "outlook.office365.us", "gcc_high"),
        ("login.microsoftonline.us", "outlook-dod.office365.us", "dod"),
        ("login.partner.microsoftonline.cn", "partner.outlook.cn", "china"),
        ("login.microsoftonline.com", "outlook.office365.us", "own"),
        ("127.0.0.1:8025", "127.0.0.1:8025", "own"),
        ("login.contoso.com", "outlook.office365.com", "own"),
    ],
)
def test_settings_from_before_the_choice_keep_their_hosts(login: str, server: str, cloud: str) -> None:
    migration = importlib.import_module("placet.mailboxes.migrations.0004_via_and_cloud")
    scheme = "http" if "127" in login else "https"
    stored = {
        **GOOD,
        "token_uri": f"{scheme}://{login}/{TENANT}/oauth2/v2.0/token",
        "server_address": server,
        "scope": "https://outlook.office365.com/.default" if cloud in ("worldwide", "own") else "",
        "security": "none" if scheme == "http" else "ssl",
    }
    assert migration.cloud_of(stored) == cloud
    now, notices = ExchangeSettings.parse({**stored, "protocol": "ews", "cloud": cloud})
    assert (now.protocol, now.server_address, now.token_uri) == ("ews", server, stored["token_uri"])
    assert notices == {}
