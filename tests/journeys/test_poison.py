"""One mail that a firewall or Exchange does not let through holds up no other, and is shown."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest
import requests

from placet.mail.models import IncomingMail, ServerTask
from placet.mailboxes.models import Mailbox
from placet.replies import entry
from tests.journeys.conftest import World, close_connections

BOTH_WAYS = True

pytestmark = pytest.mark.django_db


class Firewall:
    """Stands between Placet and the sandbox, and answers 502 or a page where a mail it dislikes is asked for, by
    whatever way."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.dislikes: set[str] = set()  # server ids
        self.answer = (502, b"<html><body>Bad gateway</body></html>")

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
        asked = set(re.findall(rb'ItemId Id="([^"]+)"', body)) if b"GetItem" in body else set()
        asked |= set(re.findall(rb"/messages/([^/?]+)", unquote(path).encode())) if method == "GET" else set()
        if asked & {id_.encode() for id_ in self.dislikes}:
            return self.answer[0], "text/html", self.answer[1]
        kept = {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}
        answer = requests.request(method, f"{self.target}{path}", data=body, headers=kept, timeout=30)
        return answer.status_code, answer.headers.get("Content-Type", ""), answer.content


HOP_BY_HOP = ("connection", "content-length", "accept-encoding")


@contextmanager
def running(firewall: Firewall) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = dict(self.headers.items())
            status, kind, answer = firewall.forward(self.command, self.path, headers, body)
            self.send_response_only(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_PATCH = do_DELETE = do_POST

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def firewall(world: World) -> Iterator[Firewall]:
    firewall = Firewall(world.sandbox.url)
    with running(firewall) as url:
        mailbox = Mailbox.objects.get()
        mailbox.settings["server_address"] = url
        mailbox.save(update_fields=["settings"])
        yield firewall
        close_connections()


def replies(world: World, count: int) -> list[str]:
    """Server ids of approvals that wait in the mailbox."""
    for number in range(count):
        _, mail = world.asked(item=f"Item {number}")
        world.sandbox.reply_as("bob", mail.id, "approve")
    return [world.id_of(mail) for mail in world.sandbox.mails("approvals")]


@pytest.mark.parametrize(
    "answer", [(502, b"<html>Bad gateway</html>"), (200, b"<html>Blocked<br></html>"), (403, b"Blocked")]
)
def test_a_mail_that_a_firewall_holds_back_stops_no_other(
    world: World, firewall: Firewall, answer: tuple[int, bytes]
) -> None:
    ids = replies(world, 3)
    firewall.dislikes, firewall.answer = {ids[1]}, answer
    for _ in range(3):
        world.poll()
    world.take_in()
    assert world.decisions() == [("Bob", "approve")] * 2
    assert IncomingMail.objects.get(server_id=ids[1]).facts["unread"]
    (later,) = set(replies(world, 1)) - {*ids}
    world.poll()
    assert IncomingMail.objects.filter(server_id=later).exists()
    firewall.dislikes = set()
    world.run_until_quiet()
    assert len(world.decisions()) == 4
    assert Mailbox.objects.get().trouble == {}


def test_a_mail_that_never_comes_is_set_aside_and_stays_in_the_inbox(
    world: World, firewall: Firewall
) -> None:
    (id_,) = replies(world, 1)
    firewall.dislikes = {id_}
    for _ in range(3):
        world.poll()
    for _ in range(entry.MOST_TRIES):
        world.take_in()
    row = IncomingMail.objects.get()
    assert row.state == IncomingMail.State.SET_ASIDE
    assert "HTTP 502" in row.reason
    world.run()
    assert not ServerTask.objects.exists()
    assert [world.id_of(mail) for mail in world.sandbox.mails("approvals")] == [id_]
    firewall.dislikes = set()
    assert entry.handle_again(row.pk)
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]


def test_a_firewall_that_answers_everything_is_no_mails_fault(world: World, firewall: Firewall) -> None:
    ids = replies(world, 2)
    firewall.dislikes = {ids[0]}
    for _ in range(3):
        world.poll()
    assert IncomingMail.objects.get(server_id=ids[0]).facts["unread"]
    target, firewall.target = firewall.target, f"{firewall.target}/nothing"
    for _ in range(2 * entry.MOST_TRIES):
        world.poll()
        world.take_in()
    row = IncomingMail.objects.get(server_id=ids[0])
    assert (row.state, row.tries) == (IncomingMail.State.KEPT, 0)
    assert Mailbox.objects.get().trouble
    firewall.target, firewall.dislikes = target, set()
    world.run_until_quiet()
    assert len(world.decisions()) == 2
