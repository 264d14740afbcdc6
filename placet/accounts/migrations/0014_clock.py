from django.db import migrations, models

import placet.lib.clock


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_process_owners"),
    ]

    # Only what a new row begins with is another function: the tables stay as they are.
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="calendar",
                    name="created_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="calendarversion",
                    name="created_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="delegation",
                    name="created_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="installation",
                    name="created_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="person",
                    name="created_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
            ]
        )
    ]
