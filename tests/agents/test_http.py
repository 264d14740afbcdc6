"""`placet mcp --http`: each caller acts with the key that they show, and nobody without one gets as far as a tool."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
import requests
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from placet_client import Placet

from placet.agents.http import application, server_for
from tests.clients.scripted import URL, Reply, Scripted, problem, reply, request_json

ANN, BOB = "plc_annannan_1", "plc_bobbobbo_2"
INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}  # fmt: skip
ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


@dataclass
class Api:
    """Knows two keys, and tells each whose it is."""

    calls: list[str] = field(default_factory=list)  # last part of the path, for each that came
    valid: set[str] = field(default_factory=lambda: {ANN, BOB})

    def placet_with(self, key: str) -> Placet:
        session = requests.Session()
        session.mount("https://", Scripted([self.answer]))
        return Placet(URL, key, session=session, tries=1)

    def answer(self, request: requests.PreparedRequest) -> Reply:
        key = request.headers["Authorization"].removeprefix("Bearer ")
        self.calls.append(str(request.path_url).rpartition("/")[2])
        if key not in self.valid:
            return problem(401, "unauthorised")
        if "/processes" in str(request.path_url):
            return problem(404, "not-found")
        return reply(200, request_json(title=f"of {key}"))


@dataclass
class Served:
    api: Api
    url: str

    def post(self, headers: dict[str, str], body: Any = INITIALIZE) -> requests.Response:
        return requests.post(self.url, data=json.dumps(body), headers={**ACCEPT, **headers}, timeout=60)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    api = Api()
    app = application(server_for(api.placet_with, URL), "127.0.0.1", ["agents.example.com"])
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.02)
        yield Served(api, f"http://127.0.0.1:{listening.getsockname()[1]}/mcp")
        server.should_exit = True
        thread.join(60)


@contextlib.asynccontextmanager
async def client_of(served: Served, key: str, mode: str) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http,
        Client(streamable_http_client(served.url, http_client=http), mode=mode) as client,
    ):
        yield client


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_callers_at_once_act_each_with_their_own_key(served: Served, mode: str) -> None:
    async def titles() -> list[str]:
        async with client_of(served, ANN, mode) as ann, client_of(served, BOB, mode) as bob:
            answers = await asyncio.gather(
                *(client.call_tool("get_request", {"request_id": "r1"}) for client in (ann, bob) * 5)
            )
            return [answer.structured_content["written_by_people"]["title"] for answer in answers]

    assert asyncio.run(titles()) == [f"of {ANN}", f"of {BOB}"] * 5


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer plc_unknown0_3"},
        {"Authorization": f"Basic {ANN}"},
        {"Cookie": f"key={ANN}"},
        {"Authorization": f"Bearer {ANN} x"},
    ],
)
def test_who_shows_no_key_of_placet_reaches_no_tool(served: Served, headers: dict[str, str]) -> None:
    answer = served.post(headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_session_is_of_the_key_that_began_it(served: Served) -> None:
    session = served.post({"Authorization": f"Bearer {ANN}"}).headers["Mcp-Session-Id"]
    body = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    mine = served.post({"Authorization": f"Bearer {ANN}", "Mcp-Session-Id": session}, body)
    theirs = served.post({"Authorization": f"Bearer {BOB}", "Mcp-Session-Id": session}, body)
    assert (mine.status_code, theirs.status_code) == (200, 404)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "agents.example.com"}, 200),
        ({"Host": "agents.example.com", "Origin": "https://agents.example.com"}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "agents.example.com.evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
    ],
)
def test_it_is_called_by_its_own_names_alone(served: Served, headers: dict[str, str], status: int) -> None:
    assert served.post({"Authorization": f"Bearer {ANN}", **headers}).status_code == status


def test_a_good_key_is_not_asked_about_at_each_call_and_a_revoked_one_does_nothing(served: Served) -> None:
    async def call() -> Any:
        async with client_of(served, BOB, "auto") as client:
            first = await client.call_tool("get_request", {"request_id": "r1"})
            served.api.valid.remove(BOB)
            return first, await client.call_tool("get_request", {"request_id": "r1"})

    served.api.calls.clear()
    try:
        first, second = asyncio.run(call())
    finally:
        served.api.valid.add(BOB)
    assert (first.is_error, second.is_error) == (False, True)
    assert served.api.calls.count("-") <= 1
    assert served.api.calls.count("r1") == 2
