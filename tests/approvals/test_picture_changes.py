"""The picture of two versions: what is new, changed and gone is marked by signs and words, and lies on nothing else."""

from collections.abc import Iterator
from typing import Any

from django.utils import translation
from hypothesis import given, settings

from placet.approvals.definitions import Definition, Place
from placet.approvals.picture import drawing_of_changes
from placet.approvals.picture_changes import compared
from placet.approvals.picture_column import column
from placet.approvals.picture_graph import Edge, Graph
from placet.approvals.picture_wide import wide
from tests.approvals.picture_measures import faults_of
from tests.approvals.test_picture import drafts, elements_of, source_of


def versions() -> tuple[Definition, Definition]:
    """The purchase, and the purchase with another limit, another step, and without an answer."""
    old = Definition.model_validate(source_of("purchase"))
    source = source_of("purchase")
    source["steps"]["finance"]["ask"] = [{"group": "controlling"}]
    source["steps"]["cfo"] = {"kind": "approval", "name": "CFO", "ask": [{"group": "cfo"}]}
    ways = source["transitions"]
    next(way for way in ways if way.get("when"))["when"] = "amount > 2000.0"
    onward = next(way for way in ways if way["from"] == "finance" and way["outcome"] == "approve")
    ways += [{**onward, "from": "cfo"}, {"from": "cfo", "outcome": "reject", "to": "rejected"}]
    onward["to"] = "cfo"
    return old, Definition.model_validate(source)


def edges_of(graph: Graph, place: Place = ()) -> Iterator[Edge]:
    yield from graph.edges
    for node in graph.nodes.values():
        for branch in node.branches:
            yield from edges_of(branch.graph, (*place, (node.key, branch.key)))


def places_of(graph: Graph, place: Place = ()) -> Iterator[tuple[str, Place]]:
    for node in graph.nodes.values():
        yield node.key, place
        for branch in node.branches:
            yield from places_of(branch.graph, (*place, (node.key, branch.key)))


def test_what_is_new_changed_and_gone_is_said_of_steps_and_ways() -> None:
    old, new = versions()
    both = compared(old, new, {"finance": "changed", "cfo": "new"})
    assert both.steps == {"finance": "changed", "cfo": "new"}
    ended = (
        next(way.to for way in old.transitions if way.from_ == "finance" and way.outcome == "approve") or ""
    )
    assert both.ways == {
        ("manager", "finance"): "changed",
        ("finance", "cfo"): "new",
        ("finance", ended): "removed",
        ("cfo", ended): "new",
        ("cfo", "rejected"): "new",
    }
    back = compared(new, old, {"finance": "changed"})
    assert back.steps == {"finance": "changed", "cfo": "removed"}
    assert back.ways["finance", "cfo"] == "removed" and back.ways["finance", ended] == "new"


def test_signs_and_words_say_what_colours_say() -> None:
    whole = elements_of(f"<div>{drawing_of_changes(*versions(), {'finance': 'changed', 'cfo': 'new'})}</div>")
    legend = [" ".join(item.itertext()).strip() for item in whole.xpath("./ul[@class='picture-legend']/li")]
    assert legend == ["new", "changed", "gone"]
    for svg in whole.iter("svg"):
        if (svg.get("class") or "").startswith("picture-sign"):
            continue
        texts = " ".join(text.text or "" for text in svg.iter("text"))
        assert "changed: Approve, if Amount" in texts and "gone: Approve" in texts and "new: Reject" in texts
        assert len(svg.xpath(".//g[@class='p-state']")) == 2
        # What is gone is no reason to call what is left otherwise.
        assert "Approve, otherwise" in texts and "new: Approve, otherwise" not in texts
    assert "gone: Approve: on to" in " ".join(whole.xpath("string(//div[@class='unseen'])").split())
    with translation.override("fr"):
        drawing = drawing_of_changes(*versions(), {"cfo": "new"})
    assert "modifié\u00a0: Approuver, si Amount" in drawing and "nouveau" in drawing and "supprimé" in drawing


def test_what_differs_lies_on_top_of_what_stayed_and_what_is_gone_below() -> None:
    """Ways run together: the last one that is drawn gives the line its colour."""
    for pair in (versions(), versions()[::-1]):
        whole = elements_of(f"<div>{drawing_of_changes(*pair, {'finance': 'changed'})}</div>")
        for svg in whole.xpath("./div/div/svg | ./div/svg"):
            order = [
                0 if "p-is-removed" in classes else 2 if "p-is-" in classes else 1
                for classes in svg.xpath("./path[contains(@class, 'p-way')]/@class")
            ]
            assert {*order} == {0, 1, 2} and order == sorted(order)


def test_of_the_same_there_is_no_picture() -> None:
    old, _new = versions()
    assert drawing_of_changes(old, old, {}) == ""


def test_a_way_under_a_condition_that_is_gone_leaves_the_other_one_its_name() -> None:
    source = source_of("purchase")
    source["transitions"] = [way for way in source["transitions"] if not way.get("when")]
    both = compared(versions()[0], Definition.model_validate(source), {})
    labels = [label for edge in both.graph.ways_from("manager") for label in edge.labels]
    assert "Approve" in labels and "Approve, otherwise" not in labels
    assert any(label.startswith("gone: Approve, if ") for label in labels)


@settings(max_examples=100, deadline=None)
@given(drafts(), drafts())
def test_of_any_two_drafts_all_is_drawn_and_nothing_moves(one: dict[str, Any], other: dict[str, Any]) -> None:
    old, new = Definition.model_validate(one), Definition.model_validate(other)
    both = compared(old, new, {})
    places = dict(places_of(both.graph))
    assert places.keys() >= old.steps.keys() | new.steps.keys()
    assert {key: places[key] for key in new.places} == dict(new.places)
    for edge in edges_of(both.graph):
        assert (both.ways.get((edge.source, edge.target)) == "removed") <= all(
            number >= len(new.transitions) for number in edge.ways
        )
    for layout in (wide(both.graph, {}), column(both.graph, {})):
        assert faults_of(layout) == []
