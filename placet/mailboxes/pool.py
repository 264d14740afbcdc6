"""Open ways to mailboxes, kept per thread, and what their failures mean for the mailbox: for the whole of it where one
kind receives and sends, else for the half that failed."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from placet.mailboxes import kinds
from placet.mailboxes.base import Connection, FixNeeded, Half, MailboxError, Resting, SignInRefused, Wait
from placet.mailboxes.halves import columns_of, halves_of, paused_until, trouble_of
from placet.mailboxes.joined import Joined, Unusable
from placet.mailboxes.kinds import UnknownKind
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import MailboxSettings, SettingsInvalid

log = structlog.get_logger(__name__)

FIX_PAUSE = timedelta(minutes=15)  # a setting is wrong: asking more often helps nobody
REFUSED_PAUSE = timedelta(days=1)  # a password was refused: every further try may lock the account
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=10)

_open = threading.local()


@contextmanager
def opened(mailbox: Mailbox) -> Iterator[Connection]:
    """This thread's connection to a mailbox.

    A MailboxError inside pauses the whole mailbox (poll, send, mark), or the half that it names, and is kept for the
    administrator; then it passes on, so that the work that met it is tried again later. Without one, the trouble of
    what was asked is over.
    """
    try:
        connection = _connection(mailbox)
        if isinstance(connection, Joined):
            connection.begin(half for half in halves_of(mailbox) if _is_paused(mailbox, half))
        yield connection
    except Resting:
        raise
    except MailboxError as error:
        drop(mailbox)
        failed(mailbox, error)
        raise
    for half in connection.worked if isinstance(connection, Joined) else halves_of(mailbox):
        if getattr(mailbox, columns_of(mailbox, half).failures):
            worked(mailbox, half)


def _connection(mailbox: Mailbox) -> Connection:
    known: dict[int, tuple[object, Connection]] = _open.__dict__.setdefault("connections", {})
    made_with = made_from(mailbox)
    there = known.get(mailbox.pk)
    if there is not None:
        if there[0] == made_with:
            return there[1]
        drop(mailbox)
    try:
        known[mailbox.pk] = (made_with, connect(mailbox))
    except (SettingsInvalid, UnknownKind) as error:
        if not mailbox.sending_kind:
            raise _unusable(error) from error
        halves = [_half_or_unusable(mailbox, kind) for kind in (mailbox.kind, mailbox.sending_kind)]
        known[mailbox.pk] = (made_with, Joined(*halves))
    return known[mailbox.pk][1]


def _half_or_unusable(mailbox: Mailbox, kind: str) -> Connection | Unusable:
    """What is stored for one half keeps nobody from using the other."""
    try:
        return _half(mailbox, kind)
    except (SettingsInvalid, UnknownKind) as error:
        return Unusable(partial(_unusable, error))


def made_from(mailbox: Mailbox) -> tuple[object, ...]:
    """What a connection, and thus its failure, is about."""
    kinds_of_it = mailbox.kind, mailbox.sending_kind
    return *kinds_of_it, mailbox.settings, mailbox.secret_set_at, mailbox.stamps


def settings_of(mailbox: Mailbox) -> MailboxSettings:
    """What the row's settings say, as the kind that receives reads them. FixNeeded where what is stored cannot be used
    (any more)."""
    try:
        return _parsed(mailbox, mailbox.kind)
    except (SettingsInvalid, UnknownKind) as error:
        raise _unusable(error) from error


def _parsed(mailbox: Mailbox, key: str) -> MailboxSettings:
    """Raises SettingsInvalid and UnknownKind."""
    return kinds.kind_of(key).settings_class.of_stored(mailbox.settings)


def _unusable(error: SettingsInvalid | UnknownKind) -> FixNeeded:
    return FixNeeded(
        _("The stored settings of this mailbox are not valid. {reasons}").format(reasons=error),
        _("Correct them under Remote Approval in the Configuration Panel, and save."),
    )


def rests(mailbox: Mailbox, half: Half = Half.RECEIVING) -> bool:
    """Whether nothing may be asked of the server of this half now."""
    return not mailbox.active or _is_paused(mailbox, half)


def _is_paused(mailbox: Mailbox, half: Half) -> bool:
    until = paused_until(mailbox, half)
    return until is not None and until > timezone.now()


def connect(mailbox: Mailbox) -> Connection:
    """A new connection, made from the settings of this row (stored or not). Raises SettingsInvalid and UnknownKind."""
    receiving = _half(mailbox, mailbox.kind)
    return Joined(receiving, _half(mailbox, mailbox.sending_kind)) if mailbox.sending_kind else receiving


def _half(mailbox: Mailbox, kind: str) -> Connection:
    """Raises SettingsInvalid and UnknownKind."""
    return kinds.kind_of(kind).connection(_parsed(mailbox, kind), mailbox.secrets, str(mailbox.pk))


def drop(mailbox: Mailbox) -> None:
    known: dict[int, tuple[object, Connection]] = _open.__dict__.get("connections", {})
    there = known.pop(mailbox.pk, None)
    if there is not None:
        there[1].close()


@transaction.atomic
def failed(mailbox: Mailbox, error: MailboxError) -> None:
    """Pause the mailbox, or the half of it that the error names: a day where a password was refused, 15 minutes where
    something else must be fixed, else as long as the server asks for, else a growing while with some chance in it. Not
    if an administrator saved other settings since this row was read: the failure says nothing of those."""
    stored = Mailbox.objects.select_for_update().get(pk=mailbox.pk)
    if made_from(stored) != made_from(mailbox):
        log.info("failure_of_former_settings", mailbox=mailbox.pk, cause=error.cause)
        return
    columns = columns_of(stored, error.half)
    failures: int = getattr(stored, columns.failures)
    if isinstance(error, SignInRefused):
        pause = REFUSED_PAUSE
    elif isinstance(error, FixNeeded):
        pause = FIX_PAUSE
    elif isinstance(error, Wait) and error.seconds is not None:
        pause = timedelta(seconds=error.seconds)
    else:
        grown: timedelta = FIRST_PAUSE * 2 ** min(failures, 10)
        pause = min(grown, LONGEST_PAUSE) * random.uniform(0.75, 1.25)  # noqa: S311 - spreads retries, no secret
    now = timezone.now()
    log.warning(
        "mailbox_paused", mailbox=mailbox.pk, half=error.half, cause=error.cause,
        seconds=round(pause.total_seconds(), 1),
    )  # fmt: skip
    trouble = {
        "cause": error.cause,
        "cure": error.cure,
        "details": error.details,
        "at": now.isoformat(),
        "since": getattr(stored, columns.trouble).get("since", now.isoformat()),
        "fix_needed": isinstance(error, FixNeeded),
    }
    Mailbox.objects.filter(pk=mailbox.pk).update(
        **{columns.failures: failures + 1, columns.paused_until: now + pause, columns.trouble: trouble}
    )


def worked(mailbox: Mailbox, half: Half = Half.RECEIVING) -> None:
    """The trouble of this half that the row was read with is over; not what another worker has met since."""
    columns = columns_of(mailbox, half)
    as_read = {name: getattr(mailbox, name) for name in (columns.failures, columns.paused_until)}
    Mailbox.objects.filter(pk=mailbox.pk, **as_read).update(
        **{columns.failures: 0, columns.paused_until: None, columns.trouble: {}}
    )


def tested(mailbox: Mailbox) -> None:
    """Its connection test passed, which goes both ways: it works on at once, whatever it rested for; not if other
    settings were saved since this row was read."""
    stored = Mailbox.objects.get(pk=mailbox.pk)
    if made_from(stored) != made_from(mailbox):
        return
    for half in halves_of(stored):
        if trouble_of(stored, half):
            worked(stored, half)
