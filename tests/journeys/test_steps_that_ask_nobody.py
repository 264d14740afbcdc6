"""Steps that ask nobody, by mail: who is told what, what a wait waits for, and requests that start others."""

from typing import Any

import pytest

from placet.approvals import engine
from placet.approvals.models import Decision, Request
from placet.approvals.processes import publish
from placet.audit import chain
from tests.approvals.test_steps_that_ask_nobody import calling_one, notice, process, step, visits, wait
from tests.journeys.conftest import World

pytestmark = pytest.mark.django_db
BOTH_WAYS = True


def started(world: World, definition: dict[str, Any]) -> Request:
    request = engine.start(publish(definition), world.people["alice"], {"item": "Desk", "amount": "100"})
    world.run_until_quiet()
    return request


def replied(world: World, name: str, text: str, beginning: str = "Please decide") -> None:
    world.sandbox.reply_as(name, world.newest(name, beginning).id, text)
    world.run_until_quiet()


def standing(request: Request) -> tuple[str, str]:
    request.refresh_from_db()
    assert list(chain.verify(request.pk)) == []
    return request.state, request.result


def test_a_notice_arrives_once_without_a_code_and_a_reply_to_it_decides_nothing(world: World) -> None:
    ways = ["tell sent bob", "bob approve approved", "bob reject rejected"]
    request = started(world, process({"tell": notice("bob", "carol"), "bob": step("bob")}, ways))
    for name in ("bob", "carol"):
        told = [mail for mail in world.sandbox.mails(name) if mail.subject.startswith("For your information")]
        assert [mail.subject for mail in told] == ["For your information: Desk"]
        assert ("#" in told[0].text, told[0].header("Reply-To")) == (False, None)
    before = len(world.sandbox.mails("bob"))
    replied(world, "bob", "Approved.", "For your information")
    replied(world, "carol", "Approved.", "For your information")
    assert (standing(request), Decision.objects.count()) == (("open", ""), 0)
    assert len(world.sandbox.mails("bob")) == before
    replied(world, "bob", "Approved.")
    assert standing(request) == ("ended", "approved")
    assert visits(request) == ["tell closed sent", "bob closed approve"]


def test_a_wait_ends_by_a_signal_and_the_next_one_is_asked(world: World) -> None:
    ways = ["bob approve wait", "bob reject rejected", "wait arrived carol"]
    ways += ["carol approve approved", "carol reject rejected"]
    steps = {"bob": step("bob"), "wait": wait(signal="delivered"), "carol": step("carol")}
    request = started(world, process(steps, ways))
    replied(world, "bob", "Approved.")
    assert (visits(request)[-1], world.subjects("carol")) == ("wait open", [])
    engine.signal(request.pk, "delivered", world.people["ada"])
    world.run_until_quiet()
    replied(world, "carol", "Fine.")
    assert standing(request) == ("ended", "approved")


def test_an_answer_in_a_called_process_brings_its_caller_on(world: World) -> None:
    ways = ["bob approve approved", "bob reject rejected"]
    publish(process({"bob": step("bob")}, ways, key="budget"))
    request = started(world, calling_one({"item": "item + ' budget'"}))
    assert world.subjects("bob") == ["Please decide: Desk budget" + world.newest("bob").subject[-20:]]
    assert (visits(request), world.subjects("dave")) == (["call open"], [])
    replied(world, "bob", "Approved.")
    assert visits(request) == ["call closed approved", "dave open"]
    replied(world, "dave", "Yes, please.")
    assert standing(request) == ("ended", "approved")
    called = Request.objects.get(parent_visit__request=request)
    assert standing(called) == ("ended", "approved")
    assert sorted(world.subjects("alice")) == ["Approved: Desk", "Approved: Desk budget"]
