"""The connector for the Power Platform: made of the API's description, and OpenAPI 2.0 without what that platform does
not take."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft4Validator, Draft202012Validator

from tools import power_platform
from tools.power_platform import ConnectorInvalid, connector, plain_schema

Json = dict[str, Any]


@pytest.fixture(scope="module")
def committed() -> Json:
    made: Json = json.loads(power_platform.TARGET.read_text())
    return made


def test_what_is_committed_is_made_of_the_description_that_is_committed() -> None:
    assert power_platform.main(["--check"]) == 0, "python -m tools.power_platform makes it anew"


def inside(value: Any) -> Iterator[Any]:
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from inside(one)


def test_it_has_nothing_that_the_platform_does_not_take(committed: Json) -> None:
    """No unions, nothing null, no constants, no reference that leads nowhere."""
    assert power_platform.TARGET.stat().st_size < power_platform.LARGEST
    for one in inside(committed):
        assert one is not None
        if isinstance(one, dict):
            assert not {"anyOf", "oneOf", "const", "$defs"} & one.keys()
            assert isinstance(one.get("type", ""), str | dict)  # a dict: a property that is called so
            if isinstance(one.get("$ref"), str):
                assert one["$ref"].removeprefix("#/definitions/") in committed["definitions"]


def test_its_schemas_are_schemas(committed: Json) -> None:
    for schema in committed["definitions"].values():
        Draft4Validator.check_schema(schema)


def test_each_of_its_operations_can_be_read(committed: Json) -> None:
    operations = [
        one for path in committed["paths"].values() for name, one in path.items() if not name.startswith("x-")
    ]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names)
    for one in operations:
        assert one["summary"][0].isupper()
        assert one["description"].endswith(".")
        for parameter in one["parameters"]:
            assert parameter["in"] == "body" or parameter["x-ms-summary"][0].isupper()
            assert parameter["in"] != "body" or parameter["schema"].get("type") == "object"


def test_what_is_left_out_exists() -> None:
    """Whoever renames an operation sees to what the connector makes of it."""
    described = json.loads(power_platform.SOURCE.read_text())
    names = {one["operationId"] for path in described["paths"].values() for one in path.values()}
    assert names >= power_platform.LEFT_OUT
    assert names >= {power_platform.SUBSCRIBES, power_platform.UNSUBSCRIBES}
    assert names | described["components"]["schemas"].keys() >= {
        owner for owner, _field in power_platform.FIELDS
    }


def test_a_connection_names_what_its_policies_use() -> None:
    about = json.loads((power_platform.TARGET.parent / "apiProperties.json").read_text())["properties"]
    policies = json.dumps(about["policyTemplateInstances"])
    for name in about["connectionParameters"]:
        assert f"@connectionParameters('{name}')" in policies
    assert power_platform.KEY in about["connectionParameters"]
    assert power_platform.BASE in policies


# --- how a schema is said in 2.0 --------------------------------------------------------------------------

SAID = [
    ({"type": ["string", "null"]}, {"type": "string", "x-nullable": True}, ["a"]),
    ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, {"type": "integer", "x-nullable": True}, [1]),
    ({"const": "any", "title": "Rule"}, {"enum": ["any"]}, ["any"]),
    ({"anyOf": [{"enum": ["any", "all"]}, {"type": "integer"}]}, {}, ["any", 2]),
    ({"type": ["string", "integer"]}, {}, ["a", 1]),
    ({"anyOf": [{"type": "string"}, {"type": "string", "maxLength": 9}]}, {"type": "string"}, ["a"]),
    ({"enum": ["a", None]}, {"enum": ["a"]}, ["a"]),
    (
        {"type": "integer", "exclusiveMinimum": 0},
        {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
        [1],
    ),
    (
        {"type": "string", "contentEncoding": "base64", "examples": ["YQ=="]},
        {"type": "string", "format": "byte"},
        ["YQ=="],
    ),
    (
        {
            "type": "object",
            "properties": {"title": {"type": "string", "default": None}},
            "required": ["title"],
        },
        {
            "type": "object",
            "properties": {"title": {"type": "string", "x-ms-summary": "Title"}},
            "required": ["title"],
        },
        [{"title": "a"}],
    ),
    (
        {"type": "array", "prefixItems": [{}], "items": {"anyOf": [{"const": 1}, {"const": 2}]}},
        {"type": "array", "items": {}},
        [[1, 2]],
    ),
    ({"additionalProperties": {"type": ["string", "null"]}}, None, [{"a": "b"}]),
    (True, {}, ["a"]),
    (
        {"anyOf": [{"$ref": "#/components/schemas/A"}, {"type": "null"}], "default": None},
        {"$ref": "#/definitions/A"},
        [],
    ),
]


@pytest.mark.parametrize(("schema", "plain", "values"), SAID)
def test_what_2_0_cannot_say_is_said_more_loosely(schema: Any, plain: Any, values: list[Any]) -> None:
    made = plain_schema(schema, "here")
    assert plain is None or made == plain
    Draft4Validator.check_schema(made)
    for value in values:
        assert Draft202012Validator(schema).is_valid(value)
        assert Draft4Validator(made).is_valid(value)


def test_of_a_list_or_an_object_the_one_is_taken_that_is_a_list() -> None:
    addresses = {"type": "array", "items": {"type": "string"}}
    group = {"type": "object", "properties": {"group": {"type": "string"}}}
    assert plain_schema({"anyOf": [group, addresses]}, "here") == addresses


# --- a whole description ----------------------------------------------------------------------------------


def description(**more: Any) -> Json:
    """One that has an operation of each kind."""
    made: Json = {
        "info": {"title": "Placet", "description": "Approvals.", "version": "1"},
        "components": {
            "schemas": {
                "Body": {"type": "object", "properties": {"url": {"type": "string"}, "callback": {}}},
                "Shape": {"type": "object", "properties": {"inner": {"$ref": "#/components/schemas/Inner"}}},
                "Inner": {"type": "object"},
                "Problem": {"type": "object"},
                "Unused": {"type": "object"},
            }
        },
        "paths": {
            "/api/v1/webhooks": {"post": operation("create_webhook", "Body", 201)},
            "/api/v1/webhooks/{id}": {"delete": operation("delete_webhook", None, 204)},
            "/api/v1/mail-log": {"get": operation("list_mails", None, 200)},
        },
        "webhooks": {
            "request.ended": event({"result": {"type": "string"}}, ["result"]),
            "request.started": event({}, []),
        },
    }
    return made | more


def operation(name: str, body: str | None, status: int) -> Json:
    shape = {"application/json": {"schema": {"$ref": "#/components/schemas/Shape"}}}
    made: Json = {
        "operationId": name,
        "summary": name,
        "description": "It does.",
        "x-scope": "webhooks:manage",
        "parameters": [{"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"}}],
        "responses": {
            str(status): {"description": "OK", "content": shape},
            "404": {"description": "not-found"},
        },
    }
    if body:
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{body}"}}}
        made["requestBody"] = {"content": content, "required": True}
    return made


def event(data: Json, required: list[str]) -> Json:
    properties = {"sequence": {"type": "integer"}, **data}
    schema = {
        "type": "object",
        "required": ["type", "data"],
        "properties": {
            "type": {"type": "string", "const": f"one with {len(data)}"},
            "data": {"type": "object", "properties": properties, "required": ["sequence", *required]},
        },
    }
    return {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}}


def test_the_trigger_subscribes_by_the_operation_that_makes_webhooks() -> None:
    path = connector(description())["paths"]["/webhooks"]
    assert path["post"]["x-ms-trigger"] == "single"
    (_header, body) = path["post"]["parameters"]
    assert body["schema"]["properties"].keys() == {"url"}  # and no address that would be called back
    assert body["schema"]["properties"]["url"]["x-ms-notification-url"] is True
    data = path["x-ms-notification-content"]["schema"]["properties"]["data"]
    assert set(data["properties"]) == {"sequence", "result"}
    assert data["required"] == ["sequence"]  # what each event has
    kinds = path["x-ms-notification-content"]["schema"]["properties"]["type"]
    assert kinds == {"type": "string", "x-ms-summary": "Type"}


def test_what_a_flow_has_no_use_for_is_left_out_with_what_it_alone_needs() -> None:
    made = connector(description())
    assert set(made["paths"]) == {"/webhooks", "/webhooks/{id}"}
    assert set(made["definitions"]) == {"Shape", "Inner", "Problem"}
    assert set(made["paths"]["/webhooks"]["post"]["responses"]) == {"201", "default"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"paths": {"/other": {"get": operation("get_it", None, 200)}}}, "/other"),
        ({"webhooks": {}}, "no event"),
        (
            {"components": {"schemas": {"Problem": {"$ref": "https://example.com/schema"}}}, "paths": {}},
            "#/Problem",
        ),
        (
            {"info": {"title": "Placet", "description": "x" * power_platform.LARGEST, "version": "1"}},
            "bytes",
        ),
    ],
)
def test_of_what_it_cannot_say_it_makes_nothing(more: Json, said: str) -> None:
    with pytest.raises(ConnectorInvalid, match=said):
        connector(description(**more))
