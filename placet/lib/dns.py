"""TXT records, asked of the machine's resolvers or of those that the operator named: bounded, and cached for as long
as the records say, at most an hour."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from django.conf import settings

from placet.lib import clock

if TYPE_CHECKING:
    import dns.resolver

PATIENCE = 2.0  # seconds for one question, all resolvers together
LONGEST = timedelta(hours=1)  # that an answer is kept, whatever its TTL
NO_RECORD = timedelta(minutes=5)  # that “there is none” is kept
MOST_KEPT = 2_000  # answers


class NoAnswer(Exception):
    """No resolver answered, or the servers of the domain failed: it may do so later."""


@dataclass(frozen=True)
class Answer:
    """`texts`: one for each TXT record, its strings joined; () where there is none."""

    texts: tuple[str, ...]
    ttl: int  # seconds, as the record says
    resolver: str  # address of the one that answered
    authenticated: bool  # it says that DNSSEC proved it (AD); believed of a resolver on this machine alone
    at: datetime


_kept: dict[str, Answer] = {}
_lock = threading.Lock()


def txt(name: str) -> Answer:
    """The TXT records of a name. Raises NoAnswer."""
    name = name.lower().rstrip(".")
    kept = _kept.get(name)
    if kept is not None and clock.now() < kept.at + _lasts(kept):
        return kept
    answer = _ask(name)
    with _lock:
        while len(_kept) >= MOST_KEPT:
            _kept.pop(next(iter(_kept)))
        _kept.pop(name, None)
        _kept[name] = answer
    return answer


def forget() -> None:
    """Everything that is kept."""
    with _lock:
        _kept.clear()


def _lasts(answer: Answer) -> timedelta:
    if not answer.texts:
        return NO_RECORD
    return min(timedelta(seconds=answer.ttl), LONGEST)


def _ask(name: str) -> Answer:
    import dns.exception  # only whoever checks signatures needs it
    import dns.flags
    import dns.name
    import dns.resolver

    at = clock.now()
    try:
        answer = _resolver().resolve(f"{name}.", "TXT", raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return Answer((), 0, "", False, at)
    except (dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel, UnicodeError):
        return Answer((), 0, "", False, at)  # no name can be so: there is no such record
    except (dns.exception.DNSException, OSError) as error:
        raise NoAnswer(f"{name}: {type(error).__name__}") from error
    texts = tuple(b"".join(record.strings).decode("latin-1") for record in answer.rrset or ())
    server = str(answer.nameserver or "")
    authenticated = bool(answer.response.flags & dns.flags.AD) and _is_own(server)
    return Answer(texts, answer.rrset.ttl if answer.rrset else 0, server, authenticated, at)


def _resolver() -> "dns.resolver.Resolver":
    import dns.flags
    import dns.nameserver
    import dns.resolver

    servers: Sequence[str] = settings.PLACET.dns_servers.replace(",", " ").split()
    resolver = dns.resolver.Resolver(configure=not servers)
    if servers:
        resolver.nameservers = [
            dns.nameserver.Do53Nameserver(host, int(port or 53)) for host, port in map(_address, servers)
        ]
    resolver.lifetime = PATIENCE
    resolver.use_edns(0, dns.flags.DO, 1232)
    resolver.search = []
    return resolver


def _address(server: str) -> tuple[str, str]:
    """Host and port of `192.0.2.1`, `192.0.2.1:5353`, `[::1]:5353` or `::1`."""
    if server.startswith("["):
        host, _, port = server[1:].partition("]")
        return host, port.removeprefix(":")
    host, _, port = server.rpartition(":") if server.count(":") == 1 else (server, "", "")
    return host, port


def _is_own(server: str) -> bool:
    """Whether nobody between can have set the flag."""
    try:
        return ip_address(server).is_loopback
    except ValueError:
        return False
