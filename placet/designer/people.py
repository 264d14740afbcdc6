"""Who may see the pages of processes."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from placet.approvals import owning
from placet.approvals.includes import only_what_is_owned
from placet.approvals.models import Process
from placet.portal.people import PersonsRequest, signed_in

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def owners_only(view: View) -> View:
    """For process owners and administrators; whoever else is signed in is told so (403)."""

    @wraps(view)
    def guarded(request: PersonsRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not owning.may_make(request.user):
            raise PermissionDenied(_("This page is for those who own processes."))
        if request.user.is_administrator:
            return view(request, *args, **kwargs)
        with only_what_is_owned(partial(owning.owns, request.user)):
            return view(request, *args, **kwargs)

    decorated: Any = signed_in(guarded)
    return decorated  # type: ignore[no-any-return]  # the same signature, as decorators of Django cannot say


def find_written(request: PersonsRequest, key: str) -> Process:
    """The same of one that people write: 403 for what calls ask by, which its owners can only look at."""
    process = find_process(request, key)
    if process.asked_by_id is not None:
        raise PermissionDenied(
            _("Calls ask by this process, each with what it says itself: nobody writes it.")
        )
    return process


def find_process(request: PersonsRequest, key: str) -> Process:
    """Whoever does not own a process cannot tell it from one that is not there."""
    return get_object_or_404(owning.owned_by(request.user), key=key)
