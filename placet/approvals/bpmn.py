"""A process as BPMN 2.0, with the layout of its picture: for documentation, and for programs that show such models.

    a step that asks people       userTask; where nobody answers in time, a timer on its edge
    a notice                      sendTask
    a wait                        intermediateCatchEvent: a timer, a signal or a condition
    another process               callActivity
    a block                       parallelGateway, a subProcess for each branch, parallelGateway; where branches have
                                  conditions, inclusiveGateways
    several ways on               exclusiveGateway; a way back leaves its step itself, with its condition

Texts are in the language that is active. What has no element in BPMN (rules, reminders) stands in documentation.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from placet.approvals.definitions import Definition
from placet.approvals.picture_graph import BranchGraph, Edge, Graph, Node, drawable, graph_of
from placet.approvals.picture_layout import Block, Box, Layout, Point, Way
from placet.approvals.picture_text import plain
from placet.approvals.picture_wide import wide
from placet.approvals.rule_words import rule_in_words
from placet.approvals.steps import ApprovalStep, CallStep, IncludeStep, ParallelStep, WaitStep

MODEL = "http://www.omg.org/spec/BPMN/20100524/MODEL"
DIAGRAM = "http://www.omg.org/spec/BPMN/20100524/DI"
BOUNDS = "http://www.omg.org/spec/DD/20100524/DC"
EDGES = "http://www.omg.org/spec/DD/20100524/DI"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
OURS = "https://placet.example/processes"  # of the elements; nothing is there
NAMES = {None: MODEL, "bpmndi": DIAGRAM, "dc": BOUNDS, "di": EDGES, "xsi": INSTANCE}
GATE = 16  # of the gateways behind steps
BLOCK_GATE = 24  # and at blocks
BELL = 9  # half of a timer on an edge
_TAGS = {
    "start": "startEvent",
    "approval": "userTask",
    "task": "userTask",
    "revise": "userTask",
    "notice": "sendTask",
    "wait": "intermediateCatchEvent",
    "call": "callActivity",
    "include": "callActivity",
    "end": "endEvent",
    "result": "endEvent",
    "leaves": "endEvent",
    "missing": "endEvent",
}
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # what XML cannot hold
_ACTIVITIES = ("userTask", "sendTask", "callActivity")
_EVENTS = ("startEvent", "endEvent", "intermediateCatchEvent")
Element = etree._Element


def bpmn_of(definition: Definition) -> bytes:
    """An XML document."""
    written = drawable(definition)
    graph = graph_of(written)
    return _Writer(written, wide(graph, {})).document(graph)


@dataclass
class _Shape:
    id: str
    box: Box
    is_expanded: bool = False
    label: Box | None = None


@dataclass
class _Flow:
    id: str
    points: Sequence[Point]
    label: Box | None = None


@dataclass
class _Writer:
    definition: Definition
    layout: Layout
    shapes: list[_Shape] = field(default_factory=list)
    flows: list[_Flow] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)  # by key of a node: what a way to it leads to
    exits: dict[str, str] = field(default_factory=dict)  # and what a way from it comes from
    elements: dict[str, Element] = field(default_factory=dict)  # by id

    def __post_init__(self) -> None:
        self.boxes = self.layout.boxes
        self.blocks = {block.key: block for block in self.layout.blocks}
        self.ways = {
            (way.source, way.target): way for way in self.layout.ways if way.ways or way.source == "start>"
        }

    def document(self, graph: Graph) -> bytes:
        root = etree.Element(f"{{{MODEL}}}definitions", nsmap=NAMES, id="definitions", targetNamespace=OURS)
        key = f"process_{self.definition.key}"
        process = self._element(root, "process", key, self.definition.name, isExecutable="false")
        self._document(process, [self.definition.description])
        self._graph(process, graph)
        self._diagram(root, key)
        return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)

    # --- nodes --------------------------------------------------------------------------------------------

    def _graph(self, parent: Element, graph: Graph) -> None:
        for node in graph.nodes.values():
            if node.branches:
                self._block(parent, node)
            else:
                self._node(parent, node)
        for key in graph.nodes:
            self._ways_from(parent, graph, key)

    def _node(self, parent: Element, node: Node) -> None:
        box = self.boxes[node.key]
        tag = _TAGS[node.kind]
        id_ = self._new_id(node.key)
        step = self.definition.steps.get(node.key)
        called = {"calledElement": step.process} if isinstance(step, CallStep | IncludeStep) else {}
        element = self._element(parent, tag, id_, node.name, **called)
        self.ids[node.key] = self.exits[node.key] = id_
        self._document(element, [node.note, *_told(step)])
        if tag == "intermediateCatchEvent" and isinstance(step, WaitStep):
            self._awaited(element, id_, step)
        if node.kind == "leaves":
            self._element(element, "escalationEventDefinition", f"{id_}_out")
        if tag in _EVENTS:
            ring = Box(box.middle - box.height // 2, box.y, box.height, box.height)
            label = Box(ring.right + 2, ring.y, max(box.width // 2, 40), ring.height)
            self.shapes.append(_Shape(id_, ring, label=label))
        else:
            self.shapes.append(_Shape(id_, box))

    def _awaited(self, element: Element, id_: str, step: WaitStep) -> None:
        if step.signal is not None:
            self._element(element, "signalEventDefinition", f"{id_}_signal")
        elif step.until is not None:
            awaited = self._element(element, "conditionalEventDefinition", f"{id_}_until")
            self._formal(awaited, "condition", step.until)
        else:
            self._timer(element, id_, step.due)

    def _timer(self, element: Element, id_: str, due: Any) -> None:
        timer = self._element(element, "timerEventDefinition", f"{id_}_timer")
        self._formal(timer, "timeDuration", _as_text(due))

    def _block(self, parent: Element, node: Node) -> None:
        """A gateway, a subprocess for each branch, and a gateway."""
        block = self.blocks[node.key]
        step = self.definition.steps[node.key]
        if not isinstance(step, ParallelStep):
            raise TypeError(f"{node.key} is no block")
        conditions = {name: branch.when for name, branch in step.branches.items()}
        tag = "inclusiveGateway" if any(conditions.values()) else "parallelGateway"
        box, half = block.box, BLOCK_GATE // 2
        top = Box(box.middle - half, box.y, BLOCK_GATE, BLOCK_GATE)
        split = self._gateway(parent, tag, node.key, node.name, top, "Diverging")
        below = top.moved(0, box.height - BLOCK_GATE)
        join = self._gateway(parent, tag, f"{node.key}/end", "", below, "Converging")
        self.ids[node.key], self.exits[node.key] = split, join
        rule = [_plain_value(line) for line in step.result]
        self._document(
            self.elements[split], [node.note, f"result: {_as_text(rule)}, otherwise: {step.otherwise}"]
        )
        areas = {area.key: area.box for area in block.branches}
        for branch in node.branches:
            self._branch(parent, block, areas[branch.key], branch, (split, join), conditions[branch.key])

    def _branch(
        self,
        parent: Element,
        block: Block,
        area: Box,
        branch: BranchGraph,
        gates: tuple[str, str],
        condition: str | None,
    ) -> None:
        first = branch.graph.nodes.get(branch.graph.first)
        id_ = self._new_id(f"{block.key}/{branch.key}")
        element = self._element(
            parent, "subProcess", id_, branch.name or (first.name if first else branch.key)
        )
        self._document(element, [branch.note])
        self.shapes.append(_Shape(id_, area, is_expanded=True))
        begun = self.elements[self._flow(parent, gates[0], id_, _into(block.box, area))]
        if condition is not None:
            self._formal(begun, "conditionExpression", condition)
        self._flow(parent, id_, gates[1], _out_of(block.box, area))
        self._graph(element, branch.graph)

    def _gateway(self, parent: Element, tag: str, key: str, name: str, box: Box, direction: str) -> str:
        id_ = self._new_id(key)
        self._element(parent, tag, id_, name, gatewayDirection=direction)
        self.shapes.append(_Shape(id_, box))
        return id_

    # --- ways ---------------------------------------------------------------------------------------------

    def _ways_from(self, parent: Element, graph: Graph, key: str) -> None:
        edges = graph.ways_from(key)
        onward = [edge for edge in edges if not self.ways[key, edge.target].is_back]
        source, gate, first = self.exits[key], "", ""
        if len(onward) > 1:
            gate, first = self._choice(parent, key, onward)
        for edge in edges:
            way = self.ways[key, edge.target]
            has_gate = bool(gate) and not way.is_back
            points = self._from_gate(gate, way.points) if has_gate else way.points
            has_condition = has_gate or (way.is_back and len(edges) > 1)
            flow = self._named(parent, edge, gate if has_gate else source, points, way, has_condition)
            first = first or ("" if way.is_back else flow)
        if first and len(onward) < len(edges) and _tag(self.elements[source]) in _ACTIVITIES:
            self.elements[source].set("default", first)  # where no way back is taken
        self._expiry(parent, key, edges)

    def _choice(self, parent: Element, key: str, onward: Sequence[Edge]) -> tuple[str, str]:
        """The gateway behind a step, where its ways part; and the way to it."""
        ways = [self.ways[key, edge.target] for edge in onward]
        x, top = ways[0].points[0]
        y = next(
            (way.points[1][1] for way in ways if way.points[1][0] == x and len(way.points) > 2), top + GATE
        )
        y = max(y, top + GATE // 2 + 1)
        box = Box(x - GATE // 2, y - GATE // 2, GATE, GATE)
        gate = self._gateway(parent, "exclusiveGateway", f"{key}/choice", "", box, "Diverging")
        return gate, self._flow(parent, self.exits[key], gate, ((x, top), (x, box.y)))

    def _from_gate(self, gate: str, points: Sequence[Point]) -> Sequence[Point]:
        """A way, as it goes on behind the gateway."""
        box = next(shape.box for shape in self.shapes if shape.id == gate)
        centre = (box.middle, box.y + box.height // 2)
        rest = [point for point in points[1:] if point != centre]
        if rest[0][0] == centre[0]:
            return ((centre[0], box.bottom), *rest)
        side = box.right if rest[0][0] > centre[0] else box.x
        return ((side, centre[1]), *rest)

    def _named(
        self,
        parent: Element,
        edge: Edge,
        source: str,
        points: Sequence[Point],
        way: Way,
        has_condition: bool,
    ) -> str:
        id_ = self._flow(parent, source, self.ids[edge.target], points, "; ".join(edge.labels))
        if way.label is not None:
            self.flows[-1].label = way.label.box
        if has_condition and edge.ways:
            self._formal(self.elements[id_], "conditionExpression", self._condition(edge))
        return id_

    def _condition(self, edge: Edge) -> str:
        parts = []
        for number in edge.ways:
            way = self.definition.transitions[number]
            answered = f"outcome == {json.dumps(way.outcome)}"
            parts.append(f"{answered} && ({way.when})" if way.when else answered)
        return " || ".join(parts)

    def _expiry(self, parent: Element, key: str, edges: Iterable[Edge]) -> None:
        """A timer on the edge of a step that comes to something where nobody answers in time."""
        step = self.definition.steps.get(key)
        if not isinstance(step, ApprovalStep) or not step.expires_to or step.expire is None:
            return
        box = self.boxes[key]
        centre = (box.right - 2 * BELL - 4, box.bottom)
        ring = Box(centre[0] - BELL, centre[1] - BELL, 2 * BELL, 2 * BELL)
        id_ = self._new_id(f"{key}/expires")
        element = self._element(
            parent, "boundaryEvent", id_, "", attachedToRef=self.exits[key], cancelActivity="true"
        )
        self._timer(
            element, id_, step.due if step.expire.after is None else [_as_text(step.due), step.expire.after]
        )
        self.shapes.append(_Shape(id_, ring))
        for edge in edges:
            if any(self.definition.transitions[number].outcome == step.expires_to for number in edge.ways):
                way = self.ways[key, edge.target]
                self._flow(parent, id_, self.ids[edge.target], _from_bell(ring, way))

    def _flow(
        self, parent: Element, source: str, target: str, points: Sequence[Point], name: str = ""
    ) -> str:
        id_ = f"flow_{len(self.flows) + 1}"
        self._element(parent, "sequenceFlow", id_, name, sourceRef=source, targetRef=target)
        self.flows.append(_Flow(id_, points))
        for end, tag in ((source, "outgoing"), (target, "incoming")):
            self._note_flow(self.elements[end], tag, id_)
        return id_

    def _note_flow(self, element: Element, tag: str, flow: str) -> None:
        """`incoming` before `outgoing`, and both behind the documentation, as the schema says."""
        before = (
            ("documentation", "incoming") if tag == "incoming" else ("documentation", "incoming", "outgoing")
        )
        at = sum(_tag(one) in before for one in element)
        noted = etree.Element(f"{{{MODEL}}}{tag}")
        noted.text = flow
        element.insert(at, noted)

    # --- elements -----------------------------------------------------------------------------------------

    def _element(self, parent: Element, tag: str, id_: str, name: str = "", **attributes: str) -> Element:
        element = etree.SubElement(parent, f"{{{MODEL}}}{tag}", id=id_)
        if name:
            element.set("name", plain(name))
        for attribute, value in attributes.items():
            element.set(attribute, value)
        self.elements[id_] = element
        return element

    def _new_id(self, key: str) -> str:
        """A name as XML takes it, that nothing else has."""
        letters = "".join(one if one.isascii() and (one.isalnum() or one == "_") else "_" for one in key)
        return f"n{len(self.elements)}_{letters}"

    def _document(self, element: Element, texts: Iterable[str]) -> None:
        text = "\n".join(plain(one) for one in texts if one)
        if text:
            documentation = etree.Element(f"{{{MODEL}}}documentation")
            documentation.text = text
            element.insert(0, documentation)

    def _formal(self, parent: Element, tag: str, text: str) -> None:
        element = etree.SubElement(parent, f"{{{MODEL}}}{tag}")
        element.set(f"{{{INSTANCE}}}type", "tFormalExpression")
        element.text = _UNWRITABLE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)

    def _diagram(self, root: Element, process: str) -> None:
        diagram = etree.SubElement(root, f"{{{DIAGRAM}}}BPMNDiagram", id="diagram")
        plane = etree.SubElement(diagram, f"{{{DIAGRAM}}}BPMNPlane", id="plane", bpmnElement=process)
        for shape in self.shapes:
            drawn = etree.SubElement(
                plane, f"{{{DIAGRAM}}}BPMNShape", id=f"{shape.id}_di", bpmnElement=shape.id
            )
            if shape.is_expanded:
                drawn.set("isExpanded", "true")
            _bounds(drawn, shape.box)
            if shape.label is not None:
                _bounds(etree.SubElement(drawn, f"{{{DIAGRAM}}}BPMNLabel"), shape.label)
        for flow in self.flows:
            drawn = etree.SubElement(plane, f"{{{DIAGRAM}}}BPMNEdge", id=f"{flow.id}_di", bpmnElement=flow.id)
            for x, y in flow.points:
                etree.SubElement(drawn, f"{{{EDGES}}}waypoint", x=str(x), y=str(y))
            if flow.label is not None:
                _bounds(etree.SubElement(drawn, f"{{{DIAGRAM}}}BPMNLabel"), flow.label)


def _bounds(parent: Element, box: Box) -> None:
    values = {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
    etree.SubElement(parent, f"{{{BOUNDS}}}Bounds", {name: str(value) for name, value in values.items()})


def _tag(element: Element) -> str:
    return etree.QName(element).localname


def _told(step: Any) -> Iterator[str]:
    """What of a step has no element of its own."""
    if isinstance(step, ApprovalStep):
        yield rule_in_words(step)
    for name in ("due", "remind", "escalate"):
        value = getattr(step, name, None)
        if value is not None:
            yield f"{name}: {_as_text(value)}"
    if isinstance(step, CallStep) and step.data:
        yield _as_text(step.data)


def _as_text(value: Any) -> str:
    """As a process says it, in one line."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=_plain_value)


def _plain_value(value: Any) -> Any:
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)


# --- lines ------------------------------------------------------------------------------------------------


def _into(block: Box, area: Box) -> list[Point]:
    """From the gateway on top of a block to a branch: past the branches above it, on the left."""
    top = block.y + BLOCK_GATE
    start, middle = (block.middle, top), (area.middle, area.y)
    first = top + 4
    if area.y - top < 3 * BLOCK_GATE:
        return [start, (block.middle, area.y - 5), (area.middle, area.y - 5), middle]
    side = block.x + 6
    return [
        start,
        (block.middle, first),
        (side, first),
        (side, area.y - 6),
        (area.middle, area.y - 6),
        middle,
    ]


def _out_of(block: Box, area: Box) -> list[Point]:
    """From a branch to the gateway below: past the branches below it, on the right."""
    end = (block.middle, block.bottom - BLOCK_GATE)
    if block.bottom - area.bottom < 2 * BLOCK_GATE:
        return [
            (area.middle, area.bottom),
            (area.middle, block.bottom - 5),
            (block.middle, block.bottom - 5),
            end,
        ]
    side = block.right - 6
    return [
        (area.middle, area.bottom), (area.middle, area.bottom + 5), (side, area.bottom + 5),
        (side, block.bottom - 5), (block.middle, block.bottom - 5), end,
    ]  # fmt: skip


def _from_bell(ring: Box, way: Way) -> list[Point]:
    """From a timer on the edge of a step into the way that it begins."""
    x, y = ring.middle, ring.bottom
    rest = [point for point in way.points[1:] if point[1] > y] if not way.is_back else list(way.points[1:])
    if not rest:
        rest = [way.points[-1]]
    level = max(y, min(rest[0][1], y + 2)) if not way.is_back else y + 2
    return [(x, y), (x, level), (rest[0][0], level), *rest]
