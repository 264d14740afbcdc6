"""A draft that was imported is a draft like any other, and no version of number 0 any more."""

from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def move(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    imported: Any = apps.get_model("approvals", "ImportedDraft")
    draft: Any = apps.get_model("approvals", "ProcessDraft")
    revision: Any = apps.get_model("approvals", "DraftRevision")
    version: Any = apps.get_model("approvals", "Version")
    for old in imported.objects.select_related("version").order_by("pk"):
        new = draft.objects.create(
            process_id=old.version.process_id,
            file_name=old.file_name,
            report=old.report,
            begun_by_id=old.by_id,
            begun_at=old.imported_at,
        )
        revision.objects.create(draft=new, number=1, text=old.text, by_id=old.by_id, made_at=old.imported_at)
    imported.objects.all().delete()
    version.objects.filter(published_at__isnull=True).delete()


class Migration(migrations.Migration):
    dependencies = [("approvals", "0027_process_drafts")]

    operations = [migrations.RunPython(move)]
