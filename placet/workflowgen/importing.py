"""A file → a draft: the definition, its YAML with comments, and the report. Nothing is stored, nothing is published."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from django.utils.translation import gettext as _

from placet.approvals.processes import DefinitionInvalid, parse_definition
from placet.approvals.undecided import FUNCTION
from placet.workflowgen import xpdl
from placet.workflowgen.actions import Actions, action_place, is_program, read_form
from placet.workflowgen.asking import REQUESTER, Asking, language_of
from placet.workflowgen.expressions import Unreadable, comparisons, fields_named, read_way
from placet.workflowgen.fields import Fields
from placet.workflowgen.forms import Form
from placet.workflowgen.graph import Graph
from placet.workflowgen.limits import limit_of
from placet.workflowgen.report import Report
from placet.workflowgen.texts import key_of, one_line
from placet.workflowgen.xpdl import Activity, Exported, FileInvalid

__all__ = ["FileInvalid", "Imported", "read_process"]

BRACKETS = "[]"  # around an answer, as WorkflowGen's mails write them
_READ = re.compile(r"FORM_FIELDS_(HIDDEN|READONLY|REQUIRED)$|Q[1-9]_")  # parameters that say something here
_OWN_DATA = frozenset({"FORM_DATA", "FORM_ARCHIVE", "FORM_DRAFT"})


@dataclass(frozen=True)
class Imported:
    key: str
    name: str
    definition: dict[str, Any]
    text: str  # the definition as YAML, with comments
    report: Report


def read_process(data: bytes, file_name: str = "") -> Imported:
    """The draft that a file comes to, or FileInvalid."""
    exported = xpdl.read(data)
    report = Report()
    form = read_form(exported, report)
    actions = Actions(exported, form, _tested(exported), report)
    actions.language = language_of(_texts(exported, form))
    entry, asks_form = _entry(exported, actions, report)
    actions.decide_kinds(entry if asks_form else "")
    fields = Fields(exported, form, actions, report)
    fields.build(entry if asks_form else "")
    asking = Asking(exported, actions, fields, report, entry if asks_form else "")
    asking.choose_people()
    graph = Graph(exported, actions, fields, asking, report)
    start = graph.build(entry, is_form=asks_form)
    _say_the_rest(exported, form, actions, report)
    name = exported.label or exported.key or _("Imported process")
    definition = _definition(exported, name, start, fields, graph, fields.start_form(graph.filled))
    _say_problems(definition, report)
    text = written(definition, graph.comments, _heading(exported, file_name))
    return Imported(definition["key"], definition["name"], definition, text, report)


def _say_problems(definition: dict[str, Any], report: Report) -> None:
    """What publishing would name. Of conditions that somebody has to write the report said more already."""
    try:
        parse_definition(definition)
    except DefinitionInvalid as error:
        for problem in error.problems:
            if FUNCTION not in problem:
                report.decide(_("Draft"), _("It cannot be published yet: {why}").format(why=problem))


def _tested(exported: Exported) -> Iterator[str]:
    """Data fields that conditions look at."""
    for way in exported.ways:
        try:
            yield from (one.field for one in comparisons(read_way(way.condition)))
        except Unreadable:
            yield from fields_named(way.condition)  # why it is not read is said where the way is


def _texts(exported: Exported, form: Form) -> Iterator[str]:
    yield exported.label
    yield from form.sections.values()
    yield from (one.label for one in form.elements)
    yield from (one.label for one in exported.activities.values())
    yield from (one.label for one in exported.participants.values())


def _entry(exported: Exported, actions: Actions, report: Report) -> tuple[str, bool]:
    """The first action, and whether it is the request's form that the requester fills in."""
    forms = [key for key in exported.activities if key in actions.by_key]
    if not forms:
        raise FileInvalid(_("No action of this process shows a form, so there is nothing to ask anybody."))
    begun = [key for key in forms if all(way.source == key for way in exported.ways_to(key))]
    asked = [key for key in forms if _is_requesters(exported, key)]
    # Where ways lead back to the first action, nothing begins but what stands apart from all the rest.
    entry = max([*begun, *asked[:1], forms[0]], key=lambda key: _reach(exported, key))
    others = [key for key in begun if key != entry]
    if others:
        report.decide(
            action_place(exported.activities[entry]),
            _("The draft begins here. No way leads to {actions} either.").format(actions=", ".join(others)),
        )
    is_requester = _is_requesters(exported, entry)
    if is_requester:
        report.taken(actions.by_key[entry].place, _("It is the form that a request begins with."))
        if any(way.source != entry for way in exported.ways_to(entry)):
            report.changed(
                actions.by_key[entry].place,
                _("A way leads back to it, so it is a task of the requester too."),
            )
    return entry, is_requester


def _is_requesters(exported: Exported, key: str) -> bool:
    activity = exported.activities[key]
    participant = exported.participants.get(activity.performer)
    return activity.assign == REQUESTER or (participant is not None and participant.role == "REQUESTER")


def _reach(exported: Exported, key: str) -> int:
    """How many actions its ways lead to."""
    seen: set[str] = set()
    waiting = [key]
    while waiting:
        here = waiting.pop()
        if here not in seen:
            seen.add(here)
            waiting += [way.target for way in exported.ways if way.source == here]
    return len(seen)


def _say_the_rest(exported: Exported, form: Form, actions: Actions, report: Report) -> None:
    """What no step and no field speaks of."""
    for key, activity in exported.activities.items():
        if key not in actions.by_key and not activity.is_route:
            _say_no_step(activity, report)
        if activity.help:
            report.left_out(action_place(activity), _("Its help: {text}.").format(text=activity.help))
    _say_data(exported, form, actions, report)
    for participant in exported.participants.values():
        place = _("Participant {key}").format(key=participant.key)
        users = ", ".join(participant.users) or "–"
        if participant.role == "REQUESTER":
            report.left_out(
                place,
                _("Who may start a request ({users}): here everybody may who can sign in.").format(
                    users=users
                ),
            )
        elif participant.role == "SUPERVISOR":
            report.left_out(
                place, _("Who may see all requests ({users}): here administrators may.").format(users=users)
            )
        elif participant.key not in actions.groups:
            report.left_out(
                place,
                _("No step of the draft asks it as a group. In WorkflowGen it had {users}.").format(
                    users=users
                ),
            )
        for right in participant.rights:
            report.left_out(place, _("The right {right} has no counterpart.").format(right=right))
    for performer, (key, name) in actions.groups.items():
        known = exported.participants.get(performer)
        users = ", ".join(known.users) if known else ""
        text = _(
            "Make the group {key} and put people into it, under Administration, Groups, or by: "
            "placet group set {key} --name {name} ADDRESS…"
        )
        report.decide(
            _("Participant {key}").format(
                key=performer if performer not in exported.activities or known else "?"
            ),
            # Somebody copies the command: it stands last. What a file says is one word of it, whatever it is made of.
            (_("In WorkflowGen it had {users}.").format(users=users) + " " if users else "")
            + text.format(key=key, name=shlex.quote(name)),
        )
    process = _("Process {key}").format(key=exported.key)
    if exported.limit:
        limit = limit_of(exported.limit, "", exported.working_hours)
        report.left_out(process, _("Its limit of {limit} is not in the draft.").format(limit=limit))
    if exported.help:
        report.left_out(process, _("Its help: {text}.").format(text=exported.help))
    if exported.notices:
        text = _("Which mails WorkflowGen wrote ({names}) is not read: Placet writes to whoever is asked, and to the "
                 "requester at the end.")  # fmt: skip
        report.changed(process, text.format(names=", ".join(exported.notices)))
    for responsible in exported.responsible:
        report.left_out(process, _("{who} was responsible for it.").format(who=responsible))
    for key in exported.repeated:
        report.left_out(
            process, _("{what} stands in the file twice; the first one was taken.").format(what=key)
        )
    for key in exported.dangling:
        report.left_out(process, _("The way {key} leads from or to nothing.").format(key=key))
    unread = dict.fromkeys(
        p.formal
        for p in actions.parameters
        if not p.is_taken and not form.element(p.formal) and not _READ.match(p.formal)
    )
    if unread:
        text = _("Parameters of its forms that nothing in the form stands for: {names}.")
        report.left_out(process, text.format(names=", ".join(list(unread)[:40])))
    for key in form.repeated:
        report.left_out(
            _("Field {key}").format(key=key), _("It stands in the form twice; the first one was taken.")
        )
    if exported.comments:
        report.left_out(process, _("Comments of its drawing: {count}.").format(count=exported.comments))


def _say_no_step(activity: Activity, report: Report) -> None:
    """Of an action that shows no form."""
    place, program = action_place(activity), activity.application or "?"
    if activity.calls:
        text = _("It runs the process {process} as a part of this one. The draft passes over it: import that process "
                 "too, and write a step of the kind call.").format(process=activity.calls)  # fmt: skip
        report.decide(place, text)
    elif is_program(activity):
        report.left_out(
            place,
            _("It runs a program ({program}), and nobody is asked. Its parameters, which may hold secrets, were "
              "not read.").format(program=program),
        )  # fmt: skip
    else:
        text = _("Somebody did it in a program of its own ({program}), which is not read. The draft passes over it: "
                 "write a step for it, or leave it so.")  # fmt: skip
        report.decide(place, text.format(program=program))


def _say_data(exported: Exported, form: Form, actions: Actions, report: Report) -> None:
    """Of data fields that no element of the form stands for."""
    elements = {one.key for one in form.elements}
    shown = {p.actual for p in actions.parameters if p.formal in elements} | elements
    asked = {action.decision_data for action in actions.by_key.values()}
    asked |= {data for action in actions.by_key.values() for data in action.question_data}
    for data in exported.data.values():
        place = _("Field {key}").format(key=data.key)
        if data.form is not None:
            if data is exported.form:
                report.taken(place, _("It holds the form, from which the fields of the draft come."))
            else:
                report.decide(place, _("It holds another form, which was not read."))
        elif data.key in _OWN_DATA:
            report.left_out(place, _("WorkflowGen kept the form's state in it, as Placet does by itself."))
        elif data.key not in shown | asked:
            text = _("It is a data field that nothing in the form stands for ({label}, {type}).")
            report.left_out(place, text.format(label=data.label or "–", type=data.type or "?"))


def _definition(
    exported: Exported,
    name: str,
    start: str,
    fields: Fields,
    graph: Graph,
    start_form: dict[str, list[str]],
) -> dict[str, Any]:
    steps = _in_order(graph.steps)
    definition: dict[str, Any] = {
        "key": key_of(exported.key or name, "process", 50),
        "name": name,
        "title": _title(name, fields, steps),
        "description": _about(exported, graph.actions.language),
    }
    if any(step.get("outcome_question") for step in steps.values()):
        definition["answer_brackets"] = BRACKETS
    if fields.parts:
        definition["form"] = fields.parts
    if start_form:
        definition["start_form"] = start_form
    definition |= {"start": start, "steps": steps, "transitions": graph.transitions}
    return definition


def _in_order(steps: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Ends last."""
    return dict(sorted(steps.items(), key=lambda item: item[1]["kind"] == "end"))


def _about(exported: Exported, language: str) -> str:
    version = f" {exported.version}" if exported.version else ""
    if language == "fr":
        return f"Repris de WorkflowGen : {exported.key}{version}."
    return f"Taken over from WorkflowGen: {exported.key}{version}."


def _title(name: str, fields: Fields, steps: dict[str, dict[str, Any]]) -> str:
    """With something of the form that every step shows, to tell one request from another."""
    plain_name = name.replace("{", "(").replace("}", ")")
    for part in fields.parts:
        if part["type"] == "text" and part.get("required") and "show" not in part:
            hidden = [pattern for step in steps.values() for pattern in step.get("form", {}).get("hide", ())]
            if not any(part["name"].startswith(pattern.rstrip("*")) for pattern in hidden):
                return f"{plain_name}: {{{part['name']}}}"
    return plain_name


# --- YAML -------------------------------------------------------------------------------------------------


def _heading(exported: Exported, file_name: str) -> list[str]:
    name = one_line(file_name, 100)
    return [
        _("A draft, imported from WorkflowGen: {process} {version}")
        .format(process=exported.key, version=exported.version)
        .strip(),
        *([_("File: {name}").format(name=name)] if name else []),
        _("The report of the import says what was changed and left out, and what is to be decided."),
    ]


def written(definition: dict[str, Any], comments: dict[str, str], heading: list[str]) -> str:
    """A definition as people write one: a field on a line, steps with the actions that they came from."""
    lines = [f"# {one_line(text, 300)}" for text in heading]
    for name, value in definition.items():
        if name == "steps":
            lines.append("steps:")
            for key, step in value.items():
                if comments.get(key):
                    lines.append(f"  # {one_line(comments[key], 200)}")
                lines += [f"  {line}" for line in _block({key: step}, None).splitlines()]
        elif name in ("form", "transitions"):
            lines.append(f"{name}:" if value else f"{name}: []")
            lines += [f"  - {_flow(part)}" for part in value]
        else:
            lines.append(_block({name: value}).rstrip("\n"))
    return "\n".join(lines) + "\n"


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """What stands twice is written twice."""
        return True


def _block(value: Any, flow: bool | None = False) -> str:
    """`None`: lists and names with plain values stand on one line."""
    return yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6, default_flow_style=flow
    )


def _flow(value: Any) -> str:
    text = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6, default_flow_style=True
    )
    return text.strip()
