from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from django.db import migrations

from placet.lib import outward


def allow_what_is_in_use(apps: Any, _schema: Any) -> None:
    """Put on the list what is called already and is not public: from now on nothing else inside the network is."""
    targets: dict[str, None] = {}
    for url in _urls(apps):
        with suppress(ValueError):  # what is no address cannot have been called
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            if parts.hostname and not _is_public(parts.hostname, port):
                targets[outward.named(parts.hostname, port)] = None
    if targets:
        # A row that is made here gets its key check at the start (`placet.accounts.installation`).
        row, _made = apps.get_model("accounts", "Installation").objects.get_or_create(
            id=1, defaults={"key_check": ""}
        )
        row.private_targets = list(dict.fromkeys([*row.private_targets, *targets]))
        row.save(update_fields=["private_targets"])


def _urls(apps: Any) -> Iterator[str]:
    for alarms in apps.get_model("alarms", "AlarmSettings").objects.all():
        yield str(alarms.secrets.get("webhook", ""))
    for mailbox in apps.get_model("mailboxes", "Mailbox").objects.only("settings"):
        scheme = "http" if mailbox.settings.get("security") == "none" else "https"
        yield f"{scheme}://{mailbox.settings.get('server_address', '')}"
        yield str(mailbox.settings.get("token_uri", ""))


def _is_public(host: str, port: int) -> bool:
    """As this machine sees it now. What it cannot resolve at the moment may well lie inside the network."""
    try:
        addresses = outward.addresses_of(host, port)
        outward.check(host, port, addresses, list)
    except (OSError, UnicodeError, outward.NotAllowed):
        return False
    return True


class Migration(migrations.Migration):
    dependencies = [
        ("alarms", "0001_initial"),
        ("accounts", "0004_private_targets"),
        ("mailboxes", "0005_subscriptions"),
    ]

    operations = [migrations.RunPython(allow_what_is_in_use, migrations.RunPython.noop)]
