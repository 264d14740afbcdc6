"""Mailboxes that were looked into a moment ago, administrators, and a webhook receiver: a real server on loopback."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from placet import work
from placet.accounts import general
from placet.accounts.addresses import add_person
from placet.accounts.models import Person
from placet.accounts.targets import private_targets
from placet.alarms import chosen
from placet.mailboxes.models import Mailbox
from tests.making import make_mailbox


@dataclass
class Receiver:
    """A webhook that notes what it gets. It answers with the statuses in `answers`, then with 200."""

    url: str = ""
    got: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)  # the same, as they came
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    location: str = ""
    more: dict[str, str] = field(default_factory=dict)  # headers of each answer
    text: bytes = b""  # of each answer
    hold: threading.Event | None = None  # no answer before it is set


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append(json.loads(body))
            receiver.bodies.append(body)
            receiver.headers.append(dict(self.headers.items()))
            receiver.paths.append(self.path)
            if receiver.hold is not None:
                receiver.hold.wait(60)
            self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
            if receiver.location:
                self.send_header("Location", receiver.location)
            for name, value in receiver.more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(receiver.text)))
            self.end_headers()
            self.wfile.write(receiver.text)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def allow(url: str) -> None:
    """Somebody put it on the list of private addresses that may be called."""
    target = url.partition("://")[2]
    general.save({"private_targets": [*private_targets(), target]}, by=1)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def hook(receiver: Receiver, db: None) -> Receiver:
    """The receiver, as an administrator entered it."""
    allow(receiver.url)
    chosen.save(minutes=30, address=f"{receiver.url}/services/T0/its-secret-part", by=1)
    return receiver


START = datetime.fromisoformat("2026-11-26T08:00:00+00:00")


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as clock:
        yield clock


def looked_into(mailbox: Mailbox) -> None:
    """A look succeeded just now."""
    Mailbox.objects.filter(pk=mailbox.pk).update(last_poll_at=timezone.now(), trouble={}, paused_until=None)


@pytest.fixture
def mailbox(clock: time_machine.Traveller, db: None) -> Mailbox:
    mailbox = make_mailbox(client_id="535fb089-9ff3-47b6-9bfb-4f1264799865")
    Mailbox.objects.update(active_since=START - timedelta(days=10))
    looked_into(mailbox)
    mailbox.refresh_from_db()
    return mailbox


@pytest.fixture
def other(mailbox: Mailbox) -> Mailbox:
    """A second mailbox that works."""
    other = make_mailbox("second@contoso.example")
    Mailbox.objects.filter(pk=other.pk).update(active_since=START - timedelta(days=10))
    looked_into(other)
    other.refresh_from_db()
    return other


@pytest.fixture
def eve(db: None) -> Person:
    """A second administrator, who reads French."""
    eve = add_person("Ève Admin", "eve@contoso.example", administrator=True)
    eve.language = "fr"
    eve.save()
    return eve


def run(*names: str) -> int:
    """Work what is due of these kinds, as the runner does; how many rows were worked."""
    return sum(work.run_once(kind) for kind in work.kinds() if kind.name in names)
