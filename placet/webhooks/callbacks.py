"""Callbacks: whoever starts a request by the API may name an address that hears of this request alone."""

from collections.abc import Sequence

from placet.approvals.models import Request
from placet.webhooks import events as event_types
from placet.webhooks import signing
from placet.webhooks.endpoints import EndpointInvalid, Wanted
from placet.webhooks.models import Endpoint, secrets_of

#: What is told where nobody says what: how it ended.
DEFAULT_EVENTS = (event_types.ENDED, event_types.WITHDRAWN)


def check(url: str, events: Sequence[str] | None) -> Wanted:
    """What a caller wants, before anything is started. Raises EndpointInvalid, whose `field` is url or events."""
    if events is not None and not events:
        raise EndpointInvalid("events", "Name one event at least, or leave them out.")
    return Wanted(url, events=DEFAULT_EVENTS if events is None else events).checked()


def register(request: Request, url: str, secret: str, events: Sequence[str] | None = None) -> Endpoint:
    """Have `url` told of events of this request, from its first entry on; of how it ends where no `events` are named.
    Call it in the transaction that starts the request. `secret` (whsec_…) signs. Raises EndpointInvalid, and
    signing.SecretInvalid."""
    wanted = check(url, events)
    signing.key_of(secret)
    return Endpoint.objects.create(
        kind=Endpoint.Kind.CALLBACK,
        request=request,
        secrets=secrets_of(wanted.url, secret),
        events=list(wanted.events),
    )
