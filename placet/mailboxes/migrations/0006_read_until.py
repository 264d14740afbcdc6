from typing import Any

from django.db import migrations, models


def begin_of_a_list_is_not_known(apps: Any, _schema: Any) -> None:
    """A cursor from before may stand in the middle of a list, and nobody noted when that began: until when it was read
    is said after the next one."""
    Mailbox = apps.get_model("mailboxes", "Mailbox")  # noqa: N806 - a model
    for mailbox in Mailbox.objects.only("cursor"):
        if mailbox.cursor:
            mailbox.cursor = {**mailbox.cursor, "sync_began": ""}
            mailbox.save(update_fields=["cursor"])


class Migration(migrations.Migration):
    dependencies = [("mailboxes", "0005_subscriptions")]

    operations = [
        migrations.AddField("mailbox", "read_until", models.DateTimeField(null=True)),
        migrations.RunPython(begin_of_a_list_is_not_known, migrations.RunPython.noop),
    ]
