"""What a process writes into the mails of its steps: how they begin, for whom, and what it never becomes."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import lxml.html
import pytest
from django.utils import translation

from placet.accounts.addresses import add_person
from placet.accounts.models import Person
from placet.approvals import engine, engine_asks
from placet.approvals.definitions import definition_of
from placet.approvals.form import facts_hash
from placet.approvals.models import Assignment, Request
from placet.approvals.processes import DefinitionInvalid, parse_definition, publish
from placet.approvals.questions import asked_in
from placet.approvals.step_mail_words import subject_as_read, text_as_read
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.replies.parse.subjects import own_subject
from placet.replies.read import read_text
from tests.making import FORM, one_step

pytestmark = pytest.mark.django_db

BOB = [{"person": "bob@contoso.example"}]
FIELDS = [
    *FORM,
    {"name": "why", "label": "Why?", "type": "long_text"},
    {"name": "day", "label": "Day", "type": "date"},
]
SUBJECT = {"en": "Spending above the budget: {item}", "fr": "Dépense hors budget : {item}"}
TEXT = {
    "en": "Please look at the quotes first.\nThe day is {day}.\n\nAbove 1000 we need two of them.",
    "fr": "Regardez d’abord les devis.",
}
MAIL = {"subject": SUBJECT, "text": TEXT}
DESK = {"item": "Desk", "amount": "900", "why": "It broke", "day": "2026-12-31"}


@pytest.fixture
def bob(mailbox: Mailbox) -> Person:
    return add_person("Bob Boss", "bob@contoso.example")


@pytest.fixture
def alice(mailbox: Mailbox) -> Person:
    return add_person("Alice Requester", "alice@contoso.example")


def process(mail: Any = MAIL, **more: Any) -> dict[str, Any]:
    """One approval of Bob's, with this mail."""
    written = one_step(BOB, form=FIELDS)
    written["steps"]["step"] |= more | ({"mail": mail} if mail is not None else {})
    return written


def asked(alice: Person, written: dict[str, Any], **values: str) -> Request:
    return engine.start(publish(written), alice, DESK | values)


def newest() -> EmailMessage:
    mail = OutgoingMail.objects.order_by("-pk")[0]
    return message_from_bytes(bytes(mail.raw), policy=default)


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def problems(written: dict[str, Any]) -> list[str]:
    try:
        parse_definition(written)
    except DefinitionInvalid as error:
        return error.problems
    return []


# --- how it reads -------------------------------------------------------------------------------------------------


def test_the_mail_begins_with_what_the_process_says_and_the_rest_stays_ours(
    bob: Person, alice: Person
) -> None:
    asked(alice, process())
    mail, text = newest(), text_of(newest())
    subject, _blank, code = mail["Subject"].rpartition(" ")
    assert subject == "Spending above the budget: Desk"
    assert code.startswith("[#") and code[2:-1] in mail["Reply-To"]
    assert "\n    | Please look at the quotes first.\n    | The day is 31 Dec" in text
    assert "\n    |\n    | Above 1000 we need two of them.\n" in text
    before, _words, behind = text.partition("    | Please look")
    assert "Alice Requester asks for your decision" in before
    assert "Amount: " in behind and "“approve” or “reject”" in behind
    page = lxml.html.document_fromstring(text_of(mail, "html"))
    assert page.cssselect("h1")[0].text_content() == "Spending above the budget: Desk"
    lines = [one.text_content() for one in page.cssselect(".text > div")]
    assert lines[0] == "Please look at the quotes first."
    assert lines[2:] == ["\u00a0", "Above 1000 we need two of them."]


def test_it_is_read_in_the_language_of_its_reader_and_english_where_there_is_none(
    bob: Person, alice: Person
) -> None:
    definition = parse_definition(process({"subject": SUBJECT, "text": {"en": "Look", "de": "Schau"}}))
    mail = definition.approval(definition.start).mail
    with translation.override("fr"):
        assert subject_as_read(definition, mail, {"item": "Desk"}) == "Dépense hors budget : Desk"
        assert text_as_read(definition, mail, {}) == ["Look"]
    bob.language = "fr"
    bob.save()
    asked(alice, process())
    assert newest()["Subject"].startswith("Dépense hors budget : Desk [#")
    assert "    | Regardez d’abord les devis." in text_of(newest())


def test_a_mail_that_asks_again_says_so_before_the_subject_of_the_process(bob: Person, alice: Person) -> None:
    request = asked(alice, process(due="2 days", remind=["1 day before"]))
    seat = Assignment.objects.get(visit__request=request)
    engine_asks.ask(request, definition_of(request.version), seat, again=True, reminder=True, at_once=True)
    assert newest()["Subject"].startswith("Reminder: Spending above the budget: Desk [#")
    assert "    | Please look at the quotes first." in text_of(newest())
    engine_asks.ask(request, definition_of(request.version), seat, again=True, since=1)
    assert newest()["Subject"].startswith("Changed: Spending above the budget: Desk [#")


def test_a_notice_is_called_and_says_what_the_process_says(bob: Person, alice: Person) -> None:
    written = process(None)
    key = written["start"]
    written["steps"]["told"] = {
        "kind": "notice",
        "name": "Told",
        "to": BOB,
        "subject": {"en": "Ordered: {item}"},
        "text": {"en": "It comes on {day}.", "fr": "Ça vient."},
    }
    written["start"] = "told"
    written["transitions"].append({"from": "told", "outcome": "sent", "to": key})
    asked(alice, written)
    told = OutgoingMail.objects.get(kind="notice")
    assert told.subject == "Ordered: Desk"
    assert "It comes on 31 Dec" in text_of(message_from_bytes(bytes(told.raw), policy=default))


def test_an_answer_counts_for_the_facts_whatever_the_mail_says(bob: Person, alice: Person) -> None:
    """The text is the version's, which never changes; all that is filled in is a fact."""
    with_text, without = asked(alice, process()), asked(alice, process(None))
    hashes = [facts_hash(one, definition_of(one.version), "step") for one in (with_text, without)]
    assert hashes[0] == hashes[1]
    with_text.data = with_text.data | {"day": "2027-01-01"}
    assert facts_hash(with_text, definition_of(with_text.version), "step") != hashes[0]


# --- what it can never become -------------------------------------------------------------------------------------

NASTY = [
    "Desk\r\nBcc: mallory@evil.example",
    "Desk\nSubject: Approved",
    "<b onclick=x>Desk</b>",
    "Desk\u202eevorppa",
    "De\u200bsk\u2066x\u2069",
    "Desk [#k7q2mfx3wz5ta4ub]",
    "{amount} {why}",
    "www.evil.example",
]


@pytest.mark.parametrize("nasty", NASTY)
def test_what_requesters_enter_stays_text_of_one_line(nasty: str, bob: Person, alice: Person) -> None:
    written = process({"subject": "Spending: {why}", "text": "See: {why}\nAnd more."})
    definition = parse_definition(written)
    mail = definition.approval(definition.start).mail
    data = {"item": "Desk", "why": nasty}
    subject, lines = subject_as_read(definition, mail, data), text_as_read(definition, mail, data)
    assert subject.isprintable() and subject.startswith("Spending: ")
    assert len(lines) == 2 and lines[0].startswith("See: ") and lines[0].isprintable()
    request = asked(alice, written)
    request.data = request.data | {"why": nasty}
    seat = Assignment.objects.get(visit__request=request)
    engine_asks.ask(request, definition_of(request.version), seat, again=True)
    sent = newest()
    assert {"Bcc", "onclick"}.isdisjoint(sent.keys())
    assert (
        len(sent.get_all("Subject", [])) == 1
        and sent["Subject"].count("[#") - sent["Subject"].count("[# ") == 1
    )
    page = lxml.html.document_fromstring(text_of(sent, "html"))
    assert not page.cssselect("b") and "evil.example" not in {*page.xpath("//a/@href")}
    line = page.cssselect(".text > div")[0].text_content()
    assert line.replace("\u200b", "") == lines[0]


@pytest.mark.parametrize(
    ("mail", "expected"),
    [
        ({}, "say how the mail begins"),
        ({"subject": "Spending: {ghost}"}, "mail.subject: there is no field ghost"),
        ({"text": {"en": "It is {item}", "fr": "C’est {ghost}"}}, "mail.text.fr: there is no field ghost"),
        ({"text": "It is {why}"}, "mail.text: why stands in it, and form hides it"),
        ({"text": "It is {Why}"}, "mail.text: braces stand around the name of a field"),
        ({"subject": "x" * 151}, "mail.subject: String should have at most 150 characters"),
        ({"text": {"de": "x" * 2001}}, "mail.text.de: String should have at most 2000 characters"),
        ({"subject": "One\nTwo"}, "mail.subject: a subject is one line"),
        ({"subject": "One\u202etwo"}, "mail.subject: line 1 holds something that cannot be seen"),
        ({"text": "One\ntw\u200bo"}, "mail.text: line 2 holds something that cannot be seen"),
        ({"subject": "…"}, "mail.subject: there is nothing to read in it"),
        ({"subject": "{item} is to be bought"}, "mail.subject: begin with words of your own"),
        ({"subject": "Approve: {item}"}, "mail.subject: “Approve” could be an answer"),
        ({"subject": "Re: {item}"}, "mail.subject: it begins as the subject of a reply does"),
        (
            {"subject": "Automatic reply: {item}"},
            "mail.subject: it begins as that of an automatic reply does",
        ),
        ({"text": "Please look.\nApprove"}, "mail.text: “Approve” could be an answer"),
        ({"text": "I approve"}, "mail.text: “I approve” could be an answer"),
        ({"text": "Look.\n> at it"}, "mail.text: “> at it” looks like where a mail program begins to quote"),
        ({"text": "On Tue, Nov 24, 2026 at 10:00 AM Bob <bob@contoso.example> wrote:\nx"}, "begins to quote"),
        ({"text": "[2] approve"}, "mail.text: “[2] approve” could be an answer"),
        ({"text": {"de": "Ich genehmige das."}}, "mail.text.de: “Ich genehmige das.” could be an answer"),
        ({"text": "Q1: yes"}, "mail.text: “Q1: yes” looks like the answer to a question"),
        ({"text": "Account: 4711"}, "mail.text: “Account: 4711” looks like the answer to a question"),
        ({"text": "Account {item}"}, "mail.text: “Account {item}” looks like the answer to a question"),
    ],
)
def test_what_cannot_stand_in_a_mail_is_a_problem_of_the_draft(
    mail: dict[str, Any], expected: str, bob: Person
) -> None:
    account = [{"name": "account", "label": "Account", "type": "text"}]
    found = problems(process(mail, form={"hide": ["why"]}, questions=account))
    assert [one for one in found if expected in one], found
    if mail:
        assert len(found) == 1, found


@pytest.mark.parametrize(
    "text",
    [
        "Please approve or reject this by Friday.",
        "Please look at the quotes first. Thank you!",
        "Who approved the budget: {item}",
        "Merci de vérifier : {item}",
        "👩\u200d💻 {item}",
    ],
)
def test_a_sentence_about_what_is_asked_for_is_no_problem(text: str, bob: Person) -> None:
    assert problems(process({"subject": "Spending: {item}", "text": text})) == []


def test_a_revision_takes_no_text_and_a_task_does(bob: Person) -> None:
    written = process(None)
    written["steps"]["task"] = {"kind": "task", "name": "Do it", "ask": BOB, "mail": {"text": "Order it."}}
    written["steps"]["again"] = {"kind": "revise", "name": "Again", "mail": {"text": "Mend it."}}
    found = problems(written)
    assert [one for one in found if "a revise step takes no mail" in one]
    assert not [one for one in found if "steps.task.task.mail" in one]


def test_no_beginning_of_a_subject_answers_a_mail_without_text(bob: Person) -> None:
    """Some mail programs shorten the subject of what they answer."""
    definition = parse_definition(process())
    step = definition.approval(definition.start)
    whole = subject_as_read(definition, step.mail, {"item": "Approved"})
    for length in range(1, len(whole) + 1):
        left = own_subject(f"Re: {whole[:length]}", [f"{whole} [#k7q2mfx3wz5ta4ub]"])
        assert read_text(left, step.outcome_keys).outcome is None
    assert asked_in(definition, definition.start) == ()
