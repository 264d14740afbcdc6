"""The settings of a mailbox on an Exchange server of the organisation's own, as an administrator enters them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.mailboxes import authorities
from placet.mailboxes.fields import Field
from placet.mailboxes.http import is_loopback, is_name
from placet.mailboxes.microsoft.ews.dialect import Opening
from placet.mailboxes.microsoft.mechanisms import NEVER_PROVES, never_proving, proving
from placet.mailboxes.microsoft.settings import EWS_PATH, read_mechanisms
from placet.mailboxes.settings import (
    DOMAIN,
    MailboxSettings,
    Reader,
    Reading,
    Wrong,
    one_of,
    text_of,
)

from .fields import BASIC, CLIENT_SECRET, FIELDS, NTLM, OAUTH, PASSWORD, WINDOWS

HOST_EXAMPLE = "mail.contoso.com"
LONGEST_USER = 300  # characters


@dataclass(frozen=True, kw_only=True)
class ExchangeServerSettings(MailboxSettings):
    """Of a mailbox on Exchange 2016, 2019 or Subscription Edition. It stamps no Authentication-Results, so nobody's are
    believed unless an administrator says whose."""

    exchange_server: str  # host, or host:port
    exchange_security: str = "ssl"  # or "none", on loopback only
    exchange_authorities: str = ""  # PEM; "" for those that the machine trusts
    exchange_sign_in: str = WINDOWS
    exchange_user: str = ""  # `complete` puts the mailbox's address there
    exchange_opening: str = Opening.OWN.value
    exchange_token_uri: str = ""
    exchange_client_id: str = ""
    exchange_scope: str = ""
    confirmed_mechanisms: tuple[str, ...] = ("04",)
    plus_addressing: bool = False  # a mailbox database knows none

    rows: ClassVar[tuple[Field, ...]] = FIELDS
    follow: ClassVar[tuple[str, ...]] = ("exchange_user", "exchange_scope")
    place: ClassVar[tuple[str, ...]] = ("exchange_server",)
    server: ClassVar[tuple[str, ...]] = ("exchange_server",)
    may_be_emptied: ClassVar[tuple[str, ...]] = ("own_networks", "confirmed_mechanisms")

    @classmethod
    def readers(cls) -> Mapping[str, Reader]:
        return {**super().readers(), **OWN_READERS}

    @classmethod
    def required(cls) -> Mapping[str, str]:
        return {**super().required(), **OWN_REQUIRED}

    @classmethod
    def complete(cls, values: dict[str, Any], reading: Reading) -> None:
        _complete_server(values, reading)
        _complete_sign_in(values, reading)
        super().complete(values, reading)

    def secret_goes_to(self, name: str) -> str:
        if name != CLIENT_SECRET:
            return self.exchange_server
        # The access tokens that it gets go on to the server, and open the mailbox to whoever has them.
        return f"{urlsplit(self.exchange_token_uri).netloc} {self.exchange_server}"

    def needs_secret(self, name: str) -> bool:
        return (name == CLIENT_SECRET) == (self.exchange_sign_in == OAUTH)

    def errors_of_new(self, stored: Mapping[str, Any]) -> dict[str, str]:
        before = stored.get("confirmed_mechanisms", [])
        new = never_proving(one for one in self.confirmed_mechanisms if one not in before)
        if not new:
            return {}
        words = _(
            "{mechanisms} cannot be confirmed: Exchange marks mail in this way although nobody signed in, so it proves "
            "no colleague. Leave it out."
        )
        return {"confirmed_mechanisms": words.format(mechanisms=new)}

    def urls(self) -> Mapping[str, str]:
        tokens = {"exchange_token_uri": self.exchange_token_uri} if self.exchange_sign_in == OAUTH else {}
        return {"exchange_server": self.ews_url, **tokens}

    @property
    def proving_mechanisms(self) -> tuple[str, ...]:
        return proving(self.confirmed_mechanisms)

    @property
    def never_proving_mechanisms(self) -> tuple[str, ...]:
        return NEVER_PROVES

    @property
    def protocol(self) -> str:
        return "ews"

    @property
    def is_sandbox(self) -> bool:
        return self.exchange_security == "none"

    @property
    def ews_url(self) -> str:
        scheme = "https" if self.exchange_security == "ssl" else "http"
        return f"{scheme}://{self.exchange_server}{EWS_PATH}"


@dataclass(frozen=True)
class _Server:
    address: str
    scheme: str


def _server(raw: Any, reading: Reading) -> _Server:
    text = text_of(raw)
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Wrong(_("This is no address. Enter a host such as {host}.").format(host=HOST_EXAMPLE)) from None
    if parts.username or parts.password or "@" in text:
        raise Wrong(_("The address must not hold a user or a password."))
    if parts.scheme not in ("", "http", "https"):
        raise Wrong(
            _("The address must be a host such as {host}, or begin with https://.").format(host=HOST_EXAMPLE)
        )
    # A name without a dot is one of the organisation's own network.
    if not (DOMAIN.fullmatch(host) or is_loopback(host) or OWN_NAME.fullmatch(host)):
        raise Wrong(_("Enter a host such as {host}.").format(host=HOST_EXAMPLE))
    if parts.query or parts.fragment or parts.path.rstrip("/").lower() not in ("", EWS_PATH.lower()):
        raise Wrong(_("Enter the host alone: the path is always {ews}.").format(ews=EWS_PATH))
    if host.endswith((".office365.com", ".outlook.com")):
        raise Wrong(
            _("That is Exchange Online. Choose the type Exchange Online for a mailbox of Microsoft 365.")
        )
    shown = f"[{host}]" if ":" in host else host
    return _Server(f"{shown}:{port}" if port else shown, parts.scheme)


OWN_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|(\d{1,3}\.){3}\d{1,3}|[0-9a-f:]{2,39}")


def _user(raw: Any, reading: Reading) -> str:
    text = text_of(raw)
    if len(text) > LONGEST_USER or not re.fullmatch(r"[^\\@\s:]+\\[^\\@:]+|[^\\\s:]+@[^\\\s@:]+", text):
        raise Wrong(_("Enter the account as CONTOSO\\name or name@contoso.com."))
    return text


def _token_uri(raw: Any, reading: Reading) -> str:
    text = text_of(raw)
    try:
        parts = urlsplit(text)
        host, _port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise Wrong(_("This is no address.")) from None
    if parts.scheme == "http" and not is_loopback(host):
        raise Wrong(_("The client secret must not travel in clear: the address must begin with https://."))
    if parts.scheme not in ("http", "https") or not host or not is_name(host):
        raise Wrong(_("The address must begin with https://."))
    if parts.username or parts.password:
        raise Wrong(_("The address must not hold a user or a password."))
    if not parts.path.strip("/") or parts.query or parts.fragment:
        raise Wrong(_("Enter the whole address at which tokens are issued, without ? or # after it."))
    return text


def _word(raw: Any, reading: Reading) -> str:
    text = text_of(raw)
    if not text.isascii() or " " in text:
        raise Wrong(_("Enter one word without spaces."))
    return text


def _complete_server(values: dict[str, Any], reading: Reading) -> None:
    server: _Server = values.get("exchange_server") or _Server("", "")
    if server.address:
        values["exchange_server"] = server.address
    loopback = is_loopback(urlsplit(f"//{server.address}").hostname or "")
    security = values.get("exchange_security") or ("none" if server.scheme == "http" and loopback else "ssl")
    if security == "none" and not loopback:
        reading.errors.setdefault(
            "exchange_security",
            _("Without SSL mails could be read on the way, so None is only for the sandbox on this machine."),
        )
    elif server.scheme == "http" and security == "ssl":
        reading.errors.setdefault(
            "exchange_server",
            _("The address begins with http:// but Security is SSL. Write https:// or the host alone."),
        )
    values["exchange_security"] = security


def _complete_sign_in(values: dict[str, Any], reading: Reading) -> None:
    sign_in = values.get("exchange_sign_in", WINDOWS)
    if sign_in == BASIC and values["exchange_security"] != "ssl":
        reading.errors.setdefault(
            "exchange_sign_in", _("With Basic the password would travel in clear. Choose SSL as Security.")
        )
    if sign_in == OAUTH:
        for name, sentence in NEEDED_FOR_OAUTH.items():
            if not values.get(name) and name not in reading.errors:
                reading.errors[name] = _(sentence)
        host = urlsplit(f"//{values.get('exchange_server', '')}").hostname or ""
        if not values.get("exchange_scope") and host:
            values["exchange_scope"] = f"https://{host}/.default"
        if values.get("exchange_opening", Opening.OWN.value) == Opening.OWN.value:
            values["exchange_opening"] = (
                Opening.IMPERSONATED.value
            )  # an application has no mailbox of its own
    elif not values.get("exchange_user") and "exchange_user" not in reading.errors and "username" in values:
        values["exchange_user"] = values["username"]


NEEDED_FOR_OAUTH = {
    "exchange_token_uri": gettext_noop("Enter the address at which Entra ID or AD FS issues tokens."),
    "exchange_client_id": gettext_noop("Enter the ID of the application that is registered there."),
}

OWN_READERS: Mapping[str, Reader] = {
    "exchange_server": _server,
    "exchange_security": one_of("ssl", "none"),
    "exchange_authorities": authorities.reader("exchange_authorities"),
    "exchange_sign_in": one_of(WINDOWS, NTLM, BASIC, OAUTH),
    "exchange_user": _user,
    "exchange_opening": one_of(*(opening.value for opening in Opening)),
    "exchange_token_uri": _token_uri,
    "exchange_client_id": _word,
    "exchange_scope": _word,
    "confirmed_mechanisms": read_mechanisms,
}

OWN_REQUIRED = {
    "exchange_server": gettext_noop("Enter the host of the Exchange server, such as mail.contoso.com."),
}
SECRETS = (PASSWORD, CLIENT_SECRET)
