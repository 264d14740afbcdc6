"""Mailboxes of Google Workspace, through the Gmail API."""

from placet.lib.sentences import gettext_noop
from placet.mailboxes.kinds import Kind

KINDS = (
    Kind(
        key="gmail",
        label=gettext_noop("Google Workspace - Gmail API"),
        order=30,
        settings="placet.mailboxes.gmail.settings:GmailSettings",
        guide_page="gmail/guide.html",
        connect="placet.mailboxes.gmail.connection:connect",
        protocols={"gmail": gettext_noop("Gmail API")},
    ),
)
