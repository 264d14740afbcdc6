"""Subscriptions to what happens to messages: made, renewed and ended by the client that wants to hear of it.

Microsoft's pages "subscription resource type" and "Receive change notifications through webhooks". Notifications go
out in `notifying`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from placet.sandbox.graph import errors, ids, schema
from placet.sandbox.graph.calls import Answer, Call
from placet.sandbox.graph.notifying import Notifier, Subscription
from placet.sandbox.graph.shapes import when
from placet.sandbox.tenant import Folder, Mailbox, Tenant

MOST_MINUTES = 10_080
LEAST_MINUTES = 45
"""A shorter life is made so long."""
MOST_OF_A_MAILBOX = 1000
MOST_STATE = 128
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CHANGES = schema.ENUMS["changeType"]
_RESOURCE = re.compile(
    r"/?users(?:/(?P<user>[^/()]+)|\('(?P<user2>[^']+)'\))"
    r"(?:/mailfolders(?:/(?P<folder>[^/()]+)|\('(?P<folder2>[^']+)'\)))?/messages",
    re.IGNORECASE,
)

Readable = Callable[[str], Mailbox]
"""Gives the mailbox of a user that the caller may read. Raises GraphError."""


class Subscriptions:
    """One method for each route. They take the tenant's lock by themselves, for the client is called in between."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.notifier = Notifier(tenant)
        self.least_minutes = LEAST_MINUTES

    def stop(self) -> None:
        self.notifier.stop()

    def create(self, call: Call, readable: Readable) -> Answer:
        given = call.json()
        schema.entity(given, "subscription")
        for name in ("changeType", "notificationUrl", "resource", "expirationDateTime"):
            if not given.get(name):
                raise _invalid(f"Property {name} is required.")
        if given.get("includeResourceData"):
            raise _invalid("The sandbox sends no resource data.")
        changes = _changes(given["changeType"])
        urls = [given["notificationUrl"], given.get("lifecycleNotificationUrl")]
        for url in filter(None, urls):
            _check_url(url)
        if len(given.get("clientState") or "") > MOST_STATE:
            raise _invalid(f"clientState has at most {MOST_STATE} characters.")
        expires = self._expiry(given["expirationDateTime"])
        mailbox, folder = self._watched(given["resource"], readable)
        for url in dict.fromkeys(filter(None, urls)):
            self.notifier.validate(url)
        subscription = Subscription(
            call.claims["appid"],
            call.claims["oid"],
            mailbox,
            folder,
            given["resource"],
            changes,
            given["notificationUrl"],
            given.get("lifecycleNotificationUrl"),
            given.get("clientState"),
            expires,
            call.immutable,
        )
        if not self.notifier.add(subscription, MOST_OF_A_MAILBOX):
            raise errors.GraphError(
                403, "ExceededSubscriptionCount", f"A mailbox has at most {MOST_OF_A_MAILBOX} subscriptions."
            )
        shown = _shown(subscription) | {"clientState": subscription.client_state}
        return Answer(201, _context(call, "subscriptions/$entity") | shown)

    def list(self, call: Call, readable: Readable) -> Answer:
        mine = [_shown(one) for one in self.notifier.alive() if one.application_id == call.claims["appid"]]
        return Answer(200, _context(call, "subscriptions") | {"value": mine})

    def get(self, call: Call, readable: Readable) -> Answer:
        return Answer(200, _context(call, "subscriptions/$entity") | _shown(self._mine(call)))

    def renew(self, call: Call, readable: Readable) -> Answer:
        subscription = self._mine(call)
        given = call.json()
        schema.entity(given, "subscription")
        for name in given:
            if name != "expirationDateTime":
                raise _invalid(f"Property {name} cannot be changed.")
        subscription.expires = self._expiry(given.get("expirationDateTime") or "")
        return Answer(200, _context(call, "subscriptions/$entity") | _shown(subscription))

    def reauthorize(self, call: Call, readable: Readable) -> Answer:
        self._mine(call).reauthorized += 1
        return Answer(204)

    def delete(self, call: Call, readable: Readable) -> Answer:
        self.notifier.remove(self._mine(call))
        return Answer(204)

    # -- what they share -------------------------------------------------------------------------------------

    def _mine(self, call: Call) -> Subscription:
        wanted = call.names["subscription"].lower()
        for one in self.notifier.alive():
            if one.id == wanted and one.application_id == call.claims["appid"]:
                return one
        raise errors.GraphError(404, "ResourceNotFound", "The object was not found.")

    def _expiry(self, given: str) -> datetime:
        now = datetime.now(UTC)
        try:
            wanted = datetime.fromisoformat(given)
        except ValueError:
            wanted = now
        if wanted.tzinfo is None or wanted <= now:
            raise _invalid("Subscription expiration must be in the future.")
        if wanted > now + timedelta(minutes=MOST_MINUTES):
            raise _invalid(f"Subscription expiration can only be {MOST_MINUTES} minutes in the future.")
        return max(wanted.astimezone(UTC), now + timedelta(minutes=self.least_minutes))

    def _watched(self, resource: str, readable: Readable) -> tuple[Mailbox, Folder | None]:
        """The mailbox, and the folder unless all of them are meant. Raises GraphError."""
        match = _RESOURCE.fullmatch(unquote(resource))
        if match is None:
            raise _invalid(f"The sandbox has subscriptions to messages only: '{resource}' is none.")
        mailbox = readable(match["user"] or match["user2"])
        folder = match["folder"] or match["folder2"]
        with self.tenant.lock:
            return mailbox, ids.folder(mailbox, folder) if folder else None


def _invalid(text: str) -> errors.GraphError:
    return errors.bad_request(text, "ValidationError")


def _changes(given: str) -> frozenset[str]:
    found = frozenset(one.strip().lower() for one in given.split(","))
    if not found <= set(_CHANGES):
        raise _invalid(f"changeType '{given}' is not made of {', '.join(_CHANGES)}.")
    return found


def _check_url(url: str) -> None:
    """Microsoft asks for https. A sandbox calls a program on its own machine without it, too."""
    parts = urlsplit(url)
    try:
        reachable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        reachable = False
    if not reachable or parts.scheme not in ("https", "http"):
        raise _invalid(f"The notification URL '{url}' is not valid.")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise _invalid(
            "The notification URL must use https. (On the loopback address the sandbox takes http.)"
        )


def _context(call: Call, what: str) -> dict[str, Any]:
    return {"@odata.context": f"{call.root}/$metadata#{what}"}


def _shown(one: Subscription) -> dict[str, Any]:
    """As GET shows it: without its clientState, which only its maker and its receiver know."""
    return {
        "id": one.id,
        "resource": one.resource,
        "applicationId": one.application_id,
        "changeType": ",".join(name for name in _CHANGES if name in one.changes),
        "clientState": None,
        "notificationUrl": one.notification_url,
        "notificationQueryOptions": None,
        "lifecycleNotificationUrl": one.lifecycle_url,
        "expirationDateTime": when(one.expires),
        "creatorId": one.creator_id,
        "includeResourceData": None,
        "latestSupportedTlsVersion": "v1_2",
        "encryptionCertificate": None,
        "encryptionCertificateId": None,
        "notificationUrlAppId": None,
    }
