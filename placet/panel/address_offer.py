"""“Is this another address of Bob?”: for a reply that was refused because its proved sender is nobody here."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from placet.accounts.confirming import is_free
from placet.approvals import another_address
from placet.approvals.models import AskLine
from placet.approvals.proofs import level_of
from placet.mail.models import IncomingMail
from placet.mailboxes import pool
from placet.mailboxes.base import MailboxError
from placet.mailboxes.models import Mailbox
from placet.panel.mail_read import ask_of, explanation_of, start_and_size
from placet.portal.people import PersonsRequest, administrators_only
from placet.replies import entry, refusals, settle
from placet.replies.parse import Mail
from placet.replies.pick import codes
from placet.replies.pick_mailbox import check_mailbox
from placet.replies.proof_policy import prove_policy
from placet.replies.prove import prove


@dataclass(frozen=True)
class Candidate:
    """An address that may be one more of the person who was asked."""

    address: str
    line: AskLine


def candidate(mail: IncomingMail, parsed: Mail | None, line: AskLine | None) -> Candidate | None:
    """Whether the mail gives reason to ask: a valid reply code, and a sender who is proved and nobody's."""
    if mail.result != refusals.NotTheOneAsked.key or parsed is None or line is None:
        return None
    address = parsed.from_address
    if address is None or not line.ask.person.is_active or _ours(address) or not is_free(address):
        return None
    return Candidate(address, line) if _proved(mail, parsed, address, line) else None


def _ours(address: str) -> bool:
    """A mailbox of ours is nobody's, and must stay so."""
    known = Mailbox.objects.values_list("address", "settings__reply_to")
    return any(address in (str(name).lower(), str(reply_to or "").lower()) for name, reply_to in known)


def _proved(mail: IncomingMail, parsed: Mail, address: str, line: AskLine) -> bool:
    """As strong as the process asks for, of the sender that the mail names."""
    try:
        check_mailbox(mail.mailbox, line.ask)
        settings = pool.settings_of(mail.mailbox)
        policy = prove_policy(entry.Reply(mail, "", settings, parsed))
        places = [place for found in codes(parsed) for place in found.places]
        asked = entry.asked_by(line, [address], mail, places)
        prove(parsed, mail.folder, asked, level_of(settle.proof_needed(line)), policy)
    except (refusals.Refusal, MailboxError):  # without the mailbox's settings nothing is proved either
        return False
    return True


@administrators_only
def offer_address(request: PersonsRequest, pk: int) -> HttpResponse:
    """Have the person asked, by a mail to the address that is known."""
    if request.method == "POST":
        mail = get_object_or_404(IncomingMail.objects.select_related("mailbox").defer("raw"), pk=pk)
        line = ask_of(mail)
        start, _size = start_and_size(pk)
        explanation = explanation_of(mail, start, line)
        found = candidate(mail, explanation.mail if explanation else None, line)
        _ask(request, mail, found)
    return redirect("panel:incoming_mail", pk)


def _ask(request: PersonsRequest, mail: IncomingMail, found: Candidate | None) -> None:
    if found is not None:
        ask, about = found.line.ask, found.line.assignment.visit.request
        if another_address.offer(mail.pk, found.address, ask, about, request.user):
            said = _("{name} is asked by a mail to {address}. The answer will be shown on this page.")
            messages.success(request, said.format(name=ask.person.name, address=ask.person.email))
            return
    messages.warning(request, _("There is nothing (more) to ask about this mail, so nothing was done."))
