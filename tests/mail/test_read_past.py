"""Whether a moment is behind what was read of mailboxes: by rows. Journeys: tests/journeys/test_read_until.py."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from placet.mail.models import IncomingMail, OutgoingMail, SetAsideCode
from placet.mail.read_past import ANY_CODE, CLOCKS, SLACK, not_read_past, read_past, remember_codes
from placet.mailboxes.models import Mailbox
from placet.replies import entry
from tests.making import damage, make_mailbox

pytestmark = pytest.mark.django_db
State = IncomingMail.State

MINE, OTHERS = "a" * 64, "b" * 64
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


@pytest.fixture
def mailbox() -> Mailbox:
    mailbox = make_mailbox()
    Mailbox.objects.update(read_until=timezone.now())
    return mailbox


def came(mailbox: Mailbox, **more: Any) -> IncomingMail:
    name = f"mail {IncomingMail.objects.count()}"
    values = {"received_at": timezone.now() - HOUR, "server_id": name, "fingerprint": name, "folder": "inbox"}
    return IncomingMail.objects.create(mailbox=mailbox, raw=b"x", **values | more)


def aside(mailbox: Mailbox, *codes: str, **more: Any) -> IncomingMail:
    mail = came(mailbox, state=State.SET_ASIDE, **more)
    remember_codes(mail, codes)
    return mail


def read(mailbox: Mailbox, **more: Any) -> bool:
    return read_past([mailbox.pk], timezone.now() - HOUR / 2, [MINE], **more)


def test_it_is_asked_of_each_mailbox(mailbox: Mailbox) -> None:
    other, third = make_mailbox("other@contoso.example"), make_mailbox("third@contoso.example")
    instant = timezone.now() - HOUR
    Mailbox.objects.filter(pk=third.pk).update(read_until=instant + SLACK)
    assert read_past([], instant, [])
    assert read_past([mailbox.pk, third.pk], instant, [])
    assert not_read_past([third.pk, other.pk, mailbox.pk], instant, []) == [other]
    Mailbox.objects.filter(pk=third.pk).update(read_until=instant + SLACK - SECOND)
    assert not_read_past([third.pk, other.pk, mailbox.pk], instant, []) == [other, third]
    came(mailbox, received_at=instant)
    assert not_read_past([other.pk, mailbox.pk], instant, []) == [mailbox, other]
    assert not read_past([mailbox.pk], instant, [])


@pytest.mark.parametrize(
    "changes",
    [{}, {"claim": "x" * 32}, {"received_at": None}, {"facts": {"unread": True}, "tries": 3}],
    ids=str,
)
def test_a_mail_that_waits_may_be_an_answer(mailbox: Mailbox, changes: dict[str, Any]) -> None:
    mail = came(mailbox, **changes)
    assert not read(mailbox)
    for state in (State.HANDLED, State.DUPLICATE):
        IncomingMail.objects.filter(pk=mail.pk).update(state=state)
        assert read(mailbox)


def test_one_that_came_later_or_elsewhere_is_none(mailbox: Mailbox) -> None:
    came(mailbox, received_at=timezone.now() - HOUR / 4)
    came(make_mailbox("other@contoso.example"))
    assert read(mailbox)


def test_a_mail_that_was_set_aside_may_be_an_answer_to_what_its_codes_are_of(mailbox: Mailbox) -> None:
    aside(mailbox)
    aside(mailbox, OTHERS)
    aside(mailbox, MINE, received_at=timezone.now() - HOUR / 4)
    aside(make_mailbox("other@contoso.example"), MINE)
    assert read(mailbox)
    mail = aside(mailbox, OTHERS, MINE)
    assert not read(mailbox)
    IncomingMail.objects.filter(pk=mail.pk).update(received_at=None)
    assert not read(mailbox)
    IncomingMail.objects.filter(pk=mail.pk).update(looked_at=timezone.now())
    assert read(mailbox)
    IncomingMail.objects.filter(pk=mail.pk).update(looked_at=None, state=State.HANDLED)
    assert read(mailbox)


def test_what_was_set_aside_long_before_anybody_was_asked_is_no_answer(mailbox: Mailbox) -> None:
    mail = aside(mailbox, ANY_CODE)
    assert not read(mailbox)
    assert not read(mailbox, asked_at=mail.receipt_time + CLOCKS)
    assert read(mailbox, asked_at=mail.receipt_time + CLOCKS + SECOND)
    IncomingMail.objects.update(received_at=None)
    assert not read(mailbox, asked_at=timezone.now())


def test_what_is_known_of_its_codes_is_what_the_last_try_found(mailbox: Mailbox) -> None:
    mail = aside(mailbox, ANY_CODE)
    for _ in range(2):
        remember_codes(mail, [OTHERS])
    assert read(mailbox) and SetAsideCode.objects.get().code_hash == OTHERS


def test_a_mail_that_is_damaged_in_the_database_may_be_any_answer(mailbox: Mailbox) -> None:
    mail = came(mailbox)
    damage(mail)
    assert entry.take_in(mail.pk)
    assert IncomingMail.objects.defer("raw").get().state == State.SET_ASIDE and not read(mailbox)


def asked(mailbox: Mailbox, **more: Any) -> OutgoingMail:
    number = OutgoingMail.objects.count()
    values = {"created_at": timezone.now() - HOUR, "words": b"x", "cause": f"ask:{number}"}
    names = {"reference": f"r{number}", "message_id": f"<r{number}@contoso.example>"}
    return OutgoingMail.objects.create(mailbox=mailbox, kind="ask", raw=b"x", **names, **values | more)


def test_a_question_that_cannot_go_out_while_the_mailbox_is_read_cannot_be_answered_in_time(
    mailbox: Mailbox,
) -> None:
    Mailbox.objects.update(sending_kind="smtp", sending_failures=1)
    question = asked(mailbox)
    assert not read(mailbox)
    for state in (OutgoingMail.State.SENT, OutgoingMail.State.FAILED, OutgoingMail.State.UNSURE):
        OutgoingMail.objects.filter(pk=question.pk).update(state=state)
        assert read(mailbox)
    OutgoingMail.objects.update(state=OutgoingMail.State.SENDING)
    assert not read(mailbox)
    Mailbox.objects.update(sending_failures=0)  # it goes out within moments, as everywhere
    assert read(mailbox)


def test_other_mails_that_cannot_go_out_hold_nothing_up(mailbox: Mailbox) -> None:
    Mailbox.objects.update(sending_kind="smtp", sending_failures=1)
    asked(mailbox, created_at=timezone.now())  # later than the moment in question
    asked(mailbox, words=None)  # nobody answers it
    asked(make_mailbox("other@contoso.example"))
    assert read(mailbox)


def test_when_a_mail_was_received_is_what_the_server_says(mailbox: Mailbox) -> None:
    mail = came(mailbox)
    assert mail.receipt_time == mail.received_at
    mail.received_at = None
    assert mail.receipt_time == mail.kept_at


def test_nothing_can_be_committed_between_what_it_asks(mailbox: Mailbox) -> None:
    with CaptureQueriesContext(connection) as context:
        read(mailbox)
    assert len(context) == 1


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans by how many rows there are")
def test_it_looks_at_what_waits_and_at_what_has_a_code_and_at_nothing_else(mailbox: Mailbox) -> None:
    with CaptureQueriesContext(connection) as context:
        read(mailbox)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {context[0]['sql']}")
        steps = [row[3] for row in cursor.fetchall()]
    searched = [step for step in steps if step.startswith(("SCAN", "SEARCH"))]
    assert [step.partition(" USING ")[2] for step in searched] == [
        "INTEGER PRIMARY KEY (rowid=?)",  # the mailbox
        "INDEX incoming_overdue (mailbox_id=?)",  # of those that wait
        "INDEX outgoing_overdue (mailbox_id=? AND state=?)",  # of those that are to go out
        "COVERING INDEX sqlite_autoindex_mail_setasidecode_1 (code_hash=?)",
        "INTEGER PRIMARY KEY (rowid=?)",  # the mail that has it
    ]
