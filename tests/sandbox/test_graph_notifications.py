"""Change notifications: subscriptions by literal requests, and a receiver of our own that hears of what happens."""

from __future__ import annotations

import json
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from placet.sandbox import Sandbox
from tests.sandbox import wire
from tests.sandbox.graph_wire import IMMUTABLE, Graph, refused
from tests.sandbox.wire import APPROVALS

RESOURCE = f"users/{APPROVALS}/mailFolders('inbox')/messages"
PATIENCE = 60.0  # seconds, on a busy machine


class Receiver(ThreadingHTTPServer):
    """Answers the validation request, and keeps what it is sent."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.asked: list[str] = []
        self.news = threading.Condition()
        self.bad_answers: list[int] = []
        """What it says to the next notifications, before it says 202."""
        self.validate: Any = lambda token: (200, "text/plain", token)

    def url(self, path: str = "notify") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"

    def wait(self, count: int, path: str = "/notify") -> list[dict[str, Any]]:
        """The notifications at this path, once there are so many."""
        end = time.monotonic() + PATIENCE
        with self.news:
            while True:
                found = [one for at, body in self.heard if at == path for one in body["value"]]
                if len(found) >= count or time.monotonic() > end:
                    assert len(found) == count
                    return found
                self.news.wait(0.1)


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        token = urllib.parse.parse_qs(parts.query).get("validationToken")
        if token:
            self.server.asked.append(self.path)
            status, kind, text = self.server.validate(token[0])
        else:
            bad = self.server.bad_answers
            status, kind, text = bad.pop(0) if bad else 202, "text/plain", ""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())
        if not token:
            with self.server.news:
                self.server.heard.append((parts.path, json.loads(body)))
                self.server.news.notify_all()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the test looks at what was heard."""


def soon(happened: Callable[[], bool]) -> None:
    """Wait until this is so."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def all_heard(sandbox: Sandbox) -> bool:
    """Whether the notifier has seen all that has happened."""
    alive = sandbox.graph.subscriptions.notifier.alive()
    return all(one.heard[folder] == len(folder.log) for one in alive for folder in one.folders)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def graph(sandbox: Sandbox) -> Graph:
    return Graph(sandbox)


def in_minutes(minutes: float) -> str:
    return f"{datetime.now(UTC) + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"


def wanted(receiver: Receiver, **more: Any) -> dict[str, Any]:
    return {
        "changeType": "created",
        "notificationUrl": receiver.url(),
        "resource": RESOURCE,
        "expirationDateTime": in_minutes(60),
        "clientState": "secret",
    } | more


def subscribe(
    graph: Graph, receiver: Receiver, headers: dict[str, str] | None = None, **more: Any
) -> dict[str, Any]:
    answer = graph("POST", "subscriptions", wanted(receiver, **more), headers)
    assert answer.status == 201, answer.text
    made: dict[str, Any] = answer.json
    return made


# -- subscriptions ---------------------------------------------------------------------------------------------


def test_a_subscription_is_made_after_its_receiver_has_been_asked(
    sandbox: Sandbox, graph: Graph, receiver: Receiver
) -> None:
    life = receiver.url("lifecycle?x=1")
    made = subscribe(graph, receiver, lifecycleNotificationUrl=life)
    assert made["applicationId"] == sandbox.client_id
    assert (made["changeType"], made["clientState"], made["resource"]) == ("created", "secret", RESOURCE)
    first, second = receiver.asked
    assert first.startswith("/notify?validationToken=Validation%3A%20Testing")
    assert second.startswith("/lifecycle?x=1&validationToken=")
    read = graph.get(f"subscriptions/{made['id']}").json
    # Only its maker and its receiver know the state of a client.
    assert (read["id"], read["clientState"]) == (made["id"], None)
    assert [one["id"] for one in graph.get("subscriptions").json["value"]] == [made["id"]]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            lambda token: (200, "text/plain", token.replace(" ", "+")),
            "Response must exactly match validationToken",
        ),
        (lambda token: (200, "text/plain", ""), "Response must exactly match"),
        (lambda token: (200, "text/html", token), "text/plain"),
        (lambda token: (202, "text/plain", token), "HTTP status code is 'Accepted'"),
        (lambda token: (403, "text/plain", token), "HTTP status code is 'Forbidden'"),
    ],
)
def test_a_receiver_that_does_not_give_the_token_back_gets_nothing(
    answer: Any, said: str, graph: Graph, receiver: Receiver
) -> None:
    receiver.validate = answer
    refused(graph("POST", "subscriptions", wanted(receiver)), 400, "ValidationError", said)
    assert graph.get("subscriptions").json["value"] == []


def test_a_receiver_has_ten_seconds_and_must_be_there(
    sandbox: Sandbox, graph: Graph, receiver: Receiver
) -> None:
    notifier = sandbox.graph.subscriptions.notifier
    assert notifier.validation_seconds == 10.0
    notifier.validation_seconds = 0.2

    def slowly(token: str) -> tuple[int, str, str]:
        time.sleep(0.6)
        return 200, "text/plain", token

    receiver.validate = slowly
    answer = graph("POST", "subscriptions", wanted(receiver))
    refused(answer, 400, "ValidationError", "Subscription validation request timed out.")
    nowhere = wanted(receiver, notificationUrl="http://127.0.0.1:1/notify")
    refused(graph("POST", "subscriptions", nowhere), 400, "ValidationError", "cannot be reached")


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ({"notificationUrl": "http://example.com/notify"}, "ValidationError", "must use https"),
        ({"notificationUrl": "ftp://127.0.0.1/"}, "ValidationError", "not valid"),
        ({"notificationUrl": "https://"}, "ValidationError", "not valid"),
        ({"lifecycleNotificationUrl": "http://example.com/"}, "ValidationError", "must use https"),
        ({"notificationUrl": ""}, "ValidationError", "notificationUrl is required"),
        ({"resource": None}, "ValidationError", "resource is required"),
        ({"changeType": "moved"}, "ValidationError", "changeType 'moved'"),
        ({"resource": "me/messages"}, "ValidationError", "subscriptions to messages only"),
        ({"resource": f"users/{APPROVALS}/events"}, "ValidationError", "subscriptions to messages only"),
        ({"clientState": "x" * 129}, "ValidationError", "at most 128"),
        ({"expirationDateTime": "2999-01-01T00:00:00"}, "RequestBodyRead", "Edm.DateTimeOffset"),
        ({"includeResourceData": True}, "ValidationError", "no resource data"),
        ({"colour": "red"}, "RequestBodyRead", "'colour' does not exist"),
        ({"resource": f"users/{APPROVALS}/mailFolders('!')/messages"}, "ErrorInvalidIdMalformed", ""),
    ],
)
def test_what_graph_does_not_subscribe_to_is_refused(
    more: dict[str, Any], code: str, said: str, graph: Graph, receiver: Receiver
) -> None:
    refused(graph("POST", "subscriptions", wanted(receiver, **more)), 400, code, said)
    assert receiver.asked == []


def test_only_a_mailbox_that_may_be_read_can_be_subscribed_to(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.switches.graph_roles, sandbox.switches.rbac = set(), {APPROVALS}
    graph = Graph(sandbox)
    subscribe(graph, receiver)
    other = wanted(receiver, resource="users/ann@contoso.example/messages")
    refused(graph("POST", "subscriptions", other), 403, "ErrorAccessDenied")
    nobody = wanted(receiver, resource="users/nobody@contoso.example/messages")
    refused(graph("POST", "subscriptions", nobody), 404, "ErrorInvalidUser")


def test_a_subscription_is_renewed_and_ended(graph: Graph, receiver: Receiver) -> None:
    made = subscribe(graph, receiver)
    path = f"subscriptions/{made['id']}"
    later = in_minutes(120)
    answer = graph("PATCH", path, {"expirationDateTime": later})
    assert (answer.status, answer.json["expirationDateTime"]) == (200, later)
    refused(graph("PATCH", path, {"expirationDateTime": in_minutes(10_090)}), 400, "ValidationError")
    refused(graph("PATCH", path, {"resource": "x"}), 400, "ValidationError")
    # A life of less than 45 minutes is made so long, and the client must believe the answer.
    short = graph("PATCH", path, {"expirationDateTime": in_minutes(1)}).json["expirationDateTime"]
    assert in_minutes(44) < short <= in_minutes(46)
    assert graph("POST", f"{path}/reauthorize").status == 204
    assert graph("DELETE", path).status == 204
    for method in ("GET", "DELETE"):
        refused(graph(method, path), 404, "ResourceNotFound", "The object was not found.")
    refused(graph("POST", f"{path}/reauthorize"), 404, "ResourceNotFound")


@pytest.mark.parametrize(("minutes", "said"), [(10_090, "can only be 10080 minutes"), (-1, "in the future")])
def test_a_subscription_ends_within_a_week_and_not_yesterday(
    minutes: int, said: str, graph: Graph, receiver: Receiver
) -> None:
    ends = wanted(receiver, expirationDateTime=in_minutes(minutes))
    refused(graph("POST", "subscriptions", ends), 400, "ValidationError", said)
    assert receiver.asked == []


# -- notifications ---------------------------------------------------------------------------------------------


def test_a_new_mail_is_told_of_with_the_state_of_the_client(
    sandbox: Sandbox, graph: Graph, receiver: Receiver
) -> None:
    made = subscribe(graph, receiver, IMMUTABLE)
    sandbox.send_as("ann", wire.mail())
    [told] = receiver.wait(1)
    [message] = graph.get("~/messages", IMMUTABLE).json["value"]
    assert told["subscriptionId"] == made["id"]
    assert told["subscriptionExpirationDateTime"] == made["expirationDateTime"]
    assert (told["changeType"], told["clientState"]) == ("created", "secret")
    assert told["tenantId"] == sandbox.tenant_id
    where = f"Users/{sandbox.mailbox('approvals').user_id}/Messages/{message['id']}"
    assert told["resource"] == where
    data = {"@odata.type": "#Microsoft.Graph.Message", "@odata.id": where, "id": message["id"]}
    assert told["resourceData"] == {**data, "@odata.etag": message["@odata.etag"]}
    sandbox.mark_read("approvals", sandbox.mails("approvals")[0].id)
    sandbox.deliver(wire.mail(), junk=True)
    sandbox.send_as("ann", wire.mail())
    assert len(receiver.wait(2)) == 2
    soon(lambda: sandbox.counters["notifications_sent"] == 2)


def test_changes_and_removals_are_told_of_if_wanted_and_ids_are_the_default_ones(
    sandbox: Sandbox, graph: Graph, receiver: Receiver
) -> None:
    sandbox.send_as("ann", wire.mail())
    [mail] = sandbox.mails("approvals")
    subscribe(graph, receiver, changeType="updated,deleted", resource=f"Users('{APPROVALS}')/messages")
    sandbox.mark_read("approvals", mail.id)
    receiver.wait(1)
    sandbox.move("approvals", mail.id, "junkemail")
    told = receiver.wait(2)
    assert [one["changeType"] for one in told] == ["updated", "deleted"]
    default = mail.id.replace("/", "-").replace("+", "_")
    assert [one["resourceData"]["id"] for one in told] == [default, default]


def test_what_cannot_be_told_is_told_again(sandbox: Sandbox, graph: Graph, receiver: Receiver) -> None:
    sandbox.graph.subscriptions.notifier.retry_seconds = 0.05
    subscribe(graph, receiver)
    receiver.bad_answers = [503, 500, 404]
    sandbox.send_as("ann", wire.mail())
    tries = receiver.wait(4)
    assert len({one["resourceData"]["id"] for one in tries}) == 1
    soon(lambda: sandbox.counters["notifications_sent"] == 1)
    assert sandbox.counters["notifications_failed"] == 3
    sandbox.send_as("ann", wire.mail())
    receiver.wait(5)


def test_notifications_can_get_lost(sandbox: Sandbox, graph: Graph, receiver: Receiver) -> None:
    subscribe(graph, receiver)
    sandbox.switches.notifications_lost = True
    sandbox.send_as("ann", wire.mail())
    soon(lambda: all_heard(sandbox))
    sandbox.switches.notifications_lost = False
    sandbox.send_as("ann", wire.mail())
    receiver.wait(1)


def test_an_ended_or_expired_subscription_is_silent(
    sandbox: Sandbox, graph: Graph, receiver: Receiver
) -> None:
    made = subscribe(graph, receiver)
    kept = subscribe(graph, receiver)
    graph("DELETE", f"subscriptions/{made['id']}")
    sandbox.send_as("ann", wire.mail())
    [told] = receiver.wait(1)
    assert told["subscriptionId"] == kept["id"]
    sandbox.expire_subscriptions()
    assert graph.get("subscriptions").json["value"] == []
    sandbox.send_as("ann", wire.mail())
    new = subscribe(graph, receiver)
    sandbox.send_as("ann", wire.mail())
    assert [one["subscriptionId"] for one in receiver.wait(2)] == [kept["id"], new["id"]]


@pytest.mark.parametrize("event", ["reauthorizationRequired", "subscriptionRemoved", "missed"])
def test_lifecycle_events_go_to_their_own_address(
    event: str, sandbox: Sandbox, graph: Graph, receiver: Receiver
) -> None:
    made = subscribe(graph, receiver, lifecycleNotificationUrl=receiver.url("lifecycle"))
    subscribe(graph, receiver, resource="users/ann@contoso.example/messages")
    answer = wire.control(sandbox, "POST", "lifecycle", event=event)
    assert answer.status == 200
    [told] = receiver.wait(1, "/lifecycle")
    assert (told["lifecycleEvent"], told["subscriptionId"]) == (event, made["id"])
    assert (told["clientState"], told["tenantId"]) == ("secret", sandbox.tenant_id)
    assert "resourceData" not in told
    still = {one["id"] for one in graph.get("subscriptions").json["value"]}
    assert (made["id"] in still) == (event != "subscriptionRemoved")


def test_an_unknown_lifecycle_event_is_refused(sandbox: Sandbox) -> None:
    assert wire.control(sandbox, "POST", "lifecycle", event="earthquake").status == 400


def test_it_stops_while_a_receiver_does_not_answer(receiver: Receiver) -> None:
    with Sandbox() as sandbox:
        sandbox.add_mailbox("approvals")
        sandbox.add_mailbox("ann")
        sandbox.graph.subscriptions.notifier.answer_seconds = 60.0
        subscribe(Graph(sandbox), receiver)
        waiting = threading.Event()
        done = threading.Event()

        def stuck(*_: Any) -> None:
            waiting.set()
            done.wait(PATIENCE)

        usual = Handler.do_POST
        Handler.do_POST = stuck  # type: ignore[method-assign, assignment]
        try:
            sandbox.send_as("ann", wire.mail())
            assert waiting.wait(PATIENCE)
            began = time.monotonic()
            sandbox.stop()
            assert time.monotonic() - began < PATIENCE / 2, "it did not wait for the receiver"
        finally:
            Handler.do_POST = usual  # type: ignore[method-assign]
            done.set()
    assert not [thread for thread in threading.enumerate() if thread.name == "sandbox-notifier"]
