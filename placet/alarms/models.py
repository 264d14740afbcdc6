"""Alarms as rows: what was chosen, when a mailbox was out, what the webhook was told, where mail does not arrive."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from placet.lib.fields import SecretsField
from placet.lib.ids import uuid7
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox

DEFAULT_MINUTES = 30


class AlarmSettings(models.Model):
    """One row: what an administrator chose (`placet.alarms.chosen`), and how Placet has been watching."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    minutes = models.PositiveIntegerField(default=DEFAULT_MINUTES)
    secrets = SecretsField(default=dict)  # the webhook's address: many are keys to a channel themselves
    looked_at = models.DateTimeField(null=True)  # the last look at the mailboxes
    awake_since = models.DateTimeField(null=True)  # since when one look has followed the other

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_row_of_alarm_settings")]


class Outage(models.Model):
    """One time that no look into a mailbox succeeded for too long, or that it could not send while it was read."""

    class Ended(models.TextChoices):
        WORKS = "works"  # a look succeeded, or a mail went out
        OFF = "off"  # the mailbox was switched off; from when it is on again, time is counted anew

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="outages")
    of_sending = models.BooleanField(default=False)  # of the kind that only sends for it
    # The last look that succeeded, or when the mailbox was switched on; of sending, the first failure.
    since = models.DateTimeField()
    began_at = models.DateTimeField(default=timezone.now)  # when the alarm was raised
    over_at = models.DateTimeField(null=True)
    ended = models.CharField(max_length=10, choices=Ended, blank=True)

    class Meta:
        constraints = [
            # One alarm an outage, however many workers look.
            models.UniqueConstraint(
                fields=["mailbox", "of_sending"],
                condition=Q(over_at__isnull=True),
                name="one_open_outage_of_each_half",
            ),
        ]
        indexes = [models.Index(fields=["over_at"], name="outage_over")]


class Delivery(models.Model):
    """One message to the webhook, written before it is sent."""

    class What(models.TextChoices):
        ALARM = "alarm"
        OVER = "over"
        TEST = "test"

    class State(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        FAILED = "failed"  # given up; shown

    public_id = models.UUIDField(default=uuid7, unique=True)  # the receiver knows a second copy by it
    outage = models.ForeignKey(Outage, null=True, on_delete=models.CASCADE, related_name="deliveries")
    what = models.CharField(max_length=10, choices=What)
    body = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)

    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    due = models.DateTimeField(default=timezone.now)  # next try, and the end of a running try's lease
    claim = models.CharField(max_length=32, blank=True)
    tries = models.PositiveIntegerField(default=0)
    tried_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["outage", "what"], name="one_delivery_per_outage_and_what"),
        ]
        indexes = [
            models.Index(fields=["due"], condition=Q(state="waiting"), name="delivery_due"),
        ]


class DoubtfulAddress(models.Model):
    """An address that a mail of ours came back from: in doubt until a mail that tries it came back, too, or did not
    (`placet.alarms.dead_addresses`). The row goes with the doubt."""

    address = models.EmailField(unique=True)  # lower case
    since = models.DateTimeField(
        default=timezone.now
    )  # the first mail came back, or somebody had it tried again
    returned = models.ForeignKey(
        OutgoingMail, on_delete=models.PROTECT, related_name="+"
    )  # the newest of them
    status = models.CharField(max_length=20, blank=True)  # of its report (RFC 3463); "" where it has none
    probe = models.ForeignKey(OutgoingMail, null=True, on_delete=models.PROTECT, related_name="+")
    dead_at = models.DateTimeField(null=True)
    due = models.DateTimeField()  # when it is looked at next

    class Meta:
        indexes = [models.Index(fields=["due", "id"], name="doubtful_address_due")]
