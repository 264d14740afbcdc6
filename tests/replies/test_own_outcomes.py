"""A step's own outcomes are read by their words, in whatever language stands around them; and never by a guess."""

import pytest
from django.conf import settings

from placet.approvals.processes import ApprovalStep
from placet.replies.own_outcomes import problems, vocabulary_of
from placet.replies.read import read_text

STEP = ApprovalStep.model_validate(
    {
        "kind": "approval",
        "name": "Legal",
        "ask": [{"manager": True}],
        "outcomes": [
            {"key": "approve", "words": {"en": ["cleared"]}},
            {
                "key": "changes",
                "label": {
                    "en": "Needs changes",
                    "de": "Änderungen nötig",
                    "fr": "À modifier",
                    "zh": "需要修改",
                },
                "words": {"en": ["please revise", "later"], "de": "überarbeiten"},
            },
            {"key": "counsel", "label": "Ask counsel"},
            "reject",
        ],
    }
)
KEYS = STEP.outcome_keys


def step_with(own: dict[str, list[str]], **more: str) -> ApprovalStep:
    """A step that can be approved, rejected, or answered by these words."""
    outcomes: list[object] = [key for key in ("approve", "reject") if key not in own]
    outcomes += [
        {"key": key, "label": words[0], "words": {"en": words}, **({} if key == "approve" else more)}
        for key, words in own.items()
    ]
    return ApprovalStep.model_validate(
        {"kind": "approval", "name": "S", "ask": [{"manager": True}], "outcomes": outcomes}
    )


def read(text: str) -> tuple[str | None, str]:
    reading = read_text(text, KEYS, vocabulary_of(STEP))
    return reading.outcome, reading.comment


@pytest.mark.parametrize(
    "text",
    [
        "Needs changes",
        "needs changes.",
        "NEEDS CHANGES!",
        "Needs  changes, please.",
        "Hello Alice,\n\nneeds changes\n",
        "Please revise. Thanks!",
        "Later",
        "Änderungen nötig",
        "Aenderungen noetig",
        "Anderungen notig",
        "Überarbeiten, bitte.",
        "À modifier",
        "A modifier, merci",
        "需要修改",
        "Hallo,\n\nbitte überarbeiten.\n\nViele Grüße\nBob",
        "Decision: needs changes",
        "Q1: [Needs changes]",
        "[ ] approve\n[x] needs changes\n[ ] reject",
        "Needs changes\n\n#abcdefghijklmnop",
    ],
)
def test_own_words_decide(text: str) -> None:
    assert read(text) == ("changes", "")


@pytest.mark.parametrize(
    ("text", "outcome", "comment"),
    [
        ("Needs changes\n\nThe price in section 4 is wrong.", "changes", "The price in section 4 is wrong."),
        ("Ask counsel. Section 7 is new.", "counsel", "Section 7 is new."),
        ("Needs changes: clause 3 must go.", "changes", "clause 3 must go."),
        ("Cleared.", "approve", ""),
        ("approved", "approve", ""),
        ("Ja, genehmigt.", "approve", ""),
        ("Abgelehnt, zu teuer.", "reject", "zu teuer."),
    ],
)
def test_what_else_is_said_is_comment(text: str, outcome: str, comment: str) -> None:
    found = read(text)
    assert found[0] in (outcome, None)
    if found[0] is not None:
        assert comment in found[1] or not comment


@pytest.mark.parametrize(
    "text",
    [
        "No changes needed",
        "It does not need changes",
        "Needs no changes",
        "Not later",
        "Needs changes?",
        "Approve, needs changes",
        "Approved. Needs changes.",
        "Needs changes, or reject it",
        "needs changes\nask counsel",
        "Needs changes if Anna agrees",
        "Needs changes unless legal says otherwise",
        "Maybe needs changes",
        "Anna says it needs changes",
        "I think it needs changes",
        "It may need changes",
        "If it needs changes, approve later",
        "needs changes - no, wait",
        "Needs changes\n\nActually, forget that.",
        "approve later",
        "Ja, später. Needs changes?",
        "Needs changes, 4,000 EUR at most and approved",
        "changes",
        "revise",
        "",
        "needs",
        "À",
    ],
)
def test_what_is_not_certain_is_asked_back(text: str) -> None:
    outcome, _comment = read(text)
    assert outcome is None


def test_an_answer_to_another_step_is_none_here() -> None:
    plain = ApprovalStep.model_validate({"kind": "approval", "name": "S", "ask": [{"manager": True}]})
    assert read_text("Needs changes", plain.outcome_keys, vocabulary_of(plain)).outcome is None
    assert read_text("Approved", ("changes",), vocabulary_of(STEP)).outcome is None


def test_words_of_one_step_are_not_those_of_the_next() -> None:
    vocabulary_of(STEP)
    plain = ApprovalStep.model_validate({"kind": "approval", "name": "S", "ask": [{"manager": True}]})
    assert vocabulary_of(plain) is vocabulary_of(plain)
    assert read_text("later", plain.outcome_keys, vocabulary_of(plain)).outcome is None
    assert vocabulary_of(STEP) is vocabulary_of(STEP.model_copy())


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        ({"yes": ["yes"]}, "yes: “yes” is a word for approve already"),
        ({"defer": ["Ja"]}, "defer: “Ja” is a word for approve already"),
        ({"defer": ["abgelehnt"]}, "defer: “abgelehnt” is a word for reject already"),
        ({"defer": ["thanks"]}, "defer: “thanks” means something else in replies"),
        ({"defer": ["not"]}, "defer: “not” means something else in replies"),
        ({"defer": ["but"]}, "defer: “but” means something else in replies"),
        ({"defer": ["Hello"]}, "defer: “Hello” means something else in replies"),
        ({"defer": ["4711"]}, "defer: “4711” has no letter"),
        ({"defer": ["?!"]}, "defer: “?!” has no letter"),
        ({"defer": ["not now?"]}, "defer: “not now?” cannot be read for certain"),
        ({"a": ["Hold"], "b": ["hold"]}, "“hold” stands for a and b"),
        ({"a": ["Zurück"], "b": ["zurück"]}, "“zurück” stands for a and b"),
    ],
)
def test_words_that_a_reply_could_not_be_read_by_are_named(own: dict[str, list[str]], sentence: str) -> None:
    found = problems(step_with(own))
    assert any(problem.startswith(sentence) for problem in found), found


@pytest.mark.parametrize(
    "own",
    [
        {"changes": ["Needs changes", "please revise"]},
        {"later": ["later", "Not now", "später"]},
        {"hold": ["On hold"]},
        {"approve": ["cleared", "grant it"]},
        {"counsel": ["Ask counsel"]},
        {"escalate": ["Escalate", "an die Leitung"]},
        {"done": ["Done", "Erledigt", "Terminé"]},
        {"abstain": ["Abstain", "Enthaltung", "Abstention"]},
    ],
)
def test_words_that_can_be_read_are_no_problem(own: dict[str, list[str]]) -> None:
    assert problems(step_with(own)) == []


def test_the_check_is_the_one_of_the_settings() -> None:
    assert f"{problems.__module__}.{problems.__name__}" == settings.CHECK_WORDS


def test_a_phrase_with_a_word_that_approves_is_read_as_a_whole_and_grants() -> None:
    own = {"conditions": ["Approve with conditions", "Mit Auflagen genehmigt"]}
    assert "say tone: good" in problems(step_with(own))[0]
    step = step_with(own, tone="good")
    assert problems(step) == []
    known = vocabulary_of(step)

    def outcome(text: str) -> str | None:
        return read_text(text, step.outcome_keys, known).outcome

    assert outcome("Approve with conditions\n\nThe clerk pays.") == "conditions"
    assert outcome("Approve") == "approve"
    assert outcome("Approve, with conditions of ours") is None
    assert outcome("Approve with conditions\n\nOnly if legal agrees.") is None


@pytest.mark.parametrize(
    ("text", "comment"),
    [
        ("Section 4 names the wrong party.", "Section 4 names the wrong party."),
        ("Is section 4 right?", "Is section 4 right?"),
        ("It can go out if clause 3 is dropped.", "It can go out if clause 3 is dropped."),
    ],
)
def test_behind_an_answer_that_grants_nothing_doubts_are_its_comment(text: str, comment: str) -> None:
    assert read(f"Needs changes\n\n{text}") == ("changes", comment)
    assert read(f"Cleared\n\n{text}")[0] is None


@pytest.mark.parametrize(
    "text", ["No, approved after all.", "Please ignore this.", "I approve it.", "Ask counsel."]
)
def test_but_not_what_takes_it_back(text: str) -> None:
    assert read(f"Needs changes\n\n{text}")[0] is None
