"""Programs' mail by its signs, and people's mail in spite of some."""

import pytest

from placet.mailboxes.base import Folder, Received
from placet.replies.parse import Kind, OwnMail, parse


def kind(
    headers: str, *, item_class: str = "IPM.Note", transport: str = "", own: OwnMail | None = None
) -> Kind | None:
    raw = f"{headers}\n\nYes\n".encode()
    received = Received("1", Folder.INBOX, raw, transport, item_class, None, len(raw))
    return parse(received, own or OwnMail("approvals@contoso.example", "placet.contoso.example")).automatic


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ("Auto-Submitted: auto-replied", Kind.AUTOMATIC_REPLY),
        ("Auto-Submitted: AUTO-GENERATED; x=y", Kind.AUTOMATIC_REPLY),
        ("Auto-Submitted:", Kind.AUTOMATIC_REPLY),
        ("Auto-Submitted: notify", Kind.AUTOMATIC_REPLY),
        ("Auto-Submitted: no\nAuto-Submitted: auto-replied", Kind.AUTOMATIC_REPLY),
        ("X-MS-Exchange-Generated-Message-Source: DC Pre Content Filter Agent", Kind.AUTOMATIC_REPLY),
        ("X-Autoreply: yes", Kind.AUTOMATIC_REPLY),
        ("X-Autorespond: x", Kind.AUTOMATIC_REPLY),
        ("Return-Path: <>\nSubject: Abwesend bis Montag", Kind.AUTOMATIC_REPLY),
        ("Precedence: bulk\nSubject: Respuesta automática: x", Kind.AUTOMATIC_REPLY),
        ("X-Auto-Response-Suppress: All\nSubject: Réponse automatique : x", Kind.AUTOMATIC_REPLY),
        ("Return-Path: <>", Kind.BOUNCE),
        ("X-Failed-Recipients: x@y.example", Kind.BOUNCE),
        ("From: MAILER-DAEMON@x.example (Mail System)", Kind.BOUNCE),
        ("From: =?utf-8?q?Postmaster?= <postmaster@x.example>", Kind.BOUNCE),
        ("Content-Type: multipart/report; boundary=b\n\n--b\n\n--b--", Kind.BOUNCE),
        ("Content-Type: message/feedback-report", Kind.REPORT),
        ("Content-Type: text/calendar; method=REPLY", Kind.MEETING),
        ("X-MS-Journal-Report:", Kind.JOURNAL),
        ("Message-ID: <a1@placet.contoso.example>", Kind.OUR_OWN),
        ("From: Approvals <APPROVALS@contoso.example>", Kind.OUR_OWN),
        ("From: approvals@contoso.example, evil@x.example", Kind.OUR_OWN),
        ("X-Placet-Reference: 1\nAuto-Submitted: auto-generated", Kind.OUR_OWN),
    ],
)
def test_programs_mail(headers: str, expected: Kind) -> None:
    assert kind(headers) is expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (["failed"], Kind.BOUNCE),
        (["delayed", "Failed (of 2)"], Kind.BOUNCE),
        (["delayed"], Kind.REPORT),
        (["Delayed", "delivered"], Kind.REPORT),
        (["delivered"], Kind.READ_RECEIPT),
        (["relayed", "expanded"], Kind.READ_RECEIPT),
        (["unheard-of"], Kind.BOUNCE),
        ([], Kind.BOUNCE),
    ],
)
def test_a_report_of_a_delay_is_no_bounce(said: list[str], expected: Kind) -> None:
    status = "Reporting-MTA: dns; x.example\n\n" + "".join(
        f"Final-Recipient: rfc822; {n}@y.example\nAction: {action}\n\n" for n, action in enumerate(said)
    )
    inside = f"--b\nContent-Type: message/delivery-status\n\n{status}--b--\n"
    from_ = "From: MAILER-DAEMON@x.example\n"
    assert (
        kind(f"{from_}Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n{inside}")
        is expected
    )
    assert kind(f"{from_}Content-Type: multipart/mixed; boundary=b\n\n{inside}") is expected


@pytest.mark.parametrize(
    "headers",
    [
        "Auto-Submitted: no",
        "X-Auto-Response-Suppress: All",
        "X-Auto-Response-Suppress: DR, OOF, AutoReply",
        "Precedence: list",
        "List-Id: <board.contoso.example>",
        "Subject: Re: Automatic reply: x",
        "Subject: Out of office from Monday, but yes",
        "From: reapprovals@contoso.example",
        "From: approvals@contoso.example.attacker.example",
        "From: Post Master <ann@contoso.example>",
        "Message-ID: <a1@mail.placet.contoso.example.attacker.example>",
        "Return-Path: <ann@contoso.example>",
        'Content-Type: text/calendar; method=PUBLISH; name="x.ics"',
    ],
)
def test_peoples_mail(headers: str) -> None:
    assert kind(headers) is None


@pytest.mark.parametrize(
    ("item_class", "expected"),
    [
        ("REPORT.IPM.Note.NDR", Kind.BOUNCE),
        ("REPORT.IPM.Note.DR", Kind.READ_RECEIPT),
        ("REPORT.IPM.Note.IPNRN", Kind.READ_RECEIPT),
        ("report.ipm.note.ipnnrn", Kind.READ_RECEIPT),
        ("IPM.Note.Rules.ReplyTemplate.Microsoft", Kind.AUTOMATIC_REPLY),
        ("IPM.Schedule.Meeting.Resp.Pos", Kind.MEETING),
        ("IPM.Note", None),
        ("IPM.Note.SMIME.MultipartSigned", None),
        ("", None),
    ],
)
def test_the_servers_item_class(item_class: str, expected: Kind | None) -> None:
    assert kind("From: ann@contoso.example", item_class=item_class) is expected


def test_nothing_is_read_from_the_text_of_automatic_mail() -> None:
    raw = b"Auto-Submitted: auto-replied\n\nApprove\n"
    mail = parse(Received("1", Folder.INBOX, raw, "", "", None, len(raw)), OwnMail("a@b.example", ""))
    assert (mail.text, mail.new_text, mail.with_signature) == ("", "", "")


def test_our_own_plus_address_and_reply_address_are_us() -> None:
    own = OwnMail("sender@contoso.example", "", reply_to="Answers@contoso.example")
    assert kind("From: answers@contoso.example", own=own) is Kind.OUR_OWN
    assert kind("From: ann@contoso.example", own=own) is None
