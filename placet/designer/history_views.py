"""What became of a process: the revisions of its draft and its published versions, who made them, and what differs."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import unified_diff
from itertools import islice
from typing import Literal, overload

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from placet.accounts.models import Person
from placet.approvals.drafts import begin, draft_of, text_of
from placet.approvals.models import DraftRevision, Process, ProcessDraft, Version
from placet.designer import revisions
from placet.designer.card_views import base_in, is_of_former_draft
from placet.designer.compared_picture import compared_picture
from placet.designer.merging import are_too_long
from placet.designer.people import find_process, find_written, owners_only
from placet.designer.revisions import DraftGone, DraftMoved, NothingToDo, Outdated, TextRefused, revise
from placet.designer.text_views import NONE, differences_of_texts, number_of
from placet.designer.working import changes_since, gone_words, work_on
from placet.portal.people import PersonsRequest

A_PAGE = 50
MOST_LINES = 800  # of a difference of texts
MOST_DIFFERENCES = 200
_PLACE = re.compile(r"@@ -\S+ \+(\d+)")
Move = Callable[[ProcessDraft, Person | None], DraftRevision]


@dataclass(frozen=True)
class Item:
    """A revision of the draft, or a published version. `name`: what an address calls it."""

    name: str
    kind: Literal["revision", "version"]
    number: int
    at: datetime
    by: Person | None
    change: str = ""
    state: str = ""

    @property
    def title(self) -> str:
        if self.kind == "version":
            return _("Version {number}").format(number=self.number)
        return _("Revision {number}").format(number=self.number)


def _items(process: Process, draft: ProcessDraft | None) -> "_Versions | list[Item]":
    """The newest first. Those of what calls ask by are many, so only a page of them is read."""
    if process.asked_by_id is not None:
        return _Versions(process)
    entries = revisions.history(draft) if draft is not None else ()
    items = [
        Item(
            f"r{one.revision.number}", "revision", one.revision.number, one.revision.made_at, one.revision.by,
            one.revision.change, one.state,
        )
        for one in entries
    ]  # fmt: skip
    items += map(_of_version, _versions(process).defer("definition", "text"))
    return sorted(items, key=lambda item: (item.at, item.kind == "revision", item.number), reverse=True)


class _Versions(Sequence[Item]):
    """All versions of a process that has nothing else."""

    def __init__(self, process: Process) -> None:
        self._rows = _versions(process).defer("definition", "text")

    def __len__(self) -> int:
        return self._rows.count()

    @overload
    def __getitem__(self, which: int) -> Item: ...
    @overload
    def __getitem__(self, which: slice) -> list[Item]: ...
    def __getitem__(self, which: int | slice) -> Item | list[Item]:
        if isinstance(which, slice):
            return list(map(_of_version, self._rows[which]))
        return _of_version(self._rows[which])


def _versions(process: Process) -> QuerySet[Version]:
    return process.versions.select_related("published_by").order_by("-number")


def _of_version(version: Version) -> Item:
    return Item(f"v{version.number}", "version", version.number, version.published_at, version.published_by)


@owners_only
@require_GET
def history(request: PersonsRequest, key: str) -> HttpResponse:
    process = find_process(request, key)
    draft = draft_of(key)
    items = _items(process, draft)
    page = Paginator(items, A_PAGE).get_page(request.GET.get("page"))
    now = _name_of_now(items)
    context = {
        "process": process,
        "draft": draft,
        "page": page,
        "now": now,
        "before": _earlier(page, now),
        "can_undo": draft is not None and revisions.can_undo(draft),
        "can_redo": draft is not None and revisions.can_redo(draft),
    }
    return render(request, "designer/history.html", context)


def _name_of_now(items: "_Versions | list[Item]") -> str:
    """Of what counts now."""
    revised = [] if isinstance(items, _Versions) else [one.name for one in items if one.state == "now"]
    newest = [one.name for one in items[:1]]
    return next(iter([*revised, *newest]), "")


def _earlier(items: Iterable[Item], now: str) -> str:
    """What is compared with what counts now, where nobody says something else."""
    counted = (one.name for one in items if one.name != now and one.state in ("before", ""))
    return next(counted, "")


# --- comparing --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """Of a difference of texts. `text` of a place: the number of the line that follows, in the newer one."""

    kind: Literal["same", "added", "removed", "place"]
    text: str


@owners_only
@require_GET
def compare(request: PersonsRequest, key: str) -> HttpResponse:
    process = find_process(request, key)
    if not {"old", "new"} <= request.GET.keys():
        return redirect("designer:history", key)
    draft = draft_of(key)
    old, old_text = _named(process, draft, request.GET.get("old", ""))
    new, new_text = _named(process, draft, request.GET.get("new", ""))
    several = differences_of_texts(old_text, new_text)
    is_too_long = are_too_long(old_text, new_text)
    lines = [] if is_too_long else [*islice(_lines(old_text, new_text), MOST_LINES + 1)]
    context = {
        "process": process,
        "draft": draft,
        "old": old,
        "new": new,
        "sides": [old] if old == new else [old, new],
        "several": None if several is None else several[:MOST_DIFFERENCES],
        "more": max(0, len(several or ()) - MOST_DIFFERENCES),
        "picture": compared_picture(old_text, new_text, several) if several else SafeString(),
        "lines": lines[:MOST_LINES],
        "is_cut": len(lines) > MOST_LINES,
        "is_too_long": is_too_long,
        "base": draft.at if draft is not None else 0,
    }
    return render(request, "designer/compare.html", context)


def _named(process: Process, draft: ProcessDraft | None, name: str) -> tuple[Item, str]:
    """What an address names, with its text; 404 for what is not there."""
    kind, number = name[:1], name[1:]
    if not (number.isascii() and number.isdecimal() and len(number) < 9):
        raise Http404
    if kind == "v":
        version = _versions(process).filter(number=int(number)).first()
        if version is not None:
            return _of_version(version), text_of(version)
    if kind == "r" and draft is not None:
        one = draft.revisions.select_related("by").filter(number=int(number)).first()
        if one is not None:
            state = "now" if one.number == draft.at else ""
            return Item(name, "revision", one.number, one.made_at, one.by, one.change, state), one.text
    raise Http404


def _lines(old: str, new: str) -> Iterator[Line]:
    kinds: dict[str, Literal["same", "added", "removed", "place"]] = {
        "+": "added", "-": "removed", "@": "place",
    }  # fmt: skip
    for line in islice(unified_diff(old.splitlines(), new.splitlines(), lineterm=""), 2, None):
        place = _PLACE.match(line)
        yield Line(kinds.get(line[:1], "same"), place[1] if place else line[1:])


# --- going back -------------------------------------------------------------------------------------------


@owners_only
def go_back(request: PersonsRequest, key: str) -> HttpResponse:
    """To what a revision or a version said: a revision more, so that nothing is lost by it."""
    process = find_written(request, key)
    if request.method != "POST":
        return redirect("designer:history", key)
    item, text = _named(process, draft_of(key), request.POST.get("to", ""))
    try:
        draft = begin(process, request.user)
        change = _("Back to: {title}").format(title=item.title)
        base = NONE if is_of_former_draft(request) else number_of(request, "base") or 1
        revise(draft, text, request.user, change, base)
    except (Outdated, DraftGone, TextRefused) as error:
        messages.error(request, _("{reason} Nothing was changed.").format(reason=error))
    else:
        messages.success(request, _("The draft is what it was: {title}.").format(title=item.title))
    return redirect("designer:history", key)


@owners_only
def undo_change(request: PersonsRequest, key: str) -> HttpResponse:
    return _moved(request, key, revisions.undo, _("Undone: the draft stands at revision {number}."))


@owners_only
def redo_change(request: PersonsRequest, key: str) -> HttpResponse:
    return _moved(request, key, revisions.redo, _("Redone: the draft stands at revision {number}."))


def _moved(request: PersonsRequest, key: str, move: Move, done: str) -> HttpResponse:
    """Only what the page showed: what somebody else changed since then is not taken back unseen."""
    process = find_written(request, key)
    if request.method != "POST":
        return redirect("designer:history", key)
    draft = draft_of(process.key)
    try:
        if draft is None:
            raise NothingToDo(_("There is no draft."))
        if base_in(request) != draft.at:
            raise DraftMoved
        messages.success(request, done.format(number=move(draft, request.user).number))
    except (NothingToDo, DraftGone) as error:
        messages.warning(request, str(error))
    except DraftMoved:
        messages.warning(request, gone_words(changes_since(work_on(process), base_in(request))))
    return redirect(_next(request, key))


def _next(request: HttpRequest, key: str) -> str:
    """The page that the button stood on."""
    page = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(page, allowed_hosts=None):
        return page
    return reverse("designer:history", args=[key])
