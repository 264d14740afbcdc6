"""The Calendars tab: when people work, and whose hours count."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import IntegrityError
from django.db.models import F, OuterRef, Subquery
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from placet.accounts import calendar_changes as changes
from placet.accounts.calendar_changes import CalendarInvalid, ChangedMeanwhile, InUse
from placet.accounts.calendar_file import FileDays
from placet.accounts.calendars import (
    Content,
    OwnDay,
    SpecialDay,
    built_in,
    coming_days,
    default_calendar,
    uses_of,
)
from placet.accounts.hours_text import week_in_words, write_spans
from placet.accounts.models import Calendar, CalendarVersion
from placet.lib.public_holidays import Observed, countries, is_known, known_until, subdivisions, weekend
from placet.lib.zones import zone_names
from placet.panel.calendar_forms import (
    CATEGORIES,
    TAKEN_KEY,
    CalendarFileForm,
    CalendarForm,
    DayForm,
    DefaultForm,
    as_monday,
    content_looked_at,
    entered_of,
    looked_at,
    new_calendar,
)
from placet.portal.people import PersonsRequest, administrators_only

A_PAGE = 50
MOST_COMING = 12  # closed days that are shown
MOST_SHOWN = 20  # people who use a calendar, and versions
COPY, LOOK = "copy", "look"  # what buttons of the form do beside saving


# --- all of them ------------------------------------------------------------------------------------------


@administrators_only
def calendars(request: PersonsRequest) -> HttpResponse:
    """A POST chooses the calendar of whoever has no other."""
    default = default_calendar()
    form = DefaultForm(request.POST if request.method == "POST" else None, default)
    if request.method == "POST" and form.is_valid():
        changed = changes.make_default(form.chosen(), request.user)
        messages.success(request, _("Saved.") if changed else _("Nothing was changed."))
        return redirect("panel:calendars")
    page = Paginator(Calendar.objects.all(), A_PAGE).get_page(request.GET.get("page"))
    newest = _newest_of(list(page))
    context = {
        "page": page,
        "rows": [(one, newest[one.pk], _country_in_words(newest[one.pk])) for one in page],
        "default": default,
        "built_in": week_in_words(built_in("UTC").working_time.week),
        "form": form,
    }
    return render(request, "panel/calendars.html", context, status=422 if form.errors else 200)


def _newest_of(some: Sequence[Calendar]) -> dict[int, CalendarVersion]:
    """The newest version of each, with one query and without its days."""
    numbers = CalendarVersion.objects.filter(calendar=OuterRef("calendar")).order_by("-number")
    versions = CalendarVersion.objects.filter(calendar__in=[one.pk for one in some])
    newest = versions.alias(newest=Subquery(numbers.values("number")[:1])).filter(number=F("newest"))
    return {version.calendar_id: version for version in newest.defer("days")}


def _country_in_words(version: CalendarVersion) -> str:
    return dict(countries(get_language() or "en")).get(version.country, version.country)


# --- one of them ------------------------------------------------------------------------------------------


@administrators_only
def calendar(request: PersonsRequest, pk: int) -> HttpResponse:
    """The newest version, or the one that is chosen."""
    shown = get_object_or_404(Calendar, pk=pk)
    versions = shown.versions.select_related("created_by").order_by("-number")
    number = request.GET.get("version", "")
    is_chosen = number.isdecimal() and len(number) < 10
    version = get_object_or_404(versions.filter(number=int(number)) if is_chosen else versions[:1])
    content = Content.of(version)
    context = {
        "calendar": shown,
        "version": version,
        "versions": versions.defer("days")[:MOST_SHOWN],
        "week": week_in_words(content.week),
        **_holidays_in_words(content.observed),
        **_coming(content),
        "own_days": len(content.days),
        "uses": uses_of(shown),
        "people": shown.people.all()[:MOST_SHOWN],
    }
    return render(request, "panel/calendar.html", context)


def _holidays_in_words(observed: Observed) -> dict[str, Any]:
    names = dict(countries(get_language() or "en"))
    return {
        "country": names.get(observed.country, observed.country),
        "region": dict(subdivisions(observed.country)).get(observed.subdivision, observed.subdivision),
        "kinds": [str(CATEGORIES.get(one, one)) for one in observed.categories],
        "unknown": not is_known(observed),
    }


def _coming(content: Content) -> dict[str, Any]:
    today = timezone.localdate()
    days = coming_days(content, today, get_language() or "en", MOST_COMING)
    until = known_until(content.observed.country)
    return {
        "coming": [_in_words(one) for one in days],
        "other_weekend": _other_weekend(content, today),
        "known_until": until if until < today.year + 2 else 0,
    }


def _in_words(one: SpecialDay) -> tuple[SpecialDay, str]:
    """With its hours."""
    return one, write_spans(one.spans) or _("closed")


def _other_weekend(content: Content, today: date) -> str:
    """The days of the country's weekend, if people work on one of them."""
    days = sorted(weekend(content.observed.country, today.year))
    if not any(content.week[day] for day in days):
        return ""
    return ", ".join(str(WEEKDAYS[day]) for day in days)


# --- the form ---------------------------------------------------------------------------------------------


@administrators_only
def new(request: PersonsRequest) -> HttpResponse:
    if request.method != "POST":
        return _form_page(request, CalendarForm(initial=new_calendar()), None)
    if request.POST.get("do") in (COPY, LOOK):
        return _looked(request, None)
    form = CalendarForm(request.POST, initial={})
    if form.is_valid():
        given = form.cleaned_data
        try:
            made = changes.add(given["key"], given["name"], form.content(), request.user)
        except IntegrityError:  # somebody was faster
            form.add_error("key", str(TAKEN_KEY))
        else:
            said = _("The calendar {name} is there. Now choose who works by it.")
            messages.success(request, said.format(name=made.name))
            return redirect("panel:calendar", made.pk)
    return _form_page(request, form, None)


@administrators_only
def edit(request: PersonsRequest, pk: int) -> HttpResponse:
    """All but its own days. What is saved is a new version, if it says something else."""
    shown = get_object_or_404(Calendar, pk=pk)
    version = shown.versions.latest("number")
    content = Content.of(version)
    if request.method != "POST":
        form = CalendarForm(initial=entered_of(content, shown.name), calendar=shown)
        return _form_page(request, form, shown, version.number, content.days)
    if request.POST.get("do") in (COPY, LOOK):
        return _looked(request, shown, content.days)
    form = CalendarForm(request.POST, initial={}, calendar=shown)
    seen = _number(request.POST.get("seen", ""))
    if form.is_valid():
        try:
            saved = changes.change(
                shown,
                lambda now: form.content(now.days),
                request.user,
                name=form.cleaned_data["name"],
                seen=seen,
            )
        except ChangedMeanwhile:
            return _form_page(request, form, shown, version.number, content.days, stale=True)
        except CalendarInvalid as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _saved(saved.number, version.number))
            return redirect("panel:calendar", pk)
    return _form_page(request, form, shown, seen, content.days)


def _number(text: str) -> int:
    """Of the version that a page showed; 0 for what no page sends."""
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _saved(number: int, before: int) -> str:
    return _("Saved as version {number}.").format(number=number) if number != before else _("Saved.")


def _looked(request: PersonsRequest, shown: Calendar | None, days: Sequence[OwnDay] = ()) -> HttpResponse:
    """What was typed, with Monday's hours on other days or with what there is to choose of another country."""
    typed = looked_at(request.POST)
    if request.POST["do"] == COPY:
        typed = as_monday(typed)
    form = CalendarForm(initial=typed, calendar=shown)
    context = _form_context(form, shown, _number(request.POST.get("seen", "")), typed, days)
    part = bool(request.headers.get("HX-Request"))
    return render(request, "panel/calendar_region.html" if part else "panel/calendar_form.html", context)


def _form_page(
    request: PersonsRequest,
    form: CalendarForm,
    shown: Calendar | None,
    seen: int = 0,
    days: Sequence[OwnDay] = (),
    *,
    stale: bool = False,
) -> HttpResponse:
    typed = looked_at(request.POST) if request.method == "POST" else form.initial
    context = {**_form_context(form, shown, seen, typed, days), "stale": stale}
    status = 409 if stale else 422 if form.errors else 200
    return render(request, "panel/calendar_form.html", context, status=status)


def _form_context(
    form: CalendarForm,
    shown: Calendar | None,
    seen: int,
    typed: Mapping[str, Any],
    days: Sequence[OwnDay],
) -> dict[str, Any]:
    return {
        "form": form,
        "calendar": shown,
        "seen": seen,
        "zones": zone_names(),
        **_coming(content_looked_at(typed, days)),
    }


# --- own days ---------------------------------------------------------------------------------------------


@administrators_only
def calendar_days(request: PersonsRequest, pk: int) -> HttpResponse:
    """Days that are not like their day of the week: they come one by one or from a file, and are removed."""
    shown = get_object_or_404(Calendar, pk=pk)
    if request.method != "POST":
        return _days_page(request, shown, DayForm(), CalendarFileForm())
    match request.POST.get("do"):
        case "remove":
            return _remove_days(request, shown)
        case "import":
            return _import_days(request, shown)
    form = DayForm(request.POST)
    if form.is_valid():
        days = form.days()
        try:
            changes.change(shown, lambda now: changes.with_days(now, days), request.user)
        except CalendarInvalid as error:
            form.add_error(None, str(error))
        else:
            said = ngettext("{count} day was added.", "{count} days were added.", len(days))
            messages.success(request, said.format(count=len(days)))
            return redirect("panel:calendar_days", pk)
    return _days_page(request, shown, form, CalendarFileForm())


def _remove_days(request: PersonsRequest, shown: Calendar) -> HttpResponse:
    chosen = {day for text in request.POST.getlist("day") if (day := _day(text))}
    before = len(Content.of(shown.versions.latest("number")).days)
    after = changes.change(shown, lambda now: changes.without_days(now, chosen), request.user)
    removed = before - len(after.days)
    if removed > 0:
        said = ngettext("{count} day was removed.", "{count} days were removed.", removed)
        messages.success(request, said.format(count=removed))
    else:
        messages.info(request, _("Choose the days that shall be removed."))
    return redirect("panel:calendar_days", shown.pk)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _import_days(request: PersonsRequest, shown: Calendar) -> HttpResponse:
    form = CalendarFileForm(request.POST, request.FILES, today=timezone.localdate())
    if form.is_valid():
        found = form.found
        before = len(Content.of(shown.versions.latest("number")).days)
        try:
            after = changes.change(
                shown, lambda now: changes.with_missing_days(now, found.days), request.user
            )
        except CalendarInvalid as error:
            form.add_error("file", str(error))
        else:
            messages.success(request, _taken_over(found, len(after.days) - before))
            return redirect("panel:calendar_days", shown.pk)
    return _days_page(request, shown, DayForm(), form)


def _taken_over(found: FileDays, added: int) -> str:
    said = [ngettext("{count} day was added.", "{count} days were added.", added).format(count=added)]
    known = len(found.days) - added
    if known > 0:
        text = ngettext(
            "{n} was there already and stays as it is.", "{n} were there already and stay as they are.", known
        )
        said.append(text.format(n=known))
    if found.past:
        text = ngettext(
            "{n} day of earlier years was left out.", "{n} days of earlier years were left out.", found.past
        )
        said.append(text.format(n=found.past))
    if found.timed:
        text = ngettext(
            "{n} event that is not of a whole day was left out.",
            "{n} events that are not of whole days were left out.",
            found.timed,
        )
        said.append(text.format(n=found.timed))
    if found.cancelled:
        text = ngettext(
            "{n} cancelled event was left out.", "{n} cancelled events were left out.", found.cancelled
        )
        said.append(text.format(n=found.cancelled))
    return " ".join(said)


def _days_page(
    request: PersonsRequest, shown: Calendar, form: DayForm, file_form: CalendarFileForm
) -> HttpResponse:
    days, today = Content.of(shown.versions.latest("number")).days, timezone.localdate()
    coming = [one for one in days if one.day >= today]
    over = [one for one in reversed(days) if one.day < today]
    page = Paginator([*coming, *over], A_PAGE).get_page(request.GET.get("page"))
    context = {
        "calendar": shown,
        "page": page,
        "days": [(one, write_spans(one.spans) or _("closed"), one.day < today) for one in page],
        "form": form,
        "file_form": file_form,
    }
    wrong = form.errors or file_form.errors
    return render(request, "panel/calendar_days.html", context, status=422 if wrong else 200)


# --- deleting ---------------------------------------------------------------------------------------------


@administrators_only
def delete(request: PersonsRequest, pk: int) -> HttpResponse:
    """Asked once more; not while somebody works by it."""
    shown = get_object_or_404(Calendar, pk=pk)
    if request.method == "POST":
        try:
            changes.delete(shown, request.user)
        except InUse:
            return redirect("panel:delete_calendar", pk)  # which says why not
        messages.success(request, _("The calendar {name} is deleted.").format(name=shown.name))
        return redirect("panel:calendars")
    context = {"calendar": shown, "uses": uses_of(shown), "people": shown.people.all()[:MOST_SHOWN]}
    return render(request, "panel/delete_calendar.html", context)
