"""Single mails through Microsoft Graph: fetched, sent, marked, found in Sent Items, known by other ids. Literal
bytes."""

import base64
import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

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
    SentCopy,
    SentMail,
    Wait,
)
from placet.mailboxes.microsoft.exchange_errors import REFUSALS

from .graph_stub import (
    AT,
    HTML,
    PAGE,
    USER,
    message,
    mime,
    properties,
    query_of,
    refused,
    reply,
    seen,
)
from .stub import (
    Reply,
    Request,
    Stub,
    mark_one,
)


def fetch_one(stub: Stub, max_size: int = 10**6, size: int | None = None) -> Any:
    [found] = stub.graph_connection().fetch([seen(size=size)], max_size)
    return found


# -- fetching ------------------------------------------------------------------------------------------------


def test_a_mail_comes_whole(stub: Stub) -> None:
    block = "Received: x\r\nX-MS-Exchange-Organization-AuthAs: Internal"
    stub.graph_replies = [
        reply(
            {
                "id": "A1=",
                "receivedDateTime": "2026-11-24T11:00:02+01:00",
                "internetMessageId": "<m1@contoso.example>",
                "sender": {"emailAddress": {"name": "Ann", "address": "Ann@Contoso.example"}},
                "from": {"emailAddress": {"name": "Ann", "address": "/O=EXCHANGELABS/OU=X/CN=ann@x"}},
                "singleValueExtendedProperties": properties(
                    headers=block, item_class="IPM.Note", size="8123", voting="Approve"
                ),
            }
        ),
        mime(),
    ]
    assert fetch_one(stub) == Received(
        server_id="A1=",
        folder=Folder.INBOX,
        raw=b"From: ann@contoso.example\r\n\r\nYes",
        transport_headers=block,
        item_class="IPM.Note",
        received_at=AT,
        size=8123,
        sender="ann@contoso.example",
        from_="",
        message_id="<m1@contoso.example>",
        voting="Approve",
    )
    first, second = stub.graph_requests
    assert urlsplit(first.path).path == f"{USER}/messages/A1%3D"
    assert second.path == f"{USER}/messages/A1%3D/$value"
    assert query_of(first)["$expand"] == (
        "singleValueExtendedProperties($filter=id eq 'String 0x007D' or id eq 'String 0x001A' or id eq 'String "
        "{00062008-0000-0000-C000-000000000046} Id 0x8524' or id eq 'Integer 0x0E08')"
    )


@pytest.mark.parametrize("name", ["String 0x007D", "String 0x7d", "string 0X7D", "String 0x7D"])
def test_a_property_is_found_by_number(stub: Stub, name: str) -> None:
    values = [{"id": "String 0x7c", "value": "no"}, {"id": name, "value": "Subject: yes"}]
    stub.graph_replies = [reply({"singleValueExtendedProperties": values}), mime()]
    assert fetch_one(stub).transport_headers == "Subject: yes"


def test_the_header_of_the_mime_stands_in_only_where_the_property_is_absent(stub: Stub) -> None:
    stub.graph_replies = [reply({"singleValueExtendedProperties": properties(headers="")}), mime()]
    assert fetch_one(stub).transport_headers == ""
    stub.graph_replies = [reply({"id": "A1="}), mime()]
    assert fetch_one(stub).transport_headers == "From: ann@contoso.example"


@pytest.mark.parametrize(
    "odd",
    [
        {"singleValueExtendedProperties": 7, "sender": "x", "from": [], "receivedDateTime": 5},
        {"singleValueExtendedProperties": [None, 7, {"id": 7, "value": "x"}, {"id": "x", "value": {}}]},
        {"sender": {"emailAddress": "x"}, "from": {"emailAddress": {"address": None}}},
        {"receivedDateTime": "0001-01-01T00:00:00+10:00", "internetMessageId": ["x"]},
        {"singleValueExtendedProperties": properties(size="-1")},
        {"singleValueExtendedProperties": properties(size="9" * 1_000_000)},
        {"receivedDateTime": "9" * 1_000_000},
        {},
    ],
)
def test_values_of_the_wrong_kind_count_as_absent(stub: Stub, odd: dict[str, object]) -> None:
    stub.graph_replies = [reply(odd), mime()]
    mail = fetch_one(stub)
    assert (mail.sender, mail.from_, mail.message_id, mail.received_at) == ("", "", "", None)
    assert mail.raw
    assert mail.size == len(mail.raw)


def test_a_value_of_a_million_characters_comes_whole(stub: Stub) -> None:
    headers = "Subject: " + "x" * 1_000_000
    stub.graph_replies = [reply({"singleValueExtendedProperties": properties(headers=headers)}), mime()]
    assert fetch_one(stub).transport_headers == headers


def test_an_error_of_one_mail_leaves_the_others_alone(stub: Stub) -> None:
    def answer(request: Request) -> Reply | None:
        path = urlsplit(request.path).path
        if "/oauth2/" in path:
            return None
        one = {
            "GONE": refused(404, "ErrorItemNotFound"),
            "BAD": refused(400, "ErrorInvalidIdMalformed", "Id is malformed."),
            "SHUT": refused(403, "ErrorAccessDenied"),
            "CORRUPT": refused(500, "ErrorMimeContentConversionFailed"),
            "NEW": refused(400, "ErrorBrandNew"),
        }
        for name, error in one.items():
            if name in path:
                return error
        if path.endswith("/LATER/$value"):
            return refused(404, "ErrorItemNotFound")
        return mime() if path.endswith("/$value") else message()

    stub.answer = answer
    names = ["A1", "GONE", "BAD", "SHUT", "CORRUPT", "NEW", "LATER", "A8"]
    found = list(stub.graph_connection().fetch([seen(name) for name in names], 10**6))
    kinds = [type(entry) if isinstance(entry, Received) else type(entry[1]) for entry in found]
    assert kinds == [Received, Gone, MailError, MailError, Refused, MailError, Gone, Received]
    codes = [entry[1].code for entry in found if isinstance(entry, tuple)]
    assert codes[1:5] == [
        "ErrorInvalidIdMalformed",
        "ErrorAccessDenied",
        "ErrorMimeContentConversionFailed",
        "ErrorBrandNew",
    ]
    assert "Mail.ReadWrite may be missing" in str(found[3])


def test_a_busy_server_in_the_middle_stops_the_mailbox_and_no_mail(stub: Stub) -> None:
    stub.graph_replies = [message(), mime(), refused(429, "TooManyRequests", **{"Retry-After": "7"})]
    fetched = stub.graph_connection().fetch([seen("A1="), seen("A2=")], 10**6)
    assert isinstance(next(fetched), Received)
    with pytest.raises(Wait) as caught:
        next(fetched)
    assert (caught.value.seconds, caught.value.not_done) == (7, True)


def test_a_mail_above_the_limit_comes_as_headers_without_being_fetched(stub: Stub) -> None:
    stub.graph_replies = [
        reply({"singleValueExtendedProperties": properties(headers="Subject: big", size="5000")})
    ]
    mail = fetch_one(stub, max_size=1500)
    assert mail.too_large
    assert (mail.raw, mail.size) == (b"Subject: big\r\n\r\n", 5000)
    assert len(stub.graph_requests) == 1


def test_a_mail_that_turns_out_larger_than_it_said_comes_as_headers(stub: Stub) -> None:
    stub.graph_replies = [message(), mime(b"x" * 2000)]
    mail = fetch_one(stub, max_size=1500)
    assert mail.too_large
    assert mail.raw == b"Received: x\r\nSubject: y\r\n\r\n"
    stub.graph_replies = [message(), mime(b"x" * 1500)]
    assert not fetch_one(stub, max_size=1500).too_large


@pytest.mark.parametrize(
    "spoilt",
    [
        Reply(200, b"<html>Sign in</html>", {"Content-Type": "text/html"}),
        Reply(200, b"  <!DOCTYPE html><html>", {"Content-Type": "text/plain"}),
        Reply(204),
    ],
)
def test_one_mail_whose_answer_is_none_is_found_and_a_proxys_page_is_no_mails_fault(
    stub: Stub, spoilt: Reply
) -> None:
    folder = reply({"id": "F", "displayName": "Inbox", "totalItemCount": 3})
    stub.graph_replies = [message(), spoilt, folder]
    assert fetch_one(stub)[1].code == "Unreadable"
    stub.graph_replies = [message(), spoilt]
    with pytest.raises(MailboxError):
        fetch_one(stub)


def test_half_a_mail_is_none(stub: Stub) -> None:
    stub.graph_replies = [message(), Reply(200, b"From: ann@contoso.example\r\n\r\nYes, but", cut_after=30)]
    with pytest.raises(Wait, match="cut"):
        fetch_one(stub)


# -- sending and marking -------------------------------------------------------------------------------------


def test_a_sent_mail_carries_its_bytes(stub: Stub) -> None:
    stub.graph_replies = [Reply(202)]
    raw = b"From: x@y.example\r\nSubject: \xff\r\n\r\nb\x00dy"
    stub.graph_connection().send(raw, "")
    [request] = stub.graph_requests
    assert (request.method, request.path) == ("POST", f"{USER}/sendMail")
    assert request.headers["content-type"] == "text/plain"
    assert base64.b64decode(request.body) == raw


@pytest.mark.parametrize("code", sorted(REFUSALS))
@pytest.mark.parametrize("status", [400, 403, 413, 500])
def test_a_mail_that_never_goes_is_refused(stub: Stub, code: str, status: int) -> None:
    stub.graph_replies = [refused(status, code)]
    with pytest.raises(Refused) as caught:
        stub.graph_connection().send(b"From: x", "")
    assert caught.value.code == code


@pytest.mark.parametrize(
    "answer", [Reply(413), Reply(413, PAGE, HTML), refused(413, "RequestEntityTooLarge", "Too long.")]
)
def test_a_mail_that_the_front_door_finds_too_large_is_refused(stub: Stub, answer: Reply) -> None:
    stub.graph_replies = [answer]
    with pytest.raises(Refused, match="larger"):
        stub.graph_connection().send(b"From: x", "")


@pytest.mark.parametrize("code", ["ErrorSendAsDenied", "ErrorQuotaExceeded", "ErrorAccessDenied"])
def test_what_concerns_every_mail_stops_the_mailbox(stub: Stub, code: str) -> None:
    stub.graph_replies = [refused(403, code)]
    with pytest.raises(FixNeeded):
        stub.graph_connection().send(b"From: x", "")


@pytest.mark.parametrize(
    ("answer", "not_done"),
    [
        (refused(400, "ErrorBrandNew"), True),
        (refused(400, "ErrorInvalidRecipients"), True),
        (refused(403, "ErrorSendAsDenied"), True),
        (refused(408, "RequestTimeout"), False),
        (refused(500, "ErrorInternalServerError"), False),
        (refused(500, "ErrorMimeContentInvalid"), False),
        (refused(504, "UnknownError"), False),
        (Reply(502, PAGE, HTML), False),
        (Reply(203), False),
    ],
)
def test_it_is_known_whether_the_server_said_that_it_did_not_send(
    stub: Stub, answer: Reply, not_done: bool
) -> None:
    stub.graph_replies = [answer]
    with pytest.raises((MailError, MailboxError)) as caught:
        stub.graph_connection().send(b"From: x", "")
    assert isinstance(caught.value, MailError | MailboxError)
    assert caught.value.not_done == not_done


@pytest.mark.parametrize("answer", [Reply(200, PAGE, HTML), reply({}), Reply(204), Reply(302)])
def test_only_the_word_for_taken_counts_as_sent(stub: Stub, answer: Reply) -> None:
    stub.graph_replies = [answer]
    with pytest.raises(MailboxError):
        stub.graph_connection().send(b"From: x", "")


def folders(*names_: str) -> Reply:
    return reply({"value": [{"id": f"F-{name}", "displayName": name} for name in names_]})


def well_known(id_: str) -> Reply:
    return reply({"id": id_})


WATCHED = [well_known("INBOX"), well_known("JUNK")]
MOVED = reply({"id": "A1="}, 201)
ITEM_GONE = refused(404, "ErrorItemNotFound")


def test_a_mail_moves_to_a_folder_that_is_found_once(stub: Stub) -> None:
    stub.graph_replies = [folders("Placet"), folders("Processed"), *WATCHED, MOVED]
    connection = stub.graph_connection()
    assert mark_one(connection, "A1=", Action.MOVE, "Placet/Processed") == "A1="
    assert mark_one(connection, "A1=", Action.MOVE, "Placet/Processed") == "A1="
    paths = [urlsplit(request.path).path for request in stub.graph_requests]
    assert paths == [
        f"{USER}/mailFolders/msgfolderroot/childFolders",
        f"{USER}/mailFolders/F-Placet/childFolders",
        f"{USER}/mailFolders/inbox",
        f"{USER}/mailFolders/junkemail",
        f"{USER}/messages/A1%3D/move",
        f"{USER}/messages/A1%3D/move",
    ]
    assert json.loads(stub.graph_requests[-1].body) == {"destinationId": "F-Processed"}


def test_a_name_with_a_quote_is_looked_for_as_it_is(stub: Stub) -> None:
    stub.graph_replies = [folders("Ann's & Bob's"), *WATCHED, MOVED]
    mark_one(stub.graph_connection(), "A1=", Action.MOVE, "Ann's & Bob's")
    assert query_of(stub.graph_requests[0])["$filter"] == "displayName eq 'Ann''s & Bob''s'"


def test_a_server_that_does_not_hear_the_filter_does_not_move_mail_elsewhere(stub: Stub) -> None:
    stub.graph_replies = [folders("Archive", "PLACET", "Inbox"), *WATCHED, MOVED]
    mark_one(stub.graph_connection(), "A1=", Action.MOVE, "Placet")
    assert json.loads(stub.graph_requests[-1].body) == {"destinationId": "F-PLACET"}


def test_a_mail_is_marked_read(stub: Stub) -> None:
    stub.graph_replies = [message()]
    assert mark_one(stub.graph_connection(), "A1=", Action.MARK_READ, "") == "A1="
    [request] = stub.graph_requests
    assert (request.method, json.loads(request.body)) == ("PATCH", {"isRead": True})


def test_a_mail_is_deleted_by_a_move_that_can_be_repeated(stub: Stub) -> None:
    stub.graph_replies = [MOVED]
    assert mark_one(stub.graph_connection(), "A1=", Action.DELETE, "") == "A1="
    [request] = stub.graph_requests
    assert (request.method, json.loads(request.body)) == ("POST", {"destinationId": "deleteditems"})


@pytest.mark.parametrize("action", list(Action))
def test_marking_a_mail_that_is_gone_is_no_error(stub: Stub, action: Action) -> None:
    def answer(request: Request) -> Reply | None:
        if "/oauth2/" in request.path:
            return None
        if "childFolders" in request.path:
            return folders("Placet")
        return ITEM_GONE if "/messages/" in request.path else well_known(request.path)

    stub.answer = answer
    assert mark_one(stub.graph_connection(), "GONE=", action, "Placet") == "GONE="
    assert stub.graph_requests


@pytest.mark.parametrize("code", ["ErrorItemNotFound", "ErrorFolderNotFound", "ErrorToFolderNotFound"])
def test_a_remembered_folder_that_was_deleted_is_made_again(stub: Stub, code: str) -> None:
    stub.graph_replies = [
        folders("Placet"),
        *WATCHED,
        refused(404, code),
        folders(),
        reply({"id": "NEW"}, 201),
        MOVED,
    ]
    assert mark_one(stub.graph_connection(), "A1=", Action.MOVE, "Placet") == "A1="
    assert json.loads(stub.graph_requests[-1].body) == {"destinationId": "NEW"}


@pytest.mark.parametrize("taken", [("F-Posteingang", "JUNK"), ("INBOX", "F-Posteingang")])
def test_no_mail_is_moved_to_where_mail_is_taken_from_whatever_it_is_called(
    stub: Stub, taken: tuple[str, str]
) -> None:
    stub.graph_replies = [folders("Posteingang"), *map(well_known, taken)]
    connection = stub.graph_connection()
    for _ in range(2):
        with pytest.raises(FixNeeded, match="takes mail from the folder “Posteingang”"):
            mark_one(connection, "A1=", Action.MOVE, "Posteingang")
    assert not stub.to("/move")


def test_where_mail_is_taken_from_must_be_known_before_any_is_moved(stub: Stub) -> None:
    stub.graph_replies = [folders("Placet"), refused(403, "ErrorAccessDenied")]
    with pytest.raises(FixNeeded):
        mark_one(stub.graph_connection(), "A1=", Action.MOVE, "Placet")
    stub.graph_replies = [folders("Placet"), reply({"id": None})]
    with pytest.raises(Wait):
        mark_one(stub.graph_connection(), "A1=", Action.MOVE, "Placet")


@pytest.mark.parametrize("status", [409, 400])
def test_a_folder_that_another_worker_makes_at_the_same_time_is_used(stub: Stub, status: int) -> None:
    there = refused(status, "ErrorFolderExists", "A folder with the specified name already exists.")
    stub.graph_replies = [folders(), there, folders("Placet"), *WATCHED, MOVED]
    mark_one(stub.graph_connection(), "A1=", Action.MOVE, "Placet")
    assert json.loads(stub.graph_requests[-1].body) == {"destinationId": "F-Placet"}


def test_a_folder_that_hides_itself_is_said_in_words(stub: Stub) -> None:
    stub.graph_replies = [folders(), refused(409, "ErrorFolderExists"), folders()]
    with pytest.raises(FixNeeded, match="another name"):
        mark_one(stub.graph_connection(), "A1=", Action.MOVE, "Placet")


# -- what was sent -------------------------------------------------------------------------------------------


def sent(*ids: str, at: datetime, link: str = "", subject: str = "Ask") -> Reply:
    stamp = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    value = [{"id": id_, "createdDateTime": stamp, "subject": subject} for id_ in ids]
    return reply({"value": value, **({"@odata.nextLink": link} if link else {})})


def test_a_mail_of_ours_is_found_by_its_message_id(stub: Stub) -> None:
    found = {"id": "S1=", "internetMessageId": "<it's@y.example>"}
    stub.graph_replies = [reply({"value": [found]})]
    assert stub.graph_connection().was_sent("<it's@y.example>", "k7f2", AT)
    [request] = stub.graph_requests
    assert query_of(request)["$filter"] == "internetMessageId eq '<it''s@y.example>'"


def test_a_replaced_message_id_is_seen_through_by_the_reference(stub: Stub) -> None:
    hidden = base64.b64encode(b"Your code: k7f2-ABCD\n")
    raw = b"Subject: =?utf-8?b?eA==?=\r\nContent-Transfer-Encoding: base64\r\n\r\n" + hidden
    stub.graph_replies = [
        reply({"value": [{"id": "OTHER=", "internetMessageId": "<z@y.example>"}]}),
        sent("S1=", at=AT, link=f"{stub.graph_url}/next"),
        message(),
        mime(),
        sent("S2=", at=AT),
        message(),
        mime(raw),
    ]
    assert stub.graph_connection().was_sent("<x@y.example>", "K7F2-abcd", AT, "Ask")
    assert len(stub.graph_requests) == 7
    assert query_of(stub.graph_requests[1])["$filter"] == "createdDateTime ge 2026-11-24T09:55:02Z"


def test_only_mails_of_that_subject_and_time_are_looked_into(stub: Stub) -> None:
    stub.graph_replies = [sent("S1=", at=AT)]
    assert not stub.graph_connection().was_sent("", "k7f2", AT, "Another")
    stub.graph_replies = [sent("S1=", at=AT - timedelta(minutes=6))]
    assert not stub.graph_connection().was_sent("", "k7f2", AT)
    assert not stub.to("/messages/")


def test_sent_items_that_lead_in_a_circle_end(stub: Stub) -> None:
    stub.graph_replies = [sent(at=AT, link=f"{stub.graph_url}/next")]
    assert not stub.graph_connection().was_sent("", "k7f2", AT)
    assert len(stub.graph_requests) == 2


@pytest.mark.parametrize(
    ("people", "address"),
    [
        ({"from": "Requests@y.example", "sender": "bob@y.example"}, "requests@y.example"),
        ({"from": "/O=EXCHANGELABS/CN=requests", "sender": "Requests@y.example"}, "requests@y.example"),
        ({"sender": "Requests@y.example"}, "requests@y.example"),
        ({"from": None}, ""),
        ({}, ""),
    ],
)
def test_a_copy_has_the_address_of_its_from_or_else_of_its_sender(
    stub: Stub, people: dict[str, str | None], address: str
) -> None:
    entry = {"id": "S1=", "subject": "Ask", "internetMessageId": "<z@y.example>"}
    named = {name: one and {"emailAddress": {"address": one}} for name, one in people.items()}
    stub.graph_replies = [reply({"value": [entry | named]})]
    copies = stub.graph_connection().copies_of_sent([SentMail("k7f2", "<x@y.example>", "Ask")], AT)
    assert copies == {"k7f2": SentCopy("<z@y.example>", address)}


# -- ids of the other way ------------------------------------------------------------------------------------


def test_ids_are_translated_a_thousand_at_once_and_what_fails_is_left_out(stub: Stub) -> None:
    def answer(request: Request) -> Reply | None:
        if "/oauth2/" in request.path:
            return None
        asked = json.loads(request.body)
        assert (asked["sourceIdType"], asked["targetIdType"]) == ("ewsId", "restImmutableEntryId")
        value: list[object] = [
            {"sourceId": id_, "targetId": f"I{id_}"} for id_ in asked["inputIds"] if id_ != "E7"
        ]
        value.append({"sourceId": "E7", "errorDetails": {"code": "ErrorItemNotFound", "message": "x"}})
        value.append({"sourceId": "FOREIGN", "targetId": "X"})
        return reply({"value": value})

    stub.answer = answer
    found = stub.graph_connection().known_as([f"E{number}" for number in range(1500)], "ews")
    assert found == {f"E{number}": f"IE{number}" for number in range(1500) if number != 7}
    assert [len(json.loads(request.body)["inputIds"]) for request in stub.graph_requests] == [1000, 500]


def test_a_busy_server_inside_a_translation_is_waited_for(stub: Stub) -> None:
    details = {"code": "ErrorServerBusy", "message": "x"}
    stub.graph_replies = [reply({"value": [{"sourceId": "E1", "errorDetails": details}]})]
    with pytest.raises(Wait):
        stub.graph_connection().translate(["E1"], "ews", "graph")


def test_an_application_that_may_not_translate_asks_mail_by_mail(stub: Stub) -> None:
    stub.graph_replies = [
        refused(403, "Authorization_RequestDenied"),
        ITEM_GONE,
        refused(400, "ErrorInvalidIdMalformed"),
        reply({"id": "IMM_u-t"}),
    ]
    assert stub.graph_connection().known_as(["GONE", "BAD", "AB+c/d="], "ews") == {"AB+c/d=": "IMM_u-t"}
    assert urlsplit(stub.graph_requests[-1].path).path == f"{USER}/messages/{quote('AB_c-d=')}"


def test_an_application_that_may_not_translate_cannot_tell_the_ids_of_the_other_way(stub: Stub) -> None:
    stub.graph_replies = [refused(403, "Authorization_RequestDenied")]
    assert stub.graph_connection().translate(["IMM_u-t"], "graph", "ews") == {}
    assert len(stub.graph_requests) == 1


def test_a_mailbox_that_does_not_open_is_said_and_not_taken_for_mails_that_are_gone(stub: Stub) -> None:
    stub.graph_replies = [refused(403, "ErrorAccessDenied")]
    with pytest.raises(FixNeeded):
        stub.graph_connection().known_as(["E1"], "ews")


def test_nothing_to_translate_asks_nothing(stub: Stub) -> None:
    assert stub.graph_connection().known_as([], "ews") == {}
    assert not stub.requests
