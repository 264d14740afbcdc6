"""Where events go, which there were, and what became of each delivery."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from placet.accounts.models import Person
from placet.alarms.chosen import host
from placet.approvals.models import Process, Request
from placet.lib.fields import SecretsField
from placet.lib.ids import uuid7

LONGEST_DESCRIPTION = 200  # characters
URL, SECRET, FORMER_SECRET = "url", "secret", "former secret"  # names among the secrets of an endpoint


class Endpoint(models.Model):
    """An address that events are sent to. Changed by `placet.webhooks.endpoints` and `delivering` only."""

    class Kind(models.TextChoices):
        WEBHOOK = "webhook"  # of another system, for requests of any process
        CALLBACK = "callback"  # for one request, named by whoever started it
        TEAMS = "teams"  # the incoming webhooks of chats, for one process each
        SLACK = "slack"
        MATTERMOST = "mattermost"

    CHATS = (Kind.TEAMS, Kind.SLACK, Kind.MATTERMOST)

    class Disabled(models.TextChoices):
        BY_HAND = "by hand"
        FAILING = "failing"  # nothing was taken for days
        GONE = "gone"  # it answered 410: nobody wants events there any more

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.WEBHOOK)
    description = models.CharField(max_length=LONGEST_DESCRIPTION, blank=True, default="")
    # Whoever knows the address of a chat or of a workflow can write to it, so it is kept as what signs is.
    secrets = SecretsField(default=dict)
    former_until = models.DateTimeField(null=True)  # until when the former secret signs, too
    events = models.JSONField(default=list)  # types of events; []: all
    processes = models.JSONField(default=list)  # keys of processes; []: all
    with_data = models.BooleanField(default=False)  # what was entered and answered, beside ids
    request = models.ForeignKey(
        Request, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    process = models.ForeignKey(Process, null=True, on_delete=models.CASCADE, related_name="chats")
    owner = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    active = models.BooleanField(default=True)
    disabled_at = models.DateTimeField(null=True)
    disabled_why = models.CharField(max_length=10, choices=Disabled, blank=True, default="")
    told_at = models.DateTimeField(null=True)  # when somebody was written to that it is switched off

    due = models.DateTimeField(
        default=timezone.now
    )  # nothing is sent before; the end of a running turn's lease
    claim = models.CharField(max_length=32, blank=True, default="")
    failures = models.PositiveIntegerField(
        default=0
    )  # in a row: its server did not answer, or that it cannot now
    failing_since = models.DateTimeField(null=True)
    is_slow = models.BooleanField(default=False)  # it took its time, the last time

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="callback", request__isnull=False)
                | ~Q(kind="callback") & Q(request__isnull=True),
                name="a_callback_has_a_request",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=("teams", "slack", "mattermost"), process__isnull=False)
                | ~Q(kind__in=("teams", "slack", "mattermost")) & Q(process__isnull=True),
                name="a_chat_has_a_process",
            ),
        ]
        indexes = [
            models.Index(fields=["request"], condition=Q(request__isnull=False), name="callback_of_request"),
            models.Index(fields=["id"], condition=Q(request__isnull=True), name="endpoint_of_many"),
            models.Index(
                fields=["disabled_at"],
                condition=Q(disabled_why__in=("failing", "gone"), told_at__isnull=True),
                name="endpoint_not_told_of",
            ),
        ]
        ordering = ["id"]

    @property
    def url(self) -> str:
        return str(self.secrets.get(URL, ""))

    @property
    def host(self) -> str:
        """As much of the address as may be shown to everybody."""
        return host(self.url)


class Event(models.Model):
    """Something that happened to a request and that somebody wants to be told of; of a test, to none."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    # Without a constraint, which would wait for whoever decides the request while they wait for its head
    # (`placet.webhooks.announcing`).
    request = models.ForeignKey(
        Request, null=True, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    sequence = models.PositiveIntegerField()  # of the entry in the request's record; 0 of a test
    type = models.CharField(max_length=60)
    at = models.DateTimeField()
    data = models.JSONField(default=dict)  # `events.details`

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "sequence"], name="one_event_per_entry"),
        ]
        indexes = [models.Index(fields=["at"], name="event_by_time")]
        ordering = ["id"]

    @property
    def message_id(self) -> str:
        """The same in every try, and for every endpoint."""
        return f"msg_{self.public_id.hex}"


class Delivery(models.Model):
    """One event for one endpoint."""

    class State(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"  # taken: the answer was a 2xx
        FAILED = "failed"  # given up, or not tried because the endpoint was switched off

    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    due = models.DateTimeField(default=timezone.now)  # the next try
    tries = models.PositiveIntegerField(default=0)  # since it was last asked for
    last_status = models.PositiveSmallIntegerField(null=True)  # None: no answer
    last_error = models.TextField(blank=True, default="")
    tried_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "endpoint"], name="one_delivery_per_event_and_endpoint")
        ]
        indexes = [
            models.Index(fields=["endpoint", "id"], name="webhook_deliveries"),
            models.Index(fields=["endpoint", "id"], condition=Q(state="waiting"), name="webhook_waiting"),
            models.Index(fields=["due"], condition=Q(state="waiting"), name="webhook_due"),
            models.Index(fields=["id"], condition=Q(state="failed"), name="webhook_failed"),
        ]
        ordering = ["id"]


class Attempt(models.Model):
    """One try to deliver, as it went."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    milliseconds = models.PositiveIntegerField()
    error = models.TextField(blank=True, default="")
    answer = models.TextField(blank=True, default="")  # its beginning

    class Meta:
        ordering = ["id"]


def secrets_of(url: str, secret: str = "", former: str = "") -> dict[str, Any]:
    """What an endpoint keeps encrypted."""
    named = {URL: url, SECRET: secret, FORMER_SECRET: former}
    return {name: value for name, value in named.items() if value}
