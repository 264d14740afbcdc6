"""Answers that came out bent when people tried by hand what no generator made then. Each class has a generator now:
these are the words that they were found by.

Nothing of a reply may vanish: where it decides, each of these words is in the comment, or the answer is unclear.
"""

import pytest

from benchmarks.reading.ask import CODE, ask
from benchmarks.reading.door import parsed, reading
from placet.approvals.models import Decision
from placet.replies.parse.original import Original
from placet.replies.read_completion import Earlier, reading_of
from placet.replies.read_questions import Question, Questions
from placet.replies.read_result import Reading
from placet.replies.read_vocabulary import vocabulary
from tests.journeys.conftest import World
from tests.journeys.letters import INTERNAL, answer, quote_of

ASK = ask()
ORIGINAL = Original.of(ASK.raw)
MARKED = "\n".join(f"> {line}".rstrip() for line in ASK.text.splitlines())
GMAIL = "On Tue, Nov 24, 2026 at 10:00 AM Placet <approvals@contoso.example> wrote:"
GERMAN = "Am Di., 24. Nov. 2026 um 10:00 Uhr schrieb Placet <approvals@contoso.example>:"
MUTT = "On Tue, Nov 24, 2026 at 10:00:00AM +0100, Placet wrote:"
OUTLOOK = (
    "From: Placet <approvals@contoso.example>\nSent: Tuesday, November 24, 2026 10:00 AM\nTo: Ann Approver\n"
    f"Subject: {ASK.subject}"
)


def mail(text: str, subtype: str = "plain") -> bytes:
    head = (
        "From: Ann Approver <ann@contoso.example>",
        f"To: approvals+{CODE}@contoso.example",
        f"Subject: RE: {ASK.subject}",
        "Date: Tue, 24 Nov 2026 11:00:00 +0100",
        "Message-ID: <1@contoso.example>",
        "MIME-Version: 1.0",
        f"Content-Type: text/{subtype}; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        text,
        "",
    )
    return "\n".join(head).replace("\n", "\r\n").encode()


def above(text: str, head: str = GMAIL, quoted: str = MARKED, questions: Questions | None = None) -> Reading:
    """What a reply is read as; between its text and the head below it is no blank line but those that it ends with."""
    lines = [line for line in (text, head) if line]
    return reading(mail("\n".join([*lines, "", quoted])), ORIGINAL, questions)


def holds(found: Reading, words: str) -> None:
    assert found.outcome is None or words in found.comment, (found.outcome, found.comment)


# --- lines that are taken for a part of the head below them -----------------------------------------------------


@pytest.mark.parametrize("head", [GMAIL, GERMAN, MUTT])
@pytest.mark.parametrize(
    "condition",
    [
        "Not before 24.12.2026 10:00",
        "Note: only until 31.12.2026 12:00",
        "From 1.1.2027 only, not before.",
        "Sent 2026 budget only",
        "Delivery on 24.12.2026 at 10:00",
    ],
)
def test_a_condition_directly_above_the_head_of_a_quote_is_not_lost(head: str, condition: str) -> None:
    holds(above(f"Approved.\n{condition}", head), condition)


@pytest.mark.parametrize(
    "text", ["Approved.\nPlease send the invoice to:\n\n{}", "Approved. Bill it to\n\n{}\n"]
)
def test_an_address_above_a_header_block_is_not_lost(text: str) -> None:
    address = "billing@dell.example"
    holds(above(text.format(address), OUTLOOK, ASK.text), address)


@pytest.mark.parametrize(
    "instruction",
    [
        "Delivery: 24 December 2026 10:00",
        "Cost centre: 4711\nContact: billing@dell.example",
        "On 24.12.2026 at 10:00",
    ],
)
def test_an_instruction_above_a_quote_without_a_head_is_not_lost(instruction: str) -> None:
    holds(above(f"Approved.\n\n{instruction}\n", head=""), instruction.split("\n", maxsplit=1)[0])


# --- what is taken for somebody else's words --------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "*only two of the five please*",
        "*rejected the other four items*",
        "_only if legal agrees to it_",
        '"if legal agrees to it"',
        "**but not before legal agrees**",
        "*Please order only two of them.*",
        "*Cost centre is 4711 please*",
        "*aber nur zwei von den fünf*",
    ],
)
def test_words_in_bold_below_a_closing_are_not_lost(said: str) -> None:
    holds(above(f"Approved.\n\nBest regards\nAnn\n\n{said}\n"), said.strip('*_"'))


@pytest.mark.parametrize(
    "more", [" - please order from Dell", ". Please order from Dell", " (order two pieces please)"]
)
def test_what_is_written_behind_the_line_of_a_telephone_is_not_lost(more: str) -> None:
    holds(above(f"Approved.\n\nSent from my iPhone{more}\n"), more.strip(" -.()"))


@pytest.mark.parametrize("option", ["A", "II"])
def test_the_option_that_is_approved_is_not_lost(option: str) -> None:
    holds(above(f"Approved {option}\n"), option)


# --- what is not as it was written ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["billing@dell.example", "https://shop.dell.example/a.b", "offer.pdf", "C.H. Beck"]
)
def test_an_address_in_a_comment_is_as_it_was_written(value: str) -> None:
    found = above(f"Rejected. Please use {value} for it.\n")
    assert (found.outcome, found.comment) == ("reject", f"Please use {value} for it.")


# --- questions ---------------------------------------------------------------------------------------------------


def test_a_box_that_is_ticked_is_never_the_other_answer() -> None:
    first = Questions((Question(2, "budget", "Budget", type="number"),), "[]", outcome_is_first=True)
    assert above("Q1: [x] Yes [ ] No\n", questions=first).outcome in (None, "approve")


def test_the_sign_of_a_number_behind_the_outcome_is_not_lost() -> None:
    one = Questions((Question(1, "change", "Change", type="number"),))
    assert [given.value for given in above("Approved -5\n", questions=one).given] in ([], ["-5"])


# --- the rest of an answer ---------------------------------------------------------------------------------------


def completed(text: str, earlier: Earlier) -> Reading:
    both = parsed(mail(f"{text}\n\n{GMAIL}\n\n{MARKED}"), ORIGINAL)
    return reading_of(both, earlier, ("approve", "reject"), vocabulary())


@pytest.mark.parametrize(
    "text",
    [
        "Block it.",
        "Leave it.",
        "This was a misunderstanding.",
        "This was my son playing with the phone.",
        "Carol decides this.",
        "Back to Alice, please.",
        "Let's talk.",
        "Zurück an Alice",
        "Отмена",
        "やめて",
        "Fout",
        "Hata",
    ],
)
def test_what_takes_an_approval_back_does_not_complete_it(text: str) -> None:
    assert completed(text, Earlier("approve", is_granted=True)).outcome is None


def test_what_takes_a_rejection_back_does_not_complete_it() -> None:
    assert completed("Let it through.", Earlier("reject")).outcome is None


# --- what nobody sees ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "markup",
    [
        "<body text=white>Approve</body>",
        "<style>@media (min-width:1px){.a{display:none}}</style><div class=a>Approve</div>",
        "<style>@media screen and (min-width:1px){.a{display:none}}</style><div class=a>Approve</div>",
        "<style>.a:not(.b){display:none}</style><div class=a>Approve</div>",
        "<style>[class^=a]{display:none}</style><div class=ab>Approve</div>",
        "<style>div:first-child{display:none}</style><div>Approve</div>",
        "<style>@import url(x);.a{display:none}</style><div class=a>Approve</div>",
        "<style>p+div{display:none}</style><p></p><div>Approve</div>",
        "<div style='d\\69splay:none'>Approve</div>",
        "<div style='color:#ffffff0'>Approve</div>",
        "<div style='color:linen'>Approve</div>",
        "<div style='color:oklch(100% 0 0)'>Approve</div>",
        "<div style='font-size:calc(0px)'>Approve</div>",
        "<div style='scale:0'>Approve</div>",
        "<div style='opacity:1e-9'>Approve</div>",
        "<div style='height:2px;overflow:hidden'>Approve</div>",
        "<div style='position:fixed;left:200vw'>Approve</div>",
        "<noframes>Approve</noframes>",
        "<noembed>Approve</noembed>",
        "<progress>Approve</progress>",
        "<img alt='👍' width=0 height=0>",
    ],
)
def test_what_nobody_sees_decides_nothing(markup: str) -> None:
    assert reading(mail(f"<html>{markup}</html>", "html")).outcome is None


def test_whoever_answers_so_is_told_what_to_do() -> None:
    unseen = reading(mail("<html><div style='color:oklch(100% 0 0)'>Approve</div></html>", "html"))
    assert str(unseen.why) == "Not all of the mail can be seen for certain; please answer in plain text."


# --- on the whole path ---------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text",
    [
        "Approved.\nNot before 24.12.2026 10:00",
        "Approved.\n\nBest regards\nBob\n\n*only two of the five please*\n",
    ],
)
def test_a_condition_that_is_lost_decides_nothing(world: World, text: str) -> None:
    _request, asked = world.asked()
    quoted = quote_of(asked).lstrip("\n")
    sent = answer(asked, "Bob Bobson <bob@contoso.example>", text=f"{text}\n{quoted}", headers=INTERNAL)
    world.sandbox.place("approvals", sent)
    world.run_until_quiet()
    assert not [(one.outcome, one.comment) for one in Decision.objects.all()]


@pytest.mark.django_db
def test_an_address_in_an_answer_does_not_make_it_one_to_somebody_else(world: World) -> None:
    _request, asked = world.asked()
    quoted = quote_of(asked).lstrip("\n")
    text = f"Rejected.\nPlease ask legal@contoso.example first\n{quoted}"
    sent = answer(asked, "Bob Bobson <bob@contoso.example>", text=text, headers=INTERNAL)
    world.sandbox.place("approvals", sent)
    world.run_until_quiet()
    assert world.results() != ["not_named"]
