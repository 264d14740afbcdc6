"""$batch: several requests in one, each answered by itself under a 200 (Microsoft's page "Combine multiple HTTP
requests using JSON batching").
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Any

from placet.sandbox.graph import errors, routes
from placet.sandbox.graph.calls import JSON, Answer, content_type, read_json
from placet.sandbox.httpd import Request, Response

MOST = 20
AT_ONCE = 4
"""Requests of a batch that the Outlook service gets at a time, if none waits for another; its limits count them
(Microsoft's page "Microsoft Graph service-specific throttling limits")."""
_METHODS = ("GET", "POST", "PATCH", "DELETE", "PUT")


class Batch:
    """`answer` gives the answer to one request of a batch."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self._answer = answer

    def answer(self, request: Request) -> Answer:
        """Raises GraphError if the batch as a whole cannot be read."""
        parts = _parts(request)
        begun: dict[str, Future[dict[str, Any]]] = {}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for part in parts:
                # In their order, so that what one depends on has begun before it.
                begun[part["id"]] = pool.submit(self._one, request, part, begun)
            return Answer(200, {"responses": [future.result() for future in as_completed(begun.values())]})

    def names(self, request: Request) -> list[str]:
        """The calls in a batch, by the names that faults know them by."""
        found = []
        with contextlib.suppress(errors.GraphError):
            for part in _parts(request):
                inner = _inner(request, part)
                with contextlib.suppress(errors.GraphError):
                    found.append(routes.find(inner.method, inner.raw_path).route.name)
        return found

    def _one(
        self, outer: Request, part: Mapping[str, Any], begun: Mapping[str, Future[dict[str, Any]]]
    ) -> dict[str, Any]:
        for needed in part.get("dependsOn") or ():
            if begun[needed].result()["status"] >= 400:
                error = {"code": "FailedDependency", "message": f"The request '{needed}' failed."}
                told = {"status": 424, "headers": {"Content-Type": JSON}, "body": {"error": error}}
                return {"id": part["id"], **told}
        return {"id": part["id"], **_told(self._answer(_inner(outer, part)))}


def _parts(request: Request) -> list[dict[str, Any]]:
    """The requests of a batch. Raises GraphError if one of them cannot be read; nothing is done of their batch then."""
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
    return parts


def _check(part: Mapping[str, Any], known: set[str]) -> None:
    """Raises GraphError for a part that cannot be read."""
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
