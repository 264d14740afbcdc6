"""One page by https: from public addresses and those that administrators allowed, its certificate checked, 100 kB at
most, in time; nothing but the address of the page is sent."""

import json
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from placet.lib.cutting import Cutter
from placet.lib.outward import NotAllowed, Outward
from placet.lib.sentences import Sentence, gettext_noop
from placet.mailboxes.http import causes, prepare

from .names import Deadline, Names
from .proposals import host_in

LARGEST = 100_000  # bytes
MOST_REDIRECTS = 3
LONGEST_CONNECT = 4.0  # seconds

_NOT_IN_TIME = gettext_noop("no answer in time")
_NO_NAME = gettext_noop("there is no such host")
_NOT_TRUSTED = gettext_noop("its certificate is not trusted ({reason})")
_NOT_CONNECTED = gettext_noop("no connection")
_PRIVATE = gettext_noop(
    "not asked: {host} ({address}) is not public, and not among the private addresses that Placet may call"
)
_TOO_LARGE = gettext_noop("an answer of more than {number} bytes")
_PACKED = gettext_noop("an answer in a form that was not asked for")
_LEADS_AWAY = gettext_noop("it leads to an address that is not asked: only https at the usual port")
_TOO_MANY = gettext_noop("it leads on and on")


class PageFailed(Exception):
    """There is no page, for the reason in `sentence`."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence.text)
        self.sentence = sentence


@dataclass(frozen=True)
class Page:
    """An answer, whatever its status. `asks_to_sign_in`: it is 401 and says how."""

    url: str
    status: int
    content: bytes
    asks_to_sign_in: bool

    def json(self) -> Any:
        """None where it is no JSON."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None


class Web:
    """Pages of hosts whose addresses `names` has. `port` is the only one that is asked; `allowed` gives the private
    addresses that may be called."""

    def __init__(
        self, names: Names, deadline: Deadline, allowed: Callable[[], Iterable[str]], port: int = 443
    ) -> None:
        self._names = names
        self._deadline = deadline
        self._allowed = allowed
        self._port = port

    def page(self, url: str) -> Page:
        """Follows up to three redirects. Raises PageFailed."""
        for _number in range(MOST_REDIRECTS + 1):
            page, location = self._once(self._checked(url))
            if not location:
                return page
            url = urljoin(url, location)
        raise PageFailed(Sentence(_TOO_MANY))

    def _checked(self, url: str) -> str:
        """Where it leads, with the port that is asked. Raises PageFailed for another scheme or port."""
        try:
            parts = urlsplit(url)
            host, port = host_in(parts.hostname or ""), parts.port
        except ValueError:
            raise PageFailed(Sentence(_LEADS_AWAY)) from None
        if parts.scheme != "https" or not host or port not in (None, 443, self._port) or "@" in parts.netloc:
            raise PageFailed(Sentence(_LEADS_AWAY))
        where = host if self._port == 443 else f"{host}:{self._port}"
        return parts._replace(netloc=where, fragment="").geturl()

    def _once(self, url: str) -> tuple[Page, str]:
        """The page, and where it leads instead, "" for nowhere."""
        cutter = Cutter()
        session = requests.Session()
        prepare(session, url)
        session.auth = lambda request: request  # what a file of the machine (.netrc) knows is nothing for it
        session.headers["Accept-Encoding"] = "identity"  # a small answer cannot become a large one
        session.mount("https://", Outward(self._allowed, self._names.addresses, cutter.opened))
        left = self._deadline.left
        try:
            with cutter.after(left), session:
                answer = session.get(
                    url, timeout=(min(left, LONGEST_CONNECT), left), allow_redirects=False, stream=True
                )
                with answer:
                    if answer.is_redirect:
                        return Page(url, answer.status_code, b"", asks_to_sign_in=False), answer.headers[
                            "Location"
                        ]
                    return self._page(url, answer, cutter), ""
        except requests.RequestException as error:
            raise PageFailed(Sentence(_NOT_IN_TIME) if cutter.is_cut else _reason(error)) from error
        finally:
            cutter.close()

    def _page(self, url: str, answer: requests.Response, cutter: Cutter) -> Page:
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise PageFailed(Sentence(_PACKED))
        content = b""
        for chunk in answer.iter_content(8192):
            content += chunk
            if len(content) > LARGEST:
                raise PageFailed(Sentence(_TOO_LARGE, number=LARGEST))
        if cutter.is_cut:  # what came before looks like the end of an answer
            raise PageFailed(Sentence(_NOT_IN_TIME))
        asks = answer.status_code == 401 and "WWW-Authenticate" in answer.headers
        return Page(url, answer.status_code, content, asks)


def _reason(error: requests.RequestException) -> Sentence:
    """Why there was no answer. The error's own text may name a proxy's password: left out."""
    for cause in causes(error):
        if isinstance(cause, NotAllowed):
            return Sentence(_PRIVATE, host=cause.host, address=cause.address)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Sentence(_NOT_TRUSTED, reason=cause.verify_message)
        if isinstance(cause, socket.gaierror):
            return Sentence(_NO_NAME)
        if isinstance(cause, requests.Timeout | TimeoutError):
            return Sentence(_NOT_IN_TIME)
    return Sentence(_NOT_CONNECTED)
