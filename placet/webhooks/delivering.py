"""The work of sending: an endpoint at a time, what is due there, in order.

One worker has an endpoint at a time. Of a request an event is sent when no earlier one waits for the same endpoint;
what is not taken is tried again with growing pauses, for about three days, and then given up. An endpoint whose server
does not answer is left alone for a while, whatever waits there; one that failed or was slow the last time is worked
apart from the others, so that these wait for none of it. After days without a success it is switched off.
"""

import secrets
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from placet.webhooks import events, signing
from placet.webhooks.bodies import body_of
from placet.webhooks.endpoints import NOT_THEIRS, may_hear, signing_secrets, switch_off
from placet.webhooks.models import Attempt, Delivery, Endpoint, Event
from placet.webhooks.sending import Answer, Sender
from placet.workers.leases import Leased

log = structlog.get_logger(__name__)

LEASED = Leased(Endpoint, timedelta(minutes=2), unfinished=Q(active=True))
SHARDS = 4  # turns of endpoints that go on at the same time, where they answer
TURN = 10.0  # seconds after which an endpoint's turn ends
AT_ONCE = 20  # deliveries looked up at once
SLOW = 3000  # milliseconds
#: After the first, second, … try that was not taken (Standard Webhooks, "Retry schedule"); the tenth is the last.
PAUSES = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
JITTER = 0.1  # of a pause, at most
FIRST_REST = timedelta(seconds=5)  # of an endpoint whose server does not answer; twice as long each time
LONGEST_REST = timedelta(minutes=5)
SWITCHED_OFF_AFTER = timedelta(days=5)  # without a success
GONE = 410
State = Delivery.State

_IS_APART = Q(endpoint__is_slow=True) | Q(endpoint__failures__gt=0)


# --- what is due ------------------------------------------------------------------------------------------


def due(limit: int, shard: int | None = None) -> list[int]:
    """Endpoints that answered the last time, and that something is due for."""
    return _of_shard(_due().exclude(_IS_APART), limit, shard)


def shards_due() -> list[int]:
    return sorted({number % SHARDS for number in due(1000)})


def due_apart(limit: int, shard: int | None = None) -> list[int]:
    """The others."""
    return _of_shard(_due().filter(_IS_APART), limit, shard)


def shards_due_apart() -> list[int]:
    return sorted({number % SHARDS for number in due_apart(1000)})


def _due() -> QuerySet[Delivery]:
    now = timezone.now()
    return Delivery.objects.filter(
        state=State.WAITING, due__lte=now, endpoint__active=True, endpoint__due__lte=now
    )


def _of_shard(deliveries: QuerySet[Delivery], limit: int, shard: int | None) -> list[int]:
    numbers = deliveries.order_by("endpoint_id").values_list("endpoint_id", flat=True).distinct()
    if shard is None:
        return list(numbers[:limit])
    return [number for number in numbers[: limit * SHARDS] if number % SHARDS == shard]


def _next(endpoint: Endpoint) -> list[Delivery]:
    """Of each request the first that waits, if it is due."""
    before = Delivery.objects.filter(
        endpoint=OuterRef("endpoint"),
        event__request=OuterRef("event__request"),
        event__sequence__lt=OuterRef("event__sequence"),
        state=State.WAITING,
    )
    waiting = Delivery.objects.filter(endpoint=endpoint, state=State.WAITING, due__lte=timezone.now())
    first = waiting.filter(~Exists(before)).order_by("pk")
    return list(first.select_related("event__request__version__process")[:AT_ONCE])


# --- a turn -----------------------------------------------------------------------------------------------


def work(endpoint_id: int) -> bool:
    """Send what is due for one endpoint. False if there is nothing, or another worker has it."""
    now = timezone.now()
    claim = LEASED.take(Endpoint.objects.filter(pk=endpoint_id, active=True, due__lte=now))
    if not claim:
        return False
    return _Turn(Endpoint.objects.select_related("owner").get(pk=endpoint_id), claim).sent()


class _Turn:
    """What one worker does with one endpoint, as long as the claim is its own."""

    def __init__(self, endpoint: Endpoint, claim: str) -> None:
        self._endpoint = endpoint
        self._claim = claim
        self._until = time.monotonic() + TURN

    def sent(self) -> bool:
        """Whether anything was."""
        sender, tried = Sender(self._endpoint.url), False
        answer: Answer | None = None
        try:
            for delivery in self._deliveries():
                answer, tried = _tried(sender, delivery, self._endpoint), True
                if not self._is_mine() or not self._note(delivery, answer):
                    break
        finally:
            sender.close()
            self._leave(answer)
        return tried

    def _deliveries(self) -> Iterator[Delivery]:
        while some := _next(self._endpoint):
            for delivery in some:
                if time.monotonic() >= self._until or not self._is_mine():
                    return
                if self._may_hear(delivery):
                    yield delivery

    def _may_hear(self, delivery: Delivery) -> bool:
        """Not even ids go to somebody who lost the right meanwhile, however long ago it was to be sent."""
        request = delivery.event.request
        if request is None or may_hear(self._endpoint, request.version.process.key):
            return True
        _waiting(delivery).update(state=State.FAILED, last_error=str(NOT_THEIRS))
        return False

    def _is_mine(self) -> bool:
        return LEASED.mine(self._endpoint.pk, self._claim).filter(active=True).exists()

    def _note(self, delivery: Delivery, answer: Answer) -> bool:
        """Whether what comes next may be tried."""
        endpoint, now = self._endpoint, timezone.now()
        _record(delivery, answer, now)
        if answer.is_taken:
            endpoint.failures, endpoint.failing_since = 0, None
            return True
        endpoint.failing_since = endpoint.failing_since or now
        endpoint.failures = endpoint.failures + 1 if answer.is_of_the_server else 0
        log.warning(
            "endpoint_failed",
            endpoint=endpoint.pk,
            delivery=delivery.pk,
            host=endpoint.host,
            status=answer.status,
        )
        if answer.status == GONE:
            switch_off(endpoint, Endpoint.Disabled.GONE)
            return False
        if now - endpoint.failing_since >= SWITCHED_OFF_AFTER:
            switch_off(endpoint, Endpoint.Disabled.FAILING)
            return False
        return not answer.is_of_the_server

    def _leave(self, answer: Answer | None) -> None:
        """Somebody else may have the next turn: at once, or after a rest."""
        endpoint, due = self._endpoint, timezone.now()
        if answer is not None:
            if answer.is_of_the_server:
                rest = min(FIRST_REST * 2 ** min(endpoint.failures - 1, 10), LONGEST_REST)
                due += max(_with_jitter(rest), timedelta(seconds=answer.wait))
            endpoint.is_slow = answer.milliseconds > SLOW
        LEASED.mine(endpoint.pk, self._claim).update(
            claim="",
            due=due,
            failures=endpoint.failures,
            failing_since=endpoint.failing_since,
            is_slow=endpoint.is_slow,
        )


def _tried(sender: Sender, delivery: Delivery, endpoint: Endpoint) -> Answer:
    now = timezone.now()
    try:
        body = body_of(endpoint, delivery.event)
        signed = {}
        if endpoint.kind not in Endpoint.CHATS:
            secrets_ = signing_secrets(endpoint, now)
            signed = signing.headers(delivery.event.message_id, int(now.timestamp()), body, secrets_)
    except Exception as error:
        # A defect of ours must not keep the message for ever, nor the ones behind it.
        log.exception("endpoint_not_written", delivery=delivery.pk)
        return Answer(None, 0, f"Placet itself failed: {type(error).__name__}. See the log.")
    return sender.post(body, signed)


@transaction.atomic
def _record(delivery: Delivery, answer: Answer, now: datetime) -> None:
    """What became of a try: in the log, and in what comes next."""
    Attempt.objects.create(
        delivery=delivery,
        at=now - timedelta(milliseconds=answer.milliseconds),
        status=answer.status,
        milliseconds=answer.milliseconds,
        error=answer.error,
        answer=answer.text,
    )
    tries = delivery.tries + 1
    is_last = tries > len(PAUSES) or answer.status == GONE
    waiting = _waiting(delivery)
    changes: dict[str, object] = {
        "tries": tries,
        "tried_at": now,
        "last_status": answer.status,
        "last_error": answer.error,
    }
    if answer.is_taken:
        changes["state"] = State.SENT
    elif is_last:
        changes["state"] = State.FAILED
    else:
        pause = max(_with_jitter(PAUSES[tries - 1]), timedelta(seconds=answer.wait))
        changes["due"] = now + pause
    waiting.update(**changes)


def _waiting(delivery: Delivery) -> QuerySet[Delivery]:
    """As it was read."""
    return Delivery.objects.filter(pk=delivery.pk, state=State.WAITING, tries=delivery.tries)


def _with_jitter(pause: timedelta) -> timedelta:
    """A little longer, by chance: what failed together is not tried together."""
    return pause * (1 + JITTER * secrets.randbelow(1000) / 1000)


# --- the test ---------------------------------------------------------------------------------------------


def send_test(endpoint: Endpoint) -> tuple[Delivery, Answer]:
    """Send an event that says that it is a test, at once and once; how it went stands in the log, too."""
    now = timezone.now()
    event = Event.objects.create(sequence=0, type=events.TEST, at=now)
    # Given up before it is sent: no worker shall be faster, and none shall try it again.
    delivery = Delivery.objects.create(endpoint=endpoint, event=event, state=State.FAILED, due=now)
    sender = Sender(endpoint.url)
    try:
        answer = _tried(sender, delivery, endpoint)
    finally:
        sender.close()
    _record(delivery, answer, timezone.now())
    Delivery.objects.filter(pk=delivery.pk).update(
        state=State.SENT if answer.is_taken else State.FAILED,
        tries=1,
        tried_at=timezone.now(),
        last_status=answer.status,
        last_error=answer.error,
    )
    delivery.refresh_from_db()
    return delivery, answer
