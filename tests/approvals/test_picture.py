"""Pictures of processes, measured: of those that Placet brings along, of those that are imported, and of any."""

import math
import random
import re
import time
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest
import yaml
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from placet.approvals.checks import DEEPEST_BLOCKS
from placet.approvals.definitions import Definition
from placet.approvals.picture import Mark, drawing_of, layout_of, outline_of
from placet.approvals.picture_column import column
from placet.approvals.picture_graph import drawable, graph_of
from placet.approvals.picture_layout import ICON, Box, Layout, Way
from placet.approvals.picture_text import NOTE, plain, width_of, wrapped
from placet.approvals.picture_wide import _rows_of
from placet.approvals.picture_words import step_note
from placet.commands.process import SAMPLES
from tests.approvals.picture_measures import crossings_of, faults_of
from tests.approvals.random_processes import definitions_of, processes
from tests.workflowgen.published import PROCESSES
from tests.workflowgen.test_published import decided

SAMPLE_NAMES = sorted(path.stem for path in SAMPLES.glob("*.yaml"))
ALL_NAMES = [*SAMPLE_NAMES, *(f"imported {name}" for name in PROCESSES)]


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
def test_no_ways_cross(name: str) -> None:
    """Each of these can be drawn without a crossing, so whoever drew them by hand would."""
    assert crossings_of(layout_of(definition(name))) == []


@pytest.mark.parametrize("name", ALL_NAMES)
def test_branches_are_no_wider_than_they_must_be_and_fill_their_rows(name: str) -> None:
    """A block that needs more than one row has rows of about one width, with no room left at the end of any."""
    for block in layout_of(definition(name)).blocks:
        rows = defaultdict(list)
        for area in block.branches:
            rows[area.box.y].append(area.box)
        assert {max(box.right for box in row) for row in rows.values()} == {block.box.right - 12}
        needed = [box.width for row in rows.values() for box in row]
        assert len(rows) == 1 or max(map(len, rows.values())) <= math.ceil(len(needed) / len(rows)), name


def test_branches_are_parted_into_as_few_rows_as_they_fit_in_and_these_alike() -> None:
    assert _rows_of([560, 294, 294]) == [[0], [1, 2]]
    assert _rows_of([294, 294, 294]) == [[0, 1, 2]]
    assert _rows_of([294] * 4) == [[0, 1], [2, 3]]
    assert _rows_of([1200, 100]) == [[0], [1]]
    assert _rows_of([200] * 200) == [[*range(at, at + 4)] for at in range(0, 200, 4)]


@pytest.mark.parametrize("name", ALL_NAMES)
def test_in_the_column_what_ways_lead_to_stands_below_each_other(name: str) -> None:
    """Beside what the ways of one step are called, as in a table, but for those that do not fit."""
    process = definition(name)
    layout = column(graph_of(drawable(process)), {})
    for key in process.steps:
        labels = [way.label for way in layout.ways if way.source == key and way.label and way.label.target]
        beside = [one for one in labels if one.lines and one.target_at[1] < one.box.y + 2 + NOTE.line]
        least = min((one.target_at[0] for one in beside), default=0)
        assert all(
            one.target_at[0] == least or one.box.x + width_of(one.lines[-1], NOTE) > least - ICON
            for one in beside
        )
        for one in labels:
            assert one.target_at[0] + ICON + 4 + max(width_of(line, NOTE) for line in one.target_lines) <= (
                one.box.right
            )


def test_in_the_column_the_line_leads_on_where_the_request_goes_on() -> None:
    """Whatever comes first among the ways: an end in which it fails stands below what a request may still come to."""
    source = source_of("purchase")
    source["transitions"].sort(key=lambda way: way["outcome"] != "reject")
    source["steps"]["archive"] = {"kind": "task", "name": "Archive", "ask": [{"requester": True}]}
    source["transitions"] = [
        {**way, "to": "archive"} if way["to"] == "approved" else way for way in source["transitions"]
    ]
    source["transitions"].append({"from": "archive", "outcome": "done", "to": "approved"})
    layout = column(graph_of(drawable(Definition.model_validate(source))), {})
    drawn = sorted(layout.stations, key=lambda station: station.box.y)
    assert [station.key for station in drawn] == [
        "start>", "manager", "finance", "archive", "approved", "rejected",
    ]  # fmt: skip
    assert {(way.source, way.target) for way in layout.ways if way.has_head} == {
        ("start>", "manager"), ("manager", "finance"), ("finance", "archive"), ("archive", "approved"),
    }  # fmt: skip


def test_what_a_wait_waits_for_is_said() -> None:
    source = source_of("access")
    notes = {
        station.key: station.texts.note for station in layout_of(Definition.model_validate(source)).stations
    }
    assert notes["lasting"] == ("until “Until”",)
    waits: dict[str, tuple[dict[str, Any], str]] = {
        "at_once": ({"until": "true"}, "goes on at once"),
        "later": ({"due": "3 working days"}, "until its time comes"),
        "before": ({"due": {"field": "until", "before": "1 day"}}, "until its time comes"),
    }
    for key, (wait, _words) in waits.items():
        source["steps"][key] = {"kind": "wait", "name": key, **wait}
    layout = layout_of(Definition.model_validate(source))
    notes = {station.key: station.texts.note for station in layout.stations}
    assert {key: " ".join(notes[key]) for key in waits} == {
        key: words for key, (_wait, words) in waits.items()
    }


def test_ends_look_alike_in_how_many_lines_ever() -> None:
    marks = {"refused": Mark("ended", ("ended here", "on 12 January 2026", "by nobody"), "bad")}
    process = definition("invoice")
    assert marks.keys() < process.steps.keys()
    for svg in elements_of(drawing_of(process, marks=marks)).iter("svg"):
        ends = svg.xpath(".//g[contains(@class, 'p-end')]/rect")
        sizes = {(int(rect.get("height")), int(rect.get("rx"))) for rect in ends}
        assert len(sizes) > 1 and all(corner == min(height // 2, 24) for height, corner in sizes)


@pytest.mark.parametrize(
    ("language", "label", "note"),
    [
        ("en", "Who is asked for “Board”", "“Who is asked for ‘Board’”"),
        ("en", "À qui demander «\u00a0Direction\u00a0»", "“À qui demander «\u00a0Direction\u00a0»”"),
        (
            "fr",
            "À qui demander «\u00a0Direction\u00a0»",
            "«\u00a0À qui demander “Direction”\u00a0»",
        ),
        ("fr", "Who is asked for “Board”", "«\u00a0Who is asked for “Board”\u00a0»"),
    ],
)
def test_quotes_within_quotes_are_others(language: str, label: str, note: str) -> None:
    source = source_of("hiring")
    next(one for one in source["form"] if one.get("name") == "hiring_manager")["label"] = label
    source["steps"]["interviews"]["ask"] = [{"field": "hiring_manager"}]
    with translation.override(language):
        assert step_note(Definition.model_validate(source), "interviews") == note


def test_in_the_column_one_sees_where_each_of_several_answers_begins() -> None:
    """All of which lead to the same step: what follows of each is set in."""
    source = source_of("purchase")
    form = next(one for one in source["form"] if one["name"] == "amount")
    form["label"] = "Amount of all that is ordered with it"
    source["transitions"] = [
        {"from": "manager", "outcome": outcome, "to": "finance", "when": "amount > 1000.0"}
        for outcome in ("approve", "reject")
    ] + source["transitions"]
    layout = column(graph_of(drawable(Definition.model_validate(source))), {})
    label = next(way.label for way in layout.ways if (way.source, way.target) == ("manager", "finance"))
    assert label is not None and len(label.lines) == 4
    assert [line[: line.index(" ")] for line in label.lines if not line.startswith("\u00a0")] == [
        "Approve,", "Reject,",
    ]  # fmt: skip
    assert faults_of(layout) == []


def test_in_the_column_a_way_and_what_it_leads_to_stand_on_one_line() -> None:
    svg = [*elements_of(drawing_of(definition("purchase"))).iter("svg")][1]
    lines = [
        (one.findall("text")[0], one.find("g/text"))
        for one in svg.iter("g")
        if one.get("class", "").startswith("p-says") and one.find("g/text") is not None
    ]
    assert len(lines) == 3
    for label, target in lines:
        assert target is not None and label.get("y") == target.get("y")


def test_what_lies_on_something_else_or_crosses_is_seen() -> None:
    layout = layout_of(definition("vacation"))
    one, other, *more = layout.stations
    on_each_other = replace(layout, stations=(one, replace(other, box=one.box), *more))
    assert f"{one.key} lies on {other.key}" in faults_of(on_each_other)
    middle = layout.height // 2
    across = Way("a", "b", ((9, middle), (layout.width - 9, middle)), has_head=False)
    assert crossings_of(replace(layout, ways=(*layout.ways, across)))
    moved = [replace(way, points=tuple((x + 60, y) for x, y in way.points)) for way in layout.ways]
    assert any("does not end at it" in fault for fault in faults_of(replace(layout, ways=tuple(moved))))


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


def nested(depth: int) -> Definition:
    """Blocks in each other, of which only the innermost branch ends."""
    asked = {"kind": "approval", "name": "Manager", "ask": [{"manager": True}]}
    steps: dict[str, Any] = {"s": asked, "end": {"kind": "end", "name": "End", "result": "approved"}}
    for at in range(depth):
        inner = f"b{at + 1}" if at + 1 < depth else "s"
        branches = {"inner": {"start": inner, "when": "amount > 1.0"}, "beside": {"start": f"t{at}"}}
        steps[f"t{at}"] = asked
        steps[f"b{at}"] = {
            "kind": "parallel", "name": f"Block {at}", "result": [{"approved": "all"}], "otherwise": "rejected",
            "branches": branches,
        }  # fmt: skip
    ways = [{"from": "b0", "outcome": "approved", "to": "end"}]
    return Definition.model_validate(
        {"key": "nested", "name": "Nested", "start": "b0", "steps": steps, "transitions": ways}
    )


@pytest.mark.parametrize("depth", [DEEPEST_BLOCKS, 9, 40])
def test_blocks_in_blocks_lie_within_each_other(depth: int) -> None:
    """Also more of them than can be published: a draft may have any number."""
    process = nested(depth)
    for layout in both(process):
        assert faults_of(layout) == []
    if depth == DEEPEST_BLOCKS:
        assert both(process)[1].width <= 308  # of a phone


def test_a_draft_may_nest_deeper_than_python_does() -> None:
    elements_of(drawing_of(nested(1500)))


def test_of_many_ways_to_one_step_the_first_are_written() -> None:
    asked = {"kind": "approval", "name": "Manager", "ask": [{"manager": True}]}
    end = {"kind": "end", "name": "End", "result": "approved"}
    way = {"from": "a", "outcome": "approve", "to": "end"}
    process = Definition.model_validate(
        {
            "key": "many", "name": "Many", "start": "a", "steps": {"a": asked, "end": end},
            "transitions": [{**way, "when": f"amount > {at}.0"} for at in range(200)],
        }
    )  # fmt: skip
    for layout in both(process):
        assert layout.height < 500 and faults_of(layout) == []
    for svg in elements_of(drawing_of(process)).iter("svg"):
        assert "and 195 more…" in [text.text for text in svg.iter("text")]
        assert any("amount > 199.0" in (title.text or "") for title in svg.iter("title"))


# --- how it is drawn --------------------------------------------------------------------------------------

HOSTILE = [
    "</svg><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "‮gnp.exe",
    "שלום עולם (א)",
    "👩‍👩‍👧‍👦" * 14,
    "Z̸̛͔a̷l̶g̵o̴" * 5,
    "W" * 100,
    "a\x00b\x1b[31mc\u2028d",
]
SVG = "{http://www.w3.org/2000/svg}"


def elements_of(drawing: str) -> Any:
    return etree.fromstring(drawing)


def with_names(names: list[str]) -> Definition:
    source = definition("change").model_dump(mode="json", by_alias=True, exclude_none=True)
    for at, step in enumerate(source["steps"].values()):
        step["name"] = names[at % len(names)]
    source["name"] = names[0]
    source["steps"]["checks"]["branches"]["security"]["name"] = names[1]
    source["steps"]["board"]["ask"] = [{"person": "o'<b>@contoso.example"}]
    source["transitions"][0]["when"] = "risk == '</text><script>' && plan < 'x'"
    return Definition.model_validate(source)


@pytest.mark.parametrize("first", range(len(HOSTILE)))
def test_hostile_names_do_no_harm(first: int) -> None:
    process = with_names(HOSTILE[first:] + HOSTILE[:first])
    for layout in both(process):
        assert faults_of(layout) == []
    links = dict.fromkeys(process.steps, '/x?"><script>')
    for drawing in (drawing_of(process), drawing_of(process, links=links)):
        whole = elements_of(drawing)
        assert {one.tag for one in whole.iter()} <= {
            "div", "svg", "g", "a", "path", "rect", "text", "circle", "title", "ol", "ul", "li", "strong",
        }  # fmt: skip
        assert not [
            one
            for one in whole.iter()
            if "style" in one.attrib or any(n.startswith("on") for n in one.attrib)
        ]
        assert "\x00" not in drawing and "‮" not in drawing


def test_it_has_a_name_and_the_same_in_words() -> None:
    whole = elements_of(drawing_of(definition("contract")))
    for svg in whole.iter("svg"):
        assert (svg.get("role"), svg.get("aria-label")) == ("img", "Picture of the process “Contract”")
    words = " ".join(whole.xpath("string(//div[@class='unseen'])").split())
    for text in (
        "Legal check",
        "Approve, if Value is above 100,000 EUR: on to Outside counsel",
        "Signed",
        "if Value is above 10,000 EUR",
    ):
        assert text in words


def test_with_links_it_can_be_walked_through_by_keyboard() -> None:
    links = {key: f"/steps/{key}" for key in definition("purchase").steps}
    whole = elements_of(drawing_of(definition("purchase"), links=links))
    for svg in whole.iter("svg"):
        assert svg.get("role") == "group"
        assert {one.get("href") for one in svg.iter("a")} == {*links.values()}
        assert all(one.get("aria-label") for one in svg.iter("a"))
    assert not whole.xpath("//div[@class='unseen']//a")


@pytest.mark.parametrize("name", ALL_NAMES)
def test_an_outline_has_all_boxes_and_ways_and_no_word(name: str) -> None:
    """It is drawn where letters would be four pixels high."""
    whole = layout_of(definition(name))
    outline = elements_of(outline_of(definition(name)))
    outlined = {
        key: Box(*(int(rect.get(side)) for side in ("x", "y", "width", "height")))
        for key, rect in zip(
            [station.key for station in whole.stations],
            outline.xpath(".//g[contains(@class, 'p-step')]/rect"),
            strict=True,
        )
    }
    assert not [*outline.iter("text"), *outline.iter("title")]
    places = outline.xpath(".//g[contains(@class, 'p-step')]/path/@transform")
    for station, place in zip(whole.stations, places, strict=True):
        x, y, scale = map(float, re.findall(r"[0-9.]+", place))
        assert scale > 1
        assert abs(y + 8 * scale - (outlined[station.key].y + outlined[station.key].height / 2)) <= 1
        assert abs(x + 8 * scale - outlined[station.key].middle) <= 1
    boxes = len(whole.boxes) + sum(len(block.branches) for block in whole.blocks)
    assert len([*outline.iter("rect")]) == boxes
    ways = outline.xpath(".//path[contains(@class, 'p-way')]/@d")
    assert len(ways) == len(whole.ways) and all(d.count("M") == 1 for d in ways)


def test_marks_say_by_signs_and_words_what_they_say_by_colour() -> None:
    marks = {
        "manager": Mark("done", ("Bob approved",), "good", rounds=2, went=frozenset({"finance"})),
        "finance": Mark("now", ("asked: Carol",)),
        "rejected": Mark("ended", tone="bad"),
    }
    whole = elements_of(drawing_of(definition("purchase"), marks=marks))
    wide = next(whole.iter("svg"))
    texts = [one.text for one in wide.iter("text")]
    assert "Bob approved (×2)" in texts and "asked: Carol" in texts and "ended here" in texts
    assert len(wide.xpath(".//g[@class='p-state']")) == len(marks)
    gone = wide.xpath(".//path[contains(@class, 'p-way') and contains(@class, 'p-gone')]")
    assert len(gone) == 2  # from the start, and on to finance


def test_heat_has_five_classes_and_a_figure() -> None:
    heat = {"manager": 0.0, "finance": 1.0}
    whole = elements_of(drawing_of(definition("purchase"), heat=heat, figures={"finance": "3 d"}))
    wide = next(whole.iter("svg"))
    assert len(wide.xpath(".//g[contains(@class, 'p-heat-1')]")) == 1
    assert len(wide.xpath(".//g[contains(@class, 'p-heat-5')]")) == 1
    texts = [one.text for one in wide.iter("text")]
    assert "0 %" in texts and "3 d" in texts


def test_it_speaks_the_readers_language() -> None:
    with translation.override("fr"):
        drawing = drawing_of(definition("purchase"))
    assert "Image du processus" in drawing
    assert (
        "Approuver, si Amount est supérieur à 1\u00a0000\u00a0EUR" in drawing
    )  # in the list that is read aloud


LONG = "declared value of all goods that are handed over to somebody outside of the organisation"


def under_conditions() -> Definition:
    """Conditions that are long, that are no rows, and that stand at a way, at a branch and at a wait."""
    source = source_of("contract")
    form = {one["name"]: one for one in source["form"] if "name" in one}
    form["value"]["label"] = LONG
    source["steps"]["arrived"] = {
        "kind": "wait",
        "name": "Goods",
        "until": "value + 1.0 > 3.0",
        "due": "2 days",
    }
    source["steps"]["checks"]["branches"]["finance"]["when"] = "value > 10000 && value < 1234567.5"
    return Definition.model_validate(source)


def test_conditions_are_sentences_and_what_is_cut_stands_whole_beside_it() -> None:
    drawing = drawing_of(under_conditions())
    whole = elements_of(drawing)
    for svg in whole.iter("svg"):
        cut = [
            one
            for one in svg.iter("g")
            if any((text.text or "").endswith("…") for text in one.findall("text"))
        ]
        assert cut and all(one.find("title") is not None for one in cut)
        titles = [one.findtext("title") for one in cut]
        branch = f"if {LONG} is above 10,000\u00a0EUR and {LONG} is below 1,234,567.50\u00a0EUR"
        assert any(branch in (title or "") for title in titles)
        assert "until value + 1.0 > 3.0" in " ".join(svg.itertext())
    assert "value > 1" not in drawing and "value &gt; 1" not in drawing


def test_numbers_are_not_broken() -> None:
    for number in ("1,234,567.50", "1\u00a0234\u00a0567,50", "1\u202f234\u202f567", "31/12/2026"):
        for width in range(90, 200, 5):
            assert any(
                number in line for line in wrapped(f"Declared value is above {number} EUR", NOTE, width, 9)
            )
    assert plain(" a\u00a0\t\u00a0b\u00a0c ") == "a\u00a0 \u00a0b\u00a0c"


def test_a_step_more_moves_nothing_above_it() -> None:
    """Nor beside it, where it is the last before the end."""
    source = source_of("expense")
    before = layout_of(Definition.model_validate(source))
    source["steps"]["archive"] = {"kind": "task", "name": "Archive", "ask": [{"requester": True}]}
    way = next(one for one in source["transitions"] if one["from"] == "payout" and one["outcome"] == "paid")
    after_it = way["to"]
    way["to"] = "archive"
    source["transitions"].append({"from": "archive", "outcome": "done", "to": after_it})
    after = layout_of(Definition.model_validate(source))
    ends = {key for key, step in before.boxes.items() if source["steps"].get(key, {}).get("kind") == "end"}
    assert {key: box for key, box in after.boxes.items() if key in before.boxes and key not in ends} == {
        key: box for key, box in before.boxes.items() if key not in ends
    }


def chain(number: int, seed: int) -> Definition:
    """Steps one after the other, each of which may lead back, out or past some."""
    rng = random.Random(seed)
    keys = [f"s{at}" for at in range(number)]
    steps: dict[str, Any] = {
        key: {"kind": "approval", "name": f"Step {key}", "ask": [{"manager": True}]} for key in keys
    }
    steps |= {"good": {"kind": "end", "name": "Yes", "result": "approved"}}
    steps |= {"bad": {"kind": "end", "name": "No", "result": "rejected"}}
    ways = []
    for at, key in enumerate(keys):
        to = keys[at + 1] if at + 1 < number else "good"
        if rng.random() < 0.2:
            past = keys[min(number - 1, at + rng.randint(2, 4))]
            ways.append(
                {
                    "from": key,
                    "outcome": "approve",
                    "when": "amount > 5.0",
                    "to": past if past != key else "good",
                }
            )
        ways.append({"from": key, "outcome": "approve", "to": to})
        back = keys[max(0, at - rng.randint(1, 3))] if rng.random() < 0.2 else "bad"
        ways.append({"from": key, "outcome": "reject", "to": back})
    return Definition.model_validate(
        {"key": "chain", "name": "Chain", "start": "s0", "steps": steps, "transitions": ways}
    )


@pytest.mark.parametrize(("number", "most"), [(30, 0.3), (100, 2.5), (200, 8.0)])
def test_it_is_drawn_fast_however_many_steps(number: int, most: float) -> None:
    """Seconds of processor time, with room for a slow machine."""
    process = chain(number, seed=number)
    drawing_of(process)
    begun = time.process_time()
    drawing = drawing_of(process)
    assert time.process_time() - begun < most
    assert len(drawing) < 2200 * number
    assert faults_of(layout_of(process)) == []


@pytest.mark.parametrize("name", ["document", "vacation", "contract"])
def test_no_line_runs_through_a_label(name: str) -> None:
    """Whatever stands behind the picture, there is nothing to hide a line with."""
    whole = elements_of(drawing_of(definition(name)))
    labelled = [
        way for way in layout_of(definition(name)).ways if way.label is not None and way.label.is_on_line
    ]
    drawn = next(whole.iter("svg")).xpath(".//path[contains(@class, 'p-way')]/@d")
    assert sum(d.count("M") == 2 for d in drawn) == len(labelled)
