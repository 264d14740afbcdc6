"""What stands in for the network below `placet_client`: answers one after the other, and what was sent for them."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import requests
from placet_client import Placet
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

URL = "https://approvals.example.com/placet"
KEY = "plc_abcd1234_0123456789abcdefghijklmnopqrstuvkhbqxz"
PROBLEMS = f"{URL}/api/problems"


@dataclass(frozen=True)
class Reply:
    """An answer that can be given again and again."""

    status: int
    content: bytes
    headers: Mapping[str, str]

    def response(self, request: requests.PreparedRequest) -> requests.Response:
        response = requests.Response()
        response.status_code, response.request, response.url = self.status, request, request.url or ""
        response.headers.update(self.headers)
        response.raw = HTTPResponse(BytesIO(self.content), preload_content=False, status=self.status)
        return response


Answer = Reply | Exception | Callable[[requests.PreparedRequest], Reply]


def reply(
    status: int = 200,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> Reply:
    """An answer with JSON, or with bytes as they are."""
    return Reply(status, json.dumps(body).encode() if content is None else content, headers or {})


def problem(status: int, name: str, headers: Mapping[str, str] | None = None, **more: Any) -> Reply:
    return reply(status, {"type": f"{PROBLEMS}#{name}", "title": "No", "status": status, **more}, headers)


def request_json(sequence: int = 1, state: str = "open", **more: Any) -> dict[str, Any]:
    return {"id": "r1", "number": 7, "state": state, "title": "Laptop", "sequence": sequence, **more}


class Scripted(BaseAdapter):
    """Answers in turn, and keeps what was sent. The last answer is given for ever."""

    def __init__(self, script: Iterable[Answer]) -> None:
        super().__init__()
        self.script = list(script)
        self.sent: list[requests.PreparedRequest] = []
        self.timeouts: list[Any] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        self.sent.append(request)
        self.timeouts.append(more.get("timeout"))
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        return answer.response(request)

    def close(self) -> None:
        """Nothing is open."""


class Clock:
    """Passes only where somebody sleeps; `pauses` are in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def scripted(*script: Answer, **more: Any) -> tuple[Placet, Scripted, Clock]:
    adapter, clock, session = Scripted(script), Clock(), requests.Session()
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return Placet(URL, KEY, session=session, sleep=clock.sleep, clock=clock, **more), adapter, clock
