"""Django's mails (password resets, address confirmations) go out as rows like every other mail."""

from collections.abc import Sequence
from typing import Any

from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage, EmailMultiAlternatives
from django.db import transaction
from django.utils.html import escape, linebreaks

from placet.mail import outbox
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox


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
    text = str(message.body)
    with transaction.atomic():
        outbox.queue(
            mailbox,
            kind="account",
            to=address,
            cause=f"account:{reference}",
            subject=str(message.subject),
            text=text,
            html=_html(message, text),
            priority=OutgoingMail.Priority.CONFIRMATION,
            reference=reference,
        )


def _html(message: EmailMessage, text: str) -> str:
    alternatives: Sequence[Any] = message.alternatives if isinstance(message, EmailMultiAlternatives) else ()
    for content, kind in alternatives:
        if kind == "text/html":
            return str(content)
    return linebreaks(escape(text))
