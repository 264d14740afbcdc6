"""What administrators enter."""

import zoneinfo
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings

from placet.accounts.addresses import LONGEST_ADDRESS, LONGEST_NAME, person_at
from placet.accounts.models import Group, Person
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import FIELDS, ExchangeSettings, Field

SECRET = "client_secret"  # noqa: S105 - a field's name
#: Headings of the form: each stands before the named field.
SECTIONS = {
    "server_address": "Server and application",
    "active": "Activation",
    "confirmed_mechanisms": "How senders are proved",
}


@dataclass(frozen=True)
class Section:
    title: str
    fields: list[forms.BoundField]


class MailboxForm(forms.Form):
    """The Remote Approval tab, made from `placet.mailboxes.settings.FIELDS`.

    It checks nothing itself: `mailboxes.store.save` does, for every way to enter settings; `show_errors` puts
    its sentences beside the fields.
    """

    def __init__(self, data: Mapping[str, Any] | None = None, mailbox: Mailbox | None = None) -> None:
        super().__init__(data, initial=_initial(mailbox))
        for row in FIELDS:
            self.fields[row.name] = _form_field(row)

    def entered(self) -> dict[str, Any]:
        """What was typed, as the store reads it; without the secret."""
        return {row.name: self[row.name].value() for row in FIELDS if row.name != SECRET}

    def secret(self) -> str:
        return str(self[SECRET].value() or "")

    def show_errors(self, errors: Mapping[str, str]) -> None:
        self.full_clean()
        for name, sentence in errors.items():
            self.add_error(name if name in self.fields else None, sentence)

    def sections(self) -> Iterable[Section]:
        sections: list[Section] = []
        for row in FIELDS:
            if row.name in SECTIONS or not sections:
                sections.append(Section(SECTIONS.get(row.name, ""), []))
            sections[-1].fields.append(self[row.name])
        return sections


def _initial(mailbox: Mailbox | None) -> dict[str, Any]:
    """The stored settings, or the defaults; never the secret."""
    shown = mailbox.settings if mailbox else _defaults()
    return {
        row.name: ", ".join(shown[row.name]) if row.kind == "list" else shown[row.name]
        for row in FIELDS
        if row.name != SECRET and shown.get(row.name) is not None
    }


def _defaults() -> dict[str, Any]:
    return ExchangeSettings(username="", client_id="", token_uri="").to_json()


def _form_field(row: Field) -> forms.Field:
    about: dict[str, Any] = {"label": row.label, "help_text": row.help, "required": False}
    if row.kind == "bool":
        return forms.BooleanField(**about)
    if row.kind == "choice":
        return forms.ChoiceField(choices=row.choices, **about)
    attributes = {"spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
    if row.kind == "secret":
        hidden = forms.PasswordInput(attrs={**attributes, "autocomplete": "new-password"}, render_value=False)
        return forms.CharField(widget=hidden, **about)
    if row.kind == "int":
        attributes["inputmode"] = "numeric"
    return forms.CharField(widget=forms.TextInput(attrs=attributes), **about)


# --- people and groups ------------------------------------------------------------------------------------


class PersonAtField(forms.EmailField):
    """Somebody, entered by one of their addresses."""

    def clean(self, value: Any) -> Person | None:
        address = super().clean(value)
        if not address:
            return None
        person = person_at(address)
        if person is None:
            raise forms.ValidationError(f"There is nobody with the address {address}.")
        return person


class AddPersonForm(forms.Form):
    name = forms.CharField(max_length=LONGEST_NAME)
    address = forms.EmailField(
        label="E-mail address",
        max_length=LONGEST_ADDRESS,
        help_text="Requests are sent here, and answers are accepted from here.",
    )
    manager = PersonAtField(label="Manager's address, if there is one", required=False)
    administrator = forms.BooleanField(
        required=False, help_text="May see every request and change every setting."
    )

    def clean_address(self) -> str:
        address = str(self.cleaned_data["address"])
        if person_at(address) is not None:
            raise forms.ValidationError("This address belongs to somebody already.")
        return address

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if not name.isprintable():
            raise forms.ValidationError("This name holds characters that cannot be seen.")
        return name


class PersonForm(forms.Form):
    """What can be changed of somebody."""

    manager = PersonAtField(
        label="Manager's address", required=False, help_text="Asked where a process says “manager”."
    )
    zone = forms.CharField(
        label="Time zone",
        required=False,
        max_length=64,
        help_text=f"Such as Europe/Paris; empty: {settings.TIME_ZONE}.",
    )

    def __init__(self, data: Mapping[str, Any] | None, person: Person) -> None:
        manager = person.manager.email if person.manager else ""
        super().__init__(data, initial={"manager": manager, "zone": person.zone})
        self._person = person

    def clean_manager(self) -> Person | None:
        manager: Person | None = self.cleaned_data["manager"]
        if manager is not None and manager.pk == self._person.pk:
            raise forms.ValidationError("Nobody is their own manager.")
        return manager

    def clean_zone(self) -> str:
        zone = str(self.cleaned_data["zone"])
        if zone and zone not in zoneinfo.available_timezones():
            raise forms.ValidationError("There is no such time zone. Write one such as Europe/Paris.")
        return zone


TAKEN_KEY = "There is a group with this key already."


class GroupForm(forms.Form):
    name = forms.CharField(max_length=LONGEST_NAME)
    key = forms.SlugField(max_length=50, help_text="As processes write it, such as finance.")

    def clean_key(self) -> str:
        key = str(self.cleaned_data["key"])
        if Group.objects.filter(key=key).exists():
            raise forms.ValidationError(TAKEN_KEY)
        return key


class MemberForm(forms.Form):
    person = PersonAtField(label="Add somebody by their e-mail address")
