"""What pydantic finds in a call is said in sentences of Placet, about each place once."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from placet.accounts.models import Person
from placet.api import v1, validation
from placet.api.bodies import Body
from placet.approvals.ad_hoc_definition import OwnOutcome
from tests.api.conftest import Calls

WRONG: tuple[Any, ...] = (
    None,
    True,
    5,
    -1,
    1.5,
    10**30,
    "",
    "x" * 30_000,
    "soon",
    [],
    [None] * 200,
    ["x" * 400],
    {},
    {"x": 1},
)
#: How pydantic speaks.
JARGON = re.compile(r"Input |should |valid |permitted|instance|dictionary|pars(e|able)")


def bodies_of(kind: type[BaseModel] = Body) -> Iterator[type[BaseModel]]:
    for one in kind.__subclasses__():
        yield one
        yield from bodies_of(one)


def wrong_values(kind: type[BaseModel]) -> Iterator[Any]:
    """What is no body of this kind: it has a name that nobody knows, or is no object."""
    yield 5
    for name, field in kind.model_fields.items():
        for wrong in WRONG:
            yield {"unheard": 1, field.alias or name: wrong}


def test_nothing_is_said_in_words_of_pydantic() -> None:
    v1.description()  # loads all bodies
    kinds: list[type[BaseModel]] = [*bodies_of(), OwnOutcome]  # which stands in one, and in definitions
    assert len(kinds) > 10
    for kind in kinds:
        for value in wrong_values(kind):
            with pytest.raises(ValidationError) as refused:
                kind.model_validate(value)
            raw = [{**error, "loc": ("body", "body", *error["loc"])} for error in refused.value.errors()]
            errors = validation.errors_of(value, raw)
            assert not [one for one in errors if JARGON.search(one.detail)], (kind, errors)
            assert len({one.pointer for one in errors}) == len(errors)


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"rule": "most"}, "/rule", "This has to be any or all, or a whole number."),
        ({"to": []}, "/to", "This has to be a list of at least 1, or an object."),
        ({"title": "x"}, "/title", "This has to be at least 2 characters long."),
        ({"tite": "Desk"}, "/tite", "There is no such name here; the description of the API has those that there are."),
        ({"facts": [{"label": "A"}]}, "/facts/0/value", "This is needed, and is not there."),
        ([], "", "This has to be an object."),
    ],
)  # fmt: skip
def test_a_place_is_said_with_what_it_has_to_be(
    calls: Calls, alice: Person, bob: Person, body: Any, pointer: str, detail: str
) -> None:
    sent = {"title": "Desk", "to": [bob.email], **body} if isinstance(body, dict) else body
    answer = calls(alice).post("/approvals", sent, Idempotency_Key="1")
    assert answer.json["errors"] == [{"pointer": pointer, "detail": detail}]
    assert answer.json["detail"] == (f"{pointer}: {detail}" if pointer else detail)


def test_the_detail_alone_says_where_and_that_there_is_more(calls: Calls, alice: Person) -> None:
    answer = calls(alice).post("/approvals", {"title": 1, "to": 2}, Idempotency_Key="1")
    assert answer.json["detail"] == "/title: This has to be a text. And 1 more in “errors”."
    assert "“errors”".encode() in answer.content  # as people read it in a terminal
    assert json.loads(answer.content)["status"] == 422
