"""Mails moved to another folder, each of them once, also by a server that has no MOVE.

Such a server copies them, and then what was copied is marked as deleted and taken out, these mails alone: a plain
EXPUNGE would take out what others have marked. Whoever is killed in between would copy them twice. So a mail has a
keyword from before it is copied; one that has it already, or is on a server without keywords, is looked for in the
other folder first.
"""

from collections.abc import Sequence
from datetime import timedelta

from .client import Client, Listed, Selected, keyword, search_date
from .ids import MailId
from .wire import Limits

BEGUN = keyword("$PlacetMoving")
DELETED = b"\\Deleted"
#: What tells a mail from any other: no two arrive with the same Received lines.
TELLING = b"HEADER.FIELDS (MESSAGE-ID DATE FROM TO SUBJECT RECEIVED)"
HEADERS = Limits(literal=256 * 1024)
DAY = timedelta(days=1)
MOST_LISTED = 5000  # mails of about the same size and of three days that are looked at
MOST_ALIKE = 200  # mails of the same size and second that are compared


def move(client: Client, selected: Selected, uids: Sequence[int], target: bytes) -> dict[int, MailId]:
    """By UID, what each is called from now on, of those that the server says it of. One that is gone is no error."""
    if client.offers("MOVE"):
        return _ids(client.move(uids, target), target)
    mails = {mail.uid: mail for mail in client.listed(uids)}
    if not mails:
        return {}
    copied = _copied_before(client, selected, list(mails.values()), target)
    if copied is None:
        return {}
    to_copy = [uid for uid in mails if uid not in copied]
    if to_copy:
        if _keeps(selected, BEGUN):
            client.store(to_copy, BEGUN)
        copied |= _ids(client.copy(to_copy, target), target)
    client.store(list(mails), DELETED)
    if client.offers("UIDPLUS"):
        client.expunge(list(mails))
    # Else they stay there, marked, until whoever reads the mailbox takes them out: that is for no program to decide.
    return copied


def _ids(copies: dict[int, tuple[int, int]], target: bytes) -> dict[int, MailId]:
    return {uid: MailId(uidvalidity, copy, target) for uid, (uidvalidity, copy) in copies.items()}


def _keeps(selected: Selected, flag: bytes) -> bool:
    return selected.keywords or flag.lower() in selected.flags


def _copied_before(
    client: Client, selected: Selected, mails: Sequence[Listed], target: bytes
) -> dict[int, MailId] | None:
    """By UID, those of which a copy lies in the other folder already. None where the numbers mean other mails by now:
    nothing may be done by them."""
    if _keeps(selected, BEGUN):
        mails = [mail for mail in mails if BEGUN.lower() in mail.flags]
    if not mails:
        return {}
    told = {mail.uid: mail for mail in client.fetch([mail.uid for mail in mails], TELLING, HEADERS)}
    there = client.examine(target)
    copies = {uid: _copy_of(client, mail, there) for uid, mail in told.items()}
    if client.select(selected.name).uidvalidity != selected.uidvalidity:
        return None
    return {uid: id_ for uid, id_ in copies.items() if id_ is not None}


def _copy_of(client: Client, mail: Listed, there: Selected) -> MailId | None:
    if mail.received_at is None or mail.size is None or not there.exists:
        return None
    first, after = (
        search_date((mail.received_at - DAY).date()),
        search_date((mail.received_at + 2 * DAY).date()),
    )
    # Courier searches by the size of its files, in which a line ends in one byte, and tells that of the mail.
    size = (b"LARGER", b"%d" % max(0, mail.size // 2 - 1), b"SMALLER", b"%d" % (mail.size + 1))
    near = client.search(b"SINCE", first, b"BEFORE", after, *size)[-MOST_LISTED:]
    listed = client.listed(near) if near else []
    alike = [one.uid for one in listed if (one.size, one.received_at) == (mail.size, mail.received_at)]
    for copy in client.fetch(alike[-MOST_ALIKE:], TELLING, HEADERS) if alike else ():
        if copy.content == mail.content:
            return MailId(there.uidvalidity, copy.uid, there.name)
    return None
