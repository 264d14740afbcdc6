"""Whether an answer that came in time may still be unread: asked before a deadline ends what it would have answered.

    if read_past(mailboxes, due, code_hashes, asked_at=asked_at): ...

Mailboxes are those that the answers may come to, given by their keys; without any, nothing has to be waited for, nor
for one that was removed. A mail came in time by when the server received it (`IncomingMail.received_at`); one without
that may have.

Where another kind sends for a mailbox, it may be read while nothing goes out of it. Then questions still lie here that
nobody could answer, so that it counts as not read past what they wait for.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from placet.lib import clock
from placet.mail.models import IncomingMail, OutgoingMail, SetAsideCode
from placet.mailboxes.models import Mailbox

#: How far beyond the moment a mailbox must have been read. The moment is by our clock and the receipt by the server's,
#: and a mail may take a while from being received to lying in its folder. Within this, too, lies a clock of ours that
#: was set back while a mailbox was being read.
SLACK = timedelta(minutes=2)
CLOCKS = timedelta(minutes=10)  # an answer that seems to have come before its question, by the server's clock

MOST_KEPT = 50  # mails looked through for a code; where more wait, any of them may have it

ANY_CODE = ""  # in place of a keyed hash, where nobody can tell which codes a mail has


def read_past(
    mailboxes: Collection[int],
    instant: datetime,
    code_hashes: Collection[str],
    *,
    asked_at: datetime | None = None,
) -> bool:
    """Whether all that these mailboxes received until `instant` was read, nothing of it that may be an answer waits or
    is set aside, and their questions went out. See `not_read_past`."""
    return not _hindered(mailboxes, instant, code_hashes, asked_at).exists()


def not_read_past(
    mailboxes: Collection[int],
    instant: datetime,
    code_hashes: Collection[str],
    *,
    asked_at: datetime | None = None,
) -> list[Mailbox]:
    """Those of them of which it cannot be said, in their order.

    `code_hashes`: of the asks in question (`Ask.code_hash`). A mail that waits to be handled may be an answer to any;
    one that was set aside, if it has one of these codes or could not be read at all, and as long as no administrator
    looked at it. With `asked_at`, when the first of them was made, mails set aside that came long before it are none.
    """
    return list(
        _hindered(mailboxes, instant, code_hashes, asked_at).order_by("pk").defer("secrets", "cursor")
    )


def _hindered(
    mailboxes: Collection[int], instant: datetime, code_hashes: Collection[str], asked_at: datetime | None
) -> QuerySet[Mailbox]:
    """In one statement: a poll that commits mails between two would have them seen by neither."""
    late = Q(read_until=None) | Q(read_until__lt=instant + SLACK)
    ahead = Q(read_until__gt=clock.now())  # the clock was set back since: see `placet.mailboxes.progress`
    in_time = Q(received_at__lte=instant) | Q(received_at=None)
    waits = IncomingMail.objects.filter(in_time, mailbox=OuterRef("pk"), state=IncomingMail.State.KEPT)
    unsent = OutgoingMail.objects.filter(
        mailbox=OuterRef("pk"), state__in=_UNSENT, created_at__lte=instant, words__isnull=False
    )
    held_up = Q(sending_failures__gt=0) & Exists(unsent)
    # Not asked of each mailbox: SQLite would look through all of its mails instead of by the codes.
    aside = _set_aside(instant, code_hashes, asked_at).values("incoming__mailbox")
    hindered = late | ahead | Exists(waits) | held_up | Q(pk__in=aside)
    return Mailbox.present.filter(hindered, pk__in=mailboxes)


_UNSENT = (OutgoingMail.State.WAITING, OutgoingMail.State.SENDING)


def _set_aside(
    instant: datetime, code_hashes: Collection[str], asked_at: datetime | None
) -> QuerySet[SetAsideCode]:
    in_time = Q(incoming__received_at__lte=instant)
    if asked_at is not None:
        in_time &= Q(incoming__received_at__gte=asked_at - CLOCKS)
    return SetAsideCode.objects.filter(
        in_time | Q(incoming__received_at=None),
        code_hash__in=[*code_hashes, ANY_CODE],
        incoming__state=IncomingMail.State.SET_ASIDE,
        incoming__looked_at=None,
    )


def is_anything_kept() -> bool:
    """Whether any mail waits to be taken in."""
    return IncomingMail.objects.filter(state=IncomingMail.State.KEPT).exists()


def is_kept(
    mailboxes: Collection[int],
    code_hashes: Collection[str],
    *,
    asked_at: datetime,
    codes_in: Callable[[int], Collection[str]],
) -> bool:
    """Whether a mail of these mailboxes waits to be taken in that has one of these codes, or may have. `asked_at`: when
    the first of them was given out. `codes_in`: the keyed hashes of the codes in a mail, by its key."""
    later = Q(received_at__gte=asked_at - CLOCKS) | Q(received_at=None)
    waits = IncomingMail.objects.filter(later, mailbox__in=mailboxes, state=IncomingMail.State.KEPT)
    numbers = list(waits.order_by("pk").values_list("pk", flat=True)[: MOST_KEPT + 1])
    if len(numbers) > MOST_KEPT:
        return True
    wanted = {*code_hashes, ANY_CODE}
    return any(not wanted.isdisjoint(codes_in(number)) for number in numbers)


def remember_codes(incoming: IncomingMail, code_hashes: Collection[str]) -> None:
    """Of a mail that is set aside, in place of what was known of it when it was the last time."""
    SetAsideCode.objects.filter(incoming=incoming).delete()
    found = [SetAsideCode(incoming=incoming, code_hash=code_hash) for code_hash in code_hashes]
    SetAsideCode.objects.bulk_create(found, ignore_conflicts=True)
