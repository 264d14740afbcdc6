"""What the manual shows of processes: the samples as they are, and pieces of YAML that can be published once what they
leave out is put beside them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from placet.approvals import authority
from placet.approvals.authority_csv import read
from placet.approvals.processes import parse_definition, publish
from placet.commands.process import SAMPLES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "processes.md").read_text()
PIECES = re.findall(r"```yaml\n(.*?)```", PAGE.partition("\n## The whole\n")[2], re.DOTALL)
STEP = {"kind": "approval", "name": "Step", "ask": [{"manager": True}]}
#: What pieces without a form of their own speak of.
FORM = [
    *(
        {"name": name, "label": name, "type": "text"}
        for name in ("item", "supplier", "reason", "visitor", "cost_centre", "tax")
    ),
    *({"name": name, "label": name, "type": "person"} for name in ("reviewer", "host")),
    *({"name": name, "label": name, "type": "money", "currency": "EUR"} for name in ("amount", "value")),
    *({"name": name, "label": name, "type": "files"} for name in ("invoice", "mail")),
    {"name": "limit_of_year", "label": "limit", "type": "number"},
]


def whole(piece: Any) -> dict[str, Any]:
    """A process around a piece: its form, its steps, or what stands in one step."""
    if isinstance(piece, list):
        piece = {"form": piece}
    elif all(isinstance(value, dict) and "kind" in value for value in piece.values()):
        piece = {"steps": piece}
    elif not piece.keys() & {"form", "steps", "longest", "start_by_mail"}:
        piece = {"steps": {"step": STEP | piece}}
    process: dict[str, Any] = {"key": "shown", "name": "Shown", "title": "Request", "form": FORM, "steps": {}}
    process |= piece
    process["steps"] = {"begin": STEP, **process["steps"]}
    process["transitions"] = [*process.get("transitions", ()), *_ways(process)]
    for way in process["transitions"]:
        if "to" in way:
            end = {
                "kind": "end",
                "name": way["to"],
                "result": "rejected" if way["to"] == "refused" else "approved",
            }
            process["steps"].setdefault(way["to"], end)
    return process | {"start": "begin"}


def _ways(process: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Those that a piece leaves out: from the beginning to each of its steps, and from each to an end."""
    steps, ways = process["steps"], process.get("transitions", ())
    branches = [one for step in [*steps.values()] for one in step.get("branches", {}).values()]
    for branch in branches:
        steps.setdefault(branch["start"], STEP)
    onward = (way.get("to") for way in ways if steps.get(way["from"], {}).get("kind") != "revise")
    reached = {"begin", *(branch["start"] for branch in branches), *onward}
    roots = [key for key in steps if key not in reached] or ["over"]
    for number, key in enumerate(roots, start=1):
        last = {} if number == len(roots) else {"when": f"amount == {number}"}
        yield {"from": "begin", "outcome": "approve", "to": key} | last
    yield {"from": "begin", "outcome": "reject", "to": "refused"}
    for key, step in steps.items():
        if key != "begin" and key not in {way["from"] for way in ways}:
            yield from ({"from": key, "outcome": outcome, "to": "over"} for outcome in _results(step))


def _results(step: Mapping[str, Any]) -> Iterator[str]:
    """What a step may come to: not what does not count, unless nothing else is left."""
    if step["kind"] == "task":
        yield "done"
        return
    for written in step.get("outcomes", ["approve", "reject"]):
        outcome = {"key": written} if isinstance(written, str) else written
        if "returns" in outcome:
            continue
        if outcome.get("counts", True) or outcome["key"] == step.get("otherwise"):
            yield outcome["key"]


@pytest.fixture
def named_processes(db: None) -> None:
    """The processes and the table that pieces name."""
    check = whole({"steps": {"manager": STEP}}) | {"key": "budget-check"}
    check["steps"]["over"] |= {"result": "approved"}
    publish(check)
    publish((SAMPLES / "contract.yaml").read_text())
    authority.publish("cost_centres", read((SAMPLES / "invoice.cost_centres.csv").read_bytes()), "first")
    authority.publish("plants", read(b"code,name\n1,North\n"), "first")
    authority.publish("authority", read(b"cost_centre,amount:number,ask\n*,*,manager\n"), "first")


def test_each_piece_of_yaml_in_the_manual_can_be_published(named_processes: None) -> None:
    assert len(PIECES) > 12
    for piece in PIECES:
        process = whole(yaml.safe_load(piece))
        assert parse_definition(process).key == "shown", piece


def worked_examples() -> Mapping[str, Sequence[str]]:
    """By sample: what the manual shows of it."""
    _before, _heading, rest = PAGE.partition("## Worked examples\n")
    examples = rest.partition("\n## ")[0].split("\n### ")[1:]
    return {
        re.findall("`placet process publish ([a-z]+)`", example)[0]: re.findall(
            r"```yaml\n(.*?)```", example, re.DOTALL
        )
        for example in examples
    }


def test_the_manual_shows_each_sample_as_it_is() -> None:
    examples = worked_examples()
    assert sorted(examples) == sorted(path.stem for path in SAMPLES.glob("*.yaml"))
    for name, excerpts in examples.items():
        lines = [line.strip() for line in (SAMPLES / f"{name}.yaml").read_text().splitlines()]
        for excerpt in excerpts:
            shown = [line.strip() for line in excerpt.splitlines()]
            assert any(lines[at : at + len(shown)] == shown for at in range(len(lines))), (name, excerpt)
