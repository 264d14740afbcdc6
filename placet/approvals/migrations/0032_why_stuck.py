from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("approvals", "0031_draft_revisions_know_what_they_were_made_of")]

    operations = [migrations.AddField("visit", "why", models.JSONField(default=dict))]
