"""Questions back to the requester: the step stays as it is, and its clock stands until the answer comes."""

from datetime import timedelta
from typing import Any

import pytest

from placet.accounts.addresses import add_person
from placet.accounts.models import Group, Person
from placet.approvals import engine, engine_errors, evidence
from placet.approvals.engine_clarifications import MOST_OPEN, Written
from placet.approvals.engine_time import MOST_PAUSES
from placet.approvals.models import AskLine, Assignment, Clarification, Decision, Request, Timer
from placet.approvals.processes import publish
from placet.audit import chain
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.portal.due import due_of
from tests import clocks
from tests.approvals.test_steps_that_ask_nobody import process, refused, standing, start, step, text_of
from tests.approvals.test_timing import timers, work
from tests.clocks import MONDAY, Clock, at
from tests.making import entries, entry_of

pytestmark = pytest.mark.django_db

WAYS = ["bob approve approved", "bob reject rejected"]
clock = clocks.standing
_mail_is_read = clocks.mail_is_read


def plain(**more: Any) -> dict[str, Any]:
    return process({"bob": step("bob", **more)}, WAYS)


def timed(**more: Any) -> dict[str, Any]:
    one = {"due": "2 working days", "expire": {"after": "2 working days"}, **more}
    return process({"bob": step("bob", **one)}, [*WAYS, "bob expired rejected"])


def both(rule: Any = "all", **more: Any) -> dict[str, Any]:
    """Bob and Carol are asked side by side."""
    two = [{"person": "bob@contoso.example"}, {"person": "carol@contoso.example"}]
    return process({"bob": {**step("bob", rule=rule, **more), "ask": two}}, WAYS)


def seat(person: Person) -> Assignment:
    return Assignment.objects.filter(person=person).latest("pk")


def ask_back(person: Person, text: str = "Is it in the budget?") -> Clarification:
    return engine.ask_back(seat(person).pk, person, Written(text))


def clarify(clarification: Clarification, by: Person, text: str = "Yes, in that of 2026.") -> Clarification:
    return engine.clarify(clarification.pk, by, Written(text))


def decide(person: Person, outcome: str = "approve") -> Decision:
    return engine.decide(seat(person).pk, by=person, outcome=outcome, channel=Decision.Channel.PAGE)


def subjects(person: Person) -> list[str]:
    mails = OutgoingMail.objects.filter(to=person.email).order_by("pk")
    return [mail.subject.rpartition(" [#")[0] or mail.subject for mail in mails]


def text(mail: OutgoingMail) -> str:
    return " ".join(text_of(mail).split())


def whole(request: Request) -> bool:
    return [*chain.verify(request.pk), *evidence.compare(request.pk)] == []


# --- asking and answering ---------------------------------------------------------------------------------


def test_the_requester_is_asked_and_the_answer_goes_to_all_who_are_asked(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(both(), alice)
    before = list(AskLine.objects.values_list("facts_hash", flat=True))
    clarification = ask_back(bob)
    assert subjects(alice) == ["Question about your request: Desk"]
    mail = OutgoingMail.objects.get(kind="clarification")
    assert f"{bob.name}, who is asked about your request number" in text(mail)
    assert "Question: Is it in the budget?" in text(mail)
    assert standing(request) == ("open", "")
    clarify(clarification, alice)
    assert subjects(bob) == ["Please decide: Desk", "Question answered: Desk"]
    assert subjects(carol) == ["Please decide: Desk", "Question answered: Desk"]
    shown = text(OutgoingMail.objects.filter(to=carol.email).latest("pk"))
    assert f"{bob.name} asked: Is it in the budget?" in shown
    assert f"{alice.name} answered: Yes, in that of 2026." in shown
    assert {*before} == {*AskLine.objects.values_list("facts_hash", flat=True)}  # older codes stay good
    lines = AskLine.objects.filter(clarified=clarification)
    assert {line.ask.person for line in lines} == {bob, carol}
    decide(bob)
    decide(carol)
    assert standing(request) == ("ended", "approved")
    assert Clarification.objects.get().state == "answered"


def test_anybody_may_decide_while_a_question_is_open_and_the_requester_is_told_once(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(both("first"), alice)
    ask_back(bob)
    ask_back(carol, "Which supplier?")
    decide(carol)
    assert standing(request) == ("ended", "approved")
    assert {one.state for one in Clarification.objects.all()} == {"needless"}
    assert subjects(alice)[2:] == ["No answer needed: Desk", "Approved: Desk"]
    mail = OutgoingMail.objects.get(kind="clarification-needless")
    assert "The 2 questions that you were asked about “Desk”" in text(mail)
    with pytest.raises(engine_errors.NoLongerOpen):
        clarify(Clarification.objects.all()[0], alice)
    assert whole(request)


def test_whoever_asked_and_decides_needs_no_answer_though_the_step_goes_on(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(both(), alice)
    first, second = ask_back(bob), ask_back(carol, "Which supplier?")
    decide(bob)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("needless", "open")
    assert subjects(alice)[2:] == ["No answer needed: Desk"]
    clarify(second, alice)
    assert subjects(bob) == ["Please decide: Desk"]
    assert subjects(carol)[-1] == "Question answered: Desk"
    decide(carol)
    assert standing(request) == ("ended", "approved")


def test_a_withdrawn_request_leaves_no_question_open(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    request = start(timed(), alice)
    ask_back(bob)
    engine.withdraw(request.pk, alice)
    assert Clarification.objects.get().state == "needless"
    assert subjects(alice) == ["Question about your request: Desk"]
    assert not Timer.objects.filter(state__in=["paused"]).exists()
    assert whole(request)


def test_whoever_leaves_takes_their_question_with_them(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    request = start(both(), alice)
    ask_back(bob)
    engine.deactivate(bob, by=admin)
    assert Clarification.objects.get().state == "needless"
    assert subjects(alice)[1] == "No answer needed: Desk"
    with pytest.raises(engine_errors.NoLongerOpen):
        ask_back(bob)
    assert whole(request)


def test_without_a_mailbox_all_of_it_is_on_the_page(alice: Person, bob: Person) -> None:
    request = start(plain(), alice)
    clarify(ask_back(bob), alice)
    decide(bob)
    assert standing(request) == ("ended", "approved")
    assert entry_of("asked back").what["ask"] is None


def test_a_step_on_the_page_only_asks_back_with_a_link(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    request = start(plain(proof="page"), alice)
    ask_back(bob)
    mail = text(OutgoingMail.objects.get(kind="clarification"))
    assert "This can be answered on the page only" in mail
    assert "all that you write above it" not in mail
    assert whole(request)


# --- who may, and how much --------------------------------------------------------------------------------


def test_nobody_else_asks_or_answers(mailbox: Mailbox, alice: Person, bob: Person, carol: Person) -> None:
    request = start(plain(), alice)
    with pytest.raises(engine_errors.NotAllowed):
        engine.ask_back(seat(bob).pk, carol, Written("Why?"))
    clarification = ask_back(bob)
    for other in (bob, carol):
        with pytest.raises(engine_errors.NotAllowed):
            clarify(clarification, other)
    Person.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(engine_errors.NotAllowed):
        clarify(clarification, alice)
    assert Clarification.objects.get().state == "open"
    assert whole(request)


def test_who_has_left_is_asked_nothing(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    start(plain(), alice)
    Person.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(engine_errors.EngineError, match="no longer here to answer"):
        ask_back(bob)
    assert not Clarification.objects.exists()


def test_nobody_asks_themselves(mailbox: Mailbox, alice: Person) -> None:
    definition = process(
        {"bob": {**step("alice"), "requester_may_decide": True}},
        ["bob approve approved", "bob reject rejected"],
    )
    start(definition, alice)
    with pytest.raises(engine_errors.EngineError, match="yourself"):
        ask_back(alice)


def test_one_question_of_a_person_is_open_and_so_many_of_a_step(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    names = [f"p{number}@contoso.example" for number in range(MOST_OPEN + 1)]
    people = [add_person(name.title(), name) for name in names]
    group = Group.objects.create(key="many", name="Many")
    group.members.set(people)
    request = start(process({"bob": {**step("bob"), "ask": [{"group": "many"}]}}, WAYS), alice)
    for person in people[:MOST_OPEN]:
        ask_back(person)
    with pytest.raises(engine_errors.EngineError, match="5 questions already wait"):
        ask_back(people[-1])
    with pytest.raises(engine_errors.EngineError, match="still waits"):
        ask_back(people[0])
    clarify(Clarification.objects.all()[0], alice)
    ask_back(people[-1])
    assert Clarification.objects.filter(state="open").count() == MOST_OPEN
    assert whole(request)


@pytest.mark.parametrize("nothing", ["", "  \n", "?!", "\u200b\u2060\u202e", "…"])
def test_a_question_and_an_answer_say_something(
    mailbox: Mailbox, alice: Person, bob: Person, nothing: str
) -> None:
    start(plain(), alice)
    with pytest.raises(engine_errors.EngineError, match="Please write"):
        ask_back(bob, nothing)
    clarification = ask_back(bob)
    with pytest.raises(engine_errors.EngineError, match="Please write"):
        clarify(clarification, alice, nothing)


def test_a_question_is_answered_once(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    request = start(plain(), alice)
    clarification = ask_back(bob)
    clarify(clarification, alice)
    with pytest.raises(engine_errors.AlreadyAnswered):
        clarify(clarification, alice, "No, it is not.")
    assert Clarification.objects.get().answer == "Yes, in that of 2026."
    assert len(entries("clarified")) == 1
    assert whole(request)


def test_what_is_too_long_is_not_taken_from_a_page(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    start(plain(), alice)
    clarification = ask_back(bob)
    with pytest.raises(engine_errors.EngineError, match="at most"):
        clarify(clarification, alice, "long " * 20_000)


def test_invisible_characters_and_line_ends_are_kept_as_what_is_seen(
    mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(plain(), alice)
    clarification = ask_back(bob, "Who\u202e\u2066 pays\x00?\r\nWe\u2028or they\x85\u200b?")
    assert clarification.question == "Who pays?\nWe\nor they\n?"
    clarify(clarification, alice, "می\u200cخواهم 👩\u200d💻\U000e0041")
    assert Clarification.objects.get().answer == "می\u200cخواهم 👩\u200d💻"
    assert whole(request)


# --- the clock --------------------------------------------------------------------------------------------


def test_the_clock_stands_until_the_answer_comes(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(timed(remind=["1 working day before"]), alice)
    assert timers(request) == {
        "due": "04 17:00 waiting", "expire": "06 17:00 waiting", "remind 1": "03 09:00 waiting",
    }  # fmt: skip
    clock.move_to(MONDAY.replace(hour=15))
    clarification = ask_back(bob)
    assert timers(request) == {
        "due": "04 17:00 paused", "expire": "06 17:00 paused", "remind 1": "03 09:00 paused",
        "resume 1": "09 17:00 waiting",
    }  # fmt: skip
    assert work(clock, at("2026-03-05 11:00")) == 0  # nothing reminds, nothing is late
    clarify(clarification, alice)
    # Two working hours of Monday were left to the reminder, and eight of each day after it to the others.
    assert timers(request) == {
        "due": "09 13:00 waiting", "expire": "11 13:00 waiting", "remind 1": "05 13:00 waiting",
        "resume 1": "09 17:00 needless",
    }  # fmt: skip
    answered = text(OutgoingMail.objects.filter(to=bob.email).latest("pk"))
    assert "Please answer by 9 March 2026, 13:00 UTC." in answered
    assert standing(request) == ("open", "")
    for moment in ("2026-03-05 13:00", "2026-03-09 13:00", "2026-03-11 13:00"):
        assert work(clock, at(moment)) == 1
    assert standing(request) == ("ended", "rejected")
    assert not Timer.objects.filter(state__in=["waiting", "paused"]).exists()


def test_no_answer_comes_and_the_clock_goes_on(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(timed(pause={"at_most": "1 working day"}), alice)
    clarification = ask_back(bob)
    assert timers(request)["resume 1"] == "03 17:00 waiting"
    assert work(clock, at("2026-03-03 16:59")) == 0
    assert work(clock, at("2026-03-03 17:00")) == 1
    assert timers(request) == {
        "due": "06 16:00 waiting", "expire": "10 16:00 waiting", "resume 1": "03 17:00 acted",
    }  # fmt: skip
    assert subjects(bob)[-1] == "Question not answered: Desk"
    assert "The question was not answered in time" in text(
        OutgoingMail.objects.filter(to=bob.email).latest("pk")
    )
    clarification.refresh_from_db()
    assert (clarification.state, clarification.pauses) == ("open", False)
    # A late answer is welcome, and moves nothing.
    before = timers(request)
    clarify(clarification, alice)
    assert timers(request) == before
    assert subjects(bob)[-1] == "Question answered: Desk"
    assert standing(request) == ("open", "")


def test_nobody_stalls_for_ever(clock: Clock, mailbox: Mailbox, alice: Person, bob: Person) -> None:
    request = start(timed(pause={"at_most": "1 working day"}), alice)
    for number in range(1, MOST_PAUSES + 1):
        clarification = ask_back(bob)
        assert clarification.pauses
        clock.shift(timedelta(minutes=30))
        clarify(clarification, alice)
        assert timers(request)[f"resume {number}"].endswith("needless")
    before = timers(request)
    assert not ask_back(bob).pauses
    assert timers(request) == before
    assert standing(request) == ("open", "")
    assert work(clock, at("2026-03-31 17:00")) >= 1
    for day in range(1, 20):
        work(clock, at("2026-04-01 12:00") + timedelta(days=day))
    assert standing(request) == ("ended", "rejected")


def test_two_questions_stop_the_clock_once_and_the_last_answer_lets_it_go_on(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(both(due="2 working days"), alice)
    first = ask_back(bob)
    clock.shift(timedelta(hours=2))
    second = ask_back(carol, "Which supplier?")
    assert timers(request) == {"due": "04 17:00 paused", "resume 1": "09 17:00 waiting"}
    clock.shift(timedelta(hours=1))
    clarify(first, alice)
    assert timers(request)["due"] == "04 17:00 paused"
    clock.shift(timedelta(hours=1))
    clarify(second, alice)
    assert timers(request) == {"due": "05 13:00 waiting", "resume 1": "09 17:00 needless"}
    assert standing(request) == ("open", "")


def test_deciding_ends_the_pause(clock: Clock, mailbox: Mailbox, alice: Person, bob: Person) -> None:
    request = start(timed(), alice)
    ask_back(bob)
    clock.move_to(at("2026-03-09 12:00"))  # past the end that it had
    decide(bob)
    assert standing(request) == ("ended", "approved")
    assert {row.state for row in Timer.objects.all()} == {"needless"}


@pytest.mark.parametrize("where", ["step", "process"])
def test_a_process_says_that_the_clock_runs_on(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, where: str
) -> None:
    definition = timed(pause=False) if where == "step" else {**timed(), "pause": False}
    request = start(definition, alice)
    before = timers(request)
    assert not ask_back(bob).pauses
    assert timers(request) == before
    assert "stands still" not in text(OutgoingMail.objects.get(kind="clarification"))
    assert standing(request) == ("open", "")


def test_a_step_says_otherwise_than_its_process(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    start({**timed(pause={"at_most": "2 hours"}), "pause": False}, alice)
    assert ask_back(bob).pauses
    assert timers(Request.objects.get())["resume 1"] == "02 12:00 waiting"


def test_time_for_an_answer_is_left_after_a_pause(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    """A requester who answers a minute before the end takes no time from whoever decides."""
    request = start(timed(expire={}), alice)
    clock.move_to(at("2026-03-04 16:55"))
    clarify(ask_back(bob), alice)
    assert timers(request)["due"] == "04 17:00 waiting"
    assert timers(request)["expire"] == "05 17:00 waiting"
    assert standing(request) == ("open", "")


def test_what_is_past_stands_still_no_more(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(plain(due="2 working days"), alice)
    assert work(clock, at("2026-03-04 17:00")) == 1
    assert not ask_back(bob).pauses
    assert timers(request) == {"due": "04 17:00 acted"}


def test_a_deadline_outside_working_time_moves_by_the_clock(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(plain(due="5 days"), alice)  # on Saturday at ten
    clock.move_to(at("2026-03-07 08:00"))
    clarification = ask_back(bob)
    clock.move_to(at("2026-03-08 08:00"))
    clarify(clarification, alice)
    assert timers(request)["due"] == "08 10:00 waiting"


def test_other_data_moves_a_deadline_that_stands_still(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    needed = {"name": "needed", "label": "Needed by", "type": "date"}
    definition = process({
        "both": {
            "kind": "parallel", "name": "Both", "result": [{"approved": "all"}], "otherwise": "rejected",
            "branches": {"a": {"start": "bob"}, "b": {"start": "carol"}},
        },
        "bob": step("bob", due={"field": "needed"}, remind=["1 working day before"], expire={}),
        "carol": {**step("carol"), "kind": "task", "form": {"fill": ["needed"]}},
    }, [
        *({"from": "bob", "outcome": one, "ends_branch": "approved"} for one in ("approve", "reject", "expired")),
        {"from": "carol", "outcome": "done", "ends_branch": "approved"},
        "both approved approved", "both rejected rejected",
    ])  # fmt: skip
    request = start({**definition, "form": [*definition["form"], needed]}, alice, needed="2026-03-20")
    clarification = ask_back(bob)
    engine.decide(
        seat(carol).pk,
        by=carol,
        outcome="done",
        channel=Decision.Channel.PAGE,
        entered={"needed": "2026-03-27"},
    )
    assert timers(request)["due"] == "27 17:00 paused"
    clock.shift(timedelta(hours=3))
    clarify(clarification, alice)
    assert timers(request)["due"] == "30 12:00 waiting"
    assert standing(request) == ("open", "")


def test_data_that_changes_no_deadline_takes_no_time_back_that_the_clock_stood(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    definition = process({
        "both": {
            "kind": "parallel", "name": "Both", "result": [{"approved": "all"}], "otherwise": "rejected",
            "branches": {"a": {"start": "bob"}, "b": {"start": "carol"}, "c": {"start": "again"}},
        },
        "bob": step("bob", due={"expression": "amount > 1000.0 ? '5 working days' : '2 working days'"}, expire={}),
        "carol": {**step("carol"), "kind": "task", "form": {"fill": ["note"]}},
        "again": {**step("carol"), "kind": "task", "name": "Again", "form": {"fill": ["amount"]}},
    }, [
        *({"from": "bob", "outcome": one, "ends_branch": "approved"} for one in ("approve", "reject", "expired")),
        *({"from": one, "outcome": "done", "ends_branch": "approved"} for one in ("carol", "again")),
        "both approved approved", "both rejected rejected",
    ])  # fmt: skip
    request = start(definition, alice)
    for hours, due in ((3, "05 12:00 waiting"), (2, "05 14:00 waiting")):
        clarification = ask_back(bob)
        clock.shift(timedelta(hours=hours))
        clarify(clarification, alice)
        assert timers(request)["due"] == due
    moved = timers(request)["due"]
    seats = {
        one.visit.step_key: one for one in Assignment.objects.filter(person=carol).select_related("visit")
    }
    entered = {"carol": {"note": "Urgent."}, "again": {"amount": "5000"}}
    engine.decide(
        seats["carol"].pk, by=carol, outcome="done", channel=Decision.Channel.PAGE, entered=entered["carol"]
    )
    assert timers(request)["due"] == moved
    engine.decide(
        seats["again"].pk, by=carol, outcome="done", channel=Decision.Channel.PAGE, entered=entered["again"]
    )
    # Five working days end on Monday; the clock stood for five working hours of them.
    assert timers(request)["due"] == "10 14:00 waiting"
    assert standing(request) == ("open", "")


def test_whoever_is_replaced_takes_their_question_with_them(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    rung = {"when": "1 working day after", "instead": [{"person": carol.email}]}
    request = start(plain(due="1 working day", escalate=[rung], pause=False), alice)
    ask_back(bob)
    work(clock, at("2026-03-03 17:00"))
    work(clock, at("2026-03-04 17:00"))
    assert Clarification.objects.get().state == "needless"
    assert "No answer needed: Desk" in subjects(alice)
    assert Assignment.objects.get(state="open").person == carol
    assert whole(request)


def test_nobody_is_asked_in_their_place_while_the_clock_stands(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    rung = {"when": "1 working day after", "also": [{"person": carol.email}]}
    request = start(timed(escalate=[rung]), alice)
    clarification = ask_back(bob)
    assert work(clock, at("2026-03-06 12:00")) == 0
    clarify(clarification, alice)
    assert {value.rpartition(" ")[2] for key, value in timers(request).items() if key != "resume 1"} == {
        "waiting"
    }
    assert Assignment.objects.count() == 1
    assert whole(request)


# --- what a definition may say ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"pause": False}, "pause belongs to a deadline"),
        ({"due": "1 day", "pause": {"at_most": "for ever"}}, "is no amount of time"),
        ({"due": "1 day", "pause": "never"}, "pause"),
        ({"due": "1 day", "pause": {"at_most": "1 day", "more": 1}}, "more"),
    ],
)
def test_a_pause_that_cannot_be_is_not_published(
    db: None, bob: Person, more: dict[str, Any], problem: str
) -> None:
    assert problem in refused(plain(**more))


def test_yes_is_the_default(db: None, alice: Person, bob: Person) -> None:
    publish(plain(due="1 day", pause=True))


# --- the record -------------------------------------------------------------------------------------------


def test_what_was_asked_and_answered_is_compared_with_the_record(
    mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(timed(), alice)
    clarify(ask_back(bob), alice)
    Clarification.objects.update(answer="No, it is not.")
    assert [one.reason for one in evidence.compare(request.pk)] == ["what the requester answered was changed"]


def test_what_is_decided_while_the_clock_stands_was_not_late(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    """Its old date is past by then; one that is decided after its date, while the clock runs, was late."""
    asked, late = start(timed(), alice), start(timed(), alice)
    visits = {one.request_id: one for one in (asked.visits.get(), late.visits.get())}
    first = Assignment.objects.get(visit__request=asked)
    engine.ask_back(first.pk, bob, Written("Why?"))
    clock.move_to(at("2026-03-05 10:00"))
    engine.decide(first.pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
    decide(bob)
    for _ in range(2):  # also once everything that was to come was looked at
        for visit in visits.values():
            visit.refresh_from_db()
        shown = due_of([*visits.values()])
        assert [shown[visits[one.pk].pk].is_late for one in (asked, late)] == [False, True]
        assert [shown[visits[one.pk].pk].at for one in (asked, late)] == [at("2026-03-04 17:00")] * 2
        work(clock, at("2026-04-05 10:00"))
    assert {timer.state for timer in Timer.objects.filter(what="due")} == {"needless"}
