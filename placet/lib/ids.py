"""Identifiers."""

import base64
import hashlib
import hmac
import secrets
import time
import uuid
from datetime import datetime


def uuid7() -> uuid.UUID:
    """A UUID that sorts by time (RFC 9562, section 5.7): 48 bits of Unix milliseconds, 74 random bits."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=number)


def first_uuid7(at: datetime) -> uuid.UUID:
    """The smallest one that can be made at a moment: what was made since is not below it."""
    milliseconds = int(at.timestamp() * 1000)
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | 0x2 << 62)


def new_code() -> str:
    """A reply code: 80 random bits as 16 characters of lower-case base32 (RFC 4648)."""
    return base64.b32encode(secrets.token_bytes(10)).decode().lower()


def code_hash(key: bytes, code: str) -> str:
    """What is stored of a reply code: a keyed hash, so that no list of codes can be read from the tables."""
    return hmac.new(key, code.lower().encode(), hashlib.sha256).hexdigest()
