"""Keys of the API: all of them, and new ones for people who do not make theirs."""

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.accounts.addresses import has_address_with
from placet.accounts.models import Person
from placet.api import keys as api_keys
from placet.api.models import Key
from placet.lib.web import entered, keep
from placet.panel.forms import PersonAtField
from placet.panel.pager import page_of
from placet.portal.key_forms import (
    STATES,
    KeyForm,
    RotateForm,
    in_state,
    listed,
    offered_to,
    rows_of,
    show_once,
    shown,
)
from placet.portal.people import PersonsRequest, administrators_only


class KeyOfSomebodyForm(KeyForm):
    """A key of somebody else's, by an administrator."""

    person = PersonAtField(
        label=gettext_lazy("For whom?"), help_text=gettext_lazy("A full name, or an address.")
    )
    field_order = ("person",)


@administrators_only
def keys(request: PersonsRequest) -> HttpResponse:
    """Every key, newest first."""
    state, search = entered(request.GET, "state"), entered(request.GET)
    page = page_of(_called(in_state(rows_of(Key.objects.all()), state), search), request)
    context = {
        "page": page,
        "rows": listed(page.rows, request.user),
        "states": STATES,
        "state": state,
        "q": search,
        "keep": keep(state=state, q=search),
    }
    return render(request, "panel/keys.html", context)


def _called(every: QuerySet[Key], search: str) -> QuerySet[Key]:
    """By the key's name, what may be known of it, or its person."""
    if not search:
        return every
    people = Person.objects.filter(Q(name__casefold__contains=search) | Q(has_address_with(search)))
    public = search.removeprefix(api_keys.PREFIX).partition("_")[0]
    return every.filter(Q(name__icontains=search) | Q(public=public) | Q(person__in=people))


@administrators_only
def new_key(request: PersonsRequest) -> HttpResponse:
    """A key of somebody else's. None that answers in their name: only they give that."""
    posted = request.POST if request.method == "POST" else None
    form = KeyOfSomebodyForm(posted, offered=offered_to(request.user, own=False), weakest=True)
    if (
        posted is not None
        and form.is_valid()
        and (new := form.made(form.cleaned_data["person"], request.user))
    ):
        return show_once(request, "panel/key_made.html", *new, {})
    return render(request, "panel/new_key.html", {"form": form}, status=422 if form.errors else 200)


@administrators_only
def rotate_key(request: PersonsRequest, pk: int) -> HttpResponse:
    key = _key(pk)
    form = RotateForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            new, text = api_keys.rotate(key, request.user, form.keep)
        except api_keys.KeyInvalid as error:
            messages.warning(request, str(error))
            return redirect("panel:keys")
        return show_once(request, "panel/key_made.html", new, text, {"old": shown(_key(pk), request.user)})
    context = {"row": shown(key, request.user), "form": form}
    return render(request, "panel/rotate_key.html", context, status=422 if form.errors else 200)


@administrators_only
def revoke_key(request: PersonsRequest, pk: int) -> HttpResponse:
    """Asked once more before it is done."""
    key = _key(pk)
    if request.method == "POST":
        api_keys.revoke(key, request.user)
        revoked = _("The key “{name}” of {person} is revoked.")
        messages.success(request, revoked.format(name=key.name, person=key.person.name))
        return redirect("panel:keys")
    return render(request, "panel/revoke_key.html", {"row": shown(key, request.user)})


def _key(pk: int) -> Key:
    return get_object_or_404(rows_of(Key.objects.all()), pk=pk)
