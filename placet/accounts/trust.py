"""What signatures on mails are believed by: certificates of authorities, lists of what they revoked, and keys that an
administrator entered for one person (`trust_changes`).

The web's authorities are none of these: only what somebody entered here counts, and nothing is fetched from an address
that a certificate names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from placet.accounts.models import RevocationList, SignerKey, TrustedAuthority

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateRevocationList


@dataclass(frozen=True)
class Authority:
    """One whose certificates count."""

    certificate: "Certificate"
    needs_list: bool  # they count only where a current list of their issuer is there and does not name them


@dataclass(frozen=True)
class Trust:
    """All that a signature of one person is held against."""

    authorities: Sequence[Authority] = ()
    lists: Sequence["CertificateRevocationList"] = ()
    certificates: Sequence[bytes] = ()  # DER, entered for this person
    openpgp: Sequence[bytes] = ()  # public keys entered for this person


def trust_in(person_id: int) -> Trust:
    """What counts for this person."""
    from cryptography import x509

    entered = list(SignerKey.objects.filter(person=person_id).order_by("pk"))
    authorities = [
        Authority(x509.load_der_x509_certificate(bytes(one.content)), one.needs_list)
        for one in TrustedAuthority.objects.order_by("pk")
    ]
    lists = RevocationList.objects.order_by("pk") if authorities else ()
    return Trust(
        authorities,
        [x509.load_der_x509_crl(bytes(one.content)) for one in lists],
        [bytes(one.content) for one in entered if one.scheme == SignerKey.Scheme.SMIME],
        [bytes(one.content) for one in entered if one.scheme == SignerKey.Scheme.OPENPGP],
    )


def nobody_can_sign() -> bool:
    """Whether no signature of anybody would count."""
    return not (TrustedAuthority.objects.exists() or SignerKey.objects.exists())
