"""Somebody signs in to a mailbox in their browser, and agrees that Placet uses it (`placet.mailboxes.consent`)."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables

from placet.accounts.general import of_request
from placet.mailboxes import consent
from placet.mailboxes.base import MailboxError
from placet.mailboxes.consent import Begun, Changed
from placet.mailboxes.consent_requests import ConsentRequest
from placet.mailboxes.models import Mailbox
from placet.portal.people import PersonsRequest, administrators_only

IN_SESSION = "consents"
MOST_BEGUN = 5  # sign-ins of one session that are not over: more tabs nobody has open


@dataclass(frozen=True)
class Item:
    """One consent on the page."""

    request: ConsentRequest
    is_given: bool
    redirect_uri: str
    host: str  # of the page where one signs in; "" where none is known
    address: str  # of that page, with all that is asked


@never_cache
@administrators_only
def sign_in(request: PersonsRequest, pk: int) -> HttpResponse:
    """What is agreed to, and the link to where that is done: the server asks there, and nothing happens here."""
    mailbox = get_object_or_404(Mailbox.present, pk=pk)
    wanted = consent.requests_of(mailbox)
    if not wanted:
        messages.info(
            request, _("This mailbox is signed in to in another way. Choose OAuth by consent, and save.")
        )
        return redirect("panel:mailbox", pk)
    public = urlsplit(of_request(request).public_url)
    context = {
        "mailbox": mailbox,
        "items": [_item(request, mailbox, one) for one in wanted],
        "elsewhere": f"{public.scheme}://{public.netloc}" if request.get_host() != public.netloc else "",
    }
    return render(request, "panel/consent.html", context)


def _item(request: PersonsRequest, mailbox: Mailbox, wanted: ConsentRequest) -> Item:
    redirect_uri = redirect_uri_of(request, wanted.server)
    address, host = "", urlsplit(wanted.authorization_uri).hostname or ""
    if host:
        begun = Begun.new(mailbox, wanted)
        address = begun.address(wanted, redirect_uri)
        request.session[IN_SESSION] = [*_stored(request), begun.to_session()][-MOST_BEGUN:]
    return Item(wanted, consent.is_given(mailbox, wanted), redirect_uri, host, address)


def redirect_uri_of(request: PersonsRequest, server: str) -> str:
    """Of each server its own (RFC 9700 4.4.2.2), below the address that is entered: never what a Host header says."""
    public = urlsplit(of_request(request).public_url)
    return f"{public.scheme}://{public.netloc}{reverse('panel:consent_answer', args=[server])}"


def _stored(request: PersonsRequest) -> list[object]:
    stored = request.session.get(IN_SESSION)
    return stored if isinstance(stored, list) else []


@never_cache
@sensitive_variables("code")
@administrators_only
def answer(request: PersonsRequest, server: str) -> HttpResponse:
    """Where the server sends the browser back to. Its address holds a code, so what is shown is on another page."""
    begun = _begun(request, request.GET.get("state", ""), server)
    if begun is None:
        messages.error(
            request,
            _(
                "This answer belongs to no sign-in that was begun here in the last minutes. Open the page of the "
                "mailbox and sign in once more."
            ),
        )
        return redirect("panel:remote_approval")
    mailbox = get_object_or_404(Mailbox.present, pk=begun.mailbox)
    code = request.GET.get("code", "")
    if "error" in request.GET or not code:
        messages.error(request, consent.why_refused(request.GET.get("error", "")))
        return redirect("panel:consent", mailbox.pk)
    try:
        wanted = begun.request_of(mailbox)
        refresh_token = consent.redeem(wanted, begun, code, redirect_uri_of(request, server))
        consent.keep(mailbox, wanted, refresh_token, by=request.user.email)
    except MailboxError as error:
        messages.error(request, f"{error.cause} {error.cure}")
        return redirect("panel:consent", mailbox.pk)
    except Changed:
        messages.error(request, _("The settings of this mailbox were changed meanwhile. Sign in once more."))
        return redirect("panel:consent", mailbox.pk)
    messages.success(
        request, _("Signed in. Test the connection now: it shows whether it is the right account.")
    )
    return redirect("panel:mailbox", mailbox.pk)


def _begun(request: PersonsRequest, state: str, server: str) -> Begun | None:
    """The sign-in that this answers, which is then over: an answer serves once."""
    for stored in _stored(request):
        begun = Begun.of_session(stored)
        if begun is not None and begun.is_answered_by(state, server):
            request.session[IN_SESSION] = [one for one in _stored(request) if one != stored]
            request.session.save()  # before the server is asked, which takes its time
            return begun
    return None
