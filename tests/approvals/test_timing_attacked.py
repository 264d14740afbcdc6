"""Deadlines under attack: what must not happen to a step, whatever people enter, whoever works it and when."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from placet.accounts.models import Calendar, CalendarVersion, Person
from placet.approvals import engine, engine_errors, evidence, timing
from placet.approvals.models import Assignment, Decision, Request, Timer, Visit
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests import clocks
from tests.approvals.test_steps_that_ask_nobody import answer, process, standing, start, step, text_of, visits
from tests.approvals.test_timing import WAYS, asks, work
from tests.clocks import MONDAY, Clock, at
from tests.making import entries

pytestmark = pytest.mark.django_db

MOMENT = {"name": "needed", "label": "Needed by", "type": "date_time"}
SILENCE = {"outcome": "approve", "silence_counts": True}
clock = clocks.standing
_mail_is_read = clocks.mail_is_read


def timed(*ways: Any, **more: Any) -> dict[str, Any]:
    definition = process({"bob": step("bob", **more)}, [*(ways or WAYS if "expire" in more else WAYS[:2])])
    return {**definition, "form": [*definition["form"], MOMENT]}


def beside(*, form: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Bob has a deadline, and beside him Carol enters it."""
    both = {
        "both": {
            "kind": "parallel", "name": "Both", "result": [{"approved": "all"}], "otherwise": "rejected",
            "branches": {"a": {"start": "bob"}, "b": {"start": "carol"}},
        },
        "bob": step("bob", **more, **({"form": form} if form else {})),
        "carol": {**step("carol"), "kind": "task", "form": {"fill": ["needed"]}},
    }  # fmt: skip
    ends = [("bob", "approve", "approved"), ("bob", "reject", "approved"), ("carol", "done", "approved")]
    if "expire" in more and more["expire"].get("outcome") is None:
        ends.append(("bob", "expired", "approved"))
    ways: list[Any] = [{"from": one, "outcome": what, "ends_branch": as_} for one, what, as_ in ends]
    definition = process(both, [*ways, "both approved approved", "both rejected rejected"])
    return {**definition, "form": [*definition["form"], MOMENT]}


def enters(carol: Person, needed: str) -> None:
    seat = Assignment.objects.get(person=carol, state="open")
    engine.decide(
        seat.pk, by=carol, outcome="done", channel=Decision.Channel.PAGE, entered={"needed": needed}
    )


def timer(request: Request, what: str) -> Timer:
    return Timer.objects.get(visit__request=request, what=what, assignment=None)


# --- what is entered --------------------------------------------------------------------------------------


@pytest.mark.parametrize("needed", ["9990-12-31 23:59", "9985-01-01 10:00", "1900-01-01 00:00"])
def test_a_day_that_is_ages_away_stops_nothing_but_its_own_step(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, admin: Person, needed: str
) -> None:
    more = {"remind": ["1 working day before"], "expire": {"after": "1000 working days"}}
    request = start(timed(due={"field": "needed"}, **more), alice, needed=needed)
    assert standing(request) == ("open", "")
    if needed > "2000":
        assert Visit.objects.get(request=request).state == "stuck"


@pytest.mark.parametrize("note", ["9999-12-31T23:59", "0001-01-01T00:00", "0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_a_moment_outside_of_all_calendars_is_no_deadline(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, admin: Person, note: str, zone: str
) -> None:
    few(zone=zone)
    request = start(timed(due={"expression": "note == 'x' ? '' : note"}, calendar="few"), alice, note=note)
    assert standing(request) == ("open", "")
    assert Visit.objects.get(request=request).state == "stuck"


def few(*, zone: str = "UTC", week: Any = ([[540, 600]], [], [], [], [], [], [])) -> CalendarVersion:
    """Somebody works an hour a week."""
    calendar = Calendar.objects.create(key="few", name="Few")
    return CalendarVersion.objects.create(calendar=calendar, number=1, zone=zone, week=week)


def test_a_calendar_with_few_hours_leaves_a_step_stuck(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, admin: Person
) -> None:
    few()
    more = {"remind": ["1000 working days before"], "expire": {"after": "1000 working hours"}}
    request = start(timed(due="1 working day", calendar="few", **more), alice)
    assert standing(request) == ("open", "")
    visit = Visit.objects.get(request=request)
    assert (visit.state, visit.reason) == (
        "stuck", "the calendar “few” has no working time for its deadline",
    )  # fmt: skip


def test_a_moment_that_is_about_to_come_leaves_time_for_an_answer(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    """Whoever asks could have it granted in a minute, where silence counts."""
    definition = timed(*WAYS[:2], due={"field": "needed"}, expire=SILENCE)
    request = start(definition, alice, needed="2026-03-02 10:01")
    assert timer(request, "expire").at == at("2026-03-03 17:00")
    assert work(clock, at("2026-03-02 10:01")) == 1
    assert standing(request) == ("open", "")


def test_nor_is_an_end_brought_forward_to_the_next_minute(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    definition = beside(due={"field": "needed"}, expire=SILENCE)
    request = start(definition, alice, needed="2026-03-20 10:00")
    enters(carol, "2026-03-02 10:01")
    assert timer(request, "expire").at == at("2026-03-03 17:00")


def test_an_end_that_is_past_is_not_put_off_though_nothing_acted_yet(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(beside(due={"field": "needed"}, expire={}), alice, needed="2026-03-04 10:00")
    clock.move_to(at("2026-03-05 10:00"))
    enters(carol, "2026-03-20 10:00")
    assert timer(request, "expire").at == at("2026-03-04 10:00")


def test_nobody_is_reminded_by_a_deadline_that_is_another_one_now(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    definition = beside(due={"field": "needed"}, remind=["1 working day before"])
    request = start(definition, alice, needed="2026-03-20 10:00")
    enters(carol, "2026-03-03 10:00")  # one working day before that has begun already
    asked = asks(bob)
    work(clock, at("2026-03-19 09:00"))
    assert asks(bob) == asked
    assert standing(request) == ("open", "")


def test_whoever_is_asked_is_told_when_the_end_moves(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    """Though what it comes from is hidden from them: the earlier mail says another one."""
    definition = beside(form={"hide": ["needed"]}, due={"field": "needed"}, expire={})
    start(definition, alice, needed="2026-03-20 10:00")
    enters(carol, "2026-03-10 10:00")
    newest = OutgoingMail.objects.filter(kind="ask", to=bob.email).order_by("-pk")[0]
    assert "count until 10 March 2026, 10:00 UTC" in " ".join(text_of(newest).split())
    seat = Assignment.objects.get(person=bob)
    assert len({line.facts_hash for line in seat.ask_lines.all()}) == 1  # either mail can be answered


# --- whoever was never asked ------------------------------------------------------------------------------


def test_no_clock_begins_where_nobody_is_asked(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    request = start(beside(due={"field": "needed"}, expire=SILENCE), alice, needed="9985-01-01 10:00")
    assert asks(bob) == []
    enters(carol, "2026-03-03 10:00")
    assert asks(bob) == []
    work(clock, at("2026-03-30 10:00"))
    assert standing(request) == ("open", "")
    engine.ask_again(Visit.objects.get(request=request, step_key="bob").pk, admin)
    assert timer(request, "expire").at == at("2026-03-31 17:00")


def test_silence_of_nobody_counts_for_nothing(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, admin: Person
) -> None:
    """Whoever was asked has left, and nobody is asked in their place."""
    request = start(timed(*WAYS[:2], due="1 working day", expire=SILENCE), alice)
    engine.deactivate(bob, admin)
    work(clock, at("2026-03-30 10:00"))
    work(clock, at("2026-03-30 10:01"))
    assert standing(request) == ("open", "")
    Person.objects.filter(pk=bob.pk).update(is_active=True)
    engine.ask_again(Visit.objects.get(request=request).pk, admin)
    assert timer(request, "expire").at == at("2026-03-31 17:00")
    answer(bob, "reject")
    assert standing(request) == ("ended", "rejected")


# --- when things are worked late --------------------------------------------------------------------------


def test_an_end_at_the_deadline_stays_where_it_is_though_that_is_worked_a_second_later(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(timed(due="1 hour", expire={}), alice)
    clock.move_to(MONDAY + timedelta(hours=1, seconds=1))
    assert timing.work(timer(request, "due").pk)
    assert timer(request, "expire").at == MONDAY + timedelta(hours=1)
    assert entries("due moved", request=request) == []


def test_the_end_gives_time_though_it_is_worked_before_the_reminder(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    """By a second worker, or because the reminder failed."""
    definition = timed(due="1 working day", remind=["1 day before"], expire={"after": "4 days"})
    request = start(definition, alice)
    clock.move_to(at("2026-03-20 10:00"))
    assert not timing.work(timer(request, "expire").pk)
    assert timer(request, "expire").at > at("2026-03-20 10:00")
    assert standing(request) == ("open", "")


def test_an_answer_counts_as_long_as_the_end_may_still_move(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    """After a time in which nothing was worked it is read before the timers are, or after."""
    request = start(timed(due="1 working day", expire={"after": "4 days"}), alice)
    clock.move_to(at("2026-03-20 10:00"))
    answer(bob)
    assert standing(request) == ("ended", "approved")


def test_nothing_of_a_step_moves_after_its_end(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(
        timed(due="1 working day", remind=["2 days after"], expire={"after": "1 working day"}), alice
    )
    work(clock, at("2026-03-03 17:00"))
    work(clock, at("2026-03-20 10:00"))
    assert standing(request) == ("ended", "rejected")
    assert entries("due moved", request=request) == []


def test_nobody_is_reminded_after_the_end(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the mailbox cannot be read."""
    monkeypatch.setattr(timing, "read_past", lambda *_, **__: False)
    request = start(
        timed(due="1 working day", remind=["2 days after"], expire={"after": "1 working day"}), alice
    )
    for day in range(3, 12):
        work(clock, at(f"2026-03-{day:02} 17:00"))
    assert asks(bob) == ["Please decide: Desk"]
    assert standing(request) == ("open", "")
    assert entries("due moved", request=request) == []


# --- what it comes to, and what is said of it -------------------------------------------------------------


def test_who_comes_late_where_others_answered_is_told_that_it_expired(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    ask = [{"person": bob.email}, {"person": carol.email}]
    definition = timed(rule="all", due="1 working day", expire={})
    definition["steps"]["bob"]["ask"] = ask
    start(definition, alice)
    answer(bob)
    seat = Assignment.objects.get(person=carol)
    work(clock, at("2026-03-03 17:00"))
    with pytest.raises(engine_errors.TooLate):
        engine.decide(seat.pk, by=carol, outcome="approve", channel=Decision.Channel.PAGE)


def test_the_requester_reads_what_was_not_decided_in_time(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    start(timed(due="1 working day", expire={}), alice)
    work(clock, at("2026-03-03 17:00"))
    [mail] = OutgoingMail.objects.filter(kind="ended")
    text = " ".join(text_of(mail).split())
    assert "Bob: not decided before 3 March 2026, 17:00 UTC, so it ended as “No answer in time”" in text


def test_a_reminder_after_the_deadline_says_that_it_is_past(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    start(timed(due="1 working day", remind=["1 working day after"]), alice)
    work(clock, at("2026-03-03 17:00"))
    work(clock, at("2026-03-04 09:00"))
    newest = OutgoingMail.objects.filter(kind="ask").order_by("-pk")[0]
    text = " ".join(text_of(newest).split())
    assert "An answer was due on 3 March 2026, 17:00 UTC." in text
    assert "Please answer by" not in text


def test_a_way_back_may_go_on_because_time_passed(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    """As often as a step may be entered."""
    definition = timed(*WAYS[:2], "bob expired bob", due="1 working day", expire={})
    request = start({**definition, "most_rounds": 2}, alice)
    work(clock, at("2026-03-03 17:00"))
    assert visits(request) == ["bob closed expired", "bob open"]
    work(clock, at("2026-03-05 17:00"))
    assert visits(request) == ["bob closed expired", "bob stuck expired"]
    assert standing(request) == ("open", "")


def test_so_may_one_over_a_wait(clock: Clock, alice: Person) -> None:
    wait = {"kind": "wait", "name": "Payment", "signal": "paid", "due": "30 days"}
    request = start(process({"pay": wait}, ["pay arrived approved", "pay expired pay"]), alice)
    work(clock, at("2026-04-02 10:00"))
    assert visits(request) == ["pay closed expired", "pay open"]


def found(request: Request) -> list[str]:
    return [one.reason for one in evidence.compare(request.pk)]


def test_what_is_written_into_the_database_is_found(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(timed(due="1 working day", expire={}), alice)
    assert found(request) == []
    expiry = Timer.objects.filter(visit__request=request, what="expire")
    expiry.update(at=MONDAY)
    assert found(request) != []
    expiry.update(at=at("2026-03-03 17:00"), state="acted")
    assert found(request) != []
    expiry.update(state="waiting")
    assert found(request) == []
    Visit.objects.filter(request=request).update(state="closed", result="expired")
    assert found(request) != []


def test_an_expiry_that_is_taken_back_in_the_database_is_found(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(timed(due="1 working day", expire={}), alice)
    work(clock, at("2026-03-03 17:00"))
    assert found(request) == []
    Timer.objects.filter(visit__request=request, what="expire").update(state="needless")
    assert found(request) != []
