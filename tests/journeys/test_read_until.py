"""Until when a mailbox was read: never later than what was really read, whatever comes, moves, fails or is lost while
it is; and no answer that came in time is passed over."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from placet import work
from placet.approvals.models import Ask, Request
from placet.mail.models import IncomingMail, SetAsideCode
from placet.mail.read_past import not_read_past, read_past
from placet.mailboxes import store
from placet.mailboxes.base import Wait
from placet.mailboxes.microsoft.ews import operations
from placet.mailboxes.microsoft.graph import calls
from placet.mailboxes.models import Mailbox
from placet.mailboxes.progress import SYNC_BEGAN
from placet.replies import entry, fetch
from placet.sandbox.server import Mail
from tests.journeys.conftest import World, close_connections
from tests.journeys.letters import answer, letter
from tests.journeys.test_lost_and_late import DEEP
from tests.journeys.test_poison import Firewall, running

BOTH_WAYS = True

pytestmark = pytest.mark.django_db

BOX = "approvals@contoso.example"
AWAY = Wait("Exchange is away.", "Placet tries again by itself.")


@dataclass
class Lists:
    """Each request for a page of changes, by its number: when it began, and what happens just before it."""

    began: dict[int, datetime] = field(default_factory=dict)
    before: dict[int, Callable[[], object]] = field(default_factory=dict)

    def follow(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*arguments: Any, **more: Any) -> Any:
            number = len(self.began) + 1
            self.began[number] = timezone.now()
            self.before.get(number, lambda: None)()
            return real(*arguments, **more)

        return asked


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> Lists:
    lists = Lists()
    monkeypatch.setattr(calls, "delta", lists.follow(calls.delta))
    monkeypatch.setattr(operations, "sync_folder_items", lists.follow(operations.sync_folder_items))
    return lists


@dataclass
class Arrivals:
    """Mails that came, by subject, with the moment when they certainly lay there."""

    world: World
    at: dict[str, datetime] = field(default_factory=dict)

    def bring(self, count: int = 1, folder: str = "inbox") -> Mail:
        for _ in range(count):
            subject = f"Mail {len(self.at)}"
            raw = letter("stranger@fabrikam.example", to=BOX, subject=subject)
            mail = self.world.sandbox.place("approvals", raw, folder=folder)
            self.at[subject] = timezone.now()
        return mail

    def unknown(self) -> set[str]:
        rows = [bytes(raw) for raw in IncomingMail.objects.values_list("raw", flat=True)]
        return {name for name in self.at if not any(b"Subject: %b\r" % name.encode() in raw for raw in rows)}

    def none_passed_over(self) -> None:
        until = read_until()
        assert not {name for name in self.unknown() if until and self.at[name] <= until}


@pytest.fixture
def arrivals(world: World) -> Arrivals:
    return Arrivals(world)


def read_until() -> datetime | None:
    return Mailbox.objects.get().read_until


def known_until() -> datetime:
    at = read_until()
    assert at is not None
    return at


def small_pages(size: int = 2) -> None:
    mailbox = Mailbox.objects.get()
    mailbox.settings["mails_per_poll"] = size
    mailbox.save(update_fields=["settings"])


def poll_until_complete(world: World, arrivals: Arrivals) -> None:
    """The sync that goes on, or one that begins; nothing is passed over at any moment of it."""
    for _ in range(30):
        world.poll()
        arrivals.none_passed_over()
        if SYNC_BEGAN not in Mailbox.objects.get().cursor:
            return
    raise AssertionError("It never ended.")


# --- the moment -------------------------------------------------------------------------------------------


def test_it_is_the_moment_before_the_first_request(world: World, lists: Lists, arrivals: Arrivals) -> None:
    assert read_until() is None
    arrivals.bring()
    before = timezone.now()
    world.poll()
    assert before <= known_until() <= lists.began[1]
    first = known_until()
    world.poll()
    assert first < known_until() <= lists.began[3]  # each poll asks for two folders


def test_what_comes_between_two_pages_is_not_said_to_be_read(
    world: World, lists: Lists, arrivals: Arrivals
) -> None:
    """A first delta of Microsoft Graph is of what was there when it began."""
    small_pages()
    arrivals.bring(5)
    lists.before = dict.fromkeys(range(2, 7), arrivals.bring)
    world.poll()
    assert read_until() is None  # there is more
    poll_until_complete(world, arrivals)
    assert known_until() <= lists.began[1]
    poll_until_complete(world, arrivals)
    assert known_until() > lists.began[2] and not arrivals.unknown()


def test_what_comes_while_mails_are_fetched_is_not_said_to_be_read(
    world: World, arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrivals.bring()
    before_fetching(monkeypatch, arrivals.bring)
    world.poll()
    assert read_until() is not None and len(arrivals.unknown()) == 1
    arrivals.none_passed_over()


def before_fetching(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Once, after the folders were listed."""
    real, waiting = fetch._unknown, [happens]

    def after_the_list(*arguments: Any) -> Any:
        if waiting:
            waiting.pop()()
        return real(*arguments)

    monkeypatch.setattr(fetch, "_unknown", after_the_list)


def test_of_two_folders_it_is_the_earlier_moment(world: World, lists: Lists, arrivals: Arrivals) -> None:
    arrivals.bring(folder="junkemail")
    lists.before = {2: arrivals.bring}  # Inbox was listed, Junk is not
    world.poll()
    assert len(arrivals.unknown()) == 1 and known_until() <= lists.began[1]
    arrivals.none_passed_over()


def fails(*_: object) -> None:
    raise AWAY


def test_one_folder_alone_is_not_enough(world: World, lists: Lists, arrivals: Arrivals) -> None:
    world.poll()
    before = read_until()
    arrivals.bring(folder="junkemail")
    lists.before = {4: fails}  # Junk's, of the second poll
    world.poll()
    assert len(lists.began) == 4 and read_until() == before
    poll_until_complete(world, arrivals)
    assert not arrivals.unknown() and known_until() > lists.began[4]


def test_a_mail_that_is_moved_before_it_is_fetched_is_not_said_to_be_read(
    world: World, arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both folders were listed, and it is in neither list under the id that it has now."""
    mail = arrivals.bring()
    before_fetching(monkeypatch, lambda: world.sandbox.move("approvals", mail.id, "junkemail"))
    world.poll()
    arrivals.none_passed_over()
    assert (read_until() is None) is (world.way == "ews")  # ids of Graph stay
    world.poll()
    assert read_until() is not None and not arrivals.unknown()


def test_so_it_is_in_the_middle_of_a_long_sync(
    world: World, arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pages()
    arrivals.bring(5)
    mail = world.sandbox.mails("approvals")[0]
    world.sandbox.move("approvals", arrivals.bring(folder="junkemail").id, "inbox")
    before_fetching(monkeypatch, lambda: world.sandbox.move("approvals", mail.id, "junkemail"))
    poll_until_complete(world, arrivals)
    assert (read_until() is None) is (world.way == "ews")
    poll_until_complete(world, arrivals)
    assert read_until() is not None and not arrivals.unknown()


# --- what fails -------------------------------------------------------------------------------------------


def test_a_sync_that_fails_half_way_moves_nothing_and_ends_with_its_own_beginning(
    world: World, lists: Lists, arrivals: Arrivals
) -> None:
    small_pages()
    arrivals.bring(5)
    world.poll()
    world.sandbox.faults.set("throttled", operations=["SyncFolderItems"], retry_after="30")
    arrivals.bring()
    world.poll()
    assert Mailbox.objects.get().trouble and read_until() is None
    world.sandbox.faults.clear()
    poll_until_complete(world, arrivals)
    assert known_until() <= lists.began[1]


def test_mails_that_are_listed_and_not_given_move_nothing(world: World, arrivals: Arrivals) -> None:
    world.poll()
    before = read_until()
    arrivals.bring()
    world.sandbox.faults.set("throttled", operations=["GetItem"], retry_after="30")
    world.poll()
    assert Mailbox.objects.get().trouble and read_until() == before
    world.sandbox.faults.clear()
    poll_until_complete(world, arrivals)
    assert not arrivals.unknown() and known_until() > (before or timezone.now())


def test_a_mailbox_that_is_throttled_stays_where_it_was(world: World) -> None:
    world.poll()
    before = known_until()
    world.sandbox.faults.set("throttled", retry_after="30")
    world.poll()
    assert read_until() == before
    work.run_once(world.kinds["poll"])  # it rests
    assert read_until() == before
    assert not read_past([world.mailbox.pk], timezone.now(), [])


def test_what_the_server_forgot_was_read_all_the_same(world: World, lists: Lists, arrivals: Arrivals) -> None:
    """Nothing is taken back, and nothing new is said before all was listed once more."""
    small_pages()
    arrivals.bring(3)
    poll_until_complete(world, arrivals)
    poll_until_complete(world, arrivals)
    before, count = known_until(), len(lists.began)
    world.sandbox.lose_sync_states()
    arrivals.bring(3)
    lists.before = {count + 3: arrivals.bring, count + 4: fails}
    world.poll()
    assert len(lists.began) == count + 4
    assert SYNC_BEGAN in Mailbox.objects.get().cursor and read_until() == before
    poll_until_complete(world, arrivals)
    assert before < known_until() <= lists.began[count + 1]


def test_whoever_lost_the_lease_says_nothing(
    world: World, arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrivals.bring()
    before_fetching(monkeypatch, lambda: Mailbox.objects.update(claim="somebody else's"))
    world.poll()
    assert read_until() is None


# --- pauses, settings, clocks -----------------------------------------------------------------------------


def settings(world: World, **changes: Any) -> None:
    store.change(changes, by="a test", mailbox=Mailbox.objects.get(), moving=True)


def test_a_mailbox_that_is_switched_off_stays_where_it_was(world: World, arrivals: Arrivals) -> None:
    world.poll()
    before = known_until()
    settings(world, active=False)
    arrivals.bring()
    world.poll()
    assert read_until() == before
    settings(world, active=True)
    assert read_until() == before  # all until then was read, and the rest is told by the same cursor
    world.poll()
    assert known_until() > before and not arrivals.unknown()


def test_a_paused_mailbox_stays_where_it_was(world: World) -> None:
    world.poll()
    before = read_until()
    later = timezone.now() + timedelta(minutes=5)
    Mailbox.objects.update(paused_until=later, next_poll=timezone.now())
    work.run_once(world.kinds["poll"])
    assert read_until() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"since": "2019-01-01T00:00:00+00:00"},
        {"server_address": "outlook.contoso.example", "security": "ssl"},
        {"protocol": "the other one"},
    ],
    ids=str,
)
def test_other_mail_is_read_anew(world: World, changes: dict[str, str]) -> None:
    world.poll()
    if "protocol" in changes:
        changes = {"protocol": "ews" if world.way == "graph" else "graph"}
    if "server_address" in changes:
        changes["token_uri"] = "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
    store.change(
        changes,
        secrets={"client_secret": "another-one"},
        by="a test",
        mailbox=Mailbox.objects.get(),
        moving=True,
    )
    assert read_until() is None


def test_other_settings_take_nothing_back(world: World) -> None:
    world.poll()
    before = read_until()
    settings(world, poll_seconds=30, handled="mark_read")
    assert read_until() == before is not None


def test_mail_before_the_time_from_which_it_is_looked_at_is_not_said_to_be_read(world: World) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    settings(world, since=tomorrow.isoformat())
    world.poll()
    assert Mailbox.objects.get().trouble == {} and read_until() is None


@contextmanager
def an_hour_ahead() -> Iterator[None]:
    with time_machine.travel(timezone.now() + timedelta(hours=1), tick=True):
        yield


def test_after_the_clock_was_set_back_nothing_is_said_of_what_is_to_come(
    world: World, arrivals: Arrivals
) -> None:
    with an_hour_ahead():
        world.poll()
        assert read_until() is not None
    assert known_until() > timezone.now()
    assert not read_past([world.mailbox.pk], timezone.now() - timedelta(minutes=5), [])
    before = timezone.now()
    world.poll()
    assert before <= known_until() <= timezone.now()


def test_nor_where_the_next_poll_fails(world: World) -> None:
    """When the clock is there again, what it said then must not seem to be true."""
    with an_hour_ahead():
        world.poll()
    world.sandbox.faults.set("throttled", retry_after="30")
    world.poll()
    assert Mailbox.objects.get().trouble and read_until() is None


@pytest.mark.parametrize("longer", [False, True])
def test_nor_where_it_was_set_back_in_the_middle_of_a_sync(
    world: World, arrivals: Arrivals, longer: bool
) -> None:
    small_pages()
    arrivals.bring(5)
    with an_hour_ahead():
        world.poll()
    if longer:
        world.poll()
        with an_hour_ahead():  # the time that the first page said is over by now
            poll_until_complete(world, arrivals)
    else:
        poll_until_complete(world, arrivals)
    assert read_until() is None
    before = timezone.now()
    world.poll()
    assert before <= known_until() <= timezone.now()


def test_nor_where_it_was_set_back_while_mails_were_fetched(
    world: World, arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrivals.bring()
    travelled = an_hour_ahead()
    travelled.__enter__()
    Mailbox.objects.update(next_poll=timezone.now() - timedelta(seconds=1))
    before_fetching(monkeypatch, lambda: travelled.__exit__(None, None, None))
    assert entry.receive(world.mailbox.pk)
    assert read_until() is None


def test_a_clock_that_is_set_forward_and_right_again_does_not_stop_it(
    world: World, arrivals: Arrivals
) -> None:
    for _ in range(3):
        with an_hour_ahead():
            world.poll()
        world.poll()
    assert timezone.now() - timedelta(minutes=1) < known_until() <= timezone.now()


# --- whether a moment is behind it ------------------------------------------------------------------------

LONG = timedelta(minutes=30)


def code_hashes(request: Request) -> list[str]:
    asks = Ask.objects.filter(lines__assignment__visit__request=request)
    return list(asks.values_list("code_hash", flat=True))


def came(world: World, mail: Mail, ago: timedelta) -> None:
    """As if the server had received it then."""
    world.sandbox.item("approvals", mail.id).received = timezone.now() - ago


def is_read(world: World, request: Request, ago: timedelta = timedelta(minutes=5)) -> bool:
    """Whether a deadline so long ago may end what this request asks."""
    instant, codes = timezone.now() - ago, code_hashes(request)
    holds = read_past([world.mailbox.pk], instant, codes)
    assert [box.pk for box in not_read_past([world.mailbox.pk], instant, codes)] == (
        [] if holds else [world.mailbox.pk]
    )
    return holds


def test_an_answer_that_came_in_time_is_waited_for(world: World) -> None:
    request, asked = world.asked()
    assert not is_read(world, request)  # never looked into
    world.poll()
    assert is_read(world, request)
    assert not is_read(world, request, timedelta(minutes=1))  # clocks differ, and mail takes a while
    world.sandbox.reply_as("bob", asked.id, "approve")
    (reply,) = world.sandbox.mails("approvals")
    came(world, reply, LONG)
    world.poll()
    assert IncomingMail.objects.get().state == "kept" and not is_read(world, request)
    assert is_read(world, request, 2 * LONG)  # too late for that one
    world.take_in()
    assert world.decisions() == [("Bob", "approve")] and is_read(world, request)
    assert IncomingMail.objects.get().receipt_time < timezone.now() - timedelta(minutes=29)


@pytest.fixture
def firewall(world: World) -> Iterator[Firewall]:
    firewall = Firewall(world.sandbox.url)
    with running(firewall) as url:
        mailbox = Mailbox.objects.get()
        mailbox.settings["server_address"] = url
        mailbox.save(update_fields=["settings"])
        yield firewall
        close_connections()


def test_a_mail_that_the_server_does_not_give_may_be_any_answer(world: World, firewall: Firewall) -> None:
    request, _ = world.asked()
    mail = world.sandbox.place("approvals", letter("bob@contoso.example", to=BOX, subject="Something else"))
    came(world, mail, LONG)
    firewall.dislikes = {world.id_of(mail)}
    for _ in range(3):
        world.poll()
    row = IncomingMail.objects.get()
    assert row.facts["unread"] and read_until() is not None and not is_read(world, request)
    for _ in range(entry.MOST_TRIES):
        world.take_in()
    row.refresh_from_db()
    assert row.state == "set_aside" and not is_read(world, request)
    assert is_read(world, request, 2 * LONG)
    IncomingMail.objects.update(looked_at=timezone.now())  # an administrator saw what it is
    assert is_read(world, request)


def test_a_mail_that_is_given_after_all_is_known_by_what_it_says(world: World, firewall: Firewall) -> None:
    request, _ = world.asked()
    raw = b"From: bob@contoso.example\r\nSubject: deep\r\n" + DEEP
    mail = world.sandbox.place("approvals", raw)
    came(world, mail, LONG)
    firewall.dislikes = {world.id_of(mail)}
    for _ in range(3):
        world.poll()
    IncomingMail.objects.update(received_at=None)
    for _ in range(entry.MOST_TRIES):
        world.take_in()
    assert not is_read(world, request)
    firewall.dislikes = set()
    assert entry.handle_again(IncomingMail.objects.get().pk)
    assert not is_read(world, request)
    world.take_in()
    row = IncomingMail.objects.get()
    assert row.state == "set_aside" and row.received_at is not None and is_read(world, request)


def test_a_mail_set_aside_is_waited_for_by_what_its_code_is_of(world: World) -> None:
    mine, asked = world.asked(item="Desk")
    other, _ = world.asked(item="Chair")
    raw = answer(asked, "bob@contoso.example").partition(b"MIME-Version")[0] + DEEP
    came(world, world.sandbox.place("approvals", raw), LONG)
    world.poll()
    assert not is_read(world, mine) and not is_read(world, other)  # it may be an answer to either
    world.take_in()
    assert IncomingMail.objects.get().state == "set_aside"
    assert not is_read(world, mine) and is_read(world, other)
    assert entry.handle_again(IncomingMail.objects.get().pk)
    assert not is_read(world, other)
    world.take_in()
    assert not is_read(world, mine) and is_read(world, other)
    IncomingMail.objects.update(looked_at=timezone.now())
    assert is_read(world, mine)


@pytest.mark.parametrize("subject", ["RE: Desk [#{}]", "=?utf-8?q?RE=3A_Desk_=5B=23{}=5D?=", "Desk"])
def test_nobody_need_be_able_to_read_it(world: World, monkeypatch: pytest.MonkeyPatch, subject: str) -> None:
    """A mail that Placet fails at is known by its bytes, each part of it that a code may stand in."""
    request, asked = world.asked()
    code = asked.subject.partition("[#")[2].rstrip("]")
    head = letter("bob@contoso.example", to=BOX, subject=subject.format(code), text="approve")
    text = b"" if "{}" in subject else f"see =\r\n#{code[:7]}=\r\n{code[7:]}\r\n".encode()
    came(world, world.sandbox.place("approvals", head + text), LONG)

    def crashes(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(entry, "parse", crashes)
    world.poll()
    for _ in range(entry.MOST_TRIES):
        world.take_in()
    assert IncomingMail.objects.get().state == "set_aside" and SetAsideCode.objects.count() == 1
    assert not is_read(world, request)
