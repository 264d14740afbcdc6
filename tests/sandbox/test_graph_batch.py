"""$batch: several requests in one, by literal requests."""

from __future__ import annotations

import base64
import http.client
import json
import threading
from typing import Any

import pytest

from placet.sandbox import Sandbox
from placet.sandbox.graph.batch import AT_ONCE, Batch
from placet.sandbox.httpd import Request, Response
from tests.sandbox import wire
from tests.sandbox.graph_wire import IMMUTABLE, Graph, refused
from tests.sandbox.wire import APPROVALS, Answer

GONE = (http.client.RemoteDisconnected, ConnectionError)
HOME = f"/users/{APPROVALS}"


@pytest.fixture
def graph(sandbox: Sandbox) -> Graph:
    return Graph(sandbox)


def batch(graph: Graph, *requests: dict[str, Any]) -> Answer:
    return graph("POST", "$batch", {"requests": list(requests)})


def parts(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.text
    return {one["id"]: one for one in answer.json["responses"]}


def get(identifier: str, path: str, **more: Any) -> dict[str, Any]:
    return {"id": identifier, "method": "GET", "url": f"{HOME}/{path}", **more}


def test_each_request_is_answered_by_itself(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.send_as("ann", wire.mail())
    [message] = graph.get("~/messages", IMMUTABLE).json["value"]
    path = f"{HOME}/messages/{message['id']}"
    answers = parts(
        batch(
            graph,
            {"id": "mime", "method": "GET", "url": f"{path}/$value", "headers": IMMUTABLE},
            {
                "id": "read",
                "method": "PATCH",
                "url": path,
                "headers": {**IMMUTABLE, "Content-Type": "application/json"},
                "body": {"isRead": True},
                "dependsOn": ["mime"],
            },
            get("gone", "messages/AAMkAAAA"),
            {"id": "other", "method": "GET", "url": "/users/nobody@contoso.example/messages"},
        )
    )
    assert base64.b64decode(answers["mime"]["body"]) == sandbox.mails("approvals")[0].mime
    assert answers["mime"]["headers"]["Content-Type"] == "text/plain"
    assert (answers["read"]["status"], answers["read"]["body"]["isRead"]) == (200, True)
    assert sandbox.mails("approvals")[0].is_read
    assert (answers["gone"]["status"], answers["gone"]["body"]["error"]["code"]) == (404, "ErrorItemNotFound")
    assert answers["other"]["body"]["error"]["code"] == "ErrorInvalidUser"


def test_what_depends_on_a_failure_is_not_done(sandbox: Sandbox, graph: Graph) -> None:
    send = {
        "method": "POST",
        "url": f"{HOME}/sendMail",
        "headers": {"Content-Type": "text/plain"},
        "body": base64.b64encode(base64.b64encode(b"To: ann@contoso.example\r\n\r\nx")).decode(),
    }
    answers = parts(
        batch(
            graph,
            get("first", "messages/x"),
            {"id": "second", "dependsOn": ["first"], **send},
            {"id": "third", "dependsOn": ["second"], **send},
        )
    )
    assert [answers[name]["status"] for name in ("first", "second", "third")] == [400, 424, 424]
    assert answers["second"]["body"]["error"]["code"] == "FailedDependency"
    assert sandbox.mails("ann") == []
    assert parts(batch(graph, {"id": "alone", **send}))["alone"]["status"] == 202
    assert len(sandbox.mails("ann")) == 1


def test_one_part_may_be_throttled_inside_a_200(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.faults.set("throttled", operations=["graph_folder"], retry_after=7, count=1)
    answers = parts(batch(graph, get("1", "mailFolders/inbox"), get("2", "mailFolders/inbox")))
    first, second = sorted(answers.values(), key=lambda answer: str(answer["status"]))
    assert first["status"] == 200
    assert (second["status"], second["headers"]["Retry-After"]) == (429, "7")
    assert second["body"]["error"]["code"] == "TooManyRequests"


def test_a_connection_is_cut_for_all_of_a_batch(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.send_as("ann", wire.mail())
    [message] = graph.get("~/messages", IMMUTABLE).json["value"]
    read = {
        "id": "1",
        "method": "PATCH",
        "url": f"{HOME}/messages/{message['id']}",
        "headers": {**IMMUTABLE, "Content-Type": "application/json"},
        "body": {"isRead": True},
    }
    sandbox.faults.set("cut_before", operations=["UpdateItem"], count=1)
    with pytest.raises(GONE):
        batch(graph, read, get("2", "mailFolders"))
    assert not sandbox.mails("approvals")[0].is_read
    sandbox.faults.set("cut_after", operations=["UpdateItem"], count=1)
    assert parts(batch(graph, get("2", "mailFolders")))["2"]["status"] == 200
    with pytest.raises(GONE):
        batch(graph, read, get("2", "mailFolders"))
    assert sandbox.mails("approvals")[0].is_read
    assert sandbox.faults.struck == {"cut_before": 1, "cut_after": 1}


def test_four_of_a_batch_run_at_once_and_no_more() -> None:
    together, running, most = threading.Barrier(AT_ONCE), [0], [0]
    lock = threading.Lock()

    def answer(request: Request) -> Response:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        together.wait(60)
        with lock:
            running[0] -= 1
        return Response(200)

    body = json.dumps({"requests": [get(str(number), "mailFolders") for number in range(3 * AT_ONCE)]})
    whole = Request(
        "POST", "/v1.0/$batch", "", {"content-type": "application/json"}, body.encode(), "/v1.0/$batch"
    )
    answers = Batch(answer).answer(whole).value["responses"]
    assert {one["id"] for one in answers} == {str(number) for number in range(3 * AT_ONCE)}
    assert most == [AT_ONCE]


def test_parts_count_for_the_limits(sandbox: Sandbox, graph: Graph) -> None:
    sandbox.switches.mailbox_requests = 1
    answers = parts(batch(graph, get("1", "mailFolders"), get("2", "mailFolders")))
    assert sorted(answers[name]["status"] for name in ("1", "2")) == [200, 429]


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        ([], "Invalid batch payload format."),
        ("x", "Invalid batch payload format."),
        ([get(str(n), "mailFolders") for n in range(21)], "exceeds the maximum value of 20"),
        ([get("1", "mailFolders"), get("1", "messages")], "Duplicate batch request id '1'."),
        ([{"id": "1", "url": "/users"}], "id, method and url are needed"),
        ([{"id": "1", "method": "POST", "url": "/$batch"}], "Invalid batch request '1'."),
        ([get("1", "mailFolders", dependsOn=["2"])], "'2' is no earlier request"),
        ([get("1", "mailFolders", dependsOn=[{}])], "is no earlier request"),
        ([get("1", "mailFolders", dependsOn="2")], "Invalid batch request '1'."),
        ([get("1", "mailFolders", headers="x")], "Invalid batch request '1'."),
        ([get("1", "mailFolders", body="%")], "must be in base64"),
    ],
)
def test_a_batch_that_cannot_be_read_is_refused(requests: Any, said: str, graph: Graph) -> None:
    refused(graph("POST", "$batch", {"requests": requests}), 400, "BadRequest", said)


def test_nothing_is_done_of_a_batch_that_cannot_be_read(sandbox: Sandbox, graph: Graph) -> None:
    make = {
        "id": "1",
        "method": "POST",
        "url": f"{HOME}/mailFolders",
        "headers": {"Content-Type": "application/json"},
        "body": {"displayName": "x"},
    }
    assert batch(graph, make, {"id": "2", "method": "GET"}).status == 400
    assert batch(graph, make, get("1", "messages")).status == 400
    assert len(graph.get("~/mailFolders").json["value"]) == 5
    assert parts(batch(graph, make))["1"]["status"] == 201


def test_a_batch_needs_a_token_and_its_content_type(graph: Graph) -> None:
    body = '{"requests": []}'
    refused(graph("POST", "$batch", body, {"Authorization": ""}), 401, "InvalidAuthenticationToken")
    refused(graph("POST", "$batch", body), 400, "RequestBodyRead")
    refused(graph("POST", "$batch", body, {"Content-Type": "text/plain"}), 415, "UnsupportedMediaType")
