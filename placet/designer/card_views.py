"""The designer: the steps of a process as cards, and the form of each."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from placet.approvals.models import Process, ProcessDraft
from placet.approvals.picture import drawing_of
from placet.approvals.steps import KEY
from placet.designer import card, flow
from placet.designer.cards import cards_of, keys_beside
from placet.designer.changes import written
from placet.designer.condition_rows import condition_problems
from placet.designer.edits import EditInvalid
from placet.designer.inputs import Box, overlay
from placet.designer.mail_views import language_in, preview_of
from placet.designer.other_rows import kind_words
from placet.designer.people import find_written, owners_only
from placet.designer.placing import attach, problems_of
from placet.designer.reading import no_step, words
from placet.designer.working import Meanwhile, Work, gone_words, save, work_on
from placet.lib.web import entered
from placet.portal.people import PersonsRequest
from placet.portal.suggesting import people_as_options, people_called

TEXT_URL = "designer:text"
LONGEST_NAME = 100

Edit = Callable[[str], str]  # of the text of a draft


# --- all steps --------------------------------------------------------------------------------------------


@owners_only
def design(request: PersonsRequest, key: str) -> HttpResponse:
    work = work_on(find_written(request, key))
    return _design_page(request, work)


def _design_page(request: PersonsRequest, work: Work, status: int = 200, **more: Any) -> HttpResponse:
    steps = [one for one in work.problems if one.area == "step"]
    others = [one.text for one in work.problems if one.area == "process" and one.text != no_step()]
    other_pages = _elsewhere(work)
    context = {"cards": cards_of(work.around, steps), "whole_problems": [*others, *other_pages]}
    return page(request, "designer/design.html", work, context | more, status=status)


def _elsewhere(work: Work) -> list[str]:
    """How many problems stand on the pages of the form and of the settings."""
    counts = {area: sum(one.area == area for one in work.problems) for area in ("form", "settings")}
    lines = []
    if counts["form"]:
        lines.append(_("Form: {n} problems, on its page").format(n=counts["form"]))
    if counts["settings"]:
        lines.append(_("Settings: {n} problems, on their page").format(n=counts["settings"]))
    return lines


def page(
    request: PersonsRequest, template: str, work: Work, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """A page of the designer, with what all of them show."""
    common: dict[str, Any] = {"process": work.process, "work": work, "text_url": TEXT_URL}
    if "picture" not in context:
        common["picture"] = picture_of(work)
    return render(request, template, common | context, status=status)


def picture_of(work: Work) -> SafeString | None:
    definition = work.reading.definition
    if definition is None or not definition.steps:
        return None
    return drawing_of(definition, links=links_of(work))


def links_of(work: Work) -> dict[str, str]:
    """To the page of each step, by key."""
    process = work.process.key
    return {
        key: reverse("designer:step", args=[process, key]) for key in work.reading.steps if KEY.fullmatch(key)
    }


def gone_to(request: PersonsRequest, address: str) -> HttpResponse:
    """Another page, which is opened as a whole also where a script sent the form."""
    if "HX-Request" in request.headers:
        return HttpResponse(headers={"HX-Redirect": address})
    return redirect(address)


def work_of(request: PersonsRequest, process: Process) -> Work:
    """The draft as it is; where a form was sent, as the form was made of it."""
    return work_on(process, base_in(request) if request.method == "POST" else None)


def base_in(request: PersonsRequest) -> int:
    """The number of the revision that a form was made of; -1, which none has, where it says none, or one of a draft
    that is not there any more."""
    number = request.POST.get("base", "")
    is_number = number.isascii() and number.isdecimal() and len(number) < 10
    return int(number) if is_number and not is_of_former_draft(request) else -1


def is_of_former_draft(request: PersonsRequest) -> bool:
    """Whether a form was made of a draft that was published or discarded. The next one counts its revisions from 1
    again, so their numbers alone would take it for the same."""
    draft = request.POST.get("draft", "")
    is_id = draft.isascii() and draft.isdecimal() and len(draft) < 19
    return is_id and int(draft) > 0 and not ProcessDraft.objects.filter(pk=int(draft)).exists()


def refusal(
    request: PersonsRequest, work: Work, edit: Edit, change: str
) -> tuple[int, dict[str, Any]] | None:
    """Saves what a form changes (`change`: as a sentence). None where that was done; else the status of its page, and
    what that shows of why not."""
    try:
        save(work, edit, change, request.user, base_in(request))
    except Meanwhile as error:
        return 409, {"meanwhile": error.changes}
    except EditInvalid as error:
        return 422, {"not_written": str(error)}
    return None


def save_at_once(request: PersonsRequest, work: Work, edit: Edit, change: str) -> None:
    """An edit without a form; whoever looks is told what became of it."""
    try:
        save(work, edit, change, request.user, base_in(request))
    except Meanwhile as error:
        messages.warning(request, gone_words(error.changes))
    except EditInvalid as error:
        messages.error(
            request, _("This could not be written into the draft: {problem}").format(problem=error)
        )
    else:
        messages.success(request, _("{change}. Undo takes it back.").format(change=change))


# --- one step ---------------------------------------------------------------------------------------------


@owners_only
def step(request: PersonsRequest, key: str, step: str) -> HttpResponse:
    work = work_of(request, find_written(request, key))
    if step not in work.reading.steps:
        raise Http404
    if request.method == "POST":
        return _saved_step(request, work, step)
    return _step_page(request, work, step, saved=_just_saved(request))


def _just_saved(request: PersonsRequest) -> str:
    """What was saved by the form before this page: said within what a script exchanges."""
    return _("Saved.") if request.GET.get("saved") else ""


def _step_page(
    request: PersonsRequest,
    work: Work,
    key: str,
    status: int = 200,
    typed: Mapping[str, str] | None = None,
    problems: Mapping[str, str] = {},
    **more: Any,
) -> HttpResponse:
    """`typed`: what stands in the form instead of what the draft says; `problems`: by the names of its inputs."""
    around = work.around
    sections = card.sections_of(around.reading, key, around)
    shown_language = language_in(request)
    left = attach(sections, problems_of(work.problems, "step", key), card.section_of)
    if typed is not None:
        overlay(sections, typed, problems)
    context = {
        "sections": sections,
        "left_problems": left,
        "step_key": key,
        "step_name": around.step_name(key),
        "kind_words": kind_words(around.reading.steps[key].get("kind")),
        "form_base": work.newest_base,
        "writes_mail": any(section.key == "mail" for section in sections),
        "own_language": get_language(),
        **(preview_of(work, key, request.user, shown_language) if shown_language else {}),
    }
    return page(request, "designer/step.html", work, context | more, status=status)


def _saved_step(request: PersonsRequest, work: Work, key: str) -> HttpResponse:
    do, typed = request.POST.get("do", "save"), request.POST.dict()
    post = card.with_removal(typed, do)
    if wrong := condition_problems(post, work.around.definition):
        return _step_page(request, work, key, 422, typed, wrong)
    changes = card.changes_in(post, work.reading, key, work.around)
    changes += card.moves_in(do, work.reading, key, changes)
    sentence = _("Step “{name}” changed").format(name=work.around.step_name(key))
    if refused := refusal(request, work, lambda text: written(text, changes), sentence):
        status, why = refused
        return _step_page(request, work, key, status, typed, **why)
    if do == "done":
        messages.success(request, _("Saved."))
        return gone_to(request, reverse("designer:design", args=[work.process.key]) + f"#step-{key}")
    shown = f"&mail={get_language()}" if do == "preview" else ""
    return redirect(reverse("designer:step", args=[work.process.key, key]) + f"?saved=1{shown}")


@owners_only
def move_step(request: PersonsRequest, key: str, step: str) -> HttpResponse:
    """Up, down, or out."""
    work = work_of(request, find_written(request, key))
    if step not in work.reading.steps:
        raise Http404
    if request.method == "POST":
        do, name = request.POST.get("do"), work.around.step_name(step)
        if do == "remove":
            edit, sentence = (
                (lambda text: flow.without_step(text, work.reading, step)),
                _("Step “{name}” removed"),
            )
        else:
            beside = keys_beside(work.around, step)
            edit, sentence = (
                (lambda text: flow.moved_step(text, beside, step, do == "up")),
                _("Step “{name}” moved"),
            )
        save_at_once(request, work, edit, sentence.format(name=name))
    return redirect(
        reverse("designer:design", args=[key])
        + (f"#step-{step}" if request.POST.get("do") != "remove" else "")
    )


@owners_only
def add_step(request: PersonsRequest, key: str) -> HttpResponse:
    work = work_of(request, find_written(request, key))
    asked = request.POST if request.method == "POST" else request.GET
    after = asked.get("after", "")
    if after and after not in work.reading.steps:
        raise Http404
    name, kind = asked.get("name", "").strip(), asked.get("kind", "approval")
    if request.method != "POST":
        return _add_page(request, work, after, name, kind)
    if not name or len(name) > LONGEST_NAME or kind not in flow.ADDED:
        problem = _("Please enter a name of at most {n} letters.").format(n=LONGEST_NAME)
        return _add_page(request, work, after, name, kind, 422, [problem])
    added: list[str] = []

    def edit(text: str) -> str:
        text, new = flow.with_step(text, work.reading, kind, name, after)
        added.append(new)
        return text

    if refused := refusal(request, work, edit, _("Step “{name}” added").format(name=name)):
        status, why = refused
        return _add_page(request, work, after, name, kind, status, **why)
    return redirect(reverse("designer:step", args=[key, added[-1]]))


def _add_page(
    request: PersonsRequest, work: Work, after: str, name: str, kind: str, status: int = 200,
    problems: Sequence[str] = (), **more: Any,
) -> HttpResponse:  # fmt: skip
    kinds = [(one, kind_words(one)) for one in flow.ADDED]
    boxes = [
        Box("name", _("Name"), name, problems=list(problems), is_focused=True, width="long"),
        Box("kind", _("What it is"), kind, "choice", kinds),
    ]
    context = {
        "boxes": boxes,
        "after": after,
        "after_name": work.around.step_name(after) if after else "",
        "form_base": work.newest_base,
    }
    return page(request, "designer/add_step.html", work, context | more, status=status)


@owners_only
def suggest_asked(request: PersonsRequest, key: str) -> HttpResponse:
    """Options for an input that names somebody: a few people by name or address."""
    find_written(request, key)
    text = entered(request.GET, next((name for name in request.GET if name.endswith("-which")), "q"))
    return people_as_options(request, people_called(text) if words(text) else [])
