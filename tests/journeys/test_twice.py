"""The same mail twice, two answers at once, a mail moved back: one effect."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

import pytest
from django.db import connections
from django.utils import timezone

from placet.accounts import delegations
from placet.accounts.delegations import Wanted
from placet.approvals import engine, engine_asks, engine_errors, evidence
from placet.approvals.models import Assignment, Decision
from placet.audit import chain
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.replies import entry
from tests.journeys.conftest import World, close_connections
from tests.rotation import whole

EVERY_KIND = True


@pytest.mark.django_db
def test_the_same_mail_under_two_ids_counts_once(world: World) -> None:
    _, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, "approve")
    (reply,) = world.sandbox.mails("approvals")
    world.sandbox.place("approvals", reply.mime, transport_headers=reply.transport_headers)
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]
    assert world.results() == ["decided", "duplicate"]
    assert [s for s in world.subjects("bob") if s.startswith("Approved")] == ["Approved: Desk"]
    assert world.sandbox.mails("approvals") == []


@pytest.mark.not_over("pop3", because="there is one folder")
@pytest.mark.django_db
def test_a_mail_dragged_back_to_the_inbox_is_put_away_again(world: World) -> None:
    _, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.run_until_quiet()
    (done,) = world.sandbox.mails("approvals", "Placet/Processed")
    world.sandbox.move("approvals", done.id, "inbox")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]
    assert len([s for s in world.subjects("bob") if s.startswith("Approved")]) == 1
    assert world.sandbox.mails("approvals") == []
    assert len(world.sandbox.mails("approvals", "Placet/Processed")) == 1


@pytest.mark.django_db
def test_of_two_different_replies_the_first_one_counts(world: World) -> None:
    _, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.next_moment()
    world.sandbox.reply_as("bob", asked.id, "reject")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]
    assert world.results() == ["decided", "already_decided"]
    told = world.newest("bob", "Not applied").text
    assert "Bob Bobson approved this on" in told


@pytest.mark.django_db
def test_a_reply_after_the_page_is_told_who_decided(world: World) -> None:
    _, asked = world.asked()
    engine.decide(
        Assignment.objects.get().pk, by=world.people["bob"], outcome="reject", channel=Decision.Channel.PAGE
    )
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "reject")]
    assert "Bob Bobson rejected this on" in world.newest("bob", "Not applied").text


@pytest.mark.django_db
def test_a_reply_to_a_withdrawn_request_is_told_so(world: World) -> None:
    request, asked = world.asked()
    engine.withdraw(request.pk, world.people["alice"])
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.run_until_quiet()
    assert world.decisions() == []
    assert "withdrawn" in world.newest("bob", "Not applied").text


@pytest.mark.django_db
def test_both_mails_of_a_question_sent_again_lead_to_it(world: World) -> None:
    _, first = world.asked()
    OutgoingMail.objects.update(sent_at=timezone.now() - engine_asks.AGAIN_AFTER)
    engine.resend(Assignment.objects.get().pk, world.people["alice"])
    world.send()
    second = world.newest("bob")
    assert first.id != second.id
    world.sandbox.reply_as("bob", first.id, "approve")
    world.sandbox.reply_as("bob", second.id, "approve")
    world.run_until_quiet()
    assert world.results() == ["decided", "already_decided"]


@pytest.mark.on_exchange(because="the race is in the database; nothing is asked of a mailbox")
@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_page_and_mail_at_the_same_instant(threaded_world: World, pytestconfig: pytest.Config) -> None:
    """In each round exactly one decides; the other one is told so."""
    world = threaded_world
    rounds = 200 if whole(pytestconfig) else 30
    for number in range(rounds):
        world.request(item=f"Item {number}")
    while OutgoingMail.objects.filter(state="waiting").exists():
        world.send()
    for mail in world.sandbox.mails("bob"):
        world.sandbox.reply_as("bob", mail.id, "approve")
    while world.waiting().get("to keep"):
        world.poll()
    channels: Counter[str] = Counter()
    pages = list(Assignment.objects.order_by("pk").values_list("pk", flat=True))
    mails = list(IncomingMail.objects.order_by("pk").values_list("pk", flat=True))
    for assignment_id, incoming_id in zip(pages, mails, strict=True):
        outcomes = _at_once(
            [
                lambda a=assignment_id: _on_the_page(world, a),  # type: ignore[misc]
                lambda i=incoming_id: entry.take_in(i),  # type: ignore[misc]
            ]
        )
        decision = Decision.objects.get(assignment_id=assignment_id)
        channels[decision.channel] += 1
        assert outcomes[0] == (decision.channel == "page")
        result = IncomingMail.objects.get(pk=incoming_id).result
        assert result == ("decided" if decision.channel == "mail" else "already_decided")
    assert sum(channels.values()) == rounds
    assert list(chain.verify()) == []


@pytest.mark.on_exchange(because="the race is in the database; nothing is asked of a mailbox")
@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_whoever_is_asked_and_their_delegate_at_the_same_instant(
    threaded_world: World, pytestconfig: pytest.Config
) -> None:
    """Both reply by mail. In each round exactly one of them decides, and the other one's mail comes too late."""
    world, people = threaded_world, threaded_world.people
    wanted = Wanted(people["dave"], timezone.now() - timedelta(minutes=1))
    delegations.make(people["bob"], wanted, people["bob"])
    rounds = 200 if whole(pytestconfig) else 15
    for number in range(rounds):
        world.request(item=f"Item {number}")
    while OutgoingMail.objects.filter(state="waiting").exists():
        world.send()
    for name, text in (("bob", "reject"), ("dave", "approve")):
        for mail in world.sandbox.mails(name):
            world.sandbox.reply_as(name, mail.id, text)
    while world.waiting().get("to keep"):
        world.poll()
    received = list(IncomingMail.objects.order_by("pk").values_list("pk", flat=True))
    assert len(received) == 2 * rounds
    for both in zip(received[:rounds], received[rounds:], strict=True):
        _at_once([partial(entry.take_in, incoming) for incoming in both])
        results = dict(IncomingMail.objects.filter(pk__in=both).values_list("pk", "result"))
        assert sorted(results.values()) == ["already_decided", "decided"]
        decision = Decision.objects.get(incoming__in=both)
        assert decision.incoming is not None
        assert decision.incoming.result == "decided"
        assert decision.by_person == people["bob" if decision.outcome == "reject" else "dave"]
    assert Decision.objects.count() == rounds
    assert [*chain.verify(), *evidence.compare()] == []


def _on_the_page(world: World, assignment_id: int) -> bool:
    try:
        engine.decide(assignment_id, by=world.people["bob"], outcome="reject", channel=Decision.Channel.PAGE)
    except engine_errors.AlreadyDecided:
        return False
    return True


@pytest.mark.on_exchange(because="the race is in the database; nothing is asked of a mailbox")
@pytest.mark.django_db(transaction=True)
def test_many_workers_on_one_mail(threaded_world: World) -> None:
    world = threaded_world
    for number in range(20):
        world.request(item=f"Item {number}")
    world.send()
    for mail in world.sandbox.mails("bob"):
        world.sandbox.reply_as("bob", mail.id, "approve")
    world.poll()
    for incoming_id in IncomingMail.objects.values_list("pk", flat=True):
        assert sum(_at_once([lambda i=incoming_id: entry.take_in(i)] * 4)) == 1  # type: ignore[misc]
    assert len(world.decisions()) == 20
    assert OutgoingMail.objects.filter(kind="confirmation").count() == 20
    assert ServerTask.objects.count() == 20


@pytest.mark.django_db(transaction=True)
def test_two_polls_at_once_keep_each_mail_once(threaded_world: World) -> None:
    world = threaded_world
    _, asked = world.asked()
    for _ in range(30):
        world.sandbox.reply_as("bob", asked.id, "approve")
    world._due_now()
    _at_once([lambda: entry.receive(world.mailbox.pk)] * 3)
    world.run_until_quiet()
    assert IncomingMail.objects.count() == 30
    assert Counter(world.results()) == {"decided": 1, "already_decided": 29}


def _at_once(calls: Sequence[Callable[[], bool]]) -> list[bool]:
    """Call all at the same instant, each in a thread of its own."""
    barrier = threading.Barrier(len(calls))
    results: list[bool] = [False] * len(calls)
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            barrier.wait(timeout=120)
            results[number] = calls[number]()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            errors.append(error)
        finally:
            close_connections()
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors, errors
    return results


@pytest.mark.not_over("pop3", because="there is one folder")
@pytest.mark.django_db
def test_a_mail_set_aside_and_handled_again_ends_up_with_the_handled_ones(world: World) -> None:
    _, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.poll()
    incoming = IncomingMail.objects.get()
    incoming.tries = entry.MOST_TRIES  # as if the process had died in every one of them
    incoming.save()
    world.take_in()
    world.mark()
    assert len(world.sandbox.mails("approvals", "Placet/Set aside")) == 1
    assert entry.handle_again(incoming.pk)
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]
    assert world.sandbox.mails("approvals", "Placet/Set aside") == []
    assert len(world.sandbox.mails("approvals", "Placet/Processed")) == 1
