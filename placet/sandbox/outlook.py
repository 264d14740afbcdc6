"""Mail as Exchange and Outlook write it: new mails, receipts, answers to meetings, journal reports."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP

from placet.sandbox import mime
from placet.sandbox.mime import Address, File
from placet.sandbox.tenant import Item

_KIND = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,80}")


def compose(
    sender: Address,
    to: Sequence[str],
    subject: str,
    text: str,
    *,
    html: str | None = None,
    cc: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
    files: Sequence[File] = (),
) -> bytes:
    """A mail as bytes with CR LF line ends; multipart/alternative when there is HTML, in multipart/mixed with files."""
    message = EmailMessage(policy=SMTP)
    message["From"] = str(sender)
    message["To"] = ", ".join(to)
    if cc:
        message["Cc"] = ", ".join(cc)
    message["Subject"] = " ".join(subject.split())
    message["Date"] = mime.date_value(datetime.now(UTC))
    message["Message-ID"] = mime.new_message_id("eurprd00.prod.outlook.com")
    for name, value in (headers or {}).items():
        message[name] = value
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    for file in files:
        _attach(message, file)
    return message.as_bytes()


def _attach(message: EmailMessage, file: File) -> None:
    kind, _, subtype = (file.kind if _KIND.fullmatch(file.kind) else "application/octet-stream").partition(
        "/"
    )
    if kind in ("multipart", "message"):
        kind, subtype = "application", "octet-stream"
    message.add_attachment(file.content, maintype=kind, subtype=subtype, filename=" ".join(file.name.split()))


def read_receipt(sender: Address, original: Item) -> bytes:
    """What Outlook sends when its user opened a mail that asked for it (RFC 8098)."""
    boundary = "_000_readreceipt_"
    to = original.from_.address if original.from_ else ""
    header = [
        ("From", str(sender)),
        ("To", to),
        ("Subject", mime.encode_text(f"Read: {original.subject}")),
        ("Date", mime.date_value(datetime.now(UTC))),
        ("Message-ID", mime.new_message_id("eurprd00.prod.outlook.com")),
        ("In-Reply-To", original.message_id or ""),
        ("References", original.message_id or ""),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/report; report-type=disposition-notification; boundary="{boundary}"'),
    ]
    body = (
        f"--{boundary}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nYour message was read.\r\n"
        f"--{boundary}\r\nContent-Type: message/disposition-notification\r\n\r\n"
        f"Final-Recipient: rfc822;{sender.address}\r\nOriginal-Message-ID: {original.message_id or ''}\r\n"
        "Disposition: manual-action/MDN-sent-manually; displayed\r\n\r\n"
        f"--{boundary}--\r\n"
    )
    return mime.join(header, body.encode("ascii", "replace"))


def meeting_response(sender: Address, to: str, subject: str) -> bytes:
    """An accepted meeting (RFC 5546 REPLY), which looks much like an answer and is none."""
    message = EmailMessage(policy=SMTP)
    message["From"] = str(sender)
    message["To"] = to
    message["Subject"] = f"Accepted: {subject}"
    message["Date"] = mime.date_value(datetime.now(UTC))
    message["Message-ID"] = mime.new_message_id("eurprd00.prod.outlook.com")
    message.set_content("")
    calendar = (
        "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nPRODID:Microsoft Exchange Server 2010\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\n"
        f"ATTENDEE;PARTSTAT=ACCEPTED:MAILTO:{sender.address}\r\nUID:{mime.new_message_id('meeting')[1:-1]}\r\n"
        f"DTSTAMP:{datetime.now(UTC):%Y%m%dT%H%M%SZ}\r\nSTATUS:CONFIRMED\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    message.add_alternative(calendar, subtype="calendar", params={"method": "REPLY"})
    return message.as_bytes()


def journal_report(sender: str, original: Item, to: str) -> bytes:
    """A journal report: somebody else's mail in an envelope, which decides nothing."""
    message = EmailMessage(policy=SMTP)
    message["From"] = f"Microsoft Outlook <{sender}>"
    message["To"] = to
    message["Subject"] = original.subject
    message["Date"] = mime.date_value(datetime.now(UTC))
    message["Message-ID"] = mime.new_message_id("journal.report.generator")
    message["X-MS-Exchange-Generated-Message-Source"] = "Journal Agent"
    message["X-MS-Journal-Report"] = ""
    message.set_content(
        f"Sender: {original.from_.address if original.from_ else ''}\nSubject: {original.subject}\n"
        f"Message-Id: {original.message_id or ''}\nRecipient: {to}\n"
    )
    message.add_attachment(
        original.mime, maintype="application", subtype="octet-stream", filename="original.eml"
    )
    return message.as_bytes()
