"""Several asks of one person in one mail, answered line by line in one reply."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from placet import work
from placet.accounts import delegations
from placet.accounts.addresses import add_address, add_person
from placet.accounts.models import Delegation, Person
from placet.approvals import digests, engine, evidence, undoing
from placet.approvals.models import Ask, Assignment, Decision, DigestItem, Request, Version
from placet.approvals.processes import publish
from placet.audit import chain
from placet.mail.models import IncomingMail
from placet.sandbox.delivery import AuthResults
from placet.sandbox.server import Mail
from tests.journeys.conftest import World
from tests.journeys.letters import answer as letter_of
from tests.making import SAMPLE, entry_of, one_step, values

pytestmark = pytest.mark.django_db
BOTH_WAYS = True

#: A Monday evening: people work from 9 to 17, and the installation's zone is UTC.
EVENING = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
MORNING = EVENING.replace(day=3, hour=9)
ITEMS = ("Desk", "Chair", "Lamp", "Shelf", "Phone")
Clock = time_machine.Traveller


@pytest.fixture
def clock() -> Iterator[Clock]:
    with time_machine.travel(EVENING) as clock:
        yield clock


@pytest.fixture
def world(clock: Clock, world: World) -> World:
    """It begins on that evening; Bob is asked in digests."""
    Person.objects.filter(name__startswith="Bob").update(in_digests=True)
    return world


def collected(world: World, clock: Clock, items: Sequence[str] = ITEMS) -> Mail:
    """The mail in which Bob is asked about all of these on the next morning."""
    for item in items:
        world.request(item=item)
    world.send()
    assert world.sandbox.mails("bob") == []
    clock.move_to(MORNING + timedelta(minutes=1))
    write(world)
    return world.newest("bob")


def write(world: World) -> None:
    """Digests that are due, and the mails."""
    work.run_once(world.kinds["digest"])
    world.send()


def reply(world: World, asked: Mail, text: str, by: str = "bob") -> Mail:
    """The newest mail that they have then."""
    world.sandbox.reply_as(by, asked.id, text)
    world.run_until_quiet()
    return world.newest(by)


def answers(world: World) -> dict[str, str]:
    """By the title of the request."""
    return {one.assignment.visit.request.title: one.outcome for one in Decision.objects.order_by("pk")}


def holds() -> bool:
    return [
        *evidence.compare(),
        *(one for pk in Request.objects.values_list("pk", flat=True) for one in chain.verify(pk)),
    ] == []


def request_of(title: str) -> Request:
    return Request.objects.get(title=title)


def test_an_automatic_reply_to_it_is_about_all_that_it_asks(world: World, clock: Clock) -> None:
    bob, dave = world.people["bob"], world.people["dave"]
    named = delegations.Wanted(dave, EVENING, when=Delegation.When.ABSENT)
    delegations.make(bob, named, bob)
    world.sandbox.set_out_of_office("bob", "1 yes, 2 no")
    collected(world, clock, ITEMS[:2])
    world.run_until_quiet()
    assert world.results() == ["automatic_reply"]
    assert not Decision.objects.exists()
    seats = Assignment.objects.filter(person=bob)
    assert [seat.absent_at is not None for seat in seats] == [True, True]
    assert [seat.delegates.get().person for seat in seats] == [dave, dave]
    assert holds()


def test_what_is_asked_in_the_evening_comes_in_one_mail_in_the_morning(world: World, clock: Clock) -> None:
    asked = collected(world, clock)
    assert world.open_for("bob") == 5
    subjects = [mail.subject.partition(" [#")[0] for mail in world.sandbox.mails("bob")]
    assert subjects == ["Waiting for you: 5 questions"]
    for number, item in enumerate(ITEMS, 1):
        assert f"[{number}] " in asked.text and f"| {item}" in asked.text
    assert Ask.objects.get().lines.count() == 5
    assert {item.state for item in DigestItem.objects.all()} == {"asked"}
    assert holds()


def test_all_five_are_answered_in_one_reply_and_told_line_by_line(world: World, clock: Clock) -> None:
    asked = collected(world, clock)
    told = reply(world, asked, "1 yes\n2-4 no: too dear\n5 approved: from our usual supplier")
    assert answers(world) == {
        "Desk": "approve",
        "Chair": "reject",
        "Lamp": "reject",
        "Shelf": "reject",
        "Phone": "approve",
    }
    assert world.results() == ["digest"]
    assert told.subject == "Your answers"
    for line in (
        "[1] “Desk” (1): approved",
        "[2] “Chair” (2): rejected — “too dear”",
        "[5] “Phone” (5): approved — “from our usual supplier”",
    ):
        assert line in told.text
    assert {one.comment for one in Decision.objects.filter(outcome="reject")} == {"too dear"}
    assert holds()


def test_several_answers_stand_on_one_line(world: World, clock: Clock) -> None:
    asked = collected(world, clock)
    told = reply(world, asked, "1 yes, 2-4 no: too dear")
    assert answers(world) == {"Desk": "approve", **dict.fromkeys(("Chair", "Lamp", "Shelf"), "reject")}
    assert {one.comment for one in Decision.objects.filter(outcome="reject")} == {"too dear"}
    assert Decision.objects.get(outcome="approve").comment == ""
    assert "[4] “Shelf” (4): rejected — “too dear”" in told.text
    assert "[5] “Phone” (5): still open" in told.text
    assert [line["words"] for line in IncomingMail.objects.get().verdict["lines"]] == [
        "1 yes", *["2-4 no: too dear"] * 3,
    ]  # fmt: skip
    assert holds()


def test_all_but_one(world: World, clock: Clock) -> None:
    asked = collected(world, clock)
    reply(world, asked, "all yes except 3 no: see mail")
    assert answers(world) == {item: "reject" if item == "Lamp" else "approve" for item in ITEMS}
    assert Decision.objects.get(outcome="reject").comment == "see mail"
    assert holds()


WRONG = [
    ("yes", "It has no number"),
    ("1 yes\n1 no", "Line 1 is answered in two ways"),
    ("1 yes\n9 no", "There is no line 9"),
    ("1 yes\n2 maybe", "“2 maybe” is not a number and an answer alone"),
    ("1 yes if it is cheap", "is not a number and an answer alone"),
    ("1 yes\n2 no: 3 yes", "leaves the answer open"),
    ("all yes\n3 no", "Line 3 is answered in two ways"),
    ("1 yes, 2", "is not a number and an answer alone"),
    ("1 yes, no", "is not a number and an answer alone"),
    ("1 yes, 2, 3 no", "“2, 3” can be read in two ways"),
    ("1 yes, 2-4 no: too dear, 5 yes", "can be read in two ways"),
    ("1 yes, 2 no: too dear, 5 of them", "“too dear, 5 of them” can be read in two ways"),
    ("1 yes, 2 no, 1 no", "Line 1 is answered in two ways"),
    ("1-5 yes, 6 no", "There is no line 6"),
    ("2-4 no: keep 3", "may take a line out again"),
    ("5-1 yes", "is not a number and an answer alone"),
    ("1-4 yes\n\nBest\nBob\n\n5 later", "Below the closing stands more"),
    ("1 yes\nThanks for asking, the rest can go ahead", "It has no number"),
    ("", "There is no text above the quoted mail"),
]


@pytest.mark.parametrize(("text", "why"), WRONG)
def test_what_is_not_all_understood_decides_nothing_and_is_taught(
    world: World, clock: Clock, text: str, why: str
) -> None:
    asked = collected(world, clock)
    taught = reply(world, asked, text)
    assert answers(world) == {}
    assert world.results() == ["digest_unclear"]
    assert taught.subject.startswith("Your answers were not applied [#")
    assert why in " ".join(taught.text.split())
    assert "such as “1 approve”" in " ".join(taught.text.split())
    assert holds()
    reply(world, taught, "1-5 approve")
    assert answers(world) == dict.fromkeys(ITEMS, "approve")
    assert holds()


def test_a_line_that_asks_something_has_no_number_and_is_answered_by_none(world: World, clock: Clock) -> None:
    for item in ITEMS[:4]:
        world.request(item=item)
    questions = [{"name": "centre", "label": "Cost centre", "type": "text"}]
    sample = values(SAMPLE)
    steps = sample["steps"]
    asks = {"questions": questions, "outcomes": [{"key": "approve", "questions": ["centre"]}, "reject"]}
    publish({**sample, "steps": {**steps, "manager": {**steps["manager"], **asks}}})
    asked = collected(world, clock, ITEMS[4:])
    assert "[4] " in asked.text and "[5] " not in asked.text and "Phone" in asked.text
    for text in ("1-5 yes", "1-4 yes, 5 no: too dear", "all yes\n5 yes: 4711"):
        taught = reply(world, asked, text)
        assert answers(world) == {}, text
    assert "There is no line 5" in " ".join(taught.text.split())
    reply(world, taught, "all yes")
    assert answers(world) == dict.fromkeys(ITEMS[:4], "approve")
    assert world.open_for("bob") == 1
    assert holds()


def test_a_line_that_needs_a_stronger_proof_than_the_reply_has_is_not_answered(
    world: World, clock: Clock
) -> None:
    """Bob may answer from his partner's address, but for one of the lines: then nothing of that mail counts. At home
    he answers it as well, by its number."""
    outside = "bob@partner.example"
    add_address(world.people["bob"], outside)
    world.sandbox.add_mailbox(outside, "Bob Bobson", outside=True)
    world.request(item="Desk")  # as a colleague
    publish({**values(SAMPLE), "proof": "outside"})
    asked = collected(world, clock, ITEMS[1:])
    for text in ("1-5 yes", "2-5 yes"):
        world.sandbox.deliver(
            letter_of(asked, f"Bob Bobson <{outside}>", text=text), mail_from=outside, results=AuthResults()
        )
    world.run_until_quiet()
    assert answers(world) == {} and world.sandbox.mails(outside) == []
    assert set(world.results()) == {"not_proved"}
    reply(world, asked, "all yes")
    assert answers(world) == dict.fromkeys(ITEMS[1:], "approve")
    reply(world, asked, "1 no: too dear")
    assert answers(world)["Desk"] == "reject"
    assert holds()


def test_what_was_understood_is_listed_line_by_line(world: World, clock: Clock) -> None:
    asked = collected(world, clock, ITEMS[:3])
    taught = reply(world, asked, "1,2 yes\n3 perhaps")
    assert "“1,2 yes”: [1] Approve, [2] Approve" in taught.text
    assert "“3 perhaps” is not a number and an answer alone." in " ".join(taught.text.split())


def test_a_line_that_somebody_else_decided_and_one_that_changed_stop_no_other(
    world: World, clock: Clock
) -> None:
    asked = collected(world, clock, ITEMS[:4])
    engine.withdraw(request_of("Chair").pk, world.people["alice"])
    Request.objects.filter(pk=request_of("Lamp").pk).update(title="Chandelier")
    engine.decide(
        Assignment.objects.get(visit__request__title="Shelf").pk, by=world.people["bob"], outcome="reject",
        channel=Decision.Channel.PAGE,
    )  # fmt: skip
    reply(world, asked, "1-4 yes")
    told = world.newest("bob", "Your answers")
    assert answers(world) == {"Shelf": "reject", "Desk": "approve"}
    text = " ".join(told.text.split())
    assert "[1] “Desk” (1): approved" in text
    assert "[2] “Chair” (2): The request was withdrawn." in text
    assert "The request changed after it was shown to you" in text
    assert "[4] “Shelf” (4): Bob Bobson rejected this on" in text
    Request.objects.filter(title="Chandelier").update(title="Lamp")
    assert holds()


def test_all_means_those_that_are_open_still(world: World, clock: Clock) -> None:
    asked = collected(world, clock, ITEMS[:3])
    engine.withdraw(request_of("Chair").pk, world.people["alice"])
    reply(world, asked, "approve all")
    told = world.newest("bob", "Your answers")
    assert answers(world) == {"Desk": "approve", "Lamp": "approve"}
    assert "Chair" not in told.text
    assert holds()


def test_lines_that_are_left_out_stay_open_and_may_be_answered_later(world: World, clock: Clock) -> None:
    asked = collected(world, clock, ITEMS[:3])
    told = reply(world, asked, "2 no: too dear")
    assert "Not answered yet:" in told.text and "[1] “Desk” (1): still open" in told.text
    assert world.open_for("bob") == 2
    reply(world, asked, "all yes")
    assert answers(world) == {"Chair": "reject", "Desk": "approve", "Lamp": "approve"}
    assert holds()


def test_the_same_answer_twice_counts_once(world: World, clock: Clock) -> None:
    asked = collected(world, clock, ITEMS[:2])
    mail = letter_of(asked, "bob@contoso.example", text="1 yes\n2 no: too dear")
    for _n in range(2):
        world.sandbox.send_as("bob", mail)
    world.run_until_quiet()
    assert answers(world) == {"Desk": "approve", "Chair": "reject"}
    assert Decision.objects.values("incoming").distinct().count() == 1
    text = " ".join(world.newest("bob", "Your answers").text.split())
    assert "[1] “Desk” (1): Bob Bobson approved this on" in text
    assert "[2] “Chair” (2): Bob Bobson rejected this on" in text
    assert holds()


def test_one_thing_alone_is_asked_as_always(world: World, clock: Clock) -> None:
    asked = collected(world, clock, ITEMS[:1])
    assert asked.subject.startswith("Please decide: Desk")
    reply(world, asked, "approve")
    assert answers(world) == {"Desk": "approve"}
    assert holds()


def test_whoever_asks_for_help_or_the_status_is_told_of_each_line(world: World, clock: Clock) -> None:
    asked = collected(world, clock, ITEMS[:2])
    taught = reply(world, asked, "help")
    assert taught.subject.startswith("How to answer [#")
    shown = " ".join(taught.text.split())
    assert 0 < shown.index("such as “1 approve”") < shown.index("is not finished yet"), "how, which was asked"
    standing = reply(world, taught, "Status?")
    assert "[1] “Desk” (number 1) is not finished yet." in " ".join(standing.text.split())
    assert world.results() == ["help_asked", "status_asked"]
    reply(world, standing, "all yes")
    assert answers(world) == {"Desk": "approve", "Chair": "approve"}
    assert holds()


def test_a_stranger_with_the_code_decides_nothing_and_learns_nothing(world: World, clock: Clock) -> None:
    asked = collected(world, clock, ITEMS[:2])
    world.sandbox.send_as("carol", letter_of(asked, "carol@contoso.example", text="all yes"))
    world.run_until_quiet()
    assert answers(world) == {} and world.sandbox.mails("carol") == []
    assert world.results() == ["not_the_one_asked"]
    assert holds()


def test_whoever_is_asked_one_by_one_again_waits_no_longer(world: World, clock: Clock) -> None:
    world.request()
    Person.objects.filter(name__startswith="Bob").update(in_digests=False)
    digests.release(world.people["bob"])
    write(world)
    assert world.newest("bob").subject.startswith("Please decide: Desk")


def test_the_mail_log_shows_what_was_read_of_each_line(world: World, clock: Clock, client: Client) -> None:
    asked = collected(world, clock, ITEMS[:3])
    engine.withdraw(request_of("Lamp").pk, world.people["alice"])
    reply(world, asked, "1 yes\n2-3 no: too dear")
    mail = IncomingMail.objects.get()
    client.force_login(world.people["ada"])
    page = client.get(reverse("panel:incoming_mail", args=[mail.pk])).content.decode()
    for said in (
        "[1] Request 1: approve, from “1 yes”.", "[2] Request 2: reject, from “2-3 no: too dear”.",
        "2 answers were applied.", "1 was not: it was decided, withdrawn or changed before.",
        "As a reply to a mail with several questions: [1] approve, [2] reject, [3] reject.",
    ):  # fmt: skip
        assert said in page, said
    assert "what it is read with has changed since" not in page
    assert "answers several questions" in client.get(reverse("panel:incoming")).content.decode()


def test_a_mail_that_came_back_is_shown_on_every_request_it_asked_about(world: World, clock: Clock) -> None:
    eve = add_person("Eve Evason", "eve@contoso.example")
    Person.objects.filter(pk=eve.pk).update(in_digests=True)
    Person.objects.filter(pk=world.people["alice"].pk).update(manager=eve)
    for item in ITEMS[:2]:
        world.request(item=item)
    clock.move_to(MORNING + timedelta(minutes=1))
    write(world)
    world.run_until_quiet()
    assert world.results() == ["bounce"]
    for item in ITEMS[:2]:
        assert entry_of("not delivered", request=request_of(item)).what["person"] == eve.pk
    assert holds()


# --- taken back -------------------------------------------------------------------------------------------


def undoes() -> None:
    """What Bob answers can be undone from now on."""
    publish({**values(SAMPLE), "undo": "10 minutes"})


def test_a_reply_takes_back_all_that_can_be(world: World, clock: Clock) -> None:
    world.request(item="Desk")  # of a version whose answers stand
    undoes()
    asked = collected(world, clock, ("Chair", "Lamp", "Shelf"))
    confirmed = reply(world, asked, "1 yes\n2 no: too dear\n3 yes")
    assert "can be undone until 3 March 2026, 09:1" in confirmed.text
    assert "reply with “Undo”" in confirmed.text
    told = reply(world, confirmed, "Undo")
    told = world.newest("bob", "Your answers were taken back")
    assert told.text.count("taken back") >= 3
    assert "A decision cannot be taken back." in told.text
    assert world.results() == ["digest", "undone"]
    assert answers(world) == {"Desk": "approve"}
    assert world.open_for("bob") == 3  # with the one that was not answered
    clock.shift(timedelta(minutes=1))  # what came in the same second may have been written before
    reply(world, asked, "2 yes")  # the older one stays good
    assert answers(world) == {"Desk": "approve", "Chair": "approve"}
    assert holds()


def test_it_costs_the_delegate_no_mail_and_whoever_is_asked_in_digests_one(
    world: World, clock: Clock
) -> None:
    undoes()
    bob, dave = world.people["bob"], world.people["dave"]
    wanted = delegations.Wanted(dave, EVENING - timedelta(minutes=1))
    delegations.make(bob, wanted, bob)
    for item in ITEMS[:4]:
        world.request(item=item)
    clock.move_to(MORNING + timedelta(minutes=1))
    write(world)
    asked, of_dave = world.newest("bob"), len(world.sandbox.mails("dave"))
    reply(world, asked, "1-3 yes, 4 no: too dear")
    assert len(answers(world)) == 4
    reply(world, asked, "Undo")
    assert answers(world) == {} and world.open_for("bob") == 4
    assert len(world.sandbox.mails("dave")) == of_dave
    subjects = [subject.partition(" [#")[0] for subject in world.subjects("bob")]
    assert subjects == ["Waiting for you: 4 questions", "Your answers", "Your answers were taken back"]
    assert "reply to the mail that asked you" in " ".join(world.newest("bob").text.split())
    clock.shift(timedelta(minutes=1))
    reply(world, asked, "1 no: too dear")  # the older one is good
    assert answers(world) == {"Desk": "reject"}
    clock.move_to(MORNING + timedelta(days=1, minutes=1))
    write(world)
    again = world.newest("bob")
    assert again.subject.startswith("Waiting for you: 3 questions")
    assert " ".join(again.text.split()).count("You took your answer back, so it is open again.") == 3
    reply(world, again, "all yes")
    assert answers(world) == {"Desk": "reject", **dict.fromkeys(ITEMS[1:4], "approve")}
    assert len(world.sandbox.mails("dave")) == of_dave
    assert holds()


def test_where_nothing_can_be_taken_back_each_line_says_why(world: World, clock: Clock) -> None:
    undoes()
    asked = collected(world, clock, ("Chair", "Lamp"))
    reply(world, asked, "1 yes\n2 yes")
    clock.shift(timedelta(minutes=15))
    told = reply(world, asked, "Undo")
    assert told.subject.startswith("Your answers were not taken back")
    assert told.text.count("It could be taken back until 3 March 2026, 09:1") == 2
    assert world.results() == ["digest", "not_undone"]
    assert answers(world) == {"Chair": "approve", "Lamp": "approve"}
    assert holds()


def test_before_any_answer_nothing_can_be_taken_back(world: World, clock: Clock) -> None:
    undoes()
    asked = collected(world, clock, ("Chair", "Lamp"))
    told = reply(world, asked, "Undo")
    assert "There is no answer of yours that can be taken back." in told.text
    assert (world.results(), answers(world), world.open_for("bob")) == (["not_undone"], {}, 2)
    assert holds()


def test_what_a_digest_left_out_is_asked_once_it_is_undone(world: World, clock: Clock) -> None:
    """Bob was to be asked in the morning; Carol decided before, and took it back after his mail was due."""
    publish(one_step([{"person": world.people[one].email} for one in ("bob", "carol")], undo="60 minutes"))
    version = Version.objects.latest("pk")
    request = engine.start(version, world.people["alice"], {"item": "Desk", "amount": "5"})
    clock.move_to(MORNING - timedelta(minutes=20))
    hers = Assignment.objects.get(visit__request=request, person=world.people["carol"])
    engine.decide(hers.pk, by=world.people["carol"], outcome="approve", channel=Decision.Channel.PAGE)
    clock.move_to(MORNING + timedelta(minutes=1))
    write(world)
    assert world.sandbox.mails("bob") == []
    undoing.undo(hers.pk, world.people["carol"])
    clock.move_to(MORNING + timedelta(days=1, minutes=1))
    write(world)
    assert world.newest("bob").subject.startswith("Please decide: Desk")
    assert holds()
