"""Whose stamps in mails count: the test that an administrator goes through and confirms (see `stamp_trial`)."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.mailboxes.base import MailboxError, MailError
from placet.mailboxes.kinds import kind_of
from placet.mailboxes.models import Mailbox
from placet.mailboxes.stamp_profile import StampProfile, Stripped
from placet.portal.people import PersonsRequest, administrators_only
from placet.replies import stamp_trial
from placet.replies.proof_policy import confirmed_profile
from placet.replies.stamp_trial import Trial, TrialError

_SENT = gettext_lazy("The mail with forged stamps was sent. It may take a minute until it is back.")
_DONE = {
    "begin": gettext_lazy("The test has begun: send the mail that is named below."),
    "plant": _SENT,
    "plant-outside": _SENT,
    "confirm": gettext_lazy("The stamps of the mail server are confirmed."),
    "forget": gettext_lazy("They are believed no more. What was decided before stays decided."),
}


class ConfirmForm(forms.Form):
    number = forms.CharField(widget=forms.HiddenInput, max_length=6)
    submission = forms.BooleanField(
        label=gettext_lazy("The server also says who signed in to send a mail"),
        required=False,
        help_text=gettext_lazy("Then whoever signed in as the address in From is proved (submitted)."),
    )
    login_domain = forms.CharField(
        label=gettext_lazy("Domain of logins that are no addresses"),
        required=False,
        max_length=253,
        help_text=gettext_lazy(
            "Where people sign in as “ada” and have the address ada@contoso.com, it is contoso.com. Empty: only logins "
            "that are addresses count."
        ),
    )


@administrators_only
def stamps(request: PersonsRequest, pk: int) -> HttpResponse:
    """How it stands; by POST the next step (`step`: begin, plant, plant-outside, confirm or forget)."""
    mailbox = get_object_or_404(Mailbox.present, pk=pk)
    if request.method != "POST":
        return _page(request, mailbox)
    form = ConfirmForm(request.POST)
    by = request.user.email
    steps: dict[str, Callable[[], object]] = {
        "begin": partial(stamp_trial.begin, mailbox, by),
        "plant": partial(stamp_trial.plant, mailbox),
        "plant-outside": partial(stamp_trial.plant, mailbox, from_outside=True),
        "forget": partial(stamp_trial.forget, mailbox, by),
    }
    if form.is_valid():
        steps["confirm"] = partial(stamp_trial.confirm, mailbox, by, **form.cleaned_data)
    step = steps.get(request.POST.get("step", ""))
    if step is None:
        messages.error(request, _("Nothing was done: press one of the buttons of this page."))
        return _page(request, mailbox, status=422)
    try:
        step()
        messages.success(request, _DONE[request.POST["step"]])
    except MailboxError as error:
        messages.error(request, f"{error.cause} {error.cure}")
    except (TrialError, MailError) as error:
        messages.error(request, str(error))
    return redirect("panel:stamps", pk)


def _page(request: PersonsRequest, mailbox: Mailbox, status: int = 200) -> HttpResponse:
    trial, over = _trial(mailbox)
    profile = confirmed_profile(mailbox.stamps)
    context = {
        "mailbox": mailbox,
        "trial": trial,
        "over": over,
        "confirmed": _confirmed(mailbox),
        "profile": _rows(profile) if profile else None,
        "counts": profile is not None and profile.stamps_count,
        "proposal": _rows(trial.profile) if trial and trial.profile else None,
        "form": ConfirmForm(initial={"number": trial.number if trial else ""}),
        "missed": mailbox.stamps.get("missed"),
        "profile_worth": _worth(profile),
        "proposal_worth": _worth(trial.profile) if trial else "",
        "bytes_as_received": kind_of(mailbox.kind).bytes_as_received,
    }
    return render(request, "panel/stamps.html", context, status=status)


def _worth(profile: StampProfile | None) -> str:
    """Why such stamps prove nobody, or what is to be known where they prove somebody; "" where nothing is."""
    if profile is None:
        return ""
    left_in = profile.strips_own is Stripped.NO
    if profile.stamps_count:
        if not left_in:
            return ""
        return _(
            "Forged stamps are left in. Here they stand below the hop at which a mail comes in, where none counts, and "
            "a mail with forged ones beside the server’s own decides nothing. Better have the server take them off."
        )
    if not profile.dmarc:
        return _("They do not say what DMARC came to, so they prove nobody.")
    if left_in:
        return _(
            "Forged stamps are left in, at the place where the server writes its own, and nobody can tell one from the "
            "other: these stamps prove nobody."
        )
    return _(
        "Whether forged stamps are taken off is not known, so these prove nobody: have the forged mail brought to the "
        "mailbox as strangers’ mail is."
    )


def _confirmed(mailbox: Mailbox) -> dict[str, object] | None:
    """By whom, and the day."""
    stored = mailbox.stamps.get("confirmed")
    return {"by": stored["by"], "day": datetime.fromisoformat(stored["at"])} if stored else None


def _trial(mailbox: Mailbox) -> tuple[Trial | None, str]:
    """The test that was begun, and why it is over."""
    if "trial" not in mailbox.stamps:
        return None, ""
    try:
        return stamp_trial.look(mailbox), ""
    except TrialError as error:
        return None, str(error)


def _rows(profile: StampProfile) -> list[tuple[str, str]]:
    """A profile in words: label and value."""
    places = {
        "above": _("above the hop at which a mail comes in"),
        "below": _("directly below the hop at which a mail comes in"),
    }
    forged = {"yes": _("are taken off"), "no": _("are left in"), "unknown": _("not tested")}
    return [
        (_("In the name of"), ", ".join(profile.ids)),
        (_("They stand"), places[profile.place]),
        (_("Headers"), _("several") if profile.several else _("one")),
        (_("Forged ones"), forged[profile.strips_own]),
        (_("DMARC"), _("stamped") if profile.dmarc else _("not stamped")),
        (_("They prove"), _("a sender from outside") if profile.stamps_count else _("nobody")),
        (_("Who signed in"), _who_signed_in(profile)),
    ]


def _who_signed_in(profile: StampProfile) -> str:
    if not profile.submission:
        return _("does not count")
    if not profile.login_domain:
        return _("counts")
    return _("counts; a login that is no address is one of {domain}").format(domain=profile.login_domain)
