"""Who is asked, as rows of a form: each is a line of `ask`. What a row cannot show of a line stays as it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from placet.approvals import authority
from placet.designer.condition_rows import condition_in, condition_row, sentence
from placet.designer.inputs import GONE, Box, Button, Choices, Place, Row
from placet.designer.reading import items, mapping, words
from placet.designer.surroundings import Surroundings

MOST_LINES = 40  # of one list that are read of a form
LEVELS = 4  # of managers that are listed
KEPT = "kept"
#: What a row says of where people come from; other names of a line stay beside it.
_SOURCES = frozenset(
    {
        "requester", "manager", "manager_of", "managers", "group", "person", "field", "decided", "from_answer",
        "expression", "table", "with", "pick", "among", "if",
    }
)  # fmt: skip
_NAMED = ("group", "field", "manager_of", "decided", "from_answer", "table")


def who_rows(
    name: str, lines: Any, around: Surroundings, place: Place, *, conditions: bool = True
) -> list[Row]:
    """A row for each line, and one for another."""
    listed = items(lines)
    rows = [_row(name, number, line, around, place, conditions) for number, line in enumerate(listed)]
    for number, row in enumerate(rows):
        row.buttons = _buttons(name, number, len(listed))
    return [*rows, _row(name, len(listed), None, around, place, False)]


def _buttons(name: str, number: int, count: int) -> list[Button]:
    buttons = []
    if number:
        buttons.append(
            Button(f"up:{name}:{number}", _("Up"), _("Line {n}: up").format(n=number + 1), "arrow-up")
        )
    if number < count - 1:
        down = _("Line {n}: down").format(n=number + 1)
        buttons.append(Button(f"up:{name}:{number + 1}", _("Down"), down, "arrow-down"))
    remove = _("Line {n}: remove").format(n=number + 1)
    return [*buttons, Button(f"remove:{name}:{number}", _("Remove"), remove, "x-mark")]


def _row(name: str, number: int, line: Any, around: Surroundings, place: Place, conditions: bool) -> Row:
    prefix, here = f"{name}-{number}", (*place, number)
    source = source_of(line)
    legend = _("Who, line {n}").format(n=number + 1) if line is not None else _("Somebody else")
    row = Row(legend=legend, place=here)
    row.boxes = [
        Box(
            f"{prefix}-who",
            _("Who"),
            source,
            "choice",
            _choices(source, around, line),
            place=here,
            width="long",
        ),
        Box(
            f"{prefix}-which",
            _("Address, or key of a group"),
            words(mapping(line).get("person")) if source == "person" else "",
            "person",
            place=(*here, "person"),
        ),
    ]
    if line is not None and "group" in mapping(line):
        row.boxes.append(
            Box(f"{prefix}-pick", _("Of the group"), words(mapping(line).get("pick")), "choice", _picks())
        )
    if source == KEPT:
        row.kept = line_words(line, around)
    if conditions and line is not None and around.fields:
        row.rows = [
            condition_row(f"{prefix}-if", mapping(line).get("if"), around, (*here, "if"), _("Only if"))
        ]
    return row


def _picks() -> Choices:
    return (
        ("", _("everybody")),
        ("next", _("one, in turn")),
        ("least_busy", _("one, whoever has least to do")),
    )


def source_of(line: Any) -> str:
    """What the list of sources has chosen for a line: "" for none, KEPT for one that it does not have."""
    if line is None:
        return ""
    says = mapping(line)
    given = [key for key in _SOURCES - {"with", "pick", "among", "if"} if says.get(key) is not None]
    if len(given) != 1:
        return KEPT
    [source], value = given, says[given[0]]
    if source == "requester":
        return "requester"
    if source == "manager":
        level = 1 if value is True else value
        return f"manager:{level}" if isinstance(level, int) and 1 <= level <= LEVELS else KEPT
    if source == "person":
        return "person"
    return f"{source}:{words(value)}" if source in _NAMED and words(value) else KEPT


def _choices(source: str, around: Surroundings, line: Any) -> Sequence[tuple[str, str | Choices]]:
    choices: list[tuple[str, str | Choices]] = [
        ("", "–"),
        ("manager:1", _("the requester's manager")),
        ("manager:2", _("the manager's manager")),
        ("manager:3", _("three managers up")),
        ("manager:4", _("four managers up")),
        ("person", _("a person, by the address beside this")),
        ("requester", _("whoever made the request")),
    ]
    names: list[tuple[str, str, Mapping[str, str]]] = [
        ("group", _("Everybody in the group"), around.groups),
        ("field", _("Named in the form"), around.naming_fields),
        ("manager_of", _("The manager of whom the form names"), around.fields_of("person", "email", "text")),
        ("decided", _("Whoever decided"), _steps_that_ask(around)),
        ("from_answer", _("Named in the answer to"), around.naming_questions),
        ("table", _("By the authority table"), around.tables),
    ]
    for kind, title, names_by_key in names:
        listed = [(f"{kind}:{key}", name) for key, name in names_by_key.items()]
        if source.startswith(f"{kind}:") and source not in dict(listed):
            listed.append((source, source.partition(":")[2]))
        if listed:
            choices.append((title, listed))
    choices.append(("group", _("another group, by the key beside this")))
    if source == KEPT:
        choices.append((KEPT, _("as it is written")))
    return choices


def _steps_that_ask(around: Surroundings) -> dict[str, str]:
    asking = ("approval", "task")
    return {
        key: around.step_name(key) for key, step in around.reading.steps.items() if step.get("kind") in asking
    }


# --- what a form says -------------------------------------------------------------------------------------


def lines_in(post: Mapping[str, str], name: str, old: Any, around: Surroundings) -> list[Any]:
    """The lines as the form has them now. `old`: those that it was made of."""
    before = items(old)
    lines = []
    for number in range(MOST_LINES):
        if f"{name}-{number}-who" not in post:
            break
        line = before[number] if number < len(before) else None
        after = _line(post, f"{name}-{number}", line, around)
        if after is not None:
            lines.append(after)
    return lines


def _line(post: Mapping[str, str], prefix: str, old: Any, around: Surroundings) -> Any:
    if f"{prefix}-{GONE}" in post:
        return None
    chosen = post.get(f"{prefix}-who", "")
    which = post.get(f"{prefix}-which", "").strip()
    if chosen == "" and which:
        chosen = "person" if "@" in which else "group"
    if chosen == "":
        return None
    if chosen == KEPT:
        return old
    says = mapping(old)
    line = _source(chosen, which, says, around)
    if chosen.startswith(("group", "field", "from_answer")):
        pick = post.get(f"{prefix}-pick", words(says.get("pick")))
        line |= {"pick": pick} if pick and "group" in line else {}
        among = says.get("among")
        line |= {"among": among} if among and "group" not in line else {}
    condition = (
        condition_in(post, f"{prefix}-if", says.get("if"), around.definition)
        if _has_rows(post, prefix)
        else None
    )
    if condition is None and not _has_rows(post, prefix):
        condition = says.get("if")
    line |= {"if": condition} if condition is not None else {}
    return line | {key: value for key, value in says.items() if key not in _SOURCES}


def _has_rows(post: Mapping[str, str], prefix: str) -> bool:
    return f"{prefix}-if-0-field" in post or f"{prefix}-if-kept" in post


def _source(chosen: str, which: str, old: Mapping[str, Any], around: Surroundings) -> dict[str, Any]:
    kind, _colon, value = chosen.partition(":")
    if kind == "requester":
        return {"requester": True}
    if kind == "manager":
        return {"manager": True if value == "1" else int(value) if value.isdecimal() else value}
    if kind in ("person", "group") and not value:
        return {kind: which}
    if kind == "table":
        same = old.get("table") == value and old.get("with") is not None
        return {"table": value, "with": old["with"] if same else _columns(value, around)}
    return {kind: value}


def _columns(table: str, around: Surroundings) -> dict[str, str]:
    """Each column of a table with the field of the same name; checks say which of them there is not."""
    version = authority.newest(table)
    columns = version.columns if version is not None else []
    return {column["name"]: column["name"] for column in columns if column["kind"] != "ask"}


# --- in words ---------------------------------------------------------------------------------------------


def who_words(lines: Any, around: Surroundings) -> list[str]:
    return [line_words(line, around) for line in items(lines)]


def line_words(line: Any, around: Surroundings) -> str:
    says = mapping(line)
    text = _source_words(says, around)
    if says.get("if") is not None:
        text = _("{who}, if {condition}").format(who=text, condition=sentence(says["if"], around.definition))
    return text


def _source_words(says: Mapping[str, Any], around: Surroundings) -> str:
    if says.get("requester") is not None:
        return _("whoever made the request")
    if (manager := says.get("manager")) is not None:
        if manager in (True, 1):
            return _("the requester's manager")
        return (
            _("the manager's manager")
            if manager == 2
            else _("the manager {n} levels up").format(n=words(manager))
        )
    if says.get("group") is not None:
        name = around.group_name(words(says["group"]))
        if says.get("pick") is None:
            return _("the group {name}").format(name=name)
        return _("one of the group {name}").format(name=name)
    if says.get("person") is not None:
        return words(says["person"])
    if says.get("field") is not None:
        return _("whom “{field}” names").format(field=around.label(words(says["field"])))
    if says.get("manager_of") is not None:
        return _("the manager of whom “{field}” names").format(field=around.label(words(says["manager_of"])))
    if says.get("decided") is not None:
        return _("whoever decided “{step}”").format(step=around.step_name(words(says["decided"])))
    if says.get("from_answer") is not None:
        name = words(says["from_answer"])
        return _("whom the answer to “{question}” names").format(
            question=around.naming_questions.get(name, name)
        )
    if says.get("table") is not None:
        name = words(says["table"])
        return _("by the authority table {name}").format(name=around.tables.get(name, name))
    return _written_words(says)


def _written_words(says: Mapping[str, Any]) -> str:
    if (until := mapping(says.get("managers")).get("until")) is not None:
        return _("managers up to the first for whom this holds: {condition}").format(condition=words(until))
    if says.get("expression") is not None:
        return _("whom this names: {expression}").format(expression=words(says["expression"]))
    return ", ".join(f"{key}: {words(value) or value}" for key, value in says.items())
