"""The Remote Approval tab: the mailbox's settings, and the check of them."""

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters

from placet.approvals import engine
from placet.mailboxes import pool, store
from placet.mailboxes.base import Check, MailboxError
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import SettingsInvalid
from placet.panel.forms import SECRET, MailboxForm
from placet.portal.people import PersonsRequest, administrators_only


@sensitive_post_parameters(SECRET)
@administrators_only
def remote_approval(request: PersonsRequest, pk: int | None = None) -> HttpResponse:
    """The settings of a mailbox: the one that is named, else the first, else a new one."""
    mailbox = Mailbox.objects.first() if pk is None else get_object_or_404(Mailbox, pk=pk)
    if request.method != "POST":
        return _settings_page(request, mailbox, MailboxForm(mailbox=mailbox))
    form = MailboxForm(request.POST, mailbox)
    try:
        saved = store.save(form.entered(), secret=form.secret(), by=request.user.email, mailbox=mailbox)
    except SettingsInvalid as error:
        form.show_errors(error.errors)
        return _settings_page(request, _as_stored(mailbox), form, status=422)
    for notice in saved.notices:
        messages.info(request, notice)
    messages.success(request, _what_next(saved))
    return redirect("panel:mailbox", saved.mailbox.pk)


def _as_stored(mailbox: Mailbox | None) -> Mailbox | None:
    return None if mailbox is None else Mailbox.objects.get(pk=mailbox.pk)


def _what_next(saved: store.Saved) -> str:
    if not saved.activated:
        if saved.mailbox.active:
            return "Saved."
        return "Saved. The mailbox is not active yet: check it, then tick Activate and save once more."
    waiting = len(engine.unasked())  # `placet.work` asks them
    written = f" {waiting} open questions from before are asked by mail now." if waiting else ""
    return f"Saved and activated: mail is looked for and sent from now on.{written}"


@administrators_only
def check(request: PersonsRequest, pk: int) -> HttpResponse:
    """The pre-flight, with the settings as they are stored. It sends mail, so it is no GET."""
    mailbox = get_object_or_404(Mailbox, pk=pk)
    if request.method != "POST":
        return redirect("panel:mailbox", pk)
    return _settings_page(request, mailbox, MailboxForm(mailbox=mailbox), checks=_checks(mailbox))


def _checks(mailbox: Mailbox) -> Sequence[Check]:
    done: list[Check] = []
    try:
        connection = pool.connect(mailbox)
        try:
            done.extend(connection.check())
        finally:
            connection.close()
    except SettingsInvalid as error:
        done.append(
            Check("settings", "Settings are complete", False, cause=str(error), cure="Save them anew.")
        )
    except MailboxError as error:
        done.append(Check("open", "Mailbox answers", False, cause=error.cause, cure=error.cure))
    return done


def _settings_page(
    request: PersonsRequest,
    mailbox: Mailbox | None,
    form: MailboxForm,
    *,
    checks: Sequence[Check] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "mailbox": mailbox,
        "others": Mailbox.objects.exclude(pk=mailbox.pk)[:20] if mailbox else [],
        "form": form,
        "checks": checks,
        "all_well": checks and all(check.ok for check in checks),
    }
    return render(request, "panel/remote_approval.html", context, status=status)
