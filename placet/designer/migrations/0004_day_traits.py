import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0037_definitions_keep_their_order"),
        ("designer", "0003_shared_views"),
    ]

    operations = [
        migrations.CreateModel(
            name="DayTraits",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("traits", models.JSONField(default=dict)),
                ("times", models.JSONField(default=dict)),
                (
                    "process",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="day_traits",
                        to="approvals.process",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["day", "process"], name="day_traits_by_day")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("process", "day"), name="one_row_of_traits_per_process_and_day"
                    )
                ],
            },
        ),
    ]
