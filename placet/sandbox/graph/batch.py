"""$batch: several requests in one, each answered by itself under a 200 (Microsoft's page "Combine multiple HTTP
requests using JSON batching").
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from placet.sandbox.graph import errors
from placet.sandbox.graph.calls import JSON, Answer, content_type, read_json
from placet.sandbox.httpd import Request, Response

MOST = 20
_METHODS = ("GET", "POST", "PATCH", "DELETE", "PUT")


class Batch:
    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self._answer = answer

    def answer(self, request: Request) -> Answer:
        """Raises GraphError if the batch as a whole cannot be read."""
        if content_type(request) != JSON:
            raise errors.GraphError(415, "UnsupportedMediaType", "A batch must be application/json.")
        parts = read_json(request).get("requests")
        if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts) or not parts:
            raise errors.bad_request("Invalid batch payload format.")
        if len(parts) > MOST:
            raise errors.bad_request(f"Number of batch request steps exceeds the maximum value of {MOST}.")
        known: set[str] = set()
        for part in parts:
            _check(part, known)
            known.add(part["id"])
        done: dict[str, dict[str, Any]] = {}
        for part in parts:
            done[part["id"]] = {"id": part["id"], **self._one(request, part, done)}
        return Answer(200, {"responses": list(done.values())})

    def _one(self, outer: Request, part: Mapping[str, Any], done: Mapping[str, Any]) -> dict[str, Any]:
        for needed in part.get("dependsOn") or ():
            if done[needed]["status"] >= 400:
                error = {"code": "FailedDependency", "message": f"The request '{needed}' failed."}
                return {"status": 424, "headers": {"Content-Type": JSON}, "body": {"error": error}}
        return _told(self._answer(_inner(outer, part)))


def _check(part: Mapping[str, Any], known: set[str]) -> None:
    """Raises GraphError for a part that cannot be read; nothing is done of its batch."""
    identifier, method, url = part.get("id"), part.get("method"), part.get("url")
    if not isinstance(identifier, str) or not isinstance(method, str) or not isinstance(url, str):
        raise errors.bad_request("Invalid batch request: id, method and url are needed.")
    if identifier in known:
        raise errors.bad_request(f"Duplicate batch request id '{identifier}'.")
    headers, needs = part.get("headers") or {}, part.get("dependsOn") or []
    itself = url.strip("/").lower().startswith("$batch")
    if (
        method.upper() not in _METHODS
        or itself
        or not isinstance(headers, dict)
        or not isinstance(needs, list)
    ):
        raise errors.bad_request(f"Invalid batch request '{identifier}'.")
    for needed in needs:
        if not isinstance(needed, str) or needed not in known:
            raise errors.bad_request(f"Invalid batch request: '{needed}' is no earlier request.")
    if isinstance(part.get("body"), str):
        _decoded(part["body"])


def _inner(outer: Request, part: Mapping[str, Any]) -> Request:
    given = {str(name).lower(): str(value) for name, value in (part.get("headers") or {}).items()}
    kept = {
        name: outer.header(name)
        for name in ("authorization", "host", "x-forwarded-proto")
        if outer.header(name)
    }
    body = part.get("body")
    if body is None:
        raw = b""
    elif isinstance(body, str):
        # As in the service, a body that is no JSON object comes as base64 of its bytes.
        raw = _decoded(body)
    else:
        raw = json.dumps(body).encode()
    path, _, options = f"/v1.0/{part['url'].lstrip('/')}".partition("?")
    return Request(part["method"].upper(), path, options, {**given, **kept}, raw, path)


def _decoded(body: str) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise errors.bad_request(
            "Invalid batch request: a body that is no object must be in base64."
        ) from None


def _told(response: Response) -> dict[str, Any]:
    headers = dict(response.headers)
    told: dict[str, Any] = {"status": response.status, "headers": headers}
    if headers.get("Content-Type", "").startswith(JSON):
        told["body"] = json.loads(response.body)
    elif response.body:
        told["body"] = base64.b64encode(response.body).decode("ascii")
    return told
