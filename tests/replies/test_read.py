"""New text to an answer, or unclear. Wrong is never right."""

import dataclasses
from decimal import Decimal
from pathlib import Path

import pytest

from placet.mailboxes.base import Folder, Received
from placet.replies.languages import SHARED, LanguageInvalid, languages
from placet.replies.languages.table import Table, made, shipped
from placet.replies.parse import Mail, OwnMail, parse
from placet.replies.parse.subjects import own_subject
from placet.replies.read import read, read_mail, read_text
from placet.replies.read_boxes import boxes_in
from placet.replies.read_facts import About, Field
from placet.replies.read_result import Answer
from placet.replies.read_vocabulary import Vocabulary, over, vocabulary
from placet.replies.refusals import Unclear
from tests.rotation import pairs, whole
from tests.words import LANGUAGES

RAW = b"From: ann@contoso.example\n\nx"
MAIL = parse(
    Received("1", Folder.INBOX, RAW, "", "", None, len(RAW)), OwnMail("approvals@contoso.example", "")
)


def mail(text: str, **fields: object) -> Mail:
    return dataclasses.replace(MAIL, new_text=text, **fields)  # type: ignore[arg-type]  # each test names its fields


def answer(text: str, known: Vocabulary | None = None) -> Answer:
    return read(mail(text), ("approve", "reject"), known)


STRONG = [
    (word, outcome)
    for language in LANGUAGES.values()
    for outcome, words in (("approve", language.answer.approve), ("reject", language.answer.reject))
    for word in words
]
FORMS = (
    "{}",
    "{}.",
    "  {}!  ",
    "*{}*",
    "[{}]",
    "“{}”",
    "\u200b{}\ufeff",
    "\n\n{}\n\nMit freundlichen Grüßen\nAnn\n",
)


@pytest.mark.long
@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_every_strong_answer_is_read_in_every_dress(code: str, request: pytest.FixtureRequest) -> None:
    """Or it is unclear, where another language knows the same words as something else; never the opposite."""
    own = LANGUAGES[code].answer
    strong = [(word, "approve") for word in own.approve] + [(word, "reject") for word in own.reject]
    unread: dict[str, object] = {}
    for (word, outcome), form in pairs(strong, FORMS, whole(request.config)):
        dressed = read_text(form.format(word))
        if dressed.outcome == outcome or (dressed.outcome is None and boxes_in(form.format(word))):
            continue  # "[✅]" is a box that is ticked, and has no label
        bare = read_text(word)
        assert (dressed.outcome, bare.outcome) == (None, None), form.format(word)
        unread[word] = bare.why
    assert len(unread) <= 0.02 * len(strong), unread


def test_no_phrase_stands_for_two_outcomes() -> None:
    assert len({word for word, _ in STRONG}) == len(set(STRONG))


@pytest.mark.parametrize(
    ("text", "outcome", "comment", "language"),
    [
        ("Yes, approved", "approve", "", "en"),
        ("Yes please", "approve", "", "en"),
        ("Approved, thanks!", "approve", "", "en"),
        ("OK thanks", "approve", "", "en"),
        ("Okay, thank you!", "approve", "", "en"),
        ("Ok, danke", "approve", "", "de"),
        ("No, thanks", "reject", "", "en"),
        ("No, sorry", "reject", "", "en"),
        ("Ja, genehmigt", "approve", "", "de"),
        ("Abgelehnt, leider", "reject", "", "de"),
        ("Oui, merci", "approve", "", "fr"),
        ("Sí, gracias", "approve", "", "es"),
        ("Non approuvé", "reject", "", "fr"),
        ("No aprobado", "reject", "", "es"),
        (
            "Approve\n\nThe old one squeaks.\nAnd it wobbles.",
            "approve",
            "The old one squeaks.\nAnd it wobbles.",
            "en",
        ),
        ("Reject\n\nToo expensive", "reject", "Too expensive", "en"),
        ("Approve\n#k7q2mfx3wz5ta4ub", "approve", "", "en"),
        ("Genehmigt\n\nMit freundlichen Grüßen\nJana Nein", "approve", "", "de"),
        ("approve\nthanks", "approve", "", "en"),
    ],
)
def test_answers(text: str, outcome: str, comment: str, language: str) -> None:
    read_as = answer(text)
    assert (read_as.outcome, read_as.comment, read_as.language) == (outcome, comment, language)
    assert read_as.rests_on
    assert all(words in text for words in read_as.rests_on)


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
        "Great, thanks",  # may only mean that it was seen
        "all good thanks",
        "ok visto, gracias!!",
        "Not yet",
        "I will approve it tomorrow",
        "I don't reject",
        "no rejection",
        "No rejection from me.",
        "no decline",
        "nicht abgelehnt",
        "no rechazado",
        "\u0410pprove",  # Cyrillic A
        "Appro\u00advé",  # a soft hyphen
        "App\u200brove",
        "𝐀𝐩𝐩𝐫𝐨𝐯𝐞",
        "evorppA\u202e",
        "Approve\n\n\u2066tcejeR\u2069",
        "APPROVE\nREJECT",
        "Approved:",
        "Approved:\n",
        "Hi Alice,\n-Approved-",  # struck out
        "Approved\n\nWithdrawn",
        "Approved\n\nBest\nBob\nWithdrawn",
        "Approved\n\nBest\nBob\nExcept the dock",
        "Approved\n\nBest\nBob\nIf budget allows",
        "ok vain kannettava",
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
    assert str(unclear.value.why).endswith(".")
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
        answer("Genehmigt", vocabulary(None, "en, fr"))
    assert answer("Genehmigt", vocabulary(None, "de")).language == "de"
    with pytest.raises(LanguageInvalid, match="no language “xx”"):
        vocabulary(None, "en xx")


def test_an_organisation_adds_words_and_languages(tmp_path: Path) -> None:
    (tmp_path / "en.toml").write_text('[answer]\napprove = ["make it snappy"]\n')
    (tmp_path / "tlh.toml").write_text(
        'name = "tlhIngan Hol"\n[answer]\napprove = ["hislah"]\nreject = ["ghobe"]\n'
    )
    known = vocabulary(tmp_path, "")
    assert answer("Make it snappy!", known).outcome == "approve"
    assert (answer("HISlah", known).language, answer("ghobe", known).outcome) == ("tlh", "reject")
    assert answer("Approved", known).outcome == "approve"
    assert read_text("Make it snappy!").outcome is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[answer", "cannot be read"),
        ('[answers]\napprove = ["x"]', "has “answers”"),
        ('[answer]\nyes = ["x"]', "has “yes”"),
        ('[answer]\napprove = "x"', "must be a list"),
        ('[answer]\napprove = ["X"]', "lower case"),
        ("[refusal]\nsubject = 1", "must be a text"),
    ],
)
def test_a_wrong_file_of_words_is_named(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "en.toml").write_text(content)
    with pytest.raises(LanguageInvalid, match=said) as wrong:
        languages(tmp_path)
    assert "en.toml" in str(wrong.value)


def test_a_process_brings_words_of_its_own_outcomes() -> None:
    own = made({}, {"modify": ["modify the request", "To&nbsp;be&nbsp;completed"]})
    known = over([shipped(), Table.in_memory(own)])
    offered = ("approve", "modify")
    assert read_text("Modify the request, please.", offered, known).outcome == "modify"
    assert read_text("to be\u00a0completed", offered, known).outcome == "modify"
    assert read_text("Modify the request", ("approve", "reject"), known).outcome is None


def test_the_words_that_a_refusal_offers_are_read_as_what_they_say() -> None:
    for code, language in LANGUAGES.items():
        if not language.answer.approve or code == SHARED:
            continue
        said = language.refusal
        assert read_text(said.approve).outcome == "approve", code
        assert read_text(said.reject).outcome == "reject", code
        assert "{answers}" in said.answer_again and "{word}" in said.quoted, code
        assert all((said.subject, said.nothing_decided, said.was_read, said.by_link, said.either)), code


@pytest.mark.parametrize(
    ("subject", "asked", "outcome"),
    [
        ("Approved", "", "approve"),
        ("Approved, go ahead", "", "approve"),
        ("Approved [#k7q2mfx3wz5ta4ub]", "", "approve"),
        ("Re: Approved [#k7q2mfx3wz5ta4ub]", "", "approve"),
        ("Re: Approved, go ahead", "", "approve"),
        ("Re: I approve the desk", "", None),  # this may be the subject of the mail that is answered
        ("Re: Approved: A desk", "", None),
        ("RE: Please approve: Purchase request 42", "", None),
        (
            "Re: Please decide: Approved [#k7q2mfx3wz5ta4ub]",
            "Please decide: Approved [#k7q2mfx3wz5ta4ub]",
            None,
        ),
        (
            "AW: Please decide: Approve everything [#k7q2mfx3wz5ta4ub]",
            "Please decide: Approve everything",
            None,
        ),
        ("Approved Re: Please decide: A desk [#k7q2mfx3wz5ta4ub]", "Please decide: A desk", "approve"),
        ("Rejected - AW: Please decide: A desk", "Please decide: A desk", "reject"),
        ("Re: Rejected", "Please decide: A desk", "reject"),
        ("Please decide: Approve", "Please decide: Approve", None),
    ],
)
def test_a_subject_is_the_answer_where_there_is_no_text(
    subject: str, asked: str, outcome: str | None
) -> None:
    own = own_subject(subject, [asked] if asked else [])
    assert read_mail(mail(" \n", subject=subject, own_subject=own)).outcome == outcome


def test_a_text_for_the_refusal_is_bounded() -> None:
    with pytest.raises(Unclear) as unclear:
        answer("x" * 100_000)
    assert len(unclear.value.read_text) == 2_000


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_the_label_of_a_comment_beside_boxes_is_none_of_it(code: str) -> None:
    for label in LANGUAGES[code].answer.comment_labels:
        for form in (
            "[x] Approve\n[ ] Reject\n{}: Dell, please.",
            "{}: Dell, please.\n\nApprove [x] Reject [ ]",
        ):
            found = read_text(form.format(label.capitalize()))
            assert (found.outcome, found.comment) == ("approve", "Dell, please."), (label, found.why)


@pytest.mark.parametrize(
    ("quoted", "outcome"),
    [
        ("Amount: 4,500.00 EUR", "approve"),
        ("Amount: 4.500,00 EUR", "approve"),
        ("Supplier: Lenovo", "approve"),
        ("Amount: 3,000.00 EUR", None),
        ("Supplier: Dell", None),
        ("Desk\nSupplier: Dell\nAmount: 4,500.00 EUR", None),
    ],
)
def test_another_value_in_a_line_that_is_quoted_and_not_ours_is_the_senders(
    quoted: str, outcome: str | None
) -> None:
    about = About((Field("Amount", ("4,500.00 EUR",), Decimal(4500), "EUR"), Field("Supplier", ("Lenovo",))))
    assert read_mail(mail("Approved", quoted_else=quoted), about=about).outcome == outcome


@pytest.mark.parametrize("code", ["k7q2mfx3wz5ta4ub", "5abcdefghijklmno", "234567abcdefghij"])
def test_a_reply_code_says_nothing_and_is_no_comment(code: str) -> None:
    found = answer(f"Approve\n\nSee #{code}, thanks.\n\n#{code}")
    assert found.outcome == "approve"
    assert found.comment == "See , thanks."


@pytest.mark.parametrize(
    ("below", "outcome", "comment"),
    [
        ("Ann Approver\nHead of Rejects\nContoso GmbH\nann@contoso.example", "approve", ""),
        ("Ann\n\n“Nothing is impossible if you only try it.” – Mark Twain", "approve", ""),
        (
            "Ann\n\n“Only if legal agrees to it.” – Ann Author",
            "approve",
            "“Only if legal agrees to it.” – Ann Author",
        ),
        ("Please book on 4711", "approve", "Please book on 4711"),
        ("Rejected", None, ""),
        ("nicht genehmigt", None, ""),
        ("Ann\nMax: 500", None, ""),
        ("Shall we?", None, ""),
        ("[x] Reject", None, ""),
    ],
)
def test_what_stands_below_two_dashes_may_add_a_doubt_or_a_comment(
    below: str, outcome: str | None, comment: str
) -> None:
    found = read_mail(mail("Approved", set_apart=f"--\n{below}"))
    assert (found.outcome, found.comment) == (outcome, comment), found.why
    alone = read_mail(mail("", subject="Approved", own_subject="Approved", set_apart=f"--\n{below}"))
    assert alone.outcome == (None if comment else outcome)  # a subject is an answer and nothing else
    assert read_mail(mail("Desk", set_apart="--\nApproved")).outcome is None


@pytest.mark.parametrize(
    ("small", "outcome"),
    [
        ("If you are not the intended recipient, please reject it.", "approve"),
        ("If you are not the intended recipient, please delete it. Thank you.", "approve"),
        ("I do not approve.", None),
        ("Only up to 500.", None),
        ("Only up to 500 for Dell.", None),
    ],
)
def test_a_sentence_of_ones_own_between_small_print_counts(small: str, outcome: str | None) -> None:
    legal = "This email and any attachments are confidential and intended solely for the addressee."
    for text in (f"Approved.\n\n{legal} {small}", f"Approved.\n\nBest regards\nAnn\n\n{legal}\n{small}"):
        assert read_text(text).outcome == outcome


# --- what is decided about has a name that nobody knows ---------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("The purchase of the forklifts is approved.", "approve"),
        ("The purchase of our forklifts is approved.", "approve"),
        ("Purchase of forklifts is approved.", "approve"),
        ("The request for the forklifts is approved.", "approve"),
        ("Your request for the new forklifts is approved.", "approve"),
        ("I approve the forklifts.", "approve"),
        ("The purchase of the forklifts is not approved.", "reject"),
        ("I reject the purchase of the forklifts.", "reject"),
        ("The forklifts the purchase is approved.", None),
        ("They say the purchase of the forklifts is approved.", None),
        ("The purchase of the forklifts is approved if legal agrees.", None),
        ("The purchase of the forklifts they want is approved.", None),
        ("I approve the 🦄.", None),  # a sign may say anything
    ],
)
def test_what_is_bought_may_have_any_name(text: str, outcome: str | None) -> None:
    assert read_text(text).outcome == outcome


@pytest.mark.parametrize(
    "text", ["Rejected denied", "Nein abgelehnt", "Ablehnung abgelehnt", "Refused declined."]
)
def test_two_words_for_no_beside_each_other_are_no_answer(text: str) -> None:
    """They may be one for yes: "no rejection"."""
    assert read_text(text).outcome is None


def test_two_words_for_yes_beside_each_other_are_one_and_so_are_two_for_no_with_a_sign_between() -> None:
    assert read_text("approved approved").outcome == "approve"
    assert read_text("Rejected, denied.").outcome == "reject"


def test_a_greeting_names_three_words_at_most() -> None:
    assert read_text("Dear Alice Bob Carl,\n\nApproved.").comment == ""
    assert read_text("Dear Alice Bob Carl Dave,\n\nApproved.").comment == "Dear Alice Bob Carl Dave,"


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("It is late but approved because we need it", "approve"),
        ("Sorry but rejected because it is too expensive", "reject"),
    ],
)
def test_behind_but_a_reason_stands_by_itself_too(text: str, outcome: str) -> None:
    assert read_text(text).outcome == outcome


def test_no_word_is_part_of_two_polite_phrases() -> None:
    """ "I have" adds nothing, "have a nice day" neither; both at once are a sentence."""
    assert read_text("Approved. I have").comment == ""
    assert read_text("Approved. Have a nice day!").comment == ""
    assert read_text("Approved. I have a nice day!").comment == "I have a nice day!"


def test_what_holds_no_word_below_a_name_is_no_doubt() -> None:
    assert read_text("Approved\n\nBest regards\nTom\n\n(she/her/them)\n").outcome == "approve"


def test_a_name_in_small_letters_below_two_dashes_has_two_words_at_most() -> None:
    assert read_text("Approved.\n-- \nann marie").comment == ""
    assert read_text("Approved.\n-- \nann marie miller").comment == "ann marie miller"


def test_what_is_kept_as_a_comment_is_labelled_so() -> None:
    """Alone, "Please ask for a repair first." is a doubt; below a rejection it is what the requester is told."""
    decided = read_text("reject\n\nPlease ask for a repair first.")
    assert [label for _, label in decided.labelled_clauses] == ["decides", "comment"]
    unclear = read_text("Please ask for a repair first.")
    assert "comment" not in [label for _, label in unclear.labelled_clauses]


def test_small_print_with_a_label_is_known_by_speaking_of_mails() -> None:
    below = "Notice: incoming mail may be declined or rejected by our filter without notice."
    assert read_text(f"Approved\n\n{below}").outcome == "approve"
    assert read_text("Approved\n\nDisclaimer: Carol has to agree too.").outcome is None


@pytest.mark.parametrize(
    "text",
    [
        "Approved for this month", "Genehmigt für diesen Monat", "Für dieses Quartal genehmigt.",
        "Approuvé pour cette année", "Aprobado para este mes", "Approvato per questa settimana",
        "Autorizado para este ano", "Akkoord voor deze maand", "Zatwierdzone na ten miesiąc", "Godkänt för i år",
        "Godkendt for denne måned", "Innvilget for denne uken", "Hyväksytty tälle vuodelle",
        "Schváleno na tento měsíc", "Jóváhagyva erre az évre", "Aprobat pentru luna aceasta",
        "Одобряю на этот месяц", "Погоджено на цей рік", "Εγκρίνεται για φέτος", "Bu ay için onaylandı",
        "تمت الموافقة لهذا الشهر", "מאושר לחודש הזה", "इस महीने के लिए स्वीकृत", "Disetujui untuk bulan ini",
        "Duyệt cho tháng này", "今月分を承認します", "이번 달에 한해 승인합니다",
    ],
)  # fmt: skip
def test_what_is_approved_for_this_month_alone_is_asked_back(text: str) -> None:
    assert read_text(text).outcome is None


@pytest.mark.parametrize(
    "text",
    [
        "Rejected, no budget left for this year.", "Abgelehnt, für dieses Jahr ist kein Budget mehr da.",
        "Refusé, plus de budget pour cette année.", "Rechazado, no hay presupuesto para este año.",
        "Odrzucam, brak budżetu na ten rok.", "Elutasítom, erre az évre nincs keret.",
        "Отклоняю, бюджета на этот год больше нет.",
    ],
)  # fmt: skip
def test_what_is_rejected_for_want_of_this_years_budget_is_rejected(text: str) -> None:
    assert read_text(text).outcome == "reject"
