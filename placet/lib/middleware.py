"""What every page has: its headers, and an id in the log."""

import re
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# No inline script or style, nothing from another host, no framing: what others wrote cannot run here.
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Set a strict Content-Security-Policy, unless a view set a stricter one of its own."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Permissions-Policy", "interest-cohort=()")
        return response

    return middleware


REQUEST_ID = "X-Request-ID"
#: What a proxy may call what is asked; anything else could change how a line of a log reads.
_ID = re.compile(r"[A-Za-z0-9._=+/:-]{1,128}")


def request_ids(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Every line of the log that is written for one page has its id, as `http_request`; the answer has it, too.
    Headers of proxies that are not trusted never come as far as here (`placet.lib.proxies`)."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get(REQUEST_ID, "")
        id_ = given if _ID.fullmatch(given) else uuid.uuid4().hex
        with structlog.contextvars.bound_contextvars(http_request=id_):
            response = get_response(request)
        response.headers[REQUEST_ID] = id_
        return response

    return middleware
