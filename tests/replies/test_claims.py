"""Who works on what: rows beside the one in question stay as they are, and none is taken before its time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import Model
from django.utils import timezone

from placet.mail.models import IncomingMail, ServerTask
from placet.mailboxes import polling, pool
from placet.mailboxes.base import FixNeeded, Received, Wait
from placet.mailboxes.memory import MemoryMailbox
from placet.mailboxes.models import Mailbox
from placet.replies import entry
from placet.replies.parse import Mail, OwnMail, parse
from placet.workers import leases
from tests.dying import the_worker_dies
from tests.making import damage, make_mailbox
from tests.replies.test_fetch import SETTINGS

pytestmark = pytest.mark.django_db
LATER = timedelta(days=1)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> MemoryMailbox:
    server = MemoryMailbox()
    monkeypatch.setattr(pool, "connect", lambda mailbox: server.connect())
    return server


@pytest.fixture
def mailbox(server: MemoryMailbox) -> Mailbox:
    mailbox = make_mailbox(**SETTINGS)
    pool.drop(mailbox)  # another test's row may have had the same id
    Mailbox.objects.update(since=timezone.now() - timedelta(days=2))
    return mailbox


def kept(mailbox: Mailbox, name: str, **more: Any) -> IncomingMail:
    raw = (
        f"From: stranger@fabrikam.example\r\nMessage-ID: <{name}@fabrikam.example>\r\n\r\nHello\r\n".encode()
    )
    values: dict[str, Any] = {"server_id": name, "fingerprint": name, "folder": "inbox", "raw": raw}
    strings = dict.fromkeys(("item_class", "sender", "from", "message_id", "voting"), "")
    values["facts"] = {**strings, "size": len(raw), "too_large": False}
    return IncomingMail.objects.create(mailbox=mailbox, **values | more)


def as_stored(row: Model) -> dict[str, Any]:
    return dict(type(row)._default_manager.filter(pk=row.pk).values().get())


# --- mailboxes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"next_poll": datetime(2100, 1, 1, tzinfo=UTC)}, {"active": False}])
def test_a_mailbox_is_not_looked_into_before_its_time_or_when_it_is_off(
    mailbox: Mailbox, server: MemoryMailbox, change: dict[str, Any]
) -> None:
    server.failures["changes"] = [AssertionError("nobody looks")]
    Mailbox.objects.update(**change)
    before = as_stored(mailbox)
    assert not entry.receive(mailbox.pk)
    assert as_stored(mailbox) == before


def test_a_poll_holds_one_mailbox_as_long_as_its_lease_and_then_gives_it_back(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_mailbox("other@contoso.example", **SETTINGS)
    Mailbox.objects.update(next_poll=timezone.now() - LATER)
    before, during = as_stored(other), []
    look = entry._look_into

    def looking(*given: Any) -> Any:
        during.append(as_stored(mailbox))
        return look(*given)

    monkeypatch.setattr(entry, "_look_into", looking)
    began = timezone.now()
    assert entry.receive(mailbox.pk)
    assert began + polling.LEASED.length <= during[0]["next_poll"] <= timezone.now() + polling.LEASED.length
    assert len(during[0]["claim"]) == 32
    after = as_stored(mailbox)
    assert after["claim"] == ""
    assert began <= after["last_poll_at"] <= timezone.now()
    assert after["next_poll"] > timezone.now() + timedelta(seconds=5)
    assert as_stored(other) == before


def test_a_poll_that_fails_gives_it_back_too_and_the_next_is_soon(
    mailbox: Mailbox, server: MemoryMailbox
) -> None:
    server.failures["changes"] = [Wait("Busy.", "Wait.")]
    Mailbox.objects.update(next_poll=timezone.now())
    with pytest.raises(Wait):
        entry.receive(mailbox.pk)
    after = as_stored(mailbox)
    assert (after["claim"], after["last_poll_at"]) == ("", None)
    assert timezone.now() < after["next_poll"] <= timezone.now() + entry.SHORTEST_PAUSE


def test_where_there_is_more_the_next_look_is_at_once(mailbox: Mailbox, server: MemoryMailbox) -> None:
    settings = {**SETTINGS, "mails_per_poll": 1}
    Mailbox.objects.update(settings=settings, next_poll=timezone.now())
    for number in range(3):
        server.deliver(f"From: a@fabrikam.example\r\nMessage-ID: <{number}@x.example>\r\n\r\nx\r\n".encode())
    assert entry.receive(mailbox.pk)
    assert as_stored(mailbox)["next_poll"] <= timezone.now()


# --- mails ----------------------------------------------------------------------------------------------------


def test_a_claim_is_of_one_mail(mailbox: Mailbox, server: MemoryMailbox) -> None:
    one, other = kept(mailbox, "one"), kept(mailbox, "other")
    before = as_stored(other)
    began = timezone.now()
    reply = entry._claim(one.pk)
    assert reply is not None
    assert reply.claim == as_stored(one)["claim"]
    assert reply.incoming.pk == one.pk
    assert began + entry.LEASED.length <= as_stored(one)["due"] <= timezone.now() + entry.LEASED.length
    assert entry._claim(one.pk) is None  # somebody has it
    entry.mine(reply)
    assert {"state": "handled", "claim": "", "tries": 1}.items() <= as_stored(one).items()
    assert began <= as_stored(one)["handled_at"] <= timezone.now()
    assert as_stored(other) == before


def test_settings_that_do_not_hold_give_the_mail_back(mailbox: Mailbox, server: MemoryMailbox) -> None:
    one, other = kept(mailbox, "one"), kept(mailbox, "other")
    before = as_stored(other)
    Mailbox.objects.update(settings={**SETTINGS, "poll_seconds": "often"})
    with pytest.raises(FixNeeded):
        entry.take_in(one.pk)
    assert {"state": "kept", "claim": "", "tries": 0}.items() <= as_stored(one).items()
    assert as_stored(one)["due"] > timezone.now()
    assert as_stored(mailbox)["trouble"]
    assert as_stored(other) == before


def test_what_died_in_every_try_is_set_aside_unread(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ended the process might do it again. The last try that is left is still made."""
    dead, alive = (
        kept(mailbox, "one", tries=entry.MOST_TRIES),
        kept(mailbox, "two", tries=entry.MOST_TRIES - 1),
    )
    read: list[bytes] = []

    def reading(received: Received, own: OwnMail) -> Mail:
        read.append(received.raw)
        return parse(received, own)

    monkeypatch.setattr(entry, "parse", reading)
    assert entry.take_in(dead.pk)
    assert (as_stored(dead)["state"], read) == ("set_aside", [])
    assert as_stored(dead)["reason"] == "Placet stopped several times while it handled this mail."
    assert entry.take_in(alive.pk)
    assert (as_stored(alive)["state"], len(read)) == ("handled", 1)


def test_a_stranger_is_put_aside_alone_and_whole(mailbox: Mailbox, server: MemoryMailbox) -> None:
    one, other = kept(mailbox, "one"), kept(mailbox, "other", claim="somebody", due=timezone.now() + LATER)
    before = as_stored(other)
    reply = entry._claim(one.pk)
    assert reply is not None
    entry.set_aside(reply, "A reason.")
    after = as_stored(one)
    assert {
        "state": "set_aside",
        "claim": "",
        "result": "set_aside",
        "reason": "A reason.",
    }.items() <= after.items()
    assert ServerTask.objects.get().folder == reply.settings.set_aside_folder
    assert ServerTask.objects.get().incoming_id == one.pk
    assert as_stored(other) == before


# --- an administrator's wish, and a start ---------------------------------------------------------------------

ASIDE = {
    "state": "set_aside",
    "tries": 6,
    "result": "set_aside",
    "reason": "No.",
    "looked_at": datetime(2026, 11, 24, tzinfo=UTC),
}


def test_handling_again_is_of_one_mail_from_the_beginning(mailbox: Mailbox) -> None:
    one, other = (kept(mailbox, name, **ASIDE, due=timezone.now() + LATER) for name in ("one", "other"))
    before = as_stored(other)
    assert entry.handle_again(one.pk)
    now = {"state": "kept", "tries": 0, "result": "", "reason": "", "looked_at": None}
    assert now.items() <= as_stored(one).items()
    assert as_stored(one)["due"] <= timezone.now()
    assert as_stored(other) == before
    assert not entry.handle_again(one.pk)


@pytest.mark.parametrize("state", ["kept", "handled", "duplicate"])
def test_only_what_was_set_aside_is_handled_again(mailbox: Mailbox, state: str) -> None:
    one = kept(mailbox, "one", **{**ASIDE, "state": state})
    before = as_stored(one)
    assert not entry.handle_again(one.pk)
    assert as_stored(one) == before


def test_what_a_dead_worker_held_is_free_and_nothing_else(mailbox: Mailbox) -> None:
    held = {"claim": leases.new_claim(), "due": timezone.now() + LATER}
    claimed = kept(mailbox, "one", **held)
    others = [
        kept(mailbox, "two", due=timezone.now() + LATER),
        kept(mailbox, "three", **held, state="set_aside"),
        kept(mailbox, "four", **{**held, "claim": "of-somebody-else"}),
    ]
    free = make_mailbox("free@contoso.example", **SETTINGS)
    Mailbox.objects.update(next_poll=timezone.now() + LATER)
    Mailbox.objects.filter(pk=mailbox.pk).update(claim=leases.new_claim())
    before = [as_stored(row) for row in (*others, free)]
    the_worker_dies()
    assert as_stored(claimed)["claim"] == as_stored(mailbox)["claim"] == ""
    assert as_stored(claimed)["due"] <= timezone.now()
    assert as_stored(mailbox)["next_poll"] <= timezone.now()
    assert [as_stored(row) for row in (*others, free)] == before


# --- whose mail is our own ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("active", "ever", "ours"),
    [(True, True, True), (True, False, True), (False, True, True), (False, False, False)],
)
def test_our_own_senders_are_the_mailboxes_that_ever_sent(
    mailbox: Mailbox, active: bool, ever: bool, ours: bool
) -> None:
    """An address that was entered to try something out must not silence the person who has it."""
    other = make_mailbox("other@contoso.example", reply_to="answers@contoso.example")
    Mailbox.objects.filter(pk=other.pk).update(active=active, active_since=timezone.now() if ever else None)
    own = entry.own_mail(mailbox)
    assert own.mailbox_address == "approvals@contoso.example"
    assert set(own.others) == ({"other@contoso.example", "answers@contoso.example"} if ours else set())


def test_a_mail_that_is_damaged_where_it_lies_is_set_aside(mailbox: Mailbox) -> None:
    """And not put away on the server, which has the only copy."""
    damaged, busy, waiting = (
        kept(mailbox, "damaged"),
        kept(mailbox, "busy", due=timezone.now() + LATER, claim="another's"),
        kept(mailbox, "waiting"),
    )
    for row in (damaged, busy):
        damage(row)
    before = IncomingMail.objects.filter(pk=busy.pk).defer("raw").values("state", "due", "claim").get()
    assert entry.take_in(damaged.pk)
    assert as_stored(waiting)["state"] == "kept"
    assert not entry.take_in(damaged.pk)
    row = IncomingMail.objects.defer("raw").get(pk=damaged.pk)
    assert (row.state, row.result, row.claim) == ("set_aside", "set_aside", "")
    assert row.reason == "It could not be handled: Damaged." and row.handled_at is not None
    assert not ServerTask.objects.exists()
    assert not entry.take_in(busy.pk)
    assert IncomingMail.objects.filter(pk=busy.pk).values("state", "due", "claim").get() == before
