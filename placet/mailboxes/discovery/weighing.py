"""What the DNS and the pages said, made into proposals, the best first."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from placet.lib.sentences import Sentence, gettext_noop

from . import providers
from .names import Service
from .proposals import (
    EXCHANGE,
    IMAP,
    JMAP,
    POP3,
    SMTP,
    SSL,
    STARTTLS,
    Discovery,
    Origin,
    Proposal,
    Question,
    Server,
    SignIn,
    Source,
)
from .providers import Place, Provider, Way

#: Records of RFC 6186, 8314 and 8620 that are asked for: protocol and security of each.
SERVICES: Mapping[str, tuple[str, str]] = {
    "_imaps._tcp": (IMAP, SSL),
    "_imap._tcp": (IMAP, STARTTLS),
    "_pop3s._tcp": (POP3, SSL),
    "_pop3._tcp": (POP3, STARTTLS),
    "_submissions._tcp": (SMTP, SSL),
    "_submission._tcp": (SMTP, STARTTLS),
    "_jmap._tcp": (JMAP, SSL),
}
#: Where autodiscover.DOMAIN leads for a mailbox in a cloud of Microsoft's, and how that cloud is called.
MICROSOFT = {"outlook.com": "worldwide", "office365.us": "gcc_high", "partner.outlook.cn": "china"}
EXCHANGE_ONLINE_HOST = "outlook.office365.com"

_NO_DOMAIN = gettext_noop(
    "The name service (DNS) of this machine knows no domain {domain}. Check the spelling of the address."
)
_NO_ANSWER = gettext_noop(
    "The name service (DNS) of this machine gave no answer about {domain}. Try again later, or choose the type below."
)
_NO_MAIL = gettext_noop("{domain} takes no mail: its DNS says so. Check the spelling of the address.")
_FILTER = gettext_noop(
    "Mail for {domain} goes through {filter} first. Where the mailboxes themselves are, its MX record does not say."
)
_PRIVATE = gettext_noop(
    "{host} has the private address {address}: a server of your own network. Placet connects to it once it is among "
    "the private addresses that Placet may call, in the General tab."
)
_CLOSED = gettext_noop("{provider} lets no other program read its mailboxes. Use a mailbox somewhere else.")
_NOT_KNOWN = gettext_noop(
    "Nothing says how mailboxes of {domain} are reached. Choose the type below and enter the servers by hand."
)
_FOREIGN = gettext_noop(
    "{host} does not belong to {domain}, and the DNS, which names it, can be forged: compare it with what your "
    "provider says before you enter a password."
)
_GUESSED = gettext_noop("Nobody names this server. Compare it with what whoever runs it says.")
_NO_SENDING = gettext_noop("No server for sending is named: enter it by hand.")
_EXCHANGE_ROLE = gettext_noop(
    "An account that may use the mailbox by Exchange Web Services (EWS); the guide shows the roles."
)
_AUTODISCOVER_CLOUD = gettext_noop(
    "Make sure that the mailbox itself is in Exchange Online and not on premises."
)


@dataclass(frozen=True)
class MailServers:
    """What the MX record says."""

    hosts: tuple[str, ...] = ()
    has_domain: bool = True
    takes_mail: bool = True
    is_answered: bool = True


@dataclass(frozen=True)
class Answers:
    """What is known of an address. `files`: servers of configuration files, the most trusted first; `autodiscover`: the
    host that autodiscover.DOMAIN is, "" for none; `private_host`: the preferred mail server and its private address."""

    address: str
    domain: str
    mail: MailServers
    services: Mapping[str, list[Service]]
    autodiscover: str
    files: list[Server]
    jmap: Server | None
    private_host: tuple[str, str] | None


def weigh(answers: Answers, questions: Iterable[Question]) -> Discovery:
    """Proposals and notes. What Placet itself knows of a provider comes before what others write."""
    provider = providers.provider_of(answers.domain, answers.mail.hosts)
    proposals: dict[str, Proposal] = {}
    usable = answers.mail.takes_mail and (answers.mail.has_domain or _is_known_anyway(answers, provider))
    for proposal in _all(answers, provider) if usable else ():
        proposals.setdefault(proposal.kind, proposal)
    return Discovery(
        address=answers.address,
        domain=answers.domain,
        provider=provider.name if provider is not None else "",
        mail_servers=answers.mail.hosts,
        proposals=tuple(proposals.values()),
        notes=tuple(_notes(answers, provider, bool(proposals))),
        questions=tuple(questions),
    )


def _is_known_anyway(answers: Answers, provider: Provider | None) -> bool:
    """Behind a proxy the name service of a machine need not know the domains of the Internet."""
    return provider is not None or bool(answers.files) or answers.jmap is not None


def _all(answers: Answers, provider: Provider | None) -> Iterator[Proposal]:
    """The best first; of several of one kind the first counts."""
    if provider is not None:
        yield from (_of_way(way, provider, answers) for way in provider.ways)
        return
    yield from _exchange_online(answers)
    servers = [*answers.files, *_of_services(answers)]
    if answers.private_host is not None:
        yield from _exchange_server(answers, servers)
    yield from _by_mail_program(answers, servers)
    if answers.jmap is not None:
        prepare = (Sentence(providers.TOKEN),)
        yield Proposal("jmap", SignIn.API_TOKEN, answers.jmap.origin, answers.jmap, prepare=prepare)
    yield from _exchange_server(answers, servers)
    yield from _guesses(answers)


def _of_way(way: Way, provider: Provider, answers: Answers) -> Proposal:
    origin = Origin(Source.PROVIDER, provider.name)

    def server(place: Place | None) -> Server | None:
        if place is None:
            return None
        host = place.host.format(server=next(iter(answers.mail.hosts), ""))
        return Server(
            place.protocol, host, place.usual_port, place.security, answers.address, (way.sign_in,), origin
        )

    sending = server(way.sending)
    return Proposal(
        way.kind,
        way.sign_in,
        origin,
        server(way.receiving),
        sending,
        "smtp" if sending is not None else "",
        way.settings,
        tuple(Sentence(text) for text in way.prepare),
        tuple(Sentence(text) for text in way.warnings),
    )


# --- Exchange ---------------------------------------------------------------------------------------------


def _exchange_online(answers: Answers) -> Iterator[Proposal]:
    """Where autodiscover leads to Microsoft, or a file names its server: a filter receives the mail then."""
    prepare = (Sentence(providers.REGISTER),)
    for end, cloud in MICROSOFT.items():
        if answers.autodiscover == end or answers.autodiscover.endswith(f".{end}"):
            origin = Origin(Source.AUTODISCOVER, f"autodiscover.{answers.domain}")
            warnings = (Sentence(_AUTODISCOVER_CLOUD),)
            yield Proposal(
                "exchange-online",
                SignIn.APPLICATION,
                origin,
                settings={"cloud": cloud},
                prepare=prepare,
                warnings=warnings,
            )
    for server in answers.files:
        if server.host == EXCHANGE_ONLINE_HOST:
            settings = {"cloud": "worldwide"}
            yield Proposal(
                "exchange-online", SignIn.APPLICATION, server.origin, settings=settings, prepare=prepare
            )


def _exchange_server(answers: Answers, servers: list[Server]) -> Iterator[Proposal]:
    """On premises: a file names it, or there is a host for autodiscover, or the mail server is in the own network."""
    prepare = (Sentence(_EXCHANGE_ROLE),)
    for server in servers:
        if server.protocol == EXCHANGE and server.host != EXCHANGE_ONLINE_HOST:
            yield Proposal("exchange-server", SignIn.PASSWORD, server.origin, server, prepare=prepare)
    host, origin = answers.autodiscover, Origin(Source.AUTODISCOVER, f"autodiscover.{answers.domain}")
    if any(host == end or host.endswith(f".{end}") for end in MICROSOFT):
        return
    if not host and answers.private_host is not None:
        host, origin = answers.private_host[0], Origin(Source.GUESS, answers.private_host[0])
    if host:
        guess = Server(EXCHANGE, host, 443, SSL, answers.address, (SignIn.PASSWORD,), origin)
        warnings = (Sentence(_GUESSED),)
        yield Proposal("exchange-server", SignIn.PASSWORD, origin, guess, prepare=prepare, warnings=warnings)


# --- IMAP and POP3 ----------------------------------------------------------------------------------------


def _of_services(answers: Answers) -> Iterator[Server]:
    """Servers that SRV records name, TLS from the first byte before STARTTLS (RFC 8314 3)."""
    for name, (protocol, security) in SERVICES.items():
        origin = Origin(Source.SRV, f"{name}.{answers.domain}")
        for service in answers.services.get(name, ()):
            if protocol != JMAP:
                ways = (SignIn.PASSWORD,)
                yield Server(protocol, service.host, service.port, security, answers.address, ways, origin)


def _by_mail_program(answers: Answers, servers: list[Server]) -> Iterator[Proposal]:
    """One of each protocol that mail programs read by, with a server to send by: of the same source if it has one."""
    for protocol in (IMAP, POP3):
        receiving = _first(server for server in servers if server.protocol == protocol)
        if receiving is None or receiving.host == EXCHANGE_ONLINE_HOST:
            continue
        senders = [server for server in servers if server.protocol == SMTP]
        sending = _first(server for server in senders if server.origin == receiving.origin) or _first(senders)
        yield _of_servers(protocol, receiving, sending, answers)


def _first(servers: Iterable[Server]) -> Server | None:
    """The first of them, of its source the first with TLS from the first byte."""
    rows = list(servers)
    of_source = [server for server in rows if server.origin.source == rows[0].origin.source]
    return next((server for server in of_source if server.security == SSL), rows[0] if rows else None)


def _of_servers(kind: str, receiving: Server, sending: Server | None, answers: Answers) -> Proposal:
    ways = receiving.sign_ins
    sign_in = SignIn.PASSWORD if SignIn.PASSWORD in ways else ways[0]
    prepare = providers.OWN_MAILBOX if sign_in is SignIn.PASSWORD else providers.CONSENT
    warnings = [] if sending is not None else [Sentence(_NO_SENDING)]
    for server in (receiving, sending):
        if (
            server is not None
            and server.origin.source is Source.SRV
            and not _is_own(server.host, answers.domain)
        ):
            warnings.append(Sentence(_FOREIGN, host=server.host, domain=answers.domain))
        if server is not None and server.origin.source is Source.GUESS:
            warnings.append(Sentence(_GUESSED))
    return Proposal(
        kind,
        sign_in,
        receiving.origin,
        receiving,
        sending,
        "smtp" if sending is not None else "",
        prepare=(Sentence(prepare),),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _is_own(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _guesses(answers: Answers) -> Iterator[Proposal]:
    """The host of the MX record, at the usual ports: for an own server that nothing else names."""
    if not answers.mail.hosts or providers.filter_of(answers.mail.hosts):
        return
    host = answers.mail.hosts[0]
    server = Server(IMAP, host, 993, SSL, answers.address, (SignIn.PASSWORD,), Origin(Source.GUESS, host))
    sending = replace(server, protocol=SMTP, port=465)
    yield _of_servers("imap", server, sending, answers)


# --- what is to be said beside ----------------------------------------------------------------------------


def _notes(answers: Answers, provider: Provider | None, is_known: bool) -> Iterator[Sentence]:
    domain, mail = answers.domain, answers.mail
    if not mail.has_domain and not _is_known_anyway(answers, provider):
        yield Sentence(_NO_DOMAIN, domain=domain)
        return
    if not mail.takes_mail:
        yield Sentence(_NO_MAIL, domain=domain)
        return
    if not mail.is_answered:
        yield Sentence(_NO_ANSWER, domain=domain)
    filtering = providers.filter_of(mail.hosts)
    if filtering and provider is None:
        yield Sentence(_FILTER, domain=domain, filter=filtering)
    if answers.private_host is not None:
        host, address = answers.private_host
        yield Sentence(_PRIVATE, host=host, address=address)
    if provider is not None and not provider.ways:
        yield Sentence(_CLOSED, provider=provider.name)
    elif not is_known and mail.is_answered:
        yield Sentence(_NOT_KNOWN, domain=domain)
