"""Pictures of processes, measured: of those that Placet brings along, of those that WorkflowGen publishes, and of any."""

import random
import time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from placet.approvals.definitions import Definition
from placet.approvals.picture import Mark, drawing_of, layout_of
from placet.approvals.picture_column import column
from placet.approvals.picture_graph import drawable, graph_of
from placet.approvals.picture_layout import Layout
from placet.commands.process import SAMPLES
from tests.approvals.picture_measures import crossings_of, faults_of
from tests.approvals.random_processes import definitions_of, processes
from tests.workflowgen.published import PROCESSES
from tests.workflowgen.test_published import decided

SAMPLE_NAMES = sorted(path.stem for path in SAMPLES.glob("*.yaml"))
ALL_NAMES = [*SAMPLE_NAMES, *(f"imported {name}" for name in PROCESSES)]
#: How often ways cross that nobody would draw without: each was looked at.
CROSSINGS: dict[str, int] = {}
OTHER_ORDERS = 12  # of steps and ways, in which a picture is drawn once more


def source_of(name: str) -> dict[str, Any]:
    if name.startswith("imported "):
        return decided(name.removeprefix("imported "))
    whole: dict[str, Any] = yaml.safe_load((SAMPLES / f"{name}.yaml").read_text())
    return whole


def definition(name: str) -> Definition:
    return Definition.model_validate(source_of(name))


def both(process: Definition) -> list[Layout]:
    return [layout_of(process), column(graph_of(drawable(process)), {})]


@pytest.mark.parametrize("name", ALL_NAMES)
def test_nothing_lies_on_anything_else(name: str) -> None:
    for layout in both(definition(name)):
        assert faults_of(layout) == []


@pytest.mark.parametrize("name", ALL_NAMES)
def test_ways_cross_only_where_nobody_would_draw_them_otherwise(name: str) -> None:
    """Whatever order its steps and its ways are written in, the picture has no fewer crossings."""
    crossings = crossings_of(layout_of(definition(name)))
    assert len(crossings) == CROSSINGS.get(name, 0), crossings
    if not crossings:
        return
    rng = random.Random(name)
    for _ in range(OTHER_ORDERS):
        other = source_of(name)
        steps = list(other["steps"].items())
        rng.shuffle(steps)
        rng.shuffle(other["transitions"])
        other["steps"] = dict(steps)
        assert len(crossings_of(layout_of(Definition.model_validate(other)))) >= len(crossings)


@settings(max_examples=60, deadline=None)
@given(processes(fills=False))
def test_of_any_process_nothing_lies_on_anything_else(whole: Any) -> None:
    process = Definition.model_validate(definitions_of(whole)[-1])
    for layout in both(process):
        assert faults_of(layout) == []


@st.composite
def drafts(draw: st.DrawFn) -> dict[str, Any]:
    """Steps and ways as they come: also such as lead nowhere, round in a ring, to themselves, or out of a branch."""
    number = draw(st.integers(1, 9))
    keys = [f"s{at}" for at in range(number)]
    steps: dict[str, Any] = {
        key: {"kind": "approval", "name": draw(NAMES), "ask": [{"manager": True}]} for key in keys
    }
    steps["end"] = {"kind": "end", "name": "End", "result": "approved"}
    if number > 3 and draw(st.booleans()):
        steps["block"] = {
            "kind": "parallel", "name": "Block", "result": [{"approved": "all"}], "otherwise": "rejected",
            "branches": {key: {"start": key} for key in draw(st.permutations(keys))[:2]},
        }  # fmt: skip
    targets = [*steps, "nowhere"]
    ways = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "from": st.sampled_from([*steps]),
                    "outcome": st.sampled_from(["approve", "reject", "other"]),
                    "to": st.sampled_from(targets),
                }
            ),
            max_size=2 * number + 3,
        )
    )
    return {
        "key": "any",
        "name": "Any",
        "start": draw(st.sampled_from(targets)),
        "steps": steps,
        "transitions": ways,
    }


NAMES = st.one_of(
    st.sampled_from(["Manager", "Change advisory board", "W" * 100]), st.text(min_size=1, max_size=100)
)


@settings(max_examples=150, deadline=None)
@given(drafts())
def test_of_any_draft_nothing_lies_on_anything_else(source: dict[str, Any]) -> None:
    process = Definition.model_validate(source)
    for layout in both(process):
        assert faults_of(layout) == []
    etree.fromstring(drawing_of(process))
