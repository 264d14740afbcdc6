"""Each fault by switch, seen from Graph; those of an EWS operation strike the call that does the same."""

from __future__ import annotations

import http.client
import time
from typing import Any

import pytest

from placet.sandbox import Sandbox
from placet.sandbox.ews import Ews
from placet.sandbox.faults import SAME_AS
from placet.sandbox.graph.routes import CALLS
from tests.sandbox import wire
from tests.sandbox.graph_wire import Graph, refused

MAIL = b"To: ann@contoso.example\r\n\r\nx"
GONE = (http.client.RemoteDisconnected, ConnectionError)
DELTA = "~/mailFolders/inbox/messages/delta"


@pytest.fixture
def graph(sandbox: Sandbox) -> Graph:
    return Graph(sandbox)


@pytest.mark.parametrize(
    ("retry_after", "said"), [(None, None), (7, "7"), (2.128, "2.128"), ("soon", "soon")]
)
@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("throttled", 429, "TooManyRequests"), ("unavailable", 503, "ServiceUnavailable")],
)
def test_the_front_door_is_overloaded(
    kind: str, status: int, code: str, retry_after: Any, said: str | None, sandbox: Sandbox, graph: Graph
) -> None:
    sandbox.faults.set(kind, retry_after=retry_after)
    answer = graph.send_mime(MAIL)
    refused(answer, status, code)
    assert answer.headers.get("Retry-After") == said
    assert sandbox.mails("ann") == []
    sandbox.faults.clear(kind)
    assert graph.send_mime(MAIL).status == 202


@pytest.mark.parametrize(
    ("kind", "status", "code", "wait"),
    [
        ("busy", 429, "ApplicationThrottled", "2.5"),
        ("busy_inside", 503, "ErrorServerBusy", None),
        ("transient", 500, "ErrorInternalServerTransientError", None),
        ("stopped", 500, "ErrorInternalServerTransientError", None),
        ("redirected", 504, "UnknownError", None),
    ],
)
def test_what_exchange_says_on_a_bad_day_has_its_equal(
    kind: str, status: int, code: str, wait: str | None, sandbox: Sandbox, graph: Graph
) -> None:
    sandbox.faults.set(kind, back_off_ms=2500)
    answer = graph.send_mime(MAIL)
    refused(answer, status, code)
    assert answer.headers.get("Retry-After") == wait
    assert sandbox.mails("ann") == []


def test_a_cut_before_the_work_leaves_nothing_done(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.faults.set("cut_before", count=1)
    with pytest.raises(GONE):
        graph.send_mime(MAIL)
    assert sandbox.mails("ann") == []
    assert graph.send_mime(MAIL).status == 202


def test_a_cut_after_the_work_leaves_it_done(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.faults.set("cut_after", count=1)
    with pytest.raises(GONE):
        graph.send_mime(MAIL)
    assert len(sandbox.mails("ann")) == len(sandbox.mails("approvals", "sentitems")) == 1


def test_half_an_answer_comes_under_the_length_of_all_of_it(sandbox: Sandbox, graph: Graph) -> None:
    whole = graph.get(DELTA)
    sandbox.faults.set("half_answer", count=1)
    with pytest.raises(http.client.IncompleteRead) as broken:
        graph.get(DELTA)
    assert len(broken.value.partial) == len(whole.body) // 2


def test_a_slow_server_takes_its_time(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.faults.set("slow", seconds=0.3)
    began = time.monotonic()
    assert graph.get(DELTA).status == 200
    assert time.monotonic() - began >= 0.3


def test_every_token_that_is_out_dies(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.faults.set("tokens_expire", count=1)
    refused(graph.get(DELTA), 401, "InvalidAuthenticationToken", "has expired")
    refused(graph.get(DELTA), 401, "InvalidAuthenticationToken")
    assert Graph(sandbox).get(DELTA).status == 200


def test_the_delta_links_are_lost(sandbox: Sandbox, graph: Graph) -> None:
    _, link = graph.round(graph.get(DELTA))
    sandbox.faults.set("sync_lost", count=1, operations=["SyncFolderItems"])
    assert graph.send_mime(MAIL).status == 202
    refused(graph.follow(link), 410, "SyncStateNotFound")
    assert graph.get(DELTA).status == 200


@pytest.mark.parametrize(
    ("operation", "method", "path", "body"),
    [
        ("SyncFolderItems", "GET", DELTA, {}),
        ("FindItem", "GET", "~/messages", {}),
        ("GetItem", "GET", "~/messages/{id}", {}),
        ("GetItem", "GET", "~/messages/{id}/$value", {}),
        ("UpdateItem", "PATCH", "~/messages/{id}", {"isRead": True}),
        ("MoveItem", "POST", "~/messages/{id}/move", {"destinationId": "junkemail"}),
        ("DeleteItem", "DELETE", "~/messages/{id}", {}),
        ("FindFolder", "GET", "~/mailFolders/inbox/childFolders", {}),
        ("GetFolder", "GET", "~/mailFolders/inbox", {}),
        ("CreateFolder", "POST", "~/mailFolders", {"displayName": "x"}),
        ("CreateItem", "POST", "~/sendMail", {"message": {}}),
        ("ConvertId", "POST", "~/translateExchangeIds", {}),
        ("Subscribe", "POST", "subscriptions", {}),
        ("Unsubscribe", "DELETE", "subscriptions/x", {}),
    ],
)
def test_a_fault_of_an_operation_strikes_the_call_that_does_the_same(
    operation: str, method: str, path: str, body: dict[str, Any], sandbox: Sandbox, graph: Graph
) -> None:
    sandbox.send_as("ann", wire.mail())
    [message] = graph.get("~/messages").json["value"]
    others = [name for name in set(SAME_AS.values()) if name != operation]
    sandbox.faults.set("throttled", operations=others)
    path = path.replace("{id}", message["id"])
    assert graph(method, path, body).status != 429
    sandbox.faults.set("throttled", operations=[operation])
    assert graph(method, path, body).status == 429


def test_a_fault_of_a_call_of_graph_spares_ews_and_the_other_calls(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.faults.set("unavailable", operations=["graph_delta"])
    assert graph.get(DELTA).status == 503
    assert graph.get("~/messages").status == 200
    assert wire.ews(sandbox, wire.sync()).status == 200


def test_a_fault_without_operations_strikes_both_ways_and_spares_the_token_endpoint(
    sandbox: Sandbox, graph: Graph
) -> None:
    access_token = wire.token(sandbox)
    sandbox.faults.set("unavailable")
    assert graph.get(DELTA).status == 503
    assert wire.ews(sandbox, wire.sync(), access_token=access_token).status == 503
    assert wire.ask_token(sandbox).status == 200


def test_the_names_of_calls_and_operations_are_those_that_there_are(sandbox: Sandbox) -> None:
    ews: Ews = sandbox.ews
    assert set(SAME_AS) <= CALLS
    assert set(SAME_AS.values()) <= ews.known
    assert CALLS - set(SAME_AS) == {"graph_batch", "graph_subscription"}
