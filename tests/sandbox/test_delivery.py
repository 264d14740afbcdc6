"""Who gets a mail, and what is stamped on it: read back over EWS with literal envelopes."""

from __future__ import annotations

import base64
import email
import email.policy

import pytest

from placet.sandbox import AuthResults, Sandbox, SendRefused, mime
from tests.sandbox import wire
from tests.sandbox.wire import T

AUTH_AS = "X-MS-Exchange-Organization-AuthAs"
PLANTED = {
    "X-MS-Exchange-Organization-AuthAs": "Internal",
    "x-ms-exchange-organization-authmechanism": "04",
    "X-MS-Exchange-Organization-AuthSource": "evil.example",
    "X-MS-Exchange-CrossTenant-AuthAs": "Internal",
    "X-MS-Exchange-CrossTenant-id": "evil",
    "Authentication-Results": "dmarc=pass header.from=contoso.example",
    "Received": "from planted by planted",
    "Return-Path": "<ann@contoso.example>",
}


class Seen:
    """A mail as EWS shows it: its MIME, and the block of its transport headers."""

    def __init__(self, sandbox: Sandbox, address: str, index: int = -1, folder: str = "inbox") -> None:
        mail = sandbox.mails(address, folder)[index]
        shape = wire.shape(
            "item:ItemClass",
            "message:VotingInformation",
            mime=True,
            extended='<t:ExtendedFieldURI PropertyTag="0x007D" PropertyType="String"/>',
        )
        answer = wire.ews(
            sandbox, wire.get_item(shape, mail.id), header=wire.impersonate(sandbox.mailbox(address).address)
        )
        self.mime = base64.b64decode(answer.xml.findtext(f".//{T}MimeContent") or "")
        self.transport = answer.xml.findtext(f".//{T}ExtendedProperty/{T}Value")
        self.item_class = answer.xml.findtext(f".//{T}ItemClass")
        self.vote = answer.xml.findtext(f".//{T}VotingResponse")

    @property
    def message(self) -> email.message.Message:
        return email.message_from_bytes(self.mime)

    def all(self, name: str) -> list[str]:
        """The values of that name in the MIME, which must be those of the transport headers."""
        values = [mime.unfold(value) for value in self.message.get_all(name, [])]
        assert self.transport is not None
        block = email.message_from_string(self.transport)
        squeezed = [" ".join(value.split()) for value in values]
        assert [" ".join(value.split()) for value in block.get_all(name, [])] == squeezed
        return squeezed

    def names(self) -> list[str]:
        return [name.lower() for name in self.message]


def from_outside(**headers: str) -> bytes:
    return wire.mail(**({"from": "Vera <vera@fabrikam.example>"} | headers))


def plant(raw: bytes) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in PLANTED.items()).encode() + raw


# -- stamps ----------------------------------------------------------------------------------------------------


def test_a_colleague_is_stamped_internal_once(sandbox: Sandbox) -> None:
    sandbox.send_as("ann", wire.mail())
    seen = Seen(sandbox, "approvals")
    assert seen.all(AUTH_AS) == ["Internal"]
    assert seen.all("X-MS-Exchange-Organization-AuthMechanism") == ["04"]
    assert len(seen.all("X-MS-Exchange-Organization-AuthSource")) == 1
    assert seen.all("X-MS-Exchange-CrossTenant-AuthAs") == ["Internal"]
    assert seen.all("X-MS-Exchange-CrossTenant-id") == [sandbox.tenant_id]
    assert seen.all("Return-Path") == ["ann@contoso.example"]
    assert seen.all("Authentication-Results") == [
        "dkim=none (message not signed) header.d=none;dmarc=none action=none header.from=contoso.example;"
    ]


def test_the_app_sending_as_the_mailbox_is_stamped_internal(sandbox: Sandbox) -> None:
    wire.ews(sandbox, wire.create_item(b"To: ann@contoso.example\r\n\r\nx"))
    assert Seen(sandbox, "ann").all(AUTH_AS) == ["Internal"]


def test_an_outsider_is_stamped_anonymous_whatever_the_from_says(sandbox: Sandbox) -> None:
    sandbox.deliver(
        wire.mail(), mail_from="evil@fabrikam.example", results=AuthResults("fail", "none", "fail")
    )
    seen = Seen(sandbox, "approvals")
    assert seen.all(AUTH_AS) == ["Anonymous"]
    assert seen.all("X-MS-Exchange-Organization-AuthMechanism") == ["00"]
    assert seen.all("X-MS-Exchange-CrossTenant-AuthAs") == ["Anonymous"]
    assert seen.all("Authentication-Results") == [
        "spf=fail (sender IP is 203.0.113.7) smtp.mailfrom=fabrikam.example; dkim=none (message not signed) "
        "header.d=none;dmarc=fail action=quarantine header.from=contoso.example;compauth=fail reason=000"
    ]


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (
            AuthResults(),
            "spf=pass (sender IP is 203.0.113.7) smtp.mailfrom=fabrikam.example; dkim=pass (signature was verified) "
            "header.d=fabrikam.example;dmarc=pass action=none header.from=fabrikam.example;compauth=pass reason=100",
        ),
        (
            AuthResults(spf="softfail", dkim="fail", dmarc="bestguesspass", dkim_domain="mailer.example"),
            "spf=softfail (sender IP is 203.0.113.7) smtp.mailfrom=fabrikam.example; dkim=fail (signature did not "
            "verify) header.d=mailer.example;dmarc=bestguesspass action=none "
            "header.from=fabrikam.example;compauth=pass reason=109",
        ),
    ],
)
def test_the_edge_writes_results_in_the_form_of_microsoft(
    results: AuthResults, expected: str, sandbox: Sandbox
) -> None:
    sandbox.deliver(from_outside(), results=results)
    assert Seen(sandbox, "approvals").all("Authentication-Results") == [expected]


def test_the_header_firewall_removes_what_an_outsider_planted(sandbox: Sandbox) -> None:
    sandbox.deliver(plant(from_outside()))
    seen = Seen(sandbox, "approvals")
    assert seen.all(AUTH_AS) == ["Anonymous"]
    assert seen.all("X-MS-Exchange-Organization-AuthMechanism") == ["00"]
    assert seen.all("X-MS-Exchange-CrossTenant-id") == [sandbox.tenant_id]
    assert seen.all("Return-Path") == ["vera@fabrikam.example"]
    assert "evil" not in seen.mime.decode() + (seen.transport or "")


def test_the_header_firewall_removes_what_a_colleague_or_the_app_planted(sandbox: Sandbox) -> None:
    sandbox.send_as("ann", plant(wire.mail()))
    wire.ews(sandbox, wire.create_item(plant(b"To: approvals@contoso.example\r\n\r\nx")))
    for index in (0, 1):
        seen = Seen(sandbox, "approvals", index)
        assert seen.all(AUTH_AS) == ["Internal"]
        assert "evil" not in seen.mime.decode() + (seen.transport or "")
        assert "from planted by planted" not in seen.mime.decode()


def test_planted_results_stay_below_the_received_line_of_the_edge(sandbox: Sandbox) -> None:
    sandbox.deliver(plant(from_outside()))
    seen = Seen(sandbox, "approvals")
    assert seen.transport is not None
    for block in (seen.mime.decode(), seen.transport):
        lines = mime.split(mime.with_crlf(block.encode()))[0]
        trace = [
            (name, mime.unfold(v)) for name, v in lines if name in ("Received", "Authentication-Results")
        ]
        edge = next(i for i, (_, value) in enumerate(trace) if "via Frontend Transport" in value)
        ours = next(i for i, (_, value) in enumerate(trace) if value.startswith("spf=pass"))
        planted = trace.index(("Authentication-Results", PLANTED["Authentication-Results"]))
        assert ours < edge < planted


def test_another_tenant_leaves_its_own_stamp_which_says_nothing_about_ours(sandbox: Sandbox) -> None:
    sandbox.deliver(from_outside(), sender_tenant_id="3f2504e0-4f89-11d3-9a0c-0305e82c3301")
    seen = Seen(sandbox, "approvals")
    assert seen.all("X-MS-Exchange-CrossTenant-AuthAs") == ["Internal"]
    assert seen.all("X-MS-Exchange-CrossTenant-id") == ["3f2504e0-4f89-11d3-9a0c-0305e82c3301"]
    assert seen.all(AUTH_AS) == ["Anonymous"]


def test_what_leaves_the_tenant_leaves_its_own_headers_behind(sandbox: Sandbox) -> None:
    sandbox.add_mailbox("vera@fabrikam.example", outside=True)
    sandbox.send_as("ann", wire.mail(to="vera@fabrikam.example"))
    [mail] = sandbox.mails("vera@fabrikam.example")
    assert b"X-MS-Exchange-Organization-" not in mail.mime
    assert mail.header("X-MS-Exchange-CrossTenant-AuthAs") == "Internal"


def test_the_mime_is_rebuilt_and_the_transport_headers_are_not(sandbox: Sandbox) -> None:
    raw = (
        b"X-Custom: kept\r\nSubject: a long subject that is folded\r\n in its own way and long enough to be folded by "
        b"others\r\nTo: approvals@contoso.example\r\nFrom: ann@contoso.example\r\n\r\nbody\n"
    )
    sandbox.send_as("ann", raw)
    seen = Seen(sandbox, "approvals")
    names = seen.names()
    assert names.index("from") < names.index("to") < names.index("subject") < names.index("x-custom")
    assert seen.transport is not None
    assert (
        seen.transport.index("X-Custom:") < seen.transport.index("Subject:") < seen.transport.index("From:")
    )
    assert b"folded\r\n in its own way" not in seen.mime
    assert "folded\r\n in its own way" in seen.transport
    assert mime.unfold(str(seen.message["subject"])).endswith("long enough to be folded by others")
    assert seen.mime.endswith(b"\r\n\r\nbody\r\n")


# -- who gets it -----------------------------------------------------------------------------------------------


def test_plus_addresses_reach_the_mailbox_once_and_bcc_is_not_shown(sandbox: Sandbox) -> None:
    sandbox.send_as(
        "ann",
        wire.mail(to="approvals+a42@contoso.example, Approvals@contoso.example", bcc="bob@contoso.example"),
    )
    assert len(sandbox.mails("approvals")) == 1
    assert Seen(sandbox, "approvals").all("To") == [
        "approvals+a42@contoso.example, Approvals@contoso.example"
    ]
    assert b"bob@" not in Seen(sandbox, "approvals").mime + Seen(sandbox, "bob").mime
    assert sandbox.mails("ann", "sentitems")[0].header("bcc") == "bob@contoso.example"


def test_nobody_sends_as_somebody_else(sandbox: Sandbox) -> None:
    with pytest.raises(SendRefused) as refused:
        sandbox.send_as("bob", wire.mail())
    assert refused.value.code == "ErrorSendAsDenied"
    assert sandbox.mails("approvals") == sandbox.mails("bob", "sentitems") == []


def test_a_delegate_sends_on_behalf_and_the_sender_shows_it(sandbox: Sandbox) -> None:
    sandbox.allow_on_behalf("ann", "bob")
    sandbox.send_as("bob", wire.mail(sender="ann@contoso.example"))
    seen = Seen(sandbox, "approvals")
    assert seen.all("From") == ["Ann Approver <ann@contoso.example>"]
    assert seen.all("Sender") == ["Bob Boss <bob@contoso.example>"]
    assert seen.all("Return-Path") == ["bob@contoso.example"]
    assert seen.all(AUTH_AS) == ["Internal"]


def test_junk_mail_lies_in_the_junk_folder(sandbox: Sandbox) -> None:
    sandbox.deliver(from_outside(), junk=True)
    assert sandbox.mails("approvals") == []
    assert Seen(sandbox, "approvals", folder="junkemail").all("X-MS-Exchange-Organization-SCL") == ["5"]


def test_an_outsiders_mail_to_nobody_is_refused_at_the_door(sandbox: Sandbox) -> None:
    outcome = sandbox.deliver(from_outside(to="nobody@contoso.example, approvals@contoso.example"))
    assert outcome.refused == ["nobody@contoso.example"]
    assert len(outcome.items) == 1


def test_a_vote_is_kept_beside_the_mail_and_in_no_header(sandbox: Sandbox) -> None:
    sandbox.send_as("ann", wire.mail(), voting_response="Approve")
    seen = Seen(sandbox, "approvals")
    assert seen.vote == "Approve"
    assert not [name for name in seen.names() if "vot" in name or "verb" in name]


def test_mail_placed_by_hand_is_kept_byte_for_byte(sandbox: Sandbox) -> None:
    raw = b"From: a@b\nFrom: c@d\n" + plant(b"Subject: \xff\n\nbody \x00\n")
    sandbox.place("approvals", raw)
    assert Seen(sandbox, "approvals").mime == raw
    assert "Internal" in (Seen(sandbox, "approvals").transport or "")


# -- non-delivery reports --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "status"), [("nobody@contoso.example", "5.1.10"), ("nobody@nowhere.example", "5.4.310")]
)
def test_mail_to_an_unknown_address_comes_back_as_a_report(
    address: str, status: str, sandbox: Sandbox
) -> None:
    wire.ews(
        sandbox,
        wire.create_item(
            f"To: {address}\r\nSubject: Request 42\r\nMessage-ID: <req-42@x>\r\n\r\nPlease".encode()
        ),
    )
    seen = Seen(sandbox, "approvals")
    assert seen.item_class == "REPORT.IPM.Note.NDR"
    assert seen.all("From") == ['"Microsoft Outlook" <postmaster@contoso.onmicrosoft.com>']
    assert seen.all("Subject") == ["Undeliverable: Request 42"]
    assert seen.all("Auto-Submitted") == ["auto-replied"]
    assert seen.all("X-MS-Exchange-Message-Is-Ndr") == [""]
    assert seen.all("Return-Path") == ["<>"]
    assert seen.all("In-Reply-To") == ["<req-42@x>"]
    message = email.message_from_bytes(seen.mime, policy=email.policy.default)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    text, delivery, original = message.iter_parts()
    assert address in text.get_content()
    assert delivery.get_content_type() == "message/delivery-status"
    assert f"Status: {status}" in delivery.as_string()
    assert original.get_content_type() == "message/rfc822"
    assert original.get_content()["Message-ID"] == "<req-42@x>"


def test_a_programs_mail_bounces_too_unless_it_asks_for_no_report(sandbox: Sandbox) -> None:
    for suppress in ("NDR", "All", "OOF, NDR"):
        sandbox.send_as("ann", wire.mail(to="nobody@contoso.example", x_auto_response_suppress=suppress))
    assert sandbox.mails("ann") == []
    program = {"auto_submitted": "auto-generated", "x_auto_response_suppress": "OOF, AutoReply"}
    sandbox.send_as("ann", wire.mail(to="nobody@contoso.example", **program))
    assert len(sandbox.mails("ann")) == 1


def test_a_large_original_comes_back_with_its_header_only(sandbox: Sandbox) -> None:
    sandbox.send_as("ann", wire.mail(to="nobody@contoso.example") + b"x" * 2_000_000)
    report = sandbox.mails("ann")[0].mime
    assert b"text/rfc822-headers" in report
    assert len(report) < 10_000


# -- out of office ---------------------------------------------------------------------------------------------


def ask(sandbox: Sandbox, **headers: str) -> None:
    sandbox.send_as(
        "approvals",
        wire.mail(
            **{
                "from": wire.APPROVALS,
                "to": "ann@contoso.example",
                "subject": "Request 42",
                "message_id": "<req-42@x>",
            }
            | headers
        ),
    )


def test_an_out_of_office_reply_has_the_shape_of_exchange_online(sandbox: Sandbox) -> None:
    sandbox.set_out_of_office("ann", "I am away.")
    ask(sandbox, reply_to="approvals+a42@contoso.example")
    seen = Seen(sandbox, "approvals")
    assert seen.item_class == "IPM.Note.Rules.OofTemplate.Microsoft"
    expected = {
        "From": "Ann Approver <ann@contoso.example>",
        "To": wire.APPROVALS,
        "Subject": "Automatic reply: Request 42",
        "In-Reply-To": "<req-42@x>",
        "References": "<req-42@x>",
        "X-Auto-Response-Suppress": "All",
        "X-MS-Exchange-Inbox-Rules-Loop": "ann@contoso.example",
        "x-ms-exchange-parent-message-id": "<req-42@x>",
        "auto-submitted": "auto-generated",
        "x-ms-exchange-generated-message-source": "Mailbox Rules Agent",
        "Return-Path": "<>",
        AUTH_AS: "Internal",
    }
    assert {name: seen.all(name) for name in expected} == {name: [value] for name, value in expected.items()}
    assert seen.message.get_payload() == "I am away.\r\n"


def test_an_old_server_does_not_say_auto_submitted(sandbox: Sandbox) -> None:
    sandbox.set_out_of_office("ann", "Away", old_server=True)
    ask(sandbox)
    seen = Seen(sandbox, "approvals")
    assert seen.all("X-Auto-Response-Suppress") == ["All"]
    assert seen.all("X-MS-Exchange-Inbox-Rules-Loop") == ["ann@contoso.example"]
    assert "auto-submitted" not in seen.names()
    assert "x-ms-exchange-generated-message-source" not in seen.names()


def test_an_out_of_office_reply_goes_out_once_per_sender_until_set_anew(sandbox: Sandbox) -> None:
    sandbox.set_out_of_office("ann", "Away")
    ask(sandbox)
    ask(sandbox)
    assert len(sandbox.mails("approvals")) == 1
    sandbox.set_out_of_office("ann", "Still away")
    ask(sandbox)
    assert len(sandbox.mails("approvals")) == 2
    sandbox.set_out_of_office("ann", None)
    ask(sandbox)
    assert len(sandbox.mails("approvals")) == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"x_auto_response_suppress": "OOF"},
        {"x_auto_response_suppress": "DR, OOF, AutoReply"},
        {"x_auto_response_suppress": "All"},
        {"auto_submitted": "auto-generated"},
    ],
)
def test_a_mail_that_wants_no_automatic_reply_gets_none(headers: dict[str, str], sandbox: Sandbox) -> None:
    sandbox.set_out_of_office("ann", "Away")
    ask(sandbox, **headers)
    assert sandbox.mails("approvals") == []
    ask(sandbox, x_auto_response_suppress="DR, NDR", auto_submitted="no")
    assert len(sandbox.mails("approvals")) == 1


def test_two_people_who_are_away_do_not_answer_each_other_for_ever(sandbox: Sandbox) -> None:
    sandbox.set_out_of_office("ann", "Away")
    sandbox.set_out_of_office("approvals", "Also away")
    ask(sandbox)
    assert (len(sandbox.mails("approvals")), len(sandbox.mails("ann"))) == (1, 1)


def test_an_outsider_gets_an_out_of_office_reply_without_headers_of_the_tenant(sandbox: Sandbox) -> None:
    sandbox.add_mailbox("vera@fabrikam.example", outside=True)
    sandbox.set_out_of_office("approvals", "Away")
    sandbox.send_as("vera@fabrikam.example", from_outside())
    [reply] = sandbox.mails("vera@fabrikam.example")
    assert (reply.item_class, reply.subject) == ("IPM.Note", "Automatic reply: RE: Request 42")
    assert b"X-MS-Exchange-Organization-" not in reply.mime


# -- other mail that answers nothing ---------------------------------------------------------------------------


def test_a_read_receipt_is_a_report(sandbox: Sandbox) -> None:
    ask(sandbox)
    sandbox.read_receipt("ann", sandbox.mails("ann")[0].id)
    seen = Seen(sandbox, "approvals")
    assert seen.item_class == "REPORT.IPM.Note.IPNRN"
    assert seen.message.get_content_type() == "multipart/report"
    assert seen.message.get_param("report-type") == "disposition-notification"
    assert seen.all("In-Reply-To") == ["<req-42@x>"]


def test_a_meeting_response_has_a_calendar_part(sandbox: Sandbox) -> None:
    sandbox.meeting_response("ann", wire.APPROVALS, "Budget")
    seen = Seen(sandbox, "approvals")
    assert seen.item_class == "IPM.Schedule.Meeting.Resp.Pos"
    parts = [part for part in seen.message.walk() if part.get_content_type() == "text/calendar"]
    assert [part.get_param("method") for part in parts] == ["REPLY"]


def test_a_journal_report_says_what_it_is(sandbox: Sandbox) -> None:
    ask(sandbox)
    sandbox.journal_report(wire.APPROVALS, "ann", sandbox.mails("ann")[0].id)
    seen = Seen(sandbox, "approvals")
    assert seen.item_class == "IPM.Note"
    assert seen.all("X-MS-Exchange-Generated-Message-Source") == ["Journal Agent"]


# -- replies as Outlook writes them ----------------------------------------------------------------------------


def test_a_reply_goes_to_the_reply_to_address_with_the_mail_quoted(sandbox: Sandbox) -> None:
    sandbox.send_as(
        "approvals",
        to="ann@contoso.example",
        subject="Request 42",
        text="Please answer.",
        html="<p>Please <b>answer</b>.</p>",
        headers={"Reply-To": "approvals+a42@contoso.example"},
    )
    [request] = sandbox.mails("ann")
    sandbox.reply_as("ann", request.id, "Approve")
    [reply] = sandbox.mails("approvals")
    assert reply.recipients == ("approvals+a42@contoso.example",)
    assert reply.subject == "RE: Request 42"
    assert reply.header("In-Reply-To") == reply.header("References") == request.message_id
    assert reply.text.startswith(
        "Approve\r\n\r\n________________________________\r\nFrom: Approvals <approvals@"
    )
    assert "Please answer." in reply.text
    assert '<div id="divRplyFwdMsg" dir="ltr">' in reply.html
    assert "<p>Please <b>answer</b>.</p>" in reply.html
    assert sandbox.mail("ann", request.id).is_read
    sandbox.reply_as("approvals", reply.id, "Thank you", to=["ann@contoso.example"])
    again = sandbox.mails("ann")[-1]
    assert again.subject == "RE: Request 42"
    assert again.header("References") == f"{request.message_id} {reply.message_id}"
