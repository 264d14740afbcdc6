from typing import Any

from django.db import migrations

from placet.approvals.word_index import WORDS


def make(_apps: Any, _schema: Any) -> None:
    WORDS.make()


def drop(_apps: Any, _schema: Any) -> None:
    WORDS.drop()


class Migration(migrations.Migration):
    atomic = False  # filled in batches; where it is interrupted, it begins anew

    dependencies = [("approvals", "0005_indexes")]

    operations = [migrations.RunPython(make, drop)]
