"""Until when somebody counts as away, and what says that they are: by the clock, by their delegations, and in whatever
order mails are read and processes run."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from placet import work
from placet.accounts import delegations
from placet.accounts.models import Delegation, Group, Person
from placet.approvals import absences, delegating, engine, engine_errors, evidence, record, undoing
from placet.approvals.models import Absence, Ask, Assignment, Decision, Delegate, Request
from placet.approvals.processes import publish
from placet.approvals.verification import findings
from placet.audit import chain
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.replies import refusals
from tests.approvals.test_delegates import at_once, delegate, text_of
from tests.clocks import MONDAY
from tests.making import entries, entry_of, make_mailbox, one_step

pytestmark = pytest.mark.django_db
ABSENCES = next(kind for kind in work.kinds() if kind.name == "absence")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def _the_record_tells_it_all(db: None) -> Iterator[None]:
    yield
    assert [*chain.verify(), *evidence.compare(), *findings()] == []


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(MONDAY, tick=False) as clock:
        yield clock


@pytest.fixture
def mailbox(db: None) -> Mailbox:
    return make_mailbox()


def automatic_reply(mailbox: Mailbox, at: datetime | None = None) -> IncomingMail:
    """As it is kept; that it is one, and proved, is shown in the journeys."""
    name = f"automatic {IncomingMail.objects.count()}"
    return IncomingMail.objects.create(
        mailbox=mailbox,
        server_id=name,
        fingerprint=name,
        folder="inbox",
        raw=b"",
        received_at=at or timezone.now(),
    )


def away(person: Person, mailbox: Mailbox, at: datetime | None = None, proof: str = "colleague") -> bool:
    return absences.begin(person.pk, automatic_reply(mailbox, at), proof)


def asks(person: Person, **more: Any) -> dict[str, Any]:
    return one_step([{"person": person.email}], **more)


def start(requester: Person, source: dict[str, Any], item: str = "Desk") -> Request:
    return engine.start(publish(source), requester, {"item": item, "amount": "900"})


def seat_of(request: Request, person: Person) -> Assignment:
    return Assignment.objects.get(visit__request=request, person=person)


def rows(request: Request) -> list[tuple[str, str, str]]:
    """Of each delegate: who, how that stands, and why it ended."""
    kept = Delegate.objects.filter(assignment__visit__request=request).order_by("pk")
    names = kept.values_list("person__name", "state", "reason")
    return [(name.split()[0], state, reason) for name, state, reason in names]


# --- until when -------------------------------------------------------------------------------------------


def test_after_thirty_days_it_ends_by_itself(
    clock: time_machine.Traveller, mailbox: Mailbox, alice: Person, bob: Person, dave: Person
) -> None:
    delegate(bob, dave, when=Delegation.When.ABSENT)
    assert away(bob, mailbox)
    request = start(alice, asks(bob))
    assert rows(request) == [("Dave", "open", "")]
    work.run_once(ABSENCES)
    clock.shift(absences.LONGEST - timedelta(seconds=1))
    work.run_once(ABSENCES)
    assert rows(request) == [("Dave", "open", "")]
    clock.shift(timedelta(seconds=1))
    assert rows(start(alice, asks(bob), "Chair")) == [], "before anybody looked"
    work.run_once(ABSENCES)
    assert rows(request) == [("Dave", "ended", "back")]
    ended = entry_of(absences.ENDED)
    assert (ended.who, ended.what["ended"]) == ("system", (MONDAY + absences.LONGEST).isoformat())
    assert seat_of(request, bob).absent_at is None


def test_it_ends_on_the_last_day_of_a_delegation_and_moves_with_a_new_one(
    clock: time_machine.Traveller, mailbox: Mailbox, alice: Person, bob: Person, dave: Person
) -> None:
    delegate(bob, dave, when=Delegation.When.ABSENT)
    first = delegate(bob, dave, ends_at=MONDAY + 5 * DAY)
    away(bob, mailbox)
    assert Absence.objects.get().until == MONDAY + 5 * DAY
    delegate(bob, dave, ends_at=MONDAY + 9 * DAY)
    work.run_once(next(kind for kind in work.kinds() if kind.name == "delegate"))
    assert Absence.objects.get().until == MONDAY + 9 * DAY
    assert delegations.end(first.pk, bob)
    clock.shift(9 * DAY)
    work.run_once(ABSENCES)
    assert Absence.objects.get().ended_at == MONDAY + 9 * DAY
    assert len(entries(absences.MOVED)) == 1


def test_a_delegation_that_ends_far_away_makes_no_absence_longer(
    clock: time_machine.Traveller, mailbox: Mailbox, bob: Person, dave: Person
) -> None:
    delegate(bob, dave, when=Delegation.When.ABSENT, ends_at=MONDAY + 300 * DAY)
    away(bob, mailbox)
    assert Absence.objects.get().until == MONDAY + absences.LONGEST


def test_another_one_begins_after_the_first_and_an_older_row_undoes_nothing_of_it(
    clock: time_machine.Traveller, mailbox: Mailbox, alice: Person, bob: Person, dave: Person
) -> None:
    delegate(bob, dave, when=Delegation.When.ABSENT)
    away(bob, mailbox)
    clock.shift(HOUR)
    assert delegating.back(bob, bob) == 0
    clock.shift(HOUR)
    assert away(bob, mailbox)
    request = start(alice, asks(bob))
    Absence.objects.update(due=timezone.now())
    assert work.run_once(ABSENCES) == 2
    assert rows(request) == [("Dave", "open", "")]


def test_one_that_is_past_and_that_nobody_looked_at_is_ended_by_the_next(
    clock: time_machine.Traveller, mailbox: Mailbox, bob: Person
) -> None:
    away(bob, mailbox)
    clock.shift(absences.LONGEST + DAY)
    assert away(bob, mailbox)
    assert [row.ended_at for row in Absence.objects.all()] == [MONDAY + absences.LONGEST, None]


# --- in which order mails are read ------------------------------------------------------------------------


def test_what_was_received_before_somebody_was_back_says_nothing(
    clock: time_machine.Traveller, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(alice, asks(bob))
    clock.shift(HOUR)
    seat = seat_of(request, bob)
    engine.decide(seat.pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
    assert not away(bob, mailbox, MONDAY)
    assert away(bob, mailbox, timezone.now() + timedelta(seconds=1)), "and what came after that does"


def test_nor_does_one_that_came_before_an_administrator_said_so(
    clock: time_machine.Traveller, mailbox: Mailbox, bob: Person, admin: Person
) -> None:
    away(bob, mailbox)
    clock.shift(HOUR)
    delegating.back(bob, admin)
    assert Absence.objects.get().ended_by == admin
    assert not away(bob, mailbox, MONDAY + HOUR / 2)


def test_an_answer_that_came_before_the_automatic_reply_ends_nothing(
    clock: time_machine.Traveller, mailbox: Mailbox, bob: Person
) -> None:
    away(bob, mailbox)
    assert not absences.returned(bob, MONDAY - HOUR)
    assert absences.returned(bob, MONDAY + HOUR)
    assert not absences.returned(bob, MONDAY + 2 * HOUR)


@pytest.mark.parametrize("result", ["status_asked", "page_only", "not_named", "automatic_reply"])
def test_whatever_somebody_wrote_after_it_counts_though_it_was_taken_in_before(
    clock: time_machine.Traveller, mailbox: Mailbox, bob: Person, result: str
) -> None:
    """Nobody was away then, so nothing ended. Automatic replies and answers to what others wrote say nothing."""
    clock.shift(HOUR)
    own = automatic_reply(mailbox)
    handled = {"state": "handled", "handled_at": timezone.now(), "person": bob, "result": result}
    IncomingMail.objects.filter(pk=own.pk).update(**handled)
    assert away(bob, mailbox, MONDAY) is (result in absences.SAY_NOTHING)


def test_what_says_nothing_is_what_the_mail_log_calls_so() -> None:
    assert set(absences.SAY_NOTHING) == {refusals.AutomaticReply.key, refusals.NotNamed.key}


def test_a_clock_of_the_server_that_is_ahead_asks_nobody_twice(
    clock: time_machine.Traveller, mailbox: Mailbox, alice: Person, bob: Person, dave: Person
) -> None:
    delegate(bob, dave, when=Delegation.When.ABSENT)
    request = start(alice, asks(bob))
    assert away(bob, mailbox, timezone.now() + timedelta(seconds=20))
    work.run_once(ABSENCES)
    assert rows(request) == [("Dave", "open", "")]
    assert rows(start(alice, asks(bob), "Chair")) == [("Dave", "open", "")]
    clock.shift(absences.ONCE_MORE)
    work.run_once(ABSENCES)
    assert entries("back", request=request) == []


def test_an_answer_just_before_it_ends_nothing_by_a_clock_of_the_server_that_is_ahead(
    clock: time_machine.Traveller, mailbox: Mailbox, bob: Person
) -> None:
    own = automatic_reply(mailbox, MONDAY + timedelta(seconds=19))
    IncomingMail.objects.filter(pk=own.pk).update(handled_at=MONDAY, person=bob, result="decided")
    assert away(bob, mailbox, MONDAY + timedelta(seconds=20))
    clock.shift(absences.ONCE_MORE)
    work.run_once(ABSENCES)
    assert Absence.objects.get().ended_at is None


def test_one_that_lay_unread_for_longer_than_it_counts_says_nothing(mailbox: Mailbox, bob: Person) -> None:
    assert not away(bob, mailbox, timezone.now() - absences.LONGEST)


def test_an_answer_that_was_committed_at_the_same_time_is_seen_at_the_next_look(
    clock: time_machine.Traveller, mailbox: Mailbox, alice: Person, bob: Person, dave: Person
) -> None:
    """The automatic reply was taken in first, and knew of no answer; the answer looked before that was committed."""
    delegate(bob, dave, when=Delegation.When.ABSENT)
    request, other = start(alice, asks(bob)), start(alice, asks(bob), "Chair")
    away(bob, mailbox)
    clock.shift(timedelta(seconds=10))
    engine.decide(seat_of(request, bob).pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
    clock.shift(absences.ONCE_MORE)
    work.run_once(ABSENCES)
    assert Absence.objects.get().ended_by == bob
    assert rows(other) == []


# --- which questions --------------------------------------------------------------------------------------


def test_a_weaker_proof_says_nothing_where_a_stronger_one_is_asked_for(
    mailbox: Mailbox, alice: Person, bob: Person, dave: Person
) -> None:
    delegate(bob, dave, when=Delegation.When.ABSENT)
    away(bob, mailbox, proof="outside")
    strict = start(alice, asks(bob, proof="colleague"))
    weaker = start(alice, asks(bob, key="weaker", proof="outside"))
    work.run_once(ABSENCES)
    assert (rows(strict), rows(weaker)) == ([], [("Dave", "open", "")])


def test_a_stronger_proof_of_it_counts_where_a_weaker_one_was_known(
    clock: time_machine.Traveller, mailbox: Mailbox, alice: Person, bob: Person, dave: Person
) -> None:
    """They have two addresses, and are away at both."""
    delegate(bob, dave, when=Delegation.When.ABSENT)
    away(bob, mailbox, proof="outside")
    strict = start(alice, asks(bob, proof="colleague"))
    clock.shift(HOUR)
    assert away(bob, mailbox)
    assert not away(bob, mailbox), "that is known"
    assert not away(bob, mailbox, proof="outside"), "and so is what says less"
    work.run_once(ABSENCES)
    assert rows(strict) == [("Dave", "open", "")]
    assert [(one.ended_at, one.ended_by) for one in Absence.objects.all()] == [
        (MONDAY + HOUR, None),
        (None, None),
    ]


def test_of_somebody_who_left_it_says_nothing_and_who_leaves_is_not_away(
    mailbox: Mailbox, bob: Person, dave: Person, admin: Person
) -> None:
    away(bob, mailbox)
    for person in (bob, dave):
        engine.deactivate(person, admin)
    assert Absence.objects.get().ended_by == admin
    assert not away(dave, mailbox)


def test_a_delegate_who_is_known_to_be_away_by_another_question_is_heard_of(
    clock: time_machine.Traveller, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    """One automatic reply comes for each sender, so none comes to what Dave is asked in Bob's place."""
    Person.objects.filter(pk=bob.pk).update(manager=carol)
    delegate(bob, dave, when=Delegation.When.ABSENT)
    away(bob, mailbox)
    request = start(alice, asks(bob))
    work.run_once(ABSENCES)
    proposals = OutgoingMail.objects.filter(kind="hand-on")
    assert not proposals.exists()
    clock.shift(HOUR)
    away(dave, mailbox)
    work.run_once(ABSENCES)
    clock.shift(absences.ONCE_MORE)
    work.run_once(ABSENCES)
    assert [mail.to for mail in proposals] == [carol.email]
    assert rows(request) == [("Dave", "open", "")]


@pytest.mark.parametrize("only_delegate", [True, False])
def test_of_a_delegate_who_is_away_a_manager_hears_if_all_mail_goes_to_them(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person, only_delegate: bool
) -> None:
    """Nothing says that Bob is away, and so does no mail."""
    Person.objects.filter(pk=bob.pk).update(manager=carol)
    delegate(bob, dave, only_delegate=only_delegate)
    start(alice, asks(bob))
    away(dave, mailbox)
    work.run_once(ABSENCES)
    mails = [text_of(mail) for mail in OutgoingMail.objects.filter(kind="hand-on")]
    assert len(mails) == only_delegate
    for text in mails:
        assert "Dave Stranger is asked about" in text
        assert "in place of Bob Manager. According to an automatic reply," in " ".join(text.split())


@pytest.mark.parametrize("how", ["by themself", "by the clock"])
def test_after_it_nobody_answers_because_of_it_though_nobody_looked_yet(
    clock: time_machine.Traveller, mailbox: Mailbox, alice: Person, bob: Person, dave: Person, how: str
) -> None:
    delegate(bob, dave, when=Delegation.When.ABSENT)
    away(bob, mailbox)
    seat = seat_of(start(alice, asks(bob)), bob)
    if how == "by themself":
        clock.shift(HOUR)
        assert absences.returned(bob, timezone.now())
    else:
        clock.shift(absences.LONGEST)
    with pytest.raises(engine_errors.NotAllowed, match="Bob Manager is back"):
        engine.decide(seat.pk, by=dave, outcome="approve", channel=Decision.Channel.PAGE)
    delegate(bob, dave)
    engine.decide(seat.pk, by=dave, outcome="approve", channel=Decision.Channel.PAGE)


def test_of_a_group_of_which_enough_are_left_nobody_is_stood_in_for(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    team = Group.objects.create(key="team", name="Team")
    team.members.set([bob, carol])
    delegate(bob, dave, when=Delegation.When.ABSENT)
    away(bob, mailbox)
    one = start(alice, one_step([{"group": "team"}], rule="first"))
    everybody = start(alice, one_step([{"group": "team"}], key="everybody", rule="all"))
    assert seat_of(one, bob).absent_at is not None
    assert (rows(one), rows(everybody)) == ([], [("Dave", "open", "")])


def test_a_question_that_is_open_again_is_looked_at_once_more(
    clock: time_machine.Traveller, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    """Carol decided while Bob was away, and takes it back when he is there."""
    people = [{"person": bob.email}, {"person": carol.email}]
    delegate(bob, dave, when=Delegation.When.ABSENT)
    away(bob, mailbox)
    request = start(alice, one_step(people, rule="first", undo="60 minutes"))
    decided = seat_of(request, carol)
    engine.decide(decided.pk, by=carol, outcome="approve", channel=Decision.Channel.PAGE)
    clock.shift(HOUR / 2)
    delegating.back(bob, bob)
    work.run_once(ABSENCES)
    undoing.undo(decided.pk, carol)
    work.run_once(ABSENCES)
    assert seat_of(request, bob).absent_at is None
    assert rows(request) == [("Dave", "ended", "back")]


# --- at the same instant, and in the database -------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_at_the_same_instant_a_delegate_is_asked_once(alice: Person, bob: Person, dave: Person) -> None:
    mailbox = make_mailbox()
    delegate(bob, dave, when=Delegation.When.ABSENT)
    version = publish(asks(bob))
    for _ in range(5):
        mails = [automatic_reply(mailbox), automatic_reply(mailbox)]

        def is_away(mail: IncomingMail) -> Any:
            return lambda: absences.begin(bob.pk, mail, "colleague")

        def is_asked() -> Request:
            return engine.start(version, alice, {"item": "Desk", "amount": "1"})

        one, other, request = at_once(is_away(mails[0]), is_away(mails[1]), is_asked)
        assert {one, other} == {False, True}
        Absence.objects.filter(ended_at=None).update(due=timezone.now())
        at_once(lambda: work.run_once(ABSENCES), lambda: work.run_once(ABSENCES))
        assert isinstance(request, Request)
        assert rows(request) == [("Dave", "open", "")]
        seat = seat_of(request, bob)
        assert OutgoingMail.objects.filter(to=dave.email, ask__lines__assignment=seat).count() == 1
        delegating.back(bob, bob)


@pytest.mark.django_db(transaction=True)
def test_two_who_are_each_others_delegates_do_not_wait_for_one_another(
    alice: Person, bob: Person, dave: Person
) -> None:
    """Both automatic replies are taken in at the same instant, each in its transaction."""
    mailbox = make_mailbox()
    pairs = ((bob, dave), (dave, bob))
    for one, other in pairs:
        delegate(one, other, when=Delegation.When.ABSENT)
    asked = {one: start(alice, asks(one, key=f"asks-{one.pk}")) for one, _ in pairs}

    def is_away(person: Person) -> Any:
        mail = automatic_reply(mailbox)
        logged = record.Logged("automatic_reply", "", {"subject": "Away"}, person.pk)
        IncomingMail.objects.filter(pk=mail.pk).update(state="handled", **logged.columns)
        ask = Ask.objects.get(person=person)

        def take_in() -> bool:
            with transaction.atomic():
                delegating.absent(ask, seat_of(asked[person], person).pk, mail, logged)
                return absences.begin(person.pk, mail, "colleague")

        return take_in

    assert at_once(is_away(bob), is_away(dave)) == [True, True]
    assert [rows(asked[one]) for one, _ in pairs] == [[("Dave", "open", "")], [("Bob", "open", "")]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"until": MONDAY + 300 * DAY}, "when it ends by itself was changed"),
        ({"proof": "outside"}, "how that was proved was changed"),
        ({"ended_at": MONDAY}, "whether it ended was changed"),
    ],
)
def test_what_somebody_changes_in_the_table_is_named(
    mailbox: Mailbox, bob: Person, change: dict[str, Any], words: str
) -> None:
    away(bob, mailbox)
    kept = Absence.objects.get()
    Absence.objects.update(**change)
    assert [*findings()] == [f"Absence {kept.pk}: not as recorded: {words}"]
    kept.save()


def test_one_that_was_put_in_or_taken_away_is_named(mailbox: Mailbox, bob: Person, carol: Person) -> None:
    away(bob, mailbox)
    kept = Absence.objects.get()
    put_in = Absence.objects.create(
        person=carol, incoming=automatic_reply(mailbox), proof="colleague", since=MONDAY, until=MONDAY + DAY
    )
    assert [*findings()] == [f"Absence {put_in.pk} was never recorded"]
    put_in.delete()
    Absence.objects.all().delete()
    assert [*findings()] == [f"Absence {kept.pk} is gone"]
    kept.save(force_insert=True)
