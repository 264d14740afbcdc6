"""What is asked about the domain of an address, all at once, in ten seconds at most.

The address itself is sent to nobody. Who is asked, and what they learn:
  - the name service of this machine: MX and SRV records, autodiscover.DOMAIN
  - autoconfig.DOMAIN and DOMAIN, by https: that somebody asks for the domain's configuration
  - the JMAP service that the DNS names, by https: that somebody looks for it
  - autoconfig.thunderbird.net, by https, only where the administrator allows it (`ispdb`): the domain, and that of its
    mail server
"""

import ipaddress
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from placet.lib.domains import in_ascii, is_address
from placet.lib.outward import is_public
from placet.lib.sentences import Sentence, gettext_noop
from placet.mailboxes.http import private_targets

from .autoconfig import NotUnderstood, servers_in
from .names import Deadline, Names, NameServiceFailed, NoSuchName, Service
from .proposals import JMAP, SSL, Discovery, Origin, Question, Server, SignIn, Source, host_in
from .web import Page, PageFailed, Web
from .weighing import SERVICES, Answers, MailServers, weigh

T = TypeVar("T")
NO_SERVICES: list[Service] = []

SECONDS = 10.0
ISPDB_HOST = "autoconfig.thunderbird.net"
JMAP_CORE = "urn:ietf:params:jmap:core"
_WORKERS = 16

_NOTHING = gettext_noop("nothing")
_NO_ANSWER = gettext_noop("no answer")
_NO_MAIL = gettext_noop("the domain takes no mail")
_NO_DOMAIN = gettext_noop("there is no such domain")
_NOT_OFFERED = gettext_noop("not offered")
_STATUS = gettext_noop("status {number}")
_NO_FILE = gettext_noop("a page, but no configuration that Placet can read")
_SERVERS = gettext_noop("servers that Placet can use: {number}")
_IS_JMAP = gettext_noop("a JMAP service")
_IS_NO_JMAP = gettext_noop("no JMAP service")


class AddressInvalid(ValueError):
    """This is no address with a domain that the DNS could know."""


@dataclass(frozen=True)
class Network:
    """How the world is reached. `nameservers`: none are those of this machine. `allowed`: the private addresses that
    may be called. `seconds`: for all of it."""

    nameservers: tuple[str, ...] = ()
    dns_port: int = 53
    https_port: int = 443
    allowed: Callable[[], Iterable[str]] = private_targets
    seconds: float = SECONDS


def discover(address: str, network: Network | None = None, *, ispdb: bool = False) -> Discovery:
    """All that can be found out about an address. Raises AddressInvalid; never takes longer than `network.seconds`.

    `ispdb`: whether Thunderbird's database of providers may be asked, too.
    """
    whole, domain = _read(address)
    return _Lookup(whole, domain, network or Network()).run(ispdb=ispdb)


def _read(address: str) -> tuple[str, str]:
    """The address in the spelling of mails, and its domain in ASCII."""
    text = address.strip()
    try:
        whole = in_ascii(text)
    except ValueError as error:
        raise AddressInvalid(text) from error
    local, _at, domain = whole.rpartition("@")
    if not is_address(whole) or not host_in(domain):
        raise AddressInvalid(text)
    return f"{local}@{host_in(domain)}", host_in(domain)


@dataclass(frozen=True)
class _Answer(Generic[T]):
    """What came of one question: for weighing, and in words."""

    value: T
    answer: Sentence


@dataclass(frozen=True)
class _Asked(Generic[T]):
    """A question under way. `nothing`: what counts where no answer came in time."""

    asked: str
    future: "Future[_Answer[T]]"
    nothing: T

    @property
    def value(self) -> T:
        return self.future.result().value if self._is_answered else self.nothing

    @property
    def question(self) -> Question:
        answer = self.future.result().answer if self._is_answered else Sentence(_NO_ANSWER)
        return Question(self.asked, answer)

    @property
    def _is_answered(self) -> bool:
        return self.future.done() and not self.future.cancelled()


class _Lookup:
    """The questions about one address. Those to the DNS are answered before the rest of the pages is asked for: they
    say where."""

    def __init__(self, address: str, domain: str, network: Network) -> None:
        self._address = address
        self._domain = domain
        self._deadline = Deadline(network.seconds)
        self._names = Names(self._deadline, network.nameservers, network.dns_port)
        allowed = [
            *network.allowed()
        ]  # here, not in a thread that would leave a connection to the database behind
        self._web = Web(self._names, self._deadline, lambda: allowed, network.https_port)
        self._https_port = network.https_port
        self._asked: list[_Asked[Any]] = []

    def run(self, *, ispdb: bool) -> Discovery:
        executor = ThreadPoolExecutor(_WORKERS, "discovery")
        try:
            answers = self._run(executor, ispdb=ispdb)
        finally:
            # What is still under way ends by the deadline: nobody waits for it.
            executor.shutdown(wait=False, cancel_futures=True)
        return weigh(answers, [asked.question for asked in self._asked])

    def _run(self, executor: ThreadPoolExecutor, *, ispdb: bool) -> Answers:
        domain = self._domain
        mail = self._ask(executor, f"MX {domain}", self._mail_servers, MailServers(is_answered=False))
        services = {
            name: self._ask(executor, f"SRV {name}.{domain}", partial(self._services, name), NO_SERVICES)
            for name in SERVICES
        }
        autodiscover = self._ask(executor, f"A autodiscover.{domain}", self._autodiscover, "")
        files = [
            self._file(executor, url, Origin(Source.AUTOCONFIG, host))
            for host, url in (
                (f"autoconfig.{domain}", f"https://autoconfig.{domain}/mail/config-v1.1.xml"),
                (domain, f"https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml"),
            )
        ]
        self._wait([mail, autodiscover, *services.values()])
        jmap = self._jmap(executor, services["_jmap._tcp"].value)
        private = self._ask_privacy(executor, mail.value.hosts)
        if ispdb:
            files += self._ispdb(executor, mail.value.hosts)
        self._wait(self._asked)
        return Answers(
            address=self._address,
            domain=domain,
            mail=mail.value,
            services={name: asked.value for name, asked in services.items()},
            autodiscover=autodiscover.value,
            files=[server for asked in files for server in asked.value],
            jmap=jmap.value,
            private_host=private.value if private is not None else None,
        )

    def _ask(
        self, executor: ThreadPoolExecutor, asked: str, function: Callable[[], _Answer[T]], nothing: T
    ) -> _Asked[T]:
        under_way = _Asked(asked, executor.submit(function), nothing)
        self._asked.append(under_way)
        return under_way

    def _wait(self, asked: Iterable[_Asked[Any]]) -> None:
        wait([one.future for one in asked], timeout=self._deadline.left)

    # --- the DNS ------------------------------------------------------------------------------------------

    def _mail_servers(self) -> _Answer[MailServers]:
        try:
            hosts = self._names.mail_servers(self._domain)
        except NoSuchName:
            return _Answer(MailServers(has_domain=False), Sentence(_NO_DOMAIN))
        except NameServiceFailed:
            return _Answer(MailServers(is_answered=False), Sentence(_NO_ANSWER))
        if hosts == [""]:
            return _Answer(MailServers(takes_mail=False), Sentence(_NO_MAIL))
        return _Answer(MailServers(tuple(hosts)), _listed(hosts))

    def _services(self, name: str) -> _Answer[list[Service]]:
        try:
            services = self._names.services(f"{name}.{self._domain}")
        except NameServiceFailed:
            return _Answer([], Sentence(_NO_ANSWER))
        offered = [service for service in services if service.host]
        if services and not offered:
            return _Answer([], Sentence(_NOT_OFFERED))
        return _Answer(offered, _listed([f"{service.host}:{service.port}" for service in offered]))

    def _autodiscover(self) -> _Answer[str]:
        try:
            host = self._names.canonical(f"autodiscover.{self._domain}")
        except NameServiceFailed:
            return _Answer("", Sentence(_NO_ANSWER))
        return _Answer(host, _listed([host] if host else []))

    def _ask_privacy(
        self, executor: ThreadPoolExecutor, hosts: tuple[str, ...]
    ) -> _Asked[tuple[str, str] | None] | None:
        """Whether the preferred mail server is one of an own network."""
        if not hosts:
            return None
        return self._ask(executor, f"A {hosts[0]}", lambda: self._private_host(hosts[0]), None)

    def _private_host(self, host: str) -> _Answer[tuple[str, str] | None]:
        try:
            addresses = self._names.addresses(host)
        except OSError:
            return _Answer(None, Sentence(_NO_ANSWER))
        private = [address for address in addresses if not is_public(ipaddress.ip_address(address))]
        return _Answer((host, private[0]) if private else None, _listed(addresses))

    # --- pages --------------------------------------------------------------------------------------------

    def _file(self, executor: ThreadPoolExecutor, url: str, origin: Origin) -> _Asked[list[Server]]:
        return self._ask(executor, url, lambda: self._servers(url, origin), [])

    def _servers(self, url: str, origin: Origin) -> _Answer[list[Server]]:
        try:
            page = self._web.page(url)
        except PageFailed as error:
            return _Answer([], error.sentence)
        if page.status != 200:
            return _Answer([], Sentence(_STATUS, number=page.status))
        try:
            servers = servers_in(page.content, self._address, origin)
        except NotUnderstood:
            return _Answer([], Sentence(_NO_FILE))
        return _Answer(servers, Sentence(_SERVERS, number=len(servers)))

    def _ispdb(self, executor: ThreadPoolExecutor, hosts: tuple[str, ...]) -> list[_Asked[list[Server]]]:
        """Of the domain, and of its mail server's: a hosted domain is known by that alone."""
        domains = dict.fromkeys([self._domain, *(_registered(host) for host in hosts[:1])])
        return [
            self._file(executor, f"https://{ISPDB_HOST}/v1.1/{domain}", Origin(Source.ISPDB, domain))
            for domain in domains
        ]

    def _jmap(self, executor: ThreadPoolExecutor, services: list[Service]) -> _Asked[Server | None]:
        named = services[0] if services else None
        host = named.host if named else self._domain
        if named is not None and named.port not in (443, self._https_port):
            return self._ask(
                executor, f"https://{host}:{named.port}", lambda: _Answer(None, Sentence(_IS_NO_JMAP)), None
            )
        url = f"https://{host}/.well-known/jmap"
        return self._ask(executor, url, lambda: self._jmap_server(url, is_named=named is not None), None)

    def _jmap_server(self, url: str, *, is_named: bool) -> _Answer[Server | None]:
        try:
            page = self._web.page(url)
        except PageFailed as error:
            return _Answer(None, error.sentence)
        if not _is_jmap(page, is_named=is_named):
            return _Answer(None, Sentence(_IS_NO_JMAP))
        host = host_in(url.split("/")[2])
        origin = Origin(Source.JMAP, host)
        ways = (SignIn.API_TOKEN, SignIn.PASSWORD)
        return _Answer(Server(JMAP, host, 443, SSL, self._address, ways, origin), Sentence(_IS_JMAP))


def _is_jmap(page: Page, *, is_named: bool) -> bool:
    """A session (RFC 8620 2), or, at a host that the DNS names for it, the question for who signs in. Where nobody
    named it, that may be a site that asks so for every page."""
    if page.status == 200:
        session = page.json()
        capabilities = session.get("capabilities") if isinstance(session, dict) else None
        return isinstance(capabilities, dict) and JMAP_CORE in capabilities
    return is_named and page.asks_to_sign_in


def _registered(host: str) -> str:
    """The domain that a provider registered, as well as its name tells: the last two labels, or three where the second
    is one such as in .co.uk."""
    labels = host.split(".")
    return ".".join(labels[-3:] if len(labels[-1]) == 2 and len(labels[-2]) <= 3 else labels[-2:])


def _listed(names: list[str]) -> Sentence:
    return Sentence("{names}", names=", ".join(names)) if names else Sentence(_NOTHING)
