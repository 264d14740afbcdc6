"""A sandbox whose people write and read as ever, while Placet's own mailbox lies on another server than Exchange
Online.

A test that says what happens by a `Sandbox` says it here too, as far as it does not ask for what only Exchange has:
there are no voting buttons, no classes of mails, and no headers beside those of the mail.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from email.parser import BytesHeaderParser
from email.policy import default
from typing import Any

from placet.mailboxes.mime import header_block
from placet.mailboxes.models import Mailbox
from placet.sandbox import mime, outlook
from placet.sandbox.delivery import Outcome
from placet.sandbox.mime import Address
from placet.sandbox.server import Mail, Sandbox

DOMAIN = "contoso.example"
APPROVALS = f"approvals@{DOMAIN}"
PEOPLE = ("alice", "bob", "carol", "dave", "ada")
OUTSIDER = "mail.evil.example"
SINCE = "2020-01-01T00:00:00+00:00"


class NotTaken(Exception):
    """The server does not take a mail with these bytes into a mailbox."""


class OwnMailbox(Sandbox):
    """One that says itself how Placet's mailbox is connected."""

    def connected(self) -> Mailbox:
        """Placet's mailbox there, active."""
        raise NotImplementedError


class Elsewhere(OwnMailbox):
    """See the module. Nobody but Placet asks its own server anything."""

    has_folders = True  # handled mail is moved; else it is deleted
    proof = "colleague"  # the strongest that its server can prove, of what a process asks for
    orders = True  # which of two mails of one second came first is known

    def __init__(self) -> None:
        super().__init__(DOMAIN)

    # --- what each server does in its own way ---------------------------------------------------------------

    def submit(self, sender: str, recipients: Sequence[str], raw: bytes) -> None:
        """A mail by somebody who is signed in."""
        raise NotImplementedError

    def came_for(self, name: str) -> Iterable[bytes]:
        """Mails that came for somebody since this was asked last."""
        raise NotImplementedError

    def lying_in(self, folder: str) -> list[Mail]:
        """Of Placet's own mailbox; the folder by its well-known name, or as a path."""
        raise NotImplementedError

    def laid(self, folder: str, raw: bytes, received: datetime | None = None) -> Mail:
        """Into a folder of Placet's own mailbox, as it is; received then, as whoever puts it there says."""
        raise NotImplementedError

    def dragged(self, mail_id: str, folder: str) -> Mail:
        """Of Placet's own mailbox, to another folder."""
        raise NotImplementedError

    def arrived(self, recipient: str, mail_from: str, raw: bytes, helo: str = OUTSIDER) -> None:
        """From outside, by a server that hands it over as it is and calls itself `helo`: nobody signs in."""
        raise NotImplementedError

    def proved(self, sender: str, raw: bytes) -> bytes:
        """The mail as this server would have delivered it to Placet, had `sender` written it and signed in."""
        raise NotImplementedError

    def let_in(self, domain: str, raw: bytes) -> bytes:
        """The mail as this server would have delivered it to Placet, had a server of `domain` handed it over with all
        that speaks for it."""
        entrance = f"from mail.{domain} ([203.0.113.7]) by mx.{DOMAIN} with ESMTPS id 4X"
        return f"Received: {entrance}; Sat, 28 Nov 2026 10:00:01 +0000\r\n".encode() + raw

    # --- people ---------------------------------------------------------------------------------------------

    def send_as(
        self,
        address: str,
        raw: bytes | None = None,
        *,
        to: str | Sequence[str] = (),
        subject: str = "",
        text: str = "",
        html: str | None = None,
        headers: Mapping[str, str] | None = None,
        recipients: Sequence[str] | None = None,
        voting_response: str | None = None,
        item_class: str = "IPM.Note",
    ) -> Outcome:
        sender = self.mailbox(address)
        if raw is None:
            people = [to] if isinstance(to, str) else list(to)
            me = Address(sender.name, sender.address)
            raw = outlook.compose(me, people, subject, text, html=html, headers=headers)
        raw = mime.with_crlf(raw)
        if sender.outside:
            return self.deliver(raw, mail_from=sender.address, to=recipients)
        self.submit(sender.address, list(recipients or recipients_of(raw)), raw)
        return Outcome()

    def deliver(self, raw: bytes, **more: Any) -> Outcome:
        """What the entrance of Exchange would have found out is not asked for."""
        to = more.get("to") or recipients_of(raw)
        for recipient in [to] if isinstance(to, str) else to:
            self.arrived(
                recipient, more.get("mail_from") or "", mime.with_crlf(raw), more.get("helo") or OUTSIDER
            )
        return Outcome()

    def mails(self, address: str, folder: str = "inbox") -> list[Mail]:
        """People's mail programs fetch first what came for them: it is in their mailboxes from now on."""
        full = self.mailbox(address).address
        if full == APPROVALS:
            return self.lying_in(folder)
        name = full.removesuffix(f"@{DOMAIN}")
        for raw in self.came_for(name) if name in PEOPLE else ():
            super().place(name, raw)
        return super().mails(address, folder)

    def place(self, address: str, raw: bytes, **more: Any) -> Mail:
        if self.mailbox(address).address != APPROVALS:
            return super().place(address, raw, **more)
        return self.laid(more.get("folder", "inbox"), raw, more.get("received"))

    def move(self, address: str, mail_id: str, folder: str) -> Mail:
        if self.mailbox(address).address != APPROVALS:
            return super().move(address, mail_id, folder)
        return self.dragged(mail_id, folder)


def recipients_of(raw: bytes) -> list[str]:
    headers, _body = mime.split(mime.with_crlf(raw))
    names = ("to", "cc", "bcc")
    return [person.address for name in names for person in mime.addresses(mime.every(headers, name))]


def shown(id_: str, folder: str, raw: bytes, *, is_read: bool, received: datetime) -> Mail:
    """A mail of Placet's own mailbox."""
    headers, _body = mime.split(mime.with_crlf(raw))
    senders = mime.addresses(mime.every(headers, "from"))
    return Mail(
        id=id_,
        immutable_id=id_,
        mailbox=APPROVALS,
        folder=folder,
        subject=str(BytesHeaderParser(policy=default).parsebytes(raw)["Subject"] or ""),
        sender=senders[0].address if senders else "",
        recipients=tuple(person.address for person in mime.addresses(mime.every(headers, "to"))),
        message_id=mime.first(headers, "message-id"),
        item_class="IPM.Note",
        is_read=is_read,
        received=received,
        mime=raw,
        transport_headers=header_block(raw),
        voting_response=None,
    )
