"""NUL and its kin: left out by one program, they make a name, a boundary or a word that was not there."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest

from placet.mail.models import IncomingMail
from placet.sandbox.server import Mail
from tests.attacks.arena import Arena, Attempt
from tests.attacks.forging import BOB, Letter, internal, lay, letter
from tests.journeys.conftest import World
from tests.journeys.letters import code_of

EVERY_KIND = True

pytestmark = pytest.mark.django_db

CONTROLS = [chr(number) for number in (*range(9), 11, 12, *range(14, 32), 127)]
NAMES = ("X-MS-Exchange-Organization-AuthAs", "X-MS-Exchange-Organization-AuthMechanism")

Maker = Callable[[Mail, random.Random], tuple[Letter, Letter]]
"""The mail, and the headers as they arrived."""


def control(rng: random.Random) -> str:
    return "\0" if rng.random() < 0.5 else rng.choice(CONTROLS)


def within(word: str, rng: random.Random) -> str:
    at = rng.randint(0, len(word))
    return word[:at] + control(rng) * rng.randint(1, 2) + word[at:]


def in_the_name_of_a_mark(asked: Mail, rng: random.Random) -> tuple[Letter, Letter]:
    """Exchange takes its own headers off what comes in, by their names."""
    bent = [within(name, rng) if rng.random() < 0.7 else name for name in NAMES]
    if bent == list(NAMES):
        bent[0] = within(NAMES[0], rng)
    values = rng.choice((("Internal", "04"), ("Internal ", " 04"), ("internal", "04")))
    stamps = list(zip(bent, values, strict=True))
    if rng.random() < 0.5:
        stamps.insert(rng.randint(0, 2), (NAMES[0], "Anonymous"))
    written = letter(asked, BOB)
    forged = written.on_top(stamps)
    return rng.choice((written, forged)), forged


def in_the_value_of_a_mark(asked: Mail, rng: random.Random) -> tuple[Letter, Letter]:
    values = rng.choice(((within("Internal", rng), "04"), ("Internal", within("04", rng))))
    forged = letter(asked, BOB).on_top(list(zip(NAMES, values, strict=True)))
    return forged, forged


def in_the_name_of_a_header(asked: Mail, rng: random.Random) -> tuple[Letter, Letter]:
    """Of one that must not stand twice: beside the right one, or in its place."""
    right = internal(letter(asked, BOB))
    name = rng.choice(
        ("From", "Subject", "To", "Content-Type", "Sender", "Date", "Content-Transfer-Encoding")
    )
    bent, value = within(name, rng), right.value(name.lower())
    start = right if rng.random() < 0.5 else right.without(name.lower())
    forged = start.with_header(bent, value, rng.randint(0, len(start.headers)))
    return rng.choice(((forged, forged), (forged, right), (right, forged)))


def in_a_boundary(asked: Mail, rng: random.Random) -> tuple[Letter, Letter]:
    """Between two parts, one of which is another's words; or in the Content-Type that names the boundary."""
    boundary = "boundary-1"
    line = within(f"--{boundary}", rng) if rng.random() < 0.5 else f"--{boundary}{control(rng)}"
    if rng.random() < 0.3:
        line = rng.choice((f"x\r--{boundary}", f"--{boundary}\rx: y"))
    texts = rng.sample(("approve", "reject"), 2)
    body = "\r\n".join([
        f"--{boundary}", "Content-Type: text/plain", "", texts[0], line, "Content-Type: text/plain", "", texts[1],
        f"--{boundary}--", "",
    ])  # fmt: skip
    named = boundary if rng.random() < 0.8 else within(boundary, rng)
    written = internal(letter(asked, BOB, Content_Type=f'multipart/mixed; boundary="{named}"'))
    forged = replace(written, body=body.encode())
    return forged, forged


def in_a_word(asked: Mail, rng: random.Random) -> tuple[Letter, Letter]:
    """A word that is one only without the NUL in it."""
    word = rng.choice(("approve", "Approved.", "yes", "reject", "Ja"))
    at = rng.randint(1, min(len(word.rstrip(".")) - 1, 5))
    text = f"{word[:at]}\0{word[at:]}"
    forged = replace(internal(letter(asked, BOB)), body=f"{text}\r\n".encode())
    return forged, forged


def in_the_code(asked: Mail, rng: random.Random) -> tuple[Letter, Letter]:
    code = code_of(asked)
    at = rng.randint(1, 15)
    bent = f"{code[:at]}\0{code[at:]}"
    plain = {"To": "Approvals <approvals@contoso.example>", "Subject": "Re: Desk"}
    forged = internal(
        letter(asked, BOB, **{**plain, "Subject": f"Re: Desk [#{bent}]"})
        if rng.random() < 0.5
        else letter(asked, BOB, **{**plain, "To": f"approvals+{bent}@contoso.example"})
    )
    return forged, forged


def in_the_sender(asked: Mail, rng: random.Random) -> tuple[Letter, Letter]:
    local, _, domain = BOB.partition("@")
    bent = rng.choice((f"{within(local, rng)}@{domain}", f"{local}@{within(domain, rng)}"))
    forged = internal(letter(asked, bent, Sender=rng.choice((BOB, bent))))
    return forged, forged


MAKERS: tuple[Maker, ...] = (
    in_the_name_of_a_mark, in_the_name_of_a_mark, in_the_value_of_a_mark, in_the_name_of_a_header, in_a_boundary,
    in_a_word, in_the_code, in_the_sender,
)  # fmt: skip


# --- like them, and genuine ---------------------------------------------------------------------------------


def where_it_does_not_matter(asked: Mail, rng: random.Random) -> tuple[Letter, Letter]:
    """In headers of others, in a picture, in a file, and as a page break below the answer."""
    right = internal(letter(asked, BOB))
    where = rng.choice(("header", "name", "file", "page break", "folded"))
    match where:
        case "header":
            right = right.with_header("X-Info", within("of no matter", rng), len(right.headers))
        case "name":
            right = right.with_header("X-Scan\0ner", "passed", len(right.headers))
        case "file":
            kind = 'multipart/mixed; boundary="b1"'
            body = (
                b"--b1\r\nContent-Type: text/plain\r\n\r\napprove\r\n--b1\r\nContent-Type: image/png; name=a.png\r\n"
                b"Content-Transfer-Encoding: 8bit\r\n\r\n\x89PNG\0\x01--\x02x\r\n--b1--\r\n"
            )
            right = replace(right.changed("content-type", kind), body=body)
        case "page break":
            right = replace(right, body=b"approve\r\n\x0c\r\n")
        case _:
            right = right.changed("subject", right.value("subject").replace(" ", "\r\n\t", 1))
    arrived = right.without("x-scan\0ner")
    return right.without("x-scan\0ner"), arrived


def has_controls(letter: Letter) -> bool:
    return any(character in letter.block() for character in CONTROLS)


def attempts(makers: Sequence[Maker], rng: random.Random) -> Iterator[Attempt]:
    while True:
        make, seed = rng.choice(makers), rng.random()

        def attempt(world: World, asked: Mail, make: Maker = make, seed: float = seed) -> None:
            in_mail, arrived = make(asked, random.Random(seed))
            if world.has_transport_headers:
                lay(world, in_mail, arrived)
            else:
                lay(world, in_mail if has_controls(in_mail) else arrived)

        yield f"{make.__name__} ({seed})", attempt


def test_what_is_left_out_makes_nothing_that_decides(arena: Arena) -> None:
    results = arena.refuses(attempts(MAKERS, arena.rng), most=2 * arena.most)
    silent = {"not_proved", "mechanism_not_confirmed", "two_readings", "sender_unclear", "not_the_one_asked"}
    assert set(results) <= silent | {"no_code", "unclear"}, results
    arena.accepts(attempts([where_it_does_not_matter], arena.rng))


@pytest.mark.not_over(
    "imap", "pop3", "jmap", "gmail", because="there are no headers beside the mail, whose bytes are kept"
)
def test_a_nul_is_kept_as_what_cannot_be_kept(world: World) -> None:
    """Whichever database it is, and over both ways."""
    _, asked = world.asked()
    stamps = [("X-MS-Exchange-Organi\0zation-AuthAs", "Internal"), (NAMES[1], "04")]
    written = letter(asked, BOB)
    lay(world, written, written.on_top(stamps))
    world.run_until_quiet()
    kept = IncomingMail.objects.get()
    assert kept.result == "not_proved"
    # XML holds no NUL: the service puts something of its own there.
    kept_as = "?" if world.way in ("ews", "exchange-server") else "\ufffd"
    assert f"X-MS-Exchange-Organi{kept_as}zation-AuthAs: Internal" in kept.transport_headers
