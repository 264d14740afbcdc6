"""What an administrator should look at among the mails that came, and that somebody did. The one definition of it."""

from django.db.models import Q, QuerySet
from django.utils import timezone

from placet.mail.models import IncomingMail
from placet.panel.mail_words import SHOWN


def to_look_at(found: QuerySet[IncomingMail]) -> QuerySet[IncomingMail]:
    """Of these the ones that were set aside or whose result is one to look at, until somebody looked at them."""
    state = IncomingMail.State
    aside = Q(looked_at=None, state=state.SET_ASIDE)  # twice the same: each half is found in the index
    return found.filter(aside | Q(looked_at=None, state=state.HANDLED, result__in=sorted(SHOWN)))


def mark_looked_at(found: QuerySet[IncomingMail]) -> int:
    """Of these the ones to look at are looked at now. How many they were."""
    mails = IncomingMail.objects.filter(pk__in=to_look_at(found).order_by().values("pk"))
    return mails.update(looked_at=timezone.now())
