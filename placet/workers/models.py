"""The processes that work on this database."""

from django.db import models
from django.db.models.functions import Now


class Worker(models.Model):
    """A process, as long as it lives. Times are the database's: clocks of machines differ."""

    class Does(models.TextChoices):
        ALL = "all"  # the pages and the work
        WORK = "work"
        PAGES = "pages"

    id = models.CharField(primary_key=True, max_length=12)  # what its claims begin with
    name = models.CharField(max_length=200)  # host and process id
    does = models.CharField(max_length=5, choices=Does, default=Does.ALL)
    version = models.CharField(max_length=40)
    started_at = models.DateTimeField(db_default=Now())
    beat_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["started_at", "id"]

    def __str__(self) -> str:
        return self.name


class Sweep(models.Model):
    """When somebody last looked through all kinds of work. One row: of many workers one looks."""

    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"sweep of {self.at}"
