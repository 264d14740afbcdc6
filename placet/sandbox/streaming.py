"""Streaming subscriptions: one HTTP answer that stays open, with one whole SOAP envelope for every event."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from placet.sandbox.envelope import answer, error, success
from placet.sandbox.shapes import when
from placet.sandbox.tenant import Change, Folder, Item, Mailbox, Tenant

MAX_SUBSCRIPTIONS = 20
_LIFE = 30 * 60.0


@dataclass
class Subscription:
    """Which events of which folders a client wants, and how far it has heard each folder's log."""

    mailbox: Mailbox
    kinds: frozenset[str]
    heard: dict[Folder, int]
    id: str = field(
        default_factory=lambda: base64.b64encode(b"&\0" + secrets.token_bytes(33)).decode("ascii")
    )
    read_at: float = field(default_factory=time.monotonic)

    def news(self) -> Iterator[str]:
        """The notifications of what happened since the last call."""
        self.read_at = time.monotonic()
        for folder, position in self.heard.items():
            self.heard[folder] = len(folder.log)
            for change, item in folder.log[position:]:
                for kind, event in _events(change, item, folder):
                    if kind in self.kinds:
                        yield self._notification(f"<t:{kind}>{event}</t:{kind}>")

    def _notification(self, event: str) -> str:
        # The service writes `m:Notification` where its schema says `t:`, and clients read the former.
        return (
            f"<m:Notifications><m:Notification><t:SubscriptionId>{self.id}</t:SubscriptionId>{event}"
            "</m:Notification></m:Notifications>"
        )

    @property
    def heartbeat(self) -> str:
        return self._notification("<t:StatusEvent/>")


class Subscriptions:
    """All subscriptions of a tenant. Callers hold the tenant's lock, but for `stream`."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.heartbeat_seconds = 30.0
        self.minute_seconds = 60.0
        """How long a minute of ConnectionTimeout lasts."""
        self._open: dict[str, Subscription] = {}

    def add(self, mailbox: Mailbox, folders: list[Folder], kinds: frozenset[str]) -> Subscription | None:
        """A new subscription, or None when the mailbox has as many as it may."""
        now = time.monotonic()
        self._open = {key: s for key, s in self._open.items() if s.read_at > now - _LIFE}
        if sum(s.mailbox is mailbox for s in self._open.values()) >= MAX_SUBSCRIPTIONS:
            return None
        subscription = Subscription(mailbox, kinds, {folder: len(folder.log) for folder in folders})
        self._open[subscription.id] = subscription
        return subscription

    def remove(self, mailbox: Mailbox, subscription_id: str) -> bool:
        subscription = self._open.get(subscription_id)
        if subscription is None or subscription.mailbox is not mailbox:
            return False
        del self._open[subscription_id]
        return True

    def stream(self, mailbox: Mailbox, ids: list[str], minutes: int) -> Iterator[bytes]:
        """The envelopes of one connection: OK, events and heartbeats, then Closed."""
        with self.tenant.lock:
            mine = [s for i in ids if (s := self._open.get(i)) is not None and s.mailbox is mailbox]
        if len(mine) < len(ids):
            yield _lost([i for i in ids if i not in {s.id for s in mine}])
            return
        yield _envelope("<m:ConnectionStatus>OK</m:ConnectionStatus>")
        end = time.monotonic() + minutes * self.minute_seconds
        beat = time.monotonic() + self.heartbeat_seconds
        while (now := time.monotonic()) < end:
            with self.tenant.changed:
                gone = [s.id for s in mine if s.id not in self._open]
                news = [event for s in mine for event in s.news()]
                if not gone and not news:
                    self.tenant.changed.wait(max(0.0, min(end, beat) - now))
                    news = [event for s in mine for event in s.news()]
            if gone:
                yield _lost(gone)
                return
            if time.monotonic() >= beat:
                news += [s.heartbeat for s in mine]
                beat = time.monotonic() + self.heartbeat_seconds
            yield from map(_envelope, news)
        yield _envelope("<m:ConnectionStatus>Closed</m:ConnectionStatus>")


def _envelope(payload: str) -> bytes:
    return answer("GetStreamingEvents", [success("GetStreamingEvents", payload)])


def _lost(ids: list[str]) -> bytes:
    # Here too the service writes `m:` where its schema says `t:`.
    lost = "".join(f"<m:SubscriptionId>{i}</m:SubscriptionId>" for i in ids)
    payload = f"<m:ErrorSubscriptionIds>{lost}</m:ErrorSubscriptionIds><m:ConnectionStatus>Closed</m:ConnectionStatus>"
    return answer(
        "GetStreamingEvents", [error("GetStreamingEvents", "ErrorInvalidSubscription", "", payload)]
    )


def _events(change: Change, item: Item, folder: Folder) -> Iterator[tuple[str, str]]:
    at = f"<t:TimeStamp>{when(datetime.now(UTC))}</t:TimeStamp>"
    ids = f'<t:ItemId Id="{item.id}" ChangeKey="{item.change_key}"/>'
    parent = f'<t:ParentFolderId Id="{folder.id}" ChangeKey="{folder.change_key}"/>'
    if change is Change.NEW and item.moved_from is not None:
        old = item.moved_from
        yield (
            "MovedEvent",
            f'{at}{ids}{parent}<t:OldItemId Id="{old.id}" ChangeKey="{old.change_key}"/>'
            f'<t:OldParentFolderId Id="{old.folder.id}" ChangeKey="{old.folder.change_key}"/>',
        )
    elif change is Change.NEW:
        yield "CreatedEvent", f"{at}{ids}{parent}"
        if item.delivered:
            yield "NewMailEvent", f"{at}{ids}{parent}"
    elif change is Change.GONE:
        if not item.moved:
            yield "DeletedEvent", f"{at}{ids}{parent}"
    else:
        yield "ModifiedEvent", f"{at}{ids}{parent}"
