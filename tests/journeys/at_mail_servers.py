"""A sandbox whose mail goes through servers that we did not write: a Postfix and the Dovecot beside it.

People have their mail programs of the sandbox, and sign in at Postfix to send. Placet's own mailbox lies in Dovecot,
where it is looked into past Placet. So a test that says what happens by a `Sandbox` says it here too, as far as it does
not ask for what only Exchange has.
"""

import email
import email.policy
import smtplib
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from imapclient import SEEN, IMAPClient

from placet.mailboxes import store
from placet.mailboxes.imap.ids import MailId
from placet.mailboxes.mime import header_block
from placet.mailboxes.models import Mailbox
from placet.mailboxes.stamp_profile import StampProfile
from placet.sandbox import mime, outlook
from placet.sandbox.delivery import Outcome
from placet.sandbox.mime import Address
from placet.sandbox.server import Mail, Sandbox
from tests.installation import PATIENCE
from tests.servers.dovecot import Dovecot, dovecot
from tests.servers.postfix import Postfix, postfix

DOMAIN = "contoso.example"
APPROVALS = f"approvals@{DOMAIN}"
PEOPLE = ("alice", "bob", "carol", "dave", "ada")
PASSWORD = "s3cret %&"
FOLDERS = {"inbox": "INBOX", "junkemail": "Junk", "deleteditems": "Trash", "sentitems": "Sent"}
QUEUES = ("maildrop", "incoming", "active", "deferred")
#: What Postfix and Dovecot write about a mail, as an administrator would confirm it.
PROFILE = StampProfile(
    ids=("mail.example.test",), dmarc=False, hosts=("example.test",), local_delivery=True, submission=True
)


@dataclass(frozen=True)
class MailServers:
    dovecot: Dovecot
    postfix: Postfix

    def empty(self) -> None:
        """As on the first day, but that no UID is given twice."""
        self.wait()
        self.dovecot.doveadm("expunge", "-A", "mailbox", "*", "all")

    def wait(self) -> None:
        """Until Postfix has delivered all that it took."""
        until = time.monotonic() + PATIENCE
        queues = [self.postfix.folder / "queue" / name for name in QUEUES]
        while any(path.is_file() for queue in queues for path in queue.rglob("*")):
            assert time.monotonic() < until, self.postfix.log()
            time.sleep(0.02)

    @contextmanager
    def opened(self, user: str) -> Iterator[IMAPClient]:
        client = IMAPClient("127.0.0.1", self.dovecot.ports["imap"], ssl=False, timeout=PATIENCE)
        try:
            client.login(user, PASSWORD)
            yield client
        finally:
            client.shutdown()


@contextmanager
def mail_servers() -> Iterator[MailServers]:
    users = [APPROVALS, *(f"{name}@{DOMAIN}" for name in PEOPLE)]
    domains = f"virtual_mailbox_domains = example.test {DOMAIN}\nsmtpd_sasl_authenticated_header = yes\n"
    with (
        dovecot(
            dict.fromkeys(users, PASSWORD), cleartext=True, more="hostname = imap.example.test\n"
        ) as imap,
        postfix(imap, size=30_000_000, more=domains) as smtp,
    ):
        yield MailServers(imap, smtp)


class AtMailServers(Sandbox):
    """See the module. Nobody but Placet asks its own server anything."""

    def __init__(self, servers: MailServers) -> None:
        super().__init__(DOMAIN)
        self.servers = servers

    # --- people -------------------------------------------------------------------------------------------

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
        """By submission, as a mail program does it. There are no voting buttons, and no classes of mails."""
        sender = self.mailbox(address)
        if raw is None:
            people = [to] if isinstance(to, str) else list(to)
            me = Address(sender.name, sender.address)
            raw = outlook.compose(me, people, subject, text, html=html, headers=headers)
        trusting = ssl.create_default_context(cafile=str(self.servers.postfix.authority.certificate))
        port = self.servers.postfix.ports["submissions"]
        with smtplib.SMTP_SSL("localhost", port, context=trusting, timeout=PATIENCE) as program:
            program.login(sender.address, PASSWORD)
            program.sendmail(sender.address, list(recipients or _recipients(raw)), mime.with_crlf(raw))
        self.servers.wait()
        return Outcome()

    def mails(self, address: str, folder: str = "inbox") -> list[Mail]:
        if self.mailbox(address).address == APPROVALS:
            return self._in_dovecot(FOLDERS.get(folder, folder))
        self._fetch()
        return super().mails(address, folder)

    def _fetch(self) -> None:
        """What people's mail programs do: what arrived for them is in their mailboxes from now on."""
        self.servers.wait()
        for name in PEOPLE:
            with self.servers.opened(f"{name}@{DOMAIN}") as program:
                program.select_folder("INBOX")
                fetched = program.fetch(program.search(), ["BODY.PEEK[]"])
                for uid in sorted(fetched):
                    super().place(name, fetched[uid][b"BODY[]"])
                if fetched:
                    program.delete_messages(list(fetched))
                    program.expunge()

    # --- Placet's own mailbox -----------------------------------------------------------------------------

    def _in_dovecot(self, folder: str) -> list[Mail]:
        self.servers.wait()
        with self.servers.opened(APPROVALS) as client:
            if not client.folder_exists(folder):
                return []
            validity = client.select_folder(folder, readonly=True)[b"UIDVALIDITY"]
            fetched = client.fetch(client.search(), ["BODY.PEEK[]", "FLAGS", "INTERNALDATE"])
        return [_mail(MailId(validity, uid, folder.encode()), fetched[uid]) for uid in sorted(fetched)]

    def place(self, address: str, raw: bytes, **more: Any) -> Mail:
        """`transport_headers` are those of the mail: its server gives no others."""
        if self.mailbox(address).address != APPROVALS:
            return super().place(address, raw, **more)
        folder = FOLDERS.get(more.get("folder", "inbox"), more.get("folder", "inbox"))
        with self.servers.opened(APPROVALS) as client:
            client.append(folder, raw)
        return self._in_dovecot(folder)[-1]

    def deliver(self, raw: bytes, **more: Any) -> Outcome:
        """From outside, by a server that hands it over as it is: nobody signs in, and nothing is stamped."""
        to = more.get("to") or _recipients(raw)
        for recipient in [to] if isinstance(to, str) else to:
            self.servers.dovecot.deliver(recipient, mime.with_crlf(raw))
        return Outcome()

    def move(self, address: str, mail_id: str, folder: str) -> Mail:
        if self.mailbox(address).address != APPROVALS:
            return super().move(address, mail_id, folder)
        known, to = MailId.of(mail_id), FOLDERS.get(folder, folder)
        assert known is not None
        with self.servers.opened(APPROVALS) as client:
            client.select_folder(known.folder.decode())
            client.move([known.uid], to)
        return self._in_dovecot(to)[-1]


def _recipients(raw: bytes) -> list[str]:
    headers, _body = mime.split(mime.with_crlf(raw))
    names = ("to", "cc", "bcc")
    return [person.address for name in names for person in mime.addresses(mime.every(headers, name))]


def _mail(id_: MailId, fetched: Mapping[bytes, Any]) -> Mail:
    raw: bytes = fetched[b"BODY[]"]
    headers, _body = mime.split(mime.with_crlf(raw))
    read = email.message_from_bytes(raw, policy=email.policy.default)
    senders = mime.addresses(mime.every(headers, "from"))
    return Mail(
        id=id_.text,
        immutable_id=id_.text,
        mailbox=APPROVALS,
        folder=id_.folder.decode(),
        subject=str(read["Subject"] or ""),
        sender=senders[0].address if senders else "",
        recipients=tuple(person.address for person in mime.addresses(mime.every(headers, "to"))),
        message_id=mime.first(headers, "message-id"),
        item_class="IPM.Note",
        is_read=SEEN in fetched[b"FLAGS"],
        received=fetched[b"INTERNALDATE"].astimezone(UTC),
        mime=raw,
        transport_headers=header_block(raw),
        voting_response=None,
    )


def connected(servers: MailServers) -> Mailbox:
    """Placet's mailbox there, active: IMAP receives, SMTP sends."""
    mailbox = store.save(
        {
            "kind": "imap",
            "sending_kind": "smtp",
            "username": APPROVALS,
            "imap_host": "127.0.0.1",
            "imap_port": servers.dovecot.ports["imap"],
            "imap_security": "none",
            "smtp_host": "127.0.0.1",
            "smtp_port": servers.postfix.ports["mx"],
            "smtp_security": "none",
            "smtp_sign_in": "none",
            "active": True,
            "sends_per_minute": 1000,
            "since": "2020-01-01T00:00:00+00:00",
        },
        secrets={"imap_password": PASSWORD},
        by="a test",
    ).mailbox
    mailbox.stamps = {"profile": PROFILE.to_json()}
    mailbox.save(update_fields=["stamps"])
    return mailbox
