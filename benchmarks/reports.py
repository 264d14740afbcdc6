"""How long counting takes, and each page of reports, in a database as after years: `python -m benchmarks.reports`.

The requests of `benchmarks.grown` are spread over the last year, and there are sums of as many other processes as an
organisation may have. Times are those of the processor.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

REQUESTS, PROCESSES, DAYS = 200_000, 30, 365


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"PLACET_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "placet.settings"}
        import django

        django.setup()
        measure(options.requests)


def measure(requests: int) -> None:
    from django.conf import settings
    from django.core.management import call_command
    from django.test import Client
    from django.urls import reverse

    from benchmarks import grown
    from placet.accounts.models import Person
    from placet.reports import work
    from placet.reports.views import REPORTS

    settings.ALLOWED_HOSTS = ["*"]
    call_command("migrate", verbosity=0)
    grown.grow(requests, people_in_all=min(grown.PEOPLE, requests))
    spread()
    today, *before = work.due(DAYS)
    print(f"counting today {timed(lambda: work.work(today)):.2f} s")
    print(f"counting {len(before)} days before {timed(lambda: [work.work(day) for day in before]):.1f} s")
    other_processes()
    browser = Client()
    browser.force_login(Person.objects.get(email=f"arthur@{grown.DOMAIN}"))
    addresses = {"home": reverse("reports:home")}
    addresses |= {
        f"{one.key}, {days} days": f"{reverse(one.address)}?days={days}"
        for one in REPORTS
        for days in (90, DAYS)
    }
    for name, address in addresses.items():
        browser.get(address)
        took = min(timed(partial(browser.get, address)) for _n in range(3))
        print(f"{name}: {took * 1000:.0f} ms, {len(browser.get(address).content) / 1000:.0f} kB")


def timed(run: Callable[[], object]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def spread() -> None:
    """Over the days of a year: each copy stands as long as its pattern did, and some hours more."""
    from django.db import connection
    from django.utils import timezone

    from placet.approvals.models import Decision, Request, Visit

    now = timezone.now()
    requests = {
        row[0]: timedelta(days=row[0] * 7919 % DAYS, hours=row[0] % 24)
        for row in Request.objects.values_list("pk").iterator()
    }
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE approvals_request SET created_at = %s, "
            "closed_at = CASE WHEN closed_at IS NULL THEN NULL ELSE %s END WHERE id = %s",
            [
                (_as_kept(now - ago - timedelta(hours=1 + pk % 90)), _as_kept(now - ago), pk)
                for pk, ago in requests.items()
            ],
        )  # fmt: skip
        for model, of, columns in (
            (Visit, "request_id", ("opened_at", "closed_at")),
            (
                Decision,
                "(SELECT v.request_id FROM approvals_assignment a JOIN approvals_visit v ON v.id = a.visit_id "
                "WHERE a.id = assignment_id)",
                ("at",),
            ),
        ):
            table = model._meta.db_table
            given = ("created_at", "closed_at") if len(columns) > 1 else ("closed_at",)
            for column, source in zip(columns, given, strict=True):
                cursor.execute(
                    f"UPDATE {table} SET {column} = COALESCE((SELECT r.{source} FROM approvals_request r "
                    f"WHERE r.id = {of}), {column})"
                )


def _as_kept(moment: datetime) -> str:
    """By SQLite."""
    return str(moment.replace(tzinfo=None))


def other_processes() -> None:
    """With the same sums."""
    from placet.approvals.models import Process
    from placet.reports.models import DaySums

    sums = list(DaySums.objects.all())
    for number in range(PROCESSES):
        process = Process.objects.create(key=f"other-{number}", name=f"Other {number}")
        for one in sums:
            one.pk, one.process = None, process
        DaySums.objects.bulk_create(sums, batch_size=500)


if __name__ == "__main__":
    main()
