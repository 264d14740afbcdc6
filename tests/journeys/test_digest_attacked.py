"""What others write into a mail that asks several things, and whoever answers it in odd ways: no line is ever answered
otherwise than its approver wrote, and nothing is applied in part."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from placet import work
from placet.accounts.models import Person
from placet.approvals import digests, engine, evidence
from placet.approvals.models import Decision, DigestItem, Request
from placet.audit import chain
from placet.mail.models import IncomingMail, OutgoingMail
from placet.replies import entry, read_digest
from placet.sandbox.server import Mail
from tests.journeys.conftest import World
from tests.journeys.letters import answer, letter, quote_of, reply_to

pytestmark = pytest.mark.django_db
BOTH_WAYS = True

EVENING = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
#: What a requester may call a request, to be taken for an answer of the approver's.
TITLES = (
    "2 yes", "all yes", "1-9 approve", "yes 1,2,3", "[2] yes", "Chair | 1 yes | 2 yes", "-- all yes",
    "On Monday Bob wrote: all yes", "Best regards", "Reply above this line: all yes",
    "\u202e2 yes", "Chair [#aaaaaaaaaaaaaaaa]", "#aaaaaaaaaaaaaaaa 2 yes", "<ol><li>yes</li></ol>",
)  # fmt: skip


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(EVENING) as clock:
        yield clock


@pytest.fixture
def world(clock: time_machine.Traveller, world: World) -> World:
    Person.objects.filter(name__startswith="Bob").update(in_digests=True)
    return world


def asked(world: World, *titles: str) -> Mail:
    for title in titles:
        world.request(item=title)
    DigestItem.objects.update(due=EVENING - timedelta(seconds=1))
    work.run_once(world.kinds["digest"])
    world.send()
    return world.newest("bob")


def answers() -> dict[int, str]:
    """By the number of the request, which is that of its line."""
    found = Decision.objects.values_list("assignment__visit__request__number", "outcome")
    return dict(found.order_by("assignment__visit__request__number"))


def holds() -> bool:
    broken = [one for pk in Request.objects.values_list("pk", flat=True) for one in chain.verify(pk)]
    return [*broken, *evidence.compare()] == []


# --- what requesters write --------------------------------------------------------------------------------


def unmarked(mail: Mail) -> str:
    """Our mail below an answer, without a sign before its lines."""
    return (
        f"\n\nFrom: approvals@contoso.example\nSent: Monday\nTo: Bob\nSubject: {mail.subject}\n\n{mail.text}"
    )


@pytest.mark.dressed("quote")
@pytest.mark.parametrize(
    "quote", [quote_of, unmarked, lambda mail: f"\n\n{mail.text}"], ids=["marked", "head", "bare"]
)
@pytest.mark.parametrize("title", TITLES)
def test_a_title_answers_nothing(world: World, title: str, quote: Callable[[Mail], str]) -> None:
    mail = asked(world, "Desk", title, "Lamp", "Shelf", "Phone")
    world.sandbox.send_as("bob", answer(mail, "bob@contoso.example", text=f"1 no: too dear{quote(mail)}"))
    world.run_until_quiet()
    assert answers() in ({1: "reject"}, {})
    if quote is quote_of:
        assert answers() == {1: "reject"}
        assert Decision.objects.get().comment == "too dear"
    assert holds()


def test_a_mail_with_nothing_but_our_own_text_answers_nothing(world: World) -> None:
    mail = asked(world, "1 yes", "2 yes", "all yes")
    for text in (mail.text, quote_of(mail), unmarked(mail)):
        world.sandbox.send_as("bob", answer(mail, "bob@contoso.example", text=text))
    world.run_until_quiet()
    assert answers() == {}
    assert set(world.results()) == {"digest_unclear"}


# --- what approvers write ---------------------------------------------------------------------------------


def between(mail: Mail, said: dict[str, str]) -> str:
    """Answers below the quoted lines that they belong to."""
    lines: list[str] = []
    for line in mail.text.splitlines():
        lines.append(f"> {line}".rstrip())
        lines += [said[mark] for mark in said if line.startswith(mark)]
    return "\n".join(lines)


def test_answers_between_the_lines_of_our_mail_are_read_as_written_or_not_at_all(world: World) -> None:
    mail = asked(world, "Desk", "Chair", "Lamp")
    said = {"[1]": "1 yes", "[2]": "2 no: too dear", "[3]": "no"}
    world.sandbox.send_as("bob", answer(mail, "bob@contoso.example", text=between(mail, said)))
    world.run_until_quiet()
    assert answers() == {}  # the last one has no number
    said["[3]"] = "3 no: the same"
    world.sandbox.send_as("bob", answer(mail, "bob@contoso.example", text=between(mail, said)))
    world.run_until_quiet()
    assert answers() in ({1: "approve", 2: "reject", 3: "reject"}, {})
    assert holds()


def test_an_answer_that_is_quoted_makes_all_of_it_unclear(world: World) -> None:
    mail = asked(world, "Desk", "Chair")
    text = f"1 yes\n\n> 2 no: too dear\n{quote_of(mail)}"
    world.sandbox.send_as("bob", answer(mail, "bob@contoso.example", text=text))
    world.run_until_quiet()
    assert answers() == {}


def test_the_answer_to_one_question_is_none_to_several(world: World) -> None:
    mail = asked(world, "Desk", "Chair")
    for text in ("approve", "Approved.", "yes, thanks", "no: too dear"):
        world.sandbox.send_as("bob", answer(mail, "bob@contoso.example", text=text))
    world.run_until_quiet()
    assert answers() == {}
    assert world.results() == ["digest_unclear"] * 4


def test_numbers_are_those_of_the_mail_that_is_answered(world: World, clock: time_machine.Traveller) -> None:
    """Whoever answers a mail of yesterday means its numbers."""
    first = asked(world, "Desk", "Chair")
    second = asked(world, "Lamp", "Shelf")
    world.sandbox.send_as("bob", answer(first, "bob@contoso.example", text="2 yes"))
    world.sandbox.send_as("bob", answer(second, "bob@contoso.example", text="2 no: too dear"))
    world.run_until_quiet()
    assert answers() == {2: "approve", 4: "reject"}


def test_the_codes_of_two_mails_in_one_reply_decide_nothing(world: World) -> None:
    first, second = asked(world, "Desk", "Chair"), asked(world, "Lamp", "Shelf")
    mail = letter(
        "bob@contoso.example",
        to=reply_to(first),
        subject=f"RE: {second.subject}",
        text="all yes",
        headers=[f"In-Reply-To: {first.header('Message-ID')}"],
    )
    world.sandbox.send_as("bob", mail)
    world.run_until_quiet()
    assert answers() == {}
    assert world.results() == ["codes_disagree"]


def test_a_line_whose_facts_changed_counts_no_more_by_the_older_mail(world: World) -> None:
    mail = asked(world, "Desk", "Chair")
    changed = Request.objects.get(number=2)
    data = {**changed.data, "item": "Yacht"}
    Request.objects.filter(pk=changed.pk).update(data=data)
    world.sandbox.send_as("bob", answer(mail, "bob@contoso.example", text="all yes"))
    world.run_until_quiet()
    assert answers() == {1: "approve"}
    assert "changed after it was shown to you" in " ".join(world.newest("bob", "Your answers").text.split())


# --- whole or not at all ----------------------------------------------------------------------------------


def test_a_worker_that_dies_between_two_lines_leaves_nothing_and_the_next_one_does_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = asked(world, "Desk", "Chair", "Lamp")
    world.sandbox.send_as("bob", answer(mail, "bob@contoso.example", text="1,3 yes\n2 no: too dear"))
    world.poll()
    decide, done = engine.decide, 0

    def dies_at_the_second(*args: Any, **more: Any) -> Decision:
        nonlocal done
        done += 1
        if done == 2:
            raise RuntimeError("killed")
        return decide(*args, **more)

    monkeypatch.setattr(engine, "decide", dies_at_the_second)
    world.take_in()
    assert done == 2 and answers() == {}
    assert not OutgoingMail.objects.filter(kind="confirmation").exists()
    assert IncomingMail.objects.get().state == IncomingMail.State.KEPT
    assert holds()
    world.run_until_quiet()
    assert answers() == {1: "approve", 2: "reject", 3: "approve"}
    assert OutgoingMail.objects.filter(kind="confirmation").count() == 1
    assert holds()


def test_a_lost_claim_commits_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    mail = asked(world, "Desk", "Chair")
    world.sandbox.send_as("bob", answer(mail, "bob@contoso.example", text="all yes"))
    world.poll()
    read = read_digest.read_digest

    def slow(*args: Any) -> Any:
        IncomingMail.objects.update(claim="another worker")
        return read(*args)

    monkeypatch.setattr(entry, "read_digest", slow)
    world.take_in()
    assert answers() == {}
    monkeypatch.undo()
    IncomingMail.objects.update(claim="", due=EVENING - timedelta(days=1))
    world.run_until_quiet()
    assert answers() == {1: "approve", 2: "approve"}


def test_requests_are_locked_in_the_order_of_their_ids(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    mail = asked(world, "Desk", "Chair", "Lamp")
    locked: list[int] = []
    lock = engine.lock

    def noted(number: int) -> Request:
        locked.append(number)
        return lock(number)

    monkeypatch.setattr(engine, "lock", noted)
    world.sandbox.send_as("bob", answer(mail, "bob@contoso.example", text="3 yes\n1 yes\n2 no: too dear"))
    world.run_until_quiet()
    assert locked[:3] == sorted(locked[:3]) and len(answers()) == 3


def test_whoever_may_not_decide_one_line_decides_the_others(world: World) -> None:
    """Bob asked for one of them himself."""
    bob = world.people["bob"]
    Person.objects.filter(pk=bob.pk).update(manager=world.people["carol"])
    mail = asked(world, "Desk", "Chair")
    Request.objects.filter(number=2).update(requester=bob)
    world.sandbox.send_as("bob", answer(mail, "bob@contoso.example", text="all yes"))
    world.run_until_quiet()
    assert answers() == {1: "approve"}


def test_somebody_who_left_decides_nothing(world: World) -> None:
    mail = asked(world, "Desk", "Chair")
    world.sandbox.send_as("bob", answer(mail, "bob@contoso.example", text="all yes"))
    engine.deactivate(world.people["bob"], by=world.people["ada"])
    world.run_until_quiet()
    assert answers() == {}
    assert holds()


def test_what_was_collected_for_somebody_who_left_is_asked_of_nobody(world: World) -> None:
    world.request(item="Desk")
    engine.deactivate(world.people["bob"], by=world.people["ada"])
    digests.release(world.people["bob"])
    work.run_once(world.kinds["digest"])
    assert DigestItem.objects.get().state == "needless"
    assert not OutgoingMail.objects.filter(kind__in=("ask", "digest"), to__startswith="bob").exists()
    assert holds()
