"""The front door of the two services: HTTP statuses and headers, tokens, and the faults that are switched on."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping

from lxml import etree

from placet.sandbox import envelope
from placet.sandbox.entra import BadToken, Entra
from placet.sandbox.envelope import NotXml, SoapFault
from placet.sandbox.ews import INTERNAL_ERROR, Ews, EwsBlocked, busy
from placet.sandbox.faults import TOKEN, Fault, Faults, Kind, after, before
from placet.sandbox.httpd import Request, Response
from placet.sandbox.tenant import Tenant

_AUTHENTICATE = (
    'Bearer client_id="00000002-0000-0ff1-ce00-000000000000", '
    'trusted_issuers="00000001-0000-0000-c000-000000000000@*", '
    'token_types="app_asserted_user_v1 service_asserted_app_v1", '
    'authorization_uri="https://login.windows.net/common/oauth2/authorize"'
)
_NOT_KEPT = {
    "Content-Type": "application/json; charset=utf-8",
    "Cache-Control": "no-store, no-cache",
    "Pragma": "no-cache",
}


class Door:
    def __init__(self, tenant: Tenant, entra: Entra, ews: Ews, faults: Faults) -> None:
        self.tenant = tenant
        self.entra = entra
        self.ews = ews
        self.faults = faults

    def answer_token(self, request: Request, tenant_name: str) -> Response:
        struck = self.faults.draw(TOKEN)
        before(struck)
        correlation = request.header("client-request-id")
        if Kind.THROTTLED in struck:
            answer = self.entra.unavailable(90055, 429, correlation)
        elif Kind.UNAVAILABLE in struck:
            answer = self.entra.unavailable(90033, 503, correlation)
        else:
            authorization = request.header("authorization")
            answer = self.entra.answer(
                request.method,
                tenant_name,
                authorization,
                request.body,
                correlation,
                request.header("host"),
            )
        headers = {
            **_NOT_KEPT,
            "x-ms-request-id": answer.trace_id,
            **_retry_after(struck.get(Kind.THROTTLED) or struck.get(Kind.UNAVAILABLE)),
        }
        if correlation and request.header("return-client-request-id").lower() == "true":
            headers["client-request-id"] = correlation
        return after(struck, Response(answer.status, headers, json.dumps(answer.body).encode()))

    def answer_discovery(self, request: Request, tenant_name: str) -> Response:
        found = self.entra.discovery(tenant_name, request.root)
        if found is None:
            answer = self.entra.no_tenant(tenant_name, request.header("client-request-id"))
            return Response(answer.status, dict(_NOT_KEPT), json.dumps(answer.body).encode())
        return Response(200, dict(_NOT_KEPT), json.dumps(found).encode())

    def answer_ews(self, request: Request) -> Response:
        self.tenant.count("ews_requests")
        self.tenant.count("ews_bytes_received", len(request.body))
        try:
            parsed = envelope.parse(request.body) if request.method == "POST" else None
        except NotXml:
            parsed = None
        operation = "" if parsed is None else envelope.operation_of(parsed)
        struck = self.faults.draw(operation)
        before(struck)
        for kind, status in ((Kind.THROTTLED, 429), (Kind.UNAVAILABLE, 503)):
            if kind in struck:
                self.tenant.count(f"http_{status}")
                return _diagnosed(request, Response(status, _retry_after(struck[kind])))
        if Kind.REDIRECTED in struck:
            return _diagnosed(request, Response(302, {"Location": "/ews/genericerrorpage.htm"}))
        if Kind.TOKENS_EXPIRE in struck:
            self.entra.expire_tokens()
        if Kind.SYNC_LOST in struck:
            self.tenant.lose_sync_states()
        response = self._refusal(request)
        if response is None:
            self.tenant.count(f"ews_{operation}" if operation in self.ews.known else "ews_unknown")
            if not request.header("x-anchormailbox"):
                # The real service may be slow or fail without it; the sandbox answers, and tells that it was missing.
                self.tenant.count("ews_without_anchor")
            response = self._operate(parsed, struck)
        self.tenant.count("ews_bytes_sent", len(response.body))
        return after(struck, _diagnosed(request, response))

    def _operate(self, parsed: etree._Element | None, struck: Mapping[Kind, Fault]) -> Response:
        headers = {"Content-Type": "text/xml; charset=utf-8", "Cache-Control": "private"}
        if parsed is None:
            return Response(400)
        try:
            if Kind.BUSY in struck:
                raise busy(struck[Kind.BUSY].back_off_ms)
            if Kind.BUSY_INSIDE in struck:
                code, inner = "ErrorInternalServerError", "ErrorServerBusy"
                return Response(200, headers, self.ews.fail(parsed, code, INTERNAL_ERROR, inner))
            if Kind.TRANSIENT in struck:
                code = "ErrorInternalServerTransientError"
                return Response(200, headers, self.ews.fail(parsed, code, INTERNAL_ERROR))
            answer = self.ews.call(parsed, stops=Kind.STOPPED in struck)
            if isinstance(answer, bytes):
                return Response(200, headers, answer)
            return Response(200, headers, stream=answer)
        except EwsBlocked:
            self.tenant.count("http_403")
            return Response(403)
        except SoapFault as fault:
            self.tenant.count(f"fault_{fault.code}")
            return Response(500, headers, envelope.fault(fault))

    def _refusal(self, request: Request) -> Response | None:
        """What the front door says before it reads the request."""
        kind, _, token = request.header("authorization").partition(" ")
        if kind.lower() != "bearer" or not token:
            self.tenant.count("http_401")
            return Response(401, {"WWW-Authenticate": _AUTHENTICATE})
        try:
            self.entra.verify(token.strip())
        except BadToken as bad:
            self.tenant.count("http_401")
            return Response(
                401,
                {
                    "WWW-Authenticate": f'{_AUTHENTICATE}, error="invalid_token"',
                    "x-ms-diagnostics": bad.diagnostics,
                },
            )
        if self.tenant.switches.ews_blocked:
            self.tenant.count("http_403")
            return Response(403)
        if request.method != "POST":
            return Response(405, {"Allow": "POST"})
        if request.header("content-type").partition(";")[0].strip().lower() != "text/xml":
            return Response(415)
        return None


def _retry_after(fault: Fault | None) -> dict[str, str]:
    return {} if fault is None else fault.retry_header


def _diagnosed(request: Request, response: Response) -> Response:
    """Add the headers that support asks for."""
    response.headers |= {
        "request-id": str(uuid.uuid4()),
        "X-FEServer": "AM0PR00CA0001",
        "X-TargetBEServer": "AM0PR00MB0001.eurprd00.prod.outlook.com",
    }
    wanted = request.header("client-request-id")
    if wanted and request.header("return-client-request-id").lower() == "true":
        response.headers["client-request-id"] = wanted
    return response
