"""Processes, their versions and drafts; part of `placet.approvals.models`, where everybody takes them from."""

from django.db import models

from placet.accounts.models import Person
from placet.lib import clock
from placet.lib.fields import HexField, OrderedJSONField


class Process(models.Model):
    """What shall happen; its versions say how."""

    key = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    # Who may change and publish it, beside administrators (`placet.approvals.owning`).
    owners = models.ManyToManyField(Person, related_name="processes", blank=True)
    retired_at = models.DateTimeField(null=True)  # since when nobody starts it any more
    # Whose calls ask by it, each with a definition of its own (`placet.approvals.ad_hoc`); None: people write it.
    asked_by = models.OneToOneField(Person, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Version(models.Model):
    """One definition of a process, as it was published. Immutable (`placet.approvals.processes`)."""

    process = models.ForeignKey(Process, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    definition = OrderedJSONField()  # steps and branches stand in the order of the text
    text = models.TextField(
        blank=True
    )  # the YAML that it was published from; empty: it was none, or not kept
    published_at = models.DateTimeField(default=clock.now)
    published_by = models.ForeignKey(Person, null=True, on_delete=models.SET_NULL, related_name="+")
    # Of what a call said, by which the next one that says the same finds it; None: people published it.
    call_digest = HexField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["process", "number"], name="one_version_per_number"),
            models.UniqueConstraint(fields=["process", "call_digest"], name="one_version_per_call"),
        ]


class ProcessDraft(models.Model):
    """What a process may become: worked on until it is published (`placet.approvals.drafts`). Each change of its text
    is a revision."""

    process = models.OneToOneField(Process, on_delete=models.CASCADE, related_name="draft")
    based_on = models.ForeignKey(  # what it began as; None: nothing was published
        Version, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.PositiveIntegerField(default=1)  # the number of the revision that counts
    file_name = models.CharField(max_length=200, blank=True)  # of another program, which it was made of
    report = models.JSONField(default=list)  # of that import: kind, place and sentence of each line
    # What was found when it was looked at last, for pages that list drafts (`placet.approvals.drafts`).
    problems = models.PositiveIntegerField(
        default=0
    )  # that keep the revision that counts from being published
    failing = models.JSONField(default=list)  # names of its test cases that failed
    failing_at = models.PositiveIntegerField(default=0)  # the number of the revision that they were run with
    begun_by = models.ForeignKey(Person, null=True, on_delete=models.SET_NULL, related_name="+")
    begun_at = models.DateTimeField(default=clock.now)

    @property
    def text(self) -> str:
        """The definition in YAML, as it is now."""
        return self.revisions.get(number=self.at).text


class DraftRevision(models.Model):
    """The text of a draft at one time. Immutable."""

    draft = models.ForeignKey(ProcessDraft, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    made_of = models.PositiveIntegerField(default=0)  # the number of the one before it; 0: it is the first
    text = models.TextField()  # YAML, with comments; it may be anything that its author has yet to put right
    change = models.CharField(max_length=200, blank=True)  # what was changed, as a sentence
    by = models.ForeignKey(Person, null=True, on_delete=models.SET_NULL, related_name="+")
    made_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["draft", "number"], name="one_draft_revision_per_number")
        ]
