"""Figures say in how many requests they were counted, and their lists have these: all days are counted anew."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def count_all_anew(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """What was counted before opens nothing: it goes, too."""
    for name in ("CountedDay", "DaySums"):
        apps.get_model("reports", name).objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("designer", "0004_day_traits"),
        ("reports", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="daysums",
            name="requests",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="openseats",
            name="late_requests",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="openseats",
            name="paused_requests",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="openseats",
            name="requests",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.RunPython(count_all_anew, migrations.RunPython.noop),
    ]
