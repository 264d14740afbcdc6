"""One SOAP call: envelope, HTTP, and everything that can go wrong between Placet and Exchange."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import requests
import structlog
from django.utils.translation import gettext as _
from lxml import etree

from placet.mailboxes import http
from placet.mailboxes.base import FixNeeded, MailboxError, MailError, Refused, Wait
from placet.mailboxes.http import WAIT_CURE, safe_text
from placet.mailboxes.microsoft.exchange_errors import About, fix
from placet.mailboxes.oauth import Access

from . import dialect, errors, xml
from .callers import Caller, TokenCaller
from .dialect import Dialect, Opening
from .errors import ServerError
from .xml import S, T

log = structlog.get_logger(__name__)

LARGEST_ANSWER = 300 * 1024 * 1024  # bytes: the largest mail that Exchange Online takes, as base64, and more
LARGEST_ERROR = 1024 * 1024  # bytes of an error answer that are read
REFUSED_AT_THE_DOOR = (401, 403, 429)  # HTTP: nothing was done of what was asked
UNKNOWN_VERSION = "ErrorInvalidServerVersion"
THROTTLED = ("ErrorServerBusy", "ErrorExceededConnectionCount")  # faults that say the same
VERSION_NUMBERS = ("MajorVersion", "MinorVersion", "MajorBuildNumber", "MinorBuildNumber")


class Unreadable(Wait):
    """A whole answer that is not EWS's XML: a proxy's page, or one mail that spoils it."""


@dataclass(frozen=True)
class ServerVersion:
    """What an answer says of the server. `build` such as "15.2.1544.4", `schema` such as "V2018_01_08"."""

    build: str
    schema: str


class Soap:
    """Calls to one mailbox of one server, one after another."""

    def __init__(self, mailbox: str, caller: Caller, spoken: Dialect) -> None:
        self._mailbox = mailbox
        self._caller = caller
        self._dialect = spoken
        self._version = 0  # of those that the dialect knows
        self._headers: dict[str, str] = {}
        self.server: ServerVersion | None = None  # as its last answer said

    @classmethod
    def online(cls, url: str, mailbox: str, access: Access) -> "Soap":
        """To Exchange Online, with access tokens."""
        return cls(mailbox, TokenCaller(url, access), dialect.online(access.grant.client_id, mailbox))

    @property
    def _url(self) -> str:
        return self._caller.url

    def to(self, mailbox: str) -> "Soap":
        """Calls to another mailbox, with the same rights."""
        spoken = self._dialect
        if spoken.opening is Opening.OWN:
            spoken = replace(spoken, opening=Opening.SHARED)  # its own would open, whatever address is named
        return Soap(mailbox, self._caller.another(), spoken)

    def close(self) -> None:
        self._caller.close()

    def try_again(self) -> None:
        """What was refused a moment ago may be right by now: an administrator runs the connection test."""
        self._caller.try_again()

    def stay(self) -> None:
        """From now on go to one server behind the address: only that one knows its subscriptions. Microsoft: "Maintain
        affinity between a group of subscriptions and the Mailbox server"."""
        self._headers["X-PreferServerAffinity"] = "true"

    def call(self, operation: etree._Element, mime_limit: int = 0) -> xml.Answer:
        """The answer to `operation`. Raises MailboxError, or Refused if the mail to send is too large."""
        try:
            return self._called(operation, mime_limit)
        except MailboxError as error:
            known = error.details.get("code") == UNKNOWN_VERSION and self._version + 1 < len(
                self._dialect.versions
            )
            if not known:
                raise
            self._version += 1  # an older server: it refused before it looked
            return self.call(operation, mime_limit)

    def _called(self, operation: etree._Element, mime_limit: int) -> xml.Answer:
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
        response = self._caller.post(
            self._envelope(operation),
            {
                "Content-Type": "text/xml; charset=utf-8",
                "Accept": "text/xml",
                "X-AnchorMailbox": self._mailbox,  # "must always" go with impersonation (Microsoft)
                "client-request-id": str(uuid.uuid4()),
                "return-client-request-id": "true",
                **self._headers,
                **(headers or {}),
            },
        )
        log.debug("ews_call", operation=xml.local(operation), status=response.status_code, ids=_ids(response))
        return response

    def _envelope(self, operation: etree._Element) -> bytes:
        header = S.Header(T.RequestServerVersion(Version=self._dialect.versions[self._version]))
        if self._dialect.opening is Opening.IMPERSONATED:
            header.append(T.ExchangeImpersonation(T.ConnectingSID(T.SmtpAddress(self._mailbox))))
        if self._dialect.opening is Opening.SHARED:
            self._name_owner(operation)
        return etree.tostring(S.Envelope(header, S.Body(operation)), xml_declaration=True, encoding="utf-8")

    def _name_owner(self, operation: etree._Element) -> None:
        """Without it, the names that every mailbox has for its folders mean those of whoever signed in."""
        for folder in operation.iter(f"{{{xml.TYPES}}}DistinguishedFolderId"):
            if not len(folder):
                folder.append(T.Mailbox(T.EmailAddress(self._mailbox)))

    def _judge(self, response: requests.Response, name: str, mime_limit: int) -> xml.Answer:
        status = response.status_code
        if status == 200:
            answer = self._read(response, mime_limit)
            fault = _fault(answer.root)
            if fault is None:
                self.server = _server_version(answer.root) or self.server
                return answer
            raise self._explain_fault(fault, response)
        details = {"status": str(status), **_ids(response)}
        if status == 401:
            diagnostics = response.headers.get("x-ms-diagnostics", "")
            raise self._dialect.unauthorized(diagnostics, self._dialect.names, details)
        if status == 403:
            raise fix(self._dialect.forbidden, self._dialect.names, details)
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
        return errors.explain(error, about, self._dialect.names, details, self._dialect.meanings)

    def _by_status(self, response: requests.Response, details: dict[str, str]) -> MailboxError:
        status = response.status_code
        host = http.host_of(self._url)
        if 300 <= status < 400:
            target = response.headers.get("Location", "")
            if "genericerrorpage" in target.lower():
                return Wait(_("Exchange answered with its error page."), _(WAIT_CURE), None, details)
            return FixNeeded(
                _(
                    "{host} sends EWS requests elsewhere, where what they are signed in with must not go."
                ).format(host=host),
                _(self._dialect.address_cure),
                details,
            )
        if status in (404, 405, 410):
            return FixNeeded(
                _("There are no Exchange Web Services at {host} (HTTP {status}).").format(
                    host=host, status=status
                ),
                _(self._dialect.address_cure),
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


def _server_version(root: etree._Element) -> ServerVersion | None:
    info = root.find("s:Header/t:ServerVersionInfo", xml.NAMESPACES)
    if info is None:
        return None
    numbers = [info.get(name, "") for name in VERSION_NUMBERS]
    return ServerVersion(safe_text(".".join(numbers))[:60], safe_text(info.get("Version"))[:60])


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
