"""Waiting, starting, deciding, withdrawing."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.models import Assignment, Decision, Request, Version, Visit
from placet.approvals.processes import publish
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.pages.conftest import HOSTILE, answer

As = Callable[[Person | None], Client]


def page_of(request: Request) -> str:
    return reverse("portal:request", args=[request.public_id])


def decide_at(request: Request) -> str:
    return reverse("portal:decide", args=[request.public_id])


def test_home_lists_what_waits_with_its_facts(asked: Assignment, bob: Person, as_: As) -> None:
    page = as_(bob).get(reverse("portal:home")).content.decode()
    assert "A chair" in page
    assert "100.00 EUR" in page
    assert page_of(asked.visit.request) in page


def test_home_says_what_to_do_when_nothing_waits(dave: Person, as_: As) -> None:
    page = as_(dave).get(reverse("portal:home")).content.decode()
    assert "Nothing waits for you." in page
    assert "dave@contoso.example" in page


def test_home_lists_my_open_requests_with_who_holds_them_up(
    purchase: Request, alice: Person, as_: As
) -> None:
    page = as_(alice).get(reverse("portal:home")).content.decode()
    assert "Manager: waiting for Bob Manager" in page


def test_home_needs_as_many_queries_for_twenty_requests_as_for_one(
    version: Version,
    alice: Person,
    bob: Person,
    as_: As,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(20):
        engine.start(version, alice, {"item": f"Chair {number}", "amount": "10"})
    for person in (alice, bob):
        browser = as_(person)
        with django_assert_max_num_queries(10):
            browser.get(reverse("portal:home"))


def test_my_requests_are_paged(version: Version, alice: Person, bob: Person, as_: As) -> None:
    for number in range(30):
        engine.start(version, alice, {"item": f"Chair {number}", "amount": "10"})
    first = as_(alice).get(reverse("portal:mine")).content.decode()
    assert "Page 1 of 2" in first
    assert "Chair 29" in first
    assert "Chair 2<" not in first
    assert "Chair 2<" in as_(alice).get(reverse("portal:mine"), {"page": "2"}).content.decode()


# --- starting ---------------------------------------------------------------------------------------------


def test_a_request_is_started_from_the_form(version: Version, alice: Person, as_: As) -> None:
    browser = as_(alice)
    entered = {"version": version.number, "f-item": "A lamp", "f-amount": "1 200,50", "f-reason": "Dark"}
    sent = browser.post(reverse("portal:start_form", args=["purchase"]), entered, follow=True)
    started = Request.objects.get()
    assert sent.redirect_chain == [(page_of(started), 302)]
    assert started.data["amount"] == {"minor": 120050, "currency": "EUR"}
    assert "Manager: waiting for Bob Manager" in sent.content.decode()


def test_what_does_not_fit_is_said_beside_the_field_and_the_rest_is_kept(
    version: Version, alice: Person, as_: As
) -> None:
    entered = {"version": version.number, "f-item": "A lamp & more", "f-amount": "much", "f-reason": "Dark"}
    sent = as_(alice).post(reverse("portal:start_form", args=["purchase"]), entered)
    page = sent.content.decode()
    assert sent.status_code == 422
    assert "Please write a number" in page
    assert 'value="A lamp &amp; more"' in page
    assert 'aria-describedby="id_f-amount_error id_f-amount_help"' in page
    assert not Request.objects.exists()


def test_a_form_of_an_older_version_is_shown_again_and_not_sent(
    version: Version, alice: Person, as_: As
) -> None:
    publish(version.definition)
    entered = {"version": version.number, "f-item": "A lamp", "f-amount": "12"}
    sent = as_(alice).post(reverse("portal:start_form", args=["purchase"]), entered)
    assert sent.status_code == 409
    assert "A lamp" in sent.content.decode()
    assert not Request.objects.exists()


def test_every_type_of_field_has_an_input_and_comes_back(alice: Person, as_: As) -> None:
    types = ["text", "long_text", "number", "date", "yes_no"]
    form = [{"name": name, "label": f"The {name}", "type": name} for name in types]
    end = {"kind": "end", "name": "Done", "result": "done"}
    step = {"kind": "approval", "name": "Manager", "ask": [{"manager": True}]}
    ways = [{"from": "one", "outcome": outcome, "to": "end"} for outcome in ("approve", "reject")]
    version = publish(
        {
            "key": "all", "name": "Everything", "form": form, "start": "one",
            "steps": {"one": step, "end": end}, "transitions": ways,
        }
    )  # fmt: skip
    entered = {
        "version": version.number, "f-text": "a", "f-long_text": "b\nc", "f-number": "2.5",
        "f-date": "2026-12-31", "f-yes_no": "yes",
    }  # fmt: skip
    page = as_(alice).get(reverse("portal:start_form", args=["all"])).content.decode()
    assert all(f'name="f-{name}"' in page and f'for="id_f-{name}"' in page for name in types)
    as_(alice).post(reverse("portal:start_form", args=["all"]), entered)
    assert Request.objects.get().data == {
        "text": "a", "long_text": "b\nc", "number": 2.5, "date": "2026-12-31", "yes_no": True,
    }  # fmt: skip


def test_without_a_process_an_administrator_is_led_to_a_new_one(admin: Person, dave: Person, as_: As) -> None:
    assert reverse("designer:new") in as_(admin).get(reverse("portal:start")).content.decode()
    assert "Ask your administrator" in as_(dave).get(reverse("portal:start")).content.decode()


# --- deciding ---------------------------------------------------------------------------------------------


def test_the_person_asked_decides_on_the_page(asked: Assignment, bob: Person, as_: As) -> None:
    request = asked.visit.request
    sent = as_(bob).post(decide_at(request), answer(asked, "approve", "Fine"), follow=True)
    decision = Decision.objects.get()
    assert (decision.outcome, decision.comment, decision.by_person, decision.channel) == (
        "approve", "Fine", bob, Decision.Channel.PAGE,
    )  # fmt: skip
    page = sent.content.decode()
    assert "You approved this request. <span data-now>The request has ended: Approved.</span>" in page
    assert "on the page" in page


def test_after_a_decision_the_page_says_who_is_asked_next(
    version: Version, alice: Person, bob: Person, carol: Person, as_: As
) -> None:
    request = engine.start(version, alice, {"item": "A car", "amount": "20000"})
    asked = Assignment.objects.get()
    sent = as_(bob).post(decide_at(request), answer(asked), follow=True)
    assert "Now: Finance: waiting for Carol Finance." in sent.content.decode()


def test_only_the_person_asked_sees_the_buttons(
    asked: Assignment, alice: Person, bob: Person, admin: Person, as_: As
) -> None:
    page = page_of(asked.visit.request)
    assert "Your decision" in as_(bob).get(page).content.decode()
    for person in (alice, admin):
        assert "Your decision" not in as_(person).get(page).content.decode()


def test_nobody_else_decides_not_even_an_administrator(
    asked: Assignment, alice: Person, admin: Person, dave: Person, as_: As
) -> None:
    for person in (alice, admin, dave, None):
        sent = as_(person).post(decide_at(asked.visit.request), answer(asked))
        assert sent.status_code in (302, 404)
    assert not Decision.objects.exists()


def test_an_assignment_of_another_request_is_not_decided_here(
    version: Version, asked: Assignment, alice: Person, bob: Person, as_: As
) -> None:
    other = engine.start(version, alice, {"item": "A desk", "amount": "10"})
    sent = as_(bob).post(decide_at(other), answer(asked))
    assert sent.status_code == 404
    assert not Decision.objects.exists()


def test_the_second_answer_is_told_who_decided_what_and_when(asked: Assignment, bob: Person, as_: As) -> None:
    request = asked.visit.request
    browser = as_(bob)
    form = answer(asked, "reject")
    browser.post(decide_at(request), answer(asked, "approve"))
    sent = browser.post(decide_at(request), form, follow=True).content.decode()
    assert "You approved this on " in sent
    assert "It changed nothing." in sent
    assert Decision.objects.get().outcome == "approve"


def test_when_a_colleague_was_faster_the_page_names_them(
    version: Version, alice: Person, bob: Person, carol: Person, dave: Person, as_: As
) -> None:
    carol.approval_groups.get().members.add(dave)
    request = engine.start(version, alice, {"item": "A car", "amount": "20000"})
    engine.decide(Assignment.objects.get().pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
    of_carol, of_dave = Assignment.objects.get(person=carol), Assignment.objects.get(person=dave)
    late = answer(of_dave)
    engine.decide(of_carol.pk, by=carol, outcome="reject", channel=Decision.Channel.PAGE)
    sent = as_(dave).post(decide_at(request), late, follow=True).content.decode()
    assert "Carol Finance rejected this on " in sent
    assert Decision.objects.count() == 2


def test_an_answer_to_something_that_changed_meanwhile_is_refused_and_the_comment_kept(
    asked: Assignment, bob: Person, as_: As
) -> None:
    request = asked.visit.request
    form = answer(asked, "approve", "My long comment")
    request.data = {**request.data, "amount": {"minor": 999_999, "currency": "EUR"}}
    request.save(update_fields=["data"])
    sent = as_(bob).post(decide_at(request), form)
    page = sent.content.decode()
    assert sent.status_code == 409
    assert "changed after it was shown to you" in page
    assert "My long comment" in page
    assert "9,999.99 EUR" in page
    assert not Decision.objects.exists()


@pytest.mark.parametrize("outcome", ["", "yes", "APPROVE", "withdraw"])
def test_an_answer_that_is_none_decides_nothing(
    outcome: str, asked: Assignment, bob: Person, as_: As
) -> None:
    as_(bob).post(decide_at(asked.visit.request), answer(asked, outcome), follow=True)
    assert not Decision.objects.exists()


@pytest.mark.parametrize("comment", ["x" * 20_001, "a\x00b"])
def test_a_comment_that_cannot_be_kept_is_refused_and_never_cut(
    comment: str, asked: Assignment, bob: Person, as_: As
) -> None:
    sent = as_(bob).post(decide_at(asked.visit.request), answer(asked, "approve", comment))
    assert sent.status_code == 422
    assert 'class="errorlist"' in sent.content.decode()
    assert not Decision.objects.exists()


def test_a_withdrawn_request_is_not_decided(asked: Assignment, alice: Person, bob: Person, as_: As) -> None:
    form = answer(asked)
    engine.withdraw(asked.visit.request.pk, alice)
    sent = as_(bob).post(decide_at(asked.visit.request), form, follow=True).content.decode()
    assert "The request was withdrawn. Nothing was decided." in sent
    assert not Decision.objects.exists()


def test_what_others_wrote_is_never_markup(version: Version, alice: Person, bob: Person, as_: As) -> None:
    request = engine.start(version, alice, {"item": HOSTILE, "amount": "10", "reason": HOSTILE})
    Person.objects.filter(pk=alice.pk).update(name=HOSTILE)
    asked = Assignment.objects.get()
    pages = [as_(bob).get(address).content.decode() for address in (page_of(request), reverse("portal:home"))]
    as_(bob).post(decide_at(request), answer(asked, "reject", HOSTILE))
    for person in (bob, alice):
        pages += [
            as_(person).get(address).content.decode()
            for address in (page_of(request), reverse("portal:home"), reverse("portal:mine"))
        ]
    for page in pages:
        assert "<script>" not in page
        assert "<img" not in page
    assert "&lt;script&gt;" in pages[0]


# --- withdrawing, sending again, asking again -------------------------------------------------------------


def test_the_requester_withdraws_after_being_asked_once_more(
    mailbox: Mailbox, asked: Assignment, alice: Person, as_: As
) -> None:
    browser = as_(alice)
    address = reverse("portal:withdraw", args=[asked.visit.request.public_id])
    assert "Bob Manager" in browser.get(address).content.decode()
    sent = browser.post(address, follow=True).content.decode()
    assert "The request was withdrawn." in sent
    assert Request.objects.get().state == Request.State.WITHDRAWN
    assert "This request has already ended." in browser.post(address, follow=True).content.decode()


def test_the_requester_sends_one_more_mail(
    mailbox: Mailbox, asked: Assignment, alice: Person, as_: As
) -> None:
    address = reverse("portal:send_again", args=[asked.visit.request.public_id])
    sent = as_(alice).post(address, {"which": asked.pk}, follow=True).content.decode()
    assert "The mail to Bob Manager is not sent yet. No mail was sent." in sent
    OutgoingMail.objects.update(state=OutgoingMail.State.SENT)
    sent = as_(alice).post(address, {"which": asked.pk}, follow=True).content.decode()
    assert "Bob Manager gets one more mail." in sent
    assert OutgoingMail.objects.filter(kind="ask").count() == 2


def test_without_a_mailbox_nobody_claims_that_a_mail_went_out(
    asked: Assignment, alice: Person, as_: As
) -> None:
    address = reverse("portal:send_again", args=[asked.visit.request.public_id])
    sent = as_(alice).post(address, {"which": asked.pk}, follow=True).content.decode()
    assert "No mailbox is active, so no mail went out." in sent


def test_an_administrator_asks_again_where_a_step_was_stuck(
    version: Version, bob: Person, admin: Person, carol: Person, as_: As
) -> None:
    request = engine.start(version, bob, {"item": "A plant", "amount": "10"})  # Bob has no manager
    visit = Visit.objects.get()
    page = as_(admin).get(page_of(request)).content.decode()
    assert "Bob Manager has no manager who can be asked" in page
    address = reverse("portal:ask_again", args=[request.public_id])
    assert as_(bob).post(address, {"which": visit.pk}).status_code == 403
    Person.objects.filter(pk=bob.pk).update(manager=carol)
    sent = as_(admin).post(address, {"which": visit.pk}, follow=True).content.decode()
    assert "Now: Manager: waiting for Carol Finance." in sent


def test_a_mail_that_came_back_is_shown_on_the_request(
    mailbox: Mailbox, asked: Assignment, alice: Person, bob: Person, incoming: object, as_: As
) -> None:
    from django.utils import timezone

    from placet.mail.models import IncomingMail

    OutgoingMail.objects.update(bounced_at=timezone.now())
    engine.note_bounce(
        asked.visit.request.pk, person=bob, reason=f"550 5.1.1 {HOSTILE}", incoming=IncomingMail.objects.get()
    )
    page = as_(alice).get(page_of(asked.visit.request)).content.decode()
    assert "the mail to bob@contoso.example came back" in page
    assert "550 5.1.1 &lt;script&gt;" in page
    assert "550 5.1.1" not in as_(bob).get(page_of(asked.visit.request)).content.decode()


def test_the_path_shows_rounds_channels_and_comments(
    alice: Person, bob: Person, carol: Person, as_: As
) -> None:
    version = publish(_there_and_back())
    request = engine.start(version, alice, {})

    def decide(person: Person, outcome: str, comment: str) -> None:
        open_one = Assignment.objects.get(person=person, state=Assignment.State.OPEN)
        engine.decide(open_one.pk, by=person, outcome=outcome, comment=comment, channel=Decision.Channel.MAIL)

    decide(bob, "approve", "Go on")
    decide(carol, "reject", "Not yet")
    page = as_(alice).get(page_of(request)).content.decode()
    assert "round 2" in page
    assert "by mail" in page
    assert page.index("Go on") < page.index("Not yet") < page.index("round 2")


def _there_and_back() -> dict[str, object]:
    one = {"kind": "approval", "name": "First", "ask": [{"manager": True}]}
    two = {"kind": "approval", "name": "Second", "ask": [{"group": "finance"}]}
    ways = [
        ("one", "approve", "two"),
        ("one", "reject", "end"),
        ("two", "approve", "end"),
        ("two", "reject", "one"),
    ]
    return {
        "key": "back", "name": "There and back", "start": "one",
        "steps": {"one": one, "two": two, "end": {"kind": "end", "name": "Done", "result": "done"}},
        "transitions": [{"from": a, "outcome": outcome, "to": b} for a, outcome, b in ways],
    }  # fmt: skip


def test_a_long_path_is_bounded_and_says_what_it_leaves_out(
    purchase: Request, alice: Person, as_: As, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    Visit.objects.bulk_create(
        [
            Visit(request=purchase, step_key="manager", round=n, state="closed", result="reject")
            for n in range(2, 60)
        ]
    )
    browser = as_(alice)
    with django_assert_max_num_queries(20):
        page = browser.get(page_of(purchase)).content.decode()
    assert "18 earlier stations are not shown." in page


def test_times_are_shown_in_the_zone_of_the_reader(asked: Assignment, bob: Person, as_: As) -> None:
    Person.objects.filter(pk=bob.pk).update(zone="Asia/Tokyo")
    assert " JST" in as_(bob).get(page_of(asked.visit.request)).content.decode()
    Person.objects.filter(pk=bob.pk).update(zone="Mars/Olympus")
    assert " UTC" in as_(bob).get(page_of(asked.visit.request)).content.decode()
