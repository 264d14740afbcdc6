"""Questions beside the outcome, answered in a reply, in each way that people write and are wrong, and on the page."""

import json
from typing import Any

import lxml.html
import pytest
from django.test import Client
from django.urls import reverse

from placet.approvals.definitions import definition_of
from placet.approvals.form import facts_hash
from placet.approvals.models import Assignment, Decision
from placet.approvals.processes import publish
from placet.mail.models import IncomingMail
from placet.sandbox.server import Mail
from tests.journeys.conftest import World
from tests.journeys.test_mails_we_send import click, mailto_links
from tests.journeys.test_own_outcomes import answered, contract

pytestmark = pytest.mark.django_db
BOTH_WAYS = True

QUESTIONS: list[dict[str, Any]] = [
    {"name": "budget", "label": "Budget", "type": "number"},
    {
        "name": "colour",
        "label": "Which colour?",
        "type": "choice",
        "options": [
            {"key": "r", "label": {"en": "Red", "de": "Rot"}},
            {"key": "b", "label": {"en": "Dark blue"}},
        ],
    },
    {"name": "day", "label": "Delivery day", "type": "date"},
]
OUTCOMES = [{"key": "approve", "questions": ["budget", "colour"]}, "reject"]


def asking(**step: Any) -> dict[str, Any]:
    return contract(**{"outcomes": OUTCOMES, "questions": QUESTIONS, **step})


def words(mail: Mail) -> str:
    return " ".join(mail.text.split())


def test_three_questions_are_asked_answered_and_confirmed(world: World) -> None:
    publish(asking())
    _request, asked = world.asked()
    shown = words(asked)
    assert "Q1 Budget A number. Needed with “approve”." in shown
    assert "Q2 Which colour? One of: Red, Dark blue. Needed with “approve”." in shown
    assert "Q3 Delivery day A date, such as 2026-12-31. Optional." in shown
    assert "Q2 Which colour?" in lxml.html.document_fromstring(asked.html).text_content()

    lines = 'Q1: [4711]\nWhich colour: "dark blue"\nQ3 Delivery day: 31.12.2026'
    text = f"Approved.\n\n{lines}\n\nPlease hurry.\n\nBest\nBob"
    confirmation = answered(world, asked, text)
    [decision] = Decision.objects.all()
    assert (decision.outcome, decision.comment) == ("approve", "Please hurry.")
    assert decision.answers == {"budget": 4711, "colour": "b", "day": "2026-12-31"}
    told = words(confirmation)
    assert "Q1 Budget: 4711 Q2 Which colour?: Dark blue Q3 Delivery day: 31 December 2026" in told
    assert "With this comment: > Please hurry." in told


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Approved\n\nQ1: [many]\nQ2: [red]", "“Q1 Budget”: Please write a number, such as 1250.00."),
        ("Approved\n\nQ1: [1.250]\nQ2: [red]", "“Q1 Budget”: “1.250” can be read as two numbers."),
        (
            "Approved\n\nQ1: 12\nQ2: green",
            "“Q2 Which colour?”: Please choose one of the answers that are offered.",
        ),
        ("Approved\n\nQ1: 12", "“Q2 Which colour?”: This needs an answer."),
        ("Approved\n\nQ1: 12\nQ2: []", "“Q2 Which colour?”: This needs an answer."),
        ("Approved\n\nQ1: 12\nQ2: red\nQ3: 3/4/2027", "“3/4/2027” can be read as two days."),
        ("Approved\n\nQ1: 12\nQ2: red\nQ3: soon", "“Q3 Delivery day”: Please write a date as 2026-12-31."),
    ],
)
def test_an_answer_that_cannot_be_taken_is_asked_for_again(world: World, text: str, problem: str) -> None:
    publish(asking())
    _request, asked = world.asked()
    told = answered(world, asked, text)
    assert world.results() == ["answers_not_taken"]
    assert not Decision.objects.exists()
    assert problem in words(told)
    if "Q1: 12" in text:
        assert "This was understood: “Q1 Budget”: 12" in words(told)
    assert words(told).count("Please answer again") == 1, "one way to answer, and no other beside it"
    answered(world, told, "Approved\nQ1: [12]\nQ2: [Rot]")
    [decision] = Decision.objects.all()
    assert decision.answers == {"budget": 12, "colour": "r"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Approved\nQ1: 12\nQ1: 13\nQ2: red", "Q1 is answered in two ways."),
        ("Approved\nQ1: 12\nBudget: 13\nQ2: red", "Q1 is answered in two ways."),
        ("Approved\nQ1: [12\nQ2: red", "The sign “]” that ends the answer to Q1 is missing."),
        ("Approved\nQ1 12\nQ2: red", "A line begins with Q1, and is no answer to it"),
        ("Approved\nQ1: 12\nQ2: red\nQ4: 7", "There is no question Q4 here."),
        ("Q1: 12\nQ2: red", "It answers questions, but gives no answer to the request itself."),
        ("Approved\nQ1:\n12\nQ2: red", "It is not clear where the answer to Q1 ends"),
        ("Approved\nQ2: red\n\nBest regards\nBob\nBudget: 12", "“Budget: 12” stands below the closing"),
        ("Approved if legal agrees\nQ1: 12\nQ2: red", "leaves the answer open"),
    ],
)
def test_what_may_mean_two_things_is_unclear(world: World, text: str, why: str) -> None:
    publish(asking())
    _request, asked = world.asked()
    told = answered(world, asked, text)
    assert world.results() == ["unclear"]
    assert not Decision.objects.exists()
    assert why in words(told)


def test_what_is_answered_decides_nothing(world: World) -> None:
    publish(
        asking(
            questions=[{"name": "agreed", "label": "Does legal agree", "type": "yes_no"}],
            outcomes=["approve", "reject"],
        )
    )
    _request, asked = world.asked()
    answered(world, asked, "Approved\n\nQ1: no")
    [decision] = Decision.objects.all()
    assert (decision.outcome, decision.answers, decision.comment) == ("approve", {"agreed": False}, "")


def test_a_rejection_needs_no_answers(world: World) -> None:
    publish(asking())
    _request, asked = world.asked()
    answered(world, asked, "Rejected. Too dear.")
    [decision] = Decision.objects.all()
    assert (decision.outcome, decision.answers, decision.comment) == ("reject", {}, "Too dear.")


def test_a_link_prepares_the_lines_and_an_empty_one_is_asked_for_again(world: World) -> None:
    publish(asking())
    _request, asked = world.asked()
    link = mailto_links(asked)[0]
    click(world, link)
    world.run_until_quiet()
    assert world.results() == ["answers_not_taken"]
    again = mailto_links(world.newest("bob", "Not applied"))[0].replace(
        "Q1%20Budget%3A%20", "Q1%20Budget%3A%2012"
    )
    click(world, again.replace("Q2%20Which%20colour%3A%20", "Q2%20Which%20colour%3A%20Red"))
    world.run_until_quiet()
    [decision] = Decision.objects.all()
    assert decision.answers == {"budget": 12, "colour": "r"}


@pytest.mark.parametrize(
    ("text", "outcome", "answers"),
    [
        ("Q1: [Yes]", "reject", None),
        ("Q1: (Yes)\nQ2: (4711)", "approve", {"budget": 4711}),
        ("Hello,\n\nQ1: (approve)\nQ2: (47\n11)\n", "approve", {"budget": 4711}),
        ("Q1: No", "reject", {}),
    ],
)
def test_an_outcome_may_be_the_first_question(
    world: World, text: str, outcome: str, answers: dict[str, Any] | None
) -> None:
    """As the mails of WorkflowGen ask, with the signs that the process chooses."""
    budget = {"outcomes": [{"key": "approve", "questions": ["budget"]}, "reject"], "questions": QUESTIONS[:1]}
    publish({**asking(outcome_question=True, **budget), "answer_brackets": "()"})
    _request, asked = world.asked()
    assert "Q1 Your answer One of: Approve, Reject." in words(asked)
    answered(world, asked, text)
    if answers is None:
        assert not Decision.objects.exists()
        return
    [decision] = Decision.objects.all()
    assert (decision.outcome, decision.answers) == (outcome, answers)


@pytest.mark.parametrize(
    ("text", "answers"),
    [("yes 4711", 4711), ("Approved: 4711.", 4711), ("Genehmigt, 4711", 4711), ("Approved up to 4711", None)],
)
def test_a_single_number_may_stand_behind_the_outcome(world: World, text: str, answers: int | None) -> None:
    publish(asking(questions=QUESTIONS[:1], outcomes=["approve", "reject"]))
    _request, asked = world.asked()
    answered(world, asked, text)
    assert [one.answers for one in Decision.objects.all()] == (
        [] if answers is None else [{"budget": answers}]
    )


def test_the_page_asks_shows_what_is_wrong_and_shows_what_was_answered(world: World, client: Client) -> None:
    publish(asking())
    request, _asked = world.asked()
    client.force_login(world.people["bob"])
    asked = Assignment.objects.get(visit__request=request)
    home = client.get(reverse("portal:home")).content.decode()
    assert "Answer its questions" in home
    shown = facts_hash(request, definition_of(request.version), "legal")
    several = {"pick": f"{asked.pk}:{shown}", "outcome": "approve"}
    assert "asks questions, too" in client.post(reverse("portal:decide_several"), several).content.decode()
    url = reverse("portal:request", args=[request.public_id])
    page = lxml.html.document_fromstring(client.get(url).content)
    assert page.xpath("//input[@type='date']/@name") == [f"q-{asked.pk}-day"]
    assert page.xpath(f"//input[@name='q-{asked.pk}-colour']/@value") == ["r", "b", ""]

    typed = {f"q-{asked.pk}-budget": "many", f"q-{asked.pk}-colour": "b", f"q-{asked.pk}-day": "2026-12-31"}
    sent = {"assignment": asked.pk, "shown": shown, "outcome": "approve", "comment": "Fine.", **typed}
    answer = client.post(reverse("portal:decide", args=[request.public_id]), sent)
    assert answer.status_code == 422
    wrong = lxml.html.document_fromstring(answer.content)
    [error] = wrong.xpath(f"//*[@id='id_q-{asked.pk}-budget_error']")
    assert "Please write a number" in error.text_content()
    assert wrong.xpath(f"//input[@name='q-{asked.pk}-colour'][@checked]/@value") == ["b"]
    assert not Decision.objects.exists()

    client.post(reverse("portal:decide", args=[request.public_id]), {**sent, f"q-{asked.pk}-budget": "1,250"})
    [decision] = Decision.objects.all()
    assert decision.answers == {"budget": 1250, "colour": "b", "day": "2026-12-31"}
    for where in (url, reverse("portal:decided")):
        text = " ".join(lxml.html.document_fromstring(client.get(where).content).text_content().split())
        assert "Q2 Which colour?" in text and "Dark blue" in text


def test_the_mail_log_says_what_was_read(world: World, client: Client) -> None:
    publish(asking())
    _request, asked = world.asked()
    answered(world, asked, "Approved\nQ1: 12\nQ2: red")
    incoming = IncomingMail.objects.get()
    assert incoming.verdict["answers"] == {"budget": "12", "colour": "red"}
    client.force_login(world.people["ada"])
    page = client.get(reverse("panel:incoming_mail", args=[incoming.pk])).content.decode()
    assert "Q2 Which colour" in page and ">red<" in page
    assert "Q1 Budget: 12" in page and "budget: 12" not in page
    assert json.dumps(incoming.verdict)
