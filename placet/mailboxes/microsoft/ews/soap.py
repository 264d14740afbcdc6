"""One SOAP call: envelope, HTTP, and everything that can go wrong between Placet and Exchange."""

import uuid
from collections.abc import Iterator, Mapping

import requests
import structlog
from django.utils.translation import gettext as _
from lxml import etree
from pydantic import SecretStr

from placet.mailboxes import http
from placet.mailboxes.base import FixNeeded, MailboxError, MailError, Refused, Wait
from placet.mailboxes.http import WAIT_CURE, safe_text
from placet.mailboxes.microsoft.exchange_errors import About, fix
from placet.mailboxes.oauth import Access

from . import errors, xml
from .errors import ServerError
from .xml import S, T

log = structlog.get_logger(__name__)

LARGEST_ANSWER = 300 * 1024 * 1024  # bytes: the largest mail that Exchange Online takes, as base64, and more
LARGEST_ERROR = 1024 * 1024  # bytes of an error answer that are read
REFUSED_AT_THE_DOOR = (401, 403, 429)  # HTTP: nothing was done of what was asked
THROTTLED = ("ErrorServerBusy", "ErrorExceededConnectionCount")  # faults that say the same


class Unreadable(Wait):
    """A whole answer that is not EWS's XML: a proxy's page, or one mail that spoils it."""


class Soap:
    """Calls to one mailbox of one server, one after another."""

    def __init__(self, url: str, mailbox: str, access: Access) -> None:
        self._url = url
        self._mailbox = mailbox
        self._access = access
        self.names = errors.names(access.grant.client_id, mailbox)
        self._session = requests.Session()
        http.prepare(self._session, url)

    def to(self, mailbox: str) -> "Soap":
        """Calls to another mailbox, with the same rights."""
        return Soap(self._url, mailbox, self._access)

    def close(self) -> None:
        self._session.close()

    def stay(self) -> None:
        """From now on go to one server behind the address: only that one knows its subscriptions. Microsoft: "Maintain
        affinity between a group of subscriptions and the Mailbox server"."""
        self._session.headers["X-PreferServerAffinity"] = "true"

    def call(self, operation: etree._Element, mime_limit: int = 0) -> xml.Answer:
        """The answer to `operation`. Raises MailboxError, or Refused if the mail to send is too large."""
        response = self._answered(operation)
        with response:
            try:
                return self._judge(response, xml.local(operation), mime_limit)
            except MailboxError as error:
                error.not_done = error.not_done or response.status_code in REFUSED_AT_THE_DOOR
                raise

    def stream(self, operation: etree._Element) -> requests.Response:
        """An answer that goes on for minutes, to be read while it comes. Raises MailboxError where it is another."""
        response = self._answered(operation, {"Accept-Encoding": "identity"})  # what is packed comes late
        if response.status_code != 200:
            with response:
                self._judge(response, xml.local(operation), 0)
        return response

    def _answered(
        self, operation: etree._Element, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        body = self._envelope(operation)
        token = self._token()
        response = self._post(body, token, headers)
        if response.status_code == 401:  # expired or revoked: a new one, once
            response.close()
            self._access.invalidate(token)
            response = self._post(body, self._token(), headers)
        log.debug("ews_call", operation=xml.local(operation), status=response.status_code, ids=_ids(response))
        return response

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

    def _post(
        self, body: bytes, token: SecretStr, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
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
                    **(headers or {}),
                },
                auth=http.Bearer(token),
                stream=True,
                allow_redirects=False,
                timeout=http.TIMEOUT,
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
            raise fix(errors.BLOCKED, self.names, details)
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
                _("Exchange's answer ended in the middle."), _(WAIT_CURE), details=_ids(response)
            ) from None
        except xml.AnswerBroken as broken:
            raise unreadable(str(broken), _ids(response)) from None

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        return http.chunks(response, LARGEST_ANSWER, _ids(response))

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
                return Wait(_("Exchange answered with its error page."), _(WAIT_CURE), None, details)
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
        return Wait(told.format(host=host, status=status), _(WAIT_CURE), seconds, details)


def unreadable(reason: str, details: Mapping[str, str] | None = None) -> Unreadable:
    return Unreadable(
        _("The answer is not the XML that Exchange Web Services speak ({reason}).").format(reason=reason),
        _(
            "If a proxy or firewall answers instead of Exchange, let this machine pass; Placet tries again by "
            "itself."
        ),
        details=details,
    )


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
