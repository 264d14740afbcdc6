"""How many mails a proved sender gets in an hour that say why a reply did not count, and how many that answer “help”
and “status”: each kind as many as the mailbox says, counted apart, so that whoever asked something still hears that an
answer was not clear. The last one of an hour says that further ones get none.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.accounts.reader import as_read_by
from placet.lib import clock
from placet.mail.models import OutgoingMail
from placet.mail.writing import when
from placet.replies import refusals

if TYPE_CHECKING:
    from placet.replies.entry import Reply

HOUR = timedelta(hours=1)
_COMMANDS = (refusals.HelpAsked, refusals.StatusAsked)
_KINDS_OF_COMMANDS = tuple(f"refusal-{command.key}" for command in _COMMANDS)


def may_be_told(reply: "Reply", refusal: refusals.Refusal) -> bool:
    return len(_moments_of_mails(reply, refusal)) < reply.settings.refusals_per_hour


def last_of_the_hour(reply: "Reply", refusal: refusals.Refusal) -> str:
    """What a mail that may be written says of those behind it, in its reader's language; "" while more may follow."""
    moments = _moments_of_mails(reply, refusal)
    if len(moments) != reply.settings.refusals_per_hour - 1:
        return ""
    until = min([*moments, clock.now()]) + HOUR
    with as_read_by(_sender(reply)):
        if isinstance(refusal, _COMMANDS):
            sentence = _("Until {time}, further replies that ask for help or for the status stay unanswered.")
        else:
            sentence = _(
                "Until {time}, further replies that cannot be applied stay unanswered. An answer that counts is "
                "confirmed as always."
            )
        return sentence.format(time=when(until))


def _sender(reply: "Reply") -> Person:
    """Who is proved to have sent it."""
    if reply.starter is not None:
        return reply.starter
    assert reply.line is not None
    return reply.line.ask.person


def _moments_of_mails(reply: "Reply", refusal: refusals.Refusal) -> Sequence[datetime]:
    """When mails of this kind were written to the sender within the last hour; no more of them than may be."""
    mails = OutgoingMail.objects.filter(
        kind__startswith="refusal-",
        to=_sender(reply).email,
        created_at__gt=clock.now() - HOUR,
    )
    if isinstance(refusal, _COMMANDS):
        mails = mails.filter(kind__in=_KINDS_OF_COMMANDS)
    else:
        mails = mails.exclude(kind__in=_KINDS_OF_COMMANDS)
    newest_first = mails.order_by("-created_at").values_list("created_at", flat=True)
    return list(newest_first[: reply.settings.refusals_per_hour])
