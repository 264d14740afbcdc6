"""One session with a POP3 server (RFC 1939, 2449, 2595, 5034): poplib over connections that are checked, with an end to
every line, answer and wait."""

import base64
import poplib
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

from placet.mailboxes import sasl, sockets
from placet.mailboxes.sockets import Lines, ProtocolBroken

LONGEST_LINE = 8192  # bytes of an answer's line; a challenge may be as long
MOST_LISTED = 500_000  # mails of one listing
ANSWER = 60.0  # seconds for one answer
LISTING = 240.0  # seconds for a listing of all mails, or for one mail
GOODBYE = 30.0  # seconds: what was marked for deletion is deleted then
_ENTRY = re.compile(rb"(\d{1,9})[ \t]+([\x21-\x7e]{1,200})")


class Refused(Exception):
    """The server said -ERR. `code`: what stands in brackets (RFC 2449 8, RFC 3206), upper case; "" if nothing does."""

    def __init__(self, line: bytes) -> None:
        text = line.removeprefix(b"-ERR").strip()
        coded = re.match(rb"\[([A-Za-z/-]{1,40})\]\s*", text)
        self.code = coded[1].decode().upper() if coded else ""
        self.words = sockets.words_of([text])
        super().__init__(self.words)


@dataclass(frozen=True)
class Listed:
    """One mail in the order of this session. `uid` says which one it is, in every session."""

    number: int
    uid: str
    size: int  # bytes, as the server counts


class Session(poplib.POP3):
    """After its greeting. Every method raises Refused, ProtocolBroken or OSError (Cut)."""

    def __init__(self, connection: socket.socket, host: str) -> None:
        self._given = connection
        self._lines = Lines(connection)
        self.is_ended = False
        self.user_signed_in = self.mechanism = ""
        try:
            super().__init__(host)
        except BaseException:
            self.close()  # poplib reads by a file of its own, which keeps the socket open
            raise

    # --- what poplib does without an end ------------------------------------------------------------------

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self._given

    def _putline(self, line: bytes) -> None:
        if b"\r" in line or b"\n" in line:
            raise ValueError("a command of more than one line")
        sockets.send(self.sock, line + b"\r\n", ANSWER)

    def _getline(self) -> tuple[bytes, int]:
        line = self._lines.line(LONGEST_LINE)
        return line.rstrip(b"\r\n"), len(line)

    def _getresp(self) -> bytes:
        self._lines.within(ANSWER)
        line, _length = self._getline()
        if line.startswith(b"-ERR"):
            raise Refused(line)
        if not (line.startswith((b"+OK", b"+ ")) or line == b"+"):
            raise ProtocolBroken("neither +OK nor -ERR")
        return line

    def _ask(self, command: str) -> bytes:
        self._putline(command.encode())
        return self._getresp()

    # --- opening ------------------------------------------------------------------------------------------

    def capabilities(self) -> dict[str, str]:
        """By name in upper case, with parameters; {} of a server that knows no CAPA."""
        try:
            lines = [line.decode("ascii", "replace") for line in self._many("CAPA", most=200)]
        except Refused:
            return {}
        pairs = (line.strip().partition(" ") for line in lines if line.strip())
        return {name.upper(): parameters.strip() for name, _blank, parameters in pairs}

    def start_tls(self, authorities: str = "") -> None:
        """What came in clear behind the answer was put there by somebody else."""
        self._ask("STLS")
        if not self._lines.is_empty:
            raise ProtocolBroken("words in clear behind the answer to STLS")
        self.sock: socket.socket | ssl.SSLSocket = sockets.secured(self.sock, self.host, authorities)
        self._lines = Lines(self.sock)

    def sign_in(self, proof: sasl.Proof, capabilities: dict[str, str]) -> str:
        """The mechanism that it was done with. Raises sasl.NoMechanism, or Refused."""
        offered = frozenset(capabilities.get("SASL", "").upper().split())
        if isinstance(proof, sasl.Password) and ("USER" in capabilities or "PLAIN" not in offered):
            user, password = sasl.answers_to_login(proof)
            self._putline(b"USER " + user)
            self._getresp()
            self._putline(b"PASS " + password)
            self._getresp()
            return "USER"
        mechanism = sasl.mechanism_for(proof, offered)
        # In two steps: with a token the command would be longer than it may be (RFC 5034 4).
        self._putline(f"AUTH {mechanism}".encode())
        if self._getresp().startswith(b"+OK"):
            raise ProtocolBroken("signed in without a proof")
        self._putline(base64.b64encode(sasl.first_response(mechanism, proof)))
        if not self._getresp().startswith(b"+OK"):  # a challenge: it says why it refuses
            self._putline(base64.b64encode(sasl.AFTER_REFUSAL.get(mechanism, b"")))
            if not self._getresp().startswith(b"+OK"):
                raise ProtocolBroken("a challenge behind a challenge")
        return mechanism

    # --- mails --------------------------------------------------------------------------------------------

    def count(self) -> tuple[int, int]:
        """How many mails there are, and how many bytes."""
        numbers = re.match(rb"\+OK (\d{1,9}) (\d{1,18})", self._ask("STAT"))
        if numbers is None:
            raise ProtocolBroken("no numbers in the answer to STAT")
        return int(numbers[1]), int(numbers[2])

    def uid_of(self, number: int) -> str:
        """Of one mail. Raises Refused where there is none of this number."""
        entry = re.match(rb"\+OK " + _ENTRY.pattern, self._ask(f"UIDL {number}"))
        if entry is None or int(entry[1]) != number:
            raise ProtocolBroken("no id in the answer to UIDL")
        return entry[2].decode()

    def listed(self) -> list[Listed]:
        """All mails, in the order of their numbers. Raises Refused where the server has no UIDL."""
        uids = dict(self._numbered("UIDL"))
        sizes = {number: int(size) for number, size in self._numbered("LIST") if size.isdigit()}
        return [Listed(number, uids[number], sizes.get(number, 0)) for number in sorted(uids)]

    def _numbered(self, command: str) -> Iterator[tuple[int, str]]:
        for line in self._many(command, most=MOST_LISTED):
            entry = _ENTRY.match(line)
            if entry is None:
                raise ProtocolBroken(f"no number in the answer to {command}")
            yield int(entry[1]), entry[2].decode()

    def mail(self, number: int, most: int) -> bytes | None:
        """The whole mail; None where it has more than `most` bytes. Then this session can do nothing more."""
        self._putline(f"RETR {number}".encode())
        self._getresp()
        content = bytearray()
        self._lines.within(LISTING)
        while True:
            try:
                line = self._lines.line(most + LONGEST_LINE)
            except ProtocolBroken:
                return None
            if line in (b".\r\n", b".\n"):
                return bytes(content)
            content += line[1:] if line.startswith(b".") else line
            if len(content) > most:
                return None

    def headers(self, number: int, most: int) -> bytes:
        """The first `most` bytes, or nearly, of its headers (TOP). The rest of them is passed over: nobody's headers
        may end a session that other mails are waiting for."""
        self._putline(f"TOP {number} 0".encode())
        self._getresp()
        content, is_line, left = bytearray(), True, most
        self._lines.within(LISTING)
        while (piece := self._lines.piece(LONGEST_LINE)) not in (b".\r\n", b".\n") or not is_line:
            left = left - len(piece) if len(piece) <= left else 0
            if left:
                content += piece[1:] if is_line and piece.startswith(b".") else piece
            is_line = piece.endswith(b"\n")
        return bytes(content)

    def _many(self, command: str, most: int) -> Iterator[bytes]:
        """Lines of an answer that ends with a dot."""
        self._putline(command.encode())
        self._getresp()
        self._lines.within(LISTING)
        for _number in range(most + 1):
            line = self._lines.line(LONGEST_LINE).rstrip(b"\r\n")
            if line == b".":
                return
            yield line[1:] if line.startswith(b".") else line
        raise ProtocolBroken(f"more than {most} lines")

    def delete(self, number: int) -> None:
        """Marked: it is deleted when the session ends well, and not before."""
        self._ask(f"DELE {number}")

    def bye(self) -> None:
        """Ends the session; what was marked is deleted only if this raises nothing."""
        self.is_ended = True
        try:
            self._putline(b"QUIT")
            self._lines.within(GOODBYE)
            line, _length = self._getline()
        finally:
            self.close()
        if not line.startswith(b"+OK"):
            raise Refused(line)
