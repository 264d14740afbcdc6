"""Open ways to mailboxes, kept per thread, and what their failures mean for the mailbox as a whole."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from placet.mailboxes import kinds
from placet.mailboxes.base import Connection, FixNeeded, MailboxError, SignInRefused, Wait
from placet.mailboxes.joined import Joined
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

    A MailboxError inside pauses the whole mailbox (poll, send, mark) and is kept for the administrator;
    then it passes on, so that the work that met it is tried again later.
    """
    try:
        yield _connection(mailbox)
    except MailboxError as error:
        drop(mailbox)
        failed(mailbox, error)
        raise
    if mailbox.failures:
        worked(mailbox)


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
        raise _unusable(error) from error
    return known[mailbox.pk][1]


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


def rests(mailbox: Mailbox) -> bool:
    """Whether nothing may be asked of its server now."""
    return not mailbox.active or (mailbox.paused_until is not None and mailbox.paused_until > timezone.now())


def connect(mailbox: Mailbox) -> Connection:
    """A new connection, made from the settings of this row (stored or not). Raises SettingsInvalid and UnknownKind."""
    key = str(mailbox.pk)
    receiving = kinds.kind_of(mailbox.kind).connection(_parsed(mailbox, mailbox.kind), mailbox.secrets, key)
    if not mailbox.sending_kind:
        return receiving
    sending = kinds.kind_of(mailbox.sending_kind)
    return Joined(receiving, sending.connection(_parsed(mailbox, mailbox.sending_kind), mailbox.secrets, key))


def drop(mailbox: Mailbox) -> None:
    known: dict[int, tuple[object, Connection]] = _open.__dict__.get("connections", {})
    there = known.pop(mailbox.pk, None)
    if there is not None:
        there[1].close()


@transaction.atomic
def failed(mailbox: Mailbox, error: MailboxError) -> None:
    """Pause the mailbox: a day where a password was refused, 15 minutes where something else must be fixed, else as
    long as the server asks for, else a growing while with some chance in it. Not if an administrator saved other
    settings since this row was read: the failure says nothing of those."""
    stored = Mailbox.objects.select_for_update().get(pk=mailbox.pk)
    if made_from(stored) != made_from(mailbox):
        log.info("failure_of_former_settings", mailbox=mailbox.pk, cause=error.cause)
        return
    if isinstance(error, SignInRefused):
        pause = REFUSED_PAUSE
    elif isinstance(error, FixNeeded):
        pause = FIX_PAUSE
    elif isinstance(error, Wait) and error.seconds is not None:
        pause = timedelta(seconds=error.seconds)
    else:
        grown: timedelta = FIRST_PAUSE * 2 ** min(stored.failures, 10)
        pause = min(grown, LONGEST_PAUSE) * random.uniform(0.75, 1.25)  # noqa: S311 - spreads retries, no secret
    now = timezone.now()
    log.warning(
        "mailbox_paused", mailbox=mailbox.pk, cause=error.cause, seconds=round(pause.total_seconds(), 1)
    )
    Mailbox.objects.filter(pk=mailbox.pk).update(
        failures=stored.failures + 1,
        paused_until=now + pause,
        trouble={
            "cause": error.cause,
            "cure": error.cure,
            "details": error.details,
            "at": now.isoformat(),
            "fix_needed": isinstance(error, FixNeeded),
        },
    )


def worked(mailbox: Mailbox) -> None:
    """The trouble that this row was read with is over; not what another worker has met since."""
    as_read = Mailbox.objects.filter(
        pk=mailbox.pk, failures=mailbox.failures, paused_until=mailbox.paused_until
    )
    as_read.update(failures=0, paused_until=None, trouble={})


def tested(mailbox: Mailbox) -> None:
    """Its connection test passed: it works on at once, whatever it rested for; not if other settings were saved since
    this row was read."""
    stored = Mailbox.objects.get(pk=mailbox.pk)
    if stored.trouble and made_from(stored) == made_from(mailbox):
        worked(stored)
