"""A step's own outcomes are read by their words where these are the answer, and never by a guess."""

import pytest
from django.conf import settings

from placet.approvals.steps import ApprovalStep
from placet.replies.outcome_words import SAYS, problems
from placet.replies.read import read_text
from placet.replies.read_own import own_of
from placet.replies.read_phrases import Role


def step(*outcomes: object) -> ApprovalStep:
    return ApprovalStep.model_validate(
        {"kind": "approval", "name": "S", "ask": [{"manager": True}], "outcomes": outcomes}
    )


STEP = step(
    {"key": "approve", "words": {"en": ["cleared"]}},
    {"key": "conditions", "label": {"en": "Approve with conditions", "de": "Mit Auflagen"}, "grants": True},
    {
        "key": "changes",
        "label": {"en": "Needs changes", "de": "Änderungen nötig", "fr": "À modifier", "zh": "需要修改"},
        "words": {"en": ["please revise", "later"], "de": "bitte überarbeiten"},
        "grants": False,
    },
    {"key": "counsel", "label": "Ask counsel", "grants": False},
    {"key": "hold", "label": {"en": "Hold", "de": "Zurückstellen", "zh": "保留"}, "grants": False},
    {"key": "back", "label": "Send back", "grants": False},
    {"key": "escalate", "label": {"en": "Escalate", "it": "Sospendere"}, "grants": False},
    {"key": "abstain", "label": {"en": "No opinion", "de": "Enthaltung"}, "grants": False},
    "reject",
)


def read(text: str, of: ApprovalStep = STEP) -> tuple[str | None, str]:
    reading = read_text(text, of.outcome_keys, own=own_of(of))
    return reading.outcome, reading.comment


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (text, "changes")
        for text in (
            "Needs changes", "needs changes.", "NEEDS CHANGES!", "Needs  changes, please.", "Later",
            "Please revise. Thanks!", "Hello Alice,\n\nneeds changes\n", "À modifier", "A modifier, merci",
            "Änderungen nötig", "Aenderungen noetig", "Anderungen notig", "需要修改",
            "Needs changes\n\n#abcdefghijklmnop",
            "Hallo,\n\nbitte überarbeiten.\n\nViele Grüße\nBob", "Decision: needs changes", "Q1: [Needs changes]",
            "[ ] approve\n[x] needs changes\n[ ] reject",
        )
    ]
    + [
        ("✅ hold", "hold"), ("Hold", "hold"), ("保留", "hold"), ("Zurückstellen, danke", "hold"),
        ("Send back", "back"),
        ("No opinion.", "abstain"), ("Enthaltung", "abstain"), ("Ask counsel", "counsel"),
        ("Approve with conditions", "conditions"), ("Mit Auflagen", "conditions"), ("Cleared.", "approve"),
        ("approved", "approve"), ("Ja, genehmigt.", "approve"), ("Abgelehnt.", "reject"), ("no", "reject"),
    ],
)  # fmt: skip
def test_an_answer_that_stands_alone_decides(text: str, outcome: str) -> None:
    assert read(text) == (outcome, "")


@pytest.mark.parametrize(
    ("text", "outcome", "comment"),
    [
        ("Needs changes\n\nThe price in section 4 is wrong.", "changes", "The price in section 4 is wrong."),
        ("Needs changes. Section 4 names the wrong party.", "changes", "Section 4 names the wrong party."),
        ("Needs changes\n\nIs section 4 right?", "changes", "Is section 4 right?"),
        ("Needs changes\n\nClause 3 may stay if the price drops.", "changes", "Clause 3 may stay if the price drops."),
        ("Ask counsel. Section 7 is new.", "counsel", "Section 7 is new."),
        ("Hold\n\nThe supplier is being audited until May.", "hold", "The supplier is being audited until May."),
        ("Approve with conditions\n\nThe clerk pays.", "conditions", "The clerk pays."),
        ("Needs changes, best regards\n\nThe price went up.", "changes", "The price went up."),
        ("Änderungen nötig, tausend Dank", "changes", ""),
        ("Needs changes\n- price of the desks\n- date", "changes", "- price of the desks\n- date"),
        ("Needs changes. The price.", "changes", "The price."),
        ("Merci. À modifier.", "changes", ""),
        ("[x] Needs changes\n[ ] Approve with conditions\n[ ] No opinion", "changes", ""),
        ("[x] Approve\n[ ] Approve with conditions\n[ ] Needs changes", "approve", ""),
    ],
)  # fmt: skip
def test_what_else_is_said_is_comment(text: str, outcome: str, comment: str) -> None:
    assert read(text) == (outcome, comment)


UNCLEAR = (
    # below one that grants, a limit in any language
    "Cleared\n\nSi Luc signe.", "Cleared\n\nOm Lars skriver under.", "Mit Auflagen\n\nEr den underskrevet",
    # decided in another sentence, or not ticked
    "Hold\n\nbetter reject it zork", "Hold\n\nMy vote is to reject this zork.", "Hold\n\nApprove the zork plonk.",
    "[ ] Needs changes", "( ) Needs changes", "☐ Needs changes", "Needs changes: [ ]",
    # denied, or a second answer, in whatever language
    "No. Hold.", "No. Escalate.", "Escalate. No.", "Hold, ej", "No hold", "No, hold.", "no escalate",
    "不要保留", "ej hold",
    "ej zurückstellen", "nu escalate", "ne hold", "ei hold", "pas hold", "mai sospendere",
    "No changes needed", "Not later",
    "It does not need changes", "Approve, needs changes", "Approved. Needs changes.", "Needs changes, or reject it",
    "needs changes\nask counsel", "hold or escalate", "👍 Needs changes", "Needs changes\n\nI approve it.",
    "Needs changes\n\nI reject it.", "Needs changes\n\nNo, approved after all.", "Needs changes\n\nHold.",
    "Needs changes - no, wait", "Needs changes\n\nPlease ignore this.",
    # and in short below it or behind a sign
    "Escalate: no", "Escalate, please don't", "Escalate: not necessary", "Hold: no", "Hold not necessary", "保留は不要",
    "Needs changes: none", "Needs changes: 0", "Needs changes (none)", "Änderungen nötig: keine",
    "Needs changes\n\nNone.",
    "Needs changes\n\nIt does not.", "Needs changes\n\nThat's not my answer.", "Needs changes\n\nI am not sure.",
    "Needs changes\n\nMaybe.", "Needs changes\n\n0", "Hold on a second",
    "Hold un momento", "Approve with conditions: none", "Approve with conditions\n\nNone.",
    # below one that grants, limits are limits
    "Approve with conditions\n\nOnly if legal agrees.", "Cleared\n\nOnly if Anna agrees.",
    "Cleared. But only up to 500.",
    "Approve with conditions\n\nIs that right?", "Approve, with conditions of ours",
    # questions, hearsay, other matters, not yet
    "Needs changes?", "Is it on hold", "Is it hold", "Finance: no opinion", "Last time: needs changes",
    "It was on hold",
    "Yesterday: needs changes", "I had no opinion", "Please send back the signed copy", "Next time, ask counsel.",
    "No opinion yet", "I have no opinion yet", "Need to hold", "Hold the line", "My printer needs changes",
    "Needs changes if Anna agrees", "Needs changes unless legal says otherwise", "Maybe needs changes", "Hello hold",
    "Anna says it needs changes", "I think it needs changes", "It may need changes",
    "If it needs changes, approve later", "approve later", "Ja, später. Needs changes?",
    "Thanks, hold", "changes", "revise", "", "needs", "À",
)  # fmt: skip


@pytest.mark.parametrize("text", UNCLEAR)
def test_what_is_not_certain_is_asked_back(text: str) -> None:
    outcome, _comment = read(text)
    assert outcome is None


def test_a_word_of_no_step_makes_no_answer_and_one_of_another_step_neither() -> None:
    plain = step("approve", "reject")
    assert own_of(plain) is None
    assert read("Needs changes", plain)[0] is None
    assert read("later", plain)[0] is None
    assert read_text("Approved", ("changes",), own=own_of(STEP)).outcome is None


@pytest.mark.parametrize("sign", ["✅", "❌"])
def test_the_signs_that_stand_for_an_answer_are_read_as_ever(sign: str) -> None:
    expected = {"✅": "approve", "❌": "reject"}[sign]
    assert read(sign)[0] == expected
    assert read(f"Hold\n\n{sign}")[0] is None


def test_it_is_explained_in_the_words_that_were_written() -> None:
    text = "Needs changes.\n\nThe price in section 4 is wrong."
    reading = read_text(text, STEP.outcome_keys, own=own_of(STEP))
    assert reading.rests_on == ("Needs changes",)
    assert str(reading.why) == "“Needs changes” is an answer of this step."
    assert reading.clauses[0].text == "Needs changes"
    assert reading.text == text
    assert next(text[place.start : place.end].strip() for place in reading.parts).startswith("Needs changes")


# --- before a process is published ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "grants", "sentence"),
    [
        ("yes", False, "“yes” is a word for approve already"),
        ("yés", False, "“yés” is a word for approve already"),
        ("Ja", True, "“Ja” is a word for approve already"),
        ("abgelehnt", False, "“abgelehnt” is a word for reject already"),
        ("thanks", False, "“thanks” means something else in replies (it is polite)"),
        ("not", False, "“not” means something else in replies (it "),
        ("nót", False, "“nót” means something else in replies"),
        ("keín", False, "“keín” means something else in replies"),
        ("but", False, "“but” means something else in replies"),
        ("Hello", False, "“Hello” means something else in replies"),
        ("later", True, "“later” means something else in replies"),
        ("maybe", True, "“maybe” means something else in replies"),
        ("4711", False, "“4711” has too few letters"),
        ("X", False, "“X” has too few letters"),
        ("Not now?", False, "“Not now?” holds a sign"),
        ("Hold (for now)", False, "“Hold (for now)” holds a sign"),
        ("OK, but", False, "“OK, but” holds a sign"),
        ("@Finance", False, "“@Finance” holds a sign"),
        ("re-send", False, "“re-send” cannot be read for certain"),
        ("Regards", False, "“Regards” cannot be read for certain"),
        ("Confidential", False, "“Confidential” cannot be read for certain"),
    ],
)
def test_words_that_a_reply_could_not_be_read_by_are_named(words: str, grants: bool, sentence: str) -> None:
    found = problems(step("approve", "reject", {"key": "own", "label": words, "grants": grants}))
    assert [problem for problem in found if problem.startswith(f"own: {sentence}")], found


@pytest.mark.parametrize("role", sorted({*Role} - {Role.DECIDES, Role.DECIDES_WEAKLY}))
def test_every_other_meaning_of_a_phrase_can_be_said(role: Role) -> None:
    assert SAYS[role]


@pytest.mark.parametrize("word", ["Nicht möglich", "Pas possible"])
def test_a_denial_that_says_no_by_itself_may_be_what_a_rejection_is_called(word: str) -> None:
    made = step("approve", {"key": "reject", "label": word})
    assert not problems(made)
    assert read_text(word, made.outcome_keys, own=own_of(made)).outcome == "reject"
    assert problems(step("approve", "reject", {"key": "own", "label": word, "grants": False}))
    assert problems(step({"key": "approve", "label": word}, "reject"))


@pytest.mark.parametrize("word", ["later", "tomorrow", "maybe"])
def test_a_doubt_is_no_further_word_for_an_approval(word: str) -> None:
    assert problems(step({"key": "approve", "words": {"en": [word]}}, "reject"))


@pytest.mark.parametrize(("one", "other"), [("Hold", "hold"), ("Zurück", "Zurueck"), ("Pêche", "Péché")])
def test_a_word_that_two_outcomes_share_is_named(one: str, other: str) -> None:
    made = step({"key": "a", "label": one, "grants": False}, {"key": "b", "label": other, "grants": False})
    assert [problem for problem in problems(made) if problem.endswith("stands for a and b")]


@pytest.mark.parametrize(
    "words",
    ["Needs changes", "please revise", "later", "Not now", "später", "On hold", "Ask counsel", "Escalate", "Done",
     "Erledigt",
     "Terminé", "Abstain", "Enthaltung", "Tranche1", "B2B", "Send back", "保留", "需要修改", "Déléguer", "To HR"],
)  # fmt: skip
def test_words_that_can_be_read_are_no_problem_and_are_read(words: str) -> None:
    made = step("approve", {"key": "own", "label": words, "grants": False}, "reject")
    assert problems(made) == []
    assert read(words, made)[0] == "own"
    assert read(f"{words}\n\nThe price in section 4 is another one now.", made)[0] == "own"


def test_the_check_is_the_one_of_the_settings() -> None:
    assert f"{problems.__module__}.{problems.__name__}" == settings.CHECK_WORDS


@pytest.mark.parametrize(
    "label",
    ["", " ", "\u200bHold", "Hold\n", "a\x0bb", "a\u2028b", "a\tb", "?!", "\u2800", "Ho\u202eld", "  Hold"],
)
def test_a_label_has_nothing_that_cannot_be_seen(label: str) -> None:
    with pytest.raises(ValueError, match="label"):
        step("approve", {"key": "own", "label": label, "grants": False})


@pytest.mark.parametrize(
    ("text", "outcome", "comment"),
    [
        ("Needs changes: cheaper", "changes", "cheaper"),
        ("Needs changes: the cost centre is wrong", "changes", "the cost centre is wrong"),
        ("needs changes :\u00a0cheaper, please", "changes", "cheaper, please"),
        ("À modifier\u00a0: moins cher", "changes", "moins cher"),
        ("Hallo,\n\nÄnderungen nötig: günstiger\n\nViele Grüße\nBob", "changes", "günstiger"),
        ("需要修改：価格が高い", "changes", "価格が高い"),
        ("Needs changes:\n- cheaper\n- smaller", "changes", "- cheaper\n- smaller"),
        ("Send back: the supplier has moved to Lyon", "back", "the supplier has moved to Lyon"),
    ],
)
def test_what_stands_behind_a_colon_is_the_comment(text: str, outcome: str, comment: str) -> None:
    assert read(text) == (outcome, comment)


@pytest.mark.parametrize(
    "text",
    [
        # What grants something is not limited behind a colon.
        "Approve with conditions: cheaper", "Cleared: half of it", "Mit Auflagen: nur die Hälfte",
        # A form that asks for a yes or no, or for a number.
        "Needs changes: no", "Needs changes: yes", "Needs changes: none", "Needs changes: 0", "Hold: nein", "Hold: ok",
        # Another answer, or a doubt.
        "Needs changes: approved", "Needs changes: hold", "Needs changes: rejected", "Hold: maybe", "Hold: not sure",
        "Needs changes: not cheaper", "Needs changes: I do not agree", "Needs changes: cheaper\nRejected",
        "Approved\nNeeds changes: cheaper", "Hold: who asked for that?", "[ ] Needs changes: cheaper",
        # No label of an answer.
        "Hold:30", "The hold: cheaper", "Hold on: cheaper",
    ],
)  # fmt: skip
def test_what_else_stands_behind_a_colon_may_be_something_else(text: str) -> None:
    assert read(text)[0] is None
