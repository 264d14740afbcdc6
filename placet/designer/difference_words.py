"""The sentences that differences are said in (`placet.designer.differences`)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from pydantic import ValidationError

from placet.approvals import conditions
from placet.approvals.definitions import Definition
from placet.approvals.rule_words import rule_in_words
from placet.approvals.steps import ApprovalStep
from placet.designer.yaml_tree import in_line, tree_of

LONGEST_VALUE = 300  # letters of a value that is shown in a sentence


class Missing(Enum):
    """Nothing stands there."""

    VALUE = "missing"

    def __bool__(self) -> bool:
        return False


MISSING = Missing.VALUE
Path = Sequence[str | int]

_OF_PROCESS: dict[str, str | Promise] = {
    "key": gettext_lazy("Key of the process"),
    "name": gettext_lazy("Name of the process"),
    "title": gettext_lazy("Title of requests"),
    "description": gettext_lazy("Description"),
    "start": gettext_lazy("First step"),
    "proof": gettext_lazy("Proof of the sender"),
    "requester_may_decide": gettext_lazy("Requesters may decide themselves"),
    "decisions_by_api": gettext_lazy("Answers by API"),
    "start_form": gettext_lazy("Form at the start"),
    "start_by_mail": gettext_lazy("Start by mail"),
    "mailbox": gettext_lazy("Mailbox"),
    "most_rounds": gettext_lazy("How often a request may enter a step"),
    "answer_brackets": gettext_lazy("Brackets of answers"),
    "calendar": gettext_lazy("Calendar"),
    "pause": gettext_lazy("Pause of deadlines"),
    "undo": gettext_lazy("Time to undo an answer"),
    "longest": gettext_lazy("Longest time of a request"),
}
_OF_STEP: dict[str, str | Promise] = {
    "name": gettext_lazy("name"),
    "kind": gettext_lazy("kind"),
    "ask": gettext_lazy("who is asked"),
    "to": gettext_lazy("who is told"),
    "order": gettext_lazy("order of those asked"),
    "nobody": gettext_lazy("if nobody can be asked"),
    "not_same_as": gettext_lazy("not decided by whoever decided"),
    "rule": gettext_lazy("how it is decided"),
    "otherwise": gettext_lazy("result otherwise"),
    "early": gettext_lazy("first result that holds counts"),
    "wait_for_all": gettext_lazy("everybody is heard first"),
    "outcomes": gettext_lazy("answer"),
    "questions": gettext_lazy("question"),
    "outcome_question": gettext_lazy("the outcome as an answer to a question"),
    "again": gettext_lazy("who is asked again"),
    "keep_if": gettext_lazy("whose decision stays"),
    "form": gettext_lazy("fields"),
    "due": gettext_lazy("deadline"),
    "remind": gettext_lazy("reminders"),
    "escalate": gettext_lazy("who is asked later"),
    "expire": gettext_lazy("without an answer in time"),
    "pause": gettext_lazy("pause of the deadline"),
    "calendar": gettext_lazy("calendar"),
    "proof": gettext_lazy("proof of the sender"),
    "requester_may_decide": gettext_lazy("the requester may decide"),
    "delegate": gettext_lazy("delegates answer"),
    "undo": gettext_lazy("time to undo an answer"),
    "alone": gettext_lazy("mail of its own"),
    "branches": gettext_lazy("branch"),
    "labels": gettext_lazy("name of the result"),
    "result": gettext_lazy("result"),
    "mail": gettext_lazy("mail"),
    "subject": gettext_lazy("subject"),
    "text": gettext_lazy("text"),
    "until": gettext_lazy("waits until"),
    "signal": gettext_lazy("signal"),
    "process": gettext_lazy("process"),
    "data": gettext_lazy("data"),
}
_OF_FIELD: dict[str, str | Promise] = {
    "label": gettext_lazy("label"),
    "type": gettext_lazy("type"),
    "help": gettext_lazy("help"),
    "options": gettext_lazy("choices"),
    "currency": gettext_lazy("currency"),
    "min": gettext_lazy("least"),
    "max": gettext_lazy("most"),
    "show": gettext_lazy("shown if"),
    "require": gettext_lazy("required if"),
    "read_only": gettext_lazy("fixed if"),
    "default": gettext_lazy("stands there by itself"),
    "computed": gettext_lazy("computed"),
    "columns": gettext_lazy("columns"),
    "totals": gettext_lazy("totals"),
    "among": gettext_lazy("people of the group"),
    "text": gettext_lazy("text"),
}
_OF_OUTCOME: dict[str, str | Promise] = {
    "label": gettext_lazy("label"),
    "words": gettext_lazy("words"),
    "grants": gettext_lazy("gives what is asked for"),
    "comment": gettext_lazy("comment"),
    "counts": gettext_lazy("counts"),
    "returns": gettext_lazy("goes back to"),
    "questions": gettext_lazy("questions that it needs"),
}
#: What is said as a whole, though it is a map.
_WHOLE = frozenset(
    (
        "ask",
        "to",
        "rule",
        "due",
        "remind",
        "escalate",
        "expire",
        "nobody",
        "pause",
        "longest",
        "comment",
        "undo",
    )
)
_CONDITIONS = frozenset(("show", "require", "read_only", "until", "when"))
_AMOUNT = re.compile(r"(?P<number>\d{1,4}) (?P<unit>(?:working )?(?:day|hour|minute))s?")


@dataclass(frozen=True)
class Naming:
    """What both definitions call their steps, answers and fields."""

    before: Any
    now: Any
    old: Definition | None
    new: Definition | None

    def step(self, key: str) -> str:
        return _quoted(self._name_of(key))

    def _name_of(self, key: str) -> str:
        for data in (self.now, self.before):
            step = _within(data, "steps", key)
            name = step.get("name") if isinstance(step, Mapping) else None
            if isinstance(name, str):
                return name
        return key

    def field(self, name: str) -> str:
        for data in (self.now, self.before):
            for part in _within(data, "form") or ():
                if (
                    isinstance(part, Mapping)
                    and part.get("name") == name
                    and isinstance(part.get("label"), str)
                ):
                    return _quoted(part["label"])
        return _quoted(name)

    def outcome(self, step_key: str, outcome: str) -> str:
        for definition in (self.new, self.old):
            step = definition.steps.get(step_key) if definition is not None else None
            if isinstance(step, ApprovalStep):
                try:
                    return _quoted(step.outcome(outcome).shown)
                except KeyError:
                    continue
        return _quoted(outcome)

    def condition(self, source: str, *, is_new: bool) -> str:
        definition = self.new if is_new else self.old
        return source if definition is None else conditions.sentence(source, definition)


def _within(value: Any, *path: str) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping | list | tuple) else None


def _quoted(text: str) -> str:
    return _("“{text}”").format(text=" ".join(text.split()))


def name_of_part(part: Any) -> Any:
    """What tells a part of a list from the others: the name of a field, the key of an answer, a heading's words."""
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping):
        return None
    for name in ("name", "key"):
        if isinstance(part.get(name), str):
            return part[name]
    texts = tuple(part.get(name) for name in ("type", "label", "text"))
    return texts if all(isinstance(text, str | None) for text in texts) else None


def is_whole(path: Path) -> bool:
    return path[-1] in _WHOLE and (len(path) == 1 or path[0] != "form")


# --- what is new, and what is gone ------------------------------------------------------------------------


def _label_of(part: Any) -> str:
    return _quoted(next((str(part[name]) for name in ("label", "text", "name") if part.get(name)), ""))


def new_field(part: Mapping[str, Any]) -> str:
    if part.get("type") == "section":
        return _("New heading in the form: {label}.").format(label=_label_of(part))
    if part.get("type") == "text_block":
        return _("New text in the form: {label}.").format(label=_label_of(part))
    return _("New field {label}.").format(label=_label_of(part))


def removed_field(part: Mapping[str, Any]) -> str:
    if part.get("type") == "section":
        return _("Removed from the form: the heading {label}.").format(label=_label_of(part))
    if part.get("type") == "text_block":
        return _("Removed from the form: the text {label}.").format(label=_label_of(part))
    return _("Removed: field {label}.").format(label=_label_of(part))


def new_step(naming: Naming, key: str) -> str:
    return _("New step {step}.").format(step=naming.step(key))


def removed_step(naming: Naming, key: str) -> str:
    return _("Removed: step {step}.").format(step=naming.step(key))


# --- values -----------------------------------------------------------------------------------------------


def of_value(naming: Naming, path: Path, before: Any, now: Any) -> str:
    """What stands otherwise at a place."""
    special = _special(naming, path, before, now)
    if special is not None:
        return special
    where = _where(naming, path)
    old, new = _shown(naming, path, before, is_new=False), _shown(naming, path, now, is_new=True)
    if before is MISSING:
        return _("{where}: now {value}.").format(where=where, value=new)
    if now is MISSING:
        return _("{where}: removed, was {value}.").format(where=where, value=old)
    if old == new:  # only how it is meant differs: `true` and "true", or letters beyond what is shown
        return _("{where}: changed, from {old} to {new}.").format(
            where=where, old=repr(before)[:LONGEST_VALUE], new=repr(now)[:LONGEST_VALUE]
        )
    return _("{where}: was {old}, now {new}.").format(where=where, old=old, new=new)


def of_order(naming: Naming, path: Path) -> str:
    return _("{where}: stands in another order.").format(where=_where(naming, path))


def _special(naming: Naming, path: Path, before: Any, now: Any) -> str | None:
    """Where a whole sentence says it better than a place and two values."""
    match path:
        case ("form", str(name), "required"):
            field = naming.field(name)
            if now is True:
                return _("Field {label} is required now.").format(label=field)
            if before is True:
                return _("Field {label} is not required any more.").format(label=field)
        case ("form", str(), "label") if isinstance(before, str) and isinstance(now, str):
            return _("Field {old} is called {new} now.").format(old=_quoted(before), new=_quoted(now))
        case ("steps", str(), "name") if isinstance(before, str) and isinstance(now, str):
            return _("Step {old} is called {new} now.").format(old=_quoted(before), new=_quoted(now))
        case ("steps", str(key), "ask" | "to" as whom) if _are_lines(before, now):
            return _asked(naming, key, whom, before, now)
        case ("steps", str(key), "outcomes", str(outcome)):
            if before is MISSING:
                return _("Step {step}: new answer {answer}.").format(
                    step=naming.step(key), answer=naming.outcome(key, outcome)
                )
            return _("Step {step}: removed the answer {answer}.").format(
                step=naming.step(key), answer=naming.outcome(key, outcome)
            )
        case ("start",) if isinstance(before, str) and isinstance(now, str):
            return _("It begins with {new}, no longer with {old}.").format(
                old=naming.step(before), new=naming.step(now)
            )
    return None


def _where(naming: Naming, path: Path) -> str:
    """The place that something stands at, as people know it."""
    match path:
        case ():
            return _("The process")
        case ("form", *rest):
            return _("Form") if not rest else _behind(_field_place(naming, rest[0]), _OF_FIELD, rest[1:])
        case ("steps", str(key), "outcomes", str(outcome), *rest):
            answer = _("Step {step}, answer {answer}").format(
                step=naming.step(key), answer=naming.outcome(key, outcome)
            )
            return _behind(answer, _OF_OUTCOME, rest)
        case ("steps", str(key), "mail", str(part), *rest):
            mail = _("Step {step}, mail").format(step=naming.step(key))
            return _behind(mail, _OF_STEP, [part, *rest])
        case ("steps", str(key), *rest):
            return _behind(_("Step {step}").format(step=naming.step(key)), _OF_STEP, rest)
        case ("steps",):
            return _("Steps")
        case ("transitions", *_rest):
            return _("Ways")
        case (first, *rest):
            return ", ".join([str(_OF_PROCESS.get(str(first), first)), *map(str, rest)])
    raise AssertionError(path)


def _field_place(naming: Naming, name: Any) -> str:
    if isinstance(name, tuple):  # of a heading or a text
        return _("Form, {label}").format(label=_quoted(str(name[1] or name[2] or name[0])))
    return _("Field {label}").format(label=naming.field(str(name)))


def _behind(begin: str, names: Mapping[str, str | Promise], rest: Path) -> str:
    if not rest:
        return begin
    return ", ".join([begin, str(names.get(str(rest[0]), rest[0])), *map(str, rest[1:])])


def _shown(naming: Naming, path: Path, value: Any, *, is_new: bool) -> str:
    if value is MISSING:
        return ""
    name = path[-1] if path else ""
    definition = naming.new if is_new else naming.old
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if name in _CONDITIONS and isinstance(value, str):
        return _quoted(naming.condition(value, is_new=is_new))
    if name == "due" and (amount := _deadline(value)):
        return amount
    if name == "remind" and isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return ", ".join(map(moment_in_words, value))
    if name == "rule" and definition is not None and (rule := _rule(definition, str(path[1]))):
        return _quoted(rule)
    if name == "not_same_as" and isinstance(value, list | tuple):
        return _alternatives([naming.step(str(one)) for one in value])
    return _compact(value)


def _rule(definition: Definition, key: str) -> str:
    step = definition.steps.get(key)
    try:
        return rule_in_words(step) if isinstance(step, ApprovalStep) else ""
    except (KeyError, ValidationError):
        return ""


def _compact(value: Any) -> str:
    """As YAML writes it in one line."""
    if isinstance(value, str):
        return _quoted(value if len(value) <= LONGEST_VALUE else f"{value[:LONGEST_VALUE]}…")
    try:
        text = in_line(tree_of(value))
    except TypeError:
        text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


# --- deadlines --------------------------------------------------------------------------------------------


def amount_in_words(text: str) -> str:
    """“2 working days”, in the language that is active; the text itself where it is something else."""
    match = _AMOUNT.fullmatch(text)
    if match is None:
        return text
    number = int(match["number"])
    units = {
        "day": ngettext("{n} day", "{n} days", number),
        "hour": ngettext("{n} hour", "{n} hours", number),
        "minute": ngettext("{n} minute", "{n} minutes", number),
        "working day": ngettext("{n} working day", "{n} working days", number),
        "working hour": ngettext("{n} working hour", "{n} working hours", number),
        "working minute": ngettext("{n} working minute", "{n} working minutes", number),
    }
    return units[match["unit"]].format(n=number)


def moment_in_words(text: str) -> str:
    """Of a reminder: “1 working day before”, “when due”."""
    if text == "when due":
        return _("when it is due")
    amount, _space, side = text.rpartition(" ")
    if side == "before":
        return _("{amount} before").format(amount=amount_in_words(amount))
    return _("{amount} after").format(amount=amount_in_words(amount)) if side == "after" else text


def _deadline(due: Any) -> str:
    match due:
        case str(amount) | {"within": str(amount)}:
            return amount_in_words(amount)
    return ""


# --- people -----------------------------------------------------------------------------------------------


def _are_lines(*values: Any) -> bool:
    return all(
        isinstance(value, list | tuple) and all(isinstance(line, Mapping) for line in value)
        for value in values
    )


def _asked(naming: Naming, key: str, whom: str, before: Sequence[Any], now: Sequence[Any]) -> str:
    old, new = people_in_words(naming, before, is_new=False), people_in_words(naming, now, is_new=True)
    if old == new:
        old, new = _compact(before), _compact(now)
    sentence = (
        _("Step {step}: asked were {old}, now {new}.")
        if whom == "ask"
        else _("Step {step}: told were {old}, now {new}.")
    )
    return sentence.format(step=naming.step(key), old=old, new=new)


def people_in_words(naming: Naming, lines: Sequence[Mapping[str, Any]], *, is_new: bool) -> str:
    return _alternatives([_line(naming, line, is_new=is_new) for line in lines])


def _alternatives(names: Sequence[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return _("{names} or {last}").format(names=", ".join(names[:-1]), last=names[-1])


def _line(naming: Naming, line: Mapping[str, Any], *, is_new: bool) -> str:
    rest = {name: value for name, value in line.items() if name != "if"}
    who = _source(naming, rest) or _compact(rest)
    if isinstance(line.get("if"), str):
        return _("{who} (if {condition})").format(
            who=who, condition=naming.condition(line["if"], is_new=is_new)
        )
    return who


def _source(naming: Naming, line: Mapping[str, Any]) -> str | None:
    """None where a line says more than words are made for."""
    match line:
        case {"requester": True, **rest} if not rest:
            return _("whoever asks")
        case {"manager": True | 1, **rest} if not rest:
            return _("the requester’s manager")
        case {"manager": int(level), **rest} if not rest:
            return _("the requester’s manager, {number} levels up").format(number=level)
        case {"manager_of": str(field), **rest} if not rest:
            return _("the manager of whoever stands in {field}").format(field=naming.field(field))
        case {"group": str(group), **rest} if not rest:
            return _quoted(group)
        case {"group": str(group), "pick": str(), **rest} if not rest:
            return _("one of {group}").format(group=_quoted(group))
        case {"person": str(address), **rest} if not rest:
            return address
        case {"field": str(field), **rest} if not rest:
            return _("whoever stands in {field}").format(field=naming.field(field))
        case {"decided": str(step), **rest} if not rest:
            return _("whoever decided {step}").format(step=naming.step(step))
    return None


# --- ways -------------------------------------------------------------------------------------------------

Way = Mapping[str, Any]


def of_way(naming: Naming, key: tuple[str, str], before: Way | None, now: Way | None) -> str:
    """One way, under one condition."""
    about = now if now is not None else before
    assert about is not None
    start = _way_start(naming, key, about, is_new=now is not None)
    if before is None:
        return _("{start}: a new way leads to {to}.").format(start=start, to=_target(naming, about))
    if now is None:
        return _("{start}: no way leads to {to} any more.").format(start=start, to=_target(naming, about))
    new, old = _target(naming, now), _target(naming, before)
    if new == old:
        return _("{start}: was {old}, now {new}.").format(
            start=start, old=_compact(before), new=_compact(now)
        )
    return _("{start}: leads to {new} instead of {old}.").format(start=start, new=new, old=old)


def _way_start(naming: Naming, key: tuple[str, str], way: Way, *, is_new: bool) -> str:
    step, answer = naming.step(key[0]), naming.outcome(*key)
    if isinstance(way.get("when"), str):
        return _("Step {step}, on {answer}, if {condition}").format(
            step=step, answer=answer, condition=naming.condition(way["when"], is_new=is_new)
        )
    return _("Step {step}, on {answer}").format(step=step, answer=answer)


def _target(naming: Naming, way: Way) -> str:
    if isinstance(way.get("to"), str):
        return naming.step(way["to"])
    return _("the end of the branch, {result}").format(result=_quoted(str(way.get("ends_branch"))))


def ways_instead(naming: Naming, key: tuple[str, str], before: Sequence[Way], now: Sequence[Way]) -> str:
    start = _way_start(naming, key, {}, is_new=True)
    return _("{start}: was {old}, now {new}.").format(start=start, old=_compact(before), new=_compact(now))


def order_of_ways(naming: Naming, key: tuple[str, str]) -> str:
    start = _way_start(naming, key, {}, is_new=True)
    return _("{start}: the ways are tried in another order.").format(start=start)
