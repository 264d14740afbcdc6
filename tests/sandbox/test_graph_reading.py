"""Folders, messages, ids and delta of Graph, by literal requests."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from placet.sandbox import Sandbox
from placet.sandbox.graph import delta
from placet.sandbox.server import Mail
from tests.sandbox import wire
from tests.sandbox.graph_wire import IMMUTABLE, VOTE, Graph, refused
from tests.sandbox.wire import APPROVALS

INBOX = "~/mailFolders/inbox"
DELTA = f"{INBOX}/messages/delta"


@pytest.fixture
def graph(sandbox: Sandbox) -> Graph:
    return Graph(sandbox)


def arrive(sandbox: Sandbox, count: int = 1, **headers: str) -> list[Mail]:
    """Mails from ann to approvals, then all that approvals has."""
    for _ in range(count):
        sandbox.send_as("ann", wire.mail(**headers))
    return sandbox.mails("approvals")


def rest(mail_id: str) -> str:
    """Graph's letters for an id of EWS."""
    return mail_id.replace("/", "-").replace("+", "_")


def ids(value: list[Any]) -> list[str]:
    return [str(one["id"]) for one in value]


def subjects(value: list[Any]) -> list[str]:
    return [str(one["subject"]) for one in value]


# -- folders ---------------------------------------------------------------------------------------------------


def test_a_folder_is_found_by_its_well_known_name_or_id(sandbox: Sandbox, graph: Graph) -> None:
    arrive(sandbox)
    inbox = graph.get(INBOX).json
    assert (inbox["displayName"], inbox["totalItemCount"], inbox["unreadItemCount"]) == ("Inbox", 1, 1)
    assert inbox["@odata.context"].endswith("#users('approvals%40contoso.example')/mailFolders/$entity")
    by_id = graph.get(f"~/mailFolders/{inbox['id']}").json
    assert {**by_id, "@odata.context": 0} == {**inbox, "@odata.context": 0}
    # Folders have constant ids, whatever a client prefers.
    assert (
        graph.get(INBOX, IMMUTABLE).json["id"] == inbox["id"] == rest(sandbox.mailbox("approvals").inbox.id)
    )
    assert graph.get("~/mailFolders/JunkEmail", _select="displayName").json["displayName"] == "Junk Email"
    listed = graph.get("~/mailFolders").json["value"]
    names = {"Inbox", "Junk Email", "Sent Items", "Deleted Items", "Drafts"}
    assert {one["displayName"] for one in listed} == names


def test_child_folders_are_made_found_and_paged(graph: Graph) -> None:
    for name in ("Processed", "Refused", "Bob's"):
        made = graph("POST", f"{INBOX}/childFolders", {"displayName": name})
        assert (made.status, made.json["displayName"]) == (201, name)
    again = graph("POST", f"{INBOX}/childFolders", {"displayName": "processed"})
    refused(again, 409, "ErrorFolderExists", "A folder with the specified name already exists.")
    refused(graph("POST", f"{INBOX}/childFolders", {"displayName": " "}), 400, "ErrorFolderSave")
    [found] = graph.get(f"{INBOX}/childFolders", _filter="displayName eq 'Processed'").json["value"]
    assert found["parentFolderId"] == graph.get(INBOX).json["id"]
    assert found == {**found, "childFolderCount": 0, "totalItemCount": 0, "isHidden": False}
    [bobs] = graph.get(f"{INBOX}/childFolders", _filter="displayName eq 'Bob''s'").json["value"]
    assert bobs["displayName"] == "Bob's"
    first = graph.get(f"{INBOX}/childFolders", _top="2", _count="true").json
    assert (len(first["value"]), first["@odata.count"]) == (2, 3)
    [last] = graph.follow(first["@odata.nextLink"]).json["value"]
    assert last["displayName"] == "Bob's"
    assert graph.get(INBOX).json["childFolderCount"] == 3
    assert graph("POST", "~/mailFolders", {"displayName": "Top"}).status == 201


def test_a_folder_that_is_not_there_and_an_id_that_is_none(sandbox: Sandbox, graph: Graph) -> None:
    [mail] = arrive(sandbox)
    refused(graph.get(f"~/mailFolders/{rest(mail.id)}"), 404, "ErrorItemNotFound")
    refused(graph.get("~/mailFolders/calendar!"), 400, "ErrorInvalidIdMalformed", "Id is malformed.")
    refused(graph.get("~/mailFolders/Processed"), 400, "ErrorInvalidIdMalformed")


# -- messages --------------------------------------------------------------------------------------------------


def test_a_message_has_the_usual_properties_without_being_asked(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.send_as("ann", wire.mail(in_reply_to="<req@x>"), voting_response="Approve")
    [mail] = sandbox.mails("approvals")
    answer = graph.get(f"~/messages/{rest(mail.id)}").json
    person = {"emailAddress": {"name": "Ann Approver", "address": "ann@contoso.example"}}
    assert answer["from"] == answer["sender"] == person
    assert answer["subject"] == "RE: Request 42"
    assert answer["internetMessageId"] == mail.message_id
    assert answer["receivedDateTime"] == f"{mail.received:%Y-%m-%dT%H:%M:%SZ}"
    assert answer["body"]["contentType"] == "html"
    assert "Approve" in answer["body"]["content"]
    assert answer["bodyPreview"] == "Approve"
    assert (answer["isRead"], answer["isDraft"], answer["hasAttachments"]) == (False, False, False)
    assert answer["parentFolderId"] == graph.get(INBOX).json["id"]
    assert answer["@odata.etag"] == f'W/"{answer["changeKey"]}"'
    # These come only when they are named.
    assert not {"internetMessageHeaders", "singleValueExtendedProperties", "uniqueBody"} & set(answer)
    text = graph.get(f"~/messages/{rest(mail.id)}", {"Prefer": 'outlook.body-content-type="text"'}).json
    assert text["body"] == {"contentType": "text", "content": "Approve\r\n"}


def test_only_what_is_selected_is_given_and_the_id_always(sandbox: Sandbox, graph: Graph) -> None:
    [mail] = arrive(sandbox)
    path = f"~/messages/{rest(mail.id)}"
    answer = graph.get(path, _select="subject,internetMessageHeaders").json
    assert set(answer) == {"@odata.context", "@odata.etag", "id", "subject", "internetMessageHeaders"}
    headers = answer["internetMessageHeaders"]
    assert headers[0]["name"] == "Received"
    assert {"name": "X-MS-Exchange-Organization-AuthAs", "value": "Internal"} in headers
    refused(
        graph.get(path, _select="subject,colour"),
        400,
        "RequestBroker--ParseUri",
        "Could not find a property named 'colour' on type 'microsoft.graph.message'.",
    )
    refused(graph.get(path, _filter="isRead eq false"), 400, "ErrorInvalidUrlQuery")


def test_extended_properties_are_given_under_the_ids_of_exchange(sandbox: Sandbox, graph: Graph) -> None:
    raw = wire.mail(x_auto_response_suppress="OOF, AutoReply", x_placet="yes", in_reply_to="<req@x>")
    sandbox.send_as("ann", raw, voting_response="Approve")
    [mail] = sandbox.mails("approvals")
    path = f"~/messages/{rest(mail.id)}"

    def asked(*wanted: str) -> dict[str, str]:
        which = " or ".join(f"id eq '{one}'" for one in wanted)
        answer = graph.get(path, _select="id", _expand=f"singleValueExtendedProperties($filter={which})").json
        return {one["id"]: one["value"] for one in answer.get("singleValueExtendedProperties", ())}

    assert asked(VOTE, "String 0x007D", "String 0x001A", "Integer 0x3FDF", "Integer 0x0E08") == {
        "String {00062008-0000-0000-c000-000000000046} Id 0x8524": "Approve",
        "String 0x7d": mail.transport_headers,
        "String 0x1a": "IPM.Note",
        "Integer 0x3fdf": "48",
        "Integer 0xe08": str(len(mail.mime)),
    }
    named = "String {00020386-0000-0000-C000-000000000046} Name X-Placet"
    assert asked(named) == {"String {00020386-0000-0000-c000-000000000046} Name X-Placet": "yes"}
    assert asked("String 0x1042", "String 0x1035") == {
        "String 0x1042": "<req@x>",
        "String 0x1035": mail.message_id,
    }
    # Under another type it is another property, which is not there; then nothing is said of it.
    assert asked("Integer 0x007D", "String 0x3FDF", "String 0x3001") == {}
    for wrong in ("0x007D", "Text 0x007D", "String 0x", "String {0} Id 0x1", ""):
        refused(
            graph.get(path, _expand=f"singleValueExtendedProperties($filter=id eq '{wrong}')"),
            400,
            "ErrorInvalidExtendedProperty",
        )
    for wrong in (
        "singleValueExtendedProperties",
        "attachments",
        "singleValueExtendedProperties($filter=id)",
    ):
        assert graph.get(path, _expand=wrong).status == 400


def test_the_mime_content_is_the_very_bytes_that_ews_gives(sandbox: Sandbox, graph: Graph) -> None:
    [mail] = arrive(sandbox)
    answer = graph.get(f"~/messages/{rest(mail.id)}/$value")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain")
    assert answer.body == mail.mime
    assert b"X-MS-Exchange-Organization-AuthAs: Internal\r\n" in answer.body
    odd = sandbox.place("approvals", b"\xff\x00no header\n\r")
    assert graph.get(f"~/messages/{rest(odd.id)}/$value").body == b"\xff\x00no header\n\r"
    assert graph.get(f"{INBOX}/messages/{rest(mail.id)}/$value").body == mail.mime
    refused(graph.get(f"~/mailFolders/drafts/messages/{rest(mail.id)}"), 404, "ErrorItemNotFound")


def test_what_json_and_xml_cannot_carry_survives(sandbox: Sandbox, graph: Graph) -> None:
    odd = sandbox.place("approvals", b"Subject: a\x01b \xc3\xa9 =?utf-8?q?=E2=82=AC=00?= <&>\r\n\r\nx")
    assert graph.get(f"~/messages/{rest(odd.id)}").json["subject"] == "a\x01b é €\x00 <&>"


def test_messages_are_filtered(sandbox: Sandbox, graph: Graph) -> None:
    one = arrive(sandbox)[0]
    two = arrive(sandbox, subject="It's a holiday")[1]
    sandbox.mark_read("approvals", two.id)
    today = f"{datetime.now(UTC):%Y-%m-%d}T00:00:00Z"
    cases = {
        "isRead eq false": [one.id],
        "isRead eq true": [two.id],
        "isRead ne true": [one.id],
        "subject eq 'it''s a HOLIDAY'": [two.id],
        f"internetMessageId eq '{one.message_id}'": [one.id],
        f"internetMessageId eq '{(one.message_id or '').swapcase()}'": [],
        f"receivedDateTime ge {today}": [two.id, one.id],
        f"receivedDateTime ge {today} and isRead eq false": [one.id],
        "receivedDateTime gt 2999-01-01T00:00:00Z": [],
        "sentDateTime le 2999-01-01T00:00:00+02:00 and createdDateTime ge 2020-01-01": [two.id, one.id],
        "from/emailAddress/address eq 'Ann@contoso.example'": [two.id, one.id],
        "hasAttachments eq true": [],
    }
    for expression, wanted in cases.items():
        answer = graph.get(f"{INBOX}/messages", _filter=expression, _select="id")
        assert answer.status == 200, (expression, answer.text)
        assert ids(answer.json["value"]) == [rest(one) for one in wanted], expression


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"_filter": "colour eq 'red'"}, "RequestBroker--ParseUri"),
        ({"_filter": "isRead eq"}, "ErrorInvalidUrlQueryFilter"),
        ({"_filter": "isRead eq false or isRead eq true"}, "ErrorInvalidUrlQueryFilter"),
        ({"_filter": "receivedDateTime ge 2026-01-01T00:00:00"}, "ErrorInvalidUrlQueryFilter"),
        ({"_filter": "receivedDateTime ge true"}, "ErrorInvalidUrlQueryFilter"),
        ({"_filter": "receivedDateTime ge '2026-01-01T00:00:00Z'"}, "ErrorInvalidUrlQueryFilter"),
        ({"_filter": "bodyPreview eq 'x'"}, "ErrorInvalidUrlQueryFilter"),
        ({"_search": '"x"'}, "BadRequest"),
        ({"_apply": "x"}, "BadRequest"),
        ({"_top": "0"}, "ErrorInvalidUrlQuery"),
        ({"_top": "1001"}, "ErrorInvalidUrlQuery"),
        ({"_skip": "-1"}, "ErrorInvalidUrlQuery"),
        ({"_top": "9" * 5000}, "ErrorInvalidUrlQuery"),
        ({"_filter": "receivedDateTime ge 0001-01-01T00:00:00+14:00"}, "ErrorInvalidUrlQueryFilter"),
        ({"_orderby": "colour"}, "RequestBroker--ParseUri"),
        ({"_orderby": "subject up"}, "RequestBroker--ParseUri"),
        ({"_filter": "isRead eq false", "_orderby": "receivedDateTime desc"}, "InefficientFilter"),
        ({"_count": "yes"}, "BadRequest"),
    ],
)
def test_what_graph_cannot_search_is_refused(options: dict[str, Any], code: str, graph: Graph) -> None:
    refused(graph.get(f"{INBOX}/messages", **options), 400, code)


def test_messages_are_sorted_and_paged_newest_first(sandbox: Sandbox, graph: Graph) -> None:
    for number in range(5):
        sandbox.place("approvals", b"Subject: %d\r\n\r\n" % number)
    first = graph.get(f"{INBOX}/messages", _select="subject", _top="3", _count="true").json
    assert (subjects(first["value"]), first["@odata.count"]) == (["4", "3", "2"], 5)
    last = graph.follow(first["@odata.nextLink"]).json
    assert subjects(last["value"]) == ["1", "0"]
    assert "@odata.nextLink" not in last
    up = graph.get(f"{INBOX}/messages", _select="subject", _orderby="subject asc").json["value"]
    assert subjects(up) == ["0", "1", "2", "3", "4"]
    skipped = graph.get(f"{INBOX}/messages", _select="subject", _skip="4").json["value"]
    assert subjects(skipped) == ["0"]
    both: dict[str, Any] = {
        "_filter": "receivedDateTime ge 2020-01-01T00:00:00Z",
        "_orderby": "receivedDateTime asc",
    }
    assert len(graph.get(f"{INBOX}/messages", **both).json["value"]) == 5
    everywhere = graph.get("~/messages", _filter="isRead eq false", _count="true").json
    assert everywhere["@odata.count"] == 5


def test_a_page_has_ten_messages_unless_the_client_prefers_more(sandbox: Sandbox, graph: Graph) -> None:
    for _ in range(12):
        sandbox.place("approvals", b"Subject: x\r\n\r\n")
    assert len(graph.get(f"{INBOX}/messages").json["value"]) == 10
    more = {"Prefer": "odata.maxpagesize=11"}
    assert len(graph.get(f"{INBOX}/messages", more).json["value"]) == 11
    assert len(graph.get(DELTA).json["value"]) == 10
    assert len(graph.get(DELTA, more).json["value"]) == 11
    assert len(graph.get(DELTA, _top="2").json["value"]) == 2
    for odd in ("many", "0", "9" * 5000):
        assert len(graph.get(DELTA, {"Prefer": f"odata.maxpagesize={odd}"}).json["value"]) == 10


# -- reading flag, move, delete --------------------------------------------------------------------------------


def test_the_read_flag_is_set_and_nothing_else(sandbox: Sandbox, graph: Graph) -> None:
    [mail] = arrive(sandbox)
    path = f"~/messages/{rest(mail.id)}"
    answer = graph("PATCH", path, {"isRead": True})
    assert (answer.status, answer.json["isRead"], answer.json["id"]) == (200, True, rest(mail.id))
    assert sandbox.mails("approvals")[0].is_read
    assert graph.get(INBOX).json["unreadItemCount"] == 0
    refused(graph("PATCH", path, {"isRead": "true"}), 400, "RequestBodyRead", "expected type 'Edm.Boolean'")
    refused(graph("PATCH", path, {"subject": "x"}), 400, "ErrorInvalidPropertySet")
    refused(graph("PATCH", path, {"isread": True}), 400, "RequestBodyRead", "'isread' does not exist")


def test_a_move_gives_a_new_id_and_the_old_one_is_gone(sandbox: Sandbox, graph: Graph) -> None:
    [mail] = arrive(sandbox)
    for parameter in ({"destinationId": "junkemail"}, {"DestinationId": graph.get(INBOX).json["id"]}):
        answer = graph("POST", f"~/messages/{rest(mail.id)}/move", parameter)
        assert answer.status == 201
        assert answer.json["id"] != rest(mail.id)
        refused(graph.get(f"~/messages/{rest(mail.id)}"), 404, "ErrorItemNotFound")
        mail = sandbox.mail("approvals", answer.json["id"].replace("-", "/").replace("_", "+"))
    assert mail.folder == "Inbox"
    path = f"~/messages/{rest(mail.id)}/move"
    refused(graph("POST", path, {"destinationId": "nowhere!"}), 400, "ErrorInvalidIdMalformed")
    refused(graph("POST", path, {"destinationId": rest(mail.id)}), 404, "ErrorItemNotFound")
    refused(graph("POST", path, {}), 400, "RequestBodyRead")


def test_a_deleted_message_lies_in_deleted_items_until_it_is_deleted_there(
    sandbox: Sandbox, graph: Graph
) -> None:
    [mail] = arrive(sandbox)
    assert graph("DELETE", f"~/messages/{rest(mail.id)}").status == 204
    refused(graph("DELETE", f"~/messages/{rest(mail.id)}"), 404, "ErrorItemNotFound")
    [deleted] = sandbox.mails("approvals", "deleteditems")
    answer = graph("DELETE", f"~/messages/{rest(deleted.id)}")
    assert (answer.status, answer.body) == (204, b"")
    assert sandbox.mails("approvals", "deleteditems") == []


# -- ids -------------------------------------------------------------------------------------------------------


def test_an_id_is_that_of_ews_in_letters_for_an_address(sandbox: Sandbox, graph: Graph) -> None:
    mails = arrive(sandbox, 20)
    assert any("/" in mail.id for mail in mails) and any("+" in mail.id for mail in mails)
    listed = graph.get(f"{INBOX}/messages", _top="20", _select="id").json["value"]
    assert {one["id"] for one in listed} == {rest(mail.id) for mail in mails}
    assert all(graph.get(f"~/messages/{one['id']}").status == 200 for one in listed)
    # Ids are case-sensitive, and one of another mailbox is not there.
    refused(graph.get(f"~/messages/{listed[0]['id'].swapcase()}"), 404, "ErrorItemNotFound")
    refused(
        Graph(sandbox, "bob@contoso.example").get(f"~/messages/{listed[0]['id']}"), 404, "ErrorItemNotFound"
    )


@pytest.mark.parametrize("wrong", ["x", "AAMk AAA", "AAMkA.AAAAAA", "AAMkAAAAA", "%E2%82%AC" * 9])
def test_an_id_of_another_form_is_malformed(wrong: str, graph: Graph) -> None:
    for path in (f"~/messages/{wrong.replace(' ', '%20')}", f"~/messages/{wrong.replace(' ', '%20')}/$value"):
        refused(graph.get(path), 400, "ErrorInvalidIdMalformed", "Id is malformed.")


def test_a_folder_id_is_no_message_id(graph: Graph) -> None:
    refused(graph.get(f"~/messages/{graph.get(INBOX).json['id']}"), 400, "ErrorInvalidIdMalformed")


def test_an_immutable_id_stays_over_every_move_in_the_mailbox(sandbox: Sandbox, graph: Graph) -> None:
    [mail] = arrive(sandbox)
    immutable = graph.get(f"~/messages/{rest(mail.id)}", IMMUTABLE).json["id"]
    assert immutable != rest(mail.id)
    path = f"~/messages/{immutable}"
    for folder in ("junkemail", "inbox", "drafts"):
        moved = graph("POST", f"{path}/move", {"destinationId": folder}, IMMUTABLE)
        assert moved.json["id"] == immutable
        assert (
            graph.get(path, IMMUTABLE).json["parentFolderId"]
            == graph.get(f"~/mailFolders/{folder}").json["id"]
        )
    sandbox.move("approvals", sandbox.mails("approvals", "drafts")[0].id, "sentitems")
    assert graph.get(f"{path}/$value", IMMUTABLE).body == mail.mime
    assert graph("PATCH", path, {"isRead": True}, IMMUTABLE).json["id"] == immutable
    assert graph("DELETE", path, headers=IMMUTABLE).status == 204
    assert ids(graph.get("~/mailFolders/deleteditems/messages", IMMUTABLE).json["value"]) == [immutable]


def test_an_immutable_id_is_taken_only_from_who_asks_for_them(sandbox: Sandbox, graph: Graph) -> None:
    """Microsoft: the header applies to the request that it is in, and must be in every one."""
    [mail] = arrive(sandbox)
    immutable = graph.get(f"~/messages/{rest(mail.id)}", IMMUTABLE).json["id"]
    refused(graph.get(f"~/messages/{immutable}"), 404, "ErrorItemNotFound")
    refused(
        graph("POST", f"~/messages/{immutable}/move", {"destinationId": "inbox"}), 404, "ErrorItemNotFound"
    )
    two_lines = {"Prefer": 'odata.maxpagesize=5, IdType="ImmutableId"'}
    assert graph.get(f"~/messages/{immutable}", two_lines).status == 200
    copy = sandbox.send_as(
        "approvals", mail.mime.replace(b"ann@", b"approvals@"), recipients=[APPROVALS]
    ).items[0]
    assert graph.get(f"~/messages/{rest(copy.id)}", IMMUTABLE).json["id"] != immutable


def translate(graph: Graph, source: str, target: str, *wanted: str) -> list[Any]:
    body = {"inputIds": list(wanted), "sourceIdType": source, "targetIdType": target}
    answer = graph("POST", "~/translateExchangeIds", body)
    assert answer.status == 200, answer.text
    found: list[Any] = answer.json["value"]
    assert [one["sourceId"] for one in found] == list(wanted)
    return found


def test_ids_are_translated_between_all_formats(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.switches.translation_needs_directory = False
    [mail] = arrive(sandbox)
    immutable = graph.get(f"~/messages/{rest(mail.id)}", IMMUTABLE).json["id"]
    formats = {"ewsId": mail.id, "restId": rest(mail.id), "restImmutableEntryId": immutable}
    for name in ("entryId", "immutableEntryId"):
        [made] = translate(graph, "ewsId", name, mail.id)
        formats[name] = made["targetId"]
        # Base64 for addresses, with the number of its padding signs at the end.
        bare, padding = made["targetId"][:-1], int(made["targetId"][-1])
        base64.b64decode(bare + "=" * padding, altchars=b"-_", validate=True)
    assert len(set(formats.values())) == (
        5 if "/" in mail.id or "+" in mail.id else 4
    )  # few ids have neither
    for source, given in formats.items():
        for target, wanted in formats.items():
            assert translate(graph, source, target, given)[0] == {"sourceId": given, "targetId": wanted}


def test_each_id_that_cannot_be_translated_says_why(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.switches.translation_needs_directory = False
    gone, there = arrive(sandbox, 2)
    sandbox.move("approvals", gone.id, "junkemail")
    found = translate(graph, "ewsId", "restImmutableEntryId", gone.id, there.id, "nonsense!", "")
    assert [one.get("errorDetails", {}).get("code") for one in found] == [
        "ErrorItemNotFound",
        None,
        "ErrorInvalidIdMalformed",
        "ErrorInvalidIdMalformed",
    ]
    assert all(("targetId" in one) != ("errorDetails" in one) for one in found)
    body = {"inputIds": [], "sourceIdType": "ewsId", "targetIdType": "smtpId"}
    refused(graph("POST", "~/translateExchangeIds", body), 400, "RequestBodyRead", "'smtpId' was not found")
    many = {"inputIds": ["x"] * 1001, "sourceIdType": "ewsId", "targetIdType": "restId"}
    refused(graph("POST", "~/translateExchangeIds", many), 400, "BadRequest", "At most 1000 ids")


def test_translation_asks_for_a_permission_of_the_directory(sandbox: Sandbox, graph: Graph) -> None:
    """Microsoft's page asks for User.Read.All; reading a message by its default id gives its immutable one, too."""
    [mail] = arrive(sandbox)
    body = {"inputIds": [mail.id], "sourceIdType": "ewsId", "targetIdType": "restImmutableEntryId"}
    refused(graph("POST", "~/translateExchangeIds", body), 403, "Authorization_RequestDenied")
    immutable = graph.get(f"~/messages/{rest(mail.id)}", IMMUTABLE, _select="id").json["id"]
    sandbox.switches.graph_roles |= {"User.Read.All"}
    assert Graph(sandbox)("POST", "~/translateExchangeIds", body).json["value"][0]["targetId"] == immutable


# -- delta -----------------------------------------------------------------------------------------------------


def test_delta_pages_through_what_is_there_and_then_is_silent(sandbox: Sandbox, graph: Graph) -> None:
    mails = arrive(sandbox, 5)
    prefer = {"Prefer": "odata.maxpagesize=2"}
    first = graph.get(DELTA, prefer, _select="subject,isRead")
    assert len(first.json["value"]) == 2
    assert first.json["@odata.context"].endswith("/$metadata#Collection(message)")
    assert "$skiptoken=" in first.json["@odata.nextLink"]
    told, link = graph.round(first, prefer)
    assert ids(told) == [rest(mail.id) for mail in mails]
    assert all(set(one) == {"@odata.type", "@odata.etag", "id", "subject", "isRead"} for one in told)
    assert told[0]["@odata.type"] == "#microsoft.graph.message"
    assert "$deltatoken=" in link
    told, following = graph.round(graph.follow(link))
    assert told == []
    # What was selected in the first request is in the token, and an older link still works.
    arrive(sandbox, subject="new")
    for known in (link, following):
        told, _ = graph.round(graph.follow(known))
        assert [one["subject"] for one in told] == ["new"]
        assert set(told[0]) == {"@odata.type", "@odata.etag", "id", "subject", "isRead"}


def test_delta_tells_each_change_once(sandbox: Sandbox, graph: Graph) -> None:
    read, moved, deleted, kept = arrive(sandbox, 4)
    _, link = graph.round(graph.get(DELTA, _select="subject,isRead"))
    graph("PATCH", f"~/messages/{rest(read.id)}", {"isRead": True})
    graph("POST", f"~/messages/{rest(moved.id)}/move", {"destinationId": "junkemail"})
    graph("DELETE", f"~/messages/{rest(deleted.id)}")
    new = arrive(sandbox, subject="new")[-1]
    gone = sandbox.mails("approvals")[-1]
    arrive(sandbox, subject="came and went")
    sandbox.delete("approvals", sandbox.mails("approvals")[-1].id)
    told, following = graph.round(graph.follow(link))
    assert kept.id != gone.id
    by_id = {one["id"]: one for one in told}
    assert set(by_id) == {rest(mail.id) for mail in (read, moved, deleted, new)}
    assert by_id[rest(moved.id)] == {"id": rest(moved.id), "@removed": {"reason": "deleted"}}
    assert by_id[rest(deleted.id)]["@removed"] == {"reason": "deleted"}
    # Of a message that was read no more is told than that.
    assert set(by_id[rest(read.id)]) == {"@odata.type", "@odata.etag", "id", "isRead"}
    assert by_id[rest(read.id)]["isRead"] is True
    assert by_id[rest(new.id)]["subject"] == "new"
    assert graph.round(graph.follow(following))[0] == []


def test_a_round_of_changes_is_paged_too(sandbox: Sandbox, graph: Graph) -> None:
    _, link = graph.round(graph.get(DELTA))
    mails = arrive(sandbox, 5)
    prefer = {"Prefer": "odata.maxpagesize=2"}
    page = graph.follow(link, prefer)
    assert len(page.json["value"]) == 2 and "@odata.nextLink" in page.json
    told, _ = graph.round(page, prefer)
    assert ids(told) == [rest(mail.id) for mail in mails]


@pytest.mark.parametrize("kind", ["created", "updated", "deleted"])
def test_change_type_narrows_what_is_told_after_the_first_round(
    kind: str, sandbox: Sandbox, graph: Graph
) -> None:
    read, deleted = arrive(sandbox, 2)
    first, link = graph.round(graph.get(DELTA, changeType=kind))
    assert len(first) == 2
    sandbox.mark_read("approvals", read.id)
    sandbox.delete("approvals", deleted.id)
    new = arrive(sandbox)[-1]
    told, _ = graph.round(graph.follow(link))
    assert ids(told) == [rest({"created": new, "updated": read, "deleted": deleted}[kind].id)]


def test_delta_takes_one_filter_and_one_order_and_keeps_them(sandbox: Sandbox, graph: Graph) -> None:
    old, new = arrive(sandbox, 2)
    item = sandbox.item("approvals", old.id)
    item.received -= timedelta(days=2)
    since = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    for operator in ("ge", "gt"):
        told, link = graph.round(graph.get(DELTA, _filter=f"receivedDateTime {operator} {since}"))
        assert ids(told) == [rest(new.id)]
    sandbox.mark_read("approvals", old.id)
    sandbox.mark_read("approvals", new.id)
    assert ids(graph.round(graph.follow(link))[0]) == [rest(new.id)]
    exactly = f"{new.received:%Y-%m-%dT%H:%M:%SZ}"
    assert len(graph.round(graph.get(DELTA, _filter=f"receivedDateTime ge {exactly}"))[0]) == 1
    assert graph.round(graph.get(DELTA, _filter=f"receivedDateTime gt {exactly}"))[0] == []
    newest = graph.get(DELTA, {"Prefer": "odata.maxpagesize=1"}, _orderby="receivedDateTime desc")
    assert ids(graph.round(newest, {"Prefer": "odata.maxpagesize=1"})[0]) == [rest(new.id), rest(old.id)]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"_filter": "isRead eq false"}, "ErrorInvalidUrlQueryFilter"),
        ({"_filter": "receivedDateTime le 2026-01-01T00:00:00Z"}, "ErrorInvalidUrlQueryFilter"),
        (
            {"_filter": "receivedDateTime ge 2026-01-01T00:00:00Z and isRead eq true"},
            "ErrorInvalidUrlQueryFilter",
        ),
        ({"_filter": "receivedDateTime ge 2026-01-01T00:00:00"}, "ErrorInvalidUrlQueryFilter"),
        ({"_orderby": "receivedDateTime asc"}, "ErrorInvalidUrlQuery"),
        ({"_orderby": "subject"}, "ErrorInvalidUrlQuery"),
        ({"_skip": "1"}, "ErrorInvalidUrlQuery"),
        ({"_count": "true"}, "ErrorInvalidUrlQuery"),
        ({"_search": "x"}, "BadRequest"),
        ({"_select": "colour"}, "RequestBroker--ParseUri"),
        ({"changeType": "moved"}, "BadRequest"),
        ({"_deltatoken": "latest"}, "BadRequest"),
        ({"_skiptoken": "nonsense"}, "BadRequest"),
        ({"_deltatoken": "é"}, "BadRequest"),
    ],
)
def test_delta_refuses_what_it_does_not_have(options: dict[str, Any], code: str, graph: Graph) -> None:
    refused(graph.get(DELTA, **options), 400, code)


def test_a_filter_limits_the_first_round_to_five_thousand(
    sandbox: Sandbox, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert delta.MOST_FILTERED == 5000
    monkeypatch.setattr(delta, "MOST_FILTERED", 5)
    for number in range(8):
        sandbox.place("approvals", b"Subject: %d\r\n\r\n" % number)
    since = {"_filter": "receivedDateTime ge 2020-01-01T00:00:00Z", "_select": "subject"}
    prefer = {"Prefer": "odata.maxpagesize=2"}
    told, link = graph.round(graph.get(DELTA, prefer, **since), prefer)
    assert len(told) == 5
    sandbox.place("approvals", b"Subject: new\r\n\r\n")
    assert subjects(graph.round(graph.follow(link))[0]) == ["new"]
    newest = graph.get(DELTA, prefer, _orderby="receivedDateTime desc", **since)
    assert subjects(graph.round(newest, prefer)[0]) == ["new", "7", "6", "5", "4"]
    assert len(graph.round(graph.get(DELTA, _select="subject"))[0]) == 9


def test_what_happens_in_the_middle_of_a_first_round_is_told_in_it_or_next(
    sandbox: Sandbox, graph: Graph
) -> None:
    first, second, third = arrive(sandbox, 3)
    prefer = {"Prefer": "odata.maxpagesize=1"}
    page = graph.get(DELTA, prefer, _select="isRead")
    sandbox.mark_read("approvals", first.id)
    sandbox.delete("approvals", second.id)
    new = arrive(sandbox)[-1]
    told, link = graph.round(page, prefer)
    assert ids(told) == [rest(first.id), rest(third.id)]
    told, _ = graph.round(graph.follow(link))
    assert {one["id"]: "@removed" in one for one in told} == {
        rest(first.id): False,
        rest(second.id): True,
        rest(new.id): False,
    }


def test_a_state_that_is_lost_is_gone_and_a_new_round_begins(sandbox: Sandbox, graph: Graph) -> None:
    arrive(sandbox, 2)
    page = graph.get(DELTA, {"Prefer": "odata.maxpagesize=1"})
    _, link = graph.round(graph.get(DELTA))
    sandbox.lose_sync_states()
    for known in (link, page.json["@odata.nextLink"]):
        refused(graph.follow(known), 410, "SyncStateNotFound", "The sync state generation is not found")
    assert len(graph.round(graph.get(DELTA))[0]) == 2


def test_a_link_is_of_its_folder(sandbox: Sandbox, graph: Graph) -> None:
    _, link = graph.round(graph.get(DELTA))
    refused(graph.follow(link.replace("inbox", "junkemail")), 400, "BadRequest", "Badly formed token.")
    with Sandbox() as other:
        other.add_mailbox("approvals")
        path = link.removeprefix(sandbox.graph_url + "/")
        refused(Graph(other).get(path), 400, "BadRequest", "Badly formed token.")


def test_links_carry_the_host_that_the_client_used(graph: Graph) -> None:
    answer = graph.get(DELTA, {"Host": "graph.example:8443"})
    assert answer.json["@odata.deltaLink"].startswith("http://graph.example:8443/v1.0/users/")
    behind = graph.get(DELTA, {"Host": "graph.example", "X-Forwarded-Proto": "https"})
    assert behind.json["@odata.deltaLink"].startswith("https://graph.example/v1.0/users/")


def test_delta_gives_immutable_ids_to_who_asks_even_for_what_is_gone(sandbox: Sandbox, graph: Graph) -> None:
    first, _ = arrive(sandbox, 2)
    plain, link = graph.round(graph.get(DELTA))
    immutable, _ = graph.round(graph.get(DELTA, IMMUTABLE))
    assert set(ids(plain)).isdisjoint(ids(immutable))
    sandbox.move("approvals", first.id, "junkemail")
    # The links hold for both kinds of ids.
    assert ids(graph.round(graph.follow(link))[0]) == [rest(first.id)]
    assert ids(graph.round(graph.follow(link, IMMUTABLE), IMMUTABLE)[0]) == [ids(immutable)[0]]
    refused(graph.get(f"~/messages/{ids(immutable)[0]}"), 404, "ErrorItemNotFound")
    assert graph.get(f"~/messages/{ids(immutable)[0]}", IMMUTABLE).status == 200


def test_a_mail_dragged_away_and_back_is_the_same_one_under_its_immutable_id(
    sandbox: Sandbox, graph: Graph
) -> None:
    [mail] = arrive(sandbox)
    [told], link = graph.round(graph.get(DELTA, IMMUTABLE), IMMUTABLE)
    back = sandbox.move("approvals", sandbox.move("approvals", mail.id, "junkemail").id, "inbox")
    [again] = graph.round(graph.follow(link, IMMUTABLE), IMMUTABLE)[0]
    assert (again["id"], "@removed" in again) == (told["id"], False)
    plain, _ = graph.round(graph.follow(link))
    assert [(one["id"], "@removed" in one) for one in plain] == [
        (rest(mail.id), True),
        (rest(back.id), False),
    ]


def test_delta_gives_extended_properties(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.send_as("ann", wire.mail(), voting_response="Reject")
    expand = f"singleValueExtendedProperties($filter=id eq '{VOTE}' or id eq 'String 0x001A')"
    [told], _ = graph.round(graph.get(DELTA, _select="id", _expand=expand))
    values = [one["value"] for one in told["singleValueExtendedProperties"]]
    assert values == ["Reject", "IPM.Note"]


def test_an_idle_mailbox_of_thousands_is_polled_without_looking_through_it(
    graph: Graph, sandbox: Sandbox
) -> None:
    for _ in range(2000):
        sandbox.place("approvals", b"Subject: x\r\n\r\n")
    _, link = graph.round(graph.get(DELTA, {"Prefer": "odata.maxpagesize=1000"}, _select="id"))
    before = sandbox.counters["graph_requests"]
    assert graph.round(graph.follow(link))[0] == []
    assert sandbox.counters["graph_requests"] == before + 1
