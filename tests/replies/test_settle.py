"""What the reader of an answer is told of the request, and how an answer that counts becomes a decision."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.models import AskLine, Decision, Request
from placet.approvals.proofs import Level
from placet.approvals.record import Logged
from placet.mail.models import IncomingMail
from placet.mailboxes.models import Mailbox
from placet.replies import refusals, settle
from placet.replies.pick import Picked
from placet.replies.prove import Proof
from placet.replies.read_facts import Field
from placet.replies.read_result import Answer
from tests.making import SAMPLE, make_mailbox, one_step, start

pytestmark = pytest.mark.django_db

CODE = "abcdefghijklmno2"
LOGGED = Logged("decided", "Bob Manager: approved", {}, None)
PROOF = Proof(Level.COLLEAGUE, "bob@contoso.example", "mail", auth_as="Internal", mechanism="04")


@pytest.fixture
def mailbox(db: None) -> Mailbox:
    return make_mailbox()


# --- what is known of the request -------------------------------------------------------------------------------

FILES = [{"id": 1, "name": "offer.pdf", "size": 3, "sha256": "0" * 64}]


@pytest.mark.parametrize(
    ("field", "value", "known"),
    [
        ({"type": "text"}, "Desk", Field("L", ("Desk",))),
        ({"type": "long_text"}, "1,250.00", Field("L", ("1,250.00",))),  # of a text no number is known
        (
            {"type": "money", "currency": "EUR"},
            {"minor": 125_000, "currency": "EUR"},
            Field("L", ("1,250.00 EUR", "1\xa0250,00 EUR"), number=Decimal("1250.00"), currency="EUR"),
        ),
        (
            {"type": "money", "currency": "JPY"},
            {"minor": 125_000, "currency": "JPY"},
            Field("L", ("125,000 JPY", "125\xa0000 JPY"), number=Decimal(125_000), currency="JPY"),
        ),
        ({"type": "number"}, 2.5, Field("L", ("2,5", "2.5"), number=Decimal("2.5"))),
        ({"type": "number"}, 0, Field("L", ("0",), number=Decimal(0))),
        ({"type": "percent"}, 19.5, Field("L", ("19,5\xa0%", "19.5 %"), number=Decimal("19.5"))),
        (
            {"type": "date"},
            "2026-12-01",
            Field("L", ("1 décembre 2026", "2026-12-01"), day=date(2026, 12, 1)),
        ),
        ({"type": "yes_no"}, False, Field("L", ("no", "non"))),
        ({"type": "files"}, FILES, None),  # what a file is called is no value that an answer names
        ({"type": "text"}, None, None),
        ({"type": "money", "currency": "EUR"}, None, None),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) and "type" in value else "",
)
def test_a_field_is_known_as_it_was_shown_and_as_its_reader_reads_it(
    mailbox: Mailbox, alice: Person, bob: Person, field: dict[str, Any], value: Any, known: Field | None
) -> None:
    Person.objects.filter(pk=bob.pk).update(language="fr")
    line = asked_about([{"name": "it", "label": "L", **field}], {"it": value}, alice)
    about = settle.about(line)
    assert list(about.fields) == ([known] if known else [])
    assert about.names == ("Alice Requester", "Bob Manager")


def test_fields_without_a_value_and_files_shift_no_other(mailbox: Mailbox, alice: Person) -> None:
    names = ("first", "files", "none", "last")
    form = [{"name": name, "label": name, "type": "files" if name == "files" else "text"} for name in names]
    line = asked_about(form, {"first": "one", "files": FILES, "none": None, "last": "two"}, alice)
    assert list(settle.about(line).fields) == [Field("first", ("one",)), Field("last", ("two",))]


def asked_about(form: list[dict[str, Any]], data: dict[str, Any], requester: Person) -> AskLine:
    """Bob is asked about a request with these values."""
    plain = [
        {"name": "item", "label": "Item", "type": "text"},
        {"name": "amount", "label": "A", "type": "text"},
    ]
    start(one_step([{"manager": True}], form=[*plain, *form]), requester)
    Request.objects.update(data={"item": None, "amount": None, **data})
    return AskLine.objects.get()


def test_title_number_process_step_and_files_are_known_besides_the_fields(
    mailbox: Mailbox, alice: Person
) -> None:
    form = [{"name": "files", "label": "Quotes", "type": "files"}]
    line = asked_about(form, {"files": FILES}, alice)
    number = str(line.assignment.visit.request.number)
    about = settle.about(line)
    texts = about.texts
    assert texts[:2] == ("Desk", number)
    assert about.of_process == ("One step", "Step")
    assert "Quotes" in texts
    assert any("offer.pdf" in text for text in texts)


# --- who and what is asked --------------------------------------------------------------------------------------


def test_proof_and_outcomes_are_those_of_the_step(mailbox: Mailbox, alice: Person) -> None:
    source = one_step([{"manager": True}], proof="outside")
    source["steps"]["step"] |= {"outcomes": ["approve"], "proof": "page"}
    del source["steps"]["rejected"], source["transitions"][1]
    start(source, alice)
    line = AskLine.objects.get()
    assert (settle.proof_needed(line), settle.step_of(line).outcome_keys) == ("page", ("approve",))


# --- the decision -----------------------------------------------------------------------------------------------


def settled(line: AskLine, outcome: str = "approve", comment: str = "") -> Decision:
    incoming = IncomingMail.objects.create(
        mailbox=Mailbox.objects.get(), server_id="1", fingerprint="1", raw=b"x"
    )
    answer = Answer(outcome, comment, ("yes",), "en")
    return settle.settle(Picked(line, CODE, ("subject",)), answer, PROOF, incoming, LOGGED)


def test_an_answer_becomes_the_decision_of_the_person_asked(
    mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    start(SAMPLE, alice)
    decision = settled(AskLine.objects.get(), "reject", f"Not #{CODE}, nor {CODE.upper()}.")
    assert (decision.by_person, decision.outcome, decision.channel) == (bob, "reject", Decision.Channel.MAIL)
    assert decision.incoming == IncomingMail.objects.get()
    assert CODE not in decision.comment.lower()


def test_what_was_shown_differently_decides_nothing(mailbox: Mailbox, alice: Person) -> None:
    start(SAMPLE, alice)
    AskLine.objects.update(facts_hash="another")
    with pytest.raises(refusals.Changed):
        settled(AskLine.objects.get())
    assert not Decision.objects.exists()


def test_what_came_too_late_names_who_decided_what_and_when(
    mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    start(SAMPLE, alice)
    line = AskLine.objects.get()
    first = engine.decide(line.assignment_id, by=bob, outcome="reject", channel=Decision.Channel.PAGE)
    with pytest.raises(refusals.AlreadyDecided) as refused:
        settled(line)
    who_and_what = {"who": "Bob Manager", "outcome": "reject", "answer": "", "step": "", "until": ""}
    assert refused.value.facts == who_and_what | {"when": first.at.isoformat()}


def test_whoever_may_not_decide_hears_why(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    request = start(SAMPLE, alice)
    Request.objects.filter(pk=request.pk).update(requester=bob)
    with pytest.raises(refusals.MayNotDecide) as refused:
        settled(AskLine.objects.get())
    assert refused.value.facts == {"why": "Nobody decides their own request in this process."}
    assert not Decision.objects.exists()


def test_what_is_no_longer_asked_says_why(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    request = start(SAMPLE, alice)
    line = AskLine.objects.get()
    Person.objects.filter(pk=bob.pk).update(is_active=False)
    with pytest.raises(refusals.NoLongerOpen) as refused:
        settled(line)
    assert str(refused.value.why) == "This account is not active any more."
    IncomingMail.objects.all().delete()
    engine.withdraw(request.pk, by=alice)
    with pytest.raises(refusals.NoLongerOpen) as refused:
        settled(line)
    assert str(refused.value.why) == "The request was withdrawn."
