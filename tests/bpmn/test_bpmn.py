"""Processes as BPMN: every reference is to something that is there, everything is drawn within the plane, and the
reader of bpmn.io has nothing to say against it."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from lxml import etree

from placet.approvals.bpmn import BOUNDS, DIAGRAM, EDGES, MODEL, bpmn_of
from placet.approvals.definitions import Definition
from tests.approvals.random_processes import definitions_of, processes
from tests.approvals.test_picture import ALL_NAMES, definition, drafts
from tools import npm

HERE = Path(__file__).parent
FOLDER = Path(sys.prefix) / "bpmn-moddle"
HOSTILE = ["</bpmn:process>", "a\x00b\x1bc", "‮evil", "👩‍👩‍👧‍👦" * 14, "&amp;<script>", "W" * 100]


def faults_of(document: bytes) -> list[str]:
    root = etree.fromstring(document)
    ids = [one.get("id") for one in root.iter() if one.get("id")]
    faults = [f"{id_} is there {n} times" for id_, n in Counter(ids).items() if n > 1]
    nodes = {one.get("id"): one for one in root.iter(f"{{{MODEL}}}*")}
    drawn = {
        one.get("bpmnElement"): one for one in root.iter(f"{{{DIAGRAM}}}BPMNShape", f"{{{DIAGRAM}}}BPMNEdge")
    }
    for flow in root.iter(f"{{{MODEL}}}sequenceFlow"):
        for end in ("sourceRef", "targetRef"):
            if nodes.get(flow.get(end)) is None or nodes[flow.get(end)].getparent() is not flow.getparent():
                faults.append(f"{flow.get('id')}: its {end} is not beside it")
        if flow.get("id") not in drawn:
            faults.append(f"{flow.get('id')} is not drawn")
    for tag in ("incoming", "outgoing"):
        end = "targetRef" if tag == "incoming" else "sourceRef"
        for noted in root.iter(f"{{{MODEL}}}{tag}"):
            if nodes[noted.text or ""].get(end) != noted.xpath("string(../@id)"):
                faults.append(f"{noted.text} is no {tag} flow of it")
    kinds = ("Task", "Event", "Gateway", "Activity", "subProcess")
    for node in nodes.values():
        if etree.QName(node).localname.endswith(kinds) and node.get("id") not in drawn:
            faults.append(f"{node.get('id')} is not drawn")
    return [*faults, *_out_of_the_plane(root)]


def _out_of_the_plane(root: Any) -> list[str]:
    boxes = [
        [int(box.get(name)) for name in ("x", "y", "width", "height")]
        for box in root.iter(f"{{{BOUNDS}}}Bounds")
    ]
    right = max(x + width for x, _y, width, _height in boxes) + 400
    bottom = max(y + height for _x, y, _width, height in boxes) + 40
    faults = [f"a box at {box}" for box in boxes if min(box[:2]) < 0 or min(box[2:]) <= 0]
    for edge in root.iter(f"{{{DIAGRAM}}}BPMNEdge"):
        points = [(int(one.get("x")), int(one.get("y"))) for one in edge.iter(f"{{{EDGES}}}waypoint")]
        if len(points) < 2 or any(not (0 <= x <= right and 0 <= y <= bottom) for x, y in points):
            faults.append(f"{edge.get('bpmnElement')} goes along {points}")
    return faults


def kinds_of(name: str) -> Counter[str]:
    return Counter(etree.QName(one).localname for one in etree.fromstring(bpmn_of(definition(name))).iter())


@pytest.mark.parametrize("name", ALL_NAMES)
def test_all_of_it_is_there_and_drawn(name: str) -> None:
    assert faults_of(bpmn_of(definition(name))) == []


@settings(max_examples=30, deadline=None)
@given(processes(fills=False))
def test_of_any_process_all_is_there_and_drawn(whole: Any) -> None:
    assert faults_of(bpmn_of(Definition.model_validate(definitions_of(whole)[-1]))) == []


@settings(max_examples=60, deadline=None)
@given(drafts())
def test_of_any_draft_all_is_there_and_drawn(source: dict[str, Any]) -> None:
    assert faults_of(bpmn_of(Definition.model_validate(source))) == []


def test_a_condition_is_written_letter_by_letter() -> None:
    source = definition("contract").model_dump(mode="json", by_alias=True, exclude_none=True)
    condition = "value > 1.0 && 'a  b\u202e\x01' != ''"
    source["steps"]["checks"]["branches"]["finance"]["when"] = condition
    root = etree.fromstring(bpmn_of(Definition.model_validate(source)))
    written = [one.text for one in root.iter(f"{{{MODEL}}}conditionExpression")]
    assert condition.replace("\x01", "\\u0001") in written


def test_each_kind_of_step_has_its_element() -> None:
    access, change = kinds_of("access"), kinds_of("change")
    assert access["userTask"] == 5 and access["sendTask"] == 1 and access["intermediateCatchEvent"] == 1
    assert access["inclusiveGateway"] == 2 and access["subProcess"] == 3
    assert access["boundaryEvent"] == 2 and access["timerEventDefinition"] == 3
    assert change["exclusiveGateway"] == 6  # of three steps, the block, and one step in each branch
    assert kinds_of("order")["signalEventDefinition"] == 1


def read(documents: list[bytes]) -> list[dict[str, Any]]:
    """By bpmn-moddle."""
    try:
        folder = npm.install(HERE, FOLDER)
    except npm.NotInstalled as error:
        told = f"npm could not get bpmn-moddle: {error}"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    lines = "".join(json.dumps(one.decode()) + "\n" for one in documents)
    ran = subprocess.run(
        [npm.NODE, HERE / "read.mjs"], cwd=folder, input=lines, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_the_reader_of_bpmn_io_has_no_warning() -> None:
    hostile = definition("contract").model_dump(mode="json", by_alias=True, exclude_none=True)
    for (key, step), name in zip(hostile["steps"].items(), HOSTILE, strict=False):
        hostile["steps"][key] = {**step, "name": name}
    documents = [bpmn_of(definition(name)) for name in ALL_NAMES]
    documents.append(bpmn_of(Definition.model_validate(hostile)))
    for name, done in zip([*ALL_NAMES, "hostile"], read(documents), strict=True):
        assert done["warnings"] == [], name
        assert done["root"] == "bpmn:Definitions" and "bpmndi:BPMNPlane" in done["kinds"]


def test_the_reader_of_bpmn_io_would_warn() -> None:
    broken = bpmn_of(definition("purchase")).replace(b'targetRef="', b'targetRef="no', 1)
    assert read([broken])[0]["warnings"]
