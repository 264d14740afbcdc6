"""What a definition says of the whole process, as a section of inputs."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from placet.approvals.start_by_mail import DAYS
from placet.designer.inputs import Box, Row, Section
from placet.designer.other_rows import proof_choices
from placet.designer.reading import items, mapping, words
from placet.designer.surroundings import Surroundings
from placet.designer.until_rows import amount_boxes, amount_in

_TEXTS = ("name", "description", "title")


def sections_of(data: Mapping[str, Any], around: Surroundings) -> list[Section]:
    return [
        Section("whole", _("The process"), [_whole(data)]),
        Section("time", _("Time"), _time(data, around)),
        Section("by_mail", _("Start by mail"), [_by_mail(data, around)]),
        Section("rights", _("Who may answer, and how"), [_rights(data, around), *_start_form(data, around)]),
    ]


def section_of(name: str) -> str:
    if name in ("calendar", "longest", "pause", "undo"):
        return "time"
    if name == "start_by_mail":
        return "by_mail"
    return "whole" if name in _TEXTS else "rights"


def _whole(data: Mapping[str, Any]) -> Row:
    row = Row(legend=_("The process"))
    title = _("A field of the form in braces is filled in, such as {item}: so requests can be told apart")
    row.boxes = [
        Box("name", _("Name"), words(data.get("name")), place=("name",), width="long"),
        Box("description", _("What it is for"), words(data.get("description")), "lines", place=("description",),
            help=_("Shown where a request is started"), width="long"),
        Box("title", _("Title of a request"), words(data.get("title")), place=("title",), help=title, width="long"),
    ]  # fmt: skip
    return row


def _time(data: Mapping[str, Any], around: Surroundings) -> list[Row]:
    chosen, longest = words(data.get("calendar")), mapping(data.get("longest"))
    calendars = [("", _("that of whoever is asked, or of the installation")), *around.calendars.items()]
    calendars += [(chosen, chosen)] if chosen not in dict(calendars) else []
    row = Row(legend=_("Calendar"))
    row.boxes = [
        Box("calendar", _("Calendar"), chosen, "choice", calendars, place=("calendar",), width="long"),
        Box("undo", _("An answer can be taken back for"), words(data.get("undo")), place=("undo",),
            help=_("“10 minutes”, at most 60; empty: not at all")),
    ]  # fmt: skip
    last = Row(legend=_("How long a request takes at most"), place=("longest",))
    last.boxes = [
        *amount_boxes("longest", words(longest.get("after")), _("At most"), ("longest", "after")),
        Box("longest-result", _("Its result is then"), words(longest.get("result")), place=("longest", "result"),
            help=_("A word such as “expired”; or the result of an end")),
        Box("longest-name", _("What people read for this result"), words(longest.get("name")),
            place=("longest", "name")),
    ]  # fmt: skip
    return [row, last]


def _rights(data: Mapping[str, Any], around: Surroundings) -> Row:
    row = Row(legend=_("Who may answer, and how"))
    may = "yes" if data.get("requester_may_decide") is True else ""
    row.boxes = [
        Box("proof", _("How sure a reply's sender must be"), words(data.get("proof")), "choice",
            proof_choices(words(data.get("proof")), of_step=False), place=("proof",)),
        Box("requester", _("The requester may be asked about their own request"), may, "tick",
            place=("requester_may_decide",)),
        Box("no-api", _("Answers by API do not count"), "yes" if data.get("decisions_by_api") is False else "", "tick",
            place=("decisions_by_api",)),
        *_mailbox(words(data.get("mailbox")), around),
    ]  # fmt: skip
    return row


def _mailbox(chosen: str, around: Surroundings) -> list[Box]:
    """Where there is a choice."""
    if len(around.mailboxes) < 2 and not chosen:
        return []
    choices = [("", _("the first one")), *((address, address) for address in around.mailboxes)]
    choices += [(chosen, chosen)] if chosen not in dict(choices) else []
    help_ = _("The people asked are written to from it, and answers count in it")
    return [
        Box("mailbox", _("Mailbox"), chosen, "choice", choices, place=("mailbox",), help=help_, width="long")
    ]


def _start_form(data: Mapping[str, Any], around: Surroundings) -> list[Row]:
    hidden = [words(one) for one in items(mapping(data.get("start_form")).get("hide"))]
    if not around.fields or any(name not in around.fields for name in hidden):
        return []
    row = Row(legend=_("Fields that are entered in a later step only"), place=("start_form",))
    row.boxes = [
        Box(f"later-{name}", around.label(name), "yes" if name in hidden else "", "tick")
        for name in around.fields
    ]  # fmt: skip
    return [row]


#: Types of fields that a text fills which somebody writes without the field in mind.
_TEXT_FIELDS = ("text", "long_text")
_OF_A_MAIL = ("subject", "text", "original", "proof")


def _by_mail(data: Mapping[str, Any], around: Surroundings) -> Row:
    """`true` alone is shown as the tick, without anything else."""
    rules = mapping(data.get("start_by_mail"))
    is_on = data.get("start_by_mail") not in (None, False)
    row = Row(legend=_("Start by mail"), place=("start_by_mail",))
    who = _(
        "By people whose address is known here, and whose mail proves who sent it. Lines such as “Amount: 1250” fill "
        "the field that they name"
    )
    texts, files = around.fields_of(*_TEXT_FIELDS), around.fields_of("files")
    row.boxes = [
        Box("mail-on", _("A request can be started by mail"), "yes" if is_on else "", "tick",
            help=who),
        _field_box("subject", _("The subject fills"), rules, texts),
        _field_box("text", _("The text fills"), rules, texts),
        _field_box("original", _("A forwarded mail is kept as a file in"), rules, files),
        *(
            Box(f"mail-files-{name}", _("Attached files go into “{field}”").format(field=label),
                "yes" if name in _file_fields(rules) else "", "tick")
            for name, label in files.items()
        ),
        Box("mail-proof", _("How sure its sender must be"), words(rules.get("proof")), "choice",
            _proofs(words(rules.get("proof")))),
        Box("mail-days", _("Days to send what is missing"), words(rules.get("days")),
            help=_("{days} if it is left empty").format(days=DAYS)),
    ]  # fmt: skip
    return row


def _proofs(chosen: str) -> list[tuple[str, str]]:
    """No mail starts what can be answered on a page only; and a signature does not cover where it was sent to."""
    return [
        (level, label)
        for level, label in proof_choices(chosen, of_step=True)
        if isinstance(label, str) and (level not in ("page", "signed") or chosen == level)
    ]


def _field_box(name: str, label: str, rules: Mapping[str, Any], fields: Mapping[str, str]) -> Box:
    chosen = words(rules.get(name))
    choices = [("", _("no field")), *fields.items()]
    choices += [(chosen, chosen)] if chosen not in dict(choices) else []
    return Box(f"mail-{name}", label, chosen, "choice", choices)


def _file_fields(rules: Mapping[str, Any]) -> list[str]:
    named = rules.get("attachments")
    return [named] if isinstance(named, str) else [words(one) for one in items(named)]


def _by_mail_in(post: Mapping[str, str], old: Any, around: Surroundings) -> Any:
    if not post.get("mail-on"):
        return False if old is False else None
    rules: dict[str, Any] = {
        name: text for name in _OF_A_MAIL if (text := post.get(f"mail-{name}", "").strip())
    }
    files = [name for name in around.fields_of("files") if post.get(f"mail-files-{name}")]
    if files:
        before = mapping(old).get("attachments")
        rules["attachments"] = before if sorted(_file_fields(mapping(old))) == sorted(files) else files
    if days := post.get("mail-days", "").strip():
        rules["days"] = int(days) if days.isascii() and days.isdecimal() and len(days) < 5 else days
    return old if rules == mapping(old) and old not in (None, False) else rules or True


def settings_in(post: Mapping[str, str], data: Mapping[str, Any], around: Surroundings) -> dict[str, Any]:
    """Values by name; None where nothing is said."""
    values: dict[str, Any] = {}
    mailbox = [box.name for box in _mailbox(words(data.get("mailbox")), around)]
    names = (*_TEXTS, "calendar", "undo", "proof", *mailbox)
    for name in names:
        typed = post.get(name, "").replace("\r\n", "\n").strip()
        values[name] = data.get(name) if typed == words(data.get(name)) else typed or None
    may = bool(post.get("requester"))
    values["requester_may_decide"] = (
        True if may else (False if data.get("requester_may_decide") is False else None)
    )
    refused = bool(post.get("no-api"))
    values["decisions_by_api"] = (
        False if refused else (True if data.get("decisions_by_api") is True else None)
    )
    values["longest"] = _longest_in(post, data.get("longest"))
    values["start_by_mail"] = _by_mail_in(post, data.get("start_by_mail"), around)
    if _start_form(data, around):
        hidden = [name for name in around.fields if post.get(f"later-{name}")]
        before = [words(one) for one in items(mapping(data.get("start_form")).get("hide"))]
        same = sorted(hidden) == sorted(before)
        values["start_form"] = data.get("start_form") if same else {"hide": hidden} if hidden else None
    return values


def _longest_in(post: Mapping[str, str], old: Any) -> Any:
    texts = {
        "after": amount_in(post, "longest"),
        "result": post.get("longest-result", "").strip(),
        "name": post.get("longest-name", "").strip(),
    }
    longest = {name: text for name, text in texts.items() if text}
    return longest or None if longest != mapping(old) else old
