from typing import Any

from django.db import migrations, models


def rename_the_setting(old: str, new: str) -> Any:
    def rename(apps: Any, _schema: Any) -> None:
        Mailbox = apps.get_model("mailboxes", "Mailbox")  # noqa: N806 - a model
        for mailbox in Mailbox.objects.only("settings"):
            if old in mailbox.settings:
                settings = dict(mailbox.settings)
                settings[new] = settings.pop(old)
                mailbox.settings = settings
                mailbox.save(update_fields=["settings"])

    return rename


class Migration(migrations.Migration):
    dependencies = [("mailboxes", "0007_removed")]

    operations = [
        migrations.RemoveConstraint("subscription", "one_subscription_to_a_folder"),
        migrations.RenameField("mailbox", "via", "protocol"),
        migrations.RenameField("subscription", "via", "protocol"),
        migrations.AlterField("mailbox", "protocol", models.CharField(default="graph", max_length=10)),
        migrations.AlterField("subscription", "protocol", models.CharField(max_length=10)),
        migrations.AddConstraint(
            "subscription",
            models.UniqueConstraint(
                fields=["mailbox", "protocol", "folder"], name="one_subscription_to_a_folder"
            ),
        ),
        migrations.AlterField("mailbox", "kind", models.CharField(default="exchange-online", max_length=30)),
        migrations.AddField(
            "mailbox", "sending_kind", models.CharField(blank=True, default="", max_length=30)
        ),
        migrations.RunPython(
            rename_the_setting("via", "protocol"), rename_the_setting("protocol", "via"), elidable=False
        ),
    ]
