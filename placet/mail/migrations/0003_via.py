from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mail", "0002_looked_at_and_counts")]

    operations = [
        # What was kept before came through Exchange Web Services.
        migrations.AddField(
            "incomingmail", "via", models.CharField(default="ews", max_length=10), preserve_default=False
        ),
    ]
