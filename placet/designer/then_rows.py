"""Where a step leads, as rows of a form: each is a way, in the order in which they are tried."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from placet.designer.changes import Change, differences
from placet.designer.condition_rows import condition_in, condition_row, sentence
from placet.designer.inputs import GONE, Box, Button, Choices, Row
from placet.designer.reading import items, mapping, words
from placet.designer.surroundings import Surroundings, outcome_keys, outcome_words, returning

MOST_WAYS = 40  # from one step that are read of a form


def way_rows(key: str, step: Mapping[str, Any], around: Surroundings) -> list[Row]:
    """Those that there are, one for each outcome that nothing follows, and one more."""
    ways = around.reading.ways_from(key)
    outcomes = outcomes_from(key, step, around)
    rows = [_row(number, at, way, key, step, around) for number, (at, way) in enumerate(ways)]
    for number, row in enumerate(rows):
        row.buttons = _buttons(number, len(rows))
    led = {words(way.get("outcome")) for _at, way in ways}
    missing = [one for one in outcomes if one not in led and one not in returning(step)]
    for outcome in missing:
        rows.append(_row(len(rows), None, {"outcome": outcome}, key, step, around))
    rows.append(_row(len(rows), None, {}, key, step, around))
    return rows


def outcomes_from(key: str, step: Mapping[str, Any], around: Surroundings) -> list[str]:
    """What it can come to, and what ways already name."""
    named = [words(way.get("outcome")) for _at, way in around.reading.ways_from(key)]
    return list(dict.fromkeys([*outcome_keys(step), *filter(None, named)]))


def _buttons(number: int, count: int) -> list[Button]:
    buttons = []
    if number:
        buttons.append(Button(f"up:way:{number}", _("Up"), _("Way {n}: up").format(n=number + 1), "arrow-up"))
    if number < count - 1:
        buttons.append(
            Button(f"up:way:{number + 1}", _("Down"), _("Way {n}: down").format(n=number + 1), "arrow-down")
        )
    return [
        *buttons,
        Button(f"remove:way:{number}", _("Remove"), _("Way {n}: remove").format(n=number + 1), "x-mark"),
    ]


def _row(
    number: int,
    at: int | None,
    way: Mapping[str, Any],
    key: str,
    step: Mapping[str, Any],
    around: Surroundings,
) -> Row:
    name, outcome = f"way-{number}", words(way.get("outcome"))
    place = ("ways", at) if at is not None else ("then", outcome) if outcome else None
    legend = _("Way {n}").format(n=number + 1) if way else _("Another way")
    outcomes = [("", "–"), *((one, outcome_words(step, one)) for one in outcomes_from(key, step, around))]
    row = Row(legend=legend, place=place)
    row.boxes = [
        Box(f"{name}-on", _("On"), outcome, "choice", outcomes, place=place),
        Box(f"{name}-to", _("Go on to"), _target(way), "choice", _targets(key, _target(way), around),
            place=(*place, "to") if place else None),
    ]  # fmt: skip
    if at is not None or way:
        condition = condition_row(
            f"{name}-when", way.get("when"), around, (*(place or ()), "when"), _("Only if")
        )
        row.rows = [condition]
    return row


def _target(way: Mapping[str, Any]) -> str:
    if way.get("ends_branch") is not None:
        return f"ends:{words(way['ends_branch'])}"
    return f"to:{words(way['to'])}" if way.get("to") is not None else ""


def _targets(key: str, chosen: str, around: Surroundings) -> list[tuple[str, str | Choices]]:
    steps = [(f"to:{one}", name) for one, name in around.step_names.items() if one != key]
    results = [(f"ends:{one}", name) for one, name in branch_results(key, around).items()]
    known = {value for value, _name in [*steps, *results]}
    if chosen and chosen not in known:
        kind, _colon, value = chosen.partition(":")
        (results if kind == "ends" else steps).append((chosen, around.step_name(value)))
    targets: list[tuple[str, str | Choices]] = [("", "–"), (_("Steps"), steps)]
    return [*targets, (_("The end of this branch, with"), results)] if results else targets


def branch_results(key: str, around: Surroundings) -> dict[str, str]:
    """Words that a branch can end with, of all blocks: checks say which of them means nothing where a step stands."""
    results: dict[str, str] = {}
    for one, step in around.reading.steps.items():
        if step.get("kind") == "parallel" and one != key:
            listed = [
                word for line in items(step.get("result")) for word in mapping(line) if word != "cancel"
            ]
            for word in [*listed, words(step.get("otherwise"))]:
                if isinstance(word, str) and word:
                    results.setdefault(word, outcome_words(step, word))
    return results


# --- what a form says -------------------------------------------------------------------------------------


def ways_in(post: Mapping[str, str], key: str, around: Surroundings) -> list[dict[str, Any]]:
    old = [way for _at, way in around.reading.ways_from(key)]
    ways = []
    for number in range(MOST_WAYS):
        if f"way-{number}-on" not in post:
            break
        before = old[number] if number < len(old) else {}
        way = _way(post, f"way-{number}", key, before, around)
        if way is not None:
            ways.append(way)
    return ways


def _way(
    post: Mapping[str, str], name: str, key: str, before: Mapping[str, Any], around: Surroundings
) -> dict[str, Any] | None:
    outcome, target = post.get(f"{name}-on", ""), post.get(f"{name}-to", "")
    if f"{name}-{GONE}" in post:
        return None
    if not target and (not outcome or not before):
        return None  # a row that offers an outcome, and was left as it was
    when = before.get("when")
    if f"{name}-when-0-field" in post or f"{name}-when-kept" in post:
        when = condition_in(post, f"{name}-when", when, around.definition)
    kind, _colon, where = target.partition(":")
    way: dict[str, Any] = {"from": key, "outcome": outcome}
    way |= {"when": when} if when is not None else {}
    return way | ({"ends_branch": where} if kind == "ends" else {"to": where})


def ways_changes(key: str, ways: list[dict[str, Any]], around: Surroundings) -> list[Change]:
    """So that the ways from a step are these, where they stand among all others."""
    old = around.reading.ways_from(key)
    changes: list[Change] = []
    for (at, before), after in zip(old, ways, strict=False):
        changes += differences(("transitions", at), dict(before), after)
    extra = ways[len(old) :]
    if extra and not around.reading.ways:
        return [*changes, Change(("transitions",), extra)]
    behind = old[-1][0] + 1 if old else len(items(around.reading.data.get("transitions")))
    changes += [Change(("transitions", behind + n), way, inserted=True) for n, way in enumerate(extra)]
    changes += [Change(("transitions", at), None) for at, _way in reversed(old[len(ways) :])]
    return changes


# --- in words ---------------------------------------------------------------------------------------------


def way_words(key: str, step: Mapping[str, Any], around: Surroundings) -> list[str]:
    """“on Approve, if amount is above 1,000 → Finance”; what no way leads on from is said, too."""
    ways = [way for _at, way in around.reading.ways_from(key)]
    order = list(dict.fromkeys(words(way.get("outcome")) for way in ways))
    ways.sort(key=lambda way: order.index(words(way.get("outcome"))))  # “otherwise” stands below its “if”
    sentences = [_way_sentence(way, ways, step, around) for way in ways]
    led = {words(way.get("outcome")) for way in ways}
    missing = [one for one in outcome_keys(step) if one not in led and one not in returning(step)]
    back = [one for one in outcome_keys(step) if one in returning(step)]
    sentences += [_("{when} → back to the requester").format(when=on_words(step, one)) for one in back]
    return sentences + [_("{when} → nothing yet").format(when=on_words(step, one)) for one in missing]


def on_words(step: Mapping[str, Any], outcome: str) -> str:
    """When a way is gone: “on Approve”."""
    if outcome == "sent" and step.get("kind") == "notice":
        return _("afterwards")
    if outcome == "arrived" and step.get("kind") == "wait":
        return _("when it has come")
    return _("on {answer}").format(answer=outcome_words(step, outcome))


def _way_sentence(
    way: Mapping[str, Any], ways: list[dict[str, Any]], step: Mapping[str, Any], around: Surroundings
) -> str:
    outcome = words(way.get("outcome"))
    when, to = on_words(step, outcome), _target_words(way, around)
    if way.get("when") is not None:
        condition = sentence(way["when"], around.definition)
        return _("{when}, if {condition} → {step}").format(when=when, condition=condition, step=to)
    alone = sum(one.get("outcome") == outcome for one in ways) == 1
    template = _("{when} → {step}") if alone else _("{when}, otherwise → {step}")
    return template.format(when=when, step=to)


def _target_words(way: Mapping[str, Any], around: Surroundings) -> str:
    if way.get("ends_branch") is not None:
        result = words(way["ends_branch"])
        return _("end of the branch: {result}").format(result=branch_results("", around).get(result, result))
    return around.step_name(words(way.get("to"))) or _("nothing yet")
