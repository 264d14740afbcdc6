from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.db import migrations, models

LOGINS = {
    "login.microsoftonline.com": ("worldwide",),
    "login.windows.net": ("worldwide",),
    "login.microsoftonline.us": ("gcc_high", "dod"),
    "login.partner.microsoftonline.cn": ("china",),
}
SERVERS = {
    "outlook.office365.com": "worldwide",
    "outlook.office365.us": "gcc_high",
    "outlook-dod.office365.us": "dod",
    "partner.outlook.cn": "china",
}


def cloud_of(settings: Mapping[str, Any]) -> str:
    """The cloud that the stored hosts belong to; "own" where they belong to none, or to two: then none is replaced."""
    login = urlsplit(str(settings.get("token_uri", ""))).hostname or ""
    server = urlsplit(f"//{settings.get('server_address', '')}").hostname or ""
    possible = LOGINS.get(login, ())
    if not possible:
        return "own"
    known = SERVERS.get(server)
    if known is None:  # the organisation's own name for it
        return possible[0]
    return known if known in possible else "own"


def say_way_and_cloud(apps: Any, _schema: Any) -> None:
    """Settings from before there was a choice mean Exchange Web Services, at the hosts that stand in them."""
    Mailbox = apps.get_model("mailboxes", "Mailbox")  # noqa: N806 - a model
    for mailbox in Mailbox.objects.only("settings", "via"):
        mailbox.settings = {**mailbox.settings, "via": "ews", "cloud": cloud_of(mailbox.settings)}
        mailbox.via = "ews"
        mailbox.save(update_fields=["settings", "via"])


class Migration(migrations.Migration):
    dependencies = [("mailboxes", "0003_secret_expires_on")]

    operations = [
        migrations.AlterField(
            "mailbox",
            "via",
            models.CharField(
                choices=[("graph", "Microsoft Graph"), ("ews", "Exchange Web Services")],
                default="graph",
                max_length=10,
            ),
        ),
        migrations.RunPython(say_way_and_cloud, migrations.RunPython.noop),
    ]
