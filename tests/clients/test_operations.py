"""Every operation of the API has its method in `placet_client`, which calls it as the description says, and reads what
the description says that it answers."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest
import requests
from placet_client import Placet, Upload
from placet_client.records import Request, Waiting, record

from tests.clients.scripted import URL, Reply, reply, request_json, scripted
from tests.test_complete import ROOT

DESCRIPTION = json.loads(Path(ROOT / "docs" / "openapi.json").read_text())
OPERATIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    about["operationId"]: (method.upper(), path, about)
    for path, methods in DESCRIPTION["paths"].items()
    for method, about in methods.items()
}
ID = "0190b5a8-3f0e-7000-8000-000000000000"
WHEN = datetime(2026, 12, 1, tzinfo=UTC)
REQUEST = record(Request, request_json(id=ID))
WAITING = record(Waiting, {"id": "1", "seen": "hash"})

CALLS: dict[str, Callable[[Placet], object]] = {
    "list_processes": lambda placet: placet.processes(),
    "get_process": lambda placet: placet.process("purchase"),
    "start_request": lambda placet: placet.start_request(
        "purchase", {"item": "Desk"}, requester="ann@example.com", files={"offer": [Upload("a.pdf", b"%PDF")]},
        callback={"url": "https://hooks.example.com"},
    ),
    "request_approval": lambda placet: placet.request_approval(
        "Laptop", {"Amount": "1,250"}, ["bob@example.com"], text="Please", exactly="rm x", files=[Upload("a", b"x")],
        rule=1, outcomes=["approve", "reject"], due=WHEN, proof="colleague", requester="ann@example.com",
        callback={"url": "https://hooks.example.com", "events": ["request.ended"]},
    ),
    "list_requests": lambda placet: list(
        placet.list(state="open", process="purchase", requester="ann@example.com", created_after=WHEN, q="Desk")
    ),
    "get_request": lambda placet: placet.look(REQUEST, 50),
    "withdraw_request": lambda placet: placet.withdraw(REQUEST),
    "change_request": lambda placet: placet.change(REQUEST, {"item": "Desk"}, comment="smaller"),
    "remind": lambda placet: placet.remind(REQUEST),
    "list_events": lambda placet: list(placet.events(REQUEST)),
    "get_file": lambda placet: placet.file(REQUEST, ID),
    "list_assignments": lambda placet: placet.assignments(),
    "get_assignment": lambda placet: placet.assignment("1"),
    "decide": lambda placet: placet.decide(WAITING, "approve", comment="x", answers={"a": 1}, data={"b": 2}),
    "list_people": lambda placet: list(placet.people("bob", group="finance")),
    "get_person": lambda placet: placet.person("1"),
    "list_groups": lambda placet: list(placet.groups()),
    "get_group": lambda placet: placet.group("finance"),
    "list_mails": lambda placet: list(placet.mails(direction="in", state="kept", result="x")),
    "get_mail": lambda placet: placet.mail("in-1"),
    "list_webhooks": lambda placet: placet.webhooks(),
    "create_webhook": lambda placet: placet.create_webhook("https://hooks.example.com", ["request.ended"]),
    "get_webhook": lambda placet: placet.webhook(ID),
    "change_webhook": lambda placet: placet.change_webhook(ID, active=False),
    "delete_webhook": lambda placet: placet.delete_webhook(ID),
    "rotate_webhook": lambda placet: placet.rotate_webhook(ID, 1),
    "test_webhook": lambda placet: placet.test_webhook(ID),
    "list_deliveries": lambda placet: list(placet.deliveries(ID)),
    "replay_delivery": lambda placet: placet.replay_delivery(ID, "1"),
    "replay_webhook": lambda placet: placet.replay_webhook(ID, WHEN, WHEN),
}  # fmt: skip


def _schema_of(about: Any) -> dict[str, Any] | None:
    content = about.get("content", {}).get("application/json", {})
    return {**content["schema"], "components": DESCRIPTION["components"]} if content else None


def _sample(schema: Any) -> Any:
    """A value that fits: with every name, and each list with one entry."""
    if "$ref" in schema:
        return _sample(DESCRIPTION["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return _sample(schema[several][0])
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object":
        return {name: _sample(one) for name, one in schema.get("properties", {}).items()}
    if kind == "array":
        return [_sample(schema["items"])]
    simple = {"integer": 1, "number": 1.5, "boolean": True, "null": None}
    text = "2026-12-01T10:00:00Z" if schema.get("format") == "date-time" else "word"
    return simple.get(str(kind), text)


def _answer(name: str) -> Reply:
    """One that the description allows, and the last page of a list."""
    answers = OPERATIONS[name][2]["responses"]
    (status,) = [int(one) for one in answers if one.startswith("2")]
    schema = _schema_of(answers[str(status)])
    body = None if schema is None else _sample(schema)
    if isinstance(body, dict) and "next" in body:
        body["next"] = None
    return reply(status, body) if schema is not None else reply(status, content=b"")


def _mistakes(name: str, sent: requests.PreparedRequest) -> Iterator[str]:
    method, path, about = OPERATIONS[name]
    address = urlsplit(sent.url or "")
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(urlsplit(URL).path + path))
    if sent.method != method or not re.fullmatch(pattern, address.path):
        yield f"{sent.method} {address.path} is not {method} {path}"
    parameters = {(one["in"], one["name"].lower()): one for one in about.get("parameters", ())}
    for parameter in parse_qs(address.query):
        if ("query", parameter) not in parameters:
            yield f"there is no parameter {parameter}"
    headers = {header.lower() for header in sent.headers}
    for (place, header), one in parameters.items():
        if place == "header" and one.get("required") and header not in headers:
            yield f"the header {header} is missing"
    schema = _schema_of(about.get("requestBody", {}))
    if schema is not None:
        for error in jsonschema.Draft202012Validator(schema).iter_errors(json.loads(sent.body or b"null")):
            yield f"{error.json_path}: {error.message}"


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_is_called_as_it_is_described_and_its_answer_is_read(name: str) -> None:
    placet, network, _ = scripted(_answer(name))
    CALLS[name](placet)
    (sent,) = network.sent
    assert list(_mistakes(name, sent)) == []
