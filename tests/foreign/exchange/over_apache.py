"""Signing in at Apache by NTLM and by Kerberos, and the main job through it. Run by `test_apache.py` in a process that
has gssapi."""

import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr

from placet.approvals.models import Decision, Request
from placet.mailboxes import http
from placet.mailboxes.base import SignInRefused, Wait
from placet.mailboxes.microsoft.server.attempts import Attempts
from placet.mailboxes.microsoft.server.fields import PASSWORD as FIELD
from placet.mailboxes.microsoft.server.kerberos import has_kerberos
from placet.mailboxes.microsoft.server.windows import NEGOTIATE, NTLM, Account, WindowsCaller
from placet.sandbox.server import Sandbox
from tests.journeys.conftest import DOMAIN, close_connections, make_world
from tests.mailboxes.exchange_server.authority import made_authority
from tests.mailboxes.exchange_server.exchange import exchange_behind
from tests.mailboxes.exchange_server.front import Answer

from .servers import NAME, PASSWORD, REALM, Apache, running_apache, running_kdc

BOX = f"approvals@{DOMAIN}"
NTLM_USER = f"{REALM.partition('.')[0]}\\{NAME}"
KERBEROS_USER = f"{NAME}@{REALM}"
Behind = Callable[[bytes, dict[str, str]], Answer]


def echoed(body: bytes, headers: dict[str, str]) -> Answer:
    return Answer(200, body)


class Backend:
    """What Apache hands signed-in requests on to."""

    def __init__(self) -> None:
        self.answer: Behind = echoed
        self.seen: list[dict[str, str]] = []
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                backend.seen.append(headers)
                answer = backend.answer(body, headers)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    running = Backend()
    running.thread.start()
    yield running
    running.server.shutdown()
    running.server.server_close()
    running.thread.join()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """With a realm that runs. Apache reads it as somebody else, who may not look into the folders of tests."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with running_kdc(folder):
            yield folder


@pytest.fixture(scope="module")
def authority(folder: Path) -> tuple[str, Path]:
    root, path = made_authority(folder)
    path.chmod(0o644)
    return root, path


@pytest.fixture(scope="module")
def apache(folder: Path, authority: tuple[str, Path], backend: Backend) -> Iterator[Callable[..., Apache]]:
    """Each form of it is started once."""
    running: dict[str, Apache] = {}
    with ExitStack() as stack:

        def started(mechanism: str, **how: bool) -> Apache:
            name = f"{mechanism}{json.dumps(how, sort_keys=True)}"
            if name not in running:
                place = folder / f"apache{len(running)}"
                running[name] = stack.enter_context(
                    running_apache(place, backend.port, authority[1], mechanism, **how)
                )
            return running[name]

        yield started


@pytest.fixture(autouse=True)
def _anew(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    backend.answer = echoed
    monkeypatch.setattr(http, "private_targets", lambda: ["localhost"])


@pytest.fixture
def caller(authority: tuple[str, Path]) -> Iterator[Callable[..., WindowsCaller]]:
    with ExitStack() as stack:

        def made(apache: Apache, user: str, scheme: str, password: str = PASSWORD) -> WindowsCaller:
            one = WindowsCaller(
                f"https://{apache.server}/EWS/Exchange.asmx",
                Account(user, SecretStr(password)),
                (scheme,),
                authorities=authority[0],
                attempts=Attempts(),
            )
            stack.callback(one.close)
            return one

        yield made


def posted(one: WindowsCaller, body: bytes) -> bytes:
    with one.post(body, {"Content-Type": "text/xml"}) as answer:
        assert answer.status_code == 200
        return answer.content


Made = Callable[..., WindowsCaller]
Started = Callable[..., Apache]


def test_this_process_has_kerberos() -> None:
    assert has_kerberos()


@pytest.mark.parametrize("scheme", [NTLM, NEGOTIATE])
def test_ntlm_signs_a_connection_in(apache: Started, caller: Made, backend: Backend, scheme: str) -> None:
    one = caller(apache("ntlmssp"), NTLM_USER, scheme)
    before = len(backend.seen)
    assert [posted(one, body) for body in (b"a" * 300_000, b"b", b"c")] == [b"a" * 300_000, b"b", b"c"]
    assert len(backend.seen) - before == 3


@pytest.mark.parametrize("bound", [True, False])
@pytest.mark.parametrize("keeps", [True, False])
def test_kerberos_signs_in_connections_and_requests(
    apache: Started, caller: Made, backend: Backend, bound: bool, keeps: bool
) -> None:
    one = caller(apache("krb5", connection_bound=bound, keep_alive=keeps), KERBEROS_USER, NEGOTIATE)
    before = len(backend.seen)
    assert [posted(one, body) for body in (b"a" * 300_000, b"b", b"c")] == [b"a" * 300_000, b"b", b"c"]
    assert len(backend.seen) - before == 3


def test_ntlm_without_kept_connections_is_told_apart_from_a_wrong_password(
    apache: Started, caller: Made
) -> None:
    with pytest.raises(Wait) as raised:
        caller(apache("ntlmssp", keep_alive=False), NTLM_USER, NTLM).post(b"x", {})
    assert "keep-alive" in raised.value.cure


def test_a_wrong_password_is_refused_once_by_the_server(apache: Started, caller: Made) -> None:
    running = apache("ntlmssp")
    before = running.log().count("GSS ERROR")
    one = caller(running, NTLM_USER, NTLM, "wrong")
    for _ in range(3):
        with pytest.raises(SignInRefused):
            one.post(b"x", {})
    assert running.log().count("GSS ERROR") - before == 1


def test_a_password_that_the_domain_refuses_is_not_offered_to_the_server(
    apache: Started, caller: Made, folder: Path
) -> None:
    running = apache("krb5")
    before, asked = running.log().count("GSS ERROR"), _refusals(folder)
    one = caller(running, KERBEROS_USER, NEGOTIATE, "wrong")
    for _ in range(3):
        with pytest.raises(SignInRefused) as raised:
            one.post(b"x", {})
    assert "PREAUTH_FAILED" in raised.value.details["code"]
    assert running.log().count("GSS ERROR") == before
    assert _refusals(folder) - asked == 1


def _refusals(folder: Path) -> int:
    return (folder / "kdc.log").read_text().count("PREAUTH_FAILED")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("mechanism", "user", "sign_in"),
    [("ntlmssp", NTLM_USER, "ntlm"), ("ntlmssp", NTLM_USER, "windows"), ("krb5", KERBEROS_USER, "windows")],
)
def test_an_answer_by_mail_decides_and_is_confirmed(
    apache: Started,
    backend: Backend,
    authority: tuple[str, Path],
    mechanism: str,
    user: str,
    sign_in: str,
) -> None:
    from tests.mailboxes.exchange_server.test_main_job import decided_by_mail, on_premises

    with Sandbox(DOMAIN) as sandbox:
        for name in ("approvals", "alice", "bob", "carol", "dave", "ada"):
            sandbox.add_mailbox(name, f"{name.title()} {name.title()}son")
        world = make_world(sandbox, "ews")
        backend.answer = exchange_behind(sandbox, BOX)
        on_premises(
            world,
            {
                "exchange_server": apache(mechanism).server,
                "exchange_user": user,
                "exchange_sign_in": sign_in,
                "exchange_authorities": authority[0],
            },
            {FIELD: PASSWORD},
        )
        decided_by_mail(world)
        assert not [headers for headers in backend.seen if "authorization" in headers]
        assert Request.objects.get().result == "approved"
        assert Decision.objects.get().channel == "mail"
        close_connections()
