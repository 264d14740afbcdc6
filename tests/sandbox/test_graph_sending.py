"""Sending over Graph, with every trap that its documentation names. Literal requests only."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from placet.sandbox import Sandbox
from tests.sandbox import wire
from tests.sandbox.graph_wire import IMMUTABLE, Graph, refused

PLAIN = {"Content-Type": "text/plain"}
TO_ANN = {"toRecipients": [{"emailAddress": {"address": "ann@contoso.example", "name": "Ann"}}]}
TEXT = {"body": {"contentType": "text", "content": "Please answer."}}
MAIL = (
    b"From: Approvals <approvals@contoso.example>\r\nTo: ann@contoso.example\r\nSubject: Request 42\r\n"
    b"Message-ID: <ours@placet.example>\r\nIn-Reply-To: <asked@x>\r\nReferences: <asked@x>\r\n"
    b"Reply-To: approvals+abc@contoso.example\r\nAuto-Submitted: auto-generated\r\n"
    b"Return-Path: <elsewhere@x>\r\nX-Placet: 42\r\nX-Auto-Response-Suppress: OOF, AutoReply\r\n\r\nPlease answer.\r\n"
)


@pytest.fixture
def graph(sandbox: Sandbox) -> Graph:
    return Graph(sandbox)


def test_a_mime_mail_is_accepted_delivered_and_kept_in_sent_items(sandbox: Sandbox, graph: Graph) -> None:
    answer = graph.send_mime(MAIL)
    assert (answer.status, answer.body) == (202, b"")
    [mail] = sandbox.mails("ann")
    assert (mail.subject, mail.text, mail.message_id) == (
        "Request 42",
        "Please answer.\r\n",
        "<ours@placet.example>",
    )
    [sent] = sandbox.mails("approvals", "sentitems")
    assert (sent.message_id, sent.is_read) == ("<ours@placet.example>", True)


def test_what_goes_through_the_store_loses_what_the_store_does_not_know(
    sandbox: Sandbox, graph: Graph
) -> None:
    graph.send_mime(MAIL)
    [mail], [sent] = sandbox.mails("ann"), sandbox.mails("approvals", "sentitems")
    for one in (mail, sent):
        assert one.header("auto-submitted") is None
        assert one.header("x-placet") is None
        assert one.header("x-auto-response-suppress") == "OOF, AutoReply"
        assert one.header("in-reply-to") == one.header("references") == "<asked@x>"
        assert one.header("reply-to") == "approvals+abc@contoso.example"
    assert mail.header("return-path") == "approvals@contoso.example"
    assert sent.header("return-path") is None


def test_a_header_that_the_mailboxes_know_survives(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.switches.known_headers = {"x-placet"}
    graph.send_mime(MAIL)
    assert sandbox.mails("ann")[0].header("x-placet") == "42"


def test_the_same_mail_through_ews_keeps_them(sandbox: Sandbox) -> None:
    wire.ews(sandbox, wire.create_item(MAIL))
    [mail] = sandbox.mails("ann")
    assert (mail.header("auto-submitted"), mail.header("x-placet")) == ("auto-generated", "42")


def test_the_message_id_may_be_replaced_and_is_read_back_from_sent_items(
    sandbox: Sandbox, graph: Graph
) -> None:
    sandbox.switches.replace_message_id = True
    graph.send_mime(MAIL)
    [sent] = graph.get("~/mailFolders/sentitems/messages", _filter="subject eq 'Request 42'").json["value"]
    assert sent["internetMessageId"] == sandbox.mails("ann")[0].message_id != "<ours@placet.example>"


@pytest.mark.parametrize("body", [b"", b"%%%", b"abc", base64.b64encode(MAIL)[:-1]])
def test_what_is_no_base64_is_refused(body: bytes, sandbox: Sandbox, graph: Graph) -> None:
    answer = graph("POST", "~/sendMail", body, PLAIN)
    refused(answer, 400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.")
    assert sandbox.mails("ann") == []


def test_base64_may_be_folded_and_must_be_called_plain_text(sandbox: Sandbox, graph: Graph) -> None:
    assert (
        graph(
            "POST", "~/sendMail", base64.encodebytes(MAIL), {"Content-Type": "text/plain; charset=utf-8"}
        ).status
        == 202
    )
    refused(graph("POST", "~/sendMail", base64.b64encode(MAIL)), 400, "RequestBodyRead")
    refused(
        graph("POST", "~/sendMail", base64.b64encode(MAIL), {"Content-Type": "message/rfc822"}),
        415,
        "UnsupportedMediaType",
    )
    assert len(sandbox.mails("ann")) == 1


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"From: ann@contoso.example\r\nTo: bob@contoso.example\r\n\r\nx", 403, "ErrorSendAsDenied"),
        (b"Subject: nobody\r\n\r\nx", 400, "ErrorInvalidRecipients"),
        (b"\r\nx", 400, "ErrorMimeContentInvalid"),
    ],
)
def test_what_the_service_does_not_send_is_refused(
    raw: bytes, status: int, code: str, sandbox: Sandbox, graph: Graph
) -> None:
    refused(graph.send_mime(raw), status, code)
    assert sandbox.mails("approvals", "sentitems") == []


def test_the_sending_limit_holds_over_both_ways(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.switches.messages_per_minute = 2
    assert graph.send_mime(MAIL).status == 202
    assert wire.ews(sandbox, wire.create_item(MAIL)).codes == ["NoError"]
    answer = graph.send_mime(MAIL)
    refused(answer, 429, "TooManyRequests")
    assert 50 < float(answer.headers["Retry-After"]) <= 60
    assert wire.ews(sandbox, wire.create_item(MAIL)).codes == ["ErrorServerBusy"]
    assert len(sandbox.mails("ann")) == 2


def test_a_mail_to_nobody_comes_back_as_a_report(sandbox: Sandbox, graph: Graph) -> None:
    graph.send_mime(b"To: gone@contoso.example\r\nSubject: x\r\n\r\nx")
    assert [mail.item_class for mail in sandbox.mails("approvals")] == ["REPORT.IPM.Note.NDR"]


# -- JSON ------------------------------------------------------------------------------------------------------


def test_a_mail_described_in_json(sandbox: Sandbox, graph: Graph) -> None:
    message: dict[str, Any] = {
        **TO_ANN,
        "subject": "Ümläut",
        "body": {"contentType": "HTML", "content": "<p>Please <b>answer</b>.</p>"},
        "ccRecipients": [{"emailAddress": {"address": "bob@contoso.example"}}],
        "replyTo": [{"emailAddress": {"address": "approvals+abc@contoso.example"}}],
        "importance": "high",
        "internetMessageHeaders": [{"name": "x-placet", "value": "42"}],
        "singleValueExtendedProperties": [{"id": "Integer 0x3FDF", "value": "-1"}],
        "attachments": [
            {
                "@odata.type": "#microsoft.graph.fileAttachment",
                "name": "a.txt",
                "contentType": "text/plain",
                "contentBytes": base64.b64encode(b"file").decode(),
            }
        ],
    }
    assert graph("POST", "~/sendMail", {"message": message}).status == 202
    [mail] = sandbox.mails("ann")
    assert (mail.subject, mail.sender) == ("Ümläut", "approvals@contoso.example")
    assert "<b>answer</b>" in mail.html and "Please answer." in mail.text
    assert mail.header("x-placet") == "42"
    assert mail.header("x-auto-response-suppress") == "All"
    assert mail.header("reply-to") == "approvals+abc@contoso.example"
    assert [(file.name, file.content) for file in mail.files] == [("a.txt", b"file")]
    assert len(sandbox.mails("bob")) == len(sandbox.mails("approvals", "sentitems")) == 1
    shown = Graph(sandbox, "ann@contoso.example").get("~/messages").json["value"][0]
    assert (shown["importance"], shown["hasAttachments"]) == ("high", True)
    assert shown["ccRecipients"][0]["emailAddress"]["address"] == "bob@contoso.example"


def test_no_copy_is_kept_if_none_is_wanted(sandbox: Sandbox, graph: Graph) -> None:
    body = {"message": TO_ANN | TEXT, "saveToSentItems": False}
    assert graph("POST", "~/sendMail", body).status == 202
    assert sandbox.mails("approvals", "sentitems") == []
    assert len(sandbox.mails("ann")) == 1


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (
            {"internetMessageHeaders": [{"name": "In-Reply-To", "value": "<a@x>"}]},
            "InvalidInternetMessageHeader",
            "should start with 'x-' or 'X-'",
        ),
        (
            {"internetMessageHeaders": [{"name": f"x-{n}", "value": "x"} for n in range(6)]},
            "InvalidInternetMessageHeaderCollection",
            "less than or equal to 5",
        ),
        ({"toRecipients": [{"emailAddress": {"address": "nobody"}}]}, "ErrorInvalidRecipients", "not valid"),
        (
            {"toRecipients": [{"emailAddress": {"address": "a@b\r\nBcc: c@d"}}]},
            "ErrorInvalidRecipients",
            "not valid",
        ),
        (
            {"toRecipients": [{"emailAddress": {"address": "é@contoso.example"}}]},
            "ErrorInvalidRecipients",
            "not valid",
        ),
        (
            {"internetMessageHeaders": [{"name": "x-a: b\r\nBcc", "value": "x"}]},
            "InvalidInternetMessageHeader",
            "should start with",
        ),
        ({"toRecipients": []}, "ErrorInvalidRecipients", "At least one recipient"),
        (
            {"singleValueExtendedProperties": [{"id": "Integer 0x3FDF", "value": "all"}]},
            "BadRequest",
            "whole number",
        ),
        ({"singleValueExtendedProperties": [{"id": "String 0x0037", "value": "x"}]}, "BadRequest", "0x3FDF"),
        ({"attachments": [{"name": "x"}]}, "RequestBodyRead", "fileAttachment"),
    ],
)
def test_json_that_graph_does_not_send_is_refused(
    more: dict[str, Any], code: str, said: str, sandbox: Sandbox, graph: Graph
) -> None:
    refused(graph("POST", "~/sendMail", {"message": TO_ANN | TEXT | more}), 400, code, said)
    assert sandbox.mails("ann") == []


# -- drafts ----------------------------------------------------------------------------------------------------


def test_mime_that_is_posted_to_messages_becomes_a_draft(sandbox: Sandbox, graph: Graph) -> None:
    answer = graph("POST", "~/messages", base64.b64encode(MAIL), PLAIN)
    assert (answer.status, answer.json["isDraft"]) == (201, True)
    [draft] = sandbox.mails("approvals", "drafts")
    assert draft.subject == "Request 42"
    assert sandbox.mails("ann") == []


def test_a_draft_is_sent_and_keeps_its_immutable_id_in_sent_items(sandbox: Sandbox, graph: Graph) -> None:
    made = graph("POST", "~/messages", TO_ANN | TEXT | {"subject": "x"}, IMMUTABLE)
    path = f"~/messages/{made.json['id']}"
    assert graph("POST", f"{path}/send", headers=IMMUTABLE).status == 202
    assert sandbox.mails("approvals", "drafts") == []
    assert sandbox.mails("ann")[0].subject == "x"
    sent = graph.get(path, IMMUTABLE).json
    assert sent["parentFolderId"] == graph.get("~/mailFolders/sentitems").json["id"]
    assert sent["isDraft"] is False
    refused(graph("POST", f"{path}/send", headers=IMMUTABLE), 400, "ErrorInvalidRequest")


def test_a_reply_is_drafted_in_the_thread(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.send_as("ann", wire.mail(references="<first@x>"))
    [asked] = graph.get("~/mailFolders/inbox/messages").json["value"]
    made = graph("POST", f"~/messages/{asked['id']}/createReply", {"comment": "Thank you."})
    assert made.status == 201
    assert graph("POST", f"~/messages/{made.json['id']}/send").status == 202
    [reply] = sandbox.mails("ann")
    assert (reply.subject, reply.text) == ("RE: Request 42", "Thank you.\r\n")
    assert reply.header("in-reply-to") == asked["internetMessageId"]
    assert reply.header("references") == f"<first@x> {asked['internetMessageId']}"
