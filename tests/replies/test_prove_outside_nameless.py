"""The proof from outside by the stamps of Exchange Online, which bear no name, one rule at a time."""

import pytest

from placet.mailboxes.kinds import kind_of
from placet.mailboxes.microsoft.kind import EXCHANGE_ONLINE
from placet.replies.prove_outside import Servers
from tests.replies.test_prove_outside import ENTRANCE, RELAY, RESULTS, SERVERS, mail, proved, refused

EXCHANGE = "AM0PR01MB0009.eurprd01.prod.outlook.com"
EXCHANGE_RESULTS = RESULTS.partition("; ")[2]
EXCHANGE_INSIDE = f"from {EXCHANGE} (2603:10a6:20b::9) by AM0PR01MB0002.eurprd01.prod.outlook.com; Tue"
EXCHANGE_ENTRANCE = f"from mail.fabrikam.example (203.0.113.7) by {EXCHANGE} (10.0.0.9); Tue"
NAMELESS = kind_of(EXCHANGE_ONLINE).nameless_stamps
ALONE = Servers(NAMELESS)
#: With servers of our own before or behind it.
BESIDE = Servers(NAMELESS, SERVERS.host_suffixes, SERVERS.networks)


@pytest.mark.parametrize(
    "address", ["2603:10a6:20b::9", "2603:10b6::1", "2a01:111:e400::1", "10.1.2.3", "fe80::1"]
)
def test_between_its_own_addresses_exchange_hands_on(address: str) -> None:
    inside = EXCHANGE_INSIDE.replace("2603:10a6:20b::9", address)
    assert proved(mail(results=EXCHANGE_RESULTS, received=(inside, EXCHANGE_ENTRANCE)), ALONE)


def test_the_host_that_took_it_in_may_keep_it() -> None:
    assert proved(mail(results=EXCHANGE_RESULTS, received=(EXCHANGE_ENTRANCE,)), ALONE)


@pytest.mark.parametrize(
    ("inside", "entrance", "servers", "why"),
    [
        # What others may say as well: names, or addresses from which other tenants send.
        (EXCHANGE_INSIDE.replace("2603:10a6:20b::9", "203.0.113.9"), EXCHANGE_ENTRANCE, ALONE, "there before"),
        (EXCHANGE_INSIDE.replace("2603:10a6:20b::9", "40.107.1.1"), EXCHANGE_ENTRANCE, ALONE, "there before"),
        (EXCHANGE_INSIDE.replace(" (2603:10a6:20b::9)", ""), EXCHANGE_ENTRANCE, ALONE, "there before"),
        (EXCHANGE_INSIDE.replace("::9)", "::9) (HELO 203.0.113.9)"), EXCHANGE_ENTRANCE, ALONE, "there before"),
        (EXCHANGE_INSIDE.replace(EXCHANGE, "x.example"), EXCHANGE_ENTRANCE, ALONE, "there before"),
        (EXCHANGE_INSIDE.replace("20b::9)", "20b::9) (x.example)"), EXCHANGE_ENTRANCE, ALONE, "there before"),
        (EXCHANGE_INSIDE.replace("prod.outlook.com; Tue", "example; Tue"), EXCHANGE_ENTRANCE, ALONE, "do not show"),
        # A server of our own is no place for a stamp of Exchange.
        (RELAY, EXCHANGE_ENTRANCE, BESIDE, "not where Exchange Online writes"),
        (EXCHANGE_INSIDE, ENTRANCE, BESIDE, "not where Exchange Online writes"),
    ],
)  # fmt: skip
def test_a_stamp_of_exchange_stands_between_hops_of_exchange(
    inside: str, entrance: str, servers: Servers, why: str
) -> None:
    assert why in refused(mail(results=EXCHANGE_RESULTS, received=(inside, entrance)), servers)


def test_where_our_servers_are_others_those_of_exchange_are_strangers() -> None:
    servers = Servers(None, ["outlook.com"], SERVERS.networks, SERVERS.authserv_id)
    assert "there before" in refused(mail(received=(EXCHANGE_INSIDE, EXCHANGE_ENTRANCE)), servers)
    named = Servers(None, SERVERS.host_suffixes, SERVERS.networks, SERVERS.authserv_id)
    assert "do not show" in refused(mail(received=(EXCHANGE_INSIDE, EXCHANGE_ENTRANCE)), named)


def test_beside_exchange_the_stamp_of_a_server_with_a_name_counts() -> None:
    servers = Servers(NAMELESS, SERVERS.host_suffixes, SERVERS.networks, SERVERS.authserv_id)
    assert proved(mail(), servers)
    assert "not by mx.contoso.example" in refused(
        mail(results=EXCHANGE_RESULTS, received=(EXCHANGE_INSIDE, EXCHANGE_ENTRANCE)), servers
    )
