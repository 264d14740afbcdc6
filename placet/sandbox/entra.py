"""The token endpoint of Entra ID for the client-credentials grant, as strict as the real one.

What is refused, with which code and status: Microsoft's "Microsoft Entra authentication and authorization error
codes", and for the shape "Microsoft identity platform and the OAuth 2.0 client credentials flow". Access tokens
are shaped as Exchange's are (version 1.0) and signed, so that EWS can refuse what was not issued here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
import urllib.parse
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from placet.sandbox import assertions
from placet.sandbox.permissions import EWS_ROLE
from placet.sandbox.tenant import Switches, Tenant

SCOPE = "https://outlook.office365.com/.default"
EXCHANGE = "https://outlook.office365.com"
GRAPH = "https://graph.microsoft.com"
GRAPH_SCOPE = f"{GRAPH}/.default"
EXCHANGE_RESOURCES = (EXCHANGE, "https://outlook.office.com")
RESOURCES = (*EXCHANGE_RESOURCES, GRAPH)

_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]", re.IGNORECASE
)
_RESOURCE = re.compile(r"(https?|api)://[^\s&?#]+")


@dataclass(frozen=True)
class TokenAnswer:
    status: int
    body: Mapping[str, Any]
    trace_id: str


class Refused(Exception):
    """Entra does not issue a token."""

    def __init__(self, code: int, status: int, error: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.status = status
        self.error = error


class BadToken(Exception):
    """The resource refuses a token, with a code of x-ms-diagnostics."""

    def __init__(self, code: int, category: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.category = category

    @property
    def diagnostics(self) -> str:
        return f'{self.code};reason="{self}";error_category="{self.category}"'


class Entra:
    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self._key = secrets.token_bytes(32)
        self._not_before = 0.0
        self._verified: dict[str, dict[str, Any]] = {}

    # -- issuing ---------------------------------------------------------------------------------------------

    def answer(
        self, method: str, tenant_name: str, authorization: str, body: bytes, correlation: str, host: str
    ) -> TokenAnswer:
        """What POST /{tenant}/oauth2/v2.0/token gives at this host; `correlation` is client-request-id or ""."""
        self.tenant.count("token_requests")
        trace_id = str(uuid.uuid4())
        try:
            claims = self._grant(method, tenant_name, authorization, body, host)
        except Refused as refused:
            self.tenant.count("token_refusals")
            return TokenAnswer(
                refused.status, _error_body(refused, trace_id, correlation or str(uuid.uuid4())), trace_id
            )
        self.tenant.count("tokens")
        life = self.tenant.switches.token_life
        answer = {
            "token_type": "Bearer",
            "expires_in": life,
            "ext_expires_in": life,
            "access_token": self.sign(claims),
        }
        return TokenAnswer(200, answer, trace_id)

    def unavailable(self, code: int, status: int, correlation: str) -> TokenAnswer:
        """What the endpoint says when it is throttled (90055) or has a bad moment (90033)."""
        text = {
            90055: "The tenant is throttled due to excessive requests.",
            90033: "A transient error has occurred. Please try again.",
        }[code]
        trace_id = str(uuid.uuid4())
        refused = Refused(code, status, "temporarily_unavailable", text)
        return TokenAnswer(status, _error_body(refused, trace_id, correlation or str(uuid.uuid4())), trace_id)

    def no_tenant(self, name: str, correlation: str) -> TokenAnswer:
        """What discovery says of a tenant that is not there."""
        trace_id = str(uuid.uuid4())
        refused = _no_tenant(name, "invalid_tenant")
        return TokenAnswer(400, _error_body(refused, trace_id, correlation or str(uuid.uuid4())), trace_id)

    def _grant(
        self, method: str, tenant_name: str, authorization: str, body: bytes, host: str
    ) -> dict[str, Any]:
        if method != "POST":
            raise Refused(
                900561,
                400,
                "invalid_request",
                f"The endpoint only accepts POST requests. Received a {method} request.",
            )
        form = _form(body)
        self._check_tenant(tenant_name)
        grant_type = _required(form, "grant_type")
        if grant_type != "client_credentials":
            raise _bad_grant_type(grant_type, form)
        basic = _basic(authorization)
        client_id = basic[0] if basic else _required(form, "client_id")
        assertion = _assertion(form)
        scope = _required(form, "scope")
        self._check_tenant_kind(tenant_name, client_id)
        resource = _resource(scope)
        self._check_client(client_id)
        if assertion:
            self._check_assertion(assertion, client_id, host)
        else:
            self._check_secret(client_id, basic[1] if basic else form.get("client_secret", ""))
        self._check_conditional_access()
        if resource.rstrip("/") not in RESOURCES:
            raise Refused(
                500011,
                400,
                "invalid_resource",
                f"The resource principal named {resource} was not found in the tenant named {self.tenant.name}. This "
                "can happen if the application has not been installed by the administrator of the tenant or "
                "consented to by any user in the tenant. You might have sent your authentication request to the "
                "wrong tenant.",
            )
        return self._claims(resource, "2" if assertion else "1")

    def _check_tenant(self, name: str) -> None:
        if name.lower() in ("common", "organizations", "consumers"):
            return
        if not _is_guid(name) and not _DOMAIN.fullmatch(name):
            raise Refused(
                900023,
                400,
                "invalid_request",
                f"Specified tenant identifier '{name}' is neither a valid DNS name, nor a valid external domain.",
            )
        if name.lower() not in (self.tenant.tenant_id, self.tenant.domain):
            raise _no_tenant(name, "invalid_request")

    def _check_tenant_kind(self, name: str, client_id: str) -> None:
        if name.lower() in ("common", "organizations", "consumers"):
            raise Refused(
                50194,
                400,
                "unauthorized_client",
                f"Application '{client_id}'({self.tenant.name} approvals) is not configured as a multi-tenant "
                f"application. Usage of the /{name.lower()} endpoint is not supported for such apps created after "
                "'10/15/2018'. Use a tenant-specific endpoint or configure the application to be multi-tenant.",
            )

    def _check_client(self, client_id: str) -> None:
        tenant, switches = self.tenant, self.tenant.switches
        if client_id.lower() != tenant.client_id:
            raise Refused(
                700016,
                400,
                "unauthorized_client",
                f"Application with identifier '{client_id}' was not found in the directory '{tenant.name}'. This can "
                "happen if the application has not been installed by the administrator of the tenant or consented "
                "to by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
            )
        if switches.service_principal_missing:
            raise Refused(
                7000229,
                401,
                "invalid_client",
                f"The client application {client_id} is missing service principal in the tenant {tenant.tenant_id}. "
                "See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119",
            )
        if switches.app_disabled:
            raise Refused(
                7000112,
                400,
                "unauthorized_client",
                f"Application '{client_id}'({tenant.name} approvals) is disabled.",
            )

    def _check_secret(self, client_id: str, secret: str) -> None:
        if not secret:
            raise Refused(
                7000216,
                401,
                "invalid_client",
                "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
            )
        if not hmac.compare_digest(secret.encode(), self.tenant.client_secret.encode()):
            raise Refused(
                7000215,
                401,
                "invalid_client",
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{client_id}'.",
            )
        if self.tenant.switches.secret_expired:
            raise Refused(
                7000222,
                401,
                "invalid_client",
                f"The provided client secret keys for app '{client_id}' are expired. Visit the Azure portal to create "
                "new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for "
                "added security: https://aka.ms/certCreds.",
            )

    def _check_conditional_access(self) -> None:
        if self.tenant.switches.conditional_access_blocks:
            # Which status and `error` Entra uses here is not documented for service principals.
            raise Refused(
                53003,
                400,
                "invalid_grant",
                "Access has been blocked by Conditional Access policies. The access policy does not allow token "
                "issuance.",
            )

    def _check_assertion(self, assertion: str, client_id: str, host: str) -> None:
        tenant = self.tenant
        try:
            assertions.check(
                assertion, client_id, tenant.certificates, host, (tenant.tenant_id, tenant.domain)
            )
        except assertions.WrongAssertion as wrong:
            raise Refused(wrong.code, 401, "invalid_client", str(wrong)) from None

    def _claims(self, resource: str, proof: str) -> dict[str, Any]:
        tenant, now = self.tenant, time.time()
        claims: dict[str, Any] = {
            "aud": resource,
            "iss": f"https://sts.windows.net/{tenant.tenant_id}/",
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now) + tenant.switches.token_life,
            "aio": secrets.token_urlsafe(20),
            "app_displayname": f"{tenant.name} approvals",
            "appid": tenant.client_id,
            "appidacr": proof,
            "idp": f"https://sts.windows.net/{tenant.tenant_id}/",
            "idtyp": "app",
            "oid": tenant.service_principal_id,
            "rh": f"0.{secrets.token_urlsafe(30)}",
            "sub": tenant.service_principal_id,
            "tid": tenant.tenant_id,
            "uti": secrets.token_urlsafe(16),
            "ver": "1.0",
        }
        if roles := _roles(tenant.switches, resource):
            claims["roles"] = roles
        # Tokens issued within one second of `expire_tokens` must not be taken for the older ones.
        claims["xms_issued"] = now
        return claims

    def sign(self, claims: Mapping[str, Any]) -> str:
        signed = f"{_encode({'typ': 'JWT', 'alg': 'HS256'})}.{_encode(claims)}"
        return f"{signed}.{self._signature(signed)}"

    def _signature(self, signed: str) -> str:
        return _base64url(hmac.digest(self._key, signed.encode("ascii"), hashlib.sha256))

    def discovery(self, tenant_name: str, root: str) -> dict[str, Any] | None:
        """The OpenID configuration that some libraries read first, or None for another tenant."""
        if tenant_name.lower() not in (self.tenant.tenant_id, self.tenant.domain):
            return None
        base = f"{root}/{tenant_name}"
        return {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": [
                "client_secret_post",
                "private_key_jwt",
                "client_secret_basic",
            ],
            "issuer": f"{root}/{self.tenant.tenant_id}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
        }

    # -- what a resource checks ------------------------------------------------------------------------------

    def expire_tokens(self) -> None:
        """Let every token that is out die now."""
        self._not_before = time.time()

    def verify(self, token: str, resources: Sequence[str] = EXCHANGE_RESOURCES) -> dict[str, Any]:
        """The claims of a token that one of these resources accepts; raises BadToken."""
        claims = self._verified.get(token)
        if claims is None:
            claims = self._check_signature(token)
            if len(self._verified) > 1000:
                self._verified.clear()
            self._verified[token] = claims
        if claims["exp"] <= time.time() or claims.get("xms_issued", self._not_before) < self._not_before:
            raise BadToken(2000002, "token_expired", "The token has expired.")
        if str(claims["aud"]).rstrip("/") not in resources:
            raise BadToken(
                2000003, "invalid_resource", f"The audience claim value is invalid '{claims['aud']}'."
            )
        if claims["tid"] != self.tenant.tenant_id:
            raise BadToken(2000004, "invalid_tenant", "The tenant of the token is not known.")
        if "roles" not in claims and not self.tenant.switches.rbac:
            raise BadToken(
                2000008,
                "invalid_grant",
                "The token contains no permissions, or permissions can not be understood.",
            )
        return claims

    def _check_signature(self, token: str) -> dict[str, Any]:
        signed, dot, signature = token.rpartition(".")
        if not dot or signed.count(".") != 1 or not token.isascii():
            raise BadToken(2000001, "invalid_token", "The token is not a well-formed JSON web token.")
        if not hmac.compare_digest(signature, self._signature(signed)):
            raise BadToken(2000000, "invalid_signature", "The signature of the token is invalid.")
        payload = signed.partition(".")[2]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return claims


def _no_tenant(name: str, error: str) -> Refused:
    return Refused(
        90002,
        400,
        error,
        f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the "
        "correct cloud. Check with your subscription administrator, this may happen if there are no active "
        "subscriptions for the tenant.",
    )


def _roles(switches: Switches, resource: str) -> list[str]:
    """The application permissions that were consented to, as far as they are the resource's."""
    if resource.rstrip("/") == GRAPH:
        return sorted(switches.graph_roles)
    return [EWS_ROLE] if switches.consented else []


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = urllib.parse.parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise Refused(
            9000410, 400, "invalid_request", "Malformed request. The body is not form-encoded."
        ) from None
    form: dict[str, str] = {}
    for name, value in pairs:
        if name in form:
            raise Refused(
                9000411,
                400,
                "invalid_request",
                f"The request is not properly formatted. The parameter '{name}' is duplicated.",
            )
        form[name] = value
    return form


def _required(form: Mapping[str, str], name: str) -> str:
    value = form.get(name, "")
    if not value:
        raise Refused(
            900144,
            400,
            "invalid_request",
            f"The request body must contain the following parameter: '{name}'.",
        )
    return value


def _assertion(form: Mapping[str, str]) -> str:
    """The client assertion, or "" where a secret is sent."""
    if "client_assertion" not in form and "client_assertion_type" not in form:
        return ""
    if _required(form, "client_assertion_type") != assertions.ASSERTION_TYPE:
        raise Refused(9002313, 400, "invalid_request", "Invalid request. Request is malformed or invalid.")
    return _required(form, "client_assertion")


def _bad_grant_type(grant_type: str, form: Mapping[str, str]) -> Refused:
    if grant_type == "refresh_token" and not form.get("refresh_token"):
        return Refused(
            900144,
            400,
            "invalid_request",
            "The request body must contain the following parameter: 'refresh_token'.",
        )
    return Refused(
        70003, 400, "unsupported_grant_type", f"The app requested an unsupported grant type '{grant_type}'."
    )


def _basic(authorization: str) -> tuple[str, str] | None:
    """Client id and secret of HTTP Basic, form-decoded as RFC 6749 section 2.3.1 asks for."""
    kind, _, value = authorization.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except ValueError:
        return None
    return urllib.parse.unquote_plus(client_id), urllib.parse.unquote_plus(secret)


def _resource(scope: str) -> str:
    """The one resource that the scope names."""
    names = scope.split()
    if len(names) > 1:
        if len({name.rpartition("/")[0] for name in names}) > 1:
            raise Refused(
                700022,
                400,
                "invalid_request",
                "The provided value for the input parameter 'scope' is not valid because it contains more than one "
                "resource.",
            )
        raise _malformed_scope(scope)
    if not names:
        raise _malformed_scope(scope)
    resource, default, rest = names[0].rpartition("/.default")
    if not default or rest:
        raise Refused(
            1002012,
            400,
            "invalid_scope",
            f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value "
            "with /.default suffixed to the resource identifier (application ID URI).",
        )
    if not _RESOURCE.fullmatch(resource) and not _is_guid(resource):
        raise _malformed_scope(scope)
    return resource


def _malformed_scope(scope: str) -> Refused:
    return Refused(
        70011,
        400,
        "invalid_scope",
        "The provided request must include a 'scope' input parameter. The provided value for the input parameter "
        f"'scope' is not valid. The scope {scope} is not valid.",
    )


def _is_guid(value: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value, re.IGNORECASE) is not None


def _error_body(refused: Refused, trace_id: str, correlation: str) -> dict[str, Any]:
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}"
    return {
        "error": refused.error,
        "error_description": f"AADSTS{refused.code}: {refused}\r\nTrace ID: {trace_id}\r\n"
        f"Correlation ID: {correlation}\r\nTimestamp: {now}",
        "error_codes": [refused.code],
        "timestamp": now,
        "trace_id": trace_id,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={refused.code}",
    }


def _encode(value: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
