"""What somebody sees of their own absence: that it is in force, who is asked in their place, until when, and the way to
end it. And days of a delegation, which are those that were entered, wherever they are read."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from placet.accounts.delegations import Scope
from placet.accounts.models import Delegation, Person
from placet.approvals import absences
from placet.approvals.models import Absence, Assignment, Delegate
from placet.approvals.verification import findings
from placet.mail.models import IncomingMail, OutgoingMail
from tests.approvals.test_delegates import text_of
from tests.clocks import MONDAY
from tests.making import SAMPLE, make_mailbox, start
from tests.pages.test_delegates import ENTERED, page, stands_in

pytestmark = pytest.mark.django_db
As = Callable[[Person | None], Client]
PLACES = ("account", "portal:home")


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(MONDAY) as clock:
        yield clock


def automatic_reply() -> IncomingMail:
    return IncomingMail.objects.create(
        mailbox=make_mailbox(),
        server_id="1",
        fingerprint="1",
        folder="inbox",
        raw=b"",
        received_at=timezone.now(),
    )


def away(person: Person) -> None:
    assert absences.begin(person.pk, automatic_reply(), "colleague")


def shown(client: Client, name: str) -> str:
    return client.get(reverse(name)).content.decode()


@pytest.mark.parametrize("place", [*PLACES, "account_delegates"])
def test_an_absence_is_shown_with_who_is_asked_until_when_and_how_to_end_it(
    bob: Person, dave: Person, as_: As, place: str
) -> None:
    stands_in(bob, dave, when=Delegation.When.ABSENT)
    assert "says that you are away" not in shown(as_(bob), place)
    away(bob)
    said = shown(as_(bob), place)
    assert "An automatic reply of Monday, 2 March 2026 says that you are away." in said
    assert "until Wednesday, 1 April 2026 at the latest" in said
    assert "Asked in your place: Dave Stranger." in said
    assert "I am back" in said
    assert "says that you are away" not in shown(as_(dave), place)
    as_(bob).post(reverse("portal:back"))
    assert Absence.objects.get().ended_by == bob
    assert "says that you are away" not in shown(as_(bob), place)
    assert [*findings()] == []


def test_administrators_see_of_a_person_what_that_person_sees(
    admin: Person, bob: Person, dave: Person, as_: As
) -> None:
    address = reverse("panel:person", args=[bob.pk])
    assert "Nobody is asked in their place now." in as_(admin).get(address).content.decode()
    stands_in(bob, dave, when=Delegation.When.ABSENT)
    away(bob)
    said = as_(admin).get(address).content.decode()
    assert "An automatic reply of Monday, 2 March 2026 says that they are away." in said
    assert "until Wednesday, 1 April 2026 at the latest" in said
    assert "Asked in their place: Dave Stranger." in said
    assert "I am back" not in said


@pytest.mark.parametrize("place", PLACES)
def test_where_nobody_is_named_it_says_who_hears_of_it(
    bob: Person, carol: Person, as_: As, place: str
) -> None:
    away(bob)
    assert "Nobody is named for that: what you are asked waits for you." in shown(as_(bob), place)
    Person.objects.filter(pk=bob.pk).update(manager=carol)
    said = shown(as_(Person.objects.get(pk=bob.pk)), place)
    assert f"Nobody is named for that. {carol.name} may give each question to somebody" in said


@pytest.mark.parametrize("place", PLACES)
def test_so_are_days_on_which_somebody_is_asked_instead(
    bob: Person, dave: Person, as_: As, place: str
) -> None:
    made = stands_in(bob, dave, ends_at=timezone.now() + timedelta(days=3), scope=Scope(("purchase",)))
    said = shown(as_(bob), place)
    assert "Dave Stranger is asked in your place until Thursday, 5 March 2026." in said
    assert "purchase" in said
    as_(bob).post(reverse("account_end_delegation", args=[made.pk]))
    assert "is asked in your place" not in shown(as_(bob), place)


def test_one_that_has_not_begun_is_not_shown(bob: Person, dave: Person, as_: As) -> None:
    as_(bob).post(reverse("account_delegates"), {**ENTERED, "first": "2026-03-09", "last": "2026-03-10"})
    assert Delegation.objects.exists()
    assert "is asked in your place" not in shown(as_(bob), "portal:home")


def test_what_is_changed_in_the_account_ends_nothing(bob: Person, dave: Person, as_: As) -> None:
    away(bob)
    as_(bob).post(reverse("account_delegates"), ENTERED)
    as_(bob).post(reverse("account"), {"language": "", "zone": "", "in_digests": ""})
    assert Absence.objects.get().ended_at is None


def test_i_am_back_is_for_questions_that_are_open(alice: Person, bob: Person, dave: Person, as_: As) -> None:
    stands_in(bob, dave, when=Delegation.When.ABSENT)
    away(bob)
    start(SAMPLE, alice)
    assert Delegate.objects.get().state == "open"
    as_(bob).post(reverse("portal:back"))
    assert Delegate.objects.get().reason == "back"
    assert Assignment.objects.get().absent_at is None
    assert [*findings()] == []


@pytest.mark.parametrize("act", ["give", "back"])
def test_what_somebody_did_here_outlasts_an_automatic_reply_that_came_before_and_is_read_later(
    alice: Person, bob: Person, dave: Person, as_: As, clock: time_machine.Traveller, act: str
) -> None:
    request = start(SAMPLE, alice)
    mail = automatic_reply()
    clock.shift(timedelta(hours=1))
    given = {"to": dave.email, "comment": ""}
    where, entered = {
        "give": (reverse("portal:give", args=[request.public_id, Assignment.objects.get().pk]), given),
        "back": (reverse("portal:back"), {}),
    }[act]
    assert as_(bob).post(where, entered).status_code == HTTPStatus.FOUND
    assert not absences.begin(bob.pk, mail, "colleague")
    assert Absence.objects.count() == 0


def test_nobody_says_from_another_site_that_somebody_is_back(bob: Person) -> None:
    away(bob)
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob)
    assert client.post(reverse("portal:back")).status_code == HTTPStatus.FORBIDDEN
    client.get(reverse("portal:back"))
    assert Absence.objects.get().ended_at is None


# --- days -------------------------------------------------------------------------------------------------


@pytest.fixture
def from_new_york(bob: Person, dave: Person, as_: As) -> Delegation:
    """Bob is there and is asked; Dave, who reads in Berlin, answers for him until Friday."""
    make_mailbox()
    Person.objects.filter(pk=bob.pk).update(zone="America/New_York")
    Person.objects.filter(pk=dave.pk).update(zone="Europe/Berlin")
    days: dict[str, Any] = {"first": "2026-03-02", "last": "2026-03-06"}
    as_(Person.objects.get(pk=bob.pk)).post(reverse("account_delegates"), {**ENTERED, **days})
    return Delegation.objects.get()


def test_a_day_is_the_one_that_was_entered_wherever_it_is_read(
    from_new_york: Delegation, alice: Person, bob: Person, dave: Person, as_: As
) -> None:
    request = start(SAMPLE, alice)
    bob, dave = (Person.objects.get(pk=one.pk) for one in (bob, dave))
    there = "Friday, 6 March 2026 (America/New_York)"
    assert f"(until {there})" in text_of(OutgoingMail.objects.get(to=dave.email))
    assert f"You are asked in place of Bob Manager (until {there})." in shown(as_(dave), "portal:home")
    assert f"from Monday, 2 March 2026 to {there}" in shown(as_(dave), "account_delegates")
    assert f"may answer for Bob Manager until {there}" in page(as_(dave), request)
    own = shown(as_(bob), "account_delegates")
    assert "from Monday, 2 March 2026 to Friday, 6 March 2026" in own
    assert "(America/New_York)" not in own.replace("(until", "")
    assert "until Friday, 6 March 2026." in shown(as_(bob), "portal:home")
    assert [*findings()] == []


def test_after_whoever_entered_it_moved_it_is_the_same_day(
    from_new_york: Delegation, bob: Person, as_: As
) -> None:
    Person.objects.filter(pk=bob.pk).update(zone="Asia/Tokyo")
    said = shown(as_(Person.objects.get(pk=bob.pk)), "account_delegates")
    assert "to Friday, 6 March 2026 (America/New_York)" in said


def test_the_zone_of_its_days_is_on_record(from_new_york: Delegation) -> None:
    Delegation.objects.update(zone="Asia/Tokyo")
    changed = f"Delegation {from_new_york.pk}: not as recorded: in which time zone its days are was changed"
    assert [*findings()] == [changed]


def test_without_days_there_is_no_zone(bob: Person, dave: Person, as_: As) -> None:
    as_(bob).post(reverse("account_delegates"), ENTERED)
    assert Delegation.objects.get().zone == ""
