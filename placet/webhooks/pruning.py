"""What was delivered, or given up, long ago is forgotten: deliveries with their log, and events and callbacks that
nothing refers to any more. The record of a request has for ever what happened."""

from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from placet.webhooks.models import Attempt, Delivery, Endpoint, Event

KEPT = timedelta(days=30)
AT_ONCE = 500
ALL = 0


def due(limit: int) -> list[int]:
    """[ALL] where something is old enough."""
    return [ALL][:limit] if _old_events().exists() or _done_callbacks().exists() else []


def work(_all: int) -> bool:
    """Forget some of it. False if there was nothing."""
    events = list(_old_events().values_list("pk", flat=True)[:AT_ONCE])
    deliveries = Delivery.objects.filter(event__in=events)
    Attempt.objects.filter(delivery__in=deliveries).delete()
    deliveries.delete()
    Event.objects.filter(pk__in=events).delete()
    callbacks = list(_done_callbacks().values_list("pk", flat=True)[:AT_ONCE])
    Endpoint.objects.filter(pk__in=callbacks).delete()
    return bool(events or callbacks)


def _old_events() -> QuerySet[Event]:
    """Of which no delivery waits."""
    waiting = Delivery.objects.filter(event=OuterRef("pk"), state=Delivery.State.WAITING)
    return Event.objects.filter(~Exists(waiting), at__lt=timezone.now() - KEPT).order_by("at")


def _done_callbacks() -> QuerySet[Endpoint]:
    """Of requests that were closed so long ago that nothing of them is kept."""
    kept = Delivery.objects.filter(endpoint=OuterRef("pk"))
    closed = Endpoint.objects.filter(request__closed_at__lt=timezone.now() - KEPT)
    return closed.filter(~Exists(kept)).order_by("pk")
