from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mailboxes", "0008_kinds"),
    ]

    operations = [
        migrations.AddField(
            model_name="mailbox",
            name="stamps",
            field=models.JSONField(default=dict),
        ),
    ]
