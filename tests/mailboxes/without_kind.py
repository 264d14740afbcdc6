"""What is left of Placet where the folder of a kind of mailbox is gone, in a process for each: printed as JSON.

    python -m tests.mailboxes.without_kind WORLDS

WORLDS: a file with JSON, a list of {folder, kind, package, data_dir}: `package` is where a copy of `placet` without
that folder lies, `data_dir` an installation with tables. What others wrote is loaded once, before the processes part;
of Placet nothing is. See `test_without_kinds.py`.
"""

import argparse
import importlib
import json
import os
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any

#: Of what Placet loads, that which takes its time.
OF_OTHERS = (
    "allauth", "cryptography.x509", "django.test.runner", "httpx2", "icalendar", "imapclient", "lxml.html", "mcp",
    "mjml", "pydantic_settings", "requests", "starlette", "structlog", "uvicorn", "yaml",
)  # fmt: skip
ADDRESS = "approvals@contoso.example"
WITHOUT_A_PAGE = ("square_logo",)  # nothing there, as long as nobody gave a logo
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


def commanded(name: str, *words: str) -> str:
    """What a command says that cannot do what it is asked for."""
    from placet.cli import CommandError

    command = importlib.import_module(f"placet.commands.{name}")
    parser = argparse.ArgumentParser()
    try:
        command.add_arguments(parser)
        command.run(parser.parse_args(words))
    except CommandError as error:
        return str(error)
    return ""


def typed(*words: str) -> str:
    """What `placet` writes."""
    from placet.cli import main as placet

    with redirect_stdout(StringIO()) as written, redirect_stderr(written), suppress(SystemExit):
        placet(words)
    return written.getvalue()


def pages() -> dict[str, Any]:
    """Those of Administration that need no row, by name: status; and those of the mailbox and of a new one."""
    from django.test import Client
    from django.test.utils import setup_test_environment
    from django.urls import URLPattern, reverse

    from placet.accounts.addresses import add_person
    from placet.mailboxes.models import Mailbox
    from placet.panel import urls

    setup_test_environment()
    client = Client()
    client.force_login(add_person("Ada", "ada@contoso.example", administrator=True))
    named = [pattern for pattern in urls.urlpatterns if isinstance(pattern, URLPattern)]
    names = [one.name for one in named if "<" not in str(one.pattern) and one.name not in WITHOUT_A_PAGE]
    page = client.get(reverse("panel:mailbox", args=[Mailbox.objects.get().pk]))
    return {
        "statuses": {name: client.get(reverse(f"panel:{name}")).status_code for name in names},
        "mailbox": page.content.decode(),
        "new": client.get(reverse("panel:new_mailbox")).content.decode(),
    }


def look(folder: str, kind: str) -> dict[str, Any]:
    """All of it, where `placet` lies without the folder."""
    import django

    django.setup()
    unloaded = list(needing(folder))
    return {
        "needing": unloaded,
        "used": worked_with(kind),
        "checked": commanded("check"),
        "entra": typed("entra", "--yes"),
        "help": typed("--help"),
        **pages(),
    }


def parted(world: dict[str, str]) -> int:
    """The process that looks at one of them and prints it, as a line. It ends here."""
    process = os.fork()
    if process:
        return process
    os.environ["PLACET_DATA_DIR"] = world["data_dir"]
    sys.path.insert(0, world["package"])
    print(json.dumps({world["folder"]: look(world["folder"], world["kind"])}))
    sys.exit(0)


def main(worlds: Sequence[dict[str, str]]) -> int:
    for name in OF_OTHERS:
        importlib.import_module(name)
    assert not [name for name in sys.modules if name.partition(".")[0] == "placet"]
    codes = [os.waitstatus_to_exitcode(os.waitpid(parted(world), 0)[1]) for world in worlds]
    return max(codes, key=abs)


if __name__ == "__main__":
    sys.exit(main(json.loads(Path(sys.argv[1]).read_text())))
