"""What a reply says that was asked for the comment of an earlier answer: that comment, another answer, or nothing
clear."""

import pytest

from placet.mailboxes.base import Folder, Received
from placet.replies.parse import OwnMail, parse
from placet.replies.read_completion import Earlier, read_completion
from placet.replies.read_own import _own
from placet.replies.read_result import Answer
from placet.replies.read_vocabulary import vocabulary
from placet.replies.refusals import Unclear

REJECT = Earlier("reject")
APPROVE = Earlier("approve", is_granted=True)
CHANGES = Earlier("changes", label="Needs changes")
OWN = _own((("approve", (), True), ("reject", (), False), ("changes", ("Needs changes",), False)))


def completed(text: str, earlier: Earlier = REJECT) -> Answer | None:
    """None: unclear."""
    head = "From: bob@contoso.example\nSubject: Re: Please say why: Approve\nContent-Type: text/plain; charset=utf-8\n"
    raw = f"{head}Content-Transfer-Encoding: 8bit\n\n{text}".encode()
    received = Received(
        server_id="", folder=Folder.INBOX, raw=raw, transport_headers="", item_class="", received_at=None, size=len(raw)
    )  # fmt: skip
    offered = ("approve", "reject", "changes")
    own = OWN if earlier is CHANGES else None
    try:
        return read_completion(parse(received, OwnMail("", "")), earlier, offered, vocabulary(), own=own)
    except Unclear:
        return None


@pytest.mark.parametrize(
    ("text", "comment"),
    [
        ("Budget", "Budget"),
        ("No budget left this year.", "No budget left this year."),
        ("No, there is no budget", "No, there is no budget"),
        ("No. There is no budget", "There is no budget"),
        ("Hi Alice,\n\nToo expensive.\n\nBest regards\nBob", "Too expensive."),
        ("€ 500 is too much", "€ 500 is too much"),
        ("4711", "4711"),
        ("Too expensive. Why do we need four of them?", "Too expensive. Why do we need four of them?"),
        ("Too expensive, maybe next year", "Too expensive, maybe next year"),
        ("Rejected. Why four?", "Why four?"),
        ("Nein, zu teuer", "Nein, zu teuer"),
        ("Kein Budget mehr in diesem Jahr.\n\nViele Grüße\nBob", "Kein Budget mehr in diesem Jahr."),
        ("Pas de budget cette année.", "Pas de budget cette année."),
        ("Non, c'est trop cher", "Non, c'est trop cher"),
        ("没有预算", "没有预算"),
        ("予算がありません", "予算がありません"),
        ("Нет бюджета", "Нет бюджета"),
        ("No hay presupuesto", "No hay presupuesto"),
        ("Niet nodig", "Niet nodig"),
    ],
)
def test_a_reason_is_the_comment_of_the_earlier_answer(text: str, comment: str) -> None:
    answer = completed(text)
    assert answer is not None
    assert (answer.outcome, answer.comment, answer.completes) == ("reject", comment, True)


@pytest.mark.parametrize("text", ["No.", "Rejected.", "thanks", "?", "...", "Nein", "Danke!"])
def test_what_says_nothing_more_completes_nothing_and_decides_nothing_else(text: str) -> None:
    answer = completed(text)
    assert answer is not None
    assert (answer.outcome, answer.comment, answer.completes) == ("reject", "", True)


@pytest.mark.parametrize(
    "text",
    [
        "", "no, approve it", "wait", "Wait.", "what do you mean?", "What do you mean? I wrote it.", "Why?",
        "Hi Alice,\n\nwait", "Hello,\n\nlater\n\nBob",
        "Hold on, the price is wrong", "The price is wrong, hold on", "Sorry, wrong button", "That was a mistake",
        "I meant approve", "Actually, approve it", "If Carol agrees", "Only if Carol agrees", "Yes", "ok", "OK, thanks",
        "👍", "LGTM", "It's fine", "Looks good", "Ok, too expensive", "not sure yet", "Let me check with Carol",
        "I will tell you tomorrow", "forget it", "Carol has to agree first", "Approve it next year", "I can't say yet",
        "No. What do you mean?", "Nothing", "I already wrote why", "Later", "Warte mal", "Moment", "Was heißt das?",
        "Ja, ist zu teuer", "Attendez", "Comment ?", "等一下", "待って", "Подождите", "Ja", "Oui", "はい",
    ],
)  # fmt: skip
def test_a_doubt_a_question_or_half_of_another_answer_completes_nothing(text: str) -> None:
    assert completed(text) is None


@pytest.mark.parametrize("text", ["approve", "Approved, sorry", "I approve", "Ich genehmige das", "Aprobado"])
def test_another_answer_in_strong_words_is_that_answer(text: str) -> None:
    answer = completed(text)
    assert answer is not None
    assert (answer.outcome, answer.completes) == ("approve", False)


@pytest.mark.parametrize("text", ["Budget", "we need it", "Planned in the budget", "Für die neue Kollegin."])
def test_an_approval_takes_a_plain_reason(text: str) -> None:
    answer = completed(text, APPROVE)
    assert answer is not None
    assert answer == Answer("approve", text, (), answer.language, completes=True)


@pytest.mark.parametrize(
    "text",
    ["Too expensive", "No budget left", "if it stays under 500", "Wait", "no", "Why not", "Within 2027"],
)
def test_what_speaks_against_an_approval_is_not_its_reason(text: str) -> None:
    assert completed(text, APPROVE) is None


@pytest.mark.parametrize(
    ("text", "outcome", "comment"),
    [
        ("Section 4 names Contoso twice.", "changes", "Section 4 names Contoso twice."),
        ("Hello,\n\nSection 4 names Contoso twice.", "changes", "Section 4 names Contoso twice."),
        ("Needs changes\n\nSection 4 is wrong.", "changes", "Section 4 is wrong."),
        ("Rejected. Section 4 is wrong.", "reject", "Section 4 is wrong."),
    ],
)
def test_an_outcome_of_the_step_s_own_is_completed_alike(text: str, outcome: str, comment: str) -> None:
    answer = completed(text, CHANGES)
    assert answer is not None
    assert (answer.outcome, answer.comment) == (outcome, comment)


@pytest.mark.parametrize("text", ["none", "not sure", "approve if Carol agrees", "No changes", "ok"])
def test_nor_is_that_completed_by_what_takes_it_back(text: str) -> None:
    answer = completed(text, CHANGES)
    assert answer is None or answer.comment == ""
