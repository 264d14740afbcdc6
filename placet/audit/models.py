"""What happened to a request, or to the installation, in an order that nobody can change unnoticed."""

from typing import Any

from django.db import models
from django.db.models import Q

from placet.audit import commitments
from placet.audit.packing import EntryField
from placet.lib.fields import HexField

LONGEST_MAC = 80


class AuditEntry(models.Model):
    """One link of a chain: a request's, or the installation's own. Written by `placet.audit.chain` only; never changed
    or deleted, but for personal values in it that are erased (`chain.erase`)."""

    # None: of the installation. The index of its unique constraint finds the entries of a request.
    request = models.ForeignKey(
        "approvals.Request", null=True, on_delete=models.PROTECT, related_name="audit", db_index=False
    )
    seq = models.PositiveIntegerField()  # 1, 2, 3, ... within the chain
    at = models.DateTimeField()
    who = models.CharField(max_length=320)  # "person:12", "system", "mail", "command line (root)"
    what = EntryField()  # {"event": "decided", ..., "personal": {name: commitment}}
    previous_hash = HexField()
    hash = HexField()
    # "<id of the key>:<MAC>". None: an entry of the first form, from before there were MACs
    mac = HexField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "seq"], name="one_audit_entry_per_seq"),
            # For the one above, no two entries without a request are of the same chain.
            models.UniqueConstraint(
                fields=["seq"], condition=Q(request__isnull=True), name="one_installation_entry_per_seq"
            ),
        ]
        ordering = ["request_id", "seq"]

    def value(self, name: str) -> Any:
        """What the entry says of `name`, be it personal or not. None if it says nothing of it,
        `commitments.ERASED` if it did."""
        personal = self.what.get(commitments.PERSONAL, {})
        return commitments.value_of(personal[name]) if name in personal else self.what.get(name)


class ChainHead(models.Model):
    """Where a request's chain ends, so that entries missing at its end are noticed too."""

    request = models.OneToOneField(
        "approvals.Request", on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    seq = models.PositiveIntegerField()
    hash = HexField()
    mac = HexField(null=True)  # as that of an entry
    # The first entry that other systems were not told of yet (`placet.webhooks`); None: they were of all. Those from
    # before this column count as told of, so no row had to be written for it.
    unannounced = models.PositiveIntegerField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["request"], condition=Q(unannounced__isnull=False), name="chain_head_unannounced"
            )
        ]


class InstallationHead(models.Model):
    """The same of the installation's chain: one row, with the id 1, from its first entry on."""

    seq = models.PositiveIntegerField()
    hash = HexField()
    mac = HexField(null=True)


class Checkpoint(models.Model):
    """What the whole record was on one day (`placet.audit.checkpoints`)."""

    day = models.DateField(unique=True)  # UTC: never two of one day
    text = models.TextField()  # as it is logged and sent
    peaks = models.JSONField()  # what the next one goes on from (`placet.lib.merkle`), hexadecimal
    mac = models.CharField(max_length=LONGEST_MAC)
