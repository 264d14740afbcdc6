from django.db import migrations, models

import placet.lib.clock


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0029_versions_are_published"),
    ]

    # Only what a new row begins with is another function: the tables stay as they are.
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="absence",
                    name="changed_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="ask",
                    name="created_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="assignment",
                    name="created_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="attachment",
                    name="created_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="calltask",
                    name="due",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="decision",
                    name="at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="delegate",
                    name="created_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="draft",
                    name="saved_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="draftrevision",
                    name="made_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="notified",
                    name="created_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="processdraft",
                    name="begun_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="request",
                    name="created_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="signal",
                    name="created_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="tableversion",
                    name="published_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="version",
                    name="published_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
                migrations.AlterField(
                    model_name="visit",
                    name="opened_at",
                    field=models.DateTimeField(default=placet.lib.clock.now),
                ),
            ]
        )
    ]
