"""One SOAP call: envelope, HTTP, and everything that can go wrong between Placet and Exchange."""

import re
import time
import uuid
from collections.abc import Iterator

import requests
import structlog
from django.utils.translation import gettext as _
from lxml import etree
from pydantic import SecretStr
from requests.auth import AuthBase

from placet.mailboxes import http
from placet.mailboxes.base import FixNeeded, MailboxError, MailError, Refused, Wait
from placet.mailboxes.oauth import Access

from . import errors, xml
from .errors import About, ServerError
from .xml import S, T

log = structlog.get_logger(__name__)

TIMEOUT = (10.0, 100.0)  # seconds to connect, seconds without a byte
LONGEST_ANSWER = 600.0  # seconds: a server that drips bytes does not hold a worker forever
CHUNK = 256 * 1024  # bytes
LARGEST_ANSWER = 300 * 1024 * 1024  # bytes: the largest mail that Exchange Online takes, as base64, and more
LARGEST_ERROR = 1024 * 1024  # bytes of an error answer that are read
REFUSED_AT_THE_DOOR = (401, 403, 429)  # HTTP: nothing was done of what was asked
THROTTLED = ("ErrorServerBusy", "ErrorExceededConnectionCount")  # faults that say the same


class Unreadable(Wait):
    """A whole answer that is not EWS's XML: a proxy's page, or one mail that spoils it."""


class _Bearer(AuthBase):
    """Sets the header after requests has merged its own, so that no .netrc entry takes its place."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        return request


class Soap:
    """Calls to one mailbox of one server, one after another."""

    def __init__(self, url: str, mailbox: str, access: Access) -> None:
        self._url = url
        self._mailbox = mailbox
        self._access = access
        self.names = {"client_id": access.grant.client_id, "mailbox": mailbox}
        self._session = requests.Session()
        http.prepare(self._session, url)

    def close(self) -> None:
        self._session.close()

    def call(self, operation: etree._Element, mime_limit: int = 0) -> xml.Answer:
        """The answer to `operation`. Raises MailboxError, or Refused if the mail to send is too large."""
        body = self._envelope(operation)
        name = xml.local(operation)
        token = self._token()
        response = self._post(body, token)
        if response.status_code == 401:  # expired or revoked: a new one, once
            response.close()
            self._access.invalidate(token)
            token = self._token()
            response = self._post(body, token)
        log.debug("ews_call", operation=name, status=response.status_code, ids=_ids(response))
        with response:
            try:
                return self._judge(response, name, mime_limit)
            except MailboxError as error:
                error.not_done = error.not_done or response.status_code in REFUSED_AT_THE_DOOR
                raise

    def _token(self) -> SecretStr:
        try:
            return self._access.token()
        except MailboxError as error:
            error.not_done = True  # nothing was asked of Exchange yet
            raise

    def _envelope(self, operation: etree._Element) -> bytes:
        envelope = S.Envelope(
            S.Header(
                T.RequestServerVersion(Version="Exchange2016"),
                T.ExchangeImpersonation(T.ConnectingSID(T.SmtpAddress(self._mailbox))),
            ),
            S.Body(operation),
        )
        return etree.tostring(envelope, xml_declaration=True, encoding="utf-8")

    def _post(self, body: bytes, token: SecretStr) -> requests.Response:
        try:
            return self._session.post(
                self._url,
                data=body,
                headers={
                    "Content-Type": "text/xml; charset=utf-8",
                    "Accept": "text/xml",
                    "X-AnchorMailbox": self._mailbox,  # "must always" go with impersonation (Microsoft)
                    "client-request-id": str(uuid.uuid4()),
                    "return-client-request-id": "true",
                },
                auth=_Bearer(token),
                stream=True,
                allow_redirects=False,
                timeout=TIMEOUT,
            )
        except requests.RequestException as error:
            raise http.unreachable(error, self._url) from None  # its text may name a proxy's password

    def _judge(self, response: requests.Response, name: str, mime_limit: int) -> xml.Answer:
        status = response.status_code
        if status == 200:
            answer = self._read(response, mime_limit)
            fault = _fault(answer.root)
            if fault is None:
                return answer
            raise self._explain_fault(fault, response)
        details = {"status": str(status), **_ids(response)}
        if status == 401:
            raise errors.unauthorized(response.headers.get("x-ms-diagnostics", ""), self.names, details)
        if status == 403:
            raise errors.fix(errors.BLOCKED, self.names, details)
        if status == 413 and name == "CreateItem":
            raise Refused(_("The mail is larger than the server takes."), "HTTP 413")
        if status == 500:
            self._raise_fault(response)
        raise self._by_status(response, details)

    def _read(self, response: requests.Response, mime_limit: int) -> xml.Answer:
        try:
            return xml.read(self._chunks(response), mime_limit)
        except xml.AnswerCut:
            raise Wait(
                _("Exchange's answer ended in the middle."), _(errors.WAIT_CURE), details=_ids(response)
            ) from None
        except xml.AnswerBroken as broken:
            raise Unreadable(
                _("The answer is not the XML that Exchange Web Services speak ({reason}).").format(
                    reason=broken
                ),
                _(
                    "If a proxy or firewall answers instead of Exchange, let this machine pass; Placet tries again by "
                    "itself."
                ),
                details=_ids(response),
            ) from None

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        until = time.monotonic() + LONGEST_ANSWER
        total = 0
        try:
            for chunk in response.iter_content(CHUNK):
                total += len(chunk)
                if time.monotonic() > until or total > LARGEST_ANSWER:
                    raise Wait(
                        _("Exchange's answer has no end."), _(errors.WAIT_CURE), details=_ids(response)
                    )
                yield chunk
        except requests.RequestException as error:
            raise http.unreachable(error, self._url) from None

    def _raise_fault(self, response: requests.Response) -> None:
        """A SOAP fault, if the answer holds one; pages of proxies do not."""
        body = b""
        for chunk in self._chunks(response):
            body += chunk
            if len(body) > LARGEST_ERROR:
                return
        try:
            fault = _fault(xml.read([body]).root)
        except (xml.AnswerBroken, xml.AnswerCut):
            return
        if fault is not None:
            raise self._explain_fault(fault, response)

    def _explain_fault(self, fault: ServerError, response: requests.Response) -> MailboxError | MailError:
        found = self.explain(fault, About.MAILBOX, _ids(response))
        if isinstance(found, MailboxError):
            found.not_done = fault.code in THROTTLED
        if isinstance(found, Wait) and found.seconds is None:
            found.seconds = http.retry_after(response.headers)
        return found

    def explain(
        self, error: ServerError, about: About, details: dict[str, str] | None = None
    ) -> MailboxError | MailError:
        """`error` as an exception to raise."""
        return errors.explain(error, about, self.names, details)

    def _by_status(self, response: requests.Response, details: dict[str, str]) -> MailboxError:
        status = response.status_code
        host = http.host_of(self._url)
        if 300 <= status < 400:
            target = response.headers.get("Location", "")
            if "genericerrorpage" in target.lower():
                return Wait(_("Exchange answered with its error page."), _(errors.WAIT_CURE), None, details)
            return FixNeeded(
                _("{host} sends EWS requests elsewhere, which are not followed with an access token.").format(
                    host=host
                ),
                _("Enter the server that answers itself: outlook.office365.com for Exchange Online."),
                details,
            )
        if status in (404, 405, 410):
            return FixNeeded(
                _("There are no Exchange Web Services at {host} (HTTP {status}).").format(
                    host=host, status=status
                ),
                _("Check the server address: outlook.office365.com for Exchange Online."),
                details,
            )
        if status == 407:
            return FixNeeded(
                _("The proxy on the way to {host} asks for a password.").format(host=host),
                _(http.PROXY_CURE),
                details,
            )
        seconds = http.retry_after(response.headers)
        if status in (429, 503):
            told = _("Exchange is busy (HTTP {status}).")
        else:
            told = _("{host} answered with an error (HTTP {status}).")
        return Wait(told.format(host=host, status=status), _(errors.WAIT_CURE), seconds, details)


def _ids(response: requests.Response) -> dict[str, str]:
    """The ids that Microsoft's support asks for."""
    names = ("request-id", "client-request-id", "X-FEServer", "X-TargetBEServer")
    return {name: safe_text(response.headers[name]) for name in names if name in response.headers}


def _fault(root: etree._Element) -> ServerError | None:
    fault = root.find("s:Body/s:Fault", xml.NAMESPACES)
    if fault is None:
        return None
    code = (
        xml.text_of(fault, "detail/e:ResponseCode") or (fault.findtext("faultcode") or "").rpartition(":")[2]
    )
    return ServerError(
        safe_text(code) or "Fault", safe_text(fault.findtext("faultstring")), message_xml(fault)
    )


def message_xml(element: etree._Element) -> dict[str, str]:
    """The named values below MessageXml: BackOffMilliseconds, InnerErrorResponseCode, ..."""
    values = element.iter(f"{{{xml.TYPES}}}Value")
    return {value.get("Name", ""): safe_text(value.text) for value in values if value.get("Name")}


def safe_text(text: str | None) -> str:
    """The server's words, short and printable, without long runs: an echoed token must not reach a log."""
    return re.sub(r"[\w.~+/=-]{60,}", "…", http.printable(text or "", 500))[:200]
