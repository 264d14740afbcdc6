"""A process is tried with the real engine, and nothing of it stays."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import F

from placet.accounts.delegations import Wanted, make
from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.definitions import definition_of
from placet.approvals.models import Assignment, Decision, Request, Version
from placet.approvals.processes import publish
from placet.designer import trying, trying_time
from placet.designer.trying import tried
from placet.designer.trying_events import (
    Answer,
    Event,
    EventsInvalid,
    Jump,
    Reply,
    Signal,
    Start,
    Withdraw,
    as_json,
    from_json,
)
from placet.designer.trying_shown import Trial
from placet.lib import clock
from placet.mail.models import OutgoingMail
from tests.designer.trials import ALICE, BOB, CAROL, MONDAY, PURCHASE, START, after, people, person
from tests.designer.whole_database import contents
from tests.making import make_mailbox

pytestmark = pytest.mark.django_db

EVERYTHING: list[Event] = [
    START,
    Reply(BOB, "Question: is it for the office?"),
    Reply(BOB, "perhaps later"),
    Jump(),
    Jump(),
    Reply(CAROL, "Yes, go ahead"),
    Answer(BOB, "manager", "reject", "too late"),
    Jump(MONDAY + timedelta(days=30)),
]


@pytest.fixture(autouse=True)
def known_people() -> dict[str, Person]:
    return people()


# --- nothing stays ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_mailbox", [True, False])
def test_nothing_of_it_stays(
    has_mailbox: bool, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    if has_mailbox:
        make_mailbox()
    # A request that is there, waiting for the same people, is not touched either.
    engine.start(publish(PURCHASE), Person.objects.get(email=ALICE), START.values)
    Person.objects.filter(email=BOB).update(in_digests=True)
    before = contents()
    assert before["approvals_request"] and before["audit_auditentry"]
    with django_capture_on_commit_callbacks() as called:  # type: ignore[attr-defined]
        trial = tried(PURCHASE.replace("Manager", "Your manager"), EVERYTHING)
    assert trial.result == "approved" and trial.mails
    assert contents() == before
    assert called == []


def test_what_failed_leaves_nothing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents()

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(engine, "decide", broken)
    with pytest.raises(ZeroDivisionError):
        tried(PURCHASE, after(Answer(BOB, "manager", "approve")))
    assert contents() == before


def test_a_row_that_gets_the_same_id_later_is_another_one() -> None:
    """SQLite gives an id again that was rolled back: nothing may be kept by it."""
    trial = tried(PURCHASE.replace("Manager", "Somebody else"), after(Answer(BOB, "manager", "approve")))
    assert trial.stations[0].name == "Somebody else"
    request = engine.start(publish(PURCHASE), Person.objects.get(email=ALICE), START.values)
    make_mailbox()
    assert definition_of(request.version).steps["manager"].name == "Manager"
    assert request.number == 1
    engine.ask_by_mail(Assignment.objects.get().pk)
    mail = OutgoingMail.objects.get()
    assert "Somebody else" not in bytes(mail.raw).decode()


def test_no_other_thread_sees_its_time() -> None:
    tried(PURCHASE, after(Jump()))
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=5)


def test_digests_of_its_people_hold_nothing_of_others() -> None:
    make_mailbox()
    Person.objects.filter(email=BOB).update(in_digests=True)
    real = {"item": "A secret", "amount": "5"}
    for _number in range(2):
        engine.start(publish(PURCHASE), Person.objects.get(email=ALICE), real)
    trial = tried(PURCHASE, after(Jump()))
    assert [mail.to for mail in trial.mails] == [BOB]
    assert "Chair" in trial.mails[0].text and "secret" not in trial.mails[0].text


# --- what it shows ----------------------------------------------------------------------------------------


def test_who_is_asked_and_the_mail() -> None:
    trial = tried(PURCHASE, [START])
    [question] = trial.questions
    assert (question.person, question.step, question.why) == (BOB, "manager", "manager of the requester")
    [mail] = trial.mails
    assert mail.to == BOB and mail.subject.startswith("Please decide: Chair")
    assert "200.00" in mail.text and "<table" in mail.markup
    assert trial.summary.asked == {"manager": [BOB]} and trial.state == "open"


def test_a_reply_in_ones_own_words_is_read_as_it_will_be() -> None:
    trial = tried(PURCHASE, after(Reply(BOB, "Yes, go ahead\n\nBob")))
    reading = trial.happenings[1].reading
    assert reading is not None and reading.outcome == "Approve"
    assert "go ahead" in " ".join(reading.rests_on)
    assert trial.result == "approved" and trial.summary.path == ["manager=approve"]


def test_an_unclear_one_is_asked_back() -> None:
    trial = tried(PURCHASE, after(Reply(BOB, "perhaps later")))
    reading = trial.happenings[1].reading
    assert reading is not None and reading.outcome == "" and "guess" in reading.sentence
    assert [mail.to for mail in trial.happenings[1].mails] == [BOB]
    assert trial.state == "open"


def test_the_requester_answers_a_question() -> None:
    asked = tried(PURCHASE, after(Reply(BOB, "Question: for which office?")))
    assert [one.asks_back for one in asked.questions] == [False, True]
    trial = tried(
        PURCHASE,
        after(Reply(BOB, "Question: for which office?"), Reply(ALICE, "Paris"), Reply(BOB, "approved")),
    )
    assert trial.errors == [] and trial.result == "approved"


def test_time_passes_until_it_ends_by_itself() -> None:
    trial = tried(PURCHASE, after(*[Jump()] * 3))
    assert [one.at.isoformat()[:16] for one in trial.happenings] == [
        "2027-03-01T10:00",
        "2027-03-02T09:00",  # the reminder
        "2027-03-03T17:02",  # it is due, and others are asked, once mail that may have come before was read
        "2027-03-04T17:02",
    ]
    assert [mail.to for mail in trial.happenings[1].mails] == [BOB]
    assert CAROL in [mail.to for mail in trial.happenings[2].mails]
    assert trial.result == "rejected"


def test_nothing_is_due_any_more() -> None:
    trial = tried(PURCHASE, after(Answer(BOB, "manager", "approve"), Jump()))
    assert trial.happenings[-1].error == "Nothing is due."
    assert trial.coming == []


def test_a_moment_that_is_past_is_none() -> None:
    assert tried(PURCHASE, after(Jump(MONDAY))).happenings[-1].error == "That moment is past."


def test_a_delegation_begins_meanwhile(known_people: dict[str, Person]) -> None:
    dave = person("dave@contoso.example")
    begins = MONDAY + timedelta(hours=3)
    with clock.standing_at(MONDAY - timedelta(days=1)):
        make(known_people[BOB], Wanted(dave, begins), known_people[BOB])
    trial = tried(PURCHASE, after(Jump()))
    assert trial.now == begins
    assert trial.questions[0].delegates == ["dave@contoso.example"]
    assert tried(PURCHASE, after(Jump(), Reply("dave@contoso.example", "approved"))).result == "approved"


def test_it_is_withdrawn() -> None:
    trial = tried(PURCHASE, after(Withdraw()))
    assert trial.state == "withdrawn" and [mail.to for mail in trial.happenings[1].mails] == [BOB]


def test_errors_are_sentences_and_the_play_goes_on() -> None:
    events = after(
        Reply(CAROL, "yes"),
        Reply("nobody@contoso.example", "yes"),
        Answer(CAROL, "manager", "approve"),
        Answer(BOB, "manager", "shrug"),
        Signal("arrived"),
        START,
        Answer(BOB, "manager", "approve"),
        Answer(BOB, "manager", "approve"),
    )
    trial = tried(PURCHASE, events)
    assert all(trial.errors) and len(trial.errors) == 7
    assert [bool(one.error) for one in trial.happenings] == [False, *[True] * 6, False, True]
    assert trial.result == "approved"


def test_a_form_that_does_not_fit_starts_nothing() -> None:
    trial = tried(PURCHASE, [Start(ALICE, {"item": "", "amount": "much"}, MONDAY), Reply(BOB, "yes")])
    assert trial.happenings[0].error.startswith("Amount: ")
    assert trial.happenings[1].error == "No request was started." and trial.state == ""


def test_a_definition_with_mistakes_is_not_tried() -> None:
    trial = tried(PURCHASE.replace("start: manager", "start: nowhere"), [START])
    assert any("nowhere" in problem for problem in trial.problems) and not trial.happenings


def test_files_are_pretended() -> None:
    with_file = PURCHASE.replace(
        "start: manager", "  - {name: offer, label: Offer, type: files, required: true}\nstart: manager"
    )
    without = tried(with_file, [START])
    assert "Offer" in without.happenings[0].error
    start = Start(ALICE, START.values, MONDAY, {"offer": ["offer.pdf"]})
    trial = tried(with_file, [start])
    assert trial.errors == [] and trial.state == "open"
    assert "Offer" in trial.mails[0].text


def test_a_step_that_nobody_can_be_asked_in_is_shown() -> None:
    Person.objects.filter(email=ALICE).update(manager=None)
    trial = tried(PURCHASE, [START])
    assert trial.stations[0].state == "stuck" and trial.stations[0].reason
    assert any(line.tone == "stuck" for line in trial.happenings[0].lines)


def test_a_published_version_is_tried_as_it_is() -> None:
    assert tried(publish(PURCHASE), [START]).summary.asked == {"manager": [BOB]}
    assert Version.objects.count() == 1 and not Request.objects.exists()


# --- bounds -----------------------------------------------------------------------------------------------


def test_a_play_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "MOST_SECONDS", 0.0)
    trial = tried(PURCHASE, EVERYTHING)
    assert "too long" in trial.stopped and len(trial.happenings) == 1


def test_there_are_so_many_events() -> None:
    assert "at most" in tried(PURCHASE, [START] * 41).problems[0]


def test_events_travel_as_json() -> None:
    events = [*EVERYTHING, Signal("arrived"), Withdraw()]
    assert from_json(as_json(events)) == events


@pytest.mark.parametrize(
    "rows",
    [
        None,
        {},
        [1],
        [{"what": "explode"}],
        [{"what": "reply", "by": "a"}],
        [{"what": "reply", "by": 1, "text": "yes"}],
        [{"what": "reply", "by": "a", "text": "yes", "more": ""}],
        [{"what": "jump", "to": "soon"}],
        [{"what": "jump", "to": "2027-03-01T10:00:00"}],
        [{"what": "withdraw"}] * 41,
        [{"what": "reply", "by": "a", "text": "y" * 20_001}],
    ],
)
def test_what_is_no_list_of_events_is_refused(rows: object) -> None:
    with pytest.raises(EventsInvalid):
        from_json(rows)


# --- beside real answers ----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_real_answer_waits_for_a_play_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    real = engine.start(publish(PURCHASE), Person.objects.get(email=ALICE), START.values)
    seat = Assignment.objects.get()
    inside, answered, errors = threading.Event(), threading.Event(), list[BaseException]()

    def answer() -> None:
        try:
            assert inside.wait(60)
            engine.decide(
                seat.pk, by=Person.objects.get(email=BOB), outcome="approve", channel=Decision.Channel.PAGE
            )
        except BaseException as error:  # noqa: BLE001 - said below, in the thread of the test
            errors.append(error)
        finally:
            answered.set()
            connection.close()

    work = trying_time.Passing.work

    def slow(passing: trying_time.Passing) -> None:
        work(passing)
        inside.set()
        # PostgreSQL lets the answer through; SQLite has one writer, so it waits until the play is over.
        assert answered.wait(1.0) or connection.vendor == "sqlite"

    monkeypatch.setattr(trying_time.Passing, "work", slow)
    thread = threading.Thread(target=answer)
    thread.start()
    assert tried(PURCHASE, [START]).summary.asked == {"manager": [BOB]}
    thread.join()
    assert errors == []
    real.refresh_from_db()
    assert real.result == "approved"
    assert Request.objects.count() == 1


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_it_gives_up_where_it_would_wait() -> None:
    """Starting a request takes the next number: whoever starts a real one is not waited for."""
    real = engine.start(publish(PURCHASE), Person.objects.get(email=ALICE), START.values)
    held, done = threading.Event(), threading.Event()

    def starts() -> None:
        with transaction.atomic():
            type(real)._meta.apps.get_model("approvals", "Counter").objects.update(last=F("last"))
            held.set()
            done.wait(60)
        connection.close()

    thread = threading.Thread(target=starts)
    thread.start()
    assert held.wait(60)
    try:
        trial = tried(PURCHASE, [START])
    finally:
        done.set()
        thread.join()
    assert "try again" in trial.stopped


@pytest.mark.parametrize("state", ["08006", None])
def test_a_database_that_fails_is_not_taken_for_a_lock(
    state: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying, "_played", failing(state))
    with pytest.raises(OperationalError):
        tried(PURCHASE, [START])


def test_where_a_lock_is_held_a_trial_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "_played", failing(trying.LOCKED))
    assert tried(PURCHASE, [START]).stopped.startswith("Somebody else is working on this")


def failing(state: str | None) -> Callable[..., Trial]:
    """Fails as Django passes on what psycopg says. `state`: SQLSTATE; None: of a database that has none."""

    def fail(*_given: object) -> Trial:
        cause = Exception("the database says so")
        if state is not None:
            cause.sqlstate = state  # type: ignore[attr-defined]
        raise OperationalError("the database says so") from cause

    return fail
