"""Calendars: the list and whose hours count, one calendar, its form, its own days, files, and who works by it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from placet.accounts import general
from placet.accounts.calendar_changes import make_default
from placet.accounts.calendars import Content, default_calendar, version_of
from placet.accounts.models import Calendar, CalendarVersion, Person
from placet.audit.models import AuditEntry
from placet.lib.canonical import digest
from placet.lib.public_holidays import Observed, categories, countries
from placet.lib.working_time import Span
from placet.panel import calendar_forms
from placet.panel.calendar_forms import CATEGORIES
from placet.panel.forms import known_of
from tests.pages.browsing import complaints_of, sign_in, window
from tests.pages.conftest import HOSTILE
from tests.pages.test_permissions import make_calendar

As = Callable[[Person | None], Client]
HOURS = "9:00–17:00"
ENTERED: dict[str, Any] = {
    "name": "Riyadh office", "key": "riyadh", "zone": "Asia/Riyadh", "country": "SA", "subdivision": "",
    "categories": ["public"], "monday": HOURS, "tuesday": HOURS, "wednesday": HOURS, "thursday": HOURS, "friday": "",
    "saturday": "", "sunday": "8-12, 13:00-17:00",
}  # fmt: skip
ESCAPED = "&lt;script&gt;alert(&quot;x&quot;)"


@pytest.fixture
def ada(admin: Person, as_: As) -> Client:
    return as_(admin)


@pytest.fixture
def munich(admin: Person) -> Calendar:
    return make_calendar(admin)


def at(name: str, *about: object) -> str:
    return reverse(f"panel:{name}", args=about)


def edited(calendar: Calendar, **changed: Any) -> dict[str, Any]:
    """The form of Munich as its page would send it."""
    version = calendar.versions.latest("number")
    stored = calendar_forms.entered_of(Content.of(version), calendar.name)
    return {**stored, "seen": version.number, **changed}


# --- the list ---------------------------------------------------------------------------------------------


def test_without_a_calendar_the_page_says_what_counts(ada: Client, admin: Person) -> None:
    general.save({"zone": "Asia/Tokyo"}, by=admin.pk)
    page = ada.get(at("calendars")).content.decode()
    assert "There is no calendar yet." in page
    assert "Monday to Friday from 9:00 to 17:00 in the zone Asia/Tokyo, without holidays." in page


def test_the_list_says_where_each_is_and_which_one_counts_for_everybody(
    ada: Client, munich: Calendar
) -> None:
    page = ada.get(at("calendars")).content.decode()
    assert "munich · " in page and "Europe/Berlin" in page and "Germany" in page
    assert "for everybody</span>" not in page
    page = ada.post(at("calendars"), {"calendar": munich.pk}, follow=True).content.decode()
    assert "Saved." in page and "for everybody</span>" in page
    assert default_calendar() == munich
    assert (
        "Nothing was changed."
        in ada.post(at("calendars"), {"calendar": munich.pk}, follow=True).content.decode()
    )
    ada.post(at("calendars"), {"calendar": "built-in"})
    assert default_calendar() is None


@pytest.mark.parametrize("chosen", ["", "999999", "x", "-1", "9" * 40])
def test_only_a_calendar_that_is_there_is_chosen(
    chosen: str, ada: Client, munich: Calendar, admin: Person
) -> None:
    make_default(munich, admin)
    assert ada.post(at("calendars"), {"calendar": chosen}).status_code == 422
    assert default_calendar() == munich


# --- the form ---------------------------------------------------------------------------------------------


def test_a_calendar_is_added(ada: Client, admin: Person) -> None:
    page = ada.post(at("new_calendar"), ENTERED, follow=True).content.decode()
    assert "The calendar Riyadh office is there." in page
    version = version_of("riyadh")
    assert version is not None and (version.number, version.created_by) == (1, admin)
    content = Content.of(version)
    assert (content.zone, content.observed) == ("Asia/Riyadh", Observed("SA", "", ("public",)))
    assert content.week[6] == (Span(480, 720), Span(780, 1020)) and content.week[4:6] == ((), ())
    assert "Monday – Thursday" in page and "Saudi Arabia" in page
    entry = AuditEntry.objects.filter(request=None).latest("seq")
    assert (entry.who, entry.what["event"], entry.what["calendar"]) == (
        f"person:{admin.pk}",
        "calendar added",
        "riyadh",
    )


def test_a_new_one_begins_with_the_built_in_hours(ada: Client, admin: Person) -> None:
    general.save({"zone": "Asia/Tokyo"}, by=admin.pk)
    form = ada.get(at("new_calendar")).context["form"]
    assert [field.value() for field in form.week] == [HOURS] * 5 + ["", ""]
    assert form["zone"].value() == "Asia/Tokyo"


@pytest.mark.one_world
@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"name": ""}, "name", "This field is required."),
        ({"name": "a\u202eb"}, "name", "cannot be seen"),
        ({"name": "x" * 201}, "name", "at most 200"),
        ({"key": "not a key"}, "key", "valid “slug”"),
        ({"key": "munich"}, "key", "There is a calendar with this key already."),
        ({"zone": "Mars/Olympus"}, "zone", "no such time zone"),
        ({"monday": "nine"}, "monday", "is no time such as"),
        ({"sunday": "22:00–6:00"}, "sunday", "until 24:00"),
        ({"tuesday": "x" * 300}, "tuesday", "at most 200"),
        ({"country": "XX"}, "country", "Select a valid choice"),
        ({"subdivision": "BY"}, "subdivision", ""),
        ({"country": "DE", "subdivision": "XX"}, "subdivision", "This region is not in that country."),
        ({"country": "DE", "categories": ["islamic"]}, "categories", "no holidays of this kind"),
        ({**dict.fromkeys(calendar_forms.DAYS, "")}, "monday", "at least one day of the week"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_beside_its_field(
    changed: dict[str, Any], field: str, said: str, ada: Client, munich: Calendar
) -> None:
    answer = ada.post(at("new_calendar"), {**ENTERED, **changed})
    assert answer.status_code == 422
    assert said in str(answer.context["form"].errors[field])
    assert "Nothing was saved." in answer.content.decode()
    assert Calendar.objects.count() == 1


def test_monday_is_copied_without_saving_anything(ada: Client) -> None:
    typed = {**ENTERED, "monday": "8-16", "friday": "", "do": "copy"}
    form = ada.post(at("new_calendar"), typed).context["form"]
    assert [field.value() for field in form.week] == ["8-16"] * 5 + ["", ENTERED["sunday"]]
    assert form["name"].value() == "Riyadh office" and not form.errors
    assert not Calendar.objects.exists()


def test_regions_and_kinds_follow_from_the_country(ada: Client) -> None:
    typed = {**ENTERED, "country": "DE", "subdivision": "SA-01", "categories": ["islamic"], "do": "look"}
    whole = ada.post(at("new_calendar"), typed).content.decode()
    part = ada.post(at("new_calendar"), typed, headers={"HX-Request": "true"}).content.decode()
    assert "<html" in whole and "<html" not in part
    for page in (whole, part):
        assert "Bayern (BY)" in page and "Catholic holidays" in page and "German Unity Day" in page
    assert 'value="public" id="id_categories_0" checked' in part.replace("class=", "")
    nowhere = ada.post(at("new_calendar"), {**typed, "country": "XX"}, headers={"HX-Request": "true"})
    assert "None within two years" in nowhere.content.decode()


def test_another_weekend_is_pointed_out(ada: Client) -> None:
    said = "The weekend of this country: Friday, Saturday."
    typed = {**ENTERED, "do": "look"}
    assert said not in ada.post(at("new_calendar"), typed).content.decode()
    assert said in ada.post(at("new_calendar"), {**typed, "friday": HOURS}).content.decode()


def test_a_country_whose_holidays_are_known_for_a_while_is_pointed_out(ada: Client) -> None:
    page = ada.post(at("new_calendar"), {**ENTERED, "country": "LK", "do": "look"}).content.decode()
    assert "holidays are known until 2026 only" in page


def test_names_of_countries_and_holidays_are_in_the_readers_language(ada: Client, admin: Person) -> None:
    Person.objects.filter(pk=admin.pk).update(language="fr")
    page = ada.post(at("new_calendar"), {**ENTERED, "country": "FR", "do": "look"}).content.decode()
    assert "Allemagne" in page and "Lundi de Pâques" in page and "Quels jours fériés" in page


def test_a_change_is_a_new_version_and_keeps_the_own_days(ada: Client, munich: Calendar) -> None:
    page = ada.post(
        at("edit_calendar", munich.pk), edited(munich, friday="9-12"), follow=True
    ).content.decode()
    assert "Saved as version 3." in page
    version = munich.versions.latest("number")
    assert Content.of(version).week[4] == (Span(540, 720),) and len(version.days) == 2
    older = ada.get(at("calendar", munich.pk), {"version": 2}).content.decode()
    assert "Monday – Friday" in older and "Monday – Friday" not in page
    assert ada.get(at("calendar", munich.pk), {"version": 9}).status_code == 404
    again = ada.post(
        at("edit_calendar", munich.pk), edited(munich, name="München"), follow=True
    ).content.decode()
    assert "Saved." in again and "München" in again and munich.versions.count() == 3


def test_who_looked_at_an_older_version_saves_nothing_at_first(ada: Client, munich: Calendar) -> None:
    late = edited(munich, friday="9-12")
    ada.post(at("edit_calendar", munich.pk), edited(munich, friday="9-13"))
    answer = ada.post(at("edit_calendar", munich.pk), late)
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "Somebody changed this calendar after you opened the page" in page and 'value="9-12"' in page
    assert munich.versions.count() == 3
    ada.post(at("edit_calendar", munich.pk), {**late, "seen": answer.context["seen"]})
    assert Content.of(munich.versions.latest("number")).week[4] == (Span(540, 720),)


@pytest.mark.one_world
@pytest.mark.parametrize("seen", ["", "x", "-1", "9" * 30])
def test_what_no_page_sends_is_an_older_version(seen: str, ada: Client, munich: Calendar) -> None:
    assert ada.post(at("edit_calendar", munich.pk), edited(munich, friday="", seen=seen)).status_code == 409


def test_every_category_of_the_library_has_words() -> None:
    assert {one for code, _name in countries("en") for one in categories(code)} == {*CATEGORIES}


def test_what_an_update_of_the_library_took_away_is_said(ada: Client, munich: Calendar) -> None:
    CalendarVersion.objects.update(subdivision="ATLANTIS")
    page = ada.get(at("calendar", munich.pk)).content.decode()
    assert "are not known any more" in page


def test_hostile_words_stay_words(ada: Client, munich: Calendar) -> None:
    munich.name = HOSTILE
    munich.save()
    day = {"day": "2099-01-02", "name": HOSTILE[:100], "do": "add"}
    ada.post(at("calendar_days", munich.pk), day)
    ada.post(at("edit_calendar", munich.pk), edited(munich, zone="Europe/Paris"))
    addresses = [at("calendars"), *(at(f"{name}calendar{more}", munich.pk) for name, more in (
        ("", ""), ("edit_", ""), ("", "_days"), ("delete_", "")))]  # fmt: skip
    for address in addresses:
        page = ada.get(address).content.decode()
        assert "<script>alert" not in page and "onerror=alert(1)>" not in page and ESCAPED in page
    typed = dict.fromkeys(ENTERED, HOSTILE) | {"do": "look"}
    for do in ("look", "copy", "save"):
        page = ada.post(at("new_calendar"), {**typed, "do": do}).content.decode()
        assert "<script>alert" not in page


# --- own days ---------------------------------------------------------------------------------------------


def test_days_are_added_replaced_and_removed(ada: Client, munich: Calendar) -> None:
    days = at("calendar_days", munich.pk)
    shutdown = {"day": "2098-12-28", "until": "2098-12-31", "name": "Between the years", "do": "add"}
    page = ada.post(days, shutdown, follow=True).content.decode()
    assert "4 days were added." in page and "Mon 29 Dec 2098" in page
    ada.post(days, {"day": "2098-12-31", "name": "Half", "hours": "9–12"})
    version = munich.versions.latest("number")
    by_day = Content.of(version).own_days
    assert (version.number, len(by_day)) == (4, 6)
    assert {one.name for one in by_day.values()} >= {"Half", "Between the years"}
    gone = ["2098-12-29", "2098-12-30", "2020-01-02", "no day", "2050-01-01"]
    page = ada.post(days, {"do": "remove", "day": gone}, follow=True).content.decode()
    assert "3 days were removed." in page
    page = ada.post(days, {"do": "remove"}, follow=True).content.decode()
    assert "Choose the days that shall be removed." in page
    assert munich.versions.count() == 5


def test_days_that_are_over_stand_behind_those_that_come(ada: Client, munich: Calendar) -> None:
    page = ada.get(at("calendar_days", munich.pk)).content.decode()
    assert page.index("Christmas Eve") < page.index("Bridge day")


@pytest.mark.one_world
@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"day": ""}, "day", "This field is required."),
        ({"day": "24.12.2026"}, "day", "Write it as 2026-12-24."),
        ({"day": "2026-02-30"}, "day", "This is no day."),
        ({"day": "0001-01-01"}, "__all__", "years from 2000 to 2100"),
        ({"day": "9999-12-31"}, "__all__", "years from 2000 to 2100"),
        ({"until": "2026-12-23"}, "until", "before the first day"),
        ({"until": "2027-12-25"}, "until", "At most 366 days at once."),
        ({"name": ""}, "name", "This field is required."),
        ({"name": "x" * 101}, "name", "at most 100"),
        ({"name": "a\u202eb"}, "__all__", "on one line"),
        ({"hours": "noon"}, "hours", "is no time such as"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_day_is_said(
    typed: dict[str, str], field: str, said: str, ada: Client, munich: Calendar
) -> None:
    answer = ada.post(at("calendar_days", munich.pk), {"day": "2026-12-24", "name": "Eve", **typed})
    assert answer.status_code == 422
    assert said in str(answer.context["form"].errors[field]) and said in answer.content.decode()
    assert munich.versions.count() == 2


def test_there_are_only_so_many_days(ada: Client, munich: Calendar) -> None:
    days = at("calendar_days", munich.pk)
    for year in (2030, 2032):
        ada.post(days, {"day": f"{year}-01-01", "until": f"{year}-12-31", "name": "Closed"})
    answer = ada.post(days, {"day": "2034-01-01", "until": "2034-12-31", "name": "Closed"})
    assert answer.status_code == 422 and "at most 1000 days of its own" in answer.content.decode()
    shown = ada.get(days, {"page": 2})
    assert shown.status_code == 200 and len(shown.content) < 100_000


ICS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:{day}\r\nSUMMARY:{name}\r\nEND:VEVENT\r\n"
    "BEGIN:VEVENT\r\nDTSTART:20270104T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def imported(browser: Client, calendar: Calendar, text: str) -> Any:
    file = SimpleUploadedFile("holidays.ics", text.encode(), "text/calendar")
    return browser.post(at("calendar_days", calendar.pk), {"do": "import", "file": file}, follow=True)


@time_machine.travel(datetime(2026, 11, 30, 9, tzinfo=UTC), tick=False)
def test_days_are_taken_over_from_a_file(ada: Client, munich: Calendar) -> None:
    page = imported(ada, munich, ICS.format(day="20270105", name=HOSTILE)).content.decode()
    assert "1 day was added. 1 event that is not of a whole day was left out." in page
    assert ESCAPED in page and "<script>alert" not in page
    page = imported(ada, munich, ICS.format(day="20270105", name="Again")).content.decode()
    assert "0 days were added. 1 was there already and stays as it is." in page
    assert munich.versions.count() == 3


@pytest.mark.one_world
@pytest.mark.parametrize(
    ("text", "said"),
    [("", "This file is empty."), ("Name,Day", "This is no calendar file."),
     (ICS.format(day="20260230", name=HOSTILE), "is no day"),
     (ICS.format(day="21010101", name="x"), "from 2000 to 2100")],
)  # fmt: skip
def test_a_file_that_cannot_be_read_changes_nothing(
    text: str, said: str, ada: Client, munich: Calendar
) -> None:
    answer = imported(ada, munich, text)
    assert answer.status_code == 422
    assert said in answer.content.decode() and "<script>alert" not in answer.content.decode()
    assert munich.versions.count() == 2


# --- who works by it --------------------------------------------------------------------------------------


def test_an_administrator_chooses_a_persons_calendar(ada: Client, alice: Person, munich: Calendar) -> None:
    address = at("person", alice.pk)
    assert "As everybody: the built-in hours" in ada.get(address).content.decode()
    form = {"seen": digest(known_of(alice)), "name": alice.name, "manager": "bob@contoso.example"}
    ada.post(address, {**form, "calendar": munich.pk})
    alice.refresh_from_db()
    assert alice.calendar == munich
    assert "Alice Requester" in ada.get(at("calendar", munich.pk)).content.decode()
    late = ada.post(address, {**form, "calendar": ""})
    assert late.status_code == 409 and "<bdi>Munich office</bdi>" in late.content.decode()
    wrong = ada.post(address, {**form, "seen": digest(known_of(alice)), "calendar": "999999"})
    assert wrong.status_code == 422
    ada.post(address, {**form, "seen": digest(known_of(alice)), "calendar": ""})
    alice.refresh_from_db()
    assert alice.calendar is None


def test_the_calendar_of_everybody_is_named_on_a_persons_page(
    ada: Client, alice: Person, munich: Calendar, admin: Person
) -> None:
    make_default(munich, admin)
    assert "As everybody: Munich office" in ada.get(at("person", alice.pk)).content.decode()


def test_everybody_sees_when_they_work_and_says_by_which_calendar(
    as_: As, alice: Person, munich: Calendar
) -> None:
    page = as_(alice).get(reverse("account")).content.decode()
    assert "Monday – Friday: 9:00–17:00" in page and "holidays are closed" not in page
    Person.objects.filter(pk=alice.pk).update(calendar=munich)
    browser = as_(alice)
    page = browser.get(reverse("account")).content.decode()
    assert "Munich office" in page and "Europe/Berlin" in page and "holidays are closed" in page
    for chosen in (None, munich):
        browser.post(
            reverse("account"), {"language": "", "zone": "", "calendar": chosen.pk if chosen else ""}
        )
        alice.refresh_from_db()
        assert alice.calendar == chosen


def test_a_calendar_in_use_is_not_deleted_and_the_page_says_who_uses_it(
    ada: Client, alice: Person, munich: Calendar, admin: Person
) -> None:
    make_default(munich, admin)
    Person.objects.filter(pk=alice.pk).update(calendar=munich)
    page = ada.post(at("delete_calendar", munich.pk), follow=True).content.decode()
    assert "cannot be deleted" in page and "Alice Requester" in page
    assert "Everybody who has no calendar of their own." in page
    make_default(None, admin)
    Person.objects.update(calendar=None)
    assert "This cannot be undone." in ada.get(at("delete_calendar", munich.pk)).content.decode()
    page = ada.post(at("delete_calendar", munich.pk), follow=True).content.decode()
    assert "The calendar Munich office is deleted." in page and not Calendar.objects.exists()


# --- in a browser -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scripted", [True, False], ids=["scripts", "none"])
def test_a_calendar_is_made_in_a_browser(
    scripted: bool, chromium: Browser, live_server: LiveServer, admin: Person, as_: As
) -> None:
    with window(chromium, live_server.url, scripted=scripted) as context:
        sign_in(context, as_(admin), live_server.url)
        page = context.new_page()
        complaints = complaints_of(page)
        page.goto(at("new_calendar"))
        page.get_by_label("Name").fill("Munich office")
        page.get_by_label("Key").fill("munich")
        page.get_by_label("Time zone").fill("Europe/Berlin")
        page.get_by_label("Monday", exact=True).fill("8-12, 13-17")
        page.get_by_role("button", name="Copy Monday's hours").click()
        page.get_by_label("Friday", exact=True).fill("8-12")
        page.get_by_label("Country").select_option("DE")
        if not scripted:
            page.get_by_role("button", name="Show its regions").click()
        page.get_by_label("Region").select_option("BY")
        page.get_by_label("Catholic holidays").check()
        if scripted:
            page.get_by_text("Corpus Christi").first.wait_for()
        page.get_by_label("Friday", exact=True).press("Enter")
        page.get_by_text("The calendar Munich office is there.").wait_for()
        page.goto("about:blank")
        assert complaints == []
    version = version_of("munich")
    assert version is not None
    content = Content.of(version)
    assert content.observed == Observed("DE", "BY", ("catholic", "public"))
    assert content.week[3] == (Span(480, 720), Span(780, 1020)) and content.week[4] == (Span(480, 720),)
