"""From the Guide into the form of the Remote Approval tab."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_post_parameters

from placet.mailboxes import store
from placet.mailboxes.fields import SECRET, SECRET_EXPIRES_ON
from placet.mailboxes.microsoft.clouds import CLOUDS, PROTOCOLS
from placet.mailboxes.microsoft.kind import EXCHANGE_ONLINE
from placet.mailboxes.models import Mailbox
from placet.panel.mailbox_form import MailboxForm
from placet.panel.remote_approval import settings_page
from placet.portal.people import PersonsRequest, administrators_only


@sensitive_post_parameters()
@administrators_only
def from_guide(request: PersonsRequest) -> HttpResponse:
    """The form with the guide's values in it, looked at but not stored. The secret is in this answer only."""
    if request.method != "POST":
        return redirect("panel:remote_approval")
    names = ("protocol", "cloud", "username", "client_id", SECRET, SECRET_EXPIRES_ON)
    given = {name: request.POST.get(name, "") for name in names} | {store.KIND: EXCHANGE_ONLINE}
    mailbox = _meant(given["username"])
    given["token_uri"] = _token_uri(request.POST.get("tenant", ""), mailbox)
    given |= _hosts(given["protocol"], given["cloud"])
    return settings_page(request, mailbox, MailboxForm.filled(given, mailbox), filled_from="guide")


def _meant(username: str) -> Mailbox | None:
    """The mailbox of this address; without one the first in Exchange Online; None where it is a new one."""
    if not username.strip():
        return Mailbox.present.filter(kind=EXCHANGE_ONLINE).first()
    return Mailbox.present.filter(address=username.strip().lower()).first()


def _hosts(protocol: str, cloud: str) -> dict[str, str]:
    """Those that belong to the way and the cloud. Without both: the stored ones."""
    if protocol not in PROTOCOLS or cloud not in CLOUDS:
        return {}
    return {"server_address": CLOUDS[cloud].host(protocol), "scope": CLOUDS[cloud].scope(protocol)}


def _token_uri(tenant: str, mailbox: Mailbox | None) -> str:
    """The tenant, unless it is the one of the stored address: that may lead to a national cloud."""
    stored = str(mailbox.settings.get("token_uri", "")) if mailbox else ""
    return "" if tenant and f"/{tenant.strip().lower()}/" in stored.lower() else tenant
