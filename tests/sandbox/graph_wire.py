"""Literal requests to the sandbox's Graph: http.client and nothing of Placet's own client."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Mapping
from typing import Any

from placet.sandbox import Sandbox
from tests.sandbox import wire
from tests.sandbox.wire import APPROVALS, Answer

IMMUTABLE = {"Prefer": 'IdType="ImmutableId"'}
JSON = {"Content-Type": "application/json"}
VOTE = "String {00062008-0000-0000-C000-000000000046} Id 0x8524"


def token(sandbox: Sandbox, **form: Any) -> str:
    return str(
        wire.ask_token(sandbox, scope="https://graph.microsoft.com/.default", **form).json["access_token"]
    )


class Graph:
    """One client with one token, at home in one mailbox."""

    def __init__(
        self, sandbox: Sandbox, user: str = APPROVALS, *, headers: Mapping[str, str] | None = None
    ) -> None:
        self.sandbox = sandbox
        self.user = user
        self.headers = {"Authorization": f"Bearer {token(sandbox)}", **(headers or {})}

    def __call__(
        self,
        method: str,
        path: str,
        body: bytes | str | Mapping[str, Any] = b"",
        headers: Mapping[str, str] | None = None,
        **options: str,
    ) -> Answer:
        """A request below /v1.0/; in the path `~` is the mailbox, and `_select="…"` becomes `$select=…`."""
        path = path.replace("~", f"users/{self.user}", 1)
        if options:
            query = {
                name.replace("_", "$", 1) if name[0] == "_" else name: value
                for name, value in options.items()
            }
            path = f"{path}?{urllib.parse.urlencode(query)}"
        given = dict(self.headers)
        if isinstance(body, Mapping):
            given |= JSON
            body = json.dumps(body)
        return wire.send(self.sandbox, method, f"/v1.0/{path}", body, given | dict(headers or {}))

    def get(self, path: str, headers: Mapping[str, str] | None = None, **options: str) -> Answer:
        return self("GET", path, headers=headers, **options)

    def follow(self, link: str, headers: Mapping[str, str] | None = None) -> Answer:
        """What is at a nextLink or deltaLink, called as it was given."""
        assert link.startswith(f"{self.sandbox.graph_url}/"), link
        given = self.headers | dict(headers or {})
        return wire.send(self.sandbox, "GET", link.removeprefix(self.sandbox.url), headers=given)

    def round(self, answer: Answer, headers: Mapping[str, str] | None = None) -> tuple[list[Any], str]:
        """All that a round of delta gives from this page on, and its deltaLink."""
        value = []
        while True:
            assert answer.status == 200, answer.text
            value += answer.json["value"]
            if "@odata.deltaLink" in answer.json:
                assert "@odata.nextLink" not in answer.json
                return value, str(answer.json["@odata.deltaLink"])
            answer = self.follow(answer.json["@odata.nextLink"], headers)

    def send_mime(self, raw: bytes, **headers: str) -> Answer:
        return self("POST", "~/sendMail", base64.b64encode(raw), {"Content-Type": "text/plain", **headers})


def refused(answer: Answer, status: int, code: str, text: str = "") -> None:
    """The answer is this error, in Graph's shape."""
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    [(name, error)] = answer.json.items()
    assert name == "error"
    assert error["code"] == code, answer.text
    assert text in error["message"], answer.text
    assert set(error["innerError"]) == {"date", "request-id", "client-request-id"}
    assert answer.headers["request-id"] == error["innerError"]["request-id"]
