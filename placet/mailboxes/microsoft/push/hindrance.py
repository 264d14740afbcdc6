"""Whether Microsoft Graph can call us."""

from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from placet.lib.reached import is_public
from placet.mailboxes.http import is_loopback
from placet.mailboxes.microsoft.clouds import GRAPH
from placet.mailboxes.models import Mailbox

PATH = "notifications/graph"  # where it calls, below the public address; without a slash at its end


def hindrance(mailbox: Mailbox, public_url: str) -> tuple[str, str] | None:
    """Why Microsoft Graph cannot call us, and what to do about it; None where it may be able to, or need not."""
    if mailbox.protocol != GRAPH:
        return None
    host = urlsplit(public_url).hostname or ""
    if mailbox.sandbox and is_loopback(host):
        return None
    if not public_url.startswith("https:"):
        return (
            _("The public address, {url}, does not begin with https://, so Microsoft cannot call it.").format(
                url=public_url
            ),
            _("Put a reverse proxy with TLS in front, and enter its https address on the General tab."),
        )
    if not is_public(public_url):
        return (
            _("The public address, {url}, is not one that can be reached from the internet.").format(
                url=public_url
            ),
            _("Enter an address on the General tab that Microsoft can reach."),
        )
    return None
