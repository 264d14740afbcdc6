import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("approvals", "0028_imported_drafts_move")]

    operations = [
        migrations.DeleteModel(name="ImportedDraft"),
        migrations.RemoveConstraint(model_name="version", name="one_draft_per_process"),
        migrations.AlterField(
            model_name="version",
            name="published_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
    ]
