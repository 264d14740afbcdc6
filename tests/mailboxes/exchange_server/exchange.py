"""An Exchange server of the organisation's own: the sandbox's EWS, behind a door for Windows accounts."""

from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import requests
from lxml import etree
from pydantic import SecretStr

from placet.mailboxes.microsoft.ews.xml import SOAP, TYPES
from placet.mailboxes.oauth import SecretGrant, fetch_token
from placet.sandbox.server import Sandbox

from .front import Answer, Cut

PASSED = ("Content-Type", "Retry-After")


def exchange_behind(sandbox: Sandbox, mailbox: str = "") -> Callable[[bytes, dict[str, str]], Answer]:
    """Who is signed in has `mailbox`, and may open every other one in its owner's name."""
    scope = "https://outlook.office365.com/.default"
    issued = fetch_token(
        SecretGrant(sandbox.token_url, sandbox.client_id, scope, SecretStr(sandbox.client_secret))
    )
    token = issued.token.get_secret_value()

    def answer(body: bytes, headers: dict[str, str]) -> Answer:
        try:
            got = requests.post(
                f"{sandbox.url}/EWS/Exchange.asmx",
                data=_opened(body, mailbox),
                headers={"Content-Type": "text/xml; charset=utf-8", "Authorization": f"Bearer {token}"},
                timeout=90,  # longer than a listener hears nothing
                stream=b"GetStreamingEvents" in body,
            )
            passed = {name: got.headers[name] for name in PASSED if name in got.headers}
            if got.raw.chunked:
                return Answer(got.status_code, b"", passed, _pieces(got))
            return Answer(got.status_code, got.content, passed)
        except requests.RequestException:
            raise Cut from None

    return answer


def _pieces(answer: requests.Response) -> Iterator[bytes]:
    """As they come, until whoever listens or the server ends it."""
    with closing(answer), suppress(requests.RequestException):
        yield from answer.iter_content(None)


def _opened(body: bytes, mailbox: str) -> bytes:
    """The sandbox opens mailboxes by impersonation alone."""
    if not mailbox or not body:
        return body
    envelope = etree.fromstring(body)
    header = envelope.find(f"{{{SOAP}}}Header")
    assert header is not None
    if header.find(f"{{{TYPES}}}ExchangeImpersonation") is None:
        header.append(
            etree.fromstring(
                f'<t:ExchangeImpersonation xmlns:t="{TYPES}"><t:ConnectingSID><t:SmtpAddress>{mailbox}'
                "</t:SmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>"
            )
        )
    return etree.tostring(envelope)
