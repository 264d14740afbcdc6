"""Samples that come with Placet, by mail: a manager who is away, and claims in one digest."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile

from placet import work
from placet.accounts import delegations
from placet.accounts.delegations import Wanted
from placet.accounts.models import Group, Person
from placet.approvals import attachments, engine, evidence
from placet.approvals.models import Assignment, Draft, Request
from placet.approvals.processes import publish
from placet.audit import chain
from placet.commands.process import SAMPLES
from placet.mail.models import OutgoingMail
from tests.journeys.conftest import World

pytestmark = pytest.mark.django_db
BOTH_WAYS = True

#: A Monday evening: people work from 9 to 17, and the installation's zone is UTC.
EVENING = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
MORNING = EVENING.replace(day=3, hour=9, minute=1)
Clock = time_machine.Traveller


@pytest.fixture
def clock() -> Iterator[Clock]:
    with time_machine.travel(EVENING) as clock:
        yield clock


@pytest.fixture
def world(clock: Clock, world: World) -> World:
    """It begins on that evening."""
    return world


def begun(world: World, name: str, entered: Mapping[str, Any], files: str = "") -> Request:
    """`files`: the field of the form that one file is in."""
    version = publish((SAMPLES / f"{name}.yaml").read_text())
    alice = world.people["alice"]
    draft = Draft.objects.create(person=alice, process=version.process, version=version)
    if files:
        attachments.keep(draft, files, SimpleUploadedFile("scan.pdf", b"%PDF"), alice)
    request = engine.start(version, alice, entered, draft)
    world.send()
    return request


def replies(world: World, name: str, text: str) -> None:
    world.sandbox.reply_as(name, world.newest(name, "Please ").id, text)
    world.run_until_quiet()


def standing(request: Request) -> tuple[str, str]:
    request.refresh_from_db()
    assert [*chain.verify(request.pk), *evidence.compare(request.pk)] == []
    return request.state, request.result


# --- vacation ---------------------------------------------------------------------------------------------


def test_a_vacation_is_granted_by_whoever_stands_in_for_a_manager_who_is_away(world: World) -> None:
    people = world.people
    for owner in ("bob", "carol"):
        wanted = Wanted(people["dave"], EVENING - timedelta(days=1), ends_at=EVENING + timedelta(days=9))
        delegations.make(people[owner], wanted, people[owner])
    period = {"from": "2026-05-04", "to": "2026-05-08"}
    stand_in = people["carol"].email
    request = begun(world, "vacation", {"kind": "paid", "period": period, "stand_in": stand_in})
    # Nobody agrees to stand in for somebody in another's place.
    assert world.subjects("dave") == []
    replies(world, "carol", "I stand in")
    assert "You are asked in place of Bob Bobson (until " in world.newest("dave", "Please decide").text
    replies(world, "dave", "Approved")
    assert standing(request) == ("ended", "approved")
    assert world.decisions() == [("Carol", "approve"), ("Dave", "approve")]
    assert "Dave Daveson answered" in world.newest("bob", "Answered in your place").text
    assert "please keep these days free" in world.newest("carol").text
    assert "approved by Dave Daveson for Bob Bobson" in world.newest("alice").text


# --- expenses ---------------------------------------------------------------------------------------------


def claim(world: World, what_for: str, amount: str) -> Request:
    receipt = {"day": "2026-02-20", "kind": "Hotel", "amount": amount}
    iban = "DE89 3704 0044 0532 0130 00"
    return begun(world, "expense", {"what_for": what_for, "receipts": [receipt], "iban": iban}, files="files")


def write_digests(world: World) -> None:
    work.run_once(world.kinds["digest"])
    world.send()


@pytest.fixture
def in_digests(world: World) -> None:
    """Whoever decides and whoever pays."""
    payroll = Group.objects.create(key="payroll", name="Payroll")
    payroll.members.add(world.people["dave"])
    Person.objects.filter(name__in=["Bob Bobson", "Carol Carolson", "Dave Daveson"]).update(in_digests=True)


@pytest.mark.usefixtures("in_digests")
def test_three_claims_are_decided_in_one_digest_and_paid_back_in_another(world: World, clock: Clock) -> None:
    claims = [
        claim(world, what, amount) for what, amount in (("Fair", "90"), ("Visit", "120"), ("Party", "80"))
    ]
    assert world.subjects("bob") == []
    clock.move_to(MORNING)
    write_digests(world)
    digest = world.newest("bob", "Waiting for you: 3 questions")
    for number, (what, paid) in enumerate((("Fair", "90"), ("Visit", "120"), ("Party", "80")), 1):
        assert f"[{number}] " in digest.text and f"| {what}" in digest.text and paid in digest.text
    assert "DE89" not in digest.text  # the account is for whoever pays
    world.sandbox.reply_as("bob", digest.id, "1-2 yes\n3 no: nobody pays for parties")
    world.run_until_quiet()
    assert [standing(one) for one in claims] == [("open", ""), ("open", ""), ("ended", "rejected")]
    assert world.subjects("dave") == []
    clock.move_to(MORNING + timedelta(days=1))
    write_digests(world)
    payout = world.newest("dave", "Waiting for you: 2 questions")
    assert "DE89" not in payout.text  # of each line the first four of what was entered; its page has all
    world.sandbox.reply_as("dave", payout.id, "1 paid back\n2 not payable: the account is closed")
    world.run_until_quiet()
    assert world.results() == ["digest", "digest"]
    assert [standing(one) for one in claims[:2]] == [("ended", "approved"), ("ended", "rejected")]
    assert world.decisions() == [
        ("Bob", "approve"), ("Bob", "approve"), ("Bob", "reject"), ("Dave", "paid"), ("Dave", "reject"),
    ]  # fmt: skip


@pytest.mark.usefixtures("in_digests")
def test_a_rejection_without_its_comment_leaves_the_whole_digest_as_it_was(
    world: World, clock: Clock
) -> None:
    claims = [claim(world, what, "90") for what in ("Fair", "Visit", "Party")]
    clock.move_to(MORNING)
    write_digests(world)
    digest = world.newest("bob", "Waiting for you: 3 questions")
    world.sandbox.reply_as("bob", digest.id, "1-2 yes\n3 no")
    world.run_until_quiet()
    assert {standing(one) for one in claims} == {("open", "")}
    assert world.decisions() == []
    assert world.open_for("bob") == 3


@pytest.mark.usefixtures("in_digests")
def test_of_a_large_claim_finance_hears_at_once(world: World, clock: Clock) -> None:
    request = claim(world, "Machine", "900")
    seat = Assignment.objects.get(visit__request=request)
    clock.move_to(MORNING)
    write_digests(world)  # one question alone comes as always
    replies(world, "bob", "yes")
    assert seat.visit.step_key == "manager"
    assert OutgoingMail.objects.filter(kind="ask", to=world.people["carol"].email).count() == 1
    replies(world, "carol", "yes")
    assert standing(request) == ("open", "")
    assert world.decisions() == [("Bob", "approve"), ("Carol", "approve")]
