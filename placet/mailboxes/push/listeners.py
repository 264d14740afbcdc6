"""Listening for new mail where a kind of mailbox can be listened to: a thread for each active mailbox, beside the
workers of `placet serve`. What it hears leads to a look into the mailbox and to nothing else; what fails here is kept
with the subscription and shown, and disturbs nothing: the mailbox is polled all the same.
"""

import random
import threading
import time
from datetime import timedelta
from typing import Any

import structlog
from django.db import close_old_connections, connections
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from placet.accounts.reader import as_the_installation_reads
from placet.mailboxes import pool
from placet.mailboxes.base import FixNeeded, MailboxError, SignInRefused, Wait
from placet.mailboxes.kinds import kind_of, listened_protocols
from placet.mailboxes.models import Mailbox, Subscription
from placet.mailboxes.push.listening import Heard, Listening
from placet.mailboxes.push.notices import came, is_wanted, notice
from placet.workers.leases import Leased

log = structlog.get_logger(__name__)

LOOK = 2.0  # seconds between two looks whether there is somebody to listen to
LEASED = Leased(Subscription, timedelta(seconds=60))  # of whoever listens to a mailbox
STEADY = 60.0  # seconds after which a connection counts as one that held
RESTING = 5.0  # seconds between two looks at a mailbox that is paused
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 600.0
FIX_PAUSE = 900.0


class Listeners:
    """Of this process: starts and ends them as mailboxes are activated, changed, moved and switched off."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._listeners: dict[int, Listener] = {}
        self._thread = threading.Thread(target=self._run, name="listeners", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 2) -> None:
        """Within moments: what they read is cut off."""
        self._stop.set()
        self._thread.join(timeout)

    def alive(self) -> list[int]:
        """Ids of the mailboxes that are listened to."""
        return [mailbox_id for mailbox_id, listener in list(self._listeners.items()) if listener.alive()]

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                close_old_connections()
                self._look()
            except Exception:
                # The database may be away for a while; this thread has to outlive that.
                log.exception("listeners_failed")
                connections.close_all()
            self._stop.wait(LOOK)
        for mailbox_id in list(self._listeners):
            self._end(mailbox_id)
        connections.close_all()

    def _look(self) -> None:
        protocols = listened_protocols()
        active = Mailbox.objects.filter(active=True, protocol__in=protocols).defer("secrets", "cursor")
        wanted = {mailbox.pk: mailbox for mailbox in active if is_wanted(mailbox)}
        for mailbox_id, listener in list(self._listeners.items()):
            mailbox = wanted.get(mailbox_id)
            same = mailbox is not None and listener.made_from == pool.made_from(mailbox)
            if not (same and listener.alive() and listener.holds()):
                self._end(mailbox_id)
        now = timezone.now()
        free = Q(claim="") | Q(due__lte=now)
        Subscription.objects.filter(free, protocol__in=protocols).exclude(mailbox__in=list(wanted)).delete()
        for mailbox in wanted.values():
            started = _listener(mailbox) if mailbox.pk not in self._listeners else None
            if started is not None:
                self._listeners[mailbox.pk] = started
                started.start()

    def _end(self, mailbox_id: int) -> None:
        self._listeners.pop(mailbox_id).stop()


def _listener(mailbox: Mailbox) -> "Listener | None":
    """None if another process listens to it."""
    row, _made = Subscription.objects.get_or_create(mailbox=mailbox, protocol=mailbox.protocol, folder="")
    free = Subscription.objects.filter(Q(claim="") | Q(due__lte=timezone.now()), pk=row.pk)
    claim = LEASED.take(free, since=None)
    if not claim:
        return None
    return Listener(mailbox.pk, row.pk, row.server_id, claim, pool.made_from(mailbox))


class Listener:
    """One thread that listens to one mailbox. `made_from` is what it was started with."""

    def __init__(
        self, mailbox_id: int, row_id: int, subscription_id: str, claim: str, made_from: tuple[object, ...]
    ) -> None:
        self.made_from = made_from
        self._mailbox_id = mailbox_id
        self._row = LEASED.mine(row_id, claim)
        self._row_id = row_id
        self._subscription_id = (
            subscription_id  # one that an earlier connection made; the server may still know it
        )
        self._lease_until = timezone.now() + LEASED.length
        self._stop = threading.Event()
        self._listening: Listening | None = None
        self._thread = threading.Thread(target=self._run, name=f"listener-{mailbox_id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def alive(self) -> bool:
        return self._thread.is_alive()

    def holds(self) -> bool:
        """Renews the claim. False if somebody else listens by now."""
        now = timezone.now()
        if self._lease_until - now > LEASED.length / 2:
            return True
        self._lease_until = now + LEASED.length
        return bool(self._row.update(due=self._lease_until))

    def stop(self, timeout: float = 1) -> None:
        self._stop.set()
        listening = self._listening
        if listening is not None:
            listening.close()
        self._thread.join(timeout)
        self._row.update(claim="", since=None)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            began, error = time.monotonic(), None
            try:
                close_old_connections()
                if self._rests():
                    self._stop.wait(RESTING)
                    continue
                self._listen()
            except MailboxError as trouble:
                error = trouble
            except Exception as unforeseen:
                log.exception("listener_failed", mailbox=self._mailbox_id)
                error = _unforeseen(unforeseen)
            failures = 0 if time.monotonic() - began > STEADY else failures + 1
            if error is not None and not self._stop.is_set():
                self._failed(error, failures)
            self._stop.wait(_pause(error, failures))
        connections.close_all()

    def _rests(self) -> bool:
        return pool.rests(Mailbox.objects.only("active", "paused_until").get(pk=self._mailbox_id))

    def _listen(self) -> None:
        """One answer of the server, until it ends. Raises MailboxError."""
        mailbox = Mailbox.objects.get(pk=self._mailbox_id)
        with as_the_installation_reads():
            settings, kind = pool.settings_of(mailbox), kind_of(mailbox.kind)
            if settings.protocol not in kind.listens:
                return  # moved just now: whoever started this thread ends it
            self._listening = kind.listening(
                settings, mailbox.secrets, f"{mailbox.pk}", self._subscription_id
            )
            try:
                self._follow(self._listening)
            except SignInRefused as refused:
                pool.failed(mailbox, refused)  # whoever polls it may be signed in since the password was good
                raise
            finally:
                self._subscription_id = self._listening.subscription_id
                self._listening = None

    def _follow(self, listening: Listening) -> None:
        if self._stop.is_set():
            listening.close()
        for heard in listening:
            if heard is Heard.OPENED:
                self._opened(listening.subscription_id)
            if heard is Heard.NEWS:
                came(self._row_id)
            if heard is not Heard.BEAT:
                notice(self._mailbox_id)  # also after a break: nothing is told of what came in it

    def _opened(self, subscription_id: str) -> None:
        good: dict[str, Any] = {"server_id": subscription_id, "failures": 0, "trouble": {}}
        self._row.update(**good)
        self._row.filter(since=None).update(since=timezone.now())

    def _failed(self, error: MailboxError, failures: int) -> None:
        log.warning("listening_failed", mailbox=self._mailbox_id, cause=error.cause, failures=failures)
        if failures > 1:
            self._subscription_id = ""  # it may be the reason
        trouble = {"cause": error.cause, "cure": error.cure, "at": timezone.now().isoformat()}
        self._row.update(since=None, failures=failures, trouble=trouble)


def _unforeseen(error: Exception) -> MailboxError:
    with as_the_installation_reads():
        return Wait(
            _("Placet itself failed while listening for new mail: {error}. See the log.").format(
                error=type(error).__name__
            ),
            _("Report it with what the log says; Placet tries again by itself."),
        )


def _pause(error: MailboxError | None, failures: int) -> float:
    """Seconds until it is tried again. An answer that ended as it should is followed by the next at once, unless it
    was a short one again and again."""
    if error is None and failures <= 1:
        return 0
    if isinstance(error, FixNeeded):
        return FIX_PAUSE
    grown = min(FIRST_PAUSE * 2.0 ** min(max(failures - 1, 0), 10), LONGEST_PAUSE)
    grown *= random.uniform(0.75, 1.25)  # noqa: S311 - spreads retries, no secret
    asked = error.seconds if isinstance(error, Wait) else None
    return grown if asked is None else max(grown, asked)
