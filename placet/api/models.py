"""Keys of the API, and what was answered to calls that may come twice."""

from django.db import models

from placet.accounts.models import Person
from placet.lib import clock
from placet.lib.fields import HexField, SecretsField


class Key(models.Model):
    """What a program shows to act as a person, within some scopes (`placet.api.keys`)."""

    public = models.CharField(max_length=8, unique=True)  # the part that may be shown and logged
    digest = HexField()  # keyed hash of the whole key
    name = models.CharField(max_length=100)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="api_keys")
    scopes = models.JSONField(default=list)  # values of `keys.Scope`
    processes = models.JSONField(default=list)  # keys of processes that it is limited to; empty: all
    # The weakest proof of who answers that its requests take (`placet.api.floors`); "": as each process says.
    floor = models.CharField(max_length=20, blank=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    # Of the one that this one takes the place of: for a while both are valid.
    replaces = models.OneToOneField("self", null=True, on_delete=models.SET_NULL, related_name="replaced_by")
    secrets = SecretsField(default=dict)  # "signing": what callbacks are signed with
    created_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=clock.now)
    last_used_at = models.DateTimeField(null=True)  # written once a minute at most
    # Calls of the minute that was counted last, those that a process took ahead among them (`placet.api.limits`).
    minute = models.BigIntegerField(default=0)  # since 1970
    calls = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.name} (plc_{self.public}_…)"


class IdempotentCall(models.Model):
    """A call that took effect, with its answer: the same call is answered so again, and does nothing
    (`placet.api.idempotency`). Written in the transaction of its effect."""

    key = models.ForeignKey(Key, on_delete=models.CASCADE, related_name="idempotent_calls")
    idempotency_key = models.CharField(max_length=255)
    body_digest = HexField()  # of the method, the path and the body
    status = models.PositiveSmallIntegerField(null=True)  # None: only inside its transaction
    headers = models.JSONField(default=dict)
    answer = models.TextField(blank=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "idempotency_key"], name="one_effect_per_idempotency_key")
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotent_call_by_time")]
