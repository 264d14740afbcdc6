"""What is entered of an endpoint, on whatever page."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from placet.alarms.chosen import LONGEST_ADDRESS
from placet.webhooks import events
from placet.webhooks.endpoints import EndpointInvalid, Wanted
from placet.webhooks.models import LONGEST_DESCRIPTION


def event_choices() -> list[tuple[str, Any]]:
    return [(one.type, one.description) for one in events.TYPES]


class EndpointForm(forms.Form):
    """What webhooks and chats have in common. An address is checked as far as it can be known before it is called."""

    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=LONGEST_ADDRESS,
        widget=forms.TextInput(
            attrs={
                "inputmode": "url", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off",
                "placeholder": "https://",
            }
        ),
    )  # fmt: skip
    description = forms.CharField(
        label=gettext_lazy("Description"),
        required=False,
        max_length=LONGEST_DESCRIPTION,
        help_text=gettext_lazy("What it is for, and whom to ask about it."),
    )
    events = forms.MultipleChoiceField(
        label=gettext_lazy("Events"),
        required=False,
        choices=event_choices,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None chosen: all of them."),
    )

    def wanted(self) -> Wanted:
        given = self.cleaned_data
        return Wanted(
            given["url"], given["description"], given["events"], given.get("processes", ()),
            bool(given.get("with_data")),
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            try:
                self.wanted().checked()
            except EndpointInvalid as error:
                self.add_error(error.field, ValidationError(str(error)))
        return self.cleaned_data
