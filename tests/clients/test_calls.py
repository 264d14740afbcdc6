"""One call of `placet_client`: tries with one idempotency key, where the key goes, what errors say."""

import json
import logging
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import placet_client
import pytest
import requests
from placet_client import (
    AnswerInvalid,
    Invalid,
    NotFound,
    Place,
    Placet,
    PlacetError,
    Problem,
    Request,
    Unavailable,
    Unreachable,
    Upload,
)
from placet_client.addresses import api_of
from placet_client.errors import problem_of
from placet_client.records import record

from tests.clients.scripted import KEY, PROBLEMS, URL, problem, reply, request_json, scripted


@pytest.mark.parametrize(
    "fault",
    [
        requests.ConnectionError("cut"),
        requests.ReadTimeout("slow"),
        reply(502, content=b"<h1>Bad gateway</h1>"),
        reply(504, content=b""),
        problem(503, "unavailable"),
        problem(409, "in-progress"),
        problem(429, "too-many", {"Retry-After": "7"}),
    ],
    ids=lambda fault: str(getattr(fault, "status", type(fault).__name__)),
)
def test_what_passes_is_tried_again_with_the_same_idempotency_key(fault: Any) -> None:
    placet, network, clock = scripted(fault, fault, reply(201, request_json()))
    assert placet.request_approval("Laptop", to=["bob@example.com"]).number == 7
    keys = {sent.headers["Idempotency-Key"] for sent in network.sent}
    assert len(network.sent) == 3
    assert len(keys) == 1
    assert len({sent.body for sent in network.sent}) == 1
    retry_after = float(getattr(fault, "headers", {}).get("Retry-After", 0.5))
    assert min(clock.pauses) >= retry_after


def test_each_call_has_an_idempotency_key_of_its_own_unless_one_is_given() -> None:
    placet, network, _ = scripted(reply(201, request_json()), lambda _: reply(201, request_json()))
    placet.request_approval("Laptop", to="bob@example.com")
    placet.start_request("purchase", {"what": "Laptop"})
    placet.start_request("purchase", {"what": "Laptop"}, idempotency_key="PO-7/1")
    first, second, third = (sent.headers["Idempotency-Key"] for sent in network.sent)
    assert first != second
    assert third == "PO-7/1"


def test_it_ends_after_some_tries_and_says_why() -> None:
    placet, network, clock = scripted(requests.ConnectionError("cut"), tries=4)
    with pytest.raises(Unreachable, match="did not answer: no connection"):
        placet.get("r1")
    assert len(network.sent) == 4
    assert len(clock.pauses) == 3


def test_what_placet_cannot_tell_from_an_earlier_try_is_tried_once() -> None:
    placet, network, clock = scripted(requests.ConnectionError("cut"))
    since = datetime(2026, 12, 1, tzinfo=UTC)
    for call in (
        lambda: placet.create_webhook("https://hooks.example.com"),
        lambda: placet.rotate_webhook("w1"),
        lambda: placet.test_webhook("w1"),
        lambda: placet.replay_delivery("w1", "1"),
        lambda: placet.replay_webhook("w1", since, since),
    ):
        network.sent.clear()
        with pytest.raises(Unreachable):
            call()
        assert (len(network.sent), clock.pauses) == (1, [])


def test_who_is_told_to_come_much_later_is_told_so_at_once() -> None:
    placet, network, clock = scripted(problem(429, "too-many", {"Retry-After": "3600"}))
    with pytest.raises(Unavailable) as caught:
        placet.get("r1")
    assert caught.value.retry_after == 3600
    assert (len(network.sent), clock.pauses) == (1, [])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 422, 428, 500])
def test_what_does_not_pass_is_not_tried_again(status: int) -> None:
    placet, network, _ = scripted(problem(status, "invalid"))
    with pytest.raises(Problem):
        placet.request_approval("Laptop", to=["bob@example.com"])
    assert len(network.sent) == 1


def test_a_problem_says_what_is_wrong_and_where() -> None:
    errors = [{"pointer": "/facts/0/value", "detail": "Longer than 1,000 signs."}]
    placet, _, _ = scripted(
        problem(422, "invalid", detail="It does not fit.", errors=errors, request_id="q1")
    )
    with pytest.raises(Invalid) as caught:
        placet.request_approval("Laptop", to=["bob@example.com"])
    assert caught.value.type == f"{PROBLEMS}#invalid"
    assert caught.value.errors == (Place("/facts/0/value", "Longer than 1,000 signs."),)
    assert caught.value.request_id == "q1"
    assert str(caught.value) == "No. It does not fit. /facts/0/value: Longer than 1,000 signs."


@pytest.mark.parametrize(
    "detail", ["Too long.", "/title: Too long.", "/title: Too long. And 1 more in “errors”."]
)
def test_a_detail_that_repeats_the_errors_is_not_said_twice(detail: str) -> None:
    errors = [{"pointer": "/title", "detail": "Too long."}, {"pointer": "/to", "detail": "Nobody."}]
    refused = problem_of(422, {"title": "No", "detail": detail, "errors": errors})
    assert str(refused) == "No. /title: Too long. /to: Nobody."


def test_every_error_of_the_package_has_a_sentence_and_stands_in_the_tree() -> None:
    kinds = [
        kind
        for kind in vars(placet_client).values()
        if isinstance(kind, type) and issubclass(kind, PlacetError)
    ]
    assert len(kinds) >= 16
    for kind in kinds:
        assert kind.__name__ in str(placet_client.errors.__doc__), kind
        assert kind.__doc__, kind
    assert type(problem_of(418, {"type": "https://elsewhere.example/x#y", "title": "Newer"})) is Problem
    assert isinstance(problem_of(404, {}), NotFound)


# --- the key ------------------------------------------------------------------------------------------------


def test_the_key_is_sent_as_bearer_and_shown_nowhere(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine approvals.example.com login ann password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    caplog.set_level(logging.DEBUG)
    placet, network, _ = scripted(reply(200, request_json()), requests.ConnectionError("cut"), tries=1)
    placet.get("r1")
    assert network.sent[0].headers["Authorization"] == f"Bearer {KEY}"
    with pytest.raises(Unreachable) as caught:
        placet.get("r1")
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__dict__)
    assert caught.value.__cause__ is caught.value.__context__ is None  # they would hold what was sent
    for text in (shown, caplog.text, repr(placet), repr(vars(placet)), repr(vars(placet._calls))):
        assert KEY not in text


@pytest.mark.parametrize(
    "where", ["https://elsewhere.example/", "http://approvals.example.com/placet", "/login"]
)
def test_a_redirect_is_not_followed(where: str) -> None:
    placet, network, _ = scripted(reply(302, content=b"", headers={"Location": where}))
    with pytest.raises(AnswerInvalid, match="give Placet's own URL"):
        placet.get("r1")
    assert len(network.sent) == 1


def test_pages_are_read_one_after_the_other_and_only_at_this_placet() -> None:
    placet, network, _ = scripted(
        reply(
            200,
            {
                "items": [request_json(id="a")],
                "next": "https://elsewhere.example/api/v1/requests?cursor=x%3D",
            },
        ),
        reply(200, {"items": [request_json(id="b")], "next": None}),
    )
    assert [one.id for one in placet.list(state="open", q="lap top")] == ["a", "b"]
    assert [sent.url for sent in network.sent] == [
        f"{URL}/api/v1/requests?state=open&q=lap+top&limit=100",
        f"{URL}/api/v1/requests?state=open&q=lap+top&limit=100&cursor=x%3D",
    ]


def test_a_list_without_an_end_is_noticed() -> None:
    page = {"items": [], "next": f"{URL}/api/v1/processes?cursor=x"}
    placet, _, _ = scripted(lambda _: reply(200, page))
    with pytest.raises(AnswerInvalid, match="back to a page"):
        placet.processes()


@pytest.mark.parametrize(
    "url",
    [
        "http://approvals.example.com", "approvals.example.com", "ftp://127.0.0.1", "https://ann:x@approvals.example.com",
        "https://approvals.example.com/?x=1", "https://approvals.example.com/#x", "https://", "", "https://a.example:x",
        "http://127.0.0.1.example.com", "http://localhost.example.com", "http://2130706433", "http://[::]",
    ],
)  # fmt: skip
def test_a_key_goes_to_no_such_address(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        Placet(url, KEY)


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://approvals.example.com", "https://approvals.example.com/api/v1"),
        ("https://approvals.example.com/placet/", "https://approvals.example.com/placet/api/v1"),
        ("https://approvals.example.com/api/v1/", "https://approvals.example.com/api/v1"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/api/v1"),
        ("http://LOCALHOST:8000", "http://LOCALHOST:8000/api/v1"),
        ("http://[::1]:8000/", "http://[::1]:8000/api/v1"),
    ],
)
def test_the_api_lies_below_the_address_that_people_open(url: str, api: str) -> None:
    assert api_of(url) == api


@pytest.mark.parametrize("key", ["", " ", "a b", "plc_x\r\nX-Other: 1", "é"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_said(key: str) -> None:
    with pytest.raises(ValueError, match="one line") as caught:
        Placet(URL, key)
    assert not key.strip() or key not in str(caught.value)


@pytest.mark.parametrize("id_", ["", ".", "..", "a\nb"])
def test_an_id_leads_to_no_other_path(id_: str) -> None:
    placet, network, _ = scripted(reply(200, request_json()))
    with pytest.raises(ValueError, match="no id"):
        placet.get(id_)
    placet.get("../people?x=1#y")
    assert [sent.url for sent in network.sent] == [f"{URL}/api/v1/requests/..%2Fpeople%3Fx%3D1%23y"]


# --- what is sent and what comes ------------------------------------------------------------------------------


def test_what_is_sent_is_what_was_given_and_nothing_else(tmp_path: Path) -> None:
    placet, network, _ = scripted(reply(201, request_json()), lambda _: reply(201, request_json()))
    (tmp_path / "offer.pdf").write_bytes(b"%PDF")
    placet.request_approval(
        "Laptop", [("Amount", "1,250 €")], group="finance", files=[tmp_path / "offer.pdf", Upload("x", b"\0\xff")],
        rule=2, outcomes=["approve", "reject"],
    )  # fmt: skip
    placet.start_request(
        "purchase", {"amount": {"amount": 125000, "currency": "EUR"}}, files={"offer": [Upload("x", b"")]}
    )
    assert [json.loads(sent.body or b"") for sent in network.sent] == [
        {
            "title": "Laptop",
            "facts": [{"label": "Amount", "value": "1,250 €"}],
            "to": {"group": "finance"},
            "files": [
                {"name": "offer.pdf", "content": "JVBERg==", "content_type": "application/pdf"},
                {"name": "x", "content": "AP8="},
            ],
            "rule": 2,
            "outcomes": ["approve", "reject"],
        },
        {
            "process": "purchase",
            "data": {"amount": {"amount": 125000, "currency": "EUR"}},
            "files": {"offer": [{"name": "x", "content": ""}]},
        },
    ]


def test_an_approval_is_asked_of_somebody() -> None:
    placet, network, _ = scripted(reply(201, request_json()))
    for to, group in ([], None), (["bob@example.com"], "finance"):
        with pytest.raises(ValueError, match="who is asked"):
            placet.request_approval("Laptop", to=to, group=group)
    assert network.sent == []


def test_what_a_newer_placet_says_is_kept() -> None:
    decision = {"outcome": "defer", "at": "2026-12-01T10:00:00.500000Z"}
    value = request_json(
        state="paused", mood="calm", requester={"name": "Ann", "address": "ann@example.com", "pronoun": "she"},
        created_at="2026-12-01T10:00:00Z",
        steps=[{"key": "boss", "assignments": [{"id": "a", "decision": decision}]}],
    )  # fmt: skip
    request = record(Request, value)
    assert (request.state, request.is_open, request.unknown) == ("paused", False, {"mood": "calm"})
    assert request.requester is not None
    assert request.requester.unknown == {"pronoun": "she"}
    assert [decision.outcome for decision in request.decisions] == ["defer"]
    assert request.created_at is not None
    assert request.created_at.isoformat() == "2026-12-01T10:00:00+00:00"
    with pytest.raises(AttributeError):
        request.state = "ended"  # type: ignore[misc]


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "x",
        {},
        {"id": "r1"},
        request_json(steps={}),
        request_json(steps=[1]),
        request_json(created_at="soon"),
    ],
)
def test_an_answer_that_is_no_request_is_said_to_be_none(value: object) -> None:
    placet, _, _ = scripted(reply(200, value))
    with pytest.raises(AnswerInvalid):
        placet.get("r1")


@pytest.mark.parametrize("content", [b"<html>", b"", b"[" * 100_000])
def test_an_answer_that_is_no_json_is_said_to_be_none(content: bytes) -> None:
    placet, _, _ = scripted(reply(200, content=content))
    with pytest.raises(AnswerInvalid, match="not JSON"):
        placet.get("r1")


def test_an_answer_without_an_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placet_client.calls.LARGEST_ANSWER", 1000)
    placet, _, _ = scripted(reply(200, content=b" " * 10_000))
    with pytest.raises(AnswerInvalid, match="longer than 1000"):
        placet.get("r1")


def test_a_state_is_named_where_it_must_be_the_one_that_was_seen() -> None:
    placet, network, _ = scripted(lambda _: reply(200, request_json(sequence=4)))
    seen = record(Request, request_json(sequence=3))
    placet.withdraw(seen)
    placet.change("r1", {"what": "Desk"})
    assert [(sent.method, sent.headers.get("If-Match")) for sent in network.sent] == [
        ("POST", '"3"'), ("GET", None), ("POST", '"4"'),
    ]  # fmt: skip
