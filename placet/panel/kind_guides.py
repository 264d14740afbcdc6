"""The guides of the kinds of mailbox: a page for each that has one (`Kind.guide_page`), beside those that have pages of
their own (`Kind.guide`). What sends for another kind is explained there."""

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.mailboxes.discovery.providers import OUTLOOK_COM_WARNING
from placet.mailboxes.kinds import all_kinds, guide_context
from placet.portal.people import PersonsRequest, administrators_only


@dataclass(frozen=True)
class AppPassword:
    """Where a provider has one make it. `pages`: names as they were in October 2026, in English."""

    providers: str
    pages: str = ""
    note: Promise | str = ""


APP_PASSWORDS = (
    AppPassword(
        "Gmail, Google Workspace",
        "Google Account › Security › 2-Step Verification › App passwords",
        gettext_lazy("An administrator of Workspace may have forbidden it."),
    ),
    AppPassword("Yahoo, AOL", "Account security › Generate app password"),
    AppPassword(
        "iCloud",
        "account.apple.com › Sign-In and Security › App-Specific Passwords",
        gettext_lazy("The user is the account’s address at icloud.com, also for a domain of your own."),
    ),
    AppPassword(
        "GMX, WEB.DE, mail.com",
        note=gettext_lazy(
            "First allow POP3 and IMAP in the settings of the mailbox; with two-factor sign-in make an application "
            "password under security."
        ),
    ),
    AppPassword("Fastmail", "Settings › Privacy & Security › App passwords"),
    AppPassword(
        "Zoho Mail",
        "accounts.zoho.com › Security › App Passwords",
        gettext_lazy("Switch on access by IMAP or POP3 in the settings of the mailbox."),
    ),
    AppPassword(
        "Yandex, Mail.ru",
        note=gettext_lazy(
            "First allow mail programs in the settings of the mailbox; then make a password for external applications "
            "under security."
        ),
    ),
    AppPassword(
        "Exchange Online, Outlook.com",
        note=gettext_lazy(
            "There are none any more. Choose Exchange Online for a mailbox of an organisation; sign in to others by "
            "consent, below."
        ),
    ),
)


@dataclass(frozen=True)
class Guide:
    """A guide, as lists name it."""

    key: str  # of the kind
    label: str
    url: str


def guides() -> list[Guide]:
    """Of the kinds that this installation has, in their order."""
    return [
        Guide(kind.key, _(kind.label), url) for kind in all_kinds().values() if (url := guide_url(kind.key))
    ]


def guide_url(key: str) -> str:
    """Where the guide of a kind is; "" where it has none."""
    kind = all_kinds().get(key)
    if kind is not None and kind.guide:
        return reverse(kind.guide)
    return reverse("panel:guide_of_kind", args=[key]) if kind is not None and kind.guide_page else ""


@administrators_only
def first_guide(request: PersonsRequest) -> HttpResponse:
    """Where no kind has its own page there: the guide of the first kind."""
    return redirect(guides()[0].url)


@administrators_only
def guide_of_kind(request: PersonsRequest, key: str) -> HttpResponse:
    """One guide."""
    kind = all_kinds().get(key)
    if kind is not None and kind.guide:
        return redirect(kind.guide)
    if kind is None or not kind.guide_page:
        raise Http404
    context: dict[str, Any] = {
        "key": key,
        "label": _(kind.label),
        "guides": guides(),
        "app_passwords": APP_PASSWORDS,
        "outlook_com_warning": _(OUTLOOK_COM_WARNING),
        **guide_context(kind),
    }
    return render(request, kind.guide_page, context)
