"""A small HTTP/1.1 server on loopback: keep-alive, bounded input, and connections that can be cut on purpose.

The standard library's handler parses headers with the mail parser and cannot be told to send half an answer; this
one does what the sandbox needs and nothing else.
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import socketserver
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from io import BufferedIOBase
from urllib.parse import unquote

MAX_BODY = 64 * 1024 * 1024
_MAX_LINE = 16 * 1024
_MAX_HEADERS = 100
_GZIP_FROM = 1024


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """By lower-case name; the last one of a name counts, but that Prefer may come in several lines."""
    body: bytes
    raw_path: str = ""
    """The path as it was sent, with its percent signs."""

    def header(self, name: str) -> str:
        return self.headers.get(name, "")

    @property
    def root(self) -> str:
        """Scheme and host as the client used them; a proxy that speaks https in front says so."""
        return f"{self.header('x-forwarded-proto') or 'http'}://{self.header('host')}"


@dataclass
class Response:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: Iterator[bytes] | None = None
    """A body that comes in pieces, each sent as a chunk when it is there."""
    half: bool = False
    """Send half of the body under the length of all of it, then close."""


class Cut(Exception):
    """The handler wants the connection closed without an answer."""


class _Refused(Exception):
    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


Handler = Callable[[Request], Response]


class Server(socketserver.ThreadingTCPServer):
    """Serves `handler` from its own thread between start() and stop()."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, host: str, port: int, handler: Handler) -> None:
        super().__init__((host, port), _Connection)
        self.handler = handler
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="sandbox", daemon=True)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and cut every connection that is open."""
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
        self.server_close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no news; any other error is one of ours and must be seen."""
        if not isinstance(sys.exception(), OSError):
            traceback.print_exc()


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    timeout = 300
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def handle(self) -> None:
        while self._one():
            pass

    def _one(self) -> bool:
        """Serve one request; False ends the connection."""
        try:
            request = _read(self.rfile, self.wfile)
        except _Refused as refused:
            self._send(Response(refused.status), keep=False, head=False)
            return False
        if request is None:
            return False
        try:
            response = self.server.handler(request)
        except Cut:
            return False
        keep = request.header("connection").lower() != "close" and not response.half
        self._send(_compressed(request, response), keep=keep, head=request.method == "HEAD")
        return keep

    def _send(self, response: Response, *, keep: bool, head: bool) -> None:
        status = HTTPStatus(response.status)
        lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        if response.stream is None:
            lines.append(f"Content-Length: {len(response.body)}")
        else:
            lines.append("Transfer-Encoding: chunked")
        if not keep:
            lines.append("Connection: close")
        body = b"" if head else response.body
        if response.stream is not None:
            self._send_chunks(lines, response.stream)
            return
        if response.half:
            body = body[: len(body) // 2]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def _send_chunks(self, lines: list[str], stream: Iterator[bytes]) -> None:
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        for piece in stream:
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")


def _compressed(request: Request, response: Response) -> Response:
    if "gzip" in request.header("accept-encoding") and len(response.body) >= _GZIP_FROM:
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        response.body = gzip.compress(response.body, compresslevel=1, mtime=0)
    return response


def _read(rfile: BufferedIOBase, wfile: BufferedIOBase) -> Request | None:
    line = _line(rfile)
    if not line:
        return None
    words = line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise _Refused(HTTPStatus.BAD_REQUEST)
    headers = _read_headers(rfile)
    if headers.get("expect", "").lower() == "100-continue":
        wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        wfile.flush()
    body = _read_body(rfile, headers)
    path, _, query = words[1].partition("?")
    if words[2] == "HTTP/1.0":
        headers["connection"] = "close"
    return Request(words[0], unquote(path), query, headers, body, path)


def _line(rfile: BufferedIOBase) -> str:
    line = rfile.readline(_MAX_LINE + 1)
    if len(line) > _MAX_LINE:
        raise _Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    return line.decode("latin-1").rstrip("\r\n")


def _read_headers(rfile: BufferedIOBase) -> dict[str, str]:
    headers: dict[str, str] = {}
    while line := _line(rfile):
        if len(headers) >= _MAX_HEADERS:
            raise _Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        name, colon, value = line.partition(":")
        if not colon or name != name.strip() or not name:
            raise _Refused(HTTPStatus.BAD_REQUEST)
        key, value = name.lower(), value.strip()
        headers[key] = f"{headers[key]}, {value}" if key == "prefer" and key in headers else value
    return headers


def _read_body(rfile: BufferedIOBase, headers: Mapping[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return _read_chunks(rfile)
    try:
        length = int(headers.get("content-length", "0"))
    except ValueError:
        raise _Refused(HTTPStatus.BAD_REQUEST) from None
    if length > MAX_BODY:
        raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if length < 0:
        raise _Refused(HTTPStatus.BAD_REQUEST)
    return _exactly(rfile, length)


def _read_chunks(rfile: BufferedIOBase) -> bytes:
    chunks: list[bytes] = []
    total = 0
    while True:
        try:
            size = int(_line(rfile).partition(";")[0], 16)
        except ValueError:
            raise _Refused(HTTPStatus.BAD_REQUEST) from None
        total += size
        if size < 0 or total > MAX_BODY:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if size == 0:
            while _line(rfile):
                pass
            return b"".join(chunks)
        chunks.append(_exactly(rfile, size))
        _line(rfile)


def _exactly(rfile: BufferedIOBase, length: int) -> bytes:
    body = rfile.read(length)
    if len(body) < length:
        raise ConnectionResetError("The client went away in the middle of a request.")
    return body
