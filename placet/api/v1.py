"""All operations of /api/v1 together, and their description in OpenAPI 3.1. Loaded at the first call
(`placet.api.entrance`): it brings django-ninja."""

import json
import threading
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch, URLResolver
from django.urls.resolvers import RegexPattern
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.parser import Parser

from placet.accounts.general import of_request
from placet.api import bodies, engine_problems, idempotency, validation
from placet.api.calls import BASE
from placet.api.operation import OPERATIONS, Operation
from placet.api.operations import (
    approvals,
    assignments,
    events,
    mail_log,
    people,
    processes,
    requests,
    webhooks,
)
from placet.api.problems import CONTENT_TYPE, KINDS, Problem, of_status
from placet.webhooks.events import openapi_webhooks

ROUTERS = (
    processes.router,
    requests.router,
    approvals.router,
    events.router,
    assignments.router,
    people.router,
    mail_log.router,
    webhooks.router,
)

DESCRIPTION = (
    "Approvals by e-mail that can be trusted: start requests, read them, and hear what became of them. "
    "Every call has the header `Authorization: Bearer plc_…`; every refusal is `application/problem+json` (RFC 9457), "
    "whose `type` says what to do. Enumerations are open: expect values that are not listed here."
)


class _Json(Parser):
    """Bodies as `placet.api.bodies` reads them."""

    def parse_body(self, request: HttpRequest) -> Any:
        return bodies.take(request)


class _Api(NinjaAPI):
    def set_default_exception_handlers(self) -> None:
        """Ours alone: what they do not know becomes a problem in `placet.api.entrance`."""
        self.add_exception_handler(Problem, _refused)
        self.add_exception_handler(ValidationError, _invalid)
        self.add_exception_handler(HttpError, _unparsed)
        for kind in engine_problems.REFUSALS:
            self.add_exception_handler(kind, _engine_refused)


def _refused(request: HttpRequest, problem: Problem | type[Problem]) -> HttpResponse:
    assert isinstance(problem, Problem)
    return problem.response(of_request(request).public_url, request.path)


def _engine_refused(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    assert isinstance(error, Exception)
    return _refused(request, engine_problems.problem_of(error))


def _invalid(request: HttpRequest, error: ValidationError | type[ValidationError]) -> HttpResponse:
    """What django-ninja and pydantic find: `loc` begins with where it stands. An id that is none is of nothing."""
    assert isinstance(error, ValidationError)
    if any(one["loc"][0] == "path" for one in error.errors):
        return _refused(request, Problem("not-found"))
    errors = validation.errors_of(bodies.taken(request), error.errors)
    return _refused(request, Problem("invalid", errors=errors))


def _unparsed(request: HttpRequest, error: HttpError | type[HttpError]) -> HttpResponse:
    """django-ninja says only that a body cannot be read; why was raised before."""
    assert isinstance(error, HttpError)
    cause = error.__cause__
    return _refused(request, cause if isinstance(cause, Problem) else of_status(error.status_code))


API = _Api(
    title="Placet",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api_v1",
    openapi_url=None,
    docs_url=None,
    parser=_Json(),
)
for one in ROUTERS:
    API.add_router("", one)

_loading = threading.Lock()


@cache
def _resolver() -> URLResolver:
    with _loading:
        patterns, _app, _namespace = API.urls
        return URLResolver(RegexPattern(r"^"), patterns)


def resolve(path: str) -> ResolverMatch:
    """What an address behind /api/v1/ leads to. Resolver404."""
    return _resolver().resolve(path)


# --- the description --------------------------------------------------------------------------------------


def described(public_url: str) -> str:
    """The description in JSON, of an installation at this address."""
    return json.dumps({**description(), "servers": [{"url": public_url}]}, ensure_ascii=False)


def description() -> dict[str, Any]:
    """The description, without an address: what is compared with the committed one."""
    return deepcopy(_described())


class _Schema(OpenAPISchema):
    def add_schema_definitions(self, definitions: dict[str, Any]) -> None:
        """django-ninja would let the last one of a name stand for all."""
        for name, about in definitions.items():
            assert self.schemas.get(name, about) == about, f"Two shapes are called {name}."
        super().add_schema_definitions(definitions)


@cache
def _described() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(_Schema(API, BASE.lstrip("/") + "/")))
    made["components"]["schemas"]["Problem"] = _PROBLEM
    for path in made["paths"].values():
        for method, about in path.items():
            one = OPERATIONS[about["operationId"]]
            assert one.method == method.upper()
            about["parameters"] = [*about["parameters"], *_headers(one)]
            about["responses"] |= _success(one, about) | dict(_refusals(one))
            about["x-scope"] = one.scope.value
            about["security"] = [{"ApiKey": []}]
    made["webhooks"] = openapi_webhooks()
    made.pop("servers")
    return _plain(made)  # type: ignore[no-any-return]  # an object stays one


_PROBLEM = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {
            "type": "string",
            "description": "Its address says what to do; what stands behind # is its name.",
        },
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "A JSON Pointer into the body, or query/NAME, or header/NAME.",
                    },
                    "detail": {"type": "string"},
                },
            },
        },
    },
}


def _headers(one: Operation) -> Iterator[dict[str, Any]]:
    if one.idempotent:
        yield _header(
            idempotency.HEADER,
            "What happens once however often it is sent, as you call it.",
            required=one.idempotent == "required",
            schema={"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        )
    if one.if_match:
        yield _header("If-Match", "The ETag that you saw, or *.", required=True)
    if one.if_none_match:
        yield _header("If-None-Match", "The ETag that you have: 304 if it is still true.", required=False)


def _header(
    name: str, description: str, *, required: bool, schema: dict[str, Any] | None = None
) -> dict[str, Any]:
    about = {"in": "header", "name": name, "description": description, "required": required}
    return {**about, "schema": schema or {"type": "string"}}


def _success(one: Operation, about: dict[str, Any]) -> dict[str, Any]:
    status = str(one.status)
    answers = {status: about["responses"].get(status, {"description": "OK"})}
    if one.answer is bytes:
        content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        answers[status] = {**answers[status], "content": content}
    if one.if_none_match:
        answers["304"] = {"description": "Not Modified"}
    return answers


def _refusals(one: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    """By status, with the names of the problems."""
    names: dict[int, list[str]] = {}
    for name in one.problems:
        names.setdefault(int(KINDS[name].status), []).append(name)
    for status in sorted(names):
        yield (
            str(status),
            {
                "description": ", ".join(dict.fromkeys(names[status])),
                "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        )


def _plain(value: Any) -> Any:
    """Without what generators of clients stumble over: “X or null” as a type with two names, titles that say the name
    of a property once more, and a reference within something else."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    plain = {name: _plain(one) for name, one in value.items()}
    if plain.get("default") == {} and len(plain.get("allOf", ())) == 1:
        return plain["allOf"][0]  # a body that may be left out, which `required` says already
    either = plain.get("anyOf", [])
    kinds = [one for one in either if one != {"type": "null"}]
    if len(either) == 2 and len(kinds) == 1 and isinstance(kinds[0].get("type"), str):
        del plain["anyOf"]
        plain |= {**kinds[0], "type": [kinds[0]["type"], "null"]}
    for about in plain.get("properties", {}).values() if isinstance(plain.get("properties"), dict) else ():
        if isinstance(about, dict) and isinstance(about.get("title"), str):
            about.pop("title")
    return plain
