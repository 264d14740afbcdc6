"""One part of a process's form, as sections of inputs: a field, a heading or an explanation."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from placet.approvals.models import AuthorityTable
from placet.designer.condition_rows import condition_in, condition_row
from placet.designer.inputs import GONE, Box, Button, Place, Row, Section
from placet.designer.reading import items, mapping, words
from placet.designer.surroundings import Surroundings, label_words
from placet.designer.what_rows import key_from, label_boxes, label_in, languages_of, type_words

HEADINGS = ("section", "text_block")
TYPES = (
    "text", "long_text", "money", "number", "percent", "date", "time", "date_time", "period", "yes_no", "choice",
    "choices", "person", "people", "files", "table", "email", "phone", "url", "iban", "cost_centre", "exact_text",
    *HEADINGS,
)  # fmt: skip
COLUMN_TYPES = (
    "text", "money", "number", "percent", "date", "time", "date_time", "yes_no", "choice", "email", "phone", "url",
    "iban", "person", "cost_centre",
)  # fmt: skip
#: The options that each type takes, as inputs.
_WITH_LIMITS = (
    "money",
    "number",
    "percent",
    "date",
    "time",
    "date_time",
    "period",
    "people",
    "files",
    "table",
)
_TEXTS = ("text", "long_text", "email", "phone", "url", "iban")
_WITH_OPTIONS = ("choice", "choices")
MOST_OPTIONS = 200
MOST_COLUMNS = 12
_EXPRESSIONS = ("show", "require", "default", "read_only", "computed")
_SECTION_OF = {
    **dict.fromkeys(("name", "label", "type", "help", "required", "text"), "field"),
    **dict.fromkeys(("options", "options_from"), "options"),
    **dict.fromkeys(("columns", "totals", "unique"), "columns"),
    **dict.fromkeys(("show", "require", "default", "read_only", "computed"), "depends"),
}


def section_of(name: str) -> str:
    return _SECTION_OF.get(name, "limits")


def part_words(part: Mapping[str, Any]) -> str:
    return label_words(part.get("label")) or words(part.get("text"))[:60] or words(part.get("name"))


def new_part(kind: str, label: str, around: Surroundings) -> dict[str, Any]:
    if kind == "section":
        return {"type": kind, "label": label}
    if kind == "text_block":
        return {"type": kind, "text": label}
    part: dict[str, Any] = {"name": key_from(label, around.fields, "field"), "label": label, "type": kind}
    if kind == "money":
        part["currency"] = "EUR"
    if kind in _WITH_OPTIONS:
        part["options"] = [_("Yes"), _("No")]
    if kind == "table":
        part["columns"] = [{"name": "item", "label": _("Item"), "type": "text"}]
    return part


# --- the inputs -------------------------------------------------------------------------------------------


def sections_of(part: Mapping[str, Any], around: Surroundings) -> list[Section]:
    kind = words(part.get("type"))
    sections = [
        Section("field", _("Field") if kind not in HEADINGS else type_words(kind), [_base(part, kind)])
    ]
    if kind in _WITH_OPTIONS:
        rows, kept = _option_rows(part)
        sections.append(Section("options", _("What can be chosen"), rows, kept=kept))
    limits = _limits(part, kind)
    if limits.boxes:
        sections.append(Section("limits", _("Limits"), [limits]))
    if kind == "table":
        sections.append(Section("columns", _("Columns"), _column_rows(part)))
    sections.append(_depends(part, kind, around))
    return sections


def _base(part: Mapping[str, Any], kind: str) -> Row:
    row = Row(legend=_("Field"))
    if kind == "text_block":
        row.boxes = [Box("text", _("Text"), words(part.get("text")), "lines", place=("text",), width="long")]
        return row
    row.boxes = [
        Box("label", _("What people read"), words(part.get("label")), place=("label",), width="long")
    ]
    if kind != "section":
        types = [(one, type_words(one)) for one in TYPES if one not in HEADINGS]
        types += [(kind, kind)] if kind not in TYPES else []
        help = _(
            "What conditions and titles call it: small letters, digits and _. They follow when it is renamed"
        )
        row.boxes += [
            Box("type", _("Type"), kind, "choice", types, place=("type",)),
            Box("name", _("Name"), words(part.get("name")), place=("name",), help=help),
        ]
    row.boxes.append(
        Box("help", _("Help below it"), words(part.get("help")), "lines", place=("help",), width="long")
    )
    if kind != "section":
        required = "yes" if part.get("required") is True else ""
        row.boxes.append(Box("required", _("It has to be filled in"), required, "tick", place=("required",)))
    return row


def _limits(part: Mapping[str, Any], kind: str) -> Row:
    row = Row(legend=_("Limits"))
    boxes: list[tuple[str, str, str]] = []
    if kind == "money":
        boxes.append(("currency", _("Currency"), _("EUR, or several to choose from: EUR, USD")))
    if kind in _WITH_LIMITS:
        help = _("A day, or “today + 90 days”") if kind in ("date", "date_time", "period") else ""
        boxes += [("min", _("At least"), help), ("max", _("At most"), help)]
    if kind in ("number", "percent"):
        boxes.append(("digits", _("Digits after the point"), ""))
    if kind in ("money", "number", "percent"):
        boxes.append(("step", _("In steps of"), ""))
    if kind == "files":
        boxes += [
            ("largest", _("Size of one file at most, MB"), ""),
            ("endings", _("Endings of names"), _("Parted by commas: pdf, png")),
        ]
    if kind in _TEXTS:
        boxes += [
            ("length", _("Letters at most"), ""),
            ("pattern", _("Pattern"), _("A regular expression that the whole text has to have")),
            ("message", _("What is said if it does not fit"), ""),
        ]
    if kind == "exact_text":
        boxes.append(("length", _("Letters at most"), ""))
    if kind in ("person", "people"):
        boxes.append(("among", _("Among the group, by its key"), ""))
    if kind == "table":
        boxes.append(("unique", _("Column in which nothing stands twice"), ""))
    row.boxes = [
        Box(name, label, _listed(part.get(name)), help=help, place=(name,)) for name, label, help in boxes
    ]
    return row


def _listed(value: Any) -> str:
    return ", ".join(map(words, value)) if isinstance(value, list) else words(value)


def _option_rows(part: Mapping[str, Any]) -> tuple[list[Row], str]:
    """Rows, and what they cannot show."""
    source = mapping(part.get("options_from"))
    if source:
        return [_source_row(source)], ""
    listed = items(part.get("options"))
    languages = languages_of(mapping(one).get("label") for one in listed)
    rows = [_option(number, one, languages) for number, one in enumerate(listed)]
    for number, row in enumerate(rows):
        row.buttons = _moving("option", number, len(rows), row.legend)
    new = Row(legend=_("Another option"))
    new.boxes = [Box(f"option-{len(rows)}-label", _("Another option"))]
    return [*rows, new], ""


def _moving(name: str, number: int, count: int, what: str) -> list[Button]:
    buttons = []
    if number:
        buttons.append(Button(f"up:{name}:{number}", _("Up"), _("{what}: up").format(what=what)))
    if number < count - 1:
        buttons.append(Button(f"up:{name}:{number + 1}", _("Down"), _("{what}: down").format(what=what)))
    return [*buttons, Button(f"remove:{name}:{number}", _("Remove"), _("{what}: remove").format(what=what))]


def _source_row(source: Mapping[str, Any]) -> Row:
    row = Row(legend=_("Where its options stand"), place=("options_from",))
    chosen = words(source.get("table"))
    tables = [("", "–"), *AuthorityTable.objects.order_by("name").values_list("key", "name")]
    if chosen not in dict(tables):
        tables.append((chosen, chosen))
    row.boxes = [
        Box("from-table", _("List or table"), chosen, "choice", tables),
        Box("from-field", _("or a table of this form"), words(source.get("field"))),
        Box("from-column", _("Column"), words(source.get("column"))),
        Box("from-label", _("Column that people read"), words(source.get("label"))),
    ]
    return row


def _option(number: int, option: Any, languages: list[tuple[str, str]]) -> Row:
    says = mapping(option)
    key = words(option) or words(says.get("key"))
    shown = label_words(says.get("label")) or key
    row = Row(legend=_("Option “{name}”").format(name=shown), place=("options", number))
    label = says.get("label") if says.get("label") is not None else key
    row.boxes = label_boxes(
        f"option-{number}-label", label, _("What people read"), ("options", number), languages
    )
    if says.get("only") is not None:
        row.kept = words(says["only"])
    return row


def _column_rows(part: Mapping[str, Any]) -> list[Row]:
    listed = items(part.get("columns"))
    rows = [_column(number, mapping(one)) for number, one in enumerate(listed)]
    for number, row in enumerate(rows):
        row.buttons = _moving("column", number, len(rows), row.legend)
    new = _column(len(listed), {})
    new.legend = _("Another column")
    totals = _total_rows(part)
    return [*rows, new, *totals]


def _column(number: int, says: Mapping[str, Any]) -> Row:
    name, place = f"column-{number}", ("columns", number)
    label = words(says.get("label"))
    row = Row(legend=_("Column “{name}”").format(name=label), place=place)
    kind = words(says.get("type")) or "text"
    types = [(one, type_words(one)) for one in COLUMN_TYPES]
    types += [(kind, kind)] if kind not in COLUMN_TYPES else []
    row.boxes = [
        Box(f"{name}-label", _("What people read"), label, place=(*place, "label")),
        Box(f"{name}-type", _("Type"), kind, "choice", types, place=(*place, "type")),
        Box(f"{name}-currency", _("Currency, of amounts"), _listed(says.get("currency")), place=(*place, "currency"),
            width="short"),
        Box(f"{name}-options", _("Options, of a choice"), _simple_options(says), place=(*place, "options")),
        Box(f"{name}-computed", _("Computed as"), words(says.get("computed")), place=(*place, "computed")),
        Box(f"{name}-required", _("Has to be filled in"), "yes" if says.get("required") is True else "", "tick"),
    ]  # fmt: skip
    return row


def _simple_options(says: Mapping[str, Any]) -> str:
    return ", ".join(words(one) for one in items(says.get("options")) if not isinstance(one, dict))


def _total_rows(part: Mapping[str, Any]) -> list[Row]:
    rows = []
    for number, total in enumerate([*items(part.get("totals")), {}]):
        says, name, place = mapping(total), f"total-{number}", ("totals", number)
        kind = next((one for one in ("sum", "min", "max", "count") if says.get(one) is not None), "sum")
        of = says.get(kind)
        row = Row(legend=_("Total {n}").format(n=number + 1), place=place)
        row.boxes = [
            Box(f"{name}-label", _("Total"), words(says.get("label")), place=(*place, "label")),
            Box(f"{name}-kind", _("How"), kind, "choice", _totals(), place=place),
            Box(f"{name}-of", _("Name of the column"), "" if of is True else words(of), place=(*place, kind)),
        ]
        if says:
            row.buttons = _moving("total", number, 1, row.legend)[-1:]
        rows.append(row)
    return rows


def _totals() -> list[tuple[str, str]]:
    return [("sum", _("sum")), ("min", _("least")), ("max", _("most")), ("count", _("how many"))]


def _depends(part: Mapping[str, Any], kind: str, around: Surroundings) -> Section:
    """What of a field follows from others."""
    others = Surroundings(around.reading)
    rows = [_condition("show", _("Shown only if"), part, others)]
    if kind not in HEADINGS:
        rows.append(_condition("require", _("Has to be filled in only if"), part, others))
        rows.append(_condition("read_only", _("Nobody enters it if"), part, others))
        row = Row(legend=_("What stands there"))
        row.boxes = [
            Box("default", _("Stands there until somebody changes it"), words(part.get("default")), place=("default",),
                help=_("A number, a text in quotes ('Berlin'), or an expression over other fields")),
            Box("computed", _("Computed of other fields"), words(part.get("computed")), place=("computed",),
                help=_("Such as days * rate; then nobody enters it")),
        ]  # fmt: skip
        rows.append(row)
    is_open = any(part.get(name) is not None for name in _EXPRESSIONS)
    return Section("depends", _("If it depends on other fields"), rows, is_open=is_open)


def _condition(name: str, title: str, part: Mapping[str, Any], around: Surroundings) -> Row:
    outer = Row(legend=title, place=(name,))
    outer.rows = [condition_row(name, part.get(name), around, (name,), title)]
    return outer


# --- what a form says -------------------------------------------------------------------------------------


def part_in(post: Mapping[str, str], old: Mapping[str, Any], around: Surroundings) -> dict[str, Any]:
    """The part as the form has it now; its name as it was, which is changed by `rename_field`."""
    kind = post.get("type", words(old.get("type")))
    values: dict[str, Any] = {}
    for name in ("text", "label", "help"):
        if name in post:
            typed = post[name].replace("\r\n", "\n").strip()
            values[name] = old.get(name) if typed == words(old.get(name)) else typed or None
    if "type" in post:
        values["type"] = kind
    if "label" in post and kind != "section":
        values["required"] = (
            True if post.get("required") else (old.get("required") if old.get("required") is False else None)
        )
    for box in _limits(old, words(old.get("type"))).boxes:
        if box.name in post:
            values[box.name] = _limit_in(box.name, post[box.name].strip(), old.get(box.name))
    for name in ("default", "computed"):
        if name in post:
            typed = post[name].strip()
            values[name] = old.get(name) if typed == words(old.get(name)) else typed or None
    for name in ("show", "require", "read_only"):
        if f"{name}-0-field" in post or f"{name}-kept" in post:
            values[name] = condition_in(post, name, old.get(name), around.definition)
    if "option-0-label" in post:
        values["options"] = _options_in(post, old)
    if "from-column" in post:
        values["options_from"] = _source_in(post)
    if "column-0-label" in post:
        values["columns"] = _columns_in(post, items(old.get("columns")))
        values["totals"] = _totals_in(post, items(old.get("totals")), around)
    merged = _merged(old, values)
    return merged if kind == words(old.get("type")) else _of_type(merged, kind)


def _of_type(part: dict[str, Any], kind: str) -> dict[str, Any]:
    """Without what belongs to fields of other types, and with what a field of this one needs."""
    takes = {*_COMMON, *(box.name for box in _limits({}, kind).boxes)}
    takes |= {"options", "options_from"} if kind in _WITH_OPTIONS else set()
    takes |= {"columns", "totals"} if kind == "table" else set()
    takes |= {"options_from"} if kind == "cost_centre" else set()
    kept = {name: value for name, value in part.items() if name in takes}
    return kept | ({"currency": "EUR"} if kind == "money" and "currency" not in kept else {})


_COMMON = ("name", "label", "type", "help", "required", *_EXPRESSIONS)


def _merged(old: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    merged = {name: values.get(name, value) for name, value in old.items()}
    merged |= {name: value for name, value in values.items() if name not in old}
    return {name: value for name, value in merged.items() if value is not None}


_NUMBERS = ("min", "max", "step", "digits", "length", "largest")


def _limit_in(name: str, typed: str, old: Any) -> Any:
    if typed == _listed(old):
        return old
    if not typed:
        return None
    if name in _NUMBERS:
        return _number(typed)
    if name == "endings" or (name == "currency" and "," in typed):
        return [one.strip() for one in typed.split(",") if one.strip()]
    return typed


def _number(typed: str) -> int | float | str:
    """As it is, where it is none: checks say what can stand there."""
    for kind in (int, float):
        try:
            number = kind(typed)
        except ValueError:
            continue
        if str(number) == typed:
            return number
    return typed


def _options_in(post: Mapping[str, str], old: Mapping[str, Any]) -> Any:
    before = items(old.get("options"))
    languages = languages_of(mapping(one).get("label") for one in before)
    options: list[Any] = []
    for number in range(min(len(before) + 1, MOST_OPTIONS + 1)):
        name = f"option-{number}"
        if f"{name}-{GONE}" in post:
            continue
        if f"{name}-label" not in post:
            options += before[number : number + 1]
        elif number < len(before):
            option = _option_in(post, name, before[number], languages)
            options += [option] if option is not None else []
        elif label := post[f"{name}-label"].strip():
            options.append(label)
    return options or None


def _option_in(post: Mapping[str, str], name: str, old: Any, languages: list[tuple[str, str]]) -> Any:
    """Its key stays what it is as soon as it has a label of its own."""
    says = mapping(old)
    key = words(old) or words(says.get("key"))
    before = says.get("label") if says.get("label") is not None else key
    label = label_in(post, f"{name}-label", before, languages)
    if label is None:
        return None
    if not isinstance(old, dict):
        return label if isinstance(label, str) else {"key": key, "label": label}
    if label == before:
        return old
    return {**{one: value for one, value in says.items() if one != "label"}, "label": label}


def _source_in(post: Mapping[str, str]) -> Any:
    names = {"table": "from-table", "field": "from-field", "column": "from-column", "label": "from-label"}
    source = {name: text for name, box in names.items() if (text := post.get(box, "").strip())}
    return source or None


def _columns_in(post: Mapping[str, str], before: list[Any]) -> Any:
    columns: list[Any] = []
    for number in range(min(len(before) + 1, MOST_COLUMNS + 1)):
        name = f"column-{number}"
        old = mapping(before[number]) if number < len(before) else {}
        label = post.get(f"{name}-label", "").strip()
        if f"{name}-{GONE}" in post or (not old and not label):
            continue
        if f"{name}-label" not in post:
            columns.append(before[number])
            continue
        taken = [words(mapping(one).get("name")) for one in [*before, *columns]]
        first = {} if old else {"name": key_from(label, taken, "column")}
        values: dict[str, Any] = {"label": label, "type": post.get(f"{name}-type", "text")}
        values["currency"] = _limit_in(
            "currency", post.get(f"{name}-currency", "").strip(), old.get("currency")
        )
        values["computed"] = post.get(f"{name}-computed", "").strip() or None
        values["required"] = True if post.get(f"{name}-required") else None
        if not any(isinstance(one, dict) for one in items(old.get("options"))):
            options = [text for one in post.get(f"{name}-options", "").split(",") if (text := one.strip())]
            values["options"] = options or None
        columns.append(_merged(first | dict(old), values))
    return columns or None


def _totals_in(post: Mapping[str, str], before: list[Any], around: Surroundings) -> Any:
    totals: list[Any] = []
    for number in range(min(len(before) + 1, MOST_COLUMNS + 1)):
        name = f"total-{number}"
        old = mapping(before[number]) if number < len(before) else {}
        label = post.get(f"{name}-label", "").strip()
        if f"{name}-{GONE}" in post or not label:
            continue
        taken = [*around.fields, *(words(mapping(one).get("name")) for one in [*before, *totals])]
        total: dict[str, Any] = {"name": old.get("name") or key_from(label, taken, "total"), "label": label}
        kind, of = post.get(f"{name}-kind", "sum"), post.get(f"{name}-of", "").strip()
        totals.append(total | {kind: True if kind == "count" and not of else of})
    return totals or None


def with_removal(post: Mapping[str, str], do: str) -> dict[str, str]:
    verb, _colon, row = do.partition(":")
    return {**post, f"{row.replace(':', '-')}-{GONE}": "yes"} if verb == "remove" else dict(post)


_LISTS: dict[str, str] = {"option": "options", "column": "columns"}


def moved(do: str, part: dict[str, Any]) -> dict[str, Any]:
    """A part after the button *Up* of a row within it."""
    parts = do.split(":")
    if len(parts) != 3 or parts[0] != "up" or parts[1] not in _LISTS or not parts[2].isdecimal():
        return part
    name, number = _LISTS[parts[1]], int(parts[2])
    listed = list(items(part.get(name)))
    if not 0 < number < len(listed):
        return part
    listed[number - 1], listed[number] = listed[number], listed[number - 1]
    return part | {name: listed}


def place_of(number: int) -> Place:
    return ("form", number)
