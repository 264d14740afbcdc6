"""An answer taken back on the page of its request."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from placet.accounts.models import Person
from placet.approvals import engine, evidence, timing, undoing
from placet.approvals.models import Assignment, Decision, Request, UndoneDecision
from placet.approvals.processes import publish
from placet.audit import chain
from placet.mailboxes.models import Mailbox
from tests.making import SAMPLE, make_mailbox, one_step, values
from tests.pages.test_portal import As

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script>"
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
Clock = time_machine.Traveller


@pytest.fixture
def clock() -> Iterator[Clock]:
    with time_machine.travel(MONDAY, tick=False) as clock:
        yield clock


@pytest.fixture
def asked(clock: Clock, alice: Person, bob: Person, carol: Person) -> Iterator[Request]:
    make_mailbox()
    people = [{"person": bob.email}, {"person": carol.email}]
    version = publish(one_step(people, undo="10 minutes"))
    request = engine.start(version, alice, {"item": f"Desk {HOSTILE}", "amount": "1"})
    yield request
    assert [*chain.verify(request.pk), *evidence.compare(request.pk)] == []


def seat(request: Request, person: Person) -> Assignment:
    return Assignment.objects.get(visit__request=request, person=person)


def decide(request: Request, person: Person, outcome: str = "approve", comment: str = "") -> None:
    engine.decide(
        seat(request, person).pk, by=person, outcome=outcome, comment=comment, channel=Decision.Channel.PAGE
    )


def page(as_: As, person: Person, request: Request) -> str:
    return as_(person).get(reverse("portal:request", args=[request.public_id])).content.decode()


def undo_page(request: Request, person: Person) -> str:
    return reverse("portal:undo", args=[request.public_id, seat(request, person).pk])


def test_whoever_answered_takes_it_back_after_one_more_question(asked: Request, bob: Person, as_: As) -> None:
    assert "Your answer can be undone for 10 minutes." in page(as_, bob, asked)
    decide(asked, bob, comment=HOSTILE)
    shown = page(as_, bob, asked)
    assert undo_page(asked, bob) in shown
    assert "Step: decided, and can still be undone" in shown
    assert (
        '<time datetime="2026-03-02T10:10:00+00:00" title="2 March 2026, 10:10:00 UTC">10:10</time>' in shown
    )
    once_more = as_(bob).get(undo_page(asked, bob)).content.decode()
    assert "Take your answer back?" in once_more
    assert Decision.objects.count() == 1  # looking at it does nothing
    assert HOSTILE not in once_more
    response = as_(bob).post(undo_page(asked, bob), follow=True)
    shown = response.content.decode()
    assert (
        "Your answer was taken back. <span data-now>Now: Step: waiting for Bob Manager and Carol Finance."
        in shown
    )
    assert "approved, and took it back" in shown
    assert HOSTILE not in shown
    assert undo_page(asked, bob) not in shown
    assert UndoneDecision.objects.get().undone_channel == "page"
    assert not Decision.objects.exists()


@pytest.mark.parametrize("who", ["carol", "alice"])
def test_nobody_else_is_offered_it_or_can_do_it(
    who: str, asked: Request, alice: Person, bob: Person, carol: Person, as_: As
) -> None:
    person = {"carol": carol, "alice": alice}[who]
    decide(asked, bob)
    shown = page(as_, person, asked)
    assert "Undo …" not in shown
    assert "can be undone until" in shown  # they see that it waits
    for number in (seat(asked, bob).pk, seat(asked, carol).pk):
        as_(person).post(reverse("portal:undo", args=[asked.public_id, number]))
    assert Decision.objects.get().by_person == bob


def test_a_stranger_finds_nothing(asked: Request, bob: Person, dave: Person, as_: As) -> None:
    decide(asked, bob)
    for way in ("get", "post"):
        assert getattr(as_(dave), way)(undo_page(asked, bob)).status_code == 404
        assert getattr(as_(None), way)(undo_page(asked, bob)).status_code == 302  # to sign in
    assert Decision.objects.count() == 1


def answer_shown(page: str) -> dict[str, str]:
    [answer] = re.findall(r'<input type="hidden" name="answer" value="(\d+)">', page)
    return {"answer": answer}


def test_a_page_that_shows_an_earlier_answer_takes_no_newer_one_back(
    asked: Request, bob: Person, as_: As
) -> None:
    """It was left open, while they took that answer back elsewhere and gave another one."""
    decide(asked, bob)
    client = as_(bob)
    once_more = client.get(undo_page(asked, bob)).content.decode()
    entered = answer_shown(once_more)
    undoing.undo(seat(asked, bob).pk, bob)
    decide(asked, bob, "reject")
    said = client.post(undo_page(asked, bob), entered, follow=True).content.decode()
    assert "You gave another answer since this page was shown, and that one stands." in said
    assert Decision.objects.get().outcome == "reject"
    newer = answer_shown(client.get(undo_page(asked, bob)).content.decode())
    assert newer["answer"] != entered["answer"]
    client.post(undo_page(asked, bob), newer)
    assert not Decision.objects.exists()


def test_too_late_is_said_kindly(asked: Request, bob: Person, as_: As, clock: Clock) -> None:
    decide(asked, bob)
    clock.move_to(MONDAY + 13 * MINUTE)
    assert "Undo …" not in page(as_, bob, asked)
    said = as_(bob).get(undo_page(asked, bob), follow=True).content.decode()
    assert "There is no answer of yours that can be taken back." in said
    Mailbox.objects.update(read_until=MONDAY + 13 * MINUTE)
    for number in timing.due(10):
        timing.work(number)
    said = as_(bob).post(undo_page(asked, bob), follow=True).content.decode()
    assert (
        "it took effect on 2 March 2026, 10:13 UTC. It could be taken back until 2 March 2026, 10:10 UTC."
        in said
    )
    assert "tell whoever made the request at once" in said
    assert Decision.objects.count() == 1


def test_after_an_answer_it_says_until_when(asked: Request, bob: Person, carol: Person, as_: As) -> None:
    answer = {"assignment": seat(asked, bob).pk, "outcome": "approve", "comment": ""}
    shown = as_(bob).get(reverse("portal:request", args=[asked.public_id])).context["questions"][0].shown
    said = as_(bob).post(
        reverse("portal:decide", args=[asked.public_id]), {**answer, "shown": shown}, follow=True
    )
    assert "You can take it back until 2 March 2026, 10:10:00 UTC" in said.content.decode()
    late = {"assignment": seat(asked, carol).pk, "outcome": "reject", "comment": "", "shown": shown}
    said = as_(carol).post(reverse("portal:decide", args=[asked.public_id]), late, follow=True)
    assert "It can be taken back until 2 March 2026, 10:10:00 UTC; if it is, you are asked again." in (
        said.content.decode()
    )


def test_decided_by_me_shows_what_was_taken_back(asked: Request, bob: Person, as_: As) -> None:
    decide(asked, bob, "reject")
    as_(bob).post(undo_page(asked, bob))
    shown = as_(bob).get(reverse("portal:decided")).content.decode()
    assert "<s>You rejected this.</s>" in shown
    assert "You have not decided anything yet." not in shown
    assert HOSTILE not in shown
    assert "<s>" not in as_(bob).get(reverse("portal:decided") + "?q=nothing").content.decode()


def test_lists_say_that_it_can_still_be_undone(asked: Request, alice: Person, bob: Person, as_: As) -> None:
    decide(asked, bob)
    assert "Step: decided, and can still be undone" in as_(alice).get(reverse("portal:mine")).content.decode()


def test_without_a_time_nothing_more_is_read(alice: Person, bob: Person, as_: As) -> None:
    make_mailbox()
    request = engine.start(publish(values(SAMPLE)), alice, {"item": "Desk", "amount": "900"})
    browser = as_(bob)
    with CaptureQueriesContext(connection) as read:
        browser.get(reverse("portal:request", args=[request.public_id]))
    assert not any("undonedecision" in query["sql"] for query in read.captured_queries)
