"""What a call of the API takes beside the least that one can be: `python -m benchmarks.api`.

A bare Django view and Django REST Framework have one table of as many rows, and a key to be looked up
(`peers.api_worker`). All three take turns, without a network; times are those of the processor. Placet's answers say
far more: where each request stands, who was asked, what they decided, and only what the key's person may see.

Then the whole list is paged through: the last page must not take longer than the first (`LONGER`), and no request may
come twice or be left out.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REQUESTS = 200_000
TURNS = 5
CALLS = {"get": 40, "list": 20, "create": 10}  # of each in a turn
PACKAGES = ("Django==5.2.19", "djangorestframework==3.18.3")
KINDS = {"bare": "bare Django view", "drf": "Django REST Framework"}
A_PAGE = 25
STEP = 100  # requests of a page while the list is walked through
LONGER = 1.5  # times the first page, at most
_WORKER = Path(__file__).parent / "peers" / "api_worker.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--no-peers", action="store_true", help="Placet alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        os.environ |= {"PLACET_DATA_DIR": str(folder / "placet"), "DJANGO_SETTINGS_MODULE": "placet.settings"}
        (folder / "placet").mkdir()
        calls = _placet(options.requests)
        peers = {} if options.no_peers else stack.enter_context(_peers(folder, options.requests))
        _compared(calls, peers)
        sys.exit(_walked(calls, options.requests))


# --- Placet -----------------------------------------------------------------------------------------------


@dataclass
class Calls:
    """Calls of Placet's API, without a network."""

    client: Any
    one: str  # the address of a request
    key: str
    sent: int = 0
    seen: list[str] = field(default_factory=list)

    def get(self) -> Any:
        return self._must(self.client.get(self.one), 200)

    def list(self) -> Any:
        return self._must(self.client.get("/api/v1/requests", {"limit": 20}), 200)

    def create(self) -> Any:
        self.sent += 1
        data = {"item": "A chair", "amount": 125, "reason": "The old one broke."}
        body = {"process": "purchase", "data": data}
        headers = {"Idempotency-Key": f"benchmark-{self.sent}"}
        answer = self.client.post("/api/v1/requests", body, content_type="application/json", headers=headers)
        return self._must(answer, 201)

    def page(self, address: str) -> Any:
        return self._must(self.client.get(address), 200)

    def _must(self, answer: Any, status: int) -> Any:
        if answer.status_code != status:
            raise SystemExit(f"Answered with {answer.status_code}: {answer.content[:500]!r}")
        return json.loads(answer.content)


def _placet(requests: int) -> Calls:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.test import Client

    from benchmarks import grown
    from benchmarks.reports import spread
    from placet.accounts.models import Person
    from placet.api import keys, limits
    from placet.approvals.models import Request

    settings.ALLOWED_HOSTS = ["*"]
    call_command("migrate", verbosity=0)
    grown.grow(requests, people_in_all=min(grown.PEOPLE, requests))
    spread()
    limits.MOST_CALLS = 10**9
    scopes = ["requests:read", "requests:write"]
    _key, text = keys.make(Person.objects.get(is_administrator=True), "Benchmark", scopes, by=None)
    middle = Request.objects.order_by("pk")[requests // 2]
    client = Client(headers={"Authorization": f"Bearer {text}"})
    return Calls(client, f"/api/v1/requests/{middle.public_id}", text)


# --- others -----------------------------------------------------------------------------------------------


@contextmanager
def _peers(folder: Path, rows: int) -> Iterator[dict[str, "subprocess.Popen[str]"]]:
    from benchmarks.reading.peers import (
        NotInstalled,
        Peer,
        install,
    )  # the first import sets settings, where none are

    try:
        install(Peer("api", PACKAGES), folder)
    except NotInstalled as why:
        print(f"Others are left out, because they cannot be installed: {why}")
        yield {}
        return
    python = str(folder / "venv" / "bin" / "python")
    with ExitStack() as stack:
        peers = {}
        for kind, name in KINDS.items():
            (folder / kind).mkdir()
            command = [python, "-I", str(_WORKER), kind, str(folder / kind), str(rows)]
            process = stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            stack.callback(process.kill)
            peers[f"{name} {_line(process)}"] = process
        yield peers


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        raise RuntimeError("One of the others ended.")
    return line


def _of_peer(process: "subprocess.Popen[str]", name: str, times: int) -> float:
    assert process.stdin is not None
    process.stdin.write(f"{name} {times}\n")
    process.stdin.flush()
    return float(_line(process))


def _compared(calls: Calls, peers: "dict[str, subprocess.Popen[str]]") -> None:
    took: dict[tuple[str, str], list[float]] = {}
    own: dict[str, Callable[[], Any]] = {"get": calls.get, "list": calls.list, "create": calls.create}
    for run in own.values():
        run()
    for _turn in range(TURNS):
        for name, times in CALLS.items():
            took.setdefault(("Placet", name), []).append(_processor(own[name], times))
            for peer, process in peers.items():
                took.setdefault((peer, name), []).append(_of_peer(process, name, times))
    print(f"{'ms of the processor a call':<34}" + "".join(f"{name:>9}" for name in CALLS))
    for peer in ("Placet", *peers):
        values = [statistics.median(took[peer, name]) * 1000 for name in CALLS]
        print(f"{peer:<34}" + "".join(f"{value:9.2f}" for value in values))


def _processor(run: Callable[[], Any], times: int) -> float:
    begun = time.process_time()
    for _time in range(times):
        run()
    return (time.process_time() - begun) / times


# --- from the first page to the last one -------------------------------------------------------------------


def _walked(calls: Calls, requests: int) -> int:
    """1 if the last page takes longer than it may, or the pages are not the list."""
    first = f"/api/v1/requests?limit={A_PAGE}"
    address: str | None = f"/api/v1/requests?limit={STEP}"
    seen: set[str] = set()
    before = last = first
    many = 0
    while address:
        page = calls.page(address)
        many += len(page["items"])
        seen |= {one["id"] for one in page["items"]}
        before, last = last, address
        address = page["next"]
    deep = before.replace(f"limit={STEP}", f"limit={A_PAGE}")
    beginning, end = _in_turns(lambda: calls.page(first), lambda: calls.page(deep))
    of = many // A_PAGE
    print(f"page 1 of {of}: {beginning:.1f} ms; one of the last: {end:.1f} ms ({end / beginning:.2f} times)")
    whole = len(seen) == many >= requests
    print(f"{many} requests on all pages, {many - len(seen)} of them twice")
    return int(end > LONGER * beginning or not whole)


def _in_turns(*runs: Callable[[], Any]) -> list[float]:
    """The least of each, in milliseconds."""
    took = [[_processor(run, 3) * 1000 for run in runs] for _turn in range(TURNS)]
    return [min(times) for times in zip(*took, strict=True)]


if __name__ == "__main__":
    main()
