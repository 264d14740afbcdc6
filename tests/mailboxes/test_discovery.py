"""From an address to how its mailbox is reached, with a name service and a web server of our own on loopback."""

import random
import threading
import time
from collections.abc import Iterator

import pytest

from placet.lib.outward import NEVER
from placet.mailboxes.discovery import (
    AddressInvalid,
    Discovery,
    Proposal,
    Server,
    SignIn,
    Source,
    discover,
    providers,
)
from placet.mailboxes.discovery.autoconfig import NotUnderstood, servers_in
from placet.mailboxes.discovery.proposals import Origin, host_in
from placet.mailboxes.discovery.providers import FILTERS, PROVIDERS, provider_of
from placet.mailboxes.discovery.weighing import Answers, MailServers, weigh
from tests.mailboxes.internet import Internet, Site, internet

ADDRESS = "approvals@corp.test"
FILE = "/mail/config-v1.1.xml"
WELL_KNOWN = "/.well-known/autoconfig/mail/config-v1.1.xml"
ORIGIN = Origin(Source.AUTOCONFIG, "autoconfig.corp.test")
FASTMAIL = {"jmap_hosts": "fastmailusercontent.com"}


@pytest.fixture(scope="module")
def whole_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    with internet(tmp_path_factory.mktemp("internet")) as world:
        yield world


@pytest.fixture
def world(whole_world: Internet, monkeypatch: pytest.MonkeyPatch) -> Internet:
    """With a domain that receives its own mail, and says nothing else."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(whole_world.folder / "ca.pem"))
    whole_world.clear()
    whole_world.records["corp.test", "MX"] = ["10 mx.corp.test."]
    whole_world.records["mx.corp.test", "A"] = ["8.8.8.8"]
    return whole_world


def found(world: Internet, address: str = ADDRESS, *, ispdb: bool = False) -> Discovery:
    return discover(address, world.network(), ispdb=ispdb)


def first(discovery: Discovery) -> Proposal:
    return discovery.proposals[0]


def places(proposal: Proposal) -> list[tuple[str, int, str]]:
    return [(server.host, server.port, server.security) for server in proposal.servers]


def server_of(host: str, port: int, security: str, kind: str = "imap", more: str = "") -> str:
    way = "outgoingServer" if kind == "smtp" else "incomingServer"
    return (
        f'<{way} type="{kind}"><hostname>{host}</hostname><port>{port}</port><socketType>{security}</socketType>'
        f"<authentication>password-cleartext</authentication><username>%EMAILADDRESS%</username>{more}</{way}>"
    )


def config(*servers: str) -> bytes:
    inside = "".join(servers)
    return f'<clientConfig version="1.1"><emailProvider id="corp">{inside}</emailProvider></clientConfig>'.encode()


IMAP_FILE = config(
    server_of("imap.%EMAILDOMAIN%", 993, "SSL"),
    server_of("pop.corp.test", 995, "SSL", "pop3"),
    server_of("smtp.corp.test", 587, "STARTTLS", "smtp"),
)


# --- known providers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mx", "kinds", "sign_in", "settings"),
    [
        (
            "corp-test.mail.protection.outlook.com",
            ["exchange-online"],
            SignIn.APPLICATION,
            {"cloud": "worldwide"},
        ),
        ("corp-test.p-v1.mx.microsoft", ["exchange-online"], SignIn.APPLICATION, {"cloud": "worldwide"}),
        ("corp.mail.protection.office365.us", ["exchange-online"], SignIn.APPLICATION, {"cloud": "gcc_high"}),
        (
            "corp.mail.protection.partner.outlook.cn",
            ["exchange-online"],
            SignIn.APPLICATION,
            {"cloud": "china"},
        ),
        ("alt1.aspmx.l.google.com", ["gmail", "imap", "pop3"], SignIn.SERVICE_ACCOUNT, {}),
        ("smtp.google.com", ["gmail", "imap", "pop3"], SignIn.SERVICE_ACCOUNT, {}),
        ("in1-smtp.messagingengine.com", ["jmap", "imap", "pop3"], SignIn.API_TOKEN, FASTMAIL),
        ("outlook-com.olc.protection.outlook.com", ["imap"], SignIn.CONSENT, {}),
        ("mx-aol.mail.gm0.yahoodns.net", ["imap", "pop3"], SignIn.APP_PASSWORD, {}),
        ("mx1.mail.ovh.net", ["imap", "pop3"], SignIn.PASSWORD, {}),
        ("mail.protonmail.ch", ["imap"], SignIn.PASSWORD, {}),
        ("mail.tutanota.de", [], None, {}),
    ],
)
def test_a_provider_is_known_by_its_mail_servers(
    world: Internet, mx: str, kinds: list[str], sign_in: SignIn | None, settings: dict[str, str]
) -> None:
    world.records["corp.test", "MX"] = [f"20 backup.{mx}.", f"10 {mx.upper()}."]
    world.host("autoconfig.corp.test", FILE, Site(IMAP_FILE))  # what others say does not count beside
    discovery = found(world)
    assert discovery.provider
    assert [proposal.kind for proposal in discovery.proposals] == kinds
    if sign_in is None:
        assert discovery.provider in str(discovery.notes[0])
        return
    best = first(discovery)
    assert (best.sign_in, dict(best.settings)) == (sign_in, settings)
    assert best.origin == Origin(Source.PROVIDER, discovery.provider)
    assert best.prepare


def test_every_provider_can_be_used_as_it_stands() -> None:
    kinds = {"exchange-online", "exchange-server", "gmail", "imap", "pop3", "jmap"}
    for provider in PROVIDERS:
        assert all(host_in(end) or end == "mx.microsoft" for end in (*provider.servers, *provider.domains)), (
            provider
        )
        assert provider_of("", [f"mx1.{provider.servers[0]}"]) == provider
        assert len({way.kind for way in provider.ways}) == len(provider.ways)
        for way in provider.ways:
            assert way.kind in kinds
            assert way.prepare
            assert (way.sending is not None) == (way.kind in ("imap", "pop3"))
            for place in (way.receiving, way.sending):
                assert place is None or host_in(place.host) or place.host in ("{server}", "127.0.0.1")
                assert place is None or 0 < place.usual_port < 65536
    assert all(host_in(end) for end in FILTERS)


def test_what_outlook_com_cannot_do_is_said_before_it_is_chosen(world: Internet) -> None:
    world.records["corp.test", "MX"] = ["0 outlook-com.olc.protection.outlook.com."]
    proposal = first(found(world))
    assert any("no app passwords" in str(sentence) for sentence in proposal.prepare)
    assert [str(sentence) for sentence in proposal.warnings if "only if it is signed" in str(sentence)]


def test_the_longest_name_says_most() -> None:
    assert getattr(provider_of("corp.test", ["eur.olc.protection.outlook.com"]), "name", "") == "Outlook.com"
    assert getattr(provider_of("corp.test", ["mxbiz1.qq.com"]), "name", "") == "Tencent Exmail"
    assert provider_of("corp.test", ["notgmx.net", "xprotection.outlook.com"]) is None
    assert getattr(provider_of("gmail.com", []), "name", "") == "Gmail"


def test_the_host_of_a_provider_may_be_the_mail_server_itself(world: Internet) -> None:
    world.records["corp.test", "MX"] = ["10 w0123456.kasserver.com."]
    assert places(first(found(world))) == [
        ("w0123456.kasserver.com", 993, "ssl"),
        ("w0123456.kasserver.com", 465, "ssl"),
    ]


# --- what the domain says itself --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "path"),
    [("autoconfig.corp.test", FILE), ("corp.test", WELL_KNOWN)],
    ids=["autoconfig", "well-known"],
)
def test_a_domain_publishes_its_servers(world: Internet, host: str, path: str) -> None:
    world.host(host, path, Site(IMAP_FILE))
    imap, pop3 = (proposal for proposal in found(world).proposals if proposal.kind in ("imap", "pop3"))
    assert places(imap) == [("imap.corp.test", 993, "ssl"), ("smtp.corp.test", 587, "starttls")]
    assert places(pop3) == [("pop.corp.test", 995, "ssl"), ("smtp.corp.test", 587, "starttls")]
    assert {server.origin for server in imap.servers} == {Origin(Source.AUTOCONFIG, host)}
    assert {server.username for server in imap.servers} == {ADDRESS}
    assert imap.sending_kind == "smtp"


def test_nothing_but_the_domain_is_sent(world: Internet) -> None:
    world.host("autoconfig.corp.test", FILE, Site(IMAP_FILE))
    world.host("corp.test")
    world.host("autoconfig.thunderbird.net")
    found(world, "very.secret+name@corp.test", ispdb=True)
    assert world.visited
    sent = " ".join([*world.visited, *(name for name, _kind in world.asked)])
    assert "secret" not in sent
    assert "@" not in sent
    assert "%40" not in sent


def test_the_database_of_providers_is_asked_only_where_that_is_allowed(world: Internet) -> None:
    world.records["corp.test", "MX"] = ["10 mx.mail.other.test."]
    world.host("autoconfig.thunderbird.net", "/v1.1/other.test", Site(IMAP_FILE))
    assert first(found(world)).origin.source is Source.GUESS
    assert not [place for place in world.visited if "thunderbird" in place]
    assert ("autoconfig.thunderbird.net", "A") not in world.asked
    best = first(found(world, ispdb=True))
    assert best.origin == Origin(Source.ISPDB, "other.test")
    assert "autoconfig.thunderbird.net/v1.1/corp.test" in world.visited


def test_services_of_the_dns(world: Internet) -> None:
    world.records["_imaps._tcp.corp.test", "SRV"] = ["20 0 993 late.corp.test.", "10 1 993 imap.corp.test."]
    world.records["_imap._tcp.corp.test", "SRV"] = ["0 0 0 ."]
    world.records["_submission._tcp.corp.test", "SRV"] = ["0 1 587 smtp.other.test."]
    best = first(found(world))
    assert places(best) == [("imap.corp.test", 993, "ssl"), ("smtp.other.test", 587, "starttls")]
    assert best.servers[0].origin == Origin(Source.SRV, "_imaps._tcp.corp.test")
    (warning,) = best.warnings  # the DNS can be forged, and one of them is somebody else's
    assert "smtp.other.test" in str(warning)


@pytest.mark.parametrize("host", ["corp.test", "api.other.test"])
def test_jmap(world: Internet, host: str) -> None:
    session = Site(b'{"capabilities": {"urn:ietf:params:jmap:core": {}}, "apiUrl": "x"}')
    if host != "corp.test":
        world.records["_jmap._tcp.corp.test", "SRV"] = [f"0 1 {world.https_port} {host}."]
        session = Site(status=401, headers={"WWW-Authenticate": "Bearer"})
    world.host(host, "/.well-known/jmap", Site(status=307, headers={"Location": "/jmap/session"}))
    world.host(host, "/jmap/session", session)
    (jmap,) = (proposal for proposal in found(world).proposals if proposal.kind == "jmap")
    assert places(jmap) == [(host, 443, "ssl")]
    assert jmap.origin == Origin(Source.JMAP, host)


def test_a_site_that_asks_everybody_to_sign_in_is_no_jmap(world: Internet) -> None:
    world.host("corp.test", "/.well-known/jmap", Site(status=401, headers={"WWW-Authenticate": "Basic"}))
    assert [proposal.kind for proposal in found(world).proposals] == ["imap"]


# --- Exchange, filters, own servers -----------------------------------------------------------------------


def test_behind_a_filter_autodiscover_leads_to_microsoft(world: Internet) -> None:
    world.records["corp.test", "MX"] = ["10 eu-smtp-inbound-1.mimecast.com."]
    world.records["autodiscover.corp.test", "CNAME"] = ["autodiscover.outlook.com."]
    world.records["autodiscover.outlook.com", "A"] = ["8.8.4.4"]
    discovery = found(world)
    best = first(discovery)
    assert (best.kind, dict(best.settings)) == ("exchange-online", {"cloud": "worldwide"})
    assert best.warnings
    assert "Mimecast" in str(discovery.notes[0])
    assert [proposal.kind for proposal in discovery.proposals] == ["exchange-online"]


def test_behind_a_filter_nothing_is_guessed(world: Internet) -> None:
    world.records["corp.test", "MX"] = ["10 mx0a-0012.pphosted.com."]
    discovery = found(world)
    assert not discovery.proposals
    assert ["Proofpoint" in str(discovery.notes[0]), len(discovery.notes)] == [True, 2]


def test_an_own_network_has_exchange_on_premises_or_a_server_of_its_own(world: Internet) -> None:
    world.records["mx.corp.test", "A"] = ["10.1.2.3"]
    world.records["autodiscover.corp.test", "A"] = ["10.1.2.4"]
    discovery = found(world)
    assert [proposal.kind for proposal in discovery.proposals] == ["exchange-server", "imap"]
    exchange, imap = discovery.proposals
    assert places(exchange) == [("autodiscover.corp.test", 443, "ssl")]
    assert places(imap) == [("mx.corp.test", 993, "ssl"), ("mx.corp.test", 465, "ssl")]
    assert imap.warnings
    (note,) = discovery.notes
    assert "10.1.2.3" in str(note)


def test_a_file_names_exchange(world: Internet) -> None:
    server = (
        '<incomingServer type="exchange"><ewsURL>https://mail.corp.test/EWS/Exchange.asmx</ewsURL>'
        "<authentication>NTLM</authentication><username>%EMAILADDRESS%</username></incomingServer>"
    )
    world.host("autoconfig.corp.test", FILE, Site(config(server)))
    assert places(first(found(world))) == [("mail.corp.test", 443, "ssl")]
    online = server.replace("mail.corp.test", "outlook.office365.com")
    world.host("autoconfig.corp.test", FILE, Site(config(online)))
    assert first(found(world)).kind == "exchange-online"


# --- nothing there ----------------------------------------------------------------------------------------


def test_no_domain_no_mail_no_answer(world: Internet) -> None:
    assert "nowhere.test" in str(found(world, "a@nowhere.test").notes[0])
    world.records["null.test", "MX"] = ["0 ."]
    discovery = found(world, "a@null.test")
    assert not discovery.proposals
    assert "takes no mail" in str(discovery.notes[0])
    world.mute |= {"silent.test", *(f"{name}.silent.test" for name in ("_imaps._tcp", "autoconfig"))}
    began = time.monotonic()
    late = discover("a@silent.test", world.network(seconds=1.0))
    assert time.monotonic() - began < 3
    assert "no answer" in str(late.notes[0])
    answers = {question.asked: str(question.answer) for question in late.questions}
    assert answers["MX silent.test"] == "no answer"


def test_a_name_service_that_knows_no_domain_of_the_internet_hides_nothing(world: Internet) -> None:
    """Behind a proxy: what a page, or Placet's own list, says counts all the same."""
    gmail = found(world, "somebody@gmail.com")
    assert (gmail.provider, first(gmail).kind, gmail.notes) == ("Gmail", "imap", ())
    servers = servers_in(IMAP_FILE, ADDRESS, ORIGIN)
    unknown = MailServers(has_domain=False)
    for files in (servers, []):
        weighed = weigh(Answers(ADDRESS, "corp.test", unknown, {}, "", files, None, None), [])
        assert [proposal.kind for proposal in weighed.proposals] == (["imap", "pop3"] if files else [])
        assert len(weighed.notes) == (0 if files else 1)


def test_every_question_is_listed_with_its_answer(world: Internet) -> None:
    world.host("autoconfig.corp.test", FILE, Site(b"<html>"))
    world.records["_imaps._tcp.corp.test", "SRV"] = ["0 0 0 ."]
    answers = {question.asked: str(question.answer) for question in found(world).questions}
    assert answers["MX corp.test"] == "mx.corp.test"
    assert answers["SRV _imaps._tcp.corp.test"] == "not offered"
    assert answers["SRV _imap._tcp.corp.test"] == "nothing"
    assert answers[f"https://autoconfig.corp.test{FILE}"].startswith("a page")
    assert answers[f"https://corp.test{WELL_KNOWN}"] == "there is no such host"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "corp.test",
        "a@",
        "a@localhost",
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        "a@-x.test",
        "a@x..test",
        "a b@c.d",
    ],
)
def test_what_is_no_address_is_asked_of_nobody(world: Internet, address: str) -> None:
    with pytest.raises(AddressInvalid):
        found(world, address)
    assert not world.asked


def test_a_domain_is_asked_for_in_the_spelling_of_the_dns(world: Internet) -> None:
    assert found(world, " Buero@BÜCHER.example ").domain == "xn--bcher-kva.example"


# --- what whoever keeps the domain could mean ill ---------------------------------------------------------


@pytest.mark.parametrize(
    ("site", "answer"),
    [
        (Site(b"x" * 100_001), "more than 100000 bytes"),
        (Site(b"x", headers={"Content-Encoding": "gzip"}), "a form that was not asked for"),
        (
            Site(status=302, headers={"Location": "http://autoconfig.corp.test/"}),
            "only https at the usual port",
        ),
        (Site(status=302, headers={"Location": "https://corp.test:22/"}), "only https at the usual port"),
        (Site(status=302, headers={"Location": "https://127.0.0.1/"}), "only https at the usual port"),
        (Site(status=302, headers={"Location": "https://user@corp.test/"}), "only https at the usual port"),
        (Site(status=302, headers={"Location": "https://untrusted.test/"}), "certificate is not trusted"),
        (Site(status=302, headers={"Location": "https://inside.other.test/"}), "10.0.0.5) is not public"),
        (
            Site(status=302, headers={"Location": "https://cloud.other.test/"}),
            "169.254.169.254) is not public",
        ),
        (Site(status=302, headers={"Location": FILE}), "leads on and on"),
        (Site(status=500), "status 500"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_page_that_is_not_taken(world: Internet, site: Site, answer: str) -> None:
    world.host("untrusted.test", "/", Site(IMAP_FILE))
    world.records["inside.other.test", "A"] = ["10.0.0.5"]
    world.records["cloud.other.test", "A"] = ["169.254.169.254"]
    world.host("autoconfig.corp.test", FILE, site)
    discovery = found(world)
    (told,) = (
        str(one.answer) for one in discovery.questions if one.asked.startswith("https://autoconfig.corp")
    )
    assert answer in told
    assert first(discovery).origin.source is Source.GUESS


def test_a_server_that_drips_is_cut_in_time_and_leaves_no_thread(world: Internet) -> None:
    world.host("autoconfig.corp.test", FILE, Site(IMAP_FILE, drips=0.1))
    before = {thread for thread in threading.enumerate() if thread.name.startswith("discovery")}
    began = time.monotonic()
    discovery = discover(ADDRESS, world.network(seconds=1.5))
    assert time.monotonic() - began < 4
    assert first(discovery).origin.source is Source.GUESS
    until = time.monotonic() + 60
    while {one for one in threading.enumerate() if one.name.startswith("discovery")} - before:
        assert time.monotonic() < until, "a thread still reads what drips"
        time.sleep(0.05)


def test_an_own_address_is_called_only_where_an_administrator_allowed_it(world: Internet) -> None:
    world.host("autoconfig.corp.test", FILE, Site(IMAP_FILE))
    discovery = discover(ADDRESS, world.network(allowed=list))
    assert not world.visited
    assert first(discovery).origin.source is Source.GUESS


def test_a_proxy_of_the_environment_is_asked_no_private_address(
    world: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a proxy reaches is for the proxy to decide, but not what this machine knows to be private."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    world.records["autoconfig.corp.test", "A"] = [str(NEVER[0].network_address + 5)]
    answers = {question.asked: str(question.answer) for question in found(world).questions}
    assert "is not public" in answers[f"https://autoconfig.corp.test{FILE}"]


HOSTS = (
    "imap.corp.test", "<script>alert(1)</script>", "imap corp.test", "127.0.0.1", "[::1]", "localhost", "a" * 300,
    "imap.corp.test/../x", "imap.corp.test:22", "-x.corp.test", "ïmap.corp.test", "imap.corp.test\r\nX: y", "", ".",
    "%EMAILLOCALPART%.corp.test", "2130706433", "imap..corp.test", "user@imap.corp.test",
)  # fmt: skip


@pytest.mark.parametrize("number", range(400))
def test_whatever_a_file_says_only_servers_come_of_it(number: int) -> None:
    rng = random.Random(number)
    servers = [
        server_of(
            rng.choice(HOSTS).replace("<", "&lt;"),
            rng.choice((993, 0, -1, 65536, 99999999999)),
            rng.choice(("SSL", "STARTTLS", "plain", "ssl", "")),
            rng.choice(("imap", "pop3", "smtp", "exchange", "nntp", "")),
            rng.choice(("", "<username>a\x85b</username>", "<ewsURL>https://x@y</ewsURL>", "<hostname/>")),
        )
        for _number in range(rng.randrange(30))
    ]
    content = config(*servers)
    if rng.random() < 0.3:
        cut = rng.randrange(len(content))
        content = (
            content[:cut]
            + rng.choice((b"", b"\x00", b"<", b"&lol;", b"]]>"))
            + content[cut + rng.randrange(3) :]
        )
    try:
        read = servers_in(content, ADDRESS, ORIGIN)
    except NotUnderstood:
        return
    assert len(read) <= 20
    for server in read:
        assert isinstance(server, Server)
        assert host_in(server.host) == server.host
        assert 0 < server.port < 65536
        assert server.security in ("ssl", "starttls")
        assert server.sign_ins
        assert server.username.isprintable()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><body>Welcome</body></html>",
        b'<!DOCTYPE clientConfig SYSTEM "https://evil.test/x.dtd">' + config(server_of("imap.corp.test", 993, "SSL")),
        b'<!DOCTYPE clientConfig [<!ENTITY a "imap.corp.test">]>' + config(server_of("&a;", 993, "SSL")),
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE clientConfig []><clientConfig/>'.encode("utf-16"),
        b"<a>" * 30_000,
    ],
)  # fmt: skip
def test_no_document_types_and_no_other_documents(content: bytes) -> None:
    with pytest.raises(NotUnderstood):
        servers_in(content, ADDRESS, ORIGIN)


@pytest.mark.parametrize("number", range(100))
def test_whatever_the_dns_says_only_names_of_hosts_come_of_it(number: int) -> None:
    rng = random.Random(number)
    text = "".join(rng.choice("abc.-_\\ \x00é<>&@:/019") for _number in range(rng.randrange(1, 40)))
    host = host_in(text)
    assert not host or (host == text.strip().lower().removesuffix(".") and "." in host)
    assert not {*host} - {*"abcdefghijklmnopqrstuvwxyz0123456789.-"}


def test_odd_records_are_left_out(world: Internet) -> None:
    world.records["corp.test", "MX"] = [r"5 ev\;il\<b\>.test.", "7 127.0.0.1.", "10 mx.corp.test."]
    world.records["_imaps._tcp.corp.test", "SRV"] = [r"0 0 993 \"x\".test.", "0 0 0 imap.corp.test."]
    discovery = found(world)
    assert discovery.mail_servers == ("mx.corp.test",)
    assert first(discovery).origin.source is Source.GUESS


def test_an_answer_of_hundreds_of_records_is_read_in_part(world: Internet) -> None:
    """It does not fit into a datagram: it is asked for by TCP."""
    world.records["corp.test", "MX"] = [f"{number} mx{number}.corp.test." for number in range(1, 300)]
    assert len(found(world).mail_servers) == 20


def test_the_table_knows_what_filters_are_no_providers() -> None:
    for end in FILTERS:
        assert provider_of("corp.test", [f"mx1.{end}"]) is None
        assert providers.filter_of([f"mx1.{end}"]) == FILTERS[end]
