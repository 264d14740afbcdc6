"""Notices of a process in chats: in Microsoft Teams, Slack or Mattermost, by an incoming webhook that somebody made
there. They tell, and lead to the page of the request; nothing is decided in a chat."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from placet.designer.people import find_process, owners_only
from placet.portal.people import PersonsRequest
from placet.webhooks import delivering, endpoints, events
from placet.webhooks.endpoints import EndpointInvalid
from placet.webhooks.forms import EndpointForm
from placet.webhooks.models import Endpoint

USUAL = ("request.started", "request.stuck", events.ENDED, events.WITHDRAWN)


class ChatForm(EndpointForm):
    """The address is a secret: whoever has it can write to the chat. It is not shown again."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Chat"),
        choices=[(one.value, name) for one, name in zip(
            Endpoint.CHATS, ("Microsoft Teams", "Slack", "Mattermost"), strict=True
        )],
    )  # fmt: skip
    field_order = ("kind", "url", "description", "events")


@sensitive_post_parameters()
@owners_only
def chats(request: PersonsRequest, key: str) -> HttpResponse:
    """Those of a process, and a form for one more."""
    process = find_process(request, key)
    form = ChatForm(request.POST if request.method == "POST" else None, initial={"events": USUAL})
    if request.method == "POST" and form.is_valid():
        try:
            kind = Endpoint.Kind(form.cleaned_data["kind"])
            endpoints.make_chat(process, kind, form.wanted(), request.user)
        except EndpointInvalid as error:
            form.add_error(error.field, str(error))
        else:
            messages.success(request, _("Notices go there from now on. Send a test to see one."))
            return redirect("designer:chats", key)
    names = dict(ChatForm.base_fields["kind"].choices)  # type: ignore[attr-defined]  # a field of choices
    rows = [(one, names[one.kind]) for one in endpoints.chats_of(process)]
    context = {"process": process, "chats": rows, "form": form}
    return render(request, "designer/chats.html", context, status=422 if form.errors else 200)


@owners_only
def chat(request: PersonsRequest, key: str, pk: int) -> HttpResponse:
    """Try one, switch it off or on, or remove it: what the button that was pressed says."""
    process = find_process(request, key)
    shown = get_object_or_404(endpoints.chats_of(process), pk=pk)
    if request.method == "POST":
        {"test": _test, "switch": _switch, "remove": _remove}.get(request.POST.get("do", ""), _nothing)(
            request, shown
        )
    return redirect("designer:chats", key)


def _test(request: PersonsRequest, shown: Endpoint) -> None:
    _delivery, answer = delivering.send_test(shown)
    if answer.is_taken:
        messages.success(request, _("The test was taken."))
    else:
        messages.error(request, _("The test was not taken. {why}").format(why=answer.error))


def _switch(request: PersonsRequest, shown: Endpoint) -> None:
    if shown.active:
        endpoints.switch_off(shown, Endpoint.Disabled.BY_HAND, request.user)
        messages.success(request, _("It is switched off: nothing is sent there."))
    else:
        endpoints.switch_on(shown, request.user)
        messages.success(request, _("It is switched on again."))


def _remove(request: PersonsRequest, shown: Endpoint) -> None:
    endpoints.remove(shown, request.user)
    messages.success(request, _("It is removed: nothing is sent there any more."))


def _nothing(_request: PersonsRequest, _shown: Endpoint) -> None:
    """No button was pressed."""
