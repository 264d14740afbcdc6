from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_general_and_language")]

    operations = [migrations.AddField("installation", "private_targets", models.JSONField(default=list))]
