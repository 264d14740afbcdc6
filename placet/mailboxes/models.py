"""The mailboxes of an installation."""

from django.db import models
from django.utils import timezone

from placet.lib.fields import SecretsField
from placet.mailboxes.kinds import FIRST

LONGEST_BY = 320  # characters of who did something, as the log names them
LONGEST_ID = 512  # characters of a subscription's id


class PresentMailboxes(models.Manager["Mailbox"]):
    """Those that were not removed."""

    def get_queryset(self) -> models.QuerySet["Mailbox"]:
        return super().get_queryset().filter(removed_at=None)


class Mailbox(models.Model):
    """One mailbox that requests are sent from and answers come to.

    `settings` are what the Remote Approval tab shows (`placet.mailboxes.settings`); `secrets` are encrypted
    and leave this row only towards the host they were entered for.
    """

    name = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=30, default=FIRST)  # a key of `kinds`
    sending_kind = models.CharField(max_length=30, blank=True, default="")  # "": the same one sends
    protocol = models.CharField(max_length=10, default="graph")  # how its server names mails
    address = models.EmailField(unique=True)  # whose mailbox it is; the Username of the settings
    settings = models.JSONField(default=dict)
    secrets = SecretsField(default=dict)
    secret_set_at = models.DateTimeField(null=True)
    secret_set_by = models.CharField(max_length=320, blank=True)
    secret_expires_on = models.DateField(null=True)  # as an administrator said; None where nobody did

    active = models.BooleanField(default=False)
    active_since = models.DateTimeField(null=True)  # when it was last switched on
    since = models.DateTimeField(null=True)  # mail received before this is never looked at
    # Its row stays, because what it received and sent does; its secrets do not (`placet.mailboxes.removal`).
    removed_at = models.DateTimeField(null=True)
    removed_by = models.CharField(max_length=320, blank=True, default="")
    sandbox = models.BooleanField(default=False)  # the local stand-in, which refuses to run beside a real one
    #: {"profile": what an administrator confirmed of its server's stamps, "trial": a test that is not confirmed yet}
    stamps = models.JSONField(default=dict)
    cursor = models.JSONField(default=dict)  # how far the server's changes were kept
    read_until = models.DateTimeField(
        null=True
    )  # what the server received until then is kept (`placet.mailboxes.progress`); None: not known

    next_poll = models.DateTimeField(
        null=True, db_index=True
    )  # due time, and the end of a running poll's lease
    claim = models.CharField(max_length=32, blank=True)
    noticed = models.BooleanField(default=False)  # the server told of something since the last poll began
    paused_until = models.DateTimeField(
        null=True
    )  # the server asked for patience, or something must be fixed
    failures = models.PositiveIntegerField(default=0)  # of the whole mailbox, in a row
    #: {"cause", "cure", "details", "at", "fix_needed"} of the last failure, {"since"} of the first one in a row
    trouble = models.JSONField(default=dict)
    # Where another kind sends, the three above are of what receives, these of what sends (`placet.mailboxes.halves`).
    sending_paused_until = models.DateTimeField(null=True)
    sending_failures = models.PositiveIntegerField(default=0)
    sending_trouble = models.JSONField(default=dict)
    last_poll_at = models.DateTimeField(null=True)  # the last one that succeeded
    last_sent_at = models.DateTimeField(null=True)

    objects = models.Manager()
    present = PresentMailboxes()

    #: What a rest is, of both halves.
    RESTS = (
        "paused_until", "failures", "trouble", "sending_paused_until", "sending_failures", "sending_trouble",
    )  # fmt: skip

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name

    def end_rests(self) -> None:
        """Whatever was wrong may be right now, so it is tried at once. Not saved yet: RESTS."""
        self.paused_until, self.failures, self.trouble = None, 0, {}
        self.sending_paused_until, self.sending_failures, self.sending_trouble = None, 0, {}


class RotatedRefreshToken(models.Model):
    """The newest refresh token of one consent, where the server replaces it (`refresh_tokens`). The first one is among
    the mailbox's secrets."""

    mailbox = models.ForeignKey(Mailbox, models.CASCADE, related_name="rotated_refresh_tokens")
    origin = models.CharField(max_length=64)  # digest of the first one, and of whom it is for
    secrets = SecretsField(default=dict)  # {} as long as the first one is the newest
    rotated_at = models.DateTimeField(null=True)
    claim = models.CharField(max_length=32, blank=True)  # of whoever asks with it just now
    claimed_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["mailbox", "origin"], name="one_newest_refresh_token_of_a_consent"
            )
        ]

    def __str__(self) -> str:
        return f"of mailbox {self.mailbox_id}"


class Subscription(models.Model):
    """What the server tells of by itself. Where it calls us there is a row for each folder, kept up by its kind
    (`push.subscriptions`); where we listen there is one, kept by whoever listens (`push.listeners`)."""

    mailbox = models.ForeignKey(Mailbox, models.CASCADE, related_name="subscriptions")
    protocol = models.CharField(max_length=10)
    folder = models.CharField(max_length=10, blank=True)  # "" where one subscription is to all of them
    server_id = models.CharField(
        max_length=LONGEST_ID, blank=True, db_index=True
    )  # "" as long as there is none
    state_hash = models.CharField(
        max_length=64, blank=True
    )  # keyed, of the secret that the server sends along
    made_with = models.CharField(max_length=64, blank=True)  # digest of what it was made with; "" to be ended
    expires_at = models.DateTimeField(null=True)
    since = models.DateTimeField(null=True)  # from when on it has worked without a break
    last_notice_at = models.DateTimeField(null=True)

    due = models.DateTimeField(default=timezone.now)  # next care, and the end of a claim's lease
    claim = models.CharField(max_length=32, blank=True)
    failures = models.PositiveIntegerField(default=0)  # in a row
    trouble = models.JSONField(default=dict)  # {"cause", "cure", "at"} of the last failure

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["mailbox", "protocol", "folder"], name="one_subscription_to_a_folder"
            )
        ]

    def __str__(self) -> str:
        return f"{self.protocol} {self.folder} of mailbox {self.mailbox_id}".replace("  ", " ")
