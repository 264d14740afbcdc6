"""To Microsoft Graph and back in the middle of everything: each reply decided once, confirmed once, and put away."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections
from django.utils import timezone

from placet.audit import chain
from placet.mail import moving, tasks
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes import polling, pool, store
from placet.mailboxes.base import FixNeeded, MailboxError
from placet.mailboxes.models import Mailbox
from placet.replies import entry, fetch
from placet.sandbox.server import Sandbox
from tests.journeys.conftest import World, close_connections, make_world
from tests.making import entries
from tests.soak.kill import environment

OTHER = {"ews": "graph", "graph": "ews"}
BY = "person:1"


@pytest.fixture(params=["ews", "graph"])
def start(request: pytest.FixtureRequest) -> str:
    """The way that the mailbox goes at first."""
    return str(request.param)


@pytest.fixture
def world(sandbox: Sandbox, start: str, db: None) -> Iterator[World]:
    sandbox.switches.translation_needs_directory = False  # or too little is left to translate
    yield make_world(sandbox, start)
    close_connections()


@pytest.fixture
def threaded_world(sandbox: Sandbox, start: str, transactional_db: None) -> Iterator[World]:
    sandbox.switches.translation_needs_directory = False
    yield make_world(sandbox, start)
    close_connections()


def move(world: World, protocol: str | None = None) -> moving.Moved:
    protocol = protocol or OTHER[world.way]
    moved = moving.move(Mailbox.objects.get(), protocol, by=BY)
    world.way = protocol
    return moved


def ask(world: World, count: int) -> list[str]:
    """So many mails that ask Bob; their ids in his mailbox."""
    for number in range(count):
        world.request(item=f"Item {number}")
    while OutgoingMail.objects.exclude(state="sent").exists():
        world.send()
    return [mail.id for mail in world.sandbox.mails("bob")]


def answer(world: World, mails: list[str]) -> None:
    for id_ in mails:
        world.sandbox.reply_as("bob", id_, "approve")


def under_way(world: World, each: int = 3) -> int:
    """Replies at every place of their way: put away, decided but not marked, set aside, kept, still on the server. How
    many there are."""
    asked = ask(world, 6 * each)
    parts = [asked[start : start + each] for start in range(0, len(asked), each)]
    answer(world, parts[0])
    world.run()
    assert ServerTask.objects.exclude(done_at=None).count() == each
    answer(world, parts[1])
    world.poll()
    _set_aside(world)
    world.mark()
    assert len(world.sandbox.mails("approvals", "Placet/Set aside")) == each
    answer(world, parts[2])
    world.poll()
    _set_aside(world)  # not moved on the server yet
    answer(world, parts[3])
    world.poll()
    world.take_in()
    answer(world, parts[4])
    world.poll()
    answer(world, parts[5])
    states = Counter(IncomingMail.objects.values_list("state", flat=True))
    assert states == {"handled": 2 * each, "set_aside": 2 * each, "kept": each}
    assert ServerTask.objects.filter(done_at=None).count() == 2 * each
    return 6 * each


def _set_aside(world: World) -> None:
    """As if the process had died in every try."""
    IncomingMail.objects.filter(state="kept").update(tries=entry.MOST_TRIES)
    world.take_in()


def handle_all_again() -> None:
    for pk in IncomingMail.objects.filter(state="set_aside").values_list("pk", flat=True):
        assert entry.handle_again(pk)


def check(world: World, replies: int) -> None:
    """Each decided once, each confirmed once, none left in the Inbox, the record whole."""
    assert world.decisions() == [("Bob", "approve")] * replies
    confirmed = Counter(subject for subject in world.subjects("bob") if not subject.startswith("Please"))
    assert confirmed == {f"Approved: Item {number}": 1 for number in range(replies)}
    assert world.sandbox.mails("approvals") == []
    if any(folder["path"] == "Placet/Set aside" for folder in world.sandbox.folders("approvals")):
        assert world.sandbox.mails("approvals", "Placet/Set aside") == []
    assert len(world.sandbox.mails("approvals", "Placet/Processed")) == replies
    assert not ServerTask.objects.filter(failed=True).exists()
    assert list(chain.verify()) == []


# --- what must come out -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_replies_at_every_place_go_along(world: World, start: str) -> None:
    replies = under_way(world)
    ids = dict(IncomingMail.objects.values_list("pk", "server_id"))
    moved = move(world)
    assert (moved.renamed, moved.by_fingerprint, moved.trouble) == (12, 0, None)
    mailbox = Mailbox.objects.get()
    assert (mailbox.protocol, mailbox.settings["protocol"], mailbox.cursor, mailbox.claim) == (
        OTHER[start],
        OTHER[start],
        {},
        "",
    )
    now = dict(IncomingMail.objects.filter(protocol=OTHER[start]).values_list("pk", "server_id"))
    assert len(now) == 12
    assert not now.items() & ids.items()
    world.run_until_quiet()
    handle_all_again()
    world.run_until_quiet()
    check(world, replies)
    assert world.results() == ["decided"] * replies, "nothing was shown twice"


@pytest.mark.django_db
def test_there_and_back_with_replies_on_every_way(world: World, start: str) -> None:
    replies = under_way(world)
    for _ in range(5):
        move(world)
        world.poll()
    handle_all_again()
    move(world)
    world.take_in()
    move(world)
    world.mark()
    move(world)
    world.run_until_quiet()
    check(world, replies)
    assert len(entries(moving.EVENT)) == 8


@pytest.mark.django_db
def test_it_is_in_the_audit_of_the_installation(world: World, start: str) -> None:
    answer(world, ask(world, 1))
    world.poll()
    move(world)
    told = moving.last_move(world.mailbox)
    assert told is not None
    assert (told.who, told.seq) == (BY, 2)  # behind the version that its world published
    assert told.what == {
        "event": "mailbox moved",
        "mailbox": world.mailbox.pk,
        "address": world.mailbox.address,
        "from": start,
        "to": OTHER[start],
        "ids_translated": 1,
        "ids_kept": 0,
    }


@pytest.mark.django_db
def test_twice_is_once(world: World, start: str) -> None:
    answer(world, ask(world, 1))
    world.poll()
    move(world)
    again = moving.move(world.mailbox, OTHER[start], by=BY)
    assert again.renamed == 0
    assert len(entries(moving.EVENT)) == 1
    world.run_until_quiet()
    check(world, 1)


@pytest.mark.django_db
@pytest.mark.parametrize("start", ["ews"], indirect=True)
def test_the_ids_are_immutable_ones_afterwards(world: World) -> None:
    answer(world, ask(world, 2))
    world.poll()
    move(world)
    on_server = {mail.immutable_id for mail in world.sandbox.mails("approvals")}
    assert set(IncomingMail.objects.values_list("server_id", flat=True)) == on_server
    world.run_until_quiet()
    put_away = world.sandbox.mails("approvals", "Placet/Processed")
    assert {mail.immutable_id for mail in put_away} == on_server
    assert {mail.id for mail in put_away}.isdisjoint(on_server)


@pytest.mark.django_db
@pytest.mark.parametrize("start", ["ews"], indirect=True)
def test_mails_that_stay_in_the_inbox_are_not_fetched_again(world: World) -> None:
    store.change({"handled": "mark_read"}, by="a test", mailbox=world.mailbox)
    answer(world, ask(world, 30))
    world.run_until_quiet()
    assert move(world).renamed == 30
    world.run_until_quiet()
    assert world.sandbox.counters["graph_value"] == 0
    assert IncomingMail.objects.count() == len(world.decisions()) == 30
    _, mail = world.asked(item="One more")
    world.sandbox.reply_as("bob", mail.id, "approve")
    world.run_until_quiet()
    assert world.sandbox.counters["graph_value"] == 1
    assert all(mail.is_read for mail in world.sandbox.mails("approvals"))


@pytest.mark.django_db
@pytest.mark.parametrize("handled", ["move", "mark_read", "delete"])
def test_without_translation_fingerprints_know_them(
    world: World, handled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.change({"handled": handled}, by="a test", mailbox=world.mailbox)
    asked = ask(world, 4)
    answer(world, asked[:2])
    world.poll()
    world.take_in()
    answer(world, asked[2:])
    world.poll()
    monkeypatch.setattr(moving, "_all_translated", lambda *_: {})
    assert (move(world).renamed, Mailbox.objects.get().protocol) == (0, world.way)
    monkeypatch.undo()
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")] * 4
    first = IncomingMail.objects.filter(same_as=None)
    assert [mail.result for mail in first] == ["decided"] * 4, "what was shown again is no other mail"
    inbox = world.sandbox.mails("approvals")
    assert len(inbox) == (4 if handled == "mark_read" else 0)
    assert all(mail.is_read for mail in inbox)
    for folder, wanted in (("Placet/Processed", "move"), ("deleteditems", "delete")):
        if handled == wanted:
            assert len(world.sandbox.mails("approvals", folder)) == 4
    assert len([s for s in world.subjects("bob") if s.startswith("Approved")]) == 4


@pytest.mark.django_db
@pytest.mark.parametrize("start", ["ews"], indirect=True)
def test_one_by_one_where_the_application_may_not_translate(world: World) -> None:
    world.sandbox.switches.translation_needs_directory = True
    replies = under_way(world, 1)
    assert move(world).renamed == 4
    handle_all_again()
    world.run_until_quiet()
    check(world, replies)


# --- what is refused --------------------------------------------------------------------------------------


def picture() -> list[object]:
    """All that a move changes."""
    return [
        list(IncomingMail.objects.order_by("pk").values_list("pk", "server_id", "protocol")),
        list(Mailbox.objects.values_list("protocol", "settings", "cursor", "claim", "secrets")),
        len(entries(moving.EVENT)),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("start", ["ews"], indirect=True)
def test_a_missing_permission_is_said_and_nothing_changes(world: World) -> None:
    replies = under_way(world, 1)
    world.sandbox.switches.graph_roles = set()
    before = picture()
    found = list(moving.connection(world.mailbox, "graph").check())
    assert not found[-1].ok
    assert "Mail.ReadWrite" in found[-1].cure + found[-1].command
    with pytest.raises(FixNeeded, match=r"Mail\.ReadWrite"):
        moving.move(world.mailbox, "graph", by=BY)
    assert picture() == before
    assert Mailbox.objects.get().trouble == {}, "the mailbox itself works"
    handle_all_again()
    world.run_until_quiet()
    check(world, replies)


@pytest.mark.django_db
@pytest.mark.parametrize("start", ["graph"], indirect=True)
@pytest.mark.parametrize("closed", ["out of order", "blocked", "no permission"])
def test_back_is_open_where_graph_cannot_be_asked_any_more(world: World, closed: str) -> None:
    asked = ask(world, 4)
    answer(world, asked[:2])
    world.poll()
    world.take_in()
    answer(world, asked[2:])
    world.poll()
    if closed == "out of order":
        world.sandbox.faults.set("unavailable", operations=["graph_translate"])
    elif closed == "blocked":
        world.sandbox.switches.graph_blocked = True
    else:
        world.sandbox.switches.graph_roles = set()
        world.sandbox.expire_tokens()
    moved = move(world)
    assert (moved.renamed, moved.by_fingerprint) == (0, 4)
    assert (moved.trouble is not None) == (closed != "blocked")
    world.run_until_quiet()
    check(world, 4)


@pytest.mark.django_db
@pytest.mark.parametrize("start", ["graph"], indirect=True)
def test_a_way_that_is_closed_is_not_gone(world: World) -> None:
    under_way(world, 1)
    world.sandbox.switches.ews_blocked = True
    before = picture()
    with pytest.raises(MailboxError):
        moving.move(world.mailbox, "ews", by=BY)
    assert picture() == before


@pytest.mark.django_db
def test_a_running_poll_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "PATIENCE", 0.3)
    Mailbox.objects.update(claim="a poll", next_poll=timezone.now() + polling.LEASED.length)
    with pytest.raises(moving.NotMoved, match="is reading mail"):
        move(world)
    Mailbox.objects.update(next_poll=timezone.now())  # it died, and its lease is over
    move(world)


@pytest.mark.django_db
def test_settings_saved_meanwhile_stop_it(world: World, monkeypatch: pytest.MonkeyPatch, start: str) -> None:
    answer(world, ask(world, 1))
    world.poll()
    translated = moving._translated

    def saved(*arguments: object) -> object:
        store.change({"poll_seconds": 30}, by="another", mailbox=Mailbox.objects.get())
        return translated(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(moving, "_translated", saved)
    with pytest.raises(moving.NotMoved, match="saved"):
        move(world)
    stored = Mailbox.objects.get()
    assert (stored.protocol, stored.settings["poll_seconds"]) == (start, 30)


@pytest.mark.django_db
def test_a_server_that_asks_for_patience_gets_it(world: World) -> None:
    answer(world, ask(world, 1))
    world.poll()
    world.sandbox.faults.set("throttled", count=2, retry_after="0.1")
    assert move(world).renamed == 1


# --- what was begun by the former way ---------------------------------------------------------------------


@pytest.mark.django_db
def test_a_mark_that_began_before_ends_after(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker has read the row and opened the former way; the switch comes in between."""
    answer(world, ask(world, 2))
    world.poll()
    world.take_in()

    def late(mailbox: Mailbox) -> object:
        monkeypatch.setattr(tasks, "opened", pool.opened)
        move(world)
        return pool.opened(mailbox)

    monkeypatch.setattr(tasks, "opened", late)
    first = ServerTask.objects.order_by("pk")[0]
    ServerTask.objects.update(due=timezone.now())
    assert tasks.work(first.pk)
    world.send()
    world.run_until_quiet()
    check(world, 2)


@pytest.mark.django_db
def test_a_poll_that_outlived_its_lease_writes_nothing_wrong(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lists by the former way, the mailbox moves, and only then it keeps what it listed."""
    answer(world, ask(world, 3))
    unknown = fetch._unknown

    def slow(mailbox: Mailbox, seen: object) -> object:
        monkeypatch.setattr(fetch, "_unknown", unknown)
        Mailbox.objects.update(next_poll=timezone.now())  # the lease is over
        move(world)
        return unknown(mailbox, seen)  # type: ignore[arg-type]

    monkeypatch.setattr(fetch, "_unknown", slow)
    former = world.way
    world.poll()
    assert set(IncomingMail.objects.values_list("protocol", flat=True)) == {former}
    assert Mailbox.objects.get().cursor == {}
    world.run_until_quiet()
    check(world, 3)


@pytest.mark.django_db
def test_what_could_not_be_read_before_is_read_after(world: World) -> None:
    answer(world, ask(world, 2))
    keep_unread(world)
    move(world)
    world.run_until_quiet()
    check(world, 2)


@pytest.mark.django_db
def test_what_could_not_be_read_before_is_listed_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same without translation: where the new way cannot tell, the former row says so, and the mail has another."""
    answer(world, ask(world, 2))
    keep_unread(world)
    monkeypatch.setattr(moving, "_all_translated", lambda *_: {})
    move(world)
    monkeypatch.undo()
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")] * 2
    assert world.sandbox.mails("approvals") == []
    left = IncomingMail.objects.filter(state="set_aside")
    if world.way == "ews":  # which can read none of Graph's ids
        assert [row.reason for row in left] == [entry.MOVED_UNREAD] * 2
    else:
        assert not left.exists()


def keep_unread(world: World) -> None:
    """Rows of mails that the server lists but would not give."""
    mailbox = Mailbox.objects.get()
    connection = pool.connect(mailbox)
    for seen in connection.changes({}, fetch.since(mailbox), 100).seen:
        fetch._keep_unread(mailbox, seen, "The server failed.")
    connection.close()
    assert IncomingMail.objects.filter(facts__has_key="unread").count() == 2


@pytest.mark.django_db
def test_a_given_up_mark_is_taken_up_by_the_new_way(world: World) -> None:
    answer(world, ask(world, 1))
    world.poll()
    world.take_in()
    ServerTask.objects.update(failed=True, tries=tasks.MOST_TRIES)
    assert move(world).renamed == 1
    world.run_until_quiet()
    assert len(world.sandbox.mails("approvals")) == 1
    assert tasks.try_again() == 1
    world.run_until_quiet()
    check(world, 1)


@pytest.mark.django_db
@pytest.mark.parametrize("replaced", [False, True])
def test_a_send_that_was_cut_off_is_found_by_the_new_way(world: World, replaced: bool) -> None:
    world.sandbox.switches.replace_message_id = replaced
    world.request(item="Item 0")
    world.sandbox.faults.set("cut_after", operations=["CreateItem"], count=1)
    world.send()
    assert OutgoingMail.objects.get().state == "sending"
    move(world)
    world.send()
    assert OutgoingMail.objects.get().state == "sent"
    (mail,) = world.sandbox.mails("bob")
    answer(world, [mail.id])
    world.run_until_quiet()
    check(world, 1)


@pytest.mark.django_db
def test_a_new_id_that_another_row_has_stays_with_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(world, ask(world, 1))
    world.poll()
    monkeypatch.setattr(moving, "_all_translated", lambda *_: {})
    move(world)
    monkeypatch.undo()
    world.poll()  # shown anew
    assert world.results() == ["kept", "duplicate"]
    move(world)  # back: both rows are of the one mail
    world.take_in()
    move(world)
    world.run_until_quiet()
    check(world, 1)


# --- kills ------------------------------------------------------------------------------------------------

#: A process that moves the mailbox, and is killed as soon as it comes to where it says.
KILLED = """
import os, signal, sys
import django
django.setup()
from placet.audit import chain
from placet.mail import moving
from placet.mailboxes import store
from placet.mailboxes.models import Mailbox

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

point, protocol = sys.argv[1:]
if point == "taken":
    moving._translated = die
elif point == "translated":
    moving._switch = die
elif point == "renamed":
    store.change = die
elif point == "stored":
    chain.append_of_installation = die
elif point == "noted":
    append = chain.append_of_installation
    chain.append_of_installation = lambda *given: die(append(*given))
moving.move(Mailbox.objects.get(), protocol, by="person:1")
if point == "committed":
    die()
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("point", ["taken", "translated", "renamed", "stored", "noted", "committed"])
def test_a_kill_leaves_all_or_nothing(threaded_world: World, start: str, point: str, tmp_path: Path) -> None:
    world = threaded_world
    replies = under_way(world, 1)
    before = picture()
    connections.close_all()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, point, OTHER[start]],
        env=environment() | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    Mailbox.objects.update(
        claim="", next_poll=timezone.now()
    )  # its lease ends: it was no worker that others watch
    if point == "committed":
        assert Mailbox.objects.get().protocol == OTHER[start]
        assert IncomingMail.objects.filter(protocol=OTHER[start]).count() == 4
        world.way = OTHER[start]
        moving.move(world.mailbox, OTHER[start], by=BY)
    else:
        assert picture() == before
        assert move(world).renamed == 4
    assert len(entries(moving.EVENT)) == 1
    handle_all_again()
    world.run_until_quiet()
    check(world, replies)
