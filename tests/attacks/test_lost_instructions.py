"""Instructions beside an answer: whoever writes "Yes, gladly. Please book it on cost centre 4711" has said two things,
and a decision that keeps one of them is not theirs. A reply is lost if it decides and a word of it is in no part.

Judged is the text of a mail as the path reads it (`parse`, `read_mail`), in all languages, with an instruction at each
place where people write one. "Accepted" are those that decided while a word was lost.
"""

import random
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.reading.door import parsed
from placet.replies.languages import SHARED
from placet.replies.parse.folding import fold
from placet.replies.parse.signatures import is_device
from placet.replies.read import read_mail, read_text
from placet.replies.read_comment import Part
from placet.replies.read_facts import About, Field
from placet.replies.read_result import Reading
from placet.replies.read_tokens import Kind, composed, spellings, tokens
from tests.attacks.arena import Count
from tests.attacks.instructions import INSTRUCTIONS, LIMITS, NAMES
from tests.attacks.tally import Counts
from tests.words import LANGUAGES

ANSWERS = Path(__file__).parent.parent / "replies" / "answers"
ABOUT = About(names=("Alice Requester", "Bob Approver"))
PHONE = "+49 30 1234567"
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
        yield from (
            Written(code, said, ""),
            Written(code, f"{said}.\n\n{closing}\nBob", "", closing),
            Written(code, f"{said}\n\n{closing}\nBob Approver\n{CARD}", "", f"{closing} {CARD}"),
            Written(code, f"{said}\n\n-- \nBob Approver\n{CARD}", "", CARD),
            Written(code, f"Hi Alice,\n\n{said}", ""),
            Written(code, f"{said}\n\nBob", ""),
            Written(code, f"{said}, {thanks}", ""),
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
        gone = lost(one, found) + apart(found)
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
