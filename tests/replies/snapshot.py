"""How many things are read, as they were read the last time: a change of a rule shows by them, whoever made it.

    python -m tests.replies.keep_snapshot       keep how they are read now; says whose outcome changed

A case is made anew each time from its name, the same on every machine. What is kept of it is its outcome, for people
who look at a difference, and a digest of all that the steps made of it. CONTRIBUTING.md says when to keep it anew.
"""

import hashlib
import json
import random
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache, partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from benchmarks.reading.ask import ADDRESS, APPROVER_ADDRESS, Ask
from benchmarks.reading.letters import Letter, letters
from benchmarks.reading.programs import PROGRAMS
from placet.approvals.proofs import Level
from placet.lib.sentences import Sentence
from placet.mailboxes.base import Folder, Received
from placet.replies import refusals
from placet.replies.parse import Mail, OwnMail, parse
from placet.replies.parse.answered import Ours, quoted
from placet.replies.parse.original import Original, without_original, words_of
from placet.replies.pick import codes, codes_in_returned
from placet.replies.prove import Asked, prove
from placet.replies.read import read_mail, read_text
from placet.replies.read_facts import About, Field
from tests.attacks import test_lost_instructions as instructions
from tests.attacks import test_quoted_words as quoted_words
from tests.attacks import test_requesters_words as requesters_words
from tests.replies import test_mails as mails

FOLDER = Path(__file__).parent
KEPT = FOLDER / "snapshot.txt"
SHARDS = 40
#: In each shard:
PAIRS = 18  # answers to requests whose requester foresaw them
QUOTES = 12  # answers with words in quotes, half of them the answerer's own
WISHES = 12  # answers with an instruction
BENT = 8  # for each mail of tests/mails
DIGITS = 10  # of a digest

Case = tuple[str, Callable[[], Any]]  # name, and what the steps make of it


# --- what is kept of a case ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """`outcome`: of the answer, or "-"."""

    outcome: str
    digest: str


def kept(made: Any) -> Kept:
    text = json.dumps(plain(made), ensure_ascii=True, sort_keys=True)
    readings = [one for one in made if hasattr(one, "outcome")] if isinstance(made, list) else []
    return Kept(
        " ".join(str(one.outcome or "-") for one in readings) or "-",
        hashlib.sha256(text.encode()).hexdigest()[:DIGITS],
    )


#: What readings had no place for when these were kept: said only where there is something.
_LATER = (
    "given", "perhaps_hidden", "likely", "checked_by", "dkim_selector", "login", "signed", "signature",
    "key_fingerprint", "certificate_issuer", "certificate_serial", "signed_at", "signed_once", "reads",
)  # fmt: skip
#: What says nothing of how a mail was read.
_APART = ("algorithm", "identity_domain")


def plain(value: Any) -> Any:
    """As JSON has it: the same for equal values, in whatever order they are held."""
    if is_dataclass(value) and not isinstance(value, type):
        held = {field.name: getattr(value, field.name) for field in fields(value)}
        return {
            name: plain(one)
            for name, one in held.items()
            if (one or name not in _LATER) and name not in _APART
        }
    if isinstance(value, Exception):
        return [type(value).__name__, *(plain(one) for one in value.args)]
    if isinstance(value, Mapping):
        return [[plain(key), plain(one)] for key, one in value.items()]
    if isinstance(value, frozenset | set):
        return sorted(map(str, value))
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, Enum):
        return value.name
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, bytes | datetime | date | Decimal):
        return repr(value)
    if isinstance(value, Sentence):
        return [value.text, plain(value.values)]
    raise TypeError(f"{type(value).__name__} has no form that can be kept.")


# --- texts --------------------------------------------------------------------------------------------------------

REQUEST = About(
    (
        Field("Item:", ("Height-adjustable desk",)),
        Field("Amount:", ("EUR 900.00", "900,00 €"), Decimal(900), "EUR"),
        Field("Cost centre:", ("4711",), Decimal(4711)),
        Field("Needed on:", ("1 December 2026", "01.12.2026"), None, "", date(2026, 12, 1)),
        Field("Supplier", ("Dell GmbH", "KST-12")),
    ),
    ("Alice Requester", "Bob Approver"),
)
#: What stands below or behind an answer, to be compared with the request.
VALUES = (
    "Cost centre: 4711", "Cost centre 4711", "Cost centre: 1200", "cost centre is now 4711", "Kostenstelle: 4711",
    "Amount: 900", "Amount: EUR 1,900.00", "EUR 900", "900 EUR", "for 900.00 €", "up to €500", "1.250 EUR", "$900",
    "Needed on: 1 December 2026", "Needed on 2.12.2026", "Needed on: December 1", "Needed on: 12/1/2026",
    "Needed on: 2026-12-01", "Supplier: Dell", "Supplier: Lenovo", "supplier KST-12", "supplier 7", "Item: a chair",
    "Item: desk", "Amount: 0.9k EUR", "Amount: nine hundred", "Please order from Dell.", "Max: 500", "only two",
)  # fmt: skip


@cache
def listed() -> list[tuple[str, str, list[str]]]:
    """Every answer that the tests of the reader know: its name, itself, and all of its kind."""
    return [
        (f"text {path.stem} {kind} {number}", text, rows)
        for path in sorted((FOLDER / "answers").glob("*.toml"))
        for kind, rows in tomllib.loads(path.read_text()).items()
        for number, text in enumerate(rows)
    ]


def texts(shard: int) -> Iterator[Case]:
    """Answers, alone and beside another thing."""
    for name, text, alike in listed():
        if shard_of(name) == shard:
            rng = random.Random(name)
            other, value = rng.choice(alike), rng.choice(VALUES)
            beside = rng.choice(
                (f"{text}\n{value}", f"{text}. {value}.", f"{value}\n\n{text}", f"{text}, {other}")
            )
            yield name, partial(read_texts, text, beside)


def shard_of(name: str) -> int:
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % SHARDS


def read_texts(alone: str, beside: str) -> list[Any]:
    return [read_text(alone), read_text(beside, about=REQUEST)]


def whole_letters(shard: int) -> Iterator[Case]:
    """Answers as people write them, each with its request."""
    for letter in letters():
        name = letter_name(letter)
        if shard_of(name) == shard:
            yield name, partial(read_letter, letter)


def letter_name(letter: Letter) -> str:
    return f"letter {letter.id}"


def read_letter(letter: Letter) -> list[Any]:
    return [letter.read()]


# --- mails that answer --------------------------------------------------------------------------------------------


def replies(shard: int) -> Iterator[Case]:
    rng = random.Random(f"replies {shard}")
    for number, pair in enumerate(requesters_words.pairs(rng, sorted(PROGRAMS), PAIRS)):
        raw = pair.form.sent(pair.language, pair.text, pair.request)
        yield f"pair {shard} {number} {pair.form.program}", partial(answered, raw, pair.request)
    for number in range(QUOTES):
        approval, own = quoted_words.answered(rng)
        if number % 2:
            name = rng.choice(sorted(quoted_words.FORMS))
            raw = quoted_words.FORMS[name](rng, quoted_words.ASK, approval)
        else:
            name = rng.choice([*sorted(quoted_words.QUOTED), "below"])
            raw = {**quoted_words.QUOTED, "below": quoted_words.below}[name](
                rng, quoted_words.ASK, approval, own
            )
        yield f"quote {shard} {number} {name}", partial(answered, raw, quoted_words.ASK)
    for number, wish in enumerate(islice(instructions.written(rng), WISHES)):
        yield f"wish {shard} {number}", partial(answered, instructions.mail(wish.text), quoted_words.ASK)


def answered(raw: bytes, ask: Ask) -> list[Any]:
    mail = parse(received(raw), OWN)
    ours = Ours(
        original_of(ask.raw),
        chosen=frozenset(words_of(ask.text)[:12]),
        addresses=frozenset({ADDRESS}),
        answerers=frozenset({APPROVER_ADDRESS}),
    )
    cut = without_original(mail, original_of(ask.raw))
    return [
        new_of(mail),
        quoted(mail, ours),
        new_of(cut),
        read_mail(cut, about=instructions.ABOUT),
        read_mail(mail),
    ]


def new_of(mail: Mail) -> Mail:
    """Without the quoted ask, whose words and look change for other reasons."""
    return replace(mail, text="", marked="", markup="")


OWN = OwnMail(ADDRESS, "placet.contoso.example")


def received(raw: bytes) -> Received:
    return Received("1", Folder.INBOX, raw, "", "IPM.Note", None, len(raw))


@cache
def original_of(raw: bytes) -> Original:
    return Original.of(raw)


# --- mails with something wrong -----------------------------------------------------------------------------------

#: What means something somewhere in a mail.
PIECES = (
    b"\n", b"\r\n", b"\n ", b"\0", b"> ", b"--b\n", b"-- \n", b"<div>", b"<blockquote>", b"&#0;", b'"', b"\\", b";",
    b":", b",", b"@", b"(", b")", b"<", b">", b"=", b" by ", b" from ", b"pass", b"fail", b"dkim=pass ", b"dmarc=pass ",
    b"t=1;", b"l=1;", b"x=1;", b"h=from;", b"[10.0.0.1]", b"(2603:10a6::1)", b"203.0.113.9", b"=?utf-8?q?=41?=",
    b"\xc3\xa9", b"boundary=b", b"Content-Type: text/plain\n", b"From: a@b.example\n", b"To: c@d.example\n", b"=41",
    b"\xff", b"+",
    b"#k7q2mfx3wz5ta4ub", b"[#k7q2mfx3wz5ta4ub]", b"outlook.com", b"contoso.example", b"fabrikam.example", b"\x0b",
    b"Subject: Re: Desk\n", b"Authentication-Results: dmarc=pass\n", b"DKIM-Signature: d=fabrikam.example\n",
    b"Date: Tue, 24 Nov 2026 10:00:00 +0000\n", b"Received: from a (10.0.0.1) by b.outlook.com\n", b"\xe2\x80\xae",
)  # fmt: skip


def bent(raw: bytes, rng: random.Random) -> bytes:
    """With up to three changes, most of them in the headers."""
    for _ in range(rng.randrange(1, 4)):
        within = raw.find(b"\n\n") + 1 if rng.random() < 0.7 else len(raw)
        at = rng.randrange(max(within, 1))
        lines = raw.split(b"\n")
        line = rng.randrange(len(lines))
        match rng.randrange(6):
            case 0 | 1:
                raw = raw[:at] + rng.choice(PIECES) + raw[at:]
            case 2:
                raw = raw[:at] + raw[at + rng.choice((1, 2, 7, 30)) :]
            case 3:
                raw = b"\n".join([*lines[:line], *lines[line : line + 1] * 2, *lines[line + 1 :]])
            case 4:
                raw = b"\n".join([*lines[:line], *lines[line + 1 :]])
            case _:
                other = rng.randrange(len(lines))
                lines[line], lines[other] = lines[other], lines[line]
                raw = b"\n".join(lines)
    return raw


def wrong(shard: int) -> Iterator[Case]:
    for name in mails.NAMES:
        if shard_of(name) != shard:
            continue
        case = json.loads((mails.MAILS / f"{name}.json").read_text())
        raw = (mails.MAILS / f"{name}.eml").read_bytes()
        if len(raw) > 20_000:
            continue
        for number in range(BENT):
            changed = bent(raw, random.Random(f"{name} {number}")) if number else raw
            yield f"mail {name} {number}", partial(walked, changed, case)


def walked(raw: bytes, case: Mapping[str, Any]) -> list[Any]:
    block = case["received"]["transport_headers"]
    if block == "same":
        block = raw.partition(b"\n\n")[0].decode(errors="replace")
    try:
        mail = parse(Received("1", Folder.INBOX, raw, block, "IPM.Note", None, len(raw)), mails.OWN)
    except refusals.Unparseable as error:
        return [str(error)]
    return [
        mail,
        codes(mail),
        codes_in_returned(mail),
        *(proved(mail, case, level) for level in Level),
        read_mail(mail),
    ]


def proved(mail: Mail, case: Mapping[str, Any], level: Level) -> object:
    asked = Asked(case.get("asked", ["ann@contoso.example"]), mails.ASKED_AT, mails.ANSWERED_AT, ("subject",))
    try:
        return prove(mail, Folder.INBOX, asked, level, mails.policy_of(case))
    except refusals.Refusal as refusal:
        return [type(refusal).__name__, str(refusal.facts)]


# --- all of them --------------------------------------------------------------------------------------------------


def cases(shard: int) -> Iterator[Case]:
    """A part of all cases. Which part one is in hangs on its name."""
    return chain(texts(shard), whole_letters(shard), replies(shard), wrong(shard))


def shard_of_case(name: str) -> int:
    """The part that a case of this name is in, whether or not there is one. ValueError, if no case has such a name."""
    kind, _, rest = name.partition(" ")
    match kind:
        case "pair" | "quote" | "wish":
            return int(rest.partition(" ")[0])
        case "mail":
            return shard_of(rest.rpartition(" ")[0])
        case "text" | "letter":
            return shard_of(name)
    raise ValueError(f"No case is named {name!r}.")


@cache
def known_by_shard() -> Mapping[int, Mapping[str, Kept]]:
    """What is kept, by the part that it is in."""
    parts: dict[int, dict[str, Kept]] = {}
    for name, kept_case in known().items():
        parts.setdefault(shard_of_case(name), {})[name] = kept_case
    return parts


def known() -> dict[str, Kept]:
    rows = (line.rsplit("\t", 2) for line in KEPT.read_text().splitlines())
    return {name: Kept(outcome, digest) for name, outcome, digest in rows}


def differences(before: Mapping[str, Kept], now: Mapping[str, Kept]) -> Iterator[str]:
    """Cases that are read otherwise, those first whose outcome is another."""
    changed = [name for name in before if name in now and now[name] != before[name]]
    for name in sorted(changed, key=lambda name: now[name].outcome == before[name].outcome):
        yield f"{name}: {before[name].outcome} → {now[name].outcome}"
