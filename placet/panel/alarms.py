"""The Alarms tab: when a silent mailbox raises the alarm, and who is told of it."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from placet.accounts.general import of_request
from placet.alarms import chosen, webhook
from placet.alarms.chosen import FEWEST_MINUTES, LONGEST_ADDRESS, MOST_MINUTES
from placet.alarms.messages import administrators
from placet.alarms.models import Delivery
from placet.mailboxes.base import FixNeeded
from placet.mailboxes.http import check_entered
from placet.mailboxes.models import Mailbox
from placet.portal.people import PersonsRequest, administrators_only

SHOWN = 5  # messages to the webhook
PEOPLE_SHOWN = 20


class AlarmsForm(forms.Form):
    """The webhook's address is a secret: what is stored is not in the form, and an empty field keeps it."""

    minutes = forms.IntegerField(
        label=gettext_lazy("Minutes of silence"),
        min_value=FEWEST_MINUTES,
        max_value=MOST_MINUTES,
        help_text=gettext_lazy(
            "From 5 to 1440 (a day). A mailbox with a long poll interval is given at least three of them."
        ),
        error_messages={
            name: gettext_lazy("Enter a whole number of minutes, from 5 to 1440 (a day).")
            for name in ("required", "invalid", "min_value", "max_value")
        },
    )
    address = forms.CharField(
        label=gettext_lazy("Webhook address"),
        required=False,
        max_length=LONGEST_ADDRESS,
        widget=forms.TextInput(
            attrs={
                "inputmode": "url", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off",
                "placeholder": "https://",
            }
        ),
    )  # fmt: skip
    remove = forms.BooleanField(label=gettext_lazy("Remove the webhook"), required=False)

    def __init__(self, host: str, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial={"minutes": int(chosen.patience().total_seconds() // 60)})
        if host:
            self.fields["address"].help_text = _(
                "An address at {host} is stored and is not shown. Empty keeps it."
            ).format(host=host)
        else:
            del self.fields["remove"]
            self.fields["address"].help_text = _("Empty: nothing is sent.")

    def clean_address(self) -> str:
        text = str(self.cleaned_data["address"])
        if not text:
            return ""
        try:
            address = chosen.address_of(text)
            check_entered(address)
        except (chosen.AddressInvalid, FixNeeded) as error:
            raise ValidationError(str(error)) from error
        return address

    def store(self, by: int) -> None:
        entered: str | None = self.cleaned_data["address"] or None
        if self.cleaned_data.get("remove"):
            entered = ""
        chosen.save(minutes=self.cleaned_data["minutes"], address=entered, by=by)


@sensitive_post_parameters()
@administrators_only
def alarms(request: PersonsRequest) -> HttpResponse:
    host = chosen.host(chosen.webhook())
    if request.method != "POST":
        return _page(request, AlarmsForm(host), host)
    form = AlarmsForm(host, request.POST)
    if not form.is_valid():
        return _page(request, form, host, status=422)
    form.store(request.user.pk)
    messages.success(request, _("Saved."))
    return redirect("panel:alarms")


def _page(request: PersonsRequest, form: AlarmsForm, host: str, status: int = 200) -> HttpResponse:
    told = administrators()
    context = {
        "form": form,
        "host": host,
        "deliveries": Delivery.objects.order_by("-pk")[:SHOWN],
        "administrators": told[:PEOPLE_SHOWN],
        "more_administrators": max(told.count() - PEOPLE_SHOWN, 0),
        "mailboxes": Mailbox.objects.filter(active=True).count(),
        "healthz": f"{of_request(request).public_url}/healthz",
    }
    return render(request, "panel/alarms.html", context, status=status)


@administrators_only
def test_webhook(request: PersonsRequest) -> HttpResponse:
    """Send a message that says that it is a test. It goes out, so it is no GET."""
    if request.method != "POST":
        return redirect("panel:alarms")
    if not chosen.webhook():
        messages.error(request, _("Enter the address of the webhook first, and save it."))
        return redirect("panel:alarms")
    sent = webhook.send_test()
    if sent.state == Delivery.State.SENT:
        messages.success(request, _("The test was taken."))
    else:
        messages.error(request, _("The test was not taken. {why}").format(why=sent.last_error))
    return redirect("panel:alarms")
