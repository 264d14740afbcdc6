"""Who answers in somebody's place, entered by an administrator for them."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from placet.accounts.models import Delegation, Person
from placet.portal.delegations import DelegationForm, ended, lists_of, made
from placet.portal.giving import suggested
from placet.portal.people import PersonsRequest, administrators_only


@administrators_only
def delegates(request: PersonsRequest, pk: int) -> HttpResponse:
    """As they find it on their own page; on record is who entered it."""
    person = get_object_or_404(Person, pk=pk)
    form = DelegationForm(request.POST if request.method == "POST" else None, delegator=person)
    form.fields["delegate"].widget = suggested(reverse("account_suggest_delegates"))
    if request.method == "POST" and made(request, form, person):
        return redirect("panel:delegates", pk)
    context = {"person": person, "form": form, **lists_of(person, timezone.now())}
    return render(request, "panel/delegates.html", context, status=422 if form.errors else 200)


@administrators_only
def end(request: PersonsRequest, pk: int, number: int) -> HttpResponse:
    found = get_object_or_404(Delegation.objects.select_related("delegate"), pk=number, delegator=pk)
    if request.method == "POST":
        ended(request, found)
    return redirect("panel:delegates", pk)
