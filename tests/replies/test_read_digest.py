"""The answers to several questions in one reply: all of it is understood, or nothing counts."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.mailboxes.base import Folder, Received
from placet.replies.languages import SHARED
from placet.replies.parse import Mail, OwnMail, parse
from placet.replies.read import read_text
from placet.replies.read_digest import LineAsked, read_digest, read_entries, reading_of
from placet.replies.read_facts import About, Field
from placet.replies.read_own import _own
from placet.replies.read_vocabulary import vocabulary
from placet.replies.refusals import DigestUnclear
from tests.attacks.test_lost_instructions import mail
from tests.replies.test_limits import steps
from tests.words import LANGUAGES

KNOWN = vocabulary()
ANSWERING = {code: one for code, one in LANGUAGES.items() if one.answer.approve and code != SHARED}
FIVE = [LineAsked(number) for number in range(1, 6)]
#: A line with an answer of the process's own beside the usual ones.
OWN = replace(
    FIVE[1],
    outcomes=("approve", "hold", "reject"),
    own=_own((("hold", ("Hold", "On hold - legal"), False), ("approve", (), True), ("reject", (), False))),
)


def read(text: str, asked: Sequence[LineAsked] = FIVE) -> dict[int, str] | str:
    """The outcome and the comment of each line in short; or why it is unclear."""
    reading = read_entries(text, asked, KNOWN)
    if reading.problem:
        return str(reading.problem)
    return {one.number: f"{one.outcome} {one.comment}".strip() for one in reading.answers}


def all_of(outcome: str, *but: int) -> dict[int, str]:
    return {number: outcome for number in range(1, 6) if number not in but}


UNDERSTOOD: list[tuple[str, dict[int, str]]] = [
    ("1 yes", {1: "approve"}),
    ("1 yes\n2 no", {1: "approve", 2: "reject"}),
    ("1 yes\n\n2 no\n\n\n3 yes", {1: "approve", 2: "reject", 3: "approve"}),
    ("2-4 no: too dear", {2: "reject too dear", 3: "reject too dear", 4: "reject too dear"}),
    ("2 – 4: no", {2: "reject", 3: "reject", 4: "reject"}),
    ("2 to 4 approved", {2: "approve", 3: "approve", 4: "approve"}),
    ("1, 3 and 5 approved", {1: "approve", 3: "approve", 5: "approve"}),
    ("1 3 5 approved", {1: "approve", 3: "approve", 5: "approve"}),
    ("1-2, 4-5 approved", {1: "approve", 2: "approve", 4: "approve", 5: "approve"}),
    ("yes 1,3", {1: "approve", 3: "approve"}),
    ("yes to 1 and 3", {1: "approve", 3: "approve"}),
    ("approve 2: from our usual supplier", {2: "approve from our usual supplier"}),
    ("no 2", {2: "reject"}),
    ("#1 yes", {1: "approve"}),
    (
        "1) yes\n2. no\n3: yes\n4 - no\n5 = yes",
        {1: "approve", 2: "reject", 3: "approve", 4: "reject", 5: "approve"},
    ),
    ("• 1 yes", {1: "approve"}),
    ("１ yes", {1: "approve"}),
    ("1同意", {1: "approve"}),
    ("1 👍\n2 ❌", {1: "approve", 2: "reject"}),
    ("1 not approved", {1: "reject"}),
    ("1 YES PLEASE", {1: "approve"}),
    ("all yes", all_of("approve")),
    ("All: approved", all_of("approve")),
    ("approve all", all_of("approve")),
    ("yes for all", all_of("approve")),
    ("all no: too dear", all_of("reject too dear")),
    ("all except 3 yes", all_of("approve", 3)),
    ("approve all except 2 and 4", all_of("approve", 2, 4)),
    ("all yes except 3", all_of("approve", 3)),
    ("all yes, except 3", all_of("approve", 3)),
    ("all yes except 3 no: see mail", all_of("approve", 3) | {3: "reject see mail"}),
    ("all yes but 3 no", all_of("approve", 3) | {3: "reject"}),
    ("alle ja außer 3 nein: siehe Mail", all_of("approve", 3) | {3: "reject siehe Mail"}),
    ("1 yes | good price", {1: "approve good price"}),
    ("2 no - too dear", {2: "reject too dear"}),
    ("1 yes\n1 yes", {1: "approve"}),
    ("Hi,\n\n1 yes\n2 no: why now?\n\nBest regards\nBob", {1: "approve", 2: "reject why now?"}),
    ("1 yes\n2 no\n\nSent from my iPhone", {1: "approve", 2: "reject"}),
    ("2, 3 no: not in this quarter", {2: "reject not in this quarter", 3: "reject not in this quarter"}),
    ("2, 3 no: budget of 2027, 1.5 % above", dict.fromkeys((2, 3), "reject budget of 2027, 1.5 % above")),
    ("2 no: rather 3 of them", {2: "reject rather 3 of them"}),
    ("1 yes\n\nBest\nBob\n\n3 Main Street", {1: "approve"}),
    ("1 yes\n\nBest\nBob\nFloor 3 https://contoso.example/?a=b", {1: "approve"}),
    ("1 yes\n\nBest\nBob\n\nContoso\n2 rue de la Paix\nTel. 3 41 59", {1: "approve"}),
    (
        "2 no: the supplier raised the price again and did not tell us before we\nasked about it",
        {2: "reject the supplier raised the price again and did not tell us before we asked about it"},
    ),
    ("١ نعم\n२ हाँ\n۳ نعم", {1: "approve", 2: "approve", 3: "approve"}),
    ("٢-٤ لا", dict.fromkeys((2, 3, 4), "reject")),
    ("① yes\n②，③ 不同意", {1: "approve", 2: "reject", 3: "reject"}),
    ("1 yes :)\n2 no: too dear :-(", {1: "approve", 2: "reject too dear :-("}),
    ("👎 2", {2: "reject"}),
    ("all except 1 no: too dear", all_of("reject too dear", 1)),
    ("2 no: over 3 days", {2: "reject over 3 days"}),
    ("2 no: too dear, 3 % above", {2: "reject too dear, 3 % above"}),
    ("2 no: see 3-10 of the contract", {2: "reject see 3-10 of the contract"}),
    ("2 no: another supplier is cheaper", {2: "reject another supplier is cheaper"}),
    ("1 approved: all good", {1: "approve all good"}),
    # several on one line
    ("1 yes, 2-4 no: too dear", {1: "approve"} | dict.fromkeys((2, 3, 4), "reject too dear")),
    ("1 yes, 2 no: too dear, please ask again", {1: "approve", 2: "reject too dear, please ask again"}),
    ("1 yes, 2 no", {1: "approve", 2: "reject"}),
    ("1 yes,2 no", {1: "approve", 2: "reject"}),
    ("1 yes; 2 no;", {1: "approve", 2: "reject"}),
    ("1 and 2 yes, 3 no", {1: "approve", 2: "approve", 3: "reject"}),
    ("1, 2 yes, 3 no", {1: "approve", 2: "approve", 3: "reject"}),
    ("1,2 yes, 3,4 no", {1: "approve", 2: "approve", 3: "reject", 4: "reject"}),
    ("1 yes; 2, 3 no", {1: "approve", 2: "reject", 3: "reject"}),
    ("1 yes, 2 and 3 no", {1: "approve", 2: "reject", 3: "reject"}),
    ("1 yes, 2 no, and 3 yes", {1: "approve", 2: "reject", 3: "approve"}),
    ("1: yes, 2: no, 3: yes", {1: "approve", 2: "reject", 3: "approve"}),
    ("1) yes, 2) no - too dear", {1: "approve", 2: "reject too dear"}),
    ("#1 yes, #2 no | too dear", {1: "approve", 2: "reject too dear"}),
    ("1 yes, 2 no, thanks", {1: "approve", 2: "reject"}),
    ("1 yes, 2 no,\n3 yes", {1: "approve", 2: "reject", 3: "approve"}),
    ("1.\tyes\n2.\tno", {1: "approve", 2: "reject"}),
    ("1 oui, 2 à 4 non : trop cher", {1: "approve"} | dict.fromkeys((2, 3, 4), "reject trop cher")),
    ("1同意，2不同意", {1: "approve", 2: "reject"}),
    ("1 承認、2 却下", {1: "approve", 2: "reject"}),
    ("1 نعم، 2 لا", {1: "approve", 2: "reject"}),
    ("1، 2 نعم؛ 3 لا", {1: "approve", 2: "approve", 3: "reject"}),
    (
        "1 yes, 2 no: the supplier raised the price again and did not tell us before\nwe asked about it",
        {
            1: "approve",
            2: "reject the supplier raised the price again and did not tell us before we asked about it",
        },
    ),
]


@pytest.mark.parametrize(("text", "answers"), UNDERSTOOD)
def test_what_is_understood(text: str, answers: dict[int, str]) -> None:
    assert read(text) == answers


UNCLEAR = [
    "yes", "approved", "no: too dear", "1", "1 2 3", "all", "all except 3", "1:", "",
    "6 yes", "0 yes", "1-9 yes", "1,500 yes", "100 yes", "1 yes\n9 no",
    "1 yes\n1 no", "1-3 yes\n2 no", "all yes\n3 no", "all yes\nall no", "1 no: too dear\n1 no: too late",
    "1 yes 2 no", "1 yes 2", "2 no, too dear", "1 yes no", "1 yes 100",
    "1 maybe", "1 later", "1 yes if it is cheap", "1 yes?", "1 yes: if it is cheap", "1 yes: 500 only",
    "1 yes: but only half",
    "1 yes: wait", "1 no: yes", "2 no: 3 yes", "2 no: too dear, 3 yes", "2 no: too dear, yes to 3", "2 no: except 3",
    "1 yes: too expensive", "1 approved: rejected", "all yes: except 3", "all no: except 3", "all yes: all except 3",
    "No. 1: yes", "no. 1", "No 1: fine by me", "no 1 - go ahead", "1.5 yes", "1/2 yes", "5-2 yes", "1a yes",
    "1 a 3 sí",  # "to" in Spanish, "and" in Czech
    "1 yes except 3", "1-3 yes except 2", "all yes except 9", "all yes except 3 maybe", "all yes except", "all good",
    "all ok",
    "one yes", "first yes", "1 yes\nThe rest can go ahead", "1 yes\nall the others no", "1 yes\nBob",
    "1 yes\n\nBest\n3 no", "1 yes\n-- \n2 no", "[1] yes", "“1 yes”", "> 1 yes", "| 2 yes",
    "1 ~yes~", "1 y\u200bes", "1 \u202eyes", "1 approvеd",  # struck out, hidden, turned, Cyrillic
    "1 hold",
    "2 no: the supplier raised the price again and did not tell us before we\nasked, three yes",
    "2 no: the supplier raised the price again and did not tell us before we\n3",
    # several on one line that may be read in two ways, or not at all
    "1 yes, 2", "1 yes, 2 and 3", "1 yes, no", "1 yes: fine, 2 no", "1 yes: fine, 2: no", "1 yes, 2 no, 1 no",
    "1 yes, 2-4 no: too dear, 5 yes", "1 yes, 2 no: too dear, 5 later", "1 yes, 2 no: too dear, 5 of them",
    "1 yes, 2 no: too dear; 9 no", "1 yes, 2, 3 no", "1 yes,2,3 no", "1 yes; 2; 3 no", "1 yes, 2; 3 no",
    "1 yes, 2 no, 3", "1 yes, 9 no", "1 yes, 500 no", "1 yes, 5-2 no", "1 yes, 2 no?", "1 yes, 2 no if dear",
    "1 yes, 2 maybe", "1 maybe, 2 no", "1 yes if cheap, 2 no", "1 yes, 2 no, all yes", "1 yes, all no", "all yes, 3 no",
    "1 yes, 2 no, the rest later", "1 yes, 2 no, but not 3", "1 yes, 2 no: except 1", "1 yes, 2 no: yes", "yes, 2 no",
    "approved, 1 no, 2 yes", "yes 1, 2 no", "yes 1, 2, 3 no", "no 1, yes 2", "1 yes, no 2", "no. 1 yes, no. 2 no",
    "1 yes, 2 laptops no", "1 yes, 3 of them ok", "1 yes, 2 weeks ok", "1 yes, 2 no 3 yes", "1 yes and 2 no",
    "1 yes & 2 no", "1 yes. 2 no", "1 yes / 2 no", "1 yes | 2 no", "1 yes, 2 no and 3 yes", "1 yes, 2-4 no: 3 is fine",
    "1 yes, 2-4 no: keep 3", "1 yes, 2-4 no: only the laptop", "1 yes, 2 yes: up to 500", "1 yes, 2nd no",
    "1 yes, 2 no: too dear\n2 yes", "1 yes, 2 no\nBob", "1 yes, 2\nno",
    # a comment on several lines that may take one of them out again
    "all no: 3 first", "all no: keep 3", "all no: 3 stays", "all no: #3 stays", "all no: 3rd stays", "all no: 3?",
    "all no: ٣ stays", "all no: ③ stays", "all no: ３ stays", "1-3 no: I would take 2", "2,3 no: 3 is great",
    "alle nein: 3 behalten", "tous non : garder le 3", "all yes: 3 is next", "all except 1 no: 3 please",
    "all no: only the laptop", "all no: except the laptop", "all no: just the laptop please", "all no: not the laptop",
    "all no: the third instead", "alle nein: nur den Laptop", "tous non : sauf le portable", "2-3 no: laptop only",
    # a comment that may be of other lines, or answer them
    "approve all except 3: too dear", "yes all except 3 - too dear", "reject all except 3: good price",
    "genehmigt alle außer 3: zu teuer", "all except 3 approved: that one is too dear", "2 no: too dear, 4 too",
    "2 no: too dear, and 4 as well", "2 no: too dear and 4 too", "2 no: zu teuer, 4 auch", "2 no: trop cher, 4 aussi",
    "1 no - 3", "1 no: 2, 3", "1, 2 no: 4, 5", "1 no: 2: 3", "1 no: #2", "2 no: 3 likewise", "2 no: 太贵，4也是",
    "2 no: too dear, the rest too", "2 no: rest ok", "2 no: too dear, everything else ok", "1 approved: the others no",
    "2 no: zu teuer, alles andere passt", "2 nein: Rest ok", "2 non : trop cher, les autres oui",
    # a sign that is no comment
    "1 yes :(", "1 approved :-(", "1 yes :D", "1 no :P", "1 yes :-/", "yes 1 :(",
    # below the closing
    "all yes\n\nBest\nBob\n\n3 later", "all yes\n\nBest\nBob\n\n3?", "all yes\n\nBest\nBob\n\nexcept 3",
    "all yes\n\nBest\nBob\n\nwait with 3", "all yes\n\nBest\nBob\n\nausser 3", "all yes\n\nBest\nBob\n\n3 maybe",
    "all yes\n\nBest\nBob\n\nbut not 3", "all yes\n\nBest regards\nBob\n" + "Contoso Ltd\n" * 61 + "3 no",
]  # fmt: skip


@pytest.mark.parametrize("text", UNCLEAR)
def test_what_is_not_all_understood_says_nothing(text: str) -> None:
    assert isinstance(read(text), str)


def test_each_line_is_told_what_was_understood_of_it() -> None:
    reading = read_entries("1,2 yes\n3 perhaps\n9 no", FIVE, KNOWN)
    assert [len(entry.answers) for entry in reading.entries] == [2, 0, 0]
    problems = [str(entry.problem) for entry in reading.entries]
    assert problems[0] == "" and "“3 perhaps”" in problems[1] and "line 9" in problems[2]


def test_each_answer_of_a_line_is_kept_in_its_own_words() -> None:
    reading = read_entries("1 yes, 2-3 no: too dear", FIVE, KNOWN)
    assert [one.words for one in reading.answers] == ["1 yes", "2-3 no: too dear", "2-3 no: too dear"]
    assert [entry.written for entry in reading.entries] == ["1 yes, 2-3 no: too dear"]


@pytest.mark.parametrize("text", ["1 yes, 2, 3 no", "1 yes, 2 no: too dear, 5 of them"])
def test_what_can_be_read_in_two_ways_is_asked_back_with_how_to_write_it(text: str) -> None:
    assert "two ways" in str(read(text)) and "a line of its own" in str(read(text))


# --- what a line is asked with ----------------------------------------------------------------------------


def test_an_answer_of_the_processs_own_counts_for_its_line_alone() -> None:
    asked = [FIVE[0], OWN]
    assert read("2 hold\n1 yes", asked) == {1: "approve", 2: "hold"}
    assert read("2 on hold - legal: see the contract", asked) == {2: "hold see the contract"}
    assert read("hold 2", asked) == {2: "hold"}
    assert read("1 yes, 2 on hold - legal: see it", asked) == {1: "approve", 2: "hold see it"}
    assert read("2 on hold - legal, 1 yes: see it", asked) == {1: "approve see it", 2: "hold"}
    for text in (
        "1 hold", "all hold", "1,2 hold", "2 yes: hold", "2 hold: approved", "2 yes hold", "1 hold, 2 yes",
        "2 hold, 1 hold", "1 yes, 2 no: hold",
    ):  # fmt: skip
        assert isinstance(read(text, asked), str), text


def test_what_needs_a_comment_needs_it_and_is_not_among_all() -> None:
    asked = [FIVE[0], replace(FIVE[1], needs_comment=("reject",), left_out_of_all=("reject",))]
    assert read("2 no: too dear", asked) == {2: "reject too dear"}
    assert "needs a comment" in str(read("1 yes\n2 no", asked))
    assert isinstance(read("2 no: -", asked), str)
    assert read("all yes", asked) == {1: "approve", 2: "approve"}
    assert read("all no: too dear", asked) == {1: "reject too dear"}
    assert read("all no", [asked[1]]) == "“All” says nothing here: no line is left that it could answer."


def test_what_needs_a_stronger_proof_is_not_among_all() -> None:
    asked = [FIVE[0], replace(FIVE[1], left_out_of_all=("approve", "reject"))]
    assert read("all yes", asked) == {1: "approve"}
    assert read("1,2 yes", asked) == {1: "approve", 2: "approve"}


def test_what_is_over_is_not_among_all_and_may_be_named() -> None:
    asked = [FIVE[0], replace(FIVE[1], is_open=False)]
    assert read("all yes", asked) == {1: "approve"}
    assert read("2 yes", asked) == {2: "approve"}


def test_a_comment_that_names_another_value_than_its_lines_is_unclear() -> None:
    about = About((Field("Supplier", ("Dell",)),))
    asked = [replace(FIVE[0], about=about), FIVE[1]]
    assert isinstance(read("1 yes: supplier: Lenovo", asked), str)
    assert read("1 yes: supplier: Dell", asked) == {1: "approve supplier: Dell"}


# --- every language ---------------------------------------------------------------------------------------


def word_for(code: str, outcome: str) -> str:
    """One that is an answer by itself."""
    said = getattr(ANSWERING[code].refusal, outcome)
    words = (
        [said.lower()]
        if said
        else sorted(getattr(ANSWERING[code].answer, outcome), key=lambda one: " " in one)
    )
    for word in words:
        reading = read_text(word, ("approve", "reject"), KNOWN)
        if reading.outcome == outcome and not reading.comment:
            return str(word)
    raise AssertionError(code)


@pytest.mark.parametrize("code", sorted(ANSWERING))
def test_each_language_names_several_lines(code: str) -> None:
    words, yes, no = ANSWERING[code].digest, word_for(code, "approve"), word_for(code, "reject")
    for every in words.every:
        assert read(f"{every}: {yes}") == all_of("approve"), every
        assert read(f"{every} {no}") == all_of("reject"), every
        for but in words.but_for:
            assert read(f"{every} {yes} {but} 3") == all_of("approve", 3), but
            assert read(f"{every} {yes} {but} 3 {no}") == all_of("approve", 3) | {3: "reject"}, but
    for also in words.also:
        assert read(f"1 {also} 2: {yes}") == {1: "approve", 2: "approve"}, also
    for until in words.until:
        assert read(f"1 {until} 2: {yes}") == {1: "approve", 2: "approve"}, until
    for of in words.of:
        assert read(f"{yes} {of} 1, 3") in ({1: "approve", 3: "approve"}, read("1 a 3 sí")) or isinstance(
            read(f"{yes} {of} 1, 3"), str
        )
    assert words.every and words.but_for and words.also


def test_no_word_means_two_things() -> None:
    """But for those that join in one language and are "to" in another: where that makes a difference, they are
    neither."""
    every, but_for, lists = set(), set(), set()
    for one in ANSWERING.values():
        every |= {*one.digest.every}
        but_for |= {*one.digest.but_for}
        lists |= {*one.digest.also, *one.digest.until}
    assert not every & but_for and not but_for & lists
    assert every & lists == {
        "tot"
    }  # "all" in Catalan and Romanian, "to" in Dutch: only behind a number is it that


# --- the mail around it -----------------------------------------------------------------------------------


def mail_of(text: str) -> Mail:
    raw = mail(text)
    return parse(Received("1", Folder.INBOX, raw, "", "", None, len(raw)), OwnMail("", ""))


def test_what_is_quoted_and_may_be_the_senders_own_makes_all_of_it_unclear() -> None:
    answer = mail_of("1 yes")
    assert [one.outcome for one in read_digest(answer, FIVE, KNOWN)] == ["approve"]
    for quoted in ("2 no", "no", "3", "all yes", "wait", "1-9"):
        with pytest.raises(DigestUnclear):
            read_digest(replace(answer, quoted_else=quoted), FIVE, KNOWN)
    assert not reading_of(replace(answer, quoted_else="Ergonomic desk"), FIVE, KNOWN).problem


def test_only_the_text_is_read_and_not_the_subject() -> None:
    with pytest.raises(DigestUnclear):
        read_digest(replace(mail_of(""), own_subject="all yes"), FIVE, KNOWN)


def test_reading_is_linear_in_the_text() -> None:
    def text(size: int) -> str:
        return "\n".join("1 yes" for _n in range(size))

    assert steps(lambda: read_entries(text(50), FIVE, KNOWN)) < 3 * steps(
        lambda: read_entries(text(25), FIVE, KNOWN)
    )
    assert read("1 yes\n" * 200) == "The text is too long."
    assert read("1 yes: " + "x" * 30_000) == "The text is too long."


@pytest.mark.parametrize(
    ("begin", "again", "end"),
    [
        ("yes", " ", "x"),
        ("1 ", "yes: ", ""),
        ("1 ", "yes - ", ""),
        ("1 ", "- ", ""),
        ("1 no: ", "a 3 b ", ""),
        ("all ", "yes except ", ""),
        ("", "1,", ""),
        ("", "1 ", "yes"),
        ("x ", "1-", ""),
        ("all yes\n\nBest\nBob\n", "3\n", ""),
        ("1 no: ", "and 2 ", ""),
        ("1 no: ", "and ", "2"),
        ("1 no: ", "and 1 ", ""),
        ("1 no: ", "and 9 ", ""),
        ("1 no: ", "1 and ", "3-10"),
        ("1 no: ", "rest ", ""),
        ("1 no: ", "x, 2 ", ""),
        ("1 yes ", ":) ", ""),
        ("", "1 yes, ", ""),
        ("", "1 yes, ", "1 no"),
        ("1 yes", ", 2", " no"),
        ("1 yes", ",", "2 no"),
        ("1 yes, 2 no: ", "a, 3", ""),
        ("1 yes, ", "1-5,", ""),
        ("1 yes, ", "yes, 2", ""),
        ("1 yes, 2 ", "no, ", "3"),
    ],
)
def test_reading_is_linear_in_one_line(begin: str, again: str, end: str) -> None:
    def text(size: int) -> str:
        return begin + again * (size // len(again)) + end

    assert steps(lambda: read_entries(text(1200), FIVE, KNOWN)) < 3 * steps(
        lambda: read_entries(text(600), FIVE, KNOWN)
    )


# --- properties -------------------------------------------------------------------------------------------

WORDS = {
    "approve": ["yes", "approved", "approve", "ok", "ja", "oui", "👍"],
    "reject": ["no", "rejected", "reject", "nein", "non"],
}
COMMENTS = ["", "too dear", "see mail", "zu teuer", "not in this quarter"]
SEPARATORS = [" ", ": ", ") ", ". ", " - "]


@st.composite
def written(draw: st.DrawFn) -> tuple[list[str], dict[int, str]]:
    """Lines of a reply, each with numbers of its own, and what they say."""
    numbers = draw(st.lists(st.integers(1, 5), min_size=1, max_size=5, unique=True))
    entries: list[str] = []
    said: dict[int, str] = {}
    while numbers:
        count = draw(st.integers(1, len(numbers)))
        some, numbers = numbers[:count], numbers[count:]
        outcome = draw(st.sampled_from(sorted(WORDS)))
        comment = draw(st.sampled_from(COMMENTS)) if outcome == "reject" else ""
        who = draw(st.sampled_from([", ", " and ", ","])).join(map(str, some))
        separator = draw(st.sampled_from(SEPARATORS))
        entries.append(
            f"{who}{separator}{draw(st.sampled_from(WORDS[outcome]))}" + (f": {comment}" if comment else "")
        )
        said |= {number: f"{outcome} {comment}".strip() for number in some}
    return entries, said


@settings(max_examples=150, deadline=None)
@given(written())
def test_what_is_written_so_is_read_back_exactly(reply: tuple[list[str], dict[int, str]]) -> None:
    entries, said = reply
    assert read("\n".join(entries)) == said


@settings(max_examples=150, deadline=None)
@given(written(), st.sampled_from([", ", "; ", ","]))
def test_on_one_line_the_same_is_read_or_nothing(reply: tuple[list[str], dict[int, str]], sign: str) -> None:
    entries, said = reply
    assert read(sign.join(entries)) == said or isinstance(read(sign.join(entries)), str)


@settings(max_examples=150, deadline=None)
@given(
    written(),
    st.data(),
    st.sampled_from(
        ["desk", "maybe", "2", "yes", "no", "not", "all", "except", "if", "7", "but", "budget", "und", "?"]
    ),
)
def test_one_word_more_never_makes_another_answer(
    reply: tuple[list[str], dict[int, str]], data: st.DataObject, word: str
) -> None:
    """It is unclear, or the word is part of a comment, or it says of the same lines the same, or of lines that were not
    named before the answer of those beside them ("2" in a list)."""
    entries, said = reply
    words = "\n".join(entries).replace("\n", " \n ").split(" ")
    at = data.draw(st.integers(0, len(words)))
    more = " ".join([*words[:at], word, *words[at:]]).replace(" \n ", "\n")
    now = read(more)
    if isinstance(now, str):
        return
    outcomes = {number: one.partition(" ")[0] for number, one in now.items()}
    before = {number: one.partition(" ")[0] for number, one in said.items()}
    if word in (
        "2",
        "no",
        "not",
        "all",
    ):  # words that belong to an entry: an answer is what the line says, then
        assert all(number in before or word in ("2", "all") for number in outcomes), more
        return
    assert outcomes == before, more
