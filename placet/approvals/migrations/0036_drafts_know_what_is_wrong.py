from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("approvals", "0035_reassigned")]

    operations = [
        migrations.AddField("processdraft", "problems", models.PositiveIntegerField(default=0)),
        migrations.AddField("processdraft", "failing", models.JSONField(default=list)),
        migrations.AddField("processdraft", "failing_at", models.PositiveIntegerField(default=0)),
    ]
