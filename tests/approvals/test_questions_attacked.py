"""Attacks on questions back: on whoever asks, on the requester who stalls, and on what else happens meanwhile."""

from datetime import timedelta

import pytest

from placet.accounts.models import Person
from placet.approvals import engine, timing
from placet.approvals.models import AskLine, Clarification, Decision, Timer
from placet.mail.models import OutgoingMail
from placet.mail.read_past import read_past
from placet.mailboxes.models import Mailbox
from tests import clocks
from tests.approvals.test_clarifications import (
    ask_back,
    both,
    clarify,
    decide,
    plain,
    seat,
    subjects,
    text,
    timed,
)
from tests.approvals.test_steps_that_ask_nobody import process, standing, start, step
from tests.approvals.test_timing import timers, work
from tests.clocks import MONDAY, Clock, at
from tests.mail.test_read_past import aside

pytestmark = pytest.mark.django_db

CAROL = {"person": "carol@contoso.example"}
clock = clocks.standing
_mail_is_read = clocks.mail_is_read


def newest(person: Person) -> str:
    return text(OutgoingMail.objects.filter(kind="ask", to=person.email).latest("pk"))


# --- an approver is told what holds -----------------------------------------------------------------------


def test_whose_turn_it_is_after_an_open_question_is_told_the_deadline_that_holds(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    """Bob decides with his own question open: Carol must not be told that the clock stands."""
    more = {"order": "one_by_one", "due": "2 working days", "expire": {"after": "2 working days"}}
    definition = both(**more)
    definition["transitions"].append({"from": "bob", "outcome": "expired", "to": "rejected"})
    request = start(definition, alice)
    ask_back(bob)
    clock.move_to(at("2026-03-06 12:00"))
    decide(bob)
    assert timers(request)["due"] == "11 11:00 waiting"
    assert "stands still" not in newest(carol)
    assert "Please answer by 11 March 2026, 11:00 UTC." in newest(carol)
    assert len(subjects(carol)) == 1
    assert subjects(alice)[-1] == "No answer needed: Desk"
    assert standing(request) == ("open", "")


def test_whoever_was_told_that_the_clock_stands_is_told_when_it_goes_on(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    """Carol was asked once more while Bob's question was open. He decides, so no answer will ever come to her."""
    request = start(both(due="2 working days"), alice)
    ask_back(bob)
    clock.shift(timedelta(hours=1))
    OutgoingMail.objects.update(state="sent", sent_at=MONDAY)
    engine.resend(seat(carol).pk, alice)
    assert "stands still" in newest(carol)
    clock.shift(timedelta(hours=1))
    decide(bob)
    assert timers(request)["due"] == "05 11:00 waiting"
    assert "Please answer by 5 March 2026, 11:00 UTC." in newest(carol)
    assert standing(request) == ("open", "")


def test_who_was_asked_before_the_clock_stood_gets_no_mail_of_it(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    start(both(due="2 working days"), alice)
    clock.shift(timedelta(hours=1))
    ask_back(bob)
    clock.shift(timedelta(hours=1))
    decide(bob)
    assert subjects(carol) == ["Please decide: Desk"]


# --- data -------------------------------------------------------------------------------------------------


def test_other_data_moves_a_deadline_that_would_be_past_if_its_clock_did_not_stand(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    needed = {"name": "needed", "label": "Needed by", "type": "date"}
    definition = process({
        "both": {
            "kind": "parallel", "name": "Both", "result": [{"approved": "all"}], "otherwise": "rejected",
            "branches": {"a": {"start": "bob"}, "b": {"start": "carol"}},
        },
        "bob": step("bob", due={"field": "needed"}, expire={}),
        "carol": {**step("carol"), "kind": "task", "form": {"fill": ["needed"]}},
    }, [
        *({"from": "bob", "outcome": one, "ends_branch": "approved"} for one in ("approve", "reject", "expired")),
        {"from": "carol", "outcome": "done", "ends_branch": "approved"},
        "both approved approved", "both rejected rejected",
    ])  # fmt: skip
    request = start({**definition, "form": [*definition["form"], needed]}, alice, needed="2026-03-04")
    clarification = ask_back(bob)
    clock.move_to(at("2026-03-05 10:00"))
    engine.decide(
        seat(carol).pk,
        by=carol,
        outcome="done",
        channel=Decision.Channel.PAGE,
        entered={"needed": "2026-03-27"},
    )
    assert timers(request)["due"] == "27 17:00 paused"
    clarify(clarification, alice)
    assert Timer.objects.get(what="due").at > at("2026-03-27 16:59")
    assert standing(request) == ("open", "")


# --- warnings ---------------------------------------------------------------------------------------------


def test_a_warning_comes_as_long_before_the_end_as_the_process_says_wherever_the_end_moved_to(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(timed(expire={"warn": "1 working hour before"}), alice)
    clock.move_to(at("2026-03-04 15:30"))
    clarify(ask_back(bob), alice)  # whoever is asked has until the end of the next working day
    assert timers(request)["expire"] == "05 17:00 waiting"
    assert timers(request)["warn"] == "05 16:00 waiting"
    assert timers(request)["warn 1"] == "05 16:00 waiting"
    assert standing(request) == ("open", "")


def test_nobody_is_warned_of_an_end_whose_clock_stands(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    """After an outage the warning is late, and a question that came after its moment is read before it is worked."""
    request = start(timed(due="2 working days", expire={"warn": "4 working hours before"}), alice)
    clock.move_to(at("2026-03-04 14:00"))
    ask_back(bob)
    assert work(clock, at("2026-03-04 14:01")) == 0
    assert "Ends soon: Desk" not in subjects(bob)
    assert "Ends soon without an answer: Desk" not in subjects(alice)
    clarify(Clarification.objects.get(), alice)
    assert timers(request)["warn"] == "05 13:00 waiting"
    assert standing(request) == ("open", "")


# --- a requester who stalls -------------------------------------------------------------------------------


@pytest.fixture
def mail_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is, where nothing stands in for it."""
    monkeypatch.setattr(timing, "read_past", read_past)


@pytest.mark.parametrize(("whose", "result"), [("alice", "rejected"), ("bob", "")])
def test_only_what_may_be_an_answer_to_the_step_holds_its_end_up(
    clock: Clock,
    mail_is_looked_at: None,
    mailbox: Mailbox,
    alice: Person,
    bob: Person,
    whose: str,
    result: str,
) -> None:
    """Alice would let the end wait with a mail that nobody can read; of Bob it may be his answer."""
    request = start(timed(pause=False), alice)
    ask_back(bob)
    line = AskLine.objects.get(ask__person={"alice": alice, "bob": bob}[whose])
    aside(mailbox, line.ask.code_hash, received_at=at("2026-03-06 16:00"))
    work(clock, at("2026-03-04 17:00"))
    clock.move_to(at("2026-03-06 17:00"))
    Mailbox.objects.update(read_until=at("2026-03-06 17:02"))
    work(clock, at("2026-03-06 17:02"))
    assert standing(request)[1] == result


def test_the_clock_goes_on_though_the_requester_sent_what_nobody_can_read(
    clock: Clock, mail_is_looked_at: None, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(timed(pause={"at_most": "1 working day"}), alice)
    line = ask_back(bob).lines.get()
    aside(mailbox, line.ask.code_hash, received_at=at("2026-03-03 16:00"))
    Mailbox.objects.update(read_until=at("2026-03-03 17:02"))
    assert work(clock, at("2026-03-03 17:02")) == 1
    assert timers(request)["resume 1"] == "03 17:00 acted"
    assert subjects(bob)[-1] == "Question not answered: Desk"
    assert standing(request) == ("open", "")


# --- a withdrawal -----------------------------------------------------------------------------------------


def test_a_requester_hears_that_their_question_is_over_where_an_administrator_withdraws(
    mailbox: Mailbox, alice: Person, bob: Person, admin: Person
) -> None:
    request = start(plain(), alice)
    ask_back(bob)
    engine.withdraw(request.pk, admin)
    assert subjects(alice)[-1] == "No answer needed: Desk"
    assert standing(request) == ("withdrawn", "")
