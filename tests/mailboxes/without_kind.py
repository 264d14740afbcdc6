"""What is left of Placet where the folder of a kind of mailbox is gone, in a process of its own: printed as JSON.

    PYTHONPATH=COPY:… python -m tests.mailboxes.without_kind FOLDER KIND

`placet` is a copy without that folder, and the installation has tables. See `test_without_kinds.py`.
"""

import argparse
import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from typing import Any

import django

ADDRESS = "approvals@contoso.example"
#: What runs on PostgreSQL alone, and says so when it is loaded.
OF_POSTGRESQL = ("placet.web", "placet.work_shared", "placet.workers.nudges")


def needing(folder: str) -> Iterator[str]:
    """Names of the modules that cannot be loaded without it."""
    import placet

    for module in pkgutil.walk_packages(placet.__path__, "placet.", onerror=lambda _name: None):
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            if f"placet.mailboxes.{folder}" not in str(error):
                raise
            yield module.name
        except (SystemExit, RuntimeError) as refusal:
            assert module.name in OF_POSTGRESQL, refusal


def worked_with(kind: str) -> str:
    """What is said to an administrator where a stored mailbox of this kind is to be used."""
    from placet.mailboxes import pool
    from placet.mailboxes.base import FixNeeded
    from placet.mailboxes.models import Mailbox

    mailbox = Mailbox.objects.create(kind=kind, address=ADDRESS, active=True, settings={"username": ADDRESS})
    try:
        with pool.opened(mailbox):
            return ""
    except FixNeeded as error:
        return f"{error.cause} {error.cure}"


def checked() -> str:
    """What `placet check` says of it."""
    from placet.cli import CommandError
    from placet.commands import check

    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    try:
        check.run(parser.parse_args([]))
    except CommandError as error:
        return str(error)
    return ""


def shown() -> tuple[int, str]:
    """Status and text of the page of its settings."""
    from django.test import Client
    from django.test.utils import setup_test_environment
    from django.urls import reverse

    from placet.accounts.addresses import add_person
    from placet.mailboxes.models import Mailbox

    setup_test_environment()
    client = Client()
    client.force_login(add_person("Ada", "ada@contoso.example", password="correct horse", administrator=True))
    page = client.get(reverse("panel:mailbox", args=[Mailbox.objects.get().pk]))
    return page.status_code, page.content.decode()


def main() -> None:
    folder, kind = sys.argv[1:]
    django.setup()
    found: dict[str, Any] = {"needing": list(needing(folder)), "used": worked_with(kind)}
    if "placet.commands.check" not in found["needing"]:
        found["checked"] = checked()
    if "placet.panel.urls" not in found["needing"]:
        found["status"], found["page"] = shown()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
