"""Where people agree that a program uses their mailbox, of providers that are known by the names of their mail servers:
addresses and scopes as the providers' documentation and Thunderbird's OAuth2Providers.sys.mjs name them.

The table is a help, as that of `discovery.providers`: whatever is entered wins. Google gives no scope for mail to
devices (https://developers.google.com/identity/protocols/oauth2/limited-input-device#allowedscopes).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True)
class ConsentProvider:
    """`hosts`: names of its mail servers, or what they end with. `scopes` by kind of server; `asks_with`: what it wants
    to be told besides, so that it gives a refresh token."""

    hosts: tuple[str, ...]
    authorization_uri: str
    token_uri: str
    scopes: Mapping[str, str]
    device_uri: str = ""
    asks_with: Mapping[str, str] = field(default_factory=dict)


def _for_all(scope: str) -> Mapping[str, str]:
    return dict.fromkeys(("imap", "pop3", "smtp"), scope)


_ENTRA = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/{end}"
_OUTLOOK = "https://outlook.office.com/{scope} offline_access"
_OF_ENTRA = re.compile(
    r"(https://login\.(?:microsoftonline\.(?:com|us)|partner\.microsoftonline\.cn)/[^/?#]+/oauth2/v2\.0/)token"
)

OUTLOOK = ConsentProvider(
    ("outlook.office365.com", "outlook.office.com", "smtp-mail.outlook.com", "smtp.office365.com"),
    _ENTRA.format(tenant="common", end="authorize"),
    _ENTRA.format(tenant="common", end="token"),
    {
        "imap": _OUTLOOK.format(scope="IMAP.AccessAsUser.All"),
        "pop3": _OUTLOOK.format(scope="POP.AccessAsUser.All"),
        "smtp": _OUTLOOK.format(scope="SMTP.Send"),
    },
    device_uri=_ENTRA.format(tenant="common", end="devicecode"),
)

PROVIDERS: tuple[ConsentProvider, ...] = (
    ConsentProvider(
        ("imap.gmail.com", "pop.gmail.com", "smtp.gmail.com"),
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
        _for_all("https://mail.google.com/"),
        asks_with={"access_type": "offline"},
    ),
    OUTLOOK,
    ConsentProvider(
        ("imap.mail.yahoo.com", "pop.mail.yahoo.com", "smtp.mail.yahoo.com"),
        "https://api.login.yahoo.com/oauth2/request_auth",
        "https://api.login.yahoo.com/oauth2/get_token",
        _for_all("mail-w"),
    ),
    ConsentProvider(
        ("imap.aol.com", "pop.aol.com", "smtp.aol.com"),
        "https://api.login.aol.com/oauth2/request_auth",
        "https://api.login.aol.com/oauth2/get_token",
        _for_all("mail-w"),
    ),
    ConsentProvider(
        ("imap.mail.ru", "pop.mail.ru", "smtp.mail.ru"),
        "https://o2.mail.ru/login",
        "https://o2.mail.ru/token",
        _for_all("mail.imap"),
    ),
    ConsentProvider(
        ("imap.yandex.com", "pop.yandex.com", "smtp.yandex.com"),
        "https://oauth.yandex.com/authorize",
        "https://oauth.yandex.com/token",
        {"imap": "mail:imap_full", "pop3": "mail:imap_full", "smtp": "mail:smtp"},
        device_uri="https://oauth.yandex.com/device/code",
    ),
)


def usual_of(key: str, host: str, token_uri: str) -> Mapping[str, str]:
    """By name of a setting what is usual with a server of kind `key` (imap, pop3, smtp): of the provider of `host`, or
    of the one that `token_uri` belongs to where that was entered."""
    for provider in PROVIDERS:
        if (token_uri == provider.token_uri) if token_uri else (host in provider.hosts):
            return {
                "token_uri": provider.token_uri,
                "authorization_uri": provider.authorization_uri,
                "device_uri": provider.device_uri,
                "scope": provider.scopes[key],
            }
    entra = _OF_ENTRA.fullmatch(token_uri)
    if entra is None:
        return {}
    of_tenant = {"authorization_uri": f"{entra[1]}authorize", "device_uri": f"{entra[1]}devicecode"}
    return {**of_tenant, "scope": OUTLOOK.scopes[key]} if host in OUTLOOK.hosts else of_tenant


def asks_with(authorization_uri: str) -> Mapping[str, str]:
    """What the server of this sign-in page wants to be told besides."""
    host = urlsplit(authorization_uri).hostname
    for provider in PROVIDERS:
        if urlsplit(provider.authorization_uri).hostname == host:
            return provider.asks_with
    return {}
