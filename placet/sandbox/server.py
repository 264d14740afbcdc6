"""The sandbox as one server: Entra ID, Exchange Web Services, web mail and the control API on one port."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from placet.sandbox import entra, httpd, mime, outlook, programs
from placet.sandbox.assertions import Certificate
from placet.sandbox.control import Control
from placet.sandbox.delivery import AuthResults, Outcome, Post, rebuilt
from placet.sandbox.door import Door
from placet.sandbox.entra import Entra
from placet.sandbox.ews import Ews
from placet.sandbox.faults import Faults
from placet.sandbox.graph import GraphDoor, ids, routes
from placet.sandbox.httpd import Request, Response
from placet.sandbox.mime import Address, File
from placet.sandbox.tenant import Folder, Item, Mailbox, OutOfOffice, Switches, Tenant
from placet.sandbox.webmail import Story, Webmail

LOOPBACK = ("127.0.0.1", "localhost")
EWS_PATH = "/ews/exchange.asmx"
_TOKEN_PATH = re.compile(r"/([^/]*)/oauth2/v2\.0/token")
_DISCOVERY_PATH = re.compile(r"/([^/]*)/v2\.0/\.well-known/openid-configuration")


@dataclass(frozen=True)
class Mail:
    """A mail as it lay in a mailbox when it was looked at."""

    id: str
    immutable_id: str
    """The id that Graph gives it for as long as it stays in the mailbox."""
    mailbox: str
    folder: str
    subject: str
    sender: str
    recipients: tuple[str, ...]
    message_id: str | None
    item_class: str
    is_read: bool
    received: datetime
    mime: bytes
    transport_headers: str | None
    voting_response: str | None

    @property
    def text(self) -> str:
        return mime.readable(self.mime).text

    @property
    def html(self) -> str:
        return mime.readable(self.mime).html

    def header(self, name: str) -> str | None:
        """The first header of that name, unfolded."""
        return mime.first(mime.split(mime.with_crlf(self.mime))[0], name.lower())

    def headers(self, name: str) -> list[str]:
        return mime.every(mime.split(mime.with_crlf(self.mime))[0], name.lower())

    def people(self, name: str) -> list[Address]:
        """Whom an address header names."""
        return mime.addresses(self.headers(name))

    @property
    def files(self) -> list[File]:
        return mime.files(self.mime)


class Sandbox:
    """A tenant of Exchange Online on loopback. `with Sandbox() as sandbox:` starts and stops it."""

    def __init__(
        self,
        domain: str = "contoso.example",
        name: str = "Contoso",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        open_house: bool = False,
    ) -> None:
        """Port 0 takes a free one. The server listens from here on and answers after start().

        `open_house` lets everybody who reaches the web mail open any mailbox without its password, so it is for
        loopback only: ValueError elsewhere.
        """
        if open_house and host not in LOOPBACK:
            raise ValueError("Mailboxes are open without a password on the loopback address only.")
        self.tenant = Tenant(domain, name)
        self.faults = Faults()
        self.entra = Entra(self.tenant)
        self.post = Post(self.tenant)
        self.ews = Ews(self.tenant, self.post)
        self.graph = GraphDoor(self.tenant, self.entra, self.post, self.faults)
        self._door = Door(self.tenant, self.entra, self.ews, self.faults)
        self.control_password = secrets.token_urlsafe(24)
        self._control = Control(self)
        self._webmail = Webmail(self, open_house=open_house)
        self._host = host
        self._server = httpd.Server(host, port, self._handle)

    # -- life ------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        self._server.start()
        return self

    def stop(self) -> None:
        self._server.stop()
        self.graph.subscriptions.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # -- addresses and secrets -------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self._server.port}"

    @property
    def ews_url(self) -> str:
        return f"{self.url}/EWS/Exchange.asmx"

    @property
    def graph_url(self) -> str:
        return f"{self.url}/v1.0"

    @property
    def token_url(self) -> str:
        return f"{self.url}/{self.tenant_id}/oauth2/v2.0/token"

    @property
    def control_url(self) -> str:
        return f"{self.url}/sandbox"

    @property
    def webmail_url(self) -> str:
        return f"{self.url}/mail/"

    def tell(self, story: Story) -> None:
        """Show this page at the root, instead of the web mail."""
        self._webmail.story = story

    @property
    def scope(self) -> str:
        return entra.SCOPE

    @property
    def graph_scope(self) -> str:
        return entra.GRAPH_SCOPE

    @property
    def tenant_id(self) -> str:
        return self.tenant.tenant_id

    @property
    def client_id(self) -> str:
        return self.tenant.client_id

    @property
    def client_secret(self) -> str:
        return self.tenant.client_secret

    @property
    def switches(self) -> Switches:
        return self.tenant.switches

    @property
    def counters(self) -> Counter[str]:
        return self.tenant.counters

    def state(self) -> dict[str, Any]:
        """All that another process needs to use the sandbox, secrets too."""
        return {
            "url": self.url,
            "ews_url": self.ews_url,
            "graph_url": self.graph_url,
            "token_url": self.token_url,
            "control_url": self.control_url,
            "control_password": self.control_password,
            "webmail_url": self.webmail_url,
            "domain": self.tenant.domain,
            "tenant_id": self.tenant_id,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": self.scope,
            "graph_scope": self.graph_scope,
            "mailboxes": [
                {"address": m.address, "name": m.name, "password": m.password, "outside": m.outside}
                for m in self.tenant.mailboxes.values()
            ],
        }

    # -- certificates ----------------------------------------------------------------------------------------

    def add_certificate(self, certificate: str | bytes) -> str:
        """Upload a certificate (PEM or DER, with an RSA key) to the app registration; gives its SHA-1 thumbprint.

        Raises ValueError.
        """
        read = Certificate.read(certificate.encode() if isinstance(certificate, str) else certificate)
        with self.tenant.lock:
            self.tenant.certificates = [*self.tenant.certificates, read]
        return read.thumbprint

    def remove_certificate(self, thumbprint: str) -> None:
        """Take a certificate from the app registration. Raises KeyError."""
        with self.tenant.lock:
            left = [one for one in self.tenant.certificates if one.thumbprint != thumbprint.upper()]
            if len(left) == len(self.tenant.certificates):
                raise KeyError(f"The app has no certificate {thumbprint}.")
            self.tenant.certificates = left

    # -- mailboxes -------------------------------------------------------------------------------------------

    def add_mailbox(
        self, address: str, name: str = "", *, password: str | None = None, outside: bool = False
    ) -> Mailbox:
        """A new mailbox; an address without `@` is in the tenant's domain. Raises ValueError if it is there."""
        full = address if "@" in address else f"{address}@{self.tenant.domain}"
        mailbox = Mailbox(full, name or full.partition("@")[0].title(), outside=outside)
        if password is not None:
            mailbox.password = password
        with self.tenant.lock:
            return self.tenant.add_mailbox(mailbox)

    def mailbox(self, address: str) -> Mailbox:
        """The mailbox with this address. Raises KeyError."""
        full = address if "@" in address else f"{address}@{self.tenant.domain}"
        mailbox = self.tenant.mailboxes.get(full.lower())
        if mailbox is None:
            raise KeyError(f"There is no mailbox {full} in the sandbox.")
        return mailbox

    def set_out_of_office(
        self, address: str, text: str | None, *, old_server: bool = False, even_if_suppressed: bool = False
    ) -> None:
        """Switch the automatic reply on, anew for every sender, or off with None."""
        with self.tenant.lock:
            away = None if text is None else OutOfOffice(text, old_server, even_if_suppressed)
            self.mailbox(address).out_of_office = away

    def allow_on_behalf(self, owner: str, delegate: str) -> None:
        """Let `delegate` send on behalf of `owner`."""
        with self.tenant.lock:
            self.mailbox(owner).delegates.add(self.mailbox(delegate).address.lower())

    def make_alias(self, address: str, primary_address: str) -> None:
        """Let `address` be an alias of its mailbox: what is sent from it is shown as of `primary_address`."""
        with self.tenant.lock:
            self.mailbox(address).primary_address = primary_address.lower()

    def delete(self, address: str, mail_id: str) -> None:
        """To Deleted Items, and from there for good."""
        with self.tenant.changed:
            mailbox = self.mailbox(address)
            item = self._item(mailbox, mail_id)
            if item.folder.well_known == "deleteditems":
                mailbox.remove(item)
            else:
                mailbox.move(item, mailbox.well_known["deleteditems"])
            self.tenant.changed.notify_all()

    def stamp(self, address: str) -> int:
        """Grows with everything that happens in a mailbox."""
        with self.tenant.lock:
            return sum(len(folder.log) for folder in self.mailbox(address).folders.values())

    def folders(self, address: str) -> list[dict[str, Any]]:
        with self.tenant.lock:
            top = self.mailbox(address).well_known["msgfolderroot"]
            return [
                {"path": _path(f), "well_known": f.well_known, "total": len(f.items), "unread": f.unread}
                for f in top.below()
            ]

    def mails(self, address: str, folder: str = "inbox") -> list[Mail]:
        """The mails of a folder, oldest first; the folder by its well-known name, or as a path like Inbox/Done."""
        with self.tenant.lock:
            mailbox = self.mailbox(address)
            return [self._shown(mailbox, item) for item in self._folder(mailbox, folder).items.values()]

    def mail(self, address: str, mail_id: str) -> Mail:
        """One mail. Raises KeyError."""
        with self.tenant.lock:
            mailbox = self.mailbox(address)
            return self._shown(mailbox, self._item(mailbox, mail_id))

    def move(self, address: str, mail_id: str, folder: str) -> Mail:
        """Drag a mail to another folder; it has another id there."""
        with self.tenant.changed:
            mailbox = self.mailbox(address)
            moved = mailbox.move(self._item(mailbox, mail_id), self._folder(mailbox, folder))
            self.tenant.changed.notify_all()
            return self._shown(mailbox, moved)

    def mark_read(self, address: str, mail_id: str, is_read: bool = True) -> None:
        with self.tenant.changed:
            mailbox = self.mailbox(address)
            mailbox.set_read(self._item(mailbox, mail_id), is_read)
            self.tenant.changed.notify_all()

    # -- mail ------------------------------------------------------------------------------------------------

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
        """Send as somebody who is signed in to the mailbox: `raw`, or a mail made of the other arguments.

        Raises SendRefused as the service would. From an outside mailbox it is mail from outside, proved by DMARC.
        """
        mailbox = self.mailbox(address)
        if raw is None:
            people = [to] if isinstance(to, str) else list(to)
            me = Address(mailbox.name, mailbox.address)
            raw = outlook.compose(me, people, subject, text, html=html, headers=headers)
        if mailbox.outside:
            return self._send_from_outside(mailbox, raw, recipients)
        with self.tenant.changed:
            prepared, body = self.post.prepare(mailbox, raw)
            outcome = self.post.send(
                mailbox,
                prepared,
                body,
                recipients=recipients,
                voting_response=voting_response,
                item_class=item_class,
            )
            self._keep_copy(mailbox, prepared, body)
            self.tenant.changed.notify_all()
        return outcome

    def _send_from_outside(self, mailbox: Mailbox, raw: bytes, recipients: Sequence[str] | None) -> Outcome:
        outcome = self.deliver(raw, mail_from=mailbox.address, to=recipients)
        with self.tenant.changed:
            self._keep_copy(mailbox, *mime.split(mime.with_crlf(raw)))
        return outcome

    def _keep_copy(self, mailbox: Mailbox, headers: list[mime.Header], body: bytes) -> None:
        mailbox.add(mailbox.well_known["sentitems"], Item(rebuilt(headers, body), None, is_read=True))

    def reply_as(
        self,
        address: str,
        mail_id: str,
        text: str,
        *,
        program: str = programs.DEFAULT,
        html: str | None = None,
        to: Sequence[str] = (),
        cc: Sequence[str] = (),
        subject: str | None = None,
        files: Sequence[File] = (),
        voting_response: str | None = None,
    ) -> Outcome:
        """Answer a mail in the mailbox as a mail program would (`programs.PROGRAMS`), with the original quoted."""
        with self.tenant.lock:
            mailbox = self.mailbox(address)
            item = self._item(mailbox, mail_id)
            me = Address(mailbox.name, mailbox.address)
            raw = programs.reply(
                me, item, text, key=program, html=html, to=to, cc=cc, subject=subject, files=files
            )
            mailbox.set_read(item, True)
        return self.send_as(address, raw, voting_response=voting_response)

    def forward_as(
        self,
        address: str,
        mail_id: str,
        to: Sequence[str],
        text: str = "",
        *,
        program: str = programs.DEFAULT,
        cc: Sequence[str] = (),
        subject: str | None = None,
        files: Sequence[File] = (),
    ) -> Outcome:
        """Hand a mail on as a mail program would, its files with it."""
        with self.tenant.lock:
            mailbox = self.mailbox(address)
            item = self._item(mailbox, mail_id)
            me = Address(mailbox.name, mailbox.address)
            raw = programs.forward(me, item, text, to, key=program, cc=cc, subject=subject, files=files)
            mailbox.set_read(item, True)
        return self.send_as(address, raw)

    def write_as(
        self,
        address: str,
        to: Sequence[str],
        subject: str,
        text: str,
        *,
        program: str = programs.DEFAULT,
        cc: Sequence[str] = (),
        files: Sequence[File] = (),
    ) -> Outcome:
        """Write a new mail as a mail program would."""
        mailbox = self.mailbox(address)
        me = Address(mailbox.name, mailbox.address)
        return self.send_as(address, programs.new(me, to, subject, text, key=program, cc=cc, files=files))

    def item(self, address: str, mail_id: str) -> Item:
        """One mail as the store has it; to be read while nobody changes it. Raises KeyError."""
        with self.tenant.lock:
            return self._item(self.mailbox(address), mail_id)

    def deliver(
        self,
        raw: bytes,
        *,
        mail_from: str | None = None,
        to: str | Sequence[str] | None = None,
        results: AuthResults | None = None,
        junk: bool = False,
        sender_tenant_id: str | None = None,
        item_class: str = "IPM.Note",
    ) -> Outcome:
        """Deliver a mail from outside. Sender and recipients come from its header unless they are said."""
        headers, _ = mime.split(mime.with_crlf(raw))
        if mail_from is None:
            people = mime.addresses(mime.every(headers, "from"))
            mail_from = people[0].address if people else ""
        if to is None:
            to = [
                p.address for name in ("to", "cc", "bcc") for p in mime.addresses(mime.every(headers, name))
            ]
        with self.tenant.changed:
            outcome = self.post.arrive(
                raw,
                mail_from=mail_from,
                recipients=[to] if isinstance(to, str) else to,
                results=results or AuthResults(),
                junk=junk,
                sender_tenant_id=sender_tenant_id,
                item_class=item_class,
            )
            self.tenant.changed.notify_all()
        return outcome

    def place(
        self,
        address: str,
        raw: bytes,
        *,
        folder: str = "inbox",
        item_class: str = "IPM.Note",
        transport_headers: str | None = None,
        voting_response: str | None = None,
    ) -> Mail:
        """Put these very bytes into a folder, with nothing stamped, removed or rebuilt.

        Without `transport_headers` the mail's own header block is taken for them.
        """
        if transport_headers is None:
            transport_headers = mime.raw_text(mime.block(mime.split(mime.with_crlf(raw))[0]))
        item = Item(raw, transport_headers, item_class, voting_response=voting_response)
        with self.tenant.changed:
            mailbox = self.mailbox(address)
            mailbox.add(self._folder(mailbox, folder), item)
            self.tenant.changed.notify_all()
            return self._shown(mailbox, item)

    def read_receipt(self, address: str, mail_id: str) -> Outcome:
        """Send what Outlook sends when the owner of the mailbox has opened this mail."""
        mailbox = self.mailbox(address)
        with self.tenant.lock:
            item = self._item(mailbox, mail_id)
            raw = outlook.read_receipt(Address(mailbox.name, mailbox.address), item)
        return self.send_as(address, raw, item_class="REPORT.IPM.Note.IPNRN")

    def meeting_response(self, address: str, to: str, subject: str) -> Outcome:
        """Accept a meeting of that subject, towards `to`."""
        mailbox = self.mailbox(address)
        raw = outlook.meeting_response(Address(mailbox.name, mailbox.address), to, subject)
        return self.send_as(address, raw, item_class="IPM.Schedule.Meeting.Resp.Pos")

    def journal_report(self, to: str, address: str, mail_id: str) -> Mail:
        """A journal report about a mail in the mailbox `address`, into the inbox of `to`."""
        with self.tenant.changed:
            item = self._item(self.mailbox(address), mail_id)
            receiver = self.mailbox(to)
            sender = Mailbox(self.tenant.postmaster, "Microsoft Outlook")
            headers, body = mime.split(outlook.journal_report(sender.address, item, receiver.address))
            outcome = self.post.send(sender, headers, body, recipients=[receiver.address])
            self.tenant.changed.notify_all()
            return self._shown(receiver, outcome.items[0])

    # -- bad days --------------------------------------------------------------------------------------------

    def expire_tokens(self) -> None:
        """Let every access token that is out die now."""
        self.entra.expire_tokens()

    def lose_sync_states(self) -> None:
        self.tenant.lose_sync_states()

    def lifecycle(self, event: str) -> None:
        """Send this lifecycle event (as Graph names it) to every subscription that wants them. Raises ValueError."""
        self.graph.subscriptions.notifier.lifecycle(event)

    def expire_subscriptions(self) -> None:
        """End every subscription to change notifications now, without a word."""
        self.graph.subscriptions.notifier.expire()

    # -- inside ----------------------------------------------------------------------------------------------

    def _folder(self, mailbox: Mailbox, name: str) -> Folder:
        folder = mailbox.well_known.get(name.lower())
        if folder is not None:
            return folder
        folder = mailbox.well_known["msgfolderroot"]
        for part in name.split("/"):
            child = folder.child(part)
            if child is None:
                raise KeyError(f"There is no folder {name} in the mailbox {mailbox.address}.")
            folder = child
        return folder

    def _item(self, mailbox: Mailbox, mail_id: str) -> Item:
        item = mailbox.items.get(mail_id)
        if item is None:
            raise KeyError(f"There is no mail with this id in the mailbox {mailbox.address}.")
        return item

    def _shown(self, mailbox: Mailbox, item: Item) -> Mail:
        return Mail(
            item.id,
            ids.of_item(item, immutable=True),
            mailbox.address,
            _path(item.folder),
            item.subject,
            item.from_.address if item.from_ else "",
            tuple(person.address for person in item.people("to")),
            item.message_id,
            item.item_class,
            item.is_read,
            item.received,
            item.mime,
            item.transport_headers,
            item.voting_response,
        )

    # -- HTTP ------------------------------------------------------------------------------------------------

    def _handle(self, request: Request) -> Response:
        path = request.path.lower()
        if path == EWS_PATH:
            return self._door.answer_ews(request)
        if path.startswith(routes.PREFIX):
            return self.graph.answer(request)
        if token := _TOKEN_PATH.fullmatch(request.path):
            return self._door.answer_token(request, token[1])
        if discovery := _DISCOVERY_PATH.fullmatch(request.path):
            return self._door.answer_discovery(request, discovery[1])
        if path.startswith("/sandbox/"):
            return self._control.handle(request)
        return self._webmail.handle(request)


def _path(folder: Folder) -> str:
    names = [folder.name]
    while folder.parent is not None and folder.parent.well_known != "msgfolderroot":
        folder = folder.parent
        names.append(folder.name)
    return "/".join(reversed(names))
