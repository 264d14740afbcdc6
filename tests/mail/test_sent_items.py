"""By which Message-ID and from which address a mail went out: looked for after the send, apart from it, a bounded
number of times."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from placet.mail import outbox, sent_items
from placet.mail.models import OutgoingMail
from placet.mailboxes.base import MailError, SentCopy, SentMail, Wait
from placet.mailboxes.memory import MemoryConnection, MemoryMailbox
from placet.mailboxes.models import Mailbox
from tests.making import make_mailbox

pytestmark = pytest.mark.django_db


def sent(mailbox: Mailbox, number: int = 1, reply_to: str = "approvals+x@example.com") -> OutgoingMail:
    """A mail that went out."""
    mail = written(mailbox, number, reply_to)
    outbox.work(mail.pk)
    mail.refresh_from_db()
    assert mail.state == OutgoingMail.State.SENT
    return mail


def written(mailbox: Mailbox, number: int = 1, reply_to: str = "approvals+x@example.com") -> OutgoingMail:
    with transaction.atomic():
        return outbox.queue(
            mailbox,
            kind="ask",
            to=f"bob{number}@example.com",
            cause=f"ask:{number}",
            subject=f"Please decide: Desk {number}",
            text="Please decide.",
            html="<p>Please decide.</p>",
            priority=OutgoingMail.Priority.ASK,
            reference=outbox.new_reference(),
            reply_to=reply_to,
        )


def due_now() -> None:
    OutgoingMail.objects.filter(lookup_due__isnull=False).update(lookup_due=timezone.now())


def looked(mailbox: Mailbox) -> bool:
    due_now()
    assert sent_items.due(10) == [mailbox.pk]
    return sent_items.work(mailbox.pk)


def test_the_id_that_the_server_gave_is_kept_beside_ours(mailbox: Mailbox, server: MemoryMailbox) -> None:
    server.replaces_ids = True
    mail = sent(mailbox)
    assert looked(mailbox)
    mail.refresh_from_db()
    assert mail.server_message_id == server.sent[0].message_id
    assert mail.message_ids == (mail.message_id, mail.server_message_id)
    assert mail.lookup_due is None
    assert sent_items.due(10) == []


def test_where_the_server_kept_ours_nothing_is_kept_and_nobody_looks_again(
    mailbox: Mailbox, server: MemoryMailbox
) -> None:
    mail = sent(mailbox)
    assert looked(mailbox)
    mail.refresh_from_db()
    assert (mail.server_message_id, mail.lookup_due) == ("", None)
    assert mail.message_ids == (mail.message_id,)


def test_one_look_answers_for_all_mails_of_a_mailbox(mailbox: Mailbox, server: MemoryMailbox) -> None:
    server.replaces_ids = True
    for number in range(5):
        sent(mailbox, number)
    OutgoingMail.objects.filter(cause="ask:0").update(lookup_due=timezone.now())
    server.failures["copies_of_sent"] = []
    assert sent_items.work(mailbox.pk)
    assert not OutgoingMail.objects.filter(server_message_id="").exists()
    assert not sent_items.waiting().exists()


def test_a_mail_that_nobody_answers_is_not_looked_for(mailbox: Mailbox, server: MemoryMailbox) -> None:
    assert sent(mailbox, reply_to="").lookup_due is None
    assert sent_items.due(10) == []


def test_nobody_looks_before_the_copy_can_be_there(mailbox: Mailbox, server: MemoryMailbox) -> None:
    mail = sent(mailbox)
    assert mail.lookup_due is not None and mail.lookup_due > timezone.now()
    assert sent_items.due(10) == []
    assert not sent_items.work(mailbox.pk)


def test_a_copy_that_never_comes_is_given_up_with_growing_pauses(
    mailbox: Mailbox, server: MemoryMailbox
) -> None:
    mail = sent(mailbox)
    server.sent.clear()
    pauses = []
    with time_machine.travel(timezone.now(), tick=False):
        for _ in range(sent_items.MOST_LOOKUPS):
            assert looked(mailbox)
            mail.refresh_from_db()
            pauses.append(mail.lookup_due and mail.lookup_due - timezone.now())
    assert pauses.pop() is None
    whole = [pause for pause in pauses if pause]
    assert len(whole) == len(pauses)
    assert whole == [sent_items.FIRST_PAUSE * 2**looks for looks in range(1, sent_items.MOST_LOOKUPS)]
    assert mail.state == OutgoingMail.State.SENT
    assert server.sent == [], "a look sends nothing"


def test_trouble_of_the_mailbox_uses_up_no_look(mailbox: Mailbox, server: MemoryMailbox) -> None:
    server.replaces_ids = True
    mail = sent(mailbox)
    server.failures["copies_of_sent"] = [Wait("The server is busy.", "Placet tries again by itself.")]
    with time_machine.travel(timezone.now(), tick=False):
        with pytest.raises(Wait):
            looked(mailbox)
        mail.refresh_from_db()
        assert (mail.lookups, mail.lookup_due) == (0, timezone.now() + sent_items.FIRST_PAUSE)
    Mailbox.objects.update(paused_until=None)
    assert looked(mailbox)
    mail.refresh_from_db()
    assert mail.server_message_id


def test_a_list_that_cannot_be_read_is_one_look(mailbox: Mailbox, server: MemoryMailbox) -> None:
    mail = sent(mailbox)
    server.failures["copies_of_sent"] = [MailError("No.", "ErrorX")]
    assert looked(mailbox)
    mail.refresh_from_db()
    assert mail.lookups == 1
    assert mail.lookup_due is not None


def test_a_paused_mailbox_is_left_alone(mailbox: Mailbox, server: MemoryMailbox) -> None:
    sent(mailbox)
    due_now()
    Mailbox.objects.update(paused_until=timezone.now() + timedelta(minutes=1))
    assert sent_items.due(10) == []
    Mailbox.objects.update(paused_until=timezone.now())
    assert sent_items.due(10) == [mailbox.pk]
    Mailbox.objects.update(active=False)
    assert sent_items.due(10) == []


@pytest.mark.parametrize("state", ["waiting", "sending", "failed"])
def test_what_did_not_go_out_is_not_looked_for(mailbox: Mailbox, server: MemoryMailbox, state: str) -> None:
    mail = written(mailbox)
    OutgoingMail.objects.update(state=state, lookup_due=timezone.now())
    assert sent_items.due(10) == []
    assert not sent_items.work(mailbox.pk)
    mail.refresh_from_db()
    assert mail.lookups == 0


def test_each_mailbox_is_looked_into_by_itself(mailbox: Mailbox, server: MemoryMailbox) -> None:
    other = make_mailbox("other@contoso.example")
    mine, theirs = [sent(mailbox, 1), sent(mailbox, 2)], sent(other, 3)
    server.sent.clear()
    due_now()
    assert sorted(sent_items.due(10)) == sorted([mailbox.pk, other.pk])
    assert len(sent_items.due(1)) == 1
    before = as_stored(theirs)
    assert sent_items.work(mailbox.pk)
    assert as_stored(theirs) == before
    assert [as_stored(mail)["lookups"] for mail in mine] == [1, 1]
    assert sent_items.due(10) == [other.pk]


def as_stored(mail: OutgoingMail) -> dict[str, Any]:
    return dict(OutgoingMail.objects.filter(pk=mail.pk).values().get())


def test_while_one_looks_its_lease_runs(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail, began = sent(mailbox), timezone.now()
    during: list[dict[str, Any]] = []

    def looking(*_given: object) -> dict[str, SentCopy]:
        during.append(as_stored(mail))
        assert sent_items.due(10) == []
        assert not sent_items.work(mailbox.pk), "another worker"
        return {}

    monkeypatch.setattr(MemoryConnection, "copies_of_sent", looking)
    assert looked(mailbox)
    (claimed,) = during
    assert began + sent_items.LEASE <= claimed["lookup_due"] <= timezone.now() + sent_items.LEASE
    assert claimed["lookups"] == 1


def test_the_list_reaches_back_to_when_the_first_of_them_was_sent(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails = [sent(mailbox, number) for number in range(3)]
    begun = [timezone.now() - timedelta(hours=hours) for hours in (2, 3, 1)]
    for mail, moment in zip(mails, begun, strict=True):
        OutgoingMail.objects.filter(pk=mail.pk).update(started_at=moment)
    asked: list[object] = []

    def listen(_self: object, wanted: object, since: object) -> dict[str, SentCopy]:
        asked.extend([wanted, since])
        return {}

    monkeypatch.setattr(MemoryConnection, "copies_of_sent", listen)
    assert looked(mailbox)
    assert asked == [
        [SentMail(mail.reference, mail.message_id, mail.subject) for mail in reversed(mails)],
        min(begun),
    ]


@pytest.mark.parametrize(("length", "kept"), [(400, True), (401, False)])
def test_an_id_that_is_too_long_to_be_one_is_not_kept(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch, length: int, kept: bool
) -> None:
    mail = sent(mailbox)
    copies = {mail.reference: SentCopy("x" * length, mailbox.address)}
    monkeypatch.setattr(MemoryConnection, "copies_of_sent", lambda *_: copies)
    assert looked(mailbox)
    mail.refresh_from_db()
    assert (mail.server_message_id, mail.lookup_due) == ("x" * length if kept else "", None)


# --- more than one list answers for ---------------------------------------------------------------------------


def test_only_what_was_looked_at_is_counted(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent_items, "MOST", 3)
    mails = [sent(mailbox, number) for number in range(5)]
    server.sent.clear()
    due_now()
    assert sent_items.work(mailbox.pk)
    lookups = OutgoingMail.objects.order_by("pk").values_list("lookups", flat=True)
    assert list(lookups) == [0, 0, 1, 1, 1], "the newest ones first"
    assert sent_items.work(mailbox.pk)
    assert list(lookups.all()) == [1] * len(mails)
    assert not sent_items.work(mailbox.pk)


@pytest.mark.parametrize("error", [Wait("The server is busy.", "Placet tries again by itself."), None])
def test_every_one_of_many_is_looked_for_as_often(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch, error: Wait | None
) -> None:
    """The work loop ends: each look counts for some, and what is counted out is given up."""
    monkeypatch.setattr(sent_items, "MOST", 3)
    for number in range(8):
        sent(mailbox, number)
    server.sent.clear()
    looks = 0
    if error is not None:
        server.failures["copies_of_sent"] = [error]
        due_now()
        with pytest.raises(Wait):
            sent_items.work(mailbox.pk)
        Mailbox.objects.update(paused_until=None)
        assert not OutgoingMail.objects.filter(lookups__gt=0).exists()
    while sent_items.waiting().exists():
        due_now()
        assert sent_items.due(10) == [mailbox.pk]
        assert sent_items.work(mailbox.pk)
        looks += 1
    counts = set(OutgoingMail.objects.values_list("lookups", flat=True))
    assert counts == {sent_items.MOST_LOOKUPS}
    assert looks == sent_items.MOST_LOOKUPS * 3, "three lists of at most three each time"


def test_looks_that_never_come_back_are_counted_as_well(mailbox: Mailbox, server: MemoryMailbox) -> None:
    sent(mailbox)
    server.failures["copies_of_sent"] = [RuntimeError("A defect.")] * 10
    for _ in range(sent_items.MOST_LOOKUPS):
        with pytest.raises(RuntimeError):
            looked(mailbox)
    assert not looked(mailbox)
    assert not sent_items.waiting().exists()


def test_those_that_wait_for_a_later_look_do_not_put_back_the_ones_that_are_due(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent_items, "MOST", 2)
    old, *newer = [sent(mailbox, number) for number in range(4)]
    asked: list[set[str]] = []
    copies_of_sent = MemoryConnection.copies_of_sent

    def listen(self, wanted, since):  # type: ignore[no-untyped-def]
        asked.append({mail.reference for mail in wanted})
        return copies_of_sent(self, wanted, since)

    monkeypatch.setattr(MemoryConnection, "copies_of_sent", listen)
    OutgoingMail.objects.filter(pk=old.pk).update(lookup_due=timezone.now())
    assert sent_items.work(mailbox.pk)
    assert asked == [{old.reference, newer[-1].reference}]
    assert set(sent_items.waiting()) == set(newer[:-1])


def test_what_went_out_since_the_first_of_them_is_in_the_same_list_once(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is older and waits for a later look is not: the list need not reach back so far."""
    _older, due, later, also_due = (sent(mailbox, number) for number in range(4))
    asked: list[str] = []

    def listen(_self: object, wanted: list[SentMail], _since: object) -> dict[str, SentCopy]:
        asked.extend(mail.reference for mail in wanted)
        return {}

    monkeypatch.setattr(MemoryConnection, "copies_of_sent", listen)
    OutgoingMail.objects.filter(pk__in=[due.pk, also_due.pk]).update(lookup_due=timezone.now())
    assert sent_items.work(mailbox.pk)
    assert asked == [also_due.reference, due.reference, later.reference]
    assert as_stored(later)["lookups"] == 0


# --- the address ----------------------------------------------------------------------------------------------


def test_the_address_that_the_server_gave_is_kept(mailbox: Mailbox, server: MemoryMailbox) -> None:
    server.sends_as = "Requests@Contoso.example"
    mail = sent(mailbox)
    assert looked(mailbox)
    mail.refresh_from_db()
    assert mail.server_address == "requests@contoso.example"
    assert mail.server_message_id == ""


@pytest.mark.parametrize(
    "address",
    [
        "",
        "Approvals@Contoso.example",
        "requests",
        "requests@contoso.example, other@contoso.example",
        "requests@contoso.example other@contoso.example",
        "Requests <requests@contoso.example>",
        "requests@con\x00toso.example",
        "requests@contoso.example\nother@contoso.example",
        '"a\x01b"@contoso.example',
        '"a b"@contoso.example',
        "re\u200bquests@contoso.example",
        "bob+approvals@contoso.example",
        f"{'a' * 250}@contoso.example",
        "/o=exchangelabs/ou=exchange administrative group/cn=recipients/cn=requests",
    ],
)
def test_only_another_address_and_one_alone_is_kept(
    mailbox: Mailbox, server: MemoryMailbox, address: str
) -> None:
    server.sends_as = address
    server.replaces_ids = True
    mail = sent(mailbox)
    assert looked(mailbox)
    mail.refresh_from_db()
    assert mail.server_address == ""
    assert mail.server_message_id, "the rest of what was found counts"
