from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mail", "0005_server_address"),
    ]

    operations = [
        migrations.AddField(
            model_name="outgoingmail",
            name="words",
            field=models.BinaryField(null=True),
        ),
    ]
