"""Autodiscover as a help in the form: which Exchange Server has the mailbox. Nothing is stored.

First the domain's two usual hosts are looked at without a password; an administrator then says at which of them to sign
in, and only there the password goes that stands in the form: never one that is stored, which was entered for another
server."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from pydantic import SecretStr

from placet.mailboxes import store
from placet.mailboxes.authorities import AuthoritiesInvalid, read
from placet.mailboxes.base import MailboxError
from placet.mailboxes.microsoft.ews.callers import Caller
from placet.mailboxes.microsoft.server import autodiscover
from placet.mailboxes.microsoft.server.autodiscover import Place
from placet.mailboxes.microsoft.server.basic import BasicCaller
from placet.mailboxes.microsoft.server.fields import BASIC, NTLM, PASSWORD
from placet.mailboxes.microsoft.server.windows import NEGOTIATE, Account, WindowsCaller
from placet.mailboxes.microsoft.server.windows import NTLM as NTLM_SCHEME
from placet.mailboxes.models import Mailbox
from placet.panel.mailbox_form import MailboxForm, files_of
from placet.panel.remote_approval import settings_page
from placet.portal.people import PersonsRequest, administrators_only

KIND, SERVER = "exchange-server", "exchange_server"


@dataclass(frozen=True)
class Autodiscovery:
    """What came of it. `places` were looked at; `servers` have the mailbox, as `host` says."""

    error: str = ""
    places: Sequence[Place] = ()
    host: str = ""
    servers: Sequence[str] = ()
    leads_to: str = ""
    other_address: str = ""
    filled: bool = False  # one of the servers stands in the form now


@sensitive_post_parameters()
@administrators_only
def find_server(request: PersonsRequest) -> HttpResponse:
    """Asked when one of its buttons is pressed: the first, `ask_at` a host, or `use_server`."""
    if request.method != "POST":
        return redirect("panel:new_mailbox")
    server, host = request.POST.get("use_server", ""), request.POST.get("ask_at", "")
    filled = {SERVER: server} if server else {}
    pk = request.POST.get("mailbox", "")
    mailbox = Mailbox.present.filter(pk=int(pk)).first() if pk.isdecimal() and len(pk) < 10 else None
    data = {**request.POST.dict(), store.KIND: KIND, **filled}
    form = MailboxForm(data, mailbox, files=files_of(request.FILES))
    outcome = Autodiscovery(filled=bool(server))
    if not server:
        outcome = _ask(form, host) if host else _look_around(form)
    if not request.headers.get("HX-Request"):
        return settings_page(request, mailbox, form, more={"outcome": outcome})
    if server:
        form.fields[SERVER].widget.attrs["hx-swap-oob"] = "true"
    context = {"outcome": outcome, "field": form[SERVER] if server else None}
    return render(request, "microsoft/autodiscovered.html", context)


def _look_around(form: MailboxForm) -> Autodiscovery:
    """Where the domain may have it; nothing but the names of these hosts is sent."""
    try:
        return Autodiscovery(places=autodiscover.places(_domain(form), _authorities(form)))
    except AuthoritiesInvalid as invalid:
        return Autodiscovery(error=str(invalid))
    except ValueError:
        return Autodiscovery(error=_("Enter the address of the mailbox as Username first."))


def _ask(form: MailboxForm, host: str) -> Autodiscovery:
    """What the host says of the mailbox, to whoever the form names."""
    address, password = _address(form), str(form[PASSWORD].value() or "")
    if not password:
        words = _("Enter the password of the account below first. A stored one is sent to no other server.")
        return Autodiscovery(error=words)
    try:
        urls = {urlsplit(url).hostname: url for url in autodiscover.urls_for(_domain(form))}
        url, authorities = urls[host.lower()], _authorities(form)
    except AuthoritiesInvalid as invalid:
        return Autodiscovery(error=str(invalid))
    except (ValueError, KeyError):  # the address is another one by now
        return Autodiscovery(error=_("Find the server once more: the address is another one now."))
    account = Account(str(form["exchange_user"].value() or "").strip() or address, SecretStr(password))
    caller = _caller(url, account, str(form["exchange_sign_in"].value()), authorities)
    try:
        with closing(caller):
            answer = autodiscover.ask(caller, address)
    except MailboxError as error:
        return Autodiscovery(error=str(error))
    return Autodiscovery(
        host=host, servers=answer.servers, leads_to=answer.leads_to, other_address=answer.other_address
    )


def _address(form: MailboxForm) -> str:
    return str(form["username"].value() or "").strip()


def _domain(form: MailboxForm) -> str:
    return _address(form).rpartition("@")[2].lower()


def _caller(url: str, account: Account, sign_in: str, authorities: str) -> Caller:
    """OAuth signs in to the server itself alone: here the account's password is used as with Windows."""
    if sign_in == BASIC:
        return BasicCaller(url, account, authorities=authorities)
    schemes = (NTLM_SCHEME,) if sign_in == NTLM else (NEGOTIATE, NTLM_SCHEME)
    return WindowsCaller(url, account, schemes, authorities=authorities)


def _authorities(form: MailboxForm) -> str:
    """As they stand in the form. Raises AuthoritiesInvalid."""
    entered = form.entered().get("exchange_authorities") or ""
    data = entered if isinstance(entered, bytes) else str(entered).encode()
    return read(data) if data.strip() else ""
