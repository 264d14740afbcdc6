"""The text of a draft, in YAML: what all other pages of it change, too."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from placet.approvals.drafts import begin, problems_of_text
from placet.approvals.models import DraftRevision, Process, ProcessDraft
from placet.approvals.processes import newest
from placet.designer.card_views import is_of_former_draft
from placet.designer.differences import Difference, differences
from placet.designer.edits import EditInvalid
from placet.designer.people import find_written, owners_only
from placet.designer.problem_lines import placed
from placet.designer.revisions import DraftGone, Outdated, TextRefused, revise, set_aside
from placet.designer.working import Work, first_of, published_text, work_on
from placet.portal.people import PersonsRequest

NONE = -1  # the number of no revision
MOST_SHOWN = 20  # problems, and differences to what somebody else changed


@owners_only
@require_http_methods(["GET", "HEAD", "POST"])
def text(request: PersonsRequest, key: str) -> HttpResponse:
    process = find_written(request, key)
    if "text" in request.POST:
        return _save(request, process)
    if request.method == "POST":
        return redirect("designer:text", key)
    work = work_on(process)
    return _page(request, work, work.text, work.base)


def _save(request: PersonsRequest, process: Process) -> HttpResponse:
    typed, base = as_stored(request.POST["text"]), number_of(request, "base")
    try:
        draft = begin(process, request.user)
        first = published_text(process, newest(process))
        made_of = NONE if is_of_former_draft(request) else base or first_of(draft, first)
        made = revise(draft, typed, request.user, change_in_words(draft, typed), made_of)
    except TextRefused as error:
        return _page(request, work_on(process), typed, base, error=str(error), status=422)
    except DraftGone as error:  # between the two lines above
        return _page(request, work_on(process), typed, 0, error=str(error), status=409)
    except Outdated as error:
        set_aside(draft, error, request.user, _("Not used: somebody else changed the same."))
        return _conflict(request, process, error)
    if made.text != typed and made.number != base:
        messages.success(
            request, _("Saved, together with what somebody else changed meanwhile: this is both.")
        )
    else:
        messages.success(request, _("Saved: revision {number}.").format(number=made.number))
    return redirect("designer:text", process.key)


def as_stored(typed: str) -> str:
    """A browser sends the lines of a text as Windows ends them."""
    return typed.replace("\r\n", "\n").replace("\r", "\n")


def number_of(request: HttpRequest, name: str) -> int:
    value = request.POST.get(name, "")
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 9 else 0


def change_in_words(draft: ProcessDraft, new: str) -> str:
    """What somebody changed, as a sentence for the history."""
    several = differences_of_texts(draft.text, new)
    if several is None:
        return _("Changed as text; it is no YAML.")
    if not several:
        return _("Changed as text: comments, or how it is written.")
    more = len(several) - 1
    if not more:
        return several[0].sentence
    return ngettext("{first} And {n} change more.", "{first} And {n} changes more.", more).format(
        first=several[0].sentence, n=more
    )


def differences_of_texts(old: str, new: str) -> list[Difference] | None:
    """None where one of them is no YAML."""
    try:
        return differences(old, new)
    except EditInvalid:
        return None


def _page(
    request: PersonsRequest,
    work: Work,
    typed: str,
    base: int,
    *,
    error: str = "",
    status: int = 200,
) -> HttpResponse:
    problems = placed(problems_of_text(work.process.key, typed), typed)
    context = {
        "process": work.process,
        "draft": work.draft,
        "text": typed,
        "rows": min(40, max(16, typed.count("\n") + 2)),
        "base": base,
        "error": error,
        "problems": problems[:MOST_SHOWN],
        "more_problems": max(0, len(problems) - MOST_SHOWN),
    }
    return render(request, "designer/text.html", context, status=status)


def _conflict(request: PersonsRequest, process: Process, error: Outdated) -> HttpResponse:
    """Both texts side by side; what is saved next is on top of theirs."""
    context = {
        "process": process,
        "newest": error.newest,
        "text": error.text,
        "rows": min(40, max(16, error.text.count("\n") + 2)),
        "base": error.newest.number,
        "theirs": _changes(error.base, error.newest.text),
        "mine": _changes(error.base, error.text),
    }
    return render(request, "designer/text_conflict.html", context, status=409)


def _changes(base: DraftRevision | None, changed: str) -> list[Difference]:
    several = None if base is None else differences_of_texts(base.text, changed)
    return (several or [])[:MOST_SHOWN]
