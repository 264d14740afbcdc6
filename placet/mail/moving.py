"""A mailbox goes from one protocol of its server to the other, and back, while Placet runs: from Exchange Web Services
to Microsoft Graph, for example. No reply is lost.

connection  by the protocol that it shall speak: its pre-flight says what is missing, before anything changes
move        ids of mails are translated, then they, the settings and an audit entry are written in one transaction
ids_here    by what ids the open connection knows mails of which the other protocol gave the ids

Each protocol has ids of its own for the same mail. A mail whose id cannot be translated keeps it: the new one lists it
anew, and its fingerprint says that it is known (`placet.replies.fetch`).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import structlog
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from placet.audit import chain
from placet.audit.models import AuditEntry
from placet.lib import clock
from placet.mail.models import IncomingMail
from placet.mailboxes import polling, pool, store
from placet.mailboxes.base import Action, Connection, MailboxError, Translates, Wait
from placet.mailboxes.kinds import all_kinds, kind_of
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import MailboxSettings, SettingsInvalid

if TYPE_CHECKING:
    from django.db.models import QuerySet

log = structlog.get_logger(__name__)

EVENT = "mailbox moved"
PATIENCE = 60.0  # seconds that a running poll may still take
PAUSE = 0.2  # seconds between two looks whether it has ended
AT_ONCE = 200  # ids translated in one call: the lease is renewed in between
LONGEST_WAIT = 30.0  # seconds that the server may ask for in between
MOST_WAITS = 5
MOST_TRIES = 5  # of the transaction: what other workers do at the same moment may be in its way

RENAME = "UPDATE mail_incomingmail SET server_id = %s, protocol = %s WHERE id = %s"

Thing = TypeVar("Thing")


class NotMoved(Exception):
    """Nothing was changed. The text says why, and what to do."""


@dataclass(frozen=True)
class Moved:
    """What a move did. `by_fingerprint`: mails that the new way lists anew; `trouble`: why it does so with all."""

    renamed: int
    by_fingerprint: int
    trouble: MailboxError | None = None


def other(mailbox: Mailbox) -> str:
    """The other protocol that its server speaks; "" where there is none."""
    known = all_kinds().get(mailbox.kind)
    return next((key for key in (known.protocols if known else ()) if key != mailbox.protocol), "")


def settings_by(mailbox: Mailbox, protocol: str) -> MailboxSettings:
    """The mailbox's settings for the other protocol, as moving would store them. Raises SettingsInvalid."""
    looked = store.look({**mailbox.settings, "protocol": protocol}, mailbox=mailbox, moving=True)
    if looked.errors or looked.settings is None:
        raise SettingsInvalid(looked.errors)
    return looked.settings


def connection(mailbox: Mailbox, protocol: str) -> Connection:
    """A new connection by that protocol, with the same application. Raises SettingsInvalid."""
    settings = settings_by(mailbox, protocol)
    # A key of its own: the workers' tokens are for the protocol that they speak.
    return kind_of(mailbox.kind).connection(settings, mailbox.secrets, f"{mailbox.pk} moving")


def last_move(mailbox: Mailbox) -> AuditEntry | None:
    entries = AuditEntry.objects.filter(request=None).order_by(
        "-seq"
    )  # few: nothing else happens to all of it
    moves = (entry for entry in entries.iterator() if entry.what.get("event") == EVENT)
    return next((entry for entry in moves if entry.what.get("mailbox") == mailbox.pk), None)


# --- the move ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Turn:
    """The mailbox as it was when no poll was running, which no other one starts as long as `claim` holds."""

    mailbox: Mailbox
    claim: str

    def goes_on(self) -> None:
        """Renew the lease. Raises NotMoved if it is no longer ours."""
        mine = polling.LEASED.mine(self.mailbox.pk, self.claim)
        if not mine.update(next_poll=clock.now() + polling.LEASED.length):
            raise _changed_meanwhile()


def move(mailbox: Mailbox, protocol: str, *, by: str) -> Moved:
    """Let the mailbox go by `protocol` from now on; nothing happens where it does. `by` as the audit has it:
    "person:12".

    Raises NotMoved, SettingsInvalid or MailboxError, and then nothing has changed.
    """
    turn = _take_turn(mailbox)
    try:
        if turn.mailbox.protocol == protocol:
            return Moved(0, 0)
        with closing(connection(turn.mailbox, protocol)) as new:
            _patiently(turn, lambda: new.changes({}, clock.now(), 1))  # raises where it does not open
            found, trouble = _translated(turn, protocol, new)
        moved = _switch(turn, protocol, by, found, trouble)
    finally:
        due = clock.now() if turn.mailbox.active else None
        Mailbox.objects.filter(pk=turn.mailbox.pk, claim=turn.claim).update(claim="", next_poll=due)
    log.info(
        "mailbox_moved", mailbox=mailbox.pk, to=protocol, renamed=moved.renamed, left=moved.by_fingerprint
    )
    return moved


def _take_turn(mailbox: Mailbox) -> _Turn:
    """Wait until no poll is running, and let none begin."""
    until = time.monotonic() + PATIENCE
    while True:
        now = clock.now()
        free = Mailbox.objects.filter(Q(claim="") | Q(next_poll=None) | Q(next_poll__lte=now), pk=mailbox.pk)
        claim = polling.LEASED.take(free)
        if claim:
            return _Turn(Mailbox.objects.get(pk=mailbox.pk), claim)
        if time.monotonic() > until:
            raise NotMoved(
                _(
                    "Nothing was changed: Placet is reading mail from this mailbox. Try again in a few minutes."
                )
            )
        time.sleep(PAUSE)


def _translated(turn: _Turn, protocol: str, new: Connection) -> tuple[dict[int, str], MailboxError | None]:
    """By row, what the new protocol calls the mails that it may list or that are still to be marked. Of Exchange's two
    one alone tells it, for both directions; where that cannot be asked any more, the way back from it is open all the
    same, and it is said why."""
    rows, former = list(_wanted(turn.mailbox).values_list("pk", "server_id")), turn.mailbox.protocol
    if isinstance(new, Translates):
        return _all_translated(turn, rows, lambda ids: new.translate(ids, former, protocol)), None
    try:
        with closing(pool.connect(turn.mailbox)) as old:
            if not isinstance(old, Translates):
                return {}, None
            return _all_translated(turn, rows, lambda ids: old.translate(ids, former, protocol)), None
    except MailboxError as error:
        log.warning("ids_not_translated", mailbox=turn.mailbox.pk, cause=error.cause)
        return {}, error


def _wanted(mailbox: Mailbox) -> "QuerySet[IncomingMail]":
    """Rows whose mail may still be where new mail is looked for, or is to be marked. What was put away before is not
    among them: nothing asks for it any more. First rows come before those of the same mail shown again."""
    put_away = Q(
        state__in=[IncomingMail.State.HANDLED, IncomingMail.State.DUPLICATE],
        server_task__done_at__isnull=False,
        server_task__action__in=[Action.MOVE, Action.DELETE],
    )
    return mailbox.incoming.filter(protocol=mailbox.protocol).exclude(put_away).order_by("pk")


def _all_translated(
    turn: _Turn,
    rows: Sequence[tuple[int, str]],
    known_as: Callable[[Sequence[str]], Mapping[str, str]],
) -> dict[int, str]:
    found: dict[int, str] = {}
    for start in range(0, len(rows), AT_ONCE):
        batch = rows[start : start + AT_ONCE]
        ids = [server_id for _pk, server_id in batch]
        names = _patiently(turn, lambda ids=ids: known_as(ids))  # type: ignore[misc]  # mypy sees no type in a default
        found |= {pk: names[server_id] for pk, server_id in batch if names.get(server_id)}
    return found


def _patiently(turn: _Turn, call: Callable[[], Thing]) -> Thing:
    """A server that asks for a short while gets it, a few times: the workers keep it busy too, and what is translated
    already shall not be lost."""
    for _try in range(MOST_WAITS):
        turn.goes_on()
        try:
            return call()
        except Wait as error:
            if error.seconds is None or error.seconds > LONGEST_WAIT:
                raise
            time.sleep(error.seconds)
    turn.goes_on()
    return call()


def _switch(
    turn: _Turn, protocol: str, by: str, found: Mapping[int, str], trouble: MailboxError | None
) -> Moved:
    for _try in range(MOST_TRIES):
        try:
            return _written(turn, protocol, by, found, trouble)
        except (IntegrityError, OperationalError) as error:
            log.info("move_again", mailbox=turn.mailbox.pk, error=type(error).__name__)
    raise _changed_meanwhile()


@transaction.atomic
def _written(
    turn: _Turn, protocol: str, by: str, found: Mapping[int, str], trouble: MailboxError | None
) -> Moved:
    """All or nothing: ids, settings, and the entry in the installation's audit."""
    # Not its key: mails that are taken in hold their rows, and then look that the mailbox is there.
    row = Mailbox.objects.select_for_update(no_key=True).get(pk=turn.mailbox.pk)
    if row.claim != turn.claim:
        raise _changed_meanwhile()
    former, wanted = row.protocol, _wanted(row).count()
    renamed = _rename(row, protocol, found)
    store.change(
        {"protocol": protocol}, by=by, mailbox=row, moving=True
    )  # frees the claim, and begins the lists anew
    moved = Moved(renamed, wanted - renamed, trouble)
    what = {"event": EVENT, "mailbox": row.pk, "address": row.address, "from": former, "to": protocol}
    chain.append_of_installation(
        by, {**what, "ids_translated": moved.renamed, "ids_kept": moved.by_fingerprint}
    )
    return moved


def _rename(mailbox: Mailbox, protocol: str, found: Mapping[int, str]) -> int:
    """Give the rows their new ids. One that another row of the mailbox has already stays with that: it is the same
    mail, kept by an earlier move."""
    taken = {
        server_id
        for some in _chunks(list(found.values()))
        for server_id in mailbox.incoming.filter(server_id__in=some).values_list("server_id", flat=True)
    }
    rows = []
    locked = mailbox.incoming.select_for_update().order_by("pk")  # in the order in which others do
    for some in _chunks(list(found)):
        list(locked.filter(pk__in=some).values_list("pk"))
    for pk, server_id in found.items():
        if server_id not in taken:
            taken.add(server_id)
            rows.append((server_id, protocol, pk))
    # bulk_update takes twenty times as long for thousands
    with transaction.get_connection().cursor() as cursor:
        cursor.executemany(RENAME, rows)
    return len(rows)


def _chunks(ids: Sequence[Thing]) -> Iterator[Sequence[Thing]]:
    return (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))


def _changed_meanwhile() -> NotMoved:
    return NotMoved(
        _("Nothing was changed: the settings were saved, or Placet was started, meanwhile. Try again.")
    )


# --- afterwards -------------------------------------------------------------------------------------------


def ids_here(connection: Connection, mailbox: Mailbox, mails: Sequence[IncomingMail]) -> dict[int, str]:
    """By what id the open way knows each of these mails of `mailbox`, by their keys. Left out are those of which it
    cannot tell: they are gone, or are listed anew under an id that has a row of its own."""
    ids = {mail.pk: mail.server_id for mail in mails if mail.protocol == mailbox.protocol}
    for protocol in {mail.protocol for mail in mails} - {mailbox.protocol}:
        elsewhere = [mail for mail in mails if mail.protocol == protocol]
        names = connection.known_as([mail.server_id for mail in elsewhere], protocol)
        ids |= {mail.pk: names[mail.server_id] for mail in elsewhere if names.get(mail.server_id)}
    return ids


def remember_ids(mailbox: Mailbox, ids: Mapping[int, str]) -> None:
    """Where mails are from now on, by their keys and by the way that their mailbox was read with: whatever their rows
    hold by now, this is newer. Not if another row has that id: it is the same mail, listed anew."""
    try:
        with transaction.atomic(), transaction.get_connection().cursor() as cursor:
            cursor.executemany(RENAME, [(ids[pk], mailbox.protocol, pk) for pk in sorted(ids)])
    except IntegrityError:
        if len(ids) == 1:
            log.info("id_has_another_row", incoming=next(iter(ids)))
            return
        for pk, server_id in ids.items():
            remember_ids(mailbox, {pk: server_id})
