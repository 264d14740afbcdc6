from typing import Any

from django.db import migrations, models

from placet.accounts.name_index import NAMES


def make(_apps: Any, _schema: Any) -> None:
    NAMES.make()


def drop(_apps: Any, _schema: Any) -> None:
    NAMES.drop()


class Migration(migrations.Migration):
    atomic = False  # filled in batches; where it is interrupted, it begins anew

    dependencies = [("accounts", "0004_private_targets")]

    operations = [
        migrations.AddIndex(
            model_name="person", index=models.Index(fields=["name", "id"], name="person_in_order")
        ),
        migrations.RunPython(make, drop),
    ]
