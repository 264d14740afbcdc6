"""What reports count, kept by process and day. It can all be counted again from the requests themselves, and is
(`placet.reports.work`): nothing else rests on it."""

from django.db import models

from placet.accounts.models import Person
from placet.approvals.models import Process


class CountedDay(models.Model):
    """A day whose requests were counted. Days are those of the organisation's time zone."""

    day = models.DateField(primary_key=True)
    zone = models.CharField(max_length=64)  # by which it began and ended
    counted_at = models.DateTimeField()
    took = models.FloatField()  # seconds
    is_final = models.BooleanField(default=False)  # it is over, and so is all that may come in late

    class Meta:
        ordering = ["day"]


class DaySums(models.Model):
    """Sums of one process over one day. What ended on it is counted on it with all that ever happened to it, so a
    request is in one day alone. Its forms: `placet.reports.sums.Sums`."""

    process = models.ForeignKey(Process, on_delete=models.CASCADE, related_name="day_sums", db_index=False)
    day = models.DateField()
    started = models.PositiveIntegerField(default=0)
    missed = models.PositiveIntegerField(default=0)  # deadlines that passed on this day
    ended = models.JSONField(default=dict)
    durations = models.JSONField(default=dict)
    steps = models.JSONField(default=dict)
    passes = models.JSONField(default=dict)
    answers = models.JSONField(default=dict)
    rules = models.JSONField(default=dict)
    requests = models.JSONField(default=dict)  # trait (`placet.designer.traits`) → how many requests have it

    class Meta:
        constraints = [models.UniqueConstraint(fields=["process", "day"], name="one_sum_per_process_and_day")]
        indexes = [models.Index(fields=["day", "process"], name="day_sums_by_day")]


class Standing(models.Model):
    """How a process stood when it was looked at last: what is open."""

    process = models.OneToOneField(
        Process, on_delete=models.CASCADE, primary_key=True, related_name="standing"
    )
    taken_at = models.DateTimeField()
    requests = models.PositiveIntegerField()  # that are open
    ages = models.JSONField(default=dict)  # whole days → how many of them
    # Key → {"open", "late", "stuck", "unanswered"}: live visits; "open_in", "stuck_in": requests that have them.
    steps = models.JSONField(default=dict)


class OpenSeats(models.Model):
    """What waits for one person in one process, when it was looked at last. Without a row where per-person figures are
    switched off (`placet.accounts.person_figures`)."""

    process = models.ForeignKey(Process, on_delete=models.CASCADE, related_name="open_seats", db_index=False)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+")
    seats = models.PositiveIntegerField()  # that they can act on
    late = models.PositiveIntegerField()  # of these, behind their deadline
    paused = models.PositiveIntegerField()  # beside them: the requester was asked something
    # In how many requests: they can act, these are late, and paused.
    requests = models.PositiveIntegerField(default=0)
    late_requests = models.PositiveIntegerField(default=0)
    paused_requests = models.PositiveIntegerField(default=0)
    oldest = models.DateTimeField(null=True)  # when they were asked what they can act on the longest

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["process", "person"], name="one_row_of_open_seats_per_person")
        ]
