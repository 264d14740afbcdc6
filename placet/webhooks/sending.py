"""One POST to an address that somebody entered: to public addresses and to private ones that are allowed, the one that
was checked (`placet.lib.outward`); no redirect is followed; it ends in time, however slowly the other side writes."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import requests
import structlog
from django.utils.translation import gettext as _

from placet.alarms.chosen import host
from placet.lib.cutting import Cutter
from placet.lib.outward import Outward
from placet.mailboxes.base import FixNeeded
from placet.mailboxes.http import prepare, private_targets, retry_after, unreachable

log = structlog.get_logger(__name__)

TIMEOUT = (5.0, 10.0)  # seconds: to connect, and for each piece of the answer
LONGEST = 20.0  # seconds: for all of it
READ = 64 * 1024  # bytes of an answer
KEPT = 1024  # characters of it
LONGEST_WAIT = 24 * 3600.0  # seconds that a receiver can ask for


@dataclass(frozen=True)
class Answer:
    """How a try went. `status`: None where there was no answer. `error`: "" where it was taken. `wait`: seconds, if the
    receiver asked for a pause."""

    status: int | None
    milliseconds: int
    error: str = ""
    text: str = ""
    wait: float = 0.0

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_of_the_server(self) -> bool:
        """Whether whatever else is sent there would fare no better now."""
        return not self.is_taken and (
            self.status is None or self.status in (408, 425, 429) or self.status >= 500
        )


class Sender:
    """A session to one endpoint, for as many messages as are due there."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._cutter = Cutter()
        self._session = requests.Session()
        prepare(self._session, url)
        # What a file of the machine (.netrc) knows of the host is nothing for it; proxies of the environment are.
        self._session.auth = lambda request: request
        adapter = Outward(private_targets, opened=self._cutter.opened)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Never raises: a mistake of ours is an answer that says so, and is logged."""
        began = time.monotonic()
        try:
            with self._cutter.after(LONGEST):
                return self._post(body, headers, began)
        except requests.RequestException as error:
            return Answer(None, _since(began), self._unreachable(error))
        except Exception as error:
            log.exception("endpoint_crashed", host=host(self._url))
            told = _("Placet itself failed: {error}. See the log.").format(error=type(error).__name__)
            return Answer(None, _since(began), told)

    def close(self) -> None:
        self._session.close()
        self._cutter.close()

    def _post(self, body: bytes, headers: Mapping[str, str], began: float) -> Answer:
        with self._session.post(
            self._url,
            data=body,
            headers={"Content-Type": "application/json", **headers},
            timeout=TIMEOUT,
            allow_redirects=False,
            stream=True,
        ) as response:
            if self._cutter.is_cut:  # what came before looks like an answer to a client
                return Answer(None, _since(began), self._late())
            status = response.status_code
            wait = min(retry_after(response.headers) or 0.0, LONGEST_WAIT)
            text = _beginning(response)
        return Answer(status, _since(began), self._refusal(status), text, wait)

    def _refusal(self, status: int) -> str:
        if 200 <= status < 300:
            return ""
        if 300 <= status < 400:
            told = _("{host} answered with a redirect ({status}). Enter the address that it leads to.")
        else:
            told = _("{host} did not take the message: it answered {status}.")
        return told.format(host=host(self._url), status=status)

    def _late(self) -> str:
        return _("{host} did not answer in time.").format(host=host(self._url))

    def _unreachable(self, error: requests.RequestException) -> str:
        if self._cutter.is_cut:
            return self._late()
        why = unreachable(error, self._url)
        return str(why) if isinstance(why, FixNeeded) else why.cause


def _beginning(response: requests.Response) -> str:
    """Of the answer, as text. Whether the rest of it arrives is of no matter: the status says what became of it."""
    content = b""
    with suppress(requests.RequestException):
        for chunk in response.iter_content(8192):
            content += chunk
            if len(content) >= READ:
                break
    text = content.decode(errors="replace").replace("\x00", "\ufffd")
    return text[:KEPT]


def _since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
