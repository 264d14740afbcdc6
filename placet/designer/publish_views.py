"""Publishing a draft: what it changes, what has to be put right first, and what becomes of requests that run."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from placet.approvals import drafts
from placet.approvals.models import Request
from placet.approvals.processes import DefinitionInvalid
from placet.designer.card_views import base_in, page
from placet.designer.differences import differences
from placet.designer.people import find_process, owners_only
from placet.designer.working import Work, changes_since, gone_words, work_on
from placet.portal.people import PersonsRequest


@owners_only
def publish(request: PersonsRequest, key: str) -> HttpResponse:
    work = work_on(find_process(request, key))
    if request.method != "POST":
        return _publish_page(request, work)
    if work.draft is None or base_in(request) != work.base:
        messages.warning(request, gone_words(changes_since(work, base_in(request))))
        return redirect("designer:publish", key)
    try:
        version = drafts.publish_draft(work.draft, request.user)
    except DefinitionInvalid:
        return _publish_page(request, work, 422)
    messages.success(
        request,
        _("Version {n} is published: new requests run on it, and those that run keep theirs.").format(
            n=version.number
        ),
    )
    return redirect("designer:process", key)


def _publish_page(request: PersonsRequest, work: Work, status: int = 200) -> HttpResponse:
    running = Request.objects.filter(version__process=work.process, state=Request.State.OPEN).count()
    context: dict[str, Any] = {
        "problems": work.reading.problems,
        "changes": _changes(work),
        "running": running,
        "next_number": work.version.number + 1 if work.version else 1,
        "form_base": work.base,
    }
    return page(request, "designer/publish.html", work, context, status=status)


def _changes(work: Work) -> list[str]:
    """From the published version, in words; none where nothing is published or the draft is not one yet."""
    if work.version is None or work.draft is None:
        return []
    return [one.sentence for one in differences(drafts.text_of(work.version), work.text)]
