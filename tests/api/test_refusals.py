"""Every refusal is a problem (RFC 9457) that says what to do, whoever refuses: an operation, django-ninja, Django."""

from http import HTTPStatus
from pathlib import Path
from unittest import mock

import lxml.html
import pytest
from django.test import Client

from placet.accounts.models import Person
from placet.api import v1
from placet.api.keys import Scope
from placet.api.operation import OPERATIONS, Operation
from placet.api.problems import KINDS
from tests.api.conftest import Caller, Calls

NOWHERE = {"id": "01890000-0000-7000-8000-000000000000"}


def address_of(one: Operation) -> str:
    """Of something that is not there."""
    path = one.path
    for name in ("id", "file_id"):
        path = path.replace(f"{{{name}}}", NOWHERE["id"])
    return path.replace("{key}", "nowhere")


def test_each_operation_wants_a_key_and_its_scope_and_no_other_parameter(calls: Calls, admin: Person) -> None:
    v1.description()  # loads all of them
    stranger = Caller("")
    with_one = {scope: calls(admin, scope) for scope in Scope}
    for one in OPERATIONS.values():
        path = address_of(one)
        assert stranger(one.method, path).problem == "unauthorised", one.name
        for scope, caller in with_one.items():
            answer = caller(one.method, path, b"" if one.has_body else None)
            if scope == one.scope:
                assert answer.status != HTTPStatus.FORBIDDEN, (one.name, answer.content)
            else:
                assert (answer.problem, one.scope.value in answer.json["detail"]) == ("scope-missing", True)
        unknown = with_one[one.scope](one.method, f"{path}?unheard_of=1", b"" if one.has_body else None)
        assert (unknown.problem, unknown.pointers) == ("invalid", ["query/unheard_of"]), one.name


@pytest.mark.parametrize(
    ("method", "path", "problem"),
    [
        ("GET", "/nothing", "not-found"),
        ("GET", "/processes/", "not-found"),
        ("GET", "/processes/%00", "not-found"),
        ("GET", "/processes/%0a", "not-found"),
        ("GET", "/../healthz", "not-found"),
        ("DELETE", "/processes", "method-not-allowed"),
        ("HEAD", "/processes", "method-not-allowed"),
        ("GET", "/processes?limit=0", "invalid"),
        ("GET", "/processes?limit=101", "invalid"),
        ("GET", "/processes?limit=ten", "invalid"),
        ("GET", "/processes?limit=1&limit=2", "invalid"),
        ("GET", "/processes?cursor=%00", "invalid"),
        ("GET", "/api/v2/processes", "not-found"),
        ("POST", "/api/", "not-found"),
    ],
)
def test_what_is_asked_wrongly_is_a_problem(
    calls: Calls, alice: Person, method: str, path: str, problem: str
) -> None:
    answer = calls(alice)(method, path)
    if method != "HEAD":
        assert answer.problem == problem
        assert answer.json["instance"].startswith("/api/")
    assert answer.status == KINDS[problem].status
    assert ("Allow" in answer.headers) == (problem == "method-not-allowed")


def test_a_mistake_of_ours_is_a_problem_and_tells_nothing(calls: Calls, alice: Person) -> None:
    with mock.patch("placet.api.operations.processes.rows_of", side_effect=RuntimeError("a secret")):
        answer = calls(alice).get("/processes")
    assert answer.problem == "failed"
    assert b"secret" not in answer.content


def test_a_host_that_is_not_ours_is_a_problem_below_api_alone(db: None) -> None:
    for path, kind in (("/api/v1/processes", "application/problem+json"), ("/", "text/html")):
        answer = Client().get(path, headers={"Host": "evil.example"})
        assert answer.status_code == 400
        assert answer.headers["Content-Type"].startswith(kind)


def test_a_type_of_a_problem_leads_to_what_to_do(client: Client, db: None) -> None:
    page = lxml.html.fromstring(client.get("/api/problems").content)
    for kind in KINDS.values():
        (section,) = page.xpath(f'//*[@id="{kind.name}"]')
        assert kind.cure in " ".join(section.text_content().split())


def test_programs_are_answered_in_english_whatever_a_header_asks_for(calls: Calls, alice: Person) -> None:
    english, french = (calls(alice).get("/nothing", Accept_Language=code) for code in ("en", "fr"))
    assert english.content == french.content


def test_the_docs_name_each_type_with_its_status() -> None:
    text = (Path(__file__).parents[2] / "docs" / "integration.md").read_text()
    for kind in KINDS.values():
        assert f'| <a id="{kind.name}"></a>`{kind.name}` | {int(kind.status)} | {kind.title} |' in text
    for scope in Scope:
        assert f"| `{scope.value}` |" in text
