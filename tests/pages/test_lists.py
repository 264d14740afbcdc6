"""My requests, what I decided, search; and pages that renew themselves."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from placet.accounts.addresses import add_person
from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.models import Assignment, Decision, Request, Version, Visit
from placet.approvals.processes import publish
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.portal import waiting
from tests.making import analysed
from tests.pages.conftest import HOSTILE

As = Callable[[Person | None], Client]


def decide(person: Person, outcome: str = "approve", comment: str = "") -> None:
    asked = Assignment.objects.filter(person=person, state=Assignment.State.OPEN).order_by("pk")[0]
    engine.decide(asked.pk, by=person, outcome=outcome, comment=comment, channel=Decision.Channel.PAGE)


def text(browser: Client, name: str, **query: str) -> str:
    return browser.get(reverse(f"portal:{name}"), query).content.decode()


# --- my requests ------------------------------------------------------------------------------------------


def test_my_requests_are_filtered_and_searched(version: Version, alice: Person, bob: Person, as_: As) -> None:
    for item in ("A chair", "A desk", "A lamp"):
        engine.start(version, alice, {"item": item, "amount": "10"})
    decide(bob)
    engine.withdraw(Request.objects.get(title="A desk").pk, alice)
    browser = as_(alice)
    assert "A chair" in text(browser, "mine", state="ended")
    assert "A lamp" not in text(browser, "mine", state="ended")
    assert "A desk" in text(browser, "mine", state="withdrawn")
    assert "Manager: waiting for Bob Manager" in text(browser, "mine", state="open")
    assert "A desk" not in text(browser, "mine", q="lamp")
    assert "None of your requests is like that." in text(browser, "mine", q="lamp", state="ended")
    assert "A chair" in text(browser, "mine", state="nonsense")


def test_what_i_decided_is_listed_with_my_comment_and_what_became_of_it(
    version: Version, alice: Person, bob: Person, carol: Person, as_: As
) -> None:
    assert "You have not decided anything yet." in text(as_(bob), "decided")
    engine.start(version, alice, {"item": "A car", "amount": "20000"})
    decide(bob, comment="Fine <b>")
    page = text(as_(bob), "decided")
    assert "You approved this." in page
    assert "Fine &lt;b&gt;" in page
    assert "Finance: waiting for Carol Finance" in page
    assert "Nothing that you decided is like that." in text(as_(bob), "decided", q="lamp")
    assert "A car" not in text(as_(alice), "decided")


# --- search -----------------------------------------------------------------------------------------------


@pytest.fixture
def car(version: Version, alice: Person) -> Request:
    return engine.start(
        version, alice, {"item": "Ein Auto für ÉMILE", "amount": "9000", "reason": "100% sure_thing"}
    )


@pytest.mark.parametrize(
    "q",
    [
        "auto", "AUTO", "émile", "ÉMILE auto", "1", "#1", "alice", "purchase", "9000", "9,000.00", "100% sure_thing",
        "auto requester",
    ],
)  # fmt: skip
def test_a_request_is_found_by_what_people_remember(q: str, car: Request, bob: Person, as_: As) -> None:
    assert "1 request was found." in text(as_(bob), "search", q=q)


@pytest.mark.parametrize(
    "q", ["lamp", "auto lamp", "100_", "2", "#", "\x00", HOSTILE, "9" * 40, "minor", "x" * 5000]
)
def test_nothing_else_is_found(q: str, car: Request, bob: Person, as_: As) -> None:
    page = text(as_(bob), "search", q=q)
    assert "was found." not in page
    assert "<script>" not in page


def test_nobody_finds_what_does_not_concern_them(
    car: Request, alice: Person, bob: Person, dave: Person, admin: Person, as_: As
) -> None:
    assert "Nothing was found" in text(as_(dave), "search", q="auto")
    for person in (alice, bob, admin):
        assert "Ein Auto" in text(as_(person), "search", q="auto")


def test_names_are_found_however_they_are_written(version: Version, bob: Person, as_: As) -> None:
    elodie = add_person("Élodie Martin", "elodie@contoso.example", manager=bob)
    travel = publish({**version.definition, "key": "etudes", "name": "Études"})
    engine.start(version, elodie, {"item": "A lamp", "amount": "10"})
    engine.start(travel, elodie, {"item": "A desk", "amount": "10"})
    browser = as_(bob)
    for q in ("Élodie", "élodie", "ÉLODIE"):
        assert "A lamp" in text(browser, "search", q=q)
    assert "A desk" in text(browser, "search", q="études")
    assert "A lamp" not in text(browser, "search", q="études")


def test_every_page_has_the_search_field(car: Request, dave: Person, as_: As) -> None:
    assert f'action="{reverse("portal:search")}"' in text(as_(dave), "home")


# --- no page makes more queries with more rows ------------------------------------------------------------


@pytest.fixture
def many(version: Version, alice: Person, bob: Person) -> None:
    """A thousand requests of Alice, half of them decided by Bob: the first by the engine, the others its copies."""
    first = engine.start(version, alice, {"item": "Thing 0", "amount": "10"})
    visit = first.visits.get()
    requests = Request.objects.bulk_create(
        Request(
            number=n, version=version, requester=alice, title=f"Thing {n}", data=first.data, words=f"thing {n}",
            data_hash=first.data_hash,
        )
        for n in range(2, 1001)
    )  # fmt: skip
    visits = visit.__class__.objects.bulk_create(
        visit.__class__(request=request, step_key=visit.step_key, round=1) for request in requests
    )
    asked = Assignment.objects.bulk_create(
        Assignment(visit=visit, person=bob, state="decided" if n % 2 else "open")
        for n, visit in enumerate(visits)
    )
    Decision.objects.bulk_create(
        Decision(assignment=a, outcome="approve", by_person=bob, channel="page")
        for a in asked
        if a.state == "decided"
    )
    analysed()


@pytest.mark.parametrize(("name", "most"), [("home", 15), ("mine", 14), ("decided", 12), ("search", 10)])
def test_lists_of_a_thousand_need_no_more_queries(
    name: str,
    most: int,
    many: None,
    alice: Person,
    bob: Person,
    as_: As,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for person in (alice, bob):
        browser = as_(person)
        with django_assert_max_num_queries(most):
            assert browser.get(reverse(f"portal:{name}"), {"q": "thing"}).status_code == 200


def test_a_request_asked_of_hundreds_needs_no_more_queries(
    purchase: Request, alice: Person, as_: As, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    people = Person.objects.bulk_create(Person(name=f"P {n}", email=f"p{n}@x.example") for n in range(400))
    visit = purchase.visits.get()
    Assignment.objects.bulk_create(Assignment(visit=visit, person=person) for person in people)
    browser = as_(alice)
    with django_assert_max_num_queries(20):
        page = browser.get(reverse("portal:request", args=[purchase.public_id])).content.decode()
    assert "and 101 more" in page
    assert "Manager: waiting for Bob Manager, P 0, P 1 and 398 others" in page


def test_every_request_of_a_list_says_who_is_asked_however_many_they_are(
    version: Version, alice: Person, as_: As
) -> None:
    for n in range(25):
        engine.start(version, alice, {"item": f"Thing {n}", "amount": "10"})
    people = Person.objects.bulk_create(Person(name=f"P {n}", email=f"p{n}@x.example") for n in range(60))
    Assignment.objects.bulk_create(
        Assignment(visit=visit, person=person) for visit in Visit.objects.all() for person in people
    )
    page = text(as_(alice), "mine")
    assert page.count("Manager: waiting for Bob Manager, P 0, P 1 and 58 others") == 25
    assert "nobody" not in page


# --- pages that renew themselves --------------------------------------------------------------------------


def seen(page: str) -> str:
    return page.partition('data-version="')[2].partition('"')[0]


def test_an_open_request_is_renewed_only_when_something_happened(
    purchase: Request, alice: Person, bob: Person, as_: As
) -> None:
    browser = as_(alice)
    address = reverse("portal:request", args=[purchase.public_id])
    version = seen(browser.get(address).content.decode())
    assert browser.get(address, {"seen": version}).status_code == 204
    decide(bob, comment="Watch the budget")
    answer = browser.get(address, {"seen": version})
    part = answer.content.decode()
    assert "Watch the budget" in part
    assert "data-ended" in part
    assert "<html" not in part
    assert "data-live-url" not in browser.get(address).content.decode()


def test_a_mail_that_was_sent_renews_the_path(
    mailbox: Mailbox, purchase: Request, alice: Person, as_: As
) -> None:
    browser = as_(alice)
    address = reverse("portal:request", args=[purchase.public_id])
    page = browser.get(address).content.decode()
    assert "the mail is about to be sent" in page
    OutgoingMail.objects.update(state=OutgoingMail.State.SENT, sent_at=timezone.now())
    assert "mail sent" in browser.get(address, {"seen": seen(page)}).content.decode()


def test_who_is_asked_no_longer_is_told_which_questions_are_open(
    version: Version, asked: Assignment, alice: Person, bob: Person, as_: As
) -> None:
    browser = as_(bob)
    address = reverse("portal:request", args=[asked.visit.request.public_id])
    page = browser.get(address).content.decode()
    assert f'data-asked="{asked.pk}"' in page
    engine.withdraw(asked.visit.request.pk, alice)
    assert 'data-open-ones=""' in browser.get(address, {"seen": seen(page)}).content.decode()


def test_home_says_how_many_wait_and_which(version: Version, alice: Person, bob: Person, as_: As) -> None:
    browser = as_(bob)
    page = text(browser, "home")
    assert browser.get(reverse("portal:home"), {"seen": seen(page)}).status_code == 204
    engine.start(version, alice, {"item": "A chair", "amount": "10"})
    part = text(browser, "home", seen=seen(page))
    assert 'data-title="(1) Waiting for me' in part
    assert f'data-open-ones="{Assignment.objects.get().pk}"' in part


def test_a_card_that_moved_to_another_page_is_still_open(
    version: Version, alice: Person, bob: Person, as_: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(27):
        engine.start(version, alice, {"item": f"Thing {n}", "amount": "10"})
    browser = as_(bob)
    page = text(browser, "home", page="2")
    first = Assignment.objects.order_by("pk")[25].pk
    assert f'data-asked="{first}"' in page
    decide(bob)
    part = text(browser, "home", page="2", seen=seen(page))
    assert str(first) in part.partition('data-open-ones="')[2].partition('"')[0].split()
    monkeypatch.setattr(waiting, "MOST_OPEN", 20)  # too many to be sent: no card is closed then
    assert "data-open-ones" not in text(browser, "home", page="2", seen=seen(page))


def test_my_requests_are_renewed_when_one_is_decided(
    purchase: Request, alice: Person, bob: Person, as_: As
) -> None:
    browser = as_(alice)
    page = text(browser, "mine")
    assert browser.get(reverse("portal:mine"), {"seen": seen(page)}).status_code == 204
    decide(bob, "reject")
    assert "Rejected" in text(browser, "mine", seen=seen(page))


@pytest.mark.parametrize("name", ["home", "mine", "request"])
def test_asking_whether_something_happened_is_cheap(
    name: str,
    purchase: Request,
    alice: Person,
    as_: As,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    Person.objects.filter(pk=alice.pk).update(language="en", zone="Europe/Paris")
    browser = as_(alice)
    address = reverse(f"portal:{name}", args=[purchase.public_id] if name == "request" else [])
    version = seen(browser.get(address).content.decode())
    with django_assert_max_num_queries(3):  # the session, the person, and whether something happened
        assert browser.get(address, {"seen": version}).status_code == 204


def test_a_stranger_is_not_told_whether_something_happened(purchase: Request, dave: Person, as_: As) -> None:
    address = reverse("portal:request", args=[purchase.public_id])
    assert as_(dave).get(address, {"seen": "1.0.0.0"}).status_code == 404
    assert as_(None).get(address, {"seen": "1.0.0.0"}).status_code == 302


# --- the mails about a request ----------------------------------------------------------------------------


def test_the_requester_sees_the_mails_without_their_codes(
    mailbox: Mailbox, purchase: Request, alice: Person, bob: Person, as_: As
) -> None:
    address = reverse("portal:request", args=[purchase.public_id])
    decide(bob)
    page = as_(alice).get(address).content.decode()
    assert '<span class="unseen">to</span> <bdi>bob@contoso.example</bdi>' in page
    assert "How it ended" in page
    assert "[#" not in page
    assert "How it ended" not in as_(bob).get(address).content.decode()


def test_what_comes_next_is_shown_as_far_as_it_is_certain(
    version: Version, purchase: Request, alice: Person, bob: Person, carol: Person, as_: As
) -> None:
    page = as_(alice).get(reverse("portal:request", args=[purchase.public_id])).content.decode()
    small, _, picture = page.partition("Picture of the process")
    assert "Finance" in picture, "it shows what there is, and not what comes"
    assert "station later" in small
    assert "Finance" not in small
    large = engine.start(version, alice, {"item": "A car", "amount": "20000"})
    page = as_(alice).get(reverse("portal:request", args=[large.public_id])).content.decode()
    assert page.index("Finance") < page.index("Approved")
