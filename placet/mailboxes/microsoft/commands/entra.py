"""`placet entra`: asks, and prints a script that registers the application. It needs no installation: no database, no
keys, no network.

For that reason nothing here reads the settings of Django, as `placet.commands.start` does; those of an installation
are not looked for when `entra_script` is imported, because there are others by then.
"""

import argparse
import os
import sys
from pathlib import Path

from django.conf import settings

from placet.cli import CommandError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    if not settings.configured:
        settings.configure(USE_I18N=False)  # what is said is said in English
    from placet.mailboxes.microsoft.commands.entra_script.questions import add_options

    add_options(parser)
    parser.epilog = (
        "What is not given is asked. Nothing is run and nothing is sent: read the script before you run it."
    )
    parser.add_argument(
        "--yes", action="store_true", help="ask nothing: take the defaults of what is not given"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write the script there instead of printing it"
    )
    parser.add_argument("--force", action="store_true", help="replace FILE if it is there")


def run(options: argparse.Namespace) -> int:
    from placet.mailboxes.microsoft.commands.entra_script import powershell, shell
    from placet.mailboxes.microsoft.commands.entra_script.answers import POWERSHELL
    from placet.mailboxes.microsoft.commands.entra_script.questions import answered

    answers = answered(options)
    form = powershell if answers.form == POWERSHELL else shell
    if options.output is None:
        sys.stdout.write(form.script(answers))
        sys.stdout.flush()
        return 0
    _write(options.output, form.script(answers), replace=options.force)
    sys.stderr.write(
        f"{options.output} is written. It holds no secret. Read it, then run it: {form.RUN} {options.output}\n"
    )
    return 0


def _write(path: Path, script: str, *, replace: bool) -> None:
    try:
        mode = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replace else os.O_EXCL)
        with os.fdopen(os.open(path, mode, 0o600), "w", encoding="utf-8", newline="\n") as file:
            file.write(script)
    except FileExistsError:
        raise CommandError(f"{path} is there already. Name another file, or add --force.") from None
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
