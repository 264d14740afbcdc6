"""Webhooks: where events go, what became of each, and how to have them once more.

An administrator's key manages them all; another one those of its person, which are of processes that this person owns.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from django.db.models import QuerySet
from ninja import Router
from pydantic import Field, StrictBool, StrictInt, StrictStr

from placet.api import moments, waiting
from placet.api.bodies import Body, Shape
from placet.api.calls import Call
from placet.api.keys import Scope
from placet.api.operation import operation
from placet.api.paging import USUAL_PAGE, Cursor, Limit, Page, rows_of
from placet.api.problems import Problem
from placet.webhooks import delivering, endpoints, events
from placet.webhooks.endpoints import EndpointInvalid, Wanted
from placet.webhooks.models import LONGEST_DESCRIPTION, Delivery, Endpoint

router = Router(tags=["Webhooks"])
SCOPE = Scope.WEBHOOKS_MANAGE
LONGEST_URL = 1000
MOST = 100  # of types and processes that an endpoint names

Url = Annotated[StrictStr, Field(min_length=1, max_length=LONGEST_URL)]
Name = Annotated[StrictStr, Field(min_length=1, max_length=60)]
Names = Annotated[list[Name], Field(max_length=MOST)]
Moment = Annotated[
    StrictStr,
    Field(
        max_length=moments.LONGEST,
        examples=["2026-12-01T12:00:00Z"],
        json_schema_extra={"format": "date-time"},
    ),
]


class WebhookShape(Shape):
    """Where events go. `events`, `processes`: empty for all. `disabled_why`: empty while it is active."""

    id: UUID
    url: str
    description: str
    events: list[str]
    processes: list[str]
    with_data: bool
    active: bool
    disabled_why: str = Field(examples=["", "by hand", "failing", "gone"])
    failing_since: datetime | None
    created_at: datetime


class NewWebhook(WebhookShape):
    """With the secret that signs, which is shown this once."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class Webhooks(Page[WebhookShape]):
    """Webhooks, the newest first."""


class WebhookBody(Body):
    """A webhook to be made. `with_data`: what was entered and answered is sent, too, and not ids alone."""

    url: Url
    description: Annotated[StrictStr, Field(max_length=LONGEST_DESCRIPTION)] = ""
    events: Names = Field([], description="Types of events; none for all.")
    processes: Names = Field([], description="Keys of processes; none for all, which is for administrators.")
    with_data: StrictBool = False


class WebhookChange(Body):
    """What is to be otherwise; what is left out stays."""

    url: Url | None = None
    description: Annotated[StrictStr, Field(max_length=LONGEST_DESCRIPTION)] | None = None
    events: Names | None = None
    processes: Names | None = None
    with_data: StrictBool | None = None
    active: StrictBool | None = None


class Rotation(Body):
    """`both_valid_hours`: how long the former secret signs, too."""

    both_valid_hours: Annotated[StrictInt, Field(ge=0, le=30 * 24)] = 24


class SecretShape(Shape):
    """The new secret, which is shown this once."""

    secret: str


class DeliveryShape(Shape):
    """One event for one webhook. `status`: of the last answer; null where there was none."""

    id: str
    event: str = Field(description="The webhook-id that it was sent with.")
    type: str
    timestamp: datetime
    request: UUID | None
    sequence: int
    state: str = Field(examples=["waiting", "sent", "failed"])
    tries: int
    status: int | None
    error: str
    due: datetime | None = Field(description="Of the next try; null where there is none.")


class Deliveries(Page[DeliveryShape]):
    """Deliveries of one webhook, the newest first."""


class TestResult(Shape):
    """How a test went. `answer`: the beginning of what was answered."""

    delivered: bool
    status: int | None
    milliseconds: int
    error: str
    answer: str


class Span(Body):
    """Events that happened from `from` on and before `to`."""

    from_: Moment = Field(alias="from")
    to: Moment


class Replayed(Shape):
    """How many deliveries are sent once more."""

    deliveries: int


@operation(router, "GET", "/webhooks", SCOPE, Webhooks)
def list_webhooks(call: Call, limit: Limit = USUAL_PAGE, cursor: Cursor = "") -> Webhooks:
    """The webhooks that the key manages."""
    rows, following = rows_of(call, _managed(call), limit, cursor)
    return Webhooks(items=[_shape(one) for one in rows], next=following)


# Nothing is kept for an Idempotency-Key: the answer holds a secret.
@operation(router, "POST", "/webhooks", SCOPE, NewWebhook, status=201, problems=["not-allowed"])
def create_webhook(call: Call, body: WebhookBody) -> NewWebhook:
    """Have events sent to an address."""
    wanted = Wanted(body.url, body.description, body.events, body.processes, body.with_data)
    _must_cover(call, body.processes)
    try:
        endpoint, secret = endpoints.make(wanted, call.person)
    except EndpointInvalid as error:
        raise _invalid(error) from error
    # The Power Platform takes its webhook away by a DELETE of this address.
    call.headers["Location"] = call.url(f"/webhooks/{endpoint.public_id}")
    return NewWebhook(**_shape(endpoint).model_dump(), secret=secret)


@operation(router, "GET", "/webhooks/{id}", SCOPE, WebhookShape, problems=["not-found"])
def get_webhook(call: Call, id: UUID) -> WebhookShape:
    """One webhook."""
    return _shape(_one(call, id))


@operation(router, "PATCH", "/webhooks/{id}", SCOPE, WebhookShape, problems=["not-found", "not-allowed"])
def change_webhook(call: Call, id: UUID, body: WebhookChange) -> WebhookShape:
    """Change what is named; switch it off, or on again."""
    endpoint = _one(call, id)
    changes = {name: value for name, value in body.model_dump().items() if value is not None}
    active = changes.pop("active", None)
    names = ("url", "description", "events", "processes", "with_data")
    wanted = Wanted(**{name: changes.get(name, getattr(endpoint, name)) for name in names})
    if changes:
        _permitted(call, id)
        _must_cover(call, wanted.processes)
        try:
            endpoints.change(endpoint, wanted, call.person)
        except EndpointInvalid as error:
            raise _invalid(error) from error
    if active is True:
        endpoints.switch_on(_permitted(call, id), call.person)
    elif active is False:
        endpoints.switch_off(endpoint, Endpoint.Disabled.BY_HAND, call.person)
    endpoint.refresh_from_db()
    return _shape(endpoint)


@operation(router, "DELETE", "/webhooks/{id}", SCOPE, None, status=204, problems=["not-found"])
def delete_webhook(call: Call, id: UUID) -> None:
    """Send nothing there any more, and forget its log."""
    endpoints.remove(_one(call, id), call.person)


@operation(router, "POST", "/webhooks/{id}/rotate", SCOPE, SecretShape, problems=["not-found", "not-allowed"])
def rotate_webhook(call: Call, id: UUID, body: Rotation) -> SecretShape:
    """A new secret; for a while the former one signs, too."""
    both_valid = timedelta(hours=body.both_valid_hours)
    return SecretShape(secret=endpoints.rotate(_permitted(call, id), call.person, both_valid))


@operation(
    router, "POST", "/webhooks/{id}/test", SCOPE, TestResult,
    problems=["not-found", "not-allowed", "too-many-waiting"],
)  # fmt: skip
def test_webhook(call: Call, id: UUID) -> TestResult:
    """Send an event of the type placet.test at once, and say what was answered."""
    endpoint = _permitted(call, id)
    with waiting.place() as has_place:  # an address that answers slowly holds a thread for 20 seconds
        if not has_place:
            raise Problem("too-many-waiting", headers={"Retry-After": str(waiting.COME_BACK)})
        _delivery, answer = delivering.send_test(endpoint)
    return TestResult(
        delivered=answer.is_taken,
        status=answer.status,
        milliseconds=answer.milliseconds,
        error=answer.error,
        answer=answer.text,
    )


@operation(
    router, "GET", "/webhooks/{id}/deliveries", SCOPE, Deliveries, problems=["not-found", "not-allowed"]
)
def list_deliveries(call: Call, id: UUID, limit: Limit = USUAL_PAGE, cursor: Cursor = "") -> Deliveries:
    """What was sent there, or waits to be, as far as it is not forgotten."""
    deliveries = Delivery.objects.filter(endpoint=_permitted(call, id)).select_related("event__request")
    rows, following = rows_of(call, deliveries, limit, cursor)
    return Deliveries(items=[_delivery_shape(one) for one in rows], next=following)


@operation(
    router, "POST", "/webhooks/{id}/deliveries/{delivery}/replay", SCOPE, Replayed,
    problems=["not-found", "not-allowed", "not-open"],
)  # fmt: skip
def replay_delivery(call: Call, id: UUID, delivery: Annotated[int, Field(ge=1, lt=2**63)]) -> Replayed:
    """Send one event once more, with the id that it had."""
    endpoint = _active(_permitted(call, id))
    chosen = Delivery.objects.filter(endpoint=endpoint, pk=delivery).exclude(event__type=events.TEST)
    if not chosen.exists():
        raise Problem("not-found")
    return Replayed(deliveries=endpoints.replay(chosen, call.person))


@operation(
    router,
    "POST",
    "/webhooks/{id}/replay",
    SCOPE,
    Replayed,
    problems=["not-found", "not-allowed", "not-open"],
)
def replay_webhook(call: Call, id: UUID, body: Span) -> Replayed:
    """Send once more what happened in a span, in its order and with the ids that it had."""
    endpoint = _active(_permitted(call, id))
    begin, end = moments.moment_of(body.from_, "/from"), moments.moment_of(body.to, "/to")
    if end <= begin:
        raise Problem.invalid("/to", "This is not after “from”, so nothing lies between them.")
    return Replayed(deliveries=endpoints.replay(endpoints.of_span(endpoint, begin, end), call.person))


# --- rights -----------------------------------------------------------------------------------------------


def _managed(call: Call) -> QuerySet[Endpoint]:
    rows = endpoints.webhooks().order_by()
    if not call.person.is_administrator:
        rows = rows.filter(owner=call.person)
    if (
        call.key.processes
    ):  # JSON is looked into here: databases do it in two ways, and there are a hundred at most
        covered = [one.pk for one in rows if one.processes and all(map(call.covers, one.processes))]
        rows = rows.filter(pk__in=covered)
    return rows


def _one(call: Call, public_id: UUID) -> Endpoint:
    endpoint = _managed(call).filter(public_id=public_id).first()
    if endpoint is None:
        raise Problem("not-found")
    return endpoint


def _permitted(call: Call, public_id: UUID) -> Endpoint:
    """One whose events the person may have now, too. Of any other they may only switch it off or take it away."""
    endpoint = _one(call, public_id)
    if not endpoints.may_have(call.person, endpoint.processes):
        raise Problem("not-allowed", "The person of this key does not own its processes any more.")
    return endpoint


def _active(endpoint: Endpoint) -> Endpoint:
    if not endpoint.active:
        raise Problem("not-open", "This webhook is switched off; switch it on first.")
    return endpoint


def _must_cover(call: Call, processes: Sequence[str]) -> None:
    named = not call.key.processes or (processes and all(map(call.covers, processes)))
    if not named or not endpoints.may_have(call.person, processes):
        raise Problem("not-allowed", "Name processes that the key covers, and that its person owns.")


def _invalid(error: EndpointInvalid) -> Problem:
    return Problem.invalid(f"/{error.field}", str(error))


# --- shapes -----------------------------------------------------------------------------------------------


def _shape(endpoint: Endpoint) -> WebhookShape:
    return WebhookShape(
        id=endpoint.public_id,
        url=endpoint.url,
        description=endpoint.description,
        events=endpoint.events,
        processes=endpoint.processes,
        with_data=endpoint.with_data,
        active=endpoint.active,
        disabled_why=endpoint.disabled_why,
        failing_since=endpoint.failing_since,
        created_at=endpoint.created_at,
    )


def _delivery_shape(delivery: Delivery) -> DeliveryShape:
    event, waits = delivery.event, delivery.state == Delivery.State.WAITING
    request: Any = event.request
    return DeliveryShape(
        id=str(delivery.pk),
        event=event.message_id,
        type=event.type,
        timestamp=event.at,
        request=request.public_id if request is not None else None,
        sequence=event.sequence,
        state=delivery.state,
        tries=delivery.tries,
        status=delivery.last_status,
        error=delivery.last_error,
        due=delivery.due if waits else None,
    )
