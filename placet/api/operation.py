"""What every operation of the API has, said once:

    router = Router(tags=["Requests"])

    @operation(router, "GET", "/requests/{id}", Scope.REQUESTS_READ, RequestShape, problems=["not-found"])
    def get_request(call: Call, id: UUID) -> RequestShape:
        \"\"\"One request.\"\"\"

The function's name is the operation's id, its docstring the description. It gets the call and what django-ninja reads
of path, query and body (a `Body`), and returns the shape, None where the answer is empty, or an HttpResponse as it is.
What is refused raises `Problem`. Errors that the engine raises become problems by themselves (`engine_problems.py`).

Before it is called: the key is valid, counted, and has the scope; the query has no parameter that the operation does
not know; the body is JSON and not too large. With `idempotent="required"` or `"optional"` it runs in one transaction
with the row of its Idempotency-Key. A module with operations is named in `placet.api.v1`.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, TypeVar

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.security import HttpBearer
from pydantic import BaseModel

from placet.api import bodies, idempotency, keys, limits
from placet.api.calls import Call, call_of
from placet.api.keys import Scope
from placet.api.problems import Problem, unauthorised

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
View = TypeVar("View", bound=Callable[..., Any])
WITH_BODY = ("POST", "PUT", "PATCH")
_ALWAYS = ("unauthorised", "scope-missing", "method-not-allowed", "invalid", "too-many", "failed")
_OF_BODIES = ("too-large", "unsupported")
_OF_IDEMPOTENCY = ("idempotency-key-reused", "in-progress")


@dataclass(frozen=True)
class Operation:
    """One entry of the table of all operations. `query`: names of its parameters; `problems`: names of the problems it
    may be refused with; `largest_body`: in bytes; `answer`: None if it has no body, `bytes` for a file."""

    name: str
    method: Method
    path: str
    scope: Scope
    answer: type[BaseModel] | type[bytes] | None
    status: int
    problems: Sequence[str]
    query: frozenset[str]
    largest_body: int
    idempotent: Literal["required", "optional", ""]
    if_match: bool
    if_none_match: bool

    @property
    def has_body(self) -> bool:
        return self.method in WITH_BODY


#: By their names.
OPERATIONS: dict[str, Operation] = {}


def operation(
    router: Router,
    method: Method,
    path: str,
    scope: Scope,
    answer: type[BaseModel] | type[bytes] | None,
    *,
    status: int = 200,
    problems: Sequence[str] = (),
    takes_files: bool = False,
    idempotent: Literal["required", "optional", ""] = "",
    if_match: bool = False,
    if_none_match: bool = False,
) -> Callable[[View], View]:
    """Make a function an operation. `problems`: those of its own; `status`: of its answer; `takes_files`: its body may
    hold files. `if_match`, `if_none_match`: it looks at that header by `placet.api.etags`."""

    def decorate(view: View) -> View:
        one = Operation(
            name=view.__name__,
            method=method,
            path=path,
            scope=scope,
            answer=answer,
            status=status,
            problems=tuple(_problems(method, problems, idempotent, if_match)),
            query=frozenset(_query(view, path)),
            largest_body=bodies.LARGE if takes_files else bodies.SMALL,
            idempotent=idempotent,
            if_match=if_match,
            if_none_match=if_none_match,
        )
        assert one.name not in OPERATIONS, one.name
        OPERATIONS[one.name] = one
        router.api_operation(
            [method],
            path,
            auth=ApiKey(one),
            response={status: answer if isinstance(answer, type) and issubclass(answer, BaseModel) else None},
            operation_id=one.name,
            summary=one.name.replace("_", " ").capitalize(),
            url_name=one.name,
        )(_answering(one, view))
        return view

    return decorate


def _problems(method: str, own: Sequence[str], idempotent: str, if_match: bool) -> Iterator[str]:
    yield from _ALWAYS
    yield from _OF_BODIES if method in WITH_BODY else ()
    yield from _OF_IDEMPOTENCY if idempotent else ()
    yield from ("idempotency-key-missing",) if idempotent == "required" else ()
    yield from ("stale", "precondition-missing") if if_match else ()
    yield from own


def _query(view: Callable[..., Any], path: str) -> Iterator[str]:
    """The names of parameters that are neither of the path nor the body."""
    for name, parameter in list(inspect.signature(view).parameters.items())[1:]:
        is_body = isinstance(parameter.annotation, type) and issubclass(parameter.annotation, BaseModel)
        if f"{{{name}}}" not in path and not is_body:
            yield name


def _answering(one: Operation, view: Callable[..., Any]) -> Callable[..., HttpResponse]:
    """What django-ninja calls: the same parameters, but for the first one."""

    @wraps(view)
    def answering(request: HttpRequest, **values: Any) -> HttpResponse:
        call = call_of(request)
        bodies.let_go(request)

        def work() -> HttpResponse:
            return _rendered(one, view(call, **values))

        if one.idempotent:
            name = idempotency.key_of(call, required=one.idempotent == "required")
            if name:
                return idempotency.once(call, name, work)
        return work()

    of_view = inspect.signature(view)
    parameters = list(of_view.parameters.values())[1:]
    first = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=HttpRequest)
    answering.__signature__ = of_view.replace(parameters=[first, *parameters])  # type: ignore[attr-defined]
    return answering


def _rendered(one: Operation, result: BaseModel | HttpResponse | None) -> HttpResponse:
    if isinstance(result, HttpResponse):
        return result
    if result is None:
        return HttpResponse(status=one.status)
    assert isinstance(one.answer, type)
    assert isinstance(result, one.answer)
    return HttpResponse(result.model_dump_json(), content_type="application/json", status=one.status)


class ApiKey(HttpBearer):
    """Who makes a call of an operation, and whether they may. Only the header counts: no cookie, no parameter."""

    def __init__(self, one: Operation) -> None:
        super().__init__()
        self._operation = one

    def __call__(self, request: HttpRequest) -> Call:
        scheme, _, text = request.headers.get(self.header, "").partition(" ")
        key = keys.presented(text.strip()) if scheme.lower() == self.openapi_scheme else None
        if key is None:
            raise unauthorised()
        call = Call(key, request)
        request.placet_call = call  # type: ignore[attr-defined]  # its headers are those of a refusal, too
        call.headers |= limits.count(key.pk)
        keys.used(key)
        self._may(call)
        self._reads(call)
        return call

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        raise NotImplementedError  # `__call__` has the whole header

    def _may(self, call: Call) -> None:
        scope = self._operation.scope
        call.must_have(scope)
        if scope in keys.ADMINISTRATORS_ONLY and not call.person.is_administrator:
            raise Problem("not-allowed", "The person of this key is no administrator any more.")

    def _reads(self, call: Call) -> None:
        for name, given in call.http.GET.lists():
            if name not in self._operation.query:
                raise Problem.invalid(f"query/{name[:60]}", "This operation has no such parameter.")
            if len(given) > 1:
                raise Problem.invalid(f"query/{name}", "This parameter stands there more than once.")
            if "\x00" in given[0]:
                raise Problem.invalid(f"query/{name}", "This has a character that cannot be kept.")
        if self._operation.has_body:
            bodies.read(call.http, self._operation.largest_body)
