"""The Guide tab: from a new application in Entra ID to a mailbox that answers, one page for each step.

What is typed on the way and is no secret is kept in the session, so that later pages have the names filled in. The
client secret is typed on the review alone, which sends it to the Remote Approval tab.
"""

import dataclasses
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from placet.mailboxes.kinds import FIRST
from placet.mailboxes.microsoft.clouds import EWS
from placet.mailboxes.microsoft.panel import guide_commands, guide_values
from placet.mailboxes.microsoft.panel.guide_values import Values, ValuesForm
from placet.panel.kind_guides import guides
from placet.portal.people import PersonsRequest, administrators_only

REVIEW = "review"


@dataclass(frozen=True)
class Step:
    """One page. `asks`: the fields of `Values` that are seen there, or that its commands need."""

    key: str
    title: Promise
    asks: tuple[str, ...] = ()
    where: tuple[str, ...] = ()  # Microsoft's pages that lead there, by the names that they have today
    stays: bool = False  # what was typed is filled in on this very page
    only: str = ""  # the one way that it belongs to

    def done(self, values: Values) -> bool:
        """Whether there is nothing (more) to type here before one goes on."""
        return not self.asks or (self.stays and all(getattr(values, name) for name in self.asks))


_REGISTRATIONS = ("Microsoft Entra admin center", "Entra ID", "App registrations")
_OF_IT = (*_REGISTRATIONS, guide_commands.APPLICATION)

IN_ENTRA = (
    Step(
        "register",
        _("Register the application"),
        ("client_id", "tenant"),
        (*_REGISTRATIONS, "New registration"),
    ),
    Step("permission", _("API permissions"), where=(*_OF_IT, "API permissions")),
    Step("consent", _("Admin consent"), ("client_id", "tenant"), (*_OF_IT, "API permissions"), stays=True),
    Step(
        "secret",
        _("Certificates & secrets"),
        ("secret_expires_on",),
        (*_OF_IT, "Certificates & secrets"),
        stays=True,
    ),
    Step("branding", _("Branding"), where=(*_OF_IT, "Branding & properties")),
    Step(REVIEW, _("Review"), ("protocol", "cloud", "client_id", "tenant", "username", "secret_expires_on")),
)
AFTERWARDS = (
    Step("outlook", _("Modern authentication for Outlook")),
    Step("mailbox", _("Licensed or shared mailbox"), ("username",)),
    Step(
        "limit",
        _("Limit the application to the one mailbox"),
        ("client_id", "object_id", "username"),
        stays=True,
    ),
    Step("several", _("One application for several organisations")),
    # At the end, so that the others have the same numbers in both ways.
    Step("ews", _("Let the application use EWS"), ("client_id", "username"), stays=True, only=EWS),
    Step("ending", _("After 1 April 2027"), only=EWS),
)
STEPS = (*IN_ENTRA, *AFTERWARDS)
CHOICE = ("protocol", "cloud")  # made before the first step
EWS_ENDS = date(2027, 4, 1)


def steps_of(way: str) -> list[Step]:
    return [step for step in STEPS if step.only in ("", way)]


def _list(way: str) -> dict[str, Any]:
    """What every page of the Guide shows beside it."""
    return {
        "way": way,
        "in_entra": IN_ENTRA,
        "afterwards": [step for step in AFTERWARDS if step.only in ("", way)],
        "afterwards_from": len(IN_ENTRA) + 1,
        "numbers": {step.key: number for number, step in enumerate(STEPS, 1)},
        "days_of_ews": (EWS_ENDS - timezone.localdate()).days,
    }


@administrators_only
def guide(request: PersonsRequest) -> HttpResponse:
    """What it takes, and the steps. A POST with the way keeps it and goes on; any other forgets what was typed."""
    values, typed = guide_values.known(request.session), guide_values.typed_in(request.session)
    form = ValuesForm(CHOICE, request.POST if "protocol" in request.POST else None, values)
    if request.method == "POST":
        if not form.is_bound:
            guide_values.forget(request.session)
            return redirect("panel:guide")
        if form.is_valid():
            guide_values.keep(request.session, form.cleaned_data)
            return redirect("panel:guide_step", STEPS[0].key)
    context = {
        **_list(values.way),
        "form": form,
        "values": values,
        "typed": typed,
        "guides": guides(),
        "key": FIRST,
    }
    return render(request, "microsoft/guide.html", context, status=422 if form.errors else 200)


@administrators_only
def guide_step(request: PersonsRequest, key: str) -> HttpResponse:
    """One step. A POST keeps what was typed there and goes on."""
    step = _step(key)
    values = guide_values.known(request.session)
    if request.method != "POST":
        return _page(request, step, _empty_form(step, values), values)
    if step.key == REVIEW:  # its form goes to the Remote Approval tab: the secret is not taken here
        return redirect("panel:guide_step", REVIEW)
    form = ValuesForm(step.asks, request.POST, values)
    if not form.is_valid():
        return _page(request, step, form, values, status=422)
    guide_values.keep(request.session, form.cleaned_data)
    return redirect("panel:guide_step", step.key) if step.stays else _onward(step, values)


@administrators_only
def guide_calendar(request: PersonsRequest) -> HttpResponse:
    """The calendar entry for the day on which the secret expires, once the day is known."""
    from placet.mailboxes.microsoft.panel.guide_calendar import (
        expiry_entry,
    )  # icalendar takes a tenth of a second at every start

    values = guide_values.known(request.session)
    if values.expiry is None:
        return redirect("panel:guide_step", "secret")
    headers = {
        "Content-Disposition": 'attachment; filename="placet-client-secret.ics"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(expiry_entry(values), content_type="text/calendar; charset=utf-8", headers=headers)


def _step(key: str) -> Step:
    found = next((step for step in STEPS if step.key == key), None)
    if found is None:
        raise Http404
    return found


def _way(step: Step, values: Values) -> str:
    """A step of one way shows that way, whoever opens it."""
    return step.only or values.way


def _onward(step: Step, values: Values) -> HttpResponse:
    steps = steps_of(_way(step, values))
    after = steps[steps.index(step) + 1 :]
    return redirect("panel:guide_step", after[0].key) if after else redirect("panel:guide")


def _empty_form(step: Step, values: Values) -> ValuesForm:
    form = ValuesForm(step.asks, values=values)
    if step.key == REVIEW:
        form.fields["client_secret"] = forms.CharField(
            label=_("Client secret"),
            help_text=_(
                "The Value of the secret. It is not kept here: type it again if you leave this page. Empty, if Placet "
                "shall sign in with a certificate."
            ),
            required=False,
            widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
        )
        form.order_fields(
            ["protocol", "cloud", "client_id", "tenant", "username", "client_secret", "secret_expires_on"]
        )
    return form


def _page(
    request: PersonsRequest, step: Step, form: ValuesForm, values: Values, *, status: int = 200
) -> HttpResponse:
    way = _way(step, values)
    values = dataclasses.replace(values, protocol=way)
    steps = steps_of(way)
    at = steps.index(step)
    context: dict[str, Any] = {
        "step": step,
        "number": at + 1,
        "count": len(steps),
        **_list(way),
        "before": steps[at - 1] if at else None,
        "after": steps[at + 1] if at + 1 < len(steps) else None,
        "form": form,
        "done": step.done(values),
        "values": values,
        "application": guide_commands.APPLICATION,
        "commands": guide_commands.commands(values),
        "consent_link": guide_commands.consent_link(values),
        "consent_elsewhere": guide_commands.consent_elsewhere(values),
    }
    return render(request, f"microsoft/guide/{step.key}.html", context, status=status)
