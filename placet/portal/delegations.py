"""Who answers in somebody's place: My account → Absence and delegates, and the same of somebody for administrators."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.accounts import delegations
from placet.accounts.delegations import DelegationInvalid, Scope, Wanted
from placet.accounts.models import Delegation, Group, Person
from placet.approvals import call_keys
from placet.approvals.delegate_words import LastDay, first_day
from placet.approvals.form_numbers import read_decimal
from placet.approvals.models import Process
from placet.portal.away import about_in_words, away_of
from placet.portal.giving import SomebodyField, suggested
from placet.portal.people import PersonsRequest, signed_in

MOST_SHOWN = 100  # of each list
MOST_PAST = 10  # that are over
_CURRENCY = re.compile("[A-Z]{3}")


class DelegationForm(forms.Form):
    """A delegation as it is entered. Days are those of whoever enters them."""

    delegate = SomebodyField(
        label=gettext_lazy("Who answers?"), help_text=gettext_lazy("A full name, or an address.")
    )
    when = forms.ChoiceField(
        label=gettext_lazy("When?"),
        choices=[
            (Delegation.When.DATES, gettext_lazy("On these days")),
            (
                Delegation.When.ABSENT,
                gettext_lazy("On these days, but only when an automatic reply to a question says so"),
            ),
        ],
        initial=Delegation.When.DATES,
        widget=forms.RadioSelect,
    )
    first = forms.DateField(
        label=gettext_lazy("First day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Empty: from now on."),
    )
    last = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Empty: until it is ended."),
    )
    processes = forms.MultipleChoiceField(
        label=gettext_lazy("Only these processes"), required=False, widget=forms.CheckboxSelectMultiple
    )
    groups = forms.MultipleChoiceField(
        label=gettext_lazy("Only where asked as one of these groups"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    amount_below = forms.CharField(
        label=gettext_lazy("Only below this amount"),
        required=False,
        max_length=30,
        help_text=gettext_lazy(
            "Of every amount in the form of a request. One without an amount, or in another currency, is not meant."
        ),
    )
    currency = forms.CharField(label=gettext_lazy("Currency"), required=False, max_length=3)
    only_delegate = forms.BooleanField(label=gettext_lazy("Only the delegate gets mail"), required=False)
    note = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=delegations.LONGEST_NOTE,
        help_text=gettext_lazy("The delegate does not see it."),
    )

    def __init__(self, *args: Any, delegator: Person, **more: Any) -> None:
        super().__init__(*args, **more)
        self._delegator = delegator
        processes = Process.objects.filter(versions__published_at__isnull=False).distinct()
        processes = processes.exclude(key__startswith=call_keys.PREFIX)  # of calls: each is one person's
        _offer(self.fields["processes"], [(one.key, one.name) for one in processes])
        groups = Group.objects.filter(members=delegator).order_by("name", "id")
        _offer(self.fields["groups"], [(one.key, one.name) for one in groups])

    @property
    def is_limited(self) -> bool:
        """Whether what was sent says what it is about, or wrongly so."""
        names = ("processes", "groups", "amount_below", "currency")
        return any(self.errors.get(name) or self[name].value() for name in names)

    def clean_amount_below(self) -> Decimal | None:
        text = str(self.cleaned_data["amount_below"])
        if not text:
            return None
        try:
            amount = read_decimal(text)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        if amount != amount.quantize(Decimal("0.01")):
            raise forms.ValidationError(_("Two digits after the point at most, please."))
        return amount

    def clean_currency(self) -> str:
        currency = str(self.cleaned_data["currency"]).upper()
        if currency and not _CURRENCY.fullmatch(currency):
            raise forms.ValidationError(_("There is no such currency. Write one such as EUR."))
        return currency

    def wanted(self, now: datetime) -> Wanted:
        given = self.cleaned_data
        zone = timezone.get_current_timezone()
        assert isinstance(zone, ZoneInfo)
        has_days = given["first"] is not None or given["last"] is not None
        begins, ends = delegations.moments_of(given["first"], given["last"], zone, now)
        scope = Scope(
            tuple(given["processes"]), tuple(given["groups"]), given["amount_below"], given["currency"]
        )
        return Wanted(
            given["delegate"],
            begins,
            ends,
            given["when"],
            scope,
            given["only_delegate"],
            given["note"],
            zone.key if has_days else "",
        )


def _offer(field: forms.Field, choices: Sequence[tuple[str, str]]) -> None:
    assert isinstance(field, forms.MultipleChoiceField)
    field.choices = [*choices]


@dataclass(frozen=True)
class Shown:
    """One delegation in a list."""

    pk: int
    name: str
    words: str
    about: str
    is_over: bool
    begins_later: bool
    only_delegate: bool
    note: str


def shown(delegation: Delegation, name: str, now: datetime) -> Shown:
    return Shown(
        delegation.pk,
        name,
        _when_in_words(delegation),
        about_in_words(Scope.of(delegation)),
        delegations.is_over(delegation, now),
        delegation.begins_at > now,
        delegation.only_delegate,
        delegation.note,
    )


def _when_in_words(delegation: Delegation) -> str:
    first = first_day(delegation)
    days = _("from {first}").format(first=first)
    if delegation.ends_at is not None:
        days = _("from {first} to {last}").format(first=first, last=LastDay(delegation))
    if delegation.when == Delegation.When.ABSENT:
        return _("when an automatic reply says so, {days}").format(days=days)
    return days


def lists_of(person: Person, now: datetime) -> dict[str, list[Shown]]:
    """Who answers for somebody, and for whom they may answer."""
    of = person.delegations.select_related("delegate").order_by("-pk")
    mine = list(of[:MOST_SHOWN])
    to_me = delegations.not_over(now).filter(delegate=person, delegator__is_active=True)
    current = [one for one in mine if not delegations.is_over(one, now)]
    past = [one for one in mine if delegations.is_over(one, now)][:MOST_PAST]
    return {
        "delegates": [shown(one, one.delegate.name, now) for one in current],
        "past": [shown(one, one.delegate.name, now) for one in past],
        "for_whom": [
            replace(shown(one, one.delegator.name, now), note="")  # not for whoever is named
            for one in to_me.select_related("delegator").order_by("-pk")[:MOST_SHOWN]
        ],
    }


def made(request: PersonsRequest, form: DelegationForm, delegator: Person) -> bool:
    """Whether what was sent is a delegation now; else the form says what is wrong."""
    if not form.is_valid():
        return False
    try:
        delegation = delegations.make(delegator, form.wanted(timezone.now()), request.user)
    except DelegationInvalid as error:
        form.add_error(None, str(error))
        return False
    said = _("{name} may answer in this place. What is open already is put to them within a minute.")
    messages.success(request, said.format(name=delegation.delegate.name))
    return True


def ended(request: PersonsRequest, delegation: Delegation) -> None:
    if delegations.end(delegation.pk, request.user):
        said = _("Ended. {name} does not answer in this place any more.")
        messages.success(request, said.format(name=delegation.delegate.name))
    else:
        messages.info(request, _("This was over already."))


@signed_in
def mine(request: PersonsRequest) -> HttpResponse:
    """Who answers for me, and for whom I may answer."""
    form = DelegationForm(request.POST if request.method == "POST" else None, delegator=request.user)
    form.fields["delegate"].widget = suggested(reverse("account_suggest_delegates"))
    if request.method == "POST" and made(request, form, request.user):
        return redirect("account_delegates")
    context = {"form": form, "away": away_of(request.user), **lists_of(request.user, timezone.now())}
    return render(request, "portal/delegations.html", context, status=422 if form.errors else 200)


@signed_in
def end(request: PersonsRequest, pk: int) -> HttpResponse:
    own = get_object_or_404(request.user.delegations.select_related("delegate"), pk=pk)
    if request.method == "POST":
        ended(request, own)
    return redirect("account_delegates")
