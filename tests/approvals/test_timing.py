"""The clock of a step: what is due is done at its moment, once, and whoever answers in time counts."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from placet.accounts import calendar_changes
from placet.accounts.calendars import Content, OwnDay
from placet.accounts.models import Person
from placet.approvals import engine, engine_errors, evidence, timing
from placet.approvals.models import Assignment, Decision, Request, Timer, Visit
from placet.approvals.processes import publish
from placet.audit import chain
from placet.lib.working_time import Span
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests import clocks
from tests.approvals.test_steps_that_ask_nobody import (
    answer,
    process,
    refused,
    standing,
    start,
    step,
    text_of,
    visits,
)
from tests.clocks import MONDAY, Clock, at
from tests.making import entries

pytestmark = pytest.mark.django_db

DUE = MONDAY.replace(day=4, hour=17)  # two working days later
WAYS = ["bob approve approved", "bob reject rejected", "bob expired rejected"]
clock = clocks.standing
_mail_is_read = clocks.mail_is_read


def timed(**more: Any) -> dict[str, Any]:
    return process({"bob": step("bob", due="2 working days", **more)}, WAYS if "expire" in more else WAYS[:2])


def work(clock: Clock, moment: datetime) -> int:
    """Everything that is due by then, and how much acted."""
    clock.move_to(moment)
    OutgoingMail.objects.filter(state="waiting").update(state="sent", sent_at=moment - timedelta(hours=1))
    return sum([timing.work(number) for number in timing.due(100)])


def timers(request: Request) -> dict[str, str]:
    rows = Timer.objects.filter(visit__request=request, assignment=None).order_by("what", "number")
    return {f"{row.what} {row.number}".removesuffix(" 0"): f"{row.at:%d %H:%M} {row.state}" for row in rows}


def asks(person: Person) -> list[str]:
    mails = OutgoingMail.objects.filter(kind="ask", to=person.email).order_by("pk")
    return [mail.subject.rpartition(" [#")[0] for mail in mails]


# --- a step's clock ---------------------------------------------------------------------------------------


def test_a_clock_runs_from_when_people_are_asked(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    definition = timed(
        remind=["1 working day before", "1 working day after"], expire={"after": "2 working days"}
    )
    request = start(definition, alice)
    assert timers(request) == {
        "due": "04 17:00 waiting",
        "expire": "06 17:00 waiting",
        "remind 1": "03 09:00 waiting",
        "remind 2": "05 09:00 waiting",
    }
    text = " ".join(text_of(OutgoingMail.objects.get(kind="ask")).split())
    assert "Please answer by 4 March 2026, 17:00 UTC." in text
    assert (
        "Answers count until 6 March 2026, 17:00 UTC. If there is none by then, this ends as “No answer in time”."
        in text
    )
    assert standing(request) == ("open", "")


def test_each_moment_comes_once_and_none_early(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    definition = timed(
        remind=["1 working day before", "1 working day after"], expire={"after": "2 working days"}
    )
    request = start(definition, alice)
    assert work(clock, at("2026-03-03 08:59:59")) == 0
    assert work(clock, at("2026-03-03 09:00")) == 1
    assert work(clock, at("2026-03-03 09:00")) == 0
    assert asks(bob) == ["Please decide: Desk", "Reminder: Desk"]
    assert work(clock, DUE) == 1
    assert work(clock, at("2026-03-05 09:00")) == 1
    assert work(clock, at("2026-03-06 16:59:59")) == 0
    assert work(clock, at("2026-03-06 17:00")) == 1
    assert asks(bob) == ["Please decide: Desk", "Reminder: Desk", "Reminder: Desk"]
    assert visits(request) == ["bob closed expired"]
    assert standing(request) == ("ended", "rejected")
    [mail] = OutgoingMail.objects.filter(kind="expired")
    assert mail.to == bob.email
    assert "was to be answered before 6 March 2026, 17:00 UTC." in " ".join(text_of(mail).split())
    assert {row.state for row in Timer.objects.all()} == {"acted"}
    assert work(clock, at("2026-04-01 09:00")) == 0


def test_what_is_decided_is_neither_reminded_nor_expired(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(timed(remind=["when due"], expire={"after": "1 day"}), alice)
    answer(bob)
    assert standing(request) == ("ended", "approved")
    assert work(clock, at("2026-03-30 09:00")) == 3
    assert {row.state for row in Timer.objects.all()} == {"needless"}
    assert asks(bob) == ["Please decide: Desk"]
    assert standing(request) == ("ended", "approved")


def test_an_older_code_stays_good_after_a_reminder(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    start(timed(remind=["1 working day before"]), alice)
    work(clock, at("2026-03-03 09:00"))
    seat = Assignment.objects.get(person=bob)
    assert seat.ask_lines.count() == 2
    assert len({line.facts_hash for line in seat.ask_lines.all()}) == 1


def test_an_answer_after_the_end_counts_no_more_though_nothing_acted_yet(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(timed(expire={}), alice)
    clock.move_to(DUE + timedelta(seconds=1))
    with pytest.raises(engine_errors.TooLate):
        answer(bob)
    assert standing(request) == ("open", "")
    clock.move_to(DUE)
    answer(bob)
    assert standing(request) == ("ended", "approved")


def test_who_comes_after_it_expired_is_told_so(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    start(timed(expire={}), alice)
    seat = Assignment.objects.get(person=bob)
    work(clock, DUE)
    with pytest.raises(engine_errors.TooLate):
        engine.decide(seat.pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)


def test_after_an_outage_the_moments_do_not_come_at_once(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    definition = timed(remind=["1 working day before", "2 days after"], expire={"after": "4 days"})
    request = start(definition, alice)
    assert timers(request) == {
        "due": "04 17:00 waiting",
        "expire": "08 17:00 waiting",
        "remind 1": "03 09:00 waiting",
        "remind 2": "06 17:00 waiting",
    }
    back = at("2026-03-12 10:00")
    assert work(clock, back) == 2  # what was due, and the first reminder
    # Half of the time between them: 3.33 days, and 2 days.
    assert timers(request)["remind 2"] == "14 02:00 waiting"
    assert timers(request)["expire"] == "15 02:00 waiting"
    assert asks(bob) == ["Please decide: Desk", "Reminder: Desk"]
    assert standing(request) == ("open", "")
    answer(bob)
    assert standing(request) == ("ended", "approved")


def test_a_reminder_waits_for_the_hours_of_whoever_is_asked(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    start(timed(remind=["12 hours after"]), alice)
    assert work(clock, DUE) == 1
    assert work(clock, at("2026-03-05 05:00")) == 1
    assert asks(bob) == ["Please decide: Desk"]
    assert work(clock, at("2026-03-05 09:00")) == 1
    assert asks(bob) == ["Please decide: Desk", "Reminder: Desk"]


def test_who_was_just_asked_is_not_reminded(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    start(timed(remind=["1 hour before"]), alice)
    clock.move_to(DUE - timedelta(minutes=60))
    OutgoingMail.objects.update(state="sent", sent_at=DUE - timedelta(minutes=65))
    assert [timing.work(number) for number in timing.due(10)] == [True]
    assert asks(bob) == ["Please decide: Desk"]
    assert Timer.objects.get(what="remind").state == "needless"


def test_a_clock_that_is_set_back_fires_nothing_early(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(timed(expire={}), alice)
    clock.move_to(DUE + timedelta(hours=1))
    due = timing.due(10)
    clock.move_to(DUE - timedelta(hours=1))
    assert [timing.work(number) for number in due] == [False, False]
    assert standing(request) == ("open", "")
    assert work(clock, DUE) == 2
    assert standing(request) == ("ended", "rejected")


# --- what it is reckoned from -----------------------------------------------------------------------------

NEEDED = {"name": "needed", "label": "Needed by", "type": "date"}


def by_field(**due: Any) -> dict[str, Any]:
    more = step("bob", due={"field": "needed", **due}, expire={"after": "1 working day"})
    definition = process({"bob": more}, WAYS)
    return {**definition, "form": [*definition["form"], NEEDED]}


@pytest.mark.parametrize(
    ("due", "entered", "expected"),
    [
        ({}, "2026-03-20", {"due": "20 17:00 waiting", "expire": "23 17:00 waiting"}),
        (
            {"before": "2 working days"},
            "2026-03-20",
            {"due": "18 17:00 waiting", "expire": "19 17:00 waiting"},
        ),
        ({}, "", {}),  # none
        # A day that is past: it was due, and whoever is asked has a working day all the same.
        ({}, "2026-02-20", {"due": "20 17:00 waiting", "expire": "03 17:00 waiting"}),
    ],
)
def test_a_deadline_comes_from_the_form(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person,
    due: Mapping[str, Any], entered: str, expected: Mapping[str, str],
) -> None:  # fmt: skip
    request = start(by_field(**due), alice, needed=entered)
    assert timers(request) == expected
    assert standing(request) == ("open", "")


def test_a_deadline_comes_from_an_expression(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    expression = "amount > 1000.0 ? '5 working days' : (note == '' ? '' : '4 working hours')"
    definition = process({"bob": step("bob", due={"expression": expression})}, WAYS[:2])
    assert timers(start(definition, alice, amount="5000")) == {"due": "09 17:00 waiting"}
    assert timers(start(definition, alice, note="urgent")) == {"due": "02 14:00 waiting"}
    assert timers(start(definition, alice)) == {}


def test_what_cannot_be_reckoned_is_stuck_until_it_can(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, admin: Person
) -> None:
    definition = process({"bob": step("bob", due={"expression": "{'soon': 'never'}[note]"})}, WAYS[:2])
    request = start(definition, alice, note="soon")
    visit = Visit.objects.get(request=request)
    assert visit.state == "stuck"
    assert "its deadline cannot be reckoned: “never” is no amount of time and no date" in visit.reason
    assert asks(bob) == []
    assert standing(request) == ("open", "")


@pytest.mark.parametrize("before", ["2026-03-20", ""])
def test_other_data_moves_a_deadline_that_has_not_passed_or_begins_it(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, before: str
) -> None:
    task = {**step("carol"), "kind": "task", "form": {"fill": ["needed"]}}
    both = {
        "both": {
            "kind": "parallel", "name": "Both", "result": [{"approved": "all"}], "otherwise": "rejected",
            "branches": {"a": {"start": "bob"}, "b": {"start": "carol"}},
        },
        "bob": step("bob", due={"field": "needed"}, remind=["1 working day before"], expire={}),
        "carol": task,
    }  # fmt: skip
    definition = process(both, [
        {"from": "bob", "outcome": "approve", "ends_branch": "approved"},
        {"from": "bob", "outcome": "reject", "ends_branch": "approved"},
        {"from": "bob", "outcome": "expired", "ends_branch": "approved"},
        {"from": "carol", "outcome": "done", "ends_branch": "approved"},
        "both approved approved", "both rejected rejected",
    ])  # fmt: skip
    definition = {**definition, "form": [*definition["form"], NEEDED]}
    request = start(definition, alice, needed=before)
    assert ("due" in timers(request)) is bool(before)
    seat = Assignment.objects.get(person=carol)
    engine.decide(
        seat.pk, by=carol, outcome="done", channel=Decision.Channel.PAGE, entered={"needed": "2026-03-27"}
    )
    assert timers(request) == {
        "due": "27 17:00 waiting", "expire": "27 17:00 waiting", "remind 1": "26 09:00 waiting",
    }  # fmt: skip
    assert asks(bob)[-1] == "Changed: Desk"
    event = "due moved" if before else "due set"
    assert [entry.what["revision"] for entry in entries(event, request=request)] == [2]
    assert standing(request) == ("open", "")


# --- waiting ----------------------------------------------------------------------------------------------


def test_a_step_waits_for_a_moment(clock: Clock, alice: Person) -> None:
    definition = process(
        {"wait": {"kind": "wait", "name": "Wait", "due": "1 working day"}}, ["wait arrived approved"]
    )
    request = start(definition, alice)
    assert visits(request) == ["wait open"]
    assert work(clock, at("2026-03-03 16:59")) == 0
    assert work(clock, at("2026-03-03 17:00")) == 1
    assert standing(request) == ("ended", "approved")


def test_what_does_not_come_in_time_is_another_outcome(clock: Clock, alice: Person) -> None:
    wait = {"kind": "wait", "name": "Wait", "signal": "paid", "due": "1 working day"}
    definition = process({"wait": wait}, ["wait arrived approved", "wait expired rejected"])
    request, other = start(definition, alice), start(definition, alice)
    engine.signal(other.pk, "paid", None)
    assert standing(other) == ("ended", "approved")
    assert work(clock, at("2026-03-04 17:00")) == 2
    assert standing(request) == ("ended", "rejected")
    assert standing(other) == ("ended", "approved")


def test_a_wait_without_its_moment_is_stuck(clock: Clock, alice: Person, admin: Person) -> None:
    wait = {"kind": "wait", "name": "Wait", "due": {"field": "needed"}}
    definition = process({"wait": wait}, ["wait arrived approved"])
    definition = {**definition, "form": [*definition["form"], NEEDED]}
    request = start(definition, alice)
    [visit] = request.visits.all()
    assert (visit.state, visit.reason) == ("stuck", "it waits for a moment that nothing names")


# --- publishing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"calendar": "berlin"}, "steps.bob: calendar: there is no calendar berlin"),
        ({"due": {"field": "nothing"}}, "steps.bob: due: there is no field nothing"),
        (
            {"due": {"field": "item"}},
            "steps.bob: due: item is of type text; a deadline is of type date or date_time",
        ),
        ({"due": {"expression": "item +"}}, "steps.bob: due: "),
        ({"due": {"expression": "amount"}}, "steps.bob: due: 1.0 is no amount of time and no date"),
        ({"due": {"expression": "'soon'"}}, "steps.bob: due: “soon” is no amount of time and no date"),
        ({"due": {"expression": "steps.nobody.outcome"}}, "steps.bob: due: "),
        ({"expire": {"outcome": "approve"}}, "steps.bob: expire: nobody's answer would count as approve"),
        ({"expire": {"outcome": "later"}}, "steps.bob: expire: later is no outcome here"),
        (
            {"expire": {"outcome": "reject", "silence_counts": True}},
            "steps.bob: expire: silence_counts belongs to an outcome that gives what is asked for",
        ),
        ({"expire": {}, "ways": WAYS[:2]}, "steps.bob: nothing follows expired"),
    ],
)
def test_a_deadline_that_cannot_be_kept_is_not_published(more: dict[str, Any], problem: str) -> None:
    ways = more.pop("ways", WAYS if "expire" in more else WAYS[:2])
    assert problem in refused(process({"bob": step("bob", **{"due": "2 working days", **more})}, ways))


def test_a_calendar_belongs_to_a_deadline() -> None:
    assert "steps.bob: calendar: " in refused(process({"bob": step("bob", calendar="berlin")}, WAYS[:2]))
    assert "calendar: there is no calendar x" in refused(
        process({"bob": step("bob")}, WAYS[:2], calendar="x")
    )


def test_silence_counts_only_where_the_process_says_so(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    definition = process(
        {"bob": step("bob", due="1 working day", expire={"outcome": "approve", "silence_counts": True})},
        WAYS[:2],
    )
    request = start(definition, alice)
    assert work(clock, at("2026-03-03 17:00")) == 2
    assert standing(request) == ("ended", "approved")
    assert Decision.objects.count() == 0


# --- whose hours ------------------------------------------------------------------------------------------

#: Sunday to Thursday, from 8 to 16 in Riyadh, which is UTC+3.
RIYADH = Content("Asia/Riyadh", (*[(Span(8 * 60, 16 * 60),)] * 4, (), (), (Span(8 * 60, 16 * 60),)))
#: As in Riyadh, with a day of its own.
CLOSED = replace(RIYADH, days=(OwnDay(date(2026, 3, 3), "Founding day"),))


@pytest.mark.parametrize(
    ("step_calendar", "process_calendar", "due"),
    [
        (None, None, "05 13:00 waiting"),  # Bob's own: closed on Tuesday
        (None, "riyadh", "04 13:00 waiting"),
        ("closed", "riyadh", "05 13:00 waiting"),
    ],
)
def test_the_steps_calendar_counts_then_the_processs_then_the_persons(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, admin: Person,
    step_calendar: str | None, process_calendar: str | None, due: str,
) -> None:  # fmt: skip
    calendar_changes.add("riyadh", "Riyadh", RIYADH, admin)
    bob.calendar = calendar_changes.add("closed", "Closed", CLOSED, admin)
    bob.save()
    more = {"calendar": step_calendar} if step_calendar else {}
    whole = {"calendar": process_calendar} if process_calendar else {}
    definition = process({"bob": step("bob", due="2 working days", **more)}, WAYS[:2], **whole)
    request = start(definition, alice)
    assert timers(request) == {"due": due}
    [entry] = entries("due set", request=request)
    named = step_calendar or process_calendar or "closed"
    assert (entry.what["basis"]["calendar"], entry.what["basis"]["version"]) == (named, 1)


def test_of_several_who_are_asked_the_installations_hours_count(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    bob.calendar = calendar_changes.add("closed", "Closed", CLOSED, admin)
    bob.save()
    ask = [{"person": bob.email}, {"person": carol.email}]
    definition = process({"bob": {**step("bob", due="2 working days"), "ask": ask}}, WAYS[:2])
    assert timers(start(definition, alice)) == {"due": "04 17:00 waiting"}


def test_a_calendar_that_deadlines_are_reckoned_with_is_not_deleted(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, admin: Person
) -> None:
    calendar = calendar_changes.add("riyadh", "Riyadh", RIYADH, admin)
    definition = process({"bob": step("bob", due="2 working days", calendar="riyadh")}, WAYS[:2])
    start(definition, alice)
    publish(process({"bob": step("bob")}, WAYS[:2]))  # a request runs on the version before still
    with pytest.raises(calendar_changes.InUse) as error:
        calendar_changes.delete(calendar, admin)
    assert error.value.uses.processes == ["Quiet"]
    answer(bob)
    calendar_changes.delete(calendar, admin)
    assert [*chain.verify(), *evidence.compare()] == []
