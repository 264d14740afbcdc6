from typing import Any

from django.db import migrations, models


def mark_who_was_asked_on_the_page_only(apps: Any, _schema: Any) -> None:
    """There was no mailbox when they were asked, and no mail was written since."""
    assignments = apps.get_model("approvals", "Assignment").objects
    assignments.filter(state="open", ask_lines__isnull=True).update(page_only=True)


class Migration(migrations.Migration):
    dependencies = [("approvals", "0004_sent_before_lookups")]

    operations = [
        migrations.AddField(
            model_name="assignment",
            name="page_only",
            field=models.BooleanField(default=False),
        ),
        migrations.AddIndex(
            model_name="assignment",
            index=models.Index(
                condition=models.Q(("page_only", True), ("state", "open")),
                fields=["id"],
                name="assignment_page_only",
            ),
        ),
        migrations.AddIndex(
            model_name="visit",
            index=models.Index(
                condition=models.Q(("state", "stuck")), fields=["opened_at"], name="visit_stuck"
            ),
        ),
        migrations.RemoveIndex(model_name="request", name="request_of_person"),
        migrations.AddIndex(
            model_name="request",
            index=models.Index(fields=["requester", "-id"], name="request_newest_of_person"),
        ),
        migrations.AddIndex(
            model_name="request",
            index=models.Index(
                condition=models.Q(("state", "open")), fields=["requester", "-id"], name="request_running"
            ),
        ),
        migrations.AddIndex(
            model_name="request",
            index=models.Index(
                condition=models.Q(("state", "open")), fields=["version"], name="request_running_by_version"
            ),
        ),
        migrations.RemoveIndex(model_name="assignment", name="assignment_waiting"),
        migrations.AddIndex(
            model_name="assignment",
            index=models.Index(
                condition=models.Q(("state", "open")),
                fields=["person", "id"],
                name="assignment_open_in_order",
            ),
        ),
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(fields=["by_person", "-at", "-id"], name="decision_newest_of_person"),
        ),
        migrations.RunPython(mark_who_was_asked_on_the_page_only, migrations.RunPython.noop),
    ]
