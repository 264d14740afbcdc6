"""Whether an OpenPGP signature (RFC 9580, PGP/MIME: RFC 3156) is of these bytes, by a key that is entered here.

Sequoia reckons, by its own policy of which algorithms still count. Keys are those that an administrator entered for
the person: what a key says of whose it is, and what is published of it, proves nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from placet.accounts.trust_changes import guarded
from placet.lib.sentences import Sentence
from placet.replies.parse.signed import SignatureUnfit

EXPIRED = Sentence("the OpenPGP keys of this person that are entered here have expired")
FOR_EVER = datetime.max.replace(tzinfo=UTC)
_TYPES = ("Binary", "Text")  # RFC 9580 5.2.1: of a document


@dataclass(frozen=True)
class SignedByKey:
    """By which of the keys."""

    fingerprint: str  # of the certificate, hexadecimal in lower case
    signing_key: str  # the same of the key in it that signed
    algorithm: str
    signed_at: datetime
    certificate: bytes  # the entered key


def signed_by(content: bytes, signature: bytes, keys: Sequence[bytes], at: datetime) -> SignedByKey:
    """Raises SignatureUnfit where it is not of these bytes, or by none of `keys` as they are at `at`."""
    import pysequoia

    if not keys:
        raise SignatureUnfit(Sentence("no OpenPGP key of this person is entered here"))
    read = guarded(
        lambda: pysequoia.Sig.from_bytes(signature), SignatureUnfit, Sentence("the signature cannot be read")
    )
    if str(read.signature_type).rpartition(".")[2] not in _TYPES:
        raise SignatureUnfit(Sentence("it is no signature of a text"))
    if read.created is None:
        raise SignatureUnfit(Sentence("it does not say when it was made"))
    known = [pysequoia.Cert.from_bytes(key) for key in keys]
    current = [one for one in known if not one.is_revoked and (one.expiration is None or one.expiration > at)]
    if not current:
        raise SignatureUnfit(EXPIRED)
    seen = guarded(
        lambda: pysequoia.verify(bytes=content, store=lambda _ids: current, signature=read),
        SignatureUnfit,
        Sentence(
            "it does not belong to these bytes, is not by a key of this person that is entered here, or is made with "
            "something that can be forged"
        ),
    )
    by = seen.valid_sigs[0]
    algorithm = " with ".join(
        str(one).rpartition(".")[2] for one in (read.key_algorithm, read.hash_algorithm)
    )
    (certificate,) = {bytes(one) for one in current if one.fingerprint == by.certificate}
    _must_be_current(certificate, str(by.signing_key), at)
    return SignedByKey(
        str(by.certificate), str(by.signing_key), algorithm, read.created.astimezone(UTC), certificate
    )


def _must_be_current(certificate: bytes, signing_key: str, at: datetime) -> None:
    """Raises SignatureUnfit for a subkey that has expired at `at`, or was taken back at any time. Sequoia looks at what
    it was when the signature says that it was made, and whoever has an old subkey says that as they like."""
    from pysequoia.packet import PacketPile, SignatureType, Tag

    made: datetime | None = None  # of the subkey, while its packets are gone through
    bound: tuple[datetime, datetime] | None = None  # the newest word about it, and until when it then holds
    for one in PacketPile.from_bytes(certificate):
        if one.tag != Tag.Signature:
            is_it = one.tag == Tag.PublicSubkey and one.fingerprint == signing_key
            made = one.key_created if is_it else None
        elif made is not None and one.signature_type == SignatureType.SubkeyRevocation:
            raise SignatureUnfit(EXPIRED)
        elif made is not None and one.signature_created is not None:
            ends = made + one.key_validity_period if one.key_validity_period else FOR_EVER
            bound = max(bound or (one.signature_created, ends), (one.signature_created, ends))
    if bound is not None and bound[1] <= at:
        raise SignatureUnfit(EXPIRED)
