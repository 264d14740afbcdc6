"""The pages of delegates: naming them, giving a question to somebody, and answering it in another's place."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from placet import work
from placet.accounts import delegations
from placet.accounts.delegations import Wanted
from placet.accounts.models import Delegation, Person
from placet.approvals import delegating, engine
from placet.approvals.definitions import definition_of
from placet.approvals.form import facts_hash
from placet.approvals.models import Assignment, Decision, Delegate, Request
from tests.making import SAMPLE, entries, open_for, start

pytestmark = pytest.mark.django_db
As = Callable[[Person | None], Client]


def stands_in(owner: Person, to: Person, **more: Any) -> Delegation:
    return delegations.make(owner, Wanted(to, timezone.now() - timedelta(minutes=1), **more), owner)


def work_delegations() -> None:
    work.run_once(next(kind for kind in work.kinds() if kind.name == "delegate"))


def page(client: Client, request: Request) -> str:
    return client.get(reverse("portal:request", args=[request.public_id])).content.decode()


def answered(request: Request, owner: Person) -> dict[str, Any]:
    """What the decide form sends."""
    seat = open_for(owner)
    shown = facts_hash(request, definition_of(request.version), seat.visit.step_key)
    return {"assignment": seat.pk, "shown": shown, "outcome": "approve", "comment": ""}


# --- answering --------------------------------------------------------------------------------------------


def test_what_somebody_answers_in_anothers_place_waits_for_them_and_says_so(
    alice: Person, bob: Person, dave: Person, as_: As
) -> None:
    before = as_(dave).get(reverse("portal:home"))
    stands_in(bob, dave)
    request = start(SAMPLE, alice)
    home = as_(dave).get(reverse("portal:home")).content.decode()
    assert "Desk" in home
    assert "You are asked in place of Bob Manager." in home
    assert (
        "Dave Stranger may answer in your place, too."
        in as_(bob).get(reverse("portal:home")).content.decode()
    )
    seen = before.context["version"]
    assert as_(dave).get(reverse("portal:home"), {"seen": seen}).status_code == 200, (
        "the open page hears of it"
    )
    shown = page(as_(dave), request)
    assert "may answer for Bob Manager" in shown
    assert reverse("portal:give", args=[request.public_id, open_for(bob).pk]) not in shown
    sent = as_(dave).post(
        reverse("portal:decide", args=[request.public_id]), answered(request, bob), follow=True
    )
    assert "You approved this request." in sent.content.decode()
    assert Decision.objects.get().by_person == dave
    assert "Dave Stranger for Bob Manager" in page(as_(alice), request)
    decided = as_(dave).get(reverse("portal:decided")).content.decode()
    assert "In place of <bdi>Bob Manager</bdi>." in decided
    assert "Desk" not in as_(bob).get(reverse("portal:home")).content.decode().partition("I wait for")[0]


def test_several_at_once_in_anothers_place(alice: Person, bob: Person, dave: Person, as_: As) -> None:
    stands_in(bob, dave)
    requests = [start(SAMPLE, alice) for _ in range(2)]
    seats = Assignment.objects.filter(person=bob, state="open").order_by("pk")
    picks = [
        f"{seat.pk}:{facts_hash(one, definition_of(one.version), seat.visit.step_key)}"
        for one, seat in zip(requests, seats, strict=True)
    ]
    offered = as_(dave).get(reverse("portal:home")).context["several_answers"][0].answer.identity
    sent = {"pick": picks, "outcome": offered, "comment": "", "sure": "on"}
    as_(dave).post(reverse("portal:decide_several"), sent)
    assert [one.by_person for one in Decision.objects.all()] == [dave, dave]


def test_whoever_was_asked_hears_on_the_page_who_was_first(
    alice: Person, bob: Person, dave: Person, as_: As
) -> None:
    stands_in(bob, dave)
    request = start(SAMPLE, alice)
    sent = answered(request, bob)
    engine.decide(sent["assignment"], by=dave, outcome="reject", channel=Decision.Channel.PAGE)
    late = (
        as_(bob).post(reverse("portal:decide", args=[request.public_id]), sent, follow=True).content.decode()
    )
    assert "Dave Stranger for Bob Manager rejected this on" in late


def test_a_delegation_that_ended_leaves_the_request_visible_and_nothing_to_answer(
    alice: Person, bob: Person, dave: Person, as_: As
) -> None:
    made = stands_in(bob, dave)
    request = start(SAMPLE, alice)
    sent = answered(request, bob)
    delegations.end(made.pk, bob)
    refused = as_(dave).post(reverse("portal:decide", args=[request.public_id]), sent, follow=True)
    assert "You do not answer in place of Bob Manager any more" in refused.content.decode()
    work_delegations()
    assert "Your decision" not in page(as_(dave), request)
    assert "Desk" not in as_(dave).get(reverse("portal:home")).content.decode()
    assert not Decision.objects.exists()
    found = as_(dave).get(reverse("portal:search"), {"q": "Desk"}).content.decode()
    assert str(request.public_id) in found


def test_a_stranger_and_the_requester_answer_nothing(
    alice: Person, bob: Person, dave: Person, as_: As
) -> None:
    request = start(SAMPLE, alice)
    sent = answered(request, bob)
    assert as_(dave).post(reverse("portal:decide", args=[request.public_id]), sent).status_code == 404
    assert as_(alice).post(reverse("portal:decide", args=[request.public_id]), sent).status_code == 404
    assert not Decision.objects.exists()


# --- giving -----------------------------------------------------------------------------------------------


def give_page(request: Request, seat: Assignment) -> str:
    return reverse("portal:give", args=[request.public_id, seat.pk])


def test_given_on_the_page_and_taken_back(alice: Person, bob: Person, dave: Person, as_: As) -> None:
    request = start(SAMPLE, alice)
    address = give_page(request, open_for(bob))
    assert address in page(as_(bob), request)
    sent = as_(bob).post(address, {"to": "dave stranger", "comment": "<b>You</b> know"}, follow=True)
    assert "Dave Stranger is asked now." in sent.content.decode()
    shown = page(as_(bob), request)
    assert "&lt;b&gt;You&lt;/b&gt; know" in shown
    row = Delegate.objects.get()
    taken = as_(bob).post(
        reverse("portal:take_back", args=[request.public_id]), {"which": row.pk}, follow=True
    )
    assert "Dave Stranger is not asked any more." in taken.content.decode()
    row.refresh_from_db()
    assert (row.state, row.reason) == ("ended", "taken_back")


@pytest.mark.parametrize(
    "to",
    [
        "alice@contoso.example",
        "Alice Requester",
        "nobody",
        "mallory@evil.example",
        "bob@contoso.example",
        "",
        "x" * 2000,
    ],
)
def test_given_to_nobody_who_may_answer(alice: Person, bob: Person, dave: Person, as_: As, to: str) -> None:
    request = start(SAMPLE, alice)
    sent = as_(bob).post(give_page(request, open_for(bob)), {"to": to, "comment": ""})
    assert sent.status_code == 422
    assert not Delegate.objects.exists()


def test_a_manager_gives_it_on_and_sees_no_more_than_what_it_is_about(
    alice: Person, bob: Person, carol: Person, dave: Person, as_: As
) -> None:
    Person.objects.filter(pk=bob.pk).update(manager=carol)
    request = start(SAMPLE, alice)
    address = give_page(request, open_for(bob))
    shown = as_(carol).get(address).content.decode()
    assert "Desk" in shown
    assert "900" not in shown
    assert as_(carol).get(reverse("portal:request", args=[request.public_id])).status_code == 404
    sent = as_(carol).post(address, {"to": dave.email, "comment": ""})
    assert sent["Location"] == reverse("portal:home")
    assert Delegate.objects.get().by == carol
    assert as_(dave).get(address).status_code == 404


def test_who_is_suggested_to_give_it_to_may_answer_it(
    alice: Person, bob: Person, dave: Person, as_: As
) -> None:
    request = start(SAMPLE, alice)
    address = reverse("portal:suggest_to_give", args=[request.public_id, open_for(bob).pk])
    shown = as_(bob).get(address, {"to": "contoso"}).content.decode()
    assert dave.email in shown
    assert alice.email not in shown
    assert bob.email not in shown
    assert as_(bob).get(address, {"to": "d"}).content.decode().strip() == ""


# --- away -------------------------------------------------------------------------------------------------


def test_back_again(alice: Person, bob: Person, dave: Person, as_: As) -> None:
    stands_in(bob, dave, when=Delegation.When.ABSENT)
    request = start(SAMPLE, alice)
    Assignment.objects.update(absent_at=timezone.now())
    delegating.work(Delegation.objects.get().pk)
    assert Delegate.objects.get().state == "open"
    assert "is asked, and is away according to an automatic reply" in page(as_(alice), request)
    assert "I am back" in page(as_(bob), request)
    assert "I am back" in as_(bob).get(reverse("account_delegates")).content.decode()
    assert "I am back" not in page(as_(dave), request)
    as_(dave).post(reverse("portal:back"))
    assert open_for(bob).absent_at is not None, "of nobody else"
    as_(bob).post(reverse("portal:back"))
    assert open_for(bob).absent_at is None
    assert Delegate.objects.get().reason == "back"


# --- naming -----------------------------------------------------------------------------------------------

ENTERED = {"delegate": "Dave Stranger", "when": "dates", "first": "", "last": ""}


def test_a_delegate_is_named_listed_and_ended(bob: Person, dave: Person, as_: As) -> None:
    address = reverse("account_delegates")
    assert "Nobody. While you are away" in as_(bob).get(address).content.decode()
    last = timezone.localdate() + timedelta(days=2)
    entered = {**ENTERED, "last": last.isoformat(), "note": "Holiday"}
    named = as_(bob).post(address, entered, follow=True).content.decode()
    assert "Dave Stranger may answer in this place." in named
    made = Delegation.objects.get()
    assert made.ends_at is not None
    assert timezone.localtime(made.ends_at).date() == last + timedelta(days=1)
    assert (made.delegator, made.created_by, made.note) == (bob, bob, "Holiday")
    assert "Bob Manager" in as_(dave).get(address).content.decode()
    assert as_(dave).post(reverse("account_end_delegation", args=[made.pk])).status_code == 404
    as_(bob).post(reverse("account_end_delegation", args=[made.pk]))
    made.refresh_from_db()
    assert made.ended_by == bob
    assert len(entries("delegation ended")) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"delegate": "Bob Manager"},
        {"delegate": "nobody"},
        {"delegate": ""},
        {"first": "2030-05-02", "last": "2030-05-01"},
        {"last": "2020-01-01"},
        {"first": "tomorrow"},
        {"first": "0001-01-01"},  # in a zone further west no day at all: whoever looked at it saw no page
        {"last": "9999-12-31"},
        {"first": "9999-12-31"},
        {"when": "always"},
        {"processes": ["no-such-process"]},
        {"groups": ["finance"]},
        {"amount_below": "5"},
        {"amount_below": "-5", "currency": "EUR"},
        {"currency": "EURO"},
        {"currency": "€€€"},
        {"note": "x" * 201},
    ],
    ids=str,
)
def test_what_is_none_is_said_and_kept_as_it_was_sent(
    bob: Person, carol: Person, dave: Person, as_: As, wrong: dict[str, Any]
) -> None:
    sent = as_(bob).post(reverse("account_delegates"), {**ENTERED, **wrong})
    assert sent.status_code == 422
    assert "errorlist" in sent.content.decode() or "note error" in sent.content.decode()
    assert not Delegation.objects.exists()


def test_a_note_is_for_whoever_wrote_it_and_administrators(
    bob: Person, dave: Person, admin: Person, as_: As
) -> None:
    stands_in(bob, dave, note="At the hospital")
    assert "At the hospital" in as_(bob).get(reverse("account_delegates")).content.decode()
    assert "At the hospital" in as_(admin).get(reverse("panel:delegates", args=[bob.pk])).content.decode()
    for_dave = as_(dave).get(reverse("account_delegates")).content.decode()
    assert "Bob Manager" in for_dave
    assert "At the hospital" not in for_dave


def test_about_some_things_only(alice: Person, carol: Person, dave: Person, as_: As) -> None:
    start(SAMPLE, alice)
    about = {"processes": ["purchase"], "groups": ["finance"], "amount_below": "1,000.50", "currency": "eur"}
    shown = as_(carol).post(reverse("account_delegates"), {**ENTERED, **about}, follow=True).content.decode()
    made = Delegation.objects.get()
    assert (made.processes, made.groups, str(made.amount_below), made.currency) == (
        ["purchase"], ["finance"], "1000.50", "EUR",
    )  # fmt: skip
    assert "below" in shown and "as one of Finance" in shown


def test_an_administrator_names_somebodys_delegate_and_is_on_record(
    bob: Person, dave: Person, admin: Person, as_: As
) -> None:
    address = reverse("panel:delegates", args=[bob.pk])
    as_(admin).post(address, {**ENTERED, "only_delegate": "on"})
    made = Delegation.objects.get()
    assert (made.delegator, made.created_by, made.only_delegate) == (bob, admin, True)
    assert entries("delegation made")[0].who == f"person:{admin.pk}"
    assert "only the delegate gets mail" in as_(admin).get(address).content.decode()
    as_(admin).post(reverse("panel:end_delegation", args=[bob.pk, made.pk]))
    made.refresh_from_db()
    assert made.ended_by == admin
    assert as_(admin).post(reverse("panel:end_delegation", args=[dave.pk, made.pk])).status_code == 404
