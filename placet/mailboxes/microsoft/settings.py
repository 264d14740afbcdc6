"""The settings of an Exchange Online mailbox as an administrator enters them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import SecretStr

from placet.mailboxes.fields import Field
from placet.mailboxes.http import is_loopback, is_name
from placet.mailboxes.microsoft.mechanisms import NEVER_PROVES, never_proving, proving
from placet.mailboxes.settings import (
    DOMAIN,
    PERSONAL,
    MailboxSettings,
    Reader,
    Reading,
    Wrong,
    one_of,
    parts_of,
    read_username,
    text_of,
)

from .clouds import CLOUDS, GRAPH, LOGIN_HOSTS, OWN, PROTOCOLS, WORLDWIDE, Fitting, same_cloud
from .fields import FIELDS
from .scope import clean_scope

EWS_PATH = "/EWS/Exchange.asmx"
GRAPH_PATH = "/v1.0"
LOGIN_HOST = WORLDWIDE.login[0]
SHARED_TENANTS = ("common", "organizations", "consumers")
GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
#: What the IDs of the Entra admin center look like, and what one looks like of which a part is missing.
ID_EXAMPLE = "535fb089-9ff3-47b6-9bfb-4f1264799865"
TOKEN_URI_EXAMPLE = f"https://{LOGIN_HOST}/<directory (tenant) ID>/oauth2/v2.0/token"
ALMOST_GUID = re.compile(r"(?=.*\d)[0-9a-f-]{20,50}", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class ExchangeSettings(MailboxSettings):
    """Of a mailbox in Exchange Online. Their names are older than those of the other kinds, and have no prefix."""

    client_id: str
    token_uri: str
    protocol: str = GRAPH  # or "ews"
    cloud: str = WORLDWIDE.key  # a key of CLOUDS, or "own"
    server_address: str = WORLDWIDE.graph  # host, or host:port
    security: str = "ssl"  # or "none", on loopback only
    scope: str = WORLDWIDE.scope(GRAPH)
    confirmed_mechanisms: tuple[str, ...] = ("04",)
    trusted_hosts: tuple[str, ...] = (".outlook.com",)

    rows: ClassVar[tuple[Field, ...]] = FIELDS
    follow: ClassVar[tuple[str, ...]] = ("server_address", "scope", "token_uri")
    place: ClassVar[tuple[str, ...]] = ("server_address", "token_uri", "protocol")
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
        _fit(values, reading)
        super().complete(values, reading)
        client_id = values.get("client_id")
        if client_id and client_id in str(values.get("token_uri", "")):
            reading.errors["client_id"] = _(
                "The same ID stands in the access token URI: one of them is the Directory (tenant) ID. The Overview "
                "page of the app registration shows both."
            )

    @classmethod
    def read_secret(cls, name: str, text: str) -> SecretStr:
        return read_client_secret(text)

    def secret_goes_to(self, name: str) -> str:
        return self.token_uri

    def errors_of_new(self, stored: Mapping[str, Any]) -> dict[str, str]:
        """What was confirmed before it was known that it proves nobody may stay: it does not count."""
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
        return {"server_address": self.graph_url, "token_uri": self.token_uri}

    @property
    def proving_mechanisms(self) -> tuple[str, ...]:
        return proving(self.confirmed_mechanisms)

    @property
    def never_proving_mechanisms(self) -> tuple[str, ...]:
        return NEVER_PROVES

    @property
    def is_sandbox(self) -> bool:
        # Not every address of this machine: a real mailbox may be reached through a tunnel, with TLS.
        return self.security == "none"

    @property
    def ews_url(self) -> str:
        return f"{self._origin}{EWS_PATH}"

    @property
    def graph_url(self) -> str:
        return f"{self._origin}{GRAPH_PATH}"

    @property
    def _origin(self) -> str:
        scheme = "https" if self.security == "ssl" else "http"
        return f"{scheme}://{self.server_address}"


def needs_secret_again(old: ExchangeSettings, new: ExchangeSettings) -> str | None:
    """A sentence if the secret, entered for the old addresses, must not go to the new ones; else None."""
    server = goes_elsewhere(old, new)
    if server and old.token_uri != new.token_uri:
        return _(
            "Because the server address and the access token URI changed, enter the client secret again: it is sent "
            "only where it was meant to go."
        )
    if server:
        return _(
            "Because the server address changed, enter the client secret again: it is sent only where it was meant to "
            "go."
        )
    if old.token_uri != new.token_uri:
        return _(
            "Because the access token URI changed, enter the client secret again: it is sent only where it was meant "
            "to go."
        )
    return None


def goes_elsewhere(old: ExchangeSettings, new: ExchangeSettings) -> bool:
    """Whether access tokens would go to another organisation's server than the one that they went to before."""
    return old.ews_url.lower() != new.ews_url.lower() and not _both_microsofts(old, new)


def _both_microsofts(old: ExchangeSettings, new: ExchangeSettings) -> bool:
    """From Exchange Web Services to Microsoft Graph, or back, in one cloud: to the same organisation as before."""
    return old.security == new.security == "ssl" and same_cloud(old.server_address, new.server_address)


def read_client_secret(text: str) -> SecretStr:
    """A client secret as entered. Raises Wrong for what cannot be one."""
    text = text.strip()
    sentence = ""
    if not text:
        sentence = _(
            "Enter the client secret: the Value of the secret, from Certificates & secrets of the app registration."
        )
    elif GUID.fullmatch(text):
        sentence = _("That is the secret's ID. Paste its Value; it is shown once, when the secret is made.")
    elif set(text) <= set("*•●."):
        sentence = _(
            "That is a masked secret. Paste the Value itself; if it was not kept, make a new secret."
        )
    elif not text.isascii() or not text.isprintable() or " " in text:
        sentence = _("A client secret has no spaces and no special letters. Copy its Value again.")
    elif len(text) > 500:
        sentence = _("That is too long for a client secret. Paste its Value alone.")
    if sentence:
        raise Wrong(sentence)
    return SecretStr(text)


def _fit(values: dict[str, Any], reading: Reading) -> None:
    """Way, cloud, hosts, scope and URI, each from the others where it was not entered."""
    entered = values.get("token_uri", "")
    tenant = entered if "/" not in entered else ""
    fitting = Fitting(
        protocol=values.get("protocol", ""),
        cloud=values.get("cloud", ""),
        server=values.get("server_address", ""),
        scope=values.get("scope", ""),
        token_uri="" if tenant else entered,
        tenant=tenant,
    )
    fitting.fit()
    for name, told in fitting.errors.items():
        reading.errors.setdefault(name, told)
    wrong = reading.errors.keys()
    fitted = {
        "protocol": fitting.protocol,
        "cloud": fitting.cloud,
        "server_address": fitting.server,
        "scope": fitting.scope,
        "token_uri": fitting.token_uri,
    }
    values |= {name: value for name, value in fitted.items() if name not in wrong and value}
    for name, told in fitting.notices.items():
        if name not in wrong:
            reading.notices[name] = f"{reading.notices.get(name, '')} {told}".strip()
    if "server_address" not in values and "server_address" not in wrong:
        reading.errors["server_address"] = _(
            "Enter the host of the mailbox's service: this cloud is not Microsoft's."
        )
    if values.get("token_uri") and "token_uri" not in wrong:
        _say_domain(values["token_uri"], reading)


def _complete_server(values: dict[str, Any], reading: Reading) -> None:
    server: _Server = values.get("server_address") or _Server("", "")
    if server.address:
        values["server_address"] = server.address
    loopback = is_loopback(urlsplit(f"//{server.address}").hostname or "")
    security = values.get("security") or ("none" if server.scheme == "http" and loopback else "ssl")
    if security == "none" and not loopback:
        reading.errors.setdefault(
            "security",
            _(
                "Without SSL the access token could be read on the way, so None is only for the sandbox on this "
                "machine. Choose SSL."
            ),
        )
    elif server.scheme == "http" and security == "ssl":
        reading.errors.setdefault(
            "server_address",
            _("The address begins with http:// but Security is SSL. Write https:// or the host alone."),
        )
    values["security"] = security


def _scope_example(reading: Reading) -> str:
    """The scope of the protocol and the cloud that are chosen."""
    protocol, cloud = (str(reading.mapping.get(name) or "").strip().lower() for name in ("protocol", "cloud"))
    return CLOUDS.get(cloud, WORLDWIDE).scope(protocol if protocol in PROTOCOLS else GRAPH)


@dataclass(frozen=True)
class _Server:
    address: str
    scheme: str


def _server_address(raw: Any, reading: Reading) -> _Server:
    text = text_of(raw)
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Wrong(
            _("This is no address. Enter a host such as {host}.").format(host=WORLDWIDE.graph)
        ) from None
    if parts.username or parts.password:
        raise Wrong(_("The address must not hold a user or a password."))
    if parts.scheme not in ("", "http", "https"):
        raise Wrong(
            _("The address must be a host such as {host}, or begin with https://.").format(
                host=WORLDWIDE.graph
            )
        )
    if "@" in text or not (DOMAIN.fullmatch(host) or is_loopback(host)):
        raise Wrong(_("Enter a host such as {host}.").format(host=WORLDWIDE.graph))
    if (
        parts.query
        or parts.fragment
        or parts.path.rstrip("/").lower() not in ("", EWS_PATH.lower(), GRAPH_PATH)
    ):
        raise Wrong(
            _("Enter the host alone: the path is always {graph} or {ews}.").format(
                graph=GRAPH_PATH, ews=EWS_PATH
            )
        )
    if parts.path.strip("/"):
        reading.notices["server_address"] = _("The host alone is needed: the path after it was cut.")
    shown = f"[{host}]" if ":" in host else host
    return _Server(f"{shown}:{port}" if port else shown, parts.scheme)


def _security(raw: Any, reading: Reading) -> str:
    text = text_of(raw).lower()
    if text in ("ssl", "tls", "ssl/tls"):
        return "ssl"
    if text == "none":
        return "none"
    raise Wrong(_("Choose SSL (or None, for the sandbox on this machine)."))


def _username(raw: Any, reading: Reading) -> str:
    address = read_username(raw, reading)
    domain = address.rpartition("@")[2]
    if PERSONAL.fullmatch(domain):
        raise Wrong(
            _(
                "{domain} mailboxes are personal. Exchange Online lets an application open only mailboxes of an "
                "organisation (Microsoft 365), so enter one of those."
            ).format(domain=domain)
        )
    return address


def _client_id(raw: Any, reading: Reading) -> str:
    text = text_of(raw).strip("{}")
    if GUID.fullmatch(text):
        return text.lower()
    _whole_id(text)
    if "://" in text:
        raise Wrong(
            _(
                "That is an address; the access token URI has a field of its own. The Application (client) ID looks "
                "like {example}."
            ).format(example=ID_EXAMPLE)
        )
    if "@" in text or DOMAIN.fullmatch(text):
        raise Wrong(
            _(
                "That is the name of a tenant or a mailbox. The Application (client) ID looks like {example}."
            ).format(example=ID_EXAMPLE)
        )
    if len(text) >= 30 and " " not in text:
        raise Wrong(
            _(
                "That looks like a client secret; it belongs into the field Client secret. The Application (client) ID "
                "looks like {example}."
            ).format(example=ID_EXAMPLE)
        )
    raise Wrong(
        _(
            "The Application (client) ID looks like {example}; the Overview page of the app registration shows it."
        ).format(example=ID_EXAMPLE)
    )


def _whole_id(text: str) -> None:
    """Say so where `text` was meant to be an ID, but a part of it is missing or doubled."""
    digits = len(text.replace("-", ""))
    if ALMOST_GUID.fullmatch(text) and digits != 32:
        raise Wrong(
            _(
                "This is not a whole ID: it has {number} digits and letters instead of 32, in groups such as "
                "{example}. Copy it again."
            ).format(number=digits, example=ID_EXAMPLE)
        )


def _scope(raw: Any, reading: Reading) -> str:
    try:
        scope, notice = clean_scope(text_of(raw), _scope_example(reading))
    except ValueError as error:
        raise Wrong(str(error)) from None
    if notice:
        reading.notices["scope"] = notice
    return scope


def _token_uri(raw: Any, reading: Reading) -> str:
    text = text_of(raw)
    bare = text.strip("{}")
    if "{" in bare or "}" in bare or "<" in text or "directory_tenant" in text.lower():
        raise Wrong(
            _(
                "Put your own Directory (tenant) ID in place of the part in brackets; the Overview page of the app "
                "registration shows it."
            )
        )
    if GUID.fullmatch(bare) or DOMAIN.fullmatch(bare):
        return bare.lower()  # completed when the cloud is known
    if "://" not in text:
        _no_tenant(text)
    return _whole_token_uri(text, reading)


def _no_tenant(text: str) -> None:
    _whole_id(text)
    if "/" not in text and text.lower() not in SHARED_TENANTS:
        raise Wrong(
            _(
                "“{name}” is neither a Directory (tenant) ID nor a domain name of the tenant. The Overview page of the "
                "app registration shows the ID, which looks like {example}."
            ).format(name=text[:60], example=ID_EXAMPLE)
        )
    raise Wrong(
        _(
            "Enter the whole address, beginning with https://, or the Directory (tenant) ID alone: {example}."
        ).format(example=TOKEN_URI_EXAMPLE)
    )


def _say_domain(uri: str, reading: Reading) -> None:
    """A domain in place of the ID works, but is seldom what the Entra admin center was copied from."""
    parts = urlsplit(uri)
    tenant = parts.path.split("/")[1]
    if parts.hostname in LOGIN_HOSTS and not GUID.fullmatch(tenant):
        named = _(
            "{domain} is a domain of the tenant. Entra ID takes it in place of the Directory (tenant) ID."
        )
        told = [reading.notices.get("token_uri", ""), named.format(domain=tenant)]
        reading.notices["token_uri"] = " ".join(told).strip()


def _whole_token_uri(text: str, reading: Reading) -> str:
    try:
        parts = urlsplit(text)
        host, _port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise Wrong(_("This is no address.")) from None
    if parts.scheme not in ("http", "https") or not host:
        raise Wrong(_("The address must begin with https://."))
    if not is_name(host):
        raise Wrong(_("This is no address."))
    if parts.scheme == "http" and not is_loopback(host):
        raise Wrong(_("The client secret must not travel in clear: the address must begin with https://."))
    if parts.username or parts.password:
        raise Wrong(_("The address must not hold a user or a password."))
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise Wrong(_("The address must end in /oauth2/v2.0/token, without ? or # after it."))
    segments = [segment for segment in parts.path.split("/") if segment]
    if segments and segments[0].lower() in SHARED_TENANTS:
        raise Wrong(
            _(
                "“{name}” stands where your own tenant must be: put the Directory (tenant) ID in its place (an "
                "application signs in to one tenant)."
            ).format(name=segments[0])
        )
    if host in LOGIN_HOSTS:
        tenant = _tenant_of_path(segments)
        uri = f"{parts.scheme}://{parts.netloc.lower()}/{tenant}/oauth2/v2.0/token"
        if [segment.lower() for segment in segments[1:]] != ENTRA_PATHS[0]:
            reading.notices["token_uri"] = _(
                "This is another address of the same tenant. Access tokens come from {uri}."
            ).format(uri=uri)
        return uri
    if not segments:
        raise Wrong(_("The address has no path; it ends in /oauth2/v2.0/token."))
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path}"


#: What stands behind the tenant in the addresses that Entra's page "Endpoints" lists, the right one first.
ENTRA_PATHS = (
    ["oauth2", "v2.0", "token"],
    ["oauth2", "token"],
    ["oauth2", "v2.0", "authorize"],
    ["oauth2", "authorize"],
    ["v2.0", ".well-known", "openid-configuration"],
)


def _tenant_of_path(segments: list[str]) -> str:
    if [segment.lower() for segment in segments[1:]] not in ENTRA_PATHS:
        raise Wrong(_("The address must look like {example}.").format(example=TOKEN_URI_EXAMPLE))
    _whole_id(segments[0])
    if not GUID.fullmatch(segments[0]) and not DOMAIN.fullmatch(segments[0]):
        raise Wrong(
            _("“{name}” is neither a Directory (tenant) ID nor a domain name.").format(name=segments[0][:60])
        )
    return segments[0]


def _cloud(raw: Any, reading: Reading) -> str:
    text = text_of(raw).lower().replace("-", "_").replace(" ", "_")
    known = (*CLOUDS, OWN)
    if text not in known:
        raise Wrong(_("Choose one of: {ways}.").format(ways=", ".join(known)))
    return text


def read_mechanisms(raw: Any, reading: Reading) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(part.upper() for part in parts_of(raw)))
    if not all(re.fullmatch("[0-9A-F]{2}", part) for part in found):
        raise Wrong(
            _("Enter values of two digits, such as 04; the connection test shows those of your organisation.")
        )
    if never := never_proving(found):
        # What is stored from before must not stop the mailbox: `store` refuses what is entered anew.
        reading.notices["confirmed_mechanisms"] = _(
            "{mechanisms} proves nobody and does not count: Exchange marks mail in this way although nobody signed in."
        ).format(mechanisms=never)
    return found


OWN_READERS: Mapping[str, Reader] = {
    "username": _username,
    "protocol": one_of(*PROTOCOLS),
    "cloud": _cloud,
    "server_address": _server_address,
    "security": _security,
    "client_id": _client_id,
    "scope": _scope,
    "token_uri": _token_uri,
    "confirmed_mechanisms": read_mechanisms,
}

OWN_REQUIRED = {
    "client_id": gettext_noop(
        "Enter the Application (client) ID from the Overview page of the app registration."
    ),
    "token_uri": gettext_noop("Enter the Directory (tenant) ID, or the whole access token URI."),
}
