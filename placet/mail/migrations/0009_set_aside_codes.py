import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mail", "0008_headers_packed")]

    operations = [
        migrations.CreateModel(
            name="SetAsideCode",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code_hash", models.CharField(blank=True, max_length=64)),
                (
                    "incoming",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="set_aside_codes",
                        to="mail.incomingmail",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("code_hash", "incoming"), name="one_row_per_code_set_aside"
                    )
                ],
            },
        ),
    ]
