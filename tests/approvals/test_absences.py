"""Until when somebody counts as away, and what says that they are: by the clock, by their delegations, and in whatever
order mails are read and processes run."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from placet import work
from placet.accounts import delegations
from placet.accounts.models import Delegation, Group, Person
from placet.approvals import absences, delegating, engine, evidence, undoing
from placet.approvals.models import Absence, Assignment, Decision, Delegate, Request
from placet.approvals.processes import publish
from placet.approvals.verification import findings
from placet.audit import chain
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.approvals.test_delegates import at_once, delegate
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
    engine.decide(seat.pk, by=bob, outcome="approve", door=Decision.Door.PAGE)
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
    engine.decide(seat_of(request, bob).pk, by=bob, outcome="approve", door=Decision.Door.PAGE)
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
    engine.decide(decided.pk, by=carol, outcome="approve", door=Decision.Door.PAGE)
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
