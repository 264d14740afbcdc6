"""What certificates of persons (RFC 5280, S/MIME: RFC 8550) must be, the way from one to an authority, and whether it
was revoked.

The way is looked for by `cryptography.x509.verification`: signatures, names, validity, basicConstraints, the length of
the way and name constraints, addresses included, are its own. What it leaves to whoever calls it, or takes although it
proves little (small RSA keys, certificates for something else), is judged here. Nothing is fetched.

Why not pyhanko-certvalidator, which finds such ways too and asks OCSP: what counts here are the lists that an
administrator brought, one of every authority on the way. It looks into one only where the certificate names an
address for it: a revoked certificate that names none was taken by its `soft-fail` and its `hard-fail`, although the
list was handed in (0.33), and refused by `require` alone. The rule below has no such modes to be chosen wrongly,
and `cryptography` is here anyway.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from placet.lib.sentences import Sentence

SMALLEST_RSA, LARGEST_RSA = (
    2048,
    8192,
)  # bits; the largest because each check takes the longer, the larger it is
LONGEST_WAY = 4  # authorities between a person's certificate and the one that is believed
MOST_CERTIFICATES = 12  # that a mail brings along
STRONG_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
STRONG_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
#: What reading a hostile certificate raises, some of it only when a field is asked for.
UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion)


class CertificateUnfit(Exception):
    """`sentence` says why a certificate does not count; it goes on behind a colon."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence


@dataclass(frozen=True)
class Way:
    """From a person's certificate, which is the first, to that of an authority that is believed, the last."""

    certificates: Sequence[x509.Certificate]

    @property
    def authority(self) -> x509.Certificate:
        return self.certificates[-1]


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256, hexadecimal in lower case."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def key_fingerprint(certificate: x509.Certificate) -> str:
    """The same of its public key, which several certificates may be of."""
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(key).hexdigest()


def addresses_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The mail addresses that its issuer vouches for, lower case: those of subjectAltName. An address in a name (CN,
    emailAddress) is whatever its owner wrote."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(name.lower() for name in names.get_values_for_type(x509.RFC822Name))


def may_issue(certificate: x509.Certificate) -> bool:
    """Whether it may be an authority's."""
    constraints = _extension(certificate, x509.BasicConstraints)
    usage = _extension(certificate, x509.KeyUsage)
    return constraints is not None and constraints.ca and (usage is None or usage.key_cert_sign)


def must_be_for_mail(certificate: x509.Certificate) -> None:
    """Raises CertificateUnfit where a person may not sign mails with it (RFC 8550 4.4)."""
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise CertificateUnfit(Sentence("it is an authority's, not a person's"))
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise CertificateUnfit(Sentence("it is not for signing (keyUsage)"))
    purposes = _extension(certificate, x509.ExtendedKeyUsage)
    if purposes is None or ExtendedKeyUsageOID.EMAIL_PROTECTION not in purposes:
        raise CertificateUnfit(Sentence("it is not for mail (extendedKeyUsage has no emailProtection)"))


def must_be_strong(certificate: x509.Certificate, *, is_believed: bool = False) -> None:
    """Raises CertificateUnfit for keys and signatures that can be forged today. `is_believed`: nobody looks at the
    signature of an authority on itself."""
    must_be_strong_key(certificate.public_key())
    algorithm = certificate.signature_hash_algorithm  # None: it has one of its own, as Ed25519
    if not is_believed and algorithm is not None and not isinstance(algorithm, STRONG_HASHES):
        raise CertificateUnfit(
            Sentence("it was signed with {algorithm}, which can be forged", algorithm=algorithm.name.upper())
        )


def must_be_strong_key(key: Any) -> None:
    """Raises CertificateUnfit for one that is too small, or of no kind that is checked here."""
    if isinstance(key, rsa.RSAPublicKey):
        if not SMALLEST_RSA <= key.key_size <= LARGEST_RSA:
            raise CertificateUnfit(Sentence("its RSA key has {number} bits", number=key.key_size))
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if not isinstance(key.curve, STRONG_CURVES):
            raise CertificateUnfit(Sentence("its key is on the curve {name}", name=key.curve.name))
    elif not isinstance(key, ed25519.Ed25519PublicKey):
        raise CertificateUnfit(Sentence("its key is of a kind that is not checked here"))


def must_be_valid(certificate: x509.Certificate, at: datetime) -> None:
    """Raises CertificateUnfit where it was not valid yet, or no longer."""
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise CertificateUnfit(
            Sentence(
                "it is valid from {first} to {last}",
                first=f"{certificate.not_valid_before_utc:%Y-%m-%d}",
                last=f"{certificate.not_valid_after_utc:%Y-%m-%d}",
            )
        )


def _extension(certificate: x509.Certificate, kind: Any) -> Any:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


# ---------------------------------------------------------------------- the way to an authority


def way_to_authority(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    authorities: Sequence[x509.Certificate],
    at: datetime,
) -> Way:
    """From a person's certificate over `others`, which nobody has to believe, to one of `authorities`, all of it valid
    at `at`. Raises CertificateUnfit."""
    must_be_for_mail(leaf)
    must_be_valid(leaf, at)
    must_be_strong(leaf)
    if len(others) > MOST_CERTIFICATES:
        raise CertificateUnfit(
            Sentence("more than {number} certificates come with it", number=MOST_CERTIFICATES)
        )
    if not authorities:
        raise CertificateUnfit(Sentence("no authority is entered here"))
    policy = (
        PolicyBuilder()
        .store(Store(list(authorities)))
        .time(at.replace(tzinfo=None))
        .max_chain_depth(LONGEST_WAY)
    )
    try:
        verifier = policy.extension_policies(
            ca_policy=_of_authority(), ee_policy=_of_person()
        ).build_client_verifier()
        chain = verifier.verify(leaf, list(others)).chain
    except (VerificationError, *UNREADABLE) as error:
        raise CertificateUnfit(
            Sentence("it does not lead to an authority that is entered here ({error})", error=_short(error))
        ) from error
    _must_not_be_excluded(leaf, chain[1:])
    for number, certificate in enumerate(chain):
        must_be_strong(certificate, is_believed=number == len(chain) - 1)
    return Way(tuple(chain))


def _must_not_be_excluded(leaf: x509.Certificate, authorities: Sequence[x509.Certificate]) -> None:
    """RFC 5280 4.2.1.10 tells addresses apart by the case of what stands before the @, as the verifier does. Nowhere
    else here is `Bob@` another person than `bob@`: who is excluded as the one is not let in as the other."""
    addresses = set(addresses_of(leaf))
    for authority in authorities:
        names = _extension(authority, x509.NameConstraints)
        for name in (names and names.excluded_subtrees) or ():
            if isinstance(name, x509.RFC822Name) and name.value.lower() in addresses:
                raise CertificateUnfit(
                    Sentence("an authority on the way may issue nothing for {address}", address=name.value)
                )


def _short(error: Exception) -> str:
    """Without what names the certificate in Rust's form."""
    text = str(error).partition(" (encountered")[0].removeprefix("validation failed: ")
    return FORBIDDEN if "Forbidden" in text else text[:200]


FORBIDDEN = "a certificate on the way was signed with something that can be forged"


def _of_person() -> ExtensionPolicy:
    """What `must_be_for_mail` does not ask. RFC 8550 3: the addresses stand in subjectAltName."""
    return ExtensionPolicy.permit_all().require_present(
        x509.SubjectAlternativeName, Criticality.AGNOSTIC, None
    )


def _of_authority() -> ExtensionPolicy:
    return (
        ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _must_be_authority)
        .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _must_sign_certificates)
        .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _must_be_for_mail_too)
    )


def _must_be_authority(
    _policy: object, _certificate: x509.Certificate, constraints: x509.BasicConstraints
) -> None:
    if not constraints.ca:
        raise ValueError("a certificate on the way is no authority's")


def _must_sign_certificates(
    _policy: object, _certificate: x509.Certificate, usage: x509.KeyUsage | None
) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("a certificate on the way may not issue others")


def _must_be_for_mail_too(
    _policy: object, _certificate: x509.Certificate, purposes: x509.ExtendedKeyUsage | None
) -> None:
    """An authority for web servers alone issues no certificates for mail."""
    allowed = {ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if purposes is not None and not allowed & set(purposes):
        raise ValueError("an authority on the way is not for mail")


# ---------------------------------------------------------------------- revoked


def must_be_whole(revoked: x509.CertificateRevocationList) -> None:
    """Raises CertificateUnfit for a list that tells of some certificates of its issuer alone (RFC 5280 5.2.4, 5.2.5):
    one that it does not name may be revoked all the same."""
    for kind in (x509.IssuingDistributionPoint, x509.DeltaCRLIndicator):
        if _of_list(revoked, kind) is not None:
            raise CertificateUnfit(Sentence("the list of revoked certificates is of a part of them alone"))
    if revoked.next_update_utc is None:
        raise CertificateUnfit(Sentence("the list of revoked certificates does not say until when it holds"))


def _of_list(revoked: x509.CertificateRevocationList, kind: Any) -> Any:
    try:
        return revoked.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def must_not_be_revoked(
    way: Way, lists: Sequence[x509.CertificateRevocationList], at: datetime
) -> list[x509.CertificateRevocationList]:
    """The lists that were looked into: one of each issuer on the way, which it signed itself, and which held at `at`.
    Raises CertificateUnfit where one is missing, or names a certificate, whatever the day it gives for that: since when
    a key is in other hands nobody knows so exactly."""
    used = []
    for certificate, issuer in itertools.pairwise(way.certificates):
        current = [one for one in lists if one.issuer == issuer.subject and _holds(one, issuer, at)]
        if not current:
            raise CertificateUnfit(
                Sentence(
                    "no list of revoked certificates by “{issuer}” is here that is current",
                    issuer=issuer.subject.rfc4514_string()[:200],
                )
            )
        for one in current:
            if one.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
                raise CertificateUnfit(
                    Sentence("“{name}” was revoked", name=certificate.subject.rfc4514_string()[:200])
                )
        used.append(max(current, key=lambda one: one.last_update_utc))
    return used


def _holds(revoked: x509.CertificateRevocationList, issuer: x509.Certificate, at: datetime) -> bool:
    try:
        must_be_whole(revoked)
        if revoked.next_update_utc is None or revoked.next_update_utc < at:
            return False
        return revoked.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # a kind that signs nothing
    except (CertificateUnfit, *UNREADABLE):
        return False
