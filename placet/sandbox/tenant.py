"""The store: a tenant with its mailboxes, folders and items, and the rules Exchange keeps about them.

Ids are opaque, case-sensitive and change when an item moves; a change key changes with every edit. Every folder
keeps a log of what happened in it, so that a synchronisation costs what has changed and not what is there.
Whoever reads or changes the store holds `Tenant.lock`.
"""

from __future__ import annotations

import base64
import enum
import itertools
import secrets
import threading
import uuid
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from placet.sandbox import mime
from placet.sandbox.assertions import Certificate
from placet.sandbox.mime import Address, Header, Readable

WELL_KNOWN = {
    "msgfolderroot": "Top of Information Store",
    "inbox": "Inbox",
    "junkemail": "Junk Email",
    "sentitems": "Sent Items",
    "deleteditems": "Deleted Items",
    "drafts": "Drafts",
}

_ITEM_ID = base64.b64decode("AAMkADJm")
_FOLDER_ID = base64.b64decode("AQMkADJm")
_IMMUTABLE_ID = base64.b64decode("AAkALgAA")
_CHANGE_KEY = base64.b64decode("CQAAABYA")

_edits = itertools.count(1)


class Change(enum.Enum):
    NEW = "Create"
    CHANGED = "Update"
    READ = "ReadFlagChange"
    GONE = "Delete"


@dataclass(eq=False)
class Item:
    """A mail in one folder. A move ends one item and makes another, because the id changes."""

    mime: bytes
    transport_headers: str | None
    """What 0x007D gives: the header block as it was delivered. None for what was never delivered (Sent Items)."""
    item_class: str = "IPM.Note"
    received: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    is_read: bool = False
    is_draft: bool = False
    voting_response: str | None = None
    id: str = field(default_factory=lambda: _opaque(_ITEM_ID, 101))
    immutable_id: str = field(default_factory=lambda: _opaque(_IMMUTABLE_ID, 65))
    """The id that Graph keeps over moves, as base64; EWS never shows it."""
    change_key: str = field(default_factory=lambda: _new_change_key())
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))
    folder: Folder = field(init=False, repr=False)
    gone: bool = field(default=False, init=False)
    moved_from: Item | None = field(default=None, repr=False)
    """What this item was in the folder that it came from."""
    moved: bool = field(default=False, init=False)
    delivered: bool = field(init=False)
    """Whether it came by mail, and not by a move or by saving it."""
    born: int = field(default=0, init=False)
    changed: int = field(default=-1, init=False)
    latest: int = field(default=-1, init=False)

    def __post_init__(self) -> None:
        self.delivered = self.transport_headers is not None and self.moved_from is None

    @cached_property
    def headers(self) -> list[Header]:
        end = self.mime.find(b"\r\n\r\n")
        return mime.split(mime.with_crlf(self.mime if end < 0 else self.mime[: end + 4]))[0]

    @cached_property
    def _first(self) -> dict[str, str]:
        return {name.lower(): value for name, value in reversed(self.headers)}

    def header(self, name: str) -> str | None:
        """The unfolded value of the first header of that lower-case name."""
        value = self._first.get(name)
        return None if value is None else mime.raw_text(mime.unfold(value))

    @cached_property
    def subject(self) -> str:
        return mime.text(self._first.get("subject", ""))

    @property
    def message_id(self) -> str | None:
        return self.header("message-id")

    @cached_property
    def sent(self) -> datetime:
        return mime.parse_date(self.header("date")) or self.received

    @cached_property
    def from_(self) -> Address | None:
        found = self.people("from")
        return found[0] if found else None

    @cached_property
    def sender(self) -> Address | None:
        found = self.people("sender")
        return found[0] if found else self.from_

    @cached_property
    def content(self) -> Readable:
        """What a mail program would show."""
        return mime.readable(self.mime)

    def people(self, name: str) -> list[Address]:
        return mime.addresses(mime.every(self.headers, name))

    @property
    def size(self) -> int:
        return len(self.mime)


@dataclass(eq=False)
class Folder:
    name: str
    parent: Folder | None
    folder_class: str = "IPF.Note"
    well_known: str | None = None
    id: str = field(default_factory=lambda: _opaque(_FOLDER_ID, 62))
    change_key: str = field(default_factory=lambda: _new_change_key())
    items: dict[str, Item] = field(default_factory=dict)
    children: list[Folder] = field(default_factory=list)
    unread: int = 0
    log: list[tuple[Change, Item]] = field(default_factory=list)
    sync_epoch: int = 0
    """Raised to make every sync state given out so far invalid."""
    by_message_id: dict[str, list[Item]] = field(default_factory=dict)

    def child(self, name: str) -> Folder | None:
        return next((folder for folder in self.children if folder.name.lower() == name.lower()), None)

    def below(self) -> list[Folder]:
        """All folders below this one."""
        return [found for child in self.children for found in (child, *child.below())]

    def changes(self, since: int, limit: int) -> tuple[list[tuple[Change, Item]], int, bool]:
        """What a client that knows the log up to `since` must hear, the new position, and whether that is all.

        An item that came and went in between is not told; one that changed often is told once.
        """
        told: list[tuple[Change, Item]] = []
        position = since
        while position < len(self.log) and len(told) < limit:
            change, item = self.log[position]
            if change is Change.NEW:
                if not item.gone:
                    told.append((change, item))
            elif change is Change.GONE:
                if item.born < since:
                    told.append((change, item))
            elif not item.gone and item.born < since and item.latest == position:
                told.append((Change.CHANGED if item.changed >= since else Change.READ, item))
            position += 1
        return told, position, position == len(self.log)


@dataclass(eq=False)
class Mailbox:
    """A person or a shared mailbox of the tenant, or (`outside`) somebody elsewhere whose mail can be seen here."""

    address: str
    name: str
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    outside: bool = False
    ews_blocked: bool = False
    delegates: set[str] = field(default_factory=set)
    """Addresses of those who may send on behalf of this mailbox."""
    primary_address: str = ""
    """Where `address` is an alias: the address that stands in the From of what is sent from here, whatever the mail
    itself said."""
    out_of_office: OutOfOffice | None = None
    user_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    """The object id of the user in the directory."""
    items: dict[str, Item] = field(default_factory=dict, repr=False)
    by_immutable_id: dict[str, Item] = field(default_factory=dict, repr=False)
    folders: dict[str, Folder] = field(default_factory=dict, repr=False)
    well_known: dict[str, Folder] = field(default_factory=dict, repr=False)
    sends: deque[float] = field(default_factory=deque, repr=False)
    """Monotonic times of the last minute's sends, for the sending limit."""

    def __post_init__(self) -> None:
        root = self._new_folder("", None, "root", folder_class="")
        top = self._new_folder(WELL_KNOWN["msgfolderroot"], root, "msgfolderroot", folder_class="IPF")
        for key, name in WELL_KNOWN.items():
            if key != "msgfolderroot":
                self._new_folder(name, top, key)

    def _new_folder(
        self, name: str, parent: Folder | None, well_known: str | None = None, folder_class: str = "IPF.Note"
    ) -> Folder:
        folder = Folder(name, parent, folder_class, well_known)
        if parent is not None:
            parent.children.append(folder)
        self.folders[folder.id] = folder
        if well_known:
            self.well_known[well_known] = folder
        return folder

    @property
    def inbox(self) -> Folder:
        return self.well_known["inbox"]

    def create_folder(self, parent: Folder, name: str, folder_class: str = "IPF.Note") -> Folder:
        """A new folder. The caller has seen that no child of that name is there."""
        return self._new_folder(name, parent, folder_class=folder_class)

    def add(self, folder: Folder, item: Item) -> Item:
        item.folder = folder
        item.born = len(folder.log)
        folder.log.append((Change.NEW, item))
        folder.items[item.id] = item
        folder.unread += not item.is_read
        if item.message_id:
            folder.by_message_id.setdefault(item.message_id, []).append(item)
        self.items[item.id] = self.by_immutable_id[item.immutable_id] = item
        return item

    def move(self, item: Item, target: Folder) -> Item:
        """The item in its new folder, under its new id."""
        moved = Item(
            item.mime,
            item.transport_headers,
            item.item_class,
            item.received,
            item.is_read,
            item.is_draft,
            item.voting_response,
            immutable_id=item.immutable_id,
            moved_from=item,
        )
        item.moved = True
        self.remove(item)
        return self.add(target, moved)

    def remove(self, item: Item) -> None:
        folder = item.folder
        del folder.items[item.id]
        del self.items[item.id], self.by_immutable_id[item.immutable_id]
        folder.unread -= not item.is_read
        if item.message_id:
            same = folder.by_message_id[item.message_id]
            same.remove(item)
            if not same:
                del folder.by_message_id[item.message_id]
        item.gone = True
        folder.log.append((Change.GONE, item))
        # The log keeps the item, for its id; its content may go.
        item.mime, item.transport_headers = b"", None
        item.__dict__.pop("content", None)

    def set_read(self, item: Item, is_read: bool) -> None:
        if item.is_read == is_read:
            return
        item.folder.unread += -1 if is_read else 1
        item.is_read = is_read
        self._log(item, Change.READ)

    def touch(self, item: Item) -> None:
        """Note that something else than the read flag of the item has changed."""
        self._log(item, Change.CHANGED)
        item.changed = item.latest

    def _log(self, item: Item, change: Change) -> None:
        item.change_key, item.modified = _new_change_key(), datetime.now(UTC)
        item.latest = len(item.folder.log)
        item.folder.log.append((change, item))


@dataclass
class OutOfOffice:
    text: str
    old_server: bool = False
    """Shaped as Exchange 2010 and 2013 do it: without Auto-Submitted."""
    even_if_suppressed: bool = False
    """Answers what asks for no automatic replies, too: Exchange does not, other servers do."""
    told: set[str] = field(default_factory=set)
    """Who has had the automatic reply; it goes out once per sender."""


@dataclass
class Switches:
    """What an administrator of the tenant can set, and what differs from tenant to tenant."""

    consented: bool = True
    """Whether full_access_as_app was consented to; without it tokens carry no roles."""
    graph_roles: set[str] = field(default_factory=lambda: {"Mail.ReadWrite", "Mail.Send"})
    """Application permissions of Microsoft Graph that were consented to; a token has those of the time it is made."""
    rbac: set[str] = field(default_factory=set)
    """Mailboxes (lower case) that RBAC for Applications opens to the app even without consent."""
    rbac_roles: set[str] = field(default_factory=lambda: {"EWS.AccessAsApp", "Mail.ReadWrite", "Mail.Send"})
    """What the app may do in those mailboxes."""
    access_policy: set[str] | None = None
    """Mailboxes (lower case) that an application access policy leaves of what was consented to; None: no policy."""
    unlicensed: set[str] = field(default_factory=set)
    """Addresses (lower case) of users whose mailbox neither EWS nor Graph finds."""
    ews_blocked: bool = False
    graph_blocked: bool = False
    secret_expired: bool = False
    app_disabled: bool = False
    service_principal_missing: bool = False
    conditional_access_blocks: bool = False
    token_life: int = 3599
    """Seconds that a new token lives."""
    replace_message_id: bool = False
    """Whether sending gives the mail a Message-ID of the server's own."""
    known_headers: set[str] = field(default_factory=set)
    """Names (lower case) of X- headers that the mailboxes know, so that Graph keeps them in a mail sent as MIME."""
    messages_per_minute: int | None = None
    mailbox_concurrency: int | None = 4
    """How many requests of Graph may run in one mailbox at once; None for any number."""
    mailbox_requests: int | None = None
    """How many requests of Graph one mailbox takes in ten minutes (Microsoft: 10,000); None for any number."""
    translation_needs_directory: bool = True
    """Whether translateExchangeIds asks for User.Read.All, as Microsoft's page says."""
    max_graph_request_bytes: int = 4 * 1024 * 1024
    notifications_lost: bool = False
    """Whether change notifications of Graph get lost on their way."""
    max_message_bytes: int = 35 * 1024 * 1024


class Tenant:
    """One organisation: its domain, its app registration and its mailboxes."""

    def __init__(self, domain: str, name: str) -> None:
        self.domain = domain.lower()
        self.name = name
        self.tenant_id = str(uuid.uuid4())
        self.client_id = str(uuid.uuid4())
        self.service_principal_id = str(uuid.uuid4())
        # The signs that must be encoded in a form are always there, so that a client that does not is found out.
        self.client_secret = (
            f"{secrets.token_urlsafe(12)}+{secrets.token_urlsafe(8)}/{secrets.token_urlsafe(8)}="
        )
        self.certificates: list[Certificate] = []
        """Those that were uploaded to the app registration."""
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        """Notified after every request that may have changed the store."""
        self.switches = Switches()
        self.mailboxes: dict[str, Mailbox] = {}
        self.counters: Counter[str] = Counter()
        self._counting = threading.Lock()

    def count(self, what: str, number: int = 1) -> None:
        with self._counting:
            self.counters[what] += number

    def lose_sync_states(self) -> None:
        """Make every sync state of EWS and every delta link of Graph that was given out invalid."""
        with self.lock:
            for mailbox in self.mailboxes.values():
                for folder in mailbox.folders.values():
                    folder.sync_epoch += 1

    @property
    def host(self) -> str:
        """The server name that this tenant's mail carries."""
        return "AM0PR00MB0001.eurprd00.prod.outlook.com"

    @property
    def postmaster(self) -> str:
        return f"postmaster@{self.domain.split('.')[0]}.onmicrosoft.com"

    def add_mailbox(self, mailbox: Mailbox) -> Mailbox:
        key = mailbox.address.lower()
        if key in self.mailboxes:
            raise ValueError(f"There is already a mailbox {mailbox.address}.")
        if mailbox.outside == self.is_inside(key):
            where = "outside" if mailbox.outside else "inside"
            raise ValueError(
                f"{mailbox.address} cannot be a mailbox {where} the tenant's domain {self.domain}."
            )
        self.mailboxes[key] = mailbox
        return mailbox

    def is_inside(self, address: str) -> bool:
        return address.lower().rpartition("@")[2] == self.domain

    def find(self, address: str) -> Mailbox | None:
        """The mailbox that mail to this address reaches; `local+anything@` reaches `local@`."""
        address = address.lower()
        local, _, domain = address.rpartition("@")
        base = f"{local.partition('+')[0]}@{domain}"
        known = self.mailboxes.get(address) or self.mailboxes.get(base)
        if known is not None:
            return known
        return next((box for box in self.mailboxes.values() if box.primary_address in (address, base)), None)

    def inside(self, address: str) -> Mailbox | None:
        """The mailbox of the tenant with exactly this address."""
        mailbox = self.mailboxes.get(address.lower())
        return None if mailbox is None or mailbox.outside else mailbox

    def user(self, name: str) -> Mailbox | None:
        """The mailbox of the user with this address or object id."""
        return self.inside(name) or next(
            (box for box in self.mailboxes.values() if box.user_id == name.lower() and not box.outside), None
        )


def _opaque(prefix: bytes, length: int) -> str:
    return base64.b64encode(prefix + secrets.token_bytes(length)).decode("ascii")


def _new_change_key() -> str:
    return base64.b64encode(_CHANGE_KEY + next(_edits).to_bytes(10, "big")).decode("ascii")
