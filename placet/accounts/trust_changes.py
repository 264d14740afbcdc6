"""Certificates of authorities, their lists of revoked ones and keys of people: entered and taken out, each with an
entry in the installation's record. TrustInvalid's sentence says why a file cannot be used."""

from collections.abc import Callable
from datetime import datetime
from email.utils import parseaddr
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from placet.accounts.addresses import addresses_of
from placet.accounts.models import Person, RevocationList, SignerKey, TrustedAuthority
from placet.audit import chain
from placet.lib import clock

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

LARGEST = 64 * 1024  # bytes of a file with a certificate or a key
LARGEST_LIST = 8 * 1024 * 1024  # bytes of a list of revoked certificates
LONGEST_NAME = 300  # characters of one that are kept

AUTHORITY_ADDED, AUTHORITY_REMOVED = "signature authority added", "signature authority removed"
KEY_ADDED, KEY_REMOVED = "signer key added", "signer key removed"
LIST_ADDED = "revocation list added"


Row = TypeVar("Row", TrustedAuthority, SignerKey)
Result = TypeVar("Result")


class TrustInvalid(ValueError):
    """One sentence for an administrator."""


# --- changes ----------------------------------------------------------------------------------------------


def add_authority(file: bytes, *, needs_list: bool, by: Person | None) -> TrustedAuthority:
    """Raises TrustInvalid."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from placet.lib import certificates

    found = _certificate_of(file)
    if not certificates.may_issue(found):
        raise TrustInvalid(
            _("This certificate may not issue others (basicConstraints, keyUsage), so it is no authority’s.")
        )
    _must_count(found)
    row = TrustedAuthority(
        name=_name(found.subject),
        fingerprint=certificates.fingerprint(found),
        content=found.public_bytes(Encoding.DER),
        ends_at=found.not_valid_after_utc,
        needs_list=needs_list,
    )
    about = {"authority": row.fingerprint, "name": row.name, "needs_list": needs_list}
    return _added(row, by, AUTHORITY_ADDED, about)


@transaction.atomic
def remove_authority(fingerprint: str, *, by: Person | None) -> bool:
    if not TrustedAuthority.objects.filter(fingerprint=fingerprint).delete()[0]:
        return False
    _note(by, AUTHORITY_REMOVED, {"authority": fingerprint})
    return True


def add_key(person: Person, file: bytes, *, by: Person | None) -> SignerKey:
    """A certificate for S/MIME or a public OpenPGP key, whichever the file holds. Raises TrustInvalid."""
    _must_fit(file, LARGEST)
    read = _openpgp_key if _is_openpgp(file) else _signer_certificate
    scheme, fingerprint, name, content, ends_at = read(file)
    row = SignerKey(
        person=person, scheme=scheme, name=name, fingerprint=fingerprint, content=content, ends_at=ends_at
    )
    about = {
        "key": fingerprint,
        "person": person.pk,
        "scheme": str(scheme),
        "content": sha256(content).hexdigest(),
    }
    return _added(row, by, KEY_ADDED, about)


def other_addresses(key: SignerKey) -> tuple[str, ...]:
    """The addresses that an entered certificate or key names, lower case, where none of them is its person's: it may be
    somebody else's. () where one is, or it names none: what is entered for a person counts all the same."""
    named = _named_in_key(bytes(key.content)) if key.scheme == SignerKey.Scheme.OPENPGP else _named(key)
    return () if addresses_of(key.person) & set(named) else named


def _named(key: SignerKey) -> tuple[str, ...]:
    from cryptography import x509

    from placet.lib import certificates

    return certificates.addresses_of(x509.load_der_x509_certificate(bytes(key.content)))


def _named_in_key(content: bytes) -> tuple[str, ...]:
    import pysequoia

    [key] = pysequoia.Cert.split_bytes(content)
    addresses = (parseaddr(str(one))[1].lower() for one in key.user_ids)
    return tuple(address for address in addresses if "@" in address)


@transaction.atomic
def remove_key(fingerprint: str, *, by: Person | None) -> bool:
    if not SignerKey.objects.filter(fingerprint=fingerprint).delete()[0]:
        return False
    _note(by, KEY_REMOVED, {"key": fingerprint})
    return True


@transaction.atomic
def add_list(file: bytes, *, by: Person | None) -> RevocationList:
    """In place of the one before by the same issuer, where it is newer. Raises TrustInvalid."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from placet.lib import certificates

    found = _list_of(file)
    issuer = sha256(found.issuer.public_bytes()).hexdigest()
    content = found.public_bytes(Encoding.DER)
    there = RevocationList.objects.select_for_update().filter(issuer_hash=issuer).first()
    if there is not None and there.updated_at > found.last_update_utc:
        raise TrustInvalid(_("A newer list of this issuer is here already."))
    try:
        certificates.must_be_whole(found)
    except certificates.CertificateUnfit as unfit:
        raise TrustInvalid(_("It cannot be used: {why}.").format(why=unfit.sentence)) from unfit
    assert found.next_update_utc is not None  # `must_be_whole`
    row, _made = RevocationList.objects.update_or_create(
        issuer_hash=issuer,
        defaults={
            "issuer": _name(found.issuer),
            "content": content,
            "fingerprint": sha256(content).hexdigest(),
            "updated_at": found.last_update_utc,
            "next_update_at": found.next_update_utc,
            "added_at": clock.now(),
        },
    )
    _note(by, LIST_ADDED, {"issuer": issuer, "list": row.fingerprint})
    return row


def _added(row: Row, by: Person | None, event: str, about: dict[str, Any]) -> Row:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            _note(by, event, about)
    except IntegrityError as error:
        raise TrustInvalid(_("It is entered already.")) from error
    return row


def _note(by: Person | None, event: str, about: dict[str, Any]) -> None:
    who = "system" if by is None else f"person:{by.pk}"
    chain.append_of_installation(who, {"event": event, **about})


# --- files ------------------------------------------------------------------------------------------------


def _must_fit(file: bytes, most: int) -> None:
    if len(file) > most:
        raise TrustInvalid(_("The file is larger than {number} kB.").format(number=most // 1024))
    if b"PRIVATE KEY" in file:
        raise TrustInvalid(
            _(
                "The file holds a private key, which nobody needs here. Give the certificate or the public key alone."
            )
        )


def _certificate_of(file: bytes) -> "Certificate":
    from cryptography import x509

    from placet.lib.certificates import UNREADABLE

    _must_fit(file, LARGEST)
    try:
        pem = b"-----BEGIN" in file
        found = x509.load_pem_x509_certificates(file) if pem else [x509.load_der_x509_certificate(file)]
        for one in found:  # some of it is read only when it is asked for
            _ends = one.extensions, one.public_key(), one.not_valid_after_utc
    except UNREADABLE as error:
        raise TrustInvalid(
            _("The file holds no certificate that can be read (X.509, PEM or DER).")
        ) from error
    if len(found) != 1:
        raise TrustInvalid(_("The file holds several certificates. Give them one by one."))
    return found[0]


def _must_count(certificate: "Certificate") -> None:
    from placet.lib import certificates

    try:
        certificates.must_be_strong(certificate, is_believed=True)
        certificates.must_be_valid(certificate, clock.now())
    except certificates.CertificateUnfit as unfit:
        raise TrustInvalid(_("It cannot be used: {why}.").format(why=unfit.sentence)) from unfit


_Read = tuple[SignerKey.Scheme, str, str, bytes, datetime | None]


def _signer_certificate(file: bytes) -> _Read:
    from cryptography.hazmat.primitives.serialization import Encoding

    from placet.lib import certificates

    found = _certificate_of(file)
    try:
        certificates.must_be_for_mail(found)
    except certificates.CertificateUnfit as unfit:
        raise TrustInvalid(_("It cannot be used: {why}.").format(why=unfit.sentence)) from unfit
    _must_count(found)
    content = found.public_bytes(Encoding.DER)
    mark = certificates.fingerprint(found)
    return SignerKey.Scheme.SMIME, mark, _name(found.subject), content, found.not_valid_after_utc


def _is_openpgp(file: bytes) -> bool:
    """By its armour, or by the tag of its first packet (RFC 9580 4.2: a public key); DER begins with another byte."""
    return b"-----BEGIN PGP" in file or file[:1] in (b"\x98", b"\x99", b"\xc6")


def _openpgp_key(file: bytes) -> _Read:
    import pysequoia

    found = guarded(lambda: pysequoia.Cert.split_bytes(file), TrustInvalid, _no_key())
    if len(found) != 1:
        raise TrustInvalid(_no_key())
    key = found[0]
    if key.is_revoked:
        raise TrustInvalid(_("This OpenPGP key is revoked."))
    if key.expiration is not None and key.expiration <= clock.now():
        raise TrustInvalid(_("This OpenPGP key has expired."))
    name = ", ".join(map(str, key.user_ids))[:LONGEST_NAME].replace("\0", "\ufffd")
    return SignerKey.Scheme.OPENPGP, str(key.fingerprint), name, bytes(key), key.expiration


def _no_key() -> str:
    return _("The file holds no OpenPGP key that can be read, or several.")


def guarded(do: Callable[[], Result], kind: type[Exception], why: Any) -> Result:
    """Sequoia says by a RuntimeError what is wrong; what it did not foresee is a panic, which is no Exception."""
    try:
        return do()
    except RuntimeError as error:
        raise kind(why) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise kind(why) from error


def _list_of(file: bytes) -> Any:
    from cryptography import x509

    from placet.lib.certificates import UNREADABLE

    _must_fit(file, LARGEST_LIST)
    try:
        found = x509.load_pem_x509_crl(file) if b"-----BEGIN" in file else x509.load_der_x509_crl(file)
        _all = found.extensions, found.last_update_utc, found.next_update_utc
    except UNREADABLE as error:
        raise TrustInvalid(
            _("The file holds no list of revoked certificates that can be read (CRL, PEM or DER).")
        ) from error
    return found


def _name(name: Any) -> str:
    return str(name.rfc4514_string())[:LONGEST_NAME].replace("\0", "\ufffd")
