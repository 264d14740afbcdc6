from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mail", "0006_indexes"),
    ]

    operations = [
        migrations.AddField(
            model_name="outgoingmail",
            name="words",
            field=models.BinaryField(null=True),
        ),
    ]
