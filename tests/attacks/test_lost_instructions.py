"""Instructions beside an answer: whoever writes "Yes, gladly. Please book it on cost centre 4711" has said two things,
and a decision that keeps one of them is not theirs. A reply is lost if it decides and a word of it is in no part.

Judged is the text of a mail as the path reads it (`parse`, `read_mail`), in all languages, with an instruction at each
place where people write one; and a sample of such mails down the whole path, by what the decision in the tables and the
mail that confirms it hold. "Accepted" are those that decided while a word was lost, or stands in another order.
"""

import random
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.reading.door import parsed
from placet.approvals.steps import ApprovalStep
from placet.lib.sentences import NOTHING
from placet.replies.languages import SHARED
from placet.replies.parse.folding import fold
from placet.replies.parse.signatures import is_device
from placet.replies.read import read_mail, read_text
from placet.replies.read_comment import Part
from placet.replies.read_facts import About, Field
from placet.replies.read_own import own_of
from placet.replies.read_questions import Question, Questions
from placet.replies.read_result import Reading
from placet.replies.read_tokens import Kind, composed, spellings, tokens
from placet.sandbox.server import Mail
from tests.attacks.arena import Arena, Count
from tests.attacks.delivering import DESK, Compose, Effect, effects, rename
from tests.attacks.forging import BOB
from tests.attacks.instructions import INSTRUCTIONS, LIMITS, NAMES
from tests.attacks.tally import Counts
from tests.journeys.letters import INTERNAL, quote_of
from tests.journeys.letters import answer as reply_of
from tests.words import LANGUAGES

EVERY_KIND = True

ANSWERS = Path(__file__).parent.parent / "replies" / "answers"
ABOUT = About(names=("Alice Requester", "Bob Approver"))
PHONE = "+49 30 1234567"
SMALL_PRINT = (
    "This e-mail and any attachments are confidential and intended solely for the addressee.",
    "If you are not the intended recipient, please notify the sender immediately and delete this message.",
    "Any unauthorised copying is strictly prohibited.",
)
CARD = f"Head of Purchasing\nContoso GmbH\nHauptstr. 5\n10115 Berlin\nTel. {PHONE}"


@dataclass(frozen=True)
class Written:
    """A reply that somebody wrote: its text, what they wished in it, and what else need be in no comment."""

    language: str
    text: str
    wish: str
    around: str = ""  # labels of a form, a closing, a signature


# --- what is written ----------------------------------------------------------------------------------------------


def answer(rng: random.Random, code: str) -> str:
    """Something that people answer with: a row of the languages' tests, or a phrase that decides."""
    own, rows = LANGUAGES[code].answer, tomllib.loads((ANSWERS / f"{code}.toml").read_text())
    kind = rng.choice(("approve", "reject"))
    alone = [row for row in rows[kind] if "\n" not in row and ":" not in row]  # others are letters and forms
    phrases = getattr(own, kind) + getattr(own, f"{kind}_weak")
    return str(rng.choice((rng.choice(alone), rng.choice(phrases), rng.choice(phrases).capitalize())))


def wish(rng: random.Random, code: str) -> str:
    """An instruction: a sentence of the language, or words that the reader knows and takes for nothing."""
    own = LANGUAGES[code].answer
    number, name = str(rng.randrange(10, 99_999)), rng.choice(NAMES)
    made = rng.choice(INSTRUCTIONS[code]).format(n=number, name=name)
    harmless = (*own.fillers, *own.courtesies, *own.remarks)
    loose = " ".join([*rng.choices(harmless, k=rng.randrange(5)), rng.choice((name, number))])
    both = f"{rng.choice(own.fillers)} {made}"
    text = rng.choice((made, made, made.capitalize(), loose, loose.title(), both))
    if is_device(fold(text)):
        return made  # "sent from my phone" with a name behind it is a telephone's own line
    return text + rng.choice(("", ".", "!"))


def written(rng: random.Random) -> Iterator[Written]:
    """Replies with a wish in them, without end."""
    codes = sorted(INSTRUCTIONS)
    while True:
        code = rng.choice(codes)
        said, more = answer(rng, code), wish(rng, code)
        own = LANGUAGES[code].answer
        closing = rng.choice(own.closings)
        device = rng.choice(LANGUAGES[code].mail.device or LANGUAGES["en"].mail.device)
        greeting = rng.choice((*own.greetings, "Hi Alice", "Alice"))
        label = rng.choice(own.form_labels)
        below = more if _is_sentence(more) else "Order it from Dell"
        small = rng.sample(SMALL_PRINT, 3)
        first = next(at for at, one in enumerate(small) if one.startswith("This"))
        small[0], small[first] = small[first], small[0]
        inside = [*small]
        inside.insert(rng.randrange(1, 4), f"{below.rstrip('.!')}.")
        printed = rng.choice((" ", "\n")).join(inside)
        yield from rng.sample(
            [
                Written(code, f"{said}. {more}", more),
                Written(code, f"{said}, {more}", more),
                Written(code, f"{said} – {more}", more),
                Written(code, f"{said} ({more})", more),
                Written(code, f"{said}\n{more}", more),
                Written(code, f"{said}\n\n{more}", more),
                Written(code, f"{more}\n\n{said}", more),
                Written(code, f"{more}. {said}.", more),
                Written(code, f"{greeting},\n\n{said}.\n{more}\n\n{closing}\nBob", more, f"{greeting} {closing}"),
                Written(code, f"{said}\n\n{closing}\nBob\n\n{more}", more, closing),
                Written(code, f"{said}\n\n{closing}, {more}", more, closing),
                Written(code, f"{said}\n\n{closing}\nBob Approver\n{PHONE}\n{below}", below, f"{closing} {PHONE}"),
                Written(code, f"{said}\n\nBob Approver\n{below}", below),
                Written(code, f"{said}\n\n{device}\n{more}", more, device),
                Written(code, f"{said}\n\n{more}\n\n{device}", more, device),
                Written(code, f"{label}: {said}\n{more}", more, label),
                Written(code, f"{more}\n{label}: {said}", more, label),
                Written(code, f"{more}\nQ1: [{said}]", more, "Q1"),
                Written(code, f"Q1: [{said}]\n{more}", more, "Q1"),
                Written(code, f"[x] {said}\n[ ] reject {more}", more, "x reject"),
                Written(code, f"{said} [x] reject [ ] {more}", more, "x reject"),
                Written(code, f"{label}: {said}\n{own.form_ends[0] if own.form_ends else closing}\n{more}", more,
                        f"{label} {own.form_ends[0] if own.form_ends else closing}"),
                Written(code, f"{said}\n\nConfidential: {more}", more, "Confidential"),
                Written(code, f"{said}\n\n{said}\n{more}", more),
                Written(code, f"{said}\n\n{printed}", below, " ".join(small)),
                Written(code, f"{said}\n\n{closing}\nBob\n\n{printed}", below, " ".join((closing, *small))),
                Written(code, f"{said}\n\n-- \n{below}", below),
                Written(code, f"{said}\n--\nBob\n{below}", below),
                Written(code, f"{said}\n\n- -- \nBob\n\n{below}", below),
                Written(code, f"{said}\n\n{closing}\nBob\n\n-- \nBob Approver\n{PHONE}\n\n{below}", below,
                        f"{closing} {PHONE}"),
            ],
            k=8,
        )  # fmt: skip


def _is_sentence(text: str) -> bool:
    """Whether anybody could tell it from a company or a title, which stand below a name in the same paragraph."""
    return any(word.islower() or word[0].isdecimal() for word in text.split())


def neighbours(rng: random.Random) -> Iterator[Written]:
    """Replies without a wish, which say as little as most do."""
    codes = sorted(INSTRUCTIONS)
    while True:
        code = rng.choice(codes)
        own = LANGUAGES[code].answer
        said = rng.choice(own.approve + own.reject)
        closing, thanks = rng.choice(own.closings), rng.choice(own.silent)
        printed = rng.choice((" ", "\n")).join(SMALL_PRINT)
        yield from (
            Written(code, said, ""),
            Written(code, f"{said}.\n\n{closing}\nBob", "", closing),
            Written(code, f"{said}\n\n{closing}\nBob Approver\n{CARD}", "", f"{closing} {CARD}"),
            Written(code, f"{said}\n\n-- \nBob Approver\n{CARD}", "", CARD),
            Written(code, f"Hi Alice,\n\n{said}", ""),
            Written(code, f"{said}\n\nBob", ""),
            Written(code, f"{said}, {thanks}", ""),
            Written(code, f"{said}\n\n{closing}\nBob\n\n{printed}", "", f"{closing} {printed}"),
        )  # fmt: skip


# --- how it is judged ---------------------------------------------------------------------------------------------


def mail(text: str, subject: str = "Re: Desk") -> bytes:
    head = (
        f"From: Bob Approver <bob@contoso.example>\nTo: approvals@contoso.example\nSubject: {subject}\n"
        "MIME-Version: 1.0\n"
        "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
    )
    return head.encode() + text.encode()


def words(text: str) -> list[str]:
    found = tokens(composed(text))
    return [token.text for token in found if token.kind is Kind.WORD and any(map(str.isalnum, token.text))]


def reading(one: Written) -> Reading:
    return read_mail(parsed(mail(one.text)), about=ABOUT)


def lost(one: Written, found: Reading) -> list[str]:
    """The words that are neither in the comment nor in the answer, and neither polite nor beside the text."""
    left = Counter(words(one.text))
    left -= Counter(words(found.comment))
    left -= Counter(word for said in found.rests_on for word in words(said))
    left -= Counter(words(one.around))
    polite = {word for code in (one.language, found.language, SHARED) for word in silent(code)}
    return [word for word in left if word not in polite]


def moved(text: str, comment: str) -> list[str]:
    """The words of a comment from the first one on that the text does not hold behind those before it: what stands in
    another order may say something else. The line in which a form has its answer is read first, wherever it stands."""
    lines = text.split("\n")
    forms = [[line, *lines[:at], *lines[at + 1 :]] for at, line in enumerate(lines) if ":" in line]
    return min((_behind("\n".join(order), comment) for order in (lines, *forms)), key=len)


def _behind(text: str, comment: str) -> list[str]:
    rest, kept = iter(words(text)), words(comment)
    return next((kept[at:] for at, word in enumerate(kept) if word not in rest), [])


def silent(code: str) -> set[str]:
    """Words of courtesies and greetings of a language, and the people's names."""
    own = LANGUAGES[code].answer if code in LANGUAGES else LANGUAGES[SHARED].answer
    names = ("hi", *ABOUT.name_words)
    said = [word for text in (*own.silent, *own.greetings) for word in words(text)]
    return {
        *names,
        *(spelled for word in said for (spelled,) in spellings((word,))),
    }  # accents may be left out


def apart(found: Reading) -> list[str]:
    """Words of the text as it was read that are in no part, or in two."""
    wrong = []
    for token in tokens(found.text):
        if token.kind is Kind.WORD and any(map(str.isalnum, token.text)):
            around = [one for one in found.parts if one.start <= token.start and token.end <= one.end]
            if len(around) != 1:
                wrong.append(found.text[token.start : token.end])
    return wrong


def test_no_reply_decides_while_a_word_of_it_is_lost(rng: random.Random, most: int, tally: Count) -> None:
    decided = 0
    number = 4 * most  # a text costs a thousandth of a mail
    failures = []
    for one in islice(written(rng), number):
        found = reading(one)
        if found.outcome is None:
            continue
        decided += 1
        gone = lost(one, found) + apart(found) + moved(one.text, found.comment)
        if gone:
            failures.append((one.text, found.comment, found.rests_on, gone))
    tally(Counts(forged=number, accepted=len(failures)))
    assert not failures, f"{len(failures)} of {decided}: {failures[:8]}"
    assert decided > number // 10, "hardly any of them was read at all"


def test_what_says_no_more_than_its_answer_decides_without_a_comment(
    rng: random.Random, most: int, tally: Count
) -> None:
    """And loses nothing either. A phrase that alone decides nothing has no neighbours."""
    passed = number = 0
    noisy = []
    for one in islice(neighbours(rng), most):
        alone = reading(Written(one.language, one.text.split("\n")[0] if not one.around else one.text, ""))
        found = reading(one)
        if alone.outcome is None and found.outcome is None:
            continue
        number += 1
        passed += found.outcome is not None
        if found.comment:
            noisy.append((one.text, found.comment))
        assert not apart(found) and not lost(one, found)
    tally(Counts(neighbours=number, passed=passed))
    assert passed == number
    assert len(noisy) <= 0.02 * number, noisy[:10]


# --- down the whole path ------------------------------------------------------------------------------------------


def replying(one: Written, quoting: bool) -> Compose:
    """Bob's own reply with this text, our mail quoted below it or not."""

    def compose(asked: Mail) -> bytes:
        text = one.text + quote_of(asked) if quoting else one.text
        return reply_of(asked, BOB, text=text, headers=INTERNAL)

    return compose


def lost_of(one: Written, effect: Effect) -> list[str]:
    """Words that neither the decision in the tables holds nor what it rests on, and those of its comment that the mail
    which confirms it does not show, or shows in another order."""
    kept = Reading(effect.outcome, effect.comment, NOTHING, effect.rests_on, one.language)
    return lost(one, kept) + moved(one.text, effect.comment) + moved(effect.confirmation, effect.comment)


@pytest.mark.timeout(1800)  # at full length: each answer has a request of its own
def test_the_decision_and_its_confirmation_hold_every_word_that_was_delivered(arena: Arena) -> None:
    rename(arena.world, alice="Alice Requester", bob="Bob Approver")
    replies = list(islice(written(arena.rng), arena.most * 2 // 3))  # each with a request of its own
    sent = ((DESK, replying(one, quoting=bool(at % 2))) for at, one in enumerate(replies))
    decided = 0
    failures = []
    for one, effect in zip(replies, effects(arena.world, sent), strict=True):
        decided += effect.outcome is not None
        if effect.outcome is not None and (gone := lost_of(one, effect)):
            failures.append((one.text, gone, str(effect), effect.confirmation))
    arena.count(Counts(forged=len(replies), accepted=len(failures)))
    assert not failures, f"{len(failures)} of {decided}: {failures[:4]}"
    assert decided > len(replies) // 10, "hardly any of them was read at all"


# --- what speaks against the answer, where signatures and small print stand ---------------------------------------

PLACES = (
    "{said}\n\n-- \n{against}",
    "{said}\n--\n{against}.",
    "{said}\n\n-- \nBob Approver\n{phone}\n\n{against}",
    "{said}\n\n{closing}\nBob\n\n-- \n{against}",
    "{said}\n\n{closing}\nBob\n\n{against}",
    "{said}.\n\nThis email and any attachments are confidential and intended for the addressee. {against}.",
    "{said}.\n\n{legal} {filled}. {against}.",
)
FILLED = "the mail that you have received and may not be copied, kept or shown to others by anybody at all"


def against(rng: random.Random, code: str) -> str:
    """Another answer, or a limit."""
    own = LANGUAGES[code].answer
    limit = f"{rng.choice(LIMITS[code])} {rng.choice(('500', '2'))}"
    return str(rng.choice((limit, *rng.choices(own.reject, k=2))))


def contradictions(rng: random.Random) -> Iterator[tuple[str, str, str]]:
    """The language, the text, and what was put into it."""
    while True:
        code = rng.choice(sorted(INSTRUCTIONS))
        own = LANGUAGES[code].answer
        said, more = rng.choice(own.approve), against(rng, code)
        if read_text(said).outcome != "approve" or read_text(f"{said}.\n{more}.").outcome is not None:
            continue  # what does not count above the answer's end is none
        text = rng.choice(PLACES).format(
            said=said, against=more, phone=PHONE, closing=rng.choice(own.closings), filled=FILLED,
            legal=rng.choice(own.legal or LANGUAGES["en"].answer.legal),
        )  # fmt: skip
        yield code, text, more


def test_another_answer_or_a_limit_counts_below_dashes_closings_and_in_small_print(
    rng: random.Random, most: int, tally: Count
) -> None:
    number = 2 * most
    decided = []
    for code, text, more in islice(contradictions(rng), number):
        found = reading(Written(code, text, ""))
        if found.outcome == "approve" and more not in found.comment:
            decided.append((code, text, found.comment))
    tally(Counts(forged=number, accepted=len(decided)))
    assert not decided, f"{len(decided)} of {number}: {decided[:8]}"


@pytest.mark.parametrize(
    "text",
    [
        "comprala.\n\nThis email and any attachments are confidential and intended for the addressee. fino a 2.",
        "podemos comprar.\n\nThis email and any attachments are confidential and intended for the addressee. até 2.",
        "renew it.\n\nThis email and any attachments are confidential and intended for the addressee. I am sorry to "
        "inform you that your leave request is not approved.",
        "進めてもらえればと思います.\n\n本電子メール the mail that you have received and may not be copied, kept or "
        "shown to others by anybody at all. 見送らせていただきます.",
    ],
)
def test_a_sentence_in_small_print_is_read_in_whichever_language_it_is(text: str) -> None:
    assert read_text(text).outcome is None


# --- values behind labels -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(INSTRUCTIONS))
def test_a_code_behind_its_label_is_comment_and_a_limit_never_is(code: str) -> None:
    own = LANGUAGES[code].answer
    said = next(one for one in own.approve if read_text(one).outcome == "approve")
    for label in map(str.capitalize, own.coded):
        line = f"{label}: 4711"
        same, other = (About((Field(label, (value,)),)) for value in ("4711", "1200"))
        for about in (About(), same):
            found = read_text(f"{said}.\n{line}", about=about)
            assert (found.outcome, found.comment) == ("approve", line), (line, found.why)
        assert read_text(f"{said}.\n{line}", about=other).outcome is None
        assert read_text(f"{said}.\n{line}, 2").outcome is None
        assert read_text(f"{said}.\n{label}: 500 €").outcome is None
    for limit in map(str.capitalize, LIMITS[code]):
        for about in (About(), About((Field(limit, ("500",)),))):
            for line in (f"{limit}: 500", f"{limit} 500"):
                assert read_text(f"{said}.\n{line}", about=about).outcome is None, line


@pytest.mark.parametrize("code", sorted(INSTRUCTIONS))
def test_a_word_that_could_not_be_read_whole_decides_nothing(code: str) -> None:
    for said in LANGUAGES[code].answer.approve[:200]:
        if " " not in said and len(said) > 2:
            assert read_text(f"{said[:2]}\ufffd{said[2:]}").outcome is None
            assert read_text(f"{said}\ufffd").outcome is None


@pytest.mark.parametrize(
    ("text", "comment"),
    [
        ("Ja, gerne. Bitte auf Kostenstelle 4711 buchen.", "Bitte auf Kostenstelle 4711 buchen."),
        ("Approved. Please order from Dell.", "Please order from Dell."),
        ("承認します。\n\n至急発注", "至急発注"),
        ("Genehmigt.\n\nViele Grüße\nBob\nKostenstelle 4711", "Kostenstelle 4711"),
        ("Approved.\nSent from my iPhone\nPlease ship to Berlin", "Please ship to Berlin"),
        ("Please order from Dell.\nQ1: [approve]", "Please order from Dell."),
        ("Approved\n--\nPlease book on 4711", "Please book on 4711"),
        ("Approved\n\n-- \nBob Approver\nOrder it from Dell", "Order it from Dell"),
        ("Approved\n\n-- \nrick", ""),
        ("Approved\n\n-- \nBob Approver\nHead of Rejects\n+49 30 1234567\nSent from my iPhone", ""),
        ("Approved\n\n-- \nBob\n\n“If you can dream it, you can do it.” – Walt Disney", ""),
        ("Approved.\nCost centre: 4711", "Cost centre: 4711"),
        ("Approved\n\nJohn Smith\nPlease ship to Berlin", "John Smith\nPlease ship to Berlin"),
        ("I hereby approve this request. Thank you, Alice!", ""),
        ("Hi Tom,\n\napproved, thanks.\n\nBest regards\nBob Approver\nHead of Purchasing", ""),
    ],
)  # fmt: skip
def test_what_is_the_comment(text: str, comment: str) -> None:
    found = reading(Written("en", text, ""))
    assert found.outcome == "approve", found.why
    assert found.comment == comment


@pytest.mark.parametrize(
    "text",
    [
        "Approved.\nSent from my iPhone\nOnly if legal agrees to it",
        "Only if legal agrees to it.\nQ1: [approve]",
        "Approved.\n\nBest regards\nBob\n\nSorry, I meant rejected",
        "Approved\n\n-- \nRejected",
        "Approved\n\nBest regards\nRejected",
        "Approved\n--\nonly up to 500",
        "Approved\n\n-- \nBob\nMax: 500",
        "Approved\n\n-- \nBob\n\nWhy four?",
        "Approved\n\n-- \nBob\n\nPS: two will do",
        "Approved.\n\nThis email and any attachments are confidential and meant for you. I do not approve.",
        "Approved.\nLimit: 500",
        "Approved.\nUp to: 500",
        "Approve\ufffdd.",
        "Approved.\n\nNotice: only if legal agrees",
    ],
)
def test_a_doubt_counts_wherever_it_stands(text: str) -> None:
    assert reading(Written("en", text, "")).outcome is None


def test_a_subject_alone_loses_nothing() -> None:
    found = read_mail(parsed(mail("", "Approved, please order from Dell")), about=ABOUT)
    assert found.outcome is None or "Dell" in found.comment
    assert read_mail(parsed(mail("", "Approved")), about=ABOUT).outcome == "approve"


def test_the_parts_are_what_they_are_called() -> None:
    found = reading(
        Written("en", "Hi Tom,\n\nApproved, thanks. Please order from Dell.\n\nBest regards\nBob", "")
    )
    by_part = {
        part: [found.text[one.start : one.end] for one in found.parts if one.part is part] for part in Part
    }
    assert by_part[Part.ANSWER] == ["Approved"]
    assert by_part[Part.POLITE] == ["Hi", "Tom", "thanks"]
    assert by_part[Part.SIGNATURE] == ["Best regards", "Bob"]
    assert [text.strip() for text in by_part[Part.COMMENT]] == ["Please order from Dell."]


# --- what looks like something else than the sender's own words -----------------------------------------------------

EMPHASIS = (("*", "*"), ("_", "_"), ("**", "**"), ('"', '"'), ("“", "”"), ("„", "“"), ("«", "»"))
OPTIONS = ("A", "B", "I", "II", "III", "V")
VALUES = (
    "billing@dell.example",
    "https://shop.dell.example/a.b",
    "offer.pdf",
    "C.H. Beck",
    "www.thanks.example/ok",
)


def disguised(rng: random.Random) -> Iterator[Written]:
    """Instructions in bold or in quotation marks below a closing, perhaps with a name behind, and behind the line of a
    telephone; options behind an answer."""
    while True:
        code = rng.choice(sorted(INSTRUCTIONS))
        own = LANGUAGES[code].answer
        said = rng.choice([one for one in own.approve if len(one) > 1])
        made = rng.choice(INSTRUCTIONS[code]).format(n=rng.randrange(10, 99_999), name=rng.choice(NAMES))
        titled = rng.choice((made, made.title()))  # below a name that is what titles look like
        closing, (begin, end) = rng.choice(own.closings), rng.choice(EMPHASIS)
        by = rng.choice(("", "", " – Carol", "\n– Carol Clark"))
        sign = rng.choice((" - ", ". ", " ", ", ", " (", ": "))
        option = rng.choice(OPTIONS)
        yield from (
            Written(code, f"{said}.\n\n{closing}\nBob\n\n{begin}{made}{end}{by}", made, closing),
            Written(code, f"{said}.\n\n-- \nBob\n\n{begin}{made}{end}{by}", made),
            Written(code, f"{said}.\n\nSent from my iPhone{sign}{titled}", titled, "Sent from my iPhone"),
            Written(code, f"{said} {option}", option),
        )


def test_instructions_that_look_like_sayings_telephones_and_articles_are_not_lost(
    rng: random.Random, most: int, tally: Count
) -> None:
    failures = []
    for one in islice(disguised(rng), most):
        found = reading(one)
        if found.outcome is not None and not set(words(one.wish)) <= set(words(found.comment)):
            failures.append((one.text, found.comment))
    tally(Counts(forged=most, accepted=len(failures)))
    assert not failures, f"{len(failures)}: {failures[:8]}"


def test_what_is_comment_is_as_it_was_written(rng: random.Random, most: int) -> None:
    for value in VALUES:
        for said in ("Rejected.", "Approved."):
            found = reading(Written("en", f"{said} Please use {value} for it.", ""))
            assert found.outcome is None or f"Please use {value} for it." in found.comment
    for _ in range(most // 10):
        value = ".".join(
            rng.choices(("a", "thanks", "dell", "hi", "4", "x", "please"), k=rng.randrange(2, 5))
        )
        found = reading(Written("en", f"Rejected. Please use {value} for it.", ""))
        assert found.outcome is None or found.comment == f"Please use {value} for it."


# --- boxes to tick --------------------------------------------------------------------------------------------------

BOXES = (
    ("[x]", "[ ]"), ("[X]", "[]"), ("(x)", "( )"), ("[✓]", "[_]"), ("[ x ]", "[  ]"), ("[*]", "[ ]"), ("[x]", "☐"),
    ("☑", "☐"), ("✓", "☐"), ("✔", "◯"), ("☒", "☐"), ("✅", "⬜"), ("☑\ufe0f", "⬜\ufe0f"), ("（x）", "（ ）"),
)  # fmt: skip
BESIDE_BOXES = (
    "{said} {x} {more} {other} {o}",
    "{said} {x} {more}, {other} {o}",
    "{said} {x} {more}. {other} {o}",
    "{said}: {x}  {more}   {other}: {o}",
    "{said} {x} ({more}) {other} {o}",
    "{said} {x} - {more} - {other} {o}",
    "{other} {o} {said} {x} {more}",
    "{other} {o} {more} {said} {x}",
    "{more} {said} {x} {other} {o}",
    "{more} {x} {said} {o} {other}",
    "{said} {x} {other} {o} {more}",
    "{said} {x} {more} {o} {other}",
    "{x} {said} {more} {o} {other}",
    "{x} {said}, {more} {o} {other}",
    "{o} {other} {more} {x} {said}",
    "{x} {said} {o} {other} {more}",
    "{x} {said} {o} {other}, {more}",
)
ON_LINES = (
    "{x} {said}\n{o} {other} {more}",
    "{x} {said} {more}\n{o} {other}",
    "{x} {more} {said}\n{o} {other}",
    "{x} {said}\n{more}\n{o} {other}",
    "{x} {said}\n{o} {other}\n{more}",
    "{more}\n{x} {said}\n{o} {other}",
    "{said} {x}\n{other} {o} {more}",
    "{said} {x} {more}\n{other} {o}",
    "{more} {said} {x}\n{other} {o}",
)
LABELS = (  # of boxes, where another answer is one like any other
    "{x} {said} {o} {more}",
    "{x} {said}\n{o} {more}",
    "{x} {said} {o} {other} {o} {more}",
    "{said} {x} {other} {o} {more} {o}",
    "{said} {x} {more} {o}",
    "{said} {o} {more} {x} {said}",
    "{said}: {x} {more} {o} Monitor",
    "{said}:\n{x} {more}\n{o} Monitor",
    "{said}\n{o} {more}",
    "{x} {more}\n❌ Monitor",
)
PLAIN = (
    "{x} {said} {o} {other}", "{o} {other}, {x} {said}", "{x} {said}\n{o} {other}", "- {o} {other}\n- {x} {said}",
    "{said} {x} {other} {o}", "{other} {o} / {said} {x}", "{said} {x}\n{other} {o}", "{said}: {x}  {other}: {o}",
    "{label}: {x} {said} {o} {other}", "1. {x} {said}\n2. {o} {other}",
)  # fmt: skip
OWN_STEP = ApprovalStep.model_validate({
    "kind": "approval", "name": "Check", "ask": [{"manager": True}],
    "outcomes": [{"key": "release", "label": "Release", "grants": True},
                 {"key": "hold", "label": "Hold", "grants": False}],
})  # fmt: skip
OWN = own_of(OWN_STEP)
MAKERS = ("Dell", "Lenovo")
CHOICES = tuple(frozenset((name.casefold(),)) for name in MAKERS)


@dataclass(frozen=True)
class Ticked:
    """A form with boxes, what stands beside them, and of which kind that is."""

    code: str
    place: str
    said: str
    other: str
    boxes: tuple[str, str]
    more: str = ""
    kind: str = ""

    @property
    def text(self) -> str:
        ticked, empty = self.boxes
        label = LANGUAGES[self.code].answer.form_labels[0]
        return self.place.format(
            said=self.said, other=self.other, x=ticked, o=empty, more=self.more, label=label
        )

    def lost(self, text: str, found: Reading) -> list[str]:
        around = f"x Monitor {self.said} {self.other}"
        return lost(Written(self.code, text, self.more, around), found) + moved(text, found.comment)


def _two_answers(rng: random.Random, code: str) -> tuple[str, str]:
    """Two answers that alone decide, the one as the other does not."""
    own = LANGUAGES[code].answer
    while True:
        pair = rng.choice(own.approve), rng.choice(own.reject)
        read = [read_text(one) for one in pair]
        if [one.outcome for one in read] == ["approve", "reject"] and not any(one.comment for one in read):
            return pair if rng.random() < 0.7 else (pair[1], pair[0])


def ticked(rng: random.Random, places: Sequence[str], answers: Sequence[str] = ()) -> Iterator[Ticked]:
    """Forms with a wish, a limit, or another answer at each place beside their boxes, without end. `answers`: what the
    boxes are labelled with, if not with an answer that all steps take."""
    while True:
        code = rng.choice(sorted(INSTRUCTIONS))
        said, other = rng.sample(answers, 2) if answers else _two_answers(rng, code)
        place = rng.choice(places)
        kind = rng.choice(("wish", "limit") if place in LABELS else ("wish", "limit", "answer"))
        yield Ticked(code, place, said, other, rng.choice(BOXES), _beside(rng, code, kind, other), kind)


def _beside(rng: random.Random, code: str, kind: str, other: str) -> str:
    if kind == "wish":
        return wish(rng, code)
    if kind == "limit":
        return f"{rng.choice(LIMITS[code])} {rng.choice(('500', '2'))}"
    return rng.choice((other, rng.choice(LANGUAGES[code].answer.reject)))


def _speaks_against(one: Ticked) -> bool:
    """Whether what stands beside a box would count below an answer without boxes."""
    if read_text(one.said).outcome == "reject" and one.kind != "answer":
        return False
    return one.kind != "wish" and read_text(f"{one.said}.\n{one.more}.").outcome is None


def test_what_stands_beside_boxes_is_comment_or_nothing_is_decided(
    rng: random.Random, most: int, tally: Count
) -> None:
    number = 2 * most
    failures = []
    for one in islice(ticked(rng, (*BESIDE_BOXES, *ON_LINES, *LABELS)), number):
        found = read_text(one.text, about=ABOUT)
        if found.outcome is None:
            continue
        turned = found.outcome != read_text(one.said).outcome
        if turned or _speaks_against(one) or one.lost(one.text, found):
            failures.append((one.text, found.outcome, found.comment))
    tally(Counts(forged=number, accepted=len(failures)))
    assert not failures, f"{len(failures)} of {number}: {failures[:8]}"


def test_what_stands_beside_boxes_of_a_steps_own_answers_and_of_questions_is_not_lost_either(
    rng: random.Random, most: int, tally: Count
) -> None:
    number = 0
    failures = []
    first = Questions((), outcome_is_first=True)
    agreed = Questions((Question(2, "agreed", "Agreed", type="yes_no"),))
    maker = Questions((Question(2, "maker", "Maker", type="choice", options=CHOICES),))
    own = ticked(rng, (*BESIDE_BOXES, *ON_LINES, *LABELS), ("Release", "Hold"))
    outcomes, choices = ticked(rng, BESIDE_BOXES), ticked(rng, BESIDE_BOXES, MAKERS)
    for one, two, three in islice(zip(own, outcomes, choices, strict=True), most // 4):
        for form, text, found in (
            (one, one.text, read_text(one.text, OWN_STEP.outcome_keys, own=OWN)),
            (two, two.text, read_text(f"Q1: {two.text}", questions=first)),
            (two, two.text, read_text(f"Approved.\nQ2: {two.text}", questions=agreed)),
            (three, three.text, read_text(f"Approved.\nQ2: {three.text}", questions=maker)),
        ):
            number += 1
            against = _speaks_against(form) if form is two else form.kind == "answer"
            if found.outcome is not None and (against or form.lost(text, found)):
                failures.append((text, found.outcome, found.comment, found.given))
    tally(Counts(forged=number, accepted=len(failures)))
    assert not failures, f"{len(failures)} of {number}: {failures[:8]}"


def _is_two(said: str) -> bool:
    """Whether an answer is two in a row ("fine, it is approved"): the first may belong to the box in front. A sign that
    is an answer may be a box."""
    parts = said.split(" ")
    return not all(char.isascii() or char.isalpha() or unicodedata.combining(char) for char in said) or any(
        read_text(" ".join(parts[at:])).outcome and read_text(" ".join(parts[:at])).outcome
        for at in range(1, len(parts))
    )


def test_plain_boxes_decide_and_a_line_below_them_is_comment(
    rng: random.Random, most: int, tally: Count
) -> None:
    refused = []
    forms = (one for one in ticked(rng, PLAIN) if not any(map(_is_two, (one.said, one.other))))
    for one in islice(forms, most):
        alone = read_text(one.said)
        found = read_text(one.text)
        if (found.outcome, found.comment) != (alone.outcome, ""):
            refused.append((one.text, found.outcome, found.comment, str(found.why)))
        made = INSTRUCTIONS[one.code][0].format(n=4711)
        below, plain = read_text(f"{one.text}\n\n{made}"), read_text(f"{one.said}.\n\n{made}")
        if (below.outcome, below.comment) != (plain.outcome, plain.comment):
            refused.append((f"{one.text}\n\n{made}", below.outcome, below.comment, str(below.why)))
    tally(Counts(neighbours=most, passed=most - len(refused)))
    assert not refused, f"{len(refused)} of {most}: {refused[:8]}"
