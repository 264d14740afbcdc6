"""Mails that two programs read in two ways: a header twice, a name that one repairs, a line that one breaks, a part
that has two boundaries. DKIM signs the one, the reader sees the other."""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import product

import pytest

from placet.replies.parse.headers import AT_MOST_ONCE
from placet.sandbox.server import Mail
from tests.attacks.arena import Arena, Attempt
from tests.attacks.forging import BOB, OUTSIDE, Letter, from_outside, internal, lay, letter, outside_world
from tests.journeys.conftest import DOMAIN, World

EVERY_KIND = True

pytestmark = pytest.mark.django_db

Stamp = Callable[[Letter], Letter]
STAMPS: dict[str, tuple[str, Stamp]] = {"colleague": (BOB, internal), "outside": (OUTSIDE, from_outside)}
BLOCKS = ("mail", "transport", "both")
PLACES = ("top", "bottom", "above", "below")

# How a name may be written so that one program or another takes it for the name.
SPELLINGS: dict[str, Callable[[str, random.Random], str]] = {
    "as it is": lambda name, rng: name,
    "upper case": lambda name, rng: name.upper(),
    "lower case": lambda name, rng: name.lower(),
    "mixed case": lambda name, rng: "".join(rng.choice((c.upper(), c.lower())) for c in name),
    "a blank behind": lambda name, rng: name + " " * rng.randint(1, 3),
    "a tab behind": lambda name, rng: name + "\t",
    "full width": lambda name, rng: "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in name),
    "a control character": lambda name, rng: within(
        name, chr(rng.choice((*range(1, 9), 11, 12, *range(14, 32)))), rng
    ),
    "NUL": lambda name, rng: within(name, "\0", rng),
    "something unseen": lambda name, rng: within(name, rng.choice("\u200b\u200d\u00ad\ufeff\u2060"), rng),
}
CONTROLS = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f]")
BREAKS = ("\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")


def within(name: str, what: str, rng: random.Random) -> str:
    at = rng.randint(1, len(name))
    return name[:at] + what + name[at:]


def other_value(name: str, written: Letter, rng: random.Random) -> str:
    """What the second one says: the same, or what another mail of Bob's would say."""
    others = {
        "from": "Mallory <mallory@evil.example>",
        "sender": "mallory@evil.example",
        "reply-to": "mallory@evil.example",
        "to": "Dave <dave@contoso.example>",
        "cc": "dave@contoso.example",
        "subject": "Lunch?",
        "date": "Mon, 24 Nov 2025 10:00:00 +0000",
        "message-id": "<another@mail.example>",
        "in-reply-to": "<another@mail.example>",
        "references": "<another@mail.example>",
        "mime-version": "1.0",
        "content-type": "text/html; charset=utf-8",
        "content-transfer-encoding": "quoted-printable",
    }
    return rng.choice((written.value(name), others[name]))


def doubled(written: Letter, rng: random.Random) -> tuple[str, Letter]:
    """A header of AT_MOST_ONCE a second time. The one that was there may be the other mail's: then what is added says
    what would decide."""
    name = rng.choice(AT_MOST_ONCE)
    spelling = rng.choice(list(SPELLINGS))
    value, there = other_value(name, written, rng), written.value(name)
    if rng.random() < 0.5:
        written, value = written.changed(name, value), there
    at = {
        "top": 0,
        "bottom": len(written.headers),
        "above": written.position(name),
        "below": written.position(name) + 1,
    }
    place = rng.choice(PLACES)
    forged = written.with_header(SPELLINGS[spelling](titled(name), rng), value, at[place])
    return f"{name} twice, {place}, {spelling}", forged


def titled(name: str) -> str:
    return {"mime-version": "MIME-Version", "message-id": "Message-ID"}.get(name, name.title())


def misspelt(written: Letter, rng: random.Random) -> tuple[str, Letter]:
    """Once, but under a name that only some program takes for it."""
    name = rng.choice(AT_MOST_ONCE)
    spelling = rng.choice([one for one in SPELLINGS if "case" not in one and one != "as it is"])
    at = written.position(name)
    forged = written.without(name).with_header(
        SPELLINGS[spelling](titled(name), rng), written.value(name), at
    )
    return f"{name}, {spelling}", forged


def smuggled(written: Letter, rng: random.Random) -> tuple[str, Letter]:
    """In the value of another header, behind what only some program takes for the end of a line."""
    name, where = rng.choice(AT_MOST_ONCE), rng.choice(("subject", "message-id", "x-info"))
    line_break = rng.choice(BREAKS)
    if where == "x-info":
        written = written.with_header("X-Info", "of no matter", rng.randint(0, len(written.headers)))
    hidden = f"{written.value(where)}{line_break}{titled(name)}: {other_value(name, written, rng)}"
    return f"{name} behind {line_break!r} in {where}", written.changed(where, hidden)


def two_ways_of_headers(stamp: Stamp, sender: str, rng: random.Random) -> Iterator[Attempt]:
    makers = (doubled, doubled, misspelt, smuggled)
    while True:
        make, block, seed = rng.choice(makers), rng.choice(BLOCKS), rng.random()

        def forge(
            world: World, asked: Mail, make: Maker = make, block: str = block, seed: float = seed
        ) -> None:
            right = stamp(letter(asked, sender))
            _name, forged = make(right, random.Random(seed))
            # XML carries no control characters: in headers that come as XML there is nothing left of them.
            in_mail = block != "transport" or (
                world.way in ("ews", "exchange-server") and CONTROLS.search(forged.block())
            )
            if world.has_transport_headers:
                lay(world, forged if in_mail else right, right if block == "mail" else forged)
            else:
                lay(world, forged)

        yield f"{make.__name__} in {block} ({seed})", forge


Maker = Callable[[Letter, random.Random], tuple[str, Letter]]


# --- parts --------------------------------------------------------------------------------------------------


def part(boundary: str, text: str, *headers: str) -> str:
    return "\r\n".join(
        [f"--{boundary}", *(headers or ["Content-Type: text/plain; charset=utf-8"]), "", text, ""]
    )


def two_boundaries(rng: random.Random) -> tuple[str, str, bytes]:
    """Two boundaries in one Content-Type: by the one it approves, by the other it rejects."""
    first, second = rng.sample(("yes-1", "no-2", "B_3"), 2)
    words = rng.sample(("approve", "reject"), 2)
    body = part(first, words[0]) + f"--{first}--\r\n" + part(second, words[1]) + f"--{second}--\r\n"
    how = rng.choice(
        (
            f'boundary="{first}"; boundary="{second}"',
            f"boundary={first}; charset=utf-8; Boundary={second}",
            f"boundary={first}; boundary*=us-ascii''{second}",
            f'boundary*0="{first}"; boundary="{second}"',
            f"boundary*0={first[:2]}; boundary*1={first[2:]}; boundary={second}",
            f'x="; boundary={first}"; boundary="{second}"; boundary={first}',
        )
    )
    return "two boundaries", f"multipart/mixed; {how}", body.encode()


def two_headers_of_a_part(rng: random.Random) -> tuple[str, str, bytes]:
    twice = rng.choice(
        (
            ("Content-Type: text/plain; charset=utf-8", "Content-Type: application/octet-stream"),
            (
                "Content-Type: text/plain; charset=utf-8",
                "Content-Transfer-Encoding: 8bit",
                "content-transfer-encoding: base64",
            ),
            ("Content-Type: text/plain", "Content-Disposition: inline", "Content-Disposition: attachment"),
            ("Content-Type: text/plain; charset=utf-8; charset=utf-16",),
            ("Content-Type: text/plain; charset=utf-8; format=flowed; Format=fixed",),
            ("Content-Type : text/html", "Content-Type: text/plain"),
            ("Content-Type: text/plain; charset=\x01utf-8",),
            ("Content-Transfer-Encoding: 8\x0bbit",),
            ("no header at all", "Content-Type: text/html"),
            (" folded: before anything", "Content-Type: text/plain"),
        )
    )
    at = rng.randint(0, 1)
    texts = [part("b", "approve", *twice) if at == number else part("b", "approve") for number in range(2)]
    return f"a part's headers {twice}", "multipart/mixed; boundary=b", ("".join(texts) + "--b--\r\n").encode()


def of_parts(stamp: Stamp, sender: str, rng: random.Random) -> Iterator[Attempt]:
    while True:
        name, content_type, body = rng.choice((two_boundaries, two_headers_of_a_part))(rng)

        def forge(world: World, asked: Mail, content_type: str = content_type, body: bytes = body) -> None:
            right = stamp(letter(asked, sender, Content_Type=content_type))
            lay(world, replace(right, body=body))

        yield name, forge


# --- like them, and genuine ---------------------------------------------------------------------------------


def harmless(right: Letter, rng: random.Random) -> tuple[str, Letter]:
    """Headers that may stand more than once, names that are like those that may not, and folded ones."""
    name, value = rng.choice(
        (
            ("Received", "from a.example ([192.0.2.1]) by b.example; Sat, 28 Nov 2026 10:00:00 +0000"),
            ("X-Subject", "Lunch?"),
            ("Resent-From", OUTSIDE),
            ("Resent-To", "dave@contoso.example"),
            ("Resent-Date", "Sat, 28 Nov 2026 10:00:00 +0000"),
            ("Thread-Topic", "Desk"),
            ("Comments", "From: me"),
            ("X-MS-Exchange-MessageSentRepresentingType", "1"),
            ("Content-Language", "en-US"),
            ("List-Unsubscribe", "<mailto:a@b.example>"),
            ("X-Original-To", "approvals@contoso.example"),
            ("X-Info", "folded\r\n Subject: this is not one\r\n\tnor: this"),
            ("X-Empty", ""),
            ("X-Subject-Prefix", "To: nobody"),
            ("Original-Message-ID", "<x@y.example>"),
        )
    )
    twice = right
    for _ in range(rng.randint(1, 3)):
        twice = twice.with_header(name, value, len(right.headers))
    return name, twice


def case_of_names(right: Letter, rng: random.Random) -> tuple[str, Letter]:
    how = rng.choice((str.upper, str.lower, str.title))
    return "another case", replace(right, headers=tuple((how(name), value) for name, value in right.headers))


def alternatives(right: Letter, rng: random.Random) -> tuple[str, Letter]:
    boundary = rng.choice(("_000_AM0PR01MB", "Apple-Mail=_1F3D", "000000000000b1", "----=_Part_1 2"))
    plain = right.body.decode()
    html = f"<html><body><pre>{escape(plain)}</pre></body></html>"
    body = part(boundary, plain) + part(boundary, html, "Content-Type: text/html; charset=utf-8")
    spelt = rng.choice(
        (
            f'multipart/alternative;\r\n boundary="{boundary}"',
            f'multipart/alternative; charset=utf-8; boundary="{boundary}"',
        )
    )
    changed = right.changed("content-type", spelt)
    return "alternatives", replace(changed, body=f"{body}--{boundary}--\r\n".encode())


def genuine(stamp: Stamp, sender: str, rng: random.Random) -> Iterator[Attempt]:
    makers: Sequence[Maker] = (harmless, case_of_names, alternatives)
    while True:
        make, seed = rng.choice(makers), rng.random()

        def answer(world: World, asked: Mail, make: Maker = make, seed: float = seed) -> None:
            _name, right = make(stamp(letter(asked, sender)), random.Random(seed))
            lay(world, right)

        yield f"{make.__name__} ({seed})", answer


@pytest.mark.parametrize("level", list(STAMPS))
def test_what_two_programs_read_in_two_ways_decides_nothing(arena: Arena, level: str) -> None:
    sender, stamp = STAMPS[level]
    if level == "outside":
        outside_world(arena)
    results = arena.refuses(two_ways_of_headers(stamp, sender, arena.rng))
    results += arena.refuses(of_parts(stamp, sender, arena.rng), most=arena.most // 3)
    # A second header that the server leaves out, or whose first reading carries no code, is refused for that.
    assert set(results) <= {"two_readings", "no_code"}, results
    assert results["two_readings"] > results.total() // 2
    arena.accepts(genuine(stamp, sender, arena.rng))


# --- what programs wrote ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Automatic:
    """A mail of a program that would decide, were it a person's."""

    sender: str
    sign: tuple[str, str]  # the header that says what it is
    content_type: str = "text/plain; charset=utf-8"
    part: str = ""  # the headers of the part that says what it is

    def letter(self, asked: Mail) -> Letter:
        written = internal(letter(asked, self.sender, Content_Type=self.content_type)).on_top([self.sign])
        if not self.part:
            return written
        texts = part("b", written.body.decode()) + part("b", "x", self.part)
        return Letter(written.headers, f"{texts}--b--\r\n".encode())


REPORT = "multipart/report; boundary=b; report-type="
AUTOMATIC = {
    "bounce": Automatic(
        f"mailer-daemon@{DOMAIN}", ("X-Failed-Recipients", BOB), f"{REPORT}delivery-status",
        "Content-Type: message/delivery-status",
    ),
    "automatic_reply": Automatic(BOB, ("Auto-Submitted", "auto-replied")),
    "read_receipt": Automatic(
        BOB, ("X-Info", "of no matter"), f"{REPORT}disposition-notification",
        "Content-Type: message/disposition-notification",
    ),
    "meeting": Automatic(
        BOB, ("Content-Class", "urn:content-classes:calendarmessage"), "multipart/alternative; boundary=b",
        "Content-Type: text/calendar; method=REPLY",
    ),
}  # fmt: skip
#: What Exchange says that they are, beside the mail. Other servers say nothing.
ITEM_CLASSES = {
    "bounce": "REPORT.IPM.Note.NDR",
    "automatic_reply": "IPM.Note.Rules.OofTemplate.Microsoft",
    "read_receipt": "REPORT.IPM.Note.IPNRN",
    "meeting": "IPM.Schedule.Meeting.Resp.Pos",
}


@pytest.mark.parametrize("kind", list(AUTOMATIC))
def test_what_a_program_wrote_is_told_by_that_before_its_doubled_headers(arena: Arena, kind: str) -> None:
    """It is answered nothing, and is no attempt on anybody's name: whoever looks at the mail log sees what it is."""
    # Where the first Content-Type says that there are no parts, none is there to say what it is: Exchange does.
    names = [one for one in AT_MOST_ONCE if arena.world.has_transport_headers or one != "content-type"]

    def forgeries() -> Iterator[Attempt]:
        for name, place in product(names, ("top", "bottom")):

            def forge(world: World, asked: Mail, name: str = name, place: str = place) -> None:
                right = AUTOMATIC[kind].letter(asked)
                at = 0 if place == "top" else len(right.headers)
                forged = right.with_header(titled(name), other_value(name, right, arena.rng), at)
                named = name == "content-type" or arena.rng.random() < 0.5
                world.sandbox.place(
                    "approvals",
                    forged.raw(),
                    item_class=ITEM_CLASSES[kind] if named else "IPM.Note",
                    transport_headers=forged.block(),
                )

            yield f"{name}, {place}", forge

    results = arena.refuses(forgeries())
    assert set(results) == {kind}, results
