"""DKIM signatures for tests, by hand after RFC 6376 (relaxed/relaxed) and RFC 8463: another reading of them than the
library's that checks."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Key = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
HEADERS = "from:to:cc:subject:date:message-id:in-reply-to:references:content-type:mime-version"


@dataclass(frozen=True)
class Signer:
    """`tags` are set, or left out where they are None, after all others."""

    domain: str
    key: Key
    selector: str = "k1"
    headers: str = HEADERS
    tags: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Where the key is asked for."""
        return f"{self.selector}._domainkey.{self.domain}"

    def record(self, more: str = "") -> str:
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        else:
            public = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        kind = "ed25519" if isinstance(self.key, ed25519.Ed25519PrivateKey) else "rsa"
        return f"v=DKIM1; k={kind}; {more}p={base64.b64encode(public).decode()}"

    def signed(self, raw: bytes) -> bytes:
        """The mail (CRLF) with a signature on top."""
        return self.header(raw) + raw

    def header(self, raw: bytes) -> bytes:
        head, _, body = raw.partition(b"\r\n\r\n")
        if self.tags.get("l") is not None:
            body = body[: int(str(self.tags["l"]))]
        algorithm = "ed25519-sha256" if isinstance(self.key, ed25519.Ed25519PrivateKey) else "rsa-sha256"
        tags: dict[str, str | None] = {
            "v": "1", "a": algorithm, "c": "relaxed/relaxed", "d": self.domain, "s": self.selector, "h": self.headers,
            "bh": base64.b64encode(sha256(_body(body)).digest()).decode(),
            **self.tags, "b": "",
        }  # fmt: skip
        value = "; ".join(f"{name}={text}" for name, text in tags.items() if text is not None)
        digest = sha256(_covered(head, self.headers) + b"dkim-signature:" + value.encode()).digest()
        return f"DKIM-Signature: {value}{base64.b64encode(self._sign(digest)).decode()}\r\n".encode()

    def _sign(self, digest: bytes) -> bytes:
        return _signed(self.key, digest)


def sealed(tags: str, raw: bytes, key: Key) -> str:
    """The value of a DKIM-Signature (rsa-sha256, relaxed/relaxed) over a mail (CRLF) with just these tags, odd and
    doubled ones, too, folded as they are: what stands in its bh= and b= becomes what must stand there."""
    head, _, body = raw.partition(b"\r\n\r\n")
    if length := re.search(r"\bl=(\d+)", tags):
        body = body[: int(length[1])]
    body_hash = base64.b64encode(sha256(_body(body)).digest()).decode()
    tags = re.sub(r"\bbh=[^;]*", f"bh={body_hash}", tags)
    begin = re.sub(r"\bb=[^;]*", "b=", tags)
    names = re.search(r"\bh=([^;]*)", tags)
    assert names, tags
    own = re.sub(r"[ \t]+", " ", begin.replace("\r\n", "")).strip()
    covered = _covered(head, re.sub(r"\s", "", names[1]))
    digest = sha256(covered + b"dkim-signature:" + own.encode()).digest()
    value = base64.b64encode(_signed(key, digest)).decode()
    return re.sub(r"\bb=(?=;|$)", f"b={value}", begin)


def _signed(key: Key, digest: bytes) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(digest)
    return key.sign(digest, padding.PKCS1v15(), Prehashed(SHA256()))


def _body(body: bytes) -> bytes:
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


def _covered(head: bytes, headers: str) -> bytes:
    """The lowest of each name first, as often as it is named."""
    fields = [one.partition(b":") for one in re.split(rb"\r\n(?![ \t])", head)]
    left = [(name.strip().lower(), value) for name, _, value in reversed(fields)]
    covered = b""
    for name in headers.lower().split(":"):
        at = next((at for at, (key, _) in enumerate(left) if key == name.strip().encode()), None)
        if at is not None:
            value = re.sub(rb"[ \t]+", b" ", left.pop(at)[1].replace(b"\r\n", b"")).strip()
            covered += name.strip().encode() + b":" + value + b"\r\n"
    return covered
