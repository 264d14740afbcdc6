"""`placet mcp --http`: streamable HTTP, where each caller shows a key of their own as bearer. It has no key itself."""

import threading
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import anyio.to_thread
import uvicorn
from mcp.server import MCPServer
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.transport_security import TransportSecuritySettings
from placet_client import AnswerInvalid, Placet, Problem, Unauthorised, Unavailable, Unreachable
from placet_client.addresses import is_loopback
from pydantic import AnyHttpUrl
from starlette.applications import Starlette

from placet.agents.server import build

PATH = "/mcp"
LARGEST_BODY = 1024 * 1024  # bytes
KNOWN_FOR = (
    60.0  # seconds for which a key that was good is not asked about again; Placet asks itself at each call
)
MOST_KNOWN = 1_000
PlacetWith = Callable[[str], Placet]  # with this key


class KeysOfPlacet:
    """Asks Placet whether a key is one, so that nobody else gets as far as a tool."""

    def __init__(self, placet_with: PlacetWith) -> None:
        self._placet_with = placet_with
        self._known: dict[str, float] = {}  # until when, by the hash of a key
        self._lock = threading.Lock()

    async def verify_token(self, token: str) -> AccessToken | None:
        digest = sha256(token.encode()).hexdigest()
        with self._lock:
            is_known = self._known.get(digest, 0.0) > time.monotonic()
        if not is_known:
            if not await anyio.to_thread.run_sync(self._is_key, token):
                return None
            self._remember(digest)
        # Sessions belong to whoever began them: to this key.
        return AccessToken(token=token, client_id=digest, scopes=[])

    def _is_key(self, token: str) -> bool:
        try:
            placet = self._placet_with(token)
        except ValueError:  # no header can carry it
            return False
        try:
            with placet:
                placet.process("-")  # the least that can be asked
        except (Unauthorised, Unavailable, Unreachable, AnswerInvalid):
            return False
        except Problem:
            return True  # there is none of this name, or the key may not read it
        return True

    def _remember(self, digest: str) -> None:
        now = time.monotonic()
        with self._lock:
            if len(self._known) >= MOST_KNOWN:
                self._known = {one: until for one, until in self._known.items() if until > now}
            if len(self._known) < MOST_KNOWN:
                self._known[digest] = now + KNOWN_FOR


def server_for(placet_with: PlacetWith, url: str, *, with_decisions: bool = False) -> MCPServer[Any]:
    """`url`: of Placet, where keys are made."""

    def placet_of_caller() -> Placet:
        token = get_access_token()
        if token is None:  # no call comes this far without one
            raise RuntimeError("A tool was called without a key.")
        return placet_with(token.token)

    # There is no authorization server to be discovered: a key is made on a page of Placet.
    auth = AuthSettings(issuer_url=AnyHttpUrl(url), resource_server_url=None)
    return build(
        placet_of_caller,
        with_decisions=with_decisions,
        auth=auth,
        token_verifier=KeysOfPlacet(placet_with),
    )


def application(server: MCPServer[Any], host: str, allowed_hosts: Sequence[str]) -> Starlette:
    """`allowed_hosts`: names that callers may call it by, with their port where it is not that of the scheme."""
    local = ["127.0.0.1:*", "localhost:*", "[::1]:*"] if is_loopback(host.strip("[]")) else []
    security = TransportSecuritySettings(
        allowed_hosts=[*allowed_hosts, *local],
        allowed_origins=[f"https://{name}" for name in allowed_hosts],
    )
    return server.streamable_http_app(
        streamable_http_path=PATH,
        host=host,
        max_request_body_size=LARGEST_BODY,
        transport_security=security,
    )


def serve(application: Starlette, host: str, port: int) -> None:
    """Until it is told to end."""
    uvicorn.run(application, host=host.strip("[]"), port=port, log_level="warning", server_header=False)
