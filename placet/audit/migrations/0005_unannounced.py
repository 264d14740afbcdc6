from django.db import migrations, models


class Migration(migrations.Migration):
    """A column without a value for the rows that are there: none of them is written, however many there are."""

    dependencies = [
        ("approvals", "0037_definitions_keep_their_order"),
        ("audit", "0004_kept_as_bytes"),
    ]

    operations = [
        migrations.AddField("chainhead", "unannounced", models.PositiveIntegerField(null=True)),
        migrations.AddIndex(
            "chainhead",
            models.Index(
                fields=["request"],
                condition=models.Q(("unannounced__isnull", False)),
                name="chain_head_unannounced",
            ),
        ),
    ]
