"""My account → Keys: for programs that call the API as me."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from placet.api import keys
from placet.api.models import Key
from placet.portal.key_forms import (
    EXPIRED,
    REVOKED,
    KeyForm,
    RotateForm,
    listed,
    offered_to,
    rows_of,
    show_once,
    shown,
)
from placet.portal.people import PersonsRequest, signed_in

MOST_SHOWN = 100  # keys
MOST_PAST = 10  # that are not valid any more


@signed_in
def own_keys(request: PersonsRequest) -> HttpResponse:
    """My keys, and a new one."""
    posted = request.POST if request.method == "POST" else None
    form = KeyForm(posted, offered=offered_to(request.user, own=True), weakest=request.user.is_administrator)
    if posted is not None and form.is_valid() and (new := form.made(request.user, request.user)):
        return show_once(request, "portal/key_made.html", *new, {})
    rows = listed(rows_of(request.user.api_keys.all())[:MOST_SHOWN], request.user)
    past = [row for row in rows if row.state in (EXPIRED, REVOKED)]
    context = {"form": form, "rows": [row for row in rows if row not in past], "past": past[:MOST_PAST]}
    return render(request, "portal/keys.html", context, status=422 if form.errors else 200)


@signed_in
def rotate_own_key(request: PersonsRequest, pk: int) -> HttpResponse:
    """Another key takes its place; both are valid for a while."""
    key = _own(request, pk)
    form = RotateForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            new, text = keys.rotate(key, request.user, form.keep)
        except keys.KeyInvalid as error:
            messages.warning(request, str(error))
            return redirect("account_keys")
        return show_once(
            request, "portal/key_made.html", new, text, {"old": shown(_own(request, pk), request.user)}
        )
    context = {"row": shown(key, request.user), "form": form}
    return render(request, "portal/rotate_key.html", context, status=422 if form.errors else 200)


@signed_in
def revoke_own_key(request: PersonsRequest, pk: int) -> HttpResponse:
    """Asked once more before it is done."""
    key = _own(request, pk)
    if request.method == "POST":
        keys.revoke(key, request.user)
        messages.success(request, _("The key “{name}” is revoked.").format(name=key.name))
        return redirect("account_keys")
    return render(request, "portal/revoke_key.html", {"row": shown(key, request.user)})


def _own(request: PersonsRequest, pk: int) -> Key:
    return get_object_or_404(rows_of(request.user.api_keys.all()), pk=pk)
