"""Change and lifecycle notifications, from a thread of their own: sent, tried again, given up.

Microsoft's pages "Receive change notifications through webhooks" and "Reduce missing subscriptions and change
notifications".
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from placet.sandbox.graph import errors, ids, schema
from placet.sandbox.graph.shapes import etag, when
from placet.sandbox.tenant import Change, Folder, Item, Mailbox, Tenant

_GIVE_UP = 4 * 3600.0
_SLOWEST = 600.0


@dataclass(eq=False)
class Subscription:
    application_id: str
    creator_id: str
    mailbox: Mailbox
    folder: Folder | None
    """The folder that it is to, or None for the whole mailbox."""
    resource: str
    changes: frozenset[str]
    notification_url: str
    lifecycle_url: str | None
    client_state: str | None
    expires: datetime
    immutable: bool
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    heard: dict[Folder, int] = field(default_factory=dict)
    """How far each folder's log has been told."""
    reauthorized: int = 0
    """How often its maker has said that it may go on."""

    @property
    def folders(self) -> list[Folder]:
        return list(self.mailbox.folders.values()) if self.folder is None else [self.folder]

    def hear(self) -> Iterator[tuple[str, Item]]:
        """What has happened since the last call."""
        for folder in self.folders:
            position = self.heard.get(folder, 0)
            self.heard[folder] = len(folder.log)
            for change, item in folder.log[position:]:
                kind = _KIND[change]
                if kind in self.changes:
                    yield kind, item


_KIND = {Change.NEW: "created", Change.CHANGED: "updated", Change.READ: "updated", Change.GONE: "deleted"}


@dataclass
class _Delivery:
    url: str
    value: list[dict[str, Any]]
    first: float
    due: float
    tries: int = 0


class Notifier:
    """Keeps the subscriptions and tells their makers. All methods may be called from any thread."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.validation_seconds = 10.0
        self.answer_seconds = 3.0
        """How long a receiver may take over a notification."""
        self.retry_seconds = 1.0
        """How long after the first failure it is tried again; each time twice as long."""
        self.tls: ssl.SSLContext | None = None
        """How https receivers are proved; None for the authorities that this machine trusts."""
        self._open: dict[str, Subscription] = {}
        self._deliveries: list[_Delivery] = []
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._connection: http.client.HTTPConnection | None = None

    # -- subscriptions ---------------------------------------------------------------------------------------

    def add(self, subscription: Subscription, most: int) -> bool:
        """Begin to tell from now on; False if the mailbox has as many subscriptions as it may."""
        with self.tenant.changed:
            if sum(one.mailbox is subscription.mailbox for one in self.alive()) >= most:
                return False
            subscription.heard = {folder: len(folder.log) for folder in subscription.folders}
            self._open[subscription.id] = subscription
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(target=self._run, name="sandbox-notifier", daemon=True)
                self._thread.start()
        return True

    def alive(self) -> list[Subscription]:
        with self.tenant.lock:
            now = datetime.now(UTC)
            self._open = {key: one for key, one in self._open.items() if one.expires > now}
            return list(self._open.values())

    def remove(self, subscription: Subscription) -> None:
        with self.tenant.lock:
            self._open.pop(subscription.id, None)

    def expire(self) -> None:
        """End every subscription now, without a word, as when its time is over."""
        with self.tenant.lock:
            self._open.clear()

    def lifecycle(self, event: str) -> None:
        """Tell every subscription's maker of this event. Raises ValueError.

        With `subscriptionRemoved` it is.
        """
        if event not in schema.ENUMS["lifecycleEventType"]:
            raise ValueError(f"There is no lifecycle event {event}.")
        with self.tenant.changed:
            for one in self.alive():
                if event == "subscriptionRemoved":
                    self.remove(one)
                if one.lifecycle_url:
                    told = {"lifecycleEvent": event, **self._about(one)}
                    self._queue(one.lifecycle_url, [told])
            self.tenant.changed.notify_all()

    def stop(self) -> None:
        """End the thread, whatever it is at."""
        with self.tenant.changed:
            self._stopped = True
            thread, connection = self._thread, self._connection
            self.tenant.changed.notify_all()
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)
        if thread is not None:
            thread.join()

    # -- the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self.tenant.changed:
                self._listen()
                now = time.monotonic()
                due = next((one for one in self._deliveries if one.due <= now), None)
                if self._stopped:
                    return
                if due is None:
                    soonest = min((one.due for one in self._deliveries), default=now + 60.0)
                    self.tenant.changed.wait(max(0.0, soonest - now))
                    continue
                self._deliveries.remove(due)
            self._deliver(due)

    def _listen(self) -> None:
        """Turn what has happened into notifications."""
        for one in self.alive():
            value = [self._told(one, kind, item) for kind, item in one.hear()]
            if value and not self.tenant.switches.notifications_lost:
                self._queue(one.notification_url, value)

    def _queue(self, url: str, value: list[dict[str, Any]]) -> None:
        now = time.monotonic()
        self._deliveries.append(_Delivery(url, value, now, now))

    def _about(self, one: Subscription) -> dict[str, Any]:
        return {
            "subscriptionId": one.id,
            "subscriptionExpirationDateTime": when(one.expires),
            "resource": one.resource,
            "clientState": one.client_state,
            "tenantId": self.tenant.tenant_id,
        }

    def _told(self, one: Subscription, kind: str, item: Item) -> dict[str, Any]:
        identifier = ids.of_item(item, one.immutable)
        resource = f"Users/{one.mailbox.user_id}/Messages/{identifier}"
        data = {
            "@odata.type": "#Microsoft.Graph.Message",
            "@odata.id": resource,
            "@odata.etag": etag(item),
            "id": identifier,
        }
        return {**self._about(one), "changeType": kind, "resource": resource, "resourceData": data}

    def _deliver(self, delivery: _Delivery) -> None:
        try:
            body = json.dumps({"value": delivery.value}).encode()
            status, _, _ = self._post(delivery.url, body, self.answer_seconds)
        except (OSError, http.client.HTTPException, ValueError):
            status = 0
        if 200 <= status < 300:
            self.tenant.count("notifications_sent", len(delivery.value))
            return
        self.tenant.count("notifications_failed")
        pause = min(_SLOWEST, self.retry_seconds * 2**delivery.tries)
        delivery.tries += 1
        delivery.due = time.monotonic() + pause
        if delivery.due - delivery.first <= _GIVE_UP:
            with self.tenant.lock:
                self._deliveries.append(delivery)

    # -- HTTP ------------------------------------------------------------------------------------------------

    def validate(self, url: str) -> None:
        """Ask the receiver whether it wants this. Raises GraphError unless it gives the token back in time."""
        token = (
            f"Validation: Testing client application reachability for subscription Request-Id: {uuid.uuid4()}"
        )
        mark = "&" if urlsplit(url).query else "?"
        failed = "Subscription validation request failed."
        try:
            status, kind, body = self._post(
                f"{url}{mark}validationToken={quote(token, safe='')}", b"", self.validation_seconds
            )
        except TimeoutError:
            raise _refused("Subscription validation request timed out.") from None
        except (OSError, http.client.HTTPException, ValueError):
            raise _refused(f"{failed} The notification endpoint cannot be reached.") from None
        if status != 200:
            phrase = http.client.responses.get(status, str(status)).replace(" ", "")
            raise _refused(
                f"{failed} HTTP status code is '{phrase}'. Notification endpoint must respond with 200 OK to "
                "validation request."
            )
        if kind.partition(";")[0].strip().lower() != "text/plain":
            raise _refused(f"{failed} The response must be text/plain.")
        if body != token.encode():
            raise _refused(f"{failed} Response must exactly match validationToken query parameter.")

    def _post(self, url: str, body: bytes, seconds: float) -> tuple[int, str, bytes]:
        """Status, content type and body of the answer. Raises OSError, HTTPException, ValueError."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        connection = (
            http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=self.tls)
            if parts.scheme == "https"
            else http.client.HTTPConnection(host, parts.port, timeout=seconds)
        )
        if threading.current_thread() is self._thread:
            self._connection = connection
        kind = "application/json" if body else "text/plain"
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        try:
            connection.request("POST", target, body, {"Content-Type": f"{kind}; charset=utf-8"})
            response = connection.getresponse()
            return response.status, response.getheader("Content-Type", ""), response.read(4096)
        finally:
            connection.close()


def _refused(text: str) -> errors.GraphError:
    return errors.bad_request(text, "ValidationError")
