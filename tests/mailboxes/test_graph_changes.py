"""What is new in a mailbox, by Microsoft Graph's delta: literal bytes. The whole conversation is in
test_graph_with_sandbox.py."""

import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from placet.mailboxes.base import (
    FixNeeded,
    Folder,
    Seen,
    Wait,
)
from placet.mailboxes.microsoft.graph.client import Graph
from placet.mailboxes.microsoft.graph.connection import MOST_FILTERED, GraphConnection
from placet.mailboxes.oauth import Access

from .graph_stub import AT, LONG_AGO, USER, changed, entry, failing, link_in, query_of, refused, reply
from .stub import (
    MAILBOX,
    Reply,
    Request,
    Stub,
    running_stub,
)

# -- what is new ---------------------------------------------------------------------------------------------


def test_new_mail_of_both_folders_is_found_and_the_links_are_kept(stub: Stub) -> None:
    stub.graph_replies = [
        changed(stub, entry("A1="), entry("A2=", "2026-11-24T09:59:59Z"), link="inbox-1"),
        changed(stub, entry("J1="), link="junk-1"),
    ]
    page = stub.graph_connection().changes({}, AT, 100)
    assert list(page.seen) == [Seen("A1=", Folder.INBOX, AT), Seen("J1=", Folder.JUNK, AT)]
    assert (page.more, page.restarted) == (False, False)
    assert (link_in(page.cursor, "inbox"), link_in(page.cursor, "junk")) == ("inbox-1", "junk-1")
    assert json.loads(json.dumps(page.cursor)) == page.cursor
    assert [request.headers["prefer"][-4:] for request in stub.graph_requests] == ["=100", "e=99"]


def test_an_idle_poll_is_two_requests_with_the_links_as_they_were_given(stub: Stub) -> None:
    stub.graph_replies = [changed(stub, link="a%2Bb"), changed(stub, link="j")]
    connection = stub.graph_connection()
    cursor = connection.changes({}, AT, 10).cursor
    stub.requests.clear()
    stub.graph_replies = [changed(stub, link="a%2Bb")]
    assert not connection.changes(cursor, AT, 10).seen
    assert [request.path for request in stub.graph_requests] == [
        f"{USER}/mailFolders('inbox')/messages/delta?$deltatoken=a%2Bb",
        f"{USER}/mailFolders('inbox')/messages/delta?$deltatoken=j",
    ]


def test_junk_follows_when_the_inbox_is_through(stub: Stub) -> None:
    stub.graph_replies = [changed(stub, entry("A1="), link="n1", last=False)]
    page = stub.graph_connection().changes({}, AT, 1000)
    assert page.more
    assert link_in(page.cursor, "inbox") == "n1"
    assert page.cursor["junk"]["link"] == ""
    assert len(stub.graph_requests) == 1


def test_a_server_that_does_not_move_on_is_not_asked_forever(stub: Stub) -> None:
    stub.graph_replies = [changed(stub, link="same", last=False)]
    connection = stub.graph_connection()
    cursor = connection.changes({}, AT, 10).cursor
    assert connection.changes(cursor, AT, 10).more  # Junk has begun
    cursor = connection.changes(cursor, AT, 10).cursor
    assert not connection.changes(cursor, AT, 10).more


@pytest.mark.parametrize(
    "lost",
    [
        refused(
            410, "SyncStateNotFound", "The sync state generation is not found; generation=149;[highest=157]."
        ),
        refused(410, "resyncRequired"),
        refused(400, "BadRequest", "Badly formed token."),
        refused(404, "ErrorItemNotFound"),
        Reply(410),
    ],
)
def test_a_lost_state_starts_that_folder_again(stub: Stub, lost: Reply) -> None:
    stub.graph_replies = [changed(stub, link="i0"), changed(stub, link="j0")]
    connection = stub.graph_connection()
    cursor = connection.changes({}, AT, 10).cursor
    stub.requests.clear()
    stub.graph_replies = [lost, changed(stub, entry("A1="), link="i1"), changed(stub, link="j1")]
    page = connection.changes(cursor, AT, 10)
    assert page.restarted
    assert [mail.server_id for mail in page.seen] == ["A1="]
    assert (link_in(page.cursor, "inbox"), link_in(page.cursor, "junk")) == ("i1", "j1")
    tokens = [query_of(request).get("$deltatoken") for request in stub.graph_requests]
    assert tokens == ["i0", None, "j0"]


def test_a_server_that_loses_even_a_beginning_is_no_lost_state(stub: Stub) -> None:
    stub.graph_replies = [refused(410, "SyncStateNotFound")]
    error = failing(stub)
    assert isinstance(error, Wait)
    assert "lost its place in a list" in error.cause
    assert len(stub.graph_requests) == 1


def test_an_id_that_is_malformed_where_no_mail_was_asked_for_is_named(stub: Stub) -> None:
    stub.graph_replies = [refused(400, "ErrorInvalidIdMalformed")]
    assert "takes an id for malformed" in failing(stub).cause


def anew(stub: Stub, cursor: object, since: datetime = AT) -> bool:
    """Whether the first folder is listed from its beginning."""
    stub.requests.clear()
    stub.graph_replies = [changed(stub)]
    stub.graph_connection().changes(cursor, since, 10)  # type: ignore[arg-type]  # what a database may hold
    return "$filter" in query_of(stub.graph_requests[0])


def test_a_cursor_that_is_none_of_this_way_server_and_mailbox_is_a_beginning(stub: Stub) -> None:
    stub.graph_replies = [changed(stub)]
    good = dict(stub.graph_connection().changes({}, AT, 10).cursor)
    assert not anew(stub, good)
    inbox = dict(good["inbox"])
    others: list[object] = [
        "H4sIAAAAAAAEAGNgZGBgYAAA",  # EWS's sync state
        None,
        [],
        {},
        {**inbox, "link": 7},
        {**inbox, "listed": "many"},
        {**inbox, "since": "yesterday"},
        {**inbox, "since": "2026-11-24"},
        {**inbox, "mailbox": "ceo@contoso.example"},
        {**inbox, "link": inbox["link"].replace("127.0.0.1", "evil.example")},
        {**inbox, "link": inbox["link"].replace("/v1.0/", "/beta/")},
    ]
    for other in others:
        assert anew(stub, {**good, "inbox": other}), other


def test_earlier_mail_that_is_wanted_now_is_listed(stub: Stub) -> None:
    stub.graph_replies = [changed(stub)]
    cursor = stub.graph_connection().changes({}, AT, 10).cursor
    assert not anew(stub, cursor, AT + timedelta(days=1))
    assert anew(stub, cursor, AT - timedelta(seconds=1))


HOSTILE = [
    "https://127.0.0.1:{port}/v1.0/x",
    "http://127.0.0.1:{other}/v1.0/x",
    "http://127.0.0.1/v1.0/x",
    "http://localhost:{port}/v1.0/x",
    "http://evil.example/v1.0/x",
    "http://127.0.0.1:{port}@127.0.0.1:{other}/v1.0/x",
    "http://x@127.0.0.1:{port}/v1.0/x",
    "http://127.0.0.1:{port}/beta/x",
    "http://127.0.0.1:{port}/v1.0",
    "http://127.0.0.1:{port}/v1.0/../admin",
    "http://127.0.0.1:{port}/v1.0/%2e%2e/admin",
    "http://127.0.0.1:{port}/v1.0/..\\admin",
    "//127.0.0.1:{other}/v1.0/x",
    "/v1.0/x",
    "http://127.0.0.1:{port}\\@127.0.0.1:{other}/v1.0/x",
    "http://127.0.0.1:{port}/v1.0/x\r\nX-Y: z",
    "http://127.0.0.1:99999/v1.0/x",
    "http://[/v1.0/x",
    "file:///etc/passwd",
    "http://127.0.0.1:{port}/v1.0/" + "x" * 1_000_000,
    "",
    7,
    None,
    {"a": 1},
]


@pytest.mark.parametrize("link", HOSTILE, ids=lambda link: str(link)[:40])
@pytest.mark.parametrize("kind", ["nextLink", "deltaLink"])
def test_no_link_takes_the_token_elsewhere(stub: Stub, link: object, kind: str) -> None:
    with running_stub() as elsewhere:
        if isinstance(link, str):
            link = link.replace("{port}", str(stub.port)).replace("{other}", str(elsewhere.port))
        error = failing(stub, reply({"value": [entry("A1=")], f"@odata.{kind}": link}))
        assert isinstance(error, FixNeeded)
        assert "leads to an address elsewhere" in error.cause
        assert len(str(error.details)) < 1000
        assert elsewhere.requests == []
        assert len(stub.graph_requests) == 1


@pytest.mark.parametrize(
    ("base", "link", "owned"),
    [
        ("https://gw.contoso.example:443/v1.0", "https://gw.contoso.example/v1.0/x", True),
        ("https://gw.contoso.example/v1.0", "https://gw.contoso.example:443/v1.0/x", True),
        ("https://gw.contoso.example:8443/v1.0", "https://gw.contoso.example/v1.0/x", False),
        ("https://gw.contoso.example/v1.0", "https://gw.contoso.example:80/v1.0/x", False),
    ],
)
def test_the_usual_port_is_the_same_whether_it_is_said_or_not(
    stub: Stub, base: str, link: str, owned: bool
) -> None:
    assert Graph(base, MAILBOX, Access("box", stub.grant)).owns(link) is owned


def test_the_search_of_sent_items_follows_no_link_elsewhere(stub: Stub) -> None:
    with running_stub() as elsewhere:
        stub.graph_replies = [reply({"value": [], "@odata.nextLink": f"{elsewhere.graph_url}/x"})]
        with pytest.raises(FixNeeded):
            stub.graph_connection().was_sent("", "k7f2", AT)
        assert elsewhere.requests == []


# -- more mails than a filter lets through -------------------------------------------------------------------


class Capped:
    """A folder of which a delta with a filter shows 5,000 mails at most, of whatever kind it likes."""

    def __init__(self, stub: Stub, ids: list[str], *, forever: bool) -> None:
        self.stub = stub
        self.inbox = ids
        self.forever = forever  # whether later rounds count towards the 5,000 too
        self.asked = 0

    def answer(self, request: Request) -> Reply | None:
        if "/oauth2/" in request.path:
            return None
        if "junkemail" in request.path or "kind=junk" in request.path:
            return reply({"value": [], "@odata.deltaLink": f"{self.stub.graph_url}/delta?kind=junk"})
        self.asked += 1
        query = query_of(request)
        at = int(query.get("at", 0))
        filtered = "$filter" in query or query.get("filtered") == "1"
        size = int(request.headers["prefer"].rpartition("=")[2])
        shown = self.inbox
        if filtered and (self.forever or "delta" not in query):
            shown = shown[:5000]
        value = [entry(id_) for id_ in shown[at : at + size]]
        upto = at + len(value)
        last = upto >= len(shown)
        position = len(self.inbox) if last and not self.forever else upto
        link = f"{self.stub.graph_url}/delta?at={position}&filtered={int(filtered)}"
        link += "&delta=1" if last or "delta" in query else ""
        return reply({"value": value, f"@odata.{'deltaLink' if last else 'nextLink'}": link})

    def all(self, connection: GraphConnection, cursor: Any) -> tuple[list[str], Any]:
        found: list[str] = []
        for _ in range(1000):
            page = connection.changes(cursor, AT, 500)
            found += [mail.server_id for mail in page.seen]
            cursor = page.cursor
            if not page.more:
                return found, cursor
        raise AssertionError("it does not end")


@pytest.mark.parametrize("forever", [False, True])
def test_more_than_five_thousand_new_mails_lose_none(stub: Stub, forever: bool) -> None:
    server = Capped(stub, [f"M{number}" for number in range(6_200)], forever=forever)
    stub.answer = server.answer
    connection = stub.graph_connection()
    found, cursor = server.all(connection, {})
    assert set(found) == set(server.inbox)
    assert cursor["inbox"]["whole"]
    assert server.asked < 25
    server.inbox += ["LATER"]
    assert server.all(connection, cursor)[0] == ["LATER"]


@pytest.mark.parametrize("forever", [False, True])
def test_a_filter_that_has_shown_many_mails_bit_by_bit_is_given_up_in_time(stub: Stub, forever: bool) -> None:
    server = Capped(stub, [], forever=forever)
    stub.answer = server.answer
    connection = stub.graph_connection()
    cursor: Any = {}
    found: set[str] = set()
    for number in range(12):
        server.inbox += [f"M{number}-{one}" for one in range(500)]
        more, cursor = server.all(connection, cursor)
        found |= set(more)
        assert found == set(server.inbox)
    assert len(found) == 6_000 > MOST_FILTERED


def test_a_folder_that_was_walked_whole_stays_so_when_its_state_is_lost(stub: Stub) -> None:
    stub.graph_replies = [changed(stub)]
    connection = stub.graph_connection()
    cursor = json.loads(json.dumps(connection.changes({}, AT, 10).cursor))
    cursor["inbox"]["whole"] = True
    stub.requests.clear()
    stub.graph_replies = [
        refused(410, "resyncRequired"),
        changed(stub, entry("OLD=", "2020-01-01T00:00:00Z")),
    ]
    page = connection.changes(cursor, AT, 10)
    assert page.restarted
    assert not page.seen
    assert "$filter" not in query_of(stub.graph_requests[1])
    assert not anew(stub, page.cursor, LONG_AGO)


# -- changes that say little ---------------------------------------------------------------------------------


GONE_ENTRY: dict[str, object] = {"id": "A9=", "@removed": {"reason": "deleted"}}
READ_ENTRY: dict[str, object] = {"id": "A8=", "isRead": True, "parentFolderId": "X"}


def test_what_is_gone_or_was_read_is_no_new_mail(stub: Stub) -> None:
    stub.graph_replies = [
        changed(stub, entry("A1="), GONE_ENTRY, READ_ENTRY),
        reply({"value": [entry("A1=")]}),
        changed(stub),
    ]
    page = stub.graph_connection().changes({}, AT, 10)
    assert [mail.server_id for mail in page.seen] == ["A1="]


@pytest.mark.parametrize("told", [GONE_ENTRY, READ_ENTRY, {"id": 7, "receivedDateTime": "x"}])
def test_a_mail_that_went_away_and_came_back_between_two_looks_is_found(
    stub: Stub, told: dict[str, object]
) -> None:
    stub.graph_replies = [changed(stub, told), reply({"value": [entry("BACK=")]}), changed(stub)]
    page = stub.graph_connection().changes({}, AT, 10)
    assert [mail.server_id for mail in page.seen] == ["BACK="]
    look = stub.graph_requests[1]
    assert urlsplit(look.path).path == f"{USER}/mailFolders/inbox/messages"
    assert query_of(look) == {
        "$select": "subject,receivedDateTime",
        "$orderby": "receivedDateTime desc",
        "$top": "100",
        "$filter": "receivedDateTime ge 2026-11-24T10:00:02Z",
    }


def test_what_changes_have_shown_is_not_shown_by_the_look_again(stub: Stub) -> None:
    stub.graph_replies = [changed(stub, entry("A1=")), changed(stub)]
    connection = stub.graph_connection()
    cursor = connection.changes({}, AT, 10).cursor
    stub.graph_replies = [changed(stub, READ_ENTRY), reply({"value": [entry("A1=")]}), changed(stub)]
    assert not connection.changes(cursor, AT, 10).seen
