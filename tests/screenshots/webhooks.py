"""Other systems and chats that are told of requests: one whose server was away for a while, and a chat."""

from datetime import timedelta

from django.utils import timezone

from placet.accounts.models import Person
from placet.approvals.models import Process, Request
from placet.webhooks import announcing, endpoints
from placet.webhooks.endpoints import Wanted
from placet.webhooks.models import Attempt, Delivery, Endpoint, Event

ERP = "https://erp.contoso.example/hooks/placet"
TOO_BUSY = "erp.contoso.example did not take the message: it answered 503."


def told_elsewhere(ada: Person, request: Request) -> tuple[Delivery, Endpoint]:
    """A delivery that was tried three times, and the chat of the process."""
    kept, _ = endpoints.make(Wanted(ERP, "ERP: bookings", events=["request.ended", "request.withdrawn"]), ada)
    endpoints.switch_off(kept, Endpoint.Disabled.FAILING)
    webhook, _ = endpoints.make(
        Wanted("https://n8n.contoso.example/webhook/7f3a", processes=["purchase"]), ada
    )
    wanted = Wanted(
        "https://hooks.slack.com/services/T0/B0/x", "The channel of purchasing", ["request.ended"]
    )
    chat = endpoints.make_chat(Process.objects.get(key="purchase"), Endpoint.Kind.SLACK, wanted, ada)
    _happened(webhook, request)
    delivery = Delivery.objects.filter(endpoint=webhook).latest("pk")
    now = timezone.now()
    for number, pause in enumerate((306, 300, 1)):
        Attempt.objects.create(
            delivery=delivery,
            at=now - timedelta(seconds=pause),
            status=None if number == 1 else 503,
            milliseconds=20_004 if number == 1 else 41,
            error="erp.contoso.example did not answer in time." if number == 1 else TOO_BUSY,
            answer="" if number == 1 else '{"error": "maintenance"}',
        )
    tried = {"tries": 3, "last_status": 503, "last_error": TOO_BUSY, "due": now + timedelta(minutes=30)}
    Delivery.objects.filter(pk=delivery.pk).update(**tried)
    Endpoint.objects.filter(pk=webhook.pk).update(failing_since=now - timedelta(seconds=306), failures=2)
    delivery.refresh_from_db()
    return delivery, chat


def _happened(webhook: Endpoint, request: Request) -> None:
    """What stands in the request's record, as events; all but the newest were taken."""
    announcing._write(request, request.audit.order_by("seq"), [webhook])
    newest = Event.objects.filter(request=request).latest("sequence")
    Delivery.objects.filter(endpoint=webhook).exclude(event=newest).update(
        state=Delivery.State.SENT, tries=1, last_status=200
    )
