"""What is entered of a webhook, and of what is to be sent there once more."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.approvals.models import Process
from placet.webhooks.forms import EndpointForm
from placet.webhooks.models import Endpoint

LONGEST_HOURS = 30 * 24
_MOMENT = "%Y-%m-%dT%H:%M"


class WebhookForm(EndpointForm):
    """Of all processes, or of some."""

    processes = forms.MultipleChoiceField(
        label=gettext_lazy("Processes"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: all of them."),
    )
    with_data = forms.BooleanField(
        label=gettext_lazy("Send what was entered and answered, too"),
        required=False,
        help_text=gettext_lazy(
            "Without this only ids are sent, and whoever wants to know more asks by the API with a key that may."
        ),
    )

    def __init__(self, data: Any = None, endpoint: Endpoint | None = None) -> None:
        names = ("url", "description", "events", "processes", "with_data")
        super().__init__(data, initial={name: getattr(endpoint, name) for name in names} if endpoint else {})
        field: Any = self.fields["processes"]
        kept = endpoint.processes if endpoint is not None else []
        offered = Process.objects.filter(retired_at=None) | Process.objects.filter(key__in=kept)
        field.choices = offered.order_by("name", "pk").values_list("key", "name")


class RotateForm(forms.Form):
    """How long the former secret signs, too."""

    hours = forms.IntegerField(
        label=gettext_lazy("Hours in which the former secret signs, too"),
        min_value=0,
        max_value=LONGEST_HOURS,
        initial=24,
    )

    @property
    def both_valid(self) -> timedelta:
        return timedelta(hours=self.cleaned_data["hours"])


class SpanForm(forms.Form):
    """In the reader's zone."""

    begin = forms.DateTimeField(
        label=gettext_lazy("From"),
        input_formats=[_MOMENT],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_MOMENT),
    )
    end = forms.DateTimeField(
        label=gettext_lazy("To"),
        input_formats=[_MOMENT],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_MOMENT),
    )

    def clean_end(self) -> datetime:
        end: datetime = self.cleaned_data["end"]
        begin = self.cleaned_data.get("begin")
        if begin is not None and end <= begin:
            raise ValidationError(_("This lies before the beginning."))
        return end
