"""In which mailboxes an answer counts: what a server stamps is a word about its own people alone.

Of two mailboxes of different organisations, each one's Exchange marks mail of its own people as internal. So an answer
counts in the mailbox that its ask went out from, in the one that the ask's Reply-To named, and in those that an
administrator declared to be of the same organisation.
"""

from email.parser import BytesHeaderParser
from email.policy import compat32

from placet.approvals.composing import mailbox_named_by
from placet.approvals.models import Ask, MailedStart, Version
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.replies import refusals
from placet.replies.parse.addresses import addresses


def check_mailbox(mailbox: Mailbox, ask: Ask | MailedStart) -> None:
    """Raises WrongMailbox where an answer to `ask`, or the rest of what a start lacks, does not count in `mailbox`."""
    sent = ask.outgoing
    if sent is None:  # nobody was ever given its code by mail
        raise refusals.WrongMailbox("")
    if mailbox.pk == sent.mailbox_id or mailbox.address in named_by(sent) or _declared(mailbox, sent.mailbox):
        return
    raise refusals.WrongMailbox(sent.mailbox.address)


def check_mailbox_of_start(mailbox: Mailbox, version: Version) -> None:
    """Raises WrongMailbox where the process names another mailbox, as the one that its requests are started in."""
    named = mailbox_named_by(version.definition)
    if named in ("", mailbox.address):
        return
    its_own = Mailbox.objects.filter(address=named).first()
    if its_own is None or not _declared(mailbox, its_own):
        raise refusals.WrongMailbox(named)


def named_by(sent: OutgoingMail) -> set[str]:
    """The addresses that the Reply-To of a mail of ours names, as it was sent; without the reply code."""
    headers = BytesHeaderParser(policy=compat32).parsebytes(bytes(sent.raw))
    return {_without_code(address) for address in addresses(str(headers.get("Reply-To", "")))}


def _without_code(address: str) -> str:
    local, _at, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def _declared(mailbox: Mailbox, asked_from: Mailbox) -> bool:
    """In the settings of either."""
    return asked_from.address in _others(mailbox) or mailbox.address in _others(asked_from)


def _others(mailbox: Mailbox) -> list[str]:
    return [str(address).lower() for address in mailbox.settings.get("same_organisation", [])]
