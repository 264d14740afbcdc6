"""A task whose form has fields under a condition, done by mail: those are asked for that are shown as the form stands,
and that nothing else in the same reply could change."""

from typing import Any

import pytest

from placet.approvals import engine, engine_errors
from placet.approvals.definitions import definition_of
from placet.approvals.models import Assignment, Decision, Request
from placet.approvals.processes import publish
from placet.approvals.questions import asked_in
from placet.sandbox.server import Mail
from tests.journeys.conftest import World
from tests.journeys.test_blocks import replied, standing, started

pytestmark = pytest.mark.django_db
MORE = "More of the form can be entered on the page"

#: `kind` is entered at the start, all else in the task.
FORM: list[dict[str, Any]] = [
    {"name": "item", "label": "Item", "type": "text"},
    {"name": "kind", "label": "Kind", "type": "choice", "options": ["car", "desk", "both"]},
    {"name": "plate", "label": "Number plate", "type": "text", "show": "kind != 'desk'"},
    {"name": "room", "label": "Room", "type": "text", "show": "kind != 'car'", "read_only": "item == 'fixed'"},
    {"name": "price", "label": "Price", "type": "number", "digits": 0},
    {"name": "why", "label": "Why so dear", "type": "text", "show": "double > 100.0"},
    {"name": "double", "label": "Double", "type": "number", "computed": "price * 2.0"},
    {
        "name": "colour", "label": "Colour", "type": "choice",
        "options": ["white", {"key": "red", "label": "Red", "only": "kind == 'car'"}],
    },
]  # fmt: skip
PROCESS: dict[str, Any] = {
    "key": "order", "name": "Order", "title": "{item}", "form": FORM, "start": "buy",
    "start_form": {"hide": ["plate", "room", "price", "why", "colour"]},
    "steps": {
        "buy": {
            "kind": "task", "name": "Buy", "ask": [{"person": "bob@contoso.example"}],
            "form": {"fill": ["plate", "room", "price", "why", "colour"]},
        },
        "done": {"kind": "end", "name": "Done", "result": "approved"},
    },
    "transitions": [{"from": "buy", "outcome": "done", "to": "done"}],
}  # fmt: skip


def order(
    world: World, kind: str, form: list[dict[str, Any]] | None = None, item: str = "x"
) -> tuple[Request, Mail]:
    publish(PROCESS | {"form": form or FORM})
    request = started(world, "order", {"item": item * 5, "kind": kind})
    return request, world.newest("bob", "Please do")


def titles(request: Request) -> list[str]:
    return [one.title for one in asked_in(definition_of(request.version), "buy", request.data)]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("car", ["Q1 Price", "Q2 Number plate", "Q5 Colour"]),
        ("desk", ["Q1 Price", "Q3 Room", "Q5 Colour"]),
        ("both", ["Q1 Price", "Q2 Number plate", "Q3 Room", "Q5 Colour"]),
    ],
)
def test_the_mail_asks_for_what_is_shown_and_each_field_keeps_its_number(
    world: World, kind: str, expected: list[str]
) -> None:
    request, mail = order(world, kind)
    assert titles(request) == expected
    for title in expected:
        assert title in mail.text
    assert "Why so dear" not in mail.text
    assert MORE in mail.text  # which of the prices is dear, only the page knows
    assert ("one of: white, Red" in mail.text.replace("One of", "one of")) == (kind == "car")


def test_what_is_asked_for_is_entered_by_a_reply(world: World) -> None:
    request, mail = order(world, "car")
    replied(world, "bob", "Done\nQ1: 12\nQ2: B-XY 12\nQ5: Red", mail)
    request.refresh_from_db()
    assert standing(request) == ("ended", "approved")
    assert (request.data["price"], request.data["plate"], request.data["colour"]) == (12, "B-XY 12", "red")
    assert request.data["room"] is None


@pytest.mark.parametrize("line", ["Q3: 17", "Q4: because", "Q5: Red"])
def test_nothing_is_entered_into_a_field_that_is_not_shown_or_an_option_that_is_not_offered(
    world: World, line: str
) -> None:
    kind = "car" if line == "Q3: 17" else "desk"
    request, mail = order(world, kind)
    replied(world, "bob", f"Done\nQ1: 99\n{line}", mail)
    request.refresh_from_db()
    assert standing(request) == ("open", "")
    assert request.revision == 1
    assert world.results()[-1] != "decided"


def test_a_field_that_the_form_hides_meanwhile_takes_nothing_and_the_engine_says_so(world: World) -> None:
    request, _mail = order(world, "car")
    seat = Assignment.objects.get(visit__request=request, state="open")
    Request.objects.filter(pk=request.pk).update(data=request.data | {"kind": "desk"})
    with pytest.raises(engine_errors.AnswersInvalid) as error:
        engine.decide(
            seat.pk,
            by=seat.person,
            outcome="done",
            channel=Decision.Channel.MAIL,
            answers={"plate": "B-XY 12"},
        )
    assert error.value.errors == {"plate": "This is not entered here as the form stands now."}
    request.refresh_from_db()
    assert request.data["plate"] is None


def test_a_field_that_is_fixed_is_not_asked_for(world: World) -> None:
    form = [one | ({"read_only": "kind == 'both'"} if one["name"] == "room" else {}) for one in FORM]
    request, _mail = order(world, "both", form)
    assert titles(request) == ["Q1 Price", "Q2 Number plate", "Q5 Colour"]


def test_what_must_be_filled_in_and_is_asked_for_in_a_line_is_not_left_to_the_page(world: World) -> None:
    form = [one | ({"required": True} if one["name"] == "plate" else {}) for one in FORM]
    request, mail = order(world, "car", form)
    assert "To be filled in there" not in mail.text
    replied(world, "bob", "Done\nQ1: 12", mail)
    assert world.results()[-1] == "answers_not_taken"
    assert "Number plate" in world.newest("bob").text
    replied(world, "bob", "Done\nQ1: 12\nQ2: B-XY 12", mail)
    assert standing(request) == ("ended", "approved")


def test_where_nothing_can_come_or_go_nothing_is_said_of_more(world: World) -> None:
    form = [one | ({"show": "kind == 'car'"} if one["name"] == "why" else {}) for one in FORM]
    _request, mail = order(world, "car", form)
    assert MORE not in mail.text


def test_a_condition_on_the_day_is_left_to_the_page(world: World) -> None:
    form = [one | ({"show": "today > '2020-01-01'"} if one["name"] == "plate" else {}) for one in FORM]
    request, mail = order(world, "car", form)
    assert "Q2 Number plate" not in titles(request)
    assert MORE in mail.text


def test_a_field_below_a_heading_that_comes_and_goes(world: World) -> None:
    section: dict[str, Any] = {"type": "section", "label": "Desk", "show": "kind == 'desk'"}
    legs = {"name": "legs", "label": "Legs", "type": "text"}
    steps: dict[str, Any] = PROCESS["steps"]
    publish(
        PROCESS
        | {"form": [FORM[0], FORM[1], FORM[4], section, legs], "start_form": {"hide": ["price", "legs"]}}
        | {"steps": steps | {"buy": steps["buy"] | {"form": {"fill": ["price", "legs"]}}}}
    )
    request = started(world, "order", {"item": "A desk", "kind": "desk"})
    assert titles(request) == ["Q1 Price", "Q2 Legs"]
    replied(world, "bob", "Done\nQ2: four", world.newest("bob", "Please do"))
    request.refresh_from_db()
    assert request.data["legs"] == "four"
