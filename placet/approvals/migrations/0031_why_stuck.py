from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("approvals", "0030_clock")]

    operations = [migrations.AddField("visit", "why", models.JSONField(default=dict))]
