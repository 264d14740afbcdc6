"""An address that somebody entered has this server call nothing that only it reaches.

The webhook of the alarms, endpoints of events, and the servers of a mailbox. Where a connection would go is noted in
place of making it, but for the last tests, which have real servers.
"""

import datetime
import importlib
import ipaddress
import random
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

import pytest
import requests
import urllib3.util.connection
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.apps import apps
from django.test import Client
from django.urls import reverse

from placet.accounts import general
from placet.accounts.models import Person
from placet.accounts.targets import private_targets
from placet.alarms import chosen, webhook
from placet.lib import outward
from placet.mailboxes import http, store
from placet.mailboxes.base import FixNeeded
from placet.mailboxes.models import Mailbox
from placet.webhooks import delivering, signing
from placet.webhooks.models import Endpoint, secrets_of
from tests.alarms.conftest import Receiver, allow, receiving
from tests.attacks.arena import Count
from tests.attacks.tally import Counts

pytestmark = pytest.mark.django_db

#: What is nobody's business from outside, and where a wrong address of each kind would lead.
PRIVATE = (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10", "0.0.0.0/8",
    "192.0.0.0/24", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
)  # fmt: skip
PRIVATE_6 = (
    "::1/128",
    "::/128",
    "fe80::/10",
    "fc00::/7",
    "fec0::/10",
    "ff00::/8",
    "100::/64",
    "2001:db8::/32",
)
METADATA = (
    "169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254",
    "fd20:ce::254", "fe80::a9fe:a9fe",
)  # fmt: skip
PORTS = (443, 80, 22, 25, 5432, 6379, 8000, 8443, 9200, 11211)
PUBLIC = ("8.8.8.8", "1.1.1.1", "52.96.0.1", "40.97.1.2", "2606:4700::1111", "2a01:111:f400::1")


def private_address(rng: random.Random) -> str:
    if rng.random() < 0.2:
        return rng.choice(METADATA)
    network = ipaddress.ip_network(rng.choice((*PRIVATE, *PRIVATE, *PRIVATE_6)))
    return str(network[rng.randrange(min(network.num_addresses, 2**64))])


def spelled(rng: random.Random, address: str) -> str:
    """As a host of an address on the web: one of the forms that some program reads as this address."""
    plain = ipaddress.ip_address(address)
    if plain.version == 6:
        return f"[{rng.choice((plain.compressed, plain.exploded))}]"
    number = int(plain)
    first, second, third, fourth = plain.packed
    return rng.choice(
        (
            str(plain),
            str(number),
            hex(number),
            oct(number).replace("0o", "0"),
            f"0{first:o}.0{second:o}.0{third:o}.0{fourth:o}",
            f"{first:#x}.{second:#x}.{third:#x}.{fourth:#x}",
            f"{first}.{number & 0xFFFFFF}",
            f"{first}.{second}.{number & 0xFFFF}",
            f"{first:#x}.{second}.{third:#x}.0{fourth:o}",
            f"[::ffff:{plain}]",
            f"[::ffff:{first:02x}{second:02x}:{third:02x}{fourth:02x}]",
            f"[::{plain}]" if number > 1 else f"[::ffff:{plain}]",
            f"[64:ff9b::{plain}]",
            f"[::ffff:0:{plain}]",
            f"[2002:{first:02x}{second:02x}:{third:02x}{fourth:02x}::1]",
        )
    )


@dataclass
class Net:
    """The network as a test makes it: names, and where connections were tried."""

    names: dict[str, list[list[str]]] = field(
        default_factory=dict
    )  # of each look-up in turn; the last one stays
    looked_up: list[str] = field(default_factory=list)
    tried: list[tuple[str, int]] = field(default_factory=list)

    def resolve(self, host: str, port: int) -> Sequence[str]:
        self.looked_up.append(host)
        answers = self.names.get(host)
        if answers is None:
            return _numeric(host, port)
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def connect(self, address: tuple[str, int], *_more: object, **_named: object) -> socket.socket:
        self.tried.append(address)
        raise ConnectionRefusedError


_asked_system = outward.addresses_of


def _numeric(host: str, port: int) -> Sequence[str]:
    """What the system makes of it, without asking anybody."""
    if host == "localhost" or outward.without_asking(host):
        return _asked_system(host, port)
    raise socket.gaierror(f"nobody told this test of {host}")


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Net:
    net = Net()
    monkeypatch.setattr(outward, "addresses_of", net.resolve)
    monkeypatch.setattr(urllib3.util.connection, "create_connection", net.connect)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    return net


def by_webhook(url: str) -> str:
    """Have the webhook called there; what is said of it."""
    chosen.save(minutes=30, address=url, by=1)
    return webhook.send_test().last_error


def by_mailbox(url: str) -> str:
    """Have a mailbox's client go there with its credentials."""
    with requests.Session() as session:
        http.prepare(session, url)
        try:
            session.post(url, data={"client_secret": "x"}, allow_redirects=False, timeout=5)
        except requests.RequestException as error:
            return str(http.unreachable(error, url))
    return ""


def by_endpoint(url: str) -> str:
    """Have events sent there, as if what is entered had not been looked at."""
    endpoint = Endpoint.objects.create(secrets=secrets_of(url, signing.new_secret()))
    return delivering.send_test(endpoint)[1].error


def by_either(url: str) -> str:
    """By the webhook of the alarms and by endpoints of events, in turn."""
    return next(_turns)(url)


_turns = cycle((by_webhook, by_endpoint))
Door = Callable[[str], str]
DOORS = pytest.mark.parametrize("call", [by_either, by_mailbox])


# --- private addresses in every spelling, and names of them ---------------------------------------------------


def forged_urls(rng: random.Random, net: Net) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        address, port = private_address(rng), rng.choice(PORTS)
        kind = rng.randrange(4)
        if kind < 2:
            host = spelled(rng, address)
        elif kind == 2:
            host = f"hooks{number}.example.com"
            net.names[host] = [[address]]
        else:  # among public ones, or written as one that maps to it
            host = f"hooks{number}.example.com"
            addresses = [*rng.sample(PUBLIC, rng.randrange(3)), address]
            rng.shuffle(addresses)
            net.names[host] = [addresses]
        yield f"https://{host}:{port}{rng.choice(('/', '/latest/meta-data/', '/x?y=z'))}"


@DOORS
def test_no_private_address_is_called_however_it_is_written(
    call: Door, net: Net, rng: random.Random, most: int, tally: Count
) -> None:
    for url in islice(forged_urls(rng, net), most):
        said = call(url)
        assert not net.tried, f"{url} was called: {net.tried}"
        assert (
            "Placet may not call it" in said or "Nothing may call" in said or "cannot be resolved" in said
        ), said
        tally(Counts(forged=1, accepted=len(net.tried)))


@pytest.mark.parametrize("host", ["localhost", "localhost.", "LOCALHOST", "127.1", "0", "[::]", "[::1]"])
def test_nor_this_machine_over_plain_http(host: str, net: Net) -> None:
    """Which a mailbox may use for the sandbox, and the webhook may not."""
    by_webhook(f"http://{host}:6379/")
    by_endpoint(f"http://{host}:6379/")
    assert not net.tried


@DOORS
def test_public_addresses_are_called_at_the_address_that_was_checked(
    call: Door, net: Net, rng: random.Random, most: int, tally: Count
) -> None:
    neighbours = max(most // 10, 10)
    for number in range(neighbours):
        address, port = rng.choice(PUBLIC), rng.choice(PORTS)
        host = f"hooks{number}.example.com"
        net.names[host] = [[address]]
        literal = f"[{address}]" if ":" in address else address
        call(f"https://{rng.choice((host, literal))}:{port}/")
        assert net.tried == [(address, port)]
        net.tried.clear()
    tally(Counts(neighbours=neighbours, passed=neighbours))


# --- names that change -----------------------------------------------------------------------------------------


@DOORS
def test_a_name_that_changes_after_the_look_changes_nothing(
    call: Door, net: Net, rng: random.Random, most: int, tally: Count
) -> None:
    """DNS rebinding: public when it is checked, private when it would be asked for once more."""
    for number in range(most):
        host, public = f"rebind{number}.example.com", rng.choice(PUBLIC)
        net.names[host] = [[public], [private_address(rng)]]
        call(f"https://{host}/")
        assert net.tried == [(public, 443)]
        assert net.looked_up == [host], "resolved once for the connection"
        net.tried.clear()
        net.looked_up.clear()
        call(f"https://{host}/")  # the next connection asks anew, and is refused
        assert not net.tried
        net.looked_up.clear()
        tally(Counts(forged=1))


# --- what is on the list ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "url", "called"),
    [
        ("10.1.2.3", "https://10.1.2.3:8443/", True),
        ("10.1.2.3", "https://10.1.2.4:8443/", False),
        ("10.1.2.3:8443", "https://10.1.2.3:8443/", True),
        ("10.1.2.3:8443", "https://10.1.2.3/", False),
        ("10.1.0.0/16", "https://10.1.200.7/", True),
        ("10.1.0.0/16", "https://[::ffff:10.1.200.7]/", True),
        ("10.1.0.0/16", "https://10.2.0.1/", False),
        ("[fd12::1]:8443", "https://[fd12::1]:8443/", True),
        ("hooks.corp.example", "https://hooks.corp.example/", True),
        ("hooks.corp.example", "https://HOOKS.corp.example:8443/", True),
        ("hooks.corp.example:8443", "https://hooks.corp.example/", False),
        ("hooks.corp.example", "https://other.corp.example/", False),
        ("hooks.corp.example", "https://x.hooks.corp.example/", False),
        ("hooks.corp.example", "https://local.hooks.example/", False),
        ("local.hooks.example", "https://local.hooks.example/", False),
        ("metadata.hooks.example", "https://metadata.hooks.example/", False),
        ("127.0.0.1:9000", "https://127.0.0.1:9000/", True),
        ("127.0.0.1:9000", "https://2130706433:9000/", True),
        ("127.0.0.1:9000", "https://127.0.0.1:9001/", False),
        ("127.0.0.1:9000", "https://127.0.0.2:9000/", False),
        ("localhost:9000", "https://localhost:9000/", True),
        ("localhost:9000", "https://local.hooks.example:9000/", False),
    ],
)
@DOORS
def test_of_private_addresses_those_on_the_list_alone_are_called(
    call: Door, target: str, url: str, called: bool, net: Net
) -> None:
    net.names = {
        "hooks.corp.example": [["10.1.2.3"]],
        "other.corp.example": [["10.1.2.3"]],
        "x.hooks.corp.example": [["10.1.2.3"]],
        "local.hooks.example": [["127.0.0.1"]],
        "metadata.hooks.example": [["169.254.169.254"]],
    }
    general.save({"private_targets": [outward.entered(target)]}, by=1)
    said = call(url)
    assert bool(net.tried) is called
    if not called:
        assert "call" in said


@pytest.mark.parametrize(
    "target",
    [
        *METADATA, "169.254.0.0/16", "0.0.0.0/0", "::/0", "fe80::1", "224.0.0.1", "0.0.0.0", "127.0.0.1", "::1",
        "127.0.0.0/8", "localhost", "a.localhost", "[::ffff:127.0.0.1]:80", "64:ff9b::7f00:1", "2130706433", "0x7f.1",
        "", "10.1.2.3:0", "10.1.2.3:99999", "http://10.1.2.3/", "a b", "*.corp.example", "user@10.1.2.3",
        "hööks.example", f"{'a' * 64}.example", "10.1.2.3/99", "x" * 400,
    ],
)  # fmt: skip
def test_what_nothing_may_call_cannot_be_put_on_the_list(target: str) -> None:
    with pytest.raises(outward.TargetInvalid):
        outward.entered(target)


# --- what an administrator sees --------------------------------------------------------------------------------


@pytest.fixture
def ada(admin: Person) -> Client:
    browser = Client()
    browser.force_login(admin)
    return browser


def general_form(**more: str) -> dict[str, str]:
    return {"zone": "UTC", "language": "en", **more}


def test_the_list_is_entered_in_the_general_tab(ada: Client) -> None:
    page = reverse("panel:general")
    ada.post(page, general_form(private_targets="10.1.2.3 \n\nHooks.corp.example:8443\n10.1.2.3"))
    assert private_targets() == ["10.1.2.3", "hooks.corp.example:8443"]
    assert "hooks.corp.example:8443" in ada.get(page).content.decode()
    for wrong, told in (
        ("169.254.169.254", "nothing may call"),
        ("127.0.0.1", "name the port as well"),
        ("http://x/", "is no address"),
        ("\n".join(f"10.0.0.{number}" for number in range(101)), "At most 100"),
    ):
        refused = ada.post(page, general_form(private_targets=wrong))
        assert refused.status_code == 422
        assert told in refused.content.decode()
    assert private_targets() == ["10.1.2.3", "hooks.corp.example:8443"]


def test_a_private_webhook_is_refused_where_it_is_entered(ada: Client, net: Net) -> None:
    page = reverse("panel:alarms")
    for address, told in (
        ("https://169.254.169.254/latest/", "Nothing may call 169.254.169.254"),
        ("http://127.0.0.1:6379/", "add 127.0.0.1:6379 to the private addresses"),
        ("https://10.1.2.3/", "add 10.1.2.3:443"),
        ("https://0x7f000001/", "0x7f000001 (127.0.0.1) is not public"),
    ):
        refused = ada.post(page, {"minutes": "30", "address": address})
        assert refused.status_code == 422
        assert told in refused.content.decode(), refused.content.decode()
    assert chosen.webhook() == ""
    general.save({"private_targets": ["10.1.2.3:443"]}, by=1)
    assert ada.post(page, {"minutes": "30", "address": "https://10.1.2.3/"}).status_code == 302
    assert not net.tried and not net.looked_up


MAILBOX = {"username": "approvals@contoso.example", "client_id": "535fb089-9ff3-47b6-9bfb-4f1264799865"}
SANDBOX = {
    "server_address": "http://127.0.0.1:6379",
    "token_uri": "http://127.0.0.1:5432/tenant.example/token",
}


def test_the_panel_sends_no_mailbox_to_a_port_of_this_machine(ada: Client) -> None:
    page = reverse("panel:new_mailbox")
    refused = ada.post(page, {**MAILBOX, **SANDBOX, "client_secret": "a~secret"})
    assert refused.status_code == 422
    shown = refused.content.decode()
    assert "add 127.0.0.1:6379" in shown and "add 127.0.0.1:5432" in shown
    assert not Mailbox.objects.exists()
    general.save({"private_targets": ["127.0.0.1:6379", "127.0.0.1:5432"]}, by=1)
    assert ada.post(page, {**MAILBOX, **SANDBOX, "client_secret": "a~secret"}).status_code == 302


def test_a_sandbox_that_the_command_line_set_up_is_still_saved_in_the_panel(ada: Client) -> None:
    mailbox = store.save(
        {**MAILBOX, **SANDBOX}, secrets={"client_secret": "a~secret"}, by="command line"
    ).mailbox
    page = reverse("panel:mailbox", args=[mailbox.pk])
    changed = {**MAILBOX, **SANDBOX, "poll_seconds": "60"}
    assert ada.post(page, changed).status_code == 302
    second = {**SANDBOX, **MAILBOX, "username": "office@contoso.example", "client_secret": "a~secret"}
    assert ada.post(reverse("panel:new_mailbox"), second).status_code == 302, "at the same server"
    moved = {**changed, "server_address": "http://127.0.0.1:22", "client_secret": "a~secret"}
    assert ada.post(page, moved).status_code == 422


# --- at the update ---------------------------------------------------------------------------------------------


def test_what_is_called_already_at_the_update_is_on_the_list(net: Net) -> None:
    migration = importlib.import_module("placet.alarms.migrations.0002_targets_in_use")
    net.names = {"hooks.corp.example": [["10.1.2.3"]], "mail.example.com": [["8.8.8.8"]]}
    general.save({"private_targets": ["10.9.9.9"]}, by=1)
    chosen.save(minutes=30, address="https://hooks.corp.example/services/secret", by=1)
    store.save(
        {
            **MAILBOX,
            "cloud": "own",
            "server_address": "mail.example.com",
            "token_uri": "https://login.unknown.example:8443/token",
        },
        secrets={"client_secret": "a~secret"},
        by="ada",
    )
    migration.allow_what_is_in_use(apps, None)
    listed = private_targets()
    assert listed == ["10.9.9.9", "hooks.corp.example:443", "login.unknown.example:8443"]
    by_webhook("https://hooks.corp.example/services/secret")
    assert net.tried == [("10.1.2.3", 443)]
    migration.allow_what_is_in_use(apps, None)
    assert private_targets() == listed


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9000/x", "https://169.254.1.1:8443/x", "https://[fe80::1]/"]
)
def test_nothing_that_worked_is_cut_off_at_the_update(address: str, net: Net, ada: Client) -> None:
    """Not even what could not be entered any more; it is shown, and stays until somebody removes it."""
    migration = importlib.import_module("placet.alarms.migrations.0002_targets_in_use")
    chosen.save(minutes=30, address=address, by=1)
    migration.allow_what_is_in_use(apps, None)
    by_webhook(address)
    assert len(net.tried) == 1
    (target,) = private_targets()
    assert target in ada.get(reverse("panel:general")).content.decode()
    ada.post(reverse("panel:general"), general_form(private_targets=target))
    assert private_targets() == [target]
    ada.post(reverse("panel:general"), general_form(private_targets=""))
    by_webhook(address)
    assert len(net.tried) == 1


# --- through real sockets --------------------------------------------------------------------------------------


def test_a_proxy_of_the_environment_is_not_sent_to_private_addresses_either(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://10.0.0.9:3128")
    net.names["inside.example.com"] = [["10.1.2.3"]]
    for url in ("https://169.254.169.254/", "https://inside.example.com/", "https://[::ffff:10.1.2.3]/"):
        by_webhook(url)
    assert not net.tried
    by_webhook("https://only-the-proxy-knows.example.com/")
    by_webhook("https://8.8.8.8/")
    assert net.tried == [("10.0.0.9", 3128)] * 2, "the proxy itself is the operator's choice"


def test_another_port_of_this_machine_gets_nothing_from_a_redirect_either() -> None:
    with receiving() as listed, receiving() as other:
        allow(listed.url)
        listed.answers, listed.location = [307, 308, 302], f"{other.url}/"
        for _ in range(3):
            assert "redirect" in by_webhook(f"{listed.url}/x")
        assert "may not call" in by_webhook(f"{other.url}/x")
        assert (len(listed.got), other.got) == (3, [])


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of hooks.corp.example, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks.corp.example")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.corp.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "hooks.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


def test_a_pinned_connection_has_the_name_in_tls_and_in_the_host_header(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[str | None] = []
    head = b""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: named.append(name)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            nonlocal head
            plain, _address = server.accept()
            with context.wrap_socket(plain, server_side=True) as wrapped:
                while not head.endswith(b"}"):  # of the message: what is closed unread is reset
                    head += wrapped.recv(4096)
                wrapped.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        general.save({"private_targets": [f"127.0.0.1:{port}"]}, by=1)
        monkeypatch.setattr(outward, "addresses_of", lambda _host, _port: ["127.0.0.1"])
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert by_webhook(f"https://hooks.corp.example:{port}/x") == ""
        thread.join(60)
    assert named == ["hooks.corp.example"]
    assert f"Host: hooks.corp.example:{port}".encode() in head


def test_what_was_not_called_is_known_as_never_sent(receiver: Receiver) -> None:
    with requests.Session() as session:
        http.prepare(session, "https://127.0.0.1/")
        with pytest.raises(requests.ConnectionError) as caught:
            session.get(receiver.url, timeout=5)
    told = http.unreachable(caught.value, receiver.url)
    assert isinstance(told, FixNeeded)
    assert told.not_done
    assert receiver.got == []


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver
