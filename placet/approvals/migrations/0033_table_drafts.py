import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import placet.lib.clock


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0032_why_stuck"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="TableDraft",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.SlugField(unique=True)),
                ("name", models.CharField(max_length=200)),
                ("hits", models.CharField(choices=[("first", "First"), ("every", "Every")], max_length=10)),
                ("columns", models.JSONField()),
                ("rows", models.JSONField()),
                ("begun_from", models.PositiveIntegerField(default=0)),
                ("revision", models.PositiveIntegerField(default=1)),
                ("at", models.DateTimeField(default=placet.lib.clock.now)),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ["key"]},
        ),
    ]
