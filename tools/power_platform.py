"""`python -m tools.power_platform`: the connector for Power Automate, Power Apps and Logic Apps, made from the API's
description (docs/openapi.json) into clients/power-platform/.

The Power Platform takes OpenAPI 2.0 alone, with extensions of its own (x-ms-…), and no file of a megabyte or more. What
2.0 cannot say is said more loosely: the API refuses what does not fit all the same.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "docs" / "openapi.json"
TARGET = ROOT / "clients" / "power-platform" / "apiDefinition.swagger.json"
LARGEST = 1_000_000  # bytes, of which the file must stay below
BASE = "/api/v1"
HOST = "approvals.example.com"  # a connection names its own (apiProperties.json)
KEY = "api_key"  # the name of the key among the parameters of a connection

Json = dict[str, Any]

#: Of no use to somebody who builds a flow: they read bytes, look after an installation, or answer as a person.
LEFT_OUT = frozenset(
    {
        "get_file", "list_events", "list_mails", "get_mail", "list_webhooks", "get_webhook", "change_webhook",
        "test_webhook", "rotate_webhook", "list_deliveries", "replay_delivery", "replay_webhook", "list_assignments",
        "get_assignment", "decide",
    }
)  # fmt: skip
SUBSCRIBES, UNSUBSCRIBES = "create_webhook", "delete_webhook"
#: Of bodies: a flow has no address that could be called.
FIELDS_LEFT_OUT = frozenset({"callback"})
#: Headers that the platform answers by itself, or that mean nothing in a flow.
HEADERS_LEFT_OUT = frozenset({"If-None-Match"})
_KEY_OF_PROCESS = {"operationId": "ListProcesses", "value-collection": "items", "value-path": "key"}
#: What the platform does with a field, by an operation or a schema, and the field's name in its body.
FIELDS: Mapping[tuple[str, str], Json] = {
    ("start_request", "process"): {"x-ms-dynamic-values": {**_KEY_OF_PROCESS, "value-title": "name"}},
    ("start_request", "data"): {
        "x-ms-dynamic-schema": {
            "operationId": "GetProcess",
            "parameters": {"key": {"parameter": "process"}},
            "value-path": "form",
        }
    },
    ("FileSent", "content"): {"format": "byte"},
    (SUBSCRIBES, "url"): {"x-ms-notification-url": True, "x-ms-visibility": "internal"},
}
_DROPPED = (
    "title", "examples", "propertyNames", "patternProperties", "prefixItems", "unevaluatedProperties",
    "contentEncoding", "contentMediaType", "minContains", "maxContains", "contains", "if", "then", "else", "not",
    "dependentRequired", "dependentSchemas", "deprecated", "writeOnly", "$schema", "$defs", "$comment", "$id",
)  # fmt: skip
_IN_PARAMETERS = (
    "type", "format", "items", "default", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength",
    "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "enum",
)  # fmt: skip


class ConnectorInvalid(Exception):
    """The description has what no connector can be made of; the message says where."""


def main(arguments: Sequence[str]) -> int:
    """`--check`: nothing is written, and it fails where the file is not what would be."""
    text = rendered(connector(json.loads(SOURCE.read_text())))
    if "--check" in arguments:
        return int(not TARGET.exists() or TARGET.read_text() != text)
    TARGET.write_text(text)
    return 0


def rendered(made: Json) -> str:
    return json.dumps(made, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def connector(described: Json) -> Json:
    """OpenAPI 2.0 of a description in 3.1."""
    schemas = described["components"]["schemas"]
    made: Json = {
        "swagger": "2.0",
        "info": {
            "title": described["info"]["title"],
            "description": described["info"]["description"],
            "version": described["info"]["version"],
        },
        "host": HOST,
        "basePath": BASE,
        "schemes": ["https"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {KEY: {"type": "apiKey", "in": "header", "name": "Authorization"}},
        "security": [{KEY: []}],
        "paths": {},
        "definitions": {
            name: _with_fields(plain_schema(schema, f"#/{name}"), name) for name, schema in schemas.items()
        },
    }
    for path, operations in described["paths"].items():
        if made_path := dict(_operations(operations, schemas)):
            made["paths"][_below_base(path)] = made_path
            if any(one["operationId"] == SUBSCRIBES for one in operations.values()):
                made_path["x-ms-notification-content"] = _notification(described.get("webhooks", {}))
    made["definitions"] = dict(_used(made["definitions"], made["paths"]))
    if len(rendered(made).encode()) >= LARGEST:
        raise ConnectorInvalid(f"The connector is {LARGEST} bytes or more.")
    return made


def _below_base(path: str) -> str:
    if not path.startswith(f"{BASE}/"):
        raise ConnectorInvalid(f"{path} is not below {BASE}.")
    return path.removeprefix(BASE)


# --- operations -------------------------------------------------------------------------------------------


def _operations(described: Json, schemas: Json) -> Iterator[tuple[str, Json]]:
    for method, one in described.items():
        if one["operationId"] not in LEFT_OUT:
            yield method, _operation(one, schemas)


def _operation(one: Json, schemas: Json) -> Json:
    name = one["operationId"]
    made: Json = {
        "operationId": "".join(map(str.capitalize, name.split("_"))),
        "summary": one["summary"],
        "description": _described(one),
        "parameters": list(_parameters(one, schemas)),
        "responses": _responses(one),
    }
    if name == SUBSCRIBES:
        made |= {"x-ms-trigger": "single", "summary": "When something happens to a request"}
    if name == UNSUBSCRIBES:
        made["x-ms-visibility"] = "internal"
    return made


def _described(one: Json) -> str:
    scope = f"Needs the scope {one['x-scope']}." if "x-scope" in one else ""
    return " ".join(filter(None, (one.get("description", "").strip(), scope)))


def _parameters(one: Json, schemas: Json) -> Iterator[Json]:
    for parameter in one.get("parameters", ()):
        if parameter["name"] not in HEADERS_LEFT_OUT:
            yield _parameter(parameter)
    if "requestBody" in one:
        yield _body(one, schemas)


def _parameter(parameter: Json) -> Json:
    """In 2.0 the schema of a parameter stands in the parameter itself."""
    name, place = parameter["name"], parameter["in"]
    schema = plain_schema(parameter["schema"], name)
    made = {
        "name": name,
        "in": place,
        "required": parameter.get("required", False),
        "x-ms-summary": _words(name),
        "description": parameter.get("description") or schema.get("description") or f"{_words(name)}.",
        **{word: schema[word] for word in _IN_PARAMETERS if word in schema},
    }
    made.setdefault("type", "string")
    if place == "path":
        made["x-ms-url-encoding"] = "single"
    if name == "If-Match":  # any state that there is; who wants to be sure says the one that they saw
        made |= {"default": "*", "x-ms-visibility": "advanced"}
    if not made["required"]:
        made["x-ms-visibility"] = "advanced"
    return made


def _body(one: Json, schemas: Json) -> Json:
    """Its schema stands in the operation, where its fields can be told what they are for."""
    schema = one["requestBody"]["content"]["application/json"]["schema"]
    if "$ref" in schema:
        schema = schemas[_name_of(schema["$ref"], one["operationId"])]
    made = _with_fields(plain_schema(schema, one["operationId"]), one["operationId"])
    for name in FIELDS_LEFT_OUT & made.get("properties", {}).keys():
        del made["properties"][name]
    return {
        "name": "body",
        "in": "body",
        "required": one["requestBody"].get("required", False),
        "schema": made,
    }


def _with_fields(made: Json, owner: str) -> Json:
    """A schema, whose fields say what the platform does with them."""
    for name, about in made.get("properties", {}).items():
        about |= FIELDS.get((owner, name), {})
    return made


def _responses(one: Json) -> Json:
    """Those that are no refusal; of these one stands for all."""
    made: Json = {}
    for status, answer in one["responses"].items():
        if status.startswith("2"):
            made[status] = {"description": answer["description"] or "OK"}
            if content := answer.get("content", {}).get("application/json"):
                made[status]["schema"] = plain_schema(content["schema"], one["operationId"])
    return {**made, "default": {"description": "Refused", "schema": {"$ref": "#/definitions/Problem"}}}


# --- the trigger ------------------------------------------------------------------------------------------


def _notification(webhooks: Json) -> Json:
    """What the trigger gives to a flow: all types of events in one schema, since a flow sees one."""
    bodies = [
        plain_schema(event["post"]["requestBody"]["content"]["application/json"]["schema"], name)
        for name, event in webhooks.items()
    ]
    if not bodies:
        raise ConnectorInvalid("There is an operation that subscribes, and no event.")
    return {"description": "An event, as Placet sends it.", "schema": _merged(bodies)}


def _merged(schemas: Sequence[Json]) -> Json:
    """One schema that all that fits one of these fits, too."""
    merged: Json = {"type": "object", "properties": {}}
    for schema in schemas:
        for name, about in schema.get("properties", {}).items():
            known = merged["properties"].get(name)
            if known is None:
                merged["properties"][name] = dict(about)
            elif about.get("type") == "object":
                merged["properties"][name] = {**known, **_merged([known, about])}
            elif known.get("enum") != about.get("enum"):
                known.pop("enum", None)  # of one type only; there will be others
    required = [set(schema.get("required", ())) for schema in schemas]
    if shared := sorted(set.intersection(*required)):
        merged["required"] = shared
    return merged


# --- schemas ----------------------------------------------------------------------------------------------


def plain_schema(schema: Any, place: str) -> Json:
    """A schema of 2.0 for one of JSON Schema 2020-12: no unions, no null, no constants. Everything that fits the one
    fits the other. ConnectorInvalid names the `place` of what is not understood."""
    if schema is True or schema == {}:
        return {}
    if "$ref" in schema:
        return {"$ref": f"#/definitions/{_name_of(schema['$ref'], place)}"}
    made = {word: value for word, value in schema.items() if word not in _DROPPED and value is not None}
    _bounds(made)
    if schema.get("contentEncoding") == "base64":
        made["format"] = "byte"
    if "const" in made:
        made["enum"] = [made.pop("const")]
    _type(made)
    for word in ("anyOf", "oneOf"):
        if word in made:
            made = _one_of(made, made.pop(word), place)
    if "allOf" in made:
        made["allOf"] = [plain_schema(one, place) for one in made["allOf"]]
    if isinstance(made.get("items"), dict | bool):
        made["items"] = plain_schema(made["items"], f"{place}[]")
    if isinstance(made.get("additionalProperties"), dict):
        made["additionalProperties"] = plain_schema(made["additionalProperties"], f"{place}.*")
    if "properties" in made:
        made["properties"] = {
            name: _property(about, name, place) for name, about in made["properties"].items()
        }
    return made


def _property(schema: Json, name: str, place: str) -> Json:
    made = plain_schema(schema, f"{place}.{name}")
    if "$ref" not in made:  # beside one, nothing else is read
        made["x-ms-summary"] = _words(name)
    return made


def _name_of(reference: str, place: str) -> str:
    name = reference.removeprefix("#/components/schemas/")
    if name == reference:
        raise ConnectorInvalid(f"{place}: {reference} is no schema of the description.")
    return name


def _bounds(made: Json) -> None:
    for word, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if word in made:
            made[bound], made[word] = made[word], True


def _type(made: Json) -> None:
    """Several types are none; null is an extension."""
    if isinstance(made.get("type"), list):
        types = made.pop("type")
        kinds = [one for one in types if one != "null"]
        if len(kinds) < len(types):
            made["x-nullable"] = True
        if len(kinds) == 1:
            made["type"] = kinds[0]
    if None in made.get("enum", ()):
        made["enum"] = [one for one in made["enum"] if one is not None]


def _one_of(made: Json, variants: Sequence[Json], place: str) -> Json:
    """The only one that is not null; the one that is filled in as a form or a list; or, of plain values, anything."""
    kinds = [one for one in variants if one != {"type": "null"}]
    nullable = {"x-nullable": True} if len(kinds) < len(variants) else {}
    plain = [plain_schema(one, place) for one in kinds]
    if len(plain) == 1:
        return plain[0] if "$ref" in plain[0] else {**made, **plain[0], **nullable}
    for kind in ("array", "object"):
        for one in plain:
            if one.get("type") == kind:
                return {**made, **one, **nullable}
    if shared := _shared_type(plain):
        return {**made, "type": shared, **nullable}
    return {**made, **nullable}


def _shared_type(plain: Sequence[Json]) -> str | Literal[""]:
    types = {str(one.get("type", "")) for one in plain}
    return types.pop() if len(types) == 1 else ""


def _used(definitions: Json, paths: Json) -> Iterator[tuple[str, Json]]:
    """Definitions that the paths lead to, in the order of their names."""
    reached: set[str] = set()
    waiting = [*_references(paths)]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += _references(definitions[name])
    for name in sorted(reached):
        yield name, definitions[name]


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].removeprefix("#/definitions/")
        for one in value.values():
            yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)


def _words(name: str) -> str:
    """What a person reads for a name: “Created at” for created_at."""
    words = re.sub(r"[_-]+", " ", name).strip()
    return words[:1].upper() + words[1:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
