"""The settings of an Exchange Online mailbox as an administrator enters them; wrong ones are named in words.

The client secret is not among them: it is kept encrypted elsewhere and checked by `read_secret`.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from .base import Action
from .http import is_loopback

EWS_PATH = "/EWS/Exchange.asmx"
DEFAULT_SERVER = "outlook.office365.com"
DEFAULT_SCOPE = "https://outlook.office365.com/.default"
LOGIN_HOST = "login.microsoftonline.com"
#: Entra's hosts: the public cloud and the national ones (Microsoft, "National clouds").
ENTRA_HOSTS = (
    LOGIN_HOST,
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "login.windows.net",
)
SHARED_TENANTS = ("common", "organizations", "consumers")

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
DOMAIN = re.compile(
    r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]", re.IGNORECASE
)
ADDRESS = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([a-z0-9-]+\.)+[a-z][a-z0-9-]*[a-z0-9]", re.IGNORECASE
)
#: Characters. The mailbox's name in the database (200) and the Message-IDs of its mails (200) hold it.
LONGEST_USERNAME = 180
LONGEST_ADDRESS = 254  # RFC 5321 4.5.3.1.3, less the brackets
LONGEST_FOLDER = 200  # of the whole path, as a row of work holds it
PERSONAL = re.compile(r"(outlook|hotmail|live|msn)\.(com|[a-z]{2}|com?\.[a-z]{2})", re.IGNORECASE)


class SettingsInvalid(Exception):
    """One or more settings are wrong. `errors` has one sentence for each field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{_label(name)}: {sentence}" for name, sentence in errors.items()))
        self.errors = dict(errors)


@dataclass(frozen=True)
class Field:
    """One row of the Remote Approval tab. `kind`: text, secret, bool, int, choice, list or datetime."""

    name: str
    label: str
    help: str
    kind: str = "text"
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()


#: In the order of the tab. `client_secret` stands here for the form only; it is no stored setting.
FIELDS: tuple[Field, ...] = (
    Field(
        "server_address",
        "Server address",
        "Host of Exchange Web Services; outlook.office365.com for Exchange Online.",
    ),
    Field(
        "security",
        "Security",
        "SSL always, except for the sandbox on this machine.",
        "choice",
        choices=(("ssl", "SSL"), ("none", "None (sandbox on this machine only)")),
    ),
    Field("reply_to", "Default reply-to email", "Where replies go; empty: the mailbox itself."),
    Field(
        "username", "Username", "Address of the mailbox, for example approvals@contoso.com.", required=True
    ),
    Field(
        "client_id",
        "Application (client) ID",
        "From the Overview page of the app registration in the Entra admin center.",
        required=True,
    ),
    Field(
        "client_secret",
        "Client secret",
        "The Value of the secret (not its ID), shown once when it is made. Stored encrypted, never shown "
        "again.",
        "secret",
        required=True,
    ),
    Field("scope", "Scope", f"{DEFAULT_SCOPE} for Exchange Online."),
    Field(
        "token_uri",
        "Access token URI",
        f"https://{LOGIN_HOST}/<directory (tenant) ID>/oauth2/v2.0/token; the tenant's ID or domain alone "
        "will do.",
        required=True,
    ),
    Field("active", "Activate", "Look for mail and send mail with this mailbox.", "bool"),
    Field("poll_seconds", "Poll interval", "Seconds between two looks into the mailbox, 5 to 3600.", "int"),
    Field("mails_per_poll", "Mails per poll", "How many mails are fetched at once, 1 to 500.", "int"),
    Field(
        "handled",
        "Handled mail",
        "What becomes of a mail on the server once its effect is saved.",
        "choice",
        choices=(
            ("move", "Move to a folder"),
            ("mark_read", "Mark as read"),
            ("delete", "Delete (to Deleted Items)"),
        ),
    ),
    Field("handled_folder", "Folder for handled mail", "Path below the mailbox, made where it is missing."),
    Field(
        "set_aside_folder",
        "Folder for mail set aside",
        "For mail that could not be handled; made where it is missing.",
    ),
    Field(
        "refusals_per_hour",
        "Refusals per sender and hour",
        "How many 'not applied' mails one sender gets in an hour, 0 to 100.",
        "int",
    ),
    Field(
        "sends_per_minute",
        "Mails sent per minute",
        "1 to 1000. Exchange Online refuses more than 30 a minute from one mailbox.",
        "int",
    ),
    Field(
        "plus_addressing",
        "Plus addressing",
        "Replies come to name+code@domain. Turn it off where the organisation has disabled plus addresses.",
        "bool",
    ),
    Field(
        "since",
        "Look at mail from",
        "Date and time (UTC) from when mail is looked at; empty: from activation on.",
        "datetime",
    ),
    Field(
        "confirmed_mechanisms",
        "Confirmed authentication mechanisms",
        "Values of X-MS-Exchange-Organization-AuthMechanism that prove a colleague here; `placet check` "
        "shows yours.",
        "list",
    ),
    Field(
        "authserv_id",
        "Authentication server name",
        "Name at the start of the Authentication-Results headers that your own server writes; empty for "
        "Exchange Online.",
    ),
    Field(
        "trusted_hosts",
        "Trusted receiving hosts",
        "Ends of the names of the servers that receive for this mailbox.",
        "list",
    ),
    Field("max_size", "Largest mail", "Bytes; of larger mails only the headers are fetched.", "int"),
)


def _label(name: str) -> str:
    return next((row.label for row in FIELDS if row.name == name), name)


@dataclass(frozen=True)
class ExchangeSettings:
    """A valid set of settings; made by `parse` alone. All fields have a row in FIELDS."""

    username: str
    client_id: str
    token_uri: str
    server_address: str = DEFAULT_SERVER  # host, or host:port
    security: str = "ssl"  # or "none", on loopback only
    reply_to: str = ""
    scope: str = DEFAULT_SCOPE
    active: bool = False
    poll_seconds: int = 20
    mails_per_poll: int = 100
    handled: Action = Action.MOVE
    handled_folder: str = "Placet/Processed"
    set_aside_folder: str = "Placet/Set aside"
    refusals_per_hour: int = 5
    sends_per_minute: int = 25
    plus_addressing: bool = True
    since: datetime | None = None  # UTC
    confirmed_mechanisms: tuple[str, ...] = ("04",)
    authserv_id: str = ""
    trusted_hosts: tuple[str, ...] = (".outlook.com",)
    max_size: int = 36 * 1024 * 1024  # bytes

    @property
    def ews_url(self) -> str:
        scheme = "https" if self.security == "ssl" else "http"
        return f"{scheme}://{self.server_address}{EWS_PATH}"

    @classmethod
    def parse(
        cls, mapping: Mapping[str, Any], now: datetime | None = None
    ) -> "tuple[ExchangeSettings, list[str]]":
        """The settings in `mapping` (of form, command line or `to_json`), and notices about what was mended.

        Empty values mean the default. A mailbox that is active takes mail from `now` on unless `since` says
        otherwise. Raises SettingsInvalid with every error at once.
        """
        reading = _Reading(mapping)
        values = reading.all()
        if values.get("active") and values.get("since") is None:
            values["since"] = (now or datetime.now(UTC)).replace(microsecond=0)
        if reading.errors:
            raise SettingsInvalid(reading.errors)
        return cls(**values), reading.notices

    def to_json(self) -> dict[str, Any]:
        """What `parse` reads again, as JSON types."""
        values = dataclasses.asdict(self)
        values["handled"] = self.handled.value
        values["since"] = self.since.isoformat() if self.since else None
        values["confirmed_mechanisms"] = list(self.confirmed_mechanisms)
        values["trusted_hosts"] = list(self.trusted_hosts)
        return values


def needs_secret_again(old: ExchangeSettings, new: ExchangeSettings) -> str | None:
    """A sentence if the secret, entered for the old addresses, must not go to the new ones; else None."""
    changed = []
    if old.ews_url.lower() != new.ews_url.lower():
        changed.append("the server address")
    if old.token_uri != new.token_uri:
        changed.append("the access token URI")
    if not changed:
        return None
    return (
        f"Because {' and '.join(changed)} changed, enter the client secret again: it is sent only where "
        "it was meant to go."
    )


def read_secret(text: str) -> SecretStr:
    """A client secret as entered. Raises SettingsInvalid (field `client_secret`) for what cannot be one."""
    text = text.strip()
    sentence = ""
    if not text:
        sentence = (
            "Enter the client secret: the Value of the secret, from Certificates & secrets of the "
            "app registration."
        )
    elif GUID.fullmatch(text):
        sentence = "That is the secret's ID. Paste its Value; it is shown once, when the secret is made."
    elif set(text) <= set("*•●."):
        sentence = "That is a masked secret. Paste the Value itself; if it was not kept, make a new secret."
    elif not text.isascii() or not text.isprintable() or " " in text:
        sentence = "A client secret has no spaces and no special letters. Copy its Value again."
    elif len(text) > 500:
        sentence = "That is too long for a client secret. Paste its Value alone."
    if sentence:
        raise SettingsInvalid({"client_secret": sentence})
    return SecretStr(text)


class _Wrong(Exception):
    """The sentence for one field."""


class _Reading:
    """One reading of a mapping: values, errors by field, notices."""

    def __init__(self, mapping: Mapping[str, Any]) -> None:
        self._mapping = mapping
        self.errors: dict[str, str] = {}
        self.notices: list[str] = []

    def all(self) -> dict[str, Any]:
        for name in self._mapping:
            if name not in READERS:
                self.errors[name] = f"There is no such setting; known are {', '.join(READERS)}."
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

    def _default(self, name: str, values: dict[str, Any]) -> None:
        if name in REQUIRED:
            raise _Wrong(REQUIRED[name])
        if name == "confirmed_mechanisms" and self._mapping.get(name) is not None:
            values[name] = ()  # emptied on purpose: no mechanism proves anybody

    def _together(self, values: dict[str, Any]) -> None:
        """Rules between fields."""
        self._server(values)
        if values.get("handled_folder", "Placet/Processed") == values.get(
            "set_aside_folder", "Placet/Set aside"
        ):
            self.errors.setdefault("set_aside_folder", "Choose another folder than the one for handled mail.")
        client_id = values.get("client_id")
        if client_id and client_id in str(values.get("token_uri", "")):
            self.errors["client_id"] = (
                "The same ID stands in the access token URI: one of them is the Directory (tenant) ID. The "
                "Overview "
                "page of the app registration shows both."
            )

    def _server(self, values: dict[str, Any]) -> None:
        server: _Server = values.get("server_address") or _Server(DEFAULT_SERVER, "")
        if "server_address" not in self.errors:
            values["server_address"] = server.address
        loopback = is_loopback(urlsplit(f"//{server.address}").hostname or "")
        security = values.get("security") or ("none" if server.scheme == "http" and loopback else "ssl")
        if security == "none" and not loopback:
            self.errors.setdefault(
                "security",
                "Without SSL the access token could be read on the way, so None is only for the sandbox on "
                "this "
                "machine. Choose SSL.",
            )
        elif server.scheme == "http" and security == "ssl":
            self.errors.setdefault(
                "server_address",
                "The address begins with http:// but Security is SSL. Write https:// or the host alone.",
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
        raise _Wrong(f"This is no address. Enter a host such as {DEFAULT_SERVER}.") from None
    if parts.username or parts.password:
        raise _Wrong("The address must not hold a user or a password.")
    if parts.scheme not in ("", "http", "https"):
        raise _Wrong(f"The address must be a host such as {DEFAULT_SERVER}, or begin with https://.")
    if "@" in text or not (DOMAIN.fullmatch(host) or is_loopback(host)):
        raise _Wrong(f"Enter a host such as {DEFAULT_SERVER}.")
    if parts.query or parts.fragment or parts.path.rstrip("/").lower() not in ("", EWS_PATH.lower()):
        raise _Wrong(f"The path of Exchange Web Services is {EWS_PATH}; enter the host alone.")
    shown = f"[{host}]" if ":" in host else host
    return _Server(f"{shown}:{port}" if port else shown, parts.scheme)


def _security(raw: Any, reading: _Reading) -> str:
    text = _text(raw).lower()
    if text in ("ssl", "tls", "ssl/tls"):
        return "ssl"
    if text == "none":
        return "none"
    raise _Wrong("Choose SSL (or None, for the sandbox on this machine).")


def _username(raw: Any, reading: _Reading) -> str:
    address = _address(raw, reading)
    if len(address) > LONGEST_USERNAME:
        raise _Wrong(f"The address of a mailbox has at most {LONGEST_USERNAME} letters here.")
    local, _, domain = address.partition("@")
    if PERSONAL.fullmatch(domain):
        raise _Wrong(
            f"{domain} mailboxes are personal. Exchange Online lets an application open only mailboxes of an "
            "organisation (Microsoft 365), so enter one of those."
        )
    if "+" in local:
        raise _Wrong(
            "Enter the mailbox's own address, without a plus sign: Placet adds reply codes after it."
        )
    return address


def _address(raw: Any, reading: _Reading) -> str:
    text = _text(raw)
    if not ADDRESS.fullmatch(text):
        raise _Wrong("Enter one mail address, such as approvals@contoso.com.")
    if len(text) > LONGEST_ADDRESS:
        raise _Wrong(f"An e-mail address has at most {LONGEST_ADDRESS} letters.")
    return text


def _client_id(raw: Any, reading: _Reading) -> str:
    text = _text(raw).strip("{}")
    if GUID.fullmatch(text):
        return text.lower()
    if "@" in text or DOMAIN.fullmatch(text):
        raise _Wrong(
            "That is the name of a tenant or a mailbox. The Application (client) ID looks like "
            "535fb089-9ff3-47b6-9bfb-4f1264799865."
        )
    if len(text) >= 30 and " " not in text:
        raise _Wrong(
            "That looks like a client secret; it belongs into the field Client secret. The Application "
            "(client) ID "
            "looks like 535fb089-9ff3-47b6-9bfb-4f1264799865."
        )
    raise _Wrong(
        "The Application (client) ID looks like 535fb089-9ff3-47b6-9bfb-4f1264799865; the Overview page of "
        "the app "
        "registration shows it."
    )


def clean_scope(text: str) -> tuple[str, str]:
    """The scope alone, and a notice if something was cut. Raises ValueError with a sentence.

    WorkflowGen writes `https://outlook.office365.com/.default&grant_type=client_credentials`, which works
    there because it is pasted raw into the form body. Sent as one value Entra refuses it (AADSTS1002012).
    """
    text = text.strip()
    if re.search("%(26|3a)", text, re.IGNORECASE):
        text = unquote(text)
    scope, ampersand, rest = text.partition("&")
    scope = scope.strip().removeprefix("scope=")
    if ampersand and rest.strip() not in ("", "grant_type=client_credentials"):
        raise ValueError(f"Only the scope belongs here. Enter {DEFAULT_SCOPE} and nothing after it.")
    if len(scope.split()) != 1:
        raise ValueError(f"Enter exactly one scope: {DEFAULT_SCOPE}.")
    parts = urlsplit(scope)
    if parts.scheme not in ("https", "api") or not parts.netloc or not parts.path.endswith("/.default"):
        raise ValueError(f"The scope must end in /.default, as in {DEFAULT_SCOPE}.")
    if "graph." in parts.netloc.lower():
        raise ValueError(f"That is the scope of Microsoft Graph. Exchange Web Services need {DEFAULT_SCOPE}.")
    notice = (
        "Scope was copied from WorkflowGen: the part after & is not needed and was cut." if ampersand else ""
    )
    return scope, notice


def _scope(raw: Any, reading: _Reading) -> str:
    try:
        scope, notice = clean_scope(_text(raw))
    except ValueError as error:
        raise _Wrong(str(error)) from None
    if notice:
        reading.notices.append(notice)
    return scope


def _token_uri(raw: Any, reading: _Reading) -> str:
    text = _text(raw)
    if (
        "{" in text.strip("{}")
        or "}" in text.strip("{}")
        or "<" in text
        or "directory_tenant" in text.lower()
    ):
        raise _Wrong(
            "Put your own Directory (tenant) ID in place of the part in brackets; the Overview page of the "
            "app "
            "registration shows it."
        )
    tenant = text.strip("{}")
    if GUID.fullmatch(tenant) or DOMAIN.fullmatch(tenant):
        uri = f"https://{LOGIN_HOST}/{tenant.lower()}/oauth2/v2.0/token"
        reading.notices.append(f"Access token URI was completed to {uri}.")
        return uri
    if "://" not in text:
        raise _Wrong(
            "Enter the whole address, beginning with https://, or the Directory (tenant) ID alone: "
            f"https://{LOGIN_HOST}/<directory (tenant) ID>/oauth2/v2.0/token."
        )
    return _whole_token_uri(text)


def _whole_token_uri(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise _Wrong("This is no address.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise _Wrong("The address must begin with https://.")
    if parts.scheme == "http" and not is_loopback(host):
        raise _Wrong("The client secret must not travel in clear: the address must begin with https://.")
    if parts.username or parts.password:
        raise _Wrong("The address must not hold a user or a password.")
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise _Wrong("The address must end in /oauth2/v2.0/token, without ? or # after it.")
    segments = [segment for segment in parts.path.split("/") if segment]
    if segments and segments[0].lower() in SHARED_TENANTS:
        raise _Wrong(
            f'"{segments[0]}" stands where your own tenant must be: put the Directory (tenant) ID in its '
            "place "
            "(an application signs in to one tenant)."
        )
    if host in ENTRA_HOSTS:
        _entra_path(segments)
    elif not segments:
        raise _Wrong("The address has no path; it ends in /oauth2/v2.0/token.")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path}"


def _entra_path(segments: list[str]) -> None:
    if len(segments) != 4 or [segment.lower() for segment in segments[1:]] != ["oauth2", "v2.0", "token"]:
        raise _Wrong(
            f"The address must look like https://{LOGIN_HOST}/<directory (tenant) ID>/oauth2/v2.0/token."
        )
    if not GUID.fullmatch(segments[0]) and not DOMAIN.fullmatch(segments[0]):
        raise _Wrong(f'"{segments[0]}" is neither a Directory (tenant) ID nor a domain name.')


def _bool(raw: Any, reading: _Reading) -> bool:
    if isinstance(raw, bool):
        return raw
    text = str(raw).strip().lower()
    if text in ("true", "yes", "on", "1"):
        return True
    if text in ("false", "no", "off", "0"):
        return False
    raise _Wrong("Answer yes or no.")


def _number(low: int, high: int) -> "Callable[[Any, _Reading], int]":
    def read(raw: Any, reading: _Reading) -> int:
        if not isinstance(raw, bool) and re.fullmatch(r"[+-]?\d{1,12}", str(raw).strip()):
            number = int(str(raw).strip())
            if low <= number <= high:
                return number
        raise _Wrong(f"Enter a whole number from {low} to {high}.")

    return read


def _handled(raw: Any, reading: _Reading) -> Action:
    try:
        return Action(_text(raw).lower().replace(" ", "_"))
    except ValueError:
        raise _Wrong("Choose move, mark_read or delete.") from None


def _folder(raw: Any, reading: _Reading) -> str:
    parts = [part.strip() for part in _text(raw).strip("/").split("/")]
    if not all(parts) or len(parts) > 10:
        raise _Wrong("Enter a path of folder names such as Placet/Processed.")
    if any(len(part) > 100 or not part.isprintable() or "\\" in part for part in parts):
        raise _Wrong("A folder name has at most 100 letters and no \\.")
    if len("/".join(parts)) > LONGEST_FOLDER:
        raise _Wrong(
            f"The whole path has at most {LONGEST_FOLDER} letters. Use fewer folders, or shorter names."
        )
    if len(parts) == 1 and parts[0].casefold() in ("inbox", "junk email"):
        raise _Wrong("Mail is taken from this folder; choose another.")
    return "/".join(parts)


def _since(raw: Any, reading: _Reading) -> datetime:
    try:
        value = raw if isinstance(raw, datetime) else datetime.fromisoformat(_text(raw))
    except ValueError:
        raise _Wrong(
            "Enter a date, or date and time in UTC, such as 2026-11-24 or 2026-11-24T08:00."
        ) from None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _mechanisms(raw: Any, reading: _Reading) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(part.upper() for part in _parts(raw)))
    if not all(re.fullmatch("[0-9A-F]{2}", part) for part in found):
        raise _Wrong(
            "Enter values of two digits, such as 04; `placet check` shows those of your organisation."
        )
    return found


def _hosts(raw: Any, reading: _Reading) -> tuple[str, ...]:
    found = tuple(dict.fromkeys("." + part.lower().lstrip(".") for part in _parts(raw)))
    if not all(DOMAIN.fullmatch(part[1:]) for part in found):
        raise _Wrong("Enter ends of host names, such as .outlook.com.")
    return found


def _authserv_id(raw: Any, reading: _Reading) -> str:
    text = _text(raw)
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}", text):
        raise _Wrong("Enter one name without spaces, such as mx.contoso.com.")
    return text.lower()


def _parts(raw: Any) -> list[str]:
    if isinstance(raw, list | tuple):
        return [str(part).strip() for part in raw]
    return [part for part in re.split(r"[\s,;]+", str(raw)) if part]


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise _Wrong("Enter text.")
    text = raw.strip()
    if len(text) > 2000 or not text.isprintable():
        raise _Wrong("This is too long, or holds characters that cannot be seen. Type it again.")
    return text


READERS: "dict[str, Callable[[Any, _Reading], Any]]" = {
    "server_address": _server_address,
    "security": _security,
    "reply_to": _address,
    "username": _username,
    "client_id": _client_id,
    "scope": _scope,
    "token_uri": _token_uri,
    "active": _bool,
    "poll_seconds": _number(5, 3600),
    "mails_per_poll": _number(1, 500),
    "handled": _handled,
    "handled_folder": _folder,
    "set_aside_folder": _folder,
    "refusals_per_hour": _number(0, 100),
    "sends_per_minute": _number(1, 1000),
    "plus_addressing": _bool,
    "since": _since,
    "confirmed_mechanisms": _mechanisms,
    "authserv_id": _authserv_id,
    "trusted_hosts": _hosts,
    "max_size": _number(64 * 1024, 150 * 1024 * 1024),
}

REQUIRED = {
    "username": "Enter the address of the mailbox, such as approvals@contoso.com.",
    "client_id": "Enter the Application (client) ID from the Overview page of the app registration.",
    "token_uri": "Enter the access token URI, or the Directory (tenant) ID alone.",
}
