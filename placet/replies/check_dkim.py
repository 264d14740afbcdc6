"""Placet's own check of the DKIM signatures of exactly From's domain, soon after a mail was fetched: keys change within
months, so what was asked of DNS is kept with the mail.

Only where the mailbox's server gives the very bytes that travelled (`Kind.bytes_as_received`), and only of a mail that
somebody who was asked may have sent: strangers do not make us ask. dkimpy puts the bytes in their canonical form; it
takes keys and signatures that prove nothing here, so what they must be stands below.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.utils.translation import gettext_noop

from placet.lib import dns
from placet.replies.parse import Signature

MOST_SIGNATURES = 5  # of one mail that are looked at
LONGEST_RECORD = 4_000  # characters of it that are kept
SMALLEST_KEY = 1024  # bits of an RSA key
ADVISED_KEY = 2048  # the same; signers should have no shorter one (RFC 8301 3.2)
ALGORITHMS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}


class NoKeyYet(Exception):
    """DNS gave no answer about a key that would decide: it may do so later."""


@dataclass(frozen=True)
class Checked:
    """What came of one signature. All that DNS said of its key is kept: the question cannot be asked again later."""

    number: int  # among the DKIM-Signature headers, from the top
    domain: str
    selector: str
    algorithm: str
    holds: bool
    why: str = ""  # it does not, in English of the catalogue
    record: str = ""  # the TXT record with the key
    ttl: int = 0  # seconds
    resolver: str = ""  # that gave it
    authenticated: bool = False  # by DNSSEC, as a resolver on this machine says
    at: str = ""  # when it was asked, ISO 8601
    bits: int = 0  # of the key

    @property
    def has_small_key(self) -> bool:
        """It counts, and is shorter than it should be."""
        return ALGORITHMS.get(self.algorithm) == "rsa" and SMALLEST_KEY <= self.bits < ADVISED_KEY

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def check(raw: bytes, signatures: Sequence[Signature], domain: str) -> list[Checked]:
    """The domain's signatures on this mail, at most MOST_SIGNATURES. Raises NoKeyYet where none of them holds, and one
    might."""
    checked: list[Checked] = []
    waiting = ""
    of_domain = [(at, one) for at, one in enumerate(signatures) if not one.unread and one.domain == domain]
    for number, signature in of_domain[:MOST_SIGNATURES]:
        try:
            checked.append(_check(raw, number, signature))
        except dns.NoAnswer as error:
            waiting = str(error)
    if waiting and not any(one.holds for one in checked):
        raise NoKeyYet(waiting)
    return checked


def checked_of(kept: Sequence[Mapping[str, Any]]) -> list[Checked]:
    """What `as_json` wrote."""
    return [Checked(**one) for one in kept]


def _check(raw: bytes, number: int, signature: Signature) -> Checked:
    plain = (number, signature.domain, signature.selector, signature.algorithm)
    if signature.algorithm not in ALGORITHMS:
        return Checked(*plain, holds=False, why=UNKNOWN_ALGORITHM)
    if signature.part_of_body:
        return Checked(*plain, holds=False, why=PART_OF_BODY)
    answer = dns.txt(f"{signature.selector}._domainkey.{signature.domain}")
    asked = Checked(
        *plain,
        holds=False,
        record="\n".join(answer.texts)[:LONGEST_RECORD],
        ttl=answer.ttl,
        resolver=answer.resolver,
        authenticated=answer.authenticated,
        at=answer.at.isoformat(),
    )
    try:
        key = _key(answer.texts, signature)
        holds = _holds(raw, number, signature, key)
    except _Unfit as unfit:
        return replace(asked, why=str(unfit))
    return replace(asked, holds=holds, why="" if holds else DOES_NOT_HOLD, bits=key.bits)


# ---------------------------------------------------------------------- the key


class _Unfit(Exception):
    """The sentence why nothing can be proved with this."""


class _Key:
    """As dkimpy asks a key: `verify` keeps what came of it, and never raises."""

    def __init__(self, public: Any, bits: int) -> None:
        self._public = public
        self.bits = bits
        self.holds = False

    def verify(self, digest: bytes, signature: bytes) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ed25519, padding
        from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            if isinstance(self._public, ed25519.Ed25519PublicKey):
                self._public.verify(signature, digest)
            else:
                self._public.verify(signature, digest, padding.PKCS1v15(), Prehashed(SHA256()))
        except InvalidSignature:
            return
        self.holds = True


def _key(texts: Sequence[str], signature: Signature) -> _Key:
    """RFC 6376 3.6.1, RFC 8463. Raises _Unfit."""
    if not texts:
        raise _Unfit(NO_KEY)
    if len(texts) > 1:
        raise _Unfit(SEVERAL_KEYS)
    tags = _tags(texts[0])
    kind = ALGORITHMS[signature.algorithm]
    if tags.get("v", "DKIM1") != "DKIM1" or tags.get("k", "rsa") != kind:
        raise _Unfit(OTHER_KEY)
    if "sha256" not in tags.get("h", "sha256").split(":"):
        raise _Unfit(OTHER_KEY)
    if not {"*", "email"} & set(tags.get("s", "*").split(":")):
        raise _Unfit(OTHER_KEY)
    flags = tags.get("t", "").split(":")
    if "y" in flags:
        raise _Unfit(TEST_KEY)
    if "s" in flags and signature.identity_domain != signature.domain:
        raise _Unfit(OTHER_IDENTITY)
    if not tags.get("p"):
        raise _Unfit(REVOKED)
    return _public(tags["p"], kind)


def _tags(record: str) -> Mapping[str, str]:
    tags: dict[str, str] = {}
    for one in record.strip().removesuffix(";").split(";"):
        name, equals, value = one.partition("=")
        name = name.strip()
        if not equals or name in tags:
            raise _Unfit(UNREADABLE_KEY)
        tags[name] = re.sub(r"\s", "", value)
    return tags


def _public(text: str, kind: str) -> _Key:
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        der = base64.b64decode(text, validate=True)
        if kind == "ed25519":
            return _Key(ed25519.Ed25519PublicKey.from_public_bytes(der), 256)
        public = load_der_public_key(der)
    except (ValueError, binascii.Error) as error:
        raise _Unfit(UNREADABLE_KEY) from error
    if not isinstance(public, rsa.RSAPublicKey):
        raise _Unfit(OTHER_KEY)
    if public.key_size < SMALLEST_KEY:
        raise _Unfit(SMALL_KEY)
    return _Key(public, public.key_size)


# ---------------------------------------------------------------------- the signature


def _holds(raw: bytes, number: int, signature: Signature, key: _Key) -> bool:
    """Whether this signature is of these bytes, by this key. Raises _Unfit for what is in no form that dkimpy knows."""
    import dkim  # only mailboxes whose bytes are as they travelled need it

    class Verifier(dkim.DKIM):  # type: ignore[misc]
        body: bytes

        def verify_sig(self, sig: Any, include_headers: Any, sig_header: Any, dnsfunc: Any) -> bool:
            del dnsfunc  # the key is here
            names = frozenset(name.strip().decode("ascii") for name in include_headers)
            if (sig[b"d"].decode("ascii").lower(), names) != (signature.domain, signature.headers):
                return False  # we read another signature than dkimpy does
            self.pk, self.keysize, self.ktag, self.seqtlsrpt = key, key.bits, b"ed25519", False
            if sig.get(b"c", b"").partition(b"/")[2] == b"relaxed":
                self.body = _relaxed(self.body)
            self.verify_sig_process(sig, include_headers, sig_header, None)
            return key.holds

    try:
        return bool(Verifier(raw, minkey=SMALLEST_KEY).verify(idx=number))
    except (dkim.DKIMException, ValueError, LookupError, AssertionError):
        # Whatever is not as the RFC has it. An AssertionError is dkimpy's of a header name that is not ASCII, an
        # IndexError that of a mail that begins with a blank, or of an identity without “@”.
        raise _Unfit(DOES_NOT_HOLD) from None


def _relaxed(body: bytes) -> bytes:
    """RFC 6376 3.4.4, but for the empty lines at the end: dkimpy's own needs time by the square of a run of blanks."""
    return b"\r\n".join(re.sub(rb"[\t ]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n"))


UNKNOWN_ALGORITHM = gettext_noop("its algorithm is none that counts")
PART_OF_BODY = gettext_noop("it covers a part of the text only (l=)")
NO_KEY = gettext_noop("its domain has no such key")
SEVERAL_KEYS = gettext_noop("its domain has several records where one key must be")
UNREADABLE_KEY = gettext_noop("its key cannot be read")
OTHER_KEY = gettext_noop("its key is for something else")
TEST_KEY = gettext_noop("its key is marked as one to try with (t=y)")
OTHER_IDENTITY = gettext_noop("its key allows nobody below its domain (t=s), and it signs for somebody there")
REVOKED = gettext_noop("its key was revoked")
SMALL_KEY = gettext_noop("its key has fewer than 1024 bits")
DOES_NOT_HOLD = gettext_noop(
    "it does not belong to these bytes: something was changed, or it was never right"
)
