"""Elements of the form → fields of the form."""

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from django.utils.translation import gettext as _

from placet.workflowgen.actions import Action, Actions
from placet.workflowgen.expressions import Is, Unreadable, in_cel, negated, quoted, read_element
from placet.workflowgen.forms import Element, Form
from placet.workflowgen.report import Report
from placet.workflowgen.texts import name_of, one_line, unused, word_set
from placet.workflowgen.xpdl import Exported, Parameter

MOST_COLUMNS = 12
CURRENCIES = {
    "US": "USD",
    "CA": "CAD",
    "GB": "GBP",
    "CH": "CHF",
    "JP": "JPY",
    "AU": "AUD",
    "MX": "MXN",
    "BR": "BRL",
}
_EUROPE = word_set(
    "FR DE ES IT NL BE AT PT IE FI GR LU",
)
MACRO = re.compile(r"<WF_[A-Z0-9_]+>")
_CHECKED = frozenset({"TRUE", "YES", "Y", "1", "ON"})
_UNCHECKED = frozenset({"FALSE", "NO", "N", "0", "OFF"})


class Fields:
    """The form of the definition, and how conditions call what it asks for."""

    def __init__(self, exported: Exported, form: Form, actions: Actions, report: Report) -> None:
        self.exported, self.form, self.actions, self.report = exported, form, actions, report
        self.parts: list[dict[str, Any]] = []
        self.names: dict[str, str] = {}  # element → field
        self.types: dict[str, dict[str, Any]] = {}  # element → what a field of its type says
        self.by_name: dict[str, dict[str, Any]] = {}
        self.used: set[str] = set()
        self.elements = {one.key: one for one in form.elements}
        self.at_start: set[str] = set()  # fields that the requester's first action fills in
        self.has_first = False  # whether there is such an action
        self.given: dict[str, list[Parameter]] = {}  # by element
        for parameter in actions.parameters:
            self.given.setdefault(parameter.formal, []).append(parameter)

    def build(self, entry: str) -> None:
        """`entry`: the action that is the request's form; "" where nobody fills one in."""
        first = self.actions.by_key.get(entry)
        self.has_first = first is not None
        kept = [one for one in self.form.elements if self._is_kept(one)]
        for one in kept:  # names and types first: a field may depend on a later one
            kind = None if one.kind == "label" else self._type_of(one, _("Field {key}").format(key=one.key))
            if kind is not None:
                self.types[one.key] = kind
                self.names[one.key] = unused(name_of(one.key), self.used, "_")
        section = ""
        for one in kept:
            if one.section and one.section != section:
                section = one.section
                self.parts.append({"type": "section", "label": self.form.sections.get(section, section)})
            if one.kind == "label":
                self._add({"type": "text_block", "text": one.label})
            elif one.key in self.names:
                self._add(self._field(one, first))
        self._without_empty_sections()
        for action in self.actions.by_key.values():
            for asked in [key for key in action.asked_elements if key in self.names]:
                if action.may_enter(self.elements[asked]):
                    action.ask_no_more(asked)

    def _add(self, part: dict[str, Any]) -> None:
        self.parts.append(part)
        if "name" in part:
            self.by_name[part["name"]] = part

    def add_person(self, name: str, label: str, group: str, *, required: bool, at_start: bool) -> str:
        """Whom somebody chooses who fills in the form."""
        name = unused(name_of(name), self.used, "_")
        part: dict[str, Any] = {"name": name, "label": one_line(label), "type": "person", "among": group}
        self._add(part | ({"required": True} if required else {}))
        if at_start:
            self.at_start.add(name)
        return name

    def _without_empty_sections(self) -> None:
        parts = self.parts
        self.parts = [
            part
            for at, part in enumerate(parts)
            if part["type"] != "section" or (at + 1 < len(parts) and parts[at + 1]["type"] != "section")
        ]

    # --- what is left out ---------------------------------------------------------------------------------

    def _is_kept(self, element: Element) -> bool:
        place = _("Field {key}").format(key=element.key)
        if element.kind == "label":
            return self._is_caption(element, place)
        macros = [
            p.actual for p in self.given.get(element.key, []) if not p.is_taken and MACRO.search(p.actual)
        ]
        if macros and not any(action.may_enter(element) for action in self.actions.by_key.values()):
            self.report.left_out(place, _("WorkflowGen filled it in; Placet records who decided, and when."))
            return False
        for action in self.actions.by_key.values():
            if element.key == action.decision:
                if not self._is_entered_elsewhere(element, action):
                    self.report.taken(
                        place, _("It is the answer of the step {step}.").format(step=action.step)
                    )
                    return False
            elif element.key == action.comment and element.key not in action.asked_elements:
                self.report.changed(
                    place, _("It is the comment of the answer in the step {step}.").format(step=action.step)
                )
                return False
            elif element.key in action.asked_elements and not self._is_entered_elsewhere(element, action):
                text = _("It is the question {name} of the step {step}.")
                name = action.asked_elements[element.key]
                self.report.taken(place, text.format(name=name, step=action.step))
                return False
        return True

    def _is_caption(self, element: Element, place: str) -> bool:
        """Whether a text of the form is there to be read, and not filled in by WorkflowGen."""
        given = self.given.get(element.key, [])
        if any(MACRO.search(p.actual) for p in given):
            self.report.left_out(place, _("WorkflowGen filled it in; Placet records who decided, and when."))
            return False
        if given or element.data_type or not element.label:
            self.report.left_out(place, _("It only shows a value, which the request's page does by itself."))
            return False
        return True

    def _is_entered_elsewhere(self, element: Element, action: Action) -> bool:
        return any(
            other is not action
            and element.key != other.decision
            and other.may_enter(element)
            and any(p.formal == element.key and p.is_taken for p in other.activity.parameters)
            for other in self.actions.by_key.values()
        )

    # --- what is taken ------------------------------------------------------------------------------------

    def _field(self, element: Element, first: Action | None) -> dict[str, Any]:
        place = _("Field {key}").format(key=element.key)
        kind = self.types[element.key]
        field: dict[str, Any] = {"name": self.names[element.key], "label": self._label(element), **kind}
        if first is not None and element.key in first.required and first.may_enter(element):
            field["required"] = True
        field |= self._conditions(element, place)
        default = self._default(element, field)
        if default:
            field["default"] = default
        else:
            self._say_first_value(element, place)
        if first is not None and first.may_enter(element):
            self.at_start.add(field["name"])
        self.report.taken(place, _("It became the field {name}.").format(name=field["name"]))
        return field

    def _label(self, element: Element) -> str:
        data = self.exported.data.get(element.key)
        return one_line(element.label or (data.label if data else "") or element.key)

    def _type_of(self, element: Element, place: str) -> dict[str, Any] | None:
        if element.kind in ("choice", "radio", "choices"):
            return self._choice(element, place)
        if element.kind == "grid":
            return self._table(element, place)
        if element.kind in ("long_text", "files"):
            return {"type": element.kind}
        if element.kind == "check":
            return {"type": "yes_no"}
        return self._text(element, place)

    def _text(self, element: Element, place: str) -> dict[str, Any]:
        data_type, data = element.data_type.casefold(), self.exported.data.get(element.key)
        known = data.type if data is not None else ""
        if data_type == "currency":
            return {"type": "money", "currency": self._currency(element, place)}
        if not data_type and known == "FLOAT" and data is not None and data.format.upper().startswith("{0:C"):
            return {"type": "money", "currency": self._currency(element, place)}
        if data_type == "numeric" or (not data_type and known == "FLOAT"):
            return {"type": "number"}
        if data_type == "datetime" or (not data_type and known == "DATETIME"):
            return {"type": _moment(element.format)}
        return {"type": "text"}

    def _currency(self, element: Element, place: str) -> str:
        data = self.exported.data.get(element.key)
        country = (data.culture if data is not None else "").rpartition("-")[2].upper()
        if country in CURRENCIES or country in _EUROPE:
            return CURRENCIES.get(country, "EUR")
        self.report.decide(
            place, _("The file does not name the currency of this amount; the draft says EUR.")
        )
        return "EUR"

    def _choice(self, element: Element, place: str) -> dict[str, Any]:
        options: dict[str, str] = {}
        repeated = False
        for value, label in element.items:
            if not value:
                continue  # “Please choose”
            repeated |= value in options or (label or value) in options.values()
            if value not in options and (label or value).casefold() not in map(
                str.casefold, options.values()
            ):
                options[value] = label or value
        if not options:
            self.report.decide(
                place,
                _(
                    "Its list comes from elsewhere, so it became a text. Write its options into the draft, or import"
                    " the list as a table and name it in options_from."
                ),
            )
            return {"type": "text"}
        if repeated:
            self.report.changed(place, _("Entries of its list that stand there twice were taken once."))
        written = [
            value if value == label else {"key": value, "label": label} for value, label in options.items()
        ]
        return {"type": "choices" if element.kind == "choices" else "choice", "options": written}

    def _table(self, element: Element, place: str) -> dict[str, Any] | None:
        columns: list[dict[str, Any]] = []
        used: set[str] = set()
        for column in element.columns[:MOST_COLUMNS]:
            type_ = self._type_of(column, place) or {"type": "text"}
            if type_["type"] in ("files", "choices", "table", "long_text"):
                type_ = {"type": "text"}
            short = re.sub(rf"^{re.escape(element.key)}_+", "", column.key)
            columns.append(
                {
                    "name": unused(name_of(short), used, "_"),
                    "label": one_line(column.label or column.key),
                    **type_,
                }
            )
        if not columns:
            self.report.decide(
                place, _("It is a table whose columns could not be read. Add it to the draft by hand.")
            )
            return None
        if len(element.columns) > MOST_COLUMNS:
            self.report.decide(
                place, _("It has {count} columns; the first {most} were taken.").format(
                    count=len(element.columns), most=MOST_COLUMNS
                )
            )  # fmt: skip
        self.report.decide(
            place,
            _(
                "It is a table. Whether its footer added something up is not read: write totals into the draft."
            ),
        )
        return {"type": "table", "columns": columns}

    def _say_first_value(self, element: Element, place: str) -> None:
        data = self.exported.data.get(element.key)
        given = [
            p.actual for p in self.given.get(element.key, []) if not p.is_taken and MACRO.search(p.actual)
        ]
        values = dict.fromkeys(filter(None, [element.default, data.initial if data else "", *given]))
        if values and element.kind != "files":
            text = _("What stood in it at first is not in the draft: {value}.")
            self.report.left_out(place, text.format(value=one_line(", ".join(values))))

    def _default(self, element: Element, field: dict[str, Any]) -> str:
        data = self.exported.data.get(element.key)
        value = element.default or (data.initial if data else "")
        if not value or MACRO.search(value):
            return ""
        if field["type"] in ("text", "long_text"):
            return quoted(value)
        if field["type"] == "choice" and any(
            value in (o, o["key"] if isinstance(o, dict) else o) for o in field["options"]
        ):
            return quoted(value)
        if field["type"] == "yes_no":
            return "true" if value.upper() in _CHECKED or value == element.items[0][0] else ""
        if field["type"] in ("number", "money") and re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,4})?", value):
            return value
        return ""

    # --- conditions of elements ---------------------------------------------------------------------------

    def _conditions(self, element: Element, place: str) -> dict[str, str]:
        conditions: dict[str, str] = {}
        for name, text, turned in (
            ("show", element.hidden_when, True),
            ("require", element.required_when, False),
        ):
            if not text:
                continue
            try:
                tree = read_element(text, self.actions.item)
                conditions[name] = in_cel(negated(tree) if turned else tree, self._of_element)
            except Unreadable as error:
                self.report.decide(
                    place, _("A condition was not understood ({why}): {text}").format(why=error, text=text)
                )
        if element.read_only_when:
            self.report.decide(
                place, _("It is read-only under a condition, which was not taken: {text}").format(
                    text=element.read_only_when
                )
            )  # fmt: skip
        return conditions

    def _of_element(self, compared: Is) -> str:
        element = self.form.element(compared.field)
        if element is None or element.key not in self.names:
            raise Unreadable(_("{field} is no field of the request's form").format(field=compared.field))
        return self.compared(element, compared.value)

    def compared(self, element: Element, value: str | None) -> str:
        """One field compared with a value that the file writes, as conditions here see it."""
        name = self.names[element.key]
        kind = self.types[element.key]["type"]
        if kind == "yes_no":
            return self._compared_check(element, name, value)
        if kind in ("number", "money"):
            return f"{name} == {_number(value)}"
        if kind == "choices":
            return f"size({name}) == 0" if value is None else f"{quoted(value)} in {name}"
        if kind == "files" and value is None:
            return f"{name} == 0"
        if kind in ("files", "table"):
            raise Unreadable(_("{field} cannot be compared").format(field=element.key))
        if kind in ("date", "date_time", "time") and value is not None:
            raise Unreadable(_("{field} is compared with a day").format(field=element.key))
        return f"{name} == {quoted(value or '')}"

    def _compared_check(self, element: Element, name: str, value: str | None) -> str:
        if value is None or value.upper() in _UNCHECKED:
            return f"!{name}"
        if value.upper() in _CHECKED or any(value == item for item, _label in element.items):
            return name
        raise Unreadable(_("{field} is a box to tick, and “{value}” is neither yes nor no").format(
            field=element.key, value=value
        ))  # fmt: skip

    # --- of one step --------------------------------------------------------------------------------------

    def names_of(self, elements: frozenset[str]) -> list[str]:
        return [
            self.names[one.key] for one in self.form.elements if one.key in elements and one.key in self.names
        ]

    def patterns(self, names: list[str]) -> list[str]:
        """The same fields, by beginnings that stand for exactly these of them."""
        together: dict[str, set[str]] = {}
        for name in self.by_name:
            for beginning in _beginnings(name):
                together.setdefault(beginning, set()).add(name)
        wanted, done, patterns = set(names), set[str](), []
        for name in names:
            if name in done:
                continue
            fitting = (b for b in _beginnings(name) if len(together[b]) > 1 and together[b] <= wanted)
            beginning = next(fitting, "")
            patterns.append(f"{beginning}*" if beginning else name)
            done |= together[beginning] if beginning else {name}
        return patterns

    def step_form(self, action: Action) -> dict[str, Any]:
        entered = frozenset(one.key for one in self.form.elements if action.may_enter(one))
        lists = {
            "fill": self.patterns(self.names_of(entered)),
            "require": self.names_of(action.required & entered),
            "hide": self.patterns(self.names_of(action.hidden)),
        }
        return {name: names for name, names in lists.items() if names}

    def start_form(self, filled: Iterable[str]) -> dict[str, list[str]]:
        """What the form does not ask for where a request begins. `filled`: patterns of what steps fill in."""
        patterns = tuple(filled)
        later = [
            name
            for name in self.by_name
            if name not in self.at_start and any(fnmatchcase(name, one) for one in patterns)
        ]
        for name, part in self.by_name.items():
            if self.has_first and name not in later and name not in self.at_start:
                self._entered_by_nobody(part)
        return {"hide": self.patterns(later)} if later else {}

    def _entered_by_nobody(self, part: dict[str, Any]) -> None:
        place = next((key for key, name in self.names.items() if name == part["name"]), part["name"])
        place = _("Field {key}").format(key=place)
        if part["type"] in ("files", "table"):
            self.report.decide(place, _("No action of the draft lets anybody fill it in; the form asks for it at the "
                                        "start."))  # fmt: skip
        else:
            part.pop("require", None)
            part["read_only"] = "true"
            self.report.changed(place, _("No action of the draft lets anybody enter it, so it is read-only."))


def _beginnings(name: str) -> Iterator[str]:
    words = name.split("_")
    for count in range(1, len(words)):
        yield "_".join(words[:count]) + "_"


def _number(value: str | None) -> str:
    if value is None:
        return "0.0"
    try:
        return (
            repr(float(value)) if re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,6})?", value) else _no_number(value)
        )
    except ValueError:
        return _no_number(value)


def _no_number(value: str) -> str:
    raise Unreadable(_("“{value}” is no number").format(value=value[:40]))


def _moment(format_: str) -> str:
    letters = re.sub(r"[^A-Za-z]", "", format_.partition(":")[2])
    if letters in ("t", "T"):
        return "time"
    return (
        "date_time"
        if letters in ("g", "G", "f", "F", "u", "s") or "H" in letters or "h" in letters
        else "date"
    )
