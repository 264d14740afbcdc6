"""What administrators are written before a client secret or certificate of Entra ID ends."""

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from placet.mailboxes.kinds import EndingWords
from placet.mailboxes.models import Mailbox
from placet.mailboxes.secrets import has_certificate


def words(mailbox: Mailbox, days: int, day: str) -> EndingWords:
    """See `Kind.ending_words`."""
    is_certificate, name = has_certificate(mailbox), mailbox.address
    application = str(mailbox.settings.get("client_id", ""))
    return EndingWords(
        _heading(days, is_certificate=is_certificate).format(days=days, mailbox=name),
        [
            _what_then(days).format(day=day, mailbox=name),
            *_steps(application, is_certificate=is_certificate),
        ],
    )


def _heading(days: int, *, is_certificate: bool) -> str:
    if days < 0:
        if is_certificate:
            return _("The certificate of {mailbox} has expired")
        return _("The client secret of {mailbox} has expired")
    if days == 0:
        if is_certificate:
            return _("The certificate of {mailbox} expires today")
        return _("The client secret of {mailbox} expires today")
    if days == 1:
        if is_certificate:
            return _("The certificate of {mailbox} expires tomorrow")
        return _("The client secret of {mailbox} expires tomorrow")
    if is_certificate:
        return ngettext(
            "The certificate of {mailbox} expires in {days} day",
            "The certificate of {mailbox} expires in {days} days",
            days,
        )
    return ngettext(
        "The client secret of {mailbox} expires in {days} day",
        "The client secret of {mailbox} expires in {days} days",
        days,
    )


def _what_then(days: int) -> str:
    if days < 0:
        return _(
            "Its last day was {day}. Until there is a new one, Microsoft gives Placet no access: no answer is read "
            "from {mailbox} and no mail is sent from it. Nothing is lost: answers wait in the mailbox, and requests "
            "can be decided on their pages."
        )
    return _(
        "Its last day is {day}. After that, and until there is a new one, Microsoft gives Placet no access: no answer "
        "is read from {mailbox} and no mail is sent from it. Answers wait in the mailbox, and requests can be decided "
        "on their pages."
    )


def _steps(application: str, *, is_certificate: bool) -> Sequence[str]:
    if is_certificate:
        steps = [
            _(
                "1. In the tab Remote Approval, under “Client certificate”, have Placet make a new key pair, or upload "
                "one that you have, and download the certificate."
            ),
            _(
                "2. In the Microsoft Entra admin center, open “App registrations”, the application {application}, "
                "“Certificates & secrets”, “Certificates”, and upload it there."
            ),
            _("3. Back in Placet, press “Try and use it”. Then delete the old certificate in Entra."),
        ]
    else:
        steps = [
            _(
                "1. In the Microsoft Entra admin center, open “App registrations”, the application {application}, "
                "“Certificates & secrets”, “Client secrets”, and make a new client secret."
            ),
            _("2. In the tab Remote Approval, enter its “Value” and the day when it expires, and save."),
            _("3. Test the connection, then delete the old client secret in Entra."),
        ]
    return [step.format(application=application) for step in steps]
