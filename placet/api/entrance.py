"""What is asked for below /api/. django-ninja, and all that is described with it, is loaded when the first call comes:
whoever runs Placet without the API has neither its time nor its memory to spend.

Every refusal is a problem (RFC 9457), also what Django itself or a mistake of ours refuses."""

from datetime import UTC
from http import HTTPStatus

import structlog
from django.conf import settings
from django.core.signals import got_request_exception
from django.db import Error as DatabaseTrouble
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import Resolver404, reverse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from django.views.defaults import bad_request as django_bad_request

from placet.accounts.general import of_request
from placet.api.calls import BASE, add_headers
from placet.api.problems import CONTENT_TYPE, KINDS, Problem, of_status

log = structlog.get_logger(__name__)

#: The language of what it says to programs, and to those who write them.
LANGUAGE = "en"
_PRIVATE = "private, no-cache"  # whoever has an ETag asks whether it is still true


@csrf_exempt  # no cookie is looked at: nothing can be forged by what a browser sends by itself
def entrance(request: HttpRequest, path: str = "") -> HttpResponseBase:
    """Any call. `path`: behind /api/v1/."""
    with translation.override(LANGUAGE), timezone.override(UTC):
        try:
            answer = _asked(request, path)
        except Problem as problem:
            answer = problem.response(_public_url(request), request.path)
        except Http404:
            answer = _problem(request, "not-found")
        except Exception:
            log.exception("api_call_failed", method=request.method, path=request.path)
            got_request_exception.send(sender=entrance, request=request)
            answer = _problem(request, "failed")
        add_headers(request, answer)
    # Django would warn of each refusal in the log: of a program that asks wrongly, its own answers say enough.
    answer._has_been_logged = answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR  # type: ignore[attr-defined]  # Django's
    answer.headers.setdefault("Cache-Control", _PRIVATE)
    patch_vary_headers(answer, ["Authorization"])
    return answer


def _asked(request: HttpRequest, path: str) -> HttpResponseBase:
    from placet.api import v1

    if "\x00" in path:
        raise Problem("not-found")
    try:
        match = v1.resolve(path)
    except Resolver404:
        raise Problem("not-found") from None
    answer: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
    is_ours = answer.headers.get("Content-Type", "") == CONTENT_TYPE
    if answer.status_code < HTTPStatus.BAD_REQUEST or is_ours:
        return answer
    problem = of_status(answer.status_code)
    problem.headers = {name: answer.headers[name] for name in ("Allow",) if name in answer.headers}
    raise problem


@csrf_exempt
def nothing_here(request: HttpRequest, path: str = "") -> HttpResponseBase:
    """Below /api/, and no version of it."""
    detail = f"The API begins at {_public_url(request)}{BASE}/."
    return Problem("not-found", detail).response(_public_url(request), request.path)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What Django refuses before an address is looked up (`handler400`): a page, or below /api/ a problem."""
    if request.path_info.startswith("/api/"):
        return _problem(request, "bad-request")
    return django_bad_request(request, exception)


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """The description of all operations, for everybody: it says nothing of this installation but its address."""
    from placet.api import v1

    answer = HttpResponse(v1.described(of_request(request).public_url), content_type="application/json")
    answer.headers["Cache-Control"] = "public, max-age=300"
    return answer


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The description, to be read and tried."""
    settings = {"url": reverse("api:openapi"), "layout": "BaseLayout", "deepLinking": True}
    return render(request, "api/docs.html", {"settings": settings})


@require_safe
def problems(request: HttpRequest) -> HttpResponse:
    """What the types of problems lead to."""
    return render(request, "api/problems.html", {"kinds": KINDS.values()})


def _problem(request: HttpRequest, kind: str) -> HttpResponse:
    return Problem(kind).response(_public_url(request), request.path)


def _public_url(request: HttpRequest) -> str:
    """What the operator set, where the database cannot be asked: that it is away is said as a problem, too."""
    try:
        return str(of_request(request).public_url)
    except DatabaseTrouble:
        return str(settings.PLACET.public_url)
