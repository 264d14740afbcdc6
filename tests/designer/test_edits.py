"""Edits of a draft's text change what they are about and nothing else."""

import difflib
import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import placet.approvals
from placet.approvals.processes import DefinitionInvalid, parse_definition
from placet.designer import edits, names, surgery
from placet.designer.edits import EditInvalid
from placet.designer.yaml_tree import source_of, tree_of, value_of

SAMPLES = sorted((Path(placet.approvals.__file__).parent / "samples").glob("*.yaml"))
TEXTS = [path.read_text() for path in SAMPLES]

SMALL = """\
# A process to try things with.
key: small
name: Small  # a name
title: "{item}"
form:
  # What it is.
  - {name: item, label: Item, type: text, required: true}  # the first
  - name: amount
    # In euros.
    label: Amount
    type: money
    currency: EUR
start: manager

steps:
  # The manager first.
  manager: {kind: approval, name: Manager, ask: [{manager: true}]}
  # Then finance.
  finance:
    kind: approval  # they decide
    name: Finance
    ask: [{group: finance}]
    not_same_as: [manager]
    remind: [1 working day before, when due]
    due: 2 working days
  told:
    kind: notice
    name: Told
    to: [{requester: true}]
    text: >-
      Your {item} for {amount}
      is decided.
  done: {kind: end, name: Done, result: approved}
  refused: {kind: end, name: Refused, result: rejected}
transitions:
  # Large ones.
  - {from: manager, outcome: approve, when: "amount > 1000.0", to: finance}
  - {from: manager, outcome: approve, to: told}
  - {from: manager, outcome: reject, to: refused}
  - {from: finance, outcome: approve, when: 'steps.manager.by != "x"', to: told}
  - {from: finance, outcome: approve, to: told}
  - {from: finance, outcome: reject, to: refused}
  - {from: told, outcome: sent, to: done}
"""


def changed_lines(old: str, new: str) -> tuple[list[str], list[str]]:
    """Those that went, and those that came."""
    lines = [*difflib.ndiff(old.splitlines(), new.splitlines())]
    return (
        [line[2:] for line in lines if line.startswith("- ")],
        [line[2:] for line in lines if line.startswith("+ ")],
    )


# --- values -----------------------------------------------------------------------------------------------


def test_a_value_changes_its_line_and_keeps_the_comment_behind_it() -> None:
    new = edits.set_value(SMALL, ["name"], "Other")
    assert changed_lines(SMALL, new) == (["name: Small  # a name"], ["name: Other  # a name"])


def test_words_that_yaml_takes_for_more_stay_words() -> None:
    for word in ("no", "on", "4711", "2026-12-31", "null", "~", "1e3", "", " x", "a: b", "- x", "#x", "{x}"):
        new = edits.set_value(SMALL, ["name"], word)
        assert source_of(new).tree["name"].value == word, new  # type: ignore[index,call-overload,union-attr]
        assert edits.value_at(new, ["name"]) == word


def test_what_is_read_is_what_a_process_reads() -> None:
    text = "key: x\nname: no\nform:\n  - {name: size, label: Size, type: choice, options: [no, 38, on]}\nsteps: {}\n"
    assert edits.value_at(text, ["form", 0, "options"]) == ["no", "38", "on"]
    longer = edits.insert_item(text, ["form", 0, "options"], 0, "off")
    assert edits.value_at(longer, ["form", 0, "options"]) == ["off", "no", "38", "on"]
    assert 'options: ["off", no, 38, on]' in longer


def test_maps_that_are_missing_are_made() -> None:
    new = edits.set_value(SMALL, ["steps", "finance", "expire", "after"], "1 working day")
    assert edits.value_at(new, ["steps", "finance", "expire"]) == {"after": "1 working day"}
    assert changed_lines(SMALL, new) == ([], ["    expire: {after: 1 working day}"])
    new = edits.set_value(SMALL, ["start_form", "hide"], ["amount"])
    assert changed_lines(SMALL, new) == ([], ["start_form: {hide: [amount]}"])


def test_none_removes_and_needs_nothing_to_be_there() -> None:
    new = edits.set_value(SMALL, ["steps", "finance", "remind"], None)
    assert changed_lines(SMALL, new) == (["    remind: [1 working day before, when due]"], [])
    assert edits.set_value(SMALL, ["steps", "finance", "escalate"], None) == SMALL


def test_a_text_of_several_lines_stands_in_lines() -> None:
    new = edits.set_value(SMALL, ["description"], "One.\nTwo.")
    assert "description: |-\n  One.\n  Two.\n" in new
    assert edits.value_at(edits.set_value(new, ["description"], "One."), ["description"]) == "One."
    assert edits.set_value(new, ["description"], None) == SMALL


def test_a_line_in_brackets_that_grows_too_long_becomes_several() -> None:
    new = edits.set_value(
        SMALL, ["steps", "manager", "remind"], ["1 working day before", "when due", "2 days after"]
    )
    assert "  manager:\n    kind: approval\n" in new
    assert "  # The manager first.\n" in new
    assert max(map(len, new.splitlines())) <= 120


def test_a_whole_step_is_set_name_by_name() -> None:
    step = edits.value_at(SMALL, ["steps", "finance"])
    new = edits.set_value(SMALL, ["steps", "finance"], {**step, "name": "Money", "undo": "5 minutes"})
    assert changed_lines(SMALL, new) == (["    name: Finance"], ["    name: Money", "    undo: 5 minutes"])


# --- items ------------------------------------------------------------------------------------------------


def test_an_item_is_put_in_and_taken_out_with_its_comment() -> None:
    way = {"from": "told", "outcome": "late", "to": "refused"}
    new = edits.insert_item(SMALL, ["transitions"], 1, way)
    assert changed_lines(SMALL, new) == ([], ["  - {from: told, outcome: late, to: refused}"])
    assert new.splitlines().index("  - {from: told, outcome: late, to: refused}") == 37
    assert edits.remove(new, ["transitions", 1]) == SMALL
    gone = edits.remove(SMALL, ["transitions", 0])
    assert changed_lines(SMALL, gone)[0] == [
        "  # Large ones.",
        '  - {from: manager, outcome: approve, when: "amount > 1000.0", to: finance}',
    ]


def test_an_item_moves_with_its_comment() -> None:
    new = edits.move_item(SMALL, ["form"], 0, 1)
    assert new.index("label: Amount") < new.index("  # What it is.\n  - {name: item")
    assert edits.move_item(new, ["form"], 1, 0) == SMALL
    words = edits.move_item(SMALL, ["steps", "finance", "remind"], 1, 0)
    assert "    remind: [when due, 1 working day before]\n" in words


def test_the_first_name_of_an_item_is_removed_and_the_comment_below_it_stays() -> None:
    new = edits.remove(SMALL, ["form", 1, "name"])
    assert "# In euros." in new
    assert edits.value_at(new, ["form", 1]) == {"label": "Amount", "type": "money", "currency": "EUR"}


# --- steps ------------------------------------------------------------------------------------------------


def test_a_step_is_added_behind_another_one() -> None:
    step = {"kind": "approval", "name": "CFO", "ask": [{"group": "cfo"}]}
    new = edits.add_step(SMALL, "cfo", step, after="manager")
    assert changed_lines(SMALL, new) == ([], ["  cfo: {kind: approval, name: CFO, ask: [{group: cfo}]}"])
    assert [*edits.value_at(new, ["steps"])][:3] == ["manager", "cfo", "finance"]
    with pytest.raises(EditInvalid, match="a step cfo already"):
        edits.add_step(new, "cfo", step)
    with pytest.raises(EditInvalid, match="no step nowhere"):
        edits.add_step(new, "ceo", step, after="nowhere")
    alone = edits.add_step("key: x\n", "cfo", step)
    assert alone == "key: x\nsteps:\n  cfo: {kind: approval, name: CFO, ask: [{group: cfo}]}\n"


def test_a_step_is_removed_with_its_own_ways() -> None:
    new = edits.remove_step(SMALL, "manager")
    assert [*edits.value_at(new, ["steps"])] == ["finance", "told", "done", "refused"]
    assert [way["from"] for way in edits.value_at(new, ["transitions"])] == ["finance"] * 3 + ["told"]
    assert "not_same_as" not in new
    assert "# Then finance." in new


def test_a_step_moves_with_its_comment() -> None:
    new = edits.move_step(SMALL, "finance", "manager")
    assert [*edits.value_at(new, ["steps"])][:2] == ["finance", "manager"]
    assert new.index("# Then finance.") < new.index("  finance:") < new.index("# The manager first.")
    assert edits.move_step(new, "finance", "told") == SMALL
    last = edits.move_step(SMALL, "finance", None)
    assert [*edits.value_at(last, ["steps"])][-1] == "finance"


def test_a_renamed_step_is_renamed_wherever_it_is_named(db: None) -> None:
    new = edits.rename_step(SMALL, "manager", "boss-1")
    assert "manager: {kind" not in new
    assert "start: boss-1\n" in new
    assert "not_same_as: [boss-1]" in new
    assert """when: 'steps["boss-1"].by != "x"'""" in new
    assert new.count("from: boss-1") == 3
    assert "ask: [{manager: true}]" in new  # that is no step
    parse_definition(new)
    assert edits.rename_step(SMALL, "told", "tell").count("tell") == 5


def test_a_renamed_field_is_renamed_wherever_it_is_named(db: None) -> None:
    new = edits.rename_field(SMALL, "amount", "price")
    assert '"price > 1000.0"' in new
    assert "      Your {item} for {price}\n      is decided.\n" in new
    assert "label: Amount" in new
    assert new.count("price") == 3
    assert edits.rename_field(new, "price", "amount") == SMALL
    parse_definition(new)
    assert 'title: "{thing}"' in edits.rename_field(SMALL, "item", "thing")


@pytest.mark.parametrize(
    ("source", "renamed"),
    [
        ("amount > 5.0 && other.amount == 1.0", "price > 5.0 && other.amount == 1.0"),
        ("amount_currency == 'amount' // amount", "price_currency == 'amount' // amount"),
        ("lines.exists(amount, amount.x > 1.0) && amount > 1.0", "lines.exists(amount, amount.x > 1.0) && price > 1.0"),
        ("amount(1.0) || my_amount || amounts", "amount(1.0) || my_amount || amounts"),
        (r"""r'\' == note || amount > 1.0""", r"""r'\' == note || price > 1.0"""),
        ("amount.contains(amount)", "price.contains(price)"),
    ],
)  # fmt: skip
def test_a_field_is_renamed_in_a_condition_where_it_is_meant(source: str, renamed: str) -> None:
    assert names.field_renamed(source, "amount", "price") == renamed


def test_a_field_is_renamed_as_it_was_and_as_it_is() -> None:
    assert names.kept_renamed("was.amount >= now . amount && was.other == 'amount'", "amount", "price") == (
        "was.price >= now . price && was.other == 'amount'"
    )


@pytest.mark.parametrize(
    ("source", "new", "renamed"),
    [
        ("steps.fin.by == 'steps.fin'", "money", "steps.money.by == 'steps.fin'"),
        ("steps . fin . by", "a-b", 'steps["a-b"] . by'),
        ("""steps["fin"].by == 'x'""", "in", """steps["in"].by == 'x'"""),
        ('steps.fin.outcome == "x"', "in", 'steps["in"].outcome == "x"'),
        ("my.steps.fin || steps.fine.by", "x", "my.steps.fin || steps.fine.by"),
    ],
)
def test_a_step_is_renamed_in_a_condition_where_it_is_meant(source: str, new: str, renamed: str) -> None:
    assert names.step_renamed(source, "fin", new) == renamed


def test_a_field_that_a_pattern_names_is_named_by_itself_then() -> None:
    text = edits.set_value(SMALL, ["steps", "finance", "form"], {"hide": ["am*"]})
    new = edits.rename_field(text, "amount", "price")
    assert edits.value_at(new, ["steps", "finance", "form", "hide"]) == ["am*", "price"]


@pytest.mark.parametrize("text", TEXTS, ids=[path.stem for path in SAMPLES])
def test_every_step_and_field_of_the_samples_can_be_renamed_and_back(text: str, db: None) -> None:
    steps = [*edits.value_at(text, ["steps"])]
    fields = [part["name"] for part in edits.value_at(text, ["form"]) if "name" in part]
    new = text
    for key in steps:
        new = edits.rename_step(new, key, f"{key}-x")
    for name in fields:
        new = edits.rename_field(new, name, f"{name}_x")
    assert _problems(new) == _problems(text)
    assert [*edits.value_at(new, ["steps"])] == [f"{key}-x" for key in steps]
    assert len(new.splitlines()) == len(text.splitlines())
    for key in steps:
        new = edits.rename_step(new, f"{key}-x", key)
    for name in fields:
        new = edits.rename_field(new, f"{name}_x", name)
    assert _with_points(value_of(source_of(new).tree)) == _with_points(value_of(source_of(text).tree))


def _with_points(value: Any) -> str:
    """Back from a name with a hyphen, a condition names a step in brackets."""
    return re.sub(r"""steps\[\\?["'](\w+)\\?["']\]""", r"steps.\1", json.dumps(value, default=str))


def _problems(text: str) -> list[str]:
    """Without tables: a sample may look up one that only its installation has."""
    try:
        parse_definition(text)
    except DefinitionInvalid as error:
        return [problem for problem in error.problems if "table" not in problem]
    return []


# --- what is not plain ------------------------------------------------------------------------------------


def test_an_anchor_that_stands_twice_is_written_out_where_one_changes() -> None:
    text = "a: &x {name: One, list: [1, 2]}  # first\nb: *x\nc: 3  # three\n"
    new = edits.set_value(text, ["b", "name"], "Two")
    assert edits.value_at(new, ["a", "name"]) == "One"
    assert edits.value_at(new, ["b", "name"]) == "Two"
    assert "a: &x {name: One, list: [1, 2]}  # first\n" in new
    assert "c: 3  # three\n" in new


def test_what_others_stand_for_by_an_anchor_changes_alone_and_all_comments_stay() -> None:
    text = (
        "steps:\n"
        "  # The first.\n"
        "  a: &a {kind: approval, name: A, ask: [{manager: true}]}  # as usual\n"
        "  b:\n"
        "    <<: *a  # as the first\n"
        "    name: B\n"
        "  # The last.\n"
        "  c: *a\n"
    )
    before = value_of(source_of(text).tree)
    for new in (
        edits.set_value(text, ["steps", "a", "kind"], "task"),
        edits.remove(text, ["steps", "a", "kind"]),
    ):
        after = value_of(source_of(new).tree)
        assert {key: after["steps"][key] for key in "bc"} == {key: before["steps"][key] for key in "bc"}
        assert after["steps"]["a"].get("kind") in ("task", None)
        for comment in ("# The first.", "# as usual", "# as the first", "# The last."):
            assert comment in new, new


def test_what_is_merged_in_can_be_changed_and_removed() -> None:
    text = "a: &x {name: One, size: 1}\nb:\n  <<: *x\n  more: 2\n"
    assert edits.value_at(edits.set_value(text, ["b", "name"], "Two"), ["b"]) == {
        "name": "Two",
        "size": 1,
        "more": 2,
    }
    assert edits.value_at(edits.remove(text, ["b", "name"]), ["b"]) == {"size": 1, "more": 2}


def test_what_multiplies_itself_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(EditInvalid, match="anchors multiply it"):
        edits.set_value("\n".join(lines) + "\n", ["key"], "x")
    with pytest.raises(EditInvalid):
        edits.value_at("a: &a [*a]\n", ["a"])


def test_lines_that_end_as_windows_ends_them_stay_so() -> None:
    text = SMALL.replace("\n", "\r\n")
    new = edits.add_step(text, "cfo", {"kind": "approval", "name": "C\nF", "ask": [{"group": "cfo"}]})
    assert new.count("\r\n") == new.count("\n")
    assert new.replace("\r\n", "\n") == edits.add_step(
        SMALL, "cfo", {"kind": "approval", "name": "C\nF", "ask": [{"group": "cfo"}]}
    )


def test_what_is_no_yaml_or_not_there_is_said() -> None:
    for text in ("a: [", "- a\n- b\n", "a: 1\na: 2\n"):
        with pytest.raises(EditInvalid):
            edits.set_value(text, ["a"], 1)
    missing: list[list[str | int]] = [
        ["nothing"],
        ["form", 9],
        ["form", "x"],
        ["steps", "manager", "name", "x"],
    ]
    for path in missing:
        with pytest.raises(EditInvalid, match="There is nothing at"):
            edits.value_at(SMALL, path)
        with pytest.raises(EditInvalid, match="There is nothing at"):
            edits.remove(SMALL, path)
    with pytest.raises(EditInvalid):
        edits.set_value(SMALL, ["form", 9, "name"], "x")
    assert edits.set_value("", ["key"], "x") == "key: x\n"
    assert edits.set_value("# only this", ["key"], "x") == "# only this\nkey: x\n"


# --- whatever is edited -----------------------------------------------------------------------------------

WORDS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.sampled_from(
        ["no", "on", "4711", "a: b", "x # y", "'", '"', "{a}", "- x", "? ", "a\nb", "*x", "&x", "%", "0x1"]
    ),
    st.booleans(),
    st.integers(-1000, 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
)
KEYS = st.sampled_from(["name", "no", "a-b", "kind", "x1", "on"])
LISTS = st.lists(WORDS, max_size=3)
VALUES: st.SearchStrategy[Any] = (
    WORDS
    | LISTS
    | st.dictionaries(KEYS, WORDS | LISTS, max_size=3)
    | st.lists(LISTS | st.just({}), max_size=2)
)


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(*path, part) for part, _inner in parts] + [
        deeper for part, inner in parts for deeper in _paths(inner, (*path, part))
    ]


@st.composite
def _edited(draw: st.DrawFn) -> tuple[str, tuple[str | int, ...], str, Any, Any]:
    """A text, a place, what was done there, and what the whole says then."""
    text = draw(st.sampled_from([*TEXTS, SMALL]))
    data = value_of(source_of(text).tree)
    path = draw(st.sampled_from(_paths(data)))
    held = data
    for part in path[:-1]:
        held = held[part]
    what = draw(st.sampled_from(["set", "remove", "insert", "move"]))
    value = draw(VALUES)
    meant = deepcopy(data)
    at = meant
    for part in path[:-1]:
        at = at[part]
    if what == "remove":
        del at[path[-1]]
    elif what == "set" or not isinstance(held, list):
        what = "set"
        at[path[-1]] = value
    elif what == "insert":
        at.insert(path[-1], value)
    else:
        value = draw(st.integers(0, len(held) - 1))
        at.insert(value, at.pop(path[-1]))
    return text, path, what, value, meant


def test_what_no_text_can_have_is_not_written() -> None:
    paths: list[list[str | int]] = [["name"], ["steps", "manager", "name"], ["steps", "finance", "remind", 0]]
    for path in paths:
        for text in ("\0", "a\0b", "\ud83d"):
            with pytest.raises(EditInvalid, match="cannot be said in YAML"):
                edits.set_value(SMALL, path, text)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_edited())
def test_any_edit_says_what_was_meant_and_leaves_all_else(edited: Any) -> None:
    text, path, what, value, meant = edited
    if what == "set":
        new = edits.set_value(text, path, value)
    elif what == "remove":
        new = edits.remove(text, path)
    elif what == "insert":
        new = edits.insert_item(text, path[:-1], path[-1], value)
    else:
        new = edits.move_item(text, path[:-1], path[-1], value)
    assert _as_meant(source_of(new).tree, meant), new
    _must_be_local(text, new, path)


def _as_meant(tree: Any, meant: Any) -> bool:
    return repr(value_of(tree)) == repr(value_of(tree_of(meant)))


def _must_be_local(old: str, new: str, path: tuple[str | int, ...]) -> None:
    """All lines that changed are those of the part of the process that was edited: a step, a field, a way, or one
    name of the whole."""
    begin, end = _lines_of(old, path[:2] if len(path) > 1 else path[:1], path)
    kept = [*old.splitlines()[:begin], *old.splitlines()[end:]]
    if any(f"*{name}" in " ".join(kept) for name in _anchors("\n".join(old.splitlines()[begin:end]))):
        return  # what others take from here has to be written out there
    lines = new.splitlines()
    assert lines[:begin] == kept[:begin]
    assert end == len(old.splitlines()) or lines[-(len(kept) - begin) :] == kept[begin:]


def _anchors(text: str) -> set[str]:
    return set(re.findall(r"(?<!\S)&(\w+)", text))


def _lines_of(text: str, part: tuple[str | int, ...], path: tuple[str | int, ...]) -> tuple[int, int]:
    source = source_of(text)
    if len(path) == 2:
        part = path[:1]
    place = surgery.place_of(source, part)
    assert place is not None
    first = place.key.start_mark.line if place.key is not None else place.node.start_mark.line
    while first and text.splitlines()[first - 1].lstrip().startswith("#"):
        first -= 1
    last = text.count("\n", 0, surgery.end_of(text, place.node) - 1) + 1
    return first, last
