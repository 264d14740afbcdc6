"""A certificate with its private key, with which Placet proves to Entra ID that it is the application.

CertificateInvalid      a file that cannot be used; the sentence says why and what to do
    PasswordWrong       its password is missing or wrong

Microsoft: "Microsoft identity platform application authentication certificate credentials", and on keys "Create a
self-signed public certificate to authenticate your application": Entra ID takes RSA only, 2048 bits or more.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import SecretStr

LARGEST = 64 * 1024  # bytes of a file
LONGEST_PASSWORD = 500  # characters
LONGEST_READING = 20.0  # seconds; a file of the usual kind takes a tenth of one
LONGEST_NAME = 64  # characters of a common name (X.520 ub-common-name)
#: Bits. Longer than 2048 as Germany's BSI wants it of keys (3000 and more) and Entra ID takes it; 4096 would make each
#: signature twice as slow and nothing safer within two years.
KEY_BITS = 3072
LIVES = {12: timedelta(days=365), 24: timedelta(days=730)}  # by months
EARLIER = timedelta(minutes=10)  # before now, for a clock at Microsoft's that is behind ours

_PROGRAM = Path(__file__).with_name("certificate_file.py")


class CertificateInvalid(Exception):
    """One sentence for an administrator."""


class PasswordWrong(CertificateInvalid):
    """The file is encrypted, and its password is missing or another one."""


@dataclass(frozen=True, repr=False)
class Certificate:
    """`pem` is public, and what Entra ID gets. `key` (PKCS#8, PEM) never leaves but encrypted into the database."""

    pem: str
    key: SecretStr

    @classmethod
    def stored(cls, text: str) -> "Certificate":
        """From what `to_text` gave."""
        at = text.index("-----BEGIN PRIVATE KEY-----")
        return cls(text[:at], SecretStr(text[at:]))

    def to_text(self) -> str:
        """Both, to be stored encrypted."""
        return self.pem + self.key.get_secret_value()

    def __repr__(self) -> str:
        return f"Certificate({self.thumbprint})"

    @cached_property
    def _x509(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.pem.encode())

    @cached_property
    def subject(self) -> str:
        """As it reads, for a page; what somebody wrote into it is text and one short line."""
        named = self._x509.subject.rfc4514_string()
        return "".join(letter if letter.isprintable() else " " for letter in named)[:200].strip()

    @property
    def begins(self) -> datetime:
        return self._x509.not_valid_before_utc

    @property
    def ends(self) -> datetime:
        return self._x509.not_valid_after_utc

    @property
    def bits(self) -> int:
        key = self._x509.public_key()
        return key.key_size if isinstance(key, rsa.RSAPublicKey) else 0

    @cached_property
    def thumbprint(self) -> str:
        """As the Entra admin center shows it: SHA-1 in hexadecimal. It names the certificate and proves nothing."""
        return self._x509.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - a name, no proof

    @cached_property
    def x5t_s256(self) -> str:
        """The header `x5t#S256` of what it signs (RFC 7515 4.1.8)."""
        return base64.urlsafe_b64encode(self._x509.fingerprint(hashes.SHA256())).rstrip(b"=").decode()

    @property
    def der(self) -> bytes:
        """What a .cer file holds."""
        return self._x509.public_bytes(Encoding.DER)

    def check_time(self, now: datetime | None = None) -> None:
        """Raises CertificateInvalid before and after its life."""
        now = now or datetime.now(UTC)
        if self.ends <= now:
            told = _(
                "The certificate {thumbprint} expired on {day}. Make or upload a new one, and add it to the app "
                "registration."
            )
            raise CertificateInvalid(told.format(thumbprint=self.thumbprint, day=_day(self.ends)))
        if self.begins > now:
            told = _(
                "The certificate {thumbprint} is valid only from {day} on. Use another one until then, or set the "
                "clock of this machine if it is wrong."
            )
            raise CertificateInvalid(told.format(thumbprint=self.thumbprint, day=_day(self.begins)))


def _day(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


# --- making one -------------------------------------------------------------------------------------------


def make(common_name: str, months: int, now: datetime | None = None) -> Certificate:
    """A new key pair and its self-signed certificate, which is all that Entra ID asks for."""
    now = now or datetime.now(UTC)
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:LONGEST_NAME])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + LIVES[months])
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_SIGNS, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    in_clear = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return Certificate(certificate.public_bytes(Encoding.PEM).decode(), SecretStr(in_clear))


_SIGNS = x509.KeyUsage(
    digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
    key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
)  # fmt: skip


# --- reading one ------------------------------------------------------------------------------------------

_UNREADABLE = gettext_noop(
    "This is neither a PFX (PKCS#12) nor a PEM file with a certificate and its private key. Export the certificate "
    "again, with its private key."
)
#: What `certificate_file` may say.
WRONG = {
    "unreadable": _UNREADABLE,
    "no_key": gettext_noop(
        "There is a certificate here, but not its private key. Export it as PFX with the private key, or choose the "
        "file of the key too."
    ),
    "no_certificate": gettext_noop(
        "There is a private key here, but no certificate. Choose the file of the certificate too."
    ),
    "other_key": gettext_noop(
        "The private key belongs to another certificate. Choose the key that the certificate was made with."
    ),
    "algorithm": gettext_noop(
        "The file is encrypted in a way that is out of use. Export it again, encrypted with AES-256."
    ),
    "kind": gettext_noop(
        "The key is of the kind {more}, and Entra ID takes RSA keys only. Make a certificate with an RSA key of 2048 "
        "bits or more."
    ),
    "size": gettext_noop(
        "The RSA key has {more} bits; from 2048 to 8192 can be used. Make a certificate with another key."
    ),
    "password": gettext_noop(
        "The password does not open this file. Enter the one that it was exported with."
    ),
    "no_password": gettext_noop("This file is encrypted. Enter the password that it was exported with."),
    "slow": gettext_noop(
        "The password of this file is protected in a way that takes too long, or too much memory, to open. Export it "
        "again with the usual settings."
    ),
}


def read(files: Sequence[bytes], password: str = "", now: datetime | None = None) -> Certificate:
    """The certificate and its private key in one file, or in two. Raises CertificateInvalid."""
    given = [data for data in files if data]
    if not given:
        raise CertificateInvalid(_("Choose the file with the certificate and its private key."))
    if any(len(data) > LARGEST for data in given):
        raise CertificateInvalid(
            _("This file is larger than {number} kB. It must hold the certificate and its key alone.").format(
                number=LARGEST // 1024
            )
        )
    if len(password) > LONGEST_PASSWORD:
        raise _wrong("password")
    answer = _read_apart(given, password)
    if "wrong" in answer:
        raise _wrong(answer["wrong"], answer["more"])
    certificate = Certificate(answer["certificate"], SecretStr(answer["key"]))
    certificate.check_time(now)
    return certificate


def _wrong(what: str, more: str = "") -> CertificateInvalid:
    kind = PasswordWrong if what in ("password", "no_password") else CertificateInvalid
    sentence = WRONG[what]
    return kind(_(sentence).format(more=more))


def _read_apart(files: Sequence[bytes], password: str) -> dict[str, str]:
    """By a process of its own (see `certificate_file`)."""
    asked = json.dumps({"files": [base64.b64encode(data).decode() for data in files], "password": password})
    try:
        done = subprocess.run(  # noqa: S603 - our own program; what is read goes through a pipe
            [sys.executable, "-I", str(_PROGRAM)],
            input=asked.encode() + b"\n",
            capture_output=True,
            timeout=LONGEST_READING,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return {"wrong": "slow", "more": ""}
    except subprocess.CalledProcessError:  # its traceback may quote what it read: not logged
        return {"wrong": "unreadable", "more": ""}
    answer: dict[str, str] = json.loads(done.stdout)
    return answer
