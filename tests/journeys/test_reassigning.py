"""An owner has somebody else asked instead, while answers of whoever was asked are on their way by mail."""

from datetime import timedelta

import pytest
from django.utils import timezone

from placet import work
from placet.approvals import delegating, evidence, reassigning
from placet.approvals.models import Assignment, Clarification, Delegate, DigestItem, Request
from placet.audit import chain
from placet.sandbox.server import Mail
from tests.journeys.conftest import World

pytestmark = pytest.mark.django_db


def instead(world: World, request: Request, name: str, to: str) -> None:
    seat = Assignment.objects.get(visit__request=request, person=world.people[name])
    reassigning.reassign(seat.pk, world.people["ada"], world.people[to], "He knows\r\nBcc: all@evil.example")


def replies(world: World, name: str, to: Mail, text: str) -> None:
    world.sandbox.reply_as(name, to.id, text)
    world.run_until_quiet()


def record_holds() -> bool:
    broken = [one for pk in Request.objects.values_list("pk", flat=True) for one in chain.verify(pk)]
    return [*broken, *evidence.compare()] == []


def test_no_word_of_whoever_was_asked_counts_however_early_it_came(world: World) -> None:
    request, for_bob = world.asked()
    delegating.give(
        Assignment.objects.get(visit__request=request).pk, world.people["bob"], world.people["dave"]
    )
    world.send()
    for_dave = world.newest("dave")
    world.sandbox.reply_as("bob", for_bob.id, "approve")
    world.poll()  # it is here, and nobody has read it
    instead(world, request, "bob", "carol")
    world.run_until_quiet()
    assert (world.results(), world.decisions()) == (["no_longer_open"], [])
    assert "Carol Carolson was asked in your place" in world.newest("bob", "Not applied").text
    replies(world, "dave", for_dave, "approve")
    assert "Carol Carolson was asked in place of Bob Bobson" in world.newest("dave", "Not applied").text
    for text in ("reject: no", "Question: why?", "give to Dave Daveson", "undo"):
        replies(world, "bob", for_bob, text)
    assert not set(world.results()) & {"decided", "asked_back", "given", "undone"}
    assert not Clarification.objects.exists()
    assert Delegate.objects.get().state == "over"
    for_carol = world.newest("carol")
    assert "He knows Bcc: all@" in " ".join(for_carol.text.split())
    replies(world, "carol", for_carol, "approve")
    assert world.decisions() == [("Carol", "approve")]
    assert record_holds()


def test_of_a_digest_every_other_line_counts(world: World) -> None:
    world.people["bob"].in_digests = True
    world.people["bob"].save()
    desk, _chair = world.request(item="Desk"), world.request(item="Chair")
    DigestItem.objects.update(due=timezone.now() - timedelta(seconds=1))
    work.run_once(world.kinds["digest"])
    world.send()
    digest = world.newest("bob")
    instead(world, desk, "bob", "carol")
    replies(world, "bob", digest, "1 yes\n2 yes")
    assert world.decisions() == [("Bob", "approve")]
    assert Assignment.objects.get(visit__request=desk, state="open").person == world.people["carol"]
    mails = [mail.text for mail in world.sandbox.mails("bob")]
    assert sum("Carol Carolson was asked in your place" in text and "Chair" in text for text in mails) == 1
    assert record_holds()
