"""What a reply says to the mail that asks whether a text was understood: yes, an answer of its own, nothing clear."""

import pytest

from placet.approvals.steps import ApprovalStep
from placet.mailboxes.base import Folder, Received
from placet.replies.languages.table import refusal_texts
from placet.replies.parse import Mail, OwnMail, parse
from placet.replies.read_confirmation import Guess, confirming_words, read_confirmation
from placet.replies.read_own import _own, confirming
from placet.replies.read_result import Answer
from placet.replies.read_vocabulary import vocabulary
from placet.replies.refusals import Unclear
from tests.words import LANGUAGES

APPROVE, REJECT, CHANGES = "approve", "reject", "changes"
BUILT_IN = ((APPROVE, (), True), (REJECT, (), False))
OWN = ((CHANGES, ("Needs changes",), False),)
TEXT = "What I wrote before."
ASKED_IN = sorted(code for code, texts in refusal_texts().items() if texts.confirm)


def mail(text: str) -> Mail:
    head = "From: bob@contoso.example\nSubject: Re: Is this what you meant?: Approve\n"
    raw = f"{head}Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{text}".encode()
    received = Received(
        server_id="", folder=Folder.INBOX, raw=raw, transport_headers="", item_class="", received_at=None, size=len(raw)
    )  # fmt: skip
    return parse(received, OwnMail("", ""))


def answer(text: str, guess: str = REJECT, language: str = "en", *, lapsed: bool = False) -> Answer | None:
    """None: unclear."""
    own = OWN if guess == CHANGES else ()
    words = tuple(confirming_words(vocabulary(), language))
    asked = Guess(guess, TEXT, _own((*BUILT_IN, *own, (guess, words, guess == APPROVE))), language, lapsed)
    offered = (APPROVE, REJECT, CHANGES)
    try:
        return read_confirmation(
            mail(text), asked, offered, vocabulary(), own=_own((*BUILT_IN, *own)) if own else None
        )
    except Unclear:
        return None


def confirmed(text: str, guess: str, language: str) -> bool:
    """Whether a text comes to what was understood, as a yes or by itself."""
    given = answer(text, guess, language)
    return given is not None and given.outcome == guess


@pytest.mark.parametrize("code", ASKED_IN)
def test_every_word_that_confirms_does_and_the_one_that_the_mail_names(code: str) -> None:
    """In its own language, for whatever was understood."""
    for word in (refusal_texts()[code].yes, *LANGUAGES[code].answer.confirms):
        for guess in (APPROVE, REJECT, CHANGES):
            given = answer(f"{word.capitalize()}.", guess, code)
            assert given is not None, (word, guess)
            assert (given.outcome, given.comment, given.completes) == (guess, TEXT, True), word


@pytest.mark.parametrize(
    "text",
    [
        "Yes",
        "yes!",
        "Yes, thanks",
        "Hi,\n\nyes\n\nBest regards\nBob",
        "Correct.",
        "That's right.",
        "That is what I meant.",
    ],
)
def test_a_yes_confirms_with_greeting_and_signature(text: str) -> None:
    given = answer(text)
    assert given is not None
    assert (given.outcome, given.comment, given.completes) == (REJECT, TEXT, True)


def test_english_counts_beside_the_language_that_was_asked_in_and_no_other_does() -> None:
    assert confirmed("Ja", REJECT, "de")
    assert confirmed("Yes", REJECT, "de")
    assert not confirmed("Ja", REJECT, "fr")
    assert not confirmed("Tak", REJECT, "da"), "thanks, and not Polish"
    assert confirmed("Tak", REJECT, "pl")


def test_a_word_that_a_process_gave_to_another_answer_confirms_nothing() -> None:
    """It keeps its word, and the others still confirm."""
    outcomes = [
        "approve",
        "reject",
        {"key": "exact", "label": {"en": "Exact", "de": "Genau"}, "grants": False},
    ]
    step = ApprovalStep.model_validate(
        {"kind": "approval", "name": "S", "ask": [{"manager": True}], "outcomes": outcomes}
    )
    words = confirming_words(vocabulary(), "de")
    assert "genau" in words
    of_reject, of_exact = (confirming(step, outcome, words) for outcome in (REJECT, "exact"))
    assert of_reject.outcomes_in("Genau") == {"exact"}
    assert of_reject.outcomes_in("Stimmt") == {REJECT}
    assert of_exact.outcomes_in("Genau") == of_exact.outcomes_in("Stimmt") == {"exact"}


@pytest.mark.parametrize("code", ASKED_IN)
def test_the_yes_that_our_mail_names_counts_in_a_language_whose_answers_are_switched_off(code: str) -> None:
    only = vocabulary(only="en")
    assert code == "en" or not only.confirms[code]
    assert refusal_texts()[code].yes in confirming_words(only, code)


def test_what_stands_below_a_yes_to_an_approval_is_comment_behind_the_first_text() -> None:
    given = answer("Yes.\n\nOrder it today.", APPROVE)
    assert given is not None
    assert (given.outcome, given.comment) == (APPROVE, f"{TEXT}\nOrder it today.")


@pytest.mark.parametrize(
    "more",
    [
        "Alice can have it.",
        "Enjoy your holiday!",
        "Good idea.",
        "Make it 900.",
        "When Carol is back.",
        "Opposite.",
    ],
)
def test_beside_a_yes_to_a_rejection_nothing_may_stand(more: str) -> None:
    assert answer(f"Yes. {more}") is None
    assert answer(f"Yes.\n\n{more}") is None


@pytest.mark.parametrize("guess", [APPROVE, REJECT])
@pytest.mark.parametrize(
    "text",
    [
        "I agree.", "I agree with that.", "Accepted, thanks.", "I accept.", "Akzeptiert.", "J'accepte.", "Acepto.",
        "Conforme.", "Accetto.", "Aceito.", "Accepteret.", "Akseptert.", "Instämmer.", "Akceptuję.", "Souhlasím.",
        "Egyetértek.", "Elfogadom.", "Sunt de acord.", "Согласен.", "Згоден.", "Погоджуюся.", "Συμφωνώ.", "Δέχομαι.",
        "Kabul ediyorum.", "أوافق", "אני מסכים", "सहमत", "Saya sepakat.",
    ],
)  # fmt: skip
def test_whoever_agrees_may_agree_with_what_was_understood(text: str, guess: str) -> None:
    given = answer(text, guess)
    assert given is None or (given.outcome == APPROVE == guess and given.completes), (
        "an approval it would be anyway"
    )


@pytest.mark.parametrize("guess", [APPROVE, REJECT])
@pytest.mark.parametrize(
    "text",
    [
        "I disagree.", "I do not agree with that.", "That's unacceptable.", "I object.", "Nicht einverstanden.",
        "Je ne suis pas d'accord.", "No estoy de acuerdo.", "Discordo.", "Не согласен.", "Διαφωνώ.", "Tidak setuju.",
    ],
)  # fmt: skip
def test_whoever_disagrees_may_disagree_with_it(text: str, guess: str) -> None:
    assert answer(text, guess) is None


@pytest.mark.parametrize("guess", [APPROVE, REJECT, CHANGES])
@pytest.mark.parametrize(
    "text",
    [
        "", "No", "No.", "Nein", "No, that is wrong.", "Yes?", "Yes or no?", "yes / no", "Maybe", "Wait", "Yes. Wait.",
        "Not yes", "I said yes to Alice", "Carol says yes", "What do you mean?", "Yes, approved? No.", "Yes and no",
        "Yes, if Carol agrees", "I'll confirm tomorrow", "thanks", "Alice has to say yes",
    ],
)  # fmt: skip
def test_anything_else_is_unclear(text: str, guess: str) -> None:
    assert answer(text, guess) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Yes. Two.", "en"),
        ("Bekreftet. To.", "nb"),
        ("Japp. Sen.", "sv"),
        ("Ja genau. Nur zwei.", "de"),
        ("Sim. Se eu.", "pt"),
    ],
)
def test_beside_a_yes_to_an_approval_nothing_may_leave_it_open(text: str, language: str) -> None:
    assert not confirmed(text, APPROVE, language)


def test_a_name_below_it_may_be_any_word() -> None:
    assert confirmed("Ja.\n\nViele Grüße\nMax Muster", APPROVE, "de")
    assert confirmed("Ja.\n\nViele Grüße\nMax Muster", REJECT, "de")


@pytest.mark.parametrize("text", ["ok", "OK.", "👍", "Sure", "Fine", "Looks good"])
def test_agreement_confirms_an_approval_and_nothing_else(text: str) -> None:
    assert confirmed(text, APPROVE, "en")
    assert answer(text, REJECT) is None
    assert answer(text, CHANGES) is None


@pytest.mark.parametrize(
    ("text", "guess", "outcome", "completes"),
    [
        ("Approved.", REJECT, APPROVE, False),
        ("I reject this.", APPROVE, REJECT, False),
        ("I reject this.", REJECT, REJECT, True),
        ("Needs changes", CHANGES, CHANGES, True),
        ("Rejected.", CHANGES, REJECT, False),
    ],
)
def test_a_whole_answer_counts_by_itself(text: str, guess: str, outcome: str, completes: bool) -> None:
    given = answer(text, guess)
    assert given is not None
    assert (given.outcome, given.completes) == (outcome, completes)
    assert (given.comment == TEXT) == completes


@pytest.mark.parametrize("guess", [APPROVE, REJECT])
@pytest.mark.parametrize("text", ["Yes", "Correct.", "ok", "No."])
def test_what_a_later_mail_ended_is_confirmed_by_nothing(text: str, guess: str) -> None:
    assert answer(text, guess, lapsed=True) is None


def test_a_whole_answer_still_counts_there_alone() -> None:
    given = answer("Rejected. No budget.", REJECT, lapsed=True)
    assert given is not None
    assert (given.outcome, given.comment, given.completes) == (REJECT, "No budget.", False)


@pytest.mark.parametrize("code", ASKED_IN)
def test_what_is_asked_names_the_answer_its_words_and_the_yes(code: str) -> None:
    texts = refusal_texts()[code]
    said = texts.understood("Reject {x}", "some {words} %s")
    for part in ("Reject {x}", "some {words} %s", texts.yes):
        assert part in said
    assert texts.confirm_subject
