"""The front door of Graph: tokens, permissions, throttling, the faults that are switched on, statuses and headers."""

from __future__ import annotations

import contextlib
import email.utils
import json
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from placet.sandbox import permissions
from placet.sandbox.delivery import Post
from placet.sandbox.entra import GRAPH, BadToken, Entra
from placet.sandbox.faults import OF_THE_CONNECTION, OF_THE_SERVICE, Fault, Faults, Kind, after, before
from placet.sandbox.graph import errors, query, routes
from placet.sandbox.graph.batch import Batch
from placet.sandbox.graph.calls import Answer, Call, Calls, MailCall
from placet.sandbox.graph.errors import GraphError
from placet.sandbox.graph.routes import Target
from placet.sandbox.graph.subscriptions import Subscriptions
from placet.sandbox.httpd import Request, Response
from placet.sandbox.tenant import Mailbox, Tenant

_JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
_AUTHENTICATE = (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
    'client_id="00000003-0000-0000-c000-000000000000"'
)
_SERVER = '{"ServerInfo":{"DataCenter":"West Europe","Slice":"E","Ring":"5","ScaleUnit":"001","RoleInstance":"AM1"}}'
_DIRECTORY_ROLES = {"User.Read.All", "User.ReadWrite.All"}
_TEN_MINUTES = 600.0


class GraphDoor:
    def __init__(self, tenant: Tenant, entra: Entra, post: Post, faults: Faults) -> None:
        self.tenant = tenant
        self.entra = entra
        self.faults = faults
        self.calls = Calls(tenant, post)
        self.subscriptions = Subscriptions(tenant)
        self._batch = Batch(self._answer_part)
        self._traffic = _Traffic(tenant)

    def answer(self, request: Request) -> Response:
        self.tenant.count("graph_requests")
        self.tenant.count("graph_bytes_received", len(request.body))
        target = _target(request)
        name = _name(target)
        parts = self._batch.names(request) if name == "graph_batch" else ()
        struck = self.faults.draw(name, *parts, kinds=OF_THE_CONNECTION)
        struck |= self.faults.draw(name, kinds=OF_THE_SERVICE)
        response = self._answer(request, target, struck)
        self.tenant.count("graph_bytes_sent", len(response.body))
        return after(struck, response)

    def _answer_part(self, request: Request) -> Response:
        """The answer to one request of a batch."""
        target = _target(request)
        return self._answer(request, target, self.faults.draw(_name(target), kinds=OF_THE_SERVICE))

    def _answer(
        self, request: Request, target: Target | GraphError, struck: Mapping[Kind, Fault]
    ) -> Response:
        mailbox = self._mailbox(target)
        with self._traffic.running(mailbox) as too_many:
            before(struck)
            return self._respond(request, target, mailbox, struck, too_many)

    def _mailbox(self, target: Target | GraphError) -> Mailbox | None:
        if isinstance(target, GraphError) or "user" not in target.names:
            return None
        with self.tenant.lock:
            return self.tenant.user(target.names["user"])

    def _respond(
        self,
        request: Request,
        target: Target | GraphError,
        mailbox: Mailbox | None,
        struck: Mapping[Kind, Fault],
        too_many: GraphError | None,
    ) -> Response:
        request_id = str(uuid.uuid4())
        client_request_id = request.header("client-request-id") or request_id
        try:
            _strike(struck)
            if Kind.TOKENS_EXPIRE in struck:
                self.entra.expire_tokens()
            if Kind.SYNC_LOST in struck:
                self.tenant.lose_sync_states()
            claims = self._claims(request)
            if too_many is not None:
                raise too_many
            if isinstance(target, GraphError):
                raise target
            self.tenant.count(target.route.name)
            response = _written(self._operate(request, target, mailbox, claims))
        except GraphError as wrong:
            self.tenant.count(f"http_{wrong.status}")
            body = json.dumps(wrong.body(request_id, client_request_id)).encode()
            response = Response(wrong.status, {"Content-Type": "application/json", **wrong.headers}, body)
        response.headers |= {
            "request-id": request_id,
            "client-request-id": client_request_id,
            "x-ms-ags-diagnostic": _SERVER,
            "Date": email.utils.format_datetime(datetime.now(UTC), usegmt=True),
            "Cache-Control": "no-cache",
        }
        return response

    def _operate(
        self, request: Request, target: Target, mailbox: Mailbox | None, claims: Mapping[str, Any]
    ) -> Answer:
        if target.route.name == "graph_batch":
            return self._batch.answer(request)
        call = Call(
            request,
            f"{request.root}/v1.0",
            target.names,
            query.read(request.query),
            _preferences(request.header("prefer")),
            claims,
        )
        if "user" not in target.names:
            return self._subscribe(call, target)
        box = self._opened(target.names["user"], mailbox, target.route.needs, claims)
        if target.route.name == "graph_translate":
            self._check_directory(claims)
        if len(request.body) > self.tenant.switches.max_graph_request_bytes:
            raise GraphError(413, "RequestEntityTooLarge", "Maximum request length exceeded.")
        with self.tenant.changed:
            mail_call = MailCall(**vars(call), mailbox=box)
            answer: Answer = getattr(self.calls, target.route.does)(mail_call)
            self.tenant.changed.notify_all()
        return answer

    def _subscribe(self, call: Call, target: Target) -> Answer:
        def readable(name: str) -> Mailbox:
            with self.tenant.lock:
                mailbox = self.tenant.user(name)
            return self._opened(name, mailbox, routes.READ, call.claims)

        answer: Answer = getattr(self.subscriptions, target.route.does)(call, readable)
        return answer

    # -- who may ---------------------------------------------------------------------------------------------

    def _claims(self, request: Request) -> dict[str, Any]:
        """The claims of the caller's token. Raises GraphError."""
        kind, _, token = request.header("authorization").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise _unauthorized("Access token is empty.")
        try:
            return self.entra.verify(token.strip(), (GRAPH,))
        except BadToken as bad:
            if bad.category == "invalid_grant":
                raise _unauthorized(str(bad), "NoPermissionsInAccessToken") from None
            raise _unauthorized(_BAD_TOKEN.get(bad.category, _BAD_TOKEN["invalid_token"])) from None

    def _opened(self, name: str, mailbox: Mailbox | None, role: str, claims: Mapping[str, Any]) -> Mailbox:
        """The mailbox, if the caller may do there what the role allows. Raises GraphError."""
        switches = self.tenant.switches
        if mailbox is None:
            raise errors.no_such_user(name)
        consented = claims.get("roles", ())
        if switches.graph_blocked:
            raise errors.no_odata()
        if not permissions.may(switches, mailbox, role, consented):
            raise errors.no_odata() if permissions.is_limited(switches, mailbox) else errors.access_denied()
        if mailbox.address.lower() in switches.unlicensed:
            raise errors.no_mailbox()
        return mailbox

    def _check_directory(self, claims: Mapping[str, Any]) -> None:
        needed = self.tenant.switches.translation_needs_directory
        if needed and not _DIRECTORY_ROLES & set(claims.get("roles", ())):
            raise errors.no_privileges()


def _target(request: Request) -> Target | GraphError:
    try:
        return routes.find(request.method, request.raw_path)
    except GraphError as wrong:
        return wrong


def _name(target: Target | GraphError) -> str:
    return "" if isinstance(target, GraphError) else target.route.name


_BAD_TOKEN = {
    "token_expired": "Access token has expired or is not yet valid.",
    "invalid_resource": "Access token validation failure. Invalid audience.",
    "invalid_signature": "Access token validation failure. Invalid signature.",
    "invalid_token": "CompactToken parsing failed with error code: 80049217",
}


def _unauthorized(text: str, code: str = "InvalidAuthenticationToken") -> GraphError:
    return GraphError(401, code, text, {"WWW-Authenticate": _AUTHENTICATE})


def _strike(struck: Mapping[Kind, Fault]) -> None:
    """Raises what a fault makes the service say. Some have no equal in Graph; then it is what stands nearest."""
    if fault := struck.get(Kind.THROTTLED):
        raise GraphError(429, "TooManyRequests", "Please retry again later.", fault.retry_header)
    if fault := struck.get(Kind.UNAVAILABLE):
        text = "The service is temporarily unavailable. Please try again later."
        raise GraphError(503, "ServiceUnavailable", text, fault.retry_header)
    if fault := struck.get(Kind.BUSY):
        # Exchange says in milliseconds how long, Graph in seconds with a fraction.
        wait = {"Retry-After": f"{fault.back_off_ms / 1000:g}"}
        raise GraphError(
            429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.", wait
        )
    if Kind.BUSY_INSIDE in struck:
        raise GraphError(
            503, "ErrorServerBusy", "The server cannot service this request right now. Try again later."
        )
    if Kind.TRANSIENT in struck or Kind.STOPPED in struck:
        text = "An internal server error occurred. Try again later."
        raise GraphError(500, "ErrorInternalServerTransientError", text)
    if Kind.REDIRECTED in struck:
        raise GraphError(504, "UnknownError", "")


def _written(answer: Answer) -> Response:
    if answer.value is None:
        return Response(answer.status, answer.headers)
    if isinstance(answer.value, bytes):
        return Response(answer.status, answer.headers, answer.value)
    headers = {"Content-Type": _JSON, **answer.headers}
    return Response(answer.status, headers, json.dumps(answer.value).encode())


def _preferences(header: str) -> dict[str, str]:
    """What the Prefer header asks for, by lower-case name."""
    found: dict[str, str] = {}
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        found[name.strip().lower()] = value.strip().strip('"')
    return found


class _Traffic:
    """How much goes on in each mailbox: the limits of the Outlook service."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._running: Counter[str] = Counter()
        self._times: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def running(self, mailbox: Mailbox | None) -> Iterator[GraphError | None]:
        """While a request runs; gives the error that it must get if it is one too many."""
        if mailbox is None:
            yield None
            return
        with self._lock:
            self._running[mailbox.address] += 1
            too_many = self._refusal(mailbox.address)
        try:
            yield too_many
        finally:
            with self._lock:
                self._running[mailbox.address] -= 1

    def _refusal(self, address: str) -> GraphError | None:
        switches, now = self._tenant.switches, time.monotonic()
        if switches.mailbox_concurrency is not None and self._running[address] > switches.mailbox_concurrency:
            self._tenant.count("graph_too_concurrent")
            return errors.too_concurrent()
        if switches.mailbox_requests is None:
            return None
        times = self._times.setdefault(address, deque())
        while times and times[0] <= now - _TEN_MINUTES:
            times.popleft()
        if len(times) >= switches.mailbox_requests:
            return errors.throttled(f"{times[0] + _TEN_MINUTES - now:.3f}")
        times.append(now)
        return None
