"""A bad day at the server: with each fault on while replies come, all are decided once and confirmed once. Every other
one answers in one of two branches that are open beside each other; and in some of these one branch fills in what the
other one shows, which is asked once more then. The faults are those that the sandbox knows as Exchange's; those of
servers that we did not write are made on the way to them, one command at a time (`test_faults_of_mail_servers`).

`make soak` lets 200 replies come, the suite fewer.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from placet.approvals import engine
from placet.approvals.models import AskLine, Decision, Request, Revision, Visit
from placet.approvals.processes import publish
from placet.audit import chain
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.sandbox.server import Mail, Sandbox
from tests.journeys.at_exchange_server import AtExchangeServer
from tests.journeys.conftest import World
from tests.making import one_step

OVER = ("graph", "ews", "exchange-server")

# Committed statement by statement: in one long transaction PostgreSQL keeps every version of a row that changes
# a thousand times, and walks through all of them.
pytestmark = pytest.mark.django_db(transaction=True)

MAILS_PER_POLL = 4  # so that there are enough polls for a fault to strike
TO_CHANGE = "Please decide: Booked"  # a mail about what is filled in soon, of which another mail will tell
TEXTS = {"approve": "approve", "reject": "reject\n\nBudget is spent.", "done": "Done\nQ1: 4711"}


def sign_ins_end(sandbox: Sandbox) -> None:
    """Tokens expire; connections on which a Windows account was signed in end."""
    if isinstance(sandbox, AtExchangeServer):
        sandbox.front.each_connection_lasts = 3
    else:
        sandbox.faults.set("tokens_expire", probability=0.15)


FAULTS: dict[str, Callable[[Sandbox], object]] = {
    "sign-ins end": sign_ins_end,
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
    given = _answer(world, [mail for mail in asked if not mail.subject.startswith(TO_CHANGE)])
    world.run_until_quiet()
    changed = [mail for mail in world.sandbox.mails("bob") if mail.subject.startswith("Changed: ")]
    booked = sorted(Request.objects.filter(version__process__key="booked").values_list("title", flat=True))
    assert sorted(_title(mail) for mail in changed) == booked != []
    given += _answer(world, changed)
    world.run_until_quiet()
    assert Counter(outcome for _, outcome in world.decisions()) == given
    assert given.total() == replies
    assert Decision.objects.filter(outcome="reject", comment="Budget is spent.").count() == given["reject"]
    _is_revised(booked)
    assert set(world.results()) == {"decided"}
    assert _confirmations(world) == Counter(_title(mail) for mail in asked)
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
    """So many mails to Bob: of four, two ask about a request each, and two about the branches of one. Of each second
    one of these, one branch fills in what the other one shows."""
    pair, booked = publish(_in_branches()), publish(_booked())
    for number in range(count):
        if number % 4 < 2 or count < 4:
            world.request(item=f"Item {number}")
        elif number % 4 == 2:
            title, version = (f"Pair {number}", pair) if number % 8 == 2 else (f"Booked {number}", booked)
            engine.start(version, world.people["alice"], {"item": title, "amount": "10"})
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


def _booked() -> dict[str, Any]:
    """The same, but that the right one is a task, and enters what the left one shows."""
    pair = _in_branches()
    task = {
        "kind": "task", "name": "Book it", "ask": pair["steps"]["left"]["ask"], "form": {"fill": ["cost_centre"]}
    }  # fmt: skip
    ways = [way for way in pair["transitions"] if way["from"] != "right"]
    return {
        **pair, "key": "booked", "steps": {**pair["steps"], "right": task},
        "form": [*pair["form"], {"name": "cost_centre", "label": "Cost centre", "type": "text"}],
        "start_form": {"hide": ["cost_centre"]},
        "transitions": [{"from": "right", "outcome": "done", "ends_branch": "approved"}, *ways],
    }  # fmt: skip


def _answer(world: World, mails: Sequence[Mail]) -> Counter[str]:
    """Bob answers them; how often he said what."""
    given: Counter[str] = Counter()
    for number, mail in enumerate(mails):
        outcome = "done" if mail.subject.startswith("Please do: ") else ("reject", "approve")[number % 2]
        world.sandbox.reply_as("bob", mail.id, TEXTS[outcome])
        given[outcome] += 1
    return given


def _title(mail: Mail) -> str:
    return mail.subject.partition(": ")[2].partition(" [#")[0]


def _is_revised(titles: Sequence[str]) -> None:
    """These once each, and no other request; who was asked about it once more decided on that."""
    revisions = Revision.objects.select_related("request").order_by("request__title", "number")
    assert [(one.request.title, one.number, one.data["cost_centre"]) for one in revisions] == [
        row for title in titles for row in ((title, 1, None), (title, 2, "4711"))
    ]
    decided = Decision.objects.exclude(revision=1).values_list(
        "assignment__visit__request__title", "revision"
    )
    assert sorted(decided) == [(title, 2) for title in titles]
    asked = AskLine.objects.exclude(revision=1).values_list("assignment__visit__request__title", "revision")
    assert sorted(asked) == [(title, 2) for title in titles]


def _small_pages() -> None:
    mailbox = Mailbox.objects.get()
    mailbox.settings["mails_per_poll"] = MAILS_PER_POLL
    mailbox.save(update_fields=["settings"])


def _confirmations(world: World) -> Counter[str]:
    confirmed = [s for s in world.subjects("bob") if s.startswith(("Approved: ", "Rejected: ", "Done: "))]
    return Counter(subject.partition(": ")[2] for subject in confirmed)


#: By way, the sandbox's switch, and what stands in the cure.
BLOCKED = {"ews": ("ews_blocked", "EwsAllowedAppIDs"), "graph": ("graph_blocked", "ApplicationAccessPolicy")}


@pytest.mark.not_over("exchange-server", because="there is no tenant")
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
