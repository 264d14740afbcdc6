"""Deciding on the cards of “Waiting for me”, one by one and several at once."""

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.definitions import definition_of
from placet.approvals.form import facts_hash
from placet.approvals.models import Assignment, Decision, Request, Version
from tests.making import SAMPLE, start, values
from tests.pages.conftest import HOSTILE, answer

As = Callable[[Person | None], Client]

SEVERAL = "/decide/"


@pytest.fixture
def three(version: Version, alice: Person) -> list[Assignment]:
    for item in ("A chair", "A desk", "A lamp"):
        engine.start(version, alice, {"item": item, "amount": "10", "reason": "It is needed"})
    return list(Assignment.objects.select_related("visit__request__version").order_by("pk"))


def picks(assignments: list[Assignment]) -> list[str]:
    return [f"{asked.pk}:{shown(asked)}" for asked in assignments]


def shown(asked: Assignment) -> str:
    request = asked.visit.request
    return facts_hash(request, definition_of(request.version))


def test_one_is_decided_on_its_card(three: list[Assignment], bob: Person, as_: As) -> None:
    address = reverse("portal:decide", args=[three[0].visit.request.public_id])
    form = {**answer(three[0], "reject", "Not now"), "next": "home"}
    browser = as_(bob)
    once_more = browser.post(address, form).content.decode()
    assert "Reject this request?" in once_more
    assert "Not now" in once_more
    assert "A decision cannot be taken back." in once_more
    assert not Decision.objects.exists(), "a card is small, and a finger not always where it was meant to be"
    (outcome,) = re.findall(r'name="outcome" value="([^"]+)"', once_more)
    (pick,) = re.findall(r'type="hidden" name="pick" value="([^"]+)"', once_more)
    sure = {"pick": pick, "outcome": outcome, "comment": "Not now", "sure": "yes"}
    sent = browser.post(SEVERAL, sure, follow=True)
    assert sent.redirect_chain == [(reverse("portal:home"), 302)]
    assert (
        "You rejected “A chair”. <span data-now>The request has ended: Rejected.</span>"
        in sent.content.decode()
    )
    assert Decision.objects.get().comment == "Not now"


def test_a_card_decides_at_once_where_that_can_be_undone_and_offers_it(
    alice: Person, bob: Person, as_: As
) -> None:
    request = start({**values(SAMPLE), "undo": "10 minutes"}, alice)
    asked = Assignment.objects.select_related("visit__request__version").get()
    address = reverse("portal:decide", args=[request.public_id])
    browser = as_(bob)
    page = browser.post(address, {**answer(asked, "approve"), "next": "home"}, follow=True).content.decode()
    assert Decision.objects.exists()
    undo = reverse("portal:undo", args=[request.public_id, asked.pk])
    assert f'<a href="{undo}">Undo …</a>' in page
    browser.post(undo)
    assert not Decision.objects.exists()


def test_what_a_card_leaves_out_can_be_opened_there(
    version: Version, alice: Person, bob: Person, as_: As
) -> None:
    engine.start(version, alice, {"item": "A chair", "amount": "10", "reason": "Long. " * 60 + "The end."})
    page = as_(bob).get(reverse("portal:home")).content.decode()
    assert "Everything that is asked for" in page
    assert "The end." in page


def test_several_are_shown_once_more_before_anything_is_decided(
    three: list[Assignment], bob: Person, as_: As
) -> None:
    sent = as_(bob).post(SEVERAL, {"pick": picks(three[:2]), "outcome": "approve", "comment": "All fine"})
    page = sent.content.decode()
    assert "Approve these 2 requests?" in page
    assert "A chair" in page
    assert "A lamp" not in page
    assert "All fine" in page
    assert not Decision.objects.exists()


def test_several_are_decided_with_one_comment(three: list[Assignment], bob: Person, as_: As) -> None:
    form = {"pick": picks(three), "outcome": "approve", "comment": "All fine", "sure": "yes"}
    page = as_(bob).post(SEVERAL, form, follow=True).content.decode()
    for title in ("A chair", "A desk", "A lamp"):
        assert f"You approved “{title}”." in page
    decisions = Decision.objects.all()
    assert {(d.outcome, d.comment, d.by_person_id, d.channel) for d in decisions} == {
        ("approve", "All fine", bob.pk, "page")
    }
    assert len(decisions) == 3


def test_each_of_several_is_told_of_by_itself(
    three: list[Assignment], alice: Person, bob: Person, as_: As
) -> None:
    chosen = picks(three)
    engine.decide(three[0].pk, by=bob, outcome="reject", channel=Decision.Channel.MAIL)
    changed = three[1].visit.request
    changed.data = {**changed.data, "amount": {"minor": 999_999, "currency": "EUR"}}
    changed.save(update_fields=["data"])
    form = {"pick": chosen, "outcome": "approve", "comment": "", "sure": "yes"}
    page = as_(bob).post(SEVERAL, form, follow=True).content.decode()
    assert "“A chair”: You rejected this on " in page
    assert "“A desk”: The request changed after it was shown to you" in page
    assert "You approved “A lamp”." in page
    assert Decision.objects.filter(outcome="approve").count() == 1


def test_what_changed_or_was_decided_is_said_on_the_page_that_asks_once_more(
    three: list[Assignment], bob: Person, as_: As
) -> None:
    chosen = picks(three)
    engine.decide(three[0].pk, by=bob, outcome="reject", channel=Decision.Channel.MAIL)
    changed = three[1].visit.request
    changed.data = {**changed.data, "amount": {"minor": 999_999, "currency": "EUR"}}
    changed.save(update_fields=["data"])
    page = as_(bob).post(SEVERAL, {"pick": chosen, "outcome": "approve"}).content.decode()
    assert "Approve these 2 requests?" in page  # the third is no question any more
    assert "This is not open any more." in page
    assert "This changed after you chose it." in page
    assert "9,999.99 EUR" in page
    assert page.count(" checked") == 1


@pytest.mark.parametrize("pick", [[], ["x"], ["1:2"], ["1" * 30 + ":" + "0" * 64]])
def test_choosing_nothing_is_said(pick: list[str], three: list[Assignment], bob: Person, as_: As) -> None:
    sent = as_(bob).post(SEVERAL, {"pick": pick, "outcome": "approve", "comment": "Kept"})
    assert sent.status_code == 422
    page = sent.content.decode()
    assert "Choose at least one request" in page
    assert '#several" aria-labelledby="several-title">' in page  # below all cards, where that is said
    assert "Kept" in page


def test_a_comment_that_is_too_long_keeps_what_was_chosen(
    three: list[Assignment], bob: Person, as_: As
) -> None:
    form = {"pick": picks(three[:1]), "outcome": "approve", "comment": "x" * 20_001, "sure": "yes"}
    sent = as_(bob).post(SEVERAL, form)
    page = sent.content.decode()
    assert sent.status_code == 422
    assert "At most 20000 characters" in page
    assert page.count(" checked") == 2  # what was chosen, and the keys' own
    assert not Decision.objects.exists()


def test_questions_of_others_are_neither_shown_nor_decided(
    three: list[Assignment], alice: Person, admin: Person, as_: As
) -> None:
    for person in (alice, admin):
        form = {"pick": picks(three), "outcome": "approve"}
        page = as_(person).post(SEVERAL, form).content.decode().partition("<main")[2]
        assert not any(pick in page for pick in picks(three)), (
            "not to be decided; Alice sees that she asked for it"
        )
        as_(person).post(SEVERAL, {**form, "sure": "yes"})
    assert not Decision.objects.exists()


def test_what_waits_is_searched(three: list[Assignment], bob: Person, as_: As) -> None:
    page = as_(bob).get(reverse("portal:home"), {"q": "desk"}).content.decode()
    assert "A desk" in page
    assert "A chair" not in page
    nothing = as_(bob).get(reverse("portal:home"), {"q": HOSTILE}).content.decode()
    assert "Show everything that waits for me" in nothing
    assert "<script>" not in nothing


def test_what_others_wrote_is_never_markup_when_several_are_decided(
    version: Version, alice: Person, bob: Person, as_: As
) -> None:
    engine.start(version, alice, {"item": HOSTILE, "amount": "10", "reason": HOSTILE})
    asked = list(Assignment.objects.select_related("visit__request__version"))
    form = {"pick": picks(asked), "outcome": "approve", "comment": HOSTILE}
    pages = [as_(bob).post(SEVERAL, form).content.decode()]
    pages.append(as_(bob).post(SEVERAL, {**form, "sure": "yes"}, follow=True).content.decode())
    pages.append(as_(bob).get(reverse("portal:decided")).content.decode())
    for page in pages:
        assert "<script>" not in page
        assert "<img" not in page
    assert Request.objects.get().result == "approved"
