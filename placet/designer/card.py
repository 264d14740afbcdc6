"""The form of one step: its sections, and what the form changes of the draft."""

from collections.abc import Mapping
from typing import Any

import yaml
from django.utils.translation import gettext as _

from placet.designer import mail_rows, other_rows, then_rows, until_rows, what_rows, who_rows
from placet.designer.changes import Change, applied, differences
from placet.designer.inputs import GONE, Box, Place, Row, Section
from placet.designer.reading import Reading, at, words
from placet.designer.surroundings import Surroundings

ASKING = ("approval", "task")
TIMED = ("approval", "task", "revise", "wait")
#: In which section problems of a step's names stand.
_SECTIONS = {
    "name": "step", "kind": "step", "text": "mail", "subject": "mail", "mail": "mail", "process": "step",
    "data": "kept",
    "ask": "who", "to": "who", "rule": "who", "order": "who", "nobody": "more", "not_same_as": "more", "proof": "more",
    "otherwise": "kept", "early": "kept", "requester_may_decide": "more", "delegate": "more",
    "outcomes": "what", "questions": "questions", "outcome_question": "questions",
    "due": "until", "remind": "until", "escalate": "until", "expire": "until", "calendar": "until",
    "undo": "until", "until": "step", "signal": "step", "form": "form", "branches": "branches",
    "ways": "then", "then": "then", "result": "result", "pause": "kept", "keep_if": "kept",
    "wait_for_all": "kept", "alone": "kept", "again": "kept", "labels": "kept",
}  # fmt: skip


#: What the inputs of some kind of step show.
_SHOWN = frozenset(
    {
        "kind", "name", "subject", "text", "mail", "process", "result", "ask", "to", "rule", "order", "nobody",
        "not_same_as", "proof", "requester_may_decide", "delegate", "outcomes", "questions", "due", "remind",
        "escalate", "expire", "calendar", "undo", "until", "signal", "form", "branches",
    }
)  # fmt: skip


def section_of(name: str) -> str:
    return _SECTIONS.get(name, "")


def sections_of(reading: Reading, key: str, around: Surroundings) -> list[Section]:
    step, kind = reading.steps[key], reading.steps[key].get("kind")
    sections = [Section("step", _("Step"), _step_rows(step, around))]
    if kind in ASKING:
        rows = [*who_rows.who_rows("ask", step.get("ask"), around, ("ask",)), what_rows.rule_row(step)]
        sections.append(Section("who", _("Who"), rows))
    if kind == "notice":
        sections.append(
            Section("who", _("Who is told"), who_rows.who_rows("to", step.get("to"), around, ("to",)))
        )
    if kind == "approval":
        sections.append(Section("what", _("What is asked"), what_rows.outcome_rows(step, around)))
        rows = what_rows.question_rows(step)
        sections.append(Section("questions", _("Questions"), rows, is_open=len(rows) > 1))
    if kind in mail_rows.KINDS:
        is_open = kind == "notice" or "mail" in step
        sections.append(
            Section("mail", _("Mail"), mail_rows.mail_rows(step), help=_mail_help(kind), is_open=is_open)
        )
    if kind == "parallel":
        sections.append(Section("branches", _("Branches"), other_rows.branch_rows(step, around)))
        sections.append(Section("result", _("What the branches come to"), other_rows.result_rows(step)))
    if kind in TIMED:
        sections.append(Section("until", _("Until when"), until_rows.until_rows(step, around)))
    if kind != "end":
        sections.append(Section("then", _("Then"), then_rows.way_rows(key, step, around), help=_ways_help()))
    if kind in (*ASKING, "notice"):
        rows, kept = other_rows.form_rows(step, around)
        if rows or kept:
            sections.append(
                Section("form", _("The form in this step"), rows, kept=kept, is_open="form" in step)
            )
    if kind in ASKING:
        rows = other_rows.more_rows(key, step, around)
        sections.append(Section("more", _("Special cases"), rows, is_open=False))
    if kept := _kept(step):
        sections.append(Section("kept", _("What no input shows"), kept=kept))
    return sections


def _kept(step: Mapping[str, Any]) -> str:
    """What a step says besides, as it is written. It stays as it is."""
    shown = _SHOWN | {"otherwise"} if step.get("kind") == "parallel" else _SHOWN
    names = [name for name in step if name not in shown]
    return (
        yaml.safe_dump({name: step[name] for name in names}, sort_keys=False, allow_unicode=True)
        if names
        else ""
    )


def _ways_help() -> str:
    return _(
        "Of the ways on one answer the first whose condition holds is taken; the last one has no condition."
    )


def _mail_help(kind: Any) -> str:
    if kind == "notice":
        return _("What the mail is called and says. Empty: Placet’s own words.")
    return _(
        "How the mail begins: what whoever is asked should know first. The form, the answers and how to answer follow "
        "by themselves. Empty: Placet’s own words."
    )


def _step_rows(step: Mapping[str, Any], around: Surroundings) -> list[Row]:
    kind = step.get("kind")
    row = Row(legend=_("Step"))
    if kind != "include":
        row.boxes.append(Box("name", _("Name"), words(step.get("name")), place=("name",), width="long"))
    rows = [row]
    if kind == "end":
        help = _("A word for the result, in small letters: “approved”, “rejected”, or one of your own")
        row.boxes.append(Box("result", _("Result"), words(step.get("result")), place=("result",), help=help))
    if kind == "wait":
        rows += other_rows.wait_rows(step, around)
    if kind in ("include", "call"):
        rows += other_rows.process_rows(step, around)
    return rows


# --- what the form changes --------------------------------------------------------------------------------


def changes_in(post: Mapping[str, str], reading: Reading, key: str, around: Surroundings) -> list[Change]:
    """What a form says otherwise than the draft does. `post`: the inputs of all sections, or of some."""
    step = reading.steps[key]
    changes: list[Change] = []
    for name, value in _values_in(post, step, key, around).items():
        changes += differences(("steps", key, name), step.get(name), value)
    if "way-0-on" in post:
        changes += then_rows.ways_changes(key, then_rows.ways_in(post, key, around), around)
    return changes


def _values_in(
    post: Mapping[str, str], step: Mapping[str, Any], key: str, around: Surroundings
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in ("name", "process"):
        if name in post:
            typed = post[name].strip()
            values[name] = step.get(name) if typed == words(step.get(name)) else typed or None
    if step.get("kind") == "end" and "result" in post:
        values["result"] = post["result"].strip() or None
    if "signal" in post:
        values |= other_rows.wait_in(post, step, around)
    for name in ("ask", "to"):
        if f"{name}-0-who" in post:
            values[name] = who_rows.lines_in(post, name, step.get(name), around) or None
    if "rule" in post:
        values |= what_rows.rule_in(post, step)
    if "outcome-0-comment" in post:
        values["outcomes"] = what_rows.outcomes_in(post, step, around)
    if "question-0-label" in post:
        values["questions"] = what_rows.questions_in(post, step)
    if "branch-0-start" in post:
        values["branches"] = other_rows.branches_in(post, step, around)
        values |= other_rows.results_in(post, step)
    if "due" in post:
        values |= until_rows.until_in(post, step, around)
    values["form"] = other_rows.form_in(post, step, around)
    values |= mail_rows.mail_in(post, step)
    return values | other_rows.more_in(post, key, step, around)


def with_removal(post: Mapping[str, str], do: str) -> dict[str, str]:
    """The inputs of a form, without a row whose button *Remove* was pressed."""
    verb, _colon, row = do.partition(":")
    return {**post, f"{row.replace(':', '-')}-{GONE}": "yes"} if verb == "remove" else dict(post)


_LISTS = {"ask": "ask", "to": "to", "outcome": "outcomes", "question": "questions"}


def moves_in(do: str, reading: Reading, key: str, changes: list[Change]) -> list[Change]:
    """What the button *Up* of a row (“up:ask:2”) changes after all else was changed."""
    parts = do.split(":")
    if len(parts) != 3 or parts[0] != "up" or not parts[2].isdecimal():
        return []
    data, number = applied(reading.data, changes), int(parts[2])
    places: list[Place] = []
    if parts[1] == "way":
        after = Reading(reading.key, "", data, True, ())
        places = [("transitions", place) for place, _way in after.ways_from(key)]
    elif parts[1] in _LISTS:
        path: Place = ("steps", key, _LISTS[parts[1]])
        listed = at(data, path)
        if listed is None and parts[1] == "outcome":
            return [Change(path, list(reversed(what_rows.BUILT_IN)))]
        places = [(*path, number) for number in range(len(listed))] if isinstance(listed, list) else []
    if not 0 < number < len(places):
        return []
    above, below = places[number - 1], places[number]
    return [Change(above, at(data, below)), Change(below, at(data, above))]
