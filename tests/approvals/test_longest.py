"""How long a whole request takes at most: it ends at that moment, once, wherever it stands, and no answer is lost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from placet.accounts import calendar_changes
from placet.accounts.calendars import Content
from placet.accounts.models import Person
from placet.approvals import (
    calendar_moves,
    calling,
    delegating,
    engine,
    engine_errors,
    evidence,
    stopping,
    timing,
)
from placet.approvals.engine_clarifications import Written
from placet.approvals.models import Assignment, Decision, Request, Stop, Visit
from placet.approvals.processes import publish
from placet.approvals.standing import standing_of
from placet.lib.working_time import Span
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests import clocks
from tests.approvals.test_steps_that_ask_nobody import (
    answer,
    called_by,
    calling_one,
    process,
    refused,
    standing,
    start,
    step,
    text_of,
    visits,
    wait,
)
from tests.clocks import MONDAY, Clock
from tests.making import entries

pytestmark = pytest.mark.django_db

LONGEST = {"after": "3 working days", "result": "expired", "name": "Not decided in time"}
END = MONDAY.replace(day=5, hour=17)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
ONE_STEP = ["bob approve approved", "bob reject rejected"]
clock = clocks.standing


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> set[datetime]:
    """Moments that the mailboxes were not read past; that this is asked rightly is shown in the journeys."""
    moments: set[datetime] = set()

    def read_past(mailboxes: Any, moment: datetime, *_: Any, **__: Any) -> bool:
        return moment not in moments

    monkeypatch.setattr(stopping, "read_past", read_past)
    monkeypatch.setattr(timing, "read_past", read_past)
    return moments


@pytest.fixture(autouse=True)
def _mail_is_read(unread: set[datetime]) -> None:
    """Unless a test says otherwise."""


def limited(**more: Any) -> dict[str, Any]:
    return process({"bob": step("bob", **more)}, ONE_STEP, longest=LONGEST)


def two_steps(**more: Any) -> dict[str, Any]:
    ways = ["carol approve bob", "carol reject rejected", *ONE_STEP]
    return process({"carol": step("carol", **more), "bob": step("bob", **more)}, ways, longest=LONGEST)


def stop(clock: Clock, moment: datetime) -> int:
    """What ends by then."""
    clock.move_to(moment)
    return sum([stopping.work(number) for number in stopping.due(100)])


def row(request: Request) -> Stop:
    return Stop.objects.get(request=request)


def mails(kind: str) -> list[str]:
    return [*OutgoingMail.objects.filter(kind=kind).order_by("pk").values_list("to", flat=True)]


# --- the moment -------------------------------------------------------------------------------------------


def test_it_ends_at_its_moment_once_and_everybody_reads_why(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(limited(), alice)
    assert row(request).at == END
    assert stop(clock, END - SECOND) == 0
    assert standing(request) == ("open", "")
    assert stop(clock, END) == 1
    assert standing(request) == ("ended", "expired")
    assert visits(request) == ["bob cancelled"]
    assert [one.state for one in Assignment.objects.all()] == ["superseded"]
    assert row(request).state == "acted"
    [entry] = entries("stopped")
    assert (entry.what["due"], entry.what["result"]) == (END.isoformat(), "expired")
    assert (mails("stopped"), mails("ended"), mails("not-needed")) == ([bob.email], [alice.email], [])
    text = " ".join(text_of(OutgoingMail.objects.get(kind="stopped")).split())
    assert "was not decided before 5 March 2026, 17:00 UTC, which is as long as it may take" in text
    assert "so it ended as “Not decided in time”." in text
    ended = OutgoingMail.objects.get(kind="ended")
    assert ended.subject == "Not decided in time: Desk"
    assert "not decided before 5 March 2026, 17:00 UTC" in " ".join(text_of(ended).split())
    assert stop(clock, END + 30 * DAY) == 0
    assert (mails("stopped"), mails("ended")) == ([bob.email], [alice.email])


def test_it_moves_neither_from_step_to_step_nor_while_a_clock_stands(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(two_steps(due="2 working days"), alice)
    clock.move_to(MONDAY + DAY)
    seat = Assignment.objects.get(person=carol)
    engine.ask_back(seat.pk, carol, Written("Why?"))
    clock.move_to(MONDAY + DAY + HOUR)
    answer(carol)
    assert visits(request) == ["carol closed approve", "bob open"]
    assert row(request).at == END
    engine.ask_back(Assignment.objects.get(person=bob).pk, bob, Written("Why?"))
    assert stop(clock, END - SECOND) == 0
    assert stop(clock, END) == 1
    assert standing(request) == ("ended", "expired")
    assert visits(request) == ["carol closed approve", "bob cancelled"]
    assert mails("clarification-needless") == [alice.email, alice.email]
    assert timing.due(100) == []


def test_two_workers_end_it_once_and_a_clock_that_is_set_back_not_at_all(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(limited(), alice)
    clock.move_to(END)
    rows = [*stopping.due(10), *stopping.due(10)]
    Stop.objects.update(at=END + DAY)  # as of another worker's clock
    assert [stopping.work(number) for number in rows] == [False, False]
    assert row(request).due == END + DAY
    Stop.objects.update(at=END, due=END)
    assert [stopping.work(number) for number in rows] == [True, False]
    assert standing(request) == ("ended", "expired")
    assert len(entries("stopped")) == 1


def test_what_has_ended_or_was_withdrawn_is_left_as_it_is(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    decided, withdrawn = start(limited(), alice), start(limited(), alice)
    answer(bob)
    engine.withdraw(withdrawn.pk, alice)
    assert {one.state for one in Stop.objects.all()} == {"needless"}
    assert stop(clock, END) == 0
    assert (standing(decided), standing(withdrawn)) == (("ended", "approved"), ("withdrawn", ""))
    Stop.objects.update(state="waiting")  # it would do nothing if it were looked at
    assert stop(clock, END) == 2
    assert {one.state for one in Stop.objects.all()} == {"needless"}
    assert (standing(decided), standing(withdrawn)) == (("ended", "approved"), ("withdrawn", ""))


def test_by_the_calendar_of_the_process_else_of_the_installation(
    clock: Clock, alice: Person, bob: Person
) -> None:
    week = [(Span(10 * 60, 14 * 60),) if day < 2 else () for day in range(7)]
    calendar = calendar_changes.add("short", "Short", Content("UTC", week), alice)
    assert row(start(limited(), alice)).at == END
    request = start({**limited(), "calendar": "short"}, alice)
    assert row(request).at == datetime(2026, 3, 10, 14, tzinfo=UTC)  # Tuesday, Monday, Tuesday
    assert row(request).basis["calendar"] == "short"
    calendar_changes.change(calendar, lambda _: Content("UTC", [*[()] * 6, (Span(0, 60),)]), alice)
    assert [calendar_moves.work(number) for number in calendar_moves.due(10)] == []
    assert row(request).at == datetime(
        2026, 3, 10, 14, tzinfo=UTC
    )  # a newer version moves what a step waits for
    assert standing(request) == ("open", "")


# --- answers ----------------------------------------------------------------------------------------------


def test_an_answer_counts_until_the_moment_and_not_after_it_though_nothing_acted(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(limited(), alice)
    seat = Assignment.objects.get(person=bob)
    clock.move_to(END + SECOND)
    for answers in (
        lambda: answer(bob),
        lambda: engine.ask_back(seat.pk, bob, Written("Why?")),
    ):
        with pytest.raises(engine_errors.TooLate):
            answers()
    assert standing(request) == ("open", "")
    clock.move_to(END)
    answer(bob)
    assert standing(request) == ("ended", "approved")
    assert stop(clock, END + SECOND) == 0


def test_who_comes_after_it_ended_is_told_so_whatever_others_answered(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    both = {"ask": [{"person": bob.email}, {"person": carol.email}], "rule": "all"}
    request = start(limited(**both), alice)
    answer(carol)
    stop(clock, END)
    assert standing(request) == ("ended", "expired")
    with pytest.raises(engine_errors.TooLate):
        engine.decide(
            Assignment.objects.get(person=bob).pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE
        )
    assert mails("stopped") == [bob.email]
    assert "approved by Carol" in text_of(OutgoingMail.objects.get(kind="ended"))


def test_it_waits_for_the_mailboxes_that_open_asks_named(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, unread: set[datetime]
) -> None:
    request = start(limited(), alice)
    unread.add(END)
    assert stop(clock, END) == 0
    assert stop(clock, END + 2 * DAY) == 0
    assert standing(request) == ("open", "")
    assert row(request).due == END + 2 * DAY + timedelta(seconds=30)
    unread.clear()
    assert stop(clock, END + 3 * DAY) == 1
    assert standing(request) == ("ended", "expired")


def test_asked_on_the_page_only_it_waits_for_no_mailbox(
    clock: Clock, alice: Person, bob: Person, unread: set[datetime]
) -> None:
    request = start(limited(), alice)
    unread.add(END)
    assert stop(clock, END) == 1
    assert standing(request) == ("ended", "expired")


# --- where a request may stand ----------------------------------------------------------------------------


def test_everything_in_blocks_ends_deepest_first_and_each_person_is_told_once(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    inner = {
        "kind": "parallel", "name": "Inner", "branches": {"one": {"start": "deep"}, "two": {"start": "deeper"}},
        "result": [{"approved": "all"}], "otherwise": "rejected",
    }  # fmt: skip
    outer = {
        "kind": "parallel", "name": "Outer", "branches": {"in": {"start": "inner"}, "beside": {"start": "bob"}},
        "result": [{"approved": "all"}, {"rejected": "any"}], "otherwise": "rejected",
    }  # fmt: skip
    steps = {
        "outer": outer, "inner": inner, "deep": step("bob"), "deeper": step("carol"), "bob": step("bob"),
    }  # fmt: skip
    ways: list[Any] = ["outer approved approved", "outer rejected rejected"]
    for one in ("deep", "deeper", "bob"):
        ways += [
            {"from": one, "outcome": "approve", "ends_branch": "approved"},
            {"from": one, "outcome": "reject", "ends_branch": "rejected" if one == "bob" else "approved"},
        ]
    ways += [
        {"from": "inner", "outcome": "approved", "ends_branch": "approved"},
        {"from": "inner", "outcome": "rejected", "ends_branch": "rejected"},
    ]
    request = start(process(steps, ways, longest=LONGEST), alice)
    assert stop(clock, END) == 1
    assert standing(request) == ("ended", "expired")
    assert [entry.what["step"] for entry in entries("cancelled")] == [
        "deep", "deeper", "inner", "bob", "outer",
    ]  # fmt: skip
    assert not Visit.objects.filter(state__in=Visit.LIVE).exists()
    assert mails("stopped") == [bob.email, carol.email]


def test_a_request_that_is_stuck_or_waits_ends_too(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    ways = ["wait arrived bob", *ONE_STEP]
    waits = start(process({"wait": wait(signal="go"), "bob": step("bob")}, ways, longest=LONGEST), alice)
    stuck = start(limited(), alice)
    engine.deactivate(bob, alice)
    assert visits(stuck) == ["bob stuck"]
    assert stop(clock, END) == 2
    assert (standing(waits), standing(stuck)) == (("ended", "expired"), ("ended", "expired"))
    assert (visits(waits), visits(stuck)) == (["wait cancelled"], ["bob cancelled"])
    assert mails("stopped") == []


def test_a_delegate_is_told_too_and_a_requester_who_is_asked_reads_one_mail(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    both = {"ask": [{"person": bob.email}, {"requester": True}], "requester_may_decide": True, "rule": "all"}
    request = start(limited(**both), alice)
    delegating.give(Assignment.objects.get(person=bob).pk, bob, carol)
    assert stop(clock, END) == 1
    assert standing(request) == ("ended", "expired")
    assert (mails("stopped"), mails("ended")) == ([bob.email, carol.email], [alice.email])


def test_what_a_step_does_at_an_earlier_moment_comes_first(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    ways = [*ONE_STEP, "bob expired rejected"]
    definition = process({"bob": step("bob", due="2 working days", expire={})}, ways, longest=LONGEST)
    request = start(definition, alice)
    assert stop(clock, END) == 0  # nothing was worked for some time
    assert standing(request) == ("open", "")
    assert sum([timing.work(number) for number in timing.due(10)]) == 2
    assert standing(request) == ("ended", "rejected")
    assert (mails("expired"), mails("stopped")) == ([bob.email], [])


def test_a_step_in_which_nobody_is_asked_or_whose_clock_stands_holds_nothing_up(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    ways = [*ONE_STEP, "bob expired rejected"]
    definition = process({"bob": step("bob", due="2 working days", expire={})}, ways, longest=LONGEST)
    stands, stuck = start(definition, alice), start(definition, alice)
    engine.ask_back(Assignment.objects.get(visit__request=stands).pk, bob, Written("Why?"))
    seat = Assignment.objects.get(visit__request=stuck)
    Assignment.objects.filter(pk=seat.pk).update(state="withdrawn")
    assert stop(clock, END) == 2
    stands.refresh_from_db()
    stuck.refresh_from_db()
    assert (stands.result, stuck.result) == ("expired", "expired")


# --- processes in processes -------------------------------------------------------------------------------


LEAD = ["lead approve approved", "lead reject rejected"]


def budget(**more: Any) -> dict[str, Any]:
    return process({"lead": step("carol")}, LEAD, key="budget", **more)


def caller(*more_ways: str, **more: Any) -> dict[str, Any]:
    definition = calling_one()
    return {**definition, "transitions": [*definition["transitions"], *map(_way, more_ways)], **more}


def _way(text: str) -> dict[str, str]:
    return dict(zip(("from", "outcome", "to"), text.split(), strict=True))


def call() -> int:
    return sum([calling.work(number) for number in calling.due(10)])


def test_what_it_called_is_withdrawn_and_an_answer_there_counts_until_the_moment(
    clock: Clock, mailbox: Mailbox, alice: Person, carol: Person, dave: Person
) -> None:
    publish(budget())
    request, late = start(caller(longest=LONGEST), alice), start(caller(longest=LONGEST), alice)
    assert call() == 2
    clock.move_to(END + SECOND)
    with pytest.raises(engine_errors.TooLate):
        answer(carol)
    clock.move_to(END)
    answer(carol)
    # The answer is given, but did not lead on yet.
    assert stop(clock, END + DAY) == 1
    assert (standing(request), standing(late)) == (("open", ""), ("ended", "expired"))
    assert call() == 2
    assert (visits(request)[-1], standing(called_by(late))) == ("dave open", ("withdrawn", ""))
    assert mails("withdrawn") == [carol.email]
    assert stop(clock, END + 2 * DAY) == 1  # it led on to a step for which no time is left
    assert standing(request) == ("ended", "expired")
    assert mails("stopped") == [dave.email]


def test_the_mails_of_what_it_called_are_waited_for(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, unread: set[datetime]
) -> None:
    publish(budget())
    request = start(caller(longest=LONGEST), alice)
    assert stop(clock, END) == 0  # what is to be called is not there yet
    assert call() == 1
    unread.add(END)
    assert stop(clock, END + HOUR) == 0
    unread.clear()
    assert stop(clock, END + DAY) == 1
    assert standing(request) == ("ended", "expired")


def test_a_called_request_has_its_own_which_leads_its_caller_on(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    publish(budget(longest={**LONGEST, "after": "1 working day"}))
    assert "steps.call: nothing follows expired" in refused(caller())
    request = start(caller("call expired rejected", longest=LONGEST), alice)
    assert call() == 1
    called = called_by(request)
    # Both are late: the one that was to end first does.
    clock.move_to(END + DAY)
    assert stopping.work(row(request).pk) is False
    assert stopping.work(row(called).pk) is True
    assert stopping.work(row(request).pk) is False  # until that led on
    assert call() == 1
    assert (standing(called), standing(request)) == (("ended", "expired"), ("ended", "rejected"))


def test_an_included_process_says_none_of_its_own(alice: Person, bob: Person, carol: Person) -> None:
    publish(budget(longest=LONGEST))
    include = process(
        {"sub": {"kind": "include", "process": "budget"}}, ["sub approved approved", "sub rejected rejected"]
    )
    assert refused(include) == (
        "steps.sub: the process budget says longest, which is of a whole request: say it here, and include a process "
        "that does not, or call it"
    )
    publish(budget())
    assert row(start({**include, "longest": LONGEST}, alice)).state == "waiting"


# --- what is written --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("longest", "problem"),
    [
        ({"after": "5 moons", "result": "expired", "name": "Late"}, "longest.after: "),
        ({"after": "5 days"}, "longest.result: "),
        ({"result": "expired"}, "longest.after: "),
        ({"after": "5 days", "result": "Ex pired"}, "longest.result: "),
        ({"after": "5 days", "result": "expired", "name": ""}, "longest.name: "),
        ({"after": "5 days", "result": "expired", "remind": "x"}, "longest.remind: "),
        (
            {"after": "5 days", "result": "expired"},
            "longest: name: no end has the result expired; say what it is called, as name: Not decided in time",
        ),
        (
            {"after": "5 days", "result": "approved"},
            "longest: result: a request would be approved because nobody answered; name another result",
        ),
        (
            {"after": "5 days", "result": "withdrawn", "name": "Gone"},
            "longest: result: withdrawn is what its requester takes back; name another result",
        ),
        (
            {"after": "5 days", "result": "rejected", "name": "Too late"},
            "longest: name: the end with the result rejected is called Rejected; leave name out",
        ),
    ],
)
def test_what_it_says_is_checked(db: None, longest: dict[str, Any], problem: str) -> None:
    said = refused({**limited(), "longest": longest})
    assert said.startswith(problem)
    assert problem.endswith(": ") or said == problem


def test_the_result_may_be_that_of_an_end(clock: Clock, alice: Person, bob: Person) -> None:
    request = start({**limited(), "longest": {"after": "3 days", "result": "rejected"}}, alice)
    assert stop(clock, MONDAY + 3 * DAY) == 1
    assert standing(request) == ("ended", "rejected")
    assert standing_of(request)[0] == "“Desk” (number 1) has ended: Rejected."


def test_a_calendar_without_working_time_is_refused_and_starts_nothing(
    client: Client, clock: Clock, alice: Person, bob: Person, carol: Person
) -> None:
    few, week = (Span(9 * 60, 9 * 60 + 1),), [(Span(9 * 60, 17 * 60),)] * 7
    much = {**LONGEST, "after": "1000 working hours"}
    calendar = calendar_changes.add("rare", "Rare", Content("UTC", week), alice)
    publish(budget(calendar="rare", longest=much))
    version = publish({**limited(), "calendar": "rare", "longest": much})
    asks = publish(caller("call expired rejected"))
    calendar_changes.change(calendar, lambda _: Content("UTC", [few, *[()] * 6]), alice)
    assert refused({**limited(), "calendar": "rare", "longest": much}) == (
        "longest: after: the calendar rare has no working time for 1000 working hours"
    )
    with pytest.raises(engine_errors.EngineError) as error:
        engine.start(version, alice, {"item": "Desk", "amount": "1"})
    assert str(error.value) == (
        "It cannot be started: the calendar “rare” has no working time for it. An administrator has to help."
    )
    assert not Request.objects.exists()
    request = engine.start(asks, alice, {"item": "Desk", "amount": "1"})
    assert call() == 1
    assert visits(request) == ["call stuck"]
    assert request.visits.get().reason == "the calendar “rare” has no working time for it"
    assert Request.objects.count() == 1
    client.force_login(alice)
    answer_of_page = client.post(
        "/start/quiet/", {"item": "Desk", "amount": "1", "version": version.number}, follow=True
    )
    assert "has no working time for it" in answer_of_page.content.decode()
    assert Request.objects.count() == 1


def test_the_amount_may_be_the_longest_that_can_be_said(clock: Clock, alice: Person, bob: Person) -> None:
    request = start({**limited(), "longest": {**LONGEST, "after": "1000 days"}}, alice)
    assert row(request).at == MONDAY + 1000 * DAY


# --- what is shown ----------------------------------------------------------------------------------------


def test_mails_pages_and_a_reply_that_asks_say_until_when(
    client: Client, clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, unread: set[datetime]
) -> None:
    odd = {**LONGEST, "name": "<b>Late</b> http://evil.example"}
    request = start({**limited(), "longest": odd}, alice)
    text = " ".join(text_of(OutgoingMail.objects.get(kind="ask")).split())
    assert "The whole request ends on 5 March 2026, 17:00 UTC if it is not decided before" in text
    assert standing_of(request)[-1] == (
        "If it is not decided before 5 March 2026, 17:00 UTC, it ends as “<b>Late</b> http://evil.example”."
    )
    client.force_login(bob)
    address = f"/requests/{request.public_id}/"
    page = client.get(address).content.decode()
    assert "at the latest, as “<bdi>&lt;b&gt;Late&lt;/b&gt; http://evil.example</bdi>”" in page
    assert "is read first" not in page
    unread.add(END)
    assert stop(clock, END + HOUR) == 0
    page = client.get(address).content.decode()
    assert "The request has lasted as long as it may. Mail that may have come in time is read first." in page
    assert ("was to end" in page, "at the latest" in page) == (True, False)
    unread.clear()
    assert stop(clock, END + DAY) == 1
    page = client.get(address).content.decode()
    assert ("at the latest" in page, "not decided in time" in page) == (False, True)
    assert ("did not answer in time" in page, "did not need to answer" in page) == (True, False)
    assert standing(request) == ("ended", "expired")
    assert standing_of(request)[-1] == "“Desk” (number 1) has ended: <b>Late</b> http://evil.example."


def test_who_brings_the_moment_forward_in_the_database_is_seen(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(limited(), alice)
    Stop.objects.update(at=MONDAY + HOUR)
    assert [one.reason for one in evidence.compare(request.pk)] == [
        "when the request ends at the latest was changed"
    ]
    Stop.objects.update(at=END, state="acted")
    assert [one.reason for one in evidence.compare(request.pk)] == [
        "whether it ended because it had lasted too long was changed"
    ]
    Stop.objects.all().delete()
    assert [one.reason for one in evidence.compare(request.pk)] == [
        "when the request ends at the latest is gone"
    ]
