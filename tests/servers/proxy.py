"""Between Placet and a mail server on loopback: passes IMAP, POP3, SMTP, JMAP, the Gmail API or Exchange Web Services
on, writes down what was asked, and does something to one command where a test says so.

It knows of a protocol what it takes to tell one command from the next, and where the answer to each ends. What it is
told to do happens once, to the command of a name that comes as the so-manieth since it was told (`Proxy.strike`).

The names: IMAP's verbs ("UID MOVE"), "LITERAL" of the bytes that an APPEND announced, "DONE"; SMTP's, and "." of a
mail's content with the dot that ends it; POP3's. "GREETING" is what a server says first. Of JMAP a command is a
request: its methods ("Email/query Email/get"), or what is asked for and where ("GET /jmap/download"). Of the Gmail API
it is method, collection and what is done there ("GET messages raw", "POST messages modify"), or "POST token". Of EWS it
is the operation ("MoveItem"), before it the message of a sign-in that it comes with ("Negotiate 3 MoveItem"); "POST" is
a request with nothing in it, that asks how to sign in.
"""

import base64
import json
import re
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

CHUNK = 64 * 1024  # bytes
LONGEST = 120.0  # seconds that nobody says anything
GREETING, CONTENT, LITERAL = "GREETING", ".", "LITERAL"
HTTP = ("jmap", "gmail", "ews")  # protocols that are spoken over it
STREAM = "GetStreamingEvents"  # EWS's answer that has no end

_IMAP = re.compile(rb"(\S+) ((?:UID )?[A-Z]+)", re.IGNORECASE)
_LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n\Z")
_REPLY = re.compile(rb"(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\n")
_LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_CHUNKED = re.compile(rb"^transfer-encoding: *chunked", re.IGNORECASE | re.MULTILINE)
_ENDLESS = re.compile(rb"^content-type: *text/event-stream", re.IGNORECASE | re.MULTILINE)
_AUTHORIZATION = re.compile(rb"^authorization: *(\w+) (\S+)", re.IGNORECASE | re.MULTILINE)
_OPERATION = re.compile(rb"<(?:\w+:)?Body>\s*<(?:\w+:)?(\w+)")
_NTLM = re.compile(rb"NTLMSSP\0(.)", re.DOTALL)
_MANY_LINES = ("RETR", "TOP", "CAPA")
_MANY_LINES_ALONE = ("UIDL", "LIST")  # of all mails; of one of them, one line


class Ended(Exception):
    """This connection is to be cut."""


@dataclass(frozen=True)
class Fault:
    """What is done to one command, or to the answer to it.

    `refusal`: said instead of what the server would have said, which hears nothing of the command. `closes`: and the
    connection is cut. `passed`: how much of the command the server gets before the connection is cut, from 0 to 1.
    `answered`: the server does it all, and so much of its answer is passed on before the connection is cut.
    `in_pieces`: the answer comes a few bytes at a time. `then` is called at that moment, and it goes on.
    """

    name: str
    refusal: bytes = b""
    closes: bool = False
    passed: float | None = None
    answered: float | None = None
    in_pieces: bool = False
    then: Callable[[], object] | None = None
    then_answered: Callable[[], object] | None = None  # the same, once the server has answered

    def __str__(self) -> str:
        return self.name


@dataclass
class _Strike:
    name: str
    number: int
    fault: Fault


@dataclass
class Command:
    """One, or a part of one. `many`: the answer has lines until a dot. `tag`: of IMAP; of JMAP's methods, as JSON, an
    answer for each that it is not had for now; EWS's operation."""

    name: str
    raw: bytes
    tag: bytes = b""
    many: bool = False
    fault: Fault | None = None
    refusal: bytes = b""  # its answer, of which the server knows nothing


class Proxy:
    """Listens on `port`; `asked` has the names of all commands since it was emptied."""

    def __init__(self, to: int, protocol: str) -> None:
        """`protocol`: "imap", "pop3", "smtp", or one of HTTP; `to`: the server's port."""
        self.protocol = protocol
        self.asked: list[str] = []
        self.struck = threading.Event()
        self.to = to
        self._strike: _Strike | None = None
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def strike(self, name: str, fault: Fault, number: int = 1) -> None:
        """The `number`th command of this name from now on, counted over all connections, meets this fault."""
        with self._lock:
            self.struck.clear()
            self._strike = _Strike(name, number, fault)

    def calm(self) -> None:
        """Nothing is done to anybody."""
        with self._lock:
            self._strike = None

    def begun(self, name: str) -> Fault | None:
        """Writes a command down. What it meets."""
        with self._lock:
            self.asked.append(name)
            strike = self._strike
            if strike is None or strike.name != name:
                return None
            strike.number -= 1
            if strike.number:
                return None
            self._strike = None
            self.struck.set()
            return strike.fault

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._join, args=[client], daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        with (
            closing(client),
            suppress(OSError),
            closing(socket.create_connection(("127.0.0.1", self.to))) as server,
        ):
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with suppress(Ended):
                _Joined(self, client, server).run()


@dataclass
class _Joined:
    """One connection, and the one to the server behind it."""

    proxy: Proxy
    client: socket.socket
    server: socket.socket
    said: bytes = b""  # by the client, and not passed on yet
    answered: bytes = b""  # by the server, and not yet a whole answer
    waiting: deque[Command] = field(default_factory=deque)  # for their answers
    literal: int = 0  # bytes that are to come, announced by the client
    drops_literal: bool = False  # they belong to a command that was refused
    idle_tag: bytes = b""
    takes_content: bool = False

    def run(self) -> None:
        if self.proxy.protocol not in HTTP:
            self._begin(Command(GREETING, b""))
        while True:
            ready, _, _ = select.select([self.client, self.server], [], [], LONGEST)
            if not ready:
                raise Ended
            if self.server in ready:
                self.answered += _received(self.server)
                self._pass_answers()
            if self.client in ready:
                self.said += _received(self.client)
                while (command := self._next()) is not None:
                    self._begin(command)

    # --- what is asked ----------------------------------------------------------------------------------------

    def _next(self) -> Command | None:
        """The next whole command."""
        if self.proxy.protocol in HTTP:
            return self._of_request()
        if self.takes_content:
            end = self.said.find(b"\r\n.\r\n")
            return None if end < 0 else Command(CONTENT, self._taken(end + 5))
        if self.literal:
            if len(self.said) < self.literal:
                return None
            size, self.literal = self.literal, 0
            return Command(LITERAL, self._taken(size))
        end = self.said.find(b"\n")
        return None if end < 0 else self._of_line(self._taken(end + 1))

    def _taken(self, size: int) -> bytes:
        taken, self.said = self.said[:size], self.said[size:]
        return taken

    def _of_line(self, line: bytes) -> Command:
        if self.proxy.protocol == "imap":
            return self._of_imap(line)
        words = line.decode("latin-1").split()
        name = words[0].upper() if words else ""
        many = name in _MANY_LINES or (name in _MANY_LINES_ALONE and len(words) == 1)
        return Command(name, line, many=self.proxy.protocol == "pop3" and many)

    def _of_request(self) -> Command | None:
        end = self.said.find(b"\r\n\r\n") + 4
        length = _LENGTH.search(self.said[:end])
        size = end + int(length[1] if length else 0)
        if end < 4 or len(self.said) < size:
            return None
        head, body = (raw := self._taken(size))[:end], raw[end:]
        return {"jmap": _of_jmap, "gmail": _of_gmail, "ews": _of_ews}[self.proxy.protocol](head, body)

    def _of_imap(self, line: bytes) -> Command:
        if announced := _LITERAL.search(line):
            self.literal = int(announced[1])
        if line.strip().upper() == b"DONE":
            return Command("DONE", line, self.idle_tag)
        command = _IMAP.match(line)
        if command is None or (self.waiting and self.waiting[-1].name == "AUTHENTICATE"):
            return Command("", line)  # goes on with the one before
        name = command[2].decode().upper()
        if name == "IDLE":
            self.idle_tag = command[1]
        return Command(name, line, command[1])

    def _begin(self, command: Command) -> None:
        if self.drops_literal:
            self.drops_literal = command.name == LITERAL  # until the end of that line
            return
        fault = command.fault = self.proxy.begun(command.name) if command.name else None
        if fault is not None:
            self._meet(command, fault)
        if command.refusal:
            self._drop_announced(command)
        else:
            self.takes_content = self.takes_content and command.name != CONTENT
            with suppress(BrokenPipeError):
                self.server.sendall(command.raw)
        if command.name not in ("", LITERAL):
            self.waiting.append(command)
            self._pass_answers()

    def _meet(self, command: Command, fault: Fault) -> None:
        if fault.then is not None:
            fault.then()
        if fault.passed is not None:
            self.server.sendall(command.raw[: int(len(command.raw) * fault.passed)])
            raise Ended
        command.refusal = fault.refusal.replace(b"TAG", command.tag or b"*")

    def _drop_announced(self, command: Command) -> None:
        """Of a refused command: what it announced does not come, or comes all the same (RFC 7888)."""
        self.drops_literal = bool(self.literal) and b"+}" in command.raw
        if not self.drops_literal:
            self.literal = 0

    # --- what is answered -------------------------------------------------------------------------------------

    def _pass_answers(self) -> None:
        while self.waiting:
            first = self.waiting[0]
            size = 0 if first.refusal else self._whole(first)
            if not size and not first.refusal:
                break
            answer, self.answered = self.answered[:size], self.answered[size:]
            self._answer(self.waiting.popleft(), first.refusal or answer)
        if not self.waiting or self._goes_on():
            self.client.sendall(self.answered)
            self.answered = b""

    def _goes_on(self) -> bool:
        """Whether the server waits for the rest of what it is told."""
        return self.proxy.protocol == "imap" and self.answered.startswith(b"+")

    def _whole(self, command: Command) -> int:
        """How long the answer is; 0 where it has not come to its end."""
        if self.proxy.protocol in HTTP:
            return self._whole_of_http(endless=command.name.endswith(STREAM))
        if self.proxy.protocol == "smtp":
            reply = _REPLY.match(self.answered)
            return reply.end() if reply else 0
        if self.proxy.protocol == "pop3":
            many = command.many and self.answered.startswith(b"+OK")
            end, length = (b"\r\n.\r\n", 5) if many else (b"\n", 1)
        elif command.name in (GREETING, "IDLE"):
            end, length = b"\n", 1
        else:
            found = re.search(rb"(?:\A|\r\n)" + re.escape(command.tag) + rb" [^\n]*\n", self.answered)
            return found.end() if found else 0
        at = self.answered.find(end)
        return 0 if at < 0 else at + length

    def _whole_of_http(self, *, endless: bool) -> int:
        """Of events that have no end, what stands before the first of them."""
        end = self.answered.find(b"\r\n\r\n") + 4
        head = self.answered[:end]
        if end < 4:
            return 0
        if _CHUNKED.search(head):
            return end if endless or _ENDLESS.search(head) else self._end_of_chunks(end)
        length = _LENGTH.search(head)
        size = end + int(length[1] if length else 0)
        return size if len(self.answered) >= size else 0

    def _end_of_chunks(self, at: int) -> int:
        """RFC 9112 7.1, without trailers."""
        while (end := self.answered.find(b"\r\n", at)) >= 0:
            size = int(self.answered[at:end].partition(b";")[0], 16)
            at = end + 2 + size + 2
            if not size:
                return at if len(self.answered) >= at else 0
        return 0

    def _answer(self, command: Command, answer: bytes) -> None:
        fault = command.fault
        if command.name == "DATA" and answer.startswith(b"354"):
            self.takes_content = True
        if fault is None or command.refusal:
            self.client.sendall(answer)
            if fault is not None and (fault.closes or command.name in (GREETING, CONTENT)):
                raise Ended
            return
        if fault.then_answered is not None:
            fault.then_answered()
        if fault.answered is not None:
            self.client.sendall(answer[: int(len(answer) * fault.answered)])
            raise Ended
        size = max(1, len(answer) // 40) if fault.in_pieces else len(answer) or 1
        for at in range(0, len(answer), size):
            self.client.sendall(answer[at : at + size])


def _of_jmap(head: bytes, body: bytes) -> Command:
    method, path = head.decode("latin-1").split(" ", 2)[:2]
    if b'"methodCalls"' not in body:
        place = "/".join(path.partition("?")[0].split("/")[:3])
        return Command(f"{method} {place}", head + body)
    calls = json.loads(body)["methodCalls"]
    unavailable = [["error", {"type": "serverUnavailable"}, number] for _name, _given, number in calls]
    return Command(" ".join(name for name, *_ in calls), head + body, json.dumps(unavailable).encode())


def _of_gmail(head: bytes, body: bytes) -> Command:
    """An id says nothing of what is asked."""
    method, url = head.decode("latin-1").split(" ", 2)[:2]
    path = urlsplit(url)
    collection, *more = path.path.rpartition("/users/me/")[2].strip("/").split("/")
    done = more[1:] or [one for one in more if one == "send"] or parse_qs(path.query).get("format", [])
    return Command(" ".join([method, collection, *done]), head + body)


def _of_ews(head: bytes, body: bytes) -> Command:
    names: list[str] = []
    if signed := _AUTHORIZATION.search(head):
        message = _NTLM.search(base64.b64decode(signed[2]))
        names = [signed[1].decode(), *([str(message[1][0])] if message else [])]
    operation = _OPERATION.search(body)
    if operation:
        names.append(operation[1].decode())
    return Command(" ".join(names) or "POST", head + body, operation[1] if operation else b"")


def _received(one: socket.socket) -> bytes:
    data = one.recv(CHUNK)
    if not data:
        raise Ended
    return data


@contextmanager
def proxy(to: int, protocol: str) -> Iterator[Proxy]:
    running = Proxy(to, protocol)
    try:
        yield running
    finally:
        running.close()
