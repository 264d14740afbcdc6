from django.db import migrations, models

import placet.lib.clock


class Migration(migrations.Migration):
    dependencies = [
        ("mail", "0009_set_aside_codes"),
    ]

    # Only what a new row begins with is another function: the tables stay as they are.
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="incomingmail",
                    name="due",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="incomingmail",
                    name="kept_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="outgoingmail",
                    name="created_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="outgoingmail",
                    name="due",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="servertask",
                    name="due",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
            ]
        )
    ]
