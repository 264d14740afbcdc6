"""Requests are listed by the channel of an answer under another key: all days are counted anew, and views of people that
are filtered by it say the new one."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_BEFORE, _NOW = "happened=door%3A", "happened=channel%3A"
_LONGEST_QUERY = 2000


def count_all_anew(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for name in ("CountedDay", "DaySums"):
        apps.get_model("reports", name).objects.all().delete()
    apps.get_model("designer", "DayTraits").objects.all().delete()


def rename_in_views(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for view in apps.get_model("designer", "SavedView").objects.filter(query__contains=_BEFORE):
        view.query = view.query.replace(_BEFORE, _NOW)
        if len(view.query) <= _LONGEST_QUERY:
            view.save(update_fields=["query"])


class Migration(migrations.Migration):
    dependencies = [
        ("designer", "0004_day_traits"),
        ("reports", "0002_requests_of_figures"),
    ]

    operations = [
        migrations.RunPython(count_all_anew, migrations.RunPython.noop),
        migrations.RunPython(rename_in_views, migrations.RunPython.noop),
    ]
