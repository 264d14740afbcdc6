"""Signatures as Standard Webhooks 1.0.0 has them (https://www.standardwebhooks.com): HMAC-SHA256 of the message's id,
the time of the try and the body, by a secret of 24 to 64 random bytes, which is written `whsec_` and base64."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "whsec_"
BYTES = 32  # of a new secret


class SecretInvalid(ValueError):
    """This is no secret that can sign."""


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The bytes that sign. Raises SecretInvalid."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SecretInvalid("no base64") from error
    if not secret.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise SecretInvalid("whsec_ and 24 to 64 bytes in base64 are needed")
    return key


def headers(message_id: str, timestamp: int, body: bytes, signed_by: Iterable[str]) -> dict[str, str]:
    """What a receiver checks. `timestamp`: seconds, of this try. `signed_by`: the secrets, the newest first; as long as
    one is being replaced there are two."""
    content = b".".join([message_id.encode(), str(timestamp).encode(), body])
    signatures = [
        "v1," + base64.b64encode(hmac.digest(key_of(secret), content, hashlib.sha256)).decode()
        for secret in signed_by
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
