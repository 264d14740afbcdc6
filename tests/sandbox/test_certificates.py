"""Tokens for a certificate instead of a secret: by literal assertions, and by MSAL, which we did not write."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from placet.sandbox import Sandbox
from tests.sandbox import keys, wire
from tests.sandbox.graph_wire import Graph, token
from tests.sandbox.keys import ASSERTION_TYPE, Pair
from tests.sandbox.msal_client import msal_client
from tests.sandbox.test_entra import refused
from tests.sandbox.wire import Answer


@pytest.fixture
def pair(sandbox: Sandbox) -> Pair:
    """A pair whose certificate is uploaded."""
    made = keys.pair()
    assert sandbox.add_certificate(made.pem) == made.sha1.hex().upper()
    return made


def header(of: Pair, algorithm: str = "PS256") -> dict[str, Any]:
    return {"alg": algorithm, "typ": "JWT", "x5t#S256": keys.base64url(of.sha256)}


def ask(sandbox: Sandbox, assertion: str, **form: Any) -> Answer:
    fields: dict[str, Any] = {
        "client_secret": "",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }
    return wire.ask_token(sandbox, **(fields | form))


def signed(sandbox: Sandbox, of: Pair, head: dict[str, Any] | None = None, **claims: Any) -> str:
    body = keys.claims(sandbox.client_id, sandbox.token_url, **claims)
    return keys.assertion(of, head or header(of), body)


def test_an_assertion_gives_a_token_that_says_so(sandbox: Sandbox, pair: Pair) -> None:
    answer = ask(sandbox, signed(sandbox, pair))
    assert answer.status == 200, answer.text
    claims = wire.claims(answer.json["access_token"])
    assert (claims["appidacr"], claims["roles"]) == ("2", ["full_access_as_app"])
    assert wire.claims(wire.token(sandbox))["appidacr"] == "1"
    assert wire.ews(sandbox, wire.sync(), access_token=answer.json["access_token"]).status == 200


def test_the_forms_that_are_seen_in_the_field_are_taken(sandbox: Sandbox, pair: Pair) -> None:
    """RS256, SHA-1, padding, x5c beside, no nbf, times with a fraction, the issuer as the audience, the domain."""
    sha256 = {"x5t#S256": base64.urlsafe_b64encode(pair.sha256).decode()}
    sha1 = {"x5t": base64.urlsafe_b64encode(pair.sha1).decode()}
    for head in (
        header(pair, "RS256"),
        {"alg": "PS256"} | sha256,
        {"alg": "RS256"} | sha1,
        {"alg": "RS256", "x5t": keys.base64url(pair.sha1)},
        header(pair) | {"x5c": [base64.b64encode(pair.certificate.public_bytes(Encoding.DER)).decode()]},
    ):
        assert ask(sandbox, signed(sandbox, pair, head)).status == 200, head
    issuer = f"{sandbox.url}/{sandbox.tenant_id}/v2.0"
    for claims in ({"iat": time.time(), "exp": time.time() + 600.5}, {"aud": issuer}, {"nbf": 0}):
        assert ask(sandbox, signed(sandbox, pair, **claims)).status == 200, claims
    by_domain = sandbox.token_url.replace(sandbox.tenant_id, "contoso.example")
    path = "/contoso.example/oauth2/v2.0/token"
    fields: dict[str, Any] = {
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": signed(sandbox, pair, aud=by_domain),
    }
    assert wire.ask_token(sandbox, path=path, client_secret="", **fields).status == 200


def test_an_assertion_opens_graph(sandbox: Sandbox, pair: Pair) -> None:
    more = {"client_secret": "", "client_assertion_type": ASSERTION_TYPE}
    access_token = token(sandbox, client_assertion=signed(sandbox, pair), **more)
    graph = Graph(sandbox, headers={"Authorization": f"Bearer {access_token}"})
    assert graph.get("~/messages").status == 200
    assert wire.claims(access_token)["appidacr"] == "2"


def description(answer: Answer) -> str:
    return str(answer.json["error_description"])


def test_a_certificate_that_was_not_uploaded_is_not_found(sandbox: Sandbox, pair: Pair) -> None:
    other = keys.pair("other")
    answer = ask(sandbox, signed(sandbox, other))
    refused(answer, 700027, 401, "invalid_client")
    assert "[Reason - The key was not found., Thumbprint of key used by client: '" in description(answer)
    assert other.sha256.hex().upper() in description(answer)
    sandbox.remove_certificate(pair.sha1.hex())
    refused(ask(sandbox, signed(sandbox, pair)), 700027, 401, "invalid_client")


def test_another_key_under_the_thumbprint_of_an_uploaded_certificate_is_refused(
    sandbox: Sandbox, pair: Pair
) -> None:
    answer = ask(sandbox, signed(sandbox, keys.pair("other"), header(pair)))
    refused(answer, 700027, 401, "invalid_client")
    assert "The provided signature value did not match the expected signature value." in description(answer)
    assert "Found key 'Start=" in description(answer)


def test_an_algorithm_that_was_not_signed_with_is_refused(sandbox: Sandbox, pair: Pair) -> None:
    whole = signed(sandbox, pair, header(pair, "RS256"))
    relabelled = ".".join([signed(sandbox, pair).split(".")[0], *whole.split(".")[1:]])
    refused(ask(sandbox, relabelled), 700027, 401, "invalid_client")
    none = ".".join([keys.base64url(b'{"alg":"none","x5t":"' + keys.base64url(pair.sha1).encode() + b'"}'),
                     *whole.split(".")[1:]])  # fmt: skip
    refused(ask(sandbox, none), 700027, 401, "invalid_client")


def test_an_expired_certificate_is_told_by_its_dates(sandbox: Sandbox) -> None:
    old = keys.pair("old", -30, -1)
    sandbox.add_certificate(old.pem)
    answer = ask(sandbox, signed(sandbox, old))
    refused(answer, 700027, 401, "invalid_client")
    assert "[Reason - The key used is expired.," in description(answer)
    assert f"End={old.certificate.not_valid_after_utc:%m/%d/%Y %H:%M:%S}'" in description(answer)


@pytest.mark.parametrize("times", [{"exp": -1000, "nbf": -2000}, {"nbf": 1000, "exp": 2000}])
def test_an_assertion_of_another_time_says_what_time_it_is(
    times: dict[str, int], sandbox: Sandbox, pair: Pair
) -> None:
    now = int(time.time())
    answer = ask(sandbox, signed(sandbox, pair, None, **{name: now + away for name, away in times.items()}))
    refused(answer, 700024, 401, "invalid_client")
    assert "Client assertion is not within its valid time range. Current time: 20" in description(answer)


def test_a_clock_may_be_wrong_by_a_few_minutes(sandbox: Sandbox, pair: Pair) -> None:
    now = int(time.time())
    assert ask(sandbox, signed(sandbox, pair, nbf=now + 200, exp=now + 800)).status == 200
    assert ask(sandbox, signed(sandbox, pair, nbf=now - 800, exp=now - 200)).status == 200


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"aud": "https://login.microsoftonline.com/common/oauth2/v2.0/token"}, 700023),
        ({"aud": None}, 700023),
        ({"iss": "somebody"}, 700021),
        ({"sub": "somebody"}, 700021),
        ({"exp": None}, 50027),
        ({"exp": "soon"}, 50027),
        ({"exp": 1e30}, 50027),
    ],
)
def test_an_assertion_for_somebody_else_is_refused(
    claims: dict[str, Any], code: int, sandbox: Sandbox, pair: Pair
) -> None:
    refused(ask(sandbox, signed(sandbox, pair, **claims)), code, 401, "invalid_client")


def test_what_is_no_assertion_is_refused(sandbox: Sandbox, pair: Pair) -> None:
    good = signed(sandbox, pair)
    for wrong in (
        "x",
        "a.b.c",
        good.replace(".", "!"),
        f"{good}.x",
        keys.assertion(pair, {"alg": "PS256"}, {}),
    ):
        refused(ask(sandbox, wrong), 50027, 401, "invalid_client")
    refused(ask(sandbox, good, client_assertion_type=""), 900144, 400, "invalid_request")
    refused(ask(sandbox, good, client_assertion_type="urn:x"), 9002313, 400, "invalid_request")
    refused(ask(sandbox, ""), 900144, 400, "invalid_request")
    refused(ask(sandbox, good, client_id="x"), 700016, 400, "unauthorized_client")


def test_only_certificates_with_an_rsa_key_are_taken(sandbox: Sandbox, pair: Pair) -> None:
    der = pair.certificate.public_bytes(Encoding.DER)
    assert sandbox.add_certificate(der) == pair.sha1.hex().upper()
    for wrong in ("nonsense", b"\x30\x03", pair.key_pem):
        with pytest.raises(ValueError, match=r"."):
            sandbox.add_certificate(wrong)
    builder_key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(ValueError, match="RSA"):
        sandbox.add_certificate(elliptic(builder_key))


def elliptic(key: ec.EllipticCurvePrivateKey) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    of = keys.pair().certificate
    builder = x509.CertificateBuilder(of.issuer, of.subject, key.public_key(), 1)
    dated = builder.not_valid_before(of.not_valid_before_utc).not_valid_after(of.not_valid_after_utc)
    return dated.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_certificates_are_uploaded_and_taken_back_by_the_control_api(sandbox: Sandbox) -> None:
    pair = keys.pair()
    made = wire.control(sandbox, "POST", "certificates", pem=pair.pem).json
    [listed] = wire.control(sandbox, "GET", "certificates").json
    assert listed["thumbprint"] == made["thumbprint"]
    assert ask(sandbox, signed(sandbox, pair)).status == 200
    assert wire.control(sandbox, "DELETE", "certificates", **made).status == 200
    assert wire.control(sandbox, "DELETE", "certificates", **made).status == 400
    assert wire.control(sandbox, "POST", "certificates", pem="nonsense").status == 400
    refused(ask(sandbox, signed(sandbox, pair)), 700027, 401, "invalid_client")


# -- MSAL ------------------------------------------------------------------------------------------------------


def msal(sandbox: Sandbox, credential: Any) -> Any:
    return msal_client(sandbox, credential).acquire_token_for_client([sandbox.graph_scope])


def test_msal_gets_a_token_with_a_certificate(sandbox: Sandbox, pair: Pair) -> None:
    given = {"private_key": pair.key_pem, "public_certificate": pair.pem}
    for credential in (given, {"private_key": pair.key_pem, "thumbprint": pair.sha1.hex()}):
        found = msal(sandbox, credential)
        claims = wire.claims(found["access_token"])
        assert (claims["aud"], claims["appidacr"]) == ("https://graph.microsoft.com", "2")


def test_msal_gets_a_token_with_a_secret_and_hears_why_not(sandbox: Sandbox) -> None:
    assert wire.claims(msal(sandbox, sandbox.client_secret)["access_token"])["appidacr"] == "1"
    other = keys.pair("other")
    refusal = msal(sandbox, {"private_key": other.key_pem, "public_certificate": other.pem})
    assert (refusal["error"], refusal["error_codes"]) == ("invalid_client", [700027])


def test_discovery_of_another_tenant_is_refused(sandbox: Sandbox) -> None:
    path = "/{}/v2.0/.well-known/openid-configuration"
    found = wire.send(sandbox, "GET", path.format(sandbox.tenant_id)).json
    assert found["token_endpoint"] == sandbox.token_url
    answer = wire.send(sandbox, "GET", path.format("fabrikam.example"))
    assert (answer.status, answer.json["error"]) == (400, "invalid_tenant")
