"""Asking the requester something on a request's page, and answering there."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.approvals import engine, engine_errors
from placet.approvals.engine import LONGEST_COMMENT
from placet.approvals.engine_clarifications import Written
from placet.approvals.models import Assignment, Clarification
from placet.portal import views
from placet.portal.clarifications import Typed
from placet.portal.people import PersonsRequest, find_request, signed_in


class WrittenForm(forms.Form):
    """What somebody asks or answers, and in which place: the assignment that asks, or the question that is answered."""

    which = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    text = forms.CharField(
        max_length=LONGEST_COMMENT,
        error_messages={
            "required": gettext_lazy("Please write something first."),
            "max_length": gettext_lazy(
                "At most %(limit_value)d characters, please; this text has %(show_value)d."
            ),
            "null_characters_not_allowed": gettext_lazy("This text holds a character that cannot be kept."),
        },
    )


@signed_in
def ask_back(request: PersonsRequest, public_id: UUID) -> HttpResponse:
    """A question of somebody who is asked. It decides nothing."""
    shown = find_request(request, public_id)
    if request.method != "POST":
        return redirect("portal:request", public_id)
    form = WrittenForm(request.POST)
    if "which" in form.errors:
        return redirect("portal:request", public_id)
    which = form.cleaned_data["which"]
    asked = get_object_or_404(Assignment, pk=which, visit__request=shown, person=request.user)
    if not form.is_valid():
        return _again(request, public_id, form, asks=True)
    try:
        engine.ask_back(asked.pk, request.user, Written(form.cleaned_data["text"]))
    except engine_errors.EngineError as error:
        form.add_error("text", " ".join([str(error), _("Nothing was sent.")]))
        return _again(request, public_id, form, asks=True)
    messages.success(
        request,
        _("{name} was asked. You can decide without the answer, too.").format(name=shown.requester.name),
    )
    return redirect("portal:request", public_id)


@signed_in
def answer(request: PersonsRequest, public_id: UUID) -> HttpResponse:
    """What the requester answers."""
    shown = find_request(request, public_id)
    if request.method != "POST":
        return redirect("portal:request", public_id)
    form = WrittenForm(request.POST)
    if "which" in form.errors:
        return redirect("portal:request", public_id)
    asked = get_object_or_404(
        Clarification,
        pk=form.cleaned_data["which"],
        visit__request=shown,
        visit__request__requester=request.user,
    )
    if not form.is_valid():
        return _again(request, public_id, form, asks=False)
    try:
        engine.clarify(asked.pk, request.user, Written(form.cleaned_data["text"]))
    except engine_errors.EngineError as error:
        messages.warning(request, " ".join([str(error), _("Nothing was sent.")]))
    else:
        messages.success(request, _("Your answer was sent to everybody who is asked."))
    return redirect("portal:request", public_id)


def _again(request: PersonsRequest, public_id: UUID, form: WrittenForm, *, asks: bool) -> HttpResponse:
    """The request's page, with what was typed."""
    error = " ".join(str(one) for one in form.errors["text"])
    typed = Typed(asks, form.cleaned_data["which"], request.POST.get("text", ""), error)
    return views.page_with(request, public_id, typed)
