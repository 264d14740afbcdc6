"""Mail through servers that we did not write: a Postfix and the Dovecot beside it.

People sign in at Postfix to send. Placet's own mailbox lies in Dovecot, where it is looked into past Placet, which
takes mail from it by IMAP or by POP3 and sends by SMTP.
"""

import re
import smtplib
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imapclient import SEEN, IMAPClient

from placet.mailboxes import store
from placet.mailboxes.models import Mailbox
from placet.mailboxes.stamp_profile import StampProfile
from placet.sandbox.server import Mail
from tests.installation import PATIENCE
from tests.journeys.elsewhere import APPROVALS, DOMAIN, OUTSIDER, PEOPLE, SINCE, Elsewhere, shown
from tests.servers.dovecot import Dovecot, dovecot
from tests.servers.postfix import Postfix, postfix

PASSWORD = "s3cret %&"
FOLDERS = {"inbox": "INBOX", "junkemail": "Junk", "deleteditems": "Trash", "sentitems": "Sent"}
ITEMS = ("BODY.PEEK[]", "FLAGS", "INTERNALDATE")
_APPENDED = re.compile(rb"APPENDUID (\d+) (\d+)")
QUEUES = ("maildrop", "incoming", "active", "deferred")
#: What Postfix and Dovecot write about a mail, as an administrator would confirm it.
PROFILE = StampProfile(
    ids=("mail.example.test",), dmarc=False, hosts=("example.test",), local_delivery=True, submission=True
)
#: What Postfix writes on top of a mail that {sender} signed in to send, and Dovecot above that.
SUBMITTED = """\
Received: from pc.contoso.example (localhost [127.0.0.1])
\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))
\t(No client certificate requested)
\t(Authenticated sender: {sender})
\tby mail.example.test (Postfix) with ESMTPSA id 4dJ1Xk2vTkz1
\tfor <approvals@contoso.example>; Sat, 28 Nov 2026 10:00:00 +0000 (UTC)
"""
DELIVERED = (
    """\
Return-Path: <{sender}>
Delivered-To: approvals@contoso.example
Received: from mail.example.test ([127.0.0.1])
\tby imap.example.test with LMTP
\tid gKpyIx3rKmlGDgAAyxbUTA
\t(envelope-from <{sender}>)
\tfor <approvals@contoso.example>; Sat, 28 Nov 2026 10:00:01 +0000
"""
    + SUBMITTED
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
def mail_servers(people: Sequence[str] = PEOPLE, more: str = "", services: str = "") -> Iterator[MailServers]:
    """`more` and `services`: as of `postfix`."""
    users = [APPROVALS, *(f"{name}@{DOMAIN}" for name in people)]
    domains = f"virtual_mailbox_domains = example.test {DOMAIN}\nsmtpd_sasl_authenticated_header = yes\n"
    domains += f"smtpd_authorized_xclient_hosts = 127.0.0.1\n{more}"
    with (
        dovecot(
            dict.fromkeys(users, PASSWORD), cleartext=True, more="hostname = imap.example.test\n"
        ) as imap,
        postfix(imap, size=30_000_000, more=domains, services=services) as smtp,
    ):
        yield MailServers(imap, smtp)


class AtMailServers(Elsewhere):
    """See the module. `protocol`: "imap" or "pop3". `ports`: others than the servers' own, by protocol."""

    delivered = DELIVERED

    def __init__(self, servers: MailServers, protocol: str, ports: Mapping[str, int] | None = None) -> None:
        super().__init__()
        self.servers = servers
        self.protocol = protocol
        self.has_folders = protocol == "imap"
        own = {**servers.dovecot.ports, "smtp": servers.postfix.ports["mx"]}
        self.ports = {**own, **(ports or {})}

    def connected(self) -> Mailbox:
        receiving: dict[str, Any] = {
            f"{self.protocol}_host": "127.0.0.1",
            f"{self.protocol}_port": self.ports[self.protocol],
            f"{self.protocol}_security": "none",
        }
        mailbox = store.save(
            {
                "kind": self.protocol,
                "sending_kind": "smtp",
                "username": APPROVALS,
                **receiving,
                **({} if self.has_folders else {"pop3_delete_days": 0}),
                "smtp_host": "127.0.0.1",
                "smtp_port": self.ports["smtp"],
                "smtp_security": "none",
                "smtp_sign_in": "none",
                "active": True,
                "sends_per_minute": 1000,
                "since": SINCE,
            },
            secrets={f"{self.protocol}_password": PASSWORD},
            by="a test",
        ).mailbox
        mailbox.stamps = {"profile": PROFILE.to_json()}
        mailbox.save(update_fields=["stamps"])
        return mailbox

    # --- people ---------------------------------------------------------------------------------------------

    def submit(self, sender: str, recipients: Sequence[str], raw: bytes) -> None:
        trusting = ssl.create_default_context(cafile=str(self.servers.postfix.authority.certificate))
        port = self.servers.postfix.ports["submissions"]
        with smtplib.SMTP_SSL("localhost", port, context=trusting, timeout=PATIENCE) as program:
            program.login(sender, PASSWORD)
            program.sendmail(sender, list(recipients), raw)
        self.servers.wait()

    def came_for(self, name: str) -> Iterable[bytes]:
        self.servers.wait()
        with self.servers.opened(f"{name}@{DOMAIN}") as program:
            program.select_folder("INBOX")
            fetched = program.fetch(program.search(), ["BODY.PEEK[]"])
            if fetched:
                program.delete_messages(list(fetched))
                program.expunge()
        return [fetched[uid][b"BODY[]"] for uid in sorted(fetched)]

    # --- Placet's own mailbox -------------------------------------------------------------------------------

    def opened(self) -> AbstractContextManager[IMAPClient]:
        """It, past Placet."""
        return self.servers.opened(APPROVALS)

    @property
    def lmtp_port(self) -> int:
        """Where mail for it is taken."""
        return self.servers.dovecot.ports["lmtp"]

    @property
    def maildir(self) -> Path | None:
        """Its files, where a mail is one that may be put there."""
        return self.servers.dovecot.maildir(APPROVALS)

    def lying_in(self, folder: str) -> list[Mail]:
        self.servers.wait()
        name = FOLDERS.get(folder, folder)
        with self.opened() as client:
            if not client.folder_exists(name):
                return []
            validity = client.select_folder(name, readonly=True)[b"UIDVALIDITY"]
            fetched = client.fetch(client.search(), ITEMS)
        # Dovecot gives NIL in place of the bytes of one that Placet moves away at that moment.
        lying = sorted(uid for uid, items in fetched.items() if items[b"BODY[]"] is not None)
        return [self._mail(name, validity, uid, fetched[uid]) for uid in lying]

    def _mail(self, folder: str, validity: int, uid: int, fetched: Mapping[bytes, Any]) -> Mail:
        raw: bytes = fetched[b"BODY[]"]
        # As Placet knows it; by POP3 that is Dovecot's UIDL with the size.
        by_pop3 = f"{uid:08x}{validity:08x}:{len(raw)}"
        text = f"{validity}.{uid}.{folder}" if self.protocol == "imap" else by_pop3
        received = fetched[b"INTERNALDATE"].astimezone(UTC)
        return shown(text, folder, raw, is_read=SEEN in fetched[b"FLAGS"], received=received)

    def laid(self, folder: str, raw: bytes, received: datetime | None = None) -> Mail:
        name = FOLDERS.get(folder, folder)
        with self.opened() as client:
            told = _APPENDED.search(client.append(name, raw, msg_time=received))
            assert told is not None
            validity, uid = int(told[1]), int(told[2])
            client.select_folder(name, readonly=True)
            return self._mail(name, validity, uid, client.fetch([uid], ITEMS)[uid])

    def dragged(self, mail_id: str, folder: str) -> Mail:
        _validity, uid, name = mail_id.split(".", 2)
        with self.opened() as client:
            client.select_folder(name)
            client.move([int(uid)], FOLDERS.get(folder, folder))
        return self.lying_in(folder)[-1]

    def arrived(self, recipient: str, mail_from: str, raw: bytes, helo: str = OUTSIDER) -> None:
        """From another machine, as far as Postfix knows: from this one it would be a mail that it handed to itself."""
        with smtplib.SMTP("127.0.0.1", self.servers.postfix.ports["mx"], timeout=PATIENCE) as client:
            client.ehlo(OUTSIDER)
            client.docmd("XCLIENT", f"NAME={OUTSIDER} ADDR=203.0.113.7")
            client.ehlo(helo)
            client.sendmail(mail_from, [recipient], raw)
        self.servers.wait()

    def proved(self, sender: str, raw: bytes) -> bytes:
        return self.delivered.format(sender=sender).replace("\n", "\r\n").encode() + raw
