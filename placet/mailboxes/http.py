"""HTTP as every kind of mailbox needs it: nothing in clear, no redirects, failures in words."""

import ipaddress
import math
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import SecretStr
from requests.auth import AuthBase
from requests.utils import select_proxy
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

import placet
from placet.lib.outward import NotAllowed, NotThisMachine, Outward, check, without_asking
from placet.mailboxes.base import FixNeeded, MailboxError, Wait

USER_AGENT = f"Placet/{placet.__version__}"
TIMEOUT = (10.0, 100.0)  # seconds to connect, seconds without a byte
LONGEST_ANSWER = 600.0  # seconds: a server that drips bytes does not hold a worker forever
CHUNK = 256 * 1024  # bytes
LONGEST_PAUSE = 24 * 3600.0  # seconds; a server that asks for more has its clock wrong

WAIT_CURE = gettext_noop("Nothing needs to be done; Placet tries again by itself.")
NETWORK_CURE = gettext_noop(
    "Check the network, the firewall and the proxy of this machine; Placet tries again by itself."
)
NAME_CURE = gettext_noop(
    "Check its spelling and the name service (DNS) of this machine; Placet tries again by itself."
)
TLS_CURE = gettext_noop(
    "Check that the address and port speak TLS and that no firewall cuts it; Placet tries again by itself."
)
PROXY_CURE = gettext_noop(
    "Put user and password of the proxy into HTTPS_PROXY, or let this machine pass without."
)


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, where plain http is allowed: the sandbox."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_name(host: str) -> bool:
    """Whether `host` can be asked for at all (RFC 1035 2.3.4); an address is one too."""
    return ":" in host or all(0 < len(label) < 64 for label in host.split("."))


def prepare(session: requests.Session, url: str) -> None:
    """Make `session` fit for requests to `url` that carry credentials.

    On loopback, proxies and .netrc of the environment are left out: a proxy would see plain http. Plain http goes to
    this machine alone, where the sandbox is, whatever its name resolves to; all else to public addresses and to those
    that administrators allowed.
    """
    parts = urlsplit(url)
    loopback = is_loopback(parts.hostname or "")
    session.trust_env = not loopback
    session.headers["User-Agent"] = USER_AGENT
    guard(session)
    if loopback and parts.scheme == "http":
        session.mount("http://", Outward(private_targets, here=True))


def check_entered(url: str) -> None:
    """FixNeeded where `url` names an address in itself that may not be called. Names are asked for when it is."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        check(host, port, without_asking(host), private_targets)
    except NotAllowed as error:
        raise not_allowed(error) from error


def private_targets() -> list[str]:
    """The General tab's list."""
    from placet.accounts import targets  # not before it is asked for: `placet entra` needs no installation

    return targets.private_targets()


def guard(session: requests.Session) -> None:
    """From now on `session` connects to public addresses and to those on the General tab's list."""
    adapter = Outward(private_targets)
    session.mount("https://", adapter)
    session.mount("http://", adapter)


class Bearer(AuthBase):
    """Sets the header after requests has merged its own, so that no .netrc entry takes its place."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        return request


def proxy_for(url: str) -> str:
    """Host of the proxy that the environment names for `url`, without its password; "" if none."""
    if is_loopback(urlsplit(url).hostname or ""):
        return ""
    with requests.Session() as session:
        found = session.merge_environment_settings(url, {}, None, None, None)
    proxy = select_proxy(url, found["proxies"])
    return (urlsplit(proxy).hostname or proxy) if proxy else ""


def host_of(url: str) -> str:
    return urlsplit(url).hostname or url


#: Raised before a request was sent.
NEVER_SENT = (
    NewConnectionError,
    ConnectTimeoutError,
    ssl.SSLCertVerificationError,
    NotAllowed,
    NotThisMachine,
)


def unreachable(error: requests.RequestException, url: str) -> MailboxError:
    """What a failed connection to `url` means. The error's own text may hold a proxy's password: left out."""
    found = _unreachable(error, url)
    found.not_done = any(isinstance(cause, NEVER_SENT) for cause in causes(error))
    return found


def _unreachable(error: requests.RequestException, url: str) -> MailboxError:
    host = host_of(url)
    chain = list(causes(error))
    details = {"host": host, "error": type(error).__name__}
    cure = NETWORK_CURE
    for cause in chain:
        if isinstance(cause, NotAllowed):
            return not_allowed(cause)
        if isinstance(cause, NotThisMachine):
            return not_this_machine(
                cause,
                _("Enter 127.0.0.1 in its place if it runs on this machine; else an address with https."),
            )
        if isinstance(cause, ssl.SSLCertVerificationError):
            return FixNeeded(
                _("The certificate of {host} is not trusted ({reason}).").format(
                    host=host, reason=cause.verify_message or "verification failed"
                ),
                _(
                    "If a firewall here opens TLS connections, put its certificate authority into a file and name it "
                    "in REQUESTS_CA_BUNDLE; otherwise check the address."
                ),
                details,
            )
    if any(isinstance(cause, requests.exceptions.ProxyError) for cause in chain):
        told = _("The proxy on the way to {host} refused or failed.")
    elif any(isinstance(cause, socket.gaierror) for cause in chain):
        told, cure = _("The name {host} cannot be resolved."), NAME_CURE
    elif any(isinstance(cause, ssl.SSLError) for cause in chain):
        told, cure = _("No TLS connection to {host} could be made."), TLS_CURE
    elif any(isinstance(cause, requests.Timeout | TimeoutError) for cause in chain):
        told = _("{host} did not answer in time.")
    elif any(isinstance(cause, ConnectionRefusedError) for cause in chain):
        told = _("{host} refused the connection.")
    else:
        told = _("The connection to {host} was cut.")
    return Wait(told.format(host=host), _(cure), details=details)


def not_this_machine(error: NotThisMachine, cure: str) -> FixNeeded:
    told = _("{host} is not this machine: it has the address {address}, and nothing goes there without TLS.")
    details = {"host": error.host, "address": error.address}
    return FixNeeded(told.format(host=error.host, address=error.address), cure, details)


def not_allowed(error: NotAllowed) -> FixNeeded:
    details = {"host": error.host, "address": error.address}
    shown = error.host if error.host == error.address else f"{error.host} ({error.address})"
    if not error.target:
        told = _("Nothing may call {host}: it belongs to a machine itself or to the services of its cloud.")
        return FixNeeded(told.format(host=shown), _("Enter another address."), details)
    told = _("{host} is not public, so Placet may not call it.")
    cure = _(
        "If it is meant, add {target} to the private addresses that Placet may call, in the General tab."
    )
    return FixNeeded(told.format(host=shown), cure.format(target=error.target), details)


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it wraps: urllib3 hides causes in `reason`, requests in `args`."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < 50:
        found = waiting.pop()
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting += [found.__cause__, found.__context__, getattr(found, "reason", None), *found.args]


def chunks(response: requests.Response, most: float, details: Mapping[str, str]) -> Iterator[bytes]:
    """The body as it arrives. Wait where it is cut, or has no end: more than `most` bytes, or ten minutes."""
    until = time.monotonic() + LONGEST_ANSWER
    total = 0
    try:
        for chunk in response.iter_content(CHUNK):
            total += len(chunk)
            if time.monotonic() > until or total > most:
                told = _("The answer of {host} has no end.").format(host=host_of(response.url))
                raise Wait(told, _(WAIT_CURE), details=details)
            yield chunk
    except requests.RequestException as error:
        raise unreachable(error, response.url) from None  # its text may name a proxy's password


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds of a Retry-After header: a number, fractions included (Exchange sends "2.128"), or an HTTP "
    "date."""
    value = headers.get("Retry-After", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        seconds = (date - (now or datetime.now(UTC))).total_seconds()
    if not math.isfinite(seconds):
        return None
    return min(max(seconds, 0.0), LONGEST_PAUSE)


def printable(text: str, limit: int = 200) -> str:
    """`text` from outside as one short line that is safe in logs and pages' details."""
    return re.sub(r"[^\x20-\x7e]+", " ", text)[:limit].strip()


def safe_text(text: str | None) -> str:
    """The server's words, short and printable, without long runs: an echoed token must not reach a log."""
    return re.sub(r"[\w.~+/=-]{60,}", "…", printable(text or "", 500))[:200]
