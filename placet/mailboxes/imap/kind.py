"""Mailboxes on IMAP servers."""

from placet.lib.sentences import gettext_noop
from placet.mailboxes.kinds import Kind

KINDS = (
    Kind(
        key="imap",
        label=gettext_noop("IMAP and SMTP"),
        order=40,
        settings="placet.mailboxes.imap.settings:ImapSettings",
        guide_page="imap/guide.html",
        connect="placet.mailboxes.imap.connection:connect",
        sends=False,
        sends_by=("smtp",),
        protocols={"imap": gettext_noop("IMAP")},
        listen="placet.mailboxes.imap.idle:listen",
        listens=("imap",),
    ),
)
