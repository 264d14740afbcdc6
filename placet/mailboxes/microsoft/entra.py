"""Access tokens of Entra ID: the client-credentials grant as Microsoft speaks it.

The application proves itself by a client secret, or by an assertion that it signs with the key of a certificate
(RFC 7523 2.2). Microsoft: "OAuth 2.0 client credentials flow on the Microsoft identity platform", "Microsoft identity
platform application authentication certificate credentials" and "Microsoft Entra authentication and authorization error
codes".
"""

import base64
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import requests
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import SecretStr

from placet.mailboxes import http
from placet.mailboxes.base import FixNeeded, MailboxError, Wait
from placet.mailboxes.microsoft.certificates import Certificate, CertificateInvalid
from placet.mailboxes.oauth import Grant, session_with_secret

if TYPE_CHECKING:
    from authlib.integrations.requests_client import OAuth2Session
    from authlib.oauth2.rfc7523 import PrivateKeyJWT

ASSERTION_LIFE = 600  # seconds, the longest that Microsoft names; a clock may be wrong by minutes

#: What proves that Placet is the application: a client secret, or a certificate with its private key.
Credential = SecretStr | Certificate


@dataclass(frozen=True)
class EntraGrant(Grant):
    """Of a certificate nothing goes anywhere but a signature that says for which address it was made, and that no other
    takes."""

    credential: Credential

    def session(self) -> "OAuth2Session":
        if isinstance(self.credential, Certificate):
            return _session_that_signs(self, self.credential)
        if not self.credential.get_secret_value():
            raise FixNeeded(
                _("Neither a client secret nor a certificate is stored for this mailbox."),
                _("Enter the client secret under Remote Approval, or make a certificate there."),
            )
        return session_with_secret(self, self.credential)

    def asks_with(self) -> dict[str, str]:
        # Authlib says the client's ID beside a secret only.
        named = {"client_id": self.client_id} if isinstance(self.credential, Certificate) else {}
        return {**super().asks_with(), **named}

    def explain(self, answer: Mapping[str, Any], status: int, seconds: float | None) -> MailboxError:
        return explain(answer, status, seconds, signed=isinstance(self.credential, Certificate))

    def explain_no_json(self, response: requests.Response) -> MailboxError:
        return _not_entra(response)


def _session_that_signs(grant: Grant, certificate: Certificate) -> "OAuth2Session":
    from authlib.integrations.requests_client import OAuth2Session
    from authlib.oauth2.rfc7523 import PrivateKeyJWT

    try:
        certificate.check_time()  # Entra ID would say only that it does not take the signature
    except CertificateInvalid as error:
        raise FixNeeded(_("The certificate of the application cannot be used now."), str(error)) from None
    session = OAuth2Session(
        grant.client_id,
        certificate.key.get_secret_value(),
        scope=grant.scope,
        token_endpoint_auth_method=PrivateKeyJWT.name,
    )
    session.register_client_auth_method(_assertion(grant.token_uri, certificate))
    return session


def _assertion(token_uri: str, certificate: Certificate) -> "PrivateKeyJWT":
    """Signs what Microsoft asks for; Authlib adds `iss` and `sub`, which are the application."""
    from authlib.oauth2.rfc7523 import PrivateKeyJWT

    now = int(time.time())
    return PrivateKeyJWT(
        token_uri,
        claims={"jti": str(uuid.uuid4()), "iat": now, "nbf": now, "exp": now + ASSERTION_LIFE},
        headers={"typ": "JWT", "x5t#S256": certificate.x5t_s256},
        alg="PS256",
    )


def _not_entra(response: requests.Response) -> MailboxError:
    """No JSON: a proxy, a firewall's page, a redirect, or another web server."""
    host = http.host_of(response.url)
    status = response.status_code
    details = {"host": host, "status": str(status)}
    if 300 <= status < 400:
        return FixNeeded(
            _(
                "{host} answered the token request with a redirect, which is not followed with a secret or a signature."
            ).format(host=host),
            _(
                "Enter the access token URI exactly as the Entra admin center shows it; a proxy must not redirect it."
            ),
            details,
        )
    if status == 407:
        return FixNeeded(
            _("The proxy on the way to the token endpoint asks for a password."),
            _(http.PROXY_CURE),
            details,
        )
    if status == 429 or status >= 500:
        return Wait(
            _("The token endpoint at {host} is out of order or busy (HTTP {status}).").format(
                host=host, status=status
            ),
            _(_WAIT_CURE),
            http.retry_after(response.headers),
            details,
        )
    if status in (404, 410):
        return FixNeeded(
            _("There is no token endpoint at this address of {host} (HTTP {status}).").format(
                host=host, status=status
            ),
            _(
                "Check the access token URI; it looks like https://login.microsoftonline.com/<directory (tenant) "
                "ID>/oauth2/v2.0/token."
            ),
            details,
        )
    return FixNeeded(
        _(
            "Not Entra ID but something else answered at {host}: a page instead of JSON (HTTP {status})."
        ).format(host=host, status=status),
        _(
            "A proxy, firewall or sign-in page stands in the way, or the access token URI is wrong. Let this machine "
            "reach the token endpoint directly."
        ),
        details,
    )


@dataclass(frozen=True)
class Meaning:
    """What one error of Entra means for an administrator, in English: translated where it is told."""

    cause: str
    cure: str
    wait: bool = False


_WAIT_CURE = gettext_noop("Nothing needs to be done; Placet tries again by itself.")

_MAKE_NEW = gettext_noop(
    "In the Entra admin center open App registrations > this application > Certificates & "
    "secrets, make a new client secret, and paste its Value (shown once) into Client secret."
)

_USER_FLOW_CURE = gettext_noop(
    "Placet signs in as an application, not as a person: check that the access token URI ends "
    "in /oauth2/v2.0/token and is not rewritten by a proxy."
)

_REPORT_CURE = gettext_noop(
    "A proxy may be rewriting the request. If there is none, report this with the ids below."
)

_SCOPE_CURE = gettext_noop(
    "Empty the field Scope and save: Placet fills in the one that belongs to the cloud, such as "
    "https://graph.microsoft.com/.default."
)

_CONSENT_CURE = gettext_noop(
    "In the Entra admin center open App registrations > this application > API permissions "
    'and choose "Grant admin consent".'
)

_OUT_OF_DATE = Meaning(
    gettext_noop("Entra ID says that the application's certificate is not valid at this time."),
    gettext_noop(
        "Make a new certificate under Remote Approval > Client certificate, or set the clock of this machine by a time "
        "server (NTP) if it is wrong."
    ),
)

_REVOKED = Meaning(
    gettext_noop("The application's certificate was revoked."),
    gettext_noop(
        "Make a new certificate under Remote Approval > Client certificate, and upload it in Entra ID."
    ),
)

#: By AADSTS number (Microsoft, "Microsoft Entra authentication and authorization error codes").
MEANINGS: dict[int, Meaning] = {
    7000215: Meaning(
        gettext_noop("The client secret is wrong. Often the secret's ID was pasted instead of its Value."),
        _MAKE_NEW,
    ),
    7000222: Meaning(gettext_noop("The client secret has expired."), _MAKE_NEW),
    7000216: Meaning(
        gettext_noop("Neither a client secret nor the signature of a certificate reached Entra ID."),
        gettext_noop(
            "Enter the client secret again, or make a new certificate. A proxy may be rewriting the request. If there "
            "is none, report this with the ids below."
        ),
    ),
    700016: Meaning(
        gettext_noop("The application is unknown in this directory (tenant)."),
        gettext_noop(
            "Compare Application (client) ID and the tenant in the access token URI with the Overview "
            "page of the app registration: often they stand in each other's place. Then have an "
            "administrator give admin consent."
        ),
    ),
    7000112: Meaning(
        gettext_noop("The application is disabled in this directory."),
        gettext_noop(
            "In the Entra admin center open Enterprise applications > this application > Properties "
            'and set "Enabled for users to sign-in?" to Yes.'
        ),
    ),
    7000229: Meaning(
        gettext_noop(
            "The application is registered, but not installed in this directory (it has no service "
            "principal)."
        ),
        _CONSENT_CURE,
    ),
    90002: Meaning(
        gettext_noop("The directory (tenant) in the access token URI does not exist."),
        gettext_noop(
            "Compare it with Directory (tenant) ID on the Overview page of the app registration; "
            "often it and the Application (client) ID stand in each other's place. National clouds "
            "have other hosts than login.microsoftonline.com."
        ),
    ),
    900023: Meaning(
        gettext_noop("The directory (tenant) in the access token URI is neither an ID nor a domain name."),
        gettext_noop(
            "Put the Directory (tenant) ID between login.microsoftonline.com/ and /oauth2/v2.0/token."
        ),
    ),
    70011: Meaning(gettext_noop("The scope is malformed."), _SCOPE_CURE),
    1002012: Meaning(gettext_noop("The scope does not end in /.default."), _SCOPE_CURE),
    700022: Meaning(gettext_noop("The scope names more than one resource."), _SCOPE_CURE),
    500011: Meaning(
        gettext_noop("The resource that the scope names is unknown in this directory."), _SCOPE_CURE
    ),
    500014: Meaning(
        gettext_noop(
            "The service that the scope names (Microsoft Graph or Office 365 Exchange Online) is disabled in this "
            "directory."
        ),
        gettext_noop(
            "In the Entra admin center open Enterprise applications, show Microsoft applications, and "
            "enable it: Microsoft Graph, or Office 365 Exchange Online for Exchange Web Services."
        ),
    ),
    900144: Meaning(gettext_noop("A part of the token request did not reach Entra ID."), _REPORT_CURE),
    9000411: Meaning(
        gettext_noop("A part of the token request reached Entra ID twice."),
        gettext_noop(
            "Empty the field Scope and save: Placet fills in the right one. A proxy may be rewriting the request. If "
            "there is none, report this with the ids below."
        ),
    ),
    70003: Meaning(gettext_noop("Entra ID does not know the kind of the token request."), _REPORT_CURE),
    # One number for: not there, there with another key, and there but out of date.
    700027: Meaning(
        gettext_noop("Entra ID does not accept the certificate that the application signed with."),
        gettext_noop(
            "Compare the thumbprint here with those under Certificates & secrets > Certificates of the app "
            "registration. If it is not there, download the certificate here and upload it there; a new one may take "
            "some minutes to act. If its time is over, make a new one."
        ),
    ),
    7000274: _OUT_OF_DATE,
    1000502: _OUT_OF_DATE,
    7000214: _REVOKED,
    7000277: _REVOKED,
    700024: Meaning(
        gettext_noop(
            "The clock of this machine is wrong: Entra ID says that the request is not valid at this time."
        ),
        gettext_noop("Set the clock by a time server (NTP)."),
    ),
    700023: Meaning(
        gettext_noop("Entra ID says that the application's signature was made for another address."),
        gettext_noop(
            "Enter the access token URI exactly as it stands under Endpoints of the app registration: with the host "
            "of the organisation's own cloud."
        ),
    ),
    700021: Meaning(
        gettext_noop("Entra ID says that the application's signature was made for another application."),
        gettext_noop(
            "Check Application (client) ID. A proxy may be rewriting the request. If there is none, report this with "
            "the ids below."
        ),
    ),
    50027: Meaning(
        gettext_noop("Entra ID cannot read the signature that the application proves itself with."),
        _REPORT_CURE,
    ),
    50194: Meaning(
        gettext_noop('The access token URI says "common", which is for applications of several tenants.'),
        gettext_noop("Put the Directory (tenant) ID in its place."),
    ),
    65001: Meaning(gettext_noop("Nobody has consented to the application's permissions."), _CONSENT_CURE),
    53003: Meaning(
        gettext_noop("A Conditional Access policy does not allow this machine to sign in."),
        gettext_noop(
            "Ask who runs Conditional Access to add the public IP address of this machine to a "
            "trusted named location for workload identities."
        ),
    ),
    50034: Meaning(gettext_noop("Entra ID looked for a person who does not exist."), _USER_FLOW_CURE),
    50126: Meaning(
        gettext_noop("Entra ID was asked with a person's password, and it is wrong."), _USER_FLOW_CURE
    ),
    50053: Meaning(gettext_noop("Entra ID was asked for a person whose account is locked."), _USER_FLOW_CURE),
    50055: Meaning(
        gettext_noop("Entra ID was asked for a person whose password has expired."), _USER_FLOW_CURE
    ),
    50057: Meaning(
        gettext_noop("Entra ID was asked for a person whose account is disabled."), _USER_FLOW_CURE
    ),
    50076: Meaning(
        gettext_noop("Entra ID was asked for a person who needs multi-factor authentication."),
        _USER_FLOW_CURE,
    ),
    50079: Meaning(
        gettext_noop("Entra ID was asked for a person who must register for multi-factor authentication."),
        _USER_FLOW_CURE,
    ),
    90055: Meaning(
        gettext_noop("Entra ID has too many requests from this directory."), _WAIT_CURE, wait=True
    ),
    50196: Meaning(
        gettext_noop("Entra ID says that tokens were asked for in a loop."),
        gettext_noop(
            "Stop other programs that use the same application ID; Placet keeps its token for an hour "
            "and asks again after a pause."
        ),
        wait=True,
    ),
    90033: Meaning(gettext_noop("Entra ID has a passing fault."), _WAIT_CURE, wait=True),
    90006: Meaning(gettext_noop("Entra ID has a passing fault."), _WAIT_CURE, wait=True),
}

#: By `error`, for numbers that are not in the table.
KINDS: dict[str, Meaning] = {
    "invalid_client": Meaning(gettext_noop("Entra ID does not accept the application's secret."), _MAKE_NEW),
    "unauthorized_client": Meaning(
        gettext_noop("Entra ID does not let this application ask for a token."),
        gettext_noop(
            "Compare Application (client) ID and the tenant in the access token URI with the app "
            "registration."
        ),
    ),
    "invalid_scope": MEANINGS[70011],
    "invalid_resource": MEANINGS[500011],
    "invalid_tenant": MEANINGS[90002],
    "invalid_request": Meaning(
        gettext_noop("Entra ID does not understand the token request."),
        gettext_noop(
            "Check tenant, application ID and scope. A proxy may be rewriting the request. If there "
            "is none, report this with the ids below."
        ),
    ),
    "invalid_grant": Meaning(gettext_noop("Entra ID refuses the grant."), _USER_FLOW_CURE),
    "interaction_required": Meaning(gettext_noop("Entra ID wants a person to sign in."), _USER_FLOW_CURE),
    "unsupported_grant_type": MEANINGS[70003],
    "temporarily_unavailable": Meaning(
        gettext_noop("Entra ID is busy or out of order."), _WAIT_CURE, wait=True
    ),
    "server_error": Meaning(gettext_noop("Entra ID has a fault."), _WAIT_CURE, wait=True),
}

_UNKNOWN = Meaning(
    gettext_noop("Entra ID refused the token request for a reason that Placet does not know."),
    gettext_noop("Look up the code below at https://login.microsoftonline.com/error."),
)


def explain(
    answer: Mapping[str, Any], status: int, seconds: float | None = None, *, signed: bool = False
) -> MailboxError:
    """An error answer as FixNeeded or Wait. `error` and `error_codes` decide, never the text.

    `signed`: the application proved itself by a certificate. `error_description` is not even shown: what a foreign
    server writes there is not ours to repeat.
    """
    codes = [code for code in _as_list(answer.get("error_codes")) if isinstance(code, int)]
    meaning = next((MEANINGS[code] for code in codes if code in MEANINGS), None)
    if meaning is None and (status == 429 or status >= 500):
        meaning = KINDS["temporarily_unavailable"]
    if meaning is None and signed and answer.get("error") == "invalid_client":
        meaning = MEANINGS[700027]
    if meaning is None:
        meaning = KINDS.get(str(answer.get("error")), _UNKNOWN)
    details = {"status": str(status), "error": http.printable(str(answer.get("error", "")), 60)}
    if codes:
        details["code"] = ", ".join(f"AADSTS{code}" for code in codes[:5])
    for name in ("trace_id", "correlation_id", "timestamp"):
        if isinstance(answer.get(name), str):
            details[name] = http.printable(answer[name], 60)
    if meaning.wait:
        return Wait(_(meaning.cause), _(meaning.cure), seconds, details)
    return FixNeeded(_(meaning.cause), _(meaning.cure), details)


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def describe_token(token: SecretStr) -> dict[str, Any]:
    """What an access token says of itself, for an administrator's eyes only: nothing may be decided by it.

    Keys: tenant, application, application_name, object (ID of the Enterprise application), audience, roles (a list),
    expires (ISO 8601, UTC); empty if the token cannot be read, which is allowed (RFC 6749 1.4: opaque to the client).
    """
    try:
        claims = json.loads(_base64url(token.get_secret_value().split(".")[1]))
    except (IndexError, ValueError, RecursionError):
        return {}
    if not isinstance(claims, dict):
        return {}
    roles = [http.printable(str(role), 80) for role in _as_list(claims.get("roles"))[:50]]
    return {
        "tenant": _claim(claims, "tid"),
        "application": _claim(claims, "appid") or _claim(claims, "azp"),  # v1.0 and v2.0 shapes
        "application_name": _claim(claims, "app_displayname"),
        "object": _claim(claims, "oid"),
        "audience": _claim(claims, "aud"),
        "roles": roles,
        "expires": _expiry(claims.get("exp")),
    }


def _base64url(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _claim(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    return http.printable(value, 120) if isinstance(value, str) else ""


def _expiry(value: object) -> str:
    if not isinstance(value, int | float):
        return ""
    try:
        return datetime.fromtimestamp(value, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return ""
