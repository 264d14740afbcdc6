"""What a definition says of the whole process, as a section of inputs."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

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
        Section("rights", _("Who may answer, and how"), [_rights(data), *_start_form(data, around)]),
    ]


def section_of(name: str) -> str:
    if name in ("calendar", "longest", "pause", "undo"):
        return "time"
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


def _rights(data: Mapping[str, Any]) -> Row:
    row = Row(legend=_("Who may answer, and how"))
    may = "yes" if data.get("requester_may_decide") is True else ""
    row.boxes = [
        Box("proof", _("How sure a reply's sender must be"), words(data.get("proof")), "choice",
            proof_choices(words(data.get("proof")), of_step=False), place=("proof",)),
        Box("requester", _("The requester may be asked about their own request"), may, "tick",
            place=("requester_may_decide",)),
        Box("no-api", _("Answers by API do not count"), "yes" if data.get("decisions_by_api") is False else "", "tick",
            place=("decisions_by_api",)),
    ]  # fmt: skip
    return row


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


def settings_in(post: Mapping[str, str], data: Mapping[str, Any], around: Surroundings) -> dict[str, Any]:
    """Values by name; None where nothing is said."""
    values: dict[str, Any] = {}
    for name in (*_TEXTS, "calendar", "undo", "proof"):
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
