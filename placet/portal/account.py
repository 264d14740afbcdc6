"""Signing in and passwords: the pages of django-allauth that Placet has, and no others.

Nobody signs up, and nobody adds addresses to their own account: an address decides whose answers count, so
administrators enter it.
"""

from typing import Any

import structlog
from allauth.account import views
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import path, re_path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.accounts.addresses import addresses_of
from placet.accounts.calendars import default_calendar, of_person
from placet.accounts.digest_field import DigestField
from placet.accounts.general import General, of_request
from placet.accounts.hours_text import week_in_words
from placet.accounts.models import Calendar, Person
from placet.accounts.reader import as_read_by
from placet.approvals import digests
from placet.lib.zones import zone_names
from placet.mailboxes.models import Mailbox
from placet.portal import delegations, giving, own_keys
from placet.portal.away import away_of
from placet.portal.people import PersonsRequest, signed_in
from placet.portal.templatetags.pages import to_the_minute

log = structlog.get_logger(__name__)


class PasswordReset(views.PasswordResetView):  # type: ignore[misc]  # allauth has no types
    """By mail, so it needs a mailbox. Without one everybody is told the same, whether they have an account or
    not."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not Mailbox.objects.filter(active=True).exists():
            return render(request, "account/password_reset.html", {"no_mailbox": True})
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return answer


class AccountForm(forms.Form):
    """What somebody chooses for themselves. Empty: as everybody here."""

    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False)
    zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        required=False,
        max_length=64,
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off", "spellcheck": "false"}),
    )

    calendar = forms.ModelChoiceField(
        Calendar.objects.all(),
        label=gettext_lazy("Working hours"),
        required=False,
        help_text=gettext_lazy(
            "Deadlines and reminders of what you are asked from now on count these hours."
        ),
    )
    in_digests = DigestField()

    def __init__(self, *args: Any, said: General, **more: Any) -> None:
        super().__init__(*args, **more)
        self._offer_calendars()
        language, zone = self.fields["language"], self.fields["zone"]
        assert isinstance(language, forms.ChoiceField)
        everybodys = _("As everybody here: {language}").format(language=_name_of(said.language))
        language.choices = [("", everybodys), *settings.LANGUAGES]
        language.help_text = _("Of the pages and of the mails that you get. Answer in any language you like.")
        zone.help_text = " ".join(
            [
                _("Such as Europe/Paris. Empty: as everybody here, {zone}.").format(zone=said.zone),
                _("For you it is now {time}.").format(time=to_the_minute(timezone.now())),
            ]
        )

    def _offer_calendars(self) -> None:
        if not Calendar.objects.exists():  # there is nothing to choose from
            del self.fields["calendar"]
            return
        calendar: Any = self.fields["calendar"]
        everybodys = default_calendar()
        calendar.empty_label = _("As everybody: {calendar}").format(
            calendar=everybodys.name if everybodys is not None else _("the built-in hours")
        )

    def clean_zone(self) -> str:
        zone = str(self.cleaned_data["zone"])
        if zone and zone not in zone_names():
            raise forms.ValidationError(
                _("There is no such time zone. Choose one of the list, such as Europe/Paris.")
            )
        return zone


def _name_of(language: str) -> str:
    return dict(settings.LANGUAGES).get(language, language)


@signed_in
def account(request: PersonsRequest) -> HttpResponseBase:
    """What somebody chooses for themselves, and what an administrator says of them."""
    person, said = request.user, of_request(request)
    chosen = {
        "language": person.language,
        "zone": person.zone,
        "calendar": person.calendar_id,
        "in_digests": person.in_digests,
    }
    form = AccountForm(request.POST if request.method == "POST" else None, initial=chosen, said=said)
    if request.method == "POST" and form.is_valid():
        person.language, person.zone = form.cleaned_data["language"], form.cleaned_data["zone"]
        _choose_digests(person, form.cleaned_data["in_digests"])
        if "calendar" in form.cleaned_data and form.cleaned_data["calendar"] != person.calendar:
            person.calendar = form.cleaned_data["calendar"]
            log.info("calendar_chosen", person=person.pk, calendar=person.calendar_id, by=person.pk)
        person.save(update_fields=["language", "zone", "in_digests", "calendar"])
        with as_read_by(person, said):  # in the language that was just chosen
            messages.success(request, _("Saved. Pages and mails for you are in this language from now on."))
        return redirect("account")
    hours = of_person(person)
    context = {
        "form": form,
        "zones": zone_names(),
        "addresses": sorted(addresses_of(person) - {person.email}),
        "away": away_of(person),
        "hours": hours,
        "week": week_in_words(hours.working_time.week),
    }
    return render(request, "portal/account.html", context, status=422 if form.errors else 200)


def _choose_digests(person: Person, chosen: bool) -> None:
    if person.in_digests and not chosen:
        digests.release(person)
    person.in_digests = chosen


urlpatterns = [
    path("", account, name="account"),
    path("delegates/", delegations.mine, name="account_delegates"),
    path("delegates/people/", giving.suggest_somebody, name="account_suggest_delegates"),
    path("delegates/<int:pk>/end/", delegations.end, name="account_end_delegation"),
    path("keys/", own_keys.own_keys, name="account_keys"),
    path("keys/<int:pk>/rotate/", own_keys.rotate_own_key, name="account_rotate_key"),
    path("keys/<int:pk>/revoke/", own_keys.revoke_own_key, name="account_revoke_key"),
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("password/change/", views.password_change, name="account_change_password"),
    path("password/set/", views.password_set, name="account_set_password"),
    path("password/reset/", PasswordReset.as_view(), name="account_reset_password"),
    path("password/reset/done/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]
