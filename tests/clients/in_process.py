"""Placet itself behind `placet_client`, in this process, with faults of the network between them."""

from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from django.test.client import ClientHandler
from placet_client import Placet
from requests.adapters import BaseAdapter

from placet.accounts.models import Person
from placet.api import keys
from placet.api.keys import Scope
from tests.clients.scripted import Clock, Reply, reply

URL = "http://127.0.0.1:8000"
#: What happens to one call instead of it, or once it has taken effect. None: nothing.
Fault = Callable[[requests.PreparedRequest], Reply | Exception | None]


def cut(request: requests.PreparedRequest) -> Exception:
    return requests.ConnectionError("cut")


def bad_gateway(request: requests.PreparedRequest) -> Reply:
    return reply(502, content=b"<h1>Bad gateway</h1>")


class Network(BaseAdapter):
    """`before` and `after`: faults of the next calls, in turn: on the way to Placet, and on the way back."""

    def __init__(self) -> None:
        super().__init__()
        self.before: list[Fault] = []
        self.after: list[Fault] = []
        self.answers: list[requests.Response] = []  # of Placet, also those that were lost

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        if self.before and (fault := self.before.pop(0)(request)) is not None:
            return _faulty(fault, request)
        answer = _answer(request)
        self.answers.append(answer)
        if self.after and (fault := self.after.pop(0)(request)) is not None:
            return _faulty(fault, request)
        return answer

    def close(self) -> None:
        """Nothing is open."""


def _faulty(fault: Reply | Exception, request: requests.PreparedRequest) -> requests.Response:
    if isinstance(fault, Exception):
        raise fault
    return fault.response(request)


def _answer(request: requests.PreparedRequest) -> requests.Response:
    address, body = urlsplit(request.url or ""), request.body or b""
    content = body.encode() if isinstance(body, str) else bytes(body)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method, "SCRIPT_NAME": "", "PATH_INFO": unquote(address.path),
        "QUERY_STRING": address.query, "SERVER_NAME": address.hostname, "SERVER_PORT": str(address.port),
        "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": address.scheme,
        "wsgi.input": BytesIO(content), "wsgi.errors": BytesIO(), "wsgi.multithread": True,
        "wsgi.multiprocess": False, "wsgi.run_once": False, "wsgi.version": (1, 0), "CONTENT_LENGTH": str(len(content)),
        "HTTP_HOST": address.netloc,
    }  # fmt: skip
    for name, value in request.headers.items():
        environ.setdefault("HTTP_" + name.upper().replace("-", "_"), value)
    environ["CONTENT_TYPE"] = request.headers.get("Content-Type", "")
    # The handler of Django's own tests: any other closes the connection, and with it the test's transaction.
    answered: Any = ClientHandler(enforce_csrf_checks=True)(environ)
    content = b"".join(answered.streaming_content) if answered.streaming else answered.content
    return Reply(answered.status_code, content, dict(answered.items())).response(request)


def client_of(person: Person, *scopes: Scope, **about: Any) -> tuple[Placet, Network, Clock]:
    """A program with a key of somebody, and all scopes that they may have unless some are named."""
    _, key = keys.make(
        person, "A test's program", scopes or set(Scope) - keys.ADMINISTRATORS_ONLY, by=person, **about
    )
    session, network, clock = requests.Session(), Network(), Clock()
    session.mount("http://", network)
    return Placet(URL, key, session=session, sleep=clock.sleep, clock=clock), network, clock
