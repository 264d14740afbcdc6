"""What administrators enter about people and groups."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from placet.accounts.addresses import (
    LONGEST_ADDRESS,
    LONGEST_NAME,
    PersonInvalid,
    check_address,
    check_name,
    people_at,
    person_at,
)
from placet.accounts.calendars import default_calendar
from placet.accounts.digest_field import DigestField
from placet.accounts.general import general
from placet.accounts.importing import Options
from placet.accounts.limits import read_limit, written_limit
from placet.accounts.models import Calendar, Group, Person
from placet.accounts.people_csv import LARGEST, FileInvalid, Table, read
from placet.lib.zones import zone_names

LONGEST_PASTE = 20_000  # characters of pasted addresses
MOST_SAID = 10  # of what is wrong in one field
TAKEN = gettext_lazy("This address belongs to somebody already.")
OWNER_HELP = gettext_lazy(
    "May make processes, and change, publish and watch those that they own. Without this role they see none of them."
)
TAKEN_KEY = gettext_lazy("There is a group with this key already.")
_PLAIN = {"spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
#: Where JavaScript is, people are suggested while somebody types (`panel:suggest_people`).
SUGGESTED = {
    **_PLAIN,
    "list": "people-found",
    "hx-get": reverse_lazy("panel:suggest_people"),
    "hx-trigger": "input changed delay:200ms",
    "hx-target": "#people-found",
    "hx-sync": "this:replace",
}
_BETWEEN = re.compile(r"[\s<>()\[\];,:\"']+")  # what stands between addresses


def _addresses_in(text: str) -> list[str]:
    return [part for part in _BETWEEN.split(text) if "@" in part[1:-1]]


# --- people -----------------------------------------------------------------------------------------------


class PersonAtField(forms.CharField):
    """Somebody, entered by one of their addresses, or by a name that only they have."""

    widget = forms.TextInput(attrs=SUGGESTED)

    def __init__(self, **about: Any) -> None:
        super().__init__(max_length=LONGEST_NAME + LONGEST_ADDRESS + len(" <>"), **about)

    def clean(self, value: Any) -> Person | None:
        text = str(super().clean(value) or "").replace("\x00", "")
        if not text:
            return None
        addresses = _addresses_in(text)
        person = person_at(addresses[0]) if addresses else _only_one_called(text)
        if person is None:
            raise forms.ValidationError(_("There is nobody with the address {address}.").format(address=text))
        return person


def _only_one_called(name: str) -> Person:
    found = Person.objects.filter(name__casefold=name)[:2]
    if len(found) == 1:
        return found[0]
    said = (
        _("Several people are called {name}. Write the address.")
        if found
        else _("There is nobody called {name}. Write an address.")
    )
    raise forms.ValidationError(said.format(name=name))


class NameField(forms.CharField):
    def __init__(self, **about: Any) -> None:
        super().__init__(max_length=LONGEST_NAME, **about)

    def clean(self, value: Any) -> str:
        name = str(super().clean(value))
        try:
            check_name(name)
        except PersonInvalid as error:
            raise forms.ValidationError(_("This name holds characters that cannot be seen.")) from error
        return name


class NewAddressField(forms.EmailField):
    """An address that belongs to nobody yet."""

    def __init__(self, **about: Any) -> None:
        super().__init__(max_length=LONGEST_ADDRESS, **about)
        self.error_messages["invalid"] = gettext_lazy(
            "Enter a whole e-mail address, such as name@contoso.com."
        )

    def clean(self, value: Any) -> str:
        address = str(super().clean(value))
        try:
            check_address(address)
        except PersonInvalid as error:
            raise forms.ValidationError(str(error)) from error
        if person_at(address) is not None:
            raise forms.ValidationError(TAKEN)
        return address


class AddPersonForm(forms.Form):
    name = NameField(label=gettext_lazy("Name"))
    address = NewAddressField(
        label=gettext_lazy("E-mail address"),
        help_text=gettext_lazy("Requests are sent here, and answers are accepted from here."),
    )
    manager = PersonAtField(
        label=gettext_lazy("Manager, if there is one"),
        required=False,
        help_text=gettext_lazy("Their name or address. Asked where a process says “manager”."),
    )
    administrator = forms.BooleanField(
        label=gettext_lazy("Administrator"),
        required=False,
        help_text=gettext_lazy("May see every request and change every setting."),
    )
    process_owner = forms.BooleanField(
        label=gettext_lazy("Process owner"), required=False, help_text=OWNER_HELP
    )
    invite = forms.BooleanField(
        label=gettext_lazy("Invite by mail"),
        required=False,
        initial=True,
        help_text=gettext_lazy(
            "They get a link to choose a password. Somebody who only answers by mail does not need one."
        ),
    )

    def __init__(self, data: Mapping[str, Any] | None, *, can_invite: bool) -> None:
        super().__init__(data)
        if not can_invite:
            del self.fields["invite"]


class AddressForm(forms.Form):
    address = NewAddressField(label=gettext_lazy("One more address"))


def known_of(person: Person) -> dict[str, Any]:
    """What the form of a person shows."""
    return {
        "name": person.name,
        "manager": person.manager.email if person.manager else "",
        "approval_limit": written_limit(person.approval_limit),
        "language": person.language,
        "zone": person.zone,
        "calendar": person.calendar_id,
        "in_digests": person.in_digests,
        "groups": sorted(group.pk for group in person.approval_groups.all()),
        "administrator": person.is_administrator,
        "process_owner": person.is_process_owner,
    }


class LimitField(forms.CharField):
    """Up to which amount somebody approves; empty: no limit is set."""

    def __init__(self, **about: Any) -> None:
        super().__init__(max_length=40, required=False, widget=forms.TextInput(attrs=_PLAIN), **about)

    def clean(self, value: Any) -> Decimal | None:
        text = str(super().clean(value))
        try:
            return read_limit(text) if text else None
        except PersonInvalid as error:
            raise forms.ValidationError(str(error)) from error


class PersonForm(forms.Form):
    """What is known of somebody, beside their addresses."""

    name = NameField(label=gettext_lazy("Name"))
    manager = PersonAtField(
        label=gettext_lazy("Manager"),
        required=False,
        help_text=gettext_lazy("Their name or address. Asked where a process says “manager”."),
    )
    approval_limit = LimitField(
        label=gettext_lazy("Approval limit"),
        help_text=gettext_lazy(
            "Asked where a process looks for a manager whose limit is enough. Empty: never enough."
        ),
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False)
    zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        required=False,
        max_length=64,
        widget=forms.TextInput(attrs={**_PLAIN, "list": "zones"}),
    )
    calendar = forms.ModelChoiceField(
        Calendar.objects.all(),
        label=gettext_lazy("Calendar"),
        required=False,
        help_text=gettext_lazy(
            "Their working hours. The calendar's time zone counts, not the one that they read times in."
        ),
    )
    in_digests = DigestField()
    groups = forms.ModelMultipleChoiceField(
        Group.objects.all(), label=gettext_lazy("Groups"), required=False, widget=forms.CheckboxSelectMultiple
    )
    administrator = forms.BooleanField(label=gettext_lazy("Administrator"), required=False)
    process_owner = forms.BooleanField(
        label=gettext_lazy("Process owner"), required=False, help_text=OWNER_HELP
    )

    def __init__(self, data: Mapping[str, Any] | None, person: Person, by: Person) -> None:
        super().__init__(data, initial=known_of(person))
        self._person = person
        said, names = general(), dict(settings.LANGUAGES)
        language, zone, role = self.fields["language"], self.fields["zone"], self.fields["administrator"]
        as_usual = _("As everybody: {language}").format(language=names[said.language])
        language.choices = [("", as_usual), *settings.LANGUAGES]  # type: ignore[attr-defined]  # a Field to mypy
        zone.help_text = _("Such as Europe/Paris; empty: as everybody, {zone}.").format(zone=said.zone)
        calendar: Any = self.fields["calendar"]
        everybodys = default_calendar()
        calendar.empty_label = _("As everybody: {calendar}").format(
            calendar=everybodys.name if everybodys is not None else _("the built-in hours")
        )
        role.help_text = _("May see every request and change every setting.")
        if person.pk == by.pk:
            role.disabled = True
            role.help_text = _("You cannot take this role from yourself. Ask another administrator.")

    def entered(self) -> dict[str, Any]:
        """Like `known_of`."""
        given = self.cleaned_data
        manager, groups = given["manager"], sorted(group.pk for group in given["groups"])
        calendar: Calendar | None = given["calendar"]
        return {
            **given,
            "calendar": calendar.pk if calendar is not None else None,
            "manager": manager.email if manager else "",
            "approval_limit": written_limit(given["approval_limit"]),
            "groups": groups,
        }

    def stored_otherwise(self) -> list[tuple[str, str]]:
        """Labels of what was entered otherwise than it is stored, each with what is stored."""
        entered = self.entered()
        return [
            (str(self.fields[name].label), self._in_words(name))
            for name, stored in self.initial.items()
            if entered[name] != stored
        ]

    def _in_words(self, name: str) -> str:
        stored = self.initial[name]
        if name in ("administrator", "process_owner"):
            return _("yes") if stored else _("no")
        if name == "groups":
            stored = ", ".join(group.name for group in self._person.approval_groups.all())
        elif name == "calendar":
            stored = self._person.calendar or ""
        elif name in ("language", "in_digests"):
            choices: Any = self.fields[name]
            stored = dict(choices.choices).get(choices.prepare_value(stored), stored)
        return str(stored) or _("nothing")

    def clean_manager(self) -> Person | None:
        manager: Person | None = self.cleaned_data["manager"]
        if manager is None:
            return None
        if manager.pk == self._person.pk:
            raise forms.ValidationError(_("Nobody is their own manager."))
        between = _line_between(manager, self._person)
        if between:
            names = " → ".join([self._person.name, *(person.name for person in between), self._person.name])
            raise forms.ValidationError(
                _("They would be each other's managers: {names}.").format(names=names)
            )
        return manager

    def clean_zone(self) -> str:
        zone = str(self.cleaned_data["zone"])
        if zone and zone not in zone_names():
            raise forms.ValidationError(_("There is no such time zone. Write one such as Europe/Paris."))
        return zone


def _line_between(manager: Person, person: Person) -> list[Person]:
    """From a manager up to this person, if they lead there; else nobody."""
    leads = dict(Person.objects.filter(manager__isnull=False).values_list("pk", "manager_id"))
    way = [manager.pk]
    while (above := leads.get(way[-1])) and above != person.pk and above not in way:
        way.append(above)
    if leads.get(way[-1]) != person.pk:
        return []
    found = Person.objects.in_bulk(way)
    return [found[pk] for pk in way]


# --- groups -----------------------------------------------------------------------------------------------


class GroupForm(forms.Form):
    name = NameField(label=gettext_lazy("Name"))
    key = forms.SlugField(
        label=gettext_lazy("Key"),
        max_length=50,
        help_text=gettext_lazy(
            "Processes name the group by it, such as finance. It cannot be changed later."
        ),
        widget=forms.TextInput(attrs=_PLAIN),
    )

    def clean_key(self) -> str:
        key = str(self.cleaned_data["key"])
        if Group.objects.filter(key=key).exists():
            raise forms.ValidationError(TAKEN_KEY)
        return key


class RenameForm(forms.Form):
    name = NameField(label=gettext_lazy("Name"))

    def __init__(self, data: Any, *, group: Group) -> None:
        super().__init__(data, initial={"name": group.name})
        sentence = _("The key stays {key}: processes name the group by it.")
        self.fields["name"].help_text = sentence.format(key=group.key)


class MembersForm(forms.Form):
    """One person, or many that were pasted: addresses with or without names, as mail programs and lists have them."""

    people = forms.CharField(
        label=gettext_lazy("Add people by their e-mail addresses"),
        max_length=LONGEST_PASTE,
        widget=forms.Textarea(attrs={**_PLAIN, "rows": 3}),
        help_text=gettext_lazy("Several at once: one a line, or with semicolons in between."),
    )

    def clean_people(self) -> Sequence[Person]:
        parts = [part.strip() for part in re.split(r"[;\n]", self.cleaned_data["people"]) if part.strip()]
        named: list[str] = []
        for part in parts:
            named += _addresses_in(part) or [part]
        if not named:
            raise forms.ValidationError(_("There is no address here. Write at least one."))
        found = people_at(name for name in named if "@" in name)
        unknown = [name for name in dict.fromkeys(named) if name.strip().lower() not in found]
        if unknown:
            raise forms.ValidationError(_nobody_with(unknown))
        return list({person.pk: person for person in found.values()}.values())


def _nobody_with(unknown: Sequence[str]) -> str:
    listed = ", ".join(unknown[:MOST_SAID])
    if len(unknown) <= MOST_SAID:
        return _("There is nobody with the address {addresses}. Nobody was added.").format(addresses=listed)
    more = len(unknown) - MOST_SAID
    return ngettext(
        "There is nobody with the address {addresses}, and with {more} other. Nobody was added.",
        "There is nobody with the address {addresses}, and with {more} others. Nobody was added.",
        more,
    ).format(addresses=listed, more=more)


# --- import -----------------------------------------------------------------------------------------------


class ImportForm(forms.Form):
    """A file with people. Once it is valid, `table` has its rows."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv,text/plain"}),
        help_text=gettext_lazy("At most 2 MB and 10,000 people."),
        error_messages={"empty": gettext_lazy("This file is empty.")},
    )
    leave_groups = forms.BooleanField(
        label=gettext_lazy("Take people out of groups that the file does not give them"),
        required=False,
        help_text=gettext_lazy("Otherwise the file only adds to groups."),
    )
    administrators = forms.BooleanField(
        label=gettext_lazy("Use the columns “Administrator” and “Process owner”"),
        required=False,
        help_text=gettext_lazy("Otherwise they are not read, and nobody gets or loses a role."),
    )
    not_named = forms.BooleanField(
        label=gettext_lazy("List people who are not in the file"),
        required=False,
        help_text=gettext_lazy("They are only listed: an import deactivates nobody."),
    )

    table: Table

    def clean_file(self) -> "UploadedFile[bytes]":
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        # One byte more than is allowed tells the reader that it is too large.
        try:
            self.table = read(file.read(LARGEST + 1))
        except FileInvalid as error:
            raise forms.ValidationError(str(error)) from error
        return file

    def options(self) -> Options:
        given = self.cleaned_data
        return Options(administrators=given["administrators"], leave_groups=given["leave_groups"])
