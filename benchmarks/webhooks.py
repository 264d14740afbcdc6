"""Events that a webhook is told of in a second, beside bare posts of the same bytes: `python -m benchmarks.webhooks`

One receiver on loopback, in a process of its own, that keeps connections and answers 204. Requests are started and
withdrawn first; then their events are made of the records, and delivered by one worker: each is looked up, checked
against the right of whoever made the webhook, signed, posted, and what came of it is written. The bare posts are those
of one `requests.Session` that posts what the receiver got, one after the other. All take turns; figures are medians.

`tools/with-postgres python -m benchmarks.webhooks` does so on PostgreSQL.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from placet.accounts.models import Person
    from placet.approvals.models import Version
    from placet.webhooks.models import Endpoint

REQUESTS = 100  # of a turn, with four events each and more
TURNS = 5
_RECEIVER = """
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
    def log_message(self, *words):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.webhooks", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--requests", type=int, default=REQUESTS, help="of each turn")
    parser.add_argument("--turns", type=int, default=TURNS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
        _set_up(Path(folder), os.environ.get("PLACET_DATABASE_URL", ""))
        receiver = subprocess.Popen(
            [sys.executable, "-c", _RECEIVER], stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL
        )
        try:
            assert receiver.stdout is not None
            _measure(f"http://127.0.0.1:{int(receiver.stdout.readline())}/hook", options)
        finally:
            receiver.kill()
            receiver.wait()


def _set_up(folder: Path, database: str) -> None:
    from benchmarks.replies import only_our_settings

    only_our_settings(folder, database)
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _measure(url: str, options: argparse.Namespace) -> None:
    from django.db import connection

    from placet.accounts import general
    from placet.accounts.addresses import add_person
    from placet.approvals.processes import publish
    from placet.commands.process import SAMPLES
    from placet.webhooks import endpoints

    general.save({"private_targets": [url.partition("://")[2].partition("/")[0]]}, by=1)
    admin = add_person("Ada Administrator", "ada@contoso.example", administrator=True)
    manager = add_person("Bob Manager", "bob@contoso.example")
    alice = add_person("Alice Requester", "alice@contoso.example", manager=manager)
    version = publish((SAMPLES / "purchase.yaml").read_text())
    endpoint, _secret = endpoints.make(endpoints.Wanted(url), admin)
    took: dict[str, list[float]] = {"made": [], "delivered": [], "posted": []}
    events = 0
    for _turn in range(options.turns):
        _happen(version, alice, options.requests)
        begun = time.perf_counter()
        _worked("announce")
        made = time.perf_counter()
        _worked("deliver")
        delivered = time.perf_counter()
        bodies = _bodies(endpoint, events)
        events += len(bodies)
        took["made"].append(len(bodies) / (made - begun))
        took["delivered"].append(len(bodies) / (delivered - made))
        took["posted"].append(len(bodies) / _posted(url, bodies))
    each = {what: statistics.median(values) for what, values in took.items()}
    ratio = statistics.median(
        delivered / posted for delivered, posted in zip(took["delivered"], took["posted"], strict=True)
    )
    print(f"{events} events, {connection.vendor}; in a second, by one worker:")
    print(f"made of the records {each['made']:.0f}; delivered {each['delivered']:.0f}")
    print(f"bare posts of the same bytes {each['posted']:.0f}: delivering has {ratio:.2f} of their rate")


def _happen(version: "Version", alice: "Person", requests: int) -> None:
    from placet.approvals import engine

    for number in range(requests):
        entered = {"item": f"Desk {number}", "amount": "125", "reason": "The old one broke."}
        engine.withdraw(engine.start(version, alice, entered).pk, by=alice)


def _worked(name: str) -> None:
    """Until nothing is due any more."""
    from placet import work

    [kind] = [one for one in work.kinds() if one.name == name]
    while work.run_once(kind):
        pass


def _bodies(endpoint: "Endpoint", before: int) -> list[bytes]:
    """What was sent since so many were. SystemExit where something was not taken."""
    from placet.webhooks.bodies import body_of
    from placet.webhooks.models import Delivery

    deliveries = list(
        Delivery.objects.order_by("pk").select_related("event__request__version__process")[before:]
    )
    if lost := [one for one in deliveries if one.state != Delivery.State.SENT]:
        raise SystemExit(f"{len(lost)} of {len(deliveries)} were not delivered: {lost[0].last_error}")
    return [body_of(endpoint, one.event) for one in deliveries]


def _posted(url: str, bodies: list[bytes]) -> float:
    """Seconds."""
    import requests

    begun = time.perf_counter()
    with requests.Session() as session:
        for body in bodies:
            session.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=10)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
