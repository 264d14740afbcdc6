"""Each operation of EWS, by literal envelopes."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from html import escape

import pytest
from lxml import etree

from placet.sandbox import Sandbox
from placet.sandbox.server import Mail
from tests.sandbox import wire
from tests.sandbox.wire import Answer, M, T

HEADERS_7D = '<t:ExtendedFieldURI PropertyTag="0x007D" PropertyType="String"/>'
VOTE = '<t:ExtendedFieldURI DistinguishedPropertySetId="Common" PropertyId="34084" PropertyType="String"/>'


def arrive(sandbox: Sandbox, count: int = 1, **headers: str) -> list[Mail]:
    """Mails from ann to approvals, then all that approvals has."""
    for _ in range(count):
        sandbox.send_as("ann", wire.mail(**headers))
    return sandbox.mails("approvals")


def text(answer: Answer, name: str) -> str | None:
    return answer.xml.findtext(f".//{T}{name}")


# -- GetItem ---------------------------------------------------------------------------------------------------


def test_get_item_gives_the_properties_in_the_order_of_the_schema(sandbox: Sandbox) -> None:
    sandbox.send_as(
        "ann", wire.mail(in_reply_to="<req@x>", references="<a@x> <req@x>"), voting_response="Approve"
    )
    [mail] = sandbox.mails("approvals")
    shape = wire.shape(
        "message:References",
        "message:From",
        "message:Sender",
        "message:IsRead",
        "message:InternetMessageId",
        "message:VotingInformation",
        "item:InternetMessageHeaders",
        "item:InReplyTo",
        "item:Size",
        "item:DateTimeReceived",
        "item:Subject",
        "item:ItemClass",
        mime=True,
        extended=VOTE + HEADERS_7D,
    )
    answer = wire.ews(sandbox, wire.get_item(shape, mail.id))
    [message] = answer.xml.iter(f"{T}Message")
    assert [etree.QName(child).localname for child in message] == [
        "MimeContent",
        "ItemId",
        "ItemClass",
        "Subject",
        "DateTimeReceived",
        "Size",
        "InReplyTo",
        "InternetMessageHeaders",
        "ExtendedProperty",
        "ExtendedProperty",
        "Sender",
        "From",
        "InternetMessageId",
        "IsRead",
        "References",
        "VotingInformation",
    ]
    assert base64.b64decode(text(answer, "MimeContent") or "") == mail.mime
    assert text(answer, "Size") == str(len(mail.mime))
    assert text(answer, "InReplyTo") == "<req@x>"
    assert text(answer, "References") == "<a@x> <req@x>"
    assert text(answer, "VotingResponse") == "Approve"
    mailbox = message.find(f"{T}From/{T}Mailbox")
    assert mailbox is not None
    assert [child.text for child in mailbox] == ["Ann Approver", "ann@contoso.example", "SMTP", "Mailbox"]
    vote, headers = message.iterfind(f"{T}ExtendedProperty")
    assert vote.findtext(f"{T}Value") == "Approve"
    uri = headers.find(f"{T}ExtendedFieldURI")
    assert uri is not None and uri.get("PropertyTag") == "0x7d"
    assert (headers.findtext(f"{T}Value") or "") == mail.transport_headers
    names = [h.get("HeaderName") for h in message.iter(f"{T}InternetMessageHeader")]
    assert names.count("X-MS-Exchange-Organization-AuthAs") == 1


def test_one_missing_item_is_an_error_beside_the_others(sandbox: Sandbox) -> None:
    first, second = arrive(sandbox, 2)
    wire.ews(sandbox, wire.delete_item(first.id))
    answer = wire.ews(sandbox, wire.get_item(wire.ID_ONLY, first.id, second.id, "DUMMY"))
    assert answer.status == 200
    assert answer.codes == ["ErrorItemNotFound", "NoError", "ErrorInvalidIdMalformed"]


def test_ids_are_case_sensitive_and_those_of_folders_are_not_those_of_items(sandbox: Sandbox) -> None:
    [mail] = arrive(sandbox)
    folder = sandbox.mailbox("approvals").inbox.id
    answer = wire.ews(sandbox, wire.get_item(wire.ID_ONLY, mail.id.swapcase(), folder))
    assert answer.codes == ["ErrorItemNotFound", "ErrorCannotUseFolderIdForItemId"]


def test_the_items_of_another_mailbox_are_not_there(sandbox: Sandbox) -> None:
    [mail] = arrive(sandbox)
    answer = wire.ews(
        sandbox, wire.get_item(wire.ID_ONLY, mail.id), header=wire.impersonate("bob@contoso.example")
    )
    assert answer.codes == ["ErrorItemNotFound"]


def test_an_item_comes_in_the_element_of_its_class(sandbox: Sandbox) -> None:
    sandbox.meeting_response("ann", wire.APPROVALS, "Budget")
    sandbox.place("approvals", wire.mail(), item_class="IPM.Schedule.Meeting.Request")
    sandbox.place("approvals", wire.mail(), item_class="REPORT.IPM.Note.NDR")
    ids = [mail.id for mail in sandbox.mails("approvals")]
    answer = wire.ews(sandbox, wire.get_item(wire.shape("item:ItemClass"), *ids))
    found = [etree.QName(items[0]).localname for items in answer.xml.iter(f"{M}Items")]
    assert found == ["MeetingResponse", "MeetingRequest", "Message"]


def test_what_xml_cannot_carry_is_replaced(sandbox: Sandbox) -> None:
    sandbox.place("approvals", b"Subject: a\x01b \xc3\xa9 =?utf-8?q?=E2=82=AC=00?= <&>\r\n\r\nx")
    answer = wire.ews(sandbox, wire.get_item(wire.shape("item:Subject"), sandbox.mails("approvals")[0].id))
    assert text(answer, "Subject") == "a?b é €? <&>"


def test_body_and_text_body_are_given_when_asked(sandbox: Sandbox) -> None:
    sandbox.send_as("ann", to=wire.APPROVALS, subject="x", text="plain", html="<p>rich</p>")
    [mail] = sandbox.mails("approvals")
    answer = wire.ews(sandbox, wire.get_item(wire.shape("item:Body", "item:TextBody"), mail.id))
    assert "<p>rich</p>" in (text(answer, "Body") or "")
    assert (text(answer, "TextBody") or "").strip() == "plain"


# -- SyncFolderItems -------------------------------------------------------------------------------------------


def changes(answer: Answer) -> list[tuple[str, str]]:
    """The kind and item id of each change."""
    found = answer.xml.find(f".//{M}Changes")
    assert found is not None
    return [(etree.QName(c).localname, next(c.iter(f"{T}ItemId")).get("Id", "")) for c in found]


def state(answer: Answer) -> str:
    return answer.xml.findtext(f".//{M}SyncState") or ""


def is_last(answer: Answer) -> bool:
    return answer.xml.findtext(f".//{M}IncludesLastItemInRange") == "true"


def test_sync_pages_through_what_is_there_and_then_is_silent(sandbox: Sandbox) -> None:
    mails = arrive(sandbox, 5)
    first = wire.ews(sandbox, wire.sync(most=3))
    assert (len(changes(first)), is_last(first)) == (3, False)
    second = wire.ews(sandbox, wire.sync(state(first), most=3))
    assert (len(changes(second)), is_last(second)) == (2, True)
    assert changes(first) + changes(second) == [("Create", mail.id) for mail in mails]
    third = wire.ews(sandbox, wire.sync(state(second)))
    assert (changes(third), is_last(third)) == ([], True)


def test_sync_tells_each_kind_of_change_once(sandbox: Sandbox) -> None:
    read, touched, moved, deleted = arrive(sandbox, 4)
    known = state(wire.ews(sandbox, wire.sync()))
    wire.ews(sandbox, wire.update_read(read.id))
    wire.ews(sandbox, wire.update_read(read.id, read="false"))
    mailbox = sandbox.mailbox("approvals")
    mailbox.touch(mailbox.items[touched.id])
    wire.ews(sandbox, wire.update_read(touched.id))
    wire.ews(sandbox, wire.move_item(moved.id, "junkemail"))
    wire.ews(sandbox, wire.delete_item(deleted.id))
    new = arrive(sandbox)[-1]
    answer = wire.ews(sandbox, wire.sync(known))
    assert sorted(changes(answer)) == sorted(
        [
            ("ReadFlagChange", read.id),
            ("Update", touched.id),
            ("Delete", moved.id),
            ("Delete", deleted.id),
            ("Create", new.id),
        ]
    )


def test_sync_does_not_tell_of_what_came_and_went_in_between(sandbox: Sandbox) -> None:
    known = state(wire.ews(sandbox, wire.sync()))
    [mail] = arrive(sandbox)
    wire.ews(sandbox, wire.update_read(mail.id))
    wire.ews(sandbox, wire.delete_item(mail.id))
    assert changes(wire.ews(sandbox, wire.sync(known))) == []


def test_a_mail_dragged_away_and_back_comes_again_under_another_id(sandbox: Sandbox) -> None:
    [mail] = arrive(sandbox)
    known = state(wire.ews(sandbox, wire.sync()))
    back = sandbox.move("approvals", sandbox.move("approvals", mail.id, "junkemail").id, "inbox")
    assert back.id != mail.id and back.message_id == mail.message_id
    assert changes(wire.ews(sandbox, wire.sync(known))) == [("Delete", mail.id), ("Create", back.id)]


def test_sync_shows_the_properties_that_were_asked_for(sandbox: Sandbox) -> None:
    [mail] = arrive(sandbox)
    shape = wire.shape("item:DateTimeReceived", "item:Size", "item:ItemClass", "message:InternetMessageId")
    answer = wire.ews(sandbox, wire.sync(item_shape=shape))
    assert text(answer, "InternetMessageId") == mail.message_id
    assert text(answer, "ItemClass") == "IPM.Note"
    assert text(answer, "DateTimeReceived") == f"{mail.received:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize("bad", ["nonsense", "H4sIAAA=", base64.b64encode(b"x" * 32).decode()])
def test_a_state_that_is_not_ours_is_refused(bad: str, sandbox: Sandbox) -> None:
    answer = wire.ews(sandbox, wire.sync(bad))
    assert (answer.status, answer.codes, is_last(answer), state(answer)) == (
        200,
        ["ErrorInvalidSyncStateData"],
        True,
        "",
    )


def test_the_state_of_another_folder_or_of_before_a_loss_is_refused(sandbox: Sandbox) -> None:
    arrive(sandbox)
    known = state(wire.ews(sandbox, wire.sync()))
    assert wire.ews(sandbox, wire.sync(known, folder="junkemail")).codes == ["ErrorInvalidSyncStateData"]
    sandbox.lose_sync_states()
    assert wire.ews(sandbox, wire.sync(known)).codes == ["ErrorInvalidSyncStateData"]
    assert len(changes(wire.ews(sandbox, wire.sync()))) == 1


def test_a_folder_that_is_not_there_cannot_be_synchronised(sandbox: Sandbox) -> None:
    assert wire.ews(sandbox, wire.sync(folder="calendar")).codes == ["ErrorSyncFolderNotFound"]


# -- FindItem --------------------------------------------------------------------------------------------------


def restriction(expression: str) -> str:
    return f"<m:Restriction>{expression}</m:Restriction>"


def compare(kind: str, uri: str, value: str) -> str:
    return (
        f'<t:{kind}><t:FieldURI FieldURI="{uri}"/><t:FieldURIOrConstant><t:Constant Value="{value}"/>'
        f"</t:FieldURIOrConstant></t:{kind}>"
    )


def contains(uri: str, value: str, mode: str = "Substring", how: str = "IgnoreCase") -> str:
    return (
        f'<t:Contains ContainmentMode="{mode}" ContainmentComparison="{how}"><t:FieldURI FieldURI="{uri}"/>'
        f'<t:Constant Value="{value}"/></t:Contains>'
    )


def found(answer: Answer) -> list[str]:
    return [identifier for identifier, _ in answer.ids()]


def test_find_item_by_each_restriction(sandbox: Sandbox) -> None:
    one, two, three = (
        arrive(sandbox) + arrive(sandbox, subject="Holiday")[1:] + arrive(sandbox, subject="Trip")[2:]
    )
    wire.ews(sandbox, wire.update_read(two.id))
    now = f"{datetime.now(UTC):%Y-%m-%d}"
    cases = {
        compare("IsEqualTo", "message:IsRead", "0"): [three.id, one.id],
        compare("IsEqualTo", "message:IsRead", "true"): [two.id],
        compare("IsEqualTo", "item:Subject", "holiday"): [two.id],
        compare("IsNotEqualTo", "item:Subject", "Holiday"): [three.id, one.id],
        compare("IsGreaterThanOrEqualTo", "item:DateTimeReceived", f"{now}T00:00:00Z"): [
            three.id,
            two.id,
            one.id,
        ],
        compare("IsGreaterThanOrEqualTo", "item:DateTimeReceived", "2999-01-01T00:00:00Z"): [],
        compare("IsGreaterThanOrEqualTo", "item:DateTimeSent", f"{now}T00:00:00Z"): [
            three.id,
            two.id,
            one.id,
        ],
        compare("IsLessThan", "item:Size", "10"): [],
        contains("item:Subject", "REQUEST"): [one.id],
        contains("item:Subject", "RE", "Prefixed", "Exact"): [one.id],
        contains("item:Subject", "re", "Prefixed", "Exact"): [],
        contains("item:Subject", "Trip", "FullString"): [three.id],
        f"<t:And>{contains('item:Subject', 'i')}{compare('IsEqualTo', 'message:IsRead', 'false')}</t:And>": [
            three.id
        ],
        f"<t:Or>{contains('item:Subject', 'Trip')}{contains('item:Subject', 'Holi')}</t:Or>": [
            three.id,
            two.id,
        ],
        f"<t:Not>{compare('IsEqualTo', 'message:IsRead', 'false')}</t:Not>": [two.id],
        '<t:Exists><t:FieldURI FieldURI="item:InReplyTo"/></t:Exists>': [],
    }
    for expression, ids in cases.items():
        answer = wire.ews(sandbox, wire.find_item(restriction(expression)))
        assert found(answer) == ids, expression


def test_find_item_by_message_id_is_exact(sandbox: Sandbox) -> None:
    one, _ = arrive(sandbox, 2)
    equal = compare("IsEqualTo", "message:InternetMessageId", escape(one.message_id or ""))
    assert found(wire.ews(sandbox, wire.find_item(restriction(equal)))) == [one.id]
    assert found(wire.ews(sandbox, wire.find_item(restriction(f"<t:And>{equal}</t:And>")))) == [one.id]
    other = compare("IsEqualTo", "message:InternetMessageId", escape((one.message_id or "").swapcase()))
    assert found(wire.ews(sandbox, wire.find_item(restriction(other)))) == []


def test_find_item_sorts_and_pages(sandbox: Sandbox) -> None:
    ids = [mail.id for mail in arrive(sandbox, 5)]

    def page(offset: int, most: int, base: str = "Beginning") -> Answer:
        view = f'<m:IndexedPageItemView MaxEntriesReturned="{most}" Offset="{offset}" BasePoint="{base}"/>'
        order = (
            '<t:FieldOrder Order="Ascending"><t:FieldURI FieldURI="item:DateTimeReceived"/></t:FieldOrder>'
        )
        return wire.ews(sandbox, wire.find_item(f"{view}<m:SortOrder>{order}</m:SortOrder>"))

    first, last = page(0, 3), page(3, 3)
    assert found(first) + found(last) == ids
    root = first.xml.find(f".//{M}RootFolder")
    assert root is not None
    assert dict(root.attrib) == {
        "IndexedPagingOffset": "3",
        "TotalItemsInView": "5",
        "IncludesLastItemInRange": "false",
    }
    assert 'IncludesLastItemInRange="true"' in last.text
    assert found(page(0, 2, "End")) == ids[3:]
    assert found(page(9, 2)) == []
    assert page(0, 0).codes == ["ErrorInvalidPagingMaxRows"]
    assert page(-1, 1).codes == ["ErrorInvalidIndexedPagingParameters"]


def test_a_page_has_at_most_1000_items_and_250_of_a_search(sandbox: Sandbox) -> None:
    for number in range(1001):
        sandbox.place("approvals", b"Subject: x%d\r\n\r\n" % number)
    assert len(found(wire.ews(sandbox, wire.find_item()))) == 1000
    everything = restriction(contains("item:Subject", "x"))
    assert len(found(wire.ews(sandbox, wire.find_item(everything)))) == 250
    assert len(changes(wire.ews(sandbox, wire.sync(most=512)))) == 512


def test_find_item_shows_names_without_addresses_and_no_content(sandbox: Sandbox) -> None:
    arrive(sandbox)
    shape = wire.shape("message:From", "message:ToRecipients", "item:Body", mime=True)
    answer = wire.ews(sandbox, wire.find_item(item_shape=shape))
    assert text(answer, "Name") == "Ann Approver"
    for absent in ("EmailAddress", "ToRecipients", "Body", "MimeContent"):
        assert text(answer, absent) is None


@pytest.mark.parametrize(
    "rest",
    [
        restriction(compare("IsEqualTo", "item:Body", "x")),
        restriction(compare("IsEqualTo", "item:DateTimeReceived", "yesterday")),
        '<m:SortOrder><t:FieldOrder Order="Ascending"><t:FieldURI FieldURI="item:Body"/></t:FieldOrder></m:SortOrder>',
    ],
)
def test_what_cannot_be_searched_is_refused(rest: str, sandbox: Sandbox) -> None:
    arrive(sandbox)
    assert wire.ews(sandbox, wire.find_item(rest)).codes == ["ErrorUnsupportedPathForQuery"]


def test_the_folder_of_another_mailbox_is_closed(sandbox: Sandbox) -> None:
    for address, code in (
        ("bob@contoso.example", "ErrorAccessDenied"),
        ("x@contoso.example", "ErrorNonExistentMailbox"),
    ):
        owner = f"<t:Mailbox><t:EmailAddress>{address}</t:EmailAddress></t:Mailbox>"
        operation = wire.find_item().replace(
            '<t:DistinguishedFolderId Id="inbox"/>',
            f'<t:DistinguishedFolderId Id="inbox">{owner}</t:DistinguishedFolderId>',
        )
        assert wire.ews(sandbox, operation).codes == [code]


# -- UpdateItem, MoveItem, DeleteItem --------------------------------------------------------------------------


def test_marking_a_mail_read_changes_its_change_key_and_not_its_id(sandbox: Sandbox) -> None:
    [mail] = arrive(sandbox)
    [(_, before)] = wire.ews(sandbox, wire.find_item()).ids()
    [(identifier, after)] = wire.ews(sandbox, wire.update_read(mail.id)).ids()
    assert (identifier, after != before) == (mail.id, True)
    assert sandbox.mail("approvals", mail.id).is_read


@pytest.mark.parametrize("resolution", ["AutoResolve", "NeverOverwrite"])
def test_a_stale_change_key_is_a_conflict_unless_overwriting(resolution: str, sandbox: Sandbox) -> None:
    [mail] = arrive(sandbox)
    [(_, stale)] = wire.ews(sandbox, wire.find_item()).ids()
    [(_, fresh)] = wire.ews(sandbox, wire.update_read(mail.id, stale, resolution=resolution)).ids()
    conflict = wire.ews(sandbox, wire.update_read(mail.id, stale, read="false", resolution=resolution))
    assert conflict.codes == ["ErrorIrresolvableConflict"]
    missing = wire.ews(sandbox, wire.update_read(mail.id, resolution=resolution))
    assert missing.codes == ["ErrorChangeKeyRequired"]
    assert wire.ews(sandbox, wire.update_read(mail.id, stale, read="false")).codes == ["NoError"]
    assert fresh != stale


def test_nothing_but_the_read_flag_can_be_set(sandbox: Sandbox) -> None:
    [mail] = arrive(sandbox)
    operation = wire.update_read(mail.id).replace("message:IsRead", "item:Subject")
    operation = operation.replace("<t:IsRead>true</t:IsRead>", "<t:Subject>x</t:Subject>")
    assert wire.ews(sandbox, operation).codes == ["ErrorInvalidPropertySet"]


def test_a_move_gives_the_mail_a_new_id_and_ends_the_old_one(sandbox: Sandbox) -> None:
    [mail] = arrive(sandbox)
    [(new, _)] = wire.ews(sandbox, wire.move_item(mail.id, "junkemail")).ids()
    assert new != mail.id
    assert wire.ews(sandbox, wire.get_item(wire.ID_ONLY, mail.id, new)).codes == [
        "ErrorItemNotFound",
        "NoError",
    ]
    assert [m.id for m in sandbox.mails("approvals", "junkemail")] == [new]
    assert sandbox.mails("approvals") == []
    assert wire.ews(sandbox, wire.move_item(new, "calendar")).codes == ["ErrorToFolderNotFound"]


def test_a_move_tells_no_new_id_if_told_not_to(sandbox: Sandbox) -> None:
    [mail] = arrive(sandbox)
    operation = wire.move_item(mail.id, "junkemail").replace(
        "</m:MoveItem>", "<m:ReturnNewItemIds>false</m:ReturnNewItemIds></m:MoveItem>"
    )
    answer = wire.ews(sandbox, operation)
    assert (answer.codes, answer.ids()) == (["NoError"], [])


@pytest.mark.parametrize(("how", "kept"), [("HardDelete", 0), ("SoftDelete", 0), ("MoveToDeletedItems", 1)])
def test_delete_item(how: str, kept: int, sandbox: Sandbox) -> None:
    [mail] = arrive(sandbox)
    assert wire.ews(sandbox, wire.delete_item(mail.id, how)).codes == ["NoError"]
    assert wire.ews(sandbox, wire.delete_item(mail.id, how)).codes == ["ErrorItemNotFound"]
    assert len(sandbox.mails("approvals", "deleteditems")) == kept


# -- CreateItem ------------------------------------------------------------------------------------------------


def test_a_sent_mail_is_delivered_kept_and_has_no_id_in_the_answer(sandbox: Sandbox) -> None:
    answer = wire.ews(sandbox, wire.create_item(b"To: ann@contoso.example\r\nSubject: Hi\r\n\r\nText\r\n"))
    assert (answer.codes, answer.ids()) == (["NoError"], [])
    [mail] = sandbox.mails("ann")
    assert (mail.sender, mail.subject, mail.text) == (wire.APPROVALS, "Hi", "Text\r\n")
    [copy] = sandbox.mails("approvals", "sentitems")
    assert copy.message_id == mail.message_id
    assert (copy.is_read, copy.transport_headers) == (True, None)


def test_send_only_keeps_no_copy_and_save_only_sends_nothing(sandbox: Sandbox) -> None:
    raw = b"To: ann@contoso.example\r\n\r\nText\r\n"
    wire.ews(sandbox, wire.create_item(raw, "SendOnly"))
    assert (len(sandbox.mails("ann")), sandbox.mails("approvals", "sentitems")) == (1, [])
    [(draft, _)] = wire.ews(sandbox, wire.create_item(raw, "SaveOnly")).ids()
    assert [mail.id for mail in sandbox.mails("approvals", "drafts")] == [draft]
    assert len(sandbox.mails("ann")) == 1


def test_the_copy_goes_where_the_request_says(sandbox: Sandbox) -> None:
    folder = '<m:SavedItemFolderId><t:DistinguishedFolderId Id="drafts"/></m:SavedItemFolderId><m:Items>'
    wire.ews(sandbox, wire.create_item(b"To: ann@contoso.example\r\n\r\nx").replace("<m:Items>", folder))
    assert len(sandbox.mails("approvals", "drafts")) == 1
    missing = wire.create_item(b"To: ann@contoso.example\r\n\r\nx").replace(
        "<m:Items>", folder.replace("drafts", "notes")
    )
    assert wire.ews(sandbox, missing).codes == ["ErrorSavedItemFolderNotFound"]
    assert len(sandbox.mails("ann")) == 1


def test_the_message_id_of_the_mime_is_kept_unless_the_tenant_replaces_it(sandbox: Sandbox) -> None:
    raw = b"To: ann@contoso.example\r\nMessage-ID: <mine@placet>\r\n\r\nx"
    wire.ews(sandbox, wire.create_item(raw))
    sandbox.switches.replace_message_id = True
    wire.ews(sandbox, wire.create_item(raw))
    first, second = sandbox.mails("ann")
    assert first.message_id == "<mine@placet>" != second.message_id
    assert len(second.headers("message-id")) == 1
    assert sandbox.mails("approvals", "sentitems")[1].message_id == second.message_id


def test_an_alias_is_replaced_by_the_primary_address_and_the_name_of_the_directory(sandbox: Sandbox) -> None:
    sandbox.make_alias("approvals", "Requests@contoso.example")
    raw = b"From: Placet <Approvals@contoso.example>\r\nTo: ann@contoso.example\r\nReply-To: x@y.example\r\n\r\nx"
    wire.ews(sandbox, wire.create_item(raw))
    [mail] = sandbox.mails("ann")
    name = sandbox.mailbox("approvals").name
    assert mail.headers("from") == [f"{name} <requests@contoso.example>"]
    assert mail.header("reply-to") == "x@y.example"
    assert sandbox.mails("approvals", "sentitems")[0].headers("from") == mail.headers("from")
    for to in ("requests@contoso.example", "Requests+x@contoso.example"):
        sandbox.send_as("ann", to=to, subject="Hello", text="x")
    assert len(sandbox.mails("approvals")) == 2


@pytest.mark.parametrize(
    ("mime", "code"),
    [
        ("%%%", "ErrorMimeContentInvalidBase64String"),
        ("", "ErrorMimeContentInvalidBase64String"),
        ("QUJ", "ErrorMimeContentInvalidBase64String"),
        (b"\r\nno header", "ErrorMimeContentInvalid"),
        (b"just text", "ErrorMimeContentInvalid"),
        (
            b"From: a@contoso.example, b@contoso.example\r\nTo: ann@contoso.example\r\n\r\n",
            "ErrorMimeContentInvalid",
        ),
        (
            b"From: approvals@contoso.example\r\nFrom: ann@contoso.example\r\nTo: ann@contoso.example\r\n\r\n",
            "ErrorMimeContentInvalid",
        ),
        (b"Subject: to nobody\r\n\r\n", "ErrorInvalidRecipients"),
        (b"From: ann@contoso.example\r\nTo: ann@contoso.example\r\n\r\n", "ErrorSendAsDenied"),
        (b"From: approvals+code@contoso.example\r\nTo: ann@contoso.example\r\n\r\n", "ErrorSendAsDenied"),
        (b"From: boss@fabrikam.example\r\nTo: ann@contoso.example\r\n\r\n", "ErrorSendAsDenied"),
    ],
)
def test_a_mail_that_cannot_be_sent_is_an_error_of_its_item(
    mime: bytes | str, code: str, sandbox: Sandbox
) -> None:
    answer = wire.ews(sandbox, wire.create_item(mime))
    assert (answer.status, answer.codes) == (200, [code])
    assert sandbox.mails("ann") == sandbox.mails("approvals", "sentitems") == []


def test_a_mail_over_the_size_limit_is_refused(sandbox: Sandbox) -> None:
    sandbox.switches.max_message_bytes = 1000
    raw = b"To: ann@contoso.example\r\n\r\n" + b"x" * 1000
    assert wire.ews(sandbox, wire.create_item(raw)).codes == ["ErrorMessageSizeExceeded"]


def test_a_mail_of_thirty_megabytes_is_sent_and_read_back(sandbox: Sandbox) -> None:
    body = (b"x" * 70 + b"\r\n") * (30 * 1024 * 1024 // 72)
    answer = wire.ews(sandbox, wire.create_item(b"To: approvals@contoso.example\r\n\r\n" + body))
    assert answer.codes == ["NoError"]
    [mail] = sandbox.mails("approvals")
    big = wire.ews(sandbox, wire.get_item(wire.shape(mime=True), mail.id))
    content = etree.fromstring(big.body, etree.XMLParser(huge_tree=True)).findtext(f".//{T}MimeContent")
    assert base64.b64decode(content or "").endswith(body)


def test_items_that_are_no_messages_with_mime_are_refused(sandbox: Sandbox) -> None:
    for item in ("<t:Message><t:Subject>x</t:Subject></t:Message>", "<t:CalendarItem/>"):
        operation = f'<m:CreateItem MessageDisposition="SaveOnly"><m:Items>{item}</m:Items></m:CreateItem>'
        assert wire.ews(sandbox, operation).codes == ["ErrorInvalidItemForOperationCreateItem"]
    without = wire.create_item(b"To: a@b.example\r\n\r\n").replace(
        ' MessageDisposition="SendAndSaveCopy"', ""
    )
    assert wire.ews(sandbox, without).codes == ["ErrorMessageDispositionRequired"]


def test_more_mails_a_minute_than_the_limit_are_throttled_and_not_sent(sandbox: Sandbox) -> None:
    sandbox.switches.messages_per_minute = 2
    operation = wire.create_item(b"To: ann@contoso.example\r\n\r\nx")
    assert [wire.ews(sandbox, operation).status for _ in range(3)] == [200, 200, 500]
    refused = wire.ews(sandbox, operation)
    assert refused.codes == ["ErrorServerBusy"]
    [wait] = refused.xml.iter(f"{T}Value")
    assert wait.get("Name") == "BackOffMilliseconds"
    assert 0 < int(wait.text or "") <= 60_000
    assert len(sandbox.mails("ann")) == 2
    assert sandbox.counters["sends_throttled"] == 2


# -- folders ---------------------------------------------------------------------------------------------------

FOLDER = "<m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape>"


def create_folder(name: str, parent: str = "inbox") -> str:
    return (
        f'<m:CreateFolder><m:ParentFolderId><t:DistinguishedFolderId Id="{parent}"/></m:ParentFolderId><m:Folders>'
        f"<t:Folder><t:FolderClass>IPF.Note</t:FolderClass><t:DisplayName>{name}</t:DisplayName></t:Folder></m:Folders>"
        "</m:CreateFolder>"
    )


def find_folder(name: str = "", parent: str = "inbox", traversal: str = "Shallow") -> str:
    wanted = restriction(compare("IsEqualTo", "folder:DisplayName", name)) if name else ""
    return (
        f'<m:FindFolder Traversal="{traversal}">{FOLDER}{wanted}<m:ParentFolderIds>'
        f'<t:DistinguishedFolderId Id="{parent}"/></m:ParentFolderIds></m:FindFolder>'
    )


def test_folders_are_made_found_and_not_made_twice(sandbox: Sandbox) -> None:
    [(made, _)] = wire.ews(sandbox, create_folder("Processed")).ids("FolderId")
    assert wire.ews(sandbox, create_folder("processed")).codes == ["ErrorFolderExists"]
    assert wire.ews(sandbox, create_folder(" ")).codes == ["ErrorFolderSave"]
    assert wire.ews(sandbox, create_folder("x", "calendar")).codes == ["ErrorParentFolderNotFound"]
    assert [i for i, _ in wire.ews(sandbox, find_folder("Processed")).ids("FolderId")] == [made]
    assert wire.ews(sandbox, find_folder("Other")).ids("FolderId") == []
    deep = wire.ews(sandbox, find_folder("", "root", "Deep"))
    names = [element.text for element in deep.xml.iter(f"{T}DisplayName")]
    assert {"Inbox", "Processed", "Junk Email", "Sent Items", "Deleted Items", "Drafts"} <= set(names)


def test_a_mail_moves_into_a_folder_by_its_id(sandbox: Sandbox) -> None:
    [mail] = arrive(sandbox)
    [(folder, key)] = wire.ews(sandbox, create_folder("Done")).ids("FolderId")
    target = f'<t:FolderId Id="{folder}" ChangeKey="{key}"/>'
    move = wire.move_item(mail.id, "inbox").replace('<t:DistinguishedFolderId Id="inbox"/>', target)
    assert wire.ews(sandbox, move).codes == ["NoError"]
    assert [m.folder for m in sandbox.mails("approvals", "Inbox/Done")] == ["Inbox/Done"]


@pytest.mark.parametrize(
    "name", ["root", "msgfolderroot", "inbox", "junkemail", "sentitems", "deleteditems", "drafts"]
)
def test_the_well_known_folders_are_there(name: str, sandbox: Sandbox) -> None:
    operation = f'<m:GetFolder>{FOLDER}<m:FolderIds><t:DistinguishedFolderId Id="{name}"/></m:FolderIds></m:GetFolder>'
    assert wire.ews(sandbox, operation).codes == ["NoError"]


def test_folders_count_what_is_in_them(sandbox: Sandbox) -> None:
    mails = arrive(sandbox, 3)
    wire.ews(sandbox, wire.update_read(mails[0].id))
    wire.ews(sandbox, wire.delete_item(mails[1].id))
    operation = (
        f"<m:GetFolder>{FOLDER}<m:FolderIds><t:DistinguishedFolderId Id='inbox'/></m:FolderIds></m:GetFolder>"
    )
    answer = wire.ews(sandbox, operation)
    assert (text(answer, "TotalCount"), text(answer, "UnreadCount")) == ("2", "1")


def test_folders_that_are_not_there_are_errors_of_their_own(sandbox: Sandbox) -> None:
    operation = (
        f"<m:GetFolder>{FOLDER}<m:FolderIds><t:DistinguishedFolderId Id='calendar'/><t:FolderId Id='DUMMY'/>"
        "<t:DistinguishedFolderId Id='inbox'/></m:FolderIds></m:GetFolder>"
    )
    assert wire.ews(sandbox, operation).codes == ["ErrorFolderNotFound", "ErrorInvalidIdMalformed", "NoError"]
    assert wire.ews(sandbox, find_folder(parent="calendar")).codes == ["ErrorFolderNotFound"]


def test_convert_id_answers_the_probe_of_clients(sandbox: Sandbox) -> None:
    probe = (
        '<m:ConvertId DestinationFormat="EntryId"><m:SourceIds><t:AlternateId Id="DUMMY" Format="EwsId" '
        'Mailbox="DUMMY"/></m:SourceIds></m:ConvertId>'
    )
    assert wire.ews(sandbox, probe).codes == ["ErrorInvalidIdMalformed"]
    [mail] = arrive(sandbox)
    known = probe.replace('"EntryId"', '"EwsId"').replace('Id="DUMMY"', f'Id="{mail.id}"')
    assert wire.ews(sandbox, known).codes == ["NoError"]
