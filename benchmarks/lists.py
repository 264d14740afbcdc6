"""What each list page takes in a database as after years: `python -m benchmarks.lists`.

The requests of `benchmarks.grown`, spread over the last year. Times are those of the processor, the least of three. No
page may take more than MOST; one that does makes it fail. `--folder` keeps the database, and takes one that is there.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from benchmarks.reports import DAYS, spread, timed

if TYPE_CHECKING:
    from django.test import Client

REQUESTS = 200_000
MOST = 300  # milliseconds
TURNS = 3
CHUNKS = 3  # of a file: what its beginning takes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--folder", help="of a database that is kept for the next time")
    parser.add_argument("--only", default="", help="pages whose name has this in it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        os.environ |= {
            "PLACET_DATA_DIR": options.folder or temporary,
            "DJANGO_SETTINGS_MODULE": "placet.settings",
        }
        import django

        django.setup()
        from django.test.utils import setup_test_environment

        setup_test_environment()  # answers say what they were rendered with
        _fill(options.requests)
        sys.exit(_measured(options.only))


def _fill(requests: int) -> None:
    from django.core.management import call_command

    from benchmarks import grown
    from placet.approvals.models import Request

    call_command("migrate", verbosity=0)
    if not Request.objects.exists():
        grown.grow(requests, people_in_all=min(grown.PEOPLE, requests))
        spread()
    _count()


def _count() -> None:
    """What reports count: lists of what became of requests are filtered by it."""
    from placet.reports import work

    for day in work.due(DAYS):
        work.work(day)


def _measured(only: str) -> int:
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["*"]
    slow = 0
    print(f"{'page':<52}{'ms':>6}{'kB':>7}{'requests':>10}")
    for name, run in _pages():
        if only not in name:
            continue
        run()
        took = min(timed(run) for _turn in range(TURNS)) * 1000
        size, listed = run()
        print(
            f"{name:<52}{took:>6.0f}{size / 1000:>7.0f}{listed if listed is not None else '':>10}", flush=True
        )
        slow += took > MOST
    print(f"{slow} pages take more than {MOST} ms" if slow else f"no page takes more than {MOST} ms")
    return int(slow > 0)


def _pages() -> Iterator[tuple[str, Callable[[], tuple[int, int | None]]]]:
    """Each with what opens it: the bytes that came, and how many requests are listed."""
    from django.test import Client
    from django.urls import reverse

    from benchmarks import grown
    from placet.accounts.models import Person
    from placet.approvals import owning
    from placet.approvals.models import Process, Request
    from placet.reports.views import REPORTS

    clients = {}
    owner = Person.objects.get(email=f"p1@{grown.DOMAIN}")
    owning.add_owner(Process.objects.get(key="purchase"), owner)
    for who, email in {"admin": "arthur", "owner": "p1", "asked": "p0"}.items():
        clients[who] = Client()
        clients[who].force_login(Person.objects.get(email=f"{email}@{grown.DOMAIN}"))
    newest, everything = Request.objects.order_by("-pk")[0], reverse("designer:requests")
    for who in ("admin", "owner"):
        for name, query in _filters(newest.pk, newest.created_at.date()).items():
            yield f"All requests, {who}: {name}", partial(_listed, clients[who], f"{everything}?{query}")
        for file in ("requests_csv", "events_csv"):
            yield f"{file}, {who}", partial(_begun, clients[who], reverse(f"designer:{file}"))
        yield f"Processes, {who}", partial(_opened, clients[who], reverse("designer:processes"))
        yield f"Waiting for me, {who}", partial(_opened, clients[who], reverse("portal:home"))
    yield "Waiting for me, whom most waits for", partial(_opened, clients["asked"], reverse("portal:home"))
    for name in ("mine", "decided"):
        yield f"{name}, admin", partial(_opened, clients["admin"], reverse(f"portal:{name}"))
    yield "reports", partial(_opened, clients["admin"], reverse("reports:home"))
    for one in REPORTS:
        yield f"reports, {one.key}", partial(_opened, clients["admin"], f"{reverse(one.address)}?days=365")


def _filters(newest: int, today: Any) -> dict[str, str]:
    from benchmarks import grown
    from placet.designer.request_now import TURNS

    week = f"from={today - timedelta(days=100)}&to={today - timedelta(days=94)}"
    year = f"from={today - timedelta(days=364)}&to={today}"
    of_process, deep = "process=purchase", f"after={newest // 2}"
    plain = {
        "all": "", "oldest first": "order=old", "running": "state=open", "withdrawn": "state=withdrawn",
        "approved": "result=approved", "overdue": "overdue=on", "older than 90 days": "older=90",
        "of somebody": f"requester=p1@{grown.DOMAIN}", "wait for somebody": f"asked=p0@{grown.DOMAIN}",
        "a rare word": f"q={grown.RARE[77]}", "a common word": f"q={grown.COMMON[0]}",
        "a week": week, "ended in a week": f"when=ended&{week}", "deadline in a week": f"when=missed&{week}",
        "ran at the end of a week": f"when=ran&{week}", "a year": year, "ended in a year": f"when=ended&{year}",
        "of a process": of_process, "in a step": f"{of_process}&step=manager",
        "rejected": f"{of_process}&result=rejected",
        "of an age": "state=open&older=31-", "stuck": "trouble=stuck", "late, nobody else": "trouble=unanswered",
        "stuck in a step": f"{of_process}&state=open&step=manager&trouble=stuck",
        **{f"wait for somebody: {turn}": f"asked=p0@{grown.DOMAIN}&turn={turn}" for turn in TURNS},
        "answered by mail": "happened=channel:mail", "approved at once": "happened=at_once",
        "sent back twice": "happened=rounds:2", "by a delegate": "happened=delegates",
        "late in a step": f"{of_process}&happened=late:manager",
        "answered by mail, ended in a week": f"happened=channel:mail&when=ended&{week}",
        "answered by mail, ended in a year": f"happened=channel:mail&when=ended&{year}",
        "approved, never sent back, in a year": f"happened=rounds:0&when=ended&state=ended&result=approved&{year}",
        "took a day": "time=worked&least=1+d", "took anything": "time=calendar&least=0+min",
        "a day in a step, ended in a year": f"{of_process}&when=ended&time=waited:manager&least=1+d&{year}",
        "a field": f"{of_process}&field=item&how=has&value=zzz",
        "amounts": f"{of_process}&field=amount&how=above&value=1",
        "ended in a week, approved": f"{of_process}&when=ended&state=ended&result=approved&{week}",
    }  # fmt: skip
    return plain | {f"{name}, deep": f"{query}&{deep}" for name, query in plain.items()}


def _opened(browser: "Client", address: str) -> tuple[int, int | None]:
    answer = browser.get(address)
    assert answer.status_code == 200, address
    return len(answer.content), None


def _listed(browser: "Client", address: str) -> tuple[int, int | None]:
    answer = browser.get(address)
    assert answer.status_code == 200, address
    return len(answer.content), len(answer.context["rows"])


def _begun(browser: "Client", address: str) -> tuple[int, int | None]:
    """The first bytes of a file."""
    answer: Any = browser.get(address)
    size = sum(len(piece) for piece in islice(answer.streaming_content, CHUNKS))
    answer.close()
    return size, None


if __name__ == "__main__":
    main()
