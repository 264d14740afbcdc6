"""Whether a delivery comes from Placet: Standard Webhooks 1.0.0, `v1` signatures (HMAC-SHA256)."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256

from placet_client.errors import AnswerInvalid, WebhookInvalid
from placet_client.records import Event, record

TOLERANCE = 300  # seconds that a clock may differ, or a delivery take
_PREFIX = "whsec_"
_MOST_SIGNATURES = 16


def verify_webhook(
    headers: Mapping[str, str],
    body: bytes | str,
    secrets: str | Sequence[str],
    tolerance: float = TOLERANCE,
    *,
    now: float | None = None,
) -> Event:
    """The event that was delivered. `body` is what came, byte for byte; `secrets` one `whsec_…` or several, while one
    is replaced by another; `tolerance` and `now` are in seconds. WebhookInvalid says why it must not be acted on."""
    given = {name.lower(): value for name, value in headers.items()}
    webhook_id, timestamp, signatures = (
        _header(given, name) for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    )
    if not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 15:
        raise WebhookInvalid("webhook-timestamp is not a number of seconds.")
    content = body.encode() if isinstance(body, str) else bytes(body)
    keys = [_key(secret) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    signed = f"{webhook_id}.{timestamp}.".encode() + content
    if not _is_signed(signed, signatures, keys):
        raise WebhookInvalid("No signature of it is made with one of these secrets.")
    if abs((time.time() if now is None else now) - int(timestamp)) > tolerance:
        raise WebhookInvalid("It was sent too long ago, or the clocks differ.")
    return _event(webhook_id, content)


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    if not value:
        raise WebhookInvalid(f"It has no {name}.")
    return value


def _key(secret: str) -> bytes:
    # Never with the secret in the message.
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("A webhook's secret looks like whsec_ and base64.") from None
    if not key:
        raise ValueError("A webhook's secret is empty.")
    return key


def _is_signed(signed: bytes, signatures: str, keys: Sequence[bytes]) -> bool:
    expected = [base64.b64encode(hmac.new(key, signed, sha256).digest()) for key in keys]
    given = [
        value.encode()
        for version, _, value in (one.partition(",") for one in signatures.split(" ")[:_MOST_SIGNATURES])
        if version == "v1"
    ]
    return any(hmac.compare_digest(one, other) for one in given for other in expected)


def _event(webhook_id: str, content: bytes) -> Event:
    try:
        value = json.loads(content)
        # The id is signed with the body, and stands in the header alone.
        return record(Event, {**value, "id": webhook_id})
    except (ValueError, TypeError, RecursionError, AnswerInvalid) as error:
        raise WebhookInvalid("It is signed, but its body is no event.") from error
