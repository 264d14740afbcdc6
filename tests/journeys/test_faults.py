"""A bad day at the server: with each fault on while replies come, all are decided once and confirmed once. Every other
one answers in one of two branches that are open beside each other.

`make soak` lets 200 replies come, the suite fewer.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from placet.approvals import engine
from placet.approvals.models import Decision, Request, Visit
from placet.approvals.processes import publish
from placet.audit import chain
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.sandbox.server import Mail, Sandbox
from tests.journeys.conftest import World
from tests.making import one_step

BOTH_WAYS = True

# Committed statement by statement: in one long transaction PostgreSQL keeps every version of a row that changes
# a thousand times, and walks through all of them.
pytestmark = pytest.mark.django_db(transaction=True)

MAILS_PER_POLL = 4  # so that there are enough polls for a fault to strike

FAULTS: dict[str, Callable[[Sandbox], object]] = {
    "tokens expire": lambda s: s.faults.set("tokens_expire", probability=0.15),
    "429 with a fraction": lambda s: s.faults.set("throttled", probability=0.2, retry_after="0.25"),
    "429 without a word": lambda s: s.faults.set("throttled", probability=0.2),
    "503 with Retry-After": lambda s: s.faults.set("unavailable", probability=0.25, retry_after="1"),
    "503 without": lambda s: s.faults.set("unavailable", probability=0.25),
    "ErrorServerBusy": lambda s: s.faults.set("busy", probability=0.25, back_off_ms=500),
    "stopped in the middle": lambda s: s.faults.set("stopped", probability=0.25),
    "cut before": lambda s: s.faults.set("cut_before", probability=0.25),
    "cut after the work": lambda s: s.faults.set("cut_after", probability=0.25),
    "half an answer": lambda s: s.faults.set("half_answer", probability=0.25),
    "slow": lambda s: s.faults.set("slow", probability=0.1, seconds=0.02),
    "sync state lost": lambda s: s.faults.set("sync_lost", probability=0.5, operations=["SyncFolderItems"]),
    "Message-ID replaced": lambda s: setattr(s.switches, "replace_message_id", True),
}


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
def test_all_replies_are_decided_once(threaded_world: World, fault: str, pytestconfig: pytest.Config) -> None:
    world, replies = threaded_world, int(pytestconfig.getoption("--replies"))
    asked = _ask(world, replies)
    _small_pages()
    FAULTS[fault](world.sandbox)
    for number, mail in enumerate(asked):
        world.sandbox.reply_as("bob", mail.id, "approve" if number % 2 else "reject\n\nBudget is spent.")
    world.run_until_quiet()
    assert Counter(outcome for _, outcome in world.decisions()) == {
        "approve": replies // 2,
        "reject": replies // 2,
    }
    assert Decision.objects.filter(outcome="reject", comment="Budget is spent.").count() == replies // 2
    assert set(world.results()) == {"decided"}
    assert _confirmations(world) == Counter(
        mail.subject.partition(": ")[2].partition(" [#")[0] for mail in asked
    )
    assert (
        len(set(_confirmations(world).values())) == 2
    )  # one for what was asked alone, two for what in branches
    assert not Visit.objects.filter(state__in=Visit.LIVE).exists()
    assert not Request.objects.filter(state="open").exists()
    assert world.sandbox.mails("approvals") == []
    assert len(world.sandbox.mails("approvals", "Placet/Processed")) == replies
    assert list(chain.verify()) == []
    if world.sandbox.faults.on():
        assert sum(world.sandbox.faults.struck.values()) > replies // 20


def _ask(world: World, count: int) -> list[Mail]:
    """So many mails to Bob: of four, two ask about a request each, and two about the branches of one."""
    pair = publish(_in_branches())
    for number in range(count):
        if number % 4 < 2 or count < 4:
            world.request(item=f"Item {number}")
        elif number % 4 == 2:
            engine.start(pair, world.people["alice"], {"item": f"Pair {number}", "amount": "10"})
    while OutgoingMail.objects.filter(state="waiting").exists():
        world.send()
    return list(world.sandbox.mails("bob"))


def _in_branches() -> dict[str, Any]:
    """Two branches that both ask Bob, and neither ends the other."""
    one = one_step([{"person": "bob@contoso.example"}], key="pair")
    step, ends = one["steps"]["step"], {key: one["steps"][key] for key in ("approved", "rejected")}
    both = {
        "kind": "parallel", "name": "Both", "branches": {key: {"start": key} for key in ("left", "right")},
        "result": [{"rejected": "any"}, {"approved": "all"}], "otherwise": "rejected",
    }  # fmt: skip
    came_to = {"approve": "approved", "reject": "rejected"}
    ways = [{"from": "both", "outcome": result, "to": result} for result in ends]
    ways += [
        {"from": key, "outcome": outcome, "ends_branch": result}
        for key in ("left", "right")
        for outcome, result in came_to.items()
    ]
    return {
        **one, "start": "both", "steps": {"both": both, "left": step, "right": step, **ends}, "transitions": ways,
    }  # fmt: skip


def _small_pages() -> None:
    mailbox = Mailbox.objects.get()
    mailbox.settings["mails_per_poll"] = MAILS_PER_POLL
    mailbox.save(update_fields=["settings"])


def _confirmations(world: World) -> Counter[str]:
    confirmed = [s for s in world.subjects("bob") if s.startswith(("Approved: ", "Rejected: "))]
    return Counter(subject.partition(": ")[2] for subject in confirmed)


#: By way, the sandbox's switch, and what stands in the cure.
BLOCKED = {"ews": ("ews_blocked", "EwsAllowedAppIDs"), "graph": ("graph_blocked", "ApplicationAccessPolicy")}


def test_a_blocked_tenant_pauses_the_mailbox_and_uses_up_no_tries(threaded_world: World) -> None:
    world = threaded_world
    (mail,) = _ask(world, 1)
    world.sandbox.reply_as("bob", mail.id, "approve")
    world.poll()
    switch, command = BLOCKED[world.way]
    setattr(world.sandbox.switches, switch, True)
    for _ in range(20):
        world.run()
    mailbox = Mailbox.objects.get()
    assert mailbox.trouble["fix_needed"]
    assert command in str(mailbox.trouble)
    assert world.decisions() == [("Bob", "approve")]  # what was kept needs no server
    assert not OutgoingMail.objects.filter(state="failed").exists()
    assert max(OutgoingMail.objects.filter(state="sending").values_list("tries", flat=True), default=0) == 0
    setattr(world.sandbox.switches, switch, False)
    world.run_until_quiet()
    assert Mailbox.objects.get().trouble == {}
    assert "Approved: Item 0" in world.subjects("bob")


def test_a_paused_mailbox_is_left_alone_until_its_time(threaded_world: World) -> None:
    world = threaded_world
    from placet import work

    world.sandbox.faults.set("throttled", retry_after="30")
    world.poll()
    before = world.sandbox.counters.copy()
    world.request()
    for kind in world.kinds.values():
        work.run_once(kind)
    assert world.sandbox.counters == before


def test_thirty_mails_a_minute_lose_nothing(threaded_world: World) -> None:
    """The server's own limit strikes although the pace is set higher: the rest goes out later, each once."""
    world = threaded_world
    world.sandbox.switches.messages_per_minute = 30
    for number in range(60):
        world.request(item=f"Item {number}")
    for _ in range(5):
        world.send()
    assert len(world.sandbox.mails("bob")) == 30
    world.sandbox.switches.messages_per_minute = None
    world.run_until_quiet()
    assert Counter(world.subjects("bob")).most_common(1)[0][1] == 1
    assert len(world.sandbox.mails("bob")) == 60


def test_the_pace_stays_below_the_limit_by_itself(threaded_world: World) -> None:
    world = threaded_world
    mailbox = Mailbox.objects.get()
    mailbox.settings["sends_per_minute"] = 25
    mailbox.save()
    for number in range(40):
        world.request(item=f"Item {number}")
    for _ in range(3):
        world.send()
    assert len(world.sandbox.mails("bob")) == 25


def test_a_lost_sync_state_neither_loses_nor_repeats(threaded_world: World) -> None:
    world = threaded_world
    first, second = _ask(world, 2)
    world.sandbox.reply_as("bob", first.id, "approve")
    world.run()
    world.sandbox.lose_sync_states()
    world.sandbox.reply_as("bob", second.id, "reject")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve"), ("Bob", "reject")]
    assert IncomingMail.objects.count() == 2
