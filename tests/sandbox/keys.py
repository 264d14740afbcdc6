"""Certificates with their keys, made here, and the assertions that are signed with them."""

from __future__ import annotations

import base64
import functools
import json
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class Pair:
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        form = serialization.PrivateFormat.PKCS8
        clear = serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, form, clear).decode()

    @property
    def sha1(self) -> bytes:
        return self.certificate.fingerprint(hashes.SHA1())

    @property
    def sha256(self) -> bytes:
        return self.certificate.fingerprint(hashes.SHA256())


@functools.cache
def pair(name: str = "placet", first_day: int = -1, last_day: int = 30) -> Pair:
    """A self-signed certificate that is good between these days from now."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=first_day))
        .not_valid_after(now + timedelta(days=last_day))
        .sign(key, hashes.SHA256())
    )
    return Pair(key, certificate)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def assertion(of: Pair, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """The assertion, signed as its header says (PS256 or RS256)."""
    signed = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
    scheme: padding.AsymmetricPadding = (
        padding.PSS(padding.MGF1(hashes.SHA256()), 32) if header["alg"] == "PS256" else padding.PKCS1v15()
    )
    return f"{signed}.{base64url(of.key.sign(signed.encode(), scheme, hashes.SHA256()))}"


def claims(client_id: str, audience: str, **more: Any) -> dict[str, Any]:
    now = int(time.time())
    return {
        "aud": audience,
        "iss": client_id,
        "sub": client_id,
        "jti": str(uuid.uuid4()),
        "nbf": now,
        "iat": now,
        "exp": now + 600,
    } | more
