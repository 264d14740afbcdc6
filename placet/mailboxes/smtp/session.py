"""One session with a submission server: smtplib's commands, over connections that are checked, with answers and waits
that have an end."""

import base64
import binascii
import json
import smtplib
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress

from placet.mailboxes import sasl, sockets
from placet.mailboxes.sockets import Cut, Lines, ProtocolBroken

from .replies import Reply, Stage

LONGEST_LINE = 12_288  # bytes: a challenge may have as many (RFC 4954 4); any other line 512
MOST_LINES = 100  # of one reply
ANSWER = 60.0  # seconds for a reply, or for one group of them
HANDOVER = 110.0  # seconds for the whole mail; with the next one less than an outgoing mail's lease
VERDICT = 170.0  # seconds for the word on it
GOODBYE = 2.0  # seconds
MOST_CHALLENGES = 3


class Unexpected(Exception):
    """A reply that is not the one that the stage asks for."""

    def __init__(self, reply: Reply, stage: Stage) -> None:
        super().__init__(reply.words)
        self.reply = reply
        self.stage = stage


class SignInRefused(Unexpected):
    """The same, of the proof. `challenge`: what the server said of a token, if it said something."""

    def __init__(self, reply: Reply, challenge: Mapping[str, object]) -> None:
        super().__init__(reply, Stage.SIGN_IN)
        self.challenge = dict(challenge)


class Session(smtplib.SMTP):
    """After its greeting. Every method raises Unexpected, ProtocolBroken or OSError (Cut)."""

    def __init__(self, connection: socket.socket, host: str, ehlo: str) -> None:
        super().__init__(local_hostname=ehlo)
        self._host = host
        self.sock = connection
        self._lines = Lines(connection)
        self.may_be_out = False

    # --- what smtplib does without an end ---------------------------------------------------------------

    def getreply(self) -> tuple[int, bytes]:
        reply = self.reply()
        return reply.code, b"\n".join(reply.lines)

    def reply(self, within: float | None = None) -> Reply:
        lines: list[bytes] = []
        self._lines.within(ANSWER if within is None else within)
        while len(lines) < MOST_LINES:
            line = self._lines.line(LONGEST_LINE)
            code, separator = line[:3], line[3:4]
            if not (code.isdigit() and b"200" <= code < b"600") or separator not in (
                b" ",
                b"-",
                b"\r",
                b"\n",
            ):
                raise ProtocolBroken("no reply code")
            lines.append(line[4:].strip(b" \t\r\n"))
            if separator != b"-":
                return Reply(int(code), tuple(lines))
        raise ProtocolBroken(f"a reply of more than {MOST_LINES} lines")

    def send(self, s: object) -> None:
        if self.sock is None:
            raise Cut
        content = s.encode() if isinstance(s, str) else bytes(s)  # type: ignore[call-overload]  # beyond ASCII: RFC 6531
        sockets.send(self.sock, content, ANSWER)

    # --- opening ----------------------------------------------------------------------------------------

    def greet(self) -> None:
        self._expect(self.reply(), Stage.GREETING)
        self._hello()

    def _hello(self) -> None:
        code, text = self.ehlo()
        self._expect(Reply(code, tuple(text.split(b"\n"))), Stage.HELLO)

    @property
    def extensions(self) -> Mapping[str, str]:
        """EHLO keywords in lower case, and their parameters."""
        return self.esmtp_features

    @property
    def mechanisms(self) -> frozenset[str]:
        return frozenset(self.extensions.get("auth", "").upper().split())

    def start_tls(self, authorities: str = "") -> None:
        """Whatever came before TLS is forgotten (RFC 3207 4.2); what came with the answer, in clear, was put there by
        somebody else."""
        self._expect(self._command("STARTTLS"), Stage.TLS)
        if not self._lines.is_empty:
            raise ProtocolBroken("words in clear behind the answer to STARTTLS")
        assert self.sock is not None
        self.sock = sockets.secured(self.sock, self._host, authorities)
        self._lines = Lines(self.sock)
        self.esmtp_features = {}
        self._hello()

    def sign_in(self, proof: sasl.Proof) -> str:
        """The mechanism that it was done with. Raises sasl.NoMechanism, or SignInRefused."""
        mechanism = sasl.mechanism_for(proof, self.mechanisms)
        if mechanism == "LOGIN":
            assert isinstance(proof, sasl.Password)
            answers = list(sasl.answers_to_login(proof))
            reply = self._command("AUTH LOGIN")
        else:
            answers = []
            reply = self._command(f"AUTH {mechanism} {_encoded(sasl.first_response(mechanism, proof))}")
        challenge: bytes = b""
        for _number in range(MOST_CHALLENGES):
            if reply.code != 334:
                break
            challenge = reply.lines[0]
            answer = answers.pop(0) if answers else sasl.AFTER_REFUSAL.get(mechanism, b"")
            reply = self._command(_encoded(answer))
        if reply.code != 235:
            raise SignInRefused(reply, _as_json(challenge))
        return mechanism

    # --- sending ----------------------------------------------------------------------------------------

    def in_order(self, commands: Sequence[tuple[str, Stage]]) -> None:
        """Commands of which none changes what the next one means: in one packet where the server takes that (RFC
        2920), else one after the other. Stops at the first that is not answered with 2xx."""
        if "pipelining" not in self.extensions:
            for command, stage in commands:
                self._expect(self._command(command), stage)
            return
        self.send("".join(f"{_clean(command)}\r\n" for command, _stage in commands))
        refused: Unexpected | None = None
        for _command, stage in commands:  # the answers to all of them come, whatever the first one was
            try:
                self._expect(self.reply(), stage)
            except Unexpected as error:
                refused = refused or error
            except OSError:
                if refused is None:
                    raise
                break
        if refused is not None:
            raise refused

    def hand_over(self, content: bytes) -> Reply:
        """The mail itself, dots doubled; the server's word on it. What is cut off while `may_be_out` is False was not
        sent: the line with the single dot makes it the server's."""
        self.may_be_out = False
        reply = self._command("DATA")
        if reply.code != 354:
            raise Unexpected(reply, Stage.DATA)
        assert self.sock is not None
        sockets.send(self.sock, content, HANDOVER)
        self.may_be_out = True
        self.send(b".\r\n")
        reply = self.reply(VERDICT)
        self._expect(reply, Stage.CONTENT)
        return reply

    def bye(self) -> None:
        """Says so where that can be said, and closes."""
        if self.sock is not None:
            with suppress(OSError):
                sockets.send(self.sock, b"QUIT\r\n", GOODBYE)
        self.close()

    def _command(self, command: str) -> Reply:
        self.send(f"{_clean(command)}\r\n")
        return self.reply()

    @staticmethod
    def _expect(reply: Reply, stage: Stage) -> None:
        if not reply.is_positive:
            raise Unexpected(reply, stage)


def _clean(command: str) -> str:
    if "\r" in command or "\n" in command or "\0" in command:
        raise ValueError("a command of more than one line")
    return command


def _encoded(response: bytes) -> str:
    return base64.b64encode(response).decode()


def _as_json(challenge: bytes) -> dict[str, object]:
    """What a server says of a token that it refuses (RFC 7628 3.2.2); {} where it says nothing of that kind."""
    try:
        told = json.loads(base64.b64decode(challenge, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
