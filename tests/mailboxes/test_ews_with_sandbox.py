"""The whole conversation with the local Exchange Online: token, EWS, folders, sending, the check."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from placet.mailboxes.base import (
    Action,
    Connection,
    Folder,
    MailboxError,
    Received,
    Wait,
)
from placet.sandbox.server import Sandbox
from tests.mailboxes.sandboxed import LONG_AGO, everything, opened, received, written
from tests.mailboxes.stub import mark_one


@pytest.fixture
def connection(sandbox: Sandbox) -> Iterator[Connection]:
    connection = opened(sandbox, "ews")
    yield connection
    connection.close()


def test_a_reply_is_received_with_the_mark_of_a_colleague(sandbox: Sandbox, connection: Connection) -> None:
    sandbox.send_as("ann", to="approvals@contoso.example", subject="RE: Ask", text="Yes\n")
    [entry] = received(connection, everything(connection)[0])
    assert b"Yes" in entry.raw
    assert "X-MS-Exchange-Organization-AuthAs: Internal" in entry.transport_headers
    assert (entry.sender, entry.from_) == ("ann@contoso.example", "ann@contoso.example")
    assert entry.item_class == "IPM.Note"
    assert entry.folder is Folder.INBOX
    assert entry.size > 0


def test_junk_is_looked_at_too(sandbox: Sandbox, connection: Connection) -> None:
    sandbox.add_mailbox("eve@evil.example", outside=True)
    raw = b"From: eve@evil.example\r\nTo: approvals@contoso.example\r\nSubject: x\r\n\r\nYes\r\n"
    sandbox.deliver(raw, junk=True)
    [entry] = received(connection, everything(connection)[0])
    assert entry.folder is Folder.JUNK


def test_pages_are_small_and_lose_nothing(sandbox: Sandbox, connection: Connection) -> None:
    for number in range(7):
        sandbox.send_as("ann", to="approvals@contoso.example", subject=f"Mail {number}", text="x")
    seen, cursor = everything(connection, limit=3)
    assert len({entry.server_id for entry in seen}) == 7
    assert not connection.changes(cursor, LONG_AGO, 3).seen


def test_a_handled_mail_moves_once_and_can_come_back(sandbox: Sandbox, connection: Connection) -> None:
    sandbox.send_as("ann", to="approvals@contoso.example", subject="RE: Ask", text="Yes")
    [entry], cursor = everything(connection)
    for _ in range(2):
        mark_one(connection, entry.server_id, Action.MOVE, "Placet/Processed")
    [moved] = sandbox.mails("approvals", "Placet/Processed")
    assert not connection.changes(cursor, LONG_AGO, 10).seen
    sandbox.move("approvals", moved.id, "inbox")
    page = connection.changes(cursor, LONG_AGO, 10)
    assert [back.server_id != entry.server_id for back in page.seen] == [True]


def test_a_mail_is_marked_read_or_deleted(sandbox: Sandbox, connection: Connection) -> None:
    sandbox.send_as("ann", to="approvals@contoso.example", subject="RE: Ask", text="Yes")
    [entry], _ = everything(connection)
    mark_one(connection, entry.server_id, Action.MARK_READ, "")
    assert sandbox.mails("approvals")[0].is_read
    mark_one(connection, entry.server_id, Action.DELETE, "")
    assert not sandbox.mails("approvals")
    assert len(sandbox.mails("approvals", "deleteditems")) == 1


@pytest.mark.parametrize("replaced", [False, True])
def test_what_was_sent_is_recognised(sandbox: Sandbox, connection: Connection, replaced: bool) -> None:
    sandbox.switches.replace_message_id = replaced
    now = datetime.now(UTC)
    assert not connection.was_sent("<ask-1@contoso.example>", "k7f2-abcd", now)
    connection.send(written(), "k7f2-abcd")
    assert [entry.subject for entry in sandbox.mails("ann")] == ["Ask k7f2-abcd"]
    assert connection.was_sent("<ask-1@contoso.example>", "k7f2-abcd", now)
    assert not connection.was_sent("<ask-2@contoso.example>", "zzzz-zzzz", now)
    assert not connection.was_sent("", "k7f2-abcd", now + timedelta(hours=1))


def test_a_lost_sync_state_repeats_but_does_not_lose(sandbox: Sandbox, connection: Connection) -> None:
    sandbox.send_as("ann", to="approvals@contoso.example", subject="One", text="x")
    seen, cursor = everything(connection)
    sandbox.lose_sync_states()
    page = connection.changes(cursor, LONG_AGO, 10)
    assert page.restarted
    assert page.seen == seen


def test_an_expired_token_is_renewed_without_a_word(sandbox: Sandbox, connection: Connection) -> None:
    everything(connection)
    sandbox.expire_tokens()
    everything(connection)
    assert sandbox.counters["tokens"] == 2


def test_a_voting_answer_and_a_report_keep_what_tells_them_apart(
    sandbox: Sandbox, connection: Connection
) -> None:
    sandbox.send_as(
        "ann", to="approvals@contoso.example", subject="Approve: Ask", text="", voting_response="Approve"
    )
    sandbox.send_as("ann", to="nobody@contoso.example", subject="x", text="x")
    connection.send(written(to="nobody@contoso.example"), "")
    vote, report = received(connection, everything(connection)[0])
    assert vote.voting == "Approve"
    assert report.item_class.startswith("REPORT.")


@pytest.mark.parametrize(
    "kind", ["throttled", "unavailable", "busy", "cut_before", "cut_after", "half_answer"]
)
def test_each_fault_is_waited_for_and_then_all_is_well(
    sandbox: Sandbox, connection: Connection, kind: str
) -> None:
    sandbox.send_as("ann", to="approvals@contoso.example", subject="One", text="x")
    seen, cursor = everything(connection)
    sandbox.faults.set(kind, count=1, retry_after="2.5", back_off_ms=2500)
    with pytest.raises(Wait) as caught:
        connection.changes(cursor, LONG_AGO, 10)
    assert caught.value.seconds == (2.5 if kind in ("throttled", "unavailable", "busy") else None)
    sandbox.faults.set(kind, count=1)
    with pytest.raises(Wait):
        list(connection.fetch(seen, 10**6))
    assert len(received(connection, seen)) == 1


def test_a_send_that_was_cut_off_is_found_in_sent_items(sandbox: Sandbox, connection: Connection) -> None:
    sandbox.faults.set("cut_after", count=1, operations=["CreateItem"])
    now = datetime.now(UTC)
    with pytest.raises(Wait):
        connection.send(written(), "k7f2-abcd")
    assert connection.was_sent("<ask-1@contoso.example>", "k7f2-abcd", now)


def test_a_large_mail_comes_whole_and_one_above_the_limit_as_headers(
    sandbox: Sandbox, connection: Connection
) -> None:
    body = b"x" * 76 + b"\r\n"
    raw = (
        b"From: ann@contoso.example\r\nTo: approvals@contoso.example\r\nSubject: big\r\n\r\n" + body * 100_000
    )
    sandbox.place("approvals", raw)
    seen, _ = everything(connection)
    [whole] = received(connection, seen)
    assert whole.raw == raw
    [headers] = connection.fetch(seen, 1_000_000)
    assert isinstance(headers, Received)
    assert headers.too_large
    assert b"Subject: big" in headers.raw
    assert len(headers.raw) < 1000


def refusal(connection: Connection) -> MailboxError:
    with pytest.raises(MailboxError) as caught:
        connection.changes({}, LONG_AGO, 10)
    return caught.value


def test_each_wrong_setting_is_explained(sandbox: Sandbox) -> None:
    def failing(secret: str = sandbox.client_secret, **more: object) -> MailboxError:
        return refusal(opened(sandbox, "ews", secret, **more))

    assert "secret is wrong" in failing("wrong").cause
    assert "no Exchange Online mailbox" in failing(username="nobody@contoso.example").cause
    assert "unknown in this directory" in failing(client_id="00000000-1111-2222-3333-444444444444").cause
    assert (
        "does not exist"
        in failing(token_uri=sandbox.token_url.replace(sandbox.tenant_id, "nowhere.example")).cause
    )
    sandbox.switches.ews_blocked = True
    assert "refused EWS" in failing().cause
    sandbox.switches.ews_blocked = False
    sandbox.switches.consented = False
    assert "no permission" in failing().cause
    sandbox.switches.rbac = {"approvals@contoso.example"}
    assert not opened(sandbox, "ews").changes({}, LONG_AGO, 10).seen
