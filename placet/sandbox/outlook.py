"""Mail as people's mail programs write it: new mails, and replies that quote the way Outlook does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from html import escape

from placet.sandbox import mime
from placet.sandbox.mime import Address
from placet.sandbox.tenant import Item

_SEPARATOR = "_" * 32
_DAY_AND_TIME = "%A, %B %d, %Y %I:%M %p"


def compose(
    sender: Address,
    to: Sequence[str],
    subject: str,
    text: str,
    *,
    html: str | None = None,
    cc: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """A mail as bytes with CR LF line ends; multipart/alternative when there is HTML."""
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
    return message.as_bytes()


def reply(
    sender: Address,
    original: Item,
    text: str,
    *,
    html: str | None = None,
    to: Sequence[str] = (),
    subject: str | None = None,
) -> bytes:
    """A reply to a mail: to its Reply-To or From, with the original quoted below as Outlook does it.

    `html` is the new part as HTML; without it the text is used. A reply to a mail with HTML has both.
    """
    content = original.content
    people = list(to) or [str(p) for p in original.people("reply-to") or original.people("from")]
    references = " ".join(filter(None, (original.header("references"), original.message_id)))
    threading = {"In-Reply-To": original.message_id or "", "References": references}
    title = original.subject
    return compose(
        sender,
        people,
        subject or (title if title[:3].lower() == "re:" else f"RE: {title}"),
        f"{text}\n\n{_SEPARATOR}\n{_quoted_header(original)}\n\n{content.text}",
        html=_reply_html(original, html or _as_html(text), content.html) if content.html or html else None,
        headers={name: value for name, value in threading.items() if value},
    )


def _quoted_lines(original: Item) -> list[tuple[str, str]]:
    lines = [
        ("From", str(original.from_ or "")),
        ("Sent", f"{original.sent:{_DAY_AND_TIME}}"),
        ("To", "; ".join(map(str, original.people("to")))),
        ("Cc", "; ".join(map(str, original.people("cc")))),
        ("Subject", original.subject),
    ]
    return [(name, value) for name, value in lines if value or name != "Cc"]


def _quoted_header(original: Item) -> str:
    return "\n".join(f"{name}: {value}" for name, value in _quoted_lines(original))


def _reply_html(original: Item, new: str, quoted: str) -> str:
    lines = "<br>".join(f"<b>{name}:</b> {escape(value)}" for name, value in _quoted_lines(original))
    return (
        f"<html><head></head><body><div>{new}</div>"
        '<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1">'
        '<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri, sans-serif" style="font-size:11pt" color="#000000">'
        f"{lines}</font><div>&nbsp;</div></div>{quoted}</body></html>"
    )


def _as_html(text: str) -> str:
    return "<br>".join(escape(line) for line in text.splitlines())


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
