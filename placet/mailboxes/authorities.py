"""Certificates of an organisation's own authority, as an administrator uploads them: whom one mailbox's server is
vouched for by."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from django.utils.translation import gettext as _

from placet.mailboxes.http import printable
from placet.mailboxes.settings import Reader, Reading, Wrong

LARGEST = 128 * 1024  # bytes of one upload
MOST = 20  # certificates in it
PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
PRIVATE = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")


class AuthoritiesInvalid(ValueError):
    """In words, for whoever uploaded them."""


@dataclass(frozen=True)
class Authority:
    """One certificate, as it is shown."""

    subject: str
    issuer: str
    fingerprint: str  # SHA-256, in pairs of hexadecimal digits with colons
    until: datetime  # UTC


def read(data: bytes, now: datetime | None = None) -> str:
    """The certificates in `data` (PEM, one or several; or DER, or its base64) as PEM, each once. Raises
    AuthoritiesInvalid for what cannot vouch for a server."""
    if len(data) > LARGEST:
        raise AuthoritiesInvalid(_("This file is too large for certificates of an authority."))
    if PRIVATE.search(data):
        raise AuthoritiesInvalid(
            _(
                "There is a private key in it. It belongs nowhere but on its own machine: upload the certificate alone."
            )
        )
    certificates = _certificates(data)
    for certificate in certificates:
        _vouches(certificate, now or datetime.now(UTC))
    return "".join(
        dict.fromkeys(certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates)
    )


def shown(pem: str) -> list[Authority]:
    """What was read, for people; nothing of ""."""
    if not pem:
        return []
    return [
        Authority(
            _named(certificate.subject),
            _named(certificate.issuer),
            certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
            certificate.not_valid_after_utc,
        )
        for certificate in x509.load_pem_x509_certificates(pem.encode())
    ]


def reader(name: str) -> Reader:
    """Reads the setting `name`: bytes of a file, or text that was pasted."""

    def read_setting(raw: Any, reading: Reading) -> str:
        if not isinstance(raw, bytes | str):
            raise Wrong(_("Enter text."))
        try:
            pem = read(raw if isinstance(raw, bytes) else raw.encode())
        except AuthoritiesInvalid as invalid:
            raise Wrong(str(invalid)) from None
        named = [
            _("{name}, until {date}, SHA-256 {fingerprint}").format(
                name=one.subject, date=one.until.date().isoformat(), fingerprint=one.fingerprint
            )
            for one in shown(pem)
        ]
        words = _("Believed for this mailbox alone: {authorities}.").format(authorities="; ".join(named))
        reading.notices[name] = words
        return pem

    return read_setting


def _certificates(data: bytes) -> Sequence[x509.Certificate]:
    blocks = PEM.findall(data)
    if len(blocks) > MOST:
        raise AuthoritiesInvalid(_("At most {number} certificates can be uploaded.").format(number=MOST))
    try:
        if blocks:
            return [x509.load_pem_x509_certificate(block) for block in blocks]
        return [x509.load_der_x509_certificate(_der(data))]
    except (ValueError, UnsupportedAlgorithm):
        raise AuthoritiesInvalid(
            _("This is no certificate. Upload the authority's certificate as PEM or DER (.pem, .crt, .cer).")
        ) from None


def _der(data: bytes) -> bytes:
    if data[:1] == b"\x30":
        return data
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)
    except binascii.Error as error:
        raise ValueError from error


def _vouches(certificate: x509.Certificate, now: datetime) -> None:
    """A certificate of an authority, or one that a server made for itself, as Exchange does at its installation."""
    name = _named(certificate.subject)
    until = certificate.not_valid_after_utc
    if until < now:
        raise AuthoritiesInvalid(
            _("The certificate of {name} ended on {date}.").format(name=name, date=until.date().isoformat())
        )
    if not _is_authority(certificate) and certificate.subject != certificate.issuer:
        raise AuthoritiesInvalid(
            _(
                "The certificate of {name} is a server's own, made by {issuer}: upload that authority's certificate."
            ).format(name=name, issuer=_named(certificate.issuer))
        )


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _named(name: x509.Name) -> str:
    return printable(name.rfc4514_string()) or "–"
