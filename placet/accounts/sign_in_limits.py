"""How often a password may be tried: slow for whoever guesses, and never slow for somebody because others guess.

Wrong passwords are counted for a person *and* a network, so what others try elsewhere locks nobody out. Guesses from
everywhere together are limited too, but not where the person has signed in before: in a browser that did (a signed
cookie, "device cookie" with OWASP) or from a network that did. A try is counted before the password is looked at, and
taken back if it was right: many at once are no way around.

Nobody learns who has an account: an address that is nobody's is counted like any other.
"""

import ipaddress
import secrets
from dataclasses import dataclass
from typing import Any

from allauth.core.internal import ratelimit
from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from placet.accounts.addresses import normal, person_at

COOKIE = "placet_known"
REMEMBERED = 180 * 24 * 60 * 60  # seconds
MOST_PEOPLE = 10  # who sign in with one browser
#: Wrong passwords. What each is counted by says `_counted`.
RATES = {"browser": "5/5m/key", "place": "5/5m/key", "network": "10/m/key", "elsewhere": "100/h/key"}
_APP = "placet"
_SALT = "placet.accounts.sign_in_limits"


@dataclass(frozen=True)
class Tries:
    """What one try was counted by; `rollback` is for one with the right password."""

    usages: tuple[Any, ...]

    def rollback(self) -> None:
        for usage in self.usages:
            usage.rollback()


def count(request: HttpRequest, address: str) -> Tries | None:
    """Count a try to sign in with this address. None: it is one too many, and the password is not to be looked at."""
    usages: list[Any] = []
    for action, key in _counted(request, address):
        usage = ratelimit.consume(request, app=_APP, action=action, config=RATES, key=key)
        if usage is None:
            Tries(tuple(usages)).rollback()
            return None
        usages.append(usage)
    return Tries(tuple(usages))


def _counted(request: HttpRequest, address: str) -> list[tuple[str, str]]:
    who, network = _who(address), network_of(request)
    browser, people = _known(request)
    if who in people:  # even where somebody else in the same network guesses
        return [("browser", f"{who} {browser}")]
    counted = [("place", f"{who} {network}"), ("network", network)]
    if not cache.get(_of_network(who, network)):
        counted.append(("elsewhere", who))
    return counted


def _who(address: str) -> str:
    """One count for all addresses of a person."""
    person = person_at(address)
    return f"person {person.pk}" if person is not None else f"address {normal(address)}"


def network_of(request: HttpRequest) -> str:
    """The client's address; of IPv6 the 64 bits that one network has (RFC 6177), or each try came from another one."""
    text = client_of(request)
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))


def client_of(request: HttpRequest) -> str:
    """As the web server has it: `placet.lib.proxies` has looked at what a proxy says already, and nothing else may."""
    return str(request.META.get("REMOTE_ADDR") or "unknown")


# --- where somebody has signed in before ------------------------------------------------------------------


def remember(request: HttpRequest, response: HttpResponseBase, address: str) -> None:
    """Somebody signed in with this address: their browser and network are known from now on."""
    who = _who(address)
    remember_network(request, address)
    browser, people = _known(request)
    people = [who, *(other for other in people if other != who)][:MOST_PEOPLE]
    response.set_cookie(
        COOKIE,
        signing.dumps([browser or secrets.token_hex(8), people], salt=_SALT),
        max_age=REMEMBERED,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def remember_network(request: HttpRequest, address: str) -> None:
    cache.set(_of_network(_who(address), network_of(request)), True, REMEMBERED)


def forget_failures(request: HttpRequest, address: str) -> None:
    """Somebody chose a new password with the link that was mailed to them: no guess of before counts here any more."""
    remember_network(request, address)
    who, network = _who(address), network_of(request)
    for action, key in (("place", f"{who} {network}"), ("elsewhere", who)):
        ratelimit.clear(request, app=_APP, action=action, config=RATES, key=key)


def _known(request: HttpRequest) -> tuple[str, list[str]]:
    """The browser's own mark, and who has signed in with it; empty where its cookie is none that was made here."""
    try:
        browser, people = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=REMEMBERED)
    except signing.BadSignature:
        return "", []
    return str(browser), [str(person) for person in people]


def _of_network(who: str, network: str) -> str:
    return f"placet:signed-in:{signing.Signer(salt=_SALT).signature(f'{who} {network}')}"
