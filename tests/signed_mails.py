"""Mails that somebody signed, for tests: certificates, CMS by hand after RFC 5652 (another reading of it than
Placet's), and OpenPGP by Sequoia. What a test wants otherwise it says by name."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from hashlib import new as new_hash
from typing import Any

from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from placet.sandbox.server import Mail
from tests.journeys.letters import code_of, quote_of, reply_to

MAIL = (ExtendedKeyUsageOID.EMAIL_PROTECTION,)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def key(name: str, bits: int = 0) -> Key:
    """The same for the same name; of RSA where `bits` are given."""
    return rsa.generate_private_key(65537, bits) if bits else ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Holder:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)


def issue(
    name: str,
    issuer: Holder | None = None,
    *,
    own: Key | None = None,
    authority: bool = False,
    addresses: Sequence[str] = (),
    purposes: Sequence[x509.ObjectIdentifier] | None = MAIL,
    signs: bool = True,
    days: tuple[float, float] = (-2, 365),
    serial: int | None = None,
    more: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> Holder:
    """A certificate of a person, or of an authority; signed by itself without `issuer`."""
    own = own or key(name)
    by = issuer or None
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(own.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(authority, None), True)
        .add_extension(_usage(signs=signs and not authority, authority=authority), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), False)
    )
    if addresses:
        names = x509.SubjectAlternativeName([x509.RFC822Name(one) for one in addresses])
        made = made.add_extension(names, False)
    if purposes and not authority:
        made = made.add_extension(x509.ExtendedKeyUsage(purposes), False)
    for extension, critical in more:
        made = made.add_extension(extension, critical)
    return Holder(made.sign(by.key if by else own, hashes.SHA256()), own)


def with_sha1(holder: Holder, issuer: Holder) -> Holder:
    """The same certificate with a signature that `cryptography` no longer makes. The issuer's key is of a curve."""
    assert isinstance(issuer.key, ec.EllipticCurvePrivateKey)
    made = asn1_x509.Certificate.load(holder.certificate.public_bytes(Encoding.DER))
    for one in (made["tbs_certificate"]["signature"], made["signature_algorithm"]):
        one["algorithm"] = "sha1_ecdsa"
    tbs = made["tbs_certificate"].dump(force=True)
    made["signature_value"] = issuer.key.sign(tbs, ec.ECDSA(hashes.SHA1()))
    return Holder(x509.load_der_x509_certificate(made.dump(force=True)), holder.key)


def _usage(*, signs: bool, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=not signs and not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def revoked_by(
    issuer: Holder, *serials: int, days: tuple[float, float] = (-1, 30), more: Sequence[tuple[Any, bool]] = ()
) -> x509.CertificateRevocationList:
    now = datetime.now(UTC)
    made = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now + timedelta(days=days[0]))
        .next_update(now + timedelta(days=days[1]))
    )
    for extension, critical in more:
        made = made.add_extension(extension, critical)
    for serial in serials:
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - timedelta(days=1))
        made = made.add_revoked_certificate(one.build())
    return made.sign(issuer.key, hashes.SHA256())


# --- CMS ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Signing:
    """How a signature is made."""

    by: Holder
    others: Sequence[Holder] = ()  # certificates that come along
    digest: str = "sha256"
    wrapped: bool = False  # the content stands inside
    attributes: bool = True
    at: datetime | None = None
    timed: bool = True  # says when
    names: bytes | None = None  # the content that the digest is of, where it is another one
    twice: bool = False  # two signers
    pss: bool = False
    inside: bytes | None = None  # a content that stands inside as well
    content_type: str = "data"
    own_certificate: bool = True
    doubled: str = ""  # an attribute that is there twice

    def sign(self, content: bytes) -> bytes:
        """CMS, DER."""
        inside = self.inside if self.inside is not None else content if self.wrapped else None
        signer = self._signer(content)
        chain = [*([self.by] if self.own_certificate else []), *self.others]
        info = {"content_type": "data"} | ({"content": inside} if inside is not None else {})
        signed = cms.SignedData(
            {
                "version": "v1",
                "digest_algorithms": [{"algorithm": self.digest}],
                "encap_content_info": info,
                "certificates": [asn1_x509.Certificate.load(_der(one)) for one in chain],
                "signer_infos": [signer, signer.copy()] if self.twice else [signer],
            }
        )
        return bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump())

    def _signer(self, content: bytes) -> Any:
        named = content if self.names is None else self.names
        attributes = self._attributes(named) if self.attributes else None
        covered = attributes.untag().dump() if attributes is not None else content
        certificate = asn1_x509.Certificate.load(_der(self.by))
        sid = cms.IssuerAndSerialNumber(
            {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
        )
        fields = {
            "version": "v1",
            "sid": cms.SignerIdentifier({"issuer_and_serial_number": sid}),
            "digest_algorithm": {"algorithm": self.digest},
            "signature_algorithm": self._algorithm(),
            "signature": self._signature(covered),
        }
        return cms.SignerInfo(fields | ({"signed_attrs": attributes} if attributes is not None else {}))

    def _attributes(self, content: bytes) -> Any:
        time = core.UTCTime((self.at or datetime.now(UTC)).replace(microsecond=0))
        found: list[dict[str, Any]] = [
            {"type": "content_type", "values": [self.content_type]},
            {"type": "message_digest", "values": [new_hash(self.digest, content).digest()]},
        ]
        if self.timed:
            found.append({"type": "signing_time", "values": [cms.Time({"utc_time": time})]})
        found += [one for one in found if one["type"] == self.doubled]
        return cms.CMSAttributes(found)

    def _algorithm(self) -> Any:
        if isinstance(self.by.key, ec.EllipticCurvePrivateKey):
            return {"algorithm": f"{self.digest}_ecdsa"}
        if self.pss:
            mask = algos.MaskGenAlgorithm({"algorithm": "mgf1", "parameters": {"algorithm": self.digest}})
            return {
                "algorithm": "rsassa_pss",
                "parameters": {
                    "hash_algorithm": {"algorithm": self.digest}, "mask_gen_algorithm": mask, "salt_length": 32,
                },
            }  # fmt: skip
        return {"algorithm": "rsassa_pkcs1v15"}

    def _signature(self, covered: bytes) -> bytes:
        hashed: hashes.HashAlgorithm = getattr(hashes, self.digest.upper())()
        if isinstance(self.by.key, ec.EllipticCurvePrivateKey):
            return self.by.key.sign(covered, ec.ECDSA(hashed))
        if self.pss:
            return self.by.key.sign(covered, padding.PSS(padding.MGF1(hashed), 32), hashed)
        return self.by.key.sign(covered, padding.PKCS1v15(), hashed)


def _der(holder: Holder) -> bytes:
    return holder.certificate.public_bytes(Encoding.DER)


# --- mails --------------------------------------------------------------------------------------------------


def part(text: str, headers: Mapping[str, str] | None = None, parameters: str = "") -> bytes:
    """A text as the part that is signed."""
    lines = [f"Content-Type: text/plain; charset=utf-8{parameters}", "Content-Transfer-Encoding: 8bit"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", *text.split("\n")]).encode()


def approved(asked: Mail, word: str = "approve") -> bytes:
    """An answer that quotes our mail, as the part that is signed."""
    return part(f"{word}{quote_of(asked)}")


@dataclass(frozen=True)
class Envelope:
    """What stands around it."""

    asked: Mail
    sender: str = "Bob Bobson <bob@contoso.example>"
    headers: Mapping[str, str] = field(default_factory=dict)

    def around(self, body: bytes, content_type: str, encoding: str = "") -> bytes:
        headers = {
            "From": self.sender,
            "To": reply_to(self.asked),
            "Subject": f"RE: {self.asked.subject}",
            "Date": format_datetime(datetime.now(UTC)),
            "Message-ID": f"<{uuid.uuid4().hex}@mail.example>",
            "MIME-Version": "1.0",
            "Content-Type": content_type,
            **({"Content-Transfer-Encoding": encoding} if encoding else {}),
            **self.headers,
        }
        return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n" + body

    def beside(
        self, content: bytes, signature: bytes, *, kind: str = "pkcs7-signature", boundary: str = "s1"
    ) -> bytes:
        """multipart/signed. `signature`: of S/MIME in DER, of OpenPGP with its armour."""
        content_type = (
            f'multipart/signed; protocol="application/{kind}"; micalg=sha-256; boundary="{boundary}"'
        )
        return self.around(both(content, signature, kind=kind, boundary=boundary), content_type)

    def wrapped(self, signature: bytes) -> bytes:
        return self.around(
            lines_of(signature), 'application/pkcs7-mime; smime-type=signed-data; name="smime.p7m"', "base64"
        )


def both(content: bytes, signature: bytes, *, kind: str = "pkcs7-signature", boundary: str = "s1") -> bytes:
    """The two parts of multipart/signed."""
    name, encoding, body = ("smime.p7s", "base64", lines_of(signature))
    if kind == "pgp-signature":
        name, encoding, body = ("signature.asc", "7bit", signature.replace(b"\n", b"\r\n"))
    delimiter = b"--" + boundary.encode()
    head = f'Content-Type: application/{kind}; name="{name}"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'
    return b"\r\n".join([delimiter, content, delimiter, head.encode() + body, delimiter + b"--", b""])


def lines_of(data: bytes) -> bytes:
    import base64

    return base64.encodebytes(data).replace(b"\n", b"\r\n").rstrip(b"\r\n")


def code_in(asked: Mail) -> str:
    return code_of(asked)
