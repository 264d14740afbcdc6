"""What administrators enter about calendars."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.dates import WEEKDAYS
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from placet.accounts.calendar_changes import LONGEST_DAY_NAME, CalendarInvalid, check_day
from placet.accounts.calendar_file import LARGEST, CalendarFileInvalid, FileDays, read_days
from placet.accounts.calendars import OFFICE_WEEK, Content, OwnDay, Spans
from placet.accounts.general import general
from placet.accounts.hours_text import LONGEST_HOURS, HoursInvalid, read_spans, write_spans
from placet.accounts.models import Calendar
from placet.lib.public_holidays import PUBLIC, Observed, categories, countries, subdivisions
from placet.lib.zones import zone_names
from placet.panel.forms import NameField

MOST_AT_ONCE = 366  # own days
BUILT_IN = "built-in"  # the choice that is no calendar
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_COPIED_TO = DAYS[1:5]
_PLAIN = {"spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}
#: Of the library's categories, in words.
CATEGORIES: dict[str, Any] = {
    PUBLIC: gettext_lazy("Public holidays"),
    "albanian": gettext_lazy("Albanian holidays"),
    "armed_forces": gettext_lazy("Holidays of the armed forces"),
    "armenian": gettext_lazy("Armenian holidays"),
    "bank": gettext_lazy("Bank holidays"),
    "bosnian": gettext_lazy("Bosnian holidays"),
    "catholic": gettext_lazy("Catholic holidays"),
    "christian": gettext_lazy("Christian holidays"),
    "de_facto": gettext_lazy("Holidays by custom"),
    "government": gettext_lazy("Holidays of public authorities"),
    "half_day": gettext_lazy("Half holidays (closed all day here)"),
    "hebrew": gettext_lazy("Jewish holidays"),
    "hindu": gettext_lazy("Hindu holidays"),
    "islamic": gettext_lazy("Islamic holidays"),
    "optional": gettext_lazy("Optional holidays"),
    "optional_women": gettext_lazy("Optional holidays of women"),
    "orthodox": gettext_lazy("Orthodox holidays"),
    "protestant": gettext_lazy("Protestant holidays"),
    "roma": gettext_lazy("Holidays of Roma"),
    "sabian": gettext_lazy("Sabian holidays"),
    "school": gettext_lazy("School holidays"),
    "serbian": gettext_lazy("Serbian holidays"),
    "turkish": gettext_lazy("Turkish holidays"),
    "unofficial": gettext_lazy("Unofficial holidays"),
    "vlach": gettext_lazy("Vlach holidays"),
    "workday": gettext_lazy("Holidays on which people work (closed here)"),
    "yazidi": gettext_lazy("Yazidi holidays"),
}


class HoursField(forms.CharField):
    """The hours of one day; what it gives are spans."""

    def __init__(self, **about: Any) -> None:
        attributes = {**_PLAIN, "placeholder": gettext_lazy("closed")}
        super().__init__(
            required=False, max_length=LONGEST_HOURS, widget=forms.TextInput(attrs=attributes), **about
        )

    def clean(self, value: Any) -> Spans:
        try:
            return read_spans(str(super().clean(value)))
        except HoursInvalid as error:
            raise forms.ValidationError(str(error)) from error


# --- a calendar -------------------------------------------------------------------------------------------


class CalendarForm(forms.Form):
    """All of a calendar but its own days."""

    name = NameField(label=gettext_lazy("Name"))
    key = forms.SlugField(
        label=gettext_lazy("Key"),
        max_length=50,
        help_text=gettext_lazy(
            "Files and commands name the calendar by it, such as munich. It cannot be changed later."
        ),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        max_length=64,
        error_messages={"required": gettext_lazy("Enter a time zone such as Europe/Paris.")},
        help_text=gettext_lazy("The hours below are those of the clocks there. Type a city to search."),
        widget=forms.TextInput(attrs={**_PLAIN, "list": "zones"}),
    )
    monday = HoursField()
    tuesday = HoursField()
    wednesday = HoursField()
    thursday = HoursField()
    friday = HoursField()
    saturday = HoursField()
    sunday = HoursField()
    country = forms.ChoiceField(
        label=gettext_lazy("Country"),
        required=False,
        help_text=gettext_lazy("Nobody works on its holidays."),
    )
    subdivision = forms.ChoiceField(
        label=gettext_lazy("Region"),
        required=False,
        error_messages={
            "invalid_choice": gettext_lazy("This region is not in that country. Choose it once more.")
        },
    )
    categories = forms.MultipleChoiceField(
        label=gettext_lazy("Which holidays"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "invalid_choice": gettext_lazy("That country has no holidays of this kind. Choose once more.")
        },
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        initial: Mapping[str, Any],
        calendar: Calendar | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial))
        if calendar is not None:
            del self.fields["key"]
        for number, day in enumerate(DAYS):
            self.fields[day].label = WEEKDAYS[number]
        country = str(self["country"].value() or "")
        self._choose("country", [("", _("No holidays")), *countries(get_language() or "en")])
        self._choose("subdivision", [("", _("All of the country")), *subdivisions(country)])
        self._choose("categories", [(one, CATEGORIES.get(one, one)) for one in categories(country)])

    def _choose(self, name: str, choices: Iterable[tuple[str, Any]]) -> None:
        field: Any = self.fields[name]
        field.choices = choices

    @property
    def week(self) -> list[forms.BoundField]:
        return [self[day] for day in DAYS]

    @property
    def regions(self) -> bool:
        """Whether there is anything to choose of the country."""
        field: Any = self.fields["subdivision"]
        return len(field.choices) > 1

    @property
    def kinds(self) -> bool:
        field: Any = self.fields["categories"]
        return bool(field.choices)

    def clean_key(self) -> str:
        key = str(self.cleaned_data["key"])
        if Calendar.objects.filter(key=key).exists():
            raise forms.ValidationError(TAKEN_KEY)
        return key

    def clean_zone(self) -> str:
        zone = str(self.cleaned_data["zone"])
        if zone not in zone_names():
            raise forms.ValidationError(_("There is no such time zone. Write one such as Europe/Paris."))
        return zone

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if all(given.get(day) == () for day in DAYS):
            self.add_error("monday", _("Enter the hours of at least one day of the week."))
        return given

    def content(self, days: Sequence[OwnDay] = ()) -> Content:
        """What was entered and is right; `days` come from elsewhere."""
        given = self.cleaned_data
        week = tuple(given[day] for day in DAYS)
        return Content(given["zone"], week, self._observed(given), days)

    def _observed(self, given: Mapping[str, Any]) -> Observed:
        if not given["country"]:
            return Observed()
        return Observed(
            given["country"], given["subdivision"], tuple(sorted(given["categories"] or [PUBLIC]))
        )


TAKEN_KEY = gettext_lazy("There is a calendar with this key already.")


def entered_of(content: Content, name: str = "") -> dict[str, Any]:
    """The form's fields, as somebody would enter this."""
    return {
        "name": name,
        "zone": content.zone,
        **{day: write_spans(spans) for day, spans in zip(DAYS, content.week, strict=True)},
        "country": content.observed.country,
        "subdivision": content.observed.subdivision,
        "categories": [*content.observed.categories],
    }


def new_calendar() -> dict[str, Any]:
    """What the form of a new one begins with."""
    return entered_of(Content(general().zone, OFFICE_WEEK))


def looked_at(posted: Any) -> dict[str, Any]:
    """What was typed so far, where nothing is to be saved. Of another country than before there are public holidays
    until somebody chooses others."""
    typed = {name: posted.get(name, "") for name in ("name", "key", "zone", *DAYS, "country", "subdivision")}
    known = categories(typed["country"])
    if not known:
        typed["country"] = ""
    kept = [one for one in posted.getlist("categories") if one in known]
    if typed["subdivision"] not in dict(subdivisions(typed["country"])):
        typed["subdivision"] = ""
    return {**typed, "categories": kept or [one for one in known if one == PUBLIC]}


def as_monday(typed: Mapping[str, Any]) -> dict[str, Any]:
    """With Monday's hours on the days until Friday."""
    return {**typed, **dict.fromkeys(_COPIED_TO, typed["monday"])}


def content_looked_at(typed: Mapping[str, Any], days: Sequence[OwnDay]) -> Content:
    """What `looked_at` gives, for a look at what is closed: hours that cannot be read are left out."""
    observed = Observed(typed["country"], typed["subdivision"], tuple(typed["categories"]))
    return Content(typed["zone"], tuple(_spans_or_none(typed[day]) for day in DAYS), observed, days)


def _spans_or_none(text: str) -> Spans:
    try:
        return read_spans(text)
    except HoursInvalid:
        return ()


class DefaultForm(forms.Form):
    """The calendar of whoever has no other."""

    calendar = forms.ChoiceField(
        label=gettext_lazy("For everybody who has no other"),
        help_text=gettext_lazy("A person's own calendar is chosen on their page."),
        error_messages={"invalid_choice": gettext_lazy("This calendar is not there any more.")},
    )

    def __init__(self, data: Mapping[str, Any] | None, default: Calendar | None) -> None:
        super().__init__(data, initial={"calendar": default.pk if default is not None else BUILT_IN})
        field: Any = self.fields["calendar"]
        calendars = Calendar.objects.values_list("pk", "name")
        field.choices = [(BUILT_IN, _("The built-in hours")), *((str(pk), name) for pk, name in calendars)]

    def chosen(self) -> Calendar | None:
        calendar = self.cleaned_data["calendar"]
        return None if calendar == BUILT_IN else Calendar.objects.filter(pk=int(calendar)).first()


# --- own days ---------------------------------------------------------------------------------------------


class DayForm(forms.Form):
    """One day, or several that follow each other."""

    day = forms.DateField(
        label=gettext_lazy("Day"),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": gettext_lazy("This is no day. Write it as 2026-12-24.")},
    )
    until = forms.DateField(
        label=gettext_lazy("Until"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        input_formats=["%Y-%m-%d"],
        help_text=gettext_lazy("The last day, if there are several."),
        error_messages={"invalid": gettext_lazy("This is no day. Write it as 2026-12-24.")},
    )
    name = forms.CharField(label=gettext_lazy("Name"), max_length=LONGEST_DAY_NAME)
    hours = HoursField(
        label=gettext_lazy("Hours"), help_text=gettext_lazy("Such as 9:00–12:00. Empty: closed all day.")
    )

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        first, last = given.get("day"), given.get("until")
        if first is not None and last is not None:
            if last < first:
                self.add_error("until", _("This is before the first day."))
            elif (last - first).days >= MOST_AT_ONCE:
                self.add_error("until", _("At most {most} days at once.").format(most=MOST_AT_ONCE))
        if first is not None and not self.errors:
            try:
                for one in self.days():
                    check_day(one)
            except CalendarInvalid as error:
                self.add_error(None, str(error))
        return given

    def days(self) -> list[OwnDay]:
        given = self.cleaned_data
        first: date = given["day"]
        count = ((given.get("until") or first) - first).days + 1
        return [OwnDay(first + timedelta(days=by), given["name"], given["hours"]) for by in range(count)]


class CalendarFileForm(forms.Form):
    """Own days out of a file. Once it is valid, `found` has them."""

    file = forms.FileField(
        label=gettext_lazy("Calendar file (.ics)"),
        widget=forms.FileInput(attrs={"accept": ".ics,text/calendar"}),
        help_text=gettext_lazy(
            "At most 1 MB. Its events of whole days become closed days, from this year on."
        ),
        error_messages={"empty": gettext_lazy("This file is empty.")},
    )

    found: FileDays

    def __init__(
        self, data: Mapping[str, Any] | None = None, files: Any = None, *, today: date | None = None
    ) -> None:
        super().__init__(data, files)
        self._today = today

    def clean_file(self) -> "UploadedFile[bytes]":
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        assert self._today is not None
        # One byte more than is allowed tells the reader that it is too large.
        try:
            self.found = read_days(file.read(LARGEST + 1), self._today)
        except CalendarFileInvalid as error:
            raise forms.ValidationError(str(error)) from error
        return file
