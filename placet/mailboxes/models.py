"""The mailboxes of an installation."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from placet.lib.fields import SecretsField


class Mailbox(models.Model):
    """One mailbox that requests are sent from and answers come to.

    `settings` are what the Remote Approval tab shows (`placet.mailboxes.settings`); `secrets` are encrypted
    and leave this row only towards the host they were entered for.
    """

    class Kind(models.TextChoices):
        EXCHANGE_ONLINE = "exchange-online", _("Exchange Online - Modern Authentication")

    class Via(models.TextChoices):
        EWS = "ews", _("Exchange Web Services")

    name = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=30, choices=Kind, default=Kind.EXCHANGE_ONLINE)
    via = models.CharField(max_length=10, choices=Via, default=Via.EWS)
    address = models.EmailField(unique=True)  # whose mailbox it is; the Username of the settings
    settings = models.JSONField(default=dict)
    secrets = SecretsField(default=dict)
    secret_set_at = models.DateTimeField(null=True)
    secret_set_by = models.CharField(max_length=320, blank=True)
    secret_expires_on = models.DateField(null=True)  # as an administrator said; None where nobody did

    active = models.BooleanField(default=False)
    active_since = models.DateTimeField(null=True)  # when it was last switched on
    since = models.DateTimeField(null=True)  # mail received before this is never looked at
    sandbox = models.BooleanField(default=False)  # the local stand-in, which refuses to run beside a real one
    cursor = models.JSONField(default=dict)  # how far the server's changes were kept

    next_poll = models.DateTimeField(
        null=True, db_index=True
    )  # due time, and the end of a running poll's lease
    claim = models.CharField(max_length=32, blank=True)
    paused_until = models.DateTimeField(
        null=True
    )  # the server asked for patience, or something must be fixed
    failures = models.PositiveIntegerField(default=0)  # of the whole mailbox, in a row
    trouble = models.JSONField(
        default=dict
    )  # {"cause", "cure", "details", "at", "fix_needed"} of the last failure
    last_poll_at = models.DateTimeField(null=True)  # the last one that succeeded
    last_sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name
