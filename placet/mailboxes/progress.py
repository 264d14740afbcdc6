"""Until when a mailbox was read. `Mailbox.read_until` is the moment until which whatever its server received, in the
folders that mail is taken from, is kept as a row; "from `Mailbox.since` on" is understood. `placet.mail.read_past` asks
it, so that no deadline ends a question while an answer to it may still lie on the server.

A sync goes from a first request to the answer in which every folder came to its end, over several pages and, with much
mail, several polls. It need not show what comes while it runs: a first delta of Microsoft Graph may be of what was
there when it began. So the moment is the one before the FIRST request of the sync. Of two folders that is the earlier
one, for neither is asked before it.

- It is by our clock, and is never ahead of it: what was noted by a clock that was set back since is taken back at the
  next poll, before the server is asked. Otherwise it only moves on.
- A sync in which a mail was gone when it was fetched says nothing: where ids change, it may just have been moved to the
  other folder, and is listed there by the next sync.
- The server forgetting our cursor does not weaken it: what was kept is kept. Nor does a pause, or being switched off:
  it stays what it was. What does, begins anew in `placet.mailboxes.store`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Case, DateTimeField, F, Value, When
from django.utils import timezone

from placet.mailboxes.models import Mailbox

SYNC_BEGAN = "sync_began"  # in the row's cursor, beside the server's; "" of a sync that will say nothing


def sync_began(mailbox: Mailbox) -> datetime | None:
    """When the sync that goes on began, or one that begins now: to be asked before its request is sent. None: what it
    comes to says nothing."""
    now = timezone.now()
    noted = mailbox.cursor.get(SYNC_BEGAN)
    if noted is None:
        return now
    return _not_ahead(datetime.fromisoformat(noted) if noted else None, now)


def with_sync(cursor: Mapping[str, Any], began: datetime | None) -> dict[str, Any]:
    """The cursor of a sync that is not complete yet."""
    return {**cursor, SYNC_BEGAN: began.isoformat() if began else ""}


def after_sync(mailbox: Mailbox, began: datetime | None) -> datetime | None:
    """What `read_until` is when the sync that began then is complete."""
    now = timezone.now()
    began, known = _not_ahead(began, now), _not_ahead(mailbox.read_until, now)
    if began is None or mailbox.since is None or began < mailbox.since:
        return known  # nothing is looked at that is received before `since`
    return max(began, known) if known else began


def unless_ahead() -> Case:
    """For an update of `read_until`: what it was, but nothing where the clock was set back since. Even if the poll that
    begins fails, for by the time that the clock is there again, it would seem to be true."""
    ahead = When(read_until__gt=timezone.now(), then=Value(None))
    return Case(ahead, default=F("read_until"), output_field=DateTimeField())


def _not_ahead(at: datetime | None, now: datetime) -> datetime | None:
    return at if at is not None and at <= now else None
