"""Whoever is known to be away is away for every question of theirs, though Exchange sends one automatic reply for each
sender, until they do something themself."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from placet import work
from placet.accounts.models import Delegation, Person
from placet.approvals.models import Absence, Assignment, Decision, Request
from placet.approvals.processes import publish
from placet.approvals.verification import findings
from placet.mail.models import OutgoingMail
from placet.sandbox.server import Mail
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.letters import INTERNAL, answer
from tests.journeys.test_delegates import away, delegate, delegates_of, holds, says_yes
from tests.making import entries, entry_of, one_step

pytestmark = pytest.mark.django_db
BOTH_WAYS = True


def work_absences(world: World) -> None:
    Absence.objects.filter(due__isnull=False).update(due=timezone.now())
    work.run_once(world.kinds["absence"])
    world.run_until_quiet()


def is_away(request: Request) -> bool:
    return Assignment.objects.get(visit__request=request, person__name="Bob Bobson").absent_at is not None


def bob_is_away(world: World) -> tuple[Request, Mail]:
    """One automatic reply, to the first question, which Dave is asked, too; and that question as Bob has it."""
    delegate(world, "bob", "dave", when=Delegation.When.ABSENT)
    world.sandbox.set_out_of_office("bob", "I am in the mountains.")
    request = world.request()
    world.run_until_quiet()
    assert world.results() == ["automatic_reply"]
    return request, world.newest("bob", "Please decide")


def test_the_second_question_goes_to_the_delegate_though_no_automatic_reply_comes(world: World) -> None:
    first, _for_bob = bob_is_away(world)
    second = world.request(item="Chair")
    world.run_until_quiet()
    assert world.results() == ["automatic_reply"], "Exchange sent no second one"
    assert delegates_of(second) == [("Dave", "open")]
    for_dave = world.newest("dave", "Please decide")
    assert "Chair" in for_dave.text
    assert (
        "You are asked in place of Bob Bobson, who is away according to an automatic reply." in for_dave.text
    )
    known = entry_of("absent", request=second).what
    assert known["absence"] == Absence.objects.get().pk
    says_yes(world, "dave")
    for request in (first, second):
        holds(world, request)
    assert [*findings()] == []


def test_so_does_one_that_was_asked_before_the_automatic_reply_came(world: World) -> None:
    delegate(world, "bob", "dave", when=Delegation.When.ABSENT)
    world.sandbox.set_out_of_office("bob", "I am in the mountains.")
    both = [world.request(item=item) for item in ("Desk", "Chair")]
    world.run_until_quiet()
    assert world.results() == ["automatic_reply"]
    work_absences(world)
    assert [delegates_of(request) for request in both] == [[("Dave", "open")]] * 2
    work_absences(world)
    asked = OutgoingMail.objects.filter(kind="ask", to=f"dave@{DOMAIN}")
    assert asked.count() == 2, "once for each"
    assert [*findings()] == []


def test_without_anybody_named_the_second_one_is_proposed_to_the_manager_too(world: World) -> None:
    Person.objects.filter(pk=world.people["bob"].pk).update(manager=world.people["carol"])
    away(world, "bob")
    world.request()
    world.run_until_quiet()
    away(world, "bob", "Once more for each sender")
    world.sandbox.set_out_of_office("bob", None)
    second = world.request(item="Chair")
    world.run_until_quiet()
    assert is_away(second)
    assert delegates_of(second) == []
    assert f"/requests/{second.public_id}/give/" in world.newest("carol", "Bob Bobson is away: Chair").text
    assert OutgoingMail.objects.filter(kind="hand-on").count() == 2
    holds(world, second)


def test_an_automatic_reply_that_comes_late_asks_nobody_twice(world: World) -> None:
    """Exchange was told to send them anew, so a second one comes of a question that is known to be put to Dave."""
    bob_is_away(world)
    world.sandbox.set_out_of_office("bob", "I am in the mountains for longer.")
    second = world.request(item="Chair")
    world.run_until_quiet()
    assert world.results() == ["automatic_reply", "automatic_reply"]
    work_absences(world)
    assert delegates_of(second) == [("Dave", "open")]
    assert OutgoingMail.objects.filter(kind="ask", to=f"dave@{DOMAIN}").count() == 2
    assert Absence.objects.count() == 1
    assert len(entries("absent", request=second)) == 1
    holds(world, second)
    assert [*findings()] == []


@pytest.mark.parametrize(
    "text", ["approve", "I have to think about it.", "status", "Question: which colour?"]
)
def test_whoever_writes_themself_is_back_for_all_questions(world: World, text: str) -> None:
    _first, for_bob = bob_is_away(world)
    second = world.request(item="Chair")
    world.run_until_quiet()
    assert is_away(second)
    world.sandbox.reply_as("bob", for_bob.id, text)
    world.run_until_quiet()
    work_absences(world)
    assert Absence.objects.get().ended_by == world.people["bob"]
    assert not is_away(second)
    assert delegates_of(second) == [("Dave", "ended")]
    third = world.request(item="Lamp")
    world.run_until_quiet()
    assert delegates_of(third) == []
    says_yes(world, "bob")
    holds(world, second)
    assert [*findings()] == []


def test_the_last_answer_before_a_holiday_is_none_after_it(world: World) -> None:
    """Bob answers, and is away then; both mails are read afterwards."""
    delegate(world, "bob", "dave", when=Delegation.When.ABSENT)
    world.asked()
    world.sandbox.reply_as("bob", world.newest("bob", "Please decide").id, "approve")
    world.sandbox.set_out_of_office("bob", "I am in the mountains.")
    second = world.request(item="Chair")
    world.run_until_quiet()
    assert sorted(world.results()) == ["automatic_reply", "decided"]
    work_absences(world)
    assert is_away(second)
    assert delegates_of(second) == [("Dave", "open")]
    assert Absence.objects.get().ended_at is None
    holds(world, second)


def test_a_reply_that_cannot_decide_says_all_the_same_who_is_back(world: World) -> None:
    publish(one_step([{"manager": True}], key="purchase", proof="page"))
    request, for_bob = bob_is_away(world)
    assert is_away(request)
    world.sandbox.reply_as("bob", for_bob.id, "I am here again.")
    world.run_until_quiet()
    assert world.results() == ["automatic_reply", "page_only"]
    work_absences(world)
    assert delegates_of(request) == [("Dave", "ended")]
    holds(world, request)


def test_of_whom_a_question_was_given_to_an_automatic_reply_does_not_say_that_the_giver_is_away(
    world: World,
) -> None:
    Person.objects.filter(pk=world.people["bob"].pk).update(manager=world.people["carol"])
    request, for_bob = world.asked()
    away(world, "dave")
    world.sandbox.reply_as("bob", for_bob.id, "Give to Dave Daveson")
    world.run_until_quiet()
    work_absences(world)
    assert world.results() == ["given", "automatic_reply"]
    assert Absence.objects.get().person == world.people["dave"]
    assert not OutgoingMail.objects.filter(kind="hand-on").exists()
    holds(world, request)


@pytest.mark.parametrize("who", ["a stranger", "without proof", "somebody else", "automatic"])
def test_a_mail_that_proves_nothing_and_an_automatic_one_end_nothing(world: World, who: str) -> None:
    _first, for_bob = bob_is_away(world)
    second = world.request(item="Chair")
    world.run_until_quiet()
    sender = {"a stranger": "mallory@evil.example", "somebody else": f"carol@{DOMAIN}"}.get(
        who, f"bob@{DOMAIN}"
    )
    headers = list(INTERNAL) if who in ("somebody else", "automatic") else []
    if who == "automatic":
        headers.append("Auto-Submitted: auto-replied")
    world.sandbox.place("approvals", answer(for_bob, sender, text="approve", headers=headers))
    world.run_until_quiet()
    work_absences(world)
    assert world.decisions() == []
    assert Absence.objects.get().ended_at is None
    assert is_away(second)
    assert delegates_of(second) == [("Dave", "open")]
    holds(world, second)


def test_what_somebody_does_on_the_page_says_that_they_are_back_and_a_look_does_not(
    world: World, client: Client
) -> None:
    bob_is_away(world)
    second = world.request(item="Chair")
    third = world.request(item="Lamp")
    world.run_until_quiet()
    client.force_login(world.people["bob"])
    shown = client.get(reverse("portal:home")).context["waiting"]
    client.get(reverse("portal:request", args=[third.public_id]))
    assert Absence.objects.get().ended_at is None
    pick = next(one.pick for one in shown if one.request == third)
    answered = {"assignment": pick.assignment, "shown": pick.shown, "outcome": "approve", "comment": ""}
    client.post(reverse("portal:decide", args=[third.public_id]), answered)
    assert Decision.objects.get().by_person == world.people["bob"]
    work_absences(world)
    assert not is_away(second)
    assert delegates_of(second) == [("Dave", "ended")]
    assert [*findings()] == []


def test_what_the_delegate_answers_says_nothing_of_whoever_is_away(world: World) -> None:
    bob_is_away(world)
    says_yes(world, "dave")
    work_absences(world)
    assert Absence.objects.get().ended_at is None
    second = world.request(item="Chair")
    world.run_until_quiet()
    assert delegates_of(second) == [("Dave", "open")]


def test_a_delegate_who_is_known_to_be_away_is_asked_and_the_manager_hears_of_it(world: World) -> None:
    Person.objects.filter(pk=world.people["bob"].pk).update(manager=world.people["carol"])
    delegate(world, "bob", "dave", when=Delegation.When.ABSENT)
    away(world, "bob")
    away(world, "dave")
    world.request()
    world.run_until_quiet()
    assert set(Absence.objects.values_list("person__name", flat=True)) == {"Bob Bobson", "Dave Daveson"}
    for name in ("bob", "dave"):
        world.sandbox.set_out_of_office(name, None)
    second = world.request(item="Chair")
    world.run_until_quiet()
    assert delegates_of(second) == [("Dave", "open")]
    assert f"/requests/{second.public_id}/give/" in world.newest("carol", "Bob Bobson is away: Chair").text
    holds(world, second)
