"""Authority tables, their versions and drafts; part of `placet.approvals.models`, where everybody takes them from."""

from django.db import models

from placet.accounts.models import Person
from placet.lib import clock


class AuthorityTable(models.Model):
    """Who may approve what, kept outside of processes; its versions say who."""

    key = models.SlugField(unique=True)
    name = models.CharField(max_length=200)

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name


class TableVersion(models.Model):
    """The rows of a table. Immutable (`placet.approvals.authority`)."""

    class Hits(models.TextChoices):
        FIRST = "first"  # of the rows that fit, the first one counts
        EVERY = "every"  # all of them

    table = models.ForeignKey(AuthorityTable, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    hits = models.CharField(max_length=10, choices=Hits)
    columns = models.JSONField()  # {"name", "kind"} of each
    rows = models.JSONField()  # texts of cells, in the order of the columns
    published_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["table", "number"], name="one_table_version_per_number")
        ]


class TableDraft(models.Model):
    """A table as it is edited on pages, before it is published as the next version (`authority_drafts`): one for each
    key, of everybody who may edit it. Its cells are kept as they were typed, also where they say nothing yet."""

    key = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    hits = models.CharField(max_length=10, choices=TableVersion.Hits)
    columns = models.JSONField()  # as those of a version
    rows = models.JSONField()
    begun_from = models.PositiveIntegerField(default=0)  # the number of the version that it was; 0: of none
    revision = models.PositiveIntegerField(default=1)  # each change counts one more
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")  # who changed it last
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name
