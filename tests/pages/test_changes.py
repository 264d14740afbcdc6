"""A request that was sent back: what its requester sees, how it is revised on the page, and what others see then."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from pytest_django import DjangoAssertNumQueries

from placet.accounts import delegations
from placet.accounts.delegations import Wanted
from placet.accounts.models import Group, Person
from placet.approvals import engine, evidence
from placet.approvals.models import Assignment, Decision, Request
from placet.approvals.processes import publish
from placet.audit import chain
from tests.approvals.test_changes import side_by_side
from tests.pages.conftest import HOSTILE

pytestmark = pytest.mark.django_db
As = Callable[[Person | None], Client]


@pytest.fixture
def people(alice: Person, bob: Person, carol: Person, dave: Person) -> Mapping[str, Person]:
    for key, person in {"legal": bob, "price": carol, "lead": dave}.items():
        Group.objects.create(key=key, name=key.title()).members.set([person])
    publish(side_by_side())
    return {"alice": alice, "bob": bob, "carol": carol, "dave": dave}


def started(people: Mapping[str, Person], item: str = "Desk") -> Request:
    version = publish(side_by_side())
    return engine.start(version, people["alice"], {"item": item, "amount": "900", "terms": "30 days"})


def open_seat(request: Request, person: Person) -> Assignment:
    return Assignment.objects.get(visit__request=request, person=person, state=Assignment.State.OPEN)


def decide(request: Request, person: Person, outcome: str = "approve", comment: str = "") -> None:
    engine.decide(
        open_seat(request, person).pk,
        by=person,
        outcome=outcome,
        comment=comment,
        channel=Decision.Channel.PAGE,
    )


def sent_back(people: Mapping[str, Person], item: str = "Desk", comment: str = "Too dear.") -> Request:
    request = started(people, item)
    decide(request, people["bob"])
    decide(request, people["carol"])
    decide(request, people["dave"], "changes", comment)
    return request


def page_of(request: Request) -> str:
    return reverse("portal:request", args=[request.public_id])


def form_of(request: Request, seat: Assignment) -> str:
    return reverse("portal:fill_in", args=[request.public_id, seat.pk])


def shown(page: str) -> str:
    [found] = set(re.findall(r'name="shown" value="([0-9a-f]+)"', page))
    return str(found)


def text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_requester_sees_who_sent_it_back_and_why(people: Mapping[str, Person], as_: As) -> None:
    request = sent_back(people, comment=f"Too dear. {HOSTILE}")
    seat = open_seat(request, people["alice"])
    for address in (reverse("portal:home"), page_of(request), form_of(request, seat)):
        page = as_(people["alice"]).get(address).content.decode()
        assert "Dave Stranger sent it back" in text(page)
        assert HOSTILE not in page
        assert escape(HOSTILE) in page
    assert "Sent back to you" in as_(people["alice"]).get(page_of(request)).content.decode()


def test_the_form_stands_as_it_was_entered_and_is_sent_again(people: Mapping[str, Person], as_: As) -> None:
    request = sent_back(people)
    seat = open_seat(request, people["alice"])
    browser = as_(people["alice"])
    page = browser.get(form_of(request, seat)).content.decode()
    for name, value in (("item", "Desk"), ("amount", "900.00"), ("terms", "30 days")):
        assert re.search(rf'name="f-{name}"[^>]*value="{value}"|value="{value}"[^>]*name="f-{name}"', page), (
            name
        )
    assert 'name="f-later"' not in page
    assert "Send again" in page
    sent = {
        "assignment": seat.pk, "shown": shown(page), "outcome": "revised", "comment": "They gave way.",
        "f-item": "Desk", "f-amount": "800", "f-terms": "30 days",
    }  # fmt: skip
    told = browser.post(form_of(request, seat), sent, follow=True).content.decode()
    assert "You sent this request again." in told
    request.refresh_from_db()
    assert (request.revision, request.data["amount"]["minor"]) == (2, 80000)
    assert "Bob Manager approved (revision 1); that still holds" in text(told)
    assert "Alice Requester revised the request" in text(told)
    assert "900.00 EUR → 800.00 EUR" in text(told)
    assert [*chain.verify(), *evidence.compare()] == []


def test_fields_that_are_not_of_the_form_are_not_revised(people: Mapping[str, Person], as_: As) -> None:
    request = sent_back(people)
    seat = open_seat(request, people["alice"])
    browser = as_(people["alice"])
    page = browser.get(form_of(request, seat)).content.decode()
    sent: dict[str, Any] = {
        "assignment": seat.pk, "shown": shown(page), "outcome": "revised", "comment": "",
        "f-item": "Desk", "f-amount": "900", "f-terms": "30 days", "f-double": "1", "f-later": "x",
    }  # fmt: skip
    browser.post(form_of(request, seat), sent)
    request.refresh_from_db()
    assert (request.revision, request.data["later"]) == (1, None)
    assert request.data["double"]["minor"] == 180000


def test_nobody_else_finds_the_form(people: Mapping[str, Person], as_: As) -> None:
    request = sent_back(people)
    seat = open_seat(request, people["alice"])
    for name in ("bob", "dave"):
        assert as_(people[name]).get(form_of(request, seat)).status_code == 404


def test_home_needs_as_many_queries_for_twenty_that_were_sent_back_as_for_one(
    people: Mapping[str, Person], as_: As, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    browser = as_(people["alice"])
    sent_back(people)
    with django_assert_num_queries(15):
        browser.get(reverse("portal:home"))
    for number in range(19):
        sent_back(people, f"Desk {number}")
    with django_assert_num_queries(15):
        page = browser.get(reverse("portal:home")).content.decode()
    assert text(page).count("Dave Stranger sent it back") == 20


def test_who_answered_in_somebodys_place_is_named_with_whom(people: Mapping[str, Person], as_: As) -> None:
    delegations.make(people["carol"], Wanted(people["dave"], timezone.now()), people["carol"])
    request = started(people)
    engine.decide(
        open_seat(request, people["carol"]).pk, by=people["dave"], outcome="changes", comment="Too dear.",
        channel=Decision.Channel.PAGE,
    )  # fmt: skip
    for address in (page_of(request), reverse("portal:home")):
        page = as_(people["alice"]).get(address).content.decode()
        assert "<bdi>Dave Stranger for Carol Finance</bdi></strong> sent it back" in page
