import django.db.models.deletion
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.http import QueryDict


def name_processes(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Of the views that are there. Whose process is gone shows nothing, and is shared with nobody by itself."""
    processes = dict(apps.get_model("approvals", "Process").objects.values_list("key", "pk"))
    for view in apps.get_model("designer", "SavedView").objects.all():
        view.process_id = processes.get(QueryDict(view.query).get("process", ""))
        view.save(update_fields=["process"])


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0034_days_of_reports"),
        ("designer", "0002_saved_views"),
    ]

    operations = [
        migrations.AddField("savedview", "is_shared", models.BooleanField(default=False)),
        migrations.AddField(
            "savedview",
            "process",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="saved_views",
                to="approvals.process",
            ),
        ),
        migrations.RunPython(name_processes, migrations.RunPython.noop),
    ]
