"""Signatures of the person's own (S/MIME, OpenPGP), where the process asks for one: by another key or certificate, one
that is for something else, one that was revoked, of other bytes, of a part of the mail, of an answer to something else,
in forms that two programs read in two ways; and genuine ones."""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pysequoia
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import CertificateRevocationList, NameConstraints, RFC822Name
from cryptography.x509.oid import ExtendedKeyUsageOID

from placet.accounts import trust_changes
from placet.sandbox.server import Mail
from tests.attacks.arena import Arena, Attempt
from tests.journeys.conftest import World
from tests.journeys.letters import code_of
from tests.signed_mails import Envelope, Signing, approved, both, issue, key, part, revoked_by, with_sha1

EVERY_KIND = True

pytestmark = pytest.mark.django_db

Maker = Callable[[Mail, random.Random], bytes]

ADDRESS = "bob@contoso.example"
ROOT = issue("Contoso Root", authority=True)
BELOW = issue("Contoso People", ROOT, authority=True)
BOB = issue("Bob", BELOW, addresses=[ADDRESS])
RSA = issue("Bob", BELOW, own=key("rsa", 2048), addresses=["Bob@Contoso.example"])
EVE = issue("Eve", BELOW, addresses=["eve@contoso.example"])  # whom the authority knows as well
GONE = issue("Bob", BELOW, own=key("gone"), addresses=[ADDRESS])
OTHER_ROOT = issue("Contoso Root", own=key("another root"), authority=True)
OTHER_BELOW = issue("Contoso People", OTHER_ROOT, own=key("another below"), authority=True)
PGP = pysequoia.Tsk.generate("Bob <bob@contoso.example>")
OTHER_PGP = pysequoia.Tsk.generate("Bob <bob@contoso.example>")


@pytest.fixture
def arena(arena: Arena) -> Arena:
    trust_changes.add_authority(ROOT.pem, needs_list=True, by=None)
    for issuer, serials in ((ROOT, ()), (BELOW, (GONE.certificate.serial_number,))):
        trust_changes.add_list(_pem(revoked_by(issuer, *serials)), by=None)
    bob = arena.world.people["bob"]
    trust_changes.add_key(bob, str(PGP.extract_certificate()).encode(), by=None)
    arena.level("signed")
    return arena


def _pem(revoked: CertificateRevocationList) -> bytes:
    return revoked.public_bytes(Encoding.PEM)


def signed(asked: Mail, how: Signing, content: bytes | None = None) -> bytes:
    content = content or approved(asked)
    return Envelope(asked).beside(content, how.sign(content))


def by_bob(asked: Mail, content: bytes | None = None) -> bytes:
    return signed(asked, Signing(BOB, [BELOW]), content)


def openpgp(content: bytes, by: pysequoia.Tsk = PGP) -> bytes:
    return bytes(pysequoia.sign(by.signer(), content, mode=pysequoia.SignatureMode.DETACHED))


def by_openpgp(asked: Mail, content: bytes | None = None, by: pysequoia.Tsk = PGP) -> bytes:
    content = content or approved(asked)
    return Envelope(asked).beside(content, openpgp(content, by), kind="pgp-signature")


# --- what is forged -------------------------------------------------------------------------------------------


def unsigned(asked: Mail, rng: random.Random) -> bytes:
    return Envelope(asked).around(b"approve\r\n", "text/plain; charset=utf-8")


def of_other_bytes(asked: Mail, rng: random.Random) -> bytes:
    raw = rng.choice((by_bob, by_openpgp))(asked)
    old, new = rng.choice(
        (
            (b"approve", b"reject"), (b"approve", b"Approve"), (b"charset=utf-8", b"charset=utf-16"),
            (b"8bit", b"7bit"), (b"approve", b"approve\r\n"), (b"approve", b"approve "), (b"> ", b">  "),
        )
    )  # fmt: skip
    assert old in raw
    return raw.replace(old, new, 1)


def by_another_key(asked: Mail, rng: random.Random) -> bytes:
    """With the certificate of Bob, whose key the forger has not."""
    return signed(asked, Signing(replace(BOB, key=key("forger")), [BELOW]))


def by_somebody_else(asked: Mail, rng: random.Random) -> bytes:
    """Whose certificate is good, under Bob's name."""
    return signed(asked, Signing(EVE, [BELOW, *([BOB] if rng.random() < 0.5 else [])]))


def by_another_root(asked: Mail, rng: random.Random) -> bytes:
    """Whose name is the same."""
    made = issue("Bob", OTHER_BELOW, own=key("forger"), addresses=[ADDRESS])
    alone = issue("Bob", own=key("forger"), addresses=[ADDRESS])
    return signed(
        asked,
        rng.choice(
            (
                Signing(made, [OTHER_BELOW, OTHER_ROOT]),
                Signing(made, [OTHER_BELOW, BELOW]),
                Signing(made, [OTHER_BELOW, BELOW, ROOT]),
                Signing(alone),
                Signing(issue("Bob", BOB, own=key("forger"), addresses=[ADDRESS]), [BOB, BELOW]),
                Signing(issue("Bob", EVE, own=key("forger"), addresses=[ADDRESS]), [EVE, BELOW]),
            )
        ),
    )


def by_an_unfit_certificate(asked: Mail, rng: random.Random) -> bytes:
    own = key("unfit")
    more: dict[str, Any] = {"own": own, "addresses": [ADDRESS]}
    narrow = [(NameConstraints([RFC822Name("partner.example")], None), True)]
    narrow_below = issue("Partner People", ROOT, authority=True, more=narrow)
    unfit = rng.choice(
        (
            issue("Bob", BELOW, **more, days=(-400, -1)),
            issue("Bob", BELOW, **more, days=(1, 400)),
            issue("Bob", BELOW, **more, purposes=[ExtendedKeyUsageOID.CLIENT_AUTH]),
            issue(
                "Bob",
                BELOW,
                **more,
                purposes=[ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CODE_SIGNING],
            ),
            issue("Bob", BELOW, **more, purposes=None),
            issue("Bob", BELOW, **more, purposes=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]),
            issue("Bob", BELOW, **more, signs=False),
            issue("Bob", BELOW, **more, authority=True),
            issue("Bob", BELOW, own=key("small", 1024), addresses=[ADDRESS]),
            issue(ADDRESS, BELOW, own=own),
            issue(ADDRESS, BELOW, own=own, addresses=["eve@contoso.example"]),
            issue("Bob", BELOW, own=own, addresses=["bob@contoso.example.evil.example", f"x{ADDRESS}"]),
            issue("Bob", BELOW, own=own, addresses=["contoso.example", "bob@contoso.example\0.evil.example"]),
            issue("Bob", narrow_below, **more),
            with_sha1(issue("Bob", BELOW, **more), BELOW),
            GONE,
        )
    )
    others = [narrow_below] if unfit.certificate.issuer == narrow_below.certificate.subject else [BELOW]
    return signed(asked, Signing(unfit, others))


def of_a_doubtful_form(asked: Mail, rng: random.Random) -> bytes:
    """CMS that says two things, or too little."""
    content, no = approved(asked), approved(asked, "reject")
    how = rng.choice(
        (
            Signing(BOB, [BELOW], attributes=False),
            Signing(BOB, [BELOW], twice=True),
            Signing(BOB, [BELOW], names=no),
            Signing(BOB, [BELOW], inside=no),
            Signing(BOB, [BELOW], inside=content),
            Signing(BOB, [BELOW], own_certificate=False),
            Signing(BOB, []),
            Signing(BOB, [BELOW], content_type="signed_data"),
            Signing(BOB, [BELOW], doubled="message_digest"),
            Signing(BOB, [BELOW], doubled="content_type"),
            Signing(RSA, [BELOW], digest="sha1"),
            Signing(RSA, [BELOW], digest="md5"),
            Signing(BOB, [BELOW], digest="sha1"),
            Signing(BOB, [BELOW] * 30),
            Signing(BOB, [BELOW], at=datetime.now(UTC) - timedelta(hours=rng.randint(1, 9_000))),
            Signing(BOB, [BELOW], at=datetime.now(UTC) + timedelta(hours=rng.randint(1, 9_000))),
        )
    )
    if how.inside is None and rng.random() < 0.2:  # without what is signed
        return Envelope(asked).wrapped(how.sign(content))
    return Envelope(asked).beside(content, how.sign(content))


def of_something_else(asked: Mail, rng: random.Random) -> bytes:
    """What Bob did sign: without the code of this ask, or with that of another, sent in an envelope that carries it."""
    yes = "approve"
    other = "a" * 16
    texts = (
        yes,
        f"{yes}\n\n> Shall we go for lunch?",
        f"{yes}\n\n#{other}",
        f"{yes}\n\n> Alice asks you to approve: Desk [#{other}]",
    )
    content = part(rng.choice(texts))
    if rng.random() < 0.3:
        content = part("approve", {"Subject": f"Re: lunch [#{other}]"}, "; hp=clear")
    if rng.random() < 0.3:  # unsigned headers inside, which only look so
        content = part("approve", {"Subject": f"Re: {asked.subject}"})
    return rng.choice((by_bob, by_openpgp))(asked, content)


def wrapped_in_another(asked: Mail, rng: random.Random) -> bytes:
    """A part that Bob signed, and other text above or below it."""
    code = code_of(asked)
    content = approved(asked, rng.choice(("approve", "reject")))
    signature = Signing(BOB, [BELOW]).sign(content)
    inner = b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary="s1"\r\n\r\n'
    inner += both(content, signature)
    text = f"Content-Type: text/plain\r\n\r\napprove #{code}\r\n".encode()
    order = [text, inner] if rng.random() < 0.5 else [inner, text]
    if rng.random() < 0.3:
        order = [inner]
    kind = rng.choice(("mixed", "alternative", "related"))
    body = b"".join(b"--m\r\n" + one + b"\r\n" for one in order) + b"--m--\r\n"
    return Envelope(asked).around(body, f'multipart/{kind}; boundary="m"')


def text_around(asked: Mail, rng: random.Random) -> bytes:
    """Before the first line between the parts, after the last, or in a third part."""
    raw = by_bob(asked, approved(asked, "reject"))
    words = b"approve\r\n"
    more = b"--s1\r\nContent-Type: text/plain\r\n\r\n" + words
    return rng.choice(
        (
            raw.replace(b"\r\n\r\n--s1", b"\r\n\r\n" + words + b"--s1", 1),
            raw + words,
            raw.replace(b"--s1\r\n", more + b"--s1\r\n", 1),
            raw.replace(b"--s1--", more + b"--s1--"),
            raw.replace(b"--s1--", b"--s1 "),
            raw + b"--s1\r\nContent-Type: text/plain\r\n\r\napprove\r\n--s1--\r\n",
        )
    )


def another_type(asked: Mail, rng: random.Random) -> bytes:
    """Content-Type of the mail is signed by nobody."""
    raw = rng.choice((by_bob, by_openpgp))(asked, approved(asked, "reject"))
    old = re.search(rb"Content-Type: multipart/signed[^\r]*", raw)
    assert old
    new = rng.choice(
        (
            b'Content-Type: multipart/mixed; boundary="s1"', b'Content-Type: multipart/alternative; boundary="s1"',
            b"Content-Type: text/plain", b"Content-Type: text/html", old[0].replace(b"s1", b"s2"),
            old[0] + b"; boundary=s2", old[0] + b"\r\n" + old[0].replace(b"s1", b"s2"),
            old[0] + b"\r\nContent-Type: text/plain", old[0].replace(b"protocol=", b"protocol=x-"),
            old[0].replace(b"pkcs7-signature", b"pgp-signature") if b"pkcs7-sig" in old[0]
            else old[0].replace(b"pgp-signature", b"pkcs7-signature"),
        )
    )  # fmt: skip
    return raw.replace(old[0], new, 1)


def two_texts(asked: Mail, rng: random.Random) -> bytes:
    """A signed part of Bob's, inside of which somebody else's signed part stands; or a forwarded mail."""
    theirs = approved(asked)
    inner = b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary="s2"\r\n\r\n'
    inner += both(theirs, Signing(EVE, [BELOW]).sign(theirs), boundary="s2")
    forwarded = b"Content-Type: message/rfc822\r\n\r\nFrom: eve@contoso.example\r\nSubject: x\r\n" + theirs
    return by_bob(asked, rng.choice((inner, forwarded)))


def other_line_ends(asked: Mail, rng: random.Random) -> bytes:
    """Lone carriage returns, which one program takes for the end of a line and another does not; a null."""
    odd = rng.choice((b"This I do not\rapprove", b"No.\r\rapprove", b"approve\r", b"app\0rove"))
    return rng.choice((by_bob, by_openpgp))(asked, approved(asked).replace(b"approve", odd, 1))


def in_the_text(asked: Mail, rng: random.Random) -> bytes:
    """OpenPGP inline, with text around it."""
    yes = f"approve #{code_of(asked)}".encode()
    inline = bytes(pysequoia.sign(PGP.signer(), yes, mode=pysequoia.SignatureMode.CLEAR))
    above = rng.choice((b"", b"approve\r\n", b"reject\r\n"))
    return Envelope(asked).around(above + inline.replace(b"\n", b"\r\n"), "text/plain; charset=utf-8")


def openpgp_of_others(asked: Mail, rng: random.Random) -> bytes:
    content = approved(asked)
    if rng.random() < 0.5:
        return by_openpgp(asked, by=OTHER_PGP)
    junk = rng.choice(
        (
            b"",
            b"x",
            b"-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----",
            openpgp(b"other", PGP),
        )
    )
    return Envelope(asked).beside(content, junk, kind="pgp-signature")


def broken(asked: Mail, rng: random.Random) -> bytes:
    """A signature with a bit of its value that is another one, or without its end. What stands in front of what is
    signed (a version, a list of digests) is covered by nothing, and says nothing that decides."""
    content = approved(asked)
    value = bytearray(Signing(BOB, [BELOW]).sign(content))
    value[-rng.randint(1, 60)] ^= 1 << rng.randrange(8)
    if rng.random() < 0.3:
        del value[rng.randrange(len(value)) :]
    return Envelope(asked).beside(content, bytes(value))


FORGERIES: tuple[Maker, ...] = (
    unsigned, of_other_bytes, by_another_key, by_somebody_else, by_another_root, by_an_unfit_certificate,
    of_a_doubtful_form, of_something_else, wrapped_in_another, text_around, another_type, two_texts, other_line_ends,
    in_the_text, openpgp_of_others, broken,
)  # fmt: skip


# --- what is genuine ------------------------------------------------------------------------------------------


def beside(asked: Mail, rng: random.Random) -> bytes:
    how = rng.choice(
        (
            Signing(BOB, [BELOW]), Signing(RSA, [BELOW]), Signing(RSA, [BELOW], pss=True),
            Signing(RSA, [BELOW, ROOT], digest="sha512"), Signing(BOB, [ROOT, EVE, BELOW]),
        )
    )  # fmt: skip
    return signed(asked, how)


def wrapped(asked: Mail, rng: random.Random) -> bytes:
    return Envelope(asked).wrapped(
        Signing(rng.choice((BOB, RSA)), [BELOW], wrapped=True).sign(approved(asked))
    )


def by_pgp(asked: Mail, rng: random.Random) -> bytes:
    return by_openpgp(asked)


def with_protected_headers(asked: Mail, rng: random.Random) -> bytes:
    """As Thunderbird writes: nothing is quoted, and what it answers is signed."""
    headers = {
        "Subject": f"Re: {asked.subject}",
        "From": "Bob Bobson <bob@contoso.example>",
        "In-Reply-To": str(asked.header("Message-ID")),
    }
    word = rng.choice(("; hp=clear", '; protected-headers="v1"'))
    return rng.choice((by_bob, by_openpgp))(asked, part("approve\n", headers, word))


def without_returns(asked: Mail, rng: random.Random) -> bytes:
    """As some servers keep mails."""
    return beside(asked, rng).replace(b"\r\n", b"\n")


NEIGHBOURS: tuple[Maker, ...] = (beside, wrapped, by_pgp, with_protected_headers, without_returns)


def attempts(makers: tuple[Maker, ...], rng: random.Random) -> Iterator[Attempt]:
    while True:
        for maker in rng.sample(makers, len(makers)):
            yield maker.__name__, _laid(maker, random.Random(rng.random()))


def _laid(maker: Maker, rng: random.Random) -> Callable[[World, Mail], object]:
    return lambda world, asked: world.sandbox.place("approvals", maker(asked, rng))


def test_no_signature_decides_that_is_not_of_the_person_and_the_answer(arena: Arena) -> None:
    arena.refuses(attempts(FORGERIES, arena.rng), own=_laid(beside, arena.rng))


def test_genuine_ones_decide(arena: Arena) -> None:
    arena.accepts(attempts(NEIGHBOURS, arena.rng))
