"""A small Internet on loopback: a name service by UDP and TCP, and a web server with TLS for every host of a world."""

import datetime
import ipaddress
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from placet.mailboxes.discovery import Network


@dataclass(frozen=True)
class Site:
    """What the web server answers at one address. `drips`: seconds between two bytes."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drips: float = 0.0


@dataclass
class Internet:
    """`records`: (name, kind) → texts of the records; a name that stands nowhere does not exist. `mute`: names that get
    no answer. `sites`: host and path → what is there. `asked` and `visited` note who was asked for what."""

    folder: Path
    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    mute: set[str] = field(default_factory=set)
    sites: dict[str, Site] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    visited: list[str] = field(default_factory=list)
    dns_port: int = 0
    https_port: int = 0

    def clear(self) -> None:
        for kept in (self.records, self.mute, self.sites, self.asked, self.visited):
            kept.clear()

    def network(self, **more: Any) -> Network:
        return Network(
            ("127.0.0.1",),
            self.dns_port,
            self.https_port,
            **{"allowed": lambda: [f"127.0.0.1:{self.https_port}"], **more},
        )

    def host(self, name: str, path: str = "", site: Site | None = None) -> None:
        """A host of this name, on this machine, with something at a path."""
        self.records[name, "A"] = ["127.0.0.1"]
        if site is not None:
            self.sites[name + path] = site

    def answer(self, query: dns.message.Message, *, by_tcp: bool) -> bytes | None:
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if name in self.mute:
            return None
        answer = dns.message.make_response(query)
        owner = question.name
        for _number in range(5):
            followed = self.records.get((owner.to_text(omit_final_dot=True).lower(), "CNAME"))
            if not followed:
                break
            answer.answer.append(dns.rrset.from_text(owner, 60, "IN", "CNAME", followed[0]))
            owner = dns.name.from_text(followed[0])
        text = owner.to_text(omit_final_dot=True).lower()
        texts = self.records.get((text, kind), [])
        if texts:
            answer.answer.append(dns.rrset.from_text_list(owner, 60, "IN", kind, texts))
        elif not any(known == text or known.endswith(f".{text}") for known, _kind in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        whole = answer.to_wire(max_size=65535)
        if by_tcp or len(whole) <= 1232:
            return whole
        answer.answer.clear()
        answer.flags |= dns.flags.TC
        return answer.to_wire()


class _WebServer(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asks may go away, or not trust the certificate: that is what is tested."""


@contextmanager
def internet(folder: Path) -> Iterator[Internet]:
    """Certificates of every host below .test, and of a few that are asked by name, are signed by `folder`/ca.pem."""
    world = Internet(folder)
    context = _context(folder)
    with ExitStack() as stack:
        world.dns_port = _serve_names(world, stack)
        web = _WebServer(("127.0.0.1", 0), _handler(world))
        web.daemon_threads = True
        web.socket = context.wrap_socket(web.socket, server_side=True, do_handshake_on_connect=False)
        world.https_port = web.server_port
        _run(web, stack)
        yield world


def _serve_names(world: Internet, stack: ExitStack) -> int:
    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, socket = self.request
            answer = world.answer(dns.message.from_wire(data), by_tcp=False)
            if answer is not None:
                socket.sendto(answer, self.client_address)

    class Stream(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            length = int.from_bytes(self.rfile.read(2))
            answer = world.answer(dns.message.from_wire(self.rfile.read(length)), by_tcp=True)
            if answer is not None:
                self.wfile.write(len(answer).to_bytes(2) + answer)

    for _try in range(20):  # the port that UDP got may be somebody's by TCP
        udp = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Datagram)
        port = int(udp.server_address[1])
        try:
            tcp = socketserver.ThreadingTCPServer(("127.0.0.1", port), Stream)
        except OSError:
            udp.server_close()
            continue
        _run(udp, stack)
        _run(tcp, stack)
        return port
    raise OSError("no free port")


def _run(server: socketserver.BaseServer, stack: ExitStack) -> None:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        thread.join()
        server.server_close()

    stack.callback(stop)


def _handler(world: Internet) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = self.headers.get("Host", "").partition(":")[0]
            world.visited.append(f"{host}{self.path}")
            site = world.sites.get(f"{host}{self.path}", Site(status=404))
            self.send_response(site.status)
            for name, value in site.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(site.body)))
            with suppress(OSError):  # whoever asked has gone
                self.end_headers()
                self._write(site)

        def _write(self, site: Site) -> None:
            if not site.drips:
                self.wfile.write(site.body)
                return
            for number in range(len(site.body)):
                self.wfile.write(site.body[number : number + 1])
                time.sleep(site.drips)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


def _context(folder: Path) -> ssl.SSLContext:
    key, certificate = _certificate()
    (folder / "ca.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    clear = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(clear)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


def _certificate() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Of an authority that is the server itself. `untrusted.test` is not among its names."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a small Internet")])
    names = ["corp.test", "*.corp.test", "*.other.test", "autoconfig.thunderbird.net"]
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName(
                [*(x509.DNSName(name) for name in names), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    return key, certificate
