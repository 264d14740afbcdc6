"""Steps of a draft, added, moved and taken out: so that requests still find their way."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from placet.designer import edits
from placet.designer.changes import Change, written
from placet.designer.reading import Reading, items, mapping, words
from placet.designer.surroundings import outcome_keys
from placet.designer.what_rows import key_from

ADDED = ("approval", "task", "notice", "wait", "parallel", "revise", "call", "end")
#: Of a block and of a step: the same answer.
_SAME = {"reject": ("rejected",), "rejected": ("reject",)}
#: Outcomes that lead on, the first one that a step has.
_ONWARD = ("approve", "done", "revised", "sent", "arrived", "approved")


def new_step(kind: str, name: str, reading: Reading) -> dict[str, Any]:
    """What a step of a kind says before anybody looks at it. Checks say what is missing."""
    step: dict[str, Any] = {"kind": kind, "name": name}
    if kind in ("approval", "task"):
        asks_manager = not any(one.get("kind") in ("approval", "task") for one in reading.steps.values())
        step |= {"ask": [{"manager": True} if asks_manager or kind == "approval" else {"requester": True}]}
    elif kind == "notice":
        step |= {"to": [{"requester": True}]}
    elif kind == "wait":
        step |= {"due": "1 working day"}
    elif kind == "call":
        step |= {"process": "", "data": {}}
    elif kind == "end":
        step |= {"result": key_from(name, (), "result", joint="-")}
    return step


def onward(step: Mapping[str, Any]) -> str:
    """The outcome with which a request goes on."""
    keys = outcome_keys(step)
    return next((one for one in _ONWARD if one in keys), keys[0] if keys else "")


def with_step(text: str, reading: Reading, kind: str, name: str, after: str) -> tuple[str, str]:
    """The text with one more step behind another (`after`, or "" before all others), and its key. What led on from that
    one leads to the new one now, and from there to where it led."""
    key = key_from(name, reading.steps, "step", joint="-")
    step = new_step(kind, name, reading)
    if not reading.steps:
        return _first(text, key, step, kind), key
    if kind == "parallel":
        step |= _branches_of(key)
    text = edits.add_step(text, key, step, after or None)
    if not after:
        text = edits.move_step(text, key, next(iter(reading.steps)))
    if kind == "parallel":
        text = _with_branches(text, key)
    return written(text, list(_joined(reading, key, step, after))), key


def _first(text: str, key: str, step: dict[str, Any], kind: str) -> str:
    """A process that ends, with this as its one step."""
    steps: dict[str, Any] = {key: step}
    if kind == "end":
        return written(text, [Change(("steps",), steps)])
    if kind == "parallel":
        step |= _branches_of(key)
        steps |= _branch_steps(key)
    ends = {"approved": _("Approved"), "rejected": _("Rejected")}
    ways = [{"from": key, "outcome": one, "to": _end_for(one)} for one in outcome_keys(step)]
    used = {way["to"] for way in ways}
    steps |= {one: {"kind": "end", "name": name, "result": one} for one, name in ends.items() if one in used}
    if kind == "parallel":
        ways = [*_branch_ways(key), *ways]
    return written(text, [Change(("start",), key), Change(("steps",), steps), Change(("transitions",), ways)])


def _end_for(outcome: str) -> str:
    return "rejected" if outcome in ("reject", "rejected") else "approved"


def _branches_of(key: str) -> dict[str, Any]:
    return {
        "branches": {"first": {"start": f"{key}-1"}, "second": {"start": f"{key}-2"}},
        "result": [{"rejected": "any", "cancel": "others"}, {"approved": "all"}],
        "otherwise": "rejected",
    }


def _branch_steps(key: str) -> dict[str, Any]:
    return {
        f"{key}-{n}": {"kind": "approval", "name": _("Branch {n}").format(n=n), "ask": [{"manager": True}]}
        for n in (1, 2)
    }


def _branch_ways(key: str) -> list[dict[str, str]]:
    return [
        {"from": f"{key}-{n}", "outcome": outcome, "ends_branch": result}
        for n in (1, 2)
        for outcome, result in (("approve", "approved"), ("reject", "rejected"))
    ]


def _with_branches(text: str, key: str) -> str:
    after = key
    for name, step in _branch_steps(key).items():
        text = edits.add_step(text, name, step, after)
        after = name
    count = len(items(edits.value_at(text, ()).get("transitions")))
    ways = [
        Change(("transitions", count + n), way, inserted=count + n > 0)
        for n, way in enumerate(_branch_ways(key))
    ]
    return written(text, ways if count else [Change(("transitions",), _branch_ways(key))])


def _joined(reading: Reading, key: str, step: dict[str, Any], after: str) -> Iterator[Change]:
    """The ways to a new step, and on from it."""
    ways = len(items(reading.data.get("transitions"))) + (4 if step["kind"] == "parallel" else 0)
    before = reading.steps.get(after, {})
    leads = (
        [(at, way) for at, way in reading.ways_from(after) if way.get("outcome") == onward(before)]
        if after
        else []
    )
    # The last of them is the one without a condition.
    target = mapping(leads[-1][1]) if leads else {}
    if not after:
        target = {"to": words(reading.data.get("start"))}
        yield Change(("start",), key)
    elif leads:
        at, way = leads[-1]
        yield from _redirected(at, way, key)
    if step["kind"] == "end":
        return
    new = [
        {
            "from": key,
            "outcome": one,
            **_place(target if one == onward(step) else _elsewhere(one, after, reading)),
        }
        for one in outcome_keys(step)
    ]
    onward_ways = [way for way in new if len(way) > 2]  # what leads nowhere yet is a problem of the draft
    if ways == 0 and onward_ways:
        yield Change(("transitions",), onward_ways)
    else:
        for number, way in enumerate(onward_ways):
            yield Change(("transitions", ways + number), way, inserted=True)


def _elsewhere(outcome: str, after: str, reading: Reading) -> dict[str, Any]:
    """Where an outcome that does not lead on goes: where the step before goes with it, else to an end that says no."""
    ways = {words(way.get("outcome")): way for _at, way in reading.ways_from(after)}
    for name in (outcome, *_SAME.get(outcome, ())):
        if name in ways:
            return ways[name]
    if outcome not in _SAME:
        return {}
    ends = [
        key
        for key, step in reading.steps.items()
        if step.get("kind") == "end" and step.get("result") == "rejected"
    ]
    return {"to": ends[0]} if ends else {}


def _place(way: Mapping[str, Any]) -> dict[str, Any]:
    return {name: way[name] for name in ("to", "ends_branch") if way.get(name) is not None}


def _redirected(at: int, way: Mapping[str, Any], key: str) -> Iterator[Change]:
    yield Change(("transitions", at, "to"), key)
    if way.get("ends_branch") is not None:
        yield Change(("transitions", at, "ends_branch"), None)


def without_step(text: str, reading: Reading, key: str) -> str:
    """The text without a step. Ways to it lead to where it led on; where it led nowhere they stay,
    for somebody to mend."""
    step = reading.steps[key]
    onward_ways = [way for _at, way in reading.ways_from(key) if way.get("outcome") == onward(step)]
    target = _place(onward_ways[-1]) if onward_ways else {}
    if target and target.get("to") != key:
        changes = []
        for at, way in reading.ways:
            if way.get("to") == key and way.get("from") != key:
                changes += list(_retargeted(at, target))
        if words(reading.data.get("start")) == key and "to" in target:
            changes.append(Change(("start",), target["to"]))
        text = written(text, changes)
    return edits.remove_step(text, key)


def _retargeted(at: int, target: Mapping[str, Any]) -> Iterator[Change]:
    for name, value in target.items():
        yield Change(("transitions", at, name), value)
    if "to" not in target:
        yield Change(("transitions", at, "to"), None)


def moved_step(text: str, keys: list[str], key: str, up: bool) -> str:
    """The text with a step before the one above it in a list of keys, or behind the one below it. Where requests go
    does not change by that."""
    at = keys.index(key)
    other = at - 1 if up else at + 1
    if not 0 <= other < len(keys):
        return text
    return edits.move_step(text, key, keys[other]) if up else edits.move_step(text, keys[other], key)
