"""Placet's own check of what a person signed a mail with, made once soon after the mail was fetched. What it came to,
and all that is needed to look once more without anybody's help, stays with the mail: the certificates on the way to the
authority, which lists of revoked ones were looked into, by which software.
"""

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache
from importlib.metadata import version
from typing import Any

from placet.accounts.trust import Trust
from placet.lib.sentences import NOTHING, Sentence
from placet.replies.check_openpgp import signed_by
from placet.replies.check_smime import mark, signed_bytes
from placet.replies.parse.signed import Scheme, SignatureUnfit, SignedPart, signed_part
from placet.replies.refusals import Unparseable


@dataclass(frozen=True)
class CheckedSignature:
    """What came of the signature on a mail."""

    holds: bool
    why: Sentence = NOTHING  # it does not
    scheme: str = ""  # of `parse.signed.Scheme`
    mark: str = ""  # the same for each copy of what was signed
    fingerprint: str = ""  # SHA-256 of the certificate, or that of the OpenPGP key
    subject: str = ""  # of the certificate
    issuer: str = ""
    serial: str = ""  # hexadecimal
    authority: str = (
        ""  # fingerprint of the authority that is believed; "": the certificate is entered itself
    )
    addresses: tuple[str, ...] = ()  # that the authority vouches for; of what is entered for a person, none
    algorithm: str = ""
    signed_at: str = ""  # as the signer says, ISO 8601
    checked_for: str = (
        ""  # the time at which all had to be valid: when the server received the mail, ISO 8601
    )
    certificates: tuple[
        str, ...
    ] = ()  # DER in base64, from the signer's to the authority's; or the OpenPGP key
    lists: tuple[Mapping[str, str], ...] = ()  # of revoked certificates: issuer, updated, next, sha256
    software: str = ""
    content: bytes = field(default=b"", repr=False)  # what was signed; not kept, it stands in the mail

    def as_json(self) -> dict[str, Any]:
        kept = asdict(self)
        del kept["content"]
        return {**kept, "why": self.why.as_json()}


def check(raw: bytes, trust: Trust, at: datetime) -> CheckedSignature | None:
    """None where nothing of the mail is signed. `at`: when the server received it. Never raises."""
    try:
        part = signed_part(raw)
        return None if part is None else check_part(part, trust, at)
    except SignatureUnfit as unfit:
        return CheckedSignature(False, unfit.sentence)
    except Unparseable as unread:
        return CheckedSignature(False, Sentence("its parts cannot be read: {why}", why=unread.reason))


def check_part(part: SignedPart, trust: Trust, at: datetime) -> CheckedSignature:
    """Raises SignatureUnfit."""
    return _openpgp(part, trust, at) if part.scheme is Scheme.OPENPGP else _smime(part, trust, at)


def _smime(part: SignedPart, trust: Trust, at: datetime) -> CheckedSignature:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    from placet.lib import certificates

    signed = signed_bytes(part)
    leaf = signed.certificate
    way: tuple[x509.Certificate, ...] = (leaf,)
    lists: list[x509.CertificateRevocationList] = []
    addresses: tuple[str, ...] = ()
    try:
        if leaf.public_bytes(Encoding.DER) in trust.certificates:
            certificates.must_be_valid(leaf, at)
            certificates.must_be_strong(leaf, is_believed=True)
        else:
            found = certificates.way_to_authority(
                leaf, signed.others, [one.certificate for one in trust.authorities], at
            )
            way, addresses = tuple(found.certificates), certificates.addresses_of(leaf)
            if any(one.needs_list for one in trust.authorities if one.certificate == found.authority):
                lists = certificates.must_not_be_revoked(found, trust.lists, at)
    except certificates.CertificateUnfit as unfit:
        raise SignatureUnfit(
            Sentence("of the certificate of “{name}”: {why}", name=_name(leaf.subject), why=unfit.sentence)
        ) from unfit
    own = certificates.fingerprint(leaf)
    return CheckedSignature(
        holds=True,
        scheme=str(part.scheme),
        mark=mark(signed.content, certificates.key_fingerprint(leaf), signed.signed_at),
        fingerprint=own,
        subject=_name(leaf.subject),
        issuer=_name(leaf.issuer),
        serial=f"{leaf.serial_number:x}",
        authority=certificates.fingerprint(way[-1]) if len(way) > 1 else "",
        addresses=addresses,
        algorithm=signed.algorithm,
        signed_at=signed.signed_at,
        checked_for=at.isoformat(),
        certificates=tuple(base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in way),
        lists=tuple(map(_list, lists)),
        software=_software("cryptography", "asn1crypto"),
        content=signed.content,
    )


def _name(name: Any) -> str:
    return str(name.rfc4514_string())[:LONGEST_NAME].replace("\0", "\ufffd")


LONGEST_NAME = 300  # characters of a certificate's name that are kept


def _list(revoked: Any) -> dict[str, str]:
    from hashlib import sha256

    from cryptography.hazmat.primitives.serialization import Encoding

    return {
        "issuer": _name(revoked.issuer),
        "updated": revoked.last_update_utc.isoformat(),
        "next": revoked.next_update_utc.isoformat(),
        "sha256": sha256(revoked.public_bytes(Encoding.DER)).hexdigest(),
    }


def _openpgp(part: SignedPart, trust: Trust, at: datetime) -> CheckedSignature:
    by = signed_by(part.content, part.signature, trust.openpgp, at)
    return CheckedSignature(
        holds=True,
        scheme=str(part.scheme),
        mark=mark(part.content, by.signing_key, by.signed_at.isoformat()),
        fingerprint=by.fingerprint,
        subject=by.signing_key,
        algorithm=by.algorithm,
        signed_at=by.signed_at.isoformat(),
        checked_for=at.isoformat(),
        certificates=(base64.b64encode(by.certificate).decode(),),
        software=_software("pysequoia"),
        content=part.content,
    )


@cache
def _software(*packages: str) -> str:
    import placet

    return ", ".join([f"Placet {placet.__version__}", *(f"{one} {version(one)}" for one in packages)])


def again(raw: bytes, kept: Mapping[str, Any]) -> Sentence:
    """Looks once more, by what is kept alone: why what it came to then does not come to it now; NOTHING if it does.
    What was revoked is not asked again: that was so at the time."""
    from cryptography import x509

    from placet.accounts.trust import Authority

    der = [base64.b64decode(one) for one in kept["certificates"]]
    at = datetime.fromisoformat(kept["checked_for"])
    if kept["scheme"] == Scheme.OPENPGP:
        trust = Trust(openpgp=der)
    elif kept["authority"]:
        trust = Trust([Authority(x509.load_der_x509_certificate(der[-1]), needs_list=False)])
    else:
        trust = Trust(certificates=der)
    seen = check(raw, trust, at)
    if seen is None:
        return Sentence("the mail is not signed")
    if not seen.holds:
        return seen.why
    same = ("mark", "fingerprint", "authority")
    if any(getattr(seen, name) != kept[name] for name in same) or list(seen.addresses) != list(
        kept["addresses"]
    ):
        return Sentence("it is signed otherwise than what was kept of it says")
    return NOTHING
