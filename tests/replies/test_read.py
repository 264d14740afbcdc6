"""New text to an answer, or unclear. Wrong is never right."""

import dataclasses

import pytest

from placet.mailboxes.base import Folder, Received
from placet.replies.parse import Mail, OwnMail, parse
from placet.replies.read import Answer, read
from placet.replies.refusals import Unclear
from placet.replies.words import LANGUAGES

RAW = b"From: ann@contoso.example\n\nx"
MAIL = parse(
    Received("1", Folder.INBOX, RAW, "", "", None, len(RAW)), OwnMail("approvals@contoso.example", "")
)


def mail(text: str, **fields: object) -> Mail:
    return dataclasses.replace(MAIL, new_text=text, **fields)  # type: ignore[arg-type]  # each test names its fields


def answer(text: str, **options: object) -> Answer:
    return read(mail(text), ("approve", "reject"), **options)  # type: ignore[arg-type]


ALL = [
    (word, outcome)
    for words in LANGUAGES.values()
    for outcome, answers in words.answers.items()
    for word in answers
]


FORMS = ("{}", "{}.", "  {}!  ", "*{}*", "[{}]", "“{}”", "\u200b{}\ufeff", "\n\n{}\n\nAnn\n")


@pytest.mark.parametrize(("word", "outcome"), ALL)
def test_every_known_answer_in_every_dress(word: str, outcome: str) -> None:
    for form in FORMS:
        assert answer(form.format(word)).outcome == outcome
        assert answer(form.format(word.upper())).outcome == outcome


def test_no_word_stands_for_two_outcomes() -> None:
    assert len({word for word, _ in ALL}) == len(set(ALL))


@pytest.mark.parametrize(
    ("text", "outcome", "comment", "language"),
    [
        ("Yes, approved", "approve", "", "en"),
        ("Yes please", "approve", "", "en"),
        ("Approved, thanks!", "approve", "", "en"),
        ("No, thanks", "reject", "", "en"),
        ("No, sorry", "reject", "", "en"),
        ("Ja, genehmigt", "approve", "", "de"),
        ("Abgelehnt, leider", "reject", "", "de"),
        ("Oui, merci", "approve", "", "fr"),
        ("Sí, gracias", "approve", "", "es"),
        ("Non approuvé", "reject", "", "fr"),
        ("No aprobado", "reject", "", "es"),
        (
            "Approve\n\nOrder soon.\nAnd cheaply.".replace("And", "Also"),
            "approve",
            "Order soon.\nAlso cheaply.",
            "en",
        ),
        ("Reject\n\nToo expensive", "reject", "Too expensive", "en"),
        ("Approve\n#k7q2mfx3wz5ta4ub", "approve", "", "en"),
        ("Genehmigt\n\nMit freundlichen Grüßen\nJana Nein", "approve", "", "de"),
        ("approve\nthanks", "approve", "thanks", "en"),
    ],
)
def test_answers(text: str, outcome: str, comment: str, language: str) -> None:
    read_as = answer(text)
    assert (read_as.outcome, read_as.comment, read_as.language) == (outcome, comment, language)
    assert read_as.rests_on == (text.split("\n")[0],)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n\n",
        "Approve?",
        "Approve or reject",
        "Approve / Reject",
        "Yes and no",
        "Ja. Nein.",
        "Sí, no",
        "No, approved",
        "Yes, rejected",
        "Approved, sorry",
        "OK, thanks",  # may only mean that it was seen
        "ok thanks",
        "Not yet",
        "I will approve it tomorrow",
        "I don't reject",
        "nicht abgelehnt",
        "no rechazado",
        "\u0410pprove",  # Cyrillic A
        "Appro\u00advé",  # a soft hyphen
        "App\u200brove",
        "𝐀𝐩𝐩𝐫𝐨𝐯𝐞",
        "evorppA\u202e",
        "Approve\n\n\u2066tcejeR\u2069",
        "APPROVE\nREJECT",
        "[ ] Approve\n[x] Reject",
        "Approve\n\nBut only two of them",
        "Approve\n\nonly two of them",
        "Approve\nif Tom agrees",
        "Approve\n\nTom must agree, unless he is away",
        "Approve\n\nAfter Tom agreed",
        "Approve\n\nShall we wait?",
        "Approve\n\nWait, let me check",
        "Approve\n\nI do not like the colour",
        "Approve\n\nRejected the other one",
        "Reject\n\nApproved the other one",
        "Genehmigt\n\nAber erst im Januar",
        "Genehmigt\n\nunter Vorbehalt",
        "Approuvé\n\nsous réserve du budget",
        "Aprobado\n\nsi hay presupuesto",
        "Approve\nthe first one",
        "Approve\n\nKind regards\nAnn\n\nP.S. only two",
        "Approve" + " " * 100 + "x",
    ],
)
def test_everything_else_is_unclear(text: str) -> None:
    with pytest.raises(Unclear) as unclear:
        answer(text)
    assert unclear.value.why.endswith(".")
    assert unclear.value.read_text == text


@pytest.mark.parametrize(
    "fields", [{"voting": "Approve"}, {"text_truncated": True}, {"quote_doubtful": True}]
)
def test_a_mail_that_is_not_read_whole_is_unclear(fields: dict[str, object]) -> None:
    with pytest.raises(Unclear):
        read(mail("Approve", **fields), ("approve", "reject"))


def test_an_outcome_that_is_not_offered_is_unclear() -> None:
    with pytest.raises(Unclear, match="could not be understood"):
        read(mail("Reject"), ("approve",))


def test_only_enabled_languages_count() -> None:
    with pytest.raises(Unclear):
        answer("Genehmigt", languages=("en", "fr"))
    assert answer("No", languages=("es",)).language == "es"


def test_a_text_for_the_refusal_is_bounded() -> None:
    with pytest.raises(Unclear) as unclear:
        answer("x" * 100_000)
    assert len(unclear.value.read_text) == 2_000
