"""What Placet's own look at a person's signature comes to, and why: each thing that may be wrong, alone. Genuine ones
by programs of others: OpenSSL and GnuPG."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pysequoia
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import NameConstraints, RFC822Name
from cryptography.x509.oid import ExtendedKeyUsageOID

from placet.accounts.trust import Authority, Trust
from placet.lib.sentences import Sentence
from placet.replies import check_signature
from placet.replies.check_signature import CheckedSignature, check
from placet.sandbox.server import Mail
from tests.signed_mails import Envelope, Holder, Signing, both, issue, key, part, revoked_by, with_sha1

ADDRESS = "bob@contoso.example"
ROOT = issue("Root", authority=True)
BELOW = issue("People", ROOT, authority=True)
BOB = issue("Bob", BELOW, addresses=[ADDRESS])
RSA = issue("Bob", BELOW, own=key("rsa", 2048), addresses=[ADDRESS])
CONTENT = part("approve\n\nŻółć")
ASKED = cast(
    Mail,
    SimpleNamespace(
        subject="Desk [#aaaaaaaaaaaaaaaa]",
        header=lambda name: "<1@x.example>" if name == "Message-ID" else "approvals@contoso.example",
    ),
)


def trust(*lists: x509.CertificateRevocationList, root: Holder = ROOT, needs_list: bool = False) -> Trust:
    return Trust([Authority(root.certificate, needs_list)], lists)


def beside(how: Signing, content: bytes = CONTENT) -> bytes:
    return Envelope(ASKED).beside(content, how.sign(content))


def look(raw: bytes, against: Trust | None = None, at: datetime | None = None) -> CheckedSignature:
    found = check(raw, against or trust(), at or datetime.now(UTC))
    assert found is not None
    return found


def why(found: CheckedSignature) -> str:
    assert not found.holds
    return str(found.why)


# --- what holds -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        Signing(BOB, [BELOW]),
        Signing(RSA, [BELOW]),
        Signing(RSA, [ROOT, BELOW], digest="sha512"),
        Signing(RSA, [BELOW], pss=True),
        Signing(issue("Bob", ROOT, own=key("rsa", 2048), addresses=[ADDRESS])),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_holds(how: Signing, wrapped: bool) -> None:
    how = replace(how, wrapped=wrapped)
    raw = Envelope(ASKED).wrapped(how.sign(CONTENT)) if wrapped else beside(how)
    found = look(raw)
    assert (found.holds, found.addresses, found.content) == (True, (ADDRESS,), CONTENT), str(found.why)
    assert found.serial == f"{how.by.certificate.serial_number:x}"
    assert check_signature.again(raw, found.as_json()) == Sentence(), "the same a year later"


@pytest.mark.parametrize("odd", [b"No.\r\rapprove", b"app\0rove"])
def test_what_is_read_in_two_ways_is_refused_inside_as_beside(odd: bytes) -> None:
    content = CONTENT.replace(b"approve", odd)
    wrapped = Envelope(ASKED).wrapped(Signing(BOB, [BELOW], wrapped=True).sign(content))
    assert why(look(wrapped)) == why(look(beside(Signing(BOB, [BELOW]), content)))


def test_two_certificates_of_one_key_make_one_mark() -> None:
    """Which of them signed, the signature does not cover: whoever has the mail could name the other one."""
    renewed = issue("Bob", BELOW, addresses=[ADDRESS])
    at = datetime.now(UTC)
    mails = [beside(Signing(by, [BELOW], at=at)) for by in (BOB, renewed)]
    assert len({look(raw).fingerprint for raw in mails}) == 2
    assert len({look(raw).mark for raw in mails}) == 1


def test_lines_without_carriage_returns_are_signed_with_them() -> None:
    assert look(beside(Signing(BOB, [BELOW])).replace(b"\r\n", b"\n")).content == CONTENT


def test_a_certificate_that_is_entered_needs_no_authority() -> None:
    alone = issue("Bob")
    entered = Trust(certificates=[alone.certificate.public_bytes(Encoding.DER)])
    found = look(beside(Signing(alone)), entered)
    assert (found.holds, found.authority, found.addresses) == (True, "", ())
    other = issue("Bob", own=key("other"))
    assert "authority" in why(look(beside(Signing(other)), entered))


def test_what_is_not_signed_is_no_signature() -> None:
    assert check(Envelope(ASKED).around(b"approve", "text/plain"), trust(), datetime.now(UTC)) is None


# --- what does not --------------------------------------------------------------------------------------------

_OWN: Mapping[str, Any] = {"own": key("unfit"), "addresses": [ADDRESS]}
NARROW = issue(
    "Partner People",
    ROOT,
    authority=True,
    more=[(NameConstraints([RFC822Name("partner.example")], None), True)],
)
WEB = issue(
    "Web servers",
    ROOT,
    authority=True,
    more=[(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)],
)
SHA1 = with_sha1(issue("Old People", ROOT, authority=True), ROOT)
UNFIT: Sequence[tuple[Holder, Holder, str]] = (
    (issue("Bob", BELOW, **_OWN, days=(-400, -1)), BELOW, "it is valid from"),
    (issue("Bob", BELOW, **_OWN, days=(1, 400)), BELOW, "it is valid from"),
    (issue("Bob", BELOW, **_OWN, purposes=[ExtendedKeyUsageOID.CLIENT_AUTH]), BELOW, "emailProtection"),
    (
        issue("Bob", BELOW, **_OWN, purposes=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]),
        BELOW,
        "emailProtection",
    ),
    (issue("Bob", BELOW, **_OWN, purposes=None), BELOW, "emailProtection"),
    (issue("Bob", BELOW, **_OWN, signs=False), BELOW, "keyUsage"),
    (issue("Bob", BELOW, **_OWN, authority=True), BELOW, "it is an authority's"),
    (issue("Bob", BELOW, own=key("small", 1024), addresses=[ADDRESS]), BELOW, "1024 bits"),
    (issue(ADDRESS, BELOW, own=key("unfit")), BELOW, "missing required extension"),
    (issue("Bob", NARROW, **_OWN), NARROW, "name constraints"),
    (issue("Bob", WEB, **_OWN), WEB, "not for mail"),
    (with_sha1(issue("Bob", BELOW, **_OWN), BELOW), BELOW, "SHA1"),
    (issue("Bob", SHA1, **_OWN), SHA1, "can be forged"),
    (issue("Bob", BOB, **_OWN), BOB, "does not lead to an authority"),
    (issue("Bob", **_OWN), BELOW, "does not lead to an authority"),
    (
        issue("Bob", issue("Root", own=key("x"), authority=True), **_OWN),
        ROOT,
        "does not lead to an authority",
    ),
)


@pytest.mark.parametrize("number", range(len(UNFIT)))
def test_certificates_that_do_not_count(number: int) -> None:
    leaf, issuer, reason = UNFIT[number]
    assert reason in why(look(beside(Signing(leaf, [issuer, BELOW]))))


FORMS: Sequence[tuple[Signing, str]] = (
    (Signing(BOB, [BELOW], attributes=False), "no signed attributes"),
    (Signing(BOB, [BELOW], twice=True), "2 signers"),
    (Signing(BOB, [BELOW], names=b"other"), "does not belong to these bytes"),
    (Signing(BOB, [BELOW], inside=CONTENT), "stands in two places"),
    (Signing(BOB, [BELOW], inside=b"other"), "stands in two places"),
    (Signing(BOB, [BELOW], own_certificate=False), "does not come with it"),
    (Signing(BOB, [BELOW], content_type="signed_data"), "of something else"),
    (Signing(BOB, [BELOW], doubled="message_digest"), "there twice"),
    (Signing(BOB, [BELOW], doubled="content_type"), "there twice"),
    (Signing(RSA, [BELOW], digest="sha1"), "SHA1"),
    (Signing(RSA, [BELOW], digest="md5"), "MD5"),
    (Signing(BOB, [BELOW] * 30), "more than 20"),
    (Signing(BOB), "does not lead to an authority"),
    (Signing(replace(BOB, key=key("forger")), [BELOW]), "not by the key"),
)


@pytest.mark.parametrize("number", range(len(FORMS)))
def test_forms_that_do_not_count(number: int) -> None:
    how, reason = FORMS[number]
    assert reason in why(look(beside(how)))


def test_nothing_inside_where_it_must_be() -> None:
    raw = Envelope(ASKED).wrapped(Signing(BOB, [BELOW]).sign(CONTENT))
    assert "in none" in why(look(raw))


def _part_of(raw: bytes, changed: Callable[[bytes], bytes]) -> bytes:
    new = changed(raw)
    assert new != raw
    return new


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda raw: raw.replace(b"approve", b"reject"), "does not belong to these bytes"),
        (lambda raw: raw.replace(b"\r\n\r\n--s1", b"\r\n\r\nyes\r\n--s1", 1), "text stands outside"),
        (lambda raw: raw + b"yes\r\n", "text stands outside"),
        (lambda raw: raw.replace(b"--s1--", b"--s1\r\nContent-Type: text/plain\r\n\r\nyes\r\n--s1--"), "exactly two"),
        (lambda raw: raw.replace(b"--s1--", b"--s1"), "exactly two"),
        (lambda raw: raw.replace(b"application/pkcs7-signature; name", b"text/plain; name"), "is no signature"),
        (lambda raw: raw.replace(b'"application/pkcs7-signature"', b'"application/pgp-signature"'), "another kind"),
        (lambda raw: raw.replace(b"approve", b"app\rrove"), "lone carriage return"),
        (lambda raw: raw.replace(b"multipart/signed", b"multipart/mixed", 1).replace(
            b"--s1\r\n", b"--s1\r\nContent-Type: multipart/signed; boundary=s3\r\n\r\n--s3\r\n", 1), "only a part"),
    ],
)  # fmt: skip
def test_what_stands_around_it(change: Callable[[bytes], bytes], reason: str) -> None:
    assert reason in why(look(_part_of(beside(Signing(BOB, [BELOW])), change)))


def test_openpgp_in_the_text_is_refused_with_what_is_needed() -> None:
    key = pysequoia.Tsk.generate("Bob")
    inline = bytes(pysequoia.sign(key.signer(), b"approve", mode=pysequoia.SignatureMode.CLEAR))
    entered = Trust(openpgp=[bytes(key.extract_certificate())])
    assert "PGP/MIME" in why(look(Envelope(ASKED).around(inline, "text/plain"), entered))


# --- revoked --------------------------------------------------------------------------------------------------

SERIAL = BOB.certificate.serial_number
OTHER_BELOW = issue("People", ROOT, own=key("other below"), authority=True)
LISTS: Sequence[tuple[Sequence[x509.CertificateRevocationList], str]] = (
    ((revoked_by(ROOT), revoked_by(BELOW)), ""),
    ((revoked_by(ROOT), revoked_by(BELOW, 1, 2, SERIAL + 1)), ""),
    ((revoked_by(ROOT), revoked_by(BELOW, 1, SERIAL)), "was revoked"),
    ((revoked_by(ROOT, BELOW.certificate.serial_number), revoked_by(BELOW)), "was revoked"),
    ((revoked_by(BELOW),), "no list of revoked"),
    ((revoked_by(ROOT),), "no list of revoked"),
    ((), "no list of revoked"),
    ((revoked_by(ROOT), revoked_by(BELOW, days=(-30, -1))), "no list of revoked"),
    ((revoked_by(ROOT), revoked_by(OTHER_BELOW)), "no list of revoked"),
    ((revoked_by(ROOT), revoked_by(BELOW, more=[(x509.DeltaCRLIndicator(1), True)])), "no list of revoked"),
    ((revoked_by(ROOT), revoked_by(OTHER_BELOW), revoked_by(BELOW, SERIAL)), "was revoked"),
)  # fmt: skip


@pytest.mark.parametrize("number", range(len(LISTS)))
def test_lists_of_revoked_certificates(number: int) -> None:
    lists, reason = LISTS[number]
    found = look(beside(Signing(BOB, [BELOW])), trust(*lists, needs_list=True))
    if reason:
        assert reason in why(found)
    else:
        assert found.holds
        assert [one["issuer"] for one in found.lists] == ["CN=People", "CN=Root"]


# --- OpenPGP --------------------------------------------------------------------------------------------------


def test_openpgp_by_a_key_that_is_entered() -> None:
    own = pysequoia.Tsk.generate("Bob", validity_seconds=24 * 3600)
    other = pysequoia.Tsk.generate("Bob")
    signature = bytes(pysequoia.sign(own.signer(), CONTENT, mode=pysequoia.SignatureMode.DETACHED))
    raw = Envelope(ASKED).beside(CONTENT, signature, kind="pgp-signature")
    entered = Trust(openpgp=[bytes(other.extract_certificate()), bytes(own.extract_certificate())])
    found = look(raw, entered)
    assert (found.holds, found.fingerprint) == (True, str(own.extract_certificate().fingerprint))
    assert check_signature.again(raw, found.as_json()) == Sentence()
    assert "not by a key of this person" in why(look(raw, Trust(openpgp=entered.openpgp[:1])))
    assert "no OpenPGP key" in why(look(raw, trust()))
    assert "does not belong" in why(look(raw.replace(b"approve", b"reject"), entered))
    later = datetime.now(UTC) + timedelta(days=2)
    assert "have expired" in why(look(raw, Trust(openpgp=entered.openpgp[1:]), later))


# --- programs of others ---------------------------------------------------------------------------------------


def _run(*command: str, given: bytes = b"", home: str = "") -> bytes:
    return subprocess.run(
        command,
        input=given,
        capture_output=True,
        check=True,
        timeout=60,
        env={**os.environ, "GNUPGHOME": home},
    ).stdout


def _key_file(folder: Path, holder: Holder, name: str) -> Path:
    file = folder / name
    secret = holder.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(secret + holder.pem)
    return file


@pytest.mark.parametrize(
    "options",
    [["-md", "sha256"], ["-nodetach"], ["-nodetach", "-stream"], ["-keyopt", "rsa_padding_mode:pss"]],
)
def test_openssl(tmp_path: Path, options: list[str]) -> None:
    signer = _key_file(tmp_path, RSA, "bob.pem")
    (tmp_path / "below.pem").write_bytes(BELOW.pem)
    made = _run(
        "openssl", "cms", "-sign", "-signer", str(signer), "-certfile", str(tmp_path / "below.pem"), "-crlfeol",
        "-binary", "-from", f"Bob <{ADDRESS}>", "-to", "approvals@contoso.example", "-subject", "Re: Desk", *options,
        given=CONTENT,
    )  # fmt: skip
    found = look(made)
    assert (found.holds, found.content) == (True, CONTENT), str(found.why)


def test_gpg(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    gpg = ("gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "")
    try:
        _run(*gpg, "--quick-gen-key", f"Bob <{ADDRESS}>", "ed25519", "sign", "1y", home=str(tmp_path))
        public = _run(*gpg, "--export", home=str(tmp_path))
        made = {
            options: _run(*gpg, *options, "--armor", "--detach-sign", given=CONTENT, home=str(tmp_path))
            for options in ((), ("--textmode",), ("--digest-algo", "SHA1"))
        }
    finally:
        _run("gpgconf", "--kill", "all", home=str(tmp_path))
    entered = Trust(openpgp=[public])
    for options, signature in made.items():
        found = look(Envelope(ASKED).beside(CONTENT, signature, kind="pgp-signature"), entered)
        assert found.holds == ("SHA1" not in options), str(found.why)


def test_a_subkey_that_expired_or_was_taken_back_signs_nothing(tmp_path: Path) -> None:
    """Whatever the signature says of when it was made: before that, the subkey was good."""
    tmp_path.chmod(0o700)
    home = str(tmp_path)
    gpg = ("gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "")
    try:
        _run(*gpg, "--quick-gen-key", f"Bob <{ADDRESS}>", "ed25519", "cert", "1y", home=home)
        listed = _run(*gpg, "--list-keys", "--with-colons", home=home).decode()
        own = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
        _run(*gpg, "--quick-add-key", own, "ed25519", "sign", "1d", home=home)
        made = _run(*gpg, "--armor", "--detach-sign", given=CONTENT, home=home)
        public = _run(*gpg, "--export", home=home)
        edit = ("gpg", "--no-tty", "--quiet", "--command-fd", "0", *gpg[3:], "--edit-key", own)
        _run(*edit, given=b"key 1\nrevkey\ny\n3\n\ny\nsave\n", home=home)
        revoked = _run(*gpg, "--export", home=home)
    finally:
        _run("gpgconf", "--kill", "all", home=home)
    raw, now = Envelope(ASKED).beside(CONTENT, made, kind="pgp-signature"), datetime.now(UTC)
    assert revoked != public
    found = look(raw, Trust(openpgp=[public]), now)
    assert found.holds, str(found.why)
    assert check_signature.again(raw, found.as_json()) == Sentence()
    assert "have expired" in why(look(raw, Trust(openpgp=[public]), now + timedelta(days=2)))
    assert not look(raw, Trust(openpgp=[revoked]), now).holds


# --- hostile sizes --------------------------------------------------------------------------------------------


def _nested(depth: int) -> bytes:
    """Constructed octet strings of indefinite length, one inside of the other (BER)."""
    return b"\x30\x80" + b"\x24\x80" * depth + b"\x00\x00" * depth


HOSTILE: Mapping[str, bytes] = {
    "nested": _nested(20_000),
    "a length of terabytes": b"\x30\x86\xff\xff\xff\xff\xff\xff",
    "empty sets": b"\x30\x80" + b"\x31\x00" * 30_000,
    "zeros": b"\0" * 60_000,
    "sequence of sequences": b"\x30\x82\xf0\x00" * 15_000,
    "certificates without end": Signing(BOB, [BELOW] * 20).sign(CONTENT)[:60_000] + b"\x30" * 5_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_signatures_are_refused_soon(name: str) -> None:
    for raw in (
        Envelope(ASKED).beside(CONTENT, HOSTILE[name]),
        Envelope(ASKED).wrapped(HOSTILE[name] * 10),
        Envelope(ASKED).beside(CONTENT, HOSTILE[name], kind="pgp-signature"),
    ):
        begun = time.process_time()
        assert not look(raw).holds
        assert time.process_time() - begun < 2


#: What its reader counts in a time that grows with the square of the length.
LONG: Mapping[str, bytes] = {
    "identifier": b"\x30\x80\x06\x83\x06\x00\x00" + b"\xff" * 0x5FFFF + b"\x01\0\0",
    "tag": b"\x3f" + b"\xff" * 400_000 + b"\x01\0",
    "sets": b"\x30\x80" + b"\x31\0" * 400_000 + b"\0\0",
}


@pytest.mark.parametrize("name", LONG)
def test_what_is_long_inside_of_a_signature_costs_no_time(name: str) -> None:
    begun = time.process_time()
    assert "cannot be read" in why(look(Envelope(ASKED).wrapped(LONG[name])))
    assert time.process_time() - begun < 1


def test_many_lines_between_parts_are_looked_at_once() -> None:
    raw = Envelope(ASKED).around(
        both(CONTENT, b"x") + b"\r\n--s1x" * 1_900, 'multipart/signed; boundary="s1"'
    )
    begun = time.process_time()
    assert not look(raw).holds
    assert time.process_time() - begun < 1
