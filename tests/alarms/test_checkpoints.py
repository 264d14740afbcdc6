"""The checkpoint of each day: a row, a line of the log, and a mail to each auditor."""

import email
import email.policy
import json
from datetime import datetime, timedelta

import pytest
import structlog
import time_machine
from django.conf import settings
from django.db import transaction

from placet.alarms import checkpoints, messages
from placet.audit import chain
from placet.audit import checkpoints as record
from placet.audit.checkpoints import compare, read_file
from placet.audit.models import AuditEntry, Checkpoint
from placet.lib.config import Config
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.alarms.conftest import looked_into, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    to = "audit@contoso.example, external@auditor.example"
    monkeypatch.setattr(settings, "PLACET", settings.PLACET.model_copy(update={"auditors": to}))
    return to.split(", ")


def happen(count: int = 1) -> None:
    with transaction.atomic():
        for number in range(count):
            chain.append_of_installation("system", {"event": "x", "number": number})


def day() -> int:
    return run("checkpoint")


def mails() -> list[OutgoingMail]:
    return list(OutgoingMail.objects.filter(kind=checkpoints.KIND).order_by("pk"))


def test_once_a_day_it_is_noted_and_logged(mailbox: Mailbox, clock: time_machine.Traveller) -> None:
    assert day() == 0  # nothing has happened yet
    happen(3)
    with structlog.testing.capture_logs() as lines:
        assert day() == 1
        assert day() == 0
    (line,) = [line for line in lines if line["event"] == "audit_checkpoint"]
    assert line["size"] == 3 and line["checkpoint"] == Checkpoint.objects.get().text
    assert [one.size for one in read_file(json.dumps(line).encode())] == [3]
    assert mails() == []
    clock.shift(timedelta(days=1))
    assert (day(), day()) == (1, 0)
    assert Checkpoint.objects.count() == 2


def test_the_log_is_written_as_it_is_read(mailbox: Mailbox, clock: time_machine.Traveller) -> None:
    """What masks secrets and addresses in the log leaves a checkpoint whole."""
    happen()
    day()
    text = Checkpoint.objects.get().text
    rendered = structlog.processors.JSONRenderer()(
        None, "info", {"event": "audit_checkpoint", "checkpoint": text}
    )
    assert [one.text for one in read_file(str(rendered).encode())] == [text]


def test_each_auditor_gets_a_mail_that_verify_reads(
    mailbox: Mailbox, clock: time_machine.Traveller, auditors: list[str]
) -> None:
    happen(3)
    assert day() == 1
    assert [mail.to for mail in mails()] == auditors
    assert day() == 0
    clock.shift(timedelta(days=1))
    looked_into(mailbox)
    happen()
    assert day() == 1
    assert len(mails()) == 4
    raw = bytes(mails()[-1].raw)
    seen = read_file(raw)
    assert [one.size for one in seen] == [4, 3]  # the last two
    assert list(compare(seen)) == []
    assert "2026-11-27" in mails()[-1].subject
    text = email.message_from_bytes(raw, policy=email.policy.default).get_body(("plain",))
    assert text is not None
    assert len(read_file(text.get_content().encode())) == 2  # saved as text only
    AuditEntry.objects.filter(seq=4).delete()
    assert list(compare(seen))


def test_without_a_mailbox_that_works_the_mail_waits(
    mailbox: Mailbox, clock: time_machine.Traveller, auditors: list[str]
) -> None:
    happen()
    Mailbox.objects.update(active=False)
    assert (day(), day()) == (1, 0)
    assert mails() == []
    Mailbox.objects.update(active=True)
    looked_into(mailbox)
    assert (day(), day()) == (1, 0)
    assert len(mails()) == 2


def test_one_mail_that_cannot_be_written_keeps_back_no_other(
    mailbox: Mailbox, clock: time_machine.Traveller, auditors: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    happen()
    queue = messages.queue

    def fails_for_the_first(*given: object, **more: object) -> None:
        if given[2] == (auditors[0], ""):
            raise ValueError("no address")
        queue(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(messages, "queue", fails_for_the_first)
    assert day() == 1
    assert [mail.to for mail in mails()] == auditors[1:]
    monkeypatch.undo()


def test_somebody_who_writes_for_long_makes_it_wait(
    mailbox: Mailbox, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen()

    def busy(_at: object) -> None:
        raise record.Busy

    monkeypatch.setattr(record, "make", busy)
    assert day() == 0
    monkeypatch.undo()
    assert day() == 1


def test_a_worker_that_was_slower_notes_nothing(
    mailbox: Mailbox, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen()
    make = record.make

    def another_is_faster(at: datetime) -> record.Made:
        made = make(at)
        record.keep(made)
        return made

    monkeypatch.setattr(record, "make", another_is_faster)
    with structlog.testing.capture_logs() as lines:
        assert day() == 0
    assert lines == []


@pytest.mark.parametrize("wrong", ["nobody", "a@b, c", "<a@b>", "a@b@c"])
def test_a_wrong_address_of_an_auditor_stops_the_start(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACET_AUDITORS", wrong)
    with pytest.raises(ValueError, match="must be addresses such as"):
        Config()
