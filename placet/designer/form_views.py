"""The designer: the form of a process, part by part, with what requesters and approvers will see of it; and what the
definition says of the whole process."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from placet.approvals.definitions import Definition
from placet.approvals.form import facts_as_read
from placet.approvals.form_logic import fill
from placet.designer import edits, part_rows, settings_rows
from placet.designer.card_views import gone_to, page, refusal, save_at_once, work_of
from placet.designer.changes import Change, differences, written
from placet.designer.condition_rows import condition_problems, sentence
from placet.designer.filled_in import readable_sample
from placet.designer.inputs import Box, overlay
from placet.designer.people import find_written, owners_only
from placet.designer.placing import attach, problems_of
from placet.designer.reading import Reading, items, mapping, words
from placet.designer.what_rows import type_words
from placet.designer.working import Work, work_on
from placet.portal.form_rows import rows
from placet.portal.people import PersonsRequest

LONGEST_LABEL = 200


# --- the whole form ---------------------------------------------------------------------------------------


@owners_only
def design_form(request: PersonsRequest, key: str) -> HttpResponse:
    return _form_page(request, work_on(find_written(request, key)))


def _form_page(request: PersonsRequest, work: Work, status: int = 200, **more: Any) -> HttpResponse:
    parts = _parts(work.reading)
    shown = [
        {
            "number": number,
            "label": part_rows.part_words(part),
            "name": words(part.get("name")),
            "kind": type_words(words(part.get("type"))),
            "required": part.get("required") is True,
            "show": sentence(part["show"], work.around.definition) if part.get("show") is not None else "",
            "problems": len(problems_of(work.problems, "form", number)),
            "above": number > 0,
            "below": number < len(parts) - 1,
        }
        for number, part in enumerate(parts)
    ]
    context = {
        "parts": shown,
        "whole_problems": [one.text for one in problems_of(work.problems, "form")],
        "boxes": _add_boxes("", "text"),
        "form_base": work.newest_base,
        **_preview(work.reading.definition),
    }
    return page(request, "designer/design_form.html", work, context | more, status=status)


def _parts(reading: Reading) -> list[dict[str, Any]]:
    return [mapping(part) for part in items(reading.data.get("form"))]


def _preview(definition: Definition | None) -> dict[str, Any]:
    """What a requester sees first, and what a mail shows of a form that is filled in with something of each type."""
    if definition is None or not definition.form:
        return {}
    try:
        shown = rows(definition, fill(definition, {}), {})
        facts = facts_as_read(definition, readable_sample(definition))
    except (ValueError, LookupError) as error:
        return {"no_preview": str(error)}
    return {"rows": [row for row in shown if row.key not in definition.entered_later], "facts": facts}


def _add_boxes(label: str, kind: str, problems: tuple[str, ...] = ()) -> list[Box]:
    kinds = [(one, type_words(one)) for one in part_rows.TYPES]
    return [
        Box("label", _("What people read"), label, problems=list(problems)),
        Box("type", _("Type"), kind, "choice", kinds),
    ]


@owners_only
def add_part(request: PersonsRequest, key: str) -> HttpResponse:
    work = work_of(request, find_written(request, key))
    if request.method != "POST":
        return redirect("designer:design_form", key)
    label, kind = request.POST.get("label", "").strip(), request.POST.get("type", "text")
    if not label or len(label) > LONGEST_LABEL or kind not in part_rows.TYPES:
        problem = _("Please say what people read, in at most {n} letters.").format(n=LONGEST_LABEL)
        return _form_page(request, work, 422, boxes=_add_boxes(label, kind, (problem,)))
    parts = _parts(work.reading)
    part = part_rows.new_part(kind, label, work.around)
    change = Change(("form", len(parts)), part, inserted=True) if parts else Change(("form",), [part])
    sentence_ = _("Form: “{name}” added").format(name=label)
    if refused := refusal(request, work, lambda text: written(text, [change]), sentence_):
        status, why = refused
        return _form_page(request, work, status, boxes=_add_boxes(label, kind), **why)
    return redirect(reverse("designer:form_part", args=[key, len(parts)]) + "?saved=1")


@owners_only
def move_part(request: PersonsRequest, key: str, number: int) -> HttpResponse:
    """Up, down, or out."""
    work = work_of(request, find_written(request, key))
    parts = _parts(work.reading)
    if number >= len(parts):
        raise Http404
    if request.method == "POST":
        name, do = part_rows.part_words(parts[number]), request.POST.get("do")
        to = number - 1 if do == "up" else number + 1

        def edit(text: str) -> str:
            if do == "remove":
                return edits.remove(text, ("form", number))
            return edits.move_item(text, ("form",), number, to) if 0 <= to < len(parts) else text

        template = _("Form: “{name}” removed") if do == "remove" else _("Form: “{name}” moved")
        save_at_once(request, work, edit, template.format(name=name))
    return redirect("designer:design_form", key)


# --- one part ---------------------------------------------------------------------------------------------


@owners_only
def part(request: PersonsRequest, key: str, number: int) -> HttpResponse:
    work = work_of(request, find_written(request, key))
    if number >= len(_parts(work.reading)):
        raise Http404
    if request.method == "POST":
        return _saved_part(request, work, number)
    saved = _("Saved.") if request.GET.get("saved") else ""
    return _part_page(request, work, number, saved=saved)


def _part_page(
    request: PersonsRequest,
    work: Work,
    number: int,
    status: int = 200,
    typed: Mapping[str, str] | None = None,
    problems: Mapping[str, str] = {},
    **more: Any,
) -> HttpResponse:
    """`typed`: what stands in the form instead of what the draft says; `problems`: by the names of its inputs."""
    around = work.around
    shown = _parts(around.reading)[number]
    sections = part_rows.sections_of(shown, around)
    left = attach(sections, problems_of(work.problems, "form", number), part_rows.section_of)
    if typed is not None:
        overlay(sections, typed, problems)
    context = {
        "sections": sections,
        "left_problems": left,
        "part_name": part_rows.part_words(shown),
        "kind": type_words(words(shown.get("type"))),
        "form_base": work.newest_base,
        **_preview(around.reading.definition),
    }
    return page(request, "designer/form_part.html", work, context | more, status=status)


def _saved_part(request: PersonsRequest, work: Work, number: int) -> HttpResponse:
    do, old, typed = request.POST.get("do", "save"), _parts(work.reading)[number], request.POST.dict()
    post = part_rows.with_removal(typed, do)
    if wrong := condition_problems(post, work.around.definition):
        return _part_page(request, work, number, 422, typed, wrong)
    new = part_rows.moved(do, part_rows.part_in(post, old, work.around))
    changes = list(differences(("form", number), old, new))
    name = post.get("name", "").strip()
    renamed = "name" in post and name != words(old.get("name"))

    def edit(text: str) -> str:
        text = written(text, changes)
        if renamed and old.get("name") and name:
            return edits.rename_field(text, words(old["name"]), name)
        return edits.set_value(text, ("form", number, "name"), name or None) if renamed else text

    sentence_ = _("Form: “{name}” changed").format(name=part_rows.part_words(new))
    if refused := refusal(request, work, edit, sentence_):
        status, why = refused
        return _part_page(request, work, number, status, typed, **why)
    if do == "done":
        messages.success(request, _("Saved."))
        return gone_to(request, reverse("designer:design_form", args=[work.process.key]))
    return redirect(reverse("designer:form_part", args=[work.process.key, number]) + "?saved=1")


# --- the whole process ------------------------------------------------------------------------------------


@owners_only
def design_settings(request: PersonsRequest, key: str) -> HttpResponse:
    work = work_of(request, find_written(request, key))
    if request.method != "POST":
        saved = _("Saved.") if request.GET.get("saved") else ""
        return _settings_page(request, work, saved=saved)
    typed = request.POST.dict()
    values = settings_rows.settings_in(typed, work.reading.data, work.around)
    changes = [
        change
        for name, value in values.items()
        for change in differences((name,), work.reading.data.get(name), value)
    ]
    if refused := refusal(request, work, lambda text: written(text, changes), _("Settings changed")):
        status, why = refused
        return _settings_page(request, work, status, typed, **why)
    return redirect(reverse("designer:design_settings", args=[key]) + "?saved=1")


def _settings_page(
    request: PersonsRequest,
    work: Work,
    status: int = 200,
    typed: Mapping[str, str] | None = None,
    **more: Any,
) -> HttpResponse:
    sections = settings_rows.sections_of(work.reading.data, work.around)
    left = attach(sections, problems_of(work.problems, "settings"), settings_rows.section_of)
    if typed is not None:
        overlay(sections, typed, {})
    context = {"sections": sections, "left_problems": left, "form_base": work.newest_base}
    return page(request, "designer/design_settings.html", work, context | more, status=status)
