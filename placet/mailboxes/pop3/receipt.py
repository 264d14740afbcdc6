"""When a POP3 server received a mail. It does not say so: the topmost Received header does, which the server that
delivered the mail wrote above all that came with it.

That header could be the sender's own where a server writes none, and an answer counts by when it was received. So it is
believed only between two moments that nobody else sets: a mail that was not listed the last time came after that, and
before now. Where no time can be read there, it is the moment at which the mail was kept (`IncomingMail.receipt_time`).
How far the mailbox was read (`placet.mailboxes.progress`) does not rest on any of this: it is when a sync began.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_RECEIVED = re.compile(r"^Received[ \t]*:(.*(?:\r?\n[ \t].*)*)", re.IGNORECASE | re.MULTILINE)
LONGEST = 4000  # characters of one header


def received_at(headers: str, after: datetime | None, now: datetime) -> datetime | None:
    """`headers`: of the mail, as it was given; `after`: when it was not there yet, if that is known."""
    stamped = stamp_of(headers)
    if stamped is None:
        return None
    return min(max(stamped, after) if after is not None else stamped, now)


def stamp_of(headers: str) -> datetime | None:
    """The time that the topmost Received header says, in UTC."""
    topmost = _RECEIVED.search(headers)
    if topmost is None:
        return None
    try:
        stamped = parsedate_to_datetime(topmost[1][:LONGEST].rpartition(";")[2].strip())
        return (stamped if stamped.tzinfo else stamped.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
