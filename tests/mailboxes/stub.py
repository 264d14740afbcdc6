"""An HTTP server on loopback that answers with literal bytes, and what a test needs to talk EWS or Graph to it.
Other kinds are talked to as well: what is of one folder alone is imported where it is used."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from pydantic import SecretStr

from placet.mailboxes.base import Action, Connection, MailError
from placet.mailboxes.oauth import Access, TokenCache

if TYPE_CHECKING:
    from placet.mailboxes.microsoft.entra import EntraGrant
    from placet.mailboxes.microsoft.ews.connection import EwsConnection
    from placet.mailboxes.microsoft.graph.connection import GraphConnection
    from placet.mailboxes.microsoft.settings import ExchangeSettings

CLIENT_ID = "535fb089-9ff3-47b6-9bfb-4f1264799865"
SECRET = "s3cr+t/=~ & %20-VERY-secret"
MAILBOX = "approvals@contoso.example"
SCOPE = "https://outlook.office365.com/.default"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None  # bytes of the body that are sent before the connection is cut


@dataclass
class Stub:
    """`token_replies`, `ews_replies` and `graph_replies` are used up in order; the last one stays."""

    port: int = 0
    token_replies: list[Reply] = field(default_factory=list)
    ews_replies: list[Reply] = field(default_factory=list)
    graph_replies: list[Reply] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    answer: Callable[[Request], Reply | None] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def token_uri(self) -> str:
        return f"http://127.0.0.1:{self.port}/tenant.example/oauth2/v2.0/token"

    @property
    def ews_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/EWS/Exchange.asmx"

    @property
    def graph_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1.0"

    @property
    def grant(self) -> "EntraGrant":
        from placet.mailboxes.microsoft.entra import EntraGrant

        return EntraGrant(self.token_uri, CLIENT_ID, SCOPE, SecretStr(SECRET))

    def to(self, path: str) -> list[Request]:
        return [request for request in self.requests if path in request.path]

    @property
    def ews_requests(self) -> list[Request]:
        return self.to("/EWS/")

    @property
    def graph_requests(self) -> list[Request]:
        return self.to("/v1.0/")

    @property
    def token_requests(self) -> list[Request]:
        return self.to("/oauth2/")

    def reply(self, request: Request) -> Reply:
        with self.lock:
            self.requests.append(request)
        chosen = self.answer(request) if self.answer else None
        if chosen:
            return chosen
        with self.lock:
            waiting = self._waiting(request.path)
            if not waiting:
                return Reply(404)
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def _waiting(self, path: str) -> list[Reply]:
        if "/oauth2/" in path:
            return self.token_replies
        return self.graph_replies if "/v1.0/" in path else self.ews_replies

    def graph_connection(self, cache: TokenCache | None = None) -> "GraphConnection":
        from placet.mailboxes.microsoft.graph.client import Graph
        from placet.mailboxes.microsoft.graph.connection import GraphConnection
        from placet.mailboxes.microsoft.preflight import ExchangeProbe

        access = Access("box", self.grant, cache or TokenCache())
        probe = partial(ExchangeProbe, self.settings(), access)
        return GraphConnection(Graph(self.graph_url, MAILBOX, access), probe)

    def connection(self, cache: TokenCache | None = None) -> "EwsConnection":
        from placet.mailboxes.microsoft.ews.connection import EwsConnection
        from placet.mailboxes.microsoft.ews.soap import Soap
        from placet.mailboxes.microsoft.preflight import ExchangeProbe

        access = Access("box", self.grant, cache or TokenCache())
        probe = partial(ExchangeProbe, self.settings(), access)
        return EwsConnection(Soap.online(self.ews_url, MAILBOX, access), probe)

    def settings(self, **more: object) -> "ExchangeSettings":
        from placet.mailboxes.microsoft.settings import ExchangeSettings

        values = {
            "server_address": f"http://127.0.0.1:{self.port}",
            "username": MAILBOX,
            "client_id": CLIENT_ID,
            "token_uri": self.token_uri,
            **more,
        }
        return ExchangeSettings.parse(values)[0]


@contextmanager
def running_stub() -> Iterator[Stub]:
    stub = Stub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", 0 if self.command == "GET" else -1))
            body = self.rfile.read(max(size, 0))
            if len(body) != size:
                self.close_connection = True  # whoever asked went away in the middle
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = stub.reply(Request(self.command, self.path, headers, body))
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.headers.get("Transfer-Encoding") != "chunked":
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if reply.cut_after is None:
                self.wfile.write(reply.body)
                return
            self.wfile.write(reply.body[: reply.cut_after])
            self.close_connection = True

        do_GET = do_PATCH = do_DELETE = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Clients that hang up early are part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def mark_one(connection: Connection, server_id: str, action: Action, folder: str) -> str:
    """The id that the mail has from now on. Raises what is wrong with it."""
    [(marked, outcome)] = connection.mark([server_id], action, folder)
    assert marked == server_id
    if isinstance(outcome, MailError):
        raise outcome
    return outcome


def token_reply(token: str = "the-first-token", **more: object) -> Reply:
    values: dict[str, object] = {"token_type": "Bearer", "expires_in": 3599, "access_token": token, **more}
    return Reply(200, json.dumps(values).encode(), {"Content-Type": "application/json; charset=utf-8"})


def error_reply(status: int, error: str, *codes: int, **more: object) -> Reply:
    values: dict[str, object] = {
        "error": error,
        "error_description": f"AADSTS{codes[0] if codes else 0}: words of the server.\r\nTrace ID: x",
        "error_codes": list(codes),
        "timestamp": "2026-11-24 10:00:02Z",
        "trace_id": "0b9a4c5e-1111-4222-8333-444455556666",
        "correlation_id": "8f2f3b0e-0b0f-4b2c-9a35-5b3f1a2c7d11",
        **more,
    }
    return Reply(status, json.dumps(values).encode(), {"Content-Type": "application/json"})


def envelope(body: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" '
        'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">'
        f"<soap:Body>{body}</soap:Body></soap:Envelope>"
    ).encode()


def ews_reply(operation: str, *messages: str) -> Reply:
    """A whole answer; each message is the inside of one response message, or an error by `failed`."""
    parts = "".join(
        message.replace("@", f"m:{operation}ResponseMessage", 2)
        if message.startswith("<@")
        else f'<m:{operation}ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>'
        f"{message}</m:{operation}ResponseMessage>"
        for message in messages
    )
    text = f"<m:{operation}Response><m:ResponseMessages>{parts}</m:ResponseMessages></m:{operation}Response>"
    return Reply(200, envelope(text), {"Content-Type": "text/xml; charset=utf-8"})


def failed(code: str, text: str = "", values: dict[str, str] | None = None) -> str:
    return (
        f'<@ ResponseClass="Error"><m:MessageText>{text}</m:MessageText><m:ResponseCode>{code}</m:ResponseCode>'
        f"<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>{_message_xml(values, 'm')}</@>"
    )


def fault_reply(code: str, values: dict[str, str] | None = None, status: int = 500, **headers: str) -> Reply:
    errors = 'xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors"'
    text = (
        "<soap:Fault><faultcode xmlns:a='http://schemas.microsoft.com/exchange/services/2006/types'>"
        f"a:{code}</faultcode><faultstring>words</faultstring><detail>"
        f"<e:ResponseCode {errors}>{code}</e:ResponseCode><e:Message {errors}>words</e:Message>"
        f"{_message_xml(values, 't')}</detail></soap:Fault>"
    )
    return Reply(status, envelope(text), {"Content-Type": "text/xml", **headers})


def _message_xml(values: dict[str, str] | None, prefix: str) -> str:
    if not values:
        return ""
    inside = "".join(f'<t:Value Name="{name}">{value}</t:Value>' for name, value in values.items())
    return f"<{prefix}:MessageXml>{inside}</{prefix}:MessageXml>"
