"""What happened to a request, in an order that nobody can change unnoticed."""

from django.db import models


class AuditEntry(models.Model):
    """One link of a request's chain. Written by `placet.audit.chain` only; never changed or deleted."""

    request = models.ForeignKey("approvals.Request", on_delete=models.PROTECT, related_name="audit")
    seq = models.PositiveIntegerField()  # 1, 2, 3, ... within the request
    at = models.DateTimeField()
    who = models.CharField(max_length=320)  # "person:12", "system", "mail"
    what = models.JSONField()  # {"event": "decided", ...}
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "seq"], name="one_audit_entry_per_seq")]
        ordering = ["request_id", "seq"]


class ChainHead(models.Model):
    """Where a request's chain ends, so that entries missing at its end are noticed too."""

    request = models.OneToOneField(
        "approvals.Request", on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    seq = models.PositiveIntegerField()
    hash = models.CharField(max_length=64)
