"""IMAP's commands and answers on one connection (RFC 3501, RFC 9051): what is sent is said so that nothing in it can
become a command of its own, and what is read is bounded before it is read.

Lines and literals of an answer are taken apart by IMAPClient's parser. It is given only what is complete and no longer
than what was asked for can be.
"""

import re
import select
import socket
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

from placet.mailboxes.sockets import Lines, ProtocolBroken, send

LONGEST_LINE = 128 * 1024  # bytes of an answer's line, where nothing else is said
LARGEST_LITERAL = 64 * 1024  # bytes
LONGEST_ANSWER = 16 * 1024 * 1024  # bytes of all that is said to one command
MOST_RESPONSES = 200_000  # of the same
SECONDS = 100.0  # for the answer to a command

_LITERAL = re.compile(rb"\{(\d{1,20})\}\r?\n\Z")
_NUMBERED = re.compile(rb"(\d{1,10}) ([A-Za-z]+)(?: (.*))?\Z", re.DOTALL)
_CODE = re.compile(rb"\[([^\] ]+)(?: ([^\]]*))?\] ?")
_STATES = (b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH")
_QUOTABLE = re.compile(rb"[\x20-\x7e]*\Z")  # what a quoted string may hold beside the two that are escaped
_ATOM = re.compile(rb"[A-Za-z0-9:,*.=+/$_-]+\Z")

#: One line of an answer, and the literal that stands after it; the last of an answer has none.
Part = tuple[bytes, bytes] | bytes


@dataclass(frozen=True)
class Literal:
    """Bytes that are sent after their length, whatever they are. NUL is in none (RFC 3501 9, CHAR8)."""

    content: bytes


Word = bytes | Literal


@dataclass(frozen=True)
class Untagged:
    """One answer that begins with `*`. `kind` in capitals; `number` of those that begin with one ("3 EXISTS")."""

    kind: bytes
    number: int | None = None
    code: bytes = b""  # of OK, NO, BAD, BYE, PREAUTH: what stands first in brackets, in capitals
    argument: bytes = b""  # what follows the code there
    parts: Sequence[Part] = ()  # what follows the kind

    @property
    def text(self) -> bytes:
        """What follows the kind, without literals."""
        return b" ".join(part if isinstance(part, bytes) else part[0] for part in self.parts)


@dataclass(frozen=True)
class Limits:
    """How much may be said to one command: bytes, and seconds."""

    line: int = LONGEST_LINE
    literal: int = LARGEST_LITERAL
    answer: int = LONGEST_ANSWER
    seconds: float = SECONDS


USUAL = Limits()


@dataclass(frozen=True)
class Answer:
    """The end of a command that the server did, and what it said before."""

    code: bytes
    argument: bytes
    text: bytes
    untagged: Sequence[Untagged] = field(default_factory=tuple)

    def of(self, kind: bytes) -> list[Untagged]:
        return [response for response in self.untagged if response.kind == kind]

    def argument_of(self, code: bytes) -> bytes | None:
        """What follows this code, in the end of the answer or before it; None where it was not said."""
        if self.code == code:
            return self.argument
        return next((response.argument for response in self.untagged if response.code == code), None)


class NotDone(Exception):
    """The server did not do a command: NO, or BAD. `code`: what it said in brackets (RFC 5530), in capitals."""

    def __init__(
        self, verb: bytes, status: bytes, code: bytes, text: bytes, said: Sequence[Untagged]
    ) -> None:
        super().__init__(f"{verb.decode()}: {status.decode()}")
        self.verb, self.status, self.code, self.text, self.untagged = verb, status, code, text, said


class Bye(Exception):
    """The server ends the connection, and says so."""

    def __init__(self, code: bytes, text: bytes) -> None:
        super().__init__("BYE")
        self.code, self.text = code, text


class TooLarge(ProtocolBroken):
    """A literal was announced that is larger than what was asked for may be; nothing of it was read."""

    def __init__(self, size: int) -> None:
        super().__init__(f"a literal of {size} bytes")
        self.size = size


def string(content: bytes) -> Word:
    """Any bytes as one argument: quoted, or as a literal where a quoted string cannot hold them."""
    if not _QUOTABLE.match(content):
        return Literal(content)
    return b'"' + content.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def atom(text: str) -> bytes:
    """A word of ours that needs no quotes: numbers, ranges, names of keywords. ValueError for any other."""
    word = text.encode("ascii")
    if not _ATOM.match(word):
        raise ValueError(text)
    return word


class _Reader(Lines):
    """Lines, and literals between them."""

    def literal(self, size: int) -> bytes:
        while len(self._waiting) < size:
            self._receive()
        taken = bytes(self._waiting[:size])
        del self._waiting[:size]
        return taken


class Wire:
    """One connection. A failure that is no NotDone leaves it of no use: it is to be closed."""

    def __init__(self, connection: socket.socket) -> None:
        self._reader = _Reader(connection)
        self._connection = connection
        self._tags = count(1)
        self._allowance = 0
        self._limits = USUAL
        self.sent = self.received = self.commands = 0  # bytes, bytes, and how many
        self.literals_at_once = False  # LITERAL+ or LITERAL- (RFC 7888): no leave is asked for each

    @property
    def connection(self) -> socket.socket:
        return self._connection

    @property
    def is_silent(self) -> bool:
        """Whether nothing came that was not read yet."""
        return self._reader.is_empty

    def secured(self, connection: socket.socket) -> None:
        """From now on everything goes through this one. Nothing that came before may be left."""
        if not self.is_silent:
            raise ProtocolBroken("an answer before TLS")
        self._connection = connection
        self._reader = _Reader(connection)

    def close(self) -> None:
        self._connection.close()

    def greeting(self, limits: Limits = USUAL) -> Untagged:
        self._allow(limits)
        greeting = self._untagged(self._line())
        if greeting.kind == b"BYE":
            raise Bye(greeting.code, greeting.text)
        if greeting.kind not in (b"OK", b"PREAUTH"):
            raise ProtocolBroken("no greeting")
        return greeting

    def command(self, *words: Word, limits: Limits = USUAL, answers: Iterable[bytes] = ()) -> Answer:
        """Raises NotDone, Bye, ProtocolBroken, OSError. `answers`: lines for what the server asks meanwhile."""
        tag = self.begin(*words, limits=limits)
        waiting = iter(answers)
        said: list[Untagged] = []
        while True:
            line = self._line()
            if line.startswith(b"+"):
                self._send(next(waiting, b"") + b"\r\n")
            elif line.startswith(b"* "):
                said.append(self._untagged(line))
                if len(said) > MOST_RESPONSES:
                    raise ProtocolBroken("more answers than to any command")
                if said[-1].kind == b"BYE" and words[0] != b"LOGOUT":
                    raise Bye(said[-1].code, said[-1].text)
            else:
                return self._end(tag, line, words, said)

    def begin(self, *words: Word, limits: Limits = USUAL) -> bytes:
        """Send a command; its tag. Literals wait for the server's leave unless it takes them at once."""
        self._allow(limits)
        self.commands += 1
        tag = b"P%d" % next(self._tags)
        line = tag
        for word in words:
            if isinstance(word, bytes):
                line += b" " + word
                continue
            if b"\0" in word.content:
                raise ValueError("a literal with NUL")
            at_once = self.literals_at_once and len(word.content) <= 4096
            line += b" {%d%s}\r\n" % (len(word.content), b"+" if at_once else b"")
            if at_once:
                line += word.content
                continue
            self._send(line)
            self._await_leave(tag, words[0])
            self._send(word.content)
            line = b""
        self._send(line + b"\r\n")
        return tag

    def _await_leave(self, tag: bytes, verb: Word) -> None:
        said: list[Untagged] = []
        while not (line := self._line()).startswith(b"+"):
            if not line.startswith(b"* "):
                self._end(tag, line, [verb], said)
                raise ProtocolBroken("a command was done before it was said")
            said.append(self._untagged(line))
            if said[-1].kind == b"BYE":
                raise Bye(said[-1].code, said[-1].text)

    def listen(self, seconds: float) -> Untagged | None:
        """While a command runs that the server answers as things happen (IDLE): the next answer, or None after so many
        seconds without."""
        if self.is_silent and not _is_readable(self._connection, seconds):
            return None
        self._allow(USUAL)
        line = self._line()
        if not line.startswith(b"* "):
            raise ProtocolBroken("an end that was not asked for")
        response = self._untagged(line)
        if response.kind == b"BYE":
            raise Bye(response.code, response.text)
        return response

    def continued(self, limits: Limits = USUAL) -> list[Untagged]:
        """Wait for the server's leave to go on; what it said before."""
        self._allow(limits)
        said: list[Untagged] = []
        while not (line := self._line()).startswith(b"+"):
            if not line.startswith(b"* "):
                status, code, _argument, text = _ended(line.partition(b" ")[2])
                raise NotDone(b"IDLE", status, code, text, said)
            said.append(self._untagged(line))
        return said

    def done(self, tag: bytes, limits: Limits = USUAL) -> Answer:
        """End what runs (RFC 2177), and read to its end."""
        self._allow(limits)
        self._send(b"DONE\r\n")
        said: list[Untagged] = []
        while (line := self._line()).startswith(b"* "):
            said.append(self._untagged(line))
        return self._end(tag, line, [b"IDLE"], said)

    def _allow(self, limits: Limits) -> None:
        self._limits, self._allowance = limits, limits.answer
        self._reader.within(limits.seconds)

    def _send(self, content: bytes) -> None:
        send(self._connection, content, self._limits.seconds)
        self.sent += len(content)

    def _line(self) -> bytes:
        line = self._reader.line(self._limits.line)
        self._count(len(line))
        return line

    def _count(self, size: int) -> None:
        self.received += size
        self._allowance -= size
        if self._allowance < 0:
            raise ProtocolBroken("an answer without end")

    def _untagged(self, line: bytes) -> Untagged:
        """The answer that begins so, with its literals and the lines after them."""
        if not line.startswith(b"* "):
            raise ProtocolBroken("no answer")
        parts: list[Part] = []
        rest = line[2:]
        while announced := _LITERAL.search(rest):
            size = int(announced[1])
            if size > self._limits.literal:
                raise TooLarge(size)
            self._count(size)
            parts.append((rest[: announced.end(1) + 1], self._reader.literal(size)))
            rest = self._line()
        parts.append(rest.rstrip(b"\r\n"))
        return _sorted(parts)

    def _end(self, tag: bytes, line: bytes, words: Sequence[Word], said: Sequence[Untagged]) -> Answer:
        named, _, rest = line.partition(b" ")
        if named != tag:
            raise ProtocolBroken("an answer to another command")
        status, code, argument, text = _ended(rest)
        if status == b"OK":
            return Answer(code, argument, text, said)
        verb = words[0] if isinstance(words[0], bytes) else b""
        raise NotDone(verb, status, code, text, said)


def _ended(rest: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Status, code, what follows the code, and text."""
    status, _, text = rest.rstrip(b"\r\n").partition(b" ")
    status = status.upper()
    if status not in (b"OK", b"NO", b"BAD"):
        raise ProtocolBroken("neither done nor refused")
    code, argument, text = _coded(text)
    return status, code, argument, text


def _coded(text: bytes) -> tuple[bytes, bytes, bytes]:
    match = _CODE.match(text)
    if match is None:
        return b"", b"", text
    return match[1].upper(), match[2] or b"", text[match.end() :]


def _sorted(parts: list[Part]) -> Untagged:
    """What kind of answer it is. Its first part is rid of kind and number."""
    head = parts[0] if isinstance(parts[0], bytes) else parts[0][0]
    numbered = _NUMBERED.match(head)
    if numbered is not None:
        kind, number, rest = numbered[2].upper(), int(numbered[1]), numbered[3] or b""
    else:
        word, _, rest = head.partition(b" ")
        kind, number = word.upper(), None
    first: Part = rest if isinstance(parts[0], bytes) else (rest, parts[0][1])
    if kind in _STATES and number is None and isinstance(first, bytes):
        code, argument, text = _coded(first)
        return Untagged(kind, None, code, argument, [text])
    return Untagged(kind, number, parts=[first, *parts[1:]])


def _is_readable(connection: socket.socket, seconds: float) -> bool:
    if isinstance(connection, ssl.SSLSocket) and connection.pending():
        return True
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))
