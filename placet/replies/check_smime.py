"""Whether an S/MIME signature (CMS: RFC 5652, RFC 8551) is of these bytes, and by whose certificate.

asn1crypto reads the structure and `cryptography` reckons. One signer, one digest, signed attributes that name the
digest of the content once: what a CMS may have beside that is what attacks are made of. Whose certificate it must be,
and which authorities count, is in `placet.lib.certificates`. Linear in the size of what is given, once
`placet.lib.asn1` has seen that it is in bounds.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from placet.lib.asn1 import must_be_bounded
from placet.lib.sentences import Sentence
from placet.replies.parse.signed import Scheme, SignatureUnfit, SignedPart, must_read_alike

if TYPE_CHECKING:
    from cryptography import x509

MOST_CERTIFICATES = 20  # in one signature
LARGEST_RSA_EXPONENT = 2**32
_HASHES = ("sha256", "sha384", "sha512")
#: What asn1crypto raises for what is not as it must be, some of it only when a field is asked for.
_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class SignedBytes:
    """What was signed, and by which certificate; nothing is said of whether that certificate counts."""

    content: bytes
    certificate: "x509.Certificate"
    others: Sequence["x509.Certificate"]  # that came with it
    algorithm: str  # "rsassa_pss with sha256" and its kin
    signed_at: str  # as the signer says, ISO 8601; "" if it does not


def signed_bytes(part: SignedPart) -> SignedBytes:
    """Raises SignatureUnfit where the signature is not of these bytes, or is none that can be judged."""
    try:
        return _signed_bytes(part)
    except _UNREADABLE as error:
        raise SignatureUnfit(Sentence("the signature cannot be read")) from error


def _signed_bytes(part: SignedPart) -> SignedBytes:
    from asn1crypto import cms

    must_be_bounded(part.signature)
    whole = cms.ContentInfo.load(part.signature, strict=True)
    if whole["content_type"].native != "signed_data":
        raise SignatureUnfit(
            Sentence("it is encrypted, or not signed (CMS {kind})", kind=whole["content_type"].native)
        )
    signed = whole["content"]
    content = _content(part, signed["encap_content_info"])
    if len(signed["signer_infos"]) != 1:
        raise SignatureUnfit(
            Sentence("it has {number} signers where there must be one", number=len(signed["signer_infos"]))
        )
    signer = signed["signer_infos"][0]
    certificates = _certificates(signed["certificates"])
    certificate = _of_signer(signer["sid"], certificates)
    digest = signer["digest_algorithm"]["algorithm"].native
    if digest not in _HASHES:
        raise SignatureUnfit(
            Sentence("it is made with {algorithm}, which can be forged", algorithm=str(digest).upper())
        )
    attributes = _attributes(signer["signed_attrs"])
    _must_name(attributes, content, digest)
    algorithm = _must_hold(signer, certificate, digest)
    others = [one for one in certificates if one != certificate]
    return SignedBytes(content, certificate, others, algorithm, _signing_time(attributes))


def _content(part: SignedPart, info: Any) -> bytes:
    """RFC 8551 2.4.2: the content is a mail part. It stands beside the signature or inside of it, never both."""
    if info["content_type"].native != "data":
        raise SignatureUnfit(Sentence("what is signed is no mail part"))
    inside = info["content"].native
    if (part.scheme is Scheme.SMIME_WRAPPED) != (inside is not None):
        raise SignatureUnfit(Sentence("what is signed stands in two places, or in none"))
    if inside is None:
        return part.content
    must_read_alike(bytes(inside))
    return bytes(inside)


def _certificates(choices: Any) -> "list[x509.Certificate]":
    from cryptography import x509

    from placet.lib.certificates import UNREADABLE

    if not choices or len(choices) > MOST_CERTIFICATES:
        raise SignatureUnfit(
            Sentence("it brings no certificate along, or more than {number}", number=MOST_CERTIFICATES)
        )
    found = []
    for choice in choices:
        if choice.name != "certificate":
            continue
        try:
            found.append(x509.load_der_x509_certificate(choice.chosen.dump()))
        except UNREADABLE:
            continue  # somebody's odd one beside that of the signer does not matter: it is on no way
    return found


def _of_signer(sid: Any, certificates: "Sequence[x509.Certificate]") -> "x509.Certificate":
    """The certificate that the signature names, if there is one only."""
    from cryptography import x509

    if sid.name == "issuer_and_serial_number":
        issuer, serial = sid.chosen["issuer"].dump(), sid.chosen["serial_number"].native
        named = [
            one for one in certificates if (one.issuer.public_bytes(), one.serial_number) == (issuer, serial)
        ]
    else:
        key_id = sid.chosen.native
        named = []
        for one in certificates:
            try:
                own = one.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
            except (x509.ExtensionNotFound, ValueError):
                continue
            named += [one] if own == key_id else []
    if len(set(named)) != 1:
        raise SignatureUnfit(
            Sentence("the certificate that it names does not come with it, or is there twice")
        )
    return named[0]


def _attributes(signed: Any) -> dict[str, Any]:
    """By name; each is there once, with one value (RFC 5652 5.3, 11). Without signed attributes the signature could be
    taken for one of other bytes, and the other way round."""
    if signed.native is None:
        raise SignatureUnfit(Sentence("it has no signed attributes"))
    attributes: dict[str, Any] = {}
    for attribute in signed:
        name = attribute["type"].native
        if name in attributes or (name in _ONCE and len(attribute["values"]) != 1):
            raise SignatureUnfit(Sentence("one of its signed attributes is there twice"))
        attributes[name] = attribute["values"]
    return attributes


_ONCE = ("content_type", "message_digest", "signing_time")


def _must_name(attributes: dict[str, Any], content: bytes, digest: str) -> None:
    import hashlib

    if "content_type" not in attributes or attributes["content_type"][0].native != "data":
        raise SignatureUnfit(Sentence("its signed attributes are of something else"))
    named = attributes["message_digest"][0].native if "message_digest" in attributes else b""
    if not hmac.compare_digest(hashlib.new(digest, content).digest(), named):
        raise SignatureUnfit(
            Sentence("it does not belong to these bytes: something was changed, or it was never right")
        )


def _signing_time(attributes: dict[str, Any]) -> str:
    if "signing_time" not in attributes:
        return ""
    time = attributes["signing_time"][0].native
    return time.astimezone(UTC).isoformat() if isinstance(time, datetime) else ""


# ---------------------------------------------------------------------- the signature


def _must_hold(signer: Any, certificate: "x509.Certificate", digest: str) -> str:
    """The algorithm, in words. Raises SignatureUnfit."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    from placet.lib.certificates import UNREADABLE, CertificateUnfit, must_be_strong_key

    algorithm = signer["signature_algorithm"]
    name, value = algorithm["algorithm"].native, signer["signature"].native
    # RFC 5652 5.4: of the attributes as a SET, whatever tag they stand under.
    covered = b"\x31" + signer["signed_attrs"].dump()[1:]
    try:
        key = certificate.public_key()
        must_be_strong_key(key)
        if isinstance(key, rsa.RSAPublicKey) and name in (
            "rsassa_pkcs1v15",
            "sha256_rsa",
            "sha384_rsa",
            "sha512_rsa",
            "rsassa_pss",
        ):
            _verify_rsa(key, algorithm, value, covered, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and name in (f"{digest}_ecdsa", "ecdsa"):
            key.verify(value, covered, ec.ECDSA(_hash(digest)))
        elif isinstance(key, ed25519.Ed25519PublicKey) and name == "ed25519":
            key.verify(value, covered)
        else:
            raise SignatureUnfit(Sentence("its algorithm is none that counts"))
    except InvalidSignature:
        raise SignatureUnfit(Sentence("it is not by the key of the certificate that it names")) from None
    except CertificateUnfit as unfit:
        raise SignatureUnfit(Sentence("of the certificate: {why}", why=unfit.sentence)) from unfit
    except UNREADABLE as error:
        raise SignatureUnfit(Sentence("the key of its certificate cannot be read")) from error
    return f"{name} with {digest}"


def _verify_rsa(key: Any, algorithm: Any, value: bytes, covered: bytes, digest: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import padding

    name, hashed = algorithm["algorithm"].native, _hash(digest)
    if key.public_numbers().e >= LARGEST_RSA_EXPONENT:
        raise SignatureUnfit(Sentence("its key would take too long to check"))
    if name == "rsassa_pss":
        given = algorithm["parameters"]
        mask = given["mask_gen_algorithm"]
        if (given["hash_algorithm"]["algorithm"].native, mask["algorithm"].native) != (digest, "mgf1") or (
            mask["parameters"]["algorithm"].native != digest
        ):
            raise SignatureUnfit(Sentence("its algorithm is none that counts"))
        length = given["salt_length"].native
        key.verify(value, covered, padding.PSS(padding.MGF1(hashed), length), hashed)
        return
    if name not in ("rsassa_pkcs1v15", f"{digest}_rsa"):
        raise SignatureUnfit(Sentence("its algorithm is none that counts"))
    key.verify(value, covered, padding.PKCS1v15(), hashed)


def _hash(digest: str) -> Any:
    from cryptography.hazmat.primitives import hashes

    kinds: dict[str, Any] = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}
    return kinds[digest]()


def mark(content: bytes, signer: str, signed_at: str) -> str:
    """What is the same of a mail that is sent once more in another envelope: what was signed, by which key and when.
    The signature itself is not: of some algorithms others that hold can be made of it without the key. Nor is the
    certificate: nothing that is signed names it, and a renewed one may be of the same key."""
    return sha256(b"\0".join((sha256(content).digest(), signer.encode(), signed_at.encode()))).hexdigest()
