"""Moving a mailbox to Microsoft Graph, or back: the check of the other way, and then the move."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters

from placet.mail import moving
from placet.mailboxes.base import MailboxError
from placet.mailboxes.kinds import protocol_label
from placet.mailboxes.models import Mailbox
from placet.mailboxes.others import must_stay_closed
from placet.mailboxes.settings import SettingsInvalid
from placet.panel.connection_test import passed_lately, run_for
from placet.panel.remote_approval import STEPS_HERE, TestPage
from placet.portal.people import PersonsRequest, administrators_only


@sensitive_post_parameters()
@administrators_only
def check_move(request: PersonsRequest, pk: int) -> HttpResponseBase:
    """The connection test by the other way, with the same application. It sends mail, so it is no GET."""
    mailbox = get_object_or_404(Mailbox.present, pk=pk)
    protocol = moving.other(mailbox)
    if request.method != "POST" or request.POST.get("to") != protocol:
        return redirect("panel:mailbox", pk)
    run = run_for(mailbox, must_stay_closed(mailbox, first=request.user.email), protocol)
    context = {"mailbox": mailbox, "steps_here": STEPS_HERE, "move_to": protocol}
    page = render_to_string("microsoft/move_test.html", context, request)
    return TestPage(request, mailbox, page, "microsoft/move_verdict.html").response(run)


@administrators_only
def move(request: PersonsRequest, pk: int) -> HttpResponse:
    """Move it, if the check was all right."""
    mailbox = get_object_or_404(Mailbox.present, pk=pk)
    protocol = request.POST.get("to", "")
    if request.method == "POST" and protocol == moving.other(mailbox):
        _move(request, mailbox, protocol)
    return redirect("panel:mailbox", pk)


def _move(request: PersonsRequest, mailbox: Mailbox, protocol: str) -> None:
    if not passed_lately(mailbox, protocol):
        messages.error(
            request, _("Nothing was changed: the check must pass first, with the settings of now.")
        )
        return
    try:
        moved = moving.move(mailbox, protocol, by=f"person:{request.user.pk}")
    except (moving.NotMoved, SettingsInvalid) as error:
        messages.error(request, str(error))
    except MailboxError as error:
        told = _("Nothing was changed. {cause} {cure}")
        messages.error(request, told.format(cause=error.cause, cure=error.cure))
    else:
        for level, sentence in _told(moved, protocol):
            messages.add_message(request, level, sentence)


def _told(moved: moving.Moved, protocol: str) -> list[tuple[int, str]]:
    renamed, left = moved.renamed, moved.by_fingerprint
    done = _("This mailbox goes through {way} now.").format(way=protocol_label(protocol))
    along = ngettext(
        "{number} mail under way was taken along.", "{number} mails under way were taken along.", renamed
    )
    told = [(messages.SUCCESS, f"{done} {along.format(number=renamed)}" if renamed else done)]
    if left:
        again = ngettext(
            "{number} mail is listed anew under another id; Placet knows it again by its headers.",
            "{number} mails are listed anew under other ids; Placet knows them again by their headers.",
            left,
        )
        told.append((messages.INFO, again.format(number=left)))
    if moved.trouble is not None:
        why = _("The ids of mails could not be asked for: {cause}").format(cause=moved.trouble.cause)
        told.append((messages.WARNING, why))
    return told
