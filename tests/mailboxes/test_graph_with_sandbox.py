"""The whole conversation with the local Exchange Online through Microsoft Graph; the check is in test_preflight.py."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from placet.mailboxes.base import (
    Action,
    Connection,
    FixNeeded,
    Folder,
    MailboxError,
    Page,
    Refused,
    Wait,
)
from placet.mailboxes.microsoft.graph.client import AT_ONCE
from placet.mailboxes.microsoft.graph.connection import GraphConnection
from placet.replies.parse import Kind, OwnMail, parse
from placet.sandbox.server import Sandbox
from tests.mailboxes.sandboxed import BOX, LONG_AGO, everything, opened, received, written
from tests.mailboxes.stub import mark_one

mail = partial(written, text="Please decide.\nk7f2-abcd\n")


@pytest.fixture
def connection(sandbox: Sandbox) -> Iterator[GraphConnection]:
    found = opened(sandbox, "graph")
    assert isinstance(found, GraphConnection)
    yield found
    found.close()


def graph_requests(sandbox: Sandbox) -> int:
    return sandbox.counters["graph_requests"]


def test_a_reply_is_received_with_the_mark_of_a_colleague(
    sandbox: Sandbox, connection: GraphConnection
) -> None:
    sandbox.send_as("ann", to=BOX, subject="RE: Ask", text="Yes\n")
    [entry] = received(connection, everything(connection)[0])
    assert b"Yes" in entry.raw
    assert "X-MS-Exchange-Organization-AuthAs: Internal" in entry.transport_headers
    assert (entry.sender, entry.from_) == ("ann@contoso.example", "ann@contoso.example")
    assert entry.item_class == "IPM.Note"
    assert entry.folder is Folder.INBOX
    assert entry.size > 0
    assert entry.message_id


def test_one_mail_is_the_same_through_both_ways(sandbox: Sandbox, connection: GraphConnection) -> None:
    sandbox.send_as("ann", to=BOX, subject="Approve: Ask", text="Yes\n", voting_response="Approve")
    [by_graph] = received(connection, everything(connection)[0])
    other = opened(sandbox, "ews")
    [by_ews] = received(other, everything(other)[0])
    for name in (
        "raw",
        "transport_headers",
        "item_class",
        "received_at",
        "size",
        "sender",
        "message_id",
        "voting",
    ):
        assert getattr(by_graph, name) == getattr(by_ews, name), name
    assert by_graph.voting == "Approve"
    assert by_graph.server_id != by_ews.server_id


def test_an_idle_poll_costs_two_requests_and_a_mail_two_more(
    sandbox: Sandbox, connection: GraphConnection
) -> None:
    cursor = everything(connection)[1]
    before = graph_requests(sandbox)
    everything(connection, cursor)
    assert graph_requests(sandbox) - before == 2
    for number in range(5):
        sandbox.send_as("ann", to=BOX, subject=f"RE: {number}", text="Yes")
    before = graph_requests(sandbox)
    received(connection, everything(connection, cursor)[0])
    assert graph_requests(sandbox) - before == 2 + 5 * 2


def test_a_handled_mail_moves_once_under_its_lasting_id(
    sandbox: Sandbox, connection: GraphConnection
) -> None:
    sandbox.send_as("ann", to=BOX, subject="RE: Ask", text="Yes")
    [entry], cursor = everything(connection)
    for _ in range(2):
        assert mark_one(connection, entry.server_id, Action.MOVE, "Placet/Processed") == entry.server_id
    [moved] = sandbox.mails("approvals", "Placet/Processed")
    page = connection.changes(cursor, LONG_AGO, 10)
    assert not page.seen
    sandbox.move("approvals", moved.id, "inbox")
    back = connection.changes(page.cursor, LONG_AGO, 10).seen
    assert [mail.server_id for mail in back] == [entry.server_id]


def test_a_mail_that_an_inbox_rule_took_and_gave_back_is_not_lost(
    sandbox: Sandbox, connection: GraphConnection
) -> None:
    cursor = everything(connection)[1]
    sandbox.send_as("ann", to=BOX, subject="RE: Ask", text="Yes")
    [arrived] = sandbox.mails("approvals")
    moved = sandbox.move("approvals", arrived.id, "deleteditems")
    sandbox.move("approvals", moved.id, "inbox")
    assert len(everything(connection, cursor)[0]) == 1


@pytest.mark.parametrize("folder", ["inbox", "junkemail"])
def test_no_mail_is_moved_to_where_mail_is_taken_from(
    sandbox: Sandbox, connection: GraphConnection, folder: str
) -> None:
    sandbox.mailbox("approvals").well_known[folder].name = "Posteingang"
    with pytest.raises(FixNeeded, match="takes mail from the folder “posteingang”"):
        connection.folder_for_moved("posteingang")


def test_workers_that_make_the_same_folder_at_once_find_one(sandbox: Sandbox) -> None:
    errors: list[BaseException] = []
    gate = threading.Barrier(6)

    def work() -> None:
        connection = opened(sandbox, "graph")
        assert isinstance(connection, GraphConnection)
        gate.wait()
        try:
            connection.folder_for_moved("Placet/Processed")
        except MailboxError as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    paths = [folder["path"] for folder in sandbox.folders("approvals") if "Placet" in folder["path"]]
    assert sorted(paths) == ["Placet", "Placet/Processed"]
    assert sandbox.counters["graph_too_concurrent"] == 0


def test_the_servers_limit_of_four_at_once_is_never_met(sandbox: Sandbox) -> None:
    for number in range(6):
        sandbox.send_as("ann", to=BOX, subject=f"RE: {number}", text="Yes")
    sandbox.faults.set("slow", seconds=0.03)
    found: list[int] = []

    def work() -> None:
        connection = opened(sandbox, "graph")
        found.append(len(received(connection, everything(connection)[0])))

    threads = [threading.Thread(target=work) for _ in range(2 * AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [6] * (2 * AT_ONCE)
    assert sandbox.switches.mailbox_concurrency == AT_ONCE
    assert sandbox.counters["graph_too_concurrent"] == 0


# -- sending -------------------------------------------------------------------------------------------------


def test_the_reference_is_found_although_headers_are_lost(
    sandbox: Sandbox, connection: GraphConnection
) -> None:
    sandbox.switches.replace_message_id = True
    now = datetime.now(UTC)
    connection.send(mail("Ask", X_Placet_Reference="0123456789abcdef", Auto_Submitted="auto-generated"), "")
    [arrived] = sandbox.mails("ann")
    assert b"0123456789abcdef" not in arrived.mime
    assert b"Auto-Submitted" not in arrived.mime
    assert not connection.was_sent("<other@contoso.example>", "0123456789abcdef", now)
    assert connection.was_sent(
        "<other@contoso.example>", "k7f2-abcd", now
    )  # in the text, as Placet writes it


@pytest.mark.parametrize("to", [BOX, "approvals+code@contoso.example"])
def test_a_mail_of_ours_that_comes_back_is_known_without_the_header_that_graph_takes(
    sandbox: Sandbox, connection: GraphConnection, to: str
) -> None:
    suppress = {"X_Auto_Response_Suppress": "OOF, AutoReply", "Auto_Submitted": "auto-generated"}
    connection.send(mail(to=to, **suppress), "")
    [entry] = received(connection, everything(connection)[0])
    assert b"auto-submitted" not in entry.raw.lower()
    own = OwnMail(mailbox_address=BOX, message_id_domain="")
    assert parse(entry, own).automatic is Kind.OUR_OWN


def test_a_mail_above_what_graph_takes_is_refused_in_words(
    sandbox: Sandbox, connection: GraphConnection
) -> None:
    with pytest.raises(Refused, match="larger than Microsoft Graph takes"):
        connection.send(mail() + b"x" * 4_000_000, "")
    sandbox.switches.max_message_bytes = 100
    with pytest.raises(Refused, match="larger"):
        connection.send(mail(), "")
    assert not sandbox.mails("ann")


def test_a_foreign_from_stops_the_mailbox(sandbox: Sandbox, connection: GraphConnection) -> None:
    with pytest.raises(FixNeeded, match="this From address"):
        connection.send(mail().replace(b"From: approvals@", b"From: ann@"), "")


# -- faults --------------------------------------------------------------------------------------------------


def test_a_cursor_of_the_other_way_is_a_beginning(sandbox: Sandbox, connection: GraphConnection) -> None:
    sandbox.send_as("ann", to=BOX, subject="One", text="x")
    other = opened(sandbox, "ews")
    _, of_ews = everything(other)
    _, of_graph = everything(connection)
    assert len(connection.changes(of_ews, LONG_AGO, 10).seen) == 1
    assert not connection.changes(of_graph, LONG_AGO, 10).seen


def test_an_expired_token_is_renewed_without_a_word(sandbox: Sandbox, connection: GraphConnection) -> None:
    everything(connection)
    sandbox.expire_tokens()
    everything(connection)
    assert sandbox.counters["tokens"] == 2


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        ("throttled", 3),
        ("unavailable", 3),
        ("busy", 3),
        ("busy_inside", None),
        ("transient", None),
        ("redirected", None),
        ("cut_before", None),
        ("cut_after", None),
        ("half_answer", None),
    ],
)
def test_each_fault_is_waited_for_and_then_all_is_well(
    sandbox: Sandbox, connection: GraphConnection, kind: str, seconds: int | None
) -> None:
    sandbox.send_as("ann", to=BOX, subject="One", text="x")
    seen, cursor = everything(connection)
    sandbox.faults.set(kind, count=1, retry_after="2.5", back_off_ms=2500)
    with pytest.raises(Wait) as caught:
        connection.changes(cursor, LONG_AGO, 10)
    assert caught.value.seconds == seconds
    for _ in range(2):
        sandbox.faults.set(kind, count=1)
        with pytest.raises(Wait):
            list(connection.fetch(seen, 10**6))
    assert len(received(connection, seen)) == 1


def test_a_voting_answer_and_a_report_keep_what_tells_them_apart(
    sandbox: Sandbox, connection: GraphConnection
) -> None:
    sandbox.send_as("ann", to=BOX, subject="Approve: Ask", text="", voting_response="Approve")
    connection.send(mail(to="nobody@contoso.example"), "")
    vote, report = received(connection, everything(connection)[0])
    assert vote.voting == "Approve"
    assert report.item_class.startswith("REPORT.")


def refusal(connection: Connection) -> MailboxError:
    with pytest.raises(MailboxError) as caught:
        connection.changes({}, LONG_AGO, 10)
    assert isinstance(caught.value, FixNeeded)
    return caught.value


def test_each_wrong_setting_is_explained(sandbox: Sandbox) -> None:
    def failing(secret: str = "", **more: object) -> str:
        return refusal(opened(sandbox, "graph", secret, **more)).cause

    assert "secret is wrong" in failing("wrong")
    assert "nobody with the address" in failing(username="nobody@contoso.example")
    sandbox.switches.unlicensed.add(BOX)
    assert "no licence" in failing()
    sandbox.switches.unlicensed.clear()
    sandbox.switches.graph_blocked = True
    assert "A policy" in failing()
    sandbox.switches.graph_blocked = False
    sandbox.switches.graph_roles = set()
    assert "nobody has consented" in failing()
    sandbox.switches.rbac = {"ann@contoso.example"}
    assert "leave this mailbox out" in failing()
    sandbox.switches.rbac = {BOX}
    assert not opened(sandbox, "graph").changes({}, LONG_AGO, 10).seen


def test_without_the_right_to_send_mail_is_read_and_sending_is_explained(sandbox: Sandbox) -> None:
    sandbox.switches.graph_roles = {"Mail.ReadWrite"}
    connection = opened(sandbox, "graph")
    assert not everything(connection)[0]
    with pytest.raises(FixNeeded, match="a permission is missing") as caught:
        connection.send(mail(), "")
    assert caught.value.not_done
    assert "Application Mail.Send" in caught.value.details["command"]


# -- many mails ----------------------------------------------------------------------------------------------


def test_more_than_five_thousand_mails_are_all_found(sandbox: Sandbox, connection: GraphConnection) -> None:
    raw = b"From: ann@contoso.example\r\nTo: approvals@contoso.example\r\nSubject: x\r\n\r\nYes\r\n"
    for _ in range(5_300):
        sandbox.place("approvals", raw)
    seen, cursor = everything(connection, limit=500)
    assert len({entry.server_id for entry in seen}) == 5_300
    before = graph_requests(sandbox)
    assert not everything(connection, cursor)[0]
    assert graph_requests(sandbox) - before == 2


def test_old_mail_costs_nothing(sandbox: Sandbox, connection: GraphConnection) -> None:
    raw = b"From: ann@contoso.example\r\nTo: approvals@contoso.example\r\nSubject: x\r\n\r\nYes\r\n"
    for _ in range(300):
        sandbox.place("approvals", raw)
    before = graph_requests(sandbox)
    page: Page = connection.changes({}, datetime.now(UTC) + timedelta(minutes=1), 10)
    assert (list(page.seen), page.more) == ([], False)
    assert graph_requests(sandbox) - before == 2


# -- ids of the other way ------------------------------------------------------------------------------------


@pytest.mark.parametrize("only_people", [False, True])
def test_what_one_way_knows_is_known_by_the_other(
    sandbox: Sandbox, connection: GraphConnection, only_people: bool
) -> None:
    sandbox.switches.translation_needs_directory = only_people
    for number in range(3):
        sandbox.send_as("ann", to=BOX, subject=f"RE: {number}", text="Yes")
    by_ews = [entry.server_id for entry in everything(opened(sandbox, "ews"))[0]]
    by_graph = [entry.server_id for entry in everything(connection)[0]]
    assert connection.known_as([*by_ews, "AAMkbm90aGVyZQ=="], "ews") == dict(
        zip(by_ews, by_graph, strict=True)
    )
    back = connection.translate(by_graph, "graph", "ews")
    assert back == ({} if only_people else dict(zip(by_graph, by_ews, strict=True)))
