"""The description of the API: complete, the one that is committed, and shown under the policy of the pages."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest
from django.contrib.staticfiles import finders
from django.http import HttpResponse
from django.test import Client
from pydantic import BaseModel

from placet.api import v1
from placet.api.bodies import Body, Shape
from placet.api.operation import OPERATIONS
from placet.lib.middleware import POLICY
from tools import openapi


def test_the_committed_description_is_that_of_today() -> None:
    assert openapi.FILE.read_text() == openapi.described(), "make openapi"


def test_each_operation_has_a_short_name_its_scope_and_every_refusal() -> None:
    described = v1.description()
    seen = {}
    for path, methods in described["paths"].items():
        for method, about in methods.items():
            one = OPERATIONS[about["operationId"]]
            seen[one.name] = about
            assert (path, method.upper()) == (f"/api/v1{one.path}", one.method)
            assert about["x-scope"] == one.scope
            assert about["description"]
            assert {"401", "403", "405", "422", "429", "500"} <= about["responses"].keys()
            for status, answer in about["responses"].items():
                kinds = set(answer.get("content", {}))
                assert (kinds == {"application/problem+json"}) == (int(status) >= 400), (one.name, status)
    assert seen.keys() == OPERATIONS.keys()


def _kinds_of(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for one in kind.__subclasses__():
        yield one
        yield from _kinds_of(one)


def test_no_two_shapes_have_one_name() -> None:
    """The description knows them by their names: one would stand there for both."""
    kinds = {*_kinds_of(Shape), *_kinds_of(Body)}
    names = Counter(one.__name__ for one in kinds if one.__module__.startswith("placet.api."))
    assert [name for name, times in names.items() if times > 1] == []


def test_it_is_public_and_says_where_this_installation_is(client: Client, db: None) -> None:
    described = json.loads(client.get("/api/v1/openapi.json").content)
    assert described["openapi"] == "3.1.0"
    assert described["servers"] == [{"url": "http://127.0.0.1:8000"}]


@pytest.mark.any_database
def test_the_page_that_shows_it_has_only_files_of_this_installation(client: Client, db: None) -> None:
    answer: HttpResponse = client.get("/api/docs")  # type: ignore[assignment]
    assert answer.headers["Content-Security-Policy"] == POLICY
    page = answer.content.decode()
    files = [part.partition('"')[0] for part in page.split('="/static/')[1:]]
    assert len(files) == 5
    assert all(finders.find(name) for name in files)
    assert "://" not in page
