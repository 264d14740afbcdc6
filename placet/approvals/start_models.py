"""Requests that are started by mail; part of `placet.approvals.models`, where everybody takes them from."""

from django.db import models
from django.db.models import Q

from placet.accounts.models import Person
from placet.approvals.process_models import Process, Version
from placet.lib import clock
from placet.mail.models import IncomingMail, OutgoingMail


class MailedStart(models.Model):
    """A mail that starts a request: at once, or when what it lacks has come. Written by
    `placet.approvals.mailed_starts` only. Its files stay in the mails until the request is made."""

    class State(models.TextChoices):
        LACKING = "lacking"  # its sender was asked for what is missing
        STARTED = "started"
        EXPIRED = "expired"  # what was missing never came

    incoming = models.OneToOneField(IncomingMail, on_delete=models.PROTECT, related_name="mailed_start")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="mailed_starts")
    process = models.ForeignKey(Process, on_delete=models.PROTECT, related_name="+", db_index=False)
    version = models.ForeignKey(Version, on_delete=models.PROTECT, related_name="+")  # whose form it fills
    # By what the same mail is known when it comes again, whatever id the server gives it.
    message_hash = models.CharField(max_length=64, blank=True)  # of its Message-ID; "" where it has none
    # Of all that it says and holds. "" from a day after: the same words are another request then.
    content_hash = models.CharField(max_length=64, blank=True)
    entered = models.JSONField(default=dict)  # by field, as it was written; rows of a table as a list
    files = models.JSONField(default=list)  # {"field", "incoming", "part"} of each
    state = models.CharField(max_length=10, choices=State, default=State.STARTED)
    created_at = models.DateTimeField(default=clock.now)
    due = models.DateTimeField(null=True)  # until when what is missing is waited for
    # Of the mails that asked for it: they have one reply code, kept as a keyed hash.
    code_hash = models.CharField(max_length=64, blank=True)
    outgoing = models.OneToOneField(
        OutgoingMail, null=True, on_delete=models.PROTECT, related_name="mailed_start"
    )  # the newest of them
    request = models.OneToOneField(
        "approvals.Request", null=True, on_delete=models.PROTECT, related_name="mailed_start"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "process", "message_hash"],
                condition=~Q(message_hash=""),
                name="one_start_per_message",
            ),
            models.UniqueConstraint(
                fields=["person", "process", "content_hash"],
                condition=~Q(content_hash=""),
                name="one_start_per_content",
            ),
            models.UniqueConstraint(
                fields=["code_hash"], condition=~Q(code_hash=""), name="one_start_per_code"
            ),
        ]
        indexes = [
            models.Index(fields=["due"], condition=Q(state="lacking"), name="mailed_start_due"),
            models.Index(fields=["person", "created_at"], name="mailed_start_of_person"),
        ]
