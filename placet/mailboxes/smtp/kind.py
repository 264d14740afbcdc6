"""Sending by SMTP, for kinds of mailbox that only receive."""

from placet.lib.sentences import gettext_noop
from placet.mailboxes.kinds import Kind

KINDS = (
    Kind(
        key="smtp",
        label=gettext_noop("SMTP (sends only)"),
        order=90,
        settings="placet.mailboxes.smtp.settings:SmtpSettings",
        connect="placet.mailboxes.smtp.connection:connect",
        receives=False,
    ),
)
