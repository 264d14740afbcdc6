"""Mail in and mail out, as rows. Nothing here knows of approvals."""

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q

from placet.accounts.models import Person
from placet.lib import clock
from placet.mail.packing import HeadersField, PackedField
from placet.mailboxes.models import Mailbox


class IncomingMail(models.Model):
    """One mail as the server gave it, kept before anything is judged, and what became of it."""

    class State(models.TextChoices):
        KEPT = "kept"  # waits to be taken in
        HANDLED = "handled"  # its effect is committed: decided, refused or recognised as no answer
        SET_ASIDE = "set_aside"  # could not be handled; an administrator looks at it
        DUPLICATE = "duplicate"  # the server showed a known mail again under another id

    mailbox = models.ForeignKey(Mailbox, on_delete=models.PROTECT, related_name="incoming")
    server_id = models.CharField(max_length=512)
    protocol = models.CharField(
        max_length=10
    )  # the way (`Mailbox.protocol`) through which the server gave that id
    fingerprint = models.CharField(max_length=64)
    same_as = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="shown_again")
    folder = models.CharField(max_length=20)
    received_at = models.DateTimeField(null=True)
    kept_at = models.DateTimeField(default=clock.now)
    raw = PackedField()
    transport_headers = HeadersField(blank=True, default="")
    facts = models.JSONField(
        default=dict
    )  # what the server said beside the mail: item class, sender, voting, size

    state = models.CharField(max_length=12, choices=State, default=State.KEPT)
    due = models.DateTimeField(default=clock.now)  # next try, and the end of a running try's lease
    claim = models.CharField(max_length=32, blank=True)
    tries = models.PositiveIntegerField(default=0)

    result = models.CharField(max_length=40, blank=True)  # "decided", or the key of a refusal
    reason = models.TextField(blank=True)  # the same in words
    verdict = models.JSONField(default=dict)  # what was made of it: subject, sender, proof, answer, words
    handled_at = models.DateTimeField(null=True)
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="replies")
    looked_at = models.DateTimeField(null=True)  # by an administrator, of what they should look at

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mailbox", "server_id"], name="one_row_per_server_id"),
            # The same mail under another id cannot be taken in twice, whatever the code does.
            models.UniqueConstraint(
                fields=["mailbox", "fingerprint"],
                condition=Q(same_as__isnull=True),
                name="one_first_row_per_fingerprint",
            ),
        ]
        # SQLite reads all of `raw` to come to the columns behind it: what lists and counts ask for is in an index.
        # None begins with `state`: SQLite would take it for the work that is due, and sort.
        indexes = [
            models.Index(fields=["due"], condition=Q(state="kept"), name="incoming_due"),
            models.Index(fields=["mailbox", "due"], condition=Q(state="kept"), name="incoming_overdue"),
            models.Index(fields=["-kept_at"], name="incoming_newest"),
            models.Index(fields=["person", "handled_at"], name="incoming_person"),
            models.Index(fields=["looked_at", "state", "result"], name="incoming_look"),
            models.Index(fields=["result"], name="incoming_result"),
            models.Index(fields=["id"], condition=Q(state="kept"), name="incoming_kept"),
            models.Index(fields=["id"], condition=Q(state="set_aside"), name="incoming_set_aside"),
            models.Index(fields=["id"], condition=Q(state="duplicate"), name="incoming_duplicate"),
        ]

    @property
    def receipt_time(self) -> datetime:
        """When the server received it; nothing that the mail says of itself. Where the server did not say, when it was
        kept, which is later."""
        return self.received_at or self.kept_at

    @classmethod
    def from_db(cls, *arguments: Any, **options: Any) -> Self:
        """What is damaged is found when the mail is read, be it the mail or the headers that are kept beside it."""
        mail = super().from_db(*arguments, **options)
        if mail.__dict__.keys() >= {"raw", "transport_headers"}:
            _ = mail.transport_headers
        return mail


class SetAsideCode(models.Model):
    """A reply code in a mail that was set aside: it may be an answer that came in time. Stays when the mail is handled
    after all. In a table of its own, so that none of the mails must be read to find it."""

    incoming = models.ForeignKey(IncomingMail, on_delete=models.PROTECT, related_name="set_aside_codes")
    code_hash = models.CharField(max_length=64, blank=True)  # keyed; "" where it cannot be read: any code

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["code_hash", "incoming"], name="one_row_per_code_set_aside")
        ]


class SignedOnce(models.Model):
    """What a person signed themself (S/MIME, OpenPGP) and a handled mail brought: it counts no second time."""

    mark = models.CharField(max_length=64, unique=True)  # SHA-256 of content, key and time of signing
    incoming = models.OneToOneField(IncomingMail, on_delete=models.PROTECT, related_name="signed_once")
    at = models.DateTimeField(default=clock.now)


class ServerTask(models.Model):
    """What is still to be done to a mail on the server, because the server will not show it again."""

    incoming = models.OneToOneField(IncomingMail, on_delete=models.PROTECT, related_name="server_task")
    action = models.CharField(max_length=20)
    folder = models.CharField(max_length=200, blank=True)  # where to, for a move
    done_at = models.DateTimeField(null=True)
    failed = models.BooleanField(default=False)  # given up after several tries; shown
    due = models.DateTimeField(default=clock.now)
    claim = models.CharField(max_length=32, blank=True)
    tries = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["due"], condition=Q(done_at__isnull=True, failed=False), name="server_task_due"
            ),
            models.Index(fields=["id"], condition=Q(failed=True), name="server_task_failed"),
        ]


class OutgoingMail(models.Model):
    """One mail to one address, written before it is sent."""

    class State(models.TextChoices):
        WAITING = "waiting"
        SENDING = "sending"  # handed to the server; if this stays, the send was cut off
        SENT = "sent"
        FAILED = "failed"  # given up; shown
        UNSURE = "unsure"  # cut off, and nobody can say whether it went out: not repeated by itself; shown

    class Priority(models.IntegerChoices):
        CONFIRMATION = 1
        ASK = 2
        NOTICE = 3

    #: What is not tried any more unless an administrator says so.
    GIVEN_UP = (State.FAILED, State.UNSURE)

    mailbox = models.ForeignKey(Mailbox, on_delete=models.PROTECT, related_name="outgoing")
    kind = models.CharField(max_length=40)
    to = models.EmailField()
    cause = models.CharField(max_length=200)  # what it answers: "incoming:17", "assignment:4", ...
    reference = models.CharField(max_length=32, unique=True)  # found again in Sent Items and in bounces
    message_id = models.CharField(max_length=200, unique=True)
    # The one that the server gave it instead, as Sent Items has it; "" where that is not known, or it kept ours.
    server_message_id = models.CharField(max_length=400, blank=True)
    # The From address that the server put there instead of the mailbox's, as where that is an alias; "" as above.
    server_address = models.CharField(max_length=254, blank=True)
    lookup_due = models.DateTimeField(
        null=True
    )  # when Sent Items is asked for these once more; None: not any more
    lookups = models.PositiveSmallIntegerField(default=0)
    subject = models.CharField(max_length=500)
    raw = PackedField()
    # What replies are held against, of a mail that can be answered (`settings.KEEP_WORDS`). None: nothing was kept, as
    # before there was this; without a default, SQLite need not copy the table for it.
    words = models.BinaryField(null=True)
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.NOTICE)
    created_at = models.DateTimeField(default=clock.now)

    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    due = models.DateTimeField(default=clock.now)
    claim = models.CharField(max_length=32, blank=True)
    tries = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True)  # when it was last handed to the server
    sent_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    bounced_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Never two confirmations of one reply, whatever crashed in between.
            models.UniqueConstraint(fields=["kind", "to", "cause"], name="one_mail_per_cause"),
        ]
        indexes = [
            models.Index(
                fields=["priority", "due"], condition=Q(state__in=["waiting", "sending"]), name="outgoing_due"
            ),
            models.Index(fields=["mailbox", "started_at"], name="outgoing_pace"),
            models.Index(
                fields=["lookup_due"], condition=Q(lookup_due__isnull=False), name="outgoing_lookup_due"
            ),
            models.Index(
                fields=["server_message_id"], condition=~Q(server_message_id=""), name="outgoing_server_id"
            ),
            # As those of IncomingMail; of the two above SQLite does not see that they fit.
            models.Index(fields=["mailbox", "state", "due"], name="outgoing_overdue"),
            models.Index(fields=["state", "bounced_at"], name="outgoing_state"),
            models.Index(fields=["id"], condition=Q(bounced_at__isnull=False), name="outgoing_bounced"),
            models.Index(fields=["cause"], name="outgoing_cause"),
        ]

    @property
    def message_ids(self) -> tuple[str, ...]:
        """By what answers name it, in angle brackets."""
        return tuple(id_ for id_ in (self.message_id, self.server_message_id) if id_)


class MailBlock(models.Model):
    """Old mails that are kept together (`placet.mail.blocks`); the `raw` of each says where in it it is."""

    number = models.BigIntegerField(primary_key=True)  # from 1, in the order in which they were made
    content = models.BinaryField()
    mails = models.PositiveIntegerField()
    # Up to which ids mails were gone through for it and those before it.
    incoming_through = models.BigIntegerField()
    outgoing_through = models.BigIntegerField()
    made_at = models.DateTimeField(default=clock.now)
