import base64
import hashlib
import itertools
import json
import logging
import socket
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
import time_machine
from pydantic import SecretStr
from structlog.testing import capture_logs

from placet.mailboxes import http
from placet.mailboxes.base import FixNeeded, MailboxError, Wait
from placet.mailboxes.microsoft import certificates
from placet.mailboxes.microsoft.certificates import Certificate
from placet.mailboxes.microsoft.entra import KINDS, MEANINGS, EntraGrant, describe_token
from placet.mailboxes.oauth import Access, Grant, Issued, TokenCache, fetch_token

from .stub import CLIENT_ID, SCOPE, SECRET, Reply, Stub, error_reply, running_stub, token_reply

SOON = 60  # seconds that another thread may take on a busy machine


class Crowded:
    """A lock that says when somebody waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.somebody_waits = threading.Event()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self.somebody_waits.set()
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_request_is_what_entra_asks_for(stub: Stub) -> None:
    issued = fetch_token(stub.grant)

    assert issued.token.get_secret_value() == "the-first-token"
    assert issued.life == 3599
    [request] = stub.token_requests
    assert request.method == "POST"
    assert request.headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert "authorization" not in request.headers
    assert parse_qs(request.body.decode(), strict_parsing=True) == {
        "client_id": [CLIENT_ID],
        "client_secret": [SECRET],
        "scope": [SCOPE],
        "grant_type": ["client_credentials"],
    }


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return certificates.make("Placet", 12)


def test_the_request_with_a_certificate_is_what_entra_asks_for(stub: Stub, certificate: Certificate) -> None:
    """Microsoft, "application authentication certificate credentials": header, claims, and no secret beside them."""
    begun = int(time.time())
    grant = EntraGrant(stub.token_uri, CLIENT_ID, SCOPE, certificate)
    fetch_token(grant)
    fetch_token(grant)

    [first, second] = [parse_qs(one.body.decode(), strict_parsing=True) for one in stub.token_requests]
    assert "authorization" not in stub.token_requests[0].headers
    assert {name: values for name, values in first.items() if name != "client_assertion"} == {
        "client_id": [CLIENT_ID],
        "scope": [SCOPE],
        "grant_type": ["client_credentials"],
        "client_assertion_type": ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"],
    }
    [assertion] = first["client_assertion"]
    header, claims = (json.loads(_decoded(part)) for part in assertion.split(".")[:2])
    of_the_bytes = hashlib.sha256(certificate.der).digest()
    assert header == {
        "alg": "PS256",
        "typ": "JWT",
        "x5t#S256": base64.urlsafe_b64encode(of_the_bytes).decode().rstrip("="),
    }
    assert claims.keys() == {"aud", "iss", "sub", "jti", "iat", "nbf", "exp"}
    assert (claims["aud"], claims["iss"], claims["sub"]) == (stub.token_uri, CLIENT_ID, CLIENT_ID)
    assert begun <= claims["iat"] == claims["nbf"] <= time.time()
    assert claims["exp"] == claims["nbf"] + 600
    assert str(uuid.UUID(claims["jti"])) == claims["jti"]
    again = json.loads(_decoded(second["client_assertion"][0].split(".")[1]))
    assert again["jti"] != claims["jti"]


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_with_a_certificate_that_is_out_of_date_nobody_is_asked(stub: Stub, certificate: Certificate) -> None:
    with (
        time_machine.travel(datetime.now(UTC) + timedelta(days=400)),
        pytest.raises(FixNeeded, match="cannot be used now"),
    ):
        fetch_token(EntraGrant(stub.token_uri, CLIENT_ID, SCOPE, certificate))
    assert stub.requests == []


def test_an_unknown_refusal_of_a_certificate_does_not_speak_of_a_secret(
    stub: Stub, certificate: Certificate
) -> None:
    stub.token_replies = [error_reply(401, "invalid_client", 999999)]
    with pytest.raises(FixNeeded) as caught:
        fetch_token(EntraGrant(stub.token_uri, CLIENT_ID, SCOPE, certificate))
    assert caught.value.cause == MEANINGS[700027].cause


def test_a_known_refusal_of_a_certificate_is_told_as_what_it_is(stub: Stub, certificate: Certificate) -> None:
    stub.token_replies = [error_reply(401, "invalid_client", 7000277)]
    with pytest.raises(FixNeeded) as caught:
        fetch_token(EntraGrant(stub.token_uri, CLIENT_ID, SCOPE, certificate))
    assert caught.value.cause == MEANINGS[7000277].cause


def test_without_any_credential_nobody_is_asked(stub: Stub) -> None:
    with pytest.raises(FixNeeded, match="Neither a client secret nor a certificate"):
        fetch_token(EntraGrant(stub.token_uri, CLIENT_ID, SCOPE, SecretStr("")))
    assert stub.requests == []


@pytest.mark.parametrize(("said", "life"), [("1200", 1200), (1, 1), (None, 300), (-5, 300), (0, 300)])
def test_a_life_that_is_not_said_is_short(stub: Stub, said: object, life: float) -> None:
    stub.token_replies = [token_reply(expires_in=said)]
    assert fetch_token(stub.grant).life == life


def test_a_token_is_fetched_once_and_renewed_five_minutes_before_its_end(stub: Stub) -> None:
    clock = Clock()
    cache = TokenCache(clock=clock)
    stub.token_replies = [token_reply("one"), token_reply("two")]

    assert cache.token("box", stub.grant).get_secret_value() == "one"
    clock.now += 3599 - 301
    assert cache.token("box", stub.grant).get_secret_value() == "one"
    assert len(stub.token_requests) == 1
    clock.now += 1
    assert cache.token("box", stub.grant).get_secret_value() == "two"


def test_a_short_life_is_renewed_a_tenth_before_its_end() -> None:
    clock = Clock()
    lives = iter("abc")
    cache = TokenCache(lambda grant: Issued(SecretStr(next(lives)), 100.0), clock)
    grant = EntraGrant("https://login.example/token", CLIENT_ID, SCOPE, SecretStr("x"))

    assert cache.token("box", grant).get_secret_value() == "a"
    clock.now += 89
    assert cache.token("box", grant).get_secret_value() == "a"
    clock.now += 1
    assert cache.token("box", grant).get_secret_value() == "b"


def test_a_token_that_still_lives_bridges_an_outage_of_entra() -> None:
    """To its last moment; and while it does, Entra is asked again every half minute."""
    clock = Clock()
    answers: list[Issued | MailboxError] = [Issued(SecretStr("a"), 3600.0)]
    asked: list[float] = []

    def fetch(grant: Grant) -> Issued:
        asked.append(clock.now - 1000)
        answer = answers.pop(0) if answers else Wait("Away.", "Wait.")
        if isinstance(answer, MailboxError):
            raise answer
        return answer

    cache = TokenCache(fetch, clock)
    grant = EntraGrant("https://login.example/token", CLIENT_ID, SCOPE, SecretStr("x"))
    for later in (0, 3300, 3329, 3330, 3359, 3580, 3599):
        clock.now = 1000.0 + later
        assert cache.token("box", grant).get_secret_value() == "a"
    clock.now = 1000.0 + 3600
    with pytest.raises(Wait):
        cache.token("box", grant)
    assert asked == [0, 3300, 3330, 3580, 3600]


def test_who_wants_a_new_token_gets_no_older_one_in_an_outage() -> None:
    """A pre-flight shows what the credentials are worth now."""
    answers: list[Issued | MailboxError] = [
        Issued(SecretStr("a"), 3600.0),
        Wait("Away.", "Wait."),
        Issued(SecretStr("b"), 9.0),
    ]

    def fetch(grant: Grant) -> Issued:
        answer = answers.pop(0)
        if isinstance(answer, MailboxError):
            raise answer
        return answer

    cache = TokenCache(fetch, Clock())
    grant = EntraGrant("https://login.example/token", CLIENT_ID, SCOPE, SecretStr("x"))
    cache.token("box", grant)
    with pytest.raises(Wait):
        cache.renew("box", grant)
    assert cache.token("box", grant).get_secret_value() == "b"


def test_many_threads_wait_for_one_request() -> None:
    asked: list[int] = []
    started = threading.Event()

    def fetch(grant: Grant) -> Issued:
        asked.append(1)
        started.wait(SOON)
        return Issued(SecretStr("shared"), 3600.0)

    cache = TokenCache(fetch)
    grant = EntraGrant("https://login.example/token", CLIENT_ID, SCOPE, SecretStr("x"))
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(cache.token("box", grant).get_secret_value()))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    started.set()
    for thread in threads:
        thread.join(SOON)
    assert found == ["shared"] * 8
    assert len(asked) == 1


def test_threads_that_waited_share_a_failure() -> None:
    asked: list[int] = []
    lock = Crowded()

    def fetch(grant: Grant) -> Issued:
        asked.append(1)
        assert lock.somebody_waits.wait(SOON)
        raise FixNeeded("Wrong secret.", "Make a new one.")

    cache = TokenCache(fetch)
    grant = EntraGrant("https://login.example/token", CLIENT_ID, SCOPE, SecretStr("x"))
    cache._entry("box", grant).lock = lock  # type: ignore[assignment]
    failures: list[str] = []

    def ask() -> None:
        try:
            cache.token("box", grant)
        except FixNeeded as error:
            failures.append(error.cause)

    first = threading.Thread(target=ask)
    second = threading.Thread(target=ask)
    for thread in (first, second):
        thread.start()
    for thread in (first, second):
        thread.join(SOON)
    assert failures == ["Wrong secret."] * 2
    assert len(asked) == 1


def test_a_thread_that_waited_for_a_token_that_is_over_asks_for_one_itself() -> None:
    lock = Crowded()
    answers = iter("-ab")
    times = itertools.count(1000.0, 100.0)  # each look at the clock is later by more than the token lives

    def fetch(grant: Grant) -> Issued:
        token = next(answers)
        if token == "-":
            raise Wait("Away.", "Wait.")
        if token == "a":
            assert lock.somebody_waits.wait(SOON)
        return Issued(SecretStr(token), 60.0)

    cache = TokenCache(fetch, lambda: next(times))
    grant = EntraGrant("https://login.example/token", CLIENT_ID, SCOPE, SecretStr("x"))
    cache._entry("box", grant).lock = lock  # type: ignore[assignment]
    with pytest.raises(Wait):
        cache.token("box", grant)  # long ago, and of no matter any more
    given: list[str] = []
    first = threading.Thread(target=lambda: given.append(cache.token("box", grant).get_secret_value()))
    first.start()
    given.append(cache.token("box", grant).get_secret_value())
    first.join(SOON)
    assert sorted(given) == ["a", "b"]


def test_a_refusal_is_heard_at_once_and_ends_the_token_that_still_lives() -> None:
    """A secret that was taken back: nobody goes on with what was given for it."""
    clock = Clock()
    answers: list[Issued | MailboxError] = [
        Issued(SecretStr("a"), 3600.0),
        FixNeeded("The client secret has expired.", "Make a new one."),
        Wait("Away.", "Wait."),
    ]

    def fetch(grant: Grant) -> Issued:
        answer = answers.pop(0)
        if isinstance(answer, MailboxError):
            raise answer
        return answer

    cache = TokenCache(fetch, clock)
    grant = EntraGrant("https://login.example/token", CLIENT_ID, SCOPE, SecretStr("x"))
    cache.token("box", grant)
    clock.now += 3400
    with pytest.raises(FixNeeded):
        cache.token("box", grant)
    with pytest.raises(Wait):
        cache.token("box", grant)


def test_other_credentials_get_another_token(stub: Stub) -> None:
    cache = TokenCache()
    stub.token_replies = [token_reply("one"), token_reply("two")]
    cache.token("box", stub.grant)
    changed = EntraGrant(stub.token_uri, CLIENT_ID, SCOPE, SecretStr("another secret"))
    assert cache.token("box", changed).get_secret_value() == "two"


def test_another_certificate_gets_another_token_and_the_same_one_does_not(
    stub: Stub, certificate: Certificate
) -> None:
    cache = TokenCache()
    stub.token_replies = [token_reply("one"), token_reply("two")]
    signed = EntraGrant(stub.token_uri, CLIENT_ID, SCOPE, certificate)
    again = EntraGrant(stub.token_uri, CLIENT_ID, SCOPE, Certificate.stored(certificate.to_text()))
    renewed = EntraGrant(stub.token_uri, CLIENT_ID, SCOPE, certificates.make("Placet", 12))
    assert [cache.token("box", grant).get_secret_value() for grant in (signed, again, renewed)] == [
        "one",
        "one",
        "two",
    ]


def test_invalidating_an_older_token_leaves_a_newer_one_alone(stub: Stub) -> None:
    cache = TokenCache()
    access = Access("box", stub.grant, cache)
    stub.token_replies = [token_reply("one"), token_reply("two")]
    old = access.token()
    access.invalidate(old)
    assert access.token().get_secret_value() == "two"
    access.invalidate(old)
    assert access.token().get_secret_value() == "two"
    assert len(stub.token_requests) == 2


#: AADSTS number, HTTP status and `error` as Microsoft documents them, and whether waiting helps.
DOCUMENTED = [
    (7000215, 401, "invalid_client", False),
    (7000222, 401, "invalid_client", False),
    (7000216, 401, "invalid_client", False),
    (700016, 400, "unauthorized_client", False),
    (7000112, 400, "unauthorized_client", False),
    (7000229, 401, "invalid_client", False),
    (90002, 400, "invalid_tenant", False),
    (900023, 400, "invalid_request", False),
    (70011, 400, "invalid_scope", False),
    (1002012, 400, "invalid_scope", False),
    (700022, 400, "invalid_request", False),
    (500011, 400, "invalid_resource", False),
    (500014, 400, "invalid_resource", False),
    (900144, 400, "invalid_request", False),
    (9000411, 400, "invalid_request", False),
    (70003, 400, "unsupported_grant_type", False),
    (700027, 401, "invalid_client", False),
    (700024, 401, "invalid_client", False),
    (7000274, 401, "invalid_client", False),
    (1000502, 401, "invalid_client", False),
    (7000214, 401, "invalid_client", False),
    (7000277, 401, "invalid_client", False),
    (700023, 401, "invalid_client", False),
    (700021, 401, "invalid_client", False),
    (50027, 401, "invalid_client", False),
    (50194, 400, "unauthorized_client", False),
    (65001, 400, "invalid_grant", False),
    (53003, 400, "invalid_grant", False),
    (50034, 400, "invalid_grant", False),
    (50126, 400, "invalid_grant", False),
    (50053, 400, "invalid_grant", False),
    (50055, 400, "invalid_grant", False),
    (50057, 400, "invalid_grant", False),
    (50076, 400, "invalid_grant", False),
    (50079, 400, "invalid_grant", False),
    (90055, 429, "temporarily_unavailable", True),
    (50196, 400, "invalid_grant", True),
    (90033, 503, "temporarily_unavailable", True),
    (90006, 503, "server_error", True),
]


def test_every_documented_error_is_in_the_table() -> None:
    assert {row[0] for row in DOCUMENTED} == set(MEANINGS)


@pytest.mark.parametrize(("code", "status", "error", "waits"), DOCUMENTED)
def test_each_error_of_entra_has_cause_and_cure(
    stub: Stub, code: int, status: int, error: str, waits: bool
) -> None:
    stub.token_replies = [error_reply(status, error, code)]
    with pytest.raises(Wait if waits else FixNeeded) as caught:
        fetch_token(stub.grant)
    assert caught.value.cause == MEANINGS[code].cause
    assert caught.value.cure == MEANINGS[code].cure
    assert caught.value.cause.endswith((".", "Value."))
    assert caught.value.details["code"] == f"AADSTS{code}"
    assert caught.value.details["trace_id"] == "0b9a4c5e-1111-4222-8333-444455556666"
    assert caught.value.details["correlation_id"] == "8f2f3b0e-0b0f-4b2c-9a35-5b3f1a2c7d11"
    assert "words of the server" not in repr(caught.value) + str(caught.value.details)


#: `error` as RFC 6749 5.2 and Microsoft document it, and whether waiting helps.
ERRORS = [
    ("invalid_client", False),
    ("unauthorized_client", False),
    ("invalid_scope", False),
    ("invalid_resource", False),
    ("invalid_tenant", False),
    ("invalid_request", False),
    ("invalid_grant", False),
    ("interaction_required", False),
    ("unsupported_grant_type", False),
    ("temporarily_unavailable", True),
    ("server_error", True),
]


def test_every_documented_kind_of_error_is_in_the_table() -> None:
    assert {error for error, _waits in ERRORS} == set(KINDS)


@pytest.mark.parametrize(("error", "waits"), ERRORS)
def test_an_unknown_number_is_judged_by_its_error(stub: Stub, error: str, waits: bool) -> None:
    stub.token_replies = [error_reply(400, error, 999999)]
    with pytest.raises(Wait if waits else FixNeeded) as caught:
        fetch_token(stub.grant)
    assert caught.value.cause == KINDS[error].cause


def test_an_unknown_error_is_to_be_fixed_and_says_where_to_look(stub: Stub) -> None:
    stub.token_replies = [error_reply(400, "brand_new", 123456)]
    with pytest.raises(FixNeeded, match=r"login\.microsoftonline\.com/error"):
        fetch_token(stub.grant)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_unknown_error_of_a_busy_server_is_waited_for(stub: Stub, status: int) -> None:
    stub.token_replies = [error_reply(status, "brand_new", 999999)]
    with pytest.raises(Wait) as caught:
        fetch_token(stub.grant)
    assert caught.value.cause == KINDS["temporarily_unavailable"].cause


def test_of_many_numbers_the_first_five_are_shown(stub: Stub) -> None:
    answer = {"error": "brand_new", "error_codes": [100001 + number for number in range(7)]}
    stub.token_replies = [Reply(400, json.dumps(answer).encode())]
    with pytest.raises(FixNeeded) as caught:
        fetch_token(stub.grant)
    assert (
        caught.value.details["code"] == "AADSTS100001, AADSTS100002, AADSTS100003, AADSTS100004, AADSTS100005"
    )


def test_what_a_foreign_server_writes_is_cut(stub: Stub) -> None:
    stub.token_replies = [Reply(400, json.dumps({"error": "x" * 99, "trace_id": "y" * 99}).encode())]
    with pytest.raises(FixNeeded) as caught:
        fetch_token(stub.grant)
    assert caught.value.details == {"status": "400", "error": "x" * 60, "trace_id": "y" * 60}


def test_what_is_no_number_is_left_out(stub: Stub) -> None:
    answer = {
        "error": "invalid_client",
        "error_codes": [[], "7000215", 70011],
        "trace_id": 7,
        "timestamp": "now",
    }
    stub.token_replies = [Reply(400, json.dumps(answer).encode())]
    with pytest.raises(FixNeeded) as caught:
        fetch_token(stub.grant)
    assert caught.value.cause == MEANINGS[70011].cause
    assert caught.value.details == {
        "status": "400", "error": "invalid_client", "code": "AADSTS70011", "timestamp": "now",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply(429, b"slow down", {"Retry-After": "7"}), Wait, "busy"),
        (Reply(503, b""), Wait, "busy"),
        (
            Reply(200, b"<html>Sign in to the proxy</html>", {"Content-Type": "text/html"}),
            FixNeeded,
            "page instead",
        ),
        (Reply(404, b"<html>not here</html>"), FixNeeded, "no token endpoint"),
        (Reply(407, b""), FixNeeded, "proxy .* asks for a password"),
        (Reply(200, b"[]"), FixNeeded, "page instead"),
        (Reply(200, b"{}"), FixNeeded, "without an access token"),
        (Reply(200, b'{"access_token": "a\\r\\nX: y"}'), FixNeeded, "without an access token"),
        (Reply(200, b'{"access_token": "abc", "token_type": "mac"}'), FixNeeded, "type"),
        (Reply(200, b'{"access_token": "abc", "expires_in": "soon"}'), FixNeeded, "no number"),
        (Reply(200, b'{"access_token": "abc", "expires_in": "12 minutes"}'), FixNeeded, "no number"),
        (Reply(300, b""), FixNeeded, "redirect"),
        (Reply(399, b""), FixNeeded, "redirect"),
        (Reply(400, b""), FixNeeded, "page instead"),
        (Reply(403, b""), FixNeeded, "page instead"),  # Glewlwyd, to a wrong secret
        (Reply(410, b""), FixNeeded, "no token endpoint"),
        (Reply(500, b""), Wait, "busy"),
        (Reply(400, b'{"error": ["x"], "error_codes": "y"}'), FixNeeded, "does not know"),
        (Reply(200, b'{"error": "invalid_client", "access_token": "abc"}'), FixNeeded, "does not accept"),
        (Reply(400, b'{"access_token": "abc"}'), FixNeeded, "does not know"),
    ],
)
def test_odd_answers_are_said_in_words(
    stub: Stub, reply: Reply, kind: type[MailboxError], words: str
) -> None:
    stub.token_replies = [reply]
    with pytest.raises(kind, match=words) as caught:
        fetch_token(stub.grant)
    if "Retry-After" in reply.headers:
        assert isinstance(caught.value, Wait)
        assert caught.value.seconds == 7


@pytest.mark.parametrize("status", [200, 302, 404, 407, 503])
def test_what_answered_in_place_of_entra_is_named(stub: Stub, status: int) -> None:
    stub.token_replies = [Reply(status, b"<html>")]
    with pytest.raises(MailboxError) as caught:
        fetch_token(stub.grant)
    assert caught.value.details == {"host": "127.0.0.1", "status": str(status)}


def test_no_redirect_takes_the_secret_elsewhere(stub: Stub) -> None:
    with running_stub() as elsewhere:
        for status in (301, 302, 303, 307, 308):
            stub.token_replies = [Reply(status, b"", {"Location": elsewhere.token_uri})]
            with pytest.raises(FixNeeded, match="redirect"):
                fetch_token(stub.grant)
        assert elsewhere.requests == []


def test_a_cut_connection_is_waited_for(stub: Stub) -> None:
    stub.token_replies = [Reply(200, b'{"access_token": "abc"}', cut_after=5)]
    with pytest.raises(Wait, match="cut"):
        fetch_token(stub.grant)


def test_an_unknown_name_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_name(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    grant = EntraGrant("https://login.nowhere.example/t/oauth2/v2.0/token", CLIENT_ID, SCOPE, SecretStr("x"))
    with pytest.raises(Wait, match=r"login\.nowhere\.example cannot be resolved"):
        fetch_token(grant)


def test_a_closed_port_and_a_port_without_tls_are_said_in_words(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "private_targets", lambda: ["127.0.0.1"])
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        grant = EntraGrant(
            f"http://127.0.0.1:{closed.getsockname()[1]}/token", CLIENT_ID, SCOPE, SecretStr("x")
        )
        with pytest.raises(Wait, match="refused the connection"):
            fetch_token(grant)
    with pytest.raises(Wait, match="No TLS connection"):
        fetch_token(EntraGrant(f"https://127.0.0.1:{stub.port}/token", CLIENT_ID, SCOPE, SecretStr("x")))


def test_neither_proxy_nor_netrc_of_the_environment_is_used_on_loopback(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://user:pass@127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://user:pass@127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert fetch_token(stub.grant).token.get_secret_value() == "the-first-token"
    assert http.proxy_for(stub.token_uri) == ""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:pass@proxy.example:3128")
    assert http.proxy_for("https://login.microsoftonline.com/x") == "proxy.example"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (f"Mon, 01 Jan 2024 00:00:00 +{'9' * 30}", None),
        ("10", 10.0),
        ("2.128", 2.128),
        ("Tue, 24 Nov 2026 10:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 09:00:00 GMT", 0.0),
        ("-5", 0.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        ("1e300", http.LONGEST_PAUSE),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str, seconds: float | None) -> None:
    now = datetime(2026, 11, 24, 10, 0, 0, tzinfo=UTC)
    assert http.retry_after({"Retry-After": value}, now) == seconds


def _jwt(claims: object) -> SecretStr:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return SecretStr(f"{part({'alg': 'none'})}.{part(claims)}.signature")


def test_a_token_says_what_it_allows() -> None:
    token = _jwt(
        {
            "aud": "https://outlook.office365.com",
            "appid": CLIENT_ID,
            "app_displayname": "Placet",
            "oid": "9a1b2c3d-5e6f-4a7b-8c9d-0e1f2a3b4c5d",
            "tid": "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
            "roles": ["full_access_as_app"],
            "exp": 1795564617,
        }
    )
    assert describe_token(token) == {
        "tenant": "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "application": CLIENT_ID,
        "application_name": "Placet",
        "object": "9a1b2c3d-5e6f-4a7b-8c9d-0e1f2a3b4c5d",
        "audience": "https://outlook.office365.com",
        "roles": ["full_access_as_app"],
        "expires": "2026-11-24T23:56:57+00:00",
    }
    assert describe_token(_jwt({"azp": CLIENT_ID}))["application"] == CLIENT_ID
    assert describe_token(_jwt({"roles": "x", "exp": 1e99}))["roles"] == []


def test_what_a_token_says_is_cut() -> None:
    said = describe_token(_jwt({"aud": "x" * 200, "roles": [number * "r" for number in range(1, 100)]}))
    assert said["audience"] == "x" * 120
    assert (len(said["roles"]), max(map(len, describe_token(_jwt({"roles": ["r" * 200]}))["roles"]))) == (
        50,
        80,
    )


@pytest.mark.parametrize("length", range(4))
def test_a_token_is_read_whatever_its_length(length: int) -> None:
    assert describe_token(_jwt({"aud": "x" * length}))["audience"] == "x" * length


def test_what_is_no_text_in_a_token_is_not_shown() -> None:
    assert describe_token(_jwt({"aud": ["x"], "tid": 7})) == describe_token(_jwt({}))


@pytest.mark.parametrize("exp", [1e99, -1e30, 1e12, "soon", None, [1]])
def test_an_end_that_is_no_moment_is_not_shown(exp: object) -> None:
    assert describe_token(_jwt({"exp": exp}))["expires"] == ""


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "a.!!!.c", "a.W10.c", "a.MQ.c"])
def test_a_token_that_cannot_be_read_is_no_error(token: str) -> None:
    assert describe_token(SecretStr(token)) == {}


def test_neither_secret_nor_token_is_in_any_repr_error_or_log(
    stub: Stub, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("", "urllib3", "requests", "authlib"):
        caplog.set_level(logging.DEBUG, name)
    stub.token_replies = [
        token_reply("SENTINEL-TOKEN"),
        error_reply(401, "invalid_client", 7000215, error_description=f"{SECRET} SENTINEL-TOKEN"),
        Reply(200, f"<html>{SECRET}</html>".encode()),
    ]
    cache = TokenCache()
    access = Access("box", stub.grant, cache)
    with capture_logs() as logged:
        token = access.token()
    told = [
        repr(access),
        repr(stub.grant),
        repr(token),
        str(token),
        repr(vars(cache)),
        repr(Issued(token, 1.0)),
    ]
    access.invalidate(token)
    for _ in range(2):
        with pytest.raises(FixNeeded) as caught:
            access.token()
        told += [
            repr(caught.value),
            str(caught.value),
            str(caught.value.details),
            repr(caught.value.__context__),
        ]
    told += [caplog.text, str(logged)]
    everything = "\n".join(told)
    assert logged == [{"event": "token_fetched", "host": "127.0.0.1", "log_level": "debug"}]
    assert SECRET not in everything
    assert "VERY-secret" not in everything
    assert "SENTINEL-TOKEN" not in everything


def test_no_part_of_a_private_key_is_in_any_repr_error_or_log(
    stub: Stub, certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("", "urllib3", "requests", "authlib"):
        caplog.set_level(logging.DEBUG, name)
    stub.token_replies = [token_reply(), error_reply(401, "invalid_client", 700027), Reply(500, b"x")]
    grant = EntraGrant(stub.token_uri, CLIENT_ID, SCOPE, certificate)
    told = [repr(grant), repr(Access("box", grant, TokenCache()))]
    with capture_logs() as logged:
        fetch_token(grant)
        for _ in range(2):
            with pytest.raises(MailboxError) as caught:
                fetch_token(grant)
            told += [repr(caught.value), str(caught.value.details), repr(caught.value.__context__)]
    everything = "\n".join([*told, caplog.text, str(logged)])
    key = certificate.key.get_secret_value().splitlines()[1:-1]
    assert len(key) > 30
    assert not any(line in everything for line in key)
    assert "BEGIN" not in everything
