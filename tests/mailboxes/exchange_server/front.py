"""What stands before an Exchange server's EWS: a door on loopback that signs people in by NTLM, Negotiate or Basic.

Behind it is whatever `behind` says; the sandbox, for one. NTLM is judged by pyspnego's acceptor, one for each
connection, as IIS does it. What a proxy or a worn-out server does to a sign-in is switched on by the test.
"""

import base64
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import spnego
from spnego._ntlm_raw.messages import Authenticate, AvId, NTClientChallengeV2
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import NegotiateOptions, SpnegoError

USER = "CONTOSO\\approvals-service"
PASSWORD = "Correct-horse 7&é"
TYPE_3 = b"NTLMSSP\0\3\0\0\0"


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    connection: int
    scheme: str  # of its Authorization, "" without one
    token: bytes
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)  # names in lower case


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b"<html></html>"
    headers: dict[str, str] = field(default_factory=dict)
    stream: Iterator[bytes] | None = None  # in place of the body: what comes one piece after another


class Cut(Exception):
    """The connection ends without an answer."""


@dataclass
class Front:
    """`behind` answers who is signed in."""

    port: int = 0
    tls: bool = False
    behind: Callable[[bytes, dict[str, str]], Answer] = lambda body, headers: Answer()
    offers: tuple[str, ...] = ("Negotiate", "NTLM")
    keeps_connections: bool = True
    closes_after_challenge: bool = False  # without a word of it, as a proxy's timeout does
    each_connection_lasts: int = 1_000_000  # requests, after which it has to sign in again
    bindings: GssChannelBindings | None = None  # asked for, as Extended Protection does
    token: bytes = b""  # an access token that it takes
    last_word: bytes | None = None  # said beside the answer
    first_answer: Answer | None = None  # to the first message of a sign-in
    challenge: bytes | None = None  # said instead of the acceptor's own
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    ended: threading.Event = field(default_factory=threading.Event)  # one of them has, on the server's side
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def host(self) -> str:
        return "127.0.0.1"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/EWS/Exchange.asmx"

    @property
    def tried_passwords(self) -> int:
        """How often a password was offered."""
        return sum(TYPE_3 in seen.token or seen.scheme == "Basic" for seen in self.seen)


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body of an answer go out together
    disable_nagle_algorithm = True
    front: Front

    def setup(self) -> None:
        super().setup()
        with self.front.lock:
            self.front.connections += 1
            self.number = self.front.connections
        self.context: spnego.ContextProxy | None = None
        self.signed_in = False
        self.served = 0

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", 0 if self.command == "GET" else -1))
        body = self.rfile.read(max(size, 0))
        if len(body) != size:
            self.close_connection = True  # whoever asked went away in the middle
            return
        scheme, _space, coded = self.headers.get("Authorization", "").partition(" ")
        token = coded.encode() if scheme == "Bearer" else base64.b64decode(coded)
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.front.lock:
            self.front.seen.append(Seen(self.number, scheme, token, body, headers))
        try:
            self._serve(scheme, token, body, headers)
        except Cut:
            self.close_connection = True

    def _serve(self, scheme: str, token: bytes, body: bytes, headers: dict[str, str]) -> None:
        self.served += 1
        if self.served > self.front.each_connection_lasts:
            self.signed_in, self.context, self.served = False, None, 0
        if scheme == "Bearer":
            self._answer(self.front.behind(body, headers) if token == self.front.token else self._asks())
        elif scheme == "Basic":
            self._answer(self._of_basic(token, body))
        elif scheme:
            self._answer(self._of_windows(scheme, token, body))
        elif self.signed_in:
            self._answer(self.front.behind(body, headers))
        else:
            self._answer(self._asks())

    do_GET = do_POST

    def _asks(self) -> Answer:
        return Answer(401, b"<html>401</html>", {"WWW-Authenticate": "\n".join(self.front.offers)})

    def _of_basic(self, token: bytes, body: bytes) -> Answer:
        right = token.decode() == f"{USER}:{PASSWORD}"
        return self.front.behind(body, {}) if right else self._asks()

    def _of_windows(self, scheme: str, token: bytes, body: bytes) -> Answer:
        if self.context is None:
            if TYPE_3 in token:  # an answer to another connection's challenge
                return self._asks()
            self.context = spnego.server(
                hostname="127.0.0.1",
                service="HTTP",
                protocol="ntlm" if scheme == "NTLM" else "negotiate",
                options=NegotiateOptions.use_ntlm if scheme == "NTLM" else NegotiateOptions.use_negotiate,
                channel_bindings=self.front.bindings,
            )
        try:
            if self.front.bindings is not None and scheme == "NTLM" and token.startswith(TYPE_3):
                _must_be_bound(token)
            said = self.context.step(token)
        except SpnegoError:
            self.context = None
            return self._asks()
        if self.context.complete:
            self.signed_in, self.context = True, None
            answer = self.front.behind(body, {})
            last = _challenge(scheme, self.front.last_word or said)
            return replace(answer, headers={**answer.headers, **last})
        if self.front.first_answer is not None:
            return self.front.first_answer
        return Answer(401, b"", _challenge(scheme, self.front.challenge or said))

    def _answer(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            for line in value.split("\n"):
                self.send_header(name, line)
        if answer.stream is None:
            self.send_header("Content-Length", str(len(answer.body)))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        if not self.front.keeps_connections:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(answer.body)
        if answer.stream is not None:
            self._send(answer.stream)
        if self.front.closes_after_challenge and self.context is not None:
            self.close_connection = True

    def _send(self, stream: Iterator[bytes]) -> None:
        try:
            for piece in stream:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            raise Cut from None  # whoever listened went away

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def _challenge(scheme: str, token: bytes | None) -> dict[str, str]:
    return {"WWW-Authenticate": f"{scheme} {base64.b64encode(token).decode()}"} if token else {}


def _must_be_bound(token: bytes) -> None:
    """pyspnego's acceptor takes a sign-in that is bound to nothing; Extended Protection does not."""
    response = Authenticate.unpack(token).nt_challenge_response or b""
    bound = NTClientChallengeV2.unpack(response[16:]).av_pairs.get(AvId.channel_bindings, bytes(16))
    if bound == bytes(16):
        raise SpnegoError(1, context_msg="bound to nothing")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    front: Front

    def shutdown_request(self, request: "socket.socket | tuple[bytes, socket.socket]") -> None:
        super().shutdown_request(request)
        self.front.ended.set()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up early are part of the tests; what else fails they see as a cut."""


@contextmanager
def running_front(certificate: Path | None = None) -> Iterator[Front]:
    """Over TLS with `certificate`, a file of PEM with its key."""
    front = Front(tls=certificate is not None)
    server = _Server(("127.0.0.1", 0), type("Door", (_Door,), {"front": front}))
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.front = front
    front.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield front
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
