"""The DNS of an address's domain, by dnspython: bounded in time, and nothing but names of hosts comes back.

Answers are hostile text: whoever keeps a domain writes what they like into its records.
"""

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .proposals import host_in

if TYPE_CHECKING:
    import dns.resolver

MOST_RECORDS = 20  # of one answer
LONGEST = 5.0  # seconds for one question


class NoSuchName(Exception):
    """The DNS says that there is no such name."""


class NameServiceFailed(Exception):
    """No answer in time, or none that means anything."""


class Deadline:
    """A moment, `seconds` from now."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds, never less than a twentieth."""
        return max(self._end - time.monotonic(), 0.05)

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._end


@dataclass(frozen=True)
class Service:
    """What a SRV record names. `host` is "" where the record says that the service is not offered (RFC 2782)."""

    host: str
    port: int


class Names:
    """Questions to the name service of this machine, or to `nameservers` (addresses) at `port`."""

    def __init__(self, deadline: Deadline, nameservers: Sequence[str] = (), port: int = 53) -> None:
        self._deadline = deadline
        self._nameservers = nameservers
        self._port = port

    def mail_servers(self, domain: str) -> list[str]:
        """Hosts of the MX records, the most preferred first; [""] for a domain that takes no mail (RFC 7505), [] where
        there are no records. Raises NoSuchName, NameServiceFailed."""
        records = sorted(self._records(domain, "MX"), key=lambda record: int(record.preference))
        if len(records) == 1 and records[0].exchange.to_text() == ".":
            return [""]
        return [host for record in records if (host := host_in(record.exchange.to_text()))]

    def services(self, name: str) -> list[Service]:
        """Of a SRV record, the most preferred first. [] where there is none. Raises NameServiceFailed."""
        try:
            records = self._records(name, "SRV")
        except NoSuchName:
            return []
        records.sort(key=lambda record: (int(record.priority), -int(record.weight)))
        services = []
        for record in records:
            host = record.target.to_text()
            if host == ".":
                services.append(Service("", 0))
            elif host_in(host) and int(record.port):
                services.append(Service(host_in(host), int(record.port)))
        return services

    def canonical(self, host: str) -> str:
        """The name that a name leads to by CNAME, itself where by none; "" where it has no address. Raises
        NameServiceFailed."""
        try:
            answer = self._answer(host, "A")
        except NoSuchName:
            return ""
        return host_in(answer.canonical_name.to_text()) if answer is not None else ""

    def addresses(self, host: str, port: int = 443) -> list[str]:
        """Every address of a name. Raises socket.gaierror as the system's own function does."""
        addresses = []
        failure: Exception = NoSuchName(host)
        for kind in ("A", "AAAA"):
            try:
                addresses += [str(record.address) for record in self._records(host, kind)]
            except (NoSuchName, NameServiceFailed) as error:
                failure = error
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, host) from failure
        return addresses

    def _records(self, name: str, kind: str) -> list[Any]:
        answer = self._answer(name, kind)
        return list(answer)[:MOST_RECORDS] if answer is not None else []

    def _answer(self, name: str, kind: str) -> "dns.resolver.Answer | None":
        """None where the name has no record of this kind."""
        import dns.exception
        import dns.name
        import dns.resolver

        if self._deadline.is_over:
            raise NameServiceFailed(name)
        try:
            whole = dns.name.from_text(f"{name}.")
            return self._resolver.resolve(
                whole, kind, search=False, lifetime=min(self._deadline.left, LONGEST)
            )
        except dns.resolver.NXDOMAIN as error:
            raise NoSuchName(name) from error
        except dns.resolver.NoAnswer:
            return None
        except (dns.exception.DNSException, OSError) as error:
            raise NameServiceFailed(name) from error

    @cached_property
    def _resolver(self) -> "dns.resolver.Resolver":
        import dns.resolver

        resolver = dns.resolver.Resolver(configure=not self._nameservers)
        if self._nameservers:
            resolver.nameservers = [*self._nameservers]
        resolver.port = self._port
        return resolver
