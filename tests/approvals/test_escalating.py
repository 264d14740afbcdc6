"""Others are asked where a step is not decided in time: who, when, and what becomes of those who were asked first."""

from collections.abc import Mapping
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from placet.accounts.addresses import add_person
from placet.accounts.models import Group, Person
from placet.approvals import engine, engine_errors, timing
from placet.approvals.models import Assignment, Decision, Request, Timer, Visit
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
)
from tests.approvals.test_timing import DUE, WAYS, asks, timers, work
from tests.clocks import Clock, at
from tests.making import entries

pytestmark = pytest.mark.django_db

CAROL, DAVE = {"person": "carol@contoso.example"}, {"person": "dave@contoso.example"}
LATER = {"when": "1 working day after"}  # than Wednesday, 17:00
RUNG = at("2026-03-05 17:00")
SILENCE = {"outcome": "approve", "silence_counts": True}
clock = clocks.standing
_mail_is_read = clocks.mail_is_read


def timed(*rungs: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    ways = WAYS if "expire" in more and not more["expire"].get("outcome") else WAYS[:2]
    given = {"due": "2 working days", **({"escalate": [*rungs]} if rungs else {}), **more}
    return process({"bob": step("bob", **given)}, ways)


def reach(clock: Clock) -> None:
    """The deadline, and then the first rung: each is worked when it comes."""
    work(clock, DUE)
    work(clock, RUNG)


def seats(request: Request) -> dict[str, str]:
    rows = Assignment.objects.filter(visit__request=request).select_related("person").order_by("pk")
    return {row.person.name.split()[0]: row.state for row in rows}


def mails(kind: str, person: Person) -> list[OutgoingMail]:
    return list(OutgoingMail.objects.filter(kind=kind, to=person.email).order_by("pk"))


def said(mail: OutgoingMail) -> str:
    return " ".join(text_of(mail).split())


def decide(person: Person, outcome: str = "approve") -> None:
    seat = Assignment.objects.filter(person=person).order_by("-pk")[0]
    engine.decide(seat.pk, by=person, outcome=outcome, channel=Decision.Channel.PAGE)


def group(key: str, *members: Person) -> dict[str, Any]:
    Group.objects.create(key=key, name=key.title()).members.set(members)
    return {"group": key}


# --- beside those who are asked ---------------------------------------------------------------------------


def test_others_are_asked_too_and_the_first_answer_counts(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(timed({**LATER, "also": [CAROL]}), alice)
    assert timers(request) == {"due": "04 17:00 waiting", "escalate 1": "05 17:00 waiting"}
    assert work(clock, RUNG - timedelta(seconds=1)) == 1  # the deadline
    assert seats(request) == {"Bob": "open"}
    assert work(clock, RUNG) == 1
    assert seats(request) == {"Bob": "open", "Carol": "open"}
    [ask] = mails("ask", carol)
    assert "Bob Manager did not answer by 5 March 2026, 17:00 UTC, so you are asked, too." in said(ask)
    [told] = mails("escalated", bob)
    counts = (
        "Also asked from now on: Carol Finance. Your answer still counts: reply to the mail that asked you"
    )
    assert counts in said(told)
    assert work(clock, RUNG + timedelta(days=30)) == 0  # once
    assert standing(request) == ("open", "")
    answer(bob)
    assert standing(request) == ("ended", "approved")


def test_the_page_tells_whoever_was_asked_because_of_it_from_those_who_were_asked_before(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, client: Client
) -> None:
    request = start(timed({**LATER, "also": [CAROL]}), alice)
    reach(clock)
    read = {}
    for person in (bob, carol):
        client.force_login(person)
        for address in (reverse("portal:home"), reverse("portal:request", args=[request.public_id])):
            text = client.get(address).content.decode()
            read[person, address] = text.partition('id="decide-')[2].partition("<form")[0] or text
    for (person, address), text in read.items():
        others = "others were asked" in text
        assert ("you were asked, because others had not answered," in text) is (person == carol), address
        assert others is (person == bob), address


def test_whoever_was_asked_because_of_it_can_answer(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(timed({**LATER, "also": [CAROL]}), alice)
    reach(clock)
    answer(carol, "reject")
    assert standing(request) == ("ended", "rejected")
    assert seats(request) == {"Bob": "superseded", "Carol": "decided"}


@pytest.mark.parametrize("first", ["bob", "carol"])
def test_where_all_must_approve_they_must_too(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, first: str
) -> None:
    request = start(timed({**LATER, "also": [CAROL]}, rule="all"), alice)
    reach(clock)
    people = [bob, carol] if first == "bob" else [carol, bob]
    answer(people[0])
    assert standing(request) == ("open", "")
    answer(people[1])
    assert standing(request) == ("ended", "approved")


def test_a_rule_counts_them_by_the_key_of_their_line(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    """Bob and somebody of legal have to approve; Carol is none of them, Dave stands for legal."""
    legal = group("legal", carol)
    rule = [{"approve": {"lines": {"boss": "any"}, "groups": {"legal": "any"}}}, {"reject": "any"}]
    more = {"rule": rule, "otherwise": "reject", "ask": [{"person": bob.email, "key": "boss"}, legal]}
    request = start(timed({**LATER, "also": [{**DAVE, "key": "boss"}]}, **more), alice)
    answer(carol)
    assert standing(request) == ("open", "")
    reach(clock)
    answer(dave)
    assert standing(request) == ("ended", "approved")


def test_rungs_come_one_after_the_other(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    request = start(
        timed({**LATER, "also": [CAROL]}, {"when": "2 working days after", "instead": [DAVE]}), alice
    )
    reach(clock)
    assert seats(request) == {"Bob": "open", "Carol": "open"}
    work(clock, at("2026-03-06 17:00"))
    assert seats(request) == {"Bob": "withdrawn", "Carol": "withdrawn", "Dave": "open"}
    assert standing(request) == ("open", "")
    answer(dave)
    assert standing(request) == ("ended", "approved")


# --- in their place ---------------------------------------------------------------------------------------


def test_others_are_asked_instead(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(timed({**LATER, "instead": [CAROL]}), alice)
    reach(clock)
    assert seats(request) == {"Bob": "withdrawn", "Carol": "open"}
    [ask] = mails("ask", carol)
    assert (
        "You are asked in place of Bob Manager, because there was no answer by 5 March 2026, 17:00 UTC."
        in said(ask)
    )
    [told] = mails("escalated", bob)
    assert "Asked in your place from now on: Carol Finance. Your answer no longer counts." in said(told)
    with pytest.raises(
        engine_errors.NoLongerOpen, match=r"not answered in time\. Asked in your place: Carol Finance"
    ):
        decide(bob)
    assert standing(request) == ("open", "")
    answer(carol)
    assert standing(request) == ("ended", "approved")
    with pytest.raises(engine_errors.NoLongerOpen, match="Asked in your place: Carol Finance"):
        decide(bob)


def test_what_was_answered_before_stays(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    more = {"ask": [{"person": bob.email}, DAVE], "rule": "all"}
    request = start(timed({**LATER, "instead": [CAROL]}, **more), alice)
    answer(dave)
    reach(clock)
    assert seats(request) == {"Bob": "withdrawn", "Dave": "decided", "Carol": "open"}
    answer(carol)
    assert standing(request) == ("ended", "approved")


def test_nobody_takes_their_place_where_that_would_decide(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person, admin: Person
) -> None:
    """Two of five are needed. With three of them gone, the one who approved would be enough."""
    people = [add_person(f"P {n}", f"p{n}@contoso.example") for n in range(2)]
    asked = [{"person": person.email} for person in (bob, dave, *people)]
    rule = [{"approve": {"percent": 40}}, {"reject": "any"}]
    more = {"ask": asked, "rule": rule, "otherwise": "reject"}
    request = start(timed({**LATER, "instead": [CAROL]}, **more), alice)
    answer(dave)
    reach(clock)
    assert seats(request) == {"Bob": "open", "Dave": "decided", "P": "open"}
    assert standing(request) == ("open", "")
    [mail] = mails("not-escalated", admin)
    assert "would be decided by nobody's answer" in said(mail)


def test_nor_where_they_are_not_enough(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person, admin: Person
) -> None:
    more = {"ask": [{"person": bob.email}, DAVE], "rule": 2}
    request = start(timed({**LATER, "instead": [CAROL]}, **more), alice)
    reach(clock)
    assert seats(request) == {"Bob": "open", "Dave": "open"}
    assert "2 people must approve, but only 1 can be asked" in Visit.objects.get(request=request).reason
    answer(bob)
    answer(dave)
    assert standing(request) == ("ended", "approved")


def test_whoever_is_named_again_keeps_their_seat(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(timed({**LATER, "instead": [group("heads", bob, carol)]}), alice)
    reach(clock)
    assert seats(request) == {"Bob": "open", "Carol": "open"}
    assert len(mails("ask", bob)) == 1
    answer(bob)
    assert standing(request) == ("ended", "approved")


def test_one_by_one_the_others_turn_comes_all_the_same(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    more = {"ask": [{"person": bob.email}, DAVE], "rule": "all", "order": "one_by_one"}
    request = start(timed({**LATER, "instead": [CAROL]}, **more), alice)
    reach(clock)
    assert seats(request) == {"Bob": "withdrawn", "Carol": "open"}
    answer(carol)
    assert seats(request) == {"Bob": "withdrawn", "Carol": "decided", "Dave": "open"}
    assert standing(request) == ("open", "")
    answer(dave)
    assert standing(request) == ("ended", "approved")


def test_one_by_one_nobody_is_asked_twice_who_was_picked_or_is_a_manager(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    bob.manager = carol
    bob.save()
    ask = [{"manager": True}, {**group("buyers", dave), "pick": "next"}]
    more = {"ask": ask, "rule": "all", "order": "one_by_one"}
    request = start(timed({**LATER, "instead": [{"manager": 2}]}, **more), alice)
    reach(clock)
    assert seats(request) == {"Bob": "withdrawn", "Carol": "open"}
    answer(carol)
    assert seats(request) == {"Bob": "withdrawn", "Carol": "decided", "Dave": "open"}
    answer(dave)
    assert standing(request) == ("ended", "approved")


# --- who is skipped ---------------------------------------------------------------------------------------


def test_the_next_manager_above_is_asked_where_the_first_one_is_already(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    bob.manager = carol
    bob.save()
    request = start(timed({**LATER, "also": [{"manager": True}]}, ask=[{"manager": True}]), alice)
    reach(clock)
    assert seats(request) == {"Bob": "open", "Carol": "open"}


@pytest.mark.parametrize("how", ["also", "instead"])
def test_the_requester_is_never_asked(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, admin: Person, how: str
) -> None:
    """Not even in a process in which requesters may decide."""
    definition = timed({**LATER, how: [group("all", alice, bob)]}, requester_may_decide=True)
    request = start(definition, alice)
    reach(clock)
    assert seats(request) == {"Bob": "open"}
    [mail] = mails("not-escalated", admin)
    assert "Nobody else could be asked: Desk" in mail.subject
    assert Timer.objects.get(what="escalate").state == "needless"
    assert standing(request) == ("open", "")
    answer(bob)
    assert standing(request) == ("ended", "approved")


def test_four_eyes_hold_for_them_too(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    first = step("carol")
    second = step("bob", due="2 working days", escalate=[{**LATER, "also": [CAROL]}], not_same_as=["carol"])
    ways = ["carol approve bob", "carol reject rejected", "bob approve approved", "bob reject rejected"]
    request = start(process({"carol": first, "bob": second}, ways), alice)
    answer(carol)
    reach(clock)
    assert Assignment.objects.filter(visit__step_key="bob").count() == 1
    assert "decided “Carol” before" in Visit.objects.get(request=request, step_key="bob").reason
    assert standing(request) == ("open", "")


def test_what_cannot_be_worked_out_asks_nobody_and_says_why(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, admin: Person
) -> None:
    line = {"expression": "{'Chair': 'bob@contoso.example'}[item]"}
    request = start(timed({**LATER, "instead": [line]}), alice)
    reach(clock)
    assert seats(request) == {"Bob": "open"}
    assert "it cannot be worked out whom to ask" in Visit.objects.get(request=request).reason
    assert standing(request) == ("open", "")


def test_a_later_rung_that_finds_somebody_takes_the_reason_back(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    nobody = group("empty")
    request = start(
        timed({**LATER, "also": [nobody]}, {"when": "2 working days after", "also": [CAROL]}), alice
    )
    reach(clock)
    visit = Visit.objects.get(request=request)
    assert visit.reason == "the group “empty” has no members"
    work(clock, at("2026-03-06 17:00"))
    visit.refresh_from_db()
    assert visit.reason == ""
    assert standing(request) == ("open", "")


@pytest.mark.parametrize(
    "entered", ["alice@contoso.example", "ALICE@contoso.example", "stranger@evil.example", ""]
)
def test_what_the_requester_enters_asks_neither_them_nor_a_stranger(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, admin: Person, entered: str
) -> None:
    definition = timed({**LATER, "instead": [{"field": "item"}]}, requester_may_decide=True)
    request = start(definition, alice, item=entered)
    reach(clock)
    assert seats(request) == {"Bob": "open"}
    assert {mail.to for mail in OutgoingMail.objects.all()} <= {bob.email, admin.email}
    assert standing(request) == ("open", "")


def test_a_name_is_nothing_but_a_name(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    """In the mails that say who did not answer, and who is asked."""
    for person, name in (
        (bob, "Bob {title} <b>[#abcdefgh]</b>"),
        (carol, "Carol {number} https://evil.example/"),
    ):
        Person.objects.filter(pk=person.pk).update(name=name)
    request = start(timed({**LATER, "instead": [CAROL]}), alice)
    reach(clock)
    assert "in place of Bob {title} <b>[#abcdefgh]</b>, because" in said(mails("ask", carol)[0])
    told = mails("escalated", bob)[0]
    assert "Carol {number}" in said(told)
    html = message_from_bytes(bytes(mails("ask", carol)[0].raw), policy=policy.default).get_body(("html",))
    assert html is not None
    assert "<b>[#" not in html.get_content()
    with pytest.raises(engine_errors.NoLongerOpen, match=r"Carol \{number\}"):
        decide(bob)
    assert standing(request) == ("open", "")


# --- who leaves -------------------------------------------------------------------------------------------


def test_who_leaves_after_it_is_replaced_by_the_lines_that_count_now(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person, admin: Person
) -> None:
    heads = group("heads", carol)
    request = start(timed({**LATER, "instead": [heads]}), alice)
    reach(clock)
    Group.objects.get(key="heads").members.add(dave)
    engine.deactivate(carol, admin)
    assert seats(request) == {"Bob": "withdrawn", "Carol": "withdrawn", "Dave": "open"}
    engine.deactivate(dave, admin)
    assert Visit.objects.get(request=request).state == "stuck"  # Bob is not asked once more
    assert standing(request) == ("open", "")


def test_the_others_go_on_where_one_who_was_added_leaves(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    request = start(timed({**LATER, "also": [CAROL]}, rule="all"), alice)
    reach(clock)
    engine.deactivate(carol, admin)
    assert Visit.objects.get(request=request).state == "open"
    answer(bob)
    assert standing(request) == ("ended", "approved")


def test_a_manager_who_was_asked_above_another_is_not_asked_above_again(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person, admin: Person
) -> None:
    """Whenever it is looked at whom the step asks, it comes to the same people."""
    bob.manager, carol.manager = carol, dave
    bob.save()
    carol.save()
    definition = timed(
        {**LATER, "also": [{"manager": True}]}, ask=[{"manager": True}, group("it", admin)], rule="all"
    )
    request = start(definition, alice)
    reach(clock)
    other = add_person("X", "x@contoso.example", administrator=True)
    Group.objects.get(key="it").members.add(other)
    engine.deactivate(admin, other)
    assert seats(request) == {"Bob": "open", "Ada": "withdrawn", "Carol": "open", "X": "open"}
    assert standing(request) == ("open", "")


# --- a step that is stuck ---------------------------------------------------------------------------------


def test_where_nobody_is_asked_silence_leads_nowhere(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    request = start(timed({**LATER, "also": [CAROL]}, expire=SILENCE | {"after": "3 working days"}), alice)
    engine.deactivate(bob, admin)
    work(clock, at("2026-03-30 10:00"))
    work(clock, at("2026-03-30 10:01"))
    assert seats(request) == {"Bob": "withdrawn"}
    Person.objects.filter(pk=bob.pk).update(is_active=True)
    engine.ask_again(Visit.objects.get(request=request).pk, admin)
    assert timers(request)["escalate 1"] == "31 17:00 waiting"
    assert timers(request)["expire"] == "01 22:00 waiting"  # it moved before, and leaves a working day
    assert standing(request) == ("open", "")


def test_it_asks_others_where_somebody_is_missing_and_the_step_stays_stuck(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person, admin: Person
) -> None:
    more = {"ask": [{"person": bob.email}, DAVE], "rule": 2}
    request = start(
        timed({**LATER, "also": [CAROL]}, {"when": "2 working days after", "also": [DAVE]}, **more), alice
    )
    engine.deactivate(dave, admin)
    reason = Visit.objects.get(request=request).reason
    reach(clock)
    work(clock, at("2026-03-06 17:00"))
    visit = Visit.objects.get(request=request)
    assert (visit.state, visit.reason) == ("stuck", reason)  # not: that nobody else could be asked
    assert seats(request) == {"Bob": "open", "Dave": "withdrawn", "Carol": "open"}
    assert standing(request) == ("open", "")
    Person.objects.filter(pk=dave.pk).update(is_active=True)
    engine.ask_again(visit.pk, admin)
    answer(bob)
    answer(carol)
    assert standing(request) == ("ended", "approved")


# --- time -------------------------------------------------------------------------------------------------


def test_whoever_is_asked_late_has_a_working_day_before_the_end(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(
        timed({"when": "2 working hours after", "also": [CAROL]}, expire={"after": "4 working hours"}), alice
    )
    assert timers(request) == {
        "due": "04 17:00 waiting", "escalate 1": "05 11:00 waiting", "expire": "06 17:00 waiting",
    }  # fmt: skip


def test_after_an_outage_longer_than_a_rung_they_do_not_come_at_once(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    rungs = ({**LATER, "also": [CAROL]}, {"when": "3 working days after", "instead": [DAVE]})
    request = start(timed(*rungs, expire={"after": "5 working days"}), alice)
    back = at("2026-03-23 10:00")
    work(clock, back)
    assert seats(request) == {"Bob": "open"}
    assert {text for name, text in timers(request).items() if text.endswith("waiting")} == {
        "23 22:00 waiting", "25 22:00 waiting", "26 22:00 waiting",
    }  # fmt: skip
    work(clock, at("2026-03-23 22:00"))
    assert seats(request) == {"Bob": "open", "Carol": "open"}
    assert standing(request) == ("open", "")
    work(clock, at("2026-03-25 22:00"))
    assert seats(request) == {"Bob": "withdrawn", "Carol": "withdrawn", "Dave": "open"}
    # Not on the 26th: Dave has a working day.
    assert timers(request)["expire"] == "26 22:00 waiting"
    assert standing(request) == ("open", "")


def test_it_waits_for_the_mailbox_and_an_answer_in_time_counts(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = start(timed({**LATER, "instead": [CAROL]}), alice)
    monkeypatch.setattr(timing, "read_past", lambda *_, **__: False)
    for hour in range(48):
        work(clock, RUNG + timedelta(hours=hour))
    assert seats(request) == {"Bob": "open"}
    answer(bob)
    assert standing(request) == ("ended", "approved")


def test_a_clock_that_is_set_back_asks_nobody_early_or_twice(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(timed({**LATER, "also": [CAROL]}), alice)
    work(clock, DUE)
    clock.move_to(RUNG)
    rows = timing.due(10)
    clock.move_to(RUNG - timedelta(hours=1))
    assert [timing.work(row) for row in rows] == [False]
    assert seats(request) == {"Bob": "open"}
    assert work(clock, RUNG) == 1
    clock.move_to(RUNG - timedelta(days=2))
    assert work(clock, RUNG) == 0
    assert len(mails("ask", carol)) == 1
    assert standing(request) == ("open", "")


def test_those_who_were_asked_first_are_told_in_their_working_time(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    """The new ones are asked at once."""
    request = start(timed({**LATER, "also": [CAROL]}), alice)
    reach(clock)
    assert mails("ask", carol)[0].due == RUNG
    assert mails("escalated", bob)[0].due == at("2026-03-06 09:00")
    assert standing(request) == ("open", "")


def test_a_requesters_day_leaves_time_before_others_are_asked(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    needed = {"name": "needed", "label": "Needed by", "type": "date_time"}
    after = {"after": "1 working hour"}
    definition = timed({"when": "when due", "also": [CAROL]}, due={"field": "needed"}, expire=SILENCE | after)
    definition = {**definition, "form": [*definition["form"], needed]}
    request = start(definition, alice, needed="2026-03-02 10:01")
    assert timers(request) == {
        "due": "02 10:01 waiting", "escalate 1": "03 17:00 waiting", "expire": "04 17:00 waiting",
    }  # fmt: skip


# --- a warning --------------------------------------------------------------------------------------------


def test_the_end_is_warned_of(clock: Clock, mailbox: Mailbox, alice: Person, bob: Person) -> None:
    request = start(timed(expire={"after": "2 working days", "warn": "4 working hours before"}), alice)
    assert timers(request) == {
        "due": "04 17:00 waiting", "expire": "06 17:00 waiting",
        "warn": "06 13:00 waiting", "warn 1": "06 13:00 waiting",
    }  # fmt: skip
    work(clock, at("2026-03-06 12:59"))
    assert work(clock, at("2026-03-06 13:00")) == 2
    assert asks(bob) == ["Please decide: Desk", "Ends soon: Desk"]
    ends = "Answers count until 6 March 2026, 17:00 UTC. If there is none by then, this ends as “No answer in time”."
    assert ends in said(mails("ask", bob)[1])
    [mail] = mails("warned", alice)
    assert "waits for an answer from Bob Manager." in said(mail)
    assert "If there is none before 6 March 2026, 17:00 UTC, it ends as “No answer in time”." in said(mail)
    seat = Assignment.objects.get(person=bob)
    assert len({line.facts_hash for line in seat.ask_lines.all()}) == 1  # either mail can be answered
    answer(bob)
    assert standing(request) == ("ended", "approved")


def test_a_warning_waits_for_working_time_unless_the_end_comes_before_it(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(timed(due="30 hours", expire={"warn": "2 hours before"}), alice)
    assert timers(request)["warn"] == "03 14:00 waiting"
    other = start(timed(due="12 hours", expire={"warn": "1 hour before"}), alice)
    assert timers(other)["warn 1"] == "02 21:00 waiting"
    assert work(clock, at("2026-03-02 21:00")) == 2  # at once: tomorrow would be too late
    assert asks(bob)[-1] == "Ends soon: Desk"
    night = start(timed(due="20 hours", expire={"warn": "10 hours before"}), alice)
    clock.move_to(at("2026-03-03 07:00"))
    assert timers(night)["warn 1"] == "03 09:00 waiting"
    assert standing(night) == ("open", "")


def test_nobody_is_warned_of_what_is_decided(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    start(timed(expire={"after": "2 working days", "warn": "4 working hours before"}), alice)
    answer(bob)
    work(clock, at("2026-03-06 13:00"))
    assert mails("warned", alice) == []
    assert asks(bob) == ["Please decide: Desk"]


# --- publishing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"due": None, "remind": ["when due"]}, "remind, escalate and expire belong to a deadline"),
        ({"escalate": []}, "escalate"),
        ({"escalate": [{**LATER, "also": [{"person": "bob@contoso.example"}]}] * 21}, "escalate"),
        ({"escalate": [LATER]}, "say exactly one of also and instead"),
        (
            {"escalate": [{**LATER, "also": [{"manager": True}], "instead": [{"manager": True}]}]},
            "say exactly one of also and instead",
        ),
        ({"escalate": [{"when": "tomorrow", "also": [{"manager": True}]}]}, "not “tomorrow”"),
        (
            {
                "escalate": [{"when": "3 working days after", "also": [{"manager": True}]}],
                "expire": {"after": "2 working days"},
            },
            "steps.bob: escalate, number 1: 3 working days after is not before the step's end",
        ),
        (
            {"escalate": [{"when": "when due", "also": [{"manager": True}]}], "expire": {}},
            "steps.bob: escalate, number 1: when due is not before the step's end",
        ),
        (
            {"escalate": [{"when": "9 working days before", "also": [{"manager": True}]}]},
            "steps.bob: escalate, number 1: 9 working days before is before people are asked",
        ),
        (
            {"escalate": [{**LATER, "also": [{"manager": True}]}] * 2},
            "steps.bob: escalate: 1 working day after is said twice",
        ),
        (
            {"escalate": [{**LATER, "also": [{"person": "nobody@contoso.example"}]}]},
            "steps.bob: escalate, number 1: nobody@contoso.example is nobody who can be asked",
        ),
        (
            {"escalate": [{**LATER, "also": [{"requester": True}]}]},
            "steps.bob: escalate, number 1: whoever made the request is never asked",
        ),
        (
            {"escalate": [{**LATER, "also": [{"field": "nothing"}]}]},
            "escalate, number 1, number 1: there is no field nothing",
        ),
        ({"expire": {"warn": "4 hours after"}}, "say 4 working hours before"),
        ({"expire": {"warn": "9 working days before"}}, "steps.bob: expire: 9 working days before is before people"),
        (
            {
                "ask": [{"group": "legal"}], "rule": [{"approve": {"groups": {"legal": "any"}}}], "otherwise": "reject",
                "escalate": [{**LATER, "instead": [{"manager": True}]}],
            },
            "steps.bob: escalate, number 1: approve needs people of legal, and none of these lines",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_not_published(bob: Person, more: dict[str, Any], problem: str) -> None:
    given = {"due": "2 working days", **more}
    given = {name: value for name, value in given.items() if value is not None}
    ways = WAYS if "expire" in more else WAYS[:2]
    assert problem in refused(process({"bob": step("bob", **given)}, ways))


def test_the_record_says_who_was_asked_and_who_was_replaced(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(timed({**LATER, "instead": [CAROL]}), alice)
    reach(clock)
    [entry] = entries("escalated", request=request)
    assert entry.what["persons"] == [carol.pk]
    assert entry.what["replaced"] == [bob.pk]
    assert entry.what["rung"] == 1
    seat = Assignment.objects.get(person=bob)
    for change in ({"state": "open"}, {"replaced_by": None}, {"replaced_by": 2}):
        before = {name: getattr(seat, name) for name in change}
        Assignment.objects.filter(pk=seat.pk).update(**change)
        with pytest.raises(AssertionError):
            standing(request)
        Assignment.objects.filter(pk=seat.pk).update(**before)
    Timer.objects.filter(what="escalate").update(state="waiting")
    with pytest.raises(AssertionError):
        standing(request)
