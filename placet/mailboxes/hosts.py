"""Settings of a server that speaks one of mail's own protocols: where it is, how it is protected, and how to sign in.

The names of its settings begin with a kind's key: `smtp_host`, `smtp_port`, `smtp_security`, `smtp_sign_in`, ...
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import SecretStr

from placet.mailboxes import authorities, consent_providers, http, sasl
from placet.mailboxes.consent_requests import ConsentRequest
from placet.mailboxes.fields import Field
from placet.mailboxes.google import key_file
from placet.mailboxes.google.grant import MAIL_SCOPE, PERSONAL, grant_of
from placet.mailboxes.google.grant import TOKEN_URI as GOOGLE_TOKEN_URI
from placet.mailboxes.oauth import Access, RefreshGrant, Rotation, SecretGrant
from placet.mailboxes.settings import (
    DOMAIN,
    LONGEST_SECRET,
    MailboxSettings,
    Reader,
    Reading,
    Wrong,
    number,
    one_of,
    read_secret,
    text_of,
)
from placet.mailboxes.settings import PERSONAL as PERSONAL_DOMAIN
from placet.mailboxes.sockets import PLAIN, SECURITIES, SSL, STARTTLS

PASSWORD, OAUTH_CLIENT, OAUTH_REFRESH, NOBODY = "password", "oauth-client", "oauth-refresh", "none"
SERVICE_ACCOUNT = "service-account"  # of Google
WITH_TOKENS = (OAUTH_CLIENT, OAUTH_REFRESH)
#: Where tokens of an application are asked for with this scope alone.
EXCHANGE_ONLINE = ("outlook.office365.com", "outlook.office.com", "smtp.office365.com")
EXCHANGE_SCOPE = "https://outlook.office365.com/.default"
#: By protocol; and the domains below which Google's mail servers are, to which alone its tokens go.
GOOGLE_HOSTS = {"imap": "imap.gmail.com", "pop3": "pop.gmail.com", "smtp": "smtp.gmail.com"}
GOOGLE_DOMAINS = (".gmail.com", ".googlemail.com")
LONGEST_USER = 254  # characters
LONGEST_TOKEN = 8192  # characters; those of Entra ID have some 1,500

_OF_THE_APPLICATION = (
    "host", "sign_in", "client_id", "token_uri", "authorization_uri", "device_uri", "scope",
)  # fmt: skip
_SIGN_INS = {
    PASSWORD: gettext_noop("User and password"),
    OAUTH_CLIENT: gettext_noop("OAuth, as an application"),
    OAUTH_REFRESH: gettext_noop("OAuth, by a person’s consent (refresh token)"),
    SERVICE_ACCOUNT: gettext_noop("Google service account (domain-wide delegation)"),
    NOBODY: gettext_noop("None: the server knows this machine"),
}
_SECURITY_LABELS = {
    SSL: gettext_noop("SSL/TLS"),
    STARTTLS: gettext_noop("STARTTLS"),
    PLAIN: gettext_noop("None (this machine only)"),
}


@dataclass(frozen=True)
class MailServer:
    """One server of a kind. `ports`: the usual one of each security. `only_sends`: another one receives, and the
    application that is registered for that one may serve both."""

    key: str
    ports: Mapping[str, int]
    sign_ins: tuple[str, ...] = (PASSWORD, OAUTH_CLIENT)
    only_sends: bool = False

    # --- rows of the tab ----------------------------------------------------------------------------------

    def rows(self, host: tuple[str, str], user_help: str) -> tuple[Field, ...]:
        """`host`: label and help of where it is; the others are the same for all."""
        sign_ins = tuple((key, _SIGN_INS[key]) for key in self.sign_ins)
        securities = tuple((key, _SECURITY_LABELS[key]) for key in SECURITIES)
        return (
            self._row("host", *host, required=True),
            self._row(
                "security",
                gettext_noop("Security"),
                gettext_noop(
                    "SSL/TLS from the first byte, or STARTTLS. In clear nothing leaves this machine."
                ),
                kind="choice",
                choices=securities,
            ),
            self._row(
                "authorities",
                gettext_noop("Certificate authority"),
                gettext_noop(
                    "Where the server's certificate comes from an authority of your own: its certificate, PEM or DER. "
                    "It is believed for this server alone, and no other is. Empty: those that this machine trusts."
                ),
                kind="certificates",
                rare=True,
            ),
            self._row("port", gettext_noop("Port"), gettext_noop("Empty: the usual one."), kind="int"),
            self._row(
                "sign_in",
                gettext_noop("Sign in with"),
                gettext_noop("Many providers take app passwords only, or OAuth."),
                kind="choice",
                choices=sign_ins,
            ),
            self._row(
                "user", gettext_noop("User"), user_help, sign_ins=(PASSWORD, *WITH_TOKENS, SERVICE_ACCOUNT)
            ),
            self._row(
                "password",
                gettext_noop("Password"),
                gettext_noop("Stored encrypted, sent to this server alone, never shown again."),
                kind="secret",
                sign_ins=(PASSWORD,),
            ),
            *(self._service_account_rows() if SERVICE_ACCOUNT in self.sign_ins else ()),
            *self._oauth_rows(),
        )

    def _service_account_rows(self) -> tuple[Field, ...]:
        help_ = gettext_noop(
            "The whole content of the key file (JSON) from the Google Cloud console. Stored encrypted, never shown "
            "again."
        )
        if self.only_sends:
            help_ = gettext_noop(
                "The whole content of the key file (JSON). Empty: the one that is entered for reading the mailbox."
            )
        label = gettext_noop("Key of the service account")
        return (self._row("service_account_key", label, help_, kind="secret", sign_ins=(SERVICE_ACCOUNT,)),)

    def _oauth_rows(self) -> tuple[Field, ...]:
        of_consent = (
            self._row(
                "authorization_uri",
                gettext_noop("Sign-in page"),
                gettext_noop(
                    "With a person’s consent: where they sign in in a browser. Empty: the provider’s, if it is known."
                ),
                rare=True,
                sign_ins=(OAUTH_REFRESH,),
            ),
            self._row(
                "device_uri",
                gettext_noop("Device code URI"),
                gettext_noop(
                    "With a person’s consent from the command line (RFC 8628). Empty: the provider’s, if it is known."
                ),
                rare=True,
                sign_ins=(OAUTH_REFRESH,),
            ),
            self._row(
                "refresh_token",
                gettext_noop("Refresh token"),
                gettext_noop(
                    "Signing in puts it here. One that was made elsewhere can be pasted; it is sent to the access "
                    "token URI alone, and never shown again."
                ),
                kind="secret",
                rare=True,
                sign_ins=(OAUTH_REFRESH,),
            ),
        )
        client_id, client_secret = (
            gettext_noop("With OAuth: the application's."),
            gettext_noop("With OAuth: sent to the access token URI alone, never shown again."),
        )
        if self.only_sends:
            client_id, client_secret = (
                gettext_noop("Empty: the application that reads the mailbox."),
                gettext_noop(
                    "Empty: the one that is entered for reading the mailbox, where both have the same access token "
                    "URI and client ID."
                ),
            )
        return (
            self._row(
                "token_uri",
                gettext_noop("Access token URI"),
                gettext_noop(
                    "With OAuth: the token endpoint, such as https://login.example.com/oauth2/token. With a person’s "
                    "consent empty, where the provider is known."
                ),
                sign_ins=WITH_TOKENS,
            ),
            self._row(
                "client_id",
                gettext_noop("Client ID"),
                client_id,
                sign_ins=WITH_TOKENS,
            ),
            self._row(
                "client_secret",
                gettext_noop("Client secret"),
                client_secret,
                kind="secret",
                sign_ins=WITH_TOKENS,
            ),
            self._row(
                "scope",
                gettext_noop("Scope"),
                gettext_noop("With OAuth: what the token is asked for."),
                sign_ins=WITH_TOKENS,
            ),
            *(of_consent if OAUTH_REFRESH in self.sign_ins else ()),
        )

    def _row(self, name: str, label: str, help_: str, **more: Any) -> Field:
        return Field(f"{self.key}_{name}", label, help_, **more)

    @property
    def follow(self) -> tuple[str, ...]:
        """Names of what is known of a provider."""
        names = (
            ("token_uri", "authorization_uri", "device_uri", "scope")
            if OAUTH_REFRESH in self.sign_ins
            else ()
        )
        return tuple(f"{self.key}_{name}" for name in names)

    # --- reading ------------------------------------------------------------------------------------------

    def readers(self) -> Mapping[str, Reader]:
        readers: dict[str, Reader] = {
            "host": read_host,
            "security": one_of(*SECURITIES),
            "port": number(1, 65535),
            "sign_in": one_of(*self.sign_ins),
            "user": _read_user,
            "token_uri": _read_token_uri,
            "client_id": _read_user,
            "scope": _read_line,
            "authorities": authorities.reader(f"{self.key}_authorities"),
            "authorization_uri": _read_token_uri,
            "device_uri": _read_token_uri,
        }
        return {f"{self.key}_{name}": reader for name, reader in readers.items()}

    def complete(self, values: dict[str, Any], reading: Reading) -> None:
        """Port, user, and what goes only together."""
        host, security = self._value(values, "host"), self._value(values, "security", SSL)
        port = self._value(values, "port")
        if port is None:
            values[f"{self.key}_port"] = self.ports[security]
        elif port in self.ports.values() and port != self.ports[security]:
            usual = next(name for name, usual in self.ports.items() if usual == port)
            told = _("Port {port} usually goes with {security}.").format(
                port=port, security=_(_SECURITY_LABELS[usual])
            )
            reading.notices.setdefault(f"{self.key}_port", told)
        if security == PLAIN and host is not None and not http.is_loopback(host):
            told = _("In clear, mail and password could be read on the way. Choose SSL/TLS or STARTTLS.")
            reading.errors.setdefault(f"{self.key}_security", told)
        sign_in = self._value(values, "sign_in", self.sign_ins[0])
        if sign_in == OAUTH_REFRESH:
            self._complete_consent(values, host or "")
        for name in ("token_uri", "client_id") if sign_in in WITH_TOKENS else ():
            if self._value(values, name) is None and f"{self.key}_{name}" not in reading.errors:
                reading.errors[f"{self.key}_{name}"] = _("Enter it: signing in with OAuth needs it.")
        if sign_in == SERVICE_ACCOUNT:
            self._complete_service_account(values, host or "", reading)
        if host in consent_providers.OUTLOOK.hosts:
            self._refuse_other_ways_to_personal_mailboxes(values, sign_in, reading)
        if host in EXCHANGE_ONLINE:
            self._complete_exchange_online(values, host, sign_in, reading)

    def _refuse_other_ways_to_personal_mailboxes(
        self, values: Mapping[str, Any], sign_in: str, reading: Reading
    ) -> None:
        """At Outlook.com: there is no organisation that could let an application in, and no password is taken."""
        domain = self._signs_in_as(values).rpartition("@")[2]
        if sign_in in (PASSWORD, OAUTH_CLIENT) and PERSONAL_DOMAIN.fullmatch(domain):
            cause = _(
                "Mailboxes of {domain} are personal: Microsoft takes no passwords for them, and no organisation lets "
                "an application open them. Choose OAuth, by a person’s consent."
            )
            reading.errors.setdefault(f"{self.key}_sign_in", cause.format(domain=domain))

    def _complete_exchange_online(
        self, values: dict[str, Any], host: str, sign_in: str, reading: Reading
    ) -> None:
        """By IMAP and POP3 it has taken no password since 2023."""
        if sign_in == PASSWORD and self.key in ("imap", "pop3"):
            told = _(
                "{host} takes no passwords. Choose OAuth, or better the type Exchange Online - Modern Authentication."
            )
            reading.errors.setdefault(f"{self.key}_sign_in", told.format(host=host))
        elif sign_in in WITH_TOKENS and not self._value(values, "scope"):
            values[f"{self.key}_scope"] = EXCHANGE_SCOPE

    def lent_by(self, receiving: "MailServer", entered: Mapping[str, Any]) -> dict[str, str]:
        """Of what was entered for the server that receives, what serves this one, too: nothing was entered of the
        application here, and both are signed in to in the same way, at the same provider as far as it is known."""
        own, other = (
            {name: str(entered.get(f"{server.key}_{name}") or "").strip() for name in _OF_THE_APPLICATION}
            for server in (self, receiving)
        )
        if own["client_id"] or own["sign_in"] != other["sign_in"] or own["sign_in"] not in WITH_TOKENS:
            return {}
        places = [
            values["token_uri"]
            or consent_providers.usual_of(server.key, values["host"], "").get("token_uri", "")
            for server, values in ((self, own), (receiving, other))
        ]
        if places[0] and places[0] != places[1]:
            return {}
        lent = (
            ("client_id",)
            if places[0]
            else ("client_id", "token_uri", "authorization_uri", "device_uri", "scope")
        )
        return {f"{self.key}_{name}": other[name] for name in lent if other[name] and not own[name]}

    def secrets_lent_by(
        self, settings: object, receiving: "MailServer", received_by: object
    ) -> dict[str, str]:
        """As `MailboxSettings.secrets_lent_by`: where the application that receives signs in to this one, too."""
        sign_in = self.of(settings, "sign_in")
        application = ("token_uri", "client_id") if sign_in in WITH_TOKENS else ()
        names = ("sign_in", *application)
        same = all(self.of(settings, name) == receiving.of(received_by, name) for name in names)
        lent = dict.fromkeys(WITH_TOKENS, "client_secret") | {SERVICE_ACCOUNT: "service_account_key"}
        if not same or sign_in not in lent:
            return {}
        return {f"{self.key}_{lent[sign_in]}": f"{receiving.key}_{lent[sign_in]}"}

    def _complete_consent(self, values: dict[str, Any], host: str) -> None:
        """What is known of the provider, where nothing was entered."""
        usual = consent_providers.usual_of(self.key, host, self._value(values, "token_uri", ""))
        for name, value in usual.items():
            if not self._value(values, name):
                values[f"{self.key}_{name}"] = value

    def _complete_service_account(self, values: Mapping[str, Any], host: str, reading: Reading) -> None:
        if host and not host.endswith(GOOGLE_DOMAINS) and not http.is_loopback(host):
            told = _("A service account of Google opens mailboxes at Google alone: enter {host}.")
            reading.errors.setdefault(f"{self.key}_host", told.format(host=GOOGLE_HOSTS[self.key]))
        if self._signs_in_as(values).rpartition("@")[2].lower() in PERSONAL:
            told = _(
                "A personal Gmail account cannot be delegated to a service account. Choose user and password, with an "
                "app password, or a person’s consent."
            )
            reading.errors.setdefault(f"{self.key}_sign_in", told)

    def _signs_in_as(self, values: Mapping[str, Any]) -> str:
        return str(self._value(values, "user") or values.get("username", ""))

    def _value(self, values: Mapping[str, Any], name: str, default: Any = None) -> Any:
        return values.get(f"{self.key}_{name}", default)

    # --- what settings say --------------------------------------------------------------------------------

    def of(self, settings: object, name: str) -> Any:
        return getattr(settings, f"{self.key}_{name}")

    def place(self, settings: object) -> str:
        return at_port(self.of(settings, "host"), self.of(settings, "port"))

    def secret_goes_to(self, settings: object, name: str) -> str:
        """Host and port; for what gets tokens, the token URI before them: tokens go to the server, and open the mailbox
        to whoever has them. What was granted to one client is of no use to another."""
        place, token_uri = self.place(settings), self.of(settings, "token_uri")
        if name == f"{self.key}_client_secret":
            return f"{token_uri} {place}"
        if name == f"{self.key}_refresh_token":
            return f"{token_uri} {self.of(settings, 'client_id')} {place}"
        if name == f"{self.key}_service_account_key":
            return f"{GOOGLE_TOKEN_URI} {place}"
        return place

    def needs_secret(self, settings: object, name: str) -> bool:
        wanted = {
            PASSWORD: ("password",),
            OAUTH_CLIENT: ("client_secret",),
            OAUTH_REFRESH: ("client_secret", "refresh_token"),
            SERVICE_ACCOUNT: ("service_account_key",),
        }
        return name.removeprefix(f"{self.key}_") in wanted.get(self.of(settings, "sign_in"), ())

    def words_without_secret(self, settings: object, name: str) -> str | None:
        """As `MailboxSettings.words_without_secret`."""
        if self.of(settings, "sign_in") != OAUTH_REFRESH:
            return None
        if name == f"{self.key}_refresh_token":
            return _("Nobody has signed in yet: press Sign in on this page, or enter a refresh token.")
        return ""  # applications that run on people's own devices have no secret

    def read_secret(self, name: str, text: str) -> SecretStr:
        """Raises Wrong."""
        if name == f"{self.key}_service_account_key":
            try:
                return SecretStr(key_file.read(text))
            except key_file.KeyInvalid as error:
                raise Wrong(str(error)) from None
        longest = LONGEST_TOKEN if name == f"{self.key}_refresh_token" else LONGEST_SECRET
        return read_secret(text, longest)

    def consents(
        self, settings: object, secrets: Mapping[str, str], address: str
    ) -> tuple[ConsentRequest, ...]:
        """What somebody is asked to agree to, where this server is signed in to by consent."""
        if self.of(settings, "sign_in") != OAUTH_REFRESH:
            return ()
        return (
            ConsentRequest(
                fields=(f"{self.key}_refresh_token",),
                places=(self.place(settings),),
                token_uri=self.of(settings, "token_uri"),
                authorization_uri=self.of(settings, "authorization_uri"),
                device_uri=self.of(settings, "device_uri"),
                client_id=self.of(settings, "client_id"),
                secret=SecretStr(secrets.get(f"{self.key}_client_secret", "")),
                scope=self.of(settings, "scope"),
                user=self.of(settings, "user") or address,
            ),
        )

    def urls(self, settings: object) -> dict[str, str]:
        """What is not called in clear, on this machine."""
        urls = {}
        if self.of(settings, "security") != PLAIN:
            urls[f"{self.key}_host"] = f"{self.key}://{self.place(settings)}"
        if self.of(settings, "sign_in") in WITH_TOKENS:
            urls[f"{self.key}_token_uri"] = self.of(settings, "token_uri")
        if self.of(settings, "sign_in") == OAUTH_REFRESH and self.of(settings, "device_uri"):
            urls[f"{self.key}_device_uri"] = self.of(settings, "device_uri")
        return urls

    def proof(
        self, settings: object, secrets: Mapping[str, str], address: str, key: str
    ) -> sasl.Password | sasl.Tokens | None:
        """What to sign in with; None where nobody does. `address`: the mailbox's; `key` names it in the cache of
        tokens."""
        sign_in = self.of(settings, "sign_in")
        if sign_in == PASSWORD:
            password = SecretStr(secrets.get(f"{self.key}_password", ""))
            return sasl.Password(self.of(settings, "user") or address, password)
        if sign_in == SERVICE_ACCOUNT:
            stored = secrets.get(f"{self.key}_service_account_key", "")
            user = self.of(settings, "user") or address
            return Access(f"{key}:{self.key}", grant_of(stored, user, MAIL_SCOPE, GOOGLE_TOKEN_URI))
        if sign_in not in WITH_TOKENS:
            return None
        grant = SecretGrant(
            self.of(settings, "token_uri"),
            self.of(settings, "client_id"),
            self.of(settings, "scope"),
            SecretStr(secrets.get(f"{self.key}_client_secret", "")),
        )
        if sign_in == OAUTH_REFRESH:
            refresh_token = SecretStr(secrets.get(f"{self.key}_refresh_token", ""))
            grant = RefreshGrant(
                grant.token_uri, grant.client_id, grant.scope, grant.secret, refresh_token, rotation_of(key)
            )
        return Access(f"{key}:{self.key}", grant)


class MailServerSettings(MailboxSettings):
    """Of a kind whose mailbox is on one such server."""

    mail_server: ClassVar[MailServer]

    def secret_goes_to(self, name: str) -> str:
        return self.mail_server.secret_goes_to(self, name)

    def needs_secret(self, name: str) -> bool:
        return self.mail_server.needs_secret(self, name)

    def words_without_secret(self, name: str) -> str | None:
        return self.mail_server.words_without_secret(self, name)

    @classmethod
    def read_secret(cls, name: str, text: str) -> SecretStr:
        return cls.mail_server.read_secret(name, text)

    @classmethod
    def lent_by(cls, receiving: type[MailboxSettings], entered: Mapping[str, Any]) -> Mapping[str, str]:
        if not issubclass(receiving, MailServerSettings):
            return {}
        return cls.mail_server.lent_by(receiving.mail_server, entered)

    def secrets_lent_by(self, receiving: MailboxSettings) -> Mapping[str, str]:
        if not isinstance(receiving, MailServerSettings):
            return {}
        return self.mail_server.secrets_lent_by(self, receiving.mail_server, receiving)

    def consents(self, secrets: Mapping[str, str]) -> tuple[ConsentRequest, ...]:
        return self.mail_server.consents(self, secrets, self.username)

    def urls(self) -> Mapping[str, str]:
        return self.mail_server.urls(self)

    @property
    def protocol(self) -> str:
        return self.mail_server.key


def rotation_of(key: str) -> Rotation | None:
    """Where the newest refresh token of the mailbox with this key is kept; None of one that is not stored."""
    if not key.isdecimal():
        return None
    from placet.mailboxes.refresh_tokens import StoredRotation  # reads settings before there is a database

    return StoredRotation(int(key))


def at_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def read_host(raw: Any, reading: Reading) -> str:
    """A host alone, in ASCII and lower case."""
    text = text_of(raw).lower().rstrip("/")
    bare = text.rpartition("://")[2]
    try:
        parts = urlsplit(f"//{bare}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Wrong(_("This is no host. Enter one such as mail.contoso.com.")) from None
    if parts.username or parts.path or parts.query or parts.fragment:
        raise Wrong(_("Enter the host alone, such as mail.contoso.com."))
    if port is not None:
        raise Wrong(_("Enter the host alone; the port has a field of its own."))
    if not (DOMAIN.fullmatch(host) or http.is_loopback(host) or _is_address(host)) or not http.is_name(host):
        raise Wrong(_("This is no host. Enter one such as mail.contoso.com."))
    return host


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _read_user(raw: Any, reading: Reading) -> str:
    text = text_of(raw)
    if len(text) > LONGEST_USER:
        raise Wrong(_("It has at most {number} letters.").format(number=LONGEST_USER))
    return text


def _read_line(raw: Any, reading: Reading) -> str:
    return text_of(raw)


def _read_token_uri(raw: Any, reading: Reading) -> str:
    text = text_of(raw)
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise Wrong(_("This is no address.")) from None
    if parts.scheme not in ("http", "https") or not host or not http.is_name(host):
        raise Wrong(_("The address must begin with https://."))
    if parts.scheme == "http" and not http.is_loopback(host):
        raise Wrong(_("The client secret must not travel in clear: the address must begin with https://."))
    if parts.username or parts.password or parts.fragment:
        raise Wrong(_("The address must not hold a user or a password."))
    return text
