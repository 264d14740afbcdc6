"""The settings of a mailbox on a JMAP server."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.mailboxes import http
from placet.mailboxes.fields import ADDRESS, COMMON, Field
from placet.mailboxes.hosts import LONGEST_USER, at_port, read_host
from placet.mailboxes.settings import (
    MailboxSettings,
    Reader,
    Reading,
    Wrong,
    number,
    one_of,
    parts_of,
    text_of,
)
from placet.mailboxes.sockets import PLAIN, SSL

TOKEN, PASSWORD = "token", "password"
SECRET = "jmap_password"  # noqa: S105 - a field's name
USUAL_PORTS = {SSL: 443, PLAIN: 80}
MOST_HOSTS = 10
LONGEST_ID = 255  # characters (RFC 8620 1.2)

FIELDS: tuple[Field, ...] = (
    ADDRESS,
    Field(
        "jmap_host",
        gettext_noop("JMAP server"),
        gettext_noop("Where the service is found, such as api.fastmail.com or mail.contoso.com."),
        required=True,
    ),
    Field(
        "jmap_security",
        gettext_noop("Security"),
        gettext_noop("Only on this machine itself may it be none."),
        "choice",
        choices=((SSL, gettext_noop("SSL/TLS")), (PLAIN, gettext_noop("None (this machine only)"))),
    ),
    Field("jmap_port", gettext_noop("Port"), gettext_noop("Empty: the usual one."), "int"),
    Field(
        "jmap_sign_in",
        gettext_noop("Sign in with"),
        gettext_noop(
            "Providers give out API tokens; servers of one's own mostly take user and password, too."
        ),
        "choice",
        choices=((TOKEN, gettext_noop("API token")), (PASSWORD, gettext_noop("User and password"))),
    ),
    Field(
        "jmap_user",
        gettext_noop("User"),
        gettext_noop("Empty: the address of the mailbox."),
        sign_ins=(PASSWORD,),
    ),
    Field(
        SECRET,
        gettext_noop("Token or password"),
        gettext_noop("Stored encrypted, sent to this server alone, never shown again."),
        "secret",
    ),
    Field(
        "jmap_hosts",
        gettext_noop("Other hosts of the server"),
        gettext_noop(
            "Where the server has Placet fetch mails from; the token or password goes there, too. For Fastmail: "
            "fastmailusercontent.com. Hosts below these count."
        ),
        "list",
        rare=True,
    ),
    Field(
        "jmap_account",
        gettext_noop("Account"),
        gettext_noop("Id of the account, where whoever signs in has several. Empty: their own."),
        rare=True,
    ),
    *COMMON[1:],
)


@dataclass(frozen=True, kw_only=True)
class JmapSettings(MailboxSettings):
    jmap_host: str
    jmap_security: str = SSL
    jmap_port: int = 443
    jmap_sign_in: str = TOKEN
    jmap_user: str = ""  # empty: the mailbox's address
    jmap_hosts: tuple[str, ...] = ()  # lower case
    jmap_account: str = ""  # empty: the primary one for mail

    rows: ClassVar[tuple[Field, ...]] = FIELDS
    place: ClassVar[tuple[str, ...]] = ("jmap_host", "jmap_port", "jmap_user", "jmap_account")
    server: ClassVar[tuple[str, ...]] = ("jmap_host",)

    @classmethod
    def readers(cls) -> Mapping[str, Reader]:
        own: Mapping[str, Reader] = {
            "jmap_host": read_host,
            "jmap_security": one_of(SSL, PLAIN),
            "jmap_port": number(1, 65535),
            "jmap_sign_in": one_of(TOKEN, PASSWORD),
            "jmap_user": _read_user,
            "jmap_hosts": _read_hosts,
            "jmap_account": _read_account,
        }
        return {**super().readers(), **own}

    @classmethod
    def required(cls) -> Mapping[str, str]:
        return {**super().required(), "jmap_host": gettext_noop("Enter the server on which the mailbox is.")}

    @classmethod
    def complete(cls, values: dict[str, Any], reading: Reading) -> None:
        security, host = values.get("jmap_security", SSL), values.get("jmap_host")
        values.setdefault("jmap_port", USUAL_PORTS[security])
        if security == PLAIN and host is not None and not http.is_loopback(host):
            told = _("In clear, mail and password could be read on the way. Choose SSL/TLS.")
            reading.errors.setdefault("jmap_security", told)
        super().complete(values, reading)

    def secret_goes_to(self, name: str) -> str:
        return " ".join([at_port(self.jmap_host, self.jmap_port), *sorted(self.jmap_hosts)])

    def urls(self) -> Mapping[str, str]:
        return {} if self.jmap_security == PLAIN else {"jmap_host": self.base_url}

    @property
    def base_url(self) -> str:
        """Scheme, host and port."""
        scheme = "http" if self.jmap_security == PLAIN else "https"
        return f"{scheme}://{at_port(self.jmap_host, self.jmap_port)}"

    @property
    def protocol(self) -> str:
        return "jmap"


def _read_user(raw: Any, reading: Reading) -> str:
    text = text_of(raw)
    if len(text) > LONGEST_USER:
        raise Wrong(_("It has at most {number} letters.").format(number=LONGEST_USER))
    if ":" in text:  # RFC 7617 2: what follows would be taken for the password
        raise Wrong(_("A user has no colon. Enter the user alone."))
    return text


def _read_hosts(raw: Any, reading: Reading) -> tuple[str, ...]:
    hosts = tuple(dict.fromkeys(read_host(part, reading) for part in parts_of(raw)))
    if len(hosts) > MOST_HOSTS:
        raise Wrong(_("Enter {number} hosts at most.").format(number=MOST_HOSTS))
    return hosts


def _read_account(raw: Any, reading: Reading) -> str:
    text = text_of(raw)
    if len(text) > LONGEST_ID:
        raise Wrong(_("It has at most {number} letters.").format(number=LONGEST_ID))
    return text
