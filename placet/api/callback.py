"""The address that a call wants to hear of its request at (`placet.webhooks.callbacks`)."""

from typing import Annotated

from pydantic import Field, StrictStr

from placet.api.bodies import Body
from placet.api.calls import Call
from placet.api.keys import SIGNING
from placet.api.problems import Problem
from placet.approvals.models import Request
from placet.webhooks import callbacks
from placet.webhooks.endpoints import EndpointInvalid

LONGEST_URL = 1000
MOST_EVENTS = 100
Event = Annotated[StrictStr, Field(min_length=1, max_length=60)]


class Callback(Body):
    """Where to tell what becomes of the request, signed with the signing secret of the key."""

    url: Annotated[StrictStr, Field(min_length=1, max_length=LONGEST_URL)]
    events: Annotated[list[Event], Field(max_length=MOST_EVENTS)] = Field(
        [], description="Types of events; none for how it ends."
    )


def register(call: Call, request: Request, callback: Callback) -> None:
    """Belongs into the transaction that starts the request. Problem where it cannot be told there."""
    try:
        callbacks.register(request, callback.url, call.key.secrets[SIGNING], callback.events or None)
    except EndpointInvalid as error:
        raise Problem.invalid(f"/callback/{error.field or 'url'}", str(error)) from error
