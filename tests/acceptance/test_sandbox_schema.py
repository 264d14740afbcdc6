"""Every answer of the sandbox is valid against Microsoft's schema, which is not ours to ship."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from placet.sandbox import AuthResults, Sandbox, order
from tests.sandbox import wire
from tests.sandbox.wire import Answer, S

SAMPLES = Path(__file__).parents[3] / "shared" / "facts" / "exchange_samples"


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(SAMPLES / "xsd" / "messages.xsd")))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        running.add_mailbox("approvals", "Approvals")
        running.add_mailbox("ann", "Ann Approver")
        yield running


def check(schema: etree.XMLSchema, answer: Answer) -> None:
    envelope = answer.xml
    body = envelope.find(f"{S}Body")
    assert body is not None
    parts = [*envelope.iterfind(f"{S}Header/*"), *body]
    for part in parts:
        # A copy of its own, so that the schema judges this element as a root.
        schema.assertValid(etree.fromstring(etree.tostring(part)))


def fill(sandbox: Sandbox) -> None:
    """One mail of every kind that a mailbox here can hold, in the inbox of approvals."""
    sandbox.send_as("approvals", to="ann@contoso.example", subject="Request 42", text="Please answer.")
    request = sandbox.mails("ann")[0]
    sandbox.reply_as("ann", request.id, "Approve", html="<b>Approve</b>", voting_response="Approve")
    sandbox.set_out_of_office("ann", "Away until Monday.")
    sandbox.send_as(
        "approvals", to=["ann@contoso.example", "gone@contoso.example"], subject="Ümläut", text="x"
    )
    sandbox.read_receipt("ann", request.id)
    sandbox.meeting_response("ann", wire.APPROVALS, "Budget")
    sandbox.journal_report(wire.APPROVALS, "ann", request.id)
    sandbox.deliver(
        b"From: evil@fabrikam.example\r\nTo: approvals@contoso.example\r\nCc: <a@b.example>\r\n"
        b"Reply-To: c@d.example\r\n"
        b"Subject: caf\xc3\xa9 \x01 \xff\r\nX-Odd: \x02\r\nMessage-ID: <1@x>\r\nImportance: HIGH\r\n\r\nhello\x00",
        results=AuthResults(dmarc="fail"),
    )
    sandbox.place(wire.APPROVALS, b"no header at all", item_class="IPM.Schedule.Meeting.Request")
    sandbox.place(wire.APPROVALS, b"Subject: bye\r\n\r\n", item_class="IPM.Schedule.Meeting.Canceled")


@pytest.mark.parametrize("name", [path.name for path in sorted(SAMPLES.glob("q*.xml"))])
def test_the_answer_to_a_sample_request_is_valid(
    name: str, schema: etree.XMLSchema, sandbox: Sandbox
) -> None:
    fill(sandbox)
    text = (SAMPLES / name).read_text().replace("approvals@contoso.com", wire.APPROVALS)
    state = wire.ews(sandbox, wire.sync()).xml.findtext(f".//{wire.M}SyncState") or ""
    text = re.sub(r'Id="AAMkAD[^"]*" ChangeKey="[^"]*"', _id_of(sandbox), text, count=1)
    text = re.sub(r'Id="AAMkAD[^"]*"', f'Id="{sandbox.mails("approvals")[1].id}"', text)
    text = re.sub(r'Id="AQMk[^"]*"', f'Id="{sandbox.mailbox("approvals").inbox.id}"', text)
    text = text.replace("H4sIAAA=", state)
    text = text.replace("RnJvbTogYXBwcm92YWxzQGNvbnRvc28uY29tDQo=", _mime())
    subscription = wire.ews(sandbox, _SUBSCRIBE).xml.findtext(f".//{wire.M}SubscriptionId") or ""
    text = re.sub(r"JgBhb[A-Za-z0-9=]*", subscription, text)
    sandbox.ews.subscriptions.minute_seconds = 0.01
    answer = wire.raw_ews(sandbox, text)
    assert answer.status == 200, answer.text
    for envelope in re.findall(r"<s:Envelope.*?</s:Envelope>", answer.text):
        one = Answer(200, {}, envelope.encode())
        assert "NoError" in one.codes
        check(schema, one)


def test_stream_answers_differ_from_the_schema_in_two_places_only(
    schema: etree.XMLSchema, sandbox: Sandbox
) -> None:
    """The service writes m:Notification and m:SubscriptionId where its schema says t:; clients read the former."""
    every = "".join(
        f"<t:EventType>{kind}Event</t:EventType>" for kind in ("NewMail", "Created", "Moved", "Deleted")
    )
    wanted = _SUBSCRIBE.replace("<t:EventType>NewMailEvent</t:EventType>", every)
    subscription = wire.ews(sandbox, wanted).xml.findtext(f".//{wire.M}SubscriptionId") or ""
    fill(sandbox)
    first, second = (mail.id for mail in sandbox.mails("approvals")[:2])
    wire.ews(sandbox, wire.delete_item(first))
    sandbox.move("approvals", sandbox.move("approvals", second, "junkemail").id, "inbox")
    sandbox.ews.subscriptions.minute_seconds = 0.3
    sandbox.ews.subscriptions.heartbeat_seconds = 0.1
    ids = f"<m:SubscriptionIds><t:SubscriptionId>{subscription}</t:SubscriptionId></m:SubscriptionIds>"
    stream = f"<m:GetStreamingEvents>{ids}<m:ConnectionTimeout>1</m:ConnectionTimeout></m:GetStreamingEvents>"
    text = wire.ews(sandbox, stream).text + wire.ews(sandbox, stream.replace(subscription, "bG9zdA==")).text
    for kind in ("NewMailEvent", "CreatedEvent", "MovedEvent", "DeletedEvent", "StatusEvent"):
        assert f"<t:{kind}" in text
    text = text.replace("m:Notification>", "t:Notification>")
    text = text.replace("<m:SubscriptionId>", "<t:SubscriptionId>").replace(
        "</m:SubscriptionId>", "</t:SubscriptionId>"
    )
    envelopes = re.findall(r"<s:Envelope.*?</s:Envelope>", text)
    assert len(envelopes) > 10
    for envelope in envelopes:
        check(schema, Answer(200, {}, envelope.encode()))


_SUBSCRIBE = (
    '<m:Subscribe><m:StreamingSubscriptionRequest><t:FolderIds><t:DistinguishedFolderId Id="inbox"/></t:FolderIds>'
    "<t:EventTypes><t:EventType>NewMailEvent</t:EventType></t:EventTypes></m:StreamingSubscriptionRequest></m:Subscribe>"
)


def _id_of(sandbox: Sandbox) -> str:
    item = next(iter(sandbox.mailbox("approvals").inbox.items.values()))
    return f'Id="{item.id}" ChangeKey="{item.change_key}"'


def _mime() -> str:
    return base64.b64encode(b"To: ann@contoso.example\r\n\r\nhi\r\n").decode()


@pytest.mark.parametrize("base", ["IdOnly", "Default", "AllProperties"])
def test_every_kind_of_item_is_valid_in_every_shape(
    base: str, schema: etree.XMLSchema, sandbox: Sandbox
) -> None:
    fill(sandbox)
    mails = sandbox.mails("approvals")
    assert {mail.item_class for mail in mails} >= {
        "IPM.Note",
        "IPM.Note.Rules.OofTemplate.Microsoft",
        "REPORT.IPM.Note.NDR",
        "REPORT.IPM.Note.IPNRN",
        "IPM.Schedule.Meeting.Resp.Pos",
    }
    extended = (
        '<t:ExtendedFieldURI PropertyTag="0x007D" PropertyType="String"/>'
        '<t:ExtendedFieldURI DistinguishedPropertySetId="Common" PropertyId="34084" PropertyType="String"/>'
        '<t:ExtendedFieldURI DistinguishedPropertySetId="InternetHeaders" PropertyName="X-Odd" PropertyType="String"/>'
    )
    shape = wire.shape(
        "item:TextBody", "item:Body", "message:VotingInformation", mime=True, base=base, extended=extended
    )
    check(schema, wire.ews(sandbox, wire.get_item(shape, *(mail.id for mail in mails))))
    check(schema, wire.ews(sandbox, wire.find_item(item_shape=shape)))
    check(
        schema, wire.ews(sandbox, wire.sync(item_shape=wire.shape("item:Size", "item:ItemClass", base=base)))
    )


def test_changes_errors_and_folders_are_valid(schema: etree.XMLSchema, sandbox: Sandbox) -> None:
    fill(sandbox)
    state = wire.ews(sandbox, wire.sync()).xml.findtext(f".//{wire.M}SyncState") or ""
    first, second, third = (mail.id for mail in sandbox.mails("approvals")[:3])
    gone = sandbox.mails("approvals")[3].id
    folder = '<t:DistinguishedFolderId Id="inbox"/>'
    new_folder = (
        f"<m:CreateFolder><m:ParentFolderId>{folder}</m:ParentFolderId><m:Folders><t:Folder>"
        "<t:DisplayName>Done</t:DisplayName></t:Folder></m:Folders></m:CreateFolder>"
    )
    folder_shape = "<m:FolderShape><t:BaseShape>AllProperties</t:BaseShape></m:FolderShape>"
    operations = [
        wire.update_read(first),
        wire.move_item(second, "junkemail"),
        wire.delete_item(third, "MoveToDeletedItems"),
        wire.delete_item(gone),
        wire.sync(state),
        wire.update_read(gone),
        wire.update_read(first, "CQAA", resolution="AutoResolve"),
        wire.move_item(gone, "junkemail"),
        wire.move_item(first, "calendar"),
        wire.delete_item(gone),
        wire.get_item(wire.ID_ONLY, gone, "DUMMY"),
        wire.sync("nonsense"),
        wire.sync(folder="calendar"),
        wire.find_item(folder="calendar"),
        new_folder,
        new_folder,
        f'<m:FindFolder Traversal="Deep">{folder_shape}<m:ParentFolderIds><t:DistinguishedFolderId Id="root"/>'
        "</m:ParentFolderIds></m:FindFolder>",
        f"<m:GetFolder>{folder_shape}<m:FolderIds>{folder}<t:DistinguishedFolderId Id='root'/>"
        "<t:DistinguishedFolderId Id='calendar'/><t:FolderId Id='AAAA'/></m:FolderIds></m:GetFolder>",
        wire.create_item(b"To: ann@contoso.example\r\n\r\nx", "SaveOnly"),
        wire.create_item(b"To: ann@contoso.example\r\n\r\nx", "SendOnly"),
        wire.create_item(b"From: ann@contoso.example\r\nTo: ann@contoso.example\r\n\r\nx"),
        wire.create_item(b"Subject: nobody\r\n\r\nx"),
        wire.create_item("%%%"),
        wire.create_item(b"\r\nx"),
        '<m:ConvertId DestinationFormat="EntryId"><m:SourceIds>'
        '<t:AlternateId Id="DUMMY" Format="EwsId" Mailbox="DUMMY"/></m:SourceIds></m:ConvertId>',
        f'<m:ConvertId DestinationFormat="EwsId"><m:SourceIds><t:AlternateId Id="{first}" Format="EwsId" '
        'Mailbox="a@b"/></m:SourceIds></m:ConvertId>',
    ]
    for operation in operations:
        answer = wire.ews(sandbox, operation)
        assert answer.status == 200, answer.text
        check(schema, answer)


def test_every_fault_code_is_one_of_the_schema(schema: etree.XMLSchema, sandbox: Sandbox) -> None:
    namespace = {"xs": "http://www.w3.org/2001/XMLSchema"}
    codes = etree.parse(str(SAMPLES / "xsd" / "messages.xsd")).xpath(
        '//xs:simpleType[@name="ResponseCodeType"]//xs:enumeration/@value', namespaces=namespace
    )
    faults = [
        wire.ews(sandbox, "<m:GetItem/>"),
        wire.ews(sandbox, wire.sync(), header=""),
        wire.ews(sandbox, wire.sync(), header=wire.impersonate("nobody@contoso.example")),
        wire.ews(sandbox, wire.sync(), header='<t:RequestServerVersion Version="Exchange1999"/>'),
        wire.ews(sandbox, "<m:Teleport/>"),
    ]
    sandbox.faults.set("busy")
    faults.append(wire.ews(sandbox, wire.sync()))
    for answer in faults:
        assert answer.status == 500
        assert answer.codes[0] in codes


def test_odd_mail_is_shown_in_valid_answers(schema: etree.XMLSchema, sandbox: Sandbox) -> None:
    """Every malformed and every automatic mail of the corpora, placed as it is and delivered from outside."""
    corpora = SAMPLES.parents[1] / "corpora"
    mails = [path for name in ("malformed", "automatic") for path in sorted((corpora / name).rglob("*.eml"))]
    assert len(mails) > 300
    headers = '<t:ExtendedFieldURI PropertyTag="0x007D" PropertyType="String"/>'
    shape = wire.shape("item:TextBody", "item:Body", base="AllProperties", mime=True, extended=headers)
    access_token = wire.token(sandbox)
    for path in mails:
        raw = path.read_bytes()
        placed = sandbox.place(wire.APPROVALS, raw)
        delivered = sandbox.deliver(raw, mail_from="somebody@fabrikam.example", to=wire.APPROVALS).items[0]
        operation = wire.get_item(shape, placed.id, delivered.id)
        answer = wire.ews(sandbox, operation, access_token=access_token)
        assert answer.codes == ["NoError", "NoError"], path.name
        check(schema, answer)
        content = base64.b64decode(answer.xml.findtext(f".//{wire.T}MimeContent") or "")
        assert content == raw, path.name
        assert delivered.mime.count(b"X-MS-Exchange-Organization-AuthAs: Anonymous\r\n") == 1


def samples() -> list[etree._Element]:
    bodies = [
        etree.parse(str(path)).getroot().iterfind(f"{S}Body/*") for path in sorted(SAMPLES.glob("q*.xml"))
    ]
    text = (SAMPLES / "exchangelib_requests.txt").read_text()
    others = [
        etree.fromstring(e.encode()) for e in re.findall(r"<s:Envelope.*?</s:Envelope>", text, re.DOTALL)
    ]
    return [next(body) for body in bodies] + [next(other.iterfind(f"{S}Body/*")) for other in others]


def mutations(request: etree._Element) -> Iterator[etree._Element]:
    """The request with one thing changed: an element gone, doubled, renamed or moved, an attribute gone or changed."""

    def changed(number: int) -> tuple[etree._Element, etree._Element]:
        root = etree.fromstring(etree.tostring(request))
        return root, list(root.iter())[number]

    for number, original in enumerate(request.iter()):
        for name in original.attrib:
            for value in (None, "nonsense", "1"):
                root, element = changed(number)
                if value is None:
                    del element.attrib[name]
                else:
                    element.set(name, value)
                yield root
        root, element = changed(number)
        element.set("Extra", "1")
        yield root
        if number == 0:
            continue
        root, element = changed(number)
        parent = element.getparent()
        assert parent is not None
        parent.remove(element)
        yield root
        root, element = changed(number)
        element.addnext(etree.fromstring(etree.tostring(element)))
        yield root
        root, element = changed(number)
        element.tag = f"{wire.T}Nonsense"
        yield root
        root, element = changed(number)
        parent = element.getparent()
        assert parent is not None
        parent.insert(0, element)
        yield root
        root, element = changed(number)
        element.text = "nonsense"
        yield root


def test_the_sandbox_takes_what_the_schema_takes_and_refuses_what_it_refuses(schema: etree.XMLSchema) -> None:
    """Its own order check, written by hand, against Microsoft's schema on every request known and each change to it."""
    seen = 0
    for sample in samples():
        order.check(sample)
        for request in mutations(sample):
            seen += 1
            valid = schema.validate(etree.fromstring(etree.tostring(request)))
            try:
                order.check(request)
                taken = True
            except order.OutOfOrder:
                taken = False
            assert taken == valid, (etree.tostring(request).decode(), schema.error_log.last_error)
    assert seen > 1000


@pytest.mark.parametrize("kind", ["busy_inside", "transient"])
def test_answers_in_which_everything_fails_are_valid(
    kind: str, schema: etree.XMLSchema, sandbox: Sandbox
) -> None:
    fill(sandbox)
    sandbox.faults.set(kind)
    for sample in samples():
        answer = wire.ews(sandbox, etree.tostring(sample).decode())
        assert answer.status == 200
        assert all(code.startswith("ErrorInternalServer") for code in answer.codes)
        check(schema, answer)


def test_an_answer_that_stops_in_the_middle_is_valid(schema: etree.XMLSchema, sandbox: Sandbox) -> None:
    fill(sandbox)
    ids = "".join(f'<t:ItemId Id="{mail.id}"/>' for mail in sandbox.mails("approvals")[:1] * 4)
    target = '<m:ToFolderId><t:DistinguishedFolderId Id="junkemail"/></m:ToFolderId>'
    changes = ids.replace("<t:ItemId", "<t:ItemChange><t:ItemId").replace(
        "/>",
        '/><t:Updates><t:SetItemField><t:FieldURI FieldURI="message:IsRead"/><t:Message><t:IsRead>true</t:IsRead>'
        "</t:Message></t:SetItemField></t:Updates></t:ItemChange>",
    )
    for request in (
        '<m:UpdateItem ConflictResolution="AlwaysOverwrite" MessageDisposition="SaveOnly">'
        f"<m:ItemChanges>{changes}</m:ItemChanges></m:UpdateItem>",
        f"<m:MoveItem>{target}<m:ItemIds>{ids}</m:ItemIds></m:MoveItem>",
        f'<m:DeleteItem DeleteType="MoveToDeletedItems"><m:ItemIds>{ids}</m:ItemIds></m:DeleteItem>',
    ):
        sandbox.faults.set("stopped", count=1)
        answer = wire.ews(sandbox, request)
        assert answer.codes[2:] == ["ErrorInternalServerTransientError", "ErrorBatchProcessingStopped"]
        check(schema, answer)
