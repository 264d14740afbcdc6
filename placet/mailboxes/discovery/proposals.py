"""The shapes of what is found out about an address. Texts are `Sentence`s: put into words where they are read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from placet.lib.sentences import Sentence, gettext_noop

SSL, STARTTLS = "ssl", "starttls"
IMAP, POP3, SMTP, JMAP, EXCHANGE = "imap", "pop3", "smtp", "jmap", "exchange"
#: Names as the DNS has them for hosts (RFC 1123 2.1): what answers bring is shown and connected to only in this form.
_HOST = re.compile(r"(?=.{4,253}\Z)(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)+(?!-)(?!\d+\Z)[a-z0-9-]{2,63}(?<!-)")


def host_in(text: str) -> str:
    """`text` as the name of a host with at least one dot, in small letters; "" where it is none, or an address."""
    name = text.strip().lower().removesuffix(".")
    return name if _HOST.fullmatch(name) else ""


class Source(StrEnum):
    """Who says something; the value is the sentence, about a `name`."""

    PROVIDER = gettext_noop("Placet’s list of providers: {name}")
    AUTOCONFIG = gettext_noop("published by the domain at {name}")
    ISPDB = gettext_noop("Thunderbird’s database of providers (ISPDB), about {name}")
    SRV = gettext_noop("DNS, record {name}")
    JMAP = gettext_noop("the JMAP service at {name}")
    AUTODISCOVER = gettext_noop("DNS: {name} leads there")
    GUESS = gettext_noop("a guess from {name}, which receives the domain’s mail: nobody names it")


@dataclass(frozen=True)
class Origin:
    """Where a server comes from. `name`: the host, record or provider that says so."""

    source: Source
    name: str

    @property
    def sentence(self) -> Sentence:
        return Sentence(self.source.value, name=self.name)


class SignIn(StrEnum):
    """How Placet shows who it is; the value is its name for people."""

    APPLICATION = gettext_noop("Application in Entra ID (client secret or certificate)")
    SERVICE_ACCOUNT = gettext_noop("Service account with domain-wide delegation")
    CONSENT = gettext_noop("OAuth: somebody agrees once in the browser")
    APP_PASSWORD = gettext_noop("App password, made for Placet alone")
    API_TOKEN = gettext_noop("API token, made for Placet alone")
    PASSWORD = gettext_noop("User and password")


@dataclass(frozen=True)
class Server:
    """One server of a mailbox. `protocol`: imap, pop3, smtp, jmap or exchange; `security`: ssl or starttls;
    `username`: what signs in there."""

    protocol: str
    host: str
    port: int
    security: str
    username: str
    sign_ins: tuple[SignIn, ...]
    origin: Origin

    @property
    def place(self) -> str:
        """As people read it: imap.example.com:993, SSL."""
        return f"{self.host}:{self.port}, {self.security.upper()}"


@dataclass(frozen=True)
class Proposal:
    """One way to set the mailbox up. `kind` is a key of `placet.mailboxes.kinds`.

    `receiving` and `sending` are None where the kind knows its servers itself; `sending_kind` is "" where the kind
    sends itself. `settings` are values of fields beside those of the servers. `prepare` is what somebody has to do
    first, `warnings` what to look at before anything secret is entered.
    """

    kind: str
    sign_in: SignIn
    origin: Origin
    receiving: Server | None = None
    sending: Server | None = None
    sending_kind: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    prepare: tuple[Sentence, ...] = ()
    warnings: tuple[Sentence, ...] = ()

    @property
    def servers(self) -> tuple[Server, ...]:
        return tuple(server for server in (self.receiving, self.sending) if server is not None)


@dataclass(frozen=True)
class Question:
    """What was asked of whom, and what came of it."""

    asked: str  # a DNS record (“MX example.com”), or the address of a page
    answer: Sentence


@dataclass(frozen=True)
class Discovery:
    """All that is known of an address. `proposals`: the best first, one of each kind; none where nothing is known."""

    address: str
    domain: str
    provider: str = ""  # its name, where the mail servers are those of a known one
    mail_servers: tuple[str, ...] = ()  # of the MX record, the most preferred first
    proposals: tuple[Proposal, ...] = ()
    notes: tuple[Sentence, ...] = ()
    questions: tuple[Question, ...] = ()
