"""Programs that call the API, in this process."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from placet.accounts.models import Person
from placet.api import keys, limits
from placet.api.keys import Scope
from placet.api.models import Key

ALL_SCOPES = frozenset(Scope) - keys.ADMINISTRATORS_ONLY


@dataclass(frozen=True)
class Answer:
    """What came back. `json`: None where the body is none."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def problem(self) -> str:
        """The name of the type of a refusal."""
        assert self.headers["Content-Type"] == "application/problem+json", self.content
        assert self.json["status"] == self.status
        return str(self.json["type"]).partition("/api/problems#")[2]

    @property
    def pointers(self) -> list[str]:
        return [error["pointer"] for error in self.json.get("errors", ())]


@dataclass(frozen=True)
class Caller:
    """A program with a key, or with none."""

    text: str
    key: Key | None = None

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """`path`: behind /api/v1, or from /api on; `headers`: Idempotency_Key="1". A body that is no bytes is sent as
        JSON."""
        about: dict[str, Any] = {"HTTP_" + name.upper(): value for name, value in headers.items()}
        if self.text:
            about.setdefault("HTTP_AUTHORIZATION", f"Bearer {self.text}")
        content_type = about.pop("HTTP_CONTENT_TYPE", "application/json")
        if body is not None:
            about |= {
                "data": body if isinstance(body, bytes) else json.dumps(body),
                "content_type": content_type,
            }
        url = path if path.startswith("/api/") else f"/api/v1{path}"
        client = Client(raise_request_exception=False)
        response: Any = client.generic(method, url, **about)
        return Answer(response.status_code, response.headers, response.content)

    def get(self, path: str, **headers: str) -> Answer:
        return self("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self("POST", path, body, **headers)


@pytest.fixture(autouse=True)
def _no_calls_of_other_tests() -> Iterator[None]:
    """Their keys had the same ids."""
    limits.forget()
    yield
    limits.forget()


Calls = Callable[..., Caller]


@pytest.fixture
def calls(db: None) -> Calls:
    """A program with a key of somebody: `calls(alice)`, `calls(alice, Scope.REQUESTS_READ, processes=["purchase"])`."""

    def make(person: Person, *scopes: Scope, **about: Any) -> Caller:
        key, text = keys.make(person, "A test's program", scopes or ALL_SCOPES, by=person, **about)
        return Caller(text, key)

    return make
