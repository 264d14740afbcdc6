"""What a process is written as, as JSON Schema (2020-12), for editors of YAML. It says the shape; whether a definition
fits together is checked when it is published."""

from typing import Any

from placet.approvals.definitions import Definition
from placet.approvals.form_schema import DIALECT


def schema_of_definitions() -> dict[str, Any]:
    schema = Definition.model_json_schema(by_alias=True)
    schema["properties"].pop("included")  # written at publishing
    parts = schema["$defs"]
    schema["properties"]["start_by_mail"]["anyOf"].append({"type": "boolean"})
    # Where a short form is read that the model does not know.
    outcome = parts["Outcome"]
    parts["Outcome"] = {"anyOf": [outcome["properties"]["key"], outcome]}
    languages = outcome["properties"]["words"]["patternProperties"]
    for language, words in languages.items():
        languages[language] = {"anyOf": [words["items"], words]}
    parts["Option"] = {"anyOf": [{"type": "string"}, parts["Option"]]}
    for name in ("Line", "BranchLine"):
        parts[name] = _short_line(parts[name])
    attached = parts["StartByMail"]["properties"]["attachments"]["anyOf"]
    attached.append(attached[0]["items"])
    asking = parts["ApprovalStep"]
    asking["required"].remove("ask")  # of `revise` it is known
    asking |= {"if": {"properties": {"kind": {"const": "revise"}}}, "else": {"required": ["ask"]}}
    for step in parts.values():
        properties = step.get("properties", {})
        if "nobody" in properties:
            properties["nobody"]["anyOf"].append({"const": "stuck"})
        if "due" in properties:
            properties["due"]["anyOf"].append(parts["Deadline"]["properties"]["within"]["anyOf"][0])
    return {"$schema": DIALECT, **schema, "title": "A process of Placet", "description": ""}


def _short_line(line: dict[str, Any]) -> dict[str, Any]:
    """`{approve: all}`: one outcome with what it needs, and of a block what becomes of the others."""
    others = {name: one for name, one in line["properties"].items() if name not in ("outcome", "needs")}
    return {
        "type": "object",
        "properties": others,
        "additionalProperties": line["properties"]["needs"],
        "minProperties": 1,
        "maxProperties": 1 + len(others),
    }
