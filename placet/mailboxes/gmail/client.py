"""One call to the Gmail API: HTTP, the token, and what can go wrong on the way."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import requests
import structlog
from django.utils.translation import gettext as _
from pydantic import SecretStr

from placet.mailboxes import http
from placet.mailboxes.base import Wait
from placet.mailboxes.oauth import Access

from . import errors
from .errors import About, ServerError, Who

log = structlog.get_logger(__name__)

API = "https://gmail.googleapis.com"
LARGEST_JSON = 16 * 1024 * 1024  # bytes: 500 changes, or the headers of a mail
LARGEST_ERROR = 256 * 1024  # bytes of an error answer that are read


class Unreadable(Wait):
    """A whole answer that is not what the Gmail API gives: a proxy's page, or one mail that spoils it."""


class Apart(Exception):
    """An error with a status that the caller deals with (`Call.apart`)."""


class TooLong(Exception):
    """The answer is longer than asked for (`Call.most`); the rest was not read."""


@dataclass(frozen=True)
class Call:
    """One request. `path` is below the mailbox and quoted already."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    content_type: str = "application/json; charset=UTF-8"
    upload: bool = False  # to the address that takes whole mails
    about: About = About.MAILBOX
    most: int = LARGEST_JSON  # bytes of the answer
    apart: Collection[int] = field(default=())  # HTTP statuses


class Gmail:
    """Calls to one mailbox, one after another. Not shared between threads."""

    def __init__(self, mailbox: str, access: Access, api: str = API) -> None:
        self.mailbox = mailbox
        self.access = access
        self.api = api
        self._who = Who(http.host_of(api), mailbox, access.grant.client_id)
        self._session = requests.Session()
        http.prepare(self._session, api)

    def close(self) -> None:
        self._session.close()

    def get(self, path: str, *query: tuple[str, str], about: About = About.MAILBOX) -> dict[str, Any]:
        return self.answer(Call("GET", path, query, about=about))

    def post(self, path: str, value: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        return self.answer(Call("POST", path, body=json.dumps(value or {}).encode(), **more))

    def answer(self, call: Call) -> dict[str, Any]:
        """The object that answers `call`. Raises MailboxError, MailError, Apart or TooLong."""
        response = self._answered(call)
        with response:
            if response.status_code in call.apart:
                raise Apart(str(response.status_code))
            if response.status_code >= 400:
                raise errors.explain(self._error(response), call.about, self._who)
            if response.status_code != 200:
                raise unreadable(f"HTTP {response.status_code}")
            return self._object(response, call.most)

    def _answered(self, call: Call) -> requests.Response:
        response = self.access.answered(lambda token: self._send(call, token))
        log.debug("gmail_call", method=call.method, status=response.status_code)
        return response

    def _send(self, call: Call, token: SecretStr) -> requests.Response:
        try:
            return self._session.request(
                call.method,
                self._url(call),
                data=call.body,
                headers={} if call.body is None else {"Content-Type": call.content_type},
                auth=http.Bearer(token),
                stream=True,
                allow_redirects=False,
                timeout=http.TIMEOUT,
            )
        except requests.RequestException as error:
            raise http.unreachable(error, self.api) from None  # its text may name a proxy's password

    def _url(self, call: Call) -> str:
        """The token says whose mailbox it is, so `me` is asked for."""
        upload = "/upload" if call.upload else ""
        query = urlencode(call.query, quote_via=quote)
        return f"{self.api}{upload}/gmail/v1/users/me{call.path}{'?' if query else ''}{query}"

    def _object(self, response: requests.Response, most: int) -> dict[str, Any]:
        if "json" not in response.headers.get("Content-Type", "").lower():
            raise unreadable("no JSON")
        text = bytearray()
        for chunk in http.chunks(response, float("inf"), {"host": http.host_of(self.api)}):
            text += chunk
            if len(text) > most:
                raise TooLong
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            raise unreadable("not well-formed") from None
        if not isinstance(answer, dict):
            raise unreadable("no object")
        return answer

    def _error(self, response: requests.Response) -> ServerError:
        answer = None
        if "json" in response.headers.get("Content-Type", "").lower():
            try:
                answer = self._object(response, LARGEST_ERROR)
            except (Wait, TooLong):
                log.debug("gmail_error_unread", status=response.status_code)  # the status says enough
        return errors.read_error(answer, response.status_code, response.headers)


def unreadable(reason: str) -> Unreadable:
    return Unreadable(
        _("The answer is not what the Gmail API gives ({reason}).").format(reason=reason),
        _(
            "If a proxy or firewall answers instead of Google, let this machine pass; Placet tries again by itself."
        ),
    )
