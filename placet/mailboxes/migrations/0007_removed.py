from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mailboxes", "0006_read_until")]

    operations = [
        migrations.AddField("mailbox", "removed_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "mailbox", "removed_by", models.CharField(blank=True, default="", max_length=320)
        ),
    ]
