from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mail", "0005_server_address")]

    operations = [
        migrations.AddIndex(
            model_name="outgoingmail",
            index=models.Index(fields=["cause"], name="outgoing_cause"),
        ),
        migrations.RemoveIndex(model_name="outgoingmail", name="outgoing_lookup"),
        migrations.AddIndex(
            model_name="outgoingmail",
            index=models.Index(
                condition=models.Q(("lookup_due__isnull", False)),
                fields=["lookup_due"],
                name="outgoing_lookup_due",
            ),
        ),
    ]
