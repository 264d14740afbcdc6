"""Client assertions: a JWT that an application signs with its certificate's key instead of sending a secret.

Microsoft's page "Microsoft identity platform application authentication certificate credentials". Taken are the
algorithms PS256 and RS256, and the certificate's SHA-256 (`x5t#S256`) or SHA-1 (`x5t`), with or without padding.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SKEW = 300.0
"""Seconds by which a client's clock may be wrong."""
_VISIT = "Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '{}'"


class WrongAssertion(Exception):
    """Entra refuses the assertion, with this AADSTS code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Certificate:
    """A certificate that was uploaded to the app registration."""

    sha1: bytes
    sha256: bytes
    not_before: datetime
    not_after: datetime
    key: RSAPublicKey

    @classmethod
    def read(cls, given: bytes) -> Certificate:
        """From PEM or DER. Raises ValueError."""
        pem = b"-----BEGIN CERTIFICATE-----" in given
        certificate = x509.load_pem_x509_certificate(given) if pem else x509.load_der_x509_certificate(given)
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise ValueError("Entra takes certificates with an RSA key.")
        return cls(
            certificate.fingerprint(hashes.SHA1()),  # noqa: S303 - the name by which Entra shows it
            certificate.fingerprint(hashes.SHA256()),
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
            key,
        )

    @property
    def thumbprint(self) -> str:
        """As Entra shows it: SHA-1 in hexadecimal."""
        return self.sha1.hex().upper()


def check(
    assertion: str, client_id: str, certificates: Iterable[Certificate], host: str, tenants: Iterable[str]
) -> None:
    """Raises WrongAssertion unless this app's key has signed it, for this endpoint, for now.

    `host` is where the client sent it, `tenants` the names that the tenant has in an address.
    """
    header, claims, signed, signature = _taken_apart(assertion)
    certificate, thumbprint = _certificate(header, certificates, client_id)
    _check_signature(header, certificate, thumbprint, client_id, signed, signature)
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise WrongAssertion(
            700021, "Client assertion application identifier doesn't match 'client_id' parameter."
        )
    _check_audience(claims.get("aud"), host, tenants)
    _check_times(claims)


def _taken_apart(assertion: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    parts = assertion.split(".")
    try:
        header, claims, signature = (_decoded(part) for part in parts)
        shown = json.loads(header), json.loads(claims)
    except ValueError:
        shown = None, None
    if not isinstance(shown[0], dict) or not isinstance(shown[1], dict):
        raise WrongAssertion(50027, "Invalid JWT token. Token format not valid.")
    return shown[0], shown[1], ".".join(parts[:2]).encode(), signature


def _certificate(
    header: Mapping[str, Any], certificates: Iterable[Certificate], client_id: str
) -> tuple[Certificate, str]:
    """The certificate that the header names, and the name in hexadecimal."""
    for name, of in (("x5t#S256", "sha256"), ("x5t", "sha1")):
        given = header.get(name)
        if not isinstance(given, str):
            continue
        try:
            wanted = _decoded(given.rstrip("="))
        except ValueError:
            wanted = b""
        for certificate in certificates:
            if getattr(certificate, of) == wanted:
                return certificate, wanted.hex().upper()
        raise _invalid("The key was not found.", wanted.hex().upper(), client_id)
    raise WrongAssertion(
        50027,
        "Invalid JWT token. No certificate SHA-1 thumbprint, certificate SHA-256 thumbprint, nor keyId specified in "
        "token header.",
    )


def _check_signature(
    header: Mapping[str, Any],
    certificate: Certificate,
    thumbprint: str,
    client_id: str,
    signed: bytes,
    signature: bytes,
) -> None:
    if not certificate.not_before <= datetime.now(UTC) <= certificate.not_after:
        raise _invalid("The key used is expired.", thumbprint, client_id, certificate)
    schemes: dict[Any, padding.AsymmetricPadding] = {
        "PS256": padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size),
        "RS256": padding.PKCS1v15(),
    }
    try:
        certificate.key.verify(signature, signed, schemes[header.get("alg")], hashes.SHA256())
    except (InvalidSignature, KeyError, TypeError):
        raise _invalid(
            "The provided signature value did not match the expected signature value.",
            thumbprint,
            client_id,
            certificate,
        ) from None


def _invalid(
    reason: str, thumbprint: str, client_id: str, certificate: Certificate | None = None
) -> WrongAssertion:
    found = ""
    if certificate is not None:
        start, end = (f"{at:%m/%d/%Y %H:%M:%S}" for at in (certificate.not_before, certificate.not_after))
        found = f" Found key 'Start={start}, End={end}',"
    return WrongAssertion(
        700027,
        f"Client assertion contains an invalid signature. [Reason - {reason}, Thumbprint of key used by client: "
        f"'{thumbprint}',{found} {_VISIT.format(client_id)}].",
    )


def _check_audience(audience: Any, host: str, tenants: Iterable[str]) -> None:
    """The token endpoint or the issuer, at the host that the client uses."""
    parts = urlsplit(audience if isinstance(audience, str) else "")
    paths = {f"/{name}{rest}" for name in tenants for rest in ("/oauth2/v2.0/token", "/v2.0")}
    if parts.netloc.lower() != host.lower() or parts.path.lower() not in paths:
        raise WrongAssertion(
            700023,
            "Client assertion audience claim does not match Realm issuer. Review the documentation at "
            "https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .",
        )


def _check_times(claims: Mapping[str, Any]) -> None:
    now = time.time()
    start, end = (claims.get(name, usual) for name, usual in (("nbf", 0), ("exp", 0)))
    if not all(
        isinstance(at, int | float) and not isinstance(at, bool) and 0 <= at < 2**33 for at in (start, end)
    ):
        raise WrongAssertion(50027, "Invalid JWT token. Token format not valid.")
    if not start - _SKEW <= now <= end + _SKEW:
        current, since, until = (
            f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.%fZ}" for at in (now, start, end)
        )
        raise WrongAssertion(
            700024,
            f"Client assertion is not within its valid time range. Current time: {current}, assertion valid from "
            f"{since}, expiry time of assertion {until}. Review the documentation at "
            "https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials .",
        )


def _decoded(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError("not base64url") from None
