"""Mailboxes that are read by POP3."""

from placet.lib.sentences import gettext_noop
from placet.mailboxes.kinds import Kind

KINDS = (
    Kind(
        key="pop3",
        label=gettext_noop("POP3 and SMTP"),
        order=50,
        settings="placet.mailboxes.pop3.settings:Pop3Settings",
        guide_page="pop3/guide.html",
        connect="placet.mailboxes.pop3.connection:connect",
        sends=False,
        sends_by=("smtp",),
        protocols={"pop3": gettext_noop("POP3")},
    ),
)
