from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mail", "0005_server_address")]

    operations = [
        migrations.AddIndex(
            model_name="outgoingmail",
            index=models.Index(fields=["cause"], name="outgoing_cause"),
        ),
    ]
