from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("approvals", "0014_imported_drafts")]

    operations = [
        migrations.AddIndex(
            model_name="assignment",
            index=models.Index(
                condition=models.Q(("state", "open")), fields=["created_at"], name="assignment_open_since"
            ),
        ),
    ]
