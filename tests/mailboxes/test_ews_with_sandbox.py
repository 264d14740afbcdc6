"""The whole conversation with the local Exchange Online: token, EWS, folders, sending, the check."""

from collections.abc import Iterator

import pytest

from placet.mailboxes.base import (
    Connection,
    Folder,
    MailboxError,
    Wait,
)
from placet.sandbox.server import Sandbox
from tests.mailboxes.sandboxed import LONG_AGO, everything, opened, received, written


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
