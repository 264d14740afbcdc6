"""Where Microsoft Graph calls when there may be new mail. Public: whoever calls learns nothing, and can bring about
nothing but a look into a mailbox, and that only with the secret of its subscription.

Microsoft: "Receive change notifications through webhooks", "Reduce missing subscriptions and change notifications".
"""

import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from placet.lib import working
from placet.mailboxes.microsoft.clouds import GRAPH
from placet.mailboxes.microsoft.push.subscriptions import hash_of
from placet.mailboxes.models import LONGEST_ID, Subscription
from placet.mailboxes.push.notices import came, notice

log = structlog.get_logger(__name__)

LARGEST = 256 * 1024  # bytes; a notice has about 1,000, and some come together
MOST_KNOWN = 100  # different subscriptions that are looked up for one call
LONGEST_TOKEN = 1000  # characters
LONGEST_STATE = 128

REMOVED = "subscriptionRemoved"
REAUTHORIZE = "reauthorizationRequired"
OURS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@csrf_exempt
@never_cache
def graph_notifications(request: HttpRequest) -> HttpResponse:
    """202 to every notice, known or not; Graph repeats what gets another answer for four hours."""
    if request.method != "POST":
        return _answer(405, Allow="POST")
    token = request.GET.get("validationToken")
    if token is not None:
        return _validation(token)
    if request.content_type != "application/json":
        return _answer(415)
    body = _body(request)
    if body is None:
        return _answer(413)
    for row, events in _proved(_notices(body)):
        _act(row, events)
    return _answer(202)


def _answer(status: int, text: str = "", **headers: str) -> HttpResponse:
    return HttpResponse(
        text, content_type="text/plain; charset=utf-8", status=status, headers={**OURS, **headers}
    )


def _validation(token: str) -> HttpResponse:
    """Graph asks whether somebody is here, and wants its words back. Only while a subscription of ours is being made or
    renewed, which it does during that call: this address is no echo for strangers' texts."""
    asked = Subscription.objects.filter(protocol=GRAPH, due__gt=timezone.now()).exclude(claim="").exists()
    if not asked or not 0 < len(token) <= LONGEST_TOKEN or not token.isprintable():
        return _answer(404)
    return _answer(200, token)


def _body(request: HttpRequest) -> bytes | None:
    """None if it is too large. Nothing if it broke off."""
    try:
        body = request.read(LARGEST + 1)
    except UnreadablePostError:
        return b""
    return body if len(body) <= LARGEST else None


def _notices(body: bytes) -> Iterator[tuple[str, str, str]]:
    """Subscription, secret and lifecycle event ("" for new mail) of each notice; of what is none, nothing."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return
    value = told.get("value") if isinstance(told, dict) else None
    for entry in value if isinstance(value, list) else []:
        if isinstance(entry, dict):
            id_, state = (
                _text(entry, "subscriptionId", LONGEST_ID),
                _text(entry, "clientState", LONGEST_STATE),
            )
            if id_ and state:
                yield id_, state, _text(entry, "lifecycleEvent", LONGEST_STATE)


def _text(entry: Mapping[str, Any], name: str, longest: int) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) and len(value) <= longest and "\x00" not in value else ""


def _proved(notices: Iterator[tuple[str, str, str]]) -> Iterator[tuple[Subscription, set[str]]]:
    """The subscriptions of which something is told, with their secret, and what."""
    told: dict[str, set[tuple[str, str]]] = {}
    for id_, state, event in notices:
        if id_ in told or len(told) < MOST_KNOWN:
            told.setdefault(id_, set()).add((state, event))
    if not told:
        return
    for row in Subscription.objects.filter(protocol=GRAPH, server_id__in=list(told)):
        states = {state: hash_of(state) for state, _event in told[row.server_id]}
        good = {state for state, hashed in states.items() if hmac.compare_digest(hashed, row.state_hash)}
        events = {event for state, event in told[row.server_id] if state in good}
        if events:
            yield row, events
        else:
            log.warning("notice_refused", mailbox=row.mailbox_id, subscription=row.pk)


def _act(row: Subscription, events: set[str]) -> None:
    log.debug("noticed", mailbox=row.mailbox_id, folder=row.folder, events=sorted(filter(None, events))[:10])
    now = timezone.now()
    mine = Subscription.objects.filter(pk=row.pk, server_id=row.server_id)
    if REMOVED in events:
        mine.update(server_id="", state_hash="", expires_at=None, since=None, due=now)
    elif REAUTHORIZE in events:
        mine.filter(Q(claim=""), due__gt=now).update(
            due=now
        )  # one that is being renewed is authorized by that
    if events & {REMOVED, REAUTHORIZE}:
        log.info("subscription_lifecycle", mailbox=row.mailbox_id, folder=row.folder)
        working.wake("subscribe")
    if events != {REAUTHORIZE}:
        came(row.pk)
        notice(row.mailbox_id)
