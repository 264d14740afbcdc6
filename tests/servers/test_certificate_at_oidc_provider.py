"""The token request with a secret and with a certificate, against an OAuth server that we did not write."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
from pydantic import SecretStr

from placet.mailboxes.base import FixNeeded
from placet.mailboxes.microsoft import certificates
from placet.mailboxes.microsoft.certificates import Certificate
from placet.mailboxes.microsoft.entra import KINDS, MEANINGS, Credential, EntraGrant
from placet.mailboxes.oauth import TokenCache, fetch_token

from ..mailboxes.stub import running_stub, token_reply
from .running import OidcProvider, oidc_provider

pytestmark = pytest.mark.long

SCOPE = "https://graph.microsoft.com/.default"
SECRET = "s3cr+t/=~ & %20-of-the-application"
WITH_SECRET = "11111111-1111-4111-8111-111111111111"
STRICT = "22222222-2222-4222-8222-222222222222"  # finds its certificate by x5t#S256, as Entra ID does
LOOSE = "33333333-3333-4333-8333-333333333333"  # oidc-provider as it is: any of the client's keys will do


@pytest.fixture(scope="module")
def ours() -> Certificate:
    return certificates.make("Placet approvals@contoso.example", 12)


@pytest.fixture(scope="module")
def other() -> Certificate:
    """Of the same application too, with a key of its own."""
    return certificates.make("Another", 24)


@pytest.fixture(scope="module")
def from_openssl(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A PFX file that OpenSSL made, key and certificate too."""
    folder = tmp_path_factory.mktemp("openssl")
    key, certificate, pfx = folder / "key.pem", folder / "certificate.pem", folder / "both.pfx"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=By OpenSSL",
            "-keyout", key, "-out", certificate)  # fmt: skip
    openssl("pkcs12", "-export", "-inkey", key, "-in", certificate, "-passout", "pass:päss word", "-out", pfx)
    return pfx.read_bytes()


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def server(ours: Certificate, other: Certificate, from_openssl: bytes) -> Iterator[OidcProvider]:
    third = certificates.read([from_openssl], "päss word")
    known = [ours.pem, other.pem, third.pem]
    clients: list[dict[str, Any]] = [
        {"id": WITH_SECRET, "secret": SECRET},
        {"id": STRICT, "certificates": known, "by_thumbprint": True},
        {"id": LOOSE, "certificates": known, "by_thumbprint": False},
    ]
    with oidc_provider(clients) as running:
        yield running


def ask(server: OidcProvider, client_id: str, credential: Credential) -> str:
    return fetch_token(EntraGrant(server.token_uri, client_id, SCOPE, credential)).token.get_secret_value()


def renewed_with_the_same_key(certificate: Certificate, folder: Path) -> Certificate:
    """Another certificate of the same key: other bytes, so another thumbprint."""
    key = folder / "key.pem"
    key.write_text(certificate.key.get_secret_value())
    openssl("req", "-x509", "-key", key, "-days", "30", "-subj", "/CN=Renewed", "-out", folder / "new.pem")
    return certificates.read([(folder / "new.pem").read_bytes(), key.read_bytes()])


def test_the_secret_is_accepted_and_a_wrong_one_is_named(server: OidcProvider) -> None:
    assert len(ask(server, WITH_SECRET, SecretStr(SECRET))) > 20
    with pytest.raises(FixNeeded) as caught:
        ask(server, WITH_SECRET, SecretStr("another"))
    assert caught.value.cause == KINDS["invalid_client"].cause
    assert "invalid secret provided" in server.reasons()


@pytest.mark.parametrize("client_id", [STRICT, LOOSE])
def test_a_certificate_that_placet_made_is_accepted_each_time(
    server: OidcProvider, ours: Certificate, client_id: str
) -> None:
    tokens = {ask(server, client_id, ours) for _ in range(3)}
    assert len(tokens) == 3  # each with an assertion of its own: a second use of one is refused, see below


def test_a_pfx_that_openssl_made_is_accepted(server: OidcProvider, from_openssl: bytes) -> None:
    assert ask(server, STRICT, certificates.read([from_openssl], "päss word"))


def test_a_certificate_that_is_not_there_is_named(server: OidcProvider) -> None:
    with pytest.raises(FixNeeded) as caught:
        ask(server, LOOSE, certificates.make("Placet", 12))
    assert caught.value.cause == MEANINGS[700027].cause
    assert "signature verification failed" in server.reasons()


def test_another_certificate_of_the_same_key_is_refused_by_its_thumbprint(
    server: OidcProvider, ours: Certificate, tmp_path: Path
) -> None:
    renewed = renewed_with_the_same_key(ours, tmp_path)
    assert ask(server, LOOSE, renewed)  # the signature itself is right
    with pytest.raises(FixNeeded) as caught:
        ask(server, STRICT, renewed)
    assert caught.value.cause == MEANINGS[700027].cause
    assert "no certificate has this x5t#S256" in server.reasons()


def test_the_thumbprint_of_one_certificate_with_the_key_of_another_is_refused(
    server: OidcProvider, ours: Certificate, other: Certificate
) -> None:
    crossed = Certificate(ours.pem, other.key)
    assert ask(server, LOOSE, crossed)
    with pytest.raises(FixNeeded):
        ask(server, STRICT, crossed)
    assert "the certificate of this x5t#S256 has another key" in server.reasons()


def test_an_expired_certificate_is_named_before_anybody_is_asked(
    server: OidcProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    expired = certificates.make("Placet", 12, now=datetime.now(UTC) - timedelta(days=400))
    before = server.reasons()
    monkeypatch.setattr(requests.Session, "send", lambda *_, **__: pytest.fail("it was asked"))
    with pytest.raises(FixNeeded, match=f"{expired.thumbprint} expired on"):
        ask(server, STRICT, expired)
    assert server.reasons() == before


def test_a_signature_for_one_address_is_of_no_use_at_another(server: OidcProvider, ours: Certificate) -> None:
    """What somebody gets who has the token URI lead to a server of theirs."""
    with running_stub() as theirs:
        theirs.token_replies = [token_reply()]
        fetch_token(EntraGrant(theirs.token_uri, STRICT, SCOPE, ours))
        [caught] = theirs.token_requests
    replayed = requests.post(
        server.token_uri, data=caught.body, headers={"Content-Type": caught.headers["content-type"]}
    )
    assert (replayed.status_code, replayed.json()["error"]) == (401, "invalid_client")
    assert "audience (aud) must equal" in server.reasons()


def test_an_assertion_serves_once(
    server: OidcProvider, ours: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []
    send = requests.Session.send

    def and_remember(self: requests.Session, request: requests.PreparedRequest, **more: object) -> object:
        assert isinstance(request.body, str)
        sent.append(request.body.encode())
        return send(self, request, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(requests.Session, "send", and_remember)
    ask(server, STRICT, ours)
    monkeypatch.undo()
    form = {name: values[0] for name, values in parse_qs(sent[0].decode(), strict_parsing=True).items()}
    assert requests.post(server.token_uri, data=form).status_code == 401
    assert "must only be used once" in server.reasons()


def test_going_from_secret_to_certificate_asks_for_a_token_anew(
    server: OidcProvider, ours: Certificate
) -> None:
    cache = TokenCache()
    with_secret = EntraGrant(server.token_uri, WITH_SECRET, SCOPE, SecretStr(SECRET))
    signed = EntraGrant(server.token_uri, STRICT, SCOPE, ours)
    first = cache.token("box", with_secret)
    assert cache.token("box", with_secret) == first
    second = cache.token("box", signed)
    assert second != first
    assert (
        cache.token("box", EntraGrant(server.token_uri, STRICT, SCOPE, Certificate(ours.pem, ours.key)))
        == second
    )
