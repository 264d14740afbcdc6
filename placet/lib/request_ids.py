"""Every line of the log that is written for one page has its id, as `http_request`; the answer has it, too.

Around Django and not within it: what Django itself logs of an answer comes after its middleware. The id of a proxy that
is not trusted never comes as far as here (`placet.lib.proxies`).
"""

import re
import uuid
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    App = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]

HEADER = "X-Request-ID"
#: What a proxy may call what is asked; anything else could change how a line of a log reads.
_ID = re.compile(r"[A-Za-z0-9._=+/:-]{1,128}")


class RequestIds:
    """A WSGI application that gives an id to what is asked, in front of `app`."""

    def __init__(self, app: "App") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        given = str(environ.get("HTTP_X_REQUEST_ID", ""))
        id_ = given if _ID.fullmatch(given) else uuid.uuid4().hex

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], object]:
            return start_response(status, [*headers, (HEADER, id_)], *more)

        with structlog.contextvars.bound_contextvars(http_request=id_):
            return self._app(environ, start)
