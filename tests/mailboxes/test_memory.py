from datetime import UTC, datetime, timedelta

import pytest

from placet.mailboxes.base import Action, Connection, Folder, Gone, MailError, Received, Refused, Wait
from placet.mailboxes.memory import MemoryMailbox

from .stub import mark_one

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
RAW = b"From: Ann <Ann@Example.com>\r\nMessage-ID: <m1@example.com>\r\nSubject: RE: Ask\r\n\r\nYes\r\n"


def test_a_delivered_mail_is_seen_once_and_fetched_whole() -> None:
    box = MemoryMailbox()
    connection: Connection = box.connect()
    first = box.deliver(RAW)
    box.deliver(
        RAW, folder=Folder.JUNK, item_class="REPORT.IPM.Note.NDR", voting="Approve", sender="", from_="x@y.z"
    )
    page = connection.changes({}, LONG_AGO, 1)
    assert [entry.server_id for entry in page.seen] == [first]
    assert page.more
    rest = connection.changes(page.cursor, LONG_AGO, 10)
    assert [entry.folder for entry in rest.seen] == [Folder.JUNK]
    assert not rest.more
    assert not connection.changes(rest.cursor, LONG_AGO, 10).seen
    one, two = connection.fetch([*page.seen, *rest.seen], 10**6)
    assert isinstance(one, Received)
    assert (one.raw, one.sender, one.message_id) == (RAW, "ann@example.com", "<m1@example.com>")
    assert one.transport_headers.startswith("From: Ann")
    assert isinstance(two, Received)
    assert (two.sender, two.from_, two.item_class, two.voting) == (
        "",
        "x@y.z",
        "REPORT.IPM.Note.NDR",
        "Approve",
    )


def test_old_mail_handled_mail_and_large_mail_are_treated_as_on_a_server() -> None:
    box = MemoryMailbox()
    connection = box.connect()
    now = datetime.now(UTC)
    box.deliver(RAW, received_at=now - timedelta(days=1))
    new = box.deliver(RAW, received_at=now)
    assert [entry.server_id for entry in connection.changes({}, now, 10).seen] == [new]
    seen = connection.changes({}, now, 10).seen
    [large] = connection.fetch(seen, 10)
    assert isinstance(large, Received)
    assert large.too_large
    assert large.raw.endswith(b"\r\n\r\n")
    mark_one(connection, new, Action.MARK_READ, "")
    assert box.read == {new}
    mark_one(connection, new, Action.MOVE, "Placet/Processed")
    mark_one(connection, new, Action.MOVE, "Placet/Processed")
    mark_one(connection, new, Action.DELETE, "")
    assert box.folders == {"Placet/Processed": [new]}
    [(_, error)] = [found for found in connection.fetch(seen, 10**6) if isinstance(found, tuple)]
    assert isinstance(error, Gone)
    again = box.show_again(new)
    assert again != new
    assert box.present(again)


def test_failures_are_told_beforehand() -> None:
    box = MemoryMailbox()
    connection = box.connect()
    mail = box.deliver(RAW)
    box.failures = {"changes": [Wait("Busy.", "Wait.", 3)], "send": [Refused("Too large.")]}
    with pytest.raises(Wait):
        connection.changes({}, LONG_AGO, 10)
    page = connection.changes({}, LONG_AGO, 10)
    with pytest.raises(Refused):
        connection.send(RAW, "code")
    box.broken[mail] = MailError("Corrupt.", "ErrorCorruptData")
    assert [found[1].code for found in connection.fetch(page.seen, 10) if isinstance(found, tuple)] == [
        "ErrorCorruptData"
    ]
    assert [check.ok for check in connection.check()] == [True]
    connection.close()
    assert connection.closed
