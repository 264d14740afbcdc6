from typing import Any

from django.db import migrations

from placet.accounts.name_index import NAMES


def make(_apps: Any, _schema: Any) -> None:
    NAMES.make()


def drop(_apps: Any, _schema: Any) -> None:
    NAMES.drop()


class Migration(migrations.Migration):
    atomic = False  # filled in batches; where it is interrupted, it begins anew

    dependencies = [("accounts", "0004_private_targets")]

    operations = [migrations.RunPython(make, drop)]
