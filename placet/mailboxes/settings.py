"""The settings of an Exchange Online mailbox as an administrator enters them; wrong ones are named in words.

The client secret is not among them: it is kept encrypted elsewhere and checked by `read_secret`.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import SecretStr

from placet.lib.domains import spelled_as_in_mails
from placet.mailboxes.base import Action
from placet.mailboxes.fields import BY_NAME, SECRET, SECRET_EXPIRES_ON
from placet.mailboxes.http import is_loopback, is_name
from placet.mailboxes.microsoft.clouds import (
    CLOUDS,
    GRAPH,
    LOGIN_HOSTS,
    OWN,
    WAYS,
    WORLDWIDE,
    Fitting,
    same_cloud,
)
from placet.mailboxes.microsoft.scope import clean_scope
from placet.mailboxes.networks import PRIVATE_NETWORKS, NetworkInvalid, network

EWS_PATH = "/EWS/Exchange.asmx"
GRAPH_PATH = "/v1.0"
LOGIN_HOST = WORLDWIDE.login[0]
SHARED_TENANTS = ("common", "organizations", "consumers")

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
DOMAIN = re.compile(
    r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]", re.IGNORECASE
)
ADDRESS = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([a-z0-9-]+\.)+[a-z][a-z0-9-]*[a-z0-9]", re.IGNORECASE | re.ASCII
)
#: Characters. The mailbox's name in the database (200) and the Message-IDs of its mails (200) hold it.
LONGEST_USERNAME = 180
LONGEST_ADDRESS = 254  # RFC 5321 4.5.3.1.3, less the brackets
LONGEST_TEXT = 2000  # of anything else
LONGEST_FOLDER = 200  # of the whole path, as a row of work holds it
EARLIEST, LATEST = (
    1970,
    2999,
)  # years of mail; of times at the very ends of the calendar none can be told before
#: Where people have mailboxes of their own: Microsoft's, and others that are no Exchange at all.
PERSONAL = re.compile(
    r"(outlook|hotmail|live|msn|yahoo|gmx)\.(com|net|[a-z]{2}|com?\.[a-z]{2})"
    r"|(gmail|googlemail|icloud|me|aol|proton|protonmail)\.com|(web|freenet)\.de|(orange|free|laposte)\.(fr|net)",
    re.IGNORECASE,
)
#: What the IDs of the Entra admin center look like, and what one looks like of which a part is missing.
ID_EXAMPLE = "535fb089-9ff3-47b6-9bfb-4f1264799865"
TOKEN_URI_EXAMPLE = f"https://{LOGIN_HOST}/<directory (tenant) ID>/oauth2/v2.0/token"
ALMOST_GUID = re.compile(r"(?=.*\d)[0-9a-f-]{20,50}", re.IGNORECASE)


#: Values of X-MS-Exchange-Organization-AuthMechanism, hexadecimal, with which nobody signed in: MAPI submission of
#: the system's own, internal submission, the pickup and replay folders, a connector that counts as secured, and a
#: connection between servers. Whatever is confirmed, they prove no colleague.
NEVER_PROVES = ("03", "05", "08", "10", "11", "12")

#: What follows from the choices of way and cloud.
FITTED = ("server_address", "scope", "token_uri")


class SettingsInvalid(Exception):
    """One or more settings are wrong. `errors` has one sentence for each field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{_label(name)}: {sentence}" for name, sentence in errors.items()))
        self.errors = dict(errors)


def _label(name: str) -> str:
    return _(BY_NAME[name].label) if name in BY_NAME else name


@dataclass(frozen=True)
class ExchangeSettings:
    """A valid set of settings; made by `parse` alone. All fields have a row in FIELDS."""

    username: str
    client_id: str
    token_uri: str
    via: str = GRAPH  # or "ews"
    cloud: str = WORLDWIDE.key  # a key of CLOUDS, or "own"
    server_address: str = WORLDWIDE.graph  # host, or host:port
    security: str = "ssl"  # or "none", on loopback only
    reply_to: str = ""
    scope: str = WORLDWIDE.scope(GRAPH)
    active: bool = False
    poll_seconds: int = 20
    notify: bool = True  # where the server can tell
    mails_per_poll: int = 100
    handled: Action = Action.MOVE
    handled_folder: str = "Placet/Processed"
    set_aside_folder: str = "Placet/Set aside"
    refusals_per_hour: int = 5
    sends_per_minute: int = 25
    plus_addressing: bool = True
    since: datetime | None = None  # UTC
    confirmed_mechanisms: tuple[str, ...] = ("04",)
    own_domains: tuple[str, ...] = ()  # lower case; `look` puts the mailbox's own there where none is named
    same_organisation: tuple[str, ...] = ()  # addresses of other mailboxes, lower case
    authserv_id: str = ""
    trusted_hosts: tuple[str, ...] = (".outlook.com",)
    own_networks: tuple[str, ...] = PRIVATE_NETWORKS
    max_size: int = 36 * 1024 * 1024  # bytes

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

    @classmethod
    def look(cls, mapping: Mapping[str, Any], now: datetime | None = None) -> "Looked":
        """What is to be said of the settings in `mapping` (of form, command line or `to_json`).

        Empty values mean the default. A mailbox that is active takes mail from `now` on unless `since` says
        otherwise.
        """
        reading = _Reading(mapping)
        values = reading.all()
        if values.get("active") and values.get("since") is None:
            values["since"] = (now or datetime.now(UTC)).replace(microsecond=0)
        fitted = {name: str(values[name]) for name in FITTED if name in values}
        return Looked(None if reading.errors else cls(**values), reading.errors, reading.notices, fitted)

    @classmethod
    def parse(
        cls, mapping: Mapping[str, Any], now: datetime | None = None
    ) -> "tuple[ExchangeSettings, dict[str, str]]":
        """The settings in `mapping`, and by field what was mended. Raises SettingsInvalid with every error at once."""
        looked = cls.look(mapping, now)
        if looked.settings is None:
            raise SettingsInvalid(looked.errors)
        return looked.settings, looked.notices

    def to_json(self) -> dict[str, Any]:
        """What `parse` reads again, as JSON types."""
        values = dataclasses.asdict(self)
        values["handled"] = self.handled.value
        values["since"] = self.since.isoformat() if self.since else None
        for name in (
            "confirmed_mechanisms",
            "own_domains",
            "same_organisation",
            "trusted_hosts",
            "own_networks",
        ):
            values[name] = list(values[name])
        return values


@dataclass(frozen=True)
class Looked:
    """What was made of settings as entered: by field one sentence about what is wrong, or about what was mended.
    `settings` are there only where nothing is wrong; `fitted` are the values that follow from way and cloud, as far as
    they could be read, whatever is wrong with the others."""

    settings: ExchangeSettings | None
    errors: dict[str, str]
    notices: dict[str, str]
    fitted: dict[str, str]


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


def read_secret(text: str) -> SecretStr:
    """A client secret as entered. Raises SettingsInvalid (field `client_secret`) for what cannot be one."""
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
        raise SettingsInvalid({SECRET: sentence})
    return SecretStr(text)


def read_expiry(text: str) -> date | None:
    """The day on which the secret ends; None where none is entered. Raises SettingsInvalid for what is no date."""
    text = text.strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsInvalid({SECRET_EXPIRES_ON: _("Enter a date such as 2028-11-24.")}) from None


class _Wrong(Exception):
    """The sentence for one field."""


class _Reading:
    """One reading of a mapping: values, errors and notices by field."""

    def __init__(self, mapping: Mapping[str, Any]) -> None:
        self._mapping = mapping
        self.errors: dict[str, str] = {}
        self.notices: dict[str, str] = {}

    def all(self) -> dict[str, Any]:
        for name in self._mapping:
            if name not in READERS:
                known = ", ".join(READERS)
                self.errors[name] = _("There is no such setting; known are {names}.").format(names=known)
        values: dict[str, Any] = {}
        for name, read in READERS.items():
            raw = self._mapping.get(name)
            try:
                if raw is None or (isinstance(raw, str) and not raw.strip()):
                    self._default(name, values)
                else:
                    values[name] = read(raw, self)
            except _Wrong as wrong:
                self.errors[name] = str(wrong)
        self._together(values)
        return values

    @property
    def scope_example(self) -> str:
        """The scope of the way and the cloud that are chosen."""
        via, cloud = (str(self._mapping.get(name) or "").strip().lower() for name in ("via", "cloud"))
        return CLOUDS.get(cloud, WORLDWIDE).scope(via if via in WAYS else GRAPH)

    def _default(self, name: str, values: dict[str, Any]) -> None:
        if name in REQUIRED:
            raise _Wrong(_(REQUIRED[name]))
        if name in ("confirmed_mechanisms", "own_networks") and self._mapping.get(name) is not None:
            values[name] = ()  # emptied on purpose: no mechanism proves anybody, no network is ours

    def _together(self, values: dict[str, Any]) -> None:
        """Rules between fields."""
        self._server(values)
        self._fit(values)
        if not values.get("own_domains") and "own_domains" not in self.errors and "username" in values:
            values["own_domains"] = (values["username"].rpartition("@")[2].lower(),)
        handled = values.get("handled_folder", "Placet/Processed")
        set_aside = values.get("set_aside_folder", "Placet/Set aside")
        if handled.casefold() == set_aside.casefold():  # one folder for Exchange
            self.errors.setdefault(
                "set_aside_folder", _("Choose another folder than the one for handled mail.")
            )
        client_id = values.get("client_id")
        if client_id and client_id in str(values.get("token_uri", "")):
            self.errors["client_id"] = _(
                "The same ID stands in the access token URI: one of them is the Directory (tenant) ID. The Overview "
                "page of the app registration shows both."
            )

    def _fit(self, values: dict[str, Any]) -> None:
        """Way, cloud, hosts, scope and URI, each from the others where it was not entered."""
        entered = values.get("token_uri", "")
        tenant = entered if "/" not in entered else ""
        fitting = Fitting(
            via=values.get("via", ""),
            cloud=values.get("cloud", ""),
            server=values.get("server_address", ""),
            scope=values.get("scope", ""),
            token_uri="" if tenant else entered,
            tenant=tenant,
        )
        fitting.fit()
        for name, told in fitting.errors.items():
            self.errors.setdefault(name, told)
        wrong = self.errors.keys()
        fitted = {
            "via": fitting.via,
            "cloud": fitting.cloud,
            "server_address": fitting.server,
            "scope": fitting.scope,
            "token_uri": fitting.token_uri,
        }
        values |= {name: value for name, value in fitted.items() if name not in wrong and value}
        for name, told in fitting.notices.items():
            if name not in wrong:
                self.notices[name] = f"{self.notices.get(name, '')} {told}".strip()
        if "server_address" not in values and "server_address" not in wrong:
            self.errors["server_address"] = _(
                "Enter the host of the mailbox's service: this cloud is not Microsoft's."
            )
        if values.get("token_uri") and "token_uri" not in wrong:
            _say_domain(values["token_uri"], self)

    def _server(self, values: dict[str, Any]) -> None:
        server: _Server = values.get("server_address") or _Server("", "")
        if server.address:
            values["server_address"] = server.address
        loopback = is_loopback(urlsplit(f"//{server.address}").hostname or "")
        security = values.get("security") or ("none" if server.scheme == "http" and loopback else "ssl")
        if security == "none" and not loopback:
            self.errors.setdefault(
                "security",
                _(
                    "Without SSL the access token could be read on the way, so None is only for the sandbox on this "
                    "machine. Choose SSL."
                ),
            )
        elif server.scheme == "http" and security == "ssl":
            self.errors.setdefault(
                "server_address",
                _("The address begins with http:// but Security is SSL. Write https:// or the host alone."),
            )
        values["security"] = security


@dataclass(frozen=True)
class _Server:
    address: str
    scheme: str


def _server_address(raw: Any, reading: _Reading) -> _Server:
    text = _text(raw)
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _Wrong(
            _("This is no address. Enter a host such as {host}.").format(host=WORLDWIDE.graph)
        ) from None
    if parts.username or parts.password:
        raise _Wrong(_("The address must not hold a user or a password."))
    if parts.scheme not in ("", "http", "https"):
        raise _Wrong(
            _("The address must be a host such as {host}, or begin with https://.").format(
                host=WORLDWIDE.graph
            )
        )
    if "@" in text or not (DOMAIN.fullmatch(host) or is_loopback(host)):
        raise _Wrong(_("Enter a host such as {host}.").format(host=WORLDWIDE.graph))
    if (
        parts.query
        or parts.fragment
        or parts.path.rstrip("/").lower() not in ("", EWS_PATH.lower(), GRAPH_PATH)
    ):
        raise _Wrong(
            _("Enter the host alone: the path is always {graph} or {ews}.").format(
                graph=GRAPH_PATH, ews=EWS_PATH
            )
        )
    if parts.path.strip("/"):
        reading.notices["server_address"] = _("The host alone is needed: the path after it was cut.")
    shown = f"[{host}]" if ":" in host else host
    return _Server(f"{shown}:{port}" if port else shown, parts.scheme)


def _security(raw: Any, reading: _Reading) -> str:
    text = _text(raw).lower()
    if text in ("ssl", "tls", "ssl/tls"):
        return "ssl"
    if text == "none":
        return "none"
    raise _Wrong(_("Choose SSL (or None, for the sandbox on this machine)."))


def _username(raw: Any, reading: _Reading) -> str:
    address = _address(raw, reading)
    if len(address) > LONGEST_USERNAME:
        raise _Wrong(
            _("The address of a mailbox has at most {number} letters here.").format(number=LONGEST_USERNAME)
        )
    local, _at, domain = address.partition("@")
    if PERSONAL.fullmatch(domain):
        raise _Wrong(
            _(
                "{domain} mailboxes are personal. Exchange Online lets an application open only mailboxes of an "
                "organisation (Microsoft 365), so enter one of those."
            ).format(domain=domain)
        )
    if "+" in local:
        raise _Wrong(
            _("Enter the mailbox's own address, without a plus sign: Placet adds reply codes after it.")
        )
    return address


def _address(raw: Any, reading: _Reading) -> str:
    text = spelled_as_in_mails(_text(raw))
    if not ADDRESS.fullmatch(text):
        raise _Wrong(_("Enter one mail address, such as approvals@contoso.com."))
    if len(text) > LONGEST_ADDRESS:
        raise _Wrong(_("An e-mail address has at most {number} letters.").format(number=LONGEST_ADDRESS))
    return text


def _client_id(raw: Any, reading: _Reading) -> str:
    text = _text(raw).strip("{}")
    if GUID.fullmatch(text):
        return text.lower()
    _whole_id(text)
    if "://" in text:
        raise _Wrong(
            _(
                "That is an address; the access token URI has a field of its own. The Application (client) ID looks "
                "like {example}."
            ).format(example=ID_EXAMPLE)
        )
    if "@" in text or DOMAIN.fullmatch(text):
        raise _Wrong(
            _(
                "That is the name of a tenant or a mailbox. The Application (client) ID looks like {example}."
            ).format(example=ID_EXAMPLE)
        )
    if len(text) >= 30 and " " not in text:
        raise _Wrong(
            _(
                "That looks like a client secret; it belongs into the field Client secret. The Application (client) ID "
                "looks like {example}."
            ).format(example=ID_EXAMPLE)
        )
    raise _Wrong(
        _(
            "The Application (client) ID looks like {example}; the Overview page of the app registration shows it."
        ).format(example=ID_EXAMPLE)
    )


def _whole_id(text: str) -> None:
    """Say so where `text` was meant to be an ID, but a part of it is missing or doubled."""
    digits = len(text.replace("-", ""))
    if ALMOST_GUID.fullmatch(text) and digits != 32:
        raise _Wrong(
            _(
                "This is not a whole ID: it has {number} digits and letters instead of 32, in groups such as "
                "{example}. Copy it again."
            ).format(number=digits, example=ID_EXAMPLE)
        )


def _scope(raw: Any, reading: _Reading) -> str:
    try:
        scope, notice = clean_scope(_text(raw), reading.scope_example)
    except ValueError as error:
        raise _Wrong(str(error)) from None
    if notice:
        reading.notices["scope"] = notice
    return scope


def _token_uri(raw: Any, reading: _Reading) -> str:
    text = _text(raw)
    bare = text.strip("{}")
    if "{" in bare or "}" in bare or "<" in text or "directory_tenant" in text.lower():
        raise _Wrong(
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
        raise _Wrong(
            _(
                "“{name}” is neither a Directory (tenant) ID nor a domain name of the tenant. The Overview page of the "
                "app registration shows the ID, which looks like {example}."
            ).format(name=text[:60], example=ID_EXAMPLE)
        )
    raise _Wrong(
        _(
            "Enter the whole address, beginning with https://, or the Directory (tenant) ID alone: {example}."
        ).format(example=TOKEN_URI_EXAMPLE)
    )


def _say_domain(uri: str, reading: _Reading) -> None:
    """A domain in place of the ID works, but is seldom what the Entra admin center was copied from."""
    parts = urlsplit(uri)
    tenant = parts.path.split("/")[1]
    if parts.hostname in LOGIN_HOSTS and not GUID.fullmatch(tenant):
        named = _(
            "{domain} is a domain of the tenant. Entra ID takes it in place of the Directory (tenant) ID."
        )
        told = [reading.notices.get("token_uri", ""), named.format(domain=tenant)]
        reading.notices["token_uri"] = " ".join(told).strip()


def _whole_token_uri(text: str, reading: _Reading) -> str:
    try:
        parts = urlsplit(text)
        host, _port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise _Wrong(_("This is no address.")) from None
    if parts.scheme not in ("http", "https") or not host:
        raise _Wrong(_("The address must begin with https://."))
    if not is_name(host):
        raise _Wrong(_("This is no address."))
    if parts.scheme == "http" and not is_loopback(host):
        raise _Wrong(_("The client secret must not travel in clear: the address must begin with https://."))
    if parts.username or parts.password:
        raise _Wrong(_("The address must not hold a user or a password."))
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise _Wrong(_("The address must end in /oauth2/v2.0/token, without ? or # after it."))
    segments = [segment for segment in parts.path.split("/") if segment]
    if segments and segments[0].lower() in SHARED_TENANTS:
        raise _Wrong(
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
        raise _Wrong(_("The address has no path; it ends in /oauth2/v2.0/token."))
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
        raise _Wrong(_("The address must look like {example}.").format(example=TOKEN_URI_EXAMPLE))
    _whole_id(segments[0])
    if not GUID.fullmatch(segments[0]) and not DOMAIN.fullmatch(segments[0]):
        raise _Wrong(
            _("“{name}” is neither a Directory (tenant) ID nor a domain name.").format(name=segments[0][:60])
        )
    return segments[0]


def _via(raw: Any, reading: _Reading) -> str:
    text = _text(raw).lower()
    if text not in WAYS:
        raise _Wrong(_("Choose one of: {ways}.").format(ways=", ".join(WAYS)))
    return text


def _cloud(raw: Any, reading: _Reading) -> str:
    text = _text(raw).lower().replace("-", "_").replace(" ", "_")
    known = (*CLOUDS, OWN)
    if text not in known:
        raise _Wrong(_("Choose one of: {ways}.").format(ways=", ".join(known)))
    return text


def _bool(raw: Any, reading: _Reading) -> bool:
    if isinstance(raw, bool):
        return raw
    text = str(raw).strip().lower()
    if text in ("true", "yes", "on", "1"):
        return True
    if text in ("false", "no", "off", "0"):
        return False
    raise _Wrong(_("Answer yes or no."))


def _number(low: int, high: int) -> "Callable[[Any, _Reading], int]":
    def read(raw: Any, reading: _Reading) -> int:
        if not isinstance(raw, bool) and re.fullmatch(r"[+-]?\d{1,12}", str(raw).strip()):
            number = int(str(raw).strip())
            if low <= number <= high:
                return number
        raise _Wrong(_("Enter a whole number from {low} to {high}.").format(low=low, high=high))

    return read


def _handled(raw: Any, reading: _Reading) -> Action:
    try:
        return Action(_text(raw).lower().replace(" ", "_"))
    except ValueError:
        raise _Wrong(_("Choose move, mark_read or delete.")) from None


def _folder(raw: Any, reading: _Reading) -> str:
    parts = [part.strip() for part in _text(raw).strip("/").split("/")]
    if not all(parts) or len(parts) > 10:
        raise _Wrong(_("Enter a path of folder names such as Placet/Processed."))
    if any(len(part) > 100 or not part.isprintable() or "\\" in part for part in parts):
        raise _Wrong(_("A folder name has at most 100 letters and no \\."))
    if len("/".join(parts)) > LONGEST_FOLDER:
        raise _Wrong(
            _("The whole path has at most {number} letters. Use fewer folders, or shorter names.").format(
                number=LONGEST_FOLDER
            )
        )
    if len(parts) == 1 and parts[0].casefold() in ("inbox", "junk email"):
        raise _Wrong(_("Mail is taken from this folder; choose another."))
    return "/".join(parts)


def _since(raw: Any, reading: _Reading) -> datetime:
    try:
        value = raw if isinstance(raw, datetime) else datetime.fromisoformat(_text(raw))
        value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        if not EARLIEST <= value.year <= LATEST:
            raise ValueError
    except (ValueError, OverflowError):
        raise _Wrong(
            _("Enter a date, or date and time in UTC, such as 2026-11-24 or 2026-11-24T08:00.")
        ) from None
    return value


def _mechanisms(raw: Any, reading: _Reading) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(part.upper() for part in _parts(raw)))
    if not all(re.fullmatch("[0-9A-F]{2}", part) for part in found):
        raise _Wrong(
            _("Enter values of two digits, such as 04; the connection test shows those of your organisation.")
        )
    if never := never_proving(found):
        # What is stored from before must not stop the mailbox: `store` refuses what is entered anew.
        reading.notices["confirmed_mechanisms"] = _(
            "{mechanisms} proves nobody and does not count: Exchange marks mail in this way although nobody signed in."
        ).format(mechanisms=never)
    return found


def _domains(raw: Any, reading: _Reading) -> tuple[str, ...]:
    """Whole domains: a part of one (.contoso.com) would let in everybody who gets a name below it."""
    domains = tuple(
        dict.fromkeys(spelled_as_in_mails(part.lower().removeprefix("@")) for part in _parts(raw))
    )
    if not all(ADDRESS.fullmatch(f"name@{domain}") for domain in domains):
        raise _Wrong(
            _("Enter domains in full, such as contoso.com; one below another is named by itself, too.")
        )
    personal = next((domain for domain in domains if PERSONAL.fullmatch(domain)), None)
    if personal is not None:
        raise _Wrong(
            _("{domain} belongs to no organisation: anybody can have an address there.").format(
                domain=personal
            )
        )
    return domains


def _addresses(raw: Any, reading: _Reading) -> tuple[str, ...]:
    addresses = tuple(dict.fromkeys(spelled_as_in_mails(part.lower()) for part in _parts(raw)))
    if not all(ADDRESS.fullmatch(address) for address in addresses):
        raise _Wrong(_("Enter addresses of mailboxes, such as approvals@contoso.com."))
    return addresses


def never_proving(mechanisms: Iterable[str]) -> str:
    """Those of the mechanisms that never prove anybody, for people; "" if there are none."""
    return ", ".join(one for one in mechanisms if one in NEVER_PROVES)


def _hosts(raw: Any, reading: _Reading) -> tuple[str, ...]:
    found = tuple(dict.fromkeys("." + part.lower().lstrip(".") for part in _parts(raw)))
    if not all(DOMAIN.fullmatch(part[1:]) for part in found):
        raise _Wrong(_("Enter ends of host names, such as .outlook.com."))
    return found


def _networks(raw: Any, reading: _Reading) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(network(part) for part in _parts(raw)))
    except NetworkInvalid as error:
        raise _Wrong(str(error)) from None


def _authserv_id(raw: Any, reading: _Reading) -> str:
    text = _text(raw)
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}", text):
        raise _Wrong(_("Enter one name without spaces, such as mx.contoso.com."))
    return text.lower()


def _parts(raw: Any) -> list[str]:
    text = ",".join(map(str, raw)) if isinstance(raw, list | tuple) else str(raw)
    if len(text) > LONGEST_TEXT:
        raise _Wrong(_(UNREADABLE))
    return [part for part in re.split(r"[\s,;]+", text) if part]


UNREADABLE = gettext_noop("This is too long, or holds characters that cannot be seen. Type it again.")


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise _Wrong(_("Enter text."))
    text = raw.strip()
    if len(text) > LONGEST_TEXT or not text.isprintable():
        raise _Wrong(_(UNREADABLE))
    return text


READERS: "dict[str, Callable[[Any, _Reading], Any]]" = {
    "via": _via,
    "cloud": _cloud,
    "server_address": _server_address,
    "security": _security,
    "reply_to": _address,
    "username": _username,
    "client_id": _client_id,
    "scope": _scope,
    "token_uri": _token_uri,
    "active": _bool,
    "poll_seconds": _number(5, 3600),
    "notify": _bool,
    "mails_per_poll": _number(1, 500),
    "handled": _handled,
    "handled_folder": _folder,
    "set_aside_folder": _folder,
    "refusals_per_hour": _number(0, 100),
    "sends_per_minute": _number(1, 1000),
    "plus_addressing": _bool,
    "since": _since,
    "confirmed_mechanisms": _mechanisms,
    "own_domains": _domains,
    "same_organisation": _addresses,
    "authserv_id": _authserv_id,
    "trusted_hosts": _hosts,
    "own_networks": _networks,
    "max_size": _number(64 * 1024, 150 * 1024 * 1024),
}

REQUIRED = {
    "username": gettext_noop("Enter the address of the mailbox, such as approvals@contoso.com."),
    "client_id": gettext_noop(
        "Enter the Application (client) ID from the Overview page of the app registration."
    ),
    "token_uri": gettext_noop("Enter the Directory (tenant) ID, or the whole access token URI."),
}
