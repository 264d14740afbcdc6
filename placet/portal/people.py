"""Who looks at a page."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from placet.accounts.models import Person
from placet.approvals import absences
from placet.approvals.models import Request
from placet.approvals.visibility import requests_visible_to


class PersonsRequest(HttpRequest):
    """An HTTP request of somebody who is signed in."""

    user: Person


View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def signed_in(view: View) -> View:
    """For people who are signed in; nothing of the page stays in a browser's cache after they sign out. Whoever does
    something about a request there is back, if an automatic reply of theirs said that they are away."""

    @wraps(view)
    def by_somebody(request: PersonsRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer = view(request, *args, **kwargs)
        match = request.resolver_match
        is_done = request.method == "POST" and answer.status_code < HTTPStatus.BAD_REQUEST
        if is_done and match is not None and match.app_name == "portal":
            absences.acted(request.user, timezone.now())
        return answer

    decorated: Any = never_cache(login_required(by_somebody))
    return decorated  # type: ignore[no-any-return]  # the same signature, as decorators of Django cannot say


def administrators_only(view: View) -> View:
    """For administrators; whoever else is signed in is told so (403)."""

    def guarded(request: PersonsRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_administrator:
            raise PermissionDenied(_("This page is for administrators."))
        return view(request, *args, **kwargs)

    decorated: Any = signed_in(guarded)
    return decorated  # type: ignore[no-any-return]  # the same signature, as decorators of Django cannot say


def find_request(request: PersonsRequest, public_id: UUID) -> Request:
    """Whoever may not see a request cannot tell it from one that is not there."""
    visible = requests_visible_to(request.user).select_related("version__process", "requester")
    return get_object_or_404(visible, public_id=public_id)
