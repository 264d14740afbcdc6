"""Asking the requester something on the page, and answering there."""

import html

import pytest
from django.test import Client
from django.urls import reverse

from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.engine_clarifications import Written
from placet.approvals.models import Assignment, Clarification, Decision, Request
from placet.approvals.processes import publish
from placet.mailboxes.models import Mailbox
from tests.making import make_mailbox, one_step
from tests.pages.test_portal import As

pytestmark = pytest.mark.django_db

HOSTILE = "</textarea><script>alert(1)</script> Approve?"


@pytest.fixture
def mailbox(db: None) -> Mailbox:
    return make_mailbox()


@pytest.fixture
def asked(mailbox: Mailbox, alice: Person, bob: Person, carol: Person) -> Request:
    people = [{"person": bob.email}, {"person": carol.email}]
    process = one_step(people, rule="all")
    process["steps"]["step"] |= {"due": "3 working days"}
    return engine.start(publish(process), alice, {"item": "Desk", "amount": "900"})


def seat(request: Request, person: Person) -> Assignment:
    return Assignment.objects.get(visit__request=request, person=person)


def page(browser: Client, request: Request) -> str:
    return html.unescape(browser.get(reverse("portal:request", args=[request.public_id])).content.decode())


def send(browser: Client, name: str, request: Request, which: int, text: str) -> tuple[int, str]:
    answer = browser.post(
        reverse(f"portal:{name}", args=[request.public_id]), {"which": which, "text": text}, follow=True
    )
    return answer.status_code, answer.content.decode()


def test_a_question_is_asked_and_answered_on_the_page(
    asked: Request, alice: Person, bob: Person, carol: Person, as_: As
) -> None:
    browser = as_(bob)
    assert "Ask a question" in page(browser, asked)
    status, shown = send(browser, "ask_back", asked, seat(asked, bob).pk, "Is it in the budget?")
    assert status == 200
    assert "You can decide without the answer, too." in shown
    assert "Your question waits for the answer of" in shown
    assert "the time stands still until a question is answered" in shown
    assert "Ask a question" not in shown
    # Carol sees it, and may ask as well.
    assert "Is it in the budget?" in page(as_(carol), asked)
    assert "Ask a question" in page(as_(carol), asked)
    # Alice is asked first of all.
    browser = as_(alice)
    home = browser.get(reverse("portal:home")).content.decode()
    assert "waits for your answer" in home
    assert "Nothing waits for you." not in home
    assert "Is it in the budget?" in home
    clarification = Clarification.objects.get()
    status, shown = send(browser, "clarify", asked, clarification.pk, "Yes,\nin that of 2026.")
    assert status == 200
    assert "Your answer was sent to everybody who is asked." in shown
    assert "in that of 2026." in page(as_(carol), asked)
    assert "Nothing waits for you." in browser.get(reverse("portal:home")).content.decode()


def test_what_was_typed_stays_where_it_is_not_taken(
    asked: Request, alice: Person, bob: Person, as_: As
) -> None:
    browser = as_(bob)
    status, shown = send(browser, "ask_back", asked, seat(asked, bob).pk, "?!")
    assert status == 422
    assert "Please write what you want to ask. Nothing was sent." in shown
    assert ">\n?!</textarea>" in shown
    status, shown = send(browser, "ask_back", asked, seat(asked, bob).pk, "long " * 5_000)
    assert status == 422
    assert "At most 20000 characters" in shown
    assert not Clarification.objects.exists()
    clarification = engine.ask_back(seat(asked, bob).pk, bob, Written("Why?"))
    status, shown = send(as_(alice), "clarify", asked, clarification.pk, "")
    assert status == 422
    assert "Please write something first." in shown


@pytest.mark.parametrize("text", [HOSTILE, "[#abcdefghijklmnop] <b>", "‮evil"])
def test_what_others_wrote_is_text(
    asked: Request, alice: Person, bob: Person, carol: Person, as_: As, text: str
) -> None:
    clarification = engine.ask_back(seat(asked, bob).pk, bob, Written(text))
    for person in (alice, bob, carol):
        for address in (reverse("portal:home"), reverse("portal:request", args=[asked.public_id])):
            shown = as_(person).get(address).content.decode()
            assert "<script>alert" not in shown
            assert "\u202e" not in shown
    engine.clarify(clarification.pk, alice, Written(text))
    assert (
        "<script>alert"
        not in as_(carol).get(reverse("portal:request", args=[asked.public_id])).content.decode()
    )


def test_nobody_asks_or_answers_in_anothers_place(
    asked: Request, alice: Person, bob: Person, carol: Person, dave: Person, as_: As
) -> None:
    assert send(as_(carol), "ask_back", asked, seat(asked, bob).pk, "Why?")[0] == 404
    assert send(as_(dave), "ask_back", asked, seat(asked, bob).pk, "Why?")[0] == 404
    clarification = engine.ask_back(seat(asked, bob).pk, bob, Written("Why?"))
    for person in (bob, carol, dave):
        assert send(as_(person), "clarify", asked, clarification.pk, "Because.")[0] == 404
    assert Clarification.objects.get().state == "open"


def test_a_question_of_another_request_is_not_answered_here(
    asked: Request, alice: Person, bob: Person, as_: As
) -> None:
    other = engine.start(asked.version, alice, {"item": "Chair", "amount": "90"})
    clarification = engine.ask_back(seat(other, bob).pk, bob, Written("Why?"))
    assert send(as_(alice), "clarify", asked, clarification.pk, "Because.")[0] == 404
    assert Clarification.objects.get().state == "open"


def test_a_get_asks_and_answers_nothing(asked: Request, alice: Person, bob: Person, as_: As) -> None:
    address = reverse("portal:ask_back", args=[asked.public_id])
    assert as_(bob).get(address, {"which": str(seat(asked, bob).pk), "text": "Why?"}).status_code == 302
    clarification = engine.ask_back(seat(asked, bob).pk, bob, Written("Why?"))
    address = reverse("portal:clarify", args=[asked.public_id])
    assert as_(alice).get(address, {"which": str(clarification.pk), "text": "Because."}).status_code == 302
    assert Clarification.objects.get().state == "open"


def test_an_answer_that_comes_too_late_is_told_so(
    asked: Request, alice: Person, bob: Person, as_: As
) -> None:
    clarification = engine.ask_back(seat(asked, bob).pk, bob, Written("Why?"))
    engine.decide(seat(asked, bob).pk, by=bob, outcome="reject", channel=Decision.Channel.PAGE)
    status, shown = send(as_(alice), "clarify", asked, clarification.pk, "Because.")
    assert status == 200
    assert "This question needs no answer any more. Nothing was sent." in shown
    assert "No answer was needed any more." in shown


def test_the_open_page_of_the_requester_hears_of_a_question(
    asked: Request, alice: Person, bob: Person, as_: As
) -> None:
    browser, address = as_(alice), reverse("portal:home")
    version = browser.get(address).context["version"]
    assert browser.get(address, {"seen": version}).status_code == 204
    clarification = engine.ask_back(seat(asked, bob).pk, bob, Written("Why?"))
    parts = browser.get(address, {"seen": version}).content.decode()
    assert f"q{clarification.pk}" in parts
    parts = browser.get(reverse("portal:request", args=[asked.public_id]), {"seen": "0"}).content.decode()
    assert "waits for your answer" in parts


def test_the_requester_who_is_asked_asks_nobody(mailbox: Mailbox, alice: Person, as_: As) -> None:
    process = one_step([{"person": alice.email}])
    process["requester_may_decide"] = True
    request = engine.start(publish(process), alice, {"item": "Desk", "amount": "900"})
    assert "Ask a question" not in page(as_(alice), request)
