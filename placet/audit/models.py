"""What happened to a request, or to the installation, in an order that nobody can change unnoticed."""

from django.db import models
from django.db.models import Q


class AuditEntry(models.Model):
    """One link of a chain: a request's, or the installation's own. Written by `placet.audit.chain` only; never changed
    or deleted."""

    # None: of the installation
    request = models.ForeignKey(
        "approvals.Request", null=True, on_delete=models.PROTECT, related_name="audit"
    )
    seq = models.PositiveIntegerField()  # 1, 2, 3, ... within the chain
    at = models.DateTimeField()
    who = models.CharField(max_length=320)  # "person:12", "system", "mail", "command line (root)"
    what = models.JSONField()  # {"event": "decided", ...}
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "seq"], name="one_audit_entry_per_seq"),
            # For the one above, no two entries without a request are of the same chain.
            models.UniqueConstraint(
                fields=["seq"], condition=Q(request__isnull=True), name="one_installation_entry_per_seq"
            ),
        ]
        ordering = ["request_id", "seq"]


class ChainHead(models.Model):
    """Where a request's chain ends, so that entries missing at its end are noticed too."""

    request = models.OneToOneField(
        "approvals.Request", on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    seq = models.PositiveIntegerField()
    hash = models.CharField(max_length=64)


class InstallationHead(models.Model):
    """The same of the installation's chain: one row, with the id 1, from its first entry on."""

    seq = models.PositiveIntegerField()
    hash = models.CharField(max_length=64)
