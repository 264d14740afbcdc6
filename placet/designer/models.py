"""What owners keep: test cases, which say how a request is to run, and views of all requests."""

from typing import ClassVar

from django.db import models

from placet.accounts.models import Person
from placet.approvals.models import Process
from placet.lib import clock


class TestCase(models.Model):
    """A trial that somebody kept, and what came of it then (`placet.designer.cases`)."""

    __test__: ClassVar[bool] = False  # pytest takes what is called so for tests

    process = models.ForeignKey(Process, on_delete=models.CASCADE, related_name="test_cases")
    name = models.CharField(max_length=100)
    events = models.JSONField()  # as `trying_events.as_json` writes them
    expected = models.JSONField()  # path, who was asked, result: a `trying_shown.Summary`
    by = models.ForeignKey(Person, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["process", "name"], name="one_test_case_of_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class SavedView(models.Model):
    """A filter of all requests with its columns, under a name. It shows nobody a request that they may not see."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=80)
    # That it filters by; None: by none. Its owners see the view where it is shared, administrators any that is.
    process = models.ForeignKey(Process, null=True, on_delete=models.CASCADE, related_name="saved_views")
    is_shared = models.BooleanField(default=False)
    query = models.CharField(max_length=2000)  # as it stands in the address
    saved_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "name"], name="one_saved_view_per_name_and_person")
        ]
        ordering = ["name", "id"]


class DayTraits(models.Model):
    """Requests of one process that ended on one day, by what became of them: what figures of reports count, and lists
    of requests are filtered by (`placet.designer.request_traits`). Reports count the day, and keep this with its sums
    (`placet.reports.work`). Days are those of the organisation's time zone."""

    process = models.ForeignKey(Process, on_delete=models.CASCADE, related_name="day_traits", db_index=False)
    day = models.DateField()
    traits = models.JSONField(default=dict)  # trait → ids of the requests that have it
    times = models.JSONField(default=dict)  # what is measured → minutes, a request's longest → ids

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["process", "day"], name="one_row_of_traits_per_process_and_day")
        ]
        indexes = [models.Index(fields=["day", "process"], name="day_traits_by_day")]
