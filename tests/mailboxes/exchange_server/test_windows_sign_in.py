"""Signing in with a Windows account over one connection: what is sent when, and what is never sent."""

import hashlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import SecretStr
from spnego import ContextProxy
from spnego._ntlm_raw.messages import Authenticate, Challenge, NegotiateFlags

from placet.mailboxes.base import FixNeeded, MailboxError, SignInRefused, Wait
from placet.mailboxes.microsoft.server.attempts import Attempts
from placet.mailboxes.microsoft.server.windows import NEGOTIATE, NTLM, Account, WindowsCaller, bindings
from tests.installation import PATIENCE

from .authority import made_authority
from .front import PASSWORD, USER, Answer, Front

BODY = b"<Envelope>a request</Envelope>"

_opened: list[WindowsCaller] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while _opened:
        _opened.pop().close()


def caller(front: Front, password: str = PASSWORD, scheme: str = NTLM, **more: object) -> WindowsCaller:
    account = Account(USER, SecretStr(password))
    attempts = more.pop("attempts", None) or Attempts()
    _opened.append(WindowsCaller(front.url, account, (scheme,), attempts=attempts, **more))  # type: ignore[arg-type]
    return _opened[-1]


def echoed(body: bytes, headers: dict[str, str]) -> Answer:
    return Answer(200, body)


def posted(one: WindowsCaller, body: bytes = BODY) -> bytes:
    with one.post(body, {"Content-Type": "text/xml"}) as answer:
        assert answer.status_code == 200
        return answer.content


def error_of(one: WindowsCaller) -> MailboxError:
    with pytest.raises(MailboxError) as raised:
        one.post(BODY, {})
    return raised.value


@pytest.mark.parametrize("scheme", [NTLM, NEGOTIATE])
def test_a_connection_is_signed_in_once_and_the_request_goes_once(front: Front, scheme: str) -> None:
    front.behind = echoed
    one = caller(front, scheme=scheme)
    assert [posted(one), posted(one, b"second"), posted(one, b"third")] == [BODY, b"second", b"third"]
    assert {seen.connection for seen in front.seen} == {1}
    assert [seen.body for seen in front.seen] == [b"", b"", BODY, b"second", b"third"]
    assert [seen.scheme for seen in front.seen] == ["", scheme, scheme, "", ""]


def test_a_lost_connection_is_signed_in_again(front: Front) -> None:
    front.behind = echoed
    one = caller(front)
    posted(one)
    one._session.get_adapter(front.url).close()  # as after minutes of silence
    assert posted(one) == BODY
    assert [seen.connection for seen in front.seen[3:]] == [2] * 3


def test_a_server_that_asks_again_in_the_middle_gets_what_it_asks_for(front: Front) -> None:
    front.behind = echoed
    front.each_connection_lasts = 3
    one = caller(front)
    assert [posted(one, bytes([65 + number])) for number in range(4)] == [b"A", b"B", b"C", b"D"]
    assert front.connections == 1


def test_a_wrong_password_is_offered_once(front: Front) -> None:
    error = error_of(caller(front, "wrong"))
    assert isinstance(error, SignInRefused)
    assert error.not_done
    assert "lock" in error.cure
    assert "wrong" not in f"{error} {error.details}".replace("wrong user", "")
    assert front.tried_passwords == 1


def test_a_refused_password_is_not_offered_by_another_thread_either(front: Front) -> None:
    attempts = Attempts()
    errors: list[MailboxError] = []

    def work() -> None:
        try:
            caller(front, "wrong", attempts=attempts).post(BODY, {})
        except MailboxError as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(error) for error in errors] == [SignInRefused] * 6
    assert front.tried_passwords == 1


def test_an_administrators_test_and_another_password_are_tried(front: Front) -> None:
    attempts = Attempts()
    error_of(caller(front, "wrong", attempts=attempts))
    again = caller(front, "wrong", attempts=attempts)
    again.try_again()
    error_of(again)
    assert front.tried_passwords == 2
    posted(caller(front, attempts=attempts))


def test_a_refusal_is_forgotten_after_a_while(front: Front) -> None:
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    error_of(caller(front, "wrong", attempts=attempts))
    error_of(caller(front, "wrong", attempts=attempts))
    assert front.tried_passwords == 1
    now[0] = 61.0
    error_of(caller(front, "wrong", attempts=attempts))
    assert front.tried_passwords == 2


@pytest.mark.parametrize("way", ["keep-alive off", "cut without a word"])
def test_a_connection_that_ends_between_the_legs_is_no_wrong_password(
    front: Front, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = WindowsCaller._step

    def after_the_end(self: WindowsCaller, context: ContextProxy, challenge: bytes | None) -> bytes:
        assert challenge is None or front.ended.wait(PATIENCE)
        return step(self, context, challenge)

    monkeypatch.setattr(WindowsCaller, "_step", after_the_end)
    front.keeps_connections = way != "keep-alive off"
    front.closes_after_challenge = way != "keep-alive off"
    error = error_of(caller(front))
    assert isinstance(error, Wait)
    assert error.seconds is None, "the pause is short, and grows"
    assert "keep-alive" in error.cure
    assert error.not_done
    assert front.tried_passwords == 0, (
        "an answer to a challenge goes on the connection that it came on, or not at all"
    )


@pytest.mark.parametrize("offers", [('Basic realm="a, b"',), ("Bearer",), ("Basic realm=x", "Digest y=z")])
def test_nothing_weaker_is_taken_than_what_was_chosen(front: Front, offers: tuple[str, ...]) -> None:
    front.offers = offers
    error = error_of(caller(front))
    assert isinstance(error, FixNeeded)
    assert front.tried_passwords == 0
    assert offers[0].partition(" ")[0].lower() in error.details["offered"]


def test_the_better_one_of_what_is_offered_is_taken(front: Front) -> None:
    front.behind = echoed
    front.offers = ("NTLM", "Basic realm=x")
    one = WindowsCaller(front.url, Account(USER, SecretStr(PASSWORD)), attempts=Attempts())
    _opened.append(one)
    assert posted(one) == BODY
    assert front.seen[-1].scheme == "NTLM"


@pytest.mark.parametrize("scheme", [NTLM, NEGOTIATE])
def test_a_last_word_that_cannot_be_understood_has_nothing_done_twice(front: Front, scheme: str) -> None:
    front.behind = echoed
    front.last_word = b"\x60\x82nonsense"
    assert posted(caller(front, scheme=scheme)) == BODY
    assert [seen.body for seen in front.seen].count(BODY) == 1


@pytest.mark.parametrize("status", [302, 403, 429, 503])
def test_another_answer_in_the_middle_is_judged_as_what_it_is(front: Front, status: int) -> None:
    front.first_answer = Answer(status)
    one = caller(front)
    with one.post(BODY, {}) as answer:
        assert answer.status_code == status
    front.first_answer, front.behind = None, echoed
    assert posted(one) == BODY


def test_a_redirect_is_not_followed(front: Front) -> None:
    front.behind = lambda body, headers: Answer(302, b"", {"Location": "http://127.0.0.1:9/"})
    with caller(front).post(BODY, {}) as answer:
        assert answer.status_code == 302


@pytest.mark.parametrize("challenge", [b"NTLMSSP\0", b"\x60\x82", b"\x00" * 30_000])
@pytest.mark.parametrize("scheme", [NTLM, NEGOTIATE])
def test_a_challenge_from_outside_is_judged(front: Front, challenge: bytes, scheme: str) -> None:
    front.challenge = challenge
    error = error_of(caller(front, scheme=scheme))
    assert isinstance(error, Wait)
    assert error.not_done


def test_a_challenge_that_was_cut_leaves_no_connection_behind(front: Front) -> None:
    front.first_answer = Answer(401, b"<html>401</html>", {"WWW-Authenticate": "NTLM TlRMTVNTUAACA"})
    one = caller(front)
    assert "base64" in error_of(one).cause
    front.first_answer = Answer(503)
    error_of(one)
    assert {seen.connection for seen in front.seen} == {1}


@pytest.mark.parametrize("flags", [0x00000201, 0x00008201, 0xFFFFFFFF])
def test_no_challenge_gets_less_than_ntlm_2(front: Front, flags: int) -> None:
    """[MS-NLMP] 3.3: the response of version 1 has 24 bytes."""
    front.challenge = Challenge(NegotiateFlags(flags), b"12345678").pack()
    error_of(caller(front))
    assert len(Authenticate.unpack(front.seen[-1].token).nt_challenge_response or b"") > 24


def test_who_does_not_ask_gets_no_request(front: Front) -> None:
    front.offers = ()
    error = error_of(caller(front))
    assert isinstance(error, FixNeeded)
    assert [seen.body for seen in front.seen] == [b""]


def test_no_message_of_a_sign_in_reaches_the_log(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    posted(caller(front, scheme=NEGOTIATE))
    assert not [record for record in caplog.records if record.name.startswith("spnego")]
    assert PASSWORD not in caplog.text


# --- over TLS ---------------------------------------------------------------------------------------------


def test_a_sign_in_is_bound_to_the_servers_certificate(tls_front: Front, authority: tuple[str, Path]) -> None:
    root, path = authority
    tls_front.bindings = bindings(_der(path))
    tls_front.behind = echoed
    for scheme in (NTLM, NEGOTIATE):
        one = caller(tls_front, scheme=scheme, authorities=root)
        assert posted(one) == BODY


def test_a_sign_in_at_somebody_in_the_middle_is_worth_nothing(
    tls_front: Front, authority: tuple[str, Path], tmp_path: Path
) -> None:
    root, _path = authority
    tls_front.bindings = bindings(_der(made_authority(tmp_path)[1]))  # of the real server behind
    error = error_of(caller(tls_front, authorities=root))
    assert isinstance(error, SignInRefused)
    assert "Extended Protection" in error.cure


def test_the_hash_of_a_binding_is_the_certificates_own(tmp_path: Path) -> None:
    """RFC 5929 4.1."""
    der = _der(made_authority(tmp_path, algorithm=hashes.SHA384())[1])
    bound = bindings(der)
    assert bound is not None
    assert bound.application_data == b"tls-server-end-point:" + hashlib.sha384(der).digest()
    assert bindings(None) is None
    assert bindings(b"no certificate") is None


def test_only_the_uploaded_authorities_are_believed(tls_front: Front, tmp_path: Path) -> None:
    other, _path = made_authority(tmp_path)
    for authorities in ("", other):
        error = error_of(caller(tls_front, authorities=authorities))
        assert isinstance(error, FixNeeded)
        assert "not trusted" in error.cause
    assert not tls_front.seen


def test_uploaded_authorities_stand_alone_also_beside_those_of_the_environment(
    tls_front: Front, authority: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, _path = made_authority(tmp_path)
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(authority[0])
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with pytest.raises(FixNeeded):
        caller(tls_front, authorities=other).post(BODY, {})


def _der(path: Path) -> bytes:
    return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)
