"""What goes wrong between a mail that is kept and its effect: the effect is whole or none, and nothing is lost."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from placet.accounts.models import Group
from placet.approvals import engine
from placet.approvals.models import Assignment, Decision, Request
from placet.approvals.processes import publish
from placet.audit.models import AuditEntry
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes.models import Mailbox
from placet.replies import entry, settle, tell
from placet.replies.parse import Mail, parse
from tests.journeys.conftest import World
from tests.making import one_step

pytestmark = pytest.mark.django_db
State = IncomingMail.State

DEEP = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(40))


def kept(world: World, text: str) -> IncomingMail:
    """Bob's reply to a question about a desk: kept, due, and not yet taken in."""
    _, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, text)
    world.poll()
    IncomingMail.objects.update(due=timezone.now() - timedelta(seconds=1))
    return IncomingMail.objects.get()


def effects() -> dict[str, int]:
    return {
        "decisions": Decision.objects.count(),
        "mails": OutgoingMail.objects.exclude(kind="ask").count(),
        "marks": ServerTask.objects.count(),
        "entries": AuditEntry.objects.count(),
    }


# --- claims -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [state for state in State if state != State.KEPT])
def test_only_a_mail_that_waits_is_claimed(world: World, state: str) -> None:
    incoming = kept(world, "approve")
    IncomingMail.objects.update(state=state)
    assert not entry.take_in(incoming.pk)
    incoming.refresh_from_db()
    assert (incoming.state, incoming.claim, incoming.tries) == (state, "", 0)
    assert world.decisions() == []


def test_nor_one_whose_time_has_not_come(world: World) -> None:
    incoming = kept(world, "approve")
    IncomingMail.objects.update(due=timezone.now() + timedelta(minutes=1))
    assert not entry.take_in(incoming.pk)
    assert IncomingMail.objects.get().tries == 0


def test_a_claim_lasts_until_its_lease_ends(world: World) -> None:
    incoming = kept(world, "approve")
    before = timezone.now()
    assert entry._claim(incoming.pk)
    taken = IncomingMail.objects.get()
    assert taken.due >= before + entry.LEASED.length
    assert (taken.state, taken.tries) == (State.KEPT, 1)
    assert len(taken.claim) == 32


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """While a mail is being read, this happens: as another worker does it whose turn it was."""

    def slow(*arguments: Any) -> Mail:
        happens()
        return parse(*arguments)

    monkeypatch.setattr(entry, "parse", slow)


@pytest.mark.parametrize("text", ["approve", "What is it for?"])
@pytest.mark.parametrize("lost", [{"claim": "somebody else's"}, {"state": State.SET_ASIDE}])
def test_whoever_lost_the_claim_commits_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, text: str, lost: dict[str, str]
) -> None:
    """Neither a decision nor a refusal, and the row stays as the other worker has it."""
    incoming = kept(world, text)
    before = effects()
    meanwhile(monkeypatch, lambda: IncomingMail.objects.update(**lost, result="theirs"))
    assert entry.take_in(incoming.pk)
    assert effects() == before
    incoming.refresh_from_db()
    assert incoming.result == "theirs"
    assert incoming.handled_at is None
    assert {name: getattr(incoming, name) for name in lost} == lost
    if "claim" in lost:
        assert incoming.due < timezone.now() + entry.LEASED.length + timedelta(seconds=1)
        assert incoming.due > timezone.now() + entry.LEASED.length - timedelta(
            minutes=1
        )  # their lease, not a pause of ours


def test_a_lost_claim_has_a_name(world: World) -> None:
    incoming = kept(world, "approve")
    reply = entry._claim(incoming.pk)
    assert reply is not None
    IncomingMail.objects.update(claim="somebody else's")
    with pytest.raises(entry.ClaimLost, match="no longer ours"):
        entry.mine(reply)


def test_whoever_lost_the_claim_sets_nothing_aside(world: World) -> None:
    incoming = kept(world, "approve")
    reply = entry._claim(incoming.pk)
    assert reply is not None
    IncomingMail.objects.update(claim="somebody else's")
    entry.set_aside(reply, "I thought it was mine.")
    incoming.refresh_from_db()
    assert (incoming.state, incoming.reason) == (State.KEPT, "")
    assert not ServerTask.objects.exists()


# --- whole or not at all ------------------------------------------------------------------------------------


def crash(*_: object, **__: object) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("text", "where"), [("approve", "applied"), ("What is it for?", "refused"), ("approve", "verdict")]
)
def test_a_crash_after_the_effect_takes_it_back_and_the_next_try_has_it_once(
    world: World, monkeypatch: pytest.MonkeyPatch, text: str, where: str
) -> None:
    incoming = kept(world, text)
    before = effects()
    with monkeypatch.context() as broken:
        broken.setattr(tell, where, crash)
        assert entry.take_in(incoming.pk)
    assert effects() == before
    incoming.refresh_from_db()
    assert (incoming.state, incoming.claim, incoming.tries, incoming.handled_at) == (State.KEPT, "", 1, None)
    assert timezone.now() < incoming.due <= timezone.now() + 2 * entry.FIRST_PAUSE
    world.run_until_quiet()
    assert world.results() == ["decided" if text == "approve" else "unclear"]
    assert len(world.decisions()) == (text == "approve")
    assert ServerTask.objects.count() == 1


def test_what_crashes_each_time_is_set_aside_with_its_reason(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    incoming = kept(world, "approve")
    monkeypatch.setattr(settle, "settle", crash)
    pauses = []
    for number in range(entry.MOST_TRIES):
        incoming.refresh_from_db()
        assert (incoming.state, incoming.tries) == (State.KEPT, number)
        IncomingMail.objects.update(due=timezone.now())
        assert entry.take_in(incoming.pk)
        pauses.append(IncomingMail.objects.get().due - timezone.now())
    for tried, pause in enumerate(pauses[:-1], start=1):  # each twice the one before
        assert abs(pause - entry.FIRST_PAUSE * 2**tried) < timedelta(seconds=5)
    incoming.refresh_from_db()
    assert (incoming.state, incoming.result) == (State.SET_ASIDE, "set_aside")
    assert "ZeroDivisionError" in incoming.reason
    assert incoming.handled_at is not None
    assert world.decisions() == []
    assert ServerTask.objects.get().action == "move"


def test_what_is_set_aside_is_put_where_it_is_looked_for_or_stays_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    incoming = kept(world, "approve")
    reply = entry._claim(incoming.pk)
    assert reply is not None
    with monkeypatch.context() as broken:
        broken.setattr("placet.mail.tasks.move", crash)
        with pytest.raises(ZeroDivisionError):
            entry.set_aside(reply, "A reason.")
    assert IncomingMail.objects.get().state == State.KEPT
    entry.set_aside(reply, "A reason.")
    assert IncomingMail.objects.get().state == State.SET_ASIDE
    world.mark()
    (mail,) = world.sandbox.mails("approvals", reply.settings.set_aside_folder)
    assert world.sandbox.mails("approvals") == []
    assert "Desk" in mail.subject


def test_what_cannot_be_parsed_is_set_aside_in_words_and_stops_nobody(world: World) -> None:
    _, asked = world.asked()
    world.sandbox.place(
        "approvals", b"From: bob@contoso.example\r\nSubject: deep\r\n" + DEEP + b"\r\nApprove\r\n"
    )
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]
    deep = IncomingMail.objects.get(state=State.SET_ASIDE)
    assert deep.result == "set_aside"
    assert "nested more than 20 deep" in deep.reason
    assert deep.tries == 1  # no other try could come to another end
    assert [mail.subject for mail in world.sandbox.mails("approvals", "Placet/Set aside")] == ["deep"]


# --- too late, or too large ---------------------------------------------------------------------------------


def test_an_answer_to_what_was_shown_before_a_change_decides_nothing(world: World) -> None:
    request, asked = world.asked()
    Request.objects.update(data={**request.data, "item": "Two desks"})
    world.sandbox.reply_as("bob", asked.id, "approve")
    world.run_until_quiet()
    assert world.results() == ["changed"]
    assert world.decisions() == []
    assert world.open_for("bob") == 1
    assert "Not applied" in world.newest("bob").subject


def test_who_answers_late_is_told_of_the_answer_that_settled_it(world: World) -> None:
    """Of two that counted, the second one."""
    group = Group.objects.create(key="board", name="Board")
    group.members.add(*(world.people[name] for name in ("bob", "carol", "dave")))
    version = publish(one_step([{"group": "board"}], rule=2))
    engine.start(version, world.people["alice"], {"item": "Desk", "amount": "900"})
    world.send()
    for name in ("bob", "carol"):
        engine.decide(
            Assignment.objects.get(person=world.people[name]).pk,
            by=world.people[name],
            outcome="approve",
            channel=Decision.Channel.PAGE,
        )
    world.sandbox.reply_as("dave", world.newest("dave").id, "reject")
    world.run_until_quiet()
    assert world.results() == ["already_decided"]
    text = world.newest("dave", "Not applied").text
    assert "Carol Carolson approved this on" in text
    assert "Bob" not in text


def test_a_mail_larger_than_is_read_decides_nothing_and_its_sender_is_told(world: World) -> None:
    mailbox = Mailbox.objects.get()
    mailbox.settings["max_size"] = 64 * 1024
    mailbox.save(update_fields=["settings"])
    _, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, "approve\n\n" + "It is a long story.\n" * 5_000)
    world.run_until_quiet()
    assert world.results() == ["too_large"]
    assert world.decisions() == []
    assert world.open_for("bob") == 1
    assert "too large to be read" in world.newest("bob", "Not applied").text
    assert IncomingMail.objects.get().verdict["refusal"].keys() == {"size", "limit"}
