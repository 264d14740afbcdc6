"""Delivery without SMTP: who gets a mail, what is stamped on it, and what the service answers by itself.

What Exchange Online stamps, and what it removes ("header firewall"): Microsoft's page on the header firewall and
the headers of delivered mail. The rules that a client's safety hangs on:

- Whatever a sender wrote into X-MS-Exchange-Organization-* or X-MS-Exchange-CrossTenant-* is gone on arrival.
- There is exactly one X-MS-Exchange-Organization-AuthAs afterwards: Internal for who signed in to a mailbox of the
  tenant, Anonymous for everybody else, whatever their From says.
- Our Authentication-Results stands above the Received line of the edge; what the sender wrote stays below it.
"""

from __future__ import annotations

import email.utils
import secrets
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from placet.sandbox import mime
from placet.sandbox.mime import Header
from placet.sandbox.names import words
from placet.sandbox.tenant import Item, Mailbox, OutOfOffice, Tenant

FIREWALL = ("x-ms-exchange-organization-", "x-ms-exchange-crosstenant-")
_OUTGOING_FIREWALL = ("x-ms-exchange-organization-",)
_TRACE = words(
    "return-path received authentication-results received-spf dkim-signature arc-seal arc-message-signature "
    "arc-authentication-results"
)
_USUAL = (
    "from sender to cc bcc reply-to subject thread-topic thread-index date message-id references in-reply-to "
    "accept-language content-language importance x-auto-response-suppress auto-submitted mime-version content-type "
    "content-transfer-encoding"
)
MAX_RECIPIENTS = 500
_MINUTE = 60.0
_MAX_RETURNED = 1024 * 1024
"""A larger original comes back in a non-delivery report with its header only."""


class SendRefused(Exception):
    """The service does not take the mail; `code` is the EWS response code."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class AuthResults:
    """What the edge found out about a mail from outside."""

    spf: str = "pass"
    dkim: str = "pass"
    dmarc: str = "pass"
    dkim_domain: str | None = None
    """header.d; the From domain unless said otherwise."""
    ip: str = "203.0.113.7"

    def header(self, mail_from: str, from_domain: str) -> str:
        """Microsoft's form: no authserv-id first."""
        signed = self.dkim_domain or from_domain
        dkim = {
            "pass": f"dkim=pass (signature was verified) header.d={signed}",
            "none": "dkim=none (message not signed) header.d=none",
        }.get(self.dkim, f"dkim={self.dkim} (signature did not verify) header.d={signed}")
        action = "quarantine" if self.dmarc == "fail" else "none"
        composite = {
            "pass": "pass reason=100",
            "bestguesspass": "pass reason=109",
            "fail": "fail reason=000",
        }.get(self.dmarc, "none reason=405")
        return (
            f"spf={self.spf} (sender IP is {self.ip})\r\n smtp.mailfrom={mail_from.rpartition('@')[2] or 'none'}; "
            f"{dkim};dmarc={self.dmarc}\r\n action={action} header.from={from_domain};compauth={composite}"
        )


@dataclass
class Outcome:
    """Where a mail went."""

    items: list[Item] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Recipients that do not exist here."""


class Post:
    """The transport of one tenant. Callers hold the tenant's lock."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant

    # -- sending from inside ---------------------------------------------------------------------------------

    def prepare(self, sender: Mailbox, raw: bytes) -> tuple[list[Header], bytes]:
        """The mail as the service will send it for this mailbox, Bcc still there. Raises SendRefused."""
        headers, body = mime.split(mime.with_crlf(raw))
        if not headers:
            raise SendRefused("ErrorMimeContentInvalid", "The MIME content is invalid: it has no header.")
        headers = mime.without(headers, "return-path", "received", prefixes=FIREWALL)
        headers = self._with_sender(sender, headers)
        now = datetime.now(UTC)
        if mime.first(headers, "date") is None:
            headers.append(("Date", mime.date_value(now)))
        if mime.first(headers, "message-id") is None or self.tenant.switches.replace_message_id:
            headers = mime.without(headers, "message-id")
            headers.append(("Message-ID", mime.new_message_id(self.tenant.host.partition(".")[2])))
        if mime.first(headers, "mime-version") is None:
            headers.append(("MIME-Version", "1.0"))
        return headers, body

    def seconds_to_wait(self, sender: Mailbox, mails: int) -> float:
        """The sending limit: how long until these mails may go, or 0.0 if they may and are counted now."""
        most, now = self.tenant.switches.messages_per_minute, time.monotonic()
        if most is None:
            return 0.0
        while sender.sends and sender.sends[0] <= now - _MINUTE:
            sender.sends.popleft()
        if sender.sends and len(sender.sends) + mails > most:
            self.tenant.count("sends_throttled")
            return sender.sends[0] + _MINUTE - now
        sender.sends.extend([now] * mails)
        return 0.0

    def _with_sender(self, sender: Mailbox, headers: list[Header]) -> list[Header]:
        froms = mime.every(headers, "from")
        if not froms:
            mine = email.utils.formataddr((mime.encode_text(sender.name), sender.address))
            return [("From", mine), *mime.without(headers, "sender")]
        people = mime.addresses(froms)
        if len(froms) > 1 or len(people) != 1:
            raise SendRefused(
                "ErrorMimeContentInvalid", "The MIME content is invalid: it must have one From address."
            )
        headers = mime.without(headers, "sender")
        address = people[0].address.lower()
        if address == sender.address.lower():
            return _from_primary(sender, headers)
        other = self.tenant.inside(address)
        if other is None or sender.address.lower() not in other.delegates:
            raise SendRefused(
                "ErrorSendAsDenied",
                "The user account which was used to submit this request does not have the right to send mail on "
                "behalf of the specified sending account.",
            )
        mine = email.utils.formataddr((mime.encode_text(sender.name), sender.address))
        return [*headers, ("Sender", mine)]

    def send(
        self,
        sender: Mailbox,
        headers: list[Header],
        body: bytes,
        *,
        recipients: Iterable[str] | None = None,
        item_class: str = "IPM.Note",
        voting_response: str | None = None,
    ) -> Outcome:
        """Deliver what `prepare` gave, to the recipients of its header unless others are named."""
        named = (
            [p.address for name in ("to", "cc", "bcc") for p in mime.addresses(mime.every(headers, name))]
            if recipients is None
            else list(recipients)
        )
        if not named:
            raise SendRefused("ErrorInvalidRecipients", "At least one recipient is not valid.")
        if len(named) > MAX_RECIPIENTS:
            raise SendRefused("ErrorInvalidRecipients", f"There may be at most {MAX_RECIPIENTS} recipients.")
        headers = mime.without(headers, "bcc")
        outcome = Outcome()
        for mailbox in self._reached(named, outcome):
            if mailbox.outside:
                item = self._leave(mailbox, headers, body, sender.address)
            else:
                stamped = self._stamp_internal(headers, sender.address)
                item = self._store(mailbox, stamped, body, item_class, voting_response)
                self._answer_out_of_office(mailbox, sender, headers)
            outcome.items.append(item)
        for address in outcome.refused:
            self._report_failure(sender, address, headers, body)
        self.tenant.count("mails_sent")
        return outcome

    def _reached(self, named: Iterable[str], outcome: Outcome) -> list[Mailbox]:
        mailboxes: dict[str, Mailbox] = {}
        for address in dict.fromkeys(address.lower() for address in named):
            mailbox = self.tenant.find(address)
            if mailbox is None:
                outcome.refused.append(address)
            else:
                mailboxes[mailbox.address.lower()] = mailbox
        return list(mailboxes.values())

    # -- arriving from outside -------------------------------------------------------------------------------

    def arrive(
        self,
        raw: bytes,
        *,
        mail_from: str,
        recipients: Iterable[str],
        results: AuthResults,
        junk: bool = False,
        sender_tenant_id: str | None = None,
        item_class: str = "IPM.Note",
    ) -> Outcome:
        """A mail that comes in over the internet. `sender_tenant_id` makes it come from another Exchange Online."""
        headers, body = mime.split(mime.with_crlf(raw))
        headers = mime.without(headers, "return-path", "bcc", prefixes=FIREWALL)
        stamped = self._stamp_anonymous(headers, mail_from, results, junk, sender_tenant_id)
        outcome = Outcome()
        for mailbox in self._reached(recipients, outcome):
            mine = mime.without(stamped, prefixes=_OUTGOING_FIREWALL) if mailbox.outside else stamped
            item = self._store(mailbox, mine, body, item_class, None, "junkemail" if junk else "inbox")
            outcome.items.append(item)
            if not mailbox.outside and mail_from:
                self._answer_out_of_office(mailbox, Mailbox(mail_from, ""), headers)
        return outcome

    # -- stamps ----------------------------------------------------------------------------------------------

    def _stamp_internal(self, headers: list[Header], return_path: str, mechanism: str = "04") -> list[Header]:
        host, now = self.tenant.host, mime.date_value(datetime.now(UTC))
        from_domain = _from_domain(headers)
        trace = [
            (
                "Received",
                f"from {host} ([fe80::1])\r\n by {host} ([fe80::1%4]) with mapi id 15.20.9115.012;\r\n {now}",
            ),
            (
                "Authentication-Results",
                f"dkim=none (message not signed)\r\n header.d=none;dmarc=none action=none header.from={from_domain};",
            ),
            ("Received", f"from {host} by {host}\r\n with HTTPS; {now}"),
        ]
        stamps = [
            ("Return-Path", return_path or "<>"),
            ("X-MS-Exchange-Organization-MessageDirectionality", "Originating"),
            ("X-MS-Exchange-Organization-AuthSource", host),
            ("X-MS-Exchange-Organization-AuthAs", "Internal"),
            ("X-MS-Exchange-Organization-AuthMechanism", mechanism),
            ("X-MS-Exchange-Organization-Network-Message-Id", str(uuid.uuid4())),
            ("X-MS-Exchange-Organization-SCL", "-1"),
            ("X-MS-Exchange-CrossTenant-AuthAs", "Internal"),
            ("X-MS-Exchange-CrossTenant-AuthSource", host),
            ("X-MS-Exchange-CrossTenant-id", self.tenant.tenant_id),
            ("X-MS-Exchange-CrossTenant-fromentityheader", "Hosted"),
        ]
        return [*trace, *mime.without(headers, "return-path"), *stamps]

    def _stamp_anonymous(
        self,
        headers: list[Header],
        mail_from: str,
        results: AuthResults,
        junk: bool,
        sender_tenant_id: str | None,
    ) -> list[Header]:
        host, now = self.tenant.host, mime.date_value(datetime.now(UTC))
        edge = "AM0EUR00FT001.mail.protection.outlook.com"
        domain = mail_from.rpartition("@")[2] or "localhost"
        trace = [
            (
                "Received",
                f"from AM0EUR00FT001.eop-eur00.prod.protection.outlook.com\r\n (2603:10a6:20b::9) by {host}\r\n "
                f"(2603:10a6:20b::2) with Microsoft SMTP Server (version=TLS1_3,\r\n "
                f"cipher=TLS_AES_256_GCM_SHA384) id 15.20.9115.012; {now}",
            ),
            ("Authentication-Results", results.header(mail_from, _from_domain(headers))),
            (
                "Received-SPF",
                f"{results.spf.capitalize()} (protection.outlook.com: domain of {domain})\r\n"
                f" client-ip={results.ip};",
            ),
            (
                "Received",
                f"from mail.{domain} ({results.ip}) by {edge}\r\n (10.13.0.1) with Microsoft SMTP Server id "
                f"15.20.9115.012 via Frontend Transport;\r\n {now}",
            ),
        ]
        stamps = [
            ("Return-Path", mail_from or "<>"),
            ("X-MS-Exchange-Organization-MessageDirectionality", "Incoming"),
            ("X-MS-Exchange-Organization-AuthSource", edge),
            ("X-MS-Exchange-Organization-AuthAs", "Anonymous"),
            ("X-MS-Exchange-Organization-AuthMechanism", "00"),
            ("X-MS-Exchange-Organization-Network-Message-Id", str(uuid.uuid4())),
            ("X-MS-Exchange-Organization-SCL", "5" if junk else "1"),
            # Another tenant's own stamp leaves it with the mail, and says nothing about this tenant.
            ("X-MS-Exchange-CrossTenant-AuthAs", "Internal" if sender_tenant_id else "Anonymous"),
            ("X-MS-Exchange-CrossTenant-AuthSource", edge),
            ("X-MS-Exchange-CrossTenant-id", sender_tenant_id or self.tenant.tenant_id),
            ("X-MS-Exchange-CrossTenant-fromentityheader", "Hosted" if sender_tenant_id else "Internet"),
        ]
        return [*trace, *headers, *stamps]

    # -- storing ---------------------------------------------------------------------------------------------

    def _store(
        self,
        mailbox: Mailbox,
        headers: list[Header],
        body: bytes,
        item_class: str,
        voting_response: str | None,
        folder: str = "inbox",
    ) -> Item:
        item = Item(
            rebuilt(headers, body),
            mime.raw_text(mime.block(headers)),
            item_class,
            voting_response=voting_response,
        )
        self.tenant.count("mails_delivered")
        return mailbox.add(mailbox.well_known[folder], item)

    def _leave(self, mailbox: Mailbox, headers: list[Header], body: bytes, return_path: str) -> Item:
        """Deliver to somebody outside: the organisation's own headers stay inside, and so does a vote."""
        stamped = mime.without(self._stamp_internal(headers, return_path), prefixes=_OUTGOING_FIREWALL)
        return self._store(mailbox, stamped, body, "IPM.Note", None)

    # -- what the service writes itself ----------------------------------------------------------------------

    def _answer_out_of_office(self, mailbox: Mailbox, sender: Mailbox, headers: list[Header]) -> None:
        away = mailbox.out_of_office
        to = sender.address.lower()
        if away is None or to in away.told or to == mailbox.address.lower():
            return
        if _wants_no_answer(headers) and not away.even_if_suppressed:
            return
        away.told.add(to)
        reply = self._out_of_office_reply(mailbox, away, sender.address, headers)
        receiver = self.tenant.find(to)
        if receiver is None:
            return
        body = b"\r\n".join(line.encode() for line in away.text.splitlines()) + b"\r\n"
        if receiver.outside:
            self._store(receiver, mime.without(reply, prefixes=_OUTGOING_FIREWALL), body, "IPM.Note", None)
            return
        stamped = self._stamp_internal(reply, "")
        self._store(receiver, stamped, body, "IPM.Note.Rules.OofTemplate.Microsoft", None)

    def _out_of_office_reply(
        self, mailbox: Mailbox, away: OutOfOffice, to: str, headers: list[Header]
    ) -> list[Header]:
        message_id = mime.first(headers, "message-id") or ""
        reply = [
            ("From", email.utils.formataddr((mime.encode_text(mailbox.name), mailbox.address))),
            ("To", to),
            (
                "Subject",
                mime.encode_text(f"Automatic reply: {mime.text(mime.first(headers, 'subject') or '')}"),
            ),
            ("Date", mime.date_value(datetime.now(UTC))),
            ("Message-ID", mime.new_message_id(self.tenant.host.partition(".")[2])),
            ("In-Reply-To", message_id),
            ("References", message_id),
            ("X-Auto-Response-Suppress", "All"),
            ("X-MS-Exchange-Inbox-Rules-Loop", mailbox.address),
        ]
        if not away.old_server:
            reply += [
                ("x-ms-exchange-parent-message-id", message_id),
                ("auto-submitted", "auto-generated"),
                ("x-ms-exchange-generated-message-source", "Mailbox Rules Agent"),
            ]
        return [
            *reply,
            ("MIME-Version", "1.0"),
            ("Content-Type", 'text/plain; charset="utf-8"'),
            ("Content-Transfer-Encoding", "8bit"),
        ]

    def _report_failure(self, sender: Mailbox, address: str, headers: list[Header], body: bytes) -> None:
        if _wants_no_report(headers):
            return
        report = self._failure_report(sender, address, headers, body)
        report_headers, report_body = mime.split(report)
        stamped = self._stamp_internal(report_headers, "")
        self._store(sender, stamped, report_body, "REPORT.IPM.Note.NDR", None)
        self.tenant.count("reports")

    def _failure_report(self, sender: Mailbox, address: str, headers: list[Header], body: bytes) -> bytes:
        boundary = secrets.token_hex(16)
        message_id = mime.first(headers, "message-id") or ""
        subject = mime.encode_text(f"Undeliverable: {mime.text(mime.first(headers, 'subject') or '')}")
        inside = self.tenant.is_inside(address)
        reason = (
            f"550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {address} not found by SMTP address lookup"
            if inside
            else f"550 5.4.310 DNS domain {address.rpartition('@')[2]} does not exist"
        )
        original = mime.join(headers, body)
        kind = "message/rfc822"
        if len(original) > _MAX_RETURNED:
            original, kind = mime.join(headers, b""), "text/rfc822-headers"
        header = [
            ("From", f'"Microsoft Outlook" <{self.tenant.postmaster}>'),
            ("To", sender.address),
            ("Date", mime.date_value(datetime.now(UTC))),
            ("Message-ID", mime.new_message_id(self.tenant.host.partition(".")[2])),
            ("Subject", subject),
            ("In-Reply-To", message_id),
            ("References", message_id),
            ("Auto-Submitted", "auto-replied"),
            ("X-MS-Exchange-Message-Is-Ndr", ""),
            ("MIME-Version", "1.0"),
            ("Content-Type", f'multipart/report; report-type=delivery-status;\r\n\tboundary="{boundary}"'),
        ]
        parts = (
            f"--{boundary}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
            f"Delivery has failed to these recipients or groups:\r\n\r\n{address}\r\n"
            "The email address you entered couldn't be found. Please check the recipient's email address and try to\r\n"
            "resend the message.\r\n\r\n"
            f"--{boundary}\r\nContent-Type: message/delivery-status\r\n\r\n"
            f"Reporting-MTA: dns;{self.tenant.host}\r\n\r\n"
            f"Final-Recipient: rfc822;{address}\r\nAction: failed\r\nStatus: {reason.split()[1]}\r\n"
            f"Diagnostic-Code: smtp;{reason}\r\n\r\n"
            f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n"
        )
        return mime.join(
            header, parts.encode("ascii", "replace") + original + f"\r\n--{boundary}--\r\n".encode()
        )


def rebuilt(headers: list[Header], body: bytes) -> bytes:
    """The MIME that Exchange makes from its store: the same mail, its header in another order and fold."""
    order = {name: position for position, name in enumerate(_USUAL.split(), start=1)}

    def place(header: Header) -> int:
        name = header[0].lower()
        if name in _TRACE:
            return 0
        return order.get(name, len(order) + (2 if name.startswith("x-ms-exchange-") else 1))

    ordered = sorted(headers, key=place)
    return mime.join([(name, mime.refold(name, value)) for name, value in ordered], body)


def _from_primary(sender: Mailbox, headers: list[Header]) -> list[Header]:
    """Who sends by an alias is shown by the primary address, and by the directory's name for it."""
    if not sender.primary_address:
        return headers
    shown = email.utils.formataddr((mime.encode_text(sender.name), sender.primary_address))
    return [(name, shown if name.lower() == "from" else value) for name, value in headers]


def _from_domain(headers: list[Header]) -> str:
    people = mime.addresses(mime.every(headers, "from"))
    return people[0].address.rpartition("@")[2].lower() if people else "none"


def _wants_no_answer(headers: list[Header]) -> bool:
    return bool({"all", "oof"} & _suppressed(headers)) or _is_automatic(headers)


def _wants_no_report(headers: list[Header]) -> bool:
    """A program's mail bounces like everybody's: only what asks for no report gets none (MS-OXCMAIL 2.1.3.2.20)."""
    return bool({"all", "ndr"} & _suppressed(headers))


def _suppressed(headers: list[Header]) -> set[str]:
    value = mime.first(headers, "x-auto-response-suppress") or ""
    return set(value.lower().replace(" ", "").split(","))


def _is_automatic(headers: list[Header]) -> bool:
    submitted = (mime.first(headers, "auto-submitted") or "no").lower()
    return not submitted.startswith("no") or mime.first(headers, "x-ms-exchange-inbox-rules-loop") is not None
