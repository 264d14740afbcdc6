"""A DNS server on loopback with records of a test's own, mostly TXT: UDP, in a thread of the test's process."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class Records:
    """`texts` by name (lower case, without the last point), several for several records; `others` by name and type, as
    zone files have them: {("example.org", "MX"): ("10 mx.example.org.",)}. `failing` names get SERVFAIL, `silent` ones
    no answer at all; `asked` is every name asked for, in order."""

    def __init__(self) -> None:
        self.texts: dict[str, tuple[str, ...]] = {}
        self.others: dict[tuple[str, str], tuple[str, ...]] = {}
        self.failing: set[str] = set()
        self.silent: set[str] = set()
        self.asked: list[str] = []
        self.ttl = 300
        self.authenticated = False
        self.address = ""

    def answer(self, wire: bytes) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.asked.append(name)
        if name in self.silent:
            return None
        response = dns.message.make_response(query, recursion_available=True)
        if self.authenticated:
            response.flags |= dns.flags.AD
        if name in self.failing:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif name not in {*self.texts, *(known for known, _type in self.others)}:
            response.set_rcode(dns.rcode.NXDOMAIN)
        else:
            kind = dns.rdatatype.to_text(question.rdtype)
            for value in self._values(name, kind):
                response.answer.append(dns.rrset.from_text(question.name, self.ttl, "IN", kind, value))
        return response.to_wire()

    def _values(self, name: str, kind: str) -> Iterator[str]:
        if kind == "TXT":
            for text in self.texts.get(name, ()):
                yield " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text) or 1, 200))
        yield from self.others.get((name, kind), ())


@contextmanager
def serving(port: int = 0) -> Iterator[Records]:
    """Records at `address` (host:port) until the block ends; by itself at a free port."""
    records = Records()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", port))
        records.address = f"127.0.0.1:{listening.getsockname()[1]}"

        def serve() -> None:
            while True:
                wire, asker = listening.recvfrom(4096)
                if wire == _STOP:
                    return
                if (answer := records.answer(wire)) is not None:
                    listening.sendto(answer, asker)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield records
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stopping:
                stopping.sendto(_STOP, listening.getsockname())
            thread.join()


_STOP = b"stop"
