"""Which server has a mailbox: Exchange's Autodiscover, in its plain XML form (POX), as a help in the form.

It is asked in two steps. `places` looks, without a password, which of the two usual addresses answer and ask for a
sign-in. Whoever administers the mailbox sees these hosts and agrees to one; `ask` then signs in there, and nowhere
else: where that host sends on to another, it is shown, and not followed. [MS-OXDSCLI]; Microsoft, "POX Autodiscover".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from django.utils.translation import gettext as _
from lxml import etree
from lxml.builder import ElementMaker

from placet.mailboxes import http
from placet.mailboxes.base import FixNeeded, MailboxError
from placet.mailboxes.http import printable
from placet.mailboxes.microsoft.ews import xml
from placet.mailboxes.microsoft.ews.callers import Caller
from placet.mailboxes.settings import DOMAIN

from .line import Line
from .windows import Signed, schemes_of

PATH = "/autodiscover/autodiscover.xml"
REQUEST = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
RESPONSE = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
LARGEST = 512 * 1024  # bytes of an answer
TIMEOUT = (5.0, 15.0)  # seconds to connect, seconds without a byte
MOST_SERVERS = 5


@dataclass(frozen=True)
class Place:
    """One address at which Autodiscover may be. `sign_ins` are what it offers, lower case, where it asks for a sign-in;
    `leads_to` is the host to which it sends on; `failure` says why there is no answer."""

    url: str
    status: int = 0
    sign_ins: tuple[str, ...] = ()
    leads_to: str = ""
    failure: str = ""

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def asks(self) -> bool:
        return bool(self.sign_ins)


@dataclass(frozen=True)
class Autodiscovered:
    """What Autodiscover says of a mailbox: `servers` that have its EWS (host, or host:port), or where else to ask."""

    servers: tuple[str, ...] = ()
    leads_to: str = ""  # host that it sends on to
    other_address: str = ""  # of the same mailbox, by which it is asked for instead


def urls_for(domain: str) -> tuple[str, ...]:
    """Where it is asked for, of a domain. Raises ValueError for what is none."""
    if not DOMAIN.fullmatch(domain):
        raise ValueError(domain)
    return f"https://{domain}{PATH}", f"https://autodiscover.{domain}{PATH}"


def places(domain: str, authorities: str = "") -> list[Place]:
    """Which of the usual addresses answer; nothing but their names is sent."""
    return [look(url, authorities) for url in urls_for(domain)]


def look(url: str, authorities: str = "") -> Place:
    """What is at one address, without signing in."""
    with requests.Session() as session:
        http.prepare(session, url)
        session.mount("https://", Line(url, authorities))
        try:
            with session.get(
                url, auth=Signed(""), timeout=TIMEOUT, stream=True, allow_redirects=False
            ) as answer:
                offered = tuple(schemes_of(answer)) if answer.status_code == 401 else ()
                return Place(url, answer.status_code, offered, leads_to=_location(answer))
        except requests.RequestException as error:
            return Place(url, failure=http.unreachable(error, url).cause)


def ask(caller: Caller, address: str) -> Autodiscovered:
    """What is said of the mailbox `address`, to whom `caller` signs in as. Raises MailboxError."""
    A = ElementMaker(namespace=REQUEST, nsmap={None: REQUEST})
    request = A.Autodiscover(A.Request(A.EMailAddress(address), A.AcceptableResponseSchema(RESPONSE)))
    body = etree.tostring(request, xml_declaration=True, encoding="utf-8")
    with caller.post(body, {"Content-Type": "text/xml; charset=utf-8", "Accept": "text/xml"}) as answer:
        if leads_to := _location(answer):
            return Autodiscovered(leads_to=leads_to)
        if answer.status_code != 200:
            raise _nothing(caller.url, {"status": str(answer.status_code)})
        try:
            root = xml.read(http.chunks(answer, LARGEST, {})).root
        except (xml.AnswerBroken, xml.AnswerCut):
            raise _nothing(caller.url, {}) from None
    return _autodiscovered(root, caller.url)


def _autodiscovered(root: etree._Element, url: str) -> Autodiscovered:
    account = root.find(f".//{{{RESPONSE}}}Account")
    if account is None:
        code = printable(root.findtext(".//{*}ErrorCode") or "", 20)
        raise _nothing(url, {"code": code} if code else {})
    servers = tuple(dict.fromkeys(_servers(account)))[:MOST_SERVERS]
    redirect = urlsplit((account.findtext(f"{{{RESPONSE}}}RedirectUrl") or "").strip()).hostname or ""
    address = printable(account.findtext(f"{{{RESPONSE}}}RedirectAddr") or "", 254)
    return Autodiscovered(servers, printable(redirect, 253), address)


def _servers(account: etree._Element) -> Iterator[str]:
    """Of each protocol, inside the organisation's network and outside of it."""
    for element in account.iterfind(f"{{{RESPONSE}}}Protocol/{{{RESPONSE}}}EwsUrl"):
        parts = urlsplit((element.text or "").strip())
        host = (parts.hostname or "").lower()
        if parts.scheme == "https" and parts.path.lower() == "/ews/exchange.asmx" and http.is_name(host):
            yield printable(parts.netloc.lower() if parts.port else host, 260)


def _location(answer: requests.Response) -> str:
    if not 300 <= answer.status_code < 400:
        return ""
    return printable(urlsplit(answer.headers.get("Location", "")).hostname or "", 253)


def _nothing(url: str, details: dict[str, str]) -> MailboxError:
    return FixNeeded(
        _("{host} says nothing of this mailbox.").format(host=http.host_of(url)),
        _(
            "Check the address, or enter the Exchange server by hand: its administrator knows the EWS address."
        ),
        details,
    )
