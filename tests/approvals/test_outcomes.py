"""What a process says of its answers: kept as written, shown in the reader's language, held to by the engine."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.utils import translation

from placet.accounts.models import Person
from placet.approvals import engine, engine_errors
from placet.approvals.definitions import definition_of
from placet.approvals.models import Decision, Request
from placet.approvals.outcomes import Outcome
from placet.approvals.processes import DefinitionInvalid, parse_definition, publish
from placet.approvals.rule_words import rule_in_words
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.making import FORM, open_for, start

CHANGES = {
    "key": "changes",
    "label": {"en": "Needs changes", "de": "Änderungen nötig", "fr": "À modifier"},
    "grants": False,
    "comment": "required",
}
ABSTAIN = {"key": "abstain", "label": "No opinion", "grants": False, "counts": False}
OWN = ["approve", CHANGES, {"key": "reject", "comment": {"when": "amount > 1000"}}]


def process(outcomes: list[Any] = OWN, **step: Any) -> dict[str, Any]:
    keys = [one if isinstance(one, str) else one["key"] for one in outcomes]
    return {
        "key": "contract",
        "name": "Contract",
        "title": "{item}",
        "form": FORM,
        "start": "legal",
        "steps": {
            "legal": {
                "kind": "approval",
                "name": "Legal",
                "ask": [{"manager": True}],
                "outcomes": outcomes,
                **step,
            },
            **{f"end-{key}": {"kind": "end", "name": f"End {key}", "result": key} for key in keys},
        },
        "transitions": [{"from": "legal", "outcome": key, "to": f"end-{key}"} for key in keys],
    }


def problems(**changes: Any) -> list[str]:
    with pytest.raises(DefinitionInvalid) as refused:
        parse_definition(process(**changes))
    return refused.value.problems


@pytest.mark.django_db
def test_it_is_kept_as_it_was_written() -> None:
    version = publish(process())
    assert version.definition["steps"]["legal"]["outcomes"] == OWN
    assert definition_of(version) == parse_definition(version.definition)


@pytest.mark.django_db
@pytest.mark.parametrize("outcomes", [["approve", "reject"], ["approve"], None])
def test_a_process_without_own_outcomes_is_kept_as_ever(outcomes: list[str] | None) -> None:
    definition = process(outcomes or ["approve", "reject"])
    if outcomes is None:
        del definition["steps"]["legal"]["outcomes"]
    step = publish(definition).definition["steps"]["legal"]
    assert step["outcomes"] == (outcomes or ["approve", "reject"])
    assert not {"otherwise", "early"} & step.keys()


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("en", "Needs changes"),
        ("fr", "À modifier"),
        ("de", "Änderungen nötig"),
        ("de-ch", "Änderungen nötig"),
        ("it", "Needs changes"),
    ],
)
def test_its_label_is_the_readers(language: str, shown: str) -> None:
    with translation.override(language):
        assert Outcome.model_validate(CHANGES).shown == shown
        assert Outcome(key="x", label="One text", grants=False).shown == "One text"
        assert Outcome(key="x", label={"ja": "保留"}, grants=False).shown == "保留"


def test_tones() -> None:
    assert [Outcome(key=key, label="L").colour for key in ("approve", "reject")] == ["good", "bad"]
    assert [Outcome(key="x", label="L", grants=grants).colour for grants in (True, False)] == [
        "good",
        "neutral",
    ]
    assert Outcome(key="x", label="L", grants=False, tone="bad").colour == "bad"


def test_a_language_is_found_however_it_is_written() -> None:
    outcome = Outcome(key="x", label={"en": "Hold", "pt-BR": "Aguardar"}, grants=False)
    with translation.override("pt-br"):
        assert outcome.shown == "Aguardar"


def test_two_of_one_key_that_are_called_otherwise_are_told_apart() -> None:
    hold, release = (Outcome(key="hold", label=label, grants=False) for label in ("Hold", "Release the hold"))
    assert hold.identity != release.identity
    assert Outcome(key="approve").identity == "approve" != Outcome(key="approve", label="Clear it").identity


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"outcomes": ["approve", {"key": "approve", "label": "Yes"}]}, "steps.legal: approve is said twice"),
        ({"outcomes": ["approve", "later"]}, "later needs a label"),
        ({"outcomes": ["approve", {"key": "later", "label": "Hold"}]}, "later: say grants: true"),
        ({"outcomes": [{"key": "approve", "grants": False}]}, "leave grants out"),
        ({"rule": "all"}, "rule all is about approving; with other outcomes say for each what it needs"),
        ({"rule": 2}, "rule 2 is about approving"),
        ({"outcomes": ["approve", {"key": "later", "label": "", "grants": False}]}, "label"),
        ({"outcomes": ["approve", {"key": "later", "label": {"English": "x"}, "grants": False}]}, "label"),
        (
            {"outcomes": ["approve", {"key": "later", "label": "Yes", "grants": False}]},
            "later: “Yes” is a word for approve already",
        ),
        (
            {
                "outcomes": [
                    "approve",
                    {"key": "a", "label": "Hold", "grants": False},
                    {"key": "b", "label": "hold", "grants": False},
                ]
            },
            "“Hold” stands for a and b",
        ),
        (
            {"outcomes": ["approve", {"key": "reject", "comment": {"when": "amount >"}}]},
            "steps.legal: reject: ",
        ),
        (
            {"outcomes": ["approve", {"key": "reject", "comment": {"when": "weight > 1"}}]},
            "steps.legal: reject: ",
        ),
        ({"outcomes": ["approve", {"key": "reject", "comment": "sometimes"}]}, "comment"),
        (
            {"rule": [{"approve": "all"}, {"reject": "any"}], "otherwise": "reject"},
            "the rule does not say what changes needs",
        ),
        (
            {"rule": [{"approve": "all"}, {"changes": 1}, {"reject": "any"}]},
            "what if no line of the rule holds",
        ),
        (
            {"rule": [{"approve": "all"}, {"changes": 1}, {"reject": 1}], "otherwise": "shrug"},
            "otherwise: shrug is no outcome",
        ),
        (
            {"rule": [{"approve": "all"}, {"changes": 1}, {"shrug": 1}], "otherwise": "reject"},
            "the rule names shrug",
        ),
        (
            {"rule": [{"approve": "all"}, {"approve": 1}, {"reject": 1}], "otherwise": "reject"},
            "the rule names approve twice",
        ),
        ({"rule": [], "otherwise": "reject"}, "the rule does not say what approve needs"),
        ({"rule": "first", "otherwise": "reject"}, "otherwise and early belong to a rule that is a list"),
        ({"outcomes": ["approve", ABSTAIN]}, "rule first does not say what becomes of it if nobody's answer"),
        ({"outcomes": ["approve", {"key": "reject", "counts": False}], "rule": "all"}, "write a list"),
        ({"outcomes": [ABSTAIN]}, "no answer counts here, so nothing could ever be decided"),
        ({"outcomes": [{"key": "approve", "counts": False}, "reject"]}, "approve gives what is asked for"),
        (
            {
                "outcomes": ["approve", ABSTAIN],
                "rule": [{"approve": 1}, {"abstain": "all"}],
                "otherwise": "abstain",
            },
            "the rule says what abstain needs, and abstain does not count",
        ),
        (
            {"outcomes": ["approve", ABSTAIN], "rule": [{"approve": 1}], "otherwise": "approve"},
            "legal never comes to abstain, which does not count there",
        ),
    ],
)
def test_each_mistake_is_named(changes: Mapping[str, Any], sentence: str) -> None:
    found = problems(**changes)
    assert any(sentence in problem for problem in found), found


# --- deciding ---------------------------------------------------------------------------------------------


@pytest.fixture
def request_(alice: Person, bob: Person, mailbox: Mailbox) -> Request:
    return start(process(), alice, amount="900")


def decide(person: Person, outcome: str, comment: str = "") -> Decision:
    return engine.decide(
        open_for(person).pk, by=person, outcome=outcome, comment=comment, channel=Decision.Channel.PAGE
    )


def test_an_own_outcome_ends_where_it_leads(request_: Request, bob: Person) -> None:
    decide(bob, "changes", "Section 4.")
    request_.refresh_from_db()
    assert (request_.state, request_.result) == ("ended", "changes")
    told = OutgoingMail.objects.get(kind="ended")
    assert "Legal: Needs changes by Bob Manager" in bytes(told.raw).decode().replace("=\n", "")


@pytest.mark.parametrize("comment", ["", "  \n\t", "\u200b", "\u2800", ".", "--"])
def test_without_the_comment_that_it_needs_nothing_is_decided(
    request_: Request, bob: Person, comment: str
) -> None:
    with pytest.raises(engine_errors.CommentNeeded) as refused:
        decide(bob, "changes", comment)
    assert str(refused.value.message) == "“Needs changes” needs a comment that says why."
    assert not Decision.objects.exists()


@pytest.mark.parametrize(("amount", "needed"), [("900", False), ("1001", True)])
def test_whether_it_needs_one_may_hang_on_the_form(
    alice: Person, bob: Person, mailbox: Mailbox, amount: str, needed: bool
) -> None:
    start(process(), alice, amount=amount)
    if not needed:
        assert decide(bob, "reject").outcome == "reject"
        return
    with pytest.raises(engine_errors.CommentNeeded):
        decide(bob, "reject")
    assert decide(bob, "reject", "Too dear.").comment == "Too dear."


def test_what_a_step_does_not_offer_is_no_answer(request_: Request, bob: Person) -> None:
    with pytest.raises(engine_errors.NotAllowed):
        decide(bob, "later", "x")


def test_a_rule_of_own_outcomes_decides(alice: Person, bob: Person, carol: Person, mailbox: Mailbox) -> None:
    rule = [{"reject": "any"}, {"changes": "any"}, {"approve": "all"}]
    request = start(
        process(ask=[{"manager": True}, {"group": "finance"}], rule=rule, otherwise="changes"), alice
    )
    decide(bob, "changes", "Section 4.")
    request.refresh_from_db()
    assert request.state == "open"  # somebody may still reject
    decide(carol, "approve")
    request.refresh_from_db()
    assert request.result == "changes"


def test_whoever_abstains_counts_for_nothing_and_the_step_ends_all_the_same(
    alice: Person, bob: Person, carol: Person, mailbox: Mailbox
) -> None:
    both = {"ask": [{"manager": True}, {"group": "finance"}], "rule": [{"approve": "all"}]}
    definition = process(["approve", ABSTAIN], **both, otherwise="abstain")
    request = start(definition, alice)
    decide(bob, "abstain")
    request.refresh_from_db()
    assert request.state == "open"
    decide(carol, "approve")
    request.refresh_from_db()
    assert request.result == "approve"
    request = start(definition, alice)
    decide(carol, "abstain")
    decide(bob, "abstain")
    request.refresh_from_db()
    assert request.result == "abstain"  # nobody's answer counts: otherwise
    assert rule_in_words(parse_definition(definition).approval("legal")).endswith(
        "“No opinion” does not count: the rule is about the others."
    )


def test_fewer_than_a_rule_needs_are_not_asked(alice: Person, bob: Person, mailbox: Mailbox) -> None:
    rule = [{"approve": 2}, {"changes": "any"}, {"reject": "any"}]
    request = start(process(rule=rule, otherwise="reject"), alice)
    assert request.visits.get().state == "stuck"
    assert not OutgoingMail.objects.filter(kind="ask").exists()
