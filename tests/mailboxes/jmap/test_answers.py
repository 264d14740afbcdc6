"""What a JMAP server answers beyond what Cyrus does: errors of each kind, odd answers, limits (RFC 8620, 8621)."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from placet.mailboxes.base import (
    Action,
    FixNeeded,
    Folder,
    Gone,
    MailboxError,
    MailError,
    Received,
    Refused,
    Seen,
    SignInRefused,
    Wait,
)
from placet.mailboxes.jmap.connection import MOST_STEPS, JmapConnection
from placet.mailboxes.jmap.session import SUBMISSION
from tests.mailboxes.conformance.mails import LONG_AGO, everything, mail_to
from tests.mailboxes.stub import Reply

from .scripted import ACCOUNT, JSON, PROBLEM, SECRET, Server, as_json, email, gives, session

REFERENCE = "k7f2-abcd"
RAW = mail_to("ann@example.org", "Ask", sender="approvals@example.com")


def fails(
    server: Server, work: Callable[[JmapConnection], object] | None = None, **settings: Any
) -> MailboxError:
    """What goes wrong with a look, or with other work."""
    connection = server.connect(**settings)
    with pytest.raises(MailboxError) as caught:
        work(connection) if work else connection.changes({}, LONG_AGO, 10)
    connection.close()
    told = f"{caught.value.cause} {caught.value.cure} {caught.value.details}"
    assert SECRET not in told
    assert caught.value.cause.endswith((".", "”", ")")) or ": " in caught.value.cause
    assert caught.value.cure.endswith((".", "”", ")"))
    return caught.value


# --- signing in -------------------------------------------------------------------------------------------


def test_a_token_goes_as_a_bearer_and_a_password_as_basic(server: Server) -> None:
    server.connect().jmap.session()
    server.connect(jmap_sign_in="password", jmap_user="ann", secret="pässword").jmap.session()
    assert [request.headers["authorization"] for request in server.stub.requests] == [
        f"Bearer {SECRET}",
        "Basic YW5uOnDDpHNzd29yZA==",  # RFC 7617 2.1, in UTF-8
    ]


def test_where_no_secret_is_stored_nobody_is_asked(server: Server) -> None:
    error = fails(server, secret="")
    assert isinstance(error, FixNeeded) and error.not_done
    assert server.stub.requests == []


def test_a_refused_password_rests_and_a_refused_token_is_replaced(server: Server) -> None:
    server.session = None
    server.stub.answer = lambda request: Reply(401, b"", {"WWW-Authenticate": "Basic"})
    assert isinstance(fails(server, jmap_sign_in="password"), SignInRefused)
    error = fails(server)
    assert isinstance(error, FixNeeded) and not isinstance(error, SignInRefused)
    assert "API token" in error.cause and error.not_done


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"capabilities": {"urn:ietf:params:jmap:core": {}}}, "not for mail"),
        ({"accounts": {}, "primaryAccounts": {}}, "not for mail"),
    ],
)
def test_a_session_without_mail_is_to_be_mended(server: Server, more: dict[str, Any], words: str) -> None:
    server.session = session(**more)
    assert words in fails(server).cause


def test_an_account_that_was_named_must_be_there(server: Server) -> None:
    error = fails(server, jmap_account="u7")
    assert isinstance(error, FixNeeded)
    assert ACCOUNT in error.cure
    assert server.connect(jmap_account=ACCOUNT).jmap.session().account == ACCOUNT


def test_no_service_at_all_is_said_so(server: Server) -> None:
    server.stub.answer = lambda request: Reply(404)
    assert "no JMAP service" in fails(server).cause


# --- errors -----------------------------------------------------------------------------------------------

#: By status, headers and body of an answer: what it is, and whether nothing was done for certain.
REQUESTS: list[tuple[Reply, type[MailboxError], bool]] = [
    (
        Reply(400, b'{"type": "urn:ietf:params:jmap:error:unknownCapability", "status": 400}', PROBLEM),
        FixNeeded,
        True,
    ),
    (
        Reply(400, b'{"type": "urn:ietf:params:jmap:error:notRequest", "detail": "x"}', PROBLEM),
        FixNeeded,
        True,
    ),
    (
        Reply(
            400, b'{"type": "urn:ietf:params:jmap:error:limit", "limit": "maxConcurrentRequests"}', PROBLEM
        ),
        Wait,
        True,
    ),
    (Reply(403, b"<html>", {"Content-Type": "text/html"}), FixNeeded, True),
    (Reply(404), FixNeeded, True),
    (Reply(429, b"{}", {**JSON, "Retry-After": "17"}), Wait, True),
    (Reply(500, b"\xff", JSON), Wait, False),
    (Reply(502, b"[" * 100_000, PROBLEM), Wait, False),
    (Reply(503, b"", {"Retry-After": "17"}), Wait, False),
]


@pytest.mark.parametrize(("reply", "kind", "not_done"), REQUESTS)
def test_each_refusal_of_a_request(
    server: Server, reply: Reply, kind: type[MailboxError], not_done: bool
) -> None:
    server.faults = [reply]
    error = fails(server)
    assert type(error) is kind
    assert error.not_done == not_done
    if isinstance(error, Wait):
        assert error.seconds == (17 if "Retry-After" in reply.headers else None)


#: RFC 8620 3.6.2 and 5.1 to 5.6, with what each means for the mailbox.
METHODS = {
    "serverUnavailable": Wait,
    "serverFail": Wait,
    "serverPartialFail": Wait,
    "rateLimit": Wait,
    "stateMismatch": Wait,
    "unknownMethod": FixNeeded,
    "invalidArguments": FixNeeded,
    "invalidResultReference": FixNeeded,
    "forbidden": FixNeeded,
    "accountNotFound": FixNeeded,
    "accountNotSupportedByMethod": FixNeeded,
    "accountReadOnly": FixNeeded,
    "requestTooLarge": FixNeeded,
    "unsupportedFilter": FixNeeded,
    "a type of the future": FixNeeded,
}


@pytest.mark.parametrize("type_", METHODS)
def test_each_error_of_a_method(server: Server, type_: str) -> None:
    server.methods["Email/query"] = {"type": type_, "description": f"Words of the server. {'x' * 80}"}
    error = fails(server)
    assert type(error) is METHODS[type_]
    assert error.not_done == (type_ not in ("serverFail", "serverPartialFail"))
    assert error.details["type"] == type_
    assert "x" * 60 not in error.details["text"], "no long run of characters is shown: it could be a secret"


WHOLE = {"methodResponses": [["Mailbox/get", {"list": []}, "0"]], "sessionState": "1"}


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"null", b"[]", b"<html>", b"{" * 200_000, b'{"methodResponses": 5}', b'{"methodResponses": []}',
        b'{"methodResponses": [5]}', b'{"methodResponses": [["Mailbox/get", {"list": []}]]}',
        b'{"methodResponses": [["Mailbox/get", [], "0"]]}', b'{"methodResponses": [["Email/get", {"list": []}, "0"]]}',
        b'{"methodResponses": [["Mailbox/get", {"list": []}, "7"]]}',
        b'{"methodResponses": [["Mailbox/get", {"list": []}, {}]]}',
        b'{"methodResponses": [["Mailbox/get", {"list": 5}, "0"]]}',
        b'{"methodResponses": [["Mailbox/get", {"list": [5]}, "0"]]}',
        b'{"methodResponses": [["Mailbox/get", {"list": [{"id": ""}]}, "0"]]}',
        b'{"methodResponses": [["Mailbox/get", {"list": [{"id": "' + b"x" * 300 + b'", "name": "x"}]}, "0"]]}',
    ],
)  # fmt: skip
def test_what_no_jmap_server_gives_is_waited_for(server: Server, answer: bytes) -> None:
    server.faults = [Reply(200, answer, JSON)]
    error = fails(server)
    assert type(error).__name__ == "Unreadable"
    assert not error.not_done


@pytest.mark.parametrize(
    "value", [None, [], "x", {}, session(capabilities=5), session(accounts={"a": 5}), session(apiUrl=5)]
)
def test_what_is_no_session_is_waited_for(server: Server, value: object) -> None:
    server.session = value
    assert isinstance(fails(server), Wait | FixNeeded)


def test_an_account_without_an_inbox_is_to_be_mended(server: Server) -> None:
    server.methods["Mailbox/get"] = {"list": [{"id": "x", "name": "Inbox", "role": None}]}
    assert "inbox" in fails(server).cause


# --- what is new ------------------------------------------------------------------------------------------


def lists(server: Server, *emails: dict[str, Any]) -> None:
    """They are what lies in Inbox, and nothing changed since."""
    server.methods["Email/get"] = gives(*emails)

    def query(arguments: dict[str, Any]) -> dict[str, Any]:
        is_first = "anchor" not in arguments and arguments["filter"].get("inMailbox") == "mb-in"
        return {"queryState": "q", "ids": [value["id"] for value in emails] if is_first else []}

    server.methods["Email/query"] = query


def test_an_idle_look_is_one_request(server: Server) -> None:
    lists(server, email("M1"))
    connection = server.connect()
    seen, cursor = everything(connection)
    assert [mail.server_id for mail in seen] == ["M1"]
    before = len(server.stub.requests)
    assert everything(connection, cursor)[0] == []
    [idle] = server.stub.requests[before:]
    assert json.loads(idle.body)["methodCalls"][0] == [
        "Email/changes", {"accountId": ACCOUNT, "sinceState": "s1", "maxChanges": 100}, "0",
    ]  # fmt: skip
    assert len(idle.body) < 800


def test_what_placet_marked_itself_is_not_new_and_what_came_back_is(server: Server) -> None:
    connection = server.connect()
    cursor = everything(connection)[1]
    server.methods["Email/changes"] = {
        "newState": "s2", "hasMoreChanges": False, "created": ["M1"], "updated": ["M2", "M3", "M4"],
    }  # fmt: skip
    handled = {"keywords": {"placet-handled": True}}
    server.methods["Email/get"] = gives(
        email("M1", **handled),
        email("M2", **handled),
        email("M3"),
        email("M4", "mb-done"),
        email("M6", "mb-junk"),
    )
    seen, _cursor = everything(connection, cursor)
    assert [(mail.server_id, mail.folder) for mail in seen] == [("M1", Folder.INBOX), ("M3", Folder.INBOX)]


def test_a_server_that_does_not_move_on_is_not_asked_without_end(server: Server) -> None:
    lists(server, email("M1"))
    server.methods["Email/query"] = {"ids": ["M1"]}  # whatever it was asked for
    assert "anchor" in fails(server).cause
    lists(server)
    server.methods["Email/changes"] = {"newState": "s1", "hasMoreChanges": True, "created": [], "updated": []}
    assert "newState" in fails(server).cause
    server.methods["Email/query"] = {"ids": ["M1"]}
    assert server.connect().was_sent("", "zzzz-zzzz", LONG_AGO) is False


def test_a_server_whose_changes_never_end_gets_a_page_at_a_time(server: Server) -> None:
    """Each under another state, and nothing new among them: who holds the mailbox would lose it meanwhile."""
    connection = server.connect()
    start = connection.changes({}, LONG_AGO, 10)
    server.methods["Email/changes"] = lambda asked: {
        "newState": f"{asked['sinceState']}x", "hasMoreChanges": True, "created": [], "updated": [],
    }  # fmt: skip
    server.asked.clear()
    page = connection.changes(start.cursor, LONG_AGO, 10)
    connection.close()
    assert (page.seen, page.more, page.complete) == ([], True, False)
    assert len(server.called("Email/changes")) == MOST_STEPS
    assert page.cursor["state"] == "s1" + "x" * MOST_STEPS


def test_another_account_or_server_begins_anew(server: Server) -> None:
    lists(server, email("M1"))
    cursor = everything(server.connect())[1]
    server.session = session(accounts={"u2": session()["accounts"][ACCOUNT]}, primaryAccounts={})
    assert len(everything(server.connect(), cursor)[0]) == 1


# --- mails ------------------------------------------------------------------------------------------------


def fetched(server: Server, most: int, **more: Any) -> Received | tuple[Seen, MailError]:
    lists(server, email("M1", **more))
    [entry] = server.connect().fetch([Seen("M1", Folder.INBOX)], most)
    return entry


HEADERS = [
    {"name": "Subject", "value": " One\r\n two"},
    {"name": "X-Trap", "value": " a\r\nFrom: boss@example.com\r\n\r\nbody"},
    {"name": "X:\r\nReply-To", "value": " b\n\nc"},
]


@pytest.mark.parametrize("size", [20, 5000, None])
def test_of_a_mail_that_is_larger_than_it_may_be_the_headers_come(server: Server, size: int | None) -> None:
    """Whether the server said so before or not; and no line break of theirs makes another header."""
    server.blobs["blob-M1"] = Reply(200, b"Subject: One\r\n\r\n" + b"x" * 5000)
    entry = fetched(server, 1000, size=size, headers=HEADERS)
    assert isinstance(entry, Received)
    assert entry.too_large
    assert entry.raw.split(b"\r\n") == [
        b"Subject: One two", b"X-Trap: a From: boss@example.com body", b"X:Reply-To: b c", b"", b"",
    ]  # fmt: skip


def test_a_mail_without_bytes_is_gone_or_not_given(server: Server) -> None:
    entry = fetched(server, 1000)
    assert isinstance(entry, tuple) and type(entry[1]) is MailError
    lists(server)
    [gone] = server.connect().fetch([Seen("M1", Folder.INBOX)], 1000)
    assert isinstance(gone, tuple) and isinstance(gone[1], Gone)


def test_two_mails_of_one_blob_come_under_their_own_ids_and_an_id_that_is_listed_twice_comes_once(
    server: Server,
) -> None:
    lists(server, email("M1"), email("M2", blobId="blob-M1"), email("M1", blobId="blob-other"))
    server.blobs["blob-M1"] = Reply(200, RAW)
    server.blobs["blob-other"] = Reply(200, RAW.replace(b"Ask", b"Other"))
    connection = server.connect()
    seen, _cursor = everything(connection)
    assert sorted(mail.server_id for mail in seen) == ["M1", "M2"]
    mails = [mail for mail in connection.fetch(seen, 10_000) if isinstance(mail, Received)]
    assert sorted(mail.server_id for mail in mails) == ["M1", "M2"]
    assert RAW in [mail.raw for mail in mails if mail.server_id == "M2"]


def test_the_time_of_receipt_is_the_servers(server: Server) -> None:
    server.blobs["blob-M1"] = Reply(200, RAW)
    entry = fetched(server, 10_000, receivedAt="2026-11-24T10:00:00.5+02:00")
    assert isinstance(entry, Received)
    assert str(entry.received_at) == "2026-11-24 08:00:00.500000+00:00"


@pytest.mark.parametrize(
    "time", ["yesterday", 5, None, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
def test_a_mail_without_a_time_keeps_no_other_from_being_listed(server: Server, time: object) -> None:
    lists(server, email("M1", receivedAt=time), email("M2"))
    seen, _cursor = everything(server.connect())
    assert [(mail.server_id, mail.received_at is None) for mail in seen] == [("M1", True), ("M2", False)]


HALF = "\ud83d"  # of a letter, as JSON can hold it


def test_halves_of_letters_and_zeros_do_not_reach_what_is_kept(server: Server) -> None:
    server.blobs["blob-M1"] = Reply(404)
    headers = [{"name": f"Subject{HALF}", "value": f" a{HALF}\0b"}, {"name": "From", "value": " \U0001f600"}]
    entry = fetched(server, 1, size=5000, headers=headers)
    assert isinstance(entry, Received)
    assert entry.raw.decode().split("\r\n")[:2] == ["Subject?: a?\0b", "From: \U0001f600"]
    for id_ in ("M\0", "M 1", "é"):
        lists(server, email(id_))
        assert "ids" in fails(server).cause or "id" in fails(server).cause
    server.methods["Email/get"] = lambda arguments: {"state": "s\0", "list": []}
    assert "state" in fails(server).cause


# --- marking ----------------------------------------------------------------------------------------------


def test_no_more_are_marked_at_once_than_the_server_takes(server: Server) -> None:
    core = {"urn:ietf:params:jmap:core": {"maxObjectsInSet": 3}}
    server.session = session(capabilities={**session()["capabilities"], **core})
    emails = [email(f"M{number}") for number in range(7)]
    server.methods["Email/get"] = gives(*emails)
    server.methods["Email/set"] = lambda arguments: {
        "updated": dict.fromkeys(arguments["update"]),
        "notUpdated": None,
    }
    ids = [value["id"] for value in emails]
    assert list(server.connect().mark(ids, Action.MOVE, "Placet/Processed")) == [(id_, id_) for id_ in ids]
    patches = [call["update"] for call in server.called("Email/set")]
    assert [len(patch) for patch in patches] == [3, 3, 1]
    assert patches[0]["M0"] == {"mailboxIds/mb-in": None, "mailboxIds/mb-done": True}


@pytest.mark.parametrize(
    ("mailboxes", "patch"),
    [
        (["mb-in", "label"], {"mailboxIds/mb-in": None, "mailboxIds/mb-done": True}),
        (
            ["mb-in", "mb-junk"],
            {"mailboxIds/mb-in": None, "mailboxIds/mb-junk": None, "mailboxIds/mb-done": True},
        ),
        (["mb-aside"], {"mailboxIds/mb-aside": None, "mailboxIds/mb-done": True}),
        (["mb-done"], None),
        (["somewhere else"], None),
    ],
)
def test_a_mail_leaves_only_what_placet_takes_from_or_moved_it_to(
    server: Server, mailboxes: list[str], patch: dict[str, Any] | None
) -> None:
    server.methods["Email/get"] = gives(email("M1", *mailboxes))
    server.methods["Email/set"] = lambda arguments: {"updated": dict.fromkeys(arguments["update"])}
    assert list(server.connect().mark(["M1"], Action.MOVE, "Placet/Processed")) == [("M1", "M1")]
    assert [call["update"] for call in server.called("Email/set")] == ([{"M1": patch}] if patch else [])


def test_what_is_refused_for_one_mail_stops_none_beside_it(server: Server) -> None:
    server.methods["Email/get"] = gives(email("M1"), email("M2"), email("M3"))
    refused = {"M1": {"type": "tooManyKeywords", "description": "Too many."}, "M2": {"type": "notFound"}}
    server.methods["Email/set"] = {"updated": {"M3": None}, "notUpdated": refused}
    outcomes = dict(server.connect().mark(["M1", "M2", "M3"], Action.MARK_READ, ""))
    assert isinstance(outcomes["M1"], MailError) and "Too many." in str(outcomes["M1"])
    assert (outcomes["M2"], outcomes["M3"]) == ("M2", "M3")


@pytest.mark.parametrize(
    ("type_", "kind"), [("overQuota", FixNeeded), ("rateLimit", Wait), ("serverFail", Wait)]
)
def test_what_holds_for_all_of_the_mailbox_comes_after_those_that_were_marked(
    server: Server, type_: str, kind: type[MailboxError]
) -> None:
    server.methods["Email/get"] = gives(email("M1"), email("M2"))
    server.methods["Email/set"] = {"updated": {"M2": None}, "notUpdated": {"M1": {"type": type_}}}
    marked = []
    with pytest.raises(kind):
        for id_, _outcome in server.connect().mark(["M1", "M2"], Action.MARK_READ, ""):
            marked.append(id_)
    assert marked == ["M2"]


# --- sending ----------------------------------------------------------------------------------------------


def sends(server: Server, submission: dict[str, Any], imported: dict[str, Any] | None = None) -> None:
    """What Email/import and EmailSubmission/set answer."""
    server.methods["Email/import"] = imported or {"created": {"mail": {"id": "M9", "blobId": "b", "size": 1}}}
    server.methods["EmailSubmission/set"] = submission
    server.methods["Email/set"] = {"destroyed": ["M9"]}


SENT = {"created": {"sent": {"id": "es-1", "undoStatus": "final"}}, "notCreated": None}


def test_a_mail_is_drafted_and_submitted_in_one_request(server: Server) -> None:
    sends(server, SENT)
    connection = server.connect()
    connection.send(RAW.replace(b"Subject:", b"Bcc: bob@example.org\r\nSubject:"), REFERENCE)
    [upload] = server.stub.to("/upload/")
    assert upload.headers["content-type"] == "message/rfc822"
    assert upload.body == RAW, "whom nobody else is to know stands in the envelope alone"
    body = json.loads(server.stub.to("/api/")[-1].body)
    received_at = body["methodCalls"][0][1]["emails"]["mail"].pop("receivedAt")
    assert received_at.endswith("Z")
    failures = {"parameters": {"NOTIFY": "FAILURE,DELAY"}}
    assert body == {
        "using": ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail", "urn:ietf:params:jmap:submission"],
        "methodCalls": [
            ["Email/import", {"accountId": ACCOUNT, "emails": {"mail": {
                "blobId": "blob-up", "mailboxIds": {"mb-drafts": True}, "keywords": {"$draft": True, "$seen": True},
            }}}, "0"],
            ["EmailSubmission/set", {"accountId": ACCOUNT, "create": {"sent": {
                "identityId": "id-1", "emailId": "#mail", "envelope": {
                    "mailFrom": {
                        "email": "approvals@example.com", "parameters": {"RET": "HDRS", "ENVID": REFERENCE},
                    },
                    "rcptTo": [{"email": "ann@example.org", **failures}, {"email": "bob@example.org", **failures}],
                },
            }}, "onSuccessUpdateEmail": {"#sent": {
                "keywords/$draft": None, "mailboxIds/mb-drafts": None, "mailboxIds/mb-sent": True,
            }}}, "1"],
        ],
    }  # fmt: skip


def test_what_was_drafted_before_is_submitted_and_not_doubled(server: Server) -> None:
    existing = {"created": None, "notCreated": {"mail": {"type": "alreadyExists", "existingId": "M7"}}}
    sends(server, SENT, existing)
    server.connect().send(RAW, REFERENCE)
    assert [call["create"]["sent"]["emailId"] for call in server.called("EmailSubmission/set")] == [
        "#mail",
        "M7",
    ]


def refused(type_: str, description: str = "", **more: Any) -> dict[str, Any]:
    return {"created": None, "notCreated": {"sent": {"type": type_, "description": description, **more}}}


#: RFC 8621 7.5, by type: what it is, whether the mail is certainly not sent, and a word of what is said.
REFUSALS: list[tuple[dict[str, Any], type[Exception], bool, str]] = [
    (refused("tooLarge", maxSize=1), Refused, True, "larger"),
    (refused("tooManyRecipients", maxRecipients=1), Refused, True, "tooManyRecipients"),
    (refused("noRecipients"), Refused, True, "noRecipients"),
    (refused("invalidRecipients", invalidRecipients=["ann@example.org"]), Refused, True, "ann@example.org"),
    (refused("invalidEmail", "No From."), Refused, True, "No From."),
    (refused("invalidProperties", properties=["emailId"]), Refused, True, "invalidProperties"),
    (refused("forbiddenFrom"), FixNeeded, True, "send as"),
    (refused("forbiddenMailFrom"), FixNeeded, True, "send as"),
    (refused("forbiddenToSend", "Your account is locked."), FixNeeded, True, "send mail"),
    (refused("forbiddenToSend", "5.7.1 <a@b>: Relay access denied"), Refused, True, "Relay access denied"),
    (refused("forbiddenToSend", "4.7.1 Greylisted, come again"), Wait, True, "Greylisted"),
    (refused("rateLimit"), Wait, True, "rateLimit"),
    (refused("overQuota"), FixNeeded, True, "full"),
    (refused("serverFail"), Wait, False, "serverFail"),
    ({"type": "serverPartialFail"}, Wait, False, "serverPartialFail"),
    ({"type": "forbidden"}, FixNeeded, True, "send mail"),
]


@pytest.mark.parametrize(("submission", "kind", "not_done", "words"), REFUSALS)
def test_each_refusal_of_a_mail(
    server: Server, submission: dict[str, Any], kind: type[Exception], not_done: bool, words: str
) -> None:
    sends(server, submission)
    with pytest.raises(kind, match=words) as caught:
        server.connect().send(RAW, REFERENCE)
    assert isinstance(caught.value, MailboxError | MailError)
    assert caught.value.not_done == not_done
    discarded = [call["destroy"] for call in server.called("Email/set")]
    assert discarded == ([["M9"]] if not_done else []), "a draft stays where it may have been sent"


@pytest.mark.parametrize(
    ("imported", "kind"),
    [
        ({"notCreated": {"mail": {"type": "tooLarge"}}}, Refused),
        ({"notCreated": {"mail": {"type": "invalidEmail"}}}, Refused),
        ({"notCreated": {"mail": {"type": "overQuota"}}}, FixNeeded),
        ({"type": "accountReadOnly"}, FixNeeded),
    ],
)
def test_a_mail_that_cannot_be_drafted_is_not_sent(
    server: Server, imported: dict[str, Any], kind: type[Exception]
) -> None:
    sends(server, {"type": "invalidResultReference"}, imported)
    with pytest.raises(kind) as caught:
        server.connect().send(RAW, REFERENCE)
    assert isinstance(caught.value, MailboxError | MailError) and caught.value.not_done


@pytest.mark.parametrize(
    ("of_server", "kind"), [(True, Wait), (False, FixNeeded)], ids=["away", "not offered"]
)
def test_an_account_that_may_not_send_is_asked_again_where_its_server_can(
    server: Server, of_server: bool, kind: type[MailboxError]
) -> None:
    """Cyrus takes it from the account as long as its mail server does not answer."""
    whole = session()
    del whole["accounts"][ACCOUNT]["accountCapabilities"][SUBMISSION]
    if not of_server:
        del whole["capabilities"][SUBMISSION]
    server.session = whole
    connection = server.connect()
    with pytest.raises(kind, match="does not let") as caught:
        connection.send(RAW, REFERENCE)
    assert caught.value.not_done
    server.session = session()
    sends(server, SENT)
    connection.send(RAW, REFERENCE)
    assert server.called("EmailSubmission/set")


def test_until_a_mail_is_drafted_all_failures_are_before_sending(server: Server) -> None:
    server.faults = [Reply(500)]
    error = fails(server, lambda connection: connection.send(RAW, REFERENCE))
    assert error.not_done
    server.session = session(uploadUrl="/nowhere")
    assert fails(server, lambda connection: connection.send(RAW, REFERENCE)).not_done
    assert server.called("EmailSubmission/set") == []


@pytest.mark.parametrize(
    ("emails", "identity"),
    [
        (["other@example.com", "Approvals@Example.com"], "id-1"),
        (["*@example.com", "approvals@example.com"], "id-1"),
        (["x@example.com", "*@example.com"], "id-1"),
        (["*@other.example", "other@example.com", ""], None),
        ([], None),
    ],
)
def test_only_as_the_mailbox_is_sent(server: Server, emails: list[str], identity: str | None) -> None:
    listed = [{"id": f"id-{number}", "email": one} for number, one in enumerate(emails)]
    server.methods["Identity/get"] = {"list": listed}
    connection = server.connect()
    if identity is None:
        assert "identity" in fails(server, lambda connection: connection.send(RAW, REFERENCE)).cure
    else:
        assert connection.identity().id == identity


def test_a_draft_that_is_left_says_perhaps_unless_the_server_knows(server: Server) -> None:
    drafts: list[str] = []
    server.methods["Email/get"] = gives(
        email("M9", "mb-drafts", **{"header:Message-ID:asRaw": " <a@example.com>"})
    )

    def query(arguments: dict[str, Any]) -> dict[str, Any]:
        wanted = arguments["filter"]
        return {
            "ids": drafts
            if wanted.get("hasKeyword") == "$draft" and wanted["inMailbox"] == "mb-drafts"
            else []
        }

    server.methods["Email/query"] = query
    server.methods["EmailSubmission/query"] = {"ids": []}

    def asked() -> bool | None:
        return server.connect().was_sent("<a@example.com>", REFERENCE, LONG_AGO)

    assert asked() is False
    drafts.append("M9")
    assert asked() is None
    server.methods["EmailSubmission/query"] = {"ids": ["es-1"]}
    assert asked() is True


def test_where_headers_are_not_searched_what_was_sent_is_looked_through(server: Server) -> None:
    def query(arguments: dict[str, Any]) -> dict[str, Any]:
        if "header" in arguments["filter"]:
            return {"type": "unsupportedFilter"}
        is_there = arguments["filter"].get("notKeyword") == "$draft" and arguments["position"] == 0
        return {"ids": ["M1"] if is_there else []}

    server.methods["Email/query"] = query
    server.methods["Email/get"] = gives(
        email("M1", "mb-sent", **{"header:Message-ID:asRaw": " <a@example.com>"})
    )
    assert server.connect().was_sent("<a@example.com>", REFERENCE, LONG_AGO) is True
    assert server.connect().was_sent("<b@example.com>", REFERENCE, LONG_AGO) is False


def test_large_answers_end(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placet.mailboxes.jmap.client.LARGEST_JSON", 10_000)
    server.methods["Mailbox/get"] = {"list": [{"id": "a", "name": "x" * 20_000}]}
    assert "too large" in fails(server).cause
    server.session = session(username="x" * 20_000)
    assert "too large" in fails(server).cause


def test_after_the_session_changed_it_is_asked_for_again(server: Server) -> None:
    connection = server.connect()
    everything(connection)
    server.faults = [
        as_json({"methodResponses": [["Email/get", {"list": []}, "0"]], "sessionState": "another"})
    ]
    list(connection.fetch([Seen("M1", Folder.INBOX)], 10))
    everything(connection)
    assert len(server.stub.to("/.well-known/jmap")) == 2
