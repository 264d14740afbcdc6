"""How somebody is asked by mail, in the forms where that is chosen."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

COLLECTED = "collected"


class DigestField(forms.ChoiceField):
    """Whether the mails that ask somebody are collected (`Person.in_digests`)."""

    def __init__(self) -> None:
        super().__init__(
            choices=[
                ("", gettext_lazy("One by one")),
                (COLLECTED, gettext_lazy("Collected, when the working day begins")),
            ],
            required=False,
            label=gettext_lazy("Mails that ask"),
            help_text=gettext_lazy(
                "If they are collected, what would be late by then is still sent at once."
            ),
        )

    def clean(self, value: Any) -> bool:
        return bool(super().clean(value))

    def prepare_value(self, value: Any) -> Any:
        """What a person has, as a choice."""
        return (COLLECTED if value else "") if isinstance(value, bool) else value
