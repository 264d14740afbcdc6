"""The token endpoint, by literal form bodies."""

from __future__ import annotations

import base64
import re
import urllib.parse
from collections.abc import Callable

import pytest

from placet.sandbox import Sandbox
from tests.sandbox import wire
from tests.sandbox.wire import Answer


def test_a_good_request_gives_a_bearer_token_and_never_a_refresh_token(sandbox: Sandbox) -> None:
    answer = wire.ask_token(sandbox)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store, no-cache"
    assert set(answer.json) == {"token_type", "expires_in", "ext_expires_in", "access_token"}
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("Bearer", 3599)


def test_the_token_has_the_claims_of_an_exchange_token(sandbox: Sandbox) -> None:
    claims = wire.claims(wire.token(sandbox))
    assert claims["aud"] == "https://outlook.office365.com"
    assert claims["iss"] == f"https://sts.windows.net/{sandbox.tenant_id}/"
    assert (claims["appid"], claims["appidacr"], claims["ver"]) == (sandbox.client_id, "1", "1.0")
    assert claims["oid"] == claims["sub"] != sandbox.client_id
    assert claims["roles"] == ["full_access_as_app"]
    assert claims["exp"] - claims["iat"] == 3599
    assert "scp" not in claims


def test_without_consent_a_token_is_issued_that_has_no_roles(sandbox: Sandbox) -> None:
    sandbox.switches.consented = False
    answer = wire.ask_token(sandbox)
    assert answer.status == 200
    assert "roles" not in wire.claims(answer.json["access_token"])


def test_a_token_for_graph_says_so(sandbox: Sandbox) -> None:
    answer = wire.ask_token(sandbox, scope="https://graph.microsoft.com/.default")
    claims = wire.claims(answer.json["access_token"])
    assert (claims["aud"], claims["roles"]) == (
        "https://graph.microsoft.com",
        ["Mail.ReadWrite", "Mail.Send"],
    )


def test_a_doubled_slash_in_the_scope_shows_in_the_audience_and_works(sandbox: Sandbox) -> None:
    access_token = wire.ask_token(sandbox, scope="https://outlook.office365.com//.default").json[
        "access_token"
    ]
    assert wire.claims(access_token)["aud"] == "https://outlook.office365.com/"
    assert wire.ews(sandbox, wire.sync(), access_token=access_token).status == 200


def test_the_tenant_may_be_named_by_its_domain(sandbox: Sandbox) -> None:
    assert wire.ask_token(sandbox, path="/contoso.example/oauth2/v2.0/token").status == 200


def test_http_basic_with_an_encoded_secret_is_accepted(sandbox: Sandbox) -> None:
    pair = f"{sandbox.client_id}:{urllib.parse.quote_plus(sandbox.client_secret)}"
    basic = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    assert wire.ask_token(sandbox, client_id="", client_secret="", headers=basic).status == 200


def test_http_basic_without_encoding_the_secret_is_a_wrong_secret(sandbox: Sandbox) -> None:
    pair = f"{sandbox.client_id}:{sandbox.client_secret}"
    basic = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    refused(
        wire.ask_token(sandbox, client_id="", client_secret="", headers=basic), 7000215, 401, "invalid_client"
    )


def test_the_scope_with_grant_type_glued_on_works_raw_and_unrepeated(sandbox: Sandbox) -> None:
    body = (
        f"client_id={sandbox.client_id}&client_secret={urllib.parse.quote_plus(sandbox.client_secret)}"
        "&scope=https://outlook.office365.com/.default&grant_type=client_credentials"
    )
    assert wire.raw_token(sandbox, body).status == 200
    refused(wire.raw_token(sandbox, f"{body}&grant_type=client_credentials"), 9000411, 400, "invalid_request")


def test_a_secret_that_is_not_encoded_is_a_wrong_secret(sandbox: Sandbox) -> None:
    assert set("+/=") <= set(sandbox.client_secret)
    body = (
        f"client_id={sandbox.client_id}&client_secret={sandbox.client_secret}"
        "&scope=https%3A%2F%2Foutlook.office365.com%2F.default&grant_type=client_credentials"
    )
    refused(wire.raw_token(sandbox, body), 7000215, 401, "invalid_client")


def refused(answer: Answer, code: int, status: int, error: str) -> None:
    assert answer.status == status, answer.text
    assert answer.json["error"] == error
    assert answer.json["error_codes"] == [code]
    description = answer.json["error_description"]
    assert description.startswith(f"AADSTS{code}: ")
    assert re.search(
        r"\r\nTrace ID: \S+\r\nCorrelation ID: \S+\r\nTimestamp: \d{4}-\d\d-\d\d \S+Z$", description
    )
    assert answer.json["trace_id"] == answer.headers["x-ms-request-id"]
    assert answer.json["error_uri"].endswith(f"code={code}")


GUID = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
FORMS: list[tuple[dict[str, str], int, int, str]] = [
    ({"client_secret": "wrong"}, 7000215, 401, "invalid_client"),
    ({"client_secret": ""}, 7000216, 401, "invalid_client"),
    ({"client_id": GUID}, 700016, 400, "unauthorized_client"),
    ({"client_id": ""}, 900144, 400, "invalid_request"),
    ({"scope": ""}, 900144, 400, "invalid_request"),
    ({"grant_type": ""}, 900144, 400, "invalid_request"),
    ({"grant_type": "password"}, 70003, 400, "unsupported_grant_type"),
    ({"grant_type": "refresh_token"}, 900144, 400, "invalid_request"),
    ({"scope": "not a scope"}, 70011, 400, "invalid_scope"),
    ({"scope": "nonsense/.default"}, 70011, 400, "invalid_scope"),
    ({"scope": " "}, 70011, 400, "invalid_scope"),
    ({"scope": "https://outlook.office365.com/EWS.AccessAsUser.All"}, 1002012, 400, "invalid_scope"),
    (
        {"scope": "https://outlook.office365.com/.default&grant_type=client_credentials"},
        1002012,
        400,
        "invalid_scope",
    ),
    (
        {"scope": "https://outlook.office365.com/.default https://graph.microsoft.com/.default"},
        700022,
        400,
        "invalid_request",
    ),
    ({"scope": "https://outlook.office365.com.example/.default"}, 500011, 400, "invalid_resource"),
]


@pytest.mark.parametrize(("form", "code", "status", "error"), FORMS)
def test_a_wrong_form_is_refused(
    form: dict[str, str], code: int, status: int, error: str, sandbox: Sandbox
) -> None:
    refused(wire.ask_token(sandbox, path=None, headers=None, **form), code, status, error)


@pytest.mark.parametrize(
    ("tenant", "code", "error"),
    [
        (GUID, 90002, "invalid_request"),
        ("fabrikam.example", 90002, "invalid_request"),
        ("%7Btenant%7D", 900023, "invalid_request"),
        ("con%20toso", 900023, "invalid_request"),
        ("common", 50194, "unauthorized_client"),
        ("organizations", 50194, "unauthorized_client"),
    ],
)
def test_a_wrong_tenant_is_refused(tenant: str, code: int, error: str, sandbox: Sandbox) -> None:
    refused(wire.ask_token(sandbox, path=f"/{tenant}/oauth2/v2.0/token"), code, 400, error)


@pytest.mark.parametrize(
    ("switch", "code", "status", "error"),
    [
        ("secret_expired", 7000222, 401, "invalid_client"),
        ("app_disabled", 7000112, 400, "unauthorized_client"),
        ("service_principal_missing", 7000229, 401, "invalid_client"),
        ("conditional_access_blocks", 53003, 400, "invalid_grant"),
    ],
)
def test_a_switch_makes_a_good_request_fail(
    switch: str, code: int, status: int, error: str, sandbox: Sandbox
) -> None:
    setattr(sandbox.switches, switch, True)
    refused(wire.ask_token(sandbox), code, status, error)


@pytest.mark.parametrize(("kind", "code", "status"), [("throttled", 90055, 429), ("unavailable", 90033, 503)])
def test_the_endpoint_has_bad_moments_by_switch(kind: str, code: int, status: int, sandbox: Sandbox) -> None:
    sandbox.faults.set(kind, operations=["token"], retry_after=7)
    answer = wire.ask_token(sandbox)
    refused(answer, code, status, "temporarily_unavailable")
    assert answer.headers["Retry-After"] == "7"


def test_only_post_is_accepted(sandbox: Sandbox) -> None:
    refused(
        wire.send(sandbox, "GET", f"/{sandbox.tenant_id}/oauth2/v2.0/token"), 900561, 400, "invalid_request"
    )


def test_a_body_that_is_no_form_is_refused(sandbox: Sandbox) -> None:
    answer = wire.send(sandbox, "POST", f"/{sandbox.tenant_id}/oauth2/v2.0/token", b"\xff\xfe")
    refused(answer, 9000410, 400, "invalid_request")


def test_the_correlation_id_of_the_caller_comes_back(sandbox: Sandbox) -> None:
    given = {"client-request-id": "my-request", "return-client-request-id": "true"}
    answer = wire.ask_token(sandbox, client_secret="wrong", headers=given)
    assert answer.json["correlation_id"] == answer.headers["client-request-id"] == "my-request"


def test_token_requests_are_counted(sandbox: Sandbox) -> None:
    before = sandbox.counters["token_requests"]
    wire.ask_token(sandbox)
    wire.ask_token(sandbox, client_secret="wrong")
    assert sandbox.counters["token_requests"] == before + 2
    assert (sandbox.counters["tokens"], sandbox.counters["token_refusals"]) == (1, 1)


# -- what EWS makes of tokens --------------------------------------------------------------------------------


def no_token(sandbox: Sandbox) -> str:
    return ""


def no_json_web_token(sandbox: Sandbox) -> str:
    return "nonsense"


def not_ascii(sandbox: Sandbox) -> str:
    return "\xe9.\xe9.\xe9"


def tampered(sandbox: Sandbox) -> str:
    head, payload, signature = wire.token(sandbox).split(".")
    other = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).replace(b"contoso", b"evil")
    return f"{head}.{base64.urlsafe_b64encode(other + b' ').decode().rstrip('=')}.{signature}"


def of_another_sandbox(sandbox: Sandbox) -> str:
    with Sandbox() as other:
        return wire.token(other)


def for_graph(sandbox: Sandbox) -> str:
    return str(wire.ask_token(sandbox, scope="https://graph.microsoft.com/.default").json["access_token"])


def dead_at_birth(sandbox: Sandbox) -> str:
    sandbox.switches.token_life = 0
    return wire.token(sandbox)


def expired_by_switch(sandbox: Sandbox) -> str:
    access_token = wire.token(sandbox)
    sandbox.expire_tokens()
    return access_token


def without_roles(sandbox: Sandbox) -> str:
    sandbox.switches.consented = False
    return wire.token(sandbox)


def of_another_tenant(sandbox: Sandbox) -> str:
    claims = wire.claims(wire.token(sandbox)) | {"tid": GUID}
    return sandbox.entra.sign(claims)


@pytest.mark.parametrize(
    ("make", "diagnostics"),
    [
        (no_token, ""),
        (no_json_web_token, "2000001;"),
        (not_ascii, "2000001;"),
        (tampered, "2000000;"),
        (of_another_sandbox, "2000000;"),
        (for_graph, "2000003;"),
        (dead_at_birth, "2000002;"),
        (expired_by_switch, "2000002;"),
        (of_another_tenant, "2000004;"),
        (without_roles, "2000008;"),
    ],
)
def test_ews_refuses_a_token_with_401_and_diagnostics(
    make: Callable[[Sandbox], str], diagnostics: str, sandbox: Sandbox
) -> None:
    answer = wire.ews(sandbox, wire.sync(), access_token=make(sandbox))
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith(
        'Bearer client_id="00000002-0000-0ff1-ce00-000000000000"'
    )
    assert answer.headers.get("x-ms-diagnostics", "").startswith(diagnostics)
    assert ('error="invalid_token"' in answer.headers["WWW-Authenticate"]) == bool(diagnostics)


def test_a_new_token_works_after_all_were_expired(sandbox: Sandbox) -> None:
    expired_by_switch(sandbox)
    assert wire.ews(sandbox, wire.sync()).status == 200


def test_rbac_opens_its_mailboxes_to_a_token_without_roles_and_no_others(sandbox: Sandbox) -> None:
    sandbox.switches.consented = False
    sandbox.switches.rbac = {wire.APPROVALS}
    assert wire.ews(sandbox, wire.sync()).status == 200
    other = wire.ews(sandbox, wire.sync(), header=wire.impersonate("ann@contoso.example"))
    assert (other.status, other.codes) == (500, ["ErrorImpersonateUserDenied"])
