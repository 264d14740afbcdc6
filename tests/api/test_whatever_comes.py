"""Whatever a program sends, each operation answers as its description says: schemathesis thinks of it, in this process.
`make soak` sends more."""

import warnings
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import strategies as st

from placet.accounts.models import Person
from placet.api import keys, limits, v1
from placet.api.keys import Scope
from placet.api.operation import OPERATIONS
from placet.approvals import engine
from placet.approvals.models import Assignment, Request, Version
from placet.approvals.processes import publish
from tests.making import FORM, one_step
from tests.rotation import examples

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore")]

#: Of an answer: what its description says of status, type, body and headers; and that what it forbids is refused.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
v1.description()
NAMES = sorted(OPERATIONS)


@pytest.fixture(scope="module")
def described() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import schemathesis  # takes seconds, and is needed here alone
    description = v1.description()
    for methods in description["paths"].values():
        for about in methods.values():
            about.pop(
                "security"
            )  # each call has a key: that there is none is no part of what is wrong with it
    schema = schemathesis.openapi.from_dict(description)
    schema.app = WSGIHandler()
    return schema


@pytest.fixture(autouse=True)
def _connection_of_the_test() -> Iterator[None]:
    """Behind each request Django would close it."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def there(alice: Person, bob: Person, admin: Person) -> dict[str, dict[str, str]]:
    """Values of paths that lead to something, by operation."""
    version: Version = publish(
        one_step([{"manager": True}], form=[*FORM, {"name": "offer", "label": "Offer", "type": "files"}])
    )
    request: Request = engine.start(version, alice, {"item": "Desk", "amount": 900})
    seat = Assignment.objects.get(visit__request=request)
    known = {"key": "one-step", "file_id": str(request.public_id)}
    ids = {"requests": str(request.public_id), "assignments": str(seat.pk), "people": str(bob.pk)}
    return {
        name: {**known, "id": ids.get(one.path.split("/")[1], str(request.public_id))}
        for name, one in OPERATIONS.items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_it_is_answered_as_described(
    described: Any, there: dict[str, dict[str, str]], admin: Person, name: str, request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from schemathesis import GenerationMode
    from schemathesis.checks import CHECKS as KNOWN
    from schemathesis.checks import load_all_checks

    load_all_checks()
    checks = KNOWN.get_by_names(list(CHECKS))
    monkeypatch.setattr(limits, "MOST_CALLS", 1_000_000)
    monkeypatch.setattr("placet.api.waiting.LONGEST", 0)
    monkeypatch.setattr("placet.api.waiting.PAUSE", 0.001)
    monkeypatch.setattr("placet.api.waiting.time.monotonic", _hurried())
    _key, text = keys.make(admin, "Whatever", list(Scope), by=admin)
    one = OPERATIONS[name]
    operation = next(
        found.ok()
        for found in described.get_all_operations()
        if found.ok().definition.raw["operationId"] == name
    )
    values = {part: value for part, value in there[name].items() if f"{{{part}}}" in one.path}
    strategies = [
        operation.as_strategy(generation_mode=mode, **({"path_parameters": values} if known else {}))
        for mode in GenerationMode
        for known in ([True, False] if values else [False])
        if mode == GenerationMode.POSITIVE or _has_something_to_be_wrong(operation)
    ]

    @hypothesis.settings(
        max_examples=examples(request.config, 12, 500),
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.one_of(strategies))
    def answered(case: Any) -> None:
        # What is written as nothing at all was not sent.
        hypothesis.assume(not any(value in ([], {}) for value in (case.query or {}).values()))
        response = case.call(headers={"Authorization": f"Bearer {text}"})
        case.validate_response(response, checks=checks)

    answered()


def _has_something_to_be_wrong(operation: Any) -> bool:
    return bool(operation.body or operation.query or operation.path_parameters or operation.headers)


def _hurried() -> Any:
    """A clock on which each look takes an hour."""
    now = [0.0]

    def monotonic() -> float:
        now[0] += 3600
        return now[0]

    return monotonic
