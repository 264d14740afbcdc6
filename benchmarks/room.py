"""What a decided request takes in the database, by table, index and column. `python -m benchmarks.room --help`

A fresh installation and a sandbox, as in `benchmarks.replies`: requests that a reply decides, each with its ask, the
reply, a confirmation and the note to the requester, all of them sent; first as they are, then with all mails put
together as old ones are (`placet.mail.archiving`). On SQLite the pages of the file are counted after
VACUUM; with `tools/with-postgres` in front of it on PostgreSQL, after VACUUM FULL.
"""

import argparse
import os
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from benchmarks.replies import machine, only_our_settings
from benchmarks.tenant import tenant

SHOWN = 40  # bytes a request: what takes less is not a line of its own
WORK = ("poll", "take_in", "send", "mark", "sent_ids")

Sizes = Mapping[str, int]  # bytes, by name


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
        only_our_settings(options.keep or Path(folder), os.environ.get("PLACET_DATABASE_URL", ""))
        with tenant() as running:
            from benchmarks import seed
            from placet import work
            from placet.mail.models import OutgoingMail

            people = seed.fresh_installation(running, options.way)
            before = _sizes()
            seed.requests(people, options.requests, options.requests)
            OutgoingMail.objects.update(state=OutgoingMail.State.WAITING)
            seed.replies(running, options.requests)
            kinds = {kind.name: kind for kind in work.kinds()}
            for name in WORK:
                while work.run_once(kinds[name]):
                    pass
            _show("a request", before, options.requests)
            _archive()
            _show("a request whose mails are old", before, options.requests)
    print(machine())


def _archive() -> None:
    from django.utils import timezone

    from placet.mail import archiving
    from placet.mail.models import OutgoingMail

    OutgoingMail.objects.filter(state=OutgoingMail.State.WAITING).update(state=OutgoingMail.State.SENT)
    while archiving.archive(timezone.now() + timedelta(days=1)):
        pass


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.room", description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--way", choices=["graph", "ews"], default="graph", help="way to the mailbox")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the installation there")
    return parser.parse_args()


def _show(what: str, before: Sizes, requests: int) -> None:
    after = _sizes()
    added = {name: (size - before.get(name, 0)) / requests for name, size in after.items()}
    print(f"{what + ', bytes':60} {sum(added.values()):10,.0f}")
    for name, size in sorted(added.items(), key=lambda one: -one[1]):
        if size >= SHOWN:
            print(f"  {name:58} {size:10,.0f}")
            for column, length in _columns(name).items():
                if length / requests >= SHOWN:
                    print(f"    {column:56} {length / requests:10,.0f}")


def _sizes() -> Sizes:
    """Of each table and index."""
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM FULL")
            cursor.execute(  # a table with what it keeps apart (TOAST)
                "SELECT relname, pg_table_size(oid) FROM pg_class WHERE relkind IN ('r', 'i') "
                "AND relnamespace = 'public'::regnamespace"
            )
        else:
            cursor.execute("VACUUM")
            cursor.execute("SELECT name, SUM(pgsize) FROM dbstat GROUP BY name")
        return dict(cursor.fetchall())


def _columns(table: str) -> Sizes:
    """What the values of each column of a table take, without what the database writes around them."""
    from django.apps import apps
    from django.db import connection

    models = {model._meta.db_table: model for model in apps.get_models()}
    if table not in models:
        return {}
    columns = [str(field.column) for field in models[table]._meta.concrete_fields]
    size = "pg_column_size({})" if connection.vendor == "postgresql" else "LENGTH(CAST({} AS BLOB))"
    sums = ", ".join(f"COALESCE(SUM({size.format(connection.ops.quote_name(one))}), 0)" for one in columns)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sums} FROM {table}")
        lengths = dict(zip(columns, cursor.fetchone(), strict=True))
    return dict(sorted(lengths.items(), key=lambda one: -one[1]))


if __name__ == "__main__":
    main()
