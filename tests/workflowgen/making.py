"""Files as WorkflowGen exports them, made here: each says no more than its test needs."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from lxml import etree
from lxml.builder import E

NAMESPACE = "http://www.wfmc.org/2002/XPDL1.0"
OWN = "FORM_ARCHIVE", "FORM_DATA"  # what each action hands over besides


@dataclass
class Control:
    """An element of the form."""

    key: str
    kind: str = "text"
    label: str = ""
    items: Sequence[tuple[str, str]] = ()
    data_type: str = ""
    format: str = ""
    extra: str = ""  # more attributes, as they are written
    value: str = ""

    def html(self) -> str:
        shown = self.label.replace(" ", "&nbsp;") if self.label else ""
        label = f'<label for="{self.key}">{shown}:</label>' if self.label else ""
        return f'<div id="ROW_{self.key}"><div>{label}</div><div>{self._control()}</div></div>'

    def _control(self) -> str:
        typed = f' fielddatatype="{self.data_type}"' if self.data_type else ""
        typed += f' fieldformat="{self.format}"' if self.format else ""
        typed += f" {self.extra}" if self.extra else ""
        key = self.key
        if self.kind == "long_text":
            return f'<textarea id="{key}" title="TextArea"{typed}></textarea>'
        if self.kind == "select":
            options = "".join(f'<option value="{escape(v)}">{escape(t)}</option>' for v, t in self.items)
            return f'<select id="{key}" title="DropDownListBox"{typed}>{options}</select>'
        if self.kind in ("radio", "checkbox"):
            cells = "".join(
                f'<td><input type="{self.kind}" name="{key}" id="{key}_{n}" value="{escape(v)}">'
                f'<label for="{key}_{n}">{escape(t)}</label></td>'
                for n, (v, t) in enumerate(self.items, 1)
            )
            return f'<table id="{key}" title="RadioButtonList"{typed}><tbody><tr>{cells}</tr></tbody></table>'
        if self.kind == "span":
            return f'<span id="{key}" title="TextBox"{typed}>{self.value}</span>'
        if self.kind == "grid":
            heads = "".join(f"<th>{escape(text)}</th>" for _name, text in self.items)
            cells = "".join(f'<td><input type="text" id="{key}_{name}"></td>' for name, _text in self.items)
            foot = f"<tfoot><tr><td>Total</td><td><span id='{key}_SUM'></span></td></tr></tfoot>"
            body = f"<thead><tr>{heads}</tr></thead><tbody><tr>{cells}</tr></tbody>{foot}"
            return f'<table id="{key}" title="GridView">{body}</table>'
        kind = {"files": "file"}.get(self.kind, "text")
        return f'<input type="{kind}" id="{key}" title="TextBox" value="{escape(self.value)}"{typed}>'


@dataclass
class Action:
    key: str
    label: str = ""
    performer: str = "CLERKS"
    assign: str = "PULL"
    takes: Sequence[str] = ()  # elements of the form, or “element=data field”
    gives: dict[str, str] = field(default_factory=dict)  # parameters that go in
    hidden: str = ""
    fixed: str = ""
    required: str = ""
    split: str = ""
    join: str = ""
    limit: str = ""  # minutes
    route: bool = False
    application: str = "EFORMASPX"
    working: str = "N"
    unit: str = ""  # in which the limit was entered: d, h, m
    late: str = "N"  # whether whoever is late is told


@dataclass
class Made:
    key: str = "MADE"
    label: str = "Made process"
    actions: list[Action] = field(default_factory=list)
    ways: list[tuple[str, str, str]] = field(
        default_factory=list
    )  # from, to, condition | OTHERWISE | TIMEOUT | ""
    sections: dict[str, list[Control]] = field(default_factory=dict)
    participants: dict[str, tuple[str, str]] = field(default_factory=dict)  # key → role, label
    data: dict[str, tuple[str, str]] = field(default_factory=dict)  # key → type, initial value
    limit: str = ""

    def xml(self, encoding: str = "utf-8", form_encoding: str = "utf-8") -> bytes:
        root = E.Package(E.WorkflowProcesses(self._process(form_encoding)), Id="WORKFLOWGEN", xmlns=NAMESPACE)
        return etree.tostring(root, xml_declaration=True, encoding=encoding)

    def html(self) -> str:
        sections = "".join(
            f'<div id="{key}"><div id="{key}_TITRE"><span>Section&nbsp;{key}</span></div><div>'
            f"{''.join(control.html() for control in controls)}</div></div>"
            for key, controls in self.sections.items()
        )
        draft = (
            '<input type="hidden" name="FORM_DRAFT"><input type="button" id="saveAsDraftButton" value="Save">'
        )
        return f"<html><head><title>Form</title></head><body><form id='form1'>{sections}{draft}</form></body></html>"

    def _process(self, form_encoding: str) -> Any:
        roles = {"REQUESTER": ("REQUESTER", "Requester"), "CLERKS": ("ACTOR", "Clerks"), **self.participants}
        header = [E.Limit(self.limit)] if self.limit else []
        return E.WorkflowProcess(
            E.ProcessHeader(E.Description(self.label), *header),
            E.RedefinableHeader(E.Version("1"), E.Responsibles(E.Responsible("ADMIN"))),
            E.DataFields(
                self._form(form_encoding), *(self._data(key, *values) for key, values in self.data.items())
            ),
            E.Participants(*(self._participant(key, *values) for key, values in roles.items())),
            E.Applications(*(self._application(one) for one in self.actions if not one.route)),
            E.Activities(*map(self._activity, self.actions)),
            E.Transitions(*(self._way(n, *way) for n, way in enumerate(self.ways, 1))),
            Id=self.key,
        )

    def _form(self, encoding: str) -> Any:
        content = base64.b64encode(self.html().encode(encoding, "xmlcharrefreplace")).decode()
        file = E.File(content, FileName="form.html", ContentType="text/html")
        return E.DataField(
            E.DataType(E.DeclaredType(Id="File")),
            E.ExtendedAttributes(E.ExtendedAttribute(file, Name="File")),
            Id="FORM_HTML",
        )

    def _data(self, key: str, type_: str, initial: str) -> Any:
        return E.DataField(E.DataType(E.BasicType(Type=type_)), E.InitialValue(initial), Id=key)

    def _participant(self, key: str, role: str, label: str) -> Any:
        return E.Participant(
            E.Description(label),
            E.ExtendedAttributes(
                E.ExtendedAttribute(Name="Role", Value=role),
                E.ExtendedAttribute(Name="MapToUsers", Value="peter"),
            ),
            Id=key,
        )

    def _parameters(self, action: Action) -> list[tuple[str, str, str]]:
        """Formal name, actual one and mode, by the alphabet as WorkflowGen numbers them."""
        rows = [(name, name, "OUT") for name in OWN]
        rows += [(*_pair(one), "OUT") for one in action.takes]
        rows += [(name, value, "IN") for name, value in action.gives.items()]
        lists = {"HIDDEN": action.hidden, "READONLY": action.fixed, "REQUIRED": action.required}
        rows += [(f"FORM_FIELDS_{name}", value, "IN") for name, value in lists.items()]
        return sorted(rows)

    def _application(self, action: Action) -> Any:
        formal = [
            E.FormalParameter(Id=name, Index=str(n), Mode=mode)
            for n, (name, _actual, mode) in enumerate(self._parameters(action), 1)
        ]
        # What counts is the index, not the place in the file.
        return E.Application(
            E.FormalParameters(*reversed(formal)),
            E.ExtendedAttributes(E.ExtendedAttribute(Name="Class", Value=action.application)),
            Id=f"APP_{action.key}",
        )

    def _activity(self, action: Action) -> Any:
        parts = [E.Description(action.label or action.key.capitalize())]
        if action.limit:
            parts.append(E.Limit(action.limit))
        if action.route:
            parts.append(E.Route())
        else:
            actual = [E.ActualParameter(value) for _name, value, _mode in self._parameters(action)]
            parts.append(E.Implementation(E.Tool(E.ActualParameters(*actual), Id=f"APP_{action.key}")))
            parts.append(E.Performer(action.performer))
        restrictions = [E.Join(Type=action.join)] if action.join else []
        restrictions += [E.Split(Type=action.split)] if action.split else []
        if restrictions:
            parts.append(E.TransitionRestrictions(E.TransitionRestriction(*restrictions)))
        parts.append(
            E.ExtendedAttributes(
                E.ExtendedAttribute(Name="AssignType", Value=action.assign),
                E.ExtendedAttribute(Name="DurationUnit", Value=action.unit),
                E.ExtendedAttribute(Name="DurationWorkhour", Value=action.working),
                E.ExtendedAttribute(Name="NotifyDelay", Value=action.late),
            )
        )
        return E.Activity(*parts, Id=action.key)

    def _way(self, number: int, source: str, target: str, condition: str) -> Any:
        way = E.Transition(Id=str(number), From=source, To=target)
        if condition == "OTHERWISE":
            way.append(E.Condition(Type="OTHERWISE"))
        elif condition == "TIMEOUT":
            way.append(E.Condition("TIMEOUT", Type="EXCEPTION"))
        elif condition:
            way.append(E.Condition(condition, Type="CONDITION"))
        return way


def _pair(text: str) -> tuple[str, str]:
    formal, _sign, actual = text.partition("=")
    return formal, actual or formal


def questions(number: int, field_: str, *answers: tuple[str, str]) -> dict[str, str]:
    """The parameters by which an action was answered by mail: words and value of each answer."""
    given = {f"Q{number}_RETURN_FIELDNAME": field_}
    for n, (words, value) in enumerate(answers, 1):
        given |= {f"Q{number}_KEYWORDS_{n}": words, f"Q{number}_RESULT_{n}": value}
    return given


#: One approval between the request's form and the end.
YES_NO = (("YES", "Yes"), ("NO", "No"))
OUI_NON = (("OUI", "Oui"), ("NON", "Non"))


def simple(**changes: Any) -> Made:
    """A form, one approval by mail and the end."""
    made = Made(
        sections={
            "REQ": [Control("REQ_ITEM", label="Item", extra='requiredcondition=""')],
            "DEC": [
                Control("DEC_ANSWER", "radio", "Answer", YES_NO),
                Control("DEC_COMMENT", "long_text", "Why", extra='requiredcondition="DEC_ANSWER.Items[1].Selected"'),
            ],
        },
        actions=[
            Action("ASKS", performer="REQUESTER", assign="PUSH_AUTO_REQUESTER", takes=["REQ_ITEM"], hidden="DEC",
                   required="REQ_*"),
            Action("DECIDES", takes=["DEC_ANSWER"], fixed="REQ_*", required="DEC_ANSWER",
                   gives=questions(1, "DEC_ANSWER", ("Yes", "YES"), ("No", "NO"))),
            Action("_END", route=True),
        ],
        ways=[("ASKS", "DECIDES", ""), ("DECIDES", "_END", "")],
    )  # fmt: skip
    for name, value in changes.items():
        setattr(made, name, value)
    return made
