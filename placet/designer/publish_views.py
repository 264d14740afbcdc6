"""Publishing a draft: what it changes, what has to be put right first, and what becomes of requests that run."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from placet.approvals import drafts
from placet.approvals.models import ProcessDraft, Request, Version
from placet.approvals.processes import DefinitionInvalid
from placet.designer import cases
from placet.designer.card_views import base_in, links_of, page, picture_of
from placet.designer.compared_picture import compared_picture
from placet.designer.differences import Difference, differences
from placet.designer.people import find_written, owners_only
from placet.designer.working import Work, changes_since, gone_words, work_on
from placet.portal.people import PersonsRequest


@owners_only
def publish(request: PersonsRequest, key: str) -> HttpResponse:
    work = work_on(find_written(request, key))
    if request.method != "POST":
        return _publish_page(request, work)
    if work.draft is None or base_in(request) != work.base:
        messages.warning(request, gone_words(changes_since(work, base_in(request))))
        return redirect("designer:publish", key)
    reason = request.POST.get("reason", "")
    run = _cases_of(work)
    if run is not None:
        drafts.note_failing(work.draft, work.base, run.names_of_failing)
    try:
        version = _published(request, work.draft, run, reason)
    except DefinitionInvalid:
        return _publish_page(request, work, status=422)
    except drafts.DraftChanged:  # while its test cases were run
        messages.warning(request, gone_words(changes_since(work, work.base)))
        return redirect("designer:publish", key)
    except cases.CaseRefused as refused:
        return _publish_page(request, work, run, str(refused), reason, status=422)
    messages.success(
        request,
        _("Version {n} is published: new requests run on it, and those that run keep theirs.").format(
            n=version.number
        ),
    )
    return redirect("designer:process", key)


@transaction.atomic
def _published(
    request: PersonsRequest, draft: ProcessDraft, run: cases.CasesRun | None, reason: str
) -> Version:
    """DefinitionInvalid; DraftChanged; or CaseRefused where a test case fails and nobody says why that is to be."""
    if run is not None and run.blocks:
        cases.overrule(run, reason, request.user)
    return drafts.publish_draft(draft, request.user)


def _cases_of(work: Work) -> cases.CasesRun | None:
    """What the test cases of the process come to; None where the draft cannot be published anyway."""
    if work.draft is None or work.reading.problems:
        return None
    return cases.cases_before_publishing(work.process, work.text)


def _publish_page(
    request: PersonsRequest,
    work: Work,
    run: cases.CasesRun | None = None,
    refused: str = "",
    reason: str = "",
    *,
    status: int = 200,
) -> HttpResponse:
    """`run`: what the test cases came to, where they were run already; `refused`: why a reason does not do."""
    several = _differences(work)
    running = Request.objects.filter(version__process=work.process, state=Request.State.OPEN).count()
    context: dict[str, Any] = {
        "problems": work.reading.problems,
        "changes": [one.sentence for one in several],
        "picture": _picture(work, several),
        "running": running,
        "next_number": work.version.number + 1 if work.version else 1,
        "form_base": work.base,
        "cases": run or _cases_of(work),
        "refused": refused,
        "reason": reason,
    }
    return page(request, "designer/publish.html", work, context, status=status)


def _differences(work: Work) -> list[Difference]:
    """From the published version; none where nothing is published or there is no draft."""
    if work.version is None or work.draft is None or not work.reading.is_readable:
        return []
    return differences(drafts.text_of(work.version), work.text)


def _picture(work: Work, several: Sequence[Difference]) -> SafeString | None:
    """Of the draft, with what differs in it from the published version."""
    if work.version is None or not several:
        return picture_of(work)
    return compared_picture(drafts.text_of(work.version), work.text, several, links_of(work)) or picture_of(
        work
    )
