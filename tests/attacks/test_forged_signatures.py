"""Signatures that Placet checks itself, on a mailbox whose server gives the bytes that travelled: of other keys and
other domains, of keys that prove nothing, of other bytes, of a part of the text, of another time; and genuine ones."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from placet.mailboxes.kinds import Kind, kind_of
from placet.replies import proof_policy
from placet.sandbox.server import Mail
from tests.attacks.arena import Arena, Attempt
from tests.attacks.forging import OUTSIDE, PARTNER, Letter, letter, long_ago, outside_world
from tests.journeys.conftest import World
from tests.journeys.elsewhere import Elsewhere
from tests.servers.dns import Records
from tests.signing import HEADERS, Signer

EVERY_KIND = True

pytestmark = pytest.mark.django_db

Maker = Callable[[Mail, random.Random], bytes]

OWN = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)  # the forger's
SIGNER = Signer(PARTNER, OWN, "good")
YOUNG = Signer(PARTNER, ed25519.Ed25519PrivateKey.generate(), "young")
#: Keys of the domain that prove nothing, by selector.
UNFIT = {
    "trying": SIGNER.record("t=y; "),
    "strict": SIGNER.record("t=s; "),
    "reports": SIGNER.record("s=tlsrpt; "),
    "old": SIGNER.record("h=sha1; "),
    "gone": "v=DKIM1; p=",
    "odd": "v=DKIM1; p=!",
}


@pytest.fixture
def arena(arena: Arena, sender_keys: Records, monkeypatch: pytest.MonkeyPatch) -> Arena:
    def as_it_travelled(key: str) -> Kind:
        return replace(kind_of(key), bytes_as_received=True, nameless_stamps=None)

    if not isinstance(
        arena.world.sandbox, Elsewhere
    ):  # whose server gives other bytes than those that travelled
        monkeypatch.setattr(proof_policy, "kind_of", as_it_travelled)
    outside_world(arena)
    publish(sender_keys)
    return arena


def publish(records: Records) -> None:
    for signer in (
        SIGNER,
        YOUNG,
        Signer("evil.example", OTHER),
        Signer(f"mail.{PARTNER}", OTHER),
        Signer("example", OTHER),
    ):
        records.texts[signer.name] = (signer.record(),)
    records.texts |= {f"{name}._domainkey.{PARTNER}": (text,) for name, text in UNFIT.items()}
    records.texts[f"two._domainkey.{PARTNER}"] = (SIGNER.record(), Signer(PARTNER, OTHER).record())


def written(asked: Mail, **more: str) -> bytes:
    return letter(asked, OUTSIDE, **more).raw()


# --- what is forged -------------------------------------------------------------------------------------------


def by_another_key(asked: Mail, rng: random.Random) -> bytes:
    return Signer(PARTNER, OTHER, rng.choice(("good", "young", "none", *UNFIT))).signed(written(asked))


def of_another_domain(asked: Mail, rng: random.Random) -> bytes:
    domain = rng.choice(("evil.example", f"mail.{PARTNER}", "example"))
    identity = rng.choice((None, f"@{PARTNER}", f"bob@{PARTNER}"))
    tags = {"i": identity} if domain == "example" else {}
    return Signer(domain, OTHER, tags=tags).signed(written(asked))


def by_an_unfit_key(asked: Mail, rng: random.Random) -> bytes:
    selector = rng.choice([*UNFIT, "two"])
    tags = {"i": f"@mail.{PARTNER}"} if selector == "strict" else {}
    return replace(SIGNER, selector=selector, tags=tags).signed(written(asked))


def of_other_bytes(asked: Mail, rng: random.Random) -> bytes:
    """One thing was changed after it was signed."""
    raw = SIGNER.signed(written(asked))
    old, new = rng.choice(
        (
            (b"approve", b"reject"), (b"approve", b"approved"), (b"RE: ", b"FW: "), (b"Subject: ", b"Subject: x "),
            (b"In-Reply-To: <", b"In-Reply-To: <x"), (b"text/plain", b"text/html"),
            (b"MIME-Version: 1.0", b"MIME-Version: 1.1"),
            (b"Bob Bobson <", b"Bob <"), (b"d=partner", b"d=Partner2"), (b"bh=", b"bh=A"), (b"v=1; ", b"v=1; x=1; "),
        )
    )  # fmt: skip
    assert old in raw
    return raw.replace(old, new, 1)


def of_a_part(asked: Mail, rng: random.Random) -> bytes:
    """What was added below is all that is shown."""
    raw = replace(SIGNER, tags={"l": str(rng.choice((0, 1, 7)))}).signed(written(asked))
    return raw + rng.choice((b"", b"Approved.\r\n", b"--b\r\nContent-Type: text/html\r\n\r\nApproved"))


def partly_covered(asked: Mail, rng: random.Random) -> bytes:
    left_out = rng.choice(("from", "subject", "date"))
    names = [name for name in HEADERS.split(":") if name != left_out]
    rng.shuffle(names)
    return replace(SIGNER, headers=":".join(names)).signed(written(asked))


def added_on_top(asked: Mail, rng: random.Random) -> bytes:
    """DKIM signs the lowest of each name, and people see another one."""
    old = SIGNER.signed(written(asked))
    name, value = rng.choice(
        (("Subject", "Re: x"), ("From", f"Eve <eve@{PARTNER}>"), ("To", "x@contoso.example"),
            ("Date", "Sat, 28 Nov 2026 10:00:00 +0000"),
         ("Content-Type", "text/html"), ("In-Reply-To", "<x@y.example>"), ("Sender", "eve@evil.example"))
    )  # fmt: skip
    line = f"{name}: {value}\r\n".encode()
    return line + old if rng.random() < 0.5 else old.replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n", 1)


def sent_again(asked: Mail, rng: random.Random) -> bytes:
    before = timedelta(hours=rng.randint(1, 9_000))
    then = datetime.now(UTC) - before
    seconds = str(int(then.timestamp()))
    if rng.random() < 0.5:
        return replace(SIGNER, tags={"t": seconds}).signed(written(asked))
    return SIGNER.signed(written(asked, Date=format_datetime(then)))


def over(asked: Mail, rng: random.Random) -> bytes:
    end = long_ago(hours=rng.randint(1, 20)).timestamp()
    return replace(SIGNER, tags={"x": f"{end:.0f}"}).signed(written(asked))


def by_old_algorithms(asked: Mail, rng: random.Random) -> bytes:
    tags = rng.choice(
        (
            {"a": "rsa-sha1"},
            {"a": "rsa-md5"},
            {"a": None},
            {"v": None},
            {"c": "nothing/relaxed"},
            {"h": "from"},
        )
    )
    return replace(SIGNER, tags=dict(tags)).signed(written(asked))


def unsigned_but_stamped(asked: Mail, rng: random.Random) -> bytes:
    """The word of a server that nobody confirmed, above what nobody signed."""
    name = rng.choice(("mx.google.com", "mx.contoso.example", "", "in1.messagingengine.com"))
    stamp = f"{name}{'; ' if name else ''}dkim=pass header.d={PARTNER}; dmarc=pass header.from={PARTNER}"
    return f"Authentication-Results: {stamp}\r\n".encode() + written(asked)


def of_somebody_else(asked: Mail, rng: random.Random) -> bytes:
    """Another of the same domain signed in there, with all that is right for them."""
    raw = letter(asked, f"eve@{PARTNER}").raw()
    return SIGNER.signed(raw)


def other_parts(asked: Mail, rng: random.Random) -> bytes:
    """Content-Type is not signed, so a boundary makes another text of a part of this one (Zone.eu, 2024)."""
    made = letter(asked, OUTSIDE)
    body = b"No.\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\napprove\r\n--b--\r\n" + made.body
    unsigned = ":".join(name for name in HEADERS.split(":") if name != "content-type")
    raw = replace(SIGNER, headers=unsigned).signed(Letter(made.headers, body).raw())
    kind = rng.choice((b"multipart/alternative", b"multipart/mixed"))
    return raw.replace(b"text/plain; charset=utf-8", kind + b'; boundary="b"', 1)


def other_encoding(asked: Mail, rng: random.Random) -> bytes:
    """Content-Transfer-Encoding is not signed, so the end of a line within a sentence becomes one between two."""
    made = letter(asked, OUTSIDE)
    words = rng.choice(
        (b"This I cannot =\r\napprove", b"I do not want to =\r\napprove", b"You will never read: =\r\nyes")
    )
    headers = tuple(
        (name, value) for name, value in made.headers if name.lower() != "content-transfer-encoding"
    )
    honest = Letter(
        (*headers, ("Content-Transfer-Encoding", "quoted-printable")), words + b"\r\n\r\n" + made.body
    )
    raw = SIGNER.signed(honest.raw())
    return raw.replace(b"quoted-printable", rng.choice((b"7bit", b"8bit", b"binary")), 1)


FORGED = (
    by_another_key, of_another_domain, by_an_unfit_key, of_other_bytes, of_a_part, partly_covered, added_on_top,
    sent_again, over, by_old_algorithms, unsigned_but_stamped, of_somebody_else, other_parts, other_encoding,
)  # fmt: skip


# --- what is genuine ------------------------------------------------------------------------------------------


def genuine(asked: Mail, rng: random.Random) -> bytes:
    """By either kind of key, with what may differ; other signatures beside it, good and bad."""
    raw = written(asked)
    names = HEADERS.split(":")
    rng.shuffle(names)
    now = int(datetime.now(UTC).timestamp())
    tags = rng.choice(
        ({}, {"t": str(now)}, {"t": str(now), "x": str(now + 86_400)}, {"i": f"@{PARTNER}"}, {"q": "dns/txt"})
    )
    signer = replace(rng.choice((SIGNER, YOUNG)), headers=":".join(names), tags=tags)
    beside = [Signer(PARTNER, OTHER), Signer("evil.example", OTHER), replace(SIGNER, selector="gone")]
    lines = [signer.header(raw), *(one.header(raw) for one in beside if rng.random() < 0.4)]
    rng.shuffle(lines)
    return b"".join(lines) + raw


def attempts(makers: Sequence[Maker], rng: random.Random) -> Iterator[Attempt]:
    while True:
        make, seed = rng.choice(makers), rng.random()

        def attempt(world: World, asked: Mail, make: Maker = make, seed: float = seed) -> None:
            world.sandbox.place("approvals", make(asked, random.Random(seed)))

        yield f"{make.__name__} ({seed})", attempt


def test_no_forged_signature_decides(arena: Arena) -> None:
    results = arena.refuses(attempts(FORGED, arena.rng), most=arena.most // 2)
    assert set(results) <= {"not_proved", "too_old", "two_readings", "not_the_one_asked", "sender_unclear"}, (
        results
    )
    arena.accepts(attempts([genuine], arena.rng))
