"""Processes as organisations publish them: each in English and in French, in files that look as WorkflowGen writes
them, with all that such a file has besides. The text is ours; what is counted in published files was the pattern."""

import base64
import random
import re
from collections.abc import Callable
from html import escape
from typing import Any

from lxml import etree

from tests.workflowgen.making import NAMESPACE, Action, Control, Made, questions

OWN = {
    "CURRENT_ACTION": "<WF_ACTIVITY_NAME>",
    "CURRENT_REQUEST": "<WF_PROCESS_INST_ID>",
    "FORM_URL": "<WF_PROCESS_FORM_URL>",
}
EMPTY = "MapToGroups", "MapToDirectories", "MapToProcParticipant", "CoordinatorUsers", "MapToQuery"
FLAGS = "NotifyTodo", "NotifyAssignTodo", "NotifyDelay", "NotifyCancelAssign", "NotifyErrorAssign"
STAMPS = {"DATE": "<WF_SYSTEM_DATE>", "FIRSTNAME": "<WF_USER_FIRSTNAME>", "LASTNAME": "<WF_USER_LASTNAME>"}


def hard(text: str) -> str:
    return escape(text).replace(" ", "&nbsp;")


def control_html(one: Control) -> str:
    attributes = "".join(
        f' {name}="{value}"' for name, value in (("fielddatatype", one.data_type), ("fieldformat",
            one.format)) if value
    )  # fmt: skip
    attributes += f" {one.extra}" if one.extra else ""
    if one.kind in ("radio", "checkbox"):
        cells = "".join(
            f'\n<td><input name="{one.key}" id="{one.key}_{n}" type="{one.kind}" value="{escape(value)}">'
            f'<label for="{one.key}_{n}">{hard(text)}</label></td>'
            for n, (value, text) in enumerate(one.items, 1)
        )
        return (
            f'<table title="List" class="FieldValueInputOptions" id="{one.key}"{attributes}><tbody><tr>'
            f"{cells}</tr></tbody></table>"
        )
    if one.kind == "select":  # the published ones do not close their options
        options = "".join(f'<option value="{escape(v)}">{escape(t)}' for v, t in one.items)
        return (
            f'<select title="DropDownListBox" class="FieldValueInput" id="{one.key}"{attributes}><option '
            f'value="">…{options}</select>'
        )
    if one.kind == "grid":
        heads = "".join(
            f"<td class='FieldValueInputGridviewHeaderCell'><span>{hard(t)}</span></td>"
            for _k, t in one.items
        )
        cells = "".join(
            f'<td><input type="text" id="{one.key}_{name}" class="FieldValueInputGridviewBodyInput"></td>'
            for name, _t in one.items
        )
        foot = (
            f'<tfoot><tr><td colspan="2"><span id="{one.key}_FOOTER" footerfunction="SUM"></span></td></tr>'
            "</tfoot>"
        )
        return (
            f'<table title="GridView" class="FieldValueInputGridview" id="{one.key}"><thead><tr>{heads}</tr></thead>'
            f"<tbody><tr>{cells}</tr></tbody>{foot}</table>"
        )
    if one.kind == "long_text":
        return f'<textarea title="Comment" class="FieldValueInput" id="{one.key}" rows="5"{attributes}></textarea>'
    if one.kind == "span":
        return (
            f'<span title="Text" class="FieldValueInput FieldValueInputReadonly" id="{one.key}"{attributes}>'
            "</span>"
        )
    kind = "file" if one.kind == "files" else "text"
    return (
        f'<input title="TextBox" class="FieldValueInput" id="{one.key}" type="{kind}" '
        f'value="{escape(one.value)}"{attributes}>'
    )


def form_html(made: Made) -> str:
    sections = ""
    for section, controls in made.sections.items():
        stamps = [
            Control(f"{section}_{name}", "span", name.title(), data_type="DateTime" * (name == "DATE"))
            for name in STAMPS
        ]
        fields = "".join(
            f'<div class="Field" id="{section}_ROW_{n}"><div class="FieldCaption"><label '
            f'class="FieldCaptionLabel" for="{one.key}">'
            f'{hard(one.label)}:</label></div><div class="FieldValue">{control_html(one)}</div><div '
            'class="FieldLineBreak"></div></div>'
            for n, one in enumerate([*stamps, *controls])
        )  # fmt: skip
        sections += (
            f'<div class="Section" id="{section}"><div class="SectionHeader" id="{section}_TITLE">'
            f'<span class="SectionHeaderTitle">{hard(section.title())}&nbsp;part</span></div><div '
            f'class="Fields">{fields}</div></div>'
        )
    return (
        "\ufeff<!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0 Transitional//EN' "
        "'http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd'>"
        f"<html xmlns='http://www.w3.org/1999/xhtml'><head><meta name='languages' content=''><title>Form</title>"
        "<style>.Section > div { margin: 0 }</style></head><body><form id='form1'><div class='Header'>"
        f"<span class='HeaderTitleLabel'>{hard(made.label)}&nbsp;#</span><span id='CURRENT_REQUEST'></span></div>"
        f"<div class='Sections'>{sections}<div class='ButtonSet'><input type='submit' value='Submit'>"
        "<input id='saveAsDraftButton' type='button' value='Save'></div></div><input name='FORM_DRAFT' "
        "type='hidden'></form></body></html>"
    )  # fmt: skip


def extended(values: dict[str, str], more: str = "") -> str:
    rows = "".join(
        f'<ExtendedAttribute Name="{name}" Value="{escape(value)}"/>' for name, value in values.items()
    )
    return f"<ExtendedAttributes>{rows}{more}</ExtendedAttributes>"


def data_xml(key: str, type_: str, initial: str, file: str = "") -> str:
    kind = '<DeclaredType Id="File"/>' if type_ == "File" else f'<BasicType Type="{type_}"/>'
    first = f"<InitialValue><![CDATA[{initial}]]></InitialValue>" if initial else ""
    money = "{0:C}" if key.endswith("AMOUNT") else ""
    names = {
        "FormatString": money,
        "FormatCulture": "",
        "Visible": "Y",
        "DispSearch": "N",
        "DispList": "Y",
        "DispHome": "N",
    }
    return (
        f'<DataField Id="{key}" IsArray="FALSE"><DataType>{kind}</DataType>{first}<Description>'
        f"{key.title()}</Description>"
        f"{extended(names, file)}</DataField>"
    )


def parameters(made: Made, action: Action) -> list[tuple[str, str, str]]:
    """Formal name, actual one, mode: by the alphabet."""
    section = next((one.partition("_")[0] for one in [*action.takes, *action.required.split(",")] if one), "")
    rows = [("FORM_ARCHIVE", "FORM_ARCHIVE", "OUT"), ("FORM_DATA", "FORM_DATA", "INOUT")]
    if "FORM_DRAFT" in made.data:
        rows.append(("FORM_DRAFT", "FORM_DRAFT", "OUT"))
    rows += [(*(one.split("=") if "=" in one else (one, one)), "OUT") for one in action.takes]
    given = {
        **OWN,
        **action.gives,
        **{f"{section}_{name}": value for name, value in STAMPS.items() if section},
    }
    given |= {
        "FORM_FIELDS_READONLY": action.fixed,
        "FORM_FIELDS_REQUIRED": action.required,
        "FORM_FIELDS_HIDDEN": action.hidden,
    }
    return sorted([*rows, *((name, value, "IN") for name, value in given.items())])


def activity_xml(made: Made, action: Action) -> tuple[str, str]:
    """The application and the activity."""
    rows = [] if action.route else parameters(made, action)
    formal = "".join(
        f'<FormalParameter Id="{name}" Index="{n}" Mode="{mode}"><DataType><BasicType Type="STRING"/>'
        "</DataType></FormalParameter>"
        for n, (name, _actual, mode) in enumerate(rows, 1)
    )
    actual = "".join(f"<ActualParameter>{escape(value)}</ActualParameter>" for _name, value, _mode in rows)
    kind = {"Type": "WEBAPP", "Class": action.application}
    application = (
        f'<Application Id="APP_{action.key}"><FormalParameters>{formal}</FormalParameters>'
        f"{extended(kind)}</Application>"
    )
    outgoing = "".join(
        f'<TransitionRef Id="{n}"/>' for n, way in enumerate(made.ways, 1) if way[0] == action.key
    )
    restrictions = f'<Join Type="{action.join}"/>' if action.join else ""
    restrictions += (
        f'<Split Type="{action.split}"><TransitionRefs>{outgoing}</TransitionRefs></Split>'
        if action.split
        else ""
    )
    minutes, _sign, unit = action.limit.partition(" ")
    limits = {
        "Limit": "2" if minutes else "",
        "DurationUnit": unit or "d",
        "DurationWorkhour": action.working,
        "OverdueDuration": "-1",
    }
    attributes = {
        "AssignType": action.assign,
        **dict.fromkeys(FLAGS, "Y"),
        "Subflow": "N",
        **limits,
        "Coordinator": "",
        "xPos": "50",
    }
    tool = (
        f'<Tool Id="APP_{action.key}" Type="APPLICATION"><ActualParameters>{actual}</ActualParameters></Tool>'
    )
    what = (
        "<Route></Route>"
        if action.route
        else f"<Implementation>{tool}</Implementation><Performer>{action.performer}</Performer>"
    )
    return ("" if action.route else application), (
        f'<Activity Id="{action.key}"><Description>{escape(action.label)}</Description>'
        f"{f'<Limit>{minutes}</Limit>' if minutes else ''}{what}<TransitionRestrictions>"
        f"{f'<TransitionRestriction>{restrictions}</TransitionRestriction>' if restrictions else ''}"
        "</TransitionRestrictions>"
        f"{extended(attributes)}</Activity>"
    )


def way_xml(number: int, source: str, target: str, condition: str) -> str:
    kinds = {
        "OTHERWISE": '<Condition Type="OTHERWISE"></Condition>',
        "TIMEOUT": '<Condition Type="EXCEPTION">TIMEOUT</Condition>',
    }
    inner = kinds.get(condition) or (
        f'<Condition Type="CONDITION">{escape(condition)}</Condition>' if condition else ""
    )
    return (
        f'<Transition Id="{number}" From="{source}" To="{target}">'
        f"{inner}{extended({'anchorFrom': '2'})}</Transition>"
    )


def participant_xml(key: str, role: str, label: str) -> str:
    attributes = {"Role": role, "Type": "ROLE", "ReassignAction": "Y", "CancelRequest": "N", "Scope": "GLOBAL",
                  "MapToUsers": "peter,wfgen_admin", **dict.fromkeys(EMPTY, ""), "SwimLaneWidth": "180"}  # fmt: skip
    return (
        f'<Participant Id="{key}"><ParticipantType Type="ROLE"/><Description>{escape(label)}</Description>'
        f"{extended(attributes)}</Participant>"
    )


def published(made: Made, encoding: str = "utf-8", shuffle: int | None = None, prefix: str = "") -> bytes:
    """The file; its lists in another order and its elements in a prefixed namespace, if that is asked for."""
    html = base64.b64encode(form_html(made).encode()).decode()
    file = (
        '<ExtendedAttribute Name="File"><File xmlns:WorkflowGen="http://www.workflowgen.com/xsd" '
        'FileName="2350-1.html" '
        'ContentType="text/html" dt:dt="bin.base64" xmlns:dt="urn:schemas-microsoft-com:datatypes">'
        f"{html}</File></ExtendedAttribute>"
    )
    data = [
        data_xml("FORM_HTML", "File", "2350-1.html", file),
        data_xml("FORM_ARCHIVE", "File", ""),
        data_xml("FORM_DATA", "File", ""),
    ]
    data += [data_xml(key, *values) for key, values in made.data.items()]
    roles = {"REQUESTER": ("REQUESTER", "Requester"), **made.participants}
    pairs = [activity_xml(made, action) for action in made.actions]
    lists = {
        "DataFields": data,
        "Participants": [participant_xml(key, *values) for key, values in roles.items()],
        "Applications": [application for application, _activity in pairs if application],
        "Activities": [activity for _application, activity in pairs],
        "Transitions": [way_xml(n, *way) for n, way in enumerate(made.ways, 1)],
    }
    if shuffle is not None:
        for rows in lists.values():
            random.Random(shuffle).shuffle(rows)
    body = "".join(f"<{name}>{''.join(rows)}</{name}>" for name, rows in lists.items())
    comment = (
        '<ExtendedAttribute Name="GRAPH_COMMENT"><Comment Id="0" Text="Nice%20%3Cb%3Edrawing" XPos="4"/>'
        "</ExtendedAttribute>"
    )
    text = (
        f'<Package Id="WORKFLOWGEN" xmlns="{NAMESPACE}"><PackageHeader><XPDLVersion>1.0</XPDLVersion>'
        '<Vendor>WORKFLOWGEN 6.2.0</Vendor>'
        '</PackageHeader><ConformanceClass GraphConformance="NON_BLOCKED"/><Script Type="text/vbscript"/>'
        '<TypeDeclarations>'
        '<TypeDeclaration Id="File" Name="File"/></TypeDeclarations><Participants><Participant '
        'Id="ADMIN_SITE"><Description>Site'
        '</Description></Participant></Participants><WorkflowProcesses><WorkflowProcess '
        f'AccessLevel="PUBLIC" Id="{made.key}">'
        f"<ProcessHeader DurationUnit='m'><Description>{escape(made.label)}</Description>"
        f"{f'<Limit>{made.limit}</Limit>' * bool(made.limit)}"
        '</ProcessHeader><RedefinableHeader PublicationStatus="UNDER_TEST"><Author>wfgen_admin</Author>'
        '<Version>1</Version>'
        "<Responsibles><Responsible>ADMIN_SITE</Responsible></Responsibles></RedefinableHeader>"
        f"{body}{extended({'NotifyComplete': 'Y', 'BuiltInForm': 'Y'}, comment)}</WorkflowProcess>"
        "</WorkflowProcesses></Package>"
    )  # fmt: skip
    if prefix:
        text = re.sub(r"<(/?)(?=[A-Z])", rf"<\1{prefix}:", text).replace("xmlns=", f"xmlns:{prefix}=", 1)
    return etree.tostring(etree.fromstring(text), xml_declaration=True, encoding=encoding)


Words = Callable[[str, str], str]


def english(text: str, _french: str) -> str:
    return text


def french(_text: str, french_text: str) -> str:
    return french_text


def _answers(w: Words, *, third: bool = False) -> list[tuple[str, str]]:
    """Value and words of the buttons."""
    both = [("YES", w("Yes", "Oui")), ("NO", w("No", "Non"))]
    return [*both, ("TO_COMPLETE", w("To be completed", "À compléter"))] if third else both


def _decision(w: Words, section: str, *, third: bool = False) -> list[Control]:
    items = "Items[1].Selected || {0}.Items[2].Selected" if third else "Items[1].Selected"
    condition = f"{section}_DECISION.{items}".format(f"{section}_DECISION")
    return [
        Control(f"{section}_DECISION", "radio", w("Approval", "Décision"), _answers(w, third=third)),
        Control(
            f"{section}_COMMENT",
            "long_text",
            w("Comment", "Commentaire"),
            extra=f'requiredcondition="{condition}"',
        ),
    ]


def _by_mail(w: Words, section: str, *, third: bool = False) -> dict[str, str]:
    return questions(1, f"{section}_DECISION", *((words, value) for value, words in _answers(w, third=third)))


def _asks(takes: list[str], hidden: str, **more: Any) -> Action:
    return Action("INITIATES", "Form", "REQUESTER", "PUSH_AUTO_REQUESTER", takes, hidden=hidden, **more)


def expense(w: Words) -> Made:
    """A grid of receipts, files, an amount; the manager may have it completed; a draft can be kept in each action."""
    third = True
    return Made(
        w("EXPENSE_CLAIM", "NOTE_DE_FRAIS"), w("Expense claim", "Note de frais"),
        sections={
            "REQ": [
                Control("REQ_TRIP", label=w("Trip", "Déplacement")),
                Control("REQ_LINES", "grid", w("Receipts", "Justificatifs"), [("DAY", w("Day", "Jour")),
                    ("SUM", w("Sum", "Montant"))]),
                Control("REQ_AMOUNT", label=w("Total", "Total"), data_type="Currency", format="{0:C}"),
                Control("REQ_UNTIL", label=w("Until", "Jusqu'au"), data_type="DateTime", format="{0:d}"),
                Control("REQ_FILES", "files", w("Scans", "Pièces jointes")),
                Control("REQ_ADVANCE", "checkbox", w("Advance", "Avance"), [("Y", w("I had an advance",
                    "J'ai reçu une avance"))]),
                Control("REQ_PAID", label=w("Advance paid", "Avance reçue"), data_type="Numeric",
                        extra='hiddencondition="!REQ_ADVANCE.Items[0].Selected" '
                              'requiredcondition="REQ_ADVANCE.Items[0].Selected"'),
            ],
            "MGR": _decision(w, "MGR", third=third),
            "ACC": [*_decision(w, "ACC"), Control("ACC_NUMBER", label=w("Voucher", "Pièce comptable"))],
        },
        actions=[
            _asks(["REQ_TRIP", "REQ_AMOUNT"], "MGR,ACC", required="REQ_TRIP,REQ_AMOUNT"),
            Action("APPROVES", w("Manager's approval", "Approbation du responsable"), "MANAGER",
                "PUSH_AUTO_REQUESTER_MANAGER",
                   ["MGR_DECISION"], _by_mail(w, "MGR", third=third), "ACC", "REQ_*", "MGR_DECISION", "AND",
                       "AND", "2880 d", working="Y"),
            Action("COMPLETES", w("Completes it", "Complète la demande"), "REQUESTER", "PUSH_AUTO_REQUESTER",
                   ["REQ_TRIP", "REQ_AMOUNT"], {}, "ACC", "MGR_*", "REQ_TRIP,REQ_AMOUNT", "XOR"),
            Action("PAYS", w("Pays", "Rembourse"), "ACCOUNTING", "PULL", ["ACC_DECISION"], _by_mail(w, "ACC"),
                "", "REQ_*,MGR_*",
                   "ACC_DECISION", "XOR", "", "7200 d"),
            Action("_END", route=True, join="XOR", assign=""),
        ],
        ways=[
            ("INITIATES", "INITIATES", '<FORM_DRAFT> = "Y"'),
            ("INITIATES", "APPROVES", "OTHERWISE"),
            ("APPROVES", "APPROVES", '<FORM_DRAFT> = "Y"'),
            ("APPROVES", "PAYS", '<MGR_DECISION> = "YES" and <FORM_DRAFT> <> "Y"'),
            ("APPROVES", "COMPLETES", '<MGR_DECISION> = "TO_COMPLETE" And <FORM_DRAFT> <> "Y"'),
            ("APPROVES", "_END", '<MGR_DECISION> = "NO" AND <FORM_DRAFT> <> "Y"'),
            ("COMPLETES", "COMPLETES", '<FORM_DRAFT> = "Y"'),
            ("COMPLETES", "APPROVES", "OTHERWISE"),
            ("PAYS", "PAYS", '<FORM_DRAFT>="Y"'),
            ("PAYS", "_END", "OTHERWISE"),
        ],
        participants={"MANAGER": ("ACTOR", w("Manager", "Responsable")), "ACCOUNTING": ("ACTOR",
            w("Accounting", "Comptabilité"))},
        data={"FORM_DRAFT": ("STRING", "N"), "REQ_TRIP": ("STRING", ""), "REQ_AMOUNT": ("FLOAT", ""),
              "MGR_DECISION": ("STRING", ""), "ACC_DECISION": ("STRING", "")},
        limit="20160",
    )  # fmt: skip


def vacation(w: Words) -> Made:
    """An approval that nobody answers goes on by TIMEOUT; whether a stand-in is named is asked with IsNull."""
    return Made(
        w("VACATION", "CONGES"), w("Vacation request", "Demande de congés"),
        sections={
            "EMP": [
                Control("EMP_KIND", "select", w("Kind", "Nature"), [("PAID", w("Paid", "Payés")), ("UNPAID",
                    w("Unpaid", "Sans solde"))]),
                Control("EMP_FROM", label=w("From", "Du"), data_type="DateTime"),
                Control("EMP_DAYS", label=w("Days", "Nombre de jours"), data_type="Numeric", value="1"),
                Control("EMP_STANDIN", label=w("Stand-in", "Remplaçant")),
            ],
            "SUP": _decision(w, "SUP"),
            "HR": [Control("HR_LEFT", label=w("Days left", "Solde"), data_type="Numeric"), Control("HR_NOTE",
                "long_text", w("Note", "Note"))],
        },
        actions=[
            _asks(["EMP_KIND", "EMP_FROM", "EMP_DAYS", "EMP_STANDIN"], "SUP,HR",
                required="EMP_KIND,EMP_FROM,EMP_DAYS", split="XOR"),
            Action("CHECKS", w("Stand-in agrees", "Accord du remplaçant"), "STANDIN",
                "PUSH_MANUAL_BYINITIATOR", ["SUP_DECISION"], {},
                   "HR", "EMP_*", "SUP_DECISION", "XOR", "", "2880 s"),
            Action("APPROVES", w("Approval", "Approbation"), "SUPERVISOR", "PULL", ["SUP_DECISION"],
                _by_mail(w, "SUP"), "HR", "EMP_*",
                   "SUP_DECISION", "XOR", "XOR", "1440 d", working="Y"),
            Action("UPDATES", w("Updates the file", "Mise à jour du dossier"), "HR", "PULL", ["HR_LEFT"], {},
                "", "EMP_*,SUP_*", "HR_LEFT",
                   "", "XOR", "20160 s"),
            Action("_END", route=True, join="XOR", assign=""),
        ],
        ways=[
            ("INITIATES", "APPROVES", 'IsNull(<EMP_STANDIN>) and <EMP_KIND> = "PAID"'),
            ("INITIATES", "CHECKS", "OTHERWISE"),
            ("CHECKS", "APPROVES", '<SUP_DECISION> = "YES"'), ("CHECKS", "_END", '<SUP_DECISION> = "NO"'),
            ("APPROVES", "UPDATES", '<SUP_DECISION> = "YES"'), ("APPROVES", "_END", '<SUP_DECISION> = "NO"'),
            ("APPROVES", "UPDATES", "TIMEOUT"),
            ("UPDATES", "_END", ""),
        ],
        participants={"STANDIN": ("ACTOR", w("Stand-ins", "Remplaçants")), "SUPERVISOR": ("SUPERVISOR",
            w("Supervisors", "Supérieurs")),
                      "HR": ("ACTOR", w("Human resources", "Ressources humaines"))},
        data={"EMP_KIND": ("STRING", ""), "EMP_FROM": ("DATETIME", ""), "EMP_DAYS": ("FLOAT", "1"),
            "EMP_STANDIN": ("STRING", ""),
              "SUP_DECISION": ("STRING", ""), "HR_LEFT": ("FLOAT", "")},
    )  # fmt: skip


def purchase(w: Words) -> Made:
    """What is dear goes to a board by a route that asks nobody; an order is posted to another system and tracked."""
    sizes = [("SMALL", w("Up to 500", "Jusqu'à 500")), ("LARGE", w("More", "Davantage"))]
    secrets = {"URL": "https://erp.example/in", "TOKEN": "s3cret", "BODY": "<REQ_ITEM>"}
    return Made(
        w("PURCHASE", "ACHAT"), w("Purchase", "Demande d'achat"),
        sections={
            "REQ": [
                Control("REQ_ITEM", label=w("What", "Objet")),
                Control("REQ_SIZE", "radio", w("How much", "Montant"), sizes),
                Control("REQ_KINDS", "checkbox", w("Kinds", "Natures"), [("IT", w("Computers",
                    "Informatique")), ("FURN", w("Furniture", "Mobilier"))]),
            ],
            "MGR": [*_decision(w, "MGR"), Control("MGR_BUDGET", "select", w("Budget", "Budget"), [("A", "A"),
                ("B", "B")])],
            "BRD": _decision(w, "BRD"),
            "BUY": [Control("BUY_ORDER", label=w("Order number", "Numéro de commande")),
                    Control("BUY_STATE", "radio", w("State", "État"), [("OPEN", w("Ordered", "Commandé")),
                        ("DONE", w("Received", "Reçu"))])],
        },
        actions=[
            _asks(["REQ_ITEM", "REQ_SIZE", "REQ_KINDS"], "MGR,BRD,BUY", required="REQ_ITEM,REQ_SIZE"),
            Action("APPROVES", w("Approves", "Approuve"), "MANAGER", "PULL", ["MGR_DECISION", "MGR_BUDGET"],
                   _by_mail(w, "MGR") | questions(2, "MGR_COMMENT") | questions(3, "MGR_BUDGET", ("A", "A"),
                       ("B", "B")),
                   "BRD,BUY", "REQ_*", "MGR_DECISION", "XOR", "AND", "1440 d", working="Y"),
            Action("SIZES", w("Large?", "Important ?"), route=True, split="XOR", join="XOR",
                assign="PUSH_AUTO_SYSTEM"),
            Action("DECIDES", w("Board", "Direction"), "BOARD", "PUSH_MANUAL_BYINITIATOR", ["BRD_DECISION"],
                _by_mail(w, "BRD"), "BUY", "REQ_*,MGR_*",
                   "BRD_DECISION", "XOR"),
            Action("POSTS", w("Posts", "Transmet"), "REQUESTER", "PUSH_AUTO_SYSTEM", [], secrets,
                application="SENDHTTPPOST"),
            Action("ORDERS", w("Orders", "Commande"), "BUYERS", "PULL", ["BUY_ORDER", "BUY_STATE"], {}, "",
                "REQ_*,MGR_*,BRD_*",
                   "BUY_ORDER,BUY_STATE", "AND", "AND", "7200 d", working="Y"),
            Action("_END", route=True, join="XOR", assign=""),
        ],
        ways=[
            ("INITIATES", "APPROVES", ""),
            ("APPROVES", "SIZES", '<MGR_DECISION> = "YES"'), ("APPROVES", "_END", '<MGR_DECISION> = "NO"'),
            ("SIZES", "DECIDES", '<REQ_SIZE> = "LARGE" Or <REQ_SIZE> <> "SMALL"'), ("SIZES", "POSTS", "OTHERWISE"),
            ("DECIDES", "POSTS", '<BRD_DECISION> = "YES"'), ("DECIDES", "_END", "OTHERWISE"),
            ("POSTS", "ORDERS", ""),
            ("ORDERS", "ORDERS", '<BUY_STATE> = "OPEN"'), ("ORDERS", "_END", '<BUY_STATE> = "DONE"'),
        ],
        participants={"MANAGER": ("ACTOR", w("Managers", "Responsables")), "BOARD": ("ACTOR", w("Board",
            "Comité de direction")),
                      "BUYERS": ("ACTOR", w("Buyers", "Acheteurs")), "WATCHER": ("SUPERVISOR", w("Watchers",
                          "Superviseurs"))},
        data=dict.fromkeys(("REQ_ITEM", "REQ_SIZE", "REQ_KINDS", "MGR_DECISION", "MGR_BUDGET", "BRD_DECISION",
            "BUY_ORDER", "BUY_STATE"), ("STRING", "")),
    )  # fmt: skip


def contract(w: Words) -> Made:
    """Departments check side by side; what they say is gathered by a bar; without a good word it goes back."""
    checks = {
        "LEG": w("Legal", "Juridique"),
        "FIN": w("Finance", "Finances"),
        "SEC": w("Security", "Sécurité"),
    }
    ways = [("INITIATES", "REVIEWS", ""), ("REVIEWS", "_END", "OTHERWISE")]
    ways += [
        ("REVIEWS", f"{key}_CHECKS", f'<OWN_DECISION> = "YES" And <REQ_{key}> = "True"') for key in checks
    ]
    ways += [(f"{key}_CHECKS", "GATHERS", "") for key in checks]
    some = " Or ".join(f'<{key}_DECISION> = "YES"' for key in checks)
    ways += [
        ("GATHERS", "SIGNS", some),
        ("GATHERS", "REVISES", "OTHERWISE"),
        ("REVISES", "REVIEWS", ""),
        ("SIGNS", "_END", ""),
    ]
    return Made(
        w("CONTRACT", "CONTRAT"), w("Contract review", "Revue de contrat"),
        sections={
            "REQ": [Control("REQ_PARTNER", label=w("Partner", "Partenaire")),
                    *(Control(f"REQ_{key}", "checkbox", " ", [("Y", label)]) for key, label in checks.items())],
            "OWN": _decision(w, "OWN"),
            **{key: _decision(w, key) for key in checks},
            "SGN": [Control("SGN_DAY", label=w("Signed on", "Signé le"), data_type="DateTime"),
                Control("SGN_SCAN", "files", "Scan")],
        },
        actions=[
            _asks(["REQ_PARTNER", *(f"REQ_{key}" for key in checks)], "OWN,LEG,FIN,SEC,SGN", required="REQ_PARTNER"),
            Action("REVIEWS", w("Owner's review", "Avis du propriétaire"), "OWNER", "PULL", ["OWN_DECISION"],
                _by_mail(w, "OWN"), "LEG,FIN,SEC,SGN",
                   "REQ_*", "OWN_DECISION", "AND", "AND", "7200 d"),
            *(Action(f"{key}_CHECKS", label, key, "PULL", [f"{key}_DECISION"], _by_mail(w, key),
                     ",".join(one for one in (*checks, "SGN") if one != key), "REQ_*,OWN_*", f"{key}_DECISION",
                         limit="2880 d", working="Y")
              for key, label in checks.items()),
            Action("GATHERS", w("Waits for all", "Attend les avis"), route=True, split="XOR", join="XOR",
                assign="PUSH_AUTO_SYSTEM"),
            Action("REVISES", w("Revises", "Révise"), "REQUESTER", "PUSH_AUTO_REQUESTER", ["REQ_PARTNER"], {},
                "SGN", "OWN_*,LEG_*,FIN_*,SEC_*", "REQ_PARTNER"),
            Action("SIGNS", w("Signs", "Signe"), "OWNER", "PULL", [], {}, "", "REQ_*,OWN_*,LEG_*,FIN_*,SEC_*",
                "SGN_DAY"),
            Action("_END", route=True, join="XOR", assign=""),
        ],
        ways=ways,
        participants={"OWNER": ("ACTOR", w("Owners", "Propriétaires")), **{key: ("ACTOR", label) for key,
            label in checks.items()}},
        data=dict.fromkeys(("REQ_PARTNER", "OWN_DECISION", *(f"REQ_{one}" for one in checks),
            *(f"{one}_DECISION" for one in checks)), ("STRING", "")),
    )  # fmt: skip


def employee(w: Words) -> Made:
    """Two departments prepare at once, without any condition; both are done before the start; one way is "
    "bare beside another."""
    return Made(
        w("NEW_EMPLOYEE", "NOUVEL_EMPLOYE"), w("New employee", "Nouvel employé"),
        sections={
            "REQ": [Control("REQ_NAME", label=w("Name", "Nom")), Control("REQ_START", label=w("First day",
                "Premier jour"), data_type="DateTime"),
                    Control("REQ_SITE", "select", w("Site", "Site"), [("P", "Paris"), ("B", "Bern")])],
            "HR": _decision(w, "HR", third=True),
            "IT": [Control("IT_LOGIN", label=w("Login", "Identifiant")), Control("IT_DONE", "checkbox", " ",
                [("Y", w("Ready", "Prêt"))])],
            "FAC": [Control("FAC_DESK", label=w("Desk", "Bureau")), Control("FAC_KEYS", "checkbox", w("Keys",
                "Clés"), [("1", "1"), ("2", "2")])],
        },
        actions=[
            _asks(["REQ_NAME", "REQ_START", "REQ_SITE"], "HR,IT,FAC", required="REQ_*"),
            Action("APPROVES", w("Human resources", "Ressources humaines"), "HR", "PULL", ["HR_DECISION"],
                _by_mail(w, "HR", third=True), "IT,FAC", "REQ_*",
                   "HR_DECISION", "AND", "AND", "2880 d", working="Y"),
            Action("CORRECTS", w("Corrects", "Corrige"), "REQUESTER", "PUSH_AUTO_REQUESTER", ["REQ_NAME"], {},
                "IT,FAC", "HR_*", "REQ_NAME"),
            Action("PREPARES", w("Preparation", "Préparation"), route=True, split="AND", join="XOR",
                assign="PUSH_AUTO_SYSTEM"),
            Action("CREATES", w("Account", "Compte"), "IT", "PULL", ["IT_LOGIN"], {}, "FAC", "REQ_*,HR_*",
                "IT_LOGIN", limit="7200 d"),
            Action("FURNISHES", w("Desk", "Bureau"), "FAC", "PULL", ["FAC_DESK"], {}, "IT", "REQ_*,HR_*",
                "FAC_DESK", limit="7200 d"),
            Action("READY", w("All is ready", "Tout est prêt"), route=True, join="XOR", assign="PUSH_AUTO_SYSTEM"),
            Action("WELCOMES", w("Welcomes", "Accueille"), "HR", "PULL", [], {}, "", "REQ_*,HR_*,IT_*,FAC_*", ""),
            Action("_END", route=True, join="XOR", assign=""),
        ],
        ways=[
            ("INITIATES", "APPROVES", ""),
            ("APPROVES", "PREPARES", '<HR_DECISION> = "YES"'), ("APPROVES", "CORRECTS",
                '<HR_DECISION> = "TO_COMPLETE"'),
            ("APPROVES", "_END", "OTHERWISE"), ("CORRECTS", "APPROVES", ""),
            ("PREPARES", "CREATES", ""), ("PREPARES", "FURNISHES", ""),
            ("CREATES", "READY", ""), ("FURNISHES", "READY", ""), ("READY", "WELCOMES", ""), ("WELCOMES", "_END", ""),
        ],
        participants={"HR": ("ACTOR", w("Human resources", "Ressources humaines")), "IT": ("ACTOR", w("IT",
            "Informatique")),
                      "FAC": ("ACTOR", w("Facilities", "Services généraux"))},
        data=dict.fromkeys(("REQ_NAME", "REQ_SITE", "HR_DECISION", "IT_LOGIN", "FAC_DESK"), ("STRING",
            "")) | {"REQ_START": ("DATETIME", "")},
    )  # fmt: skip


PROCESSES = {
    "expense": expense,
    "vacation": vacation,
    "purchase": purchase,
    "contract": contract,
    "employee": employee,
}
