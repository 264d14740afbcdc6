import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0009_who_is_asked"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuthorityTable",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.SlugField(unique=True)),
                ("name", models.CharField(max_length=200)),
            ],
            options={
                "ordering": ["key"],
            },
        ),
        migrations.CreateModel(
            name="TableVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("hits", models.CharField(choices=[("first", "First"), ("every", "Every")], max_length=10)),
                ("columns", models.JSONField()),
                ("rows", models.JSONField()),
                ("published_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "table",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="approvals.authoritytable",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="TableMatch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("line", models.PositiveSmallIntegerField()),
                ("rows", models.JSONField()),
                (
                    "visit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="table_matches",
                        to="approvals.visit",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="matches",
                        to="approvals.tableversion",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.AddConstraint(
            model_name="tableversion",
            constraint=models.UniqueConstraint(
                fields=("table", "number"), name="one_table_version_per_number"
            ),
        ),
        migrations.AddConstraint(
            model_name="tablematch",
            constraint=models.UniqueConstraint(fields=("visit", "line"), name="one_table_match_per_line"),
        ),
    ]
