"""EWS's streaming notifications: an answer that stays open for minutes, and tells of new mail when it comes.

Microsoft: "How to: Stream notifications about mailbox events by using EWS in Exchange". The answer is one SOAP envelope
after another with nothing between them; where the pieces of HTTP end says nothing about where they do.
"""

import contextlib
import re
import time
from collections.abc import Iterator, Mapping

import requests
import structlog
from django.utils.translation import gettext as _
from lxml import etree

from placet.mailboxes import http
from placet.mailboxes.base import Wait
from placet.mailboxes.http import WAIT_CURE, safe_text
from placet.mailboxes.microsoft.ews import xml
from placet.mailboxes.microsoft.ews.connection import EwsConnection
from placet.mailboxes.microsoft.ews.errors import ServerError
from placet.mailboxes.microsoft.ews.operations import INBOX, JUNK
from placet.mailboxes.microsoft.ews.soap import Soap, Unreadable, message_xml
from placet.mailboxes.microsoft.ews.xml import M, T
from placet.mailboxes.microsoft.exchange_errors import About
from placet.mailboxes.microsoft.protocols import connect_with_secrets
from placet.mailboxes.microsoft.settings import ExchangeSettings
from placet.mailboxes.push.listening import Heard

log = structlog.get_logger(__name__)

MINUTES = 30  # that one answer stays open: the most that Exchange gives
LONGEST = (MINUTES + 5) * 60.0  # seconds
LARGEST_ENVELOPE = 1024 * 1024  # bytes; one event has about 1,000
CHUNK = 64 * 1024
LONGEST_ID = 512  # characters

#: The subscription is no more, or of no more use.
LOST = frozenset(
    {
        "ErrorInvalidSubscription",
        "ErrorSubscriptionNotFound",
        "ErrorSubscriptionUnsubscribed",
        "ErrorReadEventsFailed",
        "ErrorMissedNotificationEvents",
    }
)
TOO_MANY = "ErrorExceededSubscriptionCount"
_END = re.compile(rb"</(?:[A-Za-z_][\w.-]*:)?Envelope\s*>")
_LONGEST_END = 200  # bytes of such an end that may lie in two pieces


class Lost(Exception):
    """The server no longer knows the subscription."""


def subscribe(soap: Soap) -> str:
    """A subscription to new mail in Inbox and Junk; its id. It dies when nobody listens for about half an hour."""
    request = M.Subscribe(
        M.StreamingSubscriptionRequest(
            T.FolderIds(INBOX.element(), JUNK.element()), T.EventTypes(T.EventType("NewMailEvent"))
        )
    )
    message = next(_messages(soap.call(request).root), None)
    if message is None:
        raise _unreadable("no answer")
    error = _error(message)
    if error is not None and error.code == TOO_MANY:
        raise Wait(
            _("Too many programs listen for new mail in this mailbox."),
            _("They end by themselves after half an hour at most; Placet tries again."),
            details={"code": error.code},
        )
    if error is not None:
        raise soap.explain(error, About.MAILBOX)
    id_ = xml.text_of(message, "m:SubscriptionId")
    if not 0 < len(id_) <= LONGEST_ID:
        raise _unreadable("no subscription")
    return id_


class Stream:
    """What the server tells of one subscription, as long as one answer lasts."""

    def __init__(self, soap: Soap, id_: str) -> None:
        """Raises MailboxError."""
        self._soap = soap
        self._closed = False
        self._response = soap.stream(
            M.GetStreamingEvents(M.SubscriptionIds(T.SubscriptionId(id_)), M.ConnectionTimeout(str(MINUTES)))
        )

    def __iter__(self) -> Iterator[Heard]:
        """Ends when the server ends it, or `close` does. Raises Lost and MailboxError."""
        opened = False
        with self._response:
            for envelope in envelopes(self._chunks()):
                for message in _messages(_read(envelope)):
                    heard = self._heard(message)
                    if not opened:
                        opened = True
                        yield Heard.OPENED
                    yield from heard
                    if xml.text_of(message, "m:ConnectionStatus") == "Closed":
                        return

    def close(self) -> None:
        """From any thread: whoever reads stops at once."""
        self._closed = True
        with contextlib.suppress(OSError, ValueError, RuntimeError):  # it ended a moment ago
            self._response.raw.shutdown()

    def _chunks(self) -> Iterator[bytes]:
        until = time.monotonic() + LONGEST
        # Without chunks, `requests` would wait until a piece is full.
        size = CHUNK if self._response.raw.chunked else 1
        try:
            for chunk in self._response.iter_content(size):
                if self._closed or time.monotonic() > until:
                    return
                yield chunk
        except requests.RequestException as error:
            if not self._closed:
                raise http.unreachable(error, self._response.url) from None

    def _heard(self, message: etree._Element) -> list[Heard]:
        error = _error(message)
        if error is not None and error.code in LOST:
            raise Lost
        if error is not None:
            raise self._soap.explain(error, About.MAILBOX)
        events = [xml.local(element) for element in message.iter(etree.Element)]
        found = []
        if "StatusEvent" in events:
            found.append(Heard.BEAT)
        if any(name.endswith("Event") and name != "StatusEvent" for name in events):
            found.append(Heard.NEWS)
        return found


class EwsListening:
    """See `push.listening.Listening`: a subscription, and one answer that tells of it."""

    def __init__(self, connection: EwsConnection, subscription_id: str) -> None:
        self.subscription_id = subscription_id
        self._connection = connection
        self._stream: Stream | None = None
        self._closed = False

    def __iter__(self) -> Iterator[Heard]:
        with contextlib.closing(self._connection):
            self._connection.soap.stay()
            self.subscription_id = self.subscription_id or subscribe(self._connection.soap)
            self._stream = Stream(self._connection.soap, self.subscription_id)
            if self._closed:
                self._stream.close()
            try:
                yield from self._stream
            except Lost:
                log.info("subscription_lost")
                self.subscription_id = ""
            finally:
                self._stream = None

    def close(self) -> None:
        self._closed = True
        stream = self._stream
        if stream is not None:
            stream.close()


def listen(
    settings: ExchangeSettings, secrets: Mapping[str, str], *, key: str, subscription_id: str
) -> EwsListening:
    """For `kinds`: of a mailbox through Exchange Web Services."""
    connection = connect_with_secrets(settings, secrets, key=key)
    assert isinstance(connection, EwsConnection)
    return EwsListening(connection, subscription_id)


def envelopes(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The whole envelopes in an answer, each as soon as its end is there. Raises Unreadable where one has no end."""
    waiting = bytearray()
    for chunk in chunks:
        looked_at = max(0, len(waiting) - _LONGEST_END)
        waiting += chunk
        while (end := _END.search(waiting, looked_at)) is not None:
            yield bytes(waiting[: end.end()])
            del waiting[: end.end()]
            looked_at = 0
        if len(waiting) > LARGEST_ENVELOPE:
            raise _unreadable("too large")


def _read(envelope: bytes) -> etree._Element:
    try:
        return xml.read([envelope.lstrip(b"\xef\xbb\xbf \t\r\n")]).root
    except (xml.AnswerBroken, xml.AnswerCut) as broken:
        raise _unreadable(str(broken)) from None


def _messages(root: etree._Element) -> Iterator[etree._Element]:
    found = root.find("s:Body/*/m:ResponseMessages", xml.NAMESPACES)
    if found is None or not len(found):
        raise _unreadable("no answer")
    return iter(found)


def _error(message: etree._Element) -> ServerError | None:
    code = xml.text_of(message, "m:ResponseCode")
    if message.get("ResponseClass") == "Success" and code in ("NoError", ""):
        return None
    words = safe_text(message.findtext("m:MessageText", None, xml.NAMESPACES))
    return ServerError(safe_text(code) or "ErrorResponseSchemaValidation", words, message_xml(message))


def _unreadable(reason: str) -> Unreadable:
    return Unreadable(
        _("What Exchange tells of new mail cannot be read ({reason}).").format(reason=reason), _(WAIT_CURE)
    )
