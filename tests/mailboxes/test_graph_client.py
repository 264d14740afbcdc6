"""Requests to Microsoft Graph, its errors and odd answers as literal bytes, tokens, and how many at once."""

import base64
import logging
import re
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

import placet
from placet.mailboxes.base import (
    Action,
    FixNeeded,
    MailboxError,
    Wait,
)
from placet.mailboxes.microsoft.exchange_errors import WAITS, About
from placet.mailboxes.microsoft.graph import calls, errors
from placet.mailboxes.microsoft.graph.client import AT_ONCE, Graph
from placet.mailboxes.oauth import Access, TokenCache

from .graph_stub import (
    AT,
    HTML,
    JSON,
    PAGE,
    USER,
    changed,
    failing,
    message,
    mime,
    query_of,
    refused,
    reply,
    seen,
)
from .stub import (
    CLIENT_ID,
    MAILBOX,
    SECRET,
    Reply,
    Request,
    Stub,
    mark_one,
    running_stub,
    token_reply,
)

# -- the request ---------------------------------------------------------------------------------------------


def test_a_request_asks_for_lasting_ids_and_says_who_asks(stub: Stub) -> None:
    stub.graph_replies = [changed(stub), changed(stub)]
    stub.graph_connection().changes({}, AT, 50)
    request = stub.graph_requests[0]
    assert request.path.startswith(f"{USER}/mailFolders/inbox/messages/delta?")
    assert request.headers["authorization"] == "Bearer the-first-token"
    assert request.headers["prefer"] == 'IdType="ImmutableId", odata.maxpagesize=50'
    assert request.headers["accept"] == "application/json"
    assert request.headers["user-agent"] == f"Placet/{placet.__version__}"
    assert re.fullmatch(r"[0-9a-f-]{36}", request.headers["client-request-id"])
    assert query_of(request) == {
        "$select": "receivedDateTime",
        "$filter": "receivedDateTime ge 2026-11-24T10:00:02Z",
    }


def test_every_request_asks_for_lasting_ids(stub: Stub) -> None:
    def answer(request: Request) -> Reply | None:
        if "/oauth2/" in request.path:
            return None
        if "/delta" in request.path:
            return changed(stub, {"id": "X", "@removed": {"reason": "deleted"}})
        if request.path.endswith("/$value"):
            return mime()
        if request.method == "POST" and "childFolders" in request.path:
            return reply({"id": "F1="}, 201)
        if request.method == "POST" and request.path.endswith("/sendMail"):
            return Reply(202)
        return reply({"id": request.path, "value": []})

    stub.answer = answer
    connection = stub.graph_connection()
    connection.changes({}, AT, 5)
    list(connection.fetch([seen()], 100))
    mark_one(connection, "A1=", Action.MOVE, "Placet/Processed")
    mark_one(connection, "A1=", Action.MARK_READ, "")
    connection.send(b"From: x", "")
    connection.was_sent("<x@y.example>", "z", AT)
    assert len(stub.graph_requests) > 12
    assert all('IdType="ImmutableId"' in request.headers["prefer"] for request in stub.graph_requests)


def test_a_netrc_entry_does_not_replace_the_token(
    stub: Stub, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(netrc))
    stub.graph_replies = [message()]
    mark_one(stub.graph_connection(), "A1=", Action.MARK_READ, "")
    assert stub.graph_requests[0].headers["authorization"] == "Bearer the-first-token"


def test_an_id_or_an_address_cannot_leave_its_place_in_the_url(stub: Stub) -> None:
    stub.graph_replies = [message()]
    access = Access("box", stub.grant, TokenCache())
    graph = Graph(stub.graph_url, "o'brien/../x?y#z@contoso.example", access)
    calls.mark(graph, "../../me?x=/#%2e", None)
    path = urlsplit(stub.graph_requests[0].path).path
    assert path == (
        "/v1.0/users/o%27brien%2F..%2Fx%3Fy%23z@contoso.example/messages/..%2F..%2Fme%3Fx%3D%2F%23%252e"
    )


# -- failures of the whole mailbox ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "text", "kind", "words", "command"),
    [
        (
            401,
            "InvalidAuthenticationToken",
            "Access token has expired or is not yet valid.",
            FixNeeded,
            "expired or is not valid yet",
            "",
        ),
        (
            401,
            "InvalidAuthenticationToken",
            "Access token is empty.",
            FixNeeded,
            "No access token reached",
            "",
        ),
        (
            401,
            "InvalidAuthenticationToken",
            "CompactToken parsing failed with error code: 80049217",
            FixNeeded,
            "as an access token is none",
            "",
        ),
        (
            401,
            "InvalidAuthenticationToken",
            "Access token validation failure. Invalid audience.",
            FixNeeded,
            "for another service",
            "",
        ),
        (401, "InvalidAuthenticationToken", "New words.", FixNeeded, "also not a new one", ""),
        (401, "NoPermissionsInAccessToken", "", FixNeeded, "nobody has consented", "Mail.ReadWrite"),
        (403, "NoPermissionsInAccessToken", "", FixNeeded, "nobody has consented", "Mail.ReadWrite"),
        (
            403,
            "ErrorAccessDenied",
            "Access is denied. Check credentials and try again.",
            FixNeeded,
            "leave this mailbox out",
            "Test-ServicePrincipalAuthorization",
        ),
        (
            403,
            "ErrorAccessDenied",
            "Access to OData is disabled.",
            FixNeeded,
            "A policy",
            "Test-ApplicationAccessPolicy",
        ),
        (
            403,
            "ErrorAccessDenied",
            "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.",
            FixNeeded,
            "A policy",
            "Test-ApplicationAccessPolicy",
        ),
        (
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
            FixNeeded,
            "permission is missing",
            "Mail.Send",
        ),
        (
            404,
            "ErrorInvalidUser",
            "The requested user 'x' is invalid.",
            FixNeeded,
            "nobody with the address",
            "Get-EXORecipient",
        ),
        (404, "Request_ResourceNotFound", "", FixNeeded, "nobody with the address", "Get-EXORecipient"),
        (
            404,
            "MailboxNotEnabledForRESTAPI",
            "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
            FixNeeded,
            "no licence, is deleted, or is on premises",
            "Get-EXORecipient",
        ),
        (404, "ErrorItemNotFound", "", FixNeeded, "every mailbox has is missing", ""),
        (429, "TooManyRequests", "Please retry again later.", Wait, "slows this mailbox down", ""),
        (429, "ApplicationThrottled", "", Wait, "slows this mailbox down", ""),
        (429, "SomethingNew", "", Wait, "slows this mailbox down", ""),
        (503, "ServiceUnavailable", "", Wait, "not available", ""),
        (503, "ErrorServerBusy", "", Wait, "busy", ""),
        (503, "SomethingNew", "", Wait, "HTTP 503", ""),
        (504, "UnknownError", "", Wait, "HTTP 504", ""),
        (500, "generalException", "", Wait, "HTTP 500", ""),
        (400, "SomethingNew", "", Wait, "SomethingNew", ""),
        (410, "SyncStateNotFound", "", Wait, "lost its place", ""),
    ],
)
def test_each_error_has_a_cause_and_a_cure(
    stub: Stub, status: int, code: str, text: str, kind: type[MailboxError], words: str, command: str
) -> None:
    error = failing(stub, refused(status, code, text))
    assert isinstance(error, kind)
    assert words in error.cause
    told = error.details.get("command", "")
    assert command in told
    assert bool(told) == bool(command)
    assert error.details["code"] == code
    assert error.details["request-id"] == "7f9b3c1a"
    if command:
        assert MAILBOX in told
        assert not re.search(r"[{}]", told)
    assert error.not_done == (status < 500 and (status in (401, 403, 404, 429) or kind is FixNeeded))


@pytest.mark.parametrize("code", sorted(WAITS))
def test_each_passing_fault_is_waited_for(stub: Stub, code: str) -> None:
    error = failing(stub, refused(503, code, **{"Retry-After": "297.749"}))
    assert isinstance(error, Wait)
    assert error.cause == WAITS[code]
    assert error.seconds == 298


@pytest.mark.parametrize("code", sorted({**errors.FIXES, **errors.FOLDER_FIXES}))
def test_each_lasting_fault_has_cause_cure_and_command(stub: Stub, code: str) -> None:
    error = failing(stub, refused(400, code))
    assert isinstance(error, FixNeeded)
    expected = {**errors.FIXES, **errors.FOLDER_FIXES}[code]
    assert error.cause == expected.cause
    command = error.details.get("command", "")
    assert bool(command) == bool(expected.command)
    assert not command or (MAILBOX in command and "{" not in command)


def test_a_command_holds_whatever_an_address_may_hold() -> None:
    told = errors.explain(
        errors.ServerError(403, "ErrorAccessDenied"),
        About.MAILBOX,
        "graph.microsoft.com",
        errors.names(CLIENT_ID, "o'brien$(x)@contoso.example"),
    )
    assert isinstance(told, FixNeeded)
    assert "-Resource 'o''brien$(x)@contoso.example'" in told.details["command"]


@pytest.mark.parametrize("status", [429, 503, 504])
@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("10", 10, 10),
        ("2.128", 3, 3),
        ("0.001", 1, 1),
        ("0", 0, 0),
        ("-5", 0, 0),
        ("in an hour", 3400, 3600),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("1e9", 86400, 86400),
    ],
)
def test_a_busy_server_says_how_long(stub: Stub, status: int, header: str, least: int, most: int) -> None:
    if header == "in an hour":
        header = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    error = failing(stub, refused(status, "TooManyRequests", **{"Retry-After": header}))
    assert isinstance(error, Wait)
    assert error.seconds is not None
    assert least <= error.seconds <= most
    assert error.seconds == int(error.seconds)


@pytest.mark.parametrize("header", ["soon", "nan", "inf", "", "9" * 60_000])
def test_a_wait_that_cannot_be_read_is_left_to_placet(stub: Stub, header: str) -> None:
    error = failing(stub, Reply(503, b"", {"Retry-After": header}))
    assert isinstance(error, Wait)
    assert error.seconds is None


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Reply(200, PAGE, HTML), Wait, "not what Microsoft Graph gives"),
        (Reply(200, PAGE, JSON), Wait, "not well-formed"),
        (Reply(200, b'{"value": []', JSON), Wait, "not well-formed"),
        (Reply(200, b"", JSON), Wait, "not well-formed"),
        (Reply(200, b'{"value": []}'), Wait, "no JSON"),
        (Reply(200, b"[1]", JSON), Wait, "no object"),
        (Reply(200, b"[" * 200_000, JSON), Wait, "not well-formed"),
        (Reply(200, b'{"value": ' + b"9" * 100_000 + b"}", JSON), Wait, "not well-formed"),
        (Reply(200, b'{"value": "\xff"}', JSON), Wait, "not well-formed"),
        (Reply(200, b'{"value": {"a": 1}}', JSON), Wait, "no list"),
        (Reply(200, b'{"value": [7]}', JSON), Wait, "no list"),
        (Reply(200, b'{"value": NaN}', JSON), Wait, "no list"),
        (Reply(200, b"{}", JSON), Wait, "no list"),
        (Reply(204), Wait, "HTTP 204"),
        (Reply(200, b'{"value": []}', JSON, cut_after=5), Wait, "cut"),
        (Reply(200, b"x", {**JSON, "Transfer-Encoding": "chunked"}, cut_after=0), Wait, "cut"),
        (Reply(200, b"not gzip", {**JSON, "Content-Encoding": "gzip"}), Wait, "cut"),
        (Reply(302, b"", {"Location": "/elsewhere"}), FixNeeded, "sends requests elsewhere"),
        (Reply(401, b""), FixNeeded, "also not a new one"),
        (Reply(403, PAGE, HTML), FixNeeded, "something else answered"),
        (Reply(404, PAGE, HTML), FixNeeded, "something else answered"),
        (Reply(405), FixNeeded, "something else answered"),
        (Reply(400, b"", JSON), FixNeeded, "something else answered"),
        (Reply(400, b'{"error": {"code": 7}}', JSON), FixNeeded, "something else answered"),
        (Reply(407), FixNeeded, "proxy"),
        (Reply(429, PAGE, HTML), Wait, "HTTP 429"),
        (Reply(500, PAGE, HTML), Wait, "HTTP 500"),
        (Reply(500, b'{"error": {"code": "' + b"x" * 2_000_000, JSON), Wait, "HTTP 500"),
        (Reply(502), Wait, "HTTP 502"),
        (refused(200, "ErrorServerBusy"), Wait, "busy"),
        (refused(200, "ErrorAccessDenied"), FixNeeded, "keeps the application out"),
    ],
)
def test_each_odd_answer_is_said_in_words(
    stub: Stub, answer: Reply, kind: type[MailboxError], words: str
) -> None:
    error = failing(stub, answer)
    assert isinstance(error, kind)
    assert words in error.cause


def test_an_answer_without_end_is_given_up(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placet.mailboxes.microsoft.graph.client.LARGEST_JSON", 1000)
    assert "too large" in failing(stub, reply({"value": ["x" * 1000]})).cause


def test_a_server_that_drips_is_given_up(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placet.mailboxes.http.LONGEST_ANSWER", -1.0)
    assert "has no end" in failing(stub, changed(stub)).cause


def test_a_server_that_cannot_be_reached_did_nothing(stub: Stub) -> None:
    access = Access("box", stub.grant, TokenCache())
    for base in ("http://127.0.0.1:9/v1.0", "http://no-such-host.invalid/v1.0"):
        with pytest.raises(Wait) as caught:
            calls.send_mail(Graph(base, MAILBOX, access), b"From: x")
        assert caught.value.not_done
    stub.graph_replies = [Reply(202, b"x", cut_after=0)]
    with pytest.raises(MailboxError) as cut:
        calls.delta(Graph(stub.graph_url, MAILBOX, access), "inbox", "", None, 1)
    assert not cut.value.not_done


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_takes_the_token_elsewhere(stub: Stub, status: int) -> None:
    with running_stub() as elsewhere:
        error = failing(stub, Reply(status, b"", {"Location": f"{elsewhere.graph_url}/x"}))
        assert isinstance(error, FixNeeded)
        assert elsewhere.requests == []


# -- the token -----------------------------------------------------------------------------------------------


def test_a_refused_token_is_renewed_once_and_the_call_repeated(stub: Stub) -> None:
    stub.token_replies = [token_reply("old"), token_reply("new")]
    expired = refused(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
    stub.graph_replies = [expired, Reply(202)]
    stub.graph_connection().send(b"From: x", "")
    assert [request.headers["authorization"] for request in stub.graph_requests] == [
        "Bearer old",
        "Bearer new",
    ]
    assert [request.body for request in stub.graph_requests] == [base64.b64encode(b"From: x")] * 2
    assert len(stub.token_requests) == 2


def test_a_new_token_that_is_refused_too_is_not_asked_for_again(stub: Stub) -> None:
    stub.token_replies = [token_reply("old"), token_reply("new")]
    error = failing(stub, refused(401, "InvalidAuthenticationToken", "New words."))
    assert isinstance(error, FixNeeded)
    assert len(stub.graph_requests) == 2
    assert len(stub.token_requests) == 2


def test_without_a_token_nothing_was_done(stub: Stub) -> None:
    stub.token_replies = [Reply(503)]
    with pytest.raises(Wait) as caught:
        stub.graph_connection().send(b"From: x", "")
    assert caught.value.not_done
    assert not stub.graph_requests


def test_neither_secret_nor_token_is_in_any_repr_error_or_log(
    stub: Stub, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("", "urllib3", "requests", "authlib"):
        caplog.set_level(logging.DEBUG, name)
    token = "SENTINEL-TOKEN-" + "x" * 60
    stub.token_replies = [token_reply(token)]
    told = []
    with capture_logs() as logged:
        for answer in (
            refused(401, "InvalidAuthenticationToken", f"{token} is bad"),
            refused(403, "ErrorAccessDenied", token),
            refused(400, f"Bearer {token}", f"Bearer {token}"),
            refused(500, "x", token, **{"x-ms-ags-diagnostic": token}),
            Reply(200, token.encode(), JSON),
            Reply(403, token.encode(), HTML),
            reply({"value": [], "@odata.nextLink": f"https://{token}.example/"}),
        ):
            error = failing(stub, answer)
            told += [
                repr(error),
                str(error),
                str(error.details),
                repr(error.__context__),
                repr(error.__cause__),
            ]
    connection = stub.graph_connection()
    told += [repr(connection), repr(connection.graph), str(vars(connection.graph)), repr(connection.__dict__)]
    told += [caplog.text, str(logged)]
    told += [str(record.__dict__) for record in caplog.records]
    everything = "\n".join(told)
    assert {entry["event"] for entry in logged} == {"token_fetched", "graph_call"}
    assert "SENTINEL" not in everything
    assert SECRET not in everything


# -- four at once --------------------------------------------------------------------------------------------


class Crowd:
    """Counts the requests that are under way at once, by mailbox."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.overall = 0

    def answer(self, request: Request) -> Reply | None:
        if "/oauth2/" in request.path:
            return None
        user = request.path.split("/")[3]
        with self.lock:
            self.now[user] = self.now.get(user, 0) + 1
            self.most[user] = max(self.most.get(user, 0), self.now[user])
            self.overall = max(self.overall, sum(self.now.values()))
        time.sleep(0.02)
        with self.lock:
            self.now[user] -= 1
        return mime() if request.path.endswith("$value") else message()


def test_at_most_four_requests_to_a_mailbox_are_under_way_whoever_asks(stub: Stub) -> None:
    crowd = Crowd()
    stub.answer = crowd.answer
    cache = TokenCache()

    def work(user: str) -> None:
        graph = Graph(stub.graph_url, user, Access("box", stub.grant, cache))
        for number in range(4):
            calls.get_message(graph, f"A{number}")
            calls.get_mime(graph, f"A{number}", 1000)
        graph.close()

    users = [MAILBOX, MAILBOX.upper(), "other@contoso.example"]
    threads = [threading.Thread(target=work, args=(user,)) for user in users * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stub.graph_requests) == 15 * 8
    assert AT_ONCE == 4
    assert crowd.most["other@contoso.example"] <= AT_ONCE
    assert crowd.most[MAILBOX] <= AT_ONCE
    assert 3 < crowd.overall <= 2 * AT_ONCE


def test_a_request_that_fails_leaves_its_place(stub: Stub) -> None:
    stub.graph_replies = [refused(500, "x")]
    for _ in range(AT_ONCE + 2):
        failing(stub)
    stub.graph_replies = [Reply(200, PAGE, HTML)]
    connection = stub.graph_connection()
    for _ in range(AT_ONCE + 2):
        with pytest.raises(Wait):
            connection.changes({}, AT, 1)
