from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mailboxes", "0002_active_since")]

    operations = [
        migrations.AddField("mailbox", "secret_expires_on", models.DateField(null=True)),
    ]
