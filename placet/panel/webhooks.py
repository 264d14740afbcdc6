"""Webhooks in Administration: where events go, what was answered, and once more what was not taken."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters

from placet.approvals.models import Process
from placet.panel.pager import page_of
from placet.panel.webhook_forms import RotateForm, SpanForm, WebhookForm
from placet.portal.people import PersonsRequest, administrators_only
from placet.webhooks import delivering, endpoints, events
from placet.webhooks.endpoints import EndpointInvalid
from placet.webhooks.models import Delivery, Endpoint

ATTEMPTS_SHOWN = 50
MOST_SHOWN = 100  # as many as there can be
CALLBACKS_SHOWN = 20


@sensitive_post_parameters()
@administrators_only
def webhooks(request: PersonsRequest) -> HttpResponse:
    """All of them, and a form for one more, whose secret is shown once."""
    form = WebhookForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = endpoints.make(form.wanted(), request.user)
        except EndpointInvalid as error:
            form.add_error(error.field, str(error))
        else:
            return render(request, "panel/webhook_secret.html", {"webhook": made, "secret": secret})
    rows = endpoints.webhooks().select_related("owner")[:MOST_SHOWN]
    given_up = endpoints.callbacks_not_taken().select_related("endpoint", "event__request")[:CALLBACKS_SHOWN]
    context = {"webhooks": rows, "form": form, "callbacks": given_up}
    return render(request, "panel/webhooks.html", context, status=422 if form.errors else 200)


@administrators_only
def webhook(request: PersonsRequest, pk: int) -> HttpResponse:
    """One, with what was sent there."""
    return _page(request, _find(pk), RotateForm(), SpanForm())


def _page(
    request: PersonsRequest, shown: Endpoint, rotating: RotateForm, span: SpanForm, status: int = 200
) -> HttpResponse:
    deliveries = Delivery.objects.filter(endpoint=shown).select_related("event__request")
    names = dict(Process.objects.filter(key__in=shown.processes).values_list("key", "name"))
    context = {
        "webhook": shown,
        "events": [events.BY_TYPE[one].description for one in shown.events if one in events.BY_TYPE],
        "processes": [names.get(one, one) for one in shown.processes],
        "page": page_of(deliveries, request),
        "rotating": rotating,
        "span": span,
    }
    return render(request, "panel/webhook.html", context, status=status)


@sensitive_post_parameters()
@administrators_only
def edit(request: PersonsRequest, pk: int) -> HttpResponse:
    shown = _find(pk)
    form = WebhookForm(request.POST if request.method == "POST" else None, shown)
    if request.method == "POST" and form.is_valid():
        endpoints.change(shown, form.wanted(), request.user)
        messages.success(request, _("Saved."))
        return redirect("panel:webhook", pk)
    context = {"webhook": shown, "form": form}
    return render(request, "panel/webhook_edit.html", context, status=422 if form.errors else 200)


@administrators_only
def test(request: PersonsRequest, pk: int) -> HttpResponse:
    """Send an event that says that it is a test, at once. It goes out, so it is no GET."""
    shown = _find(pk)
    if request.method != "POST":
        return redirect("panel:webhook", pk)
    delivery, answer = delivering.send_test(shown)
    if answer.is_taken:
        messages.success(request, _("The test was taken."))
    else:
        messages.error(request, _("The test was not taken. {why}").format(why=answer.error))
    return redirect("panel:webhook_delivery", pk, delivery.pk)


@administrators_only
def switch(request: PersonsRequest, pk: int) -> HttpResponse:
    """Off, or on again."""
    shown = _find(pk)
    if request.method == "POST":
        if shown.active:
            endpoints.switch_off(shown, Endpoint.Disabled.BY_HAND, request.user)
            messages.success(request, _("It is switched off: nothing is sent there."))
        else:
            endpoints.switch_on(shown, request.user)
            messages.success(request, _("It is switched on again."))
    return redirect("panel:webhook", pk)


@administrators_only
def rotate(request: PersonsRequest, pk: int) -> HttpResponse:
    """A new secret, which is shown once."""
    shown = _find(pk)
    if request.method != "POST":
        return redirect("panel:webhook", pk)
    form = RotateForm(request.POST)
    if not form.is_valid():
        return _page(request, shown, form, SpanForm(), status=422)
    secret = endpoints.rotate(shown, request.user, form.both_valid)
    context = {"webhook": shown, "secret": secret, "hours": form.cleaned_data["hours"]}
    return render(request, "panel/webhook_secret.html", context)


@administrators_only
def replay(request: PersonsRequest, pk: int) -> HttpResponse:
    """Once more: one delivery, or all of a span of time."""
    shown = _find(pk)
    if request.method != "POST":
        return redirect("panel:webhook", pk)
    if not shown.active:
        messages.error(request, _("Switch it on first: nothing is sent there."))
        return redirect("panel:webhook", pk)
    one = request.POST.get("delivery", "")
    if one:
        number = int(one) if one.isdecimal() and len(one) < 19 else 0
        get_object_or_404(Delivery, endpoint=shown, pk=number)
        chosen = Delivery.objects.filter(endpoint=shown, pk=number).exclude(event__type=events.TEST)
    else:
        form = SpanForm(request.POST)
        if not form.is_valid():
            return _page(request, shown, RotateForm(), form, status=422)
        chosen = endpoints.of_span(shown, form.cleaned_data["begin"], form.cleaned_data["end"])
    count = endpoints.replay(chosen, request.user)
    told = ngettext("{count} event is sent once more.", "{count} events are sent once more.", count)
    messages.success(request, told.format(count=count))
    return redirect("panel:webhook", pk)


@administrators_only
def replay_callback(request: PersonsRequest) -> HttpResponse:
    """A callback that was given up is called once more; its endpoint may have been switched off by that."""
    if request.method == "POST":
        one = request.POST.get("delivery", "")
        number = int(one) if one.isdecimal() and len(one) < 19 else 0
        row = get_object_or_404(endpoints.callbacks_not_taken().select_related("endpoint"), pk=number)
        endpoints.switch_on(row.endpoint, request.user)
        endpoints.replay(Delivery.objects.filter(pk=row.pk), request.user)
        messages.success(request, _("It is sent once more."))
    return redirect("panel:webhooks")


@administrators_only
def delivery(request: PersonsRequest, pk: int, number: int) -> HttpResponse:
    """What was sent, each try, and what was answered."""
    shown = _find(pk)
    row = get_object_or_404(Delivery.objects.select_related("event__request"), endpoint=shown, pk=number)
    attempts = row.attempts.order_by("-pk")[:ATTEMPTS_SHOWN]
    context = {
        "webhook": shown,
        "delivery": row,
        "attempts": attempts,
        "is_test": row.event.request_id is None,
    }
    return render(request, "panel/webhook_delivery.html", context)


@administrators_only
def remove(request: PersonsRequest, pk: int) -> HttpResponse:
    """Asked once more."""
    shown = _find(pk)
    if request.method == "POST":
        endpoints.remove(shown, request.user)
        messages.success(request, _("The webhook is removed."))
        return redirect("panel:webhooks")
    return render(request, "panel/webhook_remove.html", {"webhook": shown})


def _find(pk: int) -> Endpoint:
    return get_object_or_404(endpoints.webhooks().select_related("owner"), pk=pk)
