"""`placet database archive`: what Placet does by itself with old mails (`placet.mail.archiving`), at once; and the room
that became free given back to the disk."""

import argparse
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from placet.cli import CommandError
from placet.commands.start import say, set_up
from placet.lib.progress import Progress

if TYPE_CHECKING:
    from datetime import datetime

MEGABYTE = 1024 * 1024


def add_arguments(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    archive = actions.add_parser("archive", help="put old mails together, so that they take less room")
    archive.add_argument(
        "--older-than",
        type=int,
        metavar="DAYS",
        help="mails that came before so many days; PLACET_ARCHIVE_MAILS_AFTER_DAYS unless said",
    )
    archive.add_argument(
        "--shrink",
        action="store_true",
        help="give the room that became free back to the disk: SQLite writes its file anew, for which it needs as much "
        "room once more and keeps everybody else waiting",
    )


def run(options: argparse.Namespace) -> int:
    set_up()
    from django.conf import settings
    from django.db import connection

    from placet.lib import clock

    days = settings.PLACET.archive_mails_after_days if options.older_than is None else options.older_than
    if days < 1:
        raise CommandError("Say how old the mails have to be: --older-than DAYS, 1 or more.")
    if options.shrink and connection.vendor != "sqlite":
        raise CommandError("--shrink is for SQLite; PostgreSQL gives room back by VACUUM FULL mail_incomingmail, "
                           "mail_outgoingmail. Nothing was done.")  # fmt: skip
    _archive(clock.now() - timedelta(days=days))
    if options.shrink:
        _shrink()
    return 0


def _archive(before: "datetime") -> None:
    from placet.mail import archiving
    from placet.mail.models import MailBlock

    blocks = MailBlock.objects.count()
    with Progress("Mails gone through", archiving.waiting(before)) as progress:
        while gone_through := archiving.archive(before):
            progress.advance(gone_through)
    made = MailBlock.objects.filter(number__gt=blocks).values_list("mails", flat=True)
    say(f"{sum(made):,} mails were put together in {len(made):,} blocks. Pages show them as before.")


def _shrink() -> None:
    from django.db import connection

    file = Path(str(connection.settings_dict["NAME"]))
    before = file.stat().st_size
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    say(f"{file} had {before / MEGABYTE:,.1f} MB and has {file.stat().st_size / MEGABYTE:,.1f} MB.")
