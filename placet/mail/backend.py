"""Django's mails (password resets, invitations) go out as rows like every other mail, and look like them.

Their texts are plain templates. The subject is the heading; a line that ends with an address is a link, and a button
if a label stands before it: "Choose a password: https://…".
"""

import re
from collections.abc import Sequence

from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage
from django.db import transaction

from placet.accounts.general import general
from placet.mail import outbox
from placet.mail.models import OutgoingMail
from placet.mail.writing import Link, Notice
from placet.mailboxes.models import Mailbox

_LINK = re.compile(r"^(?P<label>[^\n]*?)\s*:?\s*(?P<href>https?://\S+)$")


class OutboxBackend(BaseEmailBackend):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        mailbox = Mailbox.objects.filter(active=True).order_by("pk").first()
        if mailbox is None:
            if self.fail_silently:
                return 0
            raise RuntimeError(
                "No mailbox is active yet, so no mail can be sent. Set one up under Remote Approval."
            )
        for message in email_messages:
            for address in message.recipients():
                _queue(mailbox, message, address)
        return len(email_messages)


def _queue(mailbox: Mailbox, message: EmailMessage, address: str) -> None:
    reference = outbox.new_reference()
    subject = str(message.subject)
    parts = as_notice(subject, str(message.body)).written(subject, reference, general())
    with transaction.atomic():
        outbox.queue(
            mailbox,
            kind="account",
            to=address,
            cause=f"account:{reference}",
            subject=subject,
            text=parts.text,
            html=parts.html,
            priority=_priority(message),
            reference=reference,
        )


def _priority(message: EmailMessage) -> OutgoingMail.Priority:
    """Somebody waits for a forgotten password; a thousand invitations can wait (Priority, RFC 4021 2.1.54)."""
    waits = message.extra_headers.get("Priority") == "non-urgent"
    return OutgoingMail.Priority.NOTICE if waits else OutgoingMail.Priority.CONFIRMATION


def as_notice(subject: str, text: str) -> Notice:
    """A plain text as a mail of ours."""
    paragraphs: list[str] = []
    links: list[Link] = []
    footer: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        link = _LINK.match(paragraph.strip())
        if link is not None:
            links.append(Link(link["label"] or link["href"], link["href"], "main" if link["label"] else ""))
        else:
            (footer if links else paragraphs).append(paragraph.strip())
    return Notice(subject, paragraphs, links=links, footer="\n\n".join(footer))
